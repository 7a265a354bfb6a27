"""Machines with some of their GPUs free, and their blocks cut by hand."""

from __future__ import annotations

from hypothesis import strategies as st

from numgenius_core.offer import Block, GpuSet
from numgenius_core.testing import machine_shapes

SMALL = [(gpus, 1 << k) for gpus in range(1, 10) for k in range(gpus.bit_length())]
Cell = tuple[int, int]  # start, size


def offered(gpus: int, min_gpu: int) -> set[Cell]:
    """Cut the machine as the guide says: (start, size) of every block."""
    cuts = {min_gpu, gpus} | {2**k for k in range(13) if min_gpu < 2**k < gpus}
    return {(a, min(cut, gpus - a)) for cut in cuts for a in range(0, gpus, cut)}


def is_free(cell: Cell, free: GpuSet) -> bool:
    return all(free >> p & 1 for p in range(cell[0], cell[0] + cell[1]))


def inside(a: Cell, b: Cell) -> bool:
    return b[0] <= a[0] and a[0] + a[1] <= b[0] + b[1]


def as_cell(block: Block | None) -> Cell | None:
    return None if block is None else (block.start, block.size)


def rentable(gpus: int, min_gpu: int, free: GpuSet) -> list[Block]:
    return [Block(a, n) for a, n in sorted(offered(gpus, min_gpu)) if is_free((a, n), free)]


@st.composite
def states(draw: st.DrawFn) -> tuple[int, int, int]:
    """Return a machine of up to 64 GPUs and its free GPUs."""
    gpus, min_gpu = draw(machine_shapes())
    return gpus, min_gpu, draw(st.integers(0, (1 << gpus) - 1))
