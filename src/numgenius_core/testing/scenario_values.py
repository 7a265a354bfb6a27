"""Hypothesis strategies for what-ifs: records of a price, and scenarios of a few clients.

Small on purpose: an hour or a day, up to two machines, as many of rivals, a dozen clients whose
prices tie, whose stays end where others begin, and some of whom nobody can serve.
"""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction
from typing import Any, Final

from hypothesis import strategies as st

from numgenius_core.ids import AccountId, MachineId, OfferId
from numgenius_core.intervals import Interval
from numgenius_core.listing import Listing, Machine, Mode, PriceTerms, Verification
from numgenius_core.offer import Offer
from numgenius_core.planning.market_series import MarketSeries
from numgenius_core.planning.price_series import PriceSeries
from numgenius_core.planning.spells import FreeSpell
from numgenius_core.rates import PerGbMonth, PerGpuHour, PerHour
from numgenius_core.testing.strategies import EPOCH, bids
from numgenius_core.whatif.demand import Demand, Request, Trace
from numgenius_core.whatif.distributions import LogNormal
from numgenius_core.whatif.power import PerKwh, Power
from numgenius_core.whatif.scenario import Placement, Scenario

_SECOND: Final = timedelta(seconds=1)
_HORIZON: Final = 3_600
_BLOCKS: Final = ((1, 1, 4), (1, 2, 4), (1, 4, 4), (2, 1, 1), (3, 1, 3), (3, 2, None), (3, 3, 3))
"""Machines, the sizes of their blocks, and the GPUs that they say."""
_HORIZONS: Final = Interval(EPOCH, EPOCH + _HORIZON * _SECOND)

bid_prices: st.SearchStrategy[PerHour] = st.sampled_from(
    ["0.2", "0.21", "0.199999999999", "0.35", "0.6", "0.001"]
).map(PerHour)
"""Bids and prices, dollars per hour for the whole instance: few, so that they meet."""


@st.composite
def price_series(draw: st.DrawFn, most: int = 12, longest: int = 40) -> PriceSeries:
    """Draw the record of a price: up to ``most`` prices, each for up to ``longest`` seconds.

    >>> from hypothesis import given
    >>> from numgenius_core.testing import price_series
    >>> @given(series=price_series())
    ... def the_highest_price_always_runs(series):
    ...     highest = max(series.prices, key=lambda price: price.steps)
    ...     assert series.runs(highest) == ((0, series.seconds[-1]),)
    >>> the_highest_price_always_runs()
    """
    prices = draw(st.lists(bid_prices, min_size=2, max_size=most))
    now, instants = EPOCH, []
    for _ in prices:
        instants.append(now)
        now += draw(st.integers(1, longest)) * _SECOND
    end = instants[-1] if draw(st.booleans()) else now
    return PriceSeries(instants=tuple(instants), prices=tuple(prices), end=end)


@st.composite
def market_series(draw: st.DrawFn, most: int = 5) -> MarketSeries:
    """Draw up to ``most`` snapshots of three small machines, whose offers come and go."""
    now, taken = EPOCH, []
    for _ in range(draw(st.integers(1, most))):
        now += draw(st.integers(1, 3)) * _SECOND
        sizes = draw(st.lists(st.sampled_from(_BLOCKS), unique=True, max_size=len(_BLOCKS)))
        offers = []
        for machine, gpus, whole in sizes:
            price = draw(st.sampled_from([None, "0", "0.40", "0.40", "0.50"]))
            offer = Offer(
                id=OfferId(draw(st.integers(0, 99))),
                machine=MachineId(machine),
                gpu_name="A100",
                gpus=gpus,
                prices=PriceTerms(gpu=PerGpuHour(price or 0), min_bid=PerGpuHour("0.10")),
                unknown_prices=() if price else ("gpu",),
                gpus_in_machine=whole,
                rentable=draw(st.sampled_from([True, True, False])),
            )
            offers.append(offer)
        taken.append((now, offers))
    return MarketSeries.of(taken)


