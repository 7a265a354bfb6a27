"""A schedule of somebody else's: what it says is checked where it is asked, and named where wrong.

DOMAIN 12: a credit is "at most that day's covered compute", a fee is never negative, notice
forgives in part, never wholly. Each was believed of a schedule of somebody's own.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from numgenius_core import Interval, Mode, Money, Offer, PerGpuHour, PerHour, PriceTerms, quote
from numgenius_core.billing import DaysOfGrace, GraceSchedule
from numgenius_core.billing.grace import allowed_debt
from numgenius_core.errors import RuleViolation, WrongType
from numgenius_core.prices import CurveSchedule, ReservedSchedule, rank_offers, top_up
from numgenius_core.sla import (
    PARTS,
    BlendSchedule,
    CreditSchedule,
    FeeSchedule,
    NoticeSchedule,
    Outage,
    Promise,
    SlaRules,
    SlaTerms,
    UptimeHistory,
    backtest,
    cover,
    expected_credit,
    settle,
)

T0, DAY = datetime(2026, 7, 1, tzinfo=UTC), timedelta(days=1)
TERMS = SlaTerms(Promise("0.99"), "0.95")
DEAD = Outage(period=Interval(T0, T0 + DAY), announced=T0 - DAY)
HISTORY = UptimeHistory(rentals=[Interval(T0, T0 + DAY)], outages=[DEAD])
PRICE = PerHour(3)
MONTH = timedelta(days=30)
OFFER = Offer(id=1, machine=1, gpu_name="A", gpus=1, prices=PriceTerms(gpu=PerGpuHour(1)))


_METHODS: dict[type, tuple[str, ...]] = {
    CreditSchedule: ("share_parts",),
    NoticeSchedule: ("share_parts",),
    FeeSchedule: ("share",),
    BlendSchedule: ("weight",),
    GraceSchedule: ("buffer",),
    ReservedSchedule: ("discount", "months"),
    CurveSchedule: ("months",),
}


def own(base: type, name: str) -> Callable[[Any], Any]:
    """Return how to make a schedule of somebody's that says one thing, whatever it is asked."""

    def make(says: Any) -> Any:
        return type(name, (base,), dict.fromkeys(_METHODS[base], lambda *_: says))()

    return make


MyCredit, MyNotice = own(CreditSchedule, "MyCredit"), own(NoticeSchedule, "MyNotice")
MyFee, MyBlend = own(FeeSchedule, "MyFee"), own(BlendSchedule, "MyBlend")
MyGrace, MyDiscount = own(GraceSchedule, "MyGrace"), own(ReservedSchedule, "MyDiscount")
MyCurve = own(CurveSchedule, "MyCurve")


def settled(**rules: Any) -> Money:
    return settle(cover(TERMS, PRICE), HISTORY, rules=SlaRules(**rules)).credits


def reserved(says: Any) -> Money:
    asked = quote(OFFER, MONTH, mode=Mode.RESERVED, months=1, schedule=MyDiscount(says))
    assert asked.deposit is not None
    return asked.deposit


def ranked(says: Any) -> object:
    return rank_offers(
        [OFFER], MONTH, mode=Mode.RESERVED, months=2, schedule=MyDiscount(says), now=T0
    )


def topped_up(says: Any) -> object:
    return top_up(PRICE, MyCurve(says), months=1, remaining=Money(1), add=Money(1))


