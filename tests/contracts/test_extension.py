"""Extending contracts: what a new listing does, by changes of rates, and whether it pays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, cast

import pytest
from attrs import evolve
from hypothesis import given, strategies as st

from numgenius_core.billing import History, Moved, Prepaid, statement
from numgenius_core.contracts import (
    Contract,
    Extended,
    InstanceEvent,
    NotExtended,
    PendingIncrease,
    Raise,
    RateChange,
    Stale,
    Unchanged,
    accept,
    agree,
    client_end,
    extend,
    reject,
    roll,
    to_reserved,
)
from numgenius_core.contracts.contract import is_later
from numgenius_core.contracts.extension import staleness
from numgenius_core.errors import RuleViolation, WrongType
from numgenius_core.ids import AccountId, ContractId, MachineId
from numgenius_core.intervals import Interval
from numgenius_core.listing import Listing, Machine, Mode, PriceTerms
from numgenius_core.money import Money
from numgenius_core.offer import Block
from numgenius_core.planning import Outlook, extend_or_relist
from numgenius_core.rates import PerGb, PerGbMonth, PerGpuHour, PerHour
from numgenius_core.sla import Promise

MACHINE = Machine(id=MachineId(7), host=AccountId("host"), gpu_name="A100", gpus=4)
CLIENT = AccountId("client")


def day(month: int, number: int, hour: int = 0) -> datetime:
    return datetime(2026, month, number, hour, tzinfo=UTC)


MARCH_END, JANUARY_5 = day(3, 31), day(1, 5)


def listing(
    gpu: str = "2",
    end: datetime | None = MARCH_END,
    *,
    rolling: timedelta | None = None,
    **more: str,
) -> Listing:
    """Return the machine listed at plain prices."""
    prices = PriceTerms(
        gpu=PerGpuHour(gpu),
        storage=PerGbMonth(more.get("storage", "0.1")),
        upload=PerGb(more.get("upload", "0.02")),
        download=PerGb(more.get("download", "0.01")),
        min_bid=PerGpuHour(more.get("min_bid", "0")),
        platform_fee=Fraction(more.get("fee", "0.25")),
    )
    return Listing(machine=MACHINE, prices=prices, end=end, rolling=rolling)


def rented(
    source: Listing | None = None,
    *,
    number: int = 1,
    at: datetime = JANUARY_5,
    end: datetime | None = None,
    bid: str | None = None,
    client: AccountId = CLIENT,
) -> Contract:
    """Return a contract for two GPUs with 100 GB."""
    return agree(
        source or listing(),
        Block(start=0, size=2),
        id=ContractId(number),
        client=client,
        at=at,
        end=end,
        mode=Mode.ON_DEMAND if bid is None else Mode.INTERRUPTIBLE,
        bid=None if bid is None else PerHour(bid),
        disk_mb=100_000,
    )


prices_near = st.sampled_from(["0", "0.5", "1", "1.999999999999", "2", "2.000000000001", "3"])
ends = st.one_of(
    st.none(), st.integers(1, 400).map(lambda n: day(1, 6) + timedelta(days=n, seconds=n % 3))
)


@st.composite
def listings(draw: st.DrawFn) -> Listing:
    """Return listings whose prices lie around each other."""
    parts: dict[str, Any] = {p: draw(prices_near) for p in ("storage", "upload", "download")}
    gpu = draw(prices_near)
    floor = draw(prices_near.filter(lambda p: float(p) <= float(gpu)))
    fee = draw(st.sampled_from(["0", "0.25", "0.3"]))
    return listing(gpu, draw(ends), min_bid=floor, fee=fee, **parts)


@st.composite
def fleets(draw: st.DrawFn) -> list[Contract]:
    """Return contracts of the machine, some of them extended before."""
    terms = []
    for number in range(draw(st.integers(0, 4))):
        bid = draw(st.sampled_from([None, None, "1", "4"]))
        end = draw(st.integers(2, 90).map(lambda n: day(1, 5) + timedelta(days=n)))
        first = evolve(draw(listings()), end=draw(st.sampled_from([end, end, None])))
        if bid is not None:  # no rental takes less than the floor for its two GPUs
            bid = str(max(Decimal(bid), 2 * first.prices.min_bid.to_decimal()))
        contract = rented(first, number=number, bid=bid)
        if bid is None and draw(st.booleans()):
            contract = to_reserved(contract, Fraction(1, 5))
        term = contract
        if draw(st.booleans()):
            (term,) = extend([term], draw(listings()), at=day(1, 6), ask=False).contracts
        terms.append(term)
    return terms


class TestALaterEndAtTheSameOrALowerPrice:
    """Hosting guide, G9.

    "To extend all current contracts on a machine, change the end date to a
    later time with the same or lower pricing."
    """

    @pytest.mark.parametrize("gpu", ["2", "1.5", "0"])
    def test_extends_every_contract_to_the_new_end(self, gpu: str) -> None:
        done = extend([rented(), rented(number=2)], listing(gpu, day(6, 30)), at=day(2, 1))
        assert done.extended == 2
        assert str(done) == "extended: 2"
        for verdict in done.verdicts:
            assert isinstance(verdict, Extended)
            assert (verdict.old_end, verdict.end) == (day(3, 31), day(6, 30))

    def test_keeps_the_locked_rates_until_the_old_end_and_the_new_ones_after_it(self) -> None:
        (term,) = extend([rented()], listing("1.5", day(6, 30)), at=day(2, 1)).contracts
        before, after = day(3, 31) - timedelta(seconds=1), day(3, 31)
        assert term.gpu_rate_at(before) == PerHour(4)
        assert term.gpu_rate_at(after) == PerHour(3)
        pieces = term.rates(Interval(day(3, 1), day(5, 1)))
        assert [str(prices.gpu) for _, prices in pieces] == ["2.00", "1.50"]
        assert pieces[0][0].end == day(3, 31) == pieces[1][0].start

    def test_makes_no_segment_where_the_prices_stay(self) -> None:
        (term,) = extend([rented()], listing("2", day(6, 30)), at=day(2, 1)).contracts
        assert term == evolve(rented(), end=day(6, 30))

    def test_without_an_end_extends_for_ever(self) -> None:
        (term,) = extend([rented()], listing("2", None), at=day(2, 1)).contracts
        assert term.end is None

    @given(fleet=fleets(), new=listings())
    def test_every_contract_gets_exactly_one_verdict(
        self, fleet: list[Contract], new: Listing
    ) -> None:
        done = extend(fleet, new, at=day(1, 20))
        unchanged = sum(isinstance(v, Unchanged) for v in done.verdicts)
        assert done.extended + unchanged + len(done.pending) == len(fleet)
        assert [t.id for t in done.contracts] == [t.id for t in fleet]

    @given(fleet=fleets(), new=listings(), ask=st.booleans())
    def test_no_listing_shortens_a_contract_or_raises_a_locked_rate(
        self, fleet: list[Contract], new: Listing, ask: bool
    ) -> None:
        done = extend(fleet, new, at=day(1, 20), ask=ask)
        for old, now in zip(fleet, done.contracts, strict=True):
            assert now.end == old.end or is_later(now.end, old.end)
            assert now.start == old.start
            assert now.prices == old.prices
            for instant in (day(1, 5), day(1, 20), day(3, 1), old.end or day(6, 1)):
                assert not old.gpu_rate_at(instant) < now.gpu_rate_at(instant)
                for part in ("storage", "upload", "download", "platform_fee"):
                    before = getattr(old.prices_at(instant), part)
                    assert getattr(now.prices_at(instant), part) <= before
                if old.end is None or instant < old.end:
                    assert now.prices_at(instant) == old.prices_at(instant)

    @given(fleet=fleets(), new=listings(), first=ends, second=ends)
    def test_extending_twice_is_extending_to_the_later_end(
        self, fleet: list[Contract], new: Listing, first: datetime | None, second: datetime | None
    ) -> None:
        def step(terms: tuple[Contract, ...], end: datetime | None) -> tuple[Contract, ...]:
            return extend(terms, evolve(new, end=end), at=day(1, 6), ask=False).contracts

        later = first if is_later(first, second) else second
        start = tuple(fleet)
        assert step(step(start, first), second) == step(start, later)

    @given(fleet=fleets(), new=listings())
    def test_the_verdict_is_what_the_guide_says_part_by_part(
        self, fleet: list[Contract], new: Listing
    ) -> None:
        """An oracle from the prose: compare price by price, in dollars."""
        at = day(1, 20)
        for verdict, term in zip(extend(fleet, new, at=at).verdicts, fleet, strict=True):
            far = datetime(9999, 1, 1, tzinfo=UTC)
            end, new_end = term.end or far, new.end or far
            locked = term.rate_changes[-1].prices if term.rate_changes else term.prices
            pays_gpu = term.bid is None
            raised = {
                p
                for p in ("gpu", "storage", "upload", "download", "platform_fee")
                if getattr(new.prices, p) > getattr(locked, p) and (pays_gpu or p != "gpu")
            }
            if term.bid is not None:
                bid = term.bid.to_decimal()
                if term.rate_changes:
                    bid = max(bid, 2 * locked.min_bid.to_decimal())
                if 2 * new.prices.min_bid.to_decimal() > bid:
                    raised.add("min_bid")
            if end <= at or new_end <= end:
                assert isinstance(verdict, Unchanged)
                assert verdict.why is (NotExtended.EXPIRED if end <= at else NotExtended.NOT_LATER)
            elif raised:
                assert isinstance(verdict, PendingIncrease)
                assert {r.part for r in verdict.raised} == raised
            else:
                assert isinstance(verdict, Extended)
                assert verdict.end == new.end


class TestARaisedPrice:
    """Hosting guide, G9: "With raised pricing, current contracts cannot be extended".

    The marketplace asks the client instead: a pending price increase.
    """

    def test_leaves_the_contract_and_asks_with_every_raised_part(self) -> None:
        new = listing("2.5", day(6, 30), storage="0.2", fee="0.3")
        (verdict,) = extend([rented()], new, at=day(2, 1)).verdicts
        assert isinstance(verdict, PendingIncrease)
        assert verdict.contract == rented()
        assert verdict.raised == (
            Raise(part="gpu", old=PerGpuHour(2), new=PerGpuHour("2.5")),
            Raise(part="storage", old=PerGbMonth("0.1"), new=PerGbMonth("0.2")),
            Raise(part="platform_fee", old=Fraction(1, 4), new=Fraction(3, 10)),
        )
        assert (verdict.contract_end, verdict.new_end) == (day(3, 31), day(6, 30))
        assert str(verdict.raised[0]) == "gpu 2.00 → 2.50"

    @pytest.mark.parametrize("part", ["storage", "upload", "download"])
    def test_in_any_one_part_is_enough(self, part: str) -> None:
        done = extend(
            [rented()],
            listing("1", day(6, 30), **cast("dict[str, Any]", {part: "5"})),
            at=day(2, 1),
        )
        assert [r.part for r in done.pending[0].raised] == [part]

    def test_is_refused_outright_where_nobody_asks(self) -> None:
        (verdict,) = extend([rented()], listing("3", day(6, 30)), at=day(2, 1), ask=False).verdicts
        assert isinstance(verdict, Unchanged)
        assert verdict.why is NotExtended.RAISED
        assert [r.part for r in verdict.raised] == ["gpu"]

    def test_is_compared_with_the_rates_of_the_last_segment(self) -> None:
        lower = extend([rented()], listing("1.5", day(4, 30)), at=day(2, 1)).contracts
        done = extend(lower, listing("1.75", day(6, 30)), at=day(2, 2))
        assert done.pending[0].raised == (
            Raise(part="gpu", old=PerGpuHour("1.5"), new=PerGpuHour("1.75")),
        )

    def test_applies_after_the_current_end_only_once_accepted(self) -> None:
        (ask,) = extend([rented()], listing("2.5", day(6, 30)), at=day(2, 1)).pending
        done = accept(ask, ask.contract, at=day(2, 2))
        assert (done.old_end, done.end) == (day(3, 31), day(6, 30))
        assert done.contract.gpu_rate_at(day(3, 30)) == PerHour(4)
        assert done.contract.gpu_rate_at(day(3, 31)) == PerHour(5)

    def test_rejected_ends_as_agreed(self) -> None:
        (ask,) = extend([rented()], listing("2.5", day(6, 30)), at=day(2, 1)).pending
        verdict = reject(ask, ask.contract)
        assert (verdict.contract, verdict.why) == (rented(), NotExtended.REJECTED)
        assert verdict.raised == ask.raised


class TestAPendingIncreaseGoesStale:
    """DOMAIN 7: rejected or left, a contract ends as agreed.

    An increase is stale once the contract ended, was extended otherwise, or a newer listing
    supersedes it.
    """

    ASK = extend([rented()], listing("2.5", day(6, 30)), at=day(2, 1)).pending[0]

    def test_stays_open_until_the_last_second(self) -> None:
        last = day(3, 31) - timedelta(seconds=1)
        assert staleness(self.ASK, self.ASK.contract, at=last, listing=self.ASK.listing) is None

    def test_when_the_contract_has_ended(self) -> None:
        assert staleness(self.ASK, self.ASK.contract, at=day(3, 31)) is Stale.ENDED

    def test_when_it_was_extended_otherwise(self) -> None:
        (longer,) = extend([self.ASK.contract], listing("2", day(4, 30)), at=day(2, 2)).contracts
        assert staleness(self.ASK, longer, at=day(2, 3)) is Stale.EXTENDED
        with pytest.raises(RuleViolation, match="still open, got extended"):
            accept(self.ASK, longer, at=day(2, 3))

    def test_when_another_listing_supersedes_it(self) -> None:
        newer = listing("2.4", day(6, 30))
        assert (
            staleness(self.ASK, self.ASK.contract, at=day(2, 3), listing=newer) is Stale.SUPERSEDED
        )
        with pytest.raises(RuleViolation, match="superseded"):
            accept(self.ASK, self.ASK.contract, at=day(2, 3), listing=newer)

    def test_and_is_of_one_contract_only(self) -> None:
        with pytest.raises(RuleViolation, match="need contract 1, got contract 2"):
            staleness(self.ASK, rented(number=2), at=day(2, 3))

    def test_a_contract_that_never_ends_has_nothing_to_accept(self) -> None:
        endless = rented(listing(end=None))
        odd = evolve(self.ASK, contract=endless)
        with pytest.raises(RuleViolation, match="got nothing"):
            accept(odd, endless, at=day(2, 2))


class TestWhatNeverChangesAContract:
    """Hosting guide, G3: "The host must honour it until its end date".

    DOMAIN 7: a shorter end date, a new price or unlisting never changes an existing contract.
    """

    @pytest.mark.parametrize("end", [day(3, 30), day(3, 31)])
    def test_an_end_that_is_not_later(self, end: datetime) -> None:
        (verdict,) = extend([rented()], listing("1", end), at=day(2, 1)).verdicts
        assert verdict == Unchanged(contract=rented(), why=NotExtended.NOT_LATER)

    def test_a_contract_without_an_end_has_no_later_one(self) -> None:
        endless = rented(listing(end=None))
        for end in (day(9, 1), None):
            (verdict,) = extend([endless], listing("2", end), at=day(2, 1)).verdicts
            assert isinstance(verdict, Unchanged)
            assert verdict.why is NotExtended.NOT_LATER

    def test_once_expired(self) -> None:
        (verdict,) = extend([rented()], listing("2", day(6, 30)), at=day(3, 31)).verdicts
        assert isinstance(verdict, Unchanged)
        assert verdict.why is NotExtended.EXPIRED

    def test_a_client_who_opted_out(self) -> None:
        both = [rented(), rented(number=2)]
        done = extend(both, listing("2", day(6, 30)), at=day(2, 1), opted_out={ContractId(2)})
        assert done.extended == 1
        assert done.verdicts[1] == Unchanged(contract=both[1], why=NotExtended.OPTED_OUT)

    def test_no_contracts_are_all_extended(self) -> None:
        assert str(extend([], listing(), at=day(2, 1))) == "extended: 0"

    def test_a_contract_of_another_machine_is_a_mistake(self) -> None:
        other = evolve(rented(), machine=MachineId(8))
        with pytest.raises(RuleViolation, match=r"contracts\[0\]: need a contract of machine 7"):
            extend([other], listing("2", day(6, 30)), at=day(2, 1))

    def test_other_things_are_refused(self) -> None:
        with pytest.raises(WrongType, match=r"contracts\[0\]: need a Contract"):
            extend(["contract"], listing(), at=day(2, 1))  # type: ignore[list-item]
        with pytest.raises(WrongType, match="listing"):
            extend([], None, at=day(2, 1))  # type: ignore[arg-type]
        with pytest.raises(WrongType, match="at: need a datetime"):
            extend([], listing(), at="now")  # type: ignore[arg-type]
        with pytest.raises(WrongType, match="contracts: need a series"):
            extend(5, listing(), at=day(2, 1))  # type: ignore[arg-type]
        with pytest.raises(WrongType, match="opted_out: need a series"):
            extend([], listing(), at=day(2, 1), opted_out=5)  # type: ignore[arg-type]
        with pytest.raises(WrongType, match="period"):
            roll([], listing(), 5)  # type: ignore[arg-type]
        with pytest.raises(WrongType, match="pending"):
            reject(None, rented())  # type: ignore[arg-type]


class TestRollingEnds:
    """Hosting guide: an end date is fixed, or rolling: each day it is set to now + duration."""

    def test_each_day_the_contract_ends_a_day_later(self) -> None:
        rolling = listing("2", None, rolling=timedelta(days=30))
        contract = rented(rolling)
        assert contract.end == day(2, 4)
        (term,) = roll([contract], rolling, Interval(day(1, 6), day(1, 10)))
        assert term.end == day(2, 8)  # the last roll is on the 9th

    def test_a_piece_of_a_day_has_its_roll_at_its_start(self) -> None:
        rolling = listing("2", None, rolling=timedelta(days=30))
        (term,) = roll([rented(rolling)], rolling, Interval(day(1, 6), day(1, 7, 1)))
        assert term.end == day(2, 6)

    def test_a_contract_that_expires_between_two_rolls_is_over(self) -> None:
        rolling = listing("2", None, rolling=timedelta(hours=3))
        (term,) = roll([rented(rolling)], rolling, Interval(day(1, 5, 1), day(1, 9)))
        assert term.end == day(1, 5, 4)

    def test_who_opted_out_stays(self) -> None:
        rolling = listing("2", None, rolling=timedelta(days=30))
        period = Interval(day(1, 6), day(1, 20))
        (term,) = roll([rented(rolling)], rolling, period, opted_out=[ContractId(1)])
        assert term.end == day(2, 4)

    def test_a_raised_price_is_never_rolled_into(self) -> None:
        dearer = listing("3", None, rolling=timedelta(days=90))
        (term,) = roll([rented()], dearer, Interval(day(1, 6), day(1, 20)))
        assert term == rented()


class TestInterruptiblesAndReserved:
    """DOMAIN 7: "Reserved contracts extend like on-demand ones".

    Our reading: an interruptible compares storage, traffic and fee, and its own bid against the
    new floor.
    """

    def test_a_raised_gpu_price_does_not_touch_a_bidder(self) -> None:
        done = extend([rented(bid="3")], listing("9", day(6, 30)), at=day(2, 1))
        assert done.extended == 1
        assert done.contracts[0].gpu_rate_at(day(5, 1)) == PerHour(3)
        assert done.contracts[0].last_prices.gpu == PerGpuHour(2)

    def test_a_floor_up_to_the_bid_extends(self) -> None:
        done = extend([rented(bid="3")], listing("2", day(6, 30), min_bid="1.5"), at=day(2, 1))
        assert done.extended == 1

    def test_a_floor_above_the_bid_is_a_raised_part(self) -> None:
        done = extend([rented(bid="3")], listing("2", day(6, 30), min_bid="1.6"), at=day(2, 1))
        (ask,) = done.pending
        assert ask.raised == (Raise(part="min_bid", old=PerHour(3), new=PerHour("3.2")),)
        term = accept(ask, ask.contract, at=day(2, 2)).contract
        assert term.gpu_rate_at(day(3, 30)) == PerHour(3)
        assert term.gpu_rate_at(day(4, 1)) == PerHour("3.2")
        assert term.gpu_rate_at(day(4, 1), PerHour(4)) == PerHour(4)
        # A further extension compares what it pays by then.
        again = extend([term], listing("2", day(7, 31), min_bid="1.6"), at=day(2, 3))
        assert again.extended == 1

    def test_a_free_test_is_asked_nothing_as_it_pays_nothing(self) -> None:
        own = rented(client=MACHINE.host)
        done = extend([own], listing("9", day(6, 30), storage="1"), at=day(2, 1))
        assert (done.extended, done.pending) == (1, ())
        assert done.contracts[0].gpu_rate_at(day(5, 1)) == PerHour(0)

    def test_a_free_test_has_no_floor_to_meet(self) -> None:
        own = rented(bid="1", client=MACHINE.host)
        done = extend([own], listing("2", day(6, 30), min_bid="2"), at=day(2, 1))
        assert done.extended == 1
        assert done.contracts[0].gpu_rate_at(day(5, 1)) == PerHour(0)

    def test_a_reserved_contract_keeps_its_discount(self) -> None:
        reserved = to_reserved(rented(), Fraction(1, 5))
        (term,) = extend([reserved], listing("1", day(6, 30)), at=day(2, 1)).contracts
        assert term.mode is Mode.RESERVED
        assert term.gpu_rate_at(day(3, 30)) == PerHour("3.2")
        assert term.gpu_rate_at(day(4, 1)) == PerHour("1.6")

    def test_a_bid_above_the_old_floor_alone_is_no_increase(self) -> None:
        """The floor when it rented binds nobody later: before an extension the bid is the price."""
        low = evolve(rented(listing(min_bid="0.5"), bid="3"), bid=PerHour("0.5"))
        assert low.gpu_rate_at(day(2, 1)) == PerHour("0.5")


class TestThePublishedExample:
    """DOMAIN 11, the published example.

    "4×A100 at $2.00/GPU/h until 31 March. 5 Jan: A rents 2. 20 Jan: relisted at
    $2.50 until 30 June. 1 Feb: B rents 2. A keeps $2.00 to 31 March, B has $2.50 to 30 June; the
    machine is committed until 30 June."
    """

    def test_holds_from_listing_to_commitment(self) -> None:
        a = rented(listing("2"), number=1, at=day(1, 5))
        relisted = listing("2.5", day(6, 30))
        done = extend([a], relisted, at=day(1, 20))
        assert done.extended == 0
        assert done.contracts == (a,)
        b = rented(relisted, number=2, at=day(2, 1))
        assert (a.prices.gpu, a.end) == (PerGpuHour(2), day(3, 31))
        assert (b.prices.gpu, b.end) == (PerGpuHour("2.5"), day(6, 30))
        assert client_end([a, b]) == day(6, 30)


class TestTerms:
    """A contract with the rates of its extensions, in order of time and within its life."""

    def test_rate_changes_lie_within_the_contract_in_order(self) -> None:
        prices = rented().prices
        for since in (day(1, 5), day(3, 31), day(4, 2)):
            with pytest.raises(RuleViolation, match=r"contract.rate_changes\[0\].since"):
                evolve(rented(), rate_changes=(RateChange(since=since, prices=prices),))
        two = (
            RateChange(since=day(2, 2), prices=prices),
            RateChange(since=day(2, 2), prices=prices),
        )
        with pytest.raises(RuleViolation, match=r"contract.rate_changes\[1\].since"):
            evolve(rented(), rate_changes=two)
        assert len(evolve(rented(listing(end=None)), rate_changes=two[:1]).rate_changes) == 1

    def test_are_of_the_right_types(self) -> None:
        with pytest.raises(WrongType, match=r"contract.rate_changes\[0\]"):
            evolve(rented(), rate_changes=(rented().prices,))  # type: ignore[arg-type]
        with pytest.raises(WrongType, match=r"rate_change.prices"):
            RateChange(since=day(1, 1), prices=None)  # type: ignore[arg-type]

    @pytest.mark.parametrize("end", [day(3, 31), day(3, 1)])
    def test_are_never_shortened(self, end: datetime) -> None:
        with pytest.raises(RuleViolation, match="end: need later than 2026-03-31"):
            rented().extended(end, rented().prices)

    def test_without_an_end_are_never_extended(self) -> None:
        with pytest.raises(RuleViolation, match="later than never, got never"):
            rented(listing(end=None)).extended(None, rented().prices)

    def test_a_contract_that_was_just_agreed_has_none(self) -> None:
        assert rented().rate_changes == ()

    @given(first=ends, second=ends)
    def test_never_is_later_than_any_end(
        self, first: datetime | None, second: datetime | None
    ) -> None:
        far = datetime(9999, 12, 31, tzinfo=UTC)
        assert is_later(first, second) == ((first or far) > (second or far))


class TestWhetherToExtend:
    """The guide says how to extend, not whether: both choices under a stated demand."""

    NEW_END = day(4, 30)  # 30 days later: 720 hours

    @staticmethod
    def demand(days: int, gpu: str, share: str = "1", fee: str = "0.25") -> Outlook:
        prices = PriceTerms(
            gpu=PerGpuHour(gpu), storage=PerGbMonth("0.1"), platform_fee=Fraction(fee)
        )
        return Outlook(vacancy=timedelta(days=days), prices=prices, share=Fraction(share))

    def test_counts_what_the_host_receives_of_gpus_and_disk(self) -> None:
        advice = extend_or_relist(rented(), self.NEW_END, self.demand(6, "2.5"))
        assert advice.period == Interval(day(3, 31), day(4, 30))
        assert advice.extend == Money("2167.50")  # 0.75 × (4 × 720 + 0.1 × 100)
        assert advice.relist == Money("2166.00")  # 0.75 × (5 × 576 + 8)
        assert advice.better == "extend"

    def test_names_the_longest_vacancy_at_which_relisting_earns_as_much(self) -> None:
        advice = extend_or_relist(rented(), self.NEW_END, self.demand(5, "2.5"))
        assert advice.better == "relist"
        assert advice.break_even is not None
        for seconds, better in ((0, "relist"), (1, "extend")):
            demand = evolve(
                self.demand(0, "2.5"), vacancy=advice.break_even + timedelta(seconds=seconds)
            )
            assert extend_or_relist(rented(), self.NEW_END, demand).better == better

    def test_an_even_market_is_a_tie_that_extends(self) -> None:
        advice = extend_or_relist(rented(), self.NEW_END, self.demand(0, "2"))
        assert advice.extend == advice.relist
        assert (advice.better, advice.break_even) == ("extend", timedelta(0))

    def test_a_poorer_market_has_no_break_even(self) -> None:
        advice = extend_or_relist(rented(), self.NEW_END, self.demand(0, "2.5", share="0.5"))
        assert advice.break_even is None
        assert advice.relist == Money("1353.75")  # 0.75 × 0.5 × (5 × 720 + 10)

    def test_longer_vacancy_than_the_extension_earns_nothing(self) -> None:
        assert extend_or_relist(rented(), self.NEW_END, self.demand(31, "9")).relist == Money(0)

    def test_a_free_test_earns_nothing_so_any_market_is_as_good(self) -> None:
        advice = extend_or_relist(rented(client=MACHINE.host), self.NEW_END, self.demand(0, "1"))
        assert advice.extend == Money(0)
        assert advice.break_even == timedelta(days=30)

    def test_nothing_against_nothing_is_even_for_the_whole_time(self) -> None:
        own, demand = rented(client=MACHINE.host), self.demand(0, "0", share="0")
        assert extend_or_relist(own, self.NEW_END, demand).break_even == timedelta(days=30)

    @given(
        days=st.integers(0, 40),
        gpu=st.sampled_from(["0", "1", "2", "2.5", "7.333333333333"]),
        share=st.fractions(0, 1, max_denominator=9),
        fee=st.sampled_from(["0", "0.25", "0.3"]),
    )
    def test_agrees_with_fractions_of_dollars(
        self, days: int, gpu: str, share: Fraction, fee: str
    ) -> None:
        advice = extend_or_relist(rented(), self.NEW_END, self.demand(days, gpu, str(share), fee))
        hours = max(0, 720 - 24 * days)
        keeps = 1 - (Fraction(fee) or Fraction(1, 4))  # the contract's, where none is named
        exact = share * keeps * (2 * Fraction(gpu) * hours + 10 * Fraction(hours, 720))
        got = Fraction(advice.relist.to_decimal(12))
        assert abs(got - exact) <= Fraction(1, 10**8)  # a rate of the host's is rounded once
        assert (advice.break_even is not None) == (
            share * keeps * (1440 * Fraction(gpu) + 10) >= Fraction(3, 4) * 2890
        )

    def test_a_lower_price_never_beats_the_contract_whose_fee_it_leaves_out(self) -> None:
        """DOMAIN 2: one fee is the platform's share of what any client pays; both are net of it."""
        lower = self.demand(0, "1.60", fee="0")
        found = extend_or_relist(rented(), self.NEW_END, lower)
        assert found.extend == Money("2167.50")  # 0.75 × (4 × 720 + 0.1 × 100)
        assert found.relist == Money("1735.50")  # 0.75 × (3.2 × 720 + 0.1 × 100)
        assert (found.better, found.break_even) == ("extend", None)
        found = extend_or_relist(rented(), self.NEW_END, self.demand(0, "1.60", fee="0.5"))
        assert found.relist == Money("1157.00")  # 0.5 × (3.2 × 720 + 0.1 × 100)

    def test_a_reserved_contract_is_extended_undiscounted(self) -> None:
        """DOMAIN 13: "a prepayment must fit before the contract's end", so none is left then."""
        reserved = to_reserved(rented(), "0.2")
        advice = extend_or_relist(reserved, self.NEW_END, self.demand(0, "1.8"))
        assert advice.extend == Money("2167.50")  # 0.75 × (4 × 720 + 0.1 × 100), as on demand
        assert advice.better == "extend"

    def test_what_a_reserved_contract_will_pay_is_what_its_statement_says(self) -> None:
        """Prepaid to its end and then extended: the days after it are billed in full."""
        contract = to_reserved(evolve(rented(), end=day(1, 15)), "0.2")
        days, later = Interval(contract.start, day(1, 15)), day(1, 25)
        deposit = PerHour("4").charge(days.seconds).scaled(Fraction(4, 5))
        loaded = Moved(at=contract.start, event=InstanceEvent.LOADED)
        prepaid = Prepaid(at=contract.start, amount=deposit, discount=Fraction(1, 5))
        longer = contract.extended(later, contract.prices)
        history = History(contract=longer, facts=(loaded, prepaid))
        bill = statement(history, Interval(day(1, 15), later))
        found = extend_or_relist(contract, later, self.demand(0, "1.8"))
        assert found.extend == bill.payout == Money("722.50")  # 0.75 × (4 × 240 + 0.1 × 100 ÷ 3)

    def test_it_prints_both_incomes(self) -> None:
        advice = extend_or_relist(rented(), self.NEW_END, self.demand(0, "2"))
        when = "2026-03-31 00:00:00 … 2026-04-30 00:00:00 UTC"
        assert str(advice).splitlines() == [
            f"{when}: relisting earns as much up to a vacancy of 0:00:00",
            "choice (* better)  income $",
            "extend *            2167.50",
            "relist              2167.50",
        ]
        incomes = [("extend", 2167.5), ("relist", 2167.5)]
        assert advice.to_dicts() == [{"choice": c, "income": income} for c, income in incomes]
        poorer = extend_or_relist(rented(), self.NEW_END, self.demand(0, "1"))
        assert str(poorer).startswith(f"{when}: relisting earns less even if let at once\n")

    def test_needs_an_end_to_extend(self) -> None:
        with pytest.raises(RuleViolation, match="new_end: need later than 2026-03-31"):
            extend_or_relist(rented(), day(3, 31), self.demand(1, "2"))
        with pytest.raises(RuleViolation, match="new_end: need later than never"):
            extend_or_relist(rented(listing(end=None)), day(3, 31), self.demand(1, "2"))
        with pytest.raises(WrongType, match="contract: need a Contract"):
            extend_or_relist(None, day(3, 31), self.demand(1, "2"))  # type: ignore[arg-type]


