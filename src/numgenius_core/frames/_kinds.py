"""The kinds of numbers that columns hold: their units, and how large each may be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from attrs import evolve, field, frozen

from numgenius_core._checks import MAX_GPUS
from numgenius_core._numbers import PICO
from numgenius_core.frames._exact import INT64
from numgenius_core.intervals import AFTER_LAST
from numgenius_core.rates import MAX_RATE
from numgenius_core.units import (
    BYTES_PER_GB,
    GB_PER_TB,
    MAX_GB,
    MB_PER_GB,
    SECONDS_PER_DAY,
    SECONDS_PER_HOUR,
    SECONDS_PER_MONTH,
)

SHARES: Final = 10_000
"""Discounts and fees in columns are whole hundredths of a percent."""
MOST_FLOAT_DOLLARS: Final = 512


@frozen(kw_only=True)
class Kind:
    """A kind of number: its smallest unit, its units, and how large it may be.

    Attributes:
        units: How many of the smallest unit are in each.
        default: The unit of a column that does not say, floats and integers.
        least: The smallest value, in the smallest unit.
        most: The largest value.
        need: What an error asks for.
        price: Whether floats are rounded; else they must be exact.
        parts: Of units for several at once, such as a price per TB: how many they are for.
    """

    units: Mapping[str, int]
    default: tuple[str, str]
    most: int
    need: str
    least: int = 0
    price: bool = False
    parts: Mapping[str, int] = field(factory=dict)


_TIMES: Final = {
    "seconds": 1,
    "hours": SECONDS_PER_HOUR,
    "days": SECONDS_PER_DAY,
    "months": SECONDS_PER_MONTH,
}
PRICE: Final = Kind(
    units={"nano": 1_000, "pico": 1, "dollars": PICO},
    default=("dollars", "nano"),
    most=MAX_RATE * PICO,
    need=f"prices of 0, or a pico-dollar to ${MAX_RATE:,}, as floats below ${MOST_FLOAT_DOLLARS}",
    price=True,
)
TRAFFIC_PRICE: Final = evolve(
    PRICE, units={**PRICE.units, "dollars/TB": PICO}, parts={"dollars/TB": GB_PER_TB}
)
_MONTHS: Final = 1_200
DURATION: Final = Kind(
    units=_TIMES,
    default=("seconds", "seconds"),
    least=1,
    most=_MONTHS * SECONDS_PER_MONTH,
    need=f"whole seconds, at least one, up to {_MONTHS:,} months",
)
MONTHS: Final = Kind(
    units=_TIMES,
    default=("months", "months"),
    most=_MONTHS * SECONDS_PER_MONTH,
    need=f"months from 0 to {_MONTHS:,} that make whole seconds",
)
DISK: Final = Kind(
    units={"GB": MB_PER_GB, "MB": 1},
    default=("GB", "GB"),
    most=MAX_GB * MB_PER_GB,
    need=f"GB from 0 to {MAX_GB:,} with at most 3 decimals",
)
TRAFFIC: Final = Kind(
    units={"GB": BYTES_PER_GB, "bytes": 1},
    default=("GB", "GB"),
    most=MAX_GB * BYTES_PER_GB,
    need=f"GB from 0 to {MAX_GB:,} that make whole bytes",
)
SHARE: Final = Kind(
    units={"share": SHARES},
    default=("share", "share"),
    most=SHARES - 1,
    need="a share from 0 to below 1 with at most 4 decimals",
)
GPUS: Final = Kind(
    units={"GPUs": 1},
    default=("GPUs", "GPUs"),
    least=1,
    most=MAX_GPUS,
    need=f"a whole number of GPUs from 1 to {MAX_GPUS:,}",
)
INSTANT: Final = Kind(
    units={"seconds": 1},
    default=("seconds", "seconds"),
    most=AFTER_LAST - 1,
    need="seconds since 1970 up to the year 9999",
)
NUMBER: Final = Kind(
    units={"": 1}, default=("", ""), most=INT64, need="whole numbers of zero or more"
)
AMOUNT: Final = Kind(
    units={"nano": 1}, default=("nano", "nano"), most=INT64, need="whole nano-dollars, 0 or more"
)
