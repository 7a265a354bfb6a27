"""The schedules: their laws, their limits, and others in their place."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext
from fractions import Fraction
from itertools import pairwise

import pytest
from attrs import frozen
from hypothesis import given, strategies as st

from numgenius_core.errors import RuleViolation, WrongType
from numgenius_core.intervals import Interval
from numgenius_core.money import Money
from numgenius_core.rates import PerHour
from numgenius_core.sla import (
    OUR_RULES,
    PARTS,
    CreditSchedule,
    FadingNotice,
    FeeSchedule,
    LinearCredit,
    Outage,
    Promise,
    SlaRules,
    SlaTerms,
    StopLossFee,
    ToleranceBlend,
    UptimeHistory,
    cover,
    expected_credit,
    promised,
    settle,
)
from numgenius_core.sla.terms import rented_terms

T0, DAY = datetime(2026, 7, 1, tzinfo=UTC), timedelta(days=1)
parts = st.integers(1, 999_990_000)
spreads = st.fractions(Fraction(1, 1_000), 3, max_denominator=1_000)


def share(number: int) -> Fraction:
    return Fraction(number, PARTS)


def by_hand(claim: str, spread: str, target: str) -> Decimal:
    """The formula of the rule page, with plain decimals."""
    with localcontext(prec=40):
        mean, tolerance, width = 1 - Decimal(claim), 1 - Decimal(target), Decimal(spread)
        y = tolerance / mean
        power = -3 / (2 * width)
        return Decimal("1.095") / y * (1 + 2 * width * y / 3) ** power


class TestTheFee:
    """Issue: "grows with target and spread, falls with claim, ... never negative"."""

    @pytest.mark.parametrize(
        "case",
        [
            ("0.99", "0.5", "0.95"),
            ("0.9", "3", "0.9"),
            ("0.999", "0.71", "0.99"),
            ("1e-9", "1", "0"),
        ],
    )
    def test_is_the_formula(self, case: tuple[str, str, str]) -> None:
        claim, spread, target = case if case[2] != "0" else ("0.5", "1.25", "0.1")
        found = OUR_RULES.fee.factor(SlaTerms(Promise(claim, spread), target))
        assert round(by_hand(claim, spread, target), 12) == Decimal(found.numerator) / Decimal(
            found.denominator
        )

    def test_is_the_expected_downtime_beyond_the_tolerance(self) -> None:
        """The model itself: an integral of what Lomax's law leaves above the tolerance."""
        mean, tolerance, index = 0.01, 0.05, 1 + 3 / (2 * 0.5)
        scale = mean * (index - 1)
        step, beyond, x = 1e-4, 0.0, tolerance + 0.5e-4
        while x < 60:
            beyond += step * (1 + x / scale) ** -index
            x += step
        model = 1.095 * beyond / tolerance
        assert abs(model - float(OUR_RULES.fee.factor(SlaTerms(Promise("0.99"), "0.95")))) < 1e-6

    @given(parts, parts, parts, spreads, spreads)
    def test_moves_as_published(
        self, a: int, b: int, c: int, narrow: Fraction, wide: Fraction
    ) -> None:
        low, middle, high = sorted((a, b, c))
        factor = OUR_RULES.fee.factor
        narrow, wide = sorted((narrow, wide))

        def fee(claim: int, spread: Fraction, target: int) -> Fraction:
            return factor(SlaTerms(Promise(share(claim), spread), share(target)))

        assert 0 <= fee(high, wide, low) <= fee(high, wide, middle) < 1
        assert fee(high, wide, low) <= fee(middle, wide, low)
        assert fee(high, narrow, low) <= fee(high, wide, low)

    @given(parts, spreads)
    def test_is_a_whole_number_of_price_steps(self, claim: int, spread: Fraction) -> None:
        terms = SlaTerms(Promise(share(claim), spread), share(claim))
        factor = OUR_RULES.fee.factor(terms)
        assert 10**12 % factor.denominator == 0
        assert OUR_RULES.fee.fee(terms, PerHour(1)).steps == factor * 10**12

    def test_a_margin_of_your_own(self) -> None:
        terms = SlaTerms(Promise("0.99"), "0.95")
        fair, double = StopLossFee(margin=0).share(terms), StopLossFee(margin=1).share(terms)
        assert double == 2 * fair
        for margin in (-1, "10.1"):
            with pytest.raises(RuleViolation, match="a margin from 0 to 10"):
                StopLossFee(margin)
        with pytest.raises(WrongType):
            StopLossFee().share("no")  # type: ignore[arg-type]

    def test_a_schedule_of_your_own(self) -> None:
        """Issue: "replaceable schedules"."""

        @frozen
        class Flat(FeeSchedule):
            def share(self, terms: SlaTerms) -> Fraction:
                return min(Fraction(1, 3), terms.target)

        @frozen
        class Half(CreditSchedule):
            def share_parts(self, target_parts: int, blend_parts: int) -> int:
                return PARTS // 2 if blend_parts < target_parts else 0

        rules = SlaRules(fee=Flat(), credit=Half())
        bought = cover(SlaTerms(Promise("0.99"), "0.95"), PerHour("3"), rules=rules)
        assert bought.fee == PerHour("0.999999999999")
        assert bought.per_hour == PerHour("3.999999999999")
        dead = UptimeHistory(
            rentals=(Interval(T0, T0 + DAY),), outages=(Outage(period=Interval(T0, T0 + DAY)),)
        )
        assert settle(bought, dead, rules=rules).credits == Money(36)


