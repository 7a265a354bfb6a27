"""What a host's machines earned, as ``vastai show earnings --raw`` prints it.

Rule (the marketplace's API): the report of machines has days counted since 1970, both inclusive
(``sday``, ``eday``), a list by machine (``per_machine``), one by day (``per_day``, of all machines
together), their sums (``summary``) and the account's ``current`` balance. A row has dollars for
GPUs, disk, bytes sent and received (``gpu_earn``, ``sto_earn``, ``bwu_earn``, ``bwd_earn``), and
since 2026 what escrows released (``sla_earn``). Another report has such rows by day or by machine
alone, with what was earned by referrals.

Our readings: volumes have no column, so they are in that of disk. A row without ``sla_earn`` is
from before there were promises; any other amount that is not said is a fault, not zero. What
referrals earned is no machine's, and is kept in ``extra``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from attrs import evolve, field, frozen

from numgenius_core._checks import ReadOnly, read_only_json
from numgenius_core._json.packings import Source
from numgenius_core.errors import InvalidDocument, RuleViolation, WrongType, brief, shown
from numgenius_core.ids import MachineId
from numgenius_core.intervals import Interval, after, from_epoch
from numgenius_core.money import ZERO, Money
from numgenius_core.wire import _fields as read
from numgenius_core.wire._kinds import EARNINGS, EARNINGS_BY_DAY
from numgenius_core.wire._rows import Row, RowReading, read_rows
from numgenius_core.wire._sources import OnError

_DAY: Final = timedelta(days=1)
_SECONDS: Final = 86_400
_DAYS: Final = 2_932_896
"""Days from 1970 to the last of the year 9999, which has no midnight after it."""
_NEED: Final = "a day, counted since 1970"
_KINDS: Final = {"machine": EARNINGS, "day": EARNINGS_BY_DAY}


def _as_extra(value: Mapping[str, Any]) -> ReadOnly[str, Any]:
    return read_only_json(value, "earnings_row.extra")


@frozen(kw_only=True)
class EarningsRow:
    """What a machine earned in a report, or all machines of a host on a day, for the host.

    The amounts have the names of :class:`numgenius_core.market.views.Earnings`, which has volumes
    apart: ``storage`` here is its ``storage + volumes``.

    Attributes:
        machine: The machine; ``None`` of all.
        period: The days that it is of; ``None`` if the document does not say.
        gpu: For GPU time, and for deposits kept back.
        storage: For disk, of instances and of volumes.
        upload: For bytes that instances sent.
        download: For bytes that they received.
        sla: What the escrows of contracts with a promise released.
        extra: The whole row, under its own names, such as the machine's ``reliability``.

    >>> from numgenius_core.wire import read_earnings
    >>> row = '''[{"machine_id": 7, "gpu_earn": 554.4, "sto_earn": 12.5, "bwu_earn": 0.25,
    ...     "bwd_earn": 0, "sla_earn": 1.5, "reliability": 0.99}]'''
    >>> (earned,) = read_earnings(row).rows
    >>> earned.machine, earned.total, earned.extra["reliability"]
    (7, Money('568.65'), 0.99)
    """

    machine: MachineId | None = None
    period: Interval | None = None
    gpu: Money
    storage: Money
    upload: Money
    download: Money
    sla: Money = ZERO
    extra: Mapping[str, Any] = field(factory=ReadOnly, converter=_as_extra, repr=brief, hash=False)

    @property
    def total(self) -> Money:
        """All of it."""
        return self.gpu + self.storage + self.upload + self.download + self.sla


def read_earnings(
    source: Source, *, by: Literal["machine", "day"] = "machine", on_error: OnError = "raise"
) -> RowReading[EarningsRow]:
    """Return the earnings of what ``show earnings --raw`` prints, or the API answers.

    Args:
        source: A ``Path``, the document as text or bytes, or a binary stream.
        by: ``"machine"`` or ``"day"``: which rows of a report that has both; the others, the sums
            and the balance are in the reading's ``extra``. A list of rows is read as it is.
        on_error: ``"raise"`` refuses a document with a bad row, ``"collect"`` leaves bad rows out
            and reports them as ``faults``, and so days of a report that are none: its rows then
            have no ``period``.

    Raises:
        WrongType: ``source`` is none of these.
        ParseError: The document cannot be read, or holds something else than earnings.
        InvalidDocument: Rows with faults, all of them together, or days of a report that are none.
        RuleViolation: ``by`` or ``on_error`` is no word of theirs.

    >>> from numgenius_core.wire import read_earnings
    >>> text = '''{"sday": 20454, "eday": 20455, "current": {"balance": 31.5},
    ...     "per_machine": [{"machine_id": 7, "gpu_earn": 20.5, "sto_earn": 1, "bwu_earn": 0,
    ...         "bwd_earn": 0}],
    ...     "per_day": [{"day": 20454, "gpu_earn": 20.5, "sto_earn": 0.5, "bwu_earn": 0,
    ...         "bwd_earn": 0}, {"day": 20455, "gpu_earn": 0, "sto_earn": 0.5, "bwu_earn": 0,
    ...         "bwd_earn": 0}]}'''
    >>> for row in read_earnings(text).rows:
    ...     print(row.machine, row.total, row.period)
    7 21.50 2026-01-01 00:00:00 … 2026-01-03 00:00:00 UTC
    >>> reading = read_earnings(text, by="day")
    >>> [str(row.total) for row in reading.rows], reading.extra["current"]["balance"]
    (['21.00', '0.50'], 31.5)
    """
    if by not in _KINDS:
        raise RuleViolation("by", "'machine' or 'day'", shown(by))
    faults: dict[str, RuleViolation] = {}  # of reports, by their words: each once
    reading = read_rows(source, _KINDS[by], on_error, lambda row: _earned(row, faults))
    if faults and on_error == "raise":
        raise InvalidDocument(reading.source, faults.values())
    return evolve(reading, faults=(*reading.faults, *faults.values()))


def _earned(row: Row, faults: dict[str, RuleViolation]) -> EarningsRow:
    day = row.take("day", _day)
    machine = row.take("machine_id", _machine if "day" in row.value else read.id_number)
    gpu, storage, upload, download = (
        row.take(f"{what}_earn", read.dollars) for what in ("gpu", "sto", "bwu", "bwd")
    )
    sla = row.take("sla_earn", _or_nothing)
    row.check()
    return EarningsRow(
        machine=machine,
        period=_days_of(row.beside, faults) if day is None else Interval(day, after(day, _DAY)),
        gpu=gpu,
        storage=storage,
        upload=upload,
        download=download,
        sla=sla,
        extra=row.plain(),
    )


def _machine(value: Any) -> MachineId | None:
    return None if value is None else MachineId(read.id_number(value))


def _or_nothing(value: Any) -> Money:
    return ZERO if value is None else read.dollars(value)


def _day(value: Any) -> datetime | None:
    """Return the first instant of a day that is counted since 1970; null is none."""
    if value is None:
        return None
    if type(value) is not int and type(value) is not float:
        raise WrongType("", _NEED, shown(value))
    if not 0 <= value < _DAYS:  # also false for NaN
        raise RuleViolation("", _NEED, shown(value))
    return from_epoch(int(value) * _SECONDS)


def _days_of(report: Mapping[str, Any], faults: dict[str, RuleViolation]) -> Interval | None:
    """Return the days of a report, from the first to the last whole; ``None`` if it has none.

    Args:
        report: What it says beside its rows.
        faults: Where it is said what is wrong with its days.
    """
    days = [report.get("sday"), report.get("eday")]
    if days == [None, None]:
        return None
    found: list[datetime] = []
    for key, value in zip(("sday", "eday"), days, strict=True):
        try:
            found.append(_needed(value))
        except RuleViolation as fault:
            told = fault.at(key)
            faults[str(told)] = told
    if len(found) < len(days):
        return None
    first, last = found
    if last < first:
        told = RuleViolation("eday", f"a day from {days[0]} on", shown(days[1]))
        faults[str(told)] = told
        return None
    return Interval(first, after(last, _DAY))


def _needed(value: Any) -> datetime:
    day = _day(value)
    if day is None:
        raise WrongType("", _NEED, shown(value))
    return day
