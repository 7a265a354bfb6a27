"""Every field of every value is checked when it is made, and the error says which one it was."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from copy import copy
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import pytest
from attrs import evolve, fields, has
from hypothesis import given, settings

import document_values as known
import numgenius_core.market as market_room
from full_market import MACHINE as M1, full_market
from house import FACES, load
from market_world import ANN, HOST as OWNER, START
from numgenius_core.bids import Claim
from numgenius_core.billing import Line
from numgenius_core.billing.metering import metered
from numgenius_core.contracts import Disk, Volume
from numgenius_core.documents import to_json
from numgenius_core.errors import NumgeniusError, RuleViolation, WrongType
from numgenius_core.frames import basket_price, offer_columns, price_chain
from numgenius_core.ids import AccountId, ContractId, MachineId, OfferId
from numgenius_core.intervals import Interval, fixed_duration
from numgenius_core.listing import Mode
from numgenius_core.maintenance import MachineSchedule
from numgenius_core.market import (
    Account,
    Instance,
    MachineState,
    Market,
    commands as c,
    execute,
    journal,
    replay,
    views,
)
from numgenius_core.market.events import InstanceStopped
from numgenius_core.money import Money
from numgenius_core.offer import Block
from numgenius_core.planning import BidOutcome, PriceSeries
from numgenius_core.prices import LeftOut, LinearSchedule, Quote, StepSchedule
from numgenius_core.rates import PerGbMonth, PerGpuHour, PerHour
from numgenius_core.sla import SlaOutlook
from numgenius_core.testing import values
from numgenius_core.whatif.estimate import estimate_mean
from numgenius_core.wire import Finding, find

HOST, CLIENT, MACHINE, CONTRACT = (
    AccountId("host"),
    AccountId("ann"),
    MachineId(1),
    ContractId(2),
)
COMMANDS = [
    c.AddCredit(account=CLIENT, amount=Money(1)),
    c.AddMachine(machine=known.MACHINE),
    c.SetVerification(machine=MACHINE, verification=known.MACHINE.verification),
    c.ReportOffline(machine=MACHINE),
    c.ReportOnline(machine=MACHINE),
    c.ReportLoaded(contract=CONTRACT),
    c.CountTraffic(contract=CONTRACT),
    c.RemoveMachine(by=HOST, machine=MACHINE),
    c.ListMachine(by=HOST, machine=MACHINE, prices=known.PRICES),
    c.Relist(by=HOST, machine=MACHINE),
    c.WithdrawMaintenance(machine=MACHINE),
    c.Unlist(by=HOST, machine=MACHINE),
    c.SetMinBid(by=HOST, machine=MACHINE, floor=PerGpuHour(1)),
    c.SetDefaultJob(by=HOST, machine=MACHINE, image="job"),
    c.RemoveDefaultJob(by=HOST, machine=MACHINE),
    c.CancelMaintenance(by=HOST, machine=MACHINE),
    c.Defragment(by=HOST, machine=MACHINE),
    c.CleanUp(by=HOST, machine=MACHINE),
    c.Rent(by=CLIENT, offer=OfferId(1), mode=Mode.ON_DEMAND),
    c.ChangeBid(by=CLIENT, contract=CONTRACT),
    c.Prepay(by=CLIENT, contract=CONTRACT, amount=Money(1)),
    c.Stop(by=CLIENT, contract=CONTRACT),
    c.Start(by=CLIENT, contract=CONTRACT),
    c.Destroy(by=CLIENT, contract=CONTRACT),
    c.Label(by=CLIENT, contract=CONTRACT, label="mine"),
    c.SetAutoExtension(by=CLIENT, contract=CONTRACT, wanted=True),
    c.AcceptPriceIncrease(by=CLIENT, increase=3),
    c.RejectPriceIncrease(by=CLIENT, increase=3),
]
VALUES = [
    *COMMANDS,
    Claim.bidding(CONTRACT, Block(0, 2), PerHour(1), arrival=1),
    known.MACHINE,
    known.PRICES,
    known.LISTING,
    known.OFFER,
    known.CONTRACT,
    known.EXTENDED,
    known.EXTENDED.rate_changes[0],
    known.WINDOW,
    Volume(size_mb=5, price=PerGbMonth(1)),
    Disk(total_mb=10),
    MachineSchedule(machine=MACHINE),
    *known.HISTORY.facts,
    *known.BIDS.facts,
]
FIELDS = [
    pytest.param(value, each.name, id=f"{type(value).__name__}.{each.name}")
    for value in VALUES
    for each in fields(type(value))
    if each.init and each.name != "extra"
]


def kind_of(bad: object) -> str:
    """Return the name of a bad value's class."""
    return type(bad).__name__


