"""``numgenius quote``: the cheapest true costs on a market, all in."""

from __future__ import annotations

from numgenius_core._command._options import MODES, add_json, whole

TYPE_CHECKING = False  # as in the package's own `__init__`
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

    from numgenius_core._command._options import Subparsers


def add(subparsers: Subparsers) -> None:
    """Add the parser."""
    quote = subparsers.add_parser("quote", help="the cheapest true costs on a market, all in")
    quote.add_argument("file", nargs="?", help="a market file, - for standard input")
    quote.add_argument("--sample", action="store_true", help="the market that ships with this")
    quote.add_argument("--gpus", type=whole, help="only offers of so many GPUs")
    quote.add_argument("--hours", help="length of the stay (default 1, or the months reserved)")
    quote.add_argument("--disk", default="0", help="GB of disk")
    quote.add_argument("--upload", default="0", help="GB sent")
    quote.add_argument("--download", default="0", help="GB received")
    quote.add_argument("--mode", choices=MODES, default=MODES[0])
    quote.add_argument("--months", help="reserved: months of 720 hours to prepay")
    quote.add_argument("--where", metavar="QUERY", default="", help="an offer query")
    quote.add_argument("--top", type=whole, default=10, help="rows (default 10)")
    quote.add_argument("--skip-bad", action="store_true", help="leave bad records out")
    add_json(quote)


def run(options: Namespace) -> dict[str, Any]:
    """Return the length of the stay and the rows of the table, cheapest first."""
    from numgenius_core._command import _quoting

    return _quoting.run(options)


def show(result: dict[str, Any], options: Namespace) -> None:
    """Print the table."""
    from numgenius_core._command import _quoting

    _quoting.show(result, options)
