"""Volumes in a market: what a host lists of its disk, and what a client has rented of it.

Rule (marketplace): a volume is charged every second that it exists and its machine is online,
whatever state its client's balance is in. It ends with the GPU offer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from fractions import Fraction
from typing import Final

from attrs import evolve, field, frozen

from numgenius_core._accrual import accrued
from numgenius_core._checks import BOUNDS, check_kind, keep_id
from numgenius_core._numbers import fraction, keep_whole, whole_number
from numgenius_core.billing.history import MachineWent
from numgenius_core.billing.volumes import VolumeHistory
from numgenius_core.contracts.volumes import VolumeContract
from numgenius_core.errors import brief
from numgenius_core.ids import AccountId, MachineId, VolumeId
from numgenius_core.intervals import utc
from numgenius_core.listing import Listing
from numgenius_core.market._ledger import NO_FLOW, Flow
from numgenius_core.market._persistent import Series, Sorted
from numgenius_core.rates import PerGbMonth
from numgenius_core.units import MAX_MB, Exact


def _fee(value: Exact) -> Fraction:
    return fraction(value, "volume_listing.platform_fee", below_one=True)


@frozen(kw_only=True)
class VolumeListing:
    """Disk of a machine as its host offers it for volumes.

    Attributes:
        machine: The machine.
        size_mb: What is listed, whole MB: the volumes of the machine together get at most that.
        price: Dollars per GB-month.
        platform_fee: The platform's share of it, 0 to below 1.
        end: No new volume is rented from then on; ``None`` ends with the GPU offer alone.

    Raises:
        WrongType: A field of another type.
        RuleViolation: A size below 1 MB, a fee outside of its bounds, or an end without a time
            zone.

    >>> from numgenius_core import PerGbMonth
    >>> from numgenius_core.market import VolumeListing
    >>> listing = VolumeListing(machine=1, size_mb=500_000, price=PerGbMonth("0.15"))
    >>> listing.size_mb, listing.end
    (500000, None)
    """

    machine: MachineId
    size_mb: int
    price: PerGbMonth
    platform_fee: Fraction = field(default=Fraction(0), converter=_fee)
    end: datetime | None = None

    def __attrs_post_init__(self) -> None:
        keep_id(self, "machine", "volume_listing.machine")
        keep_whole(self, "size_mb", "volume_listing.size_mb", 1, MAX_MB)
        check_kind(self.price, PerGbMonth, "volume_listing.price")
        if self.end is not None:
            object.__setattr__(self, "end", utc(self.end, "volume_listing.end"))

    def ends_at(self, listing: Listing | None, now: datetime) -> datetime | None:
        """Return when a volume rented ``now`` ends: with the GPU offer at the latest.

        Args:
            listing: Of the machine's GPUs, ``None`` if they are not listed.
            now: An instant; a rolling end counts from it.

        Raises:
            WrongType: ``listing`` is no ``Listing``.
            RuleViolation: A rolling end lies beyond the calendar.
        """
        if listing is None:
            return self.end
        check_kind(listing, Listing, "listing")
        return earlier(self.end, listing.end_at(now))


def earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    """Return the earlier of two ends; ``None`` is never."""
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)


def _outages(facts: Sequence[MachineWent]) -> Series[MachineWent]:
    return facts if isinstance(facts, Series) else Series(facts)


@frozen(kw_only=True)
class RentedVolume:
    """A volume that a client has rented.

    Attributes:
        contract: What was agreed, with its present end.
        source: The volume that it was made a copy of; ``None`` for an empty one.
        expired: Whether its end has come: then it is stored until it is deleted.
        deleted: When it was deleted; ``None`` if it exists.
        outages: When its machine went offline and came back.
        flow: Money that flows each second because of it.
    """

    contract: VolumeContract
    source: VolumeId | None = None
    expired: bool = False
    deleted: datetime | None = None
    outages: Sequence[MachineWent] = field(default=Series(), converter=_outages, repr=brief)
    flow: Flow = NO_FLOW

    @property
    def id(self) -> VolumeId:
        """Its number."""
        return self.contract.id

    @property
    def client(self) -> AccountId:
        """The account that pays for it."""
        return self.contract.client

    @property
    def history(self) -> VolumeHistory:
        """All that happened to it, as a bill is made from."""
        outages = tuple(self.outages)
        return VolumeHistory(contract=self.contract, outages=outages, deleted=self.deleted)

    @property
    def due(self) -> datetime | None:
        """When time alone changes it next; ``None`` is never."""
        return None if self.expired else self.contract.end

    def flowing(self, *, online: bool) -> RentedVolume:
        """Return it with the money that flows each second while its machine is as it is."""
        contract = self.contract
        if not online or self.deleted is not None or contract.is_free_test:
            return self if self.flow == NO_FLOW else evolve(self, flow=NO_FLOW)
        used = accrued(contract.price, contract.size_mb, 1, contract.platform_fee)
        flow = Flow(balance=used.amount, payout=used.amount - used.fee, fee=used.fee)
        return self if flow == self.flow else evolve(self, flow=flow)


OFFERS_OF_A_LISTING: Final = 2**13
"""More than any machine has blocks; an offer's number is its listing's times this and an index."""
NOT_LISTED: Final = "a volume offer that is on the market"
A_VOLUME: Final = "a volume that exists"


def check_size(size: int, path: str) -> int:
    """Return the size of a volume in whole MB, and refuse what is none.

    Raises:
        WrongType: It is no ``int``.
        RuleViolation: It is below 1.
    """
    return whole_number(size, path, 1, MAX_MB)


BOUNDS[check_size] = (1, MAX_MB)


class VolumeIndex:
    """What is looked up of the volumes of a machine; it is replaced, never changed.

    Attributes:
        stored_mb: MB of the machine's disk that they take.
        ends: When those end that have not, the first of them first.
    """

    __slots__ = ("ends", "stored_mb")

    def __init__(self, volumes: Iterable[RentedVolume] = ()) -> None:
        known = tuple(volumes)
        self.stored_mb: int = sum(each.contract.volume.size_mb for each in known)
        dues = ((each.due, each.id) for each in known)
        ends = ((due, volume) for due, volume in dues if due is not None)
        self.ends: Sorted[tuple[datetime, VolumeId]] = Sorted(ends)

    def replaced(self, before: RentedVolume | None, after: RentedVolume | None) -> VolumeIndex:
        """Return the index with a volume in another state; ``None`` is one that is not there."""
        made = VolumeIndex()
        made.stored_mb, made.ends = self.stored_mb, self.ends
        if before is not None:
            made.stored_mb -= before.contract.volume.size_mb
            if before.due is not None:
                made.ends = made.ends.without((before.due, before.id))
        if after is not None:
            made.stored_mb += after.contract.volume.size_mb
            if after.due is not None:
                made.ends = made.ends.add((after.due, after.id))
        return made

    def next_end(self, listing: VolumeListing | None) -> datetime | None:
        """Return when the first volume, or the volume offer, ends; ``None`` is never."""
        first = self.ends.first
        end = None if first is None else first[0]
        return end if listing is None else earlier(end, listing.end)

    def due_by(self, at: datetime) -> list[VolumeId]:
        """Return the volumes whose end has come, the first to end first, then the first made."""
        due = []
        for end, volume in self.ends:
            if end > at:
                break
            due.append(volume)
        return due
