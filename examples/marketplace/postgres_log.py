"""A log in PostgreSQL (``psycopg`` 3): as many workers as you like serve one market."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import psycopg
from psycopg.errors import UniqueViolation

from examples.marketplace.sql_log import Row, SqlLog
from numgenius_core.errors import Conflict
from numgenius_core.market.logs import Entry

LOCK: Final = 0x6E67_6C6F_67  # a number that no other application of this database uses


class PostgresLog(SqlLog):
    """A log in a database; each worker has its own connection.

    Writers take turns by an advisory lock, so that they seldom decide for nothing; what keeps the
    market right is the key of ``events``, whether anybody takes turns or not. A connection that is
    lost is made again with the next use, and its turn ends with it.

    Args:
        where: What ``psycopg`` connects to, such as ``postgresql:///market``.
        durable: Whether the disk has to confirm each transaction.

    Raises:
        psycopg.Error: Nobody is there, or lets us in.
        ParseError: Its tables are of a later version.
    """

    errors = psycopg.Error

    def __init__(self, where: str, *, durable: bool = True) -> None:
        super().__init__()
        self._where, self._durable = where, durable
        self._made: psycopg.Connection[Row] | None = None
        try:
            with self.turn(), self.transaction():  # two that begin at once make the tables once
                self.make_tables()
        except BaseException:
            self.close()
            raise

    @property
    def _connection(self) -> psycopg.Connection[Row]:
        if self._made is None or self._made.closed:
            self._made = psycopg.connect(self._where, autocommit=True)
            self._made.execute(f"SET synchronous_commit = {'on' if self._durable else 'off'}")
        return self._made

    def rows(self, statement: str, values: Sequence[Any] = ()) -> Iterator[Row]:
        """Run a statement and return its rows."""
        return iter(self._connection.execute(_with_marks(statement), values))

    def run(self, statement: str) -> None:
        """Run a statement."""
        self._connection.execute(_with_marks(statement))

    def insert(self, statement: str, rows: Iterable[Row]) -> None:
        """Run a statement for each of many rows."""
        with self._connection.cursor() as cursor:
            cursor.executemany(_with_marks(statement), list(rows))

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit at the end, or undo everything when it is left by an error."""
        with self._connection.transaction():
            yield

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait until no other writer has a turn."""
        connection = self._connection
        connection.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
        try:
            yield
        finally:
            if not connection.closed:
                connection.execute("SELECT pg_advisory_unlock(%s)", (LOCK,))

    def append(self, expected: int, entries: Sequence[Entry]) -> None:
        """Keep what happened, all of it or nothing."""
        try:
            super().append(expected, entries)
        except UniqueViolation:  # somebody who took no turn was faster
            raise Conflict(expected, self.version) from None

    def close(self) -> None:
        """Let go of the connection."""
        if self._made is not None:
            self._made.close()


def _with_marks(statement: str) -> Any:
    return statement.replace("?", "%s")
