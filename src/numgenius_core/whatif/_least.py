"""The least of many keys among the first so many places, kept as keys change."""

from __future__ import annotations

from typing import Final

NOWHERE: Final = 1 << 256
"""A key above those of all machines."""

_BITS: Final = 4
_WIDTH: Final = 1 << _BITS


class Least:
    """The least of some keys among the first so many places, kept as the keys change.

    Rows of numbers, one above the other: the keys in the order of their places; above them the
    least of each 16; above these the same, up to a row of one. A change goes up only as far as
    the least changes, which is seldom beyond the first row, and the least of 16 is found by
    ``min`` alone: so it costs about as much for 10,000 places as for 10, and less than a tree of
    two branches does from a few dozen places on.

    Attributes:
        places: How many there are.
        keys: The key of each place; change it with :meth:`set`.
        top: A list of the least key of all.
    """

    __slots__ = ("_above", "keys", "places", "top")

    def __init__(self, places: int) -> None:
        self.places = places
        self.keys = self.top = [NOWHERE] * places
        self._above: list[list[int]] = []
        while len(self.top) > 1:
            self.top = [NOWHERE] * (len(self.top) + _WIDTH - 1 >> _BITS)
            self._above.append(self.top)

    def set(self, place: int, key: int) -> None:
        """Change the key of a place."""
        row = self.keys
        before, row[place] = row[place], key
        for above in self._above:
            part = place >> _BITS
            least = above[part]
            if key >= least:
                if before != least:
                    return  # another one is the least, and stays so
                key = min(row[part << _BITS : part + 1 << _BITS])
            if key == least:
                return
            above[part] = key
            row, place, before = above, part, least

    def among(self, count: int) -> int:
        """Return the least key of the first ``count`` places."""
        if count == self.places:
            return self.top[0]
        row, found = self.keys, NOWHERE
        # Of each row the part that is not whole; the whole ones stand in the row above.
        for above in self._above:
            part = count >> _BITS
            found = min([found, *row[part << _BITS : count]])
            row, count = above, part
        return found
