"""The claims on the same GPUs, of which at most one can run.

Rule (hosting guide, G7): "the highest bid runs, the others are paused". Claims on the same block
exclude each other, so the only one of them that may run is the best: the *head* of its contest.
Whether it does run depends on the heads of the contests that share a GPU with this one
(``numgenius_core.bids._engine``).

Priorities are compared as *keys*: −level, a whole number of price steps for the whole block, so
that the smallest key is the highest priority, as a heap wants it. Keys of blocks of different
sizes compare once each is multiplied by the weight of its contest; no price is ever rounded.

How a contest keeps its claims. They are a heap. A claim that leaves, or whose bid changes, stays in
the heap until it comes to the top (taking it out of the middle would cost O(n)) or until more than
half of the heap is such *stale* entries. So memory stays within twice the claims, and each entry
is paid for once when it is swept. An entry is stale iff the book's table of entries has another
one, or none, under the claim's id.
"""

from __future__ import annotations

from collections.abc import Iterable
from heapq import heapify, heappop
from typing import Final, NamedTuple, TypeAlias

from attrs import define, field

from numgenius_core._terms import HIGHEST_BID
from numgenius_core.bids.priority import Claim, Rank, WaitReason
from numgenius_core.ids import ContractId
from numgenius_core.offer import Block, GpuSet
from numgenius_core.rates import PerGpuHour, PerHour

HIGHEST_BID_KEY: Final = -HIGHEST_BID.steps
"""Key of the highest bid there is, for each GPU; on-demand claims have smaller ones."""

_SPARE: Final = 16  # stale entries that any heap may keep: small heaps are not worth a sweep

# A name of the module is found faster than a member of an enumeration.
_HELD: Final = WaitReason.HELD
_OUTBID: Final = WaitReason.OUTBID


Entry: TypeAlias = "tuple[int, int, ContractId, Contest]"
"""A claim in the heap of its contest: its key, its arrival, its id and the contest.

A bare tuple, since a book makes one and compares it several times at each event (a named one makes
an event a third slower); it is always unpacked into these four names, never read by position.
Arrivals are unique in a book, so a comparison never gets to the id.
"""


class Head(NamedTuple):
    """The best claim of a contest; of two heads the one with the higher priority is smaller.

    Attributes:
        weighted_key: Its key times the weight of its contest, comparable across sizes.
        arrival: As of its entry.
        id: The contract.
        gpu_set: Its GPUs.
        contest: Whose head it is.
    """

    weighted_key: int
    arrival: int
    id: ContractId
    gpu_set: GpuSet
    contest: Contest


@define(eq=False)
class Incumbents:
    """Who runs on the GPUs of a contest, and what that means for the claims that wait in it.

    The two limits are what makes a new bid that waits cheap: with a key between them, its answer
    is ``why`` and ``ids`` as they stand, whoever else waits.

    Attributes:
        heads: Those that run on its GPUs, the highest priority first.
        ids: Their contracts, in the same order.
        why: Why a claim between the limits waits.
        outranked_from: A claim with this key or a larger one is below all of the heads.
        why_up_to: Up to this key the reason is ``why``; for larger ones it is the floor.
    """

    heads: list[Head]
    ids: tuple[ContractId, ...]
    why: WaitReason
    outranked_from: int
    why_up_to: int


