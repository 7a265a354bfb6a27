"""Pictures of promises of uptime: the schedules behind them, and a backtest day by day."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import nan
from typing import TYPE_CHECKING, Final, Literal

from numgenius_core._checks import check_kind
from numgenius_core._terms import DEFAULT_SPREAD, PARTS, Promise
from numgenius_core.errors import RuleViolation
from numgenius_core.plots._style import (
    Look,
    legend_of,
    look_of,
    name_axes,
    number_of,
    panels,
    plain_numbers,
    whole_numbers,
)
from numgenius_core.sla.backtests import Backtest
from numgenius_core.sla.schedules import OUR_RULES, SlaRules, credit_parts
from numgenius_core.sla.terms import SlaTerms
from numgenius_core.units import Exact

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_POINTS: Final = 200  # of a curve
_SPREADS: Final = (Fraction(1), DEFAULT_SPREAD, Fraction(1, 5))
_LINES: Final = ("--", "-", ":")


def promise_schedules(
    rules: SlaRules = OUR_RULES,
    *,
    claim: Exact = "0.99",
    target: Exact = "0.95",
    axes: Sequence[Axes] | None = None,
    style: Literal["light", "dark"] = "light",
) -> tuple[Axes, Axes]:
    """Draw what a promise costs by its target, and what it pays back by the blend of a day.

    Args:
        rules: The schedules; ours by default.
        claim: Of the fees, for three spreads.
        target: Of the credits.
        axes: Two to draw on, for the fee and for the credit; by default those of a new figure.
        style: ``light`` (for print and light pages) or ``dark``.

    Raises:
        MissingExtra: matplotlib is not installed.
        RuleViolation: A claim or target out of range, or a target above the claim.

    >>> from numgenius_core.plots import promise_schedules
    >>> above, below = promise_schedules(claim="0.99", target="0.95")
    >>> below.get_xlabel()
    'blend of the day (%)'
    """
    check_kind(rules, SlaRules, "rules")
    asked = SlaTerms(Promise(claim), target)
    above, below = panels(axes, 2, style, (6.4, 5.8))
    look, top = look_of(style), asked.promise.claim
    lowest = min(Fraction(1, 100), asked.target / 2)
    least = max(lowest, 1 - 3 * (1 - asked.target))
    for spread, line, colour in zip(_SPREADS, _LINES, look.colours, strict=False):
        promise = Promise(top, spread)
        steps = [least + (top - least) * point / _POINTS for point in range(_POINTS + 1)]
        targets = [Fraction(int(step * PARTS), PARTS) for step in steps]
        shares = [100 * float(rules.fee.factor(SlaTerms(promise, each))) for each in targets]
        at = [100 * float(each) for each in targets]
        label = f"spread {float(spread):g}"
        above.plot(at, shares, color=colour, linestyle=line, linewidth=2, label=label)
    above.set(ylim=(0, None))
    name_axes(above, x="target (%)", y=f"fee (% of the price),\nclaim {float(top):.5g}")
    for axis in (above.xaxis, above.yaxis, below.xaxis):
        plain_numbers(axis)
    above.tick_params(labelbottom=True)  # of another quantity than the axis below
    legend_of(above, look, "above")
    low, whole = int(least * PARTS), asked.target_parts
    blends = [low + (PARTS - low) * point // _POINTS for point in range(_POINTS + 1)]
    credits_ = [
        0.0 if blend >= whole else 100 * credit_parts(rules.credit, whole, blend) / PARTS
        for blend in blends
    ]
    at = [100 * blend / PARTS for blend in blends]
    below.plot(at, credits_, color=look.colours[1], linewidth=2)
    below.axvline(100 * whole / PARTS, color=look.ink, linestyle=":", linewidth=1)
    below.set(xlim=(at[0], at[-1]), ylim=(0, None))
    credit = f"credit (% of the day),\ntarget {float(asked.target):.5g}"
    name_axes(below, x="blend of the day (%)", y=credit)
    return above, below


def sla_backtest(
    tried: Backtest,
    *,
    axes: Sequence[Axes] | None = None,
    style: Literal["light", "dark"] = "light",
) -> tuple[Axes, Axes]:
    """Draw a backtest: uptime and blend beside the target, and fees and credits, day by day.

    Days without rental have no point, and no line runs through them; credits point down, the host's
    part of them above the platform's.

    Args:
        tried: The backtest, with at least one day of rental.
        axes: Two to draw on, for the uptime and for the money; by default those of a new figure.
        style: ``light`` (for print and light pages) or ``dark``.

    Raises:
        MissingExtra: matplotlib is not installed.
        RuleViolation: No day of rental.

    >>> from datetime import UTC, datetime, timedelta
    >>> from numgenius_core import Interval, PerHour
    >>> from numgenius_core.plots import sla_backtest
    >>> from numgenius_core.sla import OutageRate, Promise, backtest, simulate_outages
    >>> july = datetime(2026, 7, 1, tzinfo=UTC)
    >>> month = Interval(july, july + timedelta(days=30))
    >>> history = simulate_outages(month, OutageRate(per_day=1, length=timedelta(minutes=30)))
    >>> above, below = sla_backtest(backtest(history, PerHour("3.50"), Promise("0.99")))
    >>> above.get_ylabel(), below.get_ylabel()
    ('uptime (%)', 'fees, credits ($)')
    """
    check_kind(tried, Backtest, "tried")
    settled = tried.settlement
    days = [(at, day) for at, day in enumerate(settled.days) if day.intended]
    if not days:
        raise RuleViolation("tried", "at least one day of rental", "none")
    above, below = panels(axes, 2, style, (6.4, 5.2))
    look = look_of(style)
    at = [index for index, _ in days]
    up = [100 * float(day.uptime or 0) for _, day in days]
    blend = [100 * float(day.blend or 0) for _, day in days]
    target = 100 * float(settled.cover.terms.target)
    above.plot(at, up, linestyle="", marker="o", markersize=3, color=look.colours[0], label="day")
    _draw_blend(above, look, at, blend)
    above.axhline(target, color=look.ink, linestyle=":", linewidth=1, label="target")
    name_axes(above, y="uptime (%)")
    legend_of(above, look, "above")
    fees = [number_of(day.fee, "fee") for _, day in days]
    by_host = [-number_of(day.escrow_to_client, "credit") for _, day in days]
    by_platform = [-number_of(day.from_platform, "credit") for _, day in days]
    label = "credit, by the host" if any(by_platform) else "credit"
    below.bar(at, fees, color=look.colours[0], width=0.9, label="fee")
    if any(by_host):
        below.bar(at, by_host, color=look.colours[1], width=0.9, hatch="//", label=label)
    if any(by_platform):  # of its own fee, so that the client gets all of the credit
        colour, label = look.colours[2], "credit, by the platform"
        below.bar(at, by_platform, bottom=by_host, color=colour, width=0.9, label=label)
    paid = "fees, credits ($)" if any(by_host) or any(by_platform) else "fees ($); no credits"
    name_axes(below, x=f"days since {settled.days[0].day:%Y-%m-%d}", y=paid)
    whole_numbers(below)
    legend_of(below, look, "above")
    return above, below


def _draw_blend(axes: Axes, look: Look, days: list[int], blend: list[float]) -> None:
    """Draw a line over days that follow each other, and a dash where one is alone.

    A day without rental has no blend, so no line runs through it.
    """
    known = dict(zip(days, blend, strict=True))
    at = range(days[0], days[-1] + 1)
    alone = [i for i, day in enumerate(at) if {day - 1, day, day + 1} & known.keys() == {day}]
    axes.plot(
        at,
        [known.get(day, nan) for day in at],
        color=look.colours[1],
        linewidth=1.5,
        marker="_",
        markersize=7,
        markeredgewidth=1.5,
        markevery=alone,
        label="blend",
    )
