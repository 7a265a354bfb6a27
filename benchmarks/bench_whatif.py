"""Simulating a market: rentals a second, how it grows, one core and two, and the memory of it.

The month is one machine of 8 GPUs at 83 % occupancy, on demand, reserved and bidding: 17,000
clients come and 10,000 of them rent. The alternative for one rental is the least that CPython
can do for it in the same style: a heap push and pop, an allocation from the tables, and a charge.
The sweep's times are of the clock, since other processes compute.
"""

from __future__ import annotations

import tracemalloc
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from time import perf_counter

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


def month(days: int = 30, machines: int = 1) -> Scenario:
    horizon = Interval(START, START + timedelta(days=days))
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
        best_fit(8, 1, number & 255, 1)
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
    growth()
    cores()


def growth() -> None:
    rows = []
    for days, machines in ((3, 1), (30, 1), (90, 1), (1, 10), (1, 40)):
        scenario = drawn(month(days, machines))
        rentals = simulate(scenario).rented
        each = median_cpu(lambda: simulate(scenario), 1, 1) / rentals  # noqa: B023 - now
        name = f"{days} days, {machines} machine(s), {rentals:,} rentals"
        rows.append(f"{name:45} {duration_text(each):>10} a rental")
    print("\nGrowth\n" + "\n".join(rows))


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
