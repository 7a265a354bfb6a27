"""Who takes which GPUs of a machine: taking, giving back, and choosing a free block.

Rule (hosting guide, G5): clients rent the blocks a machine is cut into
(:func:`~numgenius_core.gpus.blocks`). With a ``min_gpu`` that is a power of two, two blocks are
disjoint or one contains the other (a buddy tree).

The state is the set of free GPUs and nothing else (:data:`~numgenius_core.offer.GpuSet`). Nothing
is stored about free blocks, so freeing needs no merging: buddies that are both free *are* the
larger free block.

Our readings. *First fit* takes the free block of the size that starts lowest. *Best fit* takes the
one that spoils least: of the free blocks of the size, the one whose largest free enclosing block
has the fewest GPUs; of equals, the one that starts lowest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import groupby
from operator import attrgetter
from typing import Final

from attrs import frozen

from numgenius_core._checks import MAX_GPUS, check_kind, check_min_gpu, is_series
from numgenius_core._numbers import as_int, whole_number
from numgenius_core.errors import RuleViolation, WrongType, shown
from numgenius_core.gpus.slicing import blocks
from numgenius_core.offer import Block, GpuSet

_TABLED: Final = 8


@frozen
class _Size:
    """What first and best fit look up about the blocks of one size.

    Attributes:
        starts: The slots where they start, as a set.
        by_start: Each of them by its start.
        around: The larger blocks that contain it, by its start: each as a set of GPUs and how
            many they are, the smallest first.
    """

    starts: GpuSet
    by_start: Mapping[int, Block]
    around: Mapping[int, tuple[tuple[GpuSet, int], ...]]


def take(free: GpuSet, block: Block) -> GpuSet:
    """Return the free GPUs that are left when ``block`` is taken.

    Args:
        free: The free GPUs of the machine.
        block: What the caller has chosen.

    Raises:
        RuleViolation: A GPU of the block is not free.

    >>> from numgenius_core import Block
    >>> from numgenius_core.gpus import take
    >>> bin(take(0b1111, Block(start=0, size=2)))
    '0b1100'
    """
    free, wanted = _gpus_of(free, block)
    if wanted & ~free:
        raise RuleViolation("block", f"free GPUs at {_slots(wanted & ~free)}", "taken")
    return free ^ wanted


def release(free: GpuSet, block: Block) -> GpuSet:
    """Return the free GPUs once ``block`` is given back.

    Args:
        free: The free GPUs of the machine before.
        block: What comes free.

    Raises:
        RuleViolation: A GPU of the block is free already.

    >>> from numgenius_core import Block
    >>> from numgenius_core.gpus import release
    >>> bin(release(0b1100, Block(start=0, size=2)))
    '0b1111'
    """
    free, given = _gpus_of(free, block)
    if free & given:
        raise RuleViolation("block", f"taken GPUs at {_slots(given & free)}", "free")
    return free | given


def first_fit(gpus: int, min_gpu: int, *, free: GpuSet, size: int) -> Block | None:
    """Return the free block of ``size`` GPUs that starts lowest, ``None`` if there is none.

    Args:
        gpus: GPUs of the machine.
        min_gpu: Smallest group for rent, a power of two.
        free: The free GPUs.
        size: GPUs wanted; a size the machine is offered in.

    Raises:
        RuleViolation: No such machine, or a size it is not offered in.

    >>> from numgenius_core.gpus import first_fit
    >>> first_fit(8, 1, free=0b1111_0100, size=2)
    Block(start=4, size=2)
    """
    if type(gpus) is int and gpus <= _TABLED and type(free) is type(size) is type(min_gpu) is int:
        return _first_fit_tabled(gpus, min_gpu, free, size)
    return _first_fit(as_int(gpus), as_int(min_gpu), free, as_int(size))


def best_fit(gpus: int, min_gpu: int, *, free: GpuSet, size: int) -> Block | None:
    """Return the free block of ``size`` GPUs that spoils least, ``None`` if there is none.

    That is the one whose largest free enclosing block has the fewest GPUs, and of equals the one
    that starts lowest.

    Args:
        gpus: GPUs of the machine.
        min_gpu: Smallest group for rent, a power of two.
        free: The free GPUs.
        size: GPUs wanted; a size the machine is offered in.

    Raises:
        RuleViolation: No such machine, or a size it is not offered in.

    >>> from numgenius_core.gpus import best_fit
    >>> best_fit(8, 1, free=0b1111_0100, size=1)
    Block(start=2, size=1)
    """
    if type(gpus) is int and gpus <= _TABLED and type(free) is type(size) is type(min_gpu) is int:
        return _best_fit_tabled(gpus, min_gpu, free, size)
    return _best_fit(as_int(gpus), as_int(min_gpu), free, as_int(size))


def _first_fit(gpus: int, min_gpu: int, free: GpuSet, size: int) -> Block | None:
    kind = _size(gpus, min_gpu, size)
    found = _runs(check_free(free, gpus), size) & kind.starts
    return kind.by_start[(found & -found).bit_length() - 1] if found else None


def spoiled(gpus: int, min_gpu: int, free: GpuSet, block: Block) -> int:
    """Return how much taking a free block spoils: the GPUs of the largest free block around it.

    That is what best fit looks at; a block that lies alone spoils itself only.

    Args:
        gpus: GPUs of the machine.
        min_gpu: Smallest group for rent, a power of two.
        free: The free GPUs, those of the block among them.
        block: A block that the machine is offered in.

    Raises:
        RuleViolation: No such machine, or a block of a size it is not offered in.

    >>> from numgenius_core import Block
    >>> from numgenius_core.gpus.allocation import spoiled
    >>> spoiled(8, 1, 0b1111_0100, Block(start=2, size=1))
    1
    >>> spoiled(8, 1, 0b1111_0100, Block(start=4, size=1))
    4
    """
    return _around(_size(gpus, min_gpu, block.size), check_free(free, gpus), block)[1]


def _around(kind: _Size, free: GpuSet, block: Block) -> tuple[GpuSet, int]:
    """Return the largest free block around a free one: its GPUs, and how many they are."""
    found = block.gpu_set, block.size
    for outer in kind.around[block.start]:
        if free & outer[0] != outer[0]:
            break  # nor is what encloses it
        found = outer
    return found


def _best_fit(gpus: int, min_gpu: int, free: GpuSet, size: int) -> Block | None:
    kind, free = _size(gpus, min_gpu, size), check_free(free, gpus)
    found = _runs(free, size) & kind.starts
    best, fewest = None, gpus + 1
    while found and fewest > size:  # one that lies alone spoils nothing: none can be better
        block = kind.by_start[(found & -found).bit_length() - 1]  # at the lowest bit that is set
        largest, gpus_there = _around(kind, free, block)
        if gpus_there < fewest:
            best, fewest = block, gpus_there
        found &= ~largest  # the others inside it are as good, and start later
    return best


# Nearly all machines have up to 8 GPUs: 256 states and few sizes, answered from a table that fills
# itself. That saves nine tenths of the time.
_first_fit_tabled = lru_cache(maxsize=65_536)(_first_fit)
_best_fit_tabled = lru_cache(maxsize=65_536)(_best_fit)


def pack(
    gpus: int, min_gpu: int, *, free: GpuSet, sizes: Sequence[int]
) -> tuple[Block, ...] | None:
    """Return disjoint free blocks of all ``sizes``, in their order; ``None`` if they do not fit.

    Exact: sizes with a single block (remainders, the whole machine) have no choice and go first,
    then the powers of two, largest first, each by best fit. A power of two takes the same number
    of smaller blocks wherever it goes, so no choice can be wrong.

    Args:
        gpus: GPUs of the machine.
        min_gpu: Smallest group for rent, a power of two.
        free: The free GPUs.
        sizes: GPUs of each block; sizes the machine is offered in.

    Raises:
        RuleViolation: No such machine, or a size it is not offered in.

    >>> from numgenius_core.gpus import pack
    >>> pack(8, 1, free=0b1111_0110, sizes=[1, 4])
    (Block(start=1, size=1), Block(start=4, size=4))
    """
    if not (is_series(sizes) and isinstance(sizes, Sequence)):
        raise WrongType("sizes", "a sequence of whole numbers", shown(sizes))
    gpus, min_gpu = check_machine(gpus, min_gpu)
    left, wanted = check_free(free, gpus), tuple(map(as_int, sizes))
    order = sorted(
        range(len(wanted)),
        key=lambda i: (len(_size(gpus, min_gpu, wanted[i]).by_start) > 1, -wanted[i]),
    )
    chosen: dict[int, Block] = {}  # by index in sizes
    for i in order:
        block = best_fit(gpus, min_gpu, free=left, size=wanted[i])
        if block is None:
            return None
        chosen[i] = block
        left ^= block.gpu_set
    return tuple(chosen[i] for i in range(len(wanted)))


def free_blocks(gpus: int, min_gpu: int, *, free: GpuSet) -> tuple[Block, ...]:
    """Return the largest free blocks of powers of two from ``min_gpu`` on, by first slot.

    They are disjoint, and any request for such a power of two that can be met can be met in them.

    Args:
        gpus: GPUs of the machine.
        min_gpu: Smallest group for rent, a power of two.
        free: The free GPUs.

    Raises:
        RuleViolation: No such machine.

    >>> from numgenius_core.gpus import free_blocks
    >>> free_blocks(8, 1, free=0b1111_0110)
    (Block(start=1, size=1), Block(start=2, size=1), Block(start=4, size=4))
    """
    gpus, min_gpu = check_machine(gpus, min_gpu)
    left, found = check_free(free, gpus), []
    for size, group in reversed(blocks_by_size(gpus, min_gpu)):
        if size >= min_gpu and size.bit_count() == 1:
            for block in group:
                if left & block.gpu_set == block.gpu_set:
                    left ^= block.gpu_set
                    found.append(block)
    return tuple(sorted(found, key=attrgetter("start")))


def check_machine(gpus: int, min_gpu: int) -> tuple[int, int]:
    """Return a machine's GPUs and ``min_gpu``, and refuse one that the library does not list."""
    gpus = whole_number(gpus, "gpus", 1, MAX_GPUS)
    return gpus, check_min_gpu(min_gpu, gpus)


