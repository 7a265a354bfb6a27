"""Every field of every value is checked when it is made, and the error says which one it was."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from attrs import evolve, fields

import document_values as known
from numgenius_core.bids import Claim
from numgenius_core.billing.metering import metered
from numgenius_core.contracts import Disk, Volume
from numgenius_core.errors import RuleViolation, WrongType
from numgenius_core.frames import basket_price, offer_columns, price_chain
from numgenius_core.ids import AccountId, ContractId, MachineId, OfferId
from numgenius_core.intervals import Interval, fixed_duration
from numgenius_core.listing import Mode
from numgenius_core.maintenance import MachineSchedule
from numgenius_core.market import Market, commands as c, execute, replay, views
from numgenius_core.money import Money
from numgenius_core.offer import Block
from numgenius_core.planning import PriceSeries
from numgenius_core.prices import LinearSchedule, StepSchedule
from numgenius_core.rates import PerGbMonth, PerGpuHour, PerHour
from numgenius_core.whatif.estimate import estimate_mean
from numgenius_core.wire import find

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
