"""What a machine looks up is what its instances say, however it came to be."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from fractions import Fraction
from typing import Any

import pytest
from attrs import evolve as changed
from hypothesis import given, strategies as st

from effort import examples
from market_world import ANN, BOB, HOST, World, prices, second, world
from numgenius_core.errors import NumgeniusError
from numgenius_core.ids import ContractId, MachineId
from numgenius_core.listing import Mode
from numgenius_core.market import (
    MachineState,
    Market,
    _index,
    commands as c,
    evolve,
    execute,
    execute_all,
    replay,
    views,
)
from numgenius_core.market._index import MachineIndex
from numgenius_core.market.instance import HOLDS, WAITING
from numgenius_core.market.state import queue_of, unsettled_of
from numgenius_core.money import Money
from numgenius_core.rates import PerGpuHour, PerHour
from numgenius_core.testing import plays

M1 = MachineId(1)


def looked_up(index: MachineIndex, state: MachineState) -> dict[str, Any]:
    return {
        "gpus": index.gpus,
        "occupied": index.occupied,
        "stored_mb": index.stored_mb,
        "count": index.count,
        "claims": {key: list(each) for key, each in index.claims.items()},
        "heads": index.heads,
        "holding": index.holding,
        "restarting": index.restarting,
        "dues": list(index.dues),
        "running": index.running(state.floor),
    }


def check(market: Market) -> None:
    """Each machine looks up what an index made of its instances alone does."""
    for state in market.machines.values():
        anew = MachineIndex(state.instances.values(), (1 << state.machine.gpus) - 1)
        assert looked_up(state._index, state) == looked_up(anew, state)
        runs = [contract for _, _, contract, _ in state._index.running(state.floor)]
        assert runs == [claim.id for claim in state.resolution.running]
        states = [each.state for each in state.instances.values()]
        assert state._index.holding == {
            each.id for each in state.instances.values() if each.state in HOLDS
        }
        assert state.waiting == sum(each in WAITING for each in states)
        made = changed(state)  # what is due is worked out anew
        assert (state.due, state.volumes_due) == (made.due, made.volumes_due)
    for account in market.accounts.values():
        assert account.due == changed(account).due
    assert market.queue == queue_of(market.machines, market.accounts)
    assert market.unsettled == unsettled_of(market.machines, market.accounts, market.now)


@given(steps=plays(most=14))
@examples(60)
def test_it_is_kept_instance_by_instance(steps: tuple[tuple[c.Command, datetime], ...]) -> None:
    market = one_by_one = Market()
    for command, at in steps:
        with suppress(NumgeniusError):
            before = market
            market, events = execute(market, command, at)
            check(market)
            check(before)  # a value that a command has not touched
            for event in events:
                one_by_one = evolve(one_by_one, event)
                check(one_by_one)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 6), st.integers(1, 9)), max_size=30))
@examples(300)
def test_bids_that_come_stop_start_and_go(draws: list[tuple[int, int, int]]) -> None:
    w = world(4, prices(1))
    for what, which, price in draws:
        there = sorted(w.market.machine(M1).instances)
        with suppress(NumgeniusError):
            if what < 2 or not there:
                size, place = ((1, which % 4), (2, which % 2), (4, 0))[price % 3]
                bid = None if what and which > 4 else f"0.{price}"
                w.rent(size, place, by=(ANN, BOB)[which % 2], bid=bid, load=which % 3 > 0)
            else:
                contract = there[which % len(there)]
                by = w.instance(contract).contract.client
                commands: tuple[c.Command, ...] = (
                    c.Stop(by=by, contract=contract),
                    c.Start(by=by, contract=contract),
                    c.Destroy(by=by, contract=contract),
                    c.ChangeBid(by=by, contract=contract, bid=PerHour(f"0.{price}")),
                )
                w.do(commands[what - 2])
        check(w.market)


def test_who_waits_on_demand_lets_go_of_nothing() -> None:
    w = world(1, prices(1))
    first = w.rent(1)
    w.do(c.Stop(by=ANN, contract=first))
    second_one = w.rent(1, by=BOB)
    w.do(c.Start(by=ANN, contract=first))
    check(w.market)
    w.do(c.Destroy(by=ANN, contract=first))
    check(w.market)
    assert w.market.machine(M1).occupied == 1
    w.do(c.Destroy(by=BOB, contract=second_one))
    assert w.market.machine(M1).occupied == 0


def test_who_goes_leaves_nothing_on_its_machine() -> None:
    """Neither its disk nor what was due of it stays, also beside others in the same batch."""
    w = world(2, prices(1))
    gone = w.rent(1, disk_mb=10_000, end=second(3_600))
    check(w.market)
    w.do(c.Destroy(by=ANN, contract=gone))
    check(w.market)
    assert w.market.machine(M1).disk.instances_mb == 0
    assert w.market.machine(M1).due is None
    offer = w.offer(1)
    rent = c.Rent(by=ANN, offer=offer, mode=Mode.ON_DEMAND, disk_mb=5_000, end=second(60))
    destroy = c.Destroy(by=ANN, contract=ContractId(w.market.last + 1))
    after, results = execute_all(w.market, [(rent, w.now), (destroy, w.now)])
    assert not any(each.error for each in results)
    check(after)


def test_gpus_stay_taken_whoever_else_runs() -> None:
    """A bid that runs keeps its GPUs from lower ones, also after another was looked at."""
    w = world(4)
    above, beside = w.rent(2, 0, bid="0.8"), w.rent(2, 1, bid="0.6")
    below = w.rent(1, 0, bid="0.1")
    assert [w.state(each) for each in (above, beside, below)] == [
        "running",
        "running",
        "paused",
    ]
    check(w.market)


def looks_anew(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list of how many heads were looked at to find anew who runs, each time it is."""
    looks: list[int] = []
    real = _index._first

    def counted(heads: Any, *how: Any) -> Any:
        looks.append(len(heads))
        return real(heads, *how)

    monkeypatch.setattr(_index, "_first", counted)
    return looks


