"""The whole market: what a command costs beside the least that does it, as it grows, in a replay.

    python benchmarks/bench_market.py                 # all parts, some three minutes
    python benchmarks/bench_market.py floor growth    # those
    python benchmarks/bench_market.py replay --long   # a million events

The parts: ``floor`` is one changed bid beside the same by hand, alone and in a batch of 400, after
which the market is a value again (by hand it is one after each); ``mix`` is commands of all kinds
on 10 to 10,000 machines; ``replay`` is the state from a log; ``growth`` doubles how much lies in
one place and marks what takes more than n log n; ``eventsourcing`` is an aggregate that keeps a
dict of bids, with no rules; ``calls`` counts Python's calls, which no busy machine disturbs.

``execute`` is decide and evolve together; each command is timed with all that follows from it.
Commands are made beforehand and a market is a value, so every run is the same.
"""

from __future__ import annotations

import argparse
import gc
import random
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib.util import find_spec
from math import log2
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from statistics import median
from types import FrameType

from attrs import astuple
from harness import Row, duration_text, in_turn, print_table
from market_by_hand import Event as HandEvent, State, by_hand, change_bid

import numgenius_core
from numgenius_core import Interval
from numgenius_core.contracts import InstanceState
from numgenius_core.errors import NumgeniusError
from numgenius_core.ids import AccountId, ContractId, MachineId
from numgenius_core.listing import Machine, Mode, PriceTerms
from numgenius_core.maintenance import Category, MaintenanceWindow
from numgenius_core.market import Market, commands as c, execute, execute_all, replay, views
from numgenius_core.market.events import BidChanged, Event, InstancePaused
from numgenius_core.market.instance import WAITING, Instance
from numgenius_core.market.journal import event_from_json, event_to_json
from numgenius_core.money import Money
from numgenius_core.rates import PerGbMonth, PerGpuHour, PerHour

START = datetime(2026, 1, 1, tzinfo=UTC)
END = START + timedelta(days=3_650)
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
BLOCKS = 15  # of a machine of 8 GPUs
SINGLES, WHOLE = range(8), 14  # the blocks of one GPU, and of all
PARTS = ("floor", "mix", "replay", "growth", "eventsourcing", "calls")
N_LOG_N = 2.3  # the time of twice as many, at most
Timed = tuple[c.Command, datetime]


def prices(storage: str = "0.10") -> PriceTerms:
    return PriceTerms(
        gpu=PerGpuHour("0.40"),
        storage=PerGbMonth(storage),
        min_bid=PerGpuHour("0.05"),
        platform_fee="0.25",
    )


def host_of(machine: int) -> AccountId:
    return AccountId(f"host-{machine}")


class Driver:
    """A market, and commands for it; those it was given since ``commands`` was last cleared."""

    def __init__(
        self, machines: int, clients: int, credit: str = "1000000", *, gpus: int = 8
    ) -> None:
        self.rng = random.Random(7)
        self.market, self.at = Market(), START
        self.events: list[Event] = []
        self.commands: list[Timed] = []
        self.clients = [AccountId(f"client-{number}") for number in range(clients)]
        for client in self.clients:
            self.do(c.AddCredit(account=client, amount=Money(credit)))
        for number in range(machines):
            machine = Machine(
                id=MachineId(number),
                host=host_of(number),
                gpu_name="RTX 4090",
                gpus=gpus,
                disk_mb=100_000_000,
            )
            self.do(c.AddMachine(machine=machine))
            self.publish(number, prices(), END)

    def do(self, command: c.Command) -> None:
        self.commands.append((command, self.at))
        self.market, events = execute(self.market, command, self.at)
        self.events += events

    def publish(self, machine: int, terms: PriceTerms, end: datetime) -> None:
        number = MachineId(machine)
        self.do(c.ListMachine(by=host_of(machine), machine=number, prices=terms, end=end))

    def price(self, size: int) -> PerHour:
        return PerHour.from_steps(self.rng.randrange(50, 500) * 10**9 * size)

    def rent(self, machine: int, index: int, client: AccountId, *, bids: bool = True) -> None:
        state = self.market.machine(MachineId(machine))
        self.do(
            c.Rent(
                by=client,
                offer=state.offer_id(index),
                mode=Mode.INTERRUPTIBLE if bids else Mode.ON_DEMAND,
                bid=self.price(state.blocks()[index].size) if bids else None,
                disk_mb=1_000,
            )
        )

    def bid(self, machine: int, count: int) -> None:
        """Let clients in turn bid on blocks drawn at random."""
        for number in range(count):
            client = self.clients[number % len(self.clients)]
            self.rent(machine, self.rng.randrange(BLOCKS), client)

    def load(self, machine: int) -> None:
        """Let all instances of a machine that load run."""
        for each in self.market.machine(MachineId(machine)).in_order():
            if each.state is InstanceState.LOADING:
                self.do(c.ReportLoaded(contract=each.id))


