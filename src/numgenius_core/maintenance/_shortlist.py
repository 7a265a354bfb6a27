"""Which starts of a window can still be the mildest: bounds by cells of time, before any sorting.

Part of :func:`~numgenius_core.maintenance.best_window`, for large books: it saves the sorting of
what cannot matter, and changes no answer. Time is cut into cells. Sums by cell bound the loss of
all windows that start in a cell from below (what rises before the cells that such a window surely
covers, less what falls by the end of its own cell) and tell what one of them loses at most. Cells
whose least is above the smallest of these are left out, and with them the pieces that no window
left can touch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from operator import sub
from typing import Final

from attrs import frozen

from numgenius_core.maintenance.losses import Piece

Span = tuple[int, int]
"""First and last start of a window allowed."""

FEW: Final = 5_000  # pieces that are sorted sooner than bounded
_PER_CELL: Final = 4  # pieces, more where cells would be too long to bound a window
_PER_WINDOW: Final = 8


def shortlist(
    pieces: list[Piece], length: int, spans: Sequence[Span]
) -> tuple[list[Piece], Sequence[Span]]:
    """Return the pieces and spans that matter to the earliest window of least loss.

    Args:
        pieces: Of the contracts, in any order.
        length: Of the window.
        spans: Ascending, apart, at least one.
    """
    if len(pieces) < FEW:
        return pieces, spans
    # A quarter as many cells as pieces, so that what is done by cell costs less than one pass over
    # the pieces. More, up to one a piece, where a cell would be longer than an eighth of a window:
    # bounds that are a cell's length apart would then say little.
    low, high = spans[0][0], spans[-1][1]
    each = (high + length - low) // len(pieces)
    size = max(1, min(each * _PER_CELL, max(each, length // _PER_WINDOW)))
    grid = _Grid(low, size, (high - low) // size + 1, (high + length - low) // size + 1, length)
    cells_of = grid.cells_of(pieces)
    kept = grid.left(*grid.bounds(pieces, cells_of), spans)
    return grid.touched(kept, pieces, cells_of), kept


@frozen
class _Grid:
    """Cells of equal size from the first start allowed to the end of the last window."""

    low: int
    size: int
    starts: int  # cells in which a window may start
    cells: int  # all of them
    length: int

    @property
    def inside(self) -> int:
        """Cells as long as a window, rounded down."""
        return self.length // self.size

    def cells_of(self, pieces: Sequence[Piece]) -> list[tuple[int, int]]:
        """Return the cells of start and end; those outside count as first or past the last."""
        low, size, cells = self.low, self.size, self.cells
        top = low + cells * size
        return [
            (
                0 if start < low else cells if start >= top else (start - low) // size,
                0 if end < low else cells if end >= top else (end - low) // size,
            )
            for start, end, *_ in pieces
        ]

    def bounds(
        self, pieces: Sequence[Piece], cells_of: Sequence[tuple[int, int]]
    ) -> tuple[list[int], list[int]]:
        """Return the least for windows that start in each cell, and the most for one of them.

        The part of a loss that grows with the overlap, summed to an instant t, is t · Σ slope −
        Σ slope · start over what has begun, less the same of what has ended.
        """
        # A window from w loses begun(w + length) − ended(w): all that has grown and risen up to its
        # end, less all that had grown and fallen by its start. A piece counts from the cell after
        # the one it begins in, so at the edges of cells both sums are exact.
        room = self.cells + 1
        rates, anchors, rises, falls = ([0] * room for _ in range(4))
        for (start, end, at_start, at_end, slope), (begin, over) in zip(
            pieces, cells_of, strict=True
        ):
            rates[begin] += slope
            rates[over] -= slope
            anchors[begin] += slope * start
            anchors[over] -= slope * end
            rises[begin] += at_start
            falls[over] += at_end
        grown = [
            (self.low + cell * self.size) * rate - anchor
            for cell, (rate, anchor) in enumerate(
                zip(_before(rates), _before(anchors), strict=True)
            )
        ]
        begun = [work + lump for work, lump in zip(grown, _before(rises), strict=True)]
        ended = [work + lump for work, lump in zip(grown, _before(falls), strict=True)]
        # Both sums only increase with time. A window that starts in cell c starts before the edge
        # of cell c + 1 and ends at or after that of c + inside, which gives the least it can lose;
        # the one that starts at the edge of c ends before that of c + inside + 1, which gives the
        # most.
        inside, starts = self.inside, self.starts
        least = list(map(sub, begun[inside : inside + starts], ended[1:]))
        return least, list(map(sub, begun[inside + 1 : inside + 1 + starts], ended))

    def span_cells(self, span: Span) -> range:
        """Return the cells in which the starts of a span lie."""
        first, last = span
        return range((first - self.low) // self.size, (last - self.low) // self.size + 1)

    def left(self, least: list[int], most: list[int], spans: Sequence[Span]) -> list[Span]:
        """Return the starts that can be the earliest best.

        What a cell loses at most is the loss of a window from its first instant, so it counts only
        if that is allowed; that of the first cell is.
        """
        # Some window that is allowed loses no more than the ceiling, so a cell in which every
        # window loses more cannot hold the best one.
        size = self.size
        known: list[tuple[int, int]] = []
        for first, last in spans:
            edges = range(-((self.low - first) // size), (last - self.low) // size + 1)
            if edges:
                value = min(most[edges.start : edges.stop])
                known.append((value, most.index(value, edges.start)))
        ceiling, best = min(known)
        kept: list[Span] = []
        for first, last in spans:
            for cell in [c for c in self.span_cells((first, last)) if least[c] <= ceiling]:
                if cell > best and least[cell] == ceiling:
                    continue  # no better than one before
                edge = self.low + cell * size
                begin, end = max(first, edge), min(last, edge + size - 1)
                # Cells side by side are one span again: a seam would be one more event to sort.
                if begin > first and kept and kept[-1][1] == begin - 1:
                    begin = kept.pop()[0]
                kept.append((begin, end))
        return kept

    def touched(
        self, kept: Sequence[Span], pieces: Sequence[Piece], cells_of: Sequence[tuple[int, int]]
    ) -> list[Piece]:
        """Return the pieces that a window left may touch.

        What counts once rises with a contract's first piece and falls with its last: where these
        are two, both stay.
        """
        # A piece from cell ``begin`` to cell ``over`` is met from starts in the cells from a
        # window's length before ``begin`` up to ``over``. Whether one of these is kept is a look
        # into two tables: more cells are kept up to the last of them than before the first.
        flags = [0] * self.starts
        for span in kept:
            for cell in self.span_cells(span):
                flags[cell] = 1
        before = list(_before(flags))
        since = [0] * (self.inside + 1) + before  # less a window's length, rounded up
        until = before[1:] + [before[-1]] * (self.cells + 2 - self.starts)
        return [
            piece
            for piece, (begin, over) in zip(pieces, cells_of, strict=True)
            if until[over] > since[begin] or piece[2] != piece[3]
        ]


def _before(amounts: Sequence[int]) -> Iterator[int]:
    """Return, for the lower edge of each cell, the sum over the cells before it."""
    return accumulate(amounts, initial=0)
