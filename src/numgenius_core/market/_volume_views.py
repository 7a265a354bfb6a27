"""What a service asks about volumes; promised by :mod:`numgenius_core.market.views`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from attrs import frozen

from numgenius_core._checks import check_kind
from numgenius_core._numbers import as_int
from numgenius_core.billing.volumes import VolumeStatement, volume_statement
from numgenius_core.errors import RuleViolation
from numgenius_core.ids import AccountId, MachineId, OfferId, VolumeId
from numgenius_core.intervals import Interval, utc
from numgenius_core.listing import Verification
from numgenius_core.market._instance_views import account_of, archived
from numgenius_core.market._looking_ahead import market_at, market_by
from numgenius_core.market.state import MachineState, Market
from numgenius_core.market.volume import A_VOLUME, RentedVolume
from numgenius_core.rates import PerGbMonth

_LIVING: Final = ("volume", f"{A_VOLUME} (of one that was deleted, give volumes=)")


@frozen(kw_only=True)
class VolumeOffer:
    """Disk of a machine that can be rented as volumes.

    Attributes:
        id: Its number, for :class:`~numgenius_core.market.commands.RentVolume`.
        machine: Whose disk it is.
        host: Account of the machine's owner.
        listed_mb: What is listed, whole MB.
        free_mb: The largest volume that can be rented now: what is listed and not rented, at most
            what is available on the disk.
        price: Dollars per GB-month.
        ends_at: When a volume rented now ends; ``None`` is never.
        verification: Of the machine.
        rentable: Whether its machine is online and something is free.
    """

    id: OfferId
    machine: MachineId
    host: AccountId
    listed_mb: int
    free_mb: int
    price: PerGbMonth
    ends_at: datetime | None
    verification: Verification
    rentable: bool


def volume_offers(
    market: Market, at: datetime, *, machine: MachineId | None = None
) -> tuple[VolumeOffer, ...]:
    """Return the volume offers of all machines, or of one, in the order of their numbers.

    Those of which nothing can be rented now are among them: ``VolumeOffer.rentable`` tells.

    Args:
        market: The market.
        at: When, from the market's last event on: as it is then if nobody does anything more.
        machine: Only this machine's.

    Raises:
        UnknownId: There is no such machine.
        RuleViolation: ``at`` is before the market's last event.

    >>> from datetime import UTC, datetime
    >>> from numgenius_core import Machine, Market, execute
    >>> from numgenius_core.market import commands as do, views
    >>> at = datetime(2026, 1, 1, tzinfo=UTC)
    >>> market = Market()
    >>> for command in (
    ...     do.AddMachine(
    ...         machine=Machine(id=1, host="hanna", gpu_name="A100", gpus=4, disk_mb=1_000_000)
    ...     ),
    ...     do.ListVolume(by="hanna", machine=1, size_mb=500_000),
    ... ):
    ...     market, _ = execute(market, command, at)
    >>> [offer] = views.volume_offers(market, at)
    >>> print(offer.id, offer.free_mb, offer.price, offer.ends_at.date())
    8192 500000 0.10 2026-04-01
    """
    # A rolling end lifts that of volumes with it.
    market, at = market_at(market, at, machine=machine), utc(at)
    if machine is not None:
        return _offers_of(market.machine(machine), at)
    known = market.volume_listings
    states = (market.machines[known[number]] for number in sorted(known))
    return tuple(each for state in states for each in _offers_of(state, at))


def _offers_of(state: MachineState, at: datetime) -> tuple[VolumeOffer, ...]:
    listing = state.volume_listing
    if listing is None:
        return ()
    try:
        end = listing.ends_at(state.listing, at)
    except RuleViolation:  # beyond the calendar: nothing can be rented, as if it had ended
        return ()
    free = state.disk.volume_offer_mb
    offer = VolumeOffer(
        id=state.volume_offer_id,
        machine=state.id,
        host=state.machine.host,
        listed_mb=listing.size_mb,
        free_mb=free,
        price=listing.price,
        ends_at=end,
        verification=state.machine.verification,
        rentable=state.online and free > 0,
    )
    return (offer,)


def volume(
    market: Market,
    volume: VolumeId,
    *,
    volumes: Mapping[VolumeId, RentedVolume] | None = None,
) -> RentedVolume:
    """Return a volume that exists, or one that was deleted.

    Which instances have attached it, its machine knows:
    :meth:`MachineState.users_of <numgenius_core.market.MachineState>`.

    Args:
        market: The market.
        volume: Its number.
        volumes: Where the caller keeps deleted volumes: the state forgets them.

    Raises:
        UnknownId: There is no such volume, nor one in the archive.

    >>> from datetime import UTC, datetime
    >>> from numgenius_core import Machine, Market, Money, execute
    >>> from numgenius_core.market import commands as do, views
    >>> at = datetime(2026, 1, 1, tzinfo=UTC)
    >>> market = Market()
    >>> for command in (
    ...     do.AddMachine(
    ...         machine=Machine(id=1, host="hanna", gpu_name="A100", gpus=4, disk_mb=1_000_000)
    ...     ),
    ...     do.ListVolume(by="hanna", machine=1, size_mb=500_000),
    ...     do.AddCredit(account="ann", amount=Money(10)),
    ...     do.RentVolume(by="ann", offer=8192, size_mb=200_000, name="models"),
    ... ):
    ...     market, _ = execute(market, command, at)
    >>> found = views.volume(market, 2)
    >>> print(found.contract.name, found.contract.size_mb, market.machine(1).users_of(2))
    models 200000 []
    """
    return _found(market, volume, volumes)


def _found(
    market: Market, number: VolumeId, volumes: Mapping[VolumeId, RentedVolume] | None
) -> RentedVolume:
    """Return a volume that exists, or one of the archive; refused as by :func:`volume`."""
    check_kind(market, Market, "market")
    number = as_int(number)
    check_kind(number, int, "volume")
    gone = archived(volumes, number, market.volumes, "volumes", RentedVolume, _LIVING)
    return market.volume(number) if gone is None else gone


def volumes_of(market: Market, client: AccountId) -> tuple[RentedVolume, ...]:
    """Return the volumes of an account that exist, the oldest first; raises ``UnknownId``.

    >>> from datetime import UTC, datetime
    >>> from numgenius_core import Machine, Market, Money, execute
    >>> from numgenius_core.market import commands as do, views
    >>> at = datetime(2026, 1, 1, tzinfo=UTC)
    >>> market = Market()
    >>> for command in (
    ...     do.AddMachine(
    ...         machine=Machine(id=1, host="hanna", gpu_name="A100", gpus=4, disk_mb=1_000_000)
    ...     ),
    ...     do.ListVolume(by="hanna", machine=1, size_mb=500_000),
    ...     do.AddCredit(account="ann", amount=Money(10)),
    ...     do.RentVolume(by="ann", offer=8192, size_mb=200_000),
    ... ):
    ...     market, _ = execute(market, command, at)
    >>> [(volume.id, volume.contract.size_mb) for volume in views.volumes_of(market, "ann")]
    [(2, 200000)]
    """
    return tuple(market.volume(each) for each in sorted(account_of(market, client).volumes))


def volume_statement_of(
    market: Market,
    volume: VolumeId,
    period: Interval,
    *,
    volumes: Mapping[VolumeId, RentedVolume] | None = None,
) -> VolumeStatement:
    """Return what a volume cost in a period, as it is at its end if nobody does anything more.

    For many clients, look ahead once, with :func:`~numgenius_core.market.views.until`
    (:func:`~numgenius_core.market.views.statement_of` says why).

    Args:
        market: The market.
        volume: Its number.
        period: When; it may end after the market's last event.
        volumes: Where the caller keeps deleted volumes.

    Raises:
        UnknownId: There is no such volume, nor one in the archive.

    >>> from datetime import UTC, datetime, timedelta
    >>> from numgenius_core import Interval, Machine, Market, Money, PerGbMonth, execute
    >>> from numgenius_core.market import commands as do, views
    >>> at = datetime(2026, 1, 1, tzinfo=UTC)
    >>> market, price = Market(), PerGbMonth("0.15")
    >>> for command in (
    ...     do.AddMachine(
    ...         machine=Machine(id=1, host="hanna", gpu_name="A100", gpus=4, disk_mb=1_000_000)
    ...     ),
    ...     do.ListVolume(by="hanna", machine=1, size_mb=500_000, price=price),
    ...     do.AddCredit(account="ann", amount=Money(50)),
    ...     do.RentVolume(by="ann", offer=8192, size_mb=200_000),
    ... ):
    ...     market, _ = execute(market, command, at)
    >>> month = Interval(at, at + timedelta(days=30))
    >>> print(views.volume_statement_of(market, 2, month).total)
    30.00
    """
    found = _found(market, volume, volumes)
    check_kind(period, Interval, "period")
    if volume in market.volumes:
        found = market_by(market, period.end, found.contract.client).volume(volume)
    return volume_statement(found.history, period)
