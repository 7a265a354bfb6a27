"""Money and rates: exact, typed, rounded once."""

from __future__ import annotations

import copy
import math
import operator
import pickle
from collections.abc import Callable
from datetime import timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import example, given, strategies as st

from effort import examples
from numgenius_core.errors import RuleViolation, WrongType
from numgenius_core.money import MAX_MONEY, TICKS_PER_DOLLAR, Money, rounded_parts
from numgenius_core.rates import MAX_RATE, PerGb, PerGbMonth, PerGpuHour, PerHour, Rate
from numgenius_core.testing import (
    byte_counts,
    gpu_counts,
    megabytes,
    per_gb_months,
    per_gbs,
    per_gpu_hours,
    per_hours,
    seconds,
)

EXACT = Context(prec=400, rounding=ROUND_HALF_EVEN)
KINDS: list[type[Rate]] = [PerGpuHour, PerHour, PerGbMonth, PerGb]
amounts = st.one_of(
    st.integers(-(10**40), 10**40).map(Money.from_ticks),
    st.integers(-(10**6), 10**6).map(lambda cents: Money(Decimal(cents).scaleb(-2))),
    st.sampled_from([Money(0), Money("0.005"), Money("-0.005"), Money.from_ticks(1)]),
)
rates = st.one_of(per_gpu_hours, per_hours, per_gb_months, per_gbs)
cuts = st.lists(st.integers(0, 10**8), max_size=6)


def dollars(money: Money) -> Fraction:
    """Return what an amount is worth, as the oracle counts."""
    return Fraction(money.ticks, TICKS_PER_DOLLAR)


def per_unit(rate: Rate) -> Fraction:
    """Return what a rate is, as the oracle counts."""
    return Fraction(rate.steps, 10**12)


def half_even(value: Fraction, places: int) -> Decimal:
    """Return the decimal module's half-even rounding of an exact fraction."""
    scaled = value * 10**places
    low = math.floor(scaled)
    twice = 2 * (scaled - low)  # 0 to below 2; its side of 1 decides
    tenth = 0 if scaled == low else 5 if twice == 1 else 1 if twice < 1 else 9
    stand_in = EXACT.add(Decimal(low), Decimal(tenth).scaleb(-1))
    return stand_in.to_integral_value(ROUND_HALF_EVEN).scaleb(-places, EXACT)


def pieces(total: int, at: list[int]) -> list[int]:
    """Return ``total`` cut into pieces at some places."""
    edges = [0, *sorted(min(cut, total) for cut in at), total]
    return [b - a for a, b in pairwise(edges)]


class TestChargesAreExact:
    """DOMAIN 1: "GPU price and bids $/hour; storage $/GB/month; traffic $/GB"; month = 720 h."""

    @given(per_gpu_hours, gpu_counts, seconds)
    def test_gpu(self, rate: PerGpuHour, gpus: int, span: int) -> None:
        want = per_unit(rate) * gpus * Fraction(span, 3_600)
        assert dollars(rate.charge(gpus, span)) == want

    @given(per_hours, seconds)
    def test_instance(self, rate: PerHour, span: int) -> None:
        assert dollars(rate.charge(span)) == per_unit(rate) * Fraction(span, 3_600)

    @given(per_gb_months, megabytes, seconds)
    def test_storage(self, rate: PerGbMonth, size: int, span: int) -> None:
        want = per_unit(rate) * Fraction(size, 1_000) * Fraction(span, 720 * 3_600)
        assert dollars(rate.charge(size, span)) == want

    @given(per_gbs, byte_counts)
    def test_traffic(self, rate: PerGb, count: int) -> None:
        assert dollars(rate.charge(count)) == per_unit(rate) * Fraction(count, 10**9)

    def test_worked_examples(self) -> None:
        assert PerGpuHour("0.40").charge(4, 72 * 3_600) == Money("115.20")
        assert PerHour("2").charge(1_800) == Money(1)
        assert PerGbMonth("0.15").charge(200_000, 720 * 3_600) == Money(30)
        assert PerGb("0.02").charge(500 * 10**9) == Money(10)

    @given(per_gpu_hours, per_hours, per_gb_months, seconds)
    def test_a_rate_times_a_duration_is_the_charge_of_one_unit(
        self, gpu: PerGpuHour, whole: PerHour, disk: PerGbMonth, span: int
    ) -> None:
        stay = timedelta(seconds=span)
        assert gpu * stay == stay * gpu == gpu.charge(1, span)
        assert whole * stay == stay * whole == whole.charge(span)
        assert disk * stay == stay * disk == disk.charge(1_000, span)

    @pytest.mark.parametrize("rate", [PerGpuHour(1), PerHour(1), PerGbMonth(1)])
    @pytest.mark.parametrize("other", [2, 0.5, timedelta(microseconds=1), timedelta(-1), None])
    def test_times_anything_else_is_refused(self, rate: PerHour, other: timedelta) -> None:
        with pytest.raises(RuleViolation, match=r"^duration: "):
            rate * other

    def test_a_number_of_gpus_is_told_where_it_goes(self) -> None:
        for price, instead in (
            (PerGpuHour(1), r"for_gpus\(n\) is the price of n GPUs"),
            (PerHour(1), r"scaled\(n\) is n times the price"),
            (PerGbMonth(1), r"scaled\(n\) is n times the price"),
        ):
            with pytest.raises(
                WrongType, match=rf"^duration: need a timedelta \({instead}\), got 4$"
            ):
                price * 4  # type: ignore[operator]

    @pytest.mark.parametrize(
        "charge",
        [
            lambda: PerGpuHour(1).charge(1, 0.5),  # type: ignore[arg-type]
            lambda: PerGpuHour(1).charge(1.0, 5),  # type: ignore[arg-type]
            lambda: PerHour(1).charge(0.5),  # type: ignore[arg-type]
            lambda: PerGbMonth(1).charge(0.5, 1),  # type: ignore[arg-type]
            lambda: PerGb(1).charge(Fraction(1, 2)),  # type: ignore[arg-type]
        ],
    )
    def test_parts_of_a_unit_are_no_charge(self, charge: Callable[[], Money]) -> None:
        with pytest.raises(WrongType, match=r"^charge: need whole numbers of GPUs, seconds, MB"):
            charge()


