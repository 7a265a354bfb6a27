"""The tables of machines of one shape: where a size goes, and which free GPUs are no use.

Machines that have as many GPUs and the same ``min_gpu`` share one, so a fleet of 10,000 has few.
Tables fill as states are seen: few of the 2 ** gpus ever are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from numgenius_core._terms import NO_FLOOR
from numgenius_core.gpus.allocation import best_fit, first_fit, spoiled
from numgenius_core.gpus.fragments import FreeGpus, fragmentation
from numgenius_core.gpus.slicing import blocks
from numgenius_core.offer import Block, GpuSet
from numgenius_core.whatif.scenario import Placement

_SMALL: Final = 8  # GPUs of a machine whose states are few enough to keep all of them


class Spot(NamedTuple):
    """A free block that a placement chose.

    Attributes:
        block: The GPUs.
        gpu_set: The same as a set.
        waste: Where the placement counts it, the GPUs of the largest free block around it;
            else 0.
    """

    block: Block
    gpu_set: GpuSet
    waste: int


class Spots(dict[GpuSet, Spot | None]):
    """Where blocks of one size go: a spot, or ``None``, for each set of free GPUs."""

    def __init__(self, find: Callable[[GpuSet], Spot | None], *, keep: bool) -> None:
        super().__init__()
        self._find, self._keep = find, keep

    def __missing__(self, free: GpuSet) -> Spot | None:
        found = self._find(free)
        if self._keep:
            self[free] = found
        return found


class Shape:
    """What machines with as many GPUs and the same ``min_gpu`` have in common.

    Attributes:
        gpus: GPUs of a machine.
        min_gpu: Smallest group for rent.
        spots: For each size that is offered, where it goes.
        lowest: For each size that is offered, the free block that starts lowest.
        unusable: For each set of free GPUs, those that the average client could not use, times
            the weight of all clients.
    """

    def __init__(
        self, gpus: int, min_gpu: int, placement: Placement, sizes: Mapping[int, int]
    ) -> None:
        self.gpus, self.min_gpu = gpus, min_gpu
        self.unusable: dict[GpuSet, int] = {}
        self._sizes, self._weight = sizes, sum(sizes.values())
        offered = {block.size for block in blocks(gpus, min_gpu)}
        self.spots = {size: self._spots(size, placement) for size in sorted(offered)}
        self.lowest = {size: self._spots(size, Placement.FIRST_FIT) for size in sorted(offered)}

    def _spots(self, size: int, placement: Placement) -> Spots:
        gpus, min_gpu = self.gpus, self.min_gpu
        fit = first_fit if placement is Placement.FIRST_FIT else best_fit
        counted = placement is Placement.LEAST_WASTE

        def find(free: GpuSet) -> Spot | None:
            block = fit(gpus, min_gpu, free, size)
            if block is None:
                return None
            waste = spoiled(gpus, min_gpu, free, block) if counted else 0
            return Spot(block, block.gpu_set, waste)

        return Spots(find, keep=gpus <= _SMALL)

    def unusable_of(self, free: GpuSet) -> int:
        """Return how many free GPUs the average client could not use, times the clients' weight.

        That clears the denominator: sums over a horizon are of whole numbers, divided once.
        """
        found = self.unusable.get(free)
        if found is None:
            # What they would earn does not matter here, so neither does their price.
            state = FreeGpus(gpus=self.gpus, min_gpu=self.min_gpu, free=free, price=NO_FLOOR)
            share = fragmentation([state], self._sizes).unusable * self._weight
            found = self.unusable[free] = share.numerator
        return found
