"""Plans of clients and hosts, and simulations, that are wrong on purpose."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import count
from math import sqrt
from typing import Any, Final
from zoneinfo import ZoneInfo

from attrs import evolve

from numgenius_core.billing import statement
from numgenius_core.contracts import Contract
from numgenius_core.ids import MachineId
from numgenius_core.intervals import Interval
from numgenius_core.listing import Mode
from numgenius_core.maintenance import Recurrence
from numgenius_core.money import Money
from numgenius_core.planning import PriceSeries
from numgenius_core.rates import PerHour
from numgenius_core.testing import RULES, dollars
from numgenius_core.whatif import Outcome, Scenario

ours: Final = {name: rule.ours for name, rule in RULES.items()}
Plan = Any

# -- maintenance -------------------------------------------------------------------------------

Starts = dict[MachineId, datetime]
Booked = Mapping[MachineId, Sequence[Contract]]


def all_at_the_first(fleet: Booked, starts: Sequence[datetime], *_: int) -> Starts:
    """Take all machines down together."""
    return dict.fromkeys(fleet, starts[0])


def each_for_itself(
    fleet: Booked, starts: Sequence[datetime], seconds: int, at_once: int
) -> Starts:
    """Give each machine its mildest start, however many are down then."""
    del at_once
    return {
        machine: ours["fleet"]({machine: booked}, starts, seconds, 1)[machine]
        for machine, booked in fleet.items()
    }


def one_after_the_other(
    fleet: Booked, starts: Sequence[datetime], seconds: int, at_once: int
) -> Starts:
    """Give each machine the first start that has room, whatever it disturbs."""
    return dict(ours["fleet"](dict.fromkeys(fleet, ()), starts, seconds, at_once))


def a_second_later(fleet: Booked, starts: Sequence[datetime], seconds: int, at_once: int) -> Starts:
    """Begin a second after the start."""
    plan = ours["fleet"](fleet, starts, seconds, at_once)
    return {machine: at + timedelta(seconds=1) for machine, at in plan.items()}


def the_mildest_machines(
    fleet: Booked, starts: Sequence[datetime], seconds: int, at_once: int
) -> Starts:
    """Leave a machine out that everybody needs."""
    plan = ours["fleet"](fleet, starts, seconds, at_once)
    return {machine: at for machine, at in plan.items() if len(fleet[machine]) < 3}


def in_utc(hours: Recurrence, within: Interval) -> Any:
    """Take the hours for hours of UTC."""
    return evolve(hours, zone="UTC").intervals(within)


def as_the_period_begins(hours: Recurrence, within: Interval) -> Any:
    """Keep the offset with which the period begins."""
    offset = within.start.astimezone(ZoneInfo(hours.zone)).utcoffset() or timedelta(0)
    moved = Interval(within.start + offset, within.end + offset)
    found = evolve(hours, zone="UTC").intervals(moved)
    return [(each.start - offset, each.end - offset) for each in found]


def not_over_midnight(hours: Recurrence, within: Interval) -> Any:
    """End the hours with the day on which they begin."""
    return evolve(hours, end=min(hours.end, 1_440)).intervals(within)


def whole_ones(hours: Recurrence, within: Interval) -> Any:
    """Tell hours that begin within the period to their end, which may be after it."""
    longer = Interval(within.start, within.end + timedelta(days=1))
    return [each for each in hours.intervals(longer) if each.start < within.end]


def a_second_of_each_minute(hours: Recurrence, within: Interval) -> Any:
    """End with the second in which the last minute begins."""
    shorter = []
    for span in ours["hours"](hours, within):
        end = span.end if span.end == within.end else span.end - timedelta(seconds=59)
        shorter.append((span.start, end))
    return shorter


def day_by_day(hours: Recurrence, within: Interval) -> Any:
    """Leave hours apart that meet at midnight."""
    found: list[tuple[datetime, datetime]] = []
    for each in hours.intervals(within):
        cut = each.start.replace(hour=0, minute=0) + timedelta(days=1)
        if each.start < cut < each.end:
            found += [(each.start, cut), (cut, each.end)]
        else:
            found.append((each.start, each.end))
    return found


# -- bids --------------------------------------------------------------------------------------


def only_above(series: PriceSeries, bid: PerHour) -> Plan:
    """Pause where the bid equals the price."""
    return ours["bid_outcome"](series, PerHour.from_steps(max(0, bid.steps - 1)))


def pays_its_bid(series: PriceSeries, bid: PerHour) -> Plan:
    """Charge the bid, not the price."""
    running, _, stops = ours["bid_outcome"](series, bid)
    return running, bid.charge(running), stops


def mean_of_the_changes(series: PriceSeries, bid: PerHour) -> Plan:
    """Weigh prices by how often they are seen, not by how long they hold."""
    running, paid, stops = ours["bid_outcome"](series, bid)
    seen = [dollars(price) for price in series.prices if price.steps <= bid.steps]
    return running, sum(seen) * running / len(seen) / 3_600 if seen else paid, stops


def starts_are_stops(series: PriceSeries, bid: PerHour) -> Plan:
    """Count how often it starts, not how often it is stopped."""
    running, paid, _ = ours["bid_outcome"](series, bid)
    return running, paid, len(series.runs(bid))


def holds_to_the_next(series: PriceSeries, bid: PerHour) -> Plan:
    """Take a price for that of the time before its stamp."""
    later = evolve(series, prices=(*series.prices[1:], series.prices[-1]))
    return ours["bid_outcome"](later, bid)


def alone_at_its_price(series: PriceSeries, bid: PerHour) -> Plan:
    """Run only while the bid is the price, as the one that sets it."""
    spans = zip(series.prices, series.seconds, series.seconds[1:], strict=False)
    running = sum(end - start for price, start, end in spans if price == bid)
    return running, bid.charge(running), 0


def gives_up(series: PriceSeries, work: int, limit: int, on_demand: PerHour, bid: PerHour) -> Any:
    """Go on on demand at the first interruption."""
    del limit
    runs = series.runs(bid)
    ran = min(work, runs[0][1]) if runs and not runs[0][0] else 0
    return bid.charge(ran) + on_demand.charge(work - ran), work


def waits_too_long(
    series: PriceSeries, work: int, limit: int, on_demand: PerHour, bid: PerHour
) -> Any:
    """Wait for the price, whatever the deadline."""
    del limit
    return ours["way"](series, work, series.seconds[-1], on_demand, bid)


def pays_on_demand(
    series: PriceSeries, work: int, limit: int, on_demand: PerHour, bid: PerHour
) -> Any:
    """Pay the on-demand price while the bid runs."""
    cost, taken = ours["way"](series, work, limit, on_demand, max(bid, PerHour(1)))
    return (cost if bid > on_demand else on_demand.charge(work)), taken


# -- reserving ---------------------------------------------------------------------------------


def deposit_is_lost(price: PerHour, factor: Fraction, months: Fraction, length: int) -> Any:
    """Pay the deposit, however short the stay."""
    if not months:
        return price.charge(length)
    rest = length - int(months * 2_592_000)
    return ours["deposit"](price, factor, months) + price.charge(max(0, rest))


def no_five_per_cent(price: PerHour, factor: Fraction, months: Fraction, length: int) -> Any:
    """Leave early for what on demand would have cost, without the 5 %."""
    found = ours["stay"](price, factor, months, length)
    return min(found, price.charge(length))


def discount_goes_on(price: PerHour, factor: Fraction, months: Fraction, length: int) -> Any:
    """Keep the discount for what lasts longer than the months."""
    found = ours["stay"](price, factor, months, length)
    cheap = price.scaled(1 - factor * months / (months + 1)).charge(length)
    return min(found, cheap) if length > months * 2_592_000 else found


def free_without_months(price: PerHour, factor: Fraction, months: Fraction, length: int) -> Any:
    """Charge nothing where nothing is prepaid."""
    return ours["stay"](price, factor, months, length) if months else Money(0)


def dearer_each_month(price: PerHour, factor: Fraction, months: Fraction, length: int) -> Any:
    """Take the discount of the first month off, and less of it the longer it is."""
    if not months:
        return price.charge(length)
    return dollars(price.charge(length)) * (1 - factor / (1 + months) / 2)


def refund_never_ends(price: PerHour, factor: Fraction, months: Fraction, length: int) -> Any:
    """Ask for more than the deposit of who leaves near the end."""
    rate = factor * months / (months + 1)
    if length <= months * 2_592_000:
        return dollars(price.charge(length)) * (1 + rate / 20)
    return ours["stay"](price, factor, months, length)


def months_pay_from_their_end(*case: Any) -> int:
    """Let it pay only when it is over."""
    _, _, months = case
    return int(months * 2_592_000)


def at_the_full_discount(*case: Any) -> int:
    """Count with the greatest discount."""
    _, factor, months = case
    return max(1, int(months * 2_592_000 * (1 - factor)))


def at_once(*case: Any) -> int:
    """Say that a discount always pays."""
    del case
    return 1


def of_each_month(*case: Any) -> int:
    """Ask how much of each month it takes, not of all of them."""
    _, _, months = case
    return max(1, int(ours["break_even"](*case) / months))


def a_month_at_most(price: PerHour, factor: Fraction, months: Fraction) -> Any:
    """Say a month where it is longer."""
    return min(2_592_000, ours["break_even"](price, factor, months))


# -- estimates ---------------------------------------------------------------------------------


def normal(values: Sequence[Fraction]) -> Any:
    """Take 1.96, as if there were many runs."""
    return _interval(values, 1.96, len(values) - 1)


def all_of_them(values: Sequence[Fraction]) -> Any:
    """Divide by n, not by n − 1."""
    mean, half = ours["estimate"](values)
    count = len(values)
    return mean, None if half is None else float(half) * sqrt((count - 1) / count)


def sure_of_one(values: Sequence[Fraction]) -> Any:
    """Be quite sure of a single run."""
    mean, half = ours["estimate"](values)
    return mean, half or 0


def median(values: Sequence[Fraction]) -> Any:
    """Take the middle one for the mean."""
    return sorted(values)[len(values) // 2], ours["estimate"](values)[1]


def at_least_a_cent(values: Sequence[Fraction]) -> Any:
    """Say no interval narrower than a cent, in whatever unit."""
    mean, half = ours["estimate"](values)
    return mean, None if half is None else max(half, Fraction(1, 100))


def _interval(values: Sequence[Fraction], t: float, degrees: int) -> Any:
    mean = sum(values, Fraction(0)) / len(values)
    if not degrees:
        return mean, None
    squares = sum(float(value - mean) ** 2 for value in values)
    return mean, t * sqrt(squares / degrees / len(values))


# -- simulations -------------------------------------------------------------------------------

_again = count()


def another_seed(scenario: Scenario, seed: int) -> Any:
    """Draw from a generator that all runs share."""
    return ours["simulation"](scenario, seed + next(_again))


def cheap_draws_more(scenario: Scenario, seed: int) -> Any:
    """Let clients come or not as the price is, before any of them has looked."""
    dear = any(one.prices.gpu.steps > 9 * 10**12 for one in scenario.listings)
    return ours["simulation"](scenario, seed + dear)


def modes_changed(outcome: Outcome, change: Callable[[Any], dict[str, Any]]) -> Outcome:
    """Return an outcome with something changed in each mode."""
    return evolve(outcome, modes=tuple(evolve(one, **change(one)) for one in outcome.modes))


def in_cents(scenario: Scenario, seed: int) -> Any:
    """Round what each mode paid to a cent."""
    outcome = ours["simulation"](scenario, seed)
    return modes_changed(outcome, lambda one: {"gpu": Money(one.gpu.to_decimal(2))})


def fee_of_the_sum(scenario: Scenario, seed: int) -> Any:
    """Take the first machine's fee of all that is paid."""
    share = scenario.listings[0].prices.platform_fee
    outcome = ours["simulation"](scenario, seed)
    return modes_changed(outcome, lambda one: {"fee": one.revenue.scaled(share)})


