"""A log in PostgreSQL (``psycopg`` 3): as many workers as you like serve one market."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import psycopg
from psycopg.errors import UniqueViolation

from examples.marketplace.sql_log import InDoubt, Row, SqlLog
from numgenius_core.errors import Conflict
from numgenius_core.market.events import Event
from numgenius_core.market.logs import Entry

LOCK: Final = 0x6E67_6C6F_67  # a number that no other application of this database uses


class PostgresLog(SqlLog):
    """A log in a database; each worker has its own connection.

    Writers take turns by an advisory lock, so that they seldom decide for nothing; what keeps the
    market right is the key of ``events``, whether anybody takes turns or not.

    Within a turn nobody waits for the disk: what is appended is seen by the next writer at once,
    and confirmed by the disk after the turn, for several writers together. The database writes in
    order, so that nothing is confirmed before what it was decided on. A connection that is lost is
    made again with the next use; what it had read may be gone if the server had crashed, so that
    the writer begins anew.

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
        self._connections = 0
        self._unconfirmed = self._appended = False
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
            self._made.execute("SET synchronous_commit = off")
            self._connections += 1
        return self._made

    @property
    def epoch(self) -> int:
        """The number of connections: what one has read, the next may not find."""
        return self._connections

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
        """Wait until no other writer has a turn.

        Raises:
            InDoubt: What was appended was not confirmed: it is lost if the server crashed.
        """
        self._appended = False
        connection = self._connection
        connection.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
        try:
            yield
        finally:
            if not connection.closed:
                connection.execute("SELECT pg_advisory_unlock(%s)", (LOCK,))
        if self._unconfirmed and self._durable:
            try:
                self.confirm()
            except self.errors as fault:
                if self._appended:
                    raise InDoubt(f"{fault}") from fault
                raise

    def confirm(self) -> None:
        """Wait until the disk has all that was appended: the least that is written waits for it."""
        with self._connection.transaction():
            self._connection.execute("SET LOCAL synchronous_commit = on")
            self._connection.execute("SELECT pg_logical_emit_message(true, 'confirm', '')")
        self._unconfirmed = False

    def read(self, after: int = 0) -> Iterator[Event]:
        """Yield all events after a number of them, in order; the turn confirms them too."""
        self._unconfirmed = True
        return super().read(after)

    def append(self, expected: int, entries: Sequence[Entry]) -> None:
        """Keep what happened, all of it or nothing."""
        self._unconfirmed = True
        try:
            super().append(expected, entries)
        except UniqueViolation:  # somebody who took no turn was faster
            raise Conflict(expected, self.version) from None
        self._appended = True

    def close(self) -> None:
        """Let go of the connection."""
        if self._made is not None:
            self._made.close()


def _with_marks(statement: str) -> Any:
    return statement.replace("?", "%s")
