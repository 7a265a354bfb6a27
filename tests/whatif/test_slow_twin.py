"""Fleets against a slow twin: every second looked at, every machine asked, nothing remembered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from fractions import Fraction
from random import Random
from typing import Any, Final, NamedTuple

from attrs import evolve
from hypothesis import given, strategies as st

from effort import examples
from numgenius_core.bids import Claim, resolve, winning_bid
from numgenius_core.billing.history import Moved
from numgenius_core.contracts import InstanceEvent
from numgenius_core.gpus import best_fit, blocks, first_fit
from numgenius_core.ids import ContractId
from numgenius_core.intervals import Interval
from numgenius_core.listing import Listing, Mode
from numgenius_core.offer import Block
from numgenius_core.prices import CurveSchedule
from numgenius_core.rates import PerGpuHour, PerHour
from numgenius_core.testing import EPOCH
from numgenius_core.units import SECONDS_PER_MONTH
from numgenius_core.whatif import (
    Lost,
    Placement,
    Relisting,
    Request,
    Scenario,
    Trace,
    simulate,
)
from scenario_parts import listing

SECOND: Final = timedelta(seconds=1)
HORIZON: Final = Interval(EPOCH, EPOCH + 250 * SECOND)
_REASONS: Final = list(Lost)


class Deal(NamedTuple):
    """What a client would get on a machine; the least is what it takes."""

    steps: int
    price: int
    pauses: bool
    waste: int
    machine: int
    block: Block


class There(NamedTuple):
    """An instance that exists."""

    request: Request
    machine: int
    block: Block
    end: int | None
    price: int


class Twin:
    """A fleet, second by second."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        rivals = sorted(scenario.rivals, key=lambda one: one.machine.id)
        self.own, self.luck = len(scenario.listings), Random("0/rivals")
        self.listings: list[Listing | None] = [*scenario.listings, *rivals]
        self.last = [*scenario.listings, *rivals]  # of a machine that is unlisted, the last one
        self.fit = first_fit if scenario.placement is Placement.FIRST_FIT else best_fit
        self.there: dict[int, There] = {}
        self.rented: dict[int, There] = {}
        self.running: set[int] = set()
        self.ran: Counter[int] = Counter()
        self.paused: Counter[int] = Counter()
        self.pauses: Counter[int] = Counter()
        self.lost: Counter[Lost] = Counter()
        self.cost = 0
        waiting = list(scenario.demand.draw(scenario.horizon, 0).requests)
        for now in range(scenario.horizon.seconds):
            while due := [n for n in sorted(self.there) if self.is_due(n, now)]:
                del self.there[due[0]]
                self.look()
            for relisting in scenario.relistings:
                if relisting.at == EPOCH + now * SECOND:
                    self.publish(relisting)
            while waiting and waiting[0].after == now:
                self.arrive(waiting.pop(0), now)
            for number, one in self.there.items():
                if number in self.running:
                    self.ran[number] += 1
                    if one.machine < self.own:
                        self.cost += PerHour.from_steps(one.price).charge(1).ticks
                else:
                    self.paused[number] += 1

    def publish(self, relisting: Relisting) -> None:
        machine = [one.machine.id for one in self.last].index(relisting.machine)
        self.listings[machine] = relisting.listing
        self.last[machine] = relisting.listing or self.last[machine]
        self.look()

    def is_due(self, number: int, now: int) -> bool:
        request, _, _, end, _ = self.there[number]
        patience = request.patience is not None and now >= request.after + request.patience
        done = number in self.running and self.ran[number] == request.seconds
        return patience or done or (end is not None and now >= end)

    def claims(self, machine: int) -> list[Claim]:
        made = []
        for number, (request, where, block, _, _) in self.there.items():
            if where != machine:
                continue
            if request.bid is None:
                made.append(Claim.on_demand(ContractId(number), block, arrival=number))
            else:
                made.append(Claim.bidding(ContractId(number), block, request.bid, arrival=number))
        return made

    def runners(self, machine: int) -> tuple[Claim, ...]:
        return tuple(resolve(self.claims(machine), self.last[machine].prices.min_bid).running)

    def look(self) -> None:
        machines = range(len(self.listings))
        now = {int(claim.id) for machine in machines for claim in self.runners(machine)}
        for number in self.running - now:
            self.pauses[number] += number in self.there
        self.running = now

    def free(self, machine: int, wanted: Callable[[int], bool]) -> int:
        """Return the GPUs of a machine without those of some instances."""
        free = (1 << self.last[machine].machine.gpus) - 1
        for number, one in self.there.items():
            if one.machine == machine and wanted(number):
                free &= ~one.block.gpu_set
        return free

    def arrive(self, request: Request, now: int) -> None:
        found = [self.asked(machine, request, now) for machine in range(len(self.listings))]
        deals = [one for one in found if isinstance(one, Deal)]
        luck = self.luck.getrandbits(64)
        if not deals:
            reasons = [one for one in found[: self.own] if isinstance(one, Lost)]
            self.lost[max(reasons, key=_REASONS.index)] += 1
            return
        equal = [one for one in deals if one.steps == min(deals).steps]
        best = equal[luck * len(equal) >> 64]
        if best.machine < self.own:
            best = min(one for one in deals if one.machine < self.own)
        else:
            self.lost[Lost.RIVAL] += 1
        listed = self.last[best.machine]
        price = request.bid or listed.prices.gpu.for_gpus(request.gpus)
        number = len(self.rented) + 1
        one = There(request, best.machine, best.block, _end(listed), price.steps)
        self.there[number] = self.rented[number] = one
        self.look()

    def asked(self, machine: int, request: Request, now: int) -> Deal | Lost:
        """Return what one machine says to a client."""
        shown, gpus, bid = self.last[machine], request.gpus, request.bid
        places = [b for b in blocks(shown.machine.gpus, shown.min_gpu) if b.size == gpus]
        if not places:
            return Lost.SIZE
        price, floor = shown.prices.gpu, shown.prices.min_bid
        end = _end(shown) if self.listings[machine] else -1
        left = request.seconds if end is None else min(end - now, request.seconds)
        steps = price.steps * gpus
        short = left <= 0 or (request.whole and left < request.seconds)
        if request.mode is Mode.RESERVED and not short:
            share = CurveSchedule(shown.max_discount).discount(Fraction(left, SECONDS_PER_MONTH))
            steps = PerHour.from_steps(steps).scaled(1 - share).steps
        if bid is None and request.limit is not None and steps > request.limit.steps * gpus:
            return Lost.PRICE
        if bid is not None and bid < floor.for_gpus(gpus):
            return Lost.PRICE
        if short:
            return Lost.END
        return self.offered(machine, request, shown, steps, places)

    def offered(
        self, machine: int, request: Request, listed: Listing, steps: int, places: list[Block]
    ) -> Deal | Lost:
        gpus, bid, floor = request.gpus, request.bid, listed.prices.min_bid
        shape, price = (listed.machine.gpus, listed.min_gpu), listed.prices.gpu.steps

        def deal(cost: int, block: Block, free: int, *, pauses: bool) -> Deal:
            waste = 0
            if self.scenario.placement is Placement.LEAST_WASTE:
                around = [b for b in blocks(*shape) if b.gpu_set & block.gpu_set == block.gpu_set]
                waste = max((b.size for b in around if b.gpu_set & ~free == 0), default=0)
            else:
                pauses = False
            return Deal(cost, price, pauses, waste, machine, block)

        free = self.free(machine, lambda number: number in self.running)
        idle = self.fit(*shape, free=free, size=gpus)
        if idle is not None:
            lowest = winning_bid(idle, (), floor)
            cost = steps if bid is None or lowest is None else lowest.steps
            return deal(cost, idle, free, pauses=False)
        if bid is None:
            free = self.free(machine, lambda number: self.there[number].request.bid is None)
            block = self.fit(*shape, free=free, size=gpus)
            if block is None:
                return Lost.FULL if free.bit_count() < gpus else Lost.FRAGMENTED
            return deal(steps, block, free, pauses=True)
        runners = self.runners(machine)
        offers = [(winning_bid(block, runners, floor), block) for block in places]
        best = min(((p.steps, b.start, b) for p, b in offers if p is not None), default=None)
        if best is None:
            return Lost.FULL
        return deal(best[0], best[2], 0, pauses=True) if bid.steps >= best[0] else Lost.OUTBID


