"""A document of offers as it arrives, taken apart into records that know their place.

Read are what ``vastai search offers --raw`` prints (a JSON list), the API's answer
(``{"offers": [...]}``), one JSON object per line, and CSV with a header; each may be gzipped.
What a document is, it says itself: gzip by its first two bytes, the rest by how the text begins.

JSON is read strictly (``numgenius_core._json`` has the limits, which hold for the document after
decompression).
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final

from attrs import frozen

from numgenius_core._checks import MAX_DEPTH
from numgenius_core._json import (
    MAX_BYTES,
    Refused,
    decoded,
    depth_of,
    has_surrogates,
    json_faults,
    no_json,
    read_json,
    too_long,
)
from numgenius_core.errors import ParseError, RuleViolation, WrongType, shown

MAX_RECORDS: Final = 1_000_000
"""Most records of a document: fifty times a whole market."""

Source = str | os.PathLike[str] | bytes | BinaryIO
"""What is read: a path, the document itself as text or bytes, or a binary stream."""

_GZIP: Final = b"\x1f\x8b"
_KINDS: Final = 'a JSON list, {"offers": [...]}, one JSON object a line, or CSV with a header'


@frozen
class RawRecord:
    """A record as its document has it.

    Attributes:
        place: Where it stands: ``offers[3]``, or ``line 4`` where records are lines.
        value: The record, if it could be read; any JSON value.
        faults: What is wrong in it before anyone asks what it means.
    """

    place: str
    value: Any
    faults: tuple[RuleViolation, ...] = ()


def name_of(source: object) -> str:
    """Return what messages call a source: its path, or ``text`` or ``stream``."""
    if _is_text(source):
        return "text"
    if isinstance(source, (str, os.PathLike)):
        return shown(os.fspath(source)).strip("'\"")
    return "stream"


def _is_text(source: object) -> bool:
    if isinstance(source, str):  # a path has no line break and does not begin as JSON does
        return not source or "\n" in source or source.lstrip()[:1] in ("[", "{")
    return isinstance(source, (bytes, bytearray))


def load(source: Source, name: str) -> bytes:
    """Return the bytes of a document, decompressed.

    Raises:
        WrongType: ``source`` is nothing that can be read.
        ParseError: It cannot be opened, is a broken gzip, or is larger than :data:`MAX_BYTES`.
    """
    data = _bytes_of(source, name)
    if data[:2] == _GZIP:
        try:
            with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
                data = stream.read(MAX_BYTES + 1)  # one more tells that there is more
        except (OSError, EOFError, zlib.error) as error:
            raise ParseError(name, "a whole gzip file", str(error)) from None
    if len(data) > MAX_BYTES:
        raise too_long(name, MAX_BYTES)
    return data


def _bytes_of(source: Source, name: str) -> bytes:
    if isinstance(source, str) and _is_text(source):
        try:
            return source.encode()
        except UnicodeEncodeError as error:
            raise ParseError(name, "text without lone surrogates", str(error)) from None
    if isinstance(source, (bytes, bytearray)):
        return bytes(source)
    if isinstance(source, (str, os.PathLike)):
        try:
            with Path(source).open("rb") as stream:
                return _drain(stream, name)
        except (OSError, ValueError) as error:  # a ValueError for a zero byte in the path
            why = getattr(error, "strerror", None) or str(error)
            raise ParseError(name, "a file that can be read", why) from None
    if not hasattr(source, "read"):
        need = "a path, text, bytes or a binary stream"
        raise WrongType("source", need, shown(source))
    try:
        return _drain(source, name)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        if isinstance(error, RuleViolation):
            raise
        raise ParseError(name, "a stream that can be read", str(error)) from None


def _drain(stream: BinaryIO, name: str) -> bytes:
    """Return what a stream holds, at most a byte above the limit; raw ones give short pieces."""
    pieces, left = [], MAX_BYTES + 1
    while left > 0:
        piece = stream.read(min(left, 2**24))
        if not isinstance(piece, bytes):
            raise WrongType(name, "a binary stream", f"one that gives {type(piece).__name__}")
        if not piece:
            break
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)


def records(data: bytes, name: str) -> Iterator[RawRecord]:
    """Return the records of a document, in its order.

    Raises:
        ParseError: The document as a whole cannot be read.
    """
    text = decoded(data, name)
    head = text.lstrip()[:1]
    if not head:
        raise ParseError(name, _KINDS, "an empty document")
    read = _json_records if head in ("[", "{") else _csv_records
    for count, record in enumerate(read(text, name)):
        if count == MAX_RECORDS:
            raise ParseError(name, f"at most {MAX_RECORDS:,} records", "more")
        yield record


def _json_records(text: str, name: str) -> Iterator[RawRecord]:
    data = text.encode()  # cannot fail: it was decoded from bytes
    if depth_of(data) > MAX_DEPTH:  # before parsing, which recurses
        raise ParseError(name, f"JSON at most {MAX_DEPTH} levels deep", "deeper nesting")
    try:
        document, odd = _read(text)
    except json.JSONDecodeError as error:
        if _is_lines(text):  # only now, since one line of JSON is a document of both kinds
            return _line_records(text)
        raise no_json(error, name) from None
    return _document_records(document, name, odd=odd)


def _read(text: str) -> tuple[Any, bool]:
    """Return the data of a JSON text, and whether something in it may be odd."""
    value, marked = read_json(text)
    return value, marked or has_surrogates(text)


def _json_record(place: str, value: Any, *, odd: bool) -> RawRecord:
    return RawRecord(place, value, tuple(json_faults(value, place)) if odd else ())


def _document_records(document: Any, name: str, *, odd: bool) -> Iterator[RawRecord]:
    """Return the records of one JSON value: a list, the API's answer, or a record alone."""
    if isinstance(document, dict):
        if "offers" not in document:
            document = [document]
        else:
            offers = document.pop("offers")
            for fault in json_faults(document, name):
                raise ParseError(fault.path, fault.need, fault.got)
            if not isinstance(offers, list):
                got = offers.got if isinstance(offers, Refused) else shown(offers)
                raise ParseError(f"{name}, offers", "one list of offers", got)
            document = offers
    for index, value in enumerate(document):
        yield _json_record(f"offers[{index}]", value, odd=odd)


def _is_lines(text: str) -> bool:
    """Return whether a text that is no JSON as a whole is meant as one object per line."""
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    objects = sum(line.startswith("{") and line.endswith("}") for line in lines)
    return 2 * objects >= len(lines)


def _line_records(text: str) -> Iterator[RawRecord]:
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
            yield _json_record(place, value, odd=odd)


def _csv_records(text: str, name: str) -> Iterator[RawRecord]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = next(reader)
        if not {"offer_id", "machine_id"} <= set(header):
            raise ParseError(name, _KINDS, shown(text[:60]))
        if len(set(header)) < len(header):
            twice = next(column for column in header if header.count(column) > 1)
            raise ParseError(name, "each column once", f"{shown(twice)} again")
        for row in reader:
            if not row:
                continue
            place = f"line {reader.line_num}"
            if len(row) != len(header):
                fault = ParseError(place, f"{len(header)} columns", str(len(row)))
                yield RawRecord(place, None, (fault,))
                continue
            yield RawRecord(place, dict(zip(header, row, strict=True)))
    except csv.Error as error:
        raise ParseError(f"{name}, line {reader.line_num}", "CSV", str(error)) from None
