"""A document as it arrives, taken apart into records that know their place.

Read are what ``vastai … --raw`` prints (a JSON list), the API's answer (``{"offers": [...]}``), one
JSON object per line, lists one after the other, an object of records by their ids, whole snapshots
(``{"ts": …, "offers": [...]}``, one or many), and tables with a header (:mod:`._rows`).
What a document is, it says itself, by how its text begins.

JSON is read strictly (``numgenius_core._json`` has the limits, which hold for the document once it
is unpacked), but for one thing: ``NaN``, as programs write what they do not know, is null.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final, Literal, NamedTuple

from numgenius_core._checks import MAX_DEPTH
from numgenius_core._json import (
    Refused,
    depth_of,
    has_surrogates,
    json_faults,
    no_json,
    read_json,
)
from numgenius_core.errors import ParseError, RuleViolation, shown
from numgenius_core.wire._cells import (
    ColumnMap,
    DecimalSign,
    Tidy,
    other_currency,
    renamed,
    table_records,
)
from numgenius_core.wire._kinds import (
    RecordKind,
    held_list,
    is_record,
    refuse_error,
    refuse_holder,
    refuse_record,
)

OnError = Literal["raise", "collect"]
"""What to do with a document that has bad records: refuse it, or leave them out."""
Naive = Literal["refuse", "utc"]
"""What a time without an offset is: a fault, or a time in UTC."""

MAX_RECORDS: Final = 1_000_000
"""Most records of a document: fifty times a whole market."""

_MOMENTS: Final = ("ts", "timestamp", "time", "collected_at", "fetched_at", "scraped_at", "at")
_MOST: Final = 0.5
"""Share of lines that are whole values, from which on a broken text is meant as one per line."""
_CLIENT_ERROR: Final = "Failed with error"


class Said(NamedTuple):
    """What a document says in one place: where that is, and what stands there."""

    path: str
    value: object


class RawRecord(NamedTuple):
    """A record as its document has it.

    Attributes:
        place: Where it stands: ``offers[3]``, or ``line 4`` where records are lines.
        value: The record, if it could be read; any JSON value.
        faults: What is wrong in it before anyone asks what it means.
        moment: What the snapshot that it stands in says of its time, and where; ``None`` for
            nothing.
        tidy: Of a table's row, what makes plain numbers of its cells if they are none.
        sign: Of a table's row, what tells the decimal sign of the table.
        alone: Whether it is the whole document, and stands in no list and no answer.
    """

    place: str
    value: Any
    faults: tuple[RuleViolation, ...] = ()
    moment: Said | None = None
    tidy: Tidy | None = None
    sign: DecimalSign | None = None
    alone: bool = False


def records(
    text: str,
    name: str,
    kind: RecordKind,
    columns: ColumnMap | None = None,
    beside: dict[str, Any] | None = None,
) -> Iterator[RawRecord]:
    """Return the records of a document, in its order.

    Args:
        text: The document.
        name: What messages call it.
        kind: The records that are wanted.
        columns: Where they have each of our fields, if it is not where the marketplace has it.
        beside: Is told what an answer says beside its records, before they come; of several
            answers the later ones stand.

    Raises:
        ParseError: The document as a whole cannot be read, or holds other things.
    """
    head = text.lstrip()[:1]
    if not head:
        raise ParseError(name, kind.word, "an empty document")
    if text.lstrip().startswith(_CLIENT_ERROR):
        raise ParseError(name, kind.word, f"the marketplace's error: {shown(text.strip())}")
    if head == "<":
        raise ParseError(name, kind.word, "a page of HTML or XML")
    found: Iterable[RawRecord]
    if head in ("[", "{"):
        at = _Place(name, kind, "", odd=False, beside={} if beside is None else beside)
        found = _checked(_json_records(text, at), name, kind, columns)
    else:
        found = (
            RawRecord(place, value, faults, None, tidy, sign)
            for place, value, faults, tidy, sign in table_records(text, name, kind, columns)
        )
    for count, record in enumerate(found):
        if count == MAX_RECORDS:
            raise ParseError(name, f"at most {MAX_RECORDS:,} records", "more")
        if kind.reader and isinstance(record.value, dict):
            fault = other_currency(record.value, record.place)
            if fault is not None:
                record = record._replace(faults=(*record.faults, fault))  # noqa: PLW2901
        yield record


def _checked(
    found: Iterable[RawRecord], name: str, kind: RecordKind, columns: ColumnMap | None
) -> Iterator[RawRecord]:
    for number, record in enumerate(found, 1):
        if number == 1:  # what the first is, all of them are: this is about whole documents
            refuse_record(record.value, name, kind)
        if columns is not None and isinstance(record.value, dict):
            value = renamed(record.value, columns, number)
            record = RawRecord(record.place, value, record.faults, record.moment)  # noqa: PLW2901
        yield record


# -- JSON --------------------------------------------------------------------------------------


def _json_records(text: str, at: _Place) -> Iterator[RawRecord]:
    data = text.encode()  # cannot fail: it was decoded from bytes
    if depth_of(data) > MAX_DEPTH:  # before parsing, which recurses
        raise ParseError(at.name, f"JSON at most {MAX_DEPTH} levels deep", "deeper nesting")
    try:
        document, odd = _read(text)
    except json.JSONDecodeError as error:
        # Only now, since one line of JSON is a document of all kinds.
        whole = _whole_lines(text)
        in_line = text[text.rfind("\n", 0, error.pos) + 1 : error.pos].strip()
        if (whole < 1 or in_line) and error.msg == "Extra data" and (pieces := _pieces(text)):
            return _piece_records(text, pieces, at)
        if whole >= _MOST:
            return _line_records(text, at)
        raise no_json(error, at.name) from None
    return _value_records(document, at._replace(odd=odd))


def _read(text: str) -> tuple[Any, bool]:
    """Return the data of a JSON text, and whether something in it may be odd."""
    value, marked = read_json(text)
    return (_without_nan(value) if marked else value), marked or has_surrogates(text)


def _without_nan(value: Any) -> Any:
    """Return data with null for ``NaN``: what a program wrote that did not know a number."""
    if isinstance(value, Refused) and value.got == "NaN":
        return None
    if isinstance(value, dict):
        return {key: _without_nan(inner) for key, inner in value.items()}
    return [_without_nan(inner) for inner in value] if isinstance(value, list) else value


class _Place(NamedTuple):
    """Where a JSON value stands: in which document, on which line if there are several values.

    Attributes:
        name: What messages call the document.
        kind: The records that are wanted.
        line: Such as ``line 4``; empty for the only value of a document.
        odd: Whether something in the value may be odd.
        beside: Is told what answers say beside their records.
    """

    name: str
    kind: RecordKind
    line: str
    odd: bool
    beside: dict[str, Any]

    @property
    def where(self) -> str:
        """What messages call the value."""
        return self.line or self.name

    def of(self, part: object) -> str:
        """Return what messages call a record of the value."""
        own = f"{self.kind.word}[{part}]"
        return f"{self.line}, {own}" if self.line else own

    def record(self, place: str, value: Any, moment: Said | None = None) -> RawRecord:
        """Return a record, with what is odd in its JSON."""
        return RawRecord(place, value, tuple(json_faults(value, place)) if self.odd else (), moment)


def _value_records(value: Any, at: _Place) -> Iterator[RawRecord]:
    """Return the records of one JSON value.

    It is a list, the API's answer, a snapshot, records by their ids, or a record alone.
    """
    refuse_error(value, f"{at.name}, {at.line}" if at.line else at.name, at.kind)
    if isinstance(value, list):
        yield from _list_records(value, at, None)
    elif isinstance(value, dict) and (key := _held_key(value, at.kind)) is not None:
        held = value.pop(key)
        for fault in json_faults(value, at.where):
            raise ParseError(fault.path, fault.need, fault.got)
        if at.kind.reader and (other := other_currency(value, at.where)):
            raise ParseError(other.path, other.need, other.got)
        at.beside.update(value)
        said = (Said(f"{at.where}, {key}", value[key]) for key in _MOMENTS if key in value)
        moment = next((each for each in said if _may_be_time(each.value)), None)
        yield from _held_records(held, at, moment)
    elif isinstance(value, dict) and not is_record(value) and _by_id(value):
        yield from _held_records(value, at, None)
    else:
        if isinstance(value, dict) and not is_record(value):
            refuse_holder(value, at.name, at.kind)
        yield at.record(at.line or at.of(0), value)._replace(alone=not at.line)


def _may_be_time(value: object) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool) and value != ""


def _held_records(held: Any, at: _Place, moment: Said | None) -> Iterator[RawRecord]:
    """Return the records that an answer holds: a list, an object by ids, or one alone."""
    if isinstance(held, list):
        yield from _list_records(held, at, moment)
    elif isinstance(held, dict) and is_record(held):
        yield at.record(at.of(0), held, moment)
    elif isinstance(held, dict) and _by_id(held):
        for key, value in held.items():
            known = value if "id" in value or "offer_id" in value else {"id": int(key), **value}
            yield at.record(at.of(key), known, moment)
    else:
        got = held.got if isinstance(held, Refused) else shown(held)
        raise ParseError(f"{at.where}, {at.kind.word}", f"one list of {at.kind.word}", got)


def _list_records(values: list[Any], at: _Place, moment: Said | None) -> Iterator[RawRecord]:
    for index, value in enumerate(values):
        place = at.of(index)
        if isinstance(value, dict) and held_list(value, at.kind):
            yield from _value_records(value, at._replace(line=place))  # one of several snapshots
        else:
            yield at.record(place, value, moment)


def _held_key(value: dict[str, Any], kind: RecordKind) -> str | None:
    """Return the key that makes an object an answer, a list under it or not."""
    key = held_list(value, kind)
    if key is None and not is_record(value):
        key = next((each for each in kind.keys if each in value), None)
    return key


def _by_id(document: dict[str, Any]) -> bool:
    """Return whether an object holds records under their ids."""
    return bool(document) and all(
        key.isascii() and key.isdigit() and len(key) < 20 and isinstance(value, dict)
        for key, value in document.items()
    )


def _whole_lines(text: str) -> float:
    """Return how much of a text looks like one JSON value per line, 0 to 1."""
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    return sum((line[0] + line[-1]) in ("{}", "[]") for line in lines) / len(lines)


def _line_records(text: str, at: _Place) -> Iterator[RawRecord]:
    # Not splitlines(): JSON strings may hold the other line ends of Unicode as they are.
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        place = f"line {number}"
        try:
            value, odd = _read(line)
        except json.JSONDecodeError as error:
            fault = ParseError(place, "a JSON object", f"{error.msg} in column {error.colno}")
            yield RawRecord(place, None, (fault,))
        else:
            yield from _value_records(value, at._replace(line=place, odd=odd))


def _pieces(text: str) -> list[tuple[int, int]]:
    """Return where JSON values that stand one after the other begin and end; none if one is bad."""
    decoder, at, found = json.JSONDecoder(), 0, []
    while at < len(text):
        if text[at] in " \t\r\n,":  # some programs put commas between them
            at += 1
            continue
        try:
            _, end = decoder.raw_decode(text, at)
        except ValueError:  # as of a number that is too long
            return []
        found.append((at, end))
        at = end
    return found


def _piece_records(text: str, pieces: list[tuple[int, int]], at: _Place) -> Iterator[RawRecord]:
    line, before = 1, 0
    for start, end in pieces:
        line += text.count("\n", before, start)
        before = start
        value, odd = _read(text[start:end])
        yield from _value_records(value, at._replace(line=f"line {line}", odd=odd))
