"""Questions of a host by name."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from fractions import Fraction
from inspect import signature
from typing import Any

import pytest
from attrs import evolve

from numgenius_core.errors import RuleViolation, WrongType
from numgenius_core.ids import MachineId
from numgenius_core.intervals import Interval
from numgenius_core.listing import Mode
from numgenius_core.money import Money
from numgenius_core.rates import PerGpuHour, PerHour
from numgenius_core.testing import EPOCH
from numgenius_core.whatif import (
    Answer,
    PerKwh,
    Power,
    Relisting,
    Request,
    Scenario,
    Trace,
    best_min_gpu,
    best_mix,
    best_price,
    break_even_floor,
    floor_against_power_cost,
    simulate,
    sweep,
    vary,
    worth_of_discount,
)
from numgenius_core.whatif.wording import LEAST_IS_BEST, name_of
from scenario_parts import bids, listing, wants
from sweep_cases import PRICES, WEEK

FREE = Fraction(0)


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compute in this process: questions this small are answered before another has begun."""
    monkeypatch.setattr("numgenius_core.whatif.sweeps._cores", lambda: 1)


@pytest.mark.parametrize(
    ("question", "tried"),
    [
        (best_price, PRICES[:2]),
        (best_min_gpu, [1, 2]),
        (worth_of_discount, ["0", "0.4"]),
        (best_mix, [(1, 1), (1, 2)]),
        (floor_against_power_cost, None),
    ],
)
def test_each_run_of_an_answer_plays_again(question: Callable[..., Answer], tried: Any) -> None:
    power = Power(price=PerKwh("0.30"), gpu_watts=250, idle_watts=80)
    scenario = evolve(WEEK, power=power)
    given = [] if tried is None else [tried]
    found = question(scenario, *given, runs=2, seed=5).sweep
    assert found.seeds == (5_000_000, 5_000_001)
    for option, outcomes in zip(found.options, found.outcomes, strict=True):
        assert outcomes == tuple(simulate(option.scenario, seed) for seed in found.seeds)


def recorded(*requests: Request, **changes: Any) -> Scenario:
    """Return one machine of 8 GPUs without a fee for five days."""
    facts: dict[str, Any] = {
        "listings": (listing(platform_fee=FREE, floor="0"),),
        "demand": Trace(requests),
        "horizon": Interval(EPOCH, EPOCH + timedelta(days=5)),
    }
    return Scenario(**(facts | changes))


def payers(*limits: str) -> Scenario:
    return recorded(*(wants(0, limit=PerGpuHour(limit)) for limit in limits))


@pytest.mark.parametrize(
    "question",
    [best_price, best_min_gpu, best_mix, worth_of_discount, floor_against_power_cost],
)
def test_how_it_is_computed_is_said_by_name(question: Callable[..., Any]) -> None:
    """Editors show the arguments, and a slip names the function that was called."""
    names = set(signature(sweep).parameters) - {"options"}
    assert names < set(signature(question).parameters)
    with pytest.raises(TypeError, match=rf"{question.__name__}\(\) got an unexpected .* 'run'"):
        question(payers("2"), [], run=2)


