"""Settling a promise: once per day of UTC and contract, exact to the tick.

Rule (marketplace, published 2026): compute, storage and the fee are billed for the whole intended
day, outages or not. The client's compute, net of the platform's fee, and the fee of the promise go
into an escrow. The day's uptime is blended with longer scales; below the target a credit goes from
the escrow to the client, at most the day's covered compute; the rest goes to the host over the
following days, and the last active day closes the escrow. In = credits + releases.

Our readings: a credit is of the client's price. What of it exceeds the host's net share of the day
the platform returns from its own fee, outside the escrow; the fee of the promise bears no platform
fee. A day's rest is released in equal parts over the next seven days, the first part taking what
does not divide. The closing settlement keeps the cap of its day.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Final

from attrs import field, frozen

from numgenius_core._accrual import accrued, charge, fee_of
from numgenius_core._checks import check_kind
from numgenius_core._numbers import round_half_even
from numgenius_core._tables import Tabular, numbers
from numgenius_core._tables.result import ResultTable
from numgenius_core.errors import RuleViolation, WrongType, brief, shown
from numgenius_core.intervals import Interval, from_epoch, to_epoch
from numgenius_core.money import ZERO, Money, money_of, rounded_parts
from numgenius_core.sla.covers import Cover
from numgenius_core.sla.days import DaySettlement, EscrowState, Judge, Settling
from numgenius_core.sla.history import UptimeHistory, ignored_note
from numgenius_core.sla.schedules import OUR_RULES, SlaRules
from numgenius_core.sla.terms import SlaTerms
from numgenius_core.units import SECONDS_PER_DAY

_EPOCH: Final = from_epoch(0)


@frozen(kw_only=True)
class Settlement(Tabular):
    """The settlements of a contract, day by day, and what is still in its escrow.

    Attributes:
        cover: The promise that was settled.
        days: In order, those without rental too.
        state: What the next settlement needs; nothing is held once the escrow is closed.
        down_seconds: Seconds of outages within rentals in these days, announced ones too.
        ignored_seconds: Seconds of outages outside of rentals in these days, which counted for
            nothing; where no period was asked for, of the whole history.
    """

    cover: Cover
    days: tuple[DaySettlement, ...] = field(repr=brief)
    state: EscrowState
    down_seconds: int
    ignored_seconds: int

    @property
    def compute(self) -> Money:
        """What the client paid for GPUs, storage and traffic."""
        return Money.sum(day.compute for day in self.days)

    @property
    def fees(self) -> Money:
        """What the client paid for the promise."""
        return Money.sum(day.fee for day in self.days)

    @property
    def credits(self) -> Money:
        """What came back to the client."""
        return Money.sum(day.credit for day in self.days)

    @property
    def client_pays(self) -> Money:
        """What the rental cost the client in the end: compute and fees less credits."""
        return self.compute + self.fees - self.credits

    @property
    def earned(self) -> Money:
        """What the host got from the escrow (``sla_earn``)."""
        return Money.sum(day.escrow_to_host for day in self.days)

    @property
    def net(self) -> Money:
        """The fees less what the escrow paid back, as the marketplace's backtest has it."""
        return self.fees - Money.sum(day.escrow_to_client for day in self.days)

    @property
    def billed_down(self) -> Money:
        """What the client paid for GPUs and storage while the machine was down.

        A contract without a promise is billed nothing for that time: offline costs nothing.
        """
        return self.cover.compute.charge(self.down_seconds)

    @property
    def gain(self) -> Money:
        """What the host earned more with the promise than it would have without.

        That is the net and the host's part of ``billed_down``: a promise is billed through outages.
        Below zero the host would have earned more without.
        """
        compute, share = self.cover.compute, self.cover.platform_fee
        billed = accrued(compute, 0, self.down_seconds, share)
        return self.net + billed.amount - billed.fee

    @property
    def worst(self) -> DaySettlement | None:
        """The first of the days with the largest credit; ``None`` if none was paid."""
        paid = [day for day in self.days if day.credit]
        return max(paid, key=lambda day: day.credit, default=None)

    @property
    def worst_day_credit(self) -> Money:
        """The largest credit of a day; zero if none was paid."""
        return max((day.credit for day in self.days), default=ZERO)

    def _rows(self) -> Iterable[object]:
        for day in self.days:
            found = numbers(day)  # uptime and blend as shares alone, where their parts stand
            names = [name.removesuffix("_parts") for name in found]
            yield {name: found[name] for name in names}

    def table(self) -> ResultTable:
        """Return a row for each day, and the totals.

        Dollars are so rounded to cents that the days of a column add up to its total.
        """
        # With a platform fee the host pays back only its own share of a credit.
        split = any(day.from_platform for day in self.days)
        by_host = {"by host $": "escrow_to_client"} if split else {}
        names = {"compute $": "compute", "fee $": "fee", "credit $": "credit", **by_host}
        names["to host $"] = "escrow_to_host"
        columns = [[getattr(day, name) for day in self.days] for name in names.values()]
        sums = zip(*(rounded_parts(column, 2) for column in columns), strict=True)
        rows = [
            (f"{day.day:%Y-%m-%d}", _percent(day.uptime), _percent(day.blend), *map(str, amounts))
            for day, amounts in zip(self.days, sums, strict=True)
        ]
        if rows:
            totals = (f"{Money.sum(column):.2f}" for column in columns)
            rows.append(("total", "", "", *totals))
        rented = any(day.intended for day in self.days)
        notes = () if rented else ("no rental in these days",)
        return ResultTable(
            title=_title(self.cover.terms),
            head=("day", "uptime", "blend", *names),
            rows=tuple(rows),
            notes=(*notes, *ignored_note(self.ignored_seconds)),
        )


