"""What a promised signature says, whoever wraps it can say, too: each name in it is promised."""

from __future__ import annotations

import ast
import builtins
import inspect
import sys
from collections.abc import Iterator
from functools import cache, cached_property
from importlib import import_module
from types import ModuleType
from typing import Any, Final, ParamSpec, TypeVar

import attrs
import pytest

import numgenius_core
from house import FACES, PACKAGE, load, own_names

PROMISED: Final = [
    *((face, name, getattr(load(face), name)) for face in FACES for name in load(face).__all__),
    *((PACKAGE, name, getattr(numgenius_core, name)) for name in own_names()),
]
MEANT: Final = {id(value) for _, _, value in PROMISED}
OPERATORS: Final = {"__init__", "__add__", "__sub__", "__mul__", "__truediv__", "__iter__"}
MACHINERY: Final = {
    "Due": "what a market is to look at next; `views.until` shows it",
    "Flow": "how money flows while an instance runs; `views.spend_rate` says it",
    "Named": "`str | Column`",
    "Number": "of `plots`: `Exact | float | Money | Rate`",
    "Shown": "a row of `MarketSeries`, which `MarketSeries.read` makes",
    "Sorted": "what a market is to look at next, in order",
    "_Lived": "a `billing.History`, which comes later than `contracts`",
    "Table": "a `Mapping`: who reads a market annotates that",
}
"""Names of ours that nobody has to write, and what to write or to ask instead."""


@cache
def imports_of(module: str) -> dict[str, tuple[str, str]]:
    """Return what a module imports, also for type checkers alone: its name, from where, as what."""
    tree = ast.parse(inspect.getsource(sys.modules[module]))
    found: dict[str, tuple[str, str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {a.asname or a.name: (node.module, a.name) for a in node.names}
        elif isinstance(node, ast.Import):
            found |= {a.asname or a.name.partition(".")[0]: (a.name, "") for a in node.names}
    return found


def is_ours(module: str) -> bool:
    return module.partition(".")[0] == PACKAGE


def meaning(name: str, module: str) -> Any:
    """Return what a name of ours means in a module; ``None`` if it is somebody else's."""
    first, *rest = name.split(".")
    home, attribute = imports_of(module).get(first, (module, first))
    if not is_ours(home):
        return None
    if home == module and first not in vars(sys.modules[module]):
        assert hasattr(builtins, first), f"{name} in {module}"
        return None
    value: Any = import_module(home)
    for each in (attribute, *rest):
        value = getattr(value, each)
    return None if isinstance(value, TypeVar | ParamSpec | ModuleType) else value


def names_in(annotation: str) -> Iterator[str]:
    """Yield the names of an annotation, dots and all, those in quotes among them."""
    waiting: list[ast.AST] = [ast.parse(annotation, mode="eval").body]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Name | ast.Attribute):
            yield ast.unparse(node)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from names_in(node.value)
        elif not (isinstance(node, ast.Subscript) and ast.unparse(node.value) == "Literal"):
            waiting += ast.iter_child_nodes(node)


def signatures(value: Any) -> Iterator[tuple[str, Any, str]]:
    """Yield the annotations of a function, or of what a class shows, and where each is read."""
    if inspect.isclass(value):
        for cls in value.__mro__:
            if is_ours(cls.__module__):
                yield from _of_class(cls)
    elif inspect.isfunction(inspect.unwrap(value)):
        yield from _of_function("", inspect.unwrap(value))


def _of_class(cls: type) -> Iterator[tuple[str, Any, str]]:
    shown = {each.name for each in attrs.fields(cls) if each.init} if attrs.has(cls) else set()
    for name, annotation in inspect.get_annotations(cls).items():
        if name in shown and not name.startswith("_"):
            yield name, annotation, cls.__module__
    for name, member in vars(cls).items():
        if isinstance(member, classmethod | staticmethod):
            member = member.__func__  # noqa: PLW2901 - what it wraps
        elif isinstance(member, property):
            member = member.fget  # noqa: PLW2901 - what it wraps
        elif isinstance(member, cached_property):
            member = member.func  # noqa: PLW2901 - what it wraps
        told = name in OPERATORS and not (name == "__init__" and attrs.has(cls))
        if inspect.isfunction(member) and (told or not name.startswith("_")):
            yield from _of_function(name, member)


def _of_function(name: str, function: Any) -> Iterator[tuple[str, Any, str]]:
    for each in inspect.get_annotations(function).values():
        yield name, each, home_of(function)


def home_of(function: Any) -> str:
    """Return the module of a function; Hypothesis gives strategies one of its own."""
    if function.__module__ in sys.modules:
        return str(function.__module__)
    name = function.__name__
    return next(m for m, known in sys.modules.items() if is_ours(m) and name in vars(known))


def unsaid(value: Any) -> set[str]:
    """Return the names of ours in the signatures of a value that nobody is promised."""
    found = set()
    for member, annotation, module in signatures(value):
        for name in names_in(annotation) if isinstance(annotation, str) else ():
            meant = meaning(name, module)
            if meant is not None and id(meant) not in MEANT:
                found.add(f"{member}: {name}".removeprefix(": "))
    return found


class TestPromisedSignaturesUsePromisedNames:
    """Seen: ``table() -> ResultTable``, and no face has a ``ResultTable`` to annotate with."""

    @pytest.mark.parametrize(
        ("face", "name", "value"), PROMISED, ids=[f"{face}.{name}" for face, name, _ in PROMISED]
    )
    def test_each_can_be_annotated(self, face: str, name: str, value: Any) -> None:
        left = {each for each in unsaid(value) if each.split(": ")[-1] not in MACHINERY}
        assert left == set(), f"{face}.{name}"

    def test_what_need_not_be_said_is_said_somewhere(self) -> None:
        used = {each.split(": ")[-1] for _, _, value in PROMISED for each in unsaid(value)}
        assert used == MACHINERY.keys()

    def test_a_breach_would_be_seen(self) -> None:
        assert set(names_in("Mapping[str, 'a.B | None']")) == {"Mapping", "str", "a.B"}
        assert set(names_in("Literal['x'] | int")) == {"int"}
        here = f"{PACKAGE}.billing.statements"
        assert meaning("Money", here) is numgenius_core.Money
        assert id(meaning("Tabular", here)) not in MEANT
        assert [meaning(each, here) for each in ("int", "Iterable", "datetime")] == [None] * 3
        with pytest.raises(AssertionError, match="Nobody in"):
            meaning("Nobody", here)