class TestBestPrice:
    """The price that earns most from the clients there are."""

    def test_a_known_answer(self) -> None:
        prices = [PerGpuHour(p) for p in ("0.30", "0.50", "0.60")]
        answer = best_price(payers("0.30", "0.50", "0.50"), prices)
        assert answer.value == PerGpuHour("0.50")  # twice 0.50 against three times 0.30
        assert answer.estimate.mean == 1
        assert [str(found) for _, found in answer.differences] == ["-0.10", "-1.00"]

    def test_it_is_of_its_own_sweep(self) -> None:
        one, other = (
            best_price(payers("0.30"), [PerGpuHour(price), PerGpuHour("0.50")])
            for price in ("0.20", "0.30")
        )
        for change, path in (
            ({"best": other.best}, "answer.best"),
            ({"base": other.best}, "answer.base"),
            ({"measure": "gain"}, "measure"),
        ):
            with pytest.raises(RuleViolation) as caught:
                evolve(one, **change)
            assert caught.value.path == path

    def test_another_measure(self) -> None:
        prices = [PerGpuHour(p) for p in ("0.30", "0.50")]
        answer = best_price(payers("0.30", "0.50", "0.50"), prices, measure="rented")
        assert answer.value == PerGpuHour("0.30")

    @pytest.mark.parametrize("measure", LEAST_IS_BEST)
    def test_less_is_better_of_some(self, measure: str) -> None:
        """The price that loses most clients was starred, as the best by ``unserved``."""
        prices = [PerGpuHour("0.30"), PerGpuHour("9"), PerGpuHour("0.60")]
        answer = best_price(WEEK, prices, measure=measure, runs=2, workers=1)
        least = min(answer.sweep.estimate(one, measure).mean for one in answer.sweep.options)
        assert answer.estimate.mean == least
        assert f"the best has the least {measure}" in answer.table().notes
        assert sum("*" in row[0] for row in answer.table().rows) == 1

    def test_where_all_are_equal_none_is_the_best(self) -> None:
        answer = worth_of_discount(payers("0.30"), ["0.2", "0.4"])
        assert answer.table().notes == ("all are equal in profit: none is the best",)
        assert not [row for row in answer.table().rows if "*" in row[0]]
        assert not [row for row in answer.to_dicts() if row["is_best"]]

    @pytest.mark.parametrize("measure", ["profit", "payout", "free", lambda one: one.requests])
    def test_its_dicts_hold_all_that_its_table_shows(self, measure: Any) -> None:
        answer = best_price(WEEK, PRICES, measure=measure, runs=3, workers=1)
        name = name_of(measure)
        for cells, row in zip(answer.table().rows, answer.to_dicts(), strict=True):
            assert cells[0] == f"{row['option']}{' *' if row['is_best'] else ''}"
            assert cells[1] == f"{row[name]:.2f} ± {row[f'{name}_half_width']:.2f}"
            above = (
                f"{row['above_base']:.2f} ± {row['above_base_half_width']:.2f}" if cells[2] else ""
            )
            assert cells[2] == above
            assert row["is_base"] is (row["above_base"] is None)

    def test_one_run_is_never_clear(self) -> None:
        assert not best_price(payers("0.30"), [PerGpuHour("0.30"), PerGpuHour("0.40")]).is_clear

    def test_clear_where_each_run_says_so(self) -> None:
        answer = best_price(WEEK, [PRICES[0], PerGpuHour(90)], runs=5, workers=1)
        assert answer.is_clear
        assert answer.value == PRICES[0]
        alike = best_price(WEEK, [PRICES[1], PRICES[1]], runs=5, workers=1)
        assert not alike.is_clear

    def test_it_shows_its_figures(self) -> None:
        answer = best_price(payers("0.30", "0.50"), [PerGpuHour("0.30"), PerGpuHour("0.50")])
        title, head, first, second, note = str(answer).splitlines()
        assert title == "in 5 d; no power price: profit is the payout"
        assert note == "the best is the lowest price tried: look below it too"
        assert head.startswith("option (* best)")
        assert first.split() == ["price", "0.30", "*", "0.60", "0.2", "%", "0.0", "%"]
        assert second.split()[2:4] == ["0.50", "-0.10"]
        assert answer._repr_html_().count("<tr>") == 4

    def test_a_title_says_how_sure_it_is_and_over_which_time(self) -> None:
        prices = [PerGpuHour(price) for price in ("0.30", "0.40", "0.60")]
        powered = str(best_price(WEEK, prices, runs=2, workers=1)).splitlines()[0]
        assert powered == "in 3 d; ± is half of the 95 % interval"
        free = best_price(evolve(WEEK, power=None), prices, measure="payout", runs=2, workers=1)
        assert str(free).splitlines()[0] == powered


