"""The pictures: what is drawn is what the values say, in both styles, and nothing else changes."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import matplotlib as mpl
import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pytest
from attrs import evolve
from hypothesis import given, strategies as st
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import to_rgb
from matplotlib.dates import date2num, num2date
from matplotlib.figure import Figure

from effort import FULL, examples
from numgenius_core.contracts import Contract
from numgenius_core.errors import MissingExtra, RuleViolation, WrongType
from numgenius_core.frames import model_prices, offer_columns
from numgenius_core.ids import AccountId, ContractId, MachineId
from numgenius_core.intervals import Interval
from numgenius_core.listing import Machine, Mode, PriceTerms
from numgenius_core.maintenance import MaintenanceWindow
from numgenius_core.money import Money
from numgenius_core.offer import Block, Offer
from numgenius_core.plots import (
    bid_availability,
    discount_curve,
    machine_timeline,
    price_ladder,
    revenue_curve,
    sweep_heat_map,
)
from numgenius_core.plots._style import look_of
from numgenius_core.plots.timeline import _bands
from numgenius_core.prices import CurveSchedule, StepSchedule, quote
from numgenius_core.rates import PerGpuHour, PerHour
from numgenius_core.wire import read_sample

T0 = datetime(2026, 1, 1, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
BLUE = (0, 114, 178)
MACHINE = Machine(id=MachineId(1), host=AccountId("host"), gpu_name="A100", gpus=4)
ROOT = Path(__file__).parent.parent.parent


def days(a: int, b: int) -> Interval:
    return Interval(T0 + a * DAY, T0 + b * DAY)


def meet(one: Contract, other: Contract) -> bool:
    """Return whether two contracts hold a GPU at the same time; each meets itself."""
    late = datetime.max.replace(tzinfo=UTC)
    shares = bool(one.block.gpu_set & other.block.gpu_set)
    return shares and one.start < (other.end or late) and other.start < (one.end or late)


def contract(
    number: int, gpus: range, a: int, b: int | None, mode: Mode = Mode.ON_DEMAND
) -> Contract:
    return Contract(
        id=ContractId(number),
        machine=MACHINE.id,
        host=MACHINE.host,
        client=AccountId("client"),
        mode=mode,
        block=Block(size=len(gpus), start=gpus[0]),
        prices=PriceTerms(gpu=PerGpuHour("1")),
        start=T0 + a * DAY,
        end=None if b is None else T0 + b * DAY,
        bid=PerHour("0.5") if mode is Mode.INTERRUPTIBLE else None,
    )


def heat(values: Any = ((1, 2), (3, None)), **changed: Any) -> Axes:
    call: dict[str, Any] = {
        "rows": ["a", "b"],
        "columns": [1, 2],
        "row_label": "row ($)",
        "column_label": "column (GPUs)",
        "value_label": "income ($)",
        **changed,
    }
    return sweep_heat_map(values, **call)


DRAWN: dict[str, Callable[..., Any]] = {
    "discount": lambda **how: discount_curve(CurveSchedule("0.4"), PerHour(1), **how),
    "timeline": lambda **how: machine_timeline(
        MACHINE, [contract(1, range(2), 0, 5)], days(0, 9), windows=[days(6, 7)], **how
    ),
    "ladder": lambda **how: price_ladder(read_sample().offers, **how),
    "heat": heat,
    "revenue": lambda **how: revenue_curve([1, 2], [5, 4], [(4, 6), (3, 5)], **how),
    "bids": lambda **how: bid_availability([1, 2], [0.5, 1], [1, 1.5], [3, 0], **how),
}
PANELS = {"discount": 2, "bids": 3}
BIDS = "interruptible, at its bid\n($ per GPU-hour)"

each_picture = pytest.mark.parametrize("name", DRAWN)


def many(drawn: Any) -> tuple[Axes, ...]:
    return drawn if isinstance(drawn, tuple) else (drawn,)


def picture_of(drawn: Any) -> Figure:
    return cast("Figure", many(drawn)[0].figure)


def over_its_axes(axes: Any) -> bool:
    """Return whether a legend lies over what its axes show."""
    axes.figure.draw_without_rendering()
    legend, inside = axes.get_legend().get_window_extent(), axes.get_window_extent()
    return bool(legend.overlaps(inside.padded(-1)))


def colours_of(figure: Figure) -> Any:
    """Return the colours of a picture, pixel by pixel."""
    file = BytesIO()
    figure.savefig(file, format="rgba")
    width, height = (round(each * figure.dpi) for each in figure.get_size_inches())
    return np.frombuffer(file.getvalue(), np.uint8).reshape(height, width, 4)[..., :3].astype(int)


def line(axes: Any, label: str) -> tuple[list[float], list[float]]:
    """Return the points of a line by its label."""
    (found,) = [each for each in axes.get_lines() if each.get_label() == label]
    return [float(x) for x in found.get_xdata()], [float(y) for y in found.get_ydata()]


def test_one_dear_bid_does_not_press_the_others_to_the_edge() -> None:
    """Bids that differ by a factor stand on an axis of factors; those that are near do not."""
    for dearest, scale in ((2.0, "linear"), (6.5, "log")):
        bids = [0.1, 0.2, dearest]
        drawn: Any = bid_availability(bids, [0.1, 0.5, 1], [0.1, 0.2, 0.3], [1, 2, 0])
        assert {axes.get_xscale() for axes in drawn} == {scale}


class TestEveryPicture:
    """Every picture draws on the axes given or on new ones, and changes nothing else."""

    @each_picture
    @pytest.mark.parametrize("style", ["light", "dark"])
    def test_labels_can_be_read_on_the_paper(self, name: str, style: str) -> None:
        axes = many(DRAWN[name](style=style))
        look = look_of(style)
        for each in axes:
            assert to_rgb(each.get_facecolor()) == to_rgb(look.paper)
            assert to_rgb(each.yaxis.label.get_color()) == to_rgb(look.ink)
            assert each.get_ylabel()
        assert axes[-1].get_xlabel()
        assert to_rgb(axes[0].figure.get_facecolor()) == to_rgb(look.paper)

    @pytest.mark.parametrize("style", ["light", "dark"])
    def test_ink_and_colours_stand_out(self, style: str) -> None:
        """WCAG's contrast: 4.5 for text, 3 for what is drawn."""

        def light(colour: str) -> float:
            parts = [
                c / 12.92 if c <= 0.04 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)
            ]
            return sum(a * b for a, b in zip((0.2126, 0.7152, 0.0722), parts, strict=True))

        def contrast(a: str, b: str) -> float:
            high, low = sorted((light(a), light(b)), reverse=True)
            return (high + 0.05) / (low + 0.05)

        look = look_of(style)
        assert contrast(look.ink, look.paper) > 7
        assert all(contrast(colour, look.paper) > 3 for colour in look.colours)

    @each_picture
    def test_axes_given_are_drawn_on_and_returned(self, name: str) -> None:
        count = PANELS.get(name, 1)
        mine = Figure().subplots(count, 1, squeeze=False)[:, 0]
        given: Any = mine[0] if count == 1 else list(mine)
        assert many(DRAWN[name](axes=given)) == tuple(mine)
        assert all(each.has_data() for each in mine)

    @each_picture
    def test_nothing_global_changes(self, name: str, tmp_path: Path) -> None:
        before = dict(mpl.rcParams)
        picture_of(DRAWN[name]()).savefig(tmp_path / "picture.png")
        assert dict(mpl.rcParams) == before
        assert (tmp_path / "picture.png").stat().st_size > 1_000

    def test_no_current_figure_is_touched(self, tmp_path: Path) -> None:
        code = (
            "import sys; from numgenius_core import CurveSchedule, PerHour, plots;"
            "print('matplotlib' in sys.modules);"
            "plots.discount_curve(CurveSchedule('0.4'), PerHour(1))[0].figure.savefig(sys.argv[1]);"
            "print('matplotlib.pyplot' in sys.modules)"
        )
        call = [sys.executable, "-c", code, str(tmp_path / "picture.svg")]
        done = subprocess.run(call, capture_output=True, text=True, check=True)
        assert done.stdout.split() == ["False", "False"]

    @each_picture
    @pytest.mark.parametrize(
        ("how", "error"),
        [
            ({"style": "grey"}, RuleViolation),
            ({"style": ["light"]}, RuleViolation),
            ({"axes": 3}, WrongType),
            ({"axes": []}, WrongType),
            ({"axes": ["a", "b", "c"]}, WrongType),
        ],
    )
    def test_wrong_axes_and_styles_are_refused(
        self, name: str, how: dict[str, Any], error: type[Exception]
    ) -> None:
        with pytest.raises(error):
            DRAWN[name](**how)

    @each_picture
    def test_without_matplotlib_the_extra_is_named(
        self, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "matplotlib.axes", None)
        with pytest.raises(MissingExtra, match=r"numgenius-core\[plot\]"):
            DRAWN[name]()

    @each_picture
    def test_no_legend_lies_over_what_is_drawn(self, name: str) -> None:
        with_legend = [each for each in many(DRAWN[name]()) if each.get_legend() is not None]
        assert not [each for each in with_legend if over_its_axes(each)]


