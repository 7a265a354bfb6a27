"""Immutable mappings, series and sorted items, for a state that is replaced and never changed.

A market with thousands of machines is a value: every event makes a new one and the old one stays
as it was. Copying a dict of 100,000 entries for each event would cost milliseconds. Here a change
copies a few small pieces (:class:`Table`, :class:`Series`, :class:`Sorted`), and everything else is
shared between the old value and the new one.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import ItemsView, Iterable, Iterator, Mapping, Sequence, ValuesView
from itertools import chain
from operator import itemgetter
from typing import Any, Final, Generic, Self, TypeVar, overload

KT = TypeVar("KT")
VT = TypeVar("VT")
T = TypeVar("T")

_BITS: Final = 3
_WIDTH: Final = 1 << _BITS  # children of a node, and about as many entries in a leaf
_LOW: Final = _WIDTH - 1
_FEW: Final = 32  # entries of a table that is one dict
_NONE: Final = object()


class Table(Mapping[KT, VT]):
    """A mapping that is replaced, never changed.

    Up to 32 entries are one dict, in the order they came. More are a tree: the bits of a key's hash
    lead through nodes of 8 children to a dict of at most about 8 entries, so a change copies that
    dict and a node for each level. Narrow nodes make more levels, but in a large market each child
    that is copied along may be a look into slow memory. The order of a tree is not defined.

    >>> from numgenius_core.market._persistent import Table
    >>> one = Table({1: "a"})
    >>> two = one.set(2, "b")
    >>> len(one), len(two), two.without(1)[2]
    (1, 2, 'b')
    """

    __slots__ = ("_root", "_shifts", "_size")
    _root: Any  # a dict, or a list of 8 nodes; a table never changes one that it has
    _shifts: tuple[int, ...]  # of the bits of a hash, for each level of nodes
    _size: int

    def __init__(self, entries: Mapping[KT, VT] | Iterable[tuple[KT, VT]] = ()) -> None:
        self._grow(dict(entries))

    def _grow(self, entries: dict[KT, VT]) -> None:
        """Fill the table anew, as deep as its entries ask for."""
        self._size, levels, room = len(entries), 0, _WIDTH
        while self._size > max(room, _FEW):
            levels, room = levels + 1, room * _WIDTH
        self._shifts = tuple(range(0, levels * _BITS, _BITS))
        self._root = _tree(entries, levels)

    def _made(self, root: Any, size: int) -> Self:
        table = object.__new__(type(self))
        table._root, table._size, table._shifts = root, size, self._shifts
        most = _WIDTH << _BITS * len(self._shifts)
        if size > most or size * _WIDTH * 4 < most:  # so seldom that a change pays nothing for it
            table._grow(dict(table.items()))
        return table

    def set(self, key: KT, value: VT) -> Self:
        """Return the table with an entry, in the place of any other with its key."""
        return self.updated({key: value})

    def updated(self, changes: Mapping[KT, VT], gone: Iterable[KT] = ()) -> Self:
        """Return the table with many entries at once, and without others: at times made anew."""
        shifts, size = self._shifts, self._size
        if not shifts or len(changes) * 8 > size:
            root = {**self, **changes} if shifts else {**self._root, **changes}
            for key in gone:
                root.pop(key, None)
            table = object.__new__(Table)
            if len(root) > _FEW:
                table._grow(root)
            else:
                table._root, table._size, table._shifts = root, len(root), ()
            return table  # type: ignore[return-value]  # nobody derives from a table
        root = self._root.copy()
        for key, value in changes.items():  # what lies on the way to each is copied
            bits, node = hash((key,)), root
            for shift in shifts:
                place = bits >> shift & _LOW
                above, node = node, node[place].copy()
                above[place] = node
            size -= len(node)
            node[key] = value
            size += len(node)
        if size == self._size:
            table = object.__new__(Table)
            table._root, table._size, table._shifts = root, size, shifts
        else:
            table = self._made(root, size)
        for key in gone:
            table = table.without(key)
        return table  # type: ignore[return-value]

    def without(self, key: KT) -> Self:
        """Return the table without the entry of a key; without such an entry, itself."""
        if key not in self:
            return self
        root = node = self._root.copy()
        bits = hash((key,))
        for shift in self._shifts:
            place = bits >> shift & _LOW
            above, node = node, node[place].copy()
            above[place] = node
        del node[key]
        return self._made(root, self._size - 1)

    def __getitem__(self, key: KT) -> VT:
        node = self._root
        if self._shifts:
            bits = hash((key,))
            for shift in self._shifts:
                node = node[bits >> shift & _LOW]
        found: VT = node[key]
        return found

    def get(self, key: Any, default: Any = None) -> Any:
        """Return the entry of a key, or ``default``."""
        node = self._root
        if self._shifts:
            bits = hash((key,))
            for shift in self._shifts:
                node = node[bits >> shift & _LOW]
        return node.get(key, default)

    def __iter__(self) -> Iterator[KT]:
        nodes = [self._root]
        for _ in self._shifts:
            nodes = [child for node in nodes for child in node]
        for leaf in nodes:
            yield from leaf

    def values(self) -> ValuesView[VT]:
        """Return the values of all entries."""
        return super().values() if self._shifts else self._root.values()

    def items(self) -> ItemsView[KT, VT]:
        """Return all entries."""
        return super().items() if self._shifts else self._root.items()

    def __contains__(self, key: object) -> bool:
        return self.get(key, _NONE) is not _NONE

    def __len__(self) -> int:
        return self._size

    def __hash__(self) -> int:
        return hash(frozenset(self.items()))

    def __reduce__(self) -> tuple[type[Self], tuple[dict[KT, VT]]]:
        return type(self), (dict(self.items()),)

    def __repr__(self) -> str:
        return f"Table({dict(self.items())!r})"


def _tree(entries: dict[KT, VT], levels: int) -> Any:
    """Return the root of so many levels that holds the entries."""
    if not levels:
        return entries
    leaves: list[dict[KT, VT]] = [{} for _ in range(_WIDTH**levels)]
    for key, value in entries.items():
        bits, place = hash((key,)), 0
        for _ in range(levels):
            place, bits = place * _WIDTH + (bits & _LOW), bits >> _BITS
        leaves[place][key] = value
    nodes: list[Any] = leaves
    for _ in range(levels):
        nodes = [nodes[i : i + _WIDTH] for i in range(0, len(nodes), _WIDTH)]
    return nodes[0]


class Series(Sequence[T]):
    """Values in order, to which more are added at the end; it is replaced, never changed.

    Each points to the one before it, so adding costs the same however many there are.

    >>> from numgenius_core.market._persistent import Series
    >>> one = Series([1, 2])
    >>> two = one.add(3)
    >>> list(one), list(two), len(two)
    ([1, 2], [1, 2, 3], 3)
    """

    __slots__ = ("_last", "_size")

    def __init__(self, values: Iterable[T] = ()) -> None:
        self._last: tuple[Any, T] | None = None  # the values before it, and the last one
        self._size = 0
        for value in values:
            self._last = (self._last, value)
            self._size += 1

    def add(self, value: T) -> Series[T]:
        """Return the series with one more value."""
        series: Series[T] = object.__new__(Series)
        series._last, series._size = (self._last, value), self._size + 1
        return series

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[T]:
        return iter(self._values())

    def __reversed__(self) -> Iterator[T]:
        node = self._last
        while node is not None:
            yield node[1]
            node = node[0]

    def _values(self) -> tuple[T, ...]:
        values = list(reversed(self))
        values.reverse()
        return tuple(values)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[T, ...]: ...
    def __getitem__(self, index: int | slice) -> T | tuple[T, ...]:
        return self._values()[index]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Series):
            return NotImplemented
        if self._last is other._last:
            return True
        return self._size == other._size and all(
            a == b for a, b in zip(reversed(self), reversed(other), strict=True)
        )

    def __hash__(self) -> int:
        return hash(self._values())

    def __reduce__(self) -> tuple[type[Series[T]], tuple[tuple[T, ...]]]:
        return Series, (self._values(),)  # nested as deep as it is, pickle would not take it

    def __repr__(self) -> str:
        return f"Series({self._values()!r})"


class Sorted(Generic[T]):
    """Items in ascending order; it is replaced, never changed.

    The items lie in pieces of at most 128, so adding or taking one copies a piece and the list of
    the pieces. Items are compared as they are: tuples, in which what decides comes first.

    >>> from numgenius_core.market._persistent import Sorted
    >>> items = Sorted([3, 1]).add(2)
    >>> items.first, list(items), list(items.without(1))
    (1, [1, 2, 3], [2, 3])

    Attributes:
        first: The smallest item, ``None`` if there is none.
    """

    __slots__ = ("_pieces", "first")

    def __init__(self, items: Iterable[T] = ()) -> None:
        every: list[Any] = sorted(items)
        self._pieces: tuple[list[T], ...] = tuple(
            every[i : i + _PIECE] for i in range(0, len(every), _PIECE)
        )
        self.first: T | None = every[0] if every else None

    def add(self, item: T) -> Sorted[T]:
        """Return the items and one more."""
        pieces = self._pieces
        if not pieces:
            return _sorted(([item],))
        place = self._place(item)
        piece: Any = pieces[place]
        index = bisect_left(piece, item)
        piece = [*piece[:index], item, *piece[index:]]
        if len(piece) <= 2 * _PIECE:
            new = (piece,) if len(pieces) == 1 else (*pieces[:place], piece, *pieces[place + 1 :])
        else:
            new = (*pieces[:place], piece[:_PIECE], piece[_PIECE:], *pieces[place + 1 :])
        return _sorted(new)

    def without(self, item: T) -> Sorted[T]:
        """Return the items without one; if it is not there, themselves."""
        pieces = self._pieces
        if not pieces:
            return self
        place = self._place(item)
        piece: Any = pieces[place]
        index = bisect_left(piece, item)
        if index == len(piece) or piece[index] != item:
            return self
        piece = [*piece[:index], *piece[index + 1 :]]
        left = (piece,) if piece else ()
        return _sorted((*pieces[:place], *left, *pieces[place + 1 :]))

    def replaced(self, old: T, new: T) -> Sorted[T]:
        """Return the items with another instead of one; without that one, with one more."""
        pieces = self._pieces
        if not pieces:
            return self.add(new)
        several = len(pieces) > 1
        place = self._place(old) if several else 0
        if several and self._place(new) != place:
            return self.without(old).add(new)
        piece: Any = pieces[place].copy()  # most often both belong there
        index = bisect_left(piece, old)
        if index == len(piece) or piece[index] != old:
            return self.add(new)
        del piece[index]
        insort(piece, new)
        return _sorted((*pieces[:place], piece, *pieces[place + 1 :]) if several else (piece,))

    def _place(self, item: Any) -> int:
        """Return which piece an item belongs to: the last that begins with no larger one."""
        pieces: Any = self._pieces
        return max(bisect_right(pieces, item, key=_FIRST) - 1, 0) if len(pieces) > 1 else 0

    def __len__(self) -> int:
        return sum(map(len, self._pieces))

    def __iter__(self) -> Iterator[T]:
        return chain.from_iterable(self._pieces)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sorted) and list(self) == list(other)

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __reduce__(self) -> tuple[type[Sorted[T]], tuple[tuple[T, ...]]]:
        return Sorted, (tuple(self),)

    def __repr__(self) -> str:
        return f"Sorted({list(self)!r})"


_PIECE: Final = 64
_FIRST: Final = itemgetter(0)


def _sorted(pieces: tuple[list[T], ...]) -> Sorted[T]:
    made: Sorted[T] = object.__new__(Sorted)
    made._pieces, made.first = pieces, pieces[0][0] if pieces else None
    return made
