"""A statement and a list of charges, held against each other.

Rule (marketplace): charges come as items of four types (GPU, disk, bytes sent, bytes received),
each with a period and an amount, rounded; the items of a period add up to what the balance paid for
it. A promise of uptime adds one net row: "SLA Fee", or "Service Credit" if it is negative. A volume
has charges of its own type. A prepayment is an invoice and no charge, and what a deposit covers is
charged to nobody.

Our readings: a credit is of the day before it is settled, so it stands in that day's charge. Each
second of a statement is explained once, by the charge of its type that begins first; so a second
charge for the same time is billed and not explained. What a charge may differ by is the caller's to
say: amounts that were rounded to a tenth of a cent differ by less than one. A charge that does not
say whose it is may be of any statement; one that names something else is of none. A charge for a
time that the statement does not cover is not compared: what it may cost there is not known. Before
its contract an instance costs nothing, whatever the statement covers. Charges are for whole days,
the last of which need not be over: one that reaches to the midnight after a statement's end is
compared with it, so that a statement up to now is held against the charges so far.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from enum import Enum
from itertools import accumulate
from typing import Any, Final, Literal

from attrs import evolve, field, frozen

from numgenius_core._checks import ReadOnly, as_tuple, check_kind, keep_id, read_only_json
from numgenius_core._tables import Tabular, numbers
from numgenius_core._tables.result import ResultTable
from numgenius_core.billing.metering import TIMED, Line, LineKind, clipped
from numgenius_core.billing.statements import Statement
from numgenius_core.billing.volumes import VolumeStatement
from numgenius_core.errors import RuleViolation, WrongType, brief, shown
from numgenius_core.ids import ContractId
from numgenius_core.intervals import Interval, to_epoch
from numgenius_core.money import ZERO, Money
from numgenius_core.units import SECONDS_PER_DAY, Cell


class ChargeKind(Enum):
    """What a charge is for; the value is the marketplace's word."""

    GPU = "gpu"
    DISK = "disk"
    UPLOAD = "bwu"
    DOWNLOAD = "bwd"
    SLA = "sla"
    """The net of a promise of uptime, its fee less its credits. The marketplace publishes the row's
    title, "SLA Fee" or "Service Credit"; the word is ours."""
    VOLUME = "volume"
    """A volume, apart from the instances that use it."""


_KIND_OF: Final = {
    LineKind.ON_DEMAND: ChargeKind.GPU,
    LineKind.RESERVED: ChargeKind.GPU,
    LineKind.INTERRUPTIBLE: ChargeKind.GPU,
    LineKind.STORAGE: ChargeKind.DISK,
    LineKind.UPLOAD: ChargeKind.UPLOAD,
    LineKind.DOWNLOAD: ChargeKind.DOWNLOAD,
    LineKind.SLA_FEE: ChargeKind.SLA,
    LineKind.SERVICE_CREDIT: ChargeKind.SLA,
    LineKind.VOLUME: ChargeKind.VOLUME,
}
TENTH_OF_A_CENT: Final = Money("0.001")
_SECOND: Final = timedelta(seconds=1)
_NO_TIME: Final = timedelta(0)


def _as_extra(value: Mapping[str, Any]) -> ReadOnly[str, Any]:
    # What our reader made is held as it is: the charges of a row share what they have of it.
    return value if type(value) is ReadOnly else read_only_json(value, "charge.extra")


