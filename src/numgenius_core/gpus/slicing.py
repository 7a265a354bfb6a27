"""How a machine is cut into offers, which of them can be rented now, and the cut read backwards.

Rule (hosting guide, G5): "min_gpu is the smallest grouping of GPUs that can be rented, in powers
of 2, down to 1"; measured on 12,654 of 12,654 listing batches: with T GPUs in topology order and
``min_gpu`` m, for each size in {m} ∪ {powers of two p, m < p < T} ∪ {T} the GPUs are cut into
consecutive blocks; the last block of a cut is the remainder. Equal blocks are one offer, and
remainders are offered even when smaller than m.

Our reading of "in powers of 2": a host lists a power of two up to the machine; remainders and the
whole machine are offered, as the market does. ``powers_only`` offers just the blocks whose size is
a power of two of at least m. Market records show other ``min_gpu`` too (3 and 6 exist):
``observed=True`` takes any, for reading, not for listing.

A block is rentable on demand iff none of its GPUs is held by an on-demand or reserved contract.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import compress, groupby
from operator import attrgetter
from typing import Final, NoReturn

from attrs import field, frozen

from numgenius_core._checks import MAX_GPUS, check_min_gpu, is_series
from numgenius_core._numbers import as_int, whole_number
from numgenius_core.errors import RuleViolation, WrongType, brief, shown
from numgenius_core.offer import Block, GpuSet

LARGEST_RENTED: Final = 32
"""Up to this many GPUs :func:`infer_min_gpu` considers that some are rented."""
LARGEST_GUESSED: Final = 128
"""Up to this many GPUs it considers machines whose size is not known."""

_BITS: Final = bytes.maketrans(b"01", b"\0\1")  # digits as truth values, for compress


def blocks(
    gpus: int, min_gpu: int, *, powers_only: bool = False, observed: bool = False
) -> tuple[Block, ...]:
    """Return the blocks a machine is offered in, by size and then by first slot.

    Args:
        gpus: GPUs of the machine, 1 to 4,096.
        min_gpu: Smallest group for rent.
        powers_only: Leave out remainders and whole machines that are no power of two ≥ min_gpu.
        observed: Take any ``min_gpu`` of at least 1, as market records show them.

    Raises:
        RuleViolation: ``gpus`` out of range, or a ``min_gpu`` below 1 or, unless ``observed``, no
            power of two or above ``gpus``.

    >>> from numgenius_core.gpus import blocks
    >>> [block.slots for block in blocks(5, 2)]
    [range(4, 5), range(0, 2), range(2, 4), range(0, 4), range(0, 5)]
    """
    try:
        return _blocks(gpus, min_gpu, powers_only, observed)
    except TypeError:
        _refuse_unhashable(gpus, min_gpu, powers_only=powers_only, observed=observed)


def offer_sizes(
    gpus: int, min_gpu: int, *, powers_only: bool = False, observed: bool = False
) -> tuple[int, ...]:
    """Return the sizes of a machine's offers, ascending, one for each block it is offered in.

    Args:
        gpus: GPUs of the machine, 1 to 4,096.
        min_gpu: Smallest group for rent.
        powers_only: Leave out remainders and whole machines that are no power of two ≥ min_gpu.
        observed: Take any ``min_gpu`` of at least 1, as market records show them.

    Raises:
        RuleViolation: ``gpus`` out of range, or a ``min_gpu`` below 1 or, unless ``observed``, no
            power of two or above ``gpus``.

    >>> from numgenius_core import offer_sizes
    >>> offer_sizes(7, 2)
    (1, 2, 2, 2, 3, 4, 7)
    """
    try:
        return _sizes(gpus, min_gpu, powers_only, observed)
    except TypeError:
        _refuse_unhashable(gpus, min_gpu, powers_only=powers_only, observed=observed)


def rentable_blocks(
    gpus: int,
    min_gpu: int,
    *,
    occupied: GpuSet | Iterable[int] = 0,
    powers_only: bool = False,
    observed: bool = False,
) -> tuple[Block, ...]:
    """Return the blocks that can be rented on demand, by size and then by first slot.

    Args:
        gpus: GPUs of the machine.
        min_gpu: Smallest group for rent.
        occupied: The GPUs held by on-demand and reserved contracts; slots are taken as well, as
            by :func:`gpu_set`.
        powers_only: Leave out remainders and whole machines that are no power of two ≥ min_gpu.
        observed: Take any ``min_gpu`` of at least 1, as market records show them.

    Raises:
        RuleViolation: As for :func:`blocks`, or an occupied GPU that the machine does not have.

    >>> from numgenius_core.gpus import rentable_blocks
    >>> [block.slots for block in rentable_blocks(4, 1, occupied=0b1000)]
    [range(0, 1), range(1, 2), range(2, 3), range(0, 2)]
    """
    held = as_int(occupied)
    if type(held) is not int:
        held = _gpu_set(held, gpus, "occupied", "a GPU set or slots of the machine")
    try:
        return _rentable(as_int(gpus), as_int(min_gpu), held, powers_only, observed)
    except TypeError:
        _refuse_unhashable(gpus, min_gpu, powers_only=powers_only, observed=observed)


def gpu_set(slots: Iterable[int], gpus: int) -> GpuSet:
    """Return the GPUs in some slots of a machine as one set.

    Args:
        slots: Their slots, in any order; one that is named twice is in the set once.
        gpus: GPUs of the machine.

    Raises:
        RuleViolation: A slot that the machine does not have.

    >>> from numgenius_core.gpus import gpu_set
    >>> bin(gpu_set([1, 2], gpus=4))
    '0b110'
    """
    return _gpu_set(slots, gpus, "slots", "slots of the machine")


def _gpu_set(slots: object, gpus: int, path: str, need: str) -> GpuSet:
    gpus = whole_number(gpus, "gpus", 1, MAX_GPUS)
    if not is_series(slots):
        raise WrongType(path, need, shown(slots))
    found: GpuSet = 0
    for slot in slots:
        found |= 1 << whole_number(slot, path, 0, gpus - 1)
    return found


@lru_cache(maxsize=1_024, typed=True)
def _blocks(gpus: int, min_gpu: int, powers_only: bool, observed: bool) -> tuple[Block, ...]:
    groups = _cut(gpus, min_gpu, powers_only, observed)
    return tuple(block for _, group in groups for block in group)


@lru_cache(maxsize=1_024, typed=True)
def _sizes(gpus: int, min_gpu: int, powers_only: bool, observed: bool) -> tuple[int, ...]:
    groups = _cut(gpus, min_gpu, powers_only, observed)
    return tuple(size for size, group in groups for _ in group)


def _refuse_unhashable(gpus: object, min_gpu: object, **switches: object) -> NoReturn:
    """Say what is wrong with an argument that a cached function could not take."""
    whole_number(gpus, "gpus", 1, MAX_GPUS)
    whole_number(min_gpu, "min_gpu", 1)
    name = next(name for name, value in switches.items() if type(value) is not bool)
    raise WrongType(name, "a bool", shown(switches[name]))


@lru_cache(maxsize=1_024, typed=True)  # typed: True is no 1 here
def _cut(
    gpus: int, min_gpu: int, powers_only: bool, observed: bool
) -> tuple[tuple[int, tuple[Block, ...]], ...]:
    """Return the blocks in groups of one size: the table that all questions are answered from."""
    gpus = whole_number(gpus, "gpus", 1, MAX_GPUS)
    # A min_gpu above the machine, as records have it, means that it is offered whole.
    if observed:
        min_gpu = whole_number(min_gpu, "min_gpu", 1)
    else:
        hint = " (observed=True takes one that a market shows)"
        min_gpu = check_min_gpu(min_gpu, gpus, hint=hint)
    powers = [1 << k for k in range(gpus.bit_length()) if min_gpu < 1 << k < gpus]
    found = {
        Block(start, min(size, gpus - start))
        for size in (min_gpu, *powers, gpus)
        for start in range(0, gpus, size)
    }
    if powers_only:
        found = {block for block in found if block.size >= min_gpu and block.size.bit_count() == 1}
    by_size = groupby(sorted(found), attrgetter("size"))
    return tuple((size, tuple(group)) for size, group in by_size)


@lru_cache(maxsize=16_384, typed=True)  # every state of sixty 8-GPU machines
def _rentable(
    gpus: int, min_gpu: int, occupied: GpuSet, powers_only: bool, observed: bool
) -> tuple[Block, ...]:
    """Find the free blocks size by size: bit i of ``run`` says GPUs i … i + length − 1 are free.

    Why this is fast. ``run & run >> step`` makes runs of length + step out of runs of length, for
    all slots at once: a size costs one shift of a number, not a look at each of its blocks, and the
    next size goes on from there. Where a block starts, its bit then says whether it is free.

    A group holds the blocks of its own cut and at most one more, the remainder of another cut,
    which ends with the machine and so comes last.
    """
    groups = _cut(gpus, min_gpu, powers_only, observed)
    if not 0 <= occupied < 1 << gpus:
        raise RuleViolation(
            "occupied", f"slots from 0 to {gpus - 1}, or their bits", shown(occupied)
        )
    run, length = (1 << gpus) - 1 & ~occupied, 1
    rentable: list[Block] = []
    for size, group in groups:
        while length < size:
            step = min(length, size - length)  # no longer than the runs known so far
            run &= run >> step
            length += step
        if not run:
            break  # nothing of this size is free, so nothing of a larger one
        if group[0].start == 0:  # cut at this size: its blocks stand at 0, size, 2·size …
            # The bits at those starts, lowest first, as truth values: picked in C, all at once.
            digits = f"{run:0{gpus}b}"[::-1][::size].encode().translate(_BITS)
            rentable += compress(group[: gpus // size], digits)
            group = group[gpus // size :]  # noqa: PLW2901 - the remainder of another cut
        rentable += [block for block in group if run >> block.start & 1]
    return tuple(rentable)


@frozen(kw_only=True, order=True)
class Explanation:
    """One ``(gpus, min_gpu)`` that explains the offers seen on a machine.

    Attributes:
        missing: Sizes this machine would offer too, were none of its GPUs rented; empty when
            all its offers were seen.
        gpus: GPUs of the machine.
        min_gpu: Smallest group for rent; any whole number, as observed.
    """

    missing: tuple[int, ...] = field(repr=brief)
    gpus: int
    min_gpu: int

    @property
    def complete(self) -> bool:
        """Whether every offer of the machine was seen."""
        return not self.missing


def infer_min_gpu(
    sizes: Iterable[int],
    *,
    gpus: int | None = None,
    largest: int = 16,
    bundled: bool = False,
) -> tuple[Explanation, ...]:
    """Return every machine and ``min_gpu`` that explain a set of observed offers.

    Offers may be missing because some GPUs are rented; then there is a set of rented GPUs that
    hides exactly the missing ones. Explanations without missing offers come first, then those
    that miss fewest. None found is an empty tuple: no ``min_gpu`` explains the sizes.

    Args:
        sizes: GPUs of each offer seen, in any order.
        gpus: GPUs of the machine, if known.
        largest: Otherwise, machines up to this size are considered beside the largest offer, 1 to
            128: each has as many ``min_gpu`` as GPUs, and each of these its blocks, so the work
            grows with the cube (a second at 128). Rented GPUs are considered up to 32.
        bundled: The source shows one row for all blocks of a size, as market snapshots do.

    Raises:
        RuleViolation: No sizes, or sizes out of range.

    >>> from numgenius_core.gpus import infer_min_gpu
    >>> [(e.gpus, e.min_gpu) for e in infer_min_gpu([2, 4, 6, 8, 10]) if e.complete]
    [(10, 6)]
    """
    if not is_series(sizes):
        raise WrongType("sizes", "whole numbers", shown(sizes))
    seen = Counter(whole_number(s, f"sizes[{i}]", 1, MAX_GPUS) for i, s in enumerate(sizes))
    if not seen:
        raise RuleViolation("sizes", "at least one offer", "none")
    if bundled:
        seen = Counter(seen.keys())
    least = max(seen)
    if gpus is None:
        largest = whole_number(largest, "largest", 1, LARGEST_GUESSED)
        candidates = range(least, max(least, largest) + 1)
    else:
        candidates = range(least := whole_number(gpus, "gpus", least, MAX_GPUS), least + 1)
    found = []
    for total in candidates:
        for min_gpu in range(1, total + 1):
            full = Counter(offer_sizes(total, min_gpu, observed=True))
            missing = (Counter(full.keys()) if bundled else full) - seen
            if seen - full:
                continue  # a size that this machine does not have, or not so often
            hideable = total <= LARGEST_RENTED
            if not missing or (hideable and _can_hide(total, min_gpu, seen, bundled)):
                gone = tuple(sorted(missing.elements()))
                found.append(Explanation(missing=gone, gpus=total, min_gpu=min_gpu))
    return tuple(sorted(found, key=lambda e: (len(e.missing), e)))


def _can_hide(gpus: int, min_gpu: int, seen: Counter[int], bundled: bool) -> bool:
    """Return whether some set of rented GPUs leaves exactly the offers seen.

    A dynamic programme over slots, from left to right. Each GPU is decided free or rented; a block
    is a run of slots, so whether it is offered is known at its last slot from the number of free
    GPUs in a row up to there. Nothing else of the past matters but the offers made so far, so a
    state is (free GPUs in a row, offers made of each size seen), and sets of rented GPUs that lead
    to one state are one. States with an offer too many are dropped at once: offers are never
    unmade. What is left stays far below the 2ⁿ sets of rented GPUs.
    """
    need = tuple(sorted(seen.items()))
    index = {size: i for i, (size, _) in enumerate(need)}
    goal = tuple(count for _, count in need)
    ending: list[list[int]] = [[] for _ in range(gpus)]
    for block in blocks(gpus, min_gpu, observed=True):
        ending[block.end - 1].append(block.size)
    states = {(0, (0,) * len(need))}
    for sizes_here in ending:
        after = {(0, have) for _, have in states}  # this GPU is rented: no block ends here
        for run, have in states:  # this GPU is free: one more in a row
            more = _offered(have, sizes_here, run + 1, index, goal, bundled)
            if more is not None:
                after.add((run + 1, more))
        states = after
    return any(have == goal for _, have in states)


def _offered(
    have: tuple[int, ...],
    sizes_here: Sequence[int],
    run: int,
    index: dict[int, int],
    goal: tuple[int, ...],
    bundled: bool,
) -> tuple[int, ...] | None:
    """Return the offers made once the block sizes ending here are free, ``None`` if too many."""
    counts = list(have)
    for size in sizes_here:
        if size > run:
            break  # and so are those that follow
        known = index.get(size)
        if known is None:
            return None  # a size that was not seen
        counts[known] = 1 if bundled else counts[known] + 1
        if counts[known] > goal[known]:
            return None
    return tuple(counts)
