"""What is said beside an answer, on standard error."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # as in the package's own `__init__`
if TYPE_CHECKING:
    from typing import TextIO


def say(text: str) -> None:
    """Print a line on standard error; where that cannot be written, the exit status has to do."""
    from numgenius_core.errors import one_line

    write(f"{one_line(text)}\n")


def write(text: str) -> None:
    """Print on standard error what a terminal may act on: it is all our own."""
    if sys.stderr is None:  # it is closed, and `print` would take standard output
        return
    try:
        print(text, end="", file=sys.stderr, flush=True)
    except OSError:
        drop(sys.stderr)


def drop(stream: TextIO) -> None:
    """Let what is still to be printed go nowhere: Python would try once more when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