def execute_each(market: Market, commands: list[Timed]) -> Market:
    for command, at in commands:
        try:
            market, _ = execute(market, command, at)
        except NumgeniusError:  # ``suppress`` would take 0.3 µs of each command
            continue
    return market


# --- one changed bid ------------------------------------------------------------------------


def changed_bids(machines: int, bids: int, count: int) -> tuple[Market, list[Timed]]:
    """Return machines on each of which bids stand, and commands that change them."""
    driver = Driver(machines, clients=machines * 2)
    for number in range(machines):
        driver.bid(number, bids)
        driver.load(number)
    start = driver.market
    instances = [each for state in start.machines.values() for each in state.in_order()]
    driver.commands.clear()
    for _ in range(count):
        driver.at += SECOND
        each = driver.rng.choice(instances)
        bid = driver.price(each.contract.block.size)
        driver.do(c.ChangeBid(by=each.contract.client, contract=each.id, bid=bid))
    return start, driver.commands


def plain_commands(commands: list[Timed]) -> list[tuple[int, int, int]]:
    """Return changed bids as the floor likes them best."""
    return [
        (int(at.timestamp()), command.contract, command.bid.steps)
        for command, at in commands
        if isinstance(command, c.ChangeBid) and command.bid is not None
    ]


def change_each(state: State, commands: list[tuple[int, int, int]]) -> State:
    for at, contract, price in commands:
        state, _ = change_bid(state, at, contract, price)
    return state


def check_floor(market: Market, commands: list[Timed]) -> None:
    """Make sure that the floor decides as we do, to the tick."""
    state = by_hand(market)
    for (command, at), plain in zip(commands, plain_commands(commands), strict=True):
        market, events = execute(market, command, at)
        state, theirs = change_bid(state, *plain)
        assert [plain_event(each) for each in events] == [*map(hand_event, theirs)], events
    now = int(commands[-1][1].timestamp())
    for name, (ticks, since, rate) in state.accounts.items():
        there = ticks + rate * (now - since)
        assert market.account(AccountId(name)).ledger.at(commands[-1][1]).ticks == there
    assert state.platform == by_hand(market).platform


def plain_event(event: Event) -> tuple[object, ...]:
    kind, at = type(event).__name__, int(event.at.timestamp())
    if isinstance(event, BidChanged):
        return kind, at, event.contract, event.bid.steps, event.arrival
    by = (event.by,) if isinstance(event, InstancePaused) else ()
    return kind, at, event.contract, *by  # type: ignore[union-attr]  # of these all have one


def hand_event(event: HandEvent) -> tuple[object, ...]:
    return type(event).__name__, *astuple(event)


def floor() -> None:
    rows = []
    for machines in (1, 100, 1_000):
        market, commands = changed_bids(machines, 10, 400)
        check_floor(market, commands)
        state, plain = by_hand(market), plain_commands(commands)
        for told, ours in (("", execute_each), (" of a batch", execute_all)):
            rows += in_turn(
                f"one changed bid{told}, 10 on each of {machines:,} machine(s)",
                partial(ours, market, commands),
                {"by hand": partial(change_each, state, plain)},
                number=1,
                per=len(commands),
            )
    print_table("One changed bid on a machine of 8 GPUs", rows)


# --- commands of all kinds ------------------------------------------------------------------