def _percent(share: Fraction | None) -> str:
    return "–" if share is None else f"{float(share):.3%}"


def _title(terms: SlaTerms) -> str:
    claim, spread = float(terms.promise.claim), float(terms.promise.spread)
    return f"claim {claim:.5g}, spread {spread:.4g}, target {float(terms.target):.5g}"


# -- settling ----------------------------------------------------------------------------------


def settle(
    cover: Cover,
    history: UptimeHistory,
    *,
    period: Interval | None = None,
    traffic: Mapping[datetime, Money] | None = None,
    state: EscrowState | None = None,
    close: bool = True,
    rules: SlaRules = OUR_RULES,
) -> Settlement:
    """Return what came due for one contract, day by day.

    Args:
        cover: The promise that the contract locked.
        history: When it was rented, and when its machine was down. Outages are of any length, also
            beyond ``period``: what was announced is forgiven by the length of the whole.
        period: The days to settle, from midnight to midnight of UTC; all days of the rental if left
            out.
        traffic: What the client paid for traffic on a day, by its first instant; it is covered too.
            The platform's share is of the amount, as its price is not known here.
        state: What the settlement before this one left; a contract begins without.
        close: Whether the contract ended, so that its last active day closes the escrow.
        rules: The schedules; ours by default.

    Raises:
        WrongType: Something that is not what it should be, such as traffic that is no ``Money``.
        RuleViolation: A period that does not begin and end at midnight, negative traffic, or
            traffic on a day without rental.

    >>> from datetime import UTC, datetime, timedelta
    >>> from numgenius_core import Interval, PerHour
    >>> from numgenius_core.sla import Outage, Promise, SlaTerms, UptimeHistory, cover, settle
    >>> july = datetime(2026, 7, 1, tzinfo=UTC)
    >>> noon = july + timedelta(days=1, hours=12)
    >>> history = UptimeHistory(rentals=[Interval(july, july + timedelta(days=3))],
    ...                         outages=[Outage(period=Interval(noon, noon + timedelta(hours=5)))])
    >>> bought = cover(SlaTerms(Promise("0.99"), "0.95"), PerHour("3.50"))
    >>> print(settle(bought, history))
    claim 0.99, spread 0.5, target 0.95
    day           uptime    blend  compute $  fee $  credit $  to host $
    2026-07-01  100.000%  96.500%      84.00   0.97      0.00       0.00
    2026-07-02   79.167%  90.558%      84.00   0.97     76.96      12.14
    2026-07-03  100.000%  95.794%      84.00   0.97      0.00     165.81
    total                             252.00   2.91     76.96     177.95
    """
    check_kind(cover, Cover, "cover")
    check_kind(history, UptimeHistory, "history")
    check_kind(rules, SlaRules, "rules")
    before = EscrowState() if state is None else state
    check_kind(before, EscrowState, "state")
    facts = _within(history.days(rules.notice), period)
    sent = _traffic(traffic, facts)
    days, left = _settled(cover, facts, sent, before, rules, close=close)
    down, ignored = _downtime(history, period)
    return Settlement(
        cover=cover, days=tuple(days), state=left, down_seconds=down, ignored_seconds=ignored
    )


