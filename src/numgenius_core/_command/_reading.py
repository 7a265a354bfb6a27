"""Reading an option as the value that it stands for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from numgenius_core.errors import RuleViolation

T = TypeVar("T")


def read(option: str, reader: Callable[[str], T], text: str) -> T:
    """Read the text of an option; a fault names the option, not the value it became."""
    try:
        return reader(text)
    except RuleViolation as fault:
        raise RuleViolation(option, fault.need, fault.got) from None
