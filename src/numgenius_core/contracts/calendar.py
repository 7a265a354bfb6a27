"""When a machine is taken: the end of its last client contract, and who holds which GPU when.

Rule (hosting guide, G4): the client end date of a machine is the latest end among its client
contracts.

Our reading: an end is the one that the contract has now. A rolling end, a later listing and a price
increase that is accepted move it on.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from numgenius_core._checks import MAX_GPUS, check_kind
from numgenius_core._numbers import whole_number
from numgenius_core.contracts.contract import Contract, check_contracts
from numgenius_core.errors import RuleViolation
from numgenius_core.ids import ContractId
from numgenius_core.intervals import Interval
from numgenius_core.listing import Mode


def client_end(contracts: Iterable[Contract]) -> datetime | None:
    """Return the latest end among a machine's client contracts (G4).

    The host's own tests do not count.

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
    contracts: Iterable[Contract], gpus: int, period: Interval
) -> tuple[tuple[tuple[Interval, ContractId], ...], ...]:
    """Return, for each slot, which contract holds its GPU when within ``period``.

    Only on-demand and reserved contracts hold GPUs; interruptibles use what is left.

    Args:
        contracts: Of one machine.
        gpus: GPUs of the machine.
        period: What to look at.

    Returns:
        For each slot, ``(interval, contract)`` in order of time, free time left out.

    Raises:
        RuleViolation: A contract outside the machine, or two that hold one GPU at once.

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
    for contract in sorted(check_contracts(contracts), key=lambda c: (c.start, c.id)):
        if contract.block.end > gpus:
            need = f"slots below {gpus}"
            raise RuleViolation(f"contract {contract.id}", need, str(contract.block))
        seen = _within(contract, period)
        if seen is None or contract.mode is Mode.INTERRUPTIBLE:
            continue
        for slot in contract.block.slots:
            row = rows[slot]
            if row and row[-1][0].end > seen.start:
                need = f"slot {slot} free of contract {row[-1][1]}"
                raise RuleViolation(f"contract {contract.id}", need, str(seen))
            row.append((seen, contract.id))
    return tuple(map(tuple, rows))


def _within(contract: Contract, period: Interval) -> Interval | None:
    """Return when within ``period`` a contract is in force."""
    start = max(contract.start, period.start)
    end = period.end if contract.end is None else min(contract.end, period.end)
    return Interval(start, end) if start < end else None
