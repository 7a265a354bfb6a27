"""What argparse finds wrong, said as our own refusals: where, what was needed, what came."""

from __future__ import annotations

import re


def in_our_words(message: str) -> str:
    """Return a message of argparse without its own words for things."""
    required = re.fullmatch(r"the following arguments are required: (.*)", message)
    if required is not None:
        return f"{required[1]}: need a value, got none"
    named = re.fullmatch(r"argument ([^:]+): (.*)", message, re.DOTALL)
    if named is None:
        return message
    name, what = named[1], named[2]
    choice = re.fullmatch(r"invalid choice: (.*?) \(choose from (.*)\)", what, re.DOTALL)
    if choice is not None:
        what = f"need one of {choice[2].replace(chr(39), '')}, got {choice[1]}"
    if what == "expected one argument":
        what = "need a value, got none"
    return f"{name}: {what}"
