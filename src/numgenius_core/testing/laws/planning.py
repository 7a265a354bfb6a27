"""Laws of a client's plans: what a bid would have done, when reserving pays, how sure a mean is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from fractions import Fraction
from itertools import pairwise
from math import sqrt
from typing import Any, Final, NamedTuple

from hypothesis import strategies as st

from numgenius_core._numbers import PICO
from numgenius_core.money import Money
from numgenius_core.planning.bids import compare_bids
from numgenius_core.planning.deadlines import meet_deadline
from numgenius_core.planning.price_series import PriceSeries
from numgenius_core.planning.reserving import break_even, cost_of_stay
from numgenius_core.prices.schedules import CurveSchedule
from numgenius_core.rates import PerHour
from numgenius_core.testing.law import NANO, Implementation, Law, Rule, dollars, near, number
from numgenius_core.testing.scenario_values import bid_prices, price_series
from numgenius_core.testing.strategies import shares
from numgenius_core.units import SECONDS_PER_HOUR, SECONDS_PER_MONTH
from numgenius_core.whatif.estimate import estimate_mean

# -- what a bid would have done ----------------------------------------------------------------

_HOLDS: Final = "a price holds from its time stamp to the next; a bid of at least the price runs"
_COST: Final = "what runs at a bid costs the recorded price for the time that it holds"
_STOPS: Final = "an interruption is a change of price at which a bid that ran no longer does"
_MORE: Final = "the highest bid runs, the others are paused"


def _spans(series: PriceSeries) -> list[tuple[PerHour, int]]:
    """Return the prices and for how many seconds each holds."""
    lengths = (end - start for start, end in pairwise(series.seconds))
    return list(zip(series.prices, lengths, strict=True))


def _runs_at_the_price(
    implementation: Implementation, series: PriceSeries, bid: PerHour
) -> str | None:
    running, _, _ = implementation(series, bid)
    exact = sum(length for price, length in _spans(series) if price.steps <= bid.steps)
    return near("the seconds that it runs", number(running), Fraction(exact), Fraction(0))


def _costs_the_price(
    implementation: Implementation, series: PriceSeries, bid: PerHour
) -> str | None:
    _, paid, _ = implementation(series, bid)
    parts = (
        dollars(price) * length for price, length in _spans(series) if price.steps <= bid.steps
    )
    return near(
        "the cost at the recorded price", dollars(paid), sum(parts, Fraction(0)) / SECONDS_PER_HOUR
    )


def _stopped_by_the_price(
    implementation: Implementation, series: PriceSeries, bid: PerHour
) -> str | None:
    _, _, stops = implementation(series, bid)
    held = [price.steps for price, length in _spans(series) if length]
    exact = sum(a <= bid.steps < b for a, b in pairwise(held))
    return near("the interruptions", number(stops), Fraction(exact), Fraction(0))


def _more_runs_more(
    implementation: Implementation, series: PriceSeries, bid: PerHour
) -> str | None:
    now = number(implementation(series, bid)[0])
    for higher in sorted({price for price in series.prices if price > bid}):
        then = number(implementation(series, higher)[0])
        if then < now:
            return f"a bid of {higher} runs {then} s, a lower one {now} s"
        now = then
    return None


def _our_plan(series: PriceSeries, bid: PerHour) -> tuple[int, Money, int]:
    (found,) = compare_bids(series, [bid]).bids
    return found.running, found.cost_at_price, found.interruptions


BID_OUTCOME: Final = Rule(
    name="bid_outcome",
    signature="(series: PriceSeries, bid: PerHour) "
    "-> (seconds that it runs, dollars at the price, interruptions: int)",
    cases=st.tuples(price_series(), bid_prices),
    laws=(
        Law(name="higher runs no less", sentence=_MORE, check=_more_runs_more),
        Law(name="it runs at the price", sentence=_HOLDS, check=_runs_at_the_price),
        Law(name="its cost is at the recorded price", sentence=_COST, check=_costs_the_price),
        Law(name="a dearer price stops it", sentence=_STOPS, check=_stopped_by_the_price),
    ),
    ours=_our_plan,
)
"""How a bid would have fared on the record of a price (G7)."""


# -- bidding with a way out --------------------------------------------------------------------

_IN_TIME: Final = "the bidding way always meets the deadline"
_WAITS: Final = (
    "the client waits while it is outbid, and goes on on demand as soon as one more interruption "
    "would make it miss the deadline"
)


class _Trip(NamedTuple):
    """A record, seconds of work, a deadline in seconds, the on-demand price and a bid."""

    series: PriceSeries
    work: int
    limit: int
    on_demand: PerHour
    bid: PerHour


@st.composite
def _trips(draw: st.DrawFn) -> _Trip:
    """Draw work that can be done in time."""
    series = draw(price_series(longest=20))
    limit = draw(st.integers(1, series.seconds[-1]))
    on_demand = PerHour(draw(st.sampled_from(["0.5", "0.7", "0.2"])))
    return _Trip(series, draw(st.integers(1, limit)), limit, on_demand, draw(bid_prices))


def _meets_the_deadline(implementation: Implementation, *trip: Any) -> str | None:
    _, work, limit, _, _ = trip
    taken = number(implementation(*trip)[1])
    return None if work <= taken <= limit else f"{work} s of work by {limit} s take {taken} s"


def _second_by_second(implementation: Implementation, *trip: Any) -> str | None:
    series, work, limit, on_demand, bid = _Trip(*trip)
    at = [price for price, length in _spans(series) for _ in range(length)]
    spare, left, now, on, cost = limit - work, work, 0, False, Fraction(0)
    while left:
        if not on and at[now].steps <= bid.steps:
            cost, left = cost + dollars(bid), left - 1
        elif not on and spare:
            spare -= 1
        else:
            on, cost, left = True, cost + dollars(on_demand), left - 1
        now += 1
    paid, taken = implementation(*trip)
    fault = near("the seconds that it takes", number(taken), Fraction(now), Fraction(0))
    return fault or near("the cost", dollars(paid), cost / SECONDS_PER_HOUR)


def _our_way(*case: Any) -> tuple[Money, Fraction]:
    trip = _Trip(*case)
    plan = meet_deadline(
        trip.series,
        gpu_hours=trip.work,
        gpus=SECONDS_PER_HOUR,  # as many seconds as GPU-hours
        deadline=timedelta(seconds=trip.limit),
        on_demand=trip.on_demand,
        bids=[trip.bid],
        every=timedelta(seconds=trip.series.seconds[-1] + 1),
    )
    (way,) = (way for way in plan.ways if way.bid is not None)
    return way.mean, way.seconds


WAY: Final = Rule(
    name="way",
    signature="(series: PriceSeries, work: int seconds, limit: int seconds, on_demand: PerHour, "
    "bid: PerHour) -> (dollars, seconds until it is done)",
    cases=_trips(),
    laws=(
        Law(name="in time", sentence=_IN_TIME, check=_meets_the_deadline),
        Law(name="it waits as long as it can", sentence=_WAITS, check=_second_by_second),
    ),
    ours=_our_way,
)
"""Work by a deadline, from the start of a record: a bidder pays its bid, and loses no work."""


# -- how long to reserve -----------------------------------------------------------------------

_EARLY: Final = (
    "a stay of s seconds costs min(A, r · s · (1 + 0.05 d)) within the months, and the rest on "
    "demand beyond"
)
_CAPPED: Final = "a reservation that is left early is never dearer than its deposit"
_CHEAPER: Final = "the discount grows with the rental time"
_LONGER: Final = "a longer stay never costs less"
_ZERO: Final = "0 months is on demand"
_EVEN: Final = "it pays from the second at which on demand has cost the deposit"

_months = st.sampled_from([Fraction(1), Fraction(1, 2), Fraction(3), Fraction(6)]) | st.fractions(
    Fraction(1, 720), 24, max_denominator=720
)
_factors = st.sampled_from([Fraction(2, 5)]) | shares
_hourly = st.integers(10**9, 10**14).map(PerHour.from_steps)


class _Reserved(NamedTuple):
    """A price on demand, the discount's factor, the months prepaid and the seconds stayed."""

    price: PerHour
    factor: Fraction
    months: Fraction
    stay: int


