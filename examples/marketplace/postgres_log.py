"""A log in PostgreSQL (``psycopg`` 3): as many workers as you like serve one market."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final

import psycopg
from psycopg.errors import UniqueViolation

from examples.marketplace.sql_log import InDoubt, Row, SqlLog
from numgenius_core.errors import Conflict, ParseError
from numgenius_core.market.events import Event
from numgenius_core.market.logs import Entry, Reply

LOCK: Final = 0x6E67_6C6F_67  # a number that no other application of this database uses
AT_ONCE: Final = 1_000  # events that are read with the beginning of a turn
# Nobody waits for a turn for ever: a server notices a machine that fell silent within a minute.
SESSION: Final = """SET synchronous_commit = off; SET lock_timeout = '60s';
    SET tcp_keepalives_idle = 15; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3"""
BEGIN_TURN: Final = f"""SELECT pg_advisory_lock({LOCK});
    SELECT number, event FROM events WHERE number >= %s ORDER BY number LIMIT %s"""
END_TURN: Final = f"SELECT pg_advisory_unlock({LOCK})"
CONFIRM: Final = """SET LOCAL synchronous_commit = on;
    SELECT pg_logical_emit_message(true, 'confirm', '')"""
# One statement for all, and one text for many rows: arrays take four times as long to send.
PUT: Final = """
    WITH seen AS (SELECT coalesce(max(number), 0) AS found FROM events),
    happened AS (INSERT INTO events
        SELECT (row->>0)::bigint, row->>1, row->>2, row->>3
        FROM seen, json_array_elements(%(events)s::json) AS row WHERE found = %(expected)s),
    answered AS (INSERT INTO answers
        SELECT row->>0, (row->>1)::bigint, (row->>2)::bigint, row->>3
        FROM seen, json_array_elements(%(answers)s::json) AS row WHERE found = %(expected)s),
    told AS (INSERT INTO outbox
        SELECT row->>0, (row->>1)::bigint
        FROM seen, json_array_elements(%(told)s::json) AS row WHERE found = %(expected)s)
    SELECT found FROM seen"""


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
        ParseError: Its tables are of a later version, or its encoding is not UTF8.
    """

    errors = psycopg.Error

    def __init__(self, where: str, *, durable: bool = True) -> None:
        super().__init__()
        self._where, self._durable = where, durable
        self._made: psycopg.Connection[Row] | None = None
        self._connections = 0
        self._unconfirmed = self._appended = False
        self._seen = 0  # the number of the last event that was read or appended
        self._news: list[Row] | None = None  # the events from there on, when this turn began
        try:
            self._check_encoding()
            with self.transaction():
                self.run(f"SELECT pg_advisory_xact_lock({LOCK})")  # two that begin at once
                self.make_tables()
        except BaseException:
            self.close()
            raise

    @property
    def _connection(self) -> psycopg.Connection[Row]:
        if self._made is None or self._made.closed:
            made = psycopg.connect(self._where, autocommit=True)
            self._connections += 1
            _carried_out(made, SESSION)
            self._made = made
        return self._made

    @property
    def epoch(self) -> int:
        """The number of connections: what one has read, the next may not find."""
        return self._connections

    def _check_encoding(self) -> None:
        """Refuse a database that lacks letters: text with them would fail, and others with it."""
        ((encoding,),) = self.rows("SHOW server_encoding")
        if encoding != "UTF8":
            raise ParseError("database", "the encoding UTF8", encoding)

    def rows(self, statement: str, values: Sequence[Any] = ()) -> Iterator[Row]:
        """Run a statement and return its rows."""
        return iter(self._connection.execute(_with_marks(statement), values))

    def run(self, statement: str) -> None:
        """Run a statement."""
        self._connection.execute(_with_marks(statement))

    def insert(self, statement: str, rows: Iterable[Row]) -> None:
        """Run a statement for each of many rows."""
        if many := list(rows):
            with self._connection.cursor() as cursor:
                cursor.executemany(_with_marks(statement), many)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit at the end, or undo everything when it is left by an error."""
        with self._connection.transaction():
            yield

    @property
    def version(self) -> int:
        """The number of events that are kept."""
        return super().version if self._news is None else self._news[-1][0]

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait until no other writer has a turn.

        It begins with what others have written and ends with the confirmation, each in one go:
        while a writer and the server wait for each other, everybody else waits for the turn.

        Raises:
            InDoubt: What was appended was not confirmed: it is lost if the server crashed.
        """
        self._appended = False
        connection = self._connection
        try:
            found = connection.execute(BEGIN_TURN % (self._seen, AT_ONCE))
            found.nextset()
            news = found.fetchall()
            if 0 < len(news) < AT_ONCE:
                self._news = news
            yield
        except BaseException:
            self._news = None
            if not connection.closed:
                with suppress(self.errors):
                    _carried_out(connection, END_TURN)
            raise
        self._news = None
        try:
            self.end_turn(connection, confirmed=self._unconfirmed and self._durable)
        except self.errors as fault:
            if self._appended:
                raise InDoubt(f"{fault}") from fault
            raise

    def end_turn(self, connection: psycopg.Connection[Row], *, confirmed: bool) -> None:
        """Let the next writer begin; then wait for the disk, if need be."""
        _carried_out(connection, f"{END_TURN}; {CONFIRM}" if confirmed else END_TURN)
        self._unconfirmed = False

    def confirm(self) -> None:
        """Wait until the disk has all that was appended: the least that is written waits for it."""
        self.run(CONFIRM)
        self._unconfirmed = False

    def read(self, after: int = 0) -> Iterator[Event]:
        """Yield all events after a number of them, in order; the turn confirms them too."""
        self._unconfirmed = True
        for number, event in self.numbered(after):
            self._seen = number
            yield event

    def rows_after(self, after: int) -> Iterable[Row]:
        """Return the rows of all events after a number of them, out of the turn's where it can."""
        if self._news is None or self._news[0][0] > after + 1:
            return super().rows_after(after)
        return [row for row in self._news if row[0] > after]

    def reply(self, command_id: str) -> Reply | None:
        """Return what a request with this id led to; the turn confirms it, too."""
        self._unconfirmed = True
        return super().reply(command_id)

    def append(self, expected: int, entries: Sequence[Entry]) -> None:
        """Keep what happened, all of it or nothing."""
        self._unconfirmed = True
        super().append(expected, entries)
        self._appended = True

    def put(
        self, expected: int, events: Sequence[Row], answers: Sequence[Row], told: Sequence[Row]
    ) -> None:
        """Keep rows of three tables, all of them or none, in one statement."""
        rows = {"events": events, "answers": answers, "told": told}
        values = {table: json.dumps(each) for table, each in rows.items()}
        self._news = None
        try:
            ((found,),) = self._connection.execute(PUT, {**values, "expected": expected})
        except UniqueViolation:
            # Somebody who took no turn was faster, by an event or by the answer to one of the ids.
            found, known = self.version, self.known_of(answers)
            if found == expected and known is None:
                raise
            raise Conflict(expected, found, known if found == expected else None) from None
        if found != expected:
            raise Conflict(expected, found)
        self._seen = expected + len(events)

    def close(self) -> None:
        """Let go of the connection."""
        if self._made is not None:
            self._made.close()


def _carried_out(connection: psycopg.Connection[Row], statement: str) -> None:
    """Run a statement without which a connection is of no use: it would keep the lock, say."""
    try:
        connection.execute(_with_marks(statement))
    except BaseException:
        connection.close()
        raise


def _with_marks(statement: str) -> Any:
    return statement.replace("?", "%s")
