"""``numgenius compare``: a stay on demand, reserved and interruptible, side by side."""

from __future__ import annotations

from argparse import RawDescriptionHelpFormatter

from numgenius_core._command._options import add_json, add_market, whole

TYPE_CHECKING = False  # as in the package's own `__init__`
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

    from numgenius_core._command._options import Subparsers

SORTS = ("on-demand", "reserved", "interruptible", "cheapest")
ABOUT = """\
A stay on demand, reserved and interruptible, side by side, and what each risks: the offers that are
cheapest on demand first, or in another mode (--sort).

A reservation prepays the whole stay; an interruptible is quoted at the min_bid of its offer, as
if it ran all the time.
"""
MORE = """\
examples:
  numgenius compare --sample --gpu 4090 --hours 720 --disk 100 --top 3
  numgenius compare --sample --gpu 4090 --hours 720 --sort interruptible
  numgenius compare --sample --hours 72 --where 'num_gpus>=4 geolocation in [US,CA]'
(numgenius quote --help has the fields of --where)
"""


def add(subparsers: Subparsers) -> None:
    """Add the parser."""
    compare = subparsers.add_parser(
        "compare",
        help="a stay in every mode, side by side, with what each risks",
        description=ABOUT,
        epilog=MORE,
        formatter_class=RawDescriptionHelpFormatter,
    )
    add_market(compare)
    compare.add_argument("--top", metavar="N", type=whole, default=5, help="offers (default 5)")
    compare.add_argument(
        "--sort",
        choices=SORTS,
        default=SORTS[0],
        help="the mode whose cheapest offers come first, or that of each which costs least there",
    )
    add_json(compare)


def run(options: Namespace) -> dict[str, Any]:
    """Return the offers with what the stay costs in each mode, and what it risks."""
    from numgenius_core._command import _comparing

    return _comparing.run(options)


def show(result: dict[str, Any], options: Namespace) -> None:
    """Print the table."""
    from numgenius_core._command import _comparing

    _comparing.show(result, options)


def status(result: dict[str, Any]) -> int:
    """Return 1 if nothing fits."""
    return 0 if result["fitting_any"] else 1
