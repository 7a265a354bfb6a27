"""Scenarios played through, against statements, a slow twin, and a formula."""

from __future__ import annotations

import pickle
from datetime import timedelta
from fractions import Fraction
from typing import Any

import pytest
from attrs import evolve

from effort import up_to
from market_world import BOB, world
from numgenius_core.billing import LineKind, statement
from numgenius_core.billing.history import Moved
from numgenius_core.billing.metering import GPU
from numgenius_core.contracts import InstanceEvent
from numgenius_core.errors import RuleViolation, WrongType
from numgenius_core.ids import AccountId, MachineId
from numgenius_core.intervals import Interval
from numgenius_core.listing import Listing, Mode, Verification
from numgenius_core.money import Money
from numgenius_core.offer import Block
from numgenius_core.rates import PerGbMonth, PerGpuHour
from numgenius_core.testing import EPOCH
from numgenius_core.whatif import (
    Demand,
    Exponential,
    LogNormal,
    Lost,
    Outcome,
    PerKwh,
    Placement,
    Power,
    Relisting,
    Request,
    Scenario,
    Trace,
    recorded,
    simulate,
)
from numgenius_core.whatif.estimate import estimate_mean
from scenario_parts import bids, erlang_b, listing, machine, wants

SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
LONG = Interval(EPOCH, EPOCH + 10 * DAY)


def played(*requests: Request, **changes: Any) -> Outcome:
    """Return what comes of some requests on one machine of 8 GPUs within ten days."""
    facts: dict[str, Any] = {"listings": (listing(),), "demand": Trace(requests), "horizon": LONG}
    return simulate(Scenario(**(facts | changes)), keep_histories=True)


def held(outcome: Outcome) -> list[Block]:
    return [history.contract.block for history in outcome.histories]


class TestOnDemand:
    """G6: "on-demand rentals have the highest priority and stop interruptibles"."""

    def test_it_pays_for_its_stay(self) -> None:
        outcome = played(wants(5, gpus=2, seconds=7_200, disk_mb=1_000))
        found = outcome.of(Mode.ON_DEMAND)
        assert (found.gpu, found.gpu_seconds) == (Money("1.60"), 14_400)
        assert found.storage == PerGbMonth("0.15").charge(1_000, 7_200)
        assert (found.requests, found.rented, found.finished) == (1, 1, 1)
        assert outcome.payout == outcome.revenue.scaled(Fraction(3, 4))

    def test_what_goes_on_is_charged_to_the_end(self) -> None:
        found = played(wants(0, seconds=10**7)).of(Mode.ON_DEMAND)
        assert (found.gpu_seconds, found.finished) == (LONG.seconds, 0)

    def test_a_stay_may_end_with_the_horizon(self) -> None:
        assert played(wants(0, seconds=LONG.seconds)).of(Mode.ON_DEMAND).finished == 1

    def test_it_stops_an_interruptible_which_resumes(self) -> None:
        outcome = played(bids(0, "0.80", gpus=8), wants(600, gpus=8, seconds=1_200))
        found = outcome.of(Mode.INTERRUPTIBLE)
        assert (found.pauses, found.paused_seconds, found.finished) == (1, 1_200, 1)
        assert found.gpu == Money("0.80")

    def test_it_goes_where_nothing_runs(self) -> None:
        outcome = played(bids(0, "0.10"), wants(1))
        assert held(outcome) == [Block(start=0, size=1), Block(start=1, size=1)]
        assert outcome.pauses == 0

    def test_who_pays_less_goes_away(self) -> None:
        outcome = played(
            wants(0, gpus=2, limit=PerGpuHour("0.40")), wants(1, limit=PerGpuHour("0.399999999999"))
        )
        assert (outcome.rented, outcome.lost(Lost.PRICE)) == (1, 1)
        assert outcome.of(Mode.ON_DEMAND).lost_gpu_seconds == 3_600

    def test_a_size_that_is_not_offered(self) -> None:
        outcome = played(wants(0, gpus=3), wants(0, gpus=16), wants(0))
        assert outcome.lost(Lost.SIZE) == 2

    def test_full_and_fragmented(self) -> None:
        outcome = played(
            wants(0), wants(0, gpus=4), wants(1, gpus=4), wants(2, gpus=2), wants(3, gpus=2)
        )
        assert (outcome.lost(Lost.FRAGMENTED), outcome.lost(Lost.FULL)) == (0, 2)
        outcome = played(
            *(wants(0, seconds=60 if i % 2 else 999) for i in range(8)), wants(100, gpus=2)
        )
        assert outcome.lost(Lost.FRAGMENTED) == 1
        outcome = played(
            *(wants(0, seconds=60 if i in (0, 3) else 999) for i in range(8)), wants(100, gpus=2)
        )
        assert outcome.lost(Lost.FRAGMENTED) == 1

    def test_leaving_comes_before_arriving(self) -> None:
        assert played(wants(0, gpus=8, seconds=60), wants(60, gpus=8)).rented == 2
        assert played(wants(0, gpus=8, seconds=60), wants(59, gpus=8)).rented == 1

    def test_placement(self) -> None:
        requests = (wants(0), wants(0, gpus=4), wants(1, gpus=1))
        best = played(*requests)
        assert held(best)[-1] == Block(start=1, size=1)
        odd = [wants(0, seconds=60 if i < 3 else 9_999) for i in range(4)]
        best, first = (
            played(*odd, wants(100), placement=how)
            for how in (Placement.BEST_FIT, Placement.FIRST_FIT)
        )
        assert held(best)[-1] == Block(start=2, size=1)
        assert held(first)[-1] == Block(start=0, size=1)


