"""Copies of values with some fields changed, for the library's own steps.

``attrs.evolve`` asks for the fields of a class at each call and makes the copy through the public
constructor, which checks what comes in. A step of the market makes a handful of copies of values
that it made itself: here the copying is written out once for each class, and nothing is checked
again.

A frozen value refuses that a field is set, so it begins as a *draft*: an object of a class derived
from its own, with the same slots, whose fields can be set. When all are, the object becomes one of
the class itself, and nobody ever saw it otherwise. That takes a sixth of the time of ``evolve``.
What changes many times before anybody looks stays a draft until then (:func:`drafter`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, Final, TypeVar

from attrs import fields

V = TypeVar("V")
_KEPT: Final = object()


def copier(cls: type[V]) -> Callable[..., V]:
    """Return a function ``(value, **changes)`` that copies a value of an attrs class.

    Fields that the class works out itself (``init=False``) are copied, too, and can be changed.
    """
    names = _names(cls)
    parameters = ", ".join(f"{name}=kept" for name in names)
    head = f"def written(value, *, {parameters}):"
    return _written(cls, head, {n: f"value.{n} if {n} is kept else {n}" for n in names})


def copier_of(cls: type[V], *changed: str) -> Callable[..., V]:
    """Return a function ``(value, …)`` that copies a value with just these fields changed.

    They are given in this order. Which are kept is not asked at each call: half the time of what
    :func:`copier` returns, for the changes that are made all the time.
    """
    head = f"def written(value, {', '.join(changed)}):"
    return _written(cls, head, {n: n if n in changed else f"value.{n}" for n in _names(cls)})


def drafter(draft: type[V], *changed: str) -> Callable[..., V]:
    """Return a function ``(value, …)`` that copies a value, with just these fields changed.

    The copy is a draft, of a class that is derived from the value's so that its fields can be set.
    """
    head = f"def written(value, {', '.join(changed)}):"
    values = {n: n if n in changed else f"value.{n}" for n in _names(draft)}
    return _filling(draft, head, values, last=" return made")  # type: ignore[no-any-return]


@cache
def maker(cls: type[V]) -> Callable[..., V]:
    """Return a function that makes a value of an attrs class from its fields, all of them named.

    Nothing is checked, converted or left out, but for what the class works out itself.
    """
    names = [each.name for each in fields(cls) if each.init]  # type: ignore[arg-type]
    return _written(cls, f"def written({', '.join(names)}):", {n: n for n in names})


def _names(cls: type) -> list[str]:
    return [attribute.name for attribute in fields(cls)]


def _written(cls: type[V], head: str, values: dict[str, str]) -> Callable[..., V]:
    """Return the function of a head that fills each slot with what an expression gives."""
    free = {"__setattr__": object.__setattr__, "__delattr__": object.__delattr__}
    draft: Any = type(f"{cls.__name__}Draft", (cls,), {"__slots__": (), **free})
    last = " made.__class__ = cls\n return made"
    return _filling(draft, head, values, last, cls=cls)  # type: ignore[no-any-return]


def _filling(draft: Any, head: str, values: dict[str, str], last: str, **more: Any) -> Any:
    """Return the function of a head that fills the slots of a new draft, and what it does last."""
    lines = [head, " made = new(draft)"]
    lines += [f" made.{name} = {value}" for name, value in values.items()]
    scope: dict[str, Any] = {"kept": _KEPT, "new": object.__new__, "draft": draft, **more}
    exec("\n".join([*lines, last]), scope)
    return scope["written"]
