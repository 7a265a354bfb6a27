"""A row of the slim market snapshot (CSV, all values text) and the offer it means.

Rule (marketplace, measured): ``dph_total`` is ``dph_base`` and 8 GB of disk,
``dph_base = dph_total − storage · 8 / 720``; ``min_bid`` is for the whole offer; traffic is priced
per TB, which is 1,024 GB here.

Our readings: an empty text is nothing said, and a price of it unknown, never free; texts are taken
as the exact decimals they are, and each price is rounded once, half-even, to a pico-dollar; the
offer ends ``duration_seconds`` after ``collected_at``, floored to a second.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from operator import itemgetter
from typing import Any, Final

from numgenius_core._checks import MAX_GPUS, MAX_ID, check_text
from numgenius_core._numbers import (
    PICO,
    PRICE_PLACES,
    WIDE,
    decimal_of,
    decimal_text,
    fraction,
    round_half_even,
    whole_number,
)
from numgenius_core._terms import PRICE_NAMES
from numgenius_core.errors import RuleViolation, WrongType, shown
from numgenius_core.ids import AccountId
from numgenius_core.intervals import floor_second
from numgenius_core.listing import Verification
from numgenius_core.offer import Offer
from numgenius_core.rates import MAX_RATE, PerGb, PerGbMonth, PerGpuHour
from numgenius_core.units import GB_PER_TB, HOURS_PER_MONTH, MAX_GB, MB_PER_GB, gigabytes
from numgenius_core.wire._fields import gpu_name, machine_gpus, verification
from numgenius_core.wire._records import gpu_share, is_unsaid
from numgenius_core.wire._shape import (
    Column,
    Shape,
    Spelling,
    keys_read_by,
    quick_offer,
    quick_prices,
)

SEARCH_DISK_GB: Final = 8
"""Disk that ``dph_total`` of a search answer includes."""

_NUMBER: Final = re.compile(r"-?[0-9]{1,20}(?:\.[0-9]{1,40})?(?:[eE][+-]?[0-9]{1,2})?", re.ASCII)
_WHOLE: Final = re.compile(r"[0-9]{1,19}", re.ASCII)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_UNIX: Final = re.compile(r"[0-9]{9,13}(?:\.[0-9]{1,9})?", re.ASCII)
MILLISECONDS: Final = 10**11
"""More Unix seconds than these are milliseconds."""
_NOTHING: Final = frozenset({"", "NULL", "null", "None", "NaN", "nan"})
_TRUTH: Final = {
    **dict.fromkeys(("True", "true", "TRUE", ""), True),
    **dict.fromkeys(("False", "false", "FALSE"), False),
}
_DISK: Final = Fraction(SEARCH_DISK_GB, HOURS_PER_MONTH)
_DISK_PARTS: Final = HOURS_PER_MONTH // SEARCH_DISK_GB  # its 8 GB cost 1/90 of a GB-month's price
_FREE: Final = (0, 0)
_ID_DIGITS: Final = len(str(MAX_ID))
_LONGEST: Final = 10**11  # seconds: three thousand years

_Exact = tuple[int, int]
"""The number n / 10**p as (n, p): whole numbers take half the time of ``Decimal``."""


def _exact(value: object, need: str, low: int, high: int) -> _Exact:
    """Return the number a text says, exactly."""
    if not isinstance(value, str):
        raise WrongType("", f"{need} as text", shown(value))
    if _NUMBER.fullmatch(value) is None:
        raise RuleViolation("", need, shown(value))
    if "e" in value or "E" in value:
        number = Decimal(value)
        places = max(-int(number.as_tuple().exponent), 0)
        digits = int(number.scaleb(places, WIDE))
    else:
        whole, _, decimals = value.partition(".")
        digits, places = int(whole + decimals), len(decimals)
    if not low * (scale := 10**places) <= digits <= high * scale:
        raise RuleViolation("", need, shown(value))
    return digits, places


def _steps(dollars: _Exact, parts: int) -> int:
    """Return a part of a price in price steps, rounded once."""
    number, places = dollars
    return round_half_even(number * PICO, 10**places * parts)


# -- hooks: one a kind of column, as in _fields ------------------------------------------------
# What is right leaves by the first line, and what repeats in a market is remembered.


def _whole(value: Any, low: int, high: int) -> int:
    if not isinstance(value, str):
        raise WrongType("", "a whole number as text", shown(value))
    if _WHOLE.fullmatch(value) is None:
        raise RuleViolation("", f"a whole number from {low} to {high:,}", shown(value))
    return whole_number(int(value), "", low, high)


def _id(value: Any) -> int:
    if type(value) is str and value.isdecimal() and value.isascii() and len(value) < _ID_DIGITS:
        return int(value)
    return _whole(value, 0, MAX_ID)


@lru_cache(maxsize=4_096, typed=True)
def _gpus(value: Any) -> int:
    return _whole(value, 1, MAX_GPUS)


@lru_cache(maxsize=16_384, typed=True)
def _dollars_or_nothing(value: Any) -> _Exact:
    if isinstance(value, str) and value in _NOTHING:
        return _FREE
    return _exact(value, f"dollars from 0 to {MAX_RATE:,}", 0, MAX_RATE)


@lru_cache(maxsize=16_384, typed=True)
def _storage(value: Any) -> tuple[_Exact, PerGbMonth]:
    exact = _dollars_or_nothing(value)
    return exact, PerGbMonth.from_steps(_steps(exact, 1))


@lru_cache(maxsize=16_384, typed=True)
def _traffic(value: Any) -> PerGb:
    return PerGb.from_steps(_steps(_dollars_or_nothing(value), GB_PER_TB))


def _disk(value: Any) -> int:
    if value == "":
        return 0
    gb, places = _exact(value, f"GB from 0 to {MAX_GB:,}", 0, MAX_GB)
    return round_half_even(gb * MB_PER_GB, 10**places)


def _share(value: Any) -> Fraction:
    if value == "":
        return Fraction(0)
    number, places = _exact(value, "a share from 0 to below 1", 0, 1)
    return fraction(Fraction(number, 10**places), "", below_one=True)


@lru_cache(maxsize=4_096, typed=True)
def _number(value: Any) -> float | None:
    if value == "":
        return None
    _exact(value, "a number", -(10**20), 10**20)
    return float(value)


def _seconds(value: Any) -> _Exact | None:
    if value == "":
        return None
    return _exact(value, "seconds within the calendar", -_LONGEST, _LONGEST)


@lru_cache(maxsize=256, typed=True)
def _instant(value: Any) -> datetime | None:
    return moment_of(value, "", naive_is_utc=False)


@lru_cache(maxsize=256, typed=True)
def _instant_or_utc(value: Any) -> datetime | None:
    return moment_of(value, "", naive_is_utc=True)


def moment_of(value: object, path: str, *, naive_is_utc: bool) -> datetime | None:
    """Return the time that a snapshot says it is of, in UTC, ``None`` if it is empty.

    Args:
        value: ISO 8601 text, or the digits of Unix seconds (or milliseconds, which would be the
            year 4,700 and later).
        path: What messages call it.
        naive_is_utc: Whether a time without an offset is one in UTC, or refused.

    Raises:
        WrongType: It is no text.
        RuleViolation: It is no time, or has no offset.
    """
    if value == "":
        return None
    need = "an ISO 8601 time with an offset"
    if not isinstance(value, str):
        raise WrongType(path, need, shown(value))
    if _UNIX.fullmatch(value):
        seconds = Decimal(value) / (1_000 if Decimal(value) > MILLISECONDS else 1)
        return _EPOCH + timedelta(microseconds=int(seconds * 10**6))
    try:
        instant = datetime.fromisoformat(value)
        if naive_is_utc and instant.tzinfo is None:
            instant = instant.replace(tzinfo=UTC)
        if instant.tzinfo is None:
            need += " (naive='utc' takes those without one as UTC)"
        floor_second(instant)
    except ValueError:
        raise RuleViolation(path, need, shown(value)) from None
    return instant.astimezone(UTC)


def _host(value: Any) -> AccountId | None:
    if value == "":
        return None
    check_text(value, "")
    return AccountId(value)


@lru_cache(maxsize=256, typed=True)
def _verification(value: Any) -> Verification:
    return verification(None if value == "" else value)


@lru_cache(maxsize=256, typed=True)
def _yes(value: Any) -> bool:
    if not isinstance(value, str):
        raise WrongType("", "True or False as text", shown(value))
    if value not in _TRUTH:
        raise RuleViolation("", "True or False", shown(value))
    return _TRUTH[value]


_NEEDED: Final = (
    Column("offer_id", _id),
    Column("machine_id", _id),
    Column("gpu_name", gpu_name),
    Column("num_gpus", _gpus),
)
_OTHERS: Final = (
    Column("dph_total", _dollars_or_nothing, _FREE),
    Column("storage_cost_per_gb_mo", _storage, (_FREE, PerGbMonth(0))),
    Column("internet_up_cost_per_tb", _traffic, PerGb(0)),
    Column("internet_down_cost_per_tb", _traffic, PerGb(0)),
    Column("min_bid", _dollars_or_nothing, _FREE),
    Column("gpu_frac", _number),
    Column("disk_space_gb", _disk, 0),
    Column("credit_discount_max", _share, Fraction(0)),
    Column("collected_at", _instant),
    Column("duration_seconds", _seconds),
    Column("host_id", _host),
    Column("verification", _verification, Verification.UNVERIFIED),
    Column("rentable", _yes, True),
)
_ASIDE: Final = (
    Column("reliability", _number),
    Column("dlperf", _number),
    Column("inet_up_mbps", _number),
    Column("inet_down_mbps", _number),
    Column("cpu_ram_mb", _number),
)
_aside_of: Final = itemgetter(*(column.key for column in _ASIDE))
_PLAIN: Final = r"(?:-?[0-9]{1,19}(?:\.[0-9]{1,40})?)?"
_PLAIN_LINES: Final = re.compile("\n".join([_PLAIN] * len(_ASIDE)), re.ASCII)


def _aside_is_fine(row: Mapping[str, Any]) -> bool:
    """Return whether the numbers that stand aside are there and plain: one look for all of them."""
    return _PLAIN_LINES.fullmatch("\n".join(_aside_of(row))) is not None


def _gpu_steps(total: _Exact, storage: _Exact, gpus: int) -> int:
    """Return the price of a GPU that a total means, rounded once.

    Whole numbers all the way: the disk's share, 8 / 720 of the storage price, is seldom a whole
    number of pico-dollars.
    """
    (all_in, places), (disk, disk_places) = total, storage
    dollars = all_in * _DISK_PARTS * 10**disk_places - disk * 10**places
    return round_half_even(dollars * PICO, 10 ** (places + disk_places) * _DISK_PARTS * gpus)


@lru_cache(maxsize=16_384)
def _per_gpu(dollars: _Exact, gpus: int) -> PerGpuHour:
    """Return the price of one of the GPUs that an amount is for, rounded once."""
    return PerGpuHour.from_steps(_steps(dollars, gpus))


def _offer_of(values: list[Any], source: dict[str, Any]) -> Offer:
    (number, machine, name, gpus, total, (disk_price, storage), upload, download, floor, share) = (
        values[:10]
    )
    disk_mb, discount, collected_at, duration, host, verified, rentable = values[10:]
    unknown = _unknown_prices(source)
    per_gpu = 0 if "gpu" in unknown else _gpu_steps(total, disk_price, gpus)
    if per_gpu < 0:
        need = f"at least the price of its {SEARCH_DISK_GB} GB of disk"
        raise RuleViolation("dph_total", need, shown(source["dph_total"]))
    prices = quick_prices(
        PerGpuHour.from_steps(per_gpu), storage, upload, download, _per_gpu(floor, gpus)
    )
    return quick_offer(
        number,
        machine,
        name,
        gpus,
        prices,
        machine_gpus(gpus, share),
        disk_mb,
        discount,
        _ends_at(collected_at, duration),
        host,
        verified,
        rentable,
        None,  # snapshots do not say what is promised
        unknown,
        source,
    )


_PRICES: Final = (  # in the order of PRICE_NAMES
    "dph_total",
    "storage_cost_per_gb_mo",
    "internet_up_cost_per_tb",
    "internet_down_cost_per_tb",
    "min_bid",
)
_prices_of: Final = itemgetter(*_PRICES)


def _unknown_prices(source: dict[str, Any]) -> tuple[str, ...]:
    """Return the names of the prices that a row does not say.

    The price of the GPUs is what the total is without the disk's, so both have to be known.
    """
    try:
        if _NOTHING.isdisjoint(_prices_of(source)):  # as of nearly all rows
            return ()
    except KeyError:
        pass
    said = [source.get(key, "") for key in _PRICES]
    unknown = {name for name, price in zip(PRICE_NAMES, said, strict=True) if price in _NOTHING}
    if "storage" in unknown:
        unknown.add("gpu")
    return tuple(name for name in PRICE_NAMES if name in unknown)


def _ends_at(collected_at: datetime | None, duration: _Exact | None) -> datetime | None:
    if collected_at is None or duration is None:
        return None
    number, places = duration
    try:
        left = timedelta(microseconds=round_half_even(number * 10**6, 10**places))
        return (collected_at + left).replace(microsecond=0)  # in UTC, as what it is counted from
    except (OverflowError, ValueError):
        raise RuleViolation(
            "duration_seconds", "an end up to year 9999", str(number / 10**places)
        ) from None


# -- writing -----------------------------------------------------------------------------------


def _text(steps: int | Fraction) -> str:
    """Return price steps as dollars in text, to six places more than a step has."""
    digits = decimal_of(round(steps * 10**6), PRICE_PLACES + 6)
    return decimal_text(digits, 1)


def _price(key: str, name: str, steps: Callable[[Offer], int]) -> Spelling:
    """Return how a price is written: not at all, if it is not known."""

    def spell(offer: Offer) -> str:
        return "" if is_unsaid(offer, name) else _text(steps(offer))

    return key, spell, spell


def _no_total(offer: Offer) -> bool:
    return is_unsaid(offer, "gpu") or is_unsaid(offer, "storage")


def _dph_total(offer: Offer) -> str:
    if _no_total(offer):
        return ""
    return _text(offer.prices.gpu.steps * offer.gpus + offer.prices.storage.steps * _DISK)


def _duration(offer: Offer) -> str:
    if offer.ends_at is None:
        return ""
    collected = _instant_or_utc(offer.extra.get("collected_at", ""))
    if collected is None:
        need = "the time of the snapshot, to write an end as a duration"
        raise RuleViolation("collected_at", need, "none")
    micros = (offer.ends_at - collected) // timedelta(microseconds=1)
    return decimal_text(decimal_of(micros, 6), 1)


def _gpu_frac(offer: Offer) -> str:
    share = gpu_share(offer)
    return "" if share is None else repr(share)


_SPELLINGS: Final = (
    ("offer_id", lambda o: o.id, lambda o: str(o.id)),
    ("machine_id", lambda o: o.machine, lambda o: str(o.machine)),
    ("gpu_name", lambda o: o.gpu_name, lambda o: o.gpu_name),
    ("num_gpus", lambda o: o.gpus, lambda o: str(o.gpus)),
    ("gpu_frac", gpu_share, _gpu_frac),
    ("dph_total", lambda o: (o.gpus, o.prices.gpu, o.prices.storage, _no_total(o)), _dph_total),
    _price("min_bid", "min_bid", lambda o: o.prices.min_bid.steps * o.gpus),
    _price("storage_cost_per_gb_mo", "storage", lambda o: o.prices.storage.steps),
    _price("internet_up_cost_per_tb", "upload", lambda o: o.prices.upload.steps * GB_PER_TB),
    _price("internet_down_cost_per_tb", "download", lambda o: o.prices.download.steps * GB_PER_TB),
    ("disk_space_gb", lambda o: o.disk_mb, lambda o: decimal_text(gigabytes(o.disk_mb), 1)),
    (
        "credit_discount_max",
        lambda o: o.max_discount,
        lambda o: repr(float(o.max_discount)),
    ),
    ("duration_seconds", lambda o: o.ends_at, _duration),
    ("host_id", lambda o: o.host, lambda o: o.host or ""),
    ("verification", lambda o: o.verification, lambda o: o.verification.value),
    ("rentable", lambda o: o.rentable, lambda o: str(o.rentable)),
)
SNAPSHOT: Final = Shape(_NEEDED, _OTHERS, _ASIDE, _aside_is_fine, _offer_of, _SPELLINGS)
"""What the slim market snapshots give."""
UTC_SNAPSHOT: Final = SNAPSHOT.with_hook("collected_at", _instant_or_utc)
"""The same; times without an offset are in UTC."""
SNAPSHOT_WHOLE: Final = frozenset({"offer_id", "machine_id", "num_gpus", "host_id"})
"""Columns of whole numbers."""
SNAPSHOT_NUMBERS: Final = SNAPSHOT_WHOLE | keys_read_by(
    SNAPSHOT.columns, {_dollars_or_nothing, _storage, _traffic, _disk, _share, _number, _seconds}
)
"""Columns of numbers."""
