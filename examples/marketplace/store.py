"""The market on disk: a table of events that only grows, and the market that they give.

One writer orders the commands. A command is decided on the market in memory at once; its answer
waits until its events are on disk. Whoever gets to the disk first writes for all who wait, in one
transaction, so a busy service commits many commands together and an idle one each alone. Killed at
any instant, it comes back with whole commands only, and with every one it has answered.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from numgenius_core.documents import from_json, to_json
from numgenius_core.ids import AccountId, ContractId
from numgenius_core.intervals import floor_second
from numgenius_core.market import Instance, Market, Settings, execute, replay
from numgenius_core.market.commands import Command, SetSettings, Tick
from numgenius_core.market.events import CreditAdded, Event
from numgenius_core.market.journal import (
    event_from_json,
    event_to_json,
    market_from_json,
    market_to_json,
)

Row = tuple[int, int, str]  # number of the event, number of its command, the event as JSON

Reaction = Callable[[Market, Event], Iterable[Command]]
"""What the service does about an event, as a part of the command that it came from."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS events (
    number INTEGER PRIMARY KEY,
    command INTEGER NOT NULL,
    event TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS snapshots (number INTEGER PRIMARY KEY, market TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS archive (contract INTEGER PRIMARY KEY, instance TEXT NOT NULL);
"""
SETTINGS: Final = Settings(waiting_on_a_machine=1_000, longest_step=timedelta(days=400))
"""Bids cost nothing while they wait, and a clock may be wrong: what the market takes at most."""
MANY: Final = 1_000  # events that are replayed at each start, rather than kept as a snapshot


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
        try:
            self._begin(durable)
        except BaseException:
            self._file.close()  # somebody else has it, or it is no market
            raise
        self._unsaved: list[Row] = []
        self._disk = asyncio.Lock()
        self._first = self._opening(settings)

    def _opening(self, settings: Settings) -> Command:
        """Return what the first decision begins with: its settings, if they are not those kept.

        Nobody was here for as long as the service was down, however long that is.
        """
        silence, longest = self.now() - self.market.now, settings.longest_step
        too_long = self.market.version and longest is not None and silence > longest
        if too_long or self.market.settings != settings:
            return SetSettings(settings=settings)
        return Tick()

    def _begin(self, durable: bool) -> None:
        """Take the file for this process alone, and read the market that is there."""
        self._file.execute("PRAGMA locking_mode=EXCLUSIVE")  # one writer: a second one fails here
        self._file.execute("PRAGMA journal_mode=WAL")
        self._file.execute(f"PRAGMA synchronous={'FULL' if durable else 'OFF'}")
        self._file.executescript(SCHEMA)
        last = self._file.execute("SELECT max(number), max(command) FROM events").fetchone()
        self._decided, self._commands = last[0] or 0, last[1] or 0
        self.archive: dict[ContractId, Instance] = {}
        self.market = self._restored()
        self._saved = self._decided

    def _restored(self) -> Market:
        """Return the market that the events give, from the last snapshot on."""
        kept = self._file.execute("SELECT max(number), market FROM snapshots").fetchone()
        market = market_from_json(kept[1]) if kept[0] else Market()
        for _, text in self._file.execute("SELECT * FROM archive"):
            gone = from_json(text, Instance)
            self.archive[gone.id] = gone
        events = (event for _, event in self.events(kept[0] or 0))
        market = replay(events, market, archive=self.archive)
        if self._decided - (kept[0] or 0) >= MANY:
            snapshot = (self._decided, market_to_json(market))
            rows = [(key, to_json(gone)) for key, gone in self.archive.items()]
            with self._file:  # the events before a snapshot are not replayed again
                self._file.execute("BEGIN")
                self._file.executemany("INSERT OR IGNORE INTO archive VALUES (?, ?)", rows)
                self._file.execute("INSERT INTO snapshots VALUES (?, ?)", snapshot)
        return market

    def events(self, after: int = 0) -> Iterator[tuple[int, Event]]:
        """Yield all that happened, in order, each event with its number."""
        wanted = "SELECT number, event FROM events WHERE number > ? ORDER BY number"
        for number, text in self._file.execute(wanted, (after,)):
            yield number, event_from_json(text)

    def payments(self, account: AccountId) -> list[tuple[int, CreditAdded]]:
        """Return what an account paid in: the market keeps balances, the log everything."""
        wanted = """SELECT number, event FROM events WHERE event LIKE '%"type": "CreditAdded"%'"""
        events = ((n, event_from_json(text)) for n, text in self._file.execute(wanted))
        return [(n, e) for n, e in events if isinstance(e, CreditAdded) and e.account == account]

    def now(self) -> datetime:
        """Return the time, which never goes back."""
        return max(self._clock(), self.market.now)

    def decide(self, *commands: Command) -> tuple[Event, ...]:
        """Carry out commands, all of them or none, in memory; :meth:`saved` makes it last.

        Returns:
            What they led to, without what had come due before them.

        Raises:
            NumgeniusError: A command was refused; nothing has changed.
        """
        at = self.now()
        gone: dict[ContractId, Instance] = {}
        market, due = execute(self.market, self._first, at, archive=gone)
        happened: list[Event] = []
        for command in commands:
            market, events = execute(market, command, at, archive=gone)
            happened += events
            for reaction in (r for event in events for r in self._react(market, event)):
                market, more = execute(market, reaction, at, archive=gone)
                happened += more
        command_number = self._commands + 1
        self._unsaved += [
            (number, command_number, event_to_json(event))
            for number, event in enumerate((*due, *happened), self._decided + 1)
        ]
        self.market, self._commands, self._first = market, command_number, Tick()
        self.archive.update(gone)
        self._decided += len(due) + len(happened)
        return tuple(happened)

    async def do(self, *commands: Command) -> tuple[Event, ...]:
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
            sqlite3.Error: The disk refused. What was decided stays, and is written with what comes
                next: nobody has been told that it happened.
        """
        wanted = self._decided
        while self._saved < wanted:
            async with self._disk:
                if self._saved < wanted:
                    rows = list(self._unsaved)
                    await asyncio.to_thread(self._write, rows)
                    del self._unsaved[: len(rows)]
                    self._saved = rows[-1][0]

    def _write(self, rows: list[Row]) -> None:
        with self._file:
            self._file.execute("BEGIN")
            # A row that is there came from a try whose end nobody saw: it is this very event.
            self._file.executemany("INSERT OR IGNORE INTO events VALUES (?, ?, ?)", rows)

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()
