"""Reading JSON strictly: what the ``json`` module lets pass is a fault here, with its place.

Our readings: a key that comes twice in one object is a fault, since nobody can say which of its
values was meant; a number that no IEEE double holds (``1e400``, ``NaN``) is one wherever it
stands, since JSON has no way to write it back; half of a surrogate pair is no text.

The limits are far above a whole market (20,000 offers are 60 MB of JSON) and far below what hurts
a machine.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from itertools import accumulate
from typing import Any, Final, NoReturn

from attrs import frozen

from numgenius_core._checks import MAX_DEPTH, MAX_DIGITS
from numgenius_core.errors import ParseError, RuleViolation, WrongType, shown

MAX_BYTES: Final = 2**28
"""Largest document, in bytes after decompression."""

_NO_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))
_STEP: Final = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_SHAPE: Final = bytes.maketrans(b"123456789E", b"000000000e")
_LONG: Final = b"0" * (MAX_DIGITS // 3 - 1)  # a longer number has one of its three parts so long
_SPACE: Final = " \t\n\r"
# One that is not closed goes to the end: else each of its quotes would be tried to the end, too.
_STRING: Final = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)', re.DOTALL)
_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]")
_LONGEST_PATH: Final = 300
_A_PATH: Final = re.compile(r"(?![\[{<\"])[^\r\n]*(?:[/\\][^\r\n]*|\.[A-Za-z][A-Za-z0-9]*)")
"""A line with a folder or an ending in it, which a document seldom is and a file's name often."""


def field_path(path: str, name: str) -> str:
    """Return the path of a field of a record: ``offers[3].id``, or ``line 4, id``."""
    return f"{path}, {name}" if path.startswith("line ") else f"{path}.{name}"


def file_name(text: str, instead: str = "its Path") -> str | None:
    """Return what a message says that got a file's name in the place of its text; else ``None``.

    Args:
        text: What came.
        instead: What is to be given of a file.
    """
    name = text.strip()
    if len(name) >= _LONGEST_PATH or not _A_PATH.fullmatch(name):
        return None
    return f"{shown(name[:60])} (of a file, give {instead})"


@frozen
class Refused:
    """Stands in a parsed document where a value could not be taken, until its path is known."""

    need: str
    got: str


class _Oddity(Exception):
    """Something stands in a text that the ``json`` module lets pass."""


# -- the hooks of the decoders -------------------------------------------------------------------


def _marked_constant(text: str) -> Refused:
    return Refused("a finite number", text)


def _marked_integer(text: str) -> int | Refused:
    if len(text) > MAX_DIGITS:
        return Refused(f"a number of at most {MAX_DIGITS} characters", f"{len(text):,}")
    return int(text)


def _marked_number(text: str) -> float | Refused:
    if len(text) > MAX_DIGITS:
        return Refused(f"a number of at most {MAX_DIGITS} characters", f"{len(text):,}")
    value = float(text)
    return value if math.isfinite(value) else Refused("a finite number", text)


def _marked_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) < len(pairs):
        seen = set()
        for key, _ in pairs:
            if key in seen:
                record[key] = Refused("each key once", f"{shown(key)} again")
            seen.add(key)
    return record


def _sound_constant(text: str) -> NoReturn:
    raise _Oddity(text)


def _sound_integer(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise _Oddity(text)
    return int(text)


def _sound_number(text: str) -> float:
    value = _marked_number(text)
    if isinstance(value, Refused):
        raise _Oddity(text)
    return value


def _sound_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) < len(pairs):
        raise _Oddity
    return record


# Made once: ``json.loads`` with hooks would make a decoder each time.
_HOOKS: Final[dict[str, Any]] = {
    "object_pairs_hook": _sound_object,
    "parse_constant": _sound_constant,
}
_SOUND: Final = json.JSONDecoder(**_HOOKS)
_SOUND_FRACTIONS: Final = json.JSONDecoder(**_HOOKS, parse_float=_sound_number)
_SOUND_NUMBERS: Final = json.JSONDecoder(
    **_HOOKS, parse_float=_sound_number, parse_int=_sound_integer
)
_MARKING: Final = json.JSONDecoder(
    object_pairs_hook=_marked_object,
    parse_constant=_marked_constant,
    parse_int=_marked_integer,
    parse_float=_marked_number,
)


