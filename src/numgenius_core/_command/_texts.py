"""Values as people type them: a share as a decimal, a length of time with its unit."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Final

from numgenius_core._numbers import decimal_text, length_text, own_context

INSTANT: Final = "%Y-%m-%dT%H:%M:%SZ"
"""How ``--json`` writes an instant, as all documents do."""
_PLACES: Final = Decimal("1e-12")
_WIDE: Final = own_context(250)  # no share is longer


def text_of(value: object) -> str | None:
    """Return a value as an option would take it, ``None`` for nothing."""
    if isinstance(value, datetime):
        return f"{value:{INSTANT}}"
    if isinstance(value, timedelta):
        return length_text(value // timedelta(seconds=1))
    if isinstance(value, Fraction):
        return share(value)
    return None if value is None else str(value)


def instant_text(instant: str | None, missing: str) -> str:
    """Return an instant of an answer for a person: to the minute, or the second where it has some.

    Nothing is cut off: who acts at the time that is shown is never early.
    """
    if instant is None:
        return missing
    return instant.replace("T", " ").removesuffix("Z").removesuffix(":00")


def share(value: Fraction) -> str:
    """Return a number in plain digits, with at most twelve decimals."""
    number = _WIDE.divide(Decimal(value.numerator), Decimal(value.denominator))
    return decimal_text(number.quantize(_PLACES, context=_WIDE))
