"""Bids on a price series."""

from __future__ import annotations

import csv
import gzip
import os
from datetime import datetime, timedelta
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from numgenius_core.errors import RuleViolation, WrongType
from numgenius_core.money import Money
from numgenius_core.planning import BidOutcome, PriceSeries, compare_bids, meet_deadline
from numgenius_core.rates import PerGpuHour, PerHour
from numgenius_core.testing import EPOCH
from price_records import HOUR, any_series, series


def only(found: PriceSeries, bid: str) -> BidOutcome:
    return compare_bids(found, [PerHour(bid)]).bids[0]


@lru_cache
def real() -> PriceSeries:
    path = Path(os.environ["NUMGENIUS_MARKET_DATA"]) / "spot_prices.csv.gz"
    with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
        rows = list(csv.reader(lines))[1:]
    return PriceSeries.of([(datetime.fromisoformat(at), price) for at, price in rows])


@pytest.mark.skipif(
    "NUMGENIUS_MARKET_DATA" not in os.environ, reason="reads real market data, which is not ours"
)
class TestARealSpotMarket:
    """One GPU instance type, 2015, on demand $0.65, with what its study published of it."""

    @pytest.mark.parametrize(
        ("bid", "available", "mean", "a_day"),
        [
            ("0.65", ".9354", ".0912", "1.41"),
            ("0.10", ".7677", ".0715", "4.04"),
            ("1.30", ".9575", ".1108", "0.95"),
        ],
    )
    def test_its_figures(self, bid: str, available: str, mean: str, a_day: str) -> None:
        found = only(real(), bid)
        assert f"{float(found.availability):.4f}".lstrip("0") == available
        assert found.mean_price is not None
        assert f"{float(found.mean_price):.4f}".lstrip("0") == mean
        assert f"{float(found.per_day):.2f}" == a_day


class TestWhatABidCosts:
    """G7: a winner pays its own bid; the price of the record is what others had to pay."""

    def test_the_table_and_the_dicts_have_it(self) -> None:
        plan = compare_bids(series("0.10", "0.50", "0.20"), [PerHour("0.30")])
        assert plan.table().head[2] == "cost $"
        assert plan.table().rows[0][2] == "0.60"
        (row,) = plan.to_dicts()
        assert (row["cost"], row["cost_at_price"], row["mean_price"]) == (0.6, 0.3, 0.15)

    def test_it_is_what_a_deadline_pays_by_itself(self) -> None:
        found = only(record := series("0.10", "0.10", "0.10"), "0.30")
        length = 3 * HOUR
        ways = meet_deadline(
            record, gpu_hours=3, gpus=1, deadline=length, on_demand=PerHour(1), bids=["0.30"]
        ).ways
        assert ways[0].mean == found.cost == Money("0.90")


class TestBidsAsText:
    """A series of prices is taken as exact dollars, wherever one is."""

    def test_they_are_bids(self) -> None:
        record = series("0.10", "0.50", "0.20")
        assert compare_bids(record, ["0.30", 1]) == compare_bids(
            record, [PerHour("0.30"), PerHour(1)]
        )

    @pytest.mark.parametrize("bad", [0.3, "x", None, PerGpuHour(1), "-1"])
    def test_what_is_none_is_refused_by_its_place(self, bad: Any) -> None:
        record = series("0.10", "0.50", "0.20")
        with pytest.raises(RuleViolation, match=r"^bids\[1\]: need"):
            compare_bids(record, ["0.3", bad])
        with pytest.raises(RuleViolation, match=r"^bids\[1\]: need"):
            meet_deadline(
                record, gpu_hours=1, gpus=1, deadline=HOUR, on_demand=PerHour(1), bids=["1", bad]
            )
        with pytest.raises(RuleViolation, match=r"^pairs\[0\]: need"):
            PriceSeries.of([(EPOCH, bad)], end=EPOCH + HOUR)


