"""Settling a promise the slow way: second by second, with fractions, and nothing of the library.

Written from the rules page, to be compared with the library over random histories.
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

DAY = 86_400
BILLION = 10**9
Rental = tuple[int, int]
Down = tuple[int, int, int | None]  # start, end, announced


class Promised(NamedTuple):
    """A contract: its target, what an hour costs in dollars, and the platform's share."""

    target: Fraction
    compute: Fraction
    fee: Fraction
    platform_fee: Fraction


class Day(NamedTuple):
    """What an oracle says of a day; money in dollars."""

    day: int
    intended: int
    uptime: int | None
    blend: int | None
    compute: Fraction
    fee: Fraction
    credit: Fraction
    net: Fraction
    to_client: Fraction
    to_host: Fraction


def half_even(value: Fraction, parts: int = BILLION) -> Fraction:
    """Round to a whole number of parts."""
    return Fraction(round(value * parts), parts)


def beta_of(target: Fraction) -> Fraction:
    """The weight of the day: 0.3 of a target of 95 %."""
    return half_even((1 - target) / (1 - target + Fraction(7, 60)))


def credit_of(target: Fraction, blend: Fraction) -> Fraction:
    """The share of a day's compute that comes back."""
    if blend >= target:
        return Fraction(0)
    shortfall = (target - blend) / min(target, 1 - target)
    if shortfall >= 1:
        return Fraction(1)
    if shortfall <= Fraction(1, 5):
        share = shortfall * Fraction(45, 20)
    elif shortfall <= Fraction(2, 5):
        share = Fraction(35, 100) + shortfall / 2
    else:
        share = Fraction(25, 100) + shortfall * Fraction(3, 4)
    return half_even(share)


def forgiven(start: int, end: int, announced: int | None) -> Fraction:
    """The share of an outage that counts as uptime."""
    if announced is None or announced >= start:
        return Fraction(0)
    notice, length = Fraction(start - announced, DAY), Fraction(end - start, DAY)
    return half_even(Fraction(9, 10) * notice / (notice + 1) / (length + 1))


def seconds_of_days(rentals: list[Rental], outages: list[Down]) -> dict[int, tuple[int, Fraction]]:
    """Look at every second: of each day, those intended and those lost."""
    days: dict[int, tuple[int, Fraction]] = {}
    weights = [(start, end, 1 - forgiven(start, end, told)) for start, end, told in outages]
    first, last = min(r[0] for r in rentals), max(r[1] for r in rentals)
    for second in range(first // DAY * DAY, last):
        intended, lost = days.get(second // DAY, (0, Fraction(0)))
        if any(start <= second < end for start, end in rentals):
            intended += 1
            for start, end, weight in weights:
                if start <= second < end:
                    lost += weight
        days[second // DAY] = intended, lost
    return days


def settled(promised: Promised, rentals: list[Rental], outages: list[Down]) -> list[Day]:
    """Settle a whole contract, its last active day closing the escrow."""
    days = seconds_of_days(rentals, outages)
    active = [day for day in sorted(days) if days[day][0]]
    week = month = promised.target
    rests: dict[int, int] = {}
    rows: list[Day] = []
    for day in sorted(days):
        intended, lost = days[day]
        hours = Fraction(intended, 3_600)
        # A price of the platform is rounded to a pico-dollar an hour; ticks are finer.
        taken = half_even(promised.compute * promised.platform_fee, 10**12) * hours
        compute, fee = promised.compute * hours, promised.fee * hours
        uptime = blend = None
        credit = Fraction(0)
        if intended:
            up = half_even(1 - lost / intended)
            beta = beta_of(promised.target)
            mix = half_even(beta * up + (1 - beta) * (week + month) / 2)
            credit = ticks(compute * credit_of(promised.target, mix))
            week += half_even((up - week) / 7)
            month += half_even((up - month) / 30)
            uptime, blend = int(up * BILLION), int(mix * BILLION)
        net = compute - taken
        to_client = min(credit, net)
        rests[day] = round((net + fee - to_client) * TICKS)
        # Of the rest of each day before, a seventh a day; what does not divide goes first.
        released = 0
        for ago in range(1, 8):
            rest = rests.get(day - ago, 0)
            released += rest // 7 + (rest % 7 if ago == 1 else 0)
        if day == active[-1]:
            out = sum(round((row.to_client + row.to_host) * TICKS) for row in rows)
            into = sum(round((row.net + row.fee) * TICKS) for row in rows)
            into += round((net + fee - to_client) * TICKS)
            released = into - out
        host = Fraction(released, TICKS)
        rows.append(Day(day, intended, uptime, blend, compute, fee, credit, net, to_client, host))
    return rows


TICKS = 324 * 10**21  # in a dollar


def ticks(dollars: Fraction) -> Fraction:
    """Round to a whole tick."""
    return half_even(dollars, TICKS)


def constant_credits(promised: Promised, intended: list[int], uptime: Fraction) -> Fraction:
    """What days of so many seconds would have cost the escrow at one uptime, dollars."""
    week = month = promised.target
    beta, total = beta_of(promised.target), Fraction(0)
    for seconds in intended:
        hours = Fraction(seconds, 3_600)
        mix = half_even(beta * uptime + (1 - beta) * (week + month) / 2)
        compute = promised.compute * hours
        taken = half_even(promised.compute * promised.platform_fee, 10**12) * hours
        total += min(ticks(compute * credit_of(promised.target, mix)), compute - taken)
        week += half_even((uptime - week) / 7)
        month += half_even((uptime - month) / 30)
    return total