class TestDiscountCurve:
    """Hosting guide, G8: "20 % at 1 month and 30 % at 3 months"."""

    def test_the_published_points_are_on_it(self) -> None:
        above, below = discount_curve(CurveSchedule("0.4"), PerHour(1), months=3)
        at, discounts = line(above, "discount")
        assert dict(zip(at, discounts, strict=True))[1.0] == pytest.approx(20)
        assert (at[-1], round(discounts[-1], 9)) == (3, 30)
        at, deposits = line(below, "deposit")
        assert deposits[at.index(1.0)] == 576
        assert line(below, "the same time on demand")[1][at.index(1.0)] == 720
        assert "%" in above.get_ylabel()
        assert "$" in below.get_ylabel()
        assert "months" in below.get_xlabel()

    def test_any_schedule_will_do(self) -> None:
        above, _ = discount_curve(StepSchedule.of({1: "0.1", 2: "0.2"}), PerHour(2), months=4)
        assert set(line(above, "discount")[1]) == {0, 10, 20}

    @pytest.mark.parametrize(
        "wrong",
        [(3, PerHour(1), 12), (CurveSchedule("0.4"), 1, 12), (CurveSchedule(), PerHour(1), 0)],
    )
    def test_wrong_values_are_refused(self, wrong: Any) -> None:
        with pytest.raises(RuleViolation):
            discount_curve(wrong[0], wrong[1], months=wrong[2])


