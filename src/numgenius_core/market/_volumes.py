"""What hosts and clients may do with volumes, and what follows from it.

Rule (marketplace): a host offers disk for volumes; a client rents a part of it, of a fixed size,
attaches it to instances of the same machine when they are made, copies it onto another
offer, and deletes it once every instance that attached it is destroyed. A machine that is listed
with the size left out offers half of what is available, if it has no volume offer, at the disk
price; with size 0 none is made, and one that is there stays. The end of the GPU offer sets the
volume offer's, which never moves the GPU offer's; unlisting the machine takes the volume offer
along, and rented volumes stay.

A relisting that sends no end leaves the end of a volume offer as it is, also where it changes its
size or price: an end that is left out is kept.

Our readings: a volume offer ends with the GPU offers at the latest, whatever end it says. A volume
offer gets a new number when its host publishes it, and keeps it when the GPU offer moves its end. A
price sent with a size left out changes the price of an offer that is there. What all volumes of the
machine hold counts against what is listed. Renting and copying need a machine that is online and a
balance above zero. At its end a volume expires as an instance does: it is stored and charged until
its client deletes it, cannot be attached any more, but copied, and after 48 hours the host may
delete it, unless an instance uses it. Deleting frees the disk at once. Listings extend volumes when
an end is sent or rolls: at a price that is not higher.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from attrs import evolve

from numgenius_core.contracts.storage import Disk, Volume, prolonged
from numgenius_core.contracts.volumes import VolumeContract
from numgenius_core.errors import InUse, NotAllowed, RuleViolation, UnknownId, shown
from numgenius_core.ids import AccountId, MachineId, OfferId, VolumeId
from numgenius_core.intervals import after
from numgenius_core.market import _volume_messages as v, commands as c
from numgenius_core.market._builder import Builder
from numgenius_core.market._decision import Decision
from numgenius_core.market.state import MachineState, Market
from numgenius_core.market.volume import (
    NOT_LISTED,
    OFFERS_OF_A_LISTING,
    RentedVolume,
    VolumeListing,
)

# --- what is offered ------------------------------------------------------------------------


def find_volume_offer(
    market: Market | Builder, offer: OfferId
) -> tuple[MachineState, VolumeListing]:
    """Return the machine and the listing of a volume offer.

    Raises:
        UnknownId: There is no such offer, or no longer.
    """
    number, index = divmod(offer, OFFERS_OF_A_LISTING)
    machine = None if index else market.volume_listings.get(number)
    if machine is None:
        raise UnknownId("offer", NOT_LISTED, shown(offer))
    state = market.machine(machine)
    assert state.volume_listing is not None
    return state, state.volume_listing


def list_volume(decision: Decision, command: v.ListVolume) -> None:
    machine, at = decision.own_machine(command.machine, command.by), decision.at
    check_online(machine, "machine")
    listing = machine.listing
    if command.end is not None and command.end <= at:
        raise RuleViolation("end", f"an instant after {at}", str(command.end))
    end = after(at, v.VOLUME_OFFER_LASTS) if command.end is None else command.end
    fee = command.platform_fee
    if fee is None:
        fee = v.NO_FEE if listing is None else listing.prices.platform_fee
    _publish(
        decision,
        VolumeListing(
            machine=machine.id,
            size_mb=command.size_mb,
            price=command.price,
            platform_fee=fee,
            end=end,  # or with the GPU offers, if these end before
        ),
    )
    extend_volumes(decision, machine.id)


def check_online(machine: MachineState, path: str) -> None:
    """Refuse a machine that is offline."""
    if not machine.online:
        raise RuleViolation(path, "a machine that is online", "one that is offline")


def _publish(decision: Decision, listing: VolumeListing) -> None:
    decision.emit(v.VolumeListed, listing=listing, number=decision.next_number())


def list_volume_with(decision: Decision, command: c.ListMachine | c.Relist) -> None:
    """Offer what the listing of a machine says of volumes: nothing, so much, or half the rest."""
    machine = decision.market.machine(command.machine)
    there, listing, size = machine.volume_listing, machine.listing, command.volume_mb
    price = command.volume_price
    if size == 0 and price is not None:
        raise RuleViolation("volume_price", "none without a volume", str(price))
    assert listing is not None
    if size is None:
        size = there.size_mb if there is not None else _half(machine.disk)
        if there is not None and price is None:
            return
    if size:
        prices = listing.prices
        price = prices.storage if price is None else price
        aligned = isinstance(command, c.ListMachine) or sets_end(command)
        _publish(
            decision,
            VolumeListing(
                machine=machine.id,
                size_mb=size,
                price=price,
                platform_fee=prices.platform_fee,
                end=None if there is None or aligned else there.end,
            ),
        )


def sets_end(command: c.Relist) -> bool:
    """Return whether a relisting sets the end of the GPU offers, and with it the volume offer's."""
    return command.end is not None or command.rolling is not None


def _half(disk: Disk) -> int:
    """Return what is listed by default: half of what is available."""
    return evolve(disk, listed_mb=None).listed_mb or 0


def follow_listing(decision: Decision, machine: MachineId) -> None:
    """Let the volume offer of a machine end with its GPU offers, and extend its volumes."""
    state = decision.market.bare(machine)
    listing = state.volume_listing
    if listing is not None and listing.end is not None:
        aligned = evolve(listing, end=None)
        decision.emit(v.VolumeListed, listing=aligned, number=state.volume_number)
    extend_volumes(decision, machine)


