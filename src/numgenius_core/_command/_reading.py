"""Reading an option as the value that it stands for."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from datetime import datetime
from fractions import Fraction
from typing import BinaryIO, TypeVar

from numgenius_core._numbers import fraction
from numgenius_core.errors import RuleViolation

T = TypeVar("T")


def read(option: str, reader: Callable[[str], T], text: str) -> T:
    """Read the text of an option; a fault names the option, not the value it became."""
    try:
        # People write .25, which our numbers do not take.
        return reader(f"0{text}" if text[:1] == "." and text[1:2].isdigit() else text)
    except RuleViolation as fault:
        raise RuleViolation(option, fault.need, fault.got) from None


def share(option: str, text: str, *, below_one: bool = False) -> Fraction:
    """Read an option that is a share, such as 0.25."""
    return read(option, lambda given: fraction(given, option, below_one=below_one), text)


class _File:
    """The name of a file, which readers do not take for its text; ``pathlib`` is slow to import."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __fspath__(self) -> str:
        return self._name


def source_of(file: str) -> os.PathLike[str] | BinaryIO:
    """Return what a file's name stands for; ``-`` is standard input.

    Raises:
        RuleViolation: Standard input is meant, and closed.
    """
    if file != "-":
        return _File(file)
    if sys.stdin is None:  # as Python has it where the shell closed it
        raise RuleViolation("standard input", "one that can be read", "one that is closed")
    return sys.stdin.buffer


def name_of(file: str) -> str:
    """Return what messages call a file; ``-`` is standard input."""
    return "standard input" if file == "-" else file


def instant(text: str, option: str) -> datetime:
    """Read a time with an offset, whose fraction of a second is cut off, or a date of UTC."""
    from numgenius_core.intervals import floor_second, parse_instant

    need = "a time with an offset or a date, such as 2026-06-16T12:00Z or 2026-06-16"
    try:
        return parse_instant(text, option)
    except RuleViolation:
        pass  # it may have a fraction of a second
    try:
        return floor_second(datetime.fromisoformat(text))
    except ValueError:
        raise RuleViolation(option, need, text) from None
