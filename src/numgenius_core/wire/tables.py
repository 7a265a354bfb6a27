"""Any table that people have: rows by column, and the changes of a price over time.

Rule (AWS, as its client prints it): ``describe-spot-price-history`` gives
``{"SpotPriceHistory": [{"AvailabilityZone", "InstanceType", "ProductDescription", "SpotPrice",
"Timestamp"}]}``, the newest change first, all zones mixed; a price holds until the next change in
its zone. Other histories are tables of a time and a price.

Our readings: where two prices of one series begin at one time, nobody can say which came last: they
are refused, equal ones are one. Of several within a second the last holds from it on. Prices of two
offers, machines or models, or of two sizes, are no prices of one thing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

from numgenius_core._checks import MANY_FAULTS, check_kind, is_series
from numgenius_core._json import file_name
from numgenius_core._json.packings import Source, name_of, text_of
from numgenius_core._json.tables import Table, require, table_of
from numgenius_core.errors import InvalidDocument, ParseError, RuleViolation, WrongType, shown
from numgenius_core.intervals import floor_second
from numgenius_core.rates import PerHour
from numgenius_core.wire._cells import (
    ROW,
    ColumnMap,
    DecimalSign,
    check_map,
    other_currency,
    plain_number,
    renamed,
)
from numgenius_core.wire._kinds import RecordKind
from numgenius_core.wire._moments import exact_moment_in
from numgenius_core.wire._sources import Naive, records

_ROWS: Final = RecordKind("rows", "", "", ("rows",), lambda _: False)
_HISTORY: Final = "a history of a price"
_AWS: Final = "SpotPriceHistory"
_TIMES: Final = (
    "Timestamp",
    "timestamp",
    "timestamp_utc",
    "time",
    "ts",
    "datetime",
    "date",
    "collected_at",
)
_PRICES: Final = (
    "SpotPrice",
    "spot_price",
    "spot_price_usd_per_hour",
    "price_usd_per_hour",
    "price",
    "Price",
    "min_bid",
)
_KEYS: Final = (
    "AvailabilityZone",
    "availability_zone",
    "zone",
    "Region",
    "region",
    "InstanceType",
    "instance_type",
    "ProductDescription",
    "product_description",
    "product",
)
_THINGS: Final = ("offer_id", "machine_id", "gpu_name", "num_gpus")
"""What a row of a tracker of markets is about, the narrowest first."""


def read_table(
    source: Source,
    *,
    columns: ColumnMap | None = None,
    header: Sequence[str] | None = None,
) -> tuple[dict[str, Any], ...]:
    r"""Return the rows of a table by the names of its columns; cells are text, empty for nothing.

    Read are tables separated by commas, semicolons, tabs or bars, and JSON: a list of objects, one
    object a line, or an object with one such list in it, whose values stay as they are.

    Args:
        source: A ``Path``, the table as text or bytes, or a binary stream.
        columns: New names, and the columns that have them; others keep their own. ``"#"`` is the
            number of the row.
        header: The names of the columns, of a table that has no row of them.

    Raises:
        WrongType: ``source`` is none of these.
        ParseError: It is no table, or lacks columns: all of them are named.
        InvalidDocument: Rows of another length, all of them together.

    >>> from numgenius_core.wire import read_table
    >>> read_table("Card\tPrice\nA100 \t NULL", columns={"gpu_name": "Card"})
    ({'Price': '', 'gpu_name': 'A100'},)
    """
    name = name_of(source)
    known = {} if columns is None else check_map(columns)
    text = text_of(source, name)
    if text.lstrip()[:1] in ("[", "{"):
        rows = list(_json_rows(text, name))
        _require_keys([row for _, row in rows], known, name)
    else:
        rows = list(_rows(_table(text, name, known.values(), header), known))
    return tuple(renamed(row, known, number) for number, (_, row) in enumerate(rows, 1))


def read_numbers(source: Source, columns: Sequence[str]) -> list[tuple[str, dict[str, Any], str]]:
    """Return the rows of a table of numbers of these names, in dollars where they are of money.

    Numbers are as people write them: ``$0.30``, ``0,30`` where no number of the table can be read
    otherwise.

    Returns:
        Of each row where it stands (``line 4``), its cells, and why one of them is no number.

    Raises:
        ParseError: It is no table, or lacks the columns.
        InvalidDocument: Rows of another length or another currency, all of them together.
    """
    name = name_of(source)
    text = text_of(source, name)
    sign = None
    if text.lstrip()[:1] in ("[", "{"):
        rows = list(_json_rows(text, name))
        _require_keys([row for _, row in rows], {each: each for each in columns}, name)
    else:
        table = _table(text, name, columns, None)
        require(table, columns)
        rows, sign = list(_rows(table, {})), DecimalSign(table, columns)
    _check_dollars(rows, name)
    found: list[tuple[str, dict[str, Any], str]] = []
    for place, row in rows:
        cells = {each: row.get(each) for each in columns}
        if sign is None:
            found.append((place, cells, ""))
            continue
        why = "".join(dict.fromkeys(map(sign.why_not, cells.values())))
        plain: dict[str, Any] = {
            key: plain_number(str(cell), comma=sign.comma) for key, cell in cells.items()
        }
        found.append((place, plain, why))
    return found


def _check_dollars(rows: Iterable[tuple[str, Mapping[str, Any]]], name: str) -> None:
    faults = [fault for place, row in rows if (fault := other_currency(row, place)) is not None]
    if faults:
        raise InvalidDocument(name, faults)


def shown_cell(cell: object) -> str:
    """Return what stands in a cell, for a message; words for nothing were read as an empty one."""
    return "nothing (an empty cell, nan, NULL or the like)" if cell == "" else shown(cell)


def _names(given: object, path: str) -> tuple[str, ...]:
    """Return names of columns, refusing what is none."""
    if not is_series(given):
        raise WrongType(path, "a series of names of columns", shown(given))
    names = tuple(given)
    for index, name in enumerate(names):
        check_kind(name, str, f"{path}[{index}]")
    return names


def _table(text: str, name: str, columns: Iterable[str], header: Sequence[str] | None) -> Table:
    wanted, added = set(columns), 0
    if header is not None:
        line = "\t".join(_names(header, "header"))
        first = text.lstrip("\r\n").partition("\n")[0]
        separator = max("\t,;|", key=first.count)
        text = line.replace("\t", separator) + "\n" + text
        added = 1
    if not text.strip():
        raise ParseError(name, "a table with a header", "an empty document")
    got = file_name(text) if name == "text" and header is None else None
    if got and not wanted & {text.strip()}:
        raise ParseError(name, "a table with a header", got)
    table = table_of(text, name, wanted)
    return table._replace(skipped=table.skipped - added)  # lines are those of the source


def _rows(table: Table, columns: ColumnMap) -> Iterator[tuple[str, dict[str, Any]]]:
    require(table, [column for column in columns.values() if column != ROW])
    faults = []
    for place, row, length in table.records():
        if row is None:
            faults.append(ParseError(place, f"{len(table.header)} columns", str(length)))
        else:
            yield place, row
    if faults:
        raise InvalidDocument(table.name, faults)


def _json_rows(text: str, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Return the objects of a JSON document; of one that is one object, those in its one list.

    A list within a row is a cell of it, as the maintenance of a machine is. AWS's answers are known
    by their key: several may stand one after the other.
    """
    faults: list[RuleViolation] = []
    for raw in records(text, name, _ROWS):
        value = raw.value
        faults += raw.faults
        if not isinstance(value, dict):
            raise ParseError(raw.place, "a row (a JSON object)", shown(value))
        holds = raw.alone or _AWS in value
        held = [each for each in value.items() if holds and isinstance(each[1], list)]
        if (
            len(held) == 1
            and (held[0][1] or _AWS in value)
            and all(isinstance(row, dict) for row in held[0][1])
        ):
            ((key, inner),) = held
            where = f"{raw.place}, {key}" if raw.place.startswith("line ") else key
            for index, row in enumerate(inner):
                yield f"{where}[{index}]", row
        else:
            yield raw.place, value
    if faults:
        raise InvalidDocument(name, faults)


