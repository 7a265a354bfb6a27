"""The whole market: commands per second as it grows, and the replay of its events.

A market of n machines of 8 GPUs holds ten contracts for each machine: two on demand for two GPUs
each and eight bids. Then commands come to machines drawn at random: rentals, bids, changed bids,
stops, starts, destructions. ``execute`` is decide and evolve together; each command is timed with
all that follows from it. A dict that is copied for each event is what the persistent table
replaces. Run with ``--replay N`` to replay N events and show the memory of the state.
"""

from __future__ import annotations

import gc
import random
import resource
import sys
import time
import warnings
from datetime import UTC, datetime, timedelta

from harness import Row, duration_text, print_table

from numgenius_core.errors import NumgeniusError
from numgenius_core.ids import AccountId, ContractId, MachineId
from numgenius_core.listing import Machine, Mode, PriceTerms
from numgenius_core.market import Market, commands as c, evolve, execute
from numgenius_core.market.events import Event
from numgenius_core.money import Money
from numgenius_core.rates import PerGbMonth, PerGpuHour, PerHour

START = datetime(2026, 1, 1, tzinfo=UTC)
PRICES = PriceTerms(
    gpu=PerGpuHour("0.40"),
    storage=PerGbMonth("0.10"),
    min_bid=PerGpuHour("0.05"),
    platform_fee="0.25",
)
BLOCKS = 15  # of a machine of 8 GPUs


class Driver:
    """A market, and commands for it."""

    def __init__(self, machines: int, keep: bool = False) -> None:
        self.rng = random.Random(7)
        self.market, self.at = Market(), START
        self.events: list[Event] = []
        self.keep = keep
        self.clients = [AccountId(f"client-{i}") for i in range(machines * 2)]
        for client in self.clients:
            self.do(c.AddCredit(account=client, amount=Money(100_000)))
        for number in range(machines):
            self._add(number)

    def do(self, command: c.Command) -> None:
        self.market, events = execute(self.market, command, self.at)
        if self.keep:
            self.events += events

    def _add(self, number: int) -> None:
        host, machine = AccountId(f"host-{number}"), MachineId(number)
        self.do(
            c.AddMachine(
                machine=Machine(
                    id=machine, host=host, gpu_name="RTX 4090", gpus=8, disk_mb=2_000_000
                )
            )
        )
        self.do(
            c.ListMachine(by=host, machine=machine, prices=PRICES, end=START + timedelta(days=3650))
        )
        for place in (9, 10):  # two GPUs each
            self.rent(machine, place, Mode.ON_DEMAND)
        for _ in range(8):
            self.rent(machine, self.rng.randrange(BLOCKS), Mode.INTERRUPTIBLE)

    def rent(self, machine: MachineId, place: int, mode: Mode) -> None:
        state = self.market.machine(machine)
        size = state.blocks()[place].size
        bid = None
        if mode is Mode.INTERRUPTIBLE:
            bid = PerHour.from_steps(self.rng.randrange(50, 500) * 10**9 * size)
        self.do(
            c.Rent(
                by=self.rng.choice(self.clients),
                offer=state.offer_id(place),
                mode=mode,
                bid=bid,
                disk_mb=1_000,
            )
        )

    def step(self) -> None:
        """Do one command that suits the market."""
        self.at += timedelta(seconds=self.rng.randrange(3))
        machine = MachineId(self.rng.randrange(len(self.market.machines)))
        instances = list(self.market.machine(machine).instances.values())
        draw = self.rng.random()
        if len(instances) < 8 or (draw < 0.35 and len(instances) < 14):  # stays about as full
            mode = Mode.ON_DEMAND if self.rng.random() < 0.2 else Mode.INTERRUPTIBLE
            self.rent(machine, self.rng.randrange(BLOCKS), mode)
            return
        chosen = self.rng.choice(instances)
        client, contract = chosen.contract.client, ContractId(chosen.id)
        if draw < 0.65 and chosen.bid is not None:
            size = chosen.contract.block.size
            bid = PerHour.from_steps(self.rng.randrange(50, 500) * 10**9 * size)
            self.do(c.ChangeBid(by=client, contract=contract, bid=bid))
        elif draw < 0.75:
            self.do(c.Stop(by=client, contract=contract))
        elif draw < 0.8:
            self.do(c.Start(by=client, contract=contract))
        else:
            self.do(c.Destroy(by=client, contract=contract))

    def run(self, count: int) -> tuple[float, int]:
        """Return the CPU seconds of a command, and how many of ``count`` were refused."""
        refused = 0
        begin = time.process_time()
        for _ in range(count):
            try:
                self.step()
            except NumgeniusError:
                refused += 1
        return (time.process_time() - begin) / count, refused


def copied_dict(size: int) -> float:
    """Return the CPU seconds of replacing one entry of a dict by copying it."""
    entries = dict.fromkeys(range(size), 0)
    begin = time.process_time()
    for i in range(50):
        entries = {**entries, i: i}
    return (time.process_time() - begin) / 50


def growth() -> None:
    rows = []
    for machines in (10, 100, 1_000, 10_000):
        driver = Driver(machines)
        driver.run(500)
        gc.collect()
        gc.freeze()  # as a service does after its start: old objects are not looked at again
        each, refused = driver.run(5_000)
        gc.unfreeze()
        contracts = len(driver.market.homes)
        work = f"{machines:,} machines, {contracts:,} contracts, {refused / 5_000:.0%} refused"
        rows.append(Row(work, "copying a dict of the contracts", copied_dict(contracts), each))
    print_table("One command of the market", rows)


def replay_all(count: int) -> None:
    driver = Driver(1_000, keep=True)
    while len(driver.events) < count:
        driver.run(1_000)
    events = driver.events[:count]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begin = time.process_time()
    state = Market()
    for event in events:
        state = evolve(state, event)
    spent = time.process_time() - begin
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(
        f"\nreplayed {count:,} events in {duration_text(spent)}, {duration_text(spent / count)} "
        f"each; the process grew from {before / 1024:,.0f} to {after / 1024:,.0f} MB at its peak; "
        f"{len(state.homes):,} instances, {len(state.archive):,} destroyed"
    )


def main() -> None:
    warnings.simplefilter("ignore")
    if "--replay" in sys.argv:
        replay_all(int(sys.argv[sys.argv.index("--replay") + 1]))
    else:
        growth()


if __name__ == "__main__":
    main()
