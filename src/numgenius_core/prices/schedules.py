"""Reserved discounts: how the discount grows with the months prepaid, and what they cost.

Rule (hosting guide, G8): the reserved discount factor is the *maximum* discount; "the discount
grows with the rental time: at the default, 20 % at 1 month and 30 % at 3 months". Measured:
d(m) = D · m / (m + 1), m in months of 720 hours, D the listing's factor.

Prepaying m months costs a deposit for m months at the discounted GPU rate, r on demand:
A = 720 · r · m · (1 − d(m)). What becomes of a deposit (top-up, refund):
``numgenius_core.prices.deposits``.

Our readings: the deposit of whole seconds, rounded to a nano-dollar as deposits are, buys exactly
these seconds: what is quoted for a time is billed for that time. Other amounts buy months to 10⁻¹⁸
of a month, rounded down, so that what they cost is the amount to the nano-dollar. Hosts with a
table of their own instead of the curve have a step or a linear schedule.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from fractions import Fraction
from itertools import pairwise
from math import isqrt
from operator import itemgetter
from typing import Final

from attrs import field, frozen

from numgenius_core._accrual import discounted
from numgenius_core._checks import check_kind, is_series
from numgenius_core._numbers import (
    LONGEST_SHARE,
    exact_number,
    fraction,
    round_half_even,
    said_exact,
)
from numgenius_core.errors import RuleViolation, WrongType, brief, shown
from numgenius_core.money import TICKS_PER_NANO, Money
from numgenius_core.rates import PerHour
from numgenius_core.units import SECONDS_PER_MONTH, Amount, Exact

MAX_MONTHS: Final = 1_200
"""Longest reservation taken: a hundred years."""
FEE: Final = Fraction(21, 20)
"""Of the discount received, taken back on early end: all of it and 5 %."""
LEAST_TO_TELL: Final = PerHour("0.0000072")
"""From this price after the greatest discount on, half a second costs a nano-dollar or more: each
number of seconds has a deposit of its own, which buys just these."""
_Pair = tuple[Exact, Exact]  # months and a discount
_MONTH_PARTS: Final = 10**18


def months_of(value: Exact, path: str = "months") -> Fraction:
    """Return a number of 720-hour months, exact.

    Raises:
        WrongType: It is a ``float`` or no number.
        RuleViolation: It is negative or above 1,200.
    """
    if type(value) is Fraction and 0 <= value.numerator <= value.denominator < LONGEST_SHARE:
        return (
            value  # up to one month, which most often is asked for, needs no comparison of shares
        )
    need = f"months from 0 to {MAX_MONTHS:,}"
    months = exact_number(value, path, need)
    if not 0 <= months <= MAX_MONTHS:
        raise RuleViolation(path, need, shown(value))
    return months


@frozen
class ReservedSchedule(ABC):
    """How a discount grows with the months prepaid.

    Three kinds are there: :class:`CurveSchedule`, the market's own, :class:`StepSchedule` and
    :class:`LinearSchedule`. Another one needs :meth:`discount` and :meth:`months`, and is a
    frozen attrs class, as these are; prices and deposits follow from the two.
    """

    @abstractmethod
    def discount(self, months: Exact) -> Fraction:
        """Return the discount for a number of months, a share of the GPU price.

        Args:
            months: Months of 720 hours, 0 to 1,200.

        Returns:
            From 0 to below 1, such as ``Fraction(1, 10)``; another answer is refused where it is
            asked.
        """

    @abstractmethod
    def months(self, price: PerHour, deposit: Money) -> Fraction:
        """Return the longest time a deposit buys, in months of 720 hours.

        It is the inverse of :meth:`deposit`: as exact as it can be, and where it must be rounded
        (a root, say), rounded down and by less than 10⁻¹⁸ of a month, so that nobody gets more
        than was paid for, and what the months cost is the deposit to the nano-dollar.

        Args:
            price: The whole instance's GPU price on demand, dollars per hour.
            deposit: What is prepaid.
        """

    def discounted(self, price: PerHour, months: Exact) -> PerHour:
        """Return the hourly GPU price after the discount, rounded once.

        Args:
            price: The whole instance's GPU price on demand, dollars per hour.
            months: Months of 720 hours prepaid, 0 to 1,200.

        Raises:
            WrongType: ``price`` is no ``PerHour``, or ``months`` a ``float``.
            RuleViolation: Months below zero or above 1,200.
        """
        check_kind(price, PerHour, "price")
        return discounted(price, discount_of(self, months))

    def deposit(self, price: PerHour, months: Exact) -> Money:
        """Return what prepaying some months costs, half-even to a nano-dollar.

        Args:
            price: The whole instance's GPU price on demand, dollars per hour.
            months: Months of 720 hours to prepay, 0 to 1,200.

        Raises:
            WrongType: ``price`` is no ``PerHour``, or ``months`` a ``float``.
            RuleViolation: Months below zero or above 1,200.
        """
        check_kind(price, PerHour, "price")
        time = months_of(months)
        return prepaid(price, time, discount_of(self, time))

    def exact_deposit(self, price: PerHour, months: Exact) -> Fraction:
        """Return what prepaying some months costs in ticks, before rounding."""
        check_kind(price, PerHour, "price")
        time = months_of(months)
        return Fraction(*_prepaid(price, time, discount_of(self, time)))


def discount_of(schedule: ReservedSchedule, months: Exact) -> Fraction:
    """Return the discount that a schedule says, once it is known to be one.

    Raises:
        WrongType: It said a ``float`` or no number.
        RuleViolation: It said a share below 0, or of all and more.
    """
    said = schedule.discount(months)
    # Most often so; comparing whole fractions takes ten times as long.
    if type(said) is Fraction and 0 <= said.numerator < said.denominator:
        return said
    need = "a share from 0 to below 1"
    share = said_exact(schedule, "discount", said, need)
    if not 0 <= share < 1:
        raise RuleViolation(f"{type(schedule).__name__}.discount", need, shown(said))
    return share


def bought_months(schedule: ReservedSchedule, price: PerHour, deposit: Money) -> Fraction:
    """Return the months that a schedule says a deposit buys, once they are known to be some.

    Raises:
        WrongType: It said a ``float`` or no number.
        RuleViolation: It said less than no time, or more than 1,200 months.
    """
    said = schedule.months(price, deposit)
    return months_of(said, f"{type(schedule).__name__}.months")


def prepaid(price: PerHour, months: Fraction, discount: Fraction) -> Money:
    """Return what prepaying some months at a discount costs, half-even to a nano-dollar."""
    ticks, parts = _prepaid(price, months, discount)
    return Money.from_ticks(round_half_even(ticks, parts * TICKS_PER_NANO) * TICKS_PER_NANO)


def _prepaid(price: PerHour, months: Fraction, discount: Fraction) -> tuple[int, int]:
    """Return the same before rounding, as a number of ticks and by what to divide it."""
    ticks, parts = price.charge(SECONDS_PER_MONTH).ticks, discount.denominator
    return ticks * months.numerator * (parts - discount.numerator), months.denominator * parts


def _to_nano(amount: Money) -> Money:
    """Return an amount half-even to a nano-dollar."""
    return Money.from_ticks(round_half_even(amount.ticks, TICKS_PER_NANO) * TICKS_PER_NANO)


def _factor(value: Exact) -> Fraction:
    return fraction(value, "max_discount", below_one=True)


@frozen
class CurveSchedule(ReservedSchedule):
    """The market's curve d(m) = D · m / (m + 1): 20 % at 1 month and 30 % at 3, at D = 40 %.

    Attributes:
        max_discount: D, 0 to below 1; never quite reached.

    Raises:
        WrongType: ``max_discount`` is a ``float`` or no number.
        RuleViolation: It is negative or not below one.

    >>> from numgenius_core import CurveSchedule, PerHour
    >>> curve = CurveSchedule("0.4")
    >>> curve.discount(1), curve.discount(3)
    (Fraction(1, 5), Fraction(3, 10))
    >>> curve.deposit(PerHour(1), 1)  # 720 hours at $0.80
    Money('576.00')
    """

    max_discount: Fraction = field(default=Fraction(2, 5), converter=_factor)

    def discount(self, months: Exact) -> Fraction:
        """Return the discount for a number of months, a share of the GPU price."""
        time = months_of(months)
        most, part = self.max_discount, time.numerator
        # m / (m + 1) of m = a / b is a / (a + b).
        return Fraction(most.numerator * part, most.denominator * (part + time.denominator))

    def months_for_discount(self, discount: Exact) -> Fraction:
        """Return the months that earn a wanted discount, exact.

        Raises:
            WrongType: ``discount`` is a ``float`` or no number.
            RuleViolation: The discount is not below ``max_discount``, which no time reaches.
        """
        wanted = fraction(discount, "discount")
        if wanted == 0:
            return Fraction(0)
        if wanted >= self.max_discount:
            raise RuleViolation(
                "discount", f"a discount below {self.max_discount}", shown(discount)
            )
        return wanted / (self.max_discount - wanted)

    def months(self, price: PerHour, deposit: Money) -> Fraction:
        """Return the months that a deposit pays for.

        The deposit of whole seconds buys exactly these; another one months rounded down to 10⁻¹⁸.

        Raises:
            WrongType: ``price`` is no ``PerHour`` or ``deposit`` no ``Money``.
            RuleViolation: A free price, a negative deposit, or more than 1,200 months.
        """
        # With a the months at the full price, a = m · (1 − D · m / (m + 1)) is the quadratic
        # (1 − D) · m² + (1 − a) · m − a = 0; its one root that is not negative is the answer.
        a = _months_at_full_price(price, deposit)
        b, left = 1 - a, 1 - self.max_discount
        months = _floor_parts((_root(b * b + 4 * left * a) - b) / (2 * left))
        # A quoted deposit was rounded, so its root is a little beside the time it is quoted for.
        seconds = round_half_even(months.numerator * SECONDS_PER_MONTH, months.denominator)
        whole = min(Fraction(seconds, SECONDS_PER_MONTH), Fraction(MAX_MONTHS))
        if whole and self.deposit(price, whole) == _to_nano(deposit):
            return whole
        return _bought(months, deposit)


def agreed(curve: CurveSchedule, price: PerHour, deposit: Money) -> tuple[Fraction, Fraction]:
    """Return the months that a market reserves for a deposit, and the discount that they earn.

    Raises:
        RuleViolation: A free price, more than 1,200 months, or a discount that no document holds.
    """
    months = bought_months(curve, price, deposit)
    return months, fraction(
        discount_of(curve, months), "discount"
    )  # of an absurd factor, too long to keep


def reservation(
    schedule: ReservedSchedule, price: PerHour, months: Exact
) -> tuple[Fraction, Money | None]:
    """Return the discount of prepaying some months as it is billed, and the deposit.

    No discount and ``None`` where the market takes no prepayment: of months that earn no discount,
    and where a month's price is so low that the deposit comes to nothing.
    """
    time = months_of(months)
    asked, deposit = discount_of(schedule, time), schedule.deposit(price, time)
    if not asked or not deposit:
        return Fraction(0), None
    if isinstance(schedule, CurveSchedule) and not is_told(price, schedule.max_discount, time):
        # The market sees the deposit alone, a rounded amount, and works the months out from it.
        return agreed(schedule, price, deposit)[1], deposit
    return asked, deposit


def is_told(price: PerHour, most: Fraction, months: Fraction) -> bool:
    """Return whether the deposit for some months, though it is rounded, buys exactly these.

    They are whole seconds, and at the greatest discount half a second costs a nano-dollar or more:
    what rounding adds or takes away, half of one, is then no other second.
    """
    kept = most.denominator - most.numerator
    dear_enough = price.steps * kept >= LEAST_TO_TELL.steps * most.denominator
    return dear_enough and SECONDS_PER_MONTH % months.denominator == 0


def _by_months(table: Mapping[Amount, Amount], path: str) -> tuple[_Pair, ...]:
    """Return the pairs of a mapping from months to discount, in order of the months."""
    if not isinstance(table, Mapping):
        raise WrongType(path, "a mapping of months to discounts", shown(table))
    pairs = ((months_of(months, f"{path}.months"), discount) for months, discount in table.items())
    return tuple(sorted(pairs, key=itemgetter(0)))


def _table(pairs: object, path: str) -> tuple[tuple[Fraction, Fraction], ...]:
    """Return ``(months, discount)`` pairs checked: months ascend, discounts do not fall."""
    need = "pairs of months and a discount"
    if isinstance(pairs, Mapping) or not is_series(pairs):
        raise WrongType(path, need, shown(pairs))
    rows = []
    for index, pair in enumerate(pairs):
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise WrongType(f"{path}[{index}]", need, shown(pair))
        time = months_of(pair[0], f"{path}[{index}].months")
        rows.append((time, fraction(pair[1], f"{path}[{index}].discount", below_one=True)))
    found = tuple(rows)
    for (a, d), (b, e) in pairwise(found):
        if b <= a or e < d:
            raise RuleViolation(
                path, "months that ascend, discounts that do not fall", shown(pairs)
            )
    return found


def _steps(pairs: Iterable[_Pair]) -> tuple[tuple[Fraction, Fraction], ...]:
    return _table(pairs, "steps")


def _points(pairs: Iterable[_Pair]) -> tuple[tuple[Fraction, Fraction], ...]:
    found = _table(pairs, "points")
    if found and found[0][0] == 0:
        raise RuleViolation("points", "months above zero", "0")
    return found


@frozen
class StepSchedule(ReservedSchedule):
    """A table: from so many months on, so much discount.

    Attributes:
        steps: ``(months, discount)``, both ascending; below the first there is no discount.

    Raises:
        WrongType: ``steps`` are no pairs, or a number of them is a ``float``.
        RuleViolation: Months that do not ascend, discounts that fall or are not below one.

    >>> from numgenius_core import StepSchedule
    >>> schedule = StepSchedule.of({1: "0.10", 3: "0.25"})
    >>> schedule.discount(2), schedule.discount(3)
    (Fraction(1, 10), Fraction(1, 4))
    """

    steps: tuple[tuple[Fraction, Fraction], ...] = field(converter=_steps, repr=brief)

    @classmethod
    def of(cls, table: Mapping[Amount, Amount]) -> StepSchedule:
        """Return the schedule of a mapping from months to discount, in any order.

        Raises:
            WrongType: ``table`` is no mapping, or a number in it is a ``float``.
            RuleViolation: Its pairs make no schedule.
        """
        return cls(_by_months(table, "steps"))

    def discount(self, months: Exact) -> Fraction:
        """Return the discount for a number of months, a share of the GPU price."""
        time = months_of(months)
        return max((d for m, d in self.steps if m <= time), default=Fraction(0))

    def months(self, price: PerHour, deposit: Money) -> Fraction:
        """Return the longest time a deposit buys, in months, exact."""
        full = _months_at_full_price(price, deposit)
        # Prepaying up to the next step can cost less than staying just below it, so the cost is not
        # monotonic: every step that the money reaches at its own discount is a candidate.
        best = full
        for start, discount in self.steps:
            bought = full / (1 - discount)
            if bought >= start:
                best = max(best, bought)
        return _bought(best, deposit)


@frozen
class LinearSchedule(ReservedSchedule):
    """A piecewise linear table: between two points the discount is on the line that joins them.

    Attributes:
        points: ``(months, discount)``, both ascending. Below the first point the line starts at
            no discount for no time; after the last one the discount stays.

    Raises:
        WrongType: ``points`` are no pairs, or a number of them is a ``float``.
        RuleViolation: Points that do not ascend, or a longer time that would cost less.

    >>> from numgenius_core import LinearSchedule
    >>> schedule = LinearSchedule.of({1: "0.10", 3: "0.20"})
    >>> schedule.discount(2), schedule.discount(12)
    (Fraction(3, 20), Fraction(1, 5))
    """

    points: tuple[tuple[Fraction, Fraction], ...] = field(converter=_points, repr=brief)

    def __attrs_post_init__(self) -> None:
        for start, end, level, slope in self._pieces():
            # The cost m · (1 − level − slope · (m − start)) has its least slope at the end.
            if 1 - level - slope * (2 * end - start) <= 0:
                need = "a discount so flat that longer never costs less"
                raise RuleViolation("points", need, f"{level} from {start} to {end} months")

    @classmethod
    def of(cls, table: Mapping[Amount, Amount]) -> LinearSchedule:
        """Return the schedule of a mapping from months to discount, in any order.

        Raises:
            WrongType: ``table`` is no mapping, or a number in it is a ``float``.
            RuleViolation: Its pairs make no schedule.
        """
        return cls(_by_months(table, "points"))

    def _pieces(self) -> list[tuple[Fraction, Fraction, Fraction, Fraction]]:
        """Return ``(start, end, discount at the start, its slope)`` of each line."""
        points = [(Fraction(0), Fraction(0)), *self.points]
        return [(a, b, d, (e - d) / (b - a)) for (a, d), (b, e) in pairwise(points)]

    def discount(self, months: Exact) -> Fraction:
        """Return the discount for a number of months, a share of the GPU price."""
        time = months_of(months)
        for start, end, level, slope in self._pieces():
            if time < end:
                return level + slope * (time - start)
        return self.points[-1][1] if self.points else Fraction(0)

    def months(self, price: PerHour, deposit: Money) -> Fraction:
        """Return the months that a deposit pays for, rounded down to 10⁻¹⁸ of a month.

        Raises:
            WrongType: ``price`` is no ``PerHour`` or ``deposit`` no ``Money``.
            RuleViolation: A free price, a negative deposit, or more than 1,200 months.
        """
        full = _months_at_full_price(price, deposit)
        # A longer time never costs less (the constructor saw to it), so the cost at the end of each
        # line, in months at the full price, tells on which of them the money runs out.
        for start, end, level, slope in self._pieces():
            if full < end * (1 - level - slope * (end - start)):
                # m · (1 − level + slope · start) − slope · m² = full, the smaller root.
                return _floor_parts(_smaller_root(slope, 1 - level + slope * start, full))
        last = self.points[-1][1] if self.points else Fraction(0)
        return _bought(_floor_parts(full / (1 - last)), deposit)


def _smaller_root(slope: Fraction, b: Fraction, full: Fraction) -> Fraction:
    """Return m with b · m − slope · m² = full, never above the exact root."""
    if not slope:
        return full / b
    square = b * b - 4 * slope * full
    root = _root(square)
    if root * root != square:  # rounded up, so that the months round down
        root += Fraction(1, _MONTH_PARTS**2)
    return 2 * full / (b + root)  # of the two forms of the root, the one without cancellation


def _root(square: Fraction) -> Fraction:
    """Return a square root rounded down, to 10⁻³⁶ at most."""
    # A float's root would be wrong from the 17th digit on; whole numbers have isqrt, exact and
    # floored. The root of p / q is the root of p · q divided by q, scaled up before it is floored.
    scale = _MONTH_PARTS**2
    root = isqrt(square.numerator * square.denominator * scale**2)
    return Fraction(root, square.denominator * scale)


def _floor_parts(months: Fraction) -> Fraction:
    """Return months rounded down to 10⁻¹⁸ of one: never more than was paid for."""
    return Fraction(months * _MONTH_PARTS // 1, _MONTH_PARTS)


def _bought(months: Fraction, deposit: Money) -> Fraction:
    if months > MAX_MONTHS:
        need = f"an amount for at most {MAX_MONTHS:,} months"
        raise RuleViolation("deposit", need, str(deposit))
    return months


def _months_at_full_price(price: PerHour, deposit: Money) -> Fraction:
    check_kind(price, PerHour, "price")
    check_kind(deposit, Money, "deposit")
    if not price.steps:
        raise RuleViolation("price", "a price above zero to prepay", str(price))
    if deposit.ticks < 0:
        raise RuleViolation("deposit", "an amount of zero or more", str(deposit))
    return Fraction(deposit.ticks, price.charge(SECONDS_PER_MONTH).ticks)
