"""What a promise costs: the fee for each claim, spread and target, a share of the covered price.

Published: the fee is dollars per hour for the whole instance; it grows with the target and the
spread, falls with the claim, is "much higher" as the target nears the claim, and is never
discounted. GPUs of $3.50 an hour, claim 99 %, spread 0.5, target 95 %: about $0.04 an hour,
$0.97 a day.

Ours: the formula, which is not published. The downtime of a day, a share X, is believed to follow
Lomax's law with mean 1 − c and tail index 1 + 3 / (2σ): the mean comes from the claim, the width
from the spread (the smaller σ, the nearer to an exponential law). The client's *tolerance* is
1 − t. The fee is what insurers call a stop-loss premium with a margin: the expected downtime
beyond the tolerance, in units of it,

    factor = (1 + margin) · E[(X − (1 − t))⁺] / (1 − t) = (1 + margin) / y · (1 + 2σy/3)^(−3/(2σ)),

with y = (1 − t) / (1 − c) ≥ 1, how often the expected downtime fits into the tolerance. The margin
of 9.5 % is the one number taken from the published figure: 3.50 · factor · 24 = $0.9701. A credit
has a cap that this expectation leaves out: with it, a wider belief would be *cheaper* near the
claim, against what is published.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Final

from attrs import field, frozen

from numgenius_core._checks import check_kind
from numgenius_core._numbers import PICO, exact_number, own_context, round_half_even, said_exact
from numgenius_core.errors import RuleViolation, shown
from numgenius_core.rates import PerHour
from numgenius_core.sla.terms import SlaTerms
from numgenius_core.units import Exact

_DIGITS: Final = own_context(60)  # ln and exp of Decimal round correctly, on every machine alike
_MARGIN: Final = Fraction(19, 200)
_TAIL: Final = Fraction(3, 2)


@frozen
class FeeSchedule(ABC):
    """How a fee follows from claim, spread and target.

    :class:`StopLossFee` is ours. Another one, a frozen attrs class as this is, needs :meth:`share`,
    which should grow with the target and the spread and fall with the claim; the laws ``sla fee``
    of :mod:`numgenius_core.testing` check that.
    """

    @abstractmethod
    def share(self, terms: SlaTerms) -> Fraction:
        """Return the fee as a share of the covered price, zero or more: ``Fraction(1, 100)``.

        Another answer, such as a ``float``, is refused where it is asked.
        """

    def factor(self, terms: SlaTerms) -> Fraction:
        """Return the share rounded half-even to whole parts of 10⁻¹², as fees are agreed with.

        Raises:
            WrongType: The schedule said a ``float`` or no number.
            RuleViolation: It said a share below 0.
        """
        said, need = self.share(terms), "a share of zero or more"
        share = said_exact(self, "share", said, need)
        if share.numerator < 0:
            raise RuleViolation(f"{type(self).__name__}.share", need, shown(said))
        return Fraction(round_half_even(share.numerator * PICO, share.denominator), PICO)

    def fee(self, terms: SlaTerms, price: PerHour) -> PerHour:
        """Return the fee of an instance, dollars per hour, rounded once to a price step.

        Args:
            terms: Claim, spread and target.
            price: The covered price: GPUs and storage of the whole instance, per hour.
        """
        check_kind(terms, SlaTerms, "terms")
        check_kind(price, PerHour, "price")
        return price.scaled(self.factor(terms))


def _margin(value: Exact) -> Fraction:
    need = "a margin from 0 to 10"
    margin = exact_number(value, "margin", need)
    if not 0 <= margin <= 10:
        raise RuleViolation("margin", need, shown(value))
    return margin


@frozen
class StopLossFee(FeeSchedule):
    """Our fee: the expected downtime beyond the tolerance, in units of it, and a margin.

    Attributes:
        margin: Above the expectation, a share: 0.095 meets the published figure.

    Raises:
        WrongType: The margin is a ``float`` or no number.
        RuleViolation: It is negative or above 10.

    >>> from numgenius_core import PerHour
    >>> from numgenius_core.sla import Promise, SlaTerms, StopLossFee
    >>> terms = SlaTerms(Promise("0.99", "0.5"), "0.95")
    >>> fee = StopLossFee().fee(terms, PerHour("3.50"))
    >>> f"{fee:.2f} an hour, {fee.charge(86_400):.2f} a day"
    '0.04 an hour, 0.97 a day'
    """

    margin: Fraction = field(default=_MARGIN, converter=_margin)

    def share(self, terms: SlaTerms) -> Fraction:
        """Return the fee as a share of the covered price, to 50 digits."""
        check_kind(terms, SlaTerms, "terms")
        promise = terms.promise
        tolerances = (1 - terms.target) / (1 - promise.claim)
        return (1 + self.margin) * _beyond(tolerances, promise.spread)


@lru_cache(maxsize=65_536)
def _beyond(tolerances: Fraction, spread: Fraction) -> Fraction:
    """Return E[(X − a)⁺] / a of Lomax's law, ``a`` so many times its mean."""
    power = _TAIL / spread
    base = 1 + tolerances / power
    logarithm = _DIGITS.multiply(_decimal(-power), _DIGITS.ln(_decimal(base)))
    return Fraction(_DIGITS.exp(logarithm)) / tolerances


def _decimal(value: Fraction) -> Decimal:
    return _DIGITS.divide(Decimal(value.numerator), Decimal(value.denominator))
