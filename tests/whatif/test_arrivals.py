"""The clients that free spells show: by hand, by a slow likelihood, and where they are known."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from math import exp, expm1, log, sqrt
from random import Random
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, strategies as st

from effort import FULL, examples, up_to
from market_snapshots import HOUR, MONDAY, hourly, rented
from numgenius_core import Interval, Listing, Machine, PerGpuHour, PriceTerms
from numgenius_core.errors import RuleViolation, WrongType
from numgenius_core.planning import FreeSpell, MarketSeries
from numgenius_core.whatif import (
    Arrivals,
    Demand,
    Exponential,
    LogNormal,
    Observed,
    Pareto,
    Scenario,
    best_price,
)
from numgenius_core.whatif.estimate import student_t

LONG = Observed([10**6])
"""Stays that no snapshot misses, in hours."""


def spell(
    machine: int, looks: int, price: str = "0.50", *, came: bool = True, **more: Any
) -> FreeSpell:
    """Return a spell of so many hourly looks that a client ended, or that goes on."""
    seen = [MONDAY + n * HOUR for n in range(looks)]
    fields: dict[str, Any] = {
        "machine": machine,
        "gpu_name": "A100",
        "gpus": 1,
        "gpus_in_machine": 1,
        "seen": seen,
        "prices": [(MONDAY, PerGpuHour(price))],
        "ended_by": MONDAY + looks * HOUR if came else None,
        "rented": True if came else None,
    }
    return FreeSpell(**(fields | more))


def fitted(spells: list[FreeSpell], **more: Any) -> Arrivals:
    asked: dict[str, Any] = {"sizes": {1: 1}, "stays": LONG}
    return Arrivals.of(spells, **(asked | more))


def near(found: Decimal | float, value: float, share: float = 1e-6) -> bool:
    return abs(float(found) - value) <= share * abs(value)


class TestByHand:
    """Of n hourly stretches d end with a client: λ = −ln(1 − d / n) an hour."""

    def test_equal_stretches(self) -> None:
        found = fitted([spell(1, 3), spell(2, 7), spell(3, 5, came=False)], elasticity=0)
        stretches = 3 + 7 + 4  # a spell of three looks that ended has three, one that goes on two
        assert near(found.per_day, -24 * log(1 - 2 / stretches))
        assert (found.rentals, found.machines, int(found.hours)) == (2, 3, 2 + 6 + 4)
        assert found.elasticity is None
        assert found.demand.limits is None
        assert found.price == PerGpuHour("0.50")

    def test_that_it_was_free_before_the_first_snapshot_changes_nothing(self) -> None:
        begun = [spell(1, 3, began_after=MONDAY - HOUR), spell(2, 7)]
        assert fitted(begun, elasticity=0) == fitted([spell(1, 3), spell(2, 7)], elasticity=0)

    def test_two_prices_have_a_rate_each_and_the_elasticity_joins_them(self) -> None:
        cheap = [spell(1, 3), spell(2, 5), spell(3, 2)]
        dear = [spell(4, 9, "1.00"), spell(5, 11, "1.00"), spell(6, 10, "1.00", came=False)]
        found = fitted(cheap + dear)
        at_half, at_one = -log(1 - 3 / 10), -log(1 - 2 / 29)
        slope = log(at_half / at_one) / log(2)
        assert near(found.per_day, 24 * at_half)
        assert found.elasticity is not None
        assert near(float(found.elasticity), slope)
        assert found.elasticity.runs == 6
        limits = found.demand.limits
        assert isinstance(limits, Pareto)
        assert near(float(str(limits.slope)), slope)
        assert near(float(str(limits.least)), 0.5)
        assert near(float(str(found.demand.per_day)), 24 * at_half)

    @pytest.mark.parametrize("looks", [100, 1_000, 10_000])
    @pytest.mark.parametrize("dear", ["0.60", "1.00", "2.00"])
    def test_rates_however_far_apart(self, looks: int, dear: str) -> None:
        """A first step of Newton's, from one rate for both prices, goes much too far."""
        found = fitted([spell(1, 2), spell(2, 1), spell(3, looks, dear)])
        at_half, at_dear = -log(1 - 2 / 3), -log(1 - 1 / looks)
        assert near(found.per_day, 24 * at_half)
        assert found.elasticity is not None
        assert near(float(found.elasticity), log(at_half / at_dear) / log(float(dear) / 0.5))

    def test_a_price_at_which_each_is_rented_at_once_tells_no_rate(self) -> None:
        with pytest.raises(RuleViolation, match="no rate is the most likely"):
            fitted([spell(1, 1), spell(2, 1), spell(3, 1_000, "1.00")])

    def test_at_a_price_of_ones_own(self) -> None:
        cheap = [spell(1, 3), spell(2, 5), spell(3, 2)]
        dear = [spell(4, 9, "1.00"), spell(5, 11, "1.00")]
        there, own = fitted(cheap + dear), fitted(cheap + dear, price=PerGpuHour("0.70"))
        assert there.elasticity is not None
        assert near(own.per_day, float(there.per_day) * 1.4 ** -float(there.elasticity))
        assert near(float(str(own.demand.per_day)), float(str(there.demand.per_day)))
        assert own.price == PerGpuHour("0.70")

    def test_an_elasticity_that_is_known_joins_prices_to_one_rate(self) -> None:
        """At twice the price an hour counts as a quarter of one, if the elasticity is 2."""
        spells = [spell(1, 5), spell(2, 5, came=False), spell(3, 9, "1.00", came=False)]
        found = fitted(spells, elasticity=2)

        def likelihood(rate: float) -> float:
            return log(-expm1(-rate)) - rate * (4 + 4 + 8 / 4)

        best = max((likelihood(r / 10_000), r / 10_000) for r in range(1, 10_000))[1]
        assert near(found.per_day, 24 * best, 2e-3)
        assert isinstance(found.demand.limits, Pareto)

    def test_a_first_guess_at_which_a_client_is_certain(self) -> None:
        """At 2,000 times the price five hours count as 1/400: 1 / (e^λ − 1) = 1/400."""
        found = fitted([spell(1, 1), spell(2, 6, "1000", came=False)], elasticity=1)
        assert near(found.per_day, 24 * log(401))

    def test_a_client_who_would_never_come_weighs_as_the_rarest(self) -> None:
        """10⁹ times the price: a rate that no float holds, whose client adds 1 to the score."""
        found = fitted([spell(1, 8, "0.000001"), spell(2, 1, "1000")], elasticity=50)
        rate = float(found.per_day) / 24
        assert near(rate / expm1(rate) + 1, 7 * rate)

    def test_each_stretch_has_the_price_it_began_with(self) -> None:
        changed = [(MONDAY, PerGpuHour("0.50")), (MONDAY + 2 * HOUR, PerGpuHour("1.00"))]
        moved = spell(1, 5, prices=changed)  # two hours at 0.50, then two and the client at 1.00
        apart = [spell(1, 3, came=False), spell(1, 3, "1.00")]
        others = [spell(2, 2), spell(3, 9, "1.00")]
        one, two = fitted([moved, *others]), fitted([*apart, *others])
        assert (one.per_day, one.elasticity) == (two.per_day, two.elasticity)

    def test_stays_that_are_shorter_than_the_look(self) -> None:
        """Stays of half an hour: of a stretch of an hour, only the second half is seen."""
        short = fitted([spell(1, 3), spell(2, 7)], elasticity=0, stays=Observed(["0.5"]))
        assert near(short.per_day, 2 * -24 * log(1 - 2 / 10))

    def test_of_stays_that_vary_the_mean_counts(self) -> None:
        """E[min(stay, 1 hour)] of 15 minutes and of 2 hours, as often the one as the other."""
        found = fitted([spell(1, 3), spell(2, 7)], elasticity=0, stays=Observed(["0.25", "2"]))
        assert near(found.per_day, -24 * log(1 - 2 / 10) / 0.625, 0.01)

    def test_gone_is_rented_or_unlisted(self) -> None:
        spells = [spell(1, 3), spell(2, 7, rented=None), spell(3, 5, rented=False)]
        most = fitted(spells, elasticity=0)
        least = fitted(spells, elasticity=0, gone="unlisted")
        assert (most.rentals, least.rentals) == (2, 1)
        assert near(most.per_day, -24 * log(1 - 2 / 14))
        assert near(least.per_day, -24 * log(1 - 1 / (3 + 6 + 4)))

    def test_as_text(self) -> None:
        cheap, dear = [spell(1, 3), spell(2, 5)], [spell(4, 9, "1.00"), spell(5, 11, "1.00")]
        assert str(fitted(cheap + dear)).startswith("6.90 a day (")
        assert "at $0.50, elasticity 1.45" in str(fitted(cheap + dear))
        assert str(fitted(cheap, elasticity=1)).endswith("at $0.50: 2 rentals of 2 machines")


