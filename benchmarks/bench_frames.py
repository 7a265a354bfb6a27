"""A stay priced for a million offers: frames beside hand-written columns and a Decimal loop.

python benchmarks/bench_frames.py              the comparison and the growth curve
python benchmarks/bench_frames.py duckdb 1e8   out of core: a hundred million offers in 2 GB
"""

from __future__ import annotations

import random
import resource
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal
from statistics import median
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
from harness import Row, print_table

from numgenius_core import frames
from numgenius_core.frames import Column, Columns

HOURS, DISK_GB, DOWNLOAD_GB = 73, 200, 500
STAY = timedelta(hours=HOURS)
STEPS = 1_000  # pico-dollars in a nano-dollar
STORED = DISK_GB * HOURS  # GB-hours; a price is for 720 of them
SCALE = 720 * STEPS
CHUNK = 16_384
PRICES = Columns(
    price=Column("dph_base", "pico"),
    storage=Column("storage_cost", "pico"),
    download=Column("inet_down_cost", "pico"),
)


def market(count: int) -> dict[str, np.ndarray]:
    """Return offers with prices in whole pico-dollars, per offer multiples of the GPUs."""
    draw = np.random.default_rng(7)
    gpus = draw.choice([1, 2, 3, 4, 8], count)
    return {
        "num_gpus": gpus,
        "dph_base": gpus * draw.integers(10**10, 4 * 10**12, count),
        "storage_cost": draw.integers(10**10, 5 * 10**11, count),
        "inet_down_cost": draw.integers(0, 2 * 10**10, count),
    }


def by_frames(frame: Any) -> Any:
    return frames.quote(
        frame,
        STAY,
        disk=DISK_GB,
        download=DOWNLOAD_GB,
        columns=PRICES,
        results="total",
    )


