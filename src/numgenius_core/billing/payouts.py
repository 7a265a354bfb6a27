"""Payouts: on which day hosts are paid what they earned, from which amount on, and when it arrives.

Rule (marketplace): each Friday an invoice is made for every host whose balance is at least $20;
what is below rolls over. It is pending for a week and paid the next Friday, which means sent to
the payment provider.

Our readings: a Friday is one in UTC, from midnight to midnight. Whole cents are paid out; the rest
rolls over, too, and so does what a host earns later on the day of its invoice. That a host has said
how to be paid is for the caller to know.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from attrs import frozen

from numgenius_core._checks import check_kind
from numgenius_core._numbers import keep_whole
from numgenius_core.errors import RuleViolation
from numgenius_core.intervals import Interval, after, utc
from numgenius_core.money import TICKS_PER_DOLLAR, ZERO, Money

_TICKS_PER_CENT: Final = TICKS_PER_DOLLAR // 100
_LEAST: Final = Money(20)
_DAY: Final = timedelta(days=1)
_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@frozen(kw_only=True)
class PayoutSchedule:
    """Once a week hosts are paid out, if they earned enough.

    Attributes:
        weekday: The day of the run, 0 for Monday to 6 for Sunday; by default Friday.
        least: What a host must have earned, dollars.
        pending: How many days it takes until an amount is paid, 0 to 365.

    Raises:
        WrongType: A day that is no ``int``, or an amount that is no ``Money``.
        RuleViolation: One that is out of range.

    >>> from datetime import UTC, datetime
    >>> from numgenius_core import Money
    >>> from numgenius_core.billing import PayoutSchedule
    >>> weekly = PayoutSchedule()
    >>> run = weekly.next_run(datetime(2026, 1, 5, 12, tzinfo=UTC))  # a Monday
    >>> print(run.start.date(), weekly.paid_on(run.start).date())
    2026-01-09 2026-01-16
    >>> print(weekly.payable(Money("20.129")), weekly.payable(Money("19.99")))
    20.12 0.00
    """

    weekday: int = 4
    least: Money = _LEAST
    pending: int = 7

    def __attrs_post_init__(self) -> None:
        keep_whole(self, "weekday", "payout_schedule.weekday", 0, 6)
        keep_whole(self, "pending", "payout_schedule.pending", 0, 365)
        check_kind(self.least, Money, "payout_schedule.least")
        if self.least < ZERO:
            need = "zero dollars or more"
            raise RuleViolation("payout_schedule.least", need, str(self.least))

    @property
    def day_name(self) -> str:
        """The day of the run, in words."""
        return _DAYS[self.weekday]

    def next_run(self, now: datetime) -> Interval:
        """Return the day of the first run that is not over: today, or one of the next six days.

        Raises:
            WrongType: ``now`` is no ``datetime``.
            RuleViolation: It has no time zone or a fraction of a second, or the day is beyond the
                calendar.
        """
        at = utc(now, "now")
        midnight = at.replace(hour=0, minute=0, second=0)
        start = after(midnight, _DAY * ((self.weekday - at.weekday()) % 7))
        return Interval(start, after(start, _DAY))

    def is_run(self, now: datetime) -> bool:
        """Return whether an instant is on the day of a run; raises as :meth:`next_run`."""
        return utc(now, "now").weekday() == self.weekday

    def paid_on(self, invoiced: datetime) -> datetime:
        """Return when what was invoiced at an instant is paid: at midnight of that day (UTC).

        Raises:
            WrongType: ``invoiced`` is no ``datetime``.
            RuleViolation: It has no time zone or a fraction of a second, or the day is beyond the
                calendar.
        """
        at = utc(invoiced, "invoiced").replace(hour=0, minute=0, second=0)
        return after(at, _DAY * self.pending)

    def payable(self, earned: Money) -> Money:
        """Return what is paid out of what was earned: its whole cents, nothing below the least.

        Raises:
            WrongType: ``earned`` is no ``Money``.
        """
        check_kind(earned, Money, "earned")
        if earned < self.least:
            return ZERO
        return Money.from_ticks(earned.ticks // _TICKS_PER_CENT * _TICKS_PER_CENT)
