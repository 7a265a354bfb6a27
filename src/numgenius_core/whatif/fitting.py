"""A demand made to resemble what was seen: a price and occupancy history, or recorded rentals.

From prices and occupancy (:func:`fit`). A machine's occupancy shows the requests that it *served*.
Those that it lost for want of free GPUs are added back by the loss model of clients of several
sizes. With a_s the GPUs that clients of size s would hold if none were lost, the chance q(j) that
j GPUs are in use follows from j · q(j) = Σ a_s · q(j − s) (Kaufman and Roberts; of one size it is
Erlang's loss formula, and any stays of the same mean give the same). The mean of j is what the
machine shows, and this is solved for the offered load Σ a_s. That load is then taken to fall with
the price at a constant elasticity e, load = load₀ · (p₀ / p)^e, whose logarithms lie on a line:
least squares, weighted by time.

From requests (:func:`resembling`). Arrivals, sizes, modes, stays, limits and bids as often as they
were; of what a demand has one value for, the mean, or a refusal where there is none.

Our readings: p₀ is the lowest price seen, and no demand is invented below it. Time at full
occupancy tells only that demand was large; it is left out. Of several loads that show the same
occupancy the least is taken. The model gives a client any GPUs that are free, the market only a
block, so a simulation of what is fitted stays below the occupancy seen. For clients of one size it
is exact. Measured from 30 to 90 %, it is at most 4 points below for the mixes of the presets on 8
GPUs, at most 7 on 16, and at worst, half of the clients wanting one GPU and half eight of 16, 14.
What clients who were turned away wanted is not in recorded rentals.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from decimal import Decimal
from fractions import Fraction
from math import exp, inf, log
from typing import Final

from attrs import field, frozen

from numgenius_core._checks import MAX_GPUS, as_tuple, check_kind
from numgenius_core._numbers import PICO, fraction, keep_whole, whole_number
from numgenius_core.billing.history import History
from numgenius_core.contracts.life import InstanceState
from numgenius_core.errors import RuleViolation
from numgenius_core.gpus.slicing import offer_sizes
from numgenius_core.intervals import Interval, total_seconds
from numgenius_core.listing import Mode
from numgenius_core.rates import MAX_RATE, PerGpuHour
from numgenius_core.units import SECONDS_PER_DAY, SECONDS_PER_HOUR, Exact
from numgenius_core.whatif.demand import Demand, Request, Trace
from numgenius_core.whatif.distributions import Distribution, Observed, Pareto, mean_of

_HALVINGS: Final = 200
_STEP: Final = 1.25
_LARGE: Final = 1e200
_LARGEST_LOAD: Final = 1e24  # all GPUs that clients can take are in use, as far as floats tell


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
        keep_whole(self, "seconds", "observation.seconds", 1)


def _in_use(load: float, gpus: int, shares: list[tuple[int, float]]) -> float:
    """Return the mean number of GPUs in use, by the recursion of Kaufman and Roberts.

    Args:
        load: GPUs that clients would hold on average if none were lost.
        gpus: GPUs of the machine.
        shares: Of each size, the share that it has of the load.
    """
    chances = [1.0]  # that so many are in use, all times one factor
    for used in range(1, gpus + 1):
        known = [share * chances[used - size] for size, share in shares if size <= used]
        chances.append(load * sum(known) / used)
        if chances[-1] > _LARGE:  # or many GPUs at a high load leave what a float holds
            chances = [chance / _LARGE for chance in chances]
    return sum(used * chance for used, chance in enumerate(chances)) / sum(chances)


def _offered(carried: float, gpus: int, shares: list[tuple[int, float]]) -> float:
    """Return the least load of which ``carried`` GPUs are in use, by halving."""
    low, high = carried, max(1.0, carried)
    # Small steps, as use need not grow with load: many small clients keep the large ones out.
    while _in_use(high, gpus, shares) < carried:
        low, high = high, _STEP * high
        if high > _LARGEST_LOAD:
            need = "occupancy that clients of these sizes can reach"
            raise RuleViolation("history", need, f"{carried / gpus:.4g}")
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        reached = _in_use(middle, gpus, shares) >= carried
        low, high = (low, middle) if reached else (middle, high)
    return high


def fit(
    history: Iterable[Observation], *, gpus: int, sizes: Mapping[int, int], stays: Distribution
) -> Demand:
    """Return the demand that a price and occupancy history shows, all of it in on-demand mode.

    Requests that found too few GPUs free are added back by the loss model of clients of several
    sizes, and the load is taken to fall with the price at a constant elasticity. A simulation of
    what is fitted gives the occupancy back, less what fragments lose: nothing for clients of one
    size, up to 4 points for the presets' mixes on 8 GPUs.

    Args:
        history: What was seen, at two prices or more.
        gpus: GPUs of the machine.
        sizes: Weight of each number of GPUs that clients ask for: sizes that the machine offers.
        stays: Hours that clients stay.

    Raises:
        RuleViolation: Fewer than two prices at which the machine was partly rented, or occupancy
            that does not fall as the price rises: no elasticity explains that. A size that the
            machine does not offer, occupancy that clients of these sizes cannot reach, or stays
            without a mean.

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
    gpus = whole_number(gpus, "gpus", 1, MAX_GPUS)
    size, shares = _shares(mix, gpus)
    points = []
    for index, seen in enumerate(as_tuple(history, "history")):
        check_kind(seen, Observation, f"history[{index}]")
        occupied = float(seen.occupied)
        if 0 < occupied < 1:
            load = _offered(occupied * gpus, gpus, shares)
            points.append((log(seen.price.steps / PICO), log(load), seen.seconds))
    if len({price for price, _, _ in points}) < 2:
        need = "partly rented time at two prices or more"
        raise RuleViolation("history", need, "all at one price" if points else "none")
    slope, level = _line(points)
    if not slope < 0:
        raise RuleViolation("history", "occupancy that falls as the price rises", "it does not")
    lowest = min(price for price, _, _ in points)
    load = exp(level + slope * lowest)
    mean = mean_of(stays, "stays")
    per_day = to_decimal(load / size * SECONDS_PER_DAY / (mean * SECONDS_PER_HOUR))
    if not per_day:
        got = "stays without a mean" if mean == inf else f"{mean:.4g} hours"
        raise RuleViolation("stays", "a mean stay short enough to count requests a day", got)
    limits = Pareto(to_decimal(exp(lowest)), to_decimal(-slope))
    return Demand(per_day=per_day, sizes=mix.sizes, stays=stays, limits=limits)


