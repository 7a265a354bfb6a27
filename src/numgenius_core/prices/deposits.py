"""Deposits of reservations: how long they last, what a top-up does, what an early end pays back.

Rule (hosting guide, G8): the deposit pays for GPU time at the discounted rate. Ending early "plus a
5% fee" pays back **refund = max(0, remaining deposit − 1.05 × discount received so far)**; when the
machine breaks its agreement, all that remains comes back. A top-up works the months out anew from
what remains and the new money (:class:`~numgenius_core.prices.CurveSchedule`), so that little
money, late, can lower the discount: the published warning.

Our readings: storage and traffic are not paid from the deposit; the fee of five percent is of the
discount received (the published example, $212 back, says so), counted from when the present
reservation began: a deposit that was used up ended the one before, a top-up while one lasts goes on
with it; a second that begins with some of the deposit left is a discounted one; a deposit may not
last beyond its contract's end, running all the time.
"""

from __future__ import annotations

from fractions import Fraction

from attrs import frozen

from numgenius_core._accrual import charge, discounted
from numgenius_core._checks import check_kind
from numgenius_core._numbers import fraction, whole_number
from numgenius_core.errors import RuleViolation
from numgenius_core.money import TICKS_PER_NANO, ZERO, Money
from numgenius_core.prices.schedules import (
    FEE,
    MAX_MONTHS,
    CurveSchedule,
    bought_months,
    discount_of,
    months_of,
)
from numgenius_core.rates import PerHour
from numgenius_core.units import SECONDS_PER_MONTH, Exact


@frozen(kw_only=True)
class TopUp:
    """What adding money to a deposit does.

    Attributes:
        months: Time from now that the remaining balance and the new money pay for.
        discount_before: Discount so far.
        discount: Discount from now on, to the precision of ``months``.
        lowers: Whether the discount falls: the published warning about adding little, late.
        smallest: The least top-up that does not lower the discount, a whole nano-dollar.

    >>> from numgenius_core import CurveSchedule, Money, PerHour
    >>> from numgenius_core.prices import top_up
    >>> curve, price = CurveSchedule("0.4"), PerHour("1.60")
    >>> late = top_up(price, curve, months=3, remaining=Money(50), add=Money(100))
    >>> late.lowers, late.discount_before, f"{float(late.discount):.3f}"
    (True, Fraction(3, 10), '0.048')
    """

    months: Fraction
    discount_before: Fraction
    discount: Fraction
    lowers: bool
    smallest: Money


