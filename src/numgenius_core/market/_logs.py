"""What a log of events is, and one in memory."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from threading import Lock

from attrs import field, frozen

from numgenius_core._checks import as_tuple, check_kind, check_text, read_only
from numgenius_core._numbers import whole_number
from numgenius_core.errors import Conflict, RuleViolation, brief, shown
from numgenius_core.ids import ContractId, VolumeId
from numgenius_core.market._concerns import check_event
from numgenius_core.market._notifications import Notification
from numgenius_core.market.events import Event
from numgenius_core.market.instance import Instance
from numgenius_core.market.state import Market
from numgenius_core.market.volume import RentedVolume


def _as_events(given: Iterable[Event]) -> tuple[Event, ...]:
    events = as_tuple(given, "events")
    for index, event in enumerate(events):
        check_event(event, f"events[{index}]")
    return events


def _as_notifications(given: Iterable[Notification]) -> tuple[Notification, ...]:
    told = as_tuple(given, "notifications")
    for index, each in enumerate(told):
        check_kind(each, Notification, f"notifications[{index}]")
    return told


def check_id(command_id: str | None) -> None:
    if command_id is not None:
        check_text(command_id, "command_id")


def _check_told(text: str | None) -> None:
    if text is not None:
        check_kind(text, str, "text")


@frozen(kw_only=True)
class Entry:
    """What one transaction led to: a log keeps all of it or nothing.

    Attributes:
        due: What had come due before it.
        events: What it led to, in order.
        command_id: Who asks again with it gets the same reply; ``None`` for none that is kept.
        text: What whoever asked is told; ``None`` if the events are all.
        notifications: Who must be told of what; a log may keep them as an outbox.

    Raises:
        WrongType: Something that is no event, or an id or a ``text`` that is no text.
        RuleViolation: An id that is not 1 to 200 printable characters.

    >>> from datetime import UTC, datetime
    >>> from numgenius_core import Money
    >>> from numgenius_core.market.events import CreditAdded
    >>> from numgenius_core.market.logs import Entry
    >>> at = datetime(2026, 1, 1, tzinfo=UTC)
    >>> entry = Entry(events=[CreditAdded(at=at, account="ann", amount=Money(10))])
    >>> len(entry.all)
    1
    """

    due: tuple[Event, ...] = field(default=(), converter=_as_events, repr=brief)
    events: tuple[Event, ...] = field(converter=_as_events, repr=brief)
    command_id: str | None = None
    text: str | None = None
    notifications: tuple[Notification, ...] = field(
        default=(), converter=_as_notifications, repr=brief
    )

    def __attrs_post_init__(self) -> None:
        check_id(self.command_id)
        _check_told(self.text)

    @property
    def all(self) -> tuple[Event, ...]:
        """What the log keeps, in order."""
        return self.due + self.events


@frozen
class Reply:
    """What a transaction led to, the first time it was asked for.

    Attributes:
        events: What it led to, without what had come due before it.
        text: What whoever asked is told; ``None`` if the events are all.

    Raises:
        WrongType: Something that is no event, or a ``text`` that is no text.

    >>> from numgenius_core.market.logs import Reply
    >>> Reply(()).text is None
    True
    """

    events: tuple[Event, ...] = field(converter=_as_events, repr=brief)
    text: str | None = None

    def __attrs_post_init__(self) -> None:
        _check_told(self.text)


@frozen(kw_only=True)
class Checkpoint:
    """A market from which a start goes on, instead of from the first event.

    Attributes:
        market: After ``market.version`` events.
        instances: Those destroyed until then, in the order in which they were.
        volumes: Those deleted until then, in the order in which they were.

    Raises:
        WrongType: No market, or what is no mapping.

    >>> from numgenius_core import Market
    >>> from numgenius_core.market.logs import Checkpoint
    >>> Checkpoint(market=Market()).market.version
    0
    """

    market: Market
    instances: Mapping[ContractId, Instance] = field(factory=dict, converter=read_only, repr=brief)
    volumes: Mapping[VolumeId, RentedVolume] = field(factory=dict, converter=read_only, repr=brief)

    def __attrs_post_init__(self) -> None:
        check_kind(self.market, Market, "market")


class Log(ABC):
    """Where the events of one market are kept; derive from it for a disk or a database.

    The promises that a :class:`Writer` builds on:

    * ``append`` keeps all of its entries or none, after exactly ``expected`` events, and returns
      when they will be there after a crash. When it raises, they are not there, and will not be. A
      log that cannot know (its server is gone) raises all the same: whoever asks again with the
      same command id gets the first answer, if there is one.
    * ``append`` takes each command id once: an entry whose id is there already is in conflict, also
      where it has no events, so that two who are asked at once for the same give one answer. The
      writer decides again and finds the first.
    * ``read`` gives events in the order in which they were kept, and all of them: at least as many
      as ``version`` said before.
    * ``reply`` knows each command id for as long as the log says, exactly as it was given (``Order
      7`` is another than ``order 7``), and the whole text that was told.

    :func:`numgenius_core.testing.check_log` tries them on a log of yours.

    >>> from numgenius_core.market.logs import Log, MemoryLog
    >>> isinstance(MemoryLog(), Log)
    True
    """

    @property
    @abstractmethod
    def version(self) -> int:
        """The number of events that are kept."""

    @abstractmethod
    def append(self, expected: int, entries: Sequence[Entry]) -> None:
        """Keep what happened, all of it or nothing.

        Args:
            expected: The number of events that the writer has seen.
            entries: What happened after them, in order.

        Raises:
            Conflict: Others were faster: there are more events than ``expected``, or an entry has a
                command id that is there already. It names how many events there are, and the id if
                it is that.
        """

    @abstractmethod
    def read(self, after: int = 0) -> Iterator[Event]:
        """Yield all events after a number of them, in order."""

    @abstractmethod
    def reply(self, command_id: str) -> Reply | None:
        """Return what a request with this id led to; ``None`` if none is known."""

    @abstractmethod
    def checkpoint(self) -> Checkpoint | None:
        """Return the latest checkpoint; ``None`` if there is none.

        All that was ever destroyed or deleted is in it, and a start reads all of that: where that
        takes longer than to read the events again, keep checkpoints seldom, or none.
        """

    @abstractmethod
    def keep(self, checkpoint: Checkpoint) -> None:
        """Keep a checkpoint, which shortens the next start; older ones may go.

        Its mappings only grow, in the order in which instances were destroyed and volumes deleted:
        the first n are those of an earlier checkpoint that had n, whichever writer made it, and
        none of them changes. So what was kept once need not be written again:
        ``islice(checkpoint.instances.items(), n, None)`` are the new ones.
        """

    @property
    def epoch(self) -> int:
        """Grows when what was read may be gone: a server that crashed keeps what it confirmed.

        Writers then begin anew. By default it never does.
        """
        return 0

    def turn(self) -> AbstractContextManager[object]:
        """Return a turn to write, for a log that lets writers wait instead of conflict.

        Decisions and the ``append`` that follows are made within it, and nobody is told of what was
        decided before its end: a log may wait for its disk there. By default there is none.
        """
        return nullcontext()


def _ids_of(entries: Iterable[Entry]) -> dict[str, int]:
    """Return the command ids of entries; raises ``RuleViolation`` where two have the same."""
    ids: dict[str, int] = {}
    for index, entry in enumerate(entries):
        if entry.command_id is not None and ids.setdefault(entry.command_id, index) != index:
            need = f"another id than entries[{ids[entry.command_id]}]"
            raise RuleViolation(f"entries[{index}].command_id", need, shown(entry.command_id))
    return ids


class MemoryLog(Log):
    """A log in memory, for tests, notebooks and simulations; threads may share it.

    Args:
        ids: How many command ids are kept, the latest; ``None`` for all.

    Raises:
        WrongType: ``ids`` is no whole number.
        RuleViolation: ``ids`` is below 1.

    >>> from numgenius_core.market.logs import MemoryLog
    >>> log = MemoryLog()
    >>> log.append(1, [])
    Traceback (most recent call last):
        ...
    numgenius_core.errors.Conflict: the log has 0 events, not the 1 that were expected
    """

    def __init__(self, *, ids: int | None = None) -> None:
        self._most = None if ids is None else whole_number(ids, "ids", 1)
        self._events: list[Event] = []
        self._replies: OrderedDict[str, Reply] = OrderedDict()
        self._checkpoint: Checkpoint | None = None
        self._lock = Lock()  # for readers, too: an id is known as soon as its events are

    def __repr__(self) -> str:  # without the lock: whoever has it may be shown, too
        events, ids = len(self._events), len(self._replies)
        return f"<{type(self).__name__} version={events}, command_ids={ids}>"

    @property
    def version(self) -> int:
        """The number of events that are kept."""
        with self._lock:
            return len(self._events)

    def append(self, expected: int, entries: Sequence[Entry]) -> None:
        """Keep what happened, all of it or nothing; refused as by :meth:`Log.append`.

        Raises:
            Conflict: Others were faster.
            RuleViolation: Two entries have the same command id.
        """
        wanted = whole_number(expected, "expected", 0)
        given = as_tuple(entries, "entries")
        for index, entry in enumerate(given):
            check_kind(entry, Entry, f"entries[{index}]")
        ids = _ids_of(given)
        with self._lock:
            found = len(self._events)
            if wanted != found:
                raise Conflict(wanted, found)
            if (known := next((key for key in ids if key in self._replies), None)) is not None:
                raise Conflict(wanted, found, known)
            for entry in given:
                self._events += entry.all
                if entry.command_id is not None:
                    self._replies[entry.command_id] = Reply(entry.events, entry.text)
            while self._most is not None and len(self._replies) > self._most:
                self._replies.popitem(last=False)

    def read(self, after: int = 0) -> Iterator[Event]:
        """Yield all events after a number of them, in order."""
        first = whole_number(after, "after", 0)
        with self._lock:
            return iter(self._events[first:])

    def reply(self, command_id: str) -> Reply | None:
        """Return what a request with this id led to; ``None`` if none is known."""
        check_text(command_id, "command_id")
        with self._lock:
            return self._replies.get(command_id)

    def checkpoint(self) -> Checkpoint | None:
        """Return the latest checkpoint; ``None`` if there is none."""
        return self._checkpoint

    def keep(self, checkpoint: Checkpoint) -> None:
        """Keep a checkpoint."""
        check_kind(checkpoint, Checkpoint, "checkpoint")
        self._checkpoint = checkpoint
