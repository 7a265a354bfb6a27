"""Time: what comes due between two commands happens, each thing at its own instant.

Rule (G2, G3): listings and contracts are good until their end dates; a rolling end is set anew
each day; maintenance begins and ends; deposits and balances run out, and zero balance stops
instances. However seldom the clock is looked at, each of these happens when it was due, so the
answer does not depend on who asked when.

Our readings: at one instant deposits are spent first, then contracts expire, then new rates apply,
listings end or roll, maintenance begins or ends, and who runs is worked out; balances run out last.
A balance runs out once, whatever took the last of it: usage, traffic, a prepayment. A rolling end
is set anew every 24 hours, counted from the listing. A deposit that is left when its
contract ends comes back as on any early end: what it was discounted for was not all used.
"""

from __future__ import annotations

from datetime import datetime

from numgenius_core.billing.statements import discount_received
from numgenius_core.contracts.extension import Stale
from numgenius_core.errors import RuleViolation
from numgenius_core.ids import AccountId, ContractId, MachineId
from numgenius_core.listing import Listing
from numgenius_core.market import events as e
from numgenius_core.market._decision import Decision
from numgenius_core.market.instance import Instance
from numgenius_core.market.state import MachineState, Market
from numgenius_core.money import ZERO
from numgenius_core.prices.deposits import refundable


def advance_to(market: Market, at: datetime) -> Decision:
    """Return a draft in which everything that came due up to ``at`` has happened."""
    draft = Decision(market, at)
    catch_up(draft)
    return draft


def catch_up(draft: Decision) -> None:
    """Let everything happen that is due up to the draft's instant."""
    at = draft.at
    while (item := draft.market.queue.first) is not None and item[0] <= at:
        draft.market = draft.market.popped()
        if draft.market.due(item):
            draft.at, kind, name = item
            if kind == 0:
                pass_time(draft, MachineId(name))  # type: ignore[arg-type]  # the kind says which
            else:
                run_dry(draft, AccountId(name))  # type: ignore[arg-type]  # the kind says which
    draft.at = at


def pass_time(draft: Decision, machine: MachineId) -> None:
    """Let everything happen that is due on a machine at the draft's instant."""
    at = draft.at
    place = draft.market.machine(machine)
    changed = _instances_due(draft, place)
    listing = place.listing
    if listing is not None and listing.end is not None and listing.end <= at:
        draft.emit(e.ListingEnded(at=at, machine=machine))
    if listing is not None and place.rolls_at is not None and place.rolls_at <= at:
        _roll(draft, listing)
    _maintenance_due(draft, place)
    if changed:
        draft.rerun(machine)


def _roll(draft: Decision, listing: Listing) -> None:
    """Set a rolling end anew, and extend the contracts to it."""
    at, machine = draft.at, listing.machine.id
    try:
        end = listing.end_at(at)
    except RuleViolation:  # the calendar has no such date: the listing has come to its end
        draft.emit(e.ListingEnded(at=at, machine=machine))
        return
    assert end is not None
    draft.emit(e.EndDateRolled(at=at, machine=machine, end=end))
    draft.extend(listing, ask=False)


def _instances_due(draft: Decision, place: MachineState) -> bool:
    """Let deposits, contracts and rates come due, and return whether any did."""
    at = draft.at
    due = [each for each in place.instances.values() if (when := each.due) and when <= at]
    for instance in due:
        spent = instance.deposit.runs_out()
        if spent is not None and spent <= at:
            draft.emit(e.DepositSpent(at=at, contract=instance.id))
    for instance in due:
        if instance.contract.end is not None and instance.contract.end <= at:
            draft.lapse(place.id, Stale.ENDED, instance.id)
            dissolve(draft, instance.id)
            draft.emit(e.InstanceExpired(at=at, contract=instance.id))
    for instance in due:
        begun, changes = instance.rate_changes_begun, instance.contract.rate_changes
        if begun < len(changes) and changes[begun].since <= at:
            draft.emit(e.RatesChanged(at=at, contract=instance.id))
    return bool(due)


def _maintenance_due(draft: Decision, place: MachineState) -> None:
    at, since = draft.at, place.announced
    for window in place.schedule.windows:
        if since < window.period.end <= at:
            draft.emit(e.MaintenanceCompleted(at=at, machine=place.id, window=window))
    for window in place.schedule.windows:
        if since < window.period.start <= at:
            draft.emit(e.MaintenanceStarted(at=at, machine=place.id, window=window))


def run_dry(draft: Decision, name: AccountId) -> None:
    """Stop the instances of an account that has nothing left."""
    market = draft.market
    draft.emit(e.BalanceRanOut(at=draft.at, account=name))
    machines: dict[MachineId, None] = {}  # in order, each once
    for contract in market.account(name).instances:
        instance = market.living(contract)
        if instance.claims and not instance.contract.is_free_test:
            draft.stop(contract, e.StopReason.BALANCE)
            machines[instance.contract.machine] = None
    for machine in machines:
        draft.rerun(machine)


def dissolve(draft: Decision, contract: ContractId, *, broken: bool = False) -> None:
    """Pay back what is due of a deposit, if there is one (DOMAIN 4, "Cancel early").

    Args:
        draft: The decision.
        contract: Whose deposit.
        broken: The machine broke its agreement: all of it comes back.
    """
    instance: Instance = draft.market.living(contract)
    left = instance.deposit.at(draft.at)
    if left <= ZERO:
        return
    back = left if broken else refundable(left, discount_received(instance.history, draft.at))
    kept = left - back
    draft.emit(e.DepositRefunded(at=draft.at, contract=contract, refund=back, kept=kept))
