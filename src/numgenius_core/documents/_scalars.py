"""How each type of field is written in JSON, read back, and described.

A *codec* is made from a type hint, once: what writes a value, what reads one fast, what finds every
fault of one that the fast reader refused, and what the JSON Schema says of it. The hints of a class
are all that it needs, so a new class of ours has a codec as soon as it exists.

Our readings (``documents._convert`` has the whole of them): numbers that may have a fraction are
text, exact (``"0.4"``, and ``"1/3"`` where no decimal is exact); whole numbers are JSON numbers
that 64 bits hold; an instant is ISO 8601 in UTC, and read with another offset as well; a duration
is ISO 8601 in seconds (``"PT3600S"``). Where a field may have one of several prices, its text has
the unit: ``"0.4 $/hour"``. Where it may have one of several classes, the object says which:
``"type"``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from enum import Enum
from fractions import Fraction
from functools import cache, lru_cache, partial
from itertools import islice
from math import gcd
from typing import Any, Final

from attrs import NOTHING, frozen

from numgenius_core._checks import (
    BOUNDS,
    MANY_FAULTS,
    MAX_DEPTH,
    MAX_GPUS,
    check_id,
    number_need,
    plain_json,
)
from numgenius_core._numbers import (
    LONGEST_SHARE,
    PICO,
    PRICE_PLACES,
    as_fraction_of_ten,
    whole_seconds,
)
from numgenius_core._terms import PARTS
from numgenius_core.errors import RuleViolation, WrongType, cut, shown
from numgenius_core.ids import ContractId, MachineId, OfferId, VolumeId
from numgenius_core.intervals import parse_instant
from numgenius_core.money import TICKS_PER_DOLLAR, TICKS_PER_STEP, ZERO, Money
from numgenius_core.rates import MAX_RATE, PerGb, PerGbMonth, PerGpuHour, PerHour, Rate

MAX_WHOLE: Final = 2**63 - 1
"""Largest whole number of a document, and with a minus the smallest: what 64 bits hold."""

Write = Callable[[Any], Any]
"""Makes JSON of a value."""
Read = Callable[[Any, Any], Any]
"""Makes a value of JSON; the second argument is its type, which cattrs passes."""
Explain = Callable[[Any, str, list[RuleViolation]], Any]
"""Makes a value of JSON at a path; adds every fault of it to the list."""

_IDS: Final[tuple[object, ...]] = (MachineId, OfferId, ContractId, VolumeId)
_KINDS: Final = (PerGpuHour, PerHour, PerGbMonth, PerGb)
_MAX_STEPS: Final = MAX_RATE * MAX_GPUS * PICO  # of the dearest machine
_MAX_DOLLARS: Final = 10**30
"""Largest amount of a document. Only so much is taken at a time (``MAX_MONEY``), but a market adds
it up: a balance, all that was ever paid in, the traffic of an instance at the dearest price."""
_MAX_TICKS: Final = _MAX_DOLLARS * TICKS_PER_DOLLAR
_LONGEST_DECIMAL: Final = 10**20 * PICO  # in price steps
_RATIO: Final = re.compile(r"(-?[0-9]{1,200})/([1-9][0-9]{0,199})", re.ASCII)
_SECONDS: Final = re.compile(  # up to the longest timedelta: 86,399,999,999,999 seconds
    r"PT([0-9]{1,13}|[0-7][0-9]{13}|8[0-5][0-9]{12}|86[0-3][0-9]{11})S", re.ASCII
)
_MAX_SECONDS: Final = timedelta.max // timedelta(seconds=1)
# A fraction of zeros is one that JavaScript writes.
_INSTANT: Final = re.compile(
    r"(?!0000)[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
    r"(\.0{1,6})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])",
    re.ASCII,
)
_DECIMAL: Final = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,40})?", re.ASCII)
_PARTS_PLACES: Final = 9
_PARTS: Final = re.compile(r"0(\.[0-9]{1,9})?|1(\.0{1,9})?", re.ASCII)
_PRICE: Final = re.compile(r"[0-9]{1,20}(\.[0-9]{1,12})?", re.ASCII)


class Definitions(dict[tuple[type, str], Any]):
    """The JSON Schemas of classes by what there is of them: a part, tagged, or a whole document.

    Attributes:
        one_of: Whether one of several classes is a ``oneOf``, which generators of code read.
    """

    def __init__(self, *, one_of: bool = False) -> None:
        super().__init__()
        self.one_of: bool = one_of


@frozen
class Codec:
    """How the values of one type stand in a document.

    Attributes:
        write: Makes JSON of a value.
        read: Makes a value of JSON, fast; raises at the first fault.
        explain: Makes a value of JSON, slowly; collects all faults.
        schema: Returns the JSON Schema of it, and adds what that refers to to the definitions.
    """

    write: Write
    read: Read
    explain: Explain
    schema: Callable[[Definitions], dict[str, Any]]


def scalar_codec(kind: object, path: str) -> Codec:
    """Return the codec of a type whose values are one JSON value, or one of several such types.

    Args:
        kind: The type, or a tuple of prices and the numbers beside them.
        path: What messages call it.

    Raises:
        WrongType: It has no codec in JSON.
    """
    if isinstance(kind, tuple) or kind is Rate:
        return _mixed(kind if isinstance(kind, tuple) else (Rate,), path)
    kind = kind if kind in _SCALARS else getattr(kind, "__supertype__", kind)
    if kind in _SCALARS:
        return _SCALARS[kind]
    if isinstance(kind, type) and issubclass(kind, Rate):
        return _rate(kind)  # a price of a later room's, such as that of electricity
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _enum(kind, path)
    raise WrongType(path, "a type that a document can hold", shown(kind))


def refusal(value: object, path: str, need: str) -> RuleViolation:
    """Return the fault of a value: ``WrongType``, unless it is text, which may be any text."""
    return (RuleViolation if isinstance(value, str) else WrongType)(path, need, shown(value))


def as_json(value: object) -> str:
    """Return what came as JSON spells it, cut to what fits: who sent it need not know Python.

    What is not there is nothing, which is told from ``null``.
    """
    if value is NOTHING:
        return "nothing"
    try:
        text = json.dumps(value, ensure_ascii=False)
        return cut(text if text.isprintable() else json.dumps(value))
    except (TypeError, ValueError, RecursionError):  # of data that came from no JSON
        return shown(value)


def as_sent(fault: RuleViolation, value: object, sent: object) -> str:
    """Return what a fault says that came, in the words of JSON if it is the value that came.

    Args:
        fault: The fault.
        value: What was refused.
        sent: What the document has for it.
    """
    return as_json(sent) if fault.got in {shown(value), shown(sent)} else fault.got


def _scalar(write: Write, read: Read, **schema: Any) -> Codec:
    """Return the codec of a type whose one reader says by its error what is wrong."""
    bare = getattr(read, "__wrapped__", read)  # lru_cache refuses what cannot be hashed

    def explain(value: Any, path: str, faults: list[RuleViolation]) -> Any:
        try:
            return bare(value, None)
        except RuleViolation as fault:
            faults.append(type(fault)(path, fault.need, as_sent(fault, value, value)))

    return Codec(write, read, explain, lambda _: dict(schema))


# -- whole numbers, truths, text ---------------------------------------------------------------


@cache
def whole_codec(least: int, most: int) -> Codec:
    """Return the codec of whole numbers between bounds, which the schema says, too."""

    def read(value: Any, _: Any = None) -> int:
        if type(value) is int and least <= value <= most:
            return value
        error = RuleViolation if type(value) is int else WrongType
        raise error("", f"a whole number from {least:,} to {most:,}", shown(value))

    return _scalar(read, read, type="integer", minimum=least, maximum=most)


def _truth(value: Any, _: Any = None) -> bool:
    if type(value) is bool:
        return value
    raise WrongType("", "true or false", shown(value))


def _text(value: Any, _: Any = None) -> str:
    if type(value) is not str:
        raise WrongType("", "text", shown(value))
    if not value.isascii() and any("\ud800" <= char <= "\udfff" for char in value):
        raise RuleViolation("", "text without lone surrogates", shown(value))
    return value


# -- exact numbers -----------------------------------------------------------------------------


def _decimal(number: int, places: int) -> str:
    """Return ``number / 10**places`` in plain digits, without trailing zeros."""
    whole, part = divmod(abs(number), 10**places)
    sign = "-" if number < 0 else ""
    return f"{sign}{whole}.{part:0{places}}".rstrip("0") if part else f"{sign}{whole}"


def _digits(value: str, form: re.Pattern[str], need: str, sign: str) -> tuple[int, int]:
    """Return ``(n, p)`` with ``value == n / 10**p``, of text in the form that the schema tells."""
    found = as_fraction_of_ten(value, "", need)
    if form.fullmatch(value) is None:
        raise RuleViolation("", f"{need}, without a {sign}", shown(value))
    return found


# Discounts and prices repeat all over a market, so their texts are remembered, one way and the
# other (typed: the reader must not take True for what it remembers of 1).
@lru_cache(maxsize=16_384)
def _share_text(numerator: int, denominator: int) -> str:
    if max(abs(numerator), denominator) >= LONGEST_SHARE:
        raise RuleViolation("", "a fraction of at most 200 digits each", shown(denominator))
    if 10**PRICE_PLACES % denominator or abs(numerator) >= 10**20:  # longer than decimals may be
        return f"{numerator}/{denominator}"
    return _decimal(numerator * (10**PRICE_PLACES // denominator), PRICE_PLACES)


def _write_share(value: Fraction | int) -> str:
    return _share_text(value.numerator, value.denominator)


@lru_cache(maxsize=16_384, typed=True)
def _share(value: Any, _: Any = None) -> Fraction:
    need = "an exact number as text, such as '0.4' or '1/3'"
    if not isinstance(value, str):
        raise WrongType("", need, shown(value))
    if match := _RATIO.fullmatch(value):
        return Fraction(int(match[1]), int(match[2]))
    number, places = _digits(value, _DECIMAL, need, "plus")
    return Fraction(number, 10**places)


@lru_cache(maxsize=16_384)
def _write_parts(parts: int) -> str:
    if type(parts) is not int or not 0 <= parts <= PARTS:
        raise RuleViolation("", f"whole parts of a share, 0 to {PARTS:,}", shown(parts))
    return _decimal(parts, _PARTS_PLACES)


@lru_cache(maxsize=16_384, typed=True)
def _parts(value: Any, _: Any = None) -> int:
    need = f"a share as text, from 0 to 1, at most {_PARTS_PLACES} decimals"
    if not isinstance(value, str):
        raise WrongType("", need, shown(value))
    if _PARTS.fullmatch(value) is None:
        raise RuleViolation("", need, shown(value))
    whole, part = (value + ".").split(".")[:2]
    return int(whole) * PARTS + int(part.ljust(_PARTS_PLACES, "0"))


@cache
def parts_codec() -> Codec:
    """Return the codec of a share that is kept in whole parts of 10⁻⁹: it is text like others."""
    pattern = f"^({_PARTS.pattern})$"
    return _scalar(_write_parts, _parts, type="string", pattern=pattern)


def _write_money(value: Money) -> str:
    ticks = value.ticks
    if abs(ticks) > _MAX_TICKS:
        raise RuleViolation("", f"dollars up to {_MAX_DOLLARS:,}", shown(value))
    steps, rest = divmod(ticks, TICKS_PER_STEP)
    if not rest and abs(steps) < _LONGEST_DECIMAL:
        return _decimal(steps, PRICE_PLACES)
    # Finer than a pico-dollar, as a second of disk may be, no decimal is exact; and none is longer
    # than 20 digits before the point. A fraction is both.
    common = gcd(ticks, TICKS_PER_DOLLAR)
    return f"{ticks // common}/{TICKS_PER_DOLLAR // common}"


def _money(value: Any, _: Any = None, most: int = _MAX_DOLLARS) -> Money:
    need = f"dollars as text up to {most:,}, exact to a tick"
    if value == "0":  # most amounts of an instance that is over
        return ZERO
    if not isinstance(value, str):
        raise WrongType("", need, shown(value))
    if match := _RATIO.fullmatch(value):
        ticks, rest = divmod(int(match[1]) * TICKS_PER_DOLLAR, int(match[2]))
    else:
        number, places = _digits(value, _DECIMAL, need, "plus")
        ticks, rest = divmod(number * TICKS_PER_DOLLAR, 10**places)
    if rest or abs(ticks) > most * TICKS_PER_DOLLAR:
        raise RuleViolation("", need, shown(value))
    return Money.from_ticks(ticks)


@cache
def money_codec(most: int = _MAX_DOLLARS) -> Codec:
    """Return the codec of amounts up to so many dollars."""
    read = _money if most == _MAX_DOLLARS else partial(_money, most=most)
    pattern = f"^({_DECIMAL.pattern}|{_RATIO.pattern})$"
    return _scalar(_write_money, read, type="string", pattern=pattern, description="Dollars")


@lru_cache(maxsize=16_384)
def _steps_text(steps: int) -> str:
    if not 0 <= steps <= _MAX_STEPS:
        raise RuleViolation("", f"a price up to {_MAX_STEPS // PICO:,}", shown(steps))
    return _decimal(steps, PRICE_PLACES)


def _write_rate(value: Rate) -> str:
    return _steps_text(value.steps)


def _rate_of(kind: type[Rate], value: Any, _: Any = None) -> Rate:
    need = f"{kind.UNIT} as text, from 0 to {_MAX_STEPS // PICO:,}, at most 12 decimals"
    if not isinstance(value, str):
        raise WrongType("", need, shown(value))
    number, places = _digits(value, _PRICE, need, "sign")
    steps, rest = divmod(number * PICO, 10**places)
    if rest or not 0 <= steps <= _MAX_STEPS:
        raise RuleViolation("", need, shown(value))
    return kind.from_steps(steps)


def _rate(kind: type[Rate]) -> Codec:
    bare = partial(_rate_of, kind)
    read: Any = lru_cache(maxsize=16_384, typed=True)(bare)
    read.__wrapped__ = bare
    unit = f"Dollars, {kind.UNIT}"
    return _scalar(
        _write_rate, read, type="string", pattern=f"^{_PRICE.pattern}$", description=unit
    )


# -- time --------------------------------------------------------------------------------------


def _write_instant(value: datetime) -> str:
    return value.isoformat()[:19] + "Z"  # every instant of ours is in UTC


def _instant(value: Any, _: Any = None) -> datetime:
    # As documents have it: built from ISO text in C. Other offsets go the long way.
    if type(value) is str and value[4::3] == "--T::Z" and len(value) == 20 and value[11:13] < "24":
        try:
            return datetime.fromisoformat(value)
        except ValueError:  # the 30th of February, say
            pass
    found = parse_instant(value, "")  # which takes more: what people type
    if _INSTANT.fullmatch(value) is None:
        need = "an ISO 8601 time such as '2026-01-06T00:00:00Z', with Z or an offset"
        raise RuleViolation("", need, shown(value))
    return found


def _write_duration(value: timedelta) -> str:
    return f"PT{whole_seconds(value)}S"


def _duration(value: Any, _: Any = None) -> timedelta:
    match = _SECONDS.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        need = f"a duration in seconds such as 'PT3600S', at most {_MAX_SECONDS:,}"
        raise refusal(value, "", need)
    return timedelta(seconds=int(match[1]))


# -- names, and one of several -----------------------------------------------------------------


def _enum(kind: type[Enum], path: str) -> Codec:
    members = {member.value: member for member in kind}
    if not all(isinstance(word, str) for word in members):
        raise WrongType(path, "an Enum whose values are text", shown(kind))
    words = {member: member.value for member in kind}

    def read(value: Any, _: Any = None) -> Enum:
        if type(value) is str and value in members:
            return members[value]
        raise refusal(value, "", "one of " + ", ".join(members))

    return _scalar(words.__getitem__, read, enum=list(members))


def _mixed(kinds: tuple[type, ...], path: str) -> Codec:
    """Return the codec of one of several prices (text with its unit), and a share or an int."""
    known = [rate for kind in kinds for rate in (_KINDS if kind is Rate else (kind,))]
    rates: dict[str, Codec] = {k.UNIT: _SCALARS[k] for k in known if issubclass(k, Rate)}
    others = {k: _SCALARS[k] for k in known if k in {Fraction, int, Money}}
    if len(rates) + len(others) < len(known) or len(others.keys() - {int}) > 1:
        raise WrongType(path, "prices, and a whole number, a share or Money", shown(kinds))
    text = next((codec for kind, codec in others.items() if kind is not int), None)
    need = "an exact number as text" + (", with " + " or ".join(rates) if rates else "")

    def write(value: Any) -> Any:
        if isinstance(value, Rate):
            return f"{rates[value.UNIT].write(value)} {value.UNIT}"
        return others[type(value)].write(value)

    def read(value: Any, _: Any = None) -> Any:
        if type(value) is int and int in others:
            return others[int].read(value, None)
        if type(value) is not str:
            raise WrongType("", need, shown(value))
        amount, blank, unit = value.partition(" ")
        if unit in rates:
            return rates[unit].read(amount, None)
        if text is None or blank:
            raise RuleViolation("", need, shown(value))
        return text.read(amount, None)

    patterns: list[dict[str, Any]] = [
        {"type": "string", "pattern": f"^{_PRICE.pattern} {unit.replace('$', chr(92) + '$')}$"}
        for unit in rates
    ]
    patterns += [codec.schema(Definitions()) for codec in others.values()]
    return _scalar(write, read, anyOf=patterns)


# -- any JSON ----------------------------------------------------------------------------------


def object_fault(value: object, path: str, need: str = "a JSON object") -> WrongType:
    """Return the fault of what is no JSON object."""
    return WrongType(path, need, as_json(value))


def any_object() -> Codec:
    """Return the codec of a mapping from text to any JSON, kept as it is."""

    def checked(value: Any, _: Any = None) -> dict[str, Any]:
        for fault in _object_faults(value, "", 1):
            raise fault
        return plain_json(value)

    def explain(value: Any, path: str, faults: list[RuleViolation]) -> Any:
        found = list(islice(_object_faults(value, path, 1), MANY_FAULTS))
        faults += found
        return None if found else plain_json(value)

    return Codec(checked, checked, explain, lambda _: {"type": "object"})


def _object_faults(value: Any, path: str, depth: int) -> Iterator[RuleViolation]:
    """Yield what in an object JSON cannot have: keys that are no text, NaN, lone surrogates."""
    if not isinstance(value, Mapping):
        yield object_fault(value, path)
        return
    for key, inner in value.items():
        where = f"{path}[{shown(key)}]"
        yield from _text_faults(key, where)
        yield from _json_faults(inner, where, depth + 1)


def _json_faults(value: Any, path: str, depth: int) -> Iterator[RuleViolation]:
    if isinstance(value, Mapping) or type(value) is list or type(value) is tuple:
        if depth > MAX_DEPTH:
            yield RuleViolation(path, f"JSON at most {MAX_DEPTH} levels deep", "deeper nesting")
        elif isinstance(value, Mapping):
            yield from _object_faults(value, path, depth)
        else:
            for index, inner in enumerate(value):
                yield from _json_faults(inner, f"{path}[{index}]", depth + 1)
    elif type(value) in {int, float}:
        if (need := number_need(value)) is not None:
            yield RuleViolation(path, need, as_json(value))
    elif value is not None and type(value) is not bool:
        yield from _text_faults(value, path)


def _text_faults(value: Any, path: str) -> Iterator[RuleViolation]:
    try:
        _text(value)
    except RuleViolation as fault:
        yield type(fault)(path, fault.need, as_sent(fault, value, value))


_SCALARS: Final[Mapping[object, Codec]] = {
    int: whole_codec(-MAX_WHOLE, MAX_WHOLE),
    **dict.fromkeys(_IDS, whole_codec(*BOUNDS[check_id])),
    bool: _scalar(_truth, _truth, type="boolean"),
    str: _scalar(_text, _text, type="string"),
    Fraction: _scalar(
        _write_share, _share, type="string", pattern=f"^({_DECIMAL.pattern}|{_RATIO.pattern})$"
    ),
    Money: money_codec(),
    datetime: _scalar(
        _write_instant,
        _instant,
        type="string",
        format="date-time",
        pattern=f"^{_INSTANT.pattern}$",
    ),
    timedelta: _scalar(_write_duration, _duration, type="string", pattern=f"^{_SECONDS.pattern}$"),
    **{kind: _rate(kind) for kind in _KINDS},
}
