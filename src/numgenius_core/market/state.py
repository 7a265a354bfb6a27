"""The state of a market: one immutable value, made of machines, accounts and what they have.

Whatever it knows follows from its events (:func:`~numgenius_core.market.evolve`), so it can be
thrown away and made again. Nothing here is a rule, but for one: an account is a host's once it has
a machine, and hosts and clients use separate accounts (G10).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from functools import cached_property
from typing import Any, Final, TypeVar

from attrs import evolve, field, frozen

from numgenius_core._numbers import whole_number
from numgenius_core.bids.priority import Resolution, resolve
from numgenius_core.contracts.extension import PendingIncrease
from numgenius_core.contracts.storage import Disk, disk_of
from numgenius_core.errors import UnknownId, shown
from numgenius_core.gpus.slicing import blocks
from numgenius_core.ids import AccountId, ContractId, MachineId, OfferId
from numgenius_core.listing import NO_FLOOR, Listing, Machine, Verification
from numgenius_core.maintenance.schedule import MachineSchedule
from numgenius_core.market._ledger import Ledger
from numgenius_core.market._persistent import Queue, Table
from numgenius_core.market.instance import Instance
from numgenius_core.money import ZERO, Money
from numgenius_core.offer import Block, Offer
from numgenius_core.rates import PerGpuHour

BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)
OFFERS_OF_A_LISTING: Final = 2**13
"""More than any machine has blocks: an offer's number is its listing's times this, plus a place."""
DAY: Final = timedelta(days=1)
"""After which a rolling end is set anew."""
KT = TypeVar("KT")
VT = TypeVar("VT")
_NOTHING_EARNED: Final = Ledger(since=BEGINNING)


@frozen(kw_only=True)
class Account:
    """An account, a host's or a client's.

    Attributes:
        id: Its name.
        ledger: Its balance; a client's falls, a host's rises.
        machines: Those it owns; a host has some.
        instances: Those it rents that exist.
        empty: Whether nothing is left and what it rented has been stopped; a new one is empty.
    """

    id: AccountId
    ledger: Ledger
    machines: tuple[MachineId, ...] = ()
    instances: tuple[ContractId, ...] = ()
    empty: bool = True

    def runs_out(self) -> datetime | None:
        """Return when its balance runs out; ``None`` if it never does, or did."""
        if self.empty:
            return None
        return self.ledger.runs_out() if self.ledger.amount > ZERO else self.ledger.since


@frozen(kw_only=True)
class MachineState:
    """A machine in the market.

    Attributes:
        machine: What it is.
        listing: What its host publishes; ``None`` if it is not listed.
        number: Of its last listing; 0 before the first.
        floor: The host's lowest bid, dollars per GPU-hour; unlisting leaves it as it is.
        online: Whether it is.
        rolls_at: When a rolling end is set anew; ``None`` without one.
        instances: Those that exist, in the order they were made.
        increases: The price increases that wait for a client, by their numbers.
        schedule: Its maintenance windows.
        announced: Up to when the beginnings and ends of the windows have been announced.
        default_job: Image of the host's own job, which runs on every GPU that no client uses.
    """

    machine: Machine
    listing: Listing | None = None
    number: int = 0
    floor: PerGpuHour = NO_FLOOR
    online: bool = True
    rolls_at: datetime | None = None
    instances: Mapping[ContractId, Instance] = field(factory=dict)
    increases: Mapping[int, PendingIncrease] = field(factory=dict)
    schedule: MachineSchedule
    announced: datetime = BEGINNING
    default_job: str | None = None

    @property
    def id(self) -> MachineId:
        """The machine's number."""
        return self.machine.id

    @cached_property
    def occupied(self) -> int:
        """The GPUs that on-demand and reserved instances hold, as bits."""
        mask = 0
        for instance in self.instances.values():
            if instance.holds:
                mask |= instance.contract.block.gpu_set
        return mask

    def blocks(self) -> tuple[Block, ...]:
        """Return the blocks of its listing, in the order of their offers; none if not listed."""
        if self.listing is None:
            return ()
        return blocks(self.machine.gpus, self.listing.min_gpu)

    def offer_id(self, place: int) -> OfferId:
        """Return the number of the offer of the block at ``place`` in :meth:`blocks`."""
        return OfferId(self.number * OFFERS_OF_A_LISTING + whole_number(place, "place"))

    @cached_property
    def disk(self) -> Disk:
        """How its disk is used."""
        return disk_of(self.machine, [each.contract for each in self.instances.values()])

    @cached_property
    def resolution(self) -> Resolution:
        """Who runs and who waits."""
        return resolve([i.claim for i in self.instances.values() if i.claims], self.floor)

    @cached_property
    def offers(self) -> tuple[Offer, ...]:
        """Its offers, in the order of their numbers; a rolling end is not in them.

        Kept with the state, so a search of the whole market makes only those that have changed.
        """
        listing, machine = self.listing, self.machine
        if listing is None:
            return ()
        verified = machine.verification is Verification.VERIFIED
        return tuple(
            Offer(
                id=self.offer_id(place),
                machine=machine.id,
                gpu_name=machine.gpu_name,
                gpus=block.size,
                prices=evolve(listing.prices, min_bid=self.resolution.quoted_min_bid(block)),
                gpus_in_machine=machine.gpus,
                block=block,
                disk_mb=self.disk.offer_mb(block.size, machine.gpus),
                max_discount=listing.max_discount if verified else Fraction(0),
                ends_at=listing.end,
                host=machine.host,
                verification=machine.verification,
                rentable=self.online and not self.occupied & block.gpu_set,
            )
            for place, block in enumerate(self.blocks())
        )

    @cached_property
    def due(self) -> datetime | None:
        """When time alone changes something here; ``None`` is never."""
        found = [instance.due for instance in self.instances.values()]
        found.append(self.rolls_at)
        if self.listing is not None:
            found.append(self.listing.end)
        found.extend(at for at in self.edges() if at > self.announced)
        return min((at for at in found if at is not None), default=None)

    def edges(self) -> Iterator[datetime]:
        """Yield the beginnings and ends of its maintenance windows."""
        for window in self.schedule.windows:
            yield window.period.start
            yield window.period.end


