"""Allocate and free blocks, fragmentation of a fleet, and defragmentation."""

from __future__ import annotations

import random
import time
from statistics import mean, median

from harness import Row, compare, print_table

from numgenius_core.gpus import (
    DefragmentationPlan,
    FreeGpus,
    best_fit,
    blocks,
    defragment,
    first_fit,
    fragmentation,
    pack,
    release,
    take,
)
from numgenius_core.ids import ContractId
from numgenius_core.offer import Block
from numgenius_core.rates import PerGpuHour


class NaiveMachine:
    """A list of booleans and a scan: what one writes first."""

    def __init__(self, gpus: int, taken: int) -> None:
        self.free = [not taken >> i & 1 for i in range(gpus)]

    def allocate(self, size: int) -> int | None:
        for start in range(0, len(self.free), size):
            if all(self.free[start : start + size]):
                self.free[start : start + size] = [False] * size
                return start
        return None

    def release(self, start: int, size: int) -> None:
        self.free[start : start + size] = [True] * size


def table_of(gpus: int, size: int) -> list[tuple[int, int]]:
    """The least there is to do for a small machine: one look-up of (free after, start)."""
    table = []
    for free in range(1 << gpus):
        mask = (1 << size) - 1
        starts = (s for s in range(0, gpus, size) if free >> s & mask == mask)
        start = next(starts, -1)
        table.append((free ^ mask << start if start >= 0 else free, start))
    return table


def random_held(rng: random.Random, gpus: int, share: float) -> dict[ContractId, Block]:
    there = [b for b in blocks(gpus, 1) if b.size <= gpus // 2]
    held: dict[ContractId, Block] = {}
    taken = 0
    for block in rng.choices(there, weights=[b.size for b in there], k=20 * gpus):
        if not taken & block.gpu_set and taken.bit_count() + block.size <= share * gpus:
            taken |= block.gpu_set
            held[ContractId(len(held))] = block
    return held


def allocation_rows(gpus: int, number: int) -> list[Row]:
    rng = random.Random(1)
    taken = sum(block.gpu_set for block in random_held(rng, gpus, 0.5).values())
    free = (1 << gpus) - 1 & ~taken
    naive = NaiveMachine(gpus, taken)
    size = 2

    def ours() -> None:
        block = first_fit(gpus, 1, free=free, size=size)
        if block is not None:
            release(take(free, block), block)

    def ours_best() -> None:
        block = best_fit(gpus, 1, free=free, size=size)
        if block is not None:
            release(take(free, block), block)

    def scan() -> None:
        start = naive.allocate(size)
        if start is not None:
            naive.release(start, size)

    rows = compare(f"first fit, take, release: {gpus} GPUs", ours, {"list scan": scan}, number)
    rows += compare(f"best fit, take, release: {gpus} GPUs", ours_best, {"list scan": scan}, number)
    if gpus == 8:
        table = table_of(gpus, size)

        def look_up() -> None:
            after, start = table[free]
            after |= 3 << start

        rows += compare(
            f"first fit, take, release: {gpus} GPUs", ours, {"256-entry table": look_up}, number
        )
    return rows


def fleet_row() -> list[Row]:
    rng = random.Random(2)
    fleet = [
        FreeGpus(gpus=8, min_gpu=1, free=rng.getrandbits(8), price=PerGpuHour("0.5"))
        for _ in range(10_000)
    ]
    demand = {1: 5, 2: 3, 4: 2, 8: 1}

    def just_look() -> int:
        return sum(m.free.bit_count() for m in fleet)

    return compare(
        "fragmentation of 10,000 machines",
        lambda: fragmentation(fleet, demand),
        {"counting free GPUs": just_look},
        1,
        5,
    )


def repack(gpus: int, held: dict[ContractId, Block], size: int) -> int | None:
    """Moves when everybody is placed anew, largest first: what one does without a search."""
    order = sorted(held, key=lambda c: (-held[c].size, held[c].start))
    placed = pack(gpus, 1, free=(1 << gpus) - 1, sizes=[held[c].size for c in order] + [size])
    if placed is None:
        return None
    return sum(held[c] != block for c, block in zip(order, placed, strict=False))


def defragmentation() -> None:
    print("\nDefragmentation: one block of a quarter of the machine, all contracts movable")
    heads = ("moves", "repack", "ratio", "exact", "median", "slowest")
    row = " ".join(f"{head:>9}" for head in heads)
    print(f"{'GPUs':>5} {row}")
    for gpus in (8, 16, 32, 64, 128, 256):
        rng = random.Random(gpus)
        moves, naive, exact, times = [], [], [], []
        for _ in range(60):
            held = random_held(rng, gpus, 0.7)
            begin = time.process_time()
            plan = defragment(gpus, 1, held, held, gpus // 4)
            times.append(time.process_time() - begin)
            anew = repack(gpus, held, gpus // 4)
            if isinstance(plan, DefragmentationPlan) and anew is not None:
                moves.append(len(plan.moves))
                naive.append(anew)
                exact.append(plan.exact)
        ours, theirs = mean(moves), mean(naive)
        print(
            f"{gpus:>5} {ours:>9.2f} {theirs:>9.2f} {ours / theirs:>9.2f} {mean(exact):>9.0%} "
            f"{median(times) * 1e6:>6.0f} µs {max(times) * 1e3:>6.1f} ms"
        )


def main() -> None:
    sizes = [(8, 20_000), (64, 10_000), (1_024, 2_000)]
    rows = [row for gpus, number in sizes for row in allocation_rows(gpus, number)]
    print_table("Allocate and free", rows)
    print_table("Fleet", fleet_row())
    defragmentation()


if __name__ == "__main__":
    main()
