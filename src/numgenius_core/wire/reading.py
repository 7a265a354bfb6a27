"""Reading a market: the marketplace's documents and records as our offers, and back.

Rule (marketplace): ``vastai search offers --raw`` prints a JSON list of offers, the API answers
``{"offers": [...]}``, trackers keep one JSON object per line or slim CSV snapshots. A full record
has some ninety fields; rules and people use two dozen.

Our readings: the fields that rules and people use are typed and checked, everything else is kept as
it came, in ``Offer.extra`` under the source's own names, and leaves the same way. A document is
refused with *all* its faults at once; whoever wants the good records of a bad document says so
(``on_error="collect"``) and gets the faults beside them. What is odd but legal is a finding
(``numgenius_core.wire.findings``), not a fault. Rows of several times are one snapshot only if a
search could have been collected so: at most two minutes from each time to the next, half an hour
in all, and no offer at two of them. Real ids change when a listing is published again, so ids that
do not repeat prove nothing by themselves.

How a record is understood: ``wire._records`` (the API) and ``wire._snapshots`` (snapshots). What
documents may be, and their limits: ``wire._sources``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Final

from attrs import evolve, field, frozen

from numgenius_core._checks import MANY_FAULTS, all_told, check_kind
from numgenius_core._json import field_path
from numgenius_core._json.packings import Source, name_of, text_of
from numgenius_core.errors import InvalidDocument, RuleViolation, WrongType, brief, shown
from numgenius_core.intervals import floor_second
from numgenius_core.offer import Offer
from numgenius_core.units import Cell
from numgenius_core.wire._cells import ROW, ColumnMap, check_map
from numgenius_core.wire._kinds import OFFERS
from numgenius_core.wire._moments import moment_in, told_by_end
from numgenius_core.wire._records import API
from numgenius_core.wire._shape import Shape
from numgenius_core.wire._snapshots import SNAPSHOT, UTC_SNAPSHOT
from numgenius_core.wire._sources import Naive, OnError, RawRecord, records
from numgenius_core.wire.findings import Finding
from numgenius_core.wire.oddities import find

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

_NOTHING: Final[tuple[RuleViolation, ...]] = ()
_NEXT_PART: Final = timedelta(minutes=2)
_ALL_PARTS: Final = timedelta(minutes=30)
_OfferKey = Callable[[Offer], object]
"""What an offer is known by at several moments; ``None`` where its document does not tell."""


@frozen(kw_only=True)
class Reading:
    """What a document of offers says of a market at one moment.

    Attributes:
        source: What messages call the document.
        offers: In the order of the document.
        faults: What was wrong with the records left out; empty unless they were collected.
        findings: What is odd but legal among the offers.
        skipped: How many records were left out for their faults.
        at: When the market was so, as the document says itself; ``None`` if it does not.
        earlier: Moments of earlier snapshots in the document, whose offers are not here:
            :func:`read_snapshots` gives them all.

    >>> from numgenius_core import read_offers
    >>> text = '''[{"id": 1, "machine_id": 7, "gpu_name": "A100", "num_gpus": 4, "dph_base": 1.6},
    ...          {"id": 2, "machine_id": 7, "gpu_name": "A100", "num_gpus": 0, "dph_base": 0}]'''
    >>> reading = read_offers(text, on_error="collect")
    >>> [offer.id for offer in reading.offers], reading.skipped
    ([1], 1)
    >>> print(*reading.faults)
    offers[1].num_gpus: need a whole number from 1 to 4,096, got 0
    """

    _series: ClassVar = "offers"

    source: str
    offers: tuple[Offer, ...] = field(repr=brief)
    faults: tuple[RuleViolation, ...] = field(default=_NOTHING, eq=all_told, repr=brief)
    findings: tuple[Finding, ...] = field(default=(), repr=brief)
    skipped: int = 0
    at: datetime | None = None
    earlier: tuple[datetime, ...] = field(default=(), repr=brief)

    def to_dicts(self) -> list[dict[str, Cell]]:
        """Return a dict for each offer, as ``pandas.DataFrame(…)`` takes them: numbers and words.

        Dollars and shares are the nearest ``float``, for charts and statistics; what its source
        does not say is ``None``. (:func:`numgenius_core.frames.offer_columns` has exact prices.)
        """
        from numgenius_core._tables import numbers  # what only those who look at offers need
        from numgenius_core.prices.ranking import told_of

        return [numbers(told_of(offer)) for offer in self.offers]


def read_offers(
    source: Source,
    *,
    on_error: OnError = "raise",
    now: datetime | None = None,
    naive: Naive = "refuse",
    columns: ColumnMap | None = None,
) -> Reading:
    r"""Return the offers of a document in any format that people have them in.

    JSON as the marketplace prints it, one record a line, snapshots, and tables with a header; as
    UTF-8 or UTF-16, plain or packed by gzip, bz2 or xz. Of a document with several snapshots, the
    latest is read; :func:`read_snapshots` says what is one snapshot.

    Args:
        source: A ``Path``, the document as text or bytes, or a binary stream. Text is never a path.
        on_error: ``"raise"`` refuses a document with a bad record, ``"collect"`` leaves bad
            records out and reports them as ``faults``.
        now: For the finding that an end date has gone by, floored to a second; ``None`` is the
            time that the document itself says.
        naive: ``"utc"`` takes snapshot times without an offset as UTC; ``"refuse"`` has them as
            faults.
        columns: Where a table or its like has our fields, if it has names of its own:
            ``{"dph_base": "price per hour", "id": "#"}``. ``"#"`` is the number of the row.

    Raises:
        WrongType: ``source`` is none of these.
        ParseError: The document as a whole cannot be read, holds something else than offers (the
            message says what), lacks columns, or is above 256 MiB, a million
            records or 64 levels of JSON.
        InvalidDocument: Records with faults, all of them together.
        RuleViolation: ``on_error`` or ``naive`` is no word of theirs, or ``now`` has no time zone.

    >>> from numgenius_core import read_offers
    >>> text = '{"id": 1, "machine_id": 2, "gpu_name": "RTX 4090", "num_gpus": 2, "dph_base": 0.5}'
    >>> [offer.prices.gpu for offer in read_offers(text).offers]
    [PerGpuHour('0.25')]
    >>> table = "Card;Count;price\nRTX 4090;2;0,50"
    >>> ours = {"gpu_name": "Card", "num_gpus": "Count", "dph_base": "price"}
    >>> ours |= {"id": "#", "machine_id": "#"}
    >>> [offer.per_hour for offer in read_offers(table, columns=ours).offers]
    [PerHour('0.50')]
    """
    moment = None if now is None else floor_second(now)
    snapshots, name = _snapshots(source, on_error, naive, columns)
    latest = snapshots[-1]
    earlier = tuple(each.at for each in snapshots[:-1] if each.at is not None)
    return latest.reading(name, moment, earlier)


def read_snapshots(
    source: Source,
    *,
    on_error: OnError = "raise",
    naive: Naive = "refuse",
    columns: ColumnMap | None = None,
) -> tuple[Reading, ...]:
    r"""Return each snapshot of a document, the earliest first.

    Each time that records, or the lists that they stand in, say is a snapshot. A search that was
    collected over some minutes is one all the same, of its latest time: if each of its times is at
    most two minutes after the one before, all of them lie within half an hour, and no offer is
    there at two of them. An offer is known by its id; where that is the number of the row (``"#"``
    in ``columns``), by its machine, model and size; where the machine is one too, by nothing. A
    record that says no time where others do is a fault, as is a time that cannot be read.

    Args:
        source: As of :func:`read_offers`, and so are the others.
        on_error: ``"raise"`` or ``"collect"``.
        naive: ``"refuse"`` or ``"utc"``.
        columns: A column map.

    Raises:
        WrongType: As :func:`read_offers` does, and so the others.
        ParseError: The document as a whole cannot be read.
        InvalidDocument: Records with faults, all of them together.
        RuleViolation: ``on_error`` or ``naive`` is no word of theirs.

    >>> from numgenius_core.wire import read_snapshots
    >>> offer = '{"id": 1, "machine_id": 2, "gpu_name": "A100", "num_gpus": 1, "dph_base": %s}'
    >>> lines = [
    ...     '{"ts": "2026-03-01T12:00:00Z", "offers": [' + offer % 0.5 + "]}",
    ...     '{"ts": "2026-03-01T13:00:00Z", "offers": [' + offer % 0.6 + "]}",
    ... ]
    >>> for each in read_snapshots("\n".join(lines)):
    ...     print(each.at, each.offers[0].per_hour)
    2026-03-01 12:00:00+00:00 0.50
    2026-03-01 13:00:00+00:00 0.60
    """
    snapshots, name = _snapshots(source, on_error, naive, columns)
    return tuple(each.reading(name, None, ()) for each in snapshots)


class _Snapshot:
    """The offers of one moment, while they are read."""

    def __init__(self, at: datetime | None = None) -> None:
        self.at = at
        self.offers: list[Offer] = []
        self.faults: list[RuleViolation] = []
        self.skipped = 0

    def leave_out(self, faults: Sequence[RuleViolation], fault: RuleViolation | None) -> int:
        """Leave out a record with its faults and that of its time, which is told once.

        Returns:
            How many faults that are.
        """
        before = len(self.faults)
        self.skipped += 1
        self.faults += faults
        told = {each.path for each in (*faults, *self.faults[-1:])}
        if fault is not None and fault.path not in told:
            self.faults.append(fault)
        return len(self.faults) - before

    def reading(self, name: str, now: datetime | None, earlier: tuple[datetime, ...]) -> Reading:
        at = self.at or told_by_end(self.offers)
        return Reading(
            source=name,
            offers=tuple(self.offers),
            faults=tuple(self.faults),
            findings=find(self.offers, now=now or at),
            skipped=self.skipped,
            at=at,
            earlier=earlier,
        )


def _snapshots(
    source: Source, on_error: OnError, naive: Naive, columns: ColumnMap | None
) -> tuple[list[_Snapshot], str]:
    """Return the snapshots of a document, the earliest first, and what messages call it."""
    if on_error not in ("raise", "collect"):
        raise RuleViolation("on_error", "'raise' or 'collect'", shown(on_error))
    if naive not in ("refuse", "utc"):
        raise RuleViolation("naive", "'refuse' or 'utc'", shown(naive))
    known = None if columns is None else check_map(columns)
    name = name_of(source)
    times = _Times(naive)
    found: defaultdict[datetime | None, _Snapshot] = defaultdict(_Snapshot)
    undated: list[str] = []
    told = 0  # faults so far
    for raw, offer, faults in _read_all(text_of(source, name), name, naive, known):
        at, fault = times.of(raw)
        snapshot = found[at]
        snapshot.at = at
        if offer is None or fault is not None:
            told += snapshot.leave_out(faults, fault)
            if on_error == "raise" and told >= MANY_FAULTS:
                raise InvalidDocument(name, _all_faults(found)[:MANY_FAULTS], more=True)
            continue
        if at is None:
            undated.append(raw.place)
        snapshot.offers.append(offer)
    if undated and len(found) > 1:
        _refuse_undated(found[None], undated)
    if on_error == "raise" and (bad := _all_faults(found)):
        raise InvalidDocument(name, bad)
    return _in_order(list(found.values()), _offer_key(known)), name


def _all_faults(found: Mapping[datetime | None, _Snapshot]) -> list[RuleViolation]:
    return [fault for each in found.values() for fault in each.faults]


class _Times:
    """The times that records say, each read once."""

    def __init__(self, naive: Naive) -> None:
        self._naive = naive
        self._known: dict[tuple[type, object], datetime | None] = {}

    def of(self, raw: RawRecord) -> tuple[datetime | None, RuleViolation | None]:
        """Return the time of a record, or what is wrong with what is said of it."""
        said, own = raw.moment, None
        if said is not None:
            own = said.value
        elif isinstance(raw.value, dict):
            own = raw.value.get("collected_at")
        try:
            key = type(own), own
            if key not in self._known:
                self._known[key] = moment_in(own, self._naive)
            return self._known[key], None
        except RuleViolation as fault:
            path = field_path(raw.place, "collected_at") if said is None else said.path
            return None, type(fault)(path, fault.need, fault.got)
        except TypeError:  # a list or an object, which has no hash
            path = field_path(raw.place, "collected_at")
            return None, WrongType(path, "an ISO 8601 time with an offset", shown(own))


def _refuse_undated(snapshot: _Snapshot, places: Iterable[str]) -> None:
    """Leave out what says no time where others do: it would be among the latest offers."""
    snapshot.offers.clear()
    for place in places:
        need = "a time, as other records have one"
        fault = RuleViolation(field_path(place, "collected_at"), need, "none")
        snapshot.leave_out((), fault)


def _read_all(
    text: str, name: str, naive: Naive, columns: ColumnMap | None
) -> Iterator[tuple[RawRecord, Offer | None, Sequence[RuleViolation]]]:
    """Return each record with its offer, or with what is wrong with it."""
    for raw in records(text, name, OFFERS, columns):
        if raw.faults:  # faults of its JSON: what else is wrong with it is said too, in one go
            more = _other_faults(raw.value, raw.place, raw.faults, naive)
            yield raw, None, [*raw.faults, *more]
            continue
        try:
            offer = _read(raw.value, raw.place, naive)
        except InvalidDocument as error:
            tidied = raw.tidy(raw.value) if raw.tidy is not None else raw.value
            if tidied == raw.value:
                yield raw, None, _explained(raw, error.faults)
                continue
            try:
                offer = _read(tidied, raw.place, naive)
            except InvalidDocument as fault:
                yield raw, None, _explained(raw, fault.faults)
                continue
        yield raw, offer, ()


def _explained(raw: RawRecord, faults: Sequence[RuleViolation]) -> list[RuleViolation]:
    """Return the faults of a record, those of a comma that is no decimal one with the reason."""
    if raw.sign is None or not isinstance(raw.value, dict):
        return [*faults]
    cells = {field_path(raw.place, key): cell for key, cell in raw.value.items()}
    return [
        type(fault)(fault.path, fault.need, f"{fault.got}{raw.sign.why_not(cells.get(fault.path))}")
        for fault in faults
    ]


def _in_order(found: list[_Snapshot], offer_of: _OfferKey) -> list[_Snapshot]:
    """Return snapshots in order of time, those together that are parts of one."""
    timed = [each.at for each in found if each.at is not None]
    if len(set(timed)) < 2:
        return [_joined(found, max(timed, default=None))]
    by_time: dict[datetime, list[_Snapshot]] = {}
    for each in found:  # the faults of what has no time go to the latest
        by_time.setdefault(each.at or max(timed), []).append(each)
    moments = [_joined(by_time[at], at) for at in sorted(by_time)]
    whole: list[_Snapshot] = []
    for run in _runs(moments):
        one = len(run) > 1 and _is_one(run, offer_of)
        whole += [_joined(run, run[-1].at)] if one else run
    return whole


def _joined(parts: Iterable[_Snapshot], at: datetime | None) -> _Snapshot:
    whole = _Snapshot(at)
    for each in parts:
        whole.offers += each.offers
        whole.faults += each.faults
        whole.skipped += each.skipped
    return whole


def _runs(moments: Iterable[_Snapshot]) -> Iterator[list[_Snapshot]]:
    """Return moments in runs: those that follow their neighbours closely."""
    run: list[_Snapshot] = []
    for each in moments:
        if run and _between(run[-1], each) > _NEXT_PART:
            yield run
            run = []
        run.append(each)
    yield run


def _between(one: _Snapshot, later: _Snapshot) -> timedelta:
    assert one.at is not None
    assert later.at is not None
    return later.at - one.at


def _is_one(run: Sequence[_Snapshot], offer_of: _OfferKey) -> bool:
    """Return whether moments are parts of one snapshot: soon over, and no offer comes twice."""
    if _between(run[0], run[-1]) > _ALL_PARTS:
        return False
    seen: set[object] = set()
    for each in run:
        keys = {offer_of(offer) for offer in each.offers} - {None}  # a moment may have equal rows
        if not seen.isdisjoint(keys):
            return False
        seen |= keys
    return True


def _offer_key(columns: ColumnMap | None) -> _OfferKey:
    """Return what tells offers of two moments apart: the number of a row says nothing of them."""
    known = columns or {}
    if ROW not in (known.get("id"), known.get("offer_id")):
        return lambda offer: offer.id
    if known.get("machine_id") == ROW:
        return lambda _: None
    return lambda offer: (offer.machine, offer.gpu_name, offer.gpus)


def _other_faults(
    value: object, place: str, known: tuple[RuleViolation, ...], naive: Naive
) -> list[RuleViolation]:
    """Return the faults of a record's fields beside those that its document had."""
    if value is None:
        return []
    try:
        _read(value, place, naive)
    except InvalidDocument as error:
        paths = {fault.path for fault in known}
        return [fault for fault in error.faults if fault.path not in paths]
    return []


