"""A market at a later instant, if nobody does anything more: what views of an instant are of.

The part of a market that was looked at last is remembered, so the statements of all contracts of a
client let what is due happen once, and not once for each. It is forgotten as the market goes.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final
from weakref import ref

from attrs import evolve

from numgenius_core._checks import check_kind
from numgenius_core.errors import RuleViolation
from numgenius_core.ids import AccountId, ContractId, MachineId
from numgenius_core.intervals import utc
from numgenius_core.market._clock import advance_to
from numgenius_core.market._persistent import Table
from numgenius_core.market.instance import CLAIMS
from numgenius_core.market.state import (
    Account,
    MachineState,
    Market,
    queue_of,
    unsettled_of,
)

_Asked = tuple[datetime, AccountId | None, MachineId | None]
"""Until when was looked ahead, and of what."""


class _Memory:
    """The part of a market that was looked at last, for as long as somebody has the market."""

    __slots__ = ("_last",)

    def __init__(self) -> None:
        self._last: tuple[ref[Market], _Asked, Market] | None = None

    def recall(self, market: Market, asked: _Asked) -> Market | None:
        """Return what became of a part of a market, ``None`` if another was looked at since."""
        last = self._last  # looked up once: another thread may look at another part
        if last is None or last[0]() is not market or last[1] != asked:
            return None
        return last[2]

    def keep(self, market: Market, asked: _Asked, then: Market) -> None:
        """Remember what became of a part of a market, until another is looked at."""
        self._last = (ref(market, self._forget), asked, then)

    def _forget(self, gone: ref[Market]) -> None:
        last = self._last
        if last is not None and last[0] is gone:
            self._last = None


_MEMORY: Final = _Memory()


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


def market_at(
    market: Market,
    at: datetime,
    *,
    account: AccountId | None = None,
    machine: MachineId | None = None,
) -> Market:
    """Return a market once everything that is due up to an instant has happened.

    Args:
        market: The market.
        at: The instant; refused as by :func:`not_before`.
        account: Whose balance and rentals are looked at: only what can bear on them happens.
        machine: Which is looked at, and what is rented there: as for an account.

    Raises:
        UnknownId: There is no such account or machine.
    """
    at, due = not_before(market, at), market.queue.first
    if (due is None or due[0] > at) and not market.unsettled:
        return market  # nearly always
    if account is None and machine is None:
        return _advanced(market, at)  # not remembered: it may be as large as the market
    asked = (
        at,
        None if account is None else market.account(account).id,
        None if machine is None else market.machine(machine).id,
    )
    then = _MEMORY.recall(market, asked)
    if then is None:
        then = _advanced(_asked_of(market, account, machine), at)
        _MEMORY.keep(market, asked, then)
    return then


def _advanced(market: Market, at: datetime) -> Market:
    return advance_to(market, at).market.market()


def _asked_of(market: Market, account: AccountId | None, machine: MachineId | None) -> Market:
    """Return the part of a market that can bear on an account, or on a machine."""
    if account is not None:
        return part_of(market, account, earning=True)
    assert machine is not None
    return _part(market, _clients_of(market.machine(machine)), {machine})


def market_by(market: Market, end: datetime, account: AccountId) -> Market:
    """Return a market at the end of a period, or as it is if that is past.

    Args:
        market: The market.
        end: The end of the period.
        account: Whose rentals, or whose machines, are looked at.
    """
    return market if end <= market.now else market_at(market, end, account=account)


def part_of(market: Market, account: AccountId, *, earning: bool = False) -> Market:
    """Return the part of a market that can bear on when an account's money ends.

    Where it has GPUs on demand, or only data, nobody else does. Where it bids or waits, those who
    rent on the same machine do, since they run or not, and what these rent elsewhere, since their
    money ends by it. Who earns does where it rents, too; and everywhere, if what it earns is asked
    for.
    """
    return _part(market, {account}, set(), earning=account if earning else None)


def _part(
    market: Market,
    accounts: set[AccountId],
    crowded: set[MachineId],
    earning: AccountId | None = None,
) -> Market:
    """Return the part of a market that can bear on some accounts and machines.

    Args:
        market: The market.
        accounts: The accounts.
        crowded: The machines: where everybody there, who is among the accounts, bears on them.
        earning: Of the accounts, the one of which it is asked what it earns.
    """
    new, machines = [*accounts], {*crowded}
    while new:
        name = new.pop()
        known = market.account(name)
        near = {*known.instances.values(), *known.volumes.values()}
        shared = {home for key, home in known.instances.items() if _depends(market, home, key)}
        if near or name == earning:
            near.update(known.machines)
            shared.update(known.machines)
        machines |= near
        for machine in shared - crowded:
            crowded.add(machine)
            there = _clients_of(market.machine(machine))
            new += there - accounts
            accounts.update(there)
    states = {each: market.machine(each) for each in machines}
    hosts = {state.machine.host for state in states.values()}
    for machine in machines - crowded:
        states[machine] = _only(states[machine], accounts)
    paid = {each: _only_paid(market.account(each)) for each in hosts - accounts}
    known_accounts = Table(paid | {each: market.account(each) for each in accounts})
    return evolve(
        market,
        machines=Table(states),
        accounts=known_accounts,
        queue=queue_of(states, known_accounts),
        unsettled=unsettled_of(states, known_accounts, market.now) if market.unsettled else (),
    )


def _clients_of(state: MachineState) -> set[AccountId]:
    """Return who rents on a machine."""
    there = {each.contract.client for each in state.instances.values()}
    return there.union(each.client for each in state.volumes.values())


def _depends(market: Market, machine: MachineId, contract: ContractId) -> bool:
    """Return whether others on its machine say whether an instance runs."""
    instance = market.machine(machine).instances[contract]
    return instance.state in CLAIMS and not instance.holds


def _only_paid(host: Account) -> Account:
    """Return the account of a host that nobody asks about, as one that takes what it gets."""
    return evolve(host, instances={}, volumes={})


def _only(state: MachineState, clients: set[AccountId]) -> MachineState:
    """Return a machine with what some clients have there."""
    instances = {k: each for k, each in state.instances.items() if each.contract.client in clients}
    return evolve(
        state,
        instances=instances,
        volumes={k: each for k, each in state.volumes.items() if each.client in clients},
        increases={k: a for k, a in state.increases.items() if a.contract.id in instances},
    )
