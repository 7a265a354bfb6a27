"""Whether what a stored instance or volume is, is what its facts say: they stand beside each other.

The state, the bid and the discount of an instance follow from its contract and its facts, and
whether its machine is online; a snapshot has both. One in which they differ would be billed one way
and charged another.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from fractions import Fraction
from typing import Any

from numgenius_core._terms import NO_FLOOR, PARTS, check_bid_price
from numgenius_core.billing.history import History, MachineWent, Prepaid, Rebid, Settled
from numgenius_core.contracts.contract import is_later
from numgenius_core.contracts.extension import PendingIncrease, Raise, raised_by
from numgenius_core.contracts.life import InstanceState
from numgenius_core.errors import NumgeniusError, RuleViolation
from numgenius_core.market._contradictions import check_discount
from numgenius_core.market.instance import Instance
from numgenius_core.market.promise import midnight_before
from numgenius_core.market.state import MachineState
from numgenius_core.market.volume import RentedVolume
from numgenius_core.money import ZERO
from numgenius_core.rates import PerHour
from numgenius_core.sla.days import DaySettlement
from numgenius_core.units import SECONDS_PER_DAY


def past(now: datetime) -> str:
    """Return what an instant must be that has come."""
    return f"an instant up to {now}, that of the last event"


def of_instance(
    instance: Instance, machine: MachineState, now: datetime, path: str
) -> Iterator[RuleViolation]:
    """Yield facts from which no bill can be made, and what is not as the facts say."""
    try:
        history = instance.history
        last = max((fact.at for fact in history.facts), default=instance.contract.start)
    except NumgeniusError as fault:
        need = "what happened since the contract, in order"
        yield RuleViolation(f"{path}.facts", need, str(fault))
        return
    if last > now:
        yield RuleViolation(f"{path}.facts", past(now), str(last))
        return
    yield from _went(history.facts, machine, f"{path}.facts")
    for index, fact in enumerate(history.facts):
        if isinstance(fact, Settled):
            yield from _of_day(fact.day, f"{path}.facts[{index}].day")
    yield from _of_state(instance, history, now, f"{path}.state")
    yield from _of_bid(instance, history, path)
    yield from _of_discount(instance, history, path)
    begun, changes = instance.rate_changes_begun, instance.contract.rate_changes
    if begun and changes[begun - 1].since > now:
        yield RuleViolation(f"{path}.rate_changes_begun", f"rates that apply by {now}", str(begun))


def of_volume(
    volume: RentedVolume, machine: MachineState, now: datetime, path: str
) -> Iterator[RuleViolation]:
    """Yield outages from which no bill can be made, and what is not as they and its end say."""
    end = volume.contract.end
    if volume.expired and (end is None or end > now):
        yield RuleViolation(f"{path}.expired", "False before its end", "True")
    if volume.deleted is not None:
        yield RuleViolation(f"{path}.deleted", "none of one that exists", str(volume.deleted))
        return
    path = f"{path}.outages"
    try:
        last = max((each.at for each in volume.history.outages), default=volume.contract.start)
    except NumgeniusError as fault:
        yield RuleViolation(path, "when its machine went since the contract, in order", str(fault))
        return
    if last > now:
        yield RuleViolation(path, past(now), str(last))
        return
    yield from _went(volume.outages, machine, path)


def of_increase(pending: PendingIncrease, instance: Instance, path: str) -> Iterator[RuleViolation]:
    """Yield what a price increase that waits says otherwise than its instance, or its listing."""
    asked = pending.contract
    for name in ("client", "host", "machine", "start", "end", "disk_mb", "prices"):
        found, there = getattr(asked, name), getattr(instance.contract, name)
        if found != there:
            need = f"{there}, as in its instance"
            yield RuleViolation(f"{path}.contract.{name}", need, str(found))
    raised = [each for each in raised_by(asked, pending.listing.prices) if each.part != "min_bid"]
    if instance.bid is not None:  # nobody knows with which bid the floor was compared
        floor = pending.listing.prices.min_bid.for_gpus(asked.block.size)
        raised += [each for each in pending.raised if _is_floor(each, floor)][:1]
    if not raised or list(pending.raised) != raised:
        got = ", ".join(map(str, pending.raised)) or "nothing"
        yield RuleViolation(f"{path}.raised", "what its listing raises", got)
    if not is_later(pending.new_end, asked.end):
        need = f"an end later than that of its contract, {asked.end}"
        yield RuleViolation(f"{path}.new_end", need, str(pending.new_end))


def _is_floor(raised: Raise, floor: PerHour) -> bool:
    """Return whether a floor was above a bid."""
    old = raised.old
    below = isinstance(old, PerHour) and old < floor
    return raised.part == "min_bid" and raised.new == floor and below


def _went(facts: Iterable[Any], machine: MachineState, path: str) -> Iterator[RuleViolation]:
    """Yield facts of which the last says that a machine is not as it is; it was online first."""
    went = [True, *(fact.online for fact in facts if isinstance(fact, MachineWent))]
    if went[-1] is not machine.online:
        ways = "came online", "went offline"
        need, got = ways if machine.online else reversed(ways)
        yield RuleViolation(path, f"that its machine {need} last", f"that it {got}")


def _of_day(day: DaySettlement, path: str) -> Iterator[RuleViolation]:
    """Yield what no settled day comes to: a bill gives its credit back."""
    if day.day != midnight_before(day.day):
        yield RuleViolation(f"{path}.day", "the first instant of a day of UTC", str(day.day))
    for name, parts, most in (
        ("intended", day.intended, SECONDS_PER_DAY),
        ("uptime", day.uptime_parts, PARTS),
        ("blend", day.blend_parts, PARTS),
    ):
        if parts is not None and not 0 <= parts <= most:
            yield RuleViolation(f"{path}.{name}", f"0 to {most:,}", f"{parts:,}")
    for name, amount, most_of_it in (
        ("compute_to_escrow", day.compute_to_escrow, day.compute),
        ("credit", day.credit, day.compute),
        ("escrow_to_client", day.escrow_to_client, day.credit),
        ("escrow_to_host", day.escrow_to_host, None),
        ("fee", day.fee, None),
    ):
        if amount < ZERO or (most_of_it is not None and amount > most_of_it):
            need = "an amount from zero on" if most_of_it is None else f"$0.00 to ${most_of_it}"
            yield RuleViolation(f"{path}.{name}", need, f"${amount}")


def _of_state(
    instance: Instance, history: History, now: datetime, path: str
) -> Iterator[RuleViolation]:
    """Yield a state that no move led to; at its very end one may not have expired yet."""
    found = before = InstanceState.LOADING
    for at, state in history.states():
        if at > now:
            break
        before, found = found, state
    expires = found is InstanceState.EXPIRED and instance.contract.end == now
    if instance.state is not found and not (expires and instance.state is before):
        yield RuleViolation(path, f"{found.value}, as its facts say", instance.state.value)


def _of_bid(instance: Instance, history: History, path: str) -> Iterator[RuleViolation]:
    """Yield a bid that is not the last one of its facts, or that no market takes."""
    contract = instance.contract
    bids = [fact.bid for fact in history.facts if isinstance(fact, Rebid)]
    bid = bids[-1] if bids else contract.bid
    if instance.bid != bid:
        need, got = (str("none" if each is None else each) for each in (bid, instance.bid))
        yield RuleViolation(f"{path}.bid", f"{need}, as its facts say", got)
    if contract.bid is not None:
        try:
            check_bid_price(contract.bid, contract.block.size, NO_FLOOR, f"{path}.contract.bid")
        except RuleViolation as fault:
            yield fault


def _of_discount(instance: Instance, history: History, path: str) -> Iterator[RuleViolation]:
    """Yield a discount that is not the last one of its facts, or that its months do not earn."""
    discounts = [fact.discount for fact in history.facts if isinstance(fact, Prepaid)]
    discount = discounts[-1] if discounts else Fraction(0)
    for place, found in (("", instance.discount), ("contract.", instance.contract.discount)):
        if found != discount:
            need = f"{discount}, as its facts say"
            yield RuleViolation(f"{path}.{place}discount", need, str(found))
    try:
        check_discount(instance.max_discount, instance.months, discount)
    except RuleViolation as fault:
        yield RuleViolation(f"{path}.months", fault.need, fault.got)
