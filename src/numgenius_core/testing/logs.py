"""What every log of events promises a writer, as laws of a log of your own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any, Final, TypeVar

from hypothesis import strategies as st

from numgenius_core.errors import Conflict, RuleViolation, WrongType, shown
from numgenius_core.ids import AccountId, ContractId, MachineId, VolumeId
from numgenius_core.listing import Machine, Mode, PriceTerms
from numgenius_core.market import commands as c, execute, find_events, replay
from numgenius_core.market.events import ContractCreated, CreditAdded, VolumeRented
from numgenius_core.market.logs import Entry, Log, MemoryLog, Reply, Writer
from numgenius_core.money import Money
from numgenius_core.rates import PerGpuHour
from numgenius_core.testing.law import Law, LawBroken, Rule

Opens = Callable[[], Log]
"""Opens the same log once more, as another process does."""
Fresh = Callable[[], Opens]
"""Makes a new, empty log, and returns what opens it."""

_START: Final = datetime(2026, 1, 1, tzinfo=UTC)
_HOST, _ANN, _BOB = AccountId("host"), AccountId("ann"), AccountId("bob")
_MACHINE: Final = MachineId(1)
Refusal = TypeVar("Refusal", bound=Exception)


def paid(dollars: int) -> CreditAdded:
    """Return an event that needs nothing before it."""
    return CreditAdded(at=_START, account=_ANN, amount=Money(dollars))


def furnished(log: Log) -> Writer:
    """Return a writer in whose market two can pay, and two GPUs are on offer."""
    writer = Writer(log)
    for name in (_ANN, _BOB):
        writer.execute(c.AddCredit(account=name, amount=Money(100)), at=_START)
    machine = Machine(id=_MACHINE, host=_HOST, gpu_name="RTX 4090", gpus=2, disk_mb=100_000)
    prices = PriceTerms(gpu=PerGpuHour(1))
    writer.execute(c.AddMachine(machine=machine), at=_START)
    writer.execute(c.ListMachine(by=_HOST, machine=machine.id, prices=prices), at=_START)
    return writer


def rent(writer: Writer, command_id: str | None = None, *, gpu: int = 0) -> Sequence[ContractId]:
    """Rent one of the GPUs on demand; return the contract's number."""
    offer = writer.catch_up().machine(_MACHINE).offer_id(gpu)
    command = c.Rent(by=_ANN, offer=offer, mode=Mode.ON_DEMAND, disk_mb=1_000)
    events = writer.execute(command, at=_second(1), command_id=command_id)
    return [event.contract.id for event in find_events(events, ContractCreated)]


def rent_volume(writer: Writer) -> VolumeId:
    """Rent a volume of the machine, whose disk is listed if need be; return its number."""
    if writer.market.machine(_MACHINE).volume_listing is None:
        listed = c.ListVolume(by=_HOST, machine=_MACHINE, size_mb=10_000)
        writer.execute(listed, at=_second(2))
    offer = writer.market.machine(_MACHINE).volume_offer_id
    rented = c.RentVolume(by=_ANN, offer=offer, size_mb=1_000)
    [made] = find_events(writer.execute(rented, at=_second(2)), VolumeRented)
    return made.contract.id


def _second(count: int) -> datetime:
    return _START + timedelta(seconds=count)


def _refusal(kind: type[Refusal], call: Callable[[], object]) -> Refusal | None:
    """Return how a call was refused, ``None`` if it was not."""
    try:
        call()
    except kind as refusal:
        return refusal
    return None


def _first(faults: Iterable[tuple[bool, str]]) -> str | None:
    """Return the first fault that there is."""
    return next((text for there, text in faults if there), None)


def _miscounted(log: Log, events: int) -> str:
    """Return what is wrong with a log whose version is not the number of its events."""
    return f"its version is {log.version:,} after {events:,} events"


# -- the laws ----------------------------------------------------------------------------------


def _order(fresh: Fresh) -> str | None:
    opens = fresh()
    log, early = opens(), opens()
    if (log.version, list(log.read()), log.checkpoint()) != (0, [], None):
        return "a new log is not empty"
    log.append(0, [Entry(due=[paid(1)], events=[paid(2)])])
    log.append(2, [Entry(events=[])])
    log.append(2, [Entry(events=[paid(3)]), Entry(due=[paid(4)], events=[])])
    every = [paid(number) for number in (1, 2, 3, 4)]
    for each in (log, early, opens()):
        found = list(each.read())
        fault = _first(
            (
                (each.version != 4, _miscounted(each, 4)),
                (found != every, f"it reads {shown(found)}, not what was appended, in order"),
                (list(each.read(3)) != every[3:], "after 3 events it does not read the fourth"),
                (list(each.read(4)) != [], "after all its events it reads more"),
            )
        )
        if fault is not None:
            return fault
    return None