@frozen(kw_only=True)
class Charge:
    """An item of a list of charges: :func:`numgenius_core.wire.read_charges` reads the market's.

    Attributes:
        kind: What it is for.
        period: The time it is for. A row of the marketplace names the first instant of its last
            day as its ``end``: a row of four days has an ``end`` that is three days after its
            ``start``. Its period ends a day later.
        amount: Dollars, as they were billed; below zero is a credit.
        contract: The number of the instance or the volume that it is for; ``None`` if not said.
        source: What it is for in the marketplace's words, such as ``instance-7``; empty if not
            said. What names something else than a contract, as a serverless endpoint, has no
            ``contract``, and is of no statement.
        extra: What it was read from, under its own names: the ``items`` that it is made of, and
            without their items the ``rows`` that they stand in, the outermost first.

    Raises:
        WrongType: A field of another type.
        RuleViolation: A number that no contract has.

    >>> from datetime import UTC, datetime, timedelta
    >>> from numgenius_core import Interval, Money
    >>> from numgenius_core.billing import Charge, ChargeKind
    >>> start, end = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 4, tzinfo=UTC)
    >>> days = Interval(start, end + timedelta(days=1))  # "96.000 hours", as the row says
    >>> row = Charge(kind=ChargeKind("gpu"), period=days, amount=Money("37.344"))
    >>> print(row.period.seconds // 3_600, row.amount)
    96 37.344
    """

    kind: ChargeKind
    period: Interval
    amount: Money
    contract: ContractId | None = None
    source: str = ""
    extra: Mapping[str, Any] = field(factory=ReadOnly, converter=_as_extra, repr=brief, hash=False)

    def __attrs_post_init__(self) -> None:
        check_kind(self.kind, ChargeKind, "charge.kind")
        check_kind(self.period, Interval, "charge.period")
        check_kind(self.amount, Money, "charge.amount")
        check_kind(self.source, str, "charge.source")
        if self.contract is not None:
            keep_id(self, "contract", "charge.contract")


@frozen(kw_only=True)
class Reconciled:
    """A charge, or a time without one, beside what a statement says of it.

    Attributes:
        kind: What it is for.
        period: The time.
        billed: What the charges say; 0 where there is none.
        explained: What the statement says that the balance paid, exact, in as much of the time as
            it covers.
        uncovered: How much of the time, from the contract's start on, lies outside of the
            statement's period and the rest of its last day: zero where the two can be compared, all
            of the time where they share none.
    """

    kind: ChargeKind
    period: Interval
    billed: Money
    explained: Money
    uncovered: timedelta = _NO_TIME

    @property
    def difference(self) -> Money:
        """What is billed and not explained; below zero, what is explained and not billed.

        Nothing can be said by it where a part of the time is uncovered.
        """
        return self.billed - self.explained


def _as_rows(given: Iterable[Reconciled]) -> tuple[Reconciled, ...]:
    return as_tuple(given, "reconciliation.rows")


@frozen(kw_only=True)
class Reconciliation(Tabular):
    """A statement and charges, side by side: :func:`reconcile` makes it.

    Attributes:
        rows: One for each charge, in the order of kinds and time, and one for each time that the
            statement has something in and no charge is for.
        tolerance: What a row may differ by and still agree.
    """

    rows: tuple[Reconciled, ...] = field(converter=_as_rows, repr=brief)
    tolerance: Money

    @property
    def unexplained(self) -> tuple[Reconciled, ...]:
        """The rows that bill more than the statement explains."""
        return tuple(row for row in self.rows if _excess(row, self.tolerance) > 0)

    @property
    def unbilled(self) -> tuple[Reconciled, ...]:
        """The rows in which the statement has more than is billed, or less of a credit."""
        return tuple(row for row in self.rows if _excess(row, self.tolerance) < 0)

    @property
    def uncompared(self) -> tuple[Reconciled, ...]:
        """The rows of which the statement covers a part or nothing; they are in no total.

        Ask for a statement that reaches as far as the charges do, and they can be compared.
        """
        return tuple(row for row in self.rows if row.uncovered)

    @property
    def agrees(self) -> bool:
        """Whether every row agrees; one that is partly outside of the statement does not.

        Charges that lie outside of it altogether are not asked: they are for another statement.
        """
        return not any(_is_partly_outside(row) or _excess(row, self.tolerance) for row in self.rows)

    @property
    def difference(self) -> Money:
        """What is billed in all, less what is explained in all, of the rows that are compared."""
        return Money.sum(row.difference for row in self.rows if not row.uncovered)

    def table(self) -> ResultTable:
        """Return each row in tenths of a cent, with what is wrong in it, and their total.

        A row that is not compared has no difference, and is not in the total.
        """
        rows = [
            (
                row.kind.value,
                str(row.period),
                f"{row.billed:,.3f}",
                f"{row.explained:,.3f}",
                "" if row.uncovered else f"{row.difference:,.3f}",
                _fault(row, self.tolerance),
            )
            for row in self.rows
        ]
        compared = [row for row in self.rows if not row.uncovered]
        billed = Money.sum(row.billed for row in compared)
        explained = Money.sum(row.explained for row in compared)
        what = "in all" if len(compared) == len(self.rows) else "compared"
        in_all = (f"{billed:,.3f}", f"{explained:,.3f}", f"{billed - explained:,.3f}")
        rows.append((what, "", *in_all, ""))
        head = ("charge", "period", "billed $", "explained $", "difference $", "")
        return ResultTable(title="", head=head, rows=tuple(rows))

    def to_dicts(self) -> list[dict[str, Cell]]:
        """Return a dict for each row, as ``pandas.DataFrame(…)`` takes them, with its ``verdict``.

        That is ``agrees``, ``not explained``, ``not credited`` or ``not billed``, and ``credit not
        explained`` where more is given back than the statement has; of one that is not compared,
        and has no ``difference``, ``partly outside`` or ``outside``.
        """
        return [
            {
                **numbers(row),
                "difference": None if row.uncovered else float(row.difference),
                "verdict": _fault(row, self.tolerance) or "agrees",
            }
            for row in self.rows
        ]

    def _rows(self) -> Iterable[object]:
        return self.rows


