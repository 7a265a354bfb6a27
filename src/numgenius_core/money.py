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

import re
from collections.abc import Iterable, Sequence
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from functools import total_ordering
from math import lcm
from operator import attrgetter
from typing import ClassVar, Final, Self

from numgenius_core.errors import RuleViolation, WrongType, shown
from numgenius_core.units import (
    BYTES_PER_GB,
    FROM_FLOAT,
    MB_PER_GB,
    PICO,
    PRICE_PLACES,
    SECONDS_PER_HOUR,
    SECONDS_PER_MONTH,
    WIDE,
    Amount,
    decimal_text,
    float_steps,
    round_half_even,
    scaled_integer,
    whole_number,
    whole_seconds,
)

__all__ = [
    "MAX_MONEY",
    "MAX_RATE",
    "TICKS_PER_DOLLAR",
    "Money",
    "PerGb",
    "PerGbMonth",
    "PerGpuHour",
    "PerHour",
    "Rate",
]

TICKS_PER_STEP: Final = lcm(SECONDS_PER_HOUR, MB_PER_GB * SECONDS_PER_MONTH, BYTES_PER_GB)
TICKS_PER_DOLLAR: Final = PICO * TICKS_PER_STEP
"""324 · 10²¹: ticks in a dollar."""
MAX_RATE: Final = 1_000_000
"""Dearest price taken, dollars per unit: anything above is a mistake, not a price."""
MAX_MONEY: Final = 10**12
"""Largest amount taken from outside, dollars; what is computed has no limit."""

_TICKS_PER_SECOND: Final = TICKS_PER_STEP // SECONDS_PER_HOUR  # of a price of one step an hour
_TICKS_PER_MB_SECOND: Final = TICKS_PER_STEP // (MB_PER_GB * SECONDS_PER_MONTH)
_TICKS_PER_BYTE: Final = TICKS_PER_STEP // BYTES_PER_GB


