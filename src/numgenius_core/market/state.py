"""The state of a market: one immutable value, made of machines, accounts and what they have.

Whatever it knows follows from its events (:func:`numgenius_core.market.evolve`), so it can be
thrown away and made again. Nothing here is a rule, but for one: an account is a host's once it has
a machine, and hosts and clients use separate accounts (G10).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any, Final, NoReturn, TypeVar

from attrs import evolve, field, frozen

from numgenius_core._checks import as_tuple, check_kind
from numgenius_core._numbers import as_int, whole_number
from numgenius_core._terms import NO_FLOOR, Promise
from numgenius_core.bids.priority import Claim, Resolution, quoted_min_bid, resolve
from numgenius_core.contracts.extension import PendingIncrease
from numgenius_core.contracts.storage import Disk
from numgenius_core.errors import UnknownId, WrongType, brief, shown
from numgenius_core.gpus.slicing import blocks
from numgenius_core.ids import AccountId, ContractId, MachineId, OfferId, VolumeId
from numgenius_core.listing import Listing, Machine, Verification
from numgenius_core.maintenance.schedule import MachineSchedule, MaintenanceWindow
from numgenius_core.market._copying import copier, copier_of
from numgenius_core.market._index import MachineIndex
from numgenius_core.market._ledger import Ledger, ticks_at, used_up
from numgenius_core.market._persistent import Series, Sorted, Table
from numgenius_core.market._settings import NO_LIMITS, Settings
from numgenius_core.market.instance import Instance
from numgenius_core.market.volume import (
    A_VOLUME,
    OFFERS_OF_A_LISTING,
    RentedVolume,
    VolumeIndex,
    VolumeListing,
)
from numgenius_core.money import ZERO, Money
from numgenius_core.offer import Block, Offer
from numgenius_core.rates import PerGpuHour
from numgenius_core.sla.history import Outage

BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)
DAY: Final = timedelta(days=1)
"""After which a rolling end is set anew."""
KT = TypeVar("KT")
VT = TypeVar("VT")
_NOTHING_EARNED: Final = Ledger(since=BEGINNING)
_EMPTY: Final[Table[Any, Any]] = Table()  # one for all: most of a market's tables are empty


def as_table(entries: Mapping[Any, Any]) -> Table[Any, Any]:
    """Return a mapping as one that nobody can change."""
    if isinstance(entries, Table):
        return entries
    if not isinstance(entries, Mapping):
        raise WrongType("table", "a mapping", shown(entries))
    return Table(entries)


def _series(outages: Sequence[Outage]) -> Series[Outage]:
    return outages if isinstance(outages, Series) else Series(as_tuple(outages, "outages"))


@frozen(kw_only=True)
class Account:
    """An account, a host's or a client's.

    Attributes:
        id: Its name.
        ledger: Its balance; a client's falls, a host's rises.
        machines: Those it owns, in the order it added them; a host has some.
        instances: Those it rents that exist, each with its machine.
        volumes: Those it rents that exist, each with its machine.
        waiting: How many of the instances wait for their GPUs.
        empty: Whether its balance ran out, and what it rented was stopped, since it last had
            something when money moved; a new one is empty.
        charge: The balance at which a card is to be charged; ``None`` is nowhere.
        notice: The balance at which its owner is to be told; ``None`` is nowhere.
        notice_enabled: Whether its owner is told; a notice that is switched off is kept.
        charge_told, notice_told: Whether it was said since the balance was last above, or since
            the threshold was changed.
        paid_in: What of the balance was paid in, or handed over by others; the rest was earned.
        invoiced_at: When its last payout was invoiced; ``None`` before the first.
        last_destroyed: When the last instance was destroyed of machines that it took away.
        last_deleted: When the last volume was deleted of machines that it took away.

    >>> from datetime import UTC, datetime
    >>> from numgenius_core import Market, Money, execute
    >>> from numgenius_core.market import commands as do
    >>> at = datetime(2026, 1, 1, tzinfo=UTC)
    >>> market, _ = execute(Market(), do.AddCredit(account="ann", amount=Money(10)), at)
    >>> account = market.account("ann")
    >>> print(account.ledger.amount, account.empty, account.runs_out())
    10.00 False None
    """

    id: AccountId
    ledger: Ledger
    machines: tuple[MachineId, ...] = field(default=(), repr=brief)
    instances: Mapping[ContractId, MachineId] = field(
        default=_EMPTY, converter=as_table, repr=brief
    )
    waiting: int = 0
    empty: bool = True
    volumes: Mapping[VolumeId, MachineId] = field(default=_EMPTY, converter=as_table, repr=brief)
    charge: Money | None = None
    notice: Money | None = None
    charge_told: bool = False
    notice_told: bool = False
    paid_in: Money = ZERO
    notice_enabled: bool = True
    invoiced_at: datetime | None = None
    last_destroyed: datetime | None = None
    last_deleted: datetime | None = None
    due: datetime | None = field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        check_kind(self.ledger, Ledger, "account.ledger")
        object.__setattr__(self, "due", self.next_due())

    def runs_out(self) -> datetime | None:
        """Return when its balance runs out; ``None`` if it never does, or did."""
        return None if self.empty else runs_dry(self.ledger)

    def next_due(self) -> datetime | None:
        """Return when time alone says something of its balance next; ``None`` is never."""
        due = None if self.empty else runs_dry(self.ledger)
        if self.charge is None and self.notice is None:
            return due
        notice = notice_of(self)
        for threshold, told in ((self.charge, self.charge_told), (notice, self.notice_told)):
            if threshold is not None and not told:
                falls = self.ledger.falls_to(threshold)
                due = falls if due is None or (falls is not None and falls < due) else due
        return due


def latest(instants: Iterable[datetime | None]) -> datetime | None:
    """Return the last of some instants, ``None`` if there is none."""
    return max((each for each in instants if each is not None), default=None)


def notice_of(account: Account) -> Money | None:
    """Return the balance at which an owner is told, ``None`` if that is nowhere or switched off."""
    return account.notice if account.notice_enabled else None


def runs_dry(ledger: Ledger) -> datetime | None:
    """Return when a balance that is not yet known to be empty runs out; ``None`` is never."""
    left, speed = ledger._ticks, ledger._speed
    if left <= 0:
        return ledger.since
    return None if speed >= 0 else used_up(ledger.since, left, speed)


changed_account: Final = copier(Account)


def told_again(account: Account) -> Account:
    """Return an account that is told of its thresholds again once its balance is above them."""
    amount, charge, notice = account.ledger.amount, account.charge, account.notice
    return changed_account(
        account,
        charge_told=account.charge_told and charge is not None and amount <= charge,
        notice_told=account.notice_told and notice is not None and amount <= notice,
    )


@frozen(kw_only=True)
class MachineState:
    """A machine in the market.

    Attributes:
        machine: What it is.
        listing: What its host publishes; ``None`` if it is not listed.
        number: Of its last listing; 0 before the first.
        listed_from: The number of the first listing since it was last not listed: who rented
            before rents from another offer, which does not renew by itself.
        promised: What it promised last while it was listed, also after a claim of 0: the spread
            is kept.
        floor: The host's lowest bid, dollars per GPU-hour; unlisting leaves it as it is.
        online: Whether it is.
        rolls_at: When a rolling end is set anew; ``None`` without one.
        instances: Those that exist, by their numbers.
        increases: The price increases that wait for a client, by their numbers.
        schedule: Its maintenance windows.
        notices: When each of its windows was announced, by the window's number.
        down_since: Since when it is offline; ``None`` while it is online.
        outages: Those that are over, cut at the edges of the windows they fell into.
        announced: Up to when the beginnings and ends of the windows have been announced.
        default_job: Image of the host's own job, which runs on every GPU that no client uses.
        volume_listing: What its host offers of its disk for volumes; ``None`` without an offer.
        volume_number: Of its last volume listing; 0 before the first.
        volumes: The rented ones that exist, by their numbers.
        last_destroyed: When the last instance was destroyed there that was no free test.
        last_deleted: When the last volume was deleted there that was no free test.
    """

    machine: Machine
    listing: Listing | None = None
    number: int = 0
    listed_from: int = 0
    promised: Promise | None = None
    floor: PerGpuHour = NO_FLOOR
    online: bool = True
    rolls_at: datetime | None = None
    instances: Mapping[ContractId, Instance] = field(default=_EMPTY, converter=as_table, repr=brief)
    increases: Mapping[int, PendingIncrease] = field(default=_EMPTY, converter=as_table, repr=brief)
    schedule: MachineSchedule
    notices: Mapping[int, datetime] = field(default=_EMPTY, converter=as_table, repr=brief)
    down_since: datetime | None = None
    outages: Sequence[Outage] = field(default=Series(), converter=_series, repr=brief)
    announced: datetime = BEGINNING
    default_job: str | None = None
    volume_listing: VolumeListing | None = None
    volume_number: int = 0
    volumes: Mapping[VolumeId, RentedVolume] = field(default=_EMPTY, converter=as_table, repr=brief)
    last_destroyed: datetime | None = None
    last_deleted: datetime | None = None
    _index: MachineIndex = field(init=False, eq=False, repr=False)
    _volume_index: VolumeIndex = field(init=False, eq=False, repr=False)
    volumes_due: datetime | None = field(init=False, eq=False, repr=False)
    due: datetime | None = field(init=False, eq=False, repr=False)
    _offers: tuple[Offer, ...] | None = field(init=False, eq=False, repr=False, default=None)

    def __attrs_post_init__(self) -> None:
        index = MachineIndex(self.instances.values(), (1 << self.machine.gpus) - 1)
        object.__setattr__(self, "_index", index)
        volumes = VolumeIndex(self.volumes.values())
        object.__setattr__(self, "_volume_index", volumes)
        ends = volumes.next_end(self.volume_listing)
        object.__setattr__(self, "volumes_due", ends)
        object.__setattr__(self, "due", due_of(self, index))

    @property
    def id(self) -> MachineId:
        """The machine's number."""
        return self.machine.id

    def in_order(self) -> list[Instance]:
        """Return its instances in the order they were made."""
        return [self.instances[contract] for contract in sorted(self.instances)]

    @property
    def occupied(self) -> int:
        """The GPUs that on-demand and reserved instances hold, as bits."""
        return self._index.occupied

    @property
    def waiting(self) -> int:
        """How many instances wait for their GPUs."""
        return self._index.count - len(self._index.holding)

    def blocks(self) -> tuple[Block, ...]:
        """Return the blocks of its listing, in the order of their offers; none if not listed."""
        if self.listing is None:
            return ()
        return blocks(self.machine.gpus, self.listing.min_gpu)

    def offer_id(self, index: int) -> OfferId:
        """Return the number of the offer of the block at ``index`` in :meth:`blocks`."""
        return OfferId(self.number * OFFERS_OF_A_LISTING + whole_number(index, "index"))

    @property
    def disk(self) -> Disk:
        """How its disk is used; without a volume offer nothing is listed for volumes."""
        listing = self.volume_listing
        return Disk(
            total_mb=self.machine.disk_mb,
            instances_mb=self._index.stored_mb,
            volumes_mb=self._volume_index.stored_mb,
            listed_mb=0 if listing is None else listing.size_mb,
            share=self.machine.disk_share,
        )

    @property
    def volume_offer_id(self) -> OfferId:
        """The number of its last volume offer; no offer of GPUs has the same."""
        return OfferId(self.volume_number * OFFERS_OF_A_LISTING)

    def users_of(self, volume: VolumeId) -> list[ContractId]:
        """Return the instances that have attached a volume and exist, in order."""
        return sorted(key for key, each in self.instances.items() if volume in each.volumes)

    @property
    def resolution(self) -> Resolution:
        """Who runs and who waits, all of them."""
        return resolve([i.claim for i in self.instances.values() if i.claims], self.floor)

    @property
    def running(self) -> tuple[Claim, ...]:
        """The claims that run, the highest priority first."""
        runs = self._index.running(self.floor)
        return tuple(self.instances[contract].claim for _, _, contract, _ in runs)

    @property
    def offers(self) -> tuple[Offer, ...]:
        """Its offers, in the order of their numbers; a rolling end is not in them.

        Kept with the state, so a search of the whole market makes only those that have changed.
        """
        if self._offers is None:  # not a cached_property: see Instance
            object.__setattr__(self, "_offers", self._made_offers())
        assert self._offers is not None
        return self._offers

    def _made_offers(self) -> tuple[Offer, ...]:
        listing, machine = self.listing, self.machine
        if listing is None:
            return ()
        verified, running = machine.verification is Verification.VERIFIED, self.running
        disk = self.disk
        return tuple(
            Offer(
                id=self.offer_id(index),
                machine=machine.id,
                gpu_name=machine.gpu_name,
                gpus=block.size,
                prices=evolve(listing.prices, min_bid=quoted_min_bid(block, running, self.floor)),
                gpus_in_machine=machine.gpus,
                block=block,
                disk_mb=disk.offer_mb(block.size, machine.gpus),
                max_discount=listing.max_discount if verified else Fraction(0),
                ends_at=listing.end,
                host=machine.host,
                verification=machine.verification,
                rentable=self.online and not self.occupied & block.gpu_set,
                promise=listing.promise,
            )
            for index, block in enumerate(self.blocks())
        )