def bars_of(axes: Any) -> list[Any]:
    """Return the bars of a timeline, those of a mode together."""
    return [each for each in axes.collections if isinstance(each, PolyCollection)]


def bars(axes: Any) -> dict[tuple[str, int], list[tuple[float, float, float, float]]]:
    """Return left, right, top and bottom of the bars, by mode and row."""
    found: dict[tuple[str, int], list[tuple[float, float, float, float]]] = {}
    for collection in bars_of(axes):
        for path in collection.get_paths():
            box = path.get_extents()
            row = round((box.y0 + box.y1) / 2)
            ends = (num2date(box.x0) - T0) / DAY, (num2date(box.x1) - T0) / DAY
            found.setdefault((str(collection.get_label()), row), []).append((*ends, box.y0, box.y1))
    return found


class TestTimeline:
    """A machine: contracts, windows and free time, a row for each GPU."""

    def test_each_contract_is_a_bar_in_each_of_its_rows(self) -> None:
        known: list[Contract] = [
            contract(1, range(2), -3, 5),
            contract(2, range(2, 3), 4, None),
            evolve(contract(3, range(3, 4), 2, 6), mode=Mode.RESERVED, discount=Fraction(1, 5)),
            contract(4, range(4), 20, 30),
        ]
        drawn: Any = machine_timeline(MACHINE, known, days(0, 9))
        spans = {key: [bar[:2] for bar in found] for key, found in bars(drawn).items()}
        assert spans == {
            ("on demand", 0): [(0, 5)],
            ("on demand", 1): [(0, 5)],
            ("on demand", 2): [(4, 9)],
            ("reserved", 3): [(2, 6)],
        }
        assert sorted(text.get_text() for text in drawn.texts) == ["1", "1", "2 →", "3"]

    def test_bids_on_one_gpu_show_which_runs(self) -> None:
        """Bids are compared per GPU: $0.50 for one is more than $0.50 for two."""
        known = [
            contract(1, range(2), 0, 5, Mode.INTERRUPTIBLE),
            contract(2, range(1), 2, None, Mode.INTERRUPTIBLE),
        ]
        drawn: Any = machine_timeline(MACHINE, known, days(0, 9))
        texts = {text.get_text() for text in drawn.texts}
        assert texts == {"1: 0.25", "2: 0.50 →"}
        assert BIDS in {text.get_text() for text in drawn.get_legend().get_texts()}

    def test_free_time_is_where_no_contract_is(self) -> None:
        known = [contract(1, range(2), 2, 5), contract(2, range(1), 7, 9)]
        drawn: Any = machine_timeline(MACHINE, known, days(0, 9))
        (lines,) = [each for each in drawn.collections if isinstance(each, LineCollection)]
        free = sorted(
            (int(y), round((num2date(a) - T0) / DAY), round((num2date(b) - T0) / DAY))
            for (a, y), (b, _) in lines.get_segments()
        )
        assert free == [(0, 0, 2), (0, 5, 7), (1, 0, 2), (1, 5, 9), (2, 0, 9), (3, 0, 9)]

    def test_windows_cross_all_rows(self) -> None:
        down: list[Any] = [MaintenanceWindow(period=days(3, 4)), days(6, 7)]
        drawn: Any = machine_timeline(MACHINE, [], days(0, 9), windows=down)
        found = [each for each in drawn.patches if each.get_label() == "maintenance"]
        ends = [each.get_extents().transformed(drawn.transData.inverted()) for each in found]
        assert [(num2date(box.x0), num2date(box.x1)) for box in ends] == [
            (days(3, 4).start, days(3, 4).end),
            (days(6, 7).start, days(6, 7).end),
        ]
        assert all(each.get_hatch() for each in found)

    def test_bids_on_the_same_gpus_share_the_row(self) -> None:
        bids = [contract(n, range(1), 0, 5, Mode.INTERRUPTIBLE) for n in (1, 2)]
        later = contract(3, range(1), 5, 9, Mode.INTERRUPTIBLE)
        drawn: Any = machine_timeline(MACHINE, [*bids, later], days(0, 9))
        first, second, third = bars(drawn)[BIDS, 0]
        assert first[3] <= second[2]  # one above the other
        assert third[3] - third[2] > 1.5 * (first[3] - first[2])  # alone again

    @given(
        st.lists(
            st.tuples(st.sampled_from([range(4), range(2), range(1, 2)]), st.integers(0, 6)),
            max_size=8,
        ),
        st.lists(st.none() | st.integers(1, 5), min_size=8, max_size=8),
    )
    @examples(200)
    def test_who_meets_has_another_band(
        self, begun: list[tuple[range, int]], lengths: list[int | None]
    ) -> None:
        """And the lowest that is free; the row has as many as those need that it meets."""
        known = [
            contract(n, gpus, a, None if length is None else a + length, Mode.INTERRUPTIBLE)
            for n, ((gpus, a), length) in enumerate(zip(begun, lengths, strict=False), 1)
        ]
        known.sort(key=lambda each: (each.start, each.id))
        found = {each.id: (band, bands) for each, band, bands in _bands(known)}
        assert [*found] == [each.id for each in known]
        for index, each in enumerate(known):
            band, bands = found[each.id]
            earlier = {found[other.id][0] for other in known[:index] if meet(each, other)}
            assert band == min({*range(index + 1)} - earlier)
            met = [other for other in known if meet(each, other)]
            assert bands == 1 + max(found[other.id][0] for other in met)

    def test_modes_differ_by_more_than_colour(self) -> None:
        known = [
            contract(1, range(1), 0, 5),
            contract(2, range(1, 2), 0, 5, Mode.INTERRUPTIBLE),
            evolve(contract(3, range(2, 3), 2, 6), mode=Mode.RESERVED, discount=Fraction(1, 5)),
        ]
        drawn: Any = machine_timeline(MACHINE, known, days(0, 9))
        assert len({each.get_hatch() for each in bars_of(drawn)}) == 3

    def test_a_hosts_free_test_is_none_of_the_modes(self) -> None:
        """DOMAIN 13: it "takes GPUs like its default job", so it is paused under a client."""
        test = evolve(contract(1, range(2), 0, 5), client=MACHINE.host)
        drawn: Any = machine_timeline(MACHINE, [test, contract(2, range(1), 2, 5)], days(0, 9))
        spans = {key: [bar[:2] for bar in found] for key, found in bars(drawn).items()}
        assert spans == {
            ("host's free test", 0): [(0, 5)],
            ("host's free test", 1): [(0, 5)],
            ("on demand", 0): [(2, 5)],
        }
        assert len({each.get_hatch() for each in bars_of(drawn)}) == 2
        legend = [text.get_text() for text in drawn.get_legend().get_texts()]
        assert sorted(legend) == ["free", "host's free test", "on demand"]

    @pytest.mark.parametrize("hours", [24, 6, 2, 1])
    def test_rented_time_is_seen_however_short_the_contracts_are(self, hours: int) -> None:
        """The edges of narrow bars covered them: of hours within a month 2 % were blue."""
        some = [
            evolve(
                contract(n, range(4), 0, 1),
                start=T0 + n * timedelta(hours=hours),
                end=T0 + (n + 1) * timedelta(hours=hours),
            )
            for n in range(30)
        ]
        drawn: Any = machine_timeline(MACHINE, some, days(0, 30))
        colours = colours_of(drawn.figure)
        box, height = drawn.get_window_extent(), colours.shape[0]
        middle = round(height - box.y0 - box.height * 0.8)  # of the bars of a row, no label there
        last = round(box.x0 + box.width * hours * 30 / (24 * 30))
        seen = colours[middle - 12, round(box.x0) + 1 : last - 1]
        blue = [abs(pixel - BLUE).sum() < 60 for pixel in seen]
        assert sum(blue) > 0.9 * len(blue)

    def test_a_label_stands_only_where_its_bar_has_room(self) -> None:
        short = contract(1_000_000, range(4), 0, 1)
        drawn: Any = machine_timeline(MACHINE, [short, contract(2, range(4), 1, 30)], days(0, 30))
        assert {text.get_text() for text in drawn.texts} == {"2"}
        alone: Any = machine_timeline(MACHINE, [short], days(0, 2))
        assert [text.get_text() for text in alone.texts] == ["1000000"] * 4
        crowd = [contract(n, range(4), 0, 30, Mode.INTERRUPTIBLE) for n in range(1, 9)]
        low: Any = machine_timeline(MACHINE, crowd, days(0, 30))
        assert not low.texts  # nor one above the other

    def test_many_contracts_are_drawn_at_once(self) -> None:
        """Bar by bar, 100 on eight GPUs took 15 seconds."""
        many_of_them = [
            evolve(contract(n, range(4), 0, 1), start=T0 + n * HOUR, end=T0 + (n + 1) * HOUR)
            for n in range(700)
        ]
        drawn: Any = machine_timeline(MACHINE, many_of_them, days(0, 30))
        assert len(drawn.collections) == 2  # bars and free time
        assert not drawn.texts

    def test_the_time_is_utc(self) -> None:
        drawn: Any = machine_timeline(MACHINE, [], days(0, 9))
        assert drawn.get_xlim() == (date2num(T0), date2num(T0 + 9 * DAY))
        assert "UTC" in drawn.get_xlabel()

    @pytest.mark.parametrize(
        ("change", "error"),
        [
            ({"machine": 3}, WrongType),
            ({"within": 3}, WrongType),
            ({"contracts": [3]}, WrongType),
            (
                {"contracts": [evolve(contract(1, range(1), 0, 1), machine=MachineId(2))]},
                RuleViolation,
            ),
            ({"contracts": [contract(1, range(3, 5), 0, 1)]}, RuleViolation),
            ({"windows": [3]}, WrongType),
        ],
    )
    def test_wrong_input_is_refused(self, change: dict[str, Any], error: type[Exception]) -> None:
        call: dict[str, Any] = {"machine": MACHINE, "contracts": [], "within": days(0, 9), **change}
        with pytest.raises(error):
            machine_timeline(call.pop("machine"), call.pop("contracts"), call.pop("within"), **call)