# -- reading -------------------------------------------------------------------------------------


def read_json(text: str) -> tuple[Any, bool]:
    """Return the data of a JSON text, and whether a :class:`Refused` stands somewhere in it.

    Nearly all texts are sound, and are read at the speed of the ``json`` module: the first oddity
    ends the reading, and only then is the text read again, with each oddity marked where it stands
    (:func:`json_faults` tells them with their paths). Only where a number may be huge is each
    number looked at.

    Raises:
        json.JSONDecodeError: It is no JSON.
        RecursionError: It nests too deep for the ``json`` module.
    """
    if len(text) < MAX_DIGITS:  # no whole number is too long, and fractions are few or none
        decoder = _SOUND_FRACTIONS
    else:
        decoder = _SOUND_NUMBERS if _may_be_huge(text) else _SOUND
    try:
        return _decode(decoder, text), False
    except _Oddity:
        return _MARKING.decode(text), True


def _decode(decoder: json.JSONDecoder, text: str) -> Any:
    """Return ``decoder.decode(text)``, whose searches for white space an event would wait for."""
    try:
        value, end = decoder.raw_decode(text)
    except json.JSONDecodeError:  # there is white space before it, or it is no JSON
        return decoder.decode(text)
    return decoder.decode(text) if text[end:].strip(_SPACE) else value


def has_surrogates(text: str) -> bool:
    r"""Return whether a JSON text has surrogates as ``\u`` escapes, in pairs or alone."""
    return "\\u" in text and _SURROGATE.search(text) is not None


def parse_json(text: str | bytes, source: str) -> Any:
    """Return the data of a JSON text in which nothing is odd.

    Args:
        text: The document; of bytes, UTF-8.
        source: What messages call it.

    Raises:
        WrongType: It is neither text nor bytes.
        ParseError: It is no JSON, too long or nested too deep, or something in it is odd.
    """
    if not isinstance(text, (str, bytes)):
        raise WrongType(source, "text or bytes", shown(text))
    if len(text) > MAX_BYTES:
        raise too_long(source, MAX_BYTES)
    try:
        value, marked = read_json(text if isinstance(text, str) else decoded(text, source))
        if marked:
            fault = next(json_faults(value, source))
            raise ParseError(fault.path, fault.need, fault.got)
    except json.JSONDecodeError as error:
        if got := file_name(error.doc, "what it holds"):
            raise ParseError(source, "JSON", got) from None
        raise no_json(error, source) from None
    except RecursionError:
        raise ParseError(source, "JSON without deep nesting", "deeper nesting") from None
    return value


def decoded(data: bytes, source: str) -> str:
    """Return the text of a document, without a byte order mark.

    Raises:
        ParseError: It is no UTF-8.
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        got = f"byte {error.object[error.start]:#04x} at {error.start:,}"
        raise ParseError(source, "UTF-8 text", got) from None


def too_long(source: str, limit: int) -> ParseError:
    """Return the refusal of a document of more bytes than the limit."""
    return ParseError(source, f"a document of at most {limit:,} bytes", "a larger one")


def no_json(error: json.JSONDecodeError, source: str) -> ParseError:
    """Return the refusal of a text that is no JSON."""
    return ParseError(f"{source}, line {error.lineno} column {error.colno}", "JSON", error.msg)


def _may_be_huge(text: str) -> bool:
    """Return whether a text may hold a number beyond our limit or beyond a double.

    It cannot without an exponent of three digits or a third of the limit in digits in a row, and
    this looks for those in C: several times faster than a look at each number.
    """
    shape = text.encode("utf-8", "surrogatepass").translate(_SHAPE, b"+")
    return b"e000" in shape or _LONG in shape


def json_faults(value: object, path: str) -> Iterator[RuleViolation]:
    """Return what is odd in the data of a JSON text, each with its path.

    These are the marks of :func:`read_json`, and text with half of a surrogate pair.
    """
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
            yield from json_faults(inner, where)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from json_faults(inner, f"{path}[{index}]")


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