@st.composite
def _stays(draw: st.DrawFn) -> _Reserved:
    """Draw a reservation, often left near where something changes."""
    price, factor, months = draw(_hourly), draw(_factors), draw(_months)
    share = draw(st.sampled_from([Fraction(1), Fraction(3, 4)]) | st.fractions(0, 2))
    stay = int(months * SECONDS_PER_MONTH * share) + draw(st.integers(-1, 1))
    return _Reserved(price, factor, months, max(0, stay))


def _prepaid(price: PerHour, factor: Fraction, months: Fraction) -> tuple[Fraction, Fraction]:
    """Return the deposit and the discount."""
    discount = factor * months / (months + 1)
    return 720 * dollars(price) * months * (1 - discount), discount


def _as_the_refund_says(implementation: Implementation, *case: Any) -> str | None:
    price, factor, months, stay = _Reserved(*case)
    deposit, discount = _prepaid(price, factor, months)
    a_second = dollars(price) / SECONDS_PER_HOUR
    lasts = Fraction(-(-deposit * SECONDS_PER_HOUR // dollars(price.scaled(1 - discount))))
    used = min(Fraction(stay), lasts)
    early = used * a_second * (1 + Fraction(1, 20) * discount)
    exact = min(deposit, early) + (stay - used) * a_second
    # The discounted price is rounded once; the second in which the deposit ends counts either way.
    within = NANO + Fraction(stay, SECONDS_PER_HOUR * PICO)
    within += a_second if stay >= lasts else 0
    return near("the stay", dollars(implementation(*case)), exact, within)


def _at_most_the_deposit(implementation: Implementation, *case: Any) -> str | None:
    price, factor, months, stay = _Reserved(*case)
    deposit, _ = _prepaid(price, factor, months)
    found = dollars(implementation(*case))
    if stay <= months * SECONDS_PER_MONTH - 1 and found > deposit + NANO:
        return f"the stay costs {float(found):.12g}, more than the deposit {float(deposit):.12g}"
    return None


def _longer_is_cheaper(implementation: Implementation, *case: Any) -> str | None:
    price, factor, months, _ = _Reserved(*case)
    costs = []
    for time in (months, 2 * months):
        whole = int(time * SECONDS_PER_MONTH)
        costs.append(dollars(implementation(price, factor, time, whole)) / whole)
    if costs[1] > costs[0] + dollars(price) / 10**6:
        return f"twice the months cost {costs[1]} a second, not at most {costs[0]}"
    return None


def _longer_costs_more(implementation: Implementation, *case: Any) -> str | None:
    price, factor, months, stay = _Reserved(*case)
    later = stay + SECONDS_PER_HOUR
    less, more = (dollars(implementation(price, factor, months, each)) for each in (stay, later))
    if more < less - NANO - dollars(price) / SECONDS_PER_HOUR:
        return f"an hour more costs {more}, not {less}"
    return None


def _on_demand(implementation: Implementation, *case: Any) -> str | None:
    price, factor, _, stay = _Reserved(*case)
    found = dollars(implementation(price, factor, Fraction(0), stay))
    return near("the stay", found, dollars(price) * stay / SECONDS_PER_HOUR)


def _our_cost(*case: Any) -> Money:
    price, factor, months, stay = _Reserved(*case)
    return cost_of_stay(price, CurveSchedule(factor), months=months, stay=timedelta(seconds=stay))


STAY: Final = Rule(
    name="stay",
    signature="(price: PerHour, max_discount: Fraction, months: Fraction, seconds: int) "
    "-> dollars for the GPUs",
    cases=_stays(),
    laws=(
        Law(name="no months is on demand", sentence=_ZERO, check=_on_demand),
        Law(name="longer costs no less", sentence=_LONGER, check=_longer_costs_more),
        Law(name="at most the deposit", sentence=_CAPPED, check=_at_most_the_deposit),
        Law(name="longer is cheaper an hour", sentence=_CHEAPER, check=_longer_is_cheaper),
        Law(name="the refund and the rest", sentence=_EARLY, check=_as_the_refund_says),
    ),
    ours=_our_cost,
)
"""What a stay costs with some months prepaid, left early or late (G8)."""


def _both_cost_the_same(
    implementation: Implementation, price: PerHour, factor: Fraction, months: Fraction
) -> str | None:
    deposit, _ = _prepaid(price, factor, months)
    seconds = number(implementation(price, factor, months))
    a_second = dollars(price) / SECONDS_PER_HOUR
    if seconds < 1 or seconds.denominator != 1:
        return f"{seconds} is no whole number of seconds above zero"
    if not deposit - NANO <= seconds * a_second < deposit + a_second + NANO:
        return f"on demand has cost {float(seconds * a_second):.12g}, not {float(deposit):.12g}"
    return None


def _longer_pays_later(
    implementation: Implementation, price: PerHour, factor: Fraction, months: Fraction
) -> str | None:
    now, later = (number(implementation(price, factor, months + k)) for k in (0, 1))
    return None if now <= later else f"a month more pays from {later} s, not from {now} s on"


def _our_break_even(price: PerHour, factor: Fraction, months: Fraction) -> int:
    found = break_even(price, CurveSchedule(factor), months)
    assert found is not None  # the factors are above zero
    return found // timedelta(seconds=1)


BREAK_EVEN: Final = Rule(
    name="break_even",
    signature="(price: PerHour, max_discount: Fraction, months: Fraction) -> seconds: int",
    cases=st.tuples(_hourly, _factors.filter(bool), _months),
    laws=(
        Law(name="longer pays later", sentence=_EVEN, check=_longer_pays_later),
        Law(name="both cost the same", sentence=_EVEN, check=_both_cost_the_same),
    ),
    ours=_our_break_even,
)
"""The shortest stay for which reserving costs no more than on demand, where it has a discount."""


# -- how sure a mean is ------------------------------------------------------------------------

_INTERVAL: Final = "mean ± t · s / √n, s the standard deviation of n runs, t Student's at 95 %"
_ONE: Final = "a single run says nothing about chance"
_UNITS: Final = "in other units, or from another zero, it is the same interval"
_T: Final = {
    1: 12.7062,
    2: 4.3027,
    3: 3.1824,
    4: 2.7764,
    5: 2.5706,
    6: 2.4469,
    7: 2.3646,
    8: 2.3060,
    9: 2.2622,
}
"""Student's t at 95 %, by degrees of freedom: of any table."""
_CLOSE: Final = 1e-4


def _halves(
    implementation: Implementation, values: Sequence[Fraction]
) -> tuple[Fraction, float | None]:
    mean, half = implementation(values)
    return number(mean), None if half is None else float(half)


def _is_the_mean(implementation: Implementation, values: Sequence[Fraction]) -> str | None:
    mean, half = _halves(implementation, values)
    if len(values) == 1 and half is not None:
        return f"one run has an interval of ± {half}"
    return near("the mean", mean, sum(values, Fraction(0)) / len(values), Fraction(0))


def _is_students(implementation: Implementation, values: Sequence[Fraction]) -> str | None:
    mean, half = _halves(implementation, values)
    if len(values) == 1:
        return None
    squares = sum(float(value - mean) ** 2 for value in values)
    exact = _T[len(values) - 1] * sqrt(squares / (len(values) - 1) / len(values))
    if half is None or abs(half - exact) > _CLOSE * exact:
        return f"the interval is ± {half}, not ± {exact:.6g}"
    return None


def _same_in_cents(implementation: Implementation, values: Sequence[Fraction]) -> str | None:
    mean, half = _halves(implementation, values)
    found, width = _halves(implementation, [100 * value + 7 for value in values])
    if half is None or width is None:
        return None
    if abs(width - 100 * half) > _CLOSE * width:
        return f"of values times 100 it is ± {width}, not 100 · {half}"
    return near("the mean of values times 100 plus 7", found, 100 * mean + 7, Fraction(0))


def _our_estimate(values: Sequence[Fraction]) -> tuple[Fraction, Fraction | None]:
    found = estimate_mean(values)
    return found.mean, found.half_width


ESTIMATE: Final = Rule(
    name="estimate",
    signature="(values: Sequence[Fraction]) -> (mean: exact, half width: a number, None of one)",
    cases=st.tuples(
        st.lists(st.fractions(-100, 100, max_denominator=64), min_size=1, max_size=10).map(tuple)
    ),
    laws=(
        Law(name="the mean", sentence=_ONE, check=_is_the_mean),
        Law(name="any unit", sentence=_UNITS, check=_same_in_cents),
        Law(name="the interval", sentence=_INTERVAL, check=_is_students),
    ),
    ours=_our_estimate,
)
"""A mean over runs and its confidence interval."""
