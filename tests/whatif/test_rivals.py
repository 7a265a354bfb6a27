"""Machines of rivals: clients go there, and no figure of the host counts them."""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations

import pytest
from attrs import evolve

from numgenius_core.errors import RuleViolation
from numgenius_core.intervals import Interval
from numgenius_core.listing import Listing, Mode, Verification
from numgenius_core.money import ZERO
from numgenius_core.rates import PerGpuHour
from numgenius_core.testing import EPOCH
from numgenius_core.whatif import (
    Lost,
    Placement,
    Relisting,
    Scenario,
    Trace,
    best_price,
    preset_demand,
    simulate,
    sweep,
    vary,
)
from scenario_parts import bids, listing, machine, wants

DAY = Interval(EPOCH, EPOCH + timedelta(days=1))
FORTNIGHT = Interval(EPOCH, EPOCH + timedelta(days=14))
MARKET = Scenario(
    listings=[listing()],
    demand=preset_demand("experiments", gpus=8, price=PerGpuHour("0.40")),
    horizon=FORTNIGHT,
)


def rival(number: int = 2, price: str = "0.40", host: str = "rival", **changes: object) -> Listing:
    gpus = changes.pop("gpus", 8)
    return listing(number, machine=machine(number, gpus, host=host), price=price, **changes)  # type: ignore[arg-type]


def hour(*rivals: Listing, own: Listing | None = None, clients: int = 1) -> Scenario:
    trace = Trace([wants(n) for n in range(clients)])
    return Scenario(listings=[own or listing()], demand=trace, horizon=DAY, rivals=rivals)


class TestWhoGoesThere:
    """Clients of all modes, at the host or at a rival."""

    def test_a_client_rents_where_it_is_cheaper(self) -> None:
        outcome = simulate(hour(rival(price="0.38")), keep_histories=True)
        assert (outcome.requests, outcome.rented, outcome.lost(Lost.RIVAL)) == (1, 0, 1)
        assert outcome.revenue == outcome.profit == ZERO
        assert outcome.gpu_seconds == outcome.pauses == outcome.occupancy == outcome.unserved == 0
        assert outcome.gpus == outcome.free == 8
        assert not outcome.histories

    def test_a_dearer_rival_takes_nobody_while_there_is_room(self) -> None:
        alone = hour(clients=8)
        assert simulate(evolve(alone, rivals=[rival(price="0.41")])) == simulate(alone)

    def test_a_dearer_rival_takes_whom_the_host_has_no_room_for(self) -> None:
        outcome = simulate(hour(rival(price="0.41"), clients=9))
        assert (outcome.rented, outcome.lost(Lost.RIVAL), outcome.lost(Lost.FULL)) == (8, 1, 0)

    def test_whom_nobody_serves_is_unserved_for_a_reason_of_the_hosts_machines(self) -> None:
        cheap = Trace([wants(0, limit=PerGpuHour("0.30"))])
        outcome = simulate(evolve(hour(rival(gpus=1)), demand=cheap))
        assert outcome.unserved == outcome.lost(Lost.PRICE) == 1
        large = Trace([wants(0), wants(1, 8), wants(2, 8)])  # the rival has one GPU only
        outcome = simulate(evolve(hour(rival(gpus=1, price="0.10")), demand=large))
        assert (outcome.rented, outcome.lost(Lost.RIVAL), outcome.lost(Lost.FULL)) == (1, 1, 1)

    def test_a_bidder_runs_where_the_lowest_bid_is_cheaper_and_is_paused_there(self) -> None:
        clients = Trace([bids(0, "0.20"), wants(9, 8, seconds=600), wants(10, 8, seconds=60)])
        outcome = simulate(
            evolve(hour(rival(price="0.30", floor="0.05")), demand=clients), keep_histories=True
        )
        assert outcome.of(Mode.INTERRUPTIBLE).lost == ((Lost.RIVAL, 1),)
        assert (outcome.pauses, outcome.rented, len(outcome.histories)) == (0, 1, 1)

    def test_one_that_reserves_compares_with_the_discount(self) -> None:
        clients = Trace([wants(0, seconds=80_000, mode=Mode.RESERVED)])
        trusted = machine(2, host="rival", verification=Verification.VERIFIED)
        tempting = listing(2, machine=trusted, price="0.40001", max_discount="0.9")
        outcome = simulate(evolve(hour(tempting), demand=clients))
        assert outcome.of(Mode.RESERVED).lost == ((Lost.RIVAL, 1),)

    def test_a_rivals_rolling_end_goes_on(self) -> None:
        clients = Trace([wants(3 * 86_400, seconds=90_000)])
        rolling = rival(price="0.30", rolling=timedelta(days=2))
        scenario = evolve(hour(rolling), demand=clients, horizon=FORTNIGHT)
        assert simulate(scenario).lost(Lost.RIVAL) == 1


