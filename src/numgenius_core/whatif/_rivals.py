"""Who rents from a rival: clients to whom a rival's machine costs less, or as much, by chance.

The machines of the host and those of its rivals are two fleets. A client goes where it pays least;
where both cost it the same, each of these machines has the same chance: so no order and no id
decides. The chance is drawn for each client before anything is looked at, so one client has the
same luck in all options of a sweep.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Final, NamedTuple

from numgenius_core.listing import Mode
from numgenius_core.whatif._choice import cheapest_bid, offers
from numgenius_core.whatif._fleet import Fleet
from numgenius_core.whatif._lanes import CHEAPEST, ROOM
from numgenius_core.whatif._least import NOWHERE
from numgenius_core.whatif._machine import SimulatedMachine
from numgenius_core.whatif.demand import Request

_LUCK_BITS: Final = 64


def lucks(seed: int) -> Iterator[int]:
    """Yield the luck of one client after another: a stream of its own, beside the demand's."""
    random = Random(f"{seed}/rivals")
    while True:
        yield random.getrandbits(_LUCK_BITS)


class _Cheapest(NamedTuple):
    """Where a client pays least in a fleet.

    Attributes:
        steps: What it pays there, in price steps: of its bid the lowest that would run.
        keys: The keys of all machines where that is so; none if no machine serves it.
    """

    steps: int
    keys: list[int]


def rival_for(
    own: Fleet, rivals: Fleet, request: Request, now: int, luck: int
) -> tuple[SimulatedMachine, int] | None:
    """Return the rival's machine that a client rents, and what it pays there, in price steps.

    ``None`` if it looks at the host's machines: they cost it less, or chance is with them, or no
    rival serves it.
    """
    theirs = _cheapest(rivals, request, now)
    if not theirs.keys:
        return None
    mine = _cheapest(own, request, now)
    if mine.keys and mine.steps < theirs.steps:
        return None
    ours = len(mine.keys) if mine.steps == theirs.steps else 0
    chosen = (luck * (ours + len(theirs.keys)) >> _LUCK_BITS) - ours
    if chosen < 0:
        return None
    machines = sorted([rivals.machine(key).index for key in theirs.keys])
    return rivals.machines[machines[chosen]], theirs.steps


def _cheapest(fleet: Fleet, request: Request, now: int) -> _Cheapest:
    if request.bid is not None:
        return _of_bids(fleet, request, request.bid.steps, now)
    if request.mode is Mode.RESERVED:
        return _of_reserved(fleet, request, now)
    lane, limit = fleet.on_demand(request.gpus), request.limit
    wanted = request.seconds if request.whole else 1
    key = lane.least(ROOM, now, wanted)
    if key == NOWHERE or (limit is not None and fleet.price(key) > limit.steps):
        return _Cheapest(0, [])
    steps = fleet.price(key) * request.gpus
    return _Cheapest(steps, lane.equal(ROOM, key, fleet.price_ways, now, wanted))


def _of_bids(fleet: Fleet, request: Request, price: int, now: int) -> _Cheapest:
    key, steps = cheapest_bid(fleet, request, price, now)
    if key == NOWHERE:
        return _Cheapest(0, [])
    lane = fleet.bids(request.gpus)
    wanted = request.seconds if request.whole else 1
    keys = lane.equal(CHEAPEST, key, fleet.ways, now, wanted)
    if steps > price:  # it runs only where nothing does and the floor is under it
        keys = [one for one in keys if lane.runs_idle(fleet.machine(one), price)]
    return _Cheapest(steps, keys)


def _of_reserved(fleet: Fleet, request: Request, now: int) -> _Cheapest:
    most = None if request.limit is None else request.limit.steps * request.gpus
    found = [
        offer
        for lane in fleet.reserved(request.gpus)
        for offer in offers(fleet, lane, ROOM, request, now)
        if most is None or offer.steps <= most
    ]
    steps = min([offer.steps for offer in found], default=0)
    keys: list[int] = []
    for offer in found:
        if offer.steps > steps:
            continue
        if offer.left < request.seconds:  # those that serve less are offers of their own
            keys.append(offer.key)
            continue
        prepays = bool(offer.lane.curve.max_discount)
        wanted = request.seconds if request.whole or prepays else 1
        keys += offer.lane.equal(ROOM, offer.key, fleet.price_ways, now, wanted)
    return _Cheapest(steps, keys)
