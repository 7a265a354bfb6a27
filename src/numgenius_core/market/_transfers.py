"""Handing credit on to another account, and paying hosts what they earned.

Rule (marketplace): an account transfers at least a cent, in whole cents, to another account, up to
its balance, for good. Hosts are paid out once a week:
:class:`~numgenius_core.billing.PayoutSchedule`.

Our readings: the recipient's account is there already. A host has one invoice on the day of a run;
what it earns later that day is paid with the next. What was earned is what of a balance is
above the credit that was paid in and not handed on: credit is handed on first, and what a host
spends itself is taken from what it earned.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from numgenius_core.errors import RuleViolation
from numgenius_core.ids import AccountId
from numgenius_core.intervals import utc
from numgenius_core.market import _transfer_messages as t, events as e
from numgenius_core.market._decision import Decision
from numgenius_core.market._looking_ahead import market_at
from numgenius_core.market.state import Account, Market
from numgenius_core.money import ZERO, Money


def transfer_credit(decision: Decision, command: t.TransferCredit) -> None:
    if command.to == command.by:
        raise RuleViolation("to", "another account", command.to)
    decision.need_credit(command.by, command.amount)
    decision.emit(
        e.CreditTransferred, account=command.by, recipient=command.to, amount=command.amount
    )


def earned(account: Account, at: datetime) -> Money:
    """Return what of a balance was earned and has not been paid out."""
    return max(account.ledger.at(at) - account.paid_in, ZERO)


def pay_out(decision: Decision, command: t.PayOut) -> None:
    account, schedule = decision.market.account(command.account), decision.market.settings.payouts
    if not schedule.is_run(decision.at):
        raise RuleViolation("at", f"a {schedule.day_name} (UTC)", str(decision.at))
    if _had(account, decision.at):
        need = f"the next {schedule.day_name}: this one's payout is invoiced"
        raise RuleViolation("at", need, str(decision.at))
    found = earned(account, decision.at)
    amount = schedule.payable(found)
    if not amount:
        need = f"an account that has earned at least ${schedule.least}"
        raise RuleViolation("account", need, f"${found}")
    decision.emit(
        e.PayoutInvoiced,
        account=account.id,
        amount=amount,
        paid_on=schedule.paid_on(decision.at),
    )


def payouts_due(market: Market, at: datetime) -> tuple[tuple[AccountId, Money], ...]:
    """Return whom a run would pay how much, in the order of their names; on other days nobody.

    Who had its payout of that day is not among them.

    Args:
        market: The market.
        at: When, from the market's last event on: as it is then if nobody does anything more.

    Raises:
        RuleViolation: ``at`` is before the market's last event.

    >>> from datetime import UTC, datetime
    >>> from numgenius_core import Machine, Market, Mode, Money, PerGpuHour, PriceTerms, execute
    >>> from numgenius_core.market import commands as do, views
    >>> at = datetime(2026, 1, 1, tzinfo=UTC)  # a Thursday
    >>> market = Market()
    >>> for command in (
    ...     do.AddMachine(machine=Machine(id=1, host="hanna", gpu_name="A100", gpus=4)),
    ...     do.ListMachine(by="hanna", machine=1, prices=PriceTerms(gpu=PerGpuHour("1.50"))),
    ...     do.AddCredit(account="ann", amount=Money(100)),
    ...     do.Rent(by="ann", offer=8192, mode=Mode.ON_DEMAND),
    ...     do.ReportLoaded(contract=2),
    ... ):
    ...     market, _ = execute(market, command, at)
    >>> friday = datetime(2026, 1, 2, tzinfo=UTC)
    >>> [(host, str(amount)) for host, amount in views.payouts_due(market, friday)]
    [('hanna', '36.00')]
    >>> market, [paid] = execute(market, do.PayOut(account="hanna"), friday)
    >>> print(paid.amount, paid.paid_on.date(), views.balance(market, "hanna", friday))
    36.00 2026-01-09 0.00
    """
    market, at = market_at(market, at), utc(at, "at")
    schedule = market.settings.payouts
    if not schedule.is_run(at):
        return ()
    accounts = [account for _, account in sorted(market.accounts.items()) if not _had(account, at)]
    found = [(account.id, schedule.payable(earned(account, at))) for account in accounts]
    return tuple((name, amount) for name, amount in found if amount)


def _had(account: Account, at: datetime) -> bool:
    """Return whether a payout of an account was invoiced on this day: there is one for each run."""
    return account.invoiced_at is not None and account.invoiced_at.date() == at.date()


TRANSFER_COMMANDS: Final[dict[type, Callable[[Decision, Any], None]]] = {
    t.TransferCredit: transfer_credit,
    t.PayOut: pay_out,
}
