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

_FEW: Final = 32  # times as many entries in a layer, at most, as in the one above it
_NONE: Final = object()
_new: Final[Any] = object.__new__  # found at once, as nothing is that is looked up of a class
_GONE: Final = object()  # stands in a layer for an entry that a layer below still has


class Table(Mapping[KT, VT]):
    """A mapping that is replaced, never changed.

    Up to 32 entries are one dict. A larger table is layers of dicts: at the bottom all entries as
    they once were, above them what changed since, the newest changes on top. A change copies the
    top, which has at most 32 entries; when it is full it is merged into the layer below, which may
    have 32 times as many, and so on down. So a change costs a copy of about 32 entries for each
    layer on average, and once in a while one of all entries. What changed lately is found first.
    Copies are made by the dict itself and of what lies close together: a tree of small nodes takes
    several times the steps, and in a large market as many looks into slow memory.

    >>> from numgenius_core.market._persistent import Table
    >>> one = Table({1: "a"})
    >>> two = one.set(2, "b")
    >>> len(one), len(two), two.without(1)[2]
    (1, 2, 'b')
    """

    __slots__ = ("_below", "_size", "_top")
    _top: dict[Any, Any]  # the newest changes; like all layers, it is never changed
    _below: tuple[dict[Any, Any], ...]  # the last of them has all entries as they once were
    _size: int | None  # counted when it is asked for

    def __init__(self, entries: Mapping[KT, VT] | Iterable[tuple[KT, VT]] = ()) -> None:
        self._top, *below = _over(dict(entries))
        self._below, self._size = tuple(below), None

    def set(self, key: KT, value: VT) -> Self:
        """Return the table with an entry, in the place of any other with its key."""
        return self.updated({key: value})

    def updated(self, changes: dict[KT, VT], gone: Iterable[KT] = ()) -> Self:
        """Return the table with many entries at once, and without others."""
        top, below = self._top | changes, self._below
        for key in gone:
            if below:
                top[key] = _GONE
            else:
                top.pop(key, None)
        if len(top) > _FEW:
            top, *merged = _merged(top, below)
            below = tuple(merged)
        table = _new(Table)
        table._top, table._below, table._size = top, below, None
        return table  # type: ignore[no-any-return]

    def without(self, key: KT) -> Self:
        """Return the table without the entry of a key; without such an entry, itself."""
        return self.updated({}, (key,)) if key in self else self

    def __getitem__(self, key: KT) -> VT:
        found: Any = self.get(key, _NONE)
        if found is _NONE:
            raise KeyError(key)
        return found  # type: ignore[no-any-return]

    @overload
    def get(self, key: Any) -> VT | None: ...
    @overload
    def get(self, key: Any, default: T) -> VT | T: ...
    def get(self, key: Any, default: Any = None) -> Any:
        """Return the entry of a key, or ``default``."""
        found = self._top.get(key, _NONE)
        if found is _NONE:
            for layer in self._below:
                found = layer.get(key, _NONE)
                if found is not _NONE:
                    break
            else:
                return default
        return default if found is _GONE else found

    def _entries(self) -> dict[KT, VT]:
        """Return all entries as one dict, which is not to be changed."""
        return _joined([self._top, *self._below]) if self._below else self._top

    def __iter__(self) -> Iterator[KT]:
        return iter(self._entries())

    def values(self) -> ValuesView[VT]:
        """Return the values of all entries."""
        return self._entries().values()

    def items(self) -> ItemsView[KT, VT]:
        """Return all entries."""
        return self._entries().items()

    def __contains__(self, key: object) -> bool:
        return self.get(key, _NONE) is not _NONE

    def __len__(self) -> int:
        if not self._below:
            return len(self._top)
        if self._size is None:
            *above, bottom = self._below
            changed = _all_of([self._top, *above])
            new = sum(value is not _GONE for value in changed.values())
            self._size = len(bottom) + new - sum(key in bottom for key in changed)
        return self._size

    def __hash__(self) -> int:
        return hash(frozenset(self.items()))

    def __reduce__(self) -> tuple[type[Self], tuple[dict[KT, VT]]]:
        return type(self), (dict(self.items()),)

    def __repr__(self) -> str:
        return f"Table({dict(self.items())!r})"


def _over(entries: dict[Any, Any]) -> list[dict[Any, Any]]:
    """Return layers with these entries at the bottom and no changes yet."""
    layers, room = [entries], _FEW
    while len(entries) > room:
        layers.insert(0, {})
        room *= _FEW
    return layers


def _merged(top: dict[Any, Any], below: tuple[dict[Any, Any], ...]) -> list[dict[Any, Any]]:
    """Return layers in which a top that is too large has gone down as far as it must."""
    room = _FEW
    for depth, layer in enumerate(below[:-1], 1):
        top, room = layer | top, room * _FEW
        if len(top) <= room:
            return [*({} for _ in range(depth)), top, *below[depth:]]
    return _over(_joined([top, *below[-1:]]))


