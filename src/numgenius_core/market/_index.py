"""What a machine looks up instead of walking through its instances.

All of it follows from the instances: who holds GPUs on demand, how much disk is used, which claim
of each block comes first, and when time alone changes an instance next. It is kept up to date
instance by instance, so a command costs the same whether a machine has ten instances or thousands.

Who runs. Claims on the same GPUs exclude each other, so of all claims on one block only the best
can run: its *head*. One greedy pass over the heads, the highest priority first, tells who runs:
what :func:`numgenius_core.bids.resolve` says of all claims, without a look at those that cannot.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

from numgenius_core.contracts.life import InstanceState
from numgenius_core.ids import ContractId
from numgenius_core.market._persistent import Sorted
from numgenius_core.market.instance import (
    HOLDS,
    LAST,
    ON_DEMAND,
    Entry,
    Instance,
    entry_of,
    level_of,
)
from numgenius_core.rates import PerGpuHour

Change = tuple[Instance | None, Instance | None]
"""An instance as it was and as it is; ``None`` if it is not there."""
_NO_CLAIMS: Final[Sorted[Entry]] = Sorted()


class MachineIndex:
    """What is looked up of a machine; see the module.

    Attributes:
        occupied: The GPUs that on-demand and reserved instances hold, as bits.
        stored_mb: Disk of all instances, whole MB.
        claims: The claims on each block, by the block's GPUs as bits, the best first.
        count: How many claims there are.
        holding: The instances that have their GPUs: they load or run.
        restarting: What yields and was started again, until they run or are paused.
        dues: When time alone changes an instance, the earliest first.
    """

    __slots__ = (
        "_found",
        "claims",
        "count",
        "dues",
        "holding",
        "occupied",
        "restarting",
        "stored_mb",
    )

    def __init__(self, instances: Iterable[Instance] = ()) -> None:
        self.occupied: int = 0
        self.stored_mb: int = 0
        self.count: int = 0
        # Who runs under which floor, if it is known; it is found when it is asked for.
        self._found: tuple[PerGpuHour, tuple[Entry, ...]] | None = None
        self.claims: dict[int, Sorted[Entry]] = {}
        self.holding: frozenset[ContractId] = frozenset()
        self.restarting: frozenset[ContractId] = frozenset()
        self.dues: Sorted[tuple[datetime, ContractId]] = Sorted()
        self._replace([(None, each) for each in instances])

    def updated(self, changes: Iterable[Change]) -> MachineIndex:
        """Return the index after some instances changed."""
        index: MachineIndex = object.__new__(MachineIndex)
        index.occupied, index.stored_mb, index.count = self.occupied, self.stored_mb, self.count
        index.claims, index.holding = self.claims, self.holding
        index.restarting, index.dues, index._found = self.restarting, self.dues, self._found
        index._replace(changes)
        return index

    def _replace(self, changes: Iterable[Change]) -> None:
        claims = self.claims.copy()
        held: list[int] = []
        for old, new in changes:
            if old is None and new is None:
                continue  # it came and went between two looks
            if not (old is not None and new is not None and _claims_alike(old, new)):
                self._reclaim(claims, old, new)
                self._rehold(old, new, held)
            if not (old is not None and new is not None and _is_due_alike(old, new)):
                self._put_due(old, new)
        self.claims = claims
        for gpus in held:  # after those that let go of them
            self.occupied |= gpus

    def _reclaim(
        self, claims: dict[int, Sorted[Entry]], old: Instance | None, new: Instance | None
    ) -> None:
        """Put the claim of an instance in its place among those on its block."""
        before = None if old is None else entry_of(old)
        entry = None if new is None else entry_of(new)
        if entry == before:
            return
        gone, came = before is not None, entry is not None
        self.count += came - gone
        for gpus in {each.gpus for each in (before, entry) if each is not None}:
            there = claims.get(gpus, _NO_CLAIMS)
            left = there
            if before is not None and before.gpus == gpus:
                left = left.without(before)
            if entry is not None and entry.gpus == gpus:
                left = left.add(entry)
            if left.first is None:
                del claims[gpus]
            else:
                claims[gpus] = left
            if left.first != there.first:
                self._found = None  # who runs has to be found anew

    def _rehold(self, old: Instance | None, new: Instance | None, held: list[int]) -> None:
        """Take note of what an instance holds and stores."""
        if old is not None:
            contract = old.contract
            self.stored_mb -= contract.disk_mb
            if old.holds:
                self.occupied &= ~contract.block.gpu_set
        if new is not None:
            contract = new.contract
            self.stored_mb += contract.disk_mb
            if new.holds:
                held.append(contract.block.gpu_set)
        number, state = contract.id, None if new is None else new.state
        if (state in HOLDS) is not (number in self.holding):
            self.holding = self.holding ^ {number}
        restarts = state is InstanceState.SCHEDULING and new is not None and new.yields
        if restarts is not (number in self.restarting):
            self.restarting = self.restarting ^ {number}

    def _put_due(self, old: Instance | None, new: Instance | None) -> None:
        """Take note of when time alone changes an instance next."""
        before = None if old is None else old.due
        due = None if new is None else new.due
        if due != before:
            if old is not None and before is not None:
                self.dues = self.dues.without((before, old.contract.id))
            if new is not None and due is not None:
                self.dues = self.dues.add((due, new.contract.id))

    @property
    def next_due(self) -> datetime | None:
        """When time alone changes an instance next; ``None`` is never."""
        first = self.dues.first
        return None if first is None else first[0]

    def due_by(self, instances: Mapping[ContractId, Instance], at: datetime) -> list[Instance]:
        """Return the instances that are due at an instant, in the order they were made."""
        due = []
        for when, contract in self.dues:
            if when > at:
                break
            due.append(contract)
        return [instances[contract] for contract in sorted(due)]

    def running(self, floor: PerGpuHour) -> tuple[Entry, ...]:
        """Return the claims that run above a host's floor, the highest priority first."""
        found = self._found
        if found is None or found[0] != floor:
            found = floor, _first((claims.first for claims in self.claims.values()), floor)
            self._found = found
        return found[1]


def _first(heads: Iterable[Entry | None], floor: PerGpuHour) -> tuple[Entry, ...]:
    """Return those of the best claims on each block that run, the highest priority first.

    The floor is for bids: a host's free test runs under any.
    """
    running, taken = [], 0
    least = max(level_of(floor.steps), ON_DEMAND)  # a floor above all bids is above bids alone
    for entry in sorted([head for head in heads if head is not None]):
        if not taken & entry.gpus and (entry.level <= least or entry.level == LAST):
            running.append(entry)
            taken |= entry.gpus
    return tuple(running)


def _claims_alike(old: Instance, new: Instance) -> bool:
    """Return whether an instance claims, holds and stores what it did."""
    return (
        old.state is new.state
        and old.bid is new.bid
        and old.arrival == new.arrival
        and old.contract is new.contract
        and old.rate_changes_begun == new.rate_changes_begun
    )


def _is_due_alike(old: Instance, new: Instance) -> bool:
    """Return whether time alone changes an instance when it did."""
    return (
        old.contract is new.contract
        and old.deposit is new.deposit
        and old.is_over is new.is_over
        and old.rate_changes_begun == new.rate_changes_begun
    )