changed_machine: Final = copier(MachineState)
repopulated: Final = copier_of(
    MachineState, "instances", "last_destroyed", "_index", "due", "_offers"
)


_SLOTS: Final[Any] = MachineState  # whose fields are slots, which no type checker sees
fill_due: Final[Callable[[MachineState, datetime | None], None]] = _SLOTS.due.__set__
"""Fills in when a machine is due that was just made and that nobody else has."""


def due_of(state: MachineState, index: MachineIndex) -> datetime | None:
    """Return when time alone changes something on a machine next; ``None`` is never.

    Args:
        state: The machine, but for its instances.
        index: What is looked up of these.
    """
    found = [index.next_due, state.rolls_at, state.volumes_due]
    if state.listing is not None:
        found.append(state.listing.end)
    windows = state.schedule.windows
    if windows:  # in order of time, and no two overlap: so their ends are, too
        begins = bisect_right(windows, state.announced, key=_start_of)
        ends = bisect_right(windows, state.announced, key=_end_of)
        found += [window.period.start for window in windows[begins : begins + 1]]
        found += [window.period.end for window in windows[ends : ends + 1]]
    return min((at for at in found if at is not None), default=None)


def _start_of(window: MaintenanceWindow) -> datetime:
    return window.period.start


def _end_of(window: MaintenanceWindow) -> datetime:
    return window.period.end


