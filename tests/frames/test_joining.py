"""A small table joined to the caller's frame: any column comes along, and rows keep their order."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

import narwhals.stable.v2 as nw
import pytest

from frame_engines import EAGER, make, read
from numgenius_core import frames, read_offers
from numgenius_core.frames import Column

HOUR = timedelta(hours=1)
MACHINES: list[dict[str, Any]] = [
    {
        "i": i,
        "num_gpus": gpus,
        "min_gpu": 1 + i % 2,
        "dph_base": 0.1 * gpus,
        "dph_total": 0.1 * gpus,
        "sla_r_claim": [0.99, 0.0, 0.95, None][i % 4],
        "sla_sigma_x": 0.5,
        "wanted": 0.9,
    }
    for i, gpus in enumerate([8, 4, 8, 2, 1, 4, 3, 8, 6, 2])
]
# What PyArrow cannot join, whatever it is joined by, and more that people have.
ODD: dict[str, Any] = {
    "nothing": None,
    "list": [1, 2],
    "lists": [["a"], None],
    "struct": {"a": 1},
    "structs": [{"a": [1]}],
    "bytes": b"\0",
    "yes": True,
    "text": "é",
}
ASKED: dict[str, Any] = {
    "a quote with a promise": partial(frames.quote, duration=HOUR, target="0.9"),
    "a quote with promises": partial(frames.quote, duration=HOUR, target=Column("wanted")),
    "fees": partial(frames.promise_fees, target="0.9"),
    "slices": frames.slices,
}


def place(row: dict[str, Any]) -> tuple[int, ...]:
    """Return where a row belongs: by its machine, then by size and start of its offer."""
    return row["i"], row.get("offer_gpus", 0), row.get("offer_start", 0)


engines = pytest.mark.parametrize("engine", [*EAGER, "duckdb"])
questions = pytest.mark.parametrize("asked", ASKED.values(), ids=[*ASKED])


@engines
@questions
class TestTheCallersColumns:
    """Whatever type they have, they come along, and change no answer."""

    def test_of_any_type(self, asked: Any, engine: str) -> None:
        plain = sorted(read(asked(make(engine, MACHINES))), key=place)
        odd = nw.from_native(asked(make(engine, [row | ODD for row in MACHINES])))
        assert sorted(read(odd.drop(*ODD).to_native()), key=place) == plain
        names = odd.collect_schema().names()
        assert names == [*MACHINES[0], *ODD, *list(plain[0])[len(MACHINES[0]) :]]
        for row in read(odd.select("nothing", "text", "yes").to_native()):
            assert row == {"nothing": None, "text": "é", "yes": True}
        if isinstance(odd, nw.DataFrame):
            assert {tuple(cell) for cell in odd["list"].to_list()} == {(1, 2)}
            assert all(cell == {"a": 1} for cell in odd["struct"].to_list())

    def test_rows_keep_their_order(self, asked: Any, engine: str) -> None:
        rows = [row | {"i": i} for i, row in enumerate(MACHINES * 40)]
        found = read(asked(make(engine, rows)))
        assert {row["i"] for row in found} == set(range(len(rows)))
        if engine != "duckdb":  # whose relations have none
            assert found == sorted(found, key=place)


@questions
class TestTypesOfPyArrow:
    """Some that only a schema tells."""

    def test_maps_and_dictionaries(self, asked: Any) -> None:
        pa: Any = pytest.importorskip("pyarrow")
        table = make("pyarrow", MACHINES)
        maps = pa.array([[("k", 1)]] * len(MACHINES), pa.map_(pa.string(), pa.int64()))
        words = pa.array(["a"] * len(MACHINES)).dictionary_encode()
        found = asked(table.append_column("maps", maps).append_column("words", words))
        assert read(found.drop(["maps", "words"])) == read(asked(table))
        assert found["maps"].to_pylist()[0] == [("k", 1)]


@pytest.mark.parametrize("engine", EAGER)
class TestLittleIsKnown:
    """Frames without rows, and columns without a value."""

    def test_no_rows(self, engine: str) -> None:
        nothing = make(engine, [row | ODD for row in MACHINES])[:0]
        for asked in ASKED.values():
            assert read(asked(nothing)) == []

    def test_claims_that_are_all_unknown(self, engine: str) -> None:
        """DOMAIN 12: real offers carry the fields "all zero or null so far"."""
        rows = [row | {"sla_r_claim": None, "sla_sigma_x": None} for row in MACHINES]
        for row in read(frames.promise_fees(make(engine, rows), "0.9")):
            assert row["sla_fee_per_hour"] is row["sla_r_claim"] is None
        found = read(frames.quote(make(engine, rows), HOUR, target=Column("wanted")))
        assert [row["quote_total"] for row in found] == [None] * len(rows)

    def test_offers_of_a_snapshot(self, engine: str) -> None:
        """Of the discount it says nothing, so that a column of them has no type."""
        head = "collected_at,offer_id,machine_id,gpu_name,num_gpus,dph_total,storage_cost_per_gb_mo"
        rows = "\n".join(f"2026-03-01T12:00:00Z,{n},{n},A100,1,0.5,0" for n in range(1, 5))
        offers = frames.offer_columns(read_offers(f"{head}\n{rows}\n").offers)
        assert set(offers["credit_discount_max"]) == {None}
        cells = [dict(zip(offers, row, strict=True)) for row in zip(*offers.values(), strict=True)]
        found = read(frames.quote(make(engine, cells), HOUR, target="0.9"))
        assert [(row["id"], row["quote_total"]) for row in found] == [
            (n, None) for n in range(1, 5)
        ]
