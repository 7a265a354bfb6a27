"""JSON of our own: every value as a document that other programs and later versions can read.

Our readings. A document is one JSON object with ``"schema": "numgenius/1"``, ``"type"`` and the
fields of the value under their own names, all of them: a default that changes later must not change
what an old document says. A field that a later version adds has a default, so old documents stay
readable; what is *unknown* here (a field, a type, another version) is refused, since nobody can say
what ignoring it would lose. Numbers are exact (:mod:`numgenius_core.documents._scalars`).

A value is read twice, as records are (:mod:`numgenius_core.wire._shape`): fast, by functions that
cattrs compiles for each class; and only if that fails slowly, with every fault and its path.
The checks of the classes themselves run in either case: no document makes a value that a
constructor would refuse.

>>> from numgenius_core import Block
>>> print(to_json(Block(start=4, size=2)))
{"schema": "numgenius/1", "type": "Block", "size": 2, "start": 4}
>>> from_json(to_json(Block(start=4, size=2)))
Block(start=4, size=2)
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final, TypeVar, overload

from cattrs import ForbiddenExtraKeysError

from numgenius_core._json import parse_json
from numgenius_core.billing.history import History
from numgenius_core.billing.statements import Statement
from numgenius_core.contracts.contract import Contract
from numgenius_core.contracts.storage import Disk, Volume
from numgenius_core.contracts.term import Term
from numgenius_core.documents._classes import codec_of, named, tagged_codec
from numgenius_core.documents._scalars import Codec, Definitions
from numgenius_core.errors import (
    IllegalMove,
    InvalidDocument,
    ParseError,
    RuleViolation,
    WrongType,
    shown,
)
from numgenius_core.intervals import Interval
from numgenius_core.listing import Listing, Machine, PriceTerms
from numgenius_core.maintenance.hours import Recurrence
from numgenius_core.maintenance.schedule import MachineSchedule, MaintenanceWindow
from numgenius_core.offer import Block, Offer
from numgenius_core.prices.quotes import Quote
from numgenius_core.prices.schedules import CurveSchedule, LinearSchedule, StepSchedule

SCHEMA: Final = "numgenius/1"
"""What every document of this version says it is."""

_CLASSES: Final[tuple[type, ...]] = (
    Block,
    Contract,
    CurveSchedule,
    Disk,
    History,
    Interval,
    LinearSchedule,
    Listing,
    Machine,
    MaintenanceWindow,
    Offer,
    PriceTerms,
    Quote,
    Recurrence,
    MachineSchedule,
    Statement,
    StepSchedule,
    Term,
    Volume,
)
DOCUMENTS: Final[Mapping[str, type]] = MappingProxyType({cls.__name__: cls for cls in _CLASSES})
"""The classes that :func:`from_json` knows by the name in ``"type"``; others it must be told."""

_FAULTS: Final = (
    KeyError,
    TypeError,
    ValueError,  # RuleViolation too
    OverflowError,
    AttributeError,
    IllegalMove,
    RecursionError,
    ForbiddenExtraKeysError,
)
T = TypeVar("T")


def unstructure(value: object, kind: Any = None) -> Any:
    """Return a value as plain JSON data: dicts, lists, text, whole numbers, truths, ``None``.

    Args:
        value: An instance of an attrs class of ours, or what ``kind`` says.
        kind: A type as a field would have it, such as ``tuple[Moved | Prepaid, ...]``; by default
            the class of the value, whose name stands under ``"type"``.

    Raises:
        WrongType: It is no such value, or one that no document can hold.
        RuleViolation: A number in it is larger than documents hold.
    """
    codec = tagged_codec((type(value),), "value") if kind is None else _codec(kind)
    try:
        return codec.write(value)
    except RuleViolation as fault:
        raise type(fault)(f"value{fault.path}", fault.need, fault.got) from None
    except _FAULTS:
        name = getattr(kind or type(value), "__name__", str(kind))
        raise WrongType("value", f"a {name} with fields of their types", shown(value)) from None


@overload
def structure(kind: type[T], data: object, source: str = ...) -> T: ...
@overload
def structure(kind: Any, data: object, source: str = ...) -> Any: ...
def structure(kind: Any, data: object, source: str = "document") -> Any:
    """Return the value that plain JSON data means: the inverse of :func:`unstructure`.

    Args:
        kind: A class of ours, or a type as a field would have it: ``Moved | Prepaid``.
        data: As ``json.loads`` gives it. Of a class, ``"type"`` may be left out.
        source: What messages call it.

    Raises:
        InvalidDocument: With every fault of it.
        WrongType: ``kind`` is nothing that a document can hold.
    """
    codec = _codec(kind)
    if type(data) is dict and isinstance(kind, type) and "type" in data:
        codec = tagged_codec((kind,), source)
    try:
        return codec.read(data, kind)
    except _FAULTS:
        pass
    faults: list[RuleViolation] = []
    value = codec.explain(data, source, faults)
    if faults:
        raise InvalidDocument(source, faults)
    return value  # pragma: no cover - what is read fast and what is read slowly agree


def to_json(value: object, *, indent: int | None = None) -> str:
    """Return a value as a document, ASCII text on one line unless an ``indent`` is asked for.

    Raises:
        WrongType: It is no value of ours, or one that no document can hold.
        RuleViolation: A number in it is larger than documents hold.
    """
    document = {"schema": SCHEMA} | unstructure(value)
    return json.dumps(document, indent=indent)


@overload
def from_json(text: str | bytes, *, source: str = ...) -> Any: ...
@overload
def from_json(text: str | bytes, kind: type[T], *, source: str = ...) -> T: ...
@overload
def from_json(text: str | bytes, kind: Any, *, source: str = ...) -> Any: ...
def from_json(text: str | bytes, kind: Any = None, *, source: str = "document") -> Any:
    """Return the value of a document.

    Args:
        text: The document.
        kind: What it must be: a class, or a union of classes. By default any of
            :data:`DOCUMENTS`.
        source: What messages call it.

    Raises:
        ParseError: It is no JSON, of another schema, or too long.
        InvalidDocument: With every fault of the value.
        WrongType: ``text`` is neither text nor bytes.
    """
    data = parse_json(text, source)
    if type(data) is not dict:
        raise ParseError(source, f'an object with "schema": "{SCHEMA}"', shown(data))
    schema = data.pop("schema", None)
    if schema != SCHEMA:
        raise ParseError(f"{source}.schema", f'"{SCHEMA}"', shown(schema))
    if kind is None:
        name = data.get("type")
        kind = DOCUMENTS.get(name) if isinstance(name, str) else None
        if kind is None:
            need = "one of " + ", ".join(DOCUMENTS)
            raise ParseError(f"{source}.type", need, shown(name))
    elif "type" not in data:
        raise ParseError(f"{source}.type", "the class of the value", "none")
    return structure(kind, data, source)


def _codec(kind: Any) -> Codec:
    try:
        return codec_of(kind)
    except WrongType:
        raise
    except TypeError:  # it cannot be hashed, so it is no type
        raise WrongType("kind", "a type that a document can hold", shown(kind)) from None


def json_schema(kinds: Iterable[type] = _CLASSES) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of the documents of some classes.

    It accepts all that :func:`to_json` writes. What it cannot say (an end after its start), the
    classes check.
    """
    definitions: Definitions = {}
    documents = []
    for cls in kinds:
        tagged_codec((cls,), "kinds").schema(definitions)
        body = dict(definitions[cls, True])
        body["properties"] = {"schema": {"const": SCHEMA}} | body["properties"]
        body["required"] = ["schema", *body["required"]]
        documents.append(body)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:{SCHEMA.replace('/', ':')}",
        "title": f"Documents of numgenius-core, {SCHEMA}",
        "oneOf": documents,
        "$defs": named(definitions),
    }