@st.composite
def free_spells(draw: st.DrawFn) -> FreeSpell:
    """Draw a time in which some block of a small market was free."""
    found = draw(market_series().map(MarketSeries.spells).filter(bool))
    return draw(st.sampled_from(found))


@st.composite
def _listed(draw: st.DrawFn, number: int, host: str = "host") -> Listing:
    """Draw a machine that is listed at a price of few."""
    gpus = draw(st.sampled_from([4, 2, 1, 3, 8]))
    verification = draw(st.sampled_from([Verification.VERIFIED, Verification.UNVERIFIED]))
    machine = Machine(
        id=MachineId(number),
        host=AccountId(host),
        gpu_name="RTX 4090",
        gpus=gpus,
        verification=verification,
    )
    prices = PriceTerms(
        gpu=PerGpuHour(draw(st.sampled_from(["0.4", "0.5", "0.133333333333"]))),
        storage=PerGbMonth(draw(st.sampled_from(["0", "0.133333333333"]))),
        min_bid=PerGpuHour(draw(st.sampled_from(["0", "0.1"]))),
        platform_fee=draw(st.sampled_from([Fraction(1, 4), Fraction(1, 3), Fraction(0)])),
    )
    end = draw(st.none() | st.integers(1, 2 * _HORIZON).map(lambda s: EPOCH + s * _SECOND))
    return Listing(
        machine=machine, prices=prices, min_gpu=draw(st.sampled_from([1, 1, gpus & -gpus])), end=end
    )


@st.composite
def _requests(draw: st.DrawFn) -> Request:
    """Draw what a client wants."""
    mode, gpus = draw(st.sampled_from(Mode)), draw(st.sampled_from([1, 1, 2, 4]))
    more: dict[str, Any] = {}
    if mode is Mode.INTERRUPTIBLE:
        more = {"bid": draw(bids(gpus)), "patience": draw(st.none() | st.integers(1, 9_000))}
    return Request(
        after=draw(st.integers(0, 12).map(lambda n: n * 300)),
        gpus=gpus,
        seconds=draw(st.sampled_from([300, 600, 1_000, 1, 5_000])),
        mode=mode,
        limit=draw(st.none() | st.sampled_from(["0.4", "0.3"]).map(PerGpuHour)),
        disk_mb=draw(st.sampled_from([0, 10_500])),
        whole=draw(st.booleans()),
        **more,
    )


_demands: st.SearchStrategy[Demand] = st.builds(
    Demand,
    per_day=st.just(200),
    sizes=st.just({1: 3, 2: 1}),
    stays=st.just(LogNormal("0.2", "0.5")),
    modes=st.just({Mode.ON_DEMAND: 2, Mode.RESERVED: 1, Mode.INTERRUPTIBLE: 2}),
    limits=st.none() | st.just(LogNormal("0.45", "0.2")),
    bids=st.just(LogNormal("0.3", "0.5")),
)


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    """Draw an hour of one or two machines, with recorded clients or a generator of them.

    Every other one has rivals.

    >>> from hypothesis import given, settings
    >>> from numgenius_core.testing import scenarios
    >>> from numgenius_core.whatif import simulate
    >>> @settings(max_examples=5, deadline=None)
    ... @given(scenario=scenarios())
    ... def nobody_rents_twice(scenario):
    ...     outcome = simulate(scenario)
    ...     assert outcome.rented <= outcome.requests
    >>> nobody_rents_twice()
    """
    traces = st.lists(_requests(), max_size=12).map(lambda found: Trace(tuple(found)))
    power = Power(price=PerKwh("0.15"), gpu_watts=350, idle_watts=150)
    rivals = range(3, 3 + draw(st.sampled_from([0, 0, 1, 2])))
    return Scenario(
        listings=tuple(draw(_listed(number)) for number in range(1, draw(st.integers(1, 2)) + 1)),
        demand=draw(st.one_of(traces, traces, _demands)),
        horizon=_HORIZONS,
        power=draw(st.sampled_from([None, power])),
        placement=draw(st.sampled_from(Placement)),
        rivals=tuple(draw(_listed(number, f"rival {number}")) for number in rivals),
    )
