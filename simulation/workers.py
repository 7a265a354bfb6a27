"""The workers: processes of the service that are killed, lost with their machine and started."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Final

from attrs import define, field, frozen
from starlette.types import ASGIApp

from examples.marketplace.__main__ import seed
from examples.marketplace.app import Service
from examples.marketplace.commands import instances_load_at_once
from examples.marketplace.store import NotKnown, NotStored, Store
from numgenius_core.errors import NumgeniusError
from numgenius_core.ids import MachineId
from numgenius_core.market import Market, commands as do
from numgenius_core.market.logs import Transaction, Writer
from numgenius_core.money import Money
from simulation.box import SKEW, Box
from simulation.disk import BrokenLog, Killed
from simulation.wishes import MACHINES

AT_ONCE: Final = 2
CREDIT: Final = Money(500)


@frozen
class Skewed:
    """A worker's clock, which is seconds off."""

    box: Box
    seconds: int

    def __call__(self) -> datetime:
        return self.box.at + timedelta(seconds=self.seconds)


class Worker:
    """A process of the service."""

    def __init__(self, box: Box) -> None:
        self.killed = False
        self.box = box
        most = SKEW // timedelta(seconds=1)
        self.clock = Skewed(box, box.dice.randint(-most, most))
        self.store = Store(
            str(box.path),
            react=instances_load_at_once,
            clock=self.clock,
            opens=self.opened,
            run=self.run,
            every=box.every,
        )
        self.app: ASGIApp = Service(self.store, 1e9, CREDIT, payouts=True).app()

    def opened(self, where: str, *, durable: bool) -> BrokenLog:
        return BrokenLog(where, self.box.faults, durable=durable)

    async def run(self, work: Callable[..., Any], waiting: Iterator[Transaction]) -> Any:
        """Carry out a batch in this very thread; a killed process says nothing any more."""

        def noted() -> Iterator[Transaction]:
            for each in waiting:
                if each.command_id is not None:
                    self.box.wanted[each.command_id].append(each)
                yield each

        try:
            return work(noted())
        except Killed:
            self.killed = True
            return await asyncio.get_running_loop().create_future()

    def end(self) -> None:
        """Let go of the file, without a word."""
        self.store.close()


@define
class Workers:
    """The workers there are at a time.

    Attributes:
        box: Where they live.
        lost: Looks at what is left after the machine was lost.
        alive: Those that run.
    """

    box: Box
    lost: Callable[[], None]
    alive: list[Worker] = field(factory=list)

    def any(self) -> Worker:
        return self.box.dice.choice(self.alive)

    def revive(self) -> None:
        """Start the workers that are missing; a start may meet a full disk, and is tried again."""
        while len(self.alive) < AT_ONCE:
            try:
                worker = Worker(self.box)
            except (NotStored, NotKnown, Killed):
                if self.box.faults.left is not None:
                    self.lose_all()
                continue
            self.alive.append(worker)
            try:
                with suppress(NotStored, NotKnown):
                    seed(worker.store)
            except Killed:
                self.bury(worker)

    def bury(self, worker: Worker) -> None:
        """Take a dead worker away and start another; with the machine, all of them."""
        worker.end()
        self.alive.remove(worker)
        if self.box.faults.left is not None:
            self.lose_all()
        self.revive()

    def restart(self) -> None:
        """Start all of them anew, as after a new version came or the power went."""
        for each in self.alive:
            each.end()
        self.alive.clear()
        self.revive()

    def lose_all(self) -> None:
        """Lose the machine: of the last transaction as much is there as was written."""
        for each in self.alive:
            each.end()
        self.alive.clear()
        self.box.let_go()
        self.box.faults.restore()
        self.lost()

    def interfere(self, market: Market) -> None:
        """Let another worker carry something out, in the middle of a decision of this one."""
        dice = self.box.dice
        if len([each for each in self.alive if not each.killed]) < AT_ONCE or not market.accounts:
            return
        name = dice.choice(sorted(market.accounts))
        machine = MachineId(dice.choice(MACHINES))
        said: list[do.Command] = [do.AddCredit(account=name, amount=Money(1))] * 4
        said += [do.ReportOffline(machine=machine), do.ReportOnline(machine=machine)]
        with suppress(NumgeniusError, NotStored):
            key = f" meanwhile {len(self.box.wanted)}"
            wanted = Transaction(commands=[dice.choice(said)], command_id=key)
            self.box.wanted[key].append(wanted)
            writer = Writer(self.box.log(), react=instances_load_at_once, notify=True)
            writer.execute_all([wanted], at=self.box.at)
