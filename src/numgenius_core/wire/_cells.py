"""The cells and records of a table: numbers as people and sheets write them, offers by column.

Rule (what programs make of tables): pandas writes a whole number of a column with gaps as ``1.0``;
people write ``$0.30``. How a text is cut into rows: ``numgenius_core._json.tables``.

Our reading: a comma is the decimal sign where the numbers of the whole table allow no other
reading. A lone ``1,024`` is refused: it is a number in one country and a thousand times it in the
next.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from functools import cached_property
from typing import Any, Final

from numgenius_core._checks import check_kind
from numgenius_core._json import field_path, file_name
from numgenius_core._json.tables import Table, require, table_of
from numgenius_core.errors import ParseError, RuleViolation, shown
from numgenius_core.wire import _fields as read
from numgenius_core.wire._kinds import OFFERS, RecordKind
from numgenius_core.wire._promises import claim, spread
from numgenius_core.wire._records import API
from numgenius_core.wire._shape import keys_read_by
from numgenius_core.wire._snapshots import SNAPSHOT, SNAPSHOT_NUMBERS, SNAPSHOT_WHOLE

ColumnMap = Mapping[str, str]
"""Our name of a field, and the column that has it; ``"#"`` is the number of the row."""
ROW: Final = "#"
"""In a column map: the number of the row, from 1, for tables that have no ids."""

_SHAPES: Final = 'a JSON list, {"offers": [...]}, one JSON object a line, or CSV with a header'
_SHOWN: Final = 40


# -- cells -------------------------------------------------------------------------------------

_PLAIN: Final = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?", re.ASCII)
_WHOLE_ROW: Final = re.compile(r"[+-]?[0-9]{1,19}", re.ASCII)
_ZEROS: Final = re.compile(r"([0-9]+)\.0+", re.ASCII)
_COMMA: Final = re.compile(r"([+-]?[0-9]{1,3}(?:\.[0-9]{3})*|[+-]?[0-9]+),([0-9]+)", re.ASCII)
_GROUPED: Final = re.compile(r"[+-]?[0-9]{1,3}(?:,[0-9]{3})+\.[0-9]+", re.ASCII)
_ONLY_COMMA: Final = re.compile(
    r"[+-]?(?:0,[0-9]+|[0-9]+,(?:[0-9]{1,2}|[0-9]{4,})|[0-9]{4,},[0-9]+"
    r"|[0-9]{1,3}(?:\.[0-9]{3})+,[0-9]+)",
    re.ASCII,
)
_LONE: Final = re.compile(r"[+-]?[1-9][0-9]{0,2},[0-9]{3}", re.ASCII)
_ONLY_POINT: Final = re.compile(r"[+-]?[0-9]+\.[0-9]+(?:[eE].*)?|[0-9]{1,3}(?:,[0-9]{3})+\.[0-9]+")


def bare(cell: str) -> str:
    """Return a cell of a number without its blanks and its dollar sign."""
    return cell.strip().removeprefix("$").lstrip()


def plain_number(cell: str, *, comma: bool = False, whole: bool = False) -> str:
    """Return the plain digits of a number as people and sheets write it; else the cell as it is.

    Args:
        cell: What stands in the table.
        comma: Whether a comma is the decimal sign of the table.
        whole: Whether the column has whole numbers only, so that ``1.0`` is ``1``.
    """
    text = bare(cell)
    if comma and (match := _COMMA.fullmatch(text)):
        text = f"{match[1].replace('.', '')}.{match[2]}"
    elif not comma and _GROUPED.fullmatch(text):
        text = text.replace(",", "")
    if text.startswith("."):
        text = f"0{text}"
    if whole and (match := _ZEROS.fullmatch(text)):
        text = match[1]
    return text if _PLAIN.fullmatch(text) else cell


class DecimalSign:
    """Which sign is the decimal one of a table; it is looked for once a comma is met.

    Args:
        table: The table.
        numbers: Its columns of numbers.
    """

    def __init__(self, table: Table, numbers: Collection[str]) -> None:
        self._table = table
        self._numbers = numbers

    @cached_property
    def comma(self) -> bool:
        """Whether some of the numbers have a decimal comma, and none a decimal point."""
        return not self._point and self._has_comma

    @cached_property
    def _point(self) -> str:
        """The first cell that can only be read with a decimal point, and where it stands."""
        for place, column, cell in self._cells():
            if _ONLY_POINT.fullmatch(cell) and not _COMMA.fullmatch(cell):
                return f"{place}, {column} has {shown(cell)}"
        return ""

    @property
    def _has_comma(self) -> bool:
        return any(_ONLY_COMMA.fullmatch(cell) for _, _, cell in self._cells())

    def _cells(self) -> Iterator[tuple[str, str, str]]:
        named = [each for each in enumerate(self._table.header) if each[1] in self._numbers]
        for place, row in self._table.rows():
            for index, column in named:
                if index < len(row):
                    yield place, column, bare(row[index])

    def why_not(self, cell: object) -> str:
        """Return why a cell with a comma is no number, in brackets; nothing of any other cell."""
        text = bare(cell) if isinstance(cell, str) else ""
        if self.comma or not _COMMA.fullmatch(text):
            return ""
        if _LONE.fullmatch(text):
            return " (a thousand or one?)"
        return f" (a decimal comma, but {self._point})"


class Tidy:
    """Makes plain numbers of a table's cells, once one of them was none.

    Tables that programs write need none of it, so nothing is looked at before a row is refused.
    """

    def __init__(self, sign: DecimalSign, numbers: Collection[str], whole: Collection[str]) -> None:
        self._sign = sign
        self._numbers = numbers
        self._whole = whole

    def __call__(self, row: dict[str, str]) -> dict[str, str]:
        """Return a row with plain numbers in the columns that have numbers."""
        return {
            key: plain_number(cell, comma=self._sign.comma, whole=key in self._whole)
            if key in self._numbers
            else cell
            for key, cell in row.items()
        }


# -- records -----------------------------------------------------------------------------------


def check_map(columns: object) -> ColumnMap:
    """Return a column map that is one: texts to texts, each column once."""
    check_kind(columns, Mapping, "columns")
    assert isinstance(columns, Mapping)
    for ours, theirs in columns.items():
        check_kind(ours, str, "columns")
        check_kind(theirs, str, f"columns[{ours!r}]")
    return columns


def renamed(row: Mapping[str, Any], columns: ColumnMap, number: int) -> dict[str, Any]:
    """Return a record with our names for the fields that a column map knows."""
    taken = set(columns.values())
    found = {key: value for key, value in row.items() if key not in taken and key not in columns}
    for ours, theirs in columns.items():
        if theirs in row:
            found[ours] = row[theirs]
        elif theirs == ROW:
            found[ours] = number
    return found


_CURRENCIES: Final = frozenset(
    {"currency", "Currency", "CURRENCY", "currency_code", "currencyCode", "price_currency"}
)
_DOLLARS: Final = frozenset({"", "usd", "$", "us$"})


def other_currency(record: Mapping[str, Any], place: str) -> RuleViolation | None:
    """Return the fault of a record whose money is not in US dollars, as all prices here are."""
    if record.keys().isdisjoint(_CURRENCIES):  # as of nearly all
        return None
    for key in _CURRENCIES.intersection(record):
        said = record[key]
        word = said.strip().casefold() if isinstance(said, str) else said
        if word is not None and word not in _DOLLARS:
            return RuleViolation(field_path(place, key), "USD, as all money here", shown(said))
    return None


# -- tables of offers --------------------------------------------------------------------------


_API_WHOLE: Final = keys_read_by(API.columns, {read.id_number, read.gpu_count, read.host})
_API_NUMBERS: Final = _API_WHOLE | keys_read_by(
    API.columns,
    {
        read.price_or_nothing,
        read.storage,
        read.traffic,
        read.share,
        read.disk,
        read.number,
        read.end,
        claim,
        spread,
    },
)
_API_FLAGS: Final = keys_read_by(API.columns, {read.yes, read.maybe})
_API_COLUMNS: Final = frozenset(column.key for column in API.columns)
_API_NEEDED: Final = ("id", "machine_id", "gpu_name", "num_gpus", "dph_base")
_ROW_COLUMNS: Final = frozenset(column.key for column in SNAPSHOT.columns)
_ROW_NEEDED: Final = (
    "offer_id",
    "machine_id",
    "gpu_name",
    "num_gpus",
    "dph_total",
    "storage_cost_per_gb_mo",
)
_FLAGS: Final = {"true": True, "t": True, "yes": True, "false": False, "f": False, "no": False}


def _typed(row: dict[str, str], sign: DecimalSign) -> dict[str, Any]:
    """Return a row of the API's columns as the API's JSON would have it."""
    found: dict[str, Any] = {}
    for key, cell in row.items():
        value: Any = cell
        if key in _API_NUMBERS:
            if not isinstance(cell, str):
                pass  # the number of the row
            elif not cell:
                value = None
            else:
                whole = key in _API_WHOLE
                text = cell if _PLAIN.fullmatch(cell) and not whole else None
                text = text or plain_number(cell, comma="," in cell and sign.comma, whole=whole)
                if _WHOLE_ROW.fullmatch(text):
                    value = int(text)
                elif _PLAIN.fullmatch(text):
                    value = float(text)
        elif key in _API_FLAGS:
            value = None if not cell else _FLAGS.get(cell.lower(), cell)
        elif key in _API_COLUMNS and key != "gpu_name":
            value = cell or None
        found[key] = value
    return found


_BESIDE: Final = ("external", "is_bid")
"""Flags of which no offer is made, though rankings and findings look at them."""
_FLAGS_BESIDE: Final = {**_FLAGS, "1": True, "0": False}


def _flag_faults(record: dict[str, Any], place: str, *, as_text: bool) -> Iterator[RuleViolation]:
    """Put the truth in the place of a flag's word, and yield a fault of a word that says none."""
    for key in _BESIDE:
        cell = record.get(key)
        if isinstance(cell, str) and cell:
            truth = _FLAGS_BESIDE.get(cell.lower())
            if truth is None:
                yield RuleViolation(field_path(place, key), "true or false", shown(cell))
            else:
                record[key] = str(truth) if as_text else truth


