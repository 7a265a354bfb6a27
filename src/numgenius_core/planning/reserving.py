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

from attrs import frozen

from numgenius_core._checks import as_tuple, check_kind
from numgenius_core._numbers import round_half_even, whole_seconds
from numgenius_core._tables import ResultTable, Tabular
from numgenius_core.errors import RuleViolation, WrongType, shown
from numgenius_core.money import ZERO, Money
from numgenius_core.prices.deposits import discounted_seconds, refund
from numgenius_core.prices.schedules import ReservedSchedule, months_of
from numgenius_core.rates import PerHour
from numgenius_core.units import Amount

_MAX_WEIGHT: Final = 10**12


def cost_of_stay(
    price: PerHour, schedule: ReservedSchedule, months: Amount | Fraction, stay: timedelta
) -> Money:
    """Return what the GPUs of a stay cost with some months prepaid at its start.

    Args:
        price: On demand, dollars per hour for the whole instance.
        schedule: The reserved discounts.
        months: What is prepaid; 0 is on demand.
        stay: How long the client stays. Leaving early, it takes the refund; staying on, it pays on
            demand once the deposit is used up.

    Raises:
        WrongType: Something of the wrong type.
        RuleViolation: A negative time.
    """
    check_kind(price, PerHour, "price")
    check_kind(schedule, ReservedSchedule, "schedule")
    seconds, time = whole_seconds(stay, "stay"), months_of(months)
    discount, deposit = schedule.rate(time), schedule.deposit(price, time)
    lasts = discounted_seconds(deposit, price.scaled(1 - discount), seconds)
    ended = refund(price, discount, deposit, lasts)
    return price.charge(seconds) - ended.discount_received + ended.fee


def break_even(price: PerHour, schedule: ReservedSchedule, months: Amount | Fraction) -> timedelta:
    """Return the shortest stay for which prepaying costs no more than on demand.

    The first second counts: a stay of no time costs nothing either way.

    Raises:
        WrongType: Something of the wrong type.
        RuleViolation: No price, or no months.

    >>> from numgenius_core import CurveSchedule
    >>> break_even(PerHour(1), CurveSchedule("0.4"), 1)
    datetime.timedelta(days=24)
    """
    check_kind(price, PerHour, "price")
    check_kind(schedule, ReservedSchedule, "schedule")
    time = months_of(months)
    if not price or not time:
        raise RuleViolation("months", "a price and months above zero", f"{shown(price)}, {time}")
    if not schedule.rate(time):
        return timedelta(seconds=1)
    full = -(-schedule.deposit(price, time).ticks // price.charge(1).ticks)
    return timedelta(seconds=full)


@frozen(kw_only=True)
class Commitment:
    """One length of reservation.

    Attributes:
        months: What is prepaid; 0 is on demand.
        discount: Share taken off the GPU price.
        deposit: What is prepaid.
        break_even: The shortest stay for which it costs no more than on demand; ``None`` of 0.
        mean: What the GPUs cost on average over the stays, half-even to a tick.
        worst: What they cost at most beyond on demand, over the stays; zero or more.
    """

    months: Fraction
    discount: Fraction
    deposit: Money
    break_even: timedelta | None
    mean: Money
    worst: Money


@frozen(kw_only=True)
class CommitmentPlan(Tabular):
    """Lengths of reservation for a client that does not know how long it will stay.

    Attributes:
        commitments: One for each length asked for, in that order.
    """

    commitments: tuple[Commitment, ...]

    @property
    def best(self) -> Commitment:
        """The cheapest on average; of equal ones the first."""
        return min(self.commitments, key=lambda one: one.mean.ticks)

    def table(self) -> ResultTable:
        """Return the figures of each length."""
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
    months: Iterable[Amount | Fraction],
) -> CommitmentPlan:
    """Return what each length of reservation costs a client that may stay shorter or longer.

    Args:
        price: On demand, dollars per hour for the whole instance.
        schedule: The reserved discounts.
        stays: How long it may stay: the weight of each, or stays that are equally likely.
        months: The lengths to compare; 0 is on demand.

    Raises:
        WrongType: Something of the wrong type.
        RuleViolation: No stay, no length, or weights that are negative or all zero.
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
        cost = cost_of_stay(price, schedule, months, stay)
        total += cost.ticks * weight
        worst = max(worst, cost - cost_of_stay(price, schedule, 0, stay))
    return Commitment(
        months=months,
        discount=schedule.rate(months),
        deposit=schedule.deposit(price, months),
        break_even=break_even(price, schedule, months) if months and price else None,
        mean=Money.from_ticks(round_half_even(total, sum(weights.values()))),
        worst=worst,
    )
