"""Maintenance of one machine: windows, who is told, and the plan that waits for vacancy.

Rule (hosting guide, G12): unplanned maintenance is scheduled "with a date and a duration"; the
clients are notified and asked to save their work. Scheduling stops nothing, unlists nothing and
blocks no rental. A request starts in the future and at most a year ahead; its duration is whole
hours, at least 1, fractions floored (0.5 → 1); its category is one of power, internet, disk, gpu,
software, other. Windows are upcoming, then ongoing, then completed. Cancelling removes a machine's
upcoming windows; completed ones stay.

Our readings: a year is a calendar year. Whole hours are a rule of the request; inside the library a
window has any length in seconds. An ongoing window is not cancelled: it has begun. Two windows that
only meet do not overlap.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import Enum
from fractions import Fraction
from itertools import pairwise
from typing import Final, Literal

from attrs import evolve, frozen

from numgenius_core._checks import as_tuple, check_id, check_kind, check_text
from numgenius_core._numbers import as_fraction_of_ten
from numgenius_core.contracts.contract import Contract
from numgenius_core.contracts.term import Term, as_term, check_belongs
from numgenius_core.errors import RuleViolation, shown
from numgenius_core.ids import AccountId, ContractId, MachineId
from numgenius_core.intervals import Interval, after, utc
from numgenius_core.maintenance.losses import disturbances
from numgenius_core.money import ZERO, Money
from numgenius_core.units import Amount

MAX_HOURS: Final = 1_000_000
"""Longest request taken, hours: anything above is a mistake, not a window."""


class Category(Enum):
    """What the maintenance is about."""

    POWER = "power"
    INTERNET = "internet"
    DISK = "disk"
    GPU = "gpu"
    SOFTWARE = "software"
    OTHER = "other"


class WindowStatus(Enum):
    """Where a window stands at an instant."""

    UPCOMING = "upcoming"
    ONGOING = "ongoing"
    COMPLETED = "completed"


@frozen(kw_only=True)
class MaintenanceWindow:
    """When a machine is down, and why.

    Attributes:
        period: From when to when.
        category: What it is about.
        reason: In the host's words, for the clients; may be empty.
    """

    period: Interval
    category: Category = Category.OTHER
    reason: str = ""

    def __attrs_post_init__(self) -> None:
        check_kind(self.period, Interval, "window.period")
        check_kind(self.category, Category, "window.category")
        if self.reason != "":
            check_text(self.reason, "window.reason", 1_000)

    def status(self, now: datetime) -> WindowStatus:
        """Return where the window stands; at its end it is completed."""
        now = utc(now, "now")
        if now < self.period.start:
            return WindowStatus.UPCOMING
        return WindowStatus.ONGOING if now < self.period.end else WindowStatus.COMPLETED


@frozen(kw_only=True)
class MachineSchedule:
    """The maintenance windows of a machine.

    Attributes:
        machine: The machine.
        windows: In order of time; no two overlap.

    Raises:
        WrongType: A field of the wrong type.
        RuleViolation: Windows that overlap or are out of order.
    """

    machine: MachineId
    windows: tuple[MaintenanceWindow, ...] = ()

    def __attrs_post_init__(self) -> None:
        check_id(self.machine, "schedule.machine")
        object.__setattr__(self, "windows", as_tuple(self.windows, "schedule.windows"))
        for index, window in enumerate(self.windows):
            check_kind(window, MaintenanceWindow, f"schedule.windows[{index}]")
        for index, (before, window) in enumerate(pairwise(self.windows), 1):
            if window.period.start < before.period.end:
                need = f"a start at or after {before.period.end}, the end of the one before"
                path = f"schedule.windows[{index}]"
                raise RuleViolation(path, need, str(window.period.start))


def schedule_window(
    present: MachineSchedule,
    window: MaintenanceWindow,
    *,
    now: datetime,
    overlapping: Literal["refuse", "merge"] = "refuse",
) -> MachineSchedule:
    """Return the schedule with one more window.

    Args:
        present: The schedule so far.
        window: The new one.
        now: It starts after this, at most a year.
        overlapping: What to do where it overlaps others. Merged, they become one window from the
            first start to the last end; its reason is all of theirs, its category theirs if they
            agree, else *other*.

    Raises:
        WrongType: An argument of the wrong type.
        RuleViolation: The start is not in the future or more than a year ahead, or the window
            overlaps others and is not to be merged; the error names them.
    """
    check_kind(present, MachineSchedule, "schedule")
    check_kind(window, MaintenanceWindow, "window")
    if overlapping not in ("refuse", "merge"):
        raise RuleViolation("overlapping", "'refuse' or 'merge'", shown(overlapping))
    check_start(window.period.start, now)
    met = [each for each in present.windows if each.period.overlap(window.period)]
    if met and overlapping == "refuse":
        taken = "; ".join(str(each.period) for each in met)
        raise RuleViolation("window", f"no overlap with {taken}", str(window.period))
    rest = [each for each in present.windows if each not in met]
    together = sorted([*rest, _merged([*met, window])], key=lambda each: each.period.start)
    return evolve(present, windows=tuple(together))


def _merged(windows: list[MaintenanceWindow]) -> MaintenanceWindow:
    categories = {each.category for each in windows}
    reasons = dict.fromkeys(each.reason for each in windows if each.reason)
    first = min(each.period.start for each in windows)
    last = max(each.period.end for each in windows)
    return MaintenanceWindow(
        period=Interval(first, last),
        category=categories.pop() if len(categories) == 1 else Category.OTHER,
        reason="; ".join(reasons),
    )


def window_statuses(
    present: MachineSchedule, now: datetime
) -> tuple[tuple[MaintenanceWindow, WindowStatus], ...]:
    """Return a machine's windows in order of time, each with where it stands."""
    check_kind(present, MachineSchedule, "schedule")
    now = utc(now, "now")
    return tuple((window, window.status(now)) for window in present.windows)