class TestEqualPrices:
    """Chance alone decides between the host and its rivals."""

    def test_each_machine_has_the_same_chance(self) -> None:
        theirs = [rival(2), rival(3), rival(4, host="another")]
        rented = [simulate(hour(*theirs), seed).rented for seed in range(400)]
        assert 70 < sum(rented) < 130  # a quarter

    def test_so_has_each_of_the_hosts_own(self) -> None:
        scenario = evolve(hour(rival(4)), listings=[listing(number) for number in (1, 2, 3)])
        rented = [simulate(scenario, seed).rented for seed in range(400)]
        assert 270 < sum(rented) < 330  # three quarters

    def test_no_order_and_no_place_decides(self) -> None:
        theirs = [rival(3, gpus=2), rival(9), rival(2, host="another", gpus=4)]
        found = {simulate(evolve(MARKET, rivals=order), 1).profit for order in permutations(theirs)}
        assert len(found) == 1

    def test_a_client_has_the_same_luck_in_all_options(self) -> None:
        options = vary(hour(rival(), clients=6), end=[None, EPOCH + timedelta(days=3)])
        first, second = sweep(options, runs=3, workers=1).outcomes
        assert first == second
        assert len({one.rented for one in first}) > 1  # and another in another run

    def test_recorded_clients_meet_several_runs_of_luck(self) -> None:
        assert len(sweep(vary(hour(rival()), min_gpu=[1]), workers=1).outcomes[0]) == 20

    @pytest.mark.parametrize("placement", Placement)
    def test_the_hosts_own_machines_are_chosen_as_ever(self, placement: Placement) -> None:
        own = [listing(1, 4), listing(2, 8)]
        scenario = Scenario(
            listings=own, demand=Trace([wants(0, 2)]), horizon=DAY, placement=placement
        )
        alone = simulate(scenario, keep_histories=True)
        shared = evolve(scenario, rivals=[rival(3)])
        found = [simulate(shared, seed, keep_histories=True) for seed in range(20)]
        assert {one.histories for one in found} == {(), alone.histories}


class TestWhatItCosts:
    """The questions of a host that has rivals."""

    def test_a_rival_lowers_the_profit_and_the_cheaper_one_more(self) -> None:
        tries = [(), (rival(price="0.60", floor="0.30"),), (rival(price="0.35"),)]
        found = sweep(vary(MARKET, rivals=tries), runs=3, workers=1)
        alone, dear, cheap = (found.estimate(one).mean for one in found.options)
        assert alone >= dear > cheap
        labels = [one.label for one in found.options]
        assert labels == ["rivals none", "rivals #2", "rivals #3"]

    def test_the_rival_keeps_its_price_whatever_the_host_tries(self) -> None:
        theirs = (rival(price="0.38"),)
        prices = [PerGpuHour(price) for price in ("0.37", "0.39")]
        answer = best_price(evolve(MARKET, rivals=theirs), prices, runs=3, workers=1)
        assert {one.scenario.rivals for one in answer.sweep.options} == {theirs}
        assert answer.value == prices[0]


class TestRefused:
    """What is no rival."""

    def test_listings_of_several_hosts(self) -> None:
        with pytest.raises(RuleViolation, match=r"go into scenario\.rivals, got of host, rival"):
            evolve(MARKET, listings=[listing(), rival()])

    def test_rivals_of_the_same_host(self) -> None:
        with pytest.raises(RuleViolation, match=r"rivals\[0\]: need a machine of another host"):
            evolve(MARKET, rivals=[listing(2)])

    def test_a_rival_with_a_machine_of_the_host(self) -> None:
        with pytest.raises(RuleViolation, match=r"rivals\[0\]: need .* does not list, got mach"):
            evolve(MARKET, rivals=[rival(1)])

    def test_one_machine_twice(self) -> None:
        with pytest.raises(RuleViolation, match=r"scenario\.rivals: need one listing of each"):
            evolve(MARKET, rivals=[rival(), rival()])

    def test_relistings_of_a_rival(self) -> None:
        later = Relisting(at=EPOCH, machine=2, listing=None)
        with pytest.raises(RuleViolation, match=r"relistings\[0\]: need a machine of the listings"):
            evolve(MARKET, rivals=[rival()], relistings=[later])
