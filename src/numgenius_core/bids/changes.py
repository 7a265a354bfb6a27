"""What happens to the bids of a machine, and what that changes: events and changes of a book.

Rule (hosting guide, G6, G7, G13): clients create instances, change their bids and destroy them,
hosts set the lowest bid; "the highest bid runs, the others are paused", and a paused instance
resumes by itself.

Our readings: a claim that comes *starts* or is *paused* from its arrival on; one that waited and
runs *resumes*. A claim that goes on waiting is not reported. What an event can tell by itself (an
id, a bid within the market's limits, its priority) is checked and worked out when it is made;
whether it fits the book is the book's to say (:class:`~numgenius_core.bids.BidBook`).
"""

from __future__ import annotations

from attrs import field, frozen

from numgenius_core._checks import MAX_GPUS, check_kind, keep_id
from numgenius_core.bids.priority import Rank, WaitReason, level_of
from numgenius_core.errors import brief
from numgenius_core.ids import ContractId
from numgenius_core.offer import Block
from numgenius_core.rates import PerGpuHour, PerHour


@frozen(kw_only=True)
class ClaimEntered:
    """A claim came: a bid, an on-demand or reserved contract, or a default job.

    Attributes:
        id: The contract.
        block: The GPUs it holds.
        rank: On-demand (or reserved), bid or default job.
        bid: Of a bid, dollars per hour for the whole instance; else ``None``.

    Raises:
        RuleViolation: A bid outside the market's limits, or a bid for what does not bid.
    """

    id: ContractId
    block: Block
    rank: Rank = Rank.BID
    bid: PerHour | None = None
    _key: int = field(init=False, repr=False, eq=False)  # −level: the smallest runs first
    _contest: int = field(init=False, repr=False, eq=False)  # a number for block and rank

    def __attrs_post_init__(self) -> None:
        keep_id(self, "id", "claim.id")
        check_kind(self.block, Block, "claim.block")
        check_kind(self.rank, Rank, "claim.rank")
        key = -level_of(self.rank, self.block.size, self.bid)
        # Start, size and whether it is a default job in one number: a book looks its contest up at
        # each event, and a number hashes far faster than a block.
        block = self.block.start * (MAX_GPUS + 1) + self.block.size
        object.__setattr__(self, "_key", key)
        object.__setattr__(self, "_contest", block * 2 + (self.rank is Rank.DEFAULT_JOB))


@frozen(kw_only=True)
class Repriced:
    """A client changed its bid.

    Attributes:
        id: The contract.
        bid: The new one, dollars per hour for the whole instance.
    """

    id: ContractId
    bid: PerHour
    _key: int = field(init=False, repr=False, eq=False)  # −level

    def __attrs_post_init__(self) -> None:
        keep_id(self, "id", "claim.id")
        check_kind(self.bid, PerHour, "claim.bid")
        object.__setattr__(self, "_key", -self.bid.steps)


@frozen(kw_only=True)
class ClaimLeft:
    """A claim went: cancelled, stopped, expired or destroyed.

    Attributes:
        id: The contract.
    """

    id: ContractId

    def __attrs_post_init__(self) -> None:
        keep_id(self, "id", "claim.id")


@frozen(kw_only=True)
class FloorSet:
    """The host set its lowest bid.

    Attributes:
        floor: Dollars per GPU-hour; bids under it wait.
    """

    floor: PerGpuHour

    def __attrs_post_init__(self) -> None:
        check_kind(self.floor, PerGpuHour, "floor")


BookEvent = ClaimEntered | Repriced | ClaimLeft | FloorSet
"""What a :class:`BidBook` is told."""


@frozen
class ClaimStarted:
    """A claim runs from its arrival on.

    Attributes:
        id: The contract.
    """

    id: ContractId


@frozen
class ClaimPaused:
    """A claim stops running, or waits from its arrival on.

    Attributes:
        id: The contract.
        why: The strongest reason there is.
        by: The running claims of higher priority on its GPUs, the highest first.
    """

    id: ContractId
    why: WaitReason
    by: tuple[ContractId, ...] = field(repr=brief)


@frozen
class ClaimResumed:
    """A claim that waited runs.

    Attributes:
        id: The contract.
    """

    id: ContractId


BookChange = ClaimStarted | ClaimPaused | ClaimResumed
"""What an event changed in a :class:`BidBook`."""
