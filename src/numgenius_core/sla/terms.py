"""What is promised: a host's claim and spread, and the target that a client rents with.

Rule (marketplace, published 2026): a host lists a *claim* c, 0 < c ≤ 0.99999 (0 is no agreement,
exactly 1 is refused), and a *spread* σ, 0 < σ ≤ 3, which is 0.5 if a new listing leaves it out and
stays as it is if an existing one does. The confidence p = 1 / (1 + σ) is shown as high (σ ≤ 0.32),
medium (σ ≤ 0.71) or low. The *client* chooses a target t, 0 < t ≤ c, at search and at rental. On
demand only. Claim, spread and target are locked in the contract; the target never changes.

Our reading: claims and targets are whole parts of 10⁻⁹, as uptime is counted.
"""

from __future__ import annotations

from enum import Enum
from fractions import Fraction
from typing import Final

from attrs import field, frozen

from numgenius_core._checks import check_kind
from numgenius_core._numbers import exact_number, fraction
from numgenius_core.errors import RuleViolation, shown
from numgenius_core.listing import Mode
from numgenius_core.units import Exact

PARTS: Final = 10**9
"""Uptime, blends and credits are whole parts of this: 990,000,000 is 99 %."""
MAX_CLAIM: Final = Fraction(99_999, 100_000)
"""The highest claim that a listing takes; 100 % is nobody's to promise."""
MAX_SPREAD: Final = Fraction(3)
"""The widest spread that a listing takes."""
DEFAULT_SPREAD: Final = Fraction(1, 2)
"""The spread of a new listing that names none."""
_HIGH: Final = Fraction(32, 100)
_MEDIUM: Final = Fraction(71, 100)