class TestBidders:
    """G7: "the highest bid runs, the others are paused"."""

    def test_a_higher_bid_pauses_a_lower_one(self) -> None:
        outcome = played(bids(0, "0.80", gpus=8), bids(600, "0.16", gpus=1))
        assert outcome.pauses == 1
        found = outcome.of(Mode.INTERRUPTIBLE)
        assert found.gpu == Money("0.96")
        assert found.gpu_seconds == 9 * 3_600

    def test_a_bid_that_would_not_run_goes_away(self) -> None:
        outcome = played(bids(0, "0.80", gpus=8), bids(600, "0.10", gpus=1))
        assert (outcome.rented, outcome.lost(Lost.OUTBID)) == (1, 1)

    def test_a_bid_under_the_floor(self) -> None:
        outcome = played(bids(0, "0.199999999", gpus=2), bids(0, "0.20", gpus=2))
        assert (outcome.rented, outcome.lost(Lost.PRICE)) == (1, 1)

    def test_nothing_wins_against_on_demand(self) -> None:
        outcome = played(wants(0, gpus=8), bids(1, "20"))
        assert outcome.lost(Lost.FULL) == 1

    def test_it_displaces_the_cheapest(self) -> None:
        four = [bids(0, f"0.{10 + i}", gpus=2, seconds=9_999) for i in (15, 12, 18, 16)]
        outcome = played(*four, bids(1, "0.90", gpus=2))
        assert held(outcome)[-1] == held(outcome)[1]

    def test_of_equal_ones_the_first(self) -> None:
        two = [bids(0, "0.40", gpus=4), bids(0, "0.40", gpus=4)]
        assert held(played(*two, bids(1, "0.80", gpus=4)))[-1] == Block(start=0, size=4)

    def test_the_lowest_bid_that_runs_is_enough(self) -> None:
        full = bids(0, "0.80", gpus=8)
        assert played(full, bids(1, "0.100000001")).rented == 2
        assert played(full, bids(1, "0.100000000999")).lost(Lost.OUTBID) == 1

    def test_who_came_meanwhile_counts(self) -> None:
        tries = [bids(at, f"{dollars}", gpus=8) for at, dollars in enumerate(("1.8", "1.7", "1.9"))]
        outcome = played(*tries, bids(3, "1.85", gpus=8))
        assert (outcome.rented, outcome.lost(Lost.OUTBID)) == (2, 2)

    def test_storage_is_paid_while_it_waits(self) -> None:
        outcome = played(
            bids(0, "0.80", gpus=8, seconds=60, disk_mb=1_000), wants(30, gpus=8, seconds=100)
        )
        found = outcome.of(Mode.INTERRUPTIBLE)
        assert found.storage == PerGbMonth("0.15").charge(1_000, 160)

    def test_patience_ends(self) -> None:
        outcome = played(
            bids(0, "0.80", gpus=8, seconds=60, patience=50), wants(30, gpus=8, seconds=100)
        )
        found = outcome.of(Mode.INTERRUPTIBLE)
        assert (found.gpu_seconds, found.paused_seconds, found.finished) == (8 * 30, 20, 0)

    @pytest.mark.parametrize(("bid", "why"), [("0.80", Lost.FULL), ("0.79", Lost.PRICE)])
    def test_a_bid_of_the_floor_finds_a_machine_full(self, bid: str, why: Lost) -> None:
        outcome = played(wants(0, gpus=8), bids(1, bid, gpus=8))
        assert (outcome.rented, outcome.lost(why)) == (1, 1)

    def test_who_is_freed_in_the_second_of_its_end_runs_no_more(self) -> None:
        """The first bid is done at 100, which is when the last one's contract ends."""
        outcome = played(
            bids(0, "4.00", gpus=8, seconds=60),
            wants(10, gpus=4, seconds=40),
            bids(20, "0.80", gpus=4, seconds=80),
            listings=(listing(end=EPOCH + 100 * SECOND),),
        )
        first, _, last = outcome.histories
        assert [fact.event for fact in first.facts if isinstance(fact, Moved)] == [
            *(InstanceEvent.LOADED, InstanceEvent.PREEMPTED, InstanceEvent.RESUMED),
            InstanceEvent.DESTROYED,
        ]
        assert [fact.event for fact in last.facts if isinstance(fact, Moved)] == [
            *(InstanceEvent.LOADED, InstanceEvent.PREEMPTED, InstanceEvent.DESTROYED)
        ]
        found = outcome.of(Mode.INTERRUPTIBLE)
        assert found.gpu_seconds == 8 * 60 + 4 * 30
        assert found.paused_seconds == 40 + 50