def cancel_windows(present: MachineSchedule, now: datetime) -> MachineSchedule:
    """Return the schedule without its upcoming windows."""
    kept = (
        window
        for window, status in window_statuses(present, now)
        if status is not WindowStatus.UPCOMING
    )
    return evolve(present, windows=tuple(kept))


def hours_of_request(duration: Amount, path: str = "duration") -> int:
    """Return the whole hours that a request means: fractions floored, at least 1.

    >>> hours_of_request("0.5"), hours_of_request("2.9")
    (1, 2)

    Raises:
        WrongType: It is a ``float`` or no number.
        RuleViolation: It is zero, negative or absurdly long.
    """
    need = f"hours above zero, up to {MAX_HOURS:,}"
    number, places = as_fraction_of_ten(duration, path, need)
    scale: int = 10**places
    if not 0 < number <= MAX_HOURS * scale:
        raise RuleViolation(path, need, shown(duration))
    return max(1, number // scale)


def requested_window(
    start: datetime,
    duration: Amount,
    *,
    now: datetime,
    category: Category = Category.OTHER,
    reason: str = "",
) -> MaintenanceWindow:
    """Return the window that a request to the marketplace makes.

    Args:
        start: In the future, at most a year ahead.
        duration: Hours; see :func:`hours_of_request`.
        now: When the request is made.
        category: What it is about.
        reason: In the host's words.

    Raises:
        WrongType: An argument of the wrong type.
        RuleViolation: The start or the duration is not allowed.
    """
    check_start(start, now)
    end = after(start, timedelta(hours=hours_of_request(duration)))
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
    """What a client with an instance on the machine is told.

    Attributes:
        client: Who is told.
        contract: The contract of its instance.
        machine: The machine.
        window: When the machine is down, the category and the reason.
        overlap: When within the window the contract is in force; ``None`` if it ends before.
        gpu_hours: GPU-hours that an instance running throughout loses.
        charge: What these would have cost: it is not charged.
    """

    client: AccountId
    contract: ContractId
    machine: MachineId
    window: MaintenanceWindow
    overlap: Interval | None
    gpu_hours: Fraction
    charge: Money


def notices(
    machine: MachineId, window: MaintenanceWindow, contracts: Iterable[Contract | Term]
) -> tuple[Notice, ...]:
    """Return a notice to everyone with an instance on the machine, running or not.

    Args:
        machine: The machine.
        window: When it is down.
        contracts: One for each instance that exists, in any state: stopped ones and those that
            have expired too, since their data is on the machine.

    Raises:
        WrongType: An argument of the wrong type.
        RuleViolation: A contract of another machine.
    """
    check_kind(window, MaintenanceWindow, "window")
    told = []
    for each in terms_of(contracts, machine):
        contract = each.contract
        lost = disturbances([each], window.period)
        told.append(
            Notice(
                client=contract.client,
                contract=contract.id,
                machine=machine,
                window=window,
                overlap=lost[0].overlap if lost else None,
                gpu_hours=lost[0].gpu_hours if lost else Fraction(0),
                charge=lost[0].revenue if lost else ZERO,
            )
        )
    return tuple(told)


def terms_of(contracts: Iterable[Contract | Term], machine: MachineId) -> list[Term]:
    """Return the contracts of a machine as terms, refusing anything else."""
    check_id(machine, "machine")
    terms = []
    for index, each in enumerate(as_tuple(contracts, "contracts")):
        terms.append(as_term(each, f"contracts[{index}]"))
        check_belongs(terms[-1].contract, machine, f"contracts[{index}]")
    return terms
