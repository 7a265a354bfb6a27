"""Who runs in a book, kept up to date claim by claim.

The state is at any time what :func:`~numgenius_core.bids.resolve` says from scratch: of the heads
of all contests (``numgenius_core.bids._contests``), from the highest priority down, each runs
whose GPUs are all left. What makes an event cheap is that most events change nothing:

1. An event that leaves the head of its contest alone changes nobody: O(log n) for n claims.
2. Nor does a new head that waits below a claim that runs on its GPUs: it takes nothing.
3. A head that outranks all that run on its GPUs, where those hold no others, takes their place and
   frees nothing: those who waited for them now wait for it.
4. Only otherwise is there a walk over the heads, from the first that changed: all above it run or
   wait as before. O(log n + contests), of which a machine of 8 GPUs has 15 with its offers, one of
   T GPUs 2 T.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from heapq import heappush
from math import lcm
from typing import Final

from numgenius_core._terms import LOWEST_BID, check_bid
from numgenius_core.bids._contests import (
    HIGHEST_BID_KEY,
    Contest,
    Entry,
    Head,
    open_contest,
    rank_of,
)
from numgenius_core.bids.changes import (
    BookChange,
    ClaimEntered,
    ClaimPaused,
    ClaimResumed,
    ClaimStarted,
    Repriced,
)
from numgenius_core.bids.priority import Rank, WaitReason
from numgenius_core.errors import RuleViolation, shown
from numgenius_core.ids import ContractId
from numgenius_core.offer import GpuSet
from numgenius_core.rates import PerGpuHour

_LOWEST_BID_KEY: Final = -LOWEST_BID.steps


class Engine:
    """The claims of one machine, and which of them run.

    Attributes:
        gpus: GPUs of the machine.
        floor: The host's lowest bid, dollars per GPU-hour.
        entries: The entry of each claim.
        contests: By the number that events give them.
        running: The heads that run, the highest priority first.
    """

    __slots__ = (
        "_all_gpus",
        "_arrivals",
        "_common",
        "_heads",
        "_highest_bid",
        "contests",
        "entries",
        "floor",
        "gpus",
        "running",
    )

    def __init__(self, gpus: int, floor: PerGpuHour) -> None:
        self.gpus = gpus
        self.floor = floor
        self.entries: dict[ContractId, Entry] = {}
        self.contests: dict[int, Contest] = {}
        self.running: list[Head] = []
        self._heads: list[Head] = []  # all that may run, the highest priority first
        self._all_gpus: GpuSet = (1 << gpus) - 1
        self._arrivals = 0
        # A multiple of the sizes of all contests, so that keys per GPU stay whole numbers. Nearly
        # all sizes divide this one; for others it grows.
        self._common = lcm(gpus, 1 << gpus.bit_length() - 1)
        self._highest_bid = HIGHEST_BID_KEY * self._common  # a smaller weighted key is on demand

    def entry(self, id: ContractId) -> Entry:  # noqa: A002 - as the field
        """Return the entry of a claim."""
        try:
            return self.entries[id]
        except (KeyError, TypeError):  # a TypeError for what cannot be hashed
            raise _unknown(id) from None

    # --- what happens -----------------------------------------------------------------------

    def enter(self, event: ClaimEntered) -> tuple[BookChange, ...]:
        """Take in a claim."""
        id, entries = event.id, self.entries  # noqa: A001 - as the field
        if id in entries:
            raise RuleViolation("claim.id", "a new claim", f"{id}, which is there already")
        contest = self.contests.get(event._contest) or self._open(event)
        self._arrivals = arrival = self._arrivals + 1
        key = event._key
        entries[id] = entry = (key, arrival, id, contest)
        heap = contest.heap
        heappush(heap, entry)
        if heap[0] is entry and (changes := self._settle(contest, newcomer=id)):
            return changes
        # It waits, in nearly all cases below all that run there, and all such have one answer.
        there = contest.incumbents or contest.look(self.running, self._highest_bid)
        if there.outranked_from <= key <= there.why_up_to:
            return (ClaimPaused(id, there.why, there.ids),)
        return (self._paused(entry),)

    def leave(self, id: ContractId) -> tuple[BookChange, ...]:  # noqa: A002 - as the field
        """Let a claim go."""
        entry = self.entries.pop(id, None)
        if entry is None:
            raise _unknown(id)
        _, _, _, contest = entry
        return self._settle(contest) if contest.retire(entry, self.entries) else ()

    def change(self, event: Repriced) -> tuple[BookChange, ...]:
        """Change a bid: at another price it is a new arrival."""
        id, key, entries = event.id, event._key, self.entries  # noqa: A001 - as the field
        old = entries.get(id)
        if old is None:
            raise _unknown(id)
        old_key, _, _, contest = old
        highest = contest.highest_bid_key
        # One look at both keys stands for all checks; what is wrong is found out only if one fails.
        if not (highest <= key <= _LOWEST_BID_KEY and highest <= old_key <= _LOWEST_BID_KEY):
            if rank_of(old) is not Rank.BID:
                raise RuleViolation("claim.bid", f"none for {rank_of(old).value}", shown(event.bid))
            check_bid(event.bid, contest.block.size, path="claim.bid")
        if key == old_key:
            return ()
        self._arrivals = arrival = self._arrivals + 1
        entries[id] = new = (key, arrival, id, contest)
        was_head = contest.retire(old, entries)
        heap = contest.heap  # a new list, if retiring swept it
        heappush(heap, new)
        return self._settle(contest) if was_head or heap[0] is new else ()

    def set_floor(self, floor: PerGpuHour) -> tuple[BookChange, ...]:
        """Change the lowest bid: any head may now run or may not."""
        self.floor = floor
        for contest in self.contests.values():
            contest.set_floor(floor)
            self._place_head(contest)
        return self._walk()

    # --- contests ---------------------------------------------------------------------------

    def _open(self, event: ClaimEntered) -> Contest:
        """Return the contest of the first claim on a block."""
        block = event.block
        if block.end > self.gpus:
            raise RuleViolation("claim.block", f"slots below {self.gpus}", str(block))
        if self._common % block.size:
            self._common = lcm(self._common, block.size)
            self._highest_bid = HIGHEST_BID_KEY * self._common
            self._reweigh()
        self.contests[event._contest] = contest = open_contest(
            block,
            default_jobs=event.rank is Rank.DEFAULT_JOB,
            common=self._common,
            floor=self.floor,
            others=self.contests.values(),
        )
        return contest

    def _reweigh(self) -> None:
        """Weigh all heads anew, after a size that does not divide the common multiple.

        The same claims run. It happens at most once for each size there is.
        """
        self._heads.clear()
        for contest in self.contests.values():
            contest.weight = self._common // contest.block.size
            contest.head = None
            self._place_head(contest)
        self._walk()

    def _place_head(self, contest: Contest) -> Head | None:
        """Put a contest's best claim where it belongs among the heads, unless it may not run."""
        heads, head = self._heads, contest.head
        if head is not None:
            del heads[bisect_left(heads, head)]
            head = None
        if contest.heap:
            key, arrival, id, _ = contest.heap[0]  # noqa: A001 - as the field
            if key <= contest.floor_key:
                head = Head(key * contest.weight, arrival, id, contest.gpu_set, contest)
                insort(heads, head)
        contest.head = head
        return head

    # --- who runs now -----------------------------------------------------------------------

    def _settle(
        self, contest: Contest, newcomer: ContractId | None = None
    ) -> tuple[BookChange, ...]:
        """Take note of a contest's new head, and return what that changes.

        Args:
            contest: Whose head is another one, or the same claim at another bid.
            newcomer: The claim that has just come, if one has: where it runs it starts, while
                others resume.
        """
        head, runner = self._place_head(contest), contest.runner
        if head is None:
            return () if runner is None else self._walk(runner)
        there = (contest.incumbents or contest.look(self.running, self._highest_bid)).heads
        if there and there[0] < head:  # what runs there outranks it, so it waits
            return () if runner is None else self._walk(runner)
        elsewhere = ~contest.gpu_set
        for other in there:
            if other.gpu_set & elsewhere:  # one would free GPUs that others wait for
                return self._walk(head, newcomer)
        return self._displace(there, head, newcomer)

    def _displace(
        self, there: list[Head], head: Head, newcomer: ContractId | None
    ) -> tuple[BookChange, ...]:
        """Let a head run instead of all that run on its GPUs, none of which has others."""
        id, contest = head.id, head.contest  # noqa: A001 - as the field
        changes: list[BookChange] = []
        ran_before = False
        if there:
            self.running = [other for other in self.running if not other.gpu_set & head.gpu_set]
            on_demand = head.weighted_key < self._highest_bid
            why, by = WaitReason.HELD if on_demand else WaitReason.OUTBID, (id,)
            for other in there:
                other.contest.runner = None
                if other.id == id:  # the same claim, at the bid it had
                    ran_before = True
                else:
                    changes.append(ClaimPaused(other.id, why, by))
        insort(self.running, head)
        contest.runner = head
        contest.runners_changed()
        if not ran_before:
            changes.append(ClaimStarted(id) if id == newcomer else ClaimResumed(id))
        return tuple(changes)

    def _walk(
        self, first: Head | None = None, newcomer: ContractId | None = None
    ) -> tuple[BookChange, ...]:
        """Go through the heads from the highest priority down, and return what is different.

        Args:
            first: The highest head that changed: those above it run or wait as before. ``None``
                goes through all.
            newcomer: As for :meth:`_settle`.
        """
        heads, before = self._heads, self.running
        as_before = 0 if first is None else bisect_left(before, first)
        running, maybe_stopped = before[:as_before], before[as_before:]
        taken: GpuSet = 0
        for head in running:
            taken |= head.gpu_set
        still: GpuSet = 0  # GPUs of those that ran already, as they were
        started: list[Head] = []
        for head in heads[0 if first is None else bisect_left(heads, first) :]:
            if not taken & head.gpu_set:
                running.append(head)
                taken |= head.gpu_set
                if head.contest.runner is head:
                    still |= head.gpu_set
                else:
                    started.append(head)
                if taken == self._all_gpus:
                    break
        self.running = running
        # Runners are disjoint: who has none of the GPUs that go on as they were has stopped.
        stopped = [head for head in maybe_stopped if not still & head.gpu_set]
        for head in stopped:
            head.contest.runner = None
            head.contest.runners_changed()
        for head in started:
            head.contest.runner = head
            head.contest.runners_changed()
        return self._changes(stopped, started, newcomer)

    def _changes(
        self, stopped: list[Head], started: list[Head], newcomer: ContractId | None
    ) -> tuple[BookChange, ...]:
        """Return what clients are told; a claim that runs on at another bid is in both lists."""
        changes: list[BookChange] = []
        for head in stopped:
            entry, runner = self.entries.get(head.id), head.contest.runner
            if entry is not None and (runner is None or runner.id != head.id):
                changes.append(self._paused(entry))
        ran_before = [head.id for head in stopped]
        for head in started:
            if head.id == newcomer:
                changes.append(ClaimStarted(head.id))
            elif head.id not in ran_before:
                changes.append(ClaimResumed(head.id))
        return tuple(changes)

    def _paused(self, entry: Entry) -> ClaimPaused:
        """Return why a claim that does not run waits."""
        key, arrival, id, contest = entry  # noqa: A001 - as the field
        there = contest.incumbents or contest.look(self.running, self._highest_bid)
        if there.outranked_from <= key <= there.why_up_to:
            return ClaimPaused(id, there.why, there.ids)
        # A claim can wait for some of those on its GPUs while it outranks the rest of them.
        mine = (key * contest.weight, arrival)
        by = [other.id for other in there.heads if (other.weighted_key, other.arrival) < mine]
        why = there.why if key <= there.why_up_to else WaitReason.UNDER_FLOOR
        return ClaimPaused(id, why, tuple(by))


def _unknown(id: ContractId) -> RuleViolation:  # noqa: A002 - as the field
    return RuleViolation("claim.id", "a claim of this book", shown(id))
