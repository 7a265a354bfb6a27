"""JSON of our own: values as documents that other programs and later versions can read.

Our readings. A document is one JSON object with ``"schema": "numgenius/1"``, ``"type"`` and the
fields of the value under their own names, all of them: a default that changes later must not change
what an old document says. A field that a later version adds has a default, so old documents stay
readable; what is *unknown* here (a field, a type, another version) is refused, since nobody can say
what ignoring it would lose. Numbers are exact (``documents._scalars``).

A value is read twice, as records are (``numgenius_core.wire._shape``): fast, by functions that
cattrs compiles for each class; and only if that fails slowly, with every fault and its path.
The checks of the classes themselves run in either case: no document makes a value that a
constructor would refuse.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from types import UnionType
from typing import Any, Final, TypeVar, Union, get_args, get_origin, overload

from attrs import NOTHING, has
from cattrs import ForbiddenExtraKeysError

from numgenius_core._checks import MANY_FAULTS, as_tuple
from numgenius_core._json import MAX_BYTES, parse_json
from numgenius_core.billing.history import History
from numgenius_core.billing.statements import Statement
from numgenius_core.contracts.contract import Contract
from numgenius_core.contracts.storage import Disk, Volume
from numgenius_core.documents._classes import (
    codec_of,
    documents_of,
    kinds_of,
    named,
    tagged_codec,
)
from numgenius_core.documents._scalars import Codec, Definitions, as_json
from numgenius_core.errors import (
    IllegalMove,
    InvalidDocument,
    ParseError,
    RuleViolation,
    WrongType,
    shown,
)
from numgenius_core.intervals import Interval
from numgenius_core.listing import READING, Listing, Machine, PriceTerms
from numgenius_core.maintenance.hours import Recurrence
from numgenius_core.maintenance.schedule import MachineSchedule, MaintenanceWindow
from numgenius_core.offer import Block, Offer
from numgenius_core.prices.quotes import Quote
from numgenius_core.prices.schedules import CurveSchedule, LinearSchedule, StepSchedule

SCHEMA: Final = "numgenius/1"
"""The version of the documents, which each has under ``"schema"``."""

_URN: Final = f"urn:{SCHEMA.replace('/', ':')}"

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
    Volume,
)
_DOCUMENTS: Final = {cls.__name__: cls for cls in _CLASSES}
"""The classes that are known by the name in ``"type"``; others a reader must be told."""

# What a fast reader or writer may raise on data that it was not made for: none of it is the answer,
# which the slow one gives.
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
_INSTEAD: Final = {
    "Market.queue": "numgenius_core.market.journal.market_to_json stores a market",
    "Transaction.commands": "functions may be among its commands: store each command",
    "CommandResult.error": "store its events, and what its error says",
    "TermChange.old": "store the command of the preview: views.preview works the rest out again",
    "Condition.value": "str() of a query is text that numgenius_core.search.parse reads again",
    "Reading.faults": "store its offers, and what its faults say",
    "RowReading.rows": "store its rows, and what its faults say",
}
"""What to do with values that no document can hold, by the field because of which."""
T = TypeVar("T")


def unstructure(value: object, kind: Any = None) -> Any:
    """Return a value as plain JSON data: dicts, lists, text, whole numbers, truths, ``None``.

    Args:
        value: An instance of an attrs class, also of one of your own, or what ``kind`` says.
        kind: A type as a field would have it, such as ``tuple[Moved | Prepaid, ...]``; by default
            the class of the value, whose name stands under ``"type"``.

    Raises:
        WrongType: ``value`` is not what ``kind`` says, or nothing that a document can hold.
        RuleViolation: A number in it is larger than documents hold.

    >>> from numgenius_core import CurveSchedule
    >>> from numgenius_core.documents import unstructure
    >>> unstructure(CurveSchedule("0.4"))
    {'type': 'CurveSchedule', 'max_discount': '0.4'}
    """
    codec = _codec_of_value(value) if kind is None else _codec(kind)
    try:
        return codec.write(value)
    except RuleViolation as fault:
        raise type(fault)(f"value{fault.path}", fault.need, fault.got) from None
    except _FAULTS:
        name = getattr(kind or type(value), "__name__", str(kind))
        raise WrongType("value", f"a {name} with fields of their types", shown(value)) from None


@overload
def structure(data: object, kind: type[T], source: str = ...) -> T: ...
@overload
def structure(data: object, kind: Any, source: str = ...) -> Any: ...
def structure(data: object, kind: Any, source: str = "document") -> Any:
    """Return the value that plain JSON data means: the inverse of :func:`unstructure`.

    Args:
        data: As ``json.loads`` gives it. Of a class, ``"type"`` may be left out.
        kind: An attrs class, also one of your own, or a type as a field would have it:
            ``Moved | Prepaid``.
        source: What messages call it.

    Raises:
        InvalidDocument: Data that means no such value: the faults of all its fields together; what
            only holds between several of them is looked at when each is right by itself.
        WrongType: ``kind`` is nothing that a document can hold.

    >>> from numgenius_core import CurveSchedule
    >>> from numgenius_core.documents import structure
    >>> structure({"max_discount": "0.4"}, CurveSchedule)
    CurveSchedule(max_discount=Fraction(2, 5))
    """
    tagged = type(data) is dict and "type" in data
    return _structured(_codec(kind), kind, data, source, tagged=tagged)


def _structured(codec: Codec, kind: Any, data: object, source: str, *, tagged: bool) -> Any:
    """Return the value that plain data means; of a class, what it is may stand under its type."""
    if tagged and isinstance(kind, type):
        codec = tagged_codec((kind,), "kind")  # kept for good, so never by what callers name
    before = READING.set(True)
    try:
        return codec.read(data, kind)
    except _FAULTS:
        faults: list[RuleViolation] = []
        value = codec.explain(data, source, faults)
    finally:
        READING.reset(before)
    if faults:
        raise InvalidDocument(source, faults[:MANY_FAULTS], more=len(faults) >= MANY_FAULTS)
    return value  # pragma: no cover - what is read fast and what is read slowly agree


def to_json(value: object, *, indent: int | None = None) -> str:
    """Return a value as a document, ASCII text on one line unless an ``indent`` is asked for.

    Args:
        value: An instance of an attrs class, also of one of your own.
        indent: Blanks for each level, as ``json.dumps`` has them.

    Raises:
        WrongType: ``value`` is nothing that a document can hold; the message says what to do
            instead. A market is stored by :func:`numgenius_core.market.journal.market_to_json`.
        RuleViolation: A number in it is larger than documents hold, or all of it is longer than
            256 MiB.

    >>> from numgenius_core import PerGpuHour, PriceTerms
    >>> from numgenius_core.documents import to_json
    >>> print(to_json(PriceTerms(gpu=PerGpuHour("0.40")), indent=2))
    {
      "schema": "numgenius/1",
      "type": "PriceTerms",
      "gpu": "0.4",
      "storage": "0",
      "upload": "0",
      "download": "0",
      "min_bid": "0",
      "platform_fee": "0"
    }
    """
    document = {"schema": SCHEMA} | unstructure(value)
    text = json.dumps(document, indent=indent)
    if len(text) > MAX_BYTES:  # in ASCII a character is a byte
        need = f"a value whose document has at most {MAX_BYTES:,} bytes"
        raise RuleViolation("value", need, f"{len(text):,}")
    return text


@overload
def from_json(text: str | bytes, *, source: str = ...) -> Any: ...
@overload
def from_json(text: str | bytes, kind: type[T], *, source: str = ...) -> T: ...
@overload
def from_json(text: str | bytes, kind: Any, *, source: str = ...) -> Any: ...
def from_json(text: str | bytes, kind: Any = None, *, source: str = "document") -> Any:
    """Return the value that a document means: the inverse of :func:`to_json`.

    Args:
        text: The document, as text or as UTF-8 bytes.
        kind: What it must be: a class, or a union of classes. By default one of those that are
            stored alone, such as an offer, a listing, a contract, a history or a statement; the
            refusal of another names them all.
        source: What messages call it.

    Raises:
        WrongType: ``text`` is neither text nor bytes.
        ParseError: It is no JSON, a document of another schema, or longer than 256 MiB.
        InvalidDocument: A document of another class, or a value with faults: those of all its
            fields together; what only holds between several of them is looked at when each is right
            by itself.

    A union is typed ``Any``: of commands and events,
    :func:`~numgenius_core.market.journal.command_from_json` and
    :func:`~numgenius_core.market.journal.event_from_json` say what comes.

    >>> from numgenius_core import Block
    >>> from numgenius_core.documents import from_json
    >>> from_json('{"schema": "numgenius/1", "type": "Block", "start": 4, "size": 2}', Block)
    Block(start=4, size=2)
    """
    data = parse_json(text, source)
    if type(data) is not dict:
        raise ParseError(source, f'an object with "schema": "{SCHEMA}"', as_json(data))
    schema = data.pop("schema", NOTHING)
    if schema != SCHEMA:
        raise ParseError(f"{source}.schema", f'"{SCHEMA}"', as_json(schema))
    if kind is None:
        name = data.get("type", NOTHING)
        kind = _DOCUMENTS.get(name) if isinstance(name, str) else None
        if kind is None:
            need = f"one of {', '.join(_DOCUMENTS)}, or its class given as kind"
            fault = RuleViolation(f"{source}.type", need, as_json(name))
            raise InvalidDocument(source, [fault])
    return _structured(_codec(kind), kind, data, source, tagged=True)


def _codec(kind: Any) -> Codec:
    try:
        return codec_of(kind)
    except WrongType as fault:
        raise _without_document("kind", kind, fault) from None
    except TypeError:  # it cannot be hashed, so it is no type
        raise WrongType("kind", "a type that a document can hold", shown(kind)) from None


def _codec_of_value(value: object) -> Codec:
    kind = type(value)
    if not has(kind):
        need = "a value of an attrs class (unstructure writes others too, if their kind is given)"
        raise WrongType("value", need, shown(value))
    try:
        return tagged_codec((kind,), "value")
    except WrongType as fault:
        raise _without_document("value", value, fault) from None


def _without_document(path: str, given: object, fault: RuleViolation) -> WrongType:
    """Return the fault of what no document can hold: because of which field, or what to do."""
    if fault.path == path:
        return WrongType(path, fault.need, fault.got)
    why = _INSTEAD.get(fault.path, str(fault))
    return WrongType(path, f"what a document can hold ({why})", shown(given))


def json_schema(
    kinds: type | UnionType | Iterable[type] = _CLASSES, *, one_of: bool = False
) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of the documents of some classes.

    It accepts all that :func:`to_json` writes. What it cannot say (an end after its start), the
    classes check. Of several classes it looks at ``"type"`` first, so that a validator tells what
    is wrong with the one that is meant. Generators of code read no such conditions: with ``one_of``
    the same documents are a ``oneOf`` of definitions, each with its name as the ``const`` of
    ``"type"``. Its ``"$id"`` is ``urn:numgenius:1`` by default, and for other classes one of their
    own, so one registry may hold them all.

    Args:
        kinds: The classes, one class or a union of classes, such as ``commands.Command``; by
            default those that :func:`from_json` knows by name.
        one_of: Write one of several classes as a ``oneOf``, for generators of code. A validator
            takes the same documents, and says of a wrong one only that it is none of them.

    Raises:
        WrongType: One of ``kinds`` is no attrs class, or nothing that a document can hold.

    >>> from numgenius_core import Block, Interval
    >>> from numgenius_core.documents import json_schema
    >>> json_schema(Block)["required"]
    ['schema', 'type', 'start', 'size']
    >>> json_schema(Block | Interval, one_of=True)["oneOf"]
    [{'$ref': '#/$defs/Block.document'}, {'$ref': '#/$defs/Interval.document'}]
    """
    definitions = Definitions(one_of=one_of)
    classes = kinds_of(_as_classes(kinds))
    for cls in classes:
        try:
            tagged_codec((cls,), "kinds")
        except WrongType as fault:
            raise _without_document("kinds", cls, fault) from None
    described = documents_of(classes, SCHEMA, definitions)
    if found := named(definitions):
        described |= {"$defs": found}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": _URN if classes == _CLASSES and not one_of else f"{_URN}:{_digest(described)}",
        "title": f"Documents of numgenius-core, {SCHEMA}",
        **described,
    }


def _digest(schema: dict[str, Any]) -> str:
    """Return what tells a schema from others in its ``$id``."""
    from hashlib import sha256

    return sha256(json.dumps(schema).encode()).hexdigest()[:16]


def _as_classes(kinds: type | UnionType | Iterable[type]) -> tuple[type, ...]:
    if get_origin(kinds) in (Union, UnionType):
        kinds = get_args(kinds)
    found = (kinds,) if isinstance(kinds, type) else as_tuple(kinds, "kinds")  # type: ignore[arg-type]
    for index, cls in enumerate(found):
        if not isinstance(cls, type):
            raise WrongType(f"kinds[{index}]", "a class", shown(cls))
        if not kinds_of((cls,)):
            need = f"what a document can hold (no kind of {cls.__name__} is)"
            raise WrongType("kinds", need, shown(cls))
    return found
