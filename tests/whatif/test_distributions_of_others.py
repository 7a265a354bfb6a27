"""A distribution of somebody else's: what it draws is checked where it is used, and named."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from attrs import frozen

from numgenius_core import Interval, Mode, PerGpuHour
from numgenius_core.documents import from_json, to_json
from numgenius_core.errors import RuleViolation, WrongType
from numgenius_core.whatif import Demand, Distribution, LogNormal, Observation, Pareto, Trace, fit
from numgenius_core.whatif.arrivals import _Seen

MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
WEEK = Interval(MONDAY, MONDAY + timedelta(days=7))
STAYS, PRICES = LogNormal("6", "0.8"), Pareto("1", 3)
SEEN = [
    Observation(price=PerGpuHour(price), occupied=occupied, seconds=604_800)
    for price, occupied in (("0.40", "0.8"), ("0.50", "0.6"))
]


@frozen
class Mine(Distribution):
    """It draws and has for a mean whatever it was made with."""

    says: Any

    @property
    def mean(self) -> float:
        return self.says  # type: ignore[no-any-return]

    def draw(self, random: Random) -> float:
        random.random()
        return self.says  # type: ignore[no-any-return]


def drawn(
    stays: Distribution = STAYS, limits: Distribution | None = None, bids: Distribution = PRICES
) -> Trace:
    modes = {Mode.ON_DEMAND: 1, Mode.INTERRUPTIBLE: 1}
    demand = Demand(per_day=24, sizes={1: 1}, stays=stays, modes=modes, limits=limits, bids=bids)
    return demand.draw(WEEK, seed=1)


WAYS: dict[str, Callable[[Mine], object]] = {
    "draw for demand.stays": lambda mine: drawn(stays=mine),
    "draw for demand.limits": lambda mine: drawn(limits=mine),
    "draw for demand.bids": lambda mine: drawn(bids=mine),
    "draw for stays": _Seen,
    "mean for stays": lambda mine: fit(SEEN, gpus=8, sizes={1: 1}, stays=mine),
}


@pytest.mark.parametrize("what", WAYS)
def test_what_is_no_number_is_refused_by_name(what: str) -> None:
    """Text was a bare ``TypeError`` of Python's, NaN a bare ``ValueError``."""
    for says in ("6", None, True, 1j):
        with pytest.raises(WrongType, match=rf"^Mine\.{what}: need a number .*, got "):
            WAYS[what](Mine(says))
    for says in (float("nan"), -0.25, -1, float("-inf")):
        with pytest.raises(RuleViolation, match=rf"^Mine\.{what}: need a number .*, got "):
            WAYS[what](Mine(says))


def test_a_mean_is_above_zero() -> None:
    with pytest.raises(RuleViolation, match=r"^Mine\.mean for stays: need a number above zero"):
        WAYS["mean for stays"](Mine(0.0))
    with pytest.raises(RuleViolation, match="stays without a mean"):
        WAYS["mean for stays"](Mine(float("inf")))


def test_draws_around_zero_never_make_a_negative_price() -> None:
    """They made limits below zero, of which no document can be written."""

    @frozen
    class Around(Distribution):
        middle: float

        @property
        def mean(self) -> float:
            return self.middle

        def draw(self, random: Random) -> float:
            return random.gauss(self.middle, 0.3)

    with pytest.raises(RuleViolation, match=r"^Around\.draw for demand\.limits"):
        drawn(limits=Around(0.3))
    trace = drawn(limits=Around(30))
    assert from_json(to_json(trace), Trace) == trace


def test_what_is_a_number_of_another_class_is_taken() -> None:
    class Double(float):
        """As NumPy's is."""

    class Whole:
        """As NumPy's is: no ``int``, and an index."""

        def __index__(self) -> int:
            return 3

    for says in (3, Double(3), Whole()):
        assert drawn(stays=Mine(says)) == drawn(stays=Mine(3.0))
    assert drawn(stays=Mine(10**400)) == drawn(stays=Mine(float("inf")))
    assert {request.seconds for request in drawn(stays=Mine(0)).requests} == {1}
