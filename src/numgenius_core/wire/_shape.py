"""A record and an offer, one made from the other: what all spellings of records share.

A record is read twice: fast, up to its first fault, and only then again, for every fault of every
field. What is written back is the record as it came with what has changed since.

Why twice: a whole market of 20,000 records is right but for a few. So the fast reader looks at the
fields that no offer is made of all at once, and says nothing of what it refuses; that is read by
the slow one, which decides. Both have the same hooks, so they agree on what is right; the fast one
may refuse too much, since that is read again, but never too little.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from fractions import Fraction
from typing import Any, Final, NamedTuple

from attrs import fields

from numgenius_core._checks import of_json, plain_json
from numgenius_core._json import field_path
from numgenius_core.errors import InvalidDocument, RuleViolation
from numgenius_core.ids import AccountId
from numgenius_core.listing import PriceTerms, Verification
from numgenius_core.offer import Offer
from numgenius_core.rates import PerGb, PerGbMonth, PerGpuHour

Hook = Callable[[Any], Any]
"""Checks and converts the value of one field."""
Spelling = tuple[str, Callable[[Offer], object], Callable[[Offer], object]]
"""A key, what it says of an offer (to see a change), and how it is written."""


class Column(NamedTuple):
    """A field of a record that rules or people use.

    Attributes:
        key: Its name in the record.
        hook: What reads it.
        default: What it is if the record does not have it.
    """

    key: str
    hook: Hook
    default: Any = None


def keys_read_by(columns: Collection[Column], hooks: Collection[Hook]) -> frozenset[str]:
    """Return the keys of the columns that one of some hooks reads."""
    return frozenset(column.key for column in columns if column.hook in hooks)


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

_ABSENT: Final = object()


class Shape:
    """One way to spell an offer as a record: how it is read, and how it is written.

    Args:
        needed: Columns that every record has.
        others: Columns that it may lack.
        aside: Columns of which no offer is made: people and searches read them from
            ``Offer.extra``.
        fine: What tells at one look that those are right; it may say no, or raise, when it is not
            sure.
        build: Makes an offer of the values of the ``needed`` columns and the ``others``, in their
            order, and of the record.
        spellings: How what has changed is written back.
    """

    def __init__(
        self,
        needed: Sequence[Column],
        others: Sequence[Column],
        aside: Sequence[Column],
        fine: Callable[[Mapping[str, Any]], bool],
        build: Callable[[list[Any], dict[str, Any]], Offer],
        spellings: tuple[Spelling, ...],
    ) -> None:
        self.columns: Final = (*needed, *others, *aside)
        self._needed = [(column.key, column.hook) for column in needed]
        self._others = tuple(others)
        self._required = frozenset(column.key for column in needed)
        self._made = len(needed) + len(others)
        self._fine = fine
        self._build = build
        self._spellings = spellings

    def with_hook(self, key: str, hook: Hook) -> Shape:
        """Return the same shape with another way to read one of the columns that may lack."""
        count = len(self._needed)
        others = [c._replace(hook=hook) if c.key == key else c for c in self._others]
        aside = self.columns[self._made :]
        needed = self.columns[:count]
        return Shape(needed, others, aside, self._fine, self._build, self._spellings)

    def read(self, record: dict[str, Any], place: str) -> Offer:
        """Return the offer of a record, which it keeps as ``extra``.

        Raises:
            InvalidDocument: With every fault of every field.
        """
        try:
            if self._fine(record):
                values = [hook(record[key]) for key, hook in self._needed]
                get = record.get
                values += [
                    default if (value := get(key, _ABSENT)) is _ABSENT else hook(value)
                    for key, hook, default in self._others
                ]
                return self._build(values, record)
        except (KeyError, TypeError, ValueError, OverflowError):
            pass  # whatever it was, the slow reader finds it again, with the others and the paths
        return self._read_slowly(record, place)

    def _read_slowly(self, record: dict[str, Any], place: str) -> Offer:
        """Read again what failed, and collect all that is wrong with it."""
        values, faults = [], []
        for key, remembering, default in self.columns:
            if key not in record:
                if key in self._required:
                    faults.append(RuleViolation(field_path(place, key), "a value", "none"))
                values.append(default)
                continue
            # lru_cache refuses unhashable values before the hook can name them.
            hook: Hook = getattr(remembering, "__wrapped__", remembering)
            try:
                values.append(hook(record[key]))
            except RuleViolation as fault:
                faults.append(_moved(fault, place, key))
            except (ArithmeticError, TypeError, ValueError):  # as of an array, by its comparison
                faults.append(RuleViolation(field_path(place, key), "a value", "none"))
        if not faults:
            try:
                return self._build(values[: self._made], record)
            except RuleViolation as fault:
                faults.append(_moved(fault, place, fault.path))
        raise InvalidDocument(place, faults)

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


def _moved(fault: RuleViolation, place: str, key: str) -> RuleViolation:
    """Return a fault of a hook, which does not know where its field stands, with its path."""
    return type(fault)(field_path(place, key), fault.need, fault.got)
