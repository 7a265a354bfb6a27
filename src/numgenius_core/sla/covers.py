"""The promise that a contract locks: its terms, the prices it covers and the fee agreed for it.

Rule (marketplace, published 2026): claim, spread and target are locked in the contract, and an
extension keeps them.
"""

from __future__ import annotations

from fractions import Fraction

from attrs import field, frozen

from numgenius_core._accrual import stored_an_hour
from numgenius_core._checks import check_kind
from numgenius_core._numbers import fraction, whole_number
from numgenius_core.rates import PerGbMonth, PerHour
from numgenius_core.sla.schedules import OUR_RULES, SlaRules
from numgenius_core.sla.terms import SlaTerms
from numgenius_core.units import MAX_MB, Exact


def _platform_fee(value: Exact) -> Fraction:
    return fraction(value, "platform_fee", below_one=True)


@frozen(kw_only=True)
class Cover:
    """The promise that a contract locked, with the prices that it covers.

    Attributes:
        terms: Claim, spread and target.
        compute: What the client pays for GPUs and storage of the whole instance, per hour.
        fee: What the client pays for the promise, per hour.
        platform_fee: The platform's share of ``compute``, from 0 to below 1.

    Raises:
        WrongType: A price that is no ``PerHour``, terms that are no ``SlaTerms``, a ``float``.
        RuleViolation: A platform fee out of range.

    >>> from numgenius_core import PerHour
    >>> from numgenius_core.sla import Promise, SlaTerms, cover
    >>> bought = cover(SlaTerms(Promise("0.99"), "0.95"), PerHour("3.50"))
    >>> f"{bought.fee:.4f}", f"{bought.per_hour:.4f}"
    ('0.0404', '3.5404')
    """

    terms: SlaTerms
    compute: PerHour
    fee: PerHour
    platform_fee: Fraction = field(default=Fraction(0), converter=_platform_fee)

    def __attrs_post_init__(self) -> None:
        check_kind(self.terms, SlaTerms, "cover.terms")
        check_kind(self.compute, PerHour, "cover.compute")
        check_kind(self.fee, PerHour, "cover.fee")

    @property
    def per_hour(self) -> PerHour:
        """What the client pays an hour, traffic left out: GPUs, storage and the fee."""
        return self.compute + self.fee


def covered_price(gpus: PerHour, storage: PerGbMonth, disk_mb: int) -> PerHour:
    """Return what a promise covers an hour: the GPUs and the disk of an instance.

    Args:
        gpus: What the client pays for all GPUs of the instance, on demand.
        storage: The price of its disk.
        disk_mb: The disk, whole MB.

    Returns:
        Their sum, the disk's part rounded half-even once to a price step.

    Raises:
        WrongType: A price that is another, or a disk that is no ``int``.
        RuleViolation: A disk below 0, or a sum above what a price may be.

    >>> from numgenius_core import PerGbMonth, PerHour
    >>> from numgenius_core.sla.covers import covered_price
    >>> print(covered_price(PerHour("3.50"), PerGbMonth("0.72"), 100_000))
    3.60
    """
    check_kind(gpus, PerHour, "gpus")
    check_kind(storage, PerGbMonth, "storage")
    disk_mb = whole_number(disk_mb, "disk_mb", 0, MAX_MB)
    return gpus + PerHour.from_steps(stored_an_hour(storage, disk_mb))


def cover(
    terms: SlaTerms,
    compute: PerHour,
    *,
    platform_fee: Exact = 0,
    rules: SlaRules = OUR_RULES,
) -> Cover:
    """Return what a rental locks: its terms, its prices, and the fee that a schedule asks for them.

    Args:
        terms: Claim, spread and target.
        compute: What the client pays for GPUs and storage of the whole instance, per hour.
        platform_fee: The platform's share of ``compute``.
        rules: The schedules; ours by default.

    Raises:
        WrongType: A price that is no ``PerHour``, or terms that are no ``SlaTerms``.
        RuleViolation: A platform fee out of range.

    >>> from numgenius_core import PerHour
    >>> from numgenius_core.sla import Promise, SlaTerms, cover
    >>> print(cover(SlaTerms(Promise("0.99"), "0.98"), PerHour("3.50")).fee)
    0.41391
    """
    check_kind(rules, SlaRules, "rules")
    check_kind(compute, PerHour, "compute")
    fee = rules.fee.fee(terms, compute)
    return Cover(terms=terms, compute=compute, fee=fee, platform_fee=platform_fee)
