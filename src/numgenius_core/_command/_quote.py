"""``numgenius quote``: what can be rented for a stay, by its true cost, all in."""

from __future__ import annotations

from argparse import RawDescriptionHelpFormatter

from numgenius_core._command._options import (
    FIELDS,
    MODES,
    add_json,
    add_market,
    complete,
    whole,
)

TYPE_CHECKING = False  # as in the package's own `__init__`
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

    from numgenius_core._command._options import Subparsers

ABOUT = """\
What can be rented for a stay, the cheapest first, all in: GPUs, disk and traffic.

An offer fits if it is rentable (a bid on what is rented would wait), lasts for the stay, has the
disk, and (as the market's own client asks) its machine is verified and not of another market. With
--target, its host claims as much uptime, and the fee for that is part of the price. One line says
what was left out, and why.
"""
COLUMNS = """\
id gpus per_hour headline more total disk reliability place days verified machine value
deposit payout ends claim sla"""
WHY_NOT = "why_not"
"""The one column by which nothing is ordered."""
OF_THE_DISK = """\
dph_total dph_total_adj discounted_dph_total storage_total_cost dlperf_per_dphtotal
flops_per_dphtotal"""
"""The fields that are worked out anew for the disk that is asked for: a test looks for them."""
MORE = f"""\
fields of --where, --sort and --columns (memory in GB, duration in days;
--columns writes end_date and start_date as dates):
  {FIELDS.replace(chr(10), chr(10) + "  ")}

of these, worked out anew for --disk (0 GB if left out) and --mode, whatever the file says:
  {OF_THE_DISK.replace(chr(10), chr(10) + "  ")}
The file has them for the disk that was asked for when it was made, and with that --disk you get its
figures: 5 GB by the marketplace's client (--storage), 8 GB in snapshots and the API's own answers.

columns of --columns and --sort beside them, and {WHY_NOT} of --columns alone:
  {COLUMNS.replace(chr(10), chr(10) + "  ")}

examples:
  numgenius quote market.csv.gz --hours 720 --disk 500
  numgenius quote --sample --gpu 4090 --gpus 2 --hours 24 --sort value
  numgenius quote --sample --where 'num_gpus>=4 reliability>0.95 geolocation in [US,CA]'
  numgenius quote --sample --mode reserved --months 3 --disk 500 --columns id,gpus,total,deposit
  numgenius quote market.json --hours 720 --target 0.95 --columns id,gpus,total,claim,sla
  numgenius quote --sample --hours 72 --platform-fee 0.25 --columns id,gpus,total,payout
  numgenius quote --sample --hours 72 --why 9000000
"""


def add(subparsers: Subparsers) -> None:
    """Add the parser."""
    quote = subparsers.add_parser(
        "quote",
        help="what can be rented, by its true cost, all in",
        description=ABOUT,
        epilog=MORE,
        formatter_class=RawDescriptionHelpFormatter,
    )
    stay = add_market(quote, ", or the months reserved")
    stay.add_argument("--mode", choices=MODES, default=MODES[0])
    stay.add_argument("--months", help="reserved: months of 720 hours to prepay")
    stay.add_argument("--bid", metavar="$/HOUR", help="interruptible: for the whole instance")
    answer = quote.add_argument_group("the answer")
    answer.add_argument("--top", metavar="N", type=whole, help="rows (default 10; all with --all)")
    answer.add_argument(
        "--all", action="store_true", help="also what does not fit, with the reason"
    )
    sort = answer.add_argument(
        "--sort",
        metavar="FIELDS",
        default="total",
        help="such as reliability-, value, num_gpus,total",
    )
    columns = answer.add_argument(
        "--columns", metavar="NAMES", help="such as id,gpus,total,inet_down"
    )
    named = [*COLUMNS.split(), *FIELDS.split()]
    complete(sort, named, between=",")
    complete(columns, [*named, WHY_NOT], between=",")
    answer.add_argument(
        "--platform-fee",
        metavar="SHARE",
        help="the platform's share of what a client pays: the payout is the rest",
    )
    answer.add_argument("--why", metavar="ID", type=whole, help="all about the price of one offer")
    answer.add_argument("--plot", metavar="FILE", help="draw the prices all in, as .svg or .png")
    add_json(answer)


def run(options: Namespace) -> dict[str, Any]:
    """Return the stay, the rows of the table, and what was left out."""
    from numgenius_core._command import _quoting, _why

    return _quoting.run(options) if options.why is None else _why.run(options)


def show(result: dict[str, Any], options: Namespace) -> None:
    """Print it for a person."""
    from numgenius_core._command import _quoting, _why

    if options.why is None:
        _quoting.show(result, options)
    else:
        _why.show(result)


def status(result: dict[str, Any]) -> int:
    """Return 1 if nothing fits."""
    return 0 if result.get("fitting", 1) else 1
