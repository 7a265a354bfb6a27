"""What an account was charged and what it paid, as ``vastai show invoices-v1 --raw`` prints it.

Rule (the marketplace's API): a row of charges is of an instance, a volume or a serverless endpoint
(``type``), named by its ``source`` ("instance-7"), and has an item for each thing charged, of type
``gpu``, ``disk``, ``bwu`` (bytes sent) or ``bwd`` (received). Amounts are dollars, rounded to a
tenth of a cent. The ``end`` of a row is 00:00 of its last day. A promise of uptime adds one net
row: "SLA Fee", or "Service Credit" if it is negative. A row of invoices is a payment: ``start`` is
when it was made, ``end`` when it was paid, null until then; charges to a card are below zero.

Our readings: an instant at which no day begins is meant as it stands. An item that says how many
hours it is for, and fills the time from its start to its end with them, ends there; between other
midnights the last day is meant whole, and also where the hours are more than the time up to its
first instant. Items of one row that are of one source, one kind and one time are one charge, as of
an instance whose price changed in it. An item without times has those of its row, and
one without a source has its row's; one with only a start or an end has the other of its row. A row
that has no items says nothing of what it is for; if its amount is zero, there is nothing to say.
The items of a row add up to its amount, but for what each of them was rounded by.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from attrs import evolve, field, frozen

from numgenius_core._checks import ReadOnly, of_json, read_only_json
from numgenius_core._json.packings import Source
from numgenius_core.billing.reconciling import TENTH_OF_A_CENT, Charge, ChargeKind
from numgenius_core.errors import RuleViolation, WrongType, brief, shown
from numgenius_core.ids import ContractId
from numgenius_core.intervals import Interval, after, total_seconds
from numgenius_core.money import ZERO, Money
from numgenius_core.units import SECONDS_PER_HOUR
from numgenius_core.wire import _fields as read
from numgenius_core.wire._kinds import CHARGED, CHARGES, INVOICES
from numgenius_core.wire._rows import Row, RowReading, instants, read_items, read_rows
from numgenius_core.wire._sources import Naive, OnError

Moment = Callable[[Any], datetime | None]

_DAY: Final = timedelta(days=1)
_SECOND: Final = timedelta(seconds=1)
_SOURCE: Final = re.compile(r"(?:instance|volume)-([0-9]{1,19})", re.ASCII | re.IGNORECASE)
_HOURS: Final = re.compile(
    r"(?<![0-9.,])((?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?) hours? at ", re.ASCII
)
_ROUNDED: Final = 2
"""Seconds that hours of three digits may differ by from what they are."""
_NET: Final = frozenset({"sla", "sla fee", "service credit"})
_KINDS: Final = {kind.value: kind for kind in ChargeKind}
_NO_ROWS: Final[tuple[Mapping[str, Any], ...]] = ()


def read_charges(
    source: Source, *, on_error: OnError = "raise", naive: Naive = "refuse"
) -> RowReading[Charge]:
    """Return the charges of what ``show invoices-v1 --charges --raw`` prints, or the API answers.

    Each is an item of a row, ready for :func:`numgenius_core.billing.reconcile`; the row itself,
    with its ``metadata``, is the last of ``charge.extra["rows"]``. A file that is one page of
    several says so: the reading's ``extra["next_token"]``.

    Args:
        source: A ``Path``, the document as text or bytes, or a binary stream.
        on_error: ``"raise"`` refuses a document with a bad row, ``"collect"`` leaves bad rows out,
            with all their items, and reports them as ``faults``.
        naive: ``"utc"`` takes a time in words without an offset as UTC; the marketplace's are Unix
            seconds.

    Raises:
        WrongType: ``source`` is none of these.
        ParseError: The document cannot be read, or holds something else than charges.
        InvalidDocument: Rows with faults, all of them together.
        RuleViolation: ``on_error`` or ``naive`` is no word of theirs.

    >>> from numgenius_core.wire import read_charges
    >>> text = '''{"results": [{"type": "instance", "source": "instance-7", "amount": 38.421,
    ...     "start": 1767225600, "end": 1767484800, "items": [
    ...     {"type": "gpu", "description": "96.000 hours at $0.389/hour", "amount": 37.344},
    ...     {"type": "disk", "description": "96.000 hours at $0.011/hour", "amount": 1.077}]}]}'''
    >>> for charge in read_charges(text).rows:
    ...     print(charge.contract, charge.kind.value, charge.amount, charge.period)
    7 gpu 37.344 2026-01-01 00:00:00 … 2026-01-05 00:00:00 UTC
    7 disk 1.077 2026-01-01 00:00:00 … 2026-01-05 00:00:00 UTC
    """
    moment = instants(naive)
    return read_items(source, CHARGES, on_error, lambda row: _charges(row, moment))


def _charges(row: Row, moment: Moment) -> list[Charge]:
    found = _parts(row, _Holder(), moment)
    row.check()
    return found


class _Holder(NamedTuple):
    """What an item has of the row that it stands in, where it says nothing itself.

    Attributes:
        type: Of the row, in small letters.
        source: Of the row, as it names it; empty if it names none.
        contract: The number of the source, if it is one of an instance or a volume.
        period: Of the row.
        rows: It and those around it, without their items; all its charges have the same ones.
    """

    type: str = ""
    source: str = ""
    contract: ContractId | None = None
    period: Interval | None = None
    rows: tuple[Mapping[str, Any], ...] = _NO_ROWS


def _parts(row: Row, holder: _Holder, moment: Moment) -> list[Charge]:
    """Return the charges of a row, or of an item of one; the row keeps what is wrong with it."""
    title = (row.take("description", read.text) or "").strip().lower()
    kept = {key: value for key, value in row.plain().items() if key != "items"}
    source, contract = row.take("source", _source) or (holder.source, holder.contract)
    own = _Holder(
        type=(row.take("type", read.text) or "").lower(),
        source=source,
        contract=contract,
        period=_period(row, holder, moment, title),
        rows=(*holder.rows, of_json(kept)),
    )
    items = row.inner("items", "an item of a row")
    amount = row.take("amount", read.dollars)
    if not row.value.get("items"):
        return _only(row, own, holder, title, amount)
    found: list[Charge] = []
    together: dict[object, list[Charge]] = {}
    for part in (part for item in items for part in _parts(item, own, moment)):
        if part.extra["rows"] is own.rows:
            together.setdefault((part.kind, part.period, part.source), []).append(part)
        else:
            found.append(part)
    found += [_joined(some) for some in together.values()]
    if row.sound:  # else what is wrong with an item is missing
        said = [item.value.get("amount") for item in items]
        row.take("amount", lambda _: _refuse_other(amount, [read.dollars(each) for each in said]))
    return found


def _only(
    row: Row, own: _Holder, holder: _Holder, title: str, amount: Money | None
) -> list[Charge]:
    """Return the charge of what has no items, none if it says that nothing is charged."""
    if own.type in CHARGED and own.type != "volume" and title not in _NET:
        if amount is not None and amount != ZERO:
            row.take("items", _refuse_none)
        return []
    kind = None
    if isinstance(row.value.get("type"), str | None):  # of what is no text has been told
        kind = row.take("type", lambda _: _kind(own.type, title, holder.type))
    if kind is None or own.period is None or amount is None:
        return []
    whole = of_json(row.plain())
    rows, items = (holder.rows, (whole,)) if holder.rows else ((whole,), ())
    return [
        Charge(
            kind=kind,
            period=own.period,
            amount=amount,
            contract=own.contract,
            source=own.source,
            extra=ReadOnly({"rows": rows, "items": items}),
        )
    ]


def _joined(some: list[Charge]) -> Charge:
    """Return one charge of those of one kind and time in a row."""
    if len(some) == 1:
        return some[0]
    items = tuple(item for each in some for item in each.extra["items"])
    extra = ReadOnly({"rows": some[0].extra["rows"], "items": items})
    return evolve(some[0], amount=Money.sum(each.amount for each in some), extra=extra)


def _refuse_none(items: object) -> None:
    raise RuleViolation("", "the items of what is charged", shown(items))


def _refuse_other(amount: Money, parts: list[Money]) -> None:
    """Refuse an amount that its parts do not add up to, each of them and it rounded."""
    total = Money.sum(parts)
    if abs(amount - total) > TENTH_OF_A_CENT * (len(parts) + 1):
        raise RuleViolation("", f"what its items add up to, {total}", str(amount))


def _kind(said: str, title: str, holder: str) -> ChargeKind:
    """Return what an item is for, by its type, its title, and the type of its row."""
    if title in _NET or said.replace("_", " ") in _NET:
        return ChargeKind.SLA
    if said == "disk" and holder == "volume":
        return ChargeKind.VOLUME
    if said in _KINDS:
        return _KINDS[said]
    raise RuleViolation("", "one of " + ", ".join(_KINDS), shown(said))


def _source(value: Any) -> tuple[str, ContractId | None] | None:
    """Return what a source names and its number if it is an instance or a volume, if it does."""
    name = (read.text(value) or "").strip()
    named = _SOURCE.fullmatch(name)
    number = None if named is None else ContractId(read.id_number(int(named[1])))
    return (name, number) if name else None


def _contract(value: Any) -> ContractId | None:
    named = _source(value)
    return None if named is None else named[1]


def _period(row: Row, holder: _Holder, moment: Moment, title: str) -> Interval | None:
    """Return the time of a row or an item: what it does not say of it is as its row has it."""
    hook = moment if holder.rows else _needed(moment)
    start, end = row.take("start", hook), row.take("end", hook)
    whole = holder.period
    if whole is not None and end is None:
        return whole if start is None else row.take("start", lambda _: _until(start, whole))
    if whole is not None and start is None:
        start = whole.start
    if start is None or end is None:
        return None
    hours = _HOURS.search(title)
    seconds = None if hours is None else float(hours[1].replace(",", "")) * SECONDS_PER_HOUR
    period: Interval | None = row.take("end", lambda _: _between(start, end, seconds))
    return period


def _until(start: datetime, whole: Interval) -> Interval:
    """Return the time from a start to where the row ends that it stands in."""
    if start >= whole.end:
        raise RuleViolation("", f"an instant before {whole.end}, the end of its row", str(start))
    return Interval(start, whole.end)


def _needed(moment: Moment) -> Moment:
    def hook(value: Any) -> datetime:
        found = moment(value)
        if found is None:
            raise RuleViolation("", "an instant", shown(value))
        return found

    return hook


def _between(start: datetime, end: datetime, seconds: float | None) -> Interval:
    """Return the time from a start to an end, which may be the first instant of its last day.

    Args:
        start: As the row has it.
        end: As the row has it.
        seconds: For how long the charge is, if its text says so.
    """
    if end < start:
        raise RuleViolation("", f"an instant from {start} on", str(end))
    more = None if seconds is None else seconds - total_seconds(start, end)
    if more is not None and abs(more) < _ROUNDED:
        last_day = False
    elif more is not None and more > 0:
        last_day = _begins_a_day(end)
    else:
        last_day = _begins_a_day(start) and _begins_a_day(end)
    if start < end and not last_day:
        return Interval(start, end)
    return Interval(start, after(end, _DAY if _begins_a_day(end) else _SECOND))


def _begins_a_day(at: datetime) -> bool:
    return at.hour == at.minute == at.second == 0


# -- invoices ----------------------------------------------------------------------------------


def _as_extra(value: Mapping[str, Any]) -> ReadOnly[str, Any]:
    return read_only_json(value, "invoice.extra")


@frozen(kw_only=True)
class Invoice:
    """A payment, as the marketplace's list of invoices has it.

    Attributes:
        kind: The marketplace's word: ``credit``, ``transfer``, ``payout``, ``refund`` or
            ``reserved`` (a prepayment, or what came back of one).
        amount: Dollars, with the sign of the row: what a card was charged is below zero, what was
            paid out or handed over is above.
        at: When it was made.
        paid: When it was paid; ``None`` if it is not.
        number: The invoice's own, as text; empty if the row does not say.
        service: By what it was paid, such as ``stripe_payments``; empty if the row does not say.
        contract: The instance that it is for, of a prepayment; ``None`` if the row names none.
        extra: The whole row, under its own names.

    >>> from numgenius_core.wire import read_invoices
    >>> row = '''[{"type": "payout", "source": "wise", "amount": 120.5, "start": 1767916800,
    ...     "end": null, "metadata": {"invoice_id": 31, "service": "wise_manual"}}]'''
    >>> (payout,) = read_invoices(row).rows
    >>> payout.kind, payout.number, payout.amount, f"{payout.at:%d %B %Y}", payout.paid
    ('payout', '31', Money('120.50'), '09 January 2026', None)
    """

    kind: str
    amount: Money
    at: datetime
    paid: datetime | None = None
    number: str = ""
    service: str = ""
    contract: ContractId | None = None
    extra: Mapping[str, Any] = field(factory=ReadOnly, converter=_as_extra, repr=brief, hash=False)


def read_invoices(
    source: Source, *, on_error: OnError = "raise", naive: Naive = "refuse"
) -> RowReading[Invoice]:
    """Return the payments of what ``show invoices-v1 --invoices --raw`` prints, or the API answers.

    Args:
        source: A ``Path``, the document as text or bytes, or a binary stream.
        on_error: ``"raise"`` refuses a document with a bad row, ``"collect"`` leaves bad rows out
            and reports them as ``faults``.
        naive: ``"utc"`` takes a time in words without an offset as UTC; the marketplace's are Unix
            seconds.

    Raises:
        WrongType: ``source`` is none of these.
        ParseError: The document cannot be read, or holds something else than invoices.
        InvalidDocument: Rows with faults, all of them together.
        RuleViolation: ``on_error`` or ``naive`` is no word of theirs.

    >>> from numgenius_core.wire import read_invoices
    >>> text = '''{"results": [{"type": "credit", "source": "stripe_payments", "amount": -25.0,
    ...     "start": 1767225600, "end": 1767225600, "metadata": {"invoice_id": 9}}], "total": 1}'''
    >>> [(each.kind, each.number, each.amount) for each in read_invoices(text).rows]
    [('credit', '9', Money('-25.00'))]
    """
    moment = instants(naive)
    return read_rows(source, INVOICES, on_error, lambda row: _invoice(row, moment))


def _invoice(row: Row, moment: Moment) -> Invoice:
    kind, amount = row.take("type", _word), row.take("amount", read.dollars)
    at, paid = row.take("start", _needed(moment)), row.take("end", moment)
    contract, told = row.take("source", _contract), row.take("metadata", _metadata)
    row.check()
    number, service = told
    return Invoice(
        kind=kind,
        amount=amount,
        at=at,
        paid=paid,
        number=number,
        service=service,
        contract=contract,
        extra=row.plain(),
    )


def _word(value: Any) -> str:
    word = read.text(value)
    if not word:
        raise RuleViolation("", "text", shown(value))
    return word


def _metadata(value: Any) -> tuple[str, str]:
    """Return the invoice's number and its service, as far as they are said."""
    if value is None:
        return "", ""
    if not isinstance(value, dict):
        raise WrongType("", "an object", shown(value))
    number, service = value.get("invoice_id"), value.get("service")
    if type(number) is int:
        number = str(number)
    return read.text(number) or "", read.text(service) or ""
