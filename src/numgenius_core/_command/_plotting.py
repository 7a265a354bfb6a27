"""``--plot FILE``: a picture of an answer, as SVG or PNG."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from numgenius_core._command._saying import say
from numgenius_core.errors import RuleViolation

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def nothing_drawn(why: str) -> None:
    """Say that there is no picture; the answer stands without it."""
    say(f"numgenius: --plot: nothing was drawn: {why}")


def save(path: str, draw: Callable[[], Axes]) -> None:
    """Draw a picture and write it to a file, whose name says in what format.

    Args:
        path: A file that ends in ``.svg`` or ``.png``.
        draw: Draws on axes of its own and returns them.

    Raises:
        RuleViolation: It ends otherwise, or cannot be written.
    """
    if Path(path).suffix.lower() not in (".svg", ".png"):
        raise RuleViolation("--plot", "a file that ends in .svg or .png", path)
    axes = draw()
    try:
        axes.figure.savefig(path)  # type: ignore[union-attr]  # it is no part of another
    except OSError as error:
        raise RuleViolation(
            "--plot", "a file that can be written", error.strerror or path
        ) from None