@define(eq=False)
class Contest:
    """The claims on one block: the bids and on-demand claims, or the default jobs.

    Default jobs have a contest of their own. In one with bids, a bid under the floor would be the
    head and could not run, and the job below it, which can, would never be looked at.

    Attributes:
        block: The GPUs.
        gpu_set: The same as a set.
        default_jobs: Whether it has the default jobs.
        weight: The book's common multiple divided by the block's size: keys times weights compare
            as bids per GPU.
        highest_bid_key: Key of the highest bid for the block; that of an on-demand claim is
            smaller.
        floor_key: Key of a bid at the floor: a claim with a larger one may not run.
        overlapping: The contests that share a GPU with it, itself among them.
        heap: Its entries, some of them stale; the first one never is.
        stale: How many are.
        head: Its best claim, if the floor lets that run.
        runner: The same, if it runs.
        incumbents: Who runs on its GPUs; ``None`` if that changed since it was last asked for.
    """

    block: Block
    gpu_set: GpuSet
    default_jobs: bool
    weight: int
    highest_bid_key: int
    floor_key: int
    overlapping: list[Contest] = field(factory=list, repr=False)
    heap: list[Entry] = field(factory=list, repr=False)
    stale: int = 0
    head: Head | None = field(default=None, repr=False)
    runner: Head | None = field(default=None, repr=False)
    incumbents: Incumbents | None = field(default=None, repr=False)

    def set_floor(self, floor: PerGpuHour) -> None:
        """Take note of the host's lowest bid; default jobs know no floor.

        Nor do on-demand claims: a floor above the highest bid there is keeps all bids out, and no
        claim whose key is smaller than theirs.
        """
        lowest = max(-floor.steps * self.block.size, self.highest_bid_key - 1)
        self.floor_key = 0 if self.default_jobs else lowest
        self.incumbents = None  # its limit is the floor's

    def runners_changed(self) -> None:
        """Forget who runs, here and wherever a GPU of the block matters."""
        for contest in self.overlapping:
            contest.incumbents = None

    def look(self, running: Iterable[Head], highest_bid: int) -> Incumbents:
        """Find who runs on the GPUs, and keep the answer until that changes.

        Args:
            running: All that run, the highest priority first.
            highest_bid: Weighted key of the highest bid; an on-demand claim's is smaller.
        """
        heads: list[Head] = []
        ids: list[ContractId] = []
        unseen = self.gpu_set
        for head in running:
            if head.gpu_set & unseen:
                heads.append(head)
                ids.append(head.id)
                unseen &= ~head.gpu_set
                if not unseen:
                    break
        why, outranked_from, why_up_to = _OUTBID, 1, self.floor_key  # no key is above 0
        if heads:
            # The first whole key whose weighted one is above that of the lowest incumbent.
            outranked_from = heads[-1].weighted_key // self.weight + 1
            if heads[0].weighted_key < highest_bid:
                why, why_up_to = _HELD, 0  # being held is the stronger reason, floor or not
        found = Incumbents(heads, tuple(ids), why, outranked_from, why_up_to)
        self.incumbents = found
        return found

    def retire(self, entry: Entry, entries: dict[ContractId, Entry]) -> bool:
        """Take note that an entry has gone stale, and return whether it was the best.

        The best one is taken out of the heap, and so are stale ones that come up under it.

        Args:
            entry: The one; ``entries`` does not have it any more.
            entries: The entry of each claim in the book.
        """
        heap = self.heap
        was_best = heap[0] is entry
        if was_best:
            heappop(heap)
            while heap and not _is_live(heap[0], entries):
                heappop(heap)
                self.stale -= 1
        else:
            self.stale += 1
        if self.stale * 2 > len(heap) + _SPARE:
            self._sweep(entries)
        return was_best

    def _sweep(self, entries: dict[ContractId, Entry]) -> None:
        """Take all stale entries out of the heap."""
        self.heap = [entry for entry in self.heap if _is_live(entry, entries)]
        heapify(self.heap)
        self.stale = 0


def open_contest(
    block: Block,
    *,
    default_jobs: bool,
    common: int,
    floor: PerGpuHour,
    others: Iterable[Contest],
) -> Contest:
    """Return a contest without claims, known to those that it shares GPUs with.

    Args:
        block: The GPUs.
        default_jobs: Whether it is for default jobs.
        common: A multiple of the sizes of all contests.
        floor: The host's lowest bid.
        others: The contests there are.
    """
    contest = Contest(
        block=block,
        gpu_set=block.gpu_set,
        default_jobs=default_jobs,
        weight=common // block.size,
        highest_bid_key=HIGHEST_BID_KEY * block.size,
        floor_key=0,
    )
    contest.set_floor(floor)
    contest.overlapping = [other for other in others if other.gpu_set & contest.gpu_set]
    for other in contest.overlapping:
        other.overlapping.append(contest)
    contest.overlapping.append(contest)
    return contest


def _is_live(entry: Entry, entries: dict[ContractId, Entry]) -> bool:
    """Return whether an entry is a claim of the book, as it stands now."""
    _, _, id, _ = entry  # noqa: A001 - as the field
    return entries.get(id) is entry


def rank_of(entry: Entry) -> Rank:
    """Return whether a claim is on demand, a bid or a default job."""
    key, _, _, contest = entry
    if contest.default_jobs:
        return Rank.DEFAULT_JOB
    return Rank.ON_DEMAND if key < contest.highest_bid_key else Rank.BID


def claim_of(entry: Entry) -> Claim:
    """Return a claim as callers know it."""
    key, arrival, id, contest = entry  # noqa: A001 - as the field
    rank = rank_of(entry)
    bid = PerHour.from_steps(-key) if rank is Rank.BID else None
    return Claim(id=id, block=contest.block, rank=rank, arrival=arrival, bid=bid)
