"""How long to reserve."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, strategies as st

from numgenius_core.errors import RuleViolation, WrongType
from numgenius_core.money import Money
from numgenius_core.planning import break_even, cost_of_stay, reserve_for
from numgenius_core.prices import CurveSchedule, StepSchedule
from numgenius_core.rates import PerHour

CURVE = CurveSchedule("0.4")
DAY = timedelta(days=1)
DOLLAR = PerHour(1)


class TestWhatAStayCosts:
    """Published: $1/h, D = 0.4, 1 month: $576; left at once it comes back, after 15 days 212.40."""

    def test_left_at_once(self) -> None:
        assert cost_of_stay(DOLLAR, CURVE, months=1, stay=timedelta(0)) == Money(0)

    def test_left_after_half_of_it(self) -> None:
        assert cost_of_stay(DOLLAR, CURVE, months=1, stay=15 * DAY) == Money(
            "363.60"
        )  # 576 − 212.40

    def test_stayed_to_the_end(self) -> None:
        assert cost_of_stay(DOLLAR, CURVE, months=1, stay=30 * DAY) == Money(576)

    def test_stayed_on(self) -> None:
        assert cost_of_stay(DOLLAR, CURVE, months=1, stay=31 * DAY) == Money(600)

    def test_nothing_prepaid(self) -> None:
        assert cost_of_stay(DOLLAR, CURVE, months=0, stay=2 * DAY) == Money(48)

    def test_a_free_machine(self) -> None:
        assert cost_of_stay(PerHour(0), CURVE, months=1, stay=DAY) == Money(0)


class TestBreakEven:
    """The first second at which on demand has cost the deposit."""

    def test_the_worked_example(self) -> None:
        assert break_even(DOLLAR, CURVE, 1) == 24 * DAY  # $576 at $24 a day
        rows = reserve_for(DOLLAR, CURVE, [DAY], months=[0, 1]).to_dicts()
        assert [row["break_even_seconds"] for row in rows] == [None, 24 * 86_400]
        assert all("break_even" not in row for row in rows)

    @pytest.mark.parametrize("schedule", [CurveSchedule(0), StepSchedule.of({3: "0.3"})])
    def test_without_a_discount_it_never_pays(self, schedule: Any) -> None:
        assert break_even(DOLLAR, schedule, 1) is None
        (one,) = reserve_for(DOLLAR, schedule, [DAY], months=[1]).commitments
        assert (one.deposit, one.break_even, one.mean) == (Money(0), None, Money(24))

    @given(
        st.integers(10**7, 10**13),
        st.fractions(Fraction(1, 1_000), 24, max_denominator=1_000),
        st.fractions(Fraction(1, 100), Fraction(95, 100), max_denominator=100),
    )
    def test_a_second_less_is_dearer(self, steps: int, months: Fraction, factor: Fraction) -> None:
        price, curve = PerHour.from_steps(steps * 10**3), CurveSchedule(factor)
        even = break_even(price, curve, months)
        assert even is not None
        for seconds, pays in ((0, True), (-1, False)):
            stay = even + timedelta(seconds=seconds)
            if stay:
                dearer = cost_of_stay(price, curve, months=months, stay=stay) > cost_of_stay(
                    price, curve, months=0, stay=stay
                )
                assert dearer is not pays

    @pytest.mark.parametrize(("price", "months"), [(PerHour(0), 1), (DOLLAR, 0)])
    def test_refused_where_nothing_is_prepaid(self, price: PerHour, months: int) -> None:
        with pytest.raises(RuleViolation, match="a price and months above zero"):
            break_even(price, CURVE, months)


class TestHowLong:
    """The length with the least mean cost over the stays that may come."""

    def test_a_sure_stay_is_reserved_in_full(self) -> None:
        plan = reserve_for(DOLLAR, CURVE, [90 * DAY], months=[0, 1, 3, 6])
        assert plan.best.months == 3
        assert [one.mean for one in plan.commitments[:3]] == [
            Money(2_160),
            Money(2_016),
            Money(1_512),
        ]

    def test_a_short_stay_is_not(self) -> None:
        plan = reserve_for(DOLLAR, CURVE, [DAY], months=[0, 1])
        assert plan.best.months == 0
        assert plan.commitments[1].worst == Money("0.24")  # 5 % of the discount of a day

    def test_weights_are_those_of_the_stays(self) -> None:
        weighed = reserve_for(DOLLAR, CURVE, {DAY: 3, 30 * DAY: 1}, months=[1])
        listed = reserve_for(DOLLAR, CURVE, [DAY, DAY, DAY, 30 * DAY], months=[1])
        assert weighed == listed
        assert weighed.best.mean == Money.from_ticks((Money("24.24") * 3 + Money(576)).ticks // 4)

    def test_weights_are_bounded(self) -> None:
        least = reserve_for(DOLLAR, CURVE, {DAY: 0, 30 * DAY: 10**12}, months=[1])
        assert least.best.mean == Money(576)
        with pytest.raises(RuleViolation, match="stays: need"):
            reserve_for(DOLLAR, CURVE, {DAY: 1, 30 * DAY: 10**12}, months=[1])

    def test_a_table(self) -> None:
        plan = reserve_for(DOLLAR, CURVE, [30 * DAY], months=[0, 1])
        figures = ["1", "20.0", "%", "576.00", "24.0", "576.00", "0.00"]
        assert str(plan).splitlines()[2].split() == figures
        table = plan.table()
        assert table.title == ""
        assert table.head == (
            "months",
            "discount",
            "deposit $",
            "pays from day",
            "mean $",
            "at worst dearer by $",
        )
        assert table.rows[0] == ("0", "0.0 %", "0.00", "–", "720.00", "0.00")
        assert plan._repr_html_().count("<tr>") == 3

    @pytest.mark.parametrize("stays", [[], {DAY: 0}, {DAY: -1, 2 * DAY: 3}])
    def test_no_stays(self, stays: dict[timedelta, int]) -> None:
        with pytest.raises(RuleViolation, match="stays: need at least one"):
            reserve_for(DOLLAR, CURVE, stays, months=[1])

    def test_no_lengths(self) -> None:
        with pytest.raises(RuleViolation, match="months: need at least one"):
            reserve_for(DOLLAR, CURVE, [DAY], months=[])

    def test_wrong_types(self) -> None:
        with pytest.raises(WrongType):
            reserve_for(DOLLAR, CURVE, {DAY: 0.5}, months=[1])
        with pytest.raises(WrongType):
            reserve_for(DOLLAR, CURVE, [1], months=[1])  # type: ignore[list-item]
        with pytest.raises(WrongType):
            reserve_for(DOLLAR, CURVE, [DAY], months=[0.5])  # type: ignore[list-item]
