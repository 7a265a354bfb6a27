"""Maintenance of one machine: its windows, and who is told of them.

Rule (hosting guide, G12): unplanned maintenance is scheduled "with a date and a duration"; the
clients are notified and asked to save their work. Scheduling stops nothing, unlists nothing and
blocks no rental. A request starts in the future and at most a year ahead; its duration is whole
hours, at least 1, fractions floored (0.5 → 1); its category is one of power, internet, disk, gpu,
software, other; without a duration it is one hour, without a category *other*. Windows are
upcoming, then ongoing, then completed. Cancelling removes the upcoming and ongoing windows that a
host scheduled; completed ones stay, and so do those that the marketplace *locked*.

Our readings: a year is a calendar year. Whole hours are a rule of the request; inside the library a
window has any length in seconds. Two windows that only meet do not overlap.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from enum import Enum
from fractions import Fraction
from itertools import pairwise
from typing import Final, Literal

from attrs import evolve, field, frozen

from numgenius_core._checks import as_tuple, check_id, check_kind, check_text, keep_id
from numgenius_core._numbers import as_fraction_of_ten
from numgenius_core.contracts.contract import Contract, check_contracts
from numgenius_core.errors import NotAllowed, RuleViolation, UnknownId, brief, shown
from numgenius_core.ids import AccountId, ContractId, MachineId
from numgenius_core.intervals import Interval, after, utc
from numgenius_core.maintenance.losses import disturbances
from numgenius_core.money import ZERO, Money
from numgenius_core.units import Amount

MAX_HOURS: Final = 1_000_000
"""Longest request taken, hours: anything above is a mistake, not a window."""


class Category(Enum):
    """What maintenance is about: the six categories of a request to the marketplace (G12)."""

    POWER = "power"
    INTERNET = "internet"
    DISK = "disk"
    GPU = "gpu"
    SOFTWARE = "software"
    OTHER = "other"


class WindowStatus(Enum):
    """Where a window stands at an instant: not begun, begun, or over.

    The instant at which a window ends is no longer part of it: it is completed then.
    """

    UPCOMING = "upcoming"
    ONGOING = "ongoing"
    COMPLETED = "completed"


@frozen(kw_only=True)
class MaintenanceWindow:
    """When a machine is down, and why.

    Attributes:
        period: From when to when; any whole seconds, not only whole hours.
        category: What the maintenance is about.
        reason: In the host's words, for the clients: up to 1,000 characters; may be empty.
        id: The number that a market gave it, by which it can be cancelled alone; 0 without one.
        locked: Whether the marketplace scheduled it, so that its host cannot cancel it.

    Raises:
        RuleViolation: A reason that is too long or holds control characters, or a negative number.

    >>> from datetime import UTC, datetime, timedelta
    >>> from numgenius_core import Interval
    >>> from numgenius_core.maintenance import Category, MaintenanceWindow
    >>> noon = datetime(2026, 1, 5, 12, tzinfo=UTC)
    >>> window = MaintenanceWindow(
    ...     period=Interval(noon, noon + timedelta(hours=2)), category=Category.GPU, reason="a fan"
    ... )
    >>> window.status(noon).value, window.status(noon + timedelta(hours=2)).value
    ('ongoing', 'completed')
    """

    period: Interval
    category: Category = Category.OTHER
    reason: str = ""
    id: int = 0
    locked: bool = False

    def __attrs_post_init__(self) -> None:
        check_kind(self.period, Interval, "window.period")
        check_kind(self.category, Category, "window.category")
        keep_id(self, "id", "window.id")
        check_kind(self.locked, bool, "window.locked")
        check_text(self.reason, "window.reason", 1_000, empty=True)

    def status(self, now: datetime) -> WindowStatus:
        """Return whether the window is upcoming, ongoing or completed at the instant ``now``.

        Raises:
            RuleViolation: ``now`` has no time zone.
        """
        now = utc(now, "now")
        if now < self.period.start:
            return WindowStatus.UPCOMING
        return WindowStatus.ONGOING if now < self.period.end else WindowStatus.COMPLETED


def _as_windows(given: Iterable[MaintenanceWindow]) -> tuple[MaintenanceWindow, ...]:
    return as_tuple(given, "schedule.windows")


@frozen(kw_only=True)
class MachineSchedule:
    """The maintenance windows of one machine, past ones too.

    Attributes:
        machine: The machine's id.
        windows: In order of time; no two overlap, though one may begin as another ends.

    Raises:
        RuleViolation: Windows that overlap or are out of order.

    >>> from numgenius_core.maintenance import MachineSchedule
    >>> MachineSchedule(machine=7).windows
    ()
    """

    machine: MachineId
    windows: tuple[MaintenanceWindow, ...] = field(default=(), converter=_as_windows, repr=brief)

    def __attrs_post_init__(self) -> None:
        keep_id(self, "machine", "schedule.machine")
        for index, window in enumerate(self.windows):
            check_kind(window, MaintenanceWindow, f"schedule.windows[{index}]")
        for index, (before, window) in enumerate(pairwise(self.windows), 1):
            if window.period.start < before.period.end:
                need = f"a start at or after {before.period.end}, the end of the one before"
                path = f"schedule.windows[{index}]"
                raise RuleViolation(path, need, str(window.period.start))


def schedule_window(
    schedule: MachineSchedule,
    window: MaintenanceWindow,
    *,
    now: datetime,
    overlapping: Literal["refuse", "merge"] = "refuse",
) -> MachineSchedule:
    """Return a machine's schedule with one more window.

    Args:
        schedule: The machine's windows so far.
        window: The window to add.
        now: The present instant. The window starts after it, at most a calendar year (G12).
        overlapping: What to do where the new window overlaps others. Merged, they become one
            window from the first start to the last end; its reason is all of theirs, its category
            theirs if they agree, else *other*, its number the first of them. A window of the host
            and one that the marketplace locked are never merged, as who may cancel them differs:
            that overlap is refused, whatever is asked for here.

    Raises:
        RuleViolation: The start is not in the future or more than a year ahead, or the window
            overlaps others and is not to be merged with them, or cannot be, as one is the host's
            and the other is locked; the error names them.

    >>> from datetime import UTC, datetime, timedelta
    >>> from numgenius_core.maintenance import MachineSchedule, requested_window, schedule_window
    >>> now = datetime(2026, 1, 5, tzinfo=UTC)
    >>> night = requested_window(now + timedelta(hours=22), 3, now=now)
    >>> more = requested_window(now + timedelta(hours=24), 2, now=now)
    >>> schedule = schedule_window(MachineSchedule(machine=7), night, now=now)
    >>> schedule = schedule_window(schedule, more, now=now, overlapping="merge")
    >>> [str(window.period) for window in schedule.windows]
    ['2026-01-05 22:00:00 … 2026-01-06 02:00:00 UTC']
    """
    check_kind(schedule, MachineSchedule, "schedule")
    check_kind(window, MaintenanceWindow, "window")
    if overlapping not in ("refuse", "merge"):
        raise RuleViolation("overlapping", "'refuse' or 'merge'", shown(overlapping))
    check_start(window.period.start, now)
    met, windows = met_by(schedule.windows, window.period), schedule.windows
    apart = windows
    if overlapping == "merge":
        apart = tuple(each for each in windows if each.locked is not window.locked)
    check_free(apart, window.period, merging=overlapping == "merge")
    merged = _merged([*windows[met], window])
    return evolve(schedule, windows=(*windows[: met.start], merged, *windows[met.stop :]))


def met_by(windows: Sequence[MaintenanceWindow], period: Interval) -> slice:
    """Return which of a schedule's windows overlap a period; none: where it would stand."""
    first: int = bisect_right(windows, period.start, key=lambda each: each.period.end)
    return slice(
        first, bisect_left(windows, period.end, lo=first, key=lambda each: each.period.start)
    )


