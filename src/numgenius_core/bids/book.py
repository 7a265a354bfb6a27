"""The bids of one machine kept up to date: an event in, what changed out.

Rule (hosting guide, G7): "the highest bid runs, the others are paused"; a paused instance resumes
by itself when it regains priority. Priorities are those of :func:`~numgenius_core.bids.resolve`,
and the book's state is at any time what that function says from scratch.

Our readings: a bid changed to the price it has keeps its arrival, any other change is a new arrival
at that price. A claim that goes on waiting is not reported when somebody else comes to hold its
GPUs: :meth:`BidBook.explain` says who does.

An event that changes nobody costs O(log n) for n claims; one that does, or the first claim on a
block, O(log n + blocks).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Self

from numgenius_core._checks import MAX_GPUS, check_kind, is_series
from numgenius_core._numbers import as_int, whole_number
from numgenius_core._terms import NO_FLOOR
from numgenius_core.bids._contests import claim_of
from numgenius_core.bids._engine import Engine
from numgenius_core.bids.changes import (
    BookChange,
    BookEvent,
    ClaimEntered,
    ClaimLeft,
    FloorSet,
    Repriced,
)
from numgenius_core.bids.priority import (
    Claim,
    Rank,
    Verdict,
    explain,
    quoted_min_bid,
    winning_bid,
)
from numgenius_core.errors import WrongType, shown
from numgenius_core.ids import ContractId
from numgenius_core.offer import Block
from numgenius_core.rates import PerGpuHour, PerHour


class BidBook:
    """Who runs on one machine, event after event.

    Made with the machine's GPUs and the host's lowest bid, dollars per GPU-hour (without one there
    is no floor). Replaying the events gives the same book, so a service has to store nothing else.
    Each method that takes something in returns what that changed: who pauses, then who runs. A
    refused event changes nothing.

    >>> from numgenius_core import Block, PerHour
    >>> from numgenius_core.bids import BidBook
    >>> book = BidBook(gpus=2)
    >>> book.bid(1, Block(start=0, size=2), PerHour("0.50"))
    (ClaimStarted(id=1),)
    >>> book.bid(2, Block(start=0, size=1), PerHour("0.30"))  # more per GPU
    (ClaimPaused(id=1, why=<WaitReason.OUTBID: 'outbid'>, by=(2,)), ClaimStarted(id=2))
    >>> book.leave(2)
    (ClaimResumed(id=1),)

    Raises:
        RuleViolation: A machine without GPUs, or with more than 4,096.
    """

    __slots__ = ("_engine",)

    def __init__(self, gpus: int, floor: PerGpuHour | None = None) -> None:
        gpus = whole_number(gpus, "gpus", 1, MAX_GPUS)
        if floor is not None:
            check_kind(floor, PerGpuHour, "floor")
        self._engine = Engine(gpus, NO_FLOOR if floor is None else floor)

    @classmethod
    def replay(
        cls, events: Iterable[BookEvent], *, gpus: int, floor: PerGpuHour | None = None
    ) -> Self:
        """Return the book after ``events``, the first one first.

        Raises:
            RuleViolation: As for :meth:`apply`.

        >>> from numgenius_core import Block, PerHour
        >>> from numgenius_core.bids import BidBook, ClaimEntered
        >>> events = [ClaimEntered(id=1, block=Block(start=0, size=2), bid=PerHour("0.50"))]
        >>> BidBook.replay(events, gpus=2).runs(1)
        True
        """
        book = cls(gpus, floor)
        if not is_series(events):
            raise WrongType("events", "events of a book", shown(events))
        for event in events:
            book.apply(event)
        return book

    # --- what happens -----------------------------------------------------------------------

    def apply(self, event: BookEvent) -> tuple[BookChange, ...]:
        """Take an event and return what it changed: who pauses, then who runs.

        Within each the highest priority comes first. A refused event changes nothing.

        Raises:
            RuleViolation: A claim that is there already or is not there, a bid out of bounds or
                for something that does not bid, GPUs that the machine does not have.
        """
        if isinstance(event, ClaimEntered):
            return self._engine.enter(event)
        if isinstance(event, ClaimLeft):
            return self._engine.leave(event.id)
        if isinstance(event, Repriced):
            return self._engine.change(event)
        if isinstance(event, FloorSet):
            return self._engine.set_floor(event.floor)
        raise WrongType("event", "an event of a book", shown(event))

    def bid(self, id: ContractId, block: Block, bid: PerHour) -> tuple[BookChange, ...]:  # noqa: A002 - as the field
        """Take a new bid, dollars per hour for the whole instance.

        A bid under the floor is taken and waits; :func:`~numgenius_core.bids.check_bid` refuses
        it, where it should not come in at all.
        """
        return self.apply(ClaimEntered(id=id, block=block, bid=bid))

    def on_demand(self, id: ContractId, block: Block) -> tuple[BookChange, ...]:  # noqa: A002 - as the field
        """Take a new on-demand or reserved contract."""
        return self.apply(ClaimEntered(id=id, block=block, rank=Rank.ON_DEMAND))

    def default_job(self, id: ContractId, block: Block) -> tuple[BookChange, ...]:  # noqa: A002 - as the field
        """Take a default job of the host."""
        return self.apply(ClaimEntered(id=id, block=block, rank=Rank.DEFAULT_JOB))

    def change(self, id: ContractId, bid: PerHour) -> tuple[BookChange, ...]:  # noqa: A002 - as the field
        """Change a bid; at the price it has it keeps its arrival, at any other it arrives anew."""
        return self.apply(Repriced(id=id, bid=bid))

    def leave(self, id: ContractId) -> tuple[BookChange, ...]:  # noqa: A002 - as the field
        """Take a claim out: a bid cancelled, a contract or a default job ended."""
        return self.apply(ClaimLeft(id=id))

    def set_floor(self, floor: PerGpuHour) -> tuple[BookChange, ...]:
        """Change the host's lowest bid, dollars per GPU-hour; bids under it wait."""
        return self.apply(FloorSet(floor=floor))

    # --- what there is ----------------------------------------------------------------------

    @property
    def gpus(self) -> int:
        """GPUs of the machine."""
        return self._engine.gpus

    @property
    def floor(self) -> PerGpuHour:
        """The host's lowest bid, dollars per GPU-hour."""
        return self._engine.floor

    def __repr__(self) -> str:
        claims, running = len(self._engine.entries), len(self._engine.running)
        return f"<{type(self).__name__} gpus={self.gpus}, claims={claims}, running={running}>"

    def __len__(self) -> int:
        return len(self._engine.entries)

    def __contains__(self, id: object) -> bool:  # noqa: A002 - as the field
        return id in self._engine.entries

    def __iter__(self) -> Iterator[Claim]:
        """Go through all claims, in no particular order."""
        return map(claim_of, self._engine.entries.values())

    @property
    def running(self) -> tuple[Claim, ...]:
        """The claims that run, the highest priority first."""
        entries = self._engine.entries
        return tuple(claim_of(entries[head.id]) for head in self._engine.running)

    def runs(self, id: ContractId) -> bool:  # noqa: A002 - as the field
        """Return whether a claim runs.

        Raises:
            RuleViolation: There is no such claim.
        """
        number: ContractId = as_int(id)
        _, _, _, contest = self._engine.entry(number)
        return contest.runner is not None and contest.runner.id == number

    def explain(self, id: ContractId) -> Verdict:  # noqa: A002 - as the field
        """Return why a claim waits and what would win, from the runners alone.

        Raises:
            RuleViolation: There is no such claim, or it runs.
        """
        return explain(claim_of(self._engine.entry(id)), self.running, self.floor)

    def winning_bid(self, block: Block) -> PerHour | None:
        """Return the lowest bid with which a newcomer would run on ``block`` now.

        Dollars per hour for the whole instance; ``None`` if no legal bid would.
        """
        return winning_bid(block, self.running, self.floor)

    def quoted_min_bid(self, block: Block) -> PerGpuHour:
        """Return the ``min_bid`` that a search shows for ``block``, dollars per GPU-hour."""
        return quoted_min_bid(block, self.running, self.floor)
