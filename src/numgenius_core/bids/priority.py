"""Who runs on a machine, who waits and why, and the lowest bid that would run.

Rule (hosting guide, G6): "on-demand rentals have the highest priority and stop interruptibles";
(G7) "the highest bid runs, the others are paused". Priority, highest first: on-demand and reserved,
bids from high to low, the host's own default job. A contract holds definite GPUs, and it runs iff
none of them is taken by a running one of higher priority. Bids are compared per GPU; the price of
a bid is for the whole instance, from $0.001 to $32 per GPU, and at least the listing's floor.

Our readings: equal bids keep their order of arrival, so the incumbent stays, and any change of a
bid is a new arrival. A bid too wide for the GPUs left is passed over, not cut down, and what it
leaves goes to the next. Two on-demand or reserved claims on one GPU cannot both hold it: the
earlier holds, the later waits. A bid under the floor (a host may raise it later) does not run.

Why one look at the runners gives the winning price: a claim that waits takes nothing, so without
it the same claims run. At a new price it runs iff every *running* bid on its GPUs is strictly
cheaper per GPU, and nothing on demand is there. Raising a bid therefore never loses.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from math import lcm
from operator import attrgetter
from typing import Final, Self

from attrs import field, frozen

from numgenius_core._checks import as_tuple, check_kind, keep_id
from numgenius_core._numbers import keep_whole
from numgenius_core._terms import HIGHEST_BID, LOWEST_BID, NO_FLOOR, check_bid
from numgenius_core.contracts.contract import Contract
from numgenius_core.errors import RuleViolation, WrongType, brief, shown
from numgenius_core.ids import ContractId, MachineId
from numgenius_core.offer import Block, GpuSet
from numgenius_core.rates import PerGpuHour, PerHour

STEPS_PER_NANO: Final = 1_000  # price steps (pico-dollars) in a nano-dollar


class Rank(Enum):
    """What a claim is, from the highest priority to the lowest."""

    ON_DEMAND = "on-demand"
    """On-demand or reserved: no bid stops it."""
    BID = "bid"
    """Interruptible: by bid per GPU, equal ones by arrival."""
    DEFAULT_JOB = "default job"
    """The host's own work on what nobody rents."""


class WaitReason(Enum):
    """Why a claim does not run."""

    HELD = "held"
    """An on-demand or reserved claim holds one of its GPUs: no bid wins."""
    UNDER_FLOOR = "under the floor"
    """Its bid is lower than the host's floor."""
    OUTBID = "outbid"
    """A higher bid, or an equal and earlier one, holds one of its GPUs."""


@frozen(kw_only=True)
class Claim:
    """What one instance asks of a machine: certain GPUs, with a priority.

    Made with :meth:`on_demand`, :meth:`bidding`, :meth:`default_job` or :meth:`from_contract`.

    Attributes:
        id: The contract.
        block: The GPUs it holds.
        rank: On-demand (or reserved), bid or default job.
        arrival: Its number in the order of arrival, unique on its machine; any change of a bid is
            a new arrival.
        bid: Of a bid, dollars per hour for the whole instance, within the market's limits; else
            ``None``.
        level: Its priority as price steps for its whole block: an on-demand claim stands above
            the highest bid there is, a default job below the lowest.

    Raises:
        RuleViolation: A bid outside the market's limits, or a bid for what does not bid.

    >>> from numgenius_core import Block, Claim, PerHour
    >>> pair = Block(start=0, size=2)
    >>> bid = Claim.bidding(1, pair, PerHour("0.50"), arrival=1)
    >>> Claim.on_demand(2, pair, arrival=2).outranks(bid)
    True
    """

    id: ContractId
    block: Block
    rank: Rank
    arrival: int
    bid: PerHour | None = None
    level: int = field(init=False, repr=False, eq=False)

    def __attrs_post_init__(self) -> None:
        keep_id(self, "id", "claim.id")
        check_kind(self.block, Block, "claim.block")
        check_kind(self.rank, Rank, "claim.rank")
        keep_whole(self, "arrival", "claim.arrival")
        object.__setattr__(self, "level", level_of(self.rank, self.block.size, self.bid))

    @classmethod
    def on_demand(cls, id: ContractId, block: Block, *, arrival: int) -> Self:  # noqa: A002 - as the field
        """Return the claim of an on-demand or reserved contract."""
        return cls(id=id, block=block, rank=Rank.ON_DEMAND, arrival=arrival)

    @classmethod
    def bidding(cls, id: ContractId, block: Block, bid: PerHour, *, arrival: int) -> Self:  # noqa: A002 - as the field
        """Return the claim of an interruptible: ``bid`` is for the whole instance."""
        return cls(id=id, block=block, rank=Rank.BID, arrival=arrival, bid=bid)

    @classmethod
    def default_job(cls, id: ContractId, block: Block, *, arrival: int) -> Self:  # noqa: A002 - as the field
        """Return the claim of the host's own default job."""
        return cls(id=id, block=block, rank=Rank.DEFAULT_JOB, arrival=arrival)

    @classmethod
    def from_contract(cls, contract: Contract, *, arrival: int) -> Self:
        """Return the claim of a contract that is neither stopped nor ended.

        A host's free test stands with its default job, below every bid, whatever it bids itself.

        Raises:
            RuleViolation: Its bid is outside the market's limits.
        """
        check_kind(contract, Contract, "contract")
        if contract.is_free_test:
            return cls.default_job(contract.id, contract.block, arrival=arrival)
        if contract.bid is not None:
            return cls.bidding(contract.id, contract.block, contract.bid, arrival=arrival)
        return cls.on_demand(contract.id, contract.block, arrival=arrival)

    def outranks(self, other: Claim) -> bool:
        """Return whether this claim has the higher priority, compared exactly per GPU."""
        check_kind(other, Claim, "claim")
        mine, theirs = self.level * other.block.size, other.level * self.block.size
        return mine > theirs or (mine == theirs and self.arrival < other.arrival)

    def is_under(self, floor: PerGpuHour) -> bool:
        """Return whether this is a bid lower than the floor, dollars per GPU-hour."""
        check_kind(floor, PerGpuHour, "floor")
        return self.rank is Rank.BID and self.level < floor.steps * self.block.size


