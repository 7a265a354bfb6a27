"""The whole market: commands go in, events come out, and the state follows from the events.

All rules meet here (the hosting guide's G1 to G13, and the marketplace's own). :func:`decide` says
what a command leads to, or refuses it with a reason; :func:`evolve` applies an event. A service
stores the events and nothing else: :func:`replay` gives the same state on any machine. ``at`` is
always an argument; what came due before a command happens first, at its own instant (``_clock``).

The parts: :mod:`numgenius_core.market.commands`, :mod:`numgenius_core.market.events`, the state
(``state``), what a host (``_hosting``) and a client (``_renting``) may do, what events change
(``_evolution``), and the questions to ask (:mod:`numgenius_core.market.views`).

>>> from datetime import UTC, datetime
>>> from numgenius_core import AccountId, Market, Money, execute, replay
>>> from numgenius_core.market.commands import AddCredit
>>> at = datetime(2026, 1, 1, tzinfo=UTC)
>>> paid = AddCredit(account=AccountId("ann"), amount=Money(10))
>>> market, events = execute(Market(), paid, at)
>>> [type(event).__name__ for event in events], replay(events) == market
(['CreditAdded'], True)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, MutableMapping
from datetime import datetime
from typing import Any, Final

from attrs import field, frozen

from numgenius_core._checks import as_tuple, check_kind, is_series, other_kind, told
from numgenius_core.errors import (
    IllegalMove,
    NumgeniusError,
    RuleViolation,
    WrongType,
    as_answer,
    brief,
    shown,
)
from numgenius_core.ids import ContractId, VolumeId
from numgenius_core.intervals import utc
from numgenius_core.market import _hosting as hosting, _renting as renting, commands as c
from numgenius_core.market._balances import delete_unpaid, set_thresholds
from numgenius_core.market._builder import Builder
from numgenius_core.market._clock import catch_up
from numgenius_core.market._contradictions import check_up_to_date
from numgenius_core.market._copying import maker
from numgenius_core.market._decision import Decision
from numgenius_core.market._evolution import apply_event, apply_foreign
from numgenius_core.market._transfers import TRANSFER_COMMANDS
from numgenius_core.market._volumes import VOLUME_COMMANDS
from numgenius_core.market.events import Event
from numgenius_core.market.instance import Instance
from numgenius_core.market.state import Market
from numgenius_core.market.volume import RentedVolume


@frozen(kw_only=True)
class CommandResult:
    """What came of a command in a batch.

    Attributes:
        command: What was to be done.
        at: When.
        events: What it led to, and before it whatever came due; none if it was refused.
        error: Why it was refused, so that nothing happened; ``None`` if it was not.
    """

    command: c.AnyCommand
    at: datetime
    events: tuple[Event, ...] = field(default=(), repr=brief)
    error: NumgeniusError | None = field(default=None, eq=told)


_result: Final = maker(CommandResult)
Archive = MutableMapping[ContractId, Instance]
"""Where the caller keeps destroyed instances: a dict, or something in front of a table."""
VolumeArchive = MutableMapping[VolumeId, RentedVolume]
"""Where the caller keeps deleted volumes, as an :data:`Archive` keeps instances."""


def decide(market: Market, command: c.AnyCommand, at: datetime) -> tuple[Event, ...]:
    """Return what a command leads to, and before it whatever came due up to ``at``.

    Args:
        market: The state.
        command: What is to be done.
        at: When; not before the market's last event.

    Raises:
        NumgeniusError: The command is refused, and nothing happens: with the reason, as
            :class:`~numgenius_core.errors.RuleViolation` or one of its kinds, or
            :class:`~numgenius_core.errors.IllegalMove`.

    >>> from datetime import UTC, datetime
    >>> from numgenius_core import Market, Money
    >>> from numgenius_core.market import commands as do, decide
    >>> at = datetime(2026, 1, 1, tzinfo=UTC)
    >>> for event in decide(Market(), do.AddCredit(account="ann", amount=Money(10)), at):
    ...     print(type(event).__name__, event.account, event.amount)
    CreditAdded ann 10.00
    >>> decide(Market(), do.Stop(by="ann", contract=7), at)
    Traceback (most recent call last):
    numgenius_core.errors.UnknownId: contract: need an instance that exists, got 7
    """
    check_kind(market, Market, "market")
    return tuple(decided(Builder(market), command, at).events)


def execute(
    market: Market,
    command: c.AnyCommand,
    at: datetime,
    *,
    archive: Archive | None = None,
    volumes: VolumeArchive | None = None,
) -> tuple[Market, tuple[Event, ...]]:
    """Return the market after a command, and the events that led there.

    The same as :func:`decide` and then :func:`evolve` for each event, at half the work.

    Args:
        market: The state.
        command: What is to be done.
        at: When; not before the market's last event.
        archive: Takes the instances that are destroyed, as they were then: the state forgets them.
        volumes: Takes the volumes that are deleted in the same way.

    Raises:
        NumgeniusError: As for :func:`decide`; nothing has happened then.

    >>> from datetime import UTC, datetime
    >>> from numgenius_core import Market, Money, execute
    >>> from numgenius_core.market import commands as do
    >>> at = datetime(2026, 1, 1, tzinfo=UTC)
    >>> market, events = execute(Market(), do.AddCredit(account="ann", amount=Money(10)), at)
    >>> print(len(events), market.credited)
    1 10.00
    """
    kept = archive is not None or volumes is not None
    if kept:
        check_archives(archive, volumes)
    check_kind(market, Market, "market")
    decision = decided(Builder(market, keeps=kept), command, at)
    if kept:
        hand_over(decision.market, archive, volumes)
    return decision.market.market(), tuple(decision.events)


def execute_all(
    market: Market,
    commands: Iterable[tuple[c.AnyCommand, datetime]],
    *,
    archive: Archive | None = None,
    volumes: VolumeArchive | None = None,
) -> tuple[Market, tuple[CommandResult, ...]]:
    """Return the market after commands, one after the other, and what came of each.

    A command that is refused changes nothing, and the next one is decided all the same. The market
    is a value again only at the end, and where something comes due: so a batch takes a quarter less
    time than its commands one by one if little comes due within it, else as much.

    Args:
        market: The state.
        commands: Each with its instant, in order of time.
        archive: As for :func:`execute`.
        volumes: As for :func:`execute`.

    Raises:
        WrongType: No market, or no pairs of a command and an instant.

    >>> from datetime import UTC, datetime
    >>> from numgenius_core import Market, Money
    >>> from numgenius_core.market import commands as do, execute_all
    >>> at = datetime(2026, 1, 1, tzinfo=UTC)
    >>> paid, stop = do.AddCredit(account="ann", amount=Money(10)), do.Stop(by="ann", contract=7)
    >>> market, results = execute_all(Market(), [(stop, at), (paid, at)])
    >>> [len(result.events) for result in results], str(results[0].error)
    ([0, 1], 'contract: need an instance that exists, got 7')
    """
    check_kind(market, Market, "market")
    check_archives(archive, volumes)
    pairs = as_tuple(commands, "commands")
    for index, pair in enumerate(pairs):  # before anything reaches the archive
        if type(pair) is not tuple or len(pair) != 2:
            raise WrongType(f"commands[{index}]", "a command and its instant", shown(pair))
    # All are carried out on one market being built: what they share is copied once, not each time.
    keeps = archive is not None or volumes is not None
    building, start, results = Builder(market, keeps=keeps), market, list[CommandResult]()
    first = 0  # of the results since the start
    for command, at in pairs:
        if first < len(results) and type(command) is not c.Tick and _comes_due(building, at):
            start, first = building.market(), len(results)  # what it goes back to if it is refused
            building = Builder(start, keeps=keeps)
        version = building.version
        try:
            events = tuple(decided(building, command, at).events)
        except NumgeniusError as refusal:
            results.append(_result(command, at, (), as_answer(refusal)))
            if building.version != version:  # something came due, or half of it was done
                start = _applied(start, results[first:])
                building, first = Builder(start, keeps=keeps), len(results)
        else:
            if building.gone or building.gone_volumes:
                hand_over(building, archive, volumes)
            results.append(_result(command, at, events, None))
    return building.market(), tuple(results)


def _comes_due(market: Builder, at: datetime) -> bool:
    """Return whether something comes due before a command, if it has an instant."""
    due = market.queue.first
    try:
        return due is not None and due[0] <= at
    except TypeError:  # of what is no instant, which is refused
        return False


def _applied(market: Market, results: Iterable[CommandResult]) -> Market:
    """Return the market after the events of results; each is applied so once, at the most."""
    building = Builder(market)
    for result in results:
        for event in result.events:
            apply_event(building, event)
    return building.market()


def evolve(
    market: Market,
    event: Event,
    *,
    archive: Archive | None = None,
    volumes: VolumeArchive | None = None,
) -> Market:
    """Return the market after an event.

    Args:
        market: The state.
        event: What happened.
        archive: As for :func:`execute`.
        volumes: As for :func:`execute`.

    Raises:
        WrongType: It is no event.
        UnknownId: It names something that the market does not have.
        RuleViolation: It contradicts the state: a number that is taken or not the next one, money
            that is not there, an instant before the market's last event, or after something came
            due that did not happen.
        IllegalMove: The state of its instance does not allow it.

    >>> from datetime import UTC, datetime
    >>> from numgenius_core import Market, Money
    >>> from numgenius_core.market import evolve
    >>> from numgenius_core.market.events import CreditAdded
    >>> at = datetime(2026, 1, 1, tzinfo=UTC)
    >>> paid = CreditAdded(at=at, account="ann", amount=Money(10))
    >>> print(evolve(Market(), paid).credited)
    10.00
    """
    check_kind(market, Market, "market")
    check_archives(archive, volumes)
    builder = Builder(market, keeps=archive is not None or volumes is not None)
    apply_foreign(builder, event)
    after = builder.market()
    check_up_to_date(after)
    hand_over(builder, archive, volumes)
    return after


def replay(
    events: Iterable[Event],
    market: Market | None = None,
    *,
    archive: Archive | None = None,
    volumes: VolumeArchive | None = None,
) -> Market:
    """Return the market after ``events``, by default from an empty one.

    Args:
        events: In the order in which they happened, all of them.
        market: Where they begin, such as a snapshot.
        archive: As for :func:`execute`.
        volumes: As for :func:`execute`.

    Raises:
        WrongType: No market, or something that is no event.
        RuleViolation: An event that contradicts the state, as after a hole in the log or where two
            wrote it; the path says which, ``events[17]``. Where something is missing that comes by
            itself (what is due; who has to pause, to resume, or to stop as a balance ran out) it is
            the next one at a later time. What was decided is believed: an extension of a contract
            may be missing as a payment may.

    >>> from datetime import UTC, datetime
    >>> from numgenius_core import Money, replay
    >>> from numgenius_core.market.events import CreditAdded
    >>> at = datetime(2026, 1, 1, tzinfo=UTC)
    >>> paid = CreditAdded(at=at, account="ann", amount=Money(10))
    >>> print(replay([paid, paid]).credited)
    20.00
    """
    start = Market() if market is None else market
    check_kind(start, Market, "market")
    check_archives(archive, volumes)
    if not is_series(events):
        raise WrongType("events", "events of a market", shown(events))
    return replay_from(start, events, archive, volumes, place="events[{}]", first=0)


def replay_from(
    start: Market,
    events: Iterable[Event],
    archive: Archive | None,
    volumes: VolumeArchive | None,
    *,
    place: str,
    first: int,
) -> Market:
    """Return the market after events; one that contradicts is named by its place.

    Args:
        start: Where they begin.
        events: All of them, in order.
        archive: As for :func:`execute`.
        volumes: As for :func:`execute`.
        place: What the path says of one, with its number for ``{}``.
        first: The number of the first.
    """
    builder = Builder(start, keeps=archive is not None or volumes is not None)
    for number, event in enumerate(events, first):
        try:
            apply_foreign(builder, event)
        except RuleViolation as fault:
            raise fault.at(place.format(number)) from None
        except IllegalMove as fault:
            need = f"an event that {fault.state} allows: {', '.join(fault.legal)}"
            raise RuleViolation(place.format(number), need, fault.event) from None
    after = builder.market()
    if builder.version > start.version:
        try:
            check_up_to_date(after)
        except RuleViolation as fault:
            last = first + builder.version - start.version - 1
            raise fault.at(place.format(last)) from None
    hand_over(builder, archive, volumes)  # only now: of a log that is refused nothing has happened
    return after


def check_archives(archive: object, volumes: object) -> None:
    """Refuse what cannot take in what is gone, before anything happens."""
    for path, given in (("archive", archive), ("volumes", volumes)):
        if given is not None and not isinstance(given, MutableMapping):
            raise WrongType(path, "a mapping that can be changed", shown(given))


def hand_over(market: Builder, archive: Archive | None, volumes: VolumeArchive | None) -> None:
    """Let archives have what is gone, which nobody else keeps from then on."""
    if archive is not None and market.gone:
        archive.update(market.gone)
    if volumes is not None and market.gone_volumes:
        volumes.update(market.gone_volumes)
    market.gone.clear()
    market.gone_volumes.clear()


def is_command(command: object) -> bool:
    """Return whether something is a command."""
    return type(command) in _DO


def no_command(given: object, path: str) -> WrongType:
    """Return the refusal of what is no command."""
    return other_kind(given, _DO, path, "a command of a market")


def decided(market: Builder, command: c.AnyCommand, at: datetime) -> Decision:
    """Return the decision that a command is; raises as :func:`decide`.

    All that is due was looked up in the market: it is new, or the command before was carried out.
    """
    do = _DO.get(type(command))
    if do is None:
        raise no_command(command, "command")
    at = utc(at, "at")
    if at < market.now or market.settings.longest_step is not None:
        check_step(market, command, at)
    decision = Decision(market, at)
    due = market.queue.first
    if market.unsettled or (due is not None and due[0] <= at):
        catch_up(decision)
        decision.begin()
    do(decision, command)
    market.touched.clear()  # who runs was worked out wherever it may have changed
    due = market.next_due()
    if due is not None and due[0] <= at:  # what was done took the last of a balance
        catch_up(decision)
    return decision


def check_step(market: Market | Builder, command: c.AnyCommand, at: datetime) -> None:
    """Refuse an instant before the market's last event, or too long after it for its settings."""
    if at < market.now:
        raise RuleViolation("at", f"an instant from {market.now} on", str(at))
    longest = market.settings.longest_step
    if longest is None or not market.version or at - market.now <= longest:
        return
    if type(command) is not c.SetSettings:  # which is how an operator goes on
        need = f"an instant up to {market.now + longest} (longest_step)"
        raise RuleViolation("at", need, str(at))


