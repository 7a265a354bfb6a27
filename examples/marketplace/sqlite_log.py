"""A log in a file of SQLite, which comes with Python: one machine, as many processes as it has."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from examples.marketplace.sql_log import Row, SqlLog, row_of_text
from numgenius_core.market import Market, views

WAIT: Final = 30.0  # seconds that a writer waits for another one


class SqliteLog(SqlLog):
    """A log in a file.

    Args:
        path: The file; it is made if need be.
        durable: Whether the disk has to confirm each transaction.

    Raises:
        sqlite3.Error: The file cannot be opened, or is no database.
        ParseError: Its tables are of a later version.
    """

    errors = sqlite3.Error

    def __init__(self, path: str, *, durable: bool = True) -> None:
        super().__init__()
        self._file = sqlite3.connect(
            path, timeout=WAIT, isolation_level=None, check_same_thread=False
        )
        try:
            self._file.execute("PRAGMA journal_mode=WAL")
            self._file.execute(f"PRAGMA synchronous={'FULL' if durable else 'OFF'}")
            with self.transaction():
                self._migrate()
                self.make_tables()
        except BaseException:
            self._file.close()
            raise

    def rows(self, statement: str, values: Sequence[Any] = ()) -> Iterator[Row]:
        """Run a statement and return its rows."""
        return self._file.execute(statement, values)

    def run(self, statement: str) -> None:
        """Run a statement."""
        self._file.execute(statement)

    def insert(self, statement: str, rows: Iterable[Row]) -> None:
        """Run a statement for each of many rows."""
        self._file.executemany(statement, rows)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit at the end, or undo everything when it is left by an error.

        The disk may fail once it has confirmed: then it is committed all the same, and no error.
        """
        if self._file.in_transaction:  # the last one failed, and so did undoing it
            self._file.execute("ROLLBACK")
        self._file.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._file.execute("COMMIT")
        except BaseException:
            if self._file.in_transaction:
                self._file.execute("ROLLBACK")
            raise

    def backup(self, path: str) -> None:
        """Copy the log to another file while it is in use; the copy is whole."""
        with sqlite3.connect(path) as copy:
            self._file.backup(copy)
        copy.close()

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def _migrate(self) -> None:
        """Bring the tables of version 1 up to date: events had neither kind nor account."""
        columns = [row[1] for row in self._file.execute("PRAGMA table_info(events)")]
        if "command" not in columns:
            return
        self._file.execute("ALTER TABLE events RENAME TO events_before")
        self._file.execute("DROP TABLE IF EXISTS outbox")
        self.make_tables()
        old = self._file.execute("SELECT number, event FROM events_before ORDER BY number")
        self._file.executemany(
            "INSERT INTO events VALUES (?, ?, ?, ?)", (row_of_text(*each) for each in old)
        )
        self._file.execute("DROP TABLE events_before")
        events = list(self.numbered())
        numbers = {id(event): number for number, event in events}
        told = views.notifications(Market(), [event for _, event in events])
        rows = ((each.recipient, numbers[id(each.event)]) for each in told)
        self._file.executemany("INSERT INTO outbox VALUES (?, ?)", rows)
        there = {row[0] for row in self._file.execute("SELECT name FROM sqlite_master")}
        for before, now in (("snapshots", "checkpoints"), ("archive", "instances")):
            if before in there:
                self._file.execute(f"INSERT INTO {now} SELECT * FROM {before}")
                self._file.execute(f"DROP TABLE {before}")
