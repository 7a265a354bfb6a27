"""Instants, half-open intervals, and the durations that people type.

Rule (marketplace): instants are aware UTC, intervals are half-open ``[start, end)``, billing is by
the second. The month of a *price* is 720 hours (:mod:`numgenius_core.units`); *calendar* months
occur only in durations that a person types ("3 months") and count from an instant, so the 31st of
January and one month is the last day of February (``dateutil``'s reading).

Our reading: an instant is a whole second. What comes finer is refused, not rounded, since nobody
could say later which second was billed; :func:`floor_second` is the way to say "the second that
has begun".
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from numgenius_core._checks import as_tuple, check_kind, in_utc, is_series, plain_instant, utc
from numgenius_core._numbers import as_int
from numgenius_core.errors import ParseError, RuleViolation, WrongType, shown
from numgenius_core.units import SECONDS_PER_DAY

if TYPE_CHECKING:
    from dateutil.relativedelta import relativedelta

__all__ = [
    "Interval",
    "after",
    "fixed_duration",
    "floor_second",
    "from_epoch",
    "parse_duration",
    "parse_instant",
    "to_epoch",
    "total_seconds",
    "utc",
]


def __dir__() -> list[str]:
    """Return what there is to use."""
    return sorted(__all__)


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
LAST_SECOND: Final = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
"""Of the calendar, and so the latest instant."""
AFTER_LAST: Final = 253_402_300_800
"""Seconds from 1970 to the year 10,000, which no calendar has."""
_MAX_COUNT: Final = 1_000_000_000  # of any unit in a typed duration: 31 years in seconds

_UNITS: Final = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), "seconds"),
    # No "m": a minute, or a month of a listing?
    **dict.fromkeys(("min", "mins", "minute", "minutes"), "minutes"),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), "hours"),
    **dict.fromkeys(("d", "day", "days"), "days"),
    **dict.fromkeys(("w", "week", "weeks"), "weeks"),
    **dict.fromkeys(("mo", "mon", "month", "months"), "months"),
    **dict.fromkeys(("y", "yr", "year", "years"), "years"),
}
_PART: Final = re.compile(r"\s*([0-9]{1,10})\s*([a-z]*)\s*,?", re.ASCII | re.IGNORECASE)


def floor_second(value: datetime) -> datetime:
    """Return the second that has begun at ``value``, in UTC: its fraction is cut off.

    Raises:
        WrongType: It is no ``datetime``.
        RuleViolation: It has no time zone or leaves the years 1 to 9999 in UTC.

    >>> from datetime import UTC, datetime
    >>> from numgenius_core.intervals import floor_second
    >>> print(floor_second(datetime(2026, 3, 1, 12, 0, 5, 900_000, tzinfo=UTC)))
    2026-03-01 12:00:05+00:00
    """
    if not isinstance(value, datetime):
        raise WrongType("instant", "a datetime with a time zone", shown(value))
    plain = value if type(value) is datetime else plain_instant(value)
    return in_utc(plain).replace(microsecond=0)  # an offset may have a fraction of a second too


def from_epoch(seconds: float, path: str = "instant") -> datetime:
    """Return the instant of Unix seconds, a fraction floored.

    Args:
        seconds: Seconds since 1970 in UTC, as the marketplace's records have end dates.
        path: What messages call it.

    Raises:
        WrongType: It is no number.
        RuleViolation: It is negative, not finite or beyond the year 9999.

    >>> from numgenius_core.intervals import from_epoch
    >>> print(from_epoch(1_772_366_405.9))
    2026-03-01 12:00:05+00:00
    """
    need = "Unix seconds from 1970 to 9999"
    given: Any = seconds
    known = float(given) if isinstance(given, float) else as_int(given)
    if type(known) not in (int, float):
        raise WrongType(path, need, shown(seconds))
    if not 0 <= known < AFTER_LAST:  # also false for NaN
        raise RuleViolation(path, need, shown(seconds))
    return _EPOCH + timedelta(seconds=int(known))


def to_epoch(value: datetime) -> int:
    """Return the Unix seconds of an instant, the inverse of :func:`from_epoch`.

    Raises:
        WrongType: It is no ``datetime``.
        RuleViolation: It has no time zone or a fraction of a second.

    >>> from datetime import UTC, datetime
    >>> from numgenius_core.intervals import to_epoch
    >>> to_epoch(datetime(2026, 3, 1, 12, 0, 5, tzinfo=UTC))
    1772366405
    """
    return total_seconds(_EPOCH, utc(value))


def total_seconds(start: datetime, end: datetime) -> int:
    """Return the whole seconds from one instant to another, negative if ``end`` lies before.

    Both are as :func:`utc` returns them; they are not looked at again, since this stands in the
    inner loops of bills and simulations.

    >>> from datetime import UTC, datetime
    >>> from numgenius_core.intervals import total_seconds
    >>> total_seconds(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC))
    86400
    """
    elapsed = end - start  # its total_seconds() is a float, this a whole number
    return elapsed.days * SECONDS_PER_DAY + elapsed.seconds


def parse_instant(text: str, path: str = "instant") -> datetime:
    """Return the instant of an ISO 8601 text with an offset, such as ``2026-12-31T00:00:00Z``.

    A date alone is its first second in UTC, as the marketplace's own client reads it.

    Args:
        text: The date, or the date and time with its offset.
        path: What messages call it.

    Raises:
        WrongType: It is no text.
        ParseError: It is no date or time, has a time but no offset, or a fraction of a second.

    >>> from numgenius_core.intervals import parse_instant
    >>> print(parse_instant("2026-03-01T09:00:00+02:00"))
    2026-03-01 07:00:00+00:00
    >>> print(parse_instant("2026-03-01"))
    2026-03-01 00:00:00+00:00
    """
    need = "an ISO 8601 date or time with an offset"
    if not isinstance(text, str):
        raise WrongType(path, need, shown(text))
    try:
        value = datetime.fromisoformat(text)
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text, re.ASCII):
            value = value.replace(tzinfo=UTC)
        found = in_utc(value, path)
    except RuleViolation as fault:
        raise ParseError(path, fault.need, shown(text)) from None
    except ValueError:
        raise ParseError(path, need, shown(text)) from None
    if found.microsecond:
        raise ParseError(path, "a whole second", shown(text))
    return found


def parse_duration(text: str | int, path: str = "duration") -> relativedelta:
    """Return a duration as people type it: ``3 days``, ``2 weeks``, ``1d 12h``, or seconds.

    ``min`` is a minute and ``mo`` a month; ``m``, which may be meant as either, is refused. Months
    and years are calendar ones: :func:`after` counts them from an instant, :func:`fixed_duration`
    refuses them.

    Args:
        text: Numbers with their units, each unit once; a bare number is seconds.
        path: What messages call it.

    Raises:
        WrongType: It is neither text nor an ``int``.
        ParseError: It is empty, negative, out of range, has an unknown unit or one unit twice.

    >>> from datetime import UTC, datetime
    >>> from numgenius_core.intervals import after, parse_duration
    >>> print(after(datetime(2026, 1, 31, tzinfo=UTC), parse_duration("1 month")))
    2026-02-28 00:00:00+00:00
    >>> print(after(datetime(2026, 1, 31, tzinfo=UTC), parse_duration("1d 12h")))
    2026-02-01 12:00:00+00:00
    """
    return _duration(text, path, "a duration such as '3 days', '2 weeks', '3 months' or seconds")


def _duration(text: str | int, path: str, need: str) -> relativedelta:
    """Return a duration that is typed; ``need`` is what its refusal recommends."""
    from dateutil.relativedelta import relativedelta

    if type(text) is not str:
        text = as_int(text)
    if type(text) is int:
        if not 0 <= text <= _MAX_COUNT:
            raise ParseError(path, need, shown(text))
        text = str(text)
    if not isinstance(text, str):
        raise WrongType(path, need, shown(text))
    parts: dict[str, int] = {}
    # A number without a unit is seconds, but only alone: the 12 of "1d 12" may be meant as hours.
    at = 0
    while at < len(text.rstrip()):
        match = _PART.match(text, at)
        if match is not None and match[2] in ("m", "M"):
            raise ParseError(path, "min or mo, since m is a minute or a month", shown(text))
        unit = _UNITS.get(match[2].lower() or "s") if match else None
        bare = match is not None and not match[2] and (at or match.end() < len(text.rstrip()))
        if match is None or unit is None or unit in parts or bare or int(match[1]) > _MAX_COUNT:
            raise ParseError(path, need, shown(text))
        parts[unit] = int(match[1])
        at = match.end()
    if not parts or parts.get("years", 0) > 9_999 or parts.get("months", 0) > 120_000:
        raise ParseError(path, need, shown(text))
    return relativedelta(
        years=parts.get("years", 0),
        months=parts.get("months", 0),
        weeks=parts.get("weeks", 0),
        days=parts.get("days", 0),
        hours=parts.get("hours", 0),
        minutes=parts.get("minutes", 0),
        seconds=parts.get("seconds", 0),
    )


def after(start: datetime, duration: relativedelta | timedelta, path: str = "end") -> datetime:
    """Return the instant a duration after ``start``, in UTC; calendar months count from it.

    Args:
        start: An instant with a time zone.
        duration: As :func:`parse_duration` returns it, or a ``timedelta``.
        path: What messages call the two.

    Raises:
        WrongType: ``start`` is no ``datetime`` or ``duration`` no duration.
        RuleViolation: ``start`` has no time zone, or the end lies beyond the year 9999.

    >>> from datetime import UTC, datetime, timedelta
    >>> from numgenius_core.intervals import after
    >>> print(after(datetime(2026, 3, 1, 12, tzinfo=UTC), timedelta(days=3)))
    2026-03-04 12:00:00+00:00
    """
    begin = utc(start, path)
    try:
        end = begin + duration
    except TypeError:
        raise WrongType(path, "a duration", shown(duration)) from None
    except (OverflowError, ValueError):
        raise RuleViolation(path, "a date up to year 9999", f"{start} + {duration}") from None
    return utc(end, path)


def fixed_duration(duration: relativedelta | str | int, path: str = "duration") -> timedelta:
    """Return a typed duration as a length of time that is the same at every date.

    Args:
        duration: What is typed, as :func:`parse_duration` takes it or as it returns it.
        path: What messages call it.

    Raises:
        WrongType: It is neither text, an ``int`` nor a ``relativedelta``.
        ParseError: It is text that is no duration.
        RuleViolation: It has calendar months or years, whose length depends on a date.

    >>> from numgenius_core.intervals import fixed_duration
    >>> fixed_duration("2 weeks")
    datetime.timedelta(days=14)
    """
    from dateutil.relativedelta import relativedelta

    typed = duration
    if not isinstance(duration, relativedelta):
        # Months are not recommended: they would be refused.
        duration = _duration(duration, path, "a duration such as '3 days', '2 weeks' or seconds")
    if duration.months or duration.years:
        need = "days, hours … (a month's length depends on its date)"
        raise RuleViolation(path, need, "months" if typed is duration else shown(typed))
    try:
        return timedelta(
            days=duration.days,
            hours=duration.hours,
            minutes=duration.minutes,
            seconds=duration.seconds,
        )
    except OverflowError:
        raise RuleViolation(path, "a duration within the calendar", shown(duration)) from None


@frozen(order=True)
class Interval:
    """A span of time ``[start, end)`` in UTC; ``end`` itself is outside.

    Attributes:
        start: First instant inside.
        end: First instant after it, later than ``start``.

    Raises:
        WrongType: One of the two is no ``datetime``.
        RuleViolation: One has no time zone or a fraction of a second, or ``end`` is not after
            ``start``.

    >>> from datetime import UTC, datetime
    >>> from numgenius_core import Interval
    >>> day = Interval(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC))
    >>> day.seconds, day.end in day
    (86400, False)
    >>> for piece in day.split([datetime(2026, 3, 1, 18, tzinfo=UTC)]):
    ...     print(piece)
    2026-03-01 00:00:00 … 2026-03-01 18:00:00 UTC
    2026-03-01 18:00:00 … 2026-03-02 00:00:00 UTC
    """

    start: datetime
    end: datetime

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "start", utc(self.start, "start"))
        object.__setattr__(self, "end", utc(self.end, "end"))
        if self.end <= self.start:
            raise RuleViolation("end", f"an instant after {self.start}", str(self.end))

    @property
    def seconds(self) -> int:
        """Length of the interval in whole seconds, at least one."""
        return total_seconds(self.start, self.end)

    @property
    def duration(self) -> timedelta:
        """Length of the interval as a ``timedelta``."""
        return self.end - self.start

    def __contains__(self, instant: datetime) -> bool:
        return self.start <= utc(instant) < self.end

    def overlap(self, other: Interval) -> Interval | None:
        """Return the interval that two share, ``None`` if they only touch or lie apart.

        Raises:
            WrongType: ``other`` is no ``Interval``.
        """
        if not isinstance(other, Interval):
            raise WrongType("interval", "an Interval", shown(other))
        start, end = max(self.start, other.start), min(self.end, other.end)
        return Interval(start, end) if start < end else None

    def split(self, instants: Iterable[datetime]) -> tuple[Interval, ...]:
        """Return the pieces that the instants cut the interval into, in order.

        Instants outside and those at its ends cut nothing; together the pieces are the interval.

        Raises:
            WrongType: Something among ``instants`` is no ``datetime``.
            RuleViolation: One has no time zone or a fraction of a second.
        """
        if not is_series(instants):
            raise WrongType("instants", "a series of datetimes", shown(instants))
        cuts = sorted({at for at in map(utc, instants) if self.start < at < self.end})
        edges = [self.start, *cuts, self.end]
        return tuple(Interval(a, b) for a, b in pairwise(edges))

    def __str__(self) -> str:
        return f"{self.start:%Y-%m-%d %H:%M:%S} … {self.end:%Y-%m-%d %H:%M:%S} UTC"


def union(intervals: Iterable[Interval], path: str = "intervals") -> tuple[Interval, ...]:
    """Return the time that intervals cover, in order, those that meet or overlap joined.

    Args:
        intervals: In any order.
        path: What an error calls them.
    """
    joined: list[Interval] = []
    known = as_tuple(intervals, path)
    for index, each in enumerate(known):
        check_kind(each, Interval, f"{path}[{index}]")
    for each in sorted(known):
        if joined and each.start <= joined[-1].end:
            if each.end > joined[-1].end:
                joined[-1] = Interval(joined[-1].start, each.end)
        else:
            joined.append(each)
    return tuple(joined)
