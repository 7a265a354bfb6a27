"""Which contracts to move, and where to, so that wanted blocks come free: the fewest.

The engine of :func:`~numgenius_core.gpus.defragment`. An *aligned* block has a power of two of
GPUs, at least ``min_gpu``, and starts at a multiple of its size: only between such blocks do
contracts move. Each aligned block has two aligned halves, down to ``min_gpu``.

Why the answer is exact.

1. *Fitting is counting.* Blocks of powers of two fit into free aligned blocks iff, for every size
   s, those of at least s GPUs are worth no more blocks of s GPUs than are free. For whichever
   block one of them takes, it takes the same number of smaller ones with it, so no choice can be
   wrong. A plan exists iff this holds for the movable contracts and the wanted blocks together,
   over what immovable contracts leave free; where it fails, that size is the proof.
2. *Who stays decides.* Whichever movable contracts stay, the others find targets iff the count
   holds for what those leave free. So the fewest moves are the most contracts that can stay, and a
   stop on the way saves none: a contract that ends elsewhere has moved at least once.
3. *Nobody makes way for its own size or a smaller one.* If a contract leaves and one of its size or
   smaller ones come, let it stay and swap the two blocks in all that follows: the counts are the
   same, and one contract fewer moves. So blocks are cleared only of strictly smaller contracts,
   from the largest wanted size downwards, and the only question is which blocks.
4. *Once each, the small ones first.* In ascending order of size every target has been cleared when
   its turn comes, so each contract that moves does so once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from operator import add
from typing import Final, NamedTuple

from attrs import evolve, frozen

from numgenius_core.ids import ContractId
from numgenius_core.offer import Block, GpuSet

SEARCH_LIMIT: Final = 20_000
"""Choices looked at before the search settles for the best plan found; 32 GPUs never need them."""


@frozen(kw_only=True)
class Machine:
    """What can move where.

    Attributes:
        gpus: GPUs of the machine.
        min_gpu: Smallest group for rent, a power of two.
        held: The block of each contract.
        may_move: The contracts that may move, all on aligned blocks.
        taken: GPUs that contracts hold.
        fixed: GPUs that take no contract: immovable ones hold them, or they are to come free.
    """

    gpus: int
    min_gpu: int
    held: Mapping[ContractId, Block]
    may_move: frozenset[ContractId]
    taken: GpuSet
    fixed: GpuSet

    def sizes(self) -> tuple[int, ...]:
        """Return the sizes of aligned blocks, largest first."""
        powers = (1 << k for k in reversed(range(self.gpus.bit_length())))
        return tuple(size for size in powers if size >= self.min_gpu)

    def room(self, size: int) -> int:
        """Return how many aligned blocks of a size are free of what cannot move."""
        block = (1 << size) - 1
        starts = range(0, self.gpus - size + 1, size)
        return sum(not self.fixed >> start & block for start in starts)

    def needed(self, size: int) -> int:
        """Return how many aligned blocks of a size the movable contracts at least that large fill.

        Smaller contracts count nothing: their size divided by the larger one is 0.
        """
        return sum(self.held[contract].size // size for contract in self.may_move)

    def most(self, wanted: int) -> int:
        """Return how many aligned blocks of a size can be rentable together."""
        return min(
            (self.room(size) - self.needed(size)) * size // wanted
            for size in self.sizes()
            if size <= wanted
        )

    def movable_in(self, block: Block) -> tuple[ContractId, ...]:
        """Return the movable contracts with a GPU in a block."""
        return tuple(sorted(c for c in self.may_move if self.held[c].overlaps(block)))

    def without(self, block: Block) -> Machine:
        """Return the machine when nothing may move into a block."""
        return evolve(self, fixed=self.fixed | block.gpu_set)


def is_aligned(block: Block, min_gpu: int) -> bool:
    """Return whether contracts move between blocks such as this one."""
    at_multiple = not block.start % block.size
    return at_multiple and block.size >= min_gpu and block.size.bit_count() == 1


class Shortage(NamedTuple):
    """Proof that there is no plan: more aligned blocks of a size are needed than there are."""

    size: int
    need: int
    room: int


def shortage(machine: Machine, wanted: Block, count: int) -> Shortage | None:
    """Return the largest size that there is too little room of for blocks such as ``wanted``."""
    if not is_aligned(wanted, machine.min_gpu):  # there is one such block, and it takes no room:
        machine, count = machine.without(wanted), 0  # what is in it has to fit beside it
    for size in machine.sizes():
        need = machine.needed(size) + count * (wanted.size // size)
        if need > (room := machine.room(size)):
            return Shortage(size, need, room)
    return None


class Arrangement(NamedTuple):
    """Who goes where.

    Attributes:
        targets: The new block of each contract that moves.
        made: The wanted blocks, free in the end.
        exact: Whether no fewer contracts could move.
    """

    targets: Mapping[ContractId, Block]
    made: tuple[Block, ...]
    exact: bool


def arrange(
    machine: Machine, wanted: Mapping[int, int], homeless: Iterable[ContractId]
) -> Arrangement:
    """Return where the fewest contracts go so that there is room; there must be some way.

    Args:
        machine: What can move where.
        wanted: How many aligned blocks of each size are to be free.
        homeless: Contracts that have to move in any case.
    """
    leaving = list(homeless)
    search = Search(machine)
    shapes = search.shapes
    made: list[Block] = []
    targets: dict[ContractId, Block] = {}
    there: list[
        Block
    ] = []  # the aligned blocks of a size that are not taken as part of larger ones
    for size, chosen in zip(machine.sizes(), search.best(wanted, leaving), strict=True):
        there += roots(machine.gpus, size)
        guests = [c for c in leaving if machine.held[c].size == size]
        guests.sort(key=machine.held.__getitem__)
        cleared = []
        for shape in chosen:
            block = next(block for block in there if shapes.of(block) == shape)
            there.remove(block)
            cleared.append(block)
            leaving += machine.movable_in(block)  # all of them smaller, so their turn is to come
        targets.update(zip(guests, cleared, strict=False))
        made += cleared[len(guests) :]
        there = [half for block in there for half in shapes.halves(block)]
    return Arrangement(targets=targets, made=tuple(sorted(made)), exact=search.exact)


def roots(gpus: int, size: int) -> list[Block]:
    """Return the aligned block of a size that is no half of a larger one, if there is one.

    A machine of 7 GPUs is a block of 4, then one of 2, then one of 1: the bits of its number.
    """
    return [Block(start=gpus & -2 * size, size=size)] if gpus & size else []


_EMPTY: Final = 0
_WHOLE: Final = 1  # one movable contract fills it
_FIXED: Final = 2  # nothing can be put anywhere in it

_Counts = tuple[int, ...]  # contracts or blocks by size: of the whole, of its halves, and so on


class Shapes:
    """What is in aligned blocks, as numbers: two blocks have one number iff they are alike.

    Alike are blocks with the same contents up to the order of halves at every level. To clear
    either of them costs the same, so the search looks at one of each shape, not at every block.

    Attributes:
        parts: The shapes of both halves, by shape.
        contents: The contracts by size, by shape; ``None`` if one of them cannot move.
    """

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.parts: list[tuple[int, int]] = [(_EMPTY, _EMPTY), (_FIXED, _FIXED), (_FIXED, _FIXED)]
        self.contents: list[_Counts | None] = [(), (1,), None]
        self._by_block = {machine.held[c]: c for c in machine.may_move}
        self._taken = machine.taken | machine.fixed
        self._numbers: dict[tuple[int, int], int] = {}
        self._known: dict[Block, int] = {}

    def of(self, block: Block) -> int:
        """Return the shape of an aligned block."""
        if block not in self._known:
            self._known[block] = self._shape(block)
        return self._known[block]

    def halves(self, block: Block) -> list[Block]:
        """Return the two halves of an aligned block, none if neither can be taken."""
        if block.size == self.machine.min_gpu or self.of(block) in {_WHOLE, _FIXED}:
            return []
        half = block.size // 2
        return [Block(start=block.start, size=half), Block(start=block.start + half, size=half)]

    def _shape(self, block: Block) -> int:
        if block in self._by_block:
            return _WHOLE
        if not block.gpu_set & self._taken:
            return _EMPTY
        if block.size == self.machine.min_gpu or not block.gpu_set & ~self.machine.fixed:
            return _FIXED
        half = block.size // 2
        left = self.of(Block(start=block.start, size=half))
        right = self.of(Block(start=block.start + half, size=half))
        parts = (left, right) if left <= right else (right, left)
        if parts not in self._numbers:
            self._numbers[parts] = len(self.parts)
            self.parts.append(parts)
            a, b = self.contents[left], self.contents[right]
            self.contents.append(None if a is None or b is None else (0, *_sum(a, b)))
        return self._numbers[parts]


class _Choice(NamedTuple):
    """How many contracts move, and the shapes of the blocks taken at each size from here on."""

    moves: int
    shapes: tuple[tuple[int, ...], ...]


class Search:
    """The choice of the blocks to clear, so that the fewest contracts move.

    It goes from the largest size down. What matters of the choices made so far is which blocks
    are still to be found and which shapes are left, so equal situations are looked at once. Empty
    blocks are taken first: to clear another one, and fill the empty one with what was there, is
    no better.

    Attributes:
        shapes: What is in the blocks of the machine.
        exact: Whether all choices that could be better were looked at.
    """

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.exact = True
        self.shapes = Shapes(machine)
        self._sizes = machine.sizes()
        self._known: dict[tuple[int, _Counts, tuple[int, ...]], _Choice] = {}
        self._looked = 0

    def best(
        self, wanted: Mapping[int, int], leaving: Iterable[ContractId]
    ) -> tuple[tuple[int, ...], ...]:
        """Return for each size, largest first, the shapes of the blocks to take."""
        missing = Counter(wanted) + Counter(self.machine.held[c].size for c in leaving)
        return self._solve(0, tuple(missing[size] for size in self._sizes), ()).shapes

    def _solve(self, level: int, missing: _Counts, left: tuple[int, ...]) -> _Choice:
        """Return the best choice from a size on.

        Args:
            level: Index of the size.
            missing: How many blocks are still to be found, by size from this one.
            left: Shapes of the blocks of this size that are halves of larger ones, ascending.
        """
        if level == len(self._sizes):
            return _Choice(0, ())
        key = level, missing, left
        if key not in self._known:
            own = roots(self.machine.gpus, self._sizes[level])
            there = sorted([*left, *map(self.shapes.of, own)])
            self._known[key] = self._choose(level, missing, there)
        return self._known[key]

    def _choose(self, level: int, missing: _Counts, there: list[int]) -> _Choice:
        """Return the best choice of blocks of a size, given the shapes there are."""
        empty = (_EMPTY,) * min(missing[0], there.count(_EMPTY))
        best = _Choice(self.machine.gpus + 1, ())  # more moves than there can be contracts
        for cleared in self._options(there, missing[0] - len(empty)):
            self._looked += 1
            if best.shapes and self._looked > SEARCH_LIMIT:
                self.exact = False
                break
            moved: _Counts = ()
            for shape in cleared:
                moved = _sum(moved, self.shapes.contents[shape] or ())
            rest = Counter(there)
            rest.subtract(empty + cleared)
            halves = (h for s in rest.elements() for h in self.shapes.parts[s] if h != _FIXED)
            # The contracts that were cleared out join what is missing at their own sizes.
            later = self._solve(level + 1, _sum(missing[1:], moved[1:]), tuple(sorted(halves)))
            moves = sum(moved) + later.moves
            if moves < best.moves:
                best = _Choice(moves, (empty + cleared, *later.shapes))
        return best

    def _options(self, there: list[int], count: int) -> Iterator[tuple[int, ...]]:
        """Yield the choices of ``count`` blocks to clear, those with the fewest contracts first."""
        contents = self.shapes.contents
        loads = {s: sum(contents[s] or ()) for s in set(there) if s > _FIXED}
        clearable = sorted(
            (s for s in loads if contents[s] is not None), key=lambda s: (loads[s], s)
        )
        yield from _multisets([(s, there.count(s)) for s in clearable], count)


def _multisets(supply: list[tuple[int, int]], count: int) -> Iterator[tuple[int, ...]]:
    """Yield the multisets of ``count`` elements, the first elements most often first."""
    if not count:
        yield ()
        return
    for i, (element, most) in enumerate(supply):
        for times in range(min(most, count), 0, -1):
            for rest in _multisets(supply[i + 1 :], count - times):
                yield (element,) * times + rest


def _sum(a: _Counts, b: _Counts) -> _Counts:
    """Return the sums of two rows, the shorter one continued by zeros."""
    if len(a) < len(b):
        a, b = b, a
    return (*map(add, a, b), *a[len(b) :])
