"""Reading a history of rentals and outages: JSON, or CSV of the same.

JSON: ``{"machine": 7, "rentals": [{"start", "end"}], "outages": [{"start", "end", "announced"}]}``.
CSV: a heading ``kind,start,end,announced`` and a line for each rental and outage, the kind being
one of these words (or of their plurals; the column may be called ``type``). Times are ISO 8601 with
an offset or seconds since 1970, those without an offset UTC if the caller says so (``naive``);
``announced`` may be left out or empty, ``machine`` too.

Our readings: any other key or column is refused. Maintenance with ``anounced`` would count as
downtime that nobody was told of, and so would maintenance that was ``announced`` after it began:
such a row is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal

from numgenius_core._json import file_name, parse_json
from numgenius_core._json.packings import Source, name_of, text_of
from numgenius_core._json.tables import Table, table_of
from numgenius_core.errors import ParseError, RuleViolation, WrongType, shown
from numgenius_core.intervals import Interval, from_epoch, parse_instant
from numgenius_core.sla.history import Outage, UptimeHistory

_KEYS: Final = ("machine", "rentals", "outages")
_OF_A_RENTAL: Final = ("start", "end")
_OF_AN_OUTAGE: Final = ("start", "end", "announced")
_KINDS: Final = ("kind", "type")
_COLUMNS: Final = (*_OF_AN_OUTAGE, "machine")
_SECONDS: Final = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,12})?", re.ASCII)
_A_LINE: Final = re.compile(r", line [0-9]+\Z", re.ASCII)
_A_DATE: Final = len("2026-07-01")
_ID: Final = re.compile(r"([0-9]{1,18})(?:\.0+)?", re.ASCII)  # of a column with gaps: 7.0
_UNNAMED: Final = re.compile(r"(?:column [0-9]+)?", re.ASCII)


def read_history(
    source: Source | Mapping[str, Any], *, naive: Literal["refuse", "utc"] = "refuse"
) -> UptimeHistory:
    r"""Return the history of a document, or of a mapping as JSON has it.

    Args:
        source: A ``Path``, the document as text or bytes, a binary stream, or what its JSON says.
            Text is never taken for a path.
        naive: ``"utc"`` takes times without an offset as UTC.

    Raises:
        WrongType: It is none of them, or something in it is of no use, such as a number for a list.
        ParseError: It cannot be read, is neither JSON nor CSV of this kind, or a row of it has
            another length.
        RuleViolation: A key or a column that a history does not have, a time without offset, an
            end before its start, an announcement after its outage began, outages that overlap, or
            ``naive`` is no word of its.

    >>> from numgenius_core.sla import read_history
    >>> history = read_history({
    ...     "machine": 7,
    ...     "rentals": [{"start": "2026-07-01T00:00:00Z", "end": "2026-07-11T00:00:00Z"}],
    ...     "outages": [{"start": 1782950400, "end": 1782954000}],
    ... })
    >>> history.machine, history.rented_seconds, history.down_seconds
    (7, 864000, 3600)
    >>> read_history("kind,start,end\nrental,1782864000,1783728000").rented_seconds
    864000
    """
    if naive not in ("refuse", "utc"):
        raise RuleViolation("naive", "'refuse' or 'utc'", shown(naive))
    if isinstance(source, Mapping):
        return _history(source, "history", naive)
    name = name_of(source)
    text = text_of(source, name)
    if text.lstrip()[:1] in ("{", "["):
        return _history(parse_json(text, name), name, naive)
    return _of_csv(text, name, naive)


def _history(record: Any, path: str, naive: str) -> UptimeHistory:
    if not isinstance(record, Mapping):
        raise WrongType(path, "an object with rentals and outages", shown(record))
    _check_keys(record, _KEYS, path)
    rentals = _each(record.get("rentals"), f"{path}.rentals")
    outages = _each(record.get("outages", []), f"{path}.outages")
    return UptimeHistory(
        rentals=tuple(_rental(each, where, naive) for each, where in rentals),
        outages=tuple(_outage(each, where, naive) for each, where in outages),
        machine=record.get("machine"),
    )


def _check_keys(
    record: Iterable[object], keys: Sequence[str], path: str, what: str = "keys"
) -> None:
    """Refuse a key that is none of these: what it says would count for nothing."""
    if unknown := set(record) - set(keys):
        need = f"the {what} {', '.join(keys[:-1])} and {keys[-1]}"
        raise RuleViolation(path, need, shown(min(map(str, unknown))))


def _each(values: Any, path: str) -> list[tuple[Mapping[str, Any], str]]:
    if not isinstance(values, list | tuple):
        raise WrongType(path, "a list", shown(values))
    found = []
    for index, value in enumerate(values):
        where = f"{path}[{index}]"
        if not isinstance(value, Mapping):
            raise WrongType(where, "an object with start and end", shown(value))
        found.append((value, where))
    return found


def _rental(record: Mapping[str, Any], path: str, naive: str) -> Interval:
    _check_keys(record, _OF_A_RENTAL, path)
    return _period(record, path, naive)


def _period(record: Mapping[str, Any], path: str, naive: str) -> Interval:
    start, end = (_instant(record.get(key), _field(path, key), naive) for key in ("start", "end"))
    try:
        return Interval(start, end)
    except RuleViolation as fault:
        raise type(fault)(_field(path, fault.path), fault.need, fault.got) from None


def _outage(record: Mapping[str, Any], path: str, naive: str) -> Outage:
    _check_keys(record, _OF_AN_OUTAGE, path)
    told = record.get("announced")
    announced = None if told in (None, "") else _instant(told, _field(path, "announced"), naive)
    period = _period(record, path, naive)
    if announced is not None and announced > period.start:
        need = f"at most {period.start}, as the outage began (nothing if nobody was told before)"
        raise RuleViolation(_field(path, "announced"), need, str(announced))
    return Outage(period=period, announced=announced)


def _field(path: str, name: str) -> str:
    """Return what messages call a field of a record, or of a line of a table."""
    return f"{path}, {name}" if _A_LINE.search(path) else f"{path}.{name}"


def _instant(value: Any, path: str, naive: str) -> datetime:
    """Return a time: seconds since 1970, as a number or digits, or ISO 8601 with an offset."""
    if isinstance(value, str):
        if _SECONDS.fullmatch(value):
            return from_epoch(int(value.partition(".")[0]), path)
        return _of_text(value, path, naive)
    if value is None:
        raise RuleViolation(path, "a time", "none")
    return from_epoch(value, path)


def _of_text(text: str, path: str, naive: str) -> datetime:
    """Return a time of ISO 8601; a date alone is its midnight in UTC, whatever ``naive`` says."""
    try:
        lacks_offset = datetime.fromisoformat(text).tzinfo is None and len(text) > _A_DATE
    except ValueError:
        lacks_offset = False  # it is no time at all
    if lacks_offset and naive != "utc":
        need = "a datetime with a time zone (naive='utc' takes those without one as UTC)"
        raise ParseError(path, need, shown(text))
    return parse_instant(f"{text}+00:00" if lacks_offset else text, path)


def _of_csv(text: str, name: str, naive: str) -> UptimeHistory:
    table = _table(text, name)
    column = "kind" if "kind" in table.header else "type"
    found: dict[str, list[Any]] = {"rental": [], "outage": []}
    machine = None
    for place, row, length in table.records():
        path = f"{name}, {place}"
        if row is None:
            raise ParseError(path, f"{len(table.header)} columns", str(length))
        kind = row[column].removesuffix("s")
        if kind not in found:
            raise RuleViolation(f"{path}, {column}", "rental or outage", shown(row[column]))
        record = {key: row[key] for key in _OF_AN_OUTAGE if key in _OF_A_RENTAL or row.get(key)}
        found[kind].append((_outage if kind == "outage" else _rental)(record, path, naive))
        machine = _machine(row, machine, path)
    rentals, outages = tuple(found["rental"]), tuple(found["outage"])
    return UptimeHistory(rentals=rentals, outages=outages, machine=machine)


def _table(text: str, name: str) -> Table:
    """Return the table that a text is, if its columns are those of a history."""
    table = table_of(text, name, {*_KINDS, *_COLUMNS}) if text.strip() else None
    kinds = [] if table is None else [each for each in _KINDS if each in table.header]
    if table is None or not kinds or not {*_OF_A_RENTAL} <= {*table.header}:
        need = "JSON, or CSV with the heading kind,start,end,announced"
        raise ParseError(name, need, file_name(text) or shown(text[:40]))
    named = [each for each in table.header if not _UNNAMED.fullmatch(each)]
    _check_keys(named, (kinds[0], *_COLUMNS), name, "columns")
    return table


def _machine(row: Mapping[str, Any], known: int | None, path: str) -> int | None:
    """Return the machine of the lines so far, which is one."""
    text = row.get("machine")
    if not text:
        return known
    match = _ID.fullmatch(text)
    if match is None or known not in (None, int(match[1])):
        need = "one machine's id" if known is None else f"the machine {known} of the lines before"
        raise RuleViolation(f"{path}, machine", need, shown(text))
    return int(match[1])
