"""The fields of an API record, each checked and converted by a hook of its own.

A hook takes what ``json`` gives and returns what an offer keeps, or raises one of our errors with
an empty path: the reader knows where the field stands. ``float`` enters the library here, through
its shortest decimal text (and in ``wire._snapshots``, as text).
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Any, Final

from numgenius_core._checks import MAX_GPUS, MAX_ID, check_text
from numgenius_core._numbers import (
    PICO,
    as_fraction_of_ten,
    fraction,
    round_half_even,
    whole_number,
)
from numgenius_core.errors import RuleViolation, WrongType, shown
from numgenius_core.ids import AccountId
from numgenius_core.intervals import from_epoch
from numgenius_core.listing import Verification
from numgenius_core.money import Money
from numgenius_core.rates import MAX_RATE, PerGb, PerGbMonth, PerGpuHour
from numgenius_core.units import MAX_GB, MB_PER_GB

MAX_STEPS: Final = MAX_RATE * PICO
_DOLLARS: Final = f"dollars from 0 to {MAX_RATE:,}"
_SIX_DIGITS: Final = 1.001e-6
"""How far a share of six digits may be from the true one, cut off or rounded."""
_WORDS: Final = {kind.value: kind for kind in Verification}


# -- numbers ---------------------------------------------------------------------------------


def nearest(value: object, scale: int, parts: int, need: str) -> int:
    """Return ``value × scale / parts`` of a JSON number as the nearest integer, ties to even."""
    if type(value) is float:
        scaled = value * scale / parts
        if -1e14 < scaled < 1e14:
            # Far from a tie float rounding and decimal rounding agree, as in _numbers.float_steps;
            # this saves nine tenths of the time.
            whole = round(scaled)
            if -0.45 < scaled - whole < 0.45:
                return whole
        if not abs(value) <= 1e15:  # also so for NaN
            raise RuleViolation("", need, shown(value))
        digits, places = as_fraction_of_ten(Decimal(repr(value)), "", need)
        return round_half_even(digits * scale, 10**places * parts)
    if type(value) is not int:
        raise WrongType("", need, shown(value))
    return round_half_even(value * scale, parts)


def price_steps(value: object) -> int:
    """Return a price in price steps, rounded once."""
    steps = nearest(value, PICO, 1, _DOLLARS)
    if not 0 <= steps <= MAX_STEPS or value < 0:  # type: ignore[operator]  # a number by now
        raise RuleViolation("", _DOLLARS, shown(value))
    return steps


# -- hooks: one a kind of field, each checks what it returns -----------------------------------
# They run once a field and record, so what is right leaves by the first line. Names, shares,
# storage and traffic prices repeat all over a market, hosts and end dates over the slices of a
# machine: their hooks remember answers (typed: True is not 1 here).


def id_number(value: Any) -> int:
    """Return an id of the marketplace."""
    if type(value) is int and 0 <= value <= MAX_ID:
        return value
    return whole_number(value, "", 0, MAX_ID)


def gpu_count(value: Any) -> int:
    """Return a number of GPUs."""
    if type(value) is int and 1 <= value <= MAX_GPUS:
        return value
    return whole_number(value, "", 1, MAX_GPUS)


@lru_cache(maxsize=4_096, typed=True)
def gpu_name(value: Any) -> str:
    """Return the model of the GPUs."""
    check_text(value, "")
    return value  # type: ignore[no-any-return]  # text by now


def price(value: Any) -> float:
    """Return a price for the whole offer as it came; it is divided once the GPUs are known."""
    if type(value) is not float or not 0 <= value <= MAX_RATE:
        price_steps(value)
    return value  # type: ignore[no-any-return]


def is_unknown(value: object) -> bool:
    """Return whether a price says nothing: it is null, or the ``NaN`` of a dataframe."""
    return value is None or (type(value) is float and value != value)  # noqa: PLR0124 - NaN


def price_or_nothing(value: Any) -> float:
    """Return a price that may not be known; it is 0 then, and the offer says so."""
    return 0 if is_unknown(value) else price(value)


@lru_cache(maxsize=16_384, typed=True)
def storage(value: Any) -> PerGbMonth:
    """Return a price of disk."""
    return PerGbMonth.from_steps(0 if is_unknown(value) else price_steps(value))


@lru_cache(maxsize=16_384, typed=True)
def traffic(value: Any) -> PerGb:
    """Return a price of traffic."""
    return PerGb.from_steps(0 if is_unknown(value) else price_steps(value))


@lru_cache(maxsize=16_384, typed=True)
def share(value: Any) -> Fraction:
    """Return a discount as an exact share; null is none."""
    if value is None:
        return Fraction(0)
    need = "a share from 0 to below 1"
    if type(value) is not float:
        if type(value) is not int:
            raise WrongType("", need, shown(value))
    elif not abs(value) <= 1:  # also so for NaN
        raise RuleViolation("", need, shown(value))
    exact = value if type(value) is int else Decimal(repr(value))
    return fraction(exact, "", below_one=True)


def disk(value: Any) -> int:
    """Return a disk size in GB as the nearest whole MB."""
    if type(value) is float and 0 <= value <= 1e6:
        megabytes = round(value * MB_PER_GB)
        if megabytes == value * MB_PER_GB:  # as most are
            return megabytes
    if value is None:
        return 0
    need = f"GB from 0 to {MAX_GB:,}"
    megabytes = nearest(value, MB_PER_GB, 1, need)
    if not 0 <= megabytes <= MAX_GB * MB_PER_GB:
        raise RuleViolation("", need, shown(value))
    return megabytes


def dollars(value: Any) -> Money:
    """Return an amount, a number or the text of one; below zero is money that goes back."""
    if isinstance(value, str):
        return Money(value)
    if type(value) is not float and type(value) is not int:
        raise WrongType("", "dollars", shown(value))
    return Money.from_float(value)


def number(value: Any) -> float | None:
    """Return a number that people compare and no rule charges, as it came, or ``None``."""
    if type(value) is float:
        if -1e300 < value < 1e300:  # also false for NaN
            return value
    elif value is None or (type(value) is int and value.bit_length() <= 64):
        return value
    error = RuleViolation if type(value) in {float, int} else WrongType
    raise error("", "a finite number", shown(value))


def text(value: Any) -> str | None:
    """Return a text that no rule reads, or ``None``."""
    if value is None or type(value) is str:
        return value
    raise WrongType("", "text", shown(value))


@lru_cache(maxsize=16_384, typed=True)
def end(value: Any) -> datetime | None:
    """Return Unix seconds as an instant, floored; null never ends."""
    return None if value is None else from_epoch(value, "")


@lru_cache(maxsize=16_384, typed=True)
def host(value: Any) -> AccountId | None:
    """Return an account, which the marketplace numbers."""
    if type(value) is int and 0 <= value <= MAX_ID:
        return AccountId(str(value))
    if value is None:
        return None
    if not isinstance(value, str):
        value = whole_number(value, "", 0, MAX_ID)
    check_text(value, "")
    return AccountId(value)


def verification(value: Any) -> Verification:
    """Return what the marketplace says of a machine; nothing said is unverified."""
    if type(value) is str and value in _WORDS:
        return _WORDS[value]
    if value is None:
        return Verification.UNVERIFIED
    error = RuleViolation if isinstance(value, str) else WrongType
    raise error("", "one of " + ", ".join(_WORDS), shown(value))


def yes(value: Any) -> bool:
    """Return a truth; nothing said is true."""
    if type(value) is bool:
        return value
    if value is None:
        return True
    raise WrongType("", "true or false", shown(value))


def maybe(value: Any) -> bool | None:
    """Return a truth or ``None``."""
    return None if value is None else yes(value)


@lru_cache(maxsize=16_384, typed=True)
def per_gpu(amount: float, gpus: int) -> PerGpuHour:
    """Return the price of one of the ``gpus`` GPUs that an amount is for, rounded once."""
    return PerGpuHour.from_steps(nearest(amount, PICO, gpus, _DOLLARS))


@lru_cache(maxsize=4_096)
def machine_gpus(gpus: int, part: float | None) -> int | None:
    """Return all GPUs of the machine from the offer's share of them, if the two agree."""
    if part == 1.0:
        return gpus
    if part is None or not gpus / (2 * MAX_GPUS) < part < 1:  # so that no quotient overflows
        return None
    # A share such as 0.333333 has lost digits, so the whole number nearest to n / share is meant,
    # if the share is near enough to it, and to no other machine's.
    total = round(gpus / part)
    near = [
        each
        for each in (total - 1, total, total + 1)
        if gpus <= each <= MAX_GPUS and abs(gpus / each - part) <= _SIX_DIGITS
    ]
    exact = [each for each in near if abs(gpus / each - part) <= 1e-12]
    return (exact or near)[0] if len(exact or near) == 1 else None
