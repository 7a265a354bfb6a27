"""The loop in which each writer of a log decides, appends, and on a conflict decides again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final, NamedTuple, TypeVar

from attrs import field, frozen

from numgenius_core._checks import as_tuple, check_callable, check_kind
from numgenius_core.errors import (
    Conflict,
    NumgeniusError,
    ReactionRefused,
    RuleViolation,
    WrongType,
    as_answer,
    brief,
    shown,
)
from numgenius_core.ids import ContractId, VolumeId
from numgenius_core.intervals import utc
from numgenius_core.market._clock import advance_to
from numgenius_core.market._dispatch import check_step, execute, is_command, no_command, replay_from
from numgenius_core.market._logs import Checkpoint, Entry, Log, Reply, check_id
from numgenius_core.market._notifications import notifications
from numgenius_core.market.commands import AnyCommand, SetSettings, Tick
from numgenius_core.market.events import Event
from numgenius_core.market.instance import Instance
from numgenius_core.market.state import Market
from numgenius_core.market.volume import RentedVolume

T = TypeVar("T")
Reaction = Callable[[Market, Event], Iterable[AnyCommand]]
"""What follows from an event at once: commands, of the market on which they are carried out.

It is asked of each event of a transaction and of all that comes due before it, such as a balance
that fell to where a card is charged; its commands are carried out at the event's own instant. What
they lead to is not asked about again.

The market is the one after all events of the event's command, or after all that came due at its
instant, and after the reactions to those before it. So it may know more than the event tells: a bid
that was just made may be paused by now, and a balance that fell may be filled again.

If one is refused, so is the transaction, whoever asked for it, with
:class:`~numgenius_core.errors.ReactionRefused`, whose cause is the refusal itself. A refused
reaction to what comes due stops the market: every later transaction meets it first, until the
reaction is mended. So a reaction looks at the market before it gives a command that could be
refused.

It gives commands and does nothing itself: it is asked again after a conflict, and by
:meth:`Writer.until`, where nothing is written.

All writers of a log need the same reactions. An event is reacted to by the writer that brings it
about, once: if that one has no reaction to it, nobody has, and no card is charged for it any more.
"""

Later = Callable[[Sequence[Event]], AnyCommand]
"""A command that is made from the events of those before it in its transaction."""

Telling = Callable[[Market, Sequence[Event]], str]
"""What whoever asked is told: from the market right before the commands, and their events."""


def _as_commands(
    given: Iterable[AnyCommand | Later],
) -> tuple[AnyCommand | Later, ...]:
    commands = as_tuple(given, "commands")
    for index, command in enumerate(commands):
        later = callable(command) and not isinstance(command, type)  # ``Tick`` without its ()
        if not is_command(command) and not later:
            raise no_command(command, f"commands[{index}]")
    return commands


@frozen(kw_only=True)
class Transaction:
    """Commands that are carried out together, all of them or none.

    Attributes:
        commands: In order. A function among them is called with the events so far, and returns the
            command, such as one about a contract that has got its number by then.
        means: Makes more commands, of the market as it is once those are carried out, and the
            instant. What is read of a market and written back belongs here: a writer may be behind
            when it is asked, and others may write before it decides.
        command_id: Makes one that is repeated happen once; ``None`` if it may happen again.
        tell: Makes what whoever asked is told; it is kept with the id, so that who asks again is
            told the same, whatever the market has become.

    Raises:
        WrongType: Something that is no command, an id that is no text, or no function where one
            is needed.
        RuleViolation: An id that is not 1 to 200 printable characters.

    >>> from numgenius_core import Money
    >>> from numgenius_core.market import commands as do
    >>> from numgenius_core.market.logs import Transaction
    >>> paid = do.AddCredit(account="ann", amount=Money(10))
    >>> Transaction(commands=[paid], command_id="order 7").command_id
    'order 7'
    """

    commands: tuple[AnyCommand | Later, ...] = field(default=(), converter=_as_commands, repr=brief)
    means: Callable[[Market, datetime], Iterable[AnyCommand | Later]] | None = None
    command_id: str | None = None
    tell: Telling | None = None

    def __attrs_post_init__(self) -> None:
        check_id(self.command_id)
        check_callable(self.means, "means")
        check_callable(self.tell, "tell")


def _as_transactions(given: Iterable[Transaction]) -> tuple[Transaction, ...]:
    transactions = as_tuple(given, "transactions")
    for index, each in enumerate(transactions):
        check_kind(each, Transaction, f"transactions[{index}]")
    return transactions


class _News(NamedTuple):
    """A market that goes on, and what it has forgotten since."""

    market: Market
    instances: dict[ContractId, Instance]
    volumes: dict[VolumeId, RentedVolume]


_TRIES: Final = 300
"""Conflicts without anything new: one or two are another's ids, and so many are a fault."""


