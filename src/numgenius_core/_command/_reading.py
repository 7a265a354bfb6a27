"""Reading an option as the value that it stands for."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from datetime import datetime
from typing import BinaryIO, Final, TypeVar

from numgenius_core.errors import RuleViolation

T = TypeVar("T")


def read(option: str, reader: Callable[[str], T], text: str) -> T:
    """Read the text of an option; a fault names the option, not the value it became."""
    try:
        # People write .25, which our numbers do not take.
        return reader(f"0{text}" if text[:1] == "." and text[1:2].isdigit() else text)
    except RuleViolation as fault:
        raise RuleViolation(option, fault.need, fault.got) from None


_OPTIONS: Final = {
    "naive='utc'": "--utc",
    "a column of the time (say which;": "a column of the time (--time says which;",
    "a column of the price (say which;": "a column of the price (--price says which;",
}
"""What messages of the rules tell a reader of Python to write, and what a command has for it."""
_PATHS: Final = {
    "query": "--where",
    "order": "--sort",
    "min_gpu": "--min-gpu",
    "listing.min_gpu": "--min-gpu",
    "machine.gpus": "gpus",
    "days": "--days",
    "target": "--target",
}
"""What messages of the rules say is wrong, and which option it came from."""


def in_options(message: str) -> str:
    """Return a message on one line, with the options of a command for the arguments of Python."""
    for argument, option in _OPTIONS.items():
        message = message.replace(argument, option)
    path = re.split("[:,]", message, maxsplit=1)[0]
    return " ".join(f"{_PATHS.get(path, path)}{message.removeprefix(path)}".split())


class _File:
    """The name of a file, which readers do not take for its text; ``pathlib`` is slow to import."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __fspath__(self) -> str:
        return self._name


def source_of(file: str) -> os.PathLike[str] | BinaryIO:
    """Return what a file's name stands for; ``-`` is standard input."""
    return sys.stdin.buffer if file == "-" else _File(file)


def instant(text: str, option: str) -> datetime:
    """Read a time with an offset, or a date, which begins in UTC."""
    from numgenius_core.intervals import parse_instant

    need = "a time with an offset, such as 2026-06-16T12:00Z"
    try:
        return parse_instant(text, option)
    except RuleViolation:
        raise RuleViolation(option, need, text) from None
