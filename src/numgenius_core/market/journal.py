"""Commands, events and whole markets as JSON: what a service is asked, and what it stores.

The events are all there is to keep; each is one line of versioned JSON
(:mod:`numgenius_core.documents`). A snapshot is a shortcut: the state as one document, so that a
service starts without replaying years. Restored, it is the state that the events give.

>>> from datetime import UTC, datetime
>>> from numgenius_core.market.events import BalanceRanOut
>>> from numgenius_core.ids import AccountId
>>> from numgenius_core.market.journal import event_from_json, event_to_json
>>> event = BalanceRanOut(at=datetime(2026, 1, 1, tzinfo=UTC), account=AccountId("ann"))
>>> line = event_to_json(event)
>>> print(line)
{"schema": "numgenius/1", "type": "BalanceRanOut", "at": "2026-01-01T00:00:00Z", "account": "ann"}
>>> event_from_json(line) == event
True
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import Any

from attrs import field, frozen

from numgenius_core._checks import MANY_FAULTS, check_kind
from numgenius_core.documents import from_json, to_json
from numgenius_core.errors import InvalidDocument, RuleViolation, brief
from numgenius_core.market._concerns import check_event
from numgenius_core.market._fitting import Fitting
from numgenius_core.market._ledger import Ledger
from numgenius_core.market._persistent import Table
from numgenius_core.market._settings import Settings
from numgenius_core.market.commands import Command
from numgenius_core.market.events import Event
from numgenius_core.market.state import Account, MachineState, Market, queue_of, unsettled_of
from numgenius_core.money import ZERO, Money

__all__ = [
    "command_from_json",
    "event_from_json",
    "event_to_json",
    "market_from_json",
    "market_to_json",
]


def __dir__() -> list[str]:
    """Return what there is to use."""
    return sorted(__all__)


def command_from_json(text: str | bytes) -> Command:
    """Return the command of a document: what a service is asked to do.

    :func:`~numgenius_core.documents.to_json` writes one, and
    ``numgenius_core.documents.json_schema(Command)`` says what they look like.

    Raises:
        ParseError: It is no JSON, or of another schema.
        InvalidDocument: It is no command, with the faults of all its fields.
        WrongType: It is neither text nor bytes.

    >>> from numgenius_core.market.journal import command_from_json
    >>> command_from_json('{"schema": "numgenius/1", "type": "Stop", "by": "ann", "contract": 7}')
    Stop(by='ann', contract=7)
    """
    command: Command = from_json(text, Command, source="command")
    return command


def event_to_json(event: Event) -> str:
    """Return an event as one line of ASCII text.

    Raises:
        WrongType: It is no event.

    >>> from datetime import UTC, datetime
    >>> from numgenius_core import Money
    >>> from numgenius_core.market.events import CreditAdded
    >>> from numgenius_core.market.journal import event_to_json
    >>> paid = CreditAdded(at=datetime(2026, 1, 1, tzinfo=UTC), account="ann", amount=Money(10))
    >>> print(event_to_json(paid)[:68])
    {"schema": "numgenius/1", "type": "CreditAdded", "at": "2026-01-01T0
    """
    check_event(event, "event")
    return to_json(event)


def event_from_json(text: str | bytes) -> Event:
    """Return the event of a line.

    Raises:
        ParseError: It is no JSON, or of another schema.
        InvalidDocument: It is no event, with the faults of all its fields.
        WrongType: It is neither text nor bytes.

    >>> from datetime import UTC, datetime
    >>> from numgenius_core import Money
    >>> from numgenius_core.market.events import CreditAdded
    >>> from numgenius_core.market.journal import event_from_json, event_to_json
    >>> paid = CreditAdded(at=datetime(2026, 1, 1, tzinfo=UTC), account="ann", amount=Money(10))
    >>> event_from_json(event_to_json(paid)) == paid
    True
    """
    event: Event = from_json(text, Event, source="event")
    return event


@frozen(kw_only=True)
class Snapshot:
    """A market as a document: what cannot be worked out from the rest of it.

    Attributes:
        now: The instant of the last event.
        version: The number of events it came from.
        last: The last number given.
        settings: What it takes at most.
        machines: In the order of their numbers.
        accounts: In the order of their names.
        platform: What the platform has earned.
        credited: All that was ever paid in.
        paid_out: All that hosts were ever paid out.
    """

    now: datetime
    version: int
    last: int
    settings: Settings
    machines: tuple[MachineState, ...] = field(repr=brief)
    accounts: tuple[Account, ...] = field(repr=brief)
    platform: Ledger
    credited: Money
    paid_out: Money = ZERO


def market_to_json(market: Market) -> str:
    """Return a market as one document.

    Raises:
        WrongType: ``market`` is no ``Market``.

    >>> from datetime import UTC, datetime
    >>> from numgenius_core import Market, Money, execute
    >>> from numgenius_core.market import commands as do
    >>> from numgenius_core.market.journal import market_to_json
    >>> at = datetime(2026, 1, 1, tzinfo=UTC)
    >>> market, _ = execute(Market(), do.AddCredit(account="ann", amount=Money(10)), at)
    >>> print(market_to_json(market)[:64])
    {"schema": "numgenius/1", "type": "Snapshot", "now": "2026-01-01
    """
    check_kind(market, Market, "market")
    return to_json(
        Snapshot(
            now=market.now,
            version=market.version,
            last=market.last,
            settings=market.settings,
            machines=_by_key(market.machines),
            accounts=_by_key(market.accounts),
            platform=market.platform,
            credited=market.credited,
            paid_out=market.paid_out,
        )
    )


def _by_key(table: Table[Any, Any]) -> tuple[Any, ...]:
    return tuple(table[key] for key in sorted(table))


def market_from_json(text: str | bytes) -> Market:
    """Return the market of a document.

    Its ``version`` says after how many events it was taken: where a start goes on to read, and what
    a log compares. Nothing else in it knows that number, so it is believed, like the rest of what a
    snapshot says only once. Keep snapshots as safe as the events, and number them as these are.

    Raises:
        ParseError: It is no JSON, or of another schema.
        InvalidDocument: It is no market, with every fault; or its parts do not fit together, with
            the first faults: an instance on another machine than its contract's, a number that was
            not given yet, money that nobody paid in.
        WrongType: It is neither text nor bytes.

    >>> from datetime import UTC, datetime
    >>> from numgenius_core import Market, Money, execute
    >>> from numgenius_core.market import commands as do
    >>> from numgenius_core.market.journal import market_from_json, market_to_json
    >>> at = datetime(2026, 1, 1, tzinfo=UTC)
    >>> market, _ = execute(Market(), do.AddCredit(account="ann", amount=Money(10)), at)
    >>> market_from_json(market_to_json(market)) == market
    True
    """
    kept = from_json(text, Snapshot, source="snapshot")
    # One wrong number is a fault of all that it stands beside.
    faults = tuple(islice(_misfits(kept), MANY_FAULTS))
    if faults:
        raise InvalidDocument("snapshot", faults, more=len(faults) == MANY_FAULTS)
    machines = Table((machine.id, machine) for machine in kept.machines)
    accounts = Table((account.id, account) for account in kept.accounts)
    return Market(
        now=kept.now,
        version=kept.version,
        last=kept.last,
        settings=kept.settings,
        machines=machines,
        accounts=accounts,
        homes=Table((key, machine.id) for machine in kept.machines for key in machine.instances),
        asked=Table((key, machine.id) for machine in kept.machines for key in machine.increases),
        listings=Table(
            (machine.number, machine.id) for machine in kept.machines if machine.listing is not None
        ),
        volumes=Table((key, machine.id) for machine in kept.machines for key in machine.volumes),
        volume_listings=Table(
            (machine.volume_number, machine.id)
            for machine in kept.machines
            if machine.volume_listing is not None
        ),
        platform=kept.platform,
        credited=kept.credited,
        paid_out=kept.paid_out,
        queue=queue_of(machines, accounts),
        unsettled=unsettled_of(machines, accounts, kept.now),
    )


def _misfits(kept: Snapshot) -> Iterator[RuleViolation]:
    """Yield what does not fit together in a snapshot."""
    for name in ("version", "last"):
        if getattr(kept, name) < 0:
            yield RuleViolation(name, "a number from 0 on", str(getattr(kept, name)))
    if 0 <= kept.version < kept.last:
        need = f"at least {kept.last}: an event gives one number, and so many were given"
        yield RuleViolation("version", need, str(kept.version))
    fitting = Fitting(kept.now, kept.last, kept.machines, kept.accounts, kept.platform)
    yield from fitting.faults()
    there = fitting.held() + kept.paid_out
    if there != kept.credited:
        yield RuleViolation("credited", f"${there}, what there is", f"${kept.credited}")