class Writer:
    """Carries out transactions on a log that others write too.

    It holds the market that the events give, decides on it, appends, and on a conflict catches up
    and decides again. One thread uses a writer; each thread and each process has its own.

    Args:
        log: Where the events are.
        react: What follows from an event at once, in the same transaction; with it, what is due
            happens step by step. All writers of a log need the same: an event is reacted to by
            the one that brings it about, or by none. If one of its commands is refused, so is the
            transaction, with ``ReactionRefused`` (:data:`Reaction`).
        notify: Whether entries say who must be told of what, which costs a second look at each
            event.

    Attributes:
        log: Where the events are.
        market: After all events that this writer has seen.
        instances: Destroyed instances, which the market forgets (its archive). It grows while the
            writer works: who reads in another thread takes the market first and then this, so that
            it has all that the market has forgotten.
        volumes: Deleted volumes, for which the same holds.

    Raises:
        WrongType: ``log`` is no ``Log``, or ``react`` no function.
        RuleViolation: Events that contradict each other; it names the first, ``events, row 4`` for
            the fourth of the log. Or the log reads fewer than its ``version`` says.

    >>> from datetime import UTC, datetime
    >>> from numgenius_core import Money
    >>> from numgenius_core.market import commands as do
    >>> from numgenius_core.market.logs import MemoryLog, Writer
    >>> writer, at = Writer(MemoryLog()), datetime(2026, 1, 1, tzinfo=UTC)
    >>> (event,) = writer.execute(do.AddCredit(account="ann", amount=Money(10)), at=at)
    >>> type(event).__name__, writer.log.version
    ('CreditAdded', 1)
    """

    def __init__(self, log: Log, *, react: Reaction | None = None, notify: bool = False) -> None:
        check_kind(log, Log, "log")
        check_callable(react, "react")
        self.log = log
        self._react, self._notify = react, notify
        self.market: Market = Market()
        self.instances: dict[ContractId, Instance] = {}
        self.volumes: dict[VolumeId, RentedVolume] = {}
        self._begin()

    def __repr__(self) -> str:
        log = type(self.log).__name__
        return f"<{type(self).__name__} version={self.market.version}, log={log}>"

    def _begin(self) -> None:
        """Begin with the latest checkpoint, or with nothing, and take in what came after it."""
        news: _News | None = None
        while news is None:
            epoch = self.log.epoch
            kept = self.log.checkpoint() or Checkpoint(market=Market())
            news = self._news(kept.market, self.log.version, epoch)
        self._epoch = epoch
        self.instances = {**kept.instances, **news.instances}
        self.volumes = {**kept.volumes, **news.volumes}
        self.market = news.market

    def _news(self, market: Market, there: int, epoch: int) -> _News | None:
        """Return a market with what a log has after its events, of which it says how many.

        Returns:
            ``None`` if another epoch has begun: what was read may be gone.
        """
        seen, news = market.version, _News(market, {}, {})
        if self.log.epoch != epoch:
            return None
        if there < seen:
            raise RuleViolation("log", f"the {seen:,} events that it had", f"{there:,} events")
        if there > seen:
            events = self.log.read(seen)
            after = replay_from(
                *(market, events, news.instances, news.volumes),
                place="events, row {}",
                first=seen + 1,
            )
            if self.log.epoch != epoch:
                return None
            if after.version < there:
                need = f"the {there:,} events that it says it has"
                raise RuleViolation("log", need, f"{after.version:,} events")
            news = news._replace(market=after)
        return news

    def catch_up(self) -> Market:
        """Take in what others have written, and return the market.

        Raises:
            RuleViolation: An event contradicts those before it; the path says which it is in the
                log, ``events, row 4`` for the fourth. Or the log has lost some: it has fewer than
                it had, or reads fewer than its ``version`` says. This writer is as it was then.
        """
        news = self._news(self.market, self.log.version, self._epoch)
        if news is None:
            self._begin()
        else:
            self._take_in(news)
        return self.market

    def _take_in(self, news: _News | _Batch) -> None:
        """Go on with a market; the market comes last.

        Another thread that takes it, and then what is gone, finds there all that it has forgotten.
        """
        self.instances.update(news.instances)
        self.volumes.update(news.volumes)
        self.market = news.market

    def execute(
        self,
        *commands: AnyCommand | Later,
        at: datetime | Callable[[], datetime],
        command_id: str | None = None,
    ) -> tuple[Event, ...]:
        """Carry out commands, all of them or none, and return what they led to.

        Args:
            commands: In order.
            at: When, or a clock, which is asked once this writer has its turn. Clocks of several
                writers differ: an instant before the last event is taken as the instant of that
                event.
            command_id: What was carried out with it before is not carried out again; its first
                answer is returned.

        Returns:
            What the commands led to, without what had come due before them.

        Raises:
            NumgeniusError: A command is refused; nothing has happened.
            ReactionRefused: A reaction is, to what it led to or to what came due before it; nothing
                has happened, and who asked is not at fault.
            WrongType: A function among the commands, or a reaction, gave what is no command.
            Exception: What the log raised; nothing has happened as far as the log knows.
        """
        (result,) = self.execute_all([Transaction(commands=commands, command_id=command_id)], at=at)
        if isinstance(result, NumgeniusError):
            raise result
        return result.events

    def execute_all(
        self, transactions: Iterable[Transaction], *, at: datetime | Callable[[], datetime]
    ) -> tuple[Reply | NumgeniusError, ...]:
        """Carry out transactions one after the other, and keep them in one ``append``.

        Args:
            transactions: In order. One that is refused changes nothing, and the next goes on. They
                are taken once this writer has its turn, so that an iterator can give what has come
                while it waited.
            at: As for :meth:`execute`.

        Returns:
            For each what it led to, or why it was refused.

        Raises:
            WrongType: Something that is no transaction; or a function of one, or a reaction, gave
                what is no command, or no text to tell. That is no refusal of who asked.
            RuleViolation: The log has lost events, as for :meth:`catch_up`; or it said again and
                again that others were faster, and had nothing new.
            Exception: What the log raised; none of them has happened as far as the log knows.
        """
        wanted: tuple[Transaction, ...] | None = None
        tries = Counter[tuple[int, int]]()
        while True:
            with self.log.turn():
                self.catch_up()
                if wanted is None:
                    wanted = _as_transactions(transactions)
                instant = utc(at() if callable(at) else at, "at")
                batch = _Batch(self, max(instant, self.market.now), self._react, self._notify)
                with _mistakes_raised():
                    results = tuple(batch.result(each) for each in wanted)
                try:
                    if batch.entries:
                        self.log.append(self.market.version, batch.entries)
                except Conflict as conflict:
                    tries[here := (self._epoch, self.market.version)] += 1
                    if tries[here] > _TRIES:
                        need = f"to take what follows {self.market.version:,} events, all it has"
                        raise RuleViolation("log", need, f"{_TRIES} conflicts") from conflict
                    continue
            self._take_in(batch)
            return results

    def until(self, at: datetime) -> Market:
        """Return the market as it will be at an instant if nothing else is written.

        With what comes due until then, and the reactions to it: a card that is charged keeps an
        instance running, of which :func:`~numgenius_core.market.views.until`, which knows no
        reactions, says that it stops. Nothing is written, so a page that only looks asks this. It
        is of what this writer has seen (:meth:`catch_up`), and any thread may ask.

        Args:
            at: When. An instant before the market's last event is taken as the instant of that
                event, as in :meth:`execute`.

        Raises:
            WrongType: ``at`` is no datetime, or a reaction gave what is no command.
            ReactionRefused: A reaction to what comes due is refused.

        >>> from datetime import UTC, datetime, timedelta
        >>> from numgenius_core import Machine, Mode, Money, PerGpuHour, PriceTerms
        >>> from numgenius_core.market import commands as do, events as it, views
        >>> from numgenius_core.market.logs import MemoryLog, Writer
        >>> def charge(market, event):
        ...     if isinstance(event, it.ChargeDue):
        ...         yield do.AddCredit(account=event.account, amount=Money(50))
        >>> writer, at = Writer(MemoryLog(), react=charge), datetime(2026, 1, 1, tzinfo=UTC)
        >>> _ = writer.execute(
        ...     do.AddMachine(machine=Machine(id=1, host="hanna", gpu_name="A100", gpus=4)),
        ...     do.ListMachine(by="hanna", machine=1, prices=PriceTerms(gpu=PerGpuHour("1.00"))),
        ...     do.AddCredit(account="ann", amount=Money(30)),
        ...     do.SetThresholds(by="ann", charge=Money(20)),
        ...     do.Rent(by="ann", offer=8192, mode=Mode.ON_DEMAND),
        ...     do.ReportLoaded(contract=2),
        ...     at=at,
        ... )
        >>> later, before = at + timedelta(hours=40), writer.log.version
        >>> seen = writer.until(later)
        >>> views.instance(seen, 2).state.value, str(views.balance(seen, "ann", later))
        ('running', '40.00')
        >>> views.instance(views.until(writer.market, later), 2).state.value
        'stopped'
        >>> writer.log.version == before
        True
        """
        market = self.market
        course = _Course(market, self._react)
        with _mistakes_raised():
            course.pass_time(max(utc(at, "at"), market.now))
        return course.market

    def checkpoint(self) -> Checkpoint:
        """Keep what this writer has seen as a checkpoint, and return it."""
        made = Checkpoint(
            market=self.market, instances=dict(self.instances), volumes=dict(self.volumes)
        )
        self.log.keep(made)
        return made


