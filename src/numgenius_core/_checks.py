"""Checks of what comes in: each refuses a bad value in our words, with its path.

Values are checked where they enter, once. Inside the rules nothing is checked again.
"""

from __future__ import annotations

import math
from abc import ABCMeta
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Final, NoReturn, TypeGuard, TypeVar

from attrs import has

from numgenius_core._numbers import whole_number
from numgenius_core.errors import RuleViolation, WrongType, shown

_T = TypeVar("_T")
MAX_ID: Final = 2**63 - 1
_WHOLE_SECOND: Final = "a whole second (or use floor_second)"
MAX_GPUS: Final = 4_096
"""GPUs of the largest machine taken."""
MANY_FAULTS: Final = 100
"""With so many, a document is read no further: whatever its length, its refusal takes no time."""
MAX_DEPTH: Final = 64
"""Deepest nesting of a JSON document; an object in no other is one level deep."""
MAX_DIGITS: Final = 300
"""Longest number of a JSON document, in characters; without an exponent it is finite."""
KT = TypeVar("KT")
VT = TypeVar("VT")
_CONTAINERS: Final = frozenset({dict, list})
_TEXTS: Final = (str, bytes, bytearray)
_TOO_LONG: Final = 10**MAX_DIGITS


def check_id(value: object, path: str) -> int:
    """Return an id, a whole number from 0 to 2⁶³ − 1, and refuse what is none."""
    if type(value) is int and 0 <= value <= MAX_ID:
        return value
    return whole_number(value, path, 0, MAX_ID)


def keep_id(holder: object, name: str, path: str) -> None:
    """Check an id that a value has just been given, and keep it as an ``int``."""
    given = getattr(holder, name)
    if type(given) is not int or not 0 <= given <= MAX_ID:
        object.__setattr__(holder, name, check_id(given, path))


BOUNDS: Final[dict[Any, tuple[int, int]]] = {check_id: (0, MAX_ID)}
"""From where to where the whole numbers go that a check takes: what a document's schema says."""
MOST_DOLLARS: Final[dict[Any, int]] = {}
"""The largest amount that a check takes, where it is less than what documents hold."""


def check_text(value: object, path: str, longest: int = 200, *, empty: bool = False) -> None:
    """Refuse what is no printable text of 1 to ``longest`` characters; some may be empty."""
    if type(value) is not str:  # a subclass may say another text than it holds
        raise other_kind(value, (str,), path, "text")
    if not (value or empty) or len(value) > longest or not value.isprintable():
        count = f"at most {longest}" if empty else f"1 to {longest}"
        raise RuleViolation(path, f"{count} printable characters", shown(value))


def check_min_gpu(min_gpu: int, gpus: int, path: str = "min_gpu", hint: str = "") -> int:
    """Return a ``min_gpu``, and refuse a ``min_gpu`` that the library does not list (G5).

    ``hint`` says how another one is taken, where it is.

    Raises:
        WrongType: It is no integer.
        RuleViolation: It is no power of two, or larger than the machine.
    """
    min_gpu = whole_number(min_gpu, path, 1)
    if min_gpu & (min_gpu - 1):
        raise RuleViolation(path, "a power of two" + hint, str(min_gpu))
    if min_gpu > gpus:
        raise RuleViolation(path, f"at most the machine's {gpus} GPUs{hint}", str(min_gpu))
    return min_gpu


def check_kind(value: object, kind: type, path: str) -> None:
    """Refuse a value that is not of the class ``kind``.

    A value of ours is of the class itself: a class derived from it could hold what the rules never
    checked, and no document has it. Classes that are made to be derived from take all that do.
    """
    if type(value) is kind or (isinstance(value, kind) and not _is_closed(kind)):
        return
    article = "an" if kind.__name__[0] in "AEIOaeio" else "a"
    need = f"{article} {kind.__name__}"
    if issubclass(kind, Enum):
        need += f": {', '.join(map(str, kind))}"
    raise other_kind(value, (kind,), path, need)


def other_kind(value: object, kinds: Collection[type], path: str, need: str) -> WrongType:
    """Return the refusal of what is of none of some classes; it may be of one derived from them."""
    base = next((each for each in type(value).__mro__ if each in kinds), None)
    if base is None:
        return WrongType(path, need, shown(value))
    got = f"{type(value).__name__}, derived from {base.__name__}"
    return WrongType(path, f"{need} itself", got)


