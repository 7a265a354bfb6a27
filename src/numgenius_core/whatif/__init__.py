"""What-ifs: simulated demand against a listing, and the questions of a host.

==========================================  =======================================================
who wants GPUs                              :class:`Demand`, :class:`Trace`, :func:`fit`
the same from the market's snapshots        :class:`Arrivals`
if there is no record of that               :func:`preset_demand`
what is listed, and for how long            :class:`Scenario`, :func:`vary`
what comes of it                            :func:`simulate`, :func:`sweep`
the best price, ``min_gpu``, mix, floor     :func:`best_price` and the other questions
==========================================  =======================================================

The rules themselves are played through, not an approximation of them: every amount is exact.
"""

from __future__ import annotations

from numgenius_core.whatif.arrivals import Arrivals
from numgenius_core.whatif.demand import Demand, Request, Trace
from numgenius_core.whatif.distributions import (
    Distribution,
    Exponential,
    LogNormal,
    Observed,
    Pareto,
)
from numgenius_core.whatif.estimate import Estimate
from numgenius_core.whatif.fitting import Observation, fit, recorded, resembling
from numgenius_core.whatif.outcome import Lost, ModeOutcome, Outcome
from numgenius_core.whatif.power import PerKwh, Power
from numgenius_core.whatif.presets import PRESETS, Preset, preset_demand
from numgenius_core.whatif.questions import (
    Answer,
    best_min_gpu,
    best_mix,
    best_price,
    break_even_floor,
    floor_against_power_cost,
    worth_of_discount,
)
from numgenius_core.whatif.scenario import Option, Placement, Relisting, Scenario, vary
from numgenius_core.whatif.simulation import simulate
from numgenius_core.whatif.sweeps import Kept, Measure, Progress, Sweep, sweep

__all__ = [
    "PRESETS",
    "Answer",
    "Arrivals",
    "Demand",
    "Distribution",
    "Estimate",
    "Exponential",
    "Kept",
    "LogNormal",
    "Lost",
    "Measure",
    "ModeOutcome",
    "Observation",
    "Observed",
    "Option",
    "Outcome",
    "Pareto",
    "PerKwh",
    "Placement",
    "Power",
    "Preset",
    "Progress",
    "Relisting",
    "Request",
    "Scenario",
    "Sweep",
    "Trace",
    "best_min_gpu",
    "best_mix",
    "best_price",
    "break_even_floor",
    "fit",
    "floor_against_power_cost",
    "preset_demand",
    "recorded",
    "resembling",
    "simulate",
    "sweep",
    "vary",
    "worth_of_discount",
]


def __dir__() -> list[str]:
    """Return what there is to use."""
    return sorted(__all__)
