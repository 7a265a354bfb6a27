"""The engines that frames are tested on: how each makes a table of rows and gives it back."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from shutil import which
from typing import Any

import narwhals.stable.v2 as nw
import pytest

from effort import FULL
from numgenius_core.frames._reading import plain

Rows = Sequence[dict[str, Any]]


def _arrow(rows: Rows) -> Any:
    """Return a table of two chunks: some work on tables goes wrong only then."""
    pyarrow = import_module("pyarrow")
    half, table = len(rows) // 2, pyarrow.Table.from_pylist(list(rows))
    return pyarrow.concat_tables([table.slice(0, half), table.slice(half)])


def _numpy_pandas(rows: Rows) -> Any:
    frame = import_module("pandas").DataFrame(list(rows))
    frame.index = frame.index + 100  # rows are found by place, not by label
    return frame


def _nullable_pandas(rows: Rows) -> Any:
    pandas, pyarrow = import_module("pandas"), import_module("pyarrow")
    types = {
        pyarrow.int64(): pandas.Int64Dtype(),
        pyarrow.float64(): pandas.Float64Dtype(),
        pyarrow.string(): pandas.StringDtype(),
    }
    return _arrow(rows).to_pandas(types_mapper=types.get)


def _arrow_pandas(rows: Rows) -> Any:
    return _arrow(rows).to_pandas(types_mapper=import_module("pandas").ArrowDtype)


def _polars(rows: Rows) -> Any:
    return import_module("polars").DataFrame(list(rows), infer_schema_length=None)


def _lazy_polars(rows: Rows) -> Any:
    return _polars(rows).lazy()


@cache
def _connection() -> Any:
    return import_module("duckdb").connect()  # not the default one: nothing of ours may need that


def _duckdb(rows: Rows) -> Any:
    return _connection().from_arrow(_arrow(rows))


def _dask(rows: Rows) -> Any:
    return import_module("dask.dataframe").from_pandas(_numpy_pandas(rows), npartitions=3)


def _spark(rows: Rows) -> Any:
    return spark_session().createDataFrame(_arrow(rows))


def spark_session() -> Any:
    """Return a local Spark session, quiet and small."""
    builder = import_module("pyspark.sql").SparkSession.builder.master("local[2]")
    for key, value in {
        "spark.ui.enabled": "false",
        "spark.sql.shuffle.partitions": "2",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
    }.items():
        builder = builder.config(key, value)
    return builder.getOrCreate()


_MAKERS: dict[str, tuple[str, Callable[[Rows], Any]]] = {
    "pyarrow": ("pyarrow", _arrow),
    "pandas": ("pandas", _numpy_pandas),
    "pandas with nullable types": ("pandas", _nullable_pandas),
    "pandas with arrow types": ("pandas", _arrow_pandas),
    "polars": ("polars", _polars),
    "lazy polars": ("polars", _lazy_polars),
    "duckdb": ("duckdb", _duckdb),
    "dask": ("dask", _dask),
    "spark": ("pyspark", _spark),
}
LAZY = ("lazy polars", "duckdb", "dask", "spark")
_OWN_WARNINGS = (
    # The engines' own: Spark's sockets, and narwhals' plan to move Dask to a package of its own.
    *("FutureWarning", "DeprecationWarning", "UserWarning", "ResourceWarning"),
    "pytest.PytestUnraisableExceptionWarning",
)
_CLUSTER = [
    pytest.mark.cluster,
    *(pytest.mark.filterwarnings(f"ignore::{warning}") for warning in _OWN_WARNINGS),
]
_ALIKE = {"pandas with nullable types", "pandas with arrow types", "lazy polars"}
_TRIED = [name for name in _MAKERS if FULL or name not in _ALIKE]
EAGER = tuple(name for name in _TRIED if name not in LAZY)
ENGINES = [
    pytest.param(name, marks=_CLUSTER if name in {"dask", "spark"} else ()) for name in _TRIED
]
"""Every engine there is, in a full run; those that need a cluster run with `pytest -m cluster`."""
MOST = [each for each in ENGINES if FULL or each.values[0] not in {"pandas", "duckdb"}]
"""Where what is asked does not depend on the engine, a short run leaves out those that are slow."""
every_engine = pytest.mark.parametrize("engine", ENGINES)
"""For what each engine computes in its own way: in a short run too."""


def make(engine: str, rows: Rows) -> Any:
    """Return rows as a native frame of an engine, or skip the test where it is not installed."""
    package, maker = _MAKERS[engine]
    for needed in (package, "pyarrow"):
        if find_spec(needed) is None:
            pytest.skip(f"{needed} is not installed")
    if engine == "spark" and which("java") is None and "JAVA_HOME" not in os.environ:
        pytest.skip("Java is not installed")
    return maker(rows)


def with_small_floats(native: Any) -> Any:
    """Return a frame whose columns of floats have 32 bits."""
    frame = nw.from_native(native)
    floats = [name for name, kind in frame.collect_schema().items() if kind.is_float()]
    return frame.with_columns(nw.col(*floats).cast(nw.Float32)).to_native()


def read(native: Any) -> list[dict[str, Any]]:
    """Return the rows of a native frame, cells as Python values."""
    frame = nw.from_native(native)
    if isinstance(frame, nw.LazyFrame):
        frame = frame.collect()
    return [
        {name: plain(cell) for name, cell in zip(frame.columns, row, strict=True)}
        for row in frame.iter_rows()
    ]