def by_polars(frame: pl.DataFrame) -> pl.DataFrame:
    """The same rule by hand, as lazy Polars: per-GPU price, three lines, one rounding."""
    price, gpus, stored, sent = map(
        pl.col, ("dph_base", "num_gpus", "storage_cost", "inet_down_cost")
    )
    one = price // gpus
    left = price - one * gpus
    per_gpu = one + (2 * left + one % 2 > gpus).cast(pl.Int64)
    lines = frame.lazy().with_columns(paid=per_gpu * gpus).with_columns(
        high=pl.col("paid") // STEPS, s_high=stored // SCALE
    ).with_columns(
        rest=(pl.col("paid") - pl.col("high") * STEPS) * HOURS,
        s_rest=(stored - pl.col("s_high") * SCALE) * STORED,
        sent=sent * DOWNLOAD_GB,
    ).with_columns(
        whole=pl.col("high") * HOURS + pl.col("s_high") * STORED,
        parts=(pl.col("rest") + pl.col("sent")) * 720 + pl.col("s_rest"),
    ).with_columns(more=pl.col("parts") // SCALE)  # fmt: skip
    total = pl.col("whole") + pl.col("more")
    below = pl.col("parts") - pl.col("more") * SCALE
    rounded = total + (2 * below + total % 2 > SCALE).cast(pl.Int64)
    return lines.select(*frame.columns, quote_total=rounded).collect()


def columns_total(
    gpus: Any, price: Any, stored: Any, sent: Any, as_int: Callable[[Any], Any]
) -> Any:
    """The same rule on arrays or series of NumPy."""
    one = price // gpus
    per_gpu = one + as_int(2 * (price - one * gpus) + one % 2 > gpus)
    paid = per_gpu * gpus
    high, s_high = paid // STEPS, stored // SCALE
    parts = ((paid - high * STEPS) * HOURS + sent * DOWNLOAD_GB) * 720
    parts += (stored - s_high * SCALE) * STORED
    more = parts // SCALE
    total = high * HOURS + s_high * STORED + more
    return total + as_int(2 * (parts - more * SCALE) + total % 2 > SCALE)


def by_numpy(data: dict[str, np.ndarray]) -> np.ndarray:
    """The same rule on NumPy arrays, in pieces that fit the cache."""
    names = ("num_gpus", "dph_base", "storage_cost", "inet_down_cost")
    out = np.empty(len(data["num_gpus"]), np.int64)
    for start in range(0, len(out), CHUNK):
        piece = slice(start, start + CHUNK)
        cells = [data[name][piece] for name in names]
        out[piece] = columns_total(*cells, as_int=lambda x: x.astype(np.int64))
    return out


def by_pandas(frame: pd.DataFrame) -> pd.Series:
    names = ("num_gpus", "dph_base", "storage_cost", "inet_down_cost")
    return columns_total(*(frame[n] for n in names), as_int=lambda x: x.astype("int64"))


def by_polars_floats(frame: pl.DataFrame) -> pl.DataFrame:
    """What people write: floats, not exact."""
    total = (
        pl.col("dph_base") * HOURS
        + pl.col("storage_cost") * (STORED / 720)
        + pl.col("inet_down_cost") * DOWNLOAD_GB
    )
    return frame.with_columns(quote_total=total)


def by_decimal(rows: list[tuple[int, Decimal, Decimal, Decimal]]) -> list[Decimal]:
    """A loop with Decimal at 28 digits, one rounding."""
    nano, context = Decimal("1e-9"), Context(prec=28, rounding=ROUND_HALF_EVEN)
    found = []
    for gpus, price, stored, sent in rows:
        per_gpu = (price / gpus).quantize(Decimal("1e-12"), context=context)
        total = per_gpu * gpus * HOURS + stored * STORED / 720 + sent * DOWNLOAD_GB
        found.append(total.quantize(nano, context=context))
    return found


def cpu(work: Callable[[], object], repeat: int = 5) -> float:
    """Return the median CPU seconds of a call, after one to warm up."""
    work()
    times = []
    for _ in range(repeat):
        begin = time.process_time()
        work()
        times.append(time.process_time() - begin)
    return median(times)


def compare(count: int) -> None:
    data = market(count)
    table = pa.table(data)
    eager, series = pl.from_arrow(table), pd.DataFrame(data)
    floats = eager.select("num_gpus", *(pl.col(n) / 1e12 for n in list(data)[1:]))
    few = 20_000
    decimals = [
        (int(g), *(Decimal(int(x)).scaleb(-12) for x in cells))
        for g, *cells in zip(*(data[n][:few] for n in data), strict=True)
    ]
    want = by_numpy(data)
    assert (by_polars(eager)["quote_total"].to_numpy() == want).all()
    assert (by_pandas(series).to_numpy() == want).all()
    assert [int(x.scaleb(9)) for x in by_decimal(decimals)] == want[:few].tolist()
    ours = {
        "polars": lambda: by_frames(eager),
        "pandas": lambda: by_frames(series),
        "pyarrow": lambda: by_frames(table),
        "duckdb": lambda: by_frames(duckdb.from_arrow(table)).to_arrow_table(),
    }
    assert (by_frames(eager)["quote_total"].to_numpy() == want).all()
    assert (by_frames(series)["quote_total"].to_numpy() == want).all()
    assert (ours["duckdb"]()["quote_total"].to_numpy() == want).all()
    times = {name: cpu(work) for name, work in ours.items()}
    others = {
        "polars": {
            "hand-written Polars, exact": cpu(lambda: by_polars(eager)),
            "hand-written Polars, floats (not exact)": cpu(lambda: by_polars_floats(floats)),
            "NumPy in 16k pieces, exact": cpu(lambda: by_numpy(data)),
            "pandas by hand, exact": cpu(lambda: by_pandas(series)),
            "Decimal loop": cpu(lambda: by_decimal(decimals), 3) * count / few,
        },
        "pandas": {"pandas by hand, exact": cpu(lambda: by_pandas(series))},
        "pyarrow": {"hand-written Polars, exact": cpu(lambda: by_polars(eager))},
        "duckdb": {"hand-written Polars, exact": cpu(lambda: by_polars(eager))},
    }
    times["polars"] = cpu(ours["polars"])  # again, beside its alternatives
    found = [
        Row(f"frames on {engine}, a row", name, theirs / count, times[engine] / count)
        for engine, rows in others.items()
        for name, theirs in rows.items()
    ]
    print_table(f"A stay priced for {count:,} offers", found)


def growth() -> None:
    print("\nGrowth on Polars, CPU time a row")
    for count in (10**3, 10**4, 10**5, 10**6, 10**7):
        eager = pl.DataFrame(market(count))
        used = cpu(lambda eager=eager: by_frames(eager), 3)
        hand = cpu(lambda eager=eager: by_polars(eager), 3)
        each = f"frames {used / count * 1e9:9.1f} ns  by hand {hand / count * 1e9:9.1f} ns"
        print(f"{count:>12,}  {each}")


def out_of_core(count: int, limit: str = "1500MB") -> None:
    """Price offers made by DuckDB itself into a Parquet file, within a memory limit."""
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        connection = duckdb.connect()
        connection.execute(f"SET memory_limit = '{limit}'; SET preserve_insertion_order = false")
        connection.execute(f"SET temp_directory = '{folder}/spill'")
        offers = connection.sql(
            f"""SELECT i AS id, 1 + i % 8 AS num_gpus,
                (1 + i % 8) * (10000000000 + i * 7919 % 4000000000000) AS dph_base,
                10000000000 + i * 104729 % 500000000000 AS storage_cost,
                i * 1299709 % 20000000000 AS inet_down_cost
            FROM range({count}) AS t(i)"""
        )
        begin, used = time.perf_counter(), time.process_time()
        priced = by_frames(offers)
        target = Path(folder) / "priced.parquet"
        priced.select("id, quote_total").write_parquet(str(target))
        size = target.stat().st_size
        (total,) = connection.sql(f"SELECT sum(quote_total) FROM '{target}'").fetchall()[0]
        wall, used = time.perf_counter() - begin, time.process_time() - used
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        check = random.Random(1)
        some = [check.randrange(count) for _ in range(5)]
        rows = connection.sql(
            f"SELECT id, quote_total FROM '{target}' WHERE id IN ({','.join(map(str, some))})"
        ).fetchall()
        for i, got in rows:
            cells = (
                np.array([1 + i % 8]),
                np.array([(1 + i % 8) * (10**10 + i * 7919 % (4 * 10**12))]),
                np.array([10**10 + i * 104729 % (5 * 10**11)]),
                np.array([i * 1299709 % (2 * 10**10)]),
            )
            assert got == columns_total(*cells, as_int=lambda x: x.astype(np.int64))[0]
    print(f"\n{count:,} offers in DuckDB, memory_limit {limit}")
    print(
        f"wall {wall:.0f} s, CPU {used:.0f} s, peak RSS {peak:,.0f} MB, file {size / 1e6:,.0f} MB"
    )
    print(f"sum of totals ${total / 1e9:,.2f}")


def main() -> None:
    if sys.argv[1:2] == ["duckdb"]:
        out_of_core(int(float(sys.argv[2])))
        return
    compare(10**6)
    growth()


if __name__ == "__main__":
    main()
