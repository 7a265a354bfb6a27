"""A small market for tests: it keeps its events, and says what to do in a word."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

from numgenius_core.errors import NumgeniusError
from numgenius_core.ids import AccountId, ContractId, MachineId, OfferId
from numgenius_core.listing import Machine, Mode, PriceTerms, Verification
from numgenius_core.market import Instance, Market, commands as c, execute, replay, views
from numgenius_core.market.events import Event
from numgenius_core.money import Money
from numgenius_core.rates import PerGb, PerGbMonth, PerGpuHour, PerHour
from numgenius_core.testing import Step

START = datetime(2026, 1, 1, tzinfo=UTC)
HOST, ANN, BOB = AccountId("host"), AccountId("ann"), AccountId("bob")


def second(count: int) -> datetime:
    """Return the instant so many seconds after the start."""
    return START + timedelta(seconds=count)


def prices(gpu: str | int = 1, **others: Any) -> PriceTerms:
    """Return prices of numbers: storage, upload, download, min_bid and the platform's ``fee``."""
    return PriceTerms(
        gpu=PerGpuHour(gpu),
        storage=PerGbMonth(others.get("storage", 0)),
        upload=PerGb(others.get("upload", 0)),
        download=PerGb(others.get("download", 0)),
        min_bid=PerGpuHour(others.get("min_bid", 0)),
        platform_fee=others.get("fee", Fraction(0)),
    )


class World:
    """A market, its events and the time."""

    def __init__(self) -> None:
        self.market = Market()
        self.archive: dict[ContractId, Instance] = {}
        self.events: list[Event] = []
        self.steps: list[tuple[c.Command, datetime]] = []
        self.now = START

    def do(self, command: c.Command, at: int | None = None) -> tuple[Event, ...]:
        """Execute a command, by default at the time of the last one."""
        now = self.now if at is None else second(at)
        self.market, events = execute(self.market, command, now, archive=self.archive)
        self.now = now
        self.events += events
        self.steps.append((command, now))
        return events

    def names(self, command: c.Command, at: int | None = None) -> list[str]:
        """Execute a command, and return the names of its events."""
        return [type(event).__name__ for event in self.do(command, at)]

    # --- what a world is made of ------------------------------------------------------------

    def add(
        self, gpus: int, machine: int = 1, host: AccountId = HOST, disk_gb: int = 1_000
    ) -> None:
        """Add a verified machine."""
        self.do(
            c.AddMachine(
                machine=Machine(
                    id=MachineId(machine),
                    host=host,
                    gpu_name="RTX 4090",
                    gpus=gpus,
                    disk_mb=disk_gb * 1_000,
                    verification=Verification.VERIFIED,
                )
            )
        )

    def list(
        self, terms: PriceTerms, machine: int = 1, at: int | None = None, **others: Any
    ) -> tuple[Event, ...]:
        """List a machine."""
        host = self.market.machine(MachineId(machine)).machine.host
        return self.do(
            c.ListMachine(by=host, machine=MachineId(machine), prices=terms, **others), at
        )

    def offer(self, size: int, place: int = 0, machine: int = 1) -> OfferId:
        """Return the offer of the block of a size at a place."""
        found = [
            each
            for each in views.offers(self.market, self.now, machine=MachineId(machine))
            if each.gpus == size
        ]
        return found[place].id

    def rent(
        self,
        size: int,
        place: int = 0,
        by: AccountId = ANN,
        *,
        bid: str | int | None = None,
        load: bool = True,
        at: int | None = None,
        machine: int = 1,
        **others: Any,
    ) -> ContractId:
        """Rent a block, on demand or with a bid, and by default let it load at once."""
        mode = Mode.ON_DEMAND if bid is None else Mode.INTERRUPTIBLE
        price = None if bid is None else PerHour(bid)
        if at is not None:
            self.do(c.Tick(), at)
        offer = self.offer(size, place, machine)
        self.do(c.Rent(by=by, offer=offer, mode=mode, bid=price, **others))
        id = max(self.market.account(by).instances)  # noqa: A001 - as the field
        if load and self.state(id) == "loading":
            self.do(c.ReportLoaded(contract=id))
        return id

    # --- what it is asked -------------------------------------------------------------------

    def instance(self, contract: ContractId) -> Instance:
        """Return an instance, also a destroyed one."""
        return views.instance(self.market, contract, archive=self.archive)

    def state(self, contract: ContractId) -> str:
        """Return what an instance is doing."""
        return self.instance(contract).state.value

    def balance(self, account: AccountId = ANN) -> Money:
        """Return what an account has now."""
        return views.balance(self.market, account, self.now)


def world(gpus: int = 8, terms: PriceTerms | None = None, **listed: Any) -> World:
    """Return a market with one listed machine, and $1,000 on two accounts."""
    made = World()
    for name in (ANN, BOB):
        made.do(c.AddCredit(account=name, amount=Money(1_000)))
    made.add(gpus)
    made.list(terms or prices(), **listed)
    return made


def played(steps: Iterable[Step]) -> tuple[Market, list[Event]]:
    """Return the market after commands, those left out that are refused, and all events."""
    market, events = Market(), list[Event]()
    for command, at in steps:
        with suppress(NumgeniusError):
            market, more = execute(market, command, at)
            events += more
    assert replay(events) == market
    return market, events
