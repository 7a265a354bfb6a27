"""The promise of a contract while it runs: its escrow, and the day that is being counted.

Rule (marketplace, published 2026): what a client pays for a contract with a promise, without the
platform's fee, and the fee of the promise go into an escrow. Once a day of UTC it is settled: a
credit goes to the client, the rest to the host over the days after (:mod:`numgenius_core.sla`).

Our readings: an instance was to be up while it runs, its machine online or not; one that loads,
waits or was stopped was not, and while its machine is offline nothing is charged for it. Of an
outage the seconds within an announced window are forgiven by the notice and the length of that
window; those outside of it were not announced. A window that was cancelled forgives what was down
until then.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from attrs import field, frozen

from numgenius_core._checks import check_kind
from numgenius_core._numbers import whole_number
from numgenius_core._terms import PARTS
from numgenius_core.errors import WrongType, brief, shown
from numgenius_core.intervals import Interval
from numgenius_core.maintenance.schedule import MaintenanceWindow
from numgenius_core.market._copying import copier
from numgenius_core.market._ledger import Flow, Ledger, moved
from numgenius_core.money import ZERO, Money, money_of
from numgenius_core.sla.days import DaySettlement, EscrowState
from numgenius_core.sla.history import Outage, notice_seconds
from numgenius_core.sla.schedules import NoticeSchedule, forgiven_parts

if TYPE_CHECKING:
    from numgenius_core.market.state import MachineState

A_DAY: Final = timedelta(days=1)
_NOTHING_LEFT: Final = EscrowState()


@frozen(kw_only=True)
class PromiseState:
    """A promise in force: what was settled of it, and the day of UTC that is being counted.

    Attributes:
        day: The day that is being counted: its first instant.
        since: Up to when it was counted.
        escrow: What the settlements so far left.
        ledger: All that is in the escrow, what the day brought so far included.
        intended: Seconds of the day that the instance was to be up.
        down: Seconds among them that its machine was down, unannounced.
        planned: Others that it was down in an announced window, in order: the notice and the
            length of the window, and the seconds, all in seconds.
        compute: What the client paid for GPUs, storage and traffic of the day.
        net: The part of it that the platform does not keep.
        fee: What the client paid for the promise.
    """

    day: datetime
    since: datetime
    escrow: EscrowState = _NOTHING_LEFT
    ledger: Ledger
    intended: int = 0
    down: int = 0
    planned: tuple[tuple[int, int, int], ...] = field(default=(), repr=brief)
    compute: Money = ZERO
    net: Money = ZERO
    fee: Money = ZERO

    def is_active(self, *, running: bool) -> bool:
        """Return whether there is something to settle: of this day, or still in the escrow."""
        ledger = self.ledger
        return bool(
            running or self.intended or ledger._speed or ledger._ticks or self.compute.ticks
        )

    def due(self, *, running: bool) -> datetime | None:
        """Return when the day is settled; ``None`` is never."""
        return midnight_after(self.day) if self.is_active(running=running) else None

    def downtime(self, notice: NoticeSchedule) -> int:
        """Return the downtime of the day in parts of 10⁻⁹ of a second, less what is forgiven."""
        check_kind(notice, NoticeSchedule, "notice")
        down = self.down * PARTS
        for told, length, seconds in self.planned:
            down += seconds * (PARTS - forgiven_parts(notice, told, length))
        return down


changed_promise: Final = copier(PromiseState)


def midnight_before(at: datetime) -> datetime:
    """Return the first instant of a day of UTC."""
    return at.replace(hour=0, minute=0, second=0)


def midnight_after(day: datetime) -> datetime | None:
    """Return the midnight at which a day ends; the last day of the calendar has none."""
    try:
        return day + A_DAY
    except OverflowError:
        return None


def new_promise(at: datetime) -> PromiseState:
    """Return the promise of a contract that begins."""
    return PromiseState(day=midnight_before(at), since=at, ledger=Ledger(since=at))


def counted(
    promise: PromiseState, at: datetime, flow: Flow, *, running: bool, machine: MachineState
) -> PromiseState:
    """Return a promise with the day counted up to an instant.

    Args:
        promise: As it was counted before.
        at: When; at most the midnight after the day, unless nothing is in it.
        flow: What flowed each second until then.
        running: Whether the instance ran until then.
        machine: Its machine, as it was until then.
    """
    passed = at - promise.since
    seconds = passed.days * 86_400 + passed.seconds
    if not seconds:
        return promise
    if not promise.is_active(running=running):
        return changed_promise(promise, since=at, day=midnight_before(at))
    changes: dict[str, Any] = {"since": at}
    if running:
        changes["intended"] = promise.intended + seconds
        if not machine.online:
            changes |= _lost(promise, at, machine)
    return _paid(promise, flow, seconds, **changes)


def _lost(promise: PromiseState, at: datetime, machine: MachineState) -> dict[str, Any]:
    """Return what changes in a promise while its machine is down until an instant."""
    down, planned = promise.down, list(promise.planned)
    for outage in outages_of(machine, promise.since, at):
        lasts = outage.period.seconds
        if outage.announced is None:
            down += lasts
            continue
        told, length = notice_seconds(outage), outage.window.seconds
        if planned and planned[-1][:2] == (told, length):
            lasts += planned.pop()[2]
        planned.append((told, length, lasts))
    return {"down": down, "planned": tuple(planned)}


def _paid(promise: PromiseState, flow: Flow, times: int, **changes: Any) -> PromiseState:
    """Return a promise after what a flow brought so many times, with some fields changed."""
    fee, paid, escrowed = flow.sla.ticks, flow.balance.ticks, flow.escrow.ticks
    if paid or escrowed:
        changes["compute"] = money_of(promise.compute.ticks + (paid - fee) * times)
        changes["net"] = money_of(promise.net.ticks + (escrowed - fee) * times)
        changes["fee"] = money_of(promise.fee.ticks + fee * times)
    return changed_promise(promise, **changes)


def flows_on(
    promise: PromiseState, at: datetime, lump: Flow, before: Flow, after: Flow
) -> PromiseState:
    """Return a promise after a lump went into its escrow, and with another flow into it."""
    speed = after.escrow.ticks - before.escrow.ticks
    if lump.balance.ticks or lump.escrow.ticks:
        promise = _paid(promise, lump, 1)
    elif not speed:
        return promise
    return changed_promise(promise, ledger=moved(promise.ledger, at, lump.escrow.ticks, speed))


def outages_of(machine: MachineState, start: datetime, end: datetime) -> Iterator[Outage]:
    """Yield a time in which a machine was down, cut at the edges of its windows."""
    windows, notices = machine.schedule.windows, machine.notices
    index = bisect_right(windows, start, key=_end_of)
    while start < end:
        window = windows[index] if index < len(windows) else None
        if window is None or window.period.start >= end:
            yield Outage(period=Interval(start, end))
            return
        if start < window.period.start:
            yield Outage(period=Interval(start, window.period.start))
            start = window.period.start
        until = min(end, window.period.end)
        told = notices.get(window.id)
        planned = None if told is None else window.period
        yield Outage(period=Interval(start, until), announced=told, planned=planned)
        start, index = until, index + 1


def _end_of(window: MaintenanceWindow) -> datetime:
    return window.period.end


def check_settlement(day: DaySettlement, path: str) -> None:
    """Refuse what is no settlement of a day, or has something in it of another type."""
    check_kind(day, DaySettlement, path)
    check_kind(day.day, datetime, f"{path}.day")
    whole_number(day.intended, f"{path}.intended")
    for name, parts in (("uptime", day.uptime_parts), ("blend", day.blend_parts)):
        if parts is not None:
            whole_number(parts, f"{path}.{name}", 0, PARTS)
    for name in (
        "compute",
        "fee",
        "credit",
        "compute_to_escrow",
        "escrow_to_client",
        "escrow_to_host",
    ):
        check_kind(getattr(day, name), Money, f"{path}.{name}")


def check_escrow(escrow: EscrowState, path: str) -> None:
    """Refuse what is no state of an escrow, or has something in it of another type."""
    check_kind(escrow, EscrowState, path)
    for name, wanted in (("memories", int), ("pending", Money)):
        values = getattr(escrow, name)
        if type(values) is not tuple:
            raise WrongType(f"{path}.{name}", "a tuple", shown(values))
        for index, value in enumerate(values):
            check_kind(value, wanted, f"{path}.{name}[{index}]")
