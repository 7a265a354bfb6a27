"""The machines of a fleet as clients of one kind see them, by what they would pay there.

A client of one kind (the size it wants, and whether it bids, rents on demand or reserves) sees the
machines as a *lane*. A lane has the machines sorted by how long their listings last, and for each a
whole number, its *key*: what the client would pay there, then what decides among equals, and last
the machine itself. The least key among those that last long enough is the machine to rent.

Whenever a client asks, the keys are those of the machines as they are: the fleet
(``whatif._fleet``) has let the lanes look at those that changed.

Which machines there are, and what is ever published, is known from the start; so places in a lane
never move. A machine that is published anew leaves one place and takes another.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Final, NamedTuple

from numgenius_core.prices.schedules import CurveSchedule
from numgenius_core.units import SECONDS_PER_MONTH
from numgenius_core.whatif._least import NOWHERE, Least
from numgenius_core.whatif._machine import SimulatedMachine

if TYPE_CHECKING:
    from numgenius_core.whatif._fleet import Fleet

_NO_TIME: Final = Fraction(0)


class Side:
    """Places for listings that end at a fixed time, or for those that roll on.

    Attributes:
        rolling: Which of the two.
        ends: Minus when each ends, or minus how long it lasts, ascending.
        shortest: The last of these.
        keys: The keys, of three kinds.
    """

    __slots__ = ("ends", "keys", "rolling", "shortest")

    def __init__(self, ends: Sequence[int], *, rolling: bool) -> None:
        self.rolling, self.ends, self.shortest = rolling, ends, ends[-1]
        self.keys = Least(len(ends)), Least(len(ends)), Least(len(ends))

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
        side: Among the fixed ends or those that roll on.
        at: The place there.
        key: The key by the price, of equal ones by the place in the listings.
        floor: The key by the lowest bid, of equal ones by the same.
    """

    side: Side
    at: int
    key: int
    floor: int


