"""What events about money change that moves between accounts, comes in or goes out.

``Account.paid_in`` is what of a balance was not earned. It grows with payments and with credit that
others hand over, it falls with what the account hands on itself, and when the account adds a
machine it is at most what is there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from numgenius_core.errors import RuleViolation
from numgenius_core.market import events as e
from numgenius_core.market._builder import Builder
from numgenius_core.market._contradictions import check_not_invoiced, check_paid_in, check_there
from numgenius_core.market._ledger import ticks_at
from numgenius_core.market.state import Account, changed_account
from numgenius_core.money import ZERO, Money


def credit_added(market: Builder, event: e.CreditAdded) -> None:
    check_paid_in(event.amount)
    account = market.opened(event.account, event.at)
    _take(market, account, event, event.amount)
    market.credited += event.amount


def _take(market: Builder, account: Account, event: Any, amount: Money) -> None:
    market.put_account(changed_account(account, paid_in=account.paid_in + amount))
    market.pay(account.id, event.at, amount.ticks, 0)


def credit_transferred(market: Builder, event: e.CreditTransferred) -> None:
    account, recipient = market.account(event.account), market.account(event.recipient)
    if event.account == event.recipient:
        raise RuleViolation("recipient", "another account", event.recipient)
    check_there(event.amount, ticks_at(account.ledger, event.at), "balance")
    left = max(account.paid_in - event.amount, ZERO)
    market.put_account(changed_account(account, paid_in=left))
    market.pay(account.id, event.at, -event.amount.ticks, 0)
    _take(market, recipient, event, event.amount)


def payout_invoiced(market: Builder, event: e.PayoutInvoiced) -> None:
    before = market.account(event.account)
    check_not_invoiced(before.invoiced_at, event.at)
    earned = ticks_at(before.ledger, event.at) - before.paid_in.ticks
    check_there(event.amount, max(earned, 0), "earnings")
    market.put_account(changed_account(before, invoiced_at=event.at))
    market.pay(event.account, event.at, -event.amount.ticks, 0)
    market.paid_out += event.amount
    account = market.account(event.account)
    if not (account.ledger._ticks or account.instances):
        # Nothing ran out: it was paid out, and there is no instance that has to stop.
        market.put_account(changed_account(account, empty=True))


TRANSFER_CHANGES: Final[dict[type, Callable[[Builder, Any], None]]] = {
    e.CreditAdded: credit_added,
    e.CreditTransferred: credit_transferred,
    e.PayoutInvoiced: payout_invoiced,
}
