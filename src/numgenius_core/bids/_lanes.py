"""The lanes of a book: the claims of equal GPUs, of which at most one can run.

Rule (hosting guide, G7): "the highest bid runs, the others are paused". Claims on the same GPUs
exclude each other, so the only one that may run is the best of them: the head of its lane.

How a lane is kept. Its claims are a heap of plain tuples. A claim that leaves, or whose bid
changes, stays in the heap until it comes to the top or more than half of the heap is gone, so
memory stays within twice the claims. Whether an entry is still a claim, the book's table of
entries says: it has that very entry under the claim's id, or another, or none.
"""

from __future__ import annotations

from collections.abc import Iterable
from heapq import heapify, heappop
from typing import Final

from attrs import define, field

from numgenius_core.bids.priority import HIGHEST_BID, Claim, Rank, WaitReason
from numgenius_core.ids import ContractId
from numgenius_core.offer import Block
from numgenius_core.rates import PerGpuHour, PerHour

Entry = tuple[int, int, ContractId, "Lane"]
"""A claim: −level (the smallest runs first), arrival, id and lane."""
Head = tuple[int, int, ContractId, int, "Lane"]
"""The best claim of a lane: −level times the lane's weight, arrival, id, GPUs as bits, lane."""
View = tuple[list[Head], tuple[ContractId, ...], WaitReason, int, int]
"""What the claims that wait in a lane have in common.

The heads that run on its GPUs, and their ids, the highest priority first; the reason; the −level
from which on a claim is strictly below all of them; the one up to which the floor is no reason.
"""

_SPARE: Final = 16  # entries that have left which any heap may keep
DEAREST: Final = -HIGHEST_BID.steps
"""−level of the highest bid, for each GPU."""
HELD: Final = (
    WaitReason.HELD
)  # a name of the module is found faster than a member of an enumeration
"""Short for :attr:`numgenius_core.bids.WaitReason.HELD`."""
OUTBID: Final = WaitReason.OUTBID
"""Short for :attr:`numgenius_core.bids.WaitReason.OUTBID`."""


@define(eq=False)
class Lane:
    """The claims on one block: bids and on-demand ones, or its default jobs.

    Default jobs have lanes of their own, since bids under the floor stand between the two.

    Attributes:
        block: The GPUs.
        mask: The same as bits.
        jobs: Whether it has the default jobs.
        weight: The book's common multiple divided by its GPUs: weighted levels compare as bids
            per GPU.
        dearest: −level of the highest bid; that of an on-demand claim is smaller.
        enough: −level of the floor, up to which a claim may run.
        near: The lanes that share a GPU with it, itself among them.
        heap: Its claims, and some that have left.
        gone: How many of the heap have.
        head: Its best claim, if that may run.
        runner: The same, if it runs.
        view: What waiting claims have in common, as long as the same ones run on its GPUs.
    """

    block: Block
    mask: int
    jobs: bool
    weight: int
    dearest: int
    enough: int
    near: list[Lane] = field(factory=list, repr=False)
    heap: list[Entry] = field(factory=list, repr=False)
    gone: int = 0
    head: Head | None = field(default=None, repr=False)
    runner: Head | None = field(default=None, repr=False)
    view: View | None = field(default=None, repr=False)


def new_lane(
    block: Block, jobs: bool, common: int, floor: PerGpuHour, others: Iterable[Lane]
) -> Lane:
    """Return an empty lane, and make it known to the lanes that it shares GPUs with.

    Args:
        block: The GPUs.
        jobs: Whether it is for default jobs.
        common: A multiple of the sizes of all lanes.
        floor: The host's lowest bid.
        others: The lanes there are.
    """
    lane = Lane(
        block=block,
        mask=block.mask,
        jobs=jobs,
        weight=common // block.size,
        dearest=DEAREST * block.size,
        enough=enough(block, jobs, floor),
    )
    mask = lane.mask
    lane.near = [other for other in others if other.mask & mask]
    for other in lane.near:
        other.near.append(lane)
    lane.near.append(lane)
    return lane


def enough(block: Block, jobs: bool, floor: PerGpuHour) -> int:
    """Return the −level up to which the floor lets claims on a block run; jobs have none."""
    return 0 if jobs else -floor.steps * block.size


def look(lane: Lane, running: list[Head], held: int) -> View:
    """Work out what the claims that wait in a lane have in common, and note it there.

    ``held`` is the weighted −level below which a claim is no bid.
    """
    there: list[Head] = []
    ids: list[ContractId] = []
    free = lane.mask
    for head in running:
        if head[3] & free:
            there.append(head)
            ids.append(head[2])
            free &= ~head[3]
            if not free:
                break
    why, below, above = OUTBID, 1, lane.enough  # no −level is above 0
    if there:
        below = there[-1][0] // lane.weight + 1
        if there[0][0] < held:
            why, above = HELD, 0
    lane.view = view = (there, tuple(ids), why, below, above)
    return view


def retire(left: Entry, entries: dict[ContractId, Entry]) -> bool:
    """Take note that an entry is no claim any more, and return whether it was the first.

    The first is taken out of its heap, and with it those under it that had left before.
    """
    lane = left[3]
    heap = lane.heap
    if heap[0] is not left:
        lane.gone = gone = lane.gone + 1
        if gone + gone > len(heap) + _SPARE:
            _sweep(lane, entries)
        return False
    heappop(heap)
    while heap and entries.get(heap[0][2]) is not heap[0]:
        heappop(heap)
        lane.gone -= 1
    if lane.gone * 2 > len(heap) + _SPARE:
        _sweep(lane, entries)
    return True


def _sweep(lane: Lane, entries: dict[ContractId, Entry]) -> None:
    """Take all that has left out of a heap."""
    lane.heap = [entry for entry in lane.heap if entries.get(entry[2]) is entry]
    heapify(lane.heap)
    lane.gone = 0


def rank_of(entry: Entry) -> Rank:
    """Return what an entry is."""
    lane = entry[3]
    if lane.jobs:
        return Rank.DEFAULT_JOB
    return Rank.ON_DEMAND if entry[0] < lane.dearest else Rank.BID


def claim_of(entry: Entry) -> Claim:
    """Return an entry as a claim."""
    level, arrival, id, lane = entry  # noqa: A001 - as the field
    rank = rank_of(entry)
    bid = PerHour.from_steps(-level) if rank is Rank.BID else None
    return Claim(id=id, block=lane.block, rank=rank, arrival=arrival, bid=bid)
