"""What an instance cost: its statement for a period, for its client and for its host.

Rule (marketplace): billing is by the second and the byte (``metering`` does it); zero balance stops
instances; the platform keeps its fee of what a client pays.

Every amount is exact, so a period's statement is the statements of its parts, however it is cut.
Rounding happens once, on the way out: rounded lines are differences of rounded running totals
since the contract's start, so they add up, within a statement and over consecutive ones.

Our reading: the balance has run out at the first second that begins with none of it left, and what
happens at an instant is paid at that instant.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from attrs import evolve, field, frozen

from numgenius_core._checks import as_tuple, check_kind
from numgenius_core._numbers import decimal_of, decimal_text, exact_sum, round_half_even
from numgenius_core._tables import Tabular
from numgenius_core._tables.result import ResultTable
from numgenius_core.billing.history import History
from numgenius_core.billing.metering import (
    PAYMENTS,
    STORED,
    TIMED,
    Line,
    LineKind,
    clipped,
    discount_since_reserved,
    merged,
    metered,
)
from numgenius_core.contracts.contract import Contract
from numgenius_core.errors import RuleViolation, brief
from numgenius_core.intervals import LAST_SECOND, Interval, total_seconds, utc
from numgenius_core.money import ZERO, Money, rounded_parts
from numgenius_core.units import SECONDS_PER_HOUR, gigabytes

_SECOND: Final = timedelta(seconds=1)


@frozen(kw_only=True)
class Statement(Tabular):
    """What an instance cost in a period.

    Attributes:
        contract: Its contract, with the present end.
        period: What is charged for.
        lines: In order of time.
        carried: What was billed before the period; rounding goes on from there.
        carried_total: What was used or forfeited before it, whoever paid.
        carried_fee: The platform's part of that.
        carried_contracted: What that would have cost without the discount of a deposit.
        carried_listed: What that would have cost at the list price.
    """

    contract: Contract
    period: Interval
    lines: tuple[Line, ...] = field(repr=brief)
    carried: Money = ZERO
    carried_total: Money = ZERO
    carried_fee: Money = ZERO
    carried_contracted: Money = ZERO
    carried_listed: Money = ZERO

    @property
    def total(self) -> Money:
        """The price of what was used or forfeited, whoever pays it: payout + fee."""
        return Money.sum(line.amount for line in self.lines if line.kind not in PAYMENTS)

    @property
    def covered(self) -> Money:
        """The part of the total that the deposit paid."""
        return Money.sum(line.covered for line in self.lines)

    @property
    def billed(self) -> Money:
        """What left the client's balance: total − covered + deposits − refunds."""
        return Money.sum(line.billed for line in self.lines)

    @property
    def fee(self) -> Money:
        """The platform's part of the total."""
        return Money.sum(line.fee for line in self.lines)

    @property
    def payout(self) -> Money:
        """The host's part of the total."""
        return self.total - self.fee

    def amount_of(self, *kinds: LineKind) -> Money:
        """Return the exact sum of the lines of some kinds."""
        return Money.sum(line.amount for line in self.lines if line.kind in kinds)

    def rounded(self, places: int = 2) -> tuple[Decimal, ...]:
        """Return what each line bills, rounded so that the lines add up to the rounded total."""
        return rounded_parts((line.billed for line in self.lines), places, self.carried)

    def _rows(self) -> Iterable[object]:
        return self.lines

    def table(self) -> ResultTable:
        """Return the lines in cents: what was used or forfeited, and what the balance paid.

        Each column of dollars adds up to its total.
        """
        used = rounded_parts((used_by(line) for line in self.lines), 2, self.carried_total)
        billed = self.rounded()
        rows = [
            (
                line.kind.value,
                f"{line.period.start:%Y-%m-%d %H:%M:%S}",
                _measure(line),
                "" if line.rate is None else f"{line.rate} {line.rate.UNIT}",
                "" if line.kind in PAYMENTS else f"{amount:,.2f}",
                f"{paid:,.2f}",
            )
            for line, amount, paid in zip(self.lines, used, billed, strict=True)
        ]
        rows.append(("in all", "", "", "", f"{exact_sum(used):,.2f}", f"{exact_sum(billed):,.2f}"))
        head = ("line", "from (UTC)", "quantity", "price", "used $", "billed $")
        title = f"contract {self.contract.id}, {self.period}"
        return ResultTable(title=title, head=head, rows=tuple(rows))

    def joined(self, later: Statement) -> Statement:
        """Return the statement of this period and the one right after it.

        Raises:
            WrongType: ``later`` is no statement.
            RuleViolation: ``later`` is of another contract or does not begin where this ends.
        """
        check_kind(later, Statement, "later")
        if (later.contract.id, later.period.start) != (self.contract.id, self.period.end):
            need = f"a statement of contract {self.contract.id} from {self.period.end}"
            got = f"contract {later.contract.id} from {later.period.start}"
            raise RuleViolation("later", need, got)
        return evolve(
            self,
            contract=later.contract,
            period=Interval(self.period.start, later.period.end),
            lines=merged((*self.lines, *later.lines)),
        )


