"""When a machine is taken: the end of its last client contract, and who holds which GPU when.

Rule (hosting guide, G4): the client end date of a machine is the latest end among its client
contracts.

Our readings: an end is the one that the contract has now. A rolling end, a later listing and a
price increase that is accepted move it on. A contract says what was agreed, not what happened: it
has its end also when its client has stopped or destroyed its instance. What happened is in the
history of the instance. A host's free test (G10) holds nothing: it stands below every bid.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import pairwise
from typing import Final, Protocol

from numgenius_core._checks import MAX_GPUS, as_tuple, check_kind
from numgenius_core._numbers import whole_number
from numgenius_core.contracts.contract import Contract, check_contracts
from numgenius_core.contracts.life import InstanceState
from numgenius_core.errors import RuleViolation, WrongType, shown
from numgenius_core.ids import ContractId
from numgenius_core.intervals import Interval
from numgenius_core.listing import Mode

_HOLDING: Final = frozenset({InstanceState.LOADING, InstanceState.RUNNING})
_ASK_HISTORIES: Final = " (a history tells of a contract that was stopped or destroyed)"
_Times = list[tuple[datetime, datetime | None]]
"""Starts and ends, in order; no end is ``None``."""


class _Lived(Protocol):
    """What happened to the instance of a contract: a ``billing.History``, of a later room."""

    @property
    def contract(self) -> Contract:
        """What was agreed."""

    def states(self) -> Iterator[tuple[datetime, InstanceState]]:
        """Yield each state of the instance with the instant it begins."""


def client_end(contracts: Iterable[Contract]) -> datetime | None:
    """Return the latest end among a machine's client contracts (G4).

    The host's own tests do not count. A contract counts until its end also when its instance was
    destroyed before: leave such out.

    Returns:
        ``None`` if a contract never ends.

    Raises:
        RuleViolation: There is no client contract.

    >>> from datetime import UTC, datetime
    >>> from numgenius_core import Block, Listing, Machine, PerGpuHour, PriceTerms, agree
    >>> from numgenius_core.contracts import client_end
    >>> machine = Machine(id=1, host="hanna", gpu_name="A100", gpus=4)
    >>> listing = Listing(
    ...     machine=machine,
    ...     prices=PriceTerms(gpu=PerGpuHour("2.00")),
    ...     end=datetime(2026, 3, 31, tzinfo=UTC),
    ... )
    >>> start = datetime(2026, 1, 5, tzinfo=UTC)
    >>> contract = agree(listing, Block(start=0, size=2), id=7, client="anna", at=start)
    >>> test = agree(listing, Block(start=2, size=2), id=8, client="hanna", at=start)
    >>> print(client_end([contract, test]).date())
    2026-03-31
    """
    ends = [contract.end for contract in check_contracts(contracts) if not contract.is_free_test]
    if not ends:
        raise RuleViolation("contracts", "at least one client contract", "none")
    known = [end for end in ends if end is not None]
    return max(known) if len(known) == len(ends) else None


def occupancy(
    contracts: Iterable[Contract | _Lived], gpus: int, period: Interval
) -> tuple[tuple[tuple[Interval, ContractId], ...], ...]:
    """Return, for each slot, which contract holds its GPU when within ``period``.

    Only on-demand and reserved contracts of clients hold GPUs; interruptibles and a host's free
    tests use what is left. A contract holds them as agreed, from its start to its end. With the
    history of its instance it holds them while the instance loads or runs: one that was stopped or
    destroyed has released them. After its last fact a history goes on as agreed. A contract that
    was moved to other GPUs (defragmentation) counts as if it had always been there.

    Args:
        contracts: Of one machine: contracts, or histories of their instances
            (:class:`numgenius_core.billing.History`), such as ``instance.history`` of each instance
            of a market's machine, ``machine.in_order()``.
        gpus: GPUs of the machine.
        period: What to look at.

    Returns:
        For each slot, ``(interval, contract)`` in order of time, free time left out.

    Raises:
        RuleViolation: A contract outside the machine, or two that hold one GPU at once. Contracts
            say so also of one whose instance was stopped or destroyed before the other began:
            then give the histories.

    >>> from datetime import UTC, datetime
    >>> from numgenius_core import Block, Interval, Listing, Machine, PerGpuHour, PriceTerms, agree
    >>> from numgenius_core.contracts import occupancy
    >>> machine = Machine(id=1, host="hanna", gpu_name="A100", gpus=4)
    >>> listing = Listing(
    ...     machine=machine,
    ...     prices=PriceTerms(gpu=PerGpuHour("2.00")),
    ...     end=datetime(2026, 3, 31, tzinfo=UTC),
    ... )
    >>> start = datetime(2026, 1, 5, tzinfo=UTC)
    >>> contract = agree(listing, Block(start=0, size=2), id=7, client="anna", at=start)
    >>> spring = Interval(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=UTC))
    >>> for slot, held in enumerate(occupancy([contract], 4, spring)):
    ...     print(slot, *(f"contract {who}: {when}" for when, who in held))
    0 contract 7: 2026-03-01 00:00:00 … 2026-03-31 00:00:00 UTC
    1 contract 7: 2026-03-01 00:00:00 … 2026-03-31 00:00:00 UTC
    2
    3
    """
    gpus = whole_number(gpus, "gpus", 1, MAX_GPUS)
    rows: list[list[tuple[Interval, ContractId]]] = [[] for _ in range(gpus)]
    check_kind(period, Interval, "period")
    held = [
        (seen.start, contract.id, seen, contract)
        for contract, times in _agreed_or_lived(contracts, gpus)
        if contract.mode is not Mode.INTERRUPTIBLE and not contract.is_free_test
        for start, end in times
        if (seen := _within(start, end, period)) is not None
    ]
    for _, number, seen, contract in sorted(held, key=lambda each: each[:2]):
        for slot in contract.block.slots:
            row = rows[slot]
            if row and row[-1][0].end > seen.start:
                need = f"slot {slot} free of contract {row[-1][1]}{_ASK_HISTORIES}"
                raise RuleViolation(f"contract {number}", need, str(seen))
            row.append((seen, number))
    return tuple(map(tuple, rows))


def _agreed_or_lived(
    given: Iterable[Contract | _Lived], gpus: int
) -> Iterator[tuple[Contract, _Times]]:
    """Yield each contract with the times in which it holds its GPUs; ``None`` is without end."""
    known = as_tuple(given, "contracts")
    contracts = []
    for index, each in enumerate(known):
        contract = each if type(each) is Contract else getattr(each, "contract", None)
        if type(contract) is not Contract or not (contract is each or hasattr(each, "states")):
            need = "a Contract or the History of its instance"
            raise WrongType(f"contracts[{index}]", need, shown(each))
        contracts.append(contract)
    for each, contract in zip(known, check_contracts(contracts), strict=True):
        if contract.block.end > gpus:
            need = f"slots below {gpus}"
            raise RuleViolation(f"contract {contract.id}", need, str(contract.block))
        agreed: _Times = [(contract.start, contract.end)]
        yield contract, agreed if isinstance(each, Contract) else _lived(each)


def _lived(history: _Lived) -> _Times:
    """Return the times in which an instance held its GPUs, by what happened to it."""
    states = [(at, state in _HOLDING) for at, state in history.states()]
    turns = [states[0], *(now for before, now in pairwise(states) if before[1] is not now[1])]
    ends = [*(at for at, _ in turns[1:]), None]
    return [(at, end) for (at, holds), end in zip(turns, ends, strict=True) if holds and at != end]


def _within(start: datetime, end: datetime | None, period: Interval) -> Interval | None:
    """Return a time as far as it lies within a period."""
    start = max(start, period.start)
    end = period.end if end is None else min(end, period.end)
    return Interval(start, end) if start < end else None
