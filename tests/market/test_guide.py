"""The market, sentence by sentence of the hosting guide (G1 to G13), and what is refused."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction
from typing import Any
from warnings import catch_warnings, simplefilter

import pytest
from attrs import evolve as changed

from market_world import ANN, BOB, HOST, START, World, prices, second, world
from numgenius_core.bids import WaitReason
from numgenius_core.contracts import Stale
from numgenius_core.errors import (
    FloorAbovePrice,
    IllegalMove,
    InsufficientCredit,
    NotAllowed,
    NumgeniusError,
    RentalTooLong,
    RuleViolation,
    UnknownId,
    WrongType,
)
from numgenius_core.ids import AccountId, ContractId, MachineId, OfferId
from numgenius_core.intervals import Interval
from numgenius_core.listing import Mode, Verification
from numgenius_core.maintenance import MaintenanceWindow
from numgenius_core.market import (
    Market,
    commands as c,
    decide,
    events as e,
    evolve,
    execute,
    execute_all,
    find_event,
    find_events,
    replay,
    views,
)
from numgenius_core.market._ledger import Ledger
from numgenius_core.market.instance import flow_of
from numgenius_core.market.journal import (
    event_from_json,
    event_to_json,
    market_from_json,
    market_to_json,
)
from numgenius_core.money import Money
from numgenius_core.offer import Block
from numgenius_core.rates import PerGbMonth, PerGpuHour, PerHour

M1 = MachineId(1)
HOUR, DAY, MONTH = 3_600, 86_400, 2_592_000
OTHER = AccountId("other")


def window(start: int, length: int = HOUR) -> MaintenanceWindow:
    return MaintenanceWindow(period=Interval(second(start), second(start + length)))


def kinds(events: tuple[e.Event, ...]) -> list[str]:
    return [type(each).__name__ for each in events]


class TestListing:
    """G1, G2: "a listing is good until its end date. Without an end date it never expires"."""

    def test_until_its_end_date_and_not_a_second_longer(self) -> None:
        w = world(2, end=second(DAY))
        number = w.offer(1)
        w.rent(1, at=DAY - 1)
        w.do(c.Tick(), DAY)
        assert views.offers(w.market, w.now) == ()
        with pytest.raises(UnknownId, match="an offer that is on the market"):
            w.do(c.Rent(by=ANN, offer=number, mode=Mode.ON_DEMAND))

    def test_an_offer_says_whose_gpus_of_which_machine_it_offers(self) -> None:
        w = world(4, end=second(DAY))
        offer = views.offers(w.market, w.now)[-2]  # one before the whole machine
        assert (offer.machine, offer.host, offer.gpu_name) == (M1, HOST, "RTX 4090")
        assert (offer.gpus, offer.gpus_in_machine, offer.disk_mb) == (2, 4, 500_000)
        assert (offer.verification, offer.ends_at) == (Verification.VERIFIED, second(DAY))

    def test_without_one_it_never_expires(self) -> None:
        w = world(2)
        w.do(c.Tick(), 10**10)
        assert w.instance(w.rent(1)).contract.end is None

    def test_its_end_must_come(self) -> None:
        w = world()
        with pytest.raises(RuleViolation, match="end: need an instant after"):
            w.list(prices(), end=w.now)

    def test_a_new_one_has_new_offers(self) -> None:
        """No client rents at a price it did not see."""
        w = world()
        seen = w.offer(1)
        w.list(prices(9))
        with pytest.raises(UnknownId):
            w.do(c.Rent(by=ANN, offer=seen, mode=Mode.ON_DEMAND))
        assert w.offer(1) != seen

    def test_a_floor_above_the_price_is_taken_with_a_warning(self) -> None:
        w = world()
        with pytest.warns(FloorAbovePrice):
            w.list(prices(1, min_bid=2))
        with pytest.warns(FloorAbovePrice):
            w.do(c.SetMinBid(by=HOST, machine=M1, floor=PerGpuHour(3)))
        w.list(prices(1))
        with pytest.warns(FloorAbovePrice, match=r"machine 1: lowest bid \$4\.00 above .* \$1\.00"):
            w.do(c.SetMinBid(by=HOST, machine=M1, floor=PerGpuHour(4)))

    def test_who_reads_what_was_stored_is_not_warned_again(self) -> None:
        w = world()
        with pytest.warns(FloorAbovePrice):
            w.list(prices(1, min_bid=2))
        w.do(c.SetVerification(machine=M1, verification=Verification.UNVERIFIED))
        with catch_warnings():
            simplefilter("error")
            assert replay([event_from_json(event_to_json(each)) for each in w.events]) == w.market
            assert market_from_json(market_to_json(w.market)) == w.market

    def test_unlisting(self) -> None:
        """G11: "unlisting prevents new contracts"; those that exist go on."""
        w = world(2, end=second(DAY))
        c1, number = w.rent(1), w.offer(1, 1)
        assert w.names(c.Unlist(by=HOST, machine=M1)) == ["MachineUnlisted"]
        with pytest.raises(UnknownId):
            w.do(c.Rent(by=ANN, offer=number, mode=Mode.ON_DEMAND))
        assert (w.state(c1), w.instance(c1).contract.end) == ("running", second(DAY))
        with pytest.raises(RuleViolation, match="a machine that is listed"):
            w.do(c.Unlist(by=HOST, machine=M1))

    def test_only_rentals_of_the_offer_roll_with_it(self) -> None:
        """Pages: "Auto-renew extends rentals created from that offer, each day." To cap: unlist."""
        w = world(2, end=second(10 * DAY))
        before = w.rent(1)
        w.do(c.Unlist(by=HOST, machine=M1), DAY)
        sent: dict[str, Any] = {"gpu": PerGpuHour(1), "storage": PerGbMonth(0)}
        w.do(c.Relist(by=HOST, machine=M1, rolling=timedelta(days=5), **sent))
        after = w.rent(1, 1)
        w.do(c.Relist(by=HOST, machine=M1, rolling=timedelta(days=6), **sent))  # it stays listed
        w.do(c.Tick(), 8 * DAY)
        assert w.instance(before).contract.end == second(10 * DAY)
        assert w.instance(after).contract.end == second(14 * DAY)
        stored = market_from_json(market_to_json(w.market))
        later, _ = execute(stored, c.Tick(), second(9 * DAY))
        assert [each.contract.end for each in later.machine(M1).in_order()] == [
            second(10 * DAY),
            second(15 * DAY),
        ]
        # What is sent extends whoever is there.
        w.do(c.Relist(by=HOST, machine=M1, end=second(20 * DAY), **sent))
        assert w.instance(before).contract.end == w.instance(after).contract.end == second(20 * DAY)

    def test_a_rolling_end(self) -> None:
        """DOMAIN 7: "each day the end is set to now + duration"."""
        w = world(2, rolling=timedelta(days=3))
        c1 = w.rent(1)
        w.do(c.SetAutoExtension(by=ANN, contract=w.rent(1, 1), wanted=False))
        assert w.do(c.SetAutoExtension(by=ANN, contract=c1, wanted=True)) == ()  # as it is
        assert kinds(w.do(c.Tick(), DAY)) == ["EndDateRolled", "ContractExtended"]
        assert w.instance(c1).contract.end == second(4 * DAY)
        w.do(c.Unlist(by=HOST, machine=M1))
        assert kinds(w.do(c.Tick(), 9 * DAY)) == ["InstanceExpired"] * 2


class TestContract:
    """G3: a contract "locks prices, specs and end date. The host must honour it"."""

    def test_the_published_example(self) -> None:
        """4×A100 at $2.00 until 31 March; 20 Jan: relisted at $2.50 until 30 June; 1 Feb: B."""
        w = world(4, prices(2), end=second(89 * DAY))
        w.do(c.AddCredit(account=ANN, amount=Money(9_000)))
        w.do(c.Tick(), 4 * DAY)
        a = w.rent(2)
        assert kinds(w.list(prices("2.5"), at=19 * DAY, end=second(180 * DAY))) == [
            "MachineListed",
            "PriceIncreaseAsked",
        ]
        b = w.rent(2, 1, by=BOB, at=31 * DAY)
        contracts = [w.instance(each).contract for each in (a, b)]
        assert [each.end for each in contracts] == [second(89 * DAY), second(180 * DAY)]
        assert [str(each.prices.gpu) for each in contracts] == ["2.00", "2.50"]

    @pytest.mark.parametrize("gpus", [1, 3, 5, 7])
    def test_odd_machines_are_sold_whole_and_only_once(self, gpus: int) -> None:
        w = world(gpus)
        for _ in range(gpus):
            free = [each for each in views.offers(w.market, w.now) if each.rentable]
            w.do(c.Rent(by=ANN, offer=free[0].id, mode=Mode.ON_DEMAND))
            if sum(i.contract.block.size for i in views.instances_of(w.market, ANN)) == gpus:
                break
        assert not any(each.rentable for each in views.offers(w.market, w.now))

    def test_taken_gpus_are_refused_and_say_by_whom(self) -> None:
        w = world(2)
        whole, c1 = w.offer(2), w.rent(1)
        with pytest.raises(RuleViolation, match=f"GPUs held by contract {c1}"):
            w.do(c.Rent(by=BOB, offer=whole, mode=Mode.ON_DEMAND))

    def test_an_earlier_end_can_be_asked_for_but_no_later_one(self) -> None:
        w = world(2, end=second(DAY))
        assert w.instance(w.rent(1, end=second(HOUR))).contract.end == second(HOUR)
        with pytest.raises(RuleViolation, match="at most the listing's end"):
            w.rent(1, 1, end=second(DAY + 1))

    def test_its_disk(self) -> None:
        w = world(2)
        w.rent(1, disk_mb=500_000)
        with pytest.raises(RuleViolation, match="at most the offer's 250,000 MB"):
            w.rent(1, 1, disk_mb=250_001)
        w.rent(1, 1, disk_mb=250_000)

    def test_destroying_frees_gpus_and_resumes_the_paused(self) -> None:
        w = world(1)
        c1 = w.rent(1)
        c2 = w.rent(1, by=BOB, bid=2)
        assert w.state(c2) == "paused"
        assert w.names(c.Destroy(by=ANN, contract=c1)) == ["InstanceDestroyed", "InstanceResumed"]
        with pytest.raises(UnknownId, match="an instance that exists"):
            w.do(c.Label(by=ANN, contract=c1, label="x"))
        assert views.instance(w.market, c1, archive=w.archive).exists is False


class TestPriority:
    """G6, G7: "the highest bid runs, the others are paused"."""

    def test_bids_and_on_demand(self) -> None:
        w = world(1)
        low = w.rent(1, bid="0.5")
        high = w.rent(1, by=BOB, bid="0.7")
        assert (w.state(low), w.state(high)) == ("paused", "running")
        paused = [each for each in w.events if isinstance(each, e.InstancePaused)][-1]
        assert (paused.why, paused.by) == (WaitReason.OUTBID, (high,))
        assert views.why_waiting(w.market, low).winning_bid == PerHour("0.700000001")
        assert views.winning_bid_of(w.market, w.offer(1)) == PerHour("0.700000001")
        w.do(c.ChangeBid(by=ANN, contract=low))  # the lowest that runs
        assert (w.instance(low).bid, w.state(low)) == (PerHour("0.700000001"), "running")
        taken = w.rent(1, by=BOB)
        assert [w.state(each) for each in (low, high, taken)] == ["paused", "paused", "running"]
        with pytest.raises(RuleViolation, match="GPUs rented on demand"):
            w.do(c.ChangeBid(by=ANN, contract=low))
        assert views.winning_bid_of(w.market, w.offer(1)) is None
        with pytest.raises(RuleViolation, match="need a claim that waits"):
            views.why_waiting(w.market, taken)

    def test_a_bid_that_waits_since_the_lowest_was_raised_says_so(self) -> None:
        w = world(1)
        contract = w.rent(1, bid="0.5")
        w.do(c.SetMinBid(by=HOST, machine=M1, floor=PerGpuHour("0.6")))
        verdict = views.why_waiting(w.market, contract)
        assert verdict.why is WaitReason.UNDER_FLOOR
        assert verdict.winning_bid == PerHour("0.6")

    def test_changing_a_bid_to_what_it_is_keeps_its_place(self) -> None:
        w = world(1)
        first = w.rent(1, bid=1)
        w.rent(1, by=BOB, bid=1)
        assert w.do(c.ChangeBid(by=ANN, contract=first, bid=PerHour(1))) == ()
        assert w.do(c.ChangeBid(by=ANN, contract=first)) == ()  # it runs
        assert w.state(first) == "running"

    def test_the_floor_pauses_and_lets_resume(self) -> None:
        w = world(1)
        c1 = w.rent(1, bid="0.5")
        floor = PerGpuHour("0.6")
        assert w.names(c.SetMinBid(by=HOST, machine=M1, floor=floor)) == [
            "MinBidSet",
            "InstancePaused",
        ]
        assert views.who_runs(w.market, M1).paused[0].why is WaitReason.UNDER_FLOOR
        assert w.do(c.SetMinBid(by=HOST, machine=M1, floor=floor)) == ()
        assert w.names(c.SetMinBid(by=HOST, machine=M1, floor=PerGpuHour(0))) == [
            "MinBidSet",
            "InstanceResumed",
        ]
        assert w.state(c1) == "running"

    def test_a_bid_of_just_the_floor_is_outbid_and_not_under_it(self) -> None:
        w = world(1, prices(min_bid="0.5"))
        c1 = w.rent(1, bid="0.5")
        high = w.rent(1, by=BOB, bid="0.6")
        paused = find_event(w.events, e.InstancePaused)
        assert (paused.contract, paused.why, paused.by) == (c1, WaitReason.OUTBID, (high,))

    def test_a_floor_of_an_unlisted_machine_pauses_too(self) -> None:
        w = world(1)
        c1 = w.rent(1, bid="0.5")
        w.do(c.Unlist(by=HOST, machine=M1))
        w.do(c.SetMinBid(by=HOST, machine=M1, floor=PerGpuHour(1)))
        assert (w.state(c1), w.market.machine(M1).floor) == ("paused", PerGpuHour(1))

    @pytest.mark.parametrize("bid", ["0.0009", "0.19", "32.1"])
    def test_a_bid_under_the_floor_or_above_the_most(self, bid: str) -> None:
        w = world(1, prices(min_bid="0.2"))
        with pytest.raises(RuleViolation, match=r"bid: need 0.20 to 32.00"):
            w.rent(1, bid=bid)

    def test_no_bid_never_becomes_on_demand_nor_a_bid_a_mode(self) -> None:
        w = world(1)
        offer = w.offer(1)
        with pytest.raises(WrongType, match="bid"):
            w.do(c.Rent(by=ANN, offer=offer, mode=Mode.INTERRUPTIBLE))
        with pytest.raises(RuleViolation, match="bid: need none for on-demand"):
            w.do(c.Rent(by=ANN, offer=offer, mode=Mode.ON_DEMAND, bid=PerHour(1)))
        with pytest.raises(RuleViolation, match="on-demand or interruptible"):
            w.do(c.Rent(by=ANN, offer=offer, mode=Mode.RESERVED))
        c1 = w.rent(1)
        with pytest.raises(RuleViolation, match="an interruptible instance"):
            w.do(c.ChangeBid(by=ANN, contract=c1, bid=PerHour(1)))

    def test_stopping_releases_and_starting_waits(self) -> None:
        w = world(1)
        c1 = w.rent(1)
        w.do(c.Stop(by=ANN, contract=c1))
        c2 = w.rent(1, by=BOB)
        assert w.names(c.Start(by=ANN, contract=c1)) == ["InstanceStarted"]
        assert (w.state(c1), w.state(c2)) == ("scheduling", "running")
        assert w.names(c.Stop(by=BOB, contract=c2)) == ["InstanceStopped", "InstanceResumed"]
        for command in (c.Start(by=ANN, contract=c1), c.ReportLoaded(contract=c1)):
            with pytest.raises(IllegalMove):
                w.do(command)

    def test_a_started_bid_that_must_wait_is_paused(self) -> None:
        w = world(1)
        c1 = w.rent(1, bid=1)
        w.do(c.Stop(by=ANN, contract=c1))
        w.rent(1, by=BOB, bid=3)
        assert w.names(c.Start(by=ANN, contract=c1)) == ["InstanceStarted", "InstancePaused"]

    def test_a_stopped_bid_asks_for_the_lowest_that_runs(self) -> None:
        w = world(1)
        c1 = w.rent(1, bid=1)
        w.do(c.Stop(by=ANN, contract=c1))
        w.rent(1, by=BOB, bid=3)
        w.do(c.ChangeBid(by=ANN, contract=c1))
        assert w.instance(c1).bid == PerHour("3.000000001")
        w.do(c.Start(by=ANN, contract=c1))
        assert w.state(c1) == "running"

    def test_the_default_job_is_the_hosts_to_set_and_remove(self) -> None:
        w = world()
        assert w.names(c.SetDefaultJob(by=HOST, machine=M1, image="miner")) == ["DefaultJobSet"]
        assert views.machine(w.market, M1).default_job == "miner"
        w.do(c.RemoveDefaultJob(by=HOST, machine=M1))
        assert views.machine(w.market, M1).default_job is None
        with pytest.raises(RuleViolation, match="a machine with a default job"):
            w.do(c.RemoveDefaultJob(by=HOST, machine=M1))


class TestReserved:
    """G8, DOMAIN 4: "refund = max(0, remaining deposit − 1.05 × discount received so far)"."""

    def prepaid(self, amount: str = "576") -> tuple[World, ContractId]:
        w = world(1)
        w.do(c.AddCredit(account=ANN, amount=Money(9_000)))
        c1 = w.rent(1)
        w.do(c.Prepay(by=ANN, contract=c1, amount=Money(amount)))
        return w, c1

    @pytest.mark.parametrize(
        ("after", "refund"), [(0, "576"), (MONTH // 2, "212.4"), (MONTH - 1, "0")]
    )
    def test_the_published_refunds(self, after: int, refund: str) -> None:
        w, c1 = self.prepaid()
        left = views.deposit_of(w.market, c1, second(after), archive=w.archive)
        assert left.refund == Money(refund)
        before = views.balance(w.market, ANN, second(after))
        w.do(c.Destroy(by=ANN, contract=c1), after)
        assert w.balance() == before + Money(refund)
        assert w.balance(HOST) + w.balance() + w.balance(BOB) == w.market.credited

    def test_spent_before_the_rates_of_an_extension_apply(self) -> None:
        w = world(1, prices(1), end=second(10 * HOUR), max_discount=Fraction(1, 2))
        contract = w.rent(1)
        w.do(c.Prepay(by=ANN, contract=contract, amount=Money(1)))
        w.list(prices("0.9"), end=second(20 * HOUR))
        events = w.do(c.Tick(), 11 * HOUR)
        assert kinds(events) == ["DepositSpent", "RatesChanged"]
        assert [event.at for event in events][1] == second(10 * HOUR)
        assert second(HOUR) <= events[0].at < second(2 * HOUR)

    def test_in_its_last_second_it_lacks_what_the_balance_pays(self) -> None:
        """A second that begins with some of the deposit left has the discount."""
        w = world(1, prices(3_600), max_discount=Fraction(1, 2))
        c1 = w.rent(1)
        w.do(c.Prepay(by=ANN, contract=c1, amount=Money(1)))
        reduced = w.instance(c1).gpu_price(w.now)
        assert w.do(c.Tick(), 10) == (e.DepositSpent(at=second(2), contract=c1),)
        assert w.instance(c1).deposit.at(w.now) == Money(0)
        assert w.balance() == Money(1_000) - reduced.charge(2) - Money(8)

    def test_a_second_that_begins_with_its_last_tick_has_the_discount(self) -> None:
        w, c1 = self.prepaid()
        instance = w.market.living(c1)
        tick = Ledger(since=w.now, amount=Money.from_ticks(1), rate=instance.deposit.rate)
        flow = flow_of(changed(instance, deposit=tick), online=True, at=w.now)
        assert (flow.deposit, flow.balance) == (PerHour("0.8").charge(1), Money(0))

    def test_spent_exactly_on_a_second_it_lacks_nothing(self) -> None:
        w, c1 = self.prepaid()
        events = w.do(c.Tick(), 2 * MONTH)
        assert events == (e.DepositSpent(at=second(MONTH), contract=c1),)
        # The second month is at the full price.
        assert w.balance() == Money(10_000 - 576 - 720)

    def test_expiring_as_it_is_spent_nothing_is_refunded(self) -> None:
        w = world(1, end=second(MONTH))
        c1 = w.rent(1)
        w.do(c.Prepay(by=ANN, contract=c1, amount=Money(576)))
        assert kinds(w.do(c.Tick(), MONTH)) == ["DepositSpent", "InstanceExpired", "ListingEnded"]

    def test_left_at_the_end_it_comes_back_as_on_any_early_end(self) -> None:
        w = world(1, end=second(MONTH))
        c1 = w.rent(1)
        w.do(c.Prepay(by=ANN, contract=c1, amount=Money(576)))
        w.do(c.Stop(by=ANN, contract=c1), MONTH // 2)
        events = w.do(c.Tick(), MONTH)
        assert kinds(events) == ["DepositRefunded", "InstanceExpired", "ListingEnded"]
        assert w.balance() == Money(1_000 - 576) + Money("212.4")

    def test_a_new_reservation_owes_nothing_of_the_one_that_was_used_up(self) -> None:
        """The month that was used up is over; the next is cancelled at once, and comes back."""
        w, c1 = self.prepaid()
        w.do(c.Prepay(by=ANN, contract=c1, amount=Money(576)), MONTH)
        found = views.deposit_of(w.market, c1, w.now)
        assert (found.refund, found.discount_received) == (Money(576), Money(0))
        [refunded, _] = w.do(c.Destroy(by=ANN, contract=c1))
        assert refunded == e.DepositRefunded(
            at=w.now, contract=c1, refund=Money(576), kept=Money(0)
        )

    def test_a_top_up_goes_on_with_the_reservation_that_lasts(self) -> None:
        w, c1 = self.prepaid()
        w.do(c.Prepay(by=ANN, contract=c1, amount=Money(576)), MONTH // 2)
        found = views.deposit_of(w.market, c1, w.now)
        assert (found.left, found.discount_received) == (Money(864), Money(72))
        assert found.refund == Money("788.40")  # 864 − 1.05 × 72

    def test_a_prepayment_that_reaches_past_the_end_is_refused_with_the_most_that_fits(
        self,
    ) -> None:
        w = world(1, end=second(MONTH))
        c1 = w.rent(1)
        with pytest.raises(RuleViolation) as caught:
            w.do(c.Prepay(by=ANN, contract=c1, amount=Money("576.000000001")))
        assert str(caught.value) == (
            "amount: need at most $576.00, which lasts until the contract ends at "
            "2026-01-31 00:00:00+00:00, got $576.000000001"
        )
        w.do(c.Prepay(by=ANN, contract=c1, amount=Money(300)))
        with pytest.raises(RuleViolation, match=r"need at most \$276\.00, which lasts"):
            w.do(c.Prepay(by=ANN, contract=c1, amount=Money(277)))
        w.do(c.Prepay(by=ANN, contract=c1, amount=Money(276)))
        assert views.deposit_of(w.market, c1, w.now).months == 1
        w.do(c.Stop(by=ANN, contract=c1), MONTH // 2)
        with pytest.raises(RuleViolation, match=r"need at most \$0\.00, which lasts"):
            w.do(c.Prepay(by=ANN, contract=c1, amount=Money("0.000000001")), MONTH * 3 // 4)

    def test_if_the_machine_breaks_its_agreement_all_of_it_comes_back(self) -> None:
        w, c1 = self.prepaid()
        command = c.SetVerification(machine=M1, verification=Verification.DEVERIFIED)
        events = w.do(command, MONTH // 2)
        refunded = events[-1]
        assert isinstance(refunded, e.DepositRefunded)
        assert (refunded.refund, refunded.kept) == (Money(288), Money(0))
        assert w.do(command) == ()
        assert w.instance(c1).gpu_price(w.now) == PerHour(1)
        with pytest.raises(RuleViolation, match="one that is not verified"):
            w.do(c.Prepay(by=ANN, contract=c1, amount=Money(1)))
        assert views.offers(w.market, w.now)[0].max_discount == 0

    def test_a_machine_that_is_only_no_longer_verified_keeps_its_agreement(self) -> None:
        """DOMAIN 4: "if the machine breaks its agreement (deverified)", and not otherwise."""
        w, c1 = self.prepaid()
        command = c.SetVerification(machine=M1, verification=Verification.UNVERIFIED)
        events = w.do(command, MONTH // 2)
        assert find_events(events, e.DepositRefunded) == ()
        assert views.deposit_of(w.market, c1, w.now).left == Money(288)
        assert w.instance(c1).discount == Fraction(1, 5)

    def test_who_cannot_prepay(self) -> None:
        w = world(4, max_discount=Fraction(0))
        no_discount = w.rent(1)
        w.list(prices())
        bid, own, poor = w.rent(1, 1, bid=1), w.rent(1, 2, by=HOST), w.rent(1, 3)
        for contract, by, error in (
            (no_discount, ANN, "one without a discount"),
            (bid, ANN, "an interruptible one"),
            (own, HOST, "a free test"),
        ):
            with pytest.raises(RuleViolation, match=error):
                w.do(c.Prepay(by=by, contract=contract, amount=Money(1)))
        with pytest.raises(InsufficientCredit, match=r"a balance of at least \$1000.01"):
            w.do(c.Prepay(by=ANN, contract=poor, amount=Money("1000.01")))
        with pytest.raises(RuleViolation, match="an amount above zero"):
            c.Prepay(by=ANN, contract=poor, amount=Money(0))

    def test_a_balance_that_is_too_little_is_shown_as_less_than_what_was_asked(self) -> None:
        """After three seconds $999.9991666… are left: rounded as usual, what was asked for."""
        w = world(1)
        instance = w.rent(1)
        w.do(c.Tick(), 3)
        told = "999.999166667"
        assert str(w.balance()) == told
        with pytest.raises(InsufficientCredit) as caught:
            w.do(c.Prepay(by=ANN, contract=instance, amount=Money(told)))
        assert (caught.value.need, caught.value.got) == (
            f"a balance of at least ${told}",
            "$999.999166666",
        )

    def test_whether_a_machine_is_verified_counts_when_it_is_prepaid(self) -> None:
        """Guide: "Unverified machines have no reserved price", while they are unverified."""
        w = world(1)
        w.do(c.SetVerification(machine=M1, verification=Verification.UNVERIFIED))
        c1, pays = w.rent(1), c.Prepay(by=ANN, contract=ContractId(0), amount=Money(576))
        pays = changed(pays, contract=c1)
        assert views.offers(w.market, w.now)[0].max_discount == 0
        with pytest.raises(RuleViolation, match="reserved price, got one that is not verified"):
            w.do(pays)
        w.do(c.SetVerification(machine=M1, verification=Verification.VERIFIED))
        w.do(pays)
        assert w.instance(c1).discount == Fraction(1, 5)

    @pytest.mark.parametrize(("then", "most"), [("0.5", "820.8"), ("2", "1512"), ("1", "1056")])
    def test_a_deposit_fits_at_the_prices_to_come(self, then: str, most: str) -> None:
        """A month at $1 and one at $0.50 cost as much as 1.5 at $1: 0.4 · 1.5 / 2.5 = 24 % off."""
        w = world(1, end=second(MONTH))
        w.do(c.AddCredit(account=ANN, amount=Money(1_000)))
        c1 = w.rent(1)
        sent: dict[str, Any] = {
            "gpu": PerGpuHour(then),
            "storage": PerGbMonth(0),
            "end": second(2 * MONTH),
        }
        w.do(c.Relist(by=HOST, machine=M1, **sent))
        for number, _ in views.increases_of(w.market, ANN):
            w.do(c.AcceptPriceIncrease(by=ANN, increase=number))
        over = c.Prepay(by=ANN, contract=c1, amount=Money(most) + Money("0.000000001"))
        text = rf"need at most \${Money(most)}, which lasts until the contract ends"
        with pytest.raises(RentalTooLong, match=text):
            w.do(over)
        w.do(c.Prepay(by=ANN, contract=c1, amount=Money(most)))
        assert views.deposit_of(w.market, c1, second(2 * MONTH - 1)).left > Money(0)
        ends = w.do(c.Tick(), 2 * MONTH)  # with what a price of whole steps may leave
        assert all(getattr(each, "kept", Money(0)) < Money("0.000000001") for each in ends)
        assert w.state(c1) == "expired"
        assert w.instance(c1).deposit.amount == Money(0)


class TestExtension:
    """G9: "to extend all current contracts, change the end date to a later time ..."."""

    def test_same_or_lower_extends_all_and_dearer_asks(self) -> None:
        w = world(2, end=second(DAY))
        c1, c2 = w.rent(1), w.rent(1, 1, by=BOB)
        assert kinds(w.list(prices(), end=second(2 * DAY))) == [
            "MachineListed",
            "ContractExtended",
            "ContractExtended",
        ]
        w.list(prices(2), end=second(3 * DAY))
        (one, pending), (two, _) = views.increases_of(w.market, ANN) + views.increases_of(
            w.market, BOB
        )
        assert [str(each) for each in pending.raised] == ["gpu 1.00 → 2.00"]
        with pytest.raises(NotAllowed, match="the client of contract"):
            w.do(c.AcceptPriceIncrease(by=BOB, increase=one))
        assert w.names(c.AcceptPriceIncrease(by=ANN, increase=one)) == [
            "PriceIncreaseAccepted",
            "ContractExtended",
        ]
        w.do(c.RejectPriceIncrease(by=BOB, increase=two))
        with pytest.raises(UnknownId, match="still open"):
            w.do(c.AcceptPriceIncrease(by=BOB, increase=two))
        events = w.do(c.Tick(), 2 * DAY)
        assert kinds(events) == ["InstanceExpired", "RatesChanged"]
        assert w.instance(c1).gpu_price(w.now) == PerHour(2)
        assert (w.state(c1), w.state(c2)) == ("running", "expired")

    def test_an_increase_lapses(self) -> None:
        w = world(3, end=second(DAY))
        gone, superseded, expires = (w.rent(1, place) for place in range(3))
        w.list(prices(2), end=second(2 * DAY))
        lapsed = [w.do(c.Destroy(by=ANN, contract=gone))]
        lapsed.append(w.list(prices(3), end=second(3 * DAY)))
        lapsed.append(w.do(c.Tick(), DAY))
        assert [
            [each.why for each in events if isinstance(each, e.PriceIncreaseLapsed)]
            for events in lapsed
        ] == [[Stale.ENDED], [Stale.SUPERSEDED] * 2, [Stale.ENDED] * 2]
        assert (w.state(superseded), w.state(expires)) == ("expired", "expired")
        assert len(w.market.asked) == 0

    def test_unlisting_takes_no_question_back(self) -> None:
        w = world(1, end=second(DAY))
        c1 = w.rent(1)
        w.list(prices(2), end=second(2 * DAY))
        assert w.names(c.Unlist(by=HOST, machine=M1)) == ["MachineUnlisted"]
        w.do(c.AcceptPriceIncrease(by=ANN, increase=w.market.last))
        assert w.instance(c1).contract.end == second(2 * DAY)

    def test_a_roll_never_asks(self) -> None:
        w = world(1, end=second(5 * DAY))
        w.rent(1)
        w.list(prices(2), rolling=timedelta(days=9))
        assert kinds(w.do(c.Tick(), 2 * DAY)) == ["EndDateRolled"] * 2
        w.do(c.RejectPriceIncrease(by=ANN, increase=max(w.market.asked)))
        assert kinds(w.do(c.Tick(), 3 * DAY)) == ["EndDateRolled"]

    def test_an_increase_that_waits_blocks_every_other_extension(self) -> None:
        """DOMAIN 13: "blocks later extensions of that contract until it is answered"."""
        w = world(1, prices(), end=second(3 * DAY))
        w.rent(1, bid="0.1")
        w.list(prices(min_bid="0.2"), rolling=timedelta(days=9))
        assert len(views.increases_of(w.market, ANN)) == 1
        w.do(c.SetMinBid(by=HOST, machine=M1, floor=PerGpuHour("0.1")))
        assert kinds(w.do(c.Tick(), DAY)) == ["EndDateRolled"]
        [(number, _)] = views.increases_of(w.market, ANN)
        w.do(c.RejectPriceIncrease(by=ANN, increase=number))
        assert kinds(w.do(c.Tick(), 2 * DAY)) == ["EndDateRolled", "ContractExtended"]

    def test_the_floor_of_the_rental_binds_again_once_it_is_accepted_again(self) -> None:
        w = world(1, prices(min_bid="0.2"), end=second(DAY))
        c1 = w.rent(1, bid="0.2")
        w.do(c.SetMinBid(by=HOST, machine=M1, floor=PerGpuHour(0)))
        w.do(c.ChangeBid(by=ANN, contract=c1, bid=PerHour("0.1")))
        w.list(prices(min_bid="0.2"), end=second(3 * DAY))
        w.do(c.AcceptPriceIncrease(by=ANN, increase=w.market.last))
        assert w.state(c1) == "paused"
        w.do(c.Tick(), DAY)
        assert (w.state(c1), w.instance(c1).gpu_price(w.now)) == ("running", PerHour("0.2"))

    def test_shorter_ends_prices_and_unlisting_change_nothing(self) -> None:
        w = world(1, end=second(3 * DAY))
        c1 = w.rent(1)
        before = w.instance(c1).contract
        w.list(prices(9), end=second(DAY))
        w.do(c.Unlist(by=HOST, machine=M1))
        assert w.instance(c1).contract == before

    def test_month_ends(self) -> None:
        """31 January to 28 February: instants are instants, whatever the month."""
        w = world(1, prices(3_600), end=second(31 * DAY))
        w.do(c.AddCredit(account=ANN, amount=Money(10_000_000)))
        c1 = w.rent(1)
        w.list(prices(3_600), end=second(59 * DAY))
        assert kinds(w.do(c.Tick(), 59 * DAY)) == ["InstanceExpired", "ListingEnded"]
        assert w.state(c1) == "expired"
        assert w.balance(HOST) == Money(59 * DAY)


class TestAccounts:
    """G10: "hosts and clients use separate accounts"; a host tests its machine for free."""

    def test_a_host_rents_only_its_own(self) -> None:
        w = world(1, prices(3_600, storage=100, upload=1))
        w.add(1, machine=2, host=OTHER)
        with pytest.raises(NotAllowed, match="a client's account"):
            w.rent(1, by=OTHER)
        test = w.rent(1, by=HOST, disk_mb=1_000)
        w.do(c.CountTraffic(contract=test, sent=10**9))
        w.do(c.Destroy(by=HOST, contract=test), DAY)
        assert w.balance(HOST) == Money(0)
        assert w.instance(test).price(w.now) == PerHour(0)

    def test_a_client_with_instances_becomes_no_host(self) -> None:
        w = world(1)
        w.rent(1)
        with pytest.raises(NotAllowed, match="an account without instances"):
            w.add(1, machine=2, host=ANN)
        with pytest.raises(RuleViolation, match="which is there already"):
            w.add(1, machine=1)
        w.add(1, machine=2, host=BOB)
        assert (views.is_host(w.market, BOB), views.is_host(w.market, ANN)) == (True, False)
        assert [each.id for each in views.machines_of(w.market, BOB)] == [2]
        assert views.machines_of(w.market, ANN) == ()

    def test_a_machine_is_removed_empty_and_unlisted(self) -> None:
        w = world(1)
        c1 = w.rent(1)
        for match in ("a listed one", r"one with 1 instance\(s\)"):
            with pytest.raises(RuleViolation, match=match):
                w.do(c.RemoveMachine(by=HOST, machine=M1))
            if w.market.machine(M1).listing:
                w.do(c.Unlist(by=HOST, machine=M1))
        w.do(c.Destroy(by=ANN, contract=c1))
        w.do(c.RemoveMachine(by=HOST, machine=M1))
        with pytest.raises(UnknownId, match="a machine of this market"):
            views.machine(w.market, M1)

    @pytest.mark.parametrize(
        "command",
        [
            c.Unlist(by=ANN, machine=M1),
            c.SetMinBid(by=ANN, machine=M1, floor=PerGpuHour(0)),
            c.SetDefaultJob(by=ANN, machine=M1, image="x"),
            c.RemoveDefaultJob(by=ANN, machine=M1),
            c.CancelMaintenance(by=ANN, machine=M1),
            c.ScheduleMaintenance(by=ANN, machine=M1, window=window(HOUR)),
            c.Defragment(by=ANN, machine=M1),
            c.CleanUp(by=ANN, machine=M1),
            c.RemoveMachine(by=ANN, machine=M1),
            c.ListMachine(by=ANN, machine=M1, prices=prices()),
        ],
    )
    def test_other_peoples_machines(self, command: Any) -> None:
        w = world()
        with pytest.raises(NotAllowed, match="by: need the host of machine 1, got ann"):
            w.do(command)

    @pytest.mark.parametrize("kind", [c.Stop, c.Start, c.Destroy, c.ChangeBid])
    def test_other_peoples_instances(self, kind: type[Any]) -> None:
        w = world()
        c1 = w.rent(1)
        with pytest.raises(NotAllowed, match=f"by: need the client of contract {c1}, got bob"):
            w.do(kind(by=BOB, contract=c1))

    def test_renting_needs_something_on_the_balance(self) -> None:
        w = world(1)
        w.do(c.AddCredit(account=OTHER, amount=Money.from_ticks(1)))
        with pytest.raises(UnknownId, match="account: need an account"):
            w.rent(1, by=AccountId("nobody"))
        w.do(c.Prepay(by=ANN, contract=w.rent(1), amount=Money(1_000)))
        with pytest.raises(InsufficientCredit, match=r"a balance above zero, got \$0"):
            w.do(c.Rent(by=ANN, offer=w.offer(1), mode=Mode.ON_DEMAND))


class TestMaintenance:
    """G12: scheduled "with a date and a duration; the clients are notified"."""

    def test_it_tells_everyone_and_stops_nothing(self) -> None:
        w = world(2)
        c1, c2 = w.rent(1), w.rent(1, 1, by=BOB)
        w.do(c.Stop(by=BOB, contract=c2))
        command = c.ScheduleMaintenance(by=HOST, machine=M1, window=window(HOUR))
        events = w.do(command)
        told = [each.notice.client for each in events if isinstance(each, e.ClientNotified)]
        assert told == [ANN, BOB]
        assert (w.state(c1), w.state(c2)) == ("running", "stopped")

    def test_it_tells_who_has_an_expired_instance_there(self) -> None:
        """DOMAIN 8: "notifies everyone with an instance on the machine, running or not"."""
        w = world(2)
        c1 = w.rent(1, end=second(DAY))
        w.do(c.Tick(), 2 * DAY)
        events = w.do(c.ScheduleMaintenance(by=HOST, machine=M1, window=window(3 * DAY)))
        [told] = find_events(events, e.ClientNotified)
        assert (w.state(c1), told.notice.client, told.notice.contract) == ("expired", ANN, c1)

    def test_it_begins_and_ends_each_in_its_own_second(self) -> None:
        w = world()
        for start in (HOUR, 2 * HOUR):  # two that only meet do not overlap
            w.do(c.ScheduleMaintenance(by=HOST, machine=M1, window=window(start)))
        found = [(type(each).__name__, each.at) for each in w.do(c.Tick(), DAY)]
        assert found == [
            ("MaintenanceStarted", second(HOUR)),
            ("MaintenanceCompleted", second(2 * HOUR)),
            ("MaintenanceStarted", second(2 * HOUR)),
            ("MaintenanceCompleted", second(3 * HOUR)),
        ]
        assert w.do(c.Tick(), 2 * DAY) == ()

    def test_two_that_overlap_are_refused(self) -> None:
        w = world()
        w.do(c.ScheduleMaintenance(by=HOST, machine=M1, window=window(HOUR)))
        before = w.market
        for command in (
            c.ScheduleMaintenance(by=HOST, machine=M1, window=window(HOUR + 1, HOUR)),
            c.AnnounceMaintenance(machine=M1, window=window(HOUR - 1, HOUR)),
        ):
            with pytest.raises(RuleViolation) as refusal:
                w.do(command)
            period = command.window.period
            assert (
                str(refusal.value)
                == f"window: need no overlap with {window(HOUR).period}, got {period}"
            )
        assert w.market is before

    def starts(self, w: World) -> list[int]:
        """Return the hours at which the windows of the machine begin."""
        begin = [each.period.start for each in w.market.machine(M1).schedule.windows]
        return [int((each - second(0)).total_seconds()) // HOUR for each in begin]

    def test_cancelling_removes_what_is_upcoming_or_ongoing(self) -> None:
        w = world()
        for start in (3 * HOUR, DAY, HOUR):
            w.do(c.ScheduleMaintenance(by=HOST, machine=M1, window=window(start)))
        w.do(c.Tick(), 3 * HOUR)
        assert self.starts(w) == [1, 3, 24]
        [cancelled] = w.do(c.CancelMaintenance(by=HOST, machine=M1))
        assert isinstance(cancelled, e.MaintenanceCancelled)
        assert [each.period.start for each in cancelled.windows] == [second(3 * HOUR), second(DAY)]
        assert self.starts(w) == [1]  # it is over, and stays
        assert w.do(c.Tick(), 2 * DAY) == ()  # what was cancelled neither ends nor begins
        with pytest.raises(RuleViolation, match="its host scheduled and that is not over, got one"):
            w.do(c.CancelMaintenance(by=HOST, machine=M1))

    def test_one_window_by_its_number(self) -> None:
        w = world()
        numbers = []
        for start in (HOUR, DAY):
            events = w.do(c.ScheduleMaintenance(by=HOST, machine=M1, window=window(start)))
            numbers.append(find_event(events, e.MaintenanceScheduled).window.id)
        w.do(c.CancelMaintenance(by=HOST, machine=M1, window=numbers[0]))
        assert self.starts(w) == [24]
        with pytest.raises(UnknownId, match="window: need a window of machine 1 that is not over"):
            w.do(c.CancelMaintenance(by=HOST, machine=M1, window=numbers[0]))

    def test_one_of_the_marketplaces_own_by_its_number(self) -> None:
        w = world()
        for start in (HOUR, DAY):
            w.do(c.AnnounceMaintenance(machine=M1, window=window(start)))
        first, _ = w.market.machine(M1).schedule.windows
        w.do(c.WithdrawMaintenance(machine=M1, window=first.id))
        assert self.starts(w) == [24]

    def test_the_marketplaces_own_windows_are_not_the_hosts_to_cancel(self) -> None:
        w = world(2)
        w.rent(1)
        events = w.do(c.AnnounceMaintenance(machine=M1, window=window(DAY)))
        assert kinds(events) == ["MaintenanceScheduled", "ClientNotified"]
        locked = find_event(events, e.MaintenanceScheduled).window
        assert locked.locked
        with pytest.raises(RuleViolation, match="its host scheduled and that is not over, got one"):
            w.do(c.CancelMaintenance(by=HOST, machine=M1))
        with pytest.raises(NotAllowed, match="a window that the host scheduled, got one of the m"):
            w.do(c.CancelMaintenance(by=HOST, machine=M1, window=locked.id))
        w.do(c.ScheduleMaintenance(by=HOST, machine=M1, window=window(HOUR)))
        w.do(c.CancelMaintenance(by=HOST, machine=M1))
        assert self.starts(w) == [24]
        w.do(c.WithdrawMaintenance(machine=M1))
        assert self.starts(w) == []
        with pytest.raises(RuleViolation, match="the marketplace scheduled and that is not over"):
            w.do(c.WithdrawMaintenance(machine=M1))

    def test_a_host_neither_locks_nor_numbers(self) -> None:
        w = world()
        locked, numbered = changed(window(HOUR), locked=True), changed(window(HOUR), id=7)
        need = r"need a window that is not locked: only the marketplace locks windows, got one that"
        with pytest.raises(NotAllowed, match=need):
            w.do(c.ScheduleMaintenance(by=HOST, machine=M1, window=locked))
        need = r"window\.id: need 0: the market gives the number, got 7$"
        with pytest.raises(RuleViolation, match=need):
            w.do(c.ScheduleMaintenance(by=HOST, machine=M1, window=numbered))

    def test_many_machines_at_once(self) -> None:
        """As the batch of the marketplace: each has its own answer, and one refused stops none."""
        w = world()
        w.add(1, 2)
        batch = [
            (c.ScheduleMaintenance(by=HOST, machine=MachineId(n), window=window(HOUR)), w.now)
            for n in (1, 99, 2)
        ]
        market, results = execute_all(w.market, batch)
        assert [each.error is None for each in results] == [True, False, True]
        assert [len(market.machine(MachineId(n)).schedule.windows) for n in (1, 2)] == [1, 1]

    def test_an_offline_machine_charges_nothing_and_takes_nobody(self) -> None:
        w = world(2, prices(3_600, storage=2_592))
        c1 = w.rent(1, disk_mb=1_000)
        assert w.names(c.ReportOffline(machine=M1), 10) == ["MachineWentOffline"]
        paid = w.balance()
        with pytest.raises(RuleViolation, match="a machine that is online"):
            w.do(c.Rent(by=BOB, offer=w.offer(1, 1), mode=Mode.ON_DEMAND))
        assert not any(each.rentable for each in views.offers(w.market, w.now))
        with pytest.raises(RuleViolation, match="one that is offline"):
            w.do(c.ReportOffline(machine=M1))
        w.do(c.ReportOnline(machine=M1), DAY)
        assert w.balance() == paid
        with pytest.raises(RuleViolation, match="one that is online"):
            w.do(c.ReportOnline(machine=M1))
        w.do(c.Destroy(by=ANN, contract=c1), DAY + 10)
        assert w.balance() == Money(1_000 - 20) - Money("0.02")

    def test_cleaning_up_48_hours_after_the_end(self) -> None:
        w = world(2, end=second(DAY))
        c1 = w.rent(1)
        w.rent(1, 1, end=second(DAY - 1))
        assert "InstanceDestroyed" not in w.names(c.CleanUp(by=HOST, machine=M1), 3 * DAY - 2)
        assert w.names(c.CleanUp(by=HOST, machine=M1), 3 * DAY - 1) == ["InstanceDestroyed"]
        assert w.names(c.CleanUp(by=HOST, machine=M1), 3 * DAY) == ["InstanceDestroyed"]
        assert not w.instance(c1).exists

    def test_defragmenting_moves_what_may_move(self) -> None:
        w = world(4)
        one, two = w.rent(1, 0), w.rent(1, 2)
        assert w.do(c.Defragment(by=HOST, machine=M1)) == ()  # running work stays where it is
        events = w.do(c.Defragment(by=HOST, machine=M1, movable=(one, two)))
        moved = [each for each in events if isinstance(each, e.ContractMoved)]
        assert len(moved) == 1
        free = [each.gpus for each in views.offers(w.market, w.now) if each.rentable]
        assert max(free) == 2
        with pytest.raises(RuleViolation, match="movable: need contracts of machine 1"):
            w.do(c.Defragment(by=HOST, machine=M1, movable=(ContractId(99),)))

    def test_loading_contracts_move_and_bids_in_the_way_pause(self) -> None:
        w = world(4)
        w.rent(1, 0)
        loading = w.rent(1, 2, load=False)
        bid = w.rent(1, 1, by=BOB, bid="0.1")
        events = w.do(c.Defragment(by=HOST, machine=M1))
        assert kinds(events) == ["ContractMoved", "InstancePaused"]
        assert w.instance(loading).contract.block == Block(start=1, size=1)
        assert w.state(bid) == "paused"

    def test_a_bid_pauses_only_where_there_is_no_other_way(self) -> None:
        """Two GPUs of the four that are free would do: nobody runs on the other three."""
        w = world(8)
        loading = w.rent(1, 0, load=False)
        w.rent(1, 4, by=BOB)
        bid = w.rent(1, 5, bid="0.9")
        events = w.do(c.Defragment(by=HOST, machine=M1))
        assert kinds(events) == ["ContractMoved"]
        assert w.instance(loading).contract.block.start in (6, 7)
        assert w.state(bid) == "running"
        free = [each.gpus for each in views.offers(w.market, w.now) if each.rentable]
        assert max(free) == 4

    def test_nothing_moves_where_as_large_a_block_is_rentable_already(self) -> None:
        """On the other four a bid runs, which who rents them pauses."""
        w = world(8)
        w.rent(1, 0, load=False)
        w.rent(1, 2, load=False)
        w.rent(2, 2, by=BOB, bid="0.9")
        assert w.do(c.Defragment(by=HOST, machine=M1)) == ()

    def test_a_hosts_own_job_is_in_nobodys_way_either(self) -> None:
        w = world(4)
        w.rent(1, 0)
        loading = w.rent(1, 2, load=False)
        w.do(c.SetDefaultJob(by=HOST, machine=M1, image="miner"))
        assert kinds(w.do(c.Defragment(by=HOST, machine=M1))) == ["ContractMoved"]
        assert w.instance(loading).contract.block == Block(start=1, size=1)

    def test_where_nothing_can_be_made_rentable_nothing_moves(self) -> None:
        w = world(1)
        w.rent(1)
        assert w.do(c.Defragment(by=HOST, machine=M1)) == ()


class TestExpiry:
    """States: "→ expired at the end date → destroyed (any time, by the client)"."""

    def test_who_has_no_credit_either_is_told_that_it_expired(self) -> None:
        """Credit would not help: so that is not what is asked for."""
        w = world(1, prices(3_600, storage=2_592), end=second(100))
        c1 = w.rent(1, disk_mb=1_000)
        w.do(c.Tick(), 2_000_000)
        assert w.balance() <= Money(0)
        with pytest.raises(IllegalMove, match="while expired"):
            w.do(c.Start(by=ANN, contract=c1))

    def test_an_expired_instance_stores_on_and_can_only_be_destroyed(self) -> None:
        w = world(1, prices(3_600, storage=2_592), end=second(100))
        c1 = w.rent(1, disk_mb=1_000)
        w.do(c.Tick(), 200)
        assert w.state(c1) == "expired"
        for command in (
            c.Start(by=ANN, contract=c1),
            c.Stop(by=ANN, contract=c1),
            c.ChangeBid(by=ANN, contract=c1),
            c.Prepay(by=ANN, contract=c1, amount=Money(1)),
            c.SetAutoExtension(by=ANN, contract=c1, wanted=False),
        ):
            with pytest.raises(IllegalMove, match="while expired"):
                w.do(command)
        w.do(c.Label(by=ANN, contract=c1, label="old"))
        assert w.instance(c1).label == "old"
        w.do(c.CountTraffic(contract=c1))
        w.do(c.Destroy(by=ANN, contract=c1))
        assert w.balance() == Money(900) - Money("0.2")
        found = views.statement_of(w.market, c1, Interval(START, w.now), archive=w.archive)
        assert Money(1_000) - found.billed == w.balance()

    def test_when_one_expires_the_next_resumes_in_that_second(self) -> None:
        w = world(1)
        w.rent(1, end=second(50))
        c2 = w.rent(1, by=BOB, bid=1)
        events = w.do(c.Tick(), 99)
        assert [each.at for each in events] == [second(50)] * 2
        assert w.state(c2) == "running"


class TestDoor:
    """Everything that cannot be is refused by our own errors, and changes nothing."""

    def test_no_market_no_command_no_event(self) -> None:
        market = Market()
        with pytest.raises(WrongType, match="market: need a Market"):
            execute(None, c.Tick(), START)  # type: ignore[arg-type]
        with pytest.raises(WrongType, match="command: need a command"):
            execute(market, "list", START)  # type: ignore[arg-type]
        with pytest.raises(WrongType, match="event: need an event"):
            evolve(market, c.Tick())  # type: ignore[arg-type]
        with pytest.raises(WrongType, match="event"):
            event_to_json(c.Tick())  # type: ignore[arg-type]
        with pytest.raises(WrongType, match="market"):
            market_to_json("market")  # type: ignore[arg-type]

    def test_an_empty_market(self) -> None:
        market = Market()
        assert decide(market, c.Tick(), START) == ()
        assert (views.offers(market, START), views.quotes(market, START, timedelta(1))) == ((), ())
        with pytest.raises(UnknownId):
            views.earnings(market, HOST, Interval(START, second(1)))
        assert repr(market).endswith("0 machines, 0 accounts, 0 instances>")

    def test_time_goes_one_way(self) -> None:
        w = world()
        with pytest.raises(RuleViolation, match="at: need an instant from"):
            w.do(c.Tick(), -1)
        with pytest.raises(RuleViolation, match="at: need an instant from"):
            views.until(w.market, second(-1))
        later = views.until(world(end=second(9)).market, second(9))
        assert views.offers(later, second(9)) == ()

    @pytest.mark.parametrize(
        ("kind", "fields"),
        [
            (c.AddCredit, {"account": "", "amount": Money(1)}),
            (c.AddCredit, {"account": ANN, "amount": 1}),
            (c.AddCredit, {"account": ANN, "amount": Money(-1)}),
            (c.Label, {"by": ANN, "contract": 1, "label": 7}),
            (c.Label, {"by": ANN, "contract": 1, "label": "\n"}),
            (c.Label, {"by": ANN, "contract": -1, "label": ""}),
            (c.SetAutoExtension, {"by": ANN, "contract": 1, "wanted": 1}),
            (c.Defragment, {"by": HOST, "machine": 1, "movable": "12"}),
            (c.Defragment, {"by": HOST, "machine": 1, "movable": 12}),
            (c.Defragment, {"by": HOST, "machine": 1, "movable": ["1"]}),
            (c.SetMinBid, {"by": HOST, "machine": 1, "floor": PerHour(1)}),
            (c.SetMinBid, {"by": HOST, "machine": 1, "floor": None}),
            (c.Rent, {"by": ANN, "offer": 1.5, "mode": Mode.ON_DEMAND}),
            (c.Rent, {"by": ANN, "offer": 1, "mode": "on-demand"}),
            (c.Rent, {"by": ANN, "offer": 1, "mode": Mode.ON_DEMAND, "disk_mb": -1}),
            (c.CountTraffic, {"contract": 1, "sent": True}),
            (c.ListMachine, {"by": HOST, "machine": 1, "prices": 1}),
        ],
    )
    def test_wrong_types_and_values(self, kind: type[Any], fields: dict[str, Any]) -> None:
        with pytest.raises(RuleViolation, match=f"{kind.__name__}."):
            kind(**fields)

    def test_values_are_kept_in_the_form_that_is_checked(self) -> None:
        wanted = c.Defragment(by=HOST, machine=M1, movable=[ContractId(3)])
        assert wanted.movable == (3,)
        listed = c.ListMachine(by=HOST, machine=M1, prices=prices(), max_discount="0.4")
        assert listed.max_discount == Fraction(2, 5)

    @pytest.mark.parametrize(
        "fields",
        [
            {"min_gpu": 3},
            {"min_gpu": 16},
            {"max_discount": Fraction(1)},
            {"end": second(5), "rolling": timedelta(days=1)},
            {"rolling": timedelta(0)},
        ],
    )
    def test_listings_that_cannot_be(self, fields: dict[str, Any]) -> None:
        w = world()
        before = w.market
        with pytest.raises(NumgeniusError):
            w.list(prices(), **fields)
        assert w.market is before

    def test_numbers_of_offers(self) -> None:
        w = world(1)
        for number in (OfferId(w.offer(1) + 1), OfferId(0)):
            with pytest.raises(UnknownId, match="offer"):
                views.offer(w.market, number, w.now)
        with pytest.raises(WrongType, match="offer"):
            views.offer(w.market, "1", w.now)  # type: ignore[arg-type]
        assert views.offer(w.market, w.offer(1), w.now).gpus == 1

    def test_why_an_instance_waits_is_asked_of_one_that_may_wait(self) -> None:
        w = world(1)
        c1 = w.rent(1)
        w.do(c.Stop(by=ANN, contract=c1))
        with pytest.raises(RuleViolation, match="an instance that waits, got one that is stopped"):
            views.why_waiting(w.market, c1)


class TestViews:
    """Quotes, earnings, statements."""

    def test_quotes_of_each_mode(self) -> None:
        w = world(2, prices(1, storage=720, min_bid="0.5"))
        w.rent(1, 0, disk_mb=100_000)
        day = timedelta(days=1)
        on_demand = views.quotes(w.market, w.now, day, disk=1)
        assert [each.total for each in on_demand] == [Money(24 + 24)]
        bids = views.quotes(w.market, w.now, day, mode=Mode.INTERRUPTIBLE)
        assert [(each.offer.gpus, each.total) for each in bids] == [(1, Money(12))]
        waiting = w.rent(1, 0, by=BOB, bid="0.5")  # not quoted, since it waits; it is taken
        assert views.why_waiting(w.market, waiting).why is WaitReason.HELD
        reserved = views.quotes(w.market, w.now, day, mode=Mode.RESERVED)
        assert [each.discount for each in reserved] == [Fraction(2, 5) / 31]
        assert views.quotes(w.market, w.now, day, disk=451) == ()
        w.do(c.SetVerification(machine=M1, verification=Verification.UNVERIFIED))
        assert views.quotes(w.market, w.now, day, mode=Mode.RESERVED) == ()

    def test_earnings_by_kind_add_up_to_what_the_host_got(self) -> None:
        fee = Fraction(1, 4)
        w = world(2, prices(4, storage=720, upload=1, download=2, fee=fee))
        c1 = w.rent(1, disk_mb=1_000)
        c2 = w.rent(1, 1, by=BOB, bid=4)
        w.do(c.Prepay(by=ANN, contract=c1, amount=Money(500)))
        w.do(c.CountTraffic(contract=c2, sent=10**9, received=10**9), HOUR)
        w.do(c.Destroy(by=ANN, contract=c1), 2 * HOUR)
        (found,) = views.earnings(
            w.market, HOST, Interval(START, second(2 * HOUR + 1)), archive=w.archive
        )
        at = second(2 * HOUR + 1)
        assert found.total == views.balance(w.market, HOST, at)
        assert (found.upload, found.download) == (Money("0.75"), Money("1.5"))
        assert found.storage == Money("1.5")
        assert found.gpu > Money(6)

    def test_the_price_of_an_instance_has_its_storage(self) -> None:
        w = world(2, prices(2, storage=720))
        assert w.instance(w.rent(1, disk_mb=1_000)).price(w.now) == PerHour(3)

    def test_overtaken_items_leave_the_queue(self) -> None:
        w = world(1, prices(3_600))
        w.rent(1)
        for _ in range(200):
            w.do(c.AddCredit(account=ANN, amount=Money(1)))
        assert len(w.market.queue) < 100
        assert kinds(w.do(c.Tick(), 5_000)) == ["BalanceRanOut", "InstanceStopped"]


class TestFactsInWrongOrder:
    """Events may come from a file: what cannot be applied is refused by our own errors."""

    @staticmethod
    def story() -> World:
        w = world(2, prices(1, min_bid="0.1"), end=second(DAY))
        c1, c2 = w.rent(1, bid="0.2"), w.rent(1, 1, by=BOB)
        w.do(c.Prepay(by=BOB, contract=c2, amount=Money(10)))
        w.list(prices(1, storage=1), end=second(2 * DAY))
        w.do(c.AcceptPriceIncrease(by=ANN, increase=w.market.last - 1))
        w.do(c.ScheduleMaintenance(by=HOST, machine=M1, window=window(HOUR)))
        w.do(c.CountTraffic(contract=c1, sent=1))
        w.do(c.ReportOffline(machine=M1), HOUR)
        w.do(c.ReportOnline(machine=M1))
        w.do(c.Destroy(by=ANN, contract=c1), 3 * DAY)
        w.do(c.CleanUp(by=HOST, machine=M1), 9 * DAY)
        w.do(c.RemoveMachine(by=HOST, machine=M1))
        return w

    def test_each_on_an_empty_market_and_all_backwards(self) -> None:
        events = self.story().events
        market = Market()
        for event in (*events, *reversed(events)):
            for state in (Market(), market):
                try:
                    after = evolve(state, event)
                except NumgeniusError:
                    continue
                if state is market:
                    market = after

    def test_an_increase_of_a_machine_that_is_not_listed(self) -> None:
        w = world(1, end=second(DAY))
        w.rent(1)
        w.list(prices(2), end=second(2 * DAY))
        asked = w.events[-1]
        w.do(c.Unlist(by=HOST, machine=M1))
        with pytest.raises(RuleViolation, match="a machine that is listed"):
            evolve(w.market, asked)

    def test_a_snapshot_is_the_market_and_decides_the_same(self) -> None:
        w = self.story()
        for upto in range(len(w.events) + 1):
            market = replay(w.events[:upto])
            again = market_from_json(market_to_json(market))
            assert again == market
            assert replay(w.events[upto:], again) == w.market
            at = second(90 * DAY)
            assert decide(again, c.Tick(), at) == decide(market, c.Tick(), at)
            for event in w.events[:upto]:
                assert event_from_json(event_to_json(event)) == event

    def test_deciding_and_evolving_is_executing(self) -> None:
        w = world(1)
        command = c.Rent(by=ANN, offer=w.offer(1), mode=Mode.ON_DEMAND)
        after, events = execute(w.market, command, w.now)
        assert decide(w.market, command, w.now) == events
        assert replay(events, w.market) == after


class TestUnlisted:
    """A machine that is not listed has nothing to offer."""

    def test_no_blocks_no_offers(self) -> None:
        w = world(1)
        w.do(c.Unlist(by=HOST, machine=M1))
        place = w.market.machine(M1)
        assert (place.blocks(), views.offers(w.market, w.now, machine=M1)) == ((), ())
        with pytest.raises(RuleViolation, match="a machine that is listed"):
            w.do(c.Defragment(by=HOST, machine=M1))

    def test_a_free_test_starts_without_money(self) -> None:
        w = world(1)
        test = w.rent(1, by=HOST)
        w.do(c.Stop(by=HOST, contract=test))
        assert w.names(c.Start(by=HOST, contract=test)) == ["InstanceStarted", "InstanceResumed"]
