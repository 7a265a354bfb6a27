"""Blocks of machines drawn at random, and who runs worked out slowly."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from hypothesis import strategies as st

from numgenius_core.bids import Claim, Rank
from numgenius_core.gpus import blocks
from numgenius_core.offer import Block
from numgenius_core.rates import PerGpuHour


def block(start: int, size: int) -> Block:
    return Block(start=start, size=size)


def ids(claims: tuple[Claim, ...]) -> list[int]:
    return [claim.id for claim in claims]


@st.composite
def machines(draw: st.DrawFn, most: int = 64) -> tuple[Block, ...]:
    """Return the blocks of a machine with any number of GPUs and any ``min_gpu``."""
    gpus = draw(st.one_of(st.sampled_from([1, 2, 4, 8, 10, 12]), st.integers(1, most)))
    return blocks(gpus, draw(st.integers(1, gpus)), observed=True)


def priority(claim: Claim) -> tuple[int, Fraction, int]:
    """Smaller is higher: on-demand and reserved, bids per GPU, default jobs; then by arrival."""
    order = [Rank.ON_DEMAND, Rank.BID, Rank.DEFAULT_JOB].index(claim.rank)
    per_gpu = Fraction(0) if claim.bid is None else Fraction(claim.bid.steps, claim.block.size)
    return order, -per_gpu, claim.arrival


def is_under(claim: Claim, floor: PerGpuHour) -> bool:
    return claim.bid is not None and Fraction(claim.bid.steps, claim.block.size) < floor.steps


def slowly(claims: Iterable[Claim], floor: PerGpuHour) -> list[int]:
    """Return who runs: the highest that is left runs if its GPUs are free, and so on."""
    left, taken, running = list(claims), set[int](), []
    while left:
        best = min(left, key=priority)
        left.remove(best)
        gpus = set(best.block.slots)
        if not gpus & taken and not is_under(best, floor):
            taken |= gpus
            running.append(int(best.id))
    return running
