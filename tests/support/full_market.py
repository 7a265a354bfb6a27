"""A market that has everything: promises, a deposit, volumes, bids, increases, and what is gone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from attrs import field, frozen

from market_world import ANN, BOB, HOST, START, World, prices
from numgenius_core.ids import ContractId, MachineId, OfferId, VolumeId
from numgenius_core.market import RentedVolume, commands as c, execute, views
from numgenius_core.money import Money
from numgenius_core.rates import PerGpuHour

MACHINE: Final = MachineId(1)
_DAY: Final = 86_400


@frozen(kw_only=True)
class FullMarket:
    """The world, what it archived, and the number of one thing of each kind."""

    world: World
    volumes: dict[VolumeId, RentedVolume] = field(factory=dict)
    promised: ContractId
    reserved: ContractId
    waiting: ContractId
    destroyed: ContractId
    kept: VolumeId
    deleted: VolumeId
    offer: OfferId
    volume_offer: OfferId


def full_market() -> FullMarket:
    """Return it, two days after it began."""
    w = World()
    w.add(8)
    end: Any = START + timedelta(days=20)
    w.list(prices(storage="0.1", min_bid="0.1"), end=end, sla_claim="0.99", volume_mb=100_000)
    for name in (ANN, BOB):
        w.do(c.AddCredit(account=name, amount=Money(10_000)))
    promised, destroyed = w.rent(1, target="0.95"), w.rent(1, 1, target="0.95")
    reserved = w.rent(1, 2)
    w.do(c.Prepay(by=ANN, contract=reserved, amount=Money(50)))
    w.rent(1, 3, bid="0.6")
    waiting = w.rent(1, 3, by=BOB, bid="0.5", load=False)
    [volumes] = views.volume_offers(w.market, w.now)
    made = []
    for _ in range(2):
        w.do(c.RentVolume(by=ANN, offer=volumes.id, size_mb=1_000))
        made.append(VolumeId(w.market.last))
    gone: dict[VolumeId, RentedVolume] = {}
    delete = c.DeleteVolume(by=ANN, volume=made[1])
    w.market, events = execute(w.market, delete, w.now, archive=w.archive, volumes=gone)
    w.events += events
    w.do(c.ReportOffline(machine=MACHINE), _DAY)
    w.do(c.ReportOnline(machine=MACHINE), _DAY + 3_600)
    w.do(c.Destroy(by=ANN, contract=destroyed), 2 * _DAY)
    w.do(c.SetThresholds(by=ANN, charge=Money(5), notice=Money(7)))
    w.do(c.Relist(by=HOST, machine=MACHINE, gpu=PerGpuHour(2), end=end + timedelta(days=9)))
    return FullMarket(
        world=w,
        volumes=gone,
        promised=promised,
        reserved=reserved,
        waiting=waiting,
        destroyed=destroyed,
        kept=made[0],
        deleted=made[1],
        offer=views.offers(w.market, w.now)[0].id,
        volume_offer=volumes.id,
    )
