"""What the gaps between contracts cost: free GPUs that clients cannot use as they lie.

Rule (hosting guide, G5): a machine is rented in the blocks that it is cut into
(:func:`~numgenius_core.gpus.blocks`), so free GPUs that lie in no free block of a size cannot be
sold to who wants that size. How much that costs is not published: the measures are ours.

Our readings. *Unusable* by a size are the free GPUs outside every rentable block of that size; for
a demand, a mix of sizes with weights, it is their weighted mean: the GPUs that a client drawn from
the demand cannot use. *Stranded* GPUs are in no rentable block of any size, so no demand can use
them. *Out of reach* is what the free GPUs would earn on demand if they lay together, less what they
can earn as they lie.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from functools import lru_cache
from typing import Final

from attrs import frozen

from numgenius_core._checks import MAX_GPUS, check_kind, is_series
from numgenius_core._numbers import round_half_even, whole_number
from numgenius_core.errors import RuleViolation, WrongType, shown
from numgenius_core.gpus.allocation import blocks_by_size, check_free, check_machine
from numgenius_core.offer import GpuSet
from numgenius_core.rates import PerGpuHour, PerHour

_MAX_WEIGHT: Final = 10**18


@frozen(kw_only=True)
class FreeGpus:
    """A machine with the GPUs of it that are free to be rented.

    Attributes:
        gpus: GPUs of the machine.
        min_gpu: Smallest group for rent, a power of two.
        free: The free GPUs.
        price: On demand, dollars per GPU-hour.

    Raises:
        RuleViolation: No such machine, or free GPUs that it does not have.

    >>> from numgenius_core import PerGpuHour
    >>> from numgenius_core.gpus import FreeGpus
    >>> FreeGpus(gpus=8, min_gpu=1, free=0b0101_0101, price=PerGpuHour("0.5")).free.bit_count()
    4
    """

    gpus: int
    min_gpu: int
    free: GpuSet
    price: PerGpuHour

    def __attrs_post_init__(self) -> None:
        gpus, min_gpu = check_machine(self.gpus, self.min_gpu)
        object.__setattr__(self, "gpus", gpus)
        object.__setattr__(self, "min_gpu", min_gpu)
        object.__setattr__(self, "free", check_free(self.free, gpus))
        check_kind(self.price, PerGpuHour, "price")


@frozen(kw_only=True)
class Fragmentation:
    """What the gaps of a machine or a fleet cost, for a demand.

    Attributes:
        gpus: All GPUs.
        free: The free ones.
        largest: GPUs of the largest rentable block; 0 if nothing can be rented.
        stranded: Free GPUs in no rentable block: no demand can use them.
        unusable: Free GPUs that a client drawn from the demand cannot use, on average.
        worst_size: The size of the demand that can use the fewest; the smallest of equals.
        worst_unusable: Free GPUs that it cannot use.
        out_of_reach: On-demand income per hour, on average over the demand, that the free GPUs
            would give if they lay together and cannot give as they lie; half-even at 12 decimals.
    """

    gpus: int
    free: int
    largest: int
    stranded: int
    unusable: Fraction
    worst_size: int
    worst_unusable: int
    out_of_reach: PerHour

    @property
    def stranded_share(self) -> Fraction:
        """Share of the free GPUs that no demand can use; 0 when none is free."""
        return Fraction(self.stranded, self.free or 1)

    @property
    def unusable_share(self) -> Fraction:
        """Share of the free GPUs that the demand cannot use; 0 when none is free."""
        return self.unusable / (self.free or 1)

    @property
    def worst_share(self) -> Fraction:
        """Share of the free GPUs that the worst size cannot use; 0 when none is free."""
        return Fraction(self.worst_unusable, self.free or 1)


def fragmentation(machines: Iterable[FreeGpus], demand: Mapping[int, int]) -> Fragmentation:
    """Return what the gaps of a machine (a list of one) or of a fleet cost.

    A size that a machine is not offered in uses none of its GPUs, and none of them would earn by
    lying together.

    Args:
        machines: The machines, in any order.
        demand: Weight of each size that clients ask for, such as ``{1: 5, 2: 3, 8: 2}``.

    Raises:
        RuleViolation: No demand, or weights that are negative or all zero.

    >>> from numgenius_core import PerGpuHour
    >>> from numgenius_core.gpus import FreeGpus, fragmentation
    >>> scattered = FreeGpus(gpus=8, min_gpu=1, free=0b0101_0101, price=PerGpuHour("0.5"))
    >>> cost = fragmentation([scattered], {1: 1, 2: 1})  # as many ask for one GPU as for two
    >>> cost.largest, cost.worst_size, cost.unusable_share, cost.out_of_reach
    (1, 2, Fraction(1, 2), PerHour('1.00'))
    """
    weights = _weights(demand)
    total = free = largest = stranded = 0
    unusable = dict.fromkeys(weights, 0)
    missed = dict.fromkeys(weights, 0)  # price steps per hour
    if not is_series(machines):
        raise WrongType("machines", "the free GPUs of machines", shown(machines))
    for i, machine in enumerate(machines):
        check_kind(machine, FreeGpus, f"machines[{i}]")
        usable, within_reach, covered = _usable(machine.gpus, machine.min_gpu, machine.free)
        here = machine.free.bit_count()
        total += machine.gpus
        free += here
        largest = max(largest, max(usable, default=0))
        stranded += here - covered
        for size in weights:
            got = usable.get(size, 0)
            unusable[size] += here - got
            missed[size] += (within_reach.get(size, 0) - got) * machine.price.steps
    weight = sum(weights.values())
    worst = max(sorted(weights), key=lambda size: unusable[size])
    return Fragmentation(
        gpus=total,
        free=free,
        largest=largest,
        stranded=stranded,
        unusable=Fraction(sum(w * unusable[s] for s, w in weights.items()), weight),
        worst_size=worst,
        worst_unusable=unusable[worst],
        out_of_reach=PerHour.from_steps(
            round_half_even(sum(w * missed[s] for s, w in weights.items()), weight)
        ),
    )


@lru_cache(maxsize=16_384)
def _usable(gpus: int, min_gpu: int, free: GpuSet) -> tuple[dict[int, int], dict[int, int], int]:
    """Return GPUs in rentable blocks, by size and in all, and what free GPUs together would give.

    The answer: by size now, by size if the free GPUs lay together, and in any rentable block.
    """
    here = free.bit_count()
    covered: GpuSet = 0
    usable: dict[int, int] = {}
    within_reach: dict[int, int] = {}
    for size, group in blocks_by_size(gpus, min_gpu):
        rentable = [block for block in group if free & block.gpu_set == block.gpu_set]
        if rentable:
            usable[size] = size * len(rentable)
        for block in rentable:
            covered |= block.gpu_set
        within_reach[size] = size * min(here // size, len(group))
    return usable, within_reach, covered.bit_count()


def _weights(demand: Mapping[int, int]) -> dict[int, int]:
    if not isinstance(demand, Mapping):
        raise WrongType("demand", "a mapping of sizes to weights", shown(demand))
    pairs = [(whole_number(size, "demand", 1, MAX_GPUS), n) for size, n in demand.items()]
    known = [(size, whole_number(n, f"demand[{size}]", 0, _MAX_WEIGHT)) for size, n in pairs]
    weights = {size: weight for size, weight in known if weight}
    if not weights:
        raise RuleViolation("demand", "at least one size with a weight above zero", shown(demand))
    return weights
