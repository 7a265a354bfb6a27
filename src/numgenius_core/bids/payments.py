"""What the winners of an auction pay: three payment rules behind one interface.

Rule (marketplace): a winner pays its own bid, and no bid is below the listing's floor. The other
rules here are for the question "what would we earn, and what would clients bid, if ...":

* :func:`pay_as_bid`: the market's payment, for the revenue-maximal set of runners.
* :func:`uniform_price`: one price per GPU for all. Bids run from the highest per GPU down to the
  first one that does not fit; its price per GPU is what all winners pay, or the floor if all fit.
  At that price the market *clears*: every bid above it runs, none below it does.
* :func:`vcg`: each winner pays what its presence costs the others (Vickrey, Clarke, Groves), at
  least the floor. No winner pays more than it bid, and to bid one's own value is never worse than
  any other bid (for bids that differ in price; GPUs asked for are taken as given).

Our readings. The floor of every rule is a reserve price per GPU: who bids less takes no part. Bids
that could not run even alone, since on-demand claims hold their GPUs, take no part either, so they
set no price. A uniform price per GPU times the GPUs is floored to a pico-dollar; it stays at or
above the floor and at or below the bid.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from math import lcm
from typing import Protocol, runtime_checkable

from attrs import field, frozen

from numgenius_core._checks import ReadOnly, as_tuple, is_series, read_only
from numgenius_core._terms import NO_FLOOR
from numgenius_core.bids.auction import (
    Optimum,
    PoolBid,
    PoolBlock,
    Runner,
    best_packing,
    best_runners,
)
from numgenius_core.bids.priority import Claim, Rank
from numgenius_core.errors import WrongType, brief, shown
from numgenius_core.ids import ContractId
from numgenius_core.rates import PerGpuHour, PerHour


@frozen(kw_only=True)
class Entrant:
    """One bid as the payment rules see it, whatever it is that bids compete for.

    Attributes:
        id: The contract that bids.
        gpus: How many GPUs it is for.
        price: For the whole instance, dollars per hour.
    """

    id: ContractId
    gpus: int
    price: PerHour


@runtime_checkable
class Auction(Protocol):
    """What the payment rules need to know of bids that compete for GPUs.

    :class:`BlockAuction` and :class:`PoolAuction` are two; a service may bring its own.
    """

    @property
    def floor(self) -> PerGpuHour:
        """The reserve price, dollars per GPU-hour."""

    def entrants(self) -> tuple[Entrant, ...]:
        """Return the bids at or above the floor that could run alone, in order of arrival."""

    def optimum(self, without: ContractId | None = None) -> Optimum:
        """Return the bids that pay most together, one of them left aside where asked."""

    def together(self, ids: Collection[ContractId]) -> Optimum | None:
        """Return how the given bids run at the same time, ``None`` if they do not fit."""


def _check_auction(auction: object) -> None:
    """Refuse what is no auction, and say what it lacks."""
    if isinstance(auction, Auction):
        return
    names = ("floor", "entrants", "optimum", "together")
    lacks = [name for name in names if not hasattr(auction, name)]
    got = shown(auction)
    if len(lacks) < len(names):
        got = f"{type(auction).__name__} without {' and '.join(lacks)}"
    raise WrongType("auction", "an Auction, with floor, entrants, optimum and together", got)


def _as_claims(given: Iterable[Claim]) -> tuple[Claim, ...]:
    return as_tuple(given, "auction.claims")


@frozen(kw_only=True)
class BlockAuction:
    """Bids tied to definite GPUs of one machine.

    Attributes:
        claims: Everything that wants GPUs of the machine, on demand too.
        floor: The host's reserve price, dollars per GPU-hour.

    Raises:
        RuleViolation: Two claims with one id.

    >>> from numgenius_core import Claim, PerHour
    >>> from numgenius_core.bids import BlockAuction
    >>> from numgenius_core.offer import Block
    >>> claims = [Claim.bidding(1, Block(start=0, size=2), PerHour("0.40"), arrival=1)]
    >>> BlockAuction(claims=claims).entrants()
    (Entrant(id=1, gpus=2, price=PerHour('0.40')),)
    """

    claims: tuple[Claim, ...] = field(converter=_as_claims, repr=brief)
    floor: PerGpuHour = NO_FLOOR

    def __attrs_post_init__(self) -> None:
        best_runners(self.claims, self.floor)  # refuses what is no claim, and claims with one id

    def entrants(self) -> tuple[Entrant, ...]:
        """Return the bids at or above the floor that could run alone, in order of arrival."""
        claims = sorted(self.claims, key=lambda claim: claim.arrival)
        taken = 0
        for claim in claims:
            if claim.rank is Rank.ON_DEMAND and not taken & claim.block.gpu_set:
                taken |= claim.block.gpu_set
        return tuple(
            Entrant(id=claim.id, gpus=claim.block.size, price=claim.bid)
            for claim in claims
            if claim.bid is not None
            and not claim.is_under(self.floor)
            and not taken & claim.block.gpu_set
        )

    def optimum(self, without: ContractId | None = None) -> Optimum:
        """Return the bids that pay most together, one of them left aside where asked."""
        return best_runners((c for c in self.claims if c.id != without), self.floor)

    def together(self, ids: Collection[ContractId]) -> Optimum | None:
        """Return how the given bids run at the same time, ``None`` if they do not fit."""
        _check_ids(ids)
        kept = (c for c in self.claims if c.id in ids or c.rank is Rank.ON_DEMAND)
        found = best_runners(kept, self.floor)
        return found if len(found.runners) == len(ids) else None


def _as_blocks(given: Iterable[PoolBlock]) -> tuple[PoolBlock, ...]:
    return as_tuple(given, "auction.blocks")


def _as_bids(given: Iterable[PoolBid]) -> tuple[PoolBid, ...]:
    return as_tuple(given, "auction.bids")


@frozen(kw_only=True)
class PoolAuction:
    """Bids for a number of GPUs anywhere in free blocks of a machine or a pool.

    Attributes:
        blocks: The free GPUs, disjoint.
        bids: In order of arrival.
        floor: The reserve price, dollars per GPU-hour.

    Raises:
        RuleViolation: Blocks that overlap, or two bids with one id.

    >>> from numgenius_core import PerHour
    >>> from numgenius_core.bids import PoolAuction, PoolBid, PoolBlock
    >>> from numgenius_core.offer import Block
    >>> pool = [PoolBlock(machine=1, block=Block(start=0, size=2))]
    >>> bids = [PoolBid(id=n, gpus=2, price=PerHour(n)) for n in (1, 2)]
    >>> PoolAuction(blocks=pool, bids=bids).optimum().revenue
    PerHour('2.00')
    """

    blocks: tuple[PoolBlock, ...] = field(converter=_as_blocks, repr=brief)
    bids: tuple[PoolBid, ...] = field(converter=_as_bids, repr=brief)
    floor: PerGpuHour = NO_FLOOR

    def __attrs_post_init__(self) -> None:
        # Refuses what is no block or bid, blocks that overlap and bids with one id.
        best_packing(self.blocks, self.bids, floor=self.floor)

    def entrants(self) -> tuple[Entrant, ...]:
        """Return the bids at or above the floor that could run alone, in order of arrival."""
        largest = max((free.block.size for free in self.blocks), default=0)
        return tuple(
            Entrant(id=bid.id, gpus=bid.gpus, price=bid.price)
            for bid in self.bids
            if bid.gpus <= largest
            and bid.price.steps
            and bid.price.steps >= self.floor.steps * bid.gpus
        )

    def optimum(self, without: ContractId | None = None) -> Optimum:
        """Return the bids that pay most together, one of them left aside where asked."""
        kept = (bid for bid in self.bids if bid.id != without)
        return best_packing(self.blocks, kept, floor=self.floor)

    def together(self, ids: Collection[ContractId]) -> Optimum | None:
        """Return how the given bids run at the same time, ``None`` if they do not fit."""
        _check_ids(ids)
        kept = (bid for bid in self.bids if bid.id in ids)
        found = best_packing(self.blocks, kept, floor=self.floor)
        return found if len(found.runners) == len(ids) else None


@frozen(kw_only=True)
class AuctionResult:
    """Who runs, and what each of them pays.

    Attributes:
        runners: The winners, by machine and first slot.
        payments: Dollars per hour for the whole instance, by winner.
        price: The one price per GPU of a uniform price, rounded down to a pico-dollar; of the
            other rules ``None``.
    """

    runners: tuple[Runner, ...] = field(repr=brief)
    payments: Mapping[ContractId, PerHour] = field(converter=read_only, repr=brief)
    price: PerGpuHour | None = None

    @property
    def revenue(self) -> PerHour:
        """What all winners pay, dollars per hour."""
        return PerHour.from_steps(sum(payment.steps for payment in self.payments.values()))


def pay_as_bid(auction: Auction) -> AuctionResult:
    """Return the runners that pay most together; each pays its bid.

    Args:
        auction: The bids, such as a :class:`BlockAuction`.

    Raises:
        WrongType: It is no :class:`Auction`.

    >>> from numgenius_core import Claim, PerHour
    >>> from numgenius_core.bids import BlockAuction, pay_as_bid
    >>> from numgenius_core.offer import Block
    >>> whole = Block(start=0, size=2)
    >>> low = Claim.bidding(1, whole, PerHour("0.40"), arrival=1)
    >>> high = Claim.bidding(2, whole, PerHour("0.60"), arrival=2)
    >>> dict(pay_as_bid(BlockAuction(claims=[low, high])).payments)
    {2: PerHour('0.60')}
    """
    _check_auction(auction)
    best = auction.optimum()
    return _settlement(best, {runner.id: runner.price.steps for runner in best.runners})


def vcg(auction: Auction) -> AuctionResult:
    """Return the runners that pay most together; each pays what its presence costs the others.

    That is the most the others could pay without it, less what they pay with it, and at least the
    floor: exactly the lowest bid with which it would still run. The most is looked for once for
    each runner: for twice as many bids on twice as many GPUs, four times the work.

    Args:
        auction: The bids, such as a :class:`BlockAuction`.

    Raises:
        WrongType: It is no :class:`Auction`.

    >>> from numgenius_core import Claim, PerHour
    >>> from numgenius_core.bids import BlockAuction, vcg
    >>> from numgenius_core.offer import Block
    >>> whole = Block(start=0, size=2)
    >>> low = Claim.bidding(1, whole, PerHour("0.40"), arrival=1)
    >>> high = Claim.bidding(2, whole, PerHour("0.60"), arrival=2)
    >>> dict(vcg(BlockAuction(claims=[low, high])).payments)
    {2: PerHour('0.40')}
    """
    _check_auction(auction)
    best = auction.optimum()
    lowest = auction.floor.steps
    payments = {}
    for runner in best.runners:
        others = best.revenue.steps - runner.price.steps
        cost = auction.optimum(without=runner.id).revenue.steps - others
        payments[runner.id] = max(cost, lowest * runner.block.size)
    return _settlement(best, payments)


def uniform_price(auction: Auction) -> AuctionResult:
    """Return the runners at the highest price per GPU that loses; each pays it for its GPUs.

    Of bids at the price itself, those run that still fit, the earlier first. Each that runs or is
    at that price is tried with those before it: for twice as many on twice as many GPUs, four times
    the work.

    Args:
        auction: The bids, such as a :class:`BlockAuction`.

    Raises:
        WrongType: It is no :class:`Auction`.

    >>> from numgenius_core import Claim, PerHour
    >>> from numgenius_core.bids import BlockAuction, uniform_price
    >>> from numgenius_core.offer import Block
    >>> whole = Block(start=0, size=2)
    >>> low = Claim.bidding(1, whole, PerHour("0.40"), arrival=1)
    >>> high = Claim.bidding(2, whole, PerHour("0.60"), arrival=2)
    >>> uniform_price(BlockAuction(claims=[low, high])).price
    PerGpuHour('0.20')
    """
    _check_auction(auction)
    entrants = auction.entrants()
    common = lcm(*(entrant.gpus for entrant in entrants))
    height = {e.id: e.price.steps * (common // e.gpus) for e in entrants}  # exact, per GPU
    runners: tuple[Runner, ...] = ()
    clearing: int | None = None
    for entrant in sorted(entrants, key=lambda e: height[e.id], reverse=True):
        if clearing is not None and height[entrant.id] < clearing:
            break
        together = auction.together({entrant.id, *(runner.id for runner in runners)})
        if together is not None:
            runners = together.runners
        else:
            clearing = height[entrant.id]
    if clearing is None:
        clearing = auction.floor.steps * common
    payments = {runner.id: clearing * runner.block.size // common for runner in runners}
    price = PerGpuHour.from_steps(clearing // common)
    return AuctionResult(runners=runners, payments=_rates(payments), price=price)


def _check_ids(ids: object) -> None:
    if not (is_series(ids) and isinstance(ids, Collection)):
        raise WrongType("ids", "a collection of contracts", shown(ids))


def _settlement(best: Optimum, payments: Mapping[ContractId, int]) -> AuctionResult:
    return AuctionResult(runners=best.runners, payments=_rates(payments))


def _rates(steps: Mapping[ContractId, int]) -> Mapping[ContractId, PerHour]:
    return ReadOnly({c: PerHour.from_steps(steps[c]) for c in sorted(steps)})
