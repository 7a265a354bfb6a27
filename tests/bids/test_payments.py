"""What winners pay: facts about each rule, on blocks and on pools."""

from __future__ import annotations

import random
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
from attrs import evolve

from auction_cases import (
    CENT,
    bid,
    floor_of,
    on_demand,
    pool_bid,
    pool_block,
    random_bids,
    random_claims,
    random_pool,
)
from numgenius_core.bids import (
    Auction,
    AuctionResult,
    BlockAuction,
    Claim,
    PoolAuction,
    PoolBlock,
    best_runners,
    pay_as_bid,
    uniform_price,
    vcg,
)
from numgenius_core.errors import RuleViolation, WrongType
from numgenius_core.ids import ContractId, MachineId
from numgenius_core.offer import Block
from numgenius_core.rates import PerGpuHour, PerHour

PaymentRule = Callable[[Auction], AuctionResult]
RULES: list[PaymentRule] = [pay_as_bid, uniform_price, vcg]
every_rule = pytest.mark.parametrize("rule", RULES)


def block_auction(rng: random.Random) -> BlockAuction:
    claims = random_claims(rng, 8, rng.choice([1, 2, 3]), rng.randint(0, 14))
    return BlockAuction(claims=tuple(claims), floor=floor_of(rng.choice([0, 3, 6])))


def pool_auction(rng: random.Random) -> PoolAuction:
    return PoolAuction(
        blocks=tuple(random_pool(rng, rng.randint(1, 3), 8)),
        bids=tuple(random_bids(rng, rng.randint(0, 14), [1, 1, 2, 4])),
        floor=floor_of(rng.choice([0, 3, 6])),
    )


both_kinds = pytest.mark.parametrize("make", [block_auction, pool_auction])
Make = Callable[[random.Random], Auction]


def bids_of(auction: Auction) -> dict[ContractId, tuple[int, int]]:
    """Return (price steps, GPUs) of everybody who takes part."""
    return {e.id: (e.price.steps, e.gpus) for e in auction.entrants()}


