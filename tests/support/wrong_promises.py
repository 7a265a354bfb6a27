"""Promises of uptime that are priced and settled wrong on purpose."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from fractions import Fraction
from typing import Any, Final

from attrs import evolve

from numgenius_core.sla import Cover, Outage, SlaTerms, UptimeHistory
from numgenius_core.testing import RULES, dollars
from wrong_bills import WRONG_BILLS

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
    found: Fraction = our_fee(claim, spread, target)
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


def straight(claim: Fraction, spread: Fraction, target: Fraction) -> Fraction:
    """Draw a line through the published fee, a third of a cent for each hundredth of target."""
    return Fraction(1155, 100_000) + (target - Fraction(95, 100)) / 3


def reward_for_confidence(claim: Fraction, spread: Fraction, target: Fraction) -> Fraction:
    """Take something off for a narrow spread, whatever the fee is."""
    found: Fraction = our_fee(claim, spread, target)
    return found + (spread - Fraction(1, 2)) / 100


def by_the_gap(claim: Fraction, spread: Fraction, target: Fraction) -> Fraction:
    """Ask for the distance of the target from the claim, as if it were the risk."""
    return Fraction(1155, 100_000) * (claim - target) * 25


def in_proportion_to_both(claim: Fraction, spread: Fraction, target: Fraction) -> Fraction:
    """Ask in proportion to what is claimed and to what is bought."""
    return Fraction(1155, 100_000) * claim * target / Fraction(9405, 10_000)


def confidence_for_spread(claim: Fraction, spread: Fraction, target: Fraction) -> Fraction:
    """Take the confidence where the spread is meant."""
    found: Fraction = our_fee(claim, 1 / (1 + spread), target)
    return found


def by_the_band(claim: Fraction, spread: Fraction, target: Fraction) -> Fraction:
    """Price the band of confidence that is shown, the high one as the best."""
    found: Fraction = our_fee(claim, Fraction(1, 2), target)
    if spread <= Fraction(32, 100):
        return found * 6 / 5
    return found if spread <= Fraction(71, 100) else found * 4 / 5


def a_day_for_an_hour(claim: Fraction, spread: Fraction, target: Fraction) -> Fraction:
    """Take the fee of a day for that of an hour."""
    found: Fraction = our_fee(claim, spread, target) * 24
    return found


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


def from_full_uptime(target: Fraction, blend: Fraction) -> Fraction:
    """Measure the shortfall from a day without outage."""
    return min(Fraction(1), (1 - blend) * 10)


def one_target_for_all(target: Fraction, blend: Fraction) -> Fraction:
    """Hold everybody to the highest target that is sold."""
    return Fraction(our_credit(max(target, Fraction(99_999, 100_000)), blend))


def a_tenth_on_top(target: Fraction, blend: Fraction) -> Fraction:
    """Pay a fine on top of what was lost."""
    return Fraction(our_credit(target, blend)) * 11 / 10


def takes_back_above(target: Fraction, blend: Fraction) -> Fraction:
    """Let a good day make up for what bad ones paid."""
    return Fraction(our_credit(target, blend)) - max(Fraction(0), blend - target) / 2


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
        Outage(period=type(each.period)(each.period.start, each.period.end + each.notice))
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


def gross_goes_in(bought: Cover, history: UptimeHistory, midnight: int) -> Rows:
    """Put what the client pays into the escrow, the platform's share with it."""
    rows = rows_of(bought, history, midnight)
    return [(*row[:3], row[0], row[4], row[5] + row[0] - row[3]) for row in rows]


def a_tenth_more(bought: Cover, history: UptimeHistory, midnight: int) -> Rows:
    """Pay a fine on top of the credit."""
    rows = rows_of(bought, history, midnight)
    return [(*row[:2], row[2] * 11 / 10, *row[3:]) for row in rows]


def fee_back_too(bought: Cover, history: UptimeHistory, midnight: int) -> Rows:
    """Pay back the fee of a bad day beside its compute."""
    rows = rows_of(bought, history, midnight)
    return [(*row[:2], row[2] and row[2] + row[1], *row[3:]) for row in rows]


def credit_off_the_bill(bought: Cover, history: UptimeHistory, midnight: int) -> Rows:
    """Bill a day less its credit, and pay nothing back."""
    zero, rows = Fraction(0), rows_of(bought, history, midnight)
    return [(row[0] - row[2], row[1], zero, row[3] - row[4], zero, row[5]) for row in rows]


