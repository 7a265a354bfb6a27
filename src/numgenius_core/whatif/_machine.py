"""One machine of a simulation: its listing, its book, and which of its GPUs are held and used.

*Held* GPUs have an on-demand or reserved contract; *used* ones have an instance that runs. Both
are kept as bits, so that finding a block is a look into a table.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from fractions import Fraction
from typing import Final

from attrs import frozen

from numgenius_core._accrual import discounted
from numgenius_core.bids.book import BidBook
from numgenius_core.bids.changes import BookChange, ClaimPaused
from numgenius_core.bids.priority import Claim, winning_bid
from numgenius_core.contracts.extension import Extended, extend
from numgenius_core.gpus.allocation import best_fit, first_fit
from numgenius_core.gpus.fragments import FreeGpus, fragmentation
from numgenius_core.gpus.slicing import blocks
from numgenius_core.ids import ContractId
from numgenius_core.intervals import Interval, total_seconds
from numgenius_core.listing import Listing, Mode, Verification
from numgenius_core.money import ZERO, Money
from numgenius_core.offer import Block
from numgenius_core.prices.schedules import CurveSchedule
from numgenius_core.rates import PerHour
from numgenius_core.units import SECONDS_PER_MONTH
from numgenius_core.whatif._rental import Rental
from numgenius_core.whatif.demand import Request
from numgenius_core.whatif.outcome import Lost
from numgenius_core.whatif.scenario import Placement

_NO_DISCOUNT: Final = Fraction(0)


@frozen
class Deal:
    """What a client would get on a machine.

    Attributes:
        machine: The machine.
        block: The GPUs.
        steps: What running there costs an hour, in price steps: the price, the discounted price,
            or the lowest bid that would run.
        rate: What its GPUs cost an hour on demand, or its bid.
        end: When the contract would end, seconds of the horizon; ``None`` is never.
        discount: Of a reserved one, the share taken off ``rate``.
        deposit: Of a reserved one, what it prepays.
    """

    machine: SimulatedMachine
    block: Block
    steps: int
    rate: PerHour
    end: int | None
    discount: Fraction = _NO_DISCOUNT
    deposit: Money = ZERO


class SimulatedMachine:
    """A machine as time passes; all times are seconds of the horizon.

    Attributes:
        listing: What its host published last.
        listed: Whether it can be rented.
        live: The instances that exist, by their contract.
        free_time: GPU-seconds so far that no on-demand or reserved contract held.
        unusable_time: The part of it that the average client could not have used, times the
            demand's weight.
    """

    def __init__(
        self, listing: Listing, placement: Placement, origin: Interval, sizes: Mapping[int, int]
    ) -> None:
        self.listing: Listing = listing
        self.listed: bool = True
        self.origin: Interval = origin
        self.book: BidBook = BidBook(listing.machine.gpus, listing.prices.min_bid)
        self.live: dict[ContractId, Rental] = {}
        self.free_time: int = 0
        self.unusable_time: int = 0
        self._fit = best_fit if placement is Placement.BEST_FIT else first_fit
        self._full = (1 << listing.machine.gpus) - 1
        self._held = self._used = self._noted_at = 0
        self._running: tuple[Claim, ...] | None = None  # the book's, as long as they are the same
        self._sizes, self._weight = sizes, sum(sizes.values())
        self._read_listing()

    def _read_listing(self) -> None:
        """Make the tables that depend on what is listed: once a listing, not once a request."""
        gpus = self.listing.machine.gpus
        self._blocks: dict[int, list[Block]] = {}
        for block in blocks(gpus, self.listing.min_gpu):
            self._blocks.setdefault(block.size, []).append(block)
        self._rates = {size: self.listing.prices.gpu.for_gpus(size) for size in self._blocks}
        floor = self.listing.prices.min_bid
        lowest = {size: winning_bid(group[0], (), floor) for size, group in self._blocks.items()}
        # Where nothing runs, the floor wins; one above all legal bids is refused before.
        self._idle = {size: price.steps if price else 0 for size, price in lowest.items()}
        # Filled as states of the machine are seen: few of the 2 ** gpus ever are.
        self._unusable: dict[int, int] = {}
        verified = self.listing.machine.verification is Verification.VERIFIED
        self._curve = CurveSchedule(self.listing.max_discount if verified else _NO_DISCOUNT)

    # --- what a client would get ------------------------------------------------------------

    def deal(self, request: Request, now: int) -> Deal | Lost:
        """Return what a client would get here, or why it would not rent."""
        if request.gpus not in self._blocks:
            return Lost.SIZE
        end = self._end_at(now)
        left = request.seconds if end is None else min(end - now, request.seconds)
        # The reasons for a refusal are looked at in the order of ``Lost``, the cheapest to find
        # out first: most requests that are lost never look for a block.
        short = left <= 0 or (request.whole and left < request.seconds)
        if request.bid is not None:
            return self._bidding(request, request.bid, end, short=short)
        rate = price = self._rates[request.gpus]
        discount, deposit = _NO_DISCOUNT, ZERO
        if request.mode is Mode.RESERVED and self._curve.max_discount and not short:
            months = Fraction(left, SECONDS_PER_MONTH)
            discount, deposit = self._curve.rate(months), self._curve.deposit(rate, months)
            price = discounted(rate, discount)
        if request.limit is not None and price.steps > request.limit.steps * request.gpus:
            return Lost.PRICE
        if short:
            return Lost.END
        block = self._place(request.gpus)
        if block is None:
            free = (self._full & ~self._held).bit_count()
            return Lost.FULL if free < request.gpus else Lost.FRAGMENTED
        return Deal(self, block, price.steps, rate, end, discount, deposit)

    def _end_at(self, now: int) -> int | None:
        """Return when a contract made now would end."""
        if not self.listed:
            return now
        end = self.listing.end
        if self.listing.rolling is not None:
            return now + total_seconds(self.origin.start, self.origin.start + self.listing.rolling)
        return None if end is None else total_seconds(self.origin.start, end)

    def _place(self, size: int) -> Block | None:
        """Return a block where nothing runs, else one that is not held."""
        gpus, min_gpu = self.listing.machine.gpus, self.listing.min_gpu
        block = self._fit(gpus, min_gpu, self._full & ~self._used, size)
        if block is None and self._used != self._held:
            block = self._fit(gpus, min_gpu, self._full & ~self._held, size)
        return block

    def _bidding(
        self, request: Request, bid: PerHour, end: int | None, *, short: bool
    ) -> Deal | Lost:
        floor, size = self.listing.prices.min_bid, request.gpus
        if bid.steps < floor.steps * size:
            return Lost.PRICE
        if short:
            return Lost.END
        gpus, min_gpu = self.listing.machine.gpus, self.listing.min_gpu
        block = self._fit(gpus, min_gpu, self._full & ~self._used, size)
        if block is not None:
            return Deal(self, block, self._idle[size], bid, end)
        # No block is idle, so the bid must beat somebody: the cheapest block to win, among those
        # that no contract with a fixed price holds.
        if self._running is None:
            self._running = self.book.running
        running = self._running
        cheapest: tuple[int, Block] | None = None
        for block in self._blocks[size]:
            if block.gpu_set & self._held:
                continue
            price = winning_bid(block, running, floor)
            if price is not None and (cheapest is None or price.steps < cheapest[0]):
                cheapest = price.steps, block
        if cheapest is None:
            return Lost.FULL
        if bid.steps < cheapest[0]:
            return Lost.OUTBID
        return Deal(self, cheapest[1], cheapest[0], bid, end)

    # --- what happens -----------------------------------------------------------------------

    def enter(self, rental: Rental, now: int) -> tuple[BookChange, ...]:
        """Take in an instance and return what that changes."""
        self.live[rental.id] = rental
        if rental.request.bid is not None:
            return self.book.bid(rental.id, rental.block, rental.request.bid)
        self.note(now)
        self._held |= rental.block.gpu_set
        return self.book.on_demand(rental.id, rental.block)

    def leave(self, rental: Rental, now: int) -> tuple[BookChange, ...]:
        """Let an instance go and return what that changes."""
        del self.live[rental.id]
        if rental.run_from is not None:
            self._used ^= rental.block.gpu_set
        if rental.request.bid is None:
            self.note(now)
            self._held ^= rental.block.gpu_set
        return self.book.leave(rental.id)

    def apply(self, changes: Iterable[BookChange], now: int) -> Iterator[tuple[Rental, BookChange]]:
        """Let instances run and pause, and yield each of them."""
        self._running = None
        for change in changes:
            rental = self.live[change.id]
            self._used ^= rental.block.gpu_set  # a change always turns running into waiting or back
            if type(change) is ClaimPaused:
                rental.pause(now)
            else:
                rental.resume(now)
            yield rental, change

    def relist(self, listing: Listing, now: int) -> tuple[BookChange, ...]:
        """Publish the machine anew and return what the new floor changes."""
        self.note(now)
        self.listing, self.listed = listing, True
        self._read_listing()
        return self.book.set_floor(listing.prices.min_bid)

    def extend(self, now: int) -> list[Rental]:
        """Extend the contracts that what is listed extends, and return their instances."""
        known = list(self.live.values())
        contracts = [rental.extended or rental.agreed(self.origin) for rental in known]
        at = self.origin.start + timedelta(seconds=now)
        extended = []
        for rental, verdict in zip(
            known, extend(contracts, self.listing, at=at, ask=False).verdicts, strict=True
        ):
            rental.extended = verdict.contract
            if isinstance(verdict, Extended):
                end = verdict.end
                rental.end = None if end is None else total_seconds(self.origin.start, end)
                extended.append(rental)
        return extended

    def note(self, now: int) -> None:
        """Add up the time until now in which the same GPUs were free.

        Called just before the GPUs held or the listing change: in between, both sums grow by a
        product, so time is never stepped through.
        """
        elapsed = now - self._noted_at
        if elapsed:
            self._noted_at = now
            free = self._full & ~self._held
            unusable = self._unusable.get(free)
            if unusable is None:
                unusable = self._unusable[free] = self._unusable_of(free)
            self.free_time += free.bit_count() * elapsed
            self.unusable_time += unusable * elapsed

    def _unusable_of(self, free: int) -> int:
        gpus, price = self.listing.machine.gpus, self.listing.prices.gpu
        state = FreeGpus(gpus=gpus, min_gpu=self.listing.min_gpu, free=free, price=price)
        # Kept as a whole number, times the demand's weight, which clears the denominator: sums
        # over a horizon are then of integers, and divided once at its end.
        share = fragmentation([state], self._sizes).unusable * self._weight
        return share.numerator
