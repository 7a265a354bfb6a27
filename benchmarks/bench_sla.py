"""Promises of uptime: a year settled, a midnight of a market, and a million fees as columns.

The settlement has a limit of its own (3 ms), not a peer: what it is beside is that limit. A
midnight is beside one by hand (``midnight_by_hand.py``), and beside one of half as many promises;
the time is of one settlement.

    python benchmarks/bench_sla.py midnight      # that alone
"""

from __future__ import annotations

import random
import sys
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import numpy as np
import polars as pl
from harness import Row, in_turn, median_cpu, print_table
from midnight_by_hand import State, by_hand, midnight

from numgenius_core import Interval, Machine, Mode, Money, PerGpuHour, PerHour, PriceTerms
from numgenius_core.frames import Column, promise_fees
from numgenius_core.market import Market, commands as do, events as e, execute, views
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


def a_market(machines: int, each: int) -> Market:
    """Return a market just before its second midnight, with as many promises on each machine.

    Ten machines are a host's, twenty clients rent. On the second day every other machine was down
    for an hour or more, so that half of the settlements pay something back.
    """
    prices = PriceTerms(gpu=PerGpuHour("3.5"), platform_fee=Fraction(1, 4))
    market, count = Market(), 0
    for number in range(20):
        command = do.AddCredit(account=f"client-{number}", amount=Money(10**6))
        market, _ = execute(market, command, START)
    for number in range(1, machines + 1):
        host = f"host-{number // 10}"
        machine = Machine(id=number, host=host, gpu_name="H100", gpus=each)
        listing = do.ListMachine(
            by=host, machine=number, min_gpu=1, sla_claim="0.99", prices=prices
        )
        for command in (do.AddMachine(machine=machine), listing):
            market, _ = execute(market, command, START)
        for offer in [one for one in views.offers(market, START, machine=number) if one.gpus == 1]:
            client, count = f"client-{count % 20}", count + 1
            rent = do.Rent(by=client, offer=offer.id, mode=Mode.ON_DEMAND, target="0.95")
            market, made = execute(market, rent, START)
            (contract,) = (one.contract.id for one in made if type(one) is e.ContractCreated)
            market, _ = execute(market, do.ReportLoaded(contract=contract), START)
    day = START + timedelta(days=1)
    for number in range(1, machines + 1, 2):
        down = do.ReportOffline(machine=number)
        market, _ = execute(market, down, day + timedelta(seconds=number))
    for number in range(1, machines + 1, 2):
        up = do.ReportOnline(machine=number)
        market, _ = execute(market, up, day + timedelta(hours=2, minutes=number))
    return market


def ours(market: Market) -> tuple[Market, list[e.PromiseSettled]]:
    """Settle the second day; nothing else is due."""
    after, events = execute(market, do.Tick(), START + timedelta(days=2))
    return after, [each for each in events if type(each) is e.PromiseSettled]


def agrees(market: Market, state: State) -> bool:
    """Return whether the midnight by hand is ours: what was paid to whom, what is left."""
    (after, events), (by_it, its) = ours(market), midnight(state)
    told = {each.contract: each for each in its}
    for event in events:
        day, it, left = event.day, told.pop(event.contract), by_it.promises[event.contract]
        amounts = (day.compute, day.fee, day.credit, day.escrow_to_client, day.escrow_to_host)
        of_it = (it.compute, it.fee, it.credit, it.paid, it.released)
        if tuple(amount.ticks for amount in amounts) != of_it or left.down:
            return False
        judged = (day.uptime_parts, day.blend_parts, event.left.memories)
        if judged != (it.uptime, it.blend, left.memories):
            return False
        if tuple(amount.ticks for amount in event.left.pending) != left.pending:
            return False
    at = START + timedelta(days=2)
    before, _ = execute(market, do.Tick(), at - timedelta(seconds=1))
    for name, brought in by_it.accounts.items():
        ledger = before.accounts[name].ledger
        if after.accounts[name].ledger.at(at).ticks != ledger.at(at).ticks + brought:
            return False
    return not told and any(each.credit for each in its) and any(not each.credit for each in its)


def midnights() -> list[Row]:
    """Return a settlement at midnight beside one by hand, and beside one among half as many."""
    rows, shapes = [], ((200, 1), (25, 8))
    for machines, each in shapes:
        market, count = a_market(machines, each), machines * each
        state = by_hand(market, START + timedelta(days=2))
        assert agrees(market, state)
        work = f"{count} promises, {each} on a machine"
        alternative = {"by hand": lambda state=state: midnight(state)}
        rows += in_turn(work, lambda market=market: ours(market), alternative, 1, per=count)
        half = a_market(machines // 2, each)
        fewer, most = (median_cpu(lambda it=it: ours(it), 1) for it in (half, market))
        rows.append(Row(work, f"{count // 2} of them", 2 * fewer / count, most / count))
    market = a_market(1, 8)
    year, two = (START + timedelta(days=days) for days in (365, 730))
    one = median_cpu(lambda: execute(market, do.Tick(), year), 1, 3) / (8 * 364)
    both = median_cpu(lambda: execute(market, do.Tick(), two), 1, 3) / (8 * 729)
    rows.append(Row("8 promises, two years at once", "one year", one, both))
    return rows


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
    if "midnight" in sys.argv[1:]:
        print_table("A settlement at midnight", midnights())
        return
    bought = cover(SlaTerms(Promise("0.99"), "0.95"), PerHour("3.50"))
    history = a_year(1_000)
    took = median_cpu(lambda: settle(bought, history), 5, 15)
    rows = [Row("a year, 1,000 outages", "the limit of 3 ms", LIMIT, took)]
    print_table("A promise settled", rows)
    print_table("A settlement at midnight", midnights())
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
