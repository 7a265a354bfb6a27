"""A small table of results: plain text, and a picture of itself for notebooks.

Cells are what they print as. The HTML has no style sheet of its own, everything in it is escaped,
and rows beyond the first hundred are counted, not shown.
"""

from __future__ import annotations

from html import escape
from typing import Final

from attrs import frozen

from numgenius_core.errors import RuleViolation

_SHOWN: Final = 100


@frozen(kw_only=True)
class ResultTable:
    """A title, a row of headings, and rows of texts as long as it.

    Attributes:
        title: What the table shows; may be empty.
        head: Headings, with their units.
        rows: The cells; the first column is text, the others are numbers.
    """

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def __attrs_post_init__(self) -> None:
        for index, row in enumerate(self.rows):
            if len(row) != len(self.head):
                raise RuleViolation(f"rows[{index}]", f"{len(self.head)} cells", str(len(row)))

    def __str__(self) -> str:
        lines = [self.head, *self.rows[:_SHOWN]]
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.head))]
        texts = [] if not self.title else [self.title]
        for first, *others in lines:
            right = [f"{cell:>{width}}" for cell, width in zip(others, widths[1:], strict=True)]
            texts.append("  ".join([f"{first:<{widths[0]}}", *right]).rstrip())
        return "\n".join([*texts, *self._rest()])

    def _rest(self) -> list[str]:
        left = len(self.rows) - _SHOWN
        return [f"… and {left} more"] if left > 0 else []

    def _repr_html_(self) -> str:
        """Return the table as a notebook shows it."""
        heads = "".join(f"<th>{escape(cell)}</th>" for cell in self.head)
        body = "".join(f"<tr>{_cells(row)}</tr>" for row in self.rows[:_SHOWN])
        rest = "".join(f"<p>{escape(text)}</p>" for text in self._rest())
        caption = f"<caption>{escape(self.title)}</caption>" if self.title else ""
        return f"<table>{caption}<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>{rest}"


def _cells(row: tuple[str, ...]) -> str:
    first, *others = row
    right = "".join(f'<td style="text-align:right">{escape(cell)}</td>' for cell in others)
    return f'<td style="text-align:left">{escape(first)}</td>{right}'