class TestEveryRule:
    """Payment rules behind one interface: pay-as-bid (the market's), uniform price, VCG.

    Each has a reserve, and bids that cannot run change nothing.
    """

    @every_rule
    @both_kinds
    def test_winners_pay_from_the_reserve_to_their_bid(self, rule: PaymentRule, make: Make) -> None:
        rng = random.Random(31)
        for _ in range(200):
            auction = make(rng)
            settled, bids = rule(auction), bids_of(auction)
            assert set(settled.payments) == {r.id for r in settled.runners}
            for winner, payment in settled.payments.items():
                price, gpus = bids[winner]
                assert auction.floor.steps * gpus <= payment.steps <= price
            assert settled.revenue.steps == sum(p.steps for p in settled.payments.values())

    @every_rule
    @both_kinds
    def test_the_winners_fit_together(self, rule: PaymentRule, make: Make) -> None:
        rng = random.Random(32)
        for _ in range(100):
            used: set[tuple[MachineId | None, int]] = set()
            for runner in rule(make(rng)).runners:
                cells = {(runner.machine, p) for p in runner.block.slots}
                assert used.isdisjoint(cells)
                used |= cells

    @every_rule
    def test_nobody_asking_pays_nothing(self, rule: PaymentRule) -> None:
        for auction in (BlockAuction(claims=()), PoolAuction(blocks=(), bids=())):
            settled = rule(auction)
            assert settled.runners == ()
            assert settled.revenue == PerHour(0)

    @every_rule
    def test_bids_under_the_reserve_take_no_part(self, rule: PaymentRule) -> None:
        auction = BlockAuction(claims=(bid(1, 2, 0, 19), bid(2, 2, 2, 20)), floor=floor_of(10))
        assert set(rule(auction).payments) == {2}
        pool = PoolAuction(
            blocks=(pool_block(1, 4),),
            bids=(pool_bid(1, 2, 19), pool_bid(2, 2, 20)),
            floor=floor_of(10),
        )
        assert set(rule(pool).payments) == {2}

    @every_rule
    def test_a_bid_that_can_never_run_changes_nothing(self, rule: PaymentRule) -> None:
        claims = (on_demand(1, 4, 0), bid(2, 4, 4, 20))
        hopeless = bid(3, 8, 0, 9_000)
        assert rule(BlockAuction(claims=claims)) == rule(BlockAuction(claims=(*claims, hopeless)))
        asked = (pool_bid(1, 1, 7), pool_bid(2, 2, 8))
        assert rule(PoolAuction(blocks=(pool_block(1, 2),), bids=asked)) == rule(
            PoolAuction(blocks=(pool_block(1, 2),), bids=(*asked, pool_bid(3, 4, 9_000)))
        )

    def test_an_on_demand_claim_that_waits_is_in_nobodys_way(self) -> None:
        claims = (on_demand(1, 1, 0), on_demand(2, 2, 0), bid(3, 1, 1, 5))
        assert [e.id for e in BlockAuction(claims=claims).entrants()] == [3]

    def test_all_that_runs_on_demand_is_in_the_way(self) -> None:
        claims = (on_demand(1, 1, 0), on_demand(2, 1, 1), bid(3, 1, 0, 5), bid(4, 1, 1, 5))
        assert BlockAuction(claims=claims).entrants() == ()

    def test_without_free_gpus_nobody_takes_part(self) -> None:
        assert PoolAuction(blocks=(), bids=(pool_bid(1, 1, 5),)).entrants() == ()

    @pytest.mark.parametrize("junk", [7, "claims", b"claims"])
    def test_what_is_no_list_of_bids_is_refused(self, junk: Any) -> None:
        with pytest.raises(WrongType, match="claims"):
            BlockAuction(claims=junk)
        with pytest.raises(WrongType, match="blocks"):
            PoolAuction(blocks=junk, bids=())

    @every_rule
    def test_what_an_auction_of_ones_own_lacks_is_named(self, rule: PaymentRule) -> None:
        class Mine:
            floor = PerGpuHour(0)

            def entrants(self) -> tuple[()]:
                return ()

        need = "^auction: need an Auction, with floor, entrants, optimum and together, got "
        with pytest.raises(WrongType, match=need + "Mine without optimum and together$"):
            rule(Mine())  # type: ignore[arg-type]
        with pytest.raises(WrongType, match=need + "7$"):
            rule(7)  # type: ignore[arg-type]

    def test_what_is_under_the_reserve_does_not_run_with_others(self) -> None:
        auction = BlockAuction(claims=(bid(1, 2, 0, 19), bid(2, 2, 2, 20)), floor=floor_of(10))
        pool = PoolAuction(
            blocks=(pool_block(1, 4),),
            bids=(pool_bid(1, 2, 19), pool_bid(2, 2, 20)),
            floor=floor_of(10),
        )
        for each in (auction, pool):
            assert each.together([ContractId(1), ContractId(2)]) is None
            assert each.together([ContractId(2)]) is not None

    def test_faulty_auctions_are_refused_when_made(self) -> None:
        with pytest.raises(RuleViolation, match="one claim for each id"):
            BlockAuction(claims=(bid(1, 1, 0, 5), bid(1, 1, 1, 5)))
        with pytest.raises(RuleViolation, match="one for each id"):
            PoolAuction(blocks=(), bids=(pool_bid(1, 1, 5), pool_bid(1, 2, 5)))
        with pytest.raises(WrongType, match="floor"):
            BlockAuction(claims=(), floor=PerHour(1))  # type: ignore[arg-type]


class TestPayAsBid:
    """DOMAIN 5: "A winner pays its own bid."""

    @both_kinds
    def test_every_winner_pays_its_bid(self, make: Make) -> None:
        rng = random.Random(33)
        for _ in range(100):
            auction = make(rng)
            settled = pay_as_bid(auction)
            assert settled.revenue == auction.optimum().revenue
            bids = bids_of(auction)
            assert {w: p.steps for w, p in settled.payments.items()} == {
                w: bids[w][0] for w in settled.payments
            }
            assert settled.price is None


