"""Reading a market: the marketplace's documents and records as our offers, and back.

Rule (marketplace): ``vastai search offers --raw`` prints a JSON list of offers, the API answers
``{"offers": [...]}``, trackers keep one JSON object per line or slim CSV snapshots. A full record
has some ninety fields; rules and people use two dozen.

Our readings: the fields that rules and people use are typed and checked, everything else is kept as
it came, in ``Offer.extra`` under the source's own names, and leaves the same way. A document is
refused with *all* its faults at once; whoever wants the good records of a bad document says so
(``on_error="collect"``) and gets the faults beside them. What is odd but legal is a finding
(``numgenius_core.wire.findings``), not a fault.

How a record is understood: ``wire._records`` (the API) and ``wire._snapshots`` (snapshots). What
documents may be, and their limits: ``wire._sources``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, Final, Literal

from attrs import field, frozen

from numgenius_core._checks import check_kind
from numgenius_core.errors import InvalidDocument, RuleViolation, WrongType, brief, shown
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

    >>> from numgenius_core import read_offers
    >>> text = '''[{"id": 1, "machine_id": 7, "gpu_name": "A100", "num_gpus": 4, "dph_base": 1.6},
    ...          {"id": 2, "machine_id": 7, "gpu_name": "A100", "num_gpus": 0, "dph_base": 0}]'''
    >>> reading = read_offers(text, on_error="collect")
    >>> [offer.id for offer in reading.offers]
    [1]
    >>> print(*reading.faults)
    offers[1].num_gpus: need a whole number from 1 to 4,096, got 0
    """

    source: str
    offers: tuple[Offer, ...] = field(repr=brief)
    faults: tuple[RuleViolation, ...] = field(default=_NOTHING, repr=brief)
    findings: tuple[Finding, ...] = field(default=(), repr=brief)


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
        WrongType: ``source`` is none of these.
        ParseError: The document as a whole cannot be read, or is above
            :data:`~numgenius_core.wire.MAX_BYTES`, :data:`~numgenius_core.wire.MAX_RECORDS` or
            :data:`~numgenius_core.wire.MAX_DEPTH`.
        InvalidDocument: Records with faults, all of them together.
        RuleViolation: ``on_error`` is neither word, or ``now`` has no time zone.

    >>> from numgenius_core import read_offers
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
        if raw.faults:  # faults of its JSON: what else is wrong with it is said too, in one go
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
        InvalidDocument: Fields that are missing or wrong, all of them together.

    >>> from numgenius_core.wire import offer_from_record
    >>> offer = offer_from_record(
    ...     {"id": 1, "machine_id": 7, "gpu_name": "A100", "num_gpus": 4, "dph_base": 1.6}
    ... )
    >>> offer.prices.gpu  # dph_base is for the whole offer
    PerGpuHour('0.40')
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
        WrongType: ``offer`` is no ``Offer``.
        RuleViolation: A new end for a snapshot row that does not say when it was collected.

    >>> from attrs import evolve
    >>> from numgenius_core.wire import offer_from_record, offer_to_record
    >>> record = {"id": 1, "machine_id": 7, "gpu_name": "A100", "num_gpus": 4, "dph_base": 1.6}
    >>> offer = offer_from_record(record | {"score": 9})
    >>> offer_to_record(evolve(offer, rentable=False))["rentable"]
    False
    >>> offer_to_record(offer)["score"]  # what is not typed leaves as it came
    9
    """
    check_kind(offer, Offer, "offer")
    return _shape(offer.extra).write(offer)


def sample_path() -> Traversable:
    """Return the file of the sample market that comes with the library.

    Its hosts are invented and its prices believable; its records have the shape of the API's.

    >>> from numgenius_core.wire import sample_path
    >>> sample_path().name
    'sample_market.json'
    """
    return files("numgenius_core") / "sample_market.json"


def read_sample() -> Reading:
    """Return the offers of the sample market that comes with the library.

    >>> from numgenius_core import read_sample
    >>> reading = read_sample()
    >>> len(reading.offers), reading.offers[0].gpu_name
    (66, 'RTX 3060')
    """
    return read_offers(sample_path().read_bytes())
