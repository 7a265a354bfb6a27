"""A log in a database of SQL: what SQLite and PostgreSQL have in common.

Events are numbered from 1 without gaps, and the number is the table's key: of two writers who
decide on the same market one finds his numbers taken, and that is the conflict. What pages ask for
later is found by index: events by kind and account, who must be told (``outbox``), what a request
was answered (``answers``), instances and volumes that are gone.
"""

from __future__ import annotations

import json
import logging
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from itertools import islice
from typing import Any, ClassVar, Final, TypeVar

from numgenius_core.documents import from_json, to_json
from numgenius_core.errors import Conflict, NumgeniusError, ParseError
from numgenius_core.ids import AccountId, ContractId, VolumeId
from numgenius_core.market import Instance, RentedVolume
from numgenius_core.market.events import Event
from numgenius_core.market.journal import (
    event_from_json,
    event_to_json,
    market_from_json,
    market_to_json,
)
from numgenius_core.market.logs import Checkpoint, Entry, Log, Reply

AnyEvent = TypeVar("AnyEvent", bound=Event)

log = logging.getLogger("marketplace")

SCHEMA: Final = 2
"""What the tables are like; 1 had neither kinds nor answers, and is brought up to date."""
TABLES: Final = (
    """CREATE TABLE IF NOT EXISTS events (
    number BIGINT PRIMARY KEY, kind TEXT NOT NULL, account TEXT, event TEXT NOT NULL)""",
    "CREATE INDEX IF NOT EXISTS events_of_kind ON events (kind, number)",
    "CREATE INDEX IF NOT EXISTS events_of_account ON events (account, kind, number)",
    """CREATE TABLE IF NOT EXISTS answers (
    command_id TEXT PRIMARY KEY, first BIGINT NOT NULL, many BIGINT NOT NULL, reply TEXT)""",
    """CREATE TABLE IF NOT EXISTS outbox (
    recipient TEXT, number BIGINT, PRIMARY KEY (recipient, number))""",
    "CREATE TABLE IF NOT EXISTS checkpoints (number BIGINT PRIMARY KEY, market TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS instances (contract BIGINT PRIMARY KEY, instance TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS volumes (volume BIGINT PRIMARY KEY, rented TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, value BIGINT NOT NULL)",
)
KEPT_CHECKPOINTS: Final = 2  # the latest, and the one before it should it be damaged

Row = tuple[Any, ...]


class InDoubt(Exception):
    """A log failed, and nobody can see whether it has kept what it was given."""


