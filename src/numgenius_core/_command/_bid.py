"""``numgenius bid``: what a bid would have got on the record of a price."""

from __future__ import annotations

from argparse import RawDescriptionHelpFormatter

from numgenius_core._command._options import add_json, add_utc

TYPE_CHECKING = False  # as in the package's own `__init__`
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

    from numgenius_core._command._options import Subparsers

ABOUT = """\
How often bids would have run on the record of a price, what they would have cost, and how often
they would have been paused.

The file has a column of times and one of prices, dollars an hour for the whole instance: the
lowest bid that ran. A bid runs whenever it is at least the price, and pays itself (not the price).
A file of several zones, products, offers, machines or models has a series for each.

A price holds until the next one of its series, the last one to the end of the file. So a file that
has what was offered at each of several times does not show when an offer was gone: --until says it.
"""
MORE = """\
examples:
  numgenius bid history.csv
  numgenius bid history.csv --bid 0.25 --bid 0.40 --on-demand 0.70 --plot bids.svg
  aws ec2 describe-spot-price-history … | numgenius bid - --series 'us-east-1b'
"""


def add(subparsers: Subparsers) -> None:
    """Add the parser."""
    bid = subparsers.add_parser(
        "bid",
        help="what a bid would have cost, and how often it would have been paused",
        description=ABOUT,
        epilog=MORE,
        formatter_class=RawDescriptionHelpFormatter,
    )
    bid.add_argument("file", metavar="FILE", help="a price history, - for standard input")
    bid.add_argument(
        "--bid",
        metavar="$/HOUR",
        action="append",
        help="a bid for the whole instance, more than once (default: eight that differ)",
    )
    bid.add_argument("--series", metavar="NAME", help="which, where the file has several")
    bid.add_argument("--time", metavar="COLUMN", help="the column of the times")
    bid.add_argument("--price", metavar="COLUMN", help="the column of the prices")
    bid.add_argument("--until", metavar="TIME", help="when the last price ceases to hold")
    add_utc(bid)
    bid.add_argument(
        "--on-demand", metavar="$/HOUR", help="what the instance costs on demand, to compare with"
    )
    bid.add_argument("--plot", metavar="FILE", help="a picture of it, as SVG or PNG")
    add_json(bid)


def run(options: Namespace) -> dict[str, Any]:
    """Return how each bid would have fared."""
    from numgenius_core._command import _hosting

    return _hosting.compare_bids(options)


def show(result: dict[str, Any], options: Namespace) -> None:
    """Print a line for each bid."""
    from numgenius_core._command._table import print_line, print_table

    rows = [
        (
            f"{float(one['bid']):.4f}",
            f"{100 * one['availability']:.1f} %",
            f"{one['cost']:,.2f}",
            "–" if one["mean_price"] is None else f"{float(one['mean_price']):.4f}",
            str(one["interruptions"]),
            f"{one['per_day']:.2f}",
        )
        for one in result["bids"]
    ]
    print_table(("bid $/h", "runs", "cost $", "recorded $/h", "pauses", "a day"), rows)
    if "on_demand" in result:
        there = result["on_demand"]
        print_line(f"on demand all the time: ${there['cost']:,.2f} at ${there['price']} an hour")
    print_line(f"over {result['hours']} h from {result['start']} to {result['end']}")
    if options.until is None and result["last_change"] != result["end"]:
        last = f"its last price, of {result['last_change']},"
        print_line(f"{last} is taken to hold to the end of the file: --until ends it before")
