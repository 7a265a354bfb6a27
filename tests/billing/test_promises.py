"""The fee of a promise and its credits as lines: in a statement, cut, joined, and as FOCUS rows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from attrs import evolve

from numgenius_core.billing import (
    FOCUS_COLUMNS,
    History,
    Line,
    LineKind,
    Moved,
    Prepaid,
    Settled,
    Statement,
    focus_rows,
    statement,
)
from numgenius_core.billing.metering import clipped, merged
from numgenius_core.contracts import Contract, InstanceEvent
from numgenius_core.errors import RuleViolation
from numgenius_core.intervals import Interval
from numgenius_core.listing import Mode, PriceTerms
from numgenius_core.money import Money
from numgenius_core.offer import Block
from numgenius_core.rates import PerGpuHour, PerHour
from numgenius_core.sla import Outage, Promise, SlaTerms, UptimeHistory, cover, settle

T0 = datetime(2026, 7, 1, tzinfo=UTC)
DAY = timedelta(days=1)
PERIOD = Interval(T0, T0 + 3 * DAY)
NONE = PerHour(0)
CONTRACT = Contract(
    id=7,
    machine=1,
    host="hanna",
    client="anna",
    mode=Mode.ON_DEMAND,
    block=Block(start=0, size=1),
    prices=PriceTerms(gpu=PerGpuHour("3.50"), platform_fee=Fraction(1, 4)),
    start=T0,
)
BOUGHT = cover(SlaTerms(Promise("0.99"), "0.95"), PerHour("3.50"), platform_fee="0.25")
DOWN = Outage(period=Interval(T0 + DAY, T0 + DAY + timedelta(hours=5)))
SETTLED = settle(BOUGHT, UptimeHistory(rentals=[PERIOD], outages=[DOWN]))


def test_what_was_not_promised_is_not_settled() -> None:
    settled = Settled(at=T0 + DAY, day=SETTLED.days[0])
    with pytest.raises(RuleViolation, match="a contract with a promise, got Settled"):
        History(contract=CONTRACT, facts=(settled,))


def test_what_was_promised_is_not_prepaid() -> None:
    """DOMAIN 12: "never reserved; prepaying an SLA contract is refused"."""
    terms = SlaTerms(Promise("0.99"), "0.95")
    paid = Prepaid(at=T0, amount=Money(2016), discount="0.2")
    with pytest.raises(RuleViolation) as fault:
        History(contract=evolve(CONTRACT, sla=terms), facts=(paid,))
    need = "need a contract without a promise of uptime, got Prepaid"
    assert str(fault.value) == f"history.facts[0]: {need}"
    assert History(contract=CONTRACT, facts=(paid,)).facts == (paid,)


def fee_line(period: Interval = PERIOD, rate: PerHour = BOUGHT.fee) -> Line:
    return Line(
        kind=LineKind.SLA_FEE,
        period=period,
        quantity=period.seconds,
        rate=rate,
        list_rate=rate,
        fee_rate=NONE,
        amount=rate.charge(period.seconds),
    )


def credit_lines() -> list[Line]:
    """Return a credit at the midnight after its day, as the settlement has it."""
    found = []
    for day in SETTLED.days:
        if day.credit:
            at = day.day + DAY
            found.append(
                Line(
                    kind=LineKind.SERVICE_CREDIT,
                    period=Interval(at, at + timedelta(seconds=1)),
                    quantity=1,
                    amount=-day.credit,
                    fee=-day.from_platform,
                )
            )
    return found


def with_promise() -> Statement:
    running = History(contract=CONTRACT, facts=[Moved(at=T0, event=InstanceEvent.LOADED)])
    bare = statement(running, PERIOD)
    return evolve(bare, lines=merged([*bare.lines, fee_line(), *credit_lines()]))


class TestAStatement:
    """DOMAIN 12: compute, storage and the fee go on being billed; the remedy is a credit."""

    def test_who_pays_and_who_gets_what(self) -> None:
        found = with_promise()
        assert found.amount_of(LineKind.SLA_FEE) == SETTLED.fees
        assert -found.amount_of(LineKind.SERVICE_CREDIT) == SETTLED.credits
        assert found.total == found.billed == SETTLED.compute + SETTLED.fees - SETTLED.credits
        # The host gets its net share and the fee, less what the escrow paid to the client.
        to_client = Money.sum(day.escrow_to_client for day in SETTLED.days)
        assert found.payout == SETTLED.compute.scaled(Fraction(3, 4)) + SETTLED.fees - to_client
        assert found.payout == Money.sum(day.escrow_to_host for day in SETTLED.days)
        returned = Money.sum(day.from_platform for day in SETTLED.days)
        assert returned > Money(0)
        assert found.fee == SETTLED.compute.scaled(Fraction(1, 4)) - returned

    def test_it_prints(self) -> None:
        told = str(with_promise())
        assert "SLA fee" in told
        assert "service credit" in told
        assert "-76.96" in told

    def test_a_fee_goes_on_beside_gpus_and_storage(self) -> None:
        whole = fee_line()
        first, rest = (fee_line(Interval(T0 + a * DAY, T0 + b * DAY)) for a, b in ((0, 1), (1, 3)))
        gpu = evolve(first, kind=LineKind.ON_DEMAND)
        disk = evolve(first, kind=LineKind.STORAGE)
        assert merged([rest, first]) == (whole,)
        assert merged([rest, first, gpu, disk]) == (gpu, disk, whole)
        dearer = fee_line(Interval(T0 + DAY, T0 + 3 * DAY), PerHour(1))
        assert merged([first, dearer]) == (first, dearer)

    def test_pieces_are_the_whole(self) -> None:
        found = with_promise()
        for cut in (timedelta(hours=7), DAY, 2 * DAY, timedelta(days=2, seconds=1)):
            parts = [Interval(T0, T0 + cut), Interval(T0 + cut, PERIOD.end)]
            pieces = [line for part in parts for line in clipped(found.lines, part)]
            assert merged(pieces) == found.lines


class TestFocus:
    """FOCUS 1.2: a credit is a ChargeCategory of its own."""

    def test_rows(self) -> None:
        rows = focus_rows(with_promise())
        assert all(tuple(row) == FOCUS_COLUMNS["1.2"] for row in rows)
        (fee,) = (row for row in rows if row["SkuId"] == "sla-fee")
        assert (fee["ChargeCategory"], fee["ChargeFrequency"]) == ("Usage", "Usage-Based")
        assert (fee["PricingQuantity"], fee["PricingUnit"]) == ("72", "Hours")
        assert (fee["ConsumedQuantity"], fee["ConsumedUnit"]) == ("72", "Hours")
        assert fee["ListUnitPrice"] == fee["ContractedUnitPrice"] == str(BOUGHT.fee)
        assert fee["x_PlatformFee"] == "0"
        assert fee["ServiceCategory"] == "Compute"
        (credit,) = (row for row in rows if row["SkuId"] == "service-credit")
        assert (credit["ChargeCategory"], credit["ChargeFrequency"]) == ("Credit", "One-Time")
        for name in ("BilledCost", "EffectiveCost", "ContractedCost", "ListCost"):
            assert credit[name] == "-76.96499916"
        assert (credit["PricingQuantity"], credit["PricingUnit"]) == ("-1", "Units")
        assert credit["ChargeDescription"] == "service credit"

    @pytest.mark.parametrize("name", ["BilledCost", "EffectiveCost"])
    def test_costs_add_up(self, name: str) -> None:
        found = with_promise()
        costs = [Decimal(row[name] or "") for row in focus_rows(found)]
        assert sum(costs) == round(found.billed.to_decimal(), 9)
