"""Rows that are read field by field, all that is wrong with them collected."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from attrs import field, frozen

from numgenius_core._checks import MANY_FAULTS, ReadOnly, all_told, read_only_json
from numgenius_core._json import field_path
from numgenius_core._json.packings import Source, name_of, text_of
from numgenius_core._tables import Tabular
from numgenius_core.errors import InvalidDocument, RuleViolation, WrongType, brief, shown
from numgenius_core.intervals import floor_second, from_epoch
from numgenius_core.listing import PriceTerms
from numgenius_core.units import Cell
from numgenius_core.wire import _fields as read
from numgenius_core.wire._kinds import RecordKind
from numgenius_core.wire._snapshots import moment_of
from numgenius_core.wire._sources import Naive, OnError, records

if TYPE_CHECKING:
    from numgenius_core._tables.result import ResultTable

T = TypeVar("T")

_NOTHING = "nothing (null or NaN)"
"""What came where a program wrote that it does not know: ``NaN`` is read as null."""


def _read_only(value: Mapping[str, Any]) -> ReadOnly[str, Any]:
    return read_only_json(value, "reading.extra")


@frozen(kw_only=True)
class RowReading(Tabular, Generic[T]):
    """What a document of the marketplace's rows says: machines, instances, charges and the like.

    It prints as a table, and ``to_dicts`` has the rows for ``pandas.DataFrame(…)``; what a row does
    not say is ``None``.

    Attributes:
        source: What messages call the document.
        rows: In the order of the document.
        faults: What was wrong with the rows left out; empty unless they were collected.
        skipped: How many rows were left out.
        extra: What an answer of the API says beside its rows, such as the ``next_token`` of one
            that has more pages; of several answers in one document the later ones stand.

    >>> from numgenius_core.wire import read_machines
    >>> answer = '''{"machines": [{"id": 7, "gpu_name": "A100", "num_gpus": 4}, {"id": 8}],
    ...     "next_token": "abc"}'''
    >>> reading = read_machines(answer, on_error="collect")
    >>> len(reading.rows), reading.skipped, reading.extra["next_token"]
    (1, 1, 'abc')
    >>> print(reading.faults[0])
    machines[1].gpu_name: need text, got none
    """

    _series: ClassVar = "rows"

    source: str
    rows: tuple[T, ...] = field(repr=brief)
    faults: tuple[RuleViolation, ...] = field(default=(), eq=all_told, repr=brief)
    skipped: int = 0
    extra: Mapping[str, Any] = field(factory=ReadOnly, converter=_read_only, repr=brief, hash=False)

    def table(self) -> ResultTable:
        """Return the rows, without the columns that none of them says anything in."""
        from numgenius_core._tables.result import ResultTable

        found = self.to_dicts()
        head = [name for name in (found[0] if found else ()) if any(map(_says(name), found))]
        rows = [tuple(_cell(row[name]) for name in head) for row in found]
        if not head:  # a table has a column
            head, rows = ["nothing"], [("",)] * len(rows)
        notes = [f"{self.skipped:,} left out, see faults"] if self.skipped else []
        return ResultTable(
            title=f"{self.source}: {len(rows):,} {'row' if len(rows) == 1 else 'rows'}",
            head=tuple(head),
            rows=tuple(rows),
            notes=tuple(notes),
        )

    def _rows(self) -> Iterable[object]:
        # What holds values of several fields says itself what of them stands in a row.
        return (getattr(row, "_figures", lambda row=row: row)() for row in self.rows)


def prices_told(prices: PriceTerms | None, *names: str) -> dict[str, object]:
    """Return prices by their names, none where there are none."""
    return {name: None if prices is None else getattr(prices, name) for name in names}


def _says(name: str) -> Callable[[dict[str, Cell]], bool]:
    return lambda row: row[name] not in (None, "")


def _cell(value: Cell) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    return f"{value:.10g}" if isinstance(value, float) else str(value)


class Row:
    """A record whose fields are taken one by one; faults are kept until all have been seen.

    Rows of one's own are few, so they need no reader that is fast.

    Args:
        value: The record.
        place: Where it stands.
        what: What it should be, for messages.
        beside: What the answer that it stands in says beside its rows.

    Raises:
        InvalidDocument: It is no object.
    """

    def __init__(
        self, value: object, place: str, what: str, beside: Mapping[str, Any] | None = None
    ) -> None:
        if not isinstance(value, dict):
            fault = WrongType(place, f"{what} (a JSON object)", shown(value))
            raise InvalidDocument(place, [fault])
        self.value: dict[str, Any] = value
        self.beside: Mapping[str, Any] = beside or {}
        self._place = place
        self._faults: list[RuleViolation] = []

    def take(self, key: str, hook: Callable[[Any], Any]) -> Any:
        """Return what a hook makes of a field, ``None`` if it is wrong: :meth:`check` tells."""
        try:
            return hook(self.value.get(key))
        except RuleViolation as fault:
            got = fault.got if self.value.get(key) is not None else _NOTHING
            got = got if key in self.value else "none"
            self._faults.append(type(fault)(field_path(self._place, key), fault.need, got))
        except TypeError:  # of a hook that remembers answers, for a value that has no hash
            path = field_path(self._place, key)
            self._faults.append(WrongType(path, "a value", shown(self.value.get(key))))
        return None

    def inner(self, key: str, what: str) -> list[Row]:
        """Return the rows of a list within the row, none of null; their faults are the row's."""
        found: list[Row] = []
        for index, value in enumerate(self.take(key, _listed) or ()):
            place = f"{field_path(self._place, key)}[{index}]"
            try:
                row = Row(value, place, what, self.beside)
            except InvalidDocument as error:
                self._faults += error.faults
                continue
            row._faults = self._faults
            found.append(row)
        return found

    def plain(self) -> dict[str, Any]:
        """Return the record as it is kept: null for ``NaN``, which JSON does not have."""
        return {key: None if read.is_unknown(value) else value for key, value in self.value.items()}

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong with it so far, nor with the row that it is within."""
        return not self._faults

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


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise WrongType("", "a list", shown(value))
    return value


def instants(naive: Naive) -> Callable[[Any], datetime | None]:
    """Return the hook of instants, floored to the second: Unix seconds, or ISO 8601 text.

    Raises:
        RuleViolation: ``naive`` is no word of its.
    """
    if naive not in ("refuse", "utc"):
        raise RuleViolation("naive", "'refuse' or 'utc'", shown(naive))

    def instant(value: Any) -> datetime | None:
        if not isinstance(value, str):
            return None if value is None else from_epoch(value, "")
        found = moment_of(value.strip(), "", naive_is_utc=naive == "utc")
        return None if found is None else floor_second(found)

    return instant


def read_rows(
    source: Source, kind: RecordKind, on_error: OnError, make: Callable[[Row], T]
) -> RowReading[T]:
    """Return what the rows of a source make, one each.

    Raises:
        ParseError: The document as a whole cannot be read.
        InvalidDocument: Rows with faults, unless they are to be collected.
        RuleViolation: ``on_error`` is no word of its.
    """
    return read_items(source, kind, on_error, lambda row: (make(row),))


def read_items(
    source: Source, kind: RecordKind, on_error: OnError, make: Callable[[Row], Iterable[T]]
) -> RowReading[T]:
    """Return what the rows of a source make, any number each; raises as :func:`read_rows`."""
    if on_error not in ("raise", "collect"):
        raise RuleViolation("on_error", "'raise' or 'collect'", shown(on_error))
    name = name_of(source)
    found: list[Iterable[T]] = []
    faults: list[RuleViolation] = []
    beside: dict[str, Any] = {}
    skipped = 0
    for raw in records(text_of(source, name), name, kind, beside=beside):
        known = raw.faults
        if not known:
            try:
                found.append(make(Row(raw.value, raw.place, f"one of the {kind.word}", beside)))
                continue
            except InvalidDocument as error:
                known = error.faults
        faults += known
        skipped += 1
        if on_error == "raise" and len(faults) >= MANY_FAULTS:
            raise InvalidDocument(name, faults[:MANY_FAULTS], more=True)
    if faults and on_error == "raise":
        raise InvalidDocument(name, faults)
    return RowReading(
        source=name,
        rows=tuple(chain.from_iterable(found)),
        faults=tuple(faults),
        skipped=skipped,
        extra=beside,
    )
