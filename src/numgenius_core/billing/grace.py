"""Grace: how far below zero a balance may be before what it stores may be deleted.

Rule (marketplace): without a saved card, instances and volumes are deleted after a grace buffer in
proportion to the average daily spend; no figure is published. So it is a replaceable schedule.

Our reading: the buffer is an amount of debt, by default a day's average spend. Above it the
marketplace may delete; it need not.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from fractions import Fraction

from attrs import field, frozen

from numgenius_core._checks import check_kind
from numgenius_core._numbers import exact_number
from numgenius_core.errors import RuleViolation
from numgenius_core.money import Money
from numgenius_core.units import Exact


@frozen
class GraceSchedule(ABC):
    """Says how much an account may owe before its data may be deleted.

    :class:`DaysOfGrace` is there. Another one needs :meth:`buffer`, and is a frozen attrs class.

    >>> from numgenius_core import Money
    >>> from numgenius_core.billing import DaysOfGrace, GraceSchedule
    >>> isinstance(DaysOfGrace(), GraceSchedule)
    True
    """

    @abstractmethod
    def buffer(self, daily_spend: Money) -> Money:
        """Return the debt that is allowed to an account with this average spend a day.

        Both are amounts of zero or more; another answer is refused where it is asked.
        """


def allowed_debt(schedule: GraceSchedule, daily_spend: Money) -> Money:
    """Return the debt that a schedule allows, once it is known to be one.

    Raises:
        WrongType: The schedule said no ``Money``.
        RuleViolation: It said less than nothing: who owes nothing has nothing to lose.
    """
    buffer = schedule.buffer(daily_spend)
    path = f"{type(schedule).__name__}.buffer"
    check_kind(buffer, Money, path)
    if buffer.ticks < 0:
        raise RuleViolation(path, "an amount of zero or more", str(buffer))
    return buffer


def _days(value: Exact) -> Fraction:
    days = exact_number(value, "days", "days from 0 to 3,650")
    if not 0 <= days <= 3_650:
        raise RuleViolation("days", "days from 0 to 3,650", str(days))
    return days


@frozen
class DaysOfGrace(GraceSchedule):
    """A debt of so many days of the average spend is allowed.

    Attributes:
        days: How many, 0 to 3,650; a fraction too.

    >>> from numgenius_core import Money
    >>> from numgenius_core.billing import DaysOfGrace
    >>> print(DaysOfGrace("2.5").buffer(Money(12)))
    30.00
    """

    days: Fraction = field(default=Fraction(1), converter=_days)

    def buffer(self, daily_spend: Money) -> Money:
        """Return the days times the spend, half-even at a tick.

        Raises:
            WrongType: The spend is no ``Money``.
            RuleViolation: It is below zero, which is no spend.
        """
        check_kind(daily_spend, Money, "daily_spend")
        if daily_spend.ticks < 0:
            raise RuleViolation("daily_spend", "an amount of zero or more", str(daily_spend))
        return daily_spend.scaled(self.days)
