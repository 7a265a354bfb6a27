"""What a market says when it refuses what is about promises, and what a person is shown of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from fractions import Fraction
from typing import Any

import pytest
from attrs import evolve

from market_world import ANN, HOST, World, prices, second, world
from numgenius_core.errors import NumgeniusError
from numgenius_core.ids import ContractId, MachineId
from numgenius_core.intervals import Interval
from numgenius_core.listing import Mode
from numgenius_core.maintenance import MaintenanceWindow
from numgenius_core.market import (
    Instance,
    Settings,
    commands as c,
    events as e,
    execute,
    find_events,
    replay,
    views,
)
from numgenius_core.market.promise import check_escrow, check_settlement
from numgenius_core.money import Money
from numgenius_core.rates import PerHour
from numgenius_core.sla import (
    DaySettlement,
    EscrowState,
    Outage,
    Promise,
    SlaTerms,
    settle_day,
)

DAY, HOUR, M1 = 86_400, 3_600, MachineId(1)
CLAIM, TARGET = Fraction(99, 100), Fraction(19, 20)
TERMS = SlaTerms(Promise(CLAIM), TARGET)
ODD: Any = "x"
NO_INSTANT = "at: need a datetime with a time zone, got 'x'"
T0 = second(0)


def promising(gpus: int = 1, load: bool = True) -> tuple[World, int]:
    """Return a market and an instance with a promise, which runs from the first second."""
    w = world(gpus, prices("3.50", fee=Fraction(1, 4)), sla_claim=CLAIM)
    return w, w.rent(1, target=TARGET, load=load)


def refused(call: Callable[[], object]) -> str:
    with pytest.raises(NumgeniusError) as refusal:
        call()
    return str(refusal.value)


def listed(**terms: Any) -> str:
    """Return why a listing with these terms is refused, without the name of the command."""
    text = refused(lambda: c.ListMachine(by=HOST, machine=M1, prices=prices(1), **terms))
    return text.removeprefix("ListMachine.")


def day_of(**changes: Any) -> DaySettlement:
    """Return the first day of an instance, settled, with something else in it."""
    w, _ = promising()
    w.do(c.Tick(), DAY)
    (event,) = find_events(w.events, e.PromiseSettled)
    return evolve(event.day, **changes)


def one_day(**changes: Any) -> Callable[[], object]:
    given: dict[str, Any] = {
        "intended": DAY,
        "down": 0,
        "compute": Money(84),
        "net": Money(63),
        "fee": Money(1),
        **changes,
    }
    terms, state = given.pop("terms", TERMS), given.pop("state", EscrowState())
    day = given.pop("day", T0)
    return lambda: settle_day(terms, state, day, **given)


@pytest.mark.parametrize(
    ("ask", "text"),
    [
        # --- what is settled
        (one_day(terms=ODD), "terms: need a SlaTerms, got 'x'"),
        (one_day(state=ODD), "state: need an EscrowState, got 'x'"),
        (one_day(rules=ODD), "rules: need a SlaRules, got 'x'"),
        (
            one_day(day=second(1)),
            "day: need the first instant of a day of UTC, got 2026-01-01 00:00:01+00:00",
        ),
        (one_day(compute=ODD), "compute: need a Money, got 'x'"),
        (one_day(net=ODD), "net: need a Money, got 'x'"),
        (one_day(fee=ODD), "fee: need a Money, got 'x'"),
        (one_day(net=Money(85)), "net: need at most what the client paid, 84.00, got 85.00"),
        # --- what an event may hold
        (lambda: check_settlement(ODD, "day"), "day: need a DaySettlement, got 'x'"),
        (lambda: check_settlement(day_of(day=ODD), "day"), "day.day: need a datetime, got 'x'"),
        (
            lambda: check_settlement(day_of(intended=ODD), "day"),
            "day.intended: need a whole number from 0, got 'x'",
        ),
        (
            lambda: check_settlement(day_of(uptime_parts=10**9 + 1), "day"),
            "day.uptime: need a whole number from 0 to 1,000,000,000, got 1000000001",
        ),
        (
            lambda: check_settlement(day_of(blend_parts=-1), "day"),
            "day.blend: need a whole number from 0 to 1,000,000,000, got -1",
        ),
        (lambda: check_settlement(day_of(fee=ODD), "day"), "day.fee: need a Money, got 'x'"),
        (
            lambda: check_escrow(evolve(EscrowState(), memories=ODD), "left"),
            "left.memories: need a tuple, got 'x'",
        ),
    ],
)
def test_the_words(ask: Callable[[], object], text: str) -> None:
    assert refused(ask) == text


def test_what_a_host_may_list() -> None:
    spread = "sla_spread: need a spread above 0 and at most 3, got "
    for wrong in (ODD, 0, "3.000001"):
        assert listed(sla_spread=wrong) == spread + repr(wrong)
    need = "a share from 0 to 0.99999 with at most 9 decimals"
    assert listed(sla_claim=ODD) == f"sla_claim: need {need}, got 'x'"
    assert listed(sla_claim=1) == f"sla_claim: need {need}, got 1"
    assert listed(sla_max_beta=0) == "sla_max_beta: need a share above 0 and below 1, got 0"
    assert listed(sla_max_beta=1) == "sla_max_beta: need a fraction from 0 to below 1, got 1"


def test_where_none_is_sold_or_at_another_price() -> None:
    w, number = promising(2)
    rent = c.Rent(by=ANN, offer=w.offer(1, 1), mode=Mode.ON_DEMAND, target=TARGET)
    fee = w.instance(number).contract.sla_fee_at(w.now)
    assert refused(lambda: w.do(evolve(rent, sla_fee=PerHour("0.03")))) == (
        f"sla_fee: need what the promise costs now, {round(fee, 9)} $/hour, got 0.03"
    )
    free = evolve(rent, by=HOST)
    assert refused(lambda: w.do(free)) == "target: need none for a free test, got 0.95"
    w.do(c.SetSettings(settings=Settings(sla_offered=False)))
    none = "this market sells no promises of uptime (sla_offered)"
    assert refused(lambda: w.do(rent)) == f"target: need none: {none}, got 0.95"
    again = c.ListMachine(by=HOST, machine=M1, prices=prices(), sla_claim=CLAIM)
    assert refused(lambda: w.do(again)) == f"sla_claim: need 0: {none}, got 0.99"


def test_at_the_edge_of_what_is_taken() -> None:
    assert c.ListMachine(by=HOST, machine=M1, prices=prices(1), sla_spread=3).sla_spread == 3
    check_settlement(day_of(uptime_parts=0, blend_parts=10**9), "day")
    check_settlement(day_of(uptime_parts=None, blend_parts=None), "day")
    check_settlement(day_of(uptime_parts=10**9, blend_parts=0), "day")


class TestEventsThatContradict:
    """An event of another hand is refused where it does not fit, with its place."""

    def told(self, number: int, w: World, at: int, **changes: Any) -> str:
        day = changes.pop("day", None) or day_of()
        event = e.PromiseSettled(
            at=second(at),
            contract=number,
            day=day,
            left=EscrowState(),
            closes=changes.pop("closes", False),
        )
        text = refused(lambda: replay([event], w.market))
        return text.removeprefix("events[0].").removeprefix("events[0]: ")

    def test_of_a_contract_without_one(self) -> None:
        w = world(1, prices("3.50"), sla_claim=CLAIM)
        number = w.rent(1)
        assert self.told(number, w, DAY) == (
            f"contract: need a contract whose promise is in force, got contract {number}"
        )

    def test_of_another_day(self) -> None:
        w, number = promising()
        need = "day: need the day from 2026-01-01 00:00:00+00:00 on, settled at its end"
        later = day_of(day=second(DAY))
        assert self.told(number, w, DAY, day=later) == (
            f"{need}, got the one from 2026-01-02 00:00:00+00:00 on at 2026-01-02 00:00:00+00:00"
        )
        assert self.told(number, w, HOUR) == (
            f"{need}, got the one from 2026-01-01 00:00:00+00:00 on at 2026-01-01 01:00:00+00:00"
        )

    def test_of_more_than_is_held(self) -> None:
        w, number = promising()
        much, fee = day_of(escrow_to_host=Money(100)), day_of().fee
        place = "day.escrow_to_host: need"
        assert self.told(number, w, DAY, day=much) == (
            f"{place} $0.00, what is due to the host, got $100.00"
        )
        everything = f"{place} ${Money(63) + fee}, what is due to the host"
        for day, got in ((much, "$100.00"), (day_of(), "$0.00")):
            assert self.told(number, w, DAY, day=day, closes=True) == f"{everything}, got {got}"

    def test_a_midnight_that_was_left_out(self) -> None:
        w, number = promising()
        event = e.InstanceStopped(at=second(DAY + 1), contract=number, why=e.StopReason.CLIENT)
        assert refused(lambda: replay([event], w.market)).endswith(
            "at: need an instant up to 2026-01-02 00:00:00+00:00, when something comes due on "
            "machine 1, got 2026-01-02 00:00:01+00:00"
        )


class TestViews:
    """What a person is shown of a promise is that of the contract asked for."""

    @pytest.mark.parametrize(
        ("ask", "text"),
        [
            (lambda w: views.promise_of(ODD, 2, w.now), "market: need a Market, got 'x'"),
            (lambda w: views.promise_of(w.market, ODD, w.now), "contract: need an int, got 'x'"),
            (
                lambda w: views.promise_of(w.market, 2, ODD),
                "at: need a datetime with a time zone, got 'x'",
            ),
            (
                lambda w: views.uptime_history(w.market, M1, ODD),
                "at: need a datetime with a time zone, got 'x'",
            ),
            (
                lambda w: views.promise_of(w.market, 2, w.now - timedelta(seconds=1)),
                f"at: need an instant from {second(1)} on, got {T0}",
            ),
        ],
    )
    def test_what_is_refused(self, ask: Callable[[World], object], text: str) -> None:
        w, _ = promising()
        w.do(c.AddCredit(account=ANN, amount=Money(1)), 1)
        assert refused(lambda: ask(w)) == text

    def test_a_contract_without_one(self) -> None:
        w = world(1, prices("3.50"))
        number = w.rent(1)
        assert refused(lambda: views.promise_of(w.market, number, w.now)) == (
            f"contract: need one with a promise of uptime, got contract {number}"
        )

    def test_a_living_one_with_an_archive_of_others(self) -> None:
        w, first = promising(2)
        second_one = w.rent(1, 1, target=TARGET)
        archive: dict[ContractId, Instance] = {}
        command = c.Destroy(by=ANN, contract=first)
        market, _ = execute(w.market, command, second(HOUR), archive=archive)
        for number in (first, second_one):
            seen = views.promise_of(market, number, second(HOUR), archive=archive)
            assert seen.contract == number
            assert seen.terms == TERMS
            assert (seen.today is None) == (number == first)
        seen = views.promise_of(market, second_one, second(2 * HOUR), archive=archive)
        assert seen.today is not None
        assert seen.today.compute == Money(7)
        assert seen.escrow > Money(0)
        assert seen.escrow == seen.today.compute_to_escrow + seen.today.fee

    def test_the_uptime_of_a_machine(self) -> None:
        w, number = promising(4)
        other = w.rent(1, 1)
        own = w.rent(1, 2, HOST)
        for hour in (1, 3):
            w.do(c.ReportOffline(machine=M1), hour * HOUR)
            w.do(c.ReportOnline(machine=M1), (hour + 1) * HOUR)
        w.do(c.Stop(by=ANN, contract=number), 6 * HOUR)
        w.do(c.Start(by=ANN, contract=number), 7 * HOUR)
        w.do(c.ReportOffline(machine=M1), 8 * HOUR)
        found = views.uptime_history(w.market, M1, second(9 * HOUR))
        assert found.machine == M1
        assert [each.period for each in found.outages] == [
            Interval(second(hour * HOUR), second((hour + 1) * HOUR)) for hour in (1, 3, 8)
        ]
        mine = views.uptime_history(w.market, M1, second(9 * HOUR), contract=number)
        assert mine.rentals == (
            Interval(T0, second(6 * HOUR)),
            Interval(second(7 * HOUR), second(9 * HOUR)),
        )
        theirs = views.uptime_history(w.market, M1, second(9 * HOUR), contract=other)
        assert theirs.rentals == (Interval(T0, second(9 * HOUR)),)
        assert not views.uptime_history(w.market, M1, second(9 * HOUR), contract=own).rentals
        assert found.outages == tuple(
            Outage(period=each.period) for each in found.outages
        )  # none was announced

    def test_an_outage_over_two_windows_is_cut_at_their_edges(self) -> None:
        w, number = promising()
        for hour in (2, 4):
            period = Interval(second(hour * HOUR), second((hour + 1) * HOUR))
            w.do(
                c.ScheduleMaintenance(by=HOST, machine=M1, window=MaintenanceWindow(period=period))
            )
        w.do(c.ReportOffline(machine=M1), 2 * HOUR)
        w.do(c.ReportOnline(machine=M1), 6 * HOUR)
        found = views.uptime_history(w.market, M1, second(7 * HOUR), contract=number)
        assert [
            (each.period.start, each.period.seconds, each.announced, each.planned is not None)
            for each in found.outages
        ] == [
            (second(hour * HOUR), HOUR, T0 if hour % 2 == 0 else None, hour % 2 == 0)
            for hour in range(2, 6)
        ]


class TestWhatIsCounted:
    """A day begins at midnight, and is settled where anything of it is left."""

    def test_a_promise_that_begins_within_a_minute(self) -> None:
        w = world(1, prices("3.50", fee=Fraction(1, 4)), sla_claim=CLAIM)
        w.do(c.Tick(), 5 * HOUR + 61)
        w.rent(1, target=TARGET)
        w.do(c.Tick(), DAY)
        (event,) = find_events(w.events, e.PromiseSettled)
        assert (event.at, event.day.day) == (second(DAY), T0)
        assert event.day.intended == DAY - 5 * HOUR - 61

    def test_stopped_it_is_settled_for_what_it_ran(self) -> None:
        w, number = promising()
        w.do(c.Stop(by=ANN, contract=number), HOUR)
        w.do(c.Tick(), DAY)
        (event,) = find_events(w.events, e.PromiseSettled)
        assert event.day.intended == HOUR
        fee = w.instance(number).contract.sla_fee_at(T0)
        assert event.day.fee == fee.charge(HOUR)

    def test_a_blend_at_the_target_pays_nothing(self) -> None:
        day, _ = settle_day(
            SlaTerms(Promise(CLAIM), Fraction(9, 10)),
            EscrowState(),
            T0,
            intended=1_000,
            down=100 * 10**9,
            compute=Money(84),
            net=Money(63),
            fee=Money(1),
        )
        assert (day.uptime, day.blend) == (Fraction(9, 10), Fraction(9, 10))
        assert day.credit == Money(0)

    def test_the_price_that_it_was(self) -> None:
        w, number = promising()
        assert views.promise_of(w.market, number, w.now).fee == w.instance(
            number
        ).contract.sla_fee_at(w.now)
        assert w.instance(number).contract.sla_fee_at(w.now) > PerHour(0)
