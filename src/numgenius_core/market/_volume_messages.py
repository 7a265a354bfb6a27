"""What can be done about volumes, and what happened to them: commands and events.

They are promised by :mod:`numgenius_core.market.commands` and :mod:`numgenius_core.market.events`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from fractions import Fraction
from typing import Final

from attrs import field, frozen

from numgenius_core._numbers import fraction
from numgenius_core.contracts.volumes import VolumeContract, check_volume_name
from numgenius_core.ids import AccountId, MachineId, OfferId, VolumeId
from numgenius_core.market._messages import Message, Order
from numgenius_core.market.volume import OFFERS_OF_A_LISTING, VolumeListing, check_size
from numgenius_core.rates import PerGbMonth
from numgenius_core.units import Exact

VOLUME_MB: Final = 15_000
"""Size of a volume, or of a volume offer, that does not say one: 15 GB."""
VOLUME_PRICE: Final = PerGbMonth("0.10")
"""Price of a volume offer that does not say one."""
NO_FEE: Final = Fraction(0)
VOLUME_OFFER_LASTS: Final = timedelta(days=90)
"""How long a volume offer holds that does not say it: three months of 720 hours."""


def _fee(value: Exact | None) -> Fraction | None:
    return None if value is None else fraction(value, "ListVolume.platform_fee", below_one=True)


# --- a host ---------------------------------------------------------------------------------


@frozen(kw_only=True)
class ListVolume(Order):
    """Offer disk of a machine for volumes, or other terms in place of those it has.

    A later end extends the rented volumes of the machine whose price is not lower than the new one.

    Attributes:
        by: The host.
        machine: Its machine, which is online; its GPUs need not be listed.
        size_mb: What all its volumes together get at most, whole MB.
        price: Dollars per GB-month.
        end: No new volume is rented from then on, by default 90 days later; where the GPUs are
            listed, it ends with them if they end before.
        platform_fee: The platform's share of the price; by default that of the machine's listing,
            or none.
    """

    by: AccountId
    machine: MachineId
    size_mb: int = field(default=VOLUME_MB, metadata={"check": check_size})
    price: PerGbMonth = VOLUME_PRICE
    end: datetime | None = None
    platform_fee: Fraction | None = field(default=None, converter=_fee)


@frozen(kw_only=True)
class UnlistVolume(Order):
    """Take a volume offer back; the volumes rented from it go on."""

    by: AccountId
    offer: OfferId


# --- a client -------------------------------------------------------------------------------


@frozen(kw_only=True)
class RentVolume(Order):
    """Rent a part of a volume offer, of this size for as long as the volume exists.

    Attributes:
        by: The client, or the machine's host for a test (G10).
        offer: Which volume offer.
        size_mb: Whole MB.
        name: The client's own name for it: letters, digits and underscores, at most 64.
    """

    by: AccountId
    offer: OfferId
    size_mb: int = field(default=VOLUME_MB, metadata={"check": check_size})
    name: str = field(default="", metadata={"check": check_volume_name})


@frozen(kw_only=True)
class CloneVolume(Order):
    """Rent another volume, also of another machine, that begins as a copy of one there is.

    Attributes:
        by: The client of the volume, who gets the copy.
        volume: What is copied.
        offer: The volume offer of which the copy gets a part.
        size_mb: Whole MB, at least those of the volume, which are the default.
        name: As of a :class:`RentVolume`.
    """

    by: AccountId
    volume: VolumeId
    offer: OfferId
    size_mb: int | None = field(default=None, metadata={"check": check_size})
    name: str = field(default="", metadata={"check": check_volume_name})


@frozen(kw_only=True)
class DeleteVolume(Order):
    """Delete a volume and its data, once every instance that attached it is destroyed."""

    by: AccountId
    volume: VolumeId


# --- what happened --------------------------------------------------------------------------


@frozen(kw_only=True)
class VolumeListed(Message):
    """A host offers disk for volumes; ``number`` is the listing's, and its offer's comes from it.

    The same number once more says that its terms are these from now on.
    """

    at: datetime
    listing: VolumeListing
    number: int

    @property
    def offer(self) -> OfferId:
        """The number of the volume offer."""
        return OfferId(self.number * OFFERS_OF_A_LISTING)


@frozen(kw_only=True)
class VolumeUnlisted(Message):
    """A host took its volume offer back; that of a machine goes with its GPU offers, unsaid."""

    at: datetime
    machine: MachineId


@frozen(kw_only=True)
class VolumeListingEnded(Message):
    """The end date of a volume offer came, before that of the GPU offers: no new volumes."""

    at: datetime
    machine: MachineId


@frozen(kw_only=True)
class VolumeRented(Message):
    """A client rented a volume; ``source`` is what it was made a copy of."""

    at: datetime
    contract: VolumeContract
    source: VolumeId | None = None


@frozen(kw_only=True)
class VolumeExtended(Message):
    """A volume lasts to ``end`` (``None``: for ever), at the price it has."""

    at: datetime
    volume: VolumeId
    old_end: datetime
    end: datetime | None


@frozen(kw_only=True)
class VolumeExpired(Message):
    """The end of a volume came: it is stored until it is deleted."""

    at: datetime
    volume: VolumeId


@frozen(kw_only=True)
class VolumeDeleted(Message):
    """A volume and its data are gone."""

    at: datetime
    volume: VolumeId