class TestEveryFieldSaysItsName:
    """DESIGN: "Errors … say where, what was needed, what came", and nothing bad gets in."""

    @pytest.mark.parametrize(("value", "name"), FIELDS)
    @pytest.mark.parametrize("bad", [object(), 1.5, Decimal("NaN"), b"x"], ids=kind_of)
    def test_a_bad_value_is_refused_by_name(self, value: object, name: str, bad: object) -> None:
        with pytest.raises(RuleViolation) as refused:
            evolve(value, **{name: bad})  # type: ignore[misc]  # all are attrs classes
        path = refused.value.path
        assert path.split(".")[-1].split("[")[0] == name
        assert path.isascii()
        assert "XX" not in str(refused.value)
        assert refused.value.need
        assert refused.value.got


# What events lead to, and what a rule makes of values that were checked: nobody else makes one.
STATES: Final = {Instance, MachineState}
RESULTS: Final = {
    Account,
    BidOutcome,
    Finding,
    LeftOut,
    Line,
    Quote,
    SlaOutlook,
}
MADE: Final = dict.fromkeys(
    cls
    for face in FACES
    for cls in (getattr(load(face), name) for name in load(face).__all__)
    if isinstance(cls, type) and has(cls) and hasattr(cls, "__attrs_post_init__")
    if cls not in STATES
)


class TestEveryClassThatPeopleMakeChecksItsFields:
    """A class that takes anything gives an error of somebody else's, in another place, later."""

    @pytest.mark.parametrize("cls", MADE, ids=lambda cls: cls.__name__)
    def test_a_field_of_another_type_is_refused(self, cls: type) -> None:
        @settings(max_examples=1, deadline=None, database=None)
        @given(value=values(cls))
        def each(value: Any) -> None:
            for field in fields(cls):
                if field.init:
                    try:
                        evolve(value, **{field.alias: object()})
                    except NumgeniusError:
                        continue
                    assert cls in RESULTS, field.name

        each()


AT = datetime(2026, 1, 1, tzinfo=UTC)
DAY = Interval(AT, AT + timedelta(days=1))
MARKET = execute(Market(), c.AddCredit(account=CLIENT, amount=Money(1)), AT)[0]
QUESTIONS: dict[str, Callable[[Any], object]] = {
    "offer": lambda bad: views.offer(MARKET, bad, AT),
    "offers, when": lambda bad: views.offers(MARKET, bad),
    "machine": lambda bad: views.machine(MARKET, bad),
    "machines of": lambda bad: views.machines_of(MARKET, bad),
    "is host": lambda bad: views.is_host(MARKET, bad),
    "balance": lambda bad: views.balance(MARKET, bad, AT),
    "balance, when": lambda bad: views.balance(MARKET, CLIENT, bad),
    "until": lambda bad: views.until(MARKET, bad),
    "instance": lambda bad: views.instance(MARKET, bad),
    "instances of": lambda bad: views.instances_of(MARKET, bad),
    "who runs": lambda bad: views.who_runs(MARKET, bad),
    "why waiting": lambda bad: views.why_waiting(MARKET, bad),
    "winning bid": lambda bad: views.winning_bid_of(MARKET, bad),
    "increases": lambda bad: views.increases_of(MARKET, bad),
    "statement": lambda bad: views.statement_of(MARKET, bad, DAY),
    "deposit": lambda bad: views.deposit_of(MARKET, bad, AT),
    "earnings": lambda bad: views.earnings(MARKET, bad, DAY),
    "execute, when": lambda bad: execute(MARKET, c.Tick(), bad),
    "steps": lambda bad: StepSchedule((bad,)),
    "points": lambda bad: LinearSchedule((bad,)),
    "table of steps": StepSchedule.of,
    "table of points": LinearSchedule.of,
    "market of offers": lambda bad: views.offers(bad, AT),
    "market of a machine": lambda bad: views.machine(bad, MACHINE),
    "market of a balance": lambda bad: views.balance(bad, CLIENT, AT),
    "market of an instance": lambda bad: views.instance(bad, CONTRACT),
    "market of who waits": lambda bad: views.why_waiting(bad, CONTRACT),
    "market of a bid": lambda bad: views.winning_bid_of(bad, OfferId(1)),
    "market of a host": lambda bad: views.is_host(bad, HOST),
    "market until": lambda bad: views.until(bad, AT),
    "events": lambda bad: replay([bad]),
    "market of events": lambda bad: replay([], bad),
    "offers to look at": lambda bad: find([bad]),
    "offers as columns": lambda bad: offer_columns([bad]),
    "prices of models": lambda bad: basket_price([bad], {"A100": 1}),
    "basket": lambda bad: basket_price([], bad),
    "snapshots": lambda bad: price_chain([bad, bad]),
    "length": fixed_duration,
    "runs": lambda bad: estimate_mean([bad]),
    "metered": lambda bad: metered(bad, AT),
    "metered, when": lambda bad: metered(known.HISTORY, bad),
    "price series": lambda bad: PriceSeries(instants=bad, prices=(PerHour(1),), end=AT),
}