class Mixed(Driver):
    """Machines with ten instances each: two on demand for two GPUs each, and eight bids."""

    def __init__(self, machines: int) -> None:
        super().__init__(machines, clients=2 * machines)
        self.machines = machines
        for number in range(machines):
            for index in (10, 11):
                self.rent(number, index, self.rng.choice(self.clients), bids=False)
            for _ in range(8):
                self.rent(number, self.rng.randrange(BLOCKS), self.rng.choice(self.clients))
            self.load(number)

    def run(self, count: int) -> list[Timed]:
        """Do commands that suit the market, and return them; some are refused."""
        self.commands.clear()
        while len(self.commands) < count:
            self.at += SECOND * self.rng.randrange(3)
            with suppress(NumgeniusError):
                self.step()
        return self.commands.copy()

    def step(self) -> None:
        number = self.rng.randrange(self.machines)
        instances = list(self.market.machine(MachineId(number)).instances.values())
        draw = self.rng.random()
        if len(instances) < 8 or (draw < 0.2 and len(instances) < 14):  # stays about as full
            client, bids = self.rng.choice(self.clients), self.rng.random() < 0.8
            self.rent(number, self.rng.randrange(BLOCKS), client, bids=bids)
            return
        each = self.rng.choice(instances)
        self.do(self._about(each, draw))

    def _about(self, each: Instance, draw: float) -> c.Command:
        by, contract = each.contract.client, ContractId(each.id)
        if each.state is InstanceState.LOADING:
            return c.ReportLoaded(contract=contract)
        if each.state is InstanceState.STOPPED and draw < 0.7:
            return c.Start(by=by, contract=contract)
        if draw < 0.55 and each.bid is not None:
            return c.ChangeBid(by=by, contract=contract, bid=self.price(each.contract.block.size))
        if draw < 0.65:
            return c.CountTraffic(contract=contract, sent=10**9, received=10**8)
        if draw < 0.75:
            return c.Tick()
        if draw < 0.82:
            return c.Stop(by=by, contract=contract)
        return c.Destroy(by=by, contract=contract)


def mix() -> None:
    worlds = {}
    for machines in (10, 1_000, 10_000):
        driver = Mixed(machines)
        driver.run(500)
        driver.events.clear()
        start = driver.market
        worlds[machines] = start, driver.run(2_000)
    gc.collect()
    gc.freeze()  # old objects are not looked at again
    few = worlds.pop(10)
    rows: list[Row] = []
    for machines, many in worlds.items():
        rows += in_turn(
            f"a command, {machines:,} machines",
            partial(execute_each, *many),
            {"10 machines": partial(execute_each, *few)},
            number=1,
            repeat=5,
            per=2_000,
        )
    gc.unfreeze()  # with the collector as it is by itself: it looks at whatever is young
    took = []
    for _ in range(5):
        begin = time.process_time()
        execute_each(*many)
        took.append((time.process_time() - begin) / 2_000)
    without, name = rows[-1].ours, "a command, 10,000 machines, with Python's collector"
    rows.append(Row(name, "without", without, median(took)))
    print_table("Commands of all kinds", rows)
    ours, theirs = by_kind(*many), by_kind(*few)
    rows = [
        Row(f"{kind}, 10,000 machines", "10 machines", theirs[kind], ours[kind])
        for kind in sorted(ours, key=ours.__getitem__)
        if kind in theirs
    ]
    print_table("Commands by their kinds", rows)


def by_kind(market: Market, commands: list[Timed]) -> dict[str, float]:
    """Return the median CPU seconds of the commands of each kind that are not refused."""
    times = defaultdict[str, list[float]](list)
    for command, at in commands:
        begin = time.process_time()
        try:
            market, _ = execute(market, command, at)
        except NumgeniusError:
            continue
        times[type(command).__name__].append(time.process_time() - begin)
    return {kind: median(took) for kind, took in times.items()}


# --- the state from a log -------------------------------------------------------------------


def peak_mb() -> float:
    return getrusage(RUSAGE_SELF).ru_maxrss / 1e3


