"""``numgenius reserve``: what prepaying earns, and what comes back."""

from __future__ import annotations

from numgenius_core._command._options import add_json

TYPE_CHECKING = False  # as in the package's own `__init__`
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

    from numgenius_core._command._options import Subparsers


def add(subparsers: Subparsers) -> None:
    """Add the parser."""
    reserve = subparsers.add_parser("reserve", help="what prepaying earns, and what comes back")
    reserve.add_argument("--price", required=True, help="GPU price, $/hour for the instance")
    reserve.add_argument("--months", required=True, help="months of 720 hours")
    reserve.add_argument("--max-discount", default="0.4", help="the listing's factor")
    reserve.add_argument("--cancel-after", help="such as 15d: what comes back then")
    add_json(reserve)


def run(options: Namespace) -> dict[str, Any]:
    """Return the discount, the deposit, the price an hour and the refund."""
    from decimal import Decimal

    from numgenius_core._command._reading import read
    from numgenius_core._numbers import decimal_text
    from numgenius_core.intervals import fixed_duration, parse_duration
    from numgenius_core.prices.deposits import refund
    from numgenius_core.prices.schedules import CurveSchedule, months_of
    from numgenius_core.rates import PerHour

    price = read("--price", PerHour, options.price)
    curve = read("--max-discount", CurveSchedule, options.max_discount)
    months = read("--months", months_of, options.months)
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


def show(result: dict[str, Any], _: Namespace) -> None:
    """Print a line for each."""
    from decimal import Decimal

    print(f"discount  {Decimal(result['discount']) * 100:.2f} %")
    print(f"per hour  ${result['per_hour']}")
    print(f"deposit   ${result['deposit']}")
    if result["refund"] is not None:
        print(f"refund    ${result['refund']}")
