"""The pricing rules as columns: a price on any dataframe, from a notebook to a cluster.

Rule: each rule of pricing is written once more, as narwhals expressions, and the same code runs on
pandas (both kinds of types), Polars (eager and lazy), PyArrow, DuckDB, Dask and PySpark. What it
gives is what the scalar rule gives, rounded half-even to a nano-dollar (``Money.to_decimal(9)``),
as int64.

=============================  ==========================================================
quotes, reservations, payouts  :func:`quote`, :func:`reserve`, :func:`payout`
in dollars, to look at         :func:`dollars`
offers, snapshots, who runs    :func:`offer_columns`, :func:`slices`, :func:`resolve`
how much is held               :func:`occupancy`
prices of models, indices      :func:`model_prices`, :func:`basket_price`, :func:`matched_index`,
                               :func:`price_chain`
promises of uptime             :func:`promise_fees`
what a column may be           :class:`Column`, :class:`Columns`, :data:`PICO_COLUMNS`
=============================  ==========================================================
"""

from __future__ import annotations

from importlib.util import find_spec

from numgenius_core.errors import MissingExtra

if find_spec("narwhals") is None:  # pragma: no cover - tested in an environment without it
    raise MissingExtra("pricing dataframes", "frames")

from numgenius_core.frames.columns import PICO_COLUMNS, Column, ColumnNames, Columns
from numgenius_core.frames.fleets import occupancy, offer_columns, resolve, slices
from numgenius_core.frames.payouts import dollars, payout
from numgenius_core.frames.prices import (
    IndexLink,
    ModelPrice,
    ModelPrices,
    PriceChain,
    basket_price,
    matched_index,
    model_prices,
    price_chain,
)
from numgenius_core.frames.promises import promise_fees
from numgenius_core.frames.quotes import quote, reserve

__all__ = [
    "PICO_COLUMNS",
    "Column",
    "ColumnNames",
    "Columns",
    "IndexLink",
    "ModelPrice",
    "ModelPrices",
    "PriceChain",
    "basket_price",
    "dollars",
    "matched_index",
    "model_prices",
    "occupancy",
    "offer_columns",
    "payout",
    "price_chain",
    "promise_fees",
    "quote",
    "reserve",
    "resolve",
    "slices",
]


def __dir__() -> list[str]:
    """Return what there is to use."""
    return sorted(__all__)
