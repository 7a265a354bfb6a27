"""A record and an offer, one made from the other: what all spellings of records share.

cattrs reads a typed record twice: fast, and only when that fails slowly and with every fault of
every field. What is written back is the record as it came with what has changed since.

Why twice: a whole market of 20,000 records is right but for a few, and to collect faults costs a
``try`` around every field. So the fast reader stops at the first fault and says nothing of it, and
only a record that it refused is read by the slow one. The two have the same hooks, so they agree on
what is right; the fast one may refuse too much, since that is read again, but never too little.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from fractions import Fraction
from functools import cached_property
from typing import Any, Final, Generic, TypeVar

from attrs import Attribute, fields
from cattrs import ClassValidationError, Converter
from cattrs.gen import make_dict_structure_fn, override

from numgenius_core._checks import of_json, plain_json
from numgenius_core._json import field_path
from numgenius_core.errors import InvalidDocument, RuleViolation
from numgenius_core.ids import AccountId
from numgenius_core.listing import PriceTerms, Verification
from numgenius_core.offer import Offer
from numgenius_core.rates import PerGb, PerGbMonth, PerGpuHour

Hook = Callable[[Any, Any], Any]
"""Checks and converts one field; the second argument is its type, which cattrs passes."""
Spelling = tuple[str, Callable[[Offer], object], Callable[[Offer], object]]
"""A key, what it says of an offer (to see a change), and how it is written."""
R = TypeVar("R")


def by(hook: Hook, key: str | None = None, *, aside: bool = False) -> dict[str, Any]:
    """Return the metadata of a field that ``hook`` reads.

    Args:
        hook: Checks and converts it.
        key: Its key in the record, if that is not the field's name.
        aside: No offer is made of it: people and searches read it from ``Offer.extra``.
    """
    return {"hook": hook, "aside": aside} | ({} if key is None else {"key": key})


# -- values without a second check -------------------------------------------------------------
# Every part was checked by its hook. The constructors of PriceTerms and Offer would check all of
# it again, for as long as the rest of the reading takes; a test holds these equal to them.
#
# The classes are frozen, so their ``__setattr__`` refuses. The descriptors of their slots do not:
# ``Offer.gpus.__set__(offer, 4)`` writes the slot, without a look-up by name. They are taken out
# of the class once, in the order of its fields; a field that is added breaks the unpacking below
# as soon as the module is imported, and not the first reading.

_new: Final = object.__new__


def _setters(cls: type) -> tuple[Callable[[object, object], None], ...]:
    return tuple(vars(cls)[attribute.name].__set__ for attribute in fields(cls))


(_set_gpu, _set_storage, _set_upload, _set_download, _set_min_bid, _set_fee) = _setters(PriceTerms)
(
    _set_id,
    _set_machine,
    _set_gpu_name,
    _set_gpus,
    _set_prices,
    _set_total,
    _set_block,
    _set_disk,
    _set_discount,
    _set_ends,
    _set_host,
    _set_verification,
    _set_rentable,
    _set_unknown,
    _set_extra,
) = _setters(Offer)
_NO_FEE: Final = Fraction(0)


def quick_prices(
    gpu: PerGpuHour, storage: PerGbMonth, upload: PerGb, download: PerGb, min_bid: PerGpuHour
) -> PriceTerms:
    """Return the ``PriceTerms`` of parts that their hooks have checked; no record names a fee."""
    prices = _new(PriceTerms)
    _set_gpu(prices, gpu)
    _set_storage(prices, storage)
    _set_upload(prices, upload)
    _set_download(prices, download)
    _set_min_bid(prices, min_bid)
    _set_fee(prices, _NO_FEE)
    return prices


def quick_offer(  # noqa: PLR0917 - positional: this is the hottest call of the reader
    number: int,
    machine: int,
    name: str,
    gpus: int,
    prices: PriceTerms,
    total: int | None,
    disk_mb: int,
    max_discount: Fraction,
    ends_at: datetime | None,
    host: AccountId | None,
    verified: Verification,
    rentable: bool,
    unknown: tuple[str, ...],
    source: dict[str, Any],
) -> Offer:
    """Return the ``Offer`` of parts that their hooks have checked; no record names a block."""
    offer = _new(Offer)
    _set_id(offer, number)
    _set_machine(offer, machine)
    _set_gpu_name(offer, name)
    _set_gpus(offer, gpus)
    _set_prices(offer, prices)
    _set_total(offer, total)
    _set_block(offer, None)
    _set_disk(offer, disk_mb)
    _set_discount(offer, max_discount)
    _set_ends(offer, ends_at)
    _set_host(offer, host)
    _set_verification(offer, verified)
    _set_rentable(offer, rentable)
    _set_unknown(offer, unknown)
    _set_extra(offer, of_json(source))  # its own: the caller may go on to change the record
    return offer


# -- shapes ---------------------------------------------------------------------------------


class Shape(Generic[R]):
    """One way to spell an offer as a record: how it is read, and how it is written.

    Args:
        cls: The typed record; each field has its hook as metadata, and its key if that differs.
        build: Makes the offer of a typed record and its source.
        spellings: How what has changed is written back.
        quick: A class with the fields that ``build`` needs, and what tells that the others are
            fine; left out, ``cls`` and nothing more.
    """

    def __init__(
        self,
        cls: type[R],
        build: Callable[[R, dict[str, Any]], Offer],
        spellings: tuple[Spelling, ...],
        quick: tuple[type[R], Callable[[Mapping[str, Any]], bool]] | None = None,
    ) -> None:
        self._cls = cls
        self._build = build
        self._spellings = spellings
        self._keys = {a.name: a.metadata.get("key", a.name) for a in _columns(cls)}
        self._quick_cls, self._fine = quick or (cls, bool)

    # Making a reader costs as much as reading some hundred records: only what is met is made.

    @cached_property
    def _fast(self) -> Callable[[Any, Any], R]:
        return _reader(self._quick_cls, detailed=False)

    @cached_property
    def _slow(self) -> Callable[[Any, Any], R]:
        return _reader(self._cls, detailed=True)

    def read(self, record: dict[str, Any], place: str) -> Offer:
        """Return the offer of a record, which it keeps as ``extra``.

        Raises:
            InvalidDocument: With every fault of every field.
        """
        try:
            if self._fine(record):
                return self._build(self._fast(record, self._quick_cls), record)
        except (KeyError, TypeError, ValueError, OverflowError):
            pass  # whatever it was, the slow reader finds it again, with the others and the paths
        return self._read_slowly(record, place)

    def _read_slowly(self, record: dict[str, Any], place: str) -> Offer:
        """Read again what failed, and collect all that is wrong with it."""
        try:
            return self._build(self._slow(record, self._cls), record)
        except ClassValidationError as group:
            known, _ = group.group_exceptions()
            faults = [self._fault(error, note.name, place) for error, note in known]
        except RuleViolation as fault:
            faults = [self._fault(fault, fault.path, place)]
        raise InvalidDocument(place, faults)

    def _fault(self, error: Exception, name: str, place: str) -> RuleViolation:
        path = field_path(place, self._keys[name])
        if isinstance(error, RuleViolation):
            return type(error)(path, error.need, error.got)
        return RuleViolation(path, "a value", "none")  # a KeyError: the field is missing

    def write(self, offer: Offer) -> dict[str, Any]:
        """Return the record an offer came from, with what has changed since."""
        record = plain_json(offer.extra)
        # What the record says is read anew, and only what differs is written: a price that came as
        # 0.1333333333333333 leaves in these digits, not in those that a price step makes of it.
        try:
            before = self.read(record, "extra")
        except InvalidDocument:  # made by hand: all of it is news
            return record | {key: spell(offer) for key, _, spell in self._spellings}
        for key, says, spell in self._spellings:
            if says(before) != says(offer):
                record[key] = spell(offer)
        return record


def _columns(cls: type) -> tuple[Attribute[Any], ...]:
    return fields(cls)  # type: ignore[no-any-return]  # attrs' tuple of its own


def _reader(cls: type[R], *, detailed: bool) -> Callable[[Any, Any], R]:
    """Return what cattrs makes of a typed record: with all faults, or fast with the first."""
    overrides: dict[str, Any] = {}
    for column in _columns(cls):
        hook = column.metadata["hook"]
        if detailed:  # lru_cache refuses unhashable values before the hook can name them
            hook = getattr(hook, "__wrapped__", hook)
        rename = column.metadata.get("key", column.name)
        overrides[column.name] = override(struct_hook=hook, rename=rename)
    converter = Converter(detailed_validation=detailed)
    return make_dict_structure_fn(cls, converter, _cattrs_detailed_validation=detailed, **overrides)
