"""Records of a price that several tests use."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import strategies as st

from numgenius_core.planning import PriceSeries
from numgenius_core.rates import PerHour
from numgenius_core.testing import EPOCH

HOUR = timedelta(hours=1)


def series(*prices: str, every: timedelta = HOUR) -> PriceSeries:
    """Return prices that each hold for as long."""
    pairs = [(EPOCH + i * every, price) for i, price in enumerate(prices)]
    return PriceSeries.of(pairs, end=EPOCH + len(prices) * every)


@st.composite
def any_series(draw: st.DrawFn) -> PriceSeries:
    gaps = draw(st.lists(st.integers(1, 50), min_size=1, max_size=12))
    edges = [sum(gaps[:i]) for i in range(len(gaps) + 1)]
    prices = draw(st.lists(st.integers(0, 4), min_size=len(gaps), max_size=len(gaps)))
    return PriceSeries(
        instants=tuple(EPOCH + timedelta(seconds=at) for at in edges[:-1]),
        prices=tuple(PerHour(price) for price in prices),
        end=EPOCH + timedelta(seconds=edges[-1]),
    )
