"""What figures of simulations are called in tables and pictures: their unit, time and level."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from numgenius_core.units import SECONDS_PER_DAY, SECONDS_PER_HOUR

if TYPE_CHECKING:
    from fractions import Fraction

    from numgenius_core.whatif.estimate import Estimate
    from numgenius_core.whatif.scenario import Option

_Named: TypeAlias = "str | Callable[..., Any]"

DOLLARS: Final = ("profit", "payout", "revenue", "power")
SHARES: Final = ("occupancy", "unserved")
COUNTS: Final = ("requests", "rented", "pauses", "gpu_seconds", "free", "unusable")
LEAST_IS_BEST: Final = ("power", "unserved", "pauses", "free", "unusable")
"""Figures of which a host wants as little as can be; of all others as much."""
_MEANS: Final = (*SHARES, "free", "unusable")  # over the horizon, however long that is
_NO_POWER: Final = "no power price"
_UNITS: Final = {
    "price": "$ per GPU-hour",
    "min_bid": "$ per GPU-hour",
    "min_gpu": "GPUs",
    "max_discount": "of 1",
}
_FIGURE_UNITS: Final = {
    **dict.fromkeys(SHARES, "%"),
    "requests": "clients",
    "rented": "clients",
    "pauses": "count",
    "gpu_seconds": "GPU-seconds",
    "free": "GPUs",
    "unusable": "GPUs",
}


def heading(measure: _Named) -> str:
    """Return a figure's name with its unit."""
    name = name_of(measure)
    return f"{name} $" if name in DOLLARS else name


def name_of(measure: _Named) -> str:
    """Return a figure's name; that of a function is its own."""
    return measure if isinstance(measure, str) else getattr(measure, "__name__", "figure")


def scale_of(measure: _Named) -> int:
    """Return by how much a figure is multiplied where it is shown: shares are per cent."""
    return 100 if measure in SHARES else 1


def cell(found: Estimate, measure: _Named) -> str:
    """Return an estimate of a figure as text."""
    if measure in SHARES:
        return f"{found.text(1, scale_of(measure))} %"
    return found.text(2)


def percent(share: Fraction) -> str:
    """Return the share of intervals that hold the truth as text, such as ``95 %``."""
    return f"{float(100 * share):g} %"


def time_of(seconds: int) -> str:
    """Return how long a horizon is: in days, or shorter ones in hours or seconds."""
    for unit, each in (("d", SECONDS_PER_DAY), ("h", SECONDS_PER_HOUR)):
        if seconds >= each:
            return f"{round(seconds / each, 2):,g} {unit}"
    return f"{seconds} s"


def title_of(
    options: Sequence[Option], measures: Iterable[_Named], estimates: Iterable[Estimate]
) -> str:
    """Return over which time the figures of options are, how sure, and what profit leaves out."""
    parts = [f"in {_time(options)}"]
    levels = {one.confidence for one in estimates if one.half_width is not None}
    parts += [f"± is half of the {percent(level)} interval" for level in sorted(levels)]
    if "profit" in measures and _lacks_power(options):
        parts.append(f"{_NO_POWER}: profit is the payout")
    return "; ".join(parts)


def axis_of(options: Sequence[Option], measure: _Named) -> str:
    """Return what a figure of options is called on an axis."""
    name = name_of(measure)
    label = name if measure in _MEANS else f"{name} in {_time(options)}"
    if name not in DOLLARS:
        return f"{label} ({_FIGURE_UNITS[name]})" if name in _FIGURE_UNITS else label
    lacks = f", {_NO_POWER}" if name == "profit" and _lacks_power(options) else ""
    return f"{label} (${lacks})"


def setting_of(name: str) -> str:
    """Return what a thing varied is called on an axis."""
    return f"{name} ({_UNITS[name]})" if name in _UNITS else name


def _time(options: Sequence[Option]) -> str:
    """Return the time that is simulated, of options that differ the shortest and the longest."""
    times = {one.scenario.horizon.seconds for one in options}
    return " to ".join(time_of(each) for each in sorted({min(times), max(times)}))


def _lacks_power(options: Sequence[Option]) -> bool:
    return any(one.scenario.power is None for one in options)
