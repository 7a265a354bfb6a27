"""Market: commands in, events out, with the sentences of the hosting guide."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest

from market_world import ANN, BOB, HOST, START, World, prices, second, world
from numgenius_core.errors import RuleViolation, WrongType
from numgenius_core.ids import AccountId, MachineId
from numgenius_core.intervals import Interval
from numgenius_core.maintenance import MaintenanceWindow
from numgenius_core.market import commands as c, decide, events as e, replay, views
from numgenius_core.market.journal import event_from_json, event_to_json
from numgenius_core.money import Money
from numgenius_core.rates import PerGpuHour, PerHour

M1 = MachineId(1)
DAY = 86_400


class TestARemovedMachine:
    """Nothing is due on a machine that is gone."""

    def test_its_maintenance_never_begins(self) -> None:
        w = world(terms=prices(1))
        window = MaintenanceWindow(period=Interval(second(DAY), second(2 * DAY)))
        w.do(c.ScheduleMaintenance(by=HOST, machine=M1, window=window))
        w.do(c.Unlist(by=HOST, machine=M1))
        assert w.names(c.RemoveMachine(by=HOST, machine=M1)) == ["MachineRemoved"]
        assert w.do(c.Tick(), 3 * DAY) == ()


class TestZeroBalanceStopsInstances:
    """Billing: "zero balance stops instances", however the balance came to zero."""

    def test_a_balance_that_flows_away(self) -> None:
        w = world(terms=prices(3_600))  # a dollar a second
        c1 = w.rent(1)
        events = w.do(c.Tick(), 5_000)
        assert events == (
            e.BalanceRanOut(at=second(1_000), account=ANN),
            e.InstanceStopped(at=second(1_000), contract=c1, why=e.StopReason.BALANCE),
        )
        assert w.balance() == Money(0)

    def test_traffic_that_takes_the_last_of_it(self) -> None:
        w = world(terms=prices(1, upload=1_000))
        c1 = w.rent(1)
        assert w.names(c.CountTraffic(contract=c1, sent=10**9)) == [
            "TrafficCounted",
            "BalanceRanOut",
            "InstanceStopped",
        ]
        assert w.balance() == Money(0)
        assert w.do(c.CountTraffic(contract=c1, sent=10**9))[1:] == ()  # it had run out already

    def test_prepaying_all_of_it(self) -> None:
        w = world(terms=prices(1))
        c1 = w.rent(1)
        names = w.names(c.Prepay(by=ANN, contract=c1, amount=Money(1_000)))
        assert names == ["ContractPrepaid", "BalanceRanOut", "InstanceStopped"]

    def test_what_the_last_second_of_a_deposit_lacks(self) -> None:
        w = world(terms=prices(3_600), max_discount=Fraction(0))
        w.list(prices(3_600), max_discount=Fraction(1, 2))
        c1 = w.rent(1)
        w.do(c.Prepay(by=ANN, contract=c1, amount=Money("999.9")))
        events = w.do(c.Tick(), 2_000_000)
        assert [type(each).__name__ for each in events] == [
            "DepositSpent",
            "BalanceRanOut",
            "InstanceStopped",
        ]
        assert len({each.at for each in events}) == 1

    def test_in_the_second_in_which_another_of_its_contracts_expires(self) -> None:
        w = world(terms=prices(1_800))
        w.rent(1, end=second(1_000))
        c2 = w.rent(1, 1)
        names = [(type(each).__name__, each.at) for each in w.do(c.Tick(), 1_500)]
        assert names == [
            ("InstanceExpired", second(1_000)),
            ("BalanceRanOut", second(1_000)),
            ("InstanceStopped", second(1_000)),
        ]
        assert w.state(c2) == "stopped"

    def test_it_is_said_once_also_after_a_replay(self) -> None:
        w = world(terms=prices(1, storage=2_592))
        c1 = w.rent(8, disk_mb=1_000_000)  # a dollar a second
        w.do(c.Stop(by=ANN, contract=c1))
        assert w.names(c.Tick(), 2_000) == ["BalanceRanOut"]
        again = replay(w.events)
        assert again == w.market
        assert decide(again, c.Tick(), second(9_000)) == ()
        assert decide(w.market, c.Tick(), second(9_000)) == ()

    def test_storage_goes_on_and_new_credit_lets_it_start_again(self) -> None:
        w = world(terms=prices(3_600, storage="2.592"))
        c1 = w.rent(1, disk_mb=100_000)  # a tenth of a millicent a second for each GB
        w.do(c.Tick(), 2_000)
        owed = w.balance()
        assert owed < Money(0)
        with pytest.raises(RuleViolation, match="a balance above zero"):
            w.do(c.Start(by=ANN, contract=c1))
        w.do(c.AddCredit(account=ANN, amount=Money(10)))
        assert w.names(c.Start(by=ANN, contract=c1)) == ["InstanceStarted", "InstanceResumed"]
        assert w.names(c.Tick(), 9_000) == ["BalanceRanOut", "InstanceStopped"]

    def test_the_gpus_go_to_who_waited_in_that_second(self) -> None:
        w = world(1, prices(3_600))
        w.rent(1)
        waits = w.rent(1, by=BOB, bid=1)
        events = w.do(c.Tick(), 2_000)
        assert events[-1] == e.InstanceResumed(at=second(1_000), contract=waits)

    def test_a_free_test_is_never_stopped_for_money(self) -> None:
        w = world()
        own = w.rent(1, by=HOST)
        w.do(c.Tick(), 10**8)
        assert w.state(own) == "running"
        assert w.balance(HOST) == Money(0)


class TestOnDemandIsNeverStopped:
    """G6: "on-demand rentals have the highest priority and stop interruptibles"."""

    def test_not_even_by_one_that_waited_before_it_came(self) -> None:
        w = world(4)
        waits = w.rent(4)
        w.do(c.Stop(by=ANN, contract=waits))
        first = w.rent(2, 0, by=BOB)
        w.do(c.Start(by=ANN, contract=waits))
        second_one = w.rent(2, 1, by=BOB)
        assert w.names(c.Destroy(by=BOB, contract=first)) == ["InstanceDestroyed"]
        assert (w.state(waits), w.state(second_one)) == ("scheduling", "running")
        assert w.names(c.Destroy(by=BOB, contract=second_one)) == [
            "InstanceDestroyed",
            "InstanceResumed",
        ]

    def test_who_waits_first_gets_them_first(self) -> None:
        w = world(1)
        waiting = []
        for _ in range(2):
            waiting.append(w.rent(1))
            w.do(c.Stop(by=ANN, contract=waiting[-1]))
        holds = w.rent(1, by=BOB)
        for each in reversed(waiting):  # the later rental starts first
            w.do(c.Start(by=ANN, contract=each))
        w.do(c.Destroy(by=BOB, contract=holds))
        assert [w.state(each) for each in waiting] == ["scheduling", "running"]


class TestPresentBidAgainstNewFloor:
    """G9, our reading: an interruptible compares "its own bid against the new floor"."""

    def test_a_floor_above_the_present_bid_is_asked_for(self) -> None:
        w = world(1, prices(1), end=second(DAY))
        c1 = w.rent(1, bid=5)
        w.do(c.ChangeBid(by=ANN, contract=c1, bid=PerHour("0.1")))
        events = w.list(prices(1, min_bid="0.2"), end=second(3 * DAY))
        asked = next(each for each in events if isinstance(each, e.PriceIncreaseAsked))
        assert [str(each) for each in asked.raised] == ["min_bid 0.10 → 0.20"]
        assert w.instance(c1).contract.end == second(DAY)

    def test_a_floor_under_the_present_bid_is_not(self) -> None:
        w = world(1, prices(1), end=second(DAY))
        c1 = w.rent(1, bid="0.1")
        w.do(c.ChangeBid(by=ANN, contract=c1, bid=PerHour(5)))
        w.list(prices(5, min_bid="0.2"), end=second(3 * DAY))
        assert w.instance(c1).contract.end == second(3 * DAY)

    def test_a_floor_that_nobody_had_to_accept_binds_no_later_bid(self) -> None:
        w = world(1, prices(4), end=second(DAY))
        c1 = w.rent(1, bid=4)
        w.list(prices(4, min_bid=2), end=second(3 * DAY))
        w.do(c.SetMinBid(by=HOST, machine=M1, floor=PerGpuHour(0)))
        w.do(c.ChangeBid(by=ANN, contract=c1, bid=PerHour(1)))
        w.do(c.Tick(), 2 * DAY)
        assert w.instance(c1).gpu_price(w.now) == PerHour(1)

    def test_an_accepted_floor_binds_until_a_lower_one_is_published(self) -> None:
        w = world(1, prices(4), end=second(DAY))
        c1 = w.rent(1, bid=1)
        w.list(prices(4, min_bid=3), end=second(3 * DAY))
        w.do(c.AcceptPriceIncrease(by=ANN, increase=w.market.last))
        w.list(prices(4, min_bid=2), end=second(5 * DAY))
        paid = []
        for day in (0, 2, 4):
            w.do(c.Tick(), day * DAY + 1)
            paid.append(w.instance(c1).gpu_price(w.now))
        assert paid == [PerHour(1), PerHour(3), PerHour(2)]
        changes = [each.at for each in w.events if isinstance(each, e.RatesChanged)]
        assert changes == [second(DAY), second(3 * DAY)]
        w.rent(1, by=BOB, bid="2.5")  # above what it pays now, under what it paid before
        assert w.state(c1) == "paused"

    def test_an_accepted_floor_above_the_highest_bid_ranks_as_the_highest(self) -> None:
        w = world(1, prices(50), end=second(DAY))
        c1 = w.rent(1, bid=1)
        w.list(prices(50, min_bid=40), end=second(3 * DAY))
        w.do(c.AcceptPriceIncrease(by=ANN, increase=w.market.last))
        w.do(c.Tick(), DAY)
        assert w.state(c1) == "paused"  # no bid reaches the host's floor
        w.do(c.SetMinBid(by=HOST, machine=M1, floor=PerGpuHour(0)))
        assert (w.state(c1), w.instance(c1).gpu_price(w.now)) == ("running", PerHour(40))


class TestTheEndOfTheCalendar:
    """No date a host can publish may stop the market."""

    def test_a_rolling_end_is_a_hundred_years_at_most(self) -> None:
        w = world()
        with pytest.raises(RuleViolation, match="rolling: need at most 36,525 days"):
            w.list(prices(), rolling=timedelta(days=36_526))
        assert w.list(prices(), rolling=timedelta(days=36_525))

    def test_a_rolling_end_lies_within_the_calendar(self) -> None:
        w = World()
        w.now = datetime(9999, 12, 30, tzinfo=UTC)
        w.add(1)
        before, days = w.market, timedelta(days=3)
        need = r"^listing\.rolling: need a date up to year 9999, got 9999-12-30"
        for command in (
            c.ListMachine(by=HOST, machine=M1, prices=prices(), rolling=days),
            c.Relist(by=HOST, machine=M1, gpu=PerGpuHour(1), rolling=days),
        ):
            with pytest.raises(RuleViolation, match=need):
                w.do(command)
        assert w.market is before

    def test_where_the_calendar_ends_a_rolling_listing_ends(self) -> None:
        w = World()
        w.now = datetime(9999, 12, 29, tzinfo=UTC)
        w.add(1)
        w.list(prices(), rolling=timedelta(days=2))
        w.now += timedelta(days=2)
        assert w.names(c.Tick()) == ["ListingEnded"]

    def test_the_last_day_has_no_next_roll(self) -> None:
        w = World()
        w.now = datetime(9999, 12, 31, 1, tzinfo=UTC)
        w.add(1)
        w.list(prices(), rolling=timedelta(hours=1))
        assert w.market.machine(M1).rolls_at is None

    def test_clean_up_on_the_last_day(self) -> None:
        w = World()
        w.now = datetime(9999, 12, 30, tzinfo=UTC)
        w.do(c.AddCredit(account=ANN, amount=Money(1_000)))
        w.add(1)
        w.list(prices(), end=datetime(9999, 12, 31, tzinfo=UTC))
        w.rent(1)
        w.now = datetime(9999, 12, 31, 5, tzinfo=UTC)
        assert w.names(c.CleanUp(by=HOST, machine=M1)) == ["InstanceExpired", "ListingEnded"]


class TestLargestNumbers:
    """No legal price or count may stop the market."""

    def test_the_dearest_machine_with_a_fee(self) -> None:
        w = world(8, prices(1_000_000, storage=1_000_000, fee=Fraction(99, 100)))
        c1 = w.rent(8, disk_mb=1_000_000)
        assert w.state(c1) == "running"
        assert w.names(c.Tick(), 1) == ["BalanceRanOut", "InstanceStopped"]

    def test_as_many_bytes_as_an_id_is_large(self) -> None:
        w = world(1, prices(1, upload=1_000_000, download=1_000_000))
        c1 = w.rent(1)
        events = w.do(c.CountTraffic(contract=c1, sent=2**63 - 1, received=2**63 - 1))
        assert [event_from_json(event_to_json(each)) for each in events] == list(events)
        with pytest.raises(RuleViolation, match=r"CountTraffic\.sent"):
            c.CountTraffic(contract=c1, sent=2**63)


class TestPrepay:
    """G8: "the discount grows with the rental time: 20 % at 1 month and 30 % at 3 months"."""

    @pytest.mark.parametrize(
        ("amount", "months", "discount"),
        [("576", Fraction(1), Fraction(1, 5)), ("1512", Fraction(3), Fraction(3, 10))],
    )
    def test_the_published_discounts(
        self, amount: str, months: Fraction, discount: Fraction
    ) -> None:
        w = world(1)
        w.do(c.AddCredit(account=ANN, amount=Money(9_000)))
        c1 = w.rent(1)
        w.do(c.Prepay(by=ANN, contract=c1, amount=Money(amount)))
        found = views.deposit_of(w.market, c1, w.now, archive=w.archive)
        assert (found.months, found.discount, found.left) == (months, discount, Money(amount))
        assert event_from_json(event_to_json(w.events[-1])) == w.events[-1]


class TestTopUp:
    """DOMAIN 4: "a top-up recomputes m from the *remaining* balance plus the new money"."""

    def test_the_remaining_balance_counts(self) -> None:
        w = world(1)
        w.do(c.AddCredit(account=ANN, amount=Money(9_000)))
        c1 = w.rent(1)
        for amount in ("576", "936"):  # together three months at 30 %
            w.do(c.Prepay(by=ANN, contract=c1, amount=Money(amount)))
        found = views.deposit_of(w.market, c1, w.now, archive=w.archive)
        assert (found.months, found.discount) == (Fraction(3), Fraction(3, 10))


class TestFee:
    """The platform's fee of a price is a price of its own, rounded once."""

    def test_each_price_has_its_own(self) -> None:
        w = world(1, prices("0.133333333333", storage="0.100000000001", fee=Fraction(1, 3)))
        c1 = w.rent(1, disk_mb=999_999)
        w.do(c.Destroy(by=ANN, contract=c1), 12_345)
        bill = views.statement_of(w.market, c1, Interval(START, second(12_345)), archive=w.archive)
        assert w.market.platform.at(w.now) == bill.fee
        assert w.balance(HOST) == bill.payout
        assert w.balance() == Money(1_000) - bill.billed

    def test_that_of_traffic_is_the_platforms_at_once(self) -> None:
        w = world(1, prices(0, upload="0.03", fee=Fraction(1, 3)))
        c1 = w.rent(1)
        w.do(c.CountTraffic(contract=c1, sent=10**9))
        assert w.market.platform.at(w.now) == Money("0.01")
        assert w.balance(HOST) == Money("0.02")
        assert w.balance() == Money("999.97")


