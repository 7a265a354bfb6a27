"""Rows that are read field by field, all that is wrong with them collected."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from numgenius_core._json import field_path
from numgenius_core._json.packings import Source, name_of, text_of
from numgenius_core.errors import InvalidDocument, RuleViolation, WrongType, shown
from numgenius_core.wire._fields import is_unknown
from numgenius_core.wire._kinds import RecordKind
from numgenius_core.wire._sources import records

T = TypeVar("T")


class Row:
    """A record whose fields are taken one by one; faults are kept until all have been seen.

    Rows of machines and instances are few, so they need no reader that is fast.

    Args:
        value: The record.
        place: Where it stands.
        what: What it should be, for messages.

    Raises:
        InvalidDocument: It is no object.
    """

    def __init__(self, value: object, place: str, what: str) -> None:
        if not isinstance(value, dict):
            fault = WrongType(place, f"{what} (a JSON object)", shown(value))
            raise InvalidDocument(place, [fault])
        self.value: dict[str, Any] = value
        self._place = place
        self._faults: list[RuleViolation] = []

    def take(self, key: str, hook: Callable[[Any], Any]) -> Any:
        """Return what a hook makes of a field, ``None`` if it is wrong: :meth:`check` tells."""
        try:
            return hook(self.value.get(key))
        except RuleViolation as fault:
            got = "none" if key not in self.value else fault.got
            self._faults.append(type(fault)(field_path(self._place, key), fault.need, got))
        except TypeError:  # of a hook that remembers answers, for a value that has no hash
            path = field_path(self._place, key)
            self._faults.append(WrongType(path, "a value", shown(self.value.get(key))))
        return None

    def plain(self) -> dict[str, Any]:
        """Return the record as it is kept: null for ``NaN``, which JSON does not have."""
        return {key: None if is_unknown(value) else value for key, value in self.value.items()}

    def check(self) -> None:
        """Refuse the row with all its faults.

        Raises:
            InvalidDocument: It has some.
        """
        if self._faults:
            raise InvalidDocument(self._place, self._faults)

    def made(self, make: Callable[[], T]) -> T:
        """Return a value of the row's fields; its refusal is one of the row.

        Raises:
            InvalidDocument: The fields do not fit each other.
        """
        try:
            return make()
        except RuleViolation as fault:
            raise InvalidDocument(self._place, [fault.at(self._place)]) from None


def read_rows(
    source: Source, kind: RecordKind, on_error: str, make: Callable[[Row], T]
) -> tuple[str, tuple[T, ...], tuple[RuleViolation, ...], int]:
    """Return what messages call a source, what its rows make, their faults, and the rows left out.

    Raises:
        ParseError: The document as a whole cannot be read.
        InvalidDocument: Rows with faults, unless they are to be collected.
        RuleViolation: ``on_error`` is no word of its.
    """
    if on_error not in ("raise", "collect"):
        raise RuleViolation("on_error", "'raise' or 'collect'", shown(on_error))
    name = name_of(source)
    found: list[T] = []
    faults: list[RuleViolation] = []
    skipped = 0
    for raw in records(text_of(source, name), name, kind):
        known = raw.faults
        if not known:
            try:
                found.append(make(Row(raw.value, raw.place, f"one of the {kind.word}")))
                continue
            except InvalidDocument as error:
                known = error.faults
        faults += known
        skipped += 1
    if faults and on_error == "raise":
        raise InvalidDocument(name, faults)
    return name, tuple(found), tuple(faults), skipped
