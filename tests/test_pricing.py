"""Quotes: what a stay really costs."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from numgenius_core.errors import RuleViolation
from numgenius_core.listing import MachineId, Mode, OfferId, PriceTerms, Verification
from numgenius_core.money import Money, PerGb, PerGbMonth, PerGpuHour, PerHour
from numgenius_core.offer import Offer
from numgenius_core.pricing import LineKind, quote
from numgenius_core.testing_strategies import price_terms

HOUR = timedelta(hours=1)
TERMS = PriceTerms(
    gpu=PerGpuHour("0.40"),
    storage=PerGbMonth("0.15"),
    upload=PerGb("0.01"),
    download=PerGb("0.002"),
    min_bid=PerGpuHour("0.10"),
    platform_fee=Fraction(1, 4),
)


def offer(prices: PriceTerms = TERMS, **more: Any) -> Offer:
    facts = {"id": OfferId(1), "machine": MachineId(2), "gpu_name": "RTX 4090", "gpus": 4}
    return Offer(prices=prices, max_discount=Fraction(2, 5), **{**facts, **more})


class TestIdentities:
    """DOMAIN 2: dph_total = dph_base + storage_cost · disk_GB / 720."""

    def test_an_hour_with_disk_is_the_total_the_market_shows(self) -> None:
        priced = quote(offer(), HOUR, disk=8)
        assert priced.total == Money("1.60") + PerGbMonth("0.15").charge(8_000, 3_600)

    def test_every_line_of_a_stay(self) -> None:
        priced = quote(offer(), timedelta(hours=72), disk=200, upload=10, download=500)
        assert [(line.kind.value, line.amount) for line in priced.lines] == [
            ("gpu", Money("115.20")),
            ("storage", Money("3.00")),
            ("upload", Money("0.10")),
            ("download", Money("1.00")),
        ]
        assert priced.total == Money("119.30")
        assert priced.per_hour(6) == Decimal("1.656944")
        assert (priced.payout, priced.fee) == (Money("89.475"), Money("29.825"))

    def test_the_discount_is_on_the_gpu_part_only(self) -> None:
        priced = quote(offer(), timedelta(days=30), mode=Mode.RESERVED, disk=100)
        assert priced.discount == Fraction(1, 5)
        assert priced.amount_of(LineKind.DISCOUNT) == -Money("230.40")
        assert priced.amount_of(LineKind.STORAGE) == Money("15.00")
        assert priced.deposit == Money("921.60")
        assert quote(offer(), HOUR, mode=Mode.RESERVED, months=3).discount == Fraction(3, 10)

    def test_an_interruptible_pays_its_bid(self) -> None:
        assert quote(offer(), HOUR, mode=Mode.INTERRUPTIBLE).total == Money("0.40")
        bid = PerHour("0.55")
        assert quote(offer(), HOUR, mode=Mode.INTERRUPTIBLE, bid=bid).total == Money("0.55")
        floor = PerHour("0.40")
        assert quote(offer(), HOUR, mode=Mode.INTERRUPTIBLE, bid=floor).total == Money("0.40")

    @given(price_terms(), st.integers(1, 10**7), st.integers(0, 5_000), st.integers(0, 500))
    def test_lines_add_up_and_so_do_host_and_platform(
        self, prices: PriceTerms, seconds: int, disk: int, traffic: int
    ) -> None:
        stay = timedelta(seconds=seconds)
        priced = quote(offer(prices), stay, disk=disk, upload=traffic, download=traffic)
        assert sum(line.amount for line in priced.lines) == priced.total
        assert priced.payout + priced.fee == priced.total
        rounded = sum(amount for _, amount in priced.rounded_lines())
        assert rounded == priced.total.to_decimal()

    @pytest.mark.parametrize(
        ("duration", "facts"),
        [
            (timedelta(0), {}),
            (-HOUR, {}),
            (3600, {}),
            (HOUR, {"disk": "-1"}),
            (HOUR, {"disk": 1.5}),
            (HOUR, {"download": "nan"}),
            (HOUR, {"bid": PerHour(1)}),
            (HOUR, {"months": 1}),
            (HOUR, {"mode": "on-demand"}),
            (HOUR, {"mode": Mode.INTERRUPTIBLE, "bid": PerHour("0.39")}),
            (HOUR, {"mode": Mode.INTERRUPTIBLE, "bid": 1}),
            (HOUR, {"mode": Mode.RESERVED, "schedule": "curve"}),
        ],
    )
    def test_bad_questions_are_refused(self, duration: Any, facts: Any) -> None:
        with pytest.raises(RuleViolation):
            quote(offer(), duration, **facts)

    def test_an_unverified_machine_has_no_reserved_price(self) -> None:
        with pytest.raises(RuleViolation, match="verified"):
            quote(offer(verification=Verification.UNVERIFIED), HOUR, mode=Mode.RESERVED)


class TestAQuoteSaysWhatItIs:
    """DOMAIN 2: one price for one way of renting."""

    def test_on_demand_has_no_discount_and_no_deposit(self) -> None:
        price = quote(offer(), HOUR)
        assert price.mode is Mode.ON_DEMAND
        assert price.discount == 0
        assert price.deposit is None

    def test_dollars_an_hour_have_twelve_decimals(self) -> None:
        assert quote(offer(), HOUR).per_hour().as_tuple().exponent == -12
