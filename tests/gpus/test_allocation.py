"""Taking and freeing blocks, best fit, packing, and what fragmentation costs."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import product
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from numgenius_core.errors import NumgeniusError, RuleViolation, WrongType
from numgenius_core.gpus import (
    FreeGpus,
    best_fit,
    blocks,
    first_fit,
    fragmentation,
    free_blocks,
    pack,
    release,
    take,
)
from numgenius_core.offer import Block
from numgenius_core.rates import PerGpuHour, PerHour
from numgenius_core.testing import machine_shapes

SMALL = [(gpus, 1 << k) for gpus in range(1, 10) for k in range(gpus.bit_length())]
Cell = tuple[int, int]  # start, size


def offered(gpus: int, min_gpu: int) -> set[Cell]:
    """Cut the machine as the guide says: (start, size) of every block."""
    cuts = {min_gpu, gpus} | {2**k for k in range(13) if min_gpu < 2**k < gpus}
    return {(a, min(cut, gpus - a)) for cut in cuts for a in range(0, gpus, cut)}


def is_free(cell: Cell, free: int) -> bool:
    return all(free >> p & 1 for p in range(cell[0], cell[0] + cell[1]))


def inside(a: Cell, b: Cell) -> bool:
    return b[0] <= a[0] and a[0] + a[1] <= b[0] + b[1]


def as_cell(block: Block | None) -> Cell | None:
    return None if block is None else (block.start, block.size)


def rentable(gpus: int, min_gpu: int, free: int) -> list[Block]:
    return [Block(a, n) for a, n in sorted(offered(gpus, min_gpu)) if is_free((a, n), free)]


@st.composite
def states(draw: st.DrawFn) -> tuple[int, int, int]:
    """Return a machine of up to 64 GPUs and its free GPUs."""
    gpus, min_gpu = draw(machine_shapes())
    return gpus, min_gpu, draw(st.integers(0, (1 << gpus) - 1))


class TestTakeAndFree:
    """DOMAIN 3: "A block is rentable on demand iff none of its GPUs is held"."""

    @given(states(), st.data())
    def test_free_then_merge_restores(
        self, state: tuple[int, int, int], data: st.DataObject
    ) -> None:
        gpus, min_gpu, free = state
        there = rentable(gpus, min_gpu, free)
        assume(there)
        block = data.draw(st.sampled_from(there))
        left = take(free, block)
        assert left & block.gpu_set == 0
        assert left | block.gpu_set == free
        assert release(left, block) == free
        assert rentable(gpus, min_gpu, release(left, block)) == there

    @given(states(), st.randoms(use_true_random=False))
    def test_blocks_taken_one_after_the_other_never_overlap(
        self, state: tuple[int, int, int], rng: random.Random
    ) -> None:
        gpus, min_gpu, free = state
        taken: list[Block] = []
        for _ in range(6):
            size = rng.choice([size for _, size in offered(gpus, min_gpu)])
            block = rng.choice([first_fit, best_fit])(gpus, min_gpu, free, size)
            if block is not None:
                assert not any(block.overlaps(other) for other in taken)
                taken.append(block)
                free = take(free, block)
        for block in rng.sample(taken, len(taken)):
            free = release(free, block)
        assert free == state[2]

    def test_the_callers_own_block_must_be_free(self) -> None:
        assert take(0b1111, Block(2, 2)) == 0b0011
        with pytest.raises(RuleViolation, match=r"block: need free GPUs at 1, 2, got taken"):
            take(0b1001, Block(0, 4))

    def test_what_is_free_cannot_be_given_back(self) -> None:
        assert release(0b0011, Block(2, 2)) == 0b1111
        with pytest.raises(RuleViolation, match=r"block: need taken GPUs at 0, got free"):
            release(0b1001, Block(0, 2))

    @pytest.mark.parametrize("action", [take, release])
    @pytest.mark.parametrize(("free", "block"), [(1.0, Block(0, 1)), (-1, Block(0, 1)), (1, 0)])
    def test_bits_and_a_block_are_needed(
        self, action: Callable[[Any, Any], int], free: Any, block: Any
    ) -> None:
        with pytest.raises(RuleViolation):
            action(free, block)


class TestFits:
    """First fit and best fit, each with an explicit tie-break: the lowest start."""

    @pytest.mark.parametrize(("gpus", "min_gpu"), SMALL)
    def test_every_state_of_small_machines_agrees_with_the_definition(
        self, gpus: int, min_gpu: int
    ) -> None:
        cells = sorted(offered(gpus, min_gpu))
        for free in range(1 << gpus):
            rentable = [cell for cell in cells if is_free(cell, free)]
            for size in {size for _, size in cells}:
                those = [cell for cell in rentable if cell[1] == size]
                hull = {c: max(o[1] for o in rentable if inside(c, o)) for c in those}
                best = min(those, key=lambda c: (hull[c], c[0]), default=None)
                assert as_cell(first_fit(gpus, min_gpu, free, size)) == min(those, default=None)
                assert as_cell(best_fit(gpus, min_gpu, free, size)) == best

    @given(states())
    def test_a_fit_is_found_iff_a_block_is_rentable(self, state: tuple[int, int, int]) -> None:
        gpus, min_gpu, free = state
        there = {block.size for block in rentable(gpus, min_gpu, free)}
        for size in {size for _, size in offered(gpus, min_gpu)}:
            for fit in (first_fit, best_fit):
                block = fit(gpus, min_gpu, free, size)
                assert (block is not None) == (size in there)
                assert block is None or take(free, block) == free ^ block.gpu_set

    def test_best_fit_leaves_the_large_block_whole(self) -> None:
        assert first_fit(8, 1, 0b0100_1111, 1) == Block(0, 1)
        assert best_fit(8, 1, 0b0100_1111, 1) == Block(6, 1)

    def test_of_equals_best_fit_takes_the_lowest(self) -> None:
        assert best_fit(8, 1, 0b1100_1100, 2) == Block(2, 2)

    def test_remainders_and_odd_machines_fit_too(self) -> None:
        assert first_fit(7, 2, 0b111_1111, 3) == Block(4, 3)
        assert best_fit(5, 2, 0b1_1111, 1) == Block(4, 1)
        assert first_fit(5, 2, 0b0_1111, 1) is None

    def test_the_largest_machine_there_is(self) -> None:
        everything = (1 << 4_096) - 1
        assert first_fit(4_096, 1, everything ^ 1, 1_024) == Block(1_024, 1_024)
        assert best_fit(4_096, 1, everything ^ 1, 1) == Block(1, 1)

    @pytest.mark.parametrize("fit", [first_fit, best_fit])
    @pytest.mark.parametrize(
        ("gpus", "min_gpu", "free", "size", "path"),
        [
            (0, 1, 0, 1, "gpus"),
            ("8", 1, 0, 1, "gpus"),
            ([], 1, 0, 1, "gpus"),
            (8, 3, 0, 1, "min_gpu"),
            (8, True, 0, 1, "min_gpu"),
            (8, {}, 0, 1, "min_gpu"),
            (8, 1, 256, 1, "free"),
            (8, 1, -1, 1, "free"),
            (8, 1, None, 1, "free"),
            (8, 1, 255, 3, "size"),
            (8, 2, 255, 1, "size"),
            (8, 1, 255, 0, "size"),
            (8, 1, 255, True, "size"),
            (8, 1, 255, 2.0, "size"),
            (8, 1, 255, [], "size"),
        ],
    )
    def test_what_is_no_machine_or_size_is_refused(
        self, fit: Callable[..., object], gpus: Any, min_gpu: Any, free: Any, size: Any, path: str
    ) -> None:
        with pytest.raises(RuleViolation) as caught:
            fit(gpus, min_gpu, free, size)
        assert caught.value.path == path

    def test_the_error_names_the_sizes_offered(self) -> None:
        with pytest.raises(
            RuleViolation, match=r"one of the sizes offered \(1, 2, 3, 4, 7\), got 5"
        ):
            first_fit(7, 1, 0, 5)


class TestPack:
    """Any multiset of powers of two that fits in sum fits an empty 2^k machine, largest first."""

    @given(st.integers(0, 8), st.lists(st.integers(0, 8), max_size=40))
    def test_what_fits_in_sum_fits_an_empty_power_of_two(
        self, exponent: int, wanted: list[int]
    ) -> None:
        gpus = 1 << exponent
        sizes, total = [], 0
        for size in (1 << k for k in wanted):
            if total + size <= gpus:
                sizes.append(size)
                total += size
        placed = pack(gpus, 1, (1 << gpus) - 1, sizes)
        assert placed is not None
        assert [block.size for block in placed] == sizes
        assert sum(block.size for block in placed) == len({p for b in placed for p in b.slots})

    def test_the_largest_goes_first_and_the_smaller_beside_it(self) -> None:
        assert pack(8, 1, 0xFF, [1, 2]) == (Block(2, 1), Block(0, 2))
        assert pack(8, 1, 0xFF, [1, 4, 2]) == (Block(6, 1), Block(0, 4), Block(4, 2))

    @given(
        st.integers(0, 6),
        st.lists(st.integers(0, 6), max_size=30),
        st.sampled_from([first_fit, best_fit]),
    )
    def test_so_does_either_fit_largest_first(
        self, exponent: int, wanted: list[int], fit: Callable[[int, int, int, int], Block | None]
    ) -> None:
        gpus = 1 << exponent
        free = (1 << gpus) - 1
        sizes = sorted((1 << k for k in wanted), reverse=True)
        assume(sum(sizes) <= gpus)
        for size in sizes:
            block = fit(gpus, 1, free, size)
            assert block is not None
            free = take(free, block)

    @settings(max_examples=150)
    @given(st.data())
    def test_it_packs_iff_trying_everything_does(self, data: st.DataObject) -> None:
        gpus, min_gpu = data.draw(st.sampled_from(SMALL))
        free = data.draw(st.integers(0, (1 << gpus) - 1))
        known = sorted({size for _, size in offered(gpus, min_gpu)})
        sizes = data.draw(st.lists(st.sampled_from(known), max_size=4))
        placed = pack(gpus, min_gpu, free, sizes)
        options = [
            [c for c in offered(gpus, min_gpu) if c[1] == s and is_free(c, free)] for s in sizes
        ]
        fits = any(
            sum(size for _, size in choice)
            == len({p for a, size in choice for p in range(a, a + size)})
            for choice in product(*options)
        )
        assert (placed is not None) == fits
        if placed is not None:
            assert [block.size for block in placed] == sizes
            for block in placed:
                free = take(free, block)

    def test_remainders_have_no_choice_and_go_first(self) -> None:
        assert pack(7, 2, 0b111_1111, [2, 1, 2, 2]) == (
            Block(4, 2),
            Block(6, 1),
            Block(0, 2),
            Block(2, 2),
        )
        assert pack(7, 2, 0b111_1111, [2, 2, 3]) == (Block(0, 2), Block(2, 2), Block(4, 3))

    def test_nothing_is_packed_into_nothing(self) -> None:
        assert pack(8, 1, 0, []) == ()
        assert pack(8, 1, 0, [1]) is None

    @pytest.mark.parametrize("sizes", [4, "1", {1}, [3], [None]])
    def test_what_are_no_sizes_is_refused(self, sizes: Any) -> None:
        with pytest.raises(RuleViolation):
            pack(8, 1, 255, sizes)


class TestFreeSlots:
    """The largest aligned free powers of two: what a pool gives out."""

    @given(states())
    def test_they_are_disjoint_free_aligned_and_hold_all_that_can_be_rented(
        self, state: tuple[int, int, int]
    ) -> None:
        gpus, min_gpu, free = state
        slots = free_blocks(gpus, min_gpu, free)
        left = free
        for slot in slots:
            assert slot.size.bit_count() == 1
            assert slot.size >= min_gpu
            assert slot.start % slot.size == 0
            left = take(left, slot)
        for start, size in offered(gpus, min_gpu):
            if size >= min_gpu and size.bit_count() == 1 and is_free((start, size), free):
                assert any(slot.contains(Block(start, size)) for slot in slots)
        assert [slot.start for slot in slots] == sorted(slot.start for slot in slots)

    def test_an_example(self) -> None:
        assert free_blocks(8, 1, 0b1111_0110) == (Block(1, 1), Block(2, 1), Block(4, 4))
        assert free_blocks(7, 4, 0b111_1111) == (Block(0, 4),)

    def test_what_is_no_machine_is_refused(self) -> None:
        with pytest.raises(RuleViolation, match="min_gpu"):
            free_blocks(8, 3, 0)
        with pytest.raises(RuleViolation, match="free") as caught:
            free_blocks(8, 1, 256)
        assert type(caught.value) is RuleViolation
        with pytest.raises(WrongType, match="free"):
            free_blocks(8, 1, 2.0)  # type: ignore[arg-type]


def machine(gpus: int, min_gpu: int, free: int, price: str = "1") -> FreeGpus:
    return FreeGpus(gpus=gpus, min_gpu=min_gpu, free=free, price=PerGpuHour(price))


class TestFragmentation:
    """The largest block to sell, the free GPUs no demand can use, the revenue out of reach."""

    def test_four_scattered_gpus_sell_as_singles_only(self) -> None:
        told = fragmentation([machine(8, 1, 0b0101_0101, "0.5")], {1: 1, 2: 1, 4: 2})
        assert told.gpus == 8
        assert told.free == 4
        assert told.largest == 1
        assert told.stranded == 0
        assert told.stranded_share == 0
        assert told.unusable == Fraction(0 + 4 + 2 * 4, 4)
        assert told.unusable_share == Fraction(3, 4)
        assert (told.worst_size, told.worst_unusable) == (2, 4)
        assert told.worst_share == 1
        # Together they would sell as 4, 2 × 2 or 1 × 4 for $2 each; for 2 and 4 all of it is lost.
        assert told.out_of_reach == PerHour("1.5")

    def test_free_gpus_in_no_block_are_stranded(self) -> None:
        told = fragmentation([machine(8, 4, 0b0111_1111)], {4: 1})
        assert told.largest == 4
        assert told.stranded == 3
        assert told.stranded_share == Fraction(3, 7)
        assert told.unusable == 3
        assert told.out_of_reach == PerHour(0)

    def test_remainders_smaller_than_min_gpu_are_not_stranded(self) -> None:
        assert fragmentation([machine(7, 2, 0b100_0011)], {2: 1}).stranded == 0
        assert fragmentation([machine(7, 2, 0b101_0011)], {2: 1}).stranded == 1

    def test_a_fleet_adds_up(self) -> None:
        fleet = [machine(8, 1, 0b1111), machine(4, 2, 0b1001, "2"), machine(2, 1, 0, "9")]
        told = fragmentation(fleet, {2: 1})
        assert (told.gpus, told.free, told.largest, told.stranded) == (14, 6, 4, 2)
        assert told.unusable == 2
        assert told.out_of_reach == PerHour(4)

    def test_a_size_that_is_not_offered_uses_nothing_and_earns_nothing(self) -> None:
        told = fragmentation([machine(4, 1, 0b1111)], {8: 1})
        assert told.unusable_share == 1
        assert told.out_of_reach == PerHour(0)

    def test_no_free_gpus_have_no_shares(self) -> None:
        for machines in ([], [machine(8, 1, 0)]):
            told = fragmentation(machines, {1: 1})
            assert (told.free, told.largest) == (0, 0)
            assert told.stranded_share == told.unusable_share == told.worst_share == 0

    def test_a_size_without_weight_does_not_count(self) -> None:
        assert fragmentation([machine(4, 1, 0b1001)], {1: 3, 4: 0}).unusable == 0

    def test_a_mean_revenue_is_rounded_half_even_once(self) -> None:
        one_step = FreeGpus(gpus=4, min_gpu=1, free=0b0101, price=PerGpuHour.from_steps(1))
        assert fragmentation([one_step], {1: 3, 2: 1}).out_of_reach == PerHour.from_steps(0)
        assert fragmentation([one_step], {1: 1, 2: 3}).out_of_reach == PerHour.from_steps(2)

    @given(
        st.lists(states(), max_size=4),
        st.dictionaries(st.sampled_from([1, 2, 3, 4, 8]), st.integers(1, 9), min_size=1),
    )
    def test_it_is_what_the_definitions_say(
        self, fleet: list[tuple[int, int, int]], demand: dict[int, int]
    ) -> None:
        told = fragmentation([machine(*state) for state in fleet], demand)
        unusable = dict.fromkeys(demand, 0)
        lost = dict.fromkeys(demand, 0)
        stranded = 0
        for gpus, min_gpu, free in fleet:
            rentable = [c for c in offered(gpus, min_gpu) if is_free(c, free)]
            count = free.bit_count()
            stranded += sum(
                not any(a <= p < a + n for a, n in rentable) for p in range(gpus) if free >> p & 1
            )
            for size in demand:
                now = sum(n == size for _, n in rentable)
                ever = sum(n == size for _, n in offered(gpus, min_gpu))
                unusable[size] += count - size * now
                lost[size] += size * (min(ever, count // size) - now)
        total = sum(demand.values())
        assert told.stranded == stranded
        assert told.unusable == Fraction(sum(demand[s] * unusable[s] for s in demand), total)
        assert told.worst_unusable == max(unusable.values())
        assert told.worst_size == min(s for s in demand if unusable[s] == told.worst_unusable)
        dollars = Fraction(sum(demand[s] * lost[s] for s in demand), total)
        assert abs(Fraction(told.out_of_reach.steps, 10**12) - dollars) <= Fraction(1, 2 * 10**12)

    @pytest.mark.parametrize(
        ("demand", "error"),
        [
            ({}, RuleViolation),
            ({1: 0}, RuleViolation),
            ({0: 1}, RuleViolation),
            ({1: -1}, RuleViolation),
            ({1: 0.5}, WrongType),
            ({"1": 1}, WrongType),
            ([1, 2], WrongType),
        ],
    )
    def test_what_is_no_demand_is_refused(self, demand: Any, error: type[NumgeniusError]) -> None:
        with pytest.raises(error, match="demand"):
            fragmentation([], demand)

    @pytest.mark.parametrize("junk", [3, "abc", [3], [None]])
    def test_what_are_no_machines_is_refused(self, junk: Any) -> None:
        with pytest.raises(WrongType, match="machines"):
            fragmentation(junk, {1: 1})

    @pytest.mark.parametrize(
        ("changed", "path"),
        [
            ({"gpus": 0}, "gpus"),
            ({"min_gpu": 3}, "min_gpu"),
            ({"free": 256}, "free"),
            ({"free": "1"}, "free"),
            ({"price": PerHour(1)}, "price"),
        ],
    )
    def test_a_machine_is_checked(self, changed: dict[str, Any], path: str) -> None:
        facts: dict[str, Any] = {"gpus": 8, "min_gpu": 1, "free": 3, "price": PerGpuHour(1)}
        with pytest.raises(RuleViolation) as caught:
            FreeGpus(**(facts | changed))
        assert caught.value.path == path


def test_the_blocks_are_those_of_slicing() -> None:
    shapes: Sequence[tuple[int, int]] = [(8, 2), (7, 2), (12, 4)]
    for gpus, min_gpu in shapes:
        assert {(b.start, b.size) for b in blocks(gpus, min_gpu)} == offered(gpus, min_gpu)
