"""A market at a later instant, if nobody does anything more: what views of an instant are of."""

from __future__ import annotations

from datetime import datetime

from attrs import evolve

from numgenius_core._checks import check_kind
from numgenius_core.errors import RuleViolation
from numgenius_core.ids import AccountId, MachineId
from numgenius_core.intervals import utc
from numgenius_core.market._clock import advance_to
from numgenius_core.market._persistent import Table
from numgenius_core.market.state import Market, queue_of


def not_before(market: Market, at: datetime) -> datetime:
    """Return an instant in UTC, from the market's last event on.

    Raises:
        WrongType: No market, or no ``datetime``.
        RuleViolation: The instant is before the market's last event.
    """
    check_kind(market, Market, "market")
    at = utc(at, "at")
    if at < market.now:
        raise RuleViolation("at", f"an instant from {market.now} on", str(at))
    return at


def market_at(market: Market, at: datetime, account: AccountId | None = None) -> Market:
    """Return a market once everything that is due up to an instant has happened.

    Args:
        market: The market.
        at: The instant; refused as by :func:`not_before`.
        account: Whose balance and rentals are looked at: only what can bear on them happens.

    Raises:
        UnknownId: There is no such account.
    """
    at, due = not_before(market, at), market.queue.first
    if due is None or due[0] > at:
        return market  # nearly always
    if account is not None:
        market = part_of(market, account, earning=True)
    return advance_to(market, at).market.market()


def part_of(market: Market, account: AccountId, *, earning: bool = False) -> Market:
    """Return the part of a market that can bear on when an account's money ends.

    Those who rent on the same machines do, since they run or not, and what these rent elsewhere,
    since their money ends by it. Who earns does where it rents, too; and everywhere, if what it
    earns is asked for.
    """
    accounts, new = {account}, [account]
    machines: set[MachineId] = set()
    while new:
        name = new.pop()
        known = market.account(name)
        near = {*known.instances.values(), *known.volumes.values()}
        if near or (earning and name == account):
            near.update(known.machines)
        for machine in near - machines:
            machines.add(machine)
            state = market.machine(machine)
            there = {each.contract.client for each in state.instances.values()}
            there.update(each.client for each in state.volumes.values())
            there.add(state.machine.host)
            new += there - accounts
            accounts.update(there)
    known_machines = Table((each, market.machine(each)) for each in machines)
    known_accounts = Table((each, market.account(each)) for each in accounts)
    queue = queue_of(known_machines, known_accounts)
    return evolve(market, machines=known_machines, accounts=known_accounts, queue=queue)
