"""The market that a log gives, and the one place where this process writes.

Requests are carried out in batches (:class:`~numgenius_core.market.logs.Writer`): while one is on
its way to the disk, those that come meanwhile are the next, so a busy service commits many together
and an idle one each alone. Killed at any instant, it comes back with whole transactions
only, and with every one it has answered; what is answered as failed has not happened.

Other processes may write the same log. Pages are read on a connection of their own.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice
from operator import itemgetter
from typing import Any, Final, TypeVar

from attrs import evolve, frozen

from examples.marketplace.sql_log import AnyEvent, InDoubt, SqlLog
from examples.marketplace.sqlite_log import SqliteLog
from numgenius_core.errors import NumgeniusError
from numgenius_core.ids import AccountId, ContractId, VolumeId
from numgenius_core.intervals import floor_second
from numgenius_core.market import Instance, Market, RentedVolume, Settings, execute, views
from numgenius_core.market.commands import Command, SetSettings, Tick
from numgenius_core.market.events import CreditAdded, CreditTransferred, Event, PayoutInvoiced
from numgenius_core.market.logs import Later, Reaction, Reply, Telling, Transaction, Writer

Payment = CreditAdded | CreditTransferred | PayoutInvoiced
Result = Reply | NumgeniusError
Meaning = Callable[[Market, datetime], Sequence[Command | Later]]
"""The commands that a request is on a market, at an instant: made where it is decided."""
Told = TypeVar("Told", bound=Event)
Key = TypeVar("Key")
Value = TypeVar("Value")

SETTINGS: Final = Settings(waiting_on_a_machine=1_000, longest_step=timedelta(days=400))
"""Bids cost nothing while they wait, and a clock may be wrong: what the market takes at most."""
MANY: Final = 1_000  # events that are replayed at each start, rather than kept in a checkpoint
log = logging.getLogger("marketplace")


class NotStored(Exception):
    """The log refused: what was asked for has not happened."""


class NotKnown(Exception):
    """The log failed, and nobody can see whether what was asked for has happened.

    Whoever asks again with the same id is told, and it happens once.
    """

    def __init__(self, fault: Exception) -> None:
        again = "ask again with the same Idempotency-Key"
        super().__init__(f"nobody can see just now whether this has happened, {again}: {fault}")


class Failed(Exception):
    """The service is at fault, and not whoever asked: what was asked for has not happened.

    The log has lost events, say, or a function of ours gave what is no command: in words of the
    library, as a refusal is, but nobody's request was refused.
    """


def wall_clock() -> datetime:
    """Return the second that has begun: the one place where time comes in."""
    return floor_second(datetime.now(UTC))


def open_log(where: str, *, durable: bool = True) -> SqlLog:
    """Open the log in a file, or in PostgreSQL if it is ``postgresql://…``."""
    if where.startswith("postgresql://"):
        from examples.marketplace.postgres_log import PostgresLog  # needs psycopg

        return PostgresLog(where, durable=durable)
    return SqliteLog(where, durable=durable)


def faults() -> tuple[type[Exception], ...]:
    """Return what opening a log may raise: it is none, nobody is there, or a package is not."""
    of_databases = [each.errors for each in SqlLog.__subclasses__()]  # of those that are in use
    return (NumgeniusError, NotStored, NotKnown, InDoubt, ImportError, *of_databases)


@frozen
class Shown:
    """What pages show: of what a writer has, that which the disk has confirmed.

    The writer works in a thread of its own and goes on while pages are made.

    Attributes:
        market: The market.
        instances: Destroyed instances.
        volumes: Deleted volumes.
        source: What the writer keeps these two in; another one when it began anew.
    """

    market: Market
    instances: dict[ContractId, Instance]
    volumes: dict[VolumeId, RentedVolume]
    source: dict[ContractId, Instance]

    @classmethod
    def of(cls, writer: Writer) -> Shown:
        """Return all that a writer has."""
        market = writer.market  # before what it has forgotten, so that nothing is in neither
        return cls(market, dict(writer.instances), dict(writer.volumes), writer.instances)

    def then(self, writer: Writer) -> Shown:
        """Return what a writer has by now; what is gone is only added to."""
        if writer.instances is not self.source:
            return Shown.of(writer)
        market = writer.market
        _add(self.instances, writer.instances)
        _add(self.volumes, writer.volumes)
        return evolve(self, market=market)


def _add(there: dict[Key, Value], now: dict[Key, Value]) -> None:
    """Add to a dict the items that another one of the same beginning has more."""
    new = islice(reversed(now.items()), len(now) - len(there))
    there.update(reversed(list(new)))


