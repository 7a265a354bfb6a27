"""The world around the service: clients, a network, workers, time, and what must always hold."""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import shutil
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from attrs import define, field, frozen
from starlette.types import ASGIApp, Message

from examples.marketplace.__main__ import seed
from examples.marketplace.app import Service
from examples.marketplace.commands import instances_load_at_once
from examples.marketplace.sqlite_log import SqliteLog
from examples.marketplace.store import NotStored, Store
from numgenius_core.contracts import InstanceState
from numgenius_core.errors import NumgeniusError
from numgenius_core.ids import ContractId, MachineId, VolumeId
from numgenius_core.market import Instance, Market, RentedVolume, commands as do, replay, views
from numgenius_core.market.events import (
    ContractCreated,
    CreditTransferred,
    Event,
    PayoutInvoiced,
    VolumeRented,
)
from numgenius_core.market.journal import event_to_json
from numgenius_core.market.logs import Entry, MemoryLog, Transaction, Writer
from numgenius_core.money import Money
from numgenius_core.testing import books_of
from simulation.disk import BrokenLog, Faults, Killed
from simulation.tally import Tally
from simulation.wishes import DISKS, HOST, Wish, Wishes

BEGIN: Final = datetime(2026, 1, 5, tzinfo=UTC)
CLIENTS: Final = ("ann", "ben", "cyd", "dan")
CREDIT: Final = Money(500)
HAS_GPUS: Final = frozenset({InstanceState.RUNNING, InstanceState.LOADING})
ASKED_FOR: Final = ContractCreated | CreditTransferred | PayoutInvoiced | VolumeRented
"""What never happens by itself."""


class Broken(Exception):
    """Something that must always hold does not."""


class Other(Exception):
    """Something has happened, but not what was to happen."""


class Judge(MemoryLog):
    """Keeps only what is right, if it was told what that is."""

    right: tuple[Event, ...] | None = None

    def append(self, expected: int, entries: Sequence[Entry]) -> None:
        happened = tuple(event for entry in entries for event in entry.all)
        if self.right not in (None, happened):
            raise Other(f"{happened}")
        super().append(expected, entries)


@define
class Request:
    """What a client wants, until it knows what became of it.

    Attributes:
        by: The client.
        key: Makes it happen once.
        method: Of the request.
        path: Of the request.
        body: Of the request.
        due: At which step it arrives next.
        answer: The first answer that says it happened.
        doubled: Whether the network sent it twice.
    """

    by: str
    key: str
    method: str
    path: str
    body: dict[str, Any]
    due: int
    answer: Any = None
    doubled: bool = False


@frozen
class Skewed:
    """A worker's clock, which is seconds off."""

    world: World
    seconds: int

    def __call__(self) -> datetime:
        return self.world.at + timedelta(seconds=self.seconds)


class Worker:
    """A process of the service."""

    def __init__(self, world: World) -> None:
        self.killed = False
        self.world = world
        self.store = Store(
            str(world.path),
            react=instances_load_at_once,
            clock=Skewed(world, world.dice.randint(-3, 3)),
            opens=self.opened,
            run=self.run,
        )
        self.app: ASGIApp = Service(self.store, 1e9, CREDIT, payouts=True).app()

    def opened(self, where: str, *, durable: bool) -> BrokenLog:
        return BrokenLog(where, self.world.faults, durable=durable)

    async def run(self, work: Callable[..., Any], wanted: Sequence[Transaction]) -> Any:
        """Carry out a batch in this very thread; a killed process says nothing any more."""
        for each in wanted:
            if each.command_id is not None:
                self.world.wanted[each.command_id].append(each)
        try:
            return work(wanted)
        except Killed:
            self.killed = True
            return await asyncio.get_running_loop().create_future()

    def end(self) -> None:
        """Let go of the file, without a word."""
        self.store.close()


