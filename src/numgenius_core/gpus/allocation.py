"""Taking and freeing GPUs of a machine, and what the gaps between contracts cost.

Rule (hosting guide, G5): clients rent the blocks a machine is cut into
(:func:`numgenius_core.gpus.blocks`); a block is rentable on demand iff none of its GPUs is held
by an on-demand or reserved contract. With a ``min_gpu`` that is a power of two, two blocks are
disjoint or one contains the other (a buddy tree).

The free GPUs of a machine are one ``int``, bit i for position i. Nothing is stored about free
blocks, so freeing needs no merging: buddies that are both free *are* the larger free block.

Our readings. *First fit* takes the free block of the size that starts lowest. *Best fit* takes the
one that spoils least: of the free blocks of the size, the one whose largest free enclosing block
has the fewest GPUs; of equals, the one that starts lowest. *Unusable* by a size are the free GPUs
outside every rentable block of that size; for a demand, a mix of sizes with weights, it is their
weighted mean: the GPUs that a client drawn from the demand cannot use. *Stranded* GPUs are in no
rentable block of any size, so no demand can use them. *Out of reach* is what the free GPUs would
earn on demand if they lay together, less what they can earn as they lie.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import groupby
from operator import attrgetter
from typing import Final

from attrs import frozen

from numgenius_core._checks import check_kind, check_min_gpu
from numgenius_core._numbers import whole_number
from numgenius_core.errors import RuleViolation, WrongType, shown
from numgenius_core.gpus.slicing import blocks
from numgenius_core.listing import MAX_GPUS
from numgenius_core.offer import Block

_TABLED: Final = 8


@frozen
class _Size:
    """The blocks of one size: their starts as bits, each by its start, and the blocks around it."""

    starts: int
    by_start: Mapping[int, Block]
    around: Mapping[int, tuple[tuple[int, int], ...]]  # their bits and sizes, ascending


def take(free: int, block: Block) -> int:
    """Return the free GPUs that are left when ``block`` is taken.

    Args:
        free: The free GPUs as bits, position 0 the lowest.
        block: What the caller has chosen.

    Raises:
        WrongType: Not a bit mask and a block.
        RuleViolation: A GPU of the block is not free.
    """
    mask = _mask(free, block)
    if mask & ~free:
        raise RuleViolation("block", f"free GPUs at {_places(mask & ~free)}", "taken")
    return free ^ mask


def release(free: int, block: Block) -> int:
    """Return the free GPUs once ``block`` is given back.

    Raises:
        WrongType: Not a bit mask and a block.
        RuleViolation: A GPU of the block is free already.
    """
    mask = _mask(free, block)
    if free & mask:
        raise RuleViolation("block", f"taken GPUs at {_places(mask & free)}", "free")
    return free | mask


def first_fit(gpus: int, min_gpu: int, free: int, size: int) -> Block | None:
    """Return the free block of ``size`` GPUs that starts lowest, ``None`` if there is none.

    Args:
        gpus: GPUs of the machine.
        min_gpu: Smallest group for rent, a power of two.
        free: The free GPUs as bits, position 0 the lowest.
        size: GPUs wanted; a size the machine is offered in.

    Raises:
        WrongType: Not whole numbers.
        RuleViolation: No such machine, or a size it is not offered in.

    >>> first_fit(8, 1, 0b1111_0100, 2)
    Block(start=4, size=2)
    """
    if type(gpus) is int and gpus <= _TABLED and type(free) is type(size) is type(min_gpu) is int:
        return _first_fit_tabled(gpus, min_gpu, free, size)
    return _first_fit(gpus, min_gpu, free, size)


def best_fit(gpus: int, min_gpu: int, free: int, size: int) -> Block | None:
    """Return the free block of ``size`` GPUs that spoils least, ``None`` if there is none.

    That is the one whose largest free enclosing block has the fewest GPUs, and of equals the one
    that starts lowest. Arguments and errors as for :func:`first_fit`.

    >>> best_fit(8, 1, 0b1111_0100, 1)
    Block(start=2, size=1)
    """
    if type(gpus) is int and gpus <= _TABLED and type(free) is type(size) is type(min_gpu) is int:
        return _best_fit_tabled(gpus, min_gpu, free, size)
    return _best_fit(gpus, min_gpu, free, size)


def _first_fit(gpus: int, min_gpu: int, free: int, size: int) -> Block | None:
    kind = _size(gpus, min_gpu, size)
    found = _runs(_checked(free, gpus), size) & kind.starts
    return kind.by_start[(found & -found).bit_length() - 1] if found else None


def _best_fit(gpus: int, min_gpu: int, free: int, size: int) -> Block | None:
    kind = _size(gpus, min_gpu, size)
    found = _runs(_checked(free, gpus), size) & kind.starts
    best, fewest = None, gpus + 1
    while found and fewest > size:
        start = (found & -found).bit_length() - 1
        mask, gpus_there = kind.by_start[start].gpu_set, size
        for outer, outer_size in kind.around[start]:
            if free & outer != outer:
                break  # nor is what encloses it
            mask, gpus_there = outer, outer_size
        if gpus_there < fewest:
            best, fewest = kind.by_start[start], gpus_there
        found &= ~mask  # the others inside it are as good, and start later
    return best


# The machines that exist have 8 GPUs: 256 states and few sizes, answered from a table that fills
# itself. Saves nine tenths of the time.
_first_fit_tabled = lru_cache(maxsize=65_536)(_first_fit)
_best_fit_tabled = lru_cache(maxsize=65_536)(_best_fit)


def pack(gpus: int, min_gpu: int, free: int, sizes: Sequence[int]) -> tuple[Block, ...] | None:
    """Return disjoint free blocks of all ``sizes``, in their order; ``None`` if they do not fit.

    Exact: sizes with a single block (remainders, the whole machine) have no choice and go first,
    then the powers of two, largest first, each by best fit. A power of two takes the same number
    of smaller blocks wherever it goes, so no choice can be wrong.

    Raises:
        WrongType: Not whole numbers.
        RuleViolation: No such machine, or a size it is not offered in.
    """
    if isinstance(sizes, (int, str, bytes)) or not isinstance(sizes, Sequence):
        raise WrongType("sizes", "a sequence of whole numbers", shown(sizes))
    check_machine(gpus, min_gpu)
    left = _checked(free, gpus)
    order = sorted(
        range(len(sizes)),
        key=lambda i: (len(_size(gpus, min_gpu, sizes[i]).by_start) > 1, -sizes[i]),
    )
    placed: dict[int, Block] = {}
    for i in order:
        block = best_fit(gpus, min_gpu, left, sizes[i])
        if block is None:
            return None
        placed[i] = block
        left ^= block.gpu_set
    return tuple(placed[i] for i in range(len(sizes)))


def free_blocks(gpus: int, min_gpu: int, free: int) -> tuple[Block, ...]:
    """Return the largest free blocks of powers of two from ``min_gpu`` on, by place.

    They are disjoint, and any request for such a power of two that can be met can be met in them.

    Raises:
        WrongType: Not whole numbers.
        RuleViolation: No such machine.
    """
    check_machine(gpus, min_gpu)
    left, found = _checked(free, gpus), []
    for size, group in reversed(_by_size(gpus, min_gpu)):
        if size >= min_gpu and size.bit_count() == 1:
            for block in group:
                if left & block.gpu_set == block.gpu_set:
                    left ^= block.gpu_set
                    found.append(block)
    return tuple(sorted(found, key=attrgetter("start")))


def check_machine(gpus: int, min_gpu: int) -> None:
    """Refuse a machine that the library does not list."""
    whole_number(gpus, "gpus", 1, MAX_GPUS)
    check_min_gpu(min_gpu, gpus)


def _size(gpus: int, min_gpu: int, size: int) -> _Size:
    if type(gpus) is not int or type(min_gpu) is not int:
        check_machine(gpus, min_gpu)
    sizes = _sizes(gpus, min_gpu)
    if type(size) is int and size in sizes:  # True and 2.0 would be found as well
        return sizes[size]
    whole_number(size, "size", 1, MAX_GPUS)
    offered = ", ".join(map(str, sorted(sizes)))
    raise RuleViolation("size", f"one of the sizes offered ({offered})", str(size))


@lru_cache(maxsize=1_024)
def _sizes(gpus: int, min_gpu: int) -> dict[int, _Size]:
    """Return what first and best fit look up: the blocks of each size and those around them."""
    check_machine(gpus, min_gpu)
    around: list[tuple[tuple[int, int], ...]] = [()] * gpus  # each position's blocks so far
    sizes = {}
    for size, group in reversed(_by_size(gpus, min_gpu)):
        sizes[size] = _Size(
            starts=sum(1 << block.start for block in group),
            by_start={block.start: block for block in group},
            around={block.start: around[block.start] for block in group},  # blocks nest
        )
        for block in group:
            outer = block.gpu_set, size
            for position in block.slots:
                around[position] = (outer, *around[position])
    return sizes


@lru_cache(maxsize=1_024)
def _by_size(gpus: int, min_gpu: int) -> tuple[tuple[int, tuple[Block, ...]], ...]:
    grouped = groupby(blocks(gpus, min_gpu), attrgetter("size"))
    return tuple((size, tuple(group)) for size, group in grouped)


def _runs(free: int, size: int) -> int:
    """Return the positions where ``size`` free GPUs in a row begin, as bits."""
    length = 1
    while length < size:
        step = min(length, size - length)
        free &= free >> step
        length += step
    return free


def _checked(free: int, gpus: int) -> int:
    """Return ``free`` if it is GPUs of a machine that was checked before."""
    if type(free) is int and 0 <= free < 1 << gpus:
        return free
    error = RuleViolation if type(free) is int else WrongType
    raise error("free", f"GPUs of the machine as {gpus} bits", shown(free))


def _mask(free: int, block: Block) -> int:
    if type(free) is not int or free < 0 or type(block) is not Block:
        whole_number(free, "free")
        check_kind(block, Block, "block")
    return ((1 << block.size) - 1) << block.start  # Block.gpu_set without the call


def _places(mask: int) -> str:
    return ", ".join(str(i) for i in range(mask.bit_length()) if mask >> i & 1)