_PAGE: Final = 1_000


def _many(fresh: Fresh) -> str | None:
    opens = fresh()
    log = opens()
    every = [paid(number) for number in range(1, 10 * _PAGE + 2)]
    for start in range(0, len(every), _PAGE):
        log.append(start, [Entry(events=every[start : start + _PAGE])])
    for each in (log, opens()):
        if each.version != len(every):
            return _miscounted(each, len(every))
        for after in (0, 1, 5 * _PAGE, len(every) - 1):
            found = list(each.read(after))
            if found != every[after:]:
                wanted = len(every) - after
                same = "others" if len(found) == wanted else f"{len(found):,}"
                return f"of the {wanted:,} events after {after:,} it reads {same}"
    return None


def _behind(fresh: Fresh) -> str | None:
    opens = fresh()
    log, other = opens(), opens()
    log.append(0, [Entry(events=[paid(1)])])
    for expected in (0, 2):
        late = Entry(events=[paid(2)], command_id="late")
        refusal = _refusal(Conflict, lambda n=expected, e=late: other.append(n, [e]))  # type: ignore[misc]
        if refusal is None:
            return f"who expected {expected} events appended to 1"
        if (refusal.expected, refusal.found) != (expected, 1):
            return f"the conflict of {expected} expected and 1 there says: {refusal}"
    return _first(
        (
            (list(other.read()) != [paid(1)], "it keeps events that it refused"),
            (other.version != 1, _miscounted(other, 1)),
            (other.reply("late") is not None, "it knows the id of what it refused"),
        )
    )


def _answers(fresh: Fresh) -> str | None:
    opens = fresh()
    log = opens()
    first = Entry(due=[paid(1)], events=[paid(2), paid(3)], command_id="a", text="two")
    log.append(0, [first, Entry(events=[paid(4)]), Entry(events=[], command_id="b")])
    wanted = {"a": Reply((paid(2), paid(3)), "two"), "b": Reply(()), "c": None}
    for each in (log, opens()):
        for key, reply in wanted.items():
            found = each.reply(key)
            if found != reply:
                return f"the reply of {key!r} is {shown(found)}, not {shown(reply)}"
    return None


_LONG: Final = "x" * 199
_ALIKE: Final = (
    *("order 7", "Order 7", "order-7", "order_7", "order%", "order", "order 7 ", " order 7"),
    *("7", "07", "7.0", "\uff17", "e", "\xe9", "e\u0301", "ss", "\xdf", "\U0001f600", "\U0001f601"),
    *("null", "None", "'", "\\'", "\\", "*", "?", _LONG, f"{_LONG}y", f"{_LONG}z"),
)
"""Ids of which storage may take two for one: without regard to case, accents or blanks, as a
pattern, as a number, in another form of Unicode, cut. Each is asked for before it is there, too."""
_TEXTS: Final = ("", " ", "null", "0", "a\n", "\xe9\U0001f600", "'\\", "x" * 70_000, None)


def _alike(fresh: Fresh) -> str | None:
    opens = fresh()
    log = opens()
    known: dict[str, Reply] = {}
    for number, key in enumerate(_ALIKE):
        taken = log.reply(key)
        if taken is not None:
            return f"it knows {shown(key)} before it was there: {shown(taken)}"
        known[key] = Reply((paid(number + 1),), _TEXTS[number % len(_TEXTS)])
        entry = Entry(events=known[key].events, command_id=key, text=known[key].text)
        log.append(number, [entry])
    for each in (log, opens()):
        for key, reply in known.items():
            found = each.reply(key)
            if found is None or found.events != reply.events:
                return f"the reply of {shown(key)} is {shown(found)}, not {shown(reply)}"
            if found.text != reply.text:
                return f"the text of {shown(key)} is {_sized(found.text)}, not {_sized(reply.text)}"
    return None


def _sized(text: str | None) -> str:
    """Return a text as a message has it: how long it is, if that is all that can be seen."""
    return f"one of {len(text):,} characters" if text and len(text) > 60 else shown(text)


_NO_ENTRY: Final[Any] = None
_UNKEPT: Final = (
    ("what is no entry", _NO_ENTRY),
    ("one whose command id is there already", Entry(events=[paid(3)], command_id="there")),
    ("one whose text has no UTF-8", Entry(events=[paid(3)], command_id="b", text="\ud800")),
)
"""What a log may refuse to keep: some find it only when what came before it has been written."""


