"""Hours in which maintenance is allowed: recurring windows on the clock of a time zone.

Rule (issue of this library; the marketplace has none): a host allows itself hours such as
``Sat-Sun 01:00-06:00 Europe/Berlin``. Hours that end at or before they begin run over midnight,
and belong to the weekday on which they begin.

Our reading of a clock that is changed: an instant is inside exactly if the local clock then *shows*
a time within the hours. So hours that would begin in a gap begin with the first instant after it,
hours that would end in one end where it begins, and hours all of which lie in it do not occur. A
time that the clock shows twice is inside both times; what the clock shows between the two may be
outside, and is. Nobody's machine goes down at an hour that the text does not name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

from attrs import field, frozen

from numgenius_core._checks import as_tuple, check_kind, check_text
from numgenius_core._numbers import keep_whole, whole_number
from numgenius_core.errors import ParseError, RuleViolation, WrongType, brief, shown
from numgenius_core.intervals import Interval, to_epoch, union
from numgenius_core.units import SECONDS_PER_DAY

_MINUTES: Final = 1_440
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_WEEKDAY: Final = 3  # a Thursday, Monday being 0
_NAMES: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_DAYS: Final = {
    **{name.lower(): number for number, name in enumerate(_NAMES)},
    **{name[:3].lower(): number for number, name in enumerate(_NAMES)},
}
_GROUPS: Final = {"daily": range(7), "weekdays": range(5), "weekends": range(5, 7)}
_TEXT: Final = re.compile(
    r"\s*([a-z][a-z,\-– ]{0,99}?)\s+([0-9]{1,2}):([0-9]{2})\s*[-–]\s*([0-9]{1,2}):([0-9]{2})"
    r"\s+([a-z0-9_+\-/]{1,64})\s*",
    re.ASCII | re.IGNORECASE,
)
_NEED: Final = "hours such as 'Sat-Sun 01:00-06:00 Europe/Berlin' or 'daily 22:00-02:00 UTC'"


@frozen(kw_only=True)
class Recurrence:
    """Hours that recur on some days of the week, on the clock of a time zone.

    :meth:`parse` reads them from text, which is easier than counting minutes.

    Attributes:
        days: Weekdays on which the hours begin, Monday 0 to Sunday 6.
        start: Minutes after midnight, 0 to 1,439.
        end: Minutes after that same midnight, later than ``start`` and less than a day later;
            above 1,440 it lies on the next day. 0 to 1,440 is a whole day.
        zone: The IANA name of the time zone whose clock counts.

    Raises:
        RuleViolation: No weekday, minutes out of range, or a time zone that this system does not
            know.

    >>> from numgenius_core.maintenance import Recurrence
    >>> str(Recurrence.parse("Fri–Sun 23:30–02:00 Europe/Berlin"))
    'Fri,Sat,Sun 23:30-02:00 Europe/Berlin'
    """

    days: frozenset[int] = field(repr=brief)
    start: int
    end: int
    zone: str

    def __attrs_post_init__(self) -> None:
        check_kind(self.days, frozenset, "recurrence.days")
        if not self.days:
            raise RuleViolation("recurrence.days", "at least one weekday", "none")
        days = frozenset(whole_number(day, "recurrence.days", 0, 6) for day in self.days)
        object.__setattr__(self, "days", days)
        keep_whole(self, "start", "recurrence.start", 0, _MINUTES - 1)
        longest = self.start + _MINUTES - (1 if self.start else 0)
        keep_whole(self, "end", "recurrence.end", self.start + 1, longest)
        _zone(self.zone, "recurrence.zone")

    @classmethod
    def parse(cls, text: str, path: str = "hours") -> Recurrence:
        """Return the hours that a text names: days, times and a time zone.

        Days are names, lists and ranges of them (``Mon,Wed``, ``Fri-Mon``), ``daily``,
        ``weekdays`` or ``weekends``, in capitals or not. A hyphen may be an en dash. The time zone
        is written as IANA has it, with its capitals.

        Args:
            text: Such as ``Sat-Sun 01:00-06:00 Europe/Berlin``.
            path: What an error calls the text.

        Raises:
            ParseError: A text that names no hours, or a time zone that this system does not know.
        """
        if not isinstance(text, str):
            raise WrongType(path, _NEED, shown(text))
        match = _TEXT.fullmatch(text)
        if match is None:
            raise ParseError(path, _NEED, shown(text))
        days = _days(match[1], path)
        start, end = (_minutes(match[i], match[i + 1], path) for i in (2, 4))
        if start in (end, _MINUTES):
            raise ParseError(path, "hours that begin before 24:00 and end at another time", text)
        end += 0 if end > start else _MINUTES
        try:
            return cls(days=days, start=start, end=end, zone=match[6])
        except RuleViolation as fault:
            raise ParseError(path, fault.need, fault.got) from None

    def __str__(self) -> str:
        days = ",".join(_NAMES[day][:3] for day in sorted(self.days))
        end = self.end if self.end <= _MINUTES else self.end - _MINUTES
        start = f"{self.start // 60:02}:{self.start % 60:02}"
        return f"{days} {start}-{end // 60:02}:{end % 60:02} {self.zone}"

    def intervals(self, within: Interval) -> tuple[Interval, ...]:
        """Return the hours within a period as instants, in order of time, touching ones joined.

        Raises:
            RuleViolation: The local calendar ends within the period.
        """
        check_kind(within, Interval, "within")
        return union(self._pieces(within))

    def _pieces(self, within: Interval) -> Iterator[Interval]:
        """Yield the hours while the clock is not changed: there it is UTC plus an offset."""
        for start, end, offset in _steady(_zone(self.zone, "zone"), within):
            first = (start + offset) // SECONDS_PER_DAY - 1  # it may reach over midnight
            last = (end + offset - 1) // SECONDS_PER_DAY
            for day in range(first, last + 1):
                if (day + _EPOCH_WEEKDAY) % 7 in self.days:
                    midnight = day * SECONDS_PER_DAY - offset
                    begin = max(start, midnight + self.start * 60)
                    until = min(end, midnight + self.end * 60)
                    if begin < until:
                        yield Interval(_at(begin), _at(until))


def allowed_intervals(hours: Iterable[Recurrence], within: Interval) -> tuple[Interval, ...]:
    """Return when within a period maintenance is allowed: inside at least one of the hours.

    Args:
        hours: Recurring hours, each on the clock of its own time zone.
        within: The period that is looked at.

    Returns:
        The intervals in order of time, those that meet or overlap joined.

    Raises:
        RuleViolation: A local calendar ends within the period (year 9999).

    >>> from datetime import UTC, datetime, timedelta
    >>> from numgenius_core import Interval
    >>> from numgenius_core.maintenance import Recurrence, allowed_intervals
    >>> monday = datetime(2026, 1, 5, tzinfo=UTC)
    >>> nights = Recurrence.parse("daily 22:00-02:00 UTC")
    >>> for allowed in allowed_intervals([nights], Interval(monday, monday + timedelta(days=1))):
    ...     print(allowed)
    2026-01-05 00:00:00 … 2026-01-05 02:00:00 UTC
    2026-01-05 22:00:00 … 2026-01-06 00:00:00 UTC
    """
    check_kind(within, Interval, "within")
    pieces: list[Interval] = []
    for index, each in enumerate(as_tuple(hours, "hours")):
        check_kind(each, Recurrence, f"hours[{index}]")
        pieces += each.intervals(within)
    return union(pieces)


def _days(text: str, path: str) -> frozenset[int]:
    days: set[int] = set()
    for part in text.lower().split(","):
        ends = [name.strip() for name in re.split("[-–]", part)]
        if len(ends) == 1 and ends[0] in _GROUPS:
            days.update(_GROUPS[ends[0]])
        elif len(ends) <= 2 and all(name in _DAYS for name in ends):
            first, last = _DAYS[ends[0]], _DAYS[ends[-1]]
            days.update((first + i) % 7 for i in range((last - first) % 7 + 1))
        else:
            raise ParseError(path, "days such as 'Sat-Sun', 'Mon,Wed' or 'daily'", shown(text))
    return frozenset(days)


def _minutes(hours: str, minutes: str, path: str) -> int:
    total = int(hours) * 60 + int(minutes)
    if int(minutes) > 59 or total > _MINUTES:
        raise ParseError(path, "times from 00:00 to 24:00", shown(f"{hours}:{minutes}"))
    return total


def _zone(name: str, path: str) -> tzinfo:
    """Return a time zone; UTC is known without any data."""
    check_text(name, path, 64)
    if name == "UTC":
        return UTC
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown, no relative path, a folder of zones
        need = f"an IANA time zone that this system knows ({_hint(name)})"
        raise RuleViolation(path, need, shown(name)) from None


def _hint(name: str) -> str:
    """Return what may help where a time zone is not known; their names have capitals."""
    from zoneinfo import available_timezones

    alike = [each for each in {"UTC", *available_timezones()} if each.casefold() == name.casefold()]
    near = min(alike, default=name)
    return "pip install tzdata" if near == name else f"did you mean {near}?"


def _steady(zone: tzinfo, within: Interval) -> Iterator[tuple[int, int, int]]:
    """Yield ``(start, end, offset)``: spans of Unix seconds with one offset, in seconds.

    A day is looked at by its ends: no zone has changed its clock twice within three days.
    """
    start, last = to_epoch(within.start), to_epoch(within.end)
    at, offset = start, _offset(zone, start)
    while at < last:
        at_next = min(at + SECONDS_PER_DAY, last)
        after = _offset(zone, at_next)
        if after != offset:
            before = at  # the offset holds here and no longer at at_next
            while at_next - before > 1:  # halve to the second at which the clock is changed
                middle = (before + at_next) // 2
                if _offset(zone, middle) == offset:
                    before = middle
                else:
                    at_next = middle
            yield start, at_next, offset
            start, offset = at_next, after
        at = at_next
    if start < last:
        yield start, last, offset


def _offset(zone: tzinfo, seconds: int) -> int:
    try:
        offset = _at(seconds).astimezone(zone).utcoffset() or timedelta()
    except OverflowError:
        need = "a period within years 1 to 9999 of its local calendar"
        raise RuleViolation("within", need, f"{_at(seconds)}") from None
    return offset.days * SECONDS_PER_DAY + offset.seconds


def _at(seconds: int) -> datetime:
    return _EPOCH + timedelta(seconds=seconds)