def _tick(decision: Decision, command: c.Tick) -> None:
    """Do nothing: time has passed already."""


_DO: Final[dict[type, Callable[[Decision, Any], None]]] = {
    c.Tick: _tick,
    c.SetSettings: hosting.set_settings,
    c.AddCredit: hosting.add_credit,
    c.AddMachine: hosting.add_machine,
    c.SetVerification: hosting.set_verification,
    c.ReportOffline: hosting.report_offline,
    c.ReportOnline: hosting.report_online,
    c.ReportLoaded: renting.report_loaded,
    c.CountTraffic: renting.count_traffic,
    c.AnnounceMaintenance: hosting.announce_maintenance,
    c.WithdrawMaintenance: hosting.withdraw_maintenance,
    c.RemoveMachine: hosting.remove_machine,
    c.ListMachine: hosting.list_machine,
    c.Relist: hosting.relist,
    c.Unlist: hosting.unlist,
    c.SetMinBid: hosting.set_min_bid,
    c.SetDefaultJob: hosting.set_default_job,
    c.RemoveDefaultJob: hosting.remove_default_job,
    c.ScheduleMaintenance: hosting.schedule_maintenance,
    c.CancelMaintenance: hosting.cancel_maintenance,
    c.Defragment: hosting.defragment_machine,
    c.CleanUp: hosting.clean_up,
    c.Rent: renting.rent,
    c.ChangeBid: renting.change_bid,
    c.Prepay: renting.prepay,
    c.Stop: renting.stop,
    c.Start: renting.start,
    c.Destroy: renting.destroy,
    c.Label: renting.label,
    c.SetAutoExtension: renting.set_auto_extension,
    c.AcceptPriceIncrease: renting.accept_increase,
    c.RejectPriceIncrease: renting.reject_increase,
    **VOLUME_COMMANDS,
    **TRANSFER_COMMANDS,
    c.SetThresholds: set_thresholds,
    c.DeleteUnpaid: delete_unpaid,
}