def used_by(line: Line) -> Money:
    """Return the price of what a line used or forfeited, whoever paid; a payment is no use."""
    return ZERO if line.kind in PAYMENTS else line.amount


def contracted_by(line: Line) -> Money:
    """Return what a line would have cost without the discount of a deposit."""
    return line.listed if line.kind is LineKind.RESERVED else line.amount


def _measure(line: Line) -> str:
    """Return the quantity of a line as invoices have it, of a disk with its size.

    That is hours, to a ten-thousandth, or GB; of a payment there is none.
    """
    if line.rate is None:
        return ""
    if line.unit == "bytes":
        return f"{decimal_of(line.quantity, 9):,f}".rstrip("0").rstrip(".") + " GB"
    size = f"{decimal_text(gigabytes(line.size))} GB × " if line.kind in STORED else ""
    hours = decimal_of(round_half_even(line.quantity * 10**4, SECONDS_PER_HOUR), 4)
    return f"{size}{hours:,f}".rstrip("0").rstrip(".") + " hours"


def statement(history: History, period: Interval) -> Statement:
    """Return what an instance cost in a period; nothing before its contract.

    Raises:
        WrongType: ``history`` is no ``History`` or ``period`` no ``Interval``.
        RuleViolation: A refund above what is left of the deposit.

    >>> from datetime import UTC, datetime, timedelta
    >>> from numgenius_core import (
    ...     Block, History, Interval, Listing, Machine, PerGbMonth, PerGpuHour, PriceTerms, agree,
    ...     statement,
    ... )
    >>> from numgenius_core.billing import Moved
    >>> from numgenius_core.contracts import InstanceEvent
    >>> machine = Machine(id=1, host="hanna", gpu_name="A100", gpus=4)
    >>> prices = PriceTerms(gpu=PerGpuHour("2.00"), storage=PerGbMonth("0.72"))
    >>> start = datetime(2026, 1, 1, tzinfo=UTC)
    >>> contract = agree(
    ...     Listing(machine=machine, prices=prices),
    ...     Block(start=0, size=1),
    ...     id=7,
    ...     client="anna",
    ...     at=start,
    ...     disk_mb=100_000,
    ... )
    >>> loaded = Moved(at=start, event=InstanceEvent.LOADED)
    >>> history = History(contract=contract, facts=[loaded])
    >>> day = statement(history, Interval(start, start + timedelta(days=1)))
    >>> print(day.total, day.rounded())
    50.40 (Decimal('48.00'), Decimal('2.40'))
    """
    check_kind(history, History, "history")
    check_kind(period, Interval, "period")
    lines = metered(history, period.end)
    start = history.contract.start
    before = Interval(start, period.start) if start < period.start else None
    earlier = list(clipped(lines, before)) if before else []
    return Statement(
        contract=history.contract,
        period=period,
        lines=merged(clipped(lines, period)),
        carried=Money.sum(line.billed for line in earlier),
        carried_total=Money.sum(map(used_by, earlier)),
        carried_fee=Money.sum(line.fee for line in earlier),
        carried_contracted=Money.sum(map(contracted_by, earlier)),
        carried_listed=Money.sum(line.listed for line in earlier),
    )


