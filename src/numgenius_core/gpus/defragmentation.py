"""Defragmentation: which contracts to move so that larger blocks can be rented.

Rule (hosting guide, G13): a host can "defragment" a machine. Measured: it rearranges which GPUs
contracts hold, so that more multi-GPU offers appear.

Our readings. A contract moves from its block to another block *of the same size* on the machine,
and only where the caller marks it as movable: running work is never moved without leave. A plan is
a list of moves carried out one after the other; the target of each is free when its turn comes.
Only contracts that hold GPUs on demand or reserved are in the way of a block; the caller leaves
out what may be interrupted. Contracts on a block that the machine is not offered in (after a new
``min_gpu``) stay where they are.

Why the fewest moves can be found. (1) Blocks of powers of two fit into free places iff, for every
size s, the items of at least s need no more places of size s than there are: whichever place an
item takes, it takes as many smaller ones with it. So a plan exists iff this holds for the movable
contracts and the wanted blocks together, over the places free of immovable contracts; where it
fails, that size is the proof (:class:`Impossible`). (2) It never helps to move a contract away for
one of its own size or a smaller one: leave it, and mirror what would have happened in its old
place in its new one. So places are cleared only of *strictly smaller* contracts, from the wanted
size downwards, and the only question is which places: a search over their shapes, in which equal
shapes are one. Each contract moves at most once, and in ascending order of size every target has
been cleared when it is needed. Fewer moves are not possible even with intermediate stops.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from enum import Enum
from functools import reduce
from operator import add, attrgetter, or_
from typing import Final

from attrs import evolve, frozen

from numgenius_core._checks import check_id, check_kind
from numgenius_core._numbers import whole_number
from numgenius_core.errors import RuleViolation, WrongType, shown
from numgenius_core.gpus.allocation import check_machine
from numgenius_core.gpus.slicing import blocks
from numgenius_core.ids import ContractId
from numgenius_core.offer import Block

SEARCH_LIMIT: Final = 20_000
"""Choices looked at before the search settles for the best plan found; 32 GPUs never need them."""


class Obstacle(Enum):
    """What stands against a block that cannot be made rentable."""

    TOO_FEW_FREE = "fewer GPUs are free than the blocks wanted have"
    HELD = "immovable contracts hold a GPU in too many of the blocks of this size"
    NO_ROOM = "the contracts that would have to move have nowhere to go"


@frozen(kw_only=True)
class Move:
    """One contract moves from the GPUs it holds to others."""

    contract: ContractId
    source: Block
    target: Block


@frozen(kw_only=True)
class DefragmentationPlan:
    """How to make blocks rentable.

    Attributes:
        moves: In the order they are to be done; none if the blocks are rentable already.
        blocks: The blocks of the size that are rentable afterwards and were wanted, by place.
        exact: Whether no plan has fewer moves; else it is the best found within the search limit.
    """

    moves: tuple[Move, ...]
    blocks: tuple[Block, ...]
    exact: bool


@frozen(kw_only=True)
class Impossible:
    """Why no moves make the blocks rentable, as a proof by counting.

    The movable contracts of at least ``size`` GPUs and the wanted blocks would need ``need``
    places of ``size`` GPUs between them; only ``room`` are free of immovable contracts.

    Attributes:
        why: The kind of obstacle.
        size: GPUs of the places counted.
        need: Places needed.
        room: Places there are, less than ``need``.
        immovable: The contracts that may not move and stand in a block of the wanted size.
    """

    why: Obstacle
    size: int
    need: int
    room: int
    immovable: tuple[ContractId, ...]


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
        WrongType: Not whole numbers, ids or blocks.
        RuleViolation: No such machine, size or GPU, overlapping contracts, or a movable contract
            that is not among those held.
    """
    machine = _machine(gpus, min_gpu, held, movable)
    wanted = [block for block in blocks(gpus, min_gpu) if block.size == size]
    if type(size) is not int or not wanted:
        whole_number(size, "size", 1)
        raise RuleViolation("size", "a size that the machine is offered in", shown(size))
    if count is not None:
        whole_number(count, "count", 1, gpus)
    else:
        count = max(1, machine.most(size)) if _is_place(wanted[0], min_gpu) else 1
    rentable = [block for block in wanted if not block.gpu_set & machine.taken]
    if len(rentable) >= count:
        return DefragmentationPlan(moves=(), blocks=tuple(rentable[:count]), exact=True)
    obstacle = _obstacle(machine, wanted, count)
    if obstacle is not None:
        return obstacle
    if _is_place(wanted[0], min_gpu):
        return _plan(machine, {size: count}, ())
    # A remainder is the only block of its size: nothing may move into it, what is there moves out.
    cleared = evolve(machine, fixed=machine.fixed | wanted[0].gpu_set)
    plan = _plan(cleared, {}, machine.movable_in(wanted[0]))
    return evolve(plan, blocks=(wanted[0],))