class TestHowSure:
    """The variance between machines, or of chance if that is larger; Student's of ln λ."""

    @staticmethod
    def information(machines: int, looks: int) -> float:
        """Return minus the second derivative of the likelihood by ln λ, by difference."""

        def value(level: float) -> float:
            return machines * (log(-expm1(-exp(level))) - (looks - 1) * exp(level))

        step, center = 1e-4, log(-log(1 - 1 / looks))
        return -(value(center + step) - 2 * value(center) + value(center - step)) / step**2

    def test_the_elasticity_of_equal_machines(self) -> None:
        """The difference of two rates that are known apart, over ln 2 between their prices."""
        cheap = [spell(n, 5) for n in range(4)]
        found = fitted(cheap + [spell(9 + n, 9, "1.00") for n in range(6)])
        error = sqrt(1 / self.information(4, 5) + 1 / self.information(6, 9)) / log(2)
        assert found.elasticity is not None
        assert found.elasticity.half_width is not None
        assert near(float(found.elasticity.half_width), student_t("0.95", 9) * error, 1e-4)

    def test_equal_machines_leave_chance(self) -> None:
        found = fitted([spell(n, 5) for n in range(6)], elasticity=0)
        rate = -log(1 - 1 / 5)
        half = student_t("0.95", 5) / sqrt(self.information(6, 5))
        assert near(found.low, 24 * rate * exp(-half), 1e-4)
        assert near(found.high, 24 * rate * exp(half), 1e-4)

    def test_machines_that_differ_are_less_sure(self) -> None:
        """By hand: machines of one rate each; their scores are what they differ by."""
        spells = [spell(n, 1) for n in range(4)] * 5 + [spell(n, 50) for n in range(4, 8)] * 5
        found = fitted(spells, elasticity=0)
        rate = float(found.per_day) / 24
        some = rate / expm1(rate)
        scores = [5 * (some - survived * rate) for survived in (0,) * 4 + (49,) * 4]
        information = sum(
            5 * (survived * rate - some * (1 - rate - some)) for survived in (0,) * 4 + (49,) * 4
        )
        error = sqrt(8 / 7 * sum(s * s for s in scores)) / information
        assert error > sqrt(1 / information)
        half = student_t("0.95", 7) * error
        assert near(found.low, float(found.per_day) * exp(-half), 1e-5)
        assert near(found.high, float(found.per_day) * exp(half), 1e-5)

    def test_one_machine_is_as_sure_as_its_spells(self) -> None:
        one = fitted([spell(1, n) for n in (3, 4, 9, 2)], elasticity=0)
        four = fitted([spell(n, n) for n in (3, 4, 9, 2)], elasticity=0)
        assert (one.low, one.high) == (four.low, four.high)
        assert (one.machines, four.machines) == (1, 4)

    def test_more_confidence_is_wider(self) -> None:
        spells = [spell(n, n) for n in (3, 4, 9, 2)]
        wide, narrow = (fitted(spells, elasticity=0, confidence=c) for c in ("0.99", "0.8"))
        assert wide.low < narrow.low < narrow.per_day < narrow.high < wide.high
        assert (wide.confidence, narrow.confidence) == (Fraction(99, 100), Fraction(4, 5))


