"""Columns of prices that are wrong on purpose: mistakes that queries and dataframes make."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import isinf, isnan
from typing import Any, Final

from numgenius_core.testing.laws.frames import scalar_results

Columns = Mapping[str, Sequence[Any]]
Row = dict[str, Any]
Results = dict[str, list[Any]]
NAMES: Final = ("total", "payout", "fee", "gpu_per_hour", "deposit")


def rows_of(columns: Columns) -> list[Row]:
    """Return columns as rows."""
    names = list(columns)
    return [dict(zip(names, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]


def _is_unknown(row: Row) -> bool:
    return any(v is None or (isinstance(v, float) and isnan(v)) for v in row.values())


def each(columns: Columns, change: Callable[[Row], Row] = lambda row: row) -> Results:
    """Return the right results of each row after a change, none beside a null."""
    found = [
        dict.fromkeys(NAMES) if _is_unknown(row) else scalar_results(change(row))
        for row in rows_of(columns)
    ]
    for row in rows_of(columns):
        prices = [row[name] for name in ("dph_base", "min_bid") if row[name] is not None]
        if any(isinf(price) or price < 0 or 0 < price < 1e-12 for price in prices):
            raise ValueError(prices)
    return {name: [one[name] for one in found] for name in NAMES}


def in_floats(columns: Columns) -> Results:
    """Multiply floats, and round in the end."""
    found = each(columns)
    for place, row in enumerate(rows_of(columns)):
        if row["mode"] == "on-demand" and found["total"][place] is not None:
            hours = row["seconds"] / 3_600
            total = (
                row["dph_base"] * hours + row["storage_cost"] * row["disk_mb"] / 1e3 / 720 * hours
            )
            total += row["inet_up_cost"] * row["sent"] / 1e9
            total += row["inet_down_cost"] * row["received"] / 1e9
            found["total"][place] = round(total * 1e9)
    return found


def null_is_zero(columns: Columns) -> Results:
    """Take what is not known for nothing to pay."""
    names = ("storage_cost", "inet_up_cost", "inet_down_cost", "dph_base", "min_bid")

    def filled(row: Row) -> Row:
        return {**row, **{name: row[name] or 0.0 for name in names}}

    known = [filled(row) for row in rows_of(columns)]
    return each({name: [row[name] for row in known] for name in columns})


def sorted_by_price(columns: Columns) -> Results:
    """Give the results back in another order than the rows."""
    found = each(columns)
    order = sorted(range(len(found["total"])), key=lambda n: found["total"][n] or 0)
    return {name: [cells[n] for n in order] for name, cells in found.items()}


def floor_forgotten(columns: Columns) -> Results:
    """Quote bids under the floor too."""
    return each(columns, lambda row: {**row, "min_bid": 0.0})


def everything_verified(columns: Columns) -> Results:
    """Reserve on machines that are not verified."""
    return each(columns, lambda row: {**row, "verification": "verified"})


def stay_is_prepaid(columns: Columns) -> Results:
    """Take the stay for the time that is prepaid."""
    return each(columns, lambda row: {**row, "months": row["seconds"] / 2_592_000})


def nan_is_zero(columns: Columns) -> Results:
    """Take NaN for nothing to pay."""
    known = [
        {k: 0.0 if isinstance(v, float) and isnan(v) else v for k, v in row.items()}
        for row in rows_of(columns)
    ]
    return each({name: [row[name] for row in known] for name in columns})


def negative_is_free(columns: Columns) -> Results:
    """Take a price below zero for none."""
    known = [
        {k: max(v, 0.0) if isinstance(v, float) else v for k, v in row.items()}
        for row in rows_of(columns)
    ]
    return each({name: [row[name] for row in known] for name in columns})


def same_mode_for_all(columns: Columns) -> Results:
    """Look at the first row for the mode of all."""
    return each({**columns, "mode": [columns["mode"][0]] * len(columns["mode"])})


def fee_of_the_chunk(columns: Columns) -> Results:
    """Take the greatest fee of the chunk for the fee of its rows."""
    shares = [max(columns["share"])] * len(columns["share"])
    return each({**columns, "share": shares})


WRONG_FRAMES: Final[dict[str, tuple[Callable[..., Any], ...]]] = {
    "quote_columns": (
        in_floats,
        null_is_zero,
        sorted_by_price,
        floor_forgotten,
        everything_verified,
        stay_is_prepaid,
        nan_is_zero,
        negative_is_free,
        same_mode_for_all,
        fee_of_the_chunk,
    ),
}