class TestEveryQuestionRefusesWhatItCannotMean:
    """DESIGN: "Errors are ours": no question about a market lets another one out."""

    @pytest.mark.parametrize("ask", QUESTIONS.values(), ids=QUESTIONS)
    @pytest.mark.parametrize("bad", [[], set(), object(), 1.5, b"x", (1, 2, 3)], ids=kind_of)
    def test_the_error_is_ours(self, ask: Callable[[Any], object], bad: object) -> None:
        with pytest.raises(RuleViolation):
            ask(bad)

    @pytest.mark.parametrize("bad", [None, 3, "x", b"x", {}, {1: 2}, object()], ids=kind_of)
    def test_a_table_that_is_none(self, bad: Any) -> None:
        for schedule, path in ((StepSchedule, "steps"), (LinearSchedule, "points")):
            with pytest.raises(WrongType, match=f"^{path}: need pairs of months and a discount"):
                schedule(bad)


FULL = full_market()
WORLD = FULL.world
STOP = c.Stop(by=ANN, contract=FULL.promised)
GOOD: dict[str, Any] = {
    "account": ANN,
    "archive": WORLD.archive,
    "at": WORLD.now,
    "client": ANN,
    "command": STOP,
    "commands": [(STOP, WORLD.now)],
    "contract": FULL.promised,
    "disk": 1,
    "duration": timedelta(days=1),
    "event": execute(WORLD.market, STOP, WORLD.now)[1][0],
    "events": execute(WORLD.market, STOP, WORLD.now)[1],
    "horizon": timedelta(days=5),
    "host": OWNER,
    "kind": InstanceStopped,
    "machine": M1,
    "market": WORLD.market,
    "mode": Mode.ON_DEMAND,
    "offer": FULL.offer,
    "period": Interval(START, WORLD.now),
    "volume": FULL.kept,
    "volumes": FULL.volumes,
}
OTHERS: dict[str, list[dict[str, Any]]] = {
    "deposit_of": [{"contract": FULL.reserved}],
    "why_waiting": [{"contract": FULL.waiting}],
    "instance": [{}, {"contract": FULL.destroyed}],
    "promise_of": [{}, {"contract": FULL.destroyed}],
    "statement_of": [{}, {"contract": FULL.destroyed}],
    "uptime_history": [{}, {"contract": None}],
    "volume": [{}, {"volume": FULL.deleted}],
    "volume_statement_of": [{}, {"volume": FULL.deleted}],
    "command_from_json": [{"text": to_json(STOP)}],
    "event_from_json": [{"text": journal.event_to_json(GOOD["event"])}],
    "market_from_json": [{"text": journal.market_to_json(WORLD.market)}],
}
ASKED = {
    name: getattr(face, name)
    for face in (market_room, views, journal)
    for name in face.__all__
    if inspect.isfunction(getattr(face, name))
}
BAD = [object(), 1.5, Decimal("NaN"), START, GOOD["period"], Money(1), len, [object()], Market]


def arguments(name: str, others: dict[str, Any]) -> dict[str, Any]:
    """Return what a question can be asked with."""
    return {each: {**GOOD, **others}[each] for each in inspect.signature(ASKED[name]).parameters}


def ask(name: str, given: dict[str, Any]) -> None:
    """Ask with copies, since what is executed goes into the archives."""
    ASKED[name](**{key: copy(value) for key, value in given.items()})


class TestEveryArgumentOfEveryQuestion:
    """DESIGN: "Errors are ours": of a market that has everything, so that each line is reached."""

    @pytest.mark.parametrize("name", ASKED)
    def test_a_wrong_kind_is_refused(self, name: str) -> None:
        for others in OTHERS.get(name, [{}]):
            good = arguments(name, others)
            ask(name, good)
            for parameter in good:
                for bad in self.bad_for(name, parameter, good[parameter]):
                    with pytest.raises(NumgeniusError):
                        ask(name, {**good, parameter: bad})

    @pytest.mark.parametrize("name", ["instance", "promise_of", "statement_of", "volume"])
    def test_an_archive_of_something_else(self, name: str) -> None:
        *_, gone = OTHERS[name]
        [number] = gone.values()
        path = "volumes" if name == "volume" else "archive"
        with pytest.raises(WrongType, match=rf"^{path}\[{number}\]: need an? [A-Z]\w+, got 5$"):
            ask(name, {**arguments(name, gone), path: {number: 5}})

    def bad_for(self, name: str, parameter: str, good: object) -> Iterator[object]:
        """Yield what an argument cannot be: nothing of its own kind."""
        for bad in BAD:
            any_will_do = (name, parameter, type(bad)) == ("find_events", "events", list)
            if type(bad) is not type(good) and not any_will_do:
                yield bad
        if parameter in ("archive", "volumes") and name in ("earnings", "uptime_history"):
            yield {5: object()}
