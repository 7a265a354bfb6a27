"""Settling accounts: whenever what an instance costs changes, the ledgers change with it.

What leaves a client's balance or its deposit arrives, at the same second and to the tick, at the
host and the platform. So the sum of all balances, deposits and the platform's earnings is at any
instant what was ever paid in.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from attrs import evolve

from numgenius_core.contracts.contract import Contract
from numgenius_core.ids import AccountId
from numgenius_core.market._ledger import NO_FLOW, Flow, Ledger
from numgenius_core.market.instance import Instance, flow_of
from numgenius_core.market.state import Account, Market


def opened(market: Market, name: AccountId, at: datetime) -> Account:
    """Return an account, a new one if need be."""
    return market.accounts.get(name) or Account(id=name, ledger=Ledger(since=at))


def _paid(
    market: Market, contract: Contract, at: datetime, lump: Flow, rate: Flow
) -> list[Account]:
    """Return the accounts of a contract after ``lump`` moved, its flow changed by ``rate``."""
    changed = []
    for name, add, speed in (
        (contract.client, -lump.balance, -rate.balance),
        (contract.host, lump.payout, rate.payout),
    ):
        if add or speed:
            account = market.account(name)
            ledger = account.ledger.changed(at, add=add, rate=speed)
            changed.append(evolve(account, ledger=ledger))
    return changed


def settled(
    market: Market,
    instance: Instance,
    at: datetime,
    lump: Flow = NO_FLOW,
    **others: Any,
) -> Market:
    """Return the market with an instance in its new state, and the money flowing as it now must.

    Args:
        market: The market.
        instance: In its new state, but for its flow.
        at: When.
        lump: What moves at once; of a deposit it changes with the instance, not here.
        **others: Other attributes of the market, as they are now.
    """
    contract = instance.contract
    place = market.machine(contract.machine)
    flow = flow_of(instance, online=place.online, at=at)
    accounts: list[Account] = []
    if flow != instance.flow or lump != NO_FLOW:
        rate = flow - instance.flow
        accounts = _paid(market, contract, at, lump, rate)
        deposit = instance.deposit.changed(at, rate=-rate.deposit)
        instance = evolve(instance, flow=flow, deposit=deposit)
        others["platform"] = market.platform.changed(at, add=lump.fee, rate=rate.fee)
    place = evolve(place, instances={**place.instances, instance.id: instance})
    return market.after(at, place=place, accounts=accounts, **others)
