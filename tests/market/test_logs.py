"""Many writers on one log: nothing is sold twice, lost, or done again."""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from itertools import cycle, islice
from typing import Any, ClassVar, cast
from unicodedata import combining, normalize

import pytest
from attrs import evolve
from hypothesis import given, strategies as st

from effort import examples, up_to
from log_checks import LAWS, Opens, empty, furnished, paid, rent, rent_volume
from market_world import ANN, BOB, HOST, START, second
from numgenius_core.contracts import InstanceState
from numgenius_core.errors import (
    Conflict,
    IllegalMove,
    InsufficientCredit,
    InvalidDocument,
    NotAllowed,
    NumgeniusError,
    ReactionRefused,
    RuleViolation,
    UnknownId,
    WrongType,
)
from numgenius_core.ids import AccountId, ContractId, MachineId
from numgenius_core.listing import Mode
from numgenius_core.market import (
    Market,
    Settings,
    commands as c,
    execute,
    find_events,
    replay,
    views,
)
from numgenius_core.market.events import (
    BalanceRanOut,
    ChargeDue,
    ContractCreated,
    CreditAdded,
    Event,
    InstanceDestroyed,
    InstanceExpired,
    InstanceLabelled,
    SettingsSet,
)
from numgenius_core.market.logs import (
    Checkpoint,
    Entry,
    Log,
    MemoryLog,
    Reaction,
    Reply,
    Transaction,
    Writer,
)
from numgenius_core.money import Money
from numgenius_core.rates import PerGpuHour, PerHour
from numgenius_core.testing import LawBroken, Step, check_log, plays, verify
from numgenius_core.testing.logs import LOG


def opener(make: Callable[[], Log] = MemoryLog) -> Opens:
    log = make()
    return lambda: log


class Forgetful(MemoryLog):
    """Loses conflicts: who is behind writes all the same."""

    def append(self, expected: int, entries: Sequence[Entry]) -> None:
        super().append(max(expected, self.version), entries)


class Oblivious(MemoryLog):
    """Knows no request again."""

    def reply(self, command_id: str) -> Reply | None:
        return super().reply(f"not {command_id}")


class Careless(MemoryLog):
    """Gives what had come due as a part of the answer."""

    def append(self, expected: int, entries: Sequence[Entry]) -> None:
        super().append(
            expected,
            [Entry(events=e.all, command_id=e.command_id, text=e.text) for e in entries],
        )


class Halved(MemoryLog):
    """Keeps the events of a writer who is behind, and tells him that it did not."""

    def append(self, expected: int, entries: Sequence[Entry]) -> None:
        behind = expected != self.version
        super().append(self.version, entries)
        if behind:
            raise Conflict(expected, self.version)


class Stale(MemoryLog):
    """Keeps the first checkpoint for ever."""

    def keep(self, checkpoint: Any) -> None:
        if self.checkpoint() is None:
            super().keep(checkpoint)


class Unordered(MemoryLog):
    """Reads the latest first."""

    def read(self, after: int = 0) -> Iterator[Event]:
        return reversed(list(super().read(after)))


class Miscounting(MemoryLog):
    """Counts an entry without events."""

    def append(self, expected: int, entries: Sequence[Entry]) -> None:
        super().append(expected, entries)
        self.more = getattr(self, "more", 0) + sum(not entry.all for entry in entries)

    @property
    def version(self) -> int:
        return super().version + getattr(self, "more", 0)


class Whole(MemoryLog):
    """Reads from the beginning, whatever it is asked for."""

    def read(self, after: int = 0) -> Iterator[Event]:
        return super().read(0 if after == 3 else after)


class Torn(MemoryLog):
    """Says what is right of a conflict, and keeps the events all the same."""

    def append(self, expected: int, entries: Sequence[Entry]) -> None:
        there = super().version
        if expected != there:
            self.kept = [event for entry in entries for event in entry.all]
            raise Conflict(expected, there)
        super().append(expected, entries)

    def read(self, after: int = 0) -> Iterator[Event]:
        return iter([*super().read(after), *getattr(self, "kept", ())])


class Eager(MemoryLog):
    """Takes note of an id before it looks whether it keeps its events."""

    def append(self, expected: int, entries: Sequence[Entry]) -> None:
        self.ids = {e.command_id for e in entries if e.command_id}
        super().append(expected, entries)

    def reply(self, command_id: str) -> Reply | None:
        known = super().reply(command_id)
        return Reply(()) if known is None and command_id in self.ids else known


class Bare(MemoryLog):
    """Keeps a checkpoint without what the market forgets."""

    def keep(self, checkpoint: Checkpoint) -> None:
        super().keep(Checkpoint(market=checkpoint.market))


class Diskless(MemoryLog):
    """Keeps a checkpoint without the volumes that were deleted."""

    def keep(self, checkpoint: Checkpoint) -> None:
        super().keep(evolve(checkpoint, volumes={}))

    def checkpoint(self) -> Checkpoint | None:
        kept = super().checkpoint()
        return kept and evolve(kept, volumes={})


class Piecemeal(MemoryLog):
    """Keeps each entry by itself."""

    def append(self, expected: int, entries: Sequence[Entry]) -> None:
        if not entries:
            super().append(expected, entries)
        for entry in entries:
            super().append(expected, [entry])
            expected += len(entry.all)


class Unique(MemoryLog):
    """Looks at all entries first; then it writes each, until an id is there already."""

    def append(self, expected: int, entries: Sequence[Entry]) -> None:
        for entry in list(map(evolve, entries)):  # no entry, no copy
            if entry.command_id and self.reply(entry.command_id):
                raise OSError("UNIQUE constraint failed")
            super().append(expected, [entry])
            expected += len(entry.all)


class Narrow(MemoryLog):
    """Writes ids and events, and then texts, of which some cannot be encoded."""

    def append(self, expected: int, entries: Sequence[Entry]) -> None:
        super().append(expected, entries)
        for entry in entries:
            (entry.text or "").encode()


class Undone(MemoryLog):
    """Refuses a text, and writes with what comes next what it has not taken back."""

    left: Sequence[Entry] = ()

    def append(self, expected: int, entries: Sequence[Entry]) -> None:
        if any(entry.text == "\ud800" for entry in entries):
            self.left = entries[:-1]
            raise UnicodeError("surrogates not allowed")
        super().append(expected, [*self.left, *entries])


class Again(MemoryLog):
    """Takes an id again that is there already, and keeps its first answer."""

    def append(self, expected: int, entries: Sequence[Entry]) -> None:
        try:
            super().append(expected, entries)
        except Conflict as conflict:
            if conflict.command_id is None:
                raise
            key = conflict.command_id
            super().append(
                expected,
                [evolve(e, command_id=None) if e.command_id == key else e for e in entries],
            )


class AgainIfEmpty(Again):
    """Does so where nothing has happened: no number of an event is taken twice then."""

    def append(self, expected: int, entries: Sequence[Entry]) -> None:
        if any(entry.all for entry in entries):
            MemoryLog.append(self, expected, entries)
        else:
            super().append(expected, entries)


class Keyed(MemoryLog):
    """Refuses an id that is there already as its database does."""

    def append(self, expected: int, entries: Sequence[Entry]) -> None:
        try:
            super().append(expected, entries)
        except Conflict as conflict:
            if conflict.command_id is None:
                raise
            raise OSError("UNIQUE constraint failed") from None


class Misnaming(MemoryLog):
    """Says of an id that is there already that there are fewer events."""

    def append(self, expected: int, entries: Sequence[Entry]) -> None:
        try:
            super().append(expected, entries)
        except Conflict as conflict:
            found = conflict.found - (conflict.command_id is not None)
            raise Conflict(conflict.expected, found, conflict.command_id) from None


class Answering(MemoryLog):
    """Refuses an id that is there already, and gives its other answer from then on."""

    def append(self, expected: int, entries: Sequence[Entry]) -> None:
        try:
            super().append(expected, entries)
        except Conflict as conflict:
            if (key := conflict.command_id) is not None:
                self._replies[key] = Reply((), entries[-1].text)
            raise


class DueOnce(MemoryLog):
    """Keeps what had come due before the first entry of an append, and no other."""

    def append(self, expected: int, entries: Sequence[Entry]) -> None:
        super().append(expected, [*entries[:1], *(evolve(each, due=()) for each in entries[1:])])


class Gapped(MemoryLog):
    """Gives numbers away that what it refuses does not use: its last one is no count."""

    used = 0

    def append(self, expected: int, entries: Sequence[Entry]) -> None:
        try:
            super().append(expected, entries)
        except Conflict:
            raise
        except Exception:
            self.used += 1
            raise

    @property
    def version(self) -> int:
        return super().version + self.used


