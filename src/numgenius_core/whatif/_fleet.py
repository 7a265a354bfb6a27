"""The machines of a simulation as clients see them: the cheapest that serves one, found at once.

Clients of one kind see the machines as a lane (``whatif._lanes``), which knows the cheapest. Before
one of them asks, the lanes look at the machines on which something happened since, in steps that
grow with the logarithm of the machines. So a machine costs what happens on it, and nothing for the
clients of others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

from numgenius_core.intervals import Interval, total_seconds
from numgenius_core.listing import Listing
from numgenius_core.whatif._lanes import BidLane, PriceLane
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
        ways: How many keys there are for one price of a bid.
        price_ways: How many there are for one price on demand.
    """

    def __init__(
        self,
        machines: Sequence[SimulatedMachine],
        terms: Sequence[Terms],
        shapes: Mapping[tuple[int, int], Shape],
        placement: Placement,
    ) -> None:
        self.machines, self.terms, self._shapes = machines, terms, shapes
        self.counts_waste = placement is Placement.LEAST_WASTE
        listings = [one.listing for one in terms]
        self._discounts = sorted({max_discount(one) for one in listings})
        self._prices = sorted({one.prices.gpu.steps for one in listings})
        self._ranks = {price: rank for rank, price in enumerate(self._prices)}
        self._each = len(machines)  # keys for one waste
        widest = max(one.machine.gpus for one in listings) if self.counts_waste else 0
        self._wastes = widest + 1
        self.price_ways = 2 * self._wastes * self._each
        self.ways = self.price_ways * len(self._prices)
        self._price_lanes: dict[int, PriceLane] = {}
        self._reserved_lanes: dict[int, list[PriceLane]] = {}
        self._fixed_lanes: list[PriceLane] = []  # all of the two
        self._bid_lanes: dict[int, BidLane] = {}  # by the size, as the others are
        self._bid_sizes = 0  # theirs, each as the bit of its number
        # Machines that changed since those looked who pay a fixed price, or bidders.
        self._for_others: set[SimulatedMachine] = set()
        self._for_bidders: set[SimulatedMachine] = set()
        for machine in machines:
            machine.fleet = self

    # --- keys -------------------------------------------------------------------------------

    def keys(self, number: int) -> tuple[int, int]:
        """Return the keys of terms by price and by floor, then by place in the listings."""
        terms = self.terms[number]
        prices = terms.listing.prices
        key = self._ranks[prices.gpu.steps] * self.price_ways + terms.machine
        return key, prices.min_bid.steps * self._each + terms.machine

    def waste(self, spot: Spot, *, pauses: bool) -> int:
        """Return what a key grows by for GPUs that a spot spoils, and for pausing a bidder."""
        return (spot.waste + self._wastes * pauses) * self._each

    def machine(self, key: int) -> SimulatedMachine:
        """Return the machine of a key."""
        return self.machines[key % self._each]

    def price(self, key: int) -> int:
        """Return the price in a key of a lane of prices, in price steps per GPU-hour."""
        return self._prices[key // self.price_ways]

    # --- lanes ------------------------------------------------------------------------------

    def changed(self, machine: SimulatedMachine, *, holds: bool) -> None:
        """Take note that an instance came to a machine or left it, and whether no bid stops it."""
        self._for_bidders.add(machine)
        if holds or self.counts_waste:
            self._for_others.add(machine)

    def published(self, machine: SimulatedMachine) -> None:
        """Take note that a machine was published anew, or unlisted."""
        for lane in (*self._fixed_lanes, *self._bid_lanes.values()):
            lane.move(machine)
        machine.show()
        self._for_others.discard(machine)
        self._for_bidders.discard(machine)

    def _show_others(self) -> None:
        """Let those who pay a fixed price look at the machines that changed.

        For what sizes there is room is all that matters to them, unless waste is counted.
        """
        all_sizes = -1 if self.counts_waste else 0
        for machine in self._for_others:
            seen, now = machine.seen, machine.rooms
            machine.seen = now
            changed = all_sizes | seen.block ^ now.block | seen.apart ^ now.apart
            if changed:
                for lane in self._fixed_lanes:
                    if changed & lane.bit:
                        lane.look(machine)
        self._for_others.clear()

    def _show_bidders(self) -> None:
        """Let bidders look at the machines that changed.

        Where nothing runs, a bid costs the floor, as before; elsewhere what those bid who run.
        """
        all_sizes = -1 if self.counts_waste else 0
        for machine in self._for_bidders:
            seen, rooms = machine.seen_by_bidders, machine.rooms.block
            idle, _ = machine.seen_by_bidders = machine.idle, rooms
            contested = rooms & ~idle & self._bid_sizes
            prices = machine.dislodging(contested) if contested else {}
            changed = all_sizes | contested | idle ^ seen[0] | rooms ^ seen[1]
            for lane in self._bid_lanes.values():
                if changed & lane.bit:
                    lane.put(machine, prices.get(lane.size))
        self._for_bidders.clear()

    def _offered(self, size: int) -> list[int]:
        """Return the numbers of the terms that offer a size."""
        return [
            number
            for number, (_, listing, _, _) in enumerate(self.terms)
            if size in self._shapes[listing.machine.gpus, listing.min_gpu].spots
        ]

    def on_demand(self, size: int) -> PriceLane:
        """Return the machines as those see them who rent on demand."""
        if self._for_others:
            self._show_others()
        lane = self._price_lanes.get(size)
        if lane is None:
            # Its discount matters to those who reserve, and to them only if there is no other.
            lane = PriceLane(self, size, self._offered(size), self._discounts[0])
            self._price_lanes[size] = lane
            self._fixed_lanes.append(lane)
        return lane

    def reserved(self, size: int) -> list[PriceLane]:
        """Return the machines as those see them who reserve: a lane for each discount factor."""
        if len(self._discounts) == 1:
            return [self.on_demand(size)]
        if self._for_others:
            self._show_others()
        lanes = self._reserved_lanes.get(size)
        if lanes is None:
            groups: dict[Fraction, list[int]] = {}
            for number in self._offered(size):
                groups.setdefault(max_discount(self.terms[number].listing), []).append(number)
            lanes = [PriceLane(self, size, group, factor) for factor, group in groups.items()]
            self._reserved_lanes[size] = lanes
            self._fixed_lanes += lanes
        return lanes

    def bids(self, size: int) -> BidLane:
        """Return the machines as bidders see them."""
        if self._for_bidders:
            self._show_bidders()
        lane = self._bid_lanes.get(size)
        if lane is None:
            lane = self._bid_lanes[size] = BidLane(self, size, self._offered(size))
            self._bid_sizes |= lane.bit
        return lane
