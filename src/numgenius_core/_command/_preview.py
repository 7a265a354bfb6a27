"""``numgenius preview``: what a relisting would do, before it is sent."""

from __future__ import annotations

from argparse import RawDescriptionHelpFormatter

from numgenius_core._command._options import add_json, whole

TYPE_CHECKING = False  # as in the package's own `__init__`
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

    from numgenius_core._command._options import Subparsers

ABOUT = """\
What a relisting would do, before it is sent: which contracts it extends, whom it asks for a higher
price, whom it leaves as they are and why, and which terms go back because they were left out.

The file is a market document, what numgenius_core.market.journal writes. Terms that are left out
are kept, but for the disk price, which goes back to $0.10, and a rolling end, which stands still.
A price of 0 for traffic counts as left out, as the marketplace has it.
"""
MORE = """\
examples:
  numgenius preview market.json --machine 1001 --gpu 0.40 --end 2026-12-31
  numgenius preview market.json --gpu 0.40 --storage 0.10 --rolling 30d --json
"""
TERMS = (
    ("--gpu", "PRICE", "dollars per GPU-hour"),
    ("--storage", "PRICE", "dollars per GB-month"),
    ("--upload", "PRICE", "dollars per GB sent; 0 keeps the one there is"),
    ("--download", "PRICE", "dollars per GB received; 0 keeps the one there is"),
    ("--min-bid", "PRICE", "the floor for bids, dollars per GPU-hour"),
    ("--platform-fee", "SHARE", "the platform's share of what a client pays"),
    ("--max-discount", "SHARE", "the reserved discount factor"),
    ("--sla-claim", "SHARE", "the uptime that is promised; 0 takes it back and keeps the spread"),
    ("--sla-spread", "NUMBER", "how uncertain the claim is"),
    ("--end", "TIME", "the end date, such as 2026-12-31"),
    ("--rolling", "DURATION", "a duration, such as 30d: the end is set anew each day"),
)


def add(subparsers: Subparsers) -> None:
    """Add the parser."""
    preview = subparsers.add_parser(
        "preview",
        help="what a relisting would do: extended, asked, skipped, reset",
        description=ABOUT,
        epilog=MORE,
        formatter_class=RawDescriptionHelpFormatter,
    )
    preview.add_argument("file", metavar="FILE", help="a market document, - for standard input")
    preview.add_argument(
        "--machine", metavar="ID", type=whole, help="which one, if there are several"
    )
    preview.add_argument("--at", metavar="TIME", help="when (default: the market's own time)")
    terms = preview.add_argument_group("the new listing; what is left out is kept")
    for name, what, says in TERMS:
        terms.add_argument(name, metavar=what, help=says)
    terms.add_argument("--min-gpu", metavar="N", type=whole, help="smallest group of GPUs")
    add_json(preview)


def run(options: Namespace) -> dict[str, Any]:
    """Return what the relisting would do."""
    from numgenius_core._command import _previewing

    return _previewing.run(options)


def show(result: dict[str, Any], options: Namespace) -> None:
    """Print a line for each term that changes and each contract."""
    from numgenius_core._command import _previewing

    _previewing.show(result, options)
