"""The answer of ``numgenius quote``: what fits, what was left out, and what is nearest."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from decimal import ROUND_UP, Decimal
from typing import Any, Final, NamedTuple

from numgenius_core._command._market import Asked, Stay, ask, days_left, stay_of, told
from numgenius_core._command._reading import name_of
from numgenius_core._command._rows import (
    COLUMNS,
    DEFAULT,
    WORDS,
    Row,
    add_fields,
    check_column,
    columns_of,
    disk_gb,
    fitted,
    more_of,
    quote_or_none,
    row_of,
    value_of,
)
from numgenius_core._command._saying import say
from numgenius_core._command._table import print_line, print_table
from numgenius_core._command._texts import text_of
from numgenius_core._numbers import decimal_text
from numgenius_core.errors import RuleViolation, shown
from numgenius_core.listing import Mode
from numgenius_core.offer import Offer
from numgenius_core.prices.quotes import Quote
from numgenius_core.prices.ranking import LeftOut, NotRented, Ranking
from numgenius_core.units import SECONDS_PER_DAY
from numgenius_core.wire.findings import summarized

_ROWS: Final = 10
_NOT_SHOWN: Final = frozenset({NotRented.REPEATED, NotRented.WHERE})
"""What ``--all`` does not show either: it is there already, or was not asked for."""
_OF_QUOTE: Final[dict[str, Callable[[Offer, Quote | None], Any]]] = {
    "total": lambda _, priced: priced and priced.total,
    "per_hour": lambda _, priced: priced and priced.total,
    "payout": lambda _, priced: priced and priced.payout,
    "deposit": lambda _, priced: priced and priced.deposit,
    "sla": lambda _, priced: priced and priced.sla_per_hour,
    "more": more_of,
    "value": value_of,
}
"""Columns that are ordered by what a stay costs."""
_FIELDS: Final = {
    "claim": "expected_reliability",
    "days": "duration",
    "disk": "disk_space",
    "ends": "end_date",
    "gpus": "num_gpus",
    "headline": "dph_base",
    "machine": "machine_id",
    "place": "geolocation",
}
"""Columns that are ordered by a field of the search."""


NO_DISCOUNT: Final = "deposit –: no discount, so nothing is prepaid and it costs as on demand"


class Found(NamedTuple):
    """An offer of the answer: what it costs, if that is known, and what speaks against it."""

    offer: Offer
    priced: Quote | None
    reasons: tuple[NotRented, ...] = ()


def run(options: Namespace) -> dict[str, Any]:
    """Return the stay, the offers in order, and how many were left out for what."""
    mode = Mode(options.mode)
    if options.top is not None and options.top < 1:
        raise RuleViolation("--top", "at least 1", str(options.top))
    names = () if options.columns is None else columns_of(options.columns)
    stay = stay_of(options, mode)
    asked = ask(options, stay)
    ranking = asked.rank(stay, mode)
    found = [Found(each.offer, each) for each in ranking.quotes]
    if options.all:
        found += [
            Found(each.offer, quote_or_none(each.offer, stay, mode), each.reasons)
            for each in ranking.left_out
            if each.reason not in _NOT_SHOWN
        ]
    found = _ordered(found, options.sort, stay, asked.now)
    if options.plot is not None:
        _plot(options.plot, [each.priced for each in found if each.priced is not None])
    top = options.top or (len(found) if options.all else _ROWS)
    view, rows = stay.view(asked.now, mode), []
    for each in found[:top]:
        row = row_of(each.offer, each.priced, asked, each.reasons)
        add_fields(row, each.offer, names, view)
        rows.append(row)
    return {
        "hours": stay.hours,
        "now": text_of(asked.now),
        "asked": {"mode": mode.value, **told(options, stay, asked)},
        **counted(asked, ranking),
        "nearest": None if ranking.quotes else nearest(ranking, stay, asked.now),
        "findings": list(summarized(asked.findings())),
        "offers": rows,
    }


def counted(asked: Asked, ranking: Ranking) -> dict[str, Any]:
    """Return how many records were read, how many fit, and what became of the others."""
    skipped = asked.reading.skipped
    counts = {reason.value: count for reason, count in ranking.counts().items()}
    fitting = len(ranking.quotes)
    return {
        "read": len(asked.reading.offers) + skipped,
        "fitting": fitting,
        "left_out": {"skipped": skipped, **counts},
    }


# -- order -------------------------------------------------------------------------------------


def _ordered(found: list[Found], text: str, stay: Stay, now: datetime) -> list[Found]:
    """Return the offers in the order asked for; what is equal in it is ordered by its total."""
    found = sorted(found, key=_total)
    words = [word.strip() for word in text.split(",") if word.strip()]
    if not words:
        raise RuleViolation("--sort", "names of columns or fields with commas between", shown(text))
    for word in reversed(words):
        found = _by(found, word, stay, now)
    return found


def _total(each: Found) -> tuple[bool, int, int]:
    ticks = 0 if each.priced is None else each.priced.total.ticks
    return each.priced is None, ticks, each.offer.id


def _by(found: list[Found], word: str, stay: Stay, now: datetime) -> list[Found]:
    name = word.strip("+-")
    if name in _OF_QUOTE:
        valued = [(_OF_QUOTE[name](each.offer, each.priced), each) for each in found]
        # What is worth most comes first, unless it is asked otherwise; all else from the least on.
        largest_first = "+" not in word if name == "value" else "-" in word
        return _sorted(valued, reverse=largest_first)
    from numgenius_core.search import FIELDS, Order, parse_order

    if name.isidentifier():
        check_column(name, "--sort", {*_OF_QUOTE, *_FIELDS})
    typed = word.replace(name, _FIELDS.get(name, name)) if name else word
    (key,) = parse_order(typed) or (Order("id"),)
    # The prices of the table, which a search alone would not see; the headline is on demand there.
    view = stay.view(now, Mode.ON_DEMAND if name == "headline" else stay.mode)
    seen = [(FIELDS[key.field].of(each.offer, view), each) for each in found]
    return _sorted(seen, reverse=key.descending)


def _sorted(valued: Iterable[tuple[Any, Found]], *, reverse: bool) -> list[Found]:
    """Return offers by a value of each; those of which it is not known come last."""
    pairs = list(valued)
    known = [pair for pair in pairs if pair[0] is not None]
    known.sort(key=lambda pair: pair[0], reverse=reverse)
    return [each for _, each in known] + [each for value, each in pairs if value is None]


# -- what does not fit -------------------------------------------------------------------------


def nearest(ranking: Ranking, stay: Stay, now: datetime) -> dict[str, Any] | None:
    """Return what comes nearest to fitting, and what it lacks."""
    near = [each for each in ranking.left_out if each.reason not in _NOT_SHOWN]
    if not near:
        return None
    best = min(near, key=lambda each: (_short(each, stay, now), each.offer.id))
    offer = best.offer
    return {
        "id": offer.id,
        "gpus": offer.gpus,
        "gpu_name": offer.gpu_name,
        "why_not": [reason.value for reason in best.reasons],
        "disk_gb": disk_gb(offer),
        "days_left": _rounded(days_left(offer, now)),
    }


def _rounded(days: Decimal | None) -> str | None:
    """Return days with a decimal, away from zero: what lasts a minute more has not ended."""
    tenth = Decimal("0.1")
    return None if days is None else decimal_text(days.quantize(tenth, rounding=ROUND_UP))


def _short(each: LeftOut, stay: Stay, now: datetime) -> Decimal:
    """Return how far an offer is from fitting: 1 for each reason, less for a part of what lacks."""
    missing = Decimal(len(each.reasons))
    if NotRented.DISK in each.reasons:
        missing -= each.offer.disk_gb / Decimal(stay.disk)
    days = max(days_left(each.offer, now) or Decimal(0), Decimal(0))
    if NotRented.ENDS in each.reasons:
        missing -= days * SECONDS_PER_DAY / stay.seconds
    if NotRented.RESERVATION in each.reasons and stay.months is not None:
        missing -= days * stay.months.denominator / (30 * stay.months.numerator)
    return missing


def left_out_line(result: dict[str, Any], *, all_of_them: bool) -> str:
    """Return the line that says what was left out."""
    counts = {why: count for why, count in result["left_out"].items() if count}
    if not counts:
        return ""
    told = ", ".join(f"{count:,} {WORDS[why][count > 1]}" for why, count in counts.items())
    more = counts.keys() - {"skipped", "repeated", "where"} and not all_of_them
    shown = " (--all shows them)" if more else ""
    return f"{sum(counts.values()):,} of {result['read']:,} left out: {told}{shown}"


def no_offer_line(result: dict[str, Any], options: Namespace) -> str:
    """Return the line that says that no offer fits, or that the file has none."""
    if result["read"]:
        return "No offer fits."
    return f"There is no offer in {name_of(options.file)}."


def _nearest_line(near: dict[str, Any]) -> str:
    lacks = []
    for why in near["why_not"]:
        word = WORDS[why][0]
        if why == "disk":
            word += f" ({Decimal(near['disk_gb']):.0f} GB)"
        elif why == "ends":
            days = Decimal(near["days_left"])
            word = f"ends in {days} days" if days > 0 else "has ended"
        elif why == "reservation" and "ends" not in near["why_not"]:
            word = f"ends in {near['days_left']} days, before the months reserved"
        elif why in ("not_verified", "external"):
            word += " (--any takes it)"
        lacks.append(word)
    name = f"{near['gpus']} × {near['gpu_name']}"
    return f"Nearest is offer {near['id']}, {name}: {', '.join(lacks)}."


# -- for a person ------------------------------------------------------------------------------


def show(result: dict[str, Any], options: Namespace) -> None:
    """Print the table, and what is not in it."""
    rows: list[Row] = result["offers"]
    if rows:
        names = _names(rows, options)
        chosen = options.columns is not None
        head, cells, left, gap = fitted(rows, names, all_of_them=chosen, lacking=_lacking(options))
        print_table(head, cells, left=left, gap=gap)
    lines = [] if result["fitting"] else [no_offer_line(result, options)]
    lines += filter(None, [left_out_line(result, all_of_them=options.all)])
    if result["nearest"] is not None:
        lines.append(_nearest_line(result["nearest"]))
    if Mode(options.mode) is Mode.RESERVED and any(map(_lacks_discount, rows)):
        lines.append(NO_DISCOUNT)
    for line in lines:
        print_line(line)
    for line in result["findings"]:
        say(f"numgenius: {line}")


def _lacks_discount(row: Row) -> bool:
    return row["deposit"] is None and row["total"] is not None


def _lacking(options: Namespace) -> set[str]:
    """Return the columns that a stay has nothing for."""
    reserved = Mode(options.mode) is Mode.RESERVED
    return {*(() if reserved else ("deposit",)), *(("sla",) if options.target is None else ())}


def _names(rows: Iterable[Row], options: Namespace) -> Sequence[str]:
    """Return the columns: those asked for, else the default ones and what the answer needs."""
    if options.columns is not None:
        return columns_of(options.columns)
    names = list(DEFAULT)
    if options.target is not None:
        names.insert(names.index("reliability") + 1, "claim")
        names.insert(names.index("total"), "sla")
    if Mode(options.mode) is Mode.RESERVED:
        names.insert(names.index("total") + 1, "deposit")
    if options.platform_fee is not None:
        names.insert(names.index("total") + 1, "payout")
    if "value" in options.sort and "value" in COLUMNS:
        names.insert(names.index("disk"), "value")
    if any(row["verification"] != "verified" for row in rows):
        names.append("verified")
    if options.all:
        names.append("why_not")
    return names


def _plot(path: str, quotes: Sequence[Quote]) -> None:
    """Draw the prices of the answer into a file, all in as its table has them."""
    from numgenius_core._command._plotting import nothing_drawn, save
    from numgenius_core.plots import price_ladder

    if quotes:
        save(path, lambda: price_ladder(quotes))
    else:
        nothing_drawn("no offer fits")
