"""What a machine looks up instead of walking through its instances.

All of it follows from the instances: who holds GPUs on demand, how much disk is used, which claim
of each block comes first, and when time alone changes an instance next. It is kept up to date
instance by instance, so a command costs the same whether a machine has ten instances or thousands.

Who runs. Claims on the same GPUs exclude each other, so of all claims on one block only the best
can run: its *head*. One greedy pass over the heads, the highest priority first, tells who runs:
what :func:`numgenius_core.bids.resolve` says of all claims, without a look at those that cannot.
A host's free tests have heads of their own: one runs under any floor, also behind a bid on the same
block that is under the floor and does not.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Mapping, Set
from datetime import datetime
from fractions import Fraction
from operator import itemgetter
from typing import Final

from numgenius_core.ids import ContractId
from numgenius_core.market._persistent import Sorted
from numgenius_core.market.instance import (
    CLAIMS,
    HOLDS,
    LAST,
    ON_DEMAND,
    OVER,
    SCHEDULING,
    Entry,
    Instance,
    entry_of,
    level_of,
)
from numgenius_core.rates import PerGpuHour

_Found = tuple[PerGpuHour, tuple[Entry, ...], frozenset[ContractId]]
"""A floor, which claims run above it, the highest priority first, and whose they are."""
_NO_CLAIMS: Final[Sorted[Entry]] = Sorted()
_CONTRACT: Final[Callable[[Entry], ContractId]] = itemgetter(2)


class MachineIndex:
    """What is looked up of a machine; see the module.

    Attributes:
        gpus: All GPUs of the machine, as bits.
        occupied: The GPUs that on-demand and reserved instances hold, as bits.
        stored_mb: Disk of all instances, whole MB.
        claims: The claims on each block, by the block's GPUs as bits, the best first; those of
            free tests by the same number below zero.
        heads: The first of each, the highest priority first.
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
        "gpus",
        "heads",
        "holding",
        "occupied",
        "restarting",
        "stored_mb",
    )

    def __init__(self, instances: Iterable[Instance], gpus: int) -> None:
        self.gpus: int = gpus
        self.occupied: int = 0
        self.stored_mb: int = 0
        self.count: int = 0
        # Who runs under which floor, if it is known; it is found when it is asked for.
        self._found: _Found | None = None
        self.claims: dict[int, Sorted[Entry]] = {}
        self.heads: list[Entry] = []
        self.holding: set[ContractId] = set()
        self.restarting: set[ContractId] = set()
        self.dues: Sorted[tuple[datetime, ContractId]] = Sorted()
        for each in instances:
            self.put(None, each)

    def copy(self) -> MachineIndex:
        """Return an index of its own with the same in it."""
        index: MachineIndex = object.__new__(MachineIndex)
        index.gpus, index.occupied = self.gpus, self.occupied
        index.stored_mb, index.count = self.stored_mb, self.count
        index.claims, index.heads = self.claims.copy(), self.heads.copy()
        index.holding, index.restarting = self.holding.copy(), self.restarting.copy()
        index.dues, index._found = self.dues, self._found
        return index

    def put(self, old: Instance | None, new: Instance | None) -> None:
        """Take note of an instance that changed; an index that a machine has is copied first.

        Args:
            old: As it was; ``None`` if it was not there.
            new: As it is; ``None`` if it is there no longer.
        """
        if (
            old is None
            or new is None
            or old.contract is not new.contract
            or old.rate_changes_begun != new.rate_changes_begun
        ):
            self._reclaim(old, new)
            self._rehold(old, new)
            self._put_due(old, new)
            return
        moved = old.state is not new.state
        if (
            old.arrival != new.arrival  # as with any other bid
            or (moved and not _stays_in_place(old, new))
        ):
            self._reclaim(old, new)
        if moved:
            self._rehold(old, new)
        if (
            old.deposit is not new.deposit
            or old.promise is not None  # none begins later
            or (moved and new.state in OVER)  # from where nobody comes back
        ):
            self._put_due(old, new)

    def _reclaim(self, old: Instance | None, new: Instance | None) -> None:
        """Put the claim of an instance in its place among those on its block."""
        before = None if old is None else entry_of(old)
        entry = None if new is None else entry_of(new)
        if before is not None and entry is not None and before[3] == entry[3]:
            if before != entry:
                key = _key(entry)
                there = self.claims[key]
                self._put_claims(key, there, there.replaced(before, entry))
            return
        if before is not None:
            self.count -= 1
            key = _key(before)
            there = self.claims[key]
            self._put_claims(key, there, there.without(before))
        if entry is not None:
            self.count += 1
            key = _key(entry)
            there = self.claims.get(key, _NO_CLAIMS)
            self._put_claims(key, there, there.add(entry))

    def _put_claims(self, key: int, there: Sorted[Entry], now: Sorted[Entry]) -> None:
        """Put the claims on a block in their place, and notice if its head is another one."""
        if now.first is None:
            del self.claims[key]
        else:
            self.claims[key] = now
        before, first = there.first, now.first
        if first != before:
            heads = self.heads
            if before is not None:
                del heads[bisect_left(heads, before)]
            if first is not None:
                insort(heads, first)
            self._found = self._found_with(before, first)

    def _found_with(self, before: Entry | None, first: Entry | None) -> _Found | None:
        """Return who runs after the head of a block changed; ``None`` is to be found anew.

        A head that waits is in nobody's way, and neither is one behind it on its block: only one
        that is better may run now. A head that runs and is better, or is overtaken on its block,
        leaves the GPUs of all others as they are; if it is worse or goes, others may run.
        """
        found = self._found
        if found is None:
            return None
        floor, running, runs = found
        rises = first is not None and (before is None or first < before)
        if before is None or before[2] not in runs:
            return found if first is None or not rises or _waits(first, running, floor) else None
        if first is None or not rises:
            return None
        running = tuple(sorted([first if entry == before else entry for entry in running]))
        if first[2] != before[2]:
            runs = runs ^ {before[2], first[2]}
        return floor, running, runs

    def _rehold(self, old: Instance | None, new: Instance | None) -> None:
        """Take note of what an instance holds and stores."""
        if old is not None:
            contract = old.contract
            self.stored_mb -= contract.disk_mb
            if old.bid is None and old.holds:  # no bid holds; most are bids
                self.occupied &= ~contract.block.gpu_set
        holds = restarts = False
        if new is not None:
            contract = new.contract
            self.stored_mb += contract.disk_mb
            holds, restarts = new.state in HOLDS, new.state is SCHEDULING and new.yields
            if new.bid is None and new.holds:
                self.occupied |= contract.block.gpu_set
        (self.holding.add if holds else self.holding.discard)(contract.id)
        (self.restarting.add if restarts else self.restarting.discard)(contract.id)

    def _put_due(self, old: Instance | None, new: Instance | None) -> None:
        """Take note of when time alone changes an instance next."""
        before = None if old is None else old.due
        due = None if new is None else new.due
        if due == before:
            return
        if new is None or due is None:
            assert old is not None
            assert before is not None
            self.dues = self.dues.without((before, old.contract.id))
        elif before is None:
            self.dues = self.dues.add((due, new.contract.id))
        else:
            number = new.contract.id
            self.dues = self.dues.replaced((before, number), (due, number))

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
        return self._run(floor)[1]

    def unsettled(self, floor: PerGpuHour) -> Set[ContractId] | None:
        """Return who holds GPUs, or was started again, and does not run; ``None`` if all is well.

        All is well if those that run above a host's floor are those that have their GPUs.
        """
        runs = self._run(floor)[2]
        if runs == self.holding and not self.restarting:
            return None
        return (self.holding | self.restarting) - runs

    def _run(self, floor: PerGpuHour) -> _Found:
        found = self._found
        if found is None or (found[0] is not floor and found[0] != floor):
            running = _first(self.heads, floor, self.gpus)
            found = self._found = floor, running, frozenset(map(_CONTRACT, running))
        return found


