"""One machine of a simulation: its listing, and which of its GPUs are held and used.

*Held* GPUs have an on-demand or reserved contract; *used* ones have an instance that runs. Both
are kept as bits, so that finding a block is a look into a table.

Who runs is what :func:`numgenius_core.bids.resolve` says: contracts with a fixed price first, then
bids by price per GPU, equal ones by arrival, each that finds all its GPUs left. It is worked out
here in the machine's own terms, since most events change nobody else and a simulation has
millions of them; the tests hold it to that function.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Mapping
from datetime import timedelta
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Final, TypeAlias

from numgenius_core._accrual import ticks_a_second
from numgenius_core._terms import HIGHEST_BID
from numgenius_core.bids.priority import STEPS_PER_NANO, nanos_above, winning_bid
from numgenius_core.contracts.extension import Extended, extend
from numgenius_core.intervals import Interval, total_seconds
from numgenius_core.listing import Listing, Verification
from numgenius_core.offer import Block, GpuSet
from numgenius_core.rates import PerGpuHour, PerHour
from numgenius_core.whatif._rental import NEVER, Rental, Speed, storage_speed
from numgenius_core.whatif._shape import Rooms, Shape, Spot

if TYPE_CHECKING:
    from numgenius_core.whatif._fleet import Fleet

_NO_DISCOUNT: Final = Fraction(0)
_UNKNOWN: Final = -1

Claim: TypeAlias = tuple[int, int, Rental]
"""A bid: minus what it pays for each GPU in equal parts, its id, and the instance.

