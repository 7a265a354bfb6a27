"""What stands in for a field that is wrong, so that the faults of the others are found as well.

A class checks its fields when it is made, and stops at the first that it refuses. To see what else
is wrong, something that it takes has to stand there instead. Nobody knows what was meant, so what
is refused beside it is a fault only if it is one whatever stands there: an end that is before a
start may be right, if the start is what is wrong.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from enum import Enum
from fractions import Fraction
from functools import cache
from inspect import isabstract
from types import NoneType, UnionType
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

from attrs import NOTHING, evolve, fields, has

from numgenius_core.errors import RuleViolation
from numgenius_core.money import ZERO, Money
from numgenius_core.rates import PerHour, Rate

_TRIES: Final = 64
"""Times that a class is made."""
_KNOWN: Final[Mapping[Any, tuple[Any, ...]]] = {
    int: (1, 0, 2, 8, 64, 4_096, 10**9),
    str: ("x", "UTC", "y"),
    bool: (False, True),
    Fraction: (Fraction(0), Fraction(1, 2), Fraction(99_999, 100_000), Fraction(1)),
    Money: (ZERO, Money(1), Money(10**6)),
    datetime: tuple(datetime(year, 1, 1, tzinfo=UTC) for year in (1970, 2026, 2200)),
    timedelta: (timedelta(0), timedelta(hours=1), timedelta(days=365)),
}
"""Of the types of fields, from small to large."""


def within(fault: RuleViolation) -> str:
    """Return where in a class something is wrong, without its own word for itself."""
    return fault.path.partition(".")[2] or fault.path


def field_of(fault: RuleViolation) -> str:
    """Return the field that a class refuses."""
    return within(fault).partition(".")[0].partition("[")[0]


def faults_of(cls: type, found: Mapping[str, Any], wrong: Iterable[str]) -> list[RuleViolation]:
    """Return what a class refuses of its fields, whatever stands in for those that are wrong.

    Args:
        cls: The class.
        found: The values of fields that may be right, by their names.
        wrong: The fields that are known to be wrong.
    """
    return _tried(cls, found, wrong)[0]


def _tried(
    cls: type, found: Mapping[str, Any], wrong: Iterable[str]
) -> tuple[list[RuleViolation], Any]:
    """Return what a class refuses, one after the other, and its value in the end, if there is one.

    In the place of what it refuses stands something else then, until it is taken.
    """
    given: dict[str, Any] = dict(found)
    faults: list[RuleViolation] = []
    others = {name: iter(_others(cls, name, found)) for name in wrong}
    again = list(others)
    for _ in range(_TRIES):
        for name in again:
            given[name] = next(others[name], NOTHING)
            if given[name] is NOTHING:
                return faults, None
        try:
            return faults, cls(**given)
        except RuleViolation as fault:
            name = field_of(fault)
            if name not in others:
                if not _depends(cls, given, fault, others):
                    faults.append(fault)
                if name not in found:  # it is about several fields, or about one that is not there
                    return faults, None
                others[name] = iter(_others(cls, name, found))
            again = [name]
        except Exception:  # noqa: BLE001 - whatever it raises beside what stands in for others
            return faults, None
    return faults, None


def _depends(
    cls: type, given: dict[str, Any], fault: RuleViolation, others: Collection[str]
) -> bool:
    """Return whether a fault may be none, or another, with something else in other fields."""
    for changes in _changes(cls, given, others):
        try:
            cls(**{**given, **changes})
        except RuleViolation as found:
            if str(found) != str(fault) and field_of(found) not in changes:
                return True
        except Exception:  # noqa: BLE001 - nobody knows what it would have said
            return True
        else:
            return True
    return False


def _changes(cls: type, given: dict[str, Any], others: Collection[str]) -> Iterator[dict[str, Any]]:
    """Yield what else may stand in other fields: in each of them alone, and in all at once."""
    some = {name: tuple(_others(cls, name, given)) for name in others}
    for name, values in some.items():
        yield from ({name: value} for value in values)
    for number in range(max(map(len, some.values()), default=0)):
        yield {name: values[number % len(values)] for name, values in some.items() if values}


def _others(cls: type, name: str, given: Mapping[str, Any]) -> Iterable[Any]:
    """Return what may stand in for a field: its default, what a field like it has, and a few."""
    hints = _hints(cls)
    [default] = [each.default for each in fields(cls) if each.name == name]
    plain = [] if default is NOTHING or hasattr(default, "factory") else [default]
    near = [given[each] for each in given if each != name and hints[each] == hints[name]]
    return (*plain, *_some(hints[name]), *near)


_hints = cache(get_type_hints)


@cache
def _some(hint: Any) -> tuple[Any, ...]:
    hint = getattr(hint, "__supertype__", hint)
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        nothing = [None] if NoneType in arguments else []
        return (
            *nothing,
            *(each for kind in arguments if kind is not NoneType for each in _some(kind)),
        )
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return ({},)
    if origin is tuple and arguments[1:] != (Ellipsis,):
        return tuple(zip(*map(_some, arguments), strict=False))
    if origin in (tuple, frozenset, Sequence):
        kind: Any = frozenset if origin is frozenset else tuple
        one = _some(arguments[0])
        return (kind(), *(kind([each]) for each in one), kind(one))
    if isinstance(hint, type) and issubclass(hint, Enum):
        return tuple(hint)
    if isinstance(hint, type) and issubclass(hint, Rate):
        rate = PerHour if hint is Rate else hint
        return (rate(0), rate(1), rate(1_000))
    if isinstance(hint, type) and has(hint):
        return tuple(_made(hint))
    return _KNOWN.get(hint, ())


def _made(cls: type) -> Iterator[Any]:
    """Yield a value of a class, of what its fields may be, and those with one of them replaced."""
    required = [each.name for each in fields(cls) if each.init and each.default is NOTHING]
    made = None if isabstract(cls) else _tried(cls, {}, required)[1]
    if made is None:
        return
    yield made
    for name in required:
        for value in _others(cls, name, {}):
            with suppress(Exception):
                yield evolve(made, **{name: value})
