"""A picture takes the result that it is made for, and its axes say what is drawn."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cache
from itertools import combinations
from math import isnan
from typing import Any

import numpy as np
import pytest
from attrs import evolve

from numgenius_core.errors import RuleViolation, WrongType
from numgenius_core.money import Money
from numgenius_core.planning import BidPlan, compare_bids
from numgenius_core.plots import bid_availability, price_ladder, revenue_curve, sweep_heat_map
from numgenius_core.plots._style import labels_of
from numgenius_core.rates import PerGpuHour, PerHour
from numgenius_core.whatif import Sweep, sweep, vary
from numgenius_core.whatif.wording import COUNTS, DOLLARS, LEAST_IS_BEST, SHARES
from numgenius_core.wire import read_sample
from price_records import HOUR, series
from scenario_parts import listing
from sweep_cases import PRICES, WEEK

T0 = datetime(2026, 2, 1, tzinfo=UTC)
RIVAL = evolve(listing(9), machine=evolve(listing(9).machine, host="other"))


@cache
def found(*names: str) -> Sweep:
    """Return a small sweep over prices, and over ``min_gpu`` too."""
    given: dict[str, Any] = {"price": PRICES, "min_gpu": [1, 2]}
    short = evolve(WEEK, horizon=evolve(WEEK.horizon, end=WEEK.horizon.start + timedelta(hours=9)))
    return sweep(vary(short, **{name: given[name] for name in names}), runs=2, workers=1)


@cache
def plan() -> BidPlan:
    """Return three bids, the first of which never runs, and not in order."""
    return compare_bids(series("0.20", "0.50", "0.30"), ["0.60", "0.10", "0.30"])


def means_of(axes: Any) -> tuple[list[float], list[float]]:
    """Return the settings and the means of a curve."""
    (found,) = [each for each in axes.get_lines() if str(each.get_label()).startswith("mean")]
    return list(map(float, found.get_xdata())), list(map(float, found.get_ydata()))


def drawn_line(axes: Any, index: int = 0) -> list[float]:
    return list(map(float, axes.get_lines()[index].get_ydata()))


class TestABidPlan:
    """What ``compare_bids`` gives is drawn as it is; a bid that never ran had no price."""

    def test_it_is_drawn(self) -> None:
        drawn: Any = bid_availability(plan())
        shares, prices, pauses = drawn
        assert list(shares.get_lines()[0].get_xdata()) == [0.1, 0.3, 0.6]
        assert drawn_line(shares) == pytest.approx([0, 200 / 3, 100])
        assert drawn_line(pauses) == [0, 8, 0]
        gap, *known = drawn_line(prices)
        assert isnan(gap)
        assert known == [0.3, 0.6]  # what it pays
        gap, *known = drawn_line(prices, 1)
        assert isnan(gap)
        assert known == pytest.approx([0.25, 1 / 3])

    def test_nothing_that_ran_has_a_scale_too(self) -> None:
        _, prices, _ = bid_availability(compare_bids(series("0.5", "0.6"), ["0.1"]))
        assert prices.get_ylim() == (0, 1)

    def test_none_is_a_gap_among_numbers_too(self) -> None:
        _, prices, _ = bid_availability([1, 2], [0, 1], [None, 2], [0, 0])
        assert [isnan(each) for each in drawn_line(prices)] == [True, False]

    def test_a_plan_has_the_other_three(self) -> None:
        with pytest.raises(WrongType, match=r"^availability: need nothing beside a result as bids"):
            bid_availability(plan(), [1, 1, 1])

    def test_numbers_that_lack(self) -> None:
        for given in ([1, 2],), ([1, 2], [0, 1]), ([1, 2], [0, 1], [1, 2]):
            with pytest.raises(WrongType, match=r": need a series of values, got None$"):
                bid_availability(*given)
        with pytest.raises(WrongType, match=r"^bids: need a series of values"):
            bid_availability(5)  # type: ignore[arg-type]


class TestASweep:
    """A sweep over one thing is a curve, over two a map, of the figure that is asked for."""

    def test_a_curve_says_what_it_draws(self) -> None:
        axes: Any = revenue_curve(found("price"))
        assert axes.get_ylabel() == "profit in 9 h ($)"  # as ``Sweep.curve``, where none is named
        assert axes.get_xlabel() == "price ($ per GPU-hour)"
        assert "95 % interval" in [text.get_text() for text in axes.get_legend().get_texts()]
        pairs = found("price").curve("price")
        assert means_of(axes)[1] == [float(each.mean) for _, each in pairs]
        assert means_of(axes)[0] == [float(price) for price, _ in pairs]
        assert axes.collections  # its intervals
        other = revenue_curve(found("price"), measure="occupancy")
        assert other.get_ylabel() == "occupancy (%)"
        assert revenue_curve(found("price"), value_label="$").get_ylabel() == "$"

    def test_profit_without_a_price_of_power_says_so(self) -> None:
        free = sweep(vary(evolve(WEEK, power=None), price=PRICES[:2]), runs=1, workers=1)
        axes: Any = revenue_curve(free)
        assert axes.get_ylabel() == "profit in 3 d ($, no power price)"
        assert axes.get_legend_handles_labels()[1] == ["mean", "largest mean, at 0.4"]

    @pytest.mark.parametrize("measure", [*DOLLARS, *SHARES, *COUNTS])
    def test_units_and_scale_are_those_of_the_table(self, measure: str) -> None:
        curve: Any = revenue_curve(found("price"), measure=measure)
        of_two = found("price", "min_gpu")
        heat: Any = sweep_heat_map(of_two, measure=measure)
        for label in (curve.get_ylabel(), heat.figure.axes[1].get_ylabel()):
            assert label.startswith(measure)
            assert label.removesuffix(", all equal").endswith(")")  # of its unit
        for mean, row in zip(means_of(curve)[1], found("price").table(measure).rows, strict=True):
            assert mean == pytest.approx(float(row[1].split()[0]), abs=0.051)
        (image,) = heat.get_images()
        cells = [float(row[1].split()[0]) for row in of_two.table(measure).rows]
        assert image.get_array().ravel().tolist() == pytest.approx(cells, abs=0.051)

    @pytest.mark.parametrize("measure", LEAST_IS_BEST)
    def test_where_less_is_better_the_least_is_marked(self, measure: str) -> None:
        drawn: Any = revenue_curve(found("price"), measure=measure)
        means = means_of(drawn)[1]
        labels = [each.get_label() for each in drawn.get_lines()]
        if min(means) < max(means):
            (label,) = [each for each in labels if each.startswith("smallest mean, at ")]
            assert drawn.get_lines()[labels.index(label)].get_ydata()[0] == min(means)
        both = found("price", "min_gpu")
        heat: Any = sweep_heat_map(both, measure=measure)
        values = heat.get_images()[0].get_array()
        framed = [each.get_xy() for each in heat.patches if each.get_gid() == "best"]
        assert framed
        assert all(values[int(y + 0.5), int(x + 0.5)] == values.min() for x, y in framed)

    @pytest.mark.parametrize(
        ("varied", "at", "labels"),
        [
            ({"max_discount": ["0.4", 0, Fraction(1, 5)]}, [0, 0.2, 0.4], None),
            ({"price": [PRICES[1], PRICES[0]]}, [0.3, 0.4], None),
            ({"min_gpu": [np.int64(2), 1]}, [1, 2], None),
            (
                {"end": [None, datetime(2026, 2, 1, tzinfo=UTC)]},
                [0, 1],
                ["never", "2026-02-01 00:00"],
            ),
            ({"mix": [(2, 4), (1, 1)]}, [0, 1], ["2+4", "1+1"]),
            ({"rivals": [(), (RIVAL,)]}, [0, 1], ["none", "#2"]),
        ],
    )
    def test_what_is_swept_is_drawn(
        self, varied: dict[str, Any], at: list[float], labels: list[str] | None
    ) -> None:
        day = evolve(WEEK, horizon=evolve(WEEK.horizon, end=WEEK.horizon.start + 9 * HOUR))
        swept = sweep(vary(day, **varied), runs=2, workers=1)
        drawn: Any = revenue_curve(swept)
        settings, means = means_of(drawn)
        assert settings == at
        assert sorted(means) == sorted(float(swept.estimate(one).mean) for one in swept.options)
        if labels is not None:
            assert [each.get_text() for each in drawn.get_xticklabels()] == labels
            assert means == [float(swept.estimate(one).mean) for one in swept.options]

    def test_what_is_swept_is_written_in_a_map_as_in_its_labels(self) -> None:
        day = evolve(WEEK, horizon=evolve(WEEK.horizon, end=WEEK.horizon.start + 9 * HOUR))
        tries: list[tuple[dict[str, Any], list[str], list[str]]] = [
            ({"rivals": [(), (RIVAL,)], "price": PRICES[:1]}, ["none", "#2"], ["0.30"]),
            (
                {"max_discount": ["0.2", "0.40"], "mix": [(2, 4), (1, 1)]},
                ["0.2", "0.4"],
                ["2+4", "1+1"],
            ),
            ({"min_gpu": [1], "end": [None, T0]}, ["1"], ["never", "2026-02-01 00:00"]),
        ]
        for varied, rows, columns in tries:
            swept = sweep(vary(day, **varied), runs=1, workers=1)
            drawn: Any = sweep_heat_map(swept)
            assert [each.get_text() for each in drawn.get_yticklabels()] == rows
            assert [each.get_text() for each in drawn.get_xticklabels()] == columns

    def test_floors_are_no_prices(self) -> None:
        options = vary(WEEK, min_bid=PRICES[:2])
        assert revenue_curve(sweep(options, runs=1, workers=1)).get_xlabel().startswith("min_bid (")

    def test_numbers_of_one_s_own_are_no_revenue_unless_it_is_said(self) -> None:
        assert revenue_curve([1, 2], [3, 4]).get_ylabel() == "mean ($)"

    def test_a_map_says_what_it_draws(self) -> None:
        both = found("price", "min_gpu")
        axes: Any = sweep_heat_map(both, measure="revenue")
        rows, columns, means = both.grid("price", "min_gpu", "revenue")
        assert len(axes.texts) == len(rows) * len(columns) == 6
        labels = "price ($ per GPU-hour)", "min_gpu (GPUs)"
        assert (axes.get_ylabel(), axes.get_xlabel()) == labels
        assert [each.get_text() for each in axes.get_yticklabels()] == ["0.30", "0.40", "0.60"]
        assert [each.get_text() for each in axes.get_xticklabels()] == ["1", "2"]
        assert axes.figure.axes[1].get_ylabel() == "revenue in 9 h ($)"
        (image,) = axes.get_images()
        assert float(image.get_array()[0, 0]) == float(means[0][0])

    def test_another_number_of_things_is_refused(self) -> None:
        with pytest.raises(RuleViolation, match=r"^prices: need a sweep over 1 thing, got price, "):
            revenue_curve(found("price", "min_gpu"))
        with pytest.raises(RuleViolation, match=r"^values: need a sweep over 2 things, got price$"):
            sweep_heat_map(found("price"))

    def test_a_sweep_has_the_rest(self) -> None:
        with pytest.raises(WrongType, match=r"^means: need nothing beside a result as prices"):
            revenue_curve(found("price"), [1, 2, 3])
        with pytest.raises(WrongType, match=r"^rows: need nothing beside a result as values"):
            sweep_heat_map(found("price", "min_gpu"), rows=[1])
        with pytest.raises(WrongType, match=r"^rows: need a series of values, got None$"):
            sweep_heat_map([[1]])
        with pytest.raises(WrongType, match=r"^means: need a series of values, got None$"):
            revenue_curve([1, 2])


class TestLayout:
    """What axes are called stands within the picture, and nowhere upon another."""

    @pytest.mark.parametrize(
        "draw",
        [
            lambda: price_ladder([one for one in read_sample().offers if "4090" in one.gpu_name]),
            lambda: bid_availability(plan(), on_demand=PerHour("0.70"))[0],
            lambda: sweep_heat_map(found("price", "min_gpu")),
            lambda: sweep_heat_map(
                sweep(
                    vary(evolve(WEEK, power=None), min_gpu=[1], price=PRICES[:2]), runs=1, workers=1
                )
            ),
            lambda: revenue_curve(found("price")),
        ],
        ids=["one model", "bids", "map", "map of one row", "curve"],
    )
    def test_labels_have_room(self, draw: Callable[[], Any]) -> None:
        figure = draw().figure
        figure.draw_without_rendering()
        texts = [text for axes in figure.axes for text in (axes.xaxis.label, axes.yaxis.label)]
        boxes = [text.get_window_extent() for text in texts if text.get_text()]
        for box in boxes:
            assert figure.bbox.x0 <= box.x0 < box.x1 <= figure.bbox.x1
            assert figure.bbox.y0 <= box.y0 < box.y1 <= figure.bbox.y1
        assert not [1 for one, two in combinations(boxes, 2) if one.overlaps(two)]
        for axes in figure.axes:  # beside its own panel, not beside the one above
            label, panel = axes.yaxis.label.get_window_extent(), axes.get_window_extent()
            assert panel.y0 <= label.y0 < label.y1 <= panel.y1


class TestLabelsOfSettings:
    """Numbers are written with as many digits as tell them apart, three at least."""

    @pytest.mark.parametrize(
        ("settings", "labels"),
        [
            ([PerGpuHour("0.133333333333"), PerGpuHour("0.266666666667")], ["0.133", "0.267"]),
            ([PerGpuHour("0.2"), PerGpuHour("1")], ["0.20", "1.00"]),
            ([Money("1234.5678"), Money("1234.6")], ["1234.57", "1234.60"]),
            ([0.1, 0.25], ["0.1", "0.25"]),
            ([1, 2, 4096], ["1", "2", "4096"]),
            ([Fraction(1, 3), Fraction(2, 3)], ["0.333", "0.667"]),
            ([Decimal("0.1234567"), Decimal("0.1234568")], ["0.1234567", "0.1234568"]),
            ([0, 0], ["0", "0"]),
            (["0.133333333333", 1], ["0.133333333333", "1"]),
            ([True, False], ["True", "False"]),
            ([float("nan"), 1], ["nan", "1"]),
            ([HOUR, datetime(2026, 1, 1)], ["1:00:00", "2026-01-01 00:00:00"]),  # noqa: DTZ001
            ([], []),
        ],
    )
    def test_as_short_as_they_differ(self, settings: list[Any], labels: list[str]) -> None:
        assert labels_of(settings) == labels

    def test_on_a_map(self) -> None:
        prices = [PerHour("0.133333333333").scaled(n) for n in range(1, 5)]
        axes = sweep_heat_map(
            [[1, 2, 3, 4]],
            rows=["a"],
            columns=prices,
            row_label="",
            column_label="",
            value_label="",
        )
        texts = [label.get_text() for label in axes.get_xticklabels()]
        assert texts == ["0.133", "0.267", "0.40", "0.533"]
