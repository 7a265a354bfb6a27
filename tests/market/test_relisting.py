"""Relisting is a merge: term by term, and who is extended by what is sent."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction
from typing import Any

import pytest

from market_world import ANN, BOB, HOST, World, prices, second, world
from numgenius_core.contracts import NotExtended, extend
from numgenius_core.errors import NotAllowed, RuleViolation, UnknownId
from numgenius_core.ids import MachineId
from numgenius_core.listing import Listing
from numgenius_core.market import commands as c, events as e, find_event, find_events, views
from numgenius_core.money import Money
from numgenius_core.rates import PerGb, PerGbMonth, PerGpuHour

M1, DAY = MachineId(1), 86_400
FULL = prices(2, storage="0.30", upload="0.01", download="0.02", min_bid="0.5", fee=Fraction(1, 4))


def relist(w: World, at: int | None = None, **sent: Any) -> tuple[e.Event, ...]:
    """Send a relisting of the first machine by its host."""
    return w.do(c.Relist(by=HOST, machine=M1, **sent), at)


def listed(w: World) -> Listing:
    """Return the listing of the first machine."""
    found = w.market.machine(M1).listing
    assert found is not None
    return found


def made(**terms: Any) -> World:
    """Return a world whose machine is listed with a value of its own for each term."""
    return world(4, FULL, min_gpu=2, max_discount=Fraction(1, 5), **terms)


class TestTheTable:
    """MARKET_PAGES e: what a request that leaves a field out does to it."""

    def test_of_a_listed_machine_all_is_kept_but_the_disk_price(self) -> None:
        w = made(end=second(10 * DAY))
        before = listed(w)
        relist(w)
        after = listed(w)
        assert after.prices.storage == PerGbMonth("0.10")
        for name in ("gpu", "upload", "download", "min_bid", "platform_fee"):
            assert getattr(after.prices, name) == getattr(before.prices, name), name
        assert (after.min_gpu, after.max_discount) == (2, Fraction(1, 5))
        assert (after.end, after.rolling) == (second(10 * DAY), None)

    @pytest.mark.parametrize("first", [True, False])
    def test_of_a_new_listing_all_takes_its_default(self, first: bool) -> None:
        w = World()
        w.add(4)
        if not first:
            w.list(FULL, min_gpu=2, max_discount=Fraction(1, 5), end=second(DAY))
            w.do(c.Unlist(by=HOST, machine=M1))
        with pytest.raises(RuleViolation, match="gpu: need a price, since machine 1 has no list"):
            relist(w)
        relist(w, gpu=PerGpuHour(1))
        found = listed(w)
        assert found.prices == prices(1, storage="0.10")
        assert (found.min_gpu, found.max_discount) == (1, Fraction(2, 5))
        assert (found.end, found.rolling) == (None, None)

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("gpu", PerGpuHour(3)),
            ("storage", PerGbMonth(3)),
            ("upload", PerGb(0)),
            ("download", PerGb(3)),
            ("min_bid", PerGpuHour(0)),
            ("platform_fee", Fraction(0)),
            ("min_gpu", 1),
            ("max_discount", Fraction(0)),
            ("end", second(20 * DAY)),
            ("rolling", timedelta(days=3)),
        ],
    )
    def test_what_is_sent_is_taken_and_nothing_else_changes(self, name: str, value: Any) -> None:
        w, other = made(end=second(10 * DAY)), made(end=second(10 * DAY))
        relist(w, **{name: value})
        relist(other)
        for each in ("gpu", "storage", "upload", "download", "min_bid", "platform_fee"):
            wanted = value if each == name else getattr(listed(other).prices, each)
            assert getattr(listed(w).prices, each) == wanted
        for each in ("min_gpu", "max_discount", "end", "rolling"):
            wanted = value if each == name else getattr(listed(other), each)
            if name == "rolling" and each == "end":
                wanted = None
            assert getattr(listed(w), each) == wanted

    def test_the_floor_set_since_is_the_one_that_is_kept(self) -> None:
        w = made()
        w.do(c.SetMinBid(by=HOST, machine=M1, floor=PerGpuHour("0.7")))
        relist(w)
        assert w.market.machine(M1).floor == listed(w).prices.min_bid == PerGpuHour("0.7")

    def test_the_floor_that_it_sends_pauses_and_lets_resume(self) -> None:
        w = made()
        w.rent(2, bid="1.2")
        found = [
            [type(each).__name__ for each in relist(w, min_bid=PerGpuHour(floor))]
            for floor in ("0.7", "0.6")
        ]
        assert found == [["MachineListed", "InstancePaused"], ["MachineListed", "InstanceResumed"]]

    def test_a_rolling_end_stands_still_where_its_offers_showed_it(self) -> None:
        w = made(rolling=timedelta(days=5))
        w.do(c.Tick(), 3 * DAY + 60)
        shown = views.offers(w.market, w.now)[0].ends_at
        relist(w)
        assert listed(w).end == shown == second(8 * DAY + 60)
        assert listed(w).rolling is None
        assert w.names(c.Tick(), 9 * DAY) == ["ListingEnded"]  # and rolled no more


class TestWhoIsExtended:
    """DOMAIN 13: any end date or duration that is sent extends every contract ending before it."""

    def rented(self) -> World:
        """Return a world with a contract that runs, and one that is stopped."""
        w = world(2, prices(1), end=second(10 * DAY))
        w.rent(1)
        stopped = w.rent(1, 1, BOB)
        w.do(c.Stop(by=BOB, contract=stopped))
        w.list(prices(1), end=second(5 * DAY))  # later contracts would end sooner
        return w

    def test_a_price_alone_extends_nobody(self) -> None:
        w = world(1, prices(1), end=second(10 * DAY))
        w.rent(1, end=second(DAY))
        assert find_events(relist(w, gpu=PerGpuHour("0.5")), e.ContractExtended) == ()

    def test_the_present_end_sent_again_extends_what_ends_sooner(self) -> None:
        w = world(2, prices(1), end=second(10 * DAY))
        short = w.rent(1, end=second(2 * DAY))
        w.do(c.Stop(by=ANN, contract=short))
        free: dict[str, Any] = {"storage": PerGbMonth(0)}
        assert find_events(relist(w, **free), e.ContractExtended) == ()
        [extended] = find_events(relist(w, end=second(10 * DAY), **free), e.ContractExtended)
        assert (extended.contract, extended.end) == (short, second(10 * DAY))

    def test_running_or_stopped_and_a_duration_as_well(self) -> None:
        w = self.rented()
        sent: dict[str, Any] = {"rolling": timedelta(days=30), "storage": PerGbMonth(0)}
        extended = find_events(relist(w, **sent), e.ContractExtended)
        assert [each.end for each in extended] == [second(30 * DAY)] * 2

    def test_after_an_unlisting_too(self) -> None:
        w = self.rented()
        w.do(c.Unlist(by=HOST, machine=M1))
        events = relist(w, gpu=PerGpuHour(1), end=second(20 * DAY), storage=PerGbMonth(0))
        assert len(find_events(events, e.ContractExtended)) == 2

    def test_the_disk_price_that_goes_back_may_be_a_raise(self) -> None:
        """Left out it is $0.10, and that raises a price of nothing: the clients are asked."""
        w = self.rented()
        events = relist(w, end=second(20 * DAY))
        asked = find_events(events, e.PriceIncreaseAsked)
        assert [str(part) for each in asked for part in each.raised] == ["storage 0.00 → 0.10"] * 2

    def test_an_increase_that_waits_blocks_until_it_is_answered(self) -> None:
        w = world(1, prices(1), end=second(DAY))
        contract = w.rent(1)
        free: dict[str, Any] = {"storage": PerGbMonth(0)}
        asked = find_event(
            relist(w, gpu=PerGpuHour(2), end=second(5 * DAY), **free), e.PriceIncreaseAsked
        )
        events = relist(w, gpu=PerGpuHour(1), end=second(9 * DAY), **free)
        assert [type(each) for each in events] == [e.MachineListed]
        [(number, pending)] = views.increases_of(w.market, ANN)
        assert (number, pending.new_end) == (asked.increase, second(5 * DAY))
        w.do(c.RejectPriceIncrease(by=ANN, increase=number))
        relist(w, end=second(9 * DAY), **free)
        assert w.instance(contract).contract.end == second(9 * DAY)

    def test_listing_anew_takes_the_question_back(self) -> None:
        w = world(1, prices(1), end=second(DAY))
        contract = w.rent(1)
        relist(w, gpu=PerGpuHour(2), end=second(5 * DAY))
        w.list(prices(1), end=second(9 * DAY))
        assert w.instance(contract).contract.end == second(9 * DAY)

    @pytest.mark.parametrize(
        "meanwhile",
        [
            c.Relist(by=HOST, machine=M1, gpu=PerGpuHour(3), end=second(9 * DAY)),
            c.Unlist(by=HOST, machine=M1),
        ],
    )
    def test_relisting_or_unlisting_takes_no_question_back(self, meanwhile: c.Command) -> None:
        w = world(1, prices(1), end=second(DAY))
        contract = w.rent(1)
        asked = find_event(relist(w, gpu=PerGpuHour(2), end=second(5 * DAY)), e.PriceIncreaseAsked)
        w.do(meanwhile)
        w.do(c.AcceptPriceIncrease(by=ANN, increase=asked.increase))
        found = w.instance(contract).contract
        assert (found.end, found.last_prices.gpu) == (second(5 * DAY), PerGpuHour(2))

    def test_the_reason_is_told(self) -> None:
        w = world(1, prices(1), end=second(DAY))
        contract = w.instance(w.rent(1)).contract
        later = Listing(machine=listed(w).machine, prices=prices(1), end=second(9 * DAY))
        [verdict] = extend([contract], later, at=w.now, asked=[contract.id]).verdicts
        assert verdict.why is NotExtended.PENDING  # type: ignore[union-attr]


class TestWhatIsRefused:
    """Bad input gets one sentence, and nothing changes."""

    def test_a_past_end_ends_the_listing_at_once(self) -> None:
        w = made(end=second(10 * DAY))
        assert relist(w, DAY, end=second(DAY)) == (e.ListingEnded(at=w.now, machine=M1),)
        assert w.market.machine(M1).listing is None
        with pytest.raises(RuleViolation, match="end: need an instant after"):
            relist(w, gpu=PerGpuHour(1), end=second(DAY))

    @pytest.mark.parametrize(
        ("sent", "said"),
        [
            ({"min_gpu": 3}, "min_gpu: need a power of two"),
            ({"min_gpu": 8}, "min_gpu"),
            ({"end": second(9), "rolling": timedelta(days=1)}, "an end date or a rolling one"),
            ({"rolling": timedelta(0)}, "rolling"),
            ({"rolling": timedelta(days=40_000)}, "rolling: need at most 36,525 days"),
        ],
    )
    def test_terms_that_make_no_listing(self, sent: dict[str, Any], said: str) -> None:
        w = made()
        before = w.market
        with pytest.raises(RuleViolation, match=said):
            relist(w, **sent)
        assert w.market is before

    def test_whose_machine(self) -> None:
        w = made()
        with pytest.raises(NotAllowed, match="the host of machine 1, got ann"):
            w.do(c.Relist(by=ANN, machine=M1))
        with pytest.raises(UnknownId, match="a machine of this market, got 9"):
            w.do(c.Relist(by=HOST, machine=MachineId(9)))

    def test_a_discount_of_one(self) -> None:
        with pytest.raises(RuleViolation, match=r"Relist\.max_discount"):
            c.Relist(by=HOST, machine=M1, max_discount=Fraction(1))

    @pytest.mark.parametrize(
        "command",
        [
            c.Relist(by=HOST, machine=M1, gpu=PerGpuHour(1)),
            c.ListMachine(by=HOST, machine=M1, prices=prices(1)),
        ],
    )
    def test_a_machine_that_is_offline_is_not_listed(self, command: c.Command) -> None:
        w = made()
        w.do(c.ReportOffline(machine=M1))
        with pytest.raises(RuleViolation, match="a machine that is online, got one that is off"):
            w.do(command)
        w.do(c.ReportOnline(machine=M1))
        w.do(command)
        assert w.balance(ANN) == Money(1_000)
