"""Promises of uptime in a market: sold, billed through outages, settled at midnight, paid out."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest
from attrs import evolve

from market_world import ANN, BOB, HOST, World, prices, second, world
from numgenius_core.billing import LineKind, Settled, statement
from numgenius_core.contracts import NotExtended, Unchanged
from numgenius_core.errors import NotAllowed, NumgeniusError, RuleViolation, UnknownId, WrongType
from numgenius_core.ids import ContractId, MachineId
from numgenius_core.intervals import Interval
from numgenius_core.listing import Mode, PriceTerms
from numgenius_core.maintenance import MaintenanceWindow
from numgenius_core.market import (
    Settings,
    commands as c,
    events as e,
    execute,
    find_events,
    journal,
    replay,
    views,
)
from numgenius_core.money import Money
from numgenius_core.prices import quote
from numgenius_core.rates import PerGbMonth, PerGpuHour, PerHour
from numgenius_core.sla import OUR_RULES, Promise, SlaTerms, StopLossFee, cover, settle
from numgenius_core.testing import RULES, books_of

HOUR, DAY, M1 = 3_600, 86_400, MachineId(1)
CLAIM, TARGET = Fraction(99, 100), Fraction(19, 20)


def promising(gpus: int = 1, terms: PriceTerms | None = None, **listed: Any) -> World:
    """Return a market with a machine whose host claims 0.99."""
    return world(gpus, terms or prices("3.50", fee=Fraction(1, 4)), sla_claim=CLAIM, **listed)


def relisting(**terms: Any) -> c.Relist:
    """Return a relisting with a later end and the terms that there were, but for some."""
    kept = {
        "gpu": PerGpuHour("3.50"),
        "storage": PerGbMonth(0),
        "platform_fee": Fraction(1, 4),
        "end": second(9 * DAY),
    }
    return c.Relist(by=HOST, machine=M1, **{**kept, **terms})


def settled(w: World) -> tuple[e.PromiseSettled, ...]:
    return find_events(w.events, e.PromiseSettled)


def kept(w: World) -> None:
    """Hold a world to the laws of a market."""
    w.do(c.Tick(), int((w.now - second(0)).total_seconds()) + 1)
    for law in RULES["market"].laws:
        assert law.check(RULES["market"].ours, w.steps) is None, law.name
    text = journal.market_to_json(w.market)
    assert journal.market_from_json(text) == w.market


class TestRenting:
    """What a promise costs, and who gets one."""

    def test_the_published_anchor(self) -> None:
        """GPU $3.50/h, claim .99, spread .5, target .95: about $0.04/h."""
        w = promising()
        number = w.rent(1, target=TARGET)
        contract = w.instance(number).contract
        assert contract.sla is not None
        assert (contract.sla.promise, contract.sla.target) == (Promise(CLAIM), TARGET)
        fee = contract.sla_fee_at(w.now)
        assert f"{fee:.2f}" == "0.04"
        assert w.instance(number).price(w.now) == PerHour("3.50") + fee
        rate = views.spend_rate(w.market, ANN)
        assert rate.sla == fee.charge(HOUR)
        assert rate.total == rate.gpu + rate.sla

    def test_it_costs_what_its_quote_says(self) -> None:
        w = promising(4, prices("3.50", storage="0.15", fee=Fraction(1, 4)))
        (offer, *_) = views.offers(w.market, w.now)
        told = quote(offer, timedelta(days=1), disk=10, target=TARGET)
        number = w.rent(1, target=TARGET, disk_mb=10_000)
        w.do(c.Tick(), DAY)
        period = Interval(second(0), second(DAY))
        bill = statement(w.instance(number).history, period)
        assert bill.billed == told.total

    def test_at_the_price_that_it_was_told_or_not_at_all(self) -> None:
        w = promising()
        before, terms = w.market, SlaTerms(Promise(CLAIM), TARGET)
        fee = cover(terms, PerHour("3.50")).fee
        with pytest.raises(RuleViolation, match="sla_fee: need what the promise costs now"):
            w.rent(1, target=TARGET, sla_fee=PerHour("0.03"))
        assert w.market is before
        number = w.rent(1, target=TARGET, sla_fee=fee)
        assert w.instance(number).promise is not None

    def test_the_price_that_it_was_told_is_that_of_a_quote_or_a_frame(self) -> None:
        w = promising()
        (offer,) = views.offers(w.market, w.now)
        line = quote(offer, timedelta(hours=1), target=TARGET).lines[-1]
        told = str(line.amount)
        exact = cover(SlaTerms(Promise(CLAIM), TARGET), PerHour("3.50")).fee
        assert str(exact) != told == "0.040420898"
        for other in ("0.040420897", "0.040420899", "0.0404208984", "0.04042089844"):
            with pytest.raises(RuleViolation) as caught:
                w.rent(1, target=TARGET, sla_fee=PerHour(other))
        assert caught.value.need == f"what the promise costs now, {told} $/hour"
        assert w.rent(1, target=TARGET, sla_fee=PerHour(told))

    @pytest.mark.parametrize(
        ("listed", "rented", "place"),
        [
            ({"sla_claim": Fraction(9, 10)}, {}, "target"),
            ({"sla_claim": 0}, {}, "target"),
            ({}, {"bid": 4}, "on-demand"),
            ({}, {"by": HOST}, "target"),
        ],
    )
    def test_what_gets_no_promise(
        self, listed: dict[str, Any], rented: dict[str, Any], place: str
    ) -> None:
        w = world(1, prices("3.50"), **{"sla_claim": CLAIM, **listed})
        w.do(c.AddCredit(account=HOST, amount=Money(10)))
        with pytest.raises(NumgeniusError) as caught:
            w.rent(1, target=TARGET, **rented)
        assert place in str(caught.value)
        assert not w.market.homes

    def test_a_market_that_sells_none(self) -> None:
        w = promising()
        first = w.rent(1, target=TARGET)
        w.do(c.SetSettings(settings=Settings(sla_offered=False)))
        with pytest.raises(NotAllowed, match="sla_offered"):
            w.list(prices("3.50"), sla_claim=CLAIM)
        with pytest.raises(NotAllowed, match="sla_offered"):
            w.do(c.Relist(by=HOST, machine=M1, sla_claim=CLAIM))
        w.do(c.Relist(by=HOST, machine=M1, gpu=PerGpuHour(4)))
        w.do(c.Tick(), 2 * DAY)  # the one that has a promise keeps it
        assert len(settled(w)) == 2
        w.do(c.Destroy(by=ANN, contract=first))
        with pytest.raises(NotAllowed, match="sla_offered"):
            w.rent(1, target=TARGET)

    def test_a_billed_test_of_ones_own_machine_has_one(self) -> None:
        w = promising()
        w.do(c.SetSettings(settings=Settings(own_tests_billed=True)))
        w.do(c.AddCredit(account=HOST, amount=Money(10)))
        assert w.instance(w.rent(1, by=HOST, target=TARGET)).promise is not None

    def test_prepaying_is_refused(self) -> None:
        w = promising()
        number = w.rent(1, target=TARGET)
        with pytest.raises(RuleViolation) as refusal:
            w.do(c.Prepay(by=ANN, contract=number, amount=Money(10)))
        need = "contract: need one without a promise of uptime, got one with a promise"
        assert str(refusal.value) == need


class TestListing:
    """Claim and spread of a listing; what is left out stays."""

    def test_a_spread_of_one_half_unless_said(self) -> None:
        w = promising()
        assert w.market.machine(M1).listing.promise == Promise(CLAIM, "0.5")  # type: ignore[union-attr]

    def test_relisting_keeps_what_it_leaves_out(self) -> None:
        w = promising(sla_spread=Fraction(1))
        w.do(c.Relist(by=HOST, machine=M1, gpu=PerGpuHour(3)))
        w.do(c.Relist(by=HOST, machine=M1, sla_claim=Fraction(98, 100)))
        listing = w.market.machine(M1).listing
        assert listing is not None
        assert listing.promise == Promise("0.98", 1)
        w.do(c.Relist(by=HOST, machine=M1, sla_claim=0, sla_spread=Fraction(2)))
        assert w.market.machine(M1).listing.promise is None  # type: ignore[union-attr]

    def test_a_spread_is_kept_through_a_claim_of_none(self) -> None:
        """Agreement: left out of "an existing one keeps what is stored"."""
        w = promising(sla_spread=Fraction(1, 5), sla_max_beta=Fraction(1, 4))
        for claim in (0, CLAIM, 0):
            w.do(c.Relist(by=HOST, machine=M1, sla_claim=claim))
        again = c.Relist(by=HOST, machine=M1, sla_claim=Fraction(98, 100))
        seen = {each.name: each for each in views.preview(w.market, again, w.now).terms}
        assert seen["sla_spread"].origin is views.TermOrigin.KEPT
        assert seen["sla_spread"].old == seen["sla_spread"].new == Fraction(1, 5)
        stored = journal.market_from_json(journal.market_to_json(w.market))
        for market in (w.market, stored):
            after, _ = execute(market, again, w.now)
            kept = Promise("0.98", Fraction(1, 5), max_beta=Fraction(1, 4))
            assert after.machine(M1).listing.promise == kept  # type: ignore[union-attr]
        w.do(c.Unlist(by=HOST, machine=M1))
        new = c.Relist(by=HOST, machine=M1, gpu=PerGpuHour(3))  # without a claim at first
        for each in (new, c.Relist(by=HOST, machine=M1, sla_claim=CLAIM)):
            w.do(each)
        assert w.market.machine(M1).listing.promise == Promise(CLAIM, "0.5")  # type: ignore[union-attr]

    def test_a_preview_shows_the_spread_that_is_kept(self) -> None:
        """Without a claim it is stored, and back with the next one: it never goes to none."""
        w = promising(sla_spread=Fraction(1, 5))

        def spread(**sent: Any) -> tuple[Any, Any, str]:
            told = views.preview(w.market, c.Relist(by=HOST, machine=M1, **sent), w.now)
            (term,) = (each for each in told.terms if each.name == "sla_spread")
            return term.old, term.new, term.origin.value

        kept = (Fraction(1, 5), Fraction(1, 5), "kept")
        assert spread(sla_claim=0) == kept
        assert spread(sla_claim=0, sla_spread=2) == kept  # with no claim it says nothing
        assert spread(sla_spread=2) == (Fraction(1, 5), 2, "sent")
        w.do(c.Relist(by=HOST, machine=M1, sla_claim=0, sla_spread=2))
        assert spread(gpu=PerGpuHour(3)) == spread(sla_claim=CLAIM) == kept
        assert spread(sla_claim=CLAIM, sla_spread=2) == (Fraction(1, 5), 2, "sent")
        w.do(c.Unlist(by=HOST, machine=M1))
        anew = {"gpu": PerGpuHour(3)}
        assert spread(**anew) == spread(**anew, sla_spread=2) == (None, None, "default")
        assert spread(**anew, sla_claim=CLAIM) == (None, Fraction(1, 2), "default")
        assert spread(**anew, sla_claim=CLAIM, sla_spread=2) == (None, 2, "sent")

    def test_listing_it_again_keeps_the_spread_too(self) -> None:
        w = promising(sla_spread=Fraction(1))
        w.list(prices("3.50"), sla_claim=CLAIM)
        assert w.market.machine(M1).listing.promise == Promise(CLAIM, 1)  # type: ignore[union-attr]

    def test_the_cap_of_support_is_kept(self) -> None:
        w = promising(sla_max_beta=Fraction(1, 5))
        w.do(c.Relist(by=HOST, machine=M1, gpu=PerGpuHour(3)))
        assert w.market.machine(M1).listing.promise.max_beta == Fraction(1, 5)  # type: ignore[union-attr]

    @pytest.mark.parametrize(
        "terms",
        [
            {"sla_claim": 1},
            {"sla_claim": "-0.1"},
            {"sla_claim": CLAIM, "sla_spread": 0},
            {"sla_claim": CLAIM, "sla_spread": "3.1"},
            {"sla_claim": CLAIM, "sla_max_beta": 0},
            {"sla_claim": 0.99},
        ],
    )
    def test_what_no_host_can_claim(self, terms: dict[str, Any]) -> None:
        with pytest.raises(NumgeniusError, match="sla_"):
            c.ListMachine(by=HOST, machine=M1, prices=prices(), **terms)

    def test_a_relisting_to_zero_ends_it_for_new_rentals_alone(self) -> None:
        w = promising(2)
        first = w.rent(1, target=TARGET)
        w.do(c.Relist(by=HOST, machine=M1, sla_claim=0))
        assert w.instance(first).promise is not None
        with pytest.raises(RuleViolation, match="target"):
            w.rent(1, 1, target=TARGET)


class TestAnOutage:
    """It is billed on, and what was missed comes back at midnight."""

    def test_billed_on_and_a_credit(self) -> None:
        w = promising()
        number = w.rent(1, target=TARGET)
        w.do(c.ReportOffline(machine=M1), 12 * HOUR)
        before = w.balance()
        w.do(c.ReportOnline(machine=M1), 17 * HOUR)
        fee = w.instance(number).contract.sla_fee_at(w.now)
        assert before - w.balance() == (PerHour("3.50") + fee).charge(5 * HOUR)
        assert w.balance(HOST) == Money(0)  # in escrow
        w.do(c.Tick(), DAY)
        (event,) = settled(w)
        assert event.at == second(DAY)
        assert event.day.uptime == Fraction(791_666_667, 10**9)
        assert f"{event.day.credit:.2f}" == "80.85"
        paid = (PerHour("3.50") + fee).charge(DAY)
        assert w.balance() == Money(1_000) - paid + event.day.credit
        assert event.day.from_platform == event.day.credit - Money(63)
        kept(w)

    def test_both_sides_see_the_same(self) -> None:
        w = promising()
        number = w.rent(1, target=TARGET)
        w.do(c.ReportOffline(machine=M1), 12 * HOUR)
        w.do(c.ReportOnline(machine=M1), 17 * HOUR)
        w.do(c.Tick(), 3 * DAY)
        seen = views.promise_of(w.market, number, second(3 * DAY + HOUR))
        assert [each.day for each in seen.days] == [second(day * DAY) for day in range(3)]
        assert seen.today is not None
        assert seen.today.intended == HOUR
        assert seen.earned == views.balance(w.market, HOST, second(3 * DAY + HOUR))
        lines = statement(w.instance(number).history, Interval(second(0), second(4 * DAY))).lines
        back = [line for line in lines if line.kind is LineKind.SERVICE_CREDIT]
        assert Money.sum(-line.amount for line in back) == seen.credits
        (earned,) = views.earnings(w.market, HOST, Interval(second(0), second(3 * DAY + 1)))
        assert (earned.gpu, earned.sla) == (Money(0), seen.earned)
        assert earned.total == earned.sla

    def test_what_a_midnight_releases_is_earned_in_the_day_that_begins_there(self) -> None:
        """A payout then has it: two days of one contract with a promise, and of one without."""
        w = promising(2)
        w.do(c.AddCredit(account=ANN, amount=Money(1_000)))
        w.rent(1, target=TARGET)
        w.rent(1, 1)
        midnight = 2 * DAY  # 2026-01-03
        w.do(c.Tick(), midnight)

        def earned(end: int) -> views.Earnings:
            (found,) = views.earnings(w.market, HOST, Interval(second(0), second(end)))
            return found

        before, with_release = earned(midnight), earned(midnight + 1)
        assert before.gpu == Money(126)  # three quarters of 2 days at $84
        assert with_release.sla > before.sla
        assert w.balance(HOST) == before.gpu + with_release.sla
        assert with_release.gpu > before.gpu  # of a second that the balance does not have yet

    def test_a_month_of_silence_is_thirty_midnights(self) -> None:
        w = promising()
        w.rent(1, target=TARGET)
        w.do(c.ReportOffline(machine=M1), 12 * HOUR)
        w.do(c.ReportOnline(machine=M1), 3 * DAY + HOUR)
        w.do(c.AddCredit(account=ANN, amount=Money(10_000)))
        silent, often = w.market, w.market
        for hour in range(3 * 24 + 2, 30 * 24 + 1):
            often, _ = execute(often, c.Tick(), second(hour * HOUR))
        silent, events = execute(silent, c.Tick(), second(30 * DAY))
        assert silent == often
        assert len(find_events(events, e.PromiseSettled)) == 27

    def test_announced_maintenance_is_forgiven_in_part(self) -> None:
        window = MaintenanceWindow(period=Interval(second(DAY + HOUR), second(DAY + 7 * HOUR)))

        def told(*commands: tuple[c.Command, int]) -> World:
            w = promising()
            w.rent(1, target=TARGET)
            for command, at in commands:
                w.do(command, at)
            w.do(c.ReportOffline(machine=M1), DAY + 2 * HOUR)
            w.do(c.ReportOnline(machine=M1), DAY + 6 * HOUR)
            w.do(c.Tick(), 2 * DAY)
            kept(w)
            return w

        schedule = c.ScheduleMaintenance(by=HOST, machine=M1, window=window)
        cancel = c.CancelMaintenance(by=HOST, machine=M1)
        untold, early = told(), told((schedule, 0))
        late = told((schedule, 0), (cancel, 20 * HOUR), (schedule, DAY))
        ups = [settled(w)[1].day.uptime or 0 for w in (untold, late, early)]
        assert ups == sorted(ups)
        assert len(set(ups)) == 3
        assert settled(early)[1].day.uptime < 1  # type: ignore[operator]

    def test_a_window_that_is_cancelled_forgives_until_then(self) -> None:
        w = promising()
        w.rent(1, target=TARGET)
        window = MaintenanceWindow(period=Interval(second(DAY), second(DAY + 6 * HOUR)))
        w.do(c.ScheduleMaintenance(by=HOST, machine=M1, window=window))
        w.do(c.ReportOffline(machine=M1), DAY)
        w.do(c.CancelMaintenance(by=HOST, machine=M1), DAY + 2 * HOUR)
        w.do(c.ReportOnline(machine=M1), DAY + 4 * HOUR)
        w.do(c.Tick(), 2 * DAY)
        share = OUR_RULES.notice.share_parts(DAY, 6 * HOUR)
        down = 4 * HOUR - Fraction(2 * HOUR * share, 10**9)
        assert settled(w)[1].day.uptime == pytest.approx(1 - down / DAY, abs=1e-9)
        outages = views.uptime_history(w.market, M1, w.now).outages
        assert [(each.period.seconds, each.announced) for each in outages] == [
            (2 * HOUR, second(0)),
            (2 * HOUR, None),
        ]
        kept(w)

    def test_cancelling_is_no_outage_and_leaves_no_notice(self) -> None:
        w = promising()
        for day in (1, 2):
            window = MaintenanceWindow(period=Interval(second(day * DAY), second(day * DAY + HOUR)))
            w.do(c.ScheduleMaintenance(by=HOST, machine=M1, window=window))
        first, later = w.market.machine(M1).schedule.windows
        w.do(c.CancelMaintenance(by=HOST, machine=M1, window=first.id), HOUR)
        assert dict(w.market.machine(M1).notices) == {later.id: second(0)}
        assert views.uptime_history(w.market, M1, second(3 * HOUR)).outages == ()

    def test_one_window_is_one_though_its_hours_are_counted_apart(self) -> None:
        """Of a window that lasts from noon to six; what is counted at three is the same window."""
        window = MaintenanceWindow(period=Interval(second(DAY), second(DAY + 6 * HOUR)))
        later = MaintenanceWindow(period=Interval(second(3 * DAY), second(3 * DAY + HOUR)))
        found = []
        for looked in (False, True):
            w = promising()
            number = w.rent(1, target=TARGET)
            for each in (window, later):
                w.do(c.ScheduleMaintenance(by=HOST, machine=M1, window=each))
            w.do(c.ReportOffline(machine=M1), DAY)
            if looked:  # at a stop nobody sees, and at a window that is taken back
                number_of_later = w.market.machine(M1).schedule.windows[1].id
                cancel = c.CancelMaintenance(by=HOST, machine=M1, window=number_of_later)
                w.do(cancel, DAY + 3 * HOUR)
            w.do(c.ReportOnline(machine=M1), DAY + 7 * HOUR)
            w.do(c.Tick(), 2 * DAY)
            promise = views.promise_of(w.market, number, w.now)
            found.append(promise.days[1])
            kept(w)
        assert found[0] == found[1]

    def test_a_window_and_what_outlasts_it(self) -> None:
        w = promising()
        number = w.rent(1, target=TARGET)
        window = MaintenanceWindow(period=Interval(second(DAY), second(DAY + 2 * HOUR)))
        w.do(c.ScheduleMaintenance(by=HOST, machine=M1, window=window))
        w.do(c.ReportOffline(machine=M1), DAY - HOUR)
        w.do(c.Tick(), DAY + 3 * HOUR)
        history = views.uptime_history(w.market, M1, w.now)  # it is down still
        assert [each.period.seconds for each in history.outages] == [HOUR, 2 * HOUR, HOUR]
        assert [each.announced is None for each in history.outages] == [True, False, True]
        forgiven = Fraction(OUR_RULES.notice.share_parts(DAY, 2 * HOUR), 10**9)
        today = views.promise_of(w.market, number, w.now).today
        assert today is not None
        up = forgiven * 2 / 3  # of three hours so far, two were announced
        assert today.uptime == pytest.approx(float(up), abs=1e-9)

    def test_who_stopped_it_was_not_to_be_up(self) -> None:
        w = promising(1, prices("3.50", storage="0.15", fee=Fraction(1, 4)))
        number = w.rent(1, target=TARGET, disk_mb=100_000)
        w.do(c.Stop(by=ANN, contract=number), 6 * HOUR)
        w.do(c.ReportOffline(machine=M1), 8 * HOUR)
        w.do(c.ReportOnline(machine=M1), 10 * HOUR)
        w.do(c.Tick(), 2 * DAY)
        first, idle = (each.day for each in settled(w))
        assert (first.intended, first.uptime) == (6 * HOUR, Fraction(1))
        assert (idle.intended, idle.uptime, idle.credit) == (0, None, Money(0))
        assert idle.compute == w.instance(number).flow.balance * DAY  # its disk, covered too
        kept(w)

    def test_traffic_is_covered(self) -> None:
        w = promising(1, prices("3.50", upload="0.01", fee=Fraction(1, 4)))
        number = w.rent(1, target=TARGET)
        w.do(c.CountTraffic(contract=number, sent=10**9, received=0), HOUR)
        w.do(c.ReportOffline(machine=M1), 2 * HOUR)
        w.do(c.Tick(), DAY)
        (event,) = settled(w)
        assert event.day.compute == Money("84.01")
        assert event.day.credit == Money("84.01")
        kept(w)

    def test_a_failing_slice_harms_its_own_contracts_only(self) -> None:
        w = promising(2)
        w.add(2, machine=2)
        w.list(prices("3.50", fee=Fraction(1, 4)), machine=2, sla_claim=CLAIM)
        here, there = w.rent(1, target=TARGET), w.rent(1, machine=2, by=BOB, target=TARGET)
        without = w.rent(1, 1)
        w.do(c.ReportOffline(machine=M1), HOUR)
        w.do(c.Tick(), DAY)
        back = {each.contract: each.day.credit for each in settled(w)}
        assert back == {here: Money(84), there: Money(0)}
        bill = statement(w.instance(without).history, Interval(second(0), second(DAY)))
        assert bill.billed == PerHour("3.50").charge(HOUR)  # offline costs nothing without one

    def test_it_is_the_settlement_of_its_history(self) -> None:
        """Worked out day by day as time passed, and all at once from what happened."""
        w = promising()
        w.do(c.AddCredit(account=ANN, amount=Money(5_000)))
        window = MaintenanceWindow(period=Interval(second(3 * DAY - HOUR), second(3 * DAY + HOUR)))
        w.do(c.ScheduleMaintenance(by=HOST, machine=M1, window=window))
        number = w.rent(1, target=TARGET, at=5 * HOUR)
        for begin, end in ((7, 9), (47, 51), (70, 76), (100, 101)):
            w.do(c.ReportOffline(machine=M1), begin * HOUR)
            w.do(c.ReportOnline(machine=M1), end * HOUR + 7)
        w.do(c.Destroy(by=ANN, contract=number), 12 * DAY + 5)
        history = views.uptime_history(w.market, M1, w.now, contract=number, archive=w.archive)
        contract = w.instance(number).contract
        assert contract.sla is not None
        whole = settle(cover(contract.sla, PerHour("3.50"), platform_fee=Fraction(1, 4)), history)
        seen = views.promise_of(w.market, number, w.now, archive=w.archive)
        assert seen.days == whole.days
        assert sum(bool(each.credit) for each in seen.days) > 2
        kept(w)


class TestTheEnd:
    """Everything that is in the escrow goes where it belongs, at that very instant."""

    def ended(self, at: int, command: str) -> World:
        end = second(at) if command == "end" else None
        w = promising(1, end=end)
        number = w.rent(1, target=TARGET)
        if command == "destroy":
            w.do(c.Destroy(by=ANN, contract=number), at)
        else:
            w.do(c.Tick(), at)
        return w

    @pytest.mark.parametrize("command", ["destroy", "end"])
    @pytest.mark.parametrize("at", [10 * HOUR, DAY, DAY + 10 * HOUR])
    def test_is_the_last_settlement(self, at: int, command: str) -> None:
        w = self.ended(at, command)
        last = settled(w)[-1]
        assert (last.at, last.closes) == (second(at), True)
        assert not last.left.held
        instance = w.instance(ContractId(settled(w)[0].contract))
        assert instance.promise is None
        fee = instance.contract.sla_fee_at(second(0))
        released = Money.sum(each.day.escrow_to_host for each in settled(w))
        bill = statement(instance.history, Interval(second(0), second(at)))
        assert released == bill.payout == w.balance(HOST)
        assert fee.charge(at) < released
        kept(w)

    def test_at_a_midnight_closes_the_day_that_ends_there(self) -> None:
        """It is settled once, by the last settlement, and no empty day comes after it."""
        w = self.ended(DAY, "end")
        (event,) = settled(w)
        assert (event.closes, event.day.day, event.day.intended) == (True, second(0), DAY)

    def test_a_disk_that_is_left_is_paid_at_once(self) -> None:
        terms = prices("3.50", storage="0.15", fee=Fraction(1, 4))
        w = promising(1, terms, end=second(DAY))
        number = w.rent(1, target=TARGET, disk_mb=100_000)
        w.do(c.Tick(), 2 * DAY)
        assert w.state(number) == "expired"
        period = Interval(second(0), second(2 * DAY))
        (earned,) = views.earnings(w.market, HOST, period, archive=w.archive)
        assert earned.total == w.balance(HOST)
        assert earned.storage
        assert earned.sla > earned.storage
        kept(w)

    def test_a_balance_that_runs_out_closes_nothing(self) -> None:
        w = promising()
        w.do(c.AddCredit(account=BOB, amount=Money(1)))
        w.do(c.TransferCredit(by=ANN, to=BOB, amount=Money(990)))
        number = w.rent(1, target=TARGET)
        w.do(c.Tick(), 30 * DAY)
        assert w.state(number) == "stopped"
        instance = w.instance(number)
        assert instance.promise is not None
        assert not instance.promise.ledger.at(w.now)
        assert len(settled(w)) < 10  # days on which nothing is left to settle are none
        w.do(c.AddCredit(account=ANN, amount=Money(50)))
        w.do(c.Start(by=ANN, contract=number))
        w.do(c.Tick(), 31 * DAY)
        assert settled(w)[-1].day.day == second(30 * DAY)
        kept(w)

    def test_a_free_disk_that_never_ran_settles_nothing(self) -> None:
        w = promising()
        number = w.rent(1, target=TARGET, load=False)
        w.do(c.Destroy(by=ANN, contract=number), 3 * DAY)
        (event,) = settled(w)
        assert event.closes
        assert (event.day.day, event.day.intended) == (second(3 * DAY), 0)
        kept(w)


class TestExtending:
    """Terms stay; a fee that would rise, or a claim below the target, skips this time."""

    def extended(self, **terms: Any) -> tuple[World, ContractId, list[Unchanged]]:
        w = promising(1, end=second(2 * DAY))
        number = w.rent(1, target=TARGET)
        command = relisting(**terms)
        told = views.preview(w.market, command, w.now)
        w.do(command)
        skipped = [each for each in told.verdicts if isinstance(each, Unchanged)]
        assert bool(skipped) == (w.instance(number).contract.end == second(2 * DAY))
        return w, number, skipped

    @pytest.mark.parametrize(
        ("terms", "why"),
        [
            ({"sla_claim": Fraction(9, 10)}, NotExtended.SLA_CLAIM_BELOW_TARGET),
            ({"sla_claim": 0}, NotExtended.SLA_CLAIM_BELOW_TARGET),
            ({"sla_claim": Fraction(98, 100)}, NotExtended.SLA_FEE_RISES),
            ({"sla_spread": Fraction(1)}, NotExtended.SLA_FEE_RISES),
            ({"gpu": PerGpuHour("3.60")}, NotExtended.SLA_FEE_RISES),
        ],
    )
    def test_skips(self, terms: dict[str, Any], why: NotExtended) -> None:
        w, number, skipped = self.extended(**terms)
        assert [each.why for each in skipped] == [why]
        assert w.instance(number).contract.end == second(2 * DAY)
        assert not w.market.asked
        assert not find_events(w.events, e.PriceIncreaseAsked)
        w.do(relisting(sla_claim=CLAIM, sla_spread=Fraction(1, 2)))  # a later one may extend it
        assert w.instance(number).contract.end == second(9 * DAY)

    def test_a_fee_that_would_rise_by_its_own_share_skips_too(self) -> None:
        """The listing asks less than is locked; the share that is kept would ask more of it."""
        w = promising(1, end=second(2 * DAY))
        number = w.rent(1, target=TARGET)
        cheap = evolve(OUR_RULES, fee=StopLossFee(margin=0))
        w.do(c.SetSettings(settings=evolve(w.market.settings, sla=cheap)))
        dearer, locked = relisting(gpu=PerGpuHour("3.51")), w.instance(number).contract
        new = cover(SlaTerms(Promise(CLAIM), TARGET), PerHour("3.51"), rules=cheap).fee
        assert new < locked.sla_fee_at(w.now)
        (told,) = views.preview(w.market, dearer, w.now).verdicts
        assert isinstance(told, Unchanged)
        assert told.why is NotExtended.SLA_FEE_RISES
        w.do(dearer)
        assert w.instance(number).contract.end == second(2 * DAY)
        w.do(relisting())
        assert w.instance(number).contract.end == second(9 * DAY)

    def test_the_markets_own_schedule_says_what_it_costs(self) -> None:
        """A dearer one, from now on: for who rents, and for who would be extended."""
        w = promising(2, end=second(2 * DAY))
        before = w.rent(1, target=TARGET)
        dear = evolve(OUR_RULES, fee=StopLossFee(margin=1))
        w.do(c.SetSettings(settings=evolve(w.market.settings, sla=dear)))
        after = w.instance(w.rent(1, 1, target=TARGET)).contract
        terms = SlaTerms(Promise(CLAIM), TARGET)
        assert after.sla_fee_at(w.now) == cover(terms, PerHour("3.50"), rules=dear).fee
        w.do(relisting())
        ends = [w.instance(each).contract.end for each in (before, after.id)]
        assert ends == [second(2 * DAY), second(9 * DAY)]

    def test_extends_and_keeps_its_terms(self) -> None:
        w, number, _ = self.extended(gpu=PerGpuHour(3), sla_claim=Fraction(995, 1_000))
        contract = w.instance(number).contract
        assert contract.end == second(9 * DAY)
        assert contract.sla is not None
        assert contract.sla.promise == Promise(CLAIM)
        w.do(c.Tick(), 3 * DAY)
        before, after = settled(w)[1].day, settled(w)[2].day
        assert (before.compute, after.compute) == (Money(84), Money(72))
        assert after.fee == contract.sla_fee_at(second(3 * DAY)).charge(DAY)
        assert after.fee < before.fee
        kept(w)


class TestTheLastDayOfTheCalendar:
    """It has no midnight after it: a promise is settled when its contract ends."""

    def test_closes_with_its_contract(self) -> None:
        evening = datetime(9999, 12, 31, 20, tzinfo=UTC)
        before = promising()
        market, _ = execute(before.market, c.Tick(), evening)
        (offer,) = views.offers(market, evening)
        rent = c.Rent(by=ANN, offer=offer.id, mode=Mode.ON_DEMAND, target=TARGET)
        market, made = execute(market, rent, evening)
        (created,) = find_events(made, e.ContractCreated)
        number = created.contract.id
        market, _ = execute(market, c.ReportLoaded(contract=number), evening)
        later = evening + timedelta(hours=2)
        seen = views.promise_of(market, number, later)
        assert seen.days == ()
        assert seen.today is not None
        assert seen.fees == seen.today.fee == seen.fee.charge(2 * HOUR)
        market, events = execute(market, c.Destroy(by=ANN, contract=number), later)
        (closed,) = find_events(events, e.PromiseSettled)
        assert closed.closes
        assert (closed.day.intended, closed.day.uptime) == (2 * HOUR, Fraction(1))


class TestEventsOfOtherMarkets:
    """What contradicts the market is refused, and names what was needed."""

    def facts(self) -> tuple[World, e.PromiseSettled]:
        w = promising()
        w.rent(1, target=TARGET)
        _, events = execute(w.market, c.Tick(), second(DAY))
        (event,) = find_events(events, e.PromiseSettled)
        return w, event

    @pytest.mark.parametrize(
        ("change", "place"),
        [
            ({"at": second(DAY - 1)}, "day"),
            ({"at": second(DAY + 1)}, "at"),
            ({"day": second(DAY)}, "day"),
            ({"escrow_to_host": Money(100)}, "day"),
            ({"closes": True}, "day"),
            ({"contract": ContractId(99)}, "contract"),
        ],
    )
    def test_refused(self, change: dict[str, Any], place: str) -> None:
        w, event = self.facts()
        if "day" in change or "escrow_to_host" in change:
            change = {"day": evolve(event.day, **change)}
        with pytest.raises((RuleViolation, UnknownId), match=place):
            replay([evolve(event, **change)], w.market)

    @pytest.mark.parametrize(
        ("left", "place"),
        [
            ({"memories": [10**9, 10**9]}, "left.memories: need a tuple"),
            ({"memories": (10**9, "much")}, r"left.memories\[1\]"),
            ({"pending": (1,)}, r"left.pending\[0\]"),
        ],
    )
    def test_of_what_is_no_escrow(self, left: dict[str, Any], place: str) -> None:
        _, event = self.facts()
        with pytest.raises(WrongType, match=place):
            evolve(event, left=evolve(event.left, **left))

    def test_of_a_contract_without(self) -> None:
        _, event = self.facts()
        other = world(1)
        number = other.rent(1)
        with pytest.raises(RuleViolation, match="promise"):
            replay([evolve(event, contract=number)], other.market)

    def test_views_of_one_without(self) -> None:
        w = world(1)
        number = w.rent(1)
        with pytest.raises(RuleViolation, match="promise of uptime"):
            views.promise_of(w.market, number, w.now)
        with pytest.raises(RuleViolation, match="at: need"):
            views.uptime_history(w.market, M1, datetime(2025, 1, 1, tzinfo=UTC))


class TestWhatWasPlayed:
    """A year passes as fast as its days."""

    def test_a_year_of_one_contract_settles_each_day_once(self) -> None:
        w = promising()
        w.do(c.AddCredit(account=ANN, amount=Money(100_000)))
        number = w.rent(1, target=TARGET)
        w.do(c.Tick(), 365 * DAY)
        days = [each.day.day for each in settled(w)]
        assert days == [second(0) + timedelta(days=day) for day in range(365)]
        facts = w.instance(number).facts
        assert sum(isinstance(fact, Settled) for fact in facts) == 365
        held = books_of(w.market, w.now).escrows[number]
        assert held == settled(w)[-1].left.held

    def test_twice_as_much_takes_twice_the_steps(self) -> None:
        """Of promises at one midnight, and of days of one machine that pass at once."""
        few, many = (promised(count) for count in (8, 16))
        one, both = (steps_of(w, 2 * DAY) for w in (few, many))
        assert one < both <= 2.05 * one
        month, two = (steps_of(few, days * DAY) for days in (31, 61))
        assert month < two <= 2.05 * month
        assert one <= 8 * 130  # a settlement; what judges it and what flows are worked out once


def promised(count: int) -> World:
    """Return a market with so many promises of one machine, a day after they began."""
    w = promising(16)
    w.do(c.AddCredit(account=ANN, amount=Money(1_000_000)))
    for place in range(count):
        w.rent(1, place, target=TARGET)
    w.do(c.Tick(), DAY)
    return w


def steps_of(w: World, at: int) -> int:
    """Return how many functions are called while time passes: the same on any machine."""
    calls = 0

    def count(_: object, event: str, __: object) -> None:
        nonlocal calls
        calls += event == "call"

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        execute(w.market, c.Tick(), second(at))
    finally:
        sys.setprofile(before)
    return calls