class TestTheFloorThatAnInterruptibleAccepts:
    """DOMAIN 6: an extension compares with the rental; a floor binds from the first one on."""

    def test_at_no_floor_nothing_new_is_agreed(self) -> None:
        term = rented(listing(min_bid="0"), bid="1")
        assert term.extended(day(4, 30), term.prices).rate_changes == ()

    def test_the_floor_of_the_rental_binds_after_its_first_end(self) -> None:
        term = rented(listing(min_bid="0.25"), bid="0.5")
        (later,) = term.extended(day(4, 30), term.prices).rate_changes
        assert (later.since, later.prices.min_bid) == (MARCH_END, PerGpuHour("0.25"))

    def test_it_holds_from_the_very_instant(self) -> None:
        term = rented(listing(min_bid="0.25"), bid="0.5")
        dearer = evolve(term.prices, min_bid=PerGpuHour(1))
        longer = term.extended(day(4, 30), dearer)
        assert longer.gpu_rate_at(MARCH_END) == PerHour(2)
        assert longer.gpu_rate_at(MARCH_END - timedelta(seconds=1)) == PerHour("0.5")


class TestADayAndASecondRollTwice:
    """DOMAIN 6: a rolling end is set anew each day, the last time before the period's end."""

    def test_it_rolls_again_when_the_second_day_begins(self) -> None:
        rolling = listing(end=None, rolling=timedelta(days=30))
        first = day(1, 6)
        for seconds, rolls in ((86_400, 0), (86_401, 1)):
            period = Interval(first, first + timedelta(seconds=seconds))
            (term,) = roll([rented(rolling)], rolling, period)
            assert term.end == first + timedelta(days=30 + rolls)