def check_callable(value: object, path: str, need: str = "a function") -> None:
    """Refuse what is no function where one may be given, or ``None``."""
    if value is not None and not callable(value):
        raise WrongType(path, need, shown(value))


def _is_closed(kind: type) -> bool:
    return has(kind) and not issubclass(type(kind), ABCMeta)


def utc(value: datetime, path: str = "instant") -> datetime:
    """Return an instant in UTC.

    Args:
        value: A ``datetime`` with any time zone, on a whole second; one of a derived class, such
            as ``pandas.Timestamp``, comes back as a plain ``datetime``.
        path: What messages call it.

    Raises:
        WrongType: It is no ``datetime``.
        RuleViolation: It has no time zone, a fraction of a second (see :func:`floor_second`), or
            leaves the years 1 to 9999 in UTC.

    >>> from datetime import datetime, timedelta, timezone
    >>> from numgenius_core.intervals import utc
    >>> print(utc(datetime(2026, 3, 1, 9, tzinfo=timezone(timedelta(hours=2)))))
    2026-03-01 07:00:00+00:00
    """
    if not isinstance(value, datetime):
        raise WrongType(path, "a datetime with a time zone", shown(value))
    if type(value) is not datetime:
        derived, value = value, plain_instant(value, path)
        if value != derived:  # it has nanoseconds, say
            raise RuleViolation(path, _WHOLE_SECOND, shown(derived))
    if value.tzinfo is UTC and not value.microsecond:
        return value
    instant = in_utc(value, path)
    if instant.microsecond:  # asked in UTC: an offset may have a fraction of a second too
        raise RuleViolation(path, _WHOLE_SECOND, str(value))
    return instant


def in_utc(value: datetime, path: str = "instant") -> datetime:
    """Return a plain ``datetime`` in UTC, with its fraction of a second.

    Raises:
        RuleViolation: It has no time zone or leaves the years 1 to 9999 in UTC.
    """
    if value.tzinfo is None or value.utcoffset() is None:
        raise RuleViolation(path, "a datetime with a time zone", str(value))
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise RuleViolation(path, "a date within years 1 to 9999 in UTC", str(value)) from None


def plain_instant(value: datetime, path: str = "instant") -> datetime:
    """Return what an instant of a class derived from ``datetime`` says in microseconds.

    Raises:
        RuleViolation: It says nothing, as pandas' ``NaT`` does.
    """
    try:
        return datetime(  # noqa: DTZ001 - it has the zone that the value has, if any
            *(value.year, value.month, value.day, value.hour, value.minute, value.second),
            value.microsecond,
            value.tzinfo,
            fold=value.fold,
        )
    except (TypeError, ValueError):
        raise RuleViolation(path, "a datetime with a time zone", shown(value)) from None


def is_series(value: object) -> TypeGuard[Iterable[Any]]:
    """Return whether something is a series of values.

    A text is none, though Python goes over its characters: "12" would be the two values 1 and 2.
    """
    return isinstance(value, Iterable) and not isinstance(value, _TEXTS)


def as_tuple(values: Iterable[_T], path: str) -> tuple[_T, ...]:
    """Return values as a tuple.

    Raises:
        WrongType: They are no series.
    """
    if not is_series(values):
        name = getattr(type(values), "_series", None)  # of what was read, where its values stand
        hint = "" if name is None else f" (give its .{name})"
        if isinstance(values, _TEXTS):
            hint = ", such as a list: a text is one value"
        need = f"a series of values{hint}"
        raise WrongType(path, need, shown(values))
    return tuple(values)


def told(error: Exception | None) -> tuple[type, str] | None:
    """Return what makes two refusals the same: their kind and what they say."""
    return None if error is None else (type(error), str(error))


def all_told(errors: Iterable[Exception]) -> tuple[tuple[type, str] | None, ...]:
    """Return what makes two series of refusals the same."""
    return tuple(map(told, errors))


# -- what a value holds and nobody changes ----------------------------------------------------


