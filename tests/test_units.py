"""Units, and the one way in which numbers enter."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable
from datetime import timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction

import pytest
from hypothesis import example, given, strategies as st

from numgenius_core import _numbers, units
from numgenius_core._numbers import (
    decimal_text,
    float_steps,
    fraction,
    round_half_even,
    scaled_integer,
    whole_number,
    whole_seconds,
)
from numgenius_core.errors import RuleViolation, WrongType
from numgenius_core.units import gigabytes, to_bytes, to_megabytes

EXACT = Context(prec=400, rounding=ROUND_HALF_EVEN)
NOT_NUMBERS = [
    "",
    " 1",
    "1 ",
    "1\n",
    "1_000",
    "1,5",
    "1e5",
    "1E-3",
    "٣",
    "½",
    "0x10",
    "--1",
    "+",
    ".",
]
NOT_NUMBERS += [
    ".5",
    "5.",
    "1.5_0",
    "NaN",
    "inf",
    "-Infinity",
    "1" * 21,
    "0." + "1" * 41,
    "$1",
    "1\x00",
]


def nearest_even(value: Fraction) -> int:
    """Return the nearest integer from the definition: try both neighbours."""
    low = math.floor(value)
    down, up = value - low, low + 1 - value
    if down == up:
        return low if low % 2 == 0 else low + 1
    return low if down < up else low + 1


class TestConstants:
    """DOMAIN 1: "the marketplace's month is 720 hours (30 days)"; "1 GB = 10⁹ bytes"."""

    def test_a_month_is_thirty_days(self) -> None:
        assert timedelta(seconds=units.SECONDS_PER_MONTH) == timedelta(days=30)
        assert timedelta(hours=units.HOURS_PER_MONTH) == timedelta(days=30)
        assert timedelta(seconds=units.SECONDS_PER_HOUR) == timedelta(hours=1)

    def test_a_gb_is_a_thousand_mb_and_a_billion_bytes(self) -> None:
        assert units.MB_PER_GB * 10**6 == units.BYTES_PER_GB == 10**9
        assert _numbers.PICO == 10**_numbers.PRICE_PLACES == 10**12


class TestRoundsHalfEvenOnce:
    """DESIGN: "Rounding happens once, half-even"."""

    @given(st.integers(-(10**30), 10**30), st.integers(1, 10**20))
    def test_it_is_the_nearest_integer(self, numerator: int, denominator: int) -> None:
        value = Fraction(numerator, denominator)
        got = round_half_even(numerator, denominator)
        assert got == nearest_even(value) == round(value)

    @given(st.integers(-(10**12), 10**12))
    def test_a_tie_goes_to_the_even_one(self, whole: int) -> None:
        got = round_half_even(2 * whole + 1, 2)
        assert got % 2 == 0
        assert abs(2 * got - (2 * whole + 1)) == 1

    @given(st.integers(-(10**25), 10**25), st.integers(0, 20))
    def test_decimal_agrees(self, number: int, places: int) -> None:
        want = Decimal(number).scaleb(-places, EXACT).to_integral_value(ROUND_HALF_EVEN)
        assert round_half_even(number, 10**places) == int(want)


class TestWholeNumbers:
    """Brief: ``bool`` for a number is refused, and so is what is out of range."""

    @pytest.mark.parametrize("value", [0, 1, 10**400])
    def test_an_int_is_taken(self, value: int) -> None:
        assert whole_number(value, "n") == value

    def test_both_ends_are_inside(self) -> None:
        assert whole_number(2, "n", 2, 5) == 2
        assert whole_number(5, "n", 2, 5) == 5

    @pytest.mark.parametrize("value", [True, False, 1.0, "1", None, Decimal(1), Fraction(1), []])
    def test_another_type_is_wrong(self, value: object) -> None:
        with pytest.raises(WrongType, match=r"^n: need a whole number from 0, got "):
            whole_number(value, "n")

    @pytest.mark.parametrize("value", [1, 6, -3, 10**400])
    def test_out_of_range_is_said_with_the_range(self, value: int) -> None:
        with pytest.raises(
            RuleViolation, match=r"n: need a whole number from 2 to 5, got"
        ) as caught:
            whole_number(value, "n", 2, 5)
        assert type(caught.value) is RuleViolation

    def test_a_large_bound_is_readable(self) -> None:
        with pytest.raises(RuleViolation, match=r"from 0 to 1,000,000, got 1000001"):
            whole_number(1_000_001, "n", 0, 1_000_000)


class TestWholeSeconds:
    """DOMAIN 9: billing is "per second"."""

    @given(st.integers(0, 10**13))
    def test_seconds_come_back(self, seconds: int) -> None:
        assert whole_seconds(timedelta(seconds=seconds)) == seconds

    @pytest.mark.parametrize("value", [timedelta(microseconds=1), timedelta(seconds=-1)])
    def test_parts_of_a_second_and_the_past_are_refused(self, value: timedelta) -> None:
        with pytest.raises(RuleViolation, match=r"stay: need whole seconds, zero or more, got"):
            whole_seconds(value, "stay")

    def test_the_longest_timedelta_is_refused_for_its_microseconds_only(self) -> None:
        longest = timedelta.max - timedelta(microseconds=999_999)
        assert whole_seconds(longest) == timedelta.max // timedelta(seconds=1)

    @pytest.mark.parametrize("value", [3600, 1.5, None, "1 h"])
    def test_a_number_has_no_unit(self, value: object) -> None:
        with pytest.raises(WrongType, match=r"duration: need a timedelta, got"):
            whole_seconds(value)  # type: ignore[arg-type]  # the point of the test


class TestExactNumbersEnter:
    """Module: "Text, ``int`` and ``Decimal`` are taken exactly or refused"."""

    @given(st.decimals(-(10**18), 10**18, allow_nan=False, places=9))
    def test_text_and_decimal_are_the_same_number(self, value: Decimal) -> None:
        text = f"{value:f}"
        want = int(value.scaleb(12, EXACT))
        assert scaled_integer(text, 12, "n", "x", exact=True) == want
        assert scaled_integer(value, 12, "n", "x", exact=True) == want

    @given(st.integers(-(10**40), 10**40), st.integers(0, 20))
    def test_an_int_is_scaled(self, value: int, places: int) -> None:
        assert scaled_integer(value, places, "n", "x", exact=True) == value * 10**places

    @given(st.integers(-(10**40), 10**40), st.integers(0, 40), st.integers(0, 12))
    def test_what_is_finer_rounds_or_is_refused(self, number: int, have: int, want: int) -> None:
        value = Decimal(number).scaleb(-have, EXACT)
        if value.adjusted() > 20:
            return
        exact = Fraction(number, 10**have) * 10**want
        assert scaled_integer(value, want, "n", "x", exact=False) == nearest_even(exact)
        if exact.denominator == 1:
            assert scaled_integer(value, want, "n", "x", exact=True) == exact
        else:
            with pytest.raises(RuleViolation, match=rf"n: need x with at most {want} decimals"):
                scaled_integer(value, want, "n", "x", exact=True)

    @pytest.mark.parametrize("text", ["0", "-0", "+5", "007", "1.50", "-2.25"])
    def test_plain_text_is_taken(self, text: str) -> None:
        assert scaled_integer(text, 2, "n", "x", exact=True) == Fraction(text) * 100

    @pytest.mark.parametrize("value", [Decimal("1E+20"), Decimal("0E+3"), Decimal("-0.00")])
    def test_a_decimal_may_carry_an_exponent(self, value: Decimal) -> None:
        assert scaled_integer(value, 1, "n", "x", exact=True) == Fraction(value) * 10

    @pytest.mark.parametrize("text", NOT_NUMBERS)
    def test_other_text_is_refused(self, text: str) -> None:
        with pytest.raises(RuleViolation, match=r"^n: need x, (as a plain .*, )?got") as caught:
            scaled_integer(text, 12, "n", "x", exact=True)
        assert not isinstance(caught.value, WrongType)

    @pytest.mark.parametrize(
        "text", ["NaN", "sNaN", "Infinity", "-Infinity", "1e21", "0e21", "1e-61", "1e400"]
    )
    def test_a_decimal_beyond_all_bounds_is_refused(self, text: str) -> None:
        with pytest.raises(
            RuleViolation, match=f"^n: need x, got {re.escape(str(Decimal(text)))}$"
        ):
            scaled_integer(Decimal(text), 12, "n", "x", exact=False)

    @pytest.mark.parametrize("text", ["1e1000000", "-1e999999", "1e-1000000"])
    def test_a_hostile_exponent_costs_nothing(self, text: str) -> None:
        begin = time.process_time()
        with pytest.raises(RuleViolation):
            scaled_integer(Decimal(text), 12, "n", "x", exact=True)
        with pytest.raises(RuleViolation):
            scaled_integer(text, 12, "n", "x", exact=True)
        assert time.process_time() - begin < 0.5  # int(Decimal("1e1000000")) burns 26 s

    @pytest.mark.parametrize("value", [True, None, b"1", [], Fraction(1, 3), 1j])
    def test_another_type_is_wrong(self, value: object) -> None:
        with pytest.raises(WrongType) as refused:
            scaled_integer(value, 12, "n", "x", exact=True)
        # What is a Fraction is not shown as the text that would be taken.
        assert str(refused.value) == f"n: need x as text, int or Decimal, got {value!r}"

    @pytest.mark.parametrize("value", [0.5, math.nan, math.inf])
    def test_a_float_is_told_what_to_use(self, value: float) -> None:
        with pytest.raises(WrongType, match=r"^n: need x as text, int or Decimal, got"):
            scaled_integer(value, 12, "n", "x", exact=True)
        with pytest.raises(WrongType, match=r"Decimal \(or use from_float\), got"):
            scaled_integer(value, 12, "n", "x", exact=True, hint=_numbers.FROM_FLOAT)
        said = r"^n: need x as text, int, Decimal or Fraction, such as '0\.25', got"
        with pytest.raises(WrongType, match=said):
            _numbers.exact_number(value, "n", "x")


class _SubFloat(float):
    """Stands for NumPy's float64, a float of another repr."""

    def __repr__(self) -> str:
        return f"np.float64({float(self)!r})"


