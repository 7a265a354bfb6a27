"""Settlement: the slow oracle, the escrow, and pieces that make the whole."""

from __future__ import annotations

from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, strategies as st

import sla_oracle as slow
from effort import examples
from numgenius_core.documents import SCHEMA, from_json, json_schema, structure, to_json, unstructure
from numgenius_core.errors import InvalidDocument, RuleViolation, WrongType
from numgenius_core.intervals import Interval
from numgenius_core.money import TICKS_PER_DOLLAR, Money
from numgenius_core.rates import PerHour
from numgenius_core.sla import (
    PARTS,
    Cover,
    DaySettlement,
    EscrowState,
    Outage,
    Promise,
    SlaRules,
    SlaTerms,
    UptimeHistory,
    cover,
    settle,
)
from sla_cases import BOUGHT, DAY, HOUR, T0, covers, histories, history_of


def oracle_of(bought: Cover) -> slow.Promised:
    compute, fee = (Fraction(price.steps, 10**12) for price in (bought.compute, bought.fee))
    return slow.Promised(bought.terms.target, compute, fee, bought.platform_fee)


def dollars(amount: Money) -> Fraction:
    return Fraction(amount.ticks, TICKS_PER_DOLLAR)


class TestASlowOracle:
    """Issue: "a slow oracle (second by second, no shared code) agrees over random histories"."""

    @examples(20)
    @given(covers(), histories())
    def test_agrees_day_by_day(self, bought: Cover, drawn: Any) -> None:
        rentals, outages = drawn
        ours = settle(bought, history_of(rentals, outages))
        theirs = slow.settled(oracle_of(bought), rentals, outages)
        epoch = datetime(1970, 1, 1, tzinfo=UTC)
        assert [
            (
                (day.day - epoch).days,
                day.intended,
                day.uptime_parts,
                day.blend_parts,
                *map(dollars, (day.compute, day.fee, day.credit, day.compute_to_escrow)),
                *map(dollars, (day.escrow_to_client, day.escrow_to_host)),
            )
            for day in ours.days
        ] == [tuple(row) for row in theirs]