def check_free(
    windows: Sequence[MaintenanceWindow], period: Interval, *, merging: bool = False
) -> int:
    """Return where among a schedule's windows one of this period would stand.

    Raises:
        RuleViolation: It overlaps others; the error names them.
    """
    met = met_by(windows, period)
    if met.start < met.stop:
        taken = "; ".join(str(each.period) for each in windows[met])
        why = " (a locked window and the host's are never merged)" if merging else ""
        raise RuleViolation("window", f"no overlap with {taken}{why}", str(period))
    first: int = met.start
    return first


def _merged(windows: list[MaintenanceWindow]) -> MaintenanceWindow:
    categories = {each.category for each in windows}
    reasons = dict.fromkeys(each.reason for each in windows if each.reason)
    first = min(each.period.start for each in windows)
    last = max(each.period.end for each in windows)
    return MaintenanceWindow(
        period=Interval(first, last),
        category=categories.pop() if len(categories) == 1 else Category.OTHER,
        reason="; ".join(reasons),
        id=windows[0].id,
        locked=windows[0].locked,  # as all of them
    )


def window_statuses(
    schedule: MachineSchedule, *, now: datetime
) -> tuple[tuple[MaintenanceWindow, WindowStatus], ...]:
    """Return a machine's windows in order of time, each with its status at the instant ``now``.

    Raises:
        RuleViolation: ``now`` has no time zone.

    >>> from datetime import UTC, datetime, timedelta
    >>> from numgenius_core.maintenance import (
    ...     MachineSchedule, requested_window, schedule_window, window_statuses
    ... )
    >>> now = datetime(2026, 1, 5, tzinfo=UTC)
    >>> night = requested_window(now + timedelta(hours=22), 3, now=now)
    >>> schedule = schedule_window(MachineSchedule(machine=7), night, now=now)
    >>> [status.value for _, status in window_statuses(schedule, now=night.period.start)]
    ['ongoing']
    """
    check_kind(schedule, MachineSchedule, "schedule")
    now = utc(now, "now")
    return tuple((window, window.status(now)) for window in schedule.windows)