class TestAPromiseOfUptime:
    """Published: "raise the contract's fee, or whose claim falls below its target, skips it"."""

    @pytest.mark.parametrize(
        ("promise", "price", "why"),
        [
            (Promise("0.99"), "3.50", None),
            (Promise("0.995"), "3.40", None),
            (Promise("0.95", "0.1"), "0.01", None),
            (Promise("0.99"), "3.51", NotExtended.SLA_FEE_RISES),
            (Promise("0.989"), "3.50", NotExtended.SLA_FEE_RISES),
            (Promise("0.99", "0.51"), "3.50", NotExtended.SLA_FEE_RISES),
            (Promise("0.949"), "0.01", NotExtended.SLA_CLAIM_BELOW_TARGET),
            (None, "0.01", NotExtended.SLA_CLAIM_BELOW_TARGET),
        ],
    )
    def test_skips(self, promise: Promise | None, price: str, why: NotExtended | None) -> None:
        first = evolve(listing("3.50", storage="0"), promise=Promise("0.99"))
        contract = agree(
            first,
            Block(start=0, size=1),
            id=ContractId(1),
            client=CLIENT,
            at=JANUARY_5,
            target="0.95",
        )
        later = evolve(listing(price, day(6, 30), storage="0"), promise=promise)
        (verdict,) = extend([contract], later, at=day(2, 1)).verdicts
        assert getattr(verdict, "why", None) is why
        assert verdict.contract.end == (day(6, 30) if why is None else MARCH_END)
        assert verdict.contract.sla == contract.sla