class TestLadder:
    """Offers by price per GPU-hour, a row for each model."""

    def test_every_offer_is_a_circle_at_its_price_in_the_row_of_its_model(self) -> None:
        offers = read_sample().offers
        drawn: Any = price_ladder(offers)
        names = [text.get_text() for text in drawn.get_yticklabels()]
        seen = []
        for dots in drawn.collections:
            for x, y in dots.get_offsets() if hasattr(dots, "get_sizes") else ():
                seen.append((names[round(y)].rsplit(" ", 1)[0], round(float(x), 9)))
        assert sorted(seen) == sorted(
            (each.gpu_name, round(float(each.prices.gpu.to_decimal()), 9)) for each in offers
        )
        assert "$ per GPU-hour" in drawn.get_xlabel()

    def test_offers_of_one_price_lie_beside_each_other_across_their_median(self) -> None:
        prices = enumerate(("2", "2", "2", "3", "9"))
        drawn: Any = price_ladder([offer("a", price, number) for number, price in prices])
        dots, line = drawn.collections
        levels = [round(float(y), 9) for x, y in dots.get_offsets() if x == 2]
        assert len(set(levels)) == len(levels) == 3
        assert [[*map(float, end)] for end in line.get_segments()[0]] == [[2, -0.4], [2, 0.4]]

    def test_the_median_counts_machines_as_model_prices_does(self) -> None:
        market = read_sample().offers
        small = [evolve(offer("A100 PCIE", "0.90", machine=9), gpus=1) for _ in range(3)]
        whole = evolve(offer("A100 PCIE", "0.60", machine=9), gpus=4)
        dear = evolve(whole, prices=offer("A100 PCIE", "0.70").prices)
        other = evolve(offer("A100 PCIE", "2.00", machine=10), gpus=3)
        offers = [*market, *small, whole, dear, other]
        drawn: Any = price_ladder(offers)
        names = [text.get_text().rsplit(" ", 1)[0] for text in drawn.get_yticklabels()]
        bars = [each for each in drawn.collections if hasattr(each, "get_segments")]
        found = {
            name: float(bar.get_segments()[0][0][0]) for name, bar in zip(names, bars, strict=True)
        }
        table = pa.table(offer_columns(offers))
        assert found == {one.model: float(one.median) for one in model_prices(table)}
        assert found["A100 PCIE"] == 0.6

    def test_quotes_are_drawn_at_what_they_cost(self) -> None:
        pair = evolve(offer("a", "1"), gpus=2, disk_mb=10_000)
        stay: dict[str, Any] = {"mode": Mode.INTERRUPTIBLE, "bid": PerHour(3)}
        drawn: Any = price_ladder([quote(pair, timedelta(hours=2), **stay)])
        ((x, _),) = drawn.collections[0].get_offsets()
        assert float(x) == pytest.approx(1.5)
        assert drawn.get_xlabel() == "price, all in ($ per GPU-hour)"

    def test_rows_are_in_order_of_their_median(self) -> None:
        prices = {"dear": ("1", "9", "9"), "cheap": ("2", "3", "2"), "x" * 30: ("5",)}
        offers = [
            offer(name, price, number)
            for name, series in prices.items()
            for number, price in enumerate(series)
        ]
        drawn: Any = price_ladder(iter(offers))
        names = [text.get_text() for text in drawn.get_yticklabels()]
        assert names == ["cheap (3)", "x" * 9 + "…" + "x" * 8 + " (1)", "dear (3)"]

    def test_models_that_differ_have_rows_that_differ(self) -> None:
        """Three of one series were cut to the same words."""
        maker = "RTX PRO 6000 Blackwell"
        editions = ("Server Edition", "Workstation Edition", "Max-Q Workstation Edition")
        offers = [offer(f"{maker} {edition}", "1", n) for n, edition in enumerate(editions)]
        drawn: Any = price_ladder([*offers, offer("A100", "1", 9)])
        names = [text.get_text() for text in drawn.get_yticklabels()]
        assert len(set(names)) == 4
        assert not over_its_axes(drawn)
        legend, picture = drawn.get_legend().get_window_extent(), drawn.figure.bbox
        assert picture.x0 <= legend.x0 < legend.x1 <= picture.x1

    def test_of_many_models_those_with_most_offers_are_drawn(self) -> None:
        offers = [offer(f"GPU {n}", str(1 + n), n) for n in range(50)]
        offers += [offer("GPU 49", "50", 100 + n) for n in range(2)]
        drawn: Any = price_ladder(offers)
        names = [text.get_text() for text in drawn.get_yticklabels()]
        assert names == [*(f"GPU {n} (1)" for n in range(39)), "GPU 49 (3)"]
        assert drawn.get_ylabel() == "GPU model (offers); 10 with fewer offers left out"

    def test_what_is_not_rentable_is_empty(self) -> None:
        drawn: Any = price_ladder([offer("a", "1"), evolve(offer("a", "2"), rentable=False)])
        faces = {str(each.get_label()): len(each.get_facecolor()) for each in drawn.collections}
        assert faces["rentable now"] == 1
        assert faces["not rentable now"] == 0

    def test_a_price_of_zero_has_its_place(self) -> None:
        assert price_ladder([offer("a", "0"), offer("b", "3")]).get_xscale() == "linear"
        assert price_ladder([offer("a", "1"), offer("b", "3")]).get_xscale() == "log"

    def test_wrong_input_is_refused(self) -> None:
        with pytest.raises(RuleViolation, match="at least one"):
            price_ladder([])
        with pytest.raises(WrongType):
            price_ladder(cast("Any", [3]))


