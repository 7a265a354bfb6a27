"""What to bid, on the record of a price: how often it runs, what it pays, how often it pauses.

Rule (hosting guide, G7): "the highest bid runs, the others are paused". On a *price series*, the
price being the lowest bid that runs, a bid runs whenever it is at least the price.

Our readings: a price holds from its time stamp to the next one, the last to the series' end, which
is its last time stamp unless another is given. An *interruption* is a change of price at which a
bid that ran no longer does. Availability is the share of the whole span, the mean price paid is
over the time that the bid ran, weighted by time, and interruptions a day are over the whole span.
(With these the record of a cloud's spot market gives what its study published.)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from fractions import Fraction
from itertools import pairwise
from typing import Self

from attrs import field, frozen

from numgenius_core._tables import ResultTable
from numgenius_core.errors import RuleViolation, WrongType, shown
from numgenius_core.intervals import Interval, total_seconds, utc
from numgenius_core.listing import as_tuple, check_kind
from numgenius_core.money import TICKS_PER_DOLLAR, Money, PerHour
from numgenius_core.units import SECONDS_PER_DAY, SECONDS_PER_HOUR, Amount, fraction

__all__ = ["BidOutcome", "BidPlan", "PriceSeries", "plan_bids"]


@frozen(kw_only=True)
class PriceSeries:
    """A price over time, dollars per hour for a whole instance.

    Attributes:
        instants: When each price begins to hold, ascending.
        prices: The prices.
        end: When the last one ends.

    Raises:
        WrongType: Something of the wrong type.
        RuleViolation: Instants that do not ascend, another number of prices, or no time at all.
    """

    instants: tuple[datetime, ...]
    prices: tuple[PerHour, ...]
    end: datetime
    seconds: tuple[int, ...] = field(init=False, repr=False, eq=False)
    """Seconds from the start to each instant, and to the end."""

    def __attrs_post_init__(self) -> None:
        instants = tuple(
            utc(at, f"instants[{i}]") for i, at in enumerate(as_tuple(self.instants, "instants"))
        )
        object.__setattr__(self, "instants", instants)
        object.__setattr__(self, "end", utc(self.end, "end"))
        object.__setattr__(self, "prices", as_tuple(self.prices, "prices"))
        if not instants or len(instants) != len(self.prices):
            got = f"{len(instants)} instant(s), {len(self.prices)} price(s)"
            raise RuleViolation("prices", "one price for each instant, and at least one", got)
        for index, price in enumerate(self.prices):
            check_kind(price, PerHour, f"prices[{index}]")
        edges = (*instants, self.end)
        for index, (before, at) in enumerate(pairwise(edges)):
            if at < before or (at == before and index < len(instants) - 1):
                raise RuleViolation(f"instants[{index + 1}]", f"after {before}", str(at))
        seconds = tuple(total_seconds(instants[0], at) for at in edges)
        if not seconds[-1]:
            raise RuleViolation("end", f"an instant after {instants[0]}", str(self.end))
        object.__setattr__(self, "seconds", seconds)

    @classmethod
    def of(
        cls, pairs: Iterable[tuple[datetime, Amount | PerHour]], end: datetime | None = None
    ) -> Self:
        """Return the series of ``(instant, price)`` pairs, as a file gives them.

        Args:
            pairs: In order of time; a price is dollars per hour, exact.
            end: When the last price ends; by default its own instant.
        """
        known = as_tuple(pairs, "pairs")
        try:
            instants = tuple(at for at, _ in known)
        except (TypeError, ValueError):
            raise WrongType("pairs", "pairs of an instant and a price", shown(known)) from None
        if not known:
            raise RuleViolation("pairs", "at least one", "none")
        prices = tuple(p if isinstance(p, PerHour) else PerHour(p) for _, p in known)
        return cls(instants=instants, prices=prices, end=instants[-1] if end is None else end)

    @property
    def span(self) -> Interval:
        """From the first instant to the end."""
        return Interval(self.instants[0], self.end)

    def runs(self, bid: PerHour) -> tuple[tuple[int, int], ...]:
        """Return when a bid runs, as ``(from, to)`` in seconds from the start, joined.

        Raises:
            WrongType: It is no ``PerHour``.
        """
        check_kind(bid, PerHour, "bid")
        most = bid.steps
        found: list[tuple[int, int]] = []
        for price, (start, end) in zip(self.prices, pairwise(self.seconds), strict=True):
            if price.steps > most or start == end:
                continue
            if found and found[-1][1] == start:
                found[-1] = found[-1][0], end
            else:
                found.append((start, end))
        return tuple(found)


@frozen(kw_only=True)
class BidOutcome:
    """How one bid would have fared.

    Attributes:
        bid: Dollars per hour for the whole instance.
        seconds: Length of the series.
        running: Seconds that it ran.
        paid: What those cost at the price; at its own bid, they cost ``bid.charge(running)``.
        interruptions: How often it was paused.
    """

    bid: PerHour
    seconds: int
    running: int
    paid: Money
    interruptions: int

    @property
    def availability(self) -> Fraction:
        """Share of the time that it ran."""
        return Fraction(self.running, self.seconds)

    @property
    def mean_price(self) -> Fraction | None:
        """Mean price paid while it ran, dollars per hour; ``None`` if it never did."""
        if not self.running:
            return None
        return Fraction(self.paid.ticks * SECONDS_PER_HOUR, TICKS_PER_DOLLAR * self.running)

    @property
    def per_day(self) -> Fraction:
        """Interruptions a day."""
        return Fraction(self.interruptions * SECONDS_PER_DAY, self.seconds)


@frozen(kw_only=True)
class BidPlan:
    """How several bids would have fared.

    Attributes:
        bids: One outcome for each bid, in the order asked for.
    """

    bids: tuple[BidOutcome, ...]

    def cheapest(self, availability: Amount | Fraction) -> BidOutcome | None:
        """Return the lowest bid that ran for at least a share of the time, if one did.

        Raises:
            WrongType: It is a ``float`` or no number.
            RuleViolation: It is below 0 or above 1.
        """
        least = fraction(availability, "availability")
        good = [one for one in self.bids if one.availability >= least]
        return min(good, key=lambda one: one.bid.steps, default=None)

    def table(self) -> ResultTable:
        """Return the figures of each bid."""
        rows = [
            (
                f"{one.bid}",
                f"{100 * float(one.availability):.2f} %",
                "–" if one.mean_price is None else f"{float(one.mean_price):.4f}",
                f"{float(one.per_day):.2f}",
            )
            for one in self.bids
        ]
        head = ("bid $/h", "available", "mean price $/h", "interruptions a day")
        return ResultTable(title="", head=head, rows=tuple(rows))

    def __str__(self) -> str:
        return str(self.table())

    def _repr_html_(self) -> str:
        """Return the table as a notebook shows it."""
        return self.table()._repr_html_()


def plan_bids(series: PriceSeries, bids: Sequence[PerHour]) -> BidPlan:
    """Return how each bid would have fared on a price series.

    Args:
        series: What the lowest bid that runs was, over time.
        bids: Dollars per hour for the whole instance.

    Raises:
        WrongType: Something of the wrong type.
    """
    check_kind(series, PriceSeries, "series")
    known = as_tuple(bids, "bids")
    for index, bid in enumerate(known):
        check_kind(bid, PerHour, f"bids[{index}]")
    return BidPlan(bids=tuple(_fare(series, bid) for bid in known))


def _fare(series: PriceSeries, bid: PerHour) -> BidOutcome:
    most, running, weighted = bid.steps, 0, 0
    for price, (start, end) in zip(series.prices, pairwise(series.seconds), strict=True):
        if price.steps <= most:
            running += end - start
            weighted += price.steps * (end - start)
    stops = sum(a.steps <= most < b.steps for a, b in pairwise(series.prices))
    return BidOutcome(
        bid=bid,
        seconds=series.seconds[-1],
        running=running,
        paid=PerHour.from_steps(weighted).charge(1),  # price × seconds, summed, is exact
        interruptions=stops,
    )
