"""Absurd but legal: what a command accepts the journal can write, and read back.

Every amount here is at an edge of what is taken. A command may be refused, with an error of ours;
whatever it accepts, each of its events and the market after it are stored and read back, and the
market read back goes on as the other does.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

import pytest
from attrs import evolve

from market_world import prices, world
from numgenius_core.errors import NumgeniusError, RuleViolation
from numgenius_core.intervals import Interval
from numgenius_core.listing import Machine, Mode, PriceTerms, Verification
from numgenius_core.maintenance import Category, MaintenanceWindow
from numgenius_core.market import Ledger, Market, Settings, commands as c, execute, views
from numgenius_core.market.events import Event
from numgenius_core.market.journal import (
    event_from_json,
    event_to_json,
    market_from_json,
    market_to_json,
)
from numgenius_core.money import MAX_MONEY, Money
from numgenius_core.rates import MAX_RATE, PerGb, PerGbMonth, PerGpuHour, PerHour

pytestmark = pytest.mark.filterwarnings("ignore::numgenius_core.errors.FloorAbovePrice")

LAST: Final = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
EDGES: Final = [datetime(1, 1, 1, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC), LAST]
LARGEST: Final = 2**63 - 1
SMALLEST: Final = "0.000000000001"
AMOUNTS: Final = [SMALLEST, "1", 6 * 10**11, MAX_MONEY, "999999999999.999999999999"]
RATES: Final = [0, SMALLEST, "0.333333333333", 1, MAX_RATE, "999999.999999999999"]
SHARES: Final = [
    0,
    "0.4",
    Decimal("0." + "9" * 40),
    Fraction(1, 3),
    Fraction(10**199, 10**199 + 1),
    Fraction(1, 10**200 - 1),
]
IDS: Final = [0, 1, LARGEST]
NAMES: Final = ["h", "höst " + "\N{SNOWMAN}" * 195]
CLIENTS: Final = ["a", "\N{GRINNING FACE}" * 200]
TEXTS: Final = ["", "x", '"\\' * 500, "\U0010ffef" if "\U0010ffef".isprintable() else "é" * 1_000]
SPANS: Final = [timedelta(seconds=1), timedelta(days=1), timedelta(days=36_525), timedelta.max]
COUNTS: Final = [0, 1, 10**18, LARGEST]


class Absurd:
    """A market in which everything is extreme, and what of it was accepted."""

    def __init__(self, seed: int) -> None:
        self.any = random.Random(seed)  # the same cases each time
        self.market = Market()
        # Most begin where time is short: a hundred years of rolling ends are a test of patience.
        self.now = self.any.choice([datetime(9999, 12, 20, tzinfo=UTC), EDGES[1]])
        self.accepted: list[Event] = []
        for first in (_machine, _listing, *[_credit] * 3):
            self.do(first)

    def pick(self, values: Any) -> Any:
        """Return one of some values, of a market's own or at an edge."""
        return self.any.choice(list(values))

    def prices(self) -> PriceTerms:
        """Return prices at the edges of what a price may be."""
        return PriceTerms(
            gpu=PerGpuHour(self.pick(RATES)),
            storage=PerGbMonth(self.pick(RATES)),
            upload=PerGb(self.pick(RATES)),
            download=PerGb(self.pick(RATES)),
            min_bid=PerGpuHour(self.pick(RATES)),
            platform_fee=self.pick(SHARES),
        )

    def span(self) -> timedelta:
        """Return a duration, of whole seconds as they are taken."""
        return evolve_seconds(self.pick(SPANS))

    def later(self, span: timedelta) -> datetime:
        """Return the instant so much later, or the last there is."""
        return self.now + span if span < LAST - self.now else LAST

    def instant(self) -> datetime:
        """Return an instant at an edge of the calendar, or soon."""
        return self.any.choice([*EDGES, self.later(SPANS[0]), self.later(SPANS[1])])

    def offer(self) -> int:
        """Return one of the offers there are, or one there is not."""
        found = [each.id for each in views.offers(self.market, self.now)]
        return self.any.choice(found or IDS)

    def step(self) -> None:
        """Let some time pass and execute some command."""
        self.now = self.later(self.pick([timedelta(0)] * 3 + SPANS[:2]))
        self.do(self.any.choice(MADE))

    def do(self, make: Callable[[Absurd], c.Command]) -> None:
        """Execute a command, and store and read back what it accepted."""
        try:
            command = make(self)
        except NumgeniusError:
            return
        told = views.preview(self.market, command, self.now)
        assert str(told)
        refused: NumgeniusError | None = None
        try:
            market, events = execute(self.market, command, self.now)
        except NumgeniusError as refusal:
            refused = refusal
        assert str(told.error) == str(refused)
        if refused is not None:
            return
        assert (*told.due, *told.events) == events
        for event in events:
            assert event_from_json(event_to_json(event)) == event
        self.accepted += events
        self.market = market


