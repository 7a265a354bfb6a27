"""What a client of a simulation rents: the machine that it finds cheapest, or why it goes away.

What decides among equals, and that nobody looks at machines that cannot serve it:
``whatif._lanes``. Why a client goes away is the last reason (:class:`~numgenius_core.whatif.Lost`)
that any machine gives.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from numgenius_core._accrual import discounted
from numgenius_core.bids.priority import STEPS_PER_NANO
from numgenius_core.prices.schedules import prepaid
from numgenius_core.rates import PerHour
from numgenius_core.whatif._fleet import Fleet
from numgenius_core.whatif._lanes import ALL, CHEAPEST, ROOM, SCATTERED, PriceLane
from numgenius_core.whatif._least import NOWHERE
from numgenius_core.whatif._machine import SimulatedMachine
from numgenius_core.whatif._rental import Prepayment
from numgenius_core.whatif._shape import Spot
from numgenius_core.whatif.demand import Request
from numgenius_core.whatif.outcome import Lost

_RANK: Final = {why: rank for rank, why in enumerate(Lost)}


def rent(fleet: Fleet, request: Request, now: int) -> SimulatedMachine | Lost:
    """Return the machine that a client rents on demand."""
    lane, limit = fleet.on_demand(request.gpus), request.limit
    wanted = request.seconds if request.whole else 1
    key = lane.least(ROOM, now, wanted)
    most = None if limit is None else limit.steps
    if key < NOWHERE and (most is None or fleet.price(key) <= most):
        return fleet.machine(key)
    return _why_not(fleet, lane, most, now, wanted)


def _why_not(fleet: Fleet, lane: PriceLane, most: int | None, now: int, wanted: int) -> Lost:
    """Return why no machine serves who pays at most so much, in price steps per GPU-hour."""

    def suits(key: int) -> bool:
        return key < NOWHERE and (most is None or fleet.price(key) <= most)

    if suits(lane.least(SCATTERED, now, wanted)):
        return Lost.FRAGMENTED
    if suits(lane.least(ALL, now, wanted)):
        return Lost.FULL
    return _why_none_lasts(fleet, lane, most)


def _why_none_lasts(fleet: Fleet, lane: PriceLane, most: int | None) -> Lost:
    """Return the reason where no machine that lasts is cheap enough.

    The cheapest of all is either too dear, or it would be cheap enough if it did last.
    """
    key = lane.least_of_all(ALL)
    if key == NOWHERE:
        return Lost.SIZE
    return Lost.END if most is None or fleet.price(key) <= most else Lost.PRICE


def cheapest_bid(fleet: Fleet, request: Request, price: int, now: int) -> tuple[int, int]:
    """Return the key of the machine where a bid runs for the least, and the lowest that would.

    Both bids in price steps for all GPUs; ``NOWHERE`` if it runs on no machine.
    """
    lane = fleet.bids(request.gpus)
    wanted = request.seconds if request.whole else 1
    key = lane.least(CHEAPEST, now, wanted)
    steps = key // fleet.ways
    if 0 < steps - price < STEPS_PER_NANO:  # a floor may lie between the two
        key = lane.idle_at(key, price, now, wanted)
    elif steps > price:
        key = NOWHERE
    return key, steps


def bid(
    fleet: Fleet, request: Request, price: int, now: int
) -> tuple[SimulatedMachine, Spot] | Lost:
    """Return where a bid, in price steps for all its GPUs, runs for the least."""
    size = request.gpus
    key, steps = cheapest_bid(fleet, request, price, now)
    if key < NOWHERE:
        machine = fleet.machine(key)
        return machine, machine.bid_spot(size, steps)
    lane = fleet.bids(size)
    wanted = request.seconds if request.whole else 1
    most = price // size
    if lane.is_full(most, now, wanted):
        return Lost.FULL
    if lane.floor(lane.least(ALL, now, wanted)) <= most:
        return Lost.OUTBID
    lowest = lane.least_of_all(ALL)
    if lowest == NOWHERE:
        return Lost.SIZE
    return Lost.END if lane.floor(lowest) <= most else Lost.PRICE


class _Offer(NamedTuple):
    """What reserving on a machine costs; the smallest is the cheapest.

    Attributes:
        steps: The price an hour, in price steps; with the discount, if there is one.
        key: The key of the machine.
        left: The seconds that are prepaid.
        lane: Its lane.
    """

    steps: int
    key: int
    left: int
    lane: PriceLane


def reserve(
    fleet: Fleet, request: Request, now: int
) -> tuple[SimulatedMachine, Prepayment | None] | Lost:
    """Return the machine that a client rents who prepays its stay, and what it prepays.

    Without a discount it rents on demand.
    """
    most = None if request.limit is None else request.limit.steps * request.gpus
    best: _Offer | None = None
    lanes = fleet.reserved(request.gpus)
    for lane in lanes:
        for offer in offers(fleet, lane, ROOM, request, now):
            suits = most is None or offer.steps <= most
            if suits and (best is None or offer[:2] < best[:2]):
                best = offer
    if best is None:
        reasons = [_why_not_reserved(fleet, lane, most, request, now) for lane in lanes]
        return max(reasons, key=_RANK.__getitem__, default=Lost.SIZE)
    machine, lane = fleet.machine(best.key), best.lane
    if not lane.curve.max_discount:
        return machine, None
    rate, _ = machine.rate(request.gpus)
    months, discount = lane.prepaid(best.left)
    deposit = prepaid(rate, months, discount)
    if not deposit:
        return machine, None
    return machine, Prepayment(discount, deposit, PerHour.from_steps(best.steps))


def offers(
    fleet: Fleet, lane: PriceLane, kind: int, request: Request, now: int
) -> Iterator[_Offer]:
    """Yield the cheapest machine of a lane that serves all of a stay, and each that serves less.

    The longer the time prepaid, the higher the discount: so those on which a contract would end
    before the stay does are priced one by one.
    """
    seconds = request.seconds
    prepays = bool(lane.curve.max_discount)
    wanted = seconds if request.whole or prepays else 1
    key = lane.least(kind, now, wanted)
    if key < NOWHERE:
        yield _offer(fleet, lane, key, seconds)
    if request.whole or not prepays:
        return
    for side in lane.sides:
        for place in range(side.lasting(now, seconds), side.lasting(now, 1)):
            key = side.keys[kind].keys[place]
            if key < NOWHERE:
                yield _offer(fleet, lane, key, side.left(place, now))


def _offer(fleet: Fleet, lane: PriceLane, key: int, left: int) -> _Offer:
    """Return what reserving a machine for so many seconds costs."""
    steps = fleet.price(key) * lane.size
    if lane.curve.max_discount:
        _, discount = lane.prepaid(left)
        steps = discounted(PerHour.from_steps(steps), discount).steps
    return _Offer(steps, key, left, lane)


def _why_not_reserved(
    fleet: Fleet, lane: PriceLane, most: int | None, request: Request, now: int
) -> Lost:
    """Return why no machine of a lane serves who pays at most so much an hour."""
    for kind, why in ((SCATTERED, Lost.FRAGMENTED), (ALL, Lost.FULL)):
        for offer in offers(fleet, lane, kind, request, now):
            if most is None or offer.steps <= most:
                return why
    return _why_none_lasts(fleet, lane, None if most is None else most // request.gpus)
