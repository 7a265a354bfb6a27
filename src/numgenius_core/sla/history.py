"""When a machine was rented and when it was down: what every settlement is worked out from.

Rule (marketplace, published 2026): uptime is the share of *intended* seconds that the instance was
up, so a day without rental is no outage. Maintenance announced beforehand counts in part as uptime;
rescheduling restarts the notice, so what counts is the last announcement.

Our readings: rentals that overlap or touch are one time of rental, as a backtest has one contract
for the machine. An outage announced at its start or later was not announced. What is forgiven
follows from the window that was announced, where it is known: a machine that is down for longer was
not announced to be, and one that is down for less is forgiven by the longer window. Seconds of an
outage outside of rentals do not count; they are told apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from operator import attrgetter
from typing import Final

from attrs import field, frozen

from numgenius_core._checks import as_tuple, check_kind, keep_id, utc
from numgenius_core._numbers import round_half_even
from numgenius_core._terms import PARTS
from numgenius_core.errors import RuleViolation, brief
from numgenius_core.ids import MachineId
from numgenius_core.intervals import Interval, to_epoch, union
from numgenius_core.sla.schedules import NoticeSchedule, forgiven_parts
from numgenius_core.units import SECONDS_PER_DAY

MAX_OUTAGES: Final = 1_000_000
_STARTS: Final = attrgetter("period.start")


@frozen(kw_only=True)
class Outage:
    """A time in which a machine was down.

    Attributes:
        period: From when to when.
        announced: When its clients were told, the last time; ``None`` if they were not.
        planned: The window that was announced, in which the period lies; the period itself if left
            out. An outage that outlasts its window is two, of which the later was not announced.

    Raises:
        WrongType: A period that is no ``Interval``, or an announcement that is no ``datetime``.
        RuleViolation: The announcement has no time zone or a fraction of a second, a window was not
            announced, or the outage does not lie in its window.

    >>> from datetime import UTC, datetime, timedelta
    >>> from numgenius_core import Interval
    >>> from numgenius_core.sla import Outage
    >>> noon = datetime(2026, 7, 1, 12, tzinfo=UTC)
    >>> outage = Outage(period=Interval(noon, noon + timedelta(hours=2)),
    ...                 announced=noon - timedelta(days=3))
    >>> print(outage.notice, outage.period.duration)
    3 days, 0:00:00 2:00:00
    """

    period: Interval
    announced: datetime | None = None
    planned: Interval | None = None

    def __attrs_post_init__(self) -> None:
        check_kind(self.period, Interval, "outage.period")
        if self.announced is not None:
            object.__setattr__(self, "announced", utc(self.announced, "outage.announced"))
        if self.planned is not None:
            check_kind(self.planned, Interval, "outage.planned")
            if self.announced is None:
                raise RuleViolation("outage.planned", "an announcement", "none")
            if self.period.overlap(self.planned) != self.period:
                need = f"a window around the outage, {self.period}"
                raise RuleViolation("outage.planned", need, str(self.planned))

    @property
    def window(self) -> Interval:
        """What was announced: the planned window, or the outage itself."""
        return self.period if self.planned is None else self.planned

    @property
    def notice(self) -> timedelta:
        """How long before the window its clients were told; zero if they were not, or too late."""
        return timedelta(seconds=notice_seconds(self))


def notice_seconds(outage: Outage) -> int:
    """Return the notice of an outage in whole seconds, as schedules and settlements take it."""
    if outage.announced is None:
        return 0
    return max(0, to_epoch(outage.window.start) - to_epoch(outage.announced))


def _as_rentals(given: Iterable[Interval]) -> tuple[Interval, ...]:
    return as_tuple(given, "history.rentals")


def _as_outages(given: Iterable[Outage]) -> tuple[Outage, ...]:
    return as_tuple(given, "history.outages")


@frozen(kw_only=True)
class UptimeHistory:
    """When a machine was rented, and when it was down.

    Attributes:
        rentals: Times of rental, in any order; those that overlap or touch become one.
        outages: In any order, kept in order of time; no two overlap, though one may begin as
            another ends.
        machine: The machine's id, if it is known.

    Raises:
        WrongType: A rental that is no ``Interval``, an outage that is no ``Outage``.
        RuleViolation: Outages that overlap, or more than a million.

    >>> from datetime import UTC, datetime
    >>> from numgenius_core import Interval
    >>> from numgenius_core.sla import Outage, UptimeHistory
    >>> july = [datetime(2026, 7, day, tzinfo=UTC) for day in range(1, 11)]
    >>> history = UptimeHistory(rentals=[Interval(july[0], july[5])],
    ...                         outages=[Outage(period=Interval(july[4], july[6]))])
    >>> history.rented_seconds, history.down_seconds, history.ignored_seconds
    (432000, 86400, 86400)
    """

    rentals: tuple[Interval, ...] = field(converter=_as_rentals, repr=brief)
    outages: tuple[Outage, ...] = field(default=(), converter=_as_outages, repr=brief)
    machine: MachineId | None = None
    # The same as whole seconds since 1970, worked out once: a settlement does without datetimes.
    _rented: tuple[tuple[int, int], ...] = field(init=False, eq=False, repr=False)
    _down: tuple[tuple[int, int, int, int], ...] = field(init=False, eq=False, repr=False)
    _pieces: tuple[tuple[int, int, int], ...] = field(init=False, eq=False, repr=False)
    _announced: tuple[tuple[int, int, int], ...] = field(init=False, eq=False, repr=False)
    _days: tuple[tuple[int, int, int], ...] = field(init=False, eq=False, repr=False)
    _lost: int = field(init=False, eq=False, repr=False)
    _outside: int = field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        if self.machine is not None:
            keep_id(self, "machine", "history.machine")
        outages = self.outages
        merged = union(self.rentals, "history.rentals")
        for index, outage in enumerate(outages):
            check_kind(outage, Outage, f"history.outages[{index}]")
        if len(outages) > MAX_OUTAGES:
            need = f"at most {MAX_OUTAGES:,} outages"
            raise RuleViolation("history.outages", need, f"{len(outages):,}")
        ordered = tuple(sorted(outages, key=_STARTS))
        for before, outage in pairwise(ordered):
            if outage.period.start < before.period.end:
                need = f"no outage that overlaps {before.period}"
                raise RuleViolation("history.outages", need, str(outage.period))
        down = tuple(
            (*_seconds(each.period), notice_seconds(each), each.window.seconds) for each in ordered
        )
        rented = tuple(map(_seconds, merged))
        pieces = tuple(_within(down, rented))
        every, lost = (sum(end - start for start, end, *_ in each) for each in (down, pieces))
        announced = tuple(piece for piece in pieces if down[piece[2]][2])
        for name, value in (
            ("rentals", merged),
            ("outages", ordered),
            ("_rented", rented),
            ("_down", down),
            ("_pieces", pieces),
            ("_announced", announced),
            ("_days", _days_of(rented, pieces)),
            ("_lost", lost),
            ("_outside", every - lost),
        ):
            object.__setattr__(self, name, value)

    @property
    def rented_seconds(self) -> int:
        """Seconds of rental: those in which the machine was intended to be up."""
        return sum(end - start for start, end in self._rented)

    @property
    def down_seconds(self) -> int:
        """Seconds of outages within rentals."""
        return self._lost

    @property
    def ignored_seconds(self) -> int:
        """Seconds of outages outside of rentals, which count for nothing."""
        return self._outside

    def down_within_rentals(self) -> list[tuple[int, int]]:
        """Return the parts of outages within rentals: their first second since 1970, and length."""
        return [(start, end - start) for start, end, _ in self._pieces]

    def days(self, notice: NoticeSchedule) -> list[tuple[int, int, int]]:
        """Return the days of UTC from the first rental to the last, those without rental too.

        Returns:
            Days since 1970, intended seconds, and downtime in parts of 10⁻⁹ of a second, that which
            was forgiven taken off.

        Raises:
            WrongType: ``notice`` is no schedule of notice.
        """
        check_kind(notice, NoticeSchedule, "notice")
        forgiven: dict[int, int] = {}
        for start, end, outage in self._announced:
            _, _, told, length = self._down[outage]
            _spread(start, end, forgiven_parts(notice, told, length), forgiven)
        off = forgiven.get
        return [(day, intended, down * PARTS - off(day, 0)) for day, intended, down in self._days]


def _days_of(
    rented: Sequence[tuple[int, int]], pieces: Sequence[tuple[int, int, int]]
) -> tuple[tuple[int, int, int], ...]:
    """Return each day since 1970 with its seconds of rental, and of outages within it."""
    if not rented:
        return ()
    intended: dict[int, int] = {}
    for start, end in rented:
        _spread(start, end, 1, intended)
    down: dict[int, int] = {}
    for start, end, _ in pieces:
        _spread(start, end, 1, down)
    days = range(min(intended), max(intended) + 1)
    return tuple((day, intended.get(day, 0), down.get(day, 0)) for day in days)


def _within(
    down: Sequence[tuple[int, int, int, int]], rented: Sequence[tuple[int, int]]
) -> Iterator[tuple[int, int, int]]:
    """Yield the pieces of outages within rentals, each with the index of its outage."""
    first = 0
    for outage, (start, end, *_) in enumerate(down):
        while first < len(rented) and rented[first][1] <= start:
            first += 1
        at = first
        while at < len(rented) and rented[at][0] < end:
            yield max(start, rented[at][0]), min(end, rented[at][1]), outage
            at += 1


def _spread(start: int, end: int, weight: int, days: dict[int, int]) -> None:
    """Add the seconds of a span, each so many times, to the days that they fall on."""
    while start < end:
        day = start // SECONDS_PER_DAY
        until = min(end, (day + 1) * SECONDS_PER_DAY)
        days[day] = days.get(day, 0) + (until - start) * weight
        start = until


def _seconds(period: Interval) -> tuple[int, int]:
    return to_epoch(period.start), to_epoch(period.end)


def ignored_note(seconds: int) -> tuple[str, ...]:
    """Return the line that a table says of outages outside of rentals, if there were any."""
    return (f"{seconds:,} s of outages lie in no rental and count for nothing",) if seconds else ()


def share_up(intended: int, down: int) -> int:
    """Return the uptime of a day in parts of 10⁻⁹, half-even, of what :meth:`days` returns."""
    return round_half_even(intended * PARTS - down, intended) if down else PARTS


def as_share(parts: int) -> Fraction:
    """Return parts of 10⁻⁹ as a fraction."""
    return Fraction(parts, PARTS)
