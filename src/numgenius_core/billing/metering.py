"""The meter: a history becomes lines, each at one rate, every amount exact.

Rule (marketplace): billing is by the second. GPUs cost only while the instance runs; storage every
second that it exists and its machine is online, in any state, at the same rate; traffic by the
byte, in any state. Loading has no GPU charge, an offline machine neither GPU nor storage charge.
(G10) A host's own test is free. (Agreement on uptime, 2026) A contract with a promise is billed on
while its machine is offline, and pays the fee; what was missed comes back as a credit.

Our readings: GPU time of a reserved contract is paid from the deposit, storage and traffic are not.
It has the discount in every second that begins with some of the deposit left; the balance pays
what the deposit lacks in the last of them, and after it the on-demand price applies. Of a deposit
that is dissolved, what is not refunded is forfeited and shared with the host as usage is. The
platform's fee of a price is a price of its own, rounded once, and the host receives the rest.
What is billed on through an outage is an instance that runs: one that was stopped was not to be up,
and gets no credit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from enum import Enum
from fractions import Fraction
from typing import Final

from attrs import evolve, frozen

from numgenius_core._accrual import Price, accrued, charge, discounted, fee_of, seconds_on_deposit
from numgenius_core._checks import check_kind
from numgenius_core._numbers import keep_whole
from numgenius_core.billing.history import (
    Fact,
    History,
    MachineWent,
    Moved,
    Prepaid,
    Rebid,
    Refunded,
    Settled,
    Transferred,
)
from numgenius_core.contracts.life import InstanceState, advance
from numgenius_core.contracts.promises import promise_fee
from numgenius_core.errors import RuleViolation
from numgenius_core.intervals import Interval, after, total_seconds, utc
from numgenius_core.listing import Mode, PriceTerms
from numgenius_core.money import ZERO, Money
from numgenius_core.rates import PerHour

_SECOND: Final = timedelta(seconds=1)
_ALL_TO_THE_HOST: Final = Fraction(0)


class LineKind(Enum):
    """What a line charges for."""

    ON_DEMAND = "GPU on demand"
    RESERVED = "GPU reserved"
    INTERRUPTIBLE = "GPU interruptible"
    STORAGE = "storage"
    VOLUME = "volume"
    UPLOAD = "upload"
    DOWNLOAD = "download"
    SLA_FEE = "SLA fee"
    """The fee of a promise of uptime, by the second as GPUs are; all of it is the host's."""
    SERVICE_CREDIT = "service credit"
    """What a missed promise pays back for a day, a negative amount: less was used, at that price.
    The part of it that exceeds the host's share of the day is a negative fee of the platform."""
    DEPOSIT = "deposit"
    """Money prepaid: not yet usage."""
    REFUND = "refund"
    """Deposit paid back, a negative amount."""
    FORFEIT = "forfeit"
    """Deposit that is neither used nor paid back."""


GPU: Final = frozenset({LineKind.ON_DEMAND, LineKind.RESERVED, LineKind.INTERRUPTIBLE})
STORED: Final = frozenset({LineKind.STORAGE, LineKind.VOLUME})
TIMED: Final = GPU | STORED | {LineKind.SLA_FEE}
PAYMENTS: Final = frozenset({LineKind.DEPOSIT, LineKind.REFUND})
_ORDER: Final = {kind: index for index, kind in enumerate(LineKind)}


@frozen(kw_only=True)
class Line:
    """One line of a statement.

    Attributes:
        kind: What it charges for.
        period: When; of traffic and payments, the second they are counted at.
        quantity: Seconds of GPUs, storage and a promise, bytes of traffic, else 1.
        size: GPUs of the instance, MB of its disk or of a volume, else 1.
        rate: Price of it: per hour for the whole instance, per GB-month, per GB; ``None`` of a
            payment and of a credit.
        list_rate: What on demand would cost; ``rate`` where there is no other.
        fee_rate: The platform's part of ``rate``.
        amount: Exact, rate × quantity.
        covered: The part of it that the deposit pays.
        fee: The platform's part of it, exact.

    Raises:
        RuleViolation: A quantity or a size below zero.

    >>> from datetime import UTC, datetime, timedelta
    >>> from numgenius_core import Interval, Money, PerHour
    >>> from numgenius_core.billing import Line, LineKind
    >>> noon = datetime(2026, 1, 5, 12, tzinfo=UTC)
    >>> line = Line(
    ...     kind=LineKind.RESERVED,
    ...     period=Interval(noon, noon + timedelta(hours=1)),
    ...     quantity=3_600,
    ...     rate=PerHour(1),
    ...     amount=Money(1),
    ...     covered=Money("0.75"),
    ... )
    >>> print(line.billed)
    0.25
    """

    kind: LineKind
    period: Interval
    quantity: int
    size: int = 1
    rate: Price | None = None
    list_rate: Price | None = None
    fee_rate: Price | None = None
    amount: Money
    covered: Money = ZERO
    fee: Money = ZERO

    def __attrs_post_init__(self) -> None:
        keep_whole(self, "quantity", "line.quantity")
        keep_whole(self, "size", "line.size")

    @property
    def billed(self) -> Money:
        """What it takes from the client's balance; negative of a refund."""
        return self.amount - self.covered

    @property
    def unit(self) -> str | None:
        """What ``quantity`` counts: ``seconds`` or ``bytes``; ``None`` of a payment or a credit."""
        if self.kind in TIMED:
            return "seconds"
        return "bytes" if self.kind in (LineKind.UPLOAD, LineKind.DOWNLOAD) else None

    @property
    def size_unit(self) -> str | None:
        """What ``size`` counts: ``GPUs``, or ``MB`` of a disk or a volume; else ``None``."""
        if self.kind in GPU:
            return "GPUs"
        return "MB" if self.kind in STORED else None

    @property
    def listed(self) -> Money:
        """What it would cost at the list price."""
        rate = self.list_rate
        return self.amount if rate is None else charge(rate, self.size, self.quantity)


