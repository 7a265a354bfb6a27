"""A series of snapshots as one dataframe, on every engine: what the scalar series says."""

from __future__ import annotations

from typing import Any

import narwhals.stable.v2 as nw
import pytest
from hypothesis import given

from effort import examples
from frame_engines import every_engine, make, read
from market_snapshots import HOUR, MONDAY, offer
from numgenius_core import frames
from numgenius_core.intervals import to_epoch
from numgenius_core.planning import MarketSeries
from numgenius_core.testing import values

SERIES = MarketSeries.of(
    [
        (MONDAY, [offer(7, 4), offer(7, 2, of=4), offer(8, 1, "0.30", rentable=False)]),
        (MONDAY + HOUR, [offer(7, 4, rentable=False), offer(7, 2, of=4), offer(8, 1, "0.30")]),
        (MONDAY + 2 * HOUR, [offer(7, 2, "0.60", of=4), offer(8, 1, None)]),
        (MONDAY + 4 * HOUR, [offer(7, 4), offer(7, 2, of=4), offer(8, 1, "0.30")]),
    ]
)


def rows_of(series: MarketSeries) -> list[dict[str, Any]]:
    columns = frames.offer_columns(series)
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


class TestEveryRowIsThatOfTheSeries:
    """Rule: a row for each snapshot, machine, model and size, with the spell that it is of."""

    @examples(100)
    @given(values(MarketSeries))
    def test_nothing_is_lost_and_nothing_added(self, series: MarketSeries) -> None:
        rows, spells = rows_of(series), series.spells()
        expected = [
            (to_epoch(at), *row)
            for at, shown in zip(series.instants, series.snapshots, strict=True)
            for row in shown
        ]
        found = [
            (
                *(row["at"], row["machine_id"], row["gpu_name"], row["num_gpus"]),
                row["gpus_in_machine"],
                *(
                    None if row[name] is None else row[name] // row["num_gpus"]
                    for name in ("dph_base_pico", "min_bid_pico")
                ),
                row["rentable"],
            )
            for row in rows
        ]
        assert found == expected
        for row in rows:
            assert (row["spell"] is not None) is row["rentable"]
            if row["spell"] is None:
                assert row["began_after"] is row["ended_by"] is row["rented"] is None
                continue
            spell = spells[row["spell"]]
            assert row["at"] in map(to_epoch, spell.seen)
            assert (row["machine_id"], row["num_gpus"]) == (spell.machine, spell.gpus)
            assert row["rented"] is spell.rented
            for name in ("began_after", "ended_by"):
                at = getattr(spell, name)
                assert row[name] == (None if at is None else to_epoch(at))

    def test_a_series_of_nothing_has_columns(self) -> None:
        columns = frames.offer_columns(MarketSeries.of([(MONDAY, [])]))
        assert {name: [] for name in columns} == columns
        assert "spell" in columns


@every_engine
class TestOnEveryEngine:
    """Free times and prices by group, as each engine does them."""

    def test_free_times(self, engine: str) -> None:
        free = nw.from_native(make(engine, rows_of(SERIES))).filter(nw.col("spell") >= 0)
        spans = free.group_by("spell").agg(
            nw.col("at").min().alias("first"), nw.col("at").max().alias("last")
        )
        rows = read(spans.to_native())
        found = {int(row["spell"]): (int(row["first"]), int(row["last"])) for row in rows}
        assert found == {
            number: (to_epoch(spell.seen[0]), to_epoch(spell.seen[-1]))
            for number, spell in enumerate(SERIES.spells())
        }

    def test_prices_of_one_moment(self, engine: str) -> None:
        now = nw.from_native(make(engine, rows_of(SERIES)))
        now = now.filter(nw.col("at") == to_epoch(MONDAY))
        (price,) = frames.model_prices(now.to_native())
        (first, *_) = SERIES.over_time()
        assert (price.lowest, price.median, price.highest) == (
            *(first.lowest, first.median),
            first.highest,
        )
        assert price.gpus == first.gpus


def test_neither_offers_nor_a_series() -> None:
    with pytest.raises(TypeError, match="offers"):
        frames.offer_columns(7)  # type: ignore[arg-type]
