"""Money that one account hands on, and money that leaves the market: commands and events.

They are promised by :mod:`numgenius_core.market.commands` and :mod:`numgenius_core.market.events`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from attrs import field, frozen

from numgenius_core._checks import MOST_DOLLARS
from numgenius_core.errors import RuleViolation
from numgenius_core.ids import AccountId
from numgenius_core.market._messages import Message, Order, positive
from numgenius_core.money import TICKS_PER_DOLLAR, Money

_TICKS_PER_CENT: Final = TICKS_PER_DOLLAR // 100


def whole_cents(value: Money, path: str) -> None:
    """Refuse an amount that is not above zero, or is no whole number of cents."""
    positive(value, path)
    if value.ticks % _TICKS_PER_CENT:
        raise RuleViolation(path, "whole cents", str(value))


MOST_DOLLARS[whole_cents] = MOST_DOLLARS[positive]


@frozen(kw_only=True)
class TransferCredit(Order):
    """Hand credit on to another account, for good.

    Attributes:
        by: The account that pays.
        to: The account that gets it; it is there already.
        amount: Whole cents, at most the balance.
    """

    by: AccountId
    to: AccountId
    amount: Money = field(metadata={"check": whole_cents})


@frozen(kw_only=True)
class PayOut(Order):
    """Pay a host what it earned, on the day of the run; the marketplace gives it for each host.

    See :class:`~numgenius_core.billing.PayoutSchedule` and
    :func:`~numgenius_core.market.views.payouts_due`.
    """

    account: AccountId


@frozen(kw_only=True)
class CreditTransferred(Message):
    """An account handed credit on to another."""

    at: datetime
    account: AccountId
    recipient: AccountId
    amount: Money


@frozen(kw_only=True)
class PayoutInvoiced(Message):
    """What a host earned left its balance, to be paid at ``paid_on``; until then it is pending."""

    at: datetime
    account: AccountId
    amount: Money
    paid_on: datetime
