"""Rentals, outages and promises for the tests of settlements."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction

from hypothesis import strategies as st

import sla_oracle as slow
from numgenius_core.intervals import Interval, from_epoch, to_epoch
from numgenius_core.rates import PerHour
from numgenius_core.sla import PARTS, Cover, Outage, Promise, SlaTerms, UptimeHistory, cover

T0 = datetime(2026, 7, 1, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
START = to_epoch(T0)
BOUGHT = cover(SlaTerms(Promise("0.99"), "0.95"), PerHour("3.50"))


def span(start: int, end: int) -> Interval:
    return Interval(from_epoch(start), from_epoch(end))


def history_of(rentals: list[slow.Rental], outages: list[slow.Down]) -> UptimeHistory:
    return UptimeHistory(
        rentals=tuple(span(*rental) for rental in rentals),
        outages=tuple(
            Outage(period=span(start, end), announced=None if told is None else from_epoch(told))
            for start, end, told in outages
        ),
    )


@st.composite
def histories(draw: st.DrawFn, days: int = 3) -> tuple[list[slow.Rental], list[slow.Down]]:
    """Draw rentals and outages of at most some days, beginning at any second."""
    begin = START + draw(st.integers(0, 86_399))
    most = days * 86_400
    marks = sorted(draw(st.sets(st.integers(0, most), min_size=2, max_size=6)))
    rentals = [
        (begin + a, begin + b) for a, b in zip(marks[::2], marks[1::2], strict=False) if a < b
    ]
    cuts = sorted(draw(st.sets(st.integers(-9_000, most + 9_000), max_size=10)))
    told = st.none() | st.integers(-500_000, most).map(lambda n: begin + n)
    outages = [
        (begin + a, begin + b, draw(told)) for a, b in zip(cuts[::2], cuts[1::2], strict=False)
    ]
    return rentals, outages


@st.composite
def covers(draw: st.DrawFn) -> Cover:
    claim = draw(st.integers(500_000_000, 999_990_000))
    target = draw(st.integers(1, claim) | st.just(claim))
    promise = Promise(Fraction(claim, PARTS), draw(st.sampled_from(["0.1", "0.5", "3"])))
    price = PerHour.from_steps(draw(st.integers(0, 10**14)))
    share = draw(st.sampled_from([Fraction(0), Fraction(1, 4), Fraction(1, 3), Fraction(99, 100)]))
    return cover(SlaTerms(promise, Fraction(target, PARTS)), price, platform_fee=share)
