"""A statement as rows under the FOCUS names, so that cost tools read it.

Rule (FinOps Open Cost and Usage Specification, FOCUS 1.2 and 1.3): a row is a charge. *List* cost
is at the public price, *contracted* at the negotiated one before commitment discounts, *effective*
after all discounts with prepaid money spread over the usage it pays for, *billed* what is invoiced.
The purchase of a commitment has an effective cost of 0; usage that it covers has a billed cost of 0
and the status "Used"; what of it is never used is a row of usage with the status "Unused". A
purchase and what is never used are of the commitment as their resource. A service has one category,
a SKU is the same in each pricing category, and a SKU price has one SKU. FOCUS 1.3 names who hosts
and who serves, and has a second data set with a row for each commitment.

Our readings: a deposit is a commitment discount of the category "Spend", in US dollars. The list
price of an interruptible is the on-demand price, its contracted price the bid. Quantities that have
no end as decimals (3 seconds are 1/1,200 hours) are rounded to 12 decimals; costs are differences
of rounded running totals, so each column adds up to its rounded sum. In the second that a deposit
only pays in part, the balance's part is billed and effective in the same row. A refund is a
negative purchase. The fee of a promise of uptime is usage, what a missed one pays back is a credit:
less of the usage of its day. The client picks the machine, so its host is the host provider; the
marketplace runs the instances there and is the service provider. An account without a name of its
own is named by its id. Columns of our own begin with ``x_``, as the specification asks.
"""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from typing import Final, Literal

from numgenius_core._accrual import Price
from numgenius_core._checks import check_kind, check_text
from numgenius_core._numbers import (
    PRICE_PLACES,
    decimal_of,
    decimal_text,
    round_half_even,
    whole_number,
)
from numgenius_core.billing._focus_columns import FOCUS_COLUMNS
from numgenius_core.billing.history import History, Prepaid, Refunded
from numgenius_core.billing.metering import GPU, PAYMENTS, STORED, Line, LineKind
from numgenius_core.billing.statements import Statement, contracted_by, used_by
from numgenius_core.billing.volumes import VolumeStatement
from numgenius_core.contracts import Contract, VolumeContract
from numgenius_core.errors import RuleViolation, WrongType, shown
from numgenius_core.ids import ContractId
from numgenius_core.intervals import Interval
from numgenius_core.money import ZERO, Money, rounded_parts
from numgenius_core.units import BYTES_PER_GB, MB_PER_GB, SECONDS_PER_HOUR, SECONDS_PER_MONTH

_Bill = Statement | VolumeStatement
FocusRow = dict[str, str | None]
"""A row of FOCUS, by its columns: numbers as decimal text, instants as ISO 8601 in UTC, nothing as
``None``."""

FocusVersion = Literal["1.2", "1.3"]
"""The version of FOCUS that rows are of."""

_RENTAL: Final = ("GPU rental", "Compute", "Containers")
_TRAFFIC: Final = ("Traffic", "Networking", "Network Connectivity")
_SERVICE: Final = {
    LineKind.STORAGE: ("Instance disk", "Storage", "Block Storage"),
    LineKind.VOLUME: ("Volume", "Storage", "Block Storage"),
    LineKind.UPLOAD: _TRAFFIC,
    LineKind.DOWNLOAD: _TRAFFIC,
}
_PREPAYMENT: Final = "Reserved prepayment"
_PRICING: Final = {LineKind.RESERVED: "Committed", LineKind.FORFEIT: "Committed"}
_COMMITTED: Final = PAYMENTS | {LineKind.RESERVED, LineKind.FORFEIT}
_DEPOSIT: Final = PAYMENTS | {LineKind.FORFEIT}
_STATUS: Final = {LineKind.RESERVED: "Used", LineKind.FORFEIT: "Unused"}


