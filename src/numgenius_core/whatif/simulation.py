"""One scenario played through: requests arrive, run, are paused, and leave.

It runs the rules themselves, not an approximation of them: who runs and who waits is a
:class:`~numgenius_core.bids.BidBook` per machine, blocks are those of :mod:`numgenius_core.gpus`,
discounts, deposits and refunds those of :mod:`numgenius_core.prices`, new end dates those of
:func:`numgenius_core.contracts.extend`, and every amount is, to the tick, the one of the contract's
statement (:func:`numgenius_core.billing.statement`).

Our readings, where the rules leave it to the clients:

* A client rents an offer of just the size it wants, from the machine where that is cheapest per
  hour, of equal ones the first listed; if none is free, it goes away.
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
one step of the book, one of a heap, and a look into tables of the machine's states.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from heapq import heappop, heappush
from itertools import count
from operator import itemgetter
from typing import Final

from attrs import define, field

from numgenius_core._checks import check_kind
from numgenius_core._numbers import whole_number
from numgenius_core.bids.changes import BookChange, ClaimPaused, ClaimResumed, ClaimStarted
from numgenius_core.billing.history import History
from numgenius_core.contracts.life import InstanceEvent
from numgenius_core.ids import ContractId
from numgenius_core.intervals import total_seconds
from numgenius_core.listing import Mode
from numgenius_core.money import ZERO, Money
from numgenius_core.units import SECONDS_PER_DAY
from numgenius_core.whatif._machine import Deal, SimulatedMachine
from numgenius_core.whatif._rental import Charge, Rental
from numgenius_core.whatif.demand import Request
from numgenius_core.whatif.outcome import Lost, ModeOutcome, Outcome
from numgenius_core.whatif.scenario import Relisting, Scenario

_RANK: Final = {why: rank for rank, why in enumerate(Lost)}
_EVENTS: Final = {
    ClaimStarted: InstanceEvent.LOADED,
    ClaimResumed: InstanceEvent.RESUMED,
    ClaimPaused: InstanceEvent.PREEMPTED,
}


def simulate(scenario: Scenario, seed: int = 0, *, keep_histories: bool = False) -> Outcome:
    """Return what comes of a scenario: who rented, what they paid, and who was not served.

    Args:
        scenario: What is listed, who comes and for how long.
        seed: Seed of the demand's generator; recorded requests do not depend on it.
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


@define
class _Tally:
    """What came of the clients of one mode, so far."""

    requests: int = 0
    rented: int = 0
    finished: int = 0
    lost: Counter[Lost] = field(factory=Counter)
    lost_gpu_seconds: int = 0
    pauses: int = 0
    paused_seconds: int = 0
    gpu_seconds: int = 0
    charge: Charge = field(factory=Charge)