class TestReserved:
    """G8: the discount grows with the rental time, up to the listing's factor."""

    def test_it_prepays_its_stay(self) -> None:
        month = Interval(EPOCH, EPOCH + 40 * DAY)
        outcome = played(
            wants(0, seconds=30 * 86_400, mode=Mode.RESERVED),
            horizon=month,
            listings=(listing(price="1"),),
        )
        assert outcome.of(Mode.RESERVED).revenue == Money(576)

    def test_the_discounted_price_must_suit(self) -> None:
        stay: dict[str, Any] = {
            "seconds": 5 * 86_400,
            "mode": Mode.RESERVED,
        }  # d = 0.4 · (1/6) / (7/6)
        limit = PerGpuHour("0.40").scaled(1 - Fraction(2, 35))
        below = PerGpuHour.from_steps(limit.steps - 1)
        outcome = played(wants(0, limit=limit, **stay), wants(0, limit=below, **stay))
        assert (outcome.rented, outcome.lost(Lost.PRICE)) == (1, 1)

    @pytest.mark.parametrize(
        "plain",
        [
            {"max_discount": Fraction(0)},
            {"machine": machine(verification=Verification.UNVERIFIED)},
        ],
    )
    def test_without_a_discount_it_rents_on_demand(self, plain: dict[str, Any]) -> None:
        outcome = played(wants(0, mode=Mode.RESERVED), listings=(listing(**plain),))
        assert outcome.of(Mode.RESERVED).gpu == Money("0.40")
        assert outcome.histories[0].contract.mode is Mode.ON_DEMAND

    def test_it_stops_interruptibles(self) -> None:
        outcome = played(bids(0, "0.80", gpus=8), wants(9, gpus=8, seconds=60, mode=Mode.RESERVED))
        assert outcome.pauses == 1


