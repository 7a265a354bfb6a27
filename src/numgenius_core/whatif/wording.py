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
_MEANS: Final = (*SHARES, "free", "unusable")  # over the horizon, however long that is
_NO_POWER: Final = "no power price"
_UNITS: Final = {
    "price": "$ per GPU-hour",
    "min_bid": "$ per GPU-hour",
    "min_gpu": "GPUs",
    "max_discount": "of 1",
}


def heading(measure: _Named) -> str:
    """Return a figure's name with its unit."""
    name = _name(measure)
    return f"{name} $" if name in DOLLARS else name


def cell(found: Estimate, measure: _Named) -> str:
    """Return an estimate of a figure as text."""
    return f"{found.text(1, 100)} %" if measure in SHARES else found.text(2)


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
    name = _name(measure)
    label = name if measure in _MEANS else f"{name} in {_time(options)}"
    if name not in DOLLARS:
        return label
    lacks = f", {_NO_POWER}" if name == "profit" and _lacks_power(options) else ""
    return f"{label} (${lacks})"


def setting_of(name: str) -> str:
    """Return what a thing varied is called on an axis."""
    return f"{name} ({_UNITS[name]})" if name in _UNITS else name


def _name(measure: _Named) -> str:
    return measure if isinstance(measure, str) else getattr(measure, "__name__", "figure")


def _time(options: Sequence[Option]) -> str:
    """Return the time that is simulated, of options that differ the shortest and the longest."""
    times = {one.scenario.horizon.seconds for one in options}
    return " to ".join(time_of(each) for each in sorted({min(times), max(times)}))


def _lacks_power(options: Sequence[Option]) -> bool:
    return any(one.scenario.power is None for one in options)
