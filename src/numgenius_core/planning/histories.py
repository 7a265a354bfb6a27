"""Histories of a price in files that people have, as series to plan with.

What a series is, and how long a price holds: ``planning.price_series``. How a table is read:
``wire.tables``.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from numgenius_core.errors import RuleViolation
from numgenius_core.planning.price_series import PriceSeries

if TYPE_CHECKING:
    from numgenius_core.wire import Source


def read_price_series(
    source: Source,
    *,
    time: str | None = None,
    price: str | None = None,
    by: Sequence[str] | None = None,
    naive: Literal["refuse", "utc"] = "refuse",
    header: Sequence[str] | None = None,
    end: datetime | None = None,
) -> dict[str, PriceSeries]:
    """Return the series of prices in a history: a table of times and prices, in any order.

    Read is what AWS's client prints of spot prices (``describe-spot-price-history``), and any table
    or JSON list that has a column of times and one of prices. A file of several zones, instance
    types or products has a series for each, and so has one of several offers (``offer_id``),
    machines (``machine_id``), models (``gpu_name``) or sizes (``num_gpus``).

    A history has changes: a price holds until the next of its series, the last to ``end``. A file
    that has instead what was offered at each of several times does not show here what was gone: an
    offer keeps its last price where later times do not have it, and until it is back.
    ``attrs.evolve(series, end=series.instants[-1])`` ends it where it was last seen; of snapshots
    :class:`~numgenius_core.planning.MarketSeries` tells what was not seen.

    Args:
        source: A ``Path``, the history as text or bytes, or a binary stream.
        time: The column of the times; by default one of the names that histories have.
        price: The column of the prices, dollars per hour; by default likewise.
        by: Columns whose values tell one series from another; by default those of a zone, an
            instance type and a product, as far as they vary, and of an offer, a machine, a model
            and its number, as far as they tell more apart.
        naive: ``"utc"`` takes times without an offset as UTC.
        header: The names of the columns, of a table that has no row of them.
        end: When the last prices cease to hold; by default at the last change of the whole file.

    Returns:
        The series by the values of ``by`` with blanks between them; the only one under ``""``.

    Raises:
        WrongType: ``source`` is nothing that can be read.
        ParseError: It is no table, or lacks the columns; those that are there are named.
        InvalidDocument: Times or prices that are none, two prices of a series at one time, or a
            currency that is not USD, all of them together.
        RuleViolation: A series of no length: its only change is the last of the file (``end`` gives
            it one), as that of an offer that is new there, or ``end`` is before a change.

    >>> from numgenius_core import PerHour
    >>> from numgenius_core.planning import read_price_series
    >>> history = '''{"SpotPriceHistory": [
    ...     {"AvailabilityZone": "east-1b", "SpotPrice": "0.31", "Timestamp": "2026-03-01T14:00Z"},
    ...     {"AvailabilityZone": "east-1a", "SpotPrice": "0.35", "Timestamp": "2026-03-01T13:00Z"},
    ...     {"AvailabilityZone": "east-1b", "SpotPrice": "0.29", "Timestamp": "2026-03-01T12:00Z"}
    ... ]}'''
    >>> zones = read_price_series(history)
    >>> sorted(zones), zones["east-1b"].runs(PerHour("0.30"))  # seconds from its start
    (['east-1a', 'east-1b'], ((0, 7200),))
    """
    from numgenius_core.wire.tables import price_changes  # with cattrs, which plans do not need

    changes = price_changes(source, time=time, price=price, by=by, naive=naive, header=header)
    last = max(series[-1][0] for series in changes.values()) if end is None else end
    found = {}
    for key, series in changes.items():
        try:
            found[key] = PriceSeries.of(series, end=last)
        except RuleViolation as fault:
            if fault.path != "end":
                raise
            path = f"end of {key}" if key else "end"
            raise RuleViolation(path, fault.need, fault.got) from None
    return dict(sorted(found.items()))
