"""Pictures of promises: what is drawn is what the schedules and the settlement say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from math import isnan
from typing import Any

import pytest

from numgenius_core._terms import PARTS
from numgenius_core.errors import RuleViolation, WrongType
from numgenius_core.intervals import Interval
from numgenius_core.plots import promise_schedules, sla_backtest
from numgenius_core.rates import PerHour
from numgenius_core.sla import OUR_RULES, Outage, Promise, SlaTerms, UptimeHistory, backtest

T0, DAY = datetime(2026, 7, 1, tzinfo=UTC), timedelta(days=1)


class TestTheSchedules:
    """The fee by the target, the credit by the blend."""

    def test_curves_are_the_schedules(self) -> None:
        axes: Any = promise_schedules(claim="0.98", target="0.9", style="dark")
        above, below = axes
        assert [line.get_label() for line in above.lines] == [
            "spread 1",
            "spread 0.5",
            "spread 0.2",
        ]
        for line, spread in zip(above.lines, ("1", "0.5", "0.2"), strict=True):
            x, y = (list(values) for values in line.get_data())
            assert (x[0], x[-1]) == (70.0, 98.0)
            promise = Promise("0.98", spread)
            asked = [
                SlaTerms(promise, Fraction(round(target * PARTS / 100), PARTS)) for target in x
            ]
            assert y == [100 * float(OUR_RULES.fee.factor(terms)) for terms in asked]
        x, y = (list(values) for values in below.lines[0].get_data())
        assert (y[0], y[-1]) == (100.0, 0.0)
        # Two quantities, and an axis for each.
        assert [each.get_xlabel() for each in axes] == ["target (%)", "blend of the day (%)"]
        assert all(tick.label1.get_visible() for tick in above.xaxis.get_major_ticks())
        whole = 90 * PARTS // 100
        for blend, paid in zip(x, y, strict=True):
            parts = round(blend * PARTS / 100)
            due = OUR_RULES.credit.share_parts(whole, parts) if parts < whole else 0
            assert paid == pytest.approx(100 * float(due) / PARTS)

    def test_ticks_are_written_in_whole(self) -> None:
        axes: Any = promise_schedules(claim="0.99999", target="0.99999")
        axes[0].figure.draw_without_rendering()
        for axis in (each.xaxis for each in axes):
            assert axis.get_offset_text().get_text() == ""
            assert "99.997" in [tick.label1.get_text() for tick in axis.get_major_ticks()]

    def test_a_low_target_is_drawn_from_one_per_cent_on(self) -> None:
        axes: Any = promise_schedules(claim="0.5", target="0.4")
        assert axes[0].lines[0].get_xdata()[0] == 1.0
        low: Any = promise_schedules(claim="0.005", target="0.001")  # what a promise may be
        assert low[0].lines[0].get_xdata()[0] == 0.05

    def test_what_is_refused(self) -> None:
        with pytest.raises(RuleViolation, match="at most the claim"):
            promise_schedules(claim="0.9", target="0.95")
        with pytest.raises(WrongType):
            promise_schedules("no")  # type: ignore[arg-type]


class TestABacktest:
    """Points for the days with rental, a line for the blend, bars for the money."""

    def test_days_without_rental_have_no_point(self) -> None:
        rentals = (Interval(T0, T0 + DAY), Interval(T0 + 3 * DAY, T0 + 5 * DAY))
        dead = Outage(period=Interval(T0 + 4 * DAY, T0 + 5 * DAY))
        history = UptimeHistory(rentals=rentals, outages=(dead,))
        tried = backtest(history, PerHour("3.50"), Promise("0.99"), target="0.95")
        axes: Any = sla_backtest(tried)
        above, below = axes
        assert list(above.lines[0].get_xdata()) == [0, 3, 4]
        assert list(above.lines[0].get_ydata()) == [100, 100, 0]
        assert above.lines[2].get_ydata()[0] == 95
        heights = [bar.get_height() for bar in below.patches]
        assert heights == [*[pytest.approx(0.9701015625)] * 3, 0, 0, -84]
        assert below.get_xlabel() == "days since 2026-07-01"

    def test_no_blend_is_drawn_where_nothing_was_rented(self) -> None:
        """A straight line of 80 days said what nobody computed, and a day alone had none."""
        rentals = [Interval(T0 + a * DAY, T0 + b * DAY) for a, b in ((0, 2), (5, 6), (80, 82))]
        tried = backtest(UptimeHistory(rentals=tuple(rentals)), PerHour("3.50"), Promise("0.99"))
        axes: Any = sla_backtest(tried)
        above = axes[0]
        blend = above.lines[1]
        known = dict(zip(blend.get_xdata(), blend.get_ydata(), strict=True))
        days = {at: day.blend for at, day in enumerate(tried.settlement.days) if day.intended}
        assert list(known) == list(range(82))
        for at, value in known.items():
            blended = days.get(at)
            assert isnan(value) if blended is None else value == 100 * float(blended)
        assert (blend.get_markevery(), blend.get_marker()) == ([5], "_")

    @pytest.mark.parametrize("days", [1, 2, 4])
    def test_days_are_counted_in_whole(self, days: int) -> None:
        history = UptimeHistory(rentals=(Interval(T0, T0 + days * DAY),))
        axes: Any = sla_backtest(backtest(history, PerHour("3.50"), Promise("0.99")))
        assert all(tick == int(tick) for tick in axes[1].get_xticks())
        assert axes[0].lines[1].get_markevery() == ([0] if days == 1 else [])

    def test_what_the_platform_pays_of_a_credit_is_below_what_the_host_does(self) -> None:
        dead = Outage(period=Interval(T0, T0 + DAY))
        history = UptimeHistory(rentals=(Interval(T0, T0 + DAY),), outages=(dead,))
        tried = backtest(history, PerHour("3.50"), Promise("0.99"), platform_fee="0.25")
        axes: Any = sla_backtest(tried)
        below = axes[1]
        assert [text.get_text() for text in below.get_legend().get_texts()] == [
            *("fee", "credit, by the host", "credit, by the platform")
        ]
        assert [(bar.get_y(), bar.get_height()) for bar in below.patches[1:]] == [
            (0, -63),
            (-63, -21),
        ]

    def test_where_nothing_was_credited_no_credit_is_named_and_no_legend_hides_a_fee(self) -> None:
        history = UptimeHistory(rentals=(Interval(T0, T0 + 30 * DAY),))
        axes: Any = sla_backtest(backtest(history, PerHour("3.50"), Promise("0.99"), target="0.95"))
        above, below = axes
        assert [text.get_text() for text in below.get_legend().get_texts()] == ["fee"]
        assert len(below.patches) == 30
        assert below.get_ylabel() == "fees ($); no credits"
        below.figure.draw_without_rendering()
        for each in (above, below):
            inside = each.get_window_extent().padded(-1)
            assert not each.get_legend().get_window_extent().overlaps(inside)

    def test_without_rental_there_is_nothing_to_draw(self) -> None:
        empty = backtest(UptimeHistory(rentals=()), PerHour(1), Promise("0.99"))
        with pytest.raises(RuleViolation, match="at least one day of rental"):
            sla_backtest(empty)
        with pytest.raises(WrongType):
            sla_backtest("no")  # type: ignore[arg-type]
