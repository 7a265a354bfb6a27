"""One scenario played through: requests arrive, run, are paused, and leave.

It runs the rules themselves, not an approximation of them: who runs and who waits is what
:func:`numgenius_core.bids.resolve` says, blocks are those of :mod:`numgenius_core.gpus`,
discounts, deposits and refunds those of :mod:`numgenius_core.prices`, new end dates those of
:func:`numgenius_core.contracts.extend`, and every amount is, to the tick, the one of the contract's
statement (:func:`numgenius_core.billing.statement`).

Every machine is empty when the horizon begins.

Our readings, where the rules leave it to the clients:

* A client rents an offer of just the size it wants, from the machine where that is cheapest per
  hour, of equal ones the first listed; if none is free, it goes away. Where machines of the host
  and of rivals cost it the same, each of these has the same chance, drawn from the seed.
* An on-demand instance gets a block where nothing runs, if there is one, else one that no
  on-demand or reserved contract holds; among them the placement decides.
* A bidder rents where the lowest bid that would run is cheapest, if it bids as much; if its bid
  would run nowhere, it goes away. Later it may be paused, and stays until its work is done, its
  patience or its contract ends.
* A reserving client prepays its whole stay, or what the listing lasts of it.
* A client destroys its instance when its stay or its contract ends. Instances load in no time.
* At one instant, instances leave first, then hosts relist, then clients arrive. A listing with a
  rolling end is published anew at the same time each day.

How it is fast. Times are whole seconds and amounts whole ticks, as plain integers; an event costs
a look at the claims on one machine, a step of a heap and a look into tables of the machine's
states.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from fractions import Fraction
from heapq import heappop, merge
from itertools import count
from math import lcm
from operator import attrgetter, itemgetter
from typing import NamedTuple

from numgenius_core._accrual import ticks_a_second
from numgenius_core._checks import check_kind
from numgenius_core._numbers import whole_number
from numgenius_core.billing.history import History
from numgenius_core.intervals import total_seconds
from numgenius_core.listing import Listing, Mode
from numgenius_core.money import ZERO, Money
from numgenius_core.rates import PerHour
from numgenius_core.units import SECONDS_PER_DAY
from numgenius_core.whatif._choice import bid, rent, reserve
from numgenius_core.whatif._departures import Departures
from numgenius_core.whatif._fleet import Fleet, Terms
from numgenius_core.whatif._machine import SimulatedMachine
from numgenius_core.whatif._rental import Rental, Tally
from numgenius_core.whatif._rivals import lucks, rival_for
from numgenius_core.whatif._shape import Shape, Spot
from numgenius_core.whatif.demand import Request
from numgenius_core.whatif.outcome import Lost, ModeOutcome, Outcome
from numgenius_core.whatif.scenario import Placement, Relisting, Scenario


def simulate(scenario: Scenario, seed: int = 0, *, keep_histories: bool = False) -> Outcome:
    """Return what comes of a scenario: who rented, what they paid, and who was not served.

    Args:
        scenario: What is listed, who comes and for how long.
        seed: Seed of the demand's generator, and of the chance between machines of the host and of
            rivals that cost the same; recorded requests do not depend on it.
        keep_histories: Whether to return what happened to each instance too, as billing reads it.

    Raises:
        RuleViolation: A negative seed.

    >>> from datetime import UTC, datetime, timedelta
    >>> from numgenius_core import Interval, Listing, Machine, PerGpuHour, PriceTerms
    >>> from numgenius_core.whatif import Request, Scenario, Trace, simulate
    >>> monday = datetime(2026, 1, 5, tzinfo=UTC)
    >>> machine = Machine(id=7, host="hanna", gpu_name="A100", gpus=4)
    >>> listing = Listing(machine=machine, prices=PriceTerms(gpu=PerGpuHour("2.00")))
    >>> demand = Trace([Request(after=0, gpus=1, seconds=7_200, limit=PerGpuHour("2.50"))])
    >>> day = Interval(monday, monday + timedelta(days=1))
    >>> scenario = Scenario(listings=[listing], demand=demand, horizon=day)
    >>> outcome = simulate(scenario)
    >>> print(outcome.rented, outcome.revenue, outcome.occupancy)  # 2 of 96 GPU-hours
    1 4.00 1/48
    """
    check_kind(scenario, Scenario, "scenario")
    return _Simulation(scenario, whole_number(seed, "seed"), keep=keep_histories).run()


class _Publishing(NamedTuple):
    """A host publishes a machine anew.

    Attributes:
        at: When it does, seconds of the horizon.
        machine: The machine.
        listing: The new listing; ``None`` unlists it.
        terms: The number of what it publishes; ``None`` where a rolling end is a day later.
    """

    at: int
    machine: SimulatedMachine
    listing: Listing | None
    terms: int | None


class _Simulation:
    """A scenario as time passes."""

    def __init__(self, scenario: Scenario, seed: int, *, keep: bool) -> None:
        self.scenario, self.seed, self.keep = scenario, seed, keep
        self.origin, self.end = scenario.horizon, scenario.horizon.seconds
        self.requests = scenario.demand.draw(self.origin, seed).requests
        self.sizes = Counter([request.gpus for request in self.requests]) or Counter({1: 1})
        # Of one instance that is due anew, the old entry stays there and is told apart by its time:
        # to skip it once is cheaper than to find it.
        self.departures = Departures(self.end)
        self.tallies = {mode: Tally() for mode in Mode}
        self.renting, self.reserving, self.bidding = (
            self.tallies[mode] for mode in (Mode.ON_DEMAND, Mode.RESERVED, Mode.INTERRUPTIBLE)
        )
        self.elsewhere = Tally()  # of rivals, which nobody reads
        self.histories: list[tuple[int, History]] = []
        self.ids = count(1)
        self._open()

    def _open(self) -> None:
        """List the machines, and take note of all that will be published."""
        scenario, parts = self.scenario, lcm(*self.sizes)
        relistings = sorted(scenario.relistings, key=self._at)  # stable
        rivals = sorted(scenario.rivals, key=lambda one: one.machine.id)  # in whatever order given
        later = [one.listing for one in relistings if one.listing]
        listings = [*scenario.listings, *later, *rivals]
        kinds = {(listing.machine.gpus, listing.min_gpu) for listing in listings}
        shapes = {kind: Shape(*kind, scenario.placement, self.sizes) for kind in kinds}

        def opened(given: Iterable[Listing]) -> tuple[list[SimulatedMachine], list[Terms]]:
            machines = [
                SimulatedMachine(index, listing, shapes, self.origin, parts)
                for index, listing in enumerate(given)
            ]
            return machines, [Terms.of(one.index, one.listing, self.origin) for one in machines]

        self.machines, terms = opened(scenario.listings)
        by_id = {machine.listing.machine.id: machine for machine in self.machines}
        last = {machine.index: machine.listing for machine in self.machines}
        self.relistings: list[_Publishing] = []
        for relisting in relistings:
            machine, listing = by_id[relisting.machine], relisting.listing
            self.relistings.append(_Publishing(self._at(relisting), machine, listing, len(terms)))
            if listing is None:
                terms.append(Terms(machine.index, last[machine.index], -1, False))
            else:
                last[machine.index] = listing
                terms.append(Terms.of(machine.index, listing, self.origin))
        self.fleet = Fleet(self.machines, terms, shapes, scenario.placement)
        # Which machine of a rival a client takes, chance says: waste does not matter there.
        self.rivals = Fleet(*opened(rivals), shapes, Placement.BEST_FIT) if rivals else None
        self.lucks = lucks(self.seed)
        # A contract that is extended may be metered from what happened; no other needs it.
        self.keep_facts = self.keep or bool(relistings) or any(one.rolling for one in terms)

    def _at(self, relisting: Relisting) -> int:
        return total_seconds(self.origin.start, relisting.at)

    def run(self) -> Outcome:
        """Let all happen, in order of time."""
        publishing, departures = self._publishing(), self.departures
        soon = departures.soon
        step = next(publishing, None)
        for request in self.requests:
            now = request.after
            while step is not None and step.at <= now:
                self._publish(step)
                step = next(publishing, None)
            if departures.until <= now or (soon and soon[0][0] <= now):
                self._depart_until(now)
            self._arrive(request, now)
        while step is not None:
            self._publish(step)
            step = next(publishing, None)
        self._depart_until(self.end - 1)
        return self._close()

    def _publishing(self) -> Iterator[_Publishing]:
        """Yield when hosts publish: each day, where ends are rolling, and as they say.

        Where both fall on one instant, the rolling end comes first.
        """
        rolling = [
            fleet.machines[index]
            for fleet in (self.fleet, self.rivals)
            if fleet is not None
            for index in sorted({one.machine for one in fleet.terms if one.rolling})
        ]
        daily = (
            _Publishing(day, machine, None, None)
            for day in range(SECONDS_PER_DAY, self.end, SECONDS_PER_DAY)
            for machine in rolling
        )
        return merge(daily, self.relistings, key=attrgetter("at"))

    def _publish(self, step: _Publishing) -> None:
        now, machine = step.at, step.machine
        self._depart_until(now)
        if step.terms is None:
            if not machine.listed or machine.listing.rolling is None:
                return
        elif step.listing is None:
            machine.unlist(step.terms)
            machine.fleet.published(machine)
            return
        else:
            self._plan(machine.publish(step.listing, step.terms, now))
            machine.fleet.published(machine)
        self._plan(machine.extend(now))

    def _depart_until(self, now: int) -> None:
        """Let all leave whose time has come, in order."""
        departures = self.departures
        soon = departures.soon
        while True:
            while soon and soon[0][0] <= now:
                at, _, rental = heappop(soon)
                if rental.due == at:
                    rental.due = -1
                    machine, ran = rental.machine, rental.run_from is not None
                    changed = machine.leave(rental, at)
                    self._settle(rental, at, left=True)
                    if changed:
                        self._plan(changed)
                    if ran:  # who waited took nothing
                        machine.fleet.changed(machine, holds=rental.request.bid is None)
            if now < departures.until:
                return
            departures.go_on()

    def _arrive(self, request: Request, now: int) -> None:
        """Let a client rent, from the host or a rival, or go away."""
        if self.rivals is not None:
            away = rival_for(self.fleet, self.rivals, request, now, next(self.lucks))
            if away is not None:
                self._arrive_elsewhere(request, *away, now)
                return
        if request.bid is not None:
            tally, found = self.bidding, self._bid(request, request.bid, now)
        elif request.mode is Mode.RESERVED:
            tally, found = self.reserving, self._reserve(request, now)
        else:
            tally, found = self.renting, self._rent(request, now)
        tally.requests += 1
        if isinstance(found, Lost):
            tally.lost.append(found)
            tally.lost_gpu_seconds += request.gpus * request.seconds
            return
        tally.rented += 1
        machine = found.machine
        if request.disk_mb:
            found.stored = machine.stored(request.disk_mb)
        if self.keep_facts:
            found.facts = []
        self._plan(machine.enter(found, now))
        machine.fleet.changed(machine, holds=request.bid is None)

    def _arrive_elsewhere(
        self, request: Request, machine: SimulatedMachine, steps: int, now: int
    ) -> None:
        """Let a client rent from a rival.

        What it pays there is not counted, so one that reserves is like one on demand: it holds its
        GPUs for as long.
        """
        tally = self.tallies[request.mode]
        tally.requests += 1
        tally.lost.append(Lost.RIVAL)
        tally.lost_gpu_seconds += request.gpus * request.seconds
        if request.bid is None:
            rental = self._held(request, machine, now)
        else:
            spot = machine.bid_spot(request.gpus, steps)
            rental = self._bidding(request, request.bid, machine, spot, now)
        rental.tally = self.elsewhere
        self._plan(machine.enter(rental, now))
        machine.fleet.changed(machine, holds=request.bid is None)

    def _rent(self, request: Request, now: int) -> Rental | Lost:
        machine = rent(self.fleet, request, now)
        return machine if isinstance(machine, Lost) else self._held(request, machine, now)

    def _held(self, request: Request, machine: SimulatedMachine, now: int) -> Rental:
        """Return an instance of a fixed price, where nothing runs if there is such a block."""
        size = request.gpus
        spot = machine.idle_spot(size) or machine.open_spot(size)
        assert spot is not None  # the machine has room
        rate, speed = machine.rate(size)
        number, end = next(self.ids), machine.end(now)
        return Rental(number, request, self.renting, machine, spot, now, end, rate, speed)

    def _reserve(self, request: Request, now: int) -> Rental | Lost:
        found = reserve(self.fleet, request, now)
        if isinstance(found, Lost):
            return found
        machine, prepaid = found
        rental = self._held(request, machine, now)
        rental.tally, rental.prepaid = self.reserving, prepaid
        return rental

    def _bid(self, request: Request, price: PerHour, now: int) -> Rental | Lost:
        found = bid(self.fleet, request, price.steps, now)
        if isinstance(found, Lost):
            return found
        return self._bidding(request, price, *found, now)

    def _bidding(
        self, request: Request, price: PerHour, machine: SimulatedMachine, spot: Spot, now: int
    ) -> Rental:
        """Return an instance of a bid."""
        speed = ticks_a_second(price, machine.share)
        number, end = next(self.ids), machine.end(now)
        return Rental(number, request, self.bidding, machine, spot, now, end, price, speed)

    def _plan(self, rentals: Iterable[Rental]) -> None:
        """Plan when instances leave that began to run, pause, or last longer now."""
        for rental in rentals:
            due = rental.departure()
            if due != rental.due:
                rental.due = due
                if due < self.end:
                    self.departures.plan(due, rental)

    def _settle(self, rental: Rental, now: int, *, left: bool) -> None:
        """Take note of what an instance was, when it leaves or the horizon ends."""
        if rental.tally is self.elsewhere:
            return
        rental.settle(now, left=left, origin=self.origin)
        if self.keep:
            history = rental.history(now, left=left, origin=self.origin)
            self.histories.append((rental.id, history))

    def _close(self) -> Outcome:
        """Settle what goes on beyond the horizon, and add up."""
        for machine in self.machines:
            machine.note(self.end)
            for rental in machine.live.values():
                self._settle(rental, self.end, left=False)
        gpus = sum(machine.listing.machine.gpus for machine in self.machines)
        running = sum(tally.gpu_seconds for tally in self.tallies.values())
        power, weight = self.scenario.power, sum(self.sizes.values())
        unusable = sum(machine.unusable_time for machine in self.machines)
        return Outcome(
            seconds=self.end,
            gpus=gpus,
            modes=tuple(_outcome(mode, tally) for mode, tally in self.tallies.items()),
            power=power.cost(len(self.machines) * self.end, running) if power else ZERO,
            free=Fraction(sum(machine.free_time for machine in self.machines), self.end),
            unusable=Fraction(unusable, self.end * weight),
            kept_histories=self._in_order() if self.keep else None,
        )

    def _in_order(self) -> tuple[History, ...]:
        """Return the histories that were kept, in the order in which instances were rented."""
        return tuple(history for _, history in sorted(self.histories, key=itemgetter(0)))


def _outcome(mode: Mode, tally: Tally) -> ModeOutcome:
    return ModeOutcome(
        mode=mode,
        requests=tally.requests,
        rented=tally.rented,
        finished=tally.finished,
        lost=tuple((why, tally.lost.count(why)) for why in Lost if why in tally.lost),
        lost_gpu_seconds=tally.lost_gpu_seconds,
        pauses=tally.pauses,
        paused_seconds=tally.paused_seconds,
        gpu_seconds=tally.gpu_seconds,
        gpu=Money.from_ticks(tally.gpu),
        storage=Money.from_ticks(tally.storage),
        forfeited=Money.from_ticks(tally.forfeited),
        fee=Money.from_ticks(tally.fee),
    )