def evolve_seconds(span: timedelta) -> timedelta:
    """Return a duration without a fraction of a second."""
    return span - timedelta(microseconds=span.microseconds)


def _machine(a: Absurd) -> c.Command:
    gpus, disk = a.pick([1, 2, 8, 4_096]), a.pick([0, 1, 10**12])
    machine = Machine(
        id=a.pick(IDS),
        host=a.pick(NAMES),
        gpu_name=a.pick([t for t in TEXTS if 1 <= len(t) <= 200]),
        gpus=gpus,
        disk_mb=disk,
        verification=Verification.VERIFIED,
    )
    return c.AddMachine(machine=machine)


def _listing(a: Absurd) -> c.Command:
    machine = a.pick(list(a.market.machines.values()) or [None])
    gpus = machine.machine.gpus if machine else 1
    until = a.pick([{}, {"end": a.instant()}, {"rolling": a.span()}])
    return c.ListMachine(
        by=machine.machine.host if machine else "h",
        machine=machine.id if machine else 1,
        prices=a.prices(),
        min_gpu=gpus if gpus > 8 else 1,
        max_discount=a.pick(SHARES),
        **until,
    )


def _relisting(a: Absurd) -> c.Command:
    """Change a listing that the market has, a term or all of them, or one that it has not."""
    machine = a.pick(list(a.market.machines) or IDS)
    there = a.market.machines.get(machine)
    prices = a.prices()
    terms: dict[str, Any] = {
        "gpu": prices.gpu,
        "storage": prices.storage,
        "upload": prices.upload,
        "download": prices.download,
        "min_bid": prices.min_bid,
        "platform_fee": prices.platform_fee,
        "min_gpu": a.pick([1, 8, 2**63 - 1]),
        "max_discount": a.pick(SHARES),
    }
    sent = {name: terms[name] for name in terms if a.pick([True, False])}
    until = a.pick([{}, {"end": a.instant()}, {"rolling": a.span()}])
    return c.Relist(by=there.machine.host if there else "h", machine=machine, **sent, **until)


def _credit(a: Absurd) -> c.Command:
    return c.AddCredit(account=a.pick([*CLIENTS, *NAMES]), amount=Money(a.pick(AMOUNTS)))


def _rent(a: Absurd) -> c.Command:
    bid = a.pick([None, None, PerHour(a.pick(RATES))])
    return c.Rent(
        by=a.pick(CLIENTS),
        offer=a.offer(),
        mode=Mode.ON_DEMAND if bid is None else Mode.INTERRUPTIBLE,
        bid=bid,
        disk_mb=a.pick([0, 1]),
        end=a.pick([None, None, a.instant()]),
        label=a.pick(TEXTS),
    )


def _of_instance(kind: Callable[..., c.Command], **others: Callable[[Absurd], Any]) -> Any:
    def make(a: Absurd) -> c.Command:
        contract = a.pick(list(a.market.homes) or IDS)
        by = a.market.living(contract).contract.client if contract in a.market.homes else "a"
        return kind(by=by, contract=contract, **{key: of(a) for key, of in others.items()})

    return make


def _of_machine(kind: Callable[..., c.Command], **others: Callable[[Absurd], Any]) -> Any:
    def make(a: Absurd) -> c.Command:
        machine = a.pick(list(a.market.machines) or IDS)
        by = a.market.machines[machine].machine.host if machine in a.market.machines else "h"
        return kind(by=by, machine=machine, **{key: of(a) for key, of in others.items()})

    return make


def _window(a: Absurd) -> MaintenanceWindow:
    start = a.later(a.pick(SPANS[:2]))
    return MaintenanceWindow(
        period=Interval(start, a.pick([a.later(2 * SPANS[1]), LAST])),
        category=Category.POWER,
        reason=a.pick(TEXTS[1:]),
    )


def _settings(a: Absurd) -> c.Command:
    most = a.pick([None, 10**9])
    step = a.pick([None, evolve_seconds(timedelta.max)])
    return c.SetSettings(
        settings=Settings(
            waiting_on_a_machine=most, longest_step=step, own_tests_billed=a.pick([True, False])
        )
    )


