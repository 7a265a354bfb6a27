"""What to bid, on the record of a price: how often it runs, what it costs, how often it pauses.

Rule (hosting guide, G7): "the highest bid runs, the others are paused". On a *price series*, the
price being the lowest bid that runs, a bid runs whenever it is at least the price.

Our readings: an *interruption* is a change of price at which a bid that ran no longer does; one at
the very end of the record, where a price holds for no time, is none. Availability is the share of
the whole span, the mean price is over the time that the bid ran, weighted by time, and
interruptions a day are over the whole span. A winner pays its own bid: the mean price is what the
record says of that time, and what it would pay only where winners pay the price. (With these the
record of a cloud's spot market gives what its study published.)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import pairwise

from attrs import field, frozen

from numgenius_core._checks import check_kind
from numgenius_core._numbers import fraction, keep_whole
from numgenius_core._tables import Tabular
from numgenius_core._tables.result import ResultTable
from numgenius_core.errors import brief
from numgenius_core.money import TICKS_PER_DOLLAR, Money
from numgenius_core.planning.price_series import PriceSeries, prices_of
from numgenius_core.rates import PerHour
from numgenius_core.units import SECONDS_PER_DAY, SECONDS_PER_HOUR, Amount, Exact


@frozen(kw_only=True)
class BidOutcome:
    """How one bid would have fared on the record of a price.

    Attributes:
        bid: The bid, dollars per hour for the whole instance.
        seconds: Length of the record.
        running: Seconds that the bid ran.
        cost_at_price: What those would have cost at the price recorded: what a winner pays only
            where winners pay the price. Here it pays its own bid: :attr:`cost`.
        interruptions: How often a change of price paused it.

    Raises:
        RuleViolation: A record of no time.

    >>> from numgenius_core import Money, PerHour
    >>> from numgenius_core.planning import BidOutcome
    >>> of_a_day = BidOutcome(bid=PerHour("0.30"), seconds=86_400, running=21_600,
    ...                       cost_at_price=Money("1.20"), interruptions=2)
    >>> print(of_a_day.availability, of_a_day.cost, of_a_day.mean_price, of_a_day.per_day)
    1/4 1.80 1/5 2
    """

    bid: PerHour
    seconds: int
    running: int
    cost_at_price: Money
    interruptions: int

    def __attrs_post_init__(self) -> None:
        keep_whole(self, "seconds", "bid_outcome.seconds", 1)

    @property
    def availability(self) -> Fraction:
        """Share of the record's time that the bid ran, from 0 to 1."""
        return Fraction(self.running, self.seconds)

    @property
    def cost(self) -> Money:
        """What the time that it ran costs, exact: a winner pays its own bid."""
        return self.bid.charge(self.running)

    @property
    def mean_price(self) -> Fraction | None:
        """Mean price recorded while the bid ran, $/hour; ``None`` if it never ran."""
        if not self.running:
            return None
        return Fraction(
            self.cost_at_price.ticks * SECONDS_PER_HOUR, TICKS_PER_DOLLAR * self.running
        )

    @property
    def per_day(self) -> Fraction:
        """Interruptions a day, on average over the whole record."""
        return Fraction(self.interruptions * SECONDS_PER_DAY, self.seconds)


@frozen(kw_only=True)
class BidPlan(Tabular):
    """How several bids would have fared on the record of a price.

    Attributes:
        bids: One outcome for each bid, in the order asked for.
    """

    bids: tuple[BidOutcome, ...] = field(repr=brief)

    def cheapest(self, availability: Exact) -> BidOutcome | None:
        """Return the lowest bid that ran for at least a share of the time, ``None`` if none did.

        Raises:
            RuleViolation: A share below 0 or above 1.
        """
        least = fraction(availability, "availability")
        good = [one for one in self.bids if one.availability >= least]
        return min(good, key=lambda one: one.bid.steps, default=None)

    def _rows(self) -> Iterable[object]:
        return self.bids

    def table(self) -> ResultTable:
        """Return a row for each bid: availability, cost, recorded price and interruptions a day.

        The cost is at the bid itself, the price is the mean of the record while it ran.
        """
        rows = [
            (
                f"{one.bid}",
                f"{100 * float(one.availability):.2f} %",
                f"{one.cost:,.2f}",
                "–" if one.mean_price is None else f"{float(one.mean_price):.4f}",
                f"{float(one.per_day):.2f}",
            )
            for one in self.bids
        ]
        head = ("bid $/h", "available", "cost $", "recorded price $/h", "interruptions a day")
        return ResultTable(title="", head=head, rows=tuple(rows))


def compare_bids(series: PriceSeries, bids: Sequence[PerHour | Amount]) -> BidPlan:
    """Return how each bid would have fared on the record of a price.

    Args:
        series: The lowest bid that would have run, over time.
        bids: Bids to compare, dollars per hour for the whole instance.

    Raises:
        WrongType: ``series`` is no ``PriceSeries``, or a bid no price an hour.
        RuleViolation: A bid below zero, or finer than a price is.

    >>> from datetime import UTC, datetime, timedelta
    >>> from numgenius_core import PerHour
    >>> from numgenius_core.planning import PriceSeries, compare_bids
    >>> noon = datetime(2026, 1, 5, 12, tzinfo=UTC)
    >>> changes = [(noon, "0.20"), (noon + timedelta(hours=1), "0.35")]
    >>> series = PriceSeries.of(changes, end=noon + timedelta(hours=4))
    >>> for one in compare_bids(series, [PerHour("0.30"), PerHour("0.40")]).bids:
    ...     print(one.bid, one.availability, one.cost, one.interruptions)
    0.30 1/4 0.30 1
    0.40 1 1.60 0
    """
    check_kind(series, PriceSeries, "series")
    return BidPlan(bids=tuple(_fare(series, bid) for bid in prices_of(bids, "bids")))


def _fare(series: PriceSeries, bid: PerHour) -> BidOutcome:
    most, running, weighted = bid.steps, 0, 0
    for price, (start, end) in zip(series.prices, pairwise(series.seconds), strict=True):
        if price.steps <= most:
            running += end - start
            weighted += price.steps * (end - start)
    held = series.prices if series.instants[-1] < series.end else series.prices[:-1]
    stops = sum(a.steps <= most < b.steps for a, b in pairwise(held))
    return BidOutcome(
        bid=bid,
        seconds=series.seconds[-1],
        running=running,
        cost_at_price=PerHour.from_steps(weighted).charge(1),  # price × seconds, summed, is exact
        interruptions=stops,
    )
