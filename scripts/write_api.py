"""Write down every public name and its signature: ``python scripts/write_api.py``.

What changes in ``tests/api/``, a file for each face, changes for the users: a line that is new is
a promise, a line that goes breaks one (see the docs page on compatibility).
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any, Final

import attrs

import numgenius_core

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "support"))
from house import FACES, load, own_names

TARGET: Final = Path(__file__).parent.parent / "tests" / "api"
_INHERITED: Final = frozenset(dir(object)) | frozenset(dir(Enum)) | frozenset(dir(Exception))
_OPERATORS: Final = frozenset({"__add__", "__sub__", "__mul__", "__truediv__", "__contains__"})


def texts() -> dict[str, str]:
    """Return the files' texts by the names of the modules: one public thing a line."""
    names = [f"{name}\n" for name in sorted(numgenius_core.__all__)]
    own = [f"{line}\n" for name in own_names() for line in _lines(name, _of_package(name))]
    found = {"__init__": "".join([*names, *own])}
    for face in FACES:
        module = load(face)
        lines = [
            line for name in sorted(module.__all__) for line in _lines(name, getattr(module, name))
        ]
        found[face] = "".join(f"{line}\n" for line in lines)
    return found


def _of_package(name: str) -> Any:
    return getattr(numgenius_core, name)


def write() -> None:
    """Write the files, and remove those of faces that are gone."""
    found = texts()  # before anything is removed: it may fail
    TARGET.mkdir(exist_ok=True)
    for old in TARGET.glob("*.txt"):
        old.unlink()
    for name, text in found.items():
        (TARGET / f"{name}.txt").write_text(text, "utf-8")


def _lines(path: str, value: Any) -> Iterator[str]:
    if inspect.isclass(value) and value.__module__ == "builtins":
        yield f"{path}: alias of {value.__name__}"
    elif inspect.isclass(value):
        yield from _class(path, value)
    elif inspect.isfunction(value) or hasattr(value, "__wrapped__"):
        yield f"{path}{inspect.signature(value)}"
    elif inspect.ismodule(value):
        yield f"{path}: module"
    elif isinstance(value, (int, str)):
        yield f"{path} = {value!r}"
    else:
        yield f"{path}: {_kind(value)}"


def _kind(value: Any) -> str:
    kind = type(value).__name__
    named = getattr(value, "__supertype__", None)  # of a NewType
    if named is not None:
        return f"{kind} of {named.__name__}"
    return f"{kind} {value}" if kind == "UnionType" else kind


def _class(path: str, cls: type) -> Iterator[str]:
    bases = ", ".join(base.__name__ for base in cls.__bases__ if base is not object)
    yield f"class {path}({bases})"
    if issubclass(cls, Enum):
        yield from (f"{path}.{member.name} = {member.value!r}" for member in cls)
        return
    own = {a.name for a in attrs.fields(cls)} if attrs.has(cls) else set()
    if attrs.has(cls):
        written = {k: v for base in reversed(cls.__mro__) for k, v in _annotations(base).items()}
        public = [a for a in attrs.fields(cls) if not a.name.startswith("_")]
        yield from (f"{path}.{_field(a, written.get(a.name, '…'))}" for a in public)
    elif "__init__" in vars(cls):
        yield f"{path}{inspect.signature(cls)}"
    for name, member in sorted(vars(cls).items()):
        public = not name.startswith("_") or name in _OPERATORS
        if public and name not in own and name not in _INHERITED - _OPERATORS:
            yield from _member(f"{path}.{name}", member)


def _annotations(cls: type) -> dict[str, Any]:
    return inspect.get_annotations(cls)  # as they are written: attrs may have resolved its own


def _field(attribute: Any, kind: str) -> str:
    optional = "" if attribute.default is attrs.NOTHING else " = …"
    how = "" if attribute.init else " (made)"
    return f"{attribute.name}: {kind}{optional}{how}{'' if attribute.kw_only else ' (positional)'}"


def _member(path: str, member: Any) -> Iterator[str]:
    if isinstance(member, property):
        yield f"{path} -> {inspect.signature(member.fget).return_annotation}"  # type: ignore[arg-type]
    elif isinstance(member, (classmethod, staticmethod)):
        yield f"{path}{inspect.signature(member.__func__)} ({type(member).__name__})"
    elif inspect.isfunction(member):
        yield f"{path}{inspect.signature(member)}"
    elif inspect.ismemberdescriptor(member):
        yield f"{path} -> {inspect.get_annotations(member.__objclass__)[member.__name__]}"
    elif isinstance(member, (int, str)):
        yield f"{path} = {member!r}"


if __name__ == "__main__":
    write()
