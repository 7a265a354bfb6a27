"""Laws of a whole market: what may happen to it, and where its money is.

What is tested plays commands, from an empty market on, and tells what came of each, and what is on
the accounts in the end (:class:`Played`). It may be a server behind an adapter. A port with the
signature of :func:`numgenius_core.market.execute` needs no adapter: :func:`playing` is one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Any, Final

from attrs import field, frozen
from hypothesis import strategies as st

from numgenius_core._checks import read_only
from numgenius_core.billing.statements import statement
from numgenius_core.billing.volumes import volume_statement
from numgenius_core.errors import NumgeniusError, brief
from numgenius_core.ids import AccountId, ContractId, MachineId, VolumeId
from numgenius_core.intervals import Interval
from numgenius_core.market import (
    commands as c,
    events as e,
    execute,
    find_events,
    replay,
    views,
)
from numgenius_core.market.instance import HOLDS, Instance
from numgenius_core.market.state import Market
from numgenius_core.market.volume import RentedVolume
from numgenius_core.money import Money
from numgenius_core.testing.law import Implementation, Law, Rule, dollars, near
from numgenius_core.testing.laws.settlements import fault_of_promises
from numgenius_core.testing.market_values import Step, plays

Steps = Sequence[Step]
Execute = Callable[[Market, c.Command, datetime], tuple[Market, Sequence[e.Event]]]
"""Carries out a command on a market at an instant; returns the market after it, and the events."""
Tell = Callable[
    [Market, datetime, Mapping[ContractId, Instance], Mapping[VolumeId, RentedVolume]], "Books"
]
"""Says what is on the accounts of a market at an instant, given what was destroyed and deleted."""

_REFUSED: Final = "a refused command changes nothing"
_REPLAYED: Final = "events are all that a service must store: replayed, they give the same market"
_ONE_A_GPU: Final = "no GPU runs two instances, and none is rented on demand twice"
_BY_PRIORITY: Final = "on demand runs first, then the highest bid; equal bids keep their order"
_CONSERVED: Final = "whatever leaves one account arrives in others: credit is conserved to the tick"
_STATED: Final = "what each account has is what it paid in, less its bills, and what it earned"
_SETTLED: Final = "what comes due at midnight is what the promise, the day's bill and outages say"
_FORWARD: Final = "time never runs backwards; each thing happens at its own instant"
_OFTEN: Final = "the answer does not depend on how often anyone looks at the clock"
_DISK: Final = "what instances and volumes store together is never more than the disk that is sold"
_BY_THE_SECOND: Final = (
    "a volume is charged per GB-month for every second that it exists and its machine is online"
)
_MONTH: Final = 720 * 3_600
_SECOND: Final = timedelta(seconds=1)
_NOTHING: Final = Fraction(0)


@frozen(kw_only=True)
class Books:
    """What is on the accounts of a market, each amount exact: ``Money`` or dollars.

    Attributes:
        balances: The balance of each account.
        deposits: What is left of the deposit of each contract that has one.
        bills: What each contract and each volume there ever was took from its client's balance, by
            their numbers, of which no two are the same.
        payouts: What each of them gave its host, or an escrow for it.
        escrows: What is in the escrow of each contract with a promise of uptime that is in force.
        platform: What the platform has earned.

    >>> from numgenius_core import Money
    >>> from numgenius_core.testing import Books
    >>> books = Books(balances={"ann": Money(3)}, deposits={}, bills={}, payouts={}, platform=0)
    >>> print(books.balances["ann"])
    3.00
    """

    balances: Mapping[AccountId, Any] = field(converter=read_only, repr=brief)
    deposits: Mapping[ContractId, Any] = field(converter=read_only, repr=brief)
    bills: Mapping[ContractId, Any] = field(converter=read_only, repr=brief)
    payouts: Mapping[ContractId, Any] = field(converter=read_only, repr=brief)
    platform: Any
    escrows: Mapping[ContractId, Any] = field(factory=dict, converter=read_only, repr=brief)


def _answers(given: Sequence[Sequence[e.Event] | None]) -> Sequence[Sequence[e.Event] | None]:
    return tuple(given)


@frozen(kw_only=True)
class Played:
    """What came of some commands, as the laws of a market look at it.

    Attributes:
        answers: The events of each command, ``None`` for one that was refused.
        books: The accounts at the latest instant of a command, when all that is due by then has
            happened.

    >>> from numgenius_core.testing import Books, Played
    >>> nothing = Books(balances={}, deposits={}, bills={}, payouts={}, platform=0)
    >>> Played(answers=[None, ()], books=nothing).events
    ()
    """

    answers: Sequence[Sequence[e.Event] | None] = field(converter=_answers, repr=brief)
    books: Books

    @property
    def events(self) -> tuple[e.Event, ...]:
        """All events in order."""
        return tuple(event for answer in self.answers for event in answer or ())


# -- this library's answer ---------------------------------------------------------------------


def books_of(
    market: Market,
    at: datetime,
    archive: Mapping[ContractId, Instance] | None = None,
    volumes: Mapping[VolumeId, RentedVolume] | None = None,
) -> Books:
    """Return what is on the accounts of a market of this library at an instant.

    Args:
        market: The market.
        at: When, from its last event on.
        archive: The instances that were destroyed; what they cost is on the accounts, too.
        volumes: The volumes that were deleted.

    >>> from numgenius_core import AccountId, Market, Money, execute
    >>> from numgenius_core.market.commands import AddCredit
    >>> from numgenius_core.testing import EPOCH, books_of
    >>> command = AddCredit(account="ann", amount=Money(3))
    >>> market, _ = execute(Market(), command, EPOCH)
    >>> {name: str(balance) for name, balance in books_of(market, EPOCH).balances.items()}
    {'ann': '3.00'}
    """
    market = views.until(market, at)
    there = list(_instances(market))
    ever = dict(archive or {}) | {each.id: each for each in there}  # in both: one, as it is there
    known = {
        key: statement(each.history, Interval(each.contract.start, at))
        for key, each in ever.items()
        if each.contract.start < at
    }
    rented = (each for place in market.machines.values() for each in place.volumes.values())
    stored = {
        key: volume_statement(each.history, Interval(each.contract.start, at))
        for key, each in (dict(volumes or {}) | {each.id: each for each in rented}).items()
        if each.contract.start < at
    }
    return Books(
        balances={name: views.balance(market, name, at) for name in market.accounts},
        deposits={each.id: each.deposit.at(at) for each in there},
        bills={key: each.billed for key, each in known.items()}
        | {key: each.total for key, each in stored.items()},
        payouts={key: each.payout for key, each in (known | stored).items()},
        platform=market.platform.at(at),
        escrows={each.id: each.promise.ledger.at(at) for each in there if each.promise is not None},
    )


def playing(execute: Execute, tell: Tell | None = None) -> Callable[[Sequence[Step]], Played]:
    """Return what plays commands by a function that executes one, as the laws want it.

    Args:
        execute: Takes a market, a command and an instant; returns the market after it, and the
            events. Any of our errors refuses the command.
        tell: Returns what is on the accounts of a market at an instant, given the instances that
            were destroyed and the volumes that were deleted;
            :func:`~numgenius_core.testing.books_of` if left out.

    >>> from numgenius_core import execute
    >>> from numgenius_core.testing import playing, verify
    >>> verify("market", playing(execute), examples=5)
    """

    def play(steps: Steps) -> Played:
        market = Market()
        answers: list[Sequence[e.Event] | None] = []
        archive: dict[ContractId, Instance] = {}
        volumes: dict[VolumeId, RentedVolume] = {}
        for command, at in steps:
            before = market
            try:
                market, events = execute(market, command, at)
            except NumgeniusError:
                answers.append(None)
            else:
                answers.append(tuple(events))
                with suppress(NumgeniusError):  # events that contradict each other break a law
                    replay(events, before, archive=archive, volumes=volumes)
        told = (tell or books_of)(market, max(at for _, at in steps), archive, volumes)
        return Played(answers=answers, books=told)

    return play


def _instances(market: Market) -> Iterator[Instance]:
    for machine in market.machines.values():
        yield from machine.instances.values()


# -- what must be the same ---------------------------------------------------------------------


def _different(found: Books, expected: Books) -> str | None:
    """Return what differs between the accounts of two plays."""
    for name in ("balances", "deposits", "bills", "payouts", "escrows"):
        one, other = getattr(found, name), getattr(expected, name)
        for key in {**one, **other}:
            here, there = (dollars(each.get(key, _NOTHING)) for each in (one, other))
            if fault := near(f"{name}[{key!r}]", here, there, _NOTHING):
                return fault
    return near("platform", dollars(found.platform), dollars(expected.platform), _NOTHING)


def _same(what: str, found: Played, expected: Played) -> str | None:
    """Return what differs between two plays: their events or their accounts."""
    for ours, theirs in zip(found.events, expected.events, strict=False):
        if ours != theirs:
            return f"{what}, {ours} happens, not {theirs}"
    if len(found.events) != len(expected.events):
        return f"{what}, {len(found.events)} events happen, not {len(expected.events)}"
    fault = _different(found.books, expected.books)
    return fault and f"{what}, {fault}"


def _told(implementation: Implementation, steps: Steps) -> Played:
    """Return what came of some commands.

    Raises:
        ValueError: There is not one answer to each.
    """
    played: Played = implementation(steps)
    if len(played.answers) != len(steps):
        raise ValueError(f"{len(played.answers)} answers to {len(steps)} commands")
    return played


# -- what happens ------------------------------------------------------------------------------


def _refused_is_nothing(implementation: Implementation, steps: Steps) -> str | None:
    played = _told(implementation, steps)
    pairs = zip(steps, played.answers, strict=True)
    kept = [step for step, answer in pairs if answer is not None]
    if len(kept) == len(steps) or not kept or kept[-1] is not steps[-1]:
        return None
    return _same("without the refused commands", _told(implementation, kept), played)


def _events_are_enough(implementation: Implementation, steps: Steps) -> str | None:
    played = _told(implementation, steps)
    try:
        archive: dict[ContractId, Instance] = {}
        volumes: dict[VolumeId, RentedVolume] = {}
        market = replay(played.events, archive=archive, volumes=volumes)
        again = books_of(market, max(at for _, at in steps), archive, volumes)
    except NumgeniusError as error:
        return f"the events cannot be replayed: {error}"
    return _different(played.books, again)


def _forward(implementation: Implementation, steps: Steps) -> str | None:
    played, last = _told(implementation, steps), None
    for (_, at), answer in zip(steps, played.answers, strict=True):
        for event in answer or ():
            if event.at > at or (last is not None and event.at < last):
                return f"at {at}, {event} happens after what happened at {last}"
            last = event.at
    half = len(steps) // 2
    before = [event.at for answer in played.answers[:half] for event in answer or ()]
    if not before:
        return None
    late = (c.AddCredit(account=AccountId("late"), amount=Money(1)), before[-1] - _SECOND)
    answer = _told(implementation, [*steps[:half], late, *steps[half:]]).answers[half]
    return None if answer is None else f"a command before {before[-1]} is taken after it"


def _looked_at(steps: Steps) -> list[Step]:
    """Return the steps with looks at the clock between them, and right before each."""
    found = [steps[0]]
    for (_, before), step in pairwise(steps):
        middle = before + timedelta(seconds=(step[1] - before) // _SECOND // 2)
        found += [(c.Tick(), middle), (c.Tick(), step[1]), step]
    return found


def _clock_is_nothing(implementation: Implementation, steps: Steps) -> str | None:
    played = _told(implementation, steps)
    often = _told(implementation, _looked_at(steps))
    return _same("with more looks at the clock", often, played)


# -- who has the GPUs --------------------------------------------------------------------------


def _stages(played: Played) -> Iterator[Market]:
    """Yield the market after each command that was taken, as long as its events make sense."""
    market = Market()
    for answer in played.answers:
        if answer:
            try:
                market = replay(answer, market)
            except NumgeniusError:
                return  # the law of the events says so
            yield market


def _one_a_gpu(implementation: Implementation, steps: Steps) -> str | None:
    for market in _stages(_told(implementation, steps)):
        for place in market.machines.values():
            taken = 0
            for each in place.instances.values():
                if each.state.value == "running" or each.holds:
                    if taken & each.contract.block.gpu_set:
                        return f"at {market.now}, instance {each.id} has GPUs of another"
                    taken |= each.contract.block.gpu_set
    return None


def _by_priority(implementation: Implementation, steps: Steps) -> str | None:
    for market in _stages(_told(implementation, steps)):
        for place in market.machines.values():
            answer = place.resolution
            for each in place.instances.values():
                if each.claims and (each.state in HOLDS) != answer.runs(each.id):
                    return f"at {market.now}, instance {each.id} is {each.state.value}"
    return None


# -- who has the disk --------------------------------------------------------------------------


def _disk_is_there(implementation: Implementation, steps: Steps) -> str | None:
    for market in _stages(_told(implementation, steps)):
        for place in market.machines.values():
            stored = sum(each.contract.disk_mb for each in place.instances.values())
            stored += sum(each.contract.size_mb for each in place.volumes.values())
            if stored > place.machine.disk_mb * place.machine.disk_share:
                return f"at {market.now}, {stored:,} MB are stored on machine {place.id}"
    return None


def _by_the_second(implementation: Implementation, steps: Steps) -> str | None:
    """Bill each volume by hand: its seconds, less those in which its machine was offline."""
    played, end = _told(implementation, steps), max(at for _, at in steps)
    deleted = {event.volume: event.at for event in find_events(played.events, e.VolumeDeleted)}
    for begun, event in enumerate(played.events):
        if not isinstance(event, e.VolumeRented):
            continue
        terms = event.contract
        seconds = _online(played.events[begun:], terms.machine, deleted.get(terms.id, end))
        used = Fraction(0 if terms.is_free_test else terms.size_mb * seconds, 1_000 * _MONTH)
        bill = dollars(played.books.bills.get(terms.id, _NOTHING))
        price = terms.price.steps * used / 10**12
        if fault := near(f"the bill of volume {terms.id}", bill, price, _NOTHING):
            return fault
    return None


def _online(events: Sequence[e.Event], machine: MachineId, last: datetime) -> int:
    """Return for how many seconds of some events, up to an instant, a machine is online."""
    found, since = 0, events[0].at
    for event in events:
        if not isinstance(event, e.MachineWentOffline | e.MachineCameOnline):
            continue
        if event.machine == machine:
            edge = min(event.at, last)
            if isinstance(event, e.MachineWentOffline):
                found, since = found + (edge - since) // _SECOND, last
            else:
                since = edge
    return found + (last - since) // _SECOND


# -- where the money is ------------------------------------------------------------------------


def _credits(events: Sequence[e.Event]) -> dict[AccountId, Fraction]:
    """Return what was paid in to each account, with what was handed on, less what was paid out."""
    found: dict[AccountId, Fraction] = {}
    for event in events:
        if isinstance(event, e.CreditAdded):
            found[event.account] = found.get(event.account, _NOTHING) + dollars(event.amount)
        elif isinstance(event, e.CreditTransferred | e.PayoutInvoiced):
            found[event.account] = found.get(event.account, _NOTHING) - dollars(event.amount)
            if isinstance(event, e.CreditTransferred):
                other = event.recipient
                found[other] = found.get(other, _NOTHING) + dollars(event.amount)
    return found


def _conserved(implementation: Implementation, steps: Steps) -> str | None:
    played = _told(implementation, steps)
    now = played.books
    held = (*now.deposits.values(), *now.escrows.values())
    amounts = (*now.balances.values(), *held, now.platform)
    total = sum(map(dollars, amounts), _NOTHING)
    paid_in = sum(_credits(played.events).values(), _NOTHING)
    return near("what there is", total, paid_in, _NOTHING)


def _stated(implementation: Implementation, steps: Steps) -> str | None:
    played = _told(implementation, steps)
    expected = _credits(played.events)
    for event in played.events:
        if isinstance(event, e.ContractCreated | e.VolumeRented):
            contract, told = event.contract, played.books
            bill = dollars(told.bills.get(contract.id, _NOTHING))
            earned = dollars(told.payouts.get(contract.id, _NOTHING))
            earned -= dollars(told.escrows.get(contract.id, _NOTHING))
            for name, amount in ((contract.client, -bill), (contract.host, earned)):
                expected[name] = expected.get(name, _NOTHING) + amount
    for name, balance in played.books.balances.items():
        rest = expected.get(name, _NOTHING)
        if fault := near(f"the balance of {name}", dollars(balance), rest, _NOTHING):
            return fault
    return None


def _promises_are_kept(implementation: Implementation, steps: Steps) -> str | None:
    played = _told(implementation, steps)
    for key, amount in played.books.escrows.items():
        if dollars(amount) < 0:
            return f"the escrow of contract {key} holds {amount}"
    return fault_of_promises(played.events, max(at for _, at in steps))


MARKET: Final = Rule(
    name="market",
    signature="(steps: Sequence[tuple[Command, datetime]]) "
    "-> Played: the events of each, None if refused, and the books in the end",
    cases=st.tuples(plays()),
    laws=(
        Law(name="no GPU is sold twice", sentence=_ONE_A_GPU, check=_one_a_gpu),
        Law(name="who bids most runs", sentence=_BY_PRIORITY, check=_by_priority),
        Law(name="time runs forward", sentence=_FORWARD, check=_forward),
        Law(name="the clock changes nothing", sentence=_OFTEN, check=_clock_is_nothing),
        Law(name="the refused changes nothing", sentence=_REFUSED, check=_refused_is_nothing),
        Law(name="no disk is sold twice", sentence=_DISK, check=_disk_is_there),
        Law(name="a volume by the second", sentence=_BY_THE_SECOND, check=_by_the_second),
        Law(name="credit is conserved", sentence=_CONSERVED, check=_conserved),
        Law(name="a statement is the ledger", sentence=_STATED, check=_stated),
        Law(name="a promise is its settlement", sentence=_SETTLED, check=_promises_are_kept),
        Law(name="the events are enough", sentence=_REPLAYED, check=_events_are_enough),
    ),
    ours=playing(execute),
)
"""Commands played on an empty market: what happens, and where the money is (G1 to G13)."""
