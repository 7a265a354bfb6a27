"""Reading an option as the value that it stands for."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, TypeVar

from numgenius_core.errors import RuleViolation

T = TypeVar("T")


def read(option: str, reader: Callable[[str], T], text: str) -> T:
    """Read the text of an option; a fault names the option, not the value it became."""
    try:
        return reader(text)
    except RuleViolation as fault:
        raise RuleViolation(option, fault.need, fault.got) from None


def source_of(file: str) -> Path | BinaryIO:
    """Return what a file's name stands for; ``-`` is standard input."""
    return sys.stdin.buffer if file == "-" else Path(file)


def instant(text: str, option: str) -> datetime:
    """Read a time with an offset, or a date, which begins in UTC."""
    from numgenius_core.intervals import parse_instant

    need = "a time with an offset, such as 2026-06-16T12:00Z"
    try:
        return parse_instant(text, option)
    except RuleViolation:
        raise RuleViolation(option, need, text) from None