Due = tuple[datetime, int, MachineId | AccountId]
"""When something may be due, on a machine (0) or an account (1), and on which."""


Unsettled = tuple[int, MachineId | AccountId]
"""A machine (0) on which somebody has to pause or to resume, or an account (1) that ran out and has
instances to be stopped: so it is in the midst of a command, when not all of its events are there.
"""


@frozen(kw_only=True)
class Market:
    """Everything a marketplace knows; ``Market()`` is an empty one.

    A market is a value: it never changes, and two are compared by what they hold. It has no hash.

    Attributes:
        now: The instant of the last event.
        version: The number of events it came from.
        last: The last number given to a contract, a listing, an arrival, a price increase, a
            maintenance window, a volume or a volume listing.
        settings: What it takes at most.
        machines: By their numbers.
        accounts: By their names.
        homes: The machine of each instance that exists.
        listings: The machine of each listing that holds, by its number.
        volumes: The machine of each volume that exists.
        volume_listings: The machine of each volume listing that holds, by its number.
        asked: The machine of each price increase that waits.
        platform: What the platform has earned.
        credited: All that was ever paid in.
        paid_out: All that hosts were ever paid out; what is pending is among it.
    """

    now: datetime = BEGINNING
    version: int = 0
    last: int = 0
    settings: Settings = NO_LIMITS
    machines: Table[MachineId, MachineState] = field(default=_EMPTY, converter=as_table)
    accounts: Table[AccountId, Account] = field(default=_EMPTY, converter=as_table)
    homes: Table[ContractId, MachineId] = field(default=_EMPTY, converter=as_table)
    listings: Table[int, MachineId] = field(default=_EMPTY, converter=as_table)
    asked: Table[int, MachineId] = field(default=_EMPTY, converter=as_table)
    volumes: Table[VolumeId, MachineId] = field(default=_EMPTY, converter=as_table)
    volume_listings: Table[int, MachineId] = field(default=_EMPTY, converter=as_table)
    platform: Ledger = _NOTHING_EARNED
    credited: Money = ZERO
    paid_out: Money = ZERO
    queue: Sorted[Due] = field(factory=Sorted, eq=False, repr=False)
    unsettled: tuple[tuple[int, MachineId | AccountId], ...] = field(
        default=(), eq=False, repr=False
    )

    def __hash__(self) -> NoReturn:
        raise WrongType("hash(market)", "something that has a hash (compare markets)", repr(self))

    def __repr__(self) -> str:
        machines, accounts = len(self.machines), len(self.accounts)
        counts = f"{machines} machines, {accounts} accounts, {len(self.homes)} instances"
        return f"<Market at {self.now}: {counts}>"

    def machine(self, machine: MachineId) -> MachineState:
        """Return a machine; raises ``UnknownId``."""
        return found_in(self.machines, machine, "machine", "a machine of this market")

    def account(self, account: AccountId) -> Account:
        """Return an account; raises ``UnknownId``."""
        return found_in(self.accounts, account, "account", "an account of this market")

    def home(self, contract: ContractId) -> MachineState:
        """Return the machine of an instance that exists; raises ``UnknownId``."""
        return self.machines[found_in(self.homes, contract, "contract", AN_INSTANCE)]

    def living(self, contract: ContractId) -> Instance:
        """Return an instance that exists; raises ``UnknownId``."""
        return self.home(contract).instances[contract]

    def volume(self, volume: VolumeId) -> RentedVolume:
        """Return a volume that exists; raises ``UnknownId``."""
        return self.machines[found_in(self.volumes, volume, "volume", A_VOLUME)].volumes[volume]

    def asking(self, increase: int) -> MachineState:
        """Return the machine of a price increase that waits; raises ``UnknownId``."""
        return self.machines[found_in(self.asked, increase, "increase", AN_INCREASE)]


