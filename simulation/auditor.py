"""What must hold after each step, looked at by somebody who reads the log and asks nobody."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from attrs import define, field

from examples.marketplace.store import Store
from numgenius_core.contracts import InstanceState
from numgenius_core.errors import NumgeniusError
from numgenius_core.ids import ContractId, VolumeId
from numgenius_core.market import Instance, MachineState, Market, RentedVolume, evolve
from numgenius_core.market.events import ContractCreated, Event, VolumeRented
from numgenius_core.money import Money
from numgenius_core.testing import books_of
from simulation.box import Box, Broken
from simulation.explained import Heard, Past, check_explained
from simulation.payroll import Payroll
from simulation.tally import Tally
from simulation.workers import CREDIT

HAS_GPUS: Final = frozenset({InstanceState.RUNNING, InstanceState.LOADING})
Made = ContractCreated | VolumeRented
MONEY: Final = 25  # steps between two looks at all accounts


@define
class Auditor:
    """Somebody who reads what happened after each step.

    Attributes:
        box: Where it happens.
        events: All that happened.
        market: After them.
        markets: After none of them, after one, two, …
        heard: What was told since the last look to who changed nothing.
        archive: The instances that were destroyed.
        gone: The volumes that were deleted.
        tally: A count of its own.
        payroll: Whom it takes to be paid out.
    """

    box: Box
    events: list[Event] = field(factory=list)
    market: Market = field(factory=Market)
    markets: list[Market] = field(factory=lambda: [Market()])
    heard: list[Heard] = field(factory=list)
    archive: dict[ContractId, Instance] = field(factory=dict)
    gone: dict[VolumeId, RentedVolume] = field(factory=dict)
    tally: Tally = field(factory=lambda: Tally(CREDIT))
    payroll: Payroll = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.payroll = Payroll(self.archive, self.gone)

    # -- what clients were told ----------------------------------------------------------------

    def check_known(self, key: str, *, happened: bool) -> set[int]:
        """Check that what was acknowledged is kept, and that nothing refused has happened.

        Returns:
            The numbers of the instances and volumes that a request made.
        """
        known = self.box.log().reply(key)
        if known is not None and not happened:
            raise Broken(f"{key} was refused, and has happened")
        if happened and known is None:
            raise Broken(f"{key} was acknowledged, and is not kept")
        events = () if known is None else known.events
        return {each.contract.id for each in events if isinstance(each, Made)}

    def hear(self, heard: Heard) -> None:
        """Note what somebody was told who changed nothing: it is looked at with the events."""
        self.heard.append(heard)

    def version(self) -> int:
        """Return how many events there are by now."""
        return self.box.log().version

    def check_kept(self, acknowledged: Iterable[str]) -> None:
        """Check that all that was acknowledged is there, after the machine was lost."""
        log = self.box.log()
        if [*log.read()][: len(self.events)] != self.events:
            raise Broken("events that were there are gone")
        for key in acknowledged:
            if log.reply(key) is None:
                raise Broken(f"{key} was acknowledged, and is gone")

    # -- what happened -------------------------------------------------------------------------

    def check(
        self,
        stores: Sequence[Store],
        read: Mapping[str, Sequence[tuple[int, str]]],
    ) -> None:
        """Take in what happened, and look at the market.

        Args:
            stores: What each worker knows.
            read: The notices that each account has read so far.
        """
        new = list(self.box.log().read(len(self.events)))
        before = self.market
        for event in new:
            self.take(event)
        self.tally.take(new, before)
        for wrong in (*self.tally.faults(self.market), *self.tally.pages(read)):
            raise Broken(wrong)
        for heard in self.heard:
            check_explained(heard, self.markets, Past(self.archive))
        self.heard.clear()
        for place in self.market.machines.values():
            check_gpus(place)
        for store in stores:
            self.check_seen(store)
        if self.box.now % MONEY == 0:
            self.check_money()

    def take(self, event: Event) -> None:
        """Let something happen to the market."""
        self.payroll.take(event, self.market)
        try:
            self.market = evolve(self.market, event, archive=self.archive, volumes=self.gone)
        except NumgeniusError as fault:
            raise Broken(f"the events contradict each other: {fault}") from fault
        self.payroll.see(self.market)
        self.markets.append(self.market)
        self.events.append(event)

    def check_seen(self, store: Store) -> None:
        """Check that a worker who has seen all events has come to the same market."""
        seen: tuple[Any, ...] = (store.market, store.archive, store.volumes)
        if store.market.version == self.market.version and seen != (
            self.market,
            self.archive,
            self.gone,
        ):
            raise Broken("a worker's market is not that of the events")

    def check_money(self) -> None:
        """Check that what is on all accounts was paid in, and has not been paid out."""
        books = books_of(self.market, self.market.now)
        held = (*books.balances.values(), *books.deposits.values(), *books.escrows.values())
        total = Money.sum((*held, books.platform))
        if total != self.market.credited - self.market.paid_out:
            raise Broken(f"there are ${total}, and ${self.market.credited} were paid in")
        self.payroll.check_balances(self.market)


def check_gpus(place: MachineState) -> None:
    """Check that no GPU of a machine is used twice."""
    taken: set[int] = set()
    for each in place.in_order():
        if each.state in HAS_GPUS:
            block = each.contract.block
            gpus = set(range(block.start, block.start + block.size))
            if taken & gpus:
                raise Broken(f"GPUs {taken & gpus} of machine {place.id} are sold twice")
            taken |= gpus
