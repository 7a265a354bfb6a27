"""An immutable mapping and an immutable queue, for a state that is replaced and never changed.

A market with thousands of machines is a value: every event makes a new one and the old one stays
as it was. Copying a dict of 100,000 entries for each event would cost milliseconds. Here a change
copies the square root of the entries (:class:`Table`) or their logarithm (:class:`Queue`), and
everything else is shared between the old value and the new one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, Generic, Self, TypeVar

KT = TypeVar("KT")
VT = TypeVar("VT")

_FEWEST: Final = 8  # buckets of a small table


class Table(Mapping[KT, VT]):
    """A mapping that is replaced, never changed.

    The entries lie in about as many small dicts as each of these has entries: a change copies one
    of the dicts and the tuple that holds them. Its order is not defined.

    >>> from numgenius_core.market._persistent import Table
    >>> one = Table({1: "a"})
    >>> two = one.set(2, "b")
    >>> len(one), len(two), two.without(1)[2]
    (1, 2, 'b')
    """

    __slots__ = ("_buckets", "_size")
    _buckets: tuple[dict[KT, VT], ...]
    _size: int

    def __init__(self, entries: Mapping[KT, VT] | Iterable[tuple[KT, VT]] = ()) -> None:
        self._fill(dict(entries), _FEWEST)

    def _fill(self, entries: dict[KT, VT], buckets: int) -> None:
        while len(entries) > buckets * buckets:
            buckets *= 2
        filled: tuple[dict[KT, VT], ...] = tuple({} for _ in range(buckets))
        for key, value in entries.items():
            filled[hash((key,)) & (buckets - 1)][key] = value
        self._buckets, self._size = filled, len(entries)

    def _with(self, place: int, bucket: dict[KT, VT], size: int) -> Self:
        table = object.__new__(type(self))
        buckets = list(self._buckets)
        buckets[place] = bucket
        table._buckets, table._size = tuple(buckets), size
        if size > len(buckets) ** 2:
            table._fill(dict(table.items()), len(buckets))
        return table

    def set(self, key: KT, value: VT) -> Self:
        """Return the table with an entry, in the place of any other with its key."""
        place = hash((key,)) & (len(self._buckets) - 1)  # of a tuple: mixes the bits of whole ones
        bucket = self._buckets[place].copy()
        bucket[key] = value
        return self._with(place, bucket, self._size + len(bucket) - len(self._buckets[place]))

    def without(self, key: KT) -> Self:
        """Return the table without the entry of a key; without such an entry, itself."""
        if key not in self:
            return self
        place = hash((key,)) & (len(self._buckets) - 1)
        bucket = self._buckets[place].copy()
        del bucket[key]
        return self._with(place, bucket, self._size - 1)

    def __getitem__(self, key: KT) -> VT:
        return self._buckets[hash((key,)) & (len(self._buckets) - 1)][key]

    def __iter__(self) -> Iterator[KT]:
        for bucket in self._buckets:
            yield from bucket

    def __len__(self) -> int:
        return self._size

    def __hash__(self) -> int:
        return hash(frozenset(self.items()))

    def __reduce__(self) -> tuple[type[Self], tuple[dict[KT, VT]]]:
        return type(self), (dict(self.items()),)

    def __repr__(self) -> str:
        return f"Table({dict(self.items())!r})"


_Node = tuple[int, Any, Any, Any]  # steps to the nearest gap, item, left node, right node


class Queue(Generic[VT]):
    """Items that come out in ascending order; it is replaced, never changed (a leftist heap).

    >>> from numgenius_core.market._persistent import Queue
    >>> queue = Queue([3, 1]).add(2)
    >>> queue.first, queue.rest().first, list(queue.rest().rest())
    (1, 2, [3])
    """

    __slots__ = ("_root", "_size")

    def __init__(self, items: Iterable[VT] = ()) -> None:
        self._root: _Node | None = None
        self._size = 0
        for item in items:
            self._root = _merge(self._root, (1, item, None, None))
            self._size += 1

    @property
    def first(self) -> VT | None:
        """The smallest item, ``None`` if there is none."""
        return None if self._root is None else self._root[1]

    def add(self, item: VT) -> Self:
        """Return the queue with one more item."""
        return self._made(_merge(self._root, (1, item, None, None)), self._size + 1)

    def rest(self) -> Self:
        """Return the queue without its smallest item; an empty one is itself."""
        if self._root is None:
            return self
        return self._made(_merge(self._root[2], self._root[3]), self._size - 1)

    def _made(self, root: _Node | None, size: int) -> Self:
        queue = object.__new__(type(self))
        queue._root, queue._size = root, size
        return queue

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[VT]:
        """Go through the items in ascending order."""
        queue = self
        while queue._root is not None:
            yield queue._root[1]
            queue = queue.rest()

    def __reduce__(self) -> tuple[type[Self], tuple[list[VT]]]:
        return type(self), (list(self),)  # nested as deep as it is, pickle would not take it

    def __repr__(self) -> str:
        return f"Queue({list(self)!r})"


def _merge(one: _Node | None, two: _Node | None) -> _Node | None:
    """Return both heaps as one: along their right sides, which are at most log n long."""
    if one is None:
        return two
    if two is None:
        return one
    if two[1] < one[1]:
        one, two = two, one
    left, right = one[2], _merge(one[3], two)
    if left is None or left[0] < right[0]:  # type: ignore[index]  # merging a node gives a node
        left, right = right, left
    return (1 if right is None else right[0] + 1, one[1], left, right)