def cancel_windows(
    schedule: MachineSchedule, *, now: datetime, window: int | None = None
) -> MachineSchedule:
    """Return a machine's schedule without the windows that its host cancels at ``now`` (G12).

    Completed windows stay, and so do those that the marketplace locked.

    Args:
        schedule: The machine's windows.
        now: The present instant.
        window: The number of the only one to cancel; all that are upcoming or ongoing without it.

    Raises:
        RuleViolation: ``now`` has no time zone.
        UnknownId: No window of this number is upcoming or ongoing.
        NotAllowed: The marketplace locked it.

    >>> from datetime import UTC, datetime, timedelta
    >>> from numgenius_core.maintenance import (
    ...     MachineSchedule, cancel_windows, requested_window, schedule_window
    ... )
    >>> now = datetime(2026, 1, 5, tzinfo=UTC)
    >>> night = requested_window(now + timedelta(hours=22), 3, now=now)
    >>> schedule = schedule_window(MachineSchedule(machine=7), night, now=now)
    >>> cancel_windows(schedule, now=now).windows
    ()
    """
    return without_windows(schedule, windows_to_cancel(schedule, now=now, window=window))


def windows_to_cancel(
    schedule: MachineSchedule, *, now: datetime, window: int | None = None, locked: bool = False
) -> tuple[MaintenanceWindow, ...]:
    """Return the windows that are cancelled: those that are locked, or those that are not.

    Raises:
        UnknownId: No window of this number is upcoming or ongoing.
        NotAllowed: It is one of the others.
    """
    left = [
        each
        for each, status in window_statuses(schedule, now=now)
        if status is not WindowStatus.COMPLETED
    ]
    if window is None:
        return tuple(each for each in left if each.locked is locked)
    found = next((each for each in left if each.id == window), None)
    if found is None:
        need = f"a window of machine {schedule.machine} that is not over"
        raise UnknownId("window", need, shown(window))
    if found.locked is not locked:
        whose = "the host", "the marketplace"
        need = f"a window that {whose[locked]} scheduled"
        raise NotAllowed("window", need, f"one of {whose[found.locked]}")
    return (found,)


def without_windows(
    schedule: MachineSchedule, gone: Iterable[MaintenanceWindow]
) -> MachineSchedule:
    """Return a machine's schedule without some of its windows.

    Raises:
        RuleViolation: One is not among them.
    """
    left = dict.fromkeys(schedule.windows)
    for window in gone:
        if window not in left:
            need = f"windows of machine {schedule.machine}"
            raise RuleViolation("windows", need, f"{window.period}")
        del left[window]
    return evolve(schedule, windows=tuple(left))


