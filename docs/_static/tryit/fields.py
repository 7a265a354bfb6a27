"""What the fields of the page "Try it" hold, read into the library's values.

Every field is text, typed by a person or taken from an address that anybody may have changed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final, TypeVar

from numgenius_core.errors import NumgeniusError, RuleViolation

T = TypeVar("T")
_NUMBER: Final = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?", re.ASCII)
_LONGEST: Final = 200
"""Characters of a field that a message repeats."""


class BadField(Exception):
    """A field that cannot be used, with the library's sentence about it."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(field, sentence)
        self.field = field
        self.sentence = sentence


class Form:
    """The fields of a page; those that are missing are empty.

    >>> form = Form({"hours": "7x"})
    >>> try:
    ...     form.number("hours", 1, 100)
    ... except BadField as fault:
    ...     print(fault.field, "-", fault.sentence)
    hours - need a number from 1 to 100, got 7x
    """

    def __init__(self, fields: Mapping[str, str]) -> None:
        self._fields = fields

    def text(self, field: str) -> str:
        """Return what a field holds, without blanks around it."""
        return str(self._fields.get(field, "")).strip()

    def read(self, field: str, make: Callable[[str], T]) -> T:
        """Return what a function of the library makes of a field.

        Raises:
            BadField: The library refuses it.
        """
        text = self.text(field)
        if len(text) > _LONGEST:
            raise BadField(field, f"need at most {_LONGEST} characters, got {len(text):,}")
        try:
            return make(text)
        except RuleViolation as fault:
            raise BadField(field, f"need {fault.need}, got {fault.got}") from None
        except NumgeniusError as fault:
            raise BadField(field, " ".join(str(fault).split())) from None

    def number(self, field: str, low: int, high: int) -> Decimal:
        """Return a number within bounds."""
        return self.read(field, lambda text: _number(field, text, low, high))

    def whole(self, field: str, low: int, high: int) -> int:
        """Return a whole number within bounds."""
        need = f"a whole number from {low:,} to {high:,}"

        def make(text: str) -> int:
            if not (text.isascii() and text.isdecimal() and len(text) <= len(str(high))):
                raise RuleViolation(field, need, text or "nothing")
            if not low <= int(text) <= high:
                raise RuleViolation(field, need, text)
            return int(text)

        return self.read(field, make)

    def share(self, field: str) -> Fraction:
        """Return a share from 0 to 1 that is typed in percent."""
        return Fraction(self.number(field, 0, 100)) / 100

    def choice(self, field: str, choices: Mapping[str, T]) -> T:
        """Return what a word stands for."""
        text = self.text(field)
        if text not in choices:
            raise BadField(field, f"need one of {', '.join(choices)}, got {text[:_LONGEST]!r}")
        return choices[text]

    def instant(self, field: str) -> datetime:
        """Return a time; one without an offset is UTC, as the page says beside the field."""
        return self.read(field, lambda text: _instant(field, text))


def _number(field: str, text: str, low: int, high: int) -> Decimal:
    need = f"a number from {low:,} to {high:,}"
    if not _NUMBER.fullmatch(text) or not low <= Decimal(text) <= high:
        raise RuleViolation(field, need, text or "nothing")
    return Decimal(text)


def _instant(field: str, text: str) -> datetime:
    need = "a time from 2000 to 2200, such as 2026-12-05T10:00"
    try:
        found = datetime.fromisoformat(text)
        found = found.replace(tzinfo=found.tzinfo or UTC, microsecond=0).astimezone(UTC)
    except (ValueError, OverflowError):
        raise RuleViolation(field, need, text or "nothing") from None
    if not 2000 <= found.year < 2200:
        raise RuleViolation(field, need, text)
    return found


def section(name: str, title: str, **parts: Any) -> dict[str, Any]:
    """Return a part of an answer, which the page shows as it is.

    Args:
        name: Stays the same from answer to answer.
        title: The heading.
        **parts: ``text`` is a list of sentences, ``table`` what :func:`table` returns, ``chart``
            what :func:`chart` returns.
    """
    return {"name": name, "title": title, **parts}


def table(head: list[str], rows: list[list[str]], more: list[str] | None = None) -> dict[str, Any]:
    """Return a table; ``more`` is what a click on a row shows."""
    return {"head": head, "rows": rows, "more": more}


def chart(x: str, y: str, points: Sequence[tuple[float, float]], **more: Any) -> dict[str, Any]:
    """Return points and the names of their axes.

    Args:
        x: Name of the axis that goes right, with its unit.
        y: Name of the axis that goes up, with its unit.
        points: In the order of ``x``.
        **more: ``low`` and ``high`` are ends of intervals, ``dots`` draws no line, ``names`` are
            what the whole numbers on the axis ``y`` stand for.
    """
    return {"x": x, "y": y, "points": points, **more}