class _Simulation:
    """A scenario as time passes."""

    def __init__(self, scenario: Scenario, seed: int, *, keep: bool) -> None:
        self.scenario, self.keep = scenario, keep
        self.origin, self.end = scenario.horizon, scenario.horizon.seconds
        self.requests = scenario.demand.draw(self.origin, seed).requests
        self.sizes = Counter(request.gpus for request in self.requests) or Counter({1: 1})
        self.machines = [
            SimulatedMachine(listing, scenario.placement, self.origin, self.sizes)
            for listing in scenario.listings
        ]
        # A departure is planned anew whenever an instance pauses or resumes. The old entry stays in
        # the heap, told apart by its version: to skip it once is cheaper than to find it there.
        self.departures: list[tuple[int, ContractId, int, SimulatedMachine]] = []
        self.tallies = {mode: _Tally() for mode in Mode}
        self.histories: list[tuple[ContractId, History]] = []
        self.ids = count(1)
        self._sort()

    def _sort(self) -> None:
        self.cheapest = sorted(self.machines, key=lambda one: one.listing.prices.gpu.steps)

    def run(self) -> Outcome:
        """Let all happen, in order of time."""
        publishing = sorted(self._publishing(), key=lambda one: one[0])  # stable
        place = 0
        for request in self.requests:
            now = request.after
            while place < len(publishing) and publishing[place][0] <= now:
                self._publish(*publishing[place])
                place += 1
            self._depart_until(now)
            self._arrive(request, now)
        for one in publishing[place:]:
            self._publish(*one)
        self._depart_until(self.end - 1)
        return self._close()

    def _publishing(self) -> Iterator[tuple[int, SimulatedMachine, Relisting | None]]:
        """Yield when hosts publish: each day, as ends may be rolling (``None``), and as they say.

        Where both fall on one instant, the rolling end comes first.
        """
        for day in range(SECONDS_PER_DAY, self.end, SECONDS_PER_DAY):
            for machine in self.machines:
                yield day, machine, None
        by_id = {machine.listing.machine.id: machine for machine in self.machines}
        for relisting in self.scenario.relistings:
            yield (
                total_seconds(self.origin.start, relisting.at),
                by_id[relisting.machine],
                relisting,
            )

    def _publish(self, now: int, machine: SimulatedMachine, relisting: Relisting | None) -> None:
        self._depart_until(now)
        if relisting is None:
            if not machine.listed or machine.listing.rolling is None:
                return
        elif relisting.listing is None:
            machine.listed = False
            return
        else:
            self._apply(machine, machine.relist(relisting.listing, now), now)
            self._sort()
        for rental in machine.extend(now):
            self._plan(rental, machine)

    def _depart_until(self, now: int) -> None:
        """Let all leave whose time has come, in order."""
        departures = self.departures
        while departures and departures[0][0] <= now:
            at, number, version, machine = heappop(departures)
            rental = machine.live.get(number)
            if rental is not None and rental.version == version:
                changes = machine.leave(rental, at)
                self._settle(rental, at, left=True)
                self._apply(machine, changes, at)

    def _arrive(self, request: Request, now: int) -> None:
        tally = self.tallies[request.mode]
        tally.requests += 1
        deal = self._best(request, now)
        if isinstance(deal, Lost):
            tally.lost[deal] += 1
            tally.lost_gpu_seconds += request.gpus * request.seconds
            return
        tally.rented += 1
        rental = Rental(
            id=ContractId(next(self.ids)),
            request=request,
            listing=deal.machine.listing,
            block=deal.block,
            start=now,
            end=deal.end,
            rate=deal.rate,
            discount=deal.discount,
            deposit=deal.deposit,
        )
        self._apply(deal.machine, deal.machine.enter(rental, now), now)

    def _best(self, request: Request, now: int) -> Deal | Lost:
        """Return the cheapest deal, of equal ones the first; or the last reason for none."""
        lost, best = Lost.SIZE, None
        for machine in self.cheapest:
            deal = machine.deal(request, now)
            if isinstance(deal, Lost):
                lost = max(lost, deal, key=_RANK.__getitem__)
            elif request.mode is Mode.ON_DEMAND:
                return deal  # the machines are in order of their prices
            elif best is None or deal.steps < best.steps:
                best = deal
        return best or lost

    def _apply(self, machine: SimulatedMachine, changes: tuple[BookChange, ...], now: int) -> None:
        """Let instances run and pause, and plan when each of them leaves."""
        for rental, change in machine.apply(changes, now):
            rental.facts.append((now, _EVENTS[type(change)]))
            self._plan(rental, machine)

    def _plan(self, rental: Rental, machine: SimulatedMachine) -> None:
        rental.version += 1
        at = rental.departure()
        if at is not None and at < self.end:
            heappush(self.departures, (at, rental.id, rental.version, machine))

    def _settle(self, rental: Rental, now: int, *, left: bool) -> None:
        """Take note of what an instance was, when it leaves or the horizon ends."""
        rental.stop_clocks(now)
        tally = self.tallies[rental.request.mode]
        tally.finished += rental.ran == rental.request.seconds
        tally.pauses += rental.pauses
        tally.paused_seconds += rental.paused
        tally.gpu_seconds += rental.ran * rental.block.size
        tally.charge.add(rental.charge(now, left=left, origin=self.origin))
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
            histories=tuple(history for _, history in sorted(self.histories, key=itemgetter(0))),
        )


def _outcome(mode: Mode, tally: _Tally) -> ModeOutcome:
    return ModeOutcome(
        mode=mode,
        requests=tally.requests,
        rented=tally.rented,
        finished=tally.finished,
        lost=tuple((why, tally.lost[why]) for why in Lost if tally.lost[why]),
        lost_gpu_seconds=tally.lost_gpu_seconds,
        pauses=tally.pauses,
        paused_seconds=tally.paused_seconds,
        gpu_seconds=tally.gpu_seconds,
        gpu=Money.from_ticks(tally.charge.gpu),
        storage=Money.from_ticks(tally.charge.storage),
        forfeited=Money.from_ticks(tally.charge.forfeited),
        fee=Money.from_ticks(tally.charge.fee),
    )