def replay_log(*, long: bool) -> None:
    most = 1_000_000 if long else 200_000
    driver = Mixed(1_000)
    while len(driver.events) < most:
        driver.run(1_000)
    events = driver.events
    del driver
    gc.collect()
    gc.freeze()
    few, many = events[:100_000], events[:200_000]
    (row,) = in_turn(
        "a replay of 200,000 events",
        lambda: replay(many),
        {"of 100,000": lambda: replay(few)},
        number=1,
        repeat=1,
    )
    print_table("The state from a log of 1,000 machines", [row])
    each, growth = row.ours / 200_000, row.ratio / 2
    print(f"\n{1 / each:,.0f} events a second; each takes {growth:.2f} × as long in twice as many")
    if long:
        held = peak_mb()
        for count in (10_000, 100_000, 1_000_000):
            begin = time.process_time()
            state = replay(events[:count])
            took = time.process_time() - begin
            print(f"{count:,} events: {duration_text(took)}; {len(state.homes):,} instances")
        print(f"at most {peak_mb():,.0f} MB of memory in all, {held:,.0f} MB of it the events")
    else:
        guess = 1_000_000 * each * max(growth, 1) ** log2(5)
        print(f"1,000,000 events at this pace: {duration_text(guess)} (--long measures them)")
    gc.unfreeze()


# --- much in one place ----------------------------------------------------------------------

Work = Callable[[], object]


def bids_on_a_machine(n: int) -> Work:
    driver = Driver(1, clients=1)
    start = driver.market
    driver.commands.clear()
    driver.bid(0, n)
    return lambda: execute_each(start, driver.commands)


def windows_of_a_machine(n: int) -> Work:
    """Schedule windows and let them pass."""
    driver = Driver(1, clients=1)
    driver.bid(0, 1)
    start, day = driver.market, timedelta(days=1)
    driver.commands.clear()
    for number in range(n):
        begins = START + HOUR + number * timedelta(minutes=10)
        period = Interval(begins, begins + timedelta(minutes=5))
        window = MaintenanceWindow(period=period, category=Category.GPU, reason="")
        driver.do(c.ScheduleMaintenance(by=host_of(0), machine=MachineId(0), window=window))
    driver.at = START + day * 100
    driver.do(c.Tick())
    return lambda: execute_each(start, driver.commands)


def reports_of_a_machine(n: int) -> Work:
    """Let a machine with ten bids go and come."""
    driver = Driver(1, clients=10)
    driver.bid(0, 10)
    driver.load(0)
    start = driver.market
    driver.commands.clear()
    for number in range(n):
        driver.at += SECOND
        kind = c.ReportOnline if number % 2 else c.ReportOffline
        driver.do(kind(machine=MachineId(0)))
    return lambda: execute_each(start, driver.commands)


def account_runs_dry(n: int) -> Work:
    """Let the balance of an account run out that has n instances, on a machine of n GPUs."""
    driver = Driver(1, clients=1, gpus=n)
    for index in range(n):
        driver.rent(0, index, driver.clients[0], bids=False)
    driver.load(0)
    market, at = driver.market, START + timedelta(days=3_000)
    return lambda: execute(market, c.Tick(), at)


def balances_run_dry(n: int) -> Work:
    """Let the balances of n bids on one machine run out, one after the other."""
    driver = Driver(1, clients=n, credit="0.01")
    driver.bid(0, n)
    driver.load(0)
    market, at = driver.market, START + timedelta(days=3_000)
    return lambda: execute(market, c.Tick(), at)


def increases_of_a_machine(n: int) -> Work:
    """Ask n clients for a higher price; each accepts."""
    driver = Driver(1, clients=n)
    driver.bid(0, n)
    start = driver.market
    driver.commands.clear()
    driver.publish(0, prices("0.11"), END + HOUR)
    for increase, each in list(driver.market.machine(MachineId(0)).increases.items()):
        by = each.contract.client
        driver.do(c.AcceptPriceIncrease(by=by, increase=increase))
    return lambda: execute_each(start, driver.commands)


def increases_of_a_contract(n: int) -> Work:
    """Ask the same client n times; it accepts each time."""
    driver = Driver(1, clients=1)
    driver.bid(0, 1)
    start = driver.market
    driver.commands.clear()
    for number in range(1, n + 1):
        driver.publish(0, prices(f"0.10{number:06}"), END + number * HOUR)
        (increase,) = driver.market.machine(MachineId(0)).increases
        driver.do(c.AcceptPriceIncrease(by=driver.clients[0], increase=increase))
    return lambda: execute_each(start, driver.commands)


