"""What commands say of promises of uptime, and the checks of it."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any, Final, cast

from numgenius_core._numbers import exact_number
from numgenius_core._terms import max_beta_of, reliability_of, spread_of
from numgenius_core.units import Exact


def exactly(given: Exact) -> Fraction:
    """Say what is taken: the message makes a fraction of it, and checks it."""
    return cast(Fraction, given)


def maybe(given: Exact | None) -> Fraction | None:
    """Say what is taken: the message makes a fraction of it, if there is one, and checks it."""
    return cast(Fraction | None, given)


def _claim(value: Exact, path: str) -> Fraction:
    """Return a claim: 0, or above it and at most 0.99999, with at most 9 decimals."""
    need = "a share from 0 to 0.99999 with at most 9 decimals"
    if exact_number(value, path, need) == 0:
        return Fraction(0)
    return reliability_of(value, path, need)


A_CLAIM: Final[Mapping[str, Any]] = {"check": _claim}
A_SPREAD: Final[Mapping[str, Any]] = {"check": spread_of}
A_BETA: Final[Mapping[str, Any]] = {"check": max_beta_of}
A_TARGET: Final[Mapping[str, Any]] = {"check": reliability_of}