def _shares(mix: Demand, gpus: int) -> tuple[float, list[tuple[int, float]]]:
    """Return the average size, and of each size its share of the GPUs wanted."""
    offered = sorted(set(offer_sizes(gpus, 1)))
    for size, weight in mix.sizes:
        if weight and size not in offered:
            need = f"sizes in which {gpus} GPUs are offered: {', '.join(map(str, offered))}"
            raise RuleViolation("sizes", need, str(size))
    wanted = sum(size * weight for size, weight in mix.sizes)
    average = wanted / sum(weight for _, weight in mix.sizes)
    return average, [(size, size * weight / wanted) for size, weight in mix.sizes if weight]


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

    Each wants its GPUs for as long as they ran within the horizon, in its mode, with its bid and
    its disk. No history says what a client would have paid at most, so each pays any price; none
    asks that the listing lasts. Rentals that began before the horizon, those that never ran in it,
    and a host's free tests of its own machine (G10), which nobody wanted and nobody paid, are left
    out.

    Args:
        histories: What happened to each instance, as billing reads it.
        horizon: The time that is looked at.

    Raises:
        WrongType: ``horizon`` is no ``Interval``, or a history no ``History``.

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
        if ran and contract.start in horizon and not contract.is_free_test:
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

    Sizes, modes, stays, limits and bids come as often as in the trace, but each by itself: that
    the large requests were the long ones, say, is not kept, nor is the hour of the day. A client
    without a limit, where others have one, has the highest there can be.

    A demand has one disk, one patience and one ``whole`` for all. The disk is the mean, weighted by
    stays: clients who are all served store as much as those of the trace. The patience is the mean
    of the interruptible clients.

    Args:
        trace: The requests recorded.
        horizon: The time in which they were.

    Raises:
        RuleViolation: No request within the horizon; some that are ``whole`` and some that are
            not; or some interruptible clients with patience and some without end.

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
    stays = [to_decimal(r.seconds / SECONDS_PER_HOUR) for r in seen]
    stored = sum(r.disk_mb * r.seconds for r in seen)
    return Demand(
        per_day=to_decimal(len(seen) * SECONDS_PER_DAY / horizon.seconds),
        sizes=tuple(sorted(Counter(r.gpus for r in seen).items())),
        modes=tuple(Counter(r.mode for r in seen).items()),
        stays=Observed(tuple(stays)),
        limits=_limits(seen),
        bids=Observed(tuple(bids)) if bids else None,
        disk_mb=round(Fraction(stored, sum(r.seconds for r in seen))),
        patience=_patience(seen),
        whole=_whole(seen),
    )


def _limits(seen: tuple[Request, ...]) -> Observed | None:
    """Return what those pay at most who do not bid; ``None`` if nobody has a limit."""
    limits = [r.limit for r in seen if r.mode is not Mode.INTERRUPTIBLE]
    if not any(limit is not None for limit in limits):
        return None
    # A limit of zero is drawn as zero from the least price above it: draws are on a grid.
    steps = [MAX_RATE * PICO if limit is None else max(limit.steps, 1) for limit in limits]
    return Observed(tuple(PerGpuHour.from_steps(one).to_decimal() for one in steps))


def _patience(seen: tuple[Request, ...]) -> int | None:
    bidders = [r.patience for r in seen if r.mode is Mode.INTERRUPTIBLE]
    given = [patience for patience in bidders if patience is not None]
    if not given:
        return None
    if len(given) < len(bidders):
        need = "patience of all interruptible clients, or of none"
        raise RuleViolation("trace", need, f"of {len(given)} of {len(bidders)}")
    return round(Fraction(sum(given), len(given)))


def _whole(seen: tuple[Request, ...]) -> bool:
    count = sum(r.whole for r in seen)
    if 0 < count < len(seen):
        need = "requests that are all whole, or none"
        raise RuleViolation("trace", need, f"{count} of {len(seen)}")
    return count > 0
