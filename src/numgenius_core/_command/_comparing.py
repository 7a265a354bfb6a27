"""The answer of ``numgenius compare``."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from numgenius_core._command._market import ask, days_left, stay_of, told
from numgenius_core._command._quoting import counted, left_out_line, no_offer_line
from numgenius_core._command._rows import WORDS
from numgenius_core._command._table import print_line, print_table, width, widths
from numgenius_core._command._texts import text_of
from numgenius_core._numbers import decimal_text
from numgenius_core.errors import RuleViolation
from numgenius_core.listing import Mode
from numgenius_core.money import ZERO, Money
from numgenius_core.prices.comparing import ModeComparison, ModeQuote, compare_modes
from numgenius_core.prices.quotes import discount_of

_HEAD = ("offer", "GPUs", "on demand $", "reserved $", "left early $", "interruptible $", "days")
_UNKNOWN = frozenset({"discount_unknown", "price_unknown"})
_MODES = ("on-demand", "reserved", "interruptible")


def run(options: Namespace) -> dict[str, Any]:
    """Return the offers, each with the stay in every mode."""
    if options.top < 1:
        raise RuleViolation("--top", "at least 1", str(options.top))
    stay = stay_of(options, Mode.ON_DEMAND)
    asked = ask(options, stay)
    found = compare_modes(
        asked.reading.offers,
        stay.duration,
        now=asked.now,
        disk=stay.disk,
        upload=stay.upload,
        download=stay.download,
        target=stay.target,
        where=lambda offer: id(offer) in asked.wanted,
        verified=asked.verified,
        external=asked.external,
    )
    ranking = asked.rank(stay, Mode.ON_DEMAND)
    discounts_told = any(discount_of(each) is not None for each in asked.reading.offers)
    rows = []
    least = min(found, key=lambda each: each.cheapest.total, default=None)
    for each in _sorted(found, options.sort)[: options.top]:
        offer, days = each.offer, days_left(each.offer, asked.now)
        row = {
            "id": offer.id,
            "machine": offer.machine,
            "gpus": offer.gpus,
            "gpu_name": offer.gpu_name,
            "rentable": offer.rentable,
            "days_left": None if days is None else decimal_text(round(days, 1)),
            "cheapest": each.cheapest.mode.value,
            "modes": {one.mode.value: _mode(one) for one in each.modes},
        }
        rows.append(row)
    return {
        "hours": stay.hours,
        "now": text_of(asked.now),
        "asked": told(options, stay, asked),
        **counted(asked, ranking),
        "fitting_any": len(found),
        "sorted_by": options.sort,
        "cheapest": None if least is None else _least(least),
        "discounts_told": discounts_told,
        "offers": rows,
    }


def _sorted(found: Iterable[ModeComparison], by: str) -> list[ModeComparison]:
    """Return offers by what the stay costs in a mode, or in that which is the cheapest of each."""

    def key(each: ModeComparison) -> tuple[bool, Money]:
        quote = each.cheapest if by == "cheapest" else each.of(Mode(by)).quote
        return quote is None, ZERO if quote is None else quote.total

    return list(found) if by == Mode.ON_DEMAND.value else sorted(found, key=key)


def _least(each: ModeComparison) -> dict[str, Any]:
    """Return the cheapest stay of all: on which offer, and in which mode."""
    quote = each.cheapest
    return {"id": each.offer.id, "mode": quote.mode.value, "total": quote.total}


def _mode(one: ModeQuote) -> dict[str, Any]:
    quote = one.quote
    return {
        "total": None if quote is None else quote.total,
        "per_hour": None if quote is None else decimal_text(quote.per_hour(), 2),
        "sla_per_hour": None if quote is None else quote.sla_per_hour,
        "deposit": None if quote is None else quote.deposit,
        "early_loss": one.early_loss,
        "risks": [risk.value for risk in one.risks],
        "why_not": [reason.value for reason in one.reasons],
    }


def show(result: dict[str, Any], options: Namespace) -> None:
    """Print the table, and what the columns of it mean."""
    if not result["offers"]:
        _show_none(result, options)
        return
    rows = []
    for row in result["offers"]:
        told = [_dollars(row["modes"][mode]) for mode in _MODES]
        loss = row["modes"]["reserved"]["early_loss"]
        rows.append(
            (
                str(row["id"]),
                f"{row['gpus']} × {row['gpu_name']}",
                *told[:2],
                "–" if loss is None else f"{loss:+,.2f}",
                told[2],
                "–" if row["days_left"] is None else str(int(Decimal(row["days_left"]))),
            )
        )
    gap = 2 if sum(widths(_HEAD, rows)) + 2 * (len(_HEAD) - 1) <= width() else 1
    print_table(_HEAD, rows, left=frozenset({1}), gap=gap)
    print_line("on demand: locked until the offer ends; nothing stops it")
    if any("no promise" in row["modes"]["interruptible"]["risks"] for row in result["offers"]):
        print_line("on demand: with the promise of uptime, its fee included; the others have none")
    reserved = [row["modes"]["reserved"] for row in result["offers"]]
    if any(each["deposit"] is not None for each in reserved):
        print_line("reserved: left after half of the stay, it costs so much more than on demand")
    if not result["discounts_told"]:
        print_line("reserved: this market does not say its discounts, so its price is not known")
    elif any(each["deposit"] is None and each["total"] is not None for each in reserved):
        print_line("reserved: where no loss is shown there is no discount, so nothing is prepaid")
    print_line(
        "interruptible: the lowest bid; a higher one or a rental pauses it, and its disk goes on"
    )
    without = {why for row in result["offers"] for why in row["modes"]["reserved"]["why_not"]}
    if without - _UNKNOWN:
        print_line(f"–: {', '.join(sorted(WORDS[why][0] for why in without - _UNKNOWN))}")
    if result["fitting_any"] > len(rows):
        fitting, by = result["fitting_any"], result["sorted_by"]
        print_line(f"{len(rows)} of {fitting:,} offers that fit one of them (--sort {by})")
    least = result["cheapest"]
    if least["id"] not in {row["id"] for row in result["offers"]}:
        least_told = f"{least['id']}, {least['mode']}, {least['total']:,.2f}"
        print_line(f"cheapest of all: {least_told} (--sort cheapest)")


def _show_none(result: dict[str, Any], options: Namespace) -> None:
    """Say that no offer fits, and why."""
    lines = [no_offer_line(result, options), left_out_line(result, all_of_them=True)]
    for line in filter(None, lines):
        print_line(line)


def _dollars(one: dict[str, Any]) -> str:
    """Return what a mode costs: ``?`` if nobody says, ``–`` if it cannot be had so."""
    if one["total"] is not None:
        return f"{one['total']:,.2f}"
    return "?" if _UNKNOWN.issuperset(one["why_not"]) else "–"
