"""Laws of what-ifs: stays with months prepaid, bids on a series of prices, whole scenarios."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from fractions import Fraction
from itertools import accumulate, pairwise
from typing import Any, Final

from numgenius_core.bid_planner import PriceSeries, plan_bids
from numgenius_core.billing import statement
from numgenius_core.commitment import break_even, cost_of_stay
from numgenius_core.demand import Request, Trace
from numgenius_core.intervals import Interval
from numgenius_core.listing import AccountId, Listing, Machine, MachineId, Mode, PriceTerms
from numgenius_core.money import Money, PerGbMonth, PerGpuHour, PerHour
from numgenius_core.reserved import CurveSchedule
from numgenius_core.scenario import Scenario
from numgenius_core.simulation import simulate
from numgenius_core.testing_law import NANO, Implementation, Law, Rule, dollars, near, number
from numgenius_core.testing_strategies import EPOCH, shares, st
from numgenius_core.units import SECONDS_PER_HOUR, SECONDS_PER_MONTH

__all__ = ["BID_OUTCOME", "BREAK_EVEN", "SIMULATION", "STAY"]

_STAY: Final = (
    "the deposit pays the discounted rate while it lasts, then the price on demand; leaving early, "
    "what is left comes back less 105 % of the discount received"
)
_LONGER: Final = "a longer stay never costs less"
_EVEN: Final = "the shortest stay for which prepaying costs no more than on demand"
_RUNS: Final = "a bid runs while the lowest bid that runs is not above it"
_HIGHER: Final = "raising a bid never makes it lose"
_ADDS: Final = "revenue is the sum of the contracts' statements"
_ROOM: Final = "no GPU runs two instances at once"
_AGAIN: Final = "the same scenario and seed come to the same"

Answer = Mapping[str, Any]

_prices = st.integers(1, 64 * 10**9).map(lambda n: PerHour.from_steps(n * 1_000))
_months = st.fractions(Fraction(1, 100), 24, max_denominator=100)
_stays = st.one_of(st.sampled_from([0, 1, SECONDS_PER_MONTH]), st.integers(0, 10**8))


# -- commitments -------------------------------------------------------------------------------


def _stay_costs(price: PerHour, factor: Fraction, months: Fraction, seconds: int) -> Fraction:
    """Return what a stay costs, from the sentence, in dollars."""
    second = dollars(price) / SECONDS_PER_HOUR
    discount = factor * months / (months + 1)
    deposit = second * SECONDS_PER_MONTH * months * (1 - discount)
    used = min(deposit, second * (1 - discount) * seconds)
    lasted = used / (second * (1 - discount))
    back = max(deposit - used - Fraction(21, 20) * second * discount * lasted, Fraction(0))
    return deposit - back + second * (seconds - lasted)


def _rounding(seconds: int) -> Fraction:
    """Return how far amounts may differ whose rates and deposits are rounded once."""
    return 2 * NANO + Fraction(2 * seconds, SECONDS_PER_HOUR * 10**12)


def _within(price: PerHour, seconds: int) -> Fraction:
    """Return how far two right answers may differ: a second, and what is rounded."""
    return dollars(price) / SECONDS_PER_HOUR + _rounding(seconds)


def _as_agreed(
    implementation: Implementation, price: PerHour, factor: Fraction, months: Fraction, stay: int
) -> str | None:
    found = dollars(implementation(price, factor, months, stay))
    return near("it", found, _stay_costs(price, factor, months, stay), _within(price, stay))


def _longer_costs_more(
    implementation: Implementation, price: PerHour, factor: Fraction, months: Fraction, stay: int
) -> str | None:
    longer = stay + SECONDS_PER_HOUR
    less, more = (dollars(implementation(price, factor, months, each)) for each in (stay, longer))
    # Rates are rounded once; an early end gives back less the longer it stayed.
    return (
        None if more >= less - _within(price, longer) else f"an hour more costs {more}, not {less}"
    )


def _our_stay(price: PerHour, factor: Fraction, months: Fraction, stay: int) -> Money:
    return cost_of_stay(price, CurveSchedule(factor), months, timedelta(seconds=stay))


STAY: Final = Rule(
    name="stay",
    signature=(
        "(price: PerHour, max_discount: Fraction, months: Fraction, seconds: int) -> dollars"
    ),
    cases=st.tuples(_prices, shares, _months, _stays),
    laws=(
        Law(name="prepaid, then on demand", sentence=_STAY, check=_as_agreed),
        Law(name="longer costs no less", sentence=_LONGER, check=_longer_costs_more),
    ),
    ours=_our_stay,
)
"""What the GPUs of a stay cost with some months prepaid."""


def _pays_from(
    implementation: Implementation, price: PerHour, factor: Fraction, months: Fraction
) -> str | None:
    found = number(implementation(price, factor, months))
    if found < 1 or found.denominator != 1:
        return f"{found} is no whole number of seconds above zero"
    stay = int(found) + 2  # a second begun counts whole
    prepaid = _stay_costs(price, factor, months, stay)
    on_demand = dollars(price) * stay / SECONDS_PER_HOUR
    if prepaid > on_demand + _rounding(stay):
        return f"after {stay} seconds prepaying still costs more: {prepaid} against {on_demand}"
    return None


def _not_before(
    implementation: Implementation, price: PerHour, factor: Fraction, months: Fraction
) -> str | None:
    stay = int(number(implementation(price, factor, months))) - 3
    if stay < 1:
        return None
    prepaid = _stay_costs(price, factor, months, stay)
    on_demand = dollars(price) * stay / SECONDS_PER_HOUR
    if prepaid < on_demand - _rounding(stay):
        return f"{stay} seconds cost {prepaid} prepaid already, and {on_demand} on demand"
    return None


def _our_break_even(price: PerHour, factor: Fraction, months: Fraction) -> int:
    return break_even(price, CurveSchedule(factor), months) // timedelta(seconds=1)


BREAK_EVEN: Final = Rule(
    name="break_even",
    signature="(price: PerHour, max_discount: Fraction, months: Fraction) -> seconds",
    cases=st.tuples(_prices, shares.filter(lambda share: share > Fraction(1, 100)), _months),
    laws=(
        Law(name="prepaying costs no more from then on", sentence=_EVEN, check=_pays_from),
        Law(name="and not before", sentence=_EVEN, check=_not_before),
    ),
    ours=_our_break_even,
)
"""The shortest stay for which prepaying pays."""


# -- bids --------------------------------------------------------------------------------------


@st.composite
def _series(draw: st.DrawFn) -> tuple[PriceSeries, PerHour]:
    tenths = st.integers(1, 6).map(lambda n: PerHour.from_steps(n * 10**11))
    prices = draw(st.lists(tenths, min_size=1, max_size=8))
    steps = draw(st.lists(st.integers(1, 10**6), min_size=len(prices), max_size=len(prices)))
    ends = [EPOCH + timedelta(seconds=total) for total in accumulate(steps)]
    series = PriceSeries(instants=(EPOCH, *ends[:-1]), prices=tuple(prices), end=ends[-1])
    return series, draw(tenths)


def _fares(implementation: Implementation, series: PriceSeries, bid: PerHour) -> str | None:
    answer = implementation(series, bid)
    edges = [*series.instants, series.end]
    spans = [int((b - a).total_seconds()) for a, b in pairwise(edges)]
    runs = [price.steps <= bid.steps for price in series.prices]
    running = sum(span for span, on in zip(spans, runs, strict=True) if on)
    if number(answer["running"]) != running:
        return f"it ran {answer['running']} seconds, not {running}"
    stops = sum(a and not b for a, b in pairwise(runs))
    if number(answer["interruptions"]) != stops:
        return f"it was stopped {answer['interruptions']} times, not {stops}"
    paid = sum(
        (dollars(p) * s / 3_600 for p, s, on in zip(series.prices, spans, runs, strict=True) if on),
        Fraction(0),
    )
    return near("what the price comes to", dollars(answer["paid"]), paid)


def _higher_runs_more(
    implementation: Implementation, series: PriceSeries, bid: PerHour
) -> str | None:
    higher = PerHour.from_steps(bid.steps + 10**11)
    less, more = (number(implementation(series, each)["running"]) for each in (bid, higher))
    return None if more >= less else f"a higher bid runs {more} seconds, the lower {less}"


def _our_fare(series: PriceSeries, bid: PerHour) -> Answer:
    (found,) = plan_bids(series, [bid]).bids
    return {
        "running": found.running,
        "paid": found.paid,
        "interruptions": found.interruptions,
    }


BID_OUTCOME: Final = Rule(
    name="bid_outcome",
    signature=(
        "(series: PriceSeries, bid: PerHour) -> {'running': seconds, 'paid': dollars at the price, "
        "'interruptions': how often it was stopped}"
    ),
    cases=_series(),
    laws=(
        Law(name="runs up to its price", sentence=_RUNS, check=_fares),
        Law(name="higher runs no less", sentence=_HIGHER, check=_higher_runs_more),
    ),
    ours=_our_fare,
)
"""How a bid would have fared on a series of prices."""


# -- scenarios ---------------------------------------------------------------------------------


@st.composite
def _scenarios(draw: st.DrawFn) -> tuple[Scenario, int]:
    """Draw a day of a machine of four GPUs, and a seed."""
    machine = Machine(id=MachineId(1), host=AccountId("host"), gpu_name="A100", gpus=4)
    prices = PriceTerms(
        gpu=PerGpuHour("0.5"),
        storage=PerGbMonth("0.72"),
        min_bid=PerGpuHour("0.1"),
        platform_fee=Fraction(1, 4),
    )
    horizon = Interval(EPOCH, EPOCH + timedelta(days=1))
    arrivals = sorted(draw(st.lists(st.integers(0, 80_000), max_size=8)))
    requests = []
    for after in arrivals:
        gpus = draw(st.sampled_from([1, 1, 2, 4]))
        bids = draw(st.booleans())
        tenths = draw(st.integers(2, 5)) * gpus
        requests.append(
            Request(
                after=after,
                gpus=gpus,
                seconds=draw(st.integers(1, 40_000)),
                mode=Mode.INTERRUPTIBLE if bids else Mode.ON_DEMAND,
                bid=PerHour.from_steps(tenths * 10**11) if bids else None,
                disk_mb=draw(st.sampled_from([0, 0, 10_000])),
            )
        )
    listing = Listing(machine=machine, prices=prices)
    trace = Trace(tuple(requests))
    return Scenario(listings=(listing,), demand=trace, horizon=horizon), draw(st.integers(0, 9))


def _adds_up(implementation: Implementation, scenario: Scenario, seed: int) -> str | None:
    answer = implementation(scenario, seed)
    made = [statement(each, scenario.horizon) for each in answer["histories"]]
    fault = near(
        "the revenue", dollars(answer["revenue"]), dollars(Money.sum(m.total for m in made))
    )
    if fault is not None:
        return fault
    return near("the payout", dollars(answer["payout"]), dollars(Money.sum(m.payout for m in made)))


def _has_room(implementation: Implementation, scenario: Scenario, seed: int) -> str | None:
    found = number(implementation(scenario, seed)["gpu_seconds"])
    most = sum(listing.machine.gpus for listing in scenario.listings) * scenario.horizon.seconds
    return None if 0 <= found <= most else f"{found} GPU seconds ran, of {most} there are"


def _same_again(implementation: Implementation, scenario: Scenario, seed: int) -> str | None:
    first, second = (implementation(scenario, seed) for _ in range(2))
    return near("the revenue, asked again", dollars(second["revenue"]), dollars(first["revenue"]))


def _our_simulation(scenario: Scenario, seed: int) -> Answer:
    outcome = simulate(scenario, seed, keep_histories=True)
    return {
        "revenue": outcome.revenue,
        "payout": outcome.payout,
        "gpu_seconds": sum(mode.gpu_seconds for mode in outcome.modes),
        "histories": outcome.histories,
    }


SIMULATION: Final = Rule(
    name="simulation",
    signature=(
        "(scenario: Scenario, seed: int) -> {'revenue': dollars, 'payout': dollars, 'gpu_seconds': "
        "that ran, 'histories': of each instance}"
    ),
    cases=_scenarios(),
    laws=(
        Law(name="the sum of the statements", sentence=_ADDS, check=_adds_up),
        Law(name="no more GPUs than there are", sentence=_ROOM, check=_has_room),
        Law(name="the same again", sentence=_AGAIN, check=_same_again),
    ),
    ours=_our_simulation,
)
"""What comes of a scenario."""