def extend_volumes(decision: Decision, machine: MachineId) -> None:
    """Extend the volumes of a machine to what is listed, where it is later and not dearer."""
    state, at = decision.market.bare(machine), decision.at
    if not state.volumes:
        return
    listing = state.volume_listing
    if listing is not None:
        end, price = listing.ends_at(state.listing, at), listing.price
    else:
        assert state.listing is not None
        end, price = state.listing.end_at(at), state.listing.prices.storage
    for number in sorted(state.volumes):
        volume = state.volumes[number].contract.volume
        longer = prolonged(volume, end, price, at)
        if longer is not volume:
            decision.emit(v.VolumeExtended, volume=number, old_end=volume.end, end=longer.end)


def unlist_volume(decision: Decision, command: v.UnlistVolume) -> None:
    machine, _ = find_volume_offer(decision.market, command.offer)
    decision.own_machine(machine.id, command.by)
    decision.emit(v.VolumeUnlisted, machine=machine.id)


# --- what is rented -------------------------------------------------------------------------


def rent_volume(decision: Decision, command: v.RentVolume) -> None:
    _rent(decision, command.by, command.offer, command.size_mb, command.name, None)


def clone_volume(decision: Decision, command: v.CloneVolume) -> None:
    source = own_volume(decision, command.volume, command.by)
    check_online(decision.market.bare(source.contract.machine), "volume")
    least = source.contract.size_mb
    size = least if command.size_mb is None else command.size_mb
    if size < least:
        raise RuleViolation("size_mb", f"at least the volume's {least:,} MB", f"{size:,}")
    _rent(decision, command.by, command.offer, size, command.name, source.id)


def _rent(
    decision: Decision, by: AccountId, offer: OfferId, size: int, name: str, source: VolumeId | None
) -> None:
    machine, listing = find_volume_offer(decision.market, offer)
    host = machine.machine.host
    account, own = decision.market.account(by), host == by
    if account.machines and not own:
        need = "a client's account (hosts rent only on their own machines)"
        raise NotAllowed("by", need, "a host")
    check_online(machine, "offer")
    most = machine.disk.volume_offer_mb
    if size > most:
        raise RuleViolation("size_mb", f"at most the offer's {most:,} MB", f"{size:,}")
    billed = own and decision.market.settings.own_tests_billed
    if billed or not own:
        decision.need_credit(by)
    end = listing.ends_at(machine.listing, decision.at)
    contract = VolumeContract(
        id=VolumeId(decision.next_number()),
        machine=machine.id,
        host=host,
        client=by,
        volume=Volume(size_mb=size, price=listing.price, end=end),
        start=decision.at,
        platform_fee=listing.platform_fee,
        name=name,
        billed_test=billed,
    )
    decision.emit(v.VolumeRented, contract=contract, source=source)


def own_volume(decision: Decision, volume: VolumeId, by: AccountId) -> RentedVolume:
    """Return a client's volume.

    Raises:
        UnknownId: There is no such volume.
        NotAllowed: It is somebody else's.
    """
    found = decision.market.volume(volume)
    if found.client != by:
        raise NotAllowed("by", f"the client of volume {volume}", by)
    return found


def check_attached(decision: Decision, command: c.Rent, machine: MachineId) -> None:
    """Refuse volumes that an instance of a machine cannot attach.

    Raises:
        UnknownId: There is no such volume.
        NotAllowed: It is somebody else's.
        RuleViolation: It is of another machine, it has expired, or it is named twice.
    """
    for index, number in enumerate(command.volumes):
        volume, path = own_volume(decision, number, command.by), f"volumes[{index}]"
        if volume.contract.machine != machine:
            got = f"volume {number} of machine {volume.contract.machine}"
            raise RuleViolation(path, f"a volume of machine {machine}", got)
        if volume.expired:
            raise RuleViolation(path, "a volume that has not expired", f"volume {number}")
        if number in command.volumes[:index]:
            raise RuleViolation(path, "each volume once", f"volume {number} again")


def delete_volume(decision: Decision, command: v.DeleteVolume) -> None:
    volume = own_volume(decision, command.volume, command.by)
    users = decision.market.machine(volume.contract.machine).users_of(volume.id)
    if users:
        names = ", ".join(map(str, users))
        raise InUse("volume", "one that no instance has attached", f"one of instances {names}")
    decision.emit(v.VolumeDeleted, volume=volume.id)


def delete_own_volumes(decision: Decision, machine: MachineId, host: AccountId) -> None:
    """Delete the volumes that a host has on its own machine."""
    volumes = decision.market.bare(machine).volumes
    for number in sorted(volumes):
        if volumes[number].client == host:
            decision.emit(v.VolumeDeleted, volume=number)


# --- time -----------------------------------------------------------------------------------


def expire_volumes(decision: Decision, machine: MachineId) -> None:
    """Let the volumes of a machine whose end has come expire, and its volume offer end."""
    state, at = decision.market.bare(machine), decision.at
    if state.volumes_due is None or state.volumes_due > at:
        return
    for number in state._volume_index.due_by(at):
        decision.emit(v.VolumeExpired, volume=number)
    listing = state.volume_listing
    if listing is not None and listing.end is not None and listing.end <= at:
        decision.emit(v.VolumeListingEnded, machine=machine)


def clean_up_volumes(decision: Decision, machine: MachineId, before: datetime) -> None:
    """Delete the volumes that expired up to an instant and that no instance uses."""
    state = decision.market.machine(machine)
    used = {volume for each in state.instances.values() for volume in each.volumes}
    for number in sorted(state.volumes):
        volume = state.volumes[number]
        end = volume.contract.end
        if volume.expired and end is not None and end <= before and number not in used:
            decision.emit(v.VolumeDeleted, volume=number)


VOLUME_COMMANDS: Final[dict[type, Callable[[Decision, Any], None]]] = {
    v.ListVolume: list_volume,
    v.UnlistVolume: unlist_volume,
    v.RentVolume: rent_volume,
    v.CloneVolume: clone_volume,
    v.DeleteVolume: delete_volume,
}
