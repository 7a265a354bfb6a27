"""Auctions drawn at random, and their best runners by trying all."""

from __future__ import annotations

import random
from collections.abc import Sequence

from numgenius_core.bids import (
    Claim,
    PoolBid,
    PoolBlock,
)
from numgenius_core.gpus import blocks, free_blocks
from numgenius_core.ids import ContractId, MachineId
from numgenius_core.offer import Block
from numgenius_core.rates import PerGpuHour, PerHour

CENT = 10**10  # price steps


def cents(amount: int) -> PerHour:
    return PerHour.from_steps(amount * CENT)


def floor_of(amount: int) -> PerGpuHour:
    return PerGpuHour.from_steps(amount * CENT)


def bid(number: int, size: int, start: int, price: int) -> Claim:
    return Claim.bidding(
        ContractId(number), Block(start=start, size=size), cents(price), arrival=number
    )


def on_demand(number: int, size: int, start: int) -> Claim:
    return Claim.on_demand(ContractId(number), Block(start=start, size=size), arrival=number)


def random_claims(rng: random.Random, gpus: int, min_gpu: int, count: int) -> list[Claim]:
    """Return claims on random blocks of a machine, a few of them on demand or default jobs."""
    there = blocks(gpus, min_gpu, observed=True)
    claims = []
    for number in range(count):
        block = rng.choice(there)
        kind = rng.random()
        if kind < 0.07:
            claims.append(on_demand(number, block.size, block.start))
        elif kind < 0.1:
            claims.append(Claim.default_job(ContractId(number), block, arrival=number))
        else:
            claims.append(bid(number, block.size, block.start, rng.randint(1, 9) * block.size))
    return claims


def pool_bid(number: int, gpus: int, price: int) -> PoolBid:
    return PoolBid(id=ContractId(number), gpus=gpus, price=cents(price))


def pool_block(machine: int, size: int, start: int = 0) -> PoolBlock:
    return PoolBlock(machine=MachineId(machine), block=Block(start=start, size=size))


def random_pool(rng: random.Random, machines: int, most: int) -> list[PoolBlock]:
    """Return the free blocks of some machines with random GPUs taken."""
    pool = []
    for machine in range(machines):
        gpus = rng.randint(1, most)
        free = rng.getrandbits(gpus) | rng.getrandbits(gpus)
        pool += [pool_block(machine, b.size, b.start) for b in free_blocks(gpus, 1, free=free)]
    return pool


def random_bids(rng: random.Random, count: int, sizes: Sequence[int]) -> list[PoolBid]:
    picked = [rng.choice(sizes) for _ in range(count)]
    return [pool_bid(i, n, rng.randint(0, 9) * n + rng.randint(0, 3)) for i, n in enumerate(picked)]