def offer(name: str, price: str, machine: int = 1) -> Offer:
    prices = PriceTerms(gpu=PerGpuHour(price))
    whose = MachineId(machine)
    return Offer(id=cast("Any", 1), machine=whose, gpu_name=name, gpus=1, prices=prices)


class TestHeatMap:
    """A number for each pair of two settings."""

    def test_every_cell_says_its_number(self) -> None:
        drawn: Any = heat([[Money("1234.5"), Decimal("12.34")], [Fraction(1, 3), -2]])
        written = {each.get_position(): each.get_text() for each in drawn.texts}
        assert written == {(0, 0): "1,234", (1, 0): "12.3", (0, 1): "0.33", (1, 1): "-2.00"}
        (image,) = drawn.get_images()
        assert image.get_array().tolist()[0] == [1234.5, 12.34]

    def test_what_is_unknown_is_hatched(self) -> None:
        drawn: Any = heat(((1, 2), (None, 3)))
        (hatched,) = [each for each in drawn.patches if each.get_hatch()]
        assert hatched.get_xy() == (-0.5, 0.5)

    def test_the_best_has_a_frame(self) -> None:
        drawn: Any = heat(((1, 7), (2, 7)))
        framed = [e.get_xy() for e in drawn.patches if e.get_gid() == "best"]
        assert framed == [(0.5, -0.5), (0.5, 0.5)]
        assert not any(each.get_clip_on() for each in drawn.patches)  # whole at the edge, too
        assert not heat(((1, 7), (2, 7)), best=False).patches

    def test_labels_and_settings_are_written(self) -> None:
        drawn: Any = heat()
        assert [text.get_text() for text in drawn.get_yticklabels()] == ["a", "b"]
        assert [text.get_text() for text in drawn.get_xticklabels()] == ["1", "2"]
        bar = drawn.figure.axes[1]
        labels = (drawn.get_xlabel(), drawn.get_ylabel(), bar.get_ylabel())
        assert labels == ("column (GPUs)", "row ($)", "income ($)")

    def test_numbers_can_be_read_on_their_cells(self) -> None:
        drawn: Any = heat(((0, 100), (50, None)))
        inks = {each.get_text(): each.get_color() for each in drawn.texts}
        assert (inks["0.00"], inks["100"]) == ("#ffffff", "#000000")

    def test_one_value_everywhere_is_drawn_and_none_is_framed(self) -> None:
        drawn: Any = heat(((2, 2), (2, 2)))
        assert len(drawn.texts) == 4
        assert not drawn.patches
        assert drawn.figure.axes[1].get_ylabel() == "income ($), all equal"

    def test_of_many_cells_the_colours_speak(self) -> None:
        """Number by number, 30 rows of 30 took 12 seconds; a hundred made a sheet of 8 feet."""
        drawn: Any = heat(
            [[i * j for i in range(100)] for j in range(100)],
            rows=list(range(100)),
            columns=list(range(1_000, 1_100)),
        )
        assert not drawn.texts
        assert max(drawn.figure.get_size_inches()) < 13
        self.check_labels(drawn)

    def test_long_names_stand_side_by_side_within_the_picture(self) -> None:
        names = [f"{which} very long name of a setting that goes on" for which in ("a", "b")]
        drawn: Any = heat(((1, 2), (3, 4)), rows=names, columns=names)
        self.check_labels(drawn)
        assert drawn.get_yticklabels()[0].get_text() == "a very long …hat goes on"

    def check_labels(self, drawn: Any) -> None:
        figure = drawn.figure
        figure.draw_without_rendering()
        for labels in drawn.get_xticklabels(), drawn.get_yticklabels():
            boxes = [each.get_window_extent() for each in labels]
            assert not [1 for one, two in pairwise(boxes) if one.overlaps(two)]
            for box in boxes:
                assert figure.bbox.x0 <= box.x0 < box.x1 <= figure.bbox.x1
                assert figure.bbox.y0 <= box.y0 < box.y1 <= figure.bbox.y1

    @pytest.mark.parametrize(
        ("values", "error"),
        [
            (3, WrongType),
            ([], RuleViolation),
            ([[1, 2]], RuleViolation),
            ([[1, 2], [3]], RuleViolation),
            ([[1, 2], 3], WrongType),
            ([[1, 2], [3, "x"]], WrongType),
            ([[1, 2], [3, True]], WrongType),
            ([[1, 2], [3, float("nan")]], RuleViolation),
            ([[1, 2], [3, 10**400]], RuleViolation),
            ([[None, None], [None, None]], RuleViolation),
        ],
    )
    def test_wrong_values_are_refused(self, values: Any, error: type[Exception]) -> None:
        with pytest.raises(error, match="values"):
            heat(values)

    def test_no_columns_are_refused(self) -> None:
        with pytest.raises(RuleViolation):
            heat([[], []], columns=[])


