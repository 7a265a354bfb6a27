"""The world around the service: clients, a network, workers, time, and what must always hold."""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from attrs import define, field, frozen
from starlette.types import ASGIApp, Message

from examples.marketplace.__main__ import seed
from examples.marketplace.app import Service
from examples.marketplace.commands import instances_load_at_once
from examples.marketplace.sqlite_log import SqliteLog
from examples.marketplace.store import NotStored, Store
from numgenius_core.contracts import InstanceState
from numgenius_core.errors import NumgeniusError
from numgenius_core.ids import ContractId
from numgenius_core.market import Instance, Market, commands as do, replay, views
from numgenius_core.market.events import ContractCreated, CreditTransferred, Event
from numgenius_core.market.journal import event_to_json
from numgenius_core.market.logs import Entry, MemoryLog, Transaction, Writer
from numgenius_core.money import Money
from numgenius_core.testing import books_of
from simulation.disk import BrokenLog, Faults, Killed

BEGIN: Final = datetime(2026, 1, 5, tzinfo=UTC)
CLIENTS: Final = ("ann", "ben", "cyd", "dan")
HOST: Final = "host-1"
CREDIT: Final = Money(500)
HAS_GPUS: Final = frozenset({InstanceState.RUNNING, InstanceState.LOADING})


class Broken(Exception):
    """Something that must always hold does not."""


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
        self.app: ASGIApp = Service(self.store, 1e9, CREDIT).app()

    def opened(self, where: str, *, durable: bool) -> BrokenLog:
        return BrokenLog(where, self.world.faults, durable=durable)

    async def run(self, work: Callable[..., Any], wanted: Sequence[Transaction]) -> Any:
        """Carry out a batch in this very thread; a killed process says nothing any more."""
        for each in wanted:
            if each.command_id is not None:
                self.world.wanted[each.command_id] = each
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
    wanted: dict[str, Transaction] = field(factory=dict)
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
            with suppress(NotStored, Killed):
                seed(worker.store)

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
            paid = do.AddCredit(account=name, amount=Money(1))
            with suppress(NumgeniusError, NotStored):
                writer = Writer(SqliteLog(str(self.path)), react=instances_load_at_once)
                try:
                    writer.execute(paid, at=self.at)
                finally:
                    writer.log.close()  # type: ignore[attr-defined]  # it is a SqliteLog

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
        wishes: list[tuple[str, str, str, dict[str, Any]]] = [
            (HOST, "PUT", "/machines/create_asks/", self.listing(machine)),
            (HOST, "PUT", f"/machines/{machine}/minbid/", {"price": self.price()}),
        ]
        if self.dice.random() < 0.1:
            wishes.append((HOST, "DELETE", f"/machines/{machine}/asks/", {}))
        for offer in self.dice.sample(offers, min(2, len(offers))):
            bid = {"price": self.price() * offer.gpus} if self.dice.random() < 0.5 else {}
            wishes += [(by, "PUT", f"/asks/{offer.id}/", {"disk": 8, **bid})] * 3
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
        name, method, path, body = self.dice.choice(wishes)
        self.keys[name] += 1
        return Request(name, f"k{self.keys[name]}", method, path, body, self.delayed())

    def listing(self, machine: int) -> dict[str, Any]:
        days = self.dice.randint(1, 60)
        end = (self.at + timedelta(days=days)).timestamp()
        return {
            "machine": machine,
            "price_gpu": 2 * self.price(),
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
        key = f"{request.by} {request.key}"
        if status == 200:
            if request.answer not in (None, told):
                raise Broken(f"{request} is answered {told} the second time")
            request.answer = told
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
        try:
            self.market = replay(new, self.market, archive=self.archive)
        except NumgeniusError as fault:
            raise Broken(f"the events contradict each other: {fault}") from fault
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
                seen != self.market or worker.store.archive != self.archive
            ):
                raise Broken("a worker's market is not that of the events")
        if self.now % 25 == 0:
            self.check_money()

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
        alone, done = Writer(MemoryLog(), react=instances_load_at_once), 0
        for key, first, many in answers:
            self.take_over(alone, self.events[done : first - 1])
            right = tuple(self.events[first - 1 : first - 1 + many])
            try:
                told = alone.execute(*self.wanted[key].commands, at=right[-1].at)
            except NumgeniusError as fault:
                raise Broken(f"{key} is explained by no order of the commands") from fault
            if told != right or alone.market.version != first - 1 + many:
                raise Broken(f"{key} is explained by no order of the commands: {told}")
            done = first - 1 + many
        self.take_over(alone, self.events[done:])

    def take_over(self, alone: Writer, events: Sequence[Event]) -> None:
        """Let a writer see what had come due, or was nobody's request."""
        if any(isinstance(each, ContractCreated | CreditTransferred) for each in events):
            raise Broken("what nobody asked for has happened, or twice what somebody asked for")
        alone.log.append(alone.market.version, [Entry(events=events)])
        alone.catch_up()


async def ask(app: ASGIApp, request: Request) -> tuple[int, Any]:
    """Send a request to a service in this process, and return its answer."""
    body = json.dumps(request.body).encode()
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
        "query_string": b"",
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