class TestEndDates:
    """G2: a listing is good until its end date; G9: a later one extends contracts."""

    def test_a_stay_beyond_it_goes_elsewhere(self) -> None:
        soon = (listing(end=EPOCH + HOUR),)
        outcome = played(wants(0), wants(1), bids(1, "0.5"), listings=soon)
        assert (outcome.rented, outcome.lost(Lost.END)) == (1, 2)

    def test_or_is_cut_short(self) -> None:
        outcome = played(
            wants(1_800, whole=False),
            wants(3_600, whole=False),
            listings=(listing(end=EPOCH + HOUR),),
        )
        found = outcome.of(Mode.ON_DEMAND)
        assert (found.rented, found.finished, found.gpu_seconds) == (1, 0, 1_800)
        assert outcome.lost(Lost.END) == 1

    def test_a_later_end_extends_a_contract(self) -> None:
        first = listing(end=EPOCH + HOUR)
        later = evolve(first, end=EPOCH + 2 * HOUR)
        outcome = played(
            wants(0, seconds=9_999, whole=False),
            listings=(first,),
            relistings=(Relisting(at=EPOCH + HOUR / 2, machine=MachineId(1), listing=later),),
        )
        assert outcome.gpu_seconds == 7_200

    @pytest.mark.parametrize(("price", "ran"), [("0.40", 7_200), ("0.41", 3_600), ("0.30", 7_200)])
    def test_but_not_at_a_raised_price(self, price: str, ran: int) -> None:
        first = listing(end=EPOCH + HOUR)
        later = listing(price=price, end=EPOCH + 2 * HOUR)
        outcome = played(
            wants(0, seconds=9_999, whole=False),
            listings=(first,),
            relistings=(Relisting(at=EPOCH + HOUR / 2, machine=MachineId(1), listing=later),),
        )
        assert outcome.gpu_seconds == ran
        beyond = PerGpuHour(price).charge(1, ran - 3_600)
        assert outcome.revenue == Money("0.40") + beyond  # the old rate up to the old end

    def test_a_rolling_end_is_set_anew_each_day(self) -> None:
        rolling = (listing(rolling=2 * DAY),)
        outcome = played(wants(5, seconds=5 * 86_400, whole=False), listings=rolling)
        assert outcome.of(Mode.ON_DEMAND).finished == 1
        assert played(wants(5, seconds=5 * 86_400), listings=rolling).lost(Lost.END) == 1

    def test_unlisting_changes_no_contract(self) -> None:
        outcome = played(
            wants(0),
            wants(61),
            relistings=(Relisting(at=EPOCH + 60 * SECOND, machine=MachineId(1), listing=None),),
        )
        assert (outcome.gpu_seconds, outcome.lost(Lost.END)) == (3_600, 1)

    def test_hosts_relist_before_clients_arrive(self) -> None:
        unlisted = Relisting(at=EPOCH + 60 * SECOND, machine=MachineId(1), listing=None)
        assert played(wants(60), relistings=(unlisted,)).lost(Lost.END) == 1

    def test_a_raised_floor_pauses(self) -> None:
        raised = listing(floor="0.20")
        outcome = played(
            bids(0, "0.15"),
            relistings=(Relisting(at=EPOCH + 60 * SECOND, machine=MachineId(1), listing=raised),),
        )
        assert outcome.gpu_seconds == 60

    def test_a_new_min_gpu_is_for_new_rentals(self) -> None:
        coarse = listing(min_gpu=4)
        outcome = played(
            wants(0),
            wants(61),
            wants(61, gpus=4),
            relistings=(Relisting(at=EPOCH + 60 * SECOND, machine=MachineId(1), listing=coarse),),
        )
        assert (outcome.rented, outcome.lost(Lost.SIZE)) == (2, 1)