def traffic_of_an_instance(n: int) -> Work:
    driver = Driver(1, clients=1)
    driver.bid(0, 1)
    start, (contract,) = driver.market, driver.market.homes
    count = c.CountTraffic(contract=contract, sent=10**9, received=10**8)
    commands: list[Timed] = [(count, START + number * SECOND) for number in range(n)]
    return lambda: execute_each(start, commands)


def volumes_of_a_machine(n: int) -> Work:
    """Rent volumes of one machine, let their time pass, and have them cleaned up."""
    driver = Driver(1, clients=1)
    machine, end = MachineId(0), START + timedelta(days=50)
    driver.do(c.ListVolume(by=host_of(0), machine=machine, size_mb=50_000_000, end=end))
    start = driver.market
    offer = start.machine(machine).volume_offer_id
    driver.commands.clear()
    for _ in range(n):
        driver.at += SECOND
        driver.do(c.RentVolume(by=driver.clients[0], offer=offer, size_mb=1_000))
    driver.at = START + timedelta(days=100)
    driver.do(c.CleanUp(by=host_of(0), machine=machine))
    return lambda: execute_each(start, driver.commands)


def reasons_of_who_waits(n: int) -> Work:
    """Ask each of n bids on one machine why it waits."""
    driver = Driver(1, clients=1)
    driver.bid(0, n)
    driver.load(0)
    market = driver.market
    waiting = [i.id for i in market.machine(MachineId(0)).in_order() if i.state in WAITING]
    return lambda: [views.why_waiting(market, each) for each in waiting]


def statement_of_a_history(n: int) -> Work:
    """State what an instance cost that was stopped and started, and changed its bid."""
    driver = Driver(1, clients=1)
    driver.bid(0, 1)
    driver.load(0)
    (contract,) = driver.market.homes
    (instance,) = driver.market.machine(MachineId(0)).in_order()
    by, size = instance.contract.client, instance.contract.block.size
    kinds: list[Callable[[], c.Command]] = [
        lambda: c.Stop(by=by, contract=contract),
        lambda: c.Start(by=by, contract=contract),
        lambda: c.ChangeBid(by=by, contract=contract, bid=driver.price(size)),
    ]
    for number in range(n):
        driver.at += SECOND
        driver.do(kinds[number % 3]())
    market, period = driver.market, Interval(START, driver.at)
    return lambda: views.statement_of(market, contract, period)


GROWTHS: dict[str, tuple[int, Callable[[int], Work]]] = {
    "bids on one machine": (500, bids_on_a_machine),
    "maintenance windows of one machine": (250, windows_of_a_machine),
    "reports that it is off and on": (250, reports_of_a_machine),
    "balances that run dry": (250, balances_run_dry),
    "instances of an account that runs dry": (256, account_runs_dry),
    "price increases of one machine": (250, increases_of_a_machine),
    "price increases of one contract": (150, increases_of_a_contract),
    "volumes of one machine": (250, volumes_of_a_machine),
    "bids that are asked why they wait": (500, reasons_of_who_waits),
    "traffic counts of one instance": (1_000, traffic_of_an_instance),
    "facts in one statement": (1_000, statement_of_a_history),
}


def growth() -> None:
    rows, marked = [], []
    for name, (least, prepare) in GROWTHS.items():
        works = {count: prepare(count) for count in (least, 2 * least, 4 * least)}
        pairs = []
        for count in (2 * least, 4 * least):
            half = count // 2
            (row,) = in_turn("", works[count], {"": works[half]}, number=1, repeat=3)
            workload = f"{count:,} {name}, {duration_text(row.ours / count)} each"
            alternative = f"{half:,}, {duration_text(row.theirs / half)} each"
            pairs.append(replace(row, workload=workload, alternative=alternative))
        mean = (pairs[0].ratio * pairs[1].ratio) ** 0.5  # one of them may be off on a busy machine
        if mean > N_LOG_N:
            marked.append(f"{name} ({mean:.2f})")
        rows += pairs
    print_table("Twice as much in one place", rows)
    print(f"\nmore than n log n (> {N_LOG_N} × for twice as many): {', '.join(marked) or 'none'}")