def _excess(row: Reconciled, tolerance: Money) -> Literal[-1, 0, 1]:
    """Return 1 where more is billed than explained, -1 where less is, 0 where the row agrees.

    It is 0 too where the two cannot be compared.
    """
    difference = ZERO if row.uncovered else row.difference
    if abs(difference) <= tolerance:
        return 0
    return 1 if difference > ZERO else -1


def _is_partly_outside(row: Reconciled) -> bool:
    """Return whether the statement covers some of a row's time, and not all of it."""
    return _NO_TIME < row.uncovered < row.period.duration


def _fault(row: Reconciled, tolerance: Money) -> str:
    """Return what is wrong in a row, nothing if it agrees."""
    if row.uncovered:
        return "partly outside" if _is_partly_outside(row) else "outside"
    match _excess(row, tolerance):
        case 1:
            return "not explained" if row.billed > ZERO else "not credited"
        case -1:
            return "not billed" if row.billed >= ZERO else "credit not explained"
        case _:
            return ""


def reconcile(
    statement: Statement | VolumeStatement,
    charges: Iterable[Charge],
    *,
    tolerance: Money = TENTH_OF_A_CENT,
) -> Reconciliation:
    """Return a statement and a list of charges, side by side.

    Args:
        statement: What an instance or a volume cost. The credit of its last day is settled at the
            midnight after it: ask for a second more than the charges are for.
        charges: What was billed, in any order. Those that name another contract, or something else
            than a contract, are left aside, so a list of all that an account was charged will do.
            One for a time outside of the statement's period, if only in part, is not compared; the
            rest of the day in which that ends counts as inside, as a charge for today is so far.
        tolerance: What a charge may differ by and still agree.

    Raises:
        WrongType: ``statement`` is no statement, or something in ``charges`` no ``Charge``.
        RuleViolation: A tolerance below zero.

    >>> from datetime import UTC, datetime, timedelta
    >>> from numgenius_core import (
    ...     Block, History, Interval, Listing, Machine, Money, PerGpuHour, PriceTerms, agree,
    ...     statement,
    ... )
    >>> from numgenius_core.billing import Charge, ChargeKind, Moved, reconcile
    >>> from numgenius_core.contracts import InstanceEvent
    >>> machine = Machine(id=1, host="hanna", gpu_name="A100", gpus=4)
    >>> listing = Listing(machine=machine, prices=PriceTerms(gpu=PerGpuHour("0.389")))
    >>> start = datetime(2026, 1, 1, tzinfo=UTC)
    >>> contract = agree(listing, Block(start=0, size=1), id=7, client="anna", at=start)
    >>> loaded = Moved(at=start, event=InstanceEvent.LOADED)
    >>> history = History(contract=contract, facts=[loaded])
    >>> days = Interval(start, start + timedelta(days=5))
    >>> four = Interval(start, start + timedelta(days=4))
    >>> billed = Charge(kind=ChargeKind.GPU, period=four, amount=Money("37.344"))
    >>> found = reconcile(statement(history, days), [billed])
    >>> for row in found.unbilled:  # the fifth day
    ...     print(row.period.start.date(), row.explained)
    2026-01-05 9.336
    """
    if not isinstance(statement, Statement | VolumeStatement):
        raise WrongType("statement", "a Statement or a VolumeStatement", shown(statement))
    check_kind(tolerance, Money, "tolerance")
    if tolerance < ZERO:
        raise RuleViolation("tolerance", "an amount of zero or more", str(tolerance))
    given = as_tuple(charges, "charges")
    for index, each in enumerate(given):
        check_kind(each, Charge, f"charges[{index}]")
    whose = statement.contract.id
    known = [
        each
        for each in given
        if each.contract == whose or (each.contract is None and not each.source)
    ]
    lines = [_in_its_day(line, statement.period) for line in statement.lines]
    rows: list[Reconciled] = []
    for kind in ChargeKind:
        said = [line for line in lines if _KIND_OF.get(line.kind) is kind]
        billed = [each for each in known if each.kind is kind]
        rows += _side_by_side(kind, _Said(said), billed, statement)
    return Reconciliation(rows=rows, tolerance=tolerance)


