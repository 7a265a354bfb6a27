"""The ``numgenius`` command: true costs of a market, slices of a machine, reserved discounts."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final, TypeVar

from numgenius_core import __version__
from numgenius_core._numbers import as_fraction_of_ten, decimal_text
from numgenius_core.errors import NumgeniusError, RuleViolation, shown
from numgenius_core.gpus import slicing
from numgenius_core.intervals import fixed_duration, parse_duration
from numgenius_core.listing import Mode, Verification
from numgenius_core.offer import Offer
from numgenius_core.prices.deposits import refund
from numgenius_core.prices.quotes import Quote, quote
from numgenius_core.prices.schedules import CurveSchedule, months_of
from numgenius_core.rates import PerHour
from numgenius_core.search import parse
from numgenius_core.units import (
    SECONDS_PER_DAY,
    SECONDS_PER_HOUR,
    SECONDS_PER_MONTH,
    to_bytes,
    to_megabytes,
)
from numgenius_core.wire.reading import read_offers, sample_path

T = TypeVar("T")
_LONGEST_STAY: Final = 100
"""Years."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status: 2 for bad input, with one clear line."""
    options = _parser().parse_args(arguments)
    try:
        result: dict[str, Any] = options.run(options)
        if options.json:
            print(json.dumps(result, ensure_ascii=False, indent=2))
        else:
            options.show(result)
        sys.stdout.flush()
    except NumgeniusError as error:
        print(f"numgenius: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader has seen enough, as in `numgenius … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("numgenius", description=__doc__.replace("``", ""))
    parser.add_argument("--version", action="version", version=f"numgenius {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_quote(commands.add_parser("quote", help="the cheapest true costs on a market, all in"))
    slices = commands.add_parser("slices", help="the offers a machine is cut into")
    slices.add_argument("gpus", type=_whole, help="GPUs of the machine")
    slices.add_argument("--min-gpu", type=_whole, default=1, help="smallest group (power of two)")
    slices.add_argument("--observed", action="store_true", help="take any min_gpu, as records do")
    slices.set_defaults(run=_slices, show=_show_slices)
    reserve = commands.add_parser("reserve", help="what prepaying earns, and what comes back")
    reserve.add_argument("--price", required=True, help="GPU price, $/hour for the instance")
    reserve.add_argument("--months", required=True, help="months of 720 hours")
    reserve.add_argument("--max-discount", default="0.4", help="the listing's factor")
    reserve.add_argument("--cancel-after", help="such as 15d: what comes back then")
    reserve.set_defaults(run=_reserve, show=_show_reserve)
    for command in (slices, reserve):
        command.add_argument("--json", action="store_true", help="for programs")
    return parser


def _add_quote(command: argparse.ArgumentParser) -> None:
    command.add_argument("file", nargs="?", help="a market file, - for standard input")
    command.add_argument("--sample", action="store_true", help="the market that ships with this")
    command.add_argument("--gpus", type=_whole, help="only offers of so many GPUs")
    command.add_argument("--hours", help="length of the stay (default 1, or the months reserved)")
    command.add_argument("--disk", default="0", help="GB of disk")
    command.add_argument("--upload", default="0", help="GB sent")
    command.add_argument("--download", default="0", help="GB received")
    command.add_argument("--mode", choices=[m.value for m in Mode], default=Mode.ON_DEMAND.value)
    command.add_argument("--months", help="reserved: months of 720 hours to prepay")
    command.add_argument("--where", metavar="QUERY", default="", help="an offer query")
    command.add_argument("--top", type=_whole, default=10, help="rows (default 10)")
    command.add_argument("--skip-bad", action="store_true", help="leave bad records out")
    command.add_argument("--json", action="store_true", help="for programs")
    command.set_defaults(run=_quote, show=_show_quote)


def _whole(text: str) -> int:
    """Read a whole number; argparse says which argument it was."""
    try:
        return int(text)
    except ValueError:
        need = f"need a whole number, got {shown(text)}"
        raise argparse.ArgumentTypeError(need) from None


def _read(option: str, reader: Callable[[str], T], text: str) -> T:
    """Read the text of an option; a fault names the option, not the value it became."""
    try:
        return reader(text)
    except RuleViolation as fault:
        raise RuleViolation(option, fault.need, fault.got) from None


def _seconds(option: str, text: str, per_unit: int) -> int:
    """Return typed hours or months as whole seconds."""
    need = f"a number above zero that makes whole seconds, up to {_LONGEST_STAY} years"
    number, places = as_fraction_of_ten(text, option, need)
    seconds, rest = divmod(number * per_unit, int(10**places))
    if rest or not 0 < seconds <= _LONGEST_STAY * 366 * SECONDS_PER_DAY:
        raise RuleViolation(option, need, text)
    return seconds


def _offers(options: argparse.Namespace) -> tuple[Offer, ...]:
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


def _quote(options: argparse.Namespace) -> dict[str, Any]:
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
    months = None if options.months is None else _read("--months", months_of, options.months)
    _read("--disk", to_megabytes, options.disk)
    _read("--upload", to_bytes, options.upload)
    _read("--download", to_bytes, options.download)
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


def _show_quote(result: dict[str, Any]) -> None:
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


def _slices(options: argparse.Namespace) -> dict[str, Any]:
    sizes = slicing.offer_sizes(options.gpus, options.min_gpu, observed=options.observed)
    return {"sizes": list(sizes)}


def _show_slices(result: dict[str, Any]) -> None:
    print(" ".join(map(str, result["sizes"])))


def _reserve(options: argparse.Namespace) -> dict[str, Any]:
    price = _read("--price", PerHour, options.price)
    curve = _read("--max-discount", CurveSchedule, options.max_discount)
    months = _read("--months", months_of, options.months)
    discount, deposit = curve.rate(months), curve.deposit(price, months)
    back = None
    if options.cancel_after is not None:
        used = fixed_duration(
            parse_duration(options.cancel_after, "--cancel-after"), "--cancel-after"
        )
        back = str(refund(price, discount, deposit, int(used.total_seconds())).refund)
    share = Decimal(discount.numerator) / Decimal(discount.denominator)
    return {
        "discount": decimal_text(share.quantize(Decimal("1e-12"))),
        "deposit": str(deposit),
        "per_hour": str(price.scaled(1 - discount)),
        "refund": back,
    }


def _show_reserve(result: dict[str, Any]) -> None:
    print(f"discount  {Decimal(result['discount']) * 100:.2f} %")
    print(f"per hour  ${result['per_hour']}")
    print(f"deposit   ${result['deposit']}")
    if result["refund"] is not None:
        print(f"refund    ${result['refund']}")