def _key(entry: Entry) -> int:
    """Return the key under which a claim stands among those on its block."""
    level, _, _, gpus = entry
    return -gpus if level == LAST else gpus


def _first(heads: Iterable[Entry], floor: PerGpuHour, gpus: int) -> tuple[Entry, ...]:
    """Return those of the best claims on each block, in their order, that run on GPUs.

    The floor is for bids: a host's free test runs under any.
    """
    running, taken, least = [], 0, _least(floor)
    for entry in heads:
        level, _, _, block = entry
        if not taken & block and (level <= least or level == LAST):
            running.append(entry)
            taken |= block
            if taken == gpus:
                break
    return tuple(running)


def _waits(entry: Entry, running: Iterable[Entry], floor: PerGpuHour) -> bool:
    """Return whether a claim is below the floor, or behind one that runs on GPUs it wants."""
    level, _, _, block = entry
    if level > _least(floor) and level != LAST:
        return True
    for other in running:
        if other > entry:
            break
        if other[3] & block:
            return True
    return False


def _least(floor: PerGpuHour) -> int | Fraction:
    """Return the last level that runs: a floor above all bids is above bids alone."""
    return max(level_of(floor.steps), ON_DEMAND)


def _stays_in_place(old: Instance, new: Instance) -> bool:
    """Return whether an instance in another state has the place in the order that it had.

    What yields keeps its place while it waits; what does not stands behind those that hold.
    """
    return old.bid is not None and new.state in CLAIMS and old.state in CLAIMS
