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
from typing import TYPE_CHECKING, Final

from attrs import frozen

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

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST: Final = int((datetime(9999, 12, 31, tzinfo=UTC) - _EPOCH).total_seconds())
_MAX_COUNT: Final = 1_000_000_000  # of any unit in a typed duration: 31 years in seconds

_UNITS: Final = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), "seconds"),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), "minutes"),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), "hours"),
    **dict.fromkeys(("d", "day", "days"), "days"),
    **dict.fromkeys(("w", "week", "weeks"), "weeks"),
    **dict.fromkeys(("mo", "mon", "month", "months"), "months"),
    **dict.fromkeys(("y", "yr", "year", "years"), "years"),
}
_PART: Final = re.compile(r"\s*([0-9]{1,10})\s*([a-z]*)\s*,?", re.ASCII | re.IGNORECASE)


def utc(value: datetime, path: str = "instant") -> datetime:
    """Return an instant in UTC.

    Raises:
        WrongType: It is no ``datetime``.
        RuleViolation: It has no time zone, a fraction of a second, or leaves the calendar in UTC.
    """
    if not isinstance(value, datetime):
        raise WrongType(path, "a datetime with a time zone", shown(value))
    if value.tzinfo is UTC and not value.microsecond:
        return value
    if value.tzinfo is None or value.utcoffset() is None:
        raise RuleViolation(path, "a datetime with a time zone", str(value))
    try:
        instant = value.astimezone(UTC)
    except OverflowError:
        raise RuleViolation(path, "a date within years 1 to 9999 in UTC", str(value)) from None
    if instant.microsecond:  # asked in UTC: an offset may have a fraction of a second too
        raise RuleViolation(path, "a whole second (or use floor_second)", str(value))
    return instant


def floor_second(value: datetime) -> datetime:
    """Return the second that ``value`` lies in, in UTC.

    Raises:
        WrongType: It is no ``datetime``.
        RuleViolation: It has no time zone or leaves the calendar in UTC.
    """
    if not isinstance(value, datetime):
        raise WrongType("instant", "a datetime with a time zone", shown(value))
    return utc(value.replace(microsecond=0))


def from_epoch(seconds: float, path: str = "instant") -> datetime:
    """Return the instant of Unix seconds, a fraction floored.

    Raises:
        WrongType: It is no number.
        RuleViolation: It is not finite or beyond the calendar.
    """
    need = "Unix seconds from 1970 to 9999"
    if type(seconds) not in (int, float):
        raise WrongType(path, need, shown(seconds))
    if not 0 <= seconds <= _LATEST:  # also false for NaN
        raise RuleViolation(path, need, shown(seconds))
    return _EPOCH + timedelta(seconds=int(seconds))


def to_epoch(value: datetime) -> int:
    """Return the Unix seconds of an instant."""
    return total_seconds(_EPOCH, utc(value))


def total_seconds(start: datetime, end: datetime) -> int:
    """Return the whole seconds from one instant in UTC to another, negative if it lies before."""
    elapsed = end - start
    return elapsed.days * SECONDS_PER_DAY + elapsed.seconds


def parse_instant(text: str, path: str = "instant") -> datetime:
    """Return the instant of an ISO 8601 text with an offset, such as ``2026-12-31T00:00:00Z``.

    A date alone is its first second in UTC, as the marketplace's own client reads it.

    Raises:
        ParseError: It is no such text.
    """
    need = "an ISO 8601 date or time with an offset"
    if not isinstance(text, str):
        raise WrongType(path, need, shown(text))
    try:
        value = datetime.fromisoformat(text)
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text, re.ASCII):
            value = value.replace(tzinfo=UTC)
        return utc(value, path)
    except RuleViolation as fault:
        raise ParseError(path, fault.need, shown(text)) from None
    except ValueError:
        raise ParseError(path, need, shown(text)) from None


def parse_duration(text: str | int, path: str = "duration") -> relativedelta:
    """Return a duration as people type it: ``3 days``, ``2 weeks``, ``1d 12h``, or seconds.

    ``m`` is a minute and ``mo`` a month. Months and years are calendar ones: :func:`after` counts
    them from an instant, :func:`fixed_duration` refuses them.

    Raises:
        WrongType: It is neither text nor an ``int``.
        ParseError: It is empty, negative, out of range or has an unknown unit.
    """
    from dateutil.relativedelta import relativedelta

    need = "a duration such as '3 days', '2 weeks', '3 months' or seconds"
    if type(text) is int:
        if not 0 <= text <= _MAX_COUNT:
            raise ParseError(path, need, shown(text))
        text = str(text)
    if not isinstance(text, str):
        raise WrongType(path, need, shown(text))
    parts: dict[str, int] = {}
    place = 0
    while place < len(text.rstrip()):
        match = _PART.match(text, place)
        unit = _UNITS.get(match[2].lower() or "s") if match else None
        bare = match is not None and not match[2] and (place or match.end() < len(text.rstrip()))
        if match is None or unit is None or unit in parts or bare or int(match[1]) > _MAX_COUNT:
            raise ParseError(path, need, shown(text))
        parts[unit] = int(match[1])
        place = match.end()
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
    """Return the instant a duration after ``start``; calendar months count from it.

    Raises:
        WrongType: Not an instant and a duration.
        RuleViolation: The calendar ends before.
    """
    begin = utc(start, path)
    try:
        end = begin + duration
    except TypeError:
        raise WrongType(path, "a duration", shown(duration)) from None
    except (OverflowError, ValueError):
        raise RuleViolation(path, "a date up to year 9999", f"{start} + {duration}") from None
    return utc(end, path)


def fixed_duration(duration: relativedelta, path: str = "duration") -> timedelta:
    """Return a typed duration as a length of time.

    Raises:
        WrongType: It is no duration.
        RuleViolation: It has calendar months or years, whose length depends on a date.
    """
    from dateutil.relativedelta import relativedelta

    if not isinstance(duration, relativedelta):
        raise WrongType(path, "a relativedelta", shown(duration))
    if duration.months or duration.years:
        raise RuleViolation(path, "days, hours … (a month's length depends on its date)", "months")
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
        WrongType: Not two datetimes.
        RuleViolation: Naive, finer than a second, or ``end`` is not after ``start``.
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
        """Length in seconds."""
        return total_seconds(self.start, self.end)

    @property
    def duration(self) -> timedelta:
        """Length as a ``timedelta``."""
        return self.end - self.start

    def __contains__(self, instant: datetime) -> bool:
        return self.start <= utc(instant) < self.end

    def overlap(self, other: Interval) -> Interval | None:
        """Return what two intervals share, ``None`` if nothing; raises ``WrongType``."""
        if not isinstance(other, Interval):
            raise WrongType("interval", "an Interval", shown(other))
        start, end = max(self.start, other.start), min(self.end, other.end)
        return Interval(start, end) if start < end else None

    def split(self, instants: Iterable[datetime]) -> tuple[Interval, ...]:
        """Return the pieces between the instants that lie inside, in order.

        Raises:
            WrongType: Not a series of datetimes.
            RuleViolation: One without a time zone, or finer than a second.
        """
        if not isinstance(instants, Iterable):
            raise WrongType("instants", "a series of datetimes", shown(instants))
        cuts = sorted({at for at in map(utc, instants) if self.start < at < self.end})
        edges = [self.start, *cuts, self.end]
        return tuple(Interval(a, b) for a, b in pairwise(edges))

    def __str__(self) -> str:
        return f"{self.start:%Y-%m-%d %H:%M:%S} … {self.end:%Y-%m-%d %H:%M:%S} UTC"