class _Batch:
    """Requests decided one after the other, none of them kept yet."""

    def __init__(self, writer: Writer, at: datetime, react: Reaction | None, notify: bool) -> None:
        self._log, self._at, self._react, self._notify = writer.log, at, react, notify
        self.market = writer.market
        self.entries: list[Entry] = []
        self.instances: dict[ContractId, Instance] = {}
        self.volumes: dict[VolumeId, RentedVolume] = {}
        self._replies: dict[str, Reply] = {}

    def result(self, wanted: Transaction) -> Reply | NumgeniusError:
        """Return what a transaction leads to, led to before, or why it is refused."""
        key = wanted.command_id
        if key is not None:
            first = self._replies.get(key)
            first = self._log.reply(key) if first is None else first
            if first is not None:
                return first
        try:
            entry = self._carried_out(wanted)
        except NumgeniusError as refusal:
            return as_answer(refusal)
        reply = Reply(entry.events, entry.text)
        if key is not None:
            self._replies[key] = reply
        if entry.all or key is not None:
            self.entries.append(entry)
        return reply

    def _carried_out(self, wanted: Transaction) -> Entry:
        course = _Course(self.market, self._react)
        if type(next(iter(wanted.commands), None)) is not SetSettings:  # which any silence allows
            check_step(self.market, Tick(), self._at)
        due = course.pass_time(self._at)
        before, happened = course.market, list[Event]()

        def carry_out(given: AnyCommand | Later) -> None:
            command = given(tuple(happened)) if callable(given) else given
            if not is_command(command):
                raise _Mistake(no_command(command, "command"))
            happened.extend(course.carry_out(command, self._at))

        for command in wanted.commands:
            carry_out(command)
        if wanted.means is not None:
            for command in _right(_as_commands, wanted.means(course.market, self._at)):
                carry_out(command)
        text = None if wanted.tell is None else wanted.tell(before, tuple(happened))
        if wanted.tell is not None:
            _right(check_kind, text, str, "tell")
        entry = Entry(
            due=due,
            events=happened,
            command_id=wanted.command_id,
            text=text,
            notifications=notifications(self.market, (*due, *happened)) if self._notify else (),
        )
        self.market = course.market
        self.instances.update(course.instances)
        self.volumes.update(course.volumes)
        return entry


