"""Every figure that the marketplace published of its service level agreements, quoted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest

from numgenius_core.errors import RuleViolation
from numgenius_core.intervals import Interval
from numgenius_core.listing import Mode
from numgenius_core.money import Money
from numgenius_core.rates import PerHour
from numgenius_core.sla import (
    OUR_RULES,
    PARTS,
    ConfidenceBand,
    Outage,
    Promise,
    SlaTerms,
    UptimeHistory,
    cover,
    promised,
    settle,
)
from numgenius_core.sla.terms import rented_terms

DAY = timedelta(days=1)
T0 = datetime(2026, 7, 1, tzinfo=UTC)
TERMS = SlaTerms(Promise("0.99", "0.5"), "0.95")
PRICE = PerHour("3.50")


class TestTerms:
    """The claim, the spread, the confidence and the target."""

    def test_a_claim_of_exactly_1_is_refused(self) -> None:
        """Published: "0 = no SLA, else 0 < c ≤ 0.99999; exactly 1 is refused"."""
        assert promised(0) is None
        assert Promise("0.99999").claim == Fraction(99_999, 100_000)
        for claim in (1, "0.999991", -1, "-0.5"):
            with pytest.raises(RuleViolation):
                promised(claim)

    def test_the_spread(self) -> None:
        """Published: "0.5 if a **new** listing leaves it out"; an existing one keeps it."""
        new = promised("0.99")
        assert new is not None
        assert new.spread == Fraction(1, 2)
        kept = promised("0.98", before=Promise("0.99", 3, max_beta="0.4"))
        assert kept == Promise("0.98", 3, max_beta="0.4")
        assert promised("0.98", "0.1", before=kept) == Promise("0.98", "0.1", max_beta="0.4")
        for spread in (0, "3.000001", -1):
            with pytest.raises(RuleViolation):
                Promise("0.99", spread)

    def test_confidence(self) -> None:
        """Published: "p = 0.6667 is σ = 0.5; high σ ≤ 0.32, medium σ ≤ 0.71, low above"."""
        assert round(float(Promise("0.99", "0.5").confidence), 4) == 0.6667
        assert Promise.of_confidence("0.99", Fraction(2, 3)) == Promise("0.99", "0.5")
        bands = {
            spread: Promise("0.99", spread).band
            for spread in ("0.01", "0.32", "0.320001", "0.71", "0.710001", "3")
        }
        high, medium, low = ConfidenceBand
        assert list(bands.values()) == [high, high, medium, medium, low, low]

    def test_the_target_is_at_most_the_claim(self) -> None:
        """Published: "0 < t ≤ c. Search hides offers with c < t; renting one is refused"."""
        assert SlaTerms(Promise("0.95"), "0.95").target == Fraction(19, 20)
        assert Promise("0.95").meets("0.95")
        assert not Promise("0.95").meets("0.950001")
        with pytest.raises(RuleViolation, match="at most the claim"):
            SlaTerms(Promise("0.95"), "0.950001")

    @pytest.mark.parametrize("mode", [Mode.INTERRUPTIBLE, Mode.RESERVED])
    def test_on_demand_only(self, mode: Mode) -> None:
        """Published: "On demand only: never interruptible, never reserved". No target: no fee."""
        assert rented_terms(Promise("0.99"), "0.95") == SlaTerms(Promise("0.99"), "0.95")
        assert rented_terms(Promise("0.99"), None, mode) is None
        with pytest.raises(RuleViolation, match="an on-demand rental"):
            rented_terms(Promise("0.99"), "0.95", mode)


class TestTheFee:
    """Published: "GPU $3.50/h, c .99, σ .5, t .95 → about $0.04/h ($0.97/day)"."""

    def test_the_anchor(self) -> None:
        fee = OUR_RULES.fee.fee(TERMS, PRICE)
        assert f"{fee:.2f}" == "0.04"
        assert f"{fee.charge(86_400):.2f}" == "0.97"

    def test_much_higher_near_the_claim(self) -> None:
        """Published: "near t = c it is 'much higher'"."""
        near = OUR_RULES.fee.factor(SlaTerms(Promise("0.99"), "0.99"))
        assert near > 30 * OUR_RULES.fee.factor(TERMS)


class TestTheCredit:
    """Published: "c .99, σ .5, t .95, $84/day: blend 97 % → 0; 93–94 % → about 42; ≤ 90 % → 84"."""

    @pytest.mark.parametrize(
        ("blend", "low", "high"),
        [("0.93", 37, 47), ("0.935", 42, 42), ("0.94", 37, 47), ("0.90", 84, 84), ("0.5", 84, 84)],
    )
    def test_by_the_blend(self, blend: str, low: int, high: int) -> None:
        day = PRICE.charge(86_400)
        assert day == Money("84")
        share = OUR_RULES.credit.share_parts(TERMS.target_parts, int(Fraction(blend) * PARTS))
        assert Money(low) <= day.scaled(Fraction(share, PARTS)) <= Money(high)

    def test_nothing_at_97(self) -> None:
        """A steady 97 % is a blend of 97 % in the end, and above the target all along."""
        outages = [
            Outage(period=Interval(T0 + n * DAY, T0 + n * DAY + timedelta(seconds=2_592)))
            for n in range(300)
        ]
        history = UptimeHistory(rentals=(Interval(T0, T0 + 300 * DAY),), outages=tuple(outages))
        settled = settle(cover(TERMS, PRICE), history)
        assert {day.uptime for day in settled.days} == {Fraction(97, 100)}
        last = settled.days[-1].blend
        assert last is not None
        assert abs(last - Fraction(97, 100)) < Fraction(1, 10**6)
        assert settled.credits == Money(0)


class TestTheBlend:
    """Published: "β follows from t ... t = .95 → β = 0.30"; past days soften, or cost."""

    def test_the_weight(self) -> None:
        assert OUR_RULES.blend.weight(Fraction(95, 100)) == Fraction(30, 100)

    def test_good_days_soften_a_bad_one_and_bad_days_cost_on_a_good_one(self) -> None:
        def day_after(down_before: int, down: int) -> Money:
            spans = [(n, down_before) for n in range(60)] + [(60, down)]
            outages = tuple(
                Outage(period=Interval(T0 + n * DAY, T0 + n * DAY + timedelta(seconds=length)))
                for n, length in spans
                if length
            )
            rental = Interval(T0, T0 + 61 * DAY)
            history = UptimeHistory(rentals=(rental,), outages=outages)
            return settle(cover(TERMS, PRICE), history).days[-1].credit

        bad = 86_400 * 8 // 100
        assert day_after(0, bad) == Money(0)  # at 92 %, below the target
        assert day_after(bad, bad) > Money(42)
        assert Money(0) < day_after(bad, 0) < day_after(bad, bad)  # up all day, and a credit


class TestNotice:
    """Announced: "in part ..., more with notice, less the longer the window, never wholly"."""

    def test_more_with_notice_less_with_length_never_all(self) -> None:
        share, hour = OUR_RULES.notice.share_parts, 3_600
        by_notice = [share(n * hour, 2 * hour) for n in (1, 10, 100, 10_000)]
        assert by_notice == sorted(set(by_notice))
        by_length = [share(24 * hour, n * hour) for n in (1, 10, 100)]
        assert by_length == sorted(set(by_length), reverse=True)
        assert max(by_notice) < PARTS

    def test_rescheduling_restarts_the_notice(self) -> None:
        """What counts is the last announcement; one at the start is none."""
        noon = T0 + DAY / 2
        period = Interval(noon, noon + timedelta(hours=1))
        assert Outage(period=period, announced=T0).notice == DAY / 2
        assert Outage(period=period, announced=noon).notice == timedelta()
        assert Outage(period=period).notice == timedelta()