@st.composite
def many_spells(draw: st.DrawFn) -> list[FreeSpell]:
    """Draw spells with gaps of several lengths and prices that change."""
    found = []
    for machine in range(draw(st.integers(3, 8))):
        at, seen = MONDAY, [MONDAY]
        for _ in range(draw(st.integers(1, 6))):
            at += draw(st.sampled_from([1, 1, 2, 5])) * HOUR
            seen.append(at)
        first = draw(st.sampled_from(["0.40", "0.50"]))
        prices = [(seen[0], PerGpuHour(first))]
        if draw(st.booleans()):
            prices.append((draw(st.sampled_from(seen[1:])), PerGpuHour("0.60")))
        came = draw(st.booleans())
        found.append(
            spell(
                machine,
                1,
                seen=seen,
                prices=prices,
                ended_by=at + HOUR if came else None,
                rented=True if came else None,
            )
        )
    return found


def slow_likelihood(spells: list[FreeSpell], rate: float, slope: float) -> float:
    """Return ln of the probability, stretch by stretch; the rate is an hour's at $0.40."""
    total = 0.0
    for each in spells:
        known = dict(each.prices)
        edges: list[tuple[datetime, datetime, bool]] = [
            (a, b, False) for a, b in pairwise(each.seen)
        ]
        if each.ended_by is not None:
            edges.append((each.seen[-1], each.ended_by, True))
        price = 0.0
        for start, end, came in edges:
            if (new := known.get(start)) is not None:
                price = float(new)
            here = rate * (0.4 / price) ** slope * ((end - start) / HOUR)
            total += log(-expm1(-here)) if came else -here
    return total