def the_lost_are_forgotten(scenario: Scenario, seed: int) -> Any:
    """Count only who rented."""
    outcome = ours["simulation"](scenario, seed)
    return modes_changed(outcome, lambda one: {"requests": one.rented, "lost": ()})


def nobody_is_lost(scenario: Scenario, seed: int) -> Any:
    """Count all who came, and not who went away."""
    return modes_changed(ours["simulation"](scenario, seed), lambda _: {"lost": ()})


def all_hosts_at_once(scenario: Scenario, seed: int) -> Any:
    """Take the machines of rivals for the host's own."""
    host = scenario.listings[0].machine.host
    theirs = [evolve(one, machine=evolve(one.machine, host=host)) for one in scenario.rivals]
    all_of_them = evolve(scenario, rivals=(), listings=(*scenario.listings, *theirs))
    return ours["simulation"](all_of_them, seed)


def the_first_rival_first(scenario: Scenario, seed: int) -> Any:
    """Let the rival that is named first decide the chance."""
    first = scenario.rivals[0].machine.id if scenario.rivals else 0
    return ours["simulation"](scenario, seed + 10 * int(first))


def on_the_first_gpus(scenario: Scenario, seed: int) -> Any:
    """Put every instance on the first GPUs."""
    outcome = ours["simulation"](scenario, seed)
    moved = []
    for history in outcome.histories:
        contract = history.contract
        block = evolve(contract.block, start=0)
        moved.append(evolve(history, contract=evolve(contract, block=block)))
    return evolve(outcome, kept_histories=tuple(moved))


