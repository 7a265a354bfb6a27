"""The book of a machine's bids, event after event."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from attrs import evolve
from hypothesis import given, strategies as st

from bid_cases import block, ids, machines, slowly
from effort import examples
from numgenius_core.bids import (
    BidBook,
    BookEvent,
    Claim,
    ClaimEntered,
    ClaimLeft,
    ClaimPaused,
    ClaimResumed,
    ClaimStarted,
    FloorSet,
    Rank,
    Repriced,
    WaitReason,
    resolve,
)
from numgenius_core.errors import RuleViolation, WrongType
from numgenius_core.ids import ContractId
from numgenius_core.offer import Block
from numgenius_core.rates import PerGpuHour, PerHour
from numgenius_core.testing import bids

SOME = Block(start=0, size=1)
ALL = Block(start=0, size=8)


def no(number: int) -> ContractId:
    return ContractId(number)


class Ledger:
    """The same book kept in the obvious way: a list of claims, resolved anew each time."""

    def __init__(self, floor: PerGpuHour) -> None:
        self.claims: list[Claim] = []
        self.floor = floor
        self.arrivals = 0

    def take(self, event: BookEvent) -> None:
        if isinstance(event, FloorSet):
            self.floor = event.floor
        elif isinstance(event, ClaimLeft):
            self.claims = [claim for claim in self.claims if claim.id != event.id]
        elif isinstance(event, ClaimEntered):
            self.arrivals += 1
            entered = (event.id, event.block, event.rank, event.bid)
            self.claims.append(_made(*entered, self.arrivals))
        else:
            (old,) = [claim for claim in self.claims if claim.id == event.id]
            if old.bid != event.bid:
                self.arrivals += 1
                self.claims.remove(old)
                self.claims.append(evolve(old, bid=event.bid, arrival=self.arrivals))

    def running(self) -> list[int]:
        return slowly(self.claims, self.floor)


def _made(
    number: ContractId, where: Block, rank: Rank, price: PerHour | None, arrival: int
) -> Claim:
    return Claim(id=number, block=where, rank=rank, bid=price, arrival=arrival)


@st.composite
def logs(draw: st.DrawFn) -> tuple[int, PerGpuHour, list[BookEvent]]:
    """Return a machine's GPUs, its first floor, and events that make sense one after another."""
    blocks = draw(machines(most=16))
    floors = bids(1).map(lambda price: PerGpuHour.from_steps(price.steps // 8))
    floors |= st.just(PerGpuHour(33))  # no bid may be as high
    start = draw(floors)
    there: dict[int, ClaimEntered] = {}
    events: list[BookEvent] = []
    for number in range(draw(st.integers(0, 40))):
        kind = draw(st.sampled_from("eeeeeodcccllf"))
        bidders = [i for i, entered in there.items() if entered.rank is Rank.BID]
        if kind == "f":
            events.append(FloorSet(floor=draw(floors)))
        elif kind == "l" and there:
            chosen = there.pop(draw(st.sampled_from(sorted(there))))
            events.append(ClaimLeft(id=chosen.id))
        elif kind == "c" and bidders:
            chosen = there[draw(st.sampled_from(bidders))]
            new_price = draw(bids(chosen.block.size))
            if chosen.bid is not None and draw(st.integers(0, 3)) == 0:
                new_price = chosen.bid
            events.append(Repriced(id=chosen.id, bid=new_price))
        else:
            where = draw(st.sampled_from(blocks))
            rank = {"o": Rank.ON_DEMAND, "d": Rank.DEFAULT_JOB}.get(kind, Rank.BID)
            price = draw(bids(where.size)) if rank is Rank.BID else None
            there[number] = ClaimEntered(id=no(number), block=where, rank=rank, bid=price)
            events.append(there[number])
    return blocks[-1].end, start, events


class TestPublished:
    """Hosting guide, G6 and G7.

    On-demand rentals "have the highest priority and stop interruptibles"; "the highest bid runs,
    the others are paused"; a paused one resumes by itself.
    """

    def test_the_highest_bid_runs_and_the_others_are_paused(self) -> None:
        book = BidBook(gpus=1)
        assert book.bid(no(1), SOME, PerHour("0.10")) == (ClaimStarted(no(1)),)
        assert book.bid(no(2), SOME, PerHour("0.20")) == (
            ClaimPaused(no(1), WaitReason.OUTBID, (no(2),)),
            ClaimStarted(no(2)),
        )
        assert book.bid(no(3), SOME, PerHour("0.15")) == (
            ClaimPaused(no(3), WaitReason.OUTBID, (no(2),)),
        )

    def test_it_knows_its_machine(self) -> None:
        assert BidBook(gpus=5).gpus == 5

    def test_the_highest_bid_there_can_be_is_a_bid(self) -> None:
        book = BidBook(gpus=1)
        book.bid(no(1), SOME, PerHour(1))
        assert book.bid(no(2), SOME, PerHour(32)) == (
            ClaimPaused(no(1), WaitReason.OUTBID, (no(2),)),
            ClaimStarted(no(2)),
        )

    def test_who_goes_on_keeps_out_who_waits(self) -> None:
        # 3 waits for 1 alone: neither 2 nor the end of 4, both dearer than it, matters.
        book = BidBook(gpus=4)
        book.bid(no(1), block(0, 1), PerHour(10))
        book.bid(no(2), block(2, 1), PerHour(9))
        book.bid(no(3), block(0, 2), PerHour(1))
        book.bid(no(4), block(3, 1), PerHour(5))
        assert book.leave(no(4)) == ()
        assert ids(book.running) == [1, 2]

    def test_on_demand_stops_interruptibles_and_they_resume_by_themselves(self) -> None:
        book = BidBook(gpus=8)
        book.bid(no(1), block(0, 4), PerHour(4))
        book.bid(no(2), block(4, 4), PerHour(8))
        assert book.on_demand(no(3), ALL) == (
            ClaimPaused(no(2), WaitReason.HELD, (no(3),)),
            ClaimPaused(no(1), WaitReason.HELD, (no(3),)),
            ClaimStarted(no(3)),
        )
        assert book.leave(no(3)) == (ClaimResumed(no(2)), ClaimResumed(no(1)))

    def test_a_bid_waits_for_on_demand_from_its_arrival(self) -> None:
        book = BidBook(gpus=1)
        book.on_demand(no(1), SOME)
        assert book.bid(no(2), SOME, PerHour(32)) == (
            ClaimPaused(no(2), WaitReason.HELD, (no(1),)),
        )
        assert book.on_demand(no(3), SOME) == (ClaimPaused(no(3), WaitReason.HELD, (no(1),)),)
        assert book.leave(no(1)) == (ClaimResumed(no(3)),)

    def test_the_default_job_takes_what_nobody_rents(self) -> None:
        book = BidBook(gpus=2)
        job = block(0, 2)
        assert book.default_job(no(1), job) == (ClaimStarted(no(1)),)
        assert book.default_job(no(2), job) == (ClaimPaused(no(2), WaitReason.OUTBID, (no(1),)),)
        assert book.bid(no(3), SOME, PerHour("0.001")) == (
            ClaimPaused(no(1), WaitReason.OUTBID, (no(3),)),
            ClaimStarted(no(3)),
        )
        assert book.leave(no(3)) == (ClaimResumed(no(1)),)

    def test_what_one_leaves_cascades(self) -> None:
        # When 1 goes, the wide bid 2 gets the machine, and 3, which ran beside 1, is outbid.
        book = BidBook(gpus=8)
        book.bid(no(1), block(0, 1), PerHour(10))
        book.bid(no(2), ALL, PerHour(16))
        book.bid(no(3), block(4, 4), PerHour(4))
        assert ids(book.running) == [1, 3]
        assert book.leave(no(1)) == (
            ClaimPaused(no(3), WaitReason.OUTBID, (no(2),)),
            ClaimResumed(no(2)),
        )


class TestChangedBid:
    """Our reading: an unchanged price keeps its place.

    "Changing a bid to the price it has keeps its place, any other change is a new arrival at that
    price".
    """

    def test_the_price_it_has_keeps_its_place(self) -> None:
        book = BidBook(gpus=1)
        book.bid(no(1), SOME, PerHour("0.20"))
        book.bid(no(2), SOME, PerHour("0.20"))
        assert book.change(no(1), PerHour("0.20")) == ()
        assert ids(book.running) == [1]

    def test_up_and_down_again_comes_after_the_equal_one(self) -> None:
        book = BidBook(gpus=1)
        book.bid(no(1), SOME, PerHour("0.20"))
        book.bid(no(2), SOME, PerHour("0.20"))
        assert book.change(no(1), PerHour("0.30")) == ()
        assert book.change(no(1), PerHour("0.20")) == (
            ClaimPaused(no(1), WaitReason.OUTBID, (no(2),)),
            ClaimResumed(no(2)),
        )

    def test_raised_above_the_incumbent_it_runs(self) -> None:
        book = BidBook(gpus=1)
        book.bid(no(1), SOME, PerHour("0.20"))
        book.bid(no(2), SOME, PerHour("0.10"))
        price = book.explain(no(2)).winning_bid
        assert price == PerHour("0.200000001")
        assert book.change(no(2), price) == (
            ClaimPaused(no(1), WaitReason.OUTBID, (no(2),)),
            ClaimResumed(no(2)),
        )

    def test_only_a_bid_can_be_changed(self) -> None:
        book = BidBook(gpus=2)
        book.on_demand(no(1), SOME)
        book.default_job(no(2), block(1, 1))
        with pytest.raises(RuleViolation, match=r"claim\.bid: need none for on-demand"):
            book.change(no(1), PerHour(1))
        with pytest.raises(RuleViolation, match=r"claim\.bid: need none for default job"):
            book.change(no(2), PerHour(1))

    @pytest.mark.parametrize("price", ["0.0009", "64.01"])
    def test_a_price_out_of_bounds_changes_nothing(self, price: str) -> None:
        book = BidBook(gpus=2)
        book.bid(no(1), block(0, 2), PerHour(64))
        with pytest.raises(RuleViolation, match=r"claim\.bid: need 0\.001 to 64\.00 \$/hour"):
            book.change(no(1), PerHour(price))
        assert book.running[0].bid == PerHour(64)


class TestFloor:
    """Hosting guide, G7: "the host may set a minimum price"; G13: "set min bid"."""

    def test_a_raised_floor_pauses_and_a_lowered_one_resumes(self) -> None:
        book = BidBook(gpus=2)
        book.bid(no(1), block(0, 2), PerHour("0.20"))
        book.default_job(no(2), SOME)
        assert book.set_floor(PerGpuHour("0.100000000001")) == (
            ClaimPaused(no(1), WaitReason.UNDER_FLOOR, ()),
            ClaimResumed(no(2)),
        )
        assert book.set_floor(PerGpuHour("0.10")) == (
            ClaimPaused(no(2), WaitReason.OUTBID, (no(1),)),
            ClaimResumed(no(1)),
        )

    def test_a_bid_under_the_floor_waits(self) -> None:
        book = BidBook(gpus=1, floor=PerGpuHour("0.50"))
        assert book.bid(no(1), SOME, PerHour("0.10")) == (
            ClaimPaused(no(1), WaitReason.UNDER_FLOOR, ()),
        )
        assert book.bid(no(2), SOME, PerHour("0.05")) == (
            ClaimPaused(no(2), WaitReason.UNDER_FLOOR, ()),
        )
        assert book.winning_bid(SOME) == PerHour("0.50")
        assert book.quoted_min_bid(SOME) == PerGpuHour("0.50")

    def test_a_floor_above_all_bids_is_none_for_contracts_on_demand(self) -> None:
        book = BidBook(gpus=2, floor=PerGpuHour(33))
        assert book.bid(ContractId(1), Block(start=0, size=2), PerHour(64))[0].why.value == (  # type: ignore[union-attr]
            "under the floor"
        )
        assert book.on_demand(ContractId(2), Block(start=0, size=2)) == (
            ClaimStarted(id=ContractId(2)),
        )

    def test_a_floor_that_pauses_nobody_is_still_a_reason_afterwards(self) -> None:
        book = BidBook(gpus=2)
        book.bid(no(1), block(0, 2), PerHour(2))
        assert book.bid(no(2), SOME, PerHour("0.30")) == (
            ClaimPaused(no(2), WaitReason.OUTBID, (no(1),)),
        )
        assert book.set_floor(PerGpuHour("0.50")) == ()
        assert book.bid(no(3), SOME, PerHour("0.20")) == (
            ClaimPaused(no(3), WaitReason.UNDER_FLOOR, (no(1),)),
        )


class TestReasons:
    """Every verdict carries its reason."""

    def test_only_those_above_are_named(self) -> None:
        # GPU 0 is held by a dearer bid, GPU 1 by a cheaper one that nobody above it needs.
        book = BidBook(gpus=2)
        book.bid(no(1), block(0, 1), PerHour(2))
        book.bid(no(2), block(1, 1), PerHour("0.10"))
        assert book.bid(no(3), block(0, 2), PerHour(2)) == (
            ClaimPaused(no(3), WaitReason.OUTBID, (no(1),)),
        )
        assert book.bid(no(4), block(0, 2), PerHour("0.10")) == (
            ClaimPaused(no(4), WaitReason.OUTBID, (no(1), no(2))),
        )
        assert ids(book.explain(no(3)).held_by) == [1]
        assert book.explain(no(3)).winning_bid == PerHour("4.000000001")

    def test_of_equal_ones_only_the_earlier_is_named(self) -> None:
        # 1 waits for 2 alone: 3 bids the same per GPU and came later.
        book = BidBook(gpus=4)
        book.bid(no(1), block(0, 4), PerHour(4))
        book.bid(no(3), block(0, 2), PerHour(2))
        assert book.bid(no(2), block(2, 2), PerHour(9)) == (
            ClaimPaused(no(1), WaitReason.OUTBID, (no(2),)),
            ClaimStarted(no(2)),
            ClaimResumed(no(3)),
        )

    def test_a_claim_that_runs_has_nothing_to_explain(self) -> None:
        book = BidBook(gpus=1)
        book.bid(no(1), SOME, PerHour(2))
        with pytest.raises(RuleViolation, match="a claim that waits"):
            book.explain(no(1))


class TestSameAsFromScratch:
    """The book's state is at any time what ``resolve`` says from scratch.

    Its changes are the difference between two such states.
    """

    @examples(200)
    @given(logs())
    def test_state_and_changes_are_those_of_a_plain_list(
        self, log: tuple[int, PerGpuHour, list[BookEvent]]
    ) -> None:
        gpus, floor, events = log
        book, ledger = BidBook(gpus, floor), Ledger(floor)
        for event in events:
            before, had = ledger.running(), {claim.id for claim in ledger.claims}
            changes = book.apply(event)
            ledger.take(event)
            after, have = ledger.running(), {claim.id for claim in ledger.claims}
            assert ids(book.running) == after
            resumed = [i for i in after if i not in before and i in had]
            started = [i for i in after if i not in had]
            paused = [i for i in before if i not in after and i in have]
            paused += [i for i in have - had if i not in after]
            assert [c.id for c in changes if isinstance(c, ClaimPaused)] == paused
            assert sorted(c.id for c in changes if isinstance(c, ClaimResumed)) == sorted(resumed)
            assert [c.id for c in changes if isinstance(c, ClaimStarted)] == started
            runs = [c.id for c in changes if not isinstance(c, ClaimPaused)]
            assert runs == [i for i in after if i in runs]
            _same_reasons(book, ledger, [c for c in changes if isinstance(c, ClaimPaused)])

    @given(logs())
    def test_it_is_what_resolve_says(self, log: tuple[int, PerGpuHour, list[BookEvent]]) -> None:
        gpus, floor, events = log
        book = BidBook.replay(events, gpus=gpus, floor=floor)
        answer = resolve(book, book.floor)
        assert book.running == answer.running
        assert len(book) == len(answer.running) + len(answer.waiting)
        for verdict in answer.paused:
            assert book.explain(verdict.claim.id) == verdict
            assert not book.runs(verdict.claim.id)

    @given(logs())
    def test_replaying_the_log_gives_the_same_book(
        self, log: tuple[int, PerGpuHour, list[BookEvent]]
    ) -> None:
        gpus, floor, events = log
        book = BidBook(gpus, floor)
        changes = [book.apply(event) for event in events]
        again = BidBook(gpus, floor)
        assert [again.apply(event) for event in events] == changes
        replayed = BidBook.replay(events, gpus=gpus, floor=floor)
        assert set(replayed) == set(book)
        assert (replayed.running, replayed.floor) == (book.running, book.floor)


def _same_reasons(book: BidBook, ledger: Ledger, changes: list[ClaimPaused]) -> None:
    verdicts = {v.claim.id: v for v in resolve(ledger.claims, ledger.floor).paused}
    for change in changes:
        verdict = verdicts[change.id]
        assert change.why is verdict.why
        assert list(change.by) == ids(verdict.held_by)
        assert book.explain(change.id) == verdict


class TestRefused:
    """A refused event changes nothing."""

    @pytest.mark.parametrize(
        ("wrong", "need"),
        [
            (lambda book: book.bid(no(1), SOME, PerHour(1)), "claim.id: need a new claim"),
            (lambda book: book.leave(no(9)), "claim.id: need a claim of this book"),
            (lambda book: book.change(no(9), PerHour(1)), "claim.id: need a claim of this book"),
            (lambda book: book.runs(no(9)), "claim.id: need a claim of this book"),
            (lambda book: book.explain(no(9)), "claim.id: need a claim of this book"),
            (lambda book: book.on_demand(no(2), block(1, 2)), "need slots below 2"),
            (lambda book: book.bid(no(2), SOME, PerHour(33)), "claim.bid: need 0.001"),
            (lambda book: book.bid(no(2), SOME, None), "claim.bid: need a bid, in $/hour"),
            (lambda book: book.change(no(1), 2), "claim.bid: need a PerHour"),
            (lambda book: book.leave("1"), "claim.id: need a whole number"),
            (lambda book: book.set_floor(PerHour(1)), "floor: need a PerGpuHour"),
            (lambda book: book.bid(no(2), (0, 1), PerHour(1)), "claim.block: need a Block"),
            (lambda book: book.apply("leave"), "event: need an event of a book"),
            (lambda book: book.apply(ClaimStarted(no(1))), "event: need an event of a book"),
        ],
    )
    def test_our_error_and_the_old_state(
        self, wrong: Callable[[BidBook], object], need: str
    ) -> None:
        book = BidBook(gpus=2)
        book.bid(no(1), SOME, PerHour(2))
        before = (book.running, len(book), book.floor)
        with pytest.raises(RuleViolation) as fault:
            wrong(book)
        assert need in str(fault.value)
        assert (book.running, len(book), book.floor) == before
        assert book.bid(no(2), SOME, PerHour(1)) == (
            ClaimPaused(no(2), WaitReason.OUTBID, (no(1),)),
        )

    def test_a_machine_of_no_gpus_or_no_floor(self) -> None:
        with pytest.raises(RuleViolation, match="gpus"):
            BidBook(gpus=0)
        with pytest.raises(WrongType, match="floor"):
            BidBook(gpus=1, floor=0)  # type: ignore[arg-type]

    def test_ids_are_asked_for_with_in(self) -> None:
        book = BidBook(gpus=1)
        book.bid(no(1), SOME, PerHour(1))
        assert no(1) in book
        assert no(2) not in book
        assert book.runs(no(1))

    def test_of_one_block_only_the_best_runs(self) -> None:
        book = BidBook(gpus=1)
        book.bid(no(7), SOME, PerHour(2))
        book.bid(no(1), SOME, PerHour(1))
        assert book.runs(no(7))
        assert not book.runs(no(1))