AN_INSTANCE: Final = "an instance that exists"
AN_INCREASE: Final = "a price increase that is still open"


def queue_of(
    machines: Mapping[MachineId, MachineState], accounts: Mapping[AccountId, Account]
) -> Sorted[Due]:
    """Return what is due, the earliest first."""
    found: list[Due] = [(each.due, 0, each.id) for each in machines.values() if each.due]
    found += [(each.due, 1, each.id) for each in accounts.values() if each.due]
    return Sorted(found)


def unsettled_of(
    machines: Mapping[MachineId, MachineState],
    accounts: Mapping[AccountId, Account],
    now: datetime,
) -> tuple[Unsettled, ...]:
    """Return where what follows from the last event, at ``now``, has not happened yet."""
    found: list[Unsettled] = [
        (0, each.id)
        for each in machines.values()
        if each.instances and each._index.unsettled(each.floor) is not None
    ]
    for account in accounts.values():
        homes = account.instances
        living = (machines[home].instances[each] for each, home in homes.items())
        if is_spent(account, now) and any(map(has_to_stop, living)):
            found.append((1, account.id))
    return tuple(sorted(found))


def is_spent(account: Account, now: datetime) -> bool:
    """Return whether a balance ran out and has nothing since.

    A host that earns is still said to be empty until money moves at once; it has something.
    """
    return account.empty and ticks_at(account.ledger, now) <= 0


def has_to_stop(instance: Instance) -> bool:
    """Return whether an instance stops when the balance of its client runs out."""
    return instance.claims and not instance.contract.is_free_test


def found_in(table: Mapping[KT, VT], key: KT, path: str, need: str) -> VT:
    """Return the entry of a key; raises ``UnknownId``, and ``WrongType`` of what is no id."""
    try:
        return table[key]
    except (KeyError, TypeError):  # a TypeError for an unhashable key
        if not isinstance(as_int(key), str if path == "account" else int):
            kind = "text" if path == "account" else "a whole number"
            raise WrongType(path, kind, shown(key)) from None
        raise UnknownId(path, need, shown(key)) from None
