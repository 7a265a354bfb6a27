"""How long to reserve: what prepaying some months costs for each stay, and from when on it pays.

Rule (hosting guide, G8): prepaying m months takes d(m) off the GPU price; ending early pays back
max(0, remaining deposit − 1.05 × the discount received so far). A deposit cannot pay storage.

So a stay of s seconds costs, with A the deposit, r the price and d the discount:
min(A, r · s · (1 + 0.05 d)) while it is within the months, and A and the rest on demand beyond.
Up to the cap at A, a reservation that is left early costs a little *more* than on demand; it is
never dearer than the deposit. Hence the break-even: the first second at which the on-demand price
has reached the deposit. All of it is :func:`~numgenius_core.prices.refund`, second by second.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from fractions import Fraction
from typing import Final

from attrs import field, frozen

from numgenius_core._accrual import charge, discounted, seconds_on_deposit
from numgenius_core._checks import as_tuple, check_kind
from numgenius_core._numbers import round_half_even, whole_seconds
from numgenius_core._tables import Tabular
from numgenius_core._tables.result import ResultTable
from numgenius_core.errors import RuleViolation, WrongType, brief, shown
from numgenius_core.money import ZERO, Money
from numgenius_core.prices.deposits import refund
from numgenius_core.prices.schedules import ReservedSchedule, months_of, reservation
from numgenius_core.rates import PerHour
from numgenius_core.units import Exact

_MAX_WEIGHT: Final = 10**12


def cost_of_stay(
    price: PerHour, schedule: ReservedSchedule, *, months: Exact, stay: timedelta
) -> Money:
    """Return what the GPUs of a stay cost with some months prepaid at its start, exact.

    Args:
        price: Price on demand, dollars per hour for the whole instance.
        schedule: The reserved discounts.
        months: Time prepaid, months of 720 hours; 0 is on demand.
        stay: How long the client stays, whole seconds. Leaving early, it takes the refund (G8);
            staying on, it pays on demand once the deposit is used up.

    Raises:
        RuleViolation: A negative time.

    >>> from datetime import timedelta
    >>> from numgenius_core import CurveSchedule, PerHour
    >>> from numgenius_core.planning import cost_of_stay
    >>> price, schedule, stay = PerHour(1), CurveSchedule("0.4"), timedelta(days=15)
    >>> for months in (1, 0):
    ...     print(cost_of_stay(price, schedule, months=months, stay=stay))
    363.60
    360.00
    """
    check_kind(price, PerHour, "price")
    check_kind(schedule, ReservedSchedule, "schedule")
    seconds, time = whole_seconds(stay, "stay"), months_of(months)
    discount, deposit = reservation(schedule, price, time)
    if deposit is None:
        return charge(price, 1, seconds)
    lasts = seconds_on_deposit(deposit, discounted(price, discount), seconds)
    ended = refund(price, discount, deposit, lasts)
    return charge(price, 1, seconds) - ended.discount_received + ended.fee


def break_even(price: PerHour, schedule: ReservedSchedule, months: Exact) -> timedelta | None:
    """Return the shortest stay for which prepaying costs no more than paying on demand.

    ``None`` where the months earn no discount: prepaying never pays. The first second counts: a
    stay of no time costs nothing either way.

    Args:
        price: Price on demand, dollars per hour for the whole instance.
        schedule: The reserved discounts.
        months: Time prepaid, months of 720 hours.

    Raises:
        RuleViolation: A price or months of zero.

    >>> from numgenius_core import CurveSchedule, PerHour
    >>> from numgenius_core.planning import break_even
    >>> break_even(PerHour(1), CurveSchedule("0.4"), 1)
    datetime.timedelta(days=24)
    """
    check_kind(price, PerHour, "price")
    check_kind(schedule, ReservedSchedule, "schedule")
    time = months_of(months)
    if not price or not time:
        raise RuleViolation("months", "a price and months above zero", f"{shown(price)}, {time}")
    _, deposit = reservation(schedule, price, time)
    if deposit is None:
        return None
    full = -(-deposit.ticks // price.charge(1).ticks)
    return timedelta(seconds=full)


@frozen(kw_only=True)
class Commitment:
    """One length of reservation, and what it costs over the stays that are likely.

    Attributes:
        months: Time prepaid, months of 720 hours; 0 is on demand.
        discount: Share taken off the GPU price.
        deposit: Amount prepaid; 0 for months that earn no discount, which nobody can prepay.
        break_even: The shortest stay for which reserving costs no more than on demand; ``None``
            for months that earn no discount, 0 among them.
        mean: Cost of the GPUs on average over the stays, half-even to a tick.
        worst: The most that they cost beyond on demand, over the stays; zero or more.
    """

    months: Fraction
    discount: Fraction
    deposit: Money
    break_even: timedelta | None
    mean: Money
    worst: Money


@frozen(kw_only=True)
class CommitmentPlan(Tabular):
    """Lengths of reservation for a client that does not know how long it will stay, compared.

    Each is prepaid once: none of them is renewed.

    Attributes:
        commitments: One for each length asked for, in that order.
    """

    commitments: tuple[Commitment, ...] = field(repr=brief)

    @property
    def best(self) -> Commitment:
        """The length that is cheapest on average, prepaid once; of equal ones the first."""
        return min(self.commitments, key=lambda one: one.mean.ticks)

    def _rows(self) -> Iterable[object]:
        return self.commitments

    def table(self) -> ResultTable:
        """Return a row for each length: discount, deposit, break-even, mean and worst cost."""
        rows = [
            (
                f"{float(one.months):g}",
                f"{100 * float(one.discount):.1f} %",
                f"{one.deposit:.2f}",
                "–" if one.break_even is None else f"{one.break_even / timedelta(days=1):.1f}",
                f"{one.mean:.2f}",
                f"{one.worst:.2f}",
            )
            for one in self.commitments
        ]
        head = (
            "months",
            "discount",
            "deposit $",
            "pays from day",
            "mean $",
            "at worst dearer by $",
        )
        return ResultTable(title="", head=head, rows=tuple(rows))


def reserve_for(
    price: PerHour,
    schedule: ReservedSchedule,
    stays: Mapping[timedelta, int] | Iterable[timedelta],
    *,
    months: Iterable[Exact],
) -> CommitmentPlan:
    """Return what each length of reservation costs a client that may stay shorter or longer.

    Each length is prepaid once, at the start; what a stay lasts beyond it is on demand. Prepaying
    again when a deposit is used up is not compared, and may be cheaper: a month at a time earns the
    discount of one month throughout, and binds no more than a month's deposit. The page on
    reserving shows how to work it out with :func:`~numgenius_core.planning.cost_of_stay`.

    Args:
        price: Price on demand, dollars per hour for the whole instance.
        schedule: The reserved discounts.
        stays: Stays that are equally likely, or a mapping of stays to their weights.
        months: The lengths to compare, months of 720 hours; 0 is on demand.

    Raises:
        RuleViolation: No stay, no length, or weights that are negative or all zero.

    >>> from datetime import timedelta
    >>> from numgenius_core import CurveSchedule, PerHour
    >>> from numgenius_core.planning import reserve_for
    >>> stays = {timedelta(days=10): 1, timedelta(days=90): 3}
    >>> plan = reserve_for(PerHour(1), CurveSchedule("0.4"), stays, months=[0, 1, 3])
    >>> for one in plan.commitments:
    ...     print(one.months, f"{one.mean:.2f}", f"{one.worst:.2f}")
    0 1680.00 0.00
    1 1572.60 2.40
    3 1194.90 3.60
    """
    weights = dict(stays) if isinstance(stays, Mapping) else _counted(stays)
    if any(type(weight) is not int for weight in weights.values()):
        raise WrongType("stays", "whole numbers as weights", shown(stays))
    if not weights or min(weights.values()) < 0 or not 0 < sum(weights.values()) <= _MAX_WEIGHT:
        raise RuleViolation("stays", "at least one stay, weights of zero or more", shown(stays))
    known = [months_of(m, f"months[{i}]") for i, m in enumerate(as_tuple(months, "months"))]
    if not known:
        raise RuleViolation("months", "at least one length", "none")
    return CommitmentPlan(
        commitments=tuple(_commitment(price, schedule, time, weights) for time in known)
    )


def _counted(stays: Iterable[timedelta]) -> dict[timedelta, int]:
    weights: dict[timedelta, int] = {}
    for stay in as_tuple(stays, "stays"):
        weights[stay] = weights.get(stay, 0) + 1
    return weights


def _commitment(
    price: PerHour, schedule: ReservedSchedule, months: Fraction, weights: dict[timedelta, int]
) -> Commitment:
    total, worst = 0, ZERO
    for stay, weight in weights.items():
        cost = cost_of_stay(price, schedule, months=months, stay=stay)
        total += cost.ticks * weight
        worst = max(worst, cost - cost_of_stay(price, schedule, months=0, stay=stay))
    discount, deposit = reservation(schedule, price, months)
    return Commitment(
        months=months,
        discount=discount,
        deposit=ZERO if deposit is None else deposit,
        break_even=break_even(price, schedule, months) if months and price else None,
        mean=Money.from_ticks(round_half_even(total, sum(weights.values()))),
        worst=worst,
    )
