"""The disk of a machine: what is left, what an offer and a volume get, what an idle one costs.

Rule (marketplace): available = the share of the disk that may be sold − allocated, by instances and
rented volumes; the share is 0.9 (measured), 1 in the published example. An offer of n of T GPUs has
available × n / T of disk. A volume offer is min(listed − rented, available). Published
example: 1,000 GB, 2 GPUs, 500 GB of volume listed make offers of 2 × 500 and 1 × 1,000 GB; with
200 GB of it rented, 2 × 400 and 1 × 800, and a volume of 300; with 800 GB stored by instances a
volume of 200, with 400 stored still one of 500. By default half of what is available is listed,
at the disk price. Volumes end with the GPU offer. Storage costs every second that an instance
exists and its machine is online, in any state.

Our readings: a share of disk is floored to a whole MB. A rented volume is extended as a contract
is: at a price that is not higher, to a later end, never to an earlier one. What is listed may
exceed the disk; what is stored may not. More may be stored than the share that may be sold, where
that was another before: then nothing is available.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from fractions import Fraction
from typing import Final

from attrs import evolve, field, frozen

from numgenius_core._accrual import charge
from numgenius_core._checks import MAX_GPUS, as_tuple, check_kind
from numgenius_core._numbers import fraction, keep_whole, whole_number
from numgenius_core.contracts.contract import Contract, check_contracts, is_later
from numgenius_core.intervals import Interval, utc
from numgenius_core.listing import Listing, Machine
from numgenius_core.money import ZERO, Money
from numgenius_core.rates import PerGbMonth
from numgenius_core.units import Exact


@frozen(kw_only=True)
class Volume:
    """A rented volume: disk that outlives an instance, though not the GPU offer.

    Attributes:
        size_mb: Whole MB, at least 1.
        price: Locked, dollars per GB-month.
        end: When it ends; ``None`` is never.

    Raises:
        WrongType: A field of another type.
        RuleViolation: A size below 1 MB, or an end without a time zone.

    >>> from numgenius_core import PerGbMonth
    >>> from numgenius_core.contracts import Volume
    >>> volume = Volume(size_mb=300_000, price=PerGbMonth("0.15"))
    >>> print(volume.price, volume.price.UNIT, volume.end)
    0.15 $/GB-month None
    """

    size_mb: int
    price: PerGbMonth
    end: datetime | None = None

    def __attrs_post_init__(self) -> None:
        keep_whole(self, "size_mb", "volume.size_mb", 1)
        check_kind(self.price, PerGbMonth, "volume.price")
        if self.end is not None:
            object.__setattr__(self, "end", utc(self.end, "volume.end"))


_ALL: Final = Fraction(1)


def _share(value: Exact) -> Fraction:
    return value if value is _ALL else fraction(value, "disk.share")


@frozen(kw_only=True)
class Disk:
    """How the disk of a machine is used, in whole MB.

    Attributes:
        total_mb: All of it.
        instances_mb: Allocated to instances, whatever their state.
        volumes_mb: Rented as volumes.
        listed_mb: What the host lists for volumes; ``None`` is half of what is available.
        share: The share of the total that may be sold, 0 to 1.

    Raises:
        WrongType: Not whole numbers, or a ``float`` for the share.
        RuleViolation: Negative, or more stored than there is.

    >>> from numgenius_core.contracts import Disk
    >>> disk = Disk(total_mb=1_000_000, volumes_mb=200_000, listed_mb=500_000)
    >>> disk.volume_offer_mb, disk.offer_mb(1, of=2), disk.offer_mb(2, of=2)
    (300000, 400000, 800000)
    >>> Disk(total_mb=1_000_000, share="0.9").available_mb
    900000
    """

    total_mb: int
    instances_mb: int = 0
    volumes_mb: int = 0
    listed_mb: int | None = None
    share: Fraction = field(default=_ALL, converter=_share)

    def __attrs_post_init__(self) -> None:
        keep_whole(self, "total_mb", "disk.total_mb")
        keep_whole(self, "instances_mb", "disk.instances_mb", 0, self.total_mb)
        left = self.total_mb - self.instances_mb
        keep_whole(self, "volumes_mb", "disk.volumes_mb", 0, left)
        if self.listed_mb is None:
            object.__setattr__(self, "listed_mb", self.available_mb // 2)
        keep_whole(self, "listed_mb", "disk.listed_mb")

    @property
    def sold_mb(self) -> int:
        """What may be sold of it: the share of the total, floored."""
        return self.total_mb * self.share.numerator // self.share.denominator

    @property
    def available_mb(self) -> int:
        """What may be sold and neither instances nor volumes hold."""
        return max(0, self.sold_mb - self.instances_mb - self.volumes_mb)

    @property
    def volume_offer_mb(self) -> int:
        """The largest volume that can be rented now."""
        listed = self.listed_mb or 0
        return max(0, min(listed - self.volumes_mb, self.available_mb))

    @property
    def total_stored_mb(self) -> int:
        """What instances and volumes hold together."""
        return self.instances_mb + self.volumes_mb

    def offer_mb(self, gpus: int, of: int) -> int:
        """Return the disk of an offer of ``gpus`` of a machine's ``of`` GPUs.

        Raises:
            WrongType: Not whole numbers.
            RuleViolation: Not from 1 to the machine's GPUs.
        """
        of = whole_number(of, "of", 1, MAX_GPUS)
        gpus = whole_number(gpus, "gpus", 1, of)
        return self.available_mb * gpus // of


def disk_of(
    machine: Machine,
    instances: Iterable[Contract],
    *,
    volumes: Iterable[Volume] = (),
    listed_mb: int | None = None,
) -> Disk:
    """Return how a machine's disk is used.

    Args:
        machine: The machine.
        instances: The contracts whose instances exist, running or not.
        volumes: The rented ones.
        listed_mb: As for :class:`Disk`.

    Raises:
        WrongType: ``machine`` is no ``Machine`` (its number will not do), an instance no
            ``Contract``, a volume no ``Volume``, or ``listed_mb`` no ``int``.
        RuleViolation: An instance of another machine, or more stored than there is.

    >>> from datetime import UTC, datetime
    >>> from numgenius_core import (
    ...     Block, Listing, Machine, PerGbMonth, PerGpuHour, PriceTerms, agree,
    ... )
    >>> from numgenius_core.contracts import Volume, disk_of
    >>> machine = Machine(id=1, host="hanna", gpu_name="A100", gpus=4, disk_mb=1_000_000)
    >>> contract = agree(
    ...     Listing(machine=machine, prices=PriceTerms(gpu=PerGpuHour("2.00"))),
    ...     Block(start=0, size=2),
    ...     id=7,
    ...     client="anna",
    ...     at=datetime(2026, 1, 5, tzinfo=UTC),
    ...     disk_mb=400_000,
    ... )
    >>> volume = Volume(size_mb=100_000, price=PerGbMonth("0.15"))
    >>> disk = disk_of(machine, [contract], volumes=[volume])
    >>> disk.available_mb, disk.volume_offer_mb
    (500000, 150000)
    """
    check_kind(machine, Machine, "machine")
    known = check_contracts(instances, machine.id, "instances")
    stored = sum(contract.disk_mb for contract in known)
    rented = 0
    for index, volume in enumerate(as_tuple(volumes, "volumes")):
        check_kind(volume, Volume, f"volumes[{index}]")
        rented += volume.size_mb
    return Disk(
        total_mb=machine.disk_mb,
        instances_mb=stored,
        volumes_mb=rented,
        listed_mb=listed_mb,
        share=machine.disk_share,
    )


def extend_volume(
    volume: Volume, listing: Listing, *, at: datetime, price: PerGbMonth | None = None
) -> Volume:
    """Return a rented volume after a new listing of its machine: it ends with the GPU offer.

    Args:
        volume: As rented.
        listing: What the host publishes now.
        at: Now; a rolling end counts from it.
        price: Of volumes in the new listing; by default the disk price.

    Returns:
        The volume with the later end; as it was if that is not later, if it has ended or if the
        price is higher. The locked price stays.

    Raises:
        WrongType: ``volume`` is no ``Volume``, ``listing`` no ``Listing``, ``at`` no ``datetime``
            or ``price`` no ``PerGbMonth``.

    >>> from datetime import UTC, datetime
    >>> from numgenius_core import Listing, Machine, PerGbMonth, PerGpuHour, PriceTerms
    >>> from numgenius_core.contracts import Volume, extend_volume
    >>> listing = Listing(
    ...     machine=Machine(id=1, host="hanna", gpu_name="A100", gpus=4),
    ...     prices=PriceTerms(gpu=PerGpuHour("2.00"), storage=PerGbMonth("0.15")),
    ...     end=datetime(2026, 6, 30, tzinfo=UTC),
    ... )
    >>> volume = Volume(
    ...     size_mb=100_000, price=PerGbMonth("0.15"), end=datetime(2026, 3, 31, tzinfo=UTC)
    ... )
    >>> now = datetime(2026, 3, 1, tzinfo=UTC)
    >>> print(extend_volume(volume, listing, at=now).end.date())
    2026-06-30
    """
    check_kind(volume, Volume, "volume")
    check_kind(listing, Listing, "listing")
    at = utc(at, "at")
    asked = listing.prices.storage if price is None else price
    check_kind(asked, PerGbMonth, "price")
    return prolonged(volume, listing.end_at(at), asked, at)


def prolonged(volume: Volume, end: datetime | None, asked: PerGbMonth, at: datetime) -> Volume:
    """Return a rented volume once volumes of its machine are listed to an end at a price."""
    over = volume.end is not None and volume.end <= at
    if over or not is_later(end, volume.end) or asked > volume.price:
        return volume
    return evolve(volume, end=end)


def stopped_cost(contract: Contract, period: Interval) -> Money:
    """Return what an instance costs within a period while it is stopped: its storage.

    Nothing is due before the contract; after its end the instance is stored until it is destroyed.

    Raises:
        WrongType: ``contract`` is no ``Contract`` or ``period`` no ``Interval``.

    >>> from datetime import UTC, datetime, timedelta
    >>> from numgenius_core import (
    ...     Block, Interval, Listing, Machine, PerGbMonth, PerGpuHour, PriceTerms, agree,
    ... )
    >>> from numgenius_core.contracts import stopped_cost
    >>> prices = PriceTerms(gpu=PerGpuHour("2.00"), storage=PerGbMonth("0.72"))
    >>> start = datetime(2026, 1, 1, tzinfo=UTC)
    >>> contract = agree(
    ...     Listing(machine=Machine(id=1, host="hanna", gpu_name="A100", gpus=4), prices=prices),
    ...     Block(start=0, size=1),
    ...     id=7,
    ...     client="anna",
    ...     at=start,
    ...     disk_mb=100_000,
    ... )
    >>> month = Interval(start, start + timedelta(days=30))
    >>> print(stopped_cost(contract, month))
    72.00
    """
    check_kind(contract, Contract, "contract")
    check_kind(period, Interval, "period")
    if contract.is_free_test or period.end <= contract.start:
        return ZERO
    stored = Interval(max(period.start, contract.start), period.end)
    return Money.sum(
        charge(prices.storage, contract.disk_mb, piece.seconds)
        for piece, prices in contract.rates(stored)
    )
