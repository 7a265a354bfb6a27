"""A fleet played through the obvious way: second by second, all machines asked, nothing kept.

Who runs is :func:`numgenius_core.bids.resolve` from scratch, what a bid costs
:func:`numgenius_core.bids.winning_bid` for every block. It knows no extension of contracts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

from attrs import define, field

from numgenius_core.bids import Claim, resolve, winning_bid
from numgenius_core.contracts.life import InstanceState
from numgenius_core.gpus import best_fit, blocks, first_fit
from numgenius_core.ids import ContractId
from numgenius_core.intervals import total_seconds
from numgenius_core.listing import Listing, Mode, Verification
from numgenius_core.offer import Block
from numgenius_core.prices import CurveSchedule
from numgenius_core.whatif import Lost, Outcome, Placement, Request, Scenario

REASONS = list(Lost)


class Stay(NamedTuple):
    """What became of an instance: where it was, and how long it ran how often."""

    machine: int
    start: int
    block: Block
    ran: int
    pauses: int


@define
class Instance:
    """An instance that exists."""

    number: int
    request: Request
    block: Block
    start: int
    end: int | None
    runs: bool = False
    ran: int = 0
    pauses: int = 0

    def is_over(self, now: int) -> bool:
        """Return whether its work is done, its patience or its contract."""
        patience = self.request.patience
        return (
            (self.runs and self.ran == self.request.seconds)
            or (patience is not None and now >= self.request.after + patience)
            or (self.end is not None and now >= self.end)
        )

    @property
    def claim(self) -> Claim:
        """Its claim in a book of bids."""
        id, bid = ContractId(self.number), self.request.bid  # noqa: A001 - as the field
        if bid is None:
            return Claim.on_demand(id, self.block, arrival=self.number)
        return Claim.bidding(id, self.block, bid, arrival=self.number)


class Found(NamedTuple):
    """What a client would get; the smallest is what it takes."""

    steps: int
    price: int
    pauses: bool
    around: int
    place: int
    block: Block


@define
class Slow:
    """A machine."""

    index: int
    listing: Listing
    listed: bool = True
    there: dict[int, Instance] = field(factory=dict)

    def settle(self) -> None:
        """Let those run that the rules let run."""
        floor = self.listing.prices.min_bid
        running = {one.id for one in resolve([i.claim for i in self.there.values()], floor).running}
        for one in self.there.values():
            runs = one.number in running
            one.pauses += one.runs and not runs
            one.runs = runs

    def free(self, *, idle: bool) -> int:
        """Return the GPUs on which nothing runs, or those that no fixed price holds."""
        free = (1 << self.listing.machine.gpus) - 1
        for one in self.there.values():
            if one.runs if idle else one.request.bid is None:
                free &= ~one.block.gpu_set
        return free

    def end(self, scenario: Scenario, now: int) -> int | None:
        """Return when a contract made now would end."""
        start, listing = scenario.horizon.start, self.listing
        if not self.listed:
            return now
        if listing.rolling is not None:
            return now + total_seconds(start, start + listing.rolling)
        return None if listing.end is None else total_seconds(start, listing.end)

    def offer(self, request: Request, scenario: Scenario, now: int) -> Found | Lost:
        """Return what a client would get here, or why it would not rent."""
        listing, size = self.listing, request.gpus
        shape = listing.machine.gpus, listing.min_gpu
        offered = [block for block in blocks(*shape) if block.size == size]
        if not offered:
            return Lost.SIZE
        end = self.end(scenario, now)
        left = request.seconds if end is None else min(end - now, request.seconds)
        short = left <= 0 or (request.whole and left < request.seconds)
        price = listing.prices.gpu.for_gpus(size)
        if request.bid is not None:
            if request.bid < listing.prices.min_bid.for_gpus(size):
                return Lost.PRICE
            return Lost.END if short else self.bid(request, offered, scenario)
        if request.mode is Mode.RESERVED and not short:
            price = CurveSchedule(self.factor).discounted(price, Fraction(left, 2_592_000))
        if request.limit is not None and price > request.limit.for_gpus(size):
            return Lost.PRICE
        if short:
            return Lost.END
        for idle in (True, False):
            found = self.fit(scenario, self.free(idle=idle), size)
            if found is not None:
                return self.found(scenario, price.steps, found, idle=idle)
        return Lost.FULL if self.free(idle=False).bit_count() < size else Lost.FRAGMENTED

    @property
    def factor(self) -> Fraction:
        verified = self.listing.machine.verification is Verification.VERIFIED
        return self.listing.max_discount if verified else Fraction(0)

    def fit(self, scenario: Scenario, free: int, size: int) -> Block | None:
        fit = first_fit if scenario.placement is Placement.FIRST_FIT else best_fit
        return fit(self.listing.machine.gpus, self.listing.min_gpu, free, size)

    def found(self, scenario: Scenario, steps: int, block: Block, *, idle: bool) -> Found:
        """Return an offer, with what counts among equals where the placement counts it."""
        pauses, around = False, 0
        if scenario.placement is Placement.LEAST_WASTE:
            free = self.free(idle=idle)
            pauses = not idle
            around = self.around(block, free)
        price = self.listing.prices.gpu.steps
        return Found(steps, price, pauses, around, self.index, block)

    def around(self, block: Block, free: int) -> int:
        shape = self.listing.machine.gpus, self.listing.min_gpu
        return max(
            other.size
            for other in blocks(*shape)
            if other.contains(block) and not other.gpu_set & ~free
        )

    def bid(self, request: Request, offered: list[Block], scenario: Scenario) -> Found | Lost:
        floor, bid = self.listing.prices.min_bid, request.bid
        assert bid is not None
        idle = self.fit(scenario, self.free(idle=True), request.gpus)
        if idle is not None:
            price = winning_bid(idle, (), floor)
            assert price is not None
            return self.found(scenario, price.steps, idle, idle=True)
        running = resolve([one.claim for one in self.there.values()], floor).running
        wins = [
            (price, block) for block in offered if (price := winning_bid(block, running, floor))
        ]
        if not wins:
            return Lost.FULL
        price, block = min(wins, key=lambda one: (one[0].steps, one[1].start))
        if bid < price:
            return Lost.OUTBID
        found = self.found(scenario, price.steps, block, idle=False)
        return found._replace(around=0)  # who is paused decides, and not what lies around it


class SlowFleet:
    """A scenario played through.

    Attributes:
        stays: What became of each instance, in order of arrival.
        lost: Why clients of each mode went away.
    """

    def __init__(self, scenario: Scenario, seed: int = 0) -> None:
        self.scenario = scenario
        self.machines = [Slow(index, one) for index, one in enumerate(scenario.listings)]
        self.stays: dict[int, Stay] = {}
        self.lost: Counter[tuple[Mode, Lost]] = Counter()
        self.count = 0
        waiting = list(scenario.demand.draw(scenario.horizon, seed).requests)
        for now in range(scenario.horizon.seconds):
            self.depart(now)
            self.publish(now)
            while waiting and waiting[0].after == now:
                self.arrive(waiting.pop(0), now)
            for one in self.everybody():
                one.ran += one.runs
        for machine in self.machines:
            for one in machine.there.values():
                self.note(machine, one)

    def everybody(self) -> Iterator[Instance]:
        for machine in self.machines:
            yield from machine.there.values()

    def depart(self, now: int) -> None:
        """Let all leave whose time has come, the first to come first."""
        while True:
            due = [
                (one.number, machine)
                for machine in self.machines
                for one in machine.there.values()
                if one.is_over(now)
            ]
            if not due:
                return
            number, machine = min(due, key=lambda one: one[0])
            self.note(machine, machine.there.pop(number))
            machine.settle()

    def publish(self, now: int) -> None:
        start = self.scenario.horizon.start
        for one in self.scenario.relistings:
            if total_seconds(start, one.at) != now:
                continue
            (machine,) = [m for m in self.machines if m.listing.machine.id == one.machine]
            machine.listed = one.listing is not None
            if one.listing is not None:
                machine.listing = one.listing
                machine.settle()

    def arrive(self, request: Request, now: int) -> None:
        offers = [machine.offer(request, self.scenario, now) for machine in self.machines]
        found = [offer for offer in offers if not isinstance(offer, Lost)]
        if not found:
            reasons = [offer for offer in offers if isinstance(offer, Lost)]
            self.lost[request.mode, max(reasons, key=REASONS.index)] += 1
            return
        best = min(found)
        machine = self.machines[best.place]
        self.count += 1
        end = machine.end(self.scenario, now)
        machine.there[self.count] = Instance(self.count, request, best.block, now, end)
        machine.settle()

    def note(self, machine: Slow, one: Instance) -> None:
        self.stays[one.number] = Stay(machine.index, one.start, one.block, one.ran, one.pauses)


def told(outcome: Outcome, scenario: Scenario) -> dict[int, Stay]:
    """Return the same of a simulation that kept its histories."""
    index = {one.machine.id: place for place, one in enumerate(scenario.listings)}
    first, last = scenario.horizon.start, scenario.horizon.seconds
    stays = {}
    for history in outcome.histories:
        contract, ran, since, pauses = history.contract, 0, None, 0
        for at, state in history.states():
            now = total_seconds(first, at)
            if since is not None:
                ran += now - since
            since = now if state is InstanceState.RUNNING else None
            pauses += state is InstanceState.PAUSED
        ran += 0 if since is None else last - since
        start = total_seconds(first, contract.start)
        stays[int(contract.id)] = Stay(index[contract.machine], start, contract.block, ran, pauses)
    return stays
