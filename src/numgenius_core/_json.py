"""Reading JSON strictly: what the ``json`` module lets pass is a fault here, with its place.

Our readings: a key that comes twice in one object is a fault, since nobody can say which of its
values was meant; a number that no IEEE double holds (``1e400``, ``NaN``) is one wherever it
stands, since JSON has no way to write it back; half of a surrogate pair is no text.

The limits are far above a whole market (20,000 offers are 60 MB of JSON) and far below what hurts
a machine.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import accumulate
from typing import Any, Final

from attrs import define, field, frozen

from numgenius_core.errors import RuleViolation, shown

MAX_BYTES: Final = 2**28
"""Largest document, in bytes after decompression."""
MAX_DEPTH: Final = 64
"""Deepest nesting of a JSON document."""
MAX_DIGITS: Final = 300
"""Longest number, in characters; without an exponent it is finite."""

_NO_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))
_STEP: Final = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_SHAPE: Final = bytes.maketrans(b"123456789E", b"000000000e")
_STRING: Final = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]")


def field_path(place: str, name: str) -> str:
    """Return the path of a field of a record: ``offers[3].id``, or ``line 4, id``."""
    return f"{place}, {name}" if place.startswith("line ") else f"{place}.{name}"


@frozen
class Refused:
    """Stands in a parsed document where a value could not be taken, until its path is known."""

    need: str
    got: str


@define
class JsonReader:
    """The ``json`` module with what it lets pass marked in place.

    The marks cost nothing where there is nothing to mark: only a document with one is walked, and
    only one that may hold a huge number has its numbers looked at.
    """

    marked: bool = field(default=False, init=False)

    def read(self, text: str) -> Any:
        self.marked = _SURROGATE.search(text) is not None
        numbers: dict[str, Any] = {}
        if _may_be_huge(text.encode()):  # cannot fail: the text was decoded from bytes
            numbers = {"parse_int": self._integer, "parse_float": self._number}
        return json.loads(
            text, parse_constant=self._constant, object_pairs_hook=self._object, **numbers
        )

    def _mark(self, need: str, got: str) -> Refused:
        self.marked = True
        return Refused(need, got)

    def _integer(self, text: str) -> int | Refused:
        if len(text) > MAX_DIGITS:
            return self._mark(f"a number of at most {MAX_DIGITS} characters", f"{len(text):,}")
        return int(text)

    def _number(self, text: str) -> float | Refused:
        value = float(text)
        if len(text) > MAX_DIGITS:
            return self._mark(f"a number of at most {MAX_DIGITS} characters", f"{len(text):,}")
        if value - value:  # NaN for an infinity, else 0
            return self._mark("a finite number", text)
        return value

    def _constant(self, text: str) -> Refused:
        return self._mark("a finite number", text)

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        record = dict(pairs)
        if len(record) < len(pairs):
            seen = set()
            for key, _ in pairs:
                if key in seen:
                    record[key] = self._mark("each key once", f"{shown(key)} again")
                seen.add(key)
        return record

    def faults(self, value: object, path: str) -> list[RuleViolation]:
        """Return the marks in a value as faults with their paths."""
        return list(_marks(value, path)) if self.marked else []


def _may_be_huge(data: bytes) -> bool:
    """Return whether a text may hold a number beyond our limit or beyond a double.

    It cannot without an exponent of three digits or so many digits in a row, and this looks for
    those in C: several times faster than a look at each number.
    """
    shape = data.translate(_SHAPE)
    return b"e000" in shape or b"e+000" in shape or b"0" * MAX_DIGITS in shape


def _marks(value: object, path: str) -> Iterator[RuleViolation]:
    if isinstance(value, Refused):
        yield RuleViolation(path, value.need, value.got)
    elif isinstance(value, str):
        if not _is_unicode(value):
            yield RuleViolation(path, "text without lone surrogates", shown(value))
    elif isinstance(value, dict):
        for key, inner in value.items():
            where = field_path(path, key if _is_unicode(key) else ascii(key))
            if not _is_unicode(key):
                yield RuleViolation(where, "a key without lone surrogates", shown(key))
            yield from _marks(inner, where)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _marks(inner, f"{path}[{index}]")


def _is_unicode(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= char <= "\udfff" for char in text)


def depth_of(data: bytes) -> int:
    """Return how deep the brackets of a JSON text nest, those in its strings left out."""
    for text in (data, None):  # most documents pass with the brackets of their strings counted
        brackets = (_STRING.sub(b"", data) if text is None else text).translate(None, _NO_BRACKETS)
        deepest = max(accumulate(map(_STEP.__getitem__, brackets)), default=0)
        if deepest <= MAX_DEPTH:
            break
    return deepest
