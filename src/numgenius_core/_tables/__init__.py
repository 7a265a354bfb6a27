"""Results that print as a small table, which loads when one is printed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING, TypeVar

from attrs import fields, has

from numgenius_core.errors import brief
from numgenius_core.money import Money
from numgenius_core.rates import Rate
from numgenius_core.units import Cell

if TYPE_CHECKING:
    from numgenius_core._tables.result import ResultTable


T_co = TypeVar("T_co", covariant=True)


def numbers(row: object) -> dict[str, Cell]:
    """Return the fields of a value, or the entries of a mapping, as numbers and words.

    Dollars, shares and other exact numbers are the nearest ``float``, choices their words, a period
    is its ``start`` and its ``end``, and a length of time its seconds, as its name says then. What
    is neither, such as the series that a result came from, is left out.
    """
    from numgenius_core.intervals import Interval  # which what only computes a price never needs

    if isinstance(row, Mapping):
        named = dict(row)
    else:
        kind = type(row)
        columns = _columns(kind)  # type: ignore[arg-type]  # a class has a hash
        named = {column: getattr(row, name) for name, column in columns}
    found: dict[str, Cell] = {}
    for name, value in named.items():
        if isinstance(value, Money | Rate | Fraction | Decimal):
            found[name] = float(value)
        elif isinstance(value, Enum):
            found[name] = value.value
        elif isinstance(value, Interval):
            found |= {"start": value.start, "end": value.end}
        elif isinstance(value, timedelta):
            found[name] = value.total_seconds()
        elif value is None or isinstance(value, int | float | str | datetime):
            found[name] = value
    return found


@cache
def _columns(kind: type) -> tuple[tuple[str, str], ...]:
    """Return the fields and properties of a class, and what their columns are called.

    A length of time says its unit, also in the rows in which it is ``None``.
    """
    given = {each.name: each.type for each in fields(kind)} if has(kind) else {}
    made = {
        name: what.fget.__annotations__.get("return")
        for name, what in vars(kind).items()
        if isinstance(what, property) and what.fget
    }
    return tuple(
        (name, f"{name}_seconds" if "timedelta" in str(declared) else name)
        for name, declared in {**given, **made}.items()
        if name[0] != "_"
    )


class Tabular(ABC):
    """A result that prints as its table, and is shown as one in a notebook.

    Of a table of more than a hundred rows the middle is left out; ``to_dicts`` has them all.
    """

    __slots__ = ()

    @abstractmethod
    def table(self) -> ResultTable:
        """Return the result as a table."""

    @abstractmethod
    def _rows(self) -> Iterable[object]:
        """Return what each row is about: a value, or its figures by name."""

    def to_dicts(self) -> list[dict[str, Cell]]:
        """Return a dict for each row, as ``pandas.DataFrame(…)`` takes them: numbers and words.

        Dollars and shares are the nearest ``float``, for charts and statistics; what is exact
        stays in the fields of the result, and in its document. A period is two columns, ``start``
        and ``end``, a length of time its seconds (``break_even_seconds``).
        """
        return [numbers(row) for row in self._rows()]

    def __str__(self) -> str:
        return str(self.table())

    def _repr_html_(self) -> str:
        """Return the table as a notebook shows it."""
        return self.table()._repr_html_()


class Results(tuple[T_co, ...], Tabular):
    """Results of one kind: a tuple of them, which prints as its table and has a short ``repr``."""

    __slots__ = ()

    def __repr__(self) -> str:
        return brief(tuple(self))

    def _rows(self) -> Iterable[object]:
        return self
