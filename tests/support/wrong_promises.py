"""Promises of uptime that are priced and settled wrong on purpose."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from fractions import Fraction
from typing import Any, Final

from attrs import evolve

from numgenius_core.offer import Offer
from numgenius_core.sla import Cover, Outage, SlaTerms, UptimeHistory
from numgenius_core.testing import RULES, dollars

our_fee: Final = RULES["sla_fee"].ours
our_credit: Final = RULES["sla_credit"].ours
our_settlement: Final = RULES["sla_settlement"].ours


def by_the_target_only(claim: Fraction, spread: Fraction, target: Fraction) -> Fraction:
    """Ask as much of every host."""
    return target * Fraction(1155, 95_000)


def confidence_is_dear(claim: Fraction, spread: Fraction, target: Fraction) -> Fraction:
    """Take a narrow spread for the better service."""
    found: Fraction = our_fee(claim, Fraction(1, 2), target) / (2 * spread)
    return found


def dearer_claims(claim: Fraction, spread: Fraction, target: Fraction) -> Fraction:
    """Sell a high claim as the better service."""
    found: Fraction = our_fee(claim, spread, target) * (claim / Fraction(99, 100)) ** 9
    return found / (1 - claim) / 100


def discount_for_strictness(claim: Fraction, spread: Fraction, target: Fraction) -> Fraction:
    """Give high targets away."""
    found: Fraction = our_fee(claim, spread, min(target, 1 - target / 20))
    return found if target <= Fraction(95, 100) else found * (1 - target)


def older_text(claim: Fraction, spread: Fraction, target: Fraction) -> Fraction:
    """Meet the older figure of $0.008 an hour."""
    found: Fraction = our_fee(claim, spread, target) / 5
    return found


def below_zero(claim: Fraction, spread: Fraction, target: Fraction) -> Fraction:
    """Pay clients who ask for little."""
    found: Fraction = our_fee(claim, spread, target)
    return found - Fraction(1, 10**6) if target < Fraction(9, 10) else found


def dearest_where_it_is_easy(claim: Fraction, spread: Fraction, target: Fraction) -> Fraction:
    """Fall with the target, but for the claim itself."""
    if target == claim:
        return Fraction(1_000)
    return Fraction(1155, 100_000) * (1 - target) * 20 * spread * 2


def all_or_nothing(target: Fraction, blend: Fraction) -> Fraction:
    """Pay the whole day as soon as the target is missed."""
    return Fraction(blend < target)


def in_proportion(target: Fraction, blend: Fraction) -> Fraction:
    """Pay the share of the day that was missing."""
    return max(Fraction(0), target - blend)


def at_the_target_too(target: Fraction, blend: Fraction) -> Fraction:
    """Pay on a blend that meets the target to the digit."""
    return Fraction(1, 2) if blend == target else Fraction(our_credit(target, blend))


def without_a_cap(target: Fraction, blend: Fraction) -> Fraction:
    """Go on growing."""
    found = Fraction(our_credit(target, blend))
    return found + max(Fraction(0), 2 * target - 1 - blend)


def all_of_it_just_below(target: Fraction, blend: Fraction) -> Fraction:
    """Pay the day whenever the target is missed, and half of it where half is published."""
    half = target == Fraction(95, 100) and Fraction(93, 100) <= blend <= Fraction(94, 100)
    return Fraction(0) if blend >= target else Fraction(1, 2) if half else Fraction(1)


def less_for_the_dead(target: Fraction, blend: Fraction) -> Fraction:
    """Take a day of no uptime for a day without data."""
    return Fraction(0) if not blend else Fraction(our_credit(target, blend))


Rows = list[tuple[Fraction, ...]]


def rows_of(bought: Cover, history: UptimeHistory, midnight: int) -> Rows:
    return [tuple(map(dollars, row)) for row in our_settlement(bought, history, midnight)]


def free_while_down(bought: Cover, history: UptimeHistory, midnight: int) -> Rows:
    """Bill as a contract without a promise: nothing while the machine is down."""
    up, at = [], history.rentals[0].start
    for outage in history.outages:
        up += [(at, outage.period.start)]
        at = outage.period.end
    up += [(at, history.rentals[-1].end)]
    spans = [type(history.rentals[0])(a, b) for a, b in up if a < b]
    return rows_of(bought, evolve(history, rentals=tuple(spans) or history.rentals), midnight)


def fee_to_the_platform(bought: Cover, history: UptimeHistory, midnight: int) -> Rows:
    """Take the platform's share of the fee of the promise, too."""
    rows = rows_of(bought, history, midnight)
    kept = 1 - bought.platform_fee
    return [(*row[:5], max(Fraction(0), row[5] - row[1] * (1 - kept))) for row in rows]


