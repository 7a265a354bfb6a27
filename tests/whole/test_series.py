"""What takes a series of values refuses what is none in our words, and says what a result has."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any, Final

import polars as pl
import pytest

import document_values as known
import refusals
from house import FACES, load
from numgenius_core.bids import BidBook
from numgenius_core.errors import WrongType
from numgenius_core.intervals import Interval
from numgenius_core.maintenance import Weights
from numgenius_core.market import commands as c
from numgenius_core.money import Money
from numgenius_core.planning import MarketSeries, PriceSeries
from numgenius_core.rates import PerGpuHour, PerHour
from numgenius_core.search import parse
from numgenius_core.whatif import (
    Exponential,
    Observed,
    PerKwh,
    Power,
    Request,
    Scenario,
    Trace,
)
from numgenius_core.wire import read_machines, read_sample

HOUR: Final = timedelta(hours=1)
NOW: Final = known.at(1)
FRAME: Final = pl.DataFrame({"num_gpus": [1], "dph_base": [1.0], "credit_discount_max": [0.4]})
RECORD: Final = PriceSeries.of([(NOW, "0.2")], end=NOW + 9 * HOUR)
SCENARIO: Final = Scenario(
    listings=[known.LISTING],
    demand=Trace([Request(after=0, gpus=1, seconds=60, limit=PerGpuHour(1))]),
    horizon=Interval(NOW, NOW + HOUR),
    power=Power(price=PerKwh("0.12"), gpu_watts=300, idle_watts=100),
)
STAY: Final = {"duration": HOUR, "now": NOW}
OTHERS: Final[dict[str, dict[str, Any]]] = {
    "billing.reconcile": {"statement": known.STATEMENT},
    "documents.json_schema": {},
    "frames.basket_price": {"basket": {"A100": 1}},
    "frames.offer_columns": {},
    "frames.price_chain": {"snapshots": [FRAME]},
    "frames.promise_fees": {"frame": FRAME, "price": PerHour(1), "target": "0.9"},
    "frames.quote": {"frame": FRAME, "duration": HOUR},
    "frames.reserve": {"frame": FRAME, "months": 1},
    "maintenance.plan_fleet": {"fleet": {1: []}, "length": HOUR, "at_once": 1},
    "market.execute_all": {"market": load("market").Market()},
    "market.find_event": {"kind": c.Tick},
    "market.find_events": {"kind": c.Tick},
    "market.views.notifications": {"market": load("market").Market()},
    "planning.compare_bids": {"series": RECORD},
    "planning.meet_deadline": {
        "series": RECORD,
        "gpu_hours": 1,
        "gpus": 1,
        "deadline": HOUR,
        "on_demand": PerHour(1),
    },
    "planning.read_price_series": {"source": "time,price\n2026-01-01T00:00Z,1\n"},
    "plots.bid_availability": {
        "bids": [1],
        "availability": [1],
        "mean_price": [1],
        "interruptions": [1],
    },
    "plots.machine_timeline": {
        "machine": known.MACHINE,
        "contracts": [],
        "within": Interval(NOW, NOW + HOUR),
    },
    "plots.price_ladder": {},
    "plots.revenue_curve": {"prices": [1], "means": [1], "intervals": [(0, 2)]},
    "plots.sweep_heat_map": {"values": [[1]], "rows": [1], "columns": [1]},
    "prices.compare_modes": STAY,
    "prices.rank_offers": STAY,
    "search.remarks": {"query": parse("")},
    "search.search": {"request": load("search").SearchRequest(), "now": NOW},
    "whatif.best_min_gpu": {"scenario": SCENARIO},
    "whatif.best_mix": {"scenario": SCENARIO},
    "whatif.best_price": {"scenario": SCENARIO},
    "whatif.fit": {"gpus": 1, "sizes": {1: 1}, "stays": Exponential("1")},
    "whatif.floor_against_power_cost": {"scenario": SCENARIO},
    "whatif.recorded": {"horizon": Interval(NOW, NOW + HOUR)},
    "whatif.sweep": {},
    "whatif.vary": {"scenario": SCENARIO},
    "whatif.worth_of_discount": {"scenario": SCENARIO},
    "wire.find": {},
    "wire.read_table": {"source": "a,b\n1,2\n"},
    "wire.summarized": {},
}
"""What is given beside the series, of functions that the refusals do not call."""
SERIES: Final = re.compile(r"\b(Iterable|Sequence|Collection)\[")
AXES: Final = "axes"  # what is drawn on, which matplotlib makes


def parameter_of(name: str, parameter: str) -> inspect.Parameter:
    """Return a parameter of a promised function."""
    face, _, function = name.rpartition(".")
    return inspect.signature(getattr(load(face), function)).parameters[parameter]


CASES: Final = [
    pytest.param(f"{face}.{name}", parameter.name, id=f"{face}.{name}.{parameter.name}")
    for face in FACES
    if face != "testing"
    for name in load(face).__all__
    if inspect.isfunction(getattr(load(face), name))
    for parameter in inspect.signature(getattr(load(face), name)).parameters.values()
    if SERIES.search(str(parameter.annotation)) and parameter.name != AXES
    if not str(parameter.annotation).startswith(("Mapping", "GpuSet"))
]


NEEDED: Final = [
    each
    for each in CASES
    if parameter_of(*map(str, each.values)).default is inspect.Parameter.empty
]
"""What cannot be left out, so ``None`` is no series."""
NO_TEXTS: Final = [each for each in CASES if each.values[1] != "results"]
"""What takes no text: the one result of a frame that is asked for may be given as it is."""
READ: Final = [
    each
    for each in CASES
    if re.search(r"Offer\b|Charge\b", str(parameter_of(*map(str, each.values)).annotation))
]
"""What takes values that are read of a document."""


def refused(name: str, parameter: str, bad: object) -> WrongType:
    """Return what a function says of an argument."""
    face, _, function = name.rpartition(".")
    asked = getattr(load(face), function)
    good = OTHERS.get(name)
    if good is None:
        written = refusals.GOOD[name.removeprefix("market.")] if face != "market" else {}
        good = {each: eval(text, dict(refusals.NAMES)) for each, text in written.items()}
    with pytest.raises(WrongType) as fault:
        asked(**{**good, "price" if name == "whatif.vary" else parameter: bad})
    return fault.value


class TestNoSeries:
    """DESIGN: "Errors are ours": no function iterates over what it was not asked to."""

    @pytest.mark.parametrize(("name", "parameter"), CASES)
    @pytest.mark.parametrize("bad", [5, 1.5, object()], ids=["int", "float", "object"])
    def test_is_refused(self, name: str, parameter: str, bad: object) -> None:
        found = refused(name, parameter, bad)
        assert found.path
        assert found.got == repr(bad)

    @pytest.mark.parametrize(
        ("name", "parameter"),
        NEEDED,
    )
    def test_none_is_refused(self, name: str, parameter: str) -> None:
        assert refused(name, parameter, None).got == "None"

    @pytest.mark.parametrize(("name", "parameter"), NO_TEXTS)
    @pytest.mark.parametrize("bad", ["12", "", b"12"], ids=["text", "empty", "bytes"])
    def test_a_text_is_no_series_of_its_characters(
        self, name: str, parameter: str, bad: object
    ) -> None:
        found = refused(name, parameter, bad)
        assert not re.search(r"\[\d\]", found.path)  # of the text, not of a character in it
        assert found.got == repr(bad)

    @pytest.mark.parametrize("bad", ["12", "", b"12"], ids=["text", "empty", "bytes"])
    def test_nor_where_a_method_takes_a_series(self, bad: Any) -> None:
        methods: list[Callable[[Any], object]] = [
            Money.sum,
            Money(1).allocate,
            Interval(NOW, NOW + HOUR).split,
            PriceSeries.of,
            MarketSeries.of,
            partial(BidBook.replay, gpus=8),
            Weights().loss,
            parse("").filter,
            Observed,
            Trace,
            lambda series: c.Defragment(by="hanna", machine=1, movable=series),
        ]
        for method in methods:
            with pytest.raises(WrongType) as fault:
                method(bad)
            assert not re.search(r"\[\d\]", fault.value.path), method
            assert fault.value.got == repr(bad)

    @pytest.mark.parametrize(("name", "parameter"), READ)
    def test_a_reading_says_where_its_values_are(self, name: str, parameter: str) -> None:
        offers = refused(name, parameter, read_sample())
        assert offers.need == "a series of values (give its .offers)"
        rows = refused(name, parameter, read_machines('{"machines": []}'))
        assert rows.need == "a series of values (give its .rows)"
