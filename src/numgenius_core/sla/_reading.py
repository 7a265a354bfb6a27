"""Reading a history of rentals and outages: JSON, or CSV of the same.

JSON: ``{"machine": 7, "rentals": [{"start", "end"}], "outages": [{"start", "end", "announced"}]}``.
CSV: a heading ``kind,start,end,announced`` and a line for each rental and outage, the kind being
one of these words (or of their plurals; the column may be called ``type``). Times are ISO 8601 with
an offset or seconds since 1970; ``announced`` may be left out or empty, ``machine`` too.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from numgenius_core._json import parse_json
from numgenius_core._json.packings import Source, name_of, text_of
from numgenius_core.errors import ParseError, RuleViolation, WrongType, shown
from numgenius_core.intervals import Interval, from_epoch, parse_instant
from numgenius_core.sla.history import Outage, UptimeHistory

_KEYS: Final = {"machine", "rentals", "outages"}
_SECONDS: Final = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,12})?", re.ASCII)
_HEADING: Final = {"start", "end"}


def read_history(source: Source | Mapping[str, Any]) -> UptimeHistory:
    r"""Return the history of a document, or of a mapping as JSON has it.

    Args:
        source: A ``Path``, the document as text or bytes, a binary stream, or what its JSON says.
            Text is never taken for a path.

    Raises:
        WrongType: It is none of them, or something in it is of no use, such as a number for a list.
        ParseError: It cannot be read, or is neither JSON nor CSV of this kind.
        RuleViolation: A time without offset, an end before its start, outages that overlap.

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
    if isinstance(source, Mapping):
        return _history(source, "history")
    name = name_of(source)
    text = text_of(source, name)
    if text.lstrip()[:1] in ("{", "["):
        return _history(parse_json(text, name), name)
    return _of_csv(text, name)


def _history(record: Any, path: str) -> UptimeHistory:
    if not isinstance(record, Mapping):
        raise WrongType(path, "an object with rentals and outages", shown(record))
    if unknown := set(record) - _KEYS:
        need = "the keys machine, rentals and outages"
        raise RuleViolation(path, need, shown(min(map(str, unknown))))
    rentals = _each(record.get("rentals"), f"{path}.rentals")
    outages = _each(record.get("outages", []), f"{path}.outages")
    return UptimeHistory(
        rentals=tuple(_period(each, where) for each, where in rentals),
        outages=tuple(_outage(each, where) for each, where in outages),
        machine=record.get("machine"),
    )


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


def _period(record: Mapping[str, Any], path: str) -> Interval:
    start, end = (_instant(record.get(key), f"{path}.{key}") for key in ("start", "end"))
    try:
        return Interval(start, end)
    except RuleViolation as fault:
        raise fault.at(path) from None


def _outage(record: Mapping[str, Any], path: str) -> Outage:
    told = record.get("announced")
    announced = None if told in (None, "") else _instant(told, f"{path}.announced")
    return Outage(period=_period(record, path), announced=announced)


def _instant(value: Any, path: str) -> datetime:
    """Return a time: seconds since 1970, as a number or digits, or ISO 8601 with an offset."""
    if isinstance(value, str):
        if _SECONDS.fullmatch(value):
            return from_epoch(int(value.partition(".")[0]), path)
        return parse_instant(value, path)
    if value is None:
        raise RuleViolation(path, "a time", "none")
    return from_epoch(value, path)


def _of_csv(text: str, name: str) -> UptimeHistory:
    rows = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    found: dict[str, list[Any]] = {"rental": [], "outage": []}
    machine = None
    try:
        heading = {str(key) for key in rows.fieldnames or ()}
        column = "kind" if "kind" in heading else "type"
        if not heading >= {column, *_HEADING}:
            need = "JSON, or CSV with the heading kind,start,end,announced"
            if name == "text" and "\n" not in text:
                need += " (the name of a file comes as a Path)"
            raise ParseError(name, need, shown(text[:40]))
        for row in rows:
            path = f"{name}, line {rows.line_num}"
            kind = (row[column] or "").removesuffix("s")
            if kind not in found:
                raise RuleViolation(f"{path}, {column}", "rental or outage", shown(row[column]))
            found[kind].append(_outage(row, path) if kind == "outage" else _period(row, path))
            machine = _machine(row, machine, path)
    except csv.Error as error:
        raise ParseError(f"{name}, line {rows.reader.line_num}", "CSV", str(error)) from None
    rentals, outages = tuple(found["rental"]), tuple(found["outage"])
    return UptimeHistory(rentals=rentals, outages=outages, machine=machine)


def _machine(row: Mapping[str, Any], known: int | None, path: str) -> int | None:
    """Return the machine of the lines so far, which is one."""
    text = row.get("machine")
    if not text:
        return known
    if not re.fullmatch(r"[0-9]{1,18}", text, re.ASCII) or known not in (None, int(text)):
        need = "one machine's id" if known is None else f"the machine {known} of the lines before"
        raise RuleViolation(f"{path}, machine", need, shown(text))
    return int(text)