class TestVcg:
    """Issue: "VCG never pays above the bid and truthful bidding is dominant"."""

    def test_a_winner_pays_what_the_loser_would_have_paid(self) -> None:
        settled = vcg(BlockAuction(claims=(bid(1, 8, 0, 90), bid(2, 4, 0, 30), bid(3, 2, 4, 20))))
        assert settled.payments == {1: PerHour("0.5")}

    def test_each_half_pays_what_the_other_leaves_to_be_paid(self) -> None:
        settled = vcg(BlockAuction(claims=(bid(1, 8, 0, 90), bid(2, 4, 0, 60), bid(3, 4, 4, 50))))
        assert settled.payments == {2: PerHour("0.4"), 3: PerHour("0.3")}

    def test_without_rivals_the_reserve_is_paid(self) -> None:
        settled = vcg(BlockAuction(claims=(bid(1, 4, 0, 90),), floor=floor_of(5)))
        assert settled.payments == {1: PerHour("0.2")}

    @both_kinds
    def test_the_payment_is_the_lowest_bid_that_still_wins(self, make: Make) -> None:
        rng = random.Random(34)
        for _ in range(100):
            auction = make(rng)
            for winner, payment in vcg(auction).payments.items():
                above = with_price(auction, winner, max(payment.steps + 1, 10**9))
                assert winner in above.optimum().ids
                if payment.steps > 1_000_000_000:  # a lower bid than $0.001 is no bid
                    below = with_price(auction, winner, payment.steps - 1)
                    assert winner not in below.optimum().ids

    @both_kinds
    def test_no_other_bid_is_better_than_the_true_value(self, make: Make) -> None:
        rng = random.Random(35)
        for _ in range(120):
            auction = make(rng)
            bids = bids_of(auction)
            if not bids:
                continue
            bidder = rng.choice(sorted(bids))
            value = bids[bidder][0]
            truthful = gain(vcg(auction), bidder, value)
            assert truthful >= 0
            for _ in range(6):
                other = rng.choice([value // 2, value - CENT, value + CENT, value * 2, CENT])
                other = min(max(other, 10**9), 32 * 10**12)
                lied = vcg(with_price(auction, bidder, other))
                assert gain(lied, bidder, value) <= truthful


def with_price(auction: Auction, bidder: ContractId, steps: int) -> Auction:
    """Return the auction with one bid at another price, its arrival kept."""
    price = PerHour.from_steps(steps)
    if isinstance(auction, BlockAuction):
        claims = tuple(evolve(c, bid=price) if c.id == bidder else c for c in auction.claims)
        return evolve(auction, claims=claims)
    assert isinstance(auction, PoolAuction)
    asked = tuple(evolve(r, price=price) if r.id == bidder else r for r in auction.bids)
    return evolve(auction, bids=asked)


def gain(settled: AuctionResult, bidder: ContractId, value: int) -> int:
    """Return what a bidder has of the outcome: its value less its payment, 0 if it waits."""
    payment = settled.payments.get(bidder)
    return 0 if payment is None else value - payment.steps


class TestUniformPrice:
    """Issue: "uniform price clears": above the price all run, below it nobody does."""

    def test_all_winners_pay_the_highest_losing_price(self) -> None:
        claims = (bid(1, 1, 0, 30), bid(2, 1, 0, 20), bid(3, 1, 1, 25), bid(4, 1, 2, 10))
        settled = uniform_price(BlockAuction(claims=claims))
        assert settled.price == PerGpuHour("0.2")
        assert settled.payments == {1: PerHour("0.2"), 3: PerHour("0.2")}

    def test_if_all_fit_the_reserve_is_paid(self) -> None:
        auction = BlockAuction(claims=(bid(1, 2, 0, 30), bid(2, 4, 4, 60)), floor=floor_of(4))
        settled = uniform_price(auction)
        assert settled.price == PerGpuHour("0.04")
        assert settled.payments == {1: PerHour("0.08"), 2: PerHour("0.16")}

    def test_bids_at_the_price_run_where_they_fit(self) -> None:
        claims = (bid(1, 2, 0, 40), bid(2, 1, 1, 20), bid(3, 1, 3, 20), bid(4, 1, 4, 19))
        settled = uniform_price(BlockAuction(claims=claims))
        assert settled.price == PerGpuHour("0.2")
        assert set(settled.payments) == {1, 3}

    def test_a_price_per_gpu_that_is_no_whole_step_is_rounded_down(self) -> None:
        loser = Claim.bidding(ContractId(1), Block(4, 3), PerHour("0.01"), arrival=1)
        winner = Claim.bidding(ContractId(2), Block(4, 2), PerHour("1"), arrival=2)
        settled = uniform_price(BlockAuction(claims=(loser, winner)))
        assert settled.price == PerGpuHour("0.003333333333")
        assert settled.payments == {2: PerHour("0.006666666666")}

    def test_prices_per_gpu_are_compared_exactly(self) -> None:
        # $31 and 8/17 of a pico-dollar, $31 and 9/19 of one: equal to sixteen places.
        low = PerHour.from_steps(17 * 31 * 10**12 + 8)
        high = PerHour.from_steps(19 * 31 * 10**12 + 9)
        sizes = [5, 7, 9, 11, 13]
        others = [bid(number, size, 20 * number, 1) for number, size in enumerate(sizes, 1)]
        earlier = Claim.bidding(ContractId(8), Block(0, 17), low, arrival=8)
        later = Claim.bidding(ContractId(9), Block(0, 19), high, arrival=9)
        settled = uniform_price(BlockAuction(claims=(*others, earlier, later)))
        assert settled.price == PerGpuHour(31)
        assert settled.payments == {9: PerHour.from_steps(19 * 31 * 10**12 + 19 * 8 // 17)}

    @both_kinds
    def test_the_market_clears(self, make: Make) -> None:
        rng = random.Random(36)
        for _ in range(300):
            auction = make(rng)
            settled, bids = uniform_price(auction), bids_of(auction)
            per_gpu = {b: Fraction(price, gpus) for b, (price, gpus) in bids.items()}
            losing = [per_gpu[b] for b in bids if b not in settled.payments]
            price = max(losing, default=Fraction(auction.floor.steps))
            assert settled.price == PerGpuHour.from_steps(int(price))
            for b, height in per_gpu.items():
                if height > price:
                    assert b in settled.payments
                if height < price:
                    assert b not in settled.payments
            for b, payment in settled.payments.items():
                assert payment.steps == int(price * bids[b][1])
            if losing:
                at_the_price = [
                    b for b in bids if per_gpu[b] == price and b not in settled.payments
                ]
                for b in at_the_price:  # there is no room for it beside the winners
                    assert auction.together({*settled.payments, b}) is None

    @both_kinds
    def test_it_never_earns_more_than_the_optimum(self, make: Make) -> None:
        rng = random.Random(37)
        for _ in range(100):
            auction = make(rng)
            assert uniform_price(auction).revenue.steps <= pay_as_bid(auction).revenue.steps


class TestOneInterface:
    """A service may bring auctions and rules of its own."""

    def test_a_rule_of_ones_own_fits(self) -> None:
        def half_of_the_bid(auction: Auction) -> AuctionResult:
            best = auction.optimum()
            half = {r.id: r.price.scaled(Fraction(1, 2)) for r in best.runners}
            return AuctionResult(runners=best.runners, payments=half)

        rules: list[PaymentRule] = [*RULES, half_of_the_bid]
        auction = BlockAuction(claims=(bid(1, 8, 0, 90),))
        assert [rule(auction).revenue for rule in rules][-1] == PerHour("0.45")

    def test_auctions_take_any_iterable(self) -> None:
        auction = BlockAuction(claims=(bid(i, 1, i, 5) for i in range(3)))
        assert auction.optimum() == best_runners(auction.claims)
        pool = PoolAuction(blocks=[PoolBlock(machine=MachineId(1), block=Block(0, 2))], bids=[])
        assert pool.optimum().runners == ()
