"""Names of columns: each column is found by one, so a frame has no two alike, and none but text."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any, Final

import narwhals.stable.v2 as nw
import pytest

from frame_engines import make, read
from numgenius_core import Interval, frames
from numgenius_core.errors import RuleViolation, WrongType
from numgenius_core.frames import Column

HOUR: Final = timedelta(hours=1)
DAY: Final = Interval(datetime(1970, 1, 1, tzinfo=UTC), datetime(1970, 1, 2, tzinfo=UTC))
ROW: Final[dict[str, Any]] = {
    "machine_id": 7,
    "gpu_name": "A100",
    "num_gpus": 2,
    "min_gpu": 1,
    "dph_base": 0.8,
    "dph_total": 0.9,
    "storage_cost": 0.15,
    "credit_discount_max": 0.4,
    "verification": "verified",
    "sla_r_claim": 0.99,
    "sla_sigma_x": 0.5,
    "start_date": 0,
    "end_date": 3_600,
    "start": 0,
    "rank": "bid",
    "bid": 0.3,
    "arrival": 0,
    "paid": 10**9,
}
ROWS: Final = [ROW, {**ROW, "machine_id": 8, "arrival": 1}]
ASKED: Final[dict[str, Callable[..., Any]]] = {
    "quote": lambda f, **how: frames.quote(f, HOUR, **how),
    "quote with a promise": lambda f, **how: frames.quote(f, HOUR, target="0.95", **how),
    "reserve": lambda f, **how: frames.reserve(f, 1, **how),
    "payout": lambda f, **how: frames.payout(f, "paid", "0.25", **how),
    "dollars": lambda f, **how: frames.dollars(f, "paid", **how),
    "promise_fees": lambda f, **how: frames.promise_fees(f, "0.95", **how),
    "slices": frames.slices,
    "occupancy": lambda f, **how: frames.occupancy(f, DAY, **how),
    "resolve": frames.resolve,
    "model_prices": frames.model_prices,
    "matched_index": lambda f, **how: frames.matched_index(f, f, **how),
    "price_chain": lambda f, **how: frames.price_chain([f, f], **how),
}
WRONG: Final[tuple[Any, ...]] = (5, None, 1.5, b"x", ["a"], {})

each_question = pytest.mark.parametrize("asks", ASKED.values(), ids=ASKED)


def lazy_spark(native: Any, *names: str) -> Any:
    lit = import_module("pyspark.sql.functions").lit
    return native.select("*", *(lit(1).alias(name) for name in names))


def beside(engine: str, *names: Any) -> Any:
    """Return a frame that has more columns, each of ones, under the names given."""
    native = make(engine, ROWS)
    if engine == "duckdb":
        return native.select("*, " + ", ".join(f'1 AS "{name}"' for name in names))
    if engine == "spark":
        return lazy_spark(native, *names)
    if engine == "pyarrow":
        ones = native.column("min_gpu")
        for name in names:
            native = native.append_column(name, ones)
        return native
    if engine == "dask":
        return import_module("dask.dataframe").from_pandas(beside("pandas", *names), npartitions=2)
    more = native[["min_gpu"] * len(names)]
    return native.join(more.set_axis(range(len(names)), axis=1)).set_axis(
        [*native.columns, *names], axis=1
    )


def is_polars(engine: str) -> bool:
    return "polars" in engine  # it has no two columns of one name


class TestWhatComesBack:
    """Types: a frame comes back as what it was."""

    @pytest.mark.parametrize(
        "name", ["quote", "reserve", "payout", "dollars", "promise_fees", "slices", "resolve"]
    )
    def test_it_is_of_the_same_class(self, engine: str, name: str) -> None:
        native = make(engine, ROWS)
        if name == "resolve" and isinstance(nw.from_native(native), nw.LazyFrame):
            pytest.skip("claims are in memory")
        assert type(ASKED[name](native)) is type(native)

    def test_of_another_table_too(self, engine: str) -> None:
        native = make(engine, ROWS)
        assert type(frames.occupancy(native, DAY)) is type(native)


class TestColumnsOfOneName:
    """Some engines refuse two, others read either and forget the other: nobody may have two."""

    @pytest.mark.parametrize("name", ["x", "num_gpus", "paid", "machine_id"])
    @each_question
    def test_two_are_refused(self, engine: str, asks: Callable[..., Any], name: str) -> None:
        if is_polars(engine):
            pytest.skip("it has no two")
        native = beside(engine, *([name] if name in ROW else [name, name]))
        with pytest.raises(RuleViolation, match=f"need columns of different names.*2 .*'{name}'"):
            asks(native)

    def test_what_duckdb_takes_for_one_is_refused(self) -> None:
        native = beside("duckdb", "x", "X")
        with pytest.raises(RuleViolation, match="2 named 'x'"):
            frames.quote(native, HOUR)
        other = beside("pyarrow", "x", "X")
        assert read(frames.quote(other, HOUR))[0]["quote_total"] == 800_000_000

    @each_question
    def test_our_own_are_ours(self, engine: str, asks: Callable[..., Any]) -> None:
        native = nw.from_native(make(engine, ROWS))
        taken = native.with_columns(nw.col("min_gpu").alias("__numgenius_1")).to_native()
        with pytest.raises(RuleViolation, match="begins with __numgenius_"):
            asks(taken)


class TestNamesThatAreNoText:
    """pandas names columns by numbers, too; a question finds them by text alone."""

    @pytest.mark.parametrize(
        "name", [5, 1.5, None, ("a", "b"), datetime(2026, 1, 1, tzinfo=UTC)], ids=str
    )
    @each_question
    def test_a_column_is_named(self, asks: Callable[..., Any], name: Any) -> None:
        pytest.importorskip("pandas")
        with pytest.raises(WrongType, match="need columns whose names are text, got one named"):
            asks(beside("pandas", name))

    @pytest.mark.cluster
    @pytest.mark.filterwarnings("ignore")
    def test_of_dask_too(self) -> None:
        with pytest.raises(WrongType, match="got one named 5"):
            frames.quote(beside("dask", 5), HOUR)

    @pytest.mark.parametrize("wrong", WRONG, ids=str)
    def test_names_that_are_given(self, wrong: Any) -> None:
        frame = make("pyarrow", ROWS)
        for asks, name in (
            ("quote", "prefix"),
            ("reserve", "prefix"),
            ("payout", "prefix"),
            ("promise_fees", "prefix"),
            ("slices", "prefix"),
            ("dollars", "suffix"),
            ("resolve", "result"),
            ("resolve", "rank"),
            ("occupancy", "machine"),
            ("model_prices", "model"),
            ("matched_index", "machine"),
            ("promise_fees", "price"),
            ("promise_fees", "claim"),
            ("promise_fees", "spread"),
        ):
            with pytest.raises(WrongType, match=f"^{name}: need "):
                ASKED[asks](frame, **{name: wrong})
        with pytest.raises(WrongType, match=r"^names\[1\]: need the name of a column"):
            frames.dollars(frame, "paid", wrong)
        with pytest.raises(WrongType, match="need the name of a column"):
            frames.payout(frame, Column(wrong), "0.25")

    @pytest.mark.parametrize("wrong", [5, None, [["total"]], [5], ["total", {}]], ids=str)
    def test_results_that_are_none(self, wrong: Any) -> None:
        frame = make("pyarrow", ROWS)
        for asks in ("quote", "reserve", "promise_fees"):
            with pytest.raises(RuleViolation, match=r"^results: need "):
                ASKED[asks](frame, results=wrong)

    def test_a_result_is_not_named_as_ours_are(self) -> None:
        frame = make("pyarrow", ROWS)
        for asks in ("quote", "payout", "promise_fees", "slices"):
            with pytest.raises(RuleViolation, match="prefix: need another beginning"):
                ASKED[asks](frame, prefix="__numgenius_")
        with pytest.raises(RuleViolation, match="result: need no column named 'rank' yet"):
            frames.resolve(frame, result="rank")