def focus_rows(
    statement: Statement | VolumeStatement,
    *,
    version: FocusVersion = "1.2",
    provider: str = "GPU marketplace",
    account_name: str | None = None,
    host_name: str | None = None,
    invoice: str | None = None,
    billing_period: Interval | None = None,
    places: int = 9,
) -> tuple[FocusRow, ...]:
    """Return a statement as FOCUS rows, one for each line, with all of :data:`FOCUS_COLUMNS`.

    Args:
        statement: What to write, of an instance or of a volume.
        version: Of the specification, "1.2" or "1.3".
        provider: Name of the marketplace, which also publishes and invoices.
        account_name: Name of the client's account; by default its id.
        host_name: Name of who owns the machine, for 1.3; by default the id of the account.
        invoice: Number of the invoice that has the charges, if there is one already.
        billing_period: Of the invoice; by default the statement's period.
        places: Decimals of costs, 0 to 12.

    Raises:
        WrongType: ``statement`` is no statement, a name no text, ``billing_period`` no
            ``Interval`` or ``places`` no ``int``.
        RuleViolation: Another ``version``, a name that is empty, longer than 200 characters or not
            printable, or ``places`` not from 0 to 12.

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
    gpu 48 24 Hours
    storage 2.4 3.333333333333 GB-Months
    """
    if not isinstance(statement, Statement | VolumeStatement):
        raise WrongType("statement", "a Statement or a VolumeStatement", shown(statement))
    _check_version(version)
    names = {
        "provider": provider,
        "account_name": statement.contract.client if account_name is None else account_name,
        "host_name": statement.contract.host if host_name is None else host_name,
    }
    for place, name in names.items():
        check_text(name, place)
    if invoice is not None:
        check_text(invoice, "invoice")
    places = whole_number(places, "places", 0, PRICE_PLACES)
    period = statement.period if billing_period is None else billing_period
    check_kind(period, Interval, "billing_period")
    lines = statement.lines
    costs = _costs(statement, places)
    shared = _parties(names) | _account(statement, period) | {"InvoiceId": invoice}
    rows = []
    for index, line in enumerate(lines):
        row = shared | _resource(line, statement) | _charged(line) | _priced(line, statement)
        row |= _quantities(line) | _commitment(line, statement)
        row |= {name: decimal_text(cost[index]) for name, cost in costs.items()}
        rows.append({column: row.get(column) for column in FOCUS_COLUMNS[version]})
    return tuple(rows)


def focus_commitments(*histories: History) -> tuple[FocusRow, ...]:
    """Return the deposits of instances as rows of FOCUS 1.3's data set of commitments.

    A row has all columns of that dataset, in its order. ``ContractApplied`` of :func:`focus_rows`
    names its ``ContractCommitmentId``. Its cost is what was prepaid less what was refunded: what
    the purchases of the commitment add up to, and what the usage is worth in the end. It begins
    with the first payment and ends with the contract, or with the refund that dissolved it.

    Args:
        *histories: Of instances, each of its own; one that was never prepaid has no row.

    Raises:
        WrongType: A history is no ``History``.
        RuleViolation: A prepaid contract without an end, which a commitment of FOCUS must have, or
            two histories of one contract.

    >>> from datetime import UTC, datetime, timedelta
    >>> from fractions import Fraction
    >>> from numgenius_core import (
    ...     Block, History, Listing, Machine, Money, PerGpuHour, PriceTerms, agree,
    ... )
    >>> from numgenius_core.billing import Prepaid, focus_commitments
    >>> machine = Machine(id=1, host="hanna", gpu_name="A100", gpus=4)
    >>> start = datetime(2026, 1, 1, tzinfo=UTC)
    >>> contract = agree(
    ...     Listing(machine=machine, prices=PriceTerms(gpu=PerGpuHour("2.00"))),
    ...     Block(start=0, size=1),
    ...     id=7,
    ...     client="anna",
    ...     at=start,
    ...     end=start + timedelta(days=30),
    ... )
    >>> paid = Prepaid(at=start, amount=Money("1152"), discount=Fraction(1, 5))
    >>> (row,) = focus_commitments(History(contract=contract, facts=[paid]))
    >>> row["ContractCommitmentId"], row["ContractCommitmentCost"], row["ContractPeriodEnd"]
    ('deposit-7', '1152', '2026-01-31T00:00:00Z')
    """
    rows: dict[ContractId, FocusRow] = {}
    for index, history in enumerate(histories):
        place = f"histories[{index}]"
        check_kind(history, History, place)
        contract = history.contract
        if contract.id in rows:
            raise RuleViolation(
                f"{place}.contract.id", "one history of a contract", str(contract.id)
            )
        row = _committed(history, place)
        if row is not None:
            rows[contract.id] = row
    return tuple(rows.values())