def _end(listed: Listing) -> int | None:
    return None if listed.end is None else int((listed.end - EPOCH).total_seconds())


@st.composite
def requests(draw: st.DrawFn, longest: int = 60, last: int = 200) -> Request:
    mode = draw(st.sampled_from([*Mode, Mode.INTERRUPTIBLE]))
    gpus = draw(st.sampled_from([1, 1, 2, 2, 3, 4]))
    interruptible = mode is Mode.INTERRUPTIBLE
    bid = draw(st.integers(1, 8)) * gpus if interruptible else None
    limits = [None, PerGpuHour(2), PerGpuHour("2.99999"), PerGpuHour(4)]
    return Request(
        after=draw(st.integers(0, last)),
        gpus=gpus,
        seconds=draw(st.integers(1, longest)),
        mode=mode,
        limit=None if interruptible else draw(st.sampled_from(limits)),
        bid=None if bid is None else PerHour(bid),
        patience=draw(st.one_of(st.none(), st.integers(1, longest))) if interruptible else None,
        whole=draw(st.booleans()),
    )


@st.composite
def listings(draw: st.DrawFn, number: int, gpus: int | None = None) -> Listing:
    least = 1 if gpus in {1, 3, 5} else draw(st.sampled_from([1, 1, 2]))
    gpus = gpus or draw(st.sampled_from([2, 4, 4, 5]))
    end = draw(st.sampled_from([None, None, 40, 90]))
    return listing(
        number,
        gpus=gpus,
        min_gpu=least,
        price=draw(st.sampled_from(["3", "3", "4"])),
        floor=str(draw(st.integers(0, 3))),
        max_discount=draw(st.sampled_from(["0", "0.4", "0.9"])),
        end=None if end is None else EPOCH + end * SECOND,
    )