class TestAFleet:
    """A client rents where it is cheapest, of equal machines from the first."""

    def test_on_demand(self) -> None:
        fleet = (listing(1, price="0.50"), listing(2, price="0.30"), listing(3, price="0.30"))
        outcome = played(wants(0, gpus=8), wants(0), wants(0, gpus=8), listings=fleet)
        machines = [history.contract.machine for history in outcome.histories]
        assert machines == [2, 3, 1]

    def test_reserved_looks_at_the_discounted_price(self) -> None:
        fleet = (listing(1, price="0.40", max_discount=0), listing(2, price="0.42"))
        long = wants(0, seconds=9 * 86_400, mode=Mode.RESERVED)
        outcome = played(long, wants(0, mode=Mode.RESERVED), listings=fleet)
        machines = [history.contract.machine for history in outcome.histories]
        assert machines == [2, 1]

    def test_bidders_look_at_the_lowest_winning_bid(self) -> None:
        fleet = (listing(1, floor="0.20"), listing(2, floor="0.10"), listing(3, floor="0.15"))
        outcome = played(*(bids(0, "2.00", gpus=8) for _ in range(3)), listings=fleet)
        machines = [history.contract.machine for history in outcome.histories]
        assert machines == [2, 3, 1]

    def test_bidders_too_take_the_first_of_equal_ones(self) -> None:
        outcome = played(bids(0, "0.50"), listings=(listing(1), listing(2)))
        assert outcome.histories[0].contract.machine == 1

    def test_the_last_reason_counts(self) -> None:
        fleet = (listing(1, price="0.10"), listing(2, price="0.50"))
        busy = wants(0, gpus=8)
        outcome = played(busy, wants(1, limit=PerGpuHour("0.30")), listings=fleet)
        assert outcome.lost(Lost.FULL) == 1

    def test_a_new_price_changes_the_order(self) -> None:
        cheaper = listing(2, price="0.30")
        outcome = played(
            wants(0),
            wants(61),
            listings=(listing(1), listing(2, price="0.50")),
            relistings=(Relisting(at=EPOCH + 60 * SECOND, machine=MachineId(2), listing=cheaper),),
        )
        assert [history.contract.machine for history in outcome.histories] == [1, 2]


class TestWhatTheHostHas:
    """Payout, power, occupancy and fragmentation."""

    def test_power(self) -> None:
        power = Power(price=PerKwh("0.20"), gpu_watts=300, idle_watts=100)
        outcome = played(
            wants(0, gpus=2), power=power, listings=(listing(platform_fee=Fraction(0)),)
        )
        assert outcome.power == Money("4.92")  # 24 kWh of 10 days, 0.6 kWh of two GPU-hours
        assert outcome.profit == Money("0.80") - Money("4.92")

    def test_occupancy(self) -> None:
        assert played(wants(0, gpus=4, seconds=86_400)).occupancy == Fraction(1, 20)

    def test_free_and_unusable_gpus(self) -> None:
        requests = [wants(0, seconds=86_400 if i % 2 else 60) for i in range(8)]
        outcome = played(*requests, wants(60, gpus=2), horizon=Interval(EPOCH, EPOCH + DAY))
        assert outcome.free == Fraction(4 * (86_400 - 60), 86_400)
        # One client of nine wants two GPUs, and all four that are free lie apart.
        assert outcome.unusable == outcome.free / 9

    def test_a_new_min_gpu_makes_other_gpus_unusable(self) -> None:
        half = EPOCH + timedelta(days=5)
        coarse = Relisting(at=half, machine=MachineId(1), listing=listing(min_gpu=4))
        outcome = played(wants(0, limit=PerGpuHour("0.01")), relistings=(coarse,))
        assert outcome.unusable == 4  # of the 8 that are free, none and then all

    def test_nobody_came(self) -> None:
        outcome = played()
        assert (outcome.revenue, outcome.rented, outcome.lost(Lost.FULL)) == (Money(0), 0, 0)
        assert outcome.unserved == 0
        assert outcome.free == 8
        assert "all" in str(outcome)

    def test_it_shows_itself(self) -> None:
        outcome = played(wants(0, gpus=8, seconds=86_400))
        assert str(outcome).splitlines()[2].split() == [
            *("on-demand", "1", "1", "10.0", "%", "0", "76.80", "57.60")
        ]
        assert outcome._repr_html_().count("<tr>") == 3

    def test_it_travels(self) -> None:
        outcome = played(wants(0), bids(1, "0.5"))
        assert pickle.loads(pickle.dumps(outcome)) == outcome

    def test_no_such_mode(self) -> None:
        with pytest.raises(RuleViolation, match="mode"):
            played().of("on-demand")  # type: ignore[arg-type]


def month(days: int = 30) -> Interval:
    return Interval(EPOCH, EPOCH + timedelta(days=days))


MIXED = Demand(
    per_day=150,
    sizes={1: 5, 2: 3, 4: 1, 8: 1},
    stays=LogNormal("0.4", "1.2"),
    modes={Mode.ON_DEMAND: 3, Mode.RESERVED: 2, Mode.INTERRUPTIBLE: 5},
    limits=LogNormal("0.45", "0.5"),
    bids=LogNormal("0.20", "0.4"),
    disk_mb=12_345,
    patience=7_200,
    whole=False,
)


