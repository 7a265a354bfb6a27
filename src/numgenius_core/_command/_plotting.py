"""``--plot FILE``: a picture of an answer, as SVG or PNG."""

from __future__ import annotations

import os
from collections.abc import Callable
from io import BytesIO
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

    A picture that was there stays until the new one is whole.

    Args:
        path: A file that ends in ``.svg`` or ``.png``.
        draw: Draws on axes of its own and returns them.

    Raises:
        RuleViolation: It ends otherwise, or cannot be written.
    """
    kind = Path(path).suffix.lower()
    if kind not in (".svg", ".png"):
        raise RuleViolation("--plot", "a file that ends in .svg or .png", path)
    axes, picture = draw(), BytesIO()
    axes.figure.savefig(picture, format=kind[1:])  # type: ignore[union-attr]  # it is no part of another
    try:
        _replace(Path(path), picture.getvalue())
    except OSError as error:
        raise RuleViolation(
            "--plot", "a file that can be written", error.strerror or path
        ) from None


def _replace(path: Path, data: bytes) -> None:
    """Let a file have these bytes, all of them or, where they cannot be written, none."""
    if path.exists() and not path.is_file():  # as a pipe, which nothing stands in for
        path.write_bytes(data)
        return
    target = Path(os.path.realpath(path))  # of a link, what it leads to is replaced
    part = target.with_name(f".numgenius-{os.getpid()}.part")
    try:
        part.write_bytes(data)
        if target.exists():
            part.chmod(target.stat().st_mode)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
