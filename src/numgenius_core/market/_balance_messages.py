"""What can be said about an account's balance, and what is told of it: commands and events.

They are promised by :mod:`numgenius_core.market.commands` and :mod:`numgenius_core.market.events`.
"""

from __future__ import annotations

from datetime import datetime

from attrs import frozen

from numgenius_core.ids import AccountId
from numgenius_core.market._messages import Message, Order
from numgenius_core.money import Money


@frozen(kw_only=True)
class SetThresholds(Order):
    """Say at which balances an account is to be charged, and its owner told.

    Each time the balance falls to a threshold or below it, an event says so, once until it has
    been above again; of one that is there already, at once. A threshold that is set again
    unchanged, because the other one changes or the notice is switched, is not told again, so a card
    whose charge is under way is not charged twice. One that changes is a new one.

    Attributes:
        by: The account.
        charge: Where a saved card is to be charged, dollars; ``None`` is nowhere. The market
            charges nothing: whoever does gives an ``AddCredit``.
        notice: Where its owner is to be told; ``None`` is nowhere.
        notice_enabled: Whether the owner is told: a notice that is switched off is kept.
    """

    by: AccountId
    charge: Money | None = None
    notice: Money | None = None
    notice_enabled: bool = True


@frozen(kw_only=True)
class DeleteUnpaid(Order):
    """Delete the instances and volumes of an account whose debt is above its grace.

    It is a permission of the marketplace, never an event of time; see
    :class:`~numgenius_core.billing.GraceSchedule`.
    """

    account: AccountId


@frozen(kw_only=True)
class ThresholdsSet(Message):
    """An account said at which balances it is to be charged, and its owner told."""

    at: datetime
    account: AccountId
    charge: Money | None
    notice: Money | None
    notice_enabled: bool = True


@frozen(kw_only=True)
class ChargeDue(Message):
    """A balance fell to the threshold at which a saved card is to be charged, or below it."""

    at: datetime
    account: AccountId
    threshold: Money


@frozen(kw_only=True)
class BalanceLow(Message):
    """A balance fell to the threshold at which its owner is to be told, or below it."""

    at: datetime
    account: AccountId
    threshold: Money