class TestTheEdge:
    """The best of what was tried, where it is an end of it, is no answer yet."""

    @pytest.mark.parametrize(
        ("paid", "tried", "said"),
        [
            ("0.90", ("0.30", "0.40", "0.50"), "highest price tried: look above it too"),
            ("0.30", ("0.50", "0.40", "0.30"), "lowest price tried: look below it too"),
            ("0.40", ("0.30", "0.40", "0.50"), None),
            ("0.90", ("0.50",), "only price tried: look below and above it too"),
            ("0.90", ("0.00",), "only price tried: look above it too"),
        ],
    )
    def test_of_prices(self, paid: str, tried: tuple[str, ...], said: str | None) -> None:
        answer = best_price(payers(paid), [PerGpuHour(price) for price in tried])
        assert answer.is_edge is (said is not None)
        assert answer.table().notes == (() if said is None else (f"the best is the {said}",))

    def test_one_price_is_nothing_sure(self) -> None:
        answer = best_price(WEEK, PRICES[:1], runs=5, workers=1)
        assert (answer.is_clear, answer.is_edge) == (False, True)

    def test_zero_has_none_below_it(self) -> None:
        floors = [PerGpuHour("0.00"), PerGpuHour("0.10")]
        assert not best_price(payers("0.00"), floors).is_edge

    def test_of_floors_and_discounts(self) -> None:
        floors = [PerGpuHour(floor) for floor in ("0.01", "0.02")]
        answer = floor_against_power_cost(WEEK, floors, runs=1, workers=1)
        assert answer.is_edge
        none = worth_of_discount(payers("0.30"), ["0.4"])  # of equal ones the first: no discount
        assert not none.is_edge

    def test_what_has_no_more_beyond_it_has_none(self) -> None:
        assert not best_min_gpu(payers("0.50")).is_edge
        options = vary(payers("0.90"), price=PRICES[:2], min_gpu=[1, 2])
        both = sweep(options, workers=1)
        assert not Answer(best=options[0], base=options[0], measure="profit", sweep=both).is_edge


class TestBestMinGpu:
    """G5: the smallest group that can be rented."""

    def test_small_clients_in_the_way_of_a_large_one(self) -> None:
        crowd = recorded(wants(0), wants(1, gpus=8))
        answer = best_min_gpu(crowd)
        assert [one.value("min_gpu") for one in answer.sweep.options] == [1, 2, 4, 8]
        assert answer.value == 2  # of equal ones the first
        assert answer.estimate.mean == Fraction(16, 5)

    def test_the_sizes_named(self) -> None:
        assert best_min_gpu(recorded(wants(0)), [4, 1]).value == 1

    def test_the_smallest_machine_decides(self) -> None:
        fleet = recorded(wants(0), listings=(listing(), listing(2, 5)))
        assert len(best_min_gpu(fleet).sweep.options) == 3


