"""The optimum beside CP-SAT and beside priority order (greedy)."""

from __future__ import annotations

import random
from collections.abc import Callable

from harness import Row, compare, median_cpu, print_table
from ortools.sat.python import cp_model

from numgenius_core.bids import (
    Claim,
    PoolBid,
    PoolBlock,
    best_packing,
    best_runners,
    compare_with_optimum as compare_rules,
    resolve,
)
from numgenius_core.gpus import blocks
from numgenius_core.ids import ContractId, MachineId
from numgenius_core.offer import Block
from numgenius_core.rates import PerHour

CENT = 10**10
Call = Callable[[], object]


def random_claims(rng: random.Random, gpus: int, count: int) -> list[Claim]:
    there = blocks(gpus, 1)
    claims = []
    for number in range(count):
        block = rng.choice(there)
        price = PerHour.from_steps(block.size * rng.randint(10, 99) * CENT)
        claims.append(Claim.bidding(ContractId(number), block, price, arrival=number))
    return claims


def random_pool_bids(rng: random.Random, gpus: int, count: int) -> list[PoolBid]:
    sizes = [1 << k for k in range(gpus.bit_length())]
    return [
        PoolBid(
            id=ContractId(i),
            gpus=(size := rng.choice(sizes)),
            price=PerHour.from_steps(size * rng.randint(10, 99) * CENT),
        )
        for i in range(count)
    ]


def solve(weights: list[int], rows: list[tuple[list[tuple[int, int]], int]]) -> float:
    model = cp_model.CpModel()
    runs = [model.new_bool_var("") for _ in weights]
    for row, capacity in rows:
        if row:
            model.add(sum(need * runs[i] for i, need in row) <= capacity)
    model.maximize(sum(w * x for w, x in zip(weights, runs, strict=True)))
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.solve(model)
    return solver.objective_value


def blocks_by_cp_sat(claims: list[Claim], gpus: int) -> float:
    weights = [claim.level // CENT for claim in claims]
    rows = [
        ([(i, 1) for i, c in enumerate(claims) if c.block.start <= p < c.block.end], 1)
        for p in range(gpus)
    ]
    return solve(weights, rows)


def packing_by_cp_sat(bids: list[PoolBid], gpus: int) -> float:
    weights = [request.price.steps // CENT for request in bids]
    sizes = [1 << k for k in range(gpus.bit_length())]
    rows = [
        ([(i, r.gpus // s) for i, r in enumerate(bids) if r.gpus >= s], gpus // s) for s in sizes
    ]
    return solve(weights, rows)


def greedy_packing(bids: list[PoolBid], gpus: int) -> int:
    """Highest bid per GPU first, each on the lowest free aligned place."""
    free = (1 << gpus) - 1
    earned = 0
    scale = 1 << gpus.bit_length()
    for request in sorted(bids, key=lambda r: -r.price.steps * (scale // r.gpus)):
        mask = (1 << request.gpus) - 1
        for start in range(0, gpus, request.gpus):
            if free >> start & mask == mask:
                free ^= mask << start
                earned += request.price.steps
                break
    return earned


def rows_for(gpus: int, count: int) -> list[Row]:
    rng = random.Random(gpus * count)
    claims, bids = random_claims(rng, gpus, count), random_pool_bids(rng, gpus, count)
    free = [PoolBlock(machine=MachineId(1), block=Block(0, gpus))]
    assert best_runners(claims).revenue.steps // CENT == round(blocks_by_cp_sat(claims, gpus))
    found = best_packing(free, bids).revenue.steps
    assert found // CENT == round(packing_by_cp_sat(bids, gpus))
    number = max(4, 4_000 // count)
    ways: list[tuple[str, str, Call, Call, Call]] = [
        (
            "this block",
            "priority",
            lambda: best_runners(claims),
            lambda: resolve(claims),
            lambda: blocks_by_cp_sat(claims, gpus),
        ),
        (
            "any block",
            "greedy",
            lambda: best_packing(free, bids),
            lambda: greedy_packing(bids, gpus),
            lambda: packing_by_cp_sat(bids, gpus),
        ),
    ]
    rows = []
    for kind, name, ours, greedy, solver in ways:
        where = f"{kind}: {count} bids, {gpus} GPUs"
        rows += compare(where, ours, {name: greedy}, number)
        # One call of the solver is long enough to measure; ours is measured over many.
        rows.append(Row(where, "CP-SAT", median_cpu(solver, 1), median_cpu(ours, number)))
    return rows


def left_on_the_table() -> None:
    print("\nWhat priority order leaves on the table, 8 GPUs, 400 random books each")
    for count in (4, 8, 16, 32):
        rng = random.Random(count)
        told = [compare_rules(random_claims(rng, 8, count)) for _ in range(400)]
        shares = [float(t.share_lost) for t in told]
        some = sum(share > 0 for share in shares) / len(shares)
        print(
            f"  {count:>3} bids: {sum(shares) / len(shares):.1%} on average, in {some:.0%} of "
            f"cases, up to {max(shares):.0%}"
        )


def main() -> None:
    sizes = [(8, 8), (8, 32), (8, 100), (64, 100), (64, 1_000)]
    print_table("The optimum", [row for gpus, count in sizes for row in rows_for(gpus, count)])
    left_on_the_table()


if __name__ == "__main__":
    main()