def top_up(
    price: PerHour,
    schedule: CurveSchedule,
    *,
    months: Exact,
    remaining: Money,
    add: Money,
) -> TopUp:
    """Return what adding ``add`` to a deposit does, before it is paid.

    Args:
        price: The whole instance's GPU price on demand, dollars per hour.
        schedule: The listing's curve.
        months: Months of 720 hours prepaid so far, which made the present discount.
        remaining: What is left of the deposit, zero or more.
        add: New money, zero or more.

    Raises:
        WrongType: ``schedule`` is no ``CurveSchedule``, ``price`` no ``PerHour``, an amount no
            ``Money``, or ``months`` a ``float``.
        RuleViolation: A free price, months below zero or above 1,200, money for more months than
            that, or an amount below zero.

    >>> from numgenius_core import CurveSchedule, Money, PerHour
    >>> from numgenius_core.prices import top_up
    >>> curve, price = CurveSchedule("0.4"), PerHour("1.60")
    >>> top_up(price, curve, months=1, remaining=Money("460.80"), add=Money("460.80")).smallest
    Money('460.80')
    """
    check_kind(schedule, CurveSchedule, "schedule")
    for name, amount in (("remaining", remaining), ("add", add)):
        check_kind(amount, Money, name)
        _check_amount(amount, name)
    bought = bought_months(schedule, price, remaining + add)
    # The discount falls exactly when fewer months are bought than made it: the curve rises, so the
    # least top-up is what those months cost now, less what is there.
    time = months_of(months)
    needed = schedule.exact_deposit(price, time) - remaining.ticks
    if not schedule.max_discount or needed < 0:  # there is nothing to lose
        needed = Fraction(0)
    smallest = Money.from_ticks(-(-needed // TICKS_PER_NANO) * TICKS_PER_NANO)
    if smallest:
        # Rounded to a nano-dollar, as deposits are, it may be enough, though it is less than exact.
        less = smallest - Money.from_ticks(TICKS_PER_NANO)
        smallest = less if bought_months(schedule, price, remaining + less) >= time else smallest
    return TopUp(
        months=bought,
        discount_before=discount_of(schedule, time),
        discount=discount_of(schedule, bought),
        lowers=add.ticks < needed and bought < time,
        smallest=smallest,
    )


def _check_amount(amount: Money, path: str) -> None:
    if amount < ZERO:
        raise RuleViolation(path, "an amount of zero or more", str(amount))


def longest_that_fits(seconds: int | Fraction) -> Fraction | None:
    """Return the longest time that may be prepaid, for it to end with the contract, in months.

    ``None`` if it is more time than anybody may prepay.

    Args:
        seconds: From now to the contract's end; negative if it has ended.
    """
    months = Fraction(seconds, SECONDS_PER_MONTH)
    return None if months > MAX_MONTHS else months


def most_that_fits(
    schedule: CurveSchedule, price: PerHour, *, remaining: Money, seconds: int | Fraction
) -> Money | None:
    """Return the most that may be added to a deposit for it to last at most ``seconds``.

    With nothing left it is the deposit for that time, as a quote says it. Rounded down to a
    nano-dollar, so that it can be typed; zero if the deposit lasts longer than that already,
    ``None`` if it is more time than anybody may prepay.

    Args:
        schedule: The listing's curve, along which a longer time always costs more.
        price: The whole instance's GPU price on demand, dollars per hour.
        remaining: What is left of the deposit.
        seconds: From now to the contract's end; where its price changes on the way, those that cost
            as much at the present one.
    """
    months = longest_that_fits(seconds)
    if months is None:
        return None
    # Quoted deposits are rounded half-even: the exact cost would refuse every other one of those
    # that last until the end, for a part of a nano-dollar.
    room = schedule.deposit(price, months) - remaining
    return Money.from_ticks(max(0, room.ticks // TICKS_PER_NANO) * TICKS_PER_NANO)


@frozen(kw_only=True)
class Refund:
    """Where a deposit went: paid = used + refund + fee, to the tick.

    Attributes:
        used: Spent on GPU time at the discounted price.
        refund: Paid back to the client.
        fee: Kept back: the discount received and five percent of it, at most what remained.
        discount_received: What the discount had saved so far.

    >>> from numgenius_core import Money, PerHour
    >>> from numgenius_core.prices import refund
    >>> ended = refund(PerHour(1), "0.2", Money(576), 15 * 24 * 3600)
    >>> ended.used + ended.refund + ended.fee
    Money('576.00')
    """

    used: Money
    refund: Money
    fee: Money
    discount_received: Money


def refundable(remaining: Money, received: Money) -> Money:
    """Return what comes back of a deposit on early end, never below zero (G8).

    Args:
        remaining: What is left of the deposit.
        received: The discount received so far.

    Raises:
        WrongType: One of the two is no ``Money``.

    >>> from numgenius_core import Money
    >>> from numgenius_core.prices.deposits import refundable
    >>> refundable(Money(288), Money(72))  # 288 − 1.05 × 72
    Money('212.40')
    """
    check_kind(remaining, Money, "remaining")
    check_kind(received, Money, "received")
    return max(ZERO, remaining - received.scaled(FEE))


def refund(
    price: PerHour,
    discount: Exact,
    deposit: Money,
    seconds: int,
    *,
    broken: bool = False,
) -> Refund:
    """Return where the deposit goes when a reservation ends after ``seconds`` of use (G8).

    Args:
        price: The whole instance's GPU price on demand, dollars per hour.
        discount: Its reserved discount, a share from 0 to below 1.
        deposit: What was paid, zero or more.
        seconds: Time used, at most what the deposit pays for.
        broken: The machine broke its agreement (was deverified): all that remains comes back.

    Raises:
        WrongType: ``price`` is no ``PerHour``, ``deposit`` no ``Money``, ``discount`` a ``float``
            or ``seconds`` no ``int``.
        RuleViolation: A negative deposit or time, or a discount that is not below one.

    The guide's own example, "reserved at $576 instead of $720, cancelled on day 15 of 30":

    >>> from numgenius_core import Money, PerHour
    >>> from numgenius_core.prices import refund
    >>> refund(PerHour(1), "0.2", Money(576), 15 * 24 * 3600).refund
    Money('212.40')
    """
    check_kind(price, PerHour, "price")
    check_kind(deposit, Money, "deposit")
    seconds = whole_number(seconds, "seconds")
    share = fraction(discount, "discount", below_one=True)
    _check_amount(deposit, "deposit")
    return dissolved(price, discounted(price, share), deposit, seconds, broken=broken)


def dissolved(
    price: PerHour, reduced: PerHour, deposit: Money, seconds: int, *, broken: bool = False
) -> Refund:
    """Return the same as :func:`refund` of a known discounted price, unchecked."""
    spent = charge(reduced, 1, seconds)
    used, received = min(spent, deposit), charge(price, 1, seconds) - spent
    remaining = deposit - used
    back = remaining if broken else refundable(remaining, received)
    return Refund(used=used, refund=back, fee=remaining - back, discount_received=received)