class TestBestMix:
    """The guide's table of 1, 2, 4 and 8 over a fleet."""

    def test_all_mixes_of_two_machines(self) -> None:
        fleet = recorded(
            *(wants(0) for _ in range(4)),
            wants(1, gpus=8),
            listings=(listing(platform_fee=FREE), listing(2, platform_fee=FREE)),
        )
        answer = best_mix(fleet)
        assert len(answer.sweep.options) == 10
        # One machine takes the small ones, and the other is left whole, whatever its min_gpu.
        assert answer.value == (1, 1)
        assert answer.estimate.mean == Fraction(48, 10)

    def test_the_order_of_like_machines_decides_who_finds_room_later(self) -> None:
        """Two of 2 GPUs at $2; clients of 2, 1, 1 and 2 GPUs, the first for an hour, all others 20.

        With (1, 2) the first is on machine 1 when the second comes, who has to take all of
        machine 2. The third finds one GPU, the last none: 2 + 40 + 20 hours of a GPU. With (2, 1)
        the second and the third share machine 2, and the last has machine 1: 2 + 20 + 20 + 40.
        """
        hour = 3_600
        fleet = recorded(
            Request(after=2 * hour, gpus=2, seconds=hour),
            Request(after=2 * hour, gpus=1, seconds=20 * hour),
            Request(after=4 * hour, gpus=1, seconds=20 * hour),
            Request(after=4 * hour, gpus=2, seconds=20 * hour),
            listings=[listing(number, gpus=2, price="2", platform_fee=FREE) for number in (1, 2)],
        )
        tried = best_mix(fleet, workers=1)
        assert (tried.value, tried.estimate.mean) == ((1, 2), Fraction(124))
        named = best_mix(fleet, [(1, 2), (2, 1)], workers=1)
        assert (named.value, named.estimate.mean) == ((2, 1), Fraction(164))

    def test_unlike_machines_are_tried_both_ways(self) -> None:
        """A client of one GPU at $1, then one of two at $1, then one who pays $2 as well.

        Only if the cheap machine is kept whole does the second client find room, and then the
        first rents nowhere: 24 hours of two GPUs at $1, and of one at $2.
        """
        day = {"seconds": 86_400}
        one, two = PerGpuHour("1"), PerGpuHour("2")
        fleet = recorded(
            wants(0, limit=one, **day),
            wants(1, gpus=2, limit=one, **day),
            wants(2, limit=two, **day),
            listings=tuple(
                listing(n, 2, price, platform_fee=FREE) for n, price in ((1, "1"), (2, "2"))
            ),
        )
        answer = best_mix(fleet)
        tried = [option.value("mix") for option in answer.sweep.options]
        assert tried == [(1, 1), (1, 2), (2, 1), (2, 2)]
        assert answer.value == (2, 1)
        assert answer.estimate.mean == 96

    def test_each_machine_has_its_own_sizes(self) -> None:
        fleet = recorded(wants(0), listings=(listing(1, 1), listing(2, 4), listing(3, 1)))
        tried = {option.value("mix") for option in best_mix(fleet).sweep.options}
        assert tried == {(1, 1, 1), (1, 2, 1), (1, 4, 1)}

    def test_only_machines_that_stay_alike_are_tried_one_way(self) -> None:
        """Their own min_gpu is what is varied; what a relisting makes of them tells them apart."""
        fleet = recorded(wants(0), listings=(listing(1, 2), listing(2, 2, min_gpu=2)))
        assert len(best_mix(fleet).sweep.options) == 3
        soon, dear = EPOCH + timedelta(days=1), listing(2, 2, price="0.90")
        again = (Relisting(at=soon, machine=MachineId(2), listing=dear),)
        assert len(best_mix(evolve(fleet, relistings=again)).sweep.options) == 4
        both = (Relisting(at=soon, machine=MachineId(1), listing=listing(1, 2, "0.90")), *again)
        assert len(best_mix(evolve(fleet, relistings=both)).sweep.options) == 3

    def test_mixes_named(self) -> None:
        fleet = recorded(wants(0), listings=(listing(), listing(2)))
        assert best_mix(fleet, [[8, 8], [8, 1]]).value == (8, 1)

    def test_too_many(self) -> None:
        large = recorded(listings=tuple(listing(n) for n in range(1, 20)))
        with pytest.raises(RuleViolation, match=r"mixes: need at most 1,000, .* got 1,540"):
            best_mix(large)

    def test_too_many_of_different_machines(self) -> None:
        """Four values of each: 4 to the power of 5."""
        fleet = recorded(listings=tuple(listing(n, price=f"0.{n}") for n in range(1, 6)))
        with pytest.raises(RuleViolation, match=r"mixes: need at most 1,000, .* got 1,024"):
            best_mix(fleet)


class TestWorthOfDiscount:
    """G8: 0 opts out; what is a factor worth against that?"""

    def test_a_known_answer(self) -> None:
        limit = PerGpuHour("0.40").scaled(1 - Fraction(4, 10) * Fraction(1, 8))
        stay: dict[str, Any] = {
            "mode": Mode.RESERVED,
            "seconds": 370_286,
            "limit": limit,
        }  # a seventh of a month
        scenario = recorded(wants(0, **stay))
        answer = worth_of_discount(scenario, ["0.4", "0.2"])
        assert [one.value("max_discount") for one in answer.sweep.options] == [0, "0.4", "0.2"]
        assert answer.base.value("max_discount") == 0
        assert answer.value == "0.4"
        (worth, nothing) = (found.mean for _, found in answer.differences)
        assert float(worth) == pytest.approx(0.38 * 370_286 / 3_600, rel=1e-6)
        assert nothing == 0

    def test_zero_is_compared_with_once(self) -> None:
        answer = worth_of_discount(recorded(wants(0)), [0, "0", "0.4"])
        assert [one.value("max_discount") for one in answer.sweep.options] == [0, "0.4"]