class TestRevenueCurve:
    """A mean against a price, its interval, and where it is largest."""

    def test_what_is_drawn(self) -> None:
        drawn: Any = revenue_curve(
            [PerGpuHour("0.5"), PerGpuHour("0.75"), 1],
            [Money(10), Money(30), Money(20)],
            [(9, 11), (25, 35), (20, 20)],
            interval_label="95 % interval",
        )
        assert line(drawn, "mean") == ([0.5, 0.75, 1], [10, 30, 20])
        assert line(drawn, "largest mean, at 0.75") == ([0.75], [30])
        (bars,) = drawn.containers
        assert bars.get_label() == "95 % interval"
        (found,) = drawn.collections
        ends = [[(float(x), float(y)) for x, y in bar] for bar in found.get_segments()]
        assert ends == [[(0.5, 9), (0.5, 11)], [(0.75, 25), (0.75, 35)], [(1, 20), (1, 20)]]
        assert "$ per GPU-hour" in drawn.get_xlabel()
        assert "$" in drawn.get_ylabel()

    def test_the_legend_lies_over_nothing(self) -> None:
        assert not over_its_axes(revenue_curve([1, 2], [3, 4], [(2, 9), (2, 9)]))

    def test_no_line_where_nothing_was_computed(self) -> None:
        """Between two prices that were tried nobody simulated anything."""
        drawn: Any = revenue_curve([1, 2, 3], [80, 120, 90], [(70, 90), (110, 130), (85, 95)])
        assert {each.get_linestyle() for each in drawn.get_lines()} == {"None"}
        assert all(len({x for x, _ in bar}) == 1 for bar in drawn.collections[0].get_segments())

    def test_one_price_has_its_interval_and_is_not_marked(self) -> None:
        drawn: Any = revenue_curve([1], [3], [(2, 9)])
        (band,) = drawn.collections
        assert [[*map(float, end)] for end in band.get_segments()[0]] == [[1, 2], [1, 9]]
        assert drawn.get_legend_handles_labels()[1] == ["mean", "interval"]

    def test_where_all_are_equal_none_is_marked(self) -> None:
        drawn: Any = revenue_curve([1, 2, 3], [5, 5, 5])
        assert drawn.get_legend_handles_labels()[1] == ["mean, the same at all"]

    @pytest.mark.parametrize(
        ("means", "said"),
        [([5, 4, 5], "1 and 3"), ([5, 5, 5, 5, 5, 4], "1 and 2 and 3 and 2 more")],
    )
    def test_of_equal_ones_each_is_marked(self, means: list[int], said: str) -> None:
        drawn: Any = revenue_curve(range(1, len(means) + 1), means)
        at, best = line(drawn, f"largest mean, at {said}")
        assert best == [5] * len(at) == [5] * means.count(5)

    def test_numbers_are_written_in_whole(self) -> None:
        drawn: Any = revenue_curve([1, 2, 3], [1_234_567_890, 1_234_567_891, 1_234_567_892])
        drawn.figure.draw_without_rendering()
        texts = [tick.label1.get_text() for tick in drawn.yaxis.get_major_ticks()]
        assert len(set(texts)) == len(texts)
        assert {"1,234,567,890", "1,234,567,891"} <= set(texts)

    def test_without_intervals_there_are_no_bars(self) -> None:
        assert not revenue_curve([1, 2], [3, 4]).collections

    @pytest.mark.parametrize(
        ("prices", "means", "intervals"),
        [
            ([], [], None),
            ([1, 1], [1, 2], None),
            ([2, 1], [1, 2], None),
            ([1, 2], [1], None),
            ([1, 2], [1, 2], [(1, 1)]),
            ([1, 2], [1, 2], [(1, 1), (3, 4)]),
            ([1, 2], [1, 2], [(1, 1), (0, 1)]),
            ([1, 2], [1, 2], [(1, 1), 3]),
            ([1, 2], [1, 2], 3),
            (3, [1, 2], None),
        ],
    )
    def test_wrong_values_are_refused(self, prices: Any, means: Any, intervals: Any) -> None:
        with pytest.raises(RuleViolation):
            revenue_curve(prices, means, intervals)


