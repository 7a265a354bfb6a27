"""Balances: thresholds, the end of money, and what may be deleted afterwards (MARKET_PAGES b)."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest
from attrs import evolve

from market_world import ANN, BOB, HOST, START, World, prices, second, world
from numgenius_core.billing import DaysOfGrace
from numgenius_core.errors import RuleViolation, UnknownId, WrongType
from numgenius_core.ids import AccountId, MachineId
from numgenius_core.market import (
    Settings,
    commands as c,
    events as e,
    find_event,
    find_events,
    journal,
    views,
)
from numgenius_core.money import Money

DAY, HOUR, M1 = 86_400, 3_600, MachineId(1)


def a_world(credit: str | int = 20, **listed: Any) -> World:
    """Return a market in which ann has some dollars; a GPU costs $1/h, a GB $0.72 a month."""
    made = World()
    made.do(c.AddCredit(account=ANN, amount=Money(credit)))
    made.add(4)
    made.list(prices(storage="0.72"), **{"volume_mb": 500_000, **listed})
    return made


def thresholds(
    w: World, charge: int | None = None, notice: int | None = None
) -> tuple[e.Event, ...]:
    made = [None if each is None else Money(each) for each in (charge, notice)]
    return w.do(c.SetThresholds(by=ANN, charge=made[0], notice=made[1]))


class TestThresholds:
    """Charged when the balance drops to the threshold or below it; told at the other one."""

    def test_each_is_told_when_it_is_reached(self) -> None:
        w = a_world()
        thresholds(w, 5, 15)
        w.rent(1)
        events = w.do(c.Tick(), DAY)
        told = [(type(each).__name__, each.at) for each in events[:3]]
        assert told == [
            ("BalanceLow", second(5 * HOUR)),
            ("ChargeDue", second(15 * HOUR)),
            ("BalanceRanOut", second(20 * HOUR)),
        ]
        assert find_event(events, e.ChargeDue).threshold == Money(5)

    @pytest.mark.parametrize("kind", [e.BalanceLow, e.ChargeDue])
    def test_once_until_it_has_been_above(
        self, kind: type[e.BalanceLow] | type[e.ChargeDue]
    ) -> None:
        w = a_world()
        thresholds(w, **{"notice" if kind is e.BalanceLow else "charge": 15})
        w.rent(1)
        w.do(c.Tick(), 6 * HOUR)
        w.do(c.AddCredit(account=ANN, amount=Money("0.5")))
        assert not find_events(w.do(c.Tick(), 7 * HOUR), kind)
        w.do(c.AddCredit(account=ANN, amount=Money(10)))
        [again] = find_events(w.do(c.Tick(), 24 * HOUR), kind)
        assert again.at == second(int(15.5 * HOUR))

    def test_at_the_first_second_that_begins_so_low(self) -> None:
        w = a_world()
        w.list(prices(7))
        thresholds(w, notice=15)
        w.rent(1)
        low = find_event(w.do(c.Tick(), HOUR), e.BalanceLow)
        assert low.at == second(2_572)  # 5 / 7 of an hour are 2571.4 seconds

    def test_of_one_that_is_there_already_at_once(self) -> None:
        w = a_world()
        assert [type(each).__name__ for each in thresholds(w, 20, 21)] == [
            "ThresholdsSet",
            "ChargeDue",
            "BalanceLow",
        ]
        assert len(thresholds(w)) == 1

    def test_which_it_fell_to_before_it_was_asked_for_when_it_is(self) -> None:
        w = a_world()
        w.rent(1)
        w.do(c.Tick(), 10 * HOUR)
        assert find_event(thresholds(w, charge=15), e.ChargeDue).at == w.now

    def test_a_lump_that_takes_it_below(self) -> None:
        w = a_world()
        thresholds(w, charge=19)
        w.list(prices(upload=1))
        contract = w.rent(1, load=False)
        events = w.do(c.CountTraffic(contract=contract, sent=2 * 10**9))
        assert find_event(events, e.ChargeDue).at == START

    def test_nowhere_if_none_is_set(self) -> None:
        w = a_world()
        w.rent(1)
        assert not find_events(w.do(c.Tick(), DAY), e.ChargeDue)

    def test_a_notice_that_is_switched_off_is_kept_and_says_nothing(self) -> None:
        w, on = a_world(), c.SetThresholds(by=ANN, charge=Money(5), notice=Money(15))
        w.do(evolve(on, notice_enabled=False))
        assert w.market.account(ANN).notice == Money(15)
        assert journal.market_from_json(journal.market_to_json(w.market)) == w.market
        w.rent(1)
        told = w.names(c.Tick(), 16 * HOUR)
        assert told == ["ChargeDue"]  # the other threshold is not switched off
        told = w.names(on)  # of what is low already, at once, but not again of what was told
        assert told == ["ThresholdsSet", "BalanceLow"]

    def test_one_that_is_set_again_unchanged_is_not_told_again(self) -> None:
        w = a_world()
        assert len(thresholds(w, charge=20)) == 2
        assert [type(each) for each in thresholds(w, charge=20, notice=25)] == [
            e.ThresholdsSet,
            e.BalanceLow,
        ]
        for on in (False, True):
            whole = c.SetThresholds(by=ANN, charge=Money(20), notice=Money(25), notice_enabled=on)
            assert w.names(whole) == ["ThresholdsSet"]
        w.do(c.AddCredit(account=ANN, amount=Money(3)))  # 23: above the one, not the other
        w.rent(1)
        w.do(c.Tick(), 2 * HOUR)
        assert w.names(whole) == ["ThresholdsSet"]
        assert w.names(c.Tick(), 4 * HOUR) == ["ChargeDue"]
        assert w.names(whole) == ["ThresholdsSet"]

    @pytest.mark.parametrize("new", [19, 21])
    def test_one_that_changes_is_a_new_one(self, new: int) -> None:
        w = a_world(18)
        thresholds(w, charge=20, notice=20)
        told = [type(each) for each in thresholds(w, charge=new, notice=20)]
        assert told == [e.ThresholdsSet, e.ChargeDue]
        assert len(thresholds(w, notice=20)) == 1  # taken back, and asked for anew
        assert len(thresholds(w, charge=new, notice=20)) == 2

    def test_an_event_that_does_not_say_so_is_of_one_that_is_on(self) -> None:
        w = a_world()
        [event] = thresholds(w, notice=5)
        stored = json.loads(journal.event_to_json(event))
        del stored["notice_enabled"]
        assert journal.event_from_json(json.dumps(stored)) == event

    def test_zero_is_one(self) -> None:
        w = a_world(1)
        thresholds(w, notice=0)
        w.rent(1)
        assert find_event(w.do(c.Tick(), DAY), e.BalanceLow).at == second(HOUR)

    def test_below_zero_or_of_nobody_is_refused(self) -> None:
        w = a_world()
        with pytest.raises(RuleViolation, match="notice: need zero dollars or more, got -1"):
            thresholds(w, notice=-1)
        with pytest.raises(UnknownId):
            w.do(c.SetThresholds(by=BOB))

    def test_they_are_stored(self) -> None:
        w = a_world()
        thresholds(w, 5, 20)
        restored = journal.market_from_json(journal.market_to_json(w.market))
        assert restored == w.market
        assert restored.account(ANN).notice_told
        w.rent(1)
        assert journal.market_from_json(journal.market_to_json(w.market)).queue == w.market.queue


class TestSpendRate:
    """What leaves the balance: GPUs, disks of instances, volumes."""

    def test_each_part_of_it(self) -> None:
        w = a_world()
        w.rent(2, disk_mb=100_000)
        for size in (10_000, 20_000):
            offer = views.volume_offers(w.market, w.now)[0].id
            w.do(c.RentVolume(by=ANN, offer=offer, size_mb=size))
        rate = views.spend_rate(w.market, ANN)
        assert rate.gpu == Money(2)
        assert rate.container_storage == Money("0.1")
        assert rate.volume_storage == Money("0.03")
        assert rate.total == Money("2.13")
        assert rate.has_active_resources

    def test_promises_apart_from_the_gpus(self) -> None:
        w = a_world(100, sla_claim=Fraction(99, 100))
        made = [w.rent(1, place, target=Fraction(19, 20)) for place in range(2)]
        fees = [w.instance(each).contract.sla_fee_at(w.now).charge(HOUR) for each in made]
        rate = views.spend_rate(w.market, ANN)
        assert (rate.gpu, rate.sla) == (Money(2), Money.sum(fees))
        assert rate.sla > Money(0)

    def test_offline_nothing(self) -> None:
        w = a_world()
        w.rent(2, disk_mb=100_000)
        w.do(c.ReportOffline(machine=M1))
        rate = views.spend_rate(w.market, ANN)
        assert (rate.total, rate.has_active_resources) == (Money(0), True)

    def test_what_a_deposit_pays_is_not_in_it(self) -> None:
        w = a_world(100)
        contract = w.rent(1, disk_mb=100_000)
        w.do(c.Prepay(by=ANN, contract=contract, amount=Money(50)))
        rate = views.spend_rate(w.market, ANN)
        assert (rate.gpu, rate.container_storage) == (Money(0), Money("0.1"))

    def test_of_nothing_rented(self) -> None:
        assert views.spend_rate(a_world().market, ANN) == views.SpendRate()


def brute(w: World, name: AccountId, seconds: int) -> datetime | None:
    """Look at the clock every second until nothing is left."""
    now = w.now
    for _ in range(seconds + 1):
        market = views.until(w.market, now)
        if views.balance(market, name, now) <= Money(0):
            return now
        now += timedelta(seconds=1)
    return None


class TestTheEndOfMoney:
    """Known changes happen: contracts end, deposits are used up, bids resume, volumes stay."""

    def end(self, w: World, seconds: int = 900) -> views.Runway:
        found = views.runway(w.market, ANN, w.now, horizon=timedelta(seconds=seconds))
        assert found.ends_at == brute(w, ANN, seconds)
        return found

    def test_of_a_running_instance(self) -> None:
        w = a_world("0.1")
        contract = w.rent(1, disk_mb=100_000)
        found = self.end(w)
        assert (found.stops, found.instances, found.volumes) == ((contract,), (contract,), ())
        assert (found.account, found.balance, found.rate.gpu) == (ANN, Money("0.1"), Money(1))
        assert (found.rate_after.gpu, found.rate_after.total) == (Money(0), Money("0.1"))

    def test_that_ends_before(self) -> None:
        w = a_world("0.1")
        w.rent(1, end=second(100))
        assert self.end(w).ends_at is None

    def test_after_a_deposit(self) -> None:
        w = a_world("0.2")
        contract = w.rent(1)
        w.do(c.Prepay(by=ANN, contract=contract, amount=Money("0.1")))
        found = self.end(w)
        assert found.ends_at is not None
        assert found.ends_at > second(700)

    def test_of_a_bid_that_resumes_when_others_end(self) -> None:
        w = a_world("0.1")
        w.do(c.AddCredit(account=BOB, amount=Money(9)))
        bid = w.rent(4, bid="1")
        w.rent(4, by=BOB, end=second(300))
        assert w.state(bid) == "paused"
        assert self.end(w).ends_at == second(660)

    def test_also_when_their_money_does(self) -> None:
        w = a_world("0.1")
        w.do(c.AddCredit(account=BOB, amount=Money("0.2")))
        w.rent(4, bid="1")
        w.rent(4, by=BOB)
        assert self.end(w).ends_at == second(180 + 360)

    def test_of_their_money_elsewhere(self) -> None:
        w = a_world("0.1")
        w.do(c.AddCredit(account=BOB, amount=Money("0.2")))
        w.rent(4, bid="1")
        w.rent(4, by=BOB)
        w.add(4, machine=2)
        w.list(prices(), machine=2)
        w.rent(4, by=BOB, machine=2)
        assert self.end(w).ends_at == second(90 + 360)

    def test_of_their_money_elsewhere_while_one_rents_on_a_third_machine(self) -> None:
        w = a_world("0.1")
        w.do(c.AddCredit(account=BOB, amount=Money("0.2")))
        w.rent(4, bid="1")
        w.rent(4, by=BOB)
        for number in (2, 3):
            w.add(4, machine=number)
            w.list(prices(), machine=number)
        w.rent(4, by=BOB, machine=2)
        w.rent(1, bid="1", machine=3)
        assert self.end(w).ends_at == second(90 + 135)

    def test_what_happens_elsewhere_changes_nothing(self) -> None:
        w = a_world("0.1")
        w.rent(1)
        w.do(c.AddCredit(account=BOB, amount=Money("0.01")))
        w.add(1, machine=2, host=AccountId("other"))
        w.list(prices(), machine=2, end=second(60))
        w.rent(1, by=BOB, machine=2)
        assert self.end(w, 400).ends_at == second(360)

    def test_what_stopped_an_earlier_time_does_not_stop_again(self) -> None:
        w = a_world("0.3")
        w.do(c.SetSettings(settings=Settings(own_tests_billed=True)))
        w.do(c.AddCredit(account=HOST, amount=Money("0.01")))
        w.list(prices(storage="0.72", fee=Fraction(1, 4)), volume_mb=500_000)
        w.rent(4, bid="1")
        offer = views.volume_offers(w.market, w.now)[0].id
        w.do(c.RentVolume(by=HOST, offer=offer, size_mb=500_000))
        w.rent(4, by=HOST)  # until its money ends; then ann's bid runs until hers does
        assert len(views.runway(w.market, HOST, w.now).stops) == 1
        earning = second(600)
        assert views.balance(views.until(w.market, earning), HOST, earning) > Money(0)
        found = views.runway(w.market, HOST, earning)
        assert found.ends_at is not None
        assert found.ends_at > earning
        assert found.stops == ()

    def test_of_a_volume_alone_nothing_stops(self) -> None:
        w = a_world("0.01")
        offer = views.volume_offers(w.market, w.now)[0].id
        volume = find_event(
            w.do(c.RentVolume(by=ANN, offer=offer, size_mb=500_000)), e.VolumeRented
        ).contract.id
        found = self.end(w)
        assert (found.stops, found.volumes) == ((), (volume,))
        assert found.rate_after.volume_storage == Money("0.5")

    def test_a_rolling_listing_has_no_end(self) -> None:
        w = a_world(24 * 10, rolling=timedelta(days=3))
        w.rent(1)
        found = views.runway(w.market, ANN, w.now)
        assert found.ends_at == second(10 * DAY)
        assert found.looked_until == START + timedelta(days=366)

    def test_a_horizon_ends_the_look(self) -> None:
        w = a_world("0.1")
        w.rent(1)
        for horizon, ends in ((0, None), (359, None), (360, second(360))):
            found = views.runway(w.market, ANN, w.now, horizon=timedelta(seconds=horizon))
            assert (found.ends_at, found.looked_until) == (ends, second(horizon))

    def test_of_a_host_that_earns_elsewhere_what_its_test_costs(self) -> None:
        w = a_world(1_000)
        w.do(c.SetSettings(settings=Settings(own_tests_billed=True)))
        w.do(c.AddCredit(account=HOST, amount=Money("0.01")))
        w.add(4, machine=2)
        w.list(prices(fee=Fraction(1, 4)), machine=2)
        w.rent(4, by=HOST, machine=2)  # of $4 an hour it gets $3 back
        w.rent(1, end=second(100))  # and for a while another dollar
        found = views.runway(w.market, HOST, w.now, horizon=timedelta(seconds=900))
        assert found.ends_at == brute(w, HOST, 900) == second(136)

    def test_nothing_left_is_now(self) -> None:
        w = a_world(1)
        w.rent(1, disk_mb=1_000)
        w.do(c.Tick(), 2 * HOUR)
        found = views.runway(w.market, ANN, w.now)
        assert (found.ends_at, found.stops, len(found.instances)) == (w.now, (), 1)

    def test_of_a_market_as_it_was_a_while_ago(self) -> None:
        w = a_world(2)
        w.rent(1)
        assert views.runway(w.market, ANN, second(HOUR)).balance == Money(1)
        assert views.runway(w.market, ANN, second(9 * HOUR)).ends_at == second(9 * HOUR)

    def test_of_a_host_that_rents_nothing_with_all_that_it_earned_by_then(self) -> None:
        w = a_world(10)
        w.rent(4)  # $4 an hour, so for two hours and a half
        found = views.runway(w.market, HOST, second(100 * HOUR))
        assert (found.balance, found.ends_at) == (Money(10), None)
        assert found.looked_until == second(100 * HOUR) + timedelta(days=366)

    def test_of_a_host_whose_earnings_are_released_from_an_escrow(self) -> None:
        w = a_world(1_000, sla_claim=Fraction(99, 100))
        w.rent(4, target=Fraction(19, 20))
        at = second(100 * HOUR)
        earned = views.balance(views.until(w.market, at), HOST, at)
        assert earned > Money(0)
        found = views.runway(w.market, HOST, at)
        assert (found.balance, found.ends_at) == (earned, None)

    def test_bad_questions(self) -> None:
        w = a_world()
        with pytest.raises(UnknownId):
            views.runway(w.market, BOB, w.now)
        with pytest.raises(RuleViolation, match="at: need an instant from"):
            views.runway(w.market, ANN, START - timedelta(1))
        for horizon in (timedelta(-1), timedelta(microseconds=1)):
            with pytest.raises(RuleViolation, match="horizon: need whole seconds from zero on"):
                views.runway(w.market, ANN, w.now, horizon=horizon)
        with pytest.raises(RuleViolation, match="horizon"):
            views.runway(w.market, ANN, w.now, horizon=timedelta(days=3_000_000))
        with pytest.raises(WrongType):
            views.runway(w.market, ANN, w.now, horizon=5)  # type: ignore[arg-type]


class TestGrace:
    """Without a card, instances and volumes are deleted after a buffer: a permission."""

    def dry(self, days: int | str = 1) -> World:
        """Return ann's market once $24 a day have been used up, storage of $2.40 a day going on."""
        w = a_world(24)
        w.do(c.SetSettings(settings=Settings(grace=DaysOfGrace(days))))
        w.rent(1, disk_mb=100_000)
        offer = views.volume_offers(w.market, w.now)[0].id
        w.do(c.RentVolume(by=ANN, offer=offer, size_mb=10_000))
        w.do(c.Tick(), DAY)
        return w

    def test_refused_while_the_debt_is_within_it(self) -> None:
        w = self.dry()
        before = w.market
        with pytest.raises(RuleViolation, match="account: need an account with a debt above its"):
            w.do(c.DeleteUnpaid(account=ANN))
        assert w.market == before

    def test_above_it_all_goes(self) -> None:
        w = self.dry()
        events = w.do(c.DeleteUnpaid(account=ANN), 40 * DAY)
        assert [type(each).__name__ for each in events] == ["InstanceDestroyed", "VolumeDeleted"]
        assert w.market.account(ANN).instances == {}
        assert w.market.account(ANN).volumes == {}
        assert w.balance() < Money(0)

    def test_the_buffer_is_of_the_last_thirty_days(self) -> None:
        w = self.dry("0.9")
        w.do(c.Tick(), 3 * DAY)
        debt = -w.balance()
        with pytest.raises(RuleViolation) as refused:
            w.do(c.DeleteUnpaid(account=ANN))
        spent = Money(24) + debt
        assert refused.value.need.endswith(f"${spent.scaled(Fraction(9, 30))}")

    def test_since_the_first_of_them_began(self) -> None:
        w = a_world(24)
        w.rent(1, disk_mb=100_000)
        w.do(c.Tick(), 10 * HOUR)
        offer = views.volume_offers(w.market, w.now)[0].id
        w.do(c.RentVolume(by=ANN, offer=offer, size_mb=10_000))
        w.do(c.Tick(), 3 * DAY)
        with pytest.raises(RuleViolation) as refused:
            w.do(c.DeleteUnpaid(account=ANN))
        spent = Money(24) - w.balance()
        assert refused.value.need.endswith(f"${spent.scaled(Fraction(1, 3))}")
        assert refused.value.got == f"${-w.balance()}"

    def test_a_hosts_tests_stay_and_what_they_use(self) -> None:
        w = World()
        w.add(4)
        w.list(prices(storage="0.72", fee=Fraction(1, 4)), volume_mb=500_000)
        [offer] = views.volume_offers(w.market, w.now)
        w.do(c.AddCredit(account=HOST, amount=Money("0.01")))
        made = []
        for billed in (True, True, False):
            grace = DaysOfGrace(0)
            w.do(c.SetSettings(settings=Settings(own_tests_billed=billed, grace=grace)))
            w.do(c.RentVolume(by=HOST, offer=offer.id, size_mb=10_000))
            made.append(w.market.last)
        used, loose, free = made
        w.rent(1, by=HOST, volumes=[used])
        events = w.do(c.DeleteUnpaid(account=HOST), 30 * DAY)
        assert [each.volume for each in find_events(events, e.VolumeDeleted)] == [loose]
        assert set(w.market.account(HOST).volumes) == {used, free}
        assert len(w.market.account(HOST).instances) == 1

    def test_what_was_spent_before_is_not_in_it(self) -> None:
        w = self.dry(3_650)
        with pytest.raises(RuleViolation) as refused:
            w.do(c.DeleteUnpaid(account=ANN), 60 * DAY)
        daily = Money("0.11").scaled(24)  # storage alone
        assert refused.value.need.endswith(f"${daily.scaled(3_650)}")

    def test_the_half_day_before_the_thirty_is_not(self) -> None:
        w = self.dry(3_650)
        half_a_day = Money(24) - Money("1.11").scaled(12)  # what the thirty days began with
        with pytest.raises(RuleViolation) as refused:
            w.do(c.DeleteUnpaid(account=ANN), 30 * DAY + DAY // 2)
        w.do(c.Tick(), 30 * DAY + DAY // 2)
        spent = half_a_day - w.balance()
        assert refused.value.need.endswith(f"${spent.scaled(Fraction(3_650, 30))}")

    def test_credits_above_what_was_spent_are_no_spend_below_zero(self) -> None:
        """Seen: the buffer was refused for it, whatever the debt."""
        w = a_world(100, sla_claim=Fraction(99, 100))
        w.do(c.SetSettings(settings=Settings(grace=DaysOfGrace(1))))
        w.do(c.AddCredit(account=BOB, amount=Money(1)))
        contract = w.rent(1, disk_mb=100, target=Fraction(95, 100))
        w.do(c.ReportOffline(machine=M1), 1)
        w.do(c.Stop(by=ANN, contract=contract), DAY - 1)
        w.do(c.ReportOnline(machine=M1), DAY)  # when the first day is credited
        w.do(c.TransferCredit(by=ANN, to=BOB, amount=Money("99.72")))
        w.do(c.Tick(), 31 * DAY)
        assert Money("-0.1") < w.balance() < Money(0)  # of storage alone
        find_event(w.do(c.DeleteUnpaid(account=ANN)), e.InstanceDestroyed)

    def test_without_grace_any_debt_will_do(self) -> None:
        w = self.dry(0)
        assert len(w.do(c.DeleteUnpaid(account=ANN))) == 2

    def test_who_owes_nothing_is_safe(self) -> None:
        w = world()
        w.do(c.SetSettings(settings=Settings(grace=DaysOfGrace(0))))
        for name in (ANN, HOST):
            with pytest.raises(RuleViolation):
                w.do(c.DeleteUnpaid(account=name))

    def test_gpus_that_it_frees_go_to_bids(self) -> None:
        w = self.dry(0)
        w.do(c.AddCredit(account=BOB, amount=Money(9)))
        assert w.names(c.DeleteUnpaid(account=ANN)) == ["InstanceDestroyed", "VolumeDeleted"]

    def test_a_schedule_is_stored_with_the_settings(self) -> None:
        w = self.dry("2.5")
        assert journal.market_from_json(journal.market_to_json(w.market)) == w.market
        with pytest.raises(WrongType):
            Settings(grace=5)  # type: ignore[arg-type]
        with pytest.raises(RuleViolation, match="days from 0 to 3,650, got 3651"):
            DaysOfGrace(3_651)