class TestTheEscrow:
    """Published: "In = credits + releases, to the tick. All flows ≥ 0"."""

    @given(covers(), histories(20))
    def test_in_is_out(self, bought: Cover, drawn: Any) -> None:
        settled = settle(bought, history_of(*drawn))
        held = 0
        for day in settled.days:
            into = (day.compute_to_escrow + day.fee).ticks
            out = (day.escrow_to_client + day.escrow_to_host).ticks
            assert min(into, out, day.escrow_to_client.ticks, day.escrow_to_host.ticks) >= 0
            assert Money(0) <= day.credit <= day.compute
            assert Money(0) <= day.from_platform <= day.compute - day.compute_to_escrow
            held += into - out
            assert held >= 0
        assert held == settled.state.held.ticks == 0
        net = Money.sum(day.compute_to_escrow for day in settled.days)
        assert settled.earned == net + settled.net
        assert settled.client_pays == settled.compute + settled.fees - settled.credits

    @given(covers(), histories(20), st.integers(1, 19))
    def test_splitting_at_any_midnight_changes_nothing(
        self, bought: Cover, drawn: Any, at: int
    ) -> None:
        history = history_of(*drawn)
        whole = settle(bought, history)
        first = whole.days[0].day
        days = len(whole.days)
        cut = min(at, days - 1)
        if not cut:
            return
        middle = first + cut * DAY
        before = settle(bought, history, period=Interval(first, middle), close=False)
        after = settle(
            bought, history, period=Interval(middle, first + days * DAY), state=before.state
        )
        assert before.days + after.days == whole.days
        assert before.state.held >= Money(0)
        assert after.state == whole.state

    def test_what_is_left_goes_out_over_a_week(self) -> None:
        history = UptimeHistory(
            rentals=(Interval(T0, T0 + DAY), Interval(T0 + 20 * DAY, T0 + 21 * DAY))
        )
        settled = settle(BOUGHT, history)
        paid = [day.escrow_to_host for day in settled.days]
        rest = BOUGHT.per_hour.charge(86_400)
        each, odd = divmod(rest.ticks, 7)
        assert [amount.ticks for amount in paid[:9]] == [0, each + odd, *[each] * 6, 0]
        assert paid[-1] == rest
        assert [day.uptime for day in settled.days][1:20] == [None] * 19
        assert settled.days[5].blend is None
        assert settled.days[0].uptime == 1

    def test_without_a_platform_fee_the_escrow_has_all(self) -> None:
        bought = Cover(terms=BOUGHT.terms, compute=PerHour(1), fee=PerHour(0))
        (day,) = settle(bought, UptimeHistory(rentals=(Interval(T0, T0 + DAY),))).days
        assert day.compute_to_escrow == day.compute == Money(24)

    def test_a_state_of_more_days_than_the_rules_is_released_as_agreed(self) -> None:
        history = UptimeHistory(rentals=(Interval(T0, T0 + 12 * DAY),))
        first = settle(BOUGHT, history, period=Interval(T0, T0 + 3 * DAY), close=False)
        quick = SlaRules(release_days=1)
        rest = Interval(T0 + 3 * DAY, T0 + 12 * DAY)
        after = settle(BOUGHT, history, period=rest, state=first.state, rules=quick)
        into = 12 * BOUGHT.per_hour.charge(86_400)
        assert first.earned + after.earned == into
        assert after.days[1].escrow_to_host > BOUGHT.per_hour.charge(86_400)

    def test_a_contract_that_ended_before_the_last_settlement_closes_on_its_last_day(self) -> None:
        history = UptimeHistory(rentals=(Interval(T0, T0 + DAY),))
        first = settle(BOUGHT, history, period=Interval(T0, T0 + DAY), close=False)
        later = Interval(T0 + DAY, T0 + 3 * DAY)
        after = settle(BOUGHT, history, period=later, state=first.state)
        assert [bool(day.escrow_to_host) for day in after.days] == [True, True]
        assert after.earned == first.state.held
        assert after.state.held == Money(0)
        assert settle(BOUGHT, UptimeHistory(rentals=())).days == ()

    def test_the_platform_pays_what_exceeds_the_hosts_share(self) -> None:
        bought = evolve(BOUGHT, platform_fee="0.25")
        dead = Outage(period=Interval(T0, T0 + DAY))
        history = UptimeHistory(rentals=(Interval(T0, T0 + DAY),), outages=(dead,))
        (day,) = settle(bought, history).days
        assert (day.credit, day.escrow_to_client, day.from_platform) == (
            Money("84"),
            Money("63"),
            Money("21"),
        )
        assert day.escrow_to_host == day.fee


class TestBilling:
    """Published: "compute, storage and the fee go on being billed for the intended day"."""

    def test_an_outage_changes_no_charge(self) -> None:
        rental = Interval(T0, T0 + 5 * DAY)
        down = Outage(period=Interval(T0 + DAY, T0 + 2 * DAY))
        calm, broken = (
            settle(BOUGHT, UptimeHistory(rentals=(rental,), outages=outages))
            for outages in ((), (down,))
        )
        assert calm.compute == broken.compute == Money("420")
        assert calm.fees == broken.fees
        assert calm.credits == Money(0) < broken.credits
        assert (calm.worst, calm.worst_day_credit) == (None, Money(0))
        assert broken.worst is not None
        assert broken.worst_day_credit == broken.worst.credit == Money("84")
        assert broken.worst.day == T0 + DAY

    def test_traffic_is_covered(self) -> None:
        """Published: "at most that day's covered compute (GPU + storage + traffic)"."""
        dead = Outage(period=Interval(T0, T0 + DAY))
        history = UptimeHistory(rentals=(Interval(T0, T0 + 2 * DAY),), outages=(dead,))
        bought = evolve(BOUGHT, platform_fee="0.25")
        sent = {T0: Money("16")}
        day = settle(bought, history, traffic=sent).days[0]
        assert day.compute == day.credit == Money("100")
        assert day.compute_to_escrow == Money("75")

    def test_the_closing_day_keeps_its_cap(self) -> None:
        dead = Outage(period=Interval(T0, T0 + 3 * DAY))
        history = UptimeHistory(rentals=(Interval(T0, T0 + 2 * DAY + HOUR),), outages=(dead,))
        last = settle(BOUGHT, history).days[-1]
        assert last.credit == last.compute == Money("3.50")

    def test_claim_and_spread_change_no_credit(self) -> None:
        dead = Outage(period=Interval(T0 + DAY, T0 + DAY + 5 * HOUR))
        history = UptimeHistory(rentals=(Interval(T0, T0 + 9 * DAY),), outages=(dead,))
        rows = {
            settle(cover(SlaTerms(promise, "0.95"), PerHour("3.50")), history).credits
            for promise in (Promise("0.99"), Promise("0.95", 3), Promise("0.999", "0.1"))
        }
        assert len(rows) == 1

    def test_it_prints_as_a_table(self) -> None:
        gap = (Interval(T0, T0 + DAY), Interval(T0 + 2 * DAY, T0 + 3 * DAY))
        text = str(settle(BOUGHT, UptimeHistory(rentals=gap))).splitlines()
        assert text[0] == "claim 0.99, spread 0.5, target 0.95"
        assert text[3].split()[:3] == ["2026-07-02", "–", "–"]