def _require_keys(rows: Sequence[Mapping[str, Any]], columns: ColumnMap, name: str) -> None:
    there = dict.fromkeys(key for row in rows for key in row)
    if rows:
        require(Table("", name, ",", tuple(there)), [c for c in columns.values() if c != ROW])


# -- prices over time --------------------------------------------------------------------------


def price_changes(
    source: Source,
    *,
    time: str | None = None,
    price: str | None = None,
    by: Sequence[str] | None = None,
    naive: Naive = "refuse",
    header: Sequence[str] | None = None,
) -> dict[str, tuple[tuple[datetime, PerHour], ...]]:
    """Return the changes of each price in a history, in order of time.

    Args:
        source: A ``Path``, the history as text or bytes, or a binary stream.
        time: The column of the times; by default one that histories have.
        price: The column of the prices, dollars per hour; by default one that histories have.
        by: Columns whose values tell one series from another; by default those of a zone, an
            instance type, a product, an offer, a machine, a model and its number.
        naive: ``"utc"`` takes times without an offset as UTC.
        header: The names of the columns, of a table that has no row of them.

    Raises:
        ParseError: It is no table, or lacks columns.
        InvalidDocument: Times or prices that are none, two prices at one time, or another currency,
            all of them together.
        RuleViolation: ``naive`` is no word of its.
    """
    _check_words(naive, time, price)
    name = name_of(source)
    rows, there, sign = _history(text_of(source, name), name, time, price, header)
    when = _column(there, time, _TIMES, "the time", name)
    what = _column(there, price, _PRICES, "the price", name)
    if by is None:
        varying = _telling_apart([row for _, row in rows], there)
    else:
        varying = list(_names(by, "by"))
        require(Table("", name, ",", there), varying)
    found: defaultdict[str, dict[datetime, _Change]] = defaultdict(dict)
    faults: list[RuleViolation] = []
    for place, row in rows:
        if len(faults) >= MANY_FAULTS:
            raise InvalidDocument(name, faults, more=True)
        try:
            at = _time(row.get(when), f"{place}, {when}", naive)
            rate = _price(row.get(what), f"{place}, {what}", sign)
        except RuleViolation as fault:
            faults.append(fault)
            continue
        series = found[" ".join(str(row.get(key, "")) for key in varying)]
        first = series.setdefault(at, _Change(place, rate))
        if first.price != rate:
            need = f"one price at {at}, which is {first.price} in {first.place}"
            faults.append(RuleViolation(f"{place}, {what}", need, str(rate)))
    if faults:
        raise InvalidDocument(name, faults)
    if not found:
        raise ParseError(name, _HISTORY, "no row")
    return {key: _by_second(series) for key, series in found.items()}