class TestPiecesTotalTheWhole:
    """DOMAIN 1: "Charging a period in pieces must total what charging it whole totals"."""

    @given(per_gpu_hours, gpu_counts, seconds, cuts)
    def test_gpu(self, rate: PerGpuHour, gpus: int, span: int, at: list[int]) -> None:
        parts = [rate.charge(gpus, part) for part in pieces(span, at)]
        assert Money.sum(parts) == rate.charge(gpus, span)

    @given(per_hours, seconds, cuts)
    def test_instance(self, rate: PerHour, span: int, at: list[int]) -> None:
        assert Money.sum(rate.charge(part) for part in pieces(span, at)) == rate.charge(span)

    @given(per_gb_months, megabytes, seconds, cuts)
    def test_storage(self, rate: PerGbMonth, size: int, span: int, at: list[int]) -> None:
        parts = [rate.charge(size, part) for part in pieces(span, at)]
        assert Money.sum(parts) == rate.charge(size, span)
        sized = [rate.charge(part, span) for part in pieces(size, at)]
        assert Money.sum(sized) == rate.charge(size, span)

    @given(per_gbs, byte_counts, cuts)
    def test_traffic(self, rate: PerGb, count: int, at: list[int]) -> None:
        assert Money.sum(rate.charge(part) for part in pieces(count, at)) == rate.charge(count)

    @given(per_gpu_hours, gpu_counts, seconds)
    def test_gpus_are_linear(self, rate: PerGpuHour, gpus: int, span: int) -> None:
        """DOMAIN 2: "an offer of *n* GPUs costs *n* × the per-GPU price"."""
        assert rate.for_gpus(gpus).charge(span) == rate.charge(gpus, span)
        assert rate.for_gpus(gpus).per_gpu(gpus) == rate


