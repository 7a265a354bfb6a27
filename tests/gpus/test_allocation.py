"""Taking and freeing blocks, best fit and packing."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import pytest
from hypothesis import assume, given, strategies as st

from effort import examples
from gpu_cases import SMALL, as_cell, inside, is_free, offered, rentable, states
from numgenius_core.errors import RuleViolation, WrongType
from numgenius_core.gpus import (
    best_fit,
    blocks,
    first_fit,
    free_blocks,
    pack,
    release,
    take,
)
from numgenius_core.offer import Block


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
            block = rng.choice([first_fit, best_fit])(gpus, min_gpu, free=free, size=size)
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
                assert as_cell(first_fit(gpus, min_gpu, free=free, size=size)) == min(
                    those, default=None
                )
                assert as_cell(best_fit(gpus, min_gpu, free=free, size=size)) == best

    @given(states())
    def test_a_fit_is_found_iff_a_block_is_rentable(self, state: tuple[int, int, int]) -> None:
        gpus, min_gpu, free = state
        there = {block.size for block in rentable(gpus, min_gpu, free)}
        for size in {size for _, size in offered(gpus, min_gpu)}:
            for fit in (first_fit, best_fit):
                block = fit(gpus, min_gpu, free=free, size=size)
                assert (block is not None) == (size in there)
                assert block is None or take(free, block) == free ^ block.gpu_set

    def test_best_fit_leaves_the_large_block_whole(self) -> None:
        assert first_fit(8, 1, free=0b0100_1111, size=1) == Block(0, 1)
        assert best_fit(8, 1, free=0b0100_1111, size=1) == Block(6, 1)

    def test_of_equals_best_fit_takes_the_lowest(self) -> None:
        assert best_fit(8, 1, free=0b1100_1100, size=2) == Block(2, 2)

    def test_remainders_and_odd_machines_fit_too(self) -> None:
        assert first_fit(7, 2, free=0b111_1111, size=3) == Block(4, 3)
        assert best_fit(5, 2, free=0b1_1111, size=1) == Block(4, 1)
        assert first_fit(5, 2, free=0b0_1111, size=1) is None

    def test_the_largest_machine_there_is(self) -> None:
        everything = (1 << 4_096) - 1
        assert first_fit(4_096, 1, free=everything ^ 1, size=1_024) == Block(1_024, 1_024)
        assert best_fit(4_096, 1, free=everything ^ 1, size=1) == Block(1, 1)

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
            fit(gpus, min_gpu, free=free, size=size)
        assert caught.value.path == path

    def test_the_error_names_the_sizes_offered(self) -> None:
        with pytest.raises(
            RuleViolation, match=r"one of the sizes offered \(1, 2, 3, 4, 7\), got 5"
        ):
            first_fit(7, 1, free=0, size=5)


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
        placed = pack(gpus, 1, free=(1 << gpus) - 1, sizes=sizes)
        assert placed is not None
        assert [block.size for block in placed] == sizes
        assert sum(block.size for block in placed) == len({p for b in placed for p in b.slots})

    def test_the_largest_goes_first_and_the_smaller_beside_it(self) -> None:
        assert pack(8, 1, free=0xFF, sizes=[1, 2]) == (Block(2, 1), Block(0, 2))
        assert pack(8, 1, free=0xFF, sizes=[1, 4, 2]) == (Block(6, 1), Block(0, 4), Block(4, 2))

    @given(
        st.integers(0, 6),
        st.lists(st.integers(0, 6), max_size=30),
        st.sampled_from([first_fit, best_fit]),
    )
    def test_so_does_either_fit_largest_first(
        self, exponent: int, wanted: list[int], fit: Callable[..., Block | None]
    ) -> None:
        gpus = 1 << exponent
        free = (1 << gpus) - 1
        sizes = sorted((1 << k for k in wanted), reverse=True)
        assume(sum(sizes) <= gpus)
        for size in sizes:
            block = fit(gpus, 1, free=free, size=size)
            assert block is not None
            free = take(free, block)

    @examples(150)
    @given(st.data())
    def test_it_packs_iff_trying_everything_does(self, data: st.DataObject) -> None:
        gpus, min_gpu = data.draw(st.sampled_from(SMALL))
        free = data.draw(st.integers(0, (1 << gpus) - 1))
        known = sorted({size for _, size in offered(gpus, min_gpu)})
        sizes = data.draw(st.lists(st.sampled_from(known), max_size=4))
        placed = pack(gpus, min_gpu, free=free, sizes=sizes)
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
        assert pack(7, 2, free=0b111_1111, sizes=[2, 1, 2, 2]) == (
            Block(4, 2),
            Block(6, 1),
            Block(0, 2),
            Block(2, 2),
        )
        assert pack(7, 2, free=0b111_1111, sizes=[2, 2, 3]) == (
            Block(0, 2),
            Block(2, 2),
            Block(4, 3),
        )

    def test_nothing_is_packed_into_nothing(self) -> None:
        assert pack(8, 1, free=0, sizes=[]) == ()
        assert pack(8, 1, free=0, sizes=[1]) is None

    @pytest.mark.parametrize("sizes", [4, "1", {1}, [3], [None]])
    def test_what_are_no_sizes_is_refused(self, sizes: Any) -> None:
        with pytest.raises(RuleViolation):
            pack(8, 1, free=255, sizes=sizes)


class TestFreeBlocks:
    """The largest aligned free powers of two: what a pool gives out."""

    @given(states())
    def test_they_are_disjoint_free_aligned_and_hold_all_that_can_be_rented(
        self, state: tuple[int, int, int]
    ) -> None:
        gpus, min_gpu, free = state
        found = free_blocks(gpus, min_gpu, free=free)
        left = free
        for block in found:
            assert block.size.bit_count() == 1
            assert block.size >= min_gpu
            assert block.start % block.size == 0
            left = take(left, block)
        for start, size in offered(gpus, min_gpu):
            if size >= min_gpu and size.bit_count() == 1 and is_free((start, size), free):
                assert any(block.contains(Block(start, size)) for block in found)
        assert [block.start for block in found] == sorted(block.start for block in found)

    def test_an_example(self) -> None:
        assert free_blocks(8, 1, free=0b1111_0110) == (Block(1, 1), Block(2, 1), Block(4, 4))
        assert free_blocks(7, 4, free=0b111_1111) == (Block(0, 4),)

    def test_what_is_no_machine_is_refused(self) -> None:
        with pytest.raises(RuleViolation, match="min_gpu"):
            free_blocks(8, 3, free=0)
        with pytest.raises(RuleViolation, match="free") as caught:
            free_blocks(8, 1, free=256)
        assert type(caught.value) is RuleViolation
        with pytest.raises(WrongType, match="free"):
            free_blocks(8, 1, free=2.0)  # type: ignore[arg-type]


def test_the_blocks_are_those_of_slicing() -> None:
    shapes: Sequence[tuple[int, int]] = [(8, 2), (7, 2), (12, 4)]
    for gpus, min_gpu in shapes:
        assert {(b.start, b.size) for b in blocks(gpus, min_gpu)} == offered(gpus, min_gpu)