class GappedByConflicts(MemoryLog):
    """Does so with what is in conflict."""

    used = 0

    def append(self, expected: int, entries: Sequence[Entry]) -> None:
        try:
            super().append(expected, entries)
        except Conflict:
            self.used = 1
            raise

    @property
    def version(self) -> int:
        return super().version + self.used


class Capped(MemoryLog):
    """Counts as far as a page goes."""

    @property
    def version(self) -> int:
        return min(super().version, 10_000)

    def append(self, expected: int, entries: Sequence[Entry]) -> None:
        super().append(len(self._events) if expected == 10_000 else expected, entries)


class Cached(MemoryLog):
    """Counts when it is opened, and then what it appends itself."""

    def __init__(self, shared: MemoryLog) -> None:
        vars(self).update(vars(shared))
        self.count = len(self._events)

    @property
    def version(self) -> int:
        return self.count

    def append(self, expected: int, entries: Sequence[Entry]) -> None:
        super().append(expected, entries)
        self.count = len(self._events)


class Raising(MemoryLog):
    """Has no room."""

    def append(self, expected: int, entries: Sequence[Entry]) -> None:
        raise OSError(f"no space left for {len(entries)} after {expected}")


class Used(MemoryLog):
    """Is not empty."""

    def __init__(self) -> None:
        super().__init__()
        super().append(0, [Entry(events=[paid(1)])])


class Round(MemoryLog):
    """Begins anew where it has ended."""

    def read(self, after: int = 0) -> Iterator[Event]:
        return super().read(0 if after == self.version else after)


class Unkept(MemoryLog):
    """Forgets its checkpoint when something is appended."""

    def append(self, expected: int, entries: Sequence[Entry]) -> None:
        super().append(expected, entries)
        self._checkpoint = None


class Emptied(Unkept):
    """Has a checkpoint left, without what the market forgets, when something is appended."""

    def append(self, expected: int, entries: Sequence[Entry]) -> None:
        kept = self.checkpoint()
        super().append(expected, entries)
        self._checkpoint = kept and Checkpoint(market=kept.market)


class Vacated(MemoryLog):
    """Has a checkpoint left, without the volumes that were deleted, when something is appended."""

    def append(self, expected: int, entries: Sequence[Entry]) -> None:
        super().append(expected, entries)
        self._checkpoint = self._checkpoint and evolve(self._checkpoint, volumes={})


class Deaf(MemoryLog):
    """Answers whatever is asked with nothing."""

    def reply(self, command_id: str) -> Reply | None:
        return super().reply(command_id) and Reply(())


class Altered(MemoryLog):
    """Reads other payments to who does not begin with the first."""

    def read(self, after: int = 0) -> Iterator[Event]:
        events = super().read(after)
        if not after:
            return events
        return (evolve(e, amount=Money(9)) if isinstance(e, CreditAdded) else e for e in events)


class FirstArchive(MemoryLog):
    """Keeps what was destroyed until the first checkpoint, and with later ones no more of it."""

    kept: tuple[str, ...] = ("instances", "volumes")

    def keep(self, checkpoint: Checkpoint) -> None:
        before = self.checkpoint()
        old: dict[str, Any] = (
            {} if before is None else {name: getattr(before, name) for name in self.kept}
        )
        super().keep(evolve(checkpoint, **old))


class FirstVolumes(FirstArchive):
    """Does so with volumes alone."""

    kept = ("volumes",)


class Sorted(MemoryLog):
    """Reads what was destroyed in the order of its numbers, as a table with a key does."""

    kept = "instances"

    def checkpoint(self) -> Checkpoint | None:
        found = super().checkpoint()
        if found is None:
            return None
        there: dict[str, Any] = {self.kept: dict(sorted(getattr(found, self.kept).items()))}
        return evolve(found, **there)


class SortedVolumes(Sorted):
    """Does so with volumes."""

    kept = "volumes"


class Paged(MemoryLog):
    """Reads a page, and no other: ``LIMIT 1000``."""

    page = 1_000

    def read(self, after: int = 0) -> Iterator[Event]:
        return islice(super().read(after), self.page)


class WidelyPaged(Paged):
    """Does so with wide pages."""

    page = 10_000


class Skipping(MemoryLog):
    """Reads page by page, and at the edge of each an event too few."""

    def read(self, after: int = 0) -> Iterator[Event]:
        every = list(super().read(after))
        return (event for number, event in enumerate(every) if not number or number % 1_000)


def _stripped(key: str) -> str:
    return key.strip()


def _as_number(key: str) -> str:
    try:
        return str(float(key))
    except ValueError:
        return key


def _unaccented(key: str) -> str:
    return "".join(each for each in normalize("NFD", key) if not combining(each))


def _of_two_bytes(key: str) -> str:
    return key.encode("utf-16-le")[:2].decode("utf-16-le", "replace") if key > "\uffff" else key


class Likening(MemoryLog):
    """Takes two ids for one, each kind of it in another way."""

    likened: Callable[[str], str]

    def __init__(self) -> None:
        super().__init__()
        self.latest: dict[str, str] = {}

    def append(self, expected: int, entries: Sequence[Entry]) -> None:
        super().append(expected, entries)
        for entry in entries:
            if entry.command_id is not None:
                self.latest[type(self).likened(entry.command_id)] = entry.command_id

    def reply(self, command_id: str) -> Reply | None:
        return super().reply(self.latest.get(type(self).likened(command_id), "none"))


def likening(how: Callable[[str], str]) -> type[Likening]:
    return type(how.__name__, (Likening,), {"likened": staticmethod(how)})


class Alike(MemoryLog):
    """Looks ids up as patterns: ``WHERE id LIKE ?``."""

    wild: ClassVar[Mapping[str, str]] = {"_": ".", "%": ".*"}

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []

    def append(self, expected: int, entries: Sequence[Entry]) -> None:
        super().append(expected, entries)
        self.ids += [entry.command_id for entry in entries if entry.command_id]

    def reply(self, command_id: str) -> Reply | None:
        form = "".join(self.wild.get(each, re.escape(each)) for each in command_id)
        found = next((each for each in self.ids if re.fullmatch(form, each)), None)
        return None if found is None else super().reply(found)


class Globbing(Alike):
    """Looks ids up as patterns of files."""

    wild: ClassVar[Mapping[str, str]] = {"?": ".", "*": ".*"}


class UnderscoreAlone(Alike):
    """Escapes one of the two."""

    wild: ClassVar[Mapping[str, str]] = {"_": "."}


class Said(MemoryLog):
    """Tells another text than it was told, each kind of it in another way."""

    said: Callable[[str | None], str | None]

    def reply(self, command_id: str) -> Reply | None:
        found = super().reply(command_id)
        return found and evolve(found, text=type(self).said(found.text))


def saying(how: Callable[[str | None], str | None]) -> type[Said]:
    return type("saying", (Said,), {"said": staticmethod(how)})


