"""What a maintenance window costs: the contracts that it disturbs, and their weight.

Rule (hosting guide, G12): unplanned maintenance is scheduled with a date and a duration; "the
clients are notified and asked to save their work". While its machine is offline a client pays
nothing, so the host loses its part of that: the payout, what is billed less the platform's fee. A
contract with a promise of uptime is billed all the same, so nothing of its payout is lost. The
remedy is a credit, which depends on other days and on the notice as well: it is not in these
figures.

Our readings: a contract is disturbed if it is in force at any instant of the window. Two parts of
the loss count once for a contract however short the overlap (the contract itself, a refund that is
due); two grow with the length of the overlap (GPU-hours, the payout for GPUs; that for storage,
which stops too, is left out). All dollars of a loss are the host's own. Each contract counts as if
its instance ran throughout: who expects otherwise leaves it out. So counts the host's own test
(G10), whose payout is zero. Who expects a credit names it as a refund.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from fractions import Fraction
from itertools import pairwise
from math import lcm
from typing import Final, cast

from attrs import field, frozen

from numgenius_core._accrual import fee_of
from numgenius_core._checks import as_tuple, check_kind
from numgenius_core._numbers import PICO, exact_number
from numgenius_core.contracts.contract import FREE_OF_CHARGE, Contract
from numgenius_core.errors import RuleViolation, WrongType, shown
from numgenius_core.ids import ContractId
from numgenius_core.intervals import Interval, total_seconds
from numgenius_core.money import TICKS_PER_DOLLAR, ZERO, Money
from numgenius_core.rates import PerHour
from numgenius_core.units import SECONDS_PER_HOUR, Exact

Refunds = Mapping[ContractId, Money]
"""What is paid back of deposits, by the contract."""
Piece = tuple[int, int, int, int, int]
"""Start, end, loss at the start, loss at the end, loss per second: all whole numbers."""

NO_REFUNDS: Final[Refunds] = {}
"""Nobody is owed a refund for being disturbed."""


@frozen(kw_only=True)
class Disturbance:
    """A contract that a maintenance window disturbs, and what is lost by it.

    Attributes:
        contract: The contract as agreed.
        overlap: When within the window the contract is in force.
        gpu_hours: The contract's GPUs × hours of the overlap, exact.
        charge: What the client is not billed for its GPUs in that time, at the contract's rates;
            zero with a promise of uptime, which is billed throughout.
        payout: What of it the host would have earned: the charge less the platform's fee.
        refund: What the host owes the client for the disturbance, as the caller said.
    """

    contract: Contract
    overlap: Interval
    gpu_hours: Fraction
    charge: Money
    payout: Money
    refund: Money


def _weight(value: Exact, path: str) -> Fraction:
    need = "a weight of zero or more"
    weight = exact_number(value, path, need)
    if weight < 0:
        raise RuleViolation(path, need, shown(value))
    return weight


def _taken(value: Exact) -> Fraction:
    """Say what is taken for a weight: the class makes it exact, and knows the weight's name."""
    return cast(Fraction, value)


