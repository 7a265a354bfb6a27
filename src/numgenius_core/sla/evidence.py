"""How reliable a machine is by the evidence of its outages, and what claim that sustains.

Ours: the marketplace publishes no formula for its reliability *score*, and this is none. Uptime is
the share of rented seconds in which the machine was up; announced maintenance is downtime here, as
the client had no machine.

The interval is Fay and Feuer's for a sum of weighted Poisson counts (1997): outages come by chance,
each with its length as weight. With D the sum of the lengths, V the sum of their squares and m the
longest, downtime lies between the quantiles of gamma laws of shape D² / V and scale V / D below,
and of shape (D + m)² / (V + m²) and scale (V + m²) / (D + m) above. It holds for few and uneven
outages, too: of a machine that was never down it says how often it may be, since the next outage is
thought as long as the longest seen, or as ``unseen``. The sums are exact, the quantiles ``float``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date, timedelta
from fractions import Fraction
from functools import lru_cache
from math import exp, lgamma, log
from typing import Final

from attrs import field, frozen

from numgenius_core._checks import check_kind
from numgenius_core._numbers import fraction, length_in_seconds
from numgenius_core._tables import Tabular
from numgenius_core._tables.result import ResultTable
from numgenius_core._terms import MAX_CLAIM
from numgenius_core.errors import RuleViolation, brief
from numgenius_core.sla.history import UptimeHistory, ignored_note
from numgenius_core.units import SECONDS_PER_DAY, SECONDS_PER_HOUR, Exact

_BANDS: Final = (
    ("under a minute", 60),
    ("1 to 10 minutes", 600),
    ("10 minutes to an hour", SECONDS_PER_HOUR),
    ("1 to 6 hours", 6 * SECONDS_PER_HOUR),
    ("6 to 24 hours", SECONDS_PER_DAY),
    ("a day or more", None),
)
_FIRST_DAY: Final = date(1970, 1, 1)
_SHOWN: Final = 10
"""Days in the table."""
_CLAIM_PARTS: Final = 10**5
_HALVINGS: Final = 200
_TINY: Final = 1e-300
_CLOSE: Final = 1e-14


@frozen(kw_only=True)
class OutageBand:
    """Outages of about one length, or of one day.

    Attributes:
        name: From which length to which, in words, or the day of UTC, as ``2026-07-09``.
        count: How many there were; one that goes on over midnight is one of each day.
        seconds: How long they were together, of a day within it.
        uptime: The share of all rented seconds that they alone would leave, of a day the share of
            its own.
    """

    name: str
    count: int
    seconds: int
    uptime: Fraction


@frozen(kw_only=True)
class UptimeEstimate(Tabular):
    """Uptime by the evidence, and how sure it is.

    Attributes:
        uptime: The share of rented seconds in which the machine was up, exact.
        low: Lower end of the interval.
        high: Upper end of the interval.
        confidence: The share of such intervals that hold the true uptime.
        rented_seconds: Seconds of rental looked at.
        ignored_seconds: Seconds of outages outside of rentals, which count for nothing.
        bands: The outages within rentals by their length, all bands, the shortest first.
        days: The days of UTC with outages within rentals, that of the lowest uptime first; a day
            that is not there had none.
    """

    uptime: Fraction
    low: Fraction
    high: Fraction
    confidence: Fraction
    rented_seconds: int
    ignored_seconds: int = 0
    bands: tuple[OutageBand, ...] = field(repr=brief)
    days: tuple[OutageBand, ...] = field(repr=brief)

    @property
    def outages(self) -> int:
        """How many outages there were within rentals."""
        return sum(band.count for band in self.bands)

    def _rows(self) -> Iterable[object]:
        return (*self.bands, *self.days)

    def table(self) -> ResultTable:
        """Return a row for each length of outage and each of the ten worst days."""
        level = f"{float(100 * self.confidence):g} %"
        ends = f"{level}: {float(self.low):.4%} to {float(self.high):.4%}"
        days = self.rented_seconds / SECONDS_PER_DAY
        title = f"uptime {float(self.uptime):.4%} ({ends}) of {days:.1f} rented days"
        rows = [
            (
                each.name,
                f"{each.count:,}",
                f"{each.seconds / SECONDS_PER_HOUR:.2f}",
                f"{float(each.uptime):.4%}",
            )
            for each in (*self.bands, *self.days[:_SHOWN])
        ]
        head = ("outages", "count", "hours", "uptime")
        notes = ignored_note(self.ignored_seconds)
        return ResultTable(title=title, head=head, rows=tuple(rows), notes=notes)


def _risk(value: Exact, path: str) -> float:
    share = fraction(value, path, below_one=True)
    if not share:
        raise RuleViolation(path, "a share above 0 and below 1", "0")
    return float(share)


def _lengths(history: UptimeHistory) -> list[int]:
    check_kind(history, UptimeHistory, "history")
    if not history.rented_seconds:
        raise RuleViolation("history", "at least one rental", "none")
    return [length for _, length in history.down_within_rentals()]


def estimate_uptime(
    history: UptimeHistory,
    *,
    confidence: Exact = "0.95",
    unseen: timedelta = timedelta(hours=1),
) -> UptimeEstimate:
    """Return the uptime of a machine by its outages, with an interval.

    Args:
        history: When the machine was rented, and when it was down.
        confidence: The share of such intervals that hold the true uptime, above 0 and below 1.
        unseen: How long an outage may be, at the least, that did not come yet.

    Raises:
        WrongType: A ``float``, or an ``unseen`` that is no ``timedelta``.
        RuleViolation: No rental, a confidence out of range, or an ``unseen`` of no time.

    >>> from datetime import UTC, datetime, timedelta
    >>> from numgenius_core import Interval
    >>> from numgenius_core.sla import Outage, UptimeHistory, estimate_uptime
    >>> july = datetime(2026, 7, 1, tzinfo=UTC)
    >>> outages = [Outage(period=Interval(july + timedelta(days=day), july + timedelta(days=day,
    ...            minutes=20))) for day in range(0, 30, 3)]
    >>> history = UptimeHistory(rentals=[Interval(july, july + timedelta(days=30))],
    ...                         outages=outages)
    >>> print(str(estimate_uptime(history)).splitlines()[0])
    uptime 99.5370% (95 %: 98.9429% to 99.7780%) of 30.0 rented days
    """
    lengths = _lengths(history)
    half = (1 - _risk(confidence, "confidence")) / 2
    rented = history.rented_seconds
    most = _downtime_above(lengths, 1 - half, length_in_seconds(unseen, "unseen"))
    least = _downtime_below(lengths, half)
    return UptimeEstimate(
        uptime=1 - Fraction(sum(lengths), rented),
        low=_uptime(most, rented),
        high=_uptime(least, rented),
        confidence=fraction(confidence, "confidence"),
        rented_seconds=rented,
        ignored_seconds=history.ignored_seconds,
        bands=_bands(lengths, rented),
        days=_worst_days(history),
    )


def sustainable_claim(
    history: UptimeHistory, *, risk: Exact = "0.05", unseen: timedelta = timedelta(hours=1)
) -> Fraction | None:
    """Return the highest claim that the evidence sustains at a chosen risk.

    It is the lower bound of the true uptime that is wrong with the probability ``risk``, rounded
    down to five decimals, at most 0.99999; ``None`` where not even 0.00001 is sustained.

    Args:
        history: When the machine was rented, and when it was down.
        risk: How probable it may be that the true uptime is below the claim, above 0 and below 1.
        unseen: How long an outage may be, at the least, that did not come yet.

    Raises:
        WrongType: A ``float``, or an ``unseen`` that is no ``timedelta``.
        RuleViolation: No rental, a risk out of range, or an ``unseen`` of no time.

    >>> from datetime import UTC, datetime, timedelta
    >>> from numgenius_core import Interval
    >>> from numgenius_core.sla import UptimeHistory, sustainable_claim
    >>> july = datetime(2026, 7, 1, tzinfo=UTC)
    >>> never_down = UptimeHistory(rentals=[Interval(july, july + timedelta(days=90))])
    >>> float(sustainable_claim(never_down))  # 90 days without an outage are no 100 %
    0.99861
    """
    lengths = _lengths(history)
    chance = 1 - _risk(risk, "risk")
    most = _downtime_above(lengths, chance, length_in_seconds(unseen, "unseen"))
    bound = _uptime(most, history.rented_seconds)
    claim = min(Fraction(int(bound * _CLAIM_PARTS), _CLAIM_PARTS), MAX_CLAIM)
    return claim or None


def _bands(lengths: list[int], rented: int) -> tuple[OutageBand, ...]:
    found, low = [], 0
    for name, high in _BANDS:
        held = [length for length in lengths if low <= length and (high is None or length < high)]
        left = 1 - Fraction(sum(held), rented)
        found.append(OutageBand(name=name, count=len(held), seconds=sum(held), uptime=left))
        low = high or low
    return tuple(found)


def _worst_days(history: UptimeHistory) -> tuple[OutageBand, ...]:
    """Return the days with outages by their uptime, the lowest first, then in order of time."""
    counts: Counter[int] = Counter()
    for start, length in history.down_within_rentals():
        last = (start + length - 1) // SECONDS_PER_DAY
        counts.update(range(start // SECONDS_PER_DAY, last + 1))
    found = [
        OutageBand(
            name=f"{_FIRST_DAY + timedelta(days=day)}",
            count=counts[day],
            seconds=down,
            uptime=1 - Fraction(down, intended),
        )
        for day, intended, down in history._days  # nothing is forgiven here
        if down
    ]
    return tuple(sorted(found, key=lambda day: day.uptime))


def _uptime(down: float, rented: int) -> Fraction:
    return max(Fraction(0), 1 - Fraction(down) / rented)


# -- the interval of Fay and Feuer -------------------------------------------------------------


def _downtime_above(lengths: list[int], chance: float, unseen: int) -> float:
    """Return what the expected downtime is below with a probability, seconds."""
    longest = max([unseen, *lengths])
    total, squares = sum(lengths) + longest, sum(n * n for n in lengths) + longest * longest
    return _gamma_quantile(chance, total * total / squares) * squares / total


def _downtime_below(lengths: list[int], chance: float) -> float:
    """Return what the expected downtime is below with a small probability, seconds."""
    total, squares = sum(lengths), sum(n * n for n in lengths)
    if not total:
        return 0.0
    return _gamma_quantile(chance, total * total / squares) * squares / total


@lru_cache(maxsize=256)
def _gamma_quantile(chance: float, shape: float) -> float:
    """Return x below which a gamma law of scale 1 lies with a probability."""
    low, high = 0.0, shape + 1
    while _gamma_share(high, shape) < chance:
        high *= 2
    for _ in range(_HALVINGS):  # halving needs no derivative and cannot miss
        middle = (low + high) / 2
        low, high = (middle, high) if _gamma_share(middle, shape) < chance else (low, middle)
    return low


def _gamma_share(x: float, shape: float) -> float:
    """Return the share of a gamma law of scale 1 below x (Abramowitz and Stegun, 6.5)."""
    if x <= 0:
        return 0.0
    front = exp(shape * log(x) - x - lgamma(shape))
    if x < shape + 1:  # the series 6.5.29
        term = total = 1 / shape
        step = 0
        while term > total * _CLOSE:
            step += 1
            term *= x / (shape + step)
            total += term
        return min(1.0, front * total)
    # the continued fraction 6.5.31 of what lies above, by Lentz's method
    below = x + 1 - shape
    ratio = above = 1 / below
    upper, change, step = 1 / _TINY, 2.0, 0
    while abs(change - 1) > _CLOSE:
        step += 1
        factor = step * (shape - step)
        below += 2
        ratio = 1 / (factor * ratio + below)
        upper = below + factor / upper
        change = ratio * upper
        above *= change
    return 1 - front * above
