"""How a quantity is spread over clients: stays, the most they pay, what they bid.

Parameters are exact (text, ``int`` or ``Decimal``); a ``float`` is refused, as everywhere. What is
drawn is a ``float``, which :class:`~numgenius_core.whatif.Demand` puts on whole seconds and
hundredths of a cent.

Why a value moves with its parameters alone: each draw takes its random numbers in the same way
whatever the parameters, so twice the median is twice each value, from the same seed.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from math import exp, inf
from random import Random
from typing import Final

from attrs import field, frozen

from numgenius_core._checks import as_tuple, check_kind
from numgenius_core._numbers import as_fraction_of_ten, as_int
from numgenius_core.errors import RuleViolation, WrongType, brief, shown
from numgenius_core.units import Amount

_WIDEST: Final = 24


def positive(value: object, path: str) -> float:
    """Return an exact parameter above zero as the ``float`` that random draws need."""
    need = "a number above zero"
    number, places = as_fraction_of_ten(value, path, need, hint="")
    if number <= 0:
        raise RuleViolation(path, need, shown(value))
    return number / float(10**places)


@frozen
class Distribution(ABC):
    """How a quantity is spread over clients: the base of all distributions.

    Four kinds are there: :class:`~numgenius_core.whatif.Exponential`,
    :class:`~numgenius_core.whatif.LogNormal`, :class:`~numgenius_core.whatif.Pareto` and
    :class:`~numgenius_core.whatif.Observed`. Another one needs :meth:`draw` and :attr:`mean`, and
    is a frozen attrs class, as these are: two of the same fields draw the same, and compare equal.
    What it draws is checked where it is used, and refused with the name of its class.

    >>> from random import Random
    >>> from attrs import frozen
    >>> from numgenius_core.whatif import Demand, Distribution
    >>> @frozen
    ... class Even(Distribution):
    ...     '''Anything between two hours, as likely.'''
    ...     least: int
    ...     most: int
    ...     @property
    ...     def mean(self) -> float:
    ...         return (self.least + self.most) / 2
    ...     def draw(self, random: Random) -> float:
    ...         return random.uniform(self.least, self.most)
    >>> Demand(per_day=6, sizes={1: 1}, stays=Even(2, 12)).stays
    Even(least=2, most=12)
    """

    @property
    @abstractmethod
    def mean(self) -> float:
        """The mean of the quantity, above zero; infinite where there is none."""

    @abstractmethod
    def draw(self, random: Random) -> float:
        """Return one value, drawn with the next numbers of ``random``: zero or more.

        In hours for stays, in dollars per GPU-hour for what clients pay and bid. It takes all its
        chance from ``random``, so that the same seed draws the same.
        """


def drawn(distribution: Distribution, random: Random, purpose: str) -> float:
    """Return one value of a distribution, once it is known to be one.

    Args:
        distribution: It may be of somebody's own class.
        random: Where the value comes from.
        purpose: What it is for, such as ``demand.stays``, for the error.

    Raises:
        WrongType: It drew no number.
        RuleViolation: It drew a number below zero, or none (NaN).
    """
    value = distribution.draw(random)
    if type(value) is float and value >= 0:
        return value
    return _said(distribution, f"draw for {purpose}", value, "a number of zero or more")


def mean_of(distribution: Distribution, purpose: str) -> float:
    """Return the mean of a distribution, once it is known to be one.

    Raises:
        WrongType: It said no number.
        RuleViolation: It said a number that is not above zero.
    """
    value, need = distribution.mean, "a number above zero"
    mean = _said(distribution, f"mean for {purpose}", value, need)
    if not mean:
        raise RuleViolation(f"{type(distribution).__name__}.mean for {purpose}", need, shown(value))
    return mean


def _said(distribution: Distribution, what: str, value: object, need: str) -> float:
    path = f"{type(distribution).__name__}.{what}"
    number = as_int(value)  # a whole number of another class, such as NumPy's
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise WrongType(path, f"{need}, a float", shown(value))
    if not number >= 0:  # also so for NaN
        raise RuleViolation(path, need, shown(value))
    try:
        return float(number)
    except OverflowError:
        return inf


@frozen
class Exponential(Distribution):
    """The time to an event that is as likely at any moment; its standard deviation is its mean.

    Attributes:
        average: The mean, such as ``"6"`` hours: above zero.

    Raises:
        RuleViolation: An average that is not above zero.

    >>> from numgenius_core.whatif import Exponential
    >>> Exponential("6").mean
    6.0
    """

    average: Amount
    _mean: float = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "_mean", positive(self.average, "average"))

    @property
    def mean(self) -> float:
        """The mean of the quantity."""
        return self._mean

    def draw(self, random: Random) -> float:
        """Return one value, drawn with the next numbers of ``random``."""
        check_kind(random, Random, "random")
        return random.expovariate(1.0) * self._mean


@frozen
class LogNormal(Distribution):
    """What differs by factors: half are below the median, two thirds within a factor of e^spread.

    Attributes:
        median: Half of the values are below: above zero.
        spread: Standard deviation of the natural logarithm: above zero, at most 24.

    Raises:
        RuleViolation: A median or a spread out of range.

    >>> from numgenius_core.whatif import LogNormal
    >>> round(LogNormal("4", "0.5").mean, 3)
    4.533
    """

    median: Amount
    spread: Amount
    _median: float = field(init=False, repr=False)
    _spread: float = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "_median", positive(self.median, "median"))
        object.__setattr__(self, "_spread", positive(self.spread, "spread"))
        if self._spread > _WIDEST:
            raise RuleViolation("spread", "at most 24", shown(self.spread))

    @property
    def mean(self) -> float:
        """The mean of the quantity, above its median."""
        return self._median * exp(self._spread**2 / 2)

    def draw(self, random: Random) -> float:
        """Return one value, drawn with the next numbers of ``random``."""
        check_kind(random, Random, "random")
        return self._median * exp(self._spread * random.normalvariate(0.0, 1.0))


@frozen
class Pareto(Distribution):
    """A share of (least / x)^slope of the values is at least x: demand of a constant elasticity.

    Attributes:
        least: No value is below: above zero.
        slope: The elasticity: 1 % more price loses ``slope`` % of the clients; above zero.

    Raises:
        RuleViolation: A parameter that is not above zero.

    >>> from numgenius_core.whatif import Pareto
    >>> Pareto("0.40", 3).mean  # of the most that clients pay, dollars per GPU-hour
    0.6000000000000001
    """

    least: Amount
    slope: Amount
    _least: float = field(init=False, repr=False)
    _slope: float = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "_least", positive(self.least, "least"))
        object.__setattr__(self, "_slope", positive(self.slope, "slope"))

    @property
    def mean(self) -> float:
        """The mean of the quantity, infinite for a slope up to 1."""
        slope = self._slope
        return self._least * slope / (slope - 1) if slope > 1 else float("inf")

    def draw(self, random: Random) -> float:
        """Return one value, drawn with the next numbers of ``random``."""
        check_kind(random, Random, "random")
        # 1 − random() is above 0; a slope near 0 can leave what a float holds.
        try:
            return float(self._least * (1.0 - random.random()) ** (-1.0 / self._slope))
        except OverflowError:
            return float("inf")


def _as_values(given: Iterable[Amount]) -> tuple[Amount, ...]:
    return as_tuple(given, "values")


@frozen
class Observed(Distribution):
    """Values that were seen, each as likely as the others.

    Attributes:
        values: The values seen, each above zero.

    Raises:
        RuleViolation: No value, or one that is not above zero.

    >>> from numgenius_core.whatif import Observed
    >>> Observed(["1", "2", "9"]).mean
    4.0
    """

    values: tuple[Amount, ...] = field(converter=_as_values, repr=brief)
    _values: tuple[float, ...] = field(init=False, repr=False, eq=False)

    def __attrs_post_init__(self) -> None:
        found = tuple(positive(v, f"values[{i}]") for i, v in enumerate(self.values))
        if not found:
            raise RuleViolation("values", "at least one value", "none")
        object.__setattr__(self, "_values", found)

    @property
    def mean(self) -> float:
        """The mean of the values seen."""
        return sum(self._values) / len(self._values)

    def draw(self, random: Random) -> float:
        """Return one value, drawn with the next numbers of ``random``."""
        check_kind(random, Random, "random")
        return self._values[int(random.random() * len(self._values))]