class TestTheCredit:
    """Issue: "0 when the blend meets the target, grows with the shortfall, at most the day's"."""

    @given(parts, st.integers(0, PARTS), st.integers(0, PARTS))
    def test_grows_with_the_shortfall(self, target: int, a: int, b: int) -> None:
        low, high = sorted(min(each, target - 1) for each in (a, b))
        credit = OUR_RULES.credit.share_parts
        assert 0 <= credit(target, high) <= credit(target, low) <= PARTS
        assert credit(target, 0) == PARTS

    def test_every_point_and_the_middles(self) -> None:
        target, way = 950_000_000, 50_000_000
        found = [OUR_RULES.credit.share_parts(target, target - way * n // 10) for n in range(1, 11)]
        shares = [0.225, 0.45, 0.5, 0.55, 0.625, 0.7, 0.775, 0.85, 0.925, 1]
        assert found == [round(each * PARTS) for each in shares]
        assert OUR_RULES.credit.share_parts(400_000_000, 200_000_000) == 625_000_000
        assert [
            OUR_RULES.credit.share_parts(target, each) for each in (target, target + 1, PARTS)
        ] == [0] * 3
        assert OUR_RULES.credit.share_parts(target, target - 1) > 0
        for bad in ((0, 0), (PARTS, 5), (target, -1), (target, PARTS + 1)):
            with pytest.raises(RuleViolation):
                OUR_RULES.credit.share_parts(*bad)

    def test_points_of_your_own(self) -> None:
        steep = LinearCredit([(0, "0.5"), ("0.5", "0.75"), (1, "0.75")])
        assert [steep.share_parts(950_000_000, each * 10**6) for each in (949, 925, 900, 0)] == [
            510_000_000,
            750_000_000,
            750_000_000,
            750_000_000,
        ]
        for points in (
            [(0, 0)],
            [("0.1", 0), (1, 1)],
            [(0, 0), ("0.9", 1)],
            [(0, 0), ("0.5", "0.6"), ("0.5", "0.7"), (1, 1)],
            [(0, "0.5"), (1, "0.4")],
            [(0, 0, 0), (1, 1)],
        ):
            with pytest.raises(RuleViolation):
                LinearCredit(points)  # type: ignore[arg-type]
        with pytest.raises(WrongType):
            LinearCredit([0, 1])  # type: ignore[list-item]


class TestTheBlend:
    """Issue: "β from the target"; a strict promise is judged over more days."""

    @given(parts, parts)
    def test_a_higher_target_gives_the_day_less_weight(self, a: int, b: int) -> None:
        low, high = sorted((a, b))
        weight = OUR_RULES.blend.weight
        assert 0 < weight(share(high)) <= weight(share(low)) < 1

    def test_limits(self) -> None:
        assert ToleranceBlend(memory=0).weight(Fraction(1, 2)) == 1
        for memories in ((), (1,), (10_001,), tuple(range(2, 13))):
            with pytest.raises(RuleViolation):
                ToleranceBlend(memories=memories)
        with pytest.raises(WrongType):
            ToleranceBlend(memories=("7",))  # type: ignore[arg-type]

    def test_scales_of_your_own(self) -> None:
        """With a weight of all, each day stands alone; with one scale, the blend has two parts."""
        noon = T0 + DAY + DAY / 2
        history = UptimeHistory(
            rentals=(Interval(T0, T0 + 3 * DAY),),
            outages=(Outage(period=Interval(noon, noon + DAY / 4)),),
        )
        bought = cover(SlaTerms(Promise("0.99"), "0.95"), PerHour(1))
        alone = SlaRules(blend=ToleranceBlend(memory=0))
        days = settle(bought, history, rules=alone).days
        assert [day.blend for day in days] == [day.uptime for day in days]
        pair = SlaRules(blend=ToleranceBlend(memories=(2,)))
        blends = [day.blend for day in settle(bought, history, rules=pair).days]
        assert blends == [Fraction(n, 10**6) for n in (965_000, 907_500, 903_750)]


class TestWhatIsExpected:
    """The credit that the belief behind the fee expects, by its own formula."""

    @pytest.mark.parametrize(
        "case",
        [
            ("0.99", "0.5", "0.95"),
            ("0.99", "3", "0.98"),
            ("0.9", "0.1", "0.9"),
            ("0.6", "1", "0.3"),
        ],
    )
    def test_is_the_sum_over_the_lines(self, case: tuple[str, str, str]) -> None:
        claim, spread, target = map(float, case)
        mean, power, least = 1 - claim, 1.5 / spread, 1 - target
        way = min(target, least)

        def beyond(x: float) -> float:
            """E[(X − x)⁺] of the law: each line adds its slope times what lies on it."""
            return float(mean * (1 + x / (mean * power)) ** -power)

        points = [(0, 0), (0.2, 0.45), (0.4, 0.55), (1, 1)]
        exact = sum(
            (d - c) / (b - a) / way * (beyond(least + a * way) - beyond(least + b * way))
            for (a, c), (b, d) in pairwise(points)
        )
        found = expected_credit(SlaTerms(Promise(*case[:2]), case[2]))
        assert float(found) == pytest.approx(exact, rel=1e-4)


class TestNotice:
    """Issue: "more with notice, less with length, never all"."""

    @given(st.integers(1, 10**8), st.integers(1, 10**8), st.integers(1, 10**7))
    def test_moves_as_published(self, a: int, b: int, length: int) -> None:
        short, long = sorted((a, b))
        forgiven = OUR_RULES.notice.share_parts
        assert 0 <= forgiven(short, length) <= forgiven(long, length) < PARTS
        assert forgiven(length, long) <= forgiven(length, short)

    def test_limits(self) -> None:
        assert FadingNotice(most=0).share_parts(10**6, 60) == FadingNotice().share_parts(0, 60) == 0
        for bad in ((-1, 60), (60, 0)):
            with pytest.raises(RuleViolation):
                FadingNotice().share_parts(*bad)
        with pytest.raises(RuleViolation):
            FadingNotice(most=1)


class TestBadInput:
    """A schedule that is none, and terms that are none."""

    def test_rules(self) -> None:
        for name in ("fee", "credit", "blend", "notice"):
            with pytest.raises(WrongType):
                SlaRules(**{name: "no"})  # type: ignore[arg-type]
        for days in (0, 367):
            with pytest.raises(RuleViolation):
                SlaRules(release_days=days)

    def test_terms(self) -> None:
        for call in (
            lambda: Promise(0.99),  # type: ignore[arg-type]
            lambda: Promise("0.99", "x"),
            lambda: Promise("0.9999999999"),
            lambda: Promise("0.99", max_beta=0),
            lambda: Promise("0.99", max_beta=1),
            lambda: Promise.of_confidence("0.99", "0.2"),
            lambda: Promise.of_confidence("0.99", 1),
            lambda: promised("0.99", before="no"),  # type: ignore[arg-type]
            lambda: SlaTerms("no", "0.95"),  # type: ignore[arg-type]
            lambda: rented_terms(None, "0.95"),
            lambda: cover(SlaTerms(Promise("0.99"), "0.95"), 1),  # type: ignore[arg-type]
        ):
            with pytest.raises(RuleViolation):
                call()
        assert promised("0.98", before=None) == Promise("0.98")

    def test_the_weight_falls_from_point_to_point(self) -> None:
        targets = [Fraction(n, 100) for n in range(1, 100)]
        weights = [OUR_RULES.blend.weight(each) for each in targets]
        assert all(a > b for a, b in pairwise(weights))
