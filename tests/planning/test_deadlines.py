"""The cheapest way to get work done by a deadline."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, strategies as st

from effort import examples
from numgenius_core.errors import RuleViolation, WrongType
from numgenius_core.listing import Mode
from numgenius_core.money import Money
from numgenius_core.planning import DeadlineOption, DeadlinePlan, Pays, PriceSeries, meet_deadline
from numgenius_core.prices import CurveSchedule, ReservedSchedule
from numgenius_core.rates import PerHour
from price_records import HOUR, any_series, series

SECOND = timedelta(seconds=1)


def plan(found: PriceSeries, **changes: Any) -> DeadlinePlan:
    """Return the ways for one GPU-hour within three hours, on demand $1."""
    facts: dict[str, Any] = {
        "gpu_hours": 1,
        "gpus": 1,
        "deadline": 3 * HOUR,
        "on_demand": PerHour(1),
        "bids": [],
    }
    return meet_deadline(found, **(facts | changes))


def bidding(found: PriceSeries, bid: str, **changes: Any) -> DeadlineOption:
    ways = plan(found, bids=[PerHour(bid)], **changes).ways
    return next(way for way in ways if way.mode is Mode.INTERRUPTIBLE)


class TestTheSureWays:
    """On demand and reserved run at once, whatever the price series does."""

    def test_on_demand(self) -> None:
        (way,) = plan(series("1", "1", "1"), storage=PerHour("0.10")).ways
        assert (way.mean, way.worst, way.seconds) == (Money("1.10"), Money("1.10"), Fraction(3_600))

    def test_reserved_prepays_just_the_work(self) -> None:
        long = series("1", every=timedelta(days=40))
        found = plan(
            long, gpu_hours=1_440, gpus=2, deadline=timedelta(days=30), schedule=CurveSchedule()
        )
        assert found.best.mode is Mode.RESERVED
        assert found.best.mean == Money(576)  # published: a month at $1 is $576, not $720

    @pytest.mark.parametrize("said", [0.0, Fraction(-1, 10), Fraction(1)])
    def test_a_schedule_that_says_no_share(self, said: Any) -> None:
        class Mine(ReservedSchedule):
            def discount(self, months: object) -> Any:  # noqa: ARG002 - as the kind has it
                return said

            def months(self, price: object, deposit: Money) -> Fraction:  # noqa: ARG002
                return Fraction(deposit.ticks)

        with pytest.raises((WrongType, RuleViolation), match=r"Mine\.discount"):
            plan(series("1", "1", "1", "1"), schedule=Mine())

    def test_gpu_hours_are_spread_over_the_gpus(self) -> None:
        assert plan(series("1", "1", "1"), gpu_hours=10, gpus=7).work == 5_143  # 5,142.86 s


class TestBidding:
    """It waits while it is outbid, pays for restarts, and goes on on demand in the end."""

    def test_it_pays_its_bid_here_and_the_price_on_a_cloud(self) -> None:
        cheap = series("0.20", "0.20", "0.20")
        assert bidding(cheap, "0.50").mean == Money("0.50")
        assert bidding(cheap, "0.50", pays=Pays.PRICE).mean == Money("0.20")

    def test_it_waits(self) -> None:
        way = bidding(series("9", "0.20", "0.20"), "0.20")
        assert (way.mean, way.seconds, way.interruptions) == (
            Money("0.20"),
            Fraction(7_200),
            Fraction(0),
        )
        assert way.fallbacks == 0

    def test_storage_is_paid_while_it_waits(self) -> None:
        way = bidding(series("9", "0.20", "0.20"), "0.20", storage=PerHour("0.10"))
        assert way.mean == Money("0.40")

    def test_an_interruption_costs_a_restart(self) -> None:
        jumpy = series("0.20", "9", "0.20", "0.20", "0.20", every=HOUR / 2)
        way = bidding(jumpy, "0.20", deadline=HOUR * 5 / 2, restart=HOUR / 4)
        # Half an hour, a pause, the other half and a quarter of an hour again.
        assert (way.mean, way.seconds) == (Money("0.25"), Fraction(6_300))
        assert way.interruptions == 1

    def test_it_falls_back_when_it_can_wait_no_longer(self) -> None:
        way = bidding(series("9", "9", "9"), "0.20")
        assert (way.mean, way.seconds, way.fallbacks) == (Money(1), Fraction(10_800), Fraction(1))

    def test_it_keeps_a_restart_in_hand(self) -> None:
        way = bidding(series("9", "9", "9"), "0.20", restart=HOUR / 2)
        assert way.seconds == 3_600 * 5 // 2

    def test_it_does_not_begin_what_an_interruption_would_spoil(self) -> None:
        way = bidding(series("0.20"), "0.20", deadline=HOUR, restart=SECOND)
        assert (way.mean, way.fallbacks) == (Money(1), Fraction(1))

    def test_an_interruption_may_use_up_what_it_kept(self) -> None:
        way = bidding(series("0.20", "9", every=HOUR / 2), "0.20", deadline=HOUR, restart=SECOND)
        assert way.mean == Money(1)
        jumpy = series("0.20", "9", "9", "9", every=HOUR / 2)
        way = bidding(jumpy, "0.20", deadline=HOUR * 3 / 2, restart=HOUR / 2)
        # It runs half an hour; the other half and the restart run on demand, just in time.
        assert (way.mean, way.seconds, way.fallbacks) == (
            Money("1.10"),
            Fraction(5_400),
            Fraction(1),
        )

    def test_every_start_counts(self) -> None:
        way = bidding(series("0.20", "9", "9", "9"), "0.20", deadline=HOUR, every=HOUR)
        assert (way.mean, way.worst, way.fallbacks) == (Money("0.80"), Money(1), Fraction(3, 4))

    def test_it_says_how_many_cases_it_stands_on(self) -> None:
        """Starts nearer than the deadline overlap: nine hours have three windows of three."""
        found = plan(series(*["0.20"] * 9), bids=["0.20"], deadline=3 * HOUR, every=HOUR / 2)
        assert (found.starts, found.windows, found.limit) == (13, 3, 3 * 3_600)
        assert str(found).startswith("3h to do it in; starts: 13, windows that do not overlap: 3\n")
        assert [(row["starts"], row["windows"]) for row in found.to_dicts()] == [(13, 3)] * 2

    def test_the_cheapest_comes_first(self) -> None:
        found = plan(series("0.2", "0.2", "0.2"), bids=[PerHour("0.5"), PerHour("0.3")])
        assert [way.bid for way in found.ways] == [PerHour("0.3"), PerHour("0.5"), None]
        assert str(found).splitlines()[2].startswith("interruptible at 0.30")
        assert found._repr_html_().startswith("<table>")

    @examples(200)
    @given(
        any_series(),
        st.integers(0, 4),
        st.integers(1, 40),
        st.integers(0, 60),
        st.integers(0, 15),
        st.sampled_from(Pays),
    )
    def test_it_is_what_living_second_by_second_gives(
        self, found: PriceSeries, bid: int, gpus: int, slack: int, restart: int, pays: Pays
    ) -> None:
        work = -(-3_600 // (gpus * 100))  # of one GPU-hour on many GPUs
        limit = work + slack
        if limit > found.seconds[-1]:
            return
        way = meet_deadline(
            found,
            gpu_hours=1,
            gpus=gpus * 100,
            deadline=limit * SECOND,
            on_demand=PerHour(3),
            bids=[PerHour(bid)],
            restart=restart * SECOND,
            pays=pays,
            every=SECOND * 7,
        )
        starts = range(0, found.seconds[-1] - limit + 1, 7)
        lived = [slowly(found, bid, work, limit, restart, pays, start) for start in starts]
        (mine,) = [one for one in way.ways if one.mode is Mode.INTERRUPTIBLE]
        costs = [PerHour(1).charge(units) for units, _, _ in lived]
        assert mine.worst == max(costs)
        assert abs(mine.mean.ticks * len(costs) - Money.sum(costs).ticks) <= len(costs)
        assert mine.seconds == Fraction(sum(seconds for _, seconds, _ in lived), len(lived))
        assert mine.interruptions == Fraction(sum(stops for _, _, stops in lived), len(lived))
        assert all(seconds <= limit for _, seconds, _ in lived)


def slowly(
    found: PriceSeries, bid: int, work: int, limit: int, restart: int, pays: Pays, start: int
) -> tuple[int, int, int]:
    """Return dollar-seconds per hour, time and interruptions, a decision each second."""
    holds = []
    for price, begin, end in zip(found.prices, found.seconds, found.seconds[1:], strict=False):
        holds += [price.steps // 10**12] * (end - begin)
    left, cost, stops, ran, demand = work, 0, 0, False, False
    now = start
    while left:
        now_at = holds[now] if now < len(holds) else 0
        if not demand and ran and now_at > bid:
            stops, left, ran = stops + 1, left + restart, False
        slack = start + limit - now - left
        if not demand and not ran and (slack < restart or (now_at > bid and slack == restart)):
            demand = True
        if demand:
            cost, left = cost + 3, left - 1
        elif now_at <= bid:
            cost, left, ran = cost + (bid if pays is Pays.BID else now_at), left - 1, True
        now += 1
    return cost, now - start, stops


class TestRefused:
    """What cannot be planned."""

    def test_a_deadline_that_nothing_meets(self) -> None:
        with pytest.raises(
            RuleViolation, match="deadline: need at least the 1h that it takes on demand, got 59"
        ):
            plan(series("1"), deadline=HOUR - SECOND)

    def test_a_deadline_beyond_the_series(self) -> None:
        with pytest.raises(
            RuleViolation,
            match="deadline: need at most 1h, as long as the record of prices is, got 2h",
        ):
            plan(series("1"), deadline=2 * HOUR)

    def test_starts_on_top_of_each_other(self) -> None:
        with pytest.raises(
            RuleViolation, match="every: need a time above zero from start to start, got 0s"
        ):
            plan(series("1"), deadline=HOUR, every=timedelta(0))

    @pytest.mark.parametrize(
        "change",
        [
            {"on_demand": 1},
            {"storage": 1},
            {"pays": "bid"},
            {"bids": [0.5]},
            {"schedule": 1},
            {"gpu_hours": 1.5},
            {"restart": 60},
        ],
    )
    def test_a_wrong_type(self, change: dict[str, Any]) -> None:
        with pytest.raises(WrongType):
            plan(series("1", "1", "1"), **change)
