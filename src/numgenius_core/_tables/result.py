"""A small table of results: plain text, and a picture of itself for notebooks.

Cells are what they print as, each in one line and without what a terminal would act on: text of a
market is anybody's. The HTML has no style sheet of its own, and everything in it is escaped. Of
more than a hundred rows the first and the last fifty are shown, a total among them, and those in
between are counted; a command prints them all.
"""

from __future__ import annotations

from html import escape
from typing import Final, TypeAlias

from attrs import frozen

from numgenius_core.errors import RuleViolation, one_line

_EACH_END: Final = 50
"""Rows shown at each end of a table that is longer than both together."""
_Rows: TypeAlias = tuple[tuple[str, ...], ...]


@frozen(kw_only=True)
class ResultTable:
    """A title, a row of headings, rows of texts as long as it, and notes below.

    Attributes:
        title: What the table shows; may be empty.
        head: Headings, with their units.
        rows: The cells; the first column is text, the others are numbers.
        notes: Lines below the rows: the answer that they come to, or what is in none of them.
    """

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()

    def __attrs_post_init__(self) -> None:
        for index, row in enumerate(self.rows):
            if len(row) != len(self.head):
                raise RuleViolation(f"rows[{index}]", f"{len(self.head)} cells", str(len(row)))

    def __str__(self) -> str:
        return self._text(*self._ends())

    def text(self) -> str:
        """Return the table as plain text with all of its rows, however many."""
        return self._text(self.rows, ())

    def _ends(self) -> tuple[_Rows, _Rows]:
        """Return the rows shown: all, or those at both ends, as the last may be a total."""
        if len(self.rows) <= 2 * _EACH_END:
            return self.rows, ()
        return self.rows[:_EACH_END], self.rows[-_EACH_END:]

    def _left_out(self) -> str:
        return f"… {len(self.rows) - 2 * _EACH_END:,} rows left out …"

    def _text(self, begin: _Rows, end: _Rows) -> str:
        lines = [tuple(map(one_line, line)) for line in (self.head, *begin, *end)]
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.head))]
        texts = []
        for first, *others in lines:
            right = [f"{cell:>{width}}" for cell, width in zip(others, widths[1:], strict=True)]
            texts.append("  ".join([f"{first:<{widths[0]}}", *right]).rstrip())
        if end:
            texts.insert(1 + len(begin), self._left_out())
        around = [one_line(self.title)] if self.title else []
        return "\n".join([*around, *texts, *map(one_line, self.notes)])

    def _repr_html_(self) -> str:
        """Return the table as a notebook shows it."""
        begin, end = self._ends()
        rows = [f"<tr>{_cells(row)}</tr>" for row in (*begin, *end)]
        if end:
            gap = f'<tr><td colspan="{len(self.head)}">{self._left_out()}</td></tr>'
            rows.insert(len(begin), gap)
        heads = "".join(f"<th>{_escaped(cell)}</th>" for cell in self.head)
        caption = f"<caption>{_escaped(self.title)}</caption>" if self.title else ""
        head, body = f"<thead><tr>{heads}</tr></thead>", f"<tbody>{''.join(rows)}</tbody>"
        notes = (f'<tr><td colspan="{len(self.head)}">{_escaped(n)}</td></tr>' for n in self.notes)
        foot = f"<tfoot>{''.join(notes)}</tfoot>" if self.notes else ""
        return f"<table>{caption}{head}{body}{foot}</table>"


def _cells(row: tuple[str, ...]) -> str:
    first, *others = row
    right = "".join(f'<td style="text-align:right">{_escaped(cell)}</td>' for cell in others)
    return f'<td style="text-align:left">{_escaped(first)}</td>{right}'


def _escaped(text: str) -> str:
    return escape(one_line(text))
