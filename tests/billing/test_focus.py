"""Statements as FOCUS rows: the columns a cost tool reads, and the laws between them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Literal

import pytest
from hypothesis import given, strategies as st

from effort import examples
from focus_exports import VOLUME, billed
from numgenius_core.billing import (
    FOCUS_COLUMNS,
    Fact,
    History,
    Prepaid,
    Refunded,
    Transferred,
    focus_rows,
    statement,
    volume_statement,
)
from numgenius_core.contracts import Contract
from numgenius_core.errors import RuleViolation, WrongType
from numgenius_core.intervals import Interval
from numgenius_core.listing import PriceTerms
from numgenius_core.money import Money
from numgenius_core.rates import PerGpuHour

T0 = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
MONTH = timedelta(hours=720)
RESERVED = Prepaid(at=T0, amount=Money("576"), discount=Fraction(1, 5))

Row = dict[str, str | None]
FocusVersion = Literal["1.2", "1.3"]


def history(*facts: Fact, bid: str | None = None, gpus: int = 1) -> History:
    return billed(5, *facts, bid=bid, gpus=gpus)


def rows_of(source: History, hours: int = 2) -> tuple[Row, ...]:
    return focus_rows(statement(source, Interval(T0, T0 + hours * HOUR)))


def only(rows: Iterable[Row], sku: str) -> Row:
    (row,) = [row for row in rows if sku in (row["SkuId"], str(row["SkuPriceId"]).split("-", 2)[2])]
    return row


def total(rows: Iterable[Row], column: str) -> Decimal:
    return sum((Decimal(row[column] or 0) for row in rows), Decimal(0))


@st.composite
def bills(draw: st.DrawFn) -> tuple[Row, ...]:
    """Return the rows of statements of every kind of line."""
    facts: list[Fact] = []
    bid = draw(st.sampled_from([None, None, "0.333333333333", "0"]))
    if bid is None and draw(st.booleans()):
        cents = draw(st.integers(1, 300))
        facts.append(Prepaid(at=T0, amount=Money(cents), discount=Fraction(2, 7)))
    for second in sorted(draw(st.lists(st.integers(0, 7200), max_size=4))):
        at = T0 + timedelta(seconds=second)
        facts.append(Transferred(at=at, sent=draw(st.integers(0, 10**12)), received=3))
    if facts and isinstance(facts[0], Prepaid) and draw(st.booleans()):
        facts.append(Refunded(at=T0 + 2 * HOUR, amount=Money(0)))
    source = history(*facts, bid=bid, gpus=draw(st.integers(1, 8)))
    start = T0 + timedelta(seconds=draw(st.integers(0, 5000)))
    length = timedelta(seconds=draw(st.integers(1, 9000)))
    return focus_rows(statement(source, Interval(start, start + length)))


class TestARowIsACharge:
    """FOCUS 1.2: a dataset has the mandatory columns in every row.

    Numbers are decimals, dates and times ISO 8601 in UTC.
    """

    @pytest.mark.parametrize("version", FOCUS_COLUMNS)
    def test_has_every_column_in_order(self, version: FocusVersion) -> None:
        bill = statement(history(RESERVED), Interval(T0, T0 + HOUR))
        for row in focus_rows(bill, version=version):
            assert tuple(row) == FOCUS_COLUMNS[version]

    @examples(60)
    @given(rows=bills())
    def test_is_written_as_the_specification_asks(self, rows: tuple[Row, ...]) -> None:
        for row in rows:
            for name, value in row.items():
                if name.endswith(("Cost", "Quantity", "UnitPrice", "Payout", "Fee")):
                    assert value is None or re.fullmatch(r"-?[0-9]+(\.[0-9]*[1-9])?", value)
                if name.endswith(("PeriodStart", "PeriodEnd")):
                    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", value or "")

    def test_names_who_what_and_when(self) -> None:
        row = only(rows_of(history(gpus=2)), "on-demand-2")
        assert row["BillingAccountId"] == "client"
        assert (row["x_HostId"], row["x_MachineId"]) == ("host", "9")
        assert (row["ResourceId"], row["ResourceType"]) == ("instance-5", "GPU instance")
        assert (row["ChargePeriodStart"], row["ChargePeriodEnd"]) == (
            "2026-01-01T00:00:00Z",
            "2026-01-01T02:00:00Z",
        )
        assert (row["PricingQuantity"], row["PricingUnit"]) == ("2", "Hours")
        assert (row["ConsumedQuantity"], row["ConsumedUnit"]) == ("4", "GPU-Hours")
        assert (row["ListUnitPrice"], row["BilledCost"], row["EffectiveCost"]) == ("2", "4", "4")
        assert (row["PricingCategory"], row["ChargeFrequency"]) == ("Standard", "Usage-Based")
        assert (row["x_PlatformFee"], row["x_HostPayout"]) == ("1", "3")
        assert row["CommitmentDiscountId"] is None

    def test_measures_storage_in_gb_months_and_traffic_in_gb(self) -> None:
        moved = Transferred(at=T0, sent=10**9, received=5 * 10**8)
        rows = rows_of(history(moved), 72)
        disk = only(rows, "storage")
        assert (disk["PricingQuantity"], disk["PricingUnit"]) == ("100", "GB-Months")
        assert (disk["ConsumedQuantity"], disk["ConsumedUnit"]) == ("72000", "GB-Hours")
        assert (disk["ServiceCategory"], disk["BilledCost"]) == ("Storage", "7.2")
        sent = only(rows, "upload")
        assert (sent["PricingQuantity"], sent["PricingUnit"]) == ("1", "GB")
        assert sent["ServiceCategory"] == "Networking"
        assert only(rows, "download")["PricingQuantity"] == "0.5"

    def test_takes_the_period_of_the_invoice_and_the_name_of_the_market(self) -> None:
        bill = statement(history(), Interval(T0, T0 + HOUR))
        month = Interval(T0, T0 + MONTH)
        row = focus_rows(bill, provider="Market", billing_period=month)[0]
        assert row["BillingPeriodEnd"] == "2026-01-31T00:00:00Z"
        assert row["ProviderName"] == row["PublisherName"] == row["InvoiceIssuerName"] == "Market"

    def test_refuses_other_things(self) -> None:
        bill = statement(history(), Interval(T0, T0 + HOUR))
        with pytest.raises(WrongType, match="statement"):
            focus_rows(None)  # type: ignore[arg-type]
        with pytest.raises(RuleViolation, match="provider"):
            focus_rows(bill, provider="")
        with pytest.raises(RuleViolation, match="places"):
            focus_rows(bill, places=13)
        with pytest.raises(WrongType, match="billing_period"):
            focus_rows(bill, billing_period=5)  # type: ignore[arg-type]


class TestTheFourCosts:
    """FOCUS 1.2: "The product of ListUnitPrice and PricingQuantity MUST match the ListCost".

    The same for the contracted price. Contracted cost excludes commitment discounts.
    """

    @examples(60)
    @given(rows=bills())
    def test_price_times_quantity_is_the_cost(self, rows: tuple[Row, ...]) -> None:
        for row in rows:
            quantity = Decimal(row["PricingQuantity"] or "nan")
            for name in ("List", "Contracted"):
                cost = quantity * Decimal(row[f"{name}UnitPrice"] or "nan")
                assert abs(cost - Decimal(row[f"{name}Cost"] or "nan")) < Decimal("3e-9")

    def test_of_an_interruptible_are_the_on_demand_price_and_the_bid(self) -> None:
        row = only(rows_of(history(bid="0.25")), "interruptible-1")
        assert (row["ListCost"], row["ContractedCost"]) == ("2", "0.5")
        assert (row["BilledCost"], row["EffectiveCost"]) == ("0.5", "0.5")
        assert row["PricingCategory"] == "Dynamic"

    def test_of_a_bid_on_a_free_machine_list_nothing(self) -> None:
        source = history(bid="0.25")
        prices = PriceTerms(gpu=PerGpuHour(0))
        contract = source.contract
        free = History(
            contract=Contract(
                id=contract.id,
                machine=contract.machine,
                host=contract.host,
                client=contract.client,
                mode=contract.mode,
                block=contract.block,
                prices=prices,
                start=T0,
                bid=contract.bid,
            ),
            facts=source.facts,
        )
        assert only(rows_of(free), "interruptible-1")["ListCost"] == "0"

    @examples(60)
    @given(source=st.just(history(RESERVED)), seconds=st.integers(1, 99), places=st.integers(0, 9))
    def test_rounded_columns_add_up(self, source: History, seconds: int, places: int) -> None:
        bill = statement(source, Interval(T0, T0 + timedelta(seconds=seconds)))
        rows = focus_rows(bill, places=places)
        assert total(rows, "BilledCost") == bill.billed.to_decimal(places)
        assert total(rows, "EffectiveCost") == bill.total.to_decimal(places)
        assert total(rows, "x_PlatformFee") == bill.fee.to_decimal(places)
        assert total(rows, "x_HostPayout") == bill.payout.to_decimal(places)

    PERIODS = tuple(Interval(T0 + i * HOUR / 60, T0 + (i + 1) * HOUR / 60) for i in range(60))

    def test_costs_add_up_over_consecutive_statements(self) -> None:
        """An hour at $1, a fifth off, paid from the deposit, and $0.10 of disk; fee a quarter."""
        source = history(RESERVED)
        rows = [row for p in self.PERIODS for row in focus_rows(statement(source, p), places=2)]
        sums = {name: total(rows, name) for name in rows[0] if name.endswith(("Cost", "Payout"))}
        assert sums == {
            "BilledCost": Decimal("576.10"),
            "EffectiveCost": Decimal("0.90"),
            "ContractedCost": Decimal("577.10"),
            "ListCost": Decimal("577.10"),
            "x_HostPayout": Decimal("0.68"),
        }
        assert total(rows, "x_PlatformFee") == Decimal("0.22")  # of $0.90, half to even

    def test_without_a_discount_the_costs_of_a_row_are_one(self) -> None:
        for period in self.PERIODS:
            for row in focus_rows(statement(history(), period), places=2):
                assert row["BilledCost"] == row["EffectiveCost"]
                assert row["BilledCost"] == row["ContractedCost"] == row["ListCost"]


class TestAVolume:
    """A volume is charged apart from the instances that use it: 200 GB at $0.15, fee a quarter."""

    @pytest.mark.parametrize("version", FOCUS_COLUMNS)
    def test_is_a_resource_and_a_service_of_its_own(self, version: FocusVersion) -> None:
        month = volume_statement(VOLUME, Interval(T0, T0 + MONTH))
        (row,) = focus_rows(month, version=version)
        assert tuple(row) == FOCUS_COLUMNS[version]
        assert (row["ResourceId"], row["ResourceType"]) == ("volume-12", "Volume")
        assert row["ResourceName"] == "volume 12 on machine 9"
        assert (row["ServiceName"], row["ServiceCategory"]) == ("Volume", "Storage")
        assert (row["SkuId"], row["SkuPriceId"]) == ("volume", "machine-9-volume")
        assert (row["PricingQuantity"], row["PricingUnit"]) == ("200", "GB-Months")
        assert (row["ListUnitPrice"], row["ContractedUnitPrice"]) == ("0.15", "0.15")
        costs = [row[f"{name}Cost"] for name in ("Billed", "Effective", "Contracted", "List")]
        assert costs == ["30"] * 4
        assert (row["x_PlatformFee"], row["x_HostPayout"]) == ("7.5", "22.5")
        assert (row["BillingAccountId"], row["x_HostId"]) == ("client", "host")
        assert row["CommitmentDiscountId"] is None

    def test_costs_add_up_over_consecutive_statements(self) -> None:
        """An hour is 4.1666… cents, of which the platform has 1.0416…; 720 are the month."""
        hours = [Interval(T0 + i * HOUR, T0 + (i + 1) * HOUR) for i in range(720)]
        rows = [r for hour in hours for r in focus_rows(volume_statement(VOLUME, hour), places=2)]
        for name in ("Billed", "Effective", "Contracted", "List"):
            assert total(rows, f"{name}Cost") == 30
        assert total(rows, "x_PlatformFee") == Decimal("7.50")
        assert total(rows, "x_HostPayout") == Decimal("22.50")


class TestTheDepositIsACommitment:
    """FOCUS 1.2, the effective cost of a commitment.

    "EffectiveCost MUST be 0 when ChargeCategory is "Purchase" and the purchase is
    intended to cover future eligible charges"; "The sum of EffectiveCost where ChargeCategory is
    "Usage" MUST equal the sum of BilledCost where ChargeCategory is "Purchase"" (per commitment).
    """

    def test_its_purchase_is_billed_and_the_usage_it_covers_effective(self) -> None:
        rows = rows_of(history(RESERVED))
        bought, used = only(rows, "deposit"), only(rows, "reserved-1")
        assert (bought["ChargeCategory"], bought["ChargeFrequency"]) == ("Purchase", "One-Time")
        assert (bought["BilledCost"], bought["EffectiveCost"]) == ("576", "0")
        assert (bought["x_HostPayout"], bought["ConsumedQuantity"]) == ("0", None)
        assert (used["BilledCost"], used["EffectiveCost"]) == ("0", "1.6")
        assert (used["ContractedCost"], used["ListCost"]) == ("2", "2")
        assert used["PricingCategory"] == "Committed"
        assert bought["PricingCategory"] == "Standard"
        assert (used["CommitmentDiscountStatus"], bought["CommitmentDiscountStatus"]) == (
            "Used",
            None,
        )
        assert used["CommitmentDiscountId"] == bought["CommitmentDiscountId"] == "deposit-5"
        assert (used["CommitmentDiscountQuantity"], used["CommitmentDiscountUnit"]) == (
            "1.6",
            "USD",
        )
        assert used["CommitmentDiscountCategory"] == "Spend"

    def test_used_up_or_dissolved_what_was_paid_is_what_was_effective(self) -> None:
        back = Refunded(at=T0 + MONTH / 2, amount=Money("212.40"))
        for facts in ((RESERVED,), (RESERVED, back)):
            rows = [r for r in rows_of(history(*facts), 800) if r["CommitmentDiscountId"]]
            bought = [r for r in rows if r["ChargeCategory"] == "Purchase"]
            usage = [r for r in rows if r["ChargeCategory"] == "Usage"]
            assert total(bought, "BilledCost") == total(usage, "EffectiveCost")
            assert total(usage, "BilledCost") == 0

    def test_what_is_forfeited_was_never_used(self) -> None:
        back = Refunded(at=T0 + MONTH / 2, amount=Money("212.40"))
        rows = rows_of(history(RESERVED, back), 800)
        lost, refund = only(rows, "forfeit"), only(rows, "refund")
        assert lost["CommitmentDiscountStatus"] == "Unused"
        assert (lost["EffectiveCost"], lost["BilledCost"]) == ("75.6", "0")
        assert (lost["PricingCategory"], lost["ConsumedQuantity"]) == ("Committed", None)
        assert (refund["ChargeCategory"], refund["BilledCost"]) == ("Purchase", "-212.4")
        assert (refund["PricingQuantity"], refund["ListUnitPrice"]) == ("-1", "212.4")
