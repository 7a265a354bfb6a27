"""Time: what comes due between two commands happens, each thing at its own instant.

Rule (G2, G3): listings and contracts are good until their end dates; a rolling end is set anew
each day; maintenance begins and ends; deposits and balances run out, and zero balance stops
instances. However seldom the clock is looked at, each of these happens when it was due, so the
answer does not depend on who asked when.

Our readings: at one instant days of promises are settled first, deposits are spent, then contracts
expire, then new rates apply, volumes expire, listings end or roll, maintenance begins or ends, and
who runs is worked out; balances run out last.
A balance runs out once, whatever took the last of it: usage, traffic, a prepayment. A rolling end
is set anew every 24 hours, counted from the listing. A deposit that is left when its
contract ends comes back as on any early end: what it was discounted for was not all used.
"""

from __future__ import annotations

from bisect import bisect_right
from datetime import datetime
from typing import Final

from numgenius_core.billing.statements import discount_received
from numgenius_core.contracts.life import InstanceState
from numgenius_core.contracts.reasons import Stale
from numgenius_core.errors import RuleViolation
from numgenius_core.ids import AccountId, ContractId, MachineId
from numgenius_core.listing import Listing
from numgenius_core.maintenance.schedule import MaintenanceWindow
from numgenius_core.market import events as e
from numgenius_core.market._builder import Builder
from numgenius_core.market._copying import maker
from numgenius_core.market._decision import Decision
from numgenius_core.market._promises import settle_promise
from numgenius_core.market._volumes import expire_volumes, follow_listing
from numgenius_core.market.instance import Instance
from numgenius_core.market.state import MachineState, Market, has_to_stop, notice_of
from numgenius_core.money import ZERO
from numgenius_core.prices.deposits import refundable

_destroyed: Final = maker(e.InstanceDestroyed)


def advance_to(market: Market, at: datetime) -> Decision:
    """Return a decision in which everything that came due up to ``at`` has happened."""
    decision = Decision(Builder(market), at)
    catch_up(decision)
    return decision


def catch_up(decision: Decision) -> None:
    """Let everything happen that is due up to the decision's instant."""
    at, market = decision.at, decision.market
    if market.unsettled:
        _settle(decision)
    due = market.next_due()
    while due is not None and due[0] <= at:
        decision.at, kind, name = due
        if kind == 0:
            pass_time(decision, MachineId(name))
        else:
            balance_due(decision, AccountId(name))
        happened, due = due, market.next_due()
        if due == happened:  # for ever, in a state that no events lead to
            raise RuleViolation("market", "a state that its events led to", f"{due}, still due")
    market.touched.clear()  # who runs was worked out wherever it may have changed
    decision.at = at


def _settle(decision: Decision) -> None:
    """Let happen what follows from the last event, of a log that was read up to it and no further.

    The rest may come from whoever wrote it; who decides before that decides the same.
    """
    market = decision.market
    left, decision.at = market.unsettled, market.now
    for kind, key in reversed(left):  # accounts first: whose instances stop leave room for others
        if kind == 1:
            _stop_all(decision, AccountId(key))
        else:
            decision.rerun(MachineId(key))
    market.unsettled = ()


def pass_time(decision: Decision, machine: MachineId) -> None:
    """Let everything happen that is due on a machine at the decision's instant."""
    at = decision.at
    state = decision.market.machine(machine)
    changed = _instances_due(decision, state)
    expire_volumes(decision, machine)
    listing = state.listing
    if listing is not None and listing.end is not None and listing.end <= at:
        decision.emit(e.ListingEnded, machine=machine)
    if listing is not None and state.rolls_at is not None and state.rolls_at <= at:
        _roll(decision, listing)
    _maintenance_due(decision, state)
    if changed:
        decision.rerun(machine)


def _roll(decision: Decision, listing: Listing) -> None:
    """Set a rolling end anew, and extend the contracts to it."""
    machine = listing.machine.id
    try:
        end = listing.end_at(decision.at)
    except RuleViolation:  # the calendar has no such date: the listing has come to its end
        decision.emit(e.ListingEnded, machine=machine)
        return
    assert end is not None
    decision.emit(e.EndDateRolled, machine=machine, end=end)
    decision.extend(listing, ask=False, since=decision.market.bare(machine).listed_from)
    follow_listing(decision, machine)


