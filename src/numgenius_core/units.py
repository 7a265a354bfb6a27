"""The units numbers come in.

Rule (marketplace, measured): the month of every price is 720 hours; 1 GB = 10⁹ bytes (our
reading). Disk is rented in whole megabytes, traffic counted in bytes, time in seconds. Text,
``int`` and ``Decimal`` are taken exactly or refused; a ``float`` is refused unless the caller asks
for its shortest decimal text.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Final

from numgenius_core._numbers import decimal_of, scaled_integer, whole_number
from numgenius_core.errors import RuleViolation, shown

__all__ = [
    "HOURS_PER_MONTH",
    "MB_PER_GB",
    "SECONDS_PER_MONTH",
    "Amount",
    "Cell",
    "Exact",
    "to_bytes",
    "to_megabytes",
]


def __dir__() -> list[str]:
    """Return what there is to use."""
    return sorted(__all__)


Amount = str | int | Decimal
"""What an exact amount is made from; a ``float`` needs the ``from_float`` constructor."""

Exact = Amount | Fraction
"""What an exact number is made from: a share, such as a discount or a fee, or months; ``"0.4"`` and
``Fraction(2, 5)`` are the same."""

Cell = int | float | str | datetime | None
"""What a row of ``to_dicts`` has in a column: what a program computes with, or names a row by."""

HOURS_PER_MONTH: Final = 720
"""Hours in the month of every price and every discount (measured)."""
SECONDS_PER_HOUR: Final = 3_600
"""Seconds in an hour; a bill knows no leap seconds."""
SECONDS_PER_DAY: Final = 24 * SECONDS_PER_HOUR
"""Seconds in a day of UTC: 86,400."""
SECONDS_PER_MONTH: Final = HOURS_PER_MONTH * SECONDS_PER_HOUR
"""Seconds in the month of every price: 720 hours, 2,592,000 seconds."""
MB_PER_GB: Final = 1_000
"""Megabytes in a GB of disk (our reading: decimal units, as disks are sold)."""
BYTES_PER_GB: Final = 10**9
"""Bytes in a GB of traffic (our reading)."""
GB_PER_TB: Final = 1_024
"""As the marketplace counts the traffic prices that it shows per TB (measured)."""
MAX_GB: Final = 10**9
_NEED_GB: Final = f"GB from 0 to {MAX_GB:,}"
MAX_MB: Final = MAX_GB * MB_PER_GB


def to_megabytes(gb: Amount, path: str = "disk") -> int:
    """Return a disk size in GB as whole MB, the finest size this library rents.

    Args:
        gb: The size in GB as text, ``int`` or ``Decimal``.
        path: What messages call it.

    Raises:
        WrongType: It is a ``float``, which is seldom the decimal it looks like, or no number.
        RuleViolation: It is negative, has more than 3 decimals or is above 10⁹ GB.

    >>> from numgenius_core.units import to_megabytes
    >>> to_megabytes("16.5")
    16500
    """
    return _size(gb, 3, path)


def to_bytes(gb: Amount, path: str = "traffic") -> int:
    """Return an amount of traffic in GB as whole bytes.

    Args:
        gb: The traffic in GB as text, ``int`` or ``Decimal``.
        path: What messages call it.

    Raises:
        WrongType: It is a ``float``, which is seldom the decimal it looks like, or no number.
        RuleViolation: It is negative, has more than 9 decimals or is above 10⁹ GB.

    >>> from numgenius_core.units import to_bytes
    >>> to_bytes("0.25")
    250000000
    """
    return _size(gb, 9, path)


def _size(gb: Amount, places: int, path: str) -> int:
    size = scaled_integer(gb, places, path, _NEED_GB, exact=True)
    if not 0 <= size <= MAX_GB * 10**places:
        raise RuleViolation(path, _NEED_GB, shown(gb))
    return size


def gigabytes(megabytes: int) -> Decimal:
    """Return a disk size in whole MB as GB, exact, with three decimals.

    Raises:
        WrongType: It is no ``int``.
        RuleViolation: It is negative.

    >>> from numgenius_core.units import gigabytes
    >>> gigabytes(16_500)
    Decimal('16.500')
    """
    megabytes = whole_number(megabytes, "megabytes")
    return decimal_of(megabytes, 3)
