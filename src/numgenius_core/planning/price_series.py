"""The record of a price over time: the lowest bid that would have run, and from when on.

Our reading: a price holds from its instant to the next one, the last to the end of the series,
which is its last instant unless another is given. So the last price of a bare list of changes
holds for no time at all. A bid runs whenever it is at least the price.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from itertools import pairwise
from typing import Self

from attrs import field, frozen

from numgenius_core._checks import as_tuple, check_kind
from numgenius_core.errors import RuleViolation, WrongType, brief, shown
from numgenius_core.intervals import Interval, total_seconds, utc
from numgenius_core.rates import PerHour
from numgenius_core.units import Amount


def prices_of(given: Iterable[PerHour | Amount], path: str) -> tuple[PerHour, ...]:
    """Return prices an hour, each of which may be exact dollars, such as ``"0.35"``.

    Raises:
        WrongType: Something that is neither.
        RuleViolation: Dollars that are no price.
    """
    found = []
    for index, price in enumerate(as_tuple(given, path)):
        try:
            found.append(price if type(price) is PerHour else PerHour(price))
        except RuleViolation as fault:
            raise type(fault)(f"{path}[{index}]", fault.need, fault.got) from None
    return tuple(found)


def _as_prices(given: Iterable[PerHour]) -> tuple[PerHour, ...]:
    return as_tuple(given, "prices")


def _as_instants(given: Iterable[datetime]) -> tuple[datetime, ...]:
    return as_tuple(given, "instants")


@frozen(kw_only=True)
class PriceSeries:
    """A price over time, dollars per hour for a whole instance: the lowest bid that runs.

    :meth:`of` makes one from the pairs of a file.

    Attributes:
        instants: When each price begins to hold, ascending; stored as UTC.
        prices: One price for each instant.
        end: When the last price ceases to hold.

    Raises:
        RuleViolation: Instants that do not ascend or have no time zone, another number of prices,
            or a series of no length.

    >>> from datetime import UTC, datetime, timedelta
    >>> from numgenius_core import PerHour
    >>> from numgenius_core.planning import PriceSeries
    >>> noon = datetime(2026, 1, 5, 12, tzinfo=UTC)
    >>> changes = [(noon, "0.20"), (noon + timedelta(hours=1), "0.35")]
    >>> series = PriceSeries.of(changes, end=noon + timedelta(hours=3))
    >>> series.runs(PerHour("0.30"))  # seconds from the start
    ((0, 3600),)
    """

    instants: tuple[datetime, ...] = field(converter=_as_instants, repr=brief)
    prices: tuple[PerHour, ...] = field(converter=_as_prices, repr=brief)
    end: datetime
    seconds: tuple[int, ...] = field(init=False, repr=False, eq=False)
    """Seconds from the start to each instant, and to the end."""

    def __attrs_post_init__(self) -> None:
        instants = tuple(utc(at, f"instants[{i}]") for i, at in enumerate(self.instants))
        object.__setattr__(self, "instants", instants)
        object.__setattr__(self, "end", utc(self.end, "end"))
        if not instants or len(instants) != len(self.prices):
            got = f"{len(instants)} instant(s), {len(self.prices)} price(s)"
            raise RuleViolation("prices", "one price for each instant, and at least one", got)
        for index, price in enumerate(self.prices):
            check_kind(price, PerHour, f"prices[{index}]")
        edges = (*instants, self.end)
        for index, (before, at) in enumerate(pairwise(edges)):
            last = index == len(instants) - 1  # whose price may hold for no time
            if at < before or (at == before and not last):
                need = f"{'not before' if last and index else 'after'} {before}"
                raise RuleViolation(f"instants[{index + 1}]", need, str(at))
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
            pairs: In order of time; a price is exact dollars per hour for the whole instance.
            end: When the last price ceases to hold; by default its own instant.

        Raises:
            RuleViolation: No pair, instants that do not ascend, or a series of no length.
        """
        known = as_tuple(pairs, "pairs")
        try:
            instants = tuple(at for at, _ in known)
        except (TypeError, ValueError):
            raise WrongType("pairs", "pairs of an instant and a price", shown(known)) from None
        if not known:
            raise RuleViolation("pairs", "at least one", "none")
        prices = prices_of((price for _, price in known), "pairs")
        return cls(instants=instants, prices=prices, end=instants[-1] if end is None else end)

    @property
    def span(self) -> Interval:
        """The time from the first instant to the end."""
        return Interval(self.instants[0], self.end)

    def runs(self, bid: PerHour) -> tuple[tuple[int, int], ...]:
        """Return when a bid runs: ``(from, to)`` in seconds from the start of the series.

        Spans that meet are joined, so between two of them the bid waits.
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