def _check_words(naive: Naive, time: str | None, price: str | None) -> None:
    if naive not in ("refuse", "utc"):
        raise RuleViolation("naive", "'refuse' or 'utc'", shown(naive))
    for path, word in (("time", time), ("price", price)):
        if word is not None:
            check_kind(word, str, path)


def _by_second(series: Mapping[datetime, _Change]) -> tuple[tuple[datetime, PerHour], ...]:
    """Return the changes in order of time; of several within a second the last holds from it on."""
    last = {floor_second(at): series[at].price for at in sorted(series)}
    return tuple(last.items())


class _Change(NamedTuple):
    """A price of a history, and where it stands."""

    place: str
    price: PerHour


def _history(
    text: str, name: str, time: str | None, price: str | None, header: Sequence[str] | None
) -> tuple[list[tuple[str, dict[str, Any]]], tuple[str, ...], DecimalSign | None]:
    """Return the rows of a history, their columns, and what tells the decimal sign of a table.

    Args:
        text: The history.
        name: What errors call it.
        time: The column of the times, if it was asked for by name.
        price: The column of the prices, if it was.
        header: The names of the columns, of a table that has no row of them.
    """
    if text.lstrip()[:1] in ("[", "{"):
        rows = list(_json_rows(text, name))
        if not rows:
            raise ParseError(name, _HISTORY, "no row")
        _check_dollars(rows, name)
        return rows, tuple(dict.fromkeys(key for _, row in rows for key in row)), None
    wanted = {*_TIMES, *_PRICES, *_KEYS, *_THINGS, time or "", price or ""} - {""}
    table = _table(text, name, wanted, header)
    rows = list(_rows(table, {}))
    _check_dollars(rows, name)
    return rows, table.header, DecimalSign(table, {*_PRICES, price or ""})


def _telling_apart(rows: Sequence[Mapping[str, Any]], there: Collection[str]) -> list[str]:
    """Return the columns that tell one series from another, as far as they vary.

    Of what a row is about only what says more: an offer is of one machine and one model.
    """

    def count(columns: Sequence[str]) -> int:
        return len({tuple(str(row.get(column)) for column in columns) for row in rows})

    found = [key for key in _KEYS if key in there and count([key]) > 1]
    for thing in _THINGS:
        if thing in there and count([*found, thing]) > count(found):
            found.append(thing)
    return found


def _column(
    there: Sequence[str], asked: str | None, known: Sequence[str], what: str, name: str
) -> str:
    if asked is None:
        found = next((column for column in known if column in there), None)
        if found is not None:
            return found
        need = f"a column of {what} (say which; known are {', '.join(known)})"
        raise ParseError(name, need, f"a table of {', '.join(filter(None, there))}")
    require(Table("", name, ",", tuple(there)), [asked])
    return asked


def _time(said: object, path: str, naive: str) -> datetime:
    need = "an ISO 8601 time or Unix seconds"
    try:
        found = exact_moment_in(said, naive)
    except RuleViolation as fault:
        need = fault.need if "naive" in fault.need else need
        raise RuleViolation(path, need, shown_cell(said)) from None
    if found is None:
        raise RuleViolation(path, need, shown_cell(said))
    return found


def _price(said: object, path: str, sign: DecimalSign | None) -> PerHour:
    try:
        if isinstance(said, str):
            comma = sign is not None and "," in said and sign.comma
            return PerHour.nearest(Decimal(plain_number(said, comma=comma)))
        return PerHour.from_float(said)  # type: ignore[arg-type]  # it refuses what is no number
    except (RuleViolation, ArithmeticError):
        why = "" if sign is None else sign.why_not(said)
        raise RuleViolation(path, "dollars per hour", f"{shown_cell(said)}{why}") from None