class TestABidThatChanges:
    """Who runs after a bid rose or fell is what all bids say, whether it ran or waited."""

    def bids(self, *bids: str) -> tuple[World, list[Any]]:
        """Return bids on two GPUs: one for the first, one for both, one for the second."""
        w = world(2, prices(1))
        places = ((1, 0), (2, 0), (1, 1))
        return w, [
            w.rent(size, place, by=(ANN, BOB)[size - 1], bid=bid, load=False)
            for (size, place), bid in zip(places, bids, strict=True)
        ]

    def change(self, w: World, contract: Any, bid: str) -> set[Any]:
        """Change a bid, and return who has GPUs then."""
        by = w.instance(contract).contract.client
        w.do(c.ChangeBid(by=by, contract=contract, bid=PerHour(bid)))
        check(w.market)
        return {each for each in w.market.homes if w.instance(each).state in HOLDS}

    def test_one_that_runs_and_falls_lets_another_run(self) -> None:
        w, (first, both, second_one) = self.bids("0.5", "0.6", "0.4")
        assert self.change(w, first, "0.35") == {first, second_one}
        assert self.change(w, second_one, "0.2") == {first, second_one}
        assert self.change(w, first, "0.1") == {both}

    def test_one_that_runs_and_rises_comes_before_others(self) -> None:
        w, (first, _, second_one) = self.bids("0.5", "0.6", "0.4")
        assert self.change(w, second_one, "0.9") == {first, second_one}
        running = w.market.machine(M1)._index.running(w.market.machine(M1).floor)
        assert [contract for _, _, contract, _ in running] == [second_one, first]

    def test_one_that_waits_and_falls_waits(self) -> None:
        w, (first, both, second_one) = self.bids("0.5", "0.6", "0.4")
        assert self.change(w, both, "0.2") == {first, second_one}

    def test_all_are_looked_at_anew_only_where_another_may_run(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        w, (first, both, second_one) = self.bids("0.5", "0.6", "0.4")
        looks = looks_anew(monkeypatch)
        for contract, bid, blocks in (
            (second_one, "0.9", []),  # it runs and rises
            (both, "0.5", []),  # it waits and falls
            (first, "0.35", [3]),  # it runs and falls
            (both, "0.75", []),  # it waits and rises, above one of those that are in its way
            (both, "1.9", [3]),  # and now above both
        ):
            looks.clear()
            by = w.instance(contract).contract.client
            w.do(c.ChangeBid(by=by, contract=contract, bid=PerHour(bid)))
            assert looks == blocks
        looks.clear()
        w.do(c.Tick(), 60)
        assert not looks

    def test_nor_where_one_comes_or_goes_that_waits_or_one_is_overtaken(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        w, (first, both, second_one) = self.bids("0.5", "0.6", "0.4")
        anew = looks_anew(monkeypatch)
        w.do(c.Destroy(by=BOB, contract=both))  # it waits
        both = w.rent(2, 0, by=BOB, bid="0.7", load=False)  # behind the first
        better = w.rent(1, 1, by=ANN, bid="0.45", load=False)  # in the place of the second
        w.do(c.Destroy(by=ANN, contract=second_one))  # which waits behind it
        assert not anew
        assert w.market.machine(M1).waiting == 1
        w.do(c.Destroy(by=ANN, contract=better))  # it runs, but the first is in the way
        assert len(anew) == 1
        w.do(c.Destroy(by=ANN, contract=first))
        assert len(anew) == 2
        assert w.state(both) == "running"
        monkeypatch.undo()
        check(w.market)

    def test_nor_where_one_comes_back_under_the_floor(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        w = world(2, prices(1, min_bid="0.3"))
        w.rent(1, 0, bid="0.4", load=False)
        w.do(c.SetMinBid(by=HOST, machine=M1, floor=PerGpuHour("0.5")))
        check(w.market)
        w.do(c.SetMinBid(by=HOST, machine=M1, floor=PerGpuHour("0.2")))
        low = w.rent(1, 1, bid="0.3", load=False)
        w.do(c.SetMinBid(by=HOST, machine=M1, floor=PerGpuHour("0.35")))
        assert w.state(low) == "paused"
        anew = looks_anew(monkeypatch)
        by = w.instance(low).contract.client
        w.do(c.Stop(by=by, contract=low))
        w.do(c.Start(by=by, contract=low))  # its place is free, and it is under the floor
        assert not anew
        monkeypatch.undo()
        check(w.market)

    def test_one_that_waits_and_rises_runs(self) -> None:
        w, (_, both, _) = self.bids("0.5", "0.6", "0.4")
        assert self.change(w, both, "1.5") == {both}

    def test_one_that_falls_behind_another_on_its_block(self) -> None:
        w, (first, _, second_one) = self.bids("0.5", "0.6", "0.4")
        third = w.rent(1, 0, by=BOB, bid="0.45", load=False)
        assert self.change(w, first, "0.42") == {third, second_one}
        assert self.change(w, first, "0.47") == {first, second_one}


def test_a_free_test_runs_behind_a_bid_under_the_floor() -> None:
    w = world(1, prices(1, min_bid="0.2"))
    bid, mine = w.rent(1, bid="0.3"), w.rent(1, by=HOST, load=False)
    check(w.market)
    w.do(c.SetMinBid(by=HOST, machine=M1, floor=PerGpuHour("0.4")))
    check(w.market)
    assert (w.state(bid), w.state(mine) in ("loading", "running")) == ("paused", True)


def test_one_that_came_and_went_while_its_machine_changed_is_not_due() -> None:
    w = world(4, prices(1), end=second(9_000), volume_mb=100_000)
    w.rent(1)
    [offer] = views.volume_offers(w.market, w.now, machine=M1)
    w.do(c.RentVolume(by=ANN, offer=offer.id, size_mb=1_000))
    [volume] = w.market.volumes
    w.do(c.Tick(), 10)
    soon = w.rent(1, 1, by=BOB)
    w.do(c.Prepay(by=BOB, contract=soon, amount=Money(1)))  # used up before all else ends
    w.do(c.DeleteVolume(by=ANN, volume=volume))
    w.do(c.Destroy(by=BOB, contract=soon))
    w.do(c.Tick(), 20)
    w.rent(1, 2)
    replayed = replay(w.events)
    assert replayed == w.market
    check(replayed)


def test_what_is_due_is_kept_event_by_event() -> None:
    """Whatever else changes on a machine, its listings and contracts end when they are to end."""
    terms = prices("3.50", storage="0.15")
    w = world(2, terms, end=second(2 * 86_400), volume_mb=1_000, sla_claim=Fraction(99, 100))
    for place in range(2):
        w.rent(1, place, target=Fraction(19, 20))
    w.do(c.SetDefaultJob(by=HOST, machine=M1, image="job"))
    w.do(c.ListVolume(by=HOST, machine=M1, size_mb=1_000, end=second(40_000)))
    w.do(c.ReportOffline(machine=M1), 3_600)
    w.do(c.Destroy(by=ANN, contract=min(w.market.homes)))
    w.do(c.ReportOnline(machine=M1), 7_200)
    w.do(c.Tick(), 3 * 86_400)
    market = Market()
    for event in w.events:
        market = evolve(market, event)
        check(market)
    assert market == w.market


class TestWhatFlows:
    """The money of an instance follows the prices that apply to it now."""

    def extended(self, **rented: Any) -> tuple[World, Any]:
        """Return a contract of a day that is extended by a listing with other prices."""
        w = World()
        w.add(2)
        w.do(c.AddCredit(account=ANN, amount=Money(100)))
        w.list(prices(1, min_bid="0.2"), end=second(86_400))
        return w, w.rent(1, **rented)

    def test_new_rates_from_their_beginning_on(self) -> None:
        w, contract = self.extended()
        w.list(prices("0.5", min_bid="0.2"), end=second(2 * 86_400))
        w.do(c.Tick(), 86_400)
        assert w.instance(contract).rate_changes_begun == 1
        before = w.balance()
        w.do(c.Tick(), 86_400 + 3_600)
        assert before - w.balance() == Money("0.5")

    def test_a_floor_that_a_client_accepted_is_paid_by_a_bid_below_it(self) -> None:
        w, contract = self.extended(bid="0.3")
        w.list(prices(1, min_bid="0.6"), end=second(2 * 86_400))
        increase = w.instance(contract).increase
        assert increase
        w.do(c.AcceptPriceIncrease(by=ANN, increase=increase))
        before = w.balance()
        w.do(c.Tick(), 3_600)
        assert (before - w.balance(), w.state(contract)) == (Money(0), "paused")  # it is below
        w.do(c.Tick(), 86_400)
        before = w.balance()
        w.do(c.Tick(), 86_400 + 3_600)
        assert before - w.balance() == Money("0.6")

    def test_a_host_tests_its_own_machine_free_of_charge(self) -> None:
        w = World()
        w.add(2)
        w.list(prices(1, storage="0.10", fee="0.25"))
        w.do(c.AddCredit(account=HOST, amount=Money(5)))
        w.rent(2, by=HOST)
        w.do(c.Tick(), 36_000)
        assert w.balance(HOST) == Money(5)


def test_a_market_is_not_touched_by_what_comes_after() -> None:
    """What is looked up of a machine is copied before it changes, all of it."""
    w = world(2, prices(1))
    markets = [w.market]
    first = w.rent(1, bid="0.5")
    markets.append(w.market)
    w.rent(1, by=BOB)  # pauses it
    markets.append(w.market)
    w.do(c.Destroy(by=ANN, contract=first))
    for market in markets:
        check(market)