def deposit_left(history: History, *, at: datetime) -> Money:
    """Return what is left of the deposit at an instant, before what happens then.

    Raises:
        WrongType: ``history`` is no ``History`` or ``at`` no ``datetime``.
        RuleViolation: A refund above what is left of the deposit.

    >>> from datetime import UTC, datetime, timedelta
    >>> from fractions import Fraction
    >>> from numgenius_core import (
    ...     Block, History, Listing, Machine, Money, PerGbMonth, PerGpuHour, PriceTerms, agree,
    ... )
    >>> from numgenius_core.billing import Moved, Prepaid, deposit_left
    >>> from numgenius_core.contracts import InstanceEvent
    >>> machine = Machine(id=1, host="hanna", gpu_name="A100", gpus=4)
    >>> prices = PriceTerms(gpu=PerGpuHour("2.00"), storage=PerGbMonth("0.72"))
    >>> start = datetime(2026, 1, 1, tzinfo=UTC)
    >>> contract = agree(
    ...     Listing(machine=machine, prices=prices),
    ...     Block(start=0, size=1),
    ...     id=7,
    ...     client="anna",
    ...     at=start,
    ...     disk_mb=100_000,
    ... )
    >>> loaded = Moved(at=start, event=InstanceEvent.LOADED)
    >>> paid = Prepaid(at=start, amount=Money(240), discount=Fraction(2, 5))
    >>> history = History(contract=contract, facts=[loaded, paid])
    >>> print(deposit_left(history, at=start + timedelta(hours=100)))
    120.00
    """
    lines = _until(history, at)
    paid = Money.sum(line.amount for line in lines if line.kind in PAYMENTS)
    return paid - Money.sum(line.covered for line in lines)


def discount_received(history: History, *, at: datetime) -> Money:
    """Return the discount received since the present reservation began: a refund is less by it.

    A deposit that was used up ended the reservation before; a top-up while one lasts continues it.
    A prepayment at ``at`` itself counts: nothing has been received of what it begins.

    Raises:
        WrongType: ``history`` is no ``History`` or ``at`` no ``datetime``.
        RuleViolation: A refund above what is left of the deposit.

    >>> from datetime import UTC, datetime, timedelta
    >>> from fractions import Fraction
    >>> from numgenius_core import (
    ...     Block, History, Listing, Machine, Money, PerGbMonth, PerGpuHour, PriceTerms, agree,
    ... )
    >>> from numgenius_core.billing import Moved, Prepaid, discount_received
    >>> from numgenius_core.contracts import InstanceEvent
    >>> machine = Machine(id=1, host="hanna", gpu_name="A100", gpus=4)
    >>> prices = PriceTerms(gpu=PerGpuHour("2.00"), storage=PerGbMonth("0.72"))
    >>> start = datetime(2026, 1, 1, tzinfo=UTC)
    >>> contract = agree(
    ...     Listing(machine=machine, prices=prices),
    ...     Block(start=0, size=1),
    ...     id=7,
    ...     client="anna",
    ...     at=start,
    ...     disk_mb=100_000,
    ... )
    >>> loaded = Moved(at=start, event=InstanceEvent.LOADED)
    >>> paid = Prepaid(at=start, amount=Money(240), discount=Fraction(2, 5))
    >>> history = History(contract=contract, facts=[loaded, paid])
    >>> print(discount_received(history, at=start + timedelta(hours=100)))
    80.00
    """
    check_kind(history, History, "history")
    return discount_since_reserved(history, utc(at, "at"))


