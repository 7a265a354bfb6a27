"""What happened to an instance: the facts that a bill is made from.

Rule (marketplace): GPUs cost only while the instance runs, storage every second that it exists and
its machine is online, traffic by the byte in any state. So a history has the moves of the
instance, the changes of its bid, the outages of its machine, its traffic and its prepayments, in
order of time. Its first state is *loading*, from the contract's start; at the contract's end it
expires, whether or not the history says so.

Our readings: traffic is counted at the second it is reported for. An amount prepaid joins what is
left of the deposit, and the discount agreed with it holds from then on. After its destruction an
instance can only get its deposit back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from fractions import Fraction

from attrs import field, frozen

from numgenius_core._checks import as_tuple, check_kind
from numgenius_core._numbers import fraction, keep_whole
from numgenius_core._terms import check_bid
from numgenius_core.contracts.contract import Contract
from numgenius_core.contracts.life import InstanceEvent, InstanceState, advance
from numgenius_core.errors import RuleViolation, WrongType, brief, shown
from numgenius_core.intervals import utc
from numgenius_core.listing import Mode
from numgenius_core.money import ZERO, Money
from numgenius_core.rates import PerHour
from numgenius_core.sla.days import DaySettlement
from numgenius_core.units import Exact


@frozen(kw_only=True)
class Moved:
    """The instance changed its state.

    Attributes:
        at: When.
        event: What happened to it.
    """

    at: datetime
    event: InstanceEvent

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "at", utc(self.at, "moved.at"))
        check_kind(self.event, InstanceEvent, "moved.event")


@frozen(kw_only=True)
class Rebid:
    """The client changed the bid of an interruptible.

    Attributes:
        at: When.
        bid: The new one, dollars per hour for the whole instance.
    """

    at: datetime
    bid: PerHour

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "at", utc(self.at, "rebid.at"))
        check_kind(self.bid, PerHour, "rebid.bid")


@frozen(kw_only=True)
class MachineWent:
    """The machine went offline, or came back: while offline, nothing is charged for it.

    Unless its contract has a promise of uptime: while it runs that is billed on, and settled.

    Attributes:
        at: When.
        online: Which of the two.
    """

    at: datetime
    online: bool

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "at", utc(self.at, "machine_went.at"))
        check_kind(self.online, bool, "machine_went.online")


@frozen(kw_only=True)
class Transferred:
    """Traffic of the instance.

    Attributes:
        at: The second it is counted at.
        sent: Bytes uploaded.
        received: Bytes downloaded.
    """

    at: datetime
    sent: int = 0
    received: int = 0

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "at", utc(self.at, "transferred.at"))
        keep_whole(self, "sent", "transferred.sent")
        keep_whole(self, "received", "transferred.received")


def _discount(value: Exact) -> Fraction:
    return fraction(value, "prepaid.discount", below_one=True)


@frozen(kw_only=True)
class Prepaid:
    """The client prepaid: its contract is reserved from now on.

    Attributes:
        at: When.
        amount: Paid from the balance into the deposit.
        discount: The share taken off the GPU price while the deposit lasts.
    """

    at: datetime
    amount: Money
    discount: Fraction = field(converter=_discount)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "at", utc(self.at, "prepaid.at"))
        check_kind(self.amount, Money, "prepaid.amount")
        if self.amount <= ZERO:
            raise RuleViolation("prepaid.amount", "an amount above zero", str(self.amount))


@frozen(kw_only=True)
class Refunded:
    """The deposit was dissolved: what is not refunded of it is forfeited.

    Attributes:
        at: When.
        amount: Paid back to the balance, at most what is left of the deposit.
    """

    at: datetime
    amount: Money

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "at", utc(self.at, "refunded.at"))
        check_kind(self.amount, Money, "refunded.amount")
        if self.amount < ZERO:
            raise RuleViolation("refunded.amount", "zero or more", str(self.amount))


@frozen(kw_only=True)
class Settled:
    """A day of the promise of uptime was settled (:func:`numgenius_core.sla.settle_day`).

    Attributes:
        at: When: the midnight after the day, or the end of the contract.
        day: What came due for it.
        closes: Whether the promise ended with it, and its escrow with it.
    """

    at: datetime
    day: DaySettlement
    closes: bool = False

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "at", utc(self.at, "settled.at"))
        check_kind(self.day, DaySettlement, "settled.day")
        check_kind(self.closes, bool, "settled.closes")


Fact = Moved | Rebid | MachineWent | Transferred | Prepaid | Refunded | Settled
"""One fact in the history of an instance."""


def _as_facts(given: Iterable[Fact]) -> tuple[Fact, ...]:
    return as_tuple(given, "history.facts")


@frozen(kw_only=True)
class History:
    """All that happened to an instance, in order of time.

    Attributes:
        contract: With its present end and the rates of its extensions.
        facts: The facts; those of one instant happen in the order given.

    Raises:
        WrongType: ``contract`` is no ``Contract``, or something in ``facts`` is no
            :data:`~numgenius_core.billing.Fact`.
        RuleViolation: Facts out of order, before the contract, or not of its mode, such as the
            prepayment of a contract with a promise of uptime.
        IllegalMove: The instance could not do so.

    >>> from datetime import UTC, datetime, timedelta
    >>> from numgenius_core import (
    ...     Block, History, Listing, Machine, PerGbMonth, PerGpuHour, PriceTerms, agree,
    ... )
    >>> from numgenius_core.billing import Moved
    >>> from numgenius_core.contracts import InstanceEvent
    >>> machine = Machine(id=1, host="hanna", gpu_name="A100", gpus=4)
    >>> prices = PriceTerms(gpu=PerGpuHour("2.00"), storage=PerGbMonth("0.72"))
    >>> start = datetime(2026, 1, 1, tzinfo=UTC)
    >>> contract = agree(
    ...     Listing(machine=machine, prices=prices),
    ...     Block(start=0, size=1),
    ...     id=7,
    ...     client="anna",
    ...     at=start,
    ...     disk_mb=100_000,
    ... )
    >>> loaded = Moved(at=start, event=InstanceEvent.LOADED)
    >>> history = History(contract=contract, facts=[loaded])
    >>> history.state_at(start + timedelta(hours=1))
    <InstanceState.RUNNING: 'running'>
    """

    contract: Contract
    facts: tuple[Fact, ...] = field(default=(), converter=_as_facts, repr=brief)

    def __attrs_post_init__(self) -> None:
        check_kind(self.contract, Contract, "history.contract")
        latest = self.contract.start
        for index, fact in enumerate(self.facts):
            path = f"history.facts[{index}]"
            if not isinstance(fact, Fact):
                raise WrongType(path, "a Fact", shown(fact))
            if fact.at < latest:
                raise RuleViolation(f"{path}.at", f"an instant from {latest} on", str(fact.at))
            latest = fact.at
            self._check_mode(fact, path)
        for _ in self.states():
            pass  # legal moves throughout

    def _check_mode(self, fact: Fact, path: str) -> None:
        contract = self.contract
        bids = contract.mode is Mode.INTERRUPTIBLE
        if isinstance(fact, Rebid) and not bids:
            raise RuleViolation(path, f"no bid for {contract.mode.value}", "Rebid")
        if isinstance(fact, Rebid):
            check_bid(fact.bid, contract.block.size, path=f"{path}.bid")
        if isinstance(fact, Prepaid) and (bids or contract.is_free_test):
            raise RuleViolation(path, "an on-demand contract of a paying client", "Prepaid")
        if isinstance(fact, Prepaid) and contract.sla is not None:
            raise RuleViolation(path, "a contract without a promise of uptime", "Prepaid")
        if isinstance(fact, Settled) and contract.sla is None:
            raise RuleViolation(path, "a contract with a promise", "Settled")
        expires = isinstance(fact, Moved) and fact.event is InstanceEvent.EXPIRED
        if expires and fact.at != self.contract.end:
            need = (
                f"the contract's end {self.contract.end}"
                if self.contract.end
                else "a contract with an end"
            )
            raise RuleViolation(f"{path}.at", need, str(fact.at))

    def steps(self) -> Iterator[tuple[datetime, Fact | None]]:
        """Yield the facts with the expiry and, as ``None``, the starts of new rates.

        At one instant the expiry comes first: at its end, a contract is over.
        """
        end, since = self.contract.end, [change.since for change in self.contract.rate_changes]
        facts: list[tuple[datetime, Fact | None]] = [
            (fact.at, fact)
            for fact in self.facts
            if not (isinstance(fact, Moved) and fact.event is InstanceEvent.EXPIRED)
        ]
        rules: list[tuple[datetime, Fact | None]] = [(at, None) for at in since]
        destroyed = any(
            at < end and isinstance(fact, Moved) and fact.event is InstanceEvent.DESTROYED
            for at, fact in facts
            if end is not None
        )
        if end is not None and not destroyed:
            rules.append((end, Moved(at=end, event=InstanceEvent.EXPIRED)))
        yield from sorted(rules + facts, key=lambda step: step[0])  # stable: rules come first

    def states(self) -> Iterator[tuple[datetime, InstanceState]]:
        """Yield each state of the instance with the instant it begins.

        Raises:
            IllegalMove: The instance could not do so.
            RuleViolation: Something happened to it after its destruction.
        """
        state = InstanceState.LOADING
        yield self.contract.start, state
        for at, fact in self.steps():
            if isinstance(fact, Moved):
                state = advance(state, fact.event)
                yield at, state
            elif state is InstanceState.DESTROYED and not isinstance(fact, Refunded | None):
                raise RuleViolation("history", f"nothing after its destruction, {at}", shown(fact))

    def state_at(self, instant: datetime) -> InstanceState | None:
        """Return what the instance is doing; ``None`` before its contract.

        Raises:
            WrongType: It is no ``datetime``.
            RuleViolation: It has no time zone or a fraction of a second.
        """
        instant, found = utc(instant), None
        for since, state in self.states():
            if since <= instant:
                found = state
        return found