class TestTheFitIsTheMostLikely:
    """No other rate or elasticity nearby makes what was seen more likely."""

    @examples(60)
    @given(many_spells())
    def test_nothing_near_is_likelier(self, spells: list[FreeSpell]) -> None:
        try:
            found = fitted(spells, price=PerGpuHour("0.40"))
        except RuleViolation:  # which of them is tested by hand
            return
        assert found.elasticity is not None
        rate, slope = float(found.per_day) / 24, float(found.elasticity)
        best = slow_likelihood(spells, rate, slope)
        for more, steeper in ((1.02, 0), (0.98, 0), (1, 0.05), (1, -0.05), (1.02, 0.1)):
            assert slow_likelihood(spells, rate * more, slope + steeper) <= best + 1e-7

    @examples(60)
    @given(many_spells(), st.sampled_from(["0", "1", "2.5"]))
    def test_with_an_elasticity_that_is_known(self, spells: list[FreeSpell], slope: str) -> None:
        if not any(each.rented for each in spells):
            return
        found = fitted(spells, price=PerGpuHour("0.40"), elasticity=slope)
        rate = float(found.per_day) / 24
        best = slow_likelihood(spells, rate, float(slope))
        for more in (1.01, 0.99):
            assert slow_likelihood(spells, rate * more, float(slope)) < best
        assert found.low < found.per_day < found.high


def fleet_of(
    gpus: int, demand: Demand, machines: int, days: int, first: int
) -> dict[int, tuple[int, str, Any]]:
    found: dict[int, tuple[int, str, Any]] = {}
    for number in range(first, first + machines):
        price = ("0.40", "0.50", "0.60")[number % 3]
        found[number] = gpus, price, rented(number, gpus, price, demand, days)
    return found


