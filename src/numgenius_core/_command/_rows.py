"""The offers of an answer: what programs get of each, and the columns that people see."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final, NamedTuple

from numgenius_core._command._market import Asked, Stay, days_left
from numgenius_core._command._table import width, widths
from numgenius_core._command._texts import INSTANT, text_of
from numgenius_core._numbers import PRICE_PLACES, WIDE, decimal_of, decimal_text
from numgenius_core.errors import RuleViolation, one_line, shown
from numgenius_core.intervals import AFTER_LAST, from_epoch
from numgenius_core.listing import Mode
from numgenius_core.offer import Offer
from numgenius_core.prices.quotes import Quote, quote, says
from numgenius_core.prices.ranking import NotRented, disk_of
from numgenius_core.search import FIELDS, Field, FieldType, View
from numgenius_core.search.spellings import ALIASES, nearest_field

Row = dict[str, Any]

WORDS: Final = {
    "skipped": ("skipped", "skipped"),
    "repeated": ("repeated", "repeated"),
    "where": ("not asked for", "not asked for"),
    "not_rentable": ("not rentable", "not rentable"),
    "ends": ("ends too soon", "end too soon"),
    "reservation": ("ends before the months reserved", "end before the months reserved"),
    "disk": ("disk too small", "disk too small"),
    "disk_unknown": ("disk not known", "disk not known"),
    "not_verified": ("not verified", "not verified"),
    "external": ("of another market", "of another market"),
    "claim": ("claims less uptime", "claim less uptime"),
    "no_reserved_price": ("without a reserved price", "without a reserved price"),
    "discount_unknown": ("discount not known", "discount not known"),
    "bid": ("takes no such bid", "take no such bid"),
    "price_unknown": ("price unknown", "price unknown"),
}
"""Why an offer does not fit, in words: of one, and of several."""
_SHORT: Final = {
    "ends": "ends",
    "reservation": "months",
    "disk": "disk",
    "disk_unknown": "disk ?",
    "not_verified": "unverified",
    "no_reserved_price": "no reserve",
    "discount_unknown": "discount ?",
    "bid": "bid",
}
"""The same in a table that must be narrow."""
_OF_AN_END: Final = frozenset({"duration", "end_date"})
_TIMES: Final = frozenset({"start_date", "end_date"})
_STEP: Final = decimal_of(1, PRICE_PLACES)
_LONGEST_NAME: Final = 64
_MOST_REASONS: Final = 3
"""So many of an offer stand in a narrow table; ``--why`` has them all."""
_LONGEST_REASONS: Final = 30
"""So many characters of them, as far as that leaves two."""


def quote_or_none(offer: Offer, stay: Stay, mode: Mode) -> Quote | None:
    """Return the quote of an offer that may not be for rent so."""
    try:
        return quote(offer, stay.duration, **stay.of(mode))
    except RuleViolation:
        return None


def row_of(
    offer: Offer, priced: Quote | None, asked: Asked, reasons: Sequence[NotRented] = ()
) -> Row:
    """Return what programs get of an offer."""
    lines = () if priced is None else priced.rounded_lines()
    known = offer.unknown_prices
    field = {name: FIELDS[name].kept(offer) for name in ("reliability", "geolocation")}
    row = {
        "id": offer.id,
        "machine": offer.machine,
        "gpus": offer.gpus,
        "gpu_name": offer.gpu_name,
        "headline_per_hour": None if "gpu" in known else offer.per_hour,
        "per_hour": None if priced is None else decimal_text(priced.per_hour(), 2),
        "total": None if priced is None else priced.total,
        "payout": None if priced is None else priced.payout,
        "deposit": None if priced is None else priced.deposit,
        "claim": None if offer.promise is None else _share(offer.promise.claim),
        "sla_per_hour": None if priced is None else priced.sla_per_hour,
        "lines": [{"kind": kind.value, "amount": decimal_text(a, 2)} for kind, a in lines],
        "rentable": offer.rentable,
        "disk_gb": disk_gb(offer),
        "ends_at": text_of(offer.ends_at),
        "days_left": _text(days_left(offer, asked.now), 1),
        "reliability": _text(field["reliability"]),
        "verification": offer.verification.value if says(offer, "verification") else None,
        "geolocation": field["geolocation"],
        "dlperf_per_dollar": _text(value_of(offer, priced), 2),
    }
    if reasons:
        row["why_not"] = [reason.value for reason in reasons]
    return row


def disk_gb(offer: Offer) -> str | None:
    """Return the GB of disk that an offer has, ``None`` if they are not known."""
    return None if disk_of(offer) is None else decimal_text(offer.disk_gb)


def _share(value: Fraction) -> str:
    return decimal_text(Decimal(value.numerator) / value.denominator)


def _text(value: object, places: int | None = None) -> str | None:
    if not isinstance(value, Decimal):
        return None
    return decimal_text(value if places is None else round(value, places))


def value_of(offer: Offer, priced: Quote | None) -> Decimal | None:
    """Return the speed (dlperf) for each dollar an hour, all in; ``None`` if either is unknown."""
    speed = FIELDS["dlperf"].kept(offer)
    if not isinstance(speed, Decimal) or priced is None or not priced.total:
        return None
    return speed / priced.per_hour()


def more_of(offer: Offer, priced: Quote | None) -> Decimal | None:
    """Return how many times the headline a stay costs an hour; ``None`` if either is unknown."""
    if priced is None or "gpu" in offer.unknown_prices or not offer.per_hour:
        return None
    return priced.per_hour() / offer.per_hour.to_decimal()


# -- columns -----------------------------------------------------------------------------------


class Column(NamedTuple):
    """A column of the table: its heading, a shorter one, and its cell of a row.

    ``cell`` takes the row, and whether the table must be narrow.
    """

    head: str
    short: str
    cell: Callable[[Row, bool], str]
    left: bool = False


def _dollars(key: str, places: int, *, may_lack: bool = False) -> Callable[[Row, bool], str]:
    """Return what writes dollars; ``may_lack`` has none where a price is known without it."""

    def cell(row: Row, narrow: bool) -> str:
        if row[key] is None:
            return "–" if may_lack and row["total"] is not None else "?"
        value = Decimal(row[key]) if isinstance(row[key], str) else row[key]
        return f"{value:,.{places - (narrow and places > 2)}f}"

    return cell


def _more(row: Row, narrow: bool) -> str:
    true, headline = row["per_hour"], row["headline_per_hour"]
    if true is None or not headline:
        return "–"
    share = (Decimal(true) / headline.to_decimal() - 1) * 100
    return f"{share:+.0f} %" if narrow else f"{share:+.1f} %"


def _disk(row: Row, _: bool) -> str:
    return "?" if row["disk_gb"] is None else f"{Decimal(row['disk_gb']):.0f}"


def _reliability(row: Row, _: bool) -> str:
    return "?" if row["reliability"] is None else f"{Decimal(row['reliability']) * 100:.1f}"


def _claim(row: Row, _: bool) -> str:
    return "–" if row["claim"] is None else decimal_text(Decimal(row["claim"]) * 100)


def _place(row: Row, narrow: bool) -> str:
    place = row["geolocation"]
    if not place:
        return "?"
    text = str(place)
    return text.rpartition(",")[2].strip() if narrow else text


def _days(row: Row, _: bool) -> str:
    return "–" if row["days_left"] is None else f"{int(Decimal(row['days_left']))}"


def _ends(row: Row, _: bool) -> str:
    if row["ends_at"] is None:  # of one that does not last for ever, its source does not say when
        return "–" if row["days_left"] is None else "?"
    return str(row["ends_at"])[:10]


def _verified(row: Row, _: bool) -> str:
    found = row["verification"]
    return "?" if found is None else _VERIFIED[str(found)]


_VERIFIED: Final = {"verified": "yes", "unverified": "no", "deverified": "deverified"}


def _why_not(row: Row, narrow: bool) -> str:
    reasons = row.get("why_not", ())
    if not narrow:
        return ", ".join(WORDS[why][0] for why in reasons)
    words = [_SHORT.get(why, WORDS[why][0]) for why in reasons]
    told = ", ".join(words)
    fits = len(words) == _MOST_REASONS and len(told) <= _LONGEST_REASONS
    if fits or len(words) < _MOST_REASONS:
        return told
    return f"{', '.join(words[: _MOST_REASONS - 1])} +{len(words) - _MOST_REASONS + 1}"


def _plain(key: str) -> Callable[[Row, bool], str]:
    return lambda row, _: "–" if row.get(key) is None else str(row[key])


def _known(key: str) -> Callable[[Row, bool], str]:
    return lambda row, _: "?" if row[key] is None else str(row[key])


def _field(name: str) -> Column:
    """Return the column of a field of the search: what its source does not say is not known."""

    def cell(row: Row, _: bool) -> str:
        if row[name] is not None:
            return str(row[name])
        return "–" if name in _OF_AN_END and row["days_left"] is None else "?"

    return Column(name, name, cell)


COLUMNS: Final = {
    "id": Column("offer", "offer", _plain("id")),
    "gpus": Column("GPUs", "GPUs", lambda row, _: f"{row['gpus']} × {row['gpu_name']}", left=True),
    "per_hour": Column("all in $/h", "all in", _dollars("per_hour", 4)),
    "headline": Column("headline $/h", "list", _dollars("headline_per_hour", 4)),
    "more": Column("more", "more", _more),
    "total": Column("total $", "total $", _dollars("total", 2)),
    "disk": Column("disk GB", "disk", _disk),
    "reliability": Column("reliable %", "rel %", _reliability),
    "place": Column("place", "at", _place, left=True),
    "days": Column("days left", "days", _days),
    "verified": Column("verified", "ver.", _verified, left=True),
    "machine": Column("machine", "machine", _plain("machine")),
    "value": Column("dlperf/$", "dlperf/$", _known("dlperf_per_dollar")),
    "claim": Column("claims %", "claim %", _claim),
    "sla": Column("SLA $/h", "SLA", _dollars("sla_per_hour", 4, may_lack=True)),
    "deposit": Column("deposit $", "deposit $", _dollars("deposit", 2, may_lack=True)),
    "payout": Column("payout $", "payout $", _dollars("payout", 2)),
    "ends": Column("ends", "ends", _ends, left=True),
    "why_not": Column("why not", "why not", _why_not, left=True),
}
"""The columns that people know by a name of ours; any field of the search is one too."""
_CHOSEN: Final = ("id", "gpus", "per_hour", "headline", "more", "total", "disk", "reliability")
DEFAULT: Final = (*_CHOSEN, "place", "days")
_FIRST_TO_GO: Final = (
    *("headline", "value", "more", "reliability", "place", "days", "disk"),
    "deposit",
)


def columns_of(text: str) -> tuple[str, ...]:
    """Read ``--columns``."""
    found = tuple(filter(None, (word.strip() for word in text.split(","))))
    for name in found:
        check_column(name, "--columns", COLUMNS)
    if not found:
        raise RuleViolation("--columns", "the names of columns with commas between them", "none")
    return found


def check_column(name: str, option: str, columns: Collection[str]) -> None:
    """Refuse a name of no column and of no field, with the nearest one that there is."""
    if name in columns or ALIASES.get(name, name) in FIELDS:
        return
    near = nearest_field(name, {*columns, *FIELDS}) if len(name) <= _LONGEST_NAME else None
    hint = "--help has them" if near is None else f"did you mean {near}?"
    raise RuleViolation(option, f"a column or a field of --where ({hint})", shown(name))


def add_fields(row: Row, offer: Offer, names: Sequence[str], view: View) -> None:
    """Add the fields of the search that are asked for as columns; what a row has already stays."""
    for name in names:
        if name not in COLUMNS and name not in row:
            field = FIELDS[ALIASES.get(name, name)]
            row[name] = _typed(field, field.of(offer, view))


def _typed(field: Field, value: object) -> object:
    """Return a value as people type it in a query, memory in GB and a duration in days.

    Times are dates, which people can read; one that never ends has no duration. A quotient, such
    as a discount of a third, has as many decimals as a price; conditions compare it exactly.
    """
    if not isinstance(value, Decimal) or value.is_infinite():
        return None if isinstance(value, Decimal) else value
    if field.name in _TIMES and 0 <= value < AFTER_LAST:
        return f"{from_epoch(int(value)):{INSTANT}}"
    text = field.untyped(value)
    if field.kind is FieldType.VERSION:
        return text
    return decimal_text(Decimal(text).quantize(_STEP, context=WIDE))


def fitted(
    rows: Sequence[Row], names: Sequence[str], *, all_of_them: bool, lacking: Collection[str] = ()
) -> tuple[list[str], list[list[str]], frozenset[int], int]:
    """Return a table that fits the terminal: its head, its cells, what is words, and the gap.

    It becomes narrower step by step: short headings and places, then one blank between columns,
    then without the columns that say the least; columns that were asked for all stay. What the
    stay has none of, whatever the offer, is ``lacking``.
    """
    names, room = list(names), width()
    for narrow, gap in ((False, 2), (True, 2), (True, 1)):
        head, cells = _cells(rows, names, lacking, narrow=narrow)
        if _room(head, cells, gap) <= room:
            return head, cells, _words(names), gap
    for name in () if all_of_them else _FIRST_TO_GO:
        if name in names:
            names.remove(name)
            head, cells = _cells(rows, names, lacking, narrow=True)
            if _room(head, cells, 1) <= room:
                break
    return head, cells, _words(names), 1


def _cells(
    rows: Sequence[Row], names: Sequence[str], lacking: Collection[str], *, narrow: bool
) -> tuple[list[str], list[list[str]]]:
    columns = [COLUMNS.get(name) or _field(name) for name in names]
    head = [column.short if narrow else column.head for column in columns]
    none = [name in lacking for name in names]
    return head, [
        [
            "–" if lacks else one_line(column.cell(row, narrow))
            for column, lacks in zip(columns, none, strict=True)
        ]
        for row in rows
    ]


def _room(head: Sequence[str], cells: Sequence[Sequence[str]], gap: int) -> int:
    return sum(widths(head, cells)) + gap * (len(head) - 1)


def _words(names: Sequence[str]) -> frozenset[int]:
    return frozenset(i for i, name in enumerate(names) if name in COLUMNS and COLUMNS[name].left)
