"""The words of the command: its subcommands, each of which adds its own options.

A subcommand is a module of this folder, `_` and its name, and a line of ``SUBCOMMANDS``. It has

* ``add(subparsers)``, which adds its parser: ``--help`` and completion load every module, so what
  it needs of the rules it imports in ``run``;
* ``run(options)``, which returns what ``--json`` prints;
* ``show(result, options)``, which prints the same for a person;
* and, if it can fail to find an answer, ``status(result)``: the exit status.
"""

from __future__ import annotations

from argparse import ArgumentParser
from importlib import import_module

from numgenius_core import __version__

TYPE_CHECKING = False  # as in the package's own `__init__`
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, NoReturn

ABOUT = "The numgenius command: true costs of a market, slices of a machine, reserved discounts."
SUBCOMMANDS = (
    "quote",
    "compare",
    "charge",
    "slices",
    "preview",
    "maint",
    "bid",
    "reserve",
    "sla",
)
"""Their names, in the order in which ``--help`` has them."""


QUOTES = ' (a value with a blank stands in quotes: --gpu "RTX 4090")'


class _Parser(ArgumentParser):
    """A parser that tells why a word may be left over: the shell has cut a value at its blank."""

    def error(self, message: str) -> NoReturn:
        """Leave with status 2 and a line that says why."""
        super().error(message + QUOTES if message.startswith("unrecognized") else message)


def parser(words: Sequence[str] = ()) -> ArgumentParser:
    """Return the parser; ``command`` of what it reads is the name of the subcommand.

    Args:
        words: What will be read: when it begins with a subcommand, the others are left out, which
            would cost as much as the answer to a small question.
    """
    command = _Parser("numgenius", description=ABOUT)
    command.add_argument("--version", action="version", version=f"numgenius {__version__}")
    subparsers = command.add_subparsers(
        required=True, metavar="COMMAND", dest="command", parser_class=ArgumentParser
    )
    named = tuple(words[:1])
    for name in named if set(named) & set(SUBCOMMANDS) else SUBCOMMANDS:
        module_of(name).add(subparsers)
    return command


def module_of(name: str) -> Any:
    """Return the module of a subcommand."""
    return import_module(f"numgenius_core._command._{name}")