class TestFloatsEnterByTheirShortestText:
    """DESIGN: "``float`` comes in … through its shortest decimal text"."""

    @given(
        st.one_of(
            st.floats(-1e15, 1e15),
            st.floats(-200, 200),
            st.integers(0, 10**7).map(lambda n: n / 3),
            st.integers(-(10**15), 10**15).map(lambda n: n / 10**12),
            st.integers(-(10**15), 10**15).map(lambda n: (2 * n + 1) / (2 * 10**12)),
        )
    )
    @example(0.1333333333333333)
    @example(1 / 3)
    @example(1e-7)
    @example(5e-13)
    @example(32.4921699802245)  # a tie that the float product misses
    @example(13498.862297415253)  # so large that the float product is off by more
    @example(1.5e-12)
    @example(2.5e-12)
    @example(-2.5e-12)
    @example(99.9999999999995)
    @example(100.0000000000005)
    @example(99.999999999999999)
    @example(1e2)
    @example(1e14)
    @example(1e15)
    @example(-0.0)
    @example(5e-324)
    def test_it_is_the_rounded_decimal(self, value: float) -> None:
        want = nearest_even(Fraction(repr(value)) * 10**12)
        assert float_steps(value, "n", "x") == want

    @pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e300, 1.1e15, -1.1e15])
    def test_what_is_not_finite_or_absurd_is_refused(self, value: float) -> None:
        with pytest.raises(RuleViolation, match=r"^n: need x, got"):
            float_steps(value, "n", "x")

    def test_a_literal_beyond_all_floats_is_infinite(self) -> None:
        with pytest.raises(RuleViolation, match=r"got inf"):
            float_steps(float("1e400"), "n", "x")

    @pytest.mark.parametrize("value", [0.3, 1 / 3, 2.5e-12])
    def test_a_subclass_of_float_is_a_float(self, value: float) -> None:
        assert float_steps(_SubFloat(value), "n", "x") == float_steps(value, "n", "x")

    def test_an_int_among_floats_is_taken(self) -> None:
        assert float_steps(3, "n", "x") == 3 * 10**12

    @pytest.mark.parametrize("value", [True, "0.3", None, Decimal("0.3")])
    def test_another_type_is_wrong(self, value: object) -> None:
        with pytest.raises(WrongType, match=r"^n: need a float, got"):
            float_steps(value, "n", "x")


