"""What FOCUS 1.2 and 1.3 demand of a data set, on bills with every kind of line.

The FinOps Foundation's own validator says the same in ``scripts/check_focus.py``; here the words of
the specification are held to the same rows without it.
"""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from focus_exports import HISTORIES, MONTH, Row, Version, bills, charges, commitments
from numgenius_core.billing import (
    FOCUS_COLUMNS,
    History,
    LineKind,
    Prepaid,
    focus_commitments,
    focus_rows,
)
from numgenius_core.billing._focus_columns import FOCUS_COMMITMENT_COLUMNS
from numgenius_core.contracts import Contract
from numgenius_core.errors import RuleViolation, WrongType
from numgenius_core.money import Money

VERSIONS: tuple[Version, ...] = ("1.2", "1.3")

# "MUST be present" and "MUST NOT be null", in both versions.
MANDATORY = {
    *("BilledCost", "BillingAccountId", "BillingAccountName", "BillingCurrency"),
    *("BillingPeriodEnd", "BillingPeriodStart", "ChargeCategory", "ChargeDescription"),
    *("ChargePeriodEnd", "ChargePeriodStart", "ContractedCost", "EffectiveCost"),
    *("InvoiceIssuerName", "ListCost", "ProviderName", "PublisherName", "ServiceCategory"),
    *("ServiceName", "BillingAccountType", "ChargeFrequency", "ServiceSubcategory"),
}
# "MUST NOT be null" where the charge is "Usage" or "Purchase".
OF_CHARGES = {
    *("ContractedUnitPrice", "ListUnitPrice", "PricingCategory", "PricingQuantity", "PricingUnit"),
    *("SkuId", "SkuMeter", "SkuPriceId", "ResourceId", "ResourceName", "ResourceType"),
}
# What may be null and must be there, as the marketplace has commitments and unit prices.
PRESENT = {
    *("ChargeClass", "InvoiceId", "SkuPriceDetails", "ConsumedQuantity", "ConsumedUnit"),
    *(f"CommitmentDiscount{n}" for n in ("Category", "Id", "Name", "Quantity", "Status", "Type")),
    "CommitmentDiscountUnit",
}
# "Elements" objects "MUST contain five key-value pairs", and others only with the prefix "x_".
PROPERTIES = [
    *("ContractId", "ContractCommitmentId", "ContractCommitmentAppliedCost"),
    *("ContractCommitmentAppliedQuantity", "ContractCommitmentAppliedUnit"),
]
NEW = {"ContractApplied", "HostProviderName", "ServiceProviderName"}


def total(rows: list[Row], column: str) -> Decimal:
    return sum((Decimal(row[column] or "nan") for row in rows), Decimal(0))


def test_the_bills_have_every_kind_of_line() -> None:
    assert {line.kind for bill in bills() for line in bill.lines} == set(LineKind)


@pytest.mark.parametrize("version", VERSIONS)
class TestARow:
    """FOCUS 1.2 and 1.3, Cost and Usage: the presence and the nullability of columns."""

    def test_has_what_must_be_there(self, version: Version) -> None:
        columns = set(FOCUS_COLUMNS[version])
        assert columns >= MANDATORY | OF_CHARGES | PRESENT
        assert columns & NEW == (NEW if version == "1.3" else set())
        assert all(tuple(row) == FOCUS_COLUMNS[version] for row in charges(version))

    def test_has_no_gap(self, version: Version) -> None:
        named = MANDATORY | ((NEW - {"ContractApplied"}) if version == "1.3" else set())
        for row in charges(version):
            wanted = named | (OF_CHARGES if row["ChargeCategory"] != "Credit" else set())
            assert {name for name in wanted if not row[name]} == set(), row["ChargeDescription"]

    def test_of_what_is_consumed_says_how_much(self, version: Version) -> None:
        """The quantity "MUST be null" unless it is used, and "MUST NOT be null" where it is."""
        for row in charges(version):
            used = row["ChargeCategory"] == "Usage" and row["CommitmentDiscountStatus"] != "Unused"
            assert (row["ConsumedQuantity"] is not None) is used
            assert (row["ConsumedUnit"] is not None) is used

    def test_of_a_commitment_says_so_in_every_column(self, version: Version) -> None:
        for row in charges(version):
            committed = row["CommitmentDiscountId"] is not None
            for name in ("Category", "Name", "Quantity", "Type", "Unit"):
                assert (row[f"CommitmentDiscount{name}"] is not None) is committed
            status = row["CommitmentDiscountStatus"]
            assert (status is not None) is (committed and row["ChargeCategory"] == "Usage")
            assert (row["PricingCategory"] == "Committed") is (status is not None)
            if row["ChargeCategory"] == "Purchase" or status == "Unused":
                assert row["ResourceId"] == row["CommitmentDiscountId"]


