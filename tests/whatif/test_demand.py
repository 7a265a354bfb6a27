"""Requests: recorded, drawn, and fit to what was seen."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from math import factorial, inf, log
from random import Random
from statistics import fmean, pstdev
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, strategies as st

from effort import up_to
from numgenius_core._terms import HIGHEST_BID, LOWEST_BID
from numgenius_core.errors import RuleViolation, WrongType
from numgenius_core.intervals import Interval
from numgenius_core.listing import Mode
from numgenius_core.rates import MAX_RATE, PerGpuHour, PerHour
from numgenius_core.testing import EPOCH
from numgenius_core.whatif import (
    PRESETS,
    Demand,
    Distribution,
    Exponential,
    LogNormal,
    Lost,
    Observation,
    Observed,
    Pareto,
    Request,
    Scenario,
    Trace,
    fit,
    recorded,
    resembling,
    simulate,
    vary,
)
from numgenius_core.whatif.fitting import _in_use
from scenario_parts import bids, erlang_b, listing, wants

MONTH = Interval(EPOCH, EPOCH + timedelta(days=30))
ALL_MODES = {Mode.ON_DEMAND: 4, Mode.RESERVED: 1, Mode.INTERRUPTIBLE: 3}


def demand(**changes: Any) -> Demand:
    facts: dict[str, Any] = {
        "per_day": 100,
        "sizes": {1: 5, 2: 3, 8: 2},
        "stays": LogNormal("3", "1"),
        "modes": ALL_MODES,
        "limits": LogNormal("0.40", "0.5"),
        "bids": LogNormal("0.20", "0.5"),
    }
    return Demand(**(facts | changes))


def values(one: Distribution, count: int = 20_000) -> list[float]:
    random = Random(1)
    return [one.draw(random) for _ in range(count)]


class TestDistributions:
    """Each draws what its parameters say."""

    def test_exponential(self) -> None:
        drawn = values(Exponential("6"))
        assert fmean(drawn) == pytest.approx(6, rel=0.03)
        assert pstdev(drawn) == pytest.approx(6, rel=0.03)
        assert Exponential("6").mean == 6

    def test_log_normal(self) -> None:
        drawn = [log(value) for value in values(LogNormal("6", "0.5"))]
        assert fmean(drawn) == pytest.approx(log(6), abs=0.02)
        assert pstdev(drawn) == pytest.approx(0.5, rel=0.03)
        assert fmean(values(LogNormal("6", "0.5"))) == pytest.approx(
            LogNormal("6", "0.5").mean, 0.02
        )

    def test_pareto(self) -> None:
        drawn = values(Pareto("0.2", "1.5"))
        assert min(drawn) >= 0.2
        for price in (0.3, 0.6):
            share = sum(value >= price for value in drawn) / len(drawn)
            assert share == pytest.approx((0.2 / price) ** 1.5, abs=0.01)
        assert Pareto("0.2", "1.5").mean == pytest.approx(0.6)
        assert Pareto("0.2", "1").mean == inf

    def test_pareto_beyond_what_a_float_holds(self) -> None:
        assert max(values(Pareto("1", "0.000000001"), 100)) == inf

    def test_observed(self) -> None:
        drawn = Counter(values(Observed(("1", 2, Decimal(3)))))
        assert set(drawn) == {1.0, 2.0, 3.0}
        assert min(drawn.values()) > 6_400
        assert Observed(("1", 2)).mean == 1.5

    @pytest.mark.parametrize("double", [LogNormal("4", "1"), Exponential("4"), Pareto("4", "3")])
    def test_twice_the_parameter_is_twice_each_value(self, double: Distribution) -> None:
        first = next(iter(vars_of(double)))
        assert values(double, 50) == [2 * v for v in values(evolve(double, **{first: "2"}), 50)]

    @pytest.mark.parametrize("bad", [0, "-1", "x"])
    @pytest.mark.parametrize(
        "kind",
        [
            Exponential,
            lambda bad: LogNormal(bad, 1),
            lambda bad: LogNormal(1, bad),
            lambda bad: Pareto(bad, 1),
            lambda bad: Pareto(1, bad),
            lambda bad: Observed((1, bad)),
        ],
    )
    def test_parameters_above_zero(self, kind: Callable[[Any], Distribution], bad: object) -> None:
        with pytest.raises(RuleViolation, match="need a number above zero"):
            kind(bad)

    def test_no_floats(self) -> None:
        with pytest.raises(WrongType, match="average"):
            Exponential(0.5)  # type: ignore[arg-type]

    def test_what_else_is_refused(self) -> None:
        with pytest.raises(RuleViolation, match="values: need at least one"):
            Observed(())
        with pytest.raises(RuleViolation, match="spread: need at most 24"):
            LogNormal(1, 25)


def vars_of(one: Distribution) -> list[str]:
    return [a.name for a in type(one).__attrs_attrs__]


class TestTheGenerator:
    """Arrivals are Poisson; every quantity has its own stream; the same seed gives the same."""

    def test_the_same_seed_gives_the_same_requests(self) -> None:
        assert demand().draw(MONTH, 3) == demand().draw(MONTH, 3)
        assert demand().draw(MONTH, 3) != demand().draw(MONTH, 4)

    def test_in_another_process_too(self) -> None:
        code = (
            "import pickle, sys; d, m = pickle.load(sys.stdin.buffer);"
            "print(sum(hash((r.after, r.seconds, r.gpus)) for r in d.draw(m, 3).requests))"
        )
        done = subprocess.run(
            [sys.executable, "-c", code],
            input=pickle.dumps((demand(), MONTH)),
            capture_output=True,
            check=True,
        )
        mine = sum(hash((r.after, r.seconds, r.gpus)) for r in demand().draw(MONTH, 3).requests)
        assert int(done.stdout) == mine

    def test_changing_one_parameter_leaves_the_others(self) -> None:
        before = demand().draw(MONTH, 1).requests
        after = (
            demand(stays=Exponential(1), limits=LogNormal("0.80", "0.5")).draw(MONTH, 1).requests
        )
        for name in ("after", "gpus", "mode", "bid"):
            assert [getattr(r, name) for r in before] == [getattr(r, name) for r in after]
        limits = [(a.limit, b.limit) for a, b in zip(before, after, strict=True)]
        assert all(b.steps == pytest.approx(2 * a.steps, abs=1e8) for a, b in limits if a and b)

    def test_arrivals_are_poisson(self) -> None:
        counts = [len(demand(per_day=10).draw(MONTH, seed)) for seed in range(60)]
        assert fmean(counts) == pytest.approx(300, abs=3 * (300 / 60) ** 0.5)
        assert 0.6 * 300 < pstdev(counts) ** 2 < 1.5 * 300

    def test_arrivals_within_the_horizon_in_order(self) -> None:
        arrivals = [request.after for request in demand().draw(MONTH, 0).requests]
        assert arrivals == sorted(arrivals)
        assert arrivals[0] >= 0
        assert arrivals[-1] < MONTH.seconds

    def test_hours_of_the_day(self) -> None:
        hours = [0] * 24
        hours[6], hours[7] = 1, 3
        drawn = demand(by_hour=hours).draw(Interval(EPOCH + timedelta(hours=5), MONTH.end), 0)
        seen = Counter((5 + request.after // 3_600) % 24 for request in drawn.requests)
        assert set(seen) == {6, 7}
        assert seen[7] / seen[6] == pytest.approx(3, rel=0.15)
        assert len(drawn) == pytest.approx(3_000, rel=0.1)

    def test_sizes_and_modes_follow_their_weights(self) -> None:
        drawn = demand(per_day=1_000).draw(MONTH, 0).requests
        sizes = Counter(request.gpus for request in drawn)
        modes = Counter(request.mode for request in drawn)
        for size, weight in ((1, 5), (2, 3), (8, 2)):
            assert sizes[size] / len(drawn) == pytest.approx(weight / 10, abs=0.015)
        for mode, weight in ALL_MODES.items():
            assert modes[mode] / len(drawn) == pytest.approx(weight / 8, abs=0.015)

    def test_quantities_do_not_depend_on_each_other(self) -> None:
        halves = demand(
            per_day=200,
            sizes={1: 1, 2: 1},
            modes={Mode.ON_DEMAND: 1, Mode.RESERVED: 1},
            stays=LogNormal(1, 1),
            limits=LogNormal(1, 1),
        )
        drawn = halves.draw(MONTH, 0).requests
        for pairs in (
            Counter((r.gpus, r.mode) for r in drawn),
            Counter((r.seconds > 3_600, r.limit and r.limit > PerGpuHour(1)) for r in drawn),
            Counter((r.gpus, r.seconds > 3_600) for r in drawn),
        ):
            assert len(pairs) == 4
            assert min(pairs.values()) / len(drawn) == pytest.approx(0.25, abs=0.02)

    def test_a_request_has_what_its_mode_needs(self) -> None:
        for request in demand(patience=60, disk_mb=7).draw(MONTH, 0).requests:
            bids = request.mode is Mode.INTERRUPTIBLE
            assert (request.bid is not None, request.limit is None) == (bids, bids)
            assert request.patience == (60 if bids else None)
            assert request.disk_mb == 7

    def test_prices_are_whole_hundredths_of_a_cent(self) -> None:
        for request in demand().draw(MONTH, 0).requests:
            if request.limit is not None:
                assert request.limit.steps % 10**8 == 0

    def test_bids_stay_within_the_markets_limits(self) -> None:
        low = demand(bids=Exponential("0.0001"), modes={Mode.INTERRUPTIBLE: 1})
        assert {r.bid for r in low.draw(MONTH, 0).requests} >= {LOWEST_BID}
        high = demand(bids=Pareto(1_000_000, 1), modes={Mode.INTERRUPTIBLE: 1})
        for request in high.draw(MONTH, 0).requests:
            assert request.bid == HIGHEST_BID.for_gpus(request.gpus)

    def test_stays_are_at_least_a_second_and_end(self) -> None:
        assert {r.seconds for r in demand(stays=Observed(("0.0001",))).draw(MONTH, 0).requests} == {
            1
        }
        longest = demand(stays=Pareto(10**6, "0.01")).draw(MONTH, 0).requests
        assert max(r.seconds for r in longest) == 10**9

    def test_it_travels(self) -> None:
        assert pickle.loads(pickle.dumps(demand())) == demand()

    @pytest.mark.parametrize(
        ("change", "match"),
        [
            ({"per_day": 0}, "per_day: need a number above zero"),
            ({"per_day": 10**8}, "per_day: need at most"),
            ({"sizes": {}}, "sizes: need at least one weight"),
            ({"sizes": {0: 1}}, "sizes: need a whole number"),
            ({"sizes": {1: -1}}, "need a whole number from 0"),
            ({"sizes": [1]}, "a mapping to weights"),
            ({"modes": {"on-demand": 1}}, "modes: need a Mode"),
            ({"stays": 3}, "stays: need a Distribution"),
            ({"limits": 3}, "limits: need a Distribution"),
            ({"bids": None}, "bids: need bids"),
            ({"disk_mb": -1}, "demand.disk_mb: need a whole number"),
            ({"disk_mb": 1.5}, "demand.disk_mb: need a whole number"),
            ({"patience": 0}, "demand.patience: need a whole number"),
            ({"patience": "60"}, "demand.patience: need a whole number"),
            ({"whole": 1}, "demand.whole: need True or False"),
            ({"by_hour": (1,) * 23}, "need 24 weights"),
            ({"by_hour": (0,) * 24}, "at least one weight"),
        ],
    )
    def test_refused(self, change: dict[str, Any], match: str) -> None:
        with pytest.raises(RuleViolation, match=match):
            demand(**change)

    def test_a_seed_is_a_whole_number(self) -> None:
        with pytest.raises(WrongType, match="seed"):
            demand().draw(MONTH, 0.5)  # type: ignore[arg-type]


class TestRequests:
    """What a client may want."""

    def test_a_trace_puts_requests_in_order(self) -> None:
        late, early = Request(after=9, gpus=1, seconds=1), Request(after=3, gpus=1, seconds=1)
        assert Trace((late, early)).requests == (early, late)
        assert Trace((late, early)).draw(Interval(EPOCH, EPOCH + timedelta(seconds=9)), 0) == Trace(
            (early,)
        )

    @pytest.mark.parametrize(
        ("change", "match"),
        [
            ({"after": -1}, "request.after"),
            ({"gpus": 0}, "request.gpus"),
            ({"seconds": 0}, "request.seconds"),
            ({"seconds": 1.5}, "request.seconds"),
            ({"mode": "on-demand"}, "request.mode"),
            ({"limit": 1}, "request.limit"),
            ({"bid": PerHour(1)}, "neither bid nor patience"),
            ({"patience": 1}, "neither bid nor patience"),
            ({"mode": Mode.INTERRUPTIBLE}, "request.bid"),
            ({"mode": Mode.INTERRUPTIBLE, "bid": PerHour(33)}, "request.bid"),
            ({"mode": Mode.INTERRUPTIBLE, "bid": PerHour(1), "patience": 0}, "request.patience"),
            ({"whole": 1}, "request.whole"),
            ({"disk_mb": -1}, "request.disk_mb"),
        ],
    )
    def test_refused(self, change: dict[str, Any], match: str) -> None:
        with pytest.raises(RuleViolation, match=match):
            Request(**({"after": 0, "gpus": 1, "seconds": 1} | change))

    def test_a_trace_of_something_else(self) -> None:
        with pytest.raises(WrongType, match=r"trace\[0\]"):
            Trace((1,))  # type: ignore[arg-type]


def states_in_use(loads: dict[int, Fraction], gpus: int) -> Fraction:
    """Return the mean GPUs in use over all states: each has the weight Π aⁿ/n! of its clients."""
    states = [(0, Fraction(1))]
    for size, load in loads.items():
        states = [
            (used + size * n, weight * load**n / factorial(n))
            for used, weight in states
            for n in range((gpus - used) // size + 1)
        ]
    held = sum((used * weight for used, weight in states), Fraction(0))
    return held / sum((weight for _, weight in states), Fraction(0))


class TestSeveralSizes:
    """What clients of several sizes hold of a machine that takes whom it has room for."""

    @given(
        st.dictionaries(st.integers(1, 5), st.integers(1, 9), min_size=1, max_size=3),
        st.fractions(0, 60, max_denominator=8),
        st.integers(1, 9),
    )
    def test_it_is_the_sum_over_all_states(
        self, weights: dict[int, int], load: Fraction, gpus: int
    ) -> None:
        clients = load / sum(size * weight for size, weight in weights.items())
        exact = states_in_use({size: clients * w for size, w in weights.items()}, gpus)
        wanted = sum(size * weight for size, weight in weights.items())
        shares = [(size, size * weight / wanted) for size, weight in weights.items()]
        assert _in_use(float(load), gpus, shares) == pytest.approx(float(exact), rel=1e-9)

    @pytest.mark.parametrize(("load", "servers"), [(0.5, 1), (5.0, 8), (40.0, 30)])
    def test_of_one_size_it_is_the_erlang_loss_formula(self, load: float, servers: int) -> None:
        served = load * (1 - erlang_b(load, servers))
        assert _in_use(load, servers, [(1, 1.0)]) == pytest.approx(served)
        assert _in_use(2 * load, 2 * servers, [(2, 1.0)]) == pytest.approx(2 * served)

    def test_beyond_what_floats_hold(self) -> None:
        assert _in_use(1e20, 4_096, [(1, 0.5), (8, 0.5)]) == pytest.approx(4_096)
        assert _in_use(1e-9, 4_096, [(1, 1.0)]) == pytest.approx(1e-9)


class TestFit:
    """Load falls with the price at a constant elasticity; what a full machine lost is added."""

    def seen(self, *pairs: tuple[str, float]) -> list[Observation]:
        return [
            Observation(price=PerGpuHour(p), occupied=Fraction(o), seconds=86_400) for p, o in pairs
        ]

    def history(self, at_twenty_cents: float, elasticity: float) -> list[Observation]:
        """Return what a machine of 8 GPUs shows, by the formula."""
        pairs = []
        for price in ("0.20", "0.30", "0.45"):
            load = at_twenty_cents * (0.20 / float(price)) ** elasticity
            pairs.append((price, load * (1 - erlang_b(load, 8)) / 8))
        return self.seen(*pairs)

    @pytest.mark.parametrize(("load", "elasticity"), [(6.0, 1.5), (20.0, 0.7), (2.0, 2.5)])
    def test_it_finds_what_made_the_history(self, load: float, elasticity: float) -> None:
        found = fit(self.history(load, elasticity), gpus=8, sizes={1: 1}, stays=Exponential("6"))
        assert float(Decimal(found.per_day)) == pytest.approx(load * 4, rel=1e-6)
        limits = found.limits
        assert isinstance(limits, Pareto)
        assert float(Decimal(limits.least)) == pytest.approx(0.20)
        assert float(Decimal(limits.slope)) == pytest.approx(elasticity, rel=1e-6)

    def test_groups_are_fewer_servers(self) -> None:
        one = fit(self.history(3, 1), gpus=8, sizes={1: 1}, stays=Exponential("6"))
        two = fit(self.history(3, 1), gpus=16, sizes={2: 1, 8: 0}, stays=Exponential("6"))
        assert one.per_day == two.per_day

    def test_two_sizes_by_hand(self) -> None:
        """Two GPUs, and x clients of each size in a stay: weights 1, x, x²/2 and x of the states.

        So (x + x² + 2x) / (1 + 2x + x²/2) GPUs are in use: 8/7 at x = 1, 14/17 at x = 1/2. Half the
        clients at twice the price is an elasticity of 1, and 2 clients in 6 hours are 8 a day.
        """
        seen = [
            Observation(price=PerGpuHour(p), occupied=Fraction(*o), seconds=86_400)
            for p, o in (("0.20", (4, 7)), ("0.40", (7, 17)))
        ]
        found = fit(seen, gpus=2, sizes={1: 1, 2: 1}, stays=Exponential("6"))
        assert isinstance(found.limits, Pareto)
        assert float(Decimal(found.per_day)) == pytest.approx(8)
        assert float(Decimal(found.limits.slope)) == pytest.approx(1)

    @pytest.mark.parametrize("name", ["experiments", "training", "serving"])
    def test_a_simulation_gives_the_occupancy_back(self, name: str) -> None:
        """At most 4 points below, which fragments lose, and 2 for chance."""
        seen = self.seen(("0.30", 0.81), ("0.40", 0.67), ("0.50", 0.55))
        sizes = dict(PRESETS[name].sizes)
        found = fit(seen, gpus=8, sizes=sizes, stays=Exponential("1"))
        scenario = Scenario(
            listings=[listing(price="0.30")],
            demand=found,
            horizon=Interval(EPOCH, EPOCH + timedelta(days=up_to(400, 40))),
        )
        for option in vary(scenario, price=[one.price for one in seen]):
            shown = fmean(float(simulate(option.scenario, seed).occupancy) for seed in range(3))
            (at,) = (o.occupied for o in seen if o.price == option.value("price"))
            assert at - Fraction(6, 100) < shown < at + Fraction(2, 100)

    def test_of_several_loads_the_least(self) -> None:
        """Few ones among many eights: they keep these out, so more clients fill less for a while.

        6.7 GPUs of 8 are in use where 1 client for one and 12 for eight come in a stay, 5.7 where 5
        and 60 do, and 6.9 where 12 and 144 do.
        """
        loads = [states_in_use({1: Fraction(a), 8: Fraction(12 * a)}, 8) for a in (1, 5)]
        assert loads[0] > loads[1]
        seen = [
            Observation(price=PerGpuHour(p), occupied=o / 8, seconds=86_400)
            for p, o in (("0.20", loads[0]), ("0.40", loads[0] / 2))
        ]
        found = fit(seen, gpus=8, sizes={1: 1, 8: 12}, stays=Exponential("24"))
        assert float(Decimal(found.per_day)) == pytest.approx(13)

    def test_sizes_that_the_machine_does_not_offer(self) -> None:
        for gpus, size in ((4, 8), (8, 3)):
            with pytest.raises(RuleViolation, match=rf"sizes: need sizes in which .* got {size}"):
                fit(self.history(3, 1), gpus=gpus, sizes={1: 9, size: 1}, stays=Exponential(1))

    def test_occupancy_that_they_cannot_reach(self) -> None:
        """Eights fill two thirds of twelve GPUs at most."""
        seen = self.seen(("0.20", 0.7), ("0.40", 0.3))
        with pytest.raises(RuleViolation, match=r"history: need occupancy .* reach, got 0.7"):
            fit(seen, gpus=12, sizes={8: 1}, stays=Exponential(1))

    def test_stays_that_have_no_mean(self) -> None:
        for stays, got in ((Pareto("1", "1"), "without a mean"), (LogNormal(1, 24), "hours")):
            with pytest.raises(RuleViolation, match=rf"stays: need a mean stay .* got .*{got}"):
                fit(self.history(3, 1), gpus=8, sizes={1: 1}, stays=stays)

    def test_time_weighs(self) -> None:
        steep = self.seen(("0.2", 0.5), ("0.4", 0.1))
        flat = evolve(self.seen(("0.4", 0.45))[0], seconds=10**9)
        found = fit([*steep, flat], gpus=1, sizes={1: 1}, stays=Exponential(1)).limits
        near = fit([steep[0], flat], gpus=1, sizes={1: 1}, stays=Exponential(1)).limits
        assert isinstance(found, Pareto)
        assert isinstance(near, Pareto)
        assert float(Decimal(found.slope)) == pytest.approx(float(Decimal(near.slope)), rel=0.01)

    def test_full_and_empty_time_tells_no_load(self) -> None:
        partly = self.history(5, 1)
        with_extremes = [*partly, *self.seen(("0.10", 1.0), ("0.90", 0.0))]
        how: dict[str, Any] = {"gpus": 8, "sizes": {1: 1}, "stays": Exponential(1)}
        assert fit(with_extremes, **how) == fit(partly, **how)

    @pytest.mark.parametrize(
        ("pairs", "match"),
        [
            ([], "two prices or more, got none"),
            ([("0.2", 1.0), ("0.3", 0.0)], "partly rented time at two prices or more, got none"),
            ([("0.2", 0.5), ("0.2", 0.4)], "two prices or more, got all at one price"),
            ([("0.2", 0.5), ("0.3", 0.6)], "falls as the price rises"),
            ([("0.2", 0.5), ("0.3", 0.5)], "falls as the price rises"),
        ],
    )
    def test_refused(self, pairs: list[tuple[str, float]], match: str) -> None:
        with pytest.raises(RuleViolation, match=match):
            fit(self.seen(*pairs), gpus=8, sizes={1: 1}, stays=Exponential(1))

    def test_a_free_price(self) -> None:
        with pytest.raises(RuleViolation, match="a price above zero"):
            self.seen(("0", 0.5))


class TestResembling:
    """As many, as large, as long as they were."""

    def test_a_generator_like_a_trace(self) -> None:
        trace = demand().draw(MONTH, 0)
        like = resembling(trace, MONTH)
        drawn = like.draw(MONTH, 5).requests
        assert len(drawn) == pytest.approx(len(trace), rel=0.1)
        assert like.sizes == tuple(sorted(Counter(r.gpus for r in trace.requests).items()))
        assert dict(like.modes) == Counter(r.mode for r in trace.requests)
        assert {r.seconds for r in drawn} <= {r.seconds for r in trace.requests}
        assert fmean(r.seconds for r in drawn) == pytest.approx(
            fmean(r.seconds for r in trace.requests), rel=0.15
        )

    def test_it_is_as_what_it_was_drawn_from(self) -> None:
        """Each thing that a demand says of its clients is carried; one that is lost fails here."""
        said = demand(patience=7_200, disk_mb=500_000, whole=False)
        like = resembling(said.draw(MONTH, 0), MONTH)
        assert (like.disk_mb, like.patience, like.whole) == (500_000, 7_200, False)
        drawn, again = said.draw(MONTH, 0).requests, like.draw(MONTH, 5).requests
        for name in ("gpus", "mode", "seconds", "limit", "disk_mb", "patience", "whole"):
            assert {getattr(r, name) for r in again} <= {getattr(r, name) for r in drawn}

    def test_the_disk_is_the_mean_by_stay(self) -> None:
        """300 MB for an hour and 100 MB for three: 600 MB-hours in four, as 150 MB for four."""
        large = Request(after=0, gpus=1, seconds=3_600, disk_mb=300)
        small = Request(after=1, gpus=1, seconds=10_800, disk_mb=100)
        assert resembling(Trace((large, small)), MONTH).disk_mb == 150

    def test_the_patience_is_the_mean_of_bidders(self) -> None:
        bidders = [bids(0, "0.10", patience=patience) for patience in (60, 600)]
        assert resembling(Trace((*bidders, wants(1))), MONTH).patience == 330

    def test_what_one_demand_cannot_say(self) -> None:
        mixed = Trace((wants(0), wants(1, whole=False), wants(2, whole=False)))
        with pytest.raises(RuleViolation, match=r"trace: need requests that are all.*got 1 of 3"):
            resembling(mixed, MONTH)
        endless = Trace((bids(0, "0.10", patience=60), bids(0, "0.10")))
        with pytest.raises(RuleViolation, match=r"trace: need patience of all.*got of 1 of 2"):
            resembling(endless, MONTH)

    def test_who_has_no_limit_pays_any_price(self) -> None:
        priced, any_price = wants(0, limit=PerGpuHour("0.3")), wants(1)
        assert resembling(Trace((priced,)), MONTH).limits == Observed((Decimal("0.300000000000"),))
        assert resembling(Trace((any_price, bids(2, "0.10"))), MONTH).limits is None
        like = evolve(resembling(Trace((priced, any_price)), MONTH), per_day=100)
        limits = Counter(r.limit for r in like.draw(MONTH, 0).requests)
        assert set(limits) == {PerGpuHour("0.3"), PerGpuHour(MAX_RATE)}
        assert limits[PerGpuHour("0.3")] / limits.total() == pytest.approx(0.5, abs=0.03)

    def test_who_pays_nothing_pays_nothing(self) -> None:
        like = resembling(Trace((wants(0, limit=PerGpuHour(0)),)), MONTH)
        assert {r.limit for r in evolve(like, per_day=9).draw(MONTH, 0).requests} == {PerGpuHour(0)}

    def test_rentals_of_the_past_rent_and_store_as_much(self) -> None:
        """Ten clients of three days, as far as the listing lasts: with ``whole`` the last lost."""
        ten_days = Interval(EPOCH, EPOCH + timedelta(days=10))
        stays = [wants(86_400 * i, 1, 259_200, disk_mb=500_000, whole=False) for i in range(10)]
        scenario = Scenario(
            listings=[listing(end=ten_days.end)], demand=Trace(stays), horizon=ten_days
        )
        past = simulate(scenario, keep_histories=True)
        like = resembling(recorded(past.histories, ten_days), ten_days)
        assert (like.disk_mb, like.whole) == (500_000, False)
        outcome = simulate(evolve(scenario, demand=evolve(like, per_day=3)))
        assert outcome.lost(Lost.END) == 0

    def test_an_empty_trace(self) -> None:
        with pytest.raises(RuleViolation, match="trace: need at least one"):
            resembling(Trace(()), MONTH)

    def test_recorded_takes_histories(self) -> None:
        assert recorded([], MONTH) == Trace(())
        with pytest.raises(WrongType, match=r"histories\[0\]"):
            recorded([1], MONTH)  # type: ignore[list-item]
