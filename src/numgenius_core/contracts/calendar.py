"""When a machine is taken: the end of its last client contract, and who holds which GPU when.

Rule (hosting guide, G4): the client end date of a machine is the latest end among its client
contracts.
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
    """
    ends = [contract.end for contract in check_contracts(contracts) if not contract.is_free_test]
    if not ends:
        raise RuleViolation("contracts", "at least one client contract", "none")
    known = [end for end in ends if end is not None]
    return max(known) if len(known) == len(ends) else None


def occupancy(
    contracts: Iterable[Contract], gpus: int, period: Interval
) -> tuple[tuple[tuple[Interval, ContractId], ...], ...]:
    """Return, for each GPU position, which contract holds it when within ``period``.

    Only on-demand and reserved contracts hold GPUs; interruptibles use what is left.

    Args:
        contracts: Of one machine.
        gpus: GPUs of the machine.
        period: What to look at.

    Returns:
        For each GPU, ``(interval, contract)`` in order of time, free time left out.

    Raises:
        RuleViolation: A contract outside the machine, or two that hold one GPU at once.
    """
    rows: list[list[tuple[Interval, ContractId]]] = [
        [] for _ in range(whole_number(gpus, "gpus", 1, MAX_GPUS))
    ]
    check_kind(period, Interval, "period")
    for contract in sorted(check_contracts(contracts), key=lambda c: (c.start, c.id)):
        if contract.block.end > gpus:
            need = f"GPU positions below {gpus}"
            raise RuleViolation(f"contract {contract.id}", need, str(contract.block))
        seen = _within(contract, period)
        if seen is None or contract.mode is Mode.INTERRUPTIBLE:
            continue
        for position in contract.block.slots:
            row = rows[position]
            if row and row[-1][0].end > seen.start:
                need = f"GPU {position} free of contract {row[-1][1]}"
                raise RuleViolation(f"contract {contract.id}", need, str(seen))
            row.append((seen, contract.id))
    return tuple(map(tuple, rows))


def _within(contract: Contract, period: Interval) -> Interval | None:
    """Return when within ``period`` a contract is in force."""
    start = max(contract.start, period.start)
    end = period.end if contract.end is None else min(contract.end, period.end)
    return Interval(start, end) if start < end else None
