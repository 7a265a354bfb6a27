"""What the options of several subcommands have in common; it loads nothing of the rules."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError

TYPE_CHECKING = False  # as in the package's own `__init__`
if TYPE_CHECKING:
    from argparse import _SubParsersAction

    Subparsers = _SubParsersAction[ArgumentParser]

MODES = ("on-demand", "reserved", "interruptible")
"""The values of ``Mode``, written out: ``--help`` does without the rules."""


def whole(text: str) -> int:
    """Read a whole number; argparse says which argument it was."""
    try:
        return int(text)
    except ValueError:
        from numgenius_core.errors import shown

        need = f"need a whole number, got {shown(text)}"
        raise ArgumentTypeError(need) from None


def add_json(parser: ArgumentParser) -> None:
    """Add ``--json``, which every subcommand has."""
    parser.add_argument("--json", action="store_true", help="for programs")
