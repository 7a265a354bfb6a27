"""What use costs: running GPUs, storing data, sending bytes, and what a deposit pays of it.

Rule (marketplace): billing is by the second and the byte. GPUs cost only while they run,
storage every second, traffic per byte. A reservation has its discount in every second that begins
with some of the deposit left, and the deposit pays those seconds. The platform keeps its fee of
all of these; the fee of a promise of uptime bears none.

This stands once: quotes, the meter behind statements, the ledgers of a market and simulations all
ask here. Only the columns of dataframes work it out again, and laws hold them to it.

Our reading: the platform's part is a price of its own (the price × its share, rounded once to a
price step), so it accrues as exactly as the price does, however time is split. What has no price, a
forfeit, is itself multiplied by the share, and rounded once to a tick.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from typing import Final, NamedTuple

from numgenius_core._numbers import round_half_even
from numgenius_core.money import Money
from numgenius_core.rates import PerGb, PerGbMonth, PerHour
from numgenius_core.units import HOURS_PER_MONTH, MB_PER_GB

Price = PerHour | PerGbMonth | PerGb
"""What use costs: the GPUs of an instance, its disk, its traffic."""


class Accrued(NamedTuple):
    """What some use costs.

    Attributes:
        amount: Its price, whoever pays it.
        fee: The platform's part of it; the host gets the rest.
    """

    amount: Money
    fee: Money


def charge(price: Price, size: int, quantity: int) -> Money:
    """Return what a quantity of use costs.

    Args:
        price: Per hour for the whole instance, per GB-month or per GB.
        size: MB of the disk; of GPUs and traffic it does not matter, their price is for all.
        quantity: Seconds of GPUs and storage, bytes of traffic.
    """
    if isinstance(price, PerGbMonth):
        return price.charge(size, quantity)
    return price.charge(quantity)


def stored_an_hour(price: PerGbMonth, megabytes: int) -> int:
    """Return what a disk costs an hour, rounded half-even once to price steps.

    To tell and to compare: an amount is charged by :func:`charge`, which rounds nothing.
    """
    return round_half_even(price.steps * megabytes, MB_PER_GB * HOURS_PER_MONTH)


def fee_of(price: Price, share: Fraction) -> Price:
    """Return the platform's part of a price, a price of its own."""
    kind = type(price)
    return _scaled(kind, price.steps, *share.as_integer_ratio())  # type: ignore[arg-type]  # a class has a hash


def discounted(price: PerHour, discount: Fraction) -> PerHour:
    """Return the reserved price of GPUs: what they cost while the deposit lasts."""
    kept = discount.denominator - discount.numerator
    reduced = _scaled(PerHour, price.steps, kept, discount.denominator)
    assert isinstance(reduced, PerHour)
    return reduced


# A market has few prices, and asks for their parts at every event. The key is of whole numbers,
# since the hash of a Fraction takes as long as the product.
@lru_cache(maxsize=4_096)
def _scaled(kind: type[Price], steps: int, numerator: int, denominator: int) -> Price:
    return kind.from_steps(round_half_even(steps * numerator, denominator))  # as Rate.scaled


def accrued(price: Price, size: int, quantity: int, share: Fraction) -> Accrued:
    """Return what a quantity of use costs, and the platform's ``share`` of it.

    Arguments as for :func:`charge`.
    """
    return Accrued(charge(price, size, quantity), charge(fee_of(price, share), size, quantity))


_SECOND: Final = PerHour.from_steps(1).charge(1).ticks


def ticks_a_second(price: PerHour, share: Fraction) -> tuple[int, int]:
    """Return what a second of GPUs costs and the platform's part of it, in ticks.

    A charge is so many times that: it is what :func:`accrued` says of one second, in whole numbers
    alone, for who has a price of its own for each of a million rentals.
    """
    steps = price.steps
    fee = round_half_even(steps * share.numerator, share.denominator)
    return steps * _SECOND, fee * _SECOND


def seconds_on_deposit(deposit: Money, price: PerHour, seconds: int) -> int:
    """Return for how many of ``seconds`` a deposit lasts: those that begin with some of it left.

    Args:
        deposit: What there is of it.
        price: The discounted price that it pays; a free one never uses it up.
        seconds: The most to count.
    """
    if deposit.ticks <= 0:
        return 0
    speed = price.charge(1).ticks
    return min(seconds, -(-deposit.ticks // speed)) if speed else seconds
