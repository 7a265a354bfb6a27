"""The fleet plan: every machine once, at most k down at once, beside CP-SAT and brute force."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import product
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, strategies as st

from effort import examples, up_to
from numgenius_core.contracts import Contract
from numgenius_core.errors import RuleViolation, WrongType
from numgenius_core.ids import AccountId, ContractId, MachineId
from numgenius_core.intervals import Interval
from numgenius_core.listing import Mode, PriceTerms
from numgenius_core.maintenance import (
    FleetPlan,
    Proof,
    Weights,
    aligned_starts,
    disturbances,
    plan_fleet,
)
from numgenius_core.maintenance._assignment import Problem, solve
from numgenius_core.money import Money
from numgenius_core.offer import Block
from numgenius_core.rates import PerGpuHour

T0 = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
Fleet = dict[MachineId, list[Contract]]


def hours(a: int, b: int) -> Interval:
    return Interval(T0 + a * HOUR, T0 + b * HOUR)


def contract(machine: int, a: int, b: int | None, *, number: int = 1, gpu: str = "1") -> Contract:
    return Contract(
        id=ContractId(number),
        machine=MachineId(machine),
        host=AccountId("host"),
        client=AccountId("client"),
        mode=Mode.ON_DEMAND,
        block=Block(start=0, size=1),
        prices=PriceTerms(gpu=PerGpuHour(gpu)),
        start=T0 + a * HOUR,
        end=None if b is None else T0 + b * HOUR,
    )


@st.composite
def fleets(draw: st.DrawFn, machines: int, horizon: int) -> Fleet:
    fleet: Fleet = {}
    for key in range(draw(st.integers(1, machines))):
        spans = draw(st.lists(st.tuples(st.integers(-4, horizon), st.integers(1, 9)), max_size=4))
        price = draw(st.sampled_from(["0", "0.3", "1", "2.5"]))
        fleet[MachineId(key)] = [
            contract(key, a, a + n, number=i, gpu=price) for i, (a, n) in enumerate(spans)
        ]
    return fleet


WEIGHTS = st.builds(
    Weights,
    contracts=st.sampled_from([Fraction(1), Fraction(1, 1000)]),
    gpu_hours=st.sampled_from([Fraction(0), Fraction(1, 7)]),
    payout=st.sampled_from([Fraction(0), Fraction(1)]),
)


def losses_of(
    fleet: Fleet, starts: Sequence[datetime], length: timedelta, weights: Weights
) -> list[list[Fraction]]:
    """Return the loss of each machine at each start, by the definition."""
    return [
        [weights.loss(disturbances(fleet[key], Interval(at, at + length))) for at in starts]
        for key in sorted(fleet)
    ]


def cp_sat(
    costs: Sequence[Sequence[int]], times: Sequence[int], length: int, at_once: int
) -> int | None:
    """Return the least loss, ``None`` if there is no plan: another solver, another model."""
    cp_model = pytest.importorskip("ortools.sat.python.cp_model")
    model = cp_model.CpModel()
    takes = [[model.new_bool_var("") for _ in times] for _ in costs]
    for row in takes:
        model.add_exactly_one(row)
    for at in times:
        down = [j for j, begin in enumerate(times) if begin <= at < begin + length]
        model.add(sum(row[j] for row in takes for j in down) <= at_once)
    pairs = zip(costs, takes, strict=True)
    model.minimize(sum(c * x for cs, xs in pairs for c, x in zip(cs, xs, strict=True)))
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    status = solver.solve(model)
    if status == cp_model.INFEASIBLE:
        return None
    assert status == cp_model.OPTIMAL
    return int(round(solver.objective_value))  # noqa: RUF046 - it is typed as Any


def is_legal(plan: FleetPlan, fleet: Fleet, at_once: int) -> bool:
    """Return whether every machine is down once, and never too many at an instant."""
    periods = [each.window for each in plan.windows]
    machines = [each.machine for each in plan.windows]
    busiest = max(sum(at.start in other for other in periods) for at in periods)
    return machines == sorted(fleet) and busiest <= at_once


def bound_of(
    losses: list[list[Fraction]],
    starts: Sequence[datetime],
    length: timedelta,
    at_once: int,
    prices: Sequence[Fraction],
) -> Fraction:
    """Return what no plan can go below, as ``FleetPlan.prices`` says: from the words alone."""
    least = Fraction(0)
    for row in losses:
        least += min(
            loss
            + sum(
                price
                for at, price in zip(starts, prices, strict=True)
                if 0 <= (at - start).total_seconds() < length.total_seconds()
            )
            for loss, start in zip(row, starts, strict=True)
        )
    return least - at_once * sum(prices)


class TestAlignedStarts:
    """Our statement of the problem: aligned starts make it an assignment, solved to the optimum."""

    @examples(60)
    @given(fleet=fleets(machines=6, horizon=16), at_once=st.integers(1, 3), weights=WEIGHTS)
    def test_a_certificate_holds_and_nothing_is_cheaper(
        self, fleet: Fleet, at_once: int, weights: Weights
    ) -> None:
        starts, length = aligned_starts(hours(0, 16), 4 * HOUR), 4 * HOUR
        if len(fleet) > at_once * len(starts):
            with pytest.raises(RuleViolation, match=f"at most {at_once * len(starts)}"):
                plan_fleet(fleet, starts, length, at_once=at_once, weights=weights)
            return
        plan = plan_fleet(fleet, starts, length, at_once=at_once, weights=weights)
        losses = losses_of(fleet, starts, length, weights)
        assert is_legal(plan, fleet, at_once)
        assert plan.proof is Proof.PRICES
        assert plan.loss == plan.bound == bound_of(losses, starts, length, at_once, plan.prices)
        cheapest = min(
            sum(row[j] for row, j in zip(losses, taken, strict=True))
            for taken in product(range(len(starts)), repeat=len(losses))
            if max(map(taken.count, taken)) <= at_once
        )
        assert plan.loss == cheapest

    def test_larger_fleets_against_cp_sat(self) -> None:
        rng = random.Random(5)
        for trial in range(40):
            count, width, at_once = rng.randint(1, 40), rng.randint(3, 15), rng.randint(1, 5)
            count = min(count, width * at_once)
            costs = [[rng.randrange(1, 60) for _ in range(width)] for _ in range(count)]
            times = [10 * j for j in range(width)]
            problem = Problem(costs=costs, times=times, length=10, at_once=at_once)
            taken, prices, bound, proof = solve(problem, 0)
            assert proof is Proof.PRICES
            assert bound == problem.total(taken) == problem.bound(prices), trial
            assert bound == cp_sat(costs, times, 10, at_once), trial


class TestStartsThatOverlap:
    """Issue, (d): "exact with a certificate for small fleets, greedy with its bound otherwise"."""

    def test_against_cp_sat(self) -> None:
        rng = random.Random(7)
        proven = 0
        for trial in range(up_to(120, 40)):
            width, length, at_once = rng.randint(2, 14), rng.randint(2, 5), rng.randint(1, 3)
            times = sorted(rng.sample(range(30), width))
            times = [t - times[0] for t in times]
            count = rng.randint(1, 9)
            costs = [[rng.randrange(30) * 3 for _ in range(width)] for _ in range(count)]
            optimum = cp_sat(costs, times, length, at_once)
            problem = Problem(costs=costs, times=times, length=length, at_once=at_once)
            if optimum is None:
                continue
            taken, prices, bound, proof = solve(problem, rng.choice([0, 50, 20_000]))
            total = problem.total(taken)
            down = [sum(times[j] <= t < times[j] + length for j in taken) for t in range(40)]
            assert max(down) <= at_once
            assert min(prices) >= 0
            assert problem.bound(prices) <= bound <= optimum <= total, trial
            if proof is not Proof.NONE:
                assert bound == optimum == total, trial
                proven += 1
        assert proven > up_to(60, 15)

    @examples(40)
    @given(fleet=fleets(machines=4, horizon=12), at_once=st.integers(1, 2), weights=WEIGHTS)
    def test_small_fleets_are_proven(self, fleet: Fleet, at_once: int, weights: Weights) -> None:
        starts, length = aligned_starts(hours(0, 12), 3 * HOUR, HOUR), 3 * HOUR
        plan = plan_fleet(fleet, starts, length, at_once=at_once, weights=weights)
        losses = losses_of(fleet, starts, length, weights)
        assert is_legal(plan, fleet, at_once)
        assert plan.is_optimal
        assert plan.gap == 0
        assert bound_of(losses, starts, length, at_once, plan.prices) <= plan.bound == plan.loss

    def test_room_is_what_fits_side_by_side(self) -> None:
        fleet = {MachineId(i): [contract(i, 0, 1)] for i in range(9)}
        starts = aligned_starts(hours(0, 8), 2 * HOUR, HOUR)
        with pytest.raises(RuleViolation, match="at most 8 machines"):
            plan_fleet(fleet, starts, 2 * HOUR, at_once=2)

    def test_without_effort_the_bound_says_how_far(self) -> None:
        costs = [[4, 0, 4], [4, 0, 4]]  # both want the middle, which blocks both sides
        problem = Problem(costs=costs, times=[0, 2, 4], length=3, at_once=1)
        taken, _, bound, _ = solve(problem, 0)
        assert (sorted(taken), problem.total(taken)) == ([0, 2], 8)
        assert bound <= 8
        assert solve(problem, 100)[3] is not Proof.NONE

    def test_a_plan_that_prices_do_not_rule_out_may_still_be_a_worse_one(self) -> None:
        """With prices a plan may look better than the best one; its plain losses decide."""
        costs = [[0, 4, 1, 4], [3, 0, 5, 3]]
        problem = Problem(costs=costs, times=[0, 1, 3, 7], length=3, at_once=1)
        taken, _, bound, proof = solve(problem, 1_000)
        assert (taken, bound, proof) == ([0, 3], 3, Proof.SEARCH)
        assert problem.total(taken) == 3

    def test_the_bound_of_prices_comes_close_for_large_fleets(self) -> None:
        """PERFORMANCE: at most 3.5 % over the bound; here 60 machines, without any search."""
        rng = random.Random(3)
        costs = [[rng.randrange(1, 1_000) for _ in range(48)] for _ in range(60)]
        times = [2 * j for j in range(48)]
        problem = Problem(costs=costs, times=times, length=4, at_once=3)
        taken, prices, bound, _ = solve(problem, 0)
        total = problem.total(taken)
        assert Fraction(965, 1_000) * total <= bound == problem.bound(prices) <= total


class TestThePlan:
    """Issue, (d): "every machine once before a deadline, at most k down at once"."""

    def test_says_who_is_disturbed(self) -> None:
        fleet = {MachineId(1): [contract(1, 0, 8, number=4)], MachineId(2): [contract(2, 0, 4)]}
        starts = aligned_starts(hours(0, 8), 4 * HOUR)
        plan = plan_fleet(fleet, starts, 4 * HOUR, at_once=1)
        first, second = plan.windows
        assert (first.machine, first.window) == (1, hours(0, 4))
        assert [each.contract.id for each in first.disturbed] == [4]
        assert (second.window, second.disturbed, second.loss) == (hours(4, 8), (), Fraction(0))
        assert [plan.loss, plan.bound, plan.gap] == [1, 1, 0]

    def test_refunds_count(self) -> None:
        fleet = {MachineId(1): [contract(1, 0, 4, number=4), contract(1, 4, 8, number=5)]}
        starts = aligned_starts(hours(0, 8), 4 * HOUR)
        owed = {ContractId(4): Money(3)}
        weights = Weights(refunds=Fraction(1, 2))
        plan = plan_fleet(fleet, starts, 4 * HOUR, at_once=1, weights=weights, refunds=owed)
        assert plan.windows[0].window == hours(4, 8)
        assert plan.loss == 1

    def test_machines_are_in_order_of_their_ids(self) -> None:
        fleet: Fleet = {MachineId(2): [], MachineId(1): []}
        plan = plan_fleet(fleet, [T0, T0 + HOUR], HOUR, at_once=1)
        assert [each.machine for each in plan.windows] == [1, 2]

    def test_a_loss_of_zero_has_no_gap(self) -> None:
        plan = plan_fleet({MachineId(1): []}, [T0, T0, T0 + HOUR], HOUR, at_once=1)
        assert [plan.loss, plan.gap, plan.windows[0].window] == [0, 0, hours(0, 1)]
        assert len(plan.prices) == 2

    def test_it_prints_when_each_machine_is_down_and_what_that_loses(self) -> None:
        fleet = {MachineId(1): [contract(1, 0, 8, number=4, gpu="2")], MachineId(2): []}
        owed = {ContractId(4): Money(3)}
        starts = aligned_starts(hours(0, 8), 4 * HOUR)
        plan = plan_fleet(fleet, starts, 4 * HOUR, at_once=1, refunds=owed)
        title, head, first, second, note = str(plan).splitlines()
        assert title == "a loss of 1; no plan for these starts loses less"
        assert note == "loss: contracts"
        assert head.split("  ")[-3:] == ["payout lost $", "refunds $", "loss"]
        day = "2026-03-02"
        when, lost = [day, "00:00:00", day, "04:00:00"], ["4.00", "8.00", "3.00"]
        assert first.split() == ["1", *when, "1", *lost, "1"]
        assert second.split()[-4:] == ["0.00", "0.00", "0.00", "0"]
        assert plan.to_dicts()[0]["payout"] == 8.0
        unproven = evolve(plan, loss=Fraction(3), bound=Fraction(9, 4), proof=Proof.NONE)
        assert str(unproven).startswith("a loss of 3; none is below 2.25\n")

    def test_a_gap_is_the_share_not_proven(self) -> None:
        plan = plan_fleet({MachineId(1): [contract(1, 0, 9)]}, [T0], HOUR, at_once=1)
        open_plan = evolve(plan, loss=Fraction(3), bound=Fraction(9, 4), proof=Proof.NONE)
        assert (open_plan.gap, open_plan.is_optimal) == (Fraction(1, 4), False)


class TestStarts:
    """Starts at equal distances, whose windows end before the deadline."""

    def test_tile_the_period(self) -> None:
        assert aligned_starts(hours(0, 7), 3 * HOUR) == (T0, T0 + 3 * HOUR)
        assert len(aligned_starts(hours(0, 7), 3 * HOUR, HOUR)) == 5
        assert aligned_starts(hours(0, 3), 3 * HOUR) == (T0,)

    @pytest.mark.parametrize(
        ("arguments", "error"),
        [
            ((None, HOUR), WrongType),
            ((hours(0, 1), 2 * HOUR), RuleViolation),
            ((hours(0, 1), 0 * HOUR), RuleViolation),
            ((hours(0, 1), HOUR, 0 * HOUR), RuleViolation),
            ((hours(0, 1), 3), WrongType),
        ],
    )
    def test_wrong_ones_are_refused(self, arguments: Any, error: type[Exception]) -> None:
        with pytest.raises(error):
            aligned_starts(*arguments)


class TestWrongInput:
    """Nothing but our errors reaches a caller."""

    @pytest.mark.parametrize(
        ("change", "error"),
        [
            ({"fleet": 3}, WrongType),
            ({"fleet": {}}, RuleViolation),
            ({"fleet": {"a": []}}, WrongType),
            ({"fleet": {1: 3}}, WrongType),
            ({"fleet": {1: [3]}}, WrongType),
            ({"fleet": {2: [contract(1, 0, 1)]}}, RuleViolation),
            ({"starts": []}, RuleViolation),
            ({"starts": [3]}, WrongType),
            ({"starts": 3}, WrongType),
            ({"length": 0 * HOUR}, RuleViolation),
            ({"at_once": 0}, RuleViolation),
            ({"effort": -1}, RuleViolation),
            ({"weights": 1}, WrongType),
            ({"refunds": 1}, WrongType),
        ],
    )
    def test_is_refused(self, change: dict[str, Any], error: type[Exception]) -> None:
        call: dict[str, Any] = {
            "fleet": {1: [contract(1, 0, 1)]},
            "starts": [T0],
            "length": HOUR,
            "at_once": 1,
            **change,
        }
        with pytest.raises(error):
            plan_fleet(call.pop("fleet"), call.pop("starts"), call.pop("length"), **call)
