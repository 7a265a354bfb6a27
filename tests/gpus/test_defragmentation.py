"""Defragmentation: the fewest moves, against breadth-first search over all states."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given, strategies as st

from defragmentation_cases import Held, check_plan, fewest_moves, random_contracts, random_question
from effort import FULL, examples, up_to
from gpu_cases import offered
from numgenius_core.errors import RuleViolation
from numgenius_core.gpus import (
    DefragmentationPlan,
    Impossible,
    Move,
    Obstacle,
    defragment,
)
from numgenius_core.gpus.defragmentation import moves_beside
from numgenius_core.ids import ContractId
from numgenius_core.offer import Block, GpuSet

Piece = tuple[int, int, bool]  # start, size, movable
State = frozenset[Piece]


def all_states(gpus: int, min_gpu: int) -> list[State]:
    """Return every way to hold disjoint blocks, each movable or not."""
    found: list[State] = []

    def extend(at: int, pieces: tuple[Piece, ...]) -> None:
        if at == gpus:
            found.append(frozenset(pieces))
            return
        extend(at + 1, pieces)
        for start, size in offered(gpus, min_gpu):
            if start == at:
                for movable in (True, False):
                    extend(at + size, (*pieces, (start, size, movable)))

    extend(0, ())
    return found


def rentable(state: State, size: int, cuts: set[tuple[int, int]]) -> int:
    """Return how many blocks of a size no contract touches."""
    taken = {p for start, length, _ in state for p in range(start, start + length)}
    return sum(n == size and taken.isdisjoint(range(a, a + n)) for a, n in cuts)


def neighbours(state: State, cuts: set[tuple[int, int]]) -> Iterator[State]:
    """Yield the states one move away: a movable contract goes to a free block of its size."""
    taken = {p for start, length, _ in state for p in range(start, start + length)}
    for piece in state:
        if piece[2]:
            for a, n in cuts:
                if n == piece[1] and taken.isdisjoint(range(a, a + n)):
                    yield (state - {piece}) | {(a, n, True)}


def distances(goal: Collection[State], edges: Mapping[State, list[State]]) -> dict[State, int]:
    """Return the fewest moves from each state to a goal, by breadth-first search.

    A move can be undone, so searching backwards from all goals at once gives all distances.
    """
    far = dict.fromkeys(goal, 0)
    queue = deque(goal)
    while queue:
        state = queue.popleft()
        for after in edges[state]:
            if after not in far:
                far[after] = far[state] + 1
                queue.append(after)
    return far


def question(state: State) -> tuple[Held, list[ContractId]]:
    """Return a state as contracts, and which of them may move."""
    pieces = sorted(state)
    held = {ContractId(i): Block(start=a, size=n) for i, (a, n, _) in enumerate(pieces)}
    return held, [ContractId(i) for i, piece in enumerate(pieces) if piece[2]]


def check_proof(
    proof: Impossible,
    held: Held,
    movable: Collection[ContractId],
    gpus: int,
    min_gpu: int,
    size: int,
    count: int,
) -> None:
    """Count the places of the proof again, from the blocks on the machine."""
    cuts = offered(gpus, min_gpu)
    wanted = [Block(start=a, size=n) for a, n in cuts if n == size]

    def power(n: int) -> bool:
        return n >= min_gpu and n in {2**k for k in range(13)}

    moving = [c for c in movable if power(held[c].size)]
    stay = [b for c, b in held.items() if c not in moving]
    assert proof.need > proof.room
    assert proof.immovable == tuple(
        c for c in sorted(held) if c not in moving and any(held[c].overlaps(w) for w in wanted)
    )
    if not power(size):
        if proof.size == size:
            assert (proof.need, proof.room) == (
                count,
                sum(not any(b.overlaps(w) for b in stay) for w in wanted),
            )
            return
        stay += wanted
        count = 0
    places = [
        Block(start=a, size=n) for a, n in cuts if n == proof.size and power(n) and a % n == 0
    ]
    assert proof.room == sum(not any(b.overlaps(p) for b in stay) for p in places)
    assert proof.need <= count * size / proof.size + sum(
        held[c].size / proof.size for c in moving if held[c].size >= proof.size
    )


def compare_with_search(gpus: int, min_gpu: int, every: int = 1) -> int:
    """Compare the states of a machine with breadth-first search; return how many answers agreed.

    All states, one in ten in a short run, are asked for one block; each ``every``-th one also for
    two, for as many as an empty machine has, and for as many as can be.
    """
    cuts = offered(gpus, min_gpu)
    states = all_states(gpus, min_gpu)
    edges = {state: list(neighbours(state, cuts)) for state in states}
    agreed = 0
    for size in sorted({n for _, n in cuts}):
        there = {state: rentable(state, size, cuts) for state in states}
        most = max(there.values())
        far = {
            n: distances([s for s in states if there[s] >= n], edges) for n in range(1, most + 1)
        }
        for number, state in list(enumerate(states))[:: up_to(1, 10)]:
            held, movable = question(state)
            possible = max((n for n in far if state in far[n]), default=0)
            counts = {1, None, 2, most} if number % every == 0 else {1}
            for count in counts:
                if count is not None and count > gpus:
                    continue
                answer = defragment(gpus, min_gpu, held, movable, size, count=count)
                goal = possible if count is None else count
                if isinstance(answer, DefragmentationPlan):
                    assert len(answer.moves) == far[goal][state]
                    assert len(answer.blocks) == goal
                    assert answer.exact
                    check_plan(answer, held, movable, gpus, min_gpu, size)
                else:
                    assert not goal or goal > possible
                    if len(counts) > 1:
                        check_proof(answer, held, movable, gpus, min_gpu, size, goal or 1)
                agreed += 1
    return agreed


class TestFewestMoves:
    """Hosting guide, G13: a host defragments.

    DOMAIN 3: "defragmenting rearranges which GPUs contracts hold so that more multi-GPU offers
    appear. Running work is only moved where the caller allows it."
    """

    @pytest.mark.parametrize("min_gpu", [1, 2, 4])
    def test_every_state_of_four_gpus_agrees_with_breadth_first_search(self, min_gpu: int) -> None:
        assert compare_with_search(4, min_gpu)

    @pytest.mark.parametrize("min_gpu", [1, 2, 4, 8] if FULL else [2, 4, 8])
    def test_every_state_of_eight_gpus_agrees_with_breadth_first_search(self, min_gpu: int) -> None:
        assert compare_with_search(8, min_gpu, every=up_to(7, 28))

    @pytest.mark.parametrize("gpus", [1, 2, 3, 5, 6, 7])
    def test_every_state_of_odd_machines_agrees_with_breadth_first_search(self, gpus: int) -> None:
        for k in range(gpus.bit_length()):
            assert compare_with_search(gpus, 1 << k, every=up_to(3, 9))

    def test_larger_machines_agree_with_an_integer_programme(self) -> None:
        rng = random.Random(41)
        for case in range(up_to(60, 20)):
            gpus, min_gpu = rng.choice([(12, 1), (16, 1), (24, 2), (32, 1), (32, 2)])
            held, movable, size = random_question(rng, gpus, min_gpu)
            best = fewest_moves(gpus, min_gpu, held, movable, size)
            answer = defragment(gpus, min_gpu, held, movable, size)
            if isinstance(answer, DefragmentationPlan):
                assert answer.exact
                assert len(answer.moves) == best, case
                check_plan(answer, held, movable, gpus, min_gpu, size)
            else:
                assert best is None, case
                check_proof(answer, held, movable, gpus, min_gpu, size, 1)

    @examples(60)
    @given(seed=st.integers(0, 10**9), exponent=st.integers(5, 8), share=st.integers(3, 9))
    def test_plans_of_large_machines_can_be_carried_out(
        self, seed: int, exponent: int, share: int
    ) -> None:
        rng = random.Random(seed)
        gpus = 1 << exponent
        held = random_contracts(rng, gpus, 1, share / 10)
        movable = [c for c in held if rng.random() < 0.9]
        size = 1 << rng.randint(1, exponent - 1)
        answer = defragment(gpus, 1, held, movable, size)
        if isinstance(answer, DefragmentationPlan):
            check_plan(answer, held, movable, gpus, 1, size)
        else:
            check_proof(answer, held, movable, gpus, 1, size, 1)

    def test_the_order_of_contracts_does_not_matter(self) -> None:
        rng = random.Random(42)
        for _ in range(50):
            held = random_contracts(rng, 16, 1, 0.7)
            shuffled = dict(rng.sample(sorted(held.items()), len(held)))
            assert defragment(16, 1, held, list(held), 4) == defragment(
                16, 1, shuffled, set(shuffled), 4
            )


def slots(state: State) -> set[int]:
    """Return the GPUs that contracts hold."""
    return {at for start, length, _ in state for at in range(start, start + length)}


def compare_beside(gpus: int, min_gpu: int, spared: GpuSet) -> int:
    """Compare the moves beside some GPUs with breadth-first search; return how many were found."""
    cuts, found = offered(gpus, min_gpu), 0
    away = {at for at in range(gpus) if spared >> at & 1}
    states = [state for state in all_states(gpus, min_gpu) if not slots(state) & away]
    edges = {
        state: [each for each in neighbours(state, cuts) if not slots(each) & away]
        for state in states
    }
    for size in sorted({n for _, n in cuts}):
        there = {state: rentable(state, size, cuts) for state in states}
        far = distances([state for state in states if there[state]], edges)
        for state in states:
            if there[state]:
                continue
            held, movable = question(state)
            moves = moves_beside(gpus, min_gpu, held, movable, size, spared)
            assert len(moves) == far.get(state, 0), (state, size)
            assert not any(move.target.gpu_set & spared for move in moves)
            plan = DefragmentationPlan(moves=moves, blocks=(), exact=True)
            check_plan(plan, held, movable, gpus, min_gpu, size)
            found += bool(moves)
    return found


class TestMovesBesideGpusThatAreSpared:
    """Nobody moves there, and the block that comes free may be there."""

    def test_every_state_of_four_gpus_agrees_with_breadth_first_search(self) -> None:
        assert sum(compare_beside(4, 1, spared) for spared in range(16))

    @pytest.mark.parametrize(("gpus", "min_gpu"), [(5, 1), (6, 1), (6, 2), (7, 2), (8, 2)])
    def test_so_do_those_of_larger_machines(self, gpus: int, min_gpu: int) -> None:
        rng = random.Random(43)
        chosen = rng.sample(range(1, 1 << gpus), up_to(30, 6))
        assert sum(compare_beside(gpus, min_gpu, spared) for spared in (0, *chosen))

    def test_the_block_may_have_some_of_them(self) -> None:
        held = {ContractId(1): Block(start=0, size=1), ContractId(2): Block(start=6, size=2)}
        [move] = moves_beside(8, 1, held, list(held), 4, 0b1110)
        assert (move.contract, move.target.start in (4, 5)) == (1, True)

    def test_not_where_all_places_are_spared(self) -> None:
        held = {ContractId(1): Block(start=0, size=1), ContractId(2): Block(start=2, size=1)}
        assert moves_beside(4, 1, held, list(held), 2, 0b1010) == ()


class TestWorkedExamples:
    """What the answers look like."""

    def test_two_single_gpus_are_put_together(self) -> None:
        held = {ContractId(7): Block(0, 1), ContractId(9): Block(2, 1)}
        plan = defragment(4, 1, held, {7, 9}, 2, count=1)
        assert plan == DefragmentationPlan(
            moves=(Move(contract=ContractId(7), source=Block(0, 1), target=Block(3, 1)),),
            blocks=(Block(0, 2),),
            exact=True,
        )

    def test_a_rentable_block_needs_no_move(self) -> None:
        plan = defragment(8, 1, {ContractId(1): Block(0, 4)}, [], 4)
        assert plan == DefragmentationPlan(moves=(), blocks=(Block(4, 4),), exact=True)

    def test_the_small_contract_moves_before_the_large_one(self) -> None:
        held = {ContractId(1): Block(0, 2), ContractId(2): Block(4, 1), ContractId(3): Block(6, 1)}
        movable = [ContractId(1), ContractId(2)]
        plan = defragment(8, 1, held, movable, 4)
        assert plan == DefragmentationPlan(
            moves=(
                Move(contract=ContractId(2), source=Block(4, 1), target=Block(7, 1)),
                Move(contract=ContractId(1), source=Block(0, 2), target=Block(4, 2)),
            ),
            blocks=(Block(0, 4),),
            exact=True,
        )

    def test_a_remainder_is_cleared(self) -> None:
        held = {ContractId(1): Block(4, 2)}  # 7 GPUs: the block of three is 4, 5, 6
        plan = defragment(7, 1, held, held, 3)
        assert isinstance(plan, DefragmentationPlan)
        assert plan.blocks == (Block(4, 3),)
        assert [move.target for move in plan.moves] == [Block(0, 2)]

    def test_nothing_moves_into_a_remainder_that_is_cleared(self) -> None:
        # 14 GPUs: the block of six is 8 to 13. Its free GPUs would take the two that have to
        # leave, but then it would not be free.
        held = {ContractId(i): Block(2 * i, 1) for i in range(4)} | {ContractId(9): Block(12, 2)}
        plan = defragment(14, 1, held, held, 6)
        assert isinstance(plan, DefragmentationPlan)
        assert len(plan.moves) == 2
        assert plan.blocks == (Block(8, 6),)
        check_plan(plan, held, held, 14, 1, 6)

    def test_two_places_of_different_shapes_are_cleared(self) -> None:
        # 0 to 3 and 4 to 7: what is in them fits beside 1 and 3 and beside 2. Either of two equal
        # places, 4 to 7 and 12 to 15, would leave nowhere to go but to the other.
        held = {
            ContractId(0): Block(1, 1),
            ContractId(1): Block(8, 1),
            ContractId(2): Block(14, 2),
            ContractId(3): Block(10, 2),
            ContractId(4): Block(4, 2),
        }
        movable = [c for c in held if c != 1]
        plan = defragment(16, 1, held, movable, 4, count=2)
        assert isinstance(plan, DefragmentationPlan)
        assert plan.exact
        assert {(m.contract, m.target) for m in plan.moves} == {
            (0, Block(9, 1)),
            (4, Block(12, 2)),
        }


class TestProofs:
    """Issue: "a proof of impossibility where there is none"."""

    def test_too_few_gpus_are_free(self) -> None:
        held = {ContractId(1): Block(0, 2)}
        assert defragment(4, 1, held, held, 4) == Impossible(
            why=Obstacle.TOO_FEW_FREE, size=2, need=3, room=2, immovable=()
        )

    def test_too_few_gpus_are_free_for_several_blocks(self) -> None:
        held = {ContractId(i): Block(2 * i, 1) for i in range(3)}
        assert defragment(8, 1, held, [], 2, count=3) == Impossible(
            why=Obstacle.TOO_FEW_FREE, size=2, need=3, room=1, immovable=tuple(held)
        )
        assert defragment(8, 1, held, [], 2, count=2) == Impossible(
            why=Obstacle.HELD, size=2, need=2, room=1, immovable=tuple(held)
        )

    def test_immovable_contracts_hold_every_block(self) -> None:
        held = {ContractId(1): Block(0, 1), ContractId(2): Block(4, 1)}
        assert defragment(8, 1, held, [], 4) == Impossible(
            why=Obstacle.HELD, size=4, need=1, room=0, immovable=(ContractId(1), ContractId(2))
        )

    def test_what_would_have_to_move_has_nowhere_to_go(self) -> None:
        held = {
            ContractId(1): Block(0, 2),
            ContractId(2): Block(4, 1),
            ContractId(3): Block(6, 1),
        }
        answer = defragment(8, 1, held, [ContractId(1)], 4)
        assert answer == Impossible(
            why=Obstacle.NO_ROOM, size=2, need=3, room=2, immovable=(ContractId(2), ContractId(3))
        )

    def test_the_whole_machine_is_rentable_only_when_empty(self) -> None:
        assert isinstance(defragment(4, 1, {}, [], 4), DefragmentationPlan)
        assert isinstance(defragment(3, 1, {}, [], 3), DefragmentationPlan)
        one = {ContractId(1): Block(0, 1)}
        for gpus in (3, 4):
            answer = defragment(gpus, 1, one, one, gpus)
            assert isinstance(answer, Impossible)
            assert answer.why is Obstacle.TOO_FEW_FREE

    def test_as_many_as_can_be_is_none(self) -> None:
        held = {ContractId(1): Block(0, 1), ContractId(2): Block(2, 1)}
        answer = defragment(4, 1, held, [], 2, count=None)
        assert isinstance(answer, Impossible)
        assert answer.why is Obstacle.HELD

    def test_contracts_on_blocks_no_longer_offered_stay(self) -> None:
        held = {ContractId(1): Block(0, 1), ContractId(2): Block(5, 1)}  # min_gpu was 1, is 2
        answer = defragment(8, 2, held, held, 4)
        assert isinstance(answer, Impossible)
        assert answer.immovable == (1, 2)


class TestBadQuestions:
    """Errors say where, what was needed and what came."""

    @pytest.mark.parametrize(
        ("change", "path"),
        [
            ({"gpus": 0}, "gpus"),
            ({"gpus": "8"}, "gpus"),
            ({"min_gpu": 3}, "min_gpu"),
            ({"min_gpu": 16}, "min_gpu"),
            ({"held": [Block(0, 1)]}, "held"),
            ({"held": {-1: Block(0, 1)}}, "held"),
            ({"held": {"a": Block(0, 1)}}, "held"),
            ({"held": {1: 4}}, "held[1]"),
            ({"held": {1: Block(7, 2)}}, "held[1]"),
            ({"held": {1: Block(0, 2), 2: Block(1, 1)}}, "held[2]"),
            ({"movable": 1}, "movable"),
            ({"movable": "1"}, "movable"),
            ({"movable": [2]}, "movable"),
            ({"movable": [[]]}, "movable"),
            ({"size": 3}, "size"),
            ({"size": 0}, "size"),
            ({"size": True}, "size"),
            ({"size": "4"}, "size"),
            ({"size": []}, "size"),
            ({"count": 0}, "count"),
            ({"count": 9}, "count"),
            ({"count": 1.0}, "count"),
        ],
    )
    def test_they_are_refused(self, change: dict[str, Any], path: str) -> None:
        asked: dict[str, Any] = {
            "gpus": 8,
            "min_gpu": 1,
            "held": {1: Block(0, 1)},
            "movable": [1],
            "size": 4,
            "count": 1,
        }
        asked |= change
        with pytest.raises(RuleViolation) as caught:
            defragment(
                asked["gpus"],
                asked["min_gpu"],
                asked["held"],
                asked["movable"],
                asked["size"],
                count=asked["count"],
            )
        assert caught.value.path == path