class TestTheBookkeepingIsTheStatements:
    """What the simulator adds up is the sum of the contracts' own statements, to the tick."""

    def check(self, scenario: Scenario, seed: int) -> Outcome:
        outcome = simulate(scenario, seed, keep_histories=True)
        assert evolve(outcome, kept_histories=None) == simulate(scenario, seed)
        made = [statement(history, scenario.horizon) for history in outcome.histories]
        assert len(made) == outcome.rented
        assert Money.sum(one.total for one in made) == outcome.revenue
        assert Money.sum(one.fee for one in made) == outcome.revenue - outcome.payout
        modes = outcome.modes
        for kinds, mine in (
            (GPU, Money.sum(one.gpu for one in modes)),
            ({LineKind.STORAGE}, Money.sum(one.storage for one in modes)),
            ({LineKind.FORFEIT}, Money.sum(one.forfeited for one in modes)),
        ):
            assert Money.sum(one.amount_of(*kinds) for one in made) == mine
        seconds = sum(
            line.quantity * line.size for one in made for line in one.lines if line.kind in GPU
        )
        bidding = [one for one in made if one.contract.mode is Mode.INTERRUPTIBLE]
        assert seconds >= sum(
            line.quantity for one in bidding for line in one.lines if line.kind in GPU
        )
        paid = Money.sum(one.total for one in bidding)
        assert paid == outcome.of(Mode.INTERRUPTIBLE).revenue
        return outcome

    @pytest.mark.parametrize("seed", range(3))
    def test_a_fleet(self, seed: int) -> None:
        fleet = (
            listing(1, price="0.41"),
            listing(2, 7, price="0.333333333333", min_gpu=2, platform_fee=Fraction(1, 7)),
            listing(3, 4, price="0.50", floor="0", platform_fee=Fraction(0), max_discount="0.7"),
        )
        outcome = self.check(Scenario(listings=fleet, demand=MIXED, horizon=month(5)), seed)
        assert outcome.pauses > 20
        assert all(one.rented > 20 for one in outcome.modes)

    @pytest.mark.parametrize("seed", range(4))
    def test_relisting_and_extension(self, seed: int) -> None:
        first = listing(end=EPOCH + 2 * DAY)

        def again(days: float, listed: Listing | None) -> Relisting:
            return Relisting(at=EPOCH + days * DAY, machine=MachineId(1), listing=listed)

        relistings = (
            again(0.7, listing(price="0.35", floor="0.17", end=EPOCH + 3 * DAY)),
            again(1.5, evolve(first, end=EPOCH + 4 * DAY)),
            again(2.1, listing(price="0.22", end=EPOCH + 5 * DAY, min_gpu=2)),
            again(2.9, None),
            again(3.1, listing(price="0.20", floor="0.05", rolling=DAY)),
        )
        busy = evolve(MIXED, stays=LogNormal(6, 1), per_day=60)
        scenario = Scenario(listings=(first,), demand=busy, horizon=month(6), relistings=relistings)
        outcome = self.check(scenario, seed)
        assert any(history.contract.rate_changes for history in outcome.histories)
        assert outcome.of(Mode.RESERVED).forfeited

    def test_tiny_prices_and_deposits(self) -> None:
        cheap = listing(price="0.000000000007", floor="0", max_discount="0.9")
        scenario = Scenario(listings=(cheap,), demand=MIXED, horizon=month(3))
        self.check(scenario, 0)

    def test_a_host_with_the_name_of_the_client(self) -> None:
        own = listing(machine=machine(host=AccountId("client")))
        assert self.check(Scenario(listings=(own,), demand=MIXED, horizon=month(2)), 0).revenue

    def test_a_recording_plays_again(self) -> None:
        # Where all are served, the recording of what happened is what was wanted.
        calm = evolve(MIXED, per_day=6, modes={Mode.ON_DEMAND: 1, Mode.INTERRUPTIBLE: 1})
        wide = Scenario(
            listings=(listing(gpus=256, floor="0"),),
            demand=evolve(calm, limits=None, sizes={1: 2, 2: 1}),
            horizon=month(10),
        )
        outcome = self.check(wide, 0)
        assert outcome.unserved == 0
        again = evolve(wide, demand=recorded(outcome.histories, wide.horizon))
        assert simulate(again).revenue == outcome.revenue

    def test_a_hosts_free_test_is_no_request(self) -> None:
        """G10: a host tests its own machine by a free instance: no client, no money."""
        w = world(2)
        test, client = w.rent(1, 1, by=AccountId("host")), w.rent(1, by=BOB, at=60)
        assert [w.state(each) for each in (test, client)] == ["running", "running"]
        histories = [w.instance(each).history for each in (test, client)]
        hour = Interval(histories[0].contract.start, w.now + HOUR)
        (request,) = recorded(histories, hour).requests
        assert (request.after, request.seconds) == (60, 3_600)
        paid = evolve(histories[0], contract=evolve(histories[0].contract, billed_test=True))
        assert len(recorded([paid], hour).requests) == 1  # as any rental


