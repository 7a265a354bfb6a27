"""What is promised: a host's claim and spread, and the target that a client rents with.

Rule (marketplace, published 2026): a host lists a *claim* c, 0 < c ≤ 0.99999 (0 is no agreement,
exactly 1 is refused), and a *spread* σ, 0 < σ ≤ 3, which is 0.5 if a new listing leaves it out and
stays as it is if an existing one does. The confidence p = 1 / (1 + σ) is shown as high (σ ≤ 0.32),
medium (σ ≤ 0.71) or low. The *client* chooses a target t, 0 < t ≤ c, at search and at rental. On
demand only. Claim, spread and target are locked in the contract; the target never changes.

Our reading: claims and targets are whole parts of 10⁻⁹, as uptime is counted.
"""

from __future__ import annotations

from fractions import Fraction

from attrs import field, frozen

from numgenius_core._checks import check_kind
from numgenius_core._numbers import exact_number
from numgenius_core._terms import DEFAULT_SPREAD, PARTS, Promise, reliability_of
from numgenius_core.errors import RuleViolation
from numgenius_core.listing import Mode
from numgenius_core.units import Exact


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
        target = self.target  # a whole number of them, see reliability_of
        return target.numerator * PARTS // target.denominator


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

    >>> from numgenius_core.sla import Promise
    >>> from numgenius_core.sla.terms import rented_terms
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