def hours_of_request(hours: Amount) -> int:
    """Return the whole hours that a request for maintenance means: floored, at least 1 (G12).

    Args:
        hours: The duration that the request names, in hours, exact.

    Raises:
        RuleViolation: A duration of zero or less, or above 1,000,000 hours.

    >>> from numgenius_core.maintenance.schedule import hours_of_request
    >>> hours_of_request("0.5"), hours_of_request("2.9")
    (1, 2)
    """
    need = f"hours above zero, up to {MAX_HOURS:,}"
    number, places = as_fraction_of_ten(hours, "hours", need)
    scale: int = 10**places
    if not 0 < number <= MAX_HOURS * scale:
        raise RuleViolation("hours", need, shown(hours))
    return max(1, number // scale)


def requested_window(
    start: datetime,
    hours: Amount = 1,
    *,
    now: datetime,
    category: Category = Category.OTHER,
    reason: str = "",
) -> MaintenanceWindow:
    """Return the window that a host's request to the marketplace makes (G12).

    Args:
        start: When the machine goes down: in the future, at most a calendar year ahead.
        hours: How long it is down, in hours, 1 if left out: fractions are floored, and it is at
            least one hour.
        now: The instant at which the request is made.
        category: What the maintenance is about.
        reason: In the host's words, for the clients.

    Raises:
        RuleViolation: A start that is not in the future or more than a year ahead, or hours that
            are not above zero.

    >>> from datetime import UTC, datetime, timedelta
    >>> from numgenius_core.maintenance import Category, requested_window
    >>> now = datetime(2026, 1, 5, tzinfo=UTC)
    >>> window = requested_window(now + timedelta(days=1), "4.5", now=now, category=Category.DISK)
    >>> window.period.duration
    datetime.timedelta(seconds=14400)
    """
    check_start(start, now)
    end = after(start, timedelta(hours=hours_of_request(hours)))
    return MaintenanceWindow(period=Interval(start, end), category=category, reason=reason)


def check_start(start: datetime, now: datetime) -> None:
    """Refuse a start that is not in the future or lies more than a year ahead."""
    from dateutil.relativedelta import relativedelta

    start, now = utc(start, "start"), utc(now, "now")
    if start <= now:
        raise RuleViolation("start", f"an instant after {now}", str(start))
    if start > (latest := after(now, relativedelta(years=1), "now")):
        raise RuleViolation("start", f"at most a year ahead, {latest}", str(start))


@frozen(kw_only=True)
class Notice:
    """What a client with an instance on a machine is told of a maintenance window.

    Attributes:
        client: The client who is told.
        contract: The contract of the client's instance.
        machine: The machine that goes down.
        window: When it is down, with category and reason.
        overlap: When within the window the contract is in force; ``None`` if it ends before.
        gpu_hours: GPU-hours that the instance loses if it would have run throughout.
        charge: What these would have cost, and the client is not charged, as its machine is
            offline; zero with a promise of uptime, which is billed throughout and may earn a
            credit.
    """

    client: AccountId
    contract: ContractId
    machine: MachineId
    window: MaintenanceWindow
    overlap: Interval | None
    gpu_hours: Fraction
    charge: Money


def notices(
    machine: MachineId, window: MaintenanceWindow, contracts: Iterable[Contract]
) -> tuple[Notice, ...]:
    """Return a notice to everyone with an instance on a machine, running or not (G12).

    Args:
        machine: The machine that goes down.
        window: When it is down.
        contracts: One for each instance that exists, in any state: stopped ones and those that
            have expired too, since their data is on the machine.

    Raises:
        RuleViolation: A contract of another machine.

    >>> from datetime import UTC, datetime, timedelta
    >>> from numgenius_core import Block, Contract, Interval, Mode, PerGpuHour, PriceTerms
    >>> monday = datetime(2026, 1, 5, tzinfo=UTC)
    >>> contract = Contract(
    ...     id=1, machine=7, host="hanna", client="ann", mode=Mode.ON_DEMAND,
    ...     block=Block(start=0, size=2), prices=PriceTerms(gpu=PerGpuHour("2.00")),
    ...     start=monday, end=monday + timedelta(days=2),
    ... )
    >>> from numgenius_core.maintenance import MaintenanceWindow, notices
    >>> start = monday + timedelta(hours=47)
    >>> window = MaintenanceWindow(period=Interval(start, start + timedelta(hours=2)))
    >>> (notice,) = notices(7, window, [contract])
    >>> print(notice.client, notice.gpu_hours, notice.charge)
    ann 2 4.00
    """
    machine = MachineId(check_id(machine, "machine"))
    check_kind(window, MaintenanceWindow, "window")
    told = []
    for contract in check_contracts(contracts, machine):
        lost = disturbances([contract], window.period)
        told.append(
            Notice(
                client=contract.client,
                contract=contract.id,
                machine=machine,
                window=window,
                overlap=lost[0].overlap if lost else None,
                gpu_hours=lost[0].gpu_hours if lost else Fraction(0),
                charge=lost[0].charge if lost else ZERO,
            )
        )
    return tuple(told)