class TestEveryLog:
    """What a writer builds on; other logs are held to the same checks."""

    def test_the_one_in_memory(self) -> None:
        check_log(opener)

    @pytest.mark.parametrize(
        ("wrong", "law", "fault"),
        [
            (Forgetful, "it refuses who is behind", "who expected 0 events appended to 1"),
            (Oblivious, "it remembers answers", "the reply of 'a' is None"),
            (Careless, "it remembers answers", "the reply of 'a' is Reply"),
            (Halved, "it refuses who is behind", "the conflict of 0 expected and 1 there says"),
            (Stale, "it shortens the next start", "the latest checkpoint is not what counts"),
            (Unordered, "it keeps the order", "not what was appended, in order"),
            (Miscounting, "it keeps the order", "its version is 5 after 4 events"),
            (Whole, "it keeps the order", "after 3 events it does not read the fourth"),
            (Torn, "it refuses who is behind", "it keeps events that it refused"),
            (Eager, "it refuses who is behind", "it knows the id of what it refused"),
            (Bare, "it shortens the next start", "what is kept as a checkpoint is not what"),
            (Diskless, "it shortens the next start", "what is kept as a checkpoint is not what"),
            (Piecemeal, "all of it or nothing", "an append that ends with what is no entry was"),
            (Unique, "all of it or nothing", "ends with one whose command id is there already"),
            (Narrow, "all of it or nothing", "ends with one whose text has no UTF-8 was refused"),
            (Undone, "all of it or nothing", "it keeps later what it refused"),
            (FirstArchive, "it shortens the next start", "what is kept as a checkpoint is not"),
            (FirstVolumes, "it shortens the next start", "what is kept as a checkpoint is not"),
            (Sorted, "it shortens the next start", "instances .* come back in another order"),
            (SortedVolumes, "it shortens the next start", "volumes .* come back in another order"),
            (Paged, "it reads to the end", "of the 10,001 events after 0 it reads 1,000"),
            (WidelyPaged, "it reads to the end", "of the 10,001 events after 0 it reads 10,000"),
            (Skipping, "it reads to the end", "of the 10,001 events after 0 it reads 9,991"),
            (Raising, "it keeps the order", "raised OSError: no space left"),
            (Again, "an id is taken once", "an id .* without events, is taken again"),
            (AgainIfEmpty, "an id is taken once", "an id .* without events, is taken again"),
            (Keyed, "an id is taken once", "without events, is refused by OSError"),
            (Misnaming, "an id is taken once", "names other numbers of events"),
            (Answering, "an id is taken once", "is refused, and something of it is kept"),
            (DueOnce, "it keeps the order", "its version is 3 after 4 events"),
            (Gapped, "all of it or nothing", "its version is 2 after 1 events"),
            (GappedByConflicts, "it refuses who is behind", "its version is 2 after 1 events"),
            (Capped, "it reads to the end", "its version is 10,000 after 10,001 events"),
        ],
    )
    def test_a_wrong_one_is_caught(self, wrong: type[MemoryLog], law: str, fault: str) -> None:
        with pytest.raises(LawBroken, match=fault) as caught:
            check_log(lambda: opener(wrong))
        assert (caught.value.rule, caught.value.law) == ("log", law)

    def test_so_is_one_that_does_not_count_what_others_append(self) -> None:
        def fresh() -> Opens:
            shared = MemoryLog()
            return lambda: Cached(shared)

        with pytest.raises(LawBroken, match="its version is 0 after 4 events") as caught:
            check_log(fresh)
        assert caught.value.law == "it keeps the order"

    @pytest.mark.parametrize(
        "how",
        [
            *(str.casefold, str.lower, _stripped, str.rstrip, _as_number, _unaccented),
            *(lambda key: key[:50], lambda key: key[:199], _of_two_bytes),
            *(lambda key: normalize("NFC", key), lambda key: normalize("NFKC", key)),
            *(lambda key: key.replace("\\'", "'"), lambda key: key.replace("\\", "")),
        ],
    )
    def test_one_that_takes_two_ids_for_one_is_caught(self, how: Callable[[str], str]) -> None:
        with pytest.raises(LawBroken, match=r"it knows .* before it was there") as caught:
            check_log(lambda: opener(likening(how)))
        assert caught.value.law == "it tells ids apart"

    def test_so_is_one_that_overwrites_an_answer_with_that_of_another_id(self) -> None:
        class Careful(Likening):
            """Looks for an id as it is given before it looks for one alike."""

            likened = staticmethod(str.casefold)
            given: Set[str | None] = frozenset()

            def append(self, expected: int, entries: Sequence[Entry]) -> None:
                super().append(expected, entries)
                self.given |= {entry.command_id for entry in entries}

            def reply(self, command_id: str) -> Reply | None:
                return super().reply(command_id) if command_id in self.given else None

        [apart] = [each.check for each in LAWS if each.name == "it tells ids apart"]
        assert str(apart(lambda: opener(Careful))).startswith("the reply of 'order 7' is Reply")

    @pytest.mark.parametrize("wrong", [Alike, Globbing, UnderscoreAlone])
    def test_so_is_one_for_which_an_id_is_a_pattern(self, wrong: type[MemoryLog]) -> None:
        with pytest.raises(LawBroken, match=r"it knows .* before it was there"):
            check_log(lambda: opener(wrong))

    @pytest.mark.parametrize(
        ("how", "said"),
        [
            (lambda text: text and text[:255], "one of 255 characters, not one of 70,000"),
            (lambda text: text and text[:65_535], "one of 65,535 characters, not one of 70,000"),
            (lambda text: text or None, "None, not ''"),
            (lambda text: text and text.strip(), "'', not ' '"),
            (lambda text: None if text == "null" else text, "None, not 'null'"),
            (lambda text: text and text.encode("latin-1", "replace").decode("latin-1"), "not '"),
        ],
    )
    def test_so_is_one_that_changes_what_was_told(
        self, how: Callable[[str | None], str | None], said: str
    ) -> None:
        with pytest.raises(LawBroken, match=f"the text of .* is .*{said}") as caught:
            check_log(lambda: opener(saying(how)))
        assert caught.value.law == "it tells ids apart"

    @pytest.mark.parametrize(
        ("wrong", "law", "fault"),
        [
            (Used, "it keeps the order", "a new log is not empty"),
            (Round, "it keeps the order", "after all its events it reads more"),
            (Unkept, "it shortens the next start", "who opens the log again does not find its"),
            (Emptied, "it shortens the next start", "the instances of a checkpoint do not come"),
            (Vacated, "it shortens the next start", "the volumes of a checkpoint do not come"),
            (Forgetful, "a GPU is sold once", "who has not seen all events appends"),
            (Deaf, "a request happens once", "a request that is repeated gets another answer"),
            (Altered, "it shortens the next start", "who goes on from a checkpoint comes to ano"),
        ],
    )
    def test_each_law_catches_what_it_is_about(
        self, wrong: type[MemoryLog], law: str, fault: str
    ) -> None:
        [check] = [each.check for each in LAWS if each.name == law]
        assert str(check(lambda: opener(wrong))).startswith(fault)

    def test_a_log_that_nobody_shares_is_none(self) -> None:
        with pytest.raises(LawBroken, match="its version is 0 after 4 events"):
            check_log(lambda: MemoryLog)
        [sold] = [each.check for each in LAWS if each.name == "a GPU is sold once"]
        assert sold(lambda: MemoryLog) == "writers of one log do not come to one market"

        def copied() -> Opens:
            """Open a log and, later, copies of what it has by then."""
            first: list[MemoryLog] = []

            def opens() -> Log:
                log = MemoryLog()
                if first:
                    log.append(0, [Entry(events=first[0].read())])
                first.append(log)
                return log

            return opens

        assert sold(copied) == "two writers who know a free GPU sell it twice"

    def test_one_that_keeps_them_passes(self) -> None:
        verify(LOG, LOG.ours)

    @pytest.mark.parametrize("fresh", [None, MemoryLog(), "log"])
    def test_what_makes_no_log(self, fresh: Any) -> None:
        with pytest.raises(WrongType, match="fresh: need a function"):
            check_log(fresh)

    @pytest.mark.parametrize("wrong", [MemoryLog, lambda: None])
    def test_a_function_that_opens_nothing_is_no_fault_of_the_log(self, wrong: Any) -> None:
        """Seen: ``check_log(MemoryLog)`` said that the log broke a law."""
        need = "need a function that makes a log and returns a function that opens it once more"
        with pytest.raises(WrongType, match=f"^fresh: {need}, got one that returns (<Mem|None)"):
            check_log(wrong)


class TestIdsAreKept:
    """Issue: "ids are kept as long as the log says"."""

    def test_as_long_as_the_log_says(self) -> None:
        log = MemoryLog(ids=2)
        for number, key in enumerate("abc"):
            log.append(number, [Entry(events=[paid(number + 1)], command_id=key)])
        assert [log.reply(key) for key in "abc"] == [None, Reply((paid(2),)), Reply((paid(3),))]
        for wrong in (0, -1):
            with pytest.raises(RuleViolation, match="ids"):
                MemoryLog(ids=wrong)

    @pytest.mark.parametrize("wrong", ["", "x" * 201])
    def test_ids_that_are_none(self, wrong: str) -> None:
        with pytest.raises(RuleViolation, match="command_id: need 1 to 200 printable characters"):
            Transaction(commands=[c.Tick()], command_id=wrong)
        with pytest.raises(RuleViolation, match="command_id"):
            Entry(events=[], command_id=wrong)


def divided(steps: Sequence[Step], who: Iterator[int], writers: Sequence[Writer]) -> None:
    """Let writers in turn do the steps of a play, each with what it has last seen."""
    for command, at in steps:
        with suppress(NumgeniusError):
            writers[next(who)].execute(command, at=at)


class TestManyWritersAreOne:
    """Issue: "no GPU sold twice"; whoever writes, the events are those of one."""

    @given(steps=plays(most=12), who=st.lists(st.integers(0, 2), min_size=1, max_size=9))
    @examples(60)
    def test_a_play_divided_among_three(self, steps: tuple[Step, ...], who: list[int]) -> None:
        log = MemoryLog()
        writers = [Writer(log) for _ in range(3)]
        divided(steps, cycle(who), writers)
        alone = Writer(MemoryLog())
        divided(steps, cycle([0]), [alone])
        assert list(log.read()) == list(alone.log.read())
        for writer in writers:
            assert writer.catch_up() == alone.market
            assert (writer.instances, writer.volumes) == (alone.instances, alone.volumes)

    def test_the_events_are_those_of_execute(self) -> None:
        writer, market = Writer(MemoryLog()), Market()
        happened: list[Event] = []
        for dollars in range(1, 4):
            command = c.AddCredit(account=ANN, amount=Money(dollars))
            market, events = execute(market, command, second(dollars))
            happened += events
            assert writer.execute(command, at=second(dollars)) == events
        assert list(writer.log.read()) == happened
        assert writer.market == market

    def test_a_clock_that_is_behind(self) -> None:
        writer = Writer(MemoryLog())
        writer.execute(c.AddCredit(account=ANN, amount=Money(1)), at=second(9))
        (event,) = writer.execute(c.AddCredit(account=ANN, amount=Money(2)), at=second(3))
        assert event.at == second(9)


