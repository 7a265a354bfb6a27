"""Money and the rates, exact: amounts are whole ticks, and the only rounding is on the way out.

Rule (marketplace, measured): prices are US dollars per GPU-hour, per GB-month and per GB; the
month of every price is 720 hours; usage is billed by the second and the byte. 1 GB = 10⁹ bytes
(our reading).

How it stays exact. A *price step* is a pico-dollar (10⁻¹² $): real prices are thirds of a cent
after the platform's fee (0.1333333333333333), and a coarser step would miss the market's own
totals by more than one part in 10⁹. A charge is price × seconds / 3,600, × MB × seconds /
2,592,000,000 or × bytes / 10⁹. A *tick* is a price step divided by 324,000,000,000, the least
common multiple of these divisors, so every charge is a whole number of ticks, no charge is ever
rounded, and charging a period in pieces totals what charging it whole totals.

Rounding, half to even, happens once: when money leaves (:meth:`Money.to_decimal` and its
relatives) and when a derived rate is agreed (:meth:`Rate.scaled`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from fractions import Fraction
from functools import total_ordering
from math import lcm
from operator import attrgetter
from typing import TYPE_CHECKING, Final, NoReturn, final, overload

from attrs.exceptions import FrozenInstanceError

from numgenius_core._checks import is_series
from numgenius_core._numbers import (
    FROM_FLOAT,
    PICO,
    PRICE_PLACES,
    as_int,
    decimal_of,
    decimal_text,
    exact_factor,
    float_steps,
    formatted,
    round_half_even,
    scaled_integer,
    whole_number,
)
from numgenius_core.errors import RuleViolation, WrongType, shown
from numgenius_core.units import (
    BYTES_PER_GB,
    MB_PER_GB,
    SECONDS_PER_HOUR,
    SECONDS_PER_MONTH,
    Amount,
)

__all__ = [
    "TICKS_PER_DOLLAR",
    "Money",
]


def __dir__() -> list[str]:
    """Return what there is to use."""
    return sorted(__all__)


# The divisors of the three kinds of charge: an hour of GPU time, a GB-month of disk in MB-seconds,
# a GB of traffic in bytes. Their least common multiple divides a step into the largest ticks that
# leave no charge a remainder: larger ticks are smaller integers, and those add faster.
TICKS_PER_STEP: Final = lcm(SECONDS_PER_HOUR, MB_PER_GB * SECONDS_PER_MONTH, BYTES_PER_GB)
TICKS_PER_DOLLAR: Final = PICO * TICKS_PER_STEP
"""324 · 10²¹: ticks in a dollar."""
TICKS_PER_NANO: Final = 1_000 * TICKS_PER_STEP
"""Ticks in a nano-dollar, to which an amount is rounded as text."""
MAX_MONEY: Final = 10**12
"""Largest amount taken from outside, dollars; what is computed has no limit."""
_MOST_SHOWN: Final = 10**4_000 * TICKS_PER_DOLLAR
"""Largest amount that is written out, in ticks, as Python does whole numbers up to 4,300 digits."""


@final
@total_ordering
class Money:
    """An exact amount of US dollars, negative for a credit.

    It adds, subtracts and compares with other ``Money`` only, multiplies with whole numbers, and
    ``Money / Money`` is a ``Fraction``. Nothing rounds but the methods that say so, each half to
    even.

    Args:
        value: Dollars as text, ``int`` or ``Decimal``, at most 12 decimals.

    Attributes:
        ticks: The exact amount in ticks, :data:`TICKS_PER_DOLLAR` in a dollar.

    Raises:
        WrongType: ``value`` is a ``float`` (see :meth:`from_float`), a ``bool`` or no number.
        RuleViolation: It is not finite, has more than 12 decimals or is above a trillion dollars.

    >>> from numgenius_core import Money
    >>> Money("0.10") + Money("0.20") == Money("0.30")
    True
    >>> [f"{part:.2f}" for part in Money(10).allocate([1, 1, 1])]
    ['3.34', '3.33', '3.33']
    >>> float(Money("0.25")), round(Money("2.345"), 2), round(Money("2.50"))
    (0.25, Money('2.34'), 2)
    """

    if TYPE_CHECKING:  # to read only

        @property
        def ticks(self) -> int: ...  # noqa: D102

    else:
        __slots__ = ("ticks",)
        ticks: int

        def __setattr__(self, name: str, value: object) -> None:
            raise FrozenInstanceError

        def __delattr__(self, name: str) -> None:
            raise FrozenInstanceError

    def __init_subclass__(cls) -> None:
        raise WrongType(f"class {cls.__name__}", "Money itself (it is not derived from)", "Money")

    def __init__(self, value: Amount) -> None:
        need = f"dollars up to {MAX_MONEY:,}"
        steps = scaled_integer(value, PRICE_PLACES, "money", need, exact=True, hint=FROM_FLOAT)
        if abs(steps) > MAX_MONEY * PICO:
            raise RuleViolation("money", need, shown(value))
        put_ticks(self, steps * TICKS_PER_STEP)

    def __reduce__(self) -> tuple[Callable[[int], Money], tuple[int]]:
        return money_of, (self.ticks,)

    @classmethod
    def from_float(cls, value: float) -> Money:
        """Return the amount of a float's shortest decimal text, half-even at 12 decimals.

        Raises:
            WrongType: ``value`` is neither a ``float`` nor an ``int``.
            RuleViolation: It is not finite or above a trillion dollars.
        """
        need = f"dollars up to {MAX_MONEY:,}"
        steps = float_steps(value, "money", need)
        if abs(steps) > MAX_MONEY * PICO:
            raise RuleViolation("money", need, shown(value))
        return money_of(steps * TICKS_PER_STEP)

    @classmethod
    def from_ticks(cls, ticks: int) -> Money:
        """Return the amount of a whole number of ticks (:data:`TICKS_PER_DOLLAR` in a dollar).

        Raises:
            WrongType: ``ticks`` is no ``int``.
        """
        if type(number := as_int(ticks)) is not int:
            raise WrongType("ticks", "a whole number", shown(ticks))
        return money_of(number)

    @classmethod
    def sum(cls, amounts: Iterable[Money]) -> Money:
        """Return the exact total of any number of amounts; none are zero dollars.

        It is what the built-in ``sum`` gives, several times faster: one integer is added up in C,
        and one ``Money`` made of it.

        Raises:
            WrongType: Something among ``amounts`` is no ``Money``.
        """
        if not is_series(amounts):
            raise WrongType("amounts", "a series of Money", shown(amounts))
        try:
            return money_of(sum(map(_TICKS, amounts)))  # checked by what it lacks, not one by one
        except AttributeError:
            raise WrongType("amounts", "Money only", "something else among them") from None

    def to_decimal(self, places: int = 9) -> Decimal:
        """Return dollars rounded half-even to ``places`` decimals (default: a nano-dollar).

        Raises:
            RuleViolation: ``places`` is not from 0 to 30, or the amount has more than 4,000 digits.
        """
        places = whole_number(places, "places", 0, 30)
        if not -_MOST_SHOWN <= self.ticks <= _MOST_SHOWN:
            raise RuleViolation("money", "an amount up to 10^4,000 dollars", repr(self))
        units = round_half_even(self.ticks * 10**places, TICKS_PER_DOLLAR)
        return decimal_of(units, places)

    def cents(self) -> int:
        """Return the amount in whole cents, rounded half-even."""
        return round_half_even(self.ticks * 100, TICKS_PER_DOLLAR)

    def rounded(self, places: int = 9) -> Money:
        """Return the amount as it leaves the library, half-even at ``places`` decimals.

        Raises:
            RuleViolation: ``places`` is not from 0 to 12.
        """
        unit = TICKS_PER_DOLLAR // 10 ** whole_number(places, "places", 0, PRICE_PLACES)
        return money_of(round_half_even(self.ticks, unit) * unit)

    def scaled(self, factor: Fraction | int) -> Money:
        """Return ``self × factor``, rounded half-even to a tick.

        Raises:
            WrongType: ``factor`` is a ``float`` or another inexact number.
        """
        ratio = exact_factor(factor, "money × …")
        return money_of(round_half_even(self.ticks * ratio.numerator, ratio.denominator))

    def allocate(self, weights: Sequence[int], places: int = 2) -> tuple[Money, ...]:
        """Split the amount, rounded to ``places`` decimals, in proportion to ``weights``.

        The parts are whole units of that size and add up to the rounded amount; what does not
        divide goes to the largest remainders, earlier parts first.

        Args:
            weights: Whole numbers from zero, one for each part.
            places: Decimals of a dollar that the parts have, 0 to 12; 2 are cents.

        Raises:
            WrongType: Weights that are no whole numbers.
            RuleViolation: No weights, a negative one, or all of them zero.
        """
        if not is_series(weights):
            raise WrongType("weights", "a series of whole numbers", shown(weights))
        shares = [whole_number(w, f"weights[{i}]") for i, w in enumerate(weights)]
        if not (total := sum(shares)):
            raise RuleViolation("weights", "at least one above zero", shown(list(weights)))
        places = whole_number(places, "places", 0, PRICE_PLACES)
        # All in units of that size, and of the absolute amount: a credit is split as the charge is
        # that it takes back, so the two cancel part by part.
        ticks_per_unit = TICKS_PER_DOLLAR // 10**places
        units = round_half_even(self.ticks, ticks_per_unit)
        parts = [abs(units) * share // total for share in shares]
        rests = [abs(units) * share % total for share in shares]
        # Rounding each part down leaves fewer units over than there are parts, so those with the
        # largest remainders get one each and none gets two (Hare's method).
        by_remainder = sorted(range(len(shares)), key=lambda i: (-rests[i], i))
        for i in by_remainder[: abs(units) - sum(parts)]:
            parts[i] += 1
        sign = -1 if units < 0 else 1
        return tuple(money_of(sign * part * ticks_per_unit) for part in parts)

    # ``type(…) is not`` and no ``isinstance``: half the time, and a subclass would be no amount.

    def __add__(self, other: Money) -> Money:
        if type(other) is not Money:
            raise WrongType("money + …", "Money", shown(other))
        return money_of(self.ticks + other.ticks)

    def __radd__(self, other: int) -> Money:
        if type(other) is not int or other != 0:  # sum() starts at 0; nothing else adds to money
            raise WrongType("… + money", "Money", shown(other))
        return self

    def __sub__(self, other: Money) -> Money:
        if type(other) is not Money:
            raise WrongType("money − …", "Money", shown(other))
        return money_of(self.ticks - other.ticks)

    def __mul__(self, count: int) -> Money:
        if type(number := as_int(count)) is not int:
            raise WrongType("money × …", "a whole number (or use scaled)", shown(count))
        return money_of(self.ticks * number)

    __rmul__ = __mul__

    def __truediv__(self, other: Money) -> Fraction:
        if type(other) is not Money:
            raise WrongType("money ÷ …", "Money (or use scaled or allocate)", shown(other))
        if not other.ticks:
            raise RuleViolation("money ÷ …", "an amount other than zero", "0")
        return Fraction(self.ticks, other.ticks)

    def __neg__(self) -> Money:
        return money_of(-self.ticks)

    def __abs__(self) -> Money:
        return money_of(abs(self.ticks))

    def __bool__(self) -> bool:
        return self.ticks != 0

    def __eq__(self, other: object) -> bool:
        if type(other) is not Money:
            return NotImplemented
        return self.ticks == other.ticks

    def __lt__(self, other: Money) -> bool:
        if type(other) is not Money:
            raise WrongType("money < …", "Money", shown(other))
        return self.ticks < other.ticks

    def __hash__(self) -> int:
        return hash(("Money", self.ticks))

    def __float__(self) -> float:
        """Return the nearest ``float`` in dollars, for charts and statistics; it is not exact.

        Raises:
            RuleViolation: The amount is above what a ``float`` can hold, about 10^308 dollars.
        """
        try:
            return self.ticks / TICKS_PER_DOLLAR
        except OverflowError:
            raise RuleViolation("money", "an amount that a float can hold", shown(self)) from None

    if not TYPE_CHECKING:  # for type checkers there is no int of an amount

        def __int__(self) -> NoReturn:
            """Refuse what would cut off cents without a word."""
            need = "round(money) for whole dollars, money.cents() or money.ticks"
            raise WrongType("int(money)", need, shown(self))

    @overload
    def __round__(self, places: None = None) -> int: ...
    @overload
    def __round__(self, places: int) -> Money: ...
    def __round__(self, places: int | None = None) -> Money | int:
        """Round half-even: to whole dollars as an ``int``, or as :meth:`rounded` does."""
        if places is None:
            return round_half_even(self.ticks, TICKS_PER_DOLLAR)
        return self.rounded(places)

    def __str__(self) -> str:
        return decimal_text(self.to_decimal(), 2)

    def __repr__(self) -> str:
        exact, rest = divmod(abs(self.ticks), TICKS_PER_STEP)
        if not -_MOST_SHOWN <= self.ticks <= _MOST_SHOWN:
            return f"Money.from_ticks({shown(self.ticks)})"
        if rest or exact > MAX_MONEY * PICO:  # finer or larger than what the constructor takes
            return f"Money.from_ticks({decimal_of(self.ticks, 0):f})"
        sign = "-" if self.ticks < 0 else ""
        return f"Money('{sign}{decimal_text(decimal_of(exact, PRICE_PLACES), 2)}')"

    def __format__(self, spec: str) -> str:
        """Format as ``.2f`` or ``>12,.4f`` do, rounded once; without decimals, align the text."""
        return formatted(self, spec)


_TICKS: Final = attrgetter("ticks")  # in C, with no call of Python for each amount
# An amount is made in two steps, without a check: the rates do so, too (PerGpuHour.charge). Its one
# slot is filled by the slot's own setter, so that nobody else can, and it is read without a call.
new_money: Final = object.__new__
put_ticks: Final[Callable[[Money, int], None]] = Money.ticks.__set__  # type: ignore[attr-defined]


def money_of(ticks: int) -> Money:
    """Return the amount without checks: the way in for the rules, several times faster."""
    money = new_money(Money)
    put_ticks(money, ticks)
    return money


ZERO: Final = money_of(0)
"""No money: where an amount begins, and what it is compared with."""


def rounded_parts(
    amounts: Iterable[Money], places: int, carried: Money = ZERO
) -> tuple[Decimal, ...]:
    """Return amounts in dollars so rounded that they add up to their rounded total.

    Each is the difference of two running totals that are rounded half-even. Rounded one by one,
    three thirds of a cent would add up to nothing.

    Args:
        amounts: In their order.
        places: Decimals.
        carried: The total before the first, whose rounding is out already.
    """
    scale = 10 ** whole_number(places, "places", 0, 30)
    total, parts = carried.ticks, []
    before = round_half_even(total * scale, TICKS_PER_DOLLAR)
    for amount in amounts:
        total += amount.ticks
        after = round_half_even(total * scale, TICKS_PER_DOLLAR)
        parts.append(decimal_of(after - before, places))
        before = after
    return tuple(parts)
