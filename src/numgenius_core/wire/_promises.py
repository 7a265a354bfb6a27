"""The promise of uptime that a record names, and what it says to cost.

Rule (marketplace, published 2026): a listing's claim is ``sla_r_claim``, in an offer also
``expected_reliability``, in a host's row ``sla_reliability_claim``; 0 is no promise. The spread is
``sla_sigma_x``. The fee of a promise is ``slaPremiumPerHour`` in ``search`` or ``instance``, and
part of the total. Records have had the fields since July 2026, all of them zero or null so far.

Our readings: a claim is rounded half-even to whole parts of 10⁻⁹, as uptime is counted; null and 0
are none. A spread that is null, 0 or missing is the 0.5 of a new listing that names none.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Any, Final

from numgenius_core._terms import (
    DEFAULT_SPREAD,
    MAX_CLAIM,
    MAX_SPREAD,
    PARTS,
    ConfidenceBand,
    Promise,
)
from numgenius_core.errors import RuleViolation, WrongType, shown
from numgenius_core.rates import PerHour
from numgenius_core.wire._fields import is_unknown, nearest, price_steps

_CLAIM: Final = "a claim from 0 to 0.99999"
_SPREAD: Final = "a spread from 0 to 3"
_BANDS: Final = {band.value: band for band in ConfidenceBand}


@lru_cache(maxsize=4_096, typed=True)
def claim(value: Any) -> Fraction:
    """Return a claim; 0 is none."""
    if is_unknown(value):
        return Fraction(0)
    parts = nearest(value, PARTS, 1, _CLAIM)
    if value < 0 or parts > MAX_CLAIM * PARTS:
        raise RuleViolation("", _CLAIM, shown(value))
    return Fraction(parts, PARTS)


@lru_cache(maxsize=4_096, typed=True)
def spread(value: Any) -> Fraction | None:
    """Return a spread; ``None`` if none is said."""
    if is_unknown(value):
        return None
    if type(value) is not float and type(value) is not int:
        raise WrongType("", _SPREAD, shown(value))
    if not 0 <= value <= MAX_SPREAD:
        raise RuleViolation("", _SPREAD, shown(value))
    return Fraction(Decimal(repr(value))) or None


def band(value: Any) -> ConfidenceBand | None:
    """Return a confidence as it is shown; ``None`` if none is said."""
    if value in (None, ""):
        return None
    word = value.lower() if isinstance(value, str) else value
    if isinstance(word, str) and word in _BANDS:
        return _BANDS[word]
    error = RuleViolation if isinstance(value, str) else WrongType
    raise error("", "one of " + ", ".join(_BANDS), shown(value))


def fee(value: Any) -> PerHour | None:
    """Return the fee that ``search`` or ``instance`` of a row names; ``None`` for none."""
    said = value.get("slaPremiumPerHour") if isinstance(value, dict) else None
    if is_unknown(said):
        return None
    return PerHour.from_steps(price_steps(said)) or None


def promise_of(claimed: Fraction, width: Fraction | None) -> Promise | None:
    """Return the promise of a claim and a spread; ``None`` for none."""
    return Promise(claimed, width or DEFAULT_SPREAD) if claimed else None


def claim_key(record: Mapping[str, Any]) -> str:
    """Return the name under which an offer's record has its claim."""
    return "expected_reliability" if record.get("sla_r_claim") is None else "sla_r_claim"


def offered(record: Mapping[str, Any]) -> Promise | None:
    """Return the promise of an offer's record; ``None`` for none."""
    said = record.get(claim_key(record))
    if not said:  # as of nearly all records
        return None
    return promise_of(claim(said), spread(record.get("sla_sigma_x")))
