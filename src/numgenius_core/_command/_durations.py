"""Lengths of time as people type them: ``3d``, ``72h``, ``2 weeks``, ``1d 12h``, ``1.5h``."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Final

from numgenius_core.errors import RuleViolation
from numgenius_core.units import SECONDS_PER_DAY, SECONDS_PER_HOUR, SECONDS_PER_MONTH

_UNITS: Final = {
    **dict.fromkeys(("s", "sec", "second", "seconds"), 1),
    **dict.fromkeys(("min", "minute", "minutes"), 60),
    **dict.fromkeys(("h", "hr", "hour", "hours"), SECONDS_PER_HOUR),
    **dict.fromkeys(("d", "day", "days"), SECONDS_PER_DAY),
    **dict.fromkeys(("w", "week", "weeks"), 7 * SECONDS_PER_DAY),
    **dict.fromkeys(("mo", "month", "months"), SECONDS_PER_MONTH),
}
_PART: Final = re.compile(
    r"\s*([0-9]{1,40}(?:\.[0-9]{1,9})?|\.[0-9]{1,9})\s*([a-z]*)\s*", re.ASCII | re.IGNORECASE
)
_EXPONENT: Final = re.compile(r"\s*[0-9.]+e[+-]?[0-9]", re.ASCII | re.IGNORECASE)
_WORD: Final = re.compile(r"[a-z]+", re.ASCII | re.IGNORECASE)
_LONGEST: Final = 100 * 366 * SECONDS_PER_DAY
_EXAMPLES: Final = "such as 72h, 3d, '2 weeks' or '1d 12h'"


def parse_hours(text: str, option: str = "--hours") -> int:
    """Return a length of time in seconds; a number without a unit is hours.

    Args:
        text: Numbers with their units; a month is one of 720 hours, as everywhere in this command.
        option: What an error calls it.

    Raises:
        RuleViolation: It is no length of time, ``m`` (minutes or months?), none at all, not whole
            seconds, or above 100 years.
    """
    return _seconds(text, option, f"hours, or a length of time {_EXAMPLES}", SECONDS_PER_HOUR)


def parse_span(text: str, option: str) -> int:
    """Return a length of time in seconds, whose unit must be said; it may be none, ``0d``.

    Args:
        text: Numbers with their units, as for :func:`parse_hours`.
        option: What an error calls it.

    Raises:
        RuleViolation: As for :func:`parse_hours`, but for none at all; a number without a unit.
    """
    return _seconds(text, option, f"a length of time with its unit, {_EXAMPLES}", None, least=0)


def parse_days(text: str, option: str) -> int:
    """Return a length of time in seconds that is the same at every date: without months.

    Args:
        text: Numbers with their units, as for :func:`parse_span`.
        option: What an error calls it.

    Raises:
        RuleViolation: As for :func:`parse_span`; months, whose length depends on their date.
    """
    need = "a length of time with its unit, such as 30d, '2 weeks' or '1d 12h'"
    words = {word.lower() for word in _WORD.findall(text)}
    if "m" in words or any(_UNITS.get(word) == SECONDS_PER_MONTH for word in words):
        raise RuleViolation(option, f"{need} (a month's length depends on its date)", repr(text))
    return _seconds(text, option, need, None, least=0)


def _seconds(text: str, option: str, need: str, bare: int | None, least: int = 1) -> int:
    total, at, seen = Fraction(0), 0, set[int]()
    while at < len(text):
        match = _PART.match(text, at)
        if match is None:
            raise RuleViolation(option, need, repr(text))
        number, unit = match[1], match[2].lower()
        if _EXPONENT.match(text, at):
            need = "a length of time, as a plain decimal number and its unit such as 0.5d"
            if bare is not None:
                need = "hours, as a plain decimal number such as 0.5"
            raise RuleViolation(option, need, repr(text))
        if unit == "m":
            need = f"{number}min for minutes or {number}mo for months"
            raise RuleViolation(option, need, repr(text))
        alone = at == 0 and match.end() == len(text)
        size = _UNITS.get(unit) if unit else (bare if alone else None)
        if size is None or size in seen:
            raise RuleViolation(option, need, repr(text))
        seen.add(size)
        total += Fraction(number) * size
        at = match.end()
    if not text or total.denominator != 1 or not least <= total <= _LONGEST:
        need = f"whole seconds, from {least} up to 100 years"
        raise RuleViolation(option, need, repr(text))
    return total.numerator
