"""Rows about money: charges, payments, what machines earned."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any, Final

from examples.marketplace.rows import Row, epoch, number
from examples.marketplace.store import Payment
from numgenius_core.billing import Line, LineKind, Statement, VolumeStatement
from numgenius_core.ids import AccountId
from numgenius_core.market import Account, Instance
from numgenius_core.market.events import CreditTransferred, PayoutInvoiced
from numgenius_core.market.views import Earnings, SpendRate
from numgenius_core.money import Money
from numgenius_core.units import MB_PER_GB, SECONDS_PER_MONTH

HOUR, DAY = 3_600, 86_400  # seconds
BYTES_PER_GB: Final = 10**9
PAID: Final = frozenset({LineKind.DEPOSIT, LineKind.REFUND})  # payments, not usage
TYPES: Final = {
    LineKind.ON_DEMAND: "gpu",
    LineKind.RESERVED: "gpu",
    LineKind.INTERRUPTIBLE: "gpu",
    LineKind.FORFEIT: "gpu",
    LineKind.STORAGE: "disk",
    LineKind.VOLUME: "disk",
    LineKind.UPLOAD: "bwu",
    LineKind.DOWNLOAD: "bwd",
}
# What charges and payments can be filtered by, and the words that the market has there.
CHARGE_COLUMNS: Final = {"type": ("instance", "volume", "serverless")}
PAYMENT_COLUMNS: Final = {
    "type": ("credit", "transfer", "payout", "refund", "reserved"),
    "service": (
        *("transfer", "stripe_payments", "bitpay", "coinbase", "crypto.com"),
        *("instance_prepay", "paypal_manual", "wise_manual", "payout"),
    ),
}
PROMISED: Final = frozenset({LineKind.SLA_FEE, LineKind.SERVICE_CREDIT})
EARNED: Final = {
    "gpu": ("gpu",),
    "sto": ("storage", "volumes"),  # the market has no word of its own for these
    "bwu": ("upload",),
    "bwd": ("download",),
    "sla": ("sla",),  # what the escrows of promises of uptime released
}
TOTALS: Final = {"stor" if short == "sto" else short: names for short, names in EARNED.items()}


def midnight(at: datetime) -> datetime:
    return at.replace(hour=0, minute=0, second=0, microsecond=0)


def charge(bill: Statement, given: Instance) -> Row:
    """Return the row of what an instance used in a period, and of each item of it.

    Its items add up to it; what a deposit paid of it is among them, and said beside. It stands
    between the first midnight before and the last one, as the market's rows do.
    """
    key = bill.contract.id
    used = [line for line in bill.lines if line.kind not in PAID]
    metadata: Row = {"instance_id": key, "from_deposit": number(bill.covered)}
    metadata |= {"label": given.label} if given.label else {}
    return usage("instance", key, used, bill.total, metadata)


def volume_charge(bill: VolumeStatement) -> Row:
    """Return the row of what a volume cost in a period, as :func:`charge` does of an instance."""
    key, name = bill.contract.id, bill.contract.name
    metadata: Row = {"volume_id": key} | ({"label": name} if name else {})
    return usage("volume", key, bill.lines, bill.total, metadata)


def usage(kind: str, key: int, used: Sequence[Line], total: Money, metadata: Row) -> Row:
    timed = [line for line in used if line.kind is not LineKind.SERVICE_CREDIT] or used
    begin = midnight(min(line.period.start for line in timed))
    end = midnight(max(line.period.end - timedelta(seconds=1) for line in timed))
    days = max((end - begin).days + 1, 1)
    return {
        "type": kind,
        "source": f"{kind}-{key}",
        "description": f"{kind.title()} {key} Charges - {days} day{'s' * (days > 1)}",
        "amount": number(total),
        "start": epoch(begin),
        "end": epoch(max(begin, end)),
        "metadata": metadata,
        "items": [
            *(item(line) for line in used if line.kind not in PROMISED),
            *promise_items([line for line in used if line.kind in PROMISED]),
        ],
    }


def promise_items(lines: Iterable[Line]) -> list[Row]:
    """Return a row for each day of a promise of uptime: its fee less what came back for it."""
    nets: dict[datetime, Money] = {}
    for line in lines:
        if line.kind is LineKind.SERVICE_CREDIT:  # paid at the midnight after the day
            day = midnight(line.period.start - timedelta(seconds=1))
            nets[day] = nets.get(day, Money(0)) + line.amount
            continue
        days = (line.period.end - midnight(line.period.start)).days + 1
        cuts = [midnight(line.period.start) + timedelta(days=each) for each in range(1, days + 1)]
        for part in line.period.split(cuts):
            day, share = midnight(part.start), Fraction(part.seconds, line.period.seconds)
            nets[day] = nets.get(day, Money(0)) + line.amount.scaled(share)
    return [promise_item(day, net) for day, net in sorted(nets.items())]


def promise_item(day: datetime, net: Money) -> Row:
    """Return the row of a day: it ends at the first instant of its last day, as rows do here."""
    amount = number(net)
    return {
        "type": "sla",
        "source": None,
        "description": "Service Credit" if net < Money(0) else "SLA Fee",
        "quantity": 1.0,
        "rate": amount,
        "amount": amount,
        "start": epoch(day),
        "end": epoch(day),
        "timestamp": epoch(day),
        "metadata": {},
        "items": [],
    }


def item(line: Line) -> Row:
    """Return the row of a line of a statement: its amount is quantity × rate."""
    quantity, rate, text = measured(line)
    return {
        "type": TYPES[line.kind],
        "source": None,
        "description": text,
        "quantity": quantity,
        "rate": rate,
        "amount": number(line.amount),
        "start": epoch(line.period.start),
        "end": epoch(line.period.end),
        "timestamp": epoch(line.period.start),
        "metadata": {},
        "items": [],
    }


def measured(line: Line) -> tuple[float, float, str]:
    """Return how much of something there was, at what price, and both as a sentence."""
    if line.kind is LineKind.FORFEIT or line.rate is None:
        amount = number(line.amount)
        return 1.0, amount, f"${amount:.3f} of the deposit kept back"
    rate = number(line.rate)
    if line.kind in (LineKind.UPLOAD, LineKind.DOWNLOAD):
        quantity = line.quantity / BYTES_PER_GB
        return quantity, rate, f"{quantity:.3f} GB at ${rate:.3f}/GB"
    hours = line.quantity / HOUR
    if line.kind in (
        LineKind.STORAGE,
        LineKind.VOLUME,
    ):
        # A price of a GB and month, of all of its disk.
        rate *= line.size / MB_PER_GB * HOUR / SECONDS_PER_MONTH
    return hours, rate, f"{hours:.3f} hours at ${rate:.3f}/hour"


def payment(key: int, paid: Payment, account: AccountId, now: datetime) -> Row:
    """Return the row of a payment, of credit that was handed on, or of a payout.

    What an account handed on leaves it, so it is below zero. A payout that is pending has no end.
    """
    when, amount = epoch(paid.at), number(paid.amount)
    row: Row = {
        "id": key,
        "type": "transfer",
        "service": "transfer",
        "source": paid.account,
        "description": "Credit",
        "amount": amount,
        "start": when,
        "end": when,
        "timestamp": when,
        "metadata": {"invoice_id": key, "service": "transfer"},
        "items": [],
    }
    if isinstance(paid, CreditTransferred) and paid.account == account:
        row |= {"description": f"Credit to {paid.recipient}", "amount": -amount}
    elif isinstance(paid, CreditTransferred):
        row |= {"description": f"Credit from {paid.account}"}
    elif isinstance(paid, PayoutInvoiced):
        row |= {"type": "payout", "service": "payout", "description": "Payout"}
        row["metadata"] = {"invoice_id": key, "service": "payout"}
        row["end"] = epoch(paid.paid_on) if paid.paid_on <= now else None
    return row


def prepayments(bill: Statement) -> list[Row]:
    """Return the rows of what was prepaid for an instance, and of what came back."""
    rows = []
    for index, line in enumerate(each for each in bill.lines if each.kind in PAID):
        key, when = f"{bill.contract.id}-{index}", epoch(line.period.start)
        back = line.kind is LineKind.REFUND
        row: Row = {
            "id": key,
            "type": "reserved",
            "service": "instance_prepay",
            "source": f"instance-{bill.contract.id}",
            "description": "Refund of a deposit" if back else "Deposit",
            "amount": -number(line.billed),
            "start": when,
            "end": when,
            "timestamp": when,
            "metadata": {"invoice_id": key, "service": "instance_prepay"},
            "items": [],
        }
        rows.append(row)
    return rows


def old_rows(charges: Iterable[Row], payments: Iterable[Row]) -> list[Row]:
    """Return charges and payments as the older report has them: one list, the latest first."""
    found: list[Row] = [
        {
            "type": "charge",
            "instance_id": charge["metadata"].get("instance_id"),
            "description": f"{charge['source']} {each['type']}: {each['description']}",
            "quantity": f"{each['quantity']:.3f}",
            "rate": f"{each['rate']:.6f}",
            "amount": each["amount"],
            "timestamp": each["timestamp"],
        }
        for charge in charges
        for each in charge["items"]
    ]
    found += [
        {
            "type": "payment",
            "instance_id": None,
            "description": each["description"],
            "quantity": "",
            "rate": "",
            "amount": each["amount"],
            "timestamp": each["timestamp"],
        }
        for each in payments
    ]
    return sorted(found, key=lambda row: -row["timestamp"])


def thresholds(account: Account | None) -> Row:
    """Return at which balances an account is to be charged, and its owner told."""
    charge = notice = None
    enabled = False
    if account is not None:
        charge, notice, enabled = account.charge, account.notice, account.notice_enabled
    return {
        "autobill_threshold": None if charge is None else number(charge),
        "balance_threshold": None if notice is None else number(notice),
        "balance_threshold_enabled": enabled and notice is not None,
    }


def spending(rate: SpendRate) -> Row:
    """Return what leaves the balance of an account an hour.

    The market's keys have none for the fee of a promise of uptime. It is a part of ``dph_total``
    and is paid while the GPUs run, so it is with theirs here: GPUs and containers add up to the
    ``dph_total`` of what runs, but for what deposits pay.
    """
    return {
        "gpu_cost_per_hour": number(rate.gpu + rate.sla),
        "container_storage_cost_per_hour": number(rate.container_storage),
        "volume_storage_cost_per_hour": number(rate.volume_storage),
        "has_active_resources": rate.has_active_resources,
    }


def earned(
    found: Iterable[Earnings],
    days: Mapping[int, Iterable[Earnings]],
    reliability: Mapping[int, Any],
) -> Row:
    """Return what machines earned, each, together and day by day."""
    found = list(found)
    summary: Row = {f"total_{short}": total(found, *names) for short, names in TOTALS.items()}
    known = [value for each in found if (value := reliability.get(each.machine)) is not None]
    summary["avg_reliability"] = sum(known) / len(known) if known else None
    return {
        "summary": summary,
        "per_machine": [
            parts([each])
            | {"machine_id": each.machine, "reliability": reliability.get(each.machine)}
            for each in found
        ],
        "per_day": [{"day": day} | parts(some) for day, some in days.items()],
    }


def parts(found: Iterable[Earnings]) -> Row:
    """Return what machines earned together, by what it was for."""
    found = list(found)
    return {f"{short}_earn": total(found, *names) for short, names in EARNED.items()}


def total(found: Iterable[Earnings], *names: str) -> float:
    return number(Money.sum(getattr(each, name) for each in found for name in names))