def _committed(history: History, place: str) -> FocusRow | None:
    """Return the row of a deposit, or nothing if nothing was prepaid."""
    contract = history.contract
    paid = [fact for fact in history.facts if isinstance(fact, Prepaid | Refunded)]
    if not paid:
        return None
    if contract.end is None:
        raise RuleViolation(f"{place}.contract.end", "an end of what was prepaid", "None")
    cost = Money.sum(fact.amount if isinstance(fact, Prepaid) else -fact.amount for fact in paid)
    dissolved = isinstance(paid[-1], Refunded)
    return {
        "BillingCurrency": "USD",
        "ContractCommitmentCategory": "Spend",
        "ContractCommitmentCost": decimal_text(cost.to_decimal(PRICE_PLACES)),
        "ContractCommitmentDescription": f"money prepaid for the GPUs of instance {contract.id}",
        "ContractCommitmentId": _deposit_id(contract),
        "ContractCommitmentPeriodEnd": _instant(paid[-1].at if dissolved else contract.end),
        "ContractCommitmentPeriodStart": _instant(paid[0].at),
        "ContractCommitmentQuantity": None,
        "ContractCommitmentType": _PREPAYMENT,
        "ContractCommitmentUnit": None,
        "ContractId": _contract_id(contract),
        "ContractPeriodEnd": _instant(contract.end),
        "ContractPeriodStart": _instant(contract.start),
    }


def _check_version(version: object) -> None:
    if not isinstance(version, str) or version not in FOCUS_COLUMNS:
        raise RuleViolation("version", f"one of {', '.join(FOCUS_COLUMNS)}", shown(version))


def _costs(statement: _Bill, places: int) -> dict[str, tuple[Decimal, ...]]:
    """Return the columns of money, each line's part of a running total since the contract began."""
    lines = statement.lines
    used = [used_by(line) for line in lines]
    payout = [amount - line.fee for amount, line in zip(used, lines, strict=True)]
    total = contracted = listed = statement.carried  # of a volume, which has one price
    if isinstance(statement, Statement):
        total, contracted = statement.carried_total, statement.carried_contracted
        listed = statement.carried_listed
    columns = {
        "BilledCost": ([line.billed for line in lines], statement.carried),
        "EffectiveCost": (used, total),
        "ContractedCost": (map(contracted_by, lines), contracted),
        "ListCost": ([line.listed for line in lines], listed),
        "x_PlatformFee": ([line.fee for line in lines], statement.carried_fee),
        "x_HostPayout": (payout, total - statement.carried_fee),
    }
    return {name: rounded_parts(column, places, past) for name, (column, past) in columns.items()}


def _parties(names: dict[str, str]) -> FocusRow:
    """Return who publishes, serves, hosts, invoices and pays."""
    provider = names["provider"]
    return {
        "BillingAccountName": names["account_name"],
        "HostProviderName": names["host_name"],
        "InvoiceIssuerName": provider,
        "ProviderName": provider,
        "PublisherName": provider,
        "ServiceProviderName": provider,
    }


def _account(statement: _Bill, period: Interval) -> FocusRow:
    """Return the account and the period, which all rows of a statement share."""
    contract = statement.contract
    return {
        "BillingAccountId": contract.client,
        "BillingAccountType": "Client account",
        "BillingCurrency": "USD",
        "BillingPeriodStart": _instant(period.start),
        "BillingPeriodEnd": _instant(period.end),
        "x_HostId": contract.host,
        "x_MachineId": str(contract.machine),
    }


