"""What is written in a picture is written as it is, whoever gave the name."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any, cast
from warnings import catch_warnings, simplefilter

import matplotlib as mpl
import pytest
from matplotlib.figure import Figure
from matplotlib.mathtext import MathTextParser

from numgenius_core import Block, Interval, Listing, Machine, Offer, agree, plots
from numgenius_core.listing import PriceTerms
from numgenius_core.plots._style import shortened, written
from numgenius_core.prices import CurveSchedule
from numgenius_core.rates import PerGpuHour, PerHour
from numgenius_core.sla import OutageRate, Promise, backtest, simulate_outages

T0 = datetime(2026, 7, 1, tzinfo=UTC)
MONTH = Interval(T0, T0 + timedelta(days=30))
HOSTILE = (
    r"A $\frac$",
    "$0.30 to $0.40",
    "$x^2$",
    "a_b^c$",
    r"\$5\\$ of",
    "<b>&amp;'\"",
    "100 %",
    "{x} %s {}",
    "-->",
    "GPU 🚀 日本",
    "x" * 400,
    "two\nlines $y$",
)


FORMULA, BROKEN = "$x^2$", HOSTILE[0]


def printable(text: str) -> str:
    return "".join(letter for letter in text if letter.isprintable())


def offer(name: str) -> Offer:
    prices = PriceTerms(gpu=PerGpuHour(1))
    return Offer(id=1, machine=1, gpu_name=name, gpus=1, prices=prices)


def ladder() -> Any:
    names = [printable(text)[:18] for text in HOSTILE]  # the longest that is shown whole
    return plots.price_ladder(map(offer, names)), [f"{name} (1)" for name in names]


def heat(*more: str) -> Any:
    texts = [*HOSTILE, *more]
    drawn = plots.sweep_heat_map(
        [[number] for number, _ in enumerate(texts)],  # each cell has a text too
        rows=[f"row {text}" for text in texts],
        columns=[f"column {FORMULA}"],
        row_label=f"rows {FORMULA}",
        column_label=f"columns {BROKEN}",
        value_label=f"values {FORMULA}",
    )
    rows = shortened([f"row {written(text)}" for text in texts], 24)[: len(HOSTILE)]
    wanted = [*rows, f"column {FORMULA}"]
    return drawn, [*wanted, f"rows {FORMULA}", f"columns {BROKEN}", f"values {FORMULA}"]


def revenue(text: str = BROKEN) -> Any:
    texts = [f"{part} {text}" for part in ("price", "value", "interval")]
    labels = dict(zip(("price_label", "value_label", "interval_label"), texts, strict=True))
    drawn = plots.revenue_curve([1, 2], [5, 4], [(4, 6), (3, 5)], **labels)  # type: ignore[arg-type]
    return drawn, texts


def timeline() -> Any:
    machine = Machine(id=7, host=BROKEN, gpu_name=FORMULA, gpus=2)
    listing = Listing(machine=machine, prices=PriceTerms(gpu=PerGpuHour(2)))
    contract = agree(listing, Block(start=0, size=2), id=1, client=BROKEN, at=T0)
    return plots.machine_timeline(machine, [contract], MONTH, windows=[MONTH]), ["1 →"]


def tried() -> Any:
    often = OutageRate(per_day=1, length=timedelta(minutes=30))
    history = simulate_outages(MONTH, often)
    return plots.sla_backtest(backtest(history, PerHour("3.50"), Promise("0.99"))), ["uptime (%)"]


DRAWN: dict[str, Callable[[], Any]] = {
    "bid_availability": lambda: (
        plots.bid_availability([1, 2], [0.5, 1], [1, 1.5], [3, 0], on_demand=3),
        ["bid ($/hour)", "on-demand price"],
    ),
    "discount_curve": lambda: (
        plots.discount_curve(CurveSchedule("0.4"), PerHour(1)),
        ["deposit ($)"],
    ),
    "machine_timeline": timeline,
    "price_ladder": ladder,
    "promise_schedules": lambda: (
        plots.promise_schedules(),
        ["target (%)", "blend of the day (%)"],
    ),
    "revenue_curve": revenue,
    "sla_backtest": tried,
    "sweep_heat_map": heat,
}


def texts_of(drawn: Any) -> list[str]:
    """Return all text in a picture, line by line, as a reader of the SVG finds it."""
    axes = drawn[0] if isinstance(drawn, tuple) else drawn
    file = BytesIO()
    with mpl.rc_context({"svg.fonttype": "none"}):
        cast("Figure", axes.figure).savefig(file, format="svg")
    root = ET.fromstring(file.getvalue())
    return ["".join(each.itertext()) for each in root.iter("{http://www.w3.org/2000/svg}text")]


@pytest.mark.filterwarnings("ignore:Glyph:UserWarning", "ignore:constrained_layout:UserWarning")
class TestTextIsWrittenAsItIs:
    """A name is no formula, and no picture ends in the error of one."""

    def test_every_picture_is_here(self) -> None:
        assert set(DRAWN) == set(plots.__all__)

    @pytest.fixture(autouse=True)
    def no_formula(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def parse(*_: Any, **__: Any) -> None:
            raise AssertionError("something is set as a formula")

        monkeypatch.setattr(MathTextParser, "parse", parse)

    def check(self, drawn: Any, wanted: list[str]) -> None:
        found = texts_of(drawn)
        for text in wanted:
            for line in text.split("\n"):
                assert line in found

    @pytest.mark.parametrize("name", DRAWN)
    def test_it_can_be_read_back(self, name: str) -> None:
        self.check(*DRAWN[name]())

    @pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
    def test_each_label_can(self, text: str) -> None:
        self.check(*revenue(text))

    def test_measuring_says_nothing_of_a_font(self) -> None:
        """What it lacks is said once, as the picture is drawn."""
        with catch_warnings():
            simplefilter("error")
            plots.price_ladder([offer("GPU 🚀 日本")])

    def test_what_is_on_axes_that_are_given_stays_a_formula(self) -> None:
        axes = Figure().subplots()
        axes.set_title(FORMULA)
        plots.price_ladder([offer("L4")], axes=axes)
        assert axes.title.get_parse_math()

    def test_what_no_file_can_have_is_marked(self) -> None:
        texts = "a\x00b", "a\x1bb", "a\ud800b", "a\ufffeb"
        drawn, _ = heat(*texts)
        assert texts_of(drawn).count("row a\ufffdb") == len(texts)
        assert {written(text) for text in texts} == {"a\ufffdb"}
