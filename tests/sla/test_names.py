"""What the values of promises call their figures: one name, one unit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta
from fractions import Fraction
from types import UnionType
from typing import Any, Final, get_args, get_origin, get_type_hints

from attrs import fields, frozen, has

import numgenius_core.sla as room
from numgenius_core.money import Money
from numgenius_core.rates import PerHour

UNITS: Final = {Fraction, timedelta, Money, PerHour}


def figures(kind: type) -> Iterator[tuple[str, object]]:
    """Yield the promised fields and properties of a class with their types, ``None`` left out."""
    hints = get_type_hints(kind) if has(kind) else {}
    named = {each.name: hints[each.name] for each in fields(kind)} if has(kind) else {}
    for name, what in vars(kind).items():
        if isinstance(what, property):
            named[name] = get_type_hints(what.fget)["return"]
    for name, hint in named.items():
        if not name.startswith("_"):
            yield from ((name, each) for each in (get_args(hint) if _either(hint) else (hint,)))


def _either(hint: object) -> bool:
    return get_origin(hint) is UnionType


def two_units(kinds: list[type]) -> dict[str, set[str]]:
    """Return the names that are a bare number in one class, and in another one of a unit."""
    found: dict[str, dict[object, set[str]]] = defaultdict(lambda: defaultdict(set))
    for kind in kinds:
        for name, each in figures(kind):
            found[name][each].add(kind.__name__)
    return {
        name: set().union(*classes.values())
        for name, classes in found.items()
        if int in classes and classes.keys() & UNITS
    }


def test_no_name_is_a_bare_number_here_and_has_a_unit_there() -> None:
    """``uptime`` was parts of 10⁻⁹ or a share, ``notice`` seconds or a length of time."""
    kinds: list[Any] = [getattr(room, name) for name in room.__all__]
    assert two_units([kind for kind in kinds if isinstance(kind, type)]) == {}


def test_one_would_be_seen() -> None:
    @frozen
    class Share:
        uptime: Fraction | None

    @frozen
    class Parts:
        uptime: int | None

        @property
        def notice(self) -> int:
            return 0

    assert two_units([Share, Parts]) == {"uptime": {"Share", "Parts"}}