class TestDecimalText:
    """Money leaves as plain digits."""

    @pytest.mark.parametrize(
        ("value", "least", "text"),
        [
            ("0", 0, "0"),
            ("0", 2, "0.00"),
            ("1.50", 0, "1.5"),
            ("1.5", 2, "1.50"),
            ("1.2345", 2, "1.2345"),
            ("1E+3", 2, "1000.00"),
            ("1E-7", 2, "0.0000001"),
            ("-0.000", 2, "0.00"),
            ("-0", 0, "0"),
            ("-0.5", 0, "-0.5"),
            ("-10", 0, "-10"),
        ],
    )
    def test_table(self, value: str, least: int, text: str) -> None:
        assert decimal_text(Decimal(value), least) == text

    @given(st.decimals(-(10**9), 10**9, allow_nan=False), st.integers(0, 6))
    def test_the_value_is_kept(self, value: Decimal, least: int) -> None:
        text = decimal_text(value, least)
        assert Fraction(text) == Fraction(value)
        digits = text.partition(".")[2]
        assert len(digits) >= least
        assert len(digits) == least or not digits.endswith("0")


class TestFractions:
    """G8: "0.4 = 40 %"; a discount and a fee are shares."""

    @pytest.mark.parametrize("value", ["0.4", Decimal("0.40"), Fraction(2, 5)])
    def test_forms_of_forty_percent(self, value: str | Decimal | Fraction) -> None:
        assert fraction(value, "d") == Fraction(2, 5)

    def test_the_ends(self) -> None:
        assert fraction(0, "d", below_one=True) == 0
        assert fraction(1, "d") == 1

    @pytest.mark.parametrize("value", [1, "1.0", Decimal(1), Fraction(1)])
    def test_one_is_refused_where_it_must_stay_below(self, value: str | Fraction) -> None:
        with pytest.raises(RuleViolation, match=r"^d: need a fraction from 0 to below 1, got"):
            fraction(value, "d", below_one=True)

    @pytest.mark.parametrize("value", [-1, "1.01", "40", Fraction(-1, 9), Fraction(10, 9), "40%"])
    @pytest.mark.parametrize("below", [True, False])
    def test_beyond_is_refused(self, value: str | Fraction, below: bool) -> None:
        with pytest.raises(RuleViolation, match=r"^d: need a fraction from 0 to "):
            fraction(value, "d", below_one=below)

    @pytest.mark.parametrize("value", [0.4, True, None, math.nan])
    def test_a_float_is_wrong(self, value: object) -> None:
        with pytest.raises(WrongType, match=r"^d: need a fraction from 0 to 1"):
            fraction(value, "d")  # type: ignore[arg-type]  # the point of the test

    def test_a_fraction_comes_back_as_it_is(self) -> None:
        share = Fraction(1, 4)
        assert fraction(share, "d") is share


