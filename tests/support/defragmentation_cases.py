"""Fragmented machines drawn at random, plans carried out, and the fewest moves by other means."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Collection
from typing import Any

import pytest

from gpu_cases import offered
from numgenius_core.gpus import DefragmentationPlan, blocks
from numgenius_core.ids import ContractId
from numgenius_core.offer import Block, GpuSet

Held = dict[ContractId, Block]


def check_plan(
    plan: DefragmentationPlan,
    held: Held,
    movable: Collection[ContractId],
    gpus: int,
    min_gpu: int,
    size: int,
) -> None:
    """Carry the moves out one by one, as a host would."""
    now = dict(held)
    cuts = offered(gpus, min_gpu)
    for move in plan.moves:
        assert move.contract in movable
        assert now[move.contract] == move.source != move.target
        assert (move.target.start, move.source.size) in cuts
        assert move.target.size == move.source.size
        assert not any(b.overlaps(move.target) for c, b in now.items() if c != move.contract)
        assert not move.source.overlaps(move.target)
        now[move.contract] = move.target
    assert len({move.contract for move in plan.moves}) == len(plan.moves)
    for block in plan.blocks:
        assert block.size == size
        assert (block.start, size) in cuts
        assert not any(b.overlaps(block) for b in now.values())
    assert len(set(plan.blocks)) == len(plan.blocks)


def random_question(
    rng: random.Random, gpus: int, min_gpu: int
) -> tuple[Held, list[ContractId], int]:
    """Return contracts, which of them may move, and the size of the block that is wanted."""
    held = random_contracts(rng, gpus, min_gpu, rng.choice([0.5, 0.7, 0.9]))
    return held, [c for c in held if rng.random() < 0.85], rng.choice([2, 4, 8])


def random_contracts(rng: random.Random, gpus: int, min_gpu: int, share: float) -> Held:
    """Return contracts on random disjoint blocks, up to a share of the machine."""
    held: Held = {}
    taken: GpuSet = 0
    there = [block for block in blocks(gpus, min_gpu) if block.size <= gpus // 2]
    for block in rng.choices(there, weights=[block.size for block in there], k=300):
        if not taken & block.gpu_set and taken.bit_count() + block.size <= share * gpus:
            taken |= block.gpu_set
            held[ContractId(len(held))] = block
    return held


def fewest_moves(
    gpus: int, min_gpu: int, held: Held, movable: Collection[ContractId], size: int
) -> int | None:
    """Return the fewest contracts that are elsewhere when a block is free, ``None`` if none can be.

    An integer programme over where everybody is in the end: a lower bound for any sequence of
    moves, so a plan with as many moves is the best.
    """
    cp_model: Any = pytest.importorskip("ortools.sat.python.cp_model")
    model = cp_model.CpModel()
    cuts = offered(gpus, min_gpu)
    on: dict[int, list[Any]] = defaultdict(list)

    def place(sizes: int, only: tuple[int, int] | None) -> dict[tuple[int, int], Any]:
        spots = {spot: model.new_bool_var("") for spot in cuts if spot[1] == sizes}
        spots = {spot: x for spot, x in spots.items() if only in {None, spot}}
        model.add_exactly_one(spots.values())
        for (start, length), x in spots.items():
            for p in range(start, start + length):
                on[p].append(x)
        return spots

    place(size, None)
    stays = []
    for contract, block in held.items():
        home = (block.start, block.size)
        stays.append(place(block.size, None if contract in movable else home)[home])
    for those in on.values():
        model.add_at_most_one(those)
    model.maximize(sum(stays))
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    status = solver.solve(model)
    if status == cp_model.INFEASIBLE:
        return None
    assert status == cp_model.OPTIMAL
    return len(held) - int(solver.objective_value + 0.5)
