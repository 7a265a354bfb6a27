"""What the evidence says: intervals against tables, and how often they hold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest

from numgenius_core.errors import RuleViolation, WrongType
from numgenius_core.intervals import Interval
from numgenius_core.money import Money
from numgenius_core.rates import PerHour
from numgenius_core.sla import (
    Outage,
    OutageRate,
    Promise,
    SlaTerms,
    UptimeHistory,
    advise_promise,
    cover,
    estimate_uptime,
    simulate_outages,
    simulate_promise,
    sustainable_claim,
)
from numgenius_core.sla.evidence import _gamma_quantile, _gamma_share

T0, DAY = datetime(2026, 7, 1, tzinfo=UTC), timedelta(days=1)
HOUR = timedelta(hours=1)


def with_outages(days: int, count: int, length: timedelta = HOUR) -> UptimeHistory:
    """A rental with outages of one length, evenly spaced."""
    gap = days * DAY // (count + 1)
    starts = (T0 + timedelta(seconds=int(gap.total_seconds()) * (n + 1)) for n in range(count))
    outages = tuple(Outage(period=Interval(at, at + length)) for at in starts)
    return UptimeHistory(rentals=(Interval(T0, T0 + days * DAY),), outages=outages)


class TestTheInterval:
    """For outages of one length it is the exact interval of a Poisson count."""

    @pytest.mark.parametrize(
        ("count", "low", "high"),  # 95 %, as statistical tables have them
        [
            (0, 0, 3.689),
            (1, 0.0253, 5.572),
            (2, 0.2422, 7.225),
            (5, 1.623, 11.668),
            (10, 4.795, 18.390),
            (50, 37.11, 65.92),
            (100, 81.36, 121.63),
        ],
    )
    def test_against_the_tables(self, count: int, low: float, high: float) -> None:
        found = estimate_uptime(with_outages(300, count))
        hours = 300 * 24
        assert (1 - found.uptime) * hours == count
        assert float(1 - found.high) * hours == pytest.approx(low, abs=0.006)
        assert float(1 - found.low) * hours == pytest.approx(high, abs=0.006)
        assert found.outages == count

    @pytest.mark.parametrize(
        ("shape", "x", "share"),
        [
            (1, 1, 0.6321205588),
            (1, 0.1, 0.0951625820),
            (5, 5, 0.5595067149),
            (0.5, 4, 0.9953222650),
        ],
    )
    def test_the_gamma_law(self, shape: float, x: float, share: float) -> None:
        assert _gamma_share(x, shape) == pytest.approx(share, abs=1e-10)
        assert _gamma_quantile(share, shape) == pytest.approx(x, rel=1e-7)
        assert _gamma_share(0, shape) == 0

    def test_uneven_outages_make_it_wider(self) -> None:
        even = estimate_uptime(with_outages(300, 10))
        mixed = [Outage(period=Interval(T0 + n * DAY, T0 + n * DAY + HOUR / 10)) for n in range(9)]
        mixed.append(Outage(period=Interval(T0 + 20 * DAY, T0 + 20 * DAY + HOUR * 91 / 10)))
        uneven = estimate_uptime(
            UptimeHistory(rentals=(Interval(T0, T0 + 300 * DAY),), outages=tuple(mixed))
        )
        assert uneven.uptime == even.uptime
        assert uneven.low < even.low < even.uptime < even.high < uneven.high

    def test_it_holds_as_often_as_it_says(self) -> None:
        rate = OutageRate(per_day="0.2", length=3 * HOUR)
        rental = Interval(T0, T0 + 90 * DAY)
        held = 0
        for seed in range(100):
            found = estimate_uptime(simulate_outages(rental, rate, seed=seed), confidence="0.9")
            held += found.low <= rate.uptime <= found.high
        assert 86 <= held <= 100  # nine of ten, and it is known to be careful

    def test_outages_by_their_length(self) -> None:
        minutes = (0.5, 1, 9, 10, 59, 60, 359, 360, 1_439, 1_440)
        outages = tuple(
            Outage(period=Interval(T0 + 3 * n * DAY, T0 + 3 * n * DAY + timedelta(minutes=length)))
            for n, length in enumerate(minutes)
        )
        found = estimate_uptime(
            UptimeHistory(rentals=(Interval(T0, T0 + 90 * DAY),), outages=outages)
        )
        assert [band.count for band in found.bands] == [1, 2, 2, 2, 2, 1]
        assert sum(band.seconds for band in found.bands) == 60 * sum(minutes)
        longest = {"name": "a day or more", "count": 1, "seconds": 86_400, "uptime": 89 / 90}
        assert found.to_dicts()[5] == longest
        lines = str(found).splitlines()
        assert lines[0].startswith("uptime 97.1")
        assert lines[0].endswith("of 90.0 rented days")
        assert len(lines) == 2 + 6 + 10  # a heading, the bands, the ten days

    def test_outages_by_their_day(self) -> None:
        """Issue: "by day and by length of outage"; of a day that was rented in part, its part."""
        rentals = (Interval(T0, T0 + 5 * DAY), Interval(T0 + 6 * DAY + 18 * HOUR, T0 + 7 * DAY))
        outages = tuple(
            Outage(period=Interval(T0 + timedelta(hours=a), T0 + timedelta(hours=b)))
            for a, b in ((2, 3), (5, 6), (47, 50), (163, 166), (96, 97), (121, 130))
        )
        found = estimate_uptime(UptimeHistory(rentals=rentals, outages=outages))
        assert [(day.name, day.count, day.seconds, day.uptime) for day in found.days] == [
            ("2026-07-07", 1, 3 * 3_600, Fraction(1, 2)),  # three of six hours
            ("2026-07-01", 2, 2 * 3_600, Fraction(22, 24)),
            ("2026-07-03", 1, 2 * 3_600, Fraction(22, 24)),  # from the day before on
            ("2026-07-02", 1, 1 * 3_600, Fraction(23, 24)),
            ("2026-07-05", 1, 1 * 3_600, Fraction(23, 24)),
        ]
        assert [row["name"] for row in found.to_dicts()[6:]] == [day.name for day in found.days]
        assert estimate_uptime(with_outages(30, 0)).days == ()

    def test_an_outage_until_midnight_is_none_of_the_day_after(self) -> None:
        until, after = Interval(T0 + 23 * HOUR, T0 + DAY), Interval(T0 + 30 * HOUR, T0 + 31 * HOUR)
        history = UptimeHistory(
            rentals=(Interval(T0, T0 + 2 * DAY),),
            outages=(Outage(period=until), Outage(period=after)),
        )
        assert [(day.name, day.count) for day in estimate_uptime(history).days] == [
            ("2026-07-01", 1),
            ("2026-07-02", 1),
        ]

    def test_the_table_has_the_ten_worst_days(self) -> None:
        found = estimate_uptime(with_outages(30, 12))
        assert (len(found.days), len(found.table().rows)) == (12, 6 + 10)

    def test_what_is_refused(self) -> None:
        history = with_outages(10, 1)
        with pytest.raises(RuleViolation, match="at least one rental"):
            estimate_uptime(UptimeHistory(rentals=()))
        for confidence in (0, 1, "1.5"):
            with pytest.raises(RuleViolation):
                estimate_uptime(history, confidence=confidence)
        with pytest.raises(RuleViolation):
            sustainable_claim(history, unseen=timedelta(0))
        with pytest.raises(WrongType):
            sustainable_claim("no")  # type: ignore[arg-type]


class TestTheClaim:
    """Issue: "what claim can be sustained at a chosen risk"."""

    def test_of_a_machine_that_was_never_down(self) -> None:
        """The rule of three: at 95 %, about 3 outages may hide in the time."""
        claim = sustainable_claim(with_outages(90, 0))
        assert claim == Fraction(int((1 - 2.9957 / 2_160) * 10**5), 10**5)
        assert sustainable_claim(with_outages(90, 0), risk="0.5") > claim  # type: ignore[operator]
        longer = sustainable_claim(with_outages(90, 0), unseen=6 * HOUR)
        assert longer is not None
        assert claim is not None
        assert longer < claim

    def test_is_five_decimals_and_never_one(self) -> None:
        assert sustainable_claim(with_outages(90, 0), unseen=timedelta(seconds=1)) == Fraction(
            99_999, 100_000
        )

    def test_none_of_a_machine_that_is_down_all_day(self) -> None:
        assert sustainable_claim(with_outages(1, 1, DAY / 3), risk="0.01") is None


class Array(list[Any]):
    """A series that is neither true nor false, as those of NumPy and pandas are."""

    def __bool__(self) -> bool:
        raise ValueError


class TestAdvice:
    """Issue: "does offering it pay, at which claim and spread"."""

    def test_a_good_machine_offers(self) -> None:
        advice = advise_promise(with_outages(90, 2, HOUR / 6), PerHour("3.50"))
        assert advice.best is not None
        assert advice.best == advice.tried[0]
        assert advice.sustained is not None
        gains = [each.gain for each in advice.tried]
        assert gains == sorted(gains, reverse=True)
        down = PerHour("3.50").charge(2 * 600)  # two outages of ten minutes
        assert {each.gain - each.net for each in advice.tried} == {down}
        limit = PerHour("3.50").scaled(Fraction(5, 100))
        for each in advice.tried:
            promise = each.cover.terms.promise
            assert advice.target <= promise.claim <= advice.sustained
            assert each.cover.fee <= limit
        assert advice.unsold > 0
        first = advice.to_dicts()[0]
        assert (first["gain"], first["band"]) == (
            float(gains[0]),
            advice.best.cover.terms.promise.band.value,
        )
        assert first["fee_per_hour"] == float(advice.best.cover.fee)
        text = str(advice).splitlines()
        assert text[0].startswith("target 0.95; the evidence sustains a claim of 0.99")

    def test_a_bad_machine_does_not(self) -> None:
        advice = advise_promise(with_outages(60, 20, 4 * HOUR), PerHour(1), target="0.5")
        assert advice.best is None or advice.best.gain > Money(0)
        hopeless = advise_promise(with_outages(1, 1, DAY / 3), PerHour(1), risk="0.01")
        with pytest.raises(RuleViolation, match="platform_fee: need"):  # also where none is tried
            advise_promise(with_outages(1, 1, DAY / 3), PerHour(1), risk="0.01", platform_fee=2)
        assert hopeless.best is None
        assert hopeless.tried == ()
        assert "a claim of none" in str(hopeless)

    @pytest.mark.parametrize("made", [list, iter, Array])
    def test_what_is_given_is_tried_and_nothing_else(self, made: Any) -> None:
        claims, spreads = made(["0.98", "0.99"]), made(["1"])
        advice = advise_promise(
            with_outages(90, 0), PerHour(1), claims=claims, spreads=spreads, most_fee=1
        )
        tried = {each.cover.terms.promise.claim for each in advice.tried}
        assert tried == {Fraction(98, 100), Fraction(99, 100)}
        assert {each.cover.terms.promise.spread for each in advice.tried} == {1}

    @pytest.mark.parametrize("made", [list, iter, Array])
    def test_no_claim_and_no_spread_are_refused(self, made: Any) -> None:
        for name in ("claims", "spreads"):
            empty: Any = {name: made([])}
            with pytest.raises(RuleViolation) as fault:
                advise_promise(with_outages(90, 0), PerHour(1), **empty)
            assert str(fault.value) == f"{name}: need at least one to try, got none"

    def test_a_bad_history_does_not_pay(self) -> None:
        losing = advise_promise(
            with_outages(90, 60, 2 * HOUR), PerHour(1), target="0.9", most_fee=1, risk="0.4"
        )
        assert all(each.gain <= Money(0) for each in losing.tried) == (losing.best is None)


class TestSimulatedOutages:
    """Issue: "simulate outages with stated rates"."""

    def test_the_rates_come_out(self) -> None:
        rate = OutageRate(per_day=2, length=HOUR, announced="0.25", notice=2 * DAY)
        history = simulate_outages(Interval(T0, T0 + 1_000 * DAY), rate, seed=3)
        share = 1 - Fraction(history.down_seconds, history.rented_seconds)
        assert float(share) == pytest.approx(float(rate.uptime), abs=0.008)
        told = [outage for outage in history.outages if outage.announced is not None]
        assert len(told) / len(history.outages) == pytest.approx(0.25, abs=0.03)
        assert {outage.notice for outage in told} == {rate.notice}
        assert history.ignored_seconds == 0

    def test_no_outages(self) -> None:
        rate = OutageRate(per_day=0, length=HOUR)
        assert simulate_outages(Interval(T0, T0 + DAY), rate).outages == ()
        assert rate.uptime == 1

    @pytest.mark.parametrize("per_day", ["0.000001", "0.00000000000001", Fraction(1, 10**190)])
    def test_a_rare_outage_is_beyond_the_rental(self, per_day: Any) -> None:
        rental = Interval(T0, T0 + 90 * DAY)
        rate = OutageRate(per_day=per_day, length=HOUR, announced=1)
        assert [simulate_outages(rental, rate, seed=seed).outages for seed in range(5)] == [()] * 5
        bought = cover(SlaTerms(Promise("0.99"), "0.95"), PerHour("3.50"))
        assert simulate_promise(bought, rental, rate).mean == bought.fee.charge(90 * 86_400)

    def test_one_that_lasts_for_ages_ends_with_the_rental(self) -> None:
        rental = Interval(T0, T0 + 90 * DAY)
        rate = OutageRate(per_day=1, length=timedelta.max - timedelta(microseconds=999_999))
        [outage] = simulate_outages(rental, rate, seed=1).outages
        assert outage.period.end == rental.end

    def test_a_notice_from_before_the_calendar_is_refused(self) -> None:
        rental = Interval(T0, T0 + 90 * DAY)
        rate = OutageRate(per_day=1, length=HOUR, announced=1, notice=timedelta(days=10**6))
        with pytest.raises(RuleViolation, match=r"^notice: need a time from"):
            simulate_outages(rental, rate, seed=1)
        never = OutageRate(per_day=1, length=HOUR, announced=0, notice=timedelta(days=10**6))
        assert simulate_outages(rental, never, seed=1).outages

    def test_the_outlook(self) -> None:
        bought = cover(SlaTerms(Promise("0.99"), "0.95"), PerHour("3.50"))
        month = Interval(T0, T0 + 30 * DAY)
        rates = [OutageRate(per_day=rate, length=2 * HOUR) for rate in (0, "0.1", 3)]
        good, fair, bad = (simulate_promise(bought, month, rate, runs=20) for rate in rates)
        assert good.mean == bought.fee.charge(30 * 86_400)
        assert good.losing == 0
        assert bad.losing == 1
        assert good.mean > fair.mean > bad.mean
        assert (good.credits, good.worst_day_credit) == (Money(0), Money(0))
        assert bad.worst_day_credit == Money(84)
        assert bad.to_dicts()[0]["losing"] == 1
        assert len(str(fair).splitlines()) == 12
        assert simulate_promise(bought, month, rates[1], runs=20) == fair

    def test_what_is_refused(self) -> None:
        for call in (
            lambda: OutageRate(per_day=-1, length=HOUR),
            lambda: OutageRate(per_day=1_001, length=HOUR),
            lambda: OutageRate(per_day=1, length=timedelta(0)),
            lambda: OutageRate(per_day=1, length=HOUR, announced=2),
            lambda: simulate_outages(
                Interval(T0, T0 + DAY), OutageRate(per_day=1, length=HOUR), seed=-1
            ),
            lambda: simulate_outages("no", OutageRate(per_day=1, length=HOUR)),  # type: ignore[arg-type]
            lambda: simulate_outages(Interval(T0, T0 + DAY), "no"),  # type: ignore[arg-type]
        ):
            with pytest.raises(RuleViolation):
                call()
