"""A mean with its confidence interval, from independent runs.

The interval is Student's: mean ± t · s / √n, s the standard deviation of n runs. Means and
variances are exact; the square root and the quantile of t are ``float``.

Where two options saw the same random numbers, the interval of their *paired* differences is the
one to look at: what chance did to both cancels.

Why the quantile is right: for whole degrees of freedom the share of Student's t between −t and t
is a finite sum of powers of cos θ, tan θ = t / √ν (Abramowitz and Stegun, 26.7.3 and 26.7.4). It
grows with t, so halving finds where it is the confidence wanted.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from math import cos, pi, sin, sqrt
from typing import Final

from attrs import frozen

from numgenius_core._checks import as_tuple
from numgenius_core._numbers import fraction, whole_number
from numgenius_core.errors import RuleViolation, WrongType, shown
from numgenius_core.units import Exact

CONFIDENCE: Final = Decimal("0.95")
"""The share of intervals that hold the true mean, unless another is asked for."""
_MOST: Final = 1_000_000
_HALVINGS: Final = 200


def student_t(confidence: Exact, degrees: int) -> float:
    """Return t such that Student's t lies between −t and t with a probability.

    Args:
        confidence: The probability, above 0 and below 1.
        degrees: Degrees of freedom.

    Raises:
        RuleViolation: A confidence of 0, or of 1 or more, or no degree of freedom.

    >>> from numgenius_core.whatif.estimate import student_t
    >>> round(student_t("0.95", 9), 4)
    2.2622
    """
    share = fraction(confidence, "confidence", below_one=True)
    if not share:
        raise RuleViolation("confidence", "a share above 0 and below 1", "0")
    return _quantile(float(share), whole_number(degrees, "degrees", 1, _MOST))


@lru_cache(maxsize=256)
def _quantile(share: float, degrees: int) -> float:
    # Halving needs no derivative and cannot miss: the share grows from 0 to 1 with θ.
    low, high = 0.0, pi / 2  # of θ
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if _between(middle, degrees) < share else (low, middle)
    return sqrt(degrees) * sin(low) / cos(low)


def _between(angle: float, degrees: int) -> float:
    """Return the share of Student's t within √ν · tan θ of 0."""
    square = cos(angle) ** 2
    if degrees % 2 == 0:
        term = total = 1.0
        for power in range(2, degrees, 2):
            term *= square * (power - 1) / power
            total += term
        return sin(angle) * total
    term = total = cos(angle) if degrees > 1 else 0.0
    for power in range(3, degrees, 2):
        term *= square * (power - 1) / power
        total += term
    return 2 / pi * (angle + sin(angle) * total)


@frozen(kw_only=True)
class Estimate:
    """A mean over runs, and how sure it is.

    Attributes:
        mean: The mean, exact.
        half_width: The interval is ``mean ± half_width``; ``None`` of a single run, which says
            nothing about chance.
        runs: How many runs there were.
        confidence: Share of such intervals that hold the true mean.
    """

    mean: Fraction
    half_width: Fraction | None
    runs: int
    confidence: Fraction

    @property
    def low(self) -> Fraction:
        """Lower end of the interval; the mean where there is none."""
        return self.mean - (self.half_width or 0)

    @property
    def high(self) -> Fraction:
        """Upper end of the interval; the mean where there is none."""
        return self.mean + (self.half_width or 0)

    @property
    def is_clear(self) -> bool:
        """Whether zero is outside of the interval, so that a difference has a sure sign."""
        return self.half_width is not None and not self.low <= 0 <= self.high

    def __float__(self) -> float:
        """Return the mean as the nearest ``float``."""
        return float(self.mean)

    def __contains__(self, value: Fraction | int) -> bool:
        return self.low <= value <= self.high

    def text(self, places: int = 2, scale: int = 1) -> str:
        """Return the mean and the half width as text, times ``scale``, with some decimals."""
        mean = f"{float(self.mean * scale):.{places}f}"
        if self.half_width is None:
            return mean
        return f"{mean} ± {float(self.half_width * scale):.{places}f}"

    def __str__(self) -> str:
        return self.text()


def estimate_mean(values: Iterable[Fraction | int], confidence: Exact = CONFIDENCE) -> Estimate:
    """Return the mean of independent values, with Student's confidence interval.

    Args:
        values: One exact number from each run.
        confidence: Share of such intervals that hold the true mean: below 1, above 0 where there
            is more than one value.

    Raises:
        RuleViolation: No values, or a confidence out of range.

    >>> from numgenius_core.whatif.estimate import estimate_mean
    >>> print(estimate_mean([10, 12, 14]))
    12.00 ± 4.97
    """
    known = as_tuple(values, "values")
    for index, value in enumerate(known):
        if type(value) is not int and not isinstance(value, Fraction):
            raise WrongType(f"values[{index}]", "a whole number or a Fraction", shown(value))
    count = len(known)
    if not count:
        raise RuleViolation("values", "at least one", "none")
    share = fraction(confidence, "confidence", below_one=True)
    mean = Fraction(sum(known)) / count
    if count == 1:
        return Estimate(mean=mean, half_width=None, runs=1, confidence=share)
    variance = sum((value - mean) ** 2 for value in known) / (count - 1)
    half = student_t(share, count - 1) * sqrt(variance / count)
    return Estimate(mean=mean, half_width=Fraction(half), runs=count, confidence=share)