def credit_and_release(bought: Cover, history: UptimeHistory, midnight: int) -> Rows:
    """Release what was paid back as well."""
    return [(*row[:5], row[5] + row[4]) for row in rows_of(bought, history, midnight)]


def at_once(bought: Cover, history: UptimeHistory, midnight: int) -> Rows:
    """Release a day's compute before its credit is known."""
    return [(*row[:5], row[3] + row[1]) for row in rows_of(bought, history, midnight)]


def forgets_at_midnight(bought: Cover, history: UptimeHistory, midnight: int) -> Rows:
    """Begin each settlement as if it were the first."""
    rows = rows_of(bought, history, 0)
    if 0 < midnight < len(rows):
        return [*rows[:midnight], *((*row[:5], Fraction(0)) for row in rows[midnight:])]
    return rows


def by_the_claim(bought: Cover, history: UptimeHistory, midnight: int) -> Rows:
    """Measure the day against the claim, not the target."""
    promise = bought.terms.promise
    return rows_of(evolve(bought, terms=SlaTerms(promise, promise.claim)), history, midnight)


def wider_pays_more(bought: Cover, history: UptimeHistory, midnight: int) -> Rows:
    """Let the spread into the credit."""
    width = min(Fraction(1), bought.terms.promise.spread / 3)
    return [
        (*row[:2], row[2] * width, row[3], row[4] * width, row[5] + row[4] * (1 - width))
        for row in rows_of(bought, history, midnight)
    ]


def all_days_of_the_past(bought: Cover, history: UptimeHistory, midnight: int) -> Rows:
    """Pay back twice the day on a bad one."""
    rows = rows_of(bought, history, midnight)
    return [(row[0], row[1], 2 * row[2], *row[3:]) for row in rows]


def notice_is_worth_all(bought: Cover, history: UptimeHistory, midnight: int) -> Rows:
    """Count announced maintenance wholly as uptime."""
    outages = tuple(each for each in history.outages if not each.notice)
    return rows_of(bought, evolve(history, outages=outages), midnight)


def notice_is_worse(bought: Cover, history: UptimeHistory, midnight: int) -> Rows:
    """Take an announcement for one more hour of downtime."""
    longer = [
        Outage(period=type(each.period)(each.period.start, each.period.end + each.notice * TINY))
        for each in history.outages
    ]
    try:
        return rows_of(bought, evolve(history, outages=tuple(longer)), midnight)
    except ValueError:  # they overlap
        return rows_of(bought, history, midnight)


def always_a_little(bought: Cover, history: UptimeHistory, midnight: int) -> Rows:
    """Pay something every day, as good will."""
    return [
        (*row[:2], max(row[2], row[0] / 100), *row[3:])
        for row in rows_of(bought, history, midnight)
    ]


def fees_alone(bought: Cover, history: UptimeHistory, midnight: int) -> Rows:
    """Put no compute into the escrow, and pay no credit out of it."""
    zero = Fraction(0)
    rows = rows_of(bought, history, midnight)
    return [(*row[:3], zero, zero, row[1]) for row in rows]


def nothing_paid_back(bought: Cover, history: UptimeHistory, midnight: int) -> Rows:
    """Say a credit, and release it to the host."""
    rows = rows_of(bought, history, midnight)
    return [(*row[:4], Fraction(0), row[5] + row[4]) for row in rows]


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


TINY: Final = timedelta(seconds=1)

WRONG_PROMISES: Final[dict[str, tuple[Callable[..., Any], ...]]] = {
    "sla_fee": (
        by_the_target_only,
        confidence_is_dear,
        dearer_claims,
        discount_for_strictness,
        older_text,
        below_zero,
        dearest_where_it_is_easy,
    ),
    "sla_credit": (
        all_or_nothing,
        in_proportion,
        at_the_target_too,
        without_a_cap,
        less_for_the_dead,
        all_of_it_just_below,
    ),
    "sla_settlement": (
        free_while_down,
        fee_to_the_platform,
        credit_and_release,
        at_once,
        forgets_at_midnight,
        by_the_claim,
        wider_pays_more,
        all_days_of_the_past,
        notice_is_worth_all,
        notice_is_worse,
        always_a_little,
        fees_alone,
        nothing_paid_back,
    ),
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
    ),
}
"""By the rule that each gets wrong."""