def _instances_due(decision: Decision, state: MachineState) -> bool:
    """Let days of promises, deposits, contracts and rates come due.

    Returns:
        Whether anything did that may change who runs: a day that is settled does not.
    """
    at = decision.at
    due = state._index.due_by(state.instances, at)
    for instance in due:
        if instance.promise is not None:
            _day_due(decision, instance)
    settled = len(decision.events)
    for instance in due:
        spent = instance.deposit.runs_out()
        if spent is not None and spent <= at:
            decision.emit(e.DepositSpent, contract=instance.id)
    for instance in due:
        if instance.contract.end is not None and instance.contract.end <= at:
            decision.lapse(instance.id, Stale.ENDED)
            dissolve(decision, instance.id)
            settle_promise(decision, instance.id, closes=True)
            decision.emit(e.InstanceExpired, contract=instance.id)
    for instance in due:
        begun, changes = instance.rate_changes_begun, instance.contract.rate_changes
        if begun < len(changes) and changes[begun].since <= at:
            decision.emit(e.RatesChanged, contract=instance.id)
    return len(decision.events) > settled


def _day_due(decision: Decision, instance: Instance) -> None:
    """Settle a day of a promise that ended; the last one is closed as its contract ends."""
    at, end = decision.at, instance.contract.end
    assert instance.promise is not None
    midnight = instance.promise.due(running=instance.state is InstanceState.RUNNING)
    if midnight is not None and midnight <= at and (end is None or end > at):
        settle_promise(decision, instance.id)


def _maintenance_due(decision: Decision, state: MachineState) -> None:
    """Let windows end and begin that do so after what was announced, the ends first."""
    at, since, windows = decision.at, state.announced, state.schedule.windows
    if not windows:
        return  # nearly always
    for kind, edge in (
        (e.MaintenanceCompleted, _end_of),
        (e.MaintenanceStarted, _start_of),
    ):
        first = bisect_right(windows, since, key=edge)  # in order of time; no two overlap
        for window in windows[first : bisect_right(windows, at, key=edge)]:
            decision.emit(kind, machine=state.id, window=window)


def _start_of(window: MaintenanceWindow) -> datetime:
    return window.period.start


def _end_of(window: MaintenanceWindow) -> datetime:
    return window.period.end


def balance_due(decision: Decision, name: AccountId) -> None:
    """Say what a balance has fallen to, and stop the instances of who has nothing left."""
    account = decision.market.account(name)
    for kind, threshold, told in (
        (e.ChargeDue, account.charge, account.charge_told),
        (e.BalanceLow, notice_of(account), account.notice_told),
    ):
        if threshold is not None and not told:
            falls = account.ledger.falls_to(threshold)
            if falls is not None and falls <= decision.at:
                decision.emit(kind, account=name, threshold=threshold)
    dry = account.runs_out()
    if dry is not None and dry <= decision.at:
        run_dry(decision, name)


def run_dry(decision: Decision, name: AccountId) -> None:
    """Stop the instances of an account that has nothing left."""
    decision.emit(e.BalanceRanOut, account=name)
    _stop_all(decision, name)


def _stop_all(decision: Decision, name: AccountId) -> None:
    """Stop the instances of an account."""
    machines: dict[MachineId, None] = {}  # in order, each once
    for contract in sorted(decision.market.account(name).instances):
        instance = decision.market.living(contract)
        if has_to_stop(instance):
            decision.stop(contract, e.StopReason.BALANCE)
            machines[instance.contract.machine] = None
    for machine in machines:
        decision.rerun(machine)


def destroy_instance(decision: Decision, contract: ContractId) -> None:
    """Let an instance and its data be gone; who runs is not worked out anew."""
    decision.lapse(contract, Stale.ENDED)
    dissolve(decision, contract)
    settle_promise(decision, contract, closes=True)
    decision.take(_destroyed(decision.at, contract))


def dissolve(decision: Decision, contract: ContractId, *, broken: bool = False) -> None:
    """Pay back what is due of a deposit, if there is one.

    Args:
        decision: What is being decided.
        contract: Whose deposit.
        broken: The machine broke its agreement: all of it comes back.
    """
    instance = decision.market.living(contract)
    left = instance.deposit.at(decision.at)
    if left <= ZERO:
        return
    received = discount_received(instance.history, at=decision.at)
    back = left if broken else refundable(left, received)
    decision.emit(e.DepositRefunded, contract=contract, refund=back, kept=left - back)