def level_of(rank: Rank, gpus: int, bid: PerHour | None) -> int:
    """Return the priority of a claim in price steps for its GPUs, its bid checked."""
    if rank is Rank.BID:
        check_bid(bid, gpus, path="claim.bid")  # type: ignore[arg-type]  # refuses None
        return bid.steps  # type: ignore[union-attr]
    if bid is not None:
        raise RuleViolation("claim.bid", f"none for {rank.value}", shown(bid))
    return (HIGHEST_BID.steps + 1) * gpus if rank is Rank.ON_DEMAND else 0


@frozen(kw_only=True)
class Verdict:
    """Why a claim waits, and what would make it run.

    Attributes:
        claim: The claim that waits.
        why: The strongest reason there is.
        held_by: The running claims of higher priority on its GPUs, the highest first; empty if
            only the floor is in its way.
        winning_bid: Of a bid, the lowest price that would run now, dollars per hour for the whole
            instance, in whole nano-dollars; ``None`` if no legal bid wins.
    """

    claim: Claim
    why: WaitReason
    held_by: tuple[Claim, ...] = field(repr=brief)
    winning_bid: PerHour | None


@frozen(kw_only=True)
class Resolution:
    """Who runs on a machine and who waits; each claim is in one of the two.

    Attributes:
        running: The claims that run, the highest priority first.
        waiting: The claims that do not, in the same order.
        floor: The host's, dollars per GPU-hour.
    """

    running: tuple[Claim, ...] = field(repr=brief)
    waiting: tuple[Claim, ...] = field(repr=brief)
    floor: PerGpuHour

    @property
    def paused(self) -> tuple[Verdict, ...]:
        """Each claim that waits, with its reason and the price that would win."""
        return tuple(explain(claim, self.running, self.floor) for claim in self.waiting)

    def runs(self, id: ContractId) -> bool:  # noqa: A002 - as the field
        """Return whether a claim runs.

        Raises:
            RuleViolation: There is no such claim.
        """
        if any(claim.id == id for claim in self.running):
            return True
        if any(claim.id == id for claim in self.waiting):
            return False
        raise RuleViolation("id", "a claim of this machine", shown(id))

    def winning_bid(self, block: Block) -> PerHour | None:
        """Return the lowest bid with which a newcomer would run on ``block`` now.

        Dollars per hour for the whole instance; ``None`` if no legal bid would.
        """
        return winning_bid(block, self.running, self.floor)

    def quoted_min_bid(self, block: Block) -> PerGpuHour:
        """Return the ``min_bid`` that a search shows for ``block``, dollars per GPU-hour."""
        return quoted_min_bid(block, self.running, self.floor)