def runs_out(histories: Iterable[History], balance: Money, *, at: datetime) -> datetime | None:
    """Return when a client's balance runs out: the first second that begins with none left.

    What is known goes on as it is: running instances run until their contracts end, stored ones
    are stored until they are destroyed, and facts of the future happen. What a promise of uptime
    will pay back is not known here: with an outage that lasts, a balance may never run out, and
    :func:`numgenius_core.market.views.runway` says so of a market.

    Args:
        histories: Of all the instances that the balance pays for.
        balance: At ``at``, before what happens at that instant.
        at: Now.

    Returns:
        ``at`` if there is no balance now, ``None`` if it lasts for ever (to the year 9999).

    Raises:
        WrongType: A history is no ``History``, ``balance`` no ``Money`` or ``at`` no ``datetime``.
        RuleViolation: A refund above what is left of the deposit.

    >>> from datetime import UTC, datetime
    >>> from numgenius_core import (
    ...     Block, History, Listing, Machine, Money, PerGbMonth, PerGpuHour, PriceTerms, agree,
    ... )
    >>> from numgenius_core.billing import Moved, runs_out
    >>> from numgenius_core.contracts import InstanceEvent
    >>> machine = Machine(id=1, host="hanna", gpu_name="A100", gpus=4)
    >>> prices = PriceTerms(gpu=PerGpuHour("2.00"), storage=PerGbMonth("0.72"))
    >>> start = datetime(2026, 1, 1, tzinfo=UTC)
    >>> contract = agree(
    ...     Listing(machine=machine, prices=prices),
    ...     Block(start=0, size=1),
    ...     id=7,
    ...     client="anna",
    ...     at=start,
    ...     disk_mb=100_000,
    ... )
    >>> loaded = Moved(at=start, event=InstanceEvent.LOADED)
    >>> history = History(contract=contract, facts=[loaded])
    >>> print(runs_out([history], Money(21), at=start))
    2026-01-01 10:00:00+00:00
    """
    check_kind(balance, Money, "balance")
    at = utc(at, "at")
    horizon = Interval(at, LAST_SECOND)
    lumps: Counter[datetime] = Counter({at: 0})  # what is paid at once, in ticks
    speeds: Counter[datetime] = Counter()  # changes of what is paid a second
    for index, history in enumerate(as_tuple(histories, "histories")):
        check_kind(history, History, f"histories[{index}]")
        for line in clipped(metered(history, horizon.end), horizon):
            for start, end, ticks in _drains(line):
                if end is None:
                    lumps[start] += ticks
                else:
                    speeds[start] += ticks
                    speeds[end] -= ticks
    left, speed, then = balance.ticks, 0, at
    for now in sorted({*speeds, *lumps}):
        if 0 < left <= speed * total_seconds(then, now):
            return then + timedelta(seconds=-(-left // speed))
        left -= speed * total_seconds(then, now) + lumps[now]
        if left <= 0:
            return now
        speed, then = speed + speeds[now], now
    return None


def _drains(line: Line) -> Iterator[tuple[datetime, datetime | None, int]]:
    """Yield how a line drains the balance: from, to, ticks a second; or at once, to ``None``."""
    start, end = line.period.start, line.period.end
    if line.kind not in TIMED:
        yield start, None, line.billed.ticks
        return
    speed = line.amount.ticks // line.quantity
    if line.covered:
        seconds, rest = divmod(line.covered.ticks, speed)
        start += timedelta(seconds=seconds)
        if rest:
            yield start, start + _SECOND, speed - rest
            start += _SECOND
    if start < end:
        yield start, end, speed


def _until(history: History, at: datetime) -> list[Line]:
    check_kind(history, History, "history")
    at, start = utc(at, "at"), history.contract.start
    if at <= start:
        return []
    return list(clipped(metered(history, at), Interval(start, at)))