class SqlLog(Log):
    """A log on a connection; one thread uses it at a time.

    Deriving classes say how a statement is run, and what a transaction is. Statements have ``?``
    where a value goes in.
    """

    errors: ClassVar[type[Exception]]
    """What the database raises."""

    def __init__(self) -> None:
        # How many instances and volumes this log has already kept, and in which epoch.
        self._gone, self._gone_in = [0, 0], 0

    @abstractmethod
    def run(self, statement: str) -> None:
        """Run a statement."""

    @abstractmethod
    def rows(self, statement: str, values: Sequence[Any] = ()) -> Iterator[Row]:
        """Run a statement and return its rows."""

    @abstractmethod
    def insert(self, statement: str, rows: Iterable[Row]) -> None:
        """Run a statement for each of many rows."""

    @abstractmethod
    def transaction(self) -> AbstractContextManager[object]:
        """Return what commits at its end, or undoes everything when it is left by an error."""

    def confirm(self) -> None:
        """Return once all that can be read is on the disk; by default it is."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the database."""

    # -- what happened -------------------------------------------------------------------------

    @property
    def version(self) -> int:
        """The number of events that are kept."""
        ((number,),) = self.rows("SELECT max(number) FROM events")
        return number or 0

    def append(self, expected: int, entries: Sequence[Entry]) -> None:
        """Keep what happened, all of it or nothing.

        Raises:
            Conflict: Others have written since, or have answered one of the command ids.
            InDoubt: Nobody can see whether it was kept.
        """
        events: list[Row] = []
        answers: list[Row] = []
        told: list[Row] = []
        number = expected
        for entry in entries:
            numbers = {id(event): n for n, event in enumerate(entry.all, number + 1)}
            events += (_row(n, event) for n, event in enumerate(entry.all, number + 1))
            told += ((each.recipient, numbers[id(each.event)]) for each in entry.notifications)
            if entry.command_id is not None:
                first = number + len(entry.due) + 1
                answers.append((entry.command_id, first, len(entry.events), entry.text))
            number += len(entry.all)
        try:
            self.put(expected, events, answers, told)
        except self.errors:
            # It may have been kept all the same: the disk, or the way to it, can fail after that.
            if not self._is_kept(events, answers):
                raise

    def put(
        self, expected: int, events: Sequence[Row], answers: Sequence[Row], told: Sequence[Row]
    ) -> None:
        """Keep rows of three tables, all of them or none.

        Raises:
            Conflict: Others have written since, or have answered one of the command ids.
        """
        with self.transaction():
            if (found := self.version) != expected:
                raise Conflict(expected, found)
            if (known := self.known_of(answers)) is not None:
                raise Conflict(expected, found, known)
            self.insert("INSERT INTO events VALUES (?, ?, ?, ?)", events)
            self.insert("INSERT INTO answers VALUES (?, ?, ?, ?)", answers)
            self.insert("INSERT INTO outbox VALUES (?, ?)", told)

    def known_of(self, answers: Iterable[Row]) -> str | None:
        """Return the first command id of some answers that is there already, if one is.

        Where nothing happened, no event's number is taken twice: the id alone tells.
        """
        wanted = "SELECT command_id FROM answers WHERE command_id = ?"
        return next((key for each in answers for (key,) in self.rows(wanted, each[:1])), None)

    def _is_kept(self, events: Sequence[Row], answers: Sequence[Row]) -> bool:
        """Return whether something is there after an error.

        Where nobody can see it, nothing is undone later either: others may have built on it.
        """
        try:
            with self.turn():  # whoever was writing it has ended by now
                if events:
                    wanted = "SELECT number, kind, account, event FROM events WHERE number = ?"
                    return [*self.rows(wanted, events[-1][:1])] == events[-1:]
                wanted = "SELECT command_id, first, many, reply FROM answers WHERE command_id = ?"
                return [*self.rows(wanted, answers[-1][:1])] == answers[-1:]
        except self.errors as fault:
            raise InDoubt(f"{fault}") from fault

    def read(self, after: int = 0) -> Iterator[Event]:
        """Yield all events after a number of them, in order."""
        for _, event in self.numbered(after):
            yield event

    def numbered(self, after: int = 0) -> Iterator[tuple[int, Event]]:
        """Yield all events after a number of them, each with its own number.

        Raises:
            ParseError: An event is damaged, or not there; it names the row.
        """
        for place, (number, text) in enumerate(self.rows_after(after), after + 1):
            if number != place:
                raise ParseError(f"events, row {place}", "an event", f"row {number}")
            yield number, event_of(number, text)

    def rows_after(self, after: int) -> Iterable[Row]:
        """Return the rows of all events after a number of them: number and document, in order."""
        wanted = "SELECT number, event FROM events WHERE number > ? ORDER BY number"
        return self.rows(wanted, (after,))

    def happened(
        self, kind: type[AnyEvent], account: AccountId | None = None
    ) -> list[tuple[int, AnyEvent]]:
        """Return the events of a kind, of all accounts or one, each with its number."""
        wanted, values = "SELECT number, event FROM events WHERE kind = ?", [kind.__name__]
        if account is not None:
            wanted, values = f"{wanted} AND account = ?", [*values, account]
        found = self.rows(f"{wanted} ORDER BY number", values)
        events = ((number, event_of(number, text)) for number, text in found)
        return [(number, event) for number, event in events if isinstance(event, kind)]

    def reply(self, command_id: str) -> Reply | None:
        """Return what a request with this id led to; ``None`` if none is known."""
        wanted = "SELECT first, many, reply FROM answers WHERE command_id = ?"
        for first, many, told in self.rows(wanted, (command_id,)):
            events = self.rows(
                "SELECT number, event FROM events WHERE number >= ? AND number < ? ORDER BY number",
                (first, first + many),
            )
            return Reply(tuple(event_of(number, text) for number, text in events), told)
        return None

    def outbox(self, account: AccountId, after: int, most: int) -> list[tuple[int, Event]]:
        """Return what an account must be told after an event, the oldest first."""
        wanted = (
            "SELECT number, event FROM outbox JOIN events USING (number) "
            "WHERE recipient = ? AND number > ? ORDER BY number LIMIT ?"
        )
        found = self.rows(wanted, (account, after, most))
        return [(number, event_of(number, text)) for number, text in found]

    def told(self, kind: type[AnyEvent], account: AccountId) -> list[tuple[int, AnyEvent]]:
        """Return the events of a kind that an account must be told, each with its number."""
        wanted = (
            "SELECT number, event FROM outbox JOIN events USING (number) "
            "WHERE recipient = ? AND kind = ? ORDER BY number"
        )
        found = self.rows(wanted, (account, kind.__name__))
        events = ((number, event_of(number, text)) for number, text in found)
        return [(number, event) for number, event in events if isinstance(event, kind)]

    # -- where a start goes on -----------------------------------------------------------------

    def checkpoint(self) -> Checkpoint | None:
        """Return the latest checkpoint that can be read; ``None`` if there is none.

        The events are what is true, and a checkpoint saves time: one that is damaged is passed
        over, with a line that says so.
        """
        wanted = "SELECT number, market FROM checkpoints ORDER BY number DESC"
        for number, text in list(self.rows(wanted)):
            try:
                return self._checkpoint(text)
            except NumgeniusError as fault:
                log.warning("the checkpoint of %d events is passed over: %s", number, fault)
        return None

    def _checkpoint(self, text: str) -> Checkpoint:
        market = market_from_json(text)
        instances: dict[ContractId, Instance] = {
            each.id: each for each in self._documents("instances", "instance", Instance)
        }
        volumes: dict[VolumeId, RentedVolume] = {
            each.id: each for each in self._documents("volumes", "rented", RentedVolume)
        }
        self._gone, self._gone_in = [len(instances), len(volumes)], self.epoch
        return Checkpoint(market=market, instances=instances, volumes=volumes)

    def _documents(self, table: str, column: str, kind: type[Any]) -> Iterator[Any]:
        for (text,) in self.rows(f"SELECT {column} FROM {table}"):
            yield from_json(text, kind, source=table)

    @property
    def kept(self) -> int:
        """The number of events before the latest checkpoint; 0 if there is none."""
        ((number,),) = self.rows("SELECT max(number) FROM checkpoints")
        return number or 0

    def keep(self, checkpoint: Checkpoint) -> None:
        """Keep a checkpoint; what is gone is written once, and old checkpoints go."""
        archives: tuple[tuple[str, Mapping[int, Any]], ...]
        archives = (("instances", checkpoint.instances), ("volumes", checkpoint.volumes))
        number = checkpoint.market.version
        market = market_to_json(checkpoint.market)
        with self.transaction():
            if self._gone_in != self.epoch:  # the last one may be gone
                self._gone, self._gone_in = [0, 0], self.epoch
            for (table, there), kept in zip(archives, self._gone, strict=True):
                rows = [(key, to_json(each)) for key, each in islice(there.items(), kept, None)]
                self.insert(f"INSERT INTO {table} VALUES (?, ?) ON CONFLICT DO NOTHING", rows)
            self.insert(
                "INSERT INTO checkpoints VALUES (?, ?) ON CONFLICT DO NOTHING", [(number, market)]
            )
            older = "SELECT number FROM checkpoints ORDER BY number DESC LIMIT 1 OFFSET ?"
            for (last,) in list(self.rows(older, (KEPT_CHECKPOINTS,))):
                self.insert("DELETE FROM checkpoints WHERE number <= ?", [(last,)])
        self._gone = [len(checkpoint.instances), len(checkpoint.volumes)]

    # -- the tables ----------------------------------------------------------------------------

    def make_tables(self) -> None:
        """Make the tables where there are none, and note what they are like.

        Raises:
            ParseError: They are of a later version than this one knows.
        """
        for statement in TABLES:
            self.run(statement)
        for (found,) in list(self.rows("SELECT value FROM about WHERE name = 'schema'")):
            if found > SCHEMA:
                need = f"tables of version {SCHEMA} or an earlier one"
                raise ParseError("database", need, f"version {found}")
        self.insert(
            "INSERT INTO about VALUES ('schema', ?) ON CONFLICT (name) DO UPDATE SET value = ?",
            [(SCHEMA, SCHEMA)],
        )


def event_of(number: int, text: str) -> Event:
    """Return the event of a row.

    Raises:
        ParseError: It is damaged; it names the row.
    """
    try:
        return event_from_json(text)
    except NumgeniusError as fault:
        first = str(fault).partition("\n")[0]
        raise ParseError(f"events, row {number}", "an event", first) from fault


def _row(number: int, event: Event) -> Row:
    account: str | None = getattr(event, "account", None)
    return number, type(event).__name__, account, event_to_json(event)


def row_of_text(number: int, text: str) -> Row:
    """Return the row of an event that was stored by itself."""
    said = json.loads(text)
    return number, said["type"], said.get("account"), text
