"""The tables of machines of one shape: where a size goes, and which free GPUs are no use.

Machines that have as many GPUs and the same ``min_gpu`` share one, so a fleet of 10,000 has few.
Tables fill as states are seen: few of the 2 ** gpus ever are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, TypeVar

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


Found = TypeVar("Found")


class Table(dict[GpuSet, Found]):
    """What each set of free GPUs means, found when it is first asked for."""

    def __init__(self, find: Callable[[GpuSet], Found], *, keep: bool = True) -> None:
        super().__init__()
        self._find, self._keep = find, keep

    def __missing__(self, free: GpuSet) -> Found:
        found = self._find(free)
        if self._keep:
            self[free] = found
        return found


class Rooms(NamedTuple):
    """For which sizes free GPUs are enough, each size as the bit of its number.

    Attributes:
        block: There is a block of them.
        apart: There are as many, but no block.
    """

    block: int
    apart: int


class Shape:
    """What machines with as many GPUs and the same ``min_gpu`` have in common.

    Attributes:
        gpus: GPUs of a machine.
        min_gpu: Smallest group for rent.
        spots: For each size that is offered, where it goes.
        lowest: For each size that is offered, the free block that starts lowest.
        rooms: For each set of free GPUs, the sizes for which they are enough.
        unusable: For each set of free GPUs, those that the average client could not use, times
            the weight of all clients.
    """

    def __init__(
        self, gpus: int, min_gpu: int, placement: Placement, sizes: Mapping[int, int]
    ) -> None:
        self.gpus, self.min_gpu = gpus, min_gpu
        self._sizes, self._weight = sizes, sum(sizes.values())
        self.unusable = Table(self._unusable_of)
        self.rooms = Table(self._rooms_of)
        offered = {block.size for block in blocks(gpus, min_gpu)}
        self.spots = {size: self._spots(size, placement) for size in sorted(offered)}
        self.lowest = {size: self._spots(size, Placement.FIRST_FIT) for size in sorted(offered)}

    def _spots(self, size: int, placement: Placement) -> Table[Spot | None]:
        gpus, min_gpu = self.gpus, self.min_gpu
        fit = first_fit if placement is Placement.FIRST_FIT else best_fit
        counted = placement is Placement.LEAST_WASTE

        def find(free: GpuSet) -> Spot | None:
            block = fit(gpus, min_gpu, free=free, size=size)
            if block is None:
                return None
            waste = spoiled(gpus, min_gpu, free, block) if counted else 0
            return Spot(block, block.gpu_set, waste)

        return Table(find, keep=gpus <= _SMALL)

    def _rooms_of(self, free: GpuSet) -> Rooms:
        """Return for which sizes free GPUs are enough."""
        block = apart = 0
        for size, lowest in self.lowest.items():
            if lowest[free] is not None:
                block |= 1 << size
            elif free.bit_count() >= size:
                apart |= 1 << size
        return Rooms(block, apart)

    def _unusable_of(self, free: GpuSet) -> int:
        """Return how many free GPUs the average client could not use, times the clients' weight.

        That clears the denominator: sums over a horizon are of whole numbers, divided once.
        """
        # What they would earn does not matter here, so neither does their price.
        state = FreeGpus(gpus=self.gpus, min_gpu=self.min_gpu, free=free, price=NO_FLOOR)
        share = fragmentation([state], self._sizes).unusable * self._weight
        return share.numerator