# --- beside a library -----------------------------------------------------------------------


def eventsourcing() -> None:
    if find_spec("eventsourcing") is None:
        print("\nno eventsourcing library here: python -m pip install 'eventsourcing>=9.5,<9.6'")
        return
    import bid_aggregate as theirs

    market, commands = changed_bids(1, 10, 1_000)
    plain = [(contract, price) for _, contract, price in plain_commands(commands)]
    kept = [event for events in events_of(market, commands) for event in events]
    lines = [event_to_json(event) for event in kept]
    past, store = theirs.changed(plain).collect_events(), theirs.Store()
    bids = theirs.saved(store, plain)
    works: list[tuple[str, Work, str, Work, int]] = [
        (
            "a changed bid, with who runs and what it costs",
            lambda: execute_each(market, commands),
            "an event of a dict",
            lambda: theirs.changed(plain),
            len(commands),
        ),
        (
            "and its events as JSON",
            lambda: [[*map(event_to_json, each)] for each in events_of(market, commands)],
            "saved as JSON in memory",
            lambda: theirs.saved(theirs.Store(), plain),
            len(commands),
        ),
        (
            "an event of a replay",
            lambda: replay(kept, market),
            "an event of a dict",
            lambda: theirs.replayed(past),
            len(kept),
        ),
        (
            "an event of a replay from JSON",
            lambda: replay(map(event_from_json, lines), market),
            "from its store",
            lambda: store.repository.get(bids),
            len(kept),
        ),
    ]
    rows = []
    for work, ours, name, other, events in works:
        (both,) = in_turn(work, ours, {name: other}, number=1, repeat=9)
        rows.append(Row(work, name, both.theirs / len(plain), both.ours / events))
    print_table("Bids beside an aggregate of eventsourcing 9.5, which keeps a dict of them", rows)


def events_of(market: Market, commands: list[Timed]) -> Iterator[tuple[Event, ...]]:
    for command, at in commands:
        market, events = execute(market, command, at)
        yield events


# --- calls ----------------------------------------------------------------------------------


def calls() -> None:
    print("\nPython's calls of functions of the package, in a rental that pauses six bids")
    for state, clients in (("load", 1), ("load", 6), ("run", 6)):
        driver = Driver(1, clients=clients + 1)
        for number in range(6):
            driver.rent(0, SINGLES[number], driver.clients[number % clients])
        if state == "run":
            driver.load(0)
        driver.at += SECOND
        rental = c.Rent(
            by=driver.clients[-1],
            offer=driver.market.machine(MachineId(0)).offer_id(WHOLE),
            mode=Mode.ON_DEMAND,
        )
        market, at = driver.market, driver.at
        execute(market, rental, at)  # fill caches
        found = calls_of(lambda: execute(market, rental, at))  # noqa: B023 - called at once
        most = ", ".join(f"{name} {count}" for name, count in found.most_common(6))
        who = "one client" if clients == 1 else "six clients"
        print(f"  six bids of {who} that {state}: {found.total()} ({most})")


def calls_of(work: Work) -> Counter[str]:
    """Return how often each function of the package is called."""
    package, found = str(Path(numgenius_core.__file__).parent), Counter[str]()

    def count(frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(package):
            found[f"{Path(code.co_filename).stem}.{code.co_qualname}"] += 1

    sys.setprofile(count)
    work()
    sys.setprofile(None)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("part", nargs="*", help=f"which: {', '.join(PARTS)}; all if none")
    parser.add_argument("--long", action="store_true", help="replay a million events")
    asked = parser.parse_args()
    if unknown := set(asked.part) - set(PARTS):
        parser.error(f"no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    do: dict[str, Callable[[], None]] = {
        "floor": floor,
        "mix": mix,
        "replay": lambda: replay_log(long=asked.long),
        "growth": growth,
        "eventsourcing": eventsourcing,
        "calls": calls,
    }
    for part in asked.part or PARTS:
        do[part]()


if __name__ == "__main__":
    main()
