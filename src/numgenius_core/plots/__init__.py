"""Pictures of the library's values, drawn with matplotlib (extra ``plot``).

Each function draws on the axes given, or on those of a new figure, and returns them:
``axes.figure.savefig("picture.svg")`` writes the file, and a notebook shows ``axes.figure``.
Names and labels are written as they are: what stands between two ``$`` is no formula.
"""

from __future__ import annotations

from numgenius_core.plots.charts import (
    bid_availability,
    discount_curve,
    price_ladder,
    revenue_curve,
    sweep_heat_map,
)
from numgenius_core.plots.promises import promise_schedules, sla_backtest
from numgenius_core.plots.timeline import machine_timeline

__all__ = [
    "bid_availability",
    "discount_curve",
    "machine_timeline",
    "price_ladder",
    "promise_schedules",
    "revenue_curve",
    "sla_backtest",
    "sweep_heat_map",
]


def __dir__() -> list[str]:
    """Return what there is to use."""
    return sorted(__all__)