@st.composite
def fleets(draw: st.DrawFn) -> Scenario:
    """Return a fleet, its clients, and what its hosts publish anew on machines without an end."""
    fleet = [draw(listings(number)) for number in range(1, draw(st.integers(1, 4)) + 1)]
    relistings = []
    for at in sorted(draw(st.lists(st.integers(0, 200), max_size=3, unique=True))):
        old = draw(st.sampled_from(fleet))
        if old.end is None:
            new = draw(listings(old.machine.id, old.machine.gpus))
            new = evolve(new, end=None, max_discount=old.max_discount)
            published = None if draw(st.integers(0, 3)) == 0 else new
            relistings.append(
                Relisting(at=EPOCH + at * SECOND, machine=old.machine.id, listing=published)
            )
    rivals = []
    for number in range(5, 5 + draw(st.integers(0, 3))):
        shown = draw(listings(number))
        rivals.append(evolve(shown, machine=evolve(shown.machine, host="rival")))
    return Scenario(
        rivals=rivals,
        listings=fleet,
        demand=Trace(draw(st.lists(requests(), max_size=30))),
        horizon=HORIZON,
        relistings=relistings,
        placement=draw(st.sampled_from(Placement)),
    )


def same(scenario: Scenario) -> Any:
    """Hold what is simulated to the twin, rental by rental, and return the outcome."""
    outcome, twin = simulate(scenario, keep_histories=True), Twin(scenario)
    own = {number: one for number, one in twin.rented.items() if one.machine < twin.own}
    got = [
        (one.contract.machine, one.contract.block, one.contract.start) for one in outcome.histories
    ]
    ids = [one.machine.id for one in scenario.listings]
    assert got == [
        (ids[one.machine], one.block, EPOCH + one.request.after * SECOND) for one in own.values()
    ]
    assert {why: outcome.lost(why) for why in Lost if outcome.lost(why)} == twin.lost
    assert outcome.gpu_seconds == sum(
        twin.ran[number] * one.block.size for number, one in own.items()
    )
    paused = [
        sum(isinstance(fact, Moved) and fact.event is InstanceEvent.PREEMPTED for fact in one.facts)
        for one in outcome.histories
    ]
    assert paused == [twin.pauses[number] for number in own]
    assert outcome.pauses == sum(paused)
    waited = sum(twin.paused[number] for number in own)
    assert sum(one.paused_seconds for one in outcome.modes) == waited
    if not any(one.request.mode is Mode.RESERVED for one in own.values()):
        assert outcome.revenue.ticks == twin.cost
    return outcome


class TestAgainstASlowTwin:
    """The same scenario, each answer worked out from scratch."""

    @examples(150)
    @given(fleets())
    def test_all_of_it_is_the_same(self, scenario: Scenario) -> None:
        same(scenario)