@define
class World:
    """All there is, made of one seed."""

    number: int
    folder: Path
    steps: int = 150
    workers_at_once: int = 2
    make: Callable[[World], Worker] = Worker
    at: datetime = BEGIN
    now: int = 0
    made: int = 0
    dice: random.Random = field(init=False)
    path: Path = field(init=False)
    faults: Faults = field(init=False)
    workers: list[Worker] = field(factory=list)
    waiting: list[Request] = field(factory=list)
    answered: list[Request] = field(factory=list)
    told: Counter[str] = field(factory=Counter)
    keys: Counter[str] = field(factory=Counter)
    archive: dict[ContractId, Instance] = field(factory=dict)
    gone: dict[VolumeId, RentedVolume] = field(factory=dict)
    wanted: dict[str, list[Transaction]] = field(factory=lambda: defaultdict(list))
    read: dict[str, list[tuple[int, str]]] = field(factory=dict)
    numbers: list[tuple[str, int]] = field(factory=list)
    tally: Tally = field(factory=lambda: Tally(CREDIT))
    market: Market = field(factory=Market)
    events: list[Event] = field(factory=list)

    def __attrs_post_init__(self) -> None:
        self.dice = random.Random(self.number)
        self.path = self.folder / "market.sqlite"
        self.faults = Faults(self.path, random.Random(self.number + 1))
        self.faults.meanwhile = self.meanwhile

    # -- running -------------------------------------------------------------------------------

    def run(self) -> str:
        """Live through all steps; return what tells whether two runs were the same.

        Raises:
            Broken: Something does not hold.
        """
        asyncio.run(self.lived())
        text = "\n".join(map(event_to_json, self.events))
        return hashlib.sha256(text.encode()).hexdigest()

    async def lived(self) -> None:
        try:
            self.revive()
            for step in range(self.steps):
                self.now = step
                await self.step()
                self.check()
            await self.settle()
            self.check_order()
        finally:
            for worker in self.workers:
                worker.end()

    async def step(self) -> None:
        """Let time pass, clients ask, and what has arrived be answered."""
        self.at += timedelta(seconds=self.dice.choice((0, 0, 1, 7, 60, 3_600, 90_000)))
        for _ in range(self.dice.randint(0, 4)):
            self.waiting.append(self.wish())
        arrived = [each for each in self.waiting if each.due <= self.now]
        self.dice.shuffle(arrived)
        while arrived:
            worker = self.dice.choice(self.workers)
            count = self.dice.randint(1, 4)
            batch, arrived = arrived[:count], arrived[count:]
            await self.deliver(worker, batch)
            if worker.killed:
                self.bury(worker)
        if self.dice.random() < 0.03:  # killed while it does nothing
            self.bury(self.dice.choice(self.workers))

    async def settle(self) -> None:
        """Let everybody ask until all is answered, with nothing broken."""
        self.faults.calm = True
        for _ in range(100):
            for each in list(self.waiting):
                await self.deliver(self.workers[0], [each])
            self.check()
        if self.waiting:
            raise Broken(f"{self.waiting[0]} is never answered")
        await self.read_all()

    async def read_all(self) -> None:
        """Let everybody read on until there is nothing new, and look at what they were told."""
        for name in sorted(self.market.accounts):
            while True:
                told = len(self.read.get(name, ()))
                status, page = await ask(self.workers[0].app, self.reading_on(name))
                if status != 200:
                    raise Broken(f"{name} reads notices and is answered {page}")
                self.take_page(name, page)
                if told == len(self.read.get(name, ())):
                    break
        self.check()
        for name, notices in self.tally.notices.items():
            if len(self.read.get(name, ())) != len(notices):
                raise Broken(f"{name} is never told {notices[len(self.read.get(name, ())) :]}")

    # -- workers -------------------------------------------------------------------------------

    def revive(self) -> None:
        """Start the workers that are missing; a start may meet a full disk, and is tried again."""
        while len(self.workers) < self.workers_at_once:
            try:
                worker = self.make(self)
            except (NotStored, Killed):
                if self.faults.left is not None:
                    self.lose_all()
                continue
            self.workers.append(worker)
            try:
                with suppress(NotStored):
                    seed(worker.store)
            except Killed:
                self.bury(worker)

    def bury(self, worker: Worker) -> None:
        """Take a dead worker away and start another; with the machine, all of them."""
        worker.end()
        self.workers.remove(worker)
        if self.faults.left is not None:
            self.lose_all()
        self.revive()

    def lose_all(self) -> None:
        """Lose the machine: of the last transaction as much is there as was written."""
        for each in self.workers:
            each.end()
        self.workers.clear()
        self.faults.restore()
        self.check_kept()

    @contextmanager
    def reading(self) -> Iterator[SqliteLog]:
        log = SqliteLog(str(self.path))
        try:
            yield log
        finally:
            log.close()

    def meanwhile(self) -> None:
        """Let another worker carry something out, in the middle of a decision of this one."""
        others = [each for each in self.workers if not each.killed]
        if len(others) > 1 and self.market.accounts:
            name = self.dice.choice(sorted(self.market.accounts))
            machine = MachineId(self.dice.choice((1001, 1002)))
            said: list[do.Command] = [do.AddCredit(account=name, amount=Money(1))] * 4
            said += [do.ReportOffline(machine=machine), do.ReportOnline(machine=machine)]
            with suppress(NumgeniusError, NotStored):
                log = SqliteLog(str(self.path))
                try:
                    writer = Writer(log, react=instances_load_at_once, notify=True)
                    writer.execute(self.dice.choice(said), at=self.at)
                finally:
                    log.close()

    # -- clients -------------------------------------------------------------------------------

    def wish(self) -> Request:
        """Return what somebody wants next."""
        self.made += 1
        by = self.dice.choice(CLIENTS)
        mine = [
            each
            for place in self.market.machines.values()
            for each in place.in_order()
            if each.contract.client == by
        ]
        machine = self.dice.choice((1001, 1002))
        offers = [each for each in views.offers(self.market, self.market.now) if each.rentable]
        wishes: list[Wish] = [
            (HOST, "PUT", "/machines/create_asks/", self.listing(machine)),
            (HOST, "PUT", f"/machines/{machine}/minbid/", {"price": self.price()}),
        ]
        if self.dice.random() < 0.1:
            wishes.append((HOST, "DELETE", f"/machines/{machine}/asks/", {}))
        for offer in self.dice.sample(offers, min(2, len(offers))):
            bid = {"price": self.price() * offer.gpus} if self.dice.random() < 0.5 else {}
            wishes += [
                (by, "PUT", f"/asks/{offer.id}/", {"disk": self.dice.choice(DISKS), **bid})
            ] * 3
        for each in self.dice.sample(mine, min(2, len(mine))):
            path = f"/instances/{each.id}/"
            state = self.dice.choice(("stopped", "running"))
            wishes += [
                (by, "DELETE", path, {}),
                (by, "PUT", path, {"label": f"l{self.made}"}),
                (by, "PUT", path, {"state": state}),
                (by, "PUT", f"/instances/bid_price/{each.id}/", {"price": self.price() * 2}),
                (by, "PUT", f"/instances/prepay/{each.id}/", {"amount": 2.0}),
            ]
        to = self.dice.choice(CLIENTS)
        transfer = {"sender": "me", "recipient": to, "amount": 1.25}
        wishes.append((by, "PUT", "/commands/transfer_credit/", transfer))
        if self.dice.random() < 0.4:
            last = {name: told[-1][0] for name, told in self.read.items() if told}
            wishes = Wishes(self.dice, self.market, self.at, by, mine, offers, last).all()
        name, method, path, body = self.dice.choice(wishes)
        self.keys[name] += 1
        return Request(name, f"k{self.keys[name]}", method, path, body, self.delayed())

    def listing(self, machine: int) -> dict[str, Any]:
        days = self.dice.randint(1, 60)
        end = (self.at + timedelta(days=days)).timestamp()
        return {
            "machine": machine,
            "price_gpu": 2 * self.price(),
            "price_disk": 0.1,
            "sla_r_claim": self.dice.choice((None, 0.9, 0.99)),
            "min_chunk": self.dice.choice((1, 2)),
            "price_min_bid": 0.05,
            "end_date": end,
        }

    def price(self) -> float:
        return self.dice.randint(5, 40) / 100

    def delayed(self) -> int:
        return self.now + self.dice.choice((0, 0, 0, 1, 2, 5))

    # -- the network ---------------------------------------------------------------------------

    async def deliver(self, worker: Worker, requests: Sequence[Request]) -> None:
        """Let requests arrive together; of some, or of their answers, nothing is heard."""
        lost = [self.dice.random() < 0.03 for _ in requests]
        asked = [each for each, gone in zip(requests, lost, strict=True) if not gone]
        for each in requests:
            each.due = self.now + 1 + self.dice.randint(0, 3)  # it is asked again, if need be
        tasks = [asyncio.create_task(ask(worker.app, each)) for each in asked]
        while not all(task.done() for task in tasks) and not worker.killed:
            await asyncio.sleep(0)
        if worker.killed:
            for task in (*tasks, worker.store._working):
                if task is not None:
                    task.cancel()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        for each, answer in zip(asked, answers, strict=True):
            if isinstance(answer, BaseException):
                if not isinstance(answer, asyncio.CancelledError):
                    raise answer
            elif self.dice.random() >= 0.03:  # else the answer is lost
                self.hear(each, *answer)

    def hear(self, request: Request, status: int, told: Any) -> None:
        """Take an answer; what says that it happened says so for ever."""
        self.told[f"{status}"] += 1
        if status == 500:
            raise Broken(f"{request} is answered {told}")
        if request.method == "GET":
            if status == 200:
                self.take_page(request.by, told, request.body["after"])
                self.waiting.remove(request)
            return
        key = f"{request.by} {request.key}"
        if status == 200:
            if request.answer not in (None, told):
                raise Broken(f"{request} is answered {told} the second time")
            request.answer = told
            made = (told.get("volume_name", "V.0"), told.get("new_contract", 0))
            self.numbers += [(request.by, int(f"{each}".removeprefix("V."))) for each in made]
            self.check_known(key, happened=True)
        elif status == 503 and request.answer is not None:
            return  # it cannot be said just now
        elif request.answer is not None:
            raise Broken(f"{request} is refused the second time: {told}")
        else:
            self.check_known(key, happened=False)
        if status == 503:
            return  # nothing has happened: ask again
        if status == 200 and not request.doubled and self.dice.random() < 0.1:
            request.doubled, request.due = True, self.delayed() + 1
            return  # the network sends it once more
        self.waiting.remove(request)
        self.answered.append(request)

    def reading_on(self, name: str) -> Request:
        """Return the request for the notices after those that an account has read."""
        told = self.read.get(name)
        page = {"after": told[-1][0] if told else 0, "limit": 500}
        return Request(name, "", "GET", "/notifications/", page, self.now)

    def take_page(self, name: str, page: Any, after: int | None = None) -> None:
        """Take notices that come after what is read; other pages were read already."""
        told = self.read.setdefault(name, [])
        if after in (None, told[-1][0] if told else 0):
            told += [(each["id"], each["kind"]) for each in page["notifications"]]

    # -- what must hold ------------------------------------------------------------------------

    def check_known(self, key: str, *, happened: bool) -> None:
        with self.reading() as log:
            known = log.reply(key) is not None
        if known and not happened:
            raise Broken(f"{key} was refused, and has happened")
        if happened and not known:
            raise Broken(f"{key} was acknowledged, and is not kept")

    def check_kept(self) -> None:
        """Check that all that was acknowledged is there, after the machine was lost."""
        with self.reading() as log:
            there = list(log.read())
            if there[: len(self.events)] != self.events:
                raise Broken("events that were there are gone")
            for each in (*self.answered, *self.waiting):
                if each.answer is not None and log.reply(f"{each.by} {each.key}") is None:
                    raise Broken(f"{each} was acknowledged, and is gone")

    def check(self) -> None:
        """Take in what happened, and look at the market."""
        with self.reading() as log:
            new = list(log.read(len(self.events)))
        self.events += new
        before = self.market
        try:
            self.market = replay(new, self.market, archive=self.archive, volumes=self.gone)
        except NumgeniusError as fault:
            raise Broken(f"the events contradict each other: {fault}") from fault
        self.check_counted(before, new)
        for place in self.market.machines.values():
            taken: set[int] = set()
            for each in place.in_order():
                if each.state in HAS_GPUS:
                    block = each.contract.block
                    gpus = set(range(block.start, block.start + block.size))
                    if taken & gpus:
                        raise Broken(f"GPUs {taken & gpus} of machine {place.id} are sold twice")
                    taken |= gpus
        for worker in self.workers:
            seen = worker.store.market
            if seen.version == self.market.version and (
                seen != self.market
                or worker.store.archive != self.archive
                or worker.store.volumes != self.gone
            ):
                raise Broken("a worker's market is not that of the events")
        if self.now % 25 == 0:
            self.check_money()

    def check_counted(self, before: Market, new: Sequence[Event]) -> None:
        """Check what can be counted: disk, money, numbers that clients were told, notices."""
        self.tally.take(new, before)
        for fault in (*self.tally.faults(self.market), *self.tally.pages(self.read)):
            raise Broken(fault)
        for name, number in self.numbers:
            if number and self.tally.clients.get(number) != name:
                raise Broken(f"{name} was told of {number}, which is not there")
        self.numbers.clear()

    def check_money(self) -> None:
        books = books_of(self.market, self.market.now)
        held = (*books.balances.values(), *books.deposits.values(), *books.escrows.values())
        total = Money.sum((*held, books.platform))
        if total != self.market.credited - self.market.paid_out:
            raise Broken(f"there are ${total}, and ${self.market.credited} were paid in")

    def check_order(self) -> None:
        """Let a writer alone carry out all that was answered, one after the other."""
        with self.reading() as log:
            wanted = "SELECT command_id, first, many FROM answers WHERE many > 0 ORDER BY first"
            answers = list(log.rows(wanted))
        judge, done = Judge(), 0
        alone = Writer(judge, react=instances_load_at_once)
        for key, first, many in answers:
            self.take_over(alone, self.events[done : first - 1])
            right = tuple(self.events[first - 1 : first - 1 + many])
            done = first - 1 + many
            if len(right) < many:
                raise Broken(f"{key} was answered, and is not among the events")
            judge.right = right
            self.repeat(alone, key, right)
            judge.right = None
        self.take_over(alone, self.events[done:])

    def repeat(self, alone: Writer, key: str, right: Sequence[Event]) -> None:
        """Let a writer carry out a request, as one of the workers who tried to understood it."""
        fault: Exception | None = None
        for meant in self.wanted[key]:
            try:
                alone.execute(*meant.commands, at=right[-1].at)
            except (NumgeniusError, Other) as other:
                fault = other
            else:
                return
        raise Broken(f"{key} is explained by no order of the commands: {fault}") from fault

    def take_over(self, alone: Writer, events: Sequence[Event]) -> None:
        """Let a writer see what had come due, or was nobody's request."""
        if any(isinstance(each, ASKED_FOR) for each in events):
            raise Broken("what nobody asked for has happened, or twice what somebody asked for")
        alone.log.append(alone.market.version, [Entry(events=events)])
        alone.catch_up()


async def ask(app: ASGIApp, request: Request) -> tuple[int, Any]:
    """Send a request to a service in this process, and return its answer."""
    asks = request.method == "GET"
    body = b"" if asks else json.dumps(request.body).encode()
    headers = [
        (b"authorization", f"Bearer {request.by}".encode()),
        (b"idempotency-key", request.key.encode()),
        (b"content-length", str(len(body)).encode()),
    ]
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "path": f"/api/v0{request.path}",
        "raw_path": b"",
        "query_string": urlencode(request.body).encode() if asks else b"",
        "root_path": "",
        "scheme": "http",
        "headers": headers,
        "client": ("box", 1),
        "server": ("box", 80),
    }
    told = bytearray()
    status = 0
    sent = False

    async def receive() -> Message:
        nonlocal sent
        if sent:
            return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
        else:
            told.extend(message.get("body", b""))

    await app(scope, receive, send)
    return status, json.loads(bytes(told))


def emptied(folder: Path) -> Path:
    """Return a folder in which there is nothing."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