class TestAKnownAnswer:
    """One size, Poisson arrivals, lost when full: the Erlang loss formula."""

    @pytest.mark.parametrize(("gpus", "size", "load"), [(8, 1, 5.0), (8, 2, 4.0), (4, 4, 2.0)])
    def test_the_share_that_is_lost(self, gpus: int, size: int, load: float) -> None:
        demand = Demand(per_day=str(load * 24), sizes={size: 1}, stays=Exponential(1))
        scenario = Scenario(
            listings=(listing(gpus=gpus, min_gpu=size),), demand=demand, horizon=month(up_to(12, 6))
        )
        found = estimate_mean([simulate(scenario, seed).unserved for seed in range(10)], "0.99")
        assert found.half_width is not None
        assert found.half_width < Fraction(1, 25)
        assert Fraction(erlang_b(load, gpus // size)) in found

    def test_whatever_the_stays_are_like(self) -> None:
        demand = Demand(per_day=120, sizes={1: 1}, stays=LogNormal("0.606530659712633", "1"))
        scenario = Scenario(listings=(listing(),), demand=demand, horizon=month(up_to(12, 6)))
        found = estimate_mean([simulate(scenario, seed).unserved for seed in range(10)], "0.99")
        assert Fraction(erlang_b(5.0, 8)) in found


class TestRefused:
    """What is no scenario."""

    @pytest.mark.parametrize(
        ("change", "match"),
        [
            ({"listings": ()}, "one listing of each machine"),
            ({"listings": (listing(), listing())}, "one listing of each machine"),
            ({"listings": (1,)}, r"listings\[0\]"),
            ({"demand": 3}, "a Demand or a Trace"),
            ({"horizon": 3}, "scenario.horizon"),
            ({"power": 3}, "scenario.power"),
            ({"placement": "best fit"}, "scenario.placement"),
            ({"relistings": (3,)}, r"relistings\[0\]"),
        ],
    )
    def test_fields(self, change: dict[str, Any], match: str) -> None:
        with pytest.raises(RuleViolation, match=match):
            played(**change)

    def test_relistings(self) -> None:
        with pytest.raises(RuleViolation, match="machine 2"):
            Relisting(at=EPOCH, machine=MachineId(2), listing=listing())
        other = Relisting(at=EPOCH, machine=MachineId(2), listing=None)
        with pytest.raises(RuleViolation, match="a machine of the listings"):
            played(relistings=(other,))
        late = Relisting(at=LONG.end, machine=MachineId(1), listing=None)
        with pytest.raises(RuleViolation, match=r"relistings\[0\].at: need within"):
            played(relistings=(late,))
        larger = Relisting(at=EPOCH, machine=MachineId(1), listing=listing(gpus=4))
        with pytest.raises(RuleViolation, match="the machine as it is"):
            played(relistings=(larger,))

    def test_arguments(self) -> None:
        with pytest.raises(WrongType, match="scenario"):
            simulate(3)  # type: ignore[arg-type]
        scenario = Scenario(listings=(listing(),), demand=Trace(()), horizon=LONG)
        with pytest.raises(RuleViolation, match="seed"):
            simulate(scenario, -1)