def table_records(
    text: str, name: str, kind: RecordKind, columns: ColumnMap | None
) -> Iterator[tuple[str, Any, tuple[RuleViolation, ...], Tidy | None, DecimalSign | None]]:
    """Return the rows of a table of offers as records: place, record, faults, what tidies it.

    The last tells which sign is the decimal one.

    Raises:
        ParseError: It is no table, or lacks columns.
    """
    wanted = {*columns.values()} if columns else _API_COLUMNS | _ROW_COLUMNS
    table = table_of(text, name, wanted)
    if kind is not OFFERS:
        need = f"JSON of {kind.word}, as {kind.command} prints it"
        raise ParseError(name, need, file_name(text) or "a table")
    if not wanted & set(table.header) and len(table.header) == 1:
        raise ParseError(name, _SHAPES, file_name(text) or shown(text[:60]))
    if columns:
        require(table, [column for column in columns.values() if column != ROW])
    ours = {*(columns or ()), *table.header}
    in_api = "id" in ours or (
        "offer_id" not in ours
        and len(ours.intersection(_API_NEEDED)) >= len(ours.intersection(_ROW_NEEDED))
    )
    needed = _API_NEEDED if in_api else _ROW_NEEDED
    mapped = tuple(columns) if columns else ()
    require(table, [c for c in needed if c not in mapped], "" if columns else " (or a column map)")
    numbers = _API_NUMBERS if in_api else SNAPSHOT_NUMBERS
    known = columns or {}
    sign = DecimalSign(table, {known.get(name, name) for name in numbers})
    tidy = None if in_api else Tidy(sign, numbers, SNAPSHOT_WHOLE)
    for number, (place, row, length) in enumerate(table.records(), 1):
        if row is None:
            fault = ParseError(place, f"{len(table.header)} columns", str(length))
            yield place, None, (fault,), None, None
            continue
        record: dict[str, Any] = row if columns is None else renamed(row, columns, number)
        if in_api:
            record = _typed(record, sign)
            yield place, record, (*_flag_faults(record, place, as_text=False),), None, sign
        else:
            record = {k: str(v) for k, v in record.items()} if columns else record
            yield place, record, (*_flag_faults(record, place, as_text=True),), tidy, sign