class TestSizes:
    """DOMAIN 1 and 10: disk is rented in GB, traffic counted per GB of 10⁹ bytes."""

    @given(st.integers(0, units.MAX_MB))
    def test_disk_comes_back(self, megabytes: int) -> None:
        assert to_megabytes(gigabytes(megabytes)) == megabytes

    @pytest.mark.parametrize(("gb", "mb"), [(0, 0), ("10.5", 10_500), (Decimal("0.001"), 1)])
    def test_disk(self, gb: str | int | Decimal, mb: int) -> None:
        assert to_megabytes(gb) == mb

    @pytest.mark.parametrize(("gb", "count"), [(500, 5 * 10**11), ("0.000000001", 1)])
    def test_traffic(self, gb: str | int, count: int) -> None:
        assert to_bytes(gb) == count

    @pytest.mark.parametrize("size", [to_megabytes, to_bytes])
    @pytest.mark.parametrize("gb", [-1, "-0.001", 10**9 + 1, "1000000000.001", "0.0000000001"])
    def test_outside_is_refused(self, size: Callable[[str | int, str], int], gb: str | int) -> None:
        with pytest.raises(RuleViolation, match=r"^d: need GB from 0 to 1,000,000,000"):
            size(gb, "d")

    def test_the_largest_is_taken(self) -> None:
        assert to_megabytes(10**9) == 10**12
        assert to_bytes(10**9) == 10**18

    def test_the_path_has_a_default(self) -> None:
        with pytest.raises(RuleViolation, match=r"^disk: "):
            to_megabytes(-1)
        with pytest.raises(RuleViolation, match=r"^traffic: "):
            to_bytes(-1)

    def test_a_float_is_not_sent_to_a_constructor_that_is_not_there(self) -> None:
        with pytest.raises(WrongType) as caught:
            to_megabytes(10.5)  # type: ignore[arg-type]  # the point of the test
        assert "from_float" not in str(caught.value)
