"""The revenue-maximal set of runners, and what priority order leaves on the table.

Rule (hosting guide, G7): "the current highest bid is the instance that runs, the others are
paused". That is priority order (:mod:`numgenius_core.bids.priority`), the market's rule; it does not
maximise what the host earns: one dear GPU can keep seven others waiting. Here is the other answer:
the set of bids that fit together and pay most.

Our readings. Every runner pays its own bid; the floor is a reserve price, and bids below it do not
take part. On-demand claims keep their GPUs; they and the host's default jobs are no part of the
revenue compared here. A bid that adds nothing does not run. Of bids that are alike the earlier one
runs; of different sets that earn the same, one is returned, always the same one.

*Bids tied to blocks* (:func:`best_runners`). A block is a run of consecutive positions, so the best
set for the first p positions either leaves position p − 1 idle or ends with a block that ends
there: weighted interval scheduling. It needs no nesting, so it is exact for any ``min_gpu``; on
nested blocks it is the pass up the buddy tree, best(node) = max(own bid, sum of its children).

*Bids for k GPUs anywhere* (:func:`best_packing`), k a power of two. The smallest bids are sorted;
the best of them fill the free slots of just their size, the others are paired in order, and each
pair is one bid of twice the size; then the next size. Whatever the best set is, it takes the
dearest of each size (swap), so nothing is lost by pairing them in order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from operator import attrgetter, itemgetter
from typing import Any, Final

from attrs import frozen

from numgenius_core._checks import as_tuple, check_id, check_kind
from numgenius_core._numbers import whole_number
from numgenius_core.bids.priority import Claim, Rank, resolve
from numgenius_core.errors import RuleViolation, WrongType, shown
from numgenius_core.ids import ContractId, MachineId
from numgenius_core.listing import MAX_GPUS, NO_FLOOR
from numgenius_core.offer import Block
from numgenius_core.rates import PerGpuHour, PerHour

_ON_DEMAND: Final = Rank.ON_DEMAND
_SIZE_BITS: Final = 13  # a size is at most MAX_GPUS, 4,096
_SIZE: Final = (1 << _SIZE_BITS) - 1


@frozen(kw_only=True)
class PoolBid:
    """A bid for a number of GPUs, wherever on the machine or in the pool they are.

    Attributes:
        id: The contract that bids.
        gpus: A power of two.
        price: For the whole instance, dollars per hour.
    """

    id: ContractId
    gpus: int
    price: PerHour

    def __attrs_post_init__(self) -> None:
        check_id(self.id, "request.id")
        _check_power(self.gpus, "request.gpus")
        check_kind(self.price, PerHour, "request.price")


@frozen(kw_only=True)
class PoolBlock:
    """Free GPUs that can be given out whole or in halves, quarters and so on.

    Attributes:
        machine: The machine they are on.
        block: The GPUs; their number is a power of two, and the start a multiple of it
            (:func:`numgenius_core.gpus.free_blocks` finds them).
    """

    machine: MachineId
    block: Block

    def __attrs_post_init__(self) -> None:
        check_id(self.machine, "slot.machine")
        check_kind(self.block, Block, "slot.block")
        _check_power(self.block.size, "slot.block.size")
        if self.block.start % self.block.size:
            need = f"a multiple of its {self.block.size} GPUs"
            raise RuleViolation("slot.block.start", need, str(self.block.start))


@frozen(kw_only=True)
class Runner:
    """A bid that runs, and where.

    Attributes:
        id: The contract.
        block: The GPUs it runs on.
        price: Its bid, dollars per hour.
        machine: The machine, where bids ask for a place in a pool.
    """

    id: ContractId
    block: Block
    price: PerHour
    machine: MachineId | None = None


@frozen(kw_only=True)
class Optimum:
    """A set of bids that run together.

    Attributes:
        runners: Who runs and where, by machine and place: the packing is the proof that they fit.
        revenue: The sum of their bids, dollars per hour.
    """

    runners: tuple[Runner, ...]
    revenue: PerHour

    @property
    def ids(self) -> frozenset[ContractId]:
        """The contracts that run."""
        return frozenset(runner.id for runner in self.runners)


@frozen(kw_only=True)
class Comparison:
    """The market's rule beside the optimum.

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
        floor: The host's lowest price, per GPU.

    Raises:
        WrongType: Something that is no claim, or no ``PerGpuHour``.
        RuleViolation: Two claims with one id.
    """
    check_kind(floor, PerGpuHour, "floor")
    highest = _highest(claims)
    taken = _held(highest.values())
    lowest = floor.steps
    gpus = max([(key >> _SIZE_BITS) + (key & _SIZE) for key in highest], default=0)
    best = [0] * (gpus + 1)  # by the positions from p on
    runs: list[Claim | None] = [None] * (gpus + 1)  # who starts at p in that best set
    place = gpus
    for key in sorted(highest, reverse=True):  # by place, the last first
        start, size = key >> _SIZE_BITS, key & _SIZE
        claim = highest[key]
        earned = claim.level
        if earned < lowest * size or (taken and taken & claim.block.gpu_set):
            continue
        while place > start:
            place -= 1
            best[place] = best[place + 1]
        earned += best[start + size]
        if earned > best[place]:
            best[place], runs[place] = earned, claim
    return _optimum(_traced(runs, place))


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


def _held(claims: Iterable[Claim]) -> int:
    """Return the GPUs that run on demand as bits; of claims that overlap, the later one waits."""
    on_demand = [claim for claim in claims if claim.rank is _ON_DEMAND]
    taken = 0
    for claim in sorted(on_demand, key=attrgetter("arrival")):
        if not taken & claim.block.gpu_set:
            taken |= claim.block.gpu_set
    return taken


def _traced(runs: Sequence[Claim | None], place: int) -> list[Claim]:
    """Return who runs, from a place on."""
    found = []
    while place < len(runs):
        claim = runs[place]
        if claim is None:
            place += 1
        else:
            found.append(claim)
            place = claim.block.end
    return found


def compare_with_optimum(claims: Iterable[Claim], floor: PerGpuHour = NO_FLOOR) -> Comparison:
    """Return what priority order earns from bids beside the most that could be earned.

    Args:
        claims: Everything that wants GPUs of the machine.
        floor: The host's lowest price, per GPU.

    Raises:
        WrongType: As for :func:`numgenius_core.bids.resolve`.
        RuleViolation: As there.
    """
    entries = as_tuple(claims, "claims")
    running = [c for c in resolve(entries, floor).running if c.rank is Rank.BID]
    return Comparison(
        priority=_optimum(sorted(running, key=lambda claim: claim.block.start)),
        optimum=best_runners(entries, floor),
    )


_Item = tuple[int, Any]  # price steps; a request, a pair of items, or None for idle GPUs
_IDLE: Final[_Item] = (0, None)
_STEPS: Final = itemgetter(0)


def best_packing(
    slots: Iterable[PoolBlock], requests: Iterable[PoolBid], *, floor: PerGpuHour = NO_FLOOR
) -> Optimum:
    """Return the requests that fit into free slots together and pay most, with a place for each.

    Args:
        slots: The free GPUs of a machine or a pool, disjoint. All must be free to be cut down to
            the smallest request: a pool's requests are at least its largest ``min_gpu``.
        requests: The bids, in order of arrival.
        floor: The lowest price, per GPU.

    Raises:
        WrongType: Not slots, requests or rates.
        RuleViolation: Slots that overlap, or two requests with one id.
    """
    by_size = _checked_slots(slots)
    asked = _asked(requests, floor)
    room = sum(size * len(found) for size, found in by_size.items())  # GPUs in slots that large
    placed: list[Runner] = []
    revenue = 0
    pairs: list[_Item] = []
    for size in (1 << k for k in range(max(by_size, default=0).bit_length())):
        own = sorted(asked.get(size, ()), key=_STEPS, reverse=True)
        items = sorted(own[: room // size] + pairs, key=_STEPS, reverse=True)
        here = by_size.get(size, [])
        for slot, (steps, what) in zip(here, items, strict=False):
            revenue += steps
            _place(placed, slot.machine, slot.block.start, size, what)
        left = items[len(here) :]
        if len(left) % 2:
            left.append(_IDLE)
        pairs = [(a[0] + b[0], (a, b)) for a, b in zip(left[::2], left[1::2], strict=True)]
        room -= size * len(here)
    placed.sort(key=lambda runner: (runner.machine or 0, runner.block.start))
    return Optimum(runners=tuple(placed), revenue=PerHour.from_steps(revenue))


def _place(
    placed: list[Runner],
    machine: MachineId,
    start: int,
    size: int,
    what: Any,
) -> None:
    """Note who runs in a place: a request, or a pair in its halves."""
    if type(what) is PoolBid:
        block = Block(start=start, size=size)
        placed.append(Runner(id=what.id, block=block, price=what.price, machine=machine))
    elif what is not None:
        size //= 2
        _place(placed, machine, start, size, what[0][1])
        _place(placed, machine, start + size, size, what[1][1])


def _checked_slots(slots: Iterable[PoolBlock]) -> Mapping[int, list[PoolBlock]]:
    by_size: dict[int, list[PoolBlock]] = {}
    taken: dict[MachineId, int] = {}
    for index, slot in enumerate(as_tuple(slots, "slots")):
        check_kind(slot, PoolBlock, f"slots[{index}]")
        before = taken.get(slot.machine, 0)
        if before & slot.block.gpu_set:
            raise RuleViolation(f"slots[{index}]", "disjoint slots", shown(slot))
        taken[slot.machine] = before | slot.block.gpu_set
        by_size.setdefault(slot.block.size, []).append(slot)
    return by_size


def _asked(requests: Iterable[PoolBid], floor: PerGpuHour) -> dict[int, list[_Item]]:
    """Return the requests at or above the floor that pay something, by size, as they arrived."""
    check_kind(floor, PerGpuHour, "floor")
    known = as_tuple(requests, "requests")
    if not set(map(type, known)) <= {PoolBid}:
        index = next(i for i, request in enumerate(known) if type(request) is not PoolBid)
        raise WrongType(f"requests[{index}]", "a Request", shown(known[index]))
    if len(ids := {request.id for request in known}) < len(known):
        raise RuleViolation("requests", "one for each id", f"{len(known)} with {len(ids)} ids")
    lowest = floor.steps
    asked: dict[int, list[_Item]] = {}
    for request in known:
        steps, gpus = request.price.steps, request.gpus
        if steps and steps >= lowest * gpus:
            if gpus not in asked:
                asked[gpus] = []
            asked[gpus].append((steps, request))
    return asked


def _optimum(claims: Sequence[Claim]) -> Optimum:
    runners = [Runner(id=c.id, block=c.block, price=PerHour.from_steps(c.level)) for c in claims]
    revenue = sum(claim.level for claim in claims)  # of a bid, the level is its price
    return Optimum(runners=tuple(runners), revenue=PerHour.from_steps(revenue))


def _check_power(gpus: int, path: str) -> None:
    if whole_number(gpus, path, 1, MAX_GPUS).bit_count() != 1:
        raise RuleViolation(path, "a power of two", str(gpus))