def _size(gpus: int, min_gpu: int, size: int) -> _Size:
    if type(gpus) is not int or type(min_gpu) is not int:
        gpus, min_gpu = check_machine(gpus, min_gpu)
    sizes = _sizes(gpus, min_gpu)
    if type(size) is not int:  # True and 2.0 would be found as well
        size = whole_number(size, "size", 1, MAX_GPUS)
    if size in sizes:
        return sizes[size]
    whole_number(size, "size", 1, MAX_GPUS)
    offered = ", ".join(map(str, sorted(sizes)))
    raise RuleViolation("size", f"one of the sizes offered ({offered})", str(size))


@lru_cache(maxsize=1_024)
def _sizes(gpus: int, min_gpu: int) -> dict[int, _Size]:
    """Return what first and best fit look up: the blocks of each size and those around them."""
    check_machine(gpus, min_gpu)
    around: list[tuple[tuple[GpuSet, int], ...]] = [()] * gpus  # each slot's blocks so far
    sizes = {}
    for size, group in reversed(blocks_by_size(gpus, min_gpu)):
        sizes[size] = _Size(
            starts=sum(1 << block.start for block in group),
            by_start={block.start: block for block in group},
            around={block.start: around[block.start] for block in group},  # blocks nest
        )
        for block in group:
            outer = block.gpu_set, size
            for slot in block.slots:
                around[slot] = (outer, *around[slot])
    return sizes


