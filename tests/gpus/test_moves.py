"""The search for the blocks to clear: what it counts, and where it stops."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, strategies as st

from defragmentation_cases import check_plan, fewest_moves, random_question
from effort import up_to
from numgenius_core.gpus import DefragmentationPlan, _moves, defragment
from numgenius_core.gpus._moves import Machine, Shapes, is_aligned, roots
from numgenius_core.ids import ContractId
from numgenius_core.offer import Block


def machine(gpus: int, held: dict[ContractId, Block], fixed: int = 0) -> Machine:
    taken = sum(block.gpu_set for block in held.values())
    may_move = frozenset(held)
    return Machine(
        gpus=gpus, min_gpu=1, held=held, may_move=may_move, taken=taken | fixed, fixed=fixed
    )


class TestAlignedBlocks:
    """Contracts move between blocks of powers of two that start at multiples of their size."""

    @given(st.integers(1, 200))
    def test_a_machine_is_its_roots_one_after_the_other(self, gpus: int) -> None:
        sizes = [1 << k for k in reversed(range(8))]
        there = [block for size in sizes for block in roots(gpus, size)]
        assert [slot for block in there for slot in block.slots] == list(range(gpus))
        assert all(is_aligned(block, 1) for block in there)

    @pytest.mark.parametrize("block", [Block(0, 3), Block(2, 4), Block(1, 2), Block(3, 1)])
    def test_what_is_odd_askew_or_too_small_is_not(self, block: Block) -> None:
        assert not is_aligned(block, 2)

    def test_room_is_what_nothing_immovable_holds(self) -> None:
        there = machine(8, {ContractId(1): Block(0, 2)}, fixed=0b0001_0000)
        assert [there.room(size) for size in there.sizes()] == [0, 1, 3, 7]
        assert [there.needed(size) for size in there.sizes()] == [0, 0, 1, 2]
        assert there.without(Block(0, 4)).room(4) == 0


class TestShapes:
    """Two blocks have one shape iff they are alike up to the order of halves."""

    def test_mirrored_contents_are_one_shape(self) -> None:
        held = {
            ContractId(1): Block(0, 2),
            ContractId(2): Block(2, 1),
            ContractId(3): Block(5, 1),
            ContractId(4): Block(6, 2),
        }
        shapes = Shapes(machine(8, held))
        left, right = Block(0, 4), Block(4, 4)
        assert shapes.of(left) == shapes.of(right)
        assert shapes.contents[shapes.of(left)] == (0, 1, 1)
        assert shapes.of(Block(0, 2)) != shapes.of(Block(2, 2))

    def test_a_block_with_an_immovable_gpu_cannot_be_cleared(self) -> None:
        shapes = Shapes(machine(4, {ContractId(1): Block(0, 1)}, fixed=0b1000))
        assert shapes.contents[shapes.of(Block(0, 4))] is None
        assert shapes.contents[shapes.of(Block(0, 2))] == (0, 1)


class TestSearch:
    """The blocks with the fewest contracts are not always the ones to clear."""

    def test_where_the_cheapest_block_is_the_wrong_one_too(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rng = random.Random(43)
        hard = 0
        for _ in range(up_to(900, 300)):
            gpus = rng.choice([16, 32])
            held, movable, size = random_question(rng, gpus, 1)
            best = defragment(gpus, 1, held, movable, size)
            with monkeypatch.context() as patch:
                patch.setattr(_moves, "SEARCH_LIMIT", 0)
                first = defragment(gpus, 1, held, movable, size)
            if isinstance(best, DefragmentationPlan) and isinstance(first, DefragmentationPlan):
                assert best.exact
                check_plan(first, held, movable, gpus, 1, size)
                if len(first.moves) > len(best.moves):
                    hard += 1
                    assert not first.exact
                    assert len(best.moves) == fewest_moves(gpus, 1, held, movable, size)
        assert hard >= 3

    def test_past_the_search_limit_it_says_that_fewer_moves_may_do(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # Both halves have two contracts. To clear the left one, its four GPUs need a place that
        # is taken in part, so a third contract moves.
        held = {
            ContractId(1): Block(0, 4),
            ContractId(2): Block(4, 1),
            ContractId(3): Block(10, 2),
            ContractId(4): Block(15, 1),
        }
        best = defragment(16, 1, held, held, 8)
        assert isinstance(best, DefragmentationPlan)
        assert best.exact
        assert best.blocks == (Block(8, 8),)
        assert [move.contract for move in best.moves] == [4, 3]
        monkeypatch.setattr(_moves, "SEARCH_LIMIT", 1)
        found = defragment(16, 1, held, held, 8)
        assert isinstance(found, DefragmentationPlan)
        assert found.exact is False
        assert len(found.moves) == 3
        check_plan(found, held, held, 16, 1, 8)
