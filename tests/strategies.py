"""Hypothesis strategies for the values of the library, shared by all tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction

from hypothesis import strategies as st

from numgenius_core.intervals import Interval
from numgenius_core.listing import PriceTerms
from numgenius_core.money import PerGb, PerGbMonth, PerGpuHour, PerHour

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)

gpu_counts = st.one_of(st.sampled_from([1, 2, 3, 4, 5, 7, 8, 10, 12, 16]), st.integers(1, 64))
seconds = st.one_of(st.sampled_from([0, 1, 3_599, 3_600, 86_400, 2_592_000]), st.integers(0, 10**8))
megabytes = st.integers(0, 10**7)
byte_counts = st.integers(0, 10**14)

_steps = st.one_of(
    st.sampled_from([0, 1, 10**12, 133_333_333_333, 10**15]),
    st.integers(0, 100 * 10**12),
    st.integers(0, 10**18),
)
per_gpu_hours = st.builds(PerGpuHour.from_steps, _steps)
per_hours = st.builds(PerHour.from_steps, _steps)
per_gb_months = st.builds(PerGbMonth.from_steps, _steps)
per_gbs = st.builds(PerGb.from_steps, _steps)

shares = st.one_of(
    st.sampled_from([Fraction(0), Fraction(1, 4), Fraction(2, 5)]),
    st.fractions(0, Fraction(99, 100), max_denominator=1_000),
)
instants = st.integers(0, 3 * 365 * 86_400).map(lambda s: EPOCH + timedelta(seconds=s))


@st.composite
def machine_shapes(draw: st.DrawFn, most: int = 64) -> tuple[int, int]:
    """Return ``(gpus, min_gpu)`` as a host may list them: a power of two up to the machine."""
    gpus = draw(gpu_counts.filter(lambda n: n <= most))
    return gpus, 1 << draw(st.integers(0, gpus.bit_length() - 1))


@st.composite
def intervals(draw: st.DrawFn, longest: int = 400 * 86_400) -> Interval:
    """Return a span of at least a second."""
    start = draw(instants)
    return Interval(start, start + timedelta(seconds=draw(st.integers(1, longest))))


@st.composite
def price_terms(draw: st.DrawFn) -> PriceTerms:
    """Return any prices."""
    return PriceTerms(
        gpu=draw(per_gpu_hours),
        storage=draw(per_gb_months),
        upload=draw(per_gbs),
        download=draw(per_gbs),
        min_bid=draw(per_gpu_hours),
        platform_fee=draw(shares),
    )
