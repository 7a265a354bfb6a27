"""The fee of a promise in a quote: a line of its own, on demand only, never discounted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest
from attrs import evolve

from numgenius_core import (
    Mode,
    Money,
    Offer,
    PerGbMonth,
    PerGpuHour,
    PerHour,
    PriceTerms,
    quote,
)
from numgenius_core.errors import RuleViolation, WrongType
from numgenius_core.prices import NotRented, QuotePart, rank_offers
from numgenius_core.sla import Promise, SlaRules, SlaTerms, StopLossFee, cover

DAY = timedelta(days=1)
OFFER = Offer(
    id=1,
    machine=7,
    gpu_name="A100",
    gpus=2,
    prices=PriceTerms(gpu=PerGpuHour("1.75"), storage=PerGbMonth("0.72"), platform_fee="0.25"),
    disk_mb=200_000,
    promise=Promise("0.99"),
)


class TestTheFee:
    """DOMAIN 12: $3.50/h, claim .99, spread .5, target .95: about $0.04/h, $0.97 a day."""

    def test_the_published_figure(self) -> None:
        """GPU $3.50/h → about $0.04/h ($0.97/day)."""
        day = quote(OFFER, DAY, target="0.95")
        assert f"{day.amount_of(QuotePart.SLA_FEE):.2f}" == "0.97"
        assert f"{day.sla_per_hour:.2f}" == "0.04"
        assert f"{day.total:.2f}" == "84.97"

    def test_it_covers_gpus_and_disk_and_not_traffic(self) -> None:
        """Covered are GPUs and storage: $3.50 and 100 GB at $0.001 an hour are $3.60."""
        found = quote(OFFER, DAY, disk=100, upload=10**6, target="0.95")
        fee = cover(SlaTerms(Promise("0.99"), "0.95"), PerHour("3.60")).fee
        assert found.sla_per_hour == fee
        assert found.amount_of(QuotePart.SLA_FEE) == fee.charge(86_400)

    def test_without_a_target_all_is_as_before(self) -> None:
        """No target: no fee, no credit, whatever the host claims."""
        bare = quote(evolve(OFFER, promise=None), DAY, disk=100)
        found = quote(OFFER, DAY, disk=100)
        assert found.lines == bare.lines
        assert (found.payout, found.fee) == (bare.payout, bare.fee)
        assert (found.target, found.sla_per_hour) == (None, None)

    def test_the_platform_takes_nothing_of_it(self) -> None:
        with_, without = quote(OFFER, DAY, target="0.95"), quote(OFFER, DAY)
        fee = with_.amount_of(QuotePart.SLA_FEE)
        assert with_.fee == without.fee == Money(21)
        assert with_.payout - without.payout == fee
        assert with_.payout + with_.fee == with_.total
        assert with_.target == Fraction(95, 100)

    def test_another_schedule(self) -> None:
        dear = SlaRules(fee=StopLossFee(margin=1))
        usual, double = (quote(OFFER, DAY, target="0.95", sla=s) for s in (None, dear))
        assert usual.sla_per_hour is not None
        assert double.sla_per_hour is not None
        assert double.sla_per_hour > usual.sla_per_hour
        (ranked,) = rank_offers(
            [OFFER], DAY, now=datetime(2026, 7, 1, tzinfo=UTC), target="0.95", sla=dear
        ).quotes
        assert ranked == double

    def test_numbers_and_text(self) -> None:
        found = quote(OFFER, DAY, target="0.95")
        assert found.to_dict()["sla_fee"] == pytest.approx(0.9701, abs=1e-4)
        assert "sla_fee" in str(found)

    @pytest.mark.parametrize(
        ("changes", "text"),
        [
            ({"target": "1"}, "target: need a share above 0 and at most 0.99999"),
            ({"target": 0}, "target: need a share above 0 and at most 0.99999"),
            ({"target": "0.995"}, "target: need at most the claim of 0.99, got 0.995"),
            ({"target": "0.9", "mode": Mode.INTERRUPTIBLE}, "target: need none for interruptible"),
            ({"target": "0.9", "mode": Mode.RESERVED}, "target: need none for reserved"),
            ({"target": "0.9", "mode": Mode.RESERVED, "months": 1}, "target: need none for res"),
            ({"sla": SlaRules()}, "sla: need none without a target"),
        ],
    )
    def test_refused(self, changes: dict[str, Any], text: str) -> None:
        with pytest.raises(RuleViolation, match=text):
            quote(OFFER, DAY, **changes)

    def test_of_an_offer_without_a_claim(self) -> None:
        with pytest.raises(RuleViolation, match="target: need an offer with a claim, got one"):
            quote(evolve(OFFER, promise=None), DAY, target="0.9")
        with pytest.raises(WrongType, match="target"):
            quote(OFFER, DAY, target=0.95)  # type: ignore[arg-type]
        with pytest.raises(WrongType, match="sla: need a SlaRules"):
            quote(OFFER, DAY, target="0.9", sla="ours")  # type: ignore[arg-type]

    @pytest.mark.parametrize("mode", [Mode.RESERVED, Mode.INTERRUPTIBLE])
    def test_a_ranking_refuses_it_without_any_offer(self, mode: Mode) -> None:
        now = datetime(2026, 7, 1, tzinfo=UTC)
        with pytest.raises(RuleViolation, match="target: need none for"):
            rank_offers([], DAY, now=now, mode=mode, target="0.95")
        with pytest.raises(RuleViolation, match="sla: need none without a target"):
            rank_offers([], DAY, now=now, sla=SlaRules())

    def test_claims_below_the_target_are_hidden(self) -> None:
        """Search hides offers with c < t."""
        now = datetime(2026, 7, 1, tzinfo=UTC)
        claims = [None, Promise("0.949999999"), Promise("0.95"), Promise("0.96")]
        market = [evolve(OFFER, id=n, promise=each) for n, each in enumerate(claims)]
        ranking = rank_offers(market, DAY, now=now, target="0.95")
        assert [each.offer.id for each in ranking.quotes] == [3, 2]  # a higher claim is cheaper
        assert ranking.counts()[NotRented.CLAIM] == 2
