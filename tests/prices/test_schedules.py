"""Reserved discounts: the curve, deposits, top-ups and refunds."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import assume, given, strategies as st

from numgenius_core.errors import NumgeniusError, RuleViolation
from numgenius_core.money import Money
from numgenius_core.prices import CurveSchedule, LinearSchedule, StepSchedule, refund, top_up
from numgenius_core.prices.deposits import most_that_fits
from numgenius_core.rates import PerHour
from numgenius_core.testing import shares

MONTH = 720 * 3600
prices = st.integers(10**7, 100 * 10**12).map(PerHour.from_steps)
months = st.fractions(0, 60, max_denominator=10_000)


class TestCurve:
    """Hosting guide, G8: "20 % at 1 month and 30 % at 3 months" for 0.4."""

    def test_published_and_measured_points(self) -> None:
        assert CurveSchedule("0.4").discount(1) == Fraction("0.2")
        assert CurveSchedule("0.4").discount(3) == Fraction("0.3")
        assert CurveSchedule("0.05").discount(3) == Fraction("0.0375")
        assert CurveSchedule().deposit(PerHour(1), 1) == Money(576)
        assert CurveSchedule().discounted(PerHour(1), 1) == PerHour("0.8")

    @given(shares, months)
    def test_months_for_a_rate_undoes_rate(self, most: Fraction, time: Fraction) -> None:
        curve = CurveSchedule(most)
        found = curve.months_for_discount(curve.discount(time))
        assert found == (time if most else 0)

    @given(shares, prices, months)
    def test_what_a_deposit_buys_costs_the_deposit(
        self, most: Fraction, price: PerHour, time: Fraction
    ) -> None:
        curve = CurveSchedule(most)
        deposit = curve.deposit(price, time)
        assert curve.deposit(price, curve.months(price, deposit)) == deposit

    @given(shares, prices, months, st.fractions(Fraction(1, 1000), 10))
    def test_the_total_cost_strictly_increases(
        self, most: Fraction, price: PerHour, time: Fraction, more: Fraction
    ) -> None:
        curve = CurveSchedule(most)
        assert curve.exact_deposit(price, time) < curve.exact_deposit(price, time + more)

    @pytest.mark.parametrize("bad", ["1", "-0.1", 0.4, "nan", True, None])
    def test_bad_factors_are_refused(self, bad: Any) -> None:
        with pytest.raises(NumgeniusError):
            CurveSchedule(bad)

    @pytest.mark.parametrize("bad", ["-1", 1.5, "1e3", 1201, None, True])
    def test_bad_months_are_refused(self, bad: Any) -> None:
        with pytest.raises(NumgeniusError):
            CurveSchedule().discount(bad)

    def test_unreachable_rates_and_free_prices_are_refused(self) -> None:
        with pytest.raises(RuleViolation, match="below 2/5"):
            CurveSchedule().months_for_discount("0.4")
        with pytest.raises(RuleViolation, match="above zero"):
            CurveSchedule().months(PerHour(0), Money(1))
        with pytest.raises(RuleViolation, match="zero or more"):
            CurveSchedule().months(PerHour(1), Money(-1))


class TestSteps:
    """A step table is another schedule: from so many months on, so much discount."""

    schedule = StepSchedule.of({1: "0.2", 3: "0.3"})

    def test_the_discount_steps_up(self) -> None:
        assert [self.schedule.discount(m) for m in ("0.9", 1, "2.9", 3)] == [
            0,
            Fraction(1, 5),
            Fraction(1, 5),
            Fraction(3, 10),
        ]

    def test_a_deposit_buys_the_longest_time(self) -> None:
        assert self.schedule.months(PerHour(1), Money(288)) == Fraction(2, 5)
        assert self.schedule.months(PerHour(1), Money(576)) == 1
        assert self.schedule.months(PerHour(1), Money(1512)) == 3

    @pytest.mark.parametrize("bad", [{3: "0.2", 1: "0.3"}, {1: "1"}, {1: "-1"}])
    def test_bad_tables_are_refused(self, bad: Any) -> None:
        with pytest.raises(RuleViolation):
            StepSchedule.of(bad)
        for twice in (3, 1):
            with pytest.raises(RuleViolation, match="ascend"):
                StepSchedule(((Fraction(3), Fraction(0)), (Fraction(twice), Fraction(0))))

    def test_a_table_is_read_in_order_of_its_months(self) -> None:
        found = StepSchedule.of({3: "0.3", 1: 0}).steps
        assert found == ((Fraction(1), Fraction(0)), (Fraction(3), Fraction(3, 10)))

    @given(st.integers(0, 5_000), prices)
    def test_no_longer_time_costs_as_little(self, dollars: int, price: PerHour) -> None:
        deposit = price.charge(MONTH).scaled(Fraction(dollars, 1000))
        bought = self.schedule.months(price, deposit)
        assert self.schedule.exact_deposit(price, bought) <= deposit.ticks
        for later in [
            *(bought + Fraction(k, 1000) for k in range(1, 200)),
            Fraction(1),
            Fraction(3),
        ]:
            if later > bought:
                assert self.schedule.exact_deposit(price, later) > deposit.ticks


class TestLinear:
    """A piecewise linear table: the discount is on the line that joins two points."""

    schedule = LinearSchedule.of({1: "0.2", 3: "0.3"})

    def test_the_discount_is_on_the_lines(self) -> None:
        found = [self.schedule.discount(m) for m in (0, "0.5", 1, 2, 3, 9)]
        assert found == [0, Fraction(1, 10), Fraction(1, 5), Fraction(1, 4)] + [Fraction(3, 10)] * 2
        assert LinearSchedule(()).discount(5) == 0

    @pytest.mark.parametrize("time", ["0.25", 1, 2, 3, 7])
    def test_months_undo_the_deposit(self, time: Any) -> None:
        deposit = self.schedule.deposit(PerHour(1), time)
        assert self.schedule.months(PerHour(1), deposit) == Fraction(time)

    @given(prices, months)
    def test_what_a_deposit_buys_costs_the_deposit(self, price: PerHour, time: Fraction) -> None:
        deposit = self.schedule.deposit(price, time)
        bought = self.schedule.months(price, deposit)
        assert self.schedule.deposit(price, bought) == deposit
        assert self.schedule.exact_deposit(price, bought) <= deposit.ticks

    @given(prices, months, st.fractions(Fraction(1, 1000), 10))
    def test_the_total_cost_strictly_increases(
        self, price: PerHour, time: Fraction, more: Fraction
    ) -> None:
        after = self.schedule.exact_deposit(price, time + more)
        assert self.schedule.exact_deposit(price, time) < after

    def test_a_level_line_is_a_straight_division(self) -> None:
        level = LinearSchedule.of({1: "0.2", 3: "0.2"})
        late = LinearSchedule.of({2: "0.1", 4: "0.3"})  # a second piece that starts late
        assert late.months(PerHour(1), late.deposit(PerHour(1), 3)) == 3
        assert late.months(PerHour(1), late.deposit(PerHour(1), 1)) == 1
        assert level.months(PerHour(1), Money(1152)) == 2

    @pytest.mark.parametrize(
        "bad", [{0: "0.1"}, {1: "0.5"}, {1: "0.2", 2: "0.1"}, {1: "0.1", "1.1": "0.3"}, {1: "1"}]
    )
    def test_bad_tables_are_refused(self, bad: Any) -> None:
        with pytest.raises(RuleViolation, match="points"):
            LinearSchedule.of(bad)


class TestTopUp:
    """Published warning: adding little, late, can lower the discount."""

    def test_little_and_late_lowers_it(self) -> None:
        answer = top_up(PerHour(1), CurveSchedule(), months=3, remaining=Money(10), add=Money(20))
        assert answer.lowers
        assert answer.discount < answer.discount_before == Fraction(3, 10)

    @given(prices, st.integers(1, 24), st.integers(0, 100))
    def test_the_smallest_is_enough_and_a_nano_dollar_less_is_not(
        self, price: PerHour, time: int, percent: int
    ) -> None:
        curve = CurveSchedule()
        remaining = curve.deposit(price, time).scaled(Fraction(percent, 100)).rounded()
        smallest = top_up(price, curve, months=time, remaining=remaining, add=Money(0)).smallest
        ask = {"months": time, "remaining": remaining}
        assert not top_up(price, curve, add=smallest, **ask).lowers  # type: ignore[arg-type]
        if smallest:
            less = smallest - Money("0.000000001")
            assert top_up(price, curve, add=less, **ask).lowers  # type: ignore[arg-type]

    def test_months_that_no_decimal_holds_are_exact(self) -> None:
        ask = {"months": Fraction(1, 3), "remaining": Money(0)}
        answer = top_up(PerHour(1), CurveSchedule(), add=Money(216), **ask)  # type: ignore[arg-type]
        assert answer.smallest == Money(216)
        assert not answer.lowers

    def test_a_quoted_deposit_that_was_rounded_down_is_enough(self) -> None:
        """A month at $1.000000000002 less a fifth is $576.000000001152."""
        curve, price, quoted = CurveSchedule(), PerHour("1.000000000002"), Money("576.000000001")
        answer = top_up(price, curve, months=1, remaining=Money(576), add=quoted - Money(576))
        assert answer.discount == answer.discount_before
        assert (answer.lowers, answer.smallest) == (False, Money("0.000000001"))

    def test_without_a_discount_there_is_nothing_to_lose(self) -> None:
        flat = CurveSchedule(0)
        answer = top_up(PerHour(1), flat, months=3, remaining=Money(1), add=Money(0))
        assert (answer.lowers, answer.smallest) == (False, Money(0))

    def test_a_part_of_a_tick_is_missing_too(self) -> None:
        curve, price, time = CurveSchedule(), PerHour(1), Fraction(1, 7)
        cost = curve.exact_deposit(price, time)
        remaining = Money.from_ticks(int(cost))
        assert 0 < cost - remaining.ticks < 1
        answer = top_up(price, curve, months=time, remaining=remaining, add=Money(0))
        assert (answer.lowers, answer.smallest) == (True, Money("0.000000001"))

    def test_it_says_what_is_left_and_the_new_money_buy(self) -> None:
        curve, price = CurveSchedule(), PerHour(1)
        answer = top_up(price, curve, months=3, remaining=Money(10), add=Money(566))
        assert answer.months == 1
        assert (answer.discount_before, answer.discount) == (Fraction(3, 10), Fraction(1, 5))
        assert (answer.lowers, answer.smallest) == (True, Money(1502))  # 3 months are $1,512

    def test_nothing_is_needed_where_more_is_left_than_the_months_cost(self) -> None:
        rich = top_up(PerHour(1), CurveSchedule(), months=1, remaining=Money(600), add=Money(0))
        assert (rich.lowers, rich.smallest) == (False, Money(0))


class TestTheMostThatFits:
    """DOMAIN 13: a prepayment must fit before the contract's end."""

    @given(
        share=shares,
        seconds=st.integers(0, 1_200 * MONTH),
        spent=st.integers(0, 10**13),
    )
    def test_it_fits_and_a_nano_dollar_more_does_not(
        self, share: Fraction, seconds: int, spent: int
    ) -> None:
        curve, price, left = CurveSchedule(share), PerHour("1.60"), Money.from_ticks(spent * 9)
        most = most_that_fits(curve, price, remaining=left, seconds=seconds)
        assert most is not None
        months, more = Fraction(seconds, MONTH), Money("0.000000001")
        cost = curve.deposit(price, months)  # what is quoted for the time, fits it
        assert not most or left + most <= cost
        assert left + most + more > cost

    def test_a_hundred_years_are_the_most_that_anybody_prepays(self) -> None:
        curve, price = CurveSchedule("0.4"), PerHour(1)
        for seconds, has_most in ((1_200 * MONTH, True), (1_200 * MONTH + 1, False)):
            found = most_that_fits(curve, price, remaining=Money(0), seconds=seconds)
            assert (found is not None) is has_most


