"""The types that the fields of a search have, and how values of them are read.

Rule (the marketplace's client): what a person types is text, and each field reads it as its own
type; a driver version with dots is one number (``535.86.05`` is 535086005), true and false are
``true``, ``True``, ``false`` and ``False``.

Our readings: numbers are the decimals they are written as, a ``float`` is its shortest text, below
10²⁰ with at most 40 decimals; 1 and 0 are true and false as well; a driver version without dots is
the first part alone, ``535`` is ``535.0.0``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from enum import Enum
from typing import Final

from numgenius_core._numbers import WIDE, decimal_text
from numgenius_core.errors import RuleViolation, WrongType, shown

Scalar = Decimal | str | bool
"""A value that an offer has in a field, or that a condition asks for; null is ``None``."""

MAX_WHOLE: Final = 20
"""Digits before the point of a number that is asked for."""
MAX_PLACES: Final = 40
_NUMBER: Final = re.compile(
    r"[+-]?(?:[0-9]{1,60}(?:\.[0-9]{0,60})?|\.[0-9]{1,60})(?:[eE][+-]?[0-9]{1,3})?", re.ASCII
)
_VERSION: Final = re.compile(r"([0-9]{1,3})(?:\.([0-9]{1,3}))?(?:\.([0-9]{1,3}))?", re.ASCII)
_YES: Final = frozenset({"true", "True", "1"})
_NO: Final = frozenset({"false", "False", "0"})


class FieldType(Enum):
    """The type of a search field: what it can be compared with, and how."""

    NUMBER = "a number"
    VERSION = "a driver version such as 535.86.05"
    FLAG = "true or false"
    TEXT = "text"
    PLACE = "a country code or a whole place such as 'Quebec, CA'"
    ANY = "text, a number, true or false"
    """The type of a field that is not known here: it compares as what the offer has in it."""


def check_object(value: object, path: str, need: str) -> None:
    """Refuse what is no object of JSON, in words that whoever sent JSON knows."""
    if not isinstance(value, Mapping):
        raise WrongType(path, need, shown(value))


def number(value: object) -> Decimal | None:
    """Return the number that a JSON value or a text says, exactly; ``None`` if it says none."""
    if isinstance(value, str):
        return Decimal(value) if _NUMBER.fullmatch(value) else None
    if type(value) is int:
        # Making decimal digits of a larger one takes time that grows with the square of its length.
        return Decimal(value) if value.bit_length() <= 256 else None
    if isinstance(value, float):
        value = Decimal(repr(float(value)))
    if isinstance(value, Decimal) and value.is_finite():
        return value
    return None


def version(value: object) -> Decimal | None:
    """Return a driver version as one number; ``None`` if it is no version."""
    if isinstance(value, str) and (match := _VERSION.fullmatch(value)):
        # Three digits a part, so that one comparison of whole numbers orders versions part by part.
        major, minor, patch = (int(part or 0) for part in match.groups())
        return Decimal(major * 10**6 + minor * 10**3 + patch) if major else None
    whole = number(value)
    if whole is None or not 1 <= whole < 10**9 or whole != int(whole):
        return None
    if whole < 1_000:
        return Decimal(int(whole) * 10**6)
    return whole if whole >= 10**6 else None


def flag(value: object) -> bool | None:
    """Return what a JSON value or a text says: true, false or (``None``) neither."""
    if isinstance(value, bool):
        return value
    if type(value) is int:
        return bool(value) if value in (0, 1) else None
    if isinstance(value, str):
        return True if value in _YES else False if value in _NO else None
    return None


def text(value: object) -> str | None:
    """Return the text of a JSON value; ``None`` if it is empty or no text."""
    if type(value) is int and value.bit_length() <= 256:
        return str(value)
    return value if isinstance(value, str) and value else None


def anything(value: object) -> Scalar | None:
    """Return a value of a field that is not known: a text, a number or a flag as it came."""
    if isinstance(value, bool):
        return value
    return text(value) if isinstance(value, str) else number(value)


READ: Final[Mapping[FieldType, Callable[[object], Scalar | None]]] = {
    FieldType.NUMBER: number,
    FieldType.VERSION: version,
    FieldType.FLAG: flag,
    FieldType.TEXT: text,
    FieldType.PLACE: text,
    FieldType.ANY: anything,
}
"""How each type of field reads what JSON or a person says."""


def like(have: Scalar, wanted: Scalar) -> Scalar | None:
    """Return ``wanted`` as a value of the type of ``have``, ``None`` where it cannot be one."""
    if isinstance(have, bool):
        return flag(wanted)
    if isinstance(have, Decimal):
        return number(wanted)
    return wanted if isinstance(wanted, str) else None


def bounded(value: Decimal, path: str) -> Decimal:
    """Return a number with no more digits than it needs, if it is within bounds."""
    # By its exponent first: 1e999 fits in a few characters, but its digits would fill the memory.
    fits = not value or -MAX_PLACES <= value.adjusted() < MAX_WHOLE
    if fits and len(value.as_tuple().digits) <= WIDE.prec:
        shortest = Decimal(decimal_text(value)) if value else Decimal(0)
        if -int(shortest.as_tuple().exponent) <= MAX_PLACES:
            return shortest
    need = f"a number below 10^{MAX_WHOLE} with at most {MAX_PLACES} decimals"
    raise RuleViolation(path, need, shown(value))
