"""The claims on the same GPUs: what has left does not stay."""

from __future__ import annotations

from numgenius_core.bids import BidBook, Rank, resolve
from numgenius_core.bids._contests import Contest, claim_of, open_contest, rank_of
from numgenius_core.ids import ContractId
from numgenius_core.offer import Block
from numgenius_core.rates import PerGpuHour, PerHour

SOME = Block(start=0, size=1)


def no(number: int) -> ContractId:
    return ContractId(number)


def contest(start: int, size: int, *others: Contest, jobs: bool = False) -> Contest:
    floor = PerGpuHour("0.1")
    block = Block(start=start, size=size)
    return open_contest(block, default_jobs=jobs, common=8, floor=floor, others=others)


class TestOpened:
    """A contest knows those that it shares GPUs with, and they know it."""

    def test_it_knows_whom_it_overlaps_and_itself(self) -> None:
        left = contest(0, 2)
        right = contest(2, 2, left)
        whole = contest(0, 4, left, right)
        assert left.overlapping == [left, whole]
        assert right.overlapping == [right, whole]
        assert whole.overlapping == [left, right, whole]

    def test_keys_compare_per_gpu_and_jobs_know_no_floor(self) -> None:
        wide, narrow = contest(0, 4), contest(0, 2)
        assert wide.floor_key * wide.weight == narrow.floor_key * narrow.weight
        assert wide.highest_bid_key * wide.weight == narrow.highest_bid_key * narrow.weight
        assert contest(0, 4, jobs=True).floor_key == 0

    def test_an_entry_is_the_claim_that_came(self) -> None:
        there, jobs = contest(0, 2), contest(0, 2, jobs=True)
        bid = PerHour("0.5")
        assert claim_of((-bid.steps, 7, no(1), there)).bid == bid
        assert rank_of((there.highest_bid_key, 7, no(1), there)) is Rank.BID
        assert rank_of((there.highest_bid_key - 1, 7, no(1), there)) is Rank.ON_DEMAND
        assert claim_of((0, 7, no(1), jobs)).rank is Rank.DEFAULT_JOB


class TestMemory:
    """What has left does not stay in memory: a book is as large as its claims."""

    def test_bids_that_come_and_go_leave_nothing_behind(self) -> None:
        book = BidBook(gpus=1)
        book.bid(no(0), SOME, PerHour(32))
        for number in range(1, 2_000):
            book.bid(no(number), SOME, PerHour(1))
            book.leave(no(number))
        (contest,) = book._engine.contests.values()
        assert len(book) == 1
        assert len(contest.heap) <= 20

    def test_bids_that_change_leave_nothing_behind(self) -> None:
        book = BidBook(gpus=1)
        for number in range(5):
            book.bid(no(number), SOME, PerHour(1))
        for step in range(1, 1_000):
            book.change(no(step % 5), PerHour.from_steps(10**12 - step))
        (contest,) = book._engine.contests.values()
        assert len(contest.heap) <= 2 * 5 + 20
        assert book.running == resolve(book).running

    def test_what_has_left_is_counted_exactly(self) -> None:
        book = BidBook(gpus=1)
        for number in range(20):
            book.bid(no(number), SOME, PerHour.from_steps(10**12 - number))
        for number in (1, 2, 0):  # two under the head, then the head and with it the two
            book.leave(no(number))
        (contest,) = book._engine.contests.values()
        assert (contest.stale, len(contest.heap)) == (0, 17)

    def test_heads_that_leave_do_not_keep_what_lies_under_them(self) -> None:
        book = BidBook(gpus=1)
        for number in range(400):
            book.bid(no(number), SOME, PerHour.from_steps(10**12 - number))
        for number in [*range(201, 399), *range(200)]:
            book.leave(no(number))
        (contest,) = book._engine.contests.values()
        assert len(book) == 2
        assert len(contest.heap) <= 20