class Lane(ABC):
    """The machines as clients of one kind see them.

    Attributes:
        size: GPUs that they want.
        bit: The same as the bit of its number.
        sides: The places, with the keys of the machines there.
    """

    def __init__(self, fleet: Fleet, size: int, members: Iterable[int]) -> None:
        self.size, self.bit, self.sides = size, 1 << size, list[Side]()
        self._fleet = fleet
        self._taken: list[Place | None] = [None] * len(fleet.machines)  # by the machine's index
        self._places: dict[int, Place] = {}  # by the number of the terms
        known = list(members)
        for rolling in (False, True):
            order = [number for number in known if fleet.terms[number].rolling is rolling]
            if order:
                order.sort(key=lambda number: -fleet.terms[number].lasts)
                ends = [-fleet.terms[number].lasts for number in order]
                side = Side(ends, rolling=rolling)
                self.sides.append(side)
                for at, number in enumerate(order):
                    self._places[number] = Place(side, at, *fleet.keys(number))
        for index in {fleet.terms[number].machine for number in known}:
            self.move(fleet.machines[index])

    def move(self, machine: SimulatedMachine) -> None:
        """Let a machine leave its place and take that of what it publishes now, if any."""
        index = machine.index
        before = self._taken[index]
        if before is not None:
            for keys in before.side.keys:
                keys.set(before.at, NOWHERE)
        place = self._taken[index] = self._places.get(machine.terms)
        if place is not None:
            place.side.keys[ALL].set(place.at, self._always(place))
            self.look(machine)

    @abstractmethod
    def _always(self, place: Place) -> int:
        """Return the key of a machine, whatever happens on it."""

    @abstractmethod
    def look(self, machine: SimulatedMachine) -> None:
        """Set the keys of a machine as it is now."""

    def least(self, kind: int, now: int, seconds: int) -> int:
        """Return the least key of a kind among the machines that last for so long from now."""
        found = NOWHERE
        for side in self.sides:
            last = -seconds if side.rolling else -now - seconds
            if side.shortest <= last:  # all of them do
                key = side.keys[kind].top[0]
            else:
                key = side.keys[kind].among(bisect_right(side.ends, last))
            found = min(found, key)
        return found

    def equal(self, kind: int, key: int, ways: int, now: int, seconds: int) -> list[int]:
        """Return the keys of a kind that differ from one only in what decides among equals.

        Those of all machines that last for so long from now; ``ways`` is how many keys there are
        for one price.
        """
        steps, found = key // ways, list[int]()
        for side in self.sides:
            keys = side.keys[kind].keys[: side.lasting(now, seconds)]
            found += [one for one in keys if one // ways == steps]
        return found

    def least_of_all(self, kind: int) -> int:
        """Return the least key of a kind among all machines."""
        return min((side.keys[kind].top[0] for side in self.sides), default=NOWHERE)


ROOM: Final = 1
"""Of a lane of prices, the keys of machines with a block to rent."""
SCATTERED: Final = 2
"""The keys of those that have the GPUs, but no block of them."""


class PriceLane(Lane):
    """The machines as clients see them who pay a fixed price; keys begin with the price."""

    def __init__(self, fleet: Fleet, size: int, members: Iterable[int], discount: Fraction) -> None:
        self.curve = CurveSchedule(discount)
        self._asked, self._time = -1, (_NO_TIME, self.curve.discount(_NO_TIME))
        super().__init__(fleet, size, members)

    def prepaid(self, seconds: int) -> tuple[Fraction, Fraction]:
        """Return so many seconds in months, and the share that prepaying them takes off."""
        if seconds != self._asked:  # one client asks several times
            months = Fraction(seconds, SECONDS_PER_MONTH)
            self._asked, self._time = seconds, (months, self.curve.discount(months))
        return self._time

    def _always(self, place: Place) -> int:
        return place.key

    def look(self, machine: SimulatedMachine) -> None:
        place = self._taken[machine.index]
        if place is None:
            return
        side, at, key, _ = place
        _, room, scattered = side.keys
        size, free = self.size, machine.full & ~machine.held
        spot = machine.spots[size][free]
        if spot is None:
            there, apart = NOWHERE, key if free.bit_count() >= size else NOWHERE
        else:
            there, apart = key, NOWHERE
            if self._fleet.counts_waste:
                idle = machine.idle_spot(size)
                there += self._fleet.waste(spot if idle is None else idle, pauses=idle is None)
        if room.keys[at] != there:
            room.set(at, there)
        if scattered.keys[at] != apart:
            scattered.set(at, apart)


CHEAPEST: Final = 1
"""Of a lane of bids, keys that begin with the lowest bid that would run."""
CLOSED: Final = 2
"""The floors of machines on which no bid would run."""


class BidLane(Lane):
    """The machines as bidders see them; what they all have is a floor."""

    def _always(self, place: Place) -> int:
        return place.floor

    def look(self, machine: SimulatedMachine) -> None:
        contested = self.bit & machine.rooms.block & ~machine.idle
        self.put(machine, machine.dislodging(contested).get(self.size))

    def put(self, machine: SimulatedMachine, price: int | None) -> None:
        """Set the keys of a machine as it is now.

        Args:
            machine: The machine.
            price: The lowest bid in price steps that stops who runs on a block, if any may; it does
                not matter if nothing runs on one.
        """
        place = self._taken[machine.index]
        if place is None:
            return
        side, at, key, floor = place
        if machine.idle & self.bit:
            price = machine.lowest_idle(self.size)
        if price is None:
            key = NOWHERE
        else:
            fleet = self._fleet
            key += price * fleet.ways
            floor = NOWHERE
            if fleet.counts_waste:
                spot = machine.bid_spot(self.size, price)
                key += fleet.waste(spot, pauses=not machine.idle & self.bit)
        _, cheapest, closed = side.keys
        if cheapest.keys[at] != key:
            cheapest.set(at, key)
        if closed.keys[at] != floor:
            closed.set(at, floor)

    def is_full(self, most: int, now: int, seconds: int) -> bool:
        """Return whether no bid may win on some machine whose floor is at most ``most``."""
        return self.floor(self.least(CLOSED, now, seconds)) <= most

    def floor(self, key: int) -> int:
        """Return the floor in a key by it, price steps per GPU-hour."""
        return key // len(self._taken)

    def idle_at(self, key: int, bid: int, now: int, seconds: int) -> int:
        """Return the least key that costs as much as a given one, whose floor a bid reaches.

        The lowest bid that runs is in whole nano-dollars, the floor may lie a little under it. A
        bid between them runs where nothing does, so these machines are looked at one by one.
        """
        fleet = self._fleet
        keys = self.equal(CHEAPEST, key, fleet.ways, now, seconds)
        reached = [one for one in keys if self.runs_idle(fleet.machine(one), bid)]
        return min(reached, default=NOWHERE)

    def runs_idle(self, machine: SimulatedMachine, bid: int) -> bool:
        """Return whether a bid reaches the floor of a machine with a block where nothing runs."""
        return bool(machine.idle & self.bit) and machine.floor * self.size <= bid
