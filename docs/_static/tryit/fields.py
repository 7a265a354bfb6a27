"""What the fields of the page "Try it" hold, read into the library's values.

Every field is text, typed by a person or taken from an address that anybody may have changed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final, TypeVar

from numgenius_core.errors import NumgeniusError, RuleViolation

T = TypeVar("T")
_NUMBER: Final = re.compile(r"[0-9]{1,9}(\.([0-9]{1,99}))?", re.ASCII)
_LONGEST: Final = 200
"""Characters of a field that a message repeats."""
_PLACES: Final = 9
_LONGEST_SENTENCE: Final = 1_000
_ADVICE: Final = {
    r" \(read_offers reads them\)": " (drop it on the box of a renter's market)",
    r" \(read_machines reads them\)": " (drop it on the box of a host's machines)",
    r" \(read_\w+ reads them\)": " (this page does not ask for them)",
    r" \(or a column map\)": "",
    r"\(say which; known are ": "(known are ",
    r"( file) \(\w[\w.]* (?:and \w+ )?reads? it[^)]*\)": r"\1 (save it as JSON or CSV)",
    r" \(or use \w+\)": "",
    r"\b[A-Z]\w+\('([^']*)'\)": r"\1",
    r'got "([^"]* [+×] [^"]*)"': r"got \1",  # prices, which were text of Python before
    r"\bgot None\b": "got nothing",
}
_FRACTION: Final = re.compile(r"Fraction\((-?[0-9]+), ([0-9]+)\)")
"""What the library tells who writes Python, and what it comes to on a page."""


class BadField(Exception):
    """A field that cannot be used, with the library's sentence about it."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(field, sentence)
        self.field = field
        self.sentence = sentence


def sentence(fault: NumgeniusError) -> str:
    """Return what a fault says, on one line, without a word of Python.

    >>> from numgenius_core.errors import ParseError
    >>> print(sentence(ParseError("m.json", "offers", "machines (read_machines reads them)")))
    m.json: need offers, got machines (drop it on the box of a host's machines)
    """
    told = " ".join(str(fault).split())
    for python, page in _ADVICE.items():
        told = re.sub(python, page, told)
    told = _FRACTION.sub(lambda found: f"{int(found[1]) / int(found[2]):.12g}", told)
    return told[:_LONGEST_SENTENCE]


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
        self.asked: dict[str, str] = {}
        """What was asked of it, by the names of the fields: what an answer depends on."""

    def text(self, field: str) -> str:
        """Return what a field holds, without blanks around it."""
        found = self.asked[field] = str(self._fields.get(field, "")).strip()
        return found

    def read(self, field: str, make: Callable[[str], T], need: str = "") -> T:
        """Return what a function of the library makes of a field.

        Args:
            field: Its name.
            make: The function.
            need: What the library asks for, where the field has another unit than the library.

        Raises:
            BadField: The library refuses it; what was typed is told as it was typed.
        """
        text = self.text(field)
        if len(text) > _LONGEST:
            raise BadField(field, f"need at most {_LONGEST} characters, got {len(text):,}")
        try:
            return make(text)
        except RuleViolation as fault:
            got = text or "nothing"
            raise BadField(field, f"need {need or fault.need}, got {got}") from None
        except NumgeniusError as fault:
            raise BadField(field, sentence(fault)) from None

    def number(self, field: str, low: int, high: int, places: int = _PLACES) -> Decimal:
        """Return a number within bounds, of so many decimals at most."""
        return self.read(field, lambda text: _number(field, text, low, high, places))

    def whole(self, field: str, low: int, high: int) -> int:
        """Return a whole number within bounds."""
        need = f"a whole number from {low:,} to {high:,}"

        def make(text: str) -> int:
            if not (text.isascii() and text.isdecimal() and len(text) <= len(str(high))):
                raise RuleViolation(field, need, text)
            if not low <= int(text) <= high:
                raise RuleViolation(field, need, text)
            return int(text)

        return self.read(field, make)

    def share(self, field: str) -> Fraction:
        """Return a share from 0 to 1 that is typed in percent."""
        return Fraction(self.number(field, 0, 100)) / 100

    def hours(self, field: str, most: int) -> timedelta:
        """Return a length of whole seconds, at least one, that is typed in hours."""
        seconds = self.number(field, 0, most) * 3_600
        if seconds < 1 or seconds % 1:
            need = "more than 0 hours, in whole seconds (0.01 hours are 36)"
            raise BadField(field, f"need {need}, got {self.text(field)}")
        return timedelta(seconds=int(seconds))

    def choice(self, field: str, choices: Mapping[str, T]) -> T:
        """Return what a word stands for."""
        text = self.text(field)
        if text not in choices:
            raise BadField(field, f"need one of {', '.join(choices)}, got {text[:_LONGEST]!r}")
        return choices[text]

    def instant(self, field: str) -> datetime:
        """Return a time; one without an offset is UTC, as the page says beside the field."""
        return self.read(field, lambda text: _instant(field, text))


def _number(field: str, text: str, low: int, high: int, places: int) -> Decimal:
    need = f"a number from {low:,} to {high:,}"
    match = _NUMBER.fullmatch(text)
    if not match or not low <= Decimal(text) <= high:
        raise RuleViolation(field, need, text)
    if len(match[2] or "") > places:
        raise RuleViolation(field, f"{need} with at most {places} decimals", text)
    return Decimal(text)


def _instant(field: str, text: str) -> datetime:
    need = "a time from 2000 to 2200, such as 2026-12-05T10:00"
    try:
        found = datetime.fromisoformat(text)
        found = found.replace(tzinfo=found.tzinfo or UTC, microsecond=0).astimezone(UTC)
    except (ValueError, OverflowError):
        raise RuleViolation(field, need, text) from None
    if not 2000 <= found.year < 2200:
        raise RuleViolation(field, need, text)
    return found


def answered(questions: Sequence[tuple[str, str, Callable[[], dict[str, Any]]]]) -> dict[str, Any]:
    """Return the answers to several questions, and what is wrong with which field.

    A question that cannot be answered takes no other with it; the fields that it needs say why.

    Args:
        questions: Name and title of each one's section, and what answers it with its parts.
    """
    sections, unanswered, errors = [], 0, dict[str, str]()
    for name, title, answer in questions:
        try:
            parts = answer()
        except BadField as fault:
            errors.setdefault(fault.field, fault.sentence)
            parts, unanswered = {"text": ["Not answered: see the field."]}, unanswered + 1
        sections.append(section(name, title, **parts))
    if unanswered == len(sections):
        return {"errors": errors}
    return {"sections": sections, "errors": errors} if errors else {"sections": sections}


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
        **more: ``low`` and ``high`` are ends of intervals, ``names`` are what the whole numbers on
            the axis ``y`` stand for.
    """
    return {"x": x, "y": y, "points": points, **more}