ASKED: dict[str, tuple[Callable[[Any], object], ...]] = {
    "MyCredit.share_parts: need a whole number from 0 to 1,000,000,000": (
        lambda says: settled(credit=MyCredit(says)),
        lambda says: expected_credit(TERMS, rules=SlaRules(credit=MyCredit(says))),
        lambda says: backtest(HISTORY, PRICE, TERMS.promise, rules=SlaRules(credit=MyCredit(says))),
    ),
    "MyNotice.share_parts: need a whole number from 0 to 999,999,999": (
        lambda says: settled(notice=MyNotice(says)),
        lambda says: HISTORY.days(MyNotice(says)),
    ),
    "MyFee.share: need a share of zero or more": (
        lambda says: cover(TERMS, PRICE, rules=SlaRules(fee=MyFee(says))),
        lambda says: MyFee(says).factor(TERMS),
    ),
    "MyBlend.weight: need a share above 0 and at most 1": (
        lambda says: settled(blend=MyBlend(says)),
        lambda says: backtest(HISTORY, PRICE, TERMS.promise, rules=SlaRules(blend=MyBlend(says))),
    ),
    "MyGrace.buffer: need a": (lambda says: allowed_debt(MyGrace(says), Money(1)),),
    "MyDiscount.discount: need a share from 0 to below 1": (
        reserved,
        ranked,
        lambda says: MyDiscount(says).discounted(PRICE, 1),
        lambda says: MyDiscount(says).deposit(PRICE, 1),
        lambda says: MyDiscount(says).exact_deposit(PRICE, 1),
    ),
    "MyCurve.months: need months from 0 to 1,200": (topped_up,),
}
OF_ANOTHER_TYPE = (0.5, None, [1])
OUT_OF_BOUNDS = {
    "MyCredit": (-1, -(10**9), PARTS + 1, 2 * 10**9),
    "MyNotice": (-1, PARTS, 2 * 10**9),
    "MyFee": (-1, Fraction(-1, 10**30)),
    "MyBlend": (0, 3, Fraction(-1, 2), Fraction(10**9 + 1, 10**9)),
    "MyGrace": (Money("-0.01"),),
    "MyDiscount": (1, Fraction(3, 2), Fraction(-1, 2), Decimal("1.5")),
    "MyCurve": (-1, 1_201, Fraction(-1, 10**18)),
}
CASES = [(need, each) for need, ways in ASKED.items() for each in ways]


@pytest.mark.parametrize(("need", "asked"), CASES)
def test_what_is_of_another_type_is_refused(need: str, asked: Callable[[Any], object]) -> None:
    for says in OF_ANOTHER_TYPE:
        with pytest.raises(WrongType) as caught:
            asked(says)
        assert str(caught.value).startswith(need)


@pytest.mark.parametrize(("need", "asked"), CASES)
def test_what_cannot_be_is_refused(need: str, asked: Callable[[Any], object]) -> None:
    for says in OUT_OF_BOUNDS[need.partition(".")[0]]:
        with pytest.raises(RuleViolation) as caught:
            asked(says)
        assert str(caught.value).startswith(need.removesuffix(" a"))


def test_a_share_is_no_number_of_parts() -> None:
    """It was taken for parts: half a credit was $0.000000036 on a day of $72."""
    for kind, part in ((MyCredit, "credit"), (MyNotice, "notice")):
        with pytest.raises(WrongType, match=r"^My\w+\.share_parts: need a whole number"):
            settled(**{part: kind(Fraction(1, 2))})


def test_what_can_be_is_taken_to_the_bounds() -> None:
    """And what is exact, though it is no ``Fraction``."""
    assert [settled(credit=MyCredit(says)) for says in (0, PARTS // 2, PARTS)] == [
        Money(0),
        Money(36),
        Money(72),
    ]
    assert HISTORY.days(MyNotice(PARTS - 1))[0][2] == 86_400
    assert cover(TERMS, PRICE, rules=SlaRules(fee=MyFee(0))).fee == PerHour(0)
    assert settled(blend=MyBlend(1)) == settled(blend=MyBlend(Fraction(1))) == Money(72)
    assert allowed_debt(MyGrace(Money(0)), Money(1)) == Money(0)


def test_ours_allows_no_debt_for_a_spend_below_zero() -> None:
    """Seen: a buffer of -24.00, without a word."""
    with pytest.raises(RuleViolation, match=r"^daily_spend: need an amount of zero or more, got -"):
        DaysOfGrace(2).buffer(Money(-12))
    assert DaysOfGrace(2).buffer(Money(0)) == Money(0)
    assert reserved(Fraction(1, 10)) == reserved(Decimal("0.1")) == Money(648)
    assert MyDiscount(0).deposit(PRICE, 1) == Money(2_160)
