"""What use costs, once for quotes, statements, ledgers and simulations."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given, strategies as st

from numgenius_core._accrual import Price, accrued, charge, discounted, fee_of, seconds_on_deposit
from numgenius_core.money import TICKS_PER_DOLLAR, Money
from numgenius_core.rates import PerGb, PerGbMonth, PerHour
from numgenius_core.testing import per_gb_months, per_gbs, per_hours, shares

sizes = st.integers(0, 10**6)
quantities = st.integers(0, 10**8)


class TestWhatAQuantityCosts:
    """DOMAIN 9: billing is per second and per byte; a month of every price has 720 hours."""

    def test_by_hand(self) -> None:
        assert charge(PerHour("3.6"), 4, 1_000) == Money(1)  # a tenth of a cent a second, for all
        assert charge(PerGbMonth("0.72"), 500_000, 3_600) == Money("0.5")  # 500 GB for an hour
        assert charge(PerGb("0.01"), 1, 3 * 10**9) == Money("0.03")

    @given(per_hours | per_gb_months | per_gbs, sizes, quantities, quantities, shares)
    def test_splitting_changes_nothing(
        self, price: Price, size: int, one: int, other: int, share: Fraction
    ) -> None:
        whole = accrued(price, size, one + other, share)
        parts = [accrued(price, size, part, share) for part in (one, other)]
        assert whole.amount == Money.sum(part.amount for part in parts)
        assert whole.fee == Money.sum(part.fee for part in parts)

    @given(per_hours | per_gb_months | per_gbs, sizes, quantities, shares)
    def test_the_fee_is_a_price_of_its_own_rounded_once(
        self, price: Price, size: int, quantity: int, share: Fraction
    ) -> None:
        part = fee_of(price, share)
        assert type(part) is type(price)
        assert 2 * abs(part.steps - price.steps * share) <= 1
        assert accrued(price, size, quantity, share).fee == charge(part, size, quantity)

    @given(per_hours, shares)
    def test_a_reserved_price_is_rounded_once(self, price: PerHour, discount: Fraction) -> None:
        assert discounted(price, discount) == price.scaled(1 - discount)


class TestHowLongADepositLasts:
    """Our reading: each second that begins with some of the deposit left has the discount."""

    RATE = PerHour("3.6")  # a tenth of a cent a second

    def test_a_second_that_begins_with_some_left_counts(self) -> None:
        for deposit, seconds in (("0.003", 3), ("0.0031", 4), ("0.002999999999", 3), ("0", 0)):
            assert seconds_on_deposit(Money(deposit), self.RATE, 10) == seconds
        assert seconds_on_deposit(Money("-1"), self.RATE, 10) == 0

    def test_no_more_than_there_are(self) -> None:
        assert seconds_on_deposit(Money(1), self.RATE, 999) == 999
        assert seconds_on_deposit(Money(1), self.RATE, 0) == 0

    def test_nothing_uses_up_a_price_of_nothing(self) -> None:
        assert seconds_on_deposit(Money.from_ticks(1), PerHour(0), 7) == 7
        assert seconds_on_deposit(Money(0), PerHour(0), 7) == 0

    @given(st.integers(-10, 10**4), st.integers(0, 50), st.integers(0, 60))
    def test_counted_second_by_second(self, cents: int, price: int, most: int) -> None:
        rate, left, lasted = PerHour(price), Money(cents).ticks // 100, 0
        deposit = Money.from_ticks(left)
        while lasted < most and left > 0:
            left -= rate.steps * TICKS_PER_DOLLAR // 10**12 // 3_600
            lasted += 1
        assert seconds_on_deposit(deposit, rate, most) == lasted