class TestHistories:
    """Rentals and outages, as they are kept."""

    def test_rentals_that_overlap_or_touch_are_one(self) -> None:
        spans = [(2, 3), (0, 1), (1, 2), (5, 9), (6, 7)]
        history = UptimeHistory(
            rentals=tuple(Interval(T0 + a * DAY, T0 + b * DAY) for a, b in spans)
        )
        assert history.rentals == (Interval(T0, T0 + 3 * DAY), Interval(T0 + 5 * DAY, T0 + 9 * DAY))
        assert history.rented_seconds == 7 * 86_400

    def test_outages_that_overlap_are_refused(self) -> None:
        def down(a: int, b: int) -> Outage:
            return Outage(period=Interval(T0 + a * HOUR, T0 + b * HOUR))

        rental = (Interval(T0, T0 + DAY),)
        touching = UptimeHistory(rentals=rental, outages=(down(2, 3), down(1, 2)))
        assert touching.outages == (down(1, 2), down(2, 3))
        with pytest.raises(RuleViolation, match="no outage that overlaps"):
            UptimeHistory(rentals=rental, outages=(down(1, 3), down(2, 4)))

    def test_what_lies_outside_of_rentals_does_not_count_and_is_told(self) -> None:
        """Issue: "Parts of an outage outside a rental do not count and are counted"."""
        rentals = (Interval(T0, T0 + HOUR), Interval(T0 + 2 * HOUR, T0 + 3 * HOUR))
        outages = (
            Outage(period=Interval(T0 - HOUR, T0)),
            Outage(period=Interval(T0 + HOUR / 2, T0 + 4 * HOUR)),
        )
        history = UptimeHistory(rentals=rentals, outages=outages)
        assert (history.down_seconds, history.ignored_seconds) == (5_400, 3_600 + 7_200)
        settled = settle(BOUGHT, history)
        assert settled.ignored_seconds == 10_800
        assert settled.days[0].uptime == Fraction(1, 4)

    @given(histories(20))
    def test_days_have_every_second(self, drawn: Any) -> None:
        history = history_of(*drawn)
        days = history.days(SlaRules().notice)
        assert sum(intended for _, intended, _ in days) == history.rented_seconds
        assert all(0 <= down <= intended * PARTS for _, intended, down in days)
        unannounced = history_of(drawn[0], [(a, b, None) for a, b, _ in drawn[1]])
        down = sum(down for _, _, down in unannounced.days(SlaRules().notice))
        assert down == PARTS * history.down_seconds
        every = sum(outage.period.seconds for outage in history.outages)
        assert history.down_seconds + history.ignored_seconds == every