class ConfidenceBand(Enum):
    """How sure a host says to be of its claim, as it is shown to clients."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


def reliability_of(value: Exact, path: str) -> Fraction:
    """Return a claim or a target: above 0, at most 0.99999, in whole parts of 10⁻⁹."""
    need = "a share above 0 and at most 0.99999 with at most 9 decimals"
    share = exact_number(value, path, need)
    if not 0 < share <= MAX_CLAIM or PARTS % share.denominator:
        raise RuleViolation(path, need, shown(value))
    return share


def _claim(value: Exact) -> Fraction:
    return reliability_of(value, "claim")


def _spread(value: Exact) -> Fraction:
    need = "a spread above 0 and at most 3"
    spread = exact_number(value, "spread", need)
    if not 0 < spread <= MAX_SPREAD:
        raise RuleViolation("spread", need, shown(value))
    return spread


def _beta(value: Exact | None) -> Fraction | None:
    if value is None:
        return None
    share = fraction(value, "max_beta", below_one=True)
    if not share:
        raise RuleViolation("max_beta", "a share above 0 and below 1", "0")
    return share


@frozen
class Promise:
    """What a host promises in a listing.

    Attributes:
        claim: The uptime it says its machine has, a share: above 0, at most 0.99999.
        spread: How wide it may be off, above 0 and at most 3. A wider spread makes the fee larger
            and never changes a credit.
        max_beta: ``sla_max_beta``, which only the marketplace's support sets: kept, not applied.

    Raises:
        WrongType: One of them is a ``float`` or no number.
        RuleViolation: One of them is out of range, or the claim has more than 9 decimals.

    >>> from numgenius_core.sla import Promise
    >>> promise = Promise("0.99")
    >>> promise.spread, promise.confidence, promise.band.value
    (Fraction(1, 2), Fraction(2, 3), 'medium')
    """

    claim: Fraction = field(converter=_claim)
    spread: Fraction = field(default=DEFAULT_SPREAD, converter=_spread)
    max_beta: Fraction | None = field(default=None, converter=_beta, kw_only=True)

    @classmethod
    def of_confidence(cls, claim: Exact, confidence: Exact) -> Promise:
        """Return the promise of a claim and a confidence p, whose spread is 1 / p − 1.

        Raises:
            WrongType: One of them is a ``float`` or no number.
            RuleViolation: The claim is out of range, or the confidence below 1/4 or not below 1.
        """
        share = fraction(confidence, "confidence")
        if not Fraction(1, 4) <= share < 1:
            need = "a confidence from 0.25 to below 1"
            raise RuleViolation("confidence", need, shown(confidence))
        return cls(claim, 1 / share - 1)

    @property
    def confidence(self) -> Fraction:
        """The confidence p = 1 / (1 + σ)."""
        return 1 / (1 + self.spread)

    @property
    def band(self) -> ConfidenceBand:
        """The confidence as it is shown: high, medium or low."""
        if self.spread <= _HIGH:
            return ConfidenceBand.HIGH
        return ConfidenceBand.MEDIUM if self.spread <= _MEDIUM else ConfidenceBand.LOW

    def meets(self, target: Exact) -> bool:
        """Return whether a search for a target shows this listing: its claim is no lower.

        Raises:
            WrongType: The target is a ``float`` or no number.
            RuleViolation: It is out of range.
        """
        return reliability_of(target, "target") <= self.claim


def promised(
    claim: Exact, spread: Exact | None = None, *, before: Promise | None = None
) -> Promise | None:
    """Return what a listing promises after a request, ``None`` for no agreement.

    Args:
        claim: The claim of the request; 0 ends the agreement for new rentals.
        spread: The spread of the request; left out, the stored one stays, 0.5 in a new listing.
        before: What the listing promised before, ``None`` of a new one.

    Raises:
        WrongType: A ``float``, or no number.
        RuleViolation: The claim or the spread is out of range.

    >>> from numgenius_core.sla import Promise, promised
    >>> promised("0.98", before=Promise("0.99", "0.2")).spread
    Fraction(1, 5)
    >>> promised(0) is None
    True
    """
    if before is not None:
        check_kind(before, Promise, "before")
    if exact_number(claim, "claim", "a share from 0 to 0.99999") == 0:
        return None
    stored = DEFAULT_SPREAD if before is None else before.spread
    beta = None if before is None else before.max_beta
    return Promise(claim, stored if spread is None else spread, max_beta=beta)


def _target(value: Exact) -> Fraction:
    return reliability_of(value, "target")


@frozen
class SlaTerms:
    """What a contract locks: the host's promise, and the target that the client chose.

    Attributes:
        promise: Claim and spread of the listing at the moment of rental.
        target: The uptime below which credits are paid: above 0, at most the claim.

    Raises:
        WrongType: The target is a ``float`` or no number.
        RuleViolation: The target is out of range or above the claim.

    >>> from numgenius_core.sla import Promise, SlaTerms
    >>> terms = SlaTerms(Promise("0.99"), "0.95")
    >>> terms.target, terms.target_parts
    (Fraction(19, 20), 950000000)
    """

    promise: Promise
    target: Fraction = field(converter=_target)

    def __attrs_post_init__(self) -> None:
        check_kind(self.promise, Promise, "promise")
        if self.target > self.promise.claim:
            need = f"at most the claim of {float(self.promise.claim):g}"
            raise RuleViolation("target", need, f"{float(self.target):g}")

    @property
    def target_parts(self) -> int:
        """The target in parts of 10⁻⁹."""
        return int(self.target * PARTS)


def rented_terms(
    promise: Promise | None, target: Exact | None, mode: Mode = Mode.ON_DEMAND
) -> SlaTerms | None:
    """Return the terms that a rental locks; without a target there is no agreement and no fee.

    Args:
        promise: What the listing promises, ``None`` if nothing.
        target: What the client asks for, ``None`` if nothing.
        mode: How the offer is rented.

    Raises:
        WrongType: The target is a ``float`` or no number.
        RuleViolation: A target without a promise, above the claim, on a bid or on a reservation.

    >>> from numgenius_core.sla import Promise, rented_terms
    >>> rented_terms(Promise("0.99"), None) is None
    True
    """
    check_kind(mode, Mode, "mode")
    if target is None:
        return None
    if mode is not Mode.ON_DEMAND:
        raise RuleViolation("target", "an on-demand rental", mode.value)
    if promise is None:
        raise RuleViolation("target", "an offer with a claim", "one without")
    return SlaTerms(promise, target)