def fee_while_up(bought: Cover, history: UptimeHistory, midnight: int) -> Rows:
    """Take no fee for the hours of an outage."""
    rows, hours = rows_of(bought, history, midnight), history.down_seconds
    left = 1 - Fraction(hours, history.rented_seconds)
    return [(row[0], row[1] * left, *row[2:5], row[5] - row[1] * (1 - left)) for row in rows]


def the_day_was_not_full(bought: Cover, history: UptimeHistory, midnight: int) -> Rows:
    """Take the hours before a rental began, and after it ended, for hours of outage."""
    rows, found = rows_of(bought, history, midnight), []
    for row in rows:
        up = row[0] / (dollars(bought.compute) * 24) if bought.compute.steps else Fraction(1)
        missing = max(Fraction(0), bought.terms.target - up) * row[0]
        found.append((*row[:2], max(row[2], missing), *row[3:]))
    return found


def begins_in_debt(bought: Cover, history: UptimeHistory, midnight: int) -> Rows:
    """Let a new contract begin with a memory of nothing, as if it had been down before."""
    first = history.rentals[0].start.replace(hour=0, minute=0, second=0)
    dead = type(history.rentals[0])(first - 40 * DAY, first)
    later = (each for each in history.outages if each.period.start >= first)
    outages = (Outage(period=dead), *later)
    whole = evolve(history, rentals=(dead, *history.rentals), outages=outages)
    days = len(rows_of(bought, history, 0))
    return rows_of(bought, whole, 0)[-days:]


def between_target_and_claim(bought: Cover, history: UptimeHistory, midnight: int) -> Rows:
    """Measure the day against the middle of what was claimed and what was bought."""
    terms = bought.terms
    middle = Fraction(int((terms.target + terms.promise.claim) * 5 * 10**8), 10**9)
    return rows_of(evolve(bought, terms=SlaTerms(terms.promise, middle)), history, midnight)


def forgets_bad_days(bought: Cover, history: UptimeHistory, midnight: int) -> Rows:
    """Begin the memory anew at a midnight at which a run of settlements was broken off."""
    rows, (rental,) = rows_of(bought, history, 0), history.rentals
    cut = rental.start.replace(hour=0, minute=0, second=0) + midnight * DAY
    if not 0 < midnight < len(rows):
        return rows
    later = evolve(history, rentals=(type(rental)(cut, rental.end),))
    return [*rows[:midnight], *rows_of(bought, later, 0)]


def a_day_in_both(bought: Cover, history: UptimeHistory, midnight: int) -> Rows:
    """Settle the day before a break-off a second time after it."""
    rows = rows_of(bought, history, midnight)
    return [*rows[:midnight], *rows[max(0, midnight - 1) :]] if midnight < len(rows) else rows


def a_day_ahead_is_enough(bought: Cover, history: UptimeHistory, midnight: int) -> Rows:
    """Forgive what was announced a day ahead wholly, as older pages have it."""
    outages = tuple(each for each in history.outages if each.notice < DAY)
    return rows_of(bought, evolve(history, outages=outages), midnight)


DAY: Final = timedelta(days=1)

WRONG_PROMISES: Final[dict[str, tuple[Callable[..., Any], ...]]] = {
    "sla_fee": (
        by_the_target_only,
        confidence_is_dear,
        dearer_claims,
        discount_for_strictness,
        older_text,
        below_zero,
        dearest_where_it_is_easy,
        straight,
        reward_for_confidence,
        by_the_gap,
        in_proportion_to_both,
        confidence_for_spread,
        by_the_band,
        a_day_for_an_hour,
    ),
    "sla_credit": (
        all_or_nothing,
        in_proportion,
        at_the_target_too,
        without_a_cap,
        less_for_the_dead,
        all_of_it_just_below,
        from_full_uptime,
        one_target_for_all,
        a_tenth_on_top,
        takes_back_above,
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
        gross_goes_in,
        a_tenth_more,
        fee_back_too,
        credit_off_the_bill,
        fee_while_up,
        the_day_was_not_full,
        begins_in_debt,
        between_target_and_claim,
        forgets_bad_days,
        a_day_in_both,
        a_day_ahead_is_enough,
    ),
    **WRONG_BILLS,
}
"""By the rule that each gets wrong."""
