"""Fleets: placements, relistings, and the index that finds the machine which serves a client."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, strategies as st

from effort import examples
from numgenius_core.bids import Claim, resolve, winning_bid
from numgenius_core.gpus import blocks
from numgenius_core.ids import ContractId, MachineId
from numgenius_core.intervals import Interval
from numgenius_core.listing import Listing, Mode, Verification
from numgenius_core.offer import Block
from numgenius_core.rates import PerGpuHour, PerHour
from numgenius_core.testing import EPOCH
from numgenius_core.whatif import (
    Lost,
    Placement,
    Relisting,
    Request,
    Scenario,
    Trace,
    _fleet,
    simulate,
)
from numgenius_core.whatif._lanes import CHEAPEST, CLOSED, ROOM, SCATTERED, Lane
from numgenius_core.whatif._least import NOWHERE, Least
from numgenius_core.whatif._machine import SimulatedMachine
from scenario_parts import bids, listing, machine, wants

SECOND = timedelta(seconds=1)
SHORT = Interval(EPOCH, EPOCH + 120 * SECOND)
DAY = Interval(EPOCH, EPOCH + timedelta(days=1))


def places(*requests: Request, **changes: Any) -> list[tuple[int, int]]:
    """Return the machine and the first slot of each instance of a day."""
    facts: dict[str, Any] = {"demand": Trace(requests), "horizon": DAY}
    outcome = simulate(Scenario(**(facts | changes)), keep_histories=True)
    found = [history.contract for history in outcome.histories]
    return [(int(contract.machine), contract.block.start) for contract in found]


@st.composite
def listings(draw: st.DrawFn, number: int) -> Listing:
    gpus = draw(st.sampled_from([4, 2, 8, 3, 5]))
    verification = draw(st.sampled_from([Verification.VERIFIED] * 3 + [Verification.UNVERIFIED]))
    ends: dict[str, Any] = draw(
        st.sampled_from([{}, {}, {"end": 60}, {"end": 90}, {"end": -5}, {"rolling": 40}])
    )
    if "end" in ends:
        ends = {"end": EPOCH + ends["end"] * SECOND}
    elif ends:
        ends = {"rolling": ends["rolling"] * SECOND}
    return listing(
        number,
        machine=machine(number, gpus, verification=verification),
        price=draw(st.sampled_from(["3", "3", "4", "3.000000000001"])),
        floor=draw(st.sampled_from(["1", "0", "2", "0.1000000003"])),
        min_gpu=draw(st.sampled_from([1, 1, 2])),
        max_discount=draw(st.sampled_from([Fraction(2, 5), Fraction(0), Fraction(9, 10)])),
        **ends,
    )


@st.composite
def clients(draw: st.DrawFn) -> Request:
    mode, gpus = (
        draw(st.sampled_from([*Mode, Mode.INTERRUPTIBLE])),
        draw(st.sampled_from([1, 1, 2, 4, 3])),
    )
    more: dict[str, Any] = {}
    if mode is Mode.INTERRUPTIBLE:
        per_gpu = draw(st.sampled_from(["1", "2", "3", "0.5", "32", "0.1000000004"]))
        more = {
            "bid": PerGpuHour(per_gpu).for_gpus(gpus),
            "patience": draw(st.none() | st.integers(1, 60)),
        }
    return Request(
        after=draw(st.integers(0, 24)) * 5,
        gpus=gpus,
        seconds=draw(st.sampled_from([5, 10, 17, 40, 200])),
        mode=mode,
        limit=draw(st.sampled_from([None, PerGpuHour(3), PerGpuHour("2.9999"), PerGpuHour(1)])),
        whole=draw(st.booleans()),
        **more,
    )


# Keys stand in rows of 16, so some fleets have more machines than that.
sizes = st.sampled_from([1, 2, 3, 4, 5, 17, 40])


@st.composite
def fleets(draw: st.DrawFn) -> Scenario:
    fleet = tuple(draw(listings(number)) for number in range(1, draw(sizes) + 1))
    relistings = [
        Relisting(at=EPOCH + at * SECOND, machine=fleet[0].machine.id, listing=None)
        for at in draw(st.lists(st.integers(1, 110), max_size=1))
    ]
    return Scenario(
        listings=fleet,
        demand=Trace(draw(st.lists(clients(), min_size=4, max_size=24))),
        horizon=SHORT,
        relistings=relistings,
        placement=draw(st.sampled_from(Placement)),
    )


def who_runs(machine: SimulatedMachine) -> tuple[Claim, ...]:
    """Return who runs on a machine, which is what it thinks itself."""
    claims = [
        Claim.on_demand(ContractId(one.id), one.block, arrival=one.id)
        if one.request.bid is None
        else Claim.bidding(ContractId(one.id), one.block, one.request.bid, arrival=one.id)
        for one in machine.live.values()
    ]
    running = resolve(claims, machine.listing.prices.min_bid).running
    assert {one.id for one in running} == {
        one.id for one in machine.live.values() if one.run_from is not None
    }
    return tuple(running)


def offered(machine: SimulatedMachine, size: int) -> list[Block]:
    """Return the blocks of a size that a machine offers, if it is listed long enough."""
    gpus, min_gpu = machine.listing.machine.gpus, machine.listing.min_gpu
    return [block for block in blocks(gpus, min_gpu) if block.size == size]


def key_of(lane: Lane, machine: SimulatedMachine, kind: int) -> int:
    """Return the key of a machine in a lane."""
    place = lane._taken[machine.index]
    return NOWHERE if place is None else place.side.keys[kind].keys[place.at]


class TestPlacements:
    """Which block, and of equally dear machines which; ties go to the first listed."""

    def fleet(self) -> dict[str, Any]:
        """Two machines: on the first all is free, on the second one GPU and a pair beside it."""
        return {"listings": (listing(1, 8), listing(2, 4, min_gpu=1))}

    def test_the_first_machine_unless_waste_counts(self) -> None:
        fleet = self.fleet()
        for placement, where in (
            (Placement.FIRST_FIT, (1, 0)),
            (Placement.BEST_FIT, (1, 0)),
            (Placement.LEAST_WASTE, (2, 0)),  # 4 GPUs are spoiled, not 8
        ):
            assert places(wants(0), placement=placement, **fleet) == [where]

    def test_the_cheapest_comes_first_whatever_is_wasted(self) -> None:
        fleet = (listing(1, 8, price="0.39"), listing(2, 1))
        assert places(wants(0), placement=Placement.LEAST_WASTE, listings=fleet) == [(1, 0)]

    def test_nobody_is_paused_if_one_as_cheap_is_idle(self) -> None:
        fleet = (listing(1, 1), listing(2, 8))
        bidder = bids(0, "0.10")
        assert places(bidder, wants(1), placement=Placement.LEAST_WASTE, listings=fleet) == [
            (1, 0),
            (2, 0),
        ]
        assert places(bidder, wants(1), placement=Placement.BEST_FIT, listings=fleet)[1] == (1, 0)

    def test_that_counts_for_who_has_looked_before(self) -> None:
        """A bidder who came since is seen, though it holds nothing from who pays a fixed price."""
        fleet = (listing(1, 1), listing(2, 8))
        looks = wants(2, gpus=64)  # nobody offers that
        wanted = (wants(0, seconds=1), looks, bids(3, "0.10", seconds=60), wants(4))
        how: dict[str, Any] = {"placement": Placement.LEAST_WASTE, "listings": fleet}
        assert places(*wanted, **how) == [(1, 0), (1, 0), (2, 0)]

    def test_of_equal_waste_the_first_listed(self) -> None:
        fleet = (listing(9, 4), listing(3, 4))
        how: dict[str, Any] = {"placement": Placement.LEAST_WASTE, "listings": fleet}
        assert places(*(wants(0) for _ in range(4)), **how) == [(9, 0), (9, 1), (9, 2), (9, 3)]

    def test_least_waste_keeps_machines_whole(self) -> None:
        """What it is for: a client that wants all of a machine still finds one."""
        fleet = tuple(listing(number, 4) for number in (1, 2, 3))
        stays = [wants(0, seconds=60), wants(0, gpus=4, seconds=90), wants(0, seconds=9_000)]
        late = wants(100, gpus=4)
        requests = (*stays, wants(70, seconds=9_000), late)
        lost = {}
        for placement in Placement:
            scenario = Scenario(
                listings=fleet, demand=Trace(requests), horizon=DAY, placement=placement
            )
            lost[placement] = simulate(scenario).rented
        assert lost[Placement.LEAST_WASTE] == max(lost.values())


class TestLanes:
    """What clients see of each machine is what the rules say of it, whenever they look."""

    @examples(60)
    @given(fleets())
    def test_bidders_see_what_resolve_and_winning_bid_say(self, scenario: Scenario) -> None:
        real = _fleet.Fleet.bids

        def checked(fleet: _fleet.Fleet, wanted: int) -> Any:
            found = real(fleet, wanted)
            for there in fleet.machines:
                running = who_runs(there)
                for size, lane in fleet._bid_lanes.items():
                    prices = [
                        (price.steps, block.start)
                        for block in offered(there, size)
                        if (price := winning_bid(block, running, there.listing.prices.min_bid))
                    ]
                    key = key_of(lane, there, CHEAPEST)
                    assert (key == NOWHERE) is (not prices)
                    if key < NOWHERE:
                        least = min(prices)
                        assert key // fleet.ways == least[0]
                        spot = there.bid_spot(size, least[0])
                        assert (spot.block.start == least[1]) or spot.gpu_set & there.used == 0
                    closed = key_of(lane, there, CLOSED)
                    assert (closed == NOWHERE) is (key < NOWHERE or not offered(there, size))
            return found

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(_fleet.Fleet, "bids", checked)
            simulate(scenario)

    @examples(60)
    @given(fleets())
    def test_others_see_where_no_contract_is(self, scenario: Scenario) -> None:
        real = _fleet.Fleet.reserved

        def checked(fleet: _fleet.Fleet, wanted: int) -> Any:
            found = real(fleet, wanted)
            for there in fleet.machines:
                holds = [one.gpu_set for one in there.live.values() if one.request.bid is None]
                free = there.listing.machine.gpus - sum(one.bit_count() for one in holds)
                for lane in fleet._fixed_lanes:
                    if lane._taken[there.index] is None:  # another discount, or another size
                        continue
                    blocks_there = offered(there, lane.size)
                    room = any(
                        not any(held & block.gpu_set for held in holds) for block in blocks_there
                    )
                    assert (key_of(lane, there, ROOM) < NOWHERE) is room
                    apart = bool(blocks_there) and not room and free >= lane.size
                    assert (key_of(lane, there, SCATTERED) < NOWHERE) is apart
            return found

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(_fleet.Fleet, "reserved", checked)
            simulate(scenario)


class TestLeast:
    """The tree of keys against a list."""

    @examples(60)
    @given(
        st.sampled_from([1, 2, 31, 32, 33, 64, 65, 1_024, 1_057]),
        st.lists(st.tuples(st.integers(0, 1_056), st.integers(0, 9)), max_size=60),
        st.lists(st.integers(0, 1_056), max_size=12),
    )
    def test_it_is_the_least_of_the_first(
        self, places: int, changes: list[tuple[int, int]], counts: list[int]
    ) -> None:
        keys, plain = Least(places), [NOWHERE] * places
        for place, key in changes:
            value = NOWHERE if key == 9 else key
            keys.set(place % places, value)
            plain[place % places] = value
            for count in (place % places, places, *(count % places for count in counts)):
                assert keys.among(count) == min(plain[:count], default=NOWHERE)
        assert keys.keys == plain


class TestRelistings:
    """A machine that is published anew leaves its place, and takes another."""

    def test_prices_and_ends_that_change(self) -> None:
        cheap, dear = listing(1, price="0.30"), listing(1, price="0.50")
        second = listing(2, end=EPOCH + 5_000 * SECOND)
        later = evolve(second, end=EPOCH + 90_000 * SECOND)

        def at(second: int, number: int, listed: Listing | None) -> Relisting:
            when = EPOCH + second * SECOND
            return Relisting(at=when, machine=MachineId(number), listing=listed)

        relistings = (
            at(100, 1, dear),
            at(200, 2, None),
            at(300, 2, later),
            at(400, 1, evolve(cheap, min_gpu=8)),
            at(500, 1, cheap),
        )
        wanted = [wants(now, seconds=5_000) for now in (50, 150, 250, 350, 450, 550)]
        found = places(*wanted, listings=(cheap, second), relistings=relistings)
        assert [number for number, _ in found] == [1, 1, 1, 2, 2, 1]

    def test_what_happened_before_nobody_looked_is_not_forgotten(self) -> None:
        """It is rented, published anew and free again while nobody looks: so it is free."""
        alone = listing(1, 1)
        again = Relisting(at=EPOCH + 10 * SECOND, machine=MachineId(1), listing=alone)
        wanted = (wants(0, seconds=20), wants(30))
        assert places(*wanted, listings=(alone,), relistings=(again,)) == [(1, 0), (1, 0)]
        bidders = (bids(0, "32", seconds=20), bids(30, "0.10"))
        assert places(*bidders, listings=(alone,), relistings=(again,)) == [(1, 0), (1, 0)]

    def test_gpus_that_come_free_apart_are_seen(self) -> None:
        """One GPU free is too few for two; two that are no block are fragments."""
        stays = [wants(0, seconds=seconds) for seconds in (20, 900, 40, 900)]
        looks = [wants(at, gpus=2) for at in (10, 30, 50)]
        scenario = Scenario(
            listings=(listing(1, 4),), demand=Trace([*stays, *looks]), horizon=SHORT
        )
        outcome = simulate(scenario)
        assert (outcome.lost(Lost.FULL), outcome.lost(Lost.FRAGMENTED)) == (2, 1)

    def test_who_stops_a_low_bid_for_many_gpus_pays_the_lowest_there_is(self) -> None:
        """So an idle machine is as cheap, and nobody is paused for less than a bid may be."""
        fleet = (listing(1, 1, floor="0"), listing(2, 8, floor="0"))
        assert places(bids(0, "0.001", gpus=8), bids(1, "0.001"), listings=fleet) == [
            (2, 0),
            (1, 0),
        ]

    def test_the_highest_bid_there_is_closes_a_machine(self) -> None:
        """No legal bid beats it, so who comes next finds the machine full, not too dear."""
        highest = PerHour(32)
        requests = [bids(0, "32"), bids(1, "31"), bids(2, str(highest))]
        scenario = Scenario(listings=(listing(1, 1),), demand=Trace(requests), horizon=SHORT)
        outcome = simulate(scenario)
        assert outcome.lost(Lost.FULL) == 2

    def test_so_does_one_that_came_for_more_gpus(self) -> None:
        fleet = (listing(1, 1), listing(2, 2))
        there = [bids(0, "18"), bids(1, "20"), bids(2, "20"), bids(3, "17")]
        later = [bids(4, "64", gpus=2), bids(5, "17")]
        outcome = simulate(Scenario(listings=fleet, demand=Trace([*there, *later]), horizon=SHORT))
        assert (outcome.lost(Lost.OUTBID), outcome.lost(Lost.FULL)) == (1, 1)

    def test_a_bid_between_the_floor_and_the_next_nano_dollar(self) -> None:
        floor = "0.1000000003"
        requests = [
            Request(
                after=0,
                gpus=1,
                seconds=9,
                mode=Mode.INTERRUPTIBLE,
                bid=PerHour.from_steps(PerHour(floor).steps + step),
            )
            for step in (-1, 0, 1)
        ]
        fleet = (listing(1, 1, floor="0.1000000005"), listing(2, 2, floor=floor))
        scenario = Scenario(listings=fleet, demand=Trace(requests), horizon=SHORT)
        outcome = simulate(scenario, keep_histories=True)
        assert outcome.rented == 2
        assert outcome.lost(Lost.PRICE) == 1
        assert {history.contract.block for history in outcome.histories} == {
            Block(start=0, size=1),
            Block(start=1, size=1),
        }
