"""The machines of a simulation as clients see them: the cheapest that serves one, found at once.

A client of one kind (the size it wants, and whether it bids, rents on demand or reserves) sees the
machines as a *lane*. A lane has the machines sorted by how long their listings last, and for each a
whole number, its *key*: what the client would pay there, then what decides among equals, and last
the machine itself. The least key among those that last long enough is the machine to rent, and a
tree of the least keys finds it in steps that grow with the logarithm of the machines.

Keys are looked at anew only for machines that changed since a client of that kind came last. So a
machine costs what happens on it, and nothing for the clients of others.

Which machines there are, and what is ever published, is known from the start; so places in a lane
never move. A machine that is published anew leaves one place and takes another.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Final, NamedTuple

from numgenius_core.intervals import Interval, total_seconds
from numgenius_core.listing import Listing
from numgenius_core.prices.schedules import CurveSchedule
from numgenius_core.units import SECONDS_PER_MONTH
from numgenius_core.whatif._machine import SimulatedMachine, max_discount
from numgenius_core.whatif._rental import NEVER
from numgenius_core.whatif._shape import Shape, Spot
from numgenius_core.whatif.scenario import Placement

_NO_DISCOUNT: Final = Fraction(0)
NOWHERE: Final = 1 << 256
"""A key above those of all machines."""


class Least:
    """The least of some keys among the first so many places, kept as the keys change.

    A tree in a list: node i is the least of nodes 2 i and 2 i + 1, and the keys are its leaves.

    Attributes:
        places: How many there are.
        first: The node of the first place; the others follow.
        nodes: All nodes.
    """

    __slots__ = ("first", "nodes", "places")

    def __init__(self, places: int) -> None:
        self.places = places
        self.first = 1 << (places - 1).bit_length()
        self.nodes = [NOWHERE] * (2 * self.first)

    def set(self, place: int, key: int) -> None:
        """Change the key of a place."""
        nodes, node = self.nodes, place + self.first
        if nodes[node] == key:
            return
        nodes[node] = key
        while node > 1:
            other = nodes[node ^ 1]
            key = min(key, other)
            node >>= 1
            if nodes[node] == key:
                return
            nodes[node] = key

    def among(self, count: int) -> int:
        """Return the least key of the first ``count`` places."""
        nodes, found = self.nodes, NOWHERE
        if count == self.places:
            return nodes[1]
        node = self.first + count
        # The places are those under the left neighbours of the nodes on the way up from the one
        # after them; a power of two has nothing to its left.
        while node & (node - 1):
            if node & 1 and nodes[node - 1] < found:
                found = nodes[node - 1]
            node >>= 1
        return found

    def at(self, place: int) -> int:
        """Return the key of a place."""
        return self.nodes[self.first + place]


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


class Side:
    """Places for listings that end at a fixed time, or for those that roll on.

    Attributes:
        rolling: Which of the two.
        ends: Minus when each ends, or minus how long it lasts, ascending.
        shortest: The last of these.
        trees: The keys, of three kinds.
    """

    def __init__(self, ends: Sequence[int], *, rolling: bool) -> None:
        self.rolling, self.ends, self.shortest = rolling, ends, ends[-1]
        self.trees = Least(len(ends)), Least(len(ends)), Least(len(ends))

    def lasting(self, now: int, seconds: int) -> int:
        """Return how many places last for so long from now: the first ones."""
        return bisect_right(self.ends, -seconds if self.rolling else -now - seconds)

    def left(self, place: int, now: int) -> int:
        """Return for how long a place lasts from now."""
        return -self.ends[place] if self.rolling else -self.ends[place] - now


ALL: Final = 0
"""The keys of all machines that are offered in the size, whatever happens there."""


class Place(NamedTuple):
    """Where the terms of a machine stand in a lane.

    Attributes:
        terms: Their number.
        side: Among the fixed ends or those that roll on.
        at: The place there.
        key: The key by the price, of equal ones by the place in the listings.
        floor: The lowest bid, price steps per GPU-hour.
    """

    terms: int
    side: Side
    at: int
    key: int
    floor: int


class Lane(ABC):
    """The machines as clients of one kind see them.

    Attributes:
        size: GPUs that they want.
        sides: The places, with the keys of the machines there.
    """

    def __init__(
        self, fleet: Fleet, size: int, members: Iterable[int], fell: Sequence[int]
    ) -> None:
        self.size, self.sides = size, list[Side]()
        self._fleet, self._seen = fleet, 0
        self._fell = fell
        self._looked: dict[int, int] = {}  # by the index of the machine, as of when
        self._places: dict[int, Place] = {}  # by the number of the terms
        self._taken: dict[int, Place] = {}  # by the index of the machine
        known = list(members)
        for rolling in (False, True):
            order = [number for number in known if fleet.terms[number].rolling is rolling]
            if order:
                order.sort(key=lambda number: -fleet.terms[number].lasts)
                ends = [-fleet.terms[number].lasts for number in order]
                side = Side(ends, rolling=rolling)
                self.sides.append(side)
                for at, number in enumerate(order):
                    self._places[number] = Place(number, side, at, *fleet.key(number))
        for index in {fleet.terms[number].machine for number in known}:
            self._look(fleet.machines[index])
        self._seen = len(fell)

    def catch_up(self) -> None:
        """Look at the machines whose keys may have fallen since the last time."""
        fell, seen = self._fell, self._seen
        if seen < len(fell):
            self._seen = len(fell)
            for index in set(fell[seen:]):
                self._look(self._fleet.machines[index])

    def forget(self) -> None:
        """Start anew with the list of changes."""
        self.catch_up()
        self._seen = 0

    def _look(self, machine: SimulatedMachine) -> None:
        """Set the keys of a machine as it is now."""
        place = self._taken.get(machine.index)
        if place is None or place.terms != machine.terms:
            place = self._move(machine)
        self._looked[machine.index] = self._version(machine)
        if place is not None:
            self._note(machine, place)

    def _move(self, machine: SimulatedMachine) -> Place | None:
        """Return the place of what a machine publishes now, having left the one before."""
        before = self._taken.pop(machine.index, None)
        if before is not None:
            for tree in before.side.trees:
                tree.set(before.at, NOWHERE)
        place = self._places.get(machine.terms)
        if place is not None:
            self._taken[machine.index] = place
            place.side.trees[ALL].set(place.at, self._always(place))
        return place

    def _version(self, machine: SimulatedMachine) -> int:
        """Return a number that changes with the keys of a machine."""
        return machine.changes

    @abstractmethod
    def _always(self, place: Place) -> int:
        """Return the key of a machine, whatever happens on it."""

    @abstractmethod
    def _note(self, machine: SimulatedMachine, place: Place) -> None:
        """Set the other keys of a machine."""

    def least(self, kind: int, now: int, seconds: int) -> int:
        """Return the least key of a kind among the machines that last for so long from now."""
        found = NOWHERE
        for side in self.sides:
            last = -seconds if side.rolling else -now - seconds
            if side.shortest <= last:  # all of them do
                key = side.trees[kind].nodes[1]
            else:
                key = side.trees[kind].among(bisect_right(side.ends, last))
            found = min(found, key)
        return found

    def least_now(self, kind: int, now: int, seconds: int) -> int:
        """Return the same of machines as they are now, which may be more than they were."""
        machines, each, looked = self._fleet.machines, len(self._fleet.machines), self._looked
        while True:
            key = self.least(kind, now, seconds)
            if key == NOWHERE:
                return key
            machine = machines[key % each]
            if looked[machine.index] == self._version(machine):
                return key
            self._look(machine)

    def key_now(self, kind: int, side: Side, at: int) -> int:
        """Return the key of one place as its machine is now."""
        key = side.trees[kind].at(at)
        if key < NOWHERE:
            machine = self._fleet.machine(key)
            if self._looked[machine.index] != self._version(machine):
                self._look(machine)
                key = side.trees[kind].at(at)
        return key

    def least_of_all(self, kind: int) -> int:
        """Return the least key of a kind among all machines."""
        return min((side.trees[kind].nodes[1] for side in self.sides), default=NOWHERE)


ROOM: Final = 1
"""Of a lane of prices, the keys of machines with a block to rent."""
SCATTERED: Final = 2
"""The keys of those that have the GPUs, but no block of them."""


class PriceLane(Lane):
    """The machines as clients see them who pay a fixed price; keys begin with the price."""

    def __init__(self, fleet: Fleet, size: int, members: Iterable[int], discount: Fraction) -> None:
        self.curve = CurveSchedule(discount)
        self._asked, self._discount = -1, _NO_DISCOUNT
        super().__init__(fleet, size, members, fleet.freed)

    def _version(self, machine: SimulatedMachine) -> int:
        # Who runs does not matter to them, unless whether a bidder is paused decides among equals.
        return machine.changes if self._fleet.counts_waste else machine.hold_changes

    def discount(self, seconds: int) -> Fraction:
        """Return the share that prepaying so many seconds takes off."""
        if seconds != self._asked:  # one client asks several times
            months = Fraction(seconds, SECONDS_PER_MONTH)
            self._asked, self._discount = seconds, self.curve.rate(months)
        return self._discount

    def _always(self, place: Place) -> int:
        return place.key

    def _note(self, machine: SimulatedMachine, place: Place) -> None:
        fleet, size = self._fleet, self.size
        _, side, at, key, _ = place
        _, room, scattered = side.trees
        spot = machine.open_spot(size)
        if spot is None:
            free = (machine.full & ~machine.held).bit_count()
            room.set(at, NOWHERE)
            scattered.set(at, key if free >= size else NOWHERE)
            return
        if fleet.counts_waste:
            idle = machine.idle_spot(size)
            key += fleet.waste(spot.waste, pauses=True) if idle is None else fleet.waste(idle.waste)
        if room.nodes[room.first + at] != key:
            room.set(at, key)
        if scattered.nodes[scattered.first + at] != NOWHERE:
            scattered.set(at, NOWHERE)


CHEAPEST: Final = 1
"""Of a lane of bids, keys that begin with the lowest bid that would run."""
CLOSED: Final = 2
"""The floors of machines on which no bid would run."""


class BidLane(Lane):
    """The machines as bidders see them; what they all have is a floor.

    Attributes:
        spots: By the index of a machine, the block that a bid would get.
    """

    def __init__(self, fleet: Fleet, size: int, members: Iterable[int]) -> None:
        self.spots: dict[int, Spot] = {}
        super().__init__(fleet, size, members, fleet.fell)
        self._held_seen = len(fleet.held)

    def catch_up_holds(self) -> None:
        """Look at the machines where contracts came, too: on some no bid may win any more."""
        held, seen = self._fleet.held, self._held_seen
        self._held_seen = len(held)
        for index in set(held[seen:]):
            machine = self._fleet.machines[index]
            if self._looked.get(index) != machine.changes:
                self._look(machine)

    def forget(self) -> None:
        """Start anew with the list of changes."""
        super().forget()
        self.catch_up_holds()
        self._held_seen = 0

    def _always(self, place: Place) -> int:
        return place.floor

    def _note(self, machine: SimulatedMachine, place: Place) -> None:
        fleet = self._fleet
        _, side, at, key, floor = place
        _, cheapest, closed = side.trees
        found = machine.cheapest(self.size)
        if found is None:
            cheapest.set(at, NOWHERE)
            closed.set(at, floor)
            return
        steps, self.spots[machine.index] = found
        key += steps * fleet.ways
        if fleet.counts_waste:
            spot = self.spots[machine.index]
            key += fleet.waste(spot.waste, pauses=bool(spot.gpu_set & machine.used))
        if cheapest.nodes[cheapest.first + at] != key:
            cheapest.set(at, key)
        if closed.nodes[closed.first + at] != NOWHERE:
            closed.set(at, NOWHERE)

    def idle_at(self, key: int, bid: int, now: int, seconds: int) -> int:
        """Return the least key that costs as much as a given one, whose floor a bid reaches.

        The lowest bid that runs is in whole nano-dollars, the floor may lie a little under it. A
        bid between them runs where nothing does, so these machines are looked at one by one.
        """
        fleet, steps, found = self._fleet, key // self._fleet.ways, NOWHERE
        for side in self.sides:
            for place in range(side.lasting(now, seconds)):
                here = side.trees[CHEAPEST].at(place)
                if here < found and here // fleet.ways == steps:
                    machine = fleet.machine(here)
                    reached = machine.floor * self.size <= bid
                    if reached and machine.idle_spot(self.size) is not None:
                        found = here
        return found


class Fleet:
    """The machines of a scenario, and the lanes in which clients see them.

    Attributes:
        machines: The machines, as they are listed.
        terms: All that is ever published: of each machine at first, then in order of time.
        counts_waste: Whether the placement chooses among equally dear machines by waste.
        fell: The indexes of machines on which bids may win for less, one for each such change
            since all lanes caught up.
        freed: The same, where contracts of a fixed price may find more room.
        held: The same, where such contracts came or went.
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
        self._extreme = extreme or self.counts_waste
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

    def key(self, number: int) -> tuple[int, int]:
        """Return the key of terms by price, then by place in the listings; and the floor."""
        terms = self.terms[number]
        prices = terms.listing.prices
        key = self._ranks[prices.gpu.steps] * self._price_ways + terms.machine
        return key, prices.min_bid.steps

    def waste(self, gpus: int, *, pauses: bool = False) -> int:
        """Return what a key grows by for GPUs that are spoiled, and for pausing a bidder."""
        return (gpus + self._wastes * pauses) * self._each

    def machine(self, key: int) -> SimulatedMachine:
        """Return the machine of a key."""
        return self.machines[key % self._each]

    def price(self, key: int) -> int:
        """Return the price in a key of a lane of prices, in price steps per GPU-hour."""
        return self._prices[key // self._price_ways]

    # --- lanes ------------------------------------------------------------------------------

    def note(self, machine: SimulatedMachine, *, holds: bool, falls: bool, frees: bool) -> None:
        """Take note that a machine changed.

        A key that only can have risen is looked at when it is the least; one that may have fallen
        before anybody asks.

        Args:
            machine: The machine.
            holds: Whether the GPUs held or the listing did.
            falls: Whether bids may win for less.
            frees: Whether contracts of a fixed price may find more room.
        """
        machine.changes += 1
        index = machine.index
        if holds:
            machine.hold_changes += 1
            self.held.append(index)
        if falls or self._extreme:
            self.fell.append(index)
        if frees or self.counts_waste:
            self.freed.append(index)
        if len(self.fell) + len(self.held) > self._most:
            lanes: list[Lane] = [*self._price_lanes.values(), *self._bid_lanes.values()]
            for reserved in self._reserved_lanes.values():
                lanes += reserved
            for lane in lanes:
                lane.forget()
            for log in (self.fell, self.freed, self.held):
                log.clear()

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
