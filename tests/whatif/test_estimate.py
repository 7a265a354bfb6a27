"""Means with their intervals."""

from __future__ import annotations

from fractions import Fraction
from math import sqrt
from random import Random
from statistics import NormalDist, fmean, stdev

import pytest

from numgenius_core.errors import RuleViolation, WrongType
from numgenius_core.whatif.estimate import estimate_mean, student_t


class TestStudent:
    """Quantiles as every table prints them."""

    @pytest.mark.parametrize(
        ("confidence", "degrees", "expected"),
        [
            ("0.95", 1, 12.7062),
            ("0.95", 2, 4.3027),
            ("0.95", 3, 3.1824),
            ("0.95", 4, 2.7764),
            ("0.95", 10, 2.2281),
            ("0.95", 19, 2.0930),
            ("0.95", 60, 2.0003),
            ("0.99", 5, 4.0321),
            ("0.99", 30, 2.7500),
            ("0.90", 7, 1.8946),
            ("0.50", 1, 1.0000),
        ],
    )
    def test_a_table(self, confidence: str, degrees: int, expected: float) -> None:
        assert student_t(confidence, degrees) == pytest.approx(expected, abs=5e-5)

    def test_it_tends_to_the_normal(self) -> None:
        assert student_t("0.95", 30_000) == pytest.approx(NormalDist().inv_cdf(0.975), abs=1e-4)

    @pytest.mark.parametrize("confidence", ["0", "1", "-1", "2"])
    def test_refused(self, confidence: str) -> None:
        with pytest.raises(RuleViolation, match="confidence"):
            student_t(confidence, 3)

    def test_no_float(self) -> None:
        with pytest.raises(WrongType, match="confidence"):
            student_t(0.95, 3)  # type: ignore[arg-type]


class TestAnEstimate:
    """Mean ± t · s / √n."""

    def test_it_is_the_formula(self) -> None:
        values = [Fraction(n) for n in (3, 5, 5, 9)]
        found = estimate_mean(values)
        assert found.mean == Fraction(11, 2)
        assert found.half_width is not None
        expected = 3.18245 * stdev([3, 5, 5, 9]) / sqrt(4)
        assert float(found.half_width) == pytest.approx(expected, abs=1e-4)
        assert found.low == found.mean - found.half_width
        assert found.high == found.mean + found.half_width

    def test_ninety_five_of_a_hundred_hold_the_mean(self) -> None:
        random = Random(5)
        held = [
            7 in estimate_mean([Fraction(random.gauss(7, 3)) for _ in range(6)])
            for _ in range(2_000)
        ]
        assert fmean(held) == pytest.approx(0.95, abs=0.015)

    def test_one_run_says_nothing_about_chance(self) -> None:
        found = estimate_mean([Fraction(3)])
        assert found.mean == found.low == found.high == 3
        assert found.half_width is None
        assert not found.is_clear
        assert str(found) == "3.00"

    def test_clear_is_away_from_zero(self) -> None:
        assert estimate_mean([5, 6, 7]).is_clear
        assert estimate_mean([-5, -6, -7]).is_clear
        assert not estimate_mean([-5, 6, 7]).is_clear
        assert not estimate_mean([0, 0, 0]).is_clear

    def test_as_text(self) -> None:
        assert estimate_mean([Fraction(1), Fraction(1)]).text(1, 100) == "100.0 ± 0.0"
        assert str(estimate_mean([1, 3])) == "2.00 ± 12.71"

    def test_no_values(self) -> None:
        with pytest.raises(RuleViolation, match="values: need at least one"):
            estimate_mean([])
