"""Stays with a promise that are billed wrong on purpose, and slices of a machine settled wrong."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any, Final

from attrs import evolve

from numgenius_core.offer import Offer
from numgenius_core.testing import RULES, dollars

Rows = list[tuple[Fraction, ...]]

our_bill: Final = RULES["sla_bill"].ours
our_slices: Final = RULES["sla_slices"].ours


def a_claim_costs(offer: Offer, length: int, disk: int, target: Fraction | None) -> Any:
    """Take the fee of whoever rents an offer with a claim."""
    known = offer.promise
    return bill(offer, length, disk, known.claim if known and target is None else target)


def bill(offer: Offer, length: int, disk: int, target: Fraction | None) -> Any:
    return tuple(map(dollars, our_bill(offer, length, disk, target)))


def cheaper_with_a_promise(offer: Offer, length: int, disk: int, target: Fraction | None) -> Any:
    """Take a hundredth off the GPUs of whoever buys a promise."""
    total, fee, payout = bill(offer, length, disk, target)
    return (total if target is None else total - (total - fee) / 100), fee, payout


def shared_fee(offer: Offer, length: int, disk: int, target: Fraction | None) -> Any:
    """Give the platform its share of the fee, too."""
    total, fee, payout = bill(offer, length, disk, target)
    return total, fee, payout - fee * offer.prices.platform_fee


def in_cents(offer: Offer, length: int, disk: int, target: Fraction | None) -> Any:
    """Round the fee of a stay to cents."""
    total, fee, payout = bill(offer, length, disk, target)
    cents = Fraction(round(fee * 100), 100)
    return total - fee + cents, cents, payout - fee + cents


def whole_hours(offer: Offer, length: int, disk: int, target: Fraction | None) -> Any:
    """Bill the fee of each hour that was begun."""
    total, fee, payout = bill(offer, length, disk, target)
    begun = fee * Fraction(-(-length // 3_600) * 3_600, length)
    return total - fee + begun, begun, payout - fee + begun


def within_the_price(offer: Offer, length: int, disk: int, target: Fraction | None) -> Any:
    """Take the fee out of the price of the GPUs."""
    total, fee, payout = bill(offer, length, disk, target)
    return total - fee, fee, payout


def below_nothing(offer: Offer, length: int, disk: int, target: Fraction | None) -> Any:
    """Pay whoever buys a promise."""
    total, fee, payout = bill(offer, length, disk, target)
    return total - 2 * fee, -fee, payout - 2 * fee


def dearer_where_there_is_a_promise(
    offer: Offer, length: int, disk: int, target: Fraction | None
) -> Any:
    """Let the price of whoever buys no promise know of it."""
    total, fee, payout = bill(offer, length, disk, target)
    more = Fraction(1, 100) if offer.promise is not None else Fraction(0)
    return total + more, fee, payout


def always_a_cent(offer: Offer, length: int, disk: int, target: Fraction | None) -> Any:
    """Take a cent for a promise that nobody asked for."""
    total, fee, payout = bill(offer, length, disk, target)
    return total, fee or Fraction(1, 100), payout


def for_nothing(offer: Offer, length: int, disk: int, target: Fraction | None) -> Any:
    """Give a promise away."""
    return bill(offer, length, disk, None)


def nothing_for_the_host(offer: Offer, length: int, disk: int, target: Fraction | None) -> Any:
    """Pay the host the fee of the promise alone."""
    total, fee, _ = bill(offer, length, disk, target)
    return total, fee, fee


def no_days(contracts: Any) -> list[Rows]:
    """Settle nothing."""
    return [[] for _ in contracts]


def loses_the_last(contracts: Any) -> Any:
    """Settle all contracts but one."""
    return our_slices(contracts[:-1] if len(contracts) > 1 else contracts)


def a_cent_a_day(contracts: Any) -> list[Rows]:
    """Pay back a cent on every day of every contract."""
    cent = Fraction(1, 100)
    rows = [[tuple(map(dollars, day)) for day in days] for days in our_slices(contracts)]
    return [[(*day[:2], day[2] + cent, *day[3:]) for day in days] for days in rows]


def the_machine_is_down(contracts: Any) -> Any:
    """Take an outage of one slice for one of the machine."""
    first = contracts[0][1].outages
    return our_slices([(bought, evolve(known, outages=first)) for bought, known in contracts])


def one_pot(contracts: Any) -> list[Rows]:
    """Share the credits of all contracts among them."""
    rows = [[tuple(map(dollars, day)) for day in days] for days in our_slices(contracts)]
    paid = sum((day[2] for days in rows for day in days), Fraction(0)) / len(rows)
    return [[(*day[:2], paid / len(days), *day[3:]) for day in days] for days in rows]


def first_come(contracts: Any) -> list[Rows]:
    """Pay credits of a machine to its first contract only."""
    rows = [[tuple(map(dollars, day)) for day in days] for days in our_slices(contracts)]
    rest = [[(*day[:2], Fraction(0), *day[3:]) for day in days] for days in rows[1:]]
    return [rows[0], *rest]


def mean_of_slices(contracts: Any) -> Any:
    """Give every contract the outages of the slice that was down longest."""
    worst = max((known for _, known in contracts), key=lambda known: known.down_seconds)
    return our_slices(
        [(bought, evolve(known, outages=worst.outages)) for bought, known in contracts]
    )


def by_the_day(contracts: Any) -> list[Rows]:
    """Bill the compute of a day that was begun whole."""
    rows = [[tuple(map(dollars, day)) for day in days] for days in our_slices(contracts)]
    prices = [dollars(bought.compute) * 24 for bought, _ in contracts]
    return [[(price, *day[1:]) for day in days] for days, price in zip(rows, prices, strict=True)]


def nothing_for_dead_days(contracts: Any) -> list[Rows]:
    """Take what is paid back off the bill of the day."""
    rows = [[tuple(map(dollars, day)) for day in days] for days in our_slices(contracts)]
    return [[(day[0] - day[2], *day[1:]) for day in days] for days in rows]


WRONG_BILLS: Final[dict[str, tuple[Callable[..., Any], ...]]] = {
    "sla_bill": (
        a_claim_costs,
        cheaper_with_a_promise,
        shared_fee,
        in_cents,
        whole_hours,
        within_the_price,
        below_nothing,
        dearer_where_there_is_a_promise,
        always_a_cent,
        for_nothing,
        nothing_for_the_host,
    ),
    "sla_slices": (
        the_machine_is_down,
        one_pot,
        first_come,
        mean_of_slices,
        loses_the_last,
        a_cent_a_day,
        no_days,
        by_the_day,
        nothing_for_dead_days,
    ),
}
"""By the rule that each gets wrong."""