class TestDocuments:
    """What a market has to keep is written as JSON, and read back."""

    def test_values_come_back(self) -> None:
        dead = Outage(period=Interval(T0, T0 + DAY), announced=T0 - DAY)
        history = UptimeHistory(rentals=(Interval(T0, T0 + 2 * DAY),), outages=(dead,), machine=7)
        whole = settle(BOUGHT, history)
        part = settle(BOUGHT, history, period=Interval(T0, T0 + DAY), close=False)
        for value in (BOUGHT, history, whole, whole.days[0], part.state, SlaRules()):
            assert from_json(to_json(value), type(value)) == value

    def test_the_shares_of_a_day_are_stored_as_others_are(self) -> None:
        """Text, under ``uptime`` and ``blend``, whatever a day calls its parts of 10⁻⁹."""
        stored = {
            "type": "DaySettlement",
            "day": "2026-07-01T00:00:00Z",
            "intended": 86_400,
            "uptime": "0.75",
            "blend": "0.89",
            "compute": "84",
            "fee": "0.970101562512",
            "credit": "84",
            "compute_to_escrow": "84",
            "escrow_to_client": "84",
            "escrow_to_host": "0.970101562512",
        }
        outage = Outage(period=Interval(T0 + 12 * HOUR, T0 + 18 * HOUR))
        history = UptimeHistory(rentals=(Interval(T0, T0 + DAY),), outages=(outage,))
        (day,) = settle(BOUGHT, history).days
        assert unstructure(day) == stored
        assert structure(stored, DaySettlement) == day
        assert (day.uptime, day.blend) == (Fraction(3, 4), Fraction(89, 100))
        for wrong in (750_000_000, "1.1", "-0", "0.0000000001", ".5", "1e0", "", True):
            with pytest.raises(InvalidDocument, match=r"document\.uptime: need a share") as refused:
                structure({**stored, "uptime": wrong}, DaySettlement)
            assert len(refused.value.faults) == 1
            document = {"schema": SCHEMA, **stored}
            jsonschema = pytest.importorskip("jsonschema")
            validator = jsonschema.Draft202012Validator(json_schema(DaySettlement))
            assert validator.is_valid(document)
            assert not validator.is_valid(document | {"uptime": wrong})
        for parts, text in ((0, "0"), (1, "0.000000001"), (10**9, "1"), (10**9 - 1, "0.999999999")):
            assert structure({**stored, "blend": text}, DaySettlement).blend_parts == parts
            assert unstructure(evolve(day, blend_parts=parts))["blend"] == text
        with pytest.raises(RuleViolation, match="need whole parts of a share"):
            unstructure(evolve(day, blend_parts=-1))
        renamed = {**stored, "uptime_parts": 1}
        with pytest.raises(InvalidDocument, match="need fields of DaySettlement only"):
            structure(renamed, DaySettlement)


class TestBadInput:
    """What does not fit gets one sentence."""

    history = UptimeHistory(rentals=(Interval(T0, T0 + DAY),))

    def test_a_period_from_midnight_to_midnight(self) -> None:
        for period in (Interval(T0, T0 + HOUR), Interval(T0 + HOUR, T0 + DAY)):
            with pytest.raises(RuleViolation, match="midnight"):
                settle(BOUGHT, self.history, period=period)

    def test_traffic(self) -> None:
        for traffic, error in (
            ({T0 + HOUR: Money(1)}, RuleViolation),
            ({T0: 1}, WrongType),
            ({T0: Money(-1)}, RuleViolation),
            ({T0 + DAY: Money(1)}, RuleViolation),
            ({5: Money(1)}, WrongType),
            ([], WrongType),
        ):
            with pytest.raises(error):
                settle(BOUGHT, self.history, traffic=traffic)  # type: ignore[arg-type]

    def test_too_many_outages(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("numgenius_core.sla.history.MAX_OUTAGES", 0)
        down = Outage(period=Interval(T0, T0 + HOUR))
        with pytest.raises(RuleViolation, match="at most 0 outages"):
            UptimeHistory(rentals=self.history.rentals, outages=(down,))

    def test_kinds(self) -> None:
        wrong: Any = "no"
        for call in (
            lambda: settle(wrong, self.history),
            lambda: settle(BOUGHT, wrong),
            lambda: settle(BOUGHT, self.history, state=wrong),
            lambda: settle(BOUGHT, self.history, rules=wrong),
            lambda: UptimeHistory(rentals=(wrong,)),
            lambda: UptimeHistory(rentals=(), outages=(wrong,)),
            lambda: Outage(period=wrong),
            lambda: evolve(BOUGHT, fee=wrong),
        ):
            with pytest.raises(WrongType):
                call()
        with pytest.raises(RuleViolation):
            UptimeHistory(rentals=(), machine=-1)
        assert EscrowState().held == Money(0)
