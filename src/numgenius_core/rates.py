"""Rates: prices per GPU-hour, hour, GB-month and GB, whole numbers of pico-dollars.

Rule (marketplace, measured): prices are US dollars per GPU-hour, per GB-month and per GB; the
month of every price is 720 hours; usage is billed by the second and the byte. 1 GB = 10⁹ bytes
(our reading).

A charge is price × seconds / 3,600, × MB × seconds / 2,592,000,000 or × bytes / 10⁹, each a whole
number of the ticks of :mod:`numgenius_core.money`. A derived rate (after a discount, a fee) is
rounded once, half to even, when it is agreed (:meth:`Rate.scaled`).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, ClassVar, Final, NoReturn, Self, final, overload

from attrs.exceptions import FrozenInstanceError

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
    whole_seconds,
)
from numgenius_core.errors import RuleViolation, WrongType, shown
from numgenius_core.money import TICKS_PER_STEP, Money, money_of, new_money, put_ticks
from numgenius_core.units import (
    BYTES_PER_GB,
    MB_PER_GB,
    SECONDS_PER_HOUR,
    SECONDS_PER_MONTH,
    Amount,
)

__all__ = ["PerGb", "PerGbMonth", "PerGpuHour", "PerHour", "Rate"]


def __dir__() -> list[str]:
    """Return what there is to use."""
    return sorted(__all__)


MAX_RATE: Final = 1_000_000
"""Dearest price taken, dollars per unit: anything above is a mistake, not a price."""
_TICKS_PER_SECOND: Final = TICKS_PER_STEP // SECONDS_PER_HOUR  # of a price of one step an hour
_TICKS_PER_MB_SECOND: Final = TICKS_PER_STEP // (MB_PER_GB * SECONDS_PER_MONTH)
_TICKS_PER_BYTE: Final = TICKS_PER_STEP // BYTES_PER_GB


def _whole(*factors: int) -> tuple[int, ...]:
    """Return the factors of a charge as whole numbers; a ``float`` would be inexact.

    Raises:
        WrongType: One of them is no integer.
    """
    numbers = tuple(map(as_int, factors))
    for number in numbers:
        if type(number) is not int:
            need = "whole numbers of GPUs, seconds, MB and bytes"
            raise WrongType("charge", need, shown(number))
    return numbers


def _seconds_of(duration: object, instead: str) -> int:
    """Return the seconds that a rate is multiplied with.

    Raises:
        WrongType: It is no ``timedelta``; ``instead`` says what a number is for.
    """
    if not isinstance(duration, timedelta):
        raise WrongType("duration", f"a timedelta ({instead})", shown(duration))
    return whole_seconds(duration)


class Rate:
    """A price per unit of use: a whole number of pico-dollars, zero or more.

    What is used is one of its four kinds, :class:`PerGpuHour`, :class:`PerHour`,
    :class:`PerGbMonth` and :class:`PerGb`: each adds to and compares with its own kind only, and
    :meth:`scaled` makes a derived price, rounded once.

    Args:
        value: Dollars per unit as text, ``int`` or ``Decimal``, at most 12 decimals.

    Attributes:
        steps: The rate in pico-dollars per unit.

    Raises:
        WrongType: ``value`` is a ``float`` (see :meth:`from_float`), a ``bool`` or no number.
        RuleViolation: It is negative, not finite, has more than 12 decimals or is above
            1,000,000.

    >>> from fractions import Fraction
    >>> from numgenius_core import PerGpuHour
    >>> price = PerGpuHour("0.40")
    >>> price.scaled(1 - Fraction(1, 5)), price.steps  # a fifth less; pico-dollars
    (PerGpuHour('0.32'), 400000000000)
    >>> float(price), round(PerGpuHour("0.125"), 2)
    (0.4, PerGpuHour('0.12'))
    """

    if TYPE_CHECKING:  # to read only

        @property
        def steps(self) -> int: ...  # noqa: D102

    else:
        __slots__ = ("steps",)
        steps: int

        def __setattr__(self, name: str, value: object) -> None:
            raise FrozenInstanceError

        def __delattr__(self, name: str) -> None:
            raise FrozenInstanceError

    UNIT: ClassVar[str] = "$/unit"

    def __init_subclass__(cls) -> None:
        if cls.__bases__ != (Rate,):
            kind = cls.__bases__[0].__name__
            raise WrongType(
                f"class {cls.__name__}", f"{kind} itself (it is not derived from)", kind
            )

    def __init__(self, value: Amount) -> None:
        limits = self._limits()
        steps = scaled_integer(value, PRICE_PLACES, *limits, exact=True, hint=FROM_FLOAT)
        _put_steps(self, self._within(steps, value))

    def __reduce__(self) -> tuple[Callable[[int], Self], tuple[int]]:
        return type(self).from_steps, (self.steps,)

    @classmethod
    def from_float(cls, value: float) -> Self:
        """Return the rate of a float's shortest decimal text, half-even at 12 decimals.

        Raises:
            WrongType: ``value`` is neither a ``float`` nor an ``int``.
            RuleViolation: It is negative, not finite, above 1,000,000, or above zero and
                nearer to it than to a pico-dollar: what has a price is not free.
        """
        return cls._nearest(float_steps(value, *cls._limits()), value)

    @classmethod
    def nearest(cls, value: Amount) -> Self:
        """Return the rate nearest to a text or ``Decimal`` with up to 40 decimals, half-even.

        Raises:
            WrongType: ``value`` is a ``float``, a ``bool`` or no number.
            RuleViolation: It is negative, not finite, above 1,000,000, or above zero and
                nearer to it than to a pico-dollar: what has a price is not free.
        """
        steps = scaled_integer(value, PRICE_PLACES, *cls._limits(), exact=False, hint=FROM_FLOAT)
        return cls._nearest(steps, value)

    @classmethod
    def _nearest(cls, steps: int, value: float | Amount) -> Self:
        """Return the rate that a value was rounded to, unless it was rounded to nothing."""
        if not steps and (value if isinstance(value, float) else Decimal(value)):
            need = f"{cls.UNIT}, 0 or at least a price step of $0.{'1'.zfill(PRICE_PLACES)}"
            raise RuleViolation("rate", need, shown(value))
        return cls.from_steps(cls._within(steps, value))

    @classmethod
    def from_steps(cls, steps: int) -> Self:
        """Return the rate of a whole number of pico-dollars per unit, as ``rate.steps`` says it.

        It may be more than the 1,000,000 dollars that are taken from outside, as the price of many
        GPUs can be.

        Args:
            steps: Pico-dollars per unit, zero or more.

        Raises:
            WrongType: It is no whole number.
            RuleViolation: It is negative.

        >>> from numgenius_core import PerHour
        >>> PerHour.from_steps(PerHour("0.40").steps + 1)  # the next higher price
        PerHour('0.400000000001')
        """
        if type(steps) is not int or steps < 0:
            steps = whole_number(steps, "steps")
        rate = object.__new__(cls)
        _put_steps(rate, steps)
        return rate

    @classmethod
    def _limits(cls) -> tuple[str, str]:
        return "rate", f"{cls.UNIT} from 0 to {MAX_RATE:,}"

    @classmethod
    def _within(cls, steps: int, value: object) -> int:
        if not 0 <= steps <= MAX_RATE * PICO:
            raise RuleViolation(*cls._limits(), shown(value))
        return steps

    def to_decimal(self, places: int = PRICE_PLACES) -> Decimal:
        """Return dollars per unit, exact by default, else half-even at ``places`` decimals.

        Raises:
            RuleViolation: ``places`` is not from 0 to 12.
        """
        places = whole_number(places, "places", 0, PRICE_PLACES)
        units = round_half_even(self.steps, 10 ** (PRICE_PLACES - places))
        return decimal_of(units, places)

    def scaled(self, factor: Fraction | int) -> Self:
        """Return a derived rate (after a discount or a fee), rounded once, half-even.

        Raises:
            WrongType: ``factor`` is a ``float`` or another inexact number.
            RuleViolation: The rate would be negative or above 1,000,000.
        """
        ratio = exact_factor(factor, "rate × …")
        steps = round_half_even(self.steps * ratio.numerator, ratio.denominator)
        if not 0 <= steps <= self.steps:  # a part of what is due for many GPUs is a price as well
            self._within(steps, f"{self!r} × {ratio}")
        return self.from_steps(steps)

    def __add__(self, other: Self) -> Self:
        if type(other) is not type(self):
            raise WrongType("rate + …", f"a rate in {self.UNIT}", shown(other))
        steps = self.steps + other.steps
        if steps > MAX_RATE * PICO:  # only then is its text worth making
            self._within(steps, f"{self!r} + {other!r}")
        return self.from_steps(steps)

    def __bool__(self) -> bool:
        return self.steps != 0

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self.steps == other.steps

    # Written out: type checkers read what ``total_ordering`` adds as if it took no subclass.
    def __lt__(self, other: Self) -> bool:
        return self.steps < self._comparable(other)

    def __le__(self, other: Self) -> bool:
        return self.steps <= self._comparable(other)

    def __gt__(self, other: Self) -> bool:
        return self.steps > self._comparable(other)

    def __ge__(self, other: Self) -> bool:
        return self.steps >= self._comparable(other)

    def _comparable(self, other: Self) -> int:
        """Return the steps of a rate in the same unit."""
        if type(other) is not type(self):
            raise WrongType("rate < …", f"a rate in {self.UNIT}", shown(other))
        return other.steps

    def __hash__(self) -> int:
        return hash((type(self), self.steps))

    def __float__(self) -> float:
        """Return the nearest ``float`` in dollars, for charts and statistics; it is not exact."""
        return self.steps / PICO

    if not TYPE_CHECKING:  # for type checkers there is no int of a price

        def __int__(self) -> NoReturn:
            """Refuse what would cut off cents without a word."""
            need = "round(rate) for whole dollars, or rate.steps"
            raise WrongType("int(rate)", need, shown(self))

    @overload
    def __round__(self, places: None = None) -> int: ...
    @overload
    def __round__(self, places: int) -> Self: ...
    def __round__(self, places: int | None = None) -> Self | int:
        """Round half-even: to whole dollars as an ``int``, or to a rate with so many decimals."""
        if places is None:
            return round_half_even(self.steps, PICO)
        unit: int = 10 ** (PRICE_PLACES - whole_number(places, "places", 0, PRICE_PLACES))
        return self.from_steps(round_half_even(self.steps, unit) * unit)

    def __str__(self) -> str:
        return decimal_text(self.to_decimal(), 2)

    def __format__(self, spec: str) -> str:
        """Format as ``.2f`` or ``>12,.4f`` do, rounded once; without decimals, align the text."""
        return formatted(self, spec)

    def __repr__(self) -> str:
        if self.steps > MAX_RATE * PICO:  # many GPUs at a price near the limit
            return f"{type(self).__name__}.from_steps({self.steps})"
        return f"{type(self).__name__}('{self}')"


_put_steps: Final[Callable[[Rate, int], None]] = Rate.steps.__set__  # type: ignore[attr-defined]


@final
class PerGpuHour(Rate):
    """Dollars per GPU-hour: what a host asks for one GPU, and how bids are compared.

    Args:
        value: Dollars as text, ``int`` or ``Decimal``, at most 12 decimals, 0 to
            1,000,000; anything else is refused as :class:`Rate` says.

    >>> from datetime import timedelta
    >>> from numgenius_core import PerGpuHour
    >>> price = PerGpuHour("0.40")
    >>> price.charge(4, 90 * 60)  # four GPUs for an hour and a half
    Money('2.40')
    >>> price * timedelta(hours=2), price.for_gpus(4)
    (Money('0.80'), PerHour('1.60'))
    """

    __slots__ = ()
    UNIT: ClassVar[str] = "$/GPU-hour"

    def for_gpus(self, gpus: int) -> PerHour:
        """Return the hourly price of ``gpus`` GPUs: the GPU price is linear (measured).

        Raises:
            WrongType: ``gpus`` is no ``int``.
            RuleViolation: It is negative.
        """
        return PerHour.from_steps(self.steps * whole_number(gpus, "gpus"))

    def charge(self, gpus: int, seconds: int) -> Money:
        """Return the exact price of ``gpus`` GPUs for whole ``seconds``.

        Raises:
            WrongType: One of the two is no ``int``: a fraction of a second is never billed.
        """
        if type(gpus) is not int or type(seconds) is not int:
            gpus, seconds = _whole(gpus, seconds)
        money = new_money(Money)  # as in money_of, without the call: this is the hottest line
        put_ticks(money, self.steps * (gpus * seconds * _TICKS_PER_SECOND))
        return money

    def __mul__(self, duration: timedelta) -> Money:
        return self.charge(1, _seconds_of(duration, "for_gpus(n) is the price of n GPUs"))

    __rmul__ = __mul__


@final
class PerHour(Rate):
    """Dollars per hour for a whole instance, whatever its number of GPUs: bids and quotes.

    Args:
        value: Dollars as text, ``int`` or ``Decimal``, at most 12 decimals, 0 to
            1,000,000; anything else is refused as :class:`Rate` says.

    >>> from numgenius_core import PerHour
    >>> bid = PerHour("1.10")
    >>> bid.charge(24 * 3600), bid.per_gpu(4)
    (Money('26.40'), PerGpuHour('0.275'))
    """

    __slots__ = ()
    UNIT: ClassVar[str] = "$/hour"

    def per_gpu(self, gpus: int) -> PerGpuHour:
        """Return the share of one of ``gpus`` GPUs, half-even at 12 decimals.

        Raises:
            WrongType: ``gpus`` is no ``int``.
            RuleViolation: It is below one.
        """
        return PerGpuHour.from_steps(round_half_even(self.steps, whole_number(gpus, "gpus", 1)))

    def charge(self, seconds: int) -> Money:
        """Return the exact price of whole ``seconds``.

        Raises:
            WrongType: ``seconds`` is no ``int``: a fraction of a second is never billed.
        """
        if type(seconds) is not int:
            (seconds,) = _whole(seconds)
        money = new_money(Money)
        put_ticks(money, self.steps * (seconds * _TICKS_PER_SECOND))
        return money

    def __mul__(self, duration: timedelta) -> Money:
        return self.charge(_seconds_of(duration, "scaled(n) is n times the price"))

    __rmul__ = __mul__


@final
class PerGbMonth(Rate):
    """Dollars per GB of disk and month of 720 hours.

    Args:
        value: Dollars as text, ``int`` or ``Decimal``, at most 12 decimals, 0 to
            1,000,000; anything else is refused as :class:`Rate` says.

    >>> from numgenius_core import PerGbMonth
    >>> PerGbMonth("0.15").charge(100_000, 720 * 3600)  # 100 GB, which are 100,000 MB, for a month
    Money('15.00')
    """

    __slots__ = ()
    UNIT: ClassVar[str] = "$/GB-month"

    def charge(self, megabytes: int, seconds: int) -> Money:
        """Return the exact price of whole ``megabytes`` of disk for whole ``seconds``.

        Raises:
            WrongType: One of the two is no ``int``; see
                :func:`~numgenius_core.units.to_megabytes` for a size in GB.
        """
        if type(megabytes) is not int or type(seconds) is not int:
            megabytes, seconds = _whole(megabytes, seconds)
        return money_of(self.steps * megabytes * seconds * _TICKS_PER_MB_SECOND)

    def __mul__(self, duration: timedelta) -> Money:
        return self.charge(MB_PER_GB, _seconds_of(duration, "scaled(n) is n times the price"))

    __rmul__ = __mul__


@final
class PerGb(Rate):
    """Dollars per GB of traffic, 10⁹ bytes (our reading).

    Args:
        value: Dollars as text, ``int`` or ``Decimal``, at most 12 decimals, 0 to
            1,000,000; anything else is refused as :class:`Rate` says.

    >>> from numgenius_core import PerGb
    >>> PerGb("0.01").charge(2_500_000_000)
    Money('0.025')
    """

    __slots__ = ()
    UNIT: ClassVar[str] = "$/GB"

    def charge(self, count: int) -> Money:
        """Return the exact price of ``count`` bytes.

        Raises:
            WrongType: ``count`` is no ``int``; see :func:`~numgenius_core.units.to_bytes` for an
                amount in GB.
        """
        if type(count) is not int:
            (count,) = _whole(count)
        return money_of(self.steps * count * _TICKS_PER_BYTE)
