"""The optimum, against brute force and an integer programme."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, strategies as st

from auction_cases import (
    CENT,
    bid,
    cents,
    floor_of,
    on_demand,
    pool_bid,
    pool_block,
    random_bids,
    random_claims,
    random_pool,
)
from effort import up_to
from numgenius_core.bids import (
    Claim,
    Optimum,
    PoolBid,
    PoolBlock,
    Rank,
    best_packing,
    best_runners,
    compare_with_optimum,
    resolve,
)
from numgenius_core.errors import NumgeniusError, RuleViolation, WrongType
from numgenius_core.ids import ContractId, MachineId
from numgenius_core.offer import Block
from numgenius_core.rates import PerGpuHour, PerHour


def slots(claim: Claim) -> frozenset[int]:
    return frozenset(claim.block.slots)


def candidates(claims: Sequence[Claim], floor: PerGpuHour) -> list[Claim]:
    """Return the bids that may run at all: not under the floor, not on an on-demand GPU."""
    held: set[int] = set()
    for claim in claims:  # in order of arrival
        if claim.rank is Rank.ON_DEMAND and held.isdisjoint(slots(claim)):
            held |= slots(claim)
    return [
        claim
        for claim in claims
        if claim.bid is not None
        and Fraction(claim.bid.steps, claim.block.size) >= floor.steps
        and held.isdisjoint(slots(claim))
    ]


def best_by_trying_all(claims: Sequence[Claim], floor: PerGpuHour) -> int:
    """Return the most that any disjoint set of bids pays, by going through all of them."""
    most = 0
    bids = candidates(claims, floor)

    def go(index: int, used: frozenset[int], paid: int) -> None:
        nonlocal most
        most = max(most, paid)
        for i in range(index, len(bids)):
            price = bids[i].bid
            if price is not None and used.isdisjoint(slots(bids[i])):
                go(i + 1, used | slots(bids[i]), paid + price.steps)

    go(0, frozenset(), 0)
    return most


def check_runners(best: Optimum, claims: Sequence[Claim], floor: PerGpuHour) -> None:
    """Check that the runners are candidates, disjoint, and pay what is said."""
    known = {claim.id: claim for claim in candidates(claims, floor)}
    used: set[int] = set()
    for runner in best.runners:
        assert runner.block == known[runner.id].block
        assert runner.price == known[runner.id].bid
        assert used.isdisjoint(runner.block.slots)
        used.update(runner.block.slots)
    assert best.revenue.steps == sum(runner.price.steps for runner in best.runners)
    assert list(best.runners) == sorted(best.runners, key=lambda runner: runner.block.start)


def solved(
    weights: Sequence[int], clashes: Iterable[Sequence[tuple[int, int]]], room: Sequence[int]
) -> int:
    """Return the optimum of an integer programme: 0/1 variables, one capacity for each row."""
    cp_model: Any = pytest.importorskip("ortools.sat.python.cp_model")
    model = cp_model.CpModel()
    runs = [model.new_bool_var(f"x{i}") for i in range(len(weights))]
    for row, capacity in zip(clashes, room, strict=True):
        if row:
            model.add(sum(need * runs[i] for i, need in row) <= capacity)
    model.maximize(sum(weight * run for weight, run in zip(weights, runs, strict=True)))
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    assert solver.solve(model) == cp_model.OPTIMAL
    return int(solver.objective_value + 0.5)


class TestBestRunners:
    """DOMAIN 5: the revenue-maximal set of runners is exactly computable.

    "Contracts on one machine with a power-of-two m hold nested blocks, so the revenue-maximal set
    of runners is exactly computable bottom-up on the tree; priority order and the optimum differ,
    and both answers are useful."
    """

    def test_two_cheap_halves_beat_one_dear_gpu(self) -> None:
        claims = [bid(1, 1, 0, 50), bid(2, 4, 0, 120), bid(3, 4, 4, 100)]
        best = best_runners(claims)
        assert best.ids == {2, 3}
        assert best.revenue == PerHour("2.2")

    def test_it_equals_trying_all_sets_on_small_machines(self) -> None:
        rng = random.Random(11)
        for case in range(up_to(4_000, 500)):
            gpus = rng.randint(1, 8)
            claims = random_claims(rng, gpus, rng.randint(1, gpus), rng.randint(0, 9))
            floor = floor_of(rng.choice([0, 0, 2, 5]))
            best = best_runners(claims, floor)
            assert best.revenue.steps == best_by_trying_all(claims, floor), case
            check_runners(best, claims, floor)

    def test_it_equals_an_integer_programme_on_larger_machines(self) -> None:
        rng = random.Random(12)
        for case in range(up_to(300, 50)):
            gpus = rng.choice([8, 12, 14, 16, 31, 64])
            claims = random_claims(rng, gpus, rng.choice([1, 1, 2, 3, 4, 6]), rng.randint(10, 60))
            floor = floor_of(rng.choice([0, 3]))
            bids = candidates(claims, floor)
            rows = [[(i, 1) for i, c in enumerate(bids) if p in slots(c)] for p in range(gpus)]
            weights = [c.bid.steps // CENT for c in bids if c.bid is not None]
            best = best_runners(claims, floor)
            assert best.revenue.steps // CENT == solved(weights, rows, [1] * gpus), case
            check_runners(best, claims, floor)

    def test_equal_bids_for_one_block_run_by_arrival(self) -> None:
        later, earlier = bid(5, 2, 0, 10), bid(4, 2, 0, 10)
        assert best_runners([later, earlier]).ids == {4}
        assert best_runners([earlier, later]).ids == {4}

    def test_the_order_of_input_does_not_matter(self) -> None:
        rng = random.Random(13)
        for _ in range(200):
            claims = random_claims(rng, 8, 1, 12)
            shuffled = rng.sample(claims, len(claims))
            assert best_runners(claims) == best_runners(shuffled)

    def test_on_demand_claims_keep_their_gpus(self) -> None:
        claims = [on_demand(1, 4, 0), bid(2, 8, 0, 999), bid(3, 4, 4, 1), bid(4, 2, 0, 9)]
        assert best_runners(claims).ids == {3}

    def test_an_on_demand_claim_that_waits_holds_nothing(self) -> None:
        claims = [on_demand(1, 1, 0), on_demand(2, 2, 0), bid(3, 1, 1, 5)]
        assert best_runners(claims).ids == {3}

    def test_the_floor_is_a_reserve_per_gpu(self) -> None:
        claims = [bid(1, 4, 0, 39), bid(2, 4, 4, 40)]
        assert best_runners(claims, floor_of(10)).ids == {2}
        assert best_runners(claims, floor_of(11)).ids == set()

    def test_blocks_may_overlap_without_nesting(self) -> None:
        claims = [bid(1, 6, 0, 60), bid(2, 8, 4, 70), bid(3, 6, 6, 30)]  # 12 GPUs, min_gpu 6
        assert best_runners(claims).ids == {1, 3}

    def test_nothing_to_run_earns_nothing(self) -> None:
        assert best_runners([]) == Optimum(runners=(), revenue=PerHour(0))
        assert best_runners([on_demand(1, 8, 0)]).ids == set()

    def test_the_largest_prices_add_up_exactly(self) -> None:
        dearest = PerHour(32)
        claims = [
            Claim.bidding(ContractId(i), Block(i, 1), dearest, arrival=i) for i in range(4_096)
        ]
        assert best_runners(claims).revenue.steps == 4_096 * 32 * 10**12

    @pytest.mark.parametrize(
        ("claims", "error"),
        [
            ([1], WrongType),
            (["bid"], WrongType),
            ([bid(1, 1, 0, 5), bid(1, 1, 1, 5)], RuleViolation),
        ],
    )
    def test_what_is_no_set_of_claims_is_refused(
        self, claims: Any, error: type[NumgeniusError]
    ) -> None:
        with pytest.raises(error, match="claims"):
            best_runners(claims)

    def test_a_floor_is_per_gpu(self) -> None:
        with pytest.raises(WrongType, match="floor"):
            best_runners([], PerHour(1))  # type: ignore[arg-type]


class TestCompare:
    """DOMAIN 5: "priority order and the optimum differ, and both answers are useful"."""

    def test_one_dear_gpu_keeps_seven_waiting(self) -> None:
        told = compare_with_optimum([bid(1, 1, 0, 100), bid(2, 8, 0, 400)])
        assert told.priority.ids == {1}
        assert told.optimum.ids == {2}
        assert told.left_on_table == PerHour(3)
        assert told.share_lost == Fraction(3, 4)
        assert told.only_by_priority == {1}
        assert told.only_in_optimum == {2}

    def test_priority_is_what_resolve_says(self) -> None:
        rng = random.Random(14)
        for _ in range(300):
            claims, floor = random_claims(rng, 8, 1, 10), floor_of(2)
            told = compare_with_optimum(claims, floor)
            running = {c.id for c in resolve(claims, floor).running if c.rank is Rank.BID}
            assert told.priority.ids == running
            check_runners(told.priority, claims, floor)
            assert told.optimum == best_runners(claims, floor)
            assert told.left_on_table.steps >= 0
            assert told.only_by_priority == running - told.optimum.ids
            assert told.only_in_optimum == told.optimum.ids - running

    def test_no_bids_lose_nothing(self) -> None:
        assert compare_with_optimum([]).share_lost == 0
        assert compare_with_optimum([]).left_on_table == PerHour(0)

    def test_bids_alike_leave_nothing_on_the_table(self) -> None:
        assert not compare_with_optimum([bid(i, 2, 2 * i, 10) for i in range(4)]).left_on_table


def best_packing_by_trying_all(
    free: Sequence[PoolBlock], asked: Sequence[PoolBid], floor: int
) -> int:
    """Return the most that fits, by giving each bid every aligned block in turn."""
    rooms = [
        (s.machine, p, p + size)
        for s in free
        for size in {r.gpus for r in asked}
        for p in range(s.block.start, s.block.end - size + 1, size)
    ]
    takes_part = [r for r in asked if r.price.steps >= floor * CENT * r.gpus]
    memo: dict[tuple[int, frozenset[tuple[int, int]]], int] = {}

    def go(index: int, used: frozenset[tuple[int, int]]) -> int:
        if index == len(takes_part):
            return 0
        if (index, used) not in memo:
            most = go(index + 1, used)
            for machine, a, z in rooms:
                cells = frozenset((machine, p) for p in range(a, z))
                if z - a == takes_part[index].gpus and used.isdisjoint(cells):
                    most = max(most, takes_part[index].price.steps + go(index + 1, used | cells))
            memo[index, used] = most
        return memo[index, used]

    return go(0, frozenset())


def check_packing(best: Optimum, free: Sequence[PoolBlock], asked: Sequence[PoolBid]) -> None:
    """Check that all have the GPUs asked for, in a free block, aligned, and nobody shares one."""
    known = {r.id: r for r in asked}
    used: set[tuple[int | None, int]] = set()
    for runner in best.runners:
        assert runner.block.size == known[runner.id].gpus
        assert runner.price == known[runner.id].price
        assert runner.block.start % runner.block.size == 0
        assert any(s.machine == runner.machine and s.block.contains(runner.block) for s in free)
        cells = {(runner.machine, p) for p in runner.block.slots}
        assert used.isdisjoint(cells)
        used |= cells
    assert len(best.ids) == len(best.runners)
    assert best.revenue.steps == sum(runner.price.steps for runner in best.runners)


class TestBestPacking:
    """Bids that ask for k GPUs anywhere on the machine or pool.

    Exact for powers of two, with the packing that proves it.
    """

    def test_two_small_ones_beat_a_dearer_large_one(self) -> None:
        asked = [pool_bid(1, 4, 100), pool_bid(2, 2, 60), pool_bid(3, 2, 50), pool_bid(4, 1, 5)]
        best = best_packing([pool_block(1, 4)], asked)
        assert best.ids == {2, 3}
        assert best.revenue == PerHour("1.1")

    def test_an_odd_one_out_may_leave_gpus_idle(self) -> None:
        best = best_packing(
            [pool_block(1, 4)], [pool_bid(1, 1, 90), pool_bid(2, 2, 10), pool_bid(3, 4, 80)]
        )
        assert best.ids == {1, 2}

    def test_it_equals_trying_all_packings_on_small_pools(self) -> None:
        rng = random.Random(21)
        for case in range(up_to(1_500, 250)):
            free = random_pool(rng, rng.randint(1, 2), 5)
            asked = random_bids(rng, rng.randint(0, 6), [1, 1, 2, 2, 4])
            floor = rng.choice([0, 0, 3])
            best = best_packing(free, asked, floor=floor_of(floor))
            assert best.revenue.steps == best_packing_by_trying_all(free, asked, floor), case
            check_packing(best, free, asked)

    def test_it_equals_an_integer_programme_on_larger_pools(self) -> None:
        # Bids for at least s GPUs use at most the aligned blocks of size s there are: for powers of
        # two this is all that matters, as the packings of the small cases show.
        rng = random.Random(22)
        for case in range(up_to(300, 50)):
            free = random_pool(rng, rng.randint(1, 8), 32)
            asked = random_bids(rng, rng.randint(10, 50), [1, 1, 2, 2, 4, 8, 16])
            sizes = [1, 2, 4, 8, 16]
            rows = [[(i, r.gpus // s) for i, r in enumerate(asked) if r.gpus >= s] for s in sizes]
            room = [sum(s.block.size // size for s in free) for size in sizes]
            best = best_packing(free, asked)
            weights = [r.price.steps // CENT for r in asked]
            assert best.revenue.steps // CENT == solved(weights, rows, room), case
            check_packing(best, free, asked)

    def test_equal_bids_run_by_arrival(self) -> None:
        asked = [pool_bid(7, 1, 10), pool_bid(3, 1, 10), pool_bid(5, 1, 10)]
        assert best_packing([pool_block(1, 2)], asked).ids == {7, 3}

    def test_the_floor_is_a_reserve_per_gpu(self) -> None:
        asked = [pool_bid(1, 4, 39), pool_bid(2, 2, 20)]
        assert best_packing([pool_block(1, 8)], asked, floor=floor_of(10)).ids == {2}

    @pytest.mark.parametrize("machines", [(0, 1), (1, 2)])
    def test_runners_come_by_machine_and_then_by_place(self, machines: tuple[int, int]) -> None:
        first, second = machines
        free = [pool_block(second, 1), pool_block(first, 1, 4), pool_block(first, 2, 2)]
        asked = [pool_bid(number, 1, 5) for number in range(4)]
        rooms = [(r.machine, r.block.start) for r in best_packing(free, asked).runners]
        assert rooms == [(first, 2), (first, 3), (first, 4), (second, 0)]

    def test_a_bid_larger_than_every_block_waits(self) -> None:
        best = best_packing(
            [pool_block(1, 2), pool_block(2, 2)], [pool_bid(1, 4, 99), pool_bid(2, 1, 1)]
        )
        assert best.ids == {2}

    def test_a_bid_of_nothing_does_not_run(self) -> None:
        assert best_packing([pool_block(1, 2)], [pool_bid(1, 1, 0)]).ids == set()

    def test_nothing_to_give_or_nobody_asking(self) -> None:
        nothing = Optimum(runners=(), revenue=PerHour(0))
        assert best_packing([], [pool_bid(1, 1, 5)]) == nothing
        assert best_packing([pool_block(1, 8)], []) == nothing

    @given(st.lists(st.tuples(st.sampled_from([1, 2, 4, 8]), st.integers(1, 99)), max_size=12))
    def test_room_for_all_lets_all_run(self, asked: list[tuple[int, int]]) -> None:
        bids = [pool_bid(i, n, price) for i, (n, price) in enumerate(asked)]
        free = [pool_block(i, n) for i, (n, _) in enumerate(asked)]
        assert best_packing(free, bids).ids == {bid.id for bid in bids}

    def test_overlapping_blocks_are_refused(self) -> None:
        with pytest.raises(RuleViolation, match="disjoint"):
            best_packing([pool_block(1, 4), pool_block(1, 2, 2)], [])

    def test_one_bid_twice_is_refused(self) -> None:
        with pytest.raises(RuleViolation, match="one for each id"):
            best_packing([pool_block(1, 4)], [pool_bid(1, 1, 5), pool_bid(1, 2, 5)])

    def test_what_is_no_block_bid_or_floor_is_refused(self) -> None:
        with pytest.raises(WrongType, match="blocks"):
            best_packing([4], [])  # type: ignore[list-item]
        with pytest.raises(WrongType, match="bids"):
            best_packing([], [bid(1, 1, 0, 5)])  # type: ignore[list-item]
        with pytest.raises(WrongType, match="floor"):
            best_packing([], [], floor=PerHour(1))  # type: ignore[arg-type]

    @pytest.mark.parametrize("gpus", [0, 3, 6, 8_192, True, 2.0])
    def test_a_pool_bid_is_for_a_power_of_two(self, gpus: Any) -> None:
        with pytest.raises(RuleViolation, match=r"pool_bid\.gpus"):
            PoolBid(id=ContractId(1), gpus=gpus, price=cents(1))

    def test_a_pool_bid_is_priced_as_a_whole(self) -> None:
        with pytest.raises(WrongType, match=r"pool_bid\.price"):
            PoolBid(id=ContractId(1), gpus=1, price=PerGpuHour(1))  # type: ignore[arg-type]
        with pytest.raises(WrongType, match=r"pool_bid\.id"):
            PoolBid(id="1", gpus=1, price=cents(1))  # type: ignore[arg-type]

    @pytest.mark.parametrize(("size", "start"), [(3, 0), (2, 1), (4, 2)])
    def test_a_pool_block_can_be_halved_down_to_one_gpu(self, size: int, start: int) -> None:
        with pytest.raises(RuleViolation, match=r"pool_block\.block"):
            pool_block(1, size, start)

    def test_a_pool_block_is_a_block_of_a_machine(self) -> None:
        with pytest.raises(WrongType, match=r"pool_block\.block"):
            PoolBlock(machine=MachineId(1), block=4)  # type: ignore[arg-type]
        with pytest.raises(RuleViolation, match=r"pool_block\.machine"):
            pool_block(-1, 4)