@frozen(kw_only=True)
class Weights:
    """How much each part of a loss counts; the loss is their weighted sum, a plain number.

    Its text is that sum: ``contracts + payout lost $``.

    Attributes:
        contracts: For each contract disturbed at all; above zero, so that a window with a loss
            of zero disturbs nobody. Make it tiny if only the rest should count.
        gpu_hours: For each GPU-hour of overlap.
        payout: For each dollar that the host does not earn.
        refunds: For each dollar of refunds due.

    Raises:
        RuleViolation: A weight is negative, or ``contracts`` is zero.

    >>> from fractions import Fraction
    >>> from numgenius_core.maintenance import Weights
    >>> money = Weights(payout=Fraction(1, 2))  # two dollars weigh as much as a contract
    >>> print(money)
    contracts + 0.5 × payout lost $
    >>> money.counts_only, Weights().counts_only
    (False, True)
    """

    contracts: Fraction = field(default=Fraction(1), converter=_taken)
    gpu_hours: Fraction = field(default=Fraction(0), converter=_taken)
    payout: Fraction = field(default=Fraction(0), converter=_taken)
    refunds: Fraction = field(default=Fraction(0), converter=_taken)

    def __attrs_post_init__(self) -> None:
        for name in ("contracts", "gpu_hours", "payout", "refunds"):
            object.__setattr__(self, name, _weight(getattr(self, name), f"weights.{name}"))
        if not self.contracts:
            need = "a weight above zero, a tiny one if only the rest should count"
            raise RuleViolation("weights.contracts", need, "0")

    def loss(self, disturbed: Iterable[Disturbance]) -> Fraction:
        """Return the exact weighted sum of what a window takes from the contracts it disturbs."""
        total = Fraction(0)
        for index, each in enumerate(as_tuple(disturbed, "disturbed")):
            check_kind(each, Disturbance, f"disturbed[{index}]")
            total += self.contracts + self.gpu_hours * each.gpu_hours
            total += self.payout * Fraction(each.payout.ticks, TICKS_PER_DOLLAR)
            total += self.refunds * Fraction(each.refund.ticks, TICKS_PER_DOLLAR)
        return total

    def __str__(self) -> str:
        parts = zip(
            ("contracts", "GPU-hours", "payout lost $", "refunds $"),
            (self.contracts, self.gpu_hours, self.payout, self.refunds),
            strict=True,
        )
        return " + ".join(
            name if weight == 1 else f"{float(weight):.10g} × {name}"
            for name, weight in parts
            if weight
        )

    @property
    def counts_only(self) -> bool:
        """Whether the number of contracts disturbed is all that has a weight."""
        return not (self.gpu_hours or self.payout or self.refunds)

    @property
    def unit(self) -> int:
        """The whole number that makes every loss whole when multiplied by it.

        It is the least common multiple of the denominators that a part of a loss can have: seconds
        of an hour in GPU-hours, price steps × seconds of an hour in the payout, ticks of a dollar
        in refunds, each times the denominator of its weight.
        """
        return lcm(
            self.contracts.denominator,
            SECONDS_PER_HOUR * self.gpu_hours.denominator if self.gpu_hours else 1,
            SECONDS_PER_HOUR * PICO * self.payout.denominator if self.payout else 1,
            TICKS_PER_DOLLAR * self.refunds.denominator if self.refunds else 1,
        )


COUNT: Final = Weights()
"""Weights by which a loss is the number of contracts disturbed, and nothing else counts."""


def disturbances(
    contracts: Iterable[Contract], window: Interval, *, refunds: Refunds = NO_REFUNDS
) -> tuple[Disturbance, ...]:
    """Return the contracts that a window disturbs, in the order given, with what each loses.

    Args:
        contracts: The contracts of one machine.
        window: When the machine is down.
        refunds: What the host owes a contract if it is disturbed, by the contract's id; nothing
            for the others.

    Raises:
        RuleViolation: A refund below zero.

    >>> from datetime import UTC, datetime, timedelta
    >>> from numgenius_core import Block, Contract, Interval, Mode, PerGpuHour, PriceTerms
    >>> monday = datetime(2026, 1, 5, tzinfo=UTC)
    >>> contract = Contract(
    ...     id=1, machine=7, host="hanna", client="ann", mode=Mode.ON_DEMAND,
    ...     block=Block(start=0, size=2),
    ...     prices=PriceTerms(gpu=PerGpuHour("2.00"), platform_fee="0.25"),
    ...     start=monday, end=monday + timedelta(days=2),
    ... )
    >>> from numgenius_core.maintenance import disturbances
    >>> (lost,) = disturbances([contract], Interval(monday, monday + timedelta(hours=3)))
    >>> print(lost.gpu_hours, lost.charge, lost.payout)
    6 12.00 9.00
    """
    check_kind(window, Interval, "window")
    check_refunds(refunds)
    found = []
    for index, contract in enumerate(as_tuple(contracts, "contracts")):
        check_kind(contract, Contract, f"contracts[{index}]")
        start = max(contract.start, window.start)
        end = window.end if contract.end is None else min(contract.end, window.end)
        if start < end:
            refund = refunds.get(contract.id, ZERO)
            found.append(_disturbance(contract, Interval(start, end), refund))
    return tuple(found)


