"""Checks of what comes in: each refuses a bad value in our words, with its path.

Values are checked where they enter, once. Inside the rules nothing is checked again.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final, TypeVar

from numgenius_core._numbers import whole_number
from numgenius_core.errors import RuleViolation, WrongType, shown

_T = TypeVar("_T")
MAX_ID: Final = 2**63 - 1
MAX_GPUS: Final = 4_096
"""GPUs of the largest machine taken."""


def check_id(value: object, path: str) -> None:
    """Refuse what is no id: a whole number from 0 to 2⁶³ − 1."""
    if type(value) is not int or not 0 <= value <= MAX_ID:
        whole_number(value, path, 0, MAX_ID)


def check_text(value: object, path: str, longest: int = 200) -> None:
    """Refuse what is no printable text of 1 to ``longest`` characters."""
    if not isinstance(value, str):
        raise WrongType(path, "text", shown(value))
    if not 1 <= len(value) <= longest or not value.isprintable():
        raise RuleViolation(path, f"1 to {longest} printable characters", shown(value))


def check_min_gpu(min_gpu: int, gpus: int, path: str = "min_gpu") -> None:
    """Refuse a ``min_gpu`` that the library does not list (G5).

    Raises:
        WrongType: It is no integer.
        RuleViolation: It is no power of two, or larger than the machine.
    """
    whole_number(min_gpu, path, 1)
    if min_gpu & (min_gpu - 1):
        raise RuleViolation(path, "a power of two", str(min_gpu))
    if min_gpu > gpus:
        raise RuleViolation(path, f"at most the machine's {gpus} GPUs", str(min_gpu))


def check_kind(value: object, kind: type, path: str) -> None:
    """Refuse a value that is not of the class ``kind``."""
    if not isinstance(value, kind):
        article = "an" if kind.__name__[0] in "AEIO" else "a"
        raise WrongType(path, f"{article} {kind.__name__}", shown(value))


def utc(value: datetime, path: str = "instant") -> datetime:
    """Return an instant in UTC.

    Args:
        value: A ``datetime`` with any time zone, on a whole second.
        path: What messages call it.

    Raises:
        WrongType: It is no ``datetime``.
        RuleViolation: It has no time zone, a fraction of a second (see :func:`floor_second`), or
            leaves the years 1 to 9999 in UTC.

    >>> from datetime import datetime, timedelta, timezone
    >>> from numgenius_core.intervals import utc
    >>> print(utc(datetime(2026, 3, 1, 9, tzinfo=timezone(timedelta(hours=2)))))
    2026-03-01 07:00:00+00:00
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


def as_tuple(values: Iterable[_T], path: str) -> tuple[_T, ...]:
    """Return values as a tuple.

    Raises:
        WrongType: They are no series.
    """
    if not isinstance(values, Iterable):
        raise WrongType(path, "a series of values", shown(values))
    return tuple(values)
