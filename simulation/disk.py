"""A log on a real file, whose disk, process and machine fail when the dice say so."""

from __future__ import annotations

import random
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attrs import define, field

from examples.marketplace.sql_log import Row
from examples.marketplace.sqlite_log import SqliteLog
from numgenius_core.market.logs import Checkpoint, Entry

FAULTS = {
    "disk full": 3,
    "disk full for a while": 1,
    "answer of the disk lost": 3,
    "answer of the disk lost, and nobody can look": 2,
    "killed before the commit": 3,
    "killed after the commit": 3,
    "machine lost in the commit": 2,
    "machine lost after the commit": 2,
    "another writer in between": 12,
}
"""What may happen to a transaction, and how often beside the others."""
CALM = 150  # transactions without a fault, beside those


class Killed(BaseException):
    """A process has ended, as by ``kill -9``: nothing after it is carried out."""


@define
class Faults:
    """What goes wrong, and what went wrong: one for all workers on a file.

    Attributes:
        path: The file.
        dice: Decides.
        seen: How often each fault came.
        full: For how many transactions more the disk is full.
        calm: Whether nothing goes wrong any more.
        meanwhile: Lets somebody else write.
        left: What is on the disk, if the machine was lost with all workers.
        durable: Whether the log waits for the disk.
        synced: How much of the file's changes the disk has confirmed.
    """

    path: Path
    dice: random.Random
    seen: Counter[str] = field(factory=Counter)
    full: int = 0
    calm: bool = False
    meanwhile: Callable[[], None] = lambda: None
    left: tuple[bytes, bytes] | None = None
    durable: bool = True
    synced: int = 0

    def next(self) -> str:
        """Return what happens to the next transaction: a fault, or nothing."""
        if self.calm:
            return ""
        if self.full:
            self.full -= 1
            return "disk full"
        names = [*FAULTS, ""]
        (name,) = self.dice.choices(names, [*FAULTS.values(), CALM])
        if name:
            self.seen[name] += 1
        if name == "disk full for a while":
            self.full = self.dice.randint(2, 9)
            return "disk full"
        return name

    @property
    def changes(self) -> Path:
        """The file's log of changes, which SQLite keeps beside it."""
        return self.path.with_name(f"{self.path.name}-wal")

    def size(self) -> int:
        """Return how long the file's log of changes is."""
        return self.changes.stat().st_size if self.changes.exists() else 0

    def lose_machine(self, before: int, *, committed: bool) -> None:
        """Note what is on the disk after the machine was lost, in a commit or after it.

        What the disk has confirmed is there; of what came after, as much as was written by then.
        """
        after = self.size()
        if committed and self.durable:
            first = after
        else:
            first = min(self.synced if not self.durable else before, after)
        cut = self.dice.randint(first, after) if first <= after else after
        changes = self.changes.read_bytes()[:cut] if self.changes.exists() else b""
        self.left = (self.path.read_bytes(), changes)

    def restore(self) -> None:
        """Put on the disk what was left of it; all processes have ended."""
        assert self.left is not None
        content, changes = self.left
        self.left = None
        self.path.with_name(f"{self.path.name}-shm").unlink(missing_ok=True)
        self.path.write_bytes(content)
        self.changes.write_bytes(changes)


class BrokenLog(SqliteLog):
    """A log as the service has it, until a fault comes."""

    def __init__(self, path: str, faults: Faults, *, durable: bool = True) -> None:
        self._faults, self._armed, self._blind = faults, False, False
        super().__init__(path, durable=durable)

    def append(self, expected: int, entries: Sequence[Entry]) -> None:
        """Keep what happened, unless something goes wrong."""
        self._armed = True
        try:
            super().append(expected, entries)
        finally:
            self._armed = False

    def keep(self, checkpoint: Checkpoint) -> None:
        """Keep a checkpoint, unless something goes wrong."""
        self._armed = True
        try:
            super().keep(checkpoint)
        finally:
            self._armed = self._blind = False  # nothing is told that depends on a look

    def rows(self, statement: str, values: Sequence[Any] = ()) -> Iterator[Row]:
        """Run a statement and return its rows, unless nobody can look this once."""
        if self._blind:
            self._blind = False
            raise sqlite3.OperationalError("disk I/O error")
        return super().rows(statement, values)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit at the end, unless something goes wrong."""
        fault = self._faults.next() if self._armed else ""
        self._armed = False  # one fault a transaction, and none while it is looked into
        if fault == "another writer in between":
            self._faults.meanwhile()
        if fault == "disk full":
            raise sqlite3.OperationalError("database or disk is full")
        before = self._faults.size()
        with super().transaction():
            yield
            if fault == "killed before the commit":
                raise Killed
        if fault == "machine lost in the commit":
            self._faults.lose_machine(before, committed=False)
            raise Killed
        if fault == "machine lost after the commit":
            self._faults.lose_machine(before, committed=True)
            raise Killed
        if self._faults.durable:
            self._faults.synced = self._faults.size()
        if fault == "killed after the commit":
            raise Killed
        if fault.startswith("answer of the disk lost"):
            self._blind = fault.endswith("look")
            raise sqlite3.OperationalError("disk I/O error")