def resolve(claims: Iterable[Claim], floor: PerGpuHour = NO_FLOOR) -> Resolution:
    """Return who runs and who waits on one machine; the order of ``claims`` does not matter.

    O(n log n) for n claims; reasons are worked out when they are asked for.

    Args:
        claims: Everything that wants GPUs of the machine.
        floor: The host's lowest bid, dollars per GPU-hour.

    Raises:
        RuleViolation: Two claims with one id or one arrival.

    >>> from numgenius_core import Block, Claim, PerHour, resolve
    >>> low = Claim.bidding(1, Block(start=0, size=2), PerHour("0.50"), arrival=1)
    >>> high = Claim.bidding(2, Block(start=0, size=1), PerHour("0.30"), arrival=2)
    >>> now = resolve([low, high])  # 0.30 per GPU against 0.25
    >>> [claim.id for claim in now.running], [verdict.why for verdict in now.paused]
    ([2], [<WaitReason.OUTBID: 'outbid'>])
    """
    check_kind(floor, PerGpuHour, "floor")
    running: list[Claim] = []
    waiting: list[Claim] = []
    taken: GpuSet = 0
    for claim in by_priority(claims):
        wanted = claim.block.gpu_set
        if taken & wanted or claim.is_under(floor):
            waiting.append(claim)
        else:
            running.append(claim)
            taken |= wanted
    return Resolution(running=tuple(running), waiting=tuple(waiting), floor=floor)


