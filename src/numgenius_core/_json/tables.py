r"""The rows of a table with a header: CSV and its kin, from a database, a sheet or a shell.

Rule (RFC 4180, and what programs make of it): the first row names the columns, a cell may stand in
quotes. Sheets of countries with a decimal comma separate by semicolons, and say so by a first line
``sep=;``; databases write ``NULL`` or ``\N`` for what is not known, pandas ``nan``.

Our readings:

* Which of comma, semicolon, tab and bar separates, the header says: the one that gives most of the
  columns that are looked for.
* Blanks around a cell are no part of it. ``NULL`` and its like say nothing, as an empty cell does.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Collection, Iterator
from typing import Final, NamedTuple

from numgenius_core.errors import ParseError, shown

_SEPARATORS: Final = ",;\t|"
_NOTHING: Final = dict.fromkeys(
    ("NULL", "null", "None", "NaN", "nan", "N/A", "n/a", "#N/A", "\\N", "-"), ""
)
_LINE: Final = re.compile(r"[^\r\n]*(?:\r\n?|\n)|[^\r\n]+")


class Table(NamedTuple):
    """The text of a table, and how it is cut.

    Attributes:
        text: All of it, from the header on.
        name: What messages call it.
        separator: The character between two cells.
        header: The names of its columns.
        skipped: Lines before the header.
    """

    text: str
    name: str
    separator: str
    header: tuple[str, ...]
    skipped: int = 0

    def rows(self) -> Iterator[tuple[str, list[str]]]:
        """Return the rows below the header, each with its place; cells without blanks around them.

        Raises:
            ParseError: Quotes that do not close, or the like.
        """
        reader = csv.reader(
            io.StringIO(self.text, newline=""), delimiter=self.separator, strict=True
        )
        words = [word for word in _NOTHING if word in self.text]  # mostly "-" alone, as of dates
        try:
            next(reader, None)  # the header
            for row in reader:
                cells = list(map(str.strip, row))
                if any(word in cells for word in words):  # seldom
                    cells = [_NOTHING.get(cell, cell) for cell in cells]
                if any(cells):
                    yield f"line {reader.line_num + self.skipped}", cells
        except csv.Error as error:
            where = f"{self.name}, line {reader.line_num + self.skipped}"
            raise ParseError(where, "CSV", str(error)) from None

    def records(self) -> Iterator[tuple[str, dict[str, str] | None, int]]:
        """Return the rows as records by column, ``None`` for one of another length, and lengths."""
        header, width = self.header, len(self.header)
        for place, row in self.rows():
            while len(row) > width and not row[-1]:
                row.pop()  # as a separator at the end of each line makes them
            yield (
                place,
                dict(zip(header, row, strict=True)) if len(row) == width else None,
                len(row),
            )


def _csv(text: str, separator: str) -> Iterator[list[str]]:
    # Line by line: of a whole market only the header is read so, once for each separator.
    lines = (match[0] for match in _LINE.finditer(text))
    return csv.reader(lines, delimiter=separator, strict=True)


def _header(text: str, separator: str) -> tuple[str, ...]:
    """Return the names of the columns if that character separates them; none if it cannot."""
    try:
        return tuple(cell.strip() for cell in next(_csv(text, separator), []))
    except csv.Error:
        return ()


def table_of(text: str, name: str, wanted: Collection[str]) -> Table:
    """Return the table that a text is.

    Args:
        text: All of it.
        name: What messages call it.
        wanted: Columns that are looked for; they tell what separates.

    Raises:
        ParseError: A column stands twice, or the header is no CSV.
    """
    begins, skipped, separators = 0, 0, _SEPARATORS
    while begins < len(text):
        ends = text.find("\n", begins) % (len(text) + 1)  # the last line ends with the text
        line = text[begins:ends].strip()
        if line and line[:4].lower() != "sep=":
            break
        if line:
            separators = line[4:5].strip("\"'") or "\t"
        begins, skipped = ends + 1, skipped + 1
    text = text[begins:]
    headers = [(separator, _header(text, separator)) for separator in separators]
    separator, header = max(headers, key=lambda each: (len({*wanted} & {*each[1]}), len(each[1])))
    if not header:  # it is no CSV by any of them: say why
        try:
            next(_csv(text, separators[0]), None)
        except csv.Error as error:
            raise ParseError(f"{name}, line {skipped + 1}", "CSV", str(error)) from None
        raise ParseError(name, "a table with a header", "none after the line of its separator")
    counts = Counter(header)
    twice = next((column for column in header if column and counts[column] > 1), None)
    if twice is not None:
        raise ParseError(name, "each column once", f"{shown(twice)} again")
    if counts[""] > 1:  # columns without a name, as an index and a last separator make them
        header = tuple(column or f"column {i}" for i, column in enumerate(header, 1))
    return Table(text, name, separator, header, skipped)


def require(table: Table, needed: Collection[str], what: str = "") -> None:
    """Refuse a table that lacks columns, with all that are missing and those that are there.

    Raises:
        ParseError: It lacks some.
    """
    missing = [column for column in needed if column not in table.header]
    if missing:
        there = ", ".join(filter(None, table.header))
        there = there if len(there) <= 600 else f"{there[:600]} …"
        need = f"the column{'s' if len(missing) > 1 else ''} {', '.join(missing)}{what}"
        raise ParseError(table.name, need, f"a table of {there or 'columns without names'}")
