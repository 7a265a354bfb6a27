"""The market on disk: a table of events that only grows, and the market that they give.

One writer orders the commands. A command is decided on the market in memory at once; its answer
waits until its events are on disk. Whoever gets to the disk first writes for all who wait, in one
transaction, so a busy service commits many commands together and an idle one each alone. Killed at
any instant, it comes back with whole commands only, and with every one it has answered.

What is answered as failed has not happened: when the disk refuses, all that was decided since the
last write is taken back, and everybody who waited for it is told so.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from operator import itemgetter
from typing import Any, Final, TypeVar

from attrs import frozen

from numgenius_core.documents import from_json, to_json
from numgenius_core.ids import AccountId, ContractId, VolumeId
from numgenius_core.intervals import floor_second
from numgenius_core.market import (
    Instance,
    Market,
    RentedVolume,
    Settings,
    evolve,
    execute,
    replay,
    views,
)
from numgenius_core.market.commands import Command, SetSettings, Tick
from numgenius_core.market.events import CreditAdded, CreditTransferred, Event, PayoutInvoiced
from numgenius_core.market.journal import (
    event_from_json,
    event_to_json,
    market_from_json,
    market_to_json,
)

AnyEvent = TypeVar("AnyEvent", bound=Event)

Row = tuple[int, int, str]  # number of the event, number of its command, the event as JSON

Payment = CreditAdded | CreditTransferred | PayoutInvoiced
Told = tuple[int, str]  # number of an event, and an account that must be told of it

Reaction = Callable[[Market, Event], Iterable[Command]]
"""What the service does about an event, as a part of the command that it came from."""

Later = Callable[[Sequence[Event]], Command]
"""A command that is known once those before it have happened: it is made from what they led to."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS events (
    number INTEGER PRIMARY KEY,
    command INTEGER NOT NULL,
    event TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS snapshots (number INTEGER PRIMARY KEY, market TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS archive (contract INTEGER PRIMARY KEY, instance TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS volumes (volume INTEGER PRIMARY KEY, rented TEXT NOT NULL);
"""
OUTBOX: Final = (
    """CREATE TABLE outbox (
        number INTEGER, recipient TEXT, PRIMARY KEY (number, recipient)) WITHOUT ROWID""",
    "CREATE INDEX outbox_of ON outbox (recipient, number)",
)
"""Who must be told of which event: it is written with the events, so it has each of them once."""
SETTINGS: Final = Settings(waiting_on_a_machine=1_000, longest_step=timedelta(days=400))
"""Bids cost nothing while they wait, and a clock may be wrong: what the market takes at most."""
MANY: Final = 1_000  # events that are replayed at each start, rather than kept as a snapshot


@frozen
class Decided:
    """Where the market stands after a command.

    Attributes:
        market: What it is.
        number: Of its last event.
        commands: How many there were.
        opening: What the next decision begins with.
        gone: How many instances and volumes are in the archives.
    """

    market: Market
    number: int
    commands: int
    opening: Command
    gone: tuple[int, int]


def wall_clock() -> datetime:
    """Return the second that has begun: the one place where time comes in."""
    return floor_second(datetime.now(UTC))


def nothing(_market: Market, _event: Event) -> Iterable[Command]:
    """Do nothing about an event."""
    return ()


class Store:
    """A market and the file it lives in.

    Args:
        path: The SQLite file; it is made if need be.
        react: What follows from an event at once.
        clock: What time it is, whole seconds.
        durable: Whether the disk has to confirm each transaction.
        settings: What the market takes at most, from now on.
    """

    def __init__(
        self,
        path: str,
        *,
        react: Reaction = nothing,
        clock: Callable[[], datetime] = wall_clock,
        durable: bool = True,
        settings: Settings = SETTINGS,
    ) -> None:
        self._react, self._clock = react, clock
        self._file = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self.archive: dict[ContractId, Instance] = {}
        self.volumes: dict[VolumeId, RentedVolume] = {}  # those that were deleted
        try:
            market, number, commands = self._begin(durable)
        except BaseException:
            self._file.close()  # somebody else has it, or it is no market
            raise
        opening = self._opening(market, settings)
        self._now = Decided(market, number, commands, opening, self._gone())
        self._kept = self._now
        self._unsaved: list[Row] = []
        self._untold: list[Told] = []
        self._writing: asyncio.Future[None] | None = None
        self._failures = 0

    @property
    def market(self) -> Market:
        """The market with all that has been decided; some of it may not be on disk yet."""
        return self._now.market

    def _opening(self, market: Market, settings: Settings) -> Command:
        """Return what the first decision begins with: its settings, if they are not those kept.

        Nobody was here for as long as the service was down, however long that is.
        """
        silence, longest = max(self._clock(), market.now) - market.now, settings.longest_step
        too_long = market.version and longest is not None and silence > longest
        if too_long or market.settings != settings:
            return SetSettings(settings=settings)
        return Tick()

    def _begin(self, durable: bool) -> tuple[Market, int, int]:
        """Take the file for this process alone; return its market and how many events, commands."""
        self._file.execute("PRAGMA locking_mode=EXCLUSIVE")  # one writer: a second one fails here
        self._file.execute("PRAGMA journal_mode=WAL")
        self._file.execute(f"PRAGMA synchronous={'FULL' if durable else 'OFF'}")
        self._file.executescript(SCHEMA)
        last = self._file.execute("SELECT max(number), max(command) FROM events").fetchone()
        number, commands = last[0] or 0, last[1] or 0
        self._make_outbox()
        return self._restored(number), number, commands

    def _make_outbox(self) -> None:
        """Make the outbox, of a file that was begun without one from all that happened there."""
        there = "SELECT 1 FROM sqlite_master WHERE name = 'outbox'"
        if self._file.execute(there).fetchone():
            return
        with self._file:
            self._file.execute("BEGIN")
            for statement in OUTBOX:
                self._file.execute(statement)
            market = Market()
            for number, event in self.events():
                notices = views.notifications(market, [event])
                rows = [(number, each.recipient) for each in notices]
                self._file.executemany("INSERT INTO outbox VALUES (?, ?)", rows)
                market = evolve(market, event)

    def _restored(self, number: int) -> Market:
        """Return the market that all events give, from the last snapshot on."""
        kept = self._file.execute("SELECT max(number), market FROM snapshots").fetchone()
        market = market_from_json(kept[1]) if kept[0] else Market()
        for _, text in self._file.execute("SELECT * FROM archive"):
            gone = from_json(text, Instance)
            self.archive[gone.id] = gone
        for _, text in self._file.execute("SELECT * FROM volumes"):
            deleted = from_json(text, RentedVolume)
            self.volumes[deleted.id] = deleted
        events = (event for _, event in self.events(kept[0] or 0))
        market = replay(events, market, archive=self.archive, volumes=self.volumes)
        if number - (kept[0] or 0) >= MANY:
            snapshot = (number, market_to_json(market))
            archives: tuple[tuple[str, Mapping[int, Any]], ...]
            archives = (("archive", self.archive), ("volumes", self.volumes))
            with self._file:  # the events before a snapshot are not replayed again
                self._file.execute("BEGIN")
                for table, kept_there in archives:
                    rows = [(key, to_json(each)) for key, each in kept_there.items()]
                    self._file.executemany(f"INSERT OR IGNORE INTO {table} VALUES (?, ?)", rows)
                self._file.execute("INSERT INTO snapshots VALUES (?, ?)", snapshot)
        return market

    def events(self, after: int = 0) -> Iterator[tuple[int, Event]]:
        """Yield all that happened, in order, each event with its number."""
        wanted = "SELECT number, event FROM events WHERE number > ? ORDER BY number"
        for number, text in self._file.execute(wanted, (after,)):
            yield number, event_from_json(text)

    def happened(self, kind: type[AnyEvent]) -> list[tuple[int, AnyEvent]]:
        """Return all that happened of a kind, each with its number: what the market forgets."""
        wanted = "SELECT number, event FROM events WHERE number <= ? AND event LIKE ?"
        name = f'%"type": "{kind.__name__}"%'
        rows = self._file.execute(wanted, (self._kept.number, name))  # a write may be under way
        events = ((n, event_from_json(text)) for n, text in rows)
        return [(n, e) for n, e in events if isinstance(e, kind)]

    def notices(
        self, account: AccountId, after: int, most: int
    ) -> list[tuple[int, views.Notification]]:
        """Return what an account must be told, each with the number of its event, in order.

        Args:
            account: Who is told.
            after: The number of the last event that is known already; 0 is none.
            most: How many at most.
        """
        wanted = (
            "SELECT number, event FROM outbox JOIN events USING (number)"
            " WHERE recipient = ? AND number > ? AND number <= ? ORDER BY number LIMIT ?"
        )
        rows = self._file.execute(wanted, (account, after, self._kept.number, most))
        return [
            (number, views.Notification(recipient=account, event=event_from_json(text)))
            for number, text in rows
        ]

    def payments(self, account: AccountId) -> list[tuple[int, Payment]]:
        """Return what an account paid in, handed on, got and was paid out.

        The market keeps balances, the log everything.
        """
        handed = self.happened(CreditTransferred)
        found: list[tuple[int, Payment]] = [
            *((n, e) for n, e in self.happened(CreditAdded) if e.account == account),
            *((n, e) for n, e in handed if account in (e.account, e.recipient)),
            *((n, e) for n, e in self.happened(PayoutInvoiced) if e.account == account),
        ]
        return sorted(found, key=itemgetter(0))

    def now(self) -> datetime:
        """Return the time, which never goes back."""
        return max(self._clock(), self.market.now)

    def _gone(self) -> tuple[int, int]:
        return len(self.archive), len(self.volumes)

    def decide(self, *commands: Command | Later) -> tuple[Event, ...]:
        """Carry out commands, all of them or none, in memory; :meth:`saved` makes it last.

        Returns:
            What they led to, without what had come due before them.

        Raises:
            NumgeniusError: A command was refused; nothing has changed.
        """
        at, now = self.now(), self._now
        gone: dict[ContractId, Instance] = {}
        deleted: dict[VolumeId, RentedVolume] = {}
        carry_out = partial(execute, at=at, archive=gone, volumes=deleted)
        market, due = carry_out(now.market, now.opening)
        notices = list(views.notifications(now.market, due))
        happened: list[Event] = []
        for wanted in commands:
            command = wanted(happened) if callable(wanted) else wanted
            before, (market, events) = market, carry_out(market, command)
            happened += events
            notices += views.notifications(before, events)
            for reaction in (r for event in events for r in self._react(market, event)):
                before, (market, more) = market, carry_out(market, reaction)
                happened += more
                notices += views.notifications(before, more)
        rows = [
            (number, now.commands + 1, event_to_json(event))
            for number, event in enumerate((*due, *happened), now.number + 1)
        ]
        self._unsaved += rows
        numbers = {id(event): at for event, (at, _, _) in zip((*due, *happened), rows, strict=True)}
        self._untold += [(numbers[id(each.event)], each.recipient) for each in notices]
        self.archive.update(gone)
        self.volumes.update(deleted)
        self._now = Decided(market, now.number + len(rows), now.commands + 1, Tick(), self._gone())
        return tuple(happened)

    async def do(self, *commands: Command | Later) -> tuple[Event, ...]:
        """Carry out commands, all of them or none; return once what happened is on disk."""
        happened = self.decide(*commands)
        await self.saved()
        return happened

    async def seen(self) -> Market:
        """Return the market as it is now, with all that has come due; it is on disk."""
        self.decide()
        market = self.market
        await self.saved()
        return market

    async def saved(self) -> None:
        """Return once all that has been decided so far is on disk.

        Raises:
            sqlite3.Error: The disk refused. All that was decided since the last write is taken
                back: nobody has been told that it happened, and it has not.
        """
        wanted, failures = self._now.number, self._failures
        while self._kept.number < wanted or self._failures != failures:
            if self._failures != failures:
                raise sqlite3.OperationalError("what it was decided on could not be stored")
            if self._writing is None:
                self._writing = asyncio.ensure_future(self._write_all())
            # Whoever asked may hang up meanwhile; the others wait for the same write.
            await asyncio.shield(self._writing)

    async def _write_all(self) -> None:
        rows, told, reached = self._unsaved, self._untold, self._now
        self._unsaved, self._untold = [], []
        try:
            await asyncio.to_thread(self._write, rows, told)
        except sqlite3.Error:
            if not self._is_there(rows[-1]):
                self._take_back()
                raise
        finally:
            self._writing = None
        self._kept = reached

    def _write(self, rows: list[Row], told: list[Told]) -> None:
        if self._file.in_transaction:  # the last one failed, and so did taking it back
            self._file.execute("ROLLBACK")
        with self._file:
            self._file.execute("BEGIN")
            # Rows of a write that failed and of which nobody could see whether it was undone.
            for table in ("events", "outbox"):
                self._file.execute(f"DELETE FROM {table} WHERE number >= ?", (rows[0][0],))
            self._file.executemany("INSERT INTO events VALUES (?, ?, ?)", rows)
            self._file.executemany("INSERT INTO outbox VALUES (?, ?)", told)

    def _is_there(self, row: Row) -> bool:
        """Return whether a row is on disk after all: the disk may fail once it has confirmed."""
        wanted = "SELECT * FROM events WHERE number = ?"
        try:
            found = self._file.execute(wanted, (row[0],)).fetchone()
        except sqlite3.Error:
            return False
        return found == row and not self._file.in_transaction

    def _take_back(self) -> None:
        self._failures += 1
        self._unsaved.clear()
        self._untold.clear()
        instances, volumes = self._kept.gone
        for contract in list(self.archive)[instances:]:
            del self.archive[contract]
        for volume in list(self.volumes)[volumes:]:
            del self.volumes[volume]
        self._now = self._kept

    async def end(self) -> None:
        """Let go of the file once nothing is being written: it then holds everything alone."""
        if self._writing is not None:
            await asyncio.wait([self._writing])
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()