MADE: Final[list[Callable[[Absurd], c.Command]]] = [
    _machine,
    *[_listing] * 3,
    *[_relisting] * 2,
    *[_rent] * 8,
    _settings,
    *[_credit] * 4,
    *[lambda a: c.ReportLoaded(contract=a.pick(list(a.market.homes) or IDS))] * 3,
    lambda a: c.CountTraffic(
        contract=a.pick(list(a.market.homes) or IDS),
        sent=a.pick(COUNTS),
        received=a.pick(COUNTS),
    ),
    lambda a: c.SetVerification(
        machine=a.pick(list(a.market.machines) or IDS), verification=a.pick(Verification)
    ),
    lambda a: c.ReportOffline(machine=a.pick(list(a.market.machines) or IDS)),
    lambda a: c.ReportOnline(machine=a.pick(list(a.market.machines) or IDS)),
    *[_of_instance(c.Prepay, amount=lambda a: Money(a.pick(AMOUNTS)))] * 3,
    _of_instance(c.ChangeBid, bid=lambda a: PerHour(a.pick(RATES))),
    _of_instance(c.SetAutoExtension, wanted=lambda a: a.pick([True, False])),
    _of_instance(c.Label, label=lambda a: a.pick(TEXTS)),
    _of_instance(c.Stop),
    _of_instance(c.Start),
    _of_instance(c.Destroy),
    _of_machine(c.SetMinBid, floor=lambda a: PerGpuHour(a.pick(RATES))),
    _of_machine(c.SetDefaultJob, image=lambda a: a.pick(TEXTS)),
    _of_machine(c.ScheduleMaintenance, window=_window),
    _of_machine(c.CancelMaintenance, window=lambda a: a.pick([None, *IDS])),
    lambda a: c.AnnounceMaintenance(
        machine=a.pick(list(a.market.machines) or IDS), window=_window(a)
    ),
    lambda a: c.WithdrawMaintenance(machine=a.pick(list(a.market.machines) or IDS)),
    _of_machine(c.RemoveMachine),
    _of_machine(c.Defragment),
    _of_machine(c.Unlist),
]


class TestWhateverIsAcceptedIsStored:
    """Journal: "the events are all there is to keep", so there is none that cannot be kept."""

    @pytest.mark.parametrize("seed", range(12))
    def test_events_and_markets_are_read_back(self, seed: int) -> None:
        absurd = Absurd(seed)
        for count in range(60):
            absurd.step()
            if count % 10 == 9:
                assert market_from_json(market_to_json(absurd.market)) == absurd.market
        assert absurd.accepted
        restored = market_from_json(market_to_json(absurd.market))
        later = absurd.later(timedelta(days=9))
        assert execute(restored, c.Tick(), later) == execute(absurd.market, c.Tick(), later)

    def test_two_credits_that_no_single_payment_may_be(self) -> None:
        at, market = EDGES[1], Market()
        for _ in range(2):
            paid = c.AddCredit(account="ann", amount=Money(6 * 10**11))
            market, _ = execute(market, paid, at)
        assert market_from_json(market_to_json(market)) == market

    @pytest.mark.parametrize("dollars", [10**20, 10**25, -(10**30)])
    def test_longer_amounts_than_decimals_have(self, dollars: int) -> None:
        much = Money(1) * dollars
        earned = Ledger(since=Market().now, amount=much)
        market = evolve(Market(), credited=much, platform=earned)
        assert market_from_json(market_to_json(market)) == market

    def test_a_discount_that_is_too_long_to_keep_is_not_agreed(self) -> None:
        w = world(1, prices(1), max_discount=Fraction(1, 10**200 - 1))
        contract = w.rent(1)
        with pytest.raises(RuleViolation, match=r"^discount: need .* at most 200 digits"):
            w.do(c.Prepay(by="ann", contract=contract, amount=Money(100)))

    def test_what_no_market_can_reach_is_refused_by_the_journal(self) -> None:
        with pytest.raises(RuleViolation, match="dollars up to"):
            market_to_json(evolve(Market(), credited=Money(MAX_MONEY) * 10**18 + Money(1)))

    def test_no_single_amount_is_more_than_is_taken_at_a_time(self) -> None:
        much = Money(MAX_MONEY) + Money(SMALLEST)
        for make in (
            lambda: c.AddCredit(account="ann", amount=much),
            lambda: c.Prepay(by="ann", contract=1, amount=much),
        ):
            with pytest.raises(RuleViolation, match="amount: need dollars up to"):
                make()
