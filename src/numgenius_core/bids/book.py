"""The bids of one machine kept up to date: an event in, what changed out.

Rule (hosting guide, G7): "the highest bid runs, the others are paused"; a paused instance resumes
by itself when it regains priority. Priority is that of :class:`~numgenius_core.bids.Claim`, and the
book's state is at any time what :func:`~numgenius_core.bids.resolve` says from scratch.

Our readings: changing a bid to the price it has keeps its place, any other change is a new arrival
at that price. A claim that goes on waiting is not reported when somebody else comes to hold its
GPUs: :meth:`BidBook.explain` says who does.

How it is fast. Each block keeps its claims in a heap, a *lane* (``_lanes``). At most one claim a
lane can run, its *head*, and nothing changes unless a head does. A new head that a running claim
outranks changes nothing either. One that outranks all that run on its GPUs displaces them, and if
they lie within its block that is all. Only otherwise is it one greedy pass over the heads, from the
first that changed on. An event that leaves the heads alone costs O(log n) for n claims, any other
O(log n + lanes): at most 15 lanes of offers on a machine of 8 GPUs, 2 T on one of T.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from heapq import heappush
from math import lcm
from typing import Final, Self

from numgenius_core._checks import check_kind
from numgenius_core._numbers import whole_number
from numgenius_core.bids._lanes import (
    DEAREST,
    HELD,
    OUTBID,
    Entry,
    Head,
    Lane,
    claim_of,
    enough,
    look,
    new_lane,
    rank_of,
    retire,
)
from numgenius_core.bids.changes import (
    BookChange,
    BookEvent,
    ClaimEntered,
    ClaimLeft,
    ClaimPaused,
    ClaimResumed,
    ClaimStarted,
    FloorSet,
    Repriced,
)
from numgenius_core.bids.priority import (
    LOWEST_BID,
    Claim,
    Rank,
    Verdict,
    WaitReason,
    check_bid,
    explain,
    quoted_min_bid,
    winning_bid,
)
from numgenius_core.errors import RuleViolation, WrongType, shown
from numgenius_core.ids import ContractId
from numgenius_core.listing import MAX_GPUS, NO_FLOOR
from numgenius_core.offer import Block
from numgenius_core.rates import PerGpuHour, PerHour

_CHEAPEST: Final = -LOWEST_BID.steps  # −level of the lowest bid


class BidBook:
    """Who runs on one machine, event after event.

    Replaying the events gives the same book, so a service has to store nothing else.

    >>> book = BidBook(gpus=2)
    >>> book.place(ContractId(1), Block(start=0, size=2), PerHour("0.50"))
    (ClaimStarted(id=1),)
    >>> book.place(ContractId(2), Block(start=0, size=1), PerHour("0.30"))
    (ClaimPaused(id=1, why=<WaitReason.OUTBID: 'outbid'>, by=(2,)), ClaimStarted(id=2))
    >>> book.leave(ContractId(2))
    (ClaimResumed(id=1),)

    Attributes:
        gpus: GPUs of the machine.
        floor: The host's lowest bid, dollars per GPU-hour.
    """

    __slots__ = (
        "_arrivals",
        "_common",
        "_entries",
        "_full",
        "_held",
        "_lanes",
        "_order",
        "_running",
        "floor",
        "gpus",
    )

    def __init__(self, gpus: int, floor: PerGpuHour | None = None) -> None:
        self.gpus: int = whole_number(gpus, "gpus", 1, MAX_GPUS)
        self.floor: PerGpuHour = NO_FLOOR if floor is None else floor
        check_kind(self.floor, PerGpuHour, "floor")
        self._full = (1 << gpus) - 1
        self._arrivals = 0
        # A multiple of all lanes' sizes: levels per GPU stay whole numbers. Most sizes divide this.
        self._common = lcm(gpus, 1 << gpus.bit_length() - 1)
        self._held = DEAREST * self._common  # a weighted level below this one is no bid
        self._lanes: dict[int, Lane] = {}
        self._entries: dict[ContractId, Entry] = {}
        self._order: list[Head] = []  # the heads that may run, the highest priority first
        self._running: list[Head] = []  # those that do

    @classmethod
    def replay(
        cls, events: Iterable[BookEvent], *, gpus: int, floor: PerGpuHour | None = None
    ) -> Self:
        """Return the book after ``events``."""
        book = cls(gpus, floor)
        check_kind(events, Iterable, "events")
        for event in events:
            book.apply(event)
        return book

    # --- what happens -----------------------------------------------------------------------

    def apply(self, event: BookEvent) -> tuple[BookChange, ...]:
        """Take an event and return what it changed: who pauses, then who runs.

        Within each the highest priority comes first. A refused event changes nothing.

        Raises:
            WrongType: It is no event of a book.
            RuleViolation: A claim that is there already or is not there, a bid out of bounds or
                for something that does not bid, GPUs that the machine does not have.
        """
        if isinstance(event, ClaimEntered):
            return self._enter(event)
        if isinstance(event, ClaimLeft):
            return self._leave(event.id)
        if isinstance(event, Repriced):
            return self._change(event)
        if isinstance(event, FloorSet):
            return self._set_floor(event.floor)
        raise WrongType("event", "an event of a book", shown(event))

    def place(self, id: ContractId, block: Block, bid: PerHour) -> tuple[BookChange, ...]:  # noqa: A002 - as the field
        """Take a new bid, dollars per hour for the whole instance.

        A bid under the floor is taken and waits; the door that refuses it is
        :func:`~numgenius_core.bids.check_bid`.
        """
        return self.apply(ClaimEntered(id=id, block=block, bid=bid))

    def on_demand(self, id: ContractId, block: Block) -> tuple[BookChange, ...]:  # noqa: A002 - as the field
        """Take a new on-demand or reserved contract."""
        return self.apply(ClaimEntered(id=id, block=block, rank=Rank.ON_DEMAND))

    def default_job(self, id: ContractId, block: Block) -> tuple[BookChange, ...]:  # noqa: A002 - as the field
        """Take a default job of the host."""
        return self.apply(ClaimEntered(id=id, block=block, rank=Rank.DEFAULT_JOB))

    def change(self, id: ContractId, bid: PerHour) -> tuple[BookChange, ...]:  # noqa: A002 - as the field
        """Change a bid; the price it has keeps its place, any other is a new arrival."""
        return self.apply(Repriced(id=id, bid=bid))

    def leave(self, id: ContractId) -> tuple[BookChange, ...]:  # noqa: A002 - as the field
        """Take a claim out: a bid cancelled, a contract or a default job ended."""
        return self.apply(ClaimLeft(id=id))

    def set_floor(self, floor: PerGpuHour) -> tuple[BookChange, ...]:
        """Change the lowest bid; bids under it wait."""
        return self.apply(FloorSet(floor=floor))

    # --- what there is ----------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, id: object) -> bool:  # noqa: A002 - as the field
        return id in self._entries

    def __iter__(self) -> Iterator[Claim]:
        """Go through all claims, in no particular order."""
        return map(claim_of, self._entries.values())

    @property
    def running(self) -> tuple[Claim, ...]:
        """The claims that run, the highest priority first."""
        return tuple(claim_of(self._entries[head[2]]) for head in self._running)

    def runs(self, id: ContractId) -> bool:  # noqa: A002 - as the field
        """Return whether a claim runs.

        Raises:
            RuleViolation: There is no such claim.
        """
        lane = self._entry(id)[3]
        return lane.runner is not None and lane.runner[2] == id

    def explain(self, id: ContractId) -> Verdict:  # noqa: A002 - as the field
        """Return why a claim waits and what would win, from the runners alone.

        Raises:
            RuleViolation: There is no such claim, or it runs.
        """
        return explain(claim_of(self._entry(id)), self.running, self.floor)

    def winning_bid(self, block: Block) -> PerHour | None:
        """Return the lowest bid with which a newcomer would run on ``block`` now."""
        return winning_bid(block, self.running, self.floor)

    def quoted_min_bid(self, block: Block) -> PerGpuHour:
        """Return the ``min_bid`` that a search shows for ``block``."""
        return quoted_min_bid(block, self.running, self.floor)

    # --- how an event is taken --------------------------------------------------------------

    def _entry(self, id: ContractId) -> Entry:  # noqa: A002 - as the field
        try:
            return self._entries[id]
        except (KeyError, TypeError):  # a TypeError for what cannot be hashed
            raise _unknown(id) from None

    def _enter(self, event: ClaimEntered) -> tuple[BookChange, ...]:
        id, entries = event.id, self._entries  # noqa: A001 - as the field
        if id in entries:
            raise RuleViolation("claim.id", "a new claim", f"{id}, which is there already")
        lane = self._lanes.get(event._slot) or self._new_lane(event)
        self._arrivals = arrival = self._arrivals + 1
        key = event._key
        entries[id] = entry = (key, arrival, id, lane)
        heap = lane.heap
        heappush(heap, entry)
        if heap[0] is entry and (changes := self._settle(lane, id)):
            return changes
        _, ids, why, below, above = lane.view or look(lane, self._running, self._held)
        if below <= key <= above:  # nearly always
            return (ClaimPaused(id, why, ids),)
        return (self._paused(entry),)

    def _leave(self, id: ContractId) -> tuple[BookChange, ...]:  # noqa: A002 - as the field
        entry = self._entries.pop(id, None)
        if entry is None:
            raise _unknown(id)
        return self._settle(entry[3]) if retire(entry, self._entries) else ()

    def _change(self, event: Repriced) -> tuple[BookChange, ...]:
        id, key, entries = event.id, event._key, self._entries  # noqa: A001 - as the field
        old = entries.get(id)
        if old is None:
            raise _unknown(id)
        before, _, _, lane = old
        dearest = lane.dearest
        if not (dearest <= key <= _CHEAPEST and dearest <= before <= _CHEAPEST):
            if lane.jobs or before < dearest:
                raise RuleViolation("claim.bid", f"none for {rank_of(old).value}", shown(event.bid))
            check_bid(event.bid, lane.block.size, path="claim.bid")  # says what is wrong
        if before == key:
            return ()
        self._arrivals = arrival = self._arrivals + 1
        entries[id] = new = (key, arrival, id, lane)
        was_head = retire(old, entries)
        heap = lane.heap
        heappush(heap, new)
        return self._settle(lane) if was_head or heap[0] is new else ()

    def _set_floor(self, floor: PerGpuHour) -> tuple[BookChange, ...]:
        self.floor = floor
        for lane in self._lanes.values():
            lane.enough = enough(lane.block, lane.jobs, floor)
            lane.view = None
            self._rank_head(lane)
        return self._walk()

    def _new_lane(self, event: ClaimEntered) -> Lane:
        block = event.block
        if block.end > self.gpus:
            raise RuleViolation("claim.block", f"positions below {self.gpus}", str(block))
        if self._common % block.size:
            self._common = lcm(self._common, block.size)
            self._held = DEAREST * self._common
            self._reweigh()
        jobs, lanes = event.rank is Rank.DEFAULT_JOB, self._lanes
        lanes[event._slot] = lane = new_lane(block, jobs, self._common, self.floor, lanes.values())
        return lane

    def _reweigh(self) -> None:
        """Rank all heads anew, after a size that does not divide the common multiple.

        The same claims run. It happens once for each such size.
        """
        self._order.clear()
        for lane in self._lanes.values():
            lane.weight = self._common // lane.block.size
            lane.head = None
            self._rank_head(lane)
        self._walk()

    def _settle(self, lane: Lane, newcomer: ContractId | None = None) -> tuple[BookChange, ...]:
        """Take note of a lane's new head, and return what that changes.

        Only where it goes beyond the lane's own GPUs, other lanes are asked.
        """
        head, runner = self._rank_head(lane), lane.runner
        if head is None:
            return () if runner is None else self._walk(runner)
        there = (lane.view or look(lane, self._running, self._held))[0]
        if there and there[0] < head:  # a claim that runs outranks it
            return () if runner is None else self._walk(runner)
        mask = lane.mask
        for other in there:
            if other[3] & ~mask:
                return self._walk(head, newcomer)
        # It outranks all that runs on its GPUs and frees none: who waited for them waits for it.
        return self._displace(there, head, newcomer)

    def _displace(
        self, there: list[Head], head: Head, newcomer: ContractId | None
    ) -> tuple[BookChange, ...]:
        """Let a head run in the place of those that run on its GPUs, and on no others."""
        _, _, id, mask, lane = head  # noqa: A001 - as the field
        changes: list[BookChange] = []
        again = False
        if there:
            self._running = [other for other in self._running if not other[3] & mask]
            why, by = HELD if head[0] < self._held else OUTBID, (id,)
            for _, _, other, _, its in there:
                its.runner = None
                if other == id:  # it ran already, at another bid
                    again = True
                else:
                    changes.append(ClaimPaused(other, why, by))
        insort(self._running, head)
        lane.runner = head
        for near in lane.near:
            near.view = None
        if not again:
            changes.append(ClaimStarted(id) if id == newcomer else ClaimResumed(id))
        return tuple(changes)

    def _rank_head(self, lane: Lane) -> Head | None:
        """Put a lane's best claim in its place in the order, or nothing if it may not run."""
        order, head = self._order, lane.head
        if head is not None:
            del order[bisect_left(order, head)]
            head = None
        if lane.heap:
            level, arrival, id, _ = lane.heap[0]  # noqa: A001 - as the field
            if level <= lane.enough:
                head = (level * lane.weight, arrival, id, lane.mask, lane)
                insort(order, head)
        lane.head = head
        return head

    def _walk(
        self, first: Head | tuple[()] = (), newcomer: ContractId | None = None
    ) -> tuple[BookChange, ...]:
        """Go through the heads by priority from ``first`` on, and return what is different.

        Heads of a higher priority than all that has changed run or wait as before.
        """
        order, taken, stay = self._order, 0, 0  # GPUs as bits
        as_before = bisect_left(self._running, first)
        after, before = self._running[:as_before], self._running[as_before:]
        for head in after:
            taken |= head[3]
        start: list[Head] = []
        full = self._full
        for head in order[bisect_left(order, first) :]:
            mask = head[3]
            if not taken & mask:
                after.append(head)
                taken |= mask
                if head[4].runner is head:
                    stay |= mask
                else:
                    start.append(head)
                if taken == full:
                    break
        self._running = after
        stop = [head for head in before if not stay & head[3]]
        for head in stop:
            head[4].runner = None
            for near in head[4].near:
                near.view = None
        for head in start:
            head[4].runner = head
            for near in head[4].near:
                near.view = None
        return self._changes(stop, start, newcomer)

    def _changes(
        self, stop: list[Head], start: list[Head], newcomer: ContractId | None
    ) -> tuple[BookChange, ...]:
        """Return as changes that some heads stop running and others start."""
        changes: list[BookChange] = []
        stopped: list[ContractId] = []
        entries = self._entries
        for _, _, id, _, lane in stop:  # noqa: A001 - as the field
            stopped.append(id)
            # A claim that runs at another bid than before is in both.
            if id in entries and (lane.runner is None or lane.runner[2] != id):
                changes.append(self._paused(entries[id]))
        for head in start:
            id = head[2]  # noqa: A001 - as the field
            if id == newcomer:
                changes.append(ClaimStarted(id))
            elif id not in stopped:
                changes.append(ClaimResumed(id))
        return tuple(changes)

    def _paused(self, entry: Entry) -> ClaimPaused:
        """Return why a claim that does not run waits."""
        level, arrival, id, lane = entry  # noqa: A001 - as the field
        there, ids, why, below, above = lane.view or look(lane, self._running, self._held)
        if below <= level <= above:  # nearly always
            return ClaimPaused(id, why, ids)
        mine = (level * lane.weight, arrival)
        by = tuple(other[2] for other in there if other[:2] < mine)
        return ClaimPaused(id, why if level <= above else WaitReason.UNDER_FLOOR, by)


def _unknown(id: ContractId) -> RuleViolation:  # noqa: A002 - as the field
    return RuleViolation("claim.id", "a claim of this book", shown(id))