@total_ordering
class Money:
    """An exact amount of US dollars, negative for a credit.

    Args:
        value: Dollars as text, ``int`` or ``Decimal``, at most 12 decimals.

    Raises:
        WrongType: ``value`` is a ``float``, a ``bool`` or no number.
        RuleViolation: It is not finite, too fine or above a trillion dollars.

    >>> Money("0.10") + Money("0.20") == Money("0.30")
    True
    """

    __slots__ = ("_ticks",)
    _ticks: int

    def __init__(self, value: Amount) -> None:
        need = f"dollars up to {MAX_MONEY:,}"
        steps = scaled_integer(value, PRICE_PLACES, "money", need, exact=True, hint=FROM_FLOAT)
        if abs(steps) > MAX_MONEY * PICO:
            raise RuleViolation("money", need, shown(value))
        self._ticks = steps * TICKS_PER_STEP

    @classmethod
    def from_float(cls, value: float) -> Money:
        """Return the amount of a float's shortest decimal text, half-even at 12 decimals."""
        need = f"dollars up to {MAX_MONEY:,}"
        steps = float_steps(value, "money", need)
        if abs(steps) > MAX_MONEY * PICO:
            raise RuleViolation("money", need, shown(value))
        return _money(steps * TICKS_PER_STEP)

    @classmethod
    def from_ticks(cls, ticks: int) -> Money:
        """Return the amount of a whole number of ticks (:data:`TICKS_PER_DOLLAR` in a dollar)."""
        if type(ticks) is not int:
            raise WrongType("ticks", "a whole number", shown(ticks))
        return _money(ticks)

    @classmethod
    def sum(cls, amounts: Iterable[Money]) -> Money:
        """Return the exact total; what ``sum`` gives, several times faster.

        Raises:
            WrongType: Something among ``amounts`` is no ``Money``.
        """
        if not isinstance(amounts, Iterable):
            raise WrongType("amounts", "a series of Money", shown(amounts))
        try:
            return _money(sum(map(_TICKS, amounts)))
        except AttributeError:
            raise WrongType("amounts", "Money only", "something else among them") from None

    @property
    def ticks(self) -> int:
        """The exact amount in ticks."""
        return self._ticks

    def to_decimal(self, places: int = 9) -> Decimal:
        """Return dollars rounded half-even to ``places`` decimals (default: a nano-dollar)."""
        whole_number(places, "places", 0, 30)
        units = round_half_even(self._ticks * 10**places, TICKS_PER_DOLLAR)
        return Decimal(units).scaleb(-places, WIDE)

    def cents(self) -> int:
        """Return whole cents, half-even."""
        return round_half_even(self._ticks * 100, TICKS_PER_DOLLAR)

    def rounded(self, places: int = 9) -> Money:
        """Return the amount as it leaves the library, half-even at ``places`` decimals."""
        unit = TICKS_PER_DOLLAR // 10 ** whole_number(places, "places", 0, PRICE_PLACES)
        return _money(round_half_even(self._ticks, unit) * unit)

    def scaled(self, factor: Fraction | int) -> Money:
        """Return ``self × factor``, rounded half-even to a tick."""
        ratio = _ratio(factor, "money × …")
        return _money(round_half_even(self._ticks * ratio.numerator, ratio.denominator))

    def allocate(self, weights: Sequence[int], places: int = 2) -> tuple[Money, ...]:
        """Split the amount, rounded to ``places`` decimals, in proportion to ``weights``.

        The parts are whole units of that size and add up to the rounded amount; what does not
        divide goes to the largest remainders, earlier parts first.

        Raises:
            WrongType: Weights that are no whole numbers.
            RuleViolation: No weights, a negative one, or all of them zero.
        """
        if not isinstance(weights, Iterable):
            raise WrongType("weights", "a series of whole numbers", shown(weights))
        shares = [whole_number(w, f"weights[{i}]") for i, w in enumerate(weights)]
        if not (total := sum(shares)):
            raise RuleViolation("weights", "at least one above zero", shown(list(weights)))
        whole_number(places, "places", 0, PRICE_PLACES)
        ticks_per_unit = TICKS_PER_DOLLAR // 10**places
        units = round_half_even(self._ticks, ticks_per_unit)
        parts = [abs(units) * share // total for share in shares]
        rests = [abs(units) * share % total for share in shares]
        by_remainder = sorted(range(len(shares)), key=lambda i: (-rests[i], i))
        for i in by_remainder[: abs(units) - sum(parts)]:
            parts[i] += 1
        sign = -1 if units < 0 else 1
        return tuple(_money(sign * part * ticks_per_unit) for part in parts)

    def __add__(self, other: Money) -> Money:
        if type(other) is not Money:
            raise WrongType("money + …", "Money", shown(other))
        return _money(self._ticks + other._ticks)

    def __radd__(self, other: int) -> Money:
        if type(other) is not int or other != 0:  # sum() starts at 0; nothing else adds to money
            raise WrongType("… + money", "Money", shown(other))
        return self

    def __sub__(self, other: Money) -> Money:
        if type(other) is not Money:
            raise WrongType("money − …", "Money", shown(other))
        return _money(self._ticks - other._ticks)

    def __mul__(self, count: int) -> Money:
        if type(count) is not int:
            raise WrongType("money × …", "a whole number (or use scaled)", shown(count))
        return _money(self._ticks * count)

    __rmul__ = __mul__

    def __truediv__(self, other: Money) -> Fraction:
        if type(other) is not Money:
            raise WrongType("money ÷ …", "Money (or use scaled or allocate)", shown(other))
        if not other._ticks:
            raise RuleViolation("money ÷ …", "an amount other than zero", "0")
        return Fraction(self._ticks, other._ticks)

    def __neg__(self) -> Money:
        return _money(-self._ticks)

    def __abs__(self) -> Money:
        return _money(abs(self._ticks))

    def __bool__(self) -> bool:
        return self._ticks != 0

    def __eq__(self, other: object) -> bool:
        if type(other) is not Money:
            return NotImplemented
        return self._ticks == other._ticks

    def __lt__(self, other: Money) -> bool:
        if type(other) is not Money:
            raise WrongType("money < …", "Money", shown(other))
        return self._ticks < other._ticks

    def __hash__(self) -> int:
        return hash(("Money", self._ticks))

    def __str__(self) -> str:
        return decimal_text(self.to_decimal(), 2)

    def __repr__(self) -> str:
        exact, rest = divmod(abs(self._ticks), TICKS_PER_STEP)
        if rest or exact > MAX_MONEY * PICO:  # finer or larger than what the constructor takes
            return f"Money.from_ticks({self._ticks})"
        sign = "-" if self._ticks < 0 else ""
        return f"Money('{sign}{decimal_text(Decimal(exact).scaleb(-PRICE_PLACES, WIDE), 2)}')"

    def __format__(self, spec: str) -> str:
        """Format as ``.2f`` or ``>12,.4f`` do, rounded once; without decimals, align the text."""
        return _formatted(self, spec)


_TICKS: Final = attrgetter("_ticks")
_new_money: Final = object.__new__


def _money(ticks: int) -> Money:
    """Return the amount without checks: the way in for the rules, several times faster."""
    money = _new_money(Money)
    money._ticks = ticks
    return money


def _formatted(value: Money | Rate, spec: str) -> str:
    """Return an amount or a rate in the form of a format specification."""
    match = re.fullmatch(r"(.*?)\.([0-9]{1,2})f?", spec, re.ASCII)
    try:
        if match is None:
            return format(str(value), spec)
        places = int(match[2])
        return format(value.to_decimal(places), f"{match[1]}.{places}f")
    except ValueError:
        need = "a spec such as '.2f' or '>12,.4f'"
        raise RuleViolation(f"{type(value).__name__} format", need, shown(spec)) from None


def _inexact(*factors: object) -> WrongType:
    """Return the fault of a charge for what is no whole number; a ``float`` would be inexact."""
    wrong = next(factor for factor in factors if type(factor) is not int)
    return WrongType("charge", "whole numbers of GPUs, seconds, MB and bytes", shown(wrong))


def _ratio(factor: Fraction | int, path: str) -> Fraction:
    """Return an exact factor; ``Fraction(0.1)`` would take a ``float`` for what it is not."""
    if isinstance(factor, Fraction):
        return factor
    if type(factor) is not int:
        raise WrongType(path, "a Fraction or a whole number", shown(factor))
    return Fraction(factor)


@total_ordering
class Rate:
    """A price per unit of use: a whole number of pico-dollars, zero or more.

    Use one of its kinds; each adds, compares and charges only with its own.

    Args:
        value: Dollars per unit as text, ``int`` or ``Decimal``, at most 12 decimals.

    Raises:
        WrongType: ``value`` is a ``float``, a ``bool`` or no number.
        RuleViolation: It is negative, not finite, too fine or above :data:`MAX_RATE`.
    """

    __slots__ = ("_steps",)
    _steps: int
    UNIT: ClassVar[str] = "$/unit"

    def __init__(self, value: Amount) -> None:
        self._steps = self._checked(
            scaled_integer(value, PRICE_PLACES, *self._door(), exact=True, hint=FROM_FLOAT), value
        )

    @classmethod
    def from_float(cls, value: float) -> Self:
        """Return the rate of a float's shortest decimal text, half-even at 12 decimals."""
        return cls.from_steps(cls._checked(float_steps(value, *cls._door()), value))

    @classmethod
    def nearest(cls, value: Amount) -> Self:
        """Return the rate nearest to a text or ``Decimal`` with up to 40 decimals, half-even."""
        steps = scaled_integer(value, PRICE_PLACES, *cls._door(), exact=False, hint=FROM_FLOAT)
        return cls.from_steps(cls._checked(steps, value))

    @classmethod
    def from_steps(cls, steps: int) -> Self:
        """Return the rate of a whole number of pico-dollars per unit, unchecked."""
        rate = object.__new__(cls)
        rate._steps = steps
        return rate

    @classmethod
    def _door(cls) -> tuple[str, str]:
        return "rate", f"{cls.UNIT} from 0 to {MAX_RATE:,}"

    @classmethod
    def _checked(cls, steps: int, value: object) -> int:
        if not 0 <= steps <= MAX_RATE * PICO:
            raise RuleViolation(*cls._door(), shown(value))
        return steps

    @property
    def steps(self) -> int:
        """The rate in pico-dollars per unit."""
        return self._steps

    def to_decimal(self, places: int = PRICE_PLACES) -> Decimal:
        """Return dollars per unit, exact by default, else half-even at ``places`` decimals."""
        whole_number(places, "places", 0, PRICE_PLACES)
        units = round_half_even(self._steps, 10 ** (PRICE_PLACES - places))
        return Decimal(units).scaleb(-places, WIDE)

    def scaled(self, factor: Fraction | int) -> Self:
        """Return a derived rate (after a discount or a fee), rounded once, half-even."""
        ratio = _ratio(factor, "rate × …")
        steps = round_half_even(self._steps * ratio.numerator, ratio.denominator)
        if not 0 <= steps <= self._steps:  # a part of what is due for many GPUs is a price as well
            self._checked(steps, f"{self!r} × {ratio}")
        return self.from_steps(steps)

    def __add__(self, other: Self) -> Self:
        if type(other) is not type(self):
            raise WrongType("rate + …", f"a rate in {self.UNIT}", shown(other))
        steps = self._checked(self._steps + other._steps, f"{self!r} + {other!r}")
        return self.from_steps(steps)

    def __bool__(self) -> bool:
        return self._steps != 0

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self._steps == other._steps

    def __lt__(self, other: Self) -> bool:
        if type(other) is not type(self):
            raise WrongType("rate < …", f"a rate in {self.UNIT}", shown(other))
        return self._steps < other._steps

    def __hash__(self) -> int:
        return hash((type(self), self._steps))

    def __str__(self) -> str:
        return decimal_text(self.to_decimal(), 2)

    def __format__(self, spec: str) -> str:
        """Format as ``.2f`` or ``>12,.4f`` do, rounded once; without decimals, align the text."""
        return _formatted(self, spec)

    def __repr__(self) -> str:
        if self._steps > MAX_RATE * PICO:  # many GPUs at a price near the limit
            return f"{type(self).__name__}.from_steps({self._steps})"
        return f"{type(self).__name__}('{self}')"


class PerGpuHour(Rate):
    """Dollars per GPU-hour: what a host asks for one GPU, and how bids are compared."""

    __slots__ = ()
    UNIT: ClassVar[str] = "$/GPU-hour"

    def for_gpus(self, gpus: int) -> PerHour:
        """Return the price of ``gpus`` GPUs: the GPU price is linear (measured)."""
        return PerHour.from_steps(self._steps * whole_number(gpus, "gpus"))

    def charge(self, gpus: int, seconds: int) -> Money:
        """Return the exact price of ``gpus`` GPUs for whole ``seconds``."""
        if type(gpus) is not int or type(seconds) is not int:
            raise _inexact(gpus, seconds)
        money = _new_money(Money)  # as in _money, without the call: this is the hottest line
        money._ticks = self._steps * (gpus * seconds * _TICKS_PER_SECOND)
        return money

    def __mul__(self, duration: timedelta) -> Money:
        return self.charge(1, whole_seconds(duration))

    __rmul__ = __mul__


class PerHour(Rate):
    """Dollars per hour for a whole instance, whatever its number of GPUs: bids and quotes."""

    __slots__ = ()
    UNIT: ClassVar[str] = "$/hour"

    def per_gpu(self, gpus: int) -> PerGpuHour:
        """Return the share of one of ``gpus`` GPUs, half-even at 12 decimals."""
        return PerGpuHour.from_steps(round_half_even(self._steps, whole_number(gpus, "gpus", 1)))

    def charge(self, seconds: int) -> Money:
        """Return the exact price of whole ``seconds``."""
        if type(seconds) is not int:
            raise _inexact(seconds)
        money = _new_money(Money)
        money._ticks = self._steps * (seconds * _TICKS_PER_SECOND)
        return money

    def __mul__(self, duration: timedelta) -> Money:
        return self.charge(whole_seconds(duration))

    __rmul__ = __mul__


class PerGbMonth(Rate):
    """Dollars per GB of disk and month of 720 hours."""

    __slots__ = ()
    UNIT: ClassVar[str] = "$/GB-month"

    def charge(self, megabytes: int, seconds: int) -> Money:
        """Return the exact price of whole ``megabytes`` of disk for whole ``seconds``."""
        if type(megabytes) is not int or type(seconds) is not int:
            raise _inexact(megabytes, seconds)
        return _money(self._steps * megabytes * seconds * _TICKS_PER_MB_SECOND)

    def __mul__(self, duration: timedelta) -> Money:
        return self.charge(MB_PER_GB, whole_seconds(duration))

    __rmul__ = __mul__


class PerGb(Rate):
    """Dollars per GB of traffic, 10⁹ bytes."""

    __slots__ = ()
    UNIT: ClassVar[str] = "$/GB"

    def charge(self, count: int) -> Money:
        """Return the exact price of ``count`` bytes."""
        if type(count) is not int:
            raise _inexact(count)
        return _money(self._steps * count * _TICKS_PER_BYTE)
