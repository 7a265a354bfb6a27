"""The names of a frame's columns: those it has, those we add, and those that are asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final, TypeVar

import narwhals.stable.v2 as nw

from numgenius_core._checks import as_tuple
from numgenius_core.errors import RuleViolation, WrongType, shown

PREFIX: Final = "__numgenius_"
"""What the names of columns begin with that are there only while an answer is worked out."""
Frame = nw.DataFrame[Any] | nw.LazyFrame[Any]
NativeT = TypeVar("NativeT")
"""A dataframe or table of any engine; what comes of it is of the same class."""


def as_frame(native: Any) -> Frame:
    """Return a dataframe of somebody else's through narwhals, which finds columns by their names.

    Raises:
        WrongType: Something that is no dataframe that narwhals knows, or a column whose name is no
            text.
        RuleViolation: Two columns of one name, or one whose name we give to our own.
    """
    _check_names(nw.to_native(native, pass_through=True))
    try:
        frame: Frame = nw.from_native(native)
    except TypeError:
        raise WrongType("frame", "a dataframe or table", shown(type(native))) from None
    return frame


def _check_names(native: Any) -> None:
    """Refuse columns that a name does not find, whether a question needs them or not.

    Two of one name are refused by some engines; others read either, and forget the other one.
    """
    package = type(native).__module__.partition(".")[0]
    names = _names(native, package)
    for name in names:
        if not isinstance(name, str):
            raise WrongType("frame", "columns whose names are text", f"one named {shown(name)}")
        if name.startswith(PREFIX):
            need = f"no column whose name begins with {PREFIX}, as those made here do"
            raise RuleViolation("frame", need, shown(name))
    folds = package in ("duckdb", "_duckdb")  # it takes A and a for one
    counted = Counter(name.lower() if folds else name for name in names)
    for name, times in counted.items():
        if times > 1:
            raise RuleViolation("frame", "columns of different names", f"{times} named {name!r}")


def _names(native: Any, package: str) -> list[Any]:
    """Return the names of a frame's columns, all of them, where two may be alike."""
    if package == "polars":  # which has no two, and whose lazy frames would be asked for them
        return list(native.collect_schema()) if hasattr(native, "collect_schema") else []
    named = getattr(native, "column_names", None)  # of PyArrow, where columns are the data
    found = getattr(native, "columns", None) if named is None else named
    return list(found) if isinstance(found, Iterable) else []


def check_name(name: object, path: str) -> None:
    """Refuse what is no name of a column.

    Raises:
        WrongType: It is no text.
    """
    if not isinstance(name, str):
        raise WrongType(path, "the name of a column", shown(name))


def some_of(results: Iterable[str], known: tuple[str, ...]) -> list[str]:
    """Return the results that are asked for, each once.

    Raises:
        WrongType: It is no series of names.
        RuleViolation: One that there is not.
    """
    names = (results,) if isinstance(results, str) else as_tuple(results, "results")
    for name in names:
        if name not in known:
            raise RuleViolation("results", f"some of {', '.join(known)}", shown(name))
    return list(dict.fromkeys(names))


def refuse_taken(names: list[str], taken: tuple[str, ...], path: str = "prefix") -> None:
    """Refuse results whose names the frame already has, or that we give to our own columns.

    Raises:
        RuleViolation: A column of that name is there, or may be meanwhile.
    """
    for name in names:
        if name.startswith(PREFIX):
            raise RuleViolation(path, f"another beginning than {PREFIX}", shown(name))
        if name in taken:
            raise RuleViolation(path, f"no column named {name!r} yet", "one")
