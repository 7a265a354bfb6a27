"""What a refusal says at a terminal: the option that is meant, and numbers as people write them.

Rules name a value by where it stands in theirs, such as ``listing.min_gpu``. Who typed
``--min-gpu`` looks for that; so the last part of such a path is the option, where the command has
one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Final

from numgenius_core._command._texts import share
from numgenius_core._numbers import length_text
from numgenius_core.errors import InvalidDocument, NumgeniusError, RuleViolation

_PATH: Final = re.compile(r"(?:[A-Za-z_]+\.)?([a-z_]+)")
_STREAM: Final = re.compile(r"\Astream\b")
_FRACTION: Final = re.compile(r"Fraction\((-?[0-9]+), ([0-9]+)\)")
_RATE: Final = re.compile(r"\b(?:Per[A-Z][A-Za-z]+|Money)\('([^']*)'\)")
_SUM: Final = re.compile(r'got "(\$[^"]*)"')
_READER: Final = re.compile(r" \(read_(\w+) reads them\)")
_COMMANDS: Final = {
    "offers": " (numgenius quote and compare take them)",
    "machines": " (numgenius maint takes them)",
}
"""What commands take the records that another has been given."""
_DECIMAL: Final = re.compile(r"Decimal\('([^']*)'\)")
_DAYS: Final = re.compile(r"\b([0-9]+) days?, ([0-9]+):([0-9]{2}):([0-9]{2})\b")
_BOUNDS: Final = re.compile(
    r" from -9,223,372,036,854,775,807 to 9,223,372,036,854,775,807(?=, got (?!-?[0-9]+(?![.0-9])))"
)
"""Those of all whole numbers of a document, where what came is none; its rule has closer ones."""
_LANGUAGES: Final = {"query": "where", "order": "sort"}
"""The options whose text is a small language; a fault has its place in that."""
_ARGUMENTS: Final = {
    "naive='utc'": "--utc",
    "observed=True": "--observed",
    " (or a column map)": "",
    "got None": "got none",
    "a column of the time (say which;": "a column of the time (--time says which;",
    "a column of the price (say which;": "a column of the price (--price says which;",
}
"""What messages of the rules tell a reader of Python to write, and what a command has for it."""


_MOST: Final = 3
"""Faults of a document that its line has: a field misspelt is a fault of every record."""


def line_of(error: NumgeniusError, names: Mapping[str, str], files: frozenset[str]) -> str:
    """Return what went wrong, in one line.

    Args:
        error: The refusal of a rule or of a reader.
        names: What people type for each option or argument, by its name in the parser.
        files: The names of files that were given, which may look like those of options.
    """
    text = str(error)
    if isinstance(error, RuleViolation):
        path = error.path
        match = _PATH.fullmatch(path)
        language, _, place = path.partition(", ")
        if match is not None and path not in files:
            path = names.get(match[1], path)
        elif _LANGUAGES.get(language) in names:
            path = f"{names[_LANGUAGES[language]]}, {place}"
        text = f"{path}: need {error.need}, got {error.got}"
    elif isinstance(error, InvalidDocument):
        text = _faults_of(error)
    if "-" in files:
        text = _STREAM.sub("standard input", text)
    return plain(text)


def _faults_of(error: InvalidDocument) -> str:
    """Return the first faults of a document, one beside the other, and how many more there are."""
    count = len(error.faults)
    told = [str(fault) for fault in error.faults[:_MOST]]
    if count > _MOST:
        told.append(f"and {count - _MOST:,} more")
    first = "the first " if error.more else ""
    head = f"{error.source}: {first}{count:,} fault{'' if count == 1 else 's'}"
    return f"{head}: {'; '.join(told)}"


def plain(text: str) -> str:
    """Return a text in one line, with numbers and options as people write them."""
    text = " ".join(text.split())
    for argument, option in _ARGUMENTS.items():
        text = text.replace(argument, option)
    text = _FRACTION.sub(lambda found: share(Fraction(int(found[1]), int(found[2]))), text)
    text = _SUM.sub(r"got \1", _RATE.sub(r"$\1", text))
    text = _READER.sub(lambda found: _COMMANDS.get(found[1], ""), text)
    text = _BOUNDS.sub("", _DAYS.sub(_length, text))
    return _DECIMAL.sub(r"\1", text)


def _length(found: re.Match[str]) -> str:
    days, hours, minutes, seconds = map(int, found.groups())
    return length_text(((days * 24 + hours) * 60 + minutes) * 60 + seconds)