def _disturbance(contract: Contract, overlap: Interval, refund: Money) -> Disturbance:
    charge = payout = ZERO
    for piece, _ in contract.rates(overlap):
        billed, earned = _rates_lost(contract, piece.start)
        charge += billed.charge(piece.seconds)
        payout += earned.charge(piece.seconds)
    return Disturbance(
        contract=contract,
        overlap=overlap,
        gpu_hours=Fraction(contract.block.size * overlap.seconds, SECONDS_PER_HOUR),
        charge=charge,
        payout=payout,
        refund=refund,
    )


def _rates_lost(contract: Contract, at: datetime) -> tuple[PerHour, PerHour]:
    """Return what a client does not pay for GPUs while the machine is down, dollars per hour.

    Beside it, what of it the host does not earn.
    """
    if contract.sla is not None:  # a promise of uptime is billed through its outages
        return FREE_OF_CHARGE, FREE_OF_CHARGE
    billed = contract.gpu_rate_at(at)
    fee = fee_of(billed, contract.prices_at(at).platform_fee)
    return billed, PerHour.from_steps(billed.steps - fee.steps)


def check_refunds(refunds: object) -> None:
    """Refuse what is no mapping to amounts of zero or more."""
    if not isinstance(refunds, Mapping):
        raise WrongType("refunds", "a mapping of contract ids to Money", shown(refunds))
    for key, refund in refunds.items():
        check_kind(refund, Money, f"refunds[{shown(key)}]")
        if refund < ZERO:
            raise RuleViolation(f"refunds[{shown(key)}]", "zero or more", str(refund))


def weighed_pieces(
    contracts: Iterable[Contract], period: Interval, weights: Weights, refunds: Refunds
) -> list[Piece]:
    """Return contracts as pieces of one rate, in seconds from the period's start.

    What counts once stands at the start of a contract's first piece and the end of its last; the
    losses are in ``1 / weights.unit``. What lies outside the period is cut off.
    """
    # Each weight is made whole once, by the common unit, so that all that follows adds
    # plain integers: each addition of fractions would look for a common divisor.
    unit = weights.unit
    once = int(weights.contracts * unit)  # the unit divides all of these
    per_tick = int(weights.refunds * unit // TICKS_PER_DOLLAR)
    per_gpu_second = int(weights.gpu_hours * unit // SECONDS_PER_HOUR)
    per_step_second = int(weights.payout * unit // (SECONDS_PER_HOUR * PICO))
    origin, close = period.start, period.end
    pieces: list[Piece] = []
    for contract in contracts:
        start = max(origin, contract.start)
        end = close if contract.end is None or contract.end > close else contract.end
        if start >= end:
            continue
        lump = once + (per_tick * refunds[contract.id].ticks if contract.id in refunds else 0)
        slope = per_gpu_second * contract.block.size
        for begin, over in pairwise(_cuts(contract, start, end)):
            steps = _rates_lost(contract, begin)[1].steps if per_step_second else 0
            pieces.append(
                (
                    total_seconds(origin, begin),
                    total_seconds(origin, over),
                    lump if begin == start else 0,
                    lump if over == end else 0,
                    slope + per_step_second * steps,
                )
            )
    return pieces


def _cuts(contract: Contract, start: datetime, end: datetime) -> list[datetime]:
    """Return where its rates change between two instants, and these."""
    return [start, *(c.since for c in contract.rate_changes if start < c.since < end), end]
