"""Who runs on 10,000 machines with 100 bids each, beside a Polars group-by.

Polars sorts all bids by machine and price and takes the first of each *block*: the sort and the
grouping that any column answer starts with. What it does not do: pass over bids whose GPUs are
taken by a bid on an overlapping block (which needs a loop), compare prices exactly (they are
64-bit integers scaled by the common multiple here, which fits 8 GPUs only), or say why.
"""

from __future__ import annotations

import random

import polars as pl
from harness import Row, median_cpu, print_table

from numgenius_core.bids import Claim, resolve_fleet
from numgenius_core.gpus import blocks
from numgenius_core.ids import ContractId, MachineId
from numgenius_core.rates import PerHour

MACHINES, BIDS, GPUS = 10_000, 100, 8


def fleet() -> dict[MachineId, list[Claim]]:
    rng, places = random.Random(7), blocks(GPUS, 1)
    machines = {}
    for machine in range(MACHINES):
        claims = []
        for number in range(BIDS):
            block = rng.choice(places)
            bid = PerHour.from_steps(rng.randrange(10**6, 2 * 10**9) * 1_000 * block.size)
            claims.append(Claim.bidding(ContractId(number), block, bid, arrival=number))
        machines[MachineId(machine)] = claims
    return machines


def columns(machines: dict[MachineId, list[Claim]]) -> pl.DataFrame:
    flat = [(machine, claim) for machine, claims in machines.items() for claim in claims]
    return pl.DataFrame(
        {
            "machine": [machine for machine, _ in flat],
            "block": [claim.block.start * 16 + claim.block.size for _, claim in flat],
            "level": [claim.level * GPUS // claim.block.size for _, claim in flat],
            "arrival": [claim.arrival for _, claim in flat],
        }
    )


def group_by(table: pl.DataFrame) -> pl.DataFrame:
    order = table.sort(["machine", "level", "arrival"], descending=[False, True, False])
    return order.group_by(["machine", "block"], maintain_order=True).first()


def main() -> None:
    machines = fleet()
    table = columns(machines)
    answers = resolve_fleet(machines)
    bids = MACHINES * BIDS
    running = sum(len(answer.running) for answer in answers.values())
    heads = group_by(table).height
    print(f"{bids:,} bids, {running:,} run, {heads:,} are the best of their block")
    ours = median_cpu(lambda: resolve_fleet(machines), 1, 3) / bids
    theirs = median_cpu(lambda: group_by(table), 1, 3) / bids
    read = median_cpu(lambda: columns(machines), 1, 1) / bids
    rows = [
        Row("one bid", "Polars sort and group-by (CPU of all threads)", theirs, ours),
        Row("one bid", "the same, columns made from the claims", theirs + read, ours),
    ]
    print_table(f"Who runs on {MACHINES:,} machines", rows)


if __name__ == "__main__":
    main()
