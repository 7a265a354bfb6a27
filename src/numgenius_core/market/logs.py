"""Logs of events that several writers share, and the loop in which each of them decides.

A log keeps events in order and takes more only from a writer who has seen all that there are:
``append`` names how many the writer knows, and a writer who is behind is refused with
:class:`~numgenius_core.errors.Conflict`, catches up and decides again. So no two writers sell one
GPU, whatever they know (optimistic concurrency, as event stores have it).

A *command id*, chosen by whoever asks, makes a request that is repeated give its first answer and
happen once, also where the answer was lost, the writer was killed after it had stored it, or two
writers are asked at once: a log takes no id a second time (``Conflict``, too). A
refusal is no answer to keep: nothing has happened, and the same request may be right later.

The library has no disk and no network: :class:`MemoryLog` is here, and the example service has
logs on SQLite and PostgreSQL to copy.

>>> from datetime import UTC, datetime
>>> from numgenius_core import Money
>>> from numgenius_core.market import commands as do
>>> from numgenius_core.market.logs import MemoryLog, Writer
>>> log, at = MemoryLog(), datetime(2026, 1, 1, tzinfo=UTC)
>>> one, two = Writer(log), Writer(log)
>>> paid = one.execute(do.AddCredit(account="ann", amount=Money(10)), at=at, command_id="order 7")
>>> again = two.execute(do.AddCredit(account="ann", amount=Money(10)), at=at, command_id="order 7")
>>> again == paid, str(two.market.credited)
(True, '10.00')
"""

from __future__ import annotations

from numgenius_core.market._logs import Checkpoint, Entry, Log, MemoryLog, Reply
from numgenius_core.market._writer import Later, Reaction, Telling, Transaction, Writer

__all__ = [
    "Checkpoint",
    "Entry",
    "Later",
    "Log",
    "MemoryLog",
    "Reaction",
    "Reply",
    "Telling",
    "Transaction",
    "Writer",
]


def __dir__() -> list[str]:
    """Return what there is to use."""
    return sorted(__all__)