class TestQuotes:
    """What a stay costs on each offer that can be rented so."""

    def test_bad_durations(self) -> None:
        w = world(end=second(DAY))
        with pytest.raises(RuleViolation, match="duration"):
            views.quotes(w.market, w.now, timedelta.max)
        with pytest.raises(WrongType, match="duration"):
            views.quotes(w.market, w.now, 7)  # type: ignore[arg-type]
        assert views.quotes(w.market, w.now, timedelta(days=999_999_999)) == ()

    def test_a_stay_until_the_end_fits_and_a_second_more_does_not(self) -> None:
        w = world(2, end=second(DAY))
        assert len(views.quotes(w.market, w.now, timedelta(days=1))) == 3
        assert views.quotes(w.market, w.now, timedelta(days=1, seconds=1)) == ()


class TestEarnings:
    """What each machine earned for its host."""

    def test_a_machine_that_changed_hands(self) -> None:
        w = world(1, prices(3_600))
        c1 = w.rent(1)
        w.do(c.Destroy(by=ANN, contract=c1), 10)
        w.do(c.Unlist(by=HOST, machine=M1))
        w.do(c.RemoveMachine(by=HOST, machine=M1))
        other = AccountId("other")
        w.add(1, host=other)
        w.list(prices(1_800))
        w.do(c.Destroy(by=ANN, contract=w.rent(1)), 20)
        period = Interval(START, second(100))
        found = [
            [
                (each.machine, each.total)
                for each in views.earnings(w.market, name, period, archive=w.archive)
            ]
            for name in (HOST, other)
        ]
        assert found == [[(1, Money(10))], [(1, Money(5))]]
        assert (w.balance(HOST), w.balance(other)) == (Money(10), Money(5))


class TestReplayTakesEvents:
    """DESIGN: "events replay to the same state"; what is none is refused."""

    @pytest.mark.parametrize("events", [5, None])
    def test_what_is_no_series_is_named(self, events: Any) -> None:
        with pytest.raises(WrongType, match="events: need events of a market, got"):
            replay(events)
