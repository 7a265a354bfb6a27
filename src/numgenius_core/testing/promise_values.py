"""Hypothesis strategies for promises of uptime, and for histories of rentals and outages."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction

from hypothesis import strategies as st

from numgenius_core._terms import PARTS, Promise
from numgenius_core.intervals import Interval
from numgenius_core.sla.history import Outage, UptimeHistory
from numgenius_core.testing.strategies import EPOCH

promises: st.SearchStrategy[Promise] = st.builds(
    Promise,
    st.sampled_from([Fraction(9, 10), Fraction(99, 100), Fraction(99_999, 100_000)])
    | st.integers(1, 999_990_000).map(lambda parts: Fraction(parts, PARTS)),
    st.sampled_from([Fraction(32, 100), Fraction(1, 2), Fraction(71, 100), Fraction(3)])
    | st.fractions(Fraction(1, 1_000), 3, max_denominator=1_000),
)
"""Promises of any claim and spread that a listing takes, with a taste for the ends of the bands."""


@st.composite
def uptime_histories(draw: st.DrawFn, days: int = 12) -> UptimeHistory:
    """Draw one rental of up to some days, and up to four outages, in it, across it or after it.

    Args:
        draw: Hypothesis gives it.
        days: Longest rental.

    >>> from hypothesis import given
    >>> from numgenius_core.testing import uptime_histories
    >>> @given(history=uptime_histories())
    ... def no_more_down_than_rented(history):
    ...     assert history.down_seconds <= history.rented_seconds
    >>> no_more_down_than_rented()
    """
    begin = EPOCH + timedelta(seconds=draw(st.sampled_from([0, 3_600, 86_399])))
    length = draw(st.integers(1, days * 86_400))
    at = [begin + timedelta(seconds=n) for n in (0, length)]
    marks = sorted(draw(st.sets(st.integers(-9_000, length + 9_000), max_size=8)))
    told = st.none() | st.integers(-(10**6), length)
    outages = []
    for a, b in zip(marks[::2], marks[1::2], strict=False):
        notice = draw(told)
        outages.append(
            Outage(
                period=Interval(begin + timedelta(seconds=a), begin + timedelta(seconds=b)),
                announced=None if notice is None else begin + timedelta(seconds=notice),
            )
        )
    return UptimeHistory(rentals=(Interval(*at),), outages=tuple(outages))