class TestADemandThatIsKnown:
    """Issue: "fitted on evidence": simulated by our own rules, watched each hour, found again."""

    def fit(
        self,
        demand: Demand,
        gpus: int,
        *,
        days: int = 14,
        first: int = 0,
        shows_held: bool = True,
        every: timedelta = HOUR,
        **more: Any,
    ) -> Arrivals:
        fleet = fleet_of(gpus, demand, 9, days, first)
        series = MarketSeries.of(hourly(fleet, days, shows_held=shows_held, every=every))
        spells = series.spells("RTX 4090", whole=True)
        return fitted(list(spells), stays=demand.stays, sizes=dict(demand.sizes), **more)

    @pytest.mark.parametrize("shows_held", [True, False])
    def test_one_gpu_each(self, shows_held: bool) -> None:
        demand = Demand(per_day=6, sizes={1: 1}, stays=Exponential(6), limits=Pareto("0.40", 2))
        found = self.fit(demand, 1, shows_held=shows_held)
        assert found.low <= 6 <= found.high
        assert found.elasticity is not None
        assert 2 in found.elasticity
        assert found.high < 9
        assert found.low > 4
        own = self.fit(demand, 1, shows_held=shows_held, price=PerGpuHour("0.55"), elasticity=2)
        assert own.low <= 6 * Decimal("0.40") ** 2 / Decimal("0.55") ** 2 <= own.high

    def test_machines_of_four_whose_clients_take_some(self) -> None:
        """The whole machine is free until the first client, whatever he takes."""
        stays = LogNormal("3", "1")
        demand = Demand(per_day=8, sizes={1: 3, 2: 1, 4: 1}, stays=stays, limits=Pareto("0.40", 2))
        found = self.fit(demand, 4, days=20)
        assert found.low <= 8 <= found.high
        assert found.elasticity is not None
        assert 2 in found.elasticity

    def test_stays_of_two_hours_seen_every_two(self) -> None:
        """Without what was missed, a third of the clients would be lost."""
        demand = Demand(per_day=6, sizes={1: 1}, stays=Exponential(2))
        found = self.fit(demand, 1, every=2 * HOUR, elasticity=0)
        assert found.low <= 6 <= found.high
        unseen = evolve(demand, stays=LONG)
        fleet = fleet_of(1, demand, 9, 14, 0)
        series = MarketSeries.of(hourly(fleet, 14, every=2 * HOUR))
        naive = fitted(list(series.spells(whole=True)), stays=unseen.stays, elasticity=0)
        assert naive.high < 6

    def test_the_demand_goes_into_a_scenario(self) -> None:
        demand = Demand(per_day=6, sizes={1: 1}, stays=Exponential(6), limits=Pareto("0.40", 2))
        found = self.fit(demand, 1)
        assert found.demand.draw(_week(), 1).requests != ()
        assert found.demand.stays == demand.stays
        assert found.demand.sizes == ((1, 1),)
        tries = [PerGpuHour("0.40"), PerGpuHour("0.50")]
        assert best_price(_scenario(found.demand), tries, runs=2).value in tries

    @pytest.mark.skipif(not FULL, reason="twenty markets; of seeds that are given, so no dice")
    def test_intervals_hold_the_truth_about_as_often_as_they_say(self) -> None:
        demand = Demand(per_day=6, sizes={1: 1}, stays=Exponential(6), limits=Pareto("0.40", 2))
        runs = [self.fit(demand, 1, first=9 * n) for n in range(up_to(20, 2))]
        assert sum(each.low <= 6 <= each.high for each in runs) >= 18
        assert abs(sum(log(each.per_day / 6) for each in runs)) / len(runs) < 0.06


def _week() -> Interval:
    return Interval(MONDAY, MONDAY + timedelta(days=7))


def _scenario(demand: Demand) -> Scenario:
    machine = Machine(id=99, host="me", gpu_name="RTX 4090", gpus=1)
    listing = Listing(machine=machine, prices=PriceTerms(gpu=PerGpuHour("0.50")))
    return Scenario(listings=[listing], demand=demand, horizon=_week())