class TestRefund:
    """Published: cancelled on day 15 of 30, about $212 of $576 comes back."""

    def test_published_example(self) -> None:
        back = [refund(PerHour(1), "0.2", Money(576), s).refund for s in (0, MONTH // 2, MONTH)]
        assert back == [Money(576), Money("212.40"), Money(0)]

    def test_it_says_what_the_discount_saved(self) -> None:
        assert refund(PerHour(1), "0.2", Money(576), MONTH // 2).discount_received == Money(72)

    def test_a_broken_agreement_pays_all_back(self) -> None:
        answer = refund(PerHour(1), "0.2", Money(576), MONTH // 2, broken=True)
        assert (answer.refund, answer.fee) == (Money(288), Money(0))

    @given(prices, shares, st.integers(0, 10**7), st.integers(0, 10**6), st.booleans())
    def test_paid_is_used_and_refund_and_fee(
        self, price: PerHour, share: Fraction, seconds: int, paid: int, broken: bool
    ) -> None:
        answer = refund(price, share, Money(paid), seconds, broken=broken)
        assert answer.used + answer.refund + answer.fee == Money(paid)
        assert min(answer.used, answer.refund, answer.fee) >= Money(0)

    def test_a_negative_deposit_is_refused(self) -> None:
        with pytest.raises(RuleViolation, match="deposit"):
            refund(PerHour(1), 0, Money(-1), 0)


CURVES = st.builds(CurveSchedule, shares)
LINES = st.sampled_from(
    [
        LinearSchedule(()),
        LinearSchedule.of({2: "0.3"}),
        LinearSchedule.of({1: "0.1", 2: "0.39"}),
        LinearSchedule.of({1: "0.2", 3: "0.3", 12: "0.4"}),
    ]
)


class TestADepositBuysWhatItWasQuotedFor:
    """docs/rules/reserved.md: the deposit of whole seconds buys exactly these."""

    TOLD = PerHour("0.0000072")

    def test_where_the_deposit_was_rounded_up(self) -> None:
        # 2,160 hours at $11.466666666668 less 37.5 % are $15,480.0000000018.
        curve, price = CurveSchedule("0.5"), PerHour("11.466666666668")
        quoted = Money("15480.000000002")
        assert curve.deposit(price, 3) == quoted
        assert curve.months(price, quoted) == 3
        nano = Money("0.000000001")
        assert curve.months(price, quoted - nano) < 3 < curve.months(price, quoted + nano)

    @given(shares, st.integers(0, 10**14), st.integers(1, 1_200 * MONTH))
    def test_from_a_nano_dollar_in_half_a_second_on(
        self, most: Fraction, steps: int, seconds: int
    ) -> None:
        least = -(-self.TOLD.steps // (1 - most))
        curve, price = CurveSchedule(most), PerHour.from_steps(least + steps)
        time = Fraction(seconds, MONTH)
        assert curve.months(price, curve.deposit(price, time)) == time

    @given(shares, st.integers(1, 10**14), st.integers(1, 10**10), st.integers(0, 3 * 10**12))
    def test_more_money_never_buys_less(
        self, most: Fraction, steps: int, nanos: int, more: int
    ) -> None:
        """Down to prices of which many seconds have one deposit, and by parts of a nano-dollar."""
        curve, price = CurveSchedule(most), PerHour.from_steps(steps)
        nano = Money("0.000000001").ticks
        deposit = Money.from_ticks(nanos * nano - nano // 2)
        assume(curve.exact_deposit(price, 1_199) >= deposit.ticks + more)
        assert curve.months(price, deposit) <= curve.months(price, deposit + Money.from_ticks(more))

    @pytest.mark.parametrize("price", ["1", "0.000000000001"])
    def test_a_hundred_years_too_whatever_they_cost(self, price: str) -> None:
        curve, hourly = CurveSchedule("0.9999"), PerHour(price)
        assert curve.months(hourly, curve.deposit(hourly, 1_200)) == 1_200

    def test_a_part_of_a_nano_dollar_buys_some_time(self) -> None:
        quarter = Money.from_ticks(Money("0.000000001").ticks // 4)
        assert CurveSchedule().months(PerHour(1), quarter) > 0


class TestADepositBuysAllTheTimeItCan:
    """DOMAIN 4: months of a deposit, rounded down to 10⁻¹⁸ months and no further."""

    @given(CURVES | LINES, st.integers(1, 10**7), st.integers(0, 10**5))
    def test_a_part_more_would_cost_more(
        self, schedule: CurveSchedule | LinearSchedule, cents: int, paid: int
    ) -> None:
        price, deposit = PerHour.from_steps(cents * 10**10), Money(paid)
        part = Fraction(1, 10**18)
        assume(schedule.exact_deposit(price, 1_200) >= deposit.ticks)
        months = schedule.months(price, deposit)
        if (months * MONTH).denominator == 1 and schedule.deposit(price, months) == deposit:
            return  # that is what it is quoted for
        assert (months / part).denominator == 1
        assert schedule.exact_deposit(price, months) <= deposit.ticks
        if months + part <= 1_200:
            assert schedule.exact_deposit(price, months + part) > deposit.ticks

    @pytest.mark.parametrize("dollars", range(70, 1_512, 70))
    def test_between_two_points_too(self, dollars: int) -> None:
        lines, price, part = (
            LinearSchedule.of({1: "0.2", 3: "0.3"}),
            PerHour(1),
            Fraction(1, 10**18),
        )
        months = lines.months(price, Money(dollars))
        assert months < 3
        assert lines.exact_deposit(price, months) <= Money(dollars).ticks
        assert lines.exact_deposit(price, months + part) > Money(dollars).ticks

    def test_where_the_root_is_that_of_a_half_too(self) -> None:
        lines, price, part = LinearSchedule.of({4: "0.2"}), PerHour(1), Fraction(1, 10**18)
        months = lines.months(price, Money(1_800))  # 10 - √50
        assert lines.exact_deposit(price, months) <= Money(1_800).ticks
        assert lines.exact_deposit(price, months + part) > Money(1_800).ticks

    def test_a_hundred_years_are_taken(self) -> None:
        assert CurveSchedule().discount(1_200) == Fraction(2, 5) * 1_200 / 1_201
        price = PerHour(1)
        assert StepSchedule(()).months(price, price.charge(1_200 * MONTH)) == 1_200

    def test_without_points_there_is_no_discount(self) -> None:
        flat = LinearSchedule(())
        assert flat.discount(5) == 0
        assert flat.months(PerHour(1), Money(1_440)) == 2


class TestALineMayNotBeTooSteep:
    """DOMAIN 4, our reading: a longer time never costs less."""

    def test_on_the_second_line_too(self) -> None:
        # 1 − 0.1 − 3 · slope is above zero up to a slope of 0.3.
        assert LinearSchedule.of({1: "0.1", 2: "0.399"}).discount(2) == Fraction(399, 1000)
        with pytest.raises(RuleViolation, match="so flat that longer never costs less"):
            LinearSchedule.of({1: "0.1", 2: "0.4"})

    def test_after_the_last_point_the_discount_stays(self) -> None:
        steady = LinearSchedule.of({1: "0.1", 2: "0.2", 4: "0.25"})
        assert (steady.discount(3), steady.discount(9)) == (Fraction(9, 40), Fraction(1, 4))
        assert steady.months(PerHour(1), Money(5_400)) == 10