def _joined(layers: list[dict[Any, Any]]) -> dict[Any, Any]:
    """Return all entries of layers, of which the last one is the bottom."""
    *above, bottom = layers
    changes = _all_of(above)
    entries = bottom | changes
    for key, value in changes.items():
        if value is _GONE:
            del entries[key]
    return entries


def _all_of(layers: list[dict[Any, Any]]) -> dict[Any, Any]:
    """Return what layers have together; what is said of a key in the first of them holds."""
    entries: dict[Any, Any] = {}
    for layer in reversed(layers):
        entries.update(layer)
    return entries


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
        series: Series[T] = _new(Series)
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
    the pieces; most have just one piece. Items are compared as they are: tuples, in which what
    decides comes first.

    >>> from numgenius_core.market._persistent import Sorted
    >>> items = Sorted([3, 1]).add(2)
    >>> items.first, list(items), list(items.without(1))
    (1, [1, 2, 3], [2, 3])

    Attributes:
        first: The smallest item, ``None`` if there is none.
    """

    __slots__ = ("_more", "_piece", "first")
    first: T | None
    _piece: list[Any]  # the smallest items; like all pieces, it is never changed
    _more: list[list[Any]]  # the other pieces; the list is never changed, either

    def __init__(self, items: Iterable[T] = ()) -> None:
        every: list[Any] = sorted(items)
        pieces = [every[i : i + _PIECE] for i in range(0, len(every), _PIECE)]
        self._piece, *self._more = pieces or [[]]
        self.first = every[0] if every else None

    def _pieces(self) -> list[list[Any]]:
        """Return all pieces, in a list that may be changed."""
        return [self._piece, *self._more]

    def add(self, item: T) -> Sorted[T]:
        """Return the items and one more."""
        if not self._more and len(self._piece) < 2 * _PIECE:  # most often: half the steps
            piece = self._piece.copy()
            insort(piece, item)
            return _one_piece(piece)
        pieces = self._pieces()
        _put(pieces, item)
        return _sorted(pieces)

    def without(self, item: T) -> Sorted[T]:
        """Return the items without one; if it is not there, themselves."""
        if not self._more:
            piece = self._piece
            index = bisect_left(piece, item)
            if index == len(piece) or piece[index] != item:
                return self
            piece = piece.copy()
            del piece[index]
            return _one_piece(piece)
        pieces = self._pieces()
        return self if _take(pieces, item) is None else _sorted(pieces)

    def replaced(self, old: T, new: T) -> Sorted[T]:
        """Return the items with another instead of one; without that one, with one more."""
        if not self._more:
            piece = self._piece.copy()
            index = bisect_left(piece, old)
            if index < len(piece) and piece[index] == old:
                del piece[index]
                insort(piece, new)
                return _one_piece(piece)
        pieces = self._pieces()
        _put(pieces, new, _take(pieces, old))
        return _sorted(pieces)

    def __len__(self) -> int:
        return len(self._piece) + sum(map(len, self._more))

    def __iter__(self) -> Iterator[T]:
        return chain(self._piece, *self._more)

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
_NO_MORE: Final[list[Any]] = []


def _one_piece(piece: list[T]) -> Sorted[T]:
    made: Sorted[T] = _new(Sorted)
    made._piece, made._more = piece, _NO_MORE
    made.first = piece[0] if piece else None
    return made


def _sorted(pieces: list[list[T]]) -> Sorted[T]:
    made: Sorted[T] = _new(Sorted)
    made._piece, *made._more = pieces or [[]]
    made.first = pieces[0][0] if pieces else None
    return made


def _place(pieces: list[Any], item: Any) -> int:
    """Return which piece an item belongs to: the last that begins with no larger one."""
    return max(bisect_right(pieces, item, key=_FIRST) - 1, 0)


def _put(pieces: list[Any], item: Any, own: list[Any] | None = None) -> None:
    """Put an item into a copy of the piece that it belongs to, or into that one if it is own."""
    place = _place(pieces, item) if len(pieces) > 1 else 0
    piece = pieces[place]
    if piece is not own:
        piece = pieces[place] = piece.copy()
    insort(piece, item)
    if len(piece) > 2 * _PIECE:
        pieces[place : place + 1] = piece[:_PIECE], piece[_PIECE:]


def _take(pieces: list[Any], item: Any) -> list[Any] | None:
    """Take an item out of a copy of its piece, and return that; ``None`` if it is not there."""
    place = _place(pieces, item) if len(pieces) > 1 else 0
    piece: list[Any] = pieces[place]
    index = bisect_left(piece, item)
    if index == len(piece) or piece[index] != item:
        return None
    piece = piece.copy()
    del piece[index]
    if piece:
        pieces[place] = piece
    else:
        del pieces[place]
    return piece
