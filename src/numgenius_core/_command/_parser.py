"""The words of the command: its subcommands, each of which adds its own options.

A subcommand is a module of this folder, `_` and its name, and a line of ``SUBCOMMANDS``. It has

* ``add(subparsers)``, which adds its parser: ``--help`` and completion load every module, so what
  it needs of the rules it imports in ``run``;
* ``run(options)``, which returns what ``--json`` prints;
* ``show(result, options)``, which prints the same for a person;
* and, if it can fail to find an answer, ``status(result)``: the exit status.
"""

from __future__ import annotations

import sys
from argparse import Action, ArgumentError, ArgumentParser
from importlib import import_module

from numgenius_core import __version__

TYPE_CHECKING = False  # as in the package's own `__init__`
if TYPE_CHECKING:
    from argparse import Namespace
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
"""Why a word may be left over: the shell has cut a value at its blank."""


class _Once(Action):
    """Stores a value, and refuses a second one, which would silently win over the first."""

    def __call__(
        self, _: ArgumentParser, namespace: Namespace, values: Any, option: str | None = None
    ) -> None:
        """Store it."""
        given = vars(namespace).setdefault("given", set())
        if option is not None and self.dest in given:
            raise ArgumentError(self, f"need one value, got a second: {values!r}")
        given.add(self.dest)
        setattr(namespace, self.dest, values)


class Parser(ArgumentParser):
    """A parser whose refusals are one line, and which takes no option twice."""

    def __init__(self, *args: Any, **options: Any) -> None:
        # What is short for one option today may be short for two with the next release.
        super().__init__(*args, **options | {"allow_abbrev": False})
        for name in (None, "store"):
            self.register("action", name, _Once)

    def error(self, message: str) -> NoReturn:
        """Leave with status 2 and a line that says why."""
        from numgenius_core._command._usage import in_our_words

        kind, _, left_over = message.partition(": ")
        # A word is left over where a blank has cut a value; an option is not, though.
        cut = kind.startswith("unrecognized") and not left_over.startswith("-")
        more = QUOTES if cut else ""
        self.exit(2, f"{self.prog}: {in_our_words(message)}{more}; see {self.prog} --help\n")

    def _print_message(self, message: str, file: Any = None) -> None:
        """Print it; argparse's own says nothing where standard output cannot be written."""
        if not message or file is None:
            return
        if file is not sys.stderr:
            from numgenius_core._command._table import plain

            file.write(plain(message))
            return
        from numgenius_core._command._saying import say

        say(message.removesuffix("\n"))

    def names(self) -> dict[str, str]:
        """Return what people type for each option and argument, by its name in the namespace."""
        found: dict[str, str] = {}
        for action in self._actions:
            if isinstance(action.choices, dict):  # the subcommands
                for inner in action.choices.values():
                    found |= inner.names()
            else:
                found[action.dest] = (action.option_strings or [action.dest])[-1]
        return found


def parser(words: Sequence[str] = ()) -> Parser:
    """Return the parser; ``command`` of what it reads is the name of the subcommand.

    Args:
        words: What will be read: when it begins with a subcommand, the others are left out, which
            would cost as much as the answer to a small question.
    """
    command = Parser("numgenius", description=ABOUT)
    command.add_argument("--version", action="version", version=f"numgenius {__version__}")
    subparsers = command.add_subparsers(
        required=True, metavar="COMMAND", dest="command", parser_class=Parser
    )
    named = tuple(words[:1])
    for name in named if set(named) & set(SUBCOMMANDS) else SUBCOMMANDS:
        module_of(name).add(subparsers)
    return command


def module_of(name: str) -> Any:
    """Return the module of a subcommand."""
    return import_module(f"numgenius_core._command._{name}")
