"""Who wants GPUs: a recorded trace of requests, or a seeded generator of them.

A request is what one client wants: so many GPUs for so long, in a mode, at a price. It says
nothing about who serves it. So the same requests meet every listing that a host thinks of, and
two listings compared on them differ by the listings alone (common random numbers).

The generator: arrivals are a Poisson process of ``per_day``, its rate following the hours of the
day where ``by_hour`` is given. Size, stay, mode, the most a client pays and its bid are drawn
independently of each other, each from a random stream of its own, so changing one parameter leaves
all others as they were. The same demand, seed and horizon give the same requests, on any number of
cores.

Price sensitivity is :attr:`Demand.limits`: the share of clients who pay a price of p is the share
of limits of at least p. With :class:`~numgenius_core.whatif.Pareto` limits that share is
(least / p)^slope: the elasticity of demand is ``slope``, at every price above ``least``. With
:class:`~numgenius_core.whatif.LogNormal` limits half of the clients pay the median, and the
elasticity there is 0.80 / spread.

Our readings: drawn times are whole seconds, at least one; drawn prices are whole hundredths of a
cent per GPU-hour. Random draws are made with ``float``; everything that is paid is exact.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from functools import lru_cache
from itertools import accumulate
from operator import attrgetter
from random import Random
from typing import Any, Final, Generic, TypeVar

from attrs import field, frozen

from numgenius_core._checks import MAX_GPUS, as_tuple, check_kind
from numgenius_core._numbers import PICO, as_int, keep_whole, whole_number
from numgenius_core._terms import HIGHEST_BID, LOWEST_BID, check_bid
from numgenius_core.errors import RuleViolation, WrongType, brief, shown
from numgenius_core.intervals import Interval
from numgenius_core.listing import Mode
from numgenius_core.rates import MAX_RATE, PerGpuHour, PerHour
from numgenius_core.units import MAX_MB, SECONDS_PER_DAY, SECONDS_PER_HOUR, Amount
from numgenius_core.whatif.distributions import Distribution, drawn, positive

_LONGEST: Final = 10**9  # seconds: 31 years
_PRICE_GRID: Final = PICO // 10_000  # a hundredth of a cent in price steps
_HOURS: Final = 24
_BUSIEST: Final = 10**7  # requests a day


@frozen(kw_only=True)
class Request:
    """What one client wants.

    Attributes:
        after: Seconds from the start of the horizon to the client's arrival.
        gpus: GPUs wanted: an offer of just this size.
        seconds: How long the GPUs are to run. An interruptible instance stays until they have.
        mode: On demand, reserved (prepaid for the whole stay) or interruptible.
        limit: The most that the client pays, dollars per GPU-hour after any discount; ``None``
            pays any price.
        bid: Of an interruptible, dollars per hour for the whole instance; else ``None``.
        disk_mb: Disk wanted, whole MB.
        patience: Of an interruptible, the seconds from its arrival after which the client gives
            up; ``None`` is never.
        whole: Whether the client rents only where the listing lasts for ``seconds`` from its
            arrival.

    Raises:
        RuleViolation: A number out of range, an interruptible without a legal bid, or a bid or
            patience in another mode.

    >>> from numgenius_core import PerGpuHour
    >>> from numgenius_core.whatif import Request
    >>> Request(after=600, gpus=2, seconds=7_200, limit=PerGpuHour("1.50")).mode.value
    'on-demand'
    """

    after: int
    gpus: int
    seconds: int
    mode: Mode = Mode.ON_DEMAND
    limit: PerGpuHour | None = None
    bid: PerHour | None = None
    disk_mb: int = 0
    patience: int | None = None
    whole: bool = True

    def __attrs_post_init__(self) -> None:
        keep_whole(self, "after", "request.after", 0, _LONGEST)
        keep_whole(self, "gpus", "request.gpus", 1, MAX_GPUS)
        keep_whole(self, "seconds", "request.seconds", 1, _LONGEST)
        check_kind(self.mode, Mode, "request.mode")
        keep_whole(self, "disk_mb", "request.disk_mb", 0, MAX_MB)
        if self.limit is not None:
            check_kind(self.limit, PerGpuHour, "request.limit")
        if type(self.whole) is not bool:
            raise WrongType("request.whole", "True or False", shown(self.whole))
        if self.mode is Mode.INTERRUPTIBLE:
            check_bid(self.bid, self.gpus, path="request.bid")  # type: ignore[arg-type]  # no None
        elif self.bid is not None or self.patience is not None:
            need = f"neither bid nor patience for {self.mode.value}"
            raise RuleViolation("request", need, shown(self.bid or self.patience))
        if self.patience is not None:
            keep_whole(self, "patience", "request.patience", 1, _LONGEST)


def _as_requests(given: Iterable[Request]) -> tuple[Request, ...]:
    return as_tuple(given, "trace")


@frozen
class Trace:
    """Recorded requests: a demand that is the same for every seed.

    Attributes:
        requests: What clients want, sorted by arrival; those of one second stay in the order
            given.

    Raises:
        WrongType: Something that is no ``Request``.

    >>> from numgenius_core.whatif import Request, Trace
    >>> late, early = (Request(after=after, gpus=1, seconds=60) for after in (900, 300))
    >>> [request.after for request in Trace([late, early]).requests]
    [300, 900]
    """

    requests: tuple[Request, ...] = field(converter=_as_requests, repr=brief)

    def __attrs_post_init__(self) -> None:
        known = self.requests
        for index, request in enumerate(known):
            check_kind(request, Request, f"trace[{index}]")
        object.__setattr__(self, "requests", tuple(sorted(known, key=attrgetter("after"))))

    def __len__(self) -> int:
        return len(self.requests)

    def draw(self, horizon: Interval, seed: int) -> Trace:  # noqa: ARG002 - as Demand.draw
        """Return the requests that arrive within a horizon, whatever the seed."""
        check_kind(horizon, Interval, "horizon")
        if not self.requests or self.requests[-1].after < horizon.seconds:
            return self
        return Trace(tuple(r for r in self.requests if r.after < horizon.seconds))


_K = TypeVar("_K")


def _weights(value: Mapping[_K, int] | tuple[tuple[_K, int], ...]) -> tuple[tuple[_K, int], ...]:
    """Return weights as pairs, so that a demand can be hashed and pickled."""
    return tuple(value.items()) if isinstance(value, Mapping) else value


def _sizes(value: Mapping[int, int] | tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
    return _weights(value)


def _modes(
    value: Mapping[Mode, int] | tuple[tuple[Mode, int], ...],
) -> tuple[tuple[Mode, int], ...]:
    return _weights(value)


def _checked(pairs: object, path: str) -> tuple[tuple[Any, int], ...]:
    """Return pairs of a key and its weight, with the weights as whole numbers."""
    if not isinstance(pairs, tuple) or not all(isinstance(p, tuple) and len(p) == 2 for p in pairs):
        raise WrongType(path, "a mapping to weights", shown(pairs))
    known = tuple((key, whole_number(w, f"{path}[{key}]", 0, MAX_RATE)) for key, w in pairs)
    if not sum(weight for _, weight in known):
        raise RuleViolation(path, "at least one weight above zero", shown(dict(known)))
    return known


def _as_hours(given: Iterable[int] | None) -> tuple[int, ...] | None:
    return None if given is None else as_tuple(given, "demand.by_hour")


@frozen(kw_only=True)
class Demand:
    """A seeded generator of requests.

    Arrivals are a Poisson process. Size, stay, mode, the most that a client pays and its bid are
    drawn independently of each other, each from a random stream of its own, so that changing one
    parameter leaves the others as they were. The same demand, seed and horizon give the same
    requests.

    Attributes:
        per_day: Requests a day on average, whatever the price.
        sizes: Weight of each number of GPUs, such as ``{1: 5, 2: 3, 8: 2}``.
        stays: Hours that a client wants its GPUs to run.
        modes: Weight of each mode; all on demand if left out.
        limits: The most that clients pay, dollars per GPU-hour; any price if left out.
        bids: What interruptible clients bid, dollars per GPU-hour; needed if there are any.
        disk_mb: Disk of each instance, whole MB.
        patience: Of interruptible clients, the seconds after which they give up; ``None`` is never.
        whole: Whether clients rent only where the listing lasts for their whole stay.
        by_hour: 24 weights, of the hours of the day in UTC; all equal if left out.

    Raises:
        RuleViolation: No weight above zero, a number out of range, interruptible clients without
            ``bids``, or ``by_hour`` that is not 24 weights.

    >>> from datetime import UTC, datetime, timedelta
    >>> from numgenius_core import Interval
    >>> from numgenius_core.whatif import Demand, LogNormal
    >>> demand = Demand(per_day=24, sizes={1: 3, 2: 1}, stays=LogNormal("6", "0.8"))
    >>> monday = datetime(2026, 1, 5, tzinfo=UTC)
    >>> week = Interval(monday, monday + timedelta(days=7))
    >>> demand.draw(week, seed=1) == demand.draw(week, seed=1) != demand.draw(week, seed=2)
    True
    """

    per_day: Amount
    sizes: tuple[tuple[int, int], ...] = field(converter=_sizes, repr=brief)
    stays: Distribution
    modes: tuple[tuple[Mode, int], ...] = field(
        default=((Mode.ON_DEMAND, 1),), converter=_modes, repr=brief
    )
    limits: Distribution | None = None
    bids: Distribution | None = None
    disk_mb: int = 0
    patience: int | None = None
    whole: bool = True
    by_hour: tuple[int, ...] | None = field(default=None, converter=_as_hours, repr=brief)

    def __attrs_post_init__(self) -> None:
        if positive(self.per_day, "demand.per_day") > _BUSIEST:
            raise RuleViolation("demand.per_day", f"at most {_BUSIEST:,}", shown(self.per_day))
        object.__setattr__(self, "per_day", as_int(self.per_day))
        known = _checked(self.sizes, "demand.sizes")
        sizes = tuple((whole_number(n, "demand.sizes", 1, MAX_GPUS), weight) for n, weight in known)
        object.__setattr__(self, "sizes", sizes)
        check_kind(self.stays, Distribution, "demand.stays")
        object.__setattr__(self, "modes", _checked(self.modes, "demand.modes"))
        for mode, weight in self.modes:
            check_kind(mode, Mode, "demand.modes")
            if mode is Mode.INTERRUPTIBLE and weight and self.bids is None:
                raise RuleViolation("demand.bids", "bids, as there are interruptibles", "None")
        for prices, name in ((self.limits, "limits"), (self.bids, "bids")):
            if prices is not None:
                check_kind(prices, Distribution, f"demand.{name}")
        if self.by_hour is not None:
            if len(self.by_hour) != _HOURS:
                raise RuleViolation("demand.by_hour", "24 weights", str(len(self.by_hour)))
            hours = _checked(tuple(enumerate(self.by_hour)), "demand.by_hour")
            object.__setattr__(self, "by_hour", tuple(weight for _, weight in hours))
        self._check_instances()

    def _check_instances(self) -> None:
        """Check what each request will have, here and not when the first is drawn."""
        keep_whole(self, "disk_mb", "demand.disk_mb", 0, MAX_MB)
        if self.patience is not None:
            keep_whole(self, "patience", "demand.patience", 1, _LONGEST)
        if type(self.whole) is not bool:
            raise WrongType("demand.whole", "True or False", shown(self.whole))

    def draw(self, horizon: Interval, seed: int) -> Trace:
        """Return the requests that one seed gives within a horizon.

        Raises:
            RuleViolation: A negative seed.
        """
        check_kind(horizon, Interval, "horizon")
        return _drawn(self, horizon, whole_number(seed, "seed"))


@lru_cache(maxsize=4)
def _drawn(demand: Demand, horizon: Interval, seed: int) -> Trace:
    # A text seeds by its SHA-512, the same in every process; each quantity has its own stream.
    streams = {
        name: Random(f"{seed}/{name}") for name in ("sizes", "stays", "modes", "limits", "bids")
    }
    sizes, modes = _Chooser(demand.sizes), _Chooser(demand.modes)
    requests = []
    for after in _arrivals(demand, horizon, Random(f"{seed}/arrivals")):
        gpus = sizes.choose(streams["sizes"])
        mode = modes.choose(streams["modes"])
        hours = drawn(demand.stays, streams["stays"], "demand.stays")
        limit = _price(demand.limits, streams["limits"], "demand.limits")
        bid = _price(demand.bids, streams["bids"], "demand.bids")
        bids = mode is Mode.INTERRUPTIBLE
        request = Request(
            after=after,
            gpus=gpus,
            seconds=max(1, round(min(hours * SECONDS_PER_HOUR, _LONGEST))),
            mode=mode,
            limit=None if bids or limit is None else PerGpuHour.from_steps(limit),
            bid=_legal_bid(bid, gpus) if bids and bid is not None else None,
            disk_mb=demand.disk_mb,
            patience=demand.patience if bids else None,
            whole=demand.whole,
        )
        requests.append(request)
    return Trace(tuple(requests))


def _arrivals(demand: Demand, horizon: Interval, random: Random) -> Iterable[int]:
    """Yield the seconds of a Poisson process; of a rate that varies, the highest one thinned.

    Thinning is exact: of arrivals at the highest rate, each is kept with the share that the rate of
    its hour has of the highest, and what is kept is a Poisson process of the rate that varies.
    """
    rate = positive(demand.per_day, "demand.per_day") / SECONDS_PER_DAY
    shares = [1.0] * _HOURS
    if demand.by_hour is not None:
        most = max(demand.by_hour)
        shares = [weight / most for weight in demand.by_hour]
        rate *= most * _HOURS / sum(demand.by_hour)
    now, end = random.expovariate(rate), horizon.seconds
    while now < end:
        hour = (horizon.start + timedelta(seconds=int(now))).hour if demand.by_hour else 0
        if shares[hour] == 1.0 or random.random() < shares[hour]:
            yield int(now)
        now += random.expovariate(rate)


class _Chooser(Generic[_K]):
    """Draws one of several keys by weight."""

    def __init__(self, pairs: tuple[tuple[_K, int], ...]) -> None:
        self.keys = [key for key, _ in pairs]
        self.sums = list(accumulate(weight for _, weight in pairs))

    def choose(self, random: Random) -> _K:
        return random.choices(self.keys, cum_weights=self.sums)[0]


def _price(prices: Distribution | None, random: Random, purpose: str) -> int | None:
    """Return a price in steps per GPU-hour, on the grid and within what is taken."""
    if prices is None:
        return None
    dollars = min(drawn(prices, random, purpose), float(MAX_RATE))
    return round(dollars * PICO / _PRICE_GRID) * _PRICE_GRID


def _legal_bid(per_gpu: int, gpus: int) -> PerHour:
    steps = min(max(per_gpu * gpus, LOWEST_BID.steps), HIGHEST_BID.steps * gpus)
    return PerHour.from_steps(steps)
