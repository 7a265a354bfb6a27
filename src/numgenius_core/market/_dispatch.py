"""The whole market: commands go in, events come out, and the state follows from the events.

All rules meet here (DOMAIN, G1 to G13). :func:`decide` says what a command leads to, or refuses it
with a reason; :func:`evolve` applies an event. A service stores the events and nothing else:
:func:`replay` gives the same state on any machine. ``at`` is always an argument; what came due
before a command happens first, at its own instant (``_clock``).

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

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Final

from numgenius_core._checks import check_kind
from numgenius_core.errors import RuleViolation, WrongType, shown
from numgenius_core.intervals import utc
from numgenius_core.market import _hosting as hosting, _renting as renting, commands as c
from numgenius_core.market._clock import advance_to, catch_up
from numgenius_core.market._decision import Decision
from numgenius_core.market._evolution import apply_event
from numgenius_core.market.events import Event
from numgenius_core.market.state import Market


def decide(market: Market, command: c.Command, at: datetime) -> tuple[Event, ...]:
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
    return tuple(_drafted(market, command, at).events)


def execute(market: Market, command: c.Command, at: datetime) -> tuple[Market, tuple[Event, ...]]:
    """Return the market after a command, and the events that led there.

    The same as :func:`decide` and then :func:`evolve` for each event, at half the work. Arguments
    and errors as for :func:`decide`.

    >>> from datetime import UTC, datetime
    >>> from numgenius_core import Market, Money, execute
    >>> from numgenius_core.market import commands as do
    >>> at = datetime(2026, 1, 1, tzinfo=UTC)
    >>> market, events = execute(Market(), do.AddCredit(account="ann", amount=Money(10)), at)
    >>> print(len(events), market.credited)
    1 10.00
    """
    draft = _drafted(market, command, at)
    return draft.market, tuple(draft.events)


def evolve(market: Market, event: Event) -> Market:
    """Return the market after an event, without asking whether it may be.

    Raises:
        WrongType: It is no event.
        UnknownId: It names something that the market does not have.

    >>> from datetime import UTC, datetime
    >>> from numgenius_core import Market, Money
    >>> from numgenius_core.market import evolve
    >>> from numgenius_core.market.events import CreditAdded
    >>> at = datetime(2026, 1, 1, tzinfo=UTC)
    >>> paid = CreditAdded(at=at, account="ann", amount=Money(10))
    >>> print(evolve(Market(), paid).credited)
    10.00
    """
    return apply_event(market, event)


def replay(events: Iterable[Event], market: Market | None = None) -> Market:
    """Return the market after ``events``, by default from an empty one.

    Raises:
        WrongType: No market, or something that is no event.

    >>> from datetime import UTC, datetime
    >>> from numgenius_core import Money, replay
    >>> from numgenius_core.market.events import CreditAdded
    >>> at = datetime(2026, 1, 1, tzinfo=UTC)
    >>> paid = CreditAdded(at=at, account="ann", amount=Money(10))
    >>> print(replay([paid, paid]).credited)
    20.00
    """
    state = Market() if market is None else market
    check_kind(state, Market, "market")
    if not isinstance(events, Iterable):
        raise WrongType("events", "events of a market", shown(events))
    for event in events:
        state = apply_event(state, event)
    return state


def _drafted(market: Market, command: c.Command, at: datetime) -> Decision:
    check_kind(market, Market, "market")
    do = _DO.get(type(command))
    if do is None:
        raise WrongType("command", "a command of a market", shown(command))
    at = utc(at, "at")
    if at < market.now:
        raise RuleViolation("at", f"an instant from {market.now} on", str(at))
    draft = advance_to(market, at)
    do(draft, command)
    catch_up(draft)  # what was done may have taken the last of a balance
    return draft


def _tick(draft: Decision, command: c.Tick) -> None:
    """Do nothing: time has passed already."""


_DO: Final[dict[type, Callable[[Decision, Any], None]]] = {
    c.Tick: _tick,
    c.AddCredit: hosting.add_credit,
    c.AddMachine: hosting.add_machine,
    c.SetVerification: hosting.set_verification,
    c.ReportOffline: hosting.report_offline,
    c.ReportOnline: hosting.report_online,
    c.ReportLoaded: renting.report_loaded,
    c.CountTraffic: renting.count_traffic,
    c.RemoveMachine: hosting.remove_machine,
    c.ListMachine: hosting.list_machine,
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
}
