"""The machines of a simulation as clients see them: the cheapest that serves one, found at once.

Clients of one kind see the machines as a lane (``whatif._lanes``), which finds the cheapest in
steps that grow with the logarithm of the machines, and looks anew only at machines that changed. So
a machine costs what happens on it, and nothing for the clients of others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

from numgenius_core.intervals import Interval, total_seconds
from numgenius_core.listing import Listing
from numgenius_core.whatif._lanes import BidLane, Lane, PriceLane
from numgenius_core.whatif._machine import SimulatedMachine, max_discount
from numgenius_core.whatif._rental import NEVER
from numgenius_core.whatif._shape import Shape, Spot
from numgenius_core.whatif.scenario import Placement


class Terms(NamedTuple):
    """What a host publishes at some time: a listing, or that there is none.

    Attributes:
        machine: The index of the machine.
        listing: The listing; of a machine that is unlisted, the last one.
        lasts: When it ends, seconds of the horizon, or, if that is later each day, how long it
            lasts; before all time if the machine is unlisted.
        rolling: Whether it is the latter.
    """

    machine: int
    listing: Listing
    lasts: int
    rolling: bool

    @classmethod
    def of(cls, machine: int, listing: Listing, origin: Interval) -> Terms:
        """Return the terms of a listing."""
        start, lasts = origin.start, NEVER
        if listing.rolling is not None:
            return cls(machine, listing, total_seconds(start, start + listing.rolling), True)
        if listing.end is not None:
            lasts = total_seconds(start, listing.end)
        return cls(machine, listing, lasts, False)


class Fleet:
    """The machines of a scenario, and the lanes in which clients see them.

    Attributes:
        machines: The machines, as they are listed.
        terms: All that is ever published: of each machine at first, then in order of time.
        counts_waste: Whether the placement chooses among equally dear machines by waste.
        exact: Whether bidders look at each machine that changed, as a choice may fall to it when
            it fills.
        changes: How often each machine changed in any way.
        hold_changes: How often the GPUs held on it changed, or its listing.
        fell: The indexes of machines on which bids may win for less, one for each such change
            since all lanes caught up.
        freed: The same, where contracts of a fixed price may find more room.
        held: The same, where such contracts came.
        ways: How many keys there are for one price of a bid.
    """

    def __init__(
        self,
        machines: Sequence[SimulatedMachine],
        terms: Sequence[Terms],
        shapes: Mapping[tuple[int, int], Shape],
        placement: Placement,
        *,
        extreme: bool,
    ) -> None:
        # With bids near the highest there is, no bid may win where one could before: all changes
        # are looked at then, as with a placement whose choice may fall when a machine fills.
        self.machines, self.terms, self._shapes = machines, terms, shapes
        self.counts_waste = placement is Placement.LEAST_WASTE
        self.exact = extreme or self.counts_waste
        self.changes = [0] * len(machines)
        self.hold_changes = [0] * len(machines)
        self.fell: list[int] = []
        self.freed: list[int] = []
        self.held: list[int] = []
        listings = [one.listing for one in terms]
        self._discounts = sorted({max_discount(one) for one in listings})
        self._prices = sorted({one.prices.gpu.steps for one in listings})
        self._ranks = {price: rank for rank, price in enumerate(self._prices)}
        self._each = len(machines)  # keys for one waste
        widest = max(one.machine.gpus for one in listings) if self.counts_waste else 0
        self._wastes = widest + 1
        self._price_ways = 2 * self._wastes * self._each  # keys for one price
        self.ways = self._price_ways * len(self._prices)
        self._most = 8 * len(machines) + 1_000
        self._price_lanes: dict[int, PriceLane] = {}
        self._reserved_lanes: dict[int, list[PriceLane]] = {}
        self._bid_lanes: dict[int, BidLane] = {}

    # --- keys -------------------------------------------------------------------------------

    def keys(self, number: int) -> tuple[int, int]:
        """Return the keys of terms by price and by floor, then by place in the listings."""
        terms = self.terms[number]
        prices = terms.listing.prices
        key = self._ranks[prices.gpu.steps] * self._price_ways + terms.machine
        return key, prices.min_bid.steps * self._each + terms.machine

    def waste(self, spot: Spot, *, pauses: bool) -> int:
        """Return what a key grows by for GPUs that a spot spoils, and for pausing a bidder."""
        return (spot.waste + self._wastes * pauses) * self._each

    def machine(self, key: int) -> SimulatedMachine:
        """Return the machine of a key."""
        return self.machines[key % self._each]

    def price(self, key: int) -> int:
        """Return the price in a key of a lane of prices, in price steps per GPU-hour."""
        return self._prices[key // self._price_ways]

    # --- lanes ------------------------------------------------------------------------------

    # A key that only can have risen is looked at when it is the least; one that may have fallen is
    # noted, and lowered before anybody asks.

    def entered(self, machine: SimulatedMachine, *, holds: bool) -> None:
        """Take note that an instance came to a machine, and whether no bid may stop it."""
        index = machine.index
        self.changes[index] += 1
        if holds:
            self.hold_changes[index] += 1
            self.held.append(index)
        if machine.fell or self.exact:
            self.fell.append(index)
            if self.counts_waste:
                self.freed.append(index)
        if len(self.fell) + len(self.held) > self._most:
            self._forget()

    def left(self, machine: SimulatedMachine, *, holds: bool) -> None:
        """Take note that an instance that ran left a machine, and whether no bid could stop it."""
        index = machine.index
        self.changes[index] += 1
        self.fell.append(index)
        if holds:
            self.hold_changes[index] += 1
        if holds or self.counts_waste:
            self.freed.append(index)
        if len(self.fell) > self._most:
            self._forget()

    def published(self, machine: SimulatedMachine) -> None:
        """Take note that a machine was published anew, or unlisted."""
        self.changes[machine.index] += 1
        self.hold_changes[machine.index] += 1
        for lane in self._lanes():
            lane.move(machine)

    def _forget(self) -> None:
        """Start anew with the lists of changes."""
        for lane in self._lanes():
            lane.forget()
        for changed in (self.fell, self.freed, self.held):
            changed.clear()

    def _lanes(self) -> Iterator[Lane]:
        yield from self._price_lanes.values()
        yield from self._bid_lanes.values()
        for lanes in self._reserved_lanes.values():
            yield from lanes

    def _offered(self, size: int) -> list[int]:
        """Return the numbers of the terms that offer a size."""
        return [
            number
            for number, (_, listing, _, _) in enumerate(self.terms)
            if size in self._shapes[listing.machine.gpus, listing.min_gpu].spots
        ]

    def on_demand(self, size: int) -> PriceLane:
        """Return the machines as those see them who rent on demand."""
        lane = self._price_lanes.get(size)
        if lane is None:
            # Its discount matters to those who reserve, and to them only if there is no other.
            lane = PriceLane(self, size, self._offered(size), self._discounts[0])
            self._price_lanes[size] = lane
        lane.catch_up()
        return lane

    def reserved(self, size: int) -> list[PriceLane]:
        """Return the machines as those see them who reserve: a lane for each discount factor."""
        if len(self._discounts) == 1:
            return [self.on_demand(size)]
        lanes = self._reserved_lanes.get(size)
        if lanes is None:
            groups: dict[Fraction, list[int]] = {}
            for number in self._offered(size):
                groups.setdefault(max_discount(self.terms[number].listing), []).append(number)
            lanes = [PriceLane(self, size, group, factor) for factor, group in groups.items()]
            self._reserved_lanes[size] = lanes
        for lane in lanes:
            lane.catch_up()
        return lanes

    def bids(self, size: int) -> BidLane:
        """Return the machines as bidders see them."""
        lane = self._bid_lanes.get(size)
        if lane is None:
            lane = self._bid_lanes[size] = BidLane(self, size, self._offered(size))
        lane.catch_up()
        return lane
