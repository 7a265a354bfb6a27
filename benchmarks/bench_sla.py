"""Promises of uptime: a year of a contract settled, and the fees of a million offers as columns.

The settlement has a limit of its own (3 ms), not a peer: what it is beside is that limit.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import numpy as np
import polars as pl
from harness import Row, in_turn, median_cpu, print_table

from numgenius_core import Interval, PerHour
from numgenius_core.frames import Column, promise_fees
from numgenius_core.sla import OUR_RULES, Outage, Promise, SlaTerms, UptimeHistory, cover, settle

YEAR = 365 * 86_400
START = datetime(2026, 1, 1, tzinfo=UTC)
LIMIT = 0.003
COUNT = 1_000_000
TARGET = Fraction(19, 20)
CLAIMS, SPREADS = (0.9, 0.95, 0.98, 0.99, 0.995, 0.999, 0.9995, 0.9999), (0.1, 0.32, 0.5, 0.71, 1.5)
MILLION, PICO = 10**6, 10**12


def a_year(outages: int) -> UptimeHistory:
    """Return a rented year with outages of minutes to hours, a fifth of them announced."""
    draw, found = random.Random(7), []
    starts = sorted(draw.sample(range(0, YEAR - 40_000, 40), outages))
    for start, after in zip(starts, [*starts[1:], YEAR], strict=True):
        length = min(after - start, 30 + int(draw.expovariate(1 / 900)))
        begin = START + timedelta(seconds=start)
        told = begin - timedelta(hours=30) if draw.random() < 0.2 else None
        period = Interval(begin, begin + timedelta(seconds=length))
        found.append(Outage(period=period, announced=told))
    rental = Interval(START, START + timedelta(seconds=YEAR))
    return UptimeHistory(rentals=(rental,), outages=tuple(found))


def offers() -> pl.DataFrame:
    draw = np.random.default_rng(7)
    return pl.DataFrame(
        {
            "dph_total": draw.integers(10**10, 4 * 10**13, COUNT),
            "sla_r_claim": draw.choice([0.0, *CLAIMS], COUNT),
            "sla_sigma_x": draw.choice(SPREADS, COUNT),
        }
    )


def by_frames(frame: pl.DataFrame) -> pl.DataFrame:
    return promise_fees(frame, "0.95", price=Column("dph_total", "pico"))


def by_polars(frame: pl.DataFrame) -> pl.DataFrame:
    """The same by hand: a table of the promises, joined, and the product in exact halves."""
    rows: list[dict[str, Any]] = []
    few = frame.select("sla_r_claim", "sla_sigma_x").unique()
    for claim, spread in few.iter_rows():
        if claim and Fraction(str(claim)) >= TARGET:
            terms = SlaTerms(Promise(Fraction(str(claim)), Fraction(str(spread))), TARGET)
            high, low = divmod(int(OUR_RULES.fee.factor(terms) * PICO), MILLION)
            rows.append({"sla_r_claim": claim, "sla_sigma_x": spread, "high": high, "low": low})
    price, high, low = pl.col("dph_total"), pl.col("high"), pl.col("low")
    many, few_ = price // MILLION, price - price // MILLION * MILLION
    joined = frame.lazy().join(
        pl.DataFrame(rows).lazy(),
        on=["sla_r_claim", "sla_sigma_x"],
        how="left",
        maintain_order="left",
    )
    steps = (
        joined.with_columns(many=many, few=few_)
        .with_columns(cross=pl.col("many") * low + pl.col("few") * high)
        .with_columns(more=pl.col("cross") // MILLION)
        .with_columns(
            below=(pl.col("cross") - pl.col("more") * MILLION) * MILLION + pl.col("few") * low
        )
        .with_columns(carry=pl.col("below") // PICO)
        .with_columns(
            rest=pl.col("below") - pl.col("carry") * PICO,
            whole=pl.col("many") * high + pl.col("more") + pl.col("carry"),
        )
        .with_columns(
            fee=pl.col("whole") + (2 * pl.col("rest") + pl.col("whole") % 2 > PICO).cast(pl.Int64)
        )
        .with_columns(nano=pl.col("fee") // 1_000)
    )
    odd = pl.col("nano") % 2
    left = pl.col("fee") - pl.col("nano") * 1_000
    rounded = pl.col("nano") + (2 * left + odd > 1_000).cast(pl.Int64)
    return steps.select(*frame.columns, sla_fee_per_hour=rounded).collect()


def main() -> None:
    bought = cover(SlaTerms(Promise("0.99"), "0.95"), PerHour("3.50"))
    history = a_year(1_000)
    took = median_cpu(lambda: settle(bought, history), 5, 15)
    rows = [Row("a year, 1,000 outages", "the limit of 3 ms", LIMIT, took)]
    print_table("A promise settled", rows)
    frame = offers()
    assert by_frames(frame).equals(by_polars(frame))
    compared = in_turn(
        "fees of 1,000,000 offers",
        lambda: by_frames(frame),
        {"Polars by hand": lambda: by_polars(frame)},
        1,
    )
    print_table("Promises as columns", compared)


if __name__ == "__main__":
    main()
