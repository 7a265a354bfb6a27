"""A day settled alone, as a market does at midnight, and windows that were announced."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest
from attrs import evolve
from hypothesis import example, given, strategies as st

from numgenius_core.errors import RuleViolation, WrongType
from numgenius_core.intervals import Interval, to_epoch
from numgenius_core.money import Money
from numgenius_core.sla import (
    OUR_RULES,
    PARTS,
    Cover,
    EscrowState,
    Outage,
    Promise,
    SlaRules,
    SlaTerms,
    UptimeHistory,
    settle,
    settle_day,
)
from sla_cases import BOUGHT, START, covers, histories, history_of

T0 = datetime(2026, 7, 1, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
TERMS = SlaTerms(Promise("0.99"), "0.95")
WHOLE: dict[str, Any] = {
    "intended": 86_400,
    "down": 0,
    "compute": Money(84),
    "net": Money(63),
    "fee": Money(1),
}


@example(BOUGHT, ([(START, START + 20 * 86_400)], []), [7])
@given(covers(), histories(20), st.lists(st.integers(1, 9), min_size=1, max_size=3))
def test_days_one_by_one_are_a_settlement(bought: Cover, drawn: Any, released: list[int]) -> None:
    """And each day's rest is released over so many days as the rules of that day say."""
    history, left, state = history_of(*drawn), EscrowState(), EscrowState()
    whole, due = settle(bought, history), Counter[int]()
    down = {day: lost for day, _, lost in history.days(OUR_RULES.notice)}
    for index, expected in enumerate(whole.days):
        rules = SlaRules(release_days=released[index % len(released)])
        close = index == len(whole.days) - 1
        found, state = settle_day(
            bought.terms,
            state,
            expected.day,
            intended=expected.intended,
            down=down[to_epoch(expected.day) // 86_400],
            compute=expected.compute,
            net=expected.compute_to_escrow,
            fee=expected.fee,
            close=close,
            rules=rules,
        )
        period = Interval(expected.day, expected.day + DAY)
        piece = settle(bought, history, period=period, state=left, close=close, rules=rules)
        assert piece.days == (found,)
        left = piece.state
        assert left == state
        today = due.pop(index, 0)
        rest = found.compute_to_escrow.ticks + found.fee.ticks - found.escrow_to_client.ticks
        for ahead in range(1, rules.release_days + 1):
            due[index + ahead] += rest // rules.release_days
        due[index + 1] += rest % rules.release_days
        if close:
            today += due.total()
            due.clear()
        assert found.escrow_to_host.ticks == today
        assert [amount.ticks for amount in state.pending if amount] == [
            due[day] for day in sorted(due) if due[day]
        ]
        assert evolve(found, escrow_to_host=expected.escrow_to_host) == expected
    if set(released) == {7}:
        assert state == whole.state


def test_a_day_without_rental_leaves_what_was_stored_and_remembers_nothing() -> None:
    stored: dict[str, Any] = {
        "intended": 0,
        "down": 0,
        "compute": Money(8),
        "net": Money(7),
        "fee": Money(0),
    }
    found, left = settle_day(TERMS, EscrowState(memories=(1, 2)), T0, **stored)
    assert (found.uptime, found.blend, found.credit, found.escrow_to_host) == (
        None,
        None,
        Money(0),
        Money(0),
    )
    assert left.memories == (1, 2)
    assert left.pending == (Money(1),) * 7
    _, more = settle_day(
        TERMS, left, T0 + DAY, **{**stored, "compute": Money(0), "net": Money(0)}, close=True
    )
    assert more.held == Money(0)


def test_longer_releases_of_rules_before_go_on() -> None:
    long = SlaRules(release_days=9)
    _, state = settle_day(TERMS, EscrowState(), T0, **WHOLE, rules=long)
    _, state = settle_day(TERMS, state, T0 + DAY, **WHOLE)
    assert len(state.pending) == 8
    assert state.held == Money(128) - Money(64).scaled(Fraction(1, 9))


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"day": T0 + HOUR}, "day: need the first instant of a day of UTC"),
        ({"intended": 86_401}, "intended: need"),
        ({"down": 86_400 * PARTS + 1}, "down: need"),
        ({"fee": Money(-1)}, "fee: need an amount of zero or more, got -1"),
        ({"net": Money(85)}, "net: need at most what the client paid, 84.00"),
    ],
)
def test_refuses(change: dict[str, Any], fault: str) -> None:
    day = {"day": T0, **WHOLE, **change}
    with pytest.raises(RuleViolation, match=fault):
        settle_day(TERMS, EscrowState(), **day)


@pytest.mark.parametrize("name", ["terms", "state", "rules", "compute"])
def test_refuses_other_types(name: str) -> None:
    given_ = {"terms": TERMS, "state": EscrowState(), "day": T0, **WHOLE, name: 1}
    with pytest.raises(WrongType, match=name):
        settle_day(**given_)


class TestAWindowThatWasAnnounced:
    """An outage is forgiven by the notice and the length of the window, not of itself."""

    def outage(self, start: int, end: int, **changes: Any) -> Outage:
        window = Interval(T0 + 10 * HOUR, T0 + 14 * HOUR)
        found = {"announced": T0 - DAY, "planned": window, **changes}
        return Outage(period=Interval(T0 + start * HOUR, T0 + end * HOUR), **found)

    def down(self, *outages: Outage) -> int:
        history = UptimeHistory(rentals=[Interval(T0, T0 + DAY)], outages=outages)
        return history.days(OUR_RULES.notice)[0][2]

    def test_by_the_window(self) -> None:
        share = OUR_RULES.notice.share_parts(34 * 3_600, 4 * 3_600)
        assert self.down(self.outage(11, 12)) == 3_600 * (PARTS - share)
        assert self.outage(11, 12).notice == 34 * HOUR

    def test_itself_if_there_is_none(self) -> None:
        same = self.outage(10, 14)
        assert self.down(same) == self.down(evolve(same, planned=None))
        assert evolve(same, planned=None).window == same.window == same.period

    def test_longer_than_announced_is_two(self) -> None:
        late = self.outage(14, 16, announced=None, planned=None)
        assert self.down(self.outage(10, 14), late) == self.down(self.outage(10, 14)) + (
            7_200 * PARTS
        )

    @pytest.mark.parametrize(("start", "end"), [(9, 11), (13, 15), (9, 15), (2, 4)])
    def test_refuses_another_window(self, start: int, end: int) -> None:
        with pytest.raises(RuleViolation, match=r"outage\.planned: need a window around"):
            self.outage(start, end)

    def test_refuses_a_window_that_nobody_announced(self) -> None:
        with pytest.raises(RuleViolation, match=r"outage\.planned: need an announcement"):
            self.outage(11, 12, announced=None)
        with pytest.raises(WrongType, match=r"outage\.planned"):
            self.outage(11, 12, planned=3)


def test_the_cover_of_the_tests_is_the_published_one() -> None:
    assert BOUGHT.terms == TERMS
