"""A demand made to resemble what was seen: a price and occupancy history, or recorded rentals.

From prices and occupancy (:func:`fit`). A machine's occupancy shows the requests that it *served*.
Those that it lost when it was full are added back: of an offered load A, c servers serve
A · (1 − B(A, c)), B the Erlang loss formula, and this is solved for A. A server is a group of GPUs
of the average size. The offered load is then taken to fall with the price at a constant elasticity
e, load = load₀ · (p₀ / p)^e, whose logarithms lie on a line: least squares, weighted by time.

From rentals (:func:`resembling`). Arrivals, sizes, modes, stays and bids as often as they were.

Our readings: p₀ is the lowest price seen, and no demand is invented below it. Time at full
occupancy tells only that demand was large; it is left out. What clients who were turned away
wanted is not in recorded rentals.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from decimal import Decimal
from fractions import Fraction
from math import exp, log
from typing import Final

from attrs import field, frozen

from numgenius_core._checks import MAX_GPUS, as_tuple, check_kind
from numgenius_core._numbers import PICO, fraction, whole_number
from numgenius_core.billing.history import History
from numgenius_core.contracts.life import InstanceState
from numgenius_core.errors import RuleViolation, WrongType, shown
from numgenius_core.intervals import Interval, total_seconds
from numgenius_core.listing import Mode
from numgenius_core.rates import PerGpuHour
from numgenius_core.units import SECONDS_PER_DAY, SECONDS_PER_HOUR, Exact
from numgenius_core.whatif.demand import Demand, Request, Trace
from numgenius_core.whatif.distributions import Distribution, Observed, Pareto

_HALVINGS: Final = 200


def _occupied(value: Exact) -> Fraction:
    return fraction(value, "observation.occupied")


@frozen(kw_only=True)
class Observation:
    """How much of a machine was rented while it had a price.

    Attributes:
        price: Price on demand, dollars per GPU-hour: above zero.
        occupied: Share of the machine's GPU time that was rented, from 0 to 1.
        seconds: How long the machine had that price.

    Raises:
        RuleViolation: A price of zero, a share outside of 0 to 1, or no second.

    >>> from numgenius_core import PerGpuHour
    >>> from numgenius_core.whatif import Observation
    >>> Observation(price=PerGpuHour("0.40"), occupied="0.9", seconds=86_400).occupied
    Fraction(9, 10)
    """

    price: PerGpuHour
    occupied: Fraction = field(converter=_occupied)
    seconds: int

    def __attrs_post_init__(self) -> None:
        check_kind(self.price, PerGpuHour, "observation.price")
        if not self.price:
            raise RuleViolation("observation.price", "a price above zero", "0")
        whole_number(self.seconds, "observation.seconds", 1)


def erlang_b(load: float, servers: int) -> float:
    """Return the share of requests that are lost when all servers are busy.

    Args:
        load: Requests that arrive during the average stay.
        servers: How many can be served at once.

    Raises:
        RuleViolation: A load that is not finite or negative, or no server.

    >>> from numgenius_core.whatif.fitting import erlang_b
    >>> round(erlang_b(5.0, 8), 4)
    0.07
    """
    whole_number(servers, "servers", 1, MAX_GPUS)
    if type(load) not in (int, float):
        raise WrongType("load", "a number", shown(load))
    if not 0 <= load < float("inf"):  # also so for NaN
        raise RuleViolation("load", "zero or more, finite", shown(load))
    # Erlang's recursion from no server up: his formula has factorials that floats cannot hold.
    lost = 1.0
    for busy in range(1, servers + 1):
        lost = load * lost / (busy + load * lost)
    return lost


def _offered(carried: float, servers: int) -> float:
    """Return the load of which ``carried`` is served, by halving; served grows with offered."""
    low, high = carried, max(1.0, 2 * carried)
    while high * (1 - erlang_b(high, servers)) < carried:
        low, high = high, 2 * high
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        served = middle * (1 - erlang_b(middle, servers))
        low, high = (middle, high) if served < carried else (low, middle)
    return high


def fit(
    history: Iterable[Observation], *, gpus: int, sizes: Mapping[int, int], stays: Distribution
) -> Demand:
    """Return the demand that a price and occupancy history shows, all of it in on-demand mode.

    Requests that were lost while the machine was full are added back by the Erlang loss formula,
    and the load is taken to fall with the price at a constant elasticity.

    Args:
        history: What was seen, at two prices or more.
        gpus: GPUs of the machine.
        sizes: Weight of each number of GPUs that clients ask for.
        stays: Hours that clients stay.

    Raises:
        RuleViolation: Fewer than two prices at which the machine was partly rented, or occupancy
            that does not fall as the price rises: no elasticity explains that.

    >>> from numgenius_core import PerGpuHour
    >>> from numgenius_core.whatif import Exponential, Observation, fit
    >>> seen = [
    ...     Observation(price=PerGpuHour(price), occupied=occupied, seconds=604_800)
    ...     for price, occupied in (("0.40", "0.8"), ("0.50", "0.6"))
    ... ]
    >>> demand = fit(seen, gpus=8, sizes={1: 1}, stays=Exponential(6))
    >>> f"{float(demand.per_day):.1f} a day, elasticity {float(demand.limits.slope):.2f}"
    '36.0 a day, elasticity 2.44'
    """
    check_kind(stays, Distribution, "stays")
    mix = Demand(per_day=1, sizes=sizes, stays=stays)  # refuses wrong sizes and stays
    whole_number(gpus, "gpus", 1, MAX_GPUS)
    size = sum(s * w for s, w in mix.sizes) / sum(w for _, w in mix.sizes)
    servers = max(1, round(gpus / size))
    points = []
    for index, seen in enumerate(as_tuple(history, "history")):
        check_kind(seen, Observation, f"history[{index}]")
        if 0 < seen.occupied < 1:
            load = _offered(float(seen.occupied) * servers, servers)
            points.append((log(seen.price.steps / PICO), log(load), seen.seconds))
    if len({price for price, _, _ in points}) < 2:
        need = "partly rented time at two prices or more"
        raise RuleViolation("history", need, f"{len(points)} such observation(s)")
    slope, level = _line(points)
    if not slope < 0:
        raise RuleViolation("history", "occupancy that falls as the price rises", "it does not")
    lowest = min(price for price, _, _ in points)
    load = exp(level + slope * lowest)
    per_day = load * SECONDS_PER_DAY / (stays.mean * SECONDS_PER_HOUR)
    limits = Pareto(to_decimal(exp(lowest)), to_decimal(-slope))
    return Demand(per_day=to_decimal(per_day), sizes=mix.sizes, stays=stays, limits=limits)


def _line(points: list[tuple[float, float, int]]) -> tuple[float, float]:
    """Return slope and level of the least-squares line, weighted."""
    weight = sum(w for _, _, w in points)
    x = sum(a * w for a, _, w in points) / weight
    y = sum(b * w for _, b, w in points) / weight
    spread = sum(w * (a - x) ** 2 for a, _, w in points)
    slope = sum(w * (a - x) * (b - y) for a, b, w in points) / spread
    return slope, y - slope * x


def to_decimal(value: float) -> Decimal:
    """Return a fitted number as a parameter, to nine places."""
    return Decimal(f"{value:.9f}")


def recorded(histories: Iterable[History], horizon: Interval) -> Trace:
    """Return the requests that rentals of the past were, as far as they lie in a horizon.

    Each wants its GPUs for as long as they ran within the horizon. Rentals that began before it,
    and those that never ran in it, are left out.

    Args:
        histories: What happened to each instance, as billing reads it.
        horizon: The time that is looked at.

    >>> from datetime import UTC, datetime, timedelta
    >>> from numgenius_core import Interval
    >>> from numgenius_core.whatif import Request, Scenario, Trace, recorded, simulate
    >>> from numgenius_core import Listing, Machine, PerGpuHour, PriceTerms
    >>> monday = datetime(2026, 1, 5, tzinfo=UTC)
    >>> day = Interval(monday, monday + timedelta(days=1))
    >>> machine = Machine(id=7, host="hanna", gpu_name="A100", gpus=4)
    >>> listing = Listing(machine=machine, prices=PriceTerms(gpu=PerGpuHour("2.00")))
    >>> wanted = Trace([Request(after=3_600, gpus=2, seconds=7_200)])
    >>> scenario = Scenario(listings=[listing], demand=wanted, horizon=day)
    >>> past = simulate(scenario, keep_histories=True).histories
    >>> [(one.after, one.gpus, one.seconds) for one in recorded(past, day).requests]
    [(3600, 2, 7200)]
    """
    check_kind(horizon, Interval, "horizon")
    requests = []
    for index, history in enumerate(as_tuple(histories, "histories")):
        check_kind(history, History, f"histories[{index}]")
        contract = history.contract
        ran = _ran(history, horizon)
        if ran and contract.start in horizon:
            request = Request(
                after=total_seconds(horizon.start, contract.start),
                gpus=contract.block.size,
                seconds=ran,
                mode=contract.mode,
                bid=contract.bid,
                disk_mb=contract.disk_mb,
                whole=False,
            )
            requests.append(request)
    return Trace(tuple(requests))


def _ran(history: History, horizon: Interval) -> int:
    """Return the seconds within the horizon that an instance ran."""
    states = [(max(at, horizon.start), state) for at, state in history.states()]
    ran = 0
    for (at, state), (until, _) in zip(states, [*states[1:], (horizon.end, None)], strict=True):
        if state is InstanceState.RUNNING and at < horizon.end:
            ran += max(0, total_seconds(at, min(until, horizon.end)))
    return ran


def resembling(trace: Trace, horizon: Interval) -> Demand:
    """Return a generator of requests like those of a trace: as many, as large, as long.

    Args:
        trace: The requests recorded.
        horizon: The time in which they were.

    Raises:
        RuleViolation: No request within the horizon.

    >>> from datetime import UTC, datetime, timedelta
    >>> from numgenius_core import Interval
    >>> from numgenius_core.whatif import Request, Trace, resembling
    >>> monday = datetime(2026, 1, 5, tzinfo=UTC)
    >>> trace = Trace([Request(after=after, gpus=1, seconds=3_600) for after in (0, 600, 900)])
    >>> demand = resembling(trace, Interval(monday, monday + timedelta(days=1)))
    >>> print(demand.per_day, demand.sizes)
    3.000000000 ((1, 3),)
    """
    check_kind(trace, Trace, "trace")
    seen = trace.draw(horizon, 0).requests
    if not seen:
        raise RuleViolation("trace", "at least one request in the horizon", "none")
    bids = [r.bid.per_gpu(r.gpus).to_decimal() for r in seen if r.bid is not None]
    limits = [r.limit.to_decimal() for r in seen if r.limit is not None]
    priced = all(r.limit is not None for r in seen if r.mode is not Mode.INTERRUPTIBLE)
    stays = [to_decimal(max(r.seconds, 1) / SECONDS_PER_HOUR) for r in seen]
    return Demand(
        per_day=to_decimal(len(seen) * SECONDS_PER_DAY / horizon.seconds),
        sizes=tuple(sorted(Counter(r.gpus for r in seen).items())),
        modes=tuple(Counter(r.mode for r in seen).items()),
        stays=Observed(tuple(stays)),
        limits=Observed(tuple(limits)) if limits and priced else None,
        bids=Observed(tuple(bids)) if bids else None,
    )
