"""The codecs of classes, series and choices, made from type hints.

A class is a JSON object of its fields. Reading and writing one are functions that cattrs compiles
for it, with the codecs of its fields as hooks (``documents._scalars.Codec`` says what a codec is).

A codec is four functions that close over the codecs inside, and each is made once a type: what is
done for every value is calls of functions that know their types, and no look at a type hint. The
fast reader takes what comes as what it should be and lets any exception end it; ``explain`` looks
at everything, collects every fault with its path, and runs only where the fast reader failed.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from functools import cache
from inspect import isabstract
from itertools import chain, islice, takewhile
from types import NoneType, UnionType
from typing import Any, Final, TypeVar, Union, get_args, get_origin, get_type_hints

from attrs import NOTHING, Attribute, Converter, fields, frozen, has
from cattrs import Converter as CattrsConverter
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override

from numgenius_core._checks import BOUNDS, MANY_FAULTS, MOST_DOLLARS
from numgenius_core.documents._scalars import (
    Codec,
    Definitions,
    Read,
    Write,
    any_object,
    as_json,
    as_sent,
    money_codec,
    object_fault,
    parts_codec,
    scalar_codec,
    whole_codec,
)
from numgenius_core.documents._stand_ins import faults_of, field_of, within
from numgenius_core.errors import IllegalMove, RuleViolation, WrongType, cut, shown

_WHOLE: Final = re.compile(r"0|-?[1-9][0-9]{0,18}", re.ASCII)
_FIXED: Final[Mapping[Any, str]] = {
    list: "tuple[{}, ...], which holds a list's values",
    set: "frozenset[{}], which holds a set's values",
    tuple: "tuple[{}, ...], with the type of its values",
    frozenset: "frozenset[{}], with the type of its values",
}
"""What a series is in documents, by what somebody may write for it."""
_LOCAL: Final = "no other process can import a class of a function: define it in its module itself"
T = TypeVar("T")
_CONVERTER: Final = CattrsConverter(detailed_validation=False)


@cache
def codec_of(hint: Any, path: str = "kind") -> Codec:
    """Return the codec of a type hint.

    Raises:
        WrongType: Values of it have no codec in JSON.
    """
    named = hint
    # From the particular to the general: a series is a generic tuple too, an abstract class is an
    # attrs class too.
    hint = getattr(hint, "__supertype__", hint)  # of a NewType
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return _choice(arguments, path)
    if origin is Sequence or (origin is tuple and arguments[1:] == (Ellipsis,)):
        return _series(codec_of(arguments[0], path), tuple)
    if origin is tuple:
        return _row(tuple(codec_of(argument, path) for argument in arguments))
    if origin is frozenset:
        return _series(codec_of(arguments[0], path), frozenset)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return any_object() if arguments[1] is Any else _mapping(arguments, path)
    if _is_base(hint):  # one of its kinds is meant
        return tagged_codec((hint,), path)
    if isinstance(hint, type) and has(hint):
        return _class_codec(hint)
    if (origin or hint) in _FIXED:
        of = " | ".join(getattr(each, "__name__", str(each)) for each in arguments) or "T"
        raise WrongType(path, _FIXED[origin or hint].format(of), str(named))
    return scalar_codec(named, path)


def _choice(arguments: tuple[Any, ...], path: str) -> Codec:
    """Return the codec of a union: optional, one of several classes, or one of several numbers.

    Classes are told apart by their names under ``"type"``, numbers by their units.
    """
    named = tuple(kind for kind in arguments if kind is not NoneType)
    some = tuple(getattr(kind, "__supertype__", kind) for kind in named)
    if len(some) == 1:
        codec = codec_of(named[0], path)
    elif all(has(kind) for kind in some):
        codec = tagged_codec(some, path)
    elif any(has(kind) for kind in some):
        words = " | ".join(getattr(kind, "__name__", str(kind)) for kind in some)
        raise WrongType(path, "classes of several fields alone, or numbers alone", shown(words))
    else:
        codec = scalar_codec(some, path)
    return codec if len(some) == len(arguments) else _optional(codec)


def _optional(codec: Codec) -> Codec:
    """Return the codec of a value that may be left out, which is null in JSON."""
    inner_write, inner_read = codec.write, codec.read

    def write(value: Any) -> Any:
        return None if value is None else inner_write(value)

    def read(value: Any, _: Any) -> Any:
        return None if value is None else inner_read(value, None)

    def explain(value: Any, path: str, faults: list[RuleViolation]) -> Any:
        return None if value is None else codec.explain(value, path, faults)

    def schema(definitions: Definitions) -> dict[str, Any]:
        inner = codec.schema(definitions)
        if "enum" in inner:
            return inner | {"enum": [*inner["enum"], None]}
        if "type" in inner:  # what else it says is of values of that type alone
            return inner | {"type": [inner["type"], "null"]}
        return {"anyOf": [inner, {"type": "null"}]}

    return Codec(write, read, explain, schema)


# -- series ------------------------------------------------------------------------------------


def _while_few(faults: Sized, items: Iterable[T]) -> Iterator[T]:
    """Return items for as long as what was found before each has not too many faults."""
    return takewhile(lambda _: len(faults) < MANY_FAULTS, items)


def _list(value: Any, need: str = "a JSON list", path: str = "") -> list[Any]:
    if type(value) is not list:
        raise WrongType(path, need, as_json(value))
    return value


def _series(codec: Codec, kind: type) -> Codec:
    """Return the codec of any number of values of one type.

    Sets are written in order, so that one value has one text.
    """
    inner_write, inner_read = codec.write, codec.read  # looked up once, not once a value
    ordered = sorted if kind is frozenset else iter

    def write(values: Any) -> list[Any]:
        return [inner_write(value) for value in ordered(values)]

    def read(value: Any, _: Any) -> Any:
        items = _list(value)
        found = kind([inner_read(item, None) for item in items])
        if len(found) < len(items):  # of a set: a value that came twice was perhaps meant otherwise
            raise RuleViolation("", "each value once", as_json(value))
        return found

    def explain(value: Any, path: str, faults: list[RuleViolation]) -> Any:
        if type(value) is not list:
            faults.append(WrongType(path, "a JSON list", as_json(value)))
            return None
        before = len(faults)  # faults of other fields are in the list already
        some = _while_few(faults, enumerate(value))
        items = [codec.explain(item, f"{path}[{i}]", faults) for i, item in some]
        if len(faults) > before:
            return None
        if len(kind(items)) < len(items):
            faults.append(RuleViolation(path, "each value once", as_json(value)))
        return kind(items)

    def schema(definitions: Definitions) -> dict[str, Any]:
        unique = {"uniqueItems": True} if kind is frozenset else {}
        return {"type": "array", "items": codec.schema(definitions)} | unique

    return Codec(write, read, explain, schema)


def _row(codecs: tuple[Codec, ...]) -> Codec:
    """Return the codec of a tuple of so many values, each of its own type."""
    need = f"a JSON list of {len(codecs)} values"

    def write(values: Any) -> list[Any]:
        return [codec.write(value) for codec, value in zip(codecs, values, strict=True)]

    def read(value: Any, _: Any) -> Any:
        items = _list(value, need)
        return tuple(codec.read(item, None) for codec, item in zip(codecs, items, strict=True))

    def explain(value: Any, path: str, faults: list[RuleViolation]) -> Any:
        if type(value) is not list or len(value) != len(codecs):
            error = RuleViolation if type(value) is list else WrongType
            faults.append(error(path, need, as_json(value)))
            return None
        return tuple(
            codec.explain(item, f"{path}[{i}]", faults)
            for i, (codec, item) in enumerate(zip(codecs, value, strict=True))
        )

    def schema(definitions: Definitions) -> dict[str, Any]:
        items = [codec.schema(definitions) for codec in codecs]
        return {
            "type": "array",
            "prefixItems": items,
            "minItems": len(items),
            "maxItems": len(items),
        }

    return Codec(write, read, explain, schema)


# -- objects -----------------------------------------------------------------------------------


def _mapping(arguments: tuple[Any, ...], path: str) -> Codec:
    """Return the codec of a mapping from text or whole numbers, which JSON writes as text."""
    key = getattr(arguments[0], "__supertype__", arguments[0])
    if key not in {int, str}:
        raise WrongType(path, "a mapping from text or whole numbers", shown(key))
    keys, codec = codec_of(arguments[0], path), codec_of(arguments[1], path)

    def write(values: Any) -> dict[str, Any]:
        return {str(keys.write(name)): codec.write(item) for name, item in values.items()}

    def key_of(name: str) -> Any:
        if key is str:
            return name
        # Other spellings of a number (+7, 07) stay text, which the codec of the key refuses: two of
        # them could be one key.
        return int(name) if _WHOLE.fullmatch(name) else name

    def read(value: Any, _: Any) -> Any:
        if type(value) is not dict:
            raise object_fault(value, "")
        return {
            keys.read(key_of(name), None): codec.read(item, None) for name, item in value.items()
        }

    def explain(value: Any, path: str, faults: list[RuleViolation]) -> Any:
        if type(value) is not dict:
            faults.append(object_fault(value, path))
            return None
        return {
            keys.explain(key_of(name), f"{path}[{shown(name)}]", faults): codec.explain(
                item, f"{path}[{shown(name)}]", faults
            )
            for name, item in _while_few(faults, value.items())
        }

    def schema(definitions: Definitions) -> dict[str, Any]:
        names = {} if key is str else {"propertyNames": {"pattern": f"^({_WHOLE.pattern})$"}}
        return {"type": "object", "additionalProperties": codec.schema(definitions)} | names

    return Codec(write, read, explain, schema)


# -- classes -----------------------------------------------------------------------------------


def _is_base(kind: object) -> bool:
    """Return whether a class stands for those derived from it, as an abstract schedule does."""
    return isinstance(kind, type) and isabstract(kind) and has(kind)


@cache
def name_of(cls: type) -> str:
    """Return what documents call a class: its name, as a rule.

    One kind of several that is not ours has its module before its name: others may have a kind of
    the same name, and a document says which is meant.
    """
    ours = cls.__module__.partition(".")[0] == __name__.partition(".")[0]
    if ours or not any(map(_is_base, cls.__mro__[1:])):
        return cls.__name__
    return f"{cls.__module__}.{cls.__qualname__}"


def _is_local(cls: type) -> bool:
    """Return whether documents call a class by a name that only the process has that made it."""
    return "<locals>" in name_of(cls)


def kinds_of(classes: Iterable[type]) -> tuple[type, ...]:
    """Return classes, in the place of an abstract one all that are derived from it by now.

    What no document can hold is left out.
    """
    found = [_derived(cls) if _is_base(cls) else [cls] for cls in classes]
    return tuple(dict.fromkeys(chain.from_iterable(found)))


def _derived(base: type) -> Iterable[type]:
    # Of two with one name the later: attrs makes a class with slots anew, and the first one is
    # there until it is collected; who runs a definition again means the new class.
    kinds = {name_of(kind): kind for kind in _below(base) if not isabstract(kind)}
    return filter(_is_held, kinds.values())


def _below(base: type) -> Iterator[type]:
    nearest: list[type] = base.__subclasses__()
    for kind in nearest:
        yield kind
        yield from _below(kind)


def _is_held(cls: type) -> bool:
    """Return whether documents can hold a class and its fields."""
    return _why_not(cls) is None


def _why_not(cls: type) -> str | None:
    """Return why documents cannot hold a class or its fields, ``None`` if they can."""
    if _is_local(cls):
        return _LOCAL
    try:
        codec_of(cls)
    except (TypeError, RecursionError) as error:  # a WrongType too
        return str(error)
    return None


def _definition_key(cls: type, form: str) -> str:
    """Return what a JSON Schema calls a class: its name, and what of it is described."""
    return f"{name_of(cls)}.{form}" if form else name_of(cls)


def named(definitions: Definitions) -> dict[str, Any]:
    """Return definitions under the names that references have for them, in their order.

    Raises:
        RuleViolation: Two classes have the same name.
    """
    found: dict[str, Any] = {}
    for (cls, form), body in definitions.items():
        key = _definition_key(cls, form)
        if key in found:
            need = "classes with different names"
            raise RuleViolation("kinds", need, f"two called {name_of(cls)}")
        found[key] = body
    return dict(sorted(found.items()))


@frozen
class _Column:
    """A field of a class as a document has it, under a key that is its name as a rule.

    Its metadata says otherwise: ``stored_as`` is the key, and ``is_share`` says that whole parts
    of 10⁻⁹ are a share there, as text. Its checks look at its value by itself.
    """

    key: str
    name: str
    codec: Codec
    required: bool
    checks: tuple[Callable[[Any], object], ...]


@cache
def _columns(cls: type) -> tuple[_Column, ...]:
    try:
        hints = get_type_hints(cls)
    except (NameError, TypeError, AttributeError, SyntaxError) as error:
        raise WrongType(cls.__name__, "type hints that are known", str(error)) from None
    # A command and an event tell how each field is checked (``market._messages``).
    told = {name: (path, check) for name, path, check, _ in getattr(cls, "_checks", ())}
    columns = []
    for attribute in _fields(cls):
        path = f"{cls.__name__}.{attribute.name}"
        if attribute.name in {"schema", "type"} or attribute.name != attribute.alias:
            raise WrongType(path, "a public field not called schema or type", attribute.name)
        check = told.get(attribute.name)
        codec = _codec_of_field(hints.get(attribute.name), path, attribute, check)
        key = attribute.metadata.get("stored_as", attribute.name)
        checks = tuple(_checks_of(attribute, check))
        required = attribute.default is NOTHING
        columns.append(_Column(key, attribute.name, codec, required, checks))
    return tuple(columns)


def _codec_of_field(hint: Any, path: str, attribute: Attribute[Any], told: Any) -> Codec:
    """Return the codec of a field: of parts of a share, of what has bounds, or of its type.

    Args:
        hint: Its type.
        path: What messages call it.
        attribute: The field.
        told: What its check calls it, and the check, if its class tells it.
    """
    check = None if told is None else told[1]
    bounds = BOUNDS.get(check)
    if attribute.metadata.get("is_share"):
        codec = parts_codec()
    elif bounds is not None:
        codec = whole_codec(*bounds)
    elif check in MOST_DOLLARS:
        codec = money_codec(MOST_DOLLARS[check])
    else:
        return codec_of(hint, path)
    return _optional(codec) if NoneType in get_args(hint) else codec


def _checks_of(
    attribute: Attribute[Any], told: tuple[str, Any] | None
) -> Iterator[Callable[[Any], object]]:
    """Yield what looks at the value of a field by itself, and refuses it."""
    converter, validator = attribute.converter, attribute.validator
    if told is not None:
        yield lambda value: told[1](value, told[0])
    if converter is not None and not isinstance(converter, Converter):
        yield converter
    if validator is not None:
        yield lambda value: validator(None, attribute, value)


def _fields(cls: type) -> tuple[Attribute[Any], ...]:
    return tuple(attribute for attribute in fields(cls) if attribute.init)


@cache
def _class_codec(cls: type) -> Codec:
    """Return the codec of a class: an object of its fields and nothing else."""
    columns = _columns(cls)
    # cattrs writes the source of one function for the class, in which each field is a call of its
    # hook: no dispatch on types when a value is read.
    hooks: dict[str, Any] = {
        c.name: override(struct_hook=c.codec.read, unstruct_hook=c.codec.write, rename=c.key)
        for c in columns
    }
    plain: Write = make_dict_unstructure_fn(cls, _CONVERTER, **hooks)
    fast: Read = make_dict_structure_fn(
        cls,
        _CONVERTER,
        _cattrs_forbid_extra_keys=True,
        _cattrs_detailed_validation=False,
        **hooks,
    )

    def write(value: Any) -> Any:
        if type(value) is not cls:  # one derived from it may have more fields, which would be lost
            raise WrongType("", f"a {cls.__name__} and no other class", shown(value))
        return plain(value)

    def read(value: Any, _: Any) -> Any:
        if type(value) is not dict:
            raise object_fault(value, "")
        return fast(value, cls)

    def schema(definitions: Definitions) -> dict[str, Any]:
        return _defined(cls, definitions)

    return Codec(write, read, lambda *found: _explain(cls, *found), schema)


def _explain(cls: type, value: Any, path: str, faults: list[RuleViolation]) -> Any:
    """Return the instance that an object means, or add all its faults."""
    if type(value) is not dict:
        faults.append(object_fault(value, path, f"a JSON object ({cls.__name__})"))
        return None
    columns = _columns(cls)
    # Unknown keys first: a misspelt field is also a missing one, and reads so in this order.
    need = f"fields of {cls.__name__} only"
    names = {column.key for column in columns}
    unknown = list(islice((key for key in value if key not in names), MANY_FAULTS))
    faults += [RuleViolation(path, need, as_json(key)) for key in unknown]
    found: dict[str, Any] = {}
    wrong: dict[str, list[RuleViolation]] = {}
    for column in columns:
        if len(faults) + sum(map(len, wrong.values())) >= MANY_FAULTS:
            break
        told: list[RuleViolation] = []
        kept = _explain_field(column, value, path, told)
        if told:
            wrong[column.name] = told
        elif column.key in value:
            found[column.name] = kept
    # What is right as far as its type goes the class may refuse, and it names its fields from where
    # it stands: the path of the document replaces its first word.
    made, refused = (None, []) if unknown or wrong else _made(cls, found)
    if (unknown or wrong or refused) and len(faults) < MANY_FAULTS:
        refused = faults_of(cls, found, wrong) or refused
    sent = {column.name: value.get(column.key, NOTHING) for column in columns}
    for each in refused:
        name = field_of(each)
        placed = _placed(each, path, found.get(name), sent.get(name))
        wrong.setdefault(name, []).append(placed)
    for name in dict.fromkeys([*(column.name for column in columns), *wrong]):
        faults += wrong.get(name, ())
    return made


def _made(cls: type, found: dict[str, Any]) -> tuple[Any, list[RuleViolation]]:
    """Return a value of a class, or how it was refused."""
    try:
        return cls(**found), []
    except IllegalMove as error:
        return None, [RuleViolation("", "moves that are possible", str(error))]
    except RuleViolation as fault:
        return None, [fault]


def _explain_field(
    column: _Column, value: dict[str, Any], path: str, faults: list[RuleViolation]
) -> Any:
    """Return what a field of an object means, or add its faults: those of its type and its own."""
    where = f"{path}.{column.key}"
    if column.key not in value:
        if column.required:
            faults.append(RuleViolation(where, "a value", as_json(NOTHING)))
        return None
    kept = column.codec.explain(value[column.key], where, faults)
    if not faults and kept is not None:
        faults += islice(_refusals(column.checks, kept, value[column.key], path), 1)
    return kept


def _refusals(
    checks: Iterable[Callable[[Any], object]], value: object, sent: object, path: str
) -> Iterator[RuleViolation]:
    """Yield what checks of a field refuse; what else they raise, the class says when it is made."""
    for check in checks:
        try:
            check(value)
        except RuleViolation as fault:
            yield _placed(fault, path, value, sent)
        except Exception:  # noqa: BLE001 - whatever a class of somebody else's raises
            return


def _placed(fault: RuleViolation, path: str, value: object, sent: object) -> RuleViolation:
    """Return a fault as one of an object of a document, without the class's own word for it.

    Args:
        fault: What the class refused.
        path: Where the object stands.
        value: The field that it refused.
        sent: What the document has for it.
    """
    got = as_sent(fault, value, sent)
    return type(fault)(f"{path}.{within(fault)}".rstrip("."), fault.need, got)


def _defined(
    cls: type, definitions: Definitions, form: str = "", **before: dict[str, Any]
) -> dict[str, Any]:
    """Return a reference to the schema of a class, which the definitions have from now on.

    Args:
        cls: The class.
        definitions: What there is by now.
        form: What of it this is, of several that definitions may have.
        before: What stands before its fields.
    """
    if (cls, form) not in definitions:
        definitions[cls, form] = {}  # a class may have a field of its own class
        definitions[cls, form] = _object_of(cls, definitions, before)
    from urllib.parse import quote

    return {"$ref": f"#/$defs/{quote(_definition_key(cls, form))}"}


def _object_of(
    cls: type, definitions: Definitions, before: Mapping[str, dict[str, Any]]
) -> dict[str, Any]:
    """Return the schema of the objects of a class, with what stands before its fields."""
    columns = _columns(cls)
    return {
        "type": "object",
        "properties": {**before, **{c.key: c.codec.schema(definitions) for c in columns}},
        "required": [*before, *(c.key for c in columns if c.required)],
        "additionalProperties": False,
    }


def documents_of(
    classes: tuple[type, ...], schema: str, definitions: Definitions
) -> dict[str, Any]:
    """Return the schema of the documents of one of several classes.

    A document is the tagged class with the schema's name before it: described once more, since a
    reference cannot add a property to what allows no others.
    """
    if len(classes) == 1:
        return _object_of(classes[0], definitions, _heads(classes[0], schema))
    branches = {
        name_of(cls): _defined(cls, definitions, "document", **_heads(cls, schema))
        for cls in classes
    }
    return _by_type(branches, definitions)


def _heads(cls: type, schema: str) -> dict[str, dict[str, Any]]:
    """Return what a document says before the fields."""
    return {"schema": {"const": schema}, "type": {"const": name_of(cls)}}


def _by_type(branches: Mapping[str, dict[str, Any]], definitions: Definitions) -> dict[str, Any]:
    """Return the schema of one of several objects, each by the name that stands under its type.

    A validator that has seen which is meant tells what is wrong with that one: of a bare ``oneOf``
    it can only say that it is none. Generators of code read ``oneOf`` alone.
    """
    if len(branches) == 1:
        [only] = branches.values()
        return only
    if definitions.one_of:
        return {"oneOf": [*branches.values()]}
    return {
        "type": "object",
        "properties": {"type": {"enum": [*branches]}},
        "required": ["type"],
        "allOf": [
            {
                "if": {
                    "type": "object",
                    "required": ["type"],
                    "properties": {"type": {"const": name}},
                }
            }
            | {"then": branch}
            for name, branch in branches.items()
        ],
    }


@cache
def tagged_codec(classes: tuple[type, ...], path: str) -> Codec:
    """Return the codec of one of several classes, the object saying which under ``"type"``.

    Raises:
        WrongType: One of them is no attrs class, or two have the same name.
    """
    if any(map(_is_base, classes)):
        return _late_codec(classes, path)
    known = _by_name(classes, path)
    codecs = {name: codec_of(cls, path) for name, cls in known.items()}
    writers = {cls: codecs[name].write for name, cls in known.items()}
    readers = {name: codec.read for name, codec in codecs.items()}
    need = f"a JSON object with a type, one of {', '.join(known)}"

    def write(value: Any) -> Any:
        # Of the class itself: of one derived from it, which would read as less, a KeyError.
        cls: type = type(value)
        return {"type": name_of(cls), **writers[cls](value)}

    def read(value: Any, _: Any) -> Any:
        rest = dict(value)  # the tag is taken out of a copy: the document may be read again
        return readers[rest.pop("type")](rest, None)

    def explain(value: Any, path: str, faults: list[RuleViolation]) -> Any:
        if type(value) is not dict:
            faults.append(object_fault(value, path, need))
            return None
        name = value.get("type", NOTHING)
        if not isinstance(name, str) or name not in codecs:
            known_names = "one of " + ", ".join(codecs)
            faults.append(RuleViolation(f"{path}.type", known_names, as_json(name)))
            return None
        rest = {key: inner for key, inner in value.items() if key != "type"}
        return codecs[name].explain(rest, path, faults)

    def schema(definitions: Definitions) -> dict[str, Any]:
        branches = {
            name: _defined(cls, definitions, "tagged", type={"const": name})
            for name, cls in known.items()
        }
        return _by_type(branches, definitions)

    return Codec(write, read, explain, schema)


def _by_name(classes: tuple[type, ...], path: str) -> dict[str, type]:
    for cls in classes:
        if not has(cls):
            raise WrongType(path, "an attrs class", shown(cls))
        if _is_local(cls):
            need = "a class that documents can name"
            raise WrongType(path, need, f"{name_of(cls)} ({_LOCAL})")
    known = {name_of(cls): cls for cls in classes}
    if len(known) < len(classes):
        raise WrongType(path, "attrs classes with different names", shown(classes))
    return known


def _late_codec(classes: tuple[type, ...], path: str) -> Codec:
    """Return the codec of one of several classes, of which an abstract one has many kinds.

    Programs define kinds of their own at any time, so these are looked up when one is met.
    """

    def known() -> Codec:
        return tagged_codec(kinds_of(classes), path)

    def write(value: Any) -> Any:
        cls: type = type(value)
        if cls not in kinds_of(classes):
            need = " or ".join(f"a kind of {each.__name__}" for each in classes)
            why = _why_not(cls) or "another class has this name now, or it is no such kind"
            raise WrongType("", f"{need} that documents can hold", f"{name_of(cls)} ({why})")
        return known().write(value)

    def read(value: Any, kind: Any) -> Any:
        return known().read(value, kind)

    def explain(value: Any, path: str, faults: list[RuleViolation]) -> Any:
        module = _not_imported(value)
        if module is None:
            return known().explain(value, path, faults)
        names = ", ".join(map(name_of, kinds_of(classes)))
        need = f"one of {names}, or a class whose module is imported (import {cut(module)} first)"
        faults.append(RuleViolation(f"{path}.type", need, as_json(value["type"])))
        return None

    def schema(definitions: Definitions) -> dict[str, Any]:
        return known().schema(definitions)

    return Codec(write, read, explain, schema)


def _not_imported(value: object) -> str | None:
    """Return the module of the class that an object says it is of, if it is not imported."""
    name = value.get("type") if type(value) is dict else None
    module = name.rpartition(".")[0] if isinstance(name, str) else ""
    if module in sys.modules or not all(part.isidentifier() for part in module.split(".")):
        return None
    return module