class TestWhatABidWouldHaveGot:
    """A bid runs whenever it is at least the price; interruptions are falls out of that."""

    def test_a_bid_at_the_price_runs(self) -> None:
        assert only(series("0.10"), "0.10").availability == 1

    def test_a_bid_below_it_does_not(self) -> None:
        found = only(series("0.10"), "0.099999999999")
        assert found.availability == found.interruptions == 0
        assert found.mean_price is None

    def test_the_mean_price_is_over_the_time_that_it_ran(self) -> None:
        found = only(series("0.10", "0.50", "0.20"), "0.30")
        assert found.availability == Fraction(2, 3)
        assert found.mean_price == Fraction(15, 100)
        assert found.cost_at_price == Money("0.30")
        assert found.cost == Money("0.60")  # two hours at its own bid

    def test_interruptions_are_counted_over_the_whole_span(self) -> None:
        found = only(series("1", "9", "9", "1", "9", "1", every=timedelta(hours=4)), "1")
        assert found.interruptions == found.per_day == 2

    def test_a_change_at_the_very_end_interrupts_nothing(self) -> None:
        pairs = [(EPOCH, "0.2"), (EPOCH + 2 * HOUR, "0.5")]
        found = only(PriceSeries.of(pairs), "0.3")
        assert found.availability == 1
        assert found.interruptions == 0
        assert only(PriceSeries.of(pairs, end=EPOCH + 3 * HOUR), "0.3").interruptions == 1

    def test_a_change_of_price_that_a_bid_survives_interrupts_nothing(self) -> None:
        assert only(series("1", "2", "1"), "2").interruptions == 0

    def test_the_last_price_holds_to_the_end(self) -> None:
        pairs = [(EPOCH, "1"), (EPOCH + HOUR, "3")]
        assert only(PriceSeries.of(pairs), "1").availability == 1
        assert only(PriceSeries.of(pairs, end=EPOCH + 4 * HOUR), "1").availability == Fraction(1, 4)

    def test_the_cheapest_for_an_availability(self) -> None:
        plan = compare_bids(series("1", "2", "3", "4"), [PerHour(n) for n in (4, 2, 3, 1)])
        found = plan.cheapest("0.75")
        assert found is not None
        assert found.bid == PerHour(3)
        assert compare_bids(series("9"), [PerHour(1)]).cheapest("0.5") is None

    @given(any_series(), st.integers(0, 4))
    def test_it_is_what_counting_seconds_gives(self, found: PriceSeries, bid: int) -> None:
        holds = [0] * found.seconds[-1]
        for price, start, end in zip(found.prices, found.seconds, found.seconds[1:], strict=False):
            for second in range(start, end):
                holds[second] = price.steps // 10**12
        runs = [price <= bid for price in holds]
        got = only(found, str(bid))
        assert got.running == sum(runs)
        assert got.cost_at_price == PerHour(1).charge(sum(p for p in holds if p <= bid))
        assert got.interruptions == sum(a and not b for a, b in pairwise(runs))
        seen = [second for start, end in found.runs(PerHour(bid)) for second in range(start, end)]
        assert seen == [second for second, it_runs in enumerate(runs) if it_runs]

    @given(any_series())
    def test_a_higher_bid_never_runs_less(self, found: PriceSeries) -> None:
        plan = compare_bids(found, [PerHour(n) for n in range(5)])
        shares = [one.availability for one in plan.bids]
        assert shares == sorted(shares)

    def test_a_table(self) -> None:
        plan = compare_bids(series("1", "3"), [PerHour(1), PerHour("0.5")])
        assert str(plan).splitlines()[1].split() == [
            *("1.00", "50.00", "%", "1.00", "1.0000"),
            "12.00",
        ]
        assert "–" in plan._repr_html_()


class TestRefused:
    """Every error says where, what was needed and what came."""

    def test_instants_that_do_not_ascend(self) -> None:
        with pytest.raises(RuleViolation, match=r"instants\[1\]: need after"):
            PriceSeries.of([(EPOCH, "1"), (EPOCH, "2"), (EPOCH + HOUR, "2")])

    def test_no_time_at_all(self) -> None:
        with pytest.raises(RuleViolation, match="end: need an instant after"):
            PriceSeries.of([(EPOCH, "1")])

    def test_an_end_before_the_last_price(self) -> None:
        with pytest.raises(RuleViolation, match=r"instants\[2\]"):
            PriceSeries.of([(EPOCH, "1"), (EPOCH + 2 * HOUR, "1")], end=EPOCH + HOUR)

    def test_no_prices(self) -> None:
        with pytest.raises(RuleViolation, match="pairs: need at least one"):
            PriceSeries.of([])
        with pytest.raises(RuleViolation, match="one price for each instant"):
            PriceSeries(instants=(EPOCH,), prices=(), end=EPOCH + HOUR)

    @pytest.mark.parametrize("pairs", [[1], [(EPOCH,)], [(EPOCH, 1, 2)]])
    def test_no_pairs(self, pairs: list[object]) -> None:
        with pytest.raises(WrongType, match="pairs of an instant"):
            PriceSeries.of(pairs)  # type: ignore[arg-type]

    def test_a_float(self) -> None:
        with pytest.raises(WrongType):
            PriceSeries.of([(EPOCH, 0.1)], end=EPOCH + HOUR)  # type: ignore[list-item]
        with pytest.raises(WrongType, match=r"bids\[0\]"):
            compare_bids(series("1"), [0.1])  # type: ignore[list-item]
