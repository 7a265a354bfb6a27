"""A life: time passes, clients ask, workers answer and die, and what must hold is looked at."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from attrs import define, field

from numgenius_core.market.journal import event_to_json
from simulation.auditor import Auditor
from simulation.box import Box, Broken
from simulation.clients import CLIENTS, Clients
from simulation.order import Order
from simulation.payroll import FRIDAY
from simulation.requests import Request, ask, deliver
from simulation.wishes import HOST
from simulation.workers import Worker, Workers

PASSING: Final = (0, 0, 1, 7, 60, 3_600, 90_000)  # seconds that a step takes
NIGHT: Final = 3_600  # seconds: when nobody asks for as long, everything may be started anew
RESTARTED: Final = 0.15
KILLED: Final = 0.03  # of the steps end with a worker killed that does nothing
LAST: Final = 100  # steps after which all must be answered, once nothing breaks


@define
class World:
    """All there is, made of one seed.

    Attributes:
        number: The seed.
        folder: An empty folder for its file.
        steps: How long it lives.
        box: What everything in it shares.
        auditor: Who looks at what must hold.
        clients: Who asks.
        workers: Who answers.
        served: Whether a request was answered that must have come after a payout that is due.
    """

    number: int
    folder: Path
    steps: int = 150
    box: Box = field(init=False)
    auditor: Auditor = field(init=False)
    clients: Clients = field(init=False)
    workers: Workers = field(init=False)
    served: bool = False

    def __attrs_post_init__(self) -> None:
        self.box = Box(self.number, self.folder)
        self.auditor = Auditor(self.box)
        self.clients = Clients(self.box, self.auditor)
        self.workers = Workers(self.box, self.check_kept)
        self.box.faults.meanwhile = self.meanwhile

    def run(self) -> str:
        """Live through all steps; return what tells whether two runs were the same.

        Raises:
            Broken: Something does not hold.
        """
        asyncio.run(self.lived())
        text = "\n".join(map(event_to_json, self.auditor.events))
        return hashlib.sha256(text.encode()).hexdigest()

    async def lived(self) -> None:
        try:
            self.workers.revive()
            for step in range(self.steps):
                self.box.now = step
                await self.step()
                self.check()
            await self.settle()
            Order(self.box, self.auditor.events).check()
        finally:
            for worker in self.workers.alive:
                worker.end()
            self.box.let_go()

    async def step(self) -> None:
        """Let time pass, clients ask, and what has arrived be answered."""
        box, clients, dice = self.box, self.clients, self.box.dice
        seconds = dice.choice(PASSING)
        self.pass_(timedelta(seconds=seconds))
        if seconds >= NIGHT and dice.random() < RESTARTED:
            self.workers.restart()
        for _ in range(dice.randint(0, 4)):
            clients.waiting.append(clients.wish(self.auditor.market))
        arrived = [each for each in clients.waiting if each.due <= box.now]
        dice.shuffle(arrived)
        while arrived:
            worker = self.workers.any()
            count = dice.randint(1, 4)
            batch, arrived = arrived[:count], arrived[count:]
            await self.deliver(worker, batch)
            if worker.killed:
                self.workers.bury(worker)
        if dice.random() < KILLED:
            self.workers.bury(self.workers.any())

    def pass_(self, time: timedelta) -> None:
        self.box.at += time
        self.auditor.payroll.begin(self.box.at, self.auditor.market)

    async def deliver(self, worker: Worker, requests: list[Request]) -> None:
        """Let requests arrive; whoever came alone on a Friday came after the payouts."""
        begun = self.clients.begun
        self.clients.clock = worker.clock()
        self.clients.since = self.auditor.version()
        await deliver(self.box, worker, requests, self.clients.hear)
        if len(requests) == 1 and self.clients.begun > begun:
            self.served = True

    def meanwhile(self) -> None:
        self.workers.interfere(self.auditor.market)

    # -- the end -------------------------------------------------------------------------------

    async def settle(self) -> None:
        """Let everybody ask until all is answered, with nothing broken."""
        self.box.faults.calm = True
        for _ in range(LAST):
            for each in list(self.clients.waiting):
                await self.deliver(self.workers.alive[0], [each])
            self.check()
        if self.clients.waiting:
            raise Broken(f"{self.clients.waiting[0]} is never answered")
        await self.leave_about_the_least()
        await self.pay_out()
        await self.read_all()

    async def leave_about_the_least(self) -> None:
        """Let all rentals end, and the host hand on all but $20, or a cent more."""
        market = self.auditor.market
        for place in market.machines.values():
            for instance in list(place.instances.values()):
                path = f"/instances/{instance.id}/"
                await self.told(self.clients.request(instance.contract.client, "DELETE", path, {}))
            for volume in list(place.volumes.values()):
                gone = {"id": volume.id}
                await self.told(self.clients.request(volume.client, "DELETE", "/volumes/", gone))
        self.check()
        cents = self.auditor.payroll.cents_above(HOST, self.auditor.market)
        if cents > 0:
            cents += self.box.dice.choice((0, 1))
            body = {"recipient": CLIENTS[0], "amount": cents / 100}
            path = "/commands/transfer_credit/"
            await self.told(self.clients.request(HOST, "PUT", path, body))
            self.check()

    async def pay_out(self) -> None:
        """Let two Fridays come, and look at what everybody reads about payouts."""
        payroll = self.auditor.payroll
        for _ in range(2):
            self.pass_(until_friday(self.box.at))
            for name in sorted(self.auditor.market.accounts):
                await self.told(self.clients.invoices(name))
                self.served = True
                self.check()
                self.pass_(timedelta(seconds=10))  # what happens at an instant is told after it
                payroll.check_told(name, await self.told(self.clients.invoices(name)), self.box.at)

    async def told(self, request: Request) -> Any:
        """Return what the service answers, now that nothing breaks any more."""
        status, answer = await ask(self.workers.alive[0].app, request)
        if status != 200:
            raise Broken(f"{request} is answered {status}: {answer}")
        return answer

    async def read_all(self) -> None:
        """Let everybody read on until there is nothing new, and look at what they were told."""
        read = self.clients.read
        for name in sorted(self.auditor.market.accounts):
            while True:
                told = len(read.get(name, ()))
                self.clients.take_page(name, await self.told(self.clients.reading_on(name)))
                if told == len(read.get(name, ())):
                    break
        self.check()
        for name, notices in self.auditor.tally.notices.items():
            if len(read.get(name, ())) != len(notices):
                raise Broken(f"{name} is never told {notices[len(read.get(name, ())) :]}")

    # -- what must hold ------------------------------------------------------------------------

    def check(self) -> None:
        clients = self.clients
        stores = [worker.store for worker in self.workers.alive]
        self.auditor.check(stores, clients.read)
        if self.served:
            self.auditor.payroll.check_made(self.box.at)
        self.served = False

    def check_kept(self) -> None:
        asked = (*self.clients.answered, *self.clients.waiting)
        self.auditor.check_kept(each.name for each in asked if each.answer is not None)


def until_friday(at: datetime) -> timedelta:
    """Return how long it is until noon of the next Friday."""
    noon = at.replace(hour=12, minute=0, second=0)
    return noon + timedelta(days=(FRIDAY - at.weekday() - 1) % 7 + 1) - at


def emptied(folder: Path) -> Path:
    """Return a folder in which there is nothing."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
