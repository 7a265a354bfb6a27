"""What clients and hosts want beyond a rental: volumes, many things at once, promises, notices."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from attrs import frozen

from numgenius_core.ids import AccountId
from numgenius_core.market import Instance, Market, RentedVolume, views
from numgenius_core.offer import Offer

Wish = tuple[str, str, str, dict[str, Any]]
"""Who wants it, and the method, the path and the body of its request."""

HOST: Final = "host-1"
MACHINES: Final = (1001, 1002)
NO_MACHINE: Final = 9_999
GB: Final = (15, 400, 700, 900)  # of a volume: a few of them fill a machine
DISKS: Final = (8, 8, 200, 450)  # of an instance, likewise
FEW: Final = 3  # notices of a page


@frozen
class Wishes:
    """What somebody may want of a market.

    Attributes:
        dice: Decide.
        market: As the clients see it.
        at: What time it is.
        by: The client.
        mine: Its instances.
        offers: What can be rented.
        read: The last notice that each account has read.
    """

    dice: random.Random
    market: Market
    at: datetime
    by: str
    mine: Sequence[Instance]
    offers: Sequence[Offer]
    read: Mapping[str, int]

    def some(self, things: Sequence[Any], most: int = 1) -> list[Any]:
        return self.dice.sample(things, min(most, len(things)))

    def own_volumes(self) -> Sequence[RentedVolume]:
        """Return the volumes of who asks; none of one that has paid nothing in yet."""
        there = self.by in self.market.accounts
        return views.volumes_of(self.market, AccountId(self.by)) if there else ()

    def all(self) -> list[Wish]:
        """Return them; what is wanted more often stands there more often."""
        return [
            *self.notices(),
            *self.readings(),
            *self.money(),
            *self.volumes(),
            *self.many(),
            *self.hosts(),
        ]

    def notices(self) -> list[Wish]:
        reader = self.dice.choice((HOST, self.by))
        page = {"after": self.read.get(reader, 0), "limit": FEW}
        return [(reader, "GET", "/notifications/", page)] * 6

    def readings(self) -> list[Wish]:
        reader = self.dice.choice((HOST, self.by))
        paths = ["/users/current/", "/users/spend-rate/", "/volumes/", "/instances/"]
        paths += [f"/instances/{each.id}/" for each in self.some(self.mine)]
        return [(reader, "GET", path, {}) for path in paths]

    def money(self) -> list[Wish]:
        giver, to = self.dice.choice((HOST, self.by)), self.dice.choice((HOST, self.by))
        amount = self.dice.choice((0.01, 7.5, 60.0))
        at = self.dice.choice((None, 5.0, 300.0))
        return [
            (giver, "PUT", "/commands/transfer_credit/", {"recipient": to, "amount": amount}),
            (self.by, "PUT", "/users/", {"balance_threshold": at, "autobill_threshold": at}),
        ]

    def volumes(self) -> list[Wish]:
        """Rent, copy, attach and delete volumes."""
        found: list[Wish] = []
        size = self.dice.choice(GB)
        for offer in self.some(views.volume_offers(self.market, self.market.now), 2):
            found += [(self.by, "PUT", "/volumes/", {"id": offer.id, "size": size})] * 2
            if self.dice.random() < 0.2:
                found.append((HOST, "POST", "/volumes/unlist/", {"id": offer.id}))
            made = {"create_new": True, "volume_id": offer.id, "size": size}
            found += self.rented({"volume_info": made})
            for volume in self.some(self.own_volumes()):
                copied = {"src_id": volume.id, "dst_id": offer.id}
                found.append((self.by, "POST", "/volumes/copy/", copied))
        for volume in self.some(self.own_volumes(), 2):
            found += [(self.by, "DELETE", "/volumes/", {"id": volume.id})] * 2
            there = volume.contract.machine
            found += self.rented({"env": {f"-v V.{volume.id}:/mnt": "1"}}, there) * 3
        return found

    def rented(self, more: Mapping[str, Any], machine: int | None = None) -> list[Wish]:
        """Return rentals, all of a machine if one is named."""
        there = [each for each in self.offers if machine in (None, each.machine)]
        disk = self.dice.choice(DISKS)
        return [
            (self.by, "PUT", f"/asks/{offer.id}/", {"disk": disk, **more})
            for offer in self.some(there)
        ]

    def many(self) -> list[Wish]:
        """Want several things at once."""
        found: list[Wish] = self.rented({"target_reliability": 0.9}) * 3
        offers = [each.id for each in self.some(self.offers, 2)]
        mine = [each.id for each in self.some(self.mine, 3)]
        if offers:
            found.append((self.by, "POST", "/asks/bulk/", {"ids": offers, "disk": 8}))
        if mine:
            state = self.dice.choice(("stopped", "running"))
            gone = [*mine, self.dice.randint(1, 60)]
            found.append((self.by, "PUT", "/instances/", {"ids": mine, "state": state}))
            found += [(self.by, "DELETE", "/instances/", {"instance_ids": gone})] * 2
        return found

    def hosts(self) -> list[Wish]:
        """Offer disk, plan maintenance of several machines, and tidy up."""
        start = (self.at + timedelta(hours=self.dice.randint(1, 60))).timestamp()
        machine, size = self.dice.choice(MACHINES), self.dice.choice(GB)
        places = self.some((*MACHINES, NO_MACHINE), 2)
        windows = [
            window.id
            for place in self.market.machines.values()
            for window in place.schedule.windows
        ]
        cancelled = [*self.some(windows, 2), self.dice.randint(1, 60)]
        batch = "/machines/maintenances/batch/"
        return [
            (HOST, "POST", "/volumes/", {"machine": machine, "size": 2 * size}),
            (HOST, "POST", "/volumes/", {"machines": [*MACHINES], "size": size}),
            (HOST, "POST", batch, {"machine_ids": places, "sdate": start, "duration": 2}),
            (HOST, "DELETE", batch, {"maintenance_ids": cancelled}),
            (HOST, "PUT", "/machines/defrag_offers/", {"machine_ids": [machine]}),
            (HOST, "PUT", f"/machines/{machine}/cleanup/", {}),
        ]