The smallest has the highest priority. Ids are given in order of arrival and differ, so a
comparison never gets to the instance.
"""


def max_discount(listing: Listing) -> Fraction:
    """Return the most that prepaying takes off the price: nothing on an unverified machine."""
    verified = listing.machine.verification is Verification.VERIFIED
    return listing.max_discount if verified else _NO_DISCOUNT


@lru_cache(maxsize=4_096)
def _lowest_bid(floor: int, size: int) -> int | None:
    """Return the lowest bid that runs where nothing does, in price steps, if any may."""
    price = winning_bid(Block(start=0, size=size), (), PerGpuHour.from_steps(floor))
    return None if price is None else price.steps


def _price_above(rental: Rental, size: int) -> int:
    """Return the lowest bid in price steps that a newcomer beats a running one with."""
    return nanos_above(rental.rate.steps, rental.block.size, size) * STEPS_PER_NANO


class SimulatedMachine:
    """A machine as time passes; all times are seconds of the horizon.

    Attributes:
        index: Its place among the machines of its fleet.
        fleet: The host's own machines, or its rivals', of which it is one.
        listing: What its host published last.
        listed: Whether it can be rented.
        terms: The number of what it publishes now, among all that the scenario's hosts publish.
        shape: The tables of its states.
        full: Its GPUs.
        held: Those that an on-demand or reserved contract has.
        used: Those of an instance that runs.
        live: The instances that exist, by their contract.
        seen: Its ``rooms`` as those saw it last who pay a fixed price.
        seen_by_bidders: Its ``idle`` and the blocks of its ``rooms`` as bidders did.
        free_time: GPU-seconds so far that no on-demand or reserved contract held.
        unusable_time: The part of it that the average client could not have used, times the
            demand's weight.
    """

    __slots__ = (
        "_contests", "_disks", "_heads", "_lowest", "_noted_at", "_parts", "_rates", "_running",
        "_shapes", "_waiting", "ends_at", "fleet", "floor", "free_time", "full", "held", "index",
        "lasts", "listed", "listing", "live", "origin", "price", "seen", "seen_by_bidders",
        "shape", "share", "spots",
        "terms", "unusable_time", "used",
    )  # fmt: skip

    fleet: Fleet  # which takes it in

    def __init__(
        self,
        index: int,
        listing: Listing,
        shapes: Mapping[tuple[int, int], Shape],
        origin: Interval,
        parts: int,
    ) -> None:
        self.index = index
        self.origin = origin
        self.full: GpuSet = (1 << listing.machine.gpus) - 1
        self.held: GpuSet = 0
        self.used: GpuSet = 0
        self.live: dict[int, Rental] = {}
        self.free_time = self.unusable_time = 0
        self._noted_at = 0
        self._parts = parts  # of a bid: a multiple of all sizes, so that bids per GPU are whole
        self._shapes = shapes
        # The bids of each block, the best first: only that one may run.
        self._contests: dict[GpuSet, list[Claim]] = {}
        self._heads: list[Claim] = []  # these best ones, the best of all first
        self._running: list[Claim] = []  # the highest priority first
        self._waiting = 0
        self.listed = True
        self.terms = index
        self._read(listing)
        self.show()

    def _read(self, listing: Listing) -> None:
        """Take note of what depends on the listing alone: once a listing, not once a request."""
        self.listing = listing
        self.shape = self._shapes[listing.machine.gpus, listing.min_gpu]
        self.spots = self.shape.spots
        self.price = listing.prices.gpu.steps
        self.floor = listing.prices.min_bid.steps
        self.share = listing.prices.platform_fee
        self.ends_at: int | None = None  # NEVER, or when; None is later each day
        if listing.rolling is None:
            end, start = listing.end, self.origin.start
            self.ends_at = NEVER if end is None else total_seconds(start, end)
        else:
            start = self.origin.start
            self.lasts = total_seconds(start, start + listing.rolling)
        self._rates: dict[int, tuple[PerHour, Speed]] = {}
        self._disks: dict[int, Speed] = {}
        self._lowest: dict[int, int | None] = {}

    # --- what its listing says --------------------------------------------------------------

    def end(self, now: int) -> int:
        """Return when a contract made now would end."""
        return now + self.lasts if self.ends_at is None else self.ends_at

    def rate(self, size: int) -> tuple[PerHour, Speed]:
        """Return what GPUs cost on demand: an hour of them, and a second with the fee."""
        found = self._rates.get(size)
        if found is None:
            rate = self.listing.prices.gpu.for_gpus(size)
            found = self._rates[size] = rate, ticks_a_second(rate, self.share)
        return found

    def stored(self, disk_mb: int) -> Speed:
        """Return what a second of a disk costs."""
        found = self._disks.get(disk_mb)
        if found is None:
            found = self._disks[disk_mb] = storage_speed(self.listing, disk_mb)
        return found

    # --- what a client would get ------------------------------------------------------------

    def idle_spot(self, size: int) -> Spot | None:
        """Return where a block goes on which nothing runs, if there is one."""
        return self.spots[size][self.full & ~self.used]

    def open_spot(self, size: int) -> Spot | None:
        """Return where a block goes that no contract with a fixed price holds, if there is one."""
        return self.spots[size][self.full & ~self.held]

    @property
    def rooms(self) -> Rooms:
        """For which sizes the GPUs that no contract with a fixed price holds are enough."""
        return self.shape.rooms[self.full & ~self.held]

    @property
    def idle(self) -> int:
        """For which sizes there is a block on which nothing runs, each as the bit of its number."""
        return self.shape.rooms[self.full & ~self.used].block

    def show(self) -> None:
        """Take note that all clients see it as it is."""
        self.seen = self.rooms
        self.seen_by_bidders = self.idle, self.rooms.block

    def bid_spot(self, size: int, bid: int) -> Spot:
        """Return where the lowest bid that would run now, in price steps, would.

        That is where nothing runs, as the placement chooses it; else where those that run bid the
        least, of equal blocks the one that starts lowest.
        """
        free = self.full & ~self.used
        spot = self.spots[size][free]
        if spot is not None:
            return spot
        for _, _, rental in reversed(self._running):
            if _price_above(rental, size) > bid:
                break
            free |= rental.gpu_set
        spot = self.shape.lowest[size][free]
        assert spot is not None  # the bid stops those that ran there
        return spot

    def dislodging(self, sizes: int) -> dict[int, int]:
        """Return the lowest bids, in price steps, that stop who runs on a block of some sizes.

        Args:
            sizes: The sizes, each as the bit of its number, for which there is a block that no
                contract with a fixed price holds, but none on which nothing runs.

        Returns:
            By the size; none of those on which no bid may win.
        """
        # From the lowest priority up: once a block is free of all that run so far, the last of
        # them is the dearest on it, and no block is cheaper.
        found: dict[int, int] = {}
        free, rooms = self.full & ~self.used, self.shape.rooms
        for _, _, rental in reversed(self._running):
            free |= rental.gpu_set
            there = rooms[free].block & sizes
            if there:
                sizes ^= there
                while there:
                    size = there.bit_length() - 1
                    there ^= 1 << size
                    price = max(self.lowest_idle(size) or 0, _price_above(rental, size))
                    if price <= HIGHEST_BID.steps * size:
                        found[size] = price
                if not sizes:
                    break
        return found

    def lowest_idle(self, size: int) -> int | None:
        """Return the lowest bid that runs where nothing does, in price steps, if any may."""
        lowest = self._lowest.get(size, _UNKNOWN)
        if lowest == _UNKNOWN:
            lowest = self._lowest[size] = _lowest_bid(self.floor, size)
        return lowest

    # --- what happens -----------------------------------------------------------------------

    def enter(self, rental: Rental, now: int) -> list[Rental]:
        """Take in an instance, and return all that run or pause from now on."""
        self.live[rental.id] = rental
        gpu_set = rental.gpu_set
        bid = rental.request.bid
        if bid is None:
            self.note(now)
            self.held |= gpu_set
            rental.run(now)
            changed = self._displace(gpu_set, now) if self.used & gpu_set else []
            if changed is None:
                return [rental, *self.settle(now)]
        else:
            rank = rental.rank = -bid.steps * (self._parts // rental.block.size)
            claim = rank, rental.id, rental
            self._contend(claim)
            changed = self._displace(gpu_set, now) if self.used & gpu_set else []
            if changed is None:
                self._waiting += 1
                return self.settle(now, claim)
            rental.run(now)
            insort(self._running, claim)
        self.used |= gpu_set
        changed.append(rental)
        return changed

    def _displace(self, gpu_set: GpuSet, now: int) -> list[Rental] | None:
        """Pause the bids that run on some GPUs, for one that outranks all of them.

        Those that waited for these GPUs go on waiting for it. ``None``, and nothing done, if one of
        them holds other GPUs too: those come free, and then all are to be looked at.
        """
        elsewhere = ~gpu_set
        paused, running = [], []
        for claim in self._running:
            there = claim[2].gpu_set
            if not there & gpu_set:
                running.append(claim)
            elif there & elsewhere:
                return None
            else:
                paused.append(claim[2])
        for rental in paused:
            rental.pause(now)
        self._waiting += len(paused)
        self._running = running
        return paused

    def leave(self, rental: Rental, now: int) -> list[Rental]:
        """Let an instance go, and return all that run or pause from now on."""
        del self.live[rental.id]
        claim: Claim | None = None
        if rental.request.bid is None:
            self.note(now)
            self.held ^= rental.gpu_set
        else:
            claim = rental.rank, rental.id, rental
            self._give_up(claim)
            if rental.run_from is None:
                self._waiting -= 1
                return []  # who waits takes nothing
            del self._running[bisect_left(self._running, claim)]
        self.used ^= rental.gpu_set
        return self.settle(now, claim) if self._waiting else []

    def settle(self, now: int, after: Claim | None = None) -> list[Rental]:
        """Find out who runs, let them run and the others pause, and return those that changed.

        Args:
            now: The time.
            after: A bid that came or went: those of higher priority run or wait as before.
        """
        changed: list[Rental] = []
        heads, running, taken, before = self._heads, list[Claim](), self.held, self._running
        if after is not None:
            running = before[: bisect_left(before, after)]
            for claim in running:
                taken |= claim[2].gpu_set
            heads = heads[bisect_left(heads, after) :]
        lowest, full = -self.floor * self._parts, self.full
        for claim in heads:
            rental = claim[2]
            if taken & rental.gpu_set:
                continue
            if claim[0] > lowest:
                break  # it bids less than the floor, and so do all after it
            taken |= rental.gpu_set
            running.append(claim)
            if rental.run_from is None:
                rental.run(now)
                changed.append(rental)
            if taken == full:
                break
        began = len(changed)
        if len(running) - began < len(before):  # not all that ran go on
            changed += [claim[2] for claim in before if claim not in running]
            for rental in changed[began:]:
                rental.pause(now)
        self._waiting += len(changed) - 2 * began
        self._running, self.used = running, taken
        return changed

    def _contend(self, claim: Claim) -> None:
        """Take in a bid among those for its GPUs."""
        contest = self._contests.setdefault(claim[2].gpu_set, [])
        head = contest[0] if contest else None
        insort(contest, claim)
        if contest[0] is claim:
            if head is not None:
                del self._heads[bisect_left(self._heads, head)]
            insort(self._heads, claim)

    def _give_up(self, claim: Claim) -> None:
        """Take out a bid from those for its GPUs."""
        contest = self._contests[claim[2].gpu_set]
        place = bisect_left(contest, claim)
        del contest[place]
        if not place:
            del self._heads[bisect_left(self._heads, claim)]
            if contest:
                insort(self._heads, contest[0])

    def publish(self, listing: Listing, terms: int, now: int) -> list[Rental]:
        """Publish the machine anew, and return all that run or pause from now on."""
        self.note(now)
        self.listed, self.terms = True, terms
        self._read(listing)
        return self.settle(now)

    def unlist(self, terms: int) -> None:
        """Let nobody rent from now on; who has rented stays."""
        self.listed, self.terms, self.ends_at = False, terms, -1

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
                rental.extend(NEVER if end is None else total_seconds(self.origin.start, end))
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
            free = self.full & ~self.held
            self.free_time += free.bit_count() * elapsed
            self.unusable_time += self.shape.unusable[free] * elapsed
