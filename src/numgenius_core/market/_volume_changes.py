"""What an event about volumes changes, on a market that is being built: see ``_evolution``.

Nothing is decided here. A volume's money flows from its client to its host and the platform as an
instance's does; what its machine's disk holds follows from the volumes that are there.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from attrs import evolve

from numgenius_core.billing.history import MachineWent
from numgenius_core.contracts.contract import is_later
from numgenius_core.errors import RuleViolation
from numgenius_core.market import _volume_messages as v
from numgenius_core.market._builder import Builder
from numgenius_core.market._contradictions import check_agreed
from numgenius_core.market.state import MachineState, changed_account
from numgenius_core.market.volume import RentedVolume


def _listed(market: Builder, event: v.VolumeListed) -> None:
    listing, number = event.listing, event.number
    machine = market.bare(listing.machine)
    if machine.volume_listing is None or number != machine.volume_number:
        market.give_number(number)
    numbers = market.volume_listings.without(machine.volume_number)
    market.volume_listings = numbers.set(number, machine.id)
    _put(market, machine, volume_listing=listing, volume_number=number)


def _ended(market: Builder, event: v.VolumeUnlisted | v.VolumeListingEnded) -> None:
    machine = market.bare(event.machine)
    if machine.volume_listing is None:
        need = "a machine with a volume offer"
        raise RuleViolation("machine", need, f"machine {event.machine}, which has none")
    unlist_volumes(market, machine)


def unlist_volumes(market: Builder, machine: MachineState) -> None:
    """Let the volume offer of a machine, if it has one, be gone; what is rented stays."""
    if machine.volume_listing is not None:
        market.volume_listings = market.volume_listings.without(machine.volume_number)
        _put(market, machine, volume_listing=None)


def _rented(market: Builder, event: v.VolumeRented) -> None:
    contract = event.contract
    machine = market.bare(contract.machine)
    account = market.account(contract.client)
    check_agreed(machine, contract, event.at)
    market.give_number(contract.id)
    # Checked before anything changes: more than there is could not be stored.
    most = machine.machine.disk_mb - market.machine(machine.id).disk.total_stored_mb
    if contract.size_mb > most:
        need = f"at most the {most:,} MB that are left of the disk"
        raise RuleViolation("contract.volume.size_mb", need, f"{contract.size_mb:,}")
    volumes: Any = account.volumes
    market.put_account(changed_account(account, volumes=volumes.set(contract.id, contract.machine)))
    market.volumes = market.volumes.set(contract.id, contract.machine)
    _settle(market, RentedVolume(contract=contract, source=event.source), event.at)


def _extended(market: Builder, event: v.VolumeExtended) -> None:
    volume = market.volume(event.volume)
    if volume.contract.end != event.old_end or not is_later(event.end, event.old_end):
        need = f"a later end than {volume.contract.end or 'never'}, the present one"
        raise RuleViolation("volume", need, f"{event.old_end} to {event.end or 'never'}")
    _settle(market, evolve(volume, contract=volume.contract.with_end(event.end)), event.at)


def _expired(market: Builder, event: v.VolumeExpired) -> None:
    volume = market.volume(event.volume)
    if volume.expired:
        raise RuleViolation("volume", "a volume that has not expired", f"volume {event.volume}")
    _settle(market, evolve(volume, expired=True), event.at)


def _deleted(market: Builder, event: v.VolumeDeleted) -> None:
    volume = market.volume(event.volume)
    machine = market.machine(volume.contract.machine)
    users = machine.users_of(event.volume)
    if users:
        raise RuleViolation("volume", "a volume that no instance uses", f"one of {users}")
    last = machine.last_deleted if volume.contract.is_free_test else event.at
    market.put_machine(machine, last_deleted=last)
    _settle(market, evolve(volume, deleted=event.at), event.at)
    account = market.account(volume.client)
    rented: Any = account.volumes
    market.put_account(changed_account(account, volumes=rented.without(event.volume)))
    market.volumes = market.volumes.without(event.volume)


def volumes_went(market: Builder, state: MachineState, at: datetime, *, online: bool) -> None:
    """Let the volumes of a machine have gone offline with it, or come back."""
    fact = MachineWent(at=at, online=online)
    for number in sorted(state.volumes):
        volume = state.volumes[number]
        outages: Any = volume.outages
        _settle(market, evolve(volume, outages=outages.add(fact)), at)


def _settle(market: Builder, volume: RentedVolume, at: datetime) -> None:
    """Take a volume in its new state, and let the money flow as it now must.

    One that is deleted is handed to whoever keeps what is gone.
    """
    contract, old = volume.contract, volume.flow
    machine = market.bare(contract.machine)
    volume = volume.flowing(online=machine.online)
    flow = volume.flow
    if flow is not old:
        paid = flow.balance.ticks - old.balance.ticks
        market.pay(contract.client, at, 0, -paid)
        market.pay(contract.host, at, 0, flow.payout.ticks - old.payout.ticks)
        market.earn(at, 0, flow.fee.ticks - old.fee.ticks)
    number, volumes = volume.id, machine.volumes
    before, after = volumes.get(number), None if volume.deleted is not None else volume
    if after is None and market.keeps:
        market.gone_volumes[number] = volume
    _put(
        market,
        machine,
        volumes=volumes.without(number) if after is None else volumes.set(number, after),  # type: ignore[attr-defined]
        _volume_index=machine._volume_index.replaced(before, after),
    )


def _put(market: Builder, machine: MachineState, **changes: Any) -> None:
    """Take a machine with another volume offer, or other volumes, and what is due of them."""
    index = changes.get("_volume_index", machine._volume_index)
    listing = changes.get("volume_listing", machine.volume_listing)
    market.put_machine(machine, volumes_due=index.next_end(listing), **changes)


VOLUME_CHANGES: Final[dict[type, Callable[[Builder, Any], None]]] = {
    v.VolumeListed: _listed,
    v.VolumeUnlisted: _ended,
    v.VolumeListingEnded: _ended,
    v.VolumeRented: _rented,
    v.VolumeExtended: _extended,
    v.VolumeExpired: _expired,
    v.VolumeDeleted: _deleted,
}
