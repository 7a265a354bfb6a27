"""``numgenius quote``: the cheapest true costs on a market, all in."""

from __future__ import annotations

import sys
from argparse import Namespace
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from numgenius_core._command._reading import read
from numgenius_core._numbers import as_fraction_of_ten, decimal_text
from numgenius_core.errors import RuleViolation
from numgenius_core.listing import Mode, Verification
from numgenius_core.offer import Offer
from numgenius_core.prices.quotes import Quote, quote
from numgenius_core.prices.schedules import months_of
from numgenius_core.search import parse
from numgenius_core.units import (
    SECONDS_PER_DAY,
    SECONDS_PER_HOUR,
    SECONDS_PER_MONTH,
    to_bytes,
    to_megabytes,
)
from numgenius_core.wire.reading import read_offers, sample_path

_LONGEST_STAY: Final = 100
"""Years."""


def run(options: Namespace) -> dict[str, Any]:
    """Return the length of the stay and the rows of the table, cheapest first."""
    mode = Mode(options.mode)
    if options.top < 1:
        raise RuleViolation("--top", "at least 1", str(options.top))
    if options.months is not None and mode is not Mode.RESERVED:
        raise RuleViolation("--months", "--mode reserved", options.mode)
    hours = options.hours
    if hours is None and options.months is not None:
        seconds = _seconds("--months", options.months, SECONDS_PER_MONTH)
    else:
        seconds = _seconds("--hours", "1" if hours is None else hours, SECONDS_PER_HOUR)
    months = None if options.months is None else read("--months", months_of, options.months)
    read("--disk", to_megabytes, options.disk)
    read("--upload", to_bytes, options.upload)
    read("--download", to_bytes, options.download)
    wanted = parse(options.where)
    quotes = [
        quote(
            offer,
            timedelta(seconds=seconds),
            mode=mode,
            disk=options.disk,
            upload=options.upload,
            download=options.download,
            months=months,
        )
        for offer in wanted.filter(_offers(options), allocated_storage=options.disk)
        if (options.gpus is None or offer.gpus == options.gpus)
        and (mode is not Mode.RESERVED or offer.verification is Verification.VERIFIED)
    ]
    quotes.sort(key=lambda q: (q.total, q.offer.id))
    hours_shown = decimal_text(Decimal(seconds) / SECONDS_PER_HOUR)
    return {"hours": hours_shown, "offers": [_row(q) for q in quotes[: options.top]]}


def _seconds(option: str, text: str, per_unit: int) -> int:
    """Return typed hours or months as whole seconds."""
    need = f"a number above zero that makes whole seconds, up to {_LONGEST_STAY} years"
    number, places = as_fraction_of_ten(text, option, need)
    seconds, rest = divmod(number * per_unit, int(10**places))
    if rest or not 0 < seconds <= _LONGEST_STAY * 366 * SECONDS_PER_DAY:
        raise RuleViolation(option, need, text)
    return seconds


def _offers(options: Namespace) -> tuple[Offer, ...]:
    if bool(options.file) == options.sample:
        raise RuleViolation("FILE", "a market file, - or --sample", options.file or "nothing")
    on_error: Any = "collect" if options.skip_bad else "raise"
    source: Any = options.file
    if options.sample:
        return read_offers(sample_path().read_bytes()).offers
    if options.file == "-":
        source = sys.stdin.buffer
    reading = read_offers(source, on_error=on_error)
    for fault in reading.faults:
        print(f"numgenius: skipped {fault}", file=sys.stderr)
    return reading.offers


def _row(priced: Quote) -> dict[str, Any]:
    lines = priced.rounded_lines()
    return {
        "id": priced.offer.id,
        "machine": priced.offer.machine,
        "gpus": priced.offer.gpus,
        "gpu_name": priced.offer.gpu_name,
        "headline_per_hour": str(priced.offer.per_hour),
        "per_hour": decimal_text(priced.per_hour(), 2),
        "total": str(priced.total),
        "payout": str(priced.payout),
        "deposit": None if priced.deposit is None else str(priced.deposit),
        "lines": [{"kind": kind.value, "amount": decimal_text(a, 2)} for kind, a in lines],
    }


def show(result: dict[str, Any], _: Namespace) -> None:
    """Print the table."""
    if not result["offers"]:
        print("No offer fits.")
        return
    head = ("offer", "GPUs", "all in $/h", "headline $/h", "more", "total $")
    rows = [head] + [
        (
            str(row["id"]),
            f"{row['gpus']} × {row['gpu_name']}",
            f"{Decimal(row['per_hour']):.4f}",
            f"{Decimal(row['headline_per_hour']):.4f}",
            _more(Decimal(row["per_hour"]), Decimal(row["headline_per_hour"])),
            f"{Decimal(row['total']):,.2f}",
        )
        for row in result["offers"]
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [
            cell.ljust(width) if i == 1 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        print("  ".join(cells).rstrip())


def _more(true: Decimal, headline: Decimal) -> str:
    return f"{(true / headline - 1) * 100:+.1f} %" if headline else "–"
