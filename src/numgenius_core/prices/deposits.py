"""Deposits of reservations: how long they last, what a top-up does, what an early end pays back.

Rule (hosting guide, G8, and the marketplace's prepaid plans): the deposit pays for GPU time at the
discounted rate; **refund = max(0, remaining deposit − 1.05 × discount received so far)**; if the
machine breaks its agreement, the whole remaining deposit comes back. A top-up works the months out
anew from what remains and the new money, so that little money, late, can lower the discount.
"""

from __future__ import annotations

from fractions import Fraction

from attrs import frozen

from numgenius_core._checks import check_kind
from numgenius_core._numbers import fraction, whole_number
from numgenius_core.errors import RuleViolation
from numgenius_core.money import ZERO, Money
from numgenius_core.prices.schedules import _NANO, FEE, CurveSchedule
from numgenius_core.rates import PerHour
from numgenius_core.units import Amount


@frozen(kw_only=True)
class TopUp:
    """What adding money to a deposit does.

    Attributes:
        months: Time from now that the remaining balance and the new money pay for.
        rate_before: Discount so far.
        rate: Discount from now on, to the precision of ``months``.
        lowers: Whether the discount falls: the published warning about adding little, late.
        smallest: The least top-up that does not lower the discount, a whole nano-dollar.
    """

    months: Fraction
    rate_before: Fraction
    rate: Fraction
    lowers: bool
    smallest: Money


def top_up(
    schedule: CurveSchedule,
    price: PerHour,
    *,
    months: Amount | Fraction,
    remaining: Money,
    add: Money,
) -> TopUp:
    """Return what adding ``add`` to a deposit does, before it is paid.

    Args:
        schedule: The listing's curve.
        price: The whole instance's GPU price on demand.
        months: Months prepaid so far, which made the present discount.
        remaining: What is left of the deposit.
        add: New money, zero or more.
    """
    check_kind(schedule, CurveSchedule, "schedule")
    check_kind(remaining, Money, "remaining")
    check_kind(add, Money, "add")
    bought = schedule.months(price, remaining + add)
    needed = schedule.exact_deposit(price, months) - remaining.ticks
    if not schedule.max_discount or needed < 0:  # there is nothing to lose
        needed = Fraction(0)
    return TopUp(
        months=bought,
        rate_before=schedule.rate(months),
        rate=schedule.rate(bought),
        lowers=add.ticks < needed,
        smallest=Money.from_ticks(-(-needed // _NANO) * _NANO),
    )


@frozen(kw_only=True)
class Refund:
    """Where a deposit went: paid = used + refund + fee, to the tick.

    Attributes:
        used: Spent on GPU time at the discounted price.
        refund: Paid back to the client.
        fee: Kept back.
        discount_received: What the discount had saved so far.
    """

    used: Money
    refund: Money
    fee: Money
    discount_received: Money


def discounted_seconds(deposit: Money, rate: PerHour, seconds: int) -> int:
    """Return for how many seconds a deposit lasts: each that begins with some of it left.

    Args:
        deposit: What there is of it.
        rate: The discounted price that it pays, for the whole instance.
        seconds: The most to count: a free price never uses it up.

    Raises:
        WrongType: No ``Money``, ``PerHour`` or whole number.
        RuleViolation: Seconds below zero.
    """
    check_kind(deposit, Money, "deposit")
    check_kind(rate, PerHour, "rate")
    whole_number(seconds, "seconds")
    if deposit.ticks <= 0:
        return 0
    speed = rate.charge(1).ticks
    return min(seconds, -(-deposit.ticks // speed)) if speed else seconds


def refundable(remaining: Money, received: Money) -> Money:
    """Return what comes back of a deposit on early end, never below zero.

    Args:
        remaining: What is left of the deposit.
        received: The discount received so far.
    """
    check_kind(remaining, Money, "remaining")
    check_kind(received, Money, "received")
    return max(ZERO, remaining - received.scaled(FEE))


def refund(
    price: PerHour,
    discount: Amount | Fraction,
    deposit: Money,
    seconds: int,
    *,
    broken: bool = False,
) -> Refund:
    """Return what comes back when a reservation ends after ``seconds`` of use.

    Args:
        price: The whole instance's GPU price on demand.
        discount: Its reserved discount.
        deposit: What was paid.
        seconds: Time used.
        broken: The machine broke its agreement (was deverified): all that remains comes back.
    """
    check_kind(price, PerHour, "price")
    check_kind(deposit, Money, "deposit")
    whole_number(seconds, "seconds")
    share = fraction(discount, "discount", below_one=True)
    if deposit.ticks < 0:
        raise RuleViolation("deposit", "an amount of zero or more", str(deposit))
    used = min(price.scaled(1 - share).charge(seconds), deposit)
    received = price.charge(seconds) - price.scaled(1 - share).charge(seconds)
    remaining = deposit - used
    back = remaining if broken else refundable(remaining, received)
    return Refund(used=used, refund=back, fee=remaining - back, discount_received=received)