def clipped(lines: Iterable[Line], period: Interval) -> Iterator[Line]:
    """Yield the lines, or the parts of them, that lie within a period."""
    for line in lines:
        if line.kind not in TIMED:
            if line.period.start in period:
                yield line
            continue
        seen = line.period.overlap(period)
        if seen == line.period:
            yield line
        elif seen is not None and line.rate is not None and line.fee_rate is not None:
            skipped = total_seconds(line.period.start, seen.start)
            # A deposit pays the first seconds of a line, so what it pays until then is the lesser.
            paid = min(line.covered, charge(line.rate, line.size, skipped))
            upto = min(line.covered, charge(line.rate, line.size, skipped + seen.seconds))
            yield evolve(
                line,
                period=seen,
                quantity=seen.seconds,
                amount=charge(line.rate, line.size, seen.seconds),
                covered=upto - paid,
                fee=charge(line.fee_rate, line.size, seen.seconds),
            )


def merged(lines: Iterable[Line]) -> tuple[Line, ...]:
    """Return lines in order of time, those that go on at the same rate as one."""
    done: list[Line] = []
    last: dict[LineKind | None, int] = {}  # where the last line of each that goes on stands
    for line in sorted(lines, key=lambda one: (one.period.start, _ORDER[one.kind])):
        track = None if line.kind in GPU else line.kind
        before = done[last[track]] if line.kind in TIMED and track in last else None
        if before is not None and _goes_on(before, line):
            done[last[track]] = evolve(
                before,
                period=Interval(before.period.start, line.period.end),
                quantity=before.quantity + line.quantity,
                amount=before.amount + line.amount,
                covered=before.covered + line.covered,
                fee=before.fee + line.fee,
            )
            continue
        if line.kind in TIMED:
            last[track] = len(done)
        done.append(line)
    return tuple(done)


def _goes_on(before: Line, line: Line) -> bool:
    same = (before.kind, before.size, before.rate, before.list_rate, before.fee_rate) == (
        line.kind,
        line.size,
        line.rate,
        line.list_rate,
        line.fee_rate,
    )
    paid_first = before.covered == before.amount or not line.covered
    return same and paid_first and before.period.end == line.period.start


def metered(history: History, until: datetime) -> tuple[Line, ...]:
    """Return all lines of a history before an instant.

    >>> from datetime import UTC, datetime, timedelta
    >>> from numgenius_core import (
    ...     Block, History, Listing, Machine, PerGbMonth, PerGpuHour, PriceTerms, agree,
    ... )
    >>> from numgenius_core.billing import Moved
    >>> from numgenius_core.billing.metering import metered
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
    >>> for line in metered(history, start + timedelta(hours=10)):
    ...     print(line.kind.value, line.quantity, line.amount)
    GPU on demand 36000 20.00
    storage 36000 1.00
    """
    check_kind(history, History, "history")
    until = utc(until, "until")
    meter = _Meter(history)
    for at, fact in history.steps():
        if at >= until:
            break
        meter.come_to(at, fact)
    meter.run_to(until)
    return merged(meter.lines)


def discount_since_reserved(history: History, at: datetime) -> Money:
    """Return the discount received since the reservation that is in force at ``at`` began.

    A prepayment begins one where nothing is left of a deposit, and continues the one there is
    elsewhere; one at ``at`` itself counts.
    """
    meter = _Meter(history)
    for then, fact in history.steps():
        if then > at:
            break
        meter.come_to(then, fact)
    meter.run_to(at)
    return Money.sum(
        line.listed - line.amount
        for line in meter.lines[meter.reserved_from :]
        if line.kind is LineKind.RESERVED
    )


