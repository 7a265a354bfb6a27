"""The rules of volumes once more, slow and obvious: a part of the model of the market."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from model_parts import DAY, MB_TICKS, NEVER, need


@dataclass
class VolumesListed:
    """What a host offers for volumes; it ends with the GPU offers at the latest."""

    size: int
    price: int
    fee: Fraction
    end: int = NEVER


@dataclass
class Vol:
    """A rented volume."""

    id: int
    client: str
    host: str
    machine: int
    size: int
    price: int
    fee: Fraction
    end: int
    billed: bool
    name: str
    expired: bool = False


class VolumeModel:
    """What a market does with volumes."""

    now: int
    rigs: dict[int, Any]
    deals: dict[int, Any]
    purses: dict[str, Any]
    vols: dict[int, Vol]
    tests_billed: bool
    volume_numbers: dict[int, int]
    _id: int
    _seconds: Any

    def vols_of(self, rig: Any) -> list[Vol]:
        """Return the volumes of a machine."""
        return [vol for vol in self.vols.values() if vol.machine == rig.id]

    def users(self, vol: Vol) -> list[Any]:
        """Return the instances that have attached a volume."""
        return [deal for deal in self.deals.values() if vol.id in deal.volumes]

    def cost_of(self, vol: Vol) -> tuple[int, int]:
        """Return ticks a second from the balance, and to the platform."""
        free = vol.client == vol.host and not vol.billed
        if free or not self.rigs[vol.machine].online:
            return 0, 0
        fee = round(vol.price * vol.fee)
        return vol.price * vol.size * MB_TICKS, fee * vol.size * MB_TICKS

    def free_disk(self, rig: Any) -> int:
        """Return what may be sold of a disk and nothing holds."""
        sold: int = int(rig.disk * rig.share)
        held: int = sum(deal.disk for deal in self.deals.values() if deal.machine == rig.id)
        held += sum(vol.size for vol in self.vols_of(rig))
        return max(0, sold - held)

    def largest(self, rig: Any) -> int:
        """Return the largest volume that can be rented."""
        if rig.volumes is None:
            return 0
        left: int = rig.volumes.size - sum(vol.size for vol in self.vols_of(rig))
        return max(0, min(left, self.free_disk(rig)))

    def volume_instants(self) -> Iterator[int]:
        """Yield when volumes and volume offers end."""
        yield from (vol.end for vol in self.vols.values() if not vol.expired)
        yield from (rig.volumes.end for rig in self.rigs.values() if rig.volumes is not None)

    def volumes_end(self) -> None:
        """Let what ends now end."""
        for vol in self.vols.values():
            vol.expired = vol.expired or vol.end <= self.now
        for rig in self.rigs.values():
            if rig.volumes is not None and rig.volumes.end <= self.now:
                rig.volumes = None

    def last_end(self, rig: Any) -> int:
        """Return when a volume rented now ends."""
        own: int = NEVER if rig.volumes is None else rig.volumes.end
        gpus: int = NEVER if rig.listing is None else rig.listing.end_at(self.now)
        return min(own, gpus)

    def prolong_volumes(self, rig: Any) -> None:
        """Extend volumes to a later end at a price that is not higher than theirs."""
        price = rig.listing.prices.storage if rig.volumes is None else rig.volumes.price
        for vol in self.vols_of(rig):
            if not vol.expired and price <= vol.price:
                vol.end = max(vol.end, self.last_end(rig))

    def follow(self, rig: Any) -> None:
        """Let the volume offer end with the GPU offers."""
        if rig.volumes is not None:
            rig.volumes.end = NEVER
        self.prolong_volumes(rig)

    def list_with(self, rig: Any, command: Any) -> None:
        """Offer the volumes that come with a listing: half the rest if it does not say."""
        size, price = command.volume_mb, command.volume_price
        if size == 0 or (size is None and rig.volumes is not None and price is None):
            return
        if size is None and rig.volumes is not None:
            size = rig.volumes.size
        elif size is None:
            size = self.free_disk(rig) // 2
        if size:
            prices = rig.listing.prices
            steps = prices.storage if price is None else price.steps
            end = NEVER if rig.volumes is None else rig.volumes.end
            rig.volumes = VolumesListed(size, steps, prices.fee, end)

    # --- commands ---------------------------------------------------------------------------

    def _list_volume(self, command: Any) -> None:
        need(command.machine in self.rigs)
        rig = self.rigs[command.machine]
        need(rig.host == command.by and rig.online)
        end = self.now + 90 * DAY if command.end is None else self._seconds(command.end)
        need(end > self.now)
        fee = command.platform_fee
        if fee is None:
            fee = Fraction(0) if rig.listing is None else rig.listing.prices.fee
        rig.volumes = VolumesListed(command.size_mb, command.price.steps, fee, end)
        self.prolong_volumes(rig)

    def _offer(self, number: int) -> Any:
        need(number % 2**13 == 0 and number // 2**13 in self.volume_numbers)
        rig = self.rigs[self.volume_numbers[number // 2**13]]
        need(rig.volumes is not None)
        return rig

    def _unlist_volume(self, command: Any) -> None:
        rig = self._offer(command.offer)
        need(rig.host == command.by)
        rig.volumes = None

    def _rent_volume(self, command: Any) -> None:
        self._take(command, command.size_mb)

    def _clone_volume(self, command: Any) -> None:
        vol = self._own_volume(command.volume, command.by)
        need(self.rigs[vol.machine].online)
        size = vol.size if command.size_mb is None else command.size_mb
        need(size >= vol.size)
        self._take(command, size)

    def _take(self, command: Any, size: int) -> None:
        rig = self._offer(command.offer)
        name, own = command.by, rig.host == command.by
        need(name in self.purses)
        need(own or not any(each.host == name for each in self.rigs.values()))
        billed = own and self.tests_billed
        need(rig.online and size <= self.largest(rig))
        need((own and not billed) or self.purses[name].balance > 0)
        self.vols[self._id] = Vol(
            id=self._id,
            client=name,
            host=rig.host,
            machine=rig.id,
            size=size,
            price=rig.volumes.price,
            fee=rig.volumes.fee,
            end=self.last_end(rig),
            billed=billed,
            name=command.name,
        )

    def _own_volume(self, number: int, by: str) -> Vol:
        need(number in self.vols)
        vol = self.vols[number]
        need(vol.client == by)
        return vol

    def attach(self, rig: Any, command: Any) -> None:
        """Refuse volumes that an instance cannot attach."""
        need(len(set(command.volumes)) == len(command.volumes))
        for number in command.volumes:
            vol = self._own_volume(number, command.by)
            need(vol.machine == rig.id and not vol.expired)

    def _delete_volume(self, command: Any) -> None:
        vol = self._own_volume(command.volume, command.by)
        need(not self.users(vol))
        del self.vols[vol.id]
