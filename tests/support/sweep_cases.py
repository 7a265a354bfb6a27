"""Variations of a scenario that several tests of sweeps use."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from numgenius_core.intervals import Interval
from numgenius_core.listing import Mode
from numgenius_core.rates import PerGpuHour
from numgenius_core.whatif import (
    Demand,
    LogNormal,
    PerKwh,
    Power,
    Scenario,
    vary,
)
from scenario_parts import listing

START = datetime(2026, 1, 1, tzinfo=UTC)  # each process of a sweep reads this file: no Hypothesis
DEMAND = Demand(
    per_day=60,
    sizes={1: 5, 2: 3, 8: 1},
    stays=LogNormal("1", "1"),
    modes={Mode.ON_DEMAND: 2, Mode.RESERVED: 1, Mode.INTERRUPTIBLE: 2},
    limits=LogNormal("0.45", "0.5"),
    bids=LogNormal("0.20", "0.4"),
)


WEEK = Scenario(
    listings=(listing(), listing(2, 4)),
    demand=DEMAND,
    horizon=Interval(START, START + timedelta(days=3)),
    power=Power(price=PerKwh("0.12"), gpu_watts=300, idle_watts=100),
)


PRICES = tuple(PerGpuHour(p) for p in ("0.30", "0.40", "0.60"))


BY_PRICE = vary(WEEK, price=PRICES)
