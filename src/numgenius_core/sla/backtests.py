"""What a promise would have brought on a machine's own history, as the marketplace backtests it.

Rule (marketplace, published 2026): one simulated contract for the machine, up to 366 days, by
default the 90 before the end; the target is the claim if none is given. For each day of UTC what
went into the escrow and what came out, and the raw reliability, null without rental. Then r_eff,
the constant reliability that would have paid the same credits (null when nothing was paid in), and
r_be, the one at which fees and credits cancel. Net = fees − credits, above zero iff r_eff > r_be.

Our readings. Raw is what a day has before it is blended with longer scales: of maintenance that was
announced a part counts as uptime there, as in every settlement. (An estimate of the uptime alone,
:func:`~numgenius_core.sla.estimate_uptime`, counts each second down as down.) C(r) is what the same
contract would have paid back with an uptime of r on each day of rental; it never grows with r, and
is nothing from the target on. r_be is the largest r, in parts of 10⁻⁹, whose credits are no less
than the fees. Where several r would have paid the same credits (all at or above the target pay
none), r_eff is the one nearest to the mean uptime; where a step of C leaves none, it is the one
beside the step that keeps the sign of the net.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any, Final

from attrs import evolve, frozen

from numgenius_core._checks import check_kind, utc
from numgenius_core._numbers import decimal_text, round_half_even, whole_number
from numgenius_core._tables import Tabular
from numgenius_core._tables.result import ResultTable
from numgenius_core._terms import PARTS, Promise
from numgenius_core.errors import RuleViolation
from numgenius_core.intervals import Interval, after
from numgenius_core.money import ZERO, Money
from numgenius_core.rates import PerHour
from numgenius_core.sla.covers import cover
from numgenius_core.sla.days import DaySettlement, blended, remembered
from numgenius_core.sla.history import UptimeHistory, as_share
from numgenius_core.sla.schedules import OUR_RULES, SlaRules, credit_parts, weight_parts
from numgenius_core.sla.settlement import Settlement, settle
from numgenius_core.sla.terms import SlaTerms
from numgenius_core.units import Exact

MAX_DAYS: Final = 366
"""Longest range of a backtest, days."""
DEFAULT_DAYS: Final = 90
_PLACES: Final = 12


@frozen(kw_only=True)
class Backtest(Tabular):
    """What a promise would have brought.

    Attributes:
        settlement: The simulated contract, day by day.
        beta: The weight of a day in its blend.
        r_eff: The constant reliability that would have paid the same credits; ``None`` when nothing
            was paid in.
        r_be: The reliability at which fees and credits cancel; ``None`` when nothing was paid in,
            or when no reliability would cost the fees.
        mean: Uptime over all seconds of rental; ``None`` without rental.
    """

    settlement: Settlement
    beta: Fraction
    r_eff: Fraction | None
    r_be: Fraction | None
    mean: Fraction | None

    @property
    def net(self) -> Money:
        """Fees less the host's part of credits, as the marketplace's backtest has it."""
        return self.settlement.net

    @property
    def gain(self) -> Money:
        """What the host would have earned more than without the promise.

        That is the net and the host's part of what is billed while the machine is down: a contract
        without a promise is billed nothing then. So a promise may pay though its net is below zero.
        """
        return self.settlement.gain

    @property
    def has_data(self) -> bool:
        """Whether there was any rental."""
        return self.mean is not None

    def record(self) -> dict[str, Any]:
        """Return the answer in the marketplace's own keys, and ours, as JSON has it.

        Money is text with 12 decimals at most, reliability and blend numbers. ``client_compute`` of
        a day is what the client is billed without the fee. ``client_credit`` and
        ``worst_day_credit`` are what came back to the client; ``escrow_to_client_balance``,
        ``worst_day_by_host``, ``net`` and ``gain`` are of the host's part, which is less by the
        platform's. ``ignored_seconds`` of outages lie in no rental.
        """
        settled = self.settlement
        terms, worst = settled.cover.terms, settled.worst
        by_host = ZERO if worst is None else worst.escrow_to_client
        numbers = {
            "r_claim": terms.promise.claim,
            "r_target": terms.target,
            "p": terms.promise.confidence,
            "beta": self.beta,
        }
        return {
            "has_data": self.has_data,
            "r_eff": _number(self.r_eff),
            "r_be": _number(self.r_be),
            "days": [_day(day) for day in settled.days],
            "params": {name: _number(value) for name, value in numbers.items()},
            "spread": _number(terms.promise.spread),
            "net": _text(self.net),
            "gain": _text(self.gain),
            "worst_day_credit": _text(settled.worst_day_credit),
            "worst_day_by_host": _text(by_host),
            "ignored_seconds": settled.ignored_seconds,
        }

    def _rows(self) -> Iterable[object]:
        return self.settlement._rows()

    def table(self) -> ResultTable:
        """Return a row for each day, the totals, and what they come to."""
        table = self.settlement.table()
        return evolve(table, notes=(*self._answer(), *table.notes))

    def _answer(self) -> tuple[str, ...]:
        if not self.has_data:
            return ()
        found = (self.r_eff, self.r_be)
        shares = ["–" if share is None else f"{float(share):.5%}" for share in found]
        worst, part = self.settlement.worst, ""
        if worst is not None and worst.from_platform:
            part = f" to the client, ${worst.escrow_to_client:.2f} of it by the host"
        return (
            f"r_eff      {shares[0]}",
            f"r_be       {shares[1]}",
            f"net        {_dollars(self.net)}",
            f"gain       {_dollars(self.gain)}, with what is billed while it is down",
            f"worst day  {_dollars(self.settlement.worst_day_credit)}{part}",
        )


def _number(value: Fraction | None) -> float | None:
    return None if value is None else round(float(value), 9)


def _dollars(amount: Money) -> str:
    return f"{'-' if amount < ZERO else ''}${abs(amount):.2f}"


def _text(amount: Money) -> str:
    return decimal_text(amount.to_decimal(_PLACES), 2)


def _day(day: DaySettlement) -> dict[str, Any]:
    return {
        "day": f"{day.day:%Y-%m-%d}",
        "client_compute": _text(day.compute),
        "client_compute_to_escrow": _text(day.compute_to_escrow),
        "client_premium_to_escrow": _text(day.fee),
        "escrow_to_client_balance": _text(day.escrow_to_client),
        "escrow_to_host_balance": _text(day.escrow_to_host),
        "client_credit": _text(day.credit),
        "reliability": _number(day.uptime),
        "blend": _number(day.blend),
    }


def backtest(
    history: UptimeHistory,
    price: PerHour,
    promise: Promise,
    *,
    target: Exact | None = None,
    end: datetime | None = None,
    days: int | None = None,
    platform_fee: Exact = 0,
    rules: SlaRules = OUR_RULES,
) -> Backtest:
    """Return what a promise would have brought on a machine's own history.

    Args:
        history: When the machine was rented, and when it was down.
        price: What a client pays for the instance, GPUs and storage, per hour.
        promise: The claim and spread to try.
        target: What the client asks for; the claim if left out.
        end: Up to when: a midnight ends the day before, and of a later instant the day counts
            whole; the end of the last rental if left out.
        days: How many days before it, at most 366; 90 if left out. Without ``end`` and ``days``
            the days before the first rental are left out, too.
        platform_fee: The platform's share of ``price``.
        rules: The schedules; ours by default.

    Raises:
        WrongType: A price that is no ``PerHour``, or a ``float``.
        RuleViolation: A target above the claim, an ``end`` without time zone, no day or more than
            366, or days that leave the years 1 to 9999.

    >>> from datetime import UTC, datetime, timedelta
    >>> from numgenius_core import Interval, PerHour
    >>> from numgenius_core.sla import Outage, Promise, UptimeHistory, backtest
    >>> july = datetime(2026, 7, 1, tzinfo=UTC)
    >>> outages = [Outage(period=Interval(july + timedelta(days=day), july + timedelta(days=day,
    ...            minutes=20))) for day in range(0, 30, 3)]
    >>> history = UptimeHistory(rentals=[Interval(july, july + timedelta(days=30))],
    ...                         outages=outages)
    >>> tried = backtest(history, PerHour("3.50"), Promise("0.99"), target="0.95")
    >>> f"{tried.net:.2f}", f"{float(tried.r_eff):.5f}", f"{float(tried.r_be):.5f}"
    ('29.10', '0.99537', '0.94963')
    """
    check_kind(history, UptimeHistory, "history")
    check_kind(promise, Promise, "promise")
    check_kind(price, PerHour, "price")
    terms = SlaTerms(promise, promise.claim if target is None else target)
    bought = cover(terms, price, platform_fee=platform_fee, rules=rules)
    settled = settle(bought, history, period=_range(history, end, days), rules=rules)
    mean = _mean(settled)
    r_eff, r_be = _constants(settled, mean, rules)
    beta = as_share(weight_parts(rules.blend, terms.target))
    return Backtest(settlement=settled, beta=beta, r_eff=r_eff, r_be=r_be, mean=mean)


def _range(history: UptimeHistory, end: datetime | None, days: int | None) -> Interval | None:
    """Return the days looked at, from midnight to midnight; ``None`` for all of the rentals."""
    if days is not None:
        days = whole_number(days, "days", 1, MAX_DAYS)
    path, what = "end", "an instant"
    if end is None:
        if not history.rentals:
            return None
        path, what = "history", "a last rental that ends"
        stop = history.rentals[-1].end
    else:
        stop = utc(end, "end")
    try:
        last = datetime.combine((stop - timedelta(seconds=1)).date(), datetime.min.time(), UTC)
        upper = after(last, timedelta(days=1), path)
        first = upper - timedelta(days=DEFAULT_DAYS if days is None else days)
    except OverflowError:
        raise RuleViolation(path, f"{what} after its days, from the year 1", str(stop)) from None
    if days is None and end is None and first <= history.rentals[0].start:
        return None
    return Interval(first, upper)


def _mean(settled: Settlement) -> Fraction | None:
    """Return the uptime over all intended seconds."""
    intended = sum(day.intended for day in settled.days)
    up = sum(day.intended * (day.uptime_parts or 0) for day in settled.days)
    return Fraction(up, intended * PARTS) if intended else None


def _constants(
    settled: Settlement, mean: Fraction | None, rules: SlaRules
) -> tuple[Fraction | None, Fraction | None]:
    """Return r_eff and r_be."""
    fees = settled.fees.ticks
    compute = Money.sum(day.compute_to_escrow for day in settled.days)
    if mean is None or not compute.ticks + fees:
        return None, None
    paid = sum(day.escrow_to_client.ticks for day in settled.days)
    credits_of = _constant_credits(settled, rules)
    even = _largest(lambda r: credits_of(r) >= fees)
    least = PARTS - _largest(lambda r: credits_of(PARTS - r) <= paid)
    most = _largest(lambda r: credits_of(r) >= paid)
    if least <= most:
        nearest = round_half_even(mean.numerator * PARTS, mean.denominator)
        effective = min(max(nearest, least), most)
    else:
        effective = least if paid < fees else most
    r_be = as_share(even) if credits_of(even) >= fees else None
    return as_share(effective), r_be


def _constant_credits(settled: Settlement, rules: SlaRules) -> Callable[[int], int]:
    """Return what the days would have paid from the escrow, in ticks, at a constant uptime."""
    terms, lengths = settled.cover.terms, rules.blend.memories
    target, beta = terms.target_parts, weight_parts(rules.blend, terms.target)
    sums = [
        (day.compute.ticks, day.compute_to_escrow.ticks) for day in settled.days if day.intended
    ]

    def credits_of(uptime: int) -> int:
        if uptime >= target:
            return 0
        total, memories = 0, (target,) * len(lengths)
        for covered, net in sums:
            blend = blended(beta, uptime, memories)
            share = credit_parts(rules.credit, target, blend)
            total += min(round_half_even(covered * share, PARTS), net)
            memories = remembered(lengths, uptime, memories)
        return total

    return credits_of


def _largest(holds: Callable[[int], bool]) -> int:
    """Return the largest uptime for which something holds that stops to hold; 0 if there is none.

    It takes thirty looks, where trying one by one would take a billion.
    """
    low, high = 0, PARTS
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if holds(middle) else (low, middle - 1)
    return low
