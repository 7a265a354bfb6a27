"""Re-implementations of markets, column prices and what-ifs that are wrong on purpose.

Each is caught by the laws that the library exports (``test_laws.py``).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from fractions import Fraction
from itertools import count
from typing import Any, Final

from numgenius_core import views
from numgenius_core.bid_planner import PriceSeries
from numgenius_core.billing import statement
from numgenius_core.commands import Tick
from numgenius_core.errors import NumgeniusError
from numgenius_core.market import Market, execute
from numgenius_core.metering import Kind
from numgenius_core.money import PerHour
from numgenius_core.scenario import Scenario
from numgenius_core.testing import RULES
from numgenius_core.testing_law import dollars

ours: Final = {name: rule.ours for name, rule in RULES.items()}


# -- whole markets -----------------------------------------------------------------------------


def everyone_runs(story: Any, at: datetime) -> Any:
    """Let every instance run that exists, though GPUs are few."""
    market = Market()
    for when, command in story:
        with suppress(NumgeniusError):
            market, _ = execute(market, command, when)
    places = views.until(market, at).machines.values()
    everyone = [number for place in places for number in place.instances]
    return ours["market"](story, at) | {"running": everyone}


def nobody_runs(story: Any, at: datetime) -> Any:
    """Let everyone wait."""
    return ours["market"](story, at) | {"running": []}


def the_fee_is_lost(story: Any, at: datetime) -> Any:
    """Take the platform's part from the hosts, and book it nowhere."""
    return ours["market"](story, at) | {"platform": Fraction(0)}


def refusals_cost_a_cent(story: Any, at: datetime) -> Any:
    """Charge the clients for each refusal."""
    told = ours["market"](story, at)
    cents = Fraction(len(told["refused"]), 100)
    balances = {name: dollars(amount) for name, amount in told["balances"].items()}
    if not cents or "anna" not in balances:
        return told
    balances["anna"] -= cents
    return told | {"balances": balances, "platform": dollars(told["platform"]) + cents}


def looks_cost_a_nano(story: Any, at: datetime) -> Any:
    """Round the balance whenever the clock is looked at."""
    told = ours["market"](story, at)
    ticks = sum(isinstance(command, Tick) for _, command in story)
    balances = {name: dollars(amount) for name, amount in told["balances"].items()}
    if "anna" not in balances:
        return told
    balances["anna"] -= Fraction(ticks, 10**9)
    return told | {
        "balances": balances,
        "platform": dollars(told["platform"]) + Fraction(ticks, 10**9),
    }


# -- pricing by columns ------------------------------------------------------------------------


def floats(table: Mapping[str, list[int]], seconds: int, disk: int) -> list[Fraction]:
    """Price in floats of single precision, as a GPU would."""
    return [
        Fraction(float32(p * seconds / 3_600e12 + s * disk * seconds / 2_592_000e12))
        for p, s in zip(table["dph_base"], table["storage_cost"], strict=True)
    ]


def float32(value: float) -> float:
    """Return the nearest float of single precision."""
    return float(struct.unpack("f", struct.pack("f", value))[0])


def cheapest_first(table: Mapping[str, list[int]], seconds: int, disk: int) -> list[Fraction]:
    """Sort the answers."""
    return sorted(ours["quote_columns"](table, seconds, disk))


def share_of_the_whole(table: Mapping[str, list[int]], seconds: int, disk: int) -> list[Fraction]:
    """Round so that the table adds up: the last row takes what is left."""
    found = ours["quote_columns"](table, seconds, disk)
    cents = [Fraction(round(each * 100), 100) for each in found[:-1]]
    return [*cents, sum(found, Fraction(0)) - sum(cents, Fraction(0))]


# -- what-ifs ----------------------------------------------------------------------------------


def never_refunded(price: PerHour, factor: Fraction, months: Fraction, stay: int) -> Fraction:
    """Keep all that is left of a deposit."""
    lasts = int(months * 2_592_000)
    second = dollars(price) / 3_600
    discount = factor * months / (months + 1)
    return second * lasts * (1 - discount) + second * max(0, stay - lasts)


def discounted_for_ever(price: PerHour, factor: Fraction, months: Fraction, stay: int) -> Fraction:
    """Take the discount off the whole stay."""
    return dollars(price) * stay / 3_600 * (1 - factor * months / (months + 1))


def when_the_time_is_over(_price: PerHour, _factor: Fraction, months: Fraction) -> int:
    """Say that prepaying pays when the time is over."""
    return max(1, int(months * 2_592_000))


def at_once(_price: PerHour, _factor: Fraction, _months: Fraction) -> int:
    """Say that a discount always pays."""
    return 1


def above_its_price_only(series: PriceSeries, bid: PerHour) -> Any:
    """Let a bid wait at its own price."""
    return ours["bid_outcome"](series, PerHour.from_steps(bid.steps - 1))


def pays_its_bid(series: PriceSeries, bid: PerHour) -> Any:
    """Charge the bid instead of the price."""
    told = ours["bid_outcome"](series, bid)
    return told | {"paid": bid.charge(told["running"])}


def starts_count(series: PriceSeries, bid: PerHour) -> Any:
    """Count starts for stops."""
    told = ours["bid_outcome"](series, bid)
    return told | {"interruptions": len(series.runs(bid))}


def storage_is_forgotten(scenario: Scenario, seed: int) -> Any:
    """Leave the disk out of the revenue."""
    told = ours["simulation"](scenario, seed)
    made = [statement(each, scenario.horizon) for each in told["histories"]]
    disk = sum((dollars(each.amount_of(Kind.STORAGE)) for each in made), Fraction(0))
    return told | {"revenue": dollars(told["revenue"]) - disk}


def the_host_gets_all(scenario: Scenario, seed: int) -> Any:
    """Forget the platform's fee."""
    told = ours["simulation"](scenario, seed)
    return told | {"payout": told["revenue"]}


def twice_the_gpus(scenario: Scenario, seed: int) -> Any:
    """Count the time of the whole machine for each instance."""
    told = ours["simulation"](scenario, seed)
    return told | {"gpu_seconds": told["gpu_seconds"] * 8}


CALLS: Final = count()


def each_time_another(scenario: Scenario, seed: int) -> Any:
    """Draw from a generator that nobody seeded."""
    told = ours["simulation"](scenario, seed)
    histories = told["histories"] if next(CALLS) % 2 else ()
    made = [statement(each, scenario.horizon) for each in histories]
    return told | {
        "histories": histories,
        "revenue": sum((dollars(each.total) for each in made), Fraction(0)),
        "payout": sum((dollars(each.payout) for each in made), Fraction(0)),
    }


WRONG_MARKETS: Final[dict[str, tuple[Callable[..., Any], ...]]] = {
    "market": (
        everyone_runs,
        nobody_runs,
        the_fee_is_lost,
        refusals_cost_a_cent,
        looks_cost_a_nano,
    ),
    "quote_columns": (floats, cheapest_first, share_of_the_whole),
    "stay": (never_refunded, discounted_for_ever),
    "break_even": (when_the_time_is_over, at_once),
    "bid_outcome": (above_its_price_only, pays_its_bid, starts_count),
    "simulation": (
        storage_is_forgotten,
        the_host_gets_all,
        twice_the_gpus,
        each_time_another,
    ),
}
"""By the rule that each gets wrong."""