class Store:
    """A market and the log it lives in.

    Args:
        where: The SQLite file, which is made if need be, or ``postgresql://…``.
        react: What follows from an event at once.
        clock: What time it is, whole seconds.
        durable: Whether the disk has to confirm each transaction.
        settings: What the market takes at most, from now on.
        opens: Opens the log: for a kind of your own, or one that a simulation breaks.
        run: Runs what waits for the disk, by default in a thread.
        every: After how many events the next checkpoint is kept; ``MANY`` if left out.
    """

    def __init__(
        self,
        where: str,
        *,
        react: Reaction | None = None,
        clock: Callable[[], datetime] = wall_clock,
        durable: bool = True,
        settings: Settings = SETTINGS,
        opens: Callable[..., SqlLog] = open_log,
        run: Callable[..., Awaitable[Sequence[Result | Exception]]] = asyncio.to_thread,
        every: int | None = None,
    ) -> None:
        self._clock, self._run = clock, run
        self._every = every
        self._log = opens(where, durable=durable)
        try:
            self._pages = open_log(where)
            self._writer = Writer(self._log, react=react, notify=True)
            self._kept = 0  # in the last checkpoint, as far as this process knows
            self._log.confirm()  # what another process appended and did not live to confirm
            self._shown = Shown.of(self._writer)
            self._begin(settings)
        except BaseException:
            self.close()  # it is no market, or of a later version
            raise
        self._stored = False  # whether there is more to show
        self._waiting: deque[tuple[Transaction, asyncio.Future[Result | Exception]]] = deque()
        self._working: asyncio.Task[None] | None = None

    def _begin(self, settings: Settings) -> None:
        """Set the settings, if they are not those of the log, and take a checkpoint.

        Nobody was here for as long as the service was down, however long that is.
        """
        market = self.market
        silence, longest = self.now() - market.now, settings.longest_step
        too_long = market.version and longest is not None and silence > longest
        if too_long or market.settings != settings:
            self.decide(SetSettings(settings=settings))
        self._keep()

    # -- what there is -------------------------------------------------------------------------

    @property
    def market(self) -> Market:
        """The market with all that this process has written or seen, and the disk confirmed."""
        return self._shown.market

    @property
    def archive(self) -> Mapping[ContractId, Instance]:
        """Destroyed instances, which the market forgets."""
        return self._shown.instances

    @property
    def volumes(self) -> Mapping[VolumeId, RentedVolume]:
        """Deleted volumes."""
        return self._shown.volumes

    def version(self) -> int:
        """Return how many events the log has; other processes may have written some."""
        with self._told():
            return self._pages.version

    def now(self) -> datetime:
        """Return the time, which never goes back."""
        return max(self._clock(), self.market.now)

    def events(self, after: int = 0) -> Iterator[tuple[int, Event]]:
        """Yield all that happened, in order, each event with its number."""
        with self._told():
            yield from self._pages.numbered(after)

    def happened(
        self, kind: type[AnyEvent], account: AccountId | None = None
    ) -> list[tuple[int, AnyEvent]]:
        """Return all that happened of a kind, each with its number: what the market forgets."""
        with self._told():
            return self._known(self._pages.happened(kind, account))

    def notices(
        self, account: AccountId, after: int, most: int
    ) -> list[tuple[int, views.Notification]]:
        """Return what an account must be told, each with the number of its event, in order.

        Args:
            account: Who is told.
            after: The number of the last event that is known already; 0 is none.
            most: How many at most.
        """
        with self._told():
            found = self._known(self._pages.outbox(account, after, most))
        return [
            (number, views.Notification(recipient=account, event=event)) for number, event in found
        ]

    def payments(self, account: AccountId) -> list[tuple[int, Payment]]:
        """Return what an account paid in, handed on, got and was paid out.

        The market keeps balances, the log everything.
        """
        with self._told():
            mine: list[tuple[int, Payment]] = [
                *self._pages.happened(CreditAdded, account),
                *self._pages.happened(CreditTransferred, account),
                *self._pages.happened(PayoutInvoiced, account),
            ]
            got = self._pages.told(CreditTransferred, account)
        found = dict(mine) | {n: each for n, each in got if each.recipient == account}
        return sorted(self._known(list(found.items())), key=itemgetter(0))

    def _known(self, found: list[tuple[int, Told]]) -> list[tuple[int, Told]]:
        return [each for each in found if each[0] <= self.market.version]

    # -- what happens --------------------------------------------------------------------------

    def decide(self, *commands: Command | Later) -> tuple[Event, ...]:
        """Carry out commands at once, all of them or none, where no service is running yet.

        Raises:
            NumgeniusError: A command was refused; nothing has changed.
            NotStored: The log refused; nothing has changed.
            NotKnown: The log failed, and may have kept it.
        """
        with self._told():
            events = self._writer.execute(*commands, at=self.now())
        self._shown = self._shown.then(self._writer)
        return events

    async def do(
        self,
        *commands: Command | Later,
        means: Meaning | None = None,
        command_id: str | None = None,
        tell: Telling | None = None,
    ) -> Reply:
        """Carry out commands, all of them or none; return once what happened is on disk.

        Raises:
            NumgeniusError: A command was refused; nothing has happened.
            NotStored: The log refused; nothing has happened.
            NotKnown: The log failed, and it may have happened.
            Failed: The service is at fault; nothing has happened.
        """
        wanted = Transaction(commands=commands, means=means, command_id=command_id, tell=tell)
        (result,) = await self.do_each([wanted])
        if isinstance(result, NumgeniusError):
            raise result
        return result

    def reply(self, command_id: str) -> Reply | None:
        """Return what a request with this id was told; it is on disk, and nothing is written.

        Raises:
            RuleViolation: An id that is none.
        """
        Transaction(command_id=command_id)  # which refuses it
        with self._told():
            known = self._pages.reply(command_id)
            if known is not None:
                self._pages.confirm()
        return known

    async def do_each(self, transactions: Sequence[Transaction]) -> list[Result]:
        """Carry out transactions, one after the other; return what each led to, or why not.

        Raises:
            NotStored: The log refused; none of them has happened.
            NotKnown: The log failed, and they may have happened.
            Failed: The service is at fault; none of them has happened.
        """
        loop = asyncio.get_running_loop()
        futures: list[asyncio.Future[Result | Exception]] = [
            loop.create_future() for _ in transactions
        ]
        self._waiting += zip(transactions, futures, strict=True)
        if self._working is None:
            self._working = loop.create_task(self._work())
        results: list[Result] = []
        # Whoever asked may hang up meanwhile; the others wait for the same batch.
        for result in await asyncio.shield(asyncio.gather(*futures)):
            if isinstance(result, Exception) and not isinstance(result, NumgeniusError):
                raise result
            results.append(result)
        return results

    async def seen(self) -> Market:
        """Return the market as it is now, with all that has come due; it is on disk."""
        market = self.market
        others = self.version() != market.version
        market, due = execute(market, Tick(), self.now())
        if others or due:
            await self.do()
            return self.market
        return market

    async def _work(self) -> None:
        """Carry out what waits, batch after batch."""
        while self._waiting:
            batch: list[asyncio.Future[Result | Exception]] = []
            taken = self._taken(batch)
            try:
                results = await self._run(self._carry_out, taken)
            except Exception as fault:  # noqa: BLE001 - there was no thread for it, say
                failed: list[Result | Exception] = [fault for _ in taken]
                results = failed
            if self._stored:
                self._shown, self._stored = self._shown.then(self._writer), False
            for future, result in zip(batch, results, strict=True):
                future.set_result(result)
        self._working = None

    def _taken(self, batch: list[asyncio.Future[Result | Exception]]) -> Iterator[Transaction]:
        """Yield what waits by the time it is this process's turn, and note who waits for it."""
        while self._waiting:
            transaction, future = self._waiting.popleft()
            batch.append(future)
            yield transaction

    def _carry_out(self, waiting: Iterator[Transaction]) -> Sequence[Result | Exception]:
        taken: list[Transaction] = []

        def wanted() -> Iterator[Transaction]:
            for each in waiting:
                taken.append(each)
                yield each

        failed: Exception
        try:
            results = self._writer.execute_all(wanted(), at=self.now)
        except self._log.errors as fault:
            log.warning("not stored: %s", fault)
            failed = NotStored(str(fault))
        except InDoubt as fault:
            log.warning("in doubt: %s", fault)
            failed = NotKnown(fault)
        except Exception as fault:  # noqa: BLE001 - who asked is told
            if len(taken) > 1:  # one of them is at fault, and not the others
                return [self._carry_out(iter([each]))[0] for each in taken]
            failed = fault
            if isinstance(fault, NumgeniusError):  # raised, and not given as a refusal
                failed = Failed(str(fault))
                failed.__cause__ = fault
        else:
            self._stored = True
            self._keep()
            return results
        taken += waiting  # a log may fail before its turn
        return [failed] * len(taken)

    def _keep(self) -> None:
        """Keep a checkpoint from time to time: the events before it are not replayed again."""
        every = MANY if self._every is None else self._every
        version = self._writer.market.version
        if version - self._kept < every:
            return
        try:
            self._kept = self._log.kept  # other workers keep some, too
            if version - self._kept >= every:
                self._kept = version
                self._writer.checkpoint()
        except Exception as fault:  # noqa: BLE001 - what happened is kept all the same
            log.warning("no checkpoint, so that the next start takes longer: %r", fault)

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except InDoubt as fault:
            raise NotKnown(fault) from fault
        except self._log.errors as fault:
            raise NotStored(str(fault)) from fault

    async def end(self) -> None:
        """Let go of the log once nothing is being written."""
        if self._working is not None:
            await asyncio.wait([self._working])
        self.close()

    def close(self) -> None:
        """Let go of the log."""
        for each in ("_log", "_pages"):
            there: Any = getattr(self, each, None)
            if there is not None:
                there.close()