def whole_stays(scenario: Scenario, seed: int) -> Any:
    """Count the time that clients wanted, though some were paused or not done."""
    outcome = ours["simulation"](scenario, seed)
    wanted = dict.fromkeys(Mode, 0)
    for one in scenario.demand.draw(scenario.horizon, seed).requests:
        wanted[one.mode] += one.gpus * one.seconds
    return modes_changed(outcome, lambda one: {"gpu_seconds": wanted[one.mode]})


def always_busy(scenario: Scenario, seed: int) -> Any:
    """Count all GPUs for all the time, for each mode."""
    outcome = ours["simulation"](scenario, seed)
    there = outcome.gpus * outcome.seconds
    return modes_changed(outcome, lambda _: {"gpu_seconds": there})


def billed_to_the_end(scenario: Scenario, seed: int) -> Any:
    """Bill storage beyond the horizon."""
    outcome = ours["simulation"](scenario, seed)
    longer = evolve(scenario.horizon, end=scenario.horizon.end + timedelta(hours=1))
    more = Money.sum(
        statement(history, longer).total - statement(history, scenario.horizon).total
        for history in outcome.histories
    )
    first, *others = outcome.modes
    return evolve(outcome, modes=(evolve(first, gpu=first.gpu + more), *others))


WRONG_PLANS: Final[dict[str, tuple[Callable[..., Any], ...]]] = {
    "bid_outcome": (
        only_above,
        pays_its_bid,
        mean_of_the_changes,
        starts_are_stops,
        holds_to_the_next,
        alone_at_its_price,
    ),
    "fleet": (
        all_at_the_first,
        each_for_itself,
        one_after_the_other,
        a_second_later,
        the_mildest_machines,
    ),
    "hours": (
        in_utc,
        as_the_period_begins,
        not_over_midnight,
        whole_ones,
        day_by_day,
        a_second_of_each_minute,
    ),
    "way": (gives_up, waits_too_long, pays_on_demand),
    "stay": (
        deposit_is_lost,
        no_five_per_cent,
        discount_goes_on,
        refund_never_ends,
        free_without_months,
        dearer_each_month,
    ),
    "break_even": (
        months_pay_from_their_end,
        at_the_full_discount,
        at_once,
        of_each_month,
        a_month_at_most,
    ),
    "estimate": (normal, all_of_them, sure_of_one, median, at_least_a_cent),
    "simulation": (
        another_seed,
        cheap_draws_more,
        in_cents,
        fee_of_the_sum,
        the_lost_are_forgotten,
        nobody_is_lost,
        all_hosts_at_once,
        the_first_rival_first,
        on_the_first_gpus,
        whole_stays,
        always_busy,
        billed_to_the_end,
    ),
}