class TestSumsAreExact:
    """Issue: "``sum`` of a million charges is exact"."""

    @given(st.lists(amounts, max_size=20))
    def test_both_sums_are_the_sum_of_the_fractions(self, parts: list[Money]) -> None:
        want = sum(map(dollars, parts), Fraction(0))
        assert dollars(Money.sum(parts)) == want
        assert dollars(sum(parts, Money(0))) == want

    def test_plain_sum_works_and_an_empty_one_is_zero(self) -> None:
        assert sum([Money("0.1"), Money("0.2")]) == Money("0.3")
        assert Money.sum([]) == Money(0)

    def test_a_million_charges(self) -> None:
        rate = PerGpuHour("0.133333333333")
        total = Money.sum(rate.charge(1, span) for span in range(1_000_000))
        assert dollars(total) == per_unit(rate) * Fraction(999_999 * 1_000_000 // 2, 3_600)

    @pytest.mark.parametrize("other", [1, "1", None, PerHour(1)])
    def test_only_money_is_summed(self, other: Money) -> None:
        with pytest.raises(WrongType, match=r"^amounts: need Money only"):
            Money.sum([Money(1), other])


class TestAllocate:
    """Issue: "splits without losing a tick of the rounded whole (largest remainder)"."""

    @given(
        amounts,
        st.lists(st.integers(0, 10**9), min_size=1, max_size=12).filter(any),
        st.integers(0, 12),
    )
    def test_laws(self, money: Money, weights: list[int], places: int) -> None:
        parts = money.allocate(weights, places)
        whole = Fraction(half_even(dollars(money), places))
        unit = Fraction(1, 10**places)
        assert sum(map(dollars, parts)) == whole
        for part, weight in zip(parts, weights, strict=True):
            assert dollars(part) / unit == dollars(part) // unit
            assert abs(dollars(part) - whole * weight / sum(weights)) < unit
        by_weight = sorted(zip(weights, parts, strict=True), key=lambda pair: pair[0])
        for (light, less), (heavy, more) in pairwise(by_weight):
            assert light == heavy or abs(less) <= abs(more)

    @given(amounts, st.lists(st.integers(0, 100), min_size=1, max_size=6).filter(any))
    def test_a_credit_is_split_as_the_debt_is(self, money: Money, weights: list[int]) -> None:
        assert (-money).allocate(weights) == tuple(-part for part in money.allocate(weights))

    def test_worked_examples(self) -> None:
        assert Money("0.05").allocate([3, 7]) == (Money("0.02"), Money("0.03"))
        assert Money(1).allocate([1, 1, 1]) == (Money("0.34"), Money("0.33"), Money("0.33"))
        assert Money(-1).allocate([1, 1, 1])[0] == Money("-0.34")
        assert Money("0.01").allocate([0, 0, 5]) == (Money(0), Money(0), Money("0.01"))
        assert Money("7.5").allocate([1], places=0) == (Money(8),)
        assert Money(100).allocate([1, 2, 2]) == (Money(20), Money(40), Money(40))

    def test_the_largest_remainder_comes_first_whatever_its_place(self) -> None:
        # 10 cents by 1 : 1 : 4 is 1.67, 1.67 and 6.67; by 1 : 5 : 1 it is 1.43, 7.14 and 1.43.
        assert [m.cents() for m in Money("0.10").allocate([1, 1, 4])] == [2, 2, 6]
        assert [m.cents() for m in Money("0.10").allocate([1, 5, 1])] == [2, 7, 1]
        assert [m.cents() for m in Money("0.10").allocate([5, 9])] == [4, 6]

    @pytest.mark.parametrize("weights", [[], [0], [0, 0]])
    def test_no_weight_at_all_is_refused(self, weights: list[int]) -> None:
        with pytest.raises(RuleViolation, match=r"^weights: need at least one above zero"):
            Money(1).allocate(weights)

    @pytest.mark.parametrize(("weight", "kind"), [(-1, RuleViolation), (0.5, WrongType)])
    def test_a_bad_weight_is_named(self, weight: int, kind: type[RuleViolation]) -> None:
        with pytest.raises(kind, match=r"^weights\[1\]: "):
            Money(1).allocate([1, weight])

    @pytest.mark.parametrize("places", [-1, 13, True])
    def test_bad_places_are_refused(self, places: int) -> None:
        with pytest.raises(RuleViolation, match=r"^places: need a whole number from 0 to 12"):
            Money(1).allocate([1], places)


class TestLeavesRoundedOnce:
    """Module: "Rounding, half to even, happens once: when money leaves"."""

    @given(amounts, st.integers(0, 30))
    def test_decimal(self, money: Money, places: int) -> None:
        got = money.to_decimal(places)
        assert got == half_even(dollars(money), places)
        assert got.as_tuple().exponent == -places

    @given(amounts)
    def test_cents_and_the_default_places(self, money: Money) -> None:
        assert Decimal(money.cents()).scaleb(-2, EXACT) == money.to_decimal(2)
        assert money.to_decimal() == half_even(dollars(money), 9)

    @given(amounts, st.integers(0, 12))
    def test_rounded_is_money_of_that_decimal(self, money: Money, places: int) -> None:
        assert dollars(money.rounded(places)) == Fraction(money.to_decimal(places))
        assert money.rounded() == money.rounded(9)

    @pytest.mark.parametrize(
        ("text", "cents"),
        [("0.005", 0), ("0.015", 2), ("0.025", 2), ("-0.015", -2), ("1.0051", 101)],
    )
    def test_ties(self, text: str, cents: int) -> None:
        assert Money(text).cents() == cents

    @given(st.lists(amounts), st.integers(0, 30), amounts)
    def test_parts_add_up_to_their_rounded_total(
        self, parts: list[Money], places: int, carried: Money
    ) -> None:
        rounded = rounded_parts(parts, places, carried)
        assert len(rounded) == len(parts)
        assert all(part.as_tuple().exponent == -places for part in rounded)
        for count in range(len(parts) + 1):
            out = Money.sum([carried, *parts[:count]]).to_decimal(places)
            exact = sum(map(Fraction, rounded[:count]), Fraction(carried.to_decimal(places)))
            assert exact == Fraction(out)

    def test_thirds_of_a_cent_are_a_cent(self) -> None:
        third = Money("0.01").scaled(Fraction(1, 3))
        assert [str(part) for part in rounded_parts([third] * 3, 2)] == ["0.00", "0.01", "0.00"]
        with pytest.raises(RuleViolation, match="places: need a whole number from 0 to 30"):
            rounded_parts([], 31)

    @pytest.mark.parametrize("places", [-1, 31, 1.0])
    def test_bad_places(self, places: int) -> None:
        with pytest.raises(RuleViolation, match=r"^places: need a whole number from 0 to 30"):
            Money(1).to_decimal(places)
        with pytest.raises(RuleViolation, match=r"^places: need a whole number from 0 to 12"):
            Money(1).rounded(places)

    @given(amounts, st.integers(0, 9))
    def test_format_rounds_once(self, money: Money, places: int) -> None:
        assert Decimal(f"{money:.{places}f}") == half_even(dollars(money), places)

    def test_rates_are_formatted_as_amounts_are(self) -> None:
        rate = PerHour("0.597368421053")
        assert (f"{rate:.2f}", f"{rate:>8.3f}", f"{rate}") == ("0.60", "   0.597", "0.597368421053")
        assert f"{PerGpuHour('0.5'):>6}" == "  0.50"
        for spec in ("d", ".99f", "?"):
            with pytest.raises(RuleViolation, match=r"PerHour format: need a spec"):
                format(rate, spec)

    def test_format_specs(self) -> None:
        money = Money("1234.5678")
        assert f"{money:,.2f}" == "1,234.57"
        assert f"{money:>12.1f}" == "      1234.6"
        assert f"{money:.2}" == "1234.57"
        assert f"{money}" == str(money) == "1234.5678"

    @pytest.mark.parametrize(
        "spec",
        [
            *("d", ".2e", "x.2f", "2f", ".2%", "qq.2f", ".40f", ".99", "..2f", ",_.2f", "_.2f"),
            *("#.2f", "N.2f", "=+020.2f", ".2,f", ".3s", "=9", "1234.2f", "1234", "9" * 20 + ".2f"),
            *("\ud800<9.2f", "9" * 9, "z", "é.2f"),
        ],
    )
    def test_a_bad_spec_is_ours(self, spec: str) -> None:
        with pytest.raises(RuleViolation, match="Money format: need a spec"):
            format(Money(1), spec)

    @pytest.mark.parametrize(
        ("spec", "text"),
        [
            ("z.2f", "-1234.56"),
            ("+z09,.2f", "-1,234.56"),
            ("*^+20.2f", "******-1234.56******"),
            ("\n>10.2f", "\n\n-1234.56"),
            ("<<10.2f", "-1234.56<<"),
            ("012,.1f", "-0,001,234.6"),
            ("0=9.2f", "-01234.56"),
            ("999.0f", "-1235".rjust(999)),
            ("_^10", "_-1234.56_"),
            ("<9s", "-1234.56 "),
        ],
    )
    def test_a_good_spec_gives_the_same_on_each_python(self, spec: str, text: str) -> None:
        assert format(Money("-1234.56"), spec) == text

    @examples(200)
    @given(
        sign=st.sampled_from(["", "-", "+", " "]),
        lead=st.sampled_from(["", "<", "*>", "0^", "x="]),
        width=st.sampled_from(["", "1", "08", "12"]),
        comma=st.sampled_from(["", ","]),
        places=st.integers(0, 12),
    )
    def test_is_what_a_decimal_says(
        self, sign: str, lead: str, width: str, comma: str, places: int
    ) -> None:
        spec = f"{lead}{sign}{width}{comma}.{places}f"
        money = Money("1234.5")
        if lead and width.startswith("0"):
            with pytest.raises(RuleViolation):
                format(money, spec)
        else:
            assert format(money, spec) == format(Decimal("1234.5"), spec)

    @pytest.mark.parametrize(
        ("money", "text"),
        [
            (Money(0), "0.00"),
            (Money("-0.5"), "-0.50"),
            (Money("0.1234567895"), "0.12345679"),
            (Money.from_ticks(-1), "0.00"),
            (Money("1000000000000"), "1000000000000.00"),
        ],
    )
    def test_str(self, money: Money, text: str) -> None:
        assert str(money) == text

    @given(amounts, st.fractions(-9, 9, max_denominator=10**6))
    def test_scaled_rounds_to_a_tick(self, money: Money, factor: Fraction) -> None:
        want = money.ticks * factor
        assert money.scaled(factor).ticks == round(want)

    @given(per_gpu_hours, st.fractions(0, 1, max_denominator=10**6))
    def test_a_derived_rate_is_rounded_once(self, rate: PerGpuHour, factor: Fraction) -> None:
        assert rate.scaled(factor).steps == round(rate.steps * factor)
        assert type(rate.scaled(factor)) is PerGpuHour

    def test_scaled_by_a_whole_number(self) -> None:
        assert Money("1.5").scaled(-2) == Money(-3)
        assert PerHour("1.5").scaled(2) == PerHour(3)

    @pytest.mark.parametrize("factor", [0.5, "0.5", Decimal("0.5"), True, math.nan, None])
    def test_only_an_exact_factor_scales(self, factor: Fraction) -> None:
        with pytest.raises(WrongType, match=r"^money × …: need a Fraction or a whole number"):
            Money(1).scaled(factor)
        with pytest.raises(WrongType, match=r"^rate × …: need a Fraction or a whole number"):
            PerHour(1).scaled(factor)

    @pytest.mark.parametrize("factor", [-1, 2_000_000, Fraction(-1, 2)])
    def test_a_rate_stays_in_its_bounds(self, factor: Fraction) -> None:
        with pytest.raises(RuleViolation, match=r"^rate: need \$/hour from 0 to 1,000,000, got"):
            PerHour(1).scaled(factor)

    @given(per_hours, st.integers(1, 64))
    def test_the_share_of_a_gpu(self, rate: PerHour, gpus: int) -> None:
        assert rate.per_gpu(gpus) == PerGpuHour.from_steps(round(Fraction(rate.steps, gpus)))

    @pytest.mark.parametrize("gpus", [0, -1, 1.5, True])
    def test_gpus_are_counted(self, gpus: int) -> None:
        with pytest.raises(RuleViolation, match=r"^gpus: need a whole number from 1"):
            PerHour(1).per_gpu(gpus)
        if gpus:
            with pytest.raises(RuleViolation, match=r"^gpus: need a whole number from 0"):
                PerGpuHour(1).for_gpus(gpus)

    @given(rates, st.integers(0, 12))
    def test_a_rate_leaves_as_a_decimal(self, rate: Rate, places: int) -> None:
        assert rate.to_decimal(places) == half_even(per_unit(rate), places)
        assert Fraction(rate.to_decimal()) == per_unit(rate)

    def test_a_rate_has_twelve_places(self) -> None:
        with pytest.raises(RuleViolation, match=r"^places: need a whole number from 0 to 12"):
            PerHour(1).to_decimal(13)


BAD_TEXT = ["", " 1", "1 ", "1_000", "1e5", "٣", "NaN", "inf", "1e400", "1,000", "$1", "1" * 21]
BAD_DECIMALS = [Decimal("NaN"), Decimal("sNaN"), Decimal("-Infinity"), Decimal("1e1000000")]


class TestVeryLargeAmounts:
    """What is computed has no limit, and is written out exactly up to 4,000 digits."""

    def test_every_digit_is_there(self) -> None:
        large = Money(1) * 10**200 + Money("0.01")
        assert str(large) == f"1{'0' * 200}.01"
        assert f"{large:.2f}" == str(large)
        assert large.to_decimal(2).as_tuple().digits == (1, *[0] * 201, 1)
        assert rounded_parts([large, -large], 2) == (Decimal(f"{large}"), Decimal(f"-{large}"))
        assert repr(large) == f"Money.from_ticks(324{'0' * 199}324{'0' * 19})"
        assert len(str(Money(-1) * 10**4_000)) == len("-.00") + 4_001

    def test_a_float_has_an_end(self) -> None:
        assert float(Money(1) * 10**308) == 1e308
        for more in (Money(1) * 10**309, Money(-1) * 10**309):
            with pytest.raises(RuleViolation, match="an amount that a float can hold"):
                float(more)

    def test_what_would_take_minutes_to_write_out_is_refused(self) -> None:
        """Python writes no whole number of more than 4,300 digits."""
        more = Money(1) * 10**1_100_000
        for written in (str, "{:.2f}".format, "{:>12}".format, Money.to_decimal):
            with pytest.raises(RuleViolation, match=r"an amount up to 10\^4,000 dollars"):
                written(more)
        assert repr(more) == f"Money.from_ticks(an integer of {more.ticks.bit_length()} bits)"
        assert more.cents() == 100 * 10**1_100_000


class TestWhatMoneyTakes:
    """Issue, "Bad input gets": "NaN, infinities, 1e400, negative or absurd prices, True"."""

    @pytest.mark.parametrize("value", [*BAD_TEXT, *BAD_DECIMALS])
    def test_no_number_is_refused(self, value: str | Decimal) -> None:
        with pytest.raises(RuleViolation, match=r"^money: need dollars up to 1,000,000,000,000, "):
            Money(value)

    @pytest.mark.parametrize("value", ["$1", "1,5", "1/3", "1e5"])
    def test_a_number_in_another_form_is_told_its_form(self, value: str) -> None:
        with pytest.raises(RuleViolation, match=r", as a plain decimal number such as 0\.5, got"):
            Money(value)
        for other in ("much", "1" * 21):
            with pytest.raises(RuleViolation, match=r"1,000,000,000,000, got"):
                Money(other)

    @pytest.mark.parametrize("value", [10**12 + 1, -(10**12) - 1, "1000000000000.01", 10**400])
    def test_absurd_is_refused(self, value: str | int) -> None:
        with pytest.raises(
            RuleViolation, match=r"^money: need dollars up to 1,000,000,000,000, got"
        ):
            Money(value)

    @pytest.mark.parametrize("value", [1e12 + 1, -1e13, math.nan, math.inf, 1e300])
    def test_an_absurd_float_is_refused(self, value: float) -> None:
        with pytest.raises(
            RuleViolation, match=r"^money: need dollars up to 1,000,000,000,000, got"
        ):
            Money.from_float(value)

    def test_the_largest_is_taken(self) -> None:
        for value in (MAX_MONEY, -MAX_MONEY):
            assert dollars(Money(value)) == value
            assert Money.from_float(float(value)) == Money(value)

    @pytest.mark.parametrize("value", ["0.0000000000001", Decimal("1e-13")])
    def test_too_fine_is_refused(self, value: str | Decimal) -> None:
        with pytest.raises(RuleViolation, match=r"with at most 12 decimals, got"):
            Money(value)

    @pytest.mark.parametrize("value", [True, None, b"1", Fraction(1, 2), [], Money, PerHour(1)])
    def test_another_type_is_wrong(self, value: str) -> None:
        with pytest.raises(WrongType, match=r"^money: need dollars"):
            Money(value)

    @pytest.mark.parametrize("value", [0.1, math.nan])
    def test_a_float_is_sent_to_from_float(self, value: float) -> None:
        with pytest.raises(WrongType, match=r"as text, int or Decimal \(or use from_float\), got"):
            Money(value)  # type: ignore[arg-type]  # the point of the test

    def test_an_int_of_an_amount_or_a_price_says_what_to_use(self) -> None:
        with pytest.raises(WrongType, match=r"^int\(money\): need round\(money\) .*\.cents\(\)"):
            int(Money("3.99"))  # type: ignore[call-overload]
        with pytest.raises(WrongType, match=r"^int\(rate\): need round\(rate\) .* rate\.steps"):
            int(PerHour("3.99"))  # type: ignore[call-overload]
        assert (round(Money("3.99")), Money("3.99").cents()) == (4, 399)

    @given(st.floats(-1e12, 1e12))
    def test_from_float_is_its_shortest_text_rounded(self, value: float) -> None:
        assert Money.from_float(value).to_decimal(12) == half_even(Fraction(repr(value)), 12)

    @pytest.mark.parametrize("value", [1.0, True, "1", None])
    def test_ticks_are_whole(self, value: int) -> None:
        with pytest.raises(WrongType, match=r"^ticks: need a whole number"):
            Money.from_ticks(value)


class TestWhatRatesTake:
    """As for money; a price is never negative."""

    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("value", [*BAD_TEXT, *BAD_DECIMALS, -1, "-0.01", 10**6 + 1, 10**400])
    def test_no_price_is_refused(self, kind: type[Rate], value: str | Decimal) -> None:
        with pytest.raises(RuleViolation) as caught:
            kind(value)
        assert caught.value.path == "rate"
        assert caught.value.need.startswith(f"{kind.UNIT} from 0 to 1,000,000")

    @pytest.mark.parametrize("value", ["-0.01", "1000000.0000000000001", "x"])
    def test_nearest_has_the_same_bounds(self, value: str) -> None:
        if value.startswith("1"):
            assert PerHour.nearest(value) == PerHour(MAX_RATE)  # it rounds to the limit
            return
        with pytest.raises(RuleViolation, match=r"^rate: need \$/hour from 0 to 1,000,000"):
            PerHour.nearest(value)

    @pytest.mark.parametrize("value", [-1e-3, 1e6 + 1, math.nan, math.inf, 1e300])
    def test_a_bad_float_is_refused(self, value: float) -> None:
        with pytest.raises(RuleViolation, match=r"^rate: need \$/GB from 0 to 1,000,000, got"):
            PerGb.from_float(value)

    @pytest.mark.parametrize("value", [True, None, b"1", Fraction(1, 2), Money(1)])
    def test_another_type_is_wrong(self, value: str) -> None:
        with pytest.raises(WrongType, match=r"^rate: need"):
            PerHour(value)
        with pytest.raises(WrongType, match=r"^rate: need"):
            PerHour.nearest(value)

    def test_a_float_is_sent_to_from_float(self) -> None:
        for make in (PerHour, PerHour.nearest):
            with pytest.raises(WrongType, match=r"\(or use from_float\), got 0.3"):
                make(0.3)  # type: ignore[arg-type]  # the point of the test

    @given(st.floats(0, 1e6))
    @example(0.1333333333333333)
    @example(1e-7)
    def test_from_float_is_its_shortest_text_rounded(self, value: float) -> None:
        want = half_even(Fraction(repr(value)), 12)
        if value and not want:
            with pytest.raises(RuleViolation, match=r"at least a price step"):
                PerHour.from_float(value)
            return
        assert PerHour.from_float(value).to_decimal() == want
        if value == 0 or value > 1e-20:
            assert PerHour.nearest(Decimal(repr(value))).to_decimal() == want

    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("value", [1e-13, 5e-13, 1e-300])
    def test_a_price_below_a_price_step_is_refused_not_free(
        self, kind: type[Rate], value: float
    ) -> None:
        with pytest.raises(RuleViolation, match=r"0 or at least a price step"):
            kind.from_float(value)
        if value > 1e-20:
            with pytest.raises(RuleViolation, match=r"0 or at least a price step"):
                kind.nearest(Decimal(repr(value)))
        assert not kind.from_float(0.0)
        assert kind.from_float(6e-13).steps == 1

    def test_nearest_takes_what_the_market_prints(self) -> None:
        assert PerGpuHour.nearest("0.1333333333333333") == PerGpuHour("0.133333333333")
        with pytest.raises(RuleViolation, match=r"at most 12 decimals"):
            PerGpuHour("0.1333333333333333")

    def test_zero_and_the_limit_are_prices(self) -> None:
        assert not PerGb(0)
        assert PerGb(MAX_RATE).steps == MAX_RATE * 10**12
        assert PerGb("0.000000000001").steps == 1


class TestRoundTrips:
    """EXEMPLARS: "``repr`` shows the value"; a copy is the same value."""

    @given(st.one_of(amounts, rates))
    @example(Money(MAX_MONEY) * 2)
    @example(Money(-MAX_MONEY) * 2)
    @example(PerGpuHour(MAX_RATE).for_gpus(8))
    @example(PerGpuHour("0.1"))
    def test_eval_of_the_repr(self, value: Money | Rate) -> None:
        assert eval(repr(value)) == value
        assert type(eval(repr(value))) is type(value)

    @given(st.one_of(amounts, rates))
    def test_pickles_and_copies(self, value: Money | Rate) -> None:
        for back in (pickle.loads(pickle.dumps(value)), copy.copy(value), copy.deepcopy(value)):
            assert back == value
            assert hash(back) == hash(value)
            assert type(back) is type(value)

    def test_reprs(self) -> None:
        assert repr(Money("-1.5")) == "Money('-1.50')"
        assert repr(Money("0.000000000001")) == "Money('0.000000000001')"
        assert repr(Money.from_ticks(7)) == "Money.from_ticks(7)"
        assert repr(PerGbMonth("0.15")) == "PerGbMonth('0.15')"

    @given(amounts)
    def test_ticks_come_back(self, money: Money) -> None:
        assert Money.from_ticks(money.ticks) == money

    @given(rates)
    def test_text_and_steps_come_back(self, rate: Rate) -> None:
        assert type(rate).from_steps(rate.steps) == rate
        if rate.steps <= MAX_RATE * 10**12:
            assert type(rate)(str(rate)) == rate

    @pytest.mark.parametrize("kind", [PerGpuHour, PerHour, PerGbMonth, PerGb])
    def test_no_number_of_steps_makes_one_below_zero(self, kind: type[Rate]) -> None:
        """A quote at it had a total of -2.00, and neither its text nor its document came back."""
        assert kind.from_steps(0) == kind(0)
        for steps in (-1, -(10**12)):
            with pytest.raises(RuleViolation, match=r"^steps: need a whole number from 0, got -1"):
                kind.from_steps(steps)

    def test_there_is_no_room_for_other_attributes(self) -> None:
        with pytest.raises(AttributeError):
            Money(1).note = "x"  # type: ignore[attr-defined]  # the point of the test


OPERATORS = [operator.add, operator.sub]
ORDERINGS = [operator.lt, operator.le, operator.gt, operator.ge]


class TestArithmetic:
    """Issue: "adding a rate to an amount is a type error"."""

    @given(amounts, amounts, st.integers(-(10**9), 10**9))
    def test_money_is_the_group_of_the_integers(self, a: Money, b: Money, n: int) -> None:
        assert dollars(a + b) == dollars(a) + dollars(b)
        assert dollars(a - b) == dollars(a) - dollars(b)
        assert dollars(a * n) == dollars(n * a) == dollars(a) * n
        assert dollars(-a) == -dollars(a)
        assert dollars(abs(a)) == abs(dollars(a))
        assert bool(a) is (dollars(a) != 0)
        if b:
            assert a / b == dollars(a) / dollars(b)

    @given(amounts, amounts)
    def test_money_orders_as_it_is_worth(self, a: Money, b: Money) -> None:
        for order in (*ORDERINGS, operator.eq, operator.ne):
            assert order(a, b) is order(dollars(a), dollars(b))

    @given(per_hours, per_hours)
    @example(PerHour(MAX_RATE), PerHour.from_steps(1))
    @example(PerHour(MAX_RATE - 1), PerHour(1))
    def test_rates_of_a_kind_add_and_order(self, a: PerHour, b: PerHour) -> None:
        for order in (*ORDERINGS, operator.eq, operator.ne):
            assert order(a, b) is order(a.steps, b.steps)
        if a.steps + b.steps <= MAX_RATE * 10**12:
            assert (a + b).steps == a.steps + b.steps
        else:
            with pytest.raises(RuleViolation, match=r"^rate: need"):
                a + b

    @pytest.mark.parametrize("act", [*OPERATORS, *ORDERINGS, operator.mul, operator.truediv])
    @pytest.mark.parametrize("other", [*(kind(1) for kind in KINDS), 1.5, "1", None, Decimal(1)])
    def test_money_meets_only_money(
        self, act: Callable[[object, object], object], other: object
    ) -> None:
        with pytest.raises(WrongType, match=r"^money"):
            act(Money(1), other)

    @pytest.mark.parametrize("act", [*OPERATORS, *ORDERINGS, operator.truediv])
    @pytest.mark.parametrize("other", [1, True, 0])
    def test_a_bare_number_is_no_money(
        self, act: Callable[[object, object], object], other: int
    ) -> None:
        with pytest.raises(WrongType, match=r"^money"):
            act(Money(1), other)

    def test_true_is_no_count(self) -> None:
        with pytest.raises(WrongType, match=r"money × …: need a whole number \(or use scaled\)"):
            Money(1) * True

    @pytest.mark.parametrize("left", [5, 0.0, True, False, Decimal(1), None])
    def test_nothing_but_the_start_of_a_sum_adds_from_the_left(self, left: object) -> None:
        with pytest.raises(WrongType, match=r"^… \+ money: need Money"):
            operator.add(left, Money(1))
        assert 0 + Money(1) == Money(1)

    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("act", [operator.add, *ORDERINGS])
    def test_a_rate_meets_only_its_kind(
        self, kind: type[Rate], act: Callable[[object, object], object]
    ) -> None:
        others: list[object] = [other(1) for other in KINDS if other is not kind]
        for other in (*others, Money(1), 1, 1.0, None):
            with pytest.raises(WrongType, match=r"^rate") as caught:
                act(kind(1), other)
            assert caught.value.need == f"a rate in {kind.UNIT}"

    @pytest.mark.parametrize("kind", KINDS)
    def test_a_rate_from_an_amount_or_an_amount_from_a_rate_is_a_type_error(
        self, kind: type[Rate]
    ) -> None:
        with pytest.raises(TypeError):
            operator.sub(kind(1), Money(1))
        with pytest.raises(TypeError):
            operator.mul(kind(1), Money(1))

    def test_kinds_are_never_equal_and_hash_apart(self) -> None:
        values: list[object] = [Money(1), 1, Decimal(1), *(kind(1) for kind in KINDS)]
        for i, a in enumerate(values):
            for j, b in enumerate(values):
                assert (a == b) is (i == j or {i, j} == {1, 2})
        assert len({hash(kind(1)) for kind in KINDS}) == len(KINDS)
        assert hash(Money(1)) == hash(Money("1.0"))

    def test_nothing_divides_by_zero(self) -> None:
        with pytest.raises(RuleViolation, match=r"^money ÷ …: need an amount other than zero"):
            Money(1) / Money(0)


@examples(30)
@given(st.sampled_from(KINDS), st.integers(0, MAX_RATE * 10**12))
def test_every_price_in_bounds_is_taken_in_every_form(kind: type[Rate], steps: int) -> None:
    exact = Decimal(steps).scaleb(-12, EXACT)
    assert kind(exact).steps == kind(f"{exact:f}").steps == kind.nearest(exact).steps == steps
    assert bool(kind(exact)) is (steps > 0)
