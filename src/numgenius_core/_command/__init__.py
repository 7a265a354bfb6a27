"""The ``numgenius`` command: true costs of a market, slices of a machine, reserved discounts.

Each subcommand is a module of this folder (``_parser`` says what it has), and what it needs of the
rules loads with its use: ``--version`` and ``--help`` load nothing of them.

PYTHON_ARGCOMPLETE_OK: shells find this mark, and ask the command to complete its own words.
"""

from __future__ import annotations

import gc
import os
import sys

from numgenius_core import __version__

TYPE_CHECKING = False  # as in the package's own `__init__`
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Sequence
    from typing import Any

    from numgenius_core._command._parser import Parser
    from numgenius_core.errors import NumgeniusError

_DIGITS = 28
"""Of a share that no decimal is exact for, as in an answer for programs."""
_GARBAGE = 100_000
"""A market is as many values that all stay, and looking for cycles among them finds none."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status.

    It is 2 for bad input, 3 where the answer cannot be written and 130 after Ctrl-C, each with one
    clear line.
    """
    words = sys.argv[1:] if arguments is None else list(arguments)
    if sys.stdout is None:
        return _unwritten("it is closed")
    try:
        try:
            return _main(words)
        finally:  # also after --help, which leaves by an exception
            sys.stdout.flush()
    except KeyboardInterrupt as stop:
        return _interrupted(stop, is_program=arguments is None)
    except BrokenPipeError:  # the reader has seen enough, as in `numgenius … | head`
        from numgenius_core._command._saying import drop

        drop(sys.stdout)
        return 0
    except OSError as fault:
        if fault.filename is not None:  # of a file, and not of what is printed
            raise
        from numgenius_core._command._saying import drop

        drop(sys.stdout)
        return _unwritten(fault.strerror or str(fault))


def _interrupted(stop: KeyboardInterrupt, *, is_program: bool) -> int:
    import signal

    from numgenius_core._command._interruption import INTERRUPTED
    from numgenius_core._command._saying import say

    if is_program:  # it ends, and Python would answer one more Ctrl-C with where it was
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    say(f"numgenius: {str(stop) or 'interrupted'}")
    return getattr(stop, "status", INTERRUPTED)


def _unwritten(why: str) -> int:
    from numgenius_core._command._saying import say

    say(f"numgenius: standard output: cannot be written to, {why}")
    return 3


def _main(words: list[str]) -> int:
    if words == ["--version"]:  # a parser costs as much as Python's own start
        print(f"numgenius {__version__}")
        return 0
    from numgenius_core._command._parser import parser

    if "_ARGCOMPLETE" in os.environ:  # a shell asks how the line may go on
        _complete(parser())
    before = gc.get_threshold()
    gc.set_threshold(_GARBAGE)
    try:
        command = parser(words)
        return _run(command, command.parse_args(words))
    finally:
        gc.set_threshold(*before)


def _complete(parser: ArgumentParser) -> None:
    """Answer the shell and leave, if the extra ``completion`` is there."""
    from contextlib import suppress

    with suppress(ImportError):
        import argcomplete

        argcomplete.autocomplete(parser)


def _run(command: Parser, options: Namespace) -> int:
    import warnings
    from decimal import localcontext

    from numgenius_core._command._parser import module_of
    from numgenius_core._command._saying import say
    from numgenius_core._numbers import own_context
    from numgenius_core.errors import NumgeniusError

    status = 0
    shown = own_context(_DIGITS)  # whatever a caller's is that runs this within its program
    with localcontext(shown), warnings.catch_warnings(record=True) as notes:
        warnings.simplefilter("always", UserWarning)
        try:
            status = _answer(module_of(options.command), options)
        except NumgeniusError as error:
            status = 2
            say(f"numgenius: {_refusal(error, command, options)}")
    for note in dict.fromkeys(str(each.message) for each in notes):  # not where in our code it was
        say(f"numgenius: {note}")
    return status


def _refusal(error: NumgeniusError, command: Parser, options: Namespace) -> str:
    from numgenius_core._command._refusals import line_of
    from numgenius_core.errors import InvalidDocument

    given = {getattr(options, name, None) for name in ("file", "history", "fit")}
    line = line_of(error, command.names(), frozenset(name for name in given if name))
    if type(error) is InvalidDocument and getattr(options, "skip_bad", None) is False:
        line += "; --skip-bad leaves bad records out"
    return line


def _answer(subcommand: Any, options: Namespace) -> int:
    """Print the answer and return the exit status."""
    result = subcommand.run(options)
    if options.json:
        import json

        from numgenius_core._command._table import can_print

        # Amounts come as they are, so that a table rounds them once; a program gets their text.
        text = json.dumps(result, ensure_ascii=False, indent=2, default=str)
        shows = can_print(text) and text.replace("\n", "").isprintable()
        print(text if shows else json.dumps(result, indent=2, default=str))
    else:
        subcommand.show(result, options)
    sys.stdout.flush()
    return int(subcommand.status(result)) if hasattr(subcommand, "status") else 0
