"""Results that print as a small table, which loads when one is printed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from numgenius_core._tables.result import ResultTable


class Tabular(ABC):
    """A result that prints as its table, and is shown as one in a notebook."""

    __slots__ = ()

    @abstractmethod
    def table(self) -> ResultTable:
        """Return the result as a table."""

    def __str__(self) -> str:
        return str(self.table())

    def _repr_html_(self) -> str:
        """Return the table as a notebook shows it."""
        return self.table()._repr_html_()
