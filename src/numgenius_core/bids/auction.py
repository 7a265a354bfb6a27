"""The revenue-maximal set of runners, and what priority order leaves on the table.

Rule (hosting guide, G7): "the current highest bid is the instance that runs, the others are
paused". That is priority order (:func:`~numgenius_core.bids.resolve`), the market's rule; it does
not maximise what the host earns: one dear GPU can keep seven others waiting. Here is the other
answer: the set of bids that fit together and pay most.

Our readings. Every runner pays its own bid; the floor is a reserve price, and bids below it do not
take part. On-demand claims keep their GPUs; they and the host's default jobs are no part of the
revenue compared here. A bid that adds nothing does not run. Of bids that are alike the earlier one
runs; of different sets that earn the same, one is returned, always the same one.

*Bids tied to blocks* (:func:`best_runners`). A block is a run of consecutive slots, so the best
set for the slots from s on either leaves slot s idle or begins with a block that starts there:
weighted interval scheduling. It needs no nesting, so it is exact for any ``min_gpu``; on nested
blocks it is the pass up the buddy tree, best(node) = max(own bid, sum of its children).

*Bids for k GPUs anywhere* (:func:`best_packing`), k a power of two. The smallest bids are sorted;
the best of them fill the free blocks of just their size, the others are paired in order, and each
pair is one bid of twice the size; then the next size. Whatever the best set is, it takes the
dearest of each size (swap), so nothing is lost by pairing them in order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from operator import attrgetter, itemgetter
from typing import Any, Final

from attrs import field, frozen

from numgenius_core._checks import MAX_GPUS, as_tuple, check_kind, keep_id
from numgenius_core._numbers import keep_whole, whole_number
from numgenius_core._terms import NO_FLOOR
from numgenius_core.bids.priority import Claim, Rank, resolve
from numgenius_core.errors import RuleViolation, WrongType, brief, shown
from numgenius_core.ids import ContractId, MachineId
from numgenius_core.offer import Block, GpuSet
from numgenius_core.rates import PerGpuHour, PerHour

_ON_DEMAND: Final = Rank.ON_DEMAND
_SIZE_BITS: Final = 13  # a size is at most MAX_GPUS, 4,096
_SIZE: Final = (1 << _SIZE_BITS) - 1


@frozen(kw_only=True)
class PoolBid:
    """A bid for a number of GPUs, wherever on the machine or in the pool they are.

    Attributes:
        id: The contract that bids.
        gpus: How many GPUs, a power of two.
        price: For the whole instance, dollars per hour.

    Raises:
        RuleViolation: GPUs that are no power of two.

    >>> from numgenius_core import PerHour
    >>> from numgenius_core.bids import PoolBid
    >>> PoolBid(id=7, gpus=4, price=PerHour("1.20")).price
    PerHour('1.20')
    """

    id: ContractId
    gpus: int
    price: PerHour

    def __attrs_post_init__(self) -> None:
        keep_id(self, "id", "pool_bid.id")
        keep_whole(self, "gpus", "pool_bid.gpus", 1, MAX_GPUS)
        _check_power(self.gpus, "pool_bid.gpus")
        check_kind(self.price, PerHour, "pool_bid.price")


@frozen(kw_only=True)
class PoolBlock:
    """Free GPUs that can be given out whole or in halves, quarters and so on.

    Attributes:
        machine: The machine they are on.
        block: The GPUs; their number is a power of two, and the start a multiple of it
            (:func:`numgenius_core.gpus.free_blocks` finds them).

    Raises:
        RuleViolation: A block that cannot be halved down to one GPU.

    >>> from numgenius_core import Block
    >>> from numgenius_core.bids import PoolBlock
    >>> PoolBlock(machine=1, block=Block(start=4, size=4)).block.size
    4
    """

    machine: MachineId
    block: Block

    def __attrs_post_init__(self) -> None:
        keep_id(self, "machine", "pool_block.machine")
        check_kind(self.block, Block, "pool_block.block")
        _check_power(self.block.size, "pool_block.block.size")
        if self.block.start % self.block.size:
            need = f"a multiple of its {self.block.size} GPUs"
            raise RuleViolation("pool_block.block.start", need, str(self.block.start))


@frozen(kw_only=True)
class Runner:
    """A bid that runs, and where.

    Attributes:
        id: The contract.
        block: The GPUs it runs on.
        price: Its bid, dollars per hour.
        machine: The machine, where bids are for GPUs of a pool; else ``None``.
    """

    id: ContractId
    block: Block
    price: PerHour
    machine: MachineId | None = None


@frozen(kw_only=True)
class Optimum:
    """A set of bids that run together.

    Attributes:
        runners: Who runs and where, by machine and first slot: the proof that they fit.
        revenue: The sum of their bids, dollars per hour.
    """

    runners: tuple[Runner, ...] = field(repr=brief)
    revenue: PerHour

    @property
    def ids(self) -> frozenset[ContractId]:
        """The contracts that run."""
        return frozenset(runner.id for runner in self.runners)


@frozen(kw_only=True)
class Comparison:
    """What the market's rule earns beside the most that could be earned.

    Attributes:
        priority: Who runs when the highest bid per GPU goes first.
        optimum: Who would run, if revenue were maximal.
    """

    priority: Optimum
    optimum: Optimum

    @property
    def left_on_table(self) -> PerHour:
        """What priority order earns less, dollars per hour."""
        return PerHour.from_steps(self.optimum.revenue.steps - self.priority.revenue.steps)

    @property
    def share_lost(self) -> Fraction:
        """The same as a share of the most there is; 0 where nothing can be earned."""
        return Fraction(self.left_on_table.steps, self.optimum.revenue.steps or 1)

    @property
    def only_by_priority(self) -> frozenset[ContractId]:
        """Contracts that run by priority and not in the optimum."""
        return self.priority.ids - self.optimum.ids

    @property
    def only_in_optimum(self) -> frozenset[ContractId]:
        """Contracts that run in the optimum and not by priority."""
        return self.optimum.ids - self.priority.ids


def best_runners(claims: Iterable[Claim], floor: PerGpuHour = NO_FLOOR) -> Optimum:
    """Return the bids on one machine that fit together and pay most.

    O(n) for n claims, plus the blocks there are.

    Args:
        claims: Everything that wants GPUs of the machine; blocks may nest or overlap in any way.
        floor: The host's lowest price, dollars per GPU-hour.

    Raises:
        RuleViolation: Two claims with one id.

    >>> from numgenius_core import Block, Claim, PerHour
    >>> from numgenius_core.bids import best_runners
    >>> dear = Claim.bidding(1, Block(start=0, size=1), PerHour("0.50"), arrival=1)
    >>> wide = Claim.bidding(2, Block(start=0, size=4), PerHour("1.20"), arrival=2)
    >>> best_runners([dear, wide]).revenue
    PerHour('1.20')
    """
    check_kind(floor, PerGpuHour, "floor")
    highest = _highest(claims)
    taken = _held(highest.values())
    lowest = floor.steps
    gpus = max([(key >> _SIZE_BITS) + (key & _SIZE) for key in highest], default=0)
    best = [0] * (gpus + 1)  # what the slots from each one on can earn
    runs: list[Claim | None] = [None] * (gpus + 1)  # who starts there in that best set
    slot = gpus
    for key in sorted(highest, reverse=True):  # by first slot, the last one first
        start, size = key >> _SIZE_BITS, key & _SIZE
        claim = highest[key]
        earned = claim.level
        if earned < lowest * size or (taken and taken & claim.block.gpu_set):
            continue
        while slot > start:  # no block starts in between: these slots add nothing
            slot -= 1
            best[slot] = best[slot + 1]
        earned += best[start + size]
        if earned > best[slot]:
            best[slot], runs[slot] = earned, claim
    return _optimum(_traced(runs, slot))


def _highest(claims: Iterable[Claim]) -> dict[int, Claim]:
    """Return the highest claim for each block, the earlier of equals; no other can matter.

    On-demand claims stand above every bid, and where one is, or waits, no bid for the same block
    can run. Default jobs have level 0 and are left out. The key is the start and the size of the
    block in one number: an ``int`` hashes in a third of a ``Block``'s time.
    """
    known = as_tuple(claims, "claims")
    check_claims(known)
    levels: dict[int, int] = {}
    top: dict[int, Claim] = {}
    for claim in known:
        block, level = claim.block, claim.level
        key = block.start << _SIZE_BITS | block.size
        highest = levels.get(key, 0)
        if level > highest:
            levels[key], top[key] = level, claim
        elif level == highest and level and claim.arrival < top[key].arrival:
            top[key] = claim
    return top


def check_claims(claims: Sequence[Claim]) -> None:
    """Refuse what is no claim, and two claims with one id."""
    if not set(map(type, claims)) <= {Claim}:
        index = next(i for i, claim in enumerate(claims) if type(claim) is not Claim)
        raise WrongType(f"claims[{index}]", "a Claim", shown(claims[index]))
    if len(ids := {claim.id for claim in claims}) < len(claims):
        raise RuleViolation("claims", "one claim for each id", f"{len(claims)} with {len(ids)} ids")


def _held(claims: Iterable[Claim]) -> GpuSet:
    """Return the GPUs held on demand; of such claims that overlap, the later one waits."""
    on_demand = [claim for claim in claims if claim.rank is _ON_DEMAND]
    taken = 0
    for claim in sorted(on_demand, key=attrgetter("arrival")):
        if not taken & claim.block.gpu_set:
            taken |= claim.block.gpu_set
    return taken


def _traced(runs: Sequence[Claim | None], slot: int) -> list[Claim]:
    """Return who runs, from a slot on."""
    found = []
    while slot < len(runs):
        claim = runs[slot]
        if claim is None:
            slot += 1
        else:
            found.append(claim)
            slot = claim.block.end
    return found


def compare_with_optimum(claims: Iterable[Claim], floor: PerGpuHour = NO_FLOOR) -> Comparison:
    """Return what priority order earns from bids beside the most that could be earned.

    Args:
        claims: Everything that wants GPUs of the machine.
        floor: The host's lowest price, dollars per GPU-hour.

    Raises:
        RuleViolation: Two claims with one id or one arrival.

    >>> from numgenius_core import Block, Claim, PerHour
    >>> from numgenius_core.bids import compare_with_optimum
    >>> dear = Claim.bidding(1, Block(start=0, size=1), PerHour("0.50"), arrival=1)
    >>> wide = Claim.bidding(2, Block(start=0, size=4), PerHour("1.20"), arrival=2)
    >>> compare_with_optimum([dear, wide]).left_on_table
    PerHour('0.70')
    """
    known = as_tuple(claims, "claims")
    running = [c for c in resolve(known, floor).running if c.rank is Rank.BID]
    return Comparison(
        priority=_optimum(sorted(running, key=lambda claim: claim.block.start)),
        optimum=best_runners(known, floor),
    )


_Item = tuple[int, Any]  # price steps; a bid, a pair of items, or None for idle GPUs
_IDLE: Final[_Item] = (0, None)
_STEPS: Final = itemgetter(0)


def best_packing(
    blocks: Iterable[PoolBlock], bids: Iterable[PoolBid], *, floor: PerGpuHour = NO_FLOOR
) -> Optimum:
    """Return the bids that fit into free blocks together and pay most, with GPUs for each.

    Args:
        blocks: The free GPUs of a machine or a pool, disjoint. All must be free to be cut down to
            the smallest bid: a pool's bids are for at least its largest ``min_gpu``.
        bids: In order of arrival.
        floor: The lowest price, dollars per GPU-hour.

    Raises:
        RuleViolation: Blocks that overlap, or two bids with one id.

    >>> from numgenius_core import Block, PerHour
    >>> from numgenius_core.bids import PoolBid, PoolBlock, best_packing
    >>> pool = [PoolBlock(machine=1, block=Block(start=0, size=4))]
    >>> wide = PoolBid(id=1, gpus=4, price=PerHour("1.00"))
    >>> pairs = [PoolBid(id=n, gpus=2, price=PerHour("0.60")) for n in (2, 3)]
    >>> [(runner.id, runner.block) for runner in best_packing(pool, [wide, *pairs]).runners]
    [(2, Block(start=0, size=2)), (3, Block(start=2, size=2))]
    """
    free = _by_size(blocks)
    asked = _asked(bids, floor)
    room = sum(size * len(found) for size, found in free.items())  # GPUs in blocks that large
    runners: list[Runner] = []
    revenue = 0
    pairs: list[_Item] = []
    for size in (1 << k for k in range(max(free, default=0).bit_length())):
        own = sorted(asked.get(size, ()), key=_STEPS, reverse=True)
        # More bids of a size than the larger blocks could hold cannot run.
        items = sorted(own[: room // size] + pairs, key=_STEPS, reverse=True)
        here = free.get(size, [])
        for block, (steps, what) in zip(here, items, strict=False):
            revenue += steps
            _assign(runners, block.machine, block.block.start, size, what)
        left = items[len(here) :]
        if len(left) % 2:
            left.append(_IDLE)
        pairs = [(a[0] + b[0], (a, b)) for a, b in zip(left[::2], left[1::2], strict=True)]
        room -= size * len(here)
    runners.sort(key=lambda runner: (runner.machine or 0, runner.block.start))
    return Optimum(runners=tuple(runners), revenue=PerHour.from_steps(revenue))


def _assign(
    runners: list[Runner],
    machine: MachineId,
    start: int,
    size: int,
    what: Any,
) -> None:
    """Note who runs on GPUs: a bid, or a pair of items in their halves."""
    if type(what) is PoolBid:
        block = Block(start=start, size=size)
        runners.append(Runner(id=what.id, block=block, price=what.price, machine=machine))
    elif what is not None:
        size //= 2
        (_, left), (_, right) = what
        _assign(runners, machine, start, size, left)
        _assign(runners, machine, start + size, size, right)


def _by_size(blocks: Iterable[PoolBlock]) -> Mapping[int, list[PoolBlock]]:
    """Return the blocks by size, none of which overlap."""
    by_size: dict[int, list[PoolBlock]] = {}
    taken: dict[MachineId, GpuSet] = {}
    for index, free in enumerate(as_tuple(blocks, "blocks")):
        check_kind(free, PoolBlock, f"blocks[{index}]")
        before = taken.get(free.machine, 0)
        if before & free.block.gpu_set:
            raise RuleViolation(f"blocks[{index}]", "disjoint blocks", shown(free))
        taken[free.machine] = before | free.block.gpu_set
        by_size.setdefault(free.block.size, []).append(free)
    return by_size


def _asked(bids: Iterable[PoolBid], floor: PerGpuHour) -> dict[int, list[_Item]]:
    """Return the bids at or above the floor that pay something, by size, as they arrived."""
    check_kind(floor, PerGpuHour, "floor")
    known = as_tuple(bids, "bids")
    if not set(map(type, known)) <= {PoolBid}:
        index = next(i for i, bid in enumerate(known) if type(bid) is not PoolBid)
        raise WrongType(f"bids[{index}]", "a PoolBid", shown(known[index]))
    if len(ids := {bid.id for bid in known}) < len(known):
        raise RuleViolation("bids", "one for each id", f"{len(known)} with {len(ids)} ids")
    lowest = floor.steps
    asked: dict[int, list[_Item]] = {}
    for bid in known:
        steps, gpus = bid.price.steps, bid.gpus
        if steps and steps >= lowest * gpus:
            if gpus not in asked:
                asked[gpus] = []
            asked[gpus].append((steps, bid))
    return asked


def _optimum(claims: Sequence[Claim]) -> Optimum:
    runners = [Runner(id=c.id, block=c.block, price=PerHour.from_steps(c.level)) for c in claims]
    revenue = sum(claim.level for claim in claims)  # of a bid, the level is its price
    return Optimum(runners=tuple(runners), revenue=PerHour.from_steps(revenue))


def _check_power(gpus: int, path: str) -> None:
    if whole_number(gpus, path, 1, MAX_GPUS).bit_count() != 1:
        raise RuleViolation(path, "a power of two", str(gpus))