class ReadOnly(dict[KT, VT]):
    """A mapping that a value holds: it refuses every change; ``dict(…)`` makes one that takes them.

    A value that held its caller's own dict would change with it. This is a ``dict`` still, so it
    compares, prints and goes to ``json.dumps`` as one.

    >>> from numgenius_core import PerHour
    >>> from numgenius_core.bids import AuctionResult
    >>> AuctionResult(runners=(), payments={7: PerHour(1)}).payments.clear()
    Traceback (most recent call last):
    numgenius_core.errors.WrongType: mapping: need a copy to change (dict(…)), got a value's own
    """

    __slots__ = ()

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise WrongType("mapping", "a copy to change (dict(…))", "a value's own")

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __hash__(self) -> int:  # type: ignore[override]  # a dict has none: it changes
        return hash(frozenset(self.items()))

    def __copy__(self) -> ReadOnly[KT, VT]:
        return self

    def __deepcopy__(self, _: object) -> ReadOnly[KT, VT]:
        return self

    def __reduce__(self) -> tuple[type[ReadOnly[KT, VT]], tuple[dict[KT, VT]]]:
        return ReadOnly, (dict(self),)


def read_only(entries: Mapping[Any, Any]) -> Mapping[Any, Any]:
    """Return a mapping as one that nobody can change: a copy, unless it is one."""
    if type(entries) is ReadOnly:
        return entries
    if not isinstance(entries, Mapping):
        raise WrongType("mapping", "a mapping", shown(entries))
    return ReadOnly(entries)


def read_only_json(value: Mapping[str, Any], path: str) -> ReadOnly[str, Any]:
    """Return a JSON object as it is held: objects inside are read-only too, lists are tuples.

    Raises:
        WrongType: It is no mapping, or something in it is nothing that JSON has.
        RuleViolation: A number that no double holds or that is longer than JSON of ours has, a lone
            surrogate, or nesting that is too deep.
    """
    if not isinstance(value, Mapping):
        raise WrongType(path, "a JSON object", shown(value))
    return _object(value, path, 1)


def number_need(value: float) -> str | None:
    """Return what a JSON number would have to be that this one is not, ``None`` if it is one."""
    if type(value) is int:
        # With its sign, as it is counted where it is read.
        fits = (value if value >= 0 else -10 * value) < _TOO_LONG
        return None if fits else f"a number of at most {MAX_DIGITS} characters"
    return None if math.isfinite(value) else "a number that a double can hold"


def _object(value: Mapping[Any, Any], path: str, depth: int) -> ReadOnly[str, Any]:
    if depth > MAX_DEPTH:
        raise RuleViolation(path, f"JSON at most {MAX_DEPTH} levels deep", "deeper nesting")
    return ReadOnly(
        (_text(key, path), _value(inner, path, key, depth + 1)) for key, inner in value.items()
    )


def _value(value: Any, path: str, key: object, depth: int) -> Any:
    kind = type(value)
    if kind is str:
        return value if value.isascii() else _text(value, f"{path}[{shown(key)}]")
    if value is None or kind is bool:
        return value
    path = f"{path}[{shown(key)}]"
    if kind is int or kind is float:
        if (need := number_need(value)) is not None:
            raise RuleViolation(path, need, shown(value))
        return value
    if isinstance(value, Mapping):
        return _object(value, path, depth)
    if kind is list or kind is tuple:
        if depth > MAX_DEPTH:
            raise RuleViolation(path, f"JSON at most {MAX_DEPTH} levels deep", "deeper nesting")
        return tuple(_value(inner, path, index, depth + 1) for index, inner in enumerate(value))
    raise WrongType(path, "what JSON has", shown(value))


def _text(value: Any, path: str) -> str:
    if type(value) is not str:
        raise WrongType(path, "keys that are text", shown(value))
    if not value.isascii() and any("\ud800" <= char <= "\udfff" for char in value):
        raise RuleViolation(path, "text without lone surrogates", shown(value))
    return value


def of_json(parsed: dict[str, Any]) -> ReadOnly[str, Any]:
    """Return a JSON object that our own reader made as it is held: it was checked when read."""
    # Most of what a record has is text and numbers: one look, and no step for each.
    if _CONTAINERS.isdisjoint(map(type, parsed.values())):
        return ReadOnly(parsed)
    return ReadOnly({k: _held(v) if type(v) in _CONTAINERS else v for k, v in parsed.items()})


def _held(value: Any) -> Any:
    if type(value) is dict:
        return of_json(value)
    return tuple(map(_held, value)) if type(value) is list else value


def plain_json(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return a JSON object that a value holds as a document has it: of new dicts and lists."""
    return {key: _plain(inner) for key, inner in value.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return plain_json(value)
    return list(map(_plain, value)) if type(value) is tuple or type(value) is list else value