def _resource(line: Line, statement: _Bill) -> FocusRow:
    """Return what the charge is for: the instance or volume, or the deposit bought or lost."""
    contract = statement.contract
    if isinstance(contract, VolumeContract):
        return {
            "ResourceId": f"volume-{contract.id}",
            "ResourceName": f"volume {contract.id} on machine {contract.machine}",
            "ResourceType": "Volume",
        }
    if line.kind in _DEPOSIT:
        return {
            "ResourceId": _deposit_id(contract),
            "ResourceName": _deposit_name(contract),
            "ResourceType": "Deposit",
        }
    return {
        "ResourceId": f"instance-{contract.id}",
        "ResourceName": f"instance {contract.id} on machine {contract.machine}",
        "ResourceType": "GPU instance",
    }


def _charged(line: Line) -> FocusRow:
    """Return what is charged for, and how."""
    purchase = line.kind in PAYMENTS
    service, category, subcategory = _SERVICE.get(line.kind, _RENTAL)
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
        "ServiceName": service,
    }


def _priced(line: Line, statement: _Bill) -> FocusRow:
    """Return the SKU and its price: a SKU is the same however it is paid, a price is of a machine.

    The price of a GPU line is that of all its GPUs together, so their number is part of it.
    """
    sort = line.kind.name.lower().replace("_", "-")
    machine = f"machine-{statement.contract.machine}"
    if line.kind not in GPU:
        return {"SkuId": sort, "SkuMeter": line.kind.value, "SkuPriceId": f"{machine}-{sort}"}
    return {
        "SkuId": "gpu",
        "SkuMeter": "GPU time",
        "SkuPriceDetails": json.dumps({"GpuCount": line.size}),
        "SkuPriceId": f"{machine}-{sort}-{line.size}",
    }


def _quantities(line: Line) -> FocusRow:
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


def _commitment(line: Line, statement: _Bill) -> FocusRow:
    """Return the columns of the deposit, empty for what has nothing to do with it."""
    contract = statement.contract
    if line.kind not in _COMMITTED or isinstance(contract, VolumeContract):
        return {}
    amount = line.amount if line.kind in PAYMENTS else line.covered
    quantity = decimal_text(amount.to_decimal(PRICE_PLACES))
    return {
        "CommitmentDiscountCategory": "Spend",
        "CommitmentDiscountId": _deposit_id(contract),
        "CommitmentDiscountName": _deposit_name(contract),
        "CommitmentDiscountQuantity": quantity,
        "CommitmentDiscountStatus": _STATUS.get(line.kind),
        "CommitmentDiscountType": _PREPAYMENT,
        "CommitmentDiscountUnit": "USD",
        "ContractApplied": _applied(contract, quantity),
    }


def _applied(contract: Contract, cost: str) -> str:
    """Return which commitment a charge is applied to, as a JSON object with all five properties.

    The quantity is that of the commitment discount, dollars too: the words of FOCUS 1.3 let it be
    null, the Foundation's rules do not. Numbers are written exactly, as no float could.
    """
    ids = {"ContractId": _contract_id(contract), "ContractCommitmentId": _deposit_id(contract)}
    element = json.dumps(ids).removesuffix("}")
    amounts = (
        f'"ContractCommitmentAppliedCost": {cost}, "ContractCommitmentAppliedQuantity": {cost}'
    )
    return f'{{"Elements": [{element}, {amounts}, "ContractCommitmentAppliedUnit": "USD"}}]}}'


def _deposit_id(contract: Contract) -> str:
    return f"deposit-{contract.id}"


def _deposit_name(contract: Contract) -> str:
    return f"deposit of instance {contract.id}"


def _contract_id(contract: Contract) -> str:
    return f"contract-{contract.id}"


def _instant(value: datetime) -> str:
    return value.isoformat().replace("+00:00", "Z")


def _price(rate: Price) -> str:
    return decimal_text(rate.to_decimal())


def _ratio(numerator: int, denominator: int) -> str:
    scaled = round_half_even(numerator * 10**PRICE_PLACES, denominator)
    return decimal_text(decimal_of(scaled, PRICE_PLACES))