def _within(facts: list[tuple[int, int, int]], period: Interval | None) -> list[tuple[int, ...]]:
    """Return the days of a period, those before and after the rental too."""
    if period is None:
        return list(facts)
    check_kind(period, Interval, "period")
    first, rest = divmod(to_epoch(period.start), SECONDS_PER_DAY)
    last, more = divmod(to_epoch(period.end), SECONDS_PER_DAY)
    if rest or more:
        raise RuleViolation("period", "a start and an end at midnight of UTC", str(period))
    known = {fact[0]: fact for fact in facts}
    return [known.get(day, (day, 0, 0)) for day in range(first, last)]


def _downtime(history: UptimeHistory, period: Interval | None) -> tuple[int, int]:
    """Return the seconds of outages within rentals, and outside of them, in a period."""
    if period is None:
        return history.down_seconds, history.ignored_seconds
    first, last = to_epoch(period.start), to_epoch(period.end)

    def inside(start: int, seconds: int) -> int:
        return max(0, min(start + seconds, last) - max(start, first))

    down = sum(inside(start, seconds) for start, seconds in history.down_within_rentals())
    outages = (outage.period for outage in history.outages)
    every = sum(inside(to_epoch(outage.start), outage.seconds) for outage in outages)
    return down, every - down


def _traffic(
    traffic: Mapping[datetime, Money] | None, facts: list[tuple[int, ...]]
) -> dict[int, int]:
    """Return the traffic of each day since 1970, in ticks."""
    if traffic is None:
        return {}
    if not isinstance(traffic, Mapping):
        raise WrongType("traffic", "a mapping of dates to Money", shown(traffic))
    found, rented = {}, {day for day, intended, _ in facts if intended}
    for at, amount in traffic.items():
        day, rest = divmod(to_epoch(at), SECONDS_PER_DAY)
        path = f"traffic[{at:%Y-%m-%d}]"
        if rest or day not in rented:
            raise RuleViolation(path, "the first instant of a day of the rental", str(at))
        check_kind(amount, Money, path)
        if amount.ticks < 0:
            raise RuleViolation(path, "an amount of zero or more", str(amount))
        found[day] = amount.ticks
    return found


class _Charges:
    """What a contract costs by the day: compute, the fee, and compute without the platform's."""

    def __init__(self, cover: Cover, traffic: Mapping[int, int]) -> None:
        taken = charge(fee_of(cover.compute, cover.platform_fee), 0, 1)
        self._speeds = [price.charge(1).ticks for price in (cover.compute, cover.fee)]
        self._net = self._speeds[0] - taken.ticks
        self._share, self._traffic = cover.platform_fee, traffic
        self._known: dict[int, tuple[Money, Money, Money]] = {0: (ZERO, ZERO, ZERO)}

    def of(self, day: int, intended: int) -> tuple[Money, Money, Money]:
        """Return the charges of a day since 1970 with so many intended seconds."""
        found = self._known.get(intended)
        if found is None:  # most days are whole ones, and cost the same
            compute, fee = (money_of(speed * intended) for speed in self._speeds)
            found = self._known[intended] = compute, fee, money_of(self._net * intended)
        if day not in self._traffic:
            return found
        sent, share = self._traffic[day], self._share
        net = sent - round_half_even(sent * share.numerator, share.denominator)
        return found[0] + money_of(sent), found[1], found[2] + money_of(net)


def _settled(
    cover: Cover,
    facts: list[tuple[int, ...]],
    traffic: dict[int, int],
    state: EscrowState,
    rules: SlaRules,
    *,
    close: bool,
) -> tuple[list[DaySettlement], EscrowState]:
    """Return the days settled, and what they leave."""
    settling, charges = Settling(Judge(cover.terms, rules), state), _Charges(cover, traffic)
    rented = [day for day, intended, _ in facts if intended]
    last = (rented or [fact[0] for fact in facts] or [0])[-1] if close else None
    days = []
    for day, intended, down in facts:
        compute, fee, net = charges.of(day, intended)
        settled = settling.day(
            _EPOCH + timedelta(days=day),
            intended=intended,
            down=down,
            compute=compute,
            net=net,
            fee=fee,
            close=day == last,
        )
        days.append(settled)
    return days, settling.state()
