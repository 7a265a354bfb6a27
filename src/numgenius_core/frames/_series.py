"""A market at several moments as one dataframe: a row for each snapshot, machine, model and size.

Rule: :meth:`numgenius_core.planning.MarketSeries.spells` says what is free and for how long; here
it stands beside each row that it was read from.
"""

from __future__ import annotations

from typing import Any, Final

from numgenius_core.intervals import to_epoch
from numgenius_core.planning.market_series import MarketSeries

_NAMES: Final = (
    "at",
    "machine_id",
    "gpu_name",
    "num_gpus",
    "gpus_in_machine",
    "dph_base_pico",
    "min_bid_pico",
    "rentable",
    "spell",
    "began_after",
    "ended_by",
    "rented",
)


def series_columns(series: MarketSeries) -> dict[str, list[Any]]:
    """Return what :func:`~numgenius_core.frames.offer_columns` gives of a series of snapshots."""
    spells = series.spells()
    numbers = {
        (at, spell.machine, spell.gpu_name, spell.gpus): number
        for number, spell in enumerate(spells)
        for at in spell.seen
    }
    ends = [
        tuple(None if at is None else to_epoch(at) for at in (spell.began_after, spell.ended_by))
        for spell in spells
    ]
    rows = []
    for at, offers in zip(series.instants, series.snapshots, strict=True):
        moment = to_epoch(at)
        for row in offers:
            price, bid = (None if p is None else p * row.gpus for p in (row.price, row.min_bid))
            number = numbers.get((at, row.machine, row.gpu_name, row.gpus))
            spell = (
                (None,) * 4 if number is None else (number, *ends[number], spells[number].rented)
            )
            rows.append((moment, *row[:4], price, bid, row.rentable, *spell))
    columns = zip(*rows, strict=True) if rows else ((),) * len(_NAMES)
    return {name: list(cells) for name, cells in zip(_NAMES, columns, strict=True)}
