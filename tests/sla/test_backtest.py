"""Backtests: the API's keys, r_eff and r_be by brute force, and the range that is looked at."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from attrs import frozen
from hypothesis import given, strategies as st

import sla_oracle as slow
from effort import examples
from numgenius_core.errors import RuleViolation, WrongType
from numgenius_core.intervals import Interval
from numgenius_core.money import TICKS_PER_DOLLAR, Money
from numgenius_core.rates import PerHour
from numgenius_core.sla import (
    PARTS,
    Backtest,
    CreditSchedule,
    Outage,
    OutageRate,
    Promise,
    SlaRules,
    UptimeHistory,
    backtest,
    simulate_outages,
)

T0, DAY, HOUR = datetime(2026, 7, 1, tzinfo=UTC), timedelta(days=1), timedelta(hours=1)
PRICE, PROMISE = PerHour("3.50"), Promise("0.99")


def rented(days: int, *lengths: int) -> UptimeHistory:
    """A rental of some days, each with an outage of so many minutes from midnight on."""
    outages = tuple(
        Outage(period=Interval(T0 + n * DAY, T0 + n * DAY + timedelta(minutes=length)))
        for n, length in enumerate(lengths)
        if length
    )
    return UptimeHistory(rentals=(Interval(T0, T0 + days * DAY),), outages=outages)


def oracle_of(tried: Backtest) -> tuple[slow.Promised, list[int]]:
    bought = tried.settlement.cover
    compute, fee = (Fraction(price.steps, 10**12) for price in (bought.compute, bought.fee))
    promised = slow.Promised(bought.terms.target, compute, fee, bought.platform_fee)
    return promised, [day.intended for day in tried.settlement.days if day.intended]


@st.composite
def trials(draw: st.DrawFn) -> Backtest:
    lengths = draw(st.lists(st.sampled_from([0, 0, 5, 60, 150, 600, 1_440]), max_size=6))
    days = draw(st.integers(max(1, len(lengths)), 7))
    promise = Promise(
        draw(st.sampled_from(["0.9", "0.99", "0.999"])), draw(st.sampled_from([1, 3]))
    )
    target = draw(st.none() | st.sampled_from(["0.9", "0.8", "0.3"]))
    fee = draw(st.sampled_from([Fraction(0), Fraction(1, 4)]))
    return backtest(rented(days, *lengths), PRICE, promise, target=target, platform_fee=fee)


class TestTheConstants:
    """Published: r_eff "would have paid the same credits", at r_be "fees and credits cancel"."""

    @examples(20)
    @given(trials())
    def test_a_brute_force_finds_the_same(self, tried: Backtest) -> None:
        promised, days = oracle_of(tried)
        fees = Fraction(tried.settlement.fees.ticks, TICKS_PER_DOLLAR)
        paid = Money.sum(day.escrow_to_client for day in tried.settlement.days)
        credits_ = Fraction(paid.ticks, TICKS_PER_DOLLAR)

        def cost(uptime: Fraction) -> Fraction:
            return slow.constant_credits(promised, days, uptime)

        grid = [Fraction(n, 50) for n in range(51)]
        costs = [cost(each) for each in grid]
        assert all(a >= b for a, b in pairwise(costs))  # credits never grow with uptime
        step, finest = Fraction(1, 50), Fraction(1, PARTS)
        r_eff, r_be = tried.r_eff, tried.r_be
        assert r_eff is not None
        assert r_be is not None
        # the coarse grid brackets it, and one billionth more would not pay the fees
        enough = [each for each, found in zip(grid, costs, strict=True) if found >= fees]
        assert enough[-1] <= r_be < enough[-1] + step
        assert cost(r_be) >= fees > (cost(r_be + finest) if r_be < 1 else -1)
        same = [each for each, found in zip(grid, costs, strict=True) if found == credits_]
        if credits_ == 0:
            assert cost(r_eff) == 0
            mean = tried.mean
            assert mean is not None
            nearest = slow.half_even(max(mean, promised.target))
            assert r_eff == nearest
        elif same:
            assert cost(r_eff) == credits_
        else:  # between two billionths
            near = sorted((cost(r_eff - finest), cost(r_eff), cost(r_eff + finest)), reverse=True)
            assert near[0] >= credits_ >= near[2]

    @given(trials())
    def test_the_net_is_above_zero_iff_r_eff_is_above_r_be(self, tried: Backtest) -> None:
        assert tried.r_eff is not None
        assert tried.r_be is not None
        assert (tried.net > Money(0)) == (tried.r_eff > tried.r_be)

    def test_of_a_steady_machine_r_eff_is_its_uptime(self) -> None:
        steady = backtest(rented(30, *[43] * 30), PRICE, PROMISE)  # 97 % a day, target 99 %
        assert steady.r_eff is not None
        assert steady.mean is not None
        assert abs(steady.r_eff - Fraction(1_440 - 43, 1_440)) < Fraction(1, 10**8)
        assert abs(steady.mean - Fraction(1_440 - 43, 1_440)) < Fraction(1, 10**8)

    def test_without_anything_paid_in_there_are_none(self) -> None:
        """Published: "null when nothing was paid in"."""
        for tried in (
            backtest(UptimeHistory(rentals=()), PRICE, PROMISE),
            backtest(rented(2), PerHour(0), PROMISE),
            backtest(rented(2), PRICE, PROMISE, end=T0 - DAY),
        ):
            assert (tried.r_eff, tried.r_be) == (None, None)
        assert not backtest(UptimeHistory(rentals=()), PRICE, PROMISE).has_data

    def test_a_credit_in_one_step_keeps_the_sign_of_the_net(self) -> None:
        @frozen
        class Step(CreditSchedule):
            most: int = PARTS

            def share_parts(self, target_parts: int, blend_parts: int) -> int:
                return self.most if blend_parts < target_parts else 0

        def tried(most: int, days: int) -> Backtest:
            rules = SlaRules(credit=Step(most))
            return backtest(rented(days, 1_440), PRICE, PROMISE, target="0.95", rules=rules)

        # What one bad day of three cost, no constant uptime would have: all days, or none.
        for most, days in ((PARTS, 3), (PARTS // 10**3, 3), (PARTS // 10**3, 30)):
            found = tried(most, days)
            assert found.r_eff is not None
            if found.r_be is not None:
                assert (found.net > Money(0)) == (found.r_eff > found.r_be)
        assert tried(PARTS // 10**3, 30).r_be is None  # nothing costs the fees

        # A hundred days of $84 with $0.97 of fee each, the last one dead: $97 came in, $84 went
        # back, less than the fees and more than nothing, which a constant uptime pays at the step.
        found = backtest(
            rented(100, *[0] * 99, 1_440),
            PRICE,
            PROMISE,
            target="0.95",
            days=100,
            rules=SlaRules(credit=Step()),
        )
        assert f"{found.net:.2f}" == "13.01"
        assert found.r_eff is not None
        assert found.r_be is not None
        assert found.r_eff > found.r_be


class TestTheRecord:
    """The answer of the API, key by key."""

    def test_keys_and_sums(self) -> None:
        tried = backtest(rented(3, 0, 300), PRICE, PROMISE, target="0.95")
        record = tried.record()
        assert list(record) == [
            "has_data",
            "r_eff",
            "r_be",
            "days",
            "params",
            "spread",
            "net",
            "gain",
            "worst_day_credit",
            "worst_day_by_host",
            "ignored_seconds",
        ]
        assert record["params"] == {
            "r_claim": 0.99,
            "r_target": 0.95,
            "p": 0.666666667,
            "beta": 0.3,
        }
        assert record["spread"] == 0.5
        flows = {
            key: sum((Decimal(day[key]) for day in record["days"]), Decimal(0))
            for key in record["days"][0]
            if "_to_" in key
        }
        assert list(flows) == [
            "client_compute_to_escrow",
            "client_premium_to_escrow",
            "escrow_to_client_balance",
            "escrow_to_host_balance",
        ]
        into = flows["client_compute_to_escrow"] + flows["client_premium_to_escrow"]
        out = flows["escrow_to_client_balance"] + flows["escrow_to_host_balance"]
        assert abs(into - out) < Decimal("1e-9")
        fees = flows["client_premium_to_escrow"]
        assert abs(fees - flows["escrow_to_client_balance"] - Decimal(record["net"])) < Decimal(
            "1e-9"
        )
        assert [day["reliability"] for day in record["days"]] == [1.0, 0.791666667, 1.0]
        assert [day["blend"] for day in record["days"]] == [
            round(float(day.blend or 0), 9) for day in tried.settlement.days
        ]
        assert record["worst_day_credit"] == "76.96499916"
        assert Decimal(record["gain"]) == Decimal(record["net"]) + Decimal("17.50")  # 5 h, billed
        assert record["has_data"] is True

    def test_a_credit_is_of_the_clients_price_and_the_host_pays_its_part(self) -> None:
        tried = backtest(rented(3, 0, 1_440), PRICE, PROMISE, target="0.95", platform_fee="0.25")
        record = tried.record()
        dead = record["days"][1]
        assert (dead["client_credit"], dead["escrow_to_client_balance"]) == ("84.00", "63.00")
        assert (record["worst_day_credit"], record["worst_day_by_host"]) == ("84.00", "63.00")
        head, row = (str(tried).splitlines()[index] for index in (1, 3))
        assert head.endswith("credit $  by host $  to host $")
        assert row.split()[5:7] == ["84.00", "63.00"]

    def test_without_rental(self) -> None:
        record = backtest(rented(1), PRICE, PROMISE, end=T0 + 2 * DAY, days=1).record()
        (day,) = record["days"]
        assert day["reliability"] is None
        assert (record["has_data"], record["r_eff"], record["net"]) == (False, None, "0.00")
        assert record["worst_day_credit"] == "0.00"

    def test_the_target_defaults_to_the_claim(self) -> None:
        assert backtest(rented(1), PRICE, PROMISE).settlement.cover.terms.target == PROMISE.claim


class TestTheRange:
    """Published: "up to 366 days, default 90 before the end"."""

    def days(self, history: UptimeHistory, **words: Any) -> tuple[int, str, str]:
        days = backtest(history, PRICE, PROMISE, **words).settlement.days
        return len(days), f"{days[0].day:%Y-%m-%d}", f"{days[-1].day:%Y-%m-%d}"

    def test_ninety_days_before_an_end(self) -> None:
        history = rented(200)
        assert self.days(history, end=T0 + 100 * DAY) == (90, "2026-07-11", "2026-10-08")
        assert self.days(history, end=T0 + 100 * DAY + timedelta(seconds=1))[2] == "2026-10-09"
        assert self.days(history, end=T0 + 100 * DAY, days=1) == (1, "2026-10-08", "2026-10-08")
        assert self.days(history, days=2) == (2, "2027-01-15", "2027-01-16")

    def test_ninety_days_before_the_last_rental(self) -> None:
        for days in (90, 91, 366, 367, 800):
            assert self.days(rented(days))[0] == 90
        assert self.days(rented(800), days=366)[0] == 366
        assert self.days(rented(3)) == (3, "2026-07-01", "2026-07-03")
        noon = T0 + DAY / 2
        history = UptimeHistory(rentals=(Interval(noon, noon + DAY),))
        assert self.days(history) == (2, "2026-07-01", "2026-07-02")

    @pytest.mark.parametrize(
        ("words", "down", "ignored"),
        [
            ({}, 2, 1 + 3),  # all of the rentals: of the whole file
            ({"days": 10}, 2, 1 + 2),  # an hour before the last rental, and two after it
            ({"days": 3}, 2, 1 + 2),
            ({"days": 2}, 2, 2),
            ({"days": 1}, 0, 2),
            ({"end": T0 + DAY}, 0, 1),
            ({"end": T0 + DAY, "days": 1}, 0, 0),
            ({"end": T0 - 20 * DAY, "days": 1}, 0, 0),
        ],
    )
    def test_outages_are_told_of_these_days(
        self, words: dict[str, Any], down: int, ignored: int
    ) -> None:
        """Ten days before the first rental, and around the start and the end of the second."""
        rentals = [Interval(T0, T0 + DAY), Interval(T0 + 18 * DAY, T0 + 19 * DAY + 12 * HOUR)]
        hours = [(-240, -239), (18 * 24 - 1, 18 * 24 + 2), (19 * 24 + 12, 19 * 24 + 14)]
        outages = [Outage(period=Interval(T0 + a * HOUR, T0 + b * HOUR)) for a, b in hours]
        history = UptimeHistory(rentals=rentals, outages=outages)
        settled = backtest(history, PRICE, PROMISE, **words).settlement
        assert (settled.down_seconds, settled.ignored_seconds) == (down * 3_600, ignored * 3_600)

    def test_of_a_history_that_is_cut_to_ninety_days_too(self) -> None:
        before = Outage(period=Interval(T0 - 2 * HOUR, T0 + 3 * HOUR))
        for days, down, ignored in ((90, 3, 2), (91, 0, 0)):
            history = UptimeHistory(rentals=rented(days).rentals, outages=[before])
            settled = backtest(history, PRICE, PROMISE).settlement
            told = settled.down_seconds, settled.ignored_seconds
            assert told == (down * 3_600, ignored * 3_600)

    def test_above_366_days_is_refused(self) -> None:
        for days in (0, 367):
            with pytest.raises(RuleViolation):
                backtest(rented(3), PRICE, PROMISE, days=days)
        with pytest.raises(RuleViolation, match="time zone"):
            backtest(rented(3), PRICE, PROMISE, end=datetime(2026, 7, 2))  # noqa: DTZ001
        for early in (datetime(1, 1, 1, tzinfo=UTC), datetime(1, 1, 5, tzinfo=UTC)):
            with pytest.raises(RuleViolation, match="end: need an instant after its days"):
                backtest(rented(3), PRICE, PROMISE, end=early)

    def test_what_is_no_history(self) -> None:
        with pytest.raises(WrongType):
            backtest("no", PRICE, PROMISE)  # type: ignore[arg-type]
        with pytest.raises(RuleViolation, match="at most the claim"):
            backtest(rented(3), PRICE, PROMISE, target="0.995")

    def test_it_prints_as_its_settlement(self) -> None:
        tried = backtest(rented(3), PRICE, PROMISE)
        assert str(tried).startswith(f"{tried.settlement}\n")
        first, *_ = tried.to_dicts()
        assert (first["day"], first["compute"], first["uptime"]) == (T0, 84, 1)


class TestSimulatedHistories:
    """A long history: r_eff and the mean are near each other where days are alike."""

    def test_many_small_outages_are_a_constant_uptime(self) -> None:
        rate = OutageRate(per_day=24, length=timedelta(minutes=2))
        history = simulate_outages(Interval(T0, T0 + 200 * DAY), rate)
        tried = backtest(history, PRICE, Promise("0.98"))
        assert tried.r_eff is not None
        assert tried.mean is not None
        assert abs(tried.r_eff - tried.mean) < Fraction(1, 500)
