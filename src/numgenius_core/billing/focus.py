"""A statement as rows under the FOCUS names, so that cost tools read it.

Rule (FinOps Open Cost and Usage Specification, FOCUS 1.2): a row is a charge. *List* cost is at the
public price, *contracted* at the negotiated one before commitment discounts, *effective* after
all discounts with prepaid money spread over the usage it pays for, *billed* what is invoiced. The
purchase of a commitment has an effective cost of 0; usage that it covers has a billed cost of 0
and the status "Used"; what of it is never used is a row of usage with the status "Unused".

Our readings: a deposit is a commitment discount of the category "Spend", in US dollars. The list
price of an interruptible is the on-demand price, its contracted price the bid. Quantities that have
no end as decimals (3 seconds are 1/1,200 hours) are rounded to 12 decimals; costs are differences
of rounded running totals, so each column adds up to its rounded sum. In the second that a deposit
only pays in part, the balance's part is billed and effective in the same row. A refund is a
negative purchase. The fee of a promise of uptime is usage, what a missed one pays back is a credit:
less of the usage of its day. Columns of our own begin with ``x_``, as the specification asks.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Final

from numgenius_core._accrual import Price
from numgenius_core._checks import check_kind, check_text
from numgenius_core._numbers import PRICE_PLACES, WIDE, decimal_text, round_half_even, whole_number
from numgenius_core.billing.metering import GPU, PAYMENTS, STORED, Line, LineKind
from numgenius_core.billing.statements import Statement
from numgenius_core.intervals import Interval
from numgenius_core.money import ZERO, Money, rounded_parts
from numgenius_core.units import BYTES_PER_GB, MB_PER_GB, SECONDS_PER_HOUR, SECONDS_PER_MONTH

FOCUS_VERSION: Final = "1.2"
"""The version of the specification whose names the rows have."""

FOCUS_COLUMNS: Final = (
    "BilledCost",
    "BillingAccountId",
    "BillingAccountType",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "ChargeFrequency",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "CommitmentDiscountCategory",
    "CommitmentDiscountId",
    "CommitmentDiscountQuantity",
    "CommitmentDiscountStatus",
    "CommitmentDiscountType",
    "CommitmentDiscountUnit",
    "ConsumedQuantity",
    "ConsumedUnit",
    "ContractedCost",
    "ContractedUnitPrice",
    "EffectiveCost",
    "InvoiceIssuerName",
    "ListCost",
    "ListUnitPrice",
    "PricingCategory",
    "PricingQuantity",
    "PricingUnit",
    "ProviderName",
    "PublisherName",
    "ResourceId",
    "ResourceName",
    "ResourceType",
    "ServiceCategory",
    "ServiceName",
    "ServiceSubcategory",
    "SkuId",
    "SkuMeter",
    "SubAccountId",
    "x_HostId",
    "x_HostPayout",
    "x_MachineId",
    "x_PlatformFee",
)
"""The columns of each row, in order; those of ours last."""

Row = dict[str, str | None]
"""One charge: numbers as decimal text, instants as ISO 8601 in UTC, nothing as ``None``."""

_SERVICE: Final = {
    LineKind.STORAGE: ("Storage", "Block Storage"),
    LineKind.VOLUME: ("Storage", "Block Storage"),
    LineKind.UPLOAD: ("Networking", "Network Connectivity"),
    LineKind.DOWNLOAD: ("Networking", "Network Connectivity"),
}
_COMPUTE: Final = ("Compute", "Containers")
_PRICING: Final = {LineKind.RESERVED: "Committed", LineKind.FORFEIT: "Committed"}
_COMMITTED: Final = PAYMENTS | {LineKind.RESERVED, LineKind.FORFEIT}
_STATUS: Final = {LineKind.RESERVED: "Used", LineKind.FORFEIT: "Unused"}


def focus_rows(
    statement: Statement,
    *,
    provider: str = "GPU marketplace",
    billing_period: Interval | None = None,
    places: int = 9,
) -> tuple[Row, ...]:
    """Return a statement as FOCUS rows, one for each line, with all of :data:`FOCUS_COLUMNS`.

    Args:
        statement: What to write.
        provider: Name of the marketplace, which also publishes and invoices.
        billing_period: Of the invoice; by default the statement's period.
        places: Decimals of costs, 0 to 12.

    Raises:
        WrongType: ``statement`` is no ``Statement``, ``provider`` no text, ``billing_period`` no
            ``Interval`` or ``places`` no ``int``.
        RuleViolation: A ``provider`` that is empty, longer than 200 characters or not printable, or
            ``places`` not from 0 to 12.

    >>> from datetime import UTC, datetime, timedelta
    >>> from numgenius_core import (
    ...     Block, History, Interval, Listing, Machine, PerGbMonth, PerGpuHour, PriceTerms, agree,
    ...     statement,
    ... )
    >>> from numgenius_core.billing import Moved, focus_rows
    >>> from numgenius_core.contracts import InstanceEvent
    >>> machine = Machine(id=1, host="hanna", gpu_name="A100", gpus=4)
    >>> prices = PriceTerms(gpu=PerGpuHour("2.00"), storage=PerGbMonth("0.72"))
    >>> start = datetime(2026, 1, 1, tzinfo=UTC)
    >>> contract = agree(
    ...     Listing(machine=machine, prices=prices),
    ...     Block(start=0, size=1),
    ...     id=7,
    ...     client="anna",
    ...     at=start,
    ...     disk_mb=100_000,
    ... )
    >>> loaded = Moved(at=start, event=InstanceEvent.LOADED)
    >>> history = History(contract=contract, facts=[loaded])
    >>> day = statement(history, Interval(start, start + timedelta(days=1)))
    >>> for row in focus_rows(day):
    ...     print(row["SkuId"], row["BilledCost"], row["PricingQuantity"], row["PricingUnit"])
    on-demand 48 24 Hours
    storage 2.4 3.333333333333 GB-Months
    """
    check_kind(statement, Statement, "statement")
    check_text(provider, "provider")
    whole_number(places, "places", 0, PRICE_PLACES)
    period = statement.period if billing_period is None else billing_period
    check_kind(period, Interval, "billing_period")
    lines = statement.lines
    costs = {
        "BilledCost": rounded_parts([line.billed for line in lines], places, statement.carried),
        "EffectiveCost": rounded_parts([_effective(line) for line in lines], places),
        "ContractedCost": rounded_parts([_contracted(line) for line in lines], places),
        "ListCost": rounded_parts([line.listed for line in lines], places),
        "x_PlatformFee": rounded_parts([line.fee for line in lines], places),
        "x_HostPayout": rounded_parts([_payout(line) for line in lines], places),
    }
    shared = _account(statement, provider, period)
    rows = []
    for index, line in enumerate(lines):
        row: Row = dict.fromkeys(FOCUS_COLUMNS)
        row |= shared | _charged(line) | _quantities(line) | _commitment(line, statement)
        row |= {name: decimal_text(cost[index]) for name, cost in costs.items()}
        rows.append(row)
    return tuple(rows)


def _effective(line: Line) -> Money:
    return ZERO if line.kind in PAYMENTS else line.amount


def _contracted(line: Line) -> Money:
    return line.listed if line.kind is LineKind.RESERVED else line.amount


def _payout(line: Line) -> Money:
    return ZERO if line.kind in PAYMENTS else line.amount - line.fee


def _account(statement: Statement, provider: str, period: Interval) -> Row:
    """Return what all rows of a statement share."""
    contract = statement.contract
    return {
        "BillingAccountId": contract.client,
        "BillingAccountType": "Client account",
        "BillingCurrency": "USD",
        "BillingPeriodStart": _instant(period.start),
        "BillingPeriodEnd": _instant(period.end),
        "ProviderName": provider,
        "PublisherName": provider,
        "InvoiceIssuerName": provider,
        "ResourceId": str(contract.id),
        "ResourceName": f"instance {contract.id} on machine {contract.machine}",
        "ResourceType": "GPU instance",
        "x_HostId": contract.host,
        "x_MachineId": str(contract.machine),
    }


def _charged(line: Line) -> Row:
    """Return what is charged for, and how."""
    purchase = line.kind in PAYMENTS
    category, subcategory = _SERVICE.get(line.kind, _COMPUTE)
    interruptible = line.kind is LineKind.INTERRUPTIBLE
    credit = line.kind is LineKind.SERVICE_CREDIT
    usual = "Usage-Based" if not purchase and not credit else "One-Time"
    return {
        "ChargeCategory": "Purchase" if purchase else "Credit" if credit else "Usage",
        "ChargeDescription": line.kind.value,
        "ChargeFrequency": usual,
        "ChargePeriodStart": _instant(line.period.start),
        "ChargePeriodEnd": _instant(line.period.end),
        "PricingCategory": "Dynamic" if interruptible else _PRICING.get(line.kind, "Standard"),
        "ServiceCategory": category,
        "ServiceSubcategory": subcategory,
        "ServiceName": "GPU rental",
        "SkuId": line.kind.name.lower().replace("_", "-"),
        "SkuMeter": line.kind.value,
    }


def _quantities(line: Line) -> Row:
    """Return quantities, units and unit prices: price × quantity is the cost."""
    if line.rate is None or line.list_rate is None:
        sign = -1 if line.amount < ZERO else 1
        price = decimal_text((line.amount * sign).to_decimal(PRICE_PLACES))
        return {
            "PricingQuantity": str(sign),
            "PricingUnit": "Units",
            "ListUnitPrice": price,
            "ContractedUnitPrice": price,
        }
    contracted = line.list_rate if line.kind is LineKind.RESERVED else line.rate
    priced, used = _measures(line)
    return {
        "PricingQuantity": priced[0],
        "PricingUnit": priced[1],
        "ConsumedQuantity": used[0],
        "ConsumedUnit": used[1],
        "ListUnitPrice": _price(line.list_rate),
        "ContractedUnitPrice": _price(contracted),
    }


def _measures(line: Line) -> tuple[tuple[str, str], tuple[str, str]]:
    """Return the quantity in the unit of its price, and in that of its use."""
    if line.kind is LineKind.SLA_FEE:
        whole = _ratio(line.quantity, SECONDS_PER_HOUR), "Hours"
        return whole, whole
    if line.kind in GPU:
        hours = _ratio(line.quantity, SECONDS_PER_HOUR)
        return (hours, "Hours"), (
            _ratio(line.quantity * line.size, SECONDS_PER_HOUR),
            "GPU-Hours",
        )
    if line.kind in STORED:
        stored = line.quantity * line.size
        return (
            (_ratio(stored, SECONDS_PER_MONTH * MB_PER_GB), "GB-Months"),
            (_ratio(stored, SECONDS_PER_HOUR * MB_PER_GB), "GB-Hours"),
        )
    sent = _ratio(line.quantity, BYTES_PER_GB), "GB"
    return sent, sent


def _commitment(line: Line, statement: Statement) -> Row:
    """Return the columns of the deposit, empty for what has nothing to do with it."""
    if line.kind not in _COMMITTED:
        return {}
    quantity = line.amount if line.kind in PAYMENTS else line.covered
    return {
        "CommitmentDiscountCategory": "Spend",
        "CommitmentDiscountId": f"deposit-{statement.contract.id}",
        "CommitmentDiscountQuantity": decimal_text(quantity.to_decimal(PRICE_PLACES)),
        "CommitmentDiscountStatus": _STATUS.get(line.kind),
        "CommitmentDiscountType": "Reserved prepayment",
        "CommitmentDiscountUnit": "USD",
    }


def _instant(value: datetime) -> str:
    return value.isoformat().replace("+00:00", "Z")


def _price(rate: Price) -> str:
    return decimal_text(rate.to_decimal())


def _ratio(numerator: int, denominator: int) -> str:
    scaled = round_half_even(numerator * 10**PRICE_PLACES, denominator)
    return decimal_text(Decimal(scaled).scaleb(-PRICE_PLACES, WIDE))
