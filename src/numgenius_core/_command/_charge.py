"""``numgenius charge``: what to ask for a machine."""

from __future__ import annotations

from argparse import RawDescriptionHelpFormatter

from numgenius_core._command._options import add_json, complete, whole

TYPE_CHECKING = False  # as in the package's own `__init__`
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

    from numgenius_core._command._options import Subparsers

ABOUT = """\
What to ask for a machine: prices are tried on the same simulated clients, by the market's rules.

Who comes is a preset, or fitted to what your machine has seen. The presets are assumptions, not
measurements: compare the prices, and take the dollars for no forecast.

Each run begins with an empty machine, which fills as clients come: where they stay for weeks, less
of it is rented in few --days than later on.
"""
PRESETS = ("experiments", "training", "serving")
"""Their names, written out: a test holds them to those of the rules."""
MORE = """\
demand presets (load: GPU time wanted at any price, as a multiple of the machine's):
  experiments  load 1.5, median stay 3 h, 50 % on demand, 50 % bids; 1 GPU in 70 %
  training     load 2, median stay 24 h, 70 % on demand, 15 % reserved, 15 % bids; 1 GPU in 30 %
  serving      load 1.5, median stay 240 h, 60 % on demand, 40 % reserved; 1 GPU in 60 %
Half of the clients pay the usual price (--usual), one in six 35 % more; the median bid is 60 % of
it. With --fit FILE prices, occupancy (0 to 1) and hours come from columns price, occupied, hours;
of the preset there are the sizes and stays then, and no usual price.

examples:
  numgenius charge 8 --from 0.25 --to 0.60 --kwh 0.15 --watts 350
  numgenius charge 8 --from 1.50 --to 3 --demand training --platform-fee 0.25 --plot revenue.svg
  numgenius charge 8 --from 1.50 --to 3 --runs 500 --keep sweep.jsonl  # Ctrl-C, and again: goes on
"""


def add(subparsers: Subparsers) -> None:
    """Add the parser."""
    charge = subparsers.add_parser(
        "charge",
        help="what to ask for a machine",
        description=ABOUT,
        epilog=MORE,
        formatter_class=RawDescriptionHelpFormatter,
    )
    charge.add_argument("gpus", type=whole, help="GPUs of the machine")
    charge.add_argument("--from", dest="low", metavar="$", required=True, help="lowest, $/GPU-hour")
    charge.add_argument("--to", dest="high", metavar="$", required=True, help="highest price tried")
    charge.add_argument("--tries", metavar="N", type=whole, default=8, help="prices (default 8)")
    charge.add_argument("--min-gpu", metavar="N", type=whole, default=1, help="smallest group")
    charge.add_argument("--min-bid", metavar="$", default="0", help="lowest bid, $/GPU-hour")
    charge.add_argument(
        "--platform-fee",
        metavar="SHARE",
        default="0",
        help="the platform's share of a price, such as 0.25 (default 0)",
    )
    charge.add_argument("--kwh", metavar="$", help="price of electricity, $/kWh")
    charge.add_argument("--watts", metavar="W", type=whole, default=0, help="a GPU that computes")
    charge.add_argument("--idle", metavar="W", type=whole, default=0, help="the machine, always")
    who = charge.add_argument_group("who comes")
    demand = who.add_argument("--demand", default=PRESETS[0], metavar="PRESET", help="see below")
    complete(demand, PRESETS)
    who.add_argument("--fit", metavar="FILE", help="what the machine has seen, see below")
    who.add_argument(
        "--usual", metavar="$", help="what such a GPU costs elsewhere (default: middle)"
    )
    who.add_argument("--days", metavar="N", type=whole, default=28, help="simulated (default 28)")
    who.add_argument("--runs", metavar="N", type=whole, default=10, help="repeats (default 10)")
    charge.add_argument(
        "--keep", metavar="FILE", help="keep what is simulated there; go on from what is there"
    )
    charge.add_argument("--plot", metavar="FILE", help="profit by price, as SVG or PNG")
    add_json(charge)


def run(options: Namespace) -> dict[str, Any]:
    """Return the best price, and what each gives."""
    from numgenius_core._command import _charging

    return _charging.run(options)


def show(result: dict[str, Any], options: Namespace) -> None:
    """Print a line for each price, and what that means."""
    from numgenius_core._command._table import plain, print_line, print_table

    rows = []
    equal = len({one["profit"] for one in result["prices"]}) == 1
    for one in result["prices"]:
        best = one["price"] == result["best"] and not equal
        wide = one["profit_half_width"]
        rows.append(
            (
                f"{float(one['price']):.4f}{' *' if best else '  '}",
                f"{one['profit']:,.2f}" + ("" if wide is None else plain(f" ± {wide:,.2f}")),
                f"{100 * one['occupancy']:.0f} %",
                f"{100 * one['unserved']:.0f} %",
            )
        )
    profit = f"profit $ in {options.days} d"
    if options.runs > 1:
        profit += plain(" (±: 95 %)")
    print_table(("$/GPU-hour (* best)", profit, "occupancy", "unserved"), rows)
    if options.kwh is None:
        print_line("No power price (--kwh): the profit is the payout.")
    print_line(
        "Each run begins with an empty machine: long stays fill it slowly (more --days tell)."
    )
    if equal:
        print_line("All prices tried bring the same: look at a lower --from and a higher --to.")
        return
    tail = "" if result["clear"] else "; others may do as well (more --runs tell)"
    if not result["edge"]:
        print_line(f"Ask ${result['best']} a GPU-hour{tail}.")
        return
    highest = result["best"] == result["prices"][-1]["price"]
    which, wider = ("highest", "higher --to") if highest else ("lowest", "lower --from")
    said = f"Best of those tried is the {which}, ${result['best']} a GPU-hour: look at a {wider}"
    print_line(f"{said}{tail}.")
