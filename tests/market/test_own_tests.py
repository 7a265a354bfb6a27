"""A host on its own machine (G10): free by the guide, and below every client's bid."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from market_world import ANN, BOB, HOST, World, prices, world
from numgenius_core.bids import Claim, Rank, WaitReason
from numgenius_core.contracts import Contract
from numgenius_core.errors import InsufficientCredit, RuleViolation, WrongType
from numgenius_core.ids import MachineId
from numgenius_core.intervals import Interval
from numgenius_core.listing import Mode
from numgenius_core.market import (
    Settings,
    commands as c,
    events as e,
    execute,
    replay,
    views,
)
from numgenius_core.market.journal import market_from_json, market_to_json
from numgenius_core.money import Money
from numgenius_core.offer import Block
from numgenius_core.rates import PerGpuHour, PerHour

HOUR = 3_600


def quoted(w: World) -> PerGpuHour:
    """Return the minimum bid that is quoted for the whole machine."""
    return views.offers(w.market, w.now)[-1].prices.min_bid


class TestAFreeTestStandsBelowEveryBid:
    """DOMAIN 13: a free test stands "below every bid, never in a quoted minimum bid"."""

    @pytest.mark.parametrize("bid", [None, 64])
    def test_it_pauses_nobody_and_raises_no_price(self, bid: int | None) -> None:
        w = world(2, prices(min_bid="0.1"))
        client = w.rent(2, bid="0.5")
        test = w.rent(2, by=HOST, bid=bid)
        assert (w.state(client), w.state(test)) == ("running", "paused")
        assert quoted(w) == PerGpuHour("0.25")  # the client's own bid
        why = views.why_waiting(w.market, test)
        assert (why.why, why.winning_bid) == (WaitReason.OUTBID, None)
        assert w.events[-1] == e.InstancePaused(
            at=w.now, contract=test, why=WaitReason.OUTBID, by=(client,)
        )

    @pytest.mark.parametrize("bid", [None, 64])
    def test_it_runs_on_what_no_client_uses_under_any_floor(self, bid: int | None) -> None:
        w = world(2, prices(40))
        test = w.rent(2, by=HOST, bid=bid)
        assert w.state(test) == "running"
        w.do(c.SetMinBid(by=HOST, machine=w.instance(test).contract.machine, floor=PerGpuHour(33)))
        assert w.state(test) == "running"
        assert quoted(w) == PerGpuHour(33)

    @pytest.mark.parametrize("bid", ["0.001", None])
    def test_a_client_takes_its_gpus_and_gives_them_back(self, bid: str | None) -> None:
        w = world(2)
        test = w.rent(2, by=HOST)
        assert all(each.rentable for each in views.offers(w.market, w.now))
        client = w.rent(1, bid=bid)
        assert (w.state(client), w.state(test)) == ("running", "paused")
        assert views.who_runs(w.market, w.instance(test).contract.machine).runs(client)
        w.do(c.Destroy(by=ANN, contract=client))
        assert w.state(test) == "running"
        assert replay(w.events) == w.market == market_from_json(market_to_json(w.market))

    def test_a_bid_on_its_block_that_a_floor_keeps_waiting_does_not_keep_it(self) -> None:
        w = world(1)
        test, bid = w.rent(1, by=HOST), w.rent(1, bid="0.8")
        w.do(c.SetMinBid(by=HOST, machine=MachineId(1), floor=PerGpuHour("0.9")))
        assert (w.state(test), w.state(bid)) == ("running", "paused")
        w.do(c.Destroy(by=HOST, contract=test))
        assert not views.who_runs(w.market, MachineId(1)).running

    def test_started_again_it_waits_for_clients_and_for_the_test_before_it(self) -> None:
        w = world(1)
        first, second_one = w.rent(1, by=HOST), w.rent(1, by=HOST)
        assert (w.state(first), w.state(second_one)) == ("running", "paused")
        w.do(c.Stop(by=HOST, contract=first))
        assert w.state(second_one) == "running"
        w.do(c.Start(by=HOST, contract=first))
        assert w.state(first) == "paused"

    def test_on_demand_it_needs_gpus_that_nobody_has_rented(self) -> None:
        w = world(1)
        w.rent(1)
        with pytest.raises(RuleViolation, match="an offer whose GPUs nobody has rented"):
            w.rent(1, by=HOST)

    def test_the_claim_of_its_contract_is_a_default_job(self) -> None:
        contract = Contract(
            id=1,
            machine=1,
            host="h",
            client="h",
            mode=Mode.INTERRUPTIBLE,
            block=Block(start=0, size=1),
            prices=prices(),
            start=World().now,
            bid=PerHour(9),
        )
        assert Claim.from_contract(contract, arrival=1).rank is Rank.DEFAULT_JOB


class TestAMachineThatLeaves:
    """MARKET_PAGES e: "only if no client uses it; the host's own jobs are ignored and go"."""

    @pytest.mark.parametrize("billed", [False, True])
    def test_the_hosts_own_instances_go_with_it(self, billed: bool) -> None:
        w = world(2)
        w.do(c.AddCredit(account=HOST, amount=Money(1_000)))
        w.do(c.SetSettings(settings=Settings(own_tests_billed=billed)))
        test = w.rent(1, by=HOST)
        if billed:
            w.do(c.Prepay(by=HOST, contract=test, amount=Money(100)))
        remove = c.RemoveMachine(by=HOST, machine=MachineId(1))
        with pytest.raises(RuleViolation, match="an unlisted machine without instances"):
            w.do(remove)
        w.do(c.Unlist(by=HOST, machine=MachineId(1)))
        refund = ["DepositRefunded"] if billed else []
        assert w.names(remove) == [*refund, "InstanceDestroyed", "MachineRemoved"]
        assert w.instance(test).state.value == "destroyed"
        assert w.balance(HOST) == Money(1_000)

    def test_a_clients_instance_keeps_it(self) -> None:
        w = world(2)
        w.rent(1, by=HOST), w.rent(1, 1)
        w.do(c.Unlist(by=HOST, machine=MachineId(1)))
        before = w.market
        with pytest.raises(RuleViolation, match=r"without instances, got one with 1 instance"):
            w.do(c.RemoveMachine(by=HOST, machine=MachineId(1)))
        assert w.market is before


class TestTheNewerReading:
    """DOMAIN 13: "the guide says free; a newer text says it is billed like any rental"."""

    def billed(self) -> World:
        w = world(2)
        w.do(c.AddCredit(account=HOST, amount=Money(1_000)))
        w.do(c.SetSettings(settings=Settings(own_tests_billed=True)))
        return w

    def test_it_is_billed_and_ranks_as_any_rental(self) -> None:
        w = self.billed()
        client = w.rent(1, bid="0.5")
        test = w.rent(1, by=HOST)
        assert not w.instance(test).contract.is_free_test
        assert (w.state(client), w.state(test)) == ("paused", "running")
        assert not views.offers(w.market, w.now)[0].rentable
        w.do(c.CountTraffic(contract=test, sent=0, received=10**9), HOUR)
        # What it pays comes back to itself, as the machine's host, but for the platform's fee.
        assert w.balance(HOST) == Money(1_000)
        hour = Interval(w.now - timedelta(hours=1), w.now)
        assert views.statement_of(w.market, test, hour).total == Money(1)
        w.do(c.Prepay(by=HOST, contract=test, amount=Money(576)))
        assert w.instance(test).contract.mode is Mode.RESERVED

    def test_it_needs_credit_and_stops_without(self) -> None:
        w = world(1, prices(1))
        w.do(c.SetSettings(settings=Settings(own_tests_billed=True)))
        with pytest.raises(InsufficientCredit, match="a balance above zero"):
            w.rent(1, by=HOST)

    def test_tests_that_have_begun_stay_as_they_were(self) -> None:
        w = world(2)
        test = w.rent(1, by=HOST)
        w.do(c.SetSettings(settings=Settings(own_tests_billed=True)))
        assert w.instance(test).contract.is_free_test
        w.do(c.AddCredit(account=HOST, amount=Money(1)))
        later = w.rent(1, 1, by=HOST)
        w.do(c.SetSettings(settings=Settings()))
        assert not w.instance(later).contract.is_free_test
        assert replay(w.events).living(later).contract.billed_test

    def test_only_a_hosts_own_contract_can_be_one(self) -> None:
        known: dict[str, Any] = {
            "id": 1,
            "machine": 1,
            "host": "h",
            "mode": Mode.ON_DEMAND,
            "block": Block(start=0, size=1),
            "prices": prices(),
            "start": World().now,
        }
        with pytest.raises(RuleViolation, match=r"contract\.billed_test: need False for a client"):
            Contract(client=BOB, billed_test=True, **known)
        with pytest.raises(WrongType, match=r"contract\.billed_test"):
            Contract(client="h", billed_test=1, **known)  # type: ignore[arg-type]
        with pytest.raises(WrongType, match=r"settings\.own_tests_billed"):
            Settings(own_tests_billed=1)  # type: ignore[arg-type]

    @pytest.mark.parametrize("all_at_once", [c.TransferCredit, c.PayOut])
    def test_it_stops_when_the_host_lets_all_go_that_it_earned_meanwhile(
        self, all_at_once: type
    ) -> None:
        """Nothing was booked since the account had nothing: what it earned was something."""
        w = world(2, prices(1))
        w.do(c.SetSettings(settings=Settings(own_tests_billed=True)))
        client = w.rent(1)
        assert w.market.account(HOST).empty
        day = 24 * HOUR  # a Friday
        test = w.rent(1, 1, by=HOST, load=False, at=day)
        if all_at_once is c.PayOut:
            let_go = w.names(c.PayOut(account=HOST))
        else:
            let_go = w.names(c.TransferCredit(by=HOST, to=ANN, amount=Money(24)))
        assert let_go[1:] == ["BalanceRanOut", "InstanceStopped"]
        assert (w.balance(HOST), w.state(test)) == (Money(0), "stopped")
        w.do(c.Destroy(by=ANN, contract=client))
        w.do(c.Tick(), 30 * day)
        assert w.balance(HOST) == Money(0)
        assert replay(w.events) == w.market == market_from_json(market_to_json(w.market))

    def test_a_snapshot_lets_it_go_on_while_the_host_earns(self) -> None:
        """A test without a disk costs nothing while it loads, so nothing was booked since."""
        w = world(2, prices(1))
        w.do(c.SetSettings(settings=Settings(own_tests_billed=True)))
        w.rent(1)
        test = w.rent(1, 1, by=HOST, load=False, at=HOUR)
        assert w.market.account(HOST).empty
        again = market_from_json(market_to_json(w.market))
        assert (again.unsettled, w.market.unsettled) == ((), ())
        loaded = c.ReportLoaded(contract=test), w.now + timedelta(minutes=1)
        assert execute(again, *loaded) == execute(w.market, *loaded)
