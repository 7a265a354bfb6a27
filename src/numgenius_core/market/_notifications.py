"""Who must be told of what happened: each event's recipients, with the facts.

Rule (G12, and the marketplace's notices): clients are told of maintenance; likewise of whatever
else happens to what they rent without their doing: it pauses, resumes, ends, is extended, becomes
dearer or is deleted, its machine goes offline, their balance is low. Hosts are told of what others
do on their machines, and what time ends there.

Our readings: nobody is told of what only they did themselves, such as a new bid or a listing.
That an instance or a volume is gone, its client and its host are always told: the data is gone,
whoever deleted it. That a rolling end moved on by its day is no news, nor is what it extends: a
client is told of an end that a listing or an accepted price brought. Promised by
:mod:`numgenius_core.market.views`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from attrs import frozen

from numgenius_core._checks import as_tuple, check_kind, check_text
from numgenius_core.errors import IllegalMove, RuleViolation
from numgenius_core.ids import AccountId
from numgenius_core.market import events as e
from numgenius_core.market._builder import Builder
from numgenius_core.market._concerns import check_event, recipients, words_of
from numgenius_core.market._evolution import apply_foreign
from numgenius_core.market.state import Market

_WHOLE: Final = frozenset({"machine", "contract", "volume", "notice"})
"""Fields that have all of something in some events, and its number in others."""
_UNTOLD: Final = frozenset({"type", "at", "left"})
"""Fields that tell nobody anything: the last is what settlements say to each other."""
_EXTENDED: Final = (e.ContractExtended, e.VolumeExtended)


@frozen(kw_only=True)
class Notification:
    """Something that an account must be told.

    Attributes:
        recipient: The account.
        event: What happened.

    Raises:
        WrongType: ``recipient`` is no text, or ``event`` no event.
        RuleViolation: ``recipient`` is not 1 to 200 printable characters.

    >>> from datetime import UTC, datetime
    >>> from numgenius_core.market import events as it, views
    >>> empty = it.BalanceRanOut(at=datetime(2026, 1, 1, tzinfo=UTC), account="ann")
    >>> views.Notification(recipient="ann", event=empty).kind
    'balance ran out'
    """

    recipient: AccountId
    event: e.Event

    def __attrs_post_init__(self) -> None:
        check_text(self.recipient, "notification.recipient")
        check_event(self.event, "notification.event")

    @property
    def at(self) -> datetime:
        """When it happened."""
        return self.event.at

    @property
    def kind(self) -> str:
        """What happened, in words: the name of the event, such as ``instance paused``."""
        if isinstance(self.event, e.ClientNotified):
            return "maintenance scheduled"
        return words_of(self.event)

    @property
    def facts(self) -> dict[str, Any]:
        """The fields of the event by their names, but for the instant, as JSON has them.

        Made anew at each look, of plain dicts and lists, as ``json.dumps`` takes them. Amounts,
        prices and instants are text, as in a document. ``machine``, ``contract``, ``volume`` and
        ``increase`` are always numbers: where the event has the whole machine or the whole
        contract, its other fields stand beside its number (``client``, ``prices``, ``end``), and so
        do those of a notice of maintenance. Of a settled day they have what came due, and not what
        the next settlement needs to know (``left``).

        >>> from datetime import UTC, datetime
        >>> from numgenius_core import Machine
        >>> from numgenius_core.market import events as it, views
        >>> machine = Machine(id=1, host="hanna", gpu_name="A100", gpus=4)
        >>> added = it.MachineAdded(at=datetime(2026, 1, 1, tzinfo=UTC), machine=machine)
        >>> facts = views.Notification(recipient="hanna", event=added).facts
        >>> facts["machine"], facts["gpu_name"], facts["disk_share"]
        (1, 'A100', '1')
        """
        from numgenius_core.documents import unstructure  # with cattrs, which few need

        number = "volume" if isinstance(self.event, e.VolumeRented) else ""
        return dict(_spread(unstructure(self.event), number))


def _spread(said: Mapping[str, Any], number: str) -> Iterator[tuple[str, Any]]:
    """Yield what a document of an event says, and what it says of a part in the part's place.

    Args:
        said: The document, or a part of it.
        number: What the part's own number is called; empty if that is the name of the part.
    """
    for name, value in said.items():
        if name in _WHOLE and isinstance(value, dict):
            yield from _spread(value, number or name)
        elif name == "id":
            yield number, value
        elif name not in _UNTOLD:
            yield name, value


def notifications(market: Market, events: Iterable[e.Event]) -> tuple[Notification, ...]:
    """Return who must be told of some events, given the market as it was before them.

    They are told in the order in which it happened. Of one event the client is told first, then the
    host; all clients of a machine in the order of their names.

    Args:
        market: As it was before the events: ``before``, and not ``after``, of ``after, events =
            execute(before, …)``.
        events: As :func:`numgenius_core.market.execute` returns them.

    Raises:
        WrongType: ``market`` is no market, or something in ``events`` is no event.
        RuleViolation: Events that contradict the market, such as those of another one, or those
            that it has seen already. Of a few, such as a payment at the market's last instant, it
            cannot tell that it has seen them.

    >>> from datetime import UTC, datetime
    >>> from numgenius_core import Machine, Market, Mode, Money, PerGpuHour, PriceTerms, execute
    >>> from numgenius_core.market import commands as do, views
    >>> at = datetime(2026, 1, 1, tzinfo=UTC)
    >>> market = Market()
    >>> for command in (
    ...     do.AddMachine(machine=Machine(id=1, host="hanna", gpu_name="A100", gpus=4)),
    ...     do.ListMachine(by="hanna", machine=1, prices=PriceTerms(gpu=PerGpuHour("2.00"))),
    ...     do.AddCredit(account="ann", amount=Money(10)),
    ...     do.Rent(by="ann", offer=8192, mode=Mode.ON_DEMAND),
    ... ):
    ...     market, _ = execute(market, command, at)
    >>> _, events = execute(market, do.ReportOffline(machine=1), at)
    >>> for notice in views.notifications(market, events):
    ...     print(notice.recipient, notice.kind, dict(notice.facts))
    ann machine went offline {'machine': 1}
    hanna machine went offline {'machine': 1}
    """
    check_kind(market, Market, "market")
    builder, found = Builder(market), []
    rolls = False
    for index, event in enumerate(as_tuple(events, "events")):
        check_event(event, f"events[{index}]")
        try:
            told = dict.fromkeys(recipients(builder, event))
            apply_foreign(builder, event)
        except (RuleViolation, IllegalMove) as fault:
            need = "events that follow this market (give the market as it was before them)"
            got = f"{type(event).__name__} ({fault})"
            raise RuleViolation(f"events[{index}]", need, got) from fault
        # What a roll extends comes right after it.
        rolls = isinstance(event, e.EndDateRolled) or (rolls and isinstance(event, _EXTENDED))
        if not rolls:
            found += [Notification(recipient=each, event=event) for each in told]
    return tuple(found)
