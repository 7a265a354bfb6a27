"""A small table joined to the caller's frame, whose own columns stay out of the join.

A join of PyArrow takes no column of nulls, lists, structs or maps, also if nothing is joined by it,
and keeps no order; one of Polars promises none. There the keys alone are joined, with the number of
their row, and the caller's columns are put beside what was found: any type, in the order they had.
The other engines join whole frames: what is lazy has no rows to number.
"""

from __future__ import annotations

from typing import Any, Final, Literal

import narwhals.stable.v2 as nw

from numgenius_core.frames._names import PREFIX

_ROW: Final = f"{PREFIX}row"
_FOUND: Final = f"{PREFIX}found"


def join(frame: Any, table: Any, on: list[str], how: Literal["left", "inner"]) -> Any:
    """Return a frame with the columns of a table of the same engine, by the columns of its keys.

    Args:
        frame: The caller's frame, through narwhals.
        table: What to find; with ``"left"`` each key once.
        on: The keys, which both have.
        how: ``"left"`` keeps all rows, ``"inner"`` those that are found, as often as they are.
    """
    kind = frame.implementation
    if isinstance(frame, nw.LazyFrame) or not (kind.is_pyarrow() or kind.is_polars()):
        return frame.join(table, on=on, how=how)
    keys = frame.select(*on).with_row_index(_ROW)
    found = keys.join(table.with_row_index(_FOUND), on=on, how=how).sort(_ROW, _FOUND)
    kept = frame if how == "left" else _rows(frame, found[_ROW])
    return kept.with_columns(*(found[name] for name in table.columns if name not in on))


def _rows(frame: Any, numbers: Any) -> Any:
    """Return the rows of a frame by their numbers."""
    native, wanted = frame.to_native(), numbers.to_native()
    picked = native.take(wanted) if frame.implementation.is_pyarrow() else native[wanted]
    return nw.from_native(picked)