def _read(value: object, place: str, naive: Naive) -> Offer:
    if not isinstance(value, dict):
        fault = WrongType(place, "an offer record (a JSON object)", shown(value))
        raise InvalidDocument(place, [fault])
    return _shape(value, naive).read(value, place)


def _shape(record: Mapping[str, Any], naive: Naive) -> Shape:
    """Return how a record is spelled: only snapshots call the offer's number ``offer_id``."""
    if "offer_id" not in record or "id" in record:
        return API
    return UTC_SNAPSHOT if naive == "utc" else SNAPSHOT


def offer_from_record(
    record: Mapping[str, Any], path: str = "offer", *, naive: Naive = "refuse"
) -> Offer:
    """Return the offer that a record of the API or a row of a snapshot means.

    Args:
        record: As ``json`` or ``csv.DictReader`` give it; copied, and kept as ``Offer.extra``.
        path: What messages call it.
        naive: ``"utc"`` takes a snapshot's time without an offset as UTC.

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
        return _read(record, path, naive)
    own = dict(record)
    return _shape(own, naive).read(own, path)


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
    return _shape(offer.extra, "utc").write(offer)  # it was read: times were agreed on


def sample_path() -> Traversable:
    """Return the file of the sample market that comes with the library.

    Its hosts are invented and its prices believable; its records have the shape of the API's.

    """
    from importlib.resources import files  # as slow to import as all of this room

    return files("numgenius_core") / "sample_market.json"


def read_sample() -> Reading:
    """Return the offers of the sample market that comes with the library.

    >>> from numgenius_core import read_sample
    >>> reading = read_sample()
    >>> reading.source, len(reading.offers), reading.offers[0].gpu_name
    ('the sample market', 66, 'RTX 3060')
    """
    return evolve(read_offers(sample_path().read_bytes()), source="the sample market")
