"""The words of the command: its subcommands and their options."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError

from numgenius_core import __version__

ABOUT = "The numgenius command: true costs of a market, slices of a machine, reserved discounts."
MODES = ("on-demand", "reserved", "interruptible")
"""The values of ``Mode``, written out: ``--help`` does without the rules."""


def parser() -> ArgumentParser:
    """Return the parser; ``command`` of what it reads is the name of the subcommand."""
    command = ArgumentParser("numgenius", description=ABOUT)
    command.add_argument("--version", action="version", version=f"numgenius {__version__}")
    subcommands = command.add_subparsers(required=True, metavar="COMMAND", dest="command")
    _quote(subcommands.add_parser("quote", help="the cheapest true costs on a market, all in"))
    _slices(subcommands.add_parser("slices", help="the offers a machine is cut into"))
    _reserve(subcommands.add_parser("reserve", help="what prepaying earns, and what comes back"))
    return command


def _quote(quote: ArgumentParser) -> None:
    quote.add_argument("file", nargs="?", help="a market file, - for standard input")
    quote.add_argument("--sample", action="store_true", help="the market that ships with this")
    quote.add_argument("--gpus", type=_whole, help="only offers of so many GPUs")
    quote.add_argument("--hours", help="length of the stay (default 1, or the months reserved)")
    quote.add_argument("--disk", default="0", help="GB of disk")
    quote.add_argument("--upload", default="0", help="GB sent")
    quote.add_argument("--download", default="0", help="GB received")
    quote.add_argument("--mode", choices=MODES, default=MODES[0])
    quote.add_argument("--months", help="reserved: months of 720 hours to prepay")
    quote.add_argument("--where", metavar="QUERY", default="", help="an offer query")
    quote.add_argument("--top", type=_whole, default=10, help="rows (default 10)")
    quote.add_argument("--skip-bad", action="store_true", help="leave bad records out")
    quote.add_argument("--json", action="store_true", help="for programs")


def _slices(slices: ArgumentParser) -> None:
    slices.add_argument("gpus", type=_whole, help="GPUs of the machine")
    slices.add_argument("--min-gpu", type=_whole, default=1, help="smallest group (power of two)")
    slices.add_argument("--observed", action="store_true", help="take any min_gpu, as records do")
    slices.add_argument("--json", action="store_true", help="for programs")


def _reserve(reserve: ArgumentParser) -> None:
    reserve.add_argument("--price", required=True, help="GPU price, $/hour for the instance")
    reserve.add_argument("--months", required=True, help="months of 720 hours")
    reserve.add_argument("--max-discount", default="0.4", help="the listing's factor")
    reserve.add_argument("--cancel-after", help="such as 15d: what comes back then")
    reserve.add_argument("--json", action="store_true", help="for programs")


def _whole(text: str) -> int:
    """Read a whole number; argparse says which argument it was."""
    try:
        return int(text)
    except ValueError:
        from numgenius_core.errors import shown

        need = f"need a whole number, got {shown(text)}"
        raise ArgumentTypeError(need) from None
