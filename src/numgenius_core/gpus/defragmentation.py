"""Defragmentation: which contracts to move so that larger blocks can be rented.

Rule (hosting guide, G13): a host can "defragment" a machine. Measured: it rearranges which GPUs
contracts hold, so that more multi-GPU offers appear.

Our readings. A contract moves from its block to another block *of the same size* on the machine,
and only where the caller marks it as movable: running work is never moved without leave. A plan is
a list of moves carried out one after the other; the target of each is free when its turn comes.
Only contracts that hold GPUs on demand or reserved are in the way of a block; the caller leaves
out what may be interrupted. Contracts on a block that the machine is not offered in (after a new
``min_gpu``) stay where they are.

Whether there is a plan is a matter of counting aligned blocks (a power of two of GPUs, at a
multiple of their number), and the count is the proof where there is none (:class:`Impossible`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from enum import Enum
from functools import reduce
from operator import attrgetter, or_

from attrs import evolve, field, frozen

from numgenius_core._checks import check_id, check_kind, is_series
from numgenius_core._numbers import as_int, whole_number
from numgenius_core.errors import RuleViolation, WrongType, brief, shown
from numgenius_core.gpus._moves import (
    Arrangement,
    Machine,
    Shortage,
    arrange,
    is_aligned,
    shortage,
)
from numgenius_core.gpus.allocation import check_machine
from numgenius_core.gpus.slicing import blocks
from numgenius_core.ids import ContractId
from numgenius_core.offer import Block, GpuSet


class Obstacle(Enum):
    """What stands against a block that cannot be made rentable."""

    TOO_FEW_FREE = "fewer GPUs are free than the blocks wanted have"
    HELD = "immovable contracts hold a GPU in too many of the blocks of this size"
    NO_ROOM = "the contracts that would have to move have nowhere to go"


@frozen(kw_only=True)
class Move:
    """One contract moves from the GPUs it holds to as many others.

    Attributes:
        contract: Who moves.
        source: Where it is before.
        target: Where it is after; free when the turn of the move comes.
    """

    contract: ContractId
    source: Block
    target: Block


@frozen(kw_only=True)
class DefragmentationPlan:
    """How to make blocks rentable.

    Attributes:
        moves: In the order they are to be done; none if the blocks are rentable already.
        blocks: The blocks of the size that are rentable afterwards and were wanted, by first slot.
        exact: Whether no plan has fewer moves; else it is the best found within the search limit.
    """

    moves: tuple[Move, ...] = field(repr=brief)
    blocks: tuple[Block, ...] = field(repr=brief)
    exact: bool


@frozen(kw_only=True)
class Impossible:
    """Why no moves make the blocks rentable, as a proof by counting.

    The movable contracts of at least ``size`` GPUs and the wanted blocks would need ``need``
    blocks of ``size`` GPUs between them; only ``room`` are free of immovable contracts.

    Attributes:
        why: The kind of obstacle.
        size: GPUs of the blocks counted.
        need: Blocks needed.
        room: Blocks there are, fewer than ``need``.
        immovable: The contracts that may not move and hold a GPU in a block of the wanted size.
    """

    why: Obstacle
    size: int
    need: int
    room: int
    immovable: tuple[ContractId, ...] = field(repr=brief)


def defragment(
    gpus: int,
    min_gpu: int,
    held: Mapping[ContractId, Block],
    movable: Collection[ContractId],
    size: int,
    *,
    count: int | None = 1,
) -> DefragmentationPlan | Impossible:
    """Return the fewest moves that make blocks of ``size`` GPUs rentable, or why there are none.

    The fewest for machines up to 32 GPUs, and for larger ones whenever the answer says
    ``exact``; whether a plan exists is always decided exactly.

    Args:
        gpus: GPUs of the machine.
        min_gpu: Smallest group for rent, a power of two.
        held: The block of each contract that holds GPUs on demand or reserved.
        movable: The contracts that may be moved.
        size: GPUs of the blocks wanted; a size the machine is offered in.
        count: How many blocks are to be rentable in the end, those that are already included;
            ``None`` is as many as can be.

    Raises:
        RuleViolation: No such machine, size or GPU, overlapping contracts, or a movable contract
            that is not among those held.

    >>> from numgenius_core import Block
    >>> from numgenius_core.gpus import defragment
    >>> held = {7: Block(start=0, size=1), 9: Block(start=2, size=1)}
    >>> plan = defragment(4, 1, held, movable=[9], size=2)
    >>> plan.moves
    (Move(contract=9, source=Block(start=2, size=1), target=Block(start=1, size=1)),)
    >>> plan.blocks
    (Block(start=2, size=2),)
    """
    gpus, min_gpu = check_machine(gpus, min_gpu)
    machine, size = _machine(gpus, min_gpu, held, movable), as_int(size)
    wanted = [block for block in blocks(gpus, min_gpu) if block.size == size]
    if type(size) is not int or not wanted:
        whole_number(size, "size", 1)
        raise RuleViolation("size", "a size that the machine is offered in", shown(size))
    aligned = is_aligned(wanted[0], min_gpu)
    if count is not None:
        count = whole_number(count, "count", 1, gpus)
    else:
        count = max(1, machine.most(size)) if aligned else 1
    rentable = [block for block in wanted if not block.gpu_set & machine.taken]
    if len(rentable) >= count:
        return DefragmentationPlan(moves=(), blocks=tuple(rentable[:count]), exact=True)
    obstacle = _obstacle(machine, wanted, count)
    if obstacle is not None:
        return obstacle
    if aligned:
        found = arrange(machine, {size: count}, ())
        return _plan(machine, found, found.made)
    # A remainder is the only block of its size: nothing may move into it, what is there moves out.
    only = wanted[0]
    return _plan(machine, arrange(machine.without(only), {}, machine.movable_in(only)), (only,))


def moves_beside(
    gpus: int,
    min_gpu: int,
    held: Mapping[ContractId, Block],
    movable: Collection[ContractId],
    size: int,
    spared: GpuSet,
) -> tuple[Move, ...]:
    """Return the fewest moves that make a block of ``size`` GPUs rentable and spare some GPUs.

    Nobody moves to a GPU that is spared: what runs there would have to make way. The block may
    have some of them, since what makes way is not in the way of a block.

    Args:
        gpus: As of :func:`defragment`.
        min_gpu: As of :func:`defragment`.
        held: As of :func:`defragment`.
        movable: As of :func:`defragment`.
        size: GPUs of a block that is not rentable yet.
        spared: GPUs that take nobody, and that nobody of ``held`` has.

    Returns:
        The moves in the order they are to be done; none if there are no such moves.
    """
    machine, found = _machine(gpus, min_gpu, held, movable), tuple[Move, ...]()
    wanted = [each for each in blocks(gpus, min_gpu) if each.size == size]
    inside = {block: machine.movable_in(block) for block in wanted}
    for block in sorted(wanted, key=lambda each: len(inside[each])):
        leaving = inside[block]
        if found and len(leaving) >= len(found):
            break
        # A contract as large makes way for no block: where it would go, the block can be made.
        if block.gpu_set & machine.fixed or any(held[each].size >= size for each in leaving):
            continue
        beside = evolve(machine, fixed=machine.fixed | spared | block.gpu_set)
        if shortage(beside, block, 0) is None:
            moves = _plan(beside, arrange(beside, {}, leaving), (block,)).moves
            found = min(found or moves, moves, key=len)
    return found


def _machine(
    gpus: int, min_gpu: int, held: Mapping[ContractId, Block], movable: Collection[ContractId]
) -> Machine:
    """Return what can move where, all arguments checked."""
    if not isinstance(held, Mapping):
        raise WrongType("held", "a mapping of contracts to blocks", shown(held))
    if not (is_series(movable) and isinstance(movable, Collection)):
        raise WrongType("movable", "a collection of contracts", shown(movable))
    held = {ContractId(check_id(contract, "held")): block for contract, block in held.items()}
    taken = _taken(gpus, held)
    wanted = [ContractId(check_id(contract, "movable")) for contract in movable]
    for contract in wanted:
        if contract not in held:
            raise RuleViolation("movable", "contracts among those held", str(contract))
    may_move = frozenset(c for c in wanted if is_aligned(held[c], min_gpu))
    fixed = reduce(or_, (held[c].gpu_set for c in held if c not in may_move), 0)
    return Machine(
        gpus=gpus, min_gpu=min_gpu, held=held, may_move=may_move, taken=taken, fixed=fixed
    )


def _taken(gpus: int, held: Mapping[ContractId, Block]) -> GpuSet:
    """Return the GPUs that contracts hold, each of them one contract."""
    taken: GpuSet = 0
    for contract, block in held.items():
        check_kind(block, Block, f"held[{contract}]")
        if block.gpu_set >> gpus:
            raise RuleViolation(f"held[{contract}]", f"some of {gpus} GPUs", str(block))
        if taken & block.gpu_set:
            raise RuleViolation(f"held[{contract}]", "GPUs no other contract holds", str(block))
        taken |= block.gpu_set
    return taken


def _obstacle(machine: Machine, wanted: Sequence[Block], count: int) -> Impossible | None:
    """Return the proof that there is no plan, ``None`` if there is one."""
    size = wanted[0].size
    clear = sum(not block.gpu_set & machine.fixed for block in wanted)
    proof = Shortage(size, count, clear) if clear < count else shortage(machine, wanted[0], count)
    if proof is None:
        return None
    if size * count > machine.gpus - machine.taken.bit_count():
        why = Obstacle.TOO_FEW_FREE
    else:
        why = Obstacle.HELD if clear < count else Obstacle.NO_ROOM
    immovable = tuple(
        contract
        for contract, block in sorted(machine.held.items())
        if contract not in machine.may_move and any(block.overlaps(other) for other in wanted)
    )
    return Impossible(
        why=why, size=proof.size, need=proof.need, room=proof.room, immovable=immovable
    )


def _plan(machine: Machine, found: Arrangement, made: tuple[Block, ...]) -> DefragmentationPlan:
    """Return who goes where as moves to be done one after the other."""
    moves = [
        Move(contract=contract, source=machine.held[contract], target=target)
        for contract, target in found.targets.items()
    ]
    moves.sort(key=attrgetter("target"))  # small ones first: they clear the way for the others
    return DefragmentationPlan(moves=tuple(moves), blocks=made, exact=found.exact)