@frozen(kw_only=True)
class _Machine:
    """What can move where. Places are the aligned blocks of powers of two from ``min_gpu`` on."""

    gpus: int
    min_gpu: int
    held: Mapping[ContractId, Block]
    may_move: frozenset[ContractId]
    taken: int  # GPUs that are held, as bits
    fixed: int  # GPUs that take no contract, as bits

    def sizes(self) -> tuple[int, ...]:
        """Return the sizes of the places, largest first."""
        powers = (1 << k for k in reversed(range(self.gpus.bit_length())))
        return tuple(size for size in powers if size >= self.min_gpu)

    def room(self, size: int) -> int:
        """Return how many places of a size are free of what cannot move."""
        full = (1 << size) - 1
        starts = range(0, self.gpus - size + 1, size)
        return sum(not self.fixed >> start & full for start in starts)

    def needed(self, size: int) -> int:
        """Return how many places of a size the movable contracts of at least that size take."""
        return sum(self.held[contract].size // size for contract in self.may_move)

    def most(self, wanted: int) -> int:
        """Return how many places of a size can be rentable together."""
        return min(
            (self.room(size) - self.needed(size)) * size // wanted
            for size in self.sizes()
            if size <= wanted
        )

    def movable_in(self, block: Block) -> tuple[ContractId, ...]:
        """Return the movable contracts with a GPU in a block."""
        return tuple(sorted(c for c in self.may_move if self.held[c].overlaps(block)))


def _machine(
    gpus: int, min_gpu: int, held: Mapping[ContractId, Block], movable: Collection[ContractId]
) -> _Machine:
    check_machine(gpus, min_gpu)
    if not isinstance(held, Mapping):
        raise WrongType("held", "a mapping of contracts to blocks", shown(held))
    if isinstance(movable, (str, bytes)) or not isinstance(movable, Collection):
        raise WrongType("movable", "a collection of contracts", shown(movable))
    taken = 0
    for contract, block in held.items():
        check_id(contract, "held")
        check_kind(block, Block, f"held[{contract}]")
        mask = block.gpu_set
        if mask >> gpus:
            raise RuleViolation(f"held[{contract}]", f"some of {gpus} GPUs", str(block))
        if taken & mask:
            raise RuleViolation(f"held[{contract}]", "GPUs no other contract holds", str(block))
        taken |= mask
    for contract in movable:
        check_id(contract, "movable")
        if contract not in held:
            raise RuleViolation("movable", "contracts among those held", str(contract))
    may_move = frozenset(c for c in movable if _is_place(held[c], min_gpu))
    fixed = reduce(or_, (held[c].gpu_set for c in held if c not in may_move), 0)
    return _Machine(
        gpus=gpus, min_gpu=min_gpu, held=held, may_move=may_move, taken=taken, fixed=fixed
    )


def _is_place(block: Block, min_gpu: int) -> bool:
    """Return whether contracts move between blocks such as this one."""
    aligned = not block.start % block.size
    return aligned and block.size >= min_gpu and block.size.bit_count() == 1


def _obstacle(machine: _Machine, wanted: Sequence[Block], count: int) -> Impossible | None:
    """Return the proof that there is no plan, ``None`` if there is one."""
    size = wanted[0].size
    clear = sum(not block.gpu_set & machine.fixed for block in wanted)
    proof = (size, count, clear) if clear < count else _shortage(machine, wanted[0], count)
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
    return Impossible(why=why, size=proof[0], need=proof[1], room=proof[2], immovable=immovable)


def _shortage(machine: _Machine, wanted: Block, count: int) -> tuple[int, int, int] | None:
    """Return the largest size of which more places are needed than there are, with both counts."""
    if not _is_place(wanted, machine.min_gpu):
        machine, count = evolve(machine, fixed=machine.fixed | wanted.gpu_set), 0
    for size in machine.sizes():
        need = machine.needed(size) + count * (wanted.size // size)
        if need > (room := machine.room(size)):
            return size, need, room
    return None


def _plan(
    machine: _Machine, wanted: Mapping[int, int], homeless: Iterable[ContractId]
) -> DefragmentationPlan:
    """Return the fewest moves that place the wanted blocks and the contracts without a place."""
    leaving = list(homeless)
    search = _Search(machine)
    made: list[Block] = []
    moves: list[Move] = []
    open_places: list[Block] = []
    for size, shapes in zip(machine.sizes(), search.best(wanted, leaving), strict=True):
        open_places += search.roots(size)
        guests = [c for c in leaving if machine.held[c].size == size]
        targets = []
        for shape in shapes:
            target = next(place for place in open_places if search.shape_of(place) == shape)
            open_places.remove(target)
            targets.append(target)
            leaving += machine.movable_in(target)
        guests.sort(key=machine.held.__getitem__)
        for guest, target in zip(guests, targets, strict=False):
            moves.append(Move(contract=guest, source=machine.held[guest], target=target))
        made += targets[len(guests) :]
        open_places = [half for place in open_places for half in search.halves(place)]
    moves.sort(key=attrgetter("target"))  # small ones first: they clear the way for the others
    return DefragmentationPlan(moves=tuple(moves), blocks=tuple(sorted(made)), exact=search.exact)


_EMPTY: Final = 0
_WHOLE: Final = 1  # one movable contract fills it
_FIXED: Final = 2  # nothing can be placed anywhere in it

_Choice = tuple[int, tuple[tuple[int, ...], ...]]  # moves, and the shapes taken at each size


class _Search:
    """The choice of places: which ones to clear, so that the fewest contracts move.

    A *shape* numbers what is in a place, up to the order of its halves. Empty places are taken
    first: clearing another place and filling the empty one with what was there is no better.
    """

    def __init__(self, machine: _Machine) -> None:
        self.machine = machine
        self.exact = True
        self._sizes = machine.sizes()
        self._by_block = {machine.held[c]: c for c in machine.may_move}
        self._taken = machine.taken | machine.fixed
        self._numbers: dict[tuple[int, int], int] = {}
        self._parts: list[tuple[int, int]] = [(_EMPTY, _EMPTY), (_FIXED, _FIXED), (_FIXED, _FIXED)]
        self._contents: list[tuple[int, ...] | None] = [(), (1,), None]  # contracts by depth
        self._shapes: dict[Block, int] = {}
        self._known: dict[tuple[int, tuple[int, ...], tuple[int, ...]], _Choice] = {}
        self._looked = 0

    def roots(self, size: int) -> list[Block]:
        """Return the place of a size that is no half of a larger one."""
        gpus = self.machine.gpus
        return [Block(start=gpus & -2 * size, size=size)] if gpus & size else []

    def halves(self, place: Block) -> list[Block]:
        """Return the two places in a place, none if nothing in it can be taken."""
        if place.size == self.machine.min_gpu or self.shape_of(place) in {_WHOLE, _FIXED}:
            return []
        half = place.size // 2
        return [Block(start=place.start, size=half), Block(start=place.start + half, size=half)]

    def shape_of(self, place: Block) -> int:
        """Return the number of the shape of a place."""
        if place not in self._shapes:
            self._shapes[place] = self._shape(place)
        return self._shapes[place]

    def _shape(self, place: Block) -> int:
        if place in self._by_block:
            return _WHOLE
        if not place.gpu_set & self._taken:
            return _EMPTY
        if place.size == self.machine.min_gpu or place.gpu_set & ~self.machine.fixed == 0:
            return _FIXED
        half = place.size // 2
        left = self.shape_of(Block(start=place.start, size=half))
        right = self.shape_of(Block(start=place.start + half, size=half))
        parts = (left, right) if left <= right else (right, left)
        if parts not in self._numbers:
            self._numbers[parts] = len(self._parts)
            self._parts.append(parts)
            a, b = self._contents[left], self._contents[right]
            self._contents.append(None if a is None or b is None else (0, *_sum(a, b)))
        return self._numbers[parts]

    def best(
        self, wanted: Mapping[int, int], leaving: Iterable[ContractId]
    ) -> tuple[tuple[int, ...], ...]:
        """Return for each size, largest first, the shapes of the places to take."""
        waiting = Counter(wanted) + Counter(self.machine.held[c].size for c in leaving)
        return self._solve(0, tuple(waiting[size] for size in self._sizes), ())[1]

    def _solve(self, level: int, waiting: tuple[int, ...], places: tuple[int, ...]) -> _Choice:
        """Return the best choice from a size on.

        Args:
            level: Index of the size.
            waiting: How many blocks are still to be placed, by size from this one.
            places: Shapes of the places of this size that came from larger ones, ascending.
        """
        if level == len(self._sizes):
            return 0, ()
        key = level, waiting, places
        if key not in self._known:
            here = list(places)
            here += [self.shape_of(root) for root in self.roots(self._sizes[level])]
            self._known[key] = self._choose(level, waiting, sorted(here))
        return self._known[key]

    def _choose(self, level: int, waiting: tuple[int, ...], places: list[int]) -> _Choice:
        empty = (_EMPTY,) * min(waiting[0], places.count(_EMPTY))
        best: _Choice = self.machine.gpus + 1, ()  # more moves than there can be contracts
        for cleared in self._options(places, waiting[0] - len(empty)):
            self._looked += 1
            if best[1] and self._looked > SEARCH_LIMIT:
                self.exact = False
                break
            contents: tuple[int, ...] = ()
            for shape in cleared:
                contents = _sum(contents, self._contents[shape] or ())
            rest = Counter(places)
            rest.subtract(empty + cleared)
            halves = (h for s in rest.elements() for h in self._parts[s] if h != _FIXED)
            cost, later = self._solve(
                level + 1, _sum(waiting[1:], contents[1:]), tuple(sorted(halves))
            )
            cost += sum(contents)
            if cost < best[0]:
                best = cost, (empty + cleared, *later)
        return best

    def _options(self, places: list[int], count: int) -> Iterator[tuple[int, ...]]:
        """Yield the choices of ``count`` places to clear, those with the fewest contracts first."""
        loads = {s: sum(self._contents[s] or ()) for s in set(places) if s > _FIXED}
        clearable = sorted(
            (s for s in loads if self._contents[s] is not None), key=lambda s: (loads[s], s)
        )
        yield from _multisets([(s, places.count(s)) for s in clearable], count)


def _multisets(supply: list[tuple[int, int]], count: int) -> Iterator[tuple[int, ...]]:
    """Yield the multisets of ``count`` elements, the first elements most often first."""
    if not count:
        yield ()
        return
    for i, (element, most) in enumerate(supply):
        for times in range(min(most, count), 0, -1):
            for rest in _multisets(supply[i + 1 :], count - times):
                yield (element,) * times + rest


def _sum(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    """Return the sums of two rows, the shorter one continued by zeros."""
    if len(a) < len(b):
        a, b = b, a
    return (*map(add, a, b), *a[len(b) :])
