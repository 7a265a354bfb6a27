"""Reading a market: the marketplace's documents and records as our offers, and back.

Rule (marketplace): ``vastai search offers --raw`` prints a JSON list of offers, the API answers
``{"offers": [...]}``, trackers keep one JSON object per line or slim CSV snapshots. A full record
has some ninety fields; rules and people use two dozen.

Our readings: the fields that rules and people use are typed and checked, everything else is kept as
it came, in ``Offer.extra`` under the source's own names, and leaves the same way. A document is
refused with *all* its faults at once; whoever wants the good records of a bad document says so
(``on_error="collect"``) and gets the faults beside them. What is odd but legal is a finding
(:class:`~numgenius_core.wire.Finding`), not a fault.

How a record is understood: ``_records`` (the API) and ``_snapshots`` (snapshots). What documents
may be, and their limits: ``_sources``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, Final, Literal

from attrs import frozen

from numgenius_core._checks import check_kind
from numgenius_core.errors import InvalidDocument, RuleViolation, WrongType, shown
from numgenius_core.offer import Offer
from numgenius_core.wire._records import API
from numgenius_core.wire._shape import Shape
from numgenius_core.wire._snapshots import SNAPSHOT
from numgenius_core.wire._sources import (
    Source,
    load,
    name_of,
    records,
)
from numgenius_core.wire.findings import Finding, find

OnError = Literal["raise", "collect"]

_NOTHING: Final[tuple[RuleViolation, ...]] = ()


@frozen(kw_only=True)
class Reading:
    """What a document of offers says.

    Attributes:
        source: What messages call the document.
        offers: In the order of the document.
        faults: What was wrong with the records left out; empty unless they were collected.
        findings: What is odd but legal among the offers.
    """

    source: str
    offers: tuple[Offer, ...]
    faults: tuple[RuleViolation, ...] = _NOTHING
    findings: tuple[Finding, ...] = ()


def read_offers(
    source: Source, *, on_error: OnError = "raise", now: datetime | None = None
) -> Reading:
    """Return the offers of a document in any format of the market, gzipped or not.

    Text that has a line break or begins as JSON does is the document itself, other text a path.

    Args:
        source: A path, the document as text or bytes, or a binary stream.
        on_error: ``"raise"`` refuses a document with a bad record, ``"collect"`` leaves bad
            records out and reports them as ``faults``.
        now: For the finding that an end date has gone by; ``None`` leaves it out.

    Raises:
        ParseError: The document as a whole cannot be read, or is above a limit
            (:data:`~numgenius_core.wire.MAX_BYTES` and its like).
        InvalidDocument: Records with faults, all of them together.
        WrongType: An argument of the wrong type.

    >>> text = '{"id": 1, "machine_id": 2, "gpu_name": "RTX 4090", "num_gpus": 2, "dph_base": 0.5}'
    >>> [offer.prices.gpu for offer in read_offers(text).offers]
    [PerGpuHour('0.25')]
    """
    if on_error not in ("raise", "collect"):
        raise RuleViolation("on_error", "'raise' or 'collect'", shown(on_error))
    name = name_of(source)
    offers: list[Offer] = []
    faults: list[RuleViolation] = []
    for raw in records(load(source, name), name):
        if raw.faults:
            faults += raw.faults
            faults += _other_faults(raw.value, raw.place, raw.faults)
            continue
        try:
            offers.append(_read(raw.value, raw.place))
        except InvalidDocument as error:
            faults += error.faults
    if faults and on_error == "raise":
        raise InvalidDocument(name, faults)
    findings = find(offers, now=now)
    return Reading(source=name, offers=tuple(offers), faults=tuple(faults), findings=findings)


def _other_faults(
    value: object, place: str, known: tuple[RuleViolation, ...]
) -> list[RuleViolation]:
    """Return the faults of a record's fields beside those that its document had."""
    if value is None:
        return []
    try:
        _read(value, place)
    except InvalidDocument as error:
        paths = {fault.path for fault in known}
        return [fault for fault in error.faults if fault.path not in paths]
    return []


def _read(value: object, place: str) -> Offer:
    if not isinstance(value, dict):
        fault = WrongType(place, "an offer record (a JSON object)", shown(value))
        raise InvalidDocument(place, [fault])
    return _shape(value).read(value, place)


def _shape(record: Mapping[str, Any]) -> Shape[Any]:
    """Return how a record is spelled: only snapshots call the offer's number ``offer_id``."""
    return SNAPSHOT if "offer_id" in record and "id" not in record else API


def offer_from_record(record: Mapping[str, Any], path: str = "offer") -> Offer:
    """Return the offer that a record of the API or a row of a snapshot means.

    Args:
        record: As ``json`` or ``csv.DictReader`` give it; copied, and kept as ``Offer.extra``.
        path: What messages call it.

    Raises:
        InvalidDocument: With the faults of all its fields.
    """
    if type(record) is not dict and not isinstance(record, Mapping):  # in order of cost
        return _read(record, path)
    own = dict(record)
    return _shape(own).read(own, path)


def offer_to_record(offer: Offer) -> dict[str, Any]:
    """Return the record that an offer came from: the inverse of :func:`offer_from_record`.

    Every key of the source leaves as it came, but for the typed fields that were changed since;
    those are spelled as the source spells them. What the marketplace derives from them in an API
    record (``dph_total``, ``search`` …) stays as it came. An offer that came from no record gets
    one of the API. ``Offer.block`` and the platform's fee have no place in any record.

    JSON numbers are doubles, so a changed price comes back exact to the pico-dollar up to some
    $4,000 a GPU-hour, and as the nearest double beyond.

    Raises:
        WrongType: It is no offer.
        RuleViolation: A new end for a snapshot row that does not say when it was collected.
    """
    check_kind(offer, Offer, "offer")
    return _shape(offer.extra).write(offer)


def sample_path() -> Traversable:
    """Return the sample market that comes with the library: invented hosts, believable prices."""
    return files("numgenius_core") / "sample_market.json"


def read_sample() -> Reading:
    """Return the offers of the sample market."""
    return read_offers(sample_path().read_bytes())
