"""Who runs, who waits and why, and the bid that would win."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from fractions import Fraction

import pytest
from attrs import evolve
from hypothesis import assume, given, strategies as st

from bid_cases import (
    block,
    ids,
    is_under,
    priority,
    slowly,
)
from numgenius_core._terms import HIGHEST_BID, LOWEST_BID
from numgenius_core.bids import (
    Claim,
    Rank,
    Resolution,
    WaitReason,
    check_bid,
    explain,
    quoted_min_bid,
    resolve,
    resolve_fleet,
    winning_bid,
)
from numgenius_core.contracts import Contract
from numgenius_core.errors import RuleViolation, WrongType
from numgenius_core.ids import AccountId, ContractId, MachineId
from numgenius_core.listing import Mode, PriceTerms
from numgenius_core.offer import Block
from numgenius_core.rates import PerGpuHour, PerHour
from numgenius_core.testing import books

NANO = 1_000  # price steps
Book = tuple[tuple[Claim, ...], PerGpuHour]
NOTHING = PerGpuHour(0)
SOME = Block(start=0, size=1)


def bid(number: int, where: Block, price: str) -> Claim:
    """Return a bid whose arrival is its number."""
    return Claim.bidding(ContractId(number), where, PerHour(price), arrival=number)


def rental(number: int, where: Block) -> Claim:
    return Claim.on_demand(ContractId(number), where, arrival=number)


def job(number: int, where: Block) -> Claim:
    return Claim.default_job(ContractId(number), where, arrival=number)


# --- random machines --------------------------------------------------------------------------


def would_run(claims: Iterable[Claim], claim: Claim, steps: int, floor: PerGpuHour) -> bool:
    """Return whether ``claim`` runs once its bid is changed to ``steps``, a new arrival."""
    changed = Claim.bidding(claim.id, claim.block, PerHour.from_steps(steps), arrival=10**6)
    return claim.id in slowly([c for c in claims if c is not claim] + [changed], floor)


class TestHighestBidRuns:
    """Hosting guide, G7: "the highest bid runs, the others are paused"."""

    def test_of_three_bids_on_one_gpu_the_highest_runs(self) -> None:
        answer = resolve([bid(1, SOME, "0.10"), bid(2, SOME, "0.30"), bid(3, SOME, "0.20")])
        assert ids(answer.running) == [2]
        assert ids(answer.waiting) == [3, 1]
        assert [verdict.why for verdict in answer.paused] == [WaitReason.OUTBID, WaitReason.OUTBID]
        assert [ids(verdict.held_by) for verdict in answer.paused] == [[2], [2]]

    def test_bids_are_compared_per_gpu(self) -> None:
        wide, narrow = bid(1, block(0, 4), "1.00"), bid(2, block(0, 1), "0.26")
        assert ids(resolve([wide, narrow]).running) == [2]
        assert ids(resolve([wide, evolve(narrow, bid=PerHour("0.25"))]).running) == [1]

    def test_thirds_are_compared_exactly(self) -> None:
        # A third of a dollar per GPU and the same less one part in 10¹²: equal once rounded.
        wide, narrow = bid(2, block(0, 3), "1"), bid(1, block(0, 1), "0.333333333333")
        assert wide.bid is not None
        assert wide.bid.per_gpu(3).steps == narrow.level
        assert ids(resolve([wide, narrow]).running) == [2]

    def test_a_bid_too_wide_is_passed_over_and_the_next_runs(self) -> None:
        claims = [
            bid(1, block(0, 2), "1.00"),
            bid(2, block(0, 4), "1.00"),
            bid(3, block(2, 2), "0.50"),
        ]
        assert ids(resolve(claims).running) == [1, 3]

    def test_equal_bids_keep_their_order_of_arrival(self) -> None:
        first, second = bid(1, SOME, "0.10"), bid(2, SOME, "0.10")
        assert ids(resolve([second, first]).running) == [1]

    def test_equal_bids_per_gpu_tie_across_sizes(self) -> None:
        assert ids(resolve([bid(2, SOME, "0.10"), bid(1, block(0, 3), "0.30")]).running) == [1]

    def test_blocks_that_overlap_without_nesting(self) -> None:
        # 7 GPUs with min_gpu 3: blocks of 3 and of 4 cut across each other.
        left, middle, right = block(0, 4), block(3, 3), block(4, 3)
        claims = [bid(1, left, "0.40"), bid(2, middle, "0.60"), bid(3, right, "0.15")]
        answer = resolve(claims)
        assert ids(answer.running) == [2]
        claims[1] = evolve(claims[1], bid=PerHour("0.27"))
        assert ids(resolve(claims).running) == [1, 3]

    def test_nobody_asks_nobody_runs(self) -> None:
        answer = resolve([])
        assert answer == Resolution(running=(), waiting=(), floor=NOTHING)
        assert answer.paused == ()


class TestOnDemandStopsInterruptibles:
    """Hosting guide, G6: on-demand rentals "have the highest priority and stop interruptibles"."""

    def test_on_demand_stops_the_highest_bid(self) -> None:
        answer = resolve([bid(1, SOME, "32"), rental(2, SOME)])
        assert ids(answer.running) == [2]
        (verdict,) = answer.paused
        assert verdict.why is WaitReason.HELD
        assert verdict.winning_bid is None

    def test_it_stops_only_those_on_its_gpus(self) -> None:
        claims = [bid(1, block(0, 2), "1"), bid(2, block(2, 2), "1"), rental(3, block(3, 1))]
        assert ids(resolve(claims).running) == [3, 1]

    def test_a_paused_one_resumes_when_it_ends(self) -> None:
        assert ids(resolve([bid(1, SOME, "1")]).running) == [1]

    def test_of_two_on_one_gpu_the_earlier_holds(self) -> None:
        answer = resolve([rental(2, SOME), rental(1, block(0, 8))])
        assert ids(answer.running) == [1]
        assert answer.paused[0].why is WaitReason.HELD
        assert answer.paused[0].winning_bid is None

    def test_size_gives_no_advantage_on_demand(self) -> None:
        assert ids(resolve([rental(1, SOME), rental(2, block(0, 8))]).running) == [1]

    def test_the_default_job_is_last(self) -> None:
        answer = resolve([job(1, SOME), bid(2, SOME, "0.001")])
        assert ids(answer.running) == [2]
        (verdict,) = answer.paused
        assert (verdict.why, verdict.winning_bid) == (WaitReason.OUTBID, None)

    def test_of_two_default_jobs_the_earlier_runs(self) -> None:
        assert ids(resolve([job(2, SOME), job(1, block(0, 2))]).running) == [1]


class TestFloor:
    """Hosting guide, G7: "the host may set a minimum price"."""

    def test_a_bid_at_the_floor_runs_and_one_under_it_waits(self) -> None:
        floor = PerGpuHour("0.10")
        assert ids(resolve([bid(1, block(0, 2), "0.20")], floor).running) == [1]
        (verdict,) = resolve([bid(1, block(0, 2), "0.199999999999")], floor).paused
        assert (verdict.why, verdict.held_by) == (WaitReason.UNDER_FLOOR, ())
        assert verdict.winning_bid == PerHour("0.20")

    def test_the_floor_leaves_the_gpus_to_the_default_job(self) -> None:
        answer = resolve([bid(1, SOME, "0.10"), job(2, SOME)], PerGpuHour("0.20"))
        assert ids(answer.running) == [2]
        assert answer.paused[0].held_by == ()

    def test_the_floor_does_not_touch_on_demand(self) -> None:
        assert ids(resolve([rental(1, SOME)], PerGpuHour(1_000)).running) == [1]

    def test_an_on_demand_claim_is_the_stronger_reason(self) -> None:
        answer = resolve([bid(1, SOME, "0.10"), rental(2, SOME)], PerGpuHour("0.20"))
        assert answer.paused[0].why is WaitReason.HELD

    def test_a_floor_above_every_legal_bid_leaves_no_bid_to_win(self) -> None:
        (verdict,) = resolve([bid(1, SOME, "32")], PerGpuHour("32.01")).paused
        assert verdict.winning_bid is None


class TestLaws:
    """Who runs, on machines of 1 to 64 GPUs with any ``min_gpu``, whatever is asked."""

    @given(books())
    def test_the_answer_is_that_of_the_slow_and_obvious_way(self, book: Book) -> None:
        claims, floor = book
        answer = resolve(claims, floor)
        assert ids(answer.running) == slowly(claims, floor)
        assert sorted(ids(answer.running) + ids(answer.waiting)) == sorted(c.id for c in claims)

    @given(books())
    def test_no_gpu_is_sold_twice(self, book: Book) -> None:
        used = [gpu for claim in resolve(*book).running for gpu in claim.block.slots]
        assert len(used) == len(set(used))

    @given(books())
    def test_no_on_demand_claim_waits_for_a_bid(self, book: Book) -> None:
        for verdict in resolve(*book).paused:
            if verdict.claim.rank is Rank.ON_DEMAND:
                assert {claim.rank for claim in verdict.held_by} == {Rank.ON_DEMAND}

    @given(books())
    def test_who_waits_is_blocked_by_a_running_one_above_or_by_the_floor(self, book: Book) -> None:
        answer = resolve(*book)
        for verdict in answer.paused:
            gpus = set(verdict.claim.block.slots)
            above = [
                claim
                for claim in answer.running
                if priority(claim) < priority(verdict.claim) and gpus & set(claim.block.slots)
            ]
            assert list(verdict.held_by) == above
            assert above or verdict.why is WaitReason.UNDER_FLOOR
            held = any(claim.rank is Rank.ON_DEMAND for claim in above)
            assert (verdict.why is WaitReason.HELD) == held
            assert (verdict.why is WaitReason.UNDER_FLOOR) == (
                is_under(verdict.claim, book[1]) and not held
            )

    @given(books(), st.randoms(use_true_random=False))
    def test_the_order_of_input_does_not_matter(self, book: Book, random: object) -> None:
        claims, floor = book
        mixed = list(claims)
        random.shuffle(mixed)  # type: ignore[attr-defined]
        assert resolve(mixed, floor) == resolve(claims, floor)

    @given(books(), st.data())
    def test_raising_a_bid_never_makes_it_lose(self, book: Book, data: st.DataObject) -> None:
        claims, floor = book
        bidders = [claim for claim in resolve(claims, floor).running if claim.bid is not None]
        assume(bidders)
        claim = data.draw(st.sampled_from(bidders))
        assert claim.bid is not None
        most = HIGHEST_BID.steps * claim.block.size
        assume(claim.bid.steps < most)
        raised = data.draw(
            st.one_of(st.just(claim.bid.steps + 1), st.integers(claim.bid.steps + 1, most))
        )
        after = Claim.bidding(claim.id, claim.block, PerHour.from_steps(raised), arrival=10**6)
        assert resolve([c for c in claims if c is not claim] + [after], floor).runs(claim.id)

    @given(books())
    def test_the_stated_price_wins_and_a_nano_dollar_less_does_not(self, book: Book) -> None:
        claims, floor = book
        for verdict in resolve(claims, floor).paused:
            claim, price = verdict.claim, verdict.winning_bid
            most = HIGHEST_BID.steps * claim.block.size
            if claim.rank is not Rank.BID:
                assert price is None
            elif price is None:
                assert not would_run(claims, claim, most, floor)
            else:
                assert price.steps % NANO == 0
                check_bid(price, claim.block.size, floor)
                assert would_run(claims, claim, price.steps, floor)
                less = price.steps - NANO
                assert less < LOWEST_BID.steps or not would_run(claims, claim, less, floor)


class TestWinningBid:
    """What must I bid? The lowest price that would run now."""

    def test_it_is_just_above_the_dearest_bid_on_its_gpus(self) -> None:
        claims = [
            bid(1, block(0, 1), "0.30"),
            bid(2, block(1, 1), "0.20"),
            bid(3, block(2, 2), "9"),
        ]
        answer = resolve(claims)
        assert answer.winning_bid(block(0, 2)) == PerHour("0.600000001")
        assert answer.winning_bid(block(1, 1)) == PerHour("0.200000001")
        assert answer.winning_bid(block(0, 4)) == PerHour("18.000000001")

    def test_a_bid_that_waits_does_not_raise_it(self) -> None:
        # 4.00 for four GPUs waits for 2.00 on one of them; the other three are idle.
        answer = resolve([bid(1, block(0, 1), "2.00"), bid(2, block(0, 4), "4.00")])
        assert answer.winning_bid(block(1, 1)) == LOWEST_BID

    def test_a_price_off_the_grid_is_beaten_by_the_next_whole_nano_dollar(self) -> None:
        answer = resolve([bid(1, SOME, "0.100000000001")])
        assert answer.winning_bid(SOME) == PerHour("0.100000001")

    def test_a_floor_off_the_grid_is_rounded_up(self) -> None:
        assert winning_bid(SOME, (), PerGpuHour("0.100000000001")) == PerHour("0.100000001")

    def test_a_default_job_is_displaced_by_the_lowest_bid(self) -> None:
        assert winning_bid(SOME, [job(1, SOME)]) == LOWEST_BID

    def test_nothing_beats_the_highest_legal_bid(self) -> None:
        assert winning_bid(SOME, [bid(1, SOME, "32")]) is None
        assert winning_bid(SOME, [bid(1, SOME, "31.999999999")]) == PerHour(32)

    def test_nothing_beats_an_on_demand_claim(self) -> None:
        assert winning_bid(block(0, 2), [rental(1, SOME)]) is None
        assert winning_bid(block(1, 1), [rental(1, SOME)]) == LOWEST_BID


class TestQuotedMinBid:
    """Marketplace, measured: what a search quotes.

    Per GPU, "max(host floor, highest running bid that touches the block)"; an on-demand rental
    does not raise it (measured 78 % of 2,261).
    """

    def test_it_is_the_floor_on_an_idle_machine(self) -> None:
        assert quoted_min_bid(SOME, (), PerGpuHour("0.05")) == PerGpuHour("0.05")

    def test_it_is_the_highest_running_bid_per_gpu(self) -> None:
        claims = [bid(1, block(0, 2), "0.50"), bid(2, block(2, 2), "0.80")]
        answer = resolve(claims, PerGpuHour("0.30"))
        assert answer.quoted_min_bid(block(2, 1)) == PerGpuHour("0.40")
        assert answer.quoted_min_bid(block(0, 4)) == PerGpuHour("0.40")
        assert answer.waiting == (claims[0],)

    def test_a_share_that_does_not_divide_is_rounded_up(self) -> None:
        assert quoted_min_bid(SOME, [bid(1, block(0, 3), "1")]) == PerGpuHour("0.333333333334")

    def test_on_demand_and_default_jobs_do_not_raise_it(self) -> None:
        assert quoted_min_bid(block(0, 2), [rental(1, SOME), job(2, block(1, 1))]) == NOTHING

    @given(books())
    def test_it_is_the_larger_of_floor_and_bids(self, book: Book) -> None:
        answer = resolve(*book)
        for claim in answer.waiting:
            gpus = set(claim.block.slots)
            touching = [
                Fraction(other.bid.steps, other.block.size)
                for other in answer.running
                if other.bid is not None and gpus & set(other.block.slots)
            ]
            exact = max([Fraction(book[1].steps), *touching])
            assert 0 <= answer.quoted_min_bid(claim.block).steps - exact < 1


class TestLimits:
    """The price of a bid is for the whole instance.

    "0.001 ≤ price ≤ 32 × GPUs $/hour, and ≥ the listing's floor".
    """

    @pytest.mark.parametrize(("price", "gpus"), [("0.001", 1), ("0.001", 8), ("32", 1), ("256", 8)])
    def test_the_limits_themselves_are_legal(self, price: str, gpus: int) -> None:
        check_bid(PerHour(price), gpus)

    @pytest.mark.parametrize(
        ("price", "gpus", "floor"),
        [("0.000999999999", 1, "0"), ("32.000000000001", 1, "0"), ("0.199999999999", 2, "0.1")],
    )
    def test_a_step_beyond_is_refused(self, price: str, gpus: int, floor: str) -> None:
        with pytest.raises(RuleViolation, match=r"^bid: need .* \$/hour for"):
            check_bid(PerHour(price), gpus, PerGpuHour(floor))

    @pytest.mark.parametrize("price", [None, 1, "0.10", PerGpuHour("0.1"), True])
    def test_what_is_no_price_is_refused(self, price: object) -> None:
        with pytest.raises(WrongType, match=r"need a (PerHour|bid, in)"):
            check_bid(price, 1)  # type: ignore[arg-type]

    def test_other_arguments_are_checked_too(self) -> None:
        with pytest.raises(RuleViolation, match="gpus"):
            check_bid(PerHour(1), 0)
        with pytest.raises(WrongType, match="floor"):
            check_bid(PerHour(1), 1, 0)  # type: ignore[arg-type]


class TestClaim:
    """A claim says what it is, and nothing that is none can be made."""

    def test_a_bid_without_a_price_never_becomes_on_demand(self) -> None:
        with pytest.raises(
            WrongType, match=r"claim\.bid: need a bid, in \$/hour for the whole instance, got none"
        ):
            Claim(id=ContractId(1), block=SOME, rank=Rank.BID, arrival=0)

    @pytest.mark.parametrize("rank", [Rank.ON_DEMAND, Rank.DEFAULT_JOB])
    def test_only_a_bid_has_a_price(self, rank: Rank) -> None:
        with pytest.raises(RuleViolation, match=r"claim\.bid: need none for"):
            Claim(id=ContractId(1), block=SOME, rank=rank, arrival=0, bid=PerHour(1))

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("id", -1),
            ("id", "1"),
            ("block", (0, 1)),
            ("rank", "bid"),
            ("arrival", -1),
            ("arrival", 1.0),
        ],
    )
    def test_a_field_of_the_wrong_kind_is_named(self, field: str, value: object) -> None:
        fields: dict[str, object] = {"id": 1, "block": SOME, "rank": Rank.ON_DEMAND, "arrival": 0}
        with pytest.raises(RuleViolation, match=f"claim.{field}: need"):
            Claim(**{**fields, field: value})  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        ("mode", "price", "rank"),
        [
            (Mode.ON_DEMAND, None, Rank.ON_DEMAND),
            (Mode.RESERVED, None, Rank.ON_DEMAND),
            (Mode.INTERRUPTIBLE, PerHour("0.5"), Rank.BID),
        ],
    )
    def test_a_contract_claims_what_it_holds(
        self, mode: Mode, price: PerHour | None, rank: Rank
    ) -> None:
        contract = Contract(
            id=ContractId(7),
            machine=MachineId(1),
            host=AccountId("host"),
            client=AccountId("client"),
            mode=mode,
            block=block(2, 2),
            prices=PriceTerms(gpu=PerGpuHour(1)),
            start=datetime(2026, 1, 1, tzinfo=UTC),
            bid=price,
        )
        claim = Claim.from_contract(contract, arrival=3)
        assert claim == Claim(id=ContractId(7), block=block(2, 2), rank=rank, arrival=3, bid=price)

    def test_only_a_contract_can_be_read(self) -> None:
        with pytest.raises(WrongType, match="contract: need a Contract"):
            Claim.from_contract(rental(1, SOME), arrival=0)  # type: ignore[arg-type]

    @given(books())
    def test_outranking_is_the_published_order(self, book: Book) -> None:
        for one in book[0]:
            for other in book[0]:
                assert one.outranks(other) == (priority(one) < priority(other))

    @pytest.mark.parametrize(
        "claim",
        [
            Claim.on_demand(ContractId(1), Block(start=0, size=1), arrival=1),
            Claim.bidding(ContractId(1), Block(start=0, size=1), PerHour(1), arrival=1),
        ],
    )
    def test_a_floor_is_a_price_for_each_gpu_for_every_claim(self, claim: Claim) -> None:
        with pytest.raises(WrongType, match="floor: need"):
            claim.is_under(PerHour(1))  # type: ignore[arg-type]


class TestRefusals:
    """What has no one right answer is refused, with our errors."""

    def test_two_claims_with_one_id_or_arrival(self) -> None:
        twin = bid(1, SOME, "1")
        with pytest.raises(RuleViolation, match="one claim for each id, got two with 1"):
            resolve([twin, evolve(twin, arrival=2)])
        with pytest.raises(RuleViolation, match="one claim for each arrival, got two with 1"):
            resolve([twin, evolve(twin, id=ContractId(2))])

    def test_what_is_no_claim_or_floor(self) -> None:
        with pytest.raises(WrongType, match=r"claims\[1\]: need a Claim"):
            resolve([rental(1, SOME), None])  # type: ignore[list-item]
        with pytest.raises(WrongType, match="floor: need a PerGpuHour"):
            resolve([], PerHour(1))  # type: ignore[arg-type]

    def test_an_unknown_claim_has_no_answer(self) -> None:
        answer = resolve([rental(1, SOME), rental(2, SOME)])
        assert answer.runs(ContractId(1))
        assert not answer.runs(ContractId(2))
        with pytest.raises(RuleViolation, match="a claim of this machine"):
            answer.runs(ContractId(3))

    def test_nobody_can_say_why_a_claim_waits_that_does_not(self) -> None:
        with pytest.raises(RuleViolation, match="claim 1: need a claim that waits"):
            explain(bid(1, SOME, "1"), [bid(2, block(1, 1), "2"), job(3, SOME)])


class TestFleet:
    """Machines are independent of each other."""

    @given(st.lists(books(), max_size=4))
    def test_each_machine_has_its_own_answer(self, fleet: list[Book]) -> None:
        claims = {MachineId(i): book[0] for i, book in enumerate(fleet)}
        floors = {MachineId(i): book[1] for i, book in enumerate(fleet)}
        answers = resolve_fleet(claims, floors)
        assert answers == {MachineId(i): resolve(*book) for i, book in enumerate(fleet)}

    def test_one_floor_for_all_or_none(self) -> None:
        fleet = {MachineId(1): [bid(1, SOME, "0.10")], MachineId(2): [bid(1, SOME, "0.30")]}
        answers = resolve_fleet(fleet, PerGpuHour("0.20"))
        assert [ids(answer.running) for answer in answers.values()] == [[], [1]]
        assert [ids(answer.running) for answer in resolve_fleet(fleet, {}).values()] == [[1], [1]]

    def test_a_fault_names_its_machine(self) -> None:
        fleet = {MachineId(1): [], MachineId(5): [rental(1, SOME), rental(1, SOME)]}
        with pytest.raises(RuleViolation, match=r"^machine 5\.claims: need one claim"):
            resolve_fleet(fleet)


class TestAResolutionKnowsItsFloor:
    """DOMAIN 5: a bid is at least the listing's floor, and so is the price that would win."""

    def test_the_price_that_wins_an_idle_block_is_the_floor(self) -> None:
        idle = resolve([], PerGpuHour("0.25"))
        assert idle.winning_bid(Block(0, 4)) == PerHour(1)
        assert idle.quoted_min_bid(Block(0, 4)) == PerGpuHour("0.25")

    def test_and_above_a_runner_it_still_is(self) -> None:
        low = resolve([bid(1, SOME, "0.30")], PerGpuHour("0.25"))
        assert low.winning_bid(Block(0, 4)) == PerHour("1.200000001")
        assert low.winning_bid(Block(4, 4)) == PerHour(1)

    def test_a_step_decides_on_the_largest_machine(self) -> None:
        whole = Block(0, 4_096)
        high = PerHour.from_steps(4_096 * 31 * 10**12)
        first = Claim.bidding(ContractId(1), whole, high, arrival=1)
        second = Claim.bidding(ContractId(2), whole, PerHour.from_steps(high.steps + 1), arrival=2)
        assert ids(resolve([first, second]).running) == [2]