class _Course:
    """What one transaction leads to, while it is carried out."""

    def __init__(self, market: Market, react: Reaction | None) -> None:
        self.market, self._react = market, react
        self.instances: dict[ContractId, Instance] = {}
        self.volumes: dict[VolumeId, RentedVolume] = {}

    def pass_time(self, at: datetime) -> list[Event]:
        """Let everything happen that is due up to an instant; each event is reacted to in time."""
        found = list[Event]()
        while (until := self._next(at)) is not None:
            decision = advance_to(self.market, until)
            self.market = decision.market.market()
            found += self._with_reactions(tuple(decision.events), until)
        return found

    def _next(self, at: datetime) -> datetime | None:
        """Return up to when time passes next, ``None`` if nothing is left that is due by then."""
        if self.market.unsettled:  # a log that was read to the midst of what belongs together
            return self.market.now
        due = self.market.queue.first
        if due is None or due[0] > at:
            return None
        return at if self._react is None else due[0]

    def carry_out(self, command: AnyCommand, at: datetime) -> list[Event]:
        """Carry out a command, and what is the reaction to it; return the events of both."""
        return self._with_reactions(self._do(command, at), at)

    def _with_reactions(self, events: tuple[Event, ...], at: datetime) -> list[Event]:
        found = list(events)
        if self._react is not None:
            for event in events:
                try:
                    for command in _right(_reactions, self._react(self.market, event)):
                        found += self._do(command, at)
                except NumgeniusError as refusal:
                    said = ReactionRefused(type(event).__name__, str(refusal))
                    said.add_note(f"in reaction to {shown(event)}")
                    raise said from refusal
                except _Mistake as mistake:
                    mistake.fault.add_note(f"in reaction to {shown(event)}")
                    raise
        return found

    def _do(self, command: AnyCommand, at: datetime) -> tuple[Event, ...]:
        archives: Any = {"archive": self.instances, "volumes": self.volumes}
        self.market, events = execute(self.market, command, at, **archives)
        return events


class _Mistake(Exception):
    """What a function of the service gave, and must not: no refusal, so it passes all of them."""

    def __init__(self, fault: WrongType) -> None:
        super().__init__(fault)
        self.fault = fault


def _right(check: Callable[..., T], *given: object) -> T:
    """Return what a check makes of what a function of the service gave.

    Raises:
        _Mistake: It is nothing of its kind.
    """
    try:
        return check(*given)
    except WrongType as fault:
        raise _Mistake(fault) from None


@contextmanager
def _mistakes_raised() -> Iterator[None]:
    """Raise mistakes of the service's functions as what they are."""
    try:
        yield
    except _Mistake as mistake:
        raise mistake.fault from None


def _reactions(given: Iterable[AnyCommand]) -> tuple[AnyCommand, ...]:
    commands = as_tuple(given, "react")
    for index, command in enumerate(commands):
        if not is_command(command):
            raise no_command(command, f"react[{index}]")
    return commands