def _all_or_nothing(fresh: Fresh) -> str | None:
    opens = fresh()
    log = opens()
    every = [paid(1)]
    log.append(0, [Entry(events=every, command_id="there")])
    for number, (what, unkept) in enumerate(_UNKEPT):
        key = f"before {number}"
        entries = [Entry(events=[paid(2)], command_id=key), unkept]
        there = len(every)
        refusal = _refusal(Exception, lambda n=there, of=entries: log.append(n, of))  # type: ignore[misc]
        if refusal is None:  # one log may keep what another cannot
            every += [paid(2), paid(3)]
        for each in (log, opens()):
            if list(each.read()) != every or (each.reply(key) is None) is (refusal is None):
                done = "taken" if refusal is None else "refused"
                return f"an append that ends with {what} was {done}, and not all of it"
            if each.version != len(every):
                return _miscounted(each, len(every))
        log.append(len(every), [Entry(events=[paid(4)])])
        every.append(paid(4))
        if list(opens().read()) != every:
            return f"it keeps later what it refused, because it ends with {what}"
    return None


def _starts(fresh: Fresh) -> str | None:
    opens = fresh()
    log = opens()
    one = furnished(log)
    # The first checkpoint is kept whole; what is new in those after it is what a log may lose.
    for turn in range(3):
        _clear_away(
            one, rent(one), rent(one, gpu=1), (rent_volume(one), rent_volume(one)), 9 + turn
        )
        given, kept = one.checkpoint(), log.checkpoint()
        if turn and (kept is None or kept.market != given.market):
            return "the latest checkpoint is not what counts"
        if kept != given:
            return "what is kept as a checkpoint is not what comes back"
        one.execute(c.AddCredit(account=_ANN, amount=Money(7)), at=_second(9 + turn))
        fault = _restarted(opens(), one)
        if fault is not None:
            return fault
        one = Writer(opens())  # another one goes on, and keeps the next
    return None


def _clear_away(
    writer: Writer,
    first: Sequence[ContractId],
    second: Sequence[ContractId],
    volumes: Sequence[VolumeId],
    at: int,
) -> None:
    """Destroy instances and delete volumes, those that were rented last at first."""
    for contract in (*second, *first):
        writer.execute(c.Destroy(by=_ANN, contract=contract), at=_second(at))
    for volume in reversed(volumes):
        writer.execute(c.DeleteVolume(by=_ANN, volume=volume), at=_second(at))


def _restarted(log: Log, one: Writer) -> str | None:
    """Return what is wrong with a start from a checkpoint, after which one event came."""
    kept = log.checkpoint()
    if kept is None or kept.market.version != one.market.version - 1:
        return "who opens the log again does not find its checkpoint"
    for name, found, known in (
        ("instances", kept.instances, one.instances),
        ("volumes", kept.volumes, one.volumes),
    ):
        if dict(found) != known:
            return f"the {name} of a checkpoint do not come back"
        if list(found) != list(known):
            return f"the {name} of a checkpoint come back in another order"
    again = Writer(log)
    both = ((w.market, w.instances, w.volumes) for w in (again, one))
    same = next(both) == next(both)
    return None if same else "who goes on from a checkpoint comes to another market"


def _once(fresh: Fresh) -> str | None:
    opens = fresh()
    one, two = furnished(opens()), Writer(opens())
    stale = two.market
    rent(one)
    if _refusal(RuleViolation, lambda: rent(two)) is None:
        return "two writers who know a free GPU sell it twice"
    if not two.market == one.market == replay(opens().read()):
        return "writers of one log do not come to one market"
    market, events = execute(stale, c.Tick(), _second(1))  # what two would have done, unseen
    late = _refusal(Conflict, lambda: two.log.append(market.version, [Entry(events=events)]))
    return None if late is not None else "who has not seen all events appends"


def _repeated(fresh: Fresh) -> str | None:
    opens = fresh()
    one, two = furnished(opens()), Writer(opens())
    first = rent(one, "order 7")
    again = [rent(writer, "order 7") for writer in (two, Writer(opens()))]
    return None if again == [first, first] else "a request that is repeated gets another answer"


def _taken_once(fresh: Fresh) -> str | None:
    opens = fresh()
    log, other = opens(), opens()
    log.append(0, [Entry(events=[], command_id="nothing", text="first")])
    log.append(0, [Entry(events=[paid(1)], command_id="paid", text="first")])
    for key, events in product(("nothing", "paid"), ([], [paid(2)])):
        again = Entry(events=events, command_id=key, text="again")
        for entries in ([again], [Entry(events=[paid(3)], command_id="new"), again]):
            what = f"an id that is there already, {'with' if events else 'without'} events,"
            try:
                other.append(1, entries)
            except Conflict as conflict:
                if (conflict.expected, conflict.found) != (1, 1):
                    return f"the conflict of {what} names other numbers of events: {conflict}"
            except Exception as fault:  # noqa: BLE001 - whatever a database says
                return f"{what} is refused by {shown(fault)}, and not as a conflict"
            else:
                return f"{what} is taken again"
            for each in (log, opens()):
                known, new = each.reply(key), each.reply("new")
                kept = (each.version, list(each.read()), known and known.text, new)
                if kept != (1, [paid(1)], "first", None):
                    return f"{what} is refused, and something of it is kept"
    return None


