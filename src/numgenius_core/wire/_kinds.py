"""What records and documents are, told by the names in them: offers, machines, charges, errors.

Rule (the marketplace's client, observed): ``search offers --raw`` prints offers, ``show machines
--raw`` the host's machines, ``show instances --raw`` the renter's instances, and so on; charges and
invoices have the same fields and differ by their ``type``; a refusal is an object with ``msg`` and
either ``error`` or ``success`` false. A document of one kind that is handed to the reader of
another is named at once: its fields would be refused one by one, or, since an instance has an
offer's price and GPUs, be taken for what they are not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from numgenius_core.errors import ParseError, shown

Looks = Callable[[Mapping[str, Any]], bool]


class RecordKind(NamedTuple):
    """A kind of record.

    Attributes:
        word: What messages call many of them.
        command: What prints them.
        reader: The function that reads them; empty for rows of any kind.
        keys: The keys under which an answer may hold them.
        looks: Whether a record is one, by the fields that only they have.
    """

    word: str
    command: str
    reader: str
    keys: tuple[str, ...]
    looks: Looks


def _has_one_of(*names: str) -> Looks:
    return lambda record: any(name in record for name in names)


CHARGED: Final = ("instance", "volume", "serverless")
"""The types of rows of charges; invoices have others."""
_OF_MONEY: Final = frozenset({"type", "source", "amount", "start", "end"})
_OF_THE_OLDER: Final = frozenset({"type", "amount", "timestamp", "quantity", "rate"})
_OF_A_SLICE: Final = frozenset({"num_gpus", "gpu_frac", "dph_base", "dph_total"})


def _is_charge(record: Mapping[str, Any]) -> bool:
    return record.keys() >= _OF_MONEY and record["type"] in CHARGED


def _is_invoice(record: Mapping[str, Any]) -> bool:
    return record.keys() >= _OF_MONEY and record["type"] not in CHARGED


def _is_of_the_older(record: Mapping[str, Any]) -> bool:
    return record.keys() >= _OF_THE_OLDER and "start" not in record


def _is_volume(record: Mapping[str, Any]) -> bool:
    """Return whether a record is of disk alone, which a slice of a machine has beside its GPUs."""
    return "storage_total_cost" in record and _OF_A_SLICE.isdisjoint(record)


def _is_offer(record: Mapping[str, Any]) -> bool:
    return "machine_id" in record and "dph_total" in record


OFFERS: Final = RecordKind("offers", "search offers --raw", "read_offers", ("offers",), _is_offer)
MACHINES: Final = RecordKind(
    "machines",
    "show machines --raw",
    "read_machines",
    ("machines",),
    _has_one_of("listed_gpu_cost", "gpu_occupancy", "listed_min_gpu_count", "client_end_date"),
)
INSTANCES: Final = RecordKind(
    "instances",
    "show instances --raw",
    "read_instances",
    ("instances",),
    _has_one_of("actual_status", "cur_state", "intended_status"),
)
CHARGES: Final = RecordKind(
    "charges",
    "show invoices-v1 --charges --raw",
    "read_charges",
    ("results", "charges"),
    _is_charge,
)
INVOICES: Final = RecordKind(
    "invoices",
    "show invoices-v1 --invoices --raw",
    "read_invoices",
    ("results", "invoices"),
    _is_invoice,
)
EARNINGS: Final = RecordKind(
    "earnings",
    "show earnings --raw",
    "read_earnings",
    ("per_machine", "results", "earnings"),
    _has_one_of("gpu_earn", "sto_earn"),
)
EARNINGS_BY_DAY: Final = EARNINGS._replace(keys=("per_day", "results", "earnings"))
VOLUMES: Final = RecordKind(
    "volumes", "show volumes --raw", "read_volumes", ("volumes", "offers"), _is_volume
)
_OLDER: Final = RecordKind(
    "charges and payments", "show invoices --raw", "", ("invoices",), _is_of_the_older
)
# An instance and an offer of disk have what an offer has, and more: offers are the last asked for.
_KINDS: Final = (MACHINES, INSTANCES, EARNINGS, CHARGES, INVOICES, _OLDER, VOLUMES, OFFERS)
_PRICED: Final = (OFFERS.word, INSTANCES.word)
"""What may have the price of some GPUs; of few fields they cannot be told from each other."""
_OF_A_PRICED_SLICE: Final = frozenset({"num_gpus", "dph_base"})
_HOLDERS: Final = {
    "offers": OFFERS,
    "machines": MACHINES,
    "instances": INSTANCES,
    "volumes": VOLUMES,
    "per_machine": EARNINGS,
    "per_day": EARNINGS,
}
_RECORD: Final = frozenset({"id", "offer_id", "machine_id", "num_gpus", "gpu_name"})
_OTHERS: Final = (
    "results",
    "invoices",
    "gpu_names",
    "pending_price_increases",
    "filters",
    "users",
)


def is_record(value: object) -> bool:
    """Return whether an object has the fields of a record, rather than holding records."""
    return isinstance(value, dict) and not _RECORD.isdisjoint(value)


def held_list(value: Mapping[str, Any], kind: RecordKind) -> str | None:
    """Return the key under which an object holds a list of the records wanted, if it does.

    A record may have a list of that name as well: a volume has the instances that use it.
    """
    key = next((key for key in kind.keys if isinstance(value.get(key), list)), None)
    return None if key is None or _is(value) is not None else key


def _is(record: Mapping[str, Any]) -> RecordKind | None:
    return next((kind for kind in _KINDS if kind.looks(record)), None)


def refuse_error(value: object, name: str, wanted: RecordKind) -> None:
    """Refuse the body of an error with its own words, and what this library has written.

    Raises:
        ParseError: ``value`` is one.
    """
    if not isinstance(value, dict):
        return
    _refuse_own(value, name, wanted)
    if is_record(value):
        return
    held = held_list(value, wanted)
    if held is not None and value[held]:
        return  # rows stand for themselves, an empty list may be all that an error has of them
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
    for key, kind in _HOLDERS.items():
        if key in value and kind.word == wanted.word:
            raise ParseError(name, f"{wanted.word} under {wanted.keys[0]!r}", f"an object of {key}")
        if key in value:
            raise _another(kind, name, wanted)
    if other := next((key for key in _OTHERS if isinstance(value.get(key), list)), None):
        for record in value[other][:1]:
            refuse_record(record, name, wanted)
        raise ParseError(name, wanted.word, f"an object of {other}")


def refuse_record(value: object, name: str, wanted: RecordKind) -> None:
    """Refuse a record of another kind.

    Raises:
        ParseError: It is one.
    """
    if not wanted.reader or not isinstance(value, dict):
        return
    _refuse_own(value, name, wanted)
    kind = _is(value)
    if kind is None and wanted.word not in _PRICED and value.keys() >= _OF_A_PRICED_SLICE:
        kind = OFFERS
    if kind is not None and kind.word != wanted.word:
        raise _another(kind, name, wanted)


def _refuse_own(value: Mapping[str, Any], name: str, wanted: RecordKind) -> None:
    """Refuse a document that this library has written: it says so itself."""
    if str(value.get("schema")).startswith("numgenius/"):
        what = value.get("type")
        reads = "market.journal.market_from_json" if what == "Snapshot" else "documents.from_json"
        got = f"a document of this library, type {shown(what)} (numgenius_core.{reads} reads it)"
        raise ParseError(name, wanted.word, got)


def _another(kind: RecordKind, name: str, wanted: RecordKind) -> ParseError:
    how = f"{kind.reader} reads them" if kind.reader else "of no period: show invoices-v1 says it"
    got = f"{kind.word}, as {kind.command} prints them ({how})"
    return ParseError(name, wanted.word, got)
