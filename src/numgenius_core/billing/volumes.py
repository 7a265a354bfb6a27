"""What a volume cost: from its contract and the outages of its machine to a statement.

Rule (marketplace): a volume is charged per GB for as long as it exists, by the second, apart from
the instances that use it; nothing while its machine is offline. A charge of it has the type
``volume``: :func:`~numgenius_core.billing.reconcile` holds them against each other.

Our readings: after its end a volume is stored, and charged, until it is deleted, as an instance is.
A host's own test is free (G10).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from itertools import pairwise

from attrs import field, frozen

from numgenius_core._accrual import accrued, fee_of
from numgenius_core._checks import as_tuple, check_kind
from numgenius_core._numbers import exact_sum
from numgenius_core._tables import Tabular
from numgenius_core._tables.result import ResultTable
from numgenius_core.billing.history import MachineWent
from numgenius_core.billing.metering import Line, LineKind, clipped, merged
from numgenius_core.contracts.volumes import VolumeContract
from numgenius_core.errors import RuleViolation, brief
from numgenius_core.intervals import Interval, utc
from numgenius_core.money import ZERO, Money, rounded_parts


def _as_outages(given: Iterable[MachineWent]) -> tuple[MachineWent, ...]:
    return as_tuple(given, "volume_history.outages")


@frozen(kw_only=True)
class VolumeHistory:
    """All that happened to a volume.

    Attributes:
        contract: With its present end.
        outages: When its machine went offline and came back, in order of time.
        deleted: When it was deleted; ``None`` if it exists.

    Raises:
        WrongType: A field of another type.
        RuleViolation: Something before its start, out of order, or after it was deleted.

    >>> from datetime import UTC, datetime, timedelta
    >>> from numgenius_core import PerGbMonth
    >>> from numgenius_core.billing import MachineWent, VolumeHistory
    >>> from numgenius_core.contracts import Volume, VolumeContract
    >>> start = datetime(2026, 1, 1, tzinfo=UTC)
    >>> rented = VolumeContract(
    ...     id=12,
    ...     machine=1,
    ...     host="hanna",
    ...     client="anna",
    ...     volume=Volume(size_mb=200_000, price=PerGbMonth("0.15")),
    ...     start=start,
    ... )
    >>> offline = MachineWent(at=start + timedelta(hours=1), online=False)
    >>> VolumeHistory(contract=rented, outages=[offline]).deleted is None
    True
    """

    contract: VolumeContract
    outages: tuple[MachineWent, ...] = field(default=(), converter=_as_outages, repr=brief)
    deleted: datetime | None = None

    def __attrs_post_init__(self) -> None:
        check_kind(self.contract, VolumeContract, "volume_history.contract")
        if self.deleted is not None:
            object.__setattr__(self, "deleted", utc(self.deleted, "volume_history.deleted"))
        before = self.contract.start
        for index, outage in enumerate(self.outages):
            path = f"volume_history.outages[{index}]"
            check_kind(outage, MachineWent, path)
            if outage.at < before:
                raise RuleViolation(path, f"an instant from {before} on", str(outage.at))
            before = outage.at
        if self.deleted is not None and self.deleted < before:
            need = f"an instant from {before} on"
            raise RuleViolation("volume_history.deleted", need, str(self.deleted))


@frozen(kw_only=True)
class VolumeStatement(Tabular):
    """What a volume cost in a period.

    Attributes:
        contract: Of the volume, with its present end.
        period: What is charged for.
        lines: In order of time: a line for each time that its machine was online.
        carried: What was billed before the period; rounding goes on from there.
        carried_fee: The platform's part of that.
    """

    contract: VolumeContract
    period: Interval
    lines: tuple[Line, ...] = field(repr=brief)
    carried: Money = ZERO
    carried_fee: Money = ZERO

    @property
    def total(self) -> Money:
        """What left the client's balance: payout + fee."""
        return Money.sum(line.amount for line in self.lines)

    @property
    def fee(self) -> Money:
        """The platform's part of the total."""
        return Money.sum(line.fee for line in self.lines)

    @property
    def payout(self) -> Money:
        """The host's part of the total."""
        return self.total - self.fee

    def rounded(self, places: int = 2) -> tuple[Decimal, ...]:
        """Return what each line bills, rounded so that the lines add up to the rounded total."""
        return rounded_parts((line.amount for line in self.lines), places, self.carried)

    def _rows(self) -> Iterable[object]:
        return self.lines

    def table(self) -> ResultTable:
        """Return the lines in cents; they add up to the total."""
        paid = self.rounded()
        rows = [
            (
                f"{line.period.start:%Y-%m-%d %H:%M:%S}",
                f"{line.quantity:,} seconds",
                f"{cents:,.2f}",
            )
            for line, cents in zip(self.lines, paid, strict=True)
        ]
        rows.append(("in all", "", f"{exact_sum(paid):,.2f}"))
        contract = self.contract
        title = f"volume {contract.id}, {contract.size_mb:,} MB at {contract.price} "
        title += f"{contract.price.UNIT}, {self.period}"
        return ResultTable(
            title=title, head=("from (UTC)", "quantity", "billed $"), rows=tuple(rows)
        )


def volume_statement(history: VolumeHistory, period: Interval) -> VolumeStatement:
    """Return what a volume cost in a period, as far as is known: as if nothing more happens.

    Raises:
        WrongType: ``history`` is no ``VolumeHistory`` or ``period`` no ``Interval``.

    >>> from datetime import UTC, datetime, timedelta
    >>> from numgenius_core import Interval, PerGbMonth
    >>> from numgenius_core.billing import VolumeHistory, volume_statement
    >>> from numgenius_core.contracts import Volume, VolumeContract
    >>> start = datetime(2026, 1, 1, tzinfo=UTC)
    >>> rented = VolumeContract(
    ...     id=12,
    ...     machine=1,
    ...     host="hanna",
    ...     client="anna",
    ...     volume=Volume(size_mb=200_000, price=PerGbMonth("0.15")),
    ...     start=start,
    ... )
    >>> month = Interval(start, start + timedelta(hours=720))
    >>> print(volume_statement(VolumeHistory(contract=rented), month).total)
    30.00
    """
    check_kind(history, VolumeHistory, "history")
    check_kind(period, Interval, "period")
    lines = tuple(_metered(history, period.end))
    start = history.contract.start
    before = Interval(start, period.start) if start < period.start else None
    earlier = list(clipped(lines, before)) if before else []
    return VolumeStatement(
        contract=history.contract,
        period=period,
        lines=merged(clipped(lines, period)),
        carried=Money.sum(line.amount for line in earlier),
        carried_fee=Money.sum(line.fee for line in earlier),
    )


def _metered(history: VolumeHistory, until: datetime) -> Iterator[Line]:
    """Yield a line for each time before an instant that the machine was online."""
    contract = history.contract
    if contract.is_free_test:
        return
    last = until if history.deleted is None else min(until, history.deleted)
    instants = [(contract.start, True), *((each.at, each.online) for each in history.outages)]
    for (since, online), (end, _) in pairwise([*instants, (last, False)]):
        if online and since < min(end, last):
            span = Interval(since, min(end, last))
            used = accrued(contract.price, contract.size_mb, span.seconds, contract.platform_fee)
            yield Line(
                kind=LineKind.VOLUME,
                period=span,
                quantity=span.seconds,
                size=contract.size_mb,
                rate=contract.price,
                list_rate=contract.price,
                fee_rate=fee_of(contract.price, contract.platform_fee),
                amount=used.amount,
                fee=used.fee,
            )