class TestBadInput:
    """Evidence that tells no rate is refused, with what would tell one."""

    TWO = (spell(1, 3), spell(2, 5, "0.60"))

    @pytest.mark.parametrize(
        ("spells", "more", "message"),
        [
            ([], {}, "spells: need at least two, got 0"),
            ([spell(1, 3)], {}, "spells: need at least two, got 1"),
            ([*TWO, spell(3, 3, gpus_in_machine=8)], {}, r"spells\[2\]: need all GPUs .* 1 of 8"),
            ([*TWO, spell(3, 3, gpu_name="L4")], {}, r"spells\[2\]: need 1 × A100.*1 × L4"),
            (
                [*TWO, spell(3, 3, gpus=2, gpus_in_machine=2)],
                {},
                r"spells\[2\]: need 1 × A100.*2 × A100",
            ),
            ([*TWO, spell(3, 3, "0")], {}, r"spells\[2\]: need a price above zero"),
            (
                [*TWO, spell(3, 3, prices=[(MONDAY, None)])],
                {},
                r"spells\[2\]: need a price above zero all the time, got none, or 0",
            ),
            ([spell(1, 3, came=False)] * 2, {}, "at least one that a client ended"),
            ([spell(1, 3, rented=None)] * 2, {"gone": "unlisted"}, "at least one that a client"),
            ([spell(1, 3), spell(2, 5)], {}, "rentals at two prices or more.*all at one price"),
            (
                [spell(1, 3), spell(2, 5, "0.60", came=False)],
                {},
                "rentals at two prices or more, or an elasticity that is given",
            ),
            ([spell(1, 9), spell(2, 2, "0.60")], {}, "come slower as the price rises"),
            ([spell(1, 1), spell(2, 1)], {"elasticity": 0}, "snapshots close enough"),
            ([spell(1, 1), spell(2, 5, "0.60")], {}, "snapshots close enough"),
            (
                [spell(1, 1, came=False), spell(2, 1, "100000")],
                {"elasticity": 50},
                "snapshots close enough to tell",
            ),
            # Two prices so near each other that only an elasticity of thousands joins them.
            ([spell(1, 5), spell(2, 9, "0.50001")], {}, "snapshots close enough to tell"),
            (TWO, {"gone": "away"}, "gone: need 'rented' or 'unlisted', got 'away'"),
            (TWO, {"elasticity": -1}, "elasticity: need a number from 0 to 50, got -1"),
            (TWO, {"elasticity": 51}, "elasticity"),
            (TWO, {"elasticity": "x"}, "elasticity: need a number from 0 to 50"),
            (TWO, {"price": PerGpuHour(0)}, "price: need a price above zero"),
            (TWO, {"confidence": 0}, "confidence"),
            (TWO, {"confidence": 1}, "confidence"),
            (TWO, {"sizes": {}}, "demand.sizes"),
        ],
    )
    def test_values(self, spells: Any, more: dict[str, Any], message: str) -> None:
        with pytest.raises(RuleViolation, match=message):
            fitted(spells, **more)

    @pytest.mark.parametrize(
        ("spells", "more"),
        [
            (7, {}),
            ([7, 8], {}),
            (TWO, {"elasticity": 1.5}),
            (TWO, {"price": "0.40"}),
            (TWO, {"stays": 6}),
            (TWO, {"confidence": 0.95}),
        ],
    )
    def test_types(self, spells: Any, more: dict[str, Any]) -> None:
        with pytest.raises(WrongType):
            fitted(spells, **more)


class TestItIsTheSameEachTime:
    """The order of the spells and what was computed before change nothing."""

    def test_in_any_order(self) -> None:
        spells = [spell(n, 2 + n, ("0.50", "0.60")[n % 2]) for n in range(8)]
        shuffled = list(spells)
        Random(1).shuffle(shuffled)
        one, two = fitted(spells), fitted(shuffled)
        assert near(one.per_day, float(two.per_day))
        assert fitted(spells) == one
