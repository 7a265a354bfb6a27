"""``numgenius reserve``: what prepaying earns, and what comes back."""

from __future__ import annotations

from argparse import RawDescriptionHelpFormatter

from numgenius_core._command._options import add_json

TYPE_CHECKING = False  # as in the package's own `__init__`
if TYPE_CHECKING:
    from argparse import Namespace
    from fractions import Fraction
    from typing import Any

    from numgenius_core._command._options import Subparsers
    from numgenius_core.prices.schedules import CurveSchedule
    from numgenius_core.rates import PerHour

MORE = """\
examples:
  numgenius reserve --price 1 --months 3
  numgenius reserve --price 1 --months 3 --cancel-after 15d
  numgenius reserve --price 1 --months 3 --plot discount.svg

A month is one of 720 hours. A length of time has its unit: 15d, 36h, '2 weeks', 1mo, 90min.
"""


def add(subparsers: Subparsers) -> None:
    """Add the parser."""
    reserve = subparsers.add_parser(
        "reserve",
        help="what prepaying earns, and what comes back",
        description="What prepaying takes off the price, and what comes back on an early end.",
        epilog=MORE,
        formatter_class=RawDescriptionHelpFormatter,
    )
    reserve.add_argument(
        "--price",
        metavar="$/HOUR",
        required=True,
        help="GPU price on demand, for the whole instance",
    )
    reserve.add_argument("--months", required=True, help="months of 720 hours, such as 3")
    reserve.add_argument(
        "--max-discount", metavar="FACTOR", default="0.4", help="the listing's (default 0.4)"
    )
    reserve.add_argument("--cancel-after", metavar="TIME", help="such as 15d: what comes back then")
    reserve.add_argument("--plot", metavar="FILE", help="the discount by months, as SVG or PNG")
    add_json(reserve)


def run(options: Namespace) -> dict[str, Any]:
    """Return the discount, the deposit, the price an hour and the refund."""
    from decimal import Decimal

    from numgenius_core._command._durations import parse_span
    from numgenius_core._command._reading import read
    from numgenius_core._numbers import decimal_text
    from numgenius_core.prices.deposits import refund
    from numgenius_core.prices.schedules import CurveSchedule, reservation
    from numgenius_core.rates import PerHour

    price = read("--price", PerHour, options.price)
    curve = read("--max-discount", CurveSchedule, options.max_discount)
    months = read("--months", _months, options.months)
    discount, deposit = reservation(curve, price, months)
    back = None
    if options.cancel_after is not None:
        used = parse_span(options.cancel_after, "--cancel-after")
        back = None if deposit is None else refund(price, discount, deposit, used).refund
    if options.plot is not None:
        _plot(options.plot, curve, price, months)
    share = Decimal(discount.numerator) / Decimal(discount.denominator)
    return {
        "discount": decimal_text(share.quantize(Decimal("1e-12"))),
        "deposit": deposit,
        "per_hour": price.scaled(1 - discount),
        "refund": back,
    }


def _plot(path: str, curve: CurveSchedule, price: PerHour, months: Fraction) -> None:
    from numgenius_core._command._plotting import nothing_drawn, save
    from numgenius_core.plots import discount_curve

    if curve.discount(months):
        longest = max(months, type(months)(12))
        save(path, lambda: discount_curve(curve, price, months=longest)[0])
    else:
        nothing_drawn("there is no discount")


def _months(text: str) -> Fraction:
    from numgenius_core.errors import RuleViolation
    from numgenius_core.prices.schedules import months_of

    if text.strip()[-1:].isalpha():
        need = "a number of months of 720 hours, without a unit"
        raise RuleViolation("months", need, repr(text))
    months = months_of(text)
    if not months:
        raise RuleViolation("months", "months above zero", repr(text))
    return months


def _why_none(options: Namespace) -> str:
    """Return why nothing is prepaid."""
    from numgenius_core._command._reading import share

    if share("--max-discount", options.max_discount):
        return "at this price it comes to nothing"
    return "without a discount the market takes no prepayment"


def show(result: dict[str, Any], options: Namespace) -> None:
    """Print a line for each, amounts in cents; the price an hour to a hundredth of one."""
    from decimal import Decimal

    from numgenius_core._command._table import print_line

    per_hour = f"{result['per_hour']:,.4f}"
    print_line(f"discount  {Decimal(result['discount']) * 100:.2f} %")
    print_line(f"per hour  ${per_hour.removesuffix('00')}")
    if result["deposit"] is None:
        print_line(f"deposit   none: {_why_none(options)}")
        return
    print_line(f"deposit   ${result['deposit']:,.2f}")
    if result["refund"] is not None:
        print_line(f"refund    ${result['refund']:,.2f}")