def _in_memory() -> Opens:
    log = MemoryLog()
    return lambda: log


LOG: Final = Rule(
    name="log",
    signature="() -> Callable[[], Log]: each call a new, empty log, and what opens it once more",
    cases=st.just(()),
    laws=(
        Law(
            name="it keeps the order",
            sentence="read gives events in the order in which they were kept, and all of them",
            check=_order,
        ),
        Law(
            name="it reads to the end",
            sentence="read gives all events, however many there are",
            check=_many,
        ),
        Law(
            name="it refuses who is behind",
            sentence="append keeps its entries after exactly expected events, or not at all",
            check=_behind,
        ),
        Law(
            name="it remembers answers",
            sentence="reply knows what a request led to, without what had come due before it",
            check=_answers,
        ),
        Law(
            name="it tells ids apart",
            sentence="reply takes no command id for another, and knows all of the text it led to",
            check=_alike,
        ),
        Law(
            name="all of it or nothing",
            sentence="append keeps all of its entries or none; when it raises, none is there",
            check=_all_or_nothing,
        ),
        Law(
            name="it shortens the next start",
            sentence="the latest checkpoint comes back, with all that the market forgets",
            check=_starts,
        ),
        Law(
            name="a GPU is sold once",
            sentence="no two writers sell one GPU, whatever they know",
            check=_once,
        ),
        Law(
            name="a request happens once",
            sentence="a request that is repeated gives its first answer and happens once",
            check=_repeated,
        ),
        Law(
            name="an id is taken once",
            sentence="append refuses a command id that is there already, as a conflict",
            check=_taken_once,
        ),
    ),
    ours=_in_memory,
)
"""What a writer builds on. It is no rule of the market, so it is not among the ``RULES``."""


def check_log(fresh: Callable[[], Callable[[], Log]]) -> None:
    """Check that a log of your own keeps what a :class:`~numgenius_core.market.logs.Writer` needs.

    It tries whether events come back in order and all of them (10,001, more than a page of most
    storage has); whether who is behind is refused, and an append is kept as a whole or not at all;
    whether its version is always the number of its events; whether a command id that is there
    already is a conflict, also where nothing happened (two writers who are asked at once for the
    same would give two answers); whether command ids are told apart that storage may take for one
    (``Order 7`` and ``order 7``, ``order_7``, a blank at the end, 200 characters of which the last
    differs), and the text of an answer comes back whole, of 70,000 characters, of none, or no text;
    and whether one start after another goes on from the latest checkpoint, with all that was
    destroyed until then, in order.

    It does not tell what no test can see: whether events outlive a crash, whether a reader sees
    half of an append that is being written, and whether a log whose storage takes everything would
    keep half of one if it failed.

    Args:
        fresh: Makes a new, empty log each time it is called, and returns a function that opens
            that log once more, as another process does. It is called once for each law.

    Raises:
        WrongType: ``fresh`` is no function, or returns none: the class of a log itself is no such
            function, since nobody could open its log once more.
        LawBroken: The first law that does not hold, or the log raised.

    >>> from numgenius_core.market.logs import MemoryLog
    >>> from numgenius_core.testing import LawBroken, check_log
    >>> def in_memory():
    ...     log = MemoryLog()
    ...     return lambda: log
    >>> check_log(in_memory)
    >>> class Forgetful(MemoryLog):
    ...     def reply(self, command_id):
    ...         return None
    >>> def forgets():
    ...     log = Forgetful()
    ...     return lambda: log
    >>> try:
    ...     check_log(forgets)
    ... except LawBroken as broken:
    ...     print(broken.law)
    it remembers answers
    """
    if not callable(fresh):
        raise WrongType("fresh", "a function", shown(fresh))
    refused: list[WrongType] = []

    def checked() -> Opens:
        opens = fresh()
        if not callable(opens):
            need = "a function that makes a log and returns a function that opens it once more"
            refused.append(WrongType("fresh", need, f"one that returns {shown(opens)}"))
            raise refused[0]
        return opens

    try:
        LOG.check(checked)
    except LawBroken:
        if refused:  # by what was given, and not by the log
            raise refused[0] from None
        raise