class Contended(MemoryLog):
    """Another writer gets in between a decision and its append, a number of times."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times
        self.conflicts = 0
        self.meanwhile: Callable[[], object] = lambda: None

    def append(self, expected: int, entries: Sequence[Entry]) -> None:
        if self.times:
            self.times -= 1
            self.meanwhile()
        try:
            super().append(expected, entries)
        except Conflict:
            self.conflicts += 1
            raise


class TestConflicts:
    """Issue: "the loop that decides, appends, and on a conflict catches up and decides again"."""

    def test_it_is_decided_again(self) -> None:
        log = Contended(0)
        one, two = furnished(log), Writer(log)
        log.times = 3
        log.meanwhile = lambda: two.execute(c.AddCredit(account=BOB, amount=Money(1)), at=START)
        (number,) = rent(one)
        assert log.conflicts == 3  # who gets in between finds another before him, and so on
        assert one.market.account(BOB).ledger.at(second(1)) == Money(103)
        assert number == one.market.last
        assert one.market == replay(log.read())

    def test_what_was_there_is_gone_when_it_is_decided_again(self) -> None:
        log = Contended(0)
        one, two = furnished(log), Writer(log)
        log.times, log.meanwhile = 1, lambda: rent(two)
        with pytest.raises(NumgeniusError, match="nobody has rented"):
            rent(one)
        assert len(find_events(log.read(), ContractCreated)) == 1

    def test_threads(self) -> None:
        log = MemoryLog()
        first = furnished(log)
        count = up_to(8, 4)
        sold: list[Any] = []

        def work(number: int) -> None:
            writer = Writer(log)
            for turn in range(5):
                key = f"{number} {turn}"
                command = c.AddCredit(account=BOB, amount=Money(1))
                writer.execute(command, at=second(1), command_id=key)
                with suppress(NumgeniusError):
                    sold.extend(rent(writer, f"rent {number} {turn}"))

        threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        market = first.catch_up()
        assert market.account(BOB).ledger.at(second(1)) == Money(100 + 5 * count)
        assert len(sold) == 1
        assert market == replay(log.read())

    def test_an_id_is_known_as_soon_as_its_events_are(self) -> None:
        log, seen = MemoryLog(), list[Any]()

        class Slow(OrderedDict[str, Reply]):
            def __setitem__(self, key: str, reply: Reply) -> None:
                reader.start()
                reader.join(0.05)  # it waits, or has seen events without their reply
                super().__setitem__(key, reply)

        log._replies = Slow()
        reader = threading.Thread(target=lambda: seen.append((log.version, log.reply("7"))))
        entry = Entry(events=[paid(1), paid(2)], command_id="7")
        log.append(0, [entry, Entry(events=[paid(3)])])  # all of it or nothing, for readers too
        reader.join()
        assert seen == [(3, Reply(entry.events))]

    def test_a_turn_is_taken_for_each_try(self) -> None:
        class Turns(Contended):
            open = 0
            taken = 0

            @contextmanager
            def turn(self) -> Iterator[None]:
                self.open, self.taken = self.open + 1, self.taken + 1
                try:
                    yield
                finally:
                    self.open -= 1

            def append(self, expected: int, entries: Sequence[Entry]) -> None:
                assert self.open
                super().append(expected, entries)

        log = Turns(0)
        one, two = furnished(log), Writer(log)
        log.times, log.taken = 1, 0
        log.meanwhile = lambda: two.execute(c.AddCredit(account=BOB, amount=Money(1)), at=START)
        rent(one)
        assert (log.taken, log.open) == (3, 0)

    def test_what_came_while_it_waited_for_its_turn_goes_along(self) -> None:
        """Transactions are taken, and the clock is read, once: when the turn has begun."""
        pay = c.AddCredit(account=ANN, amount=Money(1))
        more = Transaction(commands=[c.AddCredit(account=BOB, amount=Money(2))])
        waiting = [Transaction(commands=[pay])]
        clock = [second(1)]

        class Slow(Contended):
            @contextmanager
            def turn(self) -> Iterator[None]:
                if len(waiting) == 1:
                    waiting.append(more)
                    clock.append(second(5))
                yield

        def taken() -> Iterator[Transaction]:
            yield from waiting

        log = Slow(1)
        log.meanwhile = lambda: Writer(log).execute(pay, at=second(7))
        results = Writer(log).execute_all(taken(), at=lambda: clock[-1])

        def paid_in(at: int, account: AccountId, dollars: int) -> CreditAdded:
            return CreditAdded(at=second(at), account=account, amount=Money(dollars))

        mine = [paid_in(7, ANN, 1), paid_in(7, BOB, 2)]
        assert list(log.read()) == [paid_in(7, ANN, 1), *mine]
        assert results == tuple(Reply((each,)) for each in mine)
        del waiting[1:], clock[1:]
        late = Slow(0)
        Writer(late).execute_all(taken(), at=lambda: clock[-1])
        assert [event.at for event in late.read()] == [second(5)] * 2


class Lost(MemoryLog):
    """Has lost its tail, or all from an event on, and counts as before."""

    whole = 4

    def read(self, after: int = 0) -> Iterator[Event]:
        return islice(super().read(after), max(0, self.whole - after))


class Stubborn(MemoryLog):
    """Says that others were faster, and has nothing new; each time, or a number of times."""

    asked = 0
    times: float = float("inf")

    def append(self, expected: int, entries: Sequence[Entry]) -> None:
        self.asked += 1
        if self.asked <= self.times:
            raise Conflict(expected, expected + 1)
        super().append(expected, entries)


class Restarted(MemoryLog):
    """A server that crashes while it is read, and then has fewer events than it said."""

    restarts = 0

    @property
    def epoch(self) -> int:
        return self.restarts

    def read(self, after: int = 0) -> Iterator[Event]:
        if len(self._events) == 6:
            del self._events[4:]
            self.restarts += 1
            self._checkpoint = None
        return super().read(after)


class TestALogThatDisagreesWithItself:
    """Log: "read gives … at least as many as version said before"; no writer asks for ever."""

    pay = c.AddCredit(account=ANN, amount=Money(1))

    def test_fewer_events_than_it_says(self) -> None:
        log = Lost()
        one, two = furnished(log), Writer(log)
        before = two.market
        one.execute(self.pay, at=START)
        one.execute(self.pay, at=START)
        need = "^log: need the 6 events that it says it has, got 4 events$"
        for late in (
            two.catch_up,
            lambda: two.execute(self.pay, at=START),
            lambda: Writer(log),
        ):
            with pytest.raises(RuleViolation, match=need):
                late()
        assert two.market is before
        assert log.version == 6

    def test_one_that_has_lost_them_because_it_crashed(self) -> None:
        """Then it is begun anew, and nothing is at fault."""
        log = Restarted()
        one, two = furnished(log), Writer(log)
        one.execute(self.pay, self.pay, at=START)
        assert log.version == 6
        assert two.catch_up() == replay(log.read())
        assert two.market.version == 4
        assert two.execute(self.pay, at=START)

    def test_conflicts_without_end_and_without_news(self) -> None:
        log = Stubborn()
        writer = Writer(log)
        need = "^log: need to take what follows 0 events, all it has, got 300 conflicts$"
        with pytest.raises(RuleViolation, match=need) as caught:
            writer.execute(self.pay, at=START)
        assert isinstance(caught.value.__cause__, Conflict)
        assert log.asked == 301

    def test_as_many_as_there_may_be(self) -> None:
        log = Stubborn()
        log.times = 300
        assert Writer(log).execute(self.pay, at=START)

    def test_as_many_as_others_are_faster(self) -> None:
        log = Contended(0)
        one, two = Writer(log), Writer(log)
        log.times, log.meanwhile = (
            350,
            lambda: MemoryLog.append(log, len(log._events), [Entry(events=[paid(1)])]),
        )
        assert one.execute(self.pay, at=START)
        assert two.catch_up().version == 351

    def test_what_is_gone_is_known_before_the_market_forgets_it(self) -> None:
        """Who takes the market in another thread, and then the archive, misses nothing."""

        class Watched(Writer):
            watching = False

            def __setattr__(self, name: str, value: Any) -> None:
                if name == "market" and self.watching:
                    gone = self.market.homes.keys() - value.homes.keys()
                    forgotten = self.market.volumes.keys() - value.volumes.keys()
                    assert gone <= self.instances.keys()
                    assert forgotten <= self.volumes.keys()
                    seen.append((len(gone), len(forgotten)))
                super().__setattr__(name, value)

        seen: list[tuple[int, int]] = []
        log = MemoryLog()
        (contract,) = rent(furnished(log))
        one, other = Watched(log), Watched(log)
        volume = rent_volume(one)
        other.catch_up()
        one.watching = other.watching = True
        for command in (
            c.Destroy(by=ANN, contract=contract),
            c.DeleteVolume(by=ANN, volume=volume),
        ):
            one.execute(command, at=second(5))
        other.catch_up()
        assert [each for each in seen if any(each)] == [(1, 0), (0, 1), (1, 1)]


class TestAnIdThatTwoAreAskedAtOnce:
    """A command id "makes a request that is repeated give its first answer": to both of them."""

    nothing: ClassVar[Sequence[c.Command]] = [c.Tick()]
    payment: ClassVar[Sequence[c.Command]] = [c.AddCredit(account=ANN, amount=Money(1))]

    @pytest.mark.parametrize("commands", [nothing, payment], ids=["no event", "an event"])
    def test_both_are_told_what_was_told_first(self, commands: Sequence[c.Command]) -> None:
        log, told = MemoryLog(), list[Any]()
        one, two = Writer(log), Writer(log)

        def faster(_: Market, __: Sequence[Event]) -> str:
            """Let another writer be asked when this one has looked for the id already."""
            if not told:
                told.extend(two.execute_all([wanted("second")], at=START))
            return "first"

        def wanted(text: str, tell: Any = None) -> Transaction:
            return Transaction(
                commands=commands, command_id="ann 7", tell=tell or (lambda *_: text)
            )

        more = Transaction(commands=self.payment, command_id="ben 8")
        first, other = one.execute_all([wanted("first", faster), more], at=START)
        assert isinstance(first, Reply)
        assert [first, first] == [*told, log.reply("ann 7")]
        assert first.text == "second"
        assert isinstance(other, Reply)
        assert len(other.events) == 1  # what goes along with it happens all the same
        assert log.version == len(first.events) + 1

    def test_a_log_refuses_it_and_says_which(self) -> None:
        log = MemoryLog(ids=1)
        log.append(0, [Entry(events=[], command_id="a")])
        with pytest.raises(Conflict, match=r"^the log has an entry of the command id 'a' already$"):
            log.append(0, [Entry(events=[paid(1)]), Entry(events=[], command_id="a")])
        log.append(0, [Entry(events=[], command_id="b")])
        log.append(0, [Entry(events=[], command_id="a")])  # which it has forgotten by then
        twice = [Entry(events=[], command_id="c"), Entry(events=[], command_id="c")]
        need = r"^entries\[1\].command_id: need another id than entries\[0\], got 'c'$"
        with pytest.raises(RuleViolation, match=need):
            log.append(0, twice)
        assert (log.version, log.reply("c")) == (0, None)


class TestRequests:
    """What is carried out together, and what a repeated request is told."""

    def test_all_or_none(self) -> None:
        writer = furnished(MemoryLog())
        before = writer.market
        two = (c.AddCredit(account=ANN, amount=Money(5)), c.Stop(by=ANN, contract=7))
        with pytest.raises(NumgeniusError, match="contract"):
            writer.execute(*two, at=START, command_id="both")
        assert writer.market is before
        assert writer.log.version == before.version
        assert writer.log.reply("both") is None  # and may be asked again
        assert writer.execute(two[0], at=START, command_id="both")

    def test_a_refused_request_is_not_in_the_archive(self) -> None:
        writer = furnished(MemoryLog())
        (number,) = rent(writer)
        with pytest.raises(NumgeniusError):
            writer.execute(
                c.Destroy(by=ANN, contract=number), c.Stop(by=ANN, contract=number), at=second(5)
            )
        assert not writer.instances

    def test_a_batch_is_one_append_and_goes_on_after_a_refusal(self) -> None:
        log = MemoryLog()
        appended: list[int] = []

        class Counted(MemoryLog):
            def append(self, expected: int, entries: Sequence[Entry]) -> None:
                appended.append(len(entries))
                super().append(expected, entries)

        log = Counted()
        writer = Writer(log)
        pay = c.AddCredit(account=ANN, amount=Money(5))
        results = writer.execute_all(
            [
                Transaction(commands=[pay], command_id="a"),
                Transaction(commands=[c.Stop(by=ANN, contract=7)], command_id="b"),
                Transaction(commands=[pay], command_id="a"),
                Transaction(commands=[c.Tick()]),
                Transaction(commands=[c.Tick()], command_id="c"),
            ],
            at=START,
        )
        first = (CreditAdded(at=START, account=ANN, amount=Money(5)),)
        assert results[0] == results[2] == Reply(first)
        assert isinstance(results[1], NumgeniusError)
        assert results[3] == results[4] == Reply(())
        assert appended == [2]
        assert (log.version, log.reply("b"), log.reply("c")) == (1, None, Reply(()))

    def test_what_had_come_due_is_no_part_of_the_answer(self) -> None:
        writer = furnished(MemoryLog())
        offer = writer.market.machine(MachineId(1)).offer_id(0)
        command = c.Rent(by=ANN, offer=offer, mode=Mode.ON_DEMAND, disk_mb=1_000, end=second(60))
        events = writer.execute(command, at=second(1))
        (made,) = find_events(events, ContractCreated)
        label = c.Label(by=ANN, contract=made.contract.id, label="old")
        before = writer.log.version
        told = writer.execute(label, at=second(99), command_id="label")
        assert [type(event) for event in told] == [InstanceLabelled]
        assert writer.log.version > before + 1
        assert writer.log.reply("label") == Reply(told)

    def test_reactions_are_a_part_of_the_request(self) -> None:
        def thanks(_market: Market, event: Event) -> Iterable[c.Command]:
            if isinstance(event, CreditAdded) and event.account == ANN:
                yield c.AddCredit(account=BOB, amount=event.amount)

        writer = Writer(MemoryLog(), react=thanks)
        told = writer.execute(c.AddCredit(account=ANN, amount=Money(2)), at=START)
        assert [event.account for event in find_events(told, CreditAdded)] == [ANN, BOB]

        def too_much(_market: Market, _event: Event) -> Iterable[c.Command]:
            yield c.Stop(by=ANN, contract=7)

        strict = Writer(MemoryLog(), react=too_much)
        with pytest.raises(ReactionRefused, match=r"^reaction to CreditAdded: contract: need an"):
            strict.execute(c.AddCredit(account=ANN, amount=Money(2)), at=START)
        assert not strict.log.version
        paid = Transaction(commands=[c.AddCredit(account=ANN, amount=Money(2))])
        [refusal] = strict.execute_all([paid], at=START)
        assert isinstance(refusal, ReactionRefused)
        assert (refusal.__traceback__, refusal.__context__) == (None, None)  # it is an answer
        assert isinstance(refusal.__cause__, UnknownId)
        assert refusal.__cause__.__traceback__ is None

    def test_a_refused_reaction_to_what_is_due_stops_the_market_until_it_is_mended(self) -> None:
        def wrong(_market: Market, event: Event) -> Iterable[c.Command]:
            if isinstance(event, InstanceExpired):
                yield c.ReportLoaded(contract=event.contract)

        log = MemoryLog()
        writer = furnished(log)
        offer = writer.market.machine(MachineId(1)).offer_id(0)
        writer.execute(
            c.Rent(by=ANN, offer=offer, mode=Mode.ON_DEMAND, disk_mb=1_000, end=second(60)),
            at=second(1),
        )
        stuck, before = Writer(log, react=wrong), log.version
        for command in (c.Tick(), c.AddCredit(account=BOB, amount=Money(1))):
            with pytest.raises(ReactionRefused):
                stuck.execute(command, at=second(99))
        assert log.version == before
        mended = Writer(log, react=lambda _market, _event: ())
        mended.execute(c.Tick(), at=second(99))
        assert find_events(log.read(), InstanceExpired)

    def test_a_refused_reaction_says_that_it_is_one(self) -> None:
        """Whoever asked for something else, or for nothing but the time, is not to blame."""

        def too_early(_market: Market, event: Event) -> Iterable[c.Command]:
            if isinstance(event, ContractCreated):  # of a bid that waits
                yield c.ReportLoaded(contract=event.contract.id)

        log = MemoryLog()
        number = rent(furnished(log))[0]
        writer = Writer(log, react=too_early)
        writer.execute(c.SetMinBid(by=HOST, machine=MachineId(1), floor=PerGpuHour(1)), at=START)
        offer = writer.market.machine(MachineId(1)).offer_id(0)
        low = c.Rent(by=BOB, offer=offer, mode=Mode.INTERRUPTIBLE, bid=PerHour(1))
        with pytest.raises(
            ReactionRefused, match=r"^reaction to ContractCreated: loaded: not pos"
        ) as caught:
            writer.execute(low, at=second(1))
        cause = caught.value.__cause__
        assert isinstance(cause, IllegalMove)
        assert (caught.value.event, caught.value.refusal) == ("ContractCreated", str(cause))
        assert not issubclass(ReactionRefused, RuleViolation)  # whoever asked broke no rule
        assert caught.value.code == "reaction_refused"
        [note] = caught.value.__notes__
        assert note.startswith("in reaction to ContractCreated(at=")

        def of_nobody(_market: Market, event: Event) -> Iterable[c.Command]:
            if isinstance(event, InstanceExpired):
                yield c.Destroy(by=BOB, contract=event.contract)

        writer.execute(c.Destroy(by=ANN, contract=number), at=second(1))
        command = c.Rent(by=ANN, offer=offer, mode=Mode.ON_DEMAND, end=second(60))
        writer = Writer(log)
        writer.execute(command, at=second(1))
        broken = Writer(log, react=of_nobody)
        for innocent in (c.Tick(), c.AddCredit(account=BOB, amount=Money(1))):
            with pytest.raises(
                ReactionRefused, match=r"^reaction to InstanceExpired: by: need the"
            ):
                broken.execute(innocent, at=second(99))
        assert broken.execute(c.Tick(), at=second(59)) == ()
        assert Writer(log).execute(c.AddCredit(account=BOB, amount=Money(1)), at=second(99))

    def test_what_a_reaction_raises_itself_says_so_too(self) -> None:
        def refuses(_market: Market, _event: Event) -> Iterable[c.Command]:
            raise NotAllowed("account", "another name", "ann")

        writer = Writer(MemoryLog(), react=refuses)
        with pytest.raises(ReactionRefused, match=r"^reaction to CreditAdded: account: need ano"):
            writer.execute(c.AddCredit(account=ANN, amount=Money(2)), at=START)

        def misreads(_market: Market, _event: Event) -> Iterable[c.Command]:
            raise InvalidDocument("cards.json", ())

        writer = Writer(MemoryLog(), react=misreads)
        with pytest.raises(ReactionRefused) as caught:
            writer.execute(c.AddCredit(account=ANN, amount=Money(2)), at=START)
        assert isinstance(caught.value.__cause__, InvalidDocument)
        assert caught.value.__notes__[0].startswith("in reaction to CreditAdded(at=")

    @staticmethod
    def runs_dry(react: Reaction | None) -> Writer:
        """Return a writer in whose market a hundred dollars pay for a hundred hours."""
        log = MemoryLog()
        (contract,) = rent(furnished(log))
        writer = Writer(log, react=react)
        writer.execute(c.ReportLoaded(contract=contract), at=START)
        writer.execute(c.SetThresholds(by=ANN, charge=Money(50), notice=Money(20)), at=START)
        return writer

    def test_what_comes_due_is_reacted_to_when_it_does(self) -> None:
        """A card is charged when the balance falls to the threshold, so nothing stops."""

        def charged(_market: Market, event: Event) -> Iterable[c.Command]:
            if isinstance(event, ChargeDue):
                yield c.AddCredit(account=event.account, amount=Money(50))

        later = second(1 + 120 * 3_600)
        for react, state, left in (
            (charged, InstanceState.RUNNING, Money(80)),
            (None, InstanceState.STOPPED, Money(0)),
        ):
            writer = self.runs_dry(react)
            assert writer.execute(c.Tick(), at=later, command_id="tick") == ()
            assert writer.log.reply("tick") == Reply(())
            market = replay(writer.log.read())
            assert market == writer.market
            assert [each.state for each in views.instances_of(market, ANN)] == [state]
            assert views.balance(market, ANN, later) == left
        again = self.runs_dry(charged)
        assert again.execute(c.Tick(), at=second(1 + 50 * 3_600)) == ()  # due at this very second
        again.execute(c.Tick(), at=later)
        paid_at = [event.at for event in find_events(again.log.read(), CreditAdded)]
        assert paid_at[2:] == [second(1 + hours * 3_600) for hours in (50, 100)]

    def test_settings_are_set_after_any_silence_and_what_came_due_was_reacted_to(self) -> None:
        def charged(_market: Market, event: Event) -> Iterable[c.Command]:
            if isinstance(event, ChargeDue):
                yield c.AddCredit(account=event.account, amount=Money(50))

        for react, state in ((charged, InstanceState.RUNNING), (None, InstanceState.STOPPED)):
            writer = self.runs_dry(react)
            short = Settings(longest_step=timedelta(days=1))
            writer.execute(c.SetSettings(settings=short), at=START)
            told = writer.execute(
                c.SetSettings(settings=Settings()), at=second(120 * 3_600), command_id="set"
            )
            assert [type(event) for event in told] == [SettingsSet]
            assert [each.state for each in views.instances_of(writer.market, ANN)] == [state]
            assert replay(writer.log.read()) == writer.market

    def test_what_is_due_is_told_in_its_order_and_no_longer_than_may_pass(self) -> None:
        seen: list[str] = []

        def noted(market: Market, event: Event) -> Iterable[c.Command]:
            assert market.now == event.at
            seen.append(type(event).__name__)
            return ()

        writer = self.runs_dry(noted)
        limits = Settings(longest_step=timedelta(days=9))
        writer.execute(c.SetSettings(settings=limits), at=START)
        seen.clear()
        with pytest.raises(RuleViolation, match="longest_step"):
            writer.execute(c.Tick(), at=START + timedelta(days=10))
        assert not seen
        writer.execute(c.Tick(), at=START + timedelta(days=9))
        assert seen == ["ChargeDue", "BalanceLow", "BalanceRanOut", "InstanceStopped"]

    def test_a_reaction_sees_the_market_on_which_its_commands_are_carried_out(self) -> None:
        """After the whole command, and after the reactions to the events before."""
        seen: list[tuple[str, bool, Money]] = []

        def charged(market: Market, event: Event) -> Iterable[c.Command]:
            account = market.account(ANN)
            seen.append((type(event).__name__, account.charge_told, account.ledger.amount))
            if isinstance(event, ChargeDue):
                yield c.AddCredit(account=ANN, amount=Money(50))

        writer = Writer(MemoryLog(), react=charged)
        writer.execute(c.AddCredit(account=ANN, amount=Money(10)), at=START)
        seen.clear()
        low = c.SetThresholds(by=ANN, charge=Money(20), notice=Money(15))
        writer.execute(low, at=START)
        assert seen == [
            ("ThresholdsSet", True, Money(10)),  # what came of it is known already
            ("ChargeDue", True, Money(10)),
            ("BalanceLow", False, Money(60)),  # the card was charged
        ]

    def test_a_reaction_to_what_comes_due_sees_all_of_that_instant(self) -> None:
        states: list[InstanceState] = []

        def noted(market: Market, event: Event) -> Iterable[c.Command]:
            if isinstance(event, BalanceRanOut):
                states.extend(each.state for each in views.instances_of(market, ANN))
            return ()

        writer = self.runs_dry(noted)
        writer.execute(c.Tick(), at=second(1 + 120 * 3_600))
        assert states == [InstanceState.STOPPED]  # though it stops in a later event

    @staticmethod
    def charged(_market: Market, event: Event) -> Iterable[c.Command]:
        if isinstance(event, ChargeDue):
            yield c.AddCredit(account=event.account, amount=Money(50))

    @pytest.mark.parametrize("hours", [0, 49, 50, 99, 100, 120, 400])
    @pytest.mark.parametrize("reacts", [True, False])
    def test_a_look_ahead_is_the_market_that_a_tick_would_lead_to(
        self, hours: int, *, reacts: bool
    ) -> None:
        """Nothing is written, and the writer is as it was."""
        writer = self.runs_dry(self.charged if reacts else None)
        before, version, at = writer.market, writer.log.version, second(1 + 3_600 * hours)
        seen = writer.until(at)
        assert (writer.market, writer.log.version) == (before, version)
        assert writer.market is before
        if not reacts:
            assert seen == views.until(before, at)
        writer.execute(c.Tick(), at=at)
        assert seen == writer.market == writer.until(at)

    def test_a_look_ahead_shows_what_reactions_keep_running(self) -> None:
        writer = self.runs_dry(self.charged)
        later = second(1 + 3_600 * 120)
        [seen] = views.instances_of(writer.until(later), ANN)
        [unpaid] = views.instances_of(views.until(writer.market, later), ANN)
        assert (seen.state, unpaid.state) == (InstanceState.RUNNING, InstanceState.STOPPED)

    def test_a_look_back_is_a_look_at_now_and_no_instant_is_refused(self) -> None:
        writer = self.runs_dry(self.charged)
        writer.execute(c.Label(by=ANN, contract=writer.market.last, label="now"), at=second(60))
        assert writer.until(START) == writer.market
        with pytest.raises(WrongType, match=r"^at: "):
            writer.until(cast("Any", "now"))

    def test_a_look_ahead_that_meets_a_refused_reaction(self) -> None:
        def wrong(_market: Market, event: Event) -> Iterable[c.Command]:
            if isinstance(event, ChargeDue):
                yield c.Stop(by=ANN, contract=7)

        writer = self.runs_dry(wrong)
        assert writer.until(second(3_600)) is writer.market
        with pytest.raises(ReactionRefused, match=r"^reaction to ChargeDue: contract: need"):
            writer.until(second(3_600 * 60))
        unsure = self.runs_dry(
            cast("Any", lambda _, event: None if isinstance(event, ChargeDue) else ())
        )
        with pytest.raises(WrongType, match=r"^react: need a series"):
            unsure.until(second(3_600 * 60))

    def test_a_look_ahead_from_the_midst_of_what_belongs_together(self) -> None:
        """A log that was read up to an event which others follow at once."""
        whole = self.runs_dry(None)
        whole.execute(c.Tick(), at=second(1 + 3_600 * 120))
        events = list(whole.log.read())
        cut = next(n for n, each in enumerate(events, 1) if isinstance(each, BalanceRanOut))
        log = MemoryLog()
        log.append(0, [Entry(events=events[:cut])])
        writer = Writer(log)
        assert writer.market.unsettled
        for _ in range(2):
            seen = writer.until(writer.market.now)
            assert seen == whole.market
            writer.execute(at=writer.market.now)
        assert list(log.read()) == events

    def test_a_command_that_is_made_from_those_before_it(self) -> None:
        writer = furnished(MemoryLog())
        offer = writer.market.machine(MachineId(1)).offer_id(0)

        def named(events: Sequence[Event]) -> c.Command:
            (made,) = find_events(events, ContractCreated)
            return c.Label(by=ANN, contract=made.contract.id, label="mine")

        command = c.Rent(by=ANN, offer=offer, mode=Mode.ON_DEMAND, disk_mb=1_000)
        events = writer.execute(command, named, at=second(1))
        assert [event.label for event in find_events(events, InstanceLabelled)] == ["mine"]
        before = writer.market
        with pytest.raises(WrongType, match="command: need a command of a market, got 5"):
            writer.execute(lambda _: cast("Any", 5), at=second(1))
        assert writer.market is before

    def test_settings_are_set_after_any_silence(self) -> None:
        writer = Writer(MemoryLog())
        short = Settings(longest_step=timedelta(days=1))
        writer.execute(c.SetSettings(settings=short), at=START)
        late = second(90_000)
        with pytest.raises(RuleViolation, match="longest_step"):
            writer.execute(c.AddCredit(account=ANN, amount=Money(1)), at=late)
        paid_in = c.AddCredit(account=ANN, amount=Money(1))
        writer.execute(c.SetSettings(settings=short), paid_in, at=late)
        assert writer.market.now == late

    def test_what_is_told_is_told_again(self) -> None:
        """Issue: "a repeated request give its first answer", whatever the market has become."""
        log = MemoryLog()
        one, two = furnished(log), Writer(log)

        def tell(before: Market, events: Sequence[Event]) -> str:
            return f"{before.version} events, then {len(events)}"

        pay = c.AddCredit(account=ANN, amount=Money(5))
        wanted = Transaction(commands=[pay], command_id="a", tell=tell)
        (first,) = one.execute_all([wanted], at=START)
        one.execute(pay, at=START)
        (again,) = two.execute_all([wanted], at=START)
        assert first == again
        assert isinstance(first, Reply)
        assert first.text == "4 events, then 1"

        def fails(_: Market, __: Sequence[Event]) -> str:
            raise ZeroDivisionError

        before = one.market
        with pytest.raises(ZeroDivisionError):
            one.execute_all([Transaction(commands=[pay], tell=fails)], at=START)
        assert one.market is before
        assert two.catch_up() == before

    def test_what_is_read_and_written_back_is_read_where_it_is_decided(self) -> None:
        """Others may have written since it was asked, and while it was decided."""
        log = MemoryLog()
        one, two = furnished(log), Writer(log)

        def means(market: Market, at: datetime) -> list[c.Command]:
            assert at >= market.now
            charge = market.account(ANN).charge
            return [c.SetThresholds(by=ANN, charge=charge, notice=Money(3))]

        two.execute(c.SetThresholds(by=ANN, charge=Money(7)), at=START)
        assert one.market.account(ANN).charge is None
        one.execute_all([Transaction(means=means)], at=START)
        kept = one.market.account(ANN)
        assert (kept.charge, kept.notice) == (Money(7), Money(3))

        def reads(market: Market, _: datetime) -> list[c.Command]:
            paid = market.credited
            return [c.AddCredit(account=ANN, amount=paid)]

        before = one.market.credited
        pay = c.AddCredit(account=ANN, amount=Money(1))
        one.execute_all([Transaction(commands=[pay], means=reads)], at=START)
        assert one.market.credited == (before + Money(1)) + (before + Money(1))

    def test_a_meaning_that_is_none(self) -> None:
        writer = furnished(MemoryLog())
        before = writer.market
        wanted: Any = Transaction(means=lambda _, __: [7])  # type: ignore[list-item]
        with pytest.raises(WrongType, match=r"commands\[0\]"):
            writer.execute_all([wanted], at=START)
        assert writer.market is before

    def test_who_must_be_told(self) -> None:
        """Of what came due too, and as the market was right before."""

        class Outbox(MemoryLog):
            told: list[tuple[str, str]] = []  # noqa: RUF012 - a test's

            def append(self, expected: int, entries: Sequence[Entry]) -> None:
                super().append(expected, entries)
                for entry in entries:
                    self.told += [(each.kind, each.recipient) for each in entry.notifications]

        log = Outbox()
        writer = Writer(furnished(log).log, notify=True)
        offer = writer.market.machine(MachineId(1)).offer_id(0)
        rented = c.Rent(by=ANN, offer=offer, mode=Mode.ON_DEMAND, disk_mb=1_000, end=second(60))
        writer.execute(rented, at=second(1))
        log.told.clear()
        before = writer.market
        events = writer.execute(c.ReportOffline(machine=1), at=second(99))
        due = writer.log.read(before.version)
        right = [(each.kind, each.recipient) for each in views.notifications(before, due)]
        assert log.told == right
        assert ("instance expired", ANN) in right
        assert ("machine went offline", HOST) in right
        assert len(events) == 1


class Failing(MemoryLog):
    """A disk that refuses, before or after it has kept what it was given."""

    def __init__(self, *, kept: bool) -> None:
        super().__init__()
        self.kept = kept
        self.fails = False

    def append(self, expected: int, entries: Sequence[Entry]) -> None:
        if self.kept or not self.fails:
            super().append(expected, entries)
        if self.fails:
            raise OSError("no space left")


class TestADiskThatRefuses:
    """What was answered as failed has not happened; where nobody can know, its id can."""

    def test_nothing_has_happened(self) -> None:
        log = Failing(kept=False)
        writer = furnished(log)
        before, log.fails = writer.market, True
        with pytest.raises(OSError, match="space"):
            rent(writer, "order")
        assert writer.market is before
        log.fails = False
        assert len(rent(writer, "order")) == 1
        assert writer.market == replay(log.read())

    def test_the_answer_was_lost(self) -> None:
        log = Failing(kept=True)
        writer = furnished(log)
        log.fails = True
        with pytest.raises(OSError, match="space"):
            rent(writer, "order")
        log.fails = False
        (number,) = rent(writer, "order")
        assert writer.market == replay(log.read())
        assert len(find_events(log.read(), ContractCreated)) == 1
        assert list(writer.market.machine(MachineId(1)).instances) == [number]


class TestRegions:
    """Issue: "credit moved between regions as two commands of one id, tested with two"."""

    @given(
        moves=st.lists(st.tuples(st.integers(1, 60), st.integers(0, 3)), min_size=1, max_size=6),
    )
    @examples(40)
    def test_credit_moves_once_wherever_it_was_interrupted(
        self, moves: list[tuple[int, int]]
    ) -> None:
        east, west = Writer(MemoryLog()), Writer(MemoryLog())
        there = AccountId("region west")
        for account in (ANN, there):
            east.execute(c.AddCredit(account=account, amount=Money(100)), at=START)

        def move(amount: Money, name: str, steps: int) -> None:
            leaves = c.TransferCredit(by=ANN, to=there, amount=amount)
            arrives = c.AddCredit(account=ANN, amount=amount)
            for writer, command in ((east, leaves), (west, arrives))[:steps]:
                writer.execute(command, at=START, command_id=name)

        left = 100
        for number, (dollars, tries) in enumerate(moves):
            possible = dollars <= left
            left -= dollars if possible else 0
            for steps in (*[1, 2, 0][:tries], 2):  # it is cut off after as many, and begun again
                with suppress(NumgeniusError):
                    move(Money(dollars), f"move {number}", steps)
        came = Money(0) if not west.market.accounts else views.balance(west.market, ANN, START)
        assert views.balance(east.market, ANN, START) == Money(left)
        assert came == Money(100 - left) == views.balance(east.market, there, START) - Money(100)


def events_alone(log: Log) -> Log:
    """Return a log with the same events and no checkpoint."""
    other = MemoryLog()
    other.append(0, [Entry(events=log.read())])
    return other


class TestWhatIsRefused:
    """DOMAIN 13: bad input is refused with its place, and changes nothing."""

    def test_types(self) -> None:
        writer = Writer(MemoryLog())
        wrong = cast("Any", 5)
        for make in (
            lambda: Writer(wrong),
            lambda: Entry(events=[wrong]),
            lambda: Entry(events=[], due=[wrong]),
            lambda: Entry(events=[], command_id=wrong),
            lambda: Transaction(commands=[wrong]),
            lambda: Entry(events=[], notifications=[wrong]),
            lambda: Transaction(commands=[c.Tick()], command_id=wrong),
            lambda: writer.execute(wrong, at=START),
            lambda: writer.execute_all([wrong], at=START),
            lambda: writer.execute_all(wrong, at=START),
            lambda: writer.execute(c.Tick(), at=wrong),
            lambda: MemoryLog().keep(wrong),
            lambda: Checkpoint(market=wrong),
            lambda: Checkpoint(market=Market(), instances=cast("Any", [])),
            lambda: Entry(events=[], text=cast("Any", 5)),
            lambda: Reply([], text=cast("Any", 5)),
            lambda: Transaction(means=cast("Any", "x")),
            lambda: Transaction(tell=cast("Any", "x")),
            lambda: Transaction(commands=[cast("Any", c.Tick)]),  # without its ()
            lambda: Writer(MemoryLog(), react=cast("Any", "x")),
            lambda: MemoryLog(ids=wrong and cast("Any", "5")),
        ):
            with pytest.raises(WrongType):
                make()
        assert not writer.log.version

    @pytest.mark.parametrize(
        ("wrong", "react", "said"),
        [
            ({"tell": lambda *_: {}}, None, "tell: need a str, got {}"),
            ({"tell": lambda *_: None}, None, "tell: need a str, got None"),
            ({"means": lambda *_: None}, None, "commands: need a series of values, got None"),
            ({"means": lambda *_: [7]}, None, "commands[0]: need a command of a market, got 7"),
            ({"means": lambda *_: [lambda _: 7]}, None, "command: need a command of a market, got"),
            ({"commands": [lambda _: None]}, None, "command: need a command of a market, got None"),
            ({}, lambda *_: None, "react: need a series of values, got None"),
            ({}, lambda *_: c.Tick(), "react: need a series of values, got Tick()"),
            ({}, lambda *_: [c.Tick(), 7], "react[1]: need a command of a market, got 7"),
        ],
    )
    def test_what_a_function_of_the_service_gives_is_its_fault(
        self, wrong: dict[str, Any], react: Any, said: str
    ) -> None:
        """It is raised, as whatever else such a function raises, and is nobody's refusal."""
        writer = Writer(MemoryLog(), react=react)
        credit = c.AddCredit(account=ANN, amount=Money(2))
        good = Transaction(commands=[credit], command_id="good")
        bad = Transaction(**({"commands": [credit]} | wrong))
        with pytest.raises(WrongType, match=re.escape(said)) as caught:
            writer.execute_all([bad] if react else [good, bad], at=START)
        assert [note[:26] for note in getattr(caught.value, "__notes__", ())] == (
            ["in reaction to CreditAdded"] if react else []
        )
        assert (writer.log.version, writer.log.reply("good")) == (0, None)

    def test_what_a_function_of_the_service_refuses_is_a_refusal(self) -> None:
        """It has looked at the market, and says why not."""

        def refuses(*_: Any) -> Any:
            raise NotAllowed("account", "another name", "ann")

        credit = c.AddCredit(account=ANN, amount=Money(2))
        for how in ({"means": refuses}, {"commands": [refuses]}, {"tell": refuses}):
            wanted: Any = {"commands": [credit]} | how
            [told] = Writer(MemoryLog()).execute_all([Transaction(**wanted)], at=START)
            assert isinstance(told, NotAllowed)

    def test_every_writer_knows_what_is_gone(self) -> None:
        one = furnished(MemoryLog())
        other = Writer(one.log)
        (contract,) = rent(one)
        listed = c.ListVolume(by=HOST, machine=MachineId(1), size_mb=10)
        one.execute(listed, at=second(1))
        [offer] = views.volume_offers(one.market, second(1))
        one.execute(c.RentVolume(by=ANN, offer=offer.id, size_mb=5), at=second(1))
        [volume] = one.market.volumes
        one.execute(c.Destroy(by=ANN, contract=contract), at=second(2))
        one.execute(c.DeleteVolume(by=ANN, volume=volume), at=second(3))
        other.catch_up()
        for each in (one, other, Writer(one.log)):
            assert (list(each.instances), list(each.volumes)) == ([contract], [volume])

    def test_what_is_gone_stays_in_its_place_in_later_checkpoints(self) -> None:
        """Log.keep: "the first n are those of an earlier checkpoint that had n"."""
        writer, kept = furnished(MemoryLog()), list[Checkpoint]()
        offer = writer.market.machine(MachineId(1)).offer_id(0)
        bids = [
            c.Rent(by=ANN, offer=offer, mode=Mode.INTERRUPTIBLE, bid=PerHour(dollars))
            for dollars in (1, 2)
        ]
        events = writer.execute(*bids, at=second(1))
        first, second_one = (each.contract.id for each in find_events(events, ContractCreated))
        for contract in (second_one, first):  # not in the order of their numbers
            writer.execute(c.Destroy(by=ANN, contract=contract), at=second(2))
            kept.append(writer.checkpoint())
        assert [list(each.instances) for each in kept] == [[second_one], [second_one, first]]
        for other in (Writer(writer.log), Writer(events_alone(writer.log))):
            assert list(other.checkpoint().instances) == [second_one, first]

    def test_a_checkpoint_is_nobodys_to_change(self) -> None:
        writer = furnished(MemoryLog())
        (contract,) = rent(writer)
        writer.execute(c.Destroy(by=ANN, contract=contract), at=second(2))
        kept = writer.checkpoint()
        with pytest.raises(TypeError):
            kept.instances.clear()  # type: ignore[attr-defined]
        assert list(Writer(writer.log).instances) == [contract]

    def test_a_refusal_keeps_its_class(self) -> None:
        writer = furnished(MemoryLog())
        offer = writer.market.machine(MachineId(1)).offer_id(0)
        poor = c.Rent(by=HOST, offer=offer, mode=Mode.ON_DEMAND, disk_mb=1_000)
        poor = c.Rent(by=cast("Any", "zoe"), offer=offer, mode=Mode.ON_DEMAND, disk_mb=1_000)
        with pytest.raises((InsufficientCredit, RuleViolation)):
            writer.execute(poor, at=START)

    def test_a_log_that_lost_events(self) -> None:
        log = MemoryLog()
        writer = furnished(log)
        log._events.pop()
        with pytest.raises(RuleViolation, match="log: need the 4 events that it had, got 3"):
            writer.catch_up()

    @pytest.mark.parametrize("kept", [False, True])
    def test_one_that_contradicts_is_named_by_its_row(self, *, kept: bool) -> None:
        log = MemoryLog()
        writer = furnished(log)  # four events
        if kept:
            writer.checkpoint()
        log._events += [gone := InstanceDestroyed(at=START, contract=ContractId(99)), gone]
        for catch_up in (writer.catch_up, lambda: Writer(log)):
            with pytest.raises(UnknownId, match=r"^events, row 5\.contract: need an instance that"):
                catch_up()

    @pytest.mark.parametrize("kept", [False, True])
    def test_so_is_the_first_before_which_something_came_due(self, *, kept: bool) -> None:
        log = MemoryLog()
        writer = furnished(log)  # four events
        writer.execute(c.SetSettings(settings=Settings()), at=START)
        ends = c.Relist(by=HOST, machine=MachineId(1), end=second(60))
        writer.execute(ends, at=second(1))
        version = writer.market.version
        if kept:
            writer.checkpoint()
        late = CreditAdded(at=second(61), account=ANN, amount=Money(1))
        log._events += [late, late]
        for catch_up in (writer.catch_up, lambda: Writer(log)):
            with pytest.raises(RuleViolation, match=rf"^events, row {version + 1}\.at: "):
                catch_up()

    def test_a_checkpoint_of_nothing(self) -> None:
        log = MemoryLog()
        log.keep(empty())
        assert Writer(log).market == Market()
