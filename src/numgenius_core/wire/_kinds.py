"""What records and documents are, told by the names in them: offers, machines, instances, errors.

Rule (the marketplace's client, observed): ``search offers --raw`` prints offers, ``show machines
--raw`` the host's machines, ``show instances --raw`` the renter's instances, and a refusal is an
object with ``msg`` and either ``error`` or ``success`` false. A document of one kind that is handed
to the reader of another is named at once: its fields would be refused one by one, or, since an
instance has an offer's price and GPUs, be taken for what they are not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from numgenius_core.errors import ParseError, shown


class RecordKind(NamedTuple):
    """A kind of record.

    Attributes:
        word: What the API calls many of them, the key that holds them.
        command: What prints them.
        reader: The function that reads them; empty for rows of any kind.
        marks: Fields that only they have.
    """

    word: str
    command: str
    reader: str
    marks: frozenset[str]


OFFERS: Final = RecordKind("offers", "search offers --raw", "read_offers", frozenset())
MACHINES: Final = RecordKind(
    "machines",
    "show machines --raw",
    "read_machines",
    frozenset({"listed_gpu_cost", "gpu_occupancy", "listed_min_gpu_count", "client_end_date"}),
)
INSTANCES: Final = RecordKind(
    "instances",
    "show instances --raw",
    "read_instances",
    frozenset({"actual_status", "cur_state", "intended_status"}),
)
_KINDS: Final = (OFFERS, MACHINES, INSTANCES)
_RECORD: Final = frozenset({"id", "offer_id", "machine_id", "num_gpus", "gpu_name"})
_OTHERS: Final = (
    "results",
    "invoices",
    "volumes",
    "gpu_names",
    "pending_price_increases",
    "per_machine",
    "filters",
    "users",
)


def is_record(value: object) -> bool:
    """Return whether an object has the fields of a record, rather than holding records."""
    return isinstance(value, dict) and not _RECORD.isdisjoint(value)


def _is(record: Mapping[str, Any]) -> RecordKind | None:
    return next((kind for kind in _KINDS if not kind.marks.isdisjoint(record)), None)


def refuse_error(value: object, name: str, wanted: RecordKind) -> None:
    """Refuse the body of an error with its own words.

    Raises:
        ParseError: ``value`` is one.
    """
    if not isinstance(value, dict) or is_record(value) or isinstance(value.get(wanted.word), list):
        return
    error = value.get("error")
    if value.get("success") is not False and not (error and (error is True or "msg" in value)):
        return
    words = value.get("msg") or (error if isinstance(error, str) else None)
    status = value.get("status_code")
    number = f" {status}" if type(status) is int else ""
    said = f": {shown(words)}" if words else " without words"
    raise ParseError(name, wanted.word, f"the marketplace's error{number}{said}")


def refuse_holder(value: dict[str, Any], name: str, wanted: RecordKind) -> None:
    """Refuse an object that holds records of another kind.

    Raises:
        ParseError: It does.
    """
    if not wanted.reader:
        return  # rows of any kind
    for kind in _KINDS:
        if kind is not wanted and kind.word in value:
            raise _another(kind, name, wanted)
    if other := next((key for key in _OTHERS if isinstance(value.get(key), list)), None):
        raise ParseError(name, wanted.word, f"an object of {other}")


def refuse_record(value: object, name: str, wanted: RecordKind) -> None:
    """Refuse a record of another kind.

    Raises:
        ParseError: It is one.
    """
    if not wanted.reader:
        return
    if isinstance(value, dict) and (kind := _is(value)) not in (None, wanted):
        assert kind is not None
        raise _another(kind, name, wanted)
    if wanted is not OFFERS and isinstance(value, dict) and _looks_like_an_offer(value):
        raise _another(OFFERS, name, wanted)


def _looks_like_an_offer(value: dict[str, Any]) -> bool:
    return _is(value) is None and "machine_id" in value and "dph_total" in value


def _another(kind: RecordKind, name: str, wanted: RecordKind) -> ParseError:
    got = f"{kind.word}, as {kind.command} prints them ({kind.reader} reads them)"
    return ParseError(name, wanted.word, got)