@pytest.mark.parametrize("version", VERSIONS)
class TestOneOfEach:
    """FOCUS: which column decides which."""

    @pytest.mark.parametrize(
        ("key", "of_it"),
        [
            ("ServiceName", ("ServiceCategory", "ServiceSubcategory")),
            ("SkuId", ("SkuMeter", "ServiceName", "PricingUnit")),
            ("SkuPriceId", ("SkuId", "SkuPriceDetails", "ListUnitPrice", "PricingUnit")),
            ("ResourceId", ("ResourceName", "ResourceType")),
            ("CommitmentDiscountId", ("CommitmentDiscountName", "CommitmentDiscountUnit")),
        ],
    )
    def test_key(self, version: Version, key: str, of_it: tuple[str, ...]) -> None:
        """A ServiceName "MUST have one and only one ServiceCategory"; so with SKUs and prices."""
        found = defaultdict(set)
        for row in charges(version):
            if row["ChargeDescription"] not in {"deposit", "refund", "forfeit", "service credit"}:
                found[row[key]].add(tuple(row[name] for name in of_it))
        assert {name: values for name, values in found.items() if len(values) > 1} == {}

    def test_a_sku_is_the_same_in_each_pricing_category(self, version: Version) -> None:
        """FOCUS: SkuId "MUST remain consistent across PricingCategory values"."""
        gpus = [row for row in charges(version) if row["SkuId"] == "gpu"]
        assert {row["PricingCategory"] for row in gpus} == {"Standard", "Committed", "Dynamic"}
        sizes = {json.loads(row["SkuPriceDetails"] or "")["GpuCount"] for row in gpus}
        assert sizes == {1, 2}


class TestNames:
    """Who has which part in a charge."""

    def test_by_default(self) -> None:
        row = charges("1.3")[0]
        names = [row[f"{name}Name"] for name in ("ServiceProvider", "Provider", "Publisher")]
        assert names == ["GPU marketplace"] * 3
        assert (row["HostProviderName"], row["BillingAccountName"]) == ("host", "client")
        assert row["InvoiceId"] is None

    def test_as_given(self) -> None:
        row = focus_rows(
            bills()[0],
            version="1.3",
            provider="Market",
            account_name="Anna's lab",
            host_name="Hanna's hall",
            invoice="2026-01/7",
        )[0]
        assert row["ServiceProviderName"] == row["InvoiceIssuerName"] == "Market"
        assert (row["HostProviderName"], row["BillingAccountName"]) == (
            "Hanna's hall",
            "Anna's lab",
        )
        assert (row["BillingAccountId"], row["x_HostId"]) == ("client", "host")
        assert row["InvoiceId"] == "2026-01/7"

    @pytest.mark.parametrize("name", ["account_name", "host_name", "invoice"])
    def test_refused(self, name: str) -> None:
        wrong: dict[str, Any] = {name: ""}
        with pytest.raises(RuleViolation, match=name):
            focus_rows(bills()[0], **wrong)
        wrong = {name: 5}
        with pytest.raises(WrongType, match=name):
            focus_rows(bills()[0], **wrong)

    @pytest.mark.parametrize("version", ["1.1", "", None, 1.2, ["1.2"]])
    def test_another_version(self, version: Any) -> None:
        with pytest.raises(RuleViolation, match=r"version: need one of 1\.2, 1\.3"):
            focus_rows(bills()[0], version=version)


