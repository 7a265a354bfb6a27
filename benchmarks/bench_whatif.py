"""Simulating a market: rentals a second, how it grows, one core and two, and the memory of it.

The month is one machine of 8 GPUs at 83 % occupancy, on demand, reserved and bidding: 17,000
clients come and 10,000 of them rent. The alternative for one rental is the least that CPython
can do for it in the same style: a heap push and pop, an allocation from the tables, and a charge.
The sweep's times are of the clock, since other processes compute. With the word `largest` the last
fleet has 10,000 machines and about a million rentals; that takes minutes.
"""

from __future__ import annotations

import gc
import sys
import tracemalloc
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from heapq import heappop, heappush
from resource import RUSAGE_SELF, getrusage
from time import perf_counter, process_time

from attrs import evolve
from harness import Row, duration_text, median_cpu, print_table

from numgenius_core.gpus import best_fit
from numgenius_core.ids import AccountId, MachineId
from numgenius_core.intervals import Interval
from numgenius_core.listing import Listing, Machine, Mode, PriceTerms
from numgenius_core.rates import PerGbMonth, PerGpuHour
from numgenius_core.whatif import Demand, LogNormal, Scenario, Trace, simulate, sweep, vary

START = datetime(2026, 1, 1, tzinfo=UTC)
DEMAND = Demand(
    per_day=560,
    sizes={1: 5, 2: 3, 4: 1, 8: 1},
    stays=LogNormal("0.2", "1.0"),
    modes={Mode.ON_DEMAND: 4, Mode.RESERVED: 1, Mode.INTERRUPTIBLE: 5},
    limits=LogNormal("0.6", "0.4"),
    bids=LogNormal("0.2", "0.4"),
    disk_mb=20_000,
    patience=86_400,
)


def listing(number: int = 1) -> Listing:
    machine = Machine(id=MachineId(number), host=AccountId("h"), gpu_name="RTX 4090", gpus=8)
    prices = PriceTerms(
        gpu=PerGpuHour("0.40"),
        storage=PerGbMonth("0.15"),
        min_bid=PerGpuHour("0.10"),
        platform_fee="0.25",  # type: ignore[arg-type]
    )
    return Listing(machine=machine, prices=prices)


def month(days: int | Fraction = 30, machines: int = 1) -> Scenario:
    horizon = Interval(START, START + timedelta(seconds=int(days * 86_400)))
    demand = evolve(DEMAND, per_day=560 * machines)
    fleet = tuple(listing(number) for number in range(machines))
    return Scenario(listings=fleet, demand=demand, horizon=horizon)


def drawn(scenario: Scenario) -> Scenario:
    trace = scenario.demand.draw(scenario.horizon, 0)
    return evolve(scenario, demand=Trace(trace.requests))


def least(rentals: int) -> None:
    heap: list[tuple[int, int]] = []
    price = PerGpuHour("0.40")
    for number in range(rentals):
        heappush(heap, (number * 7_919 % 86_400, number))
        if len(heap) > 8:
            heappop(heap)
        best_fit(8, 1, free=number & 255, size=1)
        price.charge(1, number)


def main() -> None:
    scenario = drawn(month())
    rentals = simulate(scenario).rented
    whole = median_cpu(lambda: simulate(scenario), 1, 5)
    bare = median_cpu(lambda: least(rentals), 1, 5)
    row = Row(f"{rentals:,} rentals", "least: heap, table, charge", bare, whole)
    print_table("A month of one machine of 8 GPUs", [row])
    kept = median_cpu(lambda: simulate(scenario, keep_histories=True), 1, 1)
    seeds = iter(range(1, 9))  # another one each time: the last few draws are remembered
    fresh = median_cpu(lambda: DEMAND.draw(scenario.horizon, next(seeds)), 1, 3)
    print(f"\n{rentals / whole:,.0f} rentals a second; with histories {duration_text(kept)}")
    print(f"drawing its {len(scenario.demand.requests):,} requests: {duration_text(fresh)}")
    tracemalloc.start()
    simulate(scenario)
    print(f"peak memory beside the requests: {tracemalloc.get_traced_memory()[1] / 1e6:.1f} MB")
    tracemalloc.stop()
    growth(10_000 if "largest" in sys.argv else 0)
    cores()


def growth(largest: int) -> None:
    """Compare a rental of a fleet with one of a single machine, measured again beside each."""
    alone = drawn(month())
    rentals_alone = simulate(alone).rented
    rows = []
    for days, machines in ((90, 1), (6, 10), (Fraction(3, 5), 100), (Fraction(3, 10), 1_000)):
        rows.append(_each(alone, rentals_alone, drawn(month(days, machines)), machines))
    if largest:
        began = process_time()
        scenario = drawn(month(Fraction(1, 3), largest))
        print(
            f"\n{len(scenario.demand.requests):,} requests: {process_time() - began:.0f} s to draw"
        )
        rows.append(_each(alone, rentals_alone, scenario, largest))
        print(f"at most {getrusage(RUSAGE_SELF).ru_maxrss / 1e3:,.0f} MB of memory in all")
    print_table("A rental of a fleet, beside one of a single machine", rows)


def _each(alone: Scenario, rentals: int, fleet: Scenario, machines: int) -> Row:
    """Return the least time of a rental of each, as what else the computer does only adds to it."""
    best = mine = float("inf")
    many = simulate(fleet).rented if machines < 1_000 else 0
    for _ in range(3 if many else 1):
        best = min(best, median_cpu(lambda: simulate(alone), 1, 3) / rentals)
        gc.collect()
        gc.disable()
        began = process_time()
        many = simulate(fleet).rented
        mine = min(mine, (process_time() - began) / many)
        gc.enable()
    return Row(f"{machines:,} machines, {many:,} rentals", "1 machine", best, mine)


def cores() -> None:
    options = vary(month(6), price=[PerGpuHour(p) for p in ("0.30", "0.40", "0.50", "0.60")])
    print("\nA sweep of 4 prices, 6 runs each")
    times = {}
    for workers in (1, 2):
        begin = perf_counter()
        sweep(options, runs=6, workers=workers)
        times[workers] = perf_counter() - begin
        print(f"{workers} worker(s): {duration_text(times[workers])}")
    print(f"two workers against one: {times[2] / times[1]:.2f}")


if __name__ == "__main__":
    main()