class TestBids:
    """What a bid gets: availability, mean price, interruptions a day."""

    def test_what_is_drawn(self) -> None:
        bids = [PerHour("0.1"), PerHour("0.65"), PerHour("1.3")]
        drawn: Any = bid_availability(
            bids,
            [Decimal("0.7677"), Decimal("0.9354"), Decimal("0.9575")],
            [0.0715, 0.0912, 0.1108],
            [4.04, 1.41, 0.95],
            on_demand=PerHour("0.65"),
        )
        for each in drawn:
            assert each.get_ylim()[1] > max(each.get_lines()[0].get_ydata())
        # A winner pays its own bid; the price of the record is drawn beside it, and named as that.
        assert drawn[1].get_ylabel() == "while it runs ($/hour)"
        assert line(drawn[1], "paid: the bid itself")[1] == [0.1, 0.65, 1.3]
        assert line(drawn[1], "recorded price, on average")[1] == [0.0715, 0.0912, 0.1108]
        series = [list(map(float, each.get_lines()[0].get_ydata())) for each in drawn]
        assert series == [
            pytest.approx([76.77, 93.54, 95.75]),
            [0.1, 0.65, 1.3],
            [4.04, 1.41, 0.95],
        ]
        assert all(list(each.get_lines()[0].get_xdata()) == [0.1, 0.65, 1.3] for each in drawn)
        assert all(line(each, "on-demand price")[0] == [0.65, 0.65] for each in drawn)
        labels = [each.get_ylabel() for each in drawn] + [drawn[-1].get_xlabel()]
        assert ["%" in labels[0], "$/hour" in labels[1], "per day" in labels[2]] == [True] * 3
        assert "$/hour" in labels[3]
        assert len({each.get_lines()[0].get_marker() for each in drawn}) == 3

    def test_no_line_where_nothing_was_computed(self) -> None:
        """On a scale of factors a straight line from $0.30 to $6.50 says $1.90 at $0.65."""
        drawn: Any = bid_availability([0.1, 0.3, 6.5], [0, 0.9, 1], [None, 0.2, 0.3], [0, 2, 0])
        assert drawn[1].get_xscale() == "log"
        joined = [
            each for axes in drawn for each in axes.get_lines() if each.get_linestyle() != "None"
        ]
        (paid,) = joined  # a winner pays its own bid, whatever it is
        assert list(paid.get_xdata()) == list(paid.get_ydata())
        assert (min(paid.get_xdata()), max(paid.get_xdata())) == (0.3, 6.5)
        assert len(paid.get_xdata()) > 50
        assert not paid.get_label().startswith("paid")  # the points say it

    def test_no_legend_lies_over_a_line(self) -> None:
        """What is drawn reaches every corner: the dearest bid, the on-demand price beside it."""
        drawn = bid_availability([1, 2], [0.5, 1], [1, 1], [3, 0], on_demand=2)
        assert [over_its_axes(each) for each in drawn[:2]] == [False, False]

    def test_points_at_an_edge_are_whole(self) -> None:
        drawn: Any = bid_availability([1, 2], [0, 1], [None, 1], [3, 0])
        points = [
            each for axes in drawn for each in axes.get_lines() if each.get_marker() != "None"
        ]
        assert not [each for each in points if each.get_clip_on()]

    @pytest.mark.parametrize("dearest", [0.03, 0.9, 30])
    def test_prices_along_an_axis_do_not_overlap(self, dearest: float) -> None:
        drawn: Any = bid_availability([0.001, dearest], [0.5, 1], [0.001, 1], [3, 0])
        drawn[2].figure.draw_without_rendering()
        low, high = drawn[2].get_xlim()
        ticks = zip(drawn[2].get_xticks(), drawn[2].get_xticklabels(), strict=True)
        boxes = [text.get_window_extent() for at, text in ticks if low <= at <= high]
        assert len(boxes) > 2
        assert not [1 for one, two in pairwise(boxes) if one.overlaps(two)]

    def test_nothing_ever_paid_has_a_scale_too(self) -> None:
        _, price, _ = bid_availability([1], [0], [0], [0])
        assert price.get_ylim() == (0, 1)

    @pytest.mark.parametrize(
        "change",
        [
            {"bids": [2, 1]},
            {"availability": [0.5, 1.01]},
            {"availability": [-0.1, 1]},
            {"mean_price": [1]},
            {"interruptions": [1, 2, 3]},
            {"on_demand": "1"},
        ],
    )
    def test_wrong_values_are_refused(self, change: dict[str, Any]) -> None:
        call: dict[str, Any] = {
            "bids": [1, 2],
            "availability": [0.5, 1],
            "mean_price": [1, 2],
            "interruptions": [3, 4],
            **change,
        }
        with pytest.raises(RuleViolation):
            bid_availability(**call)