@lru_cache(maxsize=1_024)
def blocks_by_size(gpus: int, min_gpu: int) -> tuple[tuple[int, tuple[Block, ...]], ...]:
    """Return the blocks of each size a machine is offered in, the smallest size first."""
    grouped = groupby(blocks(gpus, min_gpu), attrgetter("size"))
    return tuple((size, tuple(group)) for size, group in grouped)


def _runs(free: GpuSet, size: int) -> GpuSet:
    """Return the slots where ``size`` free GPUs in a row begin.

    Slot i begins a run of a + b iff it begins one of a and slot i + a begins one of b: shifting
    and masking doubles the length at each step, so it takes log₂(size) of them.
    """
    length = 1
    while length < size:
        step = min(length, size - length)
        free &= free >> step
        length += step
    return free


def check_free(free: GpuSet, gpus: int) -> GpuSet:
    """Return ``free`` if it is GPUs of a machine that was checked before."""
    free = as_int(free)
    if type(free) is int and 0 <= free < 1 << gpus:
        return free
    error = RuleViolation if type(free) is int else WrongType
    raise error("free", f"GPUs of the machine as {gpus} bits", shown(free))


def _gpus_of(free: GpuSet, block: Block) -> tuple[GpuSet, GpuSet]:
    """Return the free GPUs and those of a block, both arguments checked."""
    if type(free) is not int or free < 0 or type(block) is not Block:
        free = whole_number(free, "free")
        check_kind(block, Block, "block")
    return free, ((1 << block.size) - 1) << block.start  # as Block.gpu_set, without the call


def _slots(gpus: GpuSet) -> str:
    return ", ".join(str(i) for i in range(gpus.bit_length()) if gpus >> i & 1)