def _side_by_side(
    kind: ChargeKind, said: _Said, charges: list[Charge], of: Statement | VolumeStatement
) -> Iterator[Reconciled]:
    """Yield the charges of a kind, and the times without one, beside what a statement says."""
    period = of.period
    # Charges come by their start, so all before the latest end so far is explained, or a gap.
    reached, gaps = period.start, []
    for each in sorted(charges, key=lambda one: (one.period.start, one.period.end)):
        begin, end = each.period.start, min(each.period.end, period.end)
        if reached < begin:
            gaps.append((reached, min(begin, period.end)))
        paid = said.paid(max(begin, reached), end)
        reached = max(reached, end)
        yield Reconciled(
            kind=kind,
            period=each.period,
            billed=each.amount,
            explained=paid,
            uncovered=_uncovered(each.period, of),
        )
    for begin, end in (*gaps, (reached, period.end)):
        if paid := said.paid(begin, end):
            span = Interval(begin, end)
            yield Reconciled(kind=kind, period=span, billed=ZERO, explained=paid)


def _uncovered(time: Interval, of: Statement | VolumeStatement) -> timedelta:
    """Return how much of the time of a charge, from the contract's start on, a statement lacks."""
    begin, end = max(time.start, of.contract.start), time.end
    if begin >= end:  # before there was a contract it has nothing to say, and says so
        return _NO_TIME
    last = of.period.end
    rest_of_day = timedelta(seconds=-to_epoch(last) % SECONDS_PER_DAY)
    shown = last + min(end - last, rest_of_day) - max(begin, of.period.start)
    return end - begin - shown if begin < last and shown > _NO_TIME else time.duration


def _in_its_day(line: Line, period: Interval) -> Line:
    """Return a credit in the last second of the day that it is of, as far as the statement goes."""
    if line.kind is not LineKind.SERVICE_CREDIT or line.period.start == period.start:
        return line
    at = line.period.start
    return evolve(line, period=Interval(at - _SECOND, at))


class _Said:
    """The lines of a statement that charges of a kind are held against, found by their time."""

    def __init__(self, lines: Sequence[Line]) -> None:
        # Lines that last follow each other, and those of an instant lie within others: held apart,
        # each span finds its own by halving, and passes no other.
        in_order = sorted(lines, key=lambda line: line.period.start)
        self._lasting = [line for line in in_order if line.kind in TIMED]
        self._starts = [line.period.start for line in self._lasting]
        self._ends = list(accumulate((line.period.end for line in self._lasting), max))
        self._instants = [line for line in in_order if line.kind not in TIMED]
        self._at = [line.period.start for line in self._instants]

    def paid(self, start: datetime, end: datetime) -> Money:
        """Return what the balance paid from an instant to another; nothing if that is no time."""
        if start >= end:
            return ZERO
        first, last = bisect_right(self._ends, start), bisect_left(self._starts, end)
        parts = list(clipped(self._lasting[first:last], Interval(start, end)))
        parts += self._instants[bisect_left(self._at, start) : bisect_left(self._at, end)]
        return Money.sum(part.billed for part in parts)
