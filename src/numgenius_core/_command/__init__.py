"""The ``numgenius`` command: true costs of a market, slices of a machine, reserved discounts.

Each subcommand is a module of this folder and loads with its use: ``run`` takes its options and
returns what ``--json`` prints, ``show`` prints the same for a person. ``--version`` and ``--help``
load nothing of the rules.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module

from numgenius_core import __version__

TYPE_CHECKING = False  # as in the package's own `__init__`
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status: 2 for bad input, with one clear line."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    if words == ["--version"]:  # a parser costs as much as Python's own start
        print(f"numgenius {__version__}")
        return 0
    from numgenius_core._command._parser import parser

    return _run(parser().parse_args(words))


def _run(options: Namespace) -> int:
    from numgenius_core.errors import NumgeniusError

    try:
        subcommand = import_module(f"{__name__}._{options.command}")
        result = subcommand.run(options)
        if options.json:
            import json

            print(json.dumps(result, ensure_ascii=False, indent=2))
        else:
            subcommand.show(result)
        sys.stdout.flush()
    except NumgeniusError as error:
        print(f"numgenius: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader has seen enough, as in `numgenius … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0
