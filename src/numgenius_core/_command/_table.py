"""Tables for a terminal: plain where it is plain, and coloured where it is not."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # as in the package's own `__init__`: the help needs `plain` alone
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Final

_PLAIN: Final = str.maketrans(
    {"×": "x", "–": "-", "…": "...", "→": "->", "≤": "<=", "·": "*", "±": "+/-"}
)
_WIDE: Final = 100
"""What a page is taken for where there is no terminal, and ``COLUMNS`` says nothing."""


def width() -> int:
    """Return how many characters a line has."""
    said = os.environ.get("COLUMNS", "")
    if said.isdecimal() and int(said):
        return int(said)
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or _WIDE
    except (OSError, ValueError, AttributeError):  # no terminal, or one that says nothing
        return _WIDE


def can_print(text: str) -> bool:
    """Return whether the encoding of the output has every character of a text."""
    try:
        text.encode(_encoding())
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _encoding() -> str:
    return sys.stdout.encoding or "utf-8"  # one that has none takes any text


def plain(text: str) -> str:
    """Return a text as the output can print it: in ASCII, where it knows no more."""
    if can_print(text):
        return text
    simple = text.translate(_PLAIN)
    try:
        return simple.encode(_encoding(), "replace").decode(_encoding())
    except LookupError:
        return simple


def coloured(text: str, code: str) -> str:
    """Return a text in a style, if the output is a terminal and nobody asked for none."""
    plain_is_asked = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    if plain_is_asked or not sys.stdout.isatty():
        return text
    return f"\x1b[{code}m{text}\x1b[0m"


def widths(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[int]:
    """Return the width of each column."""
    return [max(map(len, column)) for column in zip(head, *rows, strict=True)]


def print_line(text: str = "") -> None:
    """Print a line of an answer, whoever's words are in it."""
    from numgenius_core.errors import one_line

    print(plain(one_line(text)))


def print_table(
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    left: frozenset[int] = frozenset(),
    gap: int = 2,
) -> None:
    """Print a table whose numbers stand below each other.

    Args:
        head: A heading for each column.
        rows: The cells.
        left: Which columns are words, and begin at the left.
        gap: Blanks between two columns.
    """
    from numgenius_core.errors import one_line

    head, rows = [*map(one_line, head)], [[*map(one_line, row)] for row in rows]
    sizes = widths(head, rows)
    for index, row in enumerate((head, *rows)):
        cells = [
            cell.ljust(size) if column in left else cell.rjust(size)
            for column, (cell, size) in enumerate(zip(row, sizes, strict=True))
        ]
        line = plain((" " * gap).join(cells).rstrip())
        print(line if index else coloured(line, "1"))