class TestFloorAgainstPowerCost:
    """A bid under what electricity costs is a loss."""

    POWER = Power(price=PerKwh("0.20"), gpu_watts=500)

    def test_break_even(self) -> None:
        free = recorded(power=self.POWER)
        assert break_even_floor(free) == PerGpuHour("0.10")
        fleet = evolve(free, listings=(listing(), listing(2, platform_fee=Fraction(1, 3))))
        assert break_even_floor(fleet) == PerGpuHour("0.15")
        odd = evolve(fleet, listings=(listing(platform_fee=Fraction(1, 7)),))
        assert break_even_floor(odd).steps == 116_666_666_667  # rounded up

    @pytest.mark.parametrize(
        ("watts", "gpus", "floor"),
        [
            (1_500, 1, 3),  # of 3 pico-dollars the platform has 1
            (3_200, 1, 6),  # of 5 it has 1.667, so 2: the other 3 are less than 3.2
            (2_600, 1, 4),  # of 4 it has 1.333, so 1
            (2_600, 2, 5),  # two GPUs: of 8 it has 2.667, so 3: the other 5 are less than 5.2
        ],
    )
    def test_what_the_platform_keeps_of_it_is_rounded(
        self, watts: int, gpus: int, floor: int
    ) -> None:
        power = Power(price=PerKwh.from_steps(1), gpu_watts=watts)
        known = listing(gpus=gpus, floor="0", platform_fee=Fraction(1, 3))
        assert break_even_floor(recorded(power=power, listings=(known,))).steps == floor

    def test_break_even_of_the_dearest_fee_ever_published(self) -> None:
        fee = listing(platform_fee=Fraction(1, 3))
        later = Relisting(at=EPOCH, machine=MachineId(1), listing=fee)
        gone = Relisting(at=EPOCH, machine=MachineId(1), listing=None)
        scenario = recorded(power=self.POWER, relistings=(later, gone))
        assert break_even_floor(scenario) == PerGpuHour("0.15")

    def test_a_known_answer(self) -> None:
        scenario = recorded(bids(0, "0.09"), bids(0, "0.12"), bids(0, "0.30"), power=self.POWER)
        answer = floor_against_power_cost(scenario)
        floors = [PerGpuHour(p) for p in ("0", "0.05", "0.10", "0.15", "0.20")]
        assert [one.value("min_bid") for one in answer.sweep.options] == floors
        assert answer.value == PerGpuHour("0.10")
        assert answer.estimate.mean == Fraction(22, 100)

    def test_the_floors_named(self) -> None:
        scenario = recorded(bids(0, "0.09"), power=self.POWER)
        answer = floor_against_power_cost(scenario, [PerGpuHour("0.08"), PerGpuHour("0.09")])
        assert answer.value == PerGpuHour("0.08")

    def test_without_power(self) -> None:
        with pytest.raises(RuleViolation, match=r"scenario.power: need what the machines draw"):
            floor_against_power_cost(recorded())


class TestRefused:
    """Each question takes a scenario."""

    @pytest.mark.parametrize(
        "question",
        [
            lambda: best_price(1, []),  # type: ignore[arg-type]
            lambda: best_min_gpu(1),  # type: ignore[arg-type]
            lambda: best_mix(1),  # type: ignore[arg-type]
            lambda: worth_of_discount(1, []),  # type: ignore[arg-type]
            lambda: floor_against_power_cost(1),  # type: ignore[arg-type]
        ],
    )
    def test_a_wrong_type(self, question: Any) -> None:
        with pytest.raises(WrongType, match="scenario"):
            question()

    def test_mixes_that_are_no_series(self) -> None:
        for mixes in (float("nan"), [8]):
            with pytest.raises(WrongType, match=r"mix(es)?: need a series"):
                best_mix(payers("2"), mixes)  # type: ignore[arg-type]

    @pytest.mark.parametrize("measure", [None, 1, "proffit"])
    def test_a_measure_before_anything_is_simulated(self, measure: Any) -> None:
        told: list[int] = []
        with pytest.raises(RuleViolation, match="measure: need"):
            best_price(
                payers("2"),
                [PerGpuHour(1)],
                measure=measure,
                progress=lambda done, _: told.append(done),
            )
        assert told == []

    def test_money_is_money(self) -> None:
        scenario = recorded(bids(0, "0.09"))
        answer = best_price(scenario, [PerGpuHour("0.4")], measure=lambda one: one.revenue)
        assert answer.estimate.mean == Fraction(9, 100)
        assert PerHour("0.09").charge(3_600) == Money("0.09")
