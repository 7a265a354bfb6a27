"""What a command made, found among its events by their kind.

What came due before a command happens first, so the events of a command begin with others whenever
time had something to say. Their order is no way to what a command made; their kind is.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from numgenius_core._checks import as_tuple
from numgenius_core.errors import RuleViolation, WrongType, shown
from numgenius_core.market._messages import Message

E = TypeVar("E", bound=Message)


def find_events(events: Iterable[object], kind: type[E]) -> tuple[E, ...]:
    """Return the events of a kind, in their order: all that a listing asks its clients, say.

    Args:
        events: As :func:`numgenius_core.market.execute` returns them.
        kind: The class of what is looked for.

    Raises:
        WrongType: ``events`` are no series, or ``kind`` is no class of an event.

    >>> from datetime import UTC, datetime
    >>> from numgenius_core import Machine, Market, PerGpuHour, PriceTerms, execute
    >>> from numgenius_core.market import commands as do, events as e, find_events
    >>> at = datetime(2026, 1, 1, tzinfo=UTC)
    >>> machine = Machine(id=1, host="hanna", gpu_name="A100", gpus=4)
    >>> market, _ = execute(Market(), do.AddMachine(machine=machine), at)
    >>> prices = PriceTerms(gpu=PerGpuHour("2.00"))
    >>> market, events = execute(market, do.ListMachine(by="hanna", machine=1, prices=prices), at)
    >>> find_events(events, e.PriceIncreaseAsked)  # nobody rents, so nobody is asked
    ()
    """
    if not isinstance(kind, type) or not issubclass(kind, Message):  # type: ignore[redundant-expr]
        raise WrongType("kind", "the class of an event", shown(kind))
    return tuple(event for event in as_tuple(events, "events") if type(event) is kind)


def find_event(events: Iterable[object], kind: type[E]) -> E:
    """Return the one event of a kind: the contract that ``Rent`` created, say.

    Args:
        events: As :func:`numgenius_core.market.execute` returns them.
        kind: The class of what is looked for.

    Raises:
        WrongType: ``events`` are no series, or ``kind`` is no class of an event.
        RuleViolation: There is none of this kind, or more than one.

    >>> from datetime import UTC, datetime
    >>> from numgenius_core import Machine, Market, Mode, Money, PerGpuHour, PriceTerms, execute
    >>> from numgenius_core.market import commands as do, events as e, find_event
    >>> at = datetime(2026, 1, 1, tzinfo=UTC)
    >>> market, listed = Market(), ()
    >>> for command in (
    ...     do.AddMachine(machine=Machine(id=1, host="hanna", gpu_name="A100", gpus=4)),
    ...     do.AddCredit(account="ann", amount=Money(10)),
    ...     do.ListMachine(by="hanna", machine=1, prices=PriceTerms(gpu=PerGpuHour("2.00"))),
    ... ):
    ...     market, listed = execute(market, command, at)
    >>> find_event(listed, e.MachineListed).number
    1
    >>> market, rented = execute(market, do.Rent(by="ann", offer=8192, mode=Mode.ON_DEMAND), at)
    >>> find_event(rented, e.ContractCreated).contract.id
    2
    """
    found = find_events(events, kind)
    if len(found) != 1:
        raise RuleViolation("events", f"one {kind.__name__}", str(len(found)))
    return found[0]
