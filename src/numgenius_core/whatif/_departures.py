"""When the instances of a simulation leave: the earliest first, however many there are."""

from __future__ import annotations

from collections import defaultdict
from heapq import heapify, heappush
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from numgenius_core.whatif._rental import Rental

Departure: TypeAlias = "tuple[int, int, Rental]"
"""When an instance leaves, its id, and the instance; ids differ, so it is never compared."""

_SPANS: Final = 256


class Departures:
    """What leaves when.

    A heap of those that leave soon, and for each later span of time a list in no order, which
    becomes the heap when its time comes. So the heap of a large fleet fits in a processor's cache:
    a heap of all of them looks at some thirty that do not whenever one leaves.

    Attributes:
        soon: A heap of those that leave before ``until``.
        until: The second from which on they are in lists.
    """

    __slots__ = ("_later", "_span", "soon", "until")

    def __init__(self, seconds: int) -> None:
        self.soon: list[Departure] = []
        self.until = self._span = seconds // _SPANS + 1
        self._later: defaultdict[int, list[Departure]] = defaultdict(list)

    def plan(self, due: int, rental: Rental) -> None:
        """Take note that an instance leaves at some second."""
        if due < self.until:
            heappush(self.soon, (due, rental.id, rental))
        else:
            self._later[due // self._span].append((due, rental.id, rental))

    def go_on(self) -> None:
        """Take those of the next span of time into the heap."""
        self.soon += self._later.pop(self.until // self._span, ())
        heapify(self.soon)
        self.until += self._span