class _Meter:
    """An instance as time passes, and the lines it has made."""

    def __init__(self, history: History) -> None:
        self.contract = history.contract
        self.now = self.contract.start
        self.state, self.online, self.bid = InstanceState.LOADING, True, self.contract.bid
        self.deposit, self.discount = ZERO, self.contract.discount
        self.lines: list[Line] = []
        self.reserved_from = 0  # the first line of the present reservation

    def come_to(self, at: datetime, fact: Fact | None) -> None:
        """Let time pass until something happens, and let it happen."""
        if not isinstance(fact, Transferred):  # traffic changes nothing of what goes on
            self.run_to(at)
        self.take(fact)

    def run_to(self, end: datetime) -> None:
        """Let time pass, without a change of state or rates."""
        if end <= self.now:
            return
        span, self.now = Interval(self.now, end), end
        exists = self.state is not InstanceState.DESTROYED and not self.contract.is_free_test
        running = self.state is InstanceState.RUNNING
        promised = running and self.contract.sla is not None
        if not exists or not (self.online or promised):
            return
        prices = self.contract.prices_at(span.start)
        if self.contract.disk_mb:
            self._add(LineKind.STORAGE, span, prices.storage, prices, size=self.contract.disk_mb)
        if running:
            self._use_gpus(span, prices)
        if promised:
            fee = promise_fee(self.contract, prices)
            self._add(LineKind.SLA_FEE, span, fee, prices, share=_ALL_TO_THE_HOST)

    def _use_gpus(self, span: Interval, prices: PriceTerms) -> None:
        gpus = self.contract.block.size
        full = prices.gpu.for_gpus(gpus)
        if self.contract.mode is Mode.INTERRUPTIBLE:
            rate = self.contract.gpu_rate_at(span.start, self.bid)
            self._add(LineKind.INTERRUPTIBLE, span, rate, prices, size=gpus, list_rate=full)
            return
        if self.deposit:
            rate = discounted(full, self.discount)
            seconds = seconds_on_deposit(self.deposit, rate, span.seconds)
            paid = min(self.deposit, charge(rate, gpus, seconds))
            self.deposit -= paid
            edge = span.start + timedelta(seconds=seconds)
            part = Interval(span.start, edge)
            self._add(
                LineKind.RESERVED, part, rate, prices, size=gpus, list_rate=full, covered=paid
            )
            if edge == span.end:
                return
            span = Interval(edge, span.end)
        self._add(LineKind.ON_DEMAND, span, full, prices, size=gpus)

    def take(self, fact: Fact | None) -> None:
        """Let something happen."""
        if isinstance(fact, Moved):
            self.state = advance(self.state, fact.event)
        elif isinstance(fact, Rebid):
            self.bid = fact.bid
        elif isinstance(fact, MachineWent):
            self.online = fact.online
        elif isinstance(fact, Transferred):
            self._transfer(fact)
        elif isinstance(fact, Prepaid):
            if not self.deposit:
                self.reserved_from = len(self.lines)
            self.deposit, self.discount = self.deposit + fact.amount, fact.discount
            self._pay(LineKind.DEPOSIT, fact.at, fact.amount)
        elif isinstance(fact, Refunded):
            self._dissolve(fact)
        elif isinstance(fact, Settled) and fact.day.credit:
            back, platform = -fact.day.credit, -fact.day.from_platform
            self._pay(LineKind.SERVICE_CREDIT, fact.at, back, fee=platform)

    def _transfer(self, fact: Transferred) -> None:
        if self.contract.is_free_test:
            return
        prices, second = self.contract.prices_at(fact.at), _second_at(fact.at)
        for kind, rate, count in (
            (LineKind.UPLOAD, prices.upload, fact.sent),
            (LineKind.DOWNLOAD, prices.download, fact.received),
        ):
            if count:
                self._add(kind, second, rate, prices, quantity=count)

    def _dissolve(self, fact: Refunded) -> None:
        if fact.amount > self.deposit:
            need = f"at most the {self.deposit} left of the deposit"
            raise RuleViolation("refunded.amount", need, str(fact.amount))
        lost, self.deposit = self.deposit - fact.amount, ZERO
        if fact.amount:
            self._pay(LineKind.REFUND, fact.at, -fact.amount)
        if lost:
            fee = lost.scaled(self.contract.prices_at(fact.at).platform_fee)
            self._pay(LineKind.FORFEIT, fact.at, lost, covered=lost, fee=fee)

    def _pay(
        self, kind: LineKind, at: datetime, amount: Money, covered: Money = ZERO, fee: Money = ZERO
    ) -> None:
        second = _second_at(at)
        line = Line(kind=kind, period=second, quantity=1, amount=amount, covered=covered, fee=fee)
        self.lines.append(line)

    def _add(
        self,
        kind: LineKind,
        period: Interval,
        rate: Price,
        prices: PriceTerms,
        *,
        size: int = 1,
        quantity: int | None = None,
        list_rate: PerHour | None = None,
        covered: Money = ZERO,
        share: Fraction | None = None,
    ) -> None:
        quantity = period.seconds if quantity is None else quantity
        share = prices.platform_fee if share is None else share
        used = accrued(rate, size, quantity, share)
        line = Line(
            kind=kind,
            period=period,
            quantity=quantity,
            size=size,
            rate=rate,
            list_rate=rate if list_rate is None else list_rate,
            fee_rate=fee_of(rate, share),
            amount=used.amount,
            covered=covered,
            fee=used.fee,
        )
        self.lines.append(line)


def _second_at(at: datetime) -> Interval:
    """Return the second that begins at an instant: where what happens at once is counted."""
    return Interval(at, after(at, _SECOND))