class TestCommitments:
    """FOCUS 1.3: "Contract Commitment dataset can be joined … through Contract Commitment ID"."""

    def test_have_the_columns_in_order(self) -> None:
        rows = commitments()
        assert len(rows) == 2
        for row in rows:
            assert tuple(row) == FOCUS_COMMITMENT_COLUMNS
            empty = {name for name, value in row.items() if value is None}
            assert empty == {"ContractCommitmentQuantity", "ContractCommitmentUnit"}
            assert row["ContractCommitmentCategory"] == "Spend"

    def test_join_with_the_charges(self) -> None:
        known = {row["ContractCommitmentId"]: row["ContractId"] for row in commitments()}
        seen = set()
        for row in charges("1.3"):
            if row["CommitmentDiscountId"] is None:
                assert row["ContractApplied"] is None
                continue
            (applied,) = json.loads(row["ContractApplied"] or "", parse_float=Decimal)["Elements"]
            assert applied["ContractCommitmentId"] == row["CommitmentDiscountId"]
            assert known[row["CommitmentDiscountId"]] == applied["ContractId"]
            cost = Decimal(applied["ContractCommitmentAppliedCost"])
            assert cost == Decimal(row["CommitmentDiscountQuantity"] or "")
            assert applied["ContractCommitmentAppliedQuantity"] == cost
            assert applied["ContractCommitmentAppliedUnit"] == row["CommitmentDiscountUnit"]
            assert list(applied) == PROPERTIES
            seen.add(row["CommitmentDiscountId"])
        assert seen == set(known)

    def test_cost_what_was_bought_and_what_was_used(self) -> None:
        """The sums of the two data sets agree, commitment by commitment."""
        for row in commitments():
            its = [
                charge
                for charge in charges("1.3")
                if charge["CommitmentDiscountId"] == row["ContractCommitmentId"]
            ]
            bought = [charge for charge in its if charge["ChargeCategory"] == "Purchase"]
            used = [charge for charge in its if charge["ChargeCategory"] == "Usage"]
            cost = Decimal(row["ContractCommitmentCost"] or "")
            assert cost == total(bought, "BilledCost") == total(used, "EffectiveCost")

    def test_end_with_the_contract_or_the_refund(self) -> None:
        used_up, dissolved = commitments()
        assert used_up["ContractCommitmentCost"] == "576"
        assert used_up["ContractCommitmentPeriodEnd"] == used_up["ContractPeriodEnd"]
        assert dissolved["ContractCommitmentCost"] == "363.6"
        assert dissolved["ContractCommitmentPeriodEnd"] == "2026-01-16T00:00:00Z"
        assert dissolved["ContractPeriodEnd"] == "2026-03-02T00:00:00Z"
        assert dissolved["ContractCommitmentPeriodStart"] == "2026-01-01T00:00:00Z"

    def test_go_on_when_more_is_paid_after_a_refund(self) -> None:
        start = datetime(2026, 1, 1, tzinfo=UTC)
        again = Prepaid(at=start + MONTH, amount=Money(7), discount=HISTORIES[3].facts[1].discount)  # type: ignore[union-attr]
        longer = History(contract=HISTORIES[3].contract, facts=(*HISTORIES[3].facts, again))
        (row,) = focus_commitments(longer)
        assert row["ContractCommitmentPeriodEnd"] == row["ContractPeriodEnd"]
        assert row["ContractCommitmentCost"] == "370.6"

    def test_are_refused_without_an_end_or_twice(self) -> None:
        paid = HISTORIES[2]
        fields = {
            name: getattr(paid.contract, name) for name in ("id", "machine", "host", "client")
        }
        fields |= {
            name: getattr(paid.contract, name) for name in ("mode", "block", "prices", "start")
        }
        endless = History(contract=Contract(**fields), facts=paid.facts)
        with pytest.raises(RuleViolation, match=r"histories\[1\]\.contract\.end: need an end"):
            focus_commitments(HISTORIES[0], endless)
        with pytest.raises(RuleViolation, match=r"histories\[1\]\.contract\.id: need one history"):
            focus_commitments(paid, paid)
        with pytest.raises(WrongType, match=r"histories\[0\]"):
            focus_commitments(None)  # type: ignore[arg-type]

    def test_of_what_was_not_prepaid_there_are_none(self) -> None:
        assert focus_commitments(HISTORIES[0], HISTORIES[1]) == focus_commitments() == ()