Due = tuple[datetime, int, MachineId | AccountId]
"""When something may be due, on a machine (0) or an account (1), and on which."""


@frozen(kw_only=True)
class Market:
    """Everything a marketplace knows; ``Market()`` is an empty one.

    Attributes:
        now: The instant of the last event.
        last: The last number given to a contract, a listing, an arrival or a price increase.
        machines: By their numbers.
        accounts: By their names.
        homes: The machine of each instance that exists.
        listings: The machine of each listing that holds, by its number.
        asked: The machine of each price increase that waits.
        archive: The instances that were destroyed.
        platform: What the platform has earned.
        credited: All that was ever paid in.
    """

    now: datetime = BEGINNING
    last: int = 0
    machines: Table[MachineId, MachineState] = field(factory=Table)
    accounts: Table[AccountId, Account] = field(factory=Table)
    homes: Table[ContractId, MachineId] = field(factory=Table)
    listings: Table[int, MachineId] = field(factory=Table)
    asked: Table[int, MachineId] = field(factory=Table)
    archive: Table[ContractId, Instance] = field(factory=Table)
    platform: Ledger = _NOTHING_EARNED
    credited: Money = ZERO
    queue: Queue[Due] = field(factory=Queue, eq=False, repr=False)

    def __repr__(self) -> str:
        machines, accounts = len(self.machines), len(self.accounts)
        counts = f"{machines} machines, {accounts} accounts, {len(self.homes)} instances"
        return f"<Market at {self.now}: {counts}>"

    # --- what there is ----------------------------------------------------------------------

    def machine(self, machine: MachineId) -> MachineState:
        """Return a machine; raises ``UnknownId``."""
        return _found(self.machines, machine, "machine", "a machine of this market")

    def account(self, account: AccountId) -> Account:
        """Return an account; raises ``UnknownId``."""
        return _found(self.accounts, account, "account", "an account of this market")

    def home(self, contract: ContractId) -> MachineState:
        """Return the machine of an instance that exists; raises ``UnknownId``."""
        need = "an instance that exists"
        return self.machines[_found(self.homes, contract, "contract", need)]

    def living(self, contract: ContractId) -> Instance:
        """Return an instance that exists; raises ``UnknownId``."""
        return self.home(contract).instances[contract]

    def asking(self, increase: int) -> MachineState:
        """Return the machine of a price increase that waits; raises ``UnknownId``."""
        need = "a price increase that is still open"
        return self.machines[_found(self.asked, increase, "increase", need)]

    # --- the same with something changed ----------------------------------------------------

    def after(
        self,
        at: datetime,
        *,
        place: MachineState | None = None,
        accounts: Iterable[Account] = (),
        **others: Any,
    ) -> Market:
        """Return the market after something happened at an instant.

        Args:
            at: When.
            place: A machine in its new state.
            accounts: Accounts in their new states.
            **others: Other attributes of the market, as they are now.
        """
        machines, known, queue = self.machines, self.accounts, self.queue
        if place is not None:
            before = machines.get(place.id)
            if place.due is not None and (before is None or before.due != place.due):
                queue = queue.add((place.due, 0, place.id))
            machines = machines.set(place.id, place)
        for account in accounts:
            if account.empty and account.ledger.amount > ZERO:
                account = evolve(account, empty=False)  # noqa: PLW2901 - the same one, as it is now
            due, old = account.runs_out(), known.get(account.id)
            if due is not None and (old is None or old.runs_out() != due):
                queue = queue.add((due, 1, account.id))
            known = known.set(account.id, account)
        if len(queue) > 64 + 4 * (len(machines) + len(known)):
            queue = _due(machines, known)
        others.setdefault("machines", machines)
        return evolve(self, now=max(self.now, at), accounts=known, queue=queue, **others)

    def due(self, item: Due) -> bool:
        """Return whether an item of the queue still holds; most were overtaken by others."""
        at, kind, name = item
        if kind == 0:
            place = self.machines.get(name)  # type: ignore[arg-type]  # the kind says which
            return place is not None and place.due == at
        account = self.accounts.get(name)  # type: ignore[arg-type]  # the kind says which
        return account is not None and account.runs_out() == at

    def popped(self) -> Market:
        """Return the market without the first item of its queue."""
        return evolve(self, queue=self.queue.rest())


def _due(
    machines: Table[MachineId, MachineState], accounts: Table[AccountId, Account]
) -> Queue[Due]:
    """Return a queue of what is due, without all that was overtaken."""
    found: set[Due] = {(each.due, 0, each.id) for each in machines.values() if each.due}
    for account in accounts.values():
        due = account.runs_out()
        if due is not None:
            found.add((due, 1, account.id))
    return Queue(found)


def _found(table: Mapping[KT, VT], key: KT, path: str, need: str) -> VT:
    try:
        return table[key]
    except (KeyError, TypeError):  # a TypeError for an unhashable key
        raise UnknownId(path, need, shown(key)) from None