def words(picture: Path) -> list[str]:
    """Return the texts of an SVG, those of its axes and legends among them."""
    return re.findall(r"<text[^>]*>([^<]*)</text>", picture.read_text("utf-8"))


class TestThePicturesOfTheDocs:
    """``scripts/draw_pictures.py`` draws what the docs show."""

    def test_the_script_draws_every_picture_shown(self, tmp_path: Path) -> None:
        script = runpy.run_path(str(ROOT / "scripts" / "draw_pictures.py"))
        pictures = script["PICTURES"]
        shown = {path.name for path in (ROOT / "docs" / "pictures").iterdir()}
        assert shown == {f"{name}-{style}.svg" for name in pictures for style in script["STYLES"]}
        if not FULL:  # those of two are soon drawn
            for name in pictures.keys() - {"discount", "timeline"}:
                del pictures[name]
        script["main"](tmp_path)
        drawn = {path.name for path in tmp_path.iterdir()}
        assert drawn == {name for name in shown if name.partition("-")[0] in pictures}
        for name in drawn:  # coordinates differ by the version of matplotlib, words do not
            committed = ROOT / "docs" / "pictures" / name
            assert words(committed) == words(tmp_path / name), "run scripts/draw_pictures.py"
        pages = "".join(page.read_text("utf-8") for page in (ROOT / "docs").rglob("*.md"))
        assert all(f"pictures/{name}" in pages for name in shown)