def by_priority(claims: Iterable[Claim]) -> list[Claim]:
    """Return claims from the highest priority to the lowest, compared exactly per GPU."""
    known = _claims(claims, "claims")
    _refuse_twins(known)
    sizes = {claim.block.size for claim in known}
    common = lcm(*sizes)  # level × common / size is a whole number: no price is rounded
    weights = {size: common // size for size in sizes}
    keyed = [(-claim.level * weights[claim.block.size], claim.arrival, claim) for claim in known]
    keyed.sort()  # arrivals differ, so claims themselves are never compared
    return [claim for _, _, claim in keyed]


def _claims(claims: Iterable[Claim], path: str) -> tuple[Claim, ...]:
    known = as_tuple(claims, path)
    for index, claim in enumerate(known):
        if type(claim) is not Claim:
            raise WrongType(f"{path}[{index}]", "a Claim", shown(claim))
    return known


def _refuse_twins(claims: Sequence[Claim]) -> None:
    """Refuse two claims with one id or one arrival: no answer would be the right one."""
    for name in ("id", "arrival"):
        twice = [value for value, n in Counter(map(attrgetter(name), claims)).items() if n > 1]
        if twice:
            raise RuleViolation("claims", f"one claim for each {name}", f"two with {twice[0]}")


def resolve_fleet(
    fleet: Mapping[MachineId, Iterable[Claim]],
    floors: Mapping[MachineId, PerGpuHour] | PerGpuHour = NO_FLOOR,
) -> dict[MachineId, Resolution]:
    """Return who runs on each machine of a fleet.

    Args:
        fleet: The claims of each machine.
        floors: One floor for all, or each machine's (none: no floor).

    Raises:
        RuleViolation: Two claims with one id or one arrival on a machine; the path names it.

    >>> from numgenius_core import Block, Claim, PerGpuHour, PerHour
    >>> from numgenius_core.bids import resolve_fleet
    >>> claim = Claim.bidding(1, Block(start=0, size=2), PerHour("0.50"), arrival=1)
    >>> fleet = resolve_fleet({7: [claim], 8: []}, PerGpuHour("0.30"))
    >>> fleet[7].paused[0].why
    <WaitReason.UNDER_FLOOR: 'under the floor'>
    """
    check_kind(fleet, Mapping, "fleet")
    if isinstance(floors, PerGpuHour):
        floors = dict.fromkeys(fleet, floors)
    check_kind(floors, Mapping, "floors")
    answers = {}
    for machine, claims in fleet.items():
        try:
            answers[machine] = resolve(claims, floors.get(machine, NO_FLOOR))
        except RuleViolation as fault:
            raise fault.at(f"machine {machine}") from None
    return answers


def explain(claim: Claim, running: Iterable[Claim], floor: PerGpuHour = NO_FLOOR) -> Verdict:
    """Return why ``claim`` waits, and what would make it run.

    Args:
        claim: The one that waits.
        running: The claims that run, the highest priority first.
        floor: The host's lowest bid, dollars per GPU-hour.

    Raises:
        RuleViolation: Nothing is in its way, so it would run.

    >>> from numgenius_core import Block, Claim, PerHour
    >>> from numgenius_core.bids import explain
    >>> rented = Claim.on_demand(1, Block(start=0, size=2), arrival=1)
    >>> bid = Claim.bidding(2, Block(start=1, size=1), PerHour("0.30"), arrival=2)
    >>> explain(bid, [rented]).why
    <WaitReason.HELD: 'held'>
    """
    check_kind(claim, Claim, "claim")
    check_kind(floor, PerGpuHour, "floor")
    there = [each for each in _claims(running, "running") if each.block.overlaps(claim.block)]
    above = tuple(other for other in there if other.outranks(claim))
    if any(other.rank is Rank.ON_DEMAND for other in above):
        why = WaitReason.HELD
    elif claim.is_under(floor):
        why = WaitReason.UNDER_FLOOR
    elif above:
        why = WaitReason.OUTBID
    else:
        raise RuleViolation(f"claim {claim.id}", "a claim that waits", "one that runs")
    price = winning_bid(claim.block, there, floor) if claim.rank is Rank.BID else None
    return Verdict(claim=claim, why=why, held_by=above, winning_bid=price)


def winning_bid(
    block: Block, running: Iterable[Claim], floor: PerGpuHour = NO_FLOOR
) -> PerHour | None:
    """Return the lowest bid that would run on ``block`` now, or ``None`` if no legal one would.

    Dollars per hour for the whole instance, in whole nano-dollars. A new bid comes after equal
    ones, so it must be above every running bid that it displaces.

    Args:
        block: The GPUs wanted.
        running: The claims that run, the asker's own not among them.
        floor: The host's lowest bid, dollars per GPU-hour.

    Raises:
        WrongType: ``block`` is no ``Block``, a claim no ``Claim`` or ``floor`` no ``PerGpuHour``.

    >>> from numgenius_core import Block, Claim, PerHour
    >>> from numgenius_core.bids import winning_bid
    >>> running = [Claim.bidding(1, Block(start=0, size=1), PerHour("0.30"), arrival=1)]
    >>> winning_bid(Block(start=0, size=2), running)  # above 0.30 for each of two GPUs
    PerHour('0.600000001')
    """
    check_kind(block, Block, "block")
    check_kind(floor, PerGpuHour, "floor")
    size = block.size
    nanos = -(-max(LOWEST_BID.steps, floor.steps * size) // STEPS_PER_NANO)  # rounded up
    for claim in _claims(running, "running"):
        if not claim.block.overlaps(block):
            continue
        if claim.rank is Rank.ON_DEMAND:
            return None
        nanos = max(nanos, nanos_above(claim.level, claim.block.size, size))
    steps = nanos * STEPS_PER_NANO
    return PerHour.from_steps(steps) if steps <= HIGHEST_BID.steps * size else None


def nanos_above(level: int, gpus: int, size: int) -> int:
    """Return the first whole nano-dollar strictly above what a claim pays for as many GPUs.

    Args:
        level: The claim's priority in price steps for all its GPUs; a default job pays nothing.
        gpus: GPUs of the claim.
        size: GPUs of who outbids it.
    """
    return level * size // (gpus * STEPS_PER_NANO) + 1


def quoted_min_bid(
    block: Block, running: Iterable[Claim], floor: PerGpuHour = NO_FLOOR
) -> PerGpuHour:
    """Return the ``min_bid`` that a search shows for ``block``, dollars per GPU-hour.

    The larger of the host's floor and the highest running bid on one of the block's GPUs, rounded
    up to a price step; an on-demand rental does not raise it (measured). A bid *at* the quote ties
    with the incumbent and waits: :func:`winning_bid` is what runs.

    Args:
        block: The GPUs offered.
        running: The claims that run.
        floor: The host's lowest bid, dollars per GPU-hour.

    Raises:
        WrongType: ``block`` is no ``Block``, a claim no ``Claim`` or ``floor`` no ``PerGpuHour``.

    >>> from numgenius_core import Block, Claim, PerHour
    >>> from numgenius_core.bids import quoted_min_bid
    >>> running = [Claim.bidding(1, Block(start=0, size=1), PerHour("0.30"), arrival=1)]
    >>> quoted_min_bid(Block(start=0, size=2), running)
    PerGpuHour('0.30')
    """
    check_kind(block, Block, "block")
    check_kind(floor, PerGpuHour, "floor")
    bids = [
        -(-claim.level // claim.block.size)
        for claim in _claims(running, "running")
        if claim.rank is Rank.BID and claim.block.overlaps(block)
    ]
    return PerGpuHour.from_steps(max([floor.steps, *bids]))
