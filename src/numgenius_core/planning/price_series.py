"""The record of a price: what an interruptible had to pay, from when on."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from itertools import pairwise
from typing import Self

from attrs import field, frozen

from numgenius_core._checks import as_tuple, check_kind
from numgenius_core.errors import RuleViolation, WrongType, shown
from numgenius_core.intervals import Interval, total_seconds, utc
from numgenius_core.rates import PerHour
from numgenius_core.units import Amount


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
