"""The bids of one machine kept up to date: an event in, what changed out.

Rule (hosting guide, G7): "the highest bid runs, the others are paused"; a paused instance resumes
by itself when it regains priority. The priorities are those of :mod:`numgenius_core.bidding`, and
the book's state is at any time what :func:`~numgenius_core.bidding.resolve` says from scratch.

Our readings: changing a bid to the price it has keeps its place, any other change is a new arrival
at that price. A claim that goes on waiting is not reported when somebody else comes to hold its
GPUs: :meth:`BidBook.explain` says who does.

How it is fast. Claims of equal GPUs exclude each other, so at most one claim a block can run, and
that is always the block's best. Each block keeps its claims in a heap (a *lane*); the answer is
one greedy pass over the lanes' heads, and only when a head has changed. An event that leaves the
heads alone costs O(log n) for n claims, any other O(log n + lanes): at most 15 lanes of offers on
a machine of 8 GPUs, 2 T on one of T. A claim that leaves stays in its heap until it comes to the
top or more than half of the heap is gone, so memory stays within twice the claims.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from heapq import heapify, heappop, heappush
from math import lcm
from typing import Final, Self

from attrs import define, field, frozen

from numgenius_core.bidding import (
    HIGHEST_BID,
    LOWEST_BID,
    Claim,
    Rank,
    Verdict,
    Why,
    check_bid,
    explain,
    level_of,
    quoted_min_bid,
    winning_bid,
)
from numgenius_core.errors import RuleViolation, WrongType, shown
from numgenius_core.listing import MAX_GPUS, ContractId, check_id, check_kind
from numgenius_core.money import PerGpuHour, PerHour
from numgenius_core.offer import Block
from numgenius_core.units import whole_number

__all__ = [
    "BidBook",
    "BidChanged",
    "BookEvent",
    "Change",
    "Entered",
    "FloorChanged",
    "Left",
    "Paused",
    "Resumed",
    "Started",
]


@frozen(kw_only=True)
class Entered:
    """A claim came: a bid, an on-demand or reserved contract, or a default job.

    Attributes:
        id: The contract.
        block: The GPUs it holds.
        rank: On-demand (or reserved), bid or default job.
        bid: Of a bid, dollars per hour for the whole instance; else ``None``.
    """

    id: ContractId
    block: Block
    rank: Rank = Rank.BID
    bid: PerHour | None = None
    _key: int = field(init=False, repr=False, eq=False)  # −level: the smallest runs first
    _slot: int = field(init=False, repr=False, eq=False)  # which lane; far faster than a hash

    def __attrs_post_init__(self) -> None:
        check_id(self.id, "claim.id")
        check_kind(self.block, Block, "claim.block")
        check_kind(self.rank, Rank, "claim.rank")
        key = -level_of(self.rank, self.block.size, self.bid)
        place = self.block.start * (MAX_GPUS + 1) + self.block.size
        object.__setattr__(self, "_key", key)
        object.__setattr__(self, "_slot", place * 2 + (self.rank is Rank.DEFAULT_JOB))


@frozen(kw_only=True)
class BidChanged:
    """A client changed its bid: ``bid`` is dollars per hour for the whole instance."""

    id: ContractId
    bid: PerHour

    def __attrs_post_init__(self) -> None:
        check_id(self.id, "claim.id")
        check_kind(self.bid, PerHour, "claim.bid")


@frozen(kw_only=True)
class Left:
    """A claim went: cancelled, stopped, expired or destroyed."""

    id: ContractId

    def __attrs_post_init__(self) -> None:
        check_id(self.id, "claim.id")


@frozen(kw_only=True)
class FloorChanged:
    """The host set its lowest bid, dollars per GPU-hour."""

    floor: PerGpuHour

    def __attrs_post_init__(self) -> None:
        check_kind(self.floor, PerGpuHour, "floor")


BookEvent = Entered | BidChanged | Left | FloorChanged
"""What a book is told."""


@frozen
class Started:
    """A claim runs from its arrival on."""

    id: ContractId


@frozen
class Paused:
    """A claim stops running, or waits from its arrival on.

    Attributes:
        id: The claim.
        why: The strongest reason there is.
        by: The running claims of higher priority on its GPUs, the highest first.
    """

    id: ContractId
    why: Why
    by: tuple[ContractId, ...]


@frozen
class Resumed:
    """A claim that waited runs."""

    id: ContractId


Change = Started | Paused | Resumed
"""What an event changed."""

_Entry = tuple[int, int, ContractId, "_Lane"]  # −level, arrival, claim, its lane
_Head = tuple[int, int, ContractId, "_Lane"]  # the same, −level times the lane's weight

_SPARE: Final = 16  # entries that have left which any heap may keep
_LOWEST: Final = LOWEST_BID.steps
_HIGHEST: Final = HIGHEST_BID.steps


@define(eq=False)
class _Lane:
    """The claims on one block: bids and on-demand ones, or its default jobs.

    Default jobs have lanes of their own, since bids under the floor stand between the two.
    """

    block: Block
    mask: int
    jobs: bool
    weight: int = 1  # the book's common multiple / GPUs: weighted levels compare as per-GPU bids
    heap: list[_Entry] = field(factory=list, repr=False)
    gone: set[int] = field(factory=set, repr=False)  # arrivals in the heap that have left
    head: _Head | None = None  # its place in the book's order, if its best claim may run
    # What the claims that wait in it have in common, as long as the same claims run.
    runners: dict[ContractId, _Head] | None = None  # those it was made from
    ids: tuple[ContractId, ...] = ()  # the running claims on its GPUs, the highest first
    why: Why = Why.OUTBID
    below: int = 0  # from this −level on, a claim is strictly below all of them
    enough: int = 0  # up to this −level, the floor is no reason


class BidBook:
    """Who runs on one machine, event after event.

    Replaying the events gives the same book, so a service has to store nothing else.

    >>> book = BidBook(gpus=2)
    >>> book.place(ContractId(1), Block(size=2, start=0), PerHour("0.50"))
    (Started(id=1),)
    >>> book.place(ContractId(2), Block(size=1, start=0), PerHour("0.30"))
    (Paused(id=1, why=<Why.OUTBID: 'outbid'>, by=(2,)), Started(id=2))
    >>> book.leave(ContractId(2))
    (Resumed(id=1),)

    Attributes:
        gpus: GPUs of the machine.
        floor: The host's lowest bid, dollars per GPU-hour.
    """

    __slots__ = (
        "_arrivals",
        "_common",
        "_entries",
        "_full",
        "_lanes",
        "_order",
        "_running",
        "floor",
        "gpus",
    )

    def __init__(self, gpus: int, floor: PerGpuHour | None = None) -> None:
        self.gpus = whole_number(gpus, "gpus", 1, MAX_GPUS)
        self.floor = PerGpuHour(0) if floor is None else floor
        check_kind(self.floor, PerGpuHour, "floor")
        self._full = (1 << gpus) - 1
        self._arrivals = 0
        self._common = 1  # a multiple of all lanes' sizes: levels per GPU stay whole numbers
        self._lanes: dict[int, _Lane] = {}
        self._entries: dict[ContractId, _Entry] = {}
        self._order: list[_Head] = []  # the heads that may run, the highest priority first
        self._running: dict[ContractId, _Head] = {}  # those that do; replaced, never changed

    @classmethod
    def replay(
        cls, events: Iterable[BookEvent], *, gpus: int, floor: PerGpuHour | None = None
    ) -> Self:
        """Return the book after ``events``."""
        book = cls(gpus, floor)
        for event in events:
            book.apply(event)
        return book

    # --- what happens -----------------------------------------------------------------------

    def apply(self, event: BookEvent) -> tuple[Change, ...]:
        """Take an event and return what it changed: who pauses, then who runs.

        Within each the highest priority comes first. A refused event changes nothing.

        Raises:
            WrongType: It is no event of a book.
            RuleViolation: A claim that is there already or is not there, a bid out of bounds or
                for something that does not bid, GPUs that the machine does not have.
        """
        if isinstance(event, Entered):
            return self._enter(event)
        if isinstance(event, Left):
            return self._leave(event.id)
        if isinstance(event, BidChanged):
            return self._change(event.id, event.bid)
        if isinstance(event, FloorChanged):
            return self._set_floor(event.floor)
        raise WrongType("event", "an event of a book", shown(event))

    def place(self, id: ContractId, block: Block, bid: PerHour) -> tuple[Change, ...]:  # noqa: A002 - as the field
        """Take a new bid, dollars per hour for the whole instance.

        A bid under the floor is taken and waits; the door that refuses it is
        :func:`~numgenius_core.bidding.check_bid`.
        """
        return self.apply(Entered(id=id, block=block, bid=bid))

    def on_demand(self, id: ContractId, block: Block) -> tuple[Change, ...]:  # noqa: A002 - as the field
        """Take a new on-demand or reserved contract."""
        return self.apply(Entered(id=id, block=block, rank=Rank.ON_DEMAND))

    def default_job(self, id: ContractId, block: Block) -> tuple[Change, ...]:  # noqa: A002 - as the field
        """Take a default job of the host."""
        return self.apply(Entered(id=id, block=block, rank=Rank.DEFAULT_JOB))

    def change(self, id: ContractId, bid: PerHour) -> tuple[Change, ...]:  # noqa: A002 - as the field
        """Change a bid; the price it has keeps its place, any other is a new arrival."""
        return self.apply(BidChanged(id=id, bid=bid))

    def leave(self, id: ContractId) -> tuple[Change, ...]:  # noqa: A002 - as the field
        """Take a claim out: a bid cancelled, a contract or a default job ended."""
        return self.apply(Left(id=id))

    def set_floor(self, floor: PerGpuHour) -> tuple[Change, ...]:
        """Change the lowest bid; bids under it wait."""
        return self.apply(FloorChanged(floor=floor))

    # --- what there is ----------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, id: object) -> bool:  # noqa: A002 - as the field
        return id in self._entries

    def __iter__(self) -> Iterator[Claim]:
        """Go through all claims, in no particular order."""
        return map(_claim, self._entries.values())

    @property
    def running(self) -> tuple[Claim, ...]:
        """The claims that run, the highest priority first."""
        return tuple(_claim(self._entries[id]) for id in self._running)  # noqa: A001 - as the field

    def runs(self, id: ContractId) -> bool:  # noqa: A002 - as the field
        """Return whether a claim runs.

        Raises:
            RuleViolation: There is no such claim.
        """
        self._entry(id)
        return id in self._running

    def explain(self, id: ContractId) -> Verdict:  # noqa: A002 - as the field
        """Return why a claim waits and what would win, from the runners alone.

        Raises:
            RuleViolation: There is no such claim, or it runs.
        """
        return explain(_claim(self._entry(id)), self.running, self.floor)

    def winning_bid(self, block: Block) -> PerHour | None:
        """Return the lowest bid with which a newcomer would run on ``block`` now."""
        return winning_bid(block, self.running, self.floor)

    def quoted_min_bid(self, block: Block) -> PerGpuHour:
        """Return the ``min_bid`` that a search shows for ``block``."""
        return quoted_min_bid(block, self.running, self.floor)

    # --- how an event is taken --------------------------------------------------------------

    def _entry(self, id: ContractId) -> _Entry:  # noqa: A002 - as the field
        entry = self._entries.get(id)
        if entry is None:
            raise RuleViolation("claim.id", "a claim of this book", shown(id))
        return entry

    def _enter(self, event: Entered) -> tuple[Change, ...]:
        id = event.id  # noqa: A001 - as the field
        if id in self._entries:
            raise RuleViolation("claim.id", "a new claim", f"{id}, which is there already")
        lane = self._lanes.get(event._slot)
        if lane is None:
            lane = self._new_lane(event)
        self._arrivals += 1
        entry = (event._key, self._arrivals, id, lane)
        self._entries[id] = entry
        heappush(lane.heap, entry)
        if lane.heap[0] is entry:
            return self._settle(lane, entry)
        return (self._paused(entry),)

    def _leave(self, id: ContractId) -> tuple[Change, ...]:  # noqa: A002 - as the field
        entry = self._entry(id)
        del self._entries[id]
        lane = entry[3]
        return self._settle(lane) if _retire(entry, lane) else ()

    def _change(self, id: ContractId, bid: PerHour) -> tuple[Change, ...]:  # noqa: A002 - as the field
        old = self._entry(id)
        lane, steps = old[3], bid.steps
        most = _HIGHEST * lane.block.size
        if lane.jobs or -old[0] > most:
            raise RuleViolation("claim.bid", f"none for {_rank(old).value}", shown(bid))
        if not _LOWEST <= steps <= most:
            check_bid(bid, lane.block.size, path="claim.bid")  # says what is wrong
        if -old[0] == steps:
            return ()
        self._arrivals += 1
        new = (-steps, self._arrivals, id, lane)
        self._entries[id] = new
        was_head = _retire(old, lane)
        heappush(lane.heap, new)
        return self._settle(lane) if was_head or lane.heap[0] is new else ()

    def _set_floor(self, floor: PerGpuHour) -> tuple[Change, ...]:
        self.floor = floor
        for lane in self._lanes.values():
            lane.runners = None
            self._rank_head(lane)
        return self._rerun()

    def _new_lane(self, event: Entered) -> _Lane:
        block = event.block
        if block.end > self.gpus:
            raise RuleViolation("claim.block", f"positions below {self.gpus}", str(block))
        lane = _Lane(block=block, mask=block.mask, jobs=event.rank is Rank.DEFAULT_JOB)
        self._lanes[event._slot] = lane
        self._common = lcm(self._common, block.size)
        lane.weight = self._common // block.size
        if any(other.weight * other.block.size != self._common for other in self._lanes.values()):
            self._reweigh()
        return lane

    def _reweigh(self) -> None:
        """Rank all heads anew, after a size that did not divide the common multiple.

        The same claims run. It happens once for each such size.
        """
        self._order.clear()
        for lane in self._lanes.values():
            lane.weight = self._common // lane.block.size
            lane.head = None
            self._rank_head(lane)
        self._rerun()

    def _settle(self, lane: _Lane, newcomer: _Entry | None = None) -> tuple[Change, ...]:
        """Take note of a lane's new head, and work out who runs."""
        self._rank_head(lane)
        if newcomer is None:
            return self._rerun()
        changes = self._rerun(newcomer[2])
        return changes if newcomer[2] in self._running else (self._paused(newcomer),)

    def _rank_head(self, lane: _Lane) -> None:
        """Put a lane's best claim in its place in the order, or nothing if it may not run."""
        order = self._order
        if lane.head is not None:
            del order[bisect_left(order, lane.head)]
            lane.head = None
        if lane.heap:
            level, arrival, id, _ = lane.heap[0]  # noqa: A001 - as the field
            if lane.jobs or -level >= self.floor.steps * lane.block.size:
                lane.head = (level * lane.weight, arrival, id, lane)
                insort(order, lane.head)

    def _rerun(self, newcomer: ContractId | None = None) -> tuple[Change, ...]:
        """Go through the heads by priority, and return what is different from before."""
        before, after = self._running, {}
        taken, full = 0, self._full
        for head in self._order:
            mask = head[3].mask
            if not taken & mask:
                after[head[2]] = head
                taken |= mask
                if taken == full:
                    break
        if after == before:
            return ()  # the old one stays, and with it what the lanes know of it
        self._running = after
        entries = self._entries
        gone = [entries[id] for id in before if id not in after and id in entries]  # noqa: A001
        runs = [id for id in after if id not in before]  # noqa: A001
        return (
            *map(self._paused, gone),
            *(Started(id) if id == newcomer else Resumed(id) for id in runs),  # noqa: A001
        )

    def _paused(self, entry: _Entry) -> Paused:
        """Return why a claim that does not run waits."""
        level, arrival, id, lane = entry  # noqa: A001 - as the field
        if lane.runners is not self._running:
            self._look(lane)
        if lane.below <= level <= lane.enough:  # nearly always
            return Paused(id, lane.why, lane.ids)
        mine = (level * lane.weight, arrival)
        above = tuple(other for other in lane.ids if self._running[other][:2] < mine)
        return Paused(id, lane.why if level <= lane.enough else Why.UNDER_FLOOR, above)

    def _look(self, lane: _Lane) -> None:
        """Work out what the claims that wait in a lane have in common."""
        there = [head for head in self._running.values() if head[3].mask & lane.mask]
        held = bool(there) and _rank(self._entries[there[0][2]]) is Rank.ON_DEMAND
        lane.ids = tuple(head[2] for head in there)
        lane.why = Why.HELD if held else Why.OUTBID
        lane.below = there[-1][0] // lane.weight + 1 if there else 1  # no −level is above 0
        lane.enough = 0 if held or lane.jobs else -self.floor.steps * lane.block.size
        lane.runners = self._running


def _retire(left: _Entry, lane: _Lane) -> bool:
    """Take note that an entry has left its heap, and return whether it was the head.

    The head is taken out, and with it those under it that had left before; the others are once
    they are the larger part.
    """
    heap, gone = lane.heap, lane.gone
    was_head = heap[0] is left
    if was_head:
        heappop(heap)
        while heap and heap[0][1] in gone:
            gone.remove(heappop(heap)[1])
    else:
        gone.add(left[1])
    if len(gone) * 2 > len(heap) + _SPARE:
        heap[:] = [entry for entry in heap if entry[1] not in gone]
        heapify(heap)
        gone.clear()
    return was_head


def _rank(entry: _Entry) -> Rank:
    lane = entry[3]
    if lane.jobs:
        return Rank.DEFAULT_JOB
    return Rank.ON_DEMAND if -entry[0] > _HIGHEST * lane.block.size else Rank.BID


def _claim(entry: _Entry) -> Claim:
    level, arrival, id, lane = entry  # noqa: A001 - as the field
    rank = _rank(entry)
    bid = PerHour.from_steps(-level) if rank is Rank.BID else None
    return Claim(id=id, block=lane.block, rank=rank, arrival=arrival, bid=bid)
