"""A row of the slim market snapshot (CSV, all values text) and the offer it means.

Rule (marketplace, measured; DOMAIN 2): ``dph_total`` is ``dph_base`` and 8 GB of disk,
``dph_base = dph_total − storage · 8 / 720``; ``min_bid`` is for the whole offer; traffic is priced
per TB, which is 1,024 GB here.

Our readings: an empty text is nothing said, and a price of it unknown, never free; texts are taken
as the exact decimals they are, and each price is rounded once, half-even, to a pico-dollar; the
offer ends ``duration_seconds`` after ``collected_at``, floored to a second.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Any, Final

from attrs import define, field, fields, make_class

from numgenius_core._checks import MAX_GPUS, MAX_ID, check_text
from numgenius_core._numbers import (
    PICO,
    PRICE_PLACES,
    WIDE,
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
from numgenius_core.units import HOURS_PER_MONTH, MAX_GB, MB_PER_GB, gigabytes
from numgenius_core.wire._fields import gpu_name, machine_gpus, verification
from numgenius_core.wire._records import gpu_share, is_unsaid
from numgenius_core.wire._shape import Shape, Spelling, by, quick_offer, quick_prices

SEARCH_DISK_GB: Final = 8
"""Disk that ``dph_total`` of a search answer includes."""
GB_PER_TB: Final = 1_024
"""As the marketplace counts the traffic prices that it shows per TB."""

_NUMBER: Final = re.compile(r"-?[0-9]{1,20}(?:\.[0-9]{1,40})?(?:[eE][+-]?[0-9]{1,2})?", re.ASCII)
_WHOLE: Final = re.compile(r"[0-9]{1,19}", re.ASCII)
_NOTHING: Final = frozenset({"", "NULL", "null", "None", "NaN", "nan"})
_DISK: Final = Fraction(SEARCH_DISK_GB, HOURS_PER_MONTH)
_DISK_PARTS: Final = Decimal(HOURS_PER_MONTH // SEARCH_DISK_GB)  # 8 GB-months are 1/90 of them
_FREE: Final = Decimal(0)
_LONGEST: Final = 10**11  # seconds: three thousand years


def _exact(value: object, need: str, low: int, high: int) -> Decimal:
    """Return the number a text says, exactly."""
    if not isinstance(value, str):
        raise WrongType("", f"{need} as text", shown(value))
    if _NUMBER.fullmatch(value) is None:
        raise RuleViolation("", need, shown(value))
    number = Decimal(value)
    if not low <= number <= high:
        raise RuleViolation("", need, shown(value))
    return number


# -- hooks: one a kind of column, as in _fields ------------------------------------------------


def _whole(value: Any, low: int, high: int) -> int:
    if not isinstance(value, str):
        raise WrongType("", "a whole number as text", shown(value))
    if _WHOLE.fullmatch(value) is None:
        raise RuleViolation("", f"a whole number from {low} to {high:,}", shown(value))
    return whole_number(int(value), "", low, high)


def _id(value: Any, _: Any) -> int:
    return _whole(value, 0, MAX_ID)


def _gpus(value: Any, _: Any) -> int:
    return _whole(value, 1, MAX_GPUS)


@lru_cache(maxsize=16_384, typed=True)
def _dollars(value: Any, _: Any) -> Decimal:
    return _exact(value, f"dollars from 0 to {MAX_RATE:,}", 0, MAX_RATE)


def _dollars_or_nothing(value: Any, _: Any) -> Decimal:
    return _FREE if _says_nothing(value) else _dollars(value, _)


def _says_nothing(value: object) -> bool:
    return isinstance(value, str) and value in _NOTHING


def _disk(value: Any, _: Any) -> int:
    if value == "":
        return 0
    gb = _exact(value, f"GB from 0 to {MAX_GB:,}", 0, MAX_GB)
    return round(WIDE.multiply(gb, Decimal(MB_PER_GB)))


def _share(value: Any, _: Any) -> Fraction:
    if value == "":
        return Fraction(0)
    share = Fraction(_exact(value, "a share from 0 to below 1", 0, 1))
    return fraction(share, "", below_one=True)


def _number(value: Any, _: Any) -> float | None:
    if value == "":
        return None
    if isinstance(value, str) and _NUMBER.fullmatch(value) and -1e20 <= (n := float(value)) <= 1e20:
        return n
    return float(_exact(value, "a number", -(10**20), 10**20))


def _seconds(value: Any, _: Any) -> Decimal | None:
    if value == "":
        return None
    return _exact(value, "seconds within the calendar", -_LONGEST, _LONGEST)


@lru_cache(maxsize=256, typed=True)
def _instant(value: Any, _: Any) -> datetime | None:
    return moment_of(value, "", naive_is_utc=False)


@lru_cache(maxsize=256, typed=True)
def _instant_or_utc(value: Any, _: Any) -> datetime | None:
    return moment_of(value, "", naive_is_utc=True)


def moment_of(value: object, path: str, *, naive_is_utc: bool) -> datetime | None:
    """Return the time that a snapshot says it is of, ``None`` if it is empty.

    Args:
        value: ISO 8601 text.
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
    try:
        instant = datetime.fromisoformat(value)
        if naive_is_utc and instant.tzinfo is None:
            instant = instant.replace(tzinfo=UTC)
        if instant.tzinfo is None:
            need += " (naive='utc' takes those without one as UTC)"
        floor_second(instant)
    except ValueError:
        raise RuleViolation(path, need, shown(value)) from None
    return instant


def _host(value: Any, _: Any) -> AccountId | None:
    if value == "":
        return None
    check_text(value, "")
    return AccountId(value)


def _verification(value: Any, _: Any) -> Verification:
    return verification(None if value == "" else value, _)


def _yes(value: Any, _: Any) -> bool:
    if isinstance(value, str):
        if value in {"True", "true", "TRUE", ""}:
            return True
        if value in {"False", "false", "FALSE"}:
            return False
        raise RuleViolation("", "True or False", shown(value))
    raise WrongType("", "True or False as text", shown(value))


@define
class SnapshotRow:
    """The columns of a snapshot that rules and people use, each checked; never kept."""

    offer_id: int = field(metadata=by(_id))
    machine_id: int = field(metadata=by(_id))
    gpu_name: str = field(metadata=by(gpu_name))
    num_gpus: int = field(metadata=by(_gpus))
    dph_total: Decimal = field(default=_FREE, metadata=by(_dollars_or_nothing))
    storage: Decimal = field(
        default=_FREE, metadata=by(_dollars_or_nothing, "storage_cost_per_gb_mo")
    )
    upload: Decimal = field(
        default=_FREE, metadata=by(_dollars_or_nothing, "internet_up_cost_per_tb")
    )
    download: Decimal = field(
        default=_FREE, metadata=by(_dollars_or_nothing, "internet_down_cost_per_tb")
    )
    min_bid: Decimal = field(default=_FREE, metadata=by(_dollars_or_nothing, "min_bid"))
    gpu_frac: float | None = field(default=None, metadata=by(_number, "gpu_frac"))
    disk: int = field(default=0, metadata=by(_disk, "disk_space_gb"))
    discount: Fraction = field(default=Fraction(0), metadata=by(_share, "credit_discount_max"))
    collected_at: datetime | None = field(default=None, metadata=by(_instant, "collected_at"))
    duration: Decimal | None = field(default=None, metadata=by(_seconds, "duration_seconds"))
    host: AccountId | None = field(default=None, metadata=by(_host, "host_id"))
    verification: Verification = field(
        default=Verification.UNVERIFIED, metadata=by(_verification, "verification")
    )
    rentable: bool = field(default=True, metadata=by(_yes, "rentable"))
    # Checked for those who search; read from ``Offer.extra``.
    reliability: float | None = field(default=None, metadata=by(_number, "reliability"))
    dlperf: float | None = field(default=None, metadata=by(_number, "dlperf"))
    inet_up: float | None = field(default=None, metadata=by(_number, "inet_up_mbps"))
    inet_down: float | None = field(default=None, metadata=by(_number, "inet_down_mbps"))
    cpu_ram: float | None = field(default=None, metadata=by(_number, "cpu_ram_mb"))


# The hooks of a class are part of it, so what reads times otherwise is another class.
_UtcRow: Final = make_class(
    "_UtcRow",
    {
        a.name: field(
            default=a.default,
            metadata={**a.metadata, "hook": _instant_or_utc}
            if a.name == "collected_at"
            else dict(a.metadata),
            type=a.type,
        )
        for a in fields(SnapshotRow)
    },
)


def _gpu_steps(total: Decimal, storage: Decimal, gpus: int) -> int:
    """Return the price of a GPU that a total means, rounded once.

    Whole numbers all the way: the disk's share, 8 / 720 of the storage price, is seldom a whole
    number of pico-dollars.
    """
    dollars = WIDE.subtract(WIDE.multiply(total, _DISK_PARTS), storage)
    numerator, denominator = dollars.as_integer_ratio()
    return round_half_even(numerator * PICO, denominator * gpus * int(_DISK_PARTS))


@lru_cache(maxsize=16_384)
def _steps(dollars: Decimal, parts: int) -> int:
    """Return a part of a price in price steps, rounded once."""
    numerator, denominator = dollars.as_integer_ratio()
    return round_half_even(numerator * PICO, denominator * parts)


def _offer_of(row: SnapshotRow, source: dict[str, Any]) -> Offer:
    unknown, gpus = _unknown_prices(source), row.num_gpus
    per_gpu = 0 if "gpu" in unknown else _gpu_steps(row.dph_total, row.storage, gpus)
    if per_gpu < 0:
        need = f"at least the price of its {SEARCH_DISK_GB} GB of disk"
        raise RuleViolation("dph_total", need, shown(source["dph_total"]))
    prices = quick_prices(
        PerGpuHour.from_steps(per_gpu),
        PerGbMonth.from_steps(_steps(row.storage, 1)),
        PerGb.from_steps(_steps(row.upload, GB_PER_TB)),
        PerGb.from_steps(_steps(row.download, GB_PER_TB)),
        PerGpuHour.from_steps(_steps(row.min_bid, gpus)),
    )
    return quick_offer(
        row.offer_id,
        row.machine_id,
        row.gpu_name,
        row.num_gpus,
        prices,
        machine_gpus(row.num_gpus, row.gpu_frac),
        row.disk,
        row.discount,
        _ends_at(row),
        row.host,
        row.verification,
        row.rentable,
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


def _unknown_prices(source: dict[str, Any]) -> tuple[str, ...]:
    """Return the names of the prices that a row does not say.

    The price of the GPUs is what the total is without the disk's, so both have to be known.
    """
    said = [source.get(key, "") for key in _PRICES]
    if _NOTHING.isdisjoint(said):  # as of nearly all rows
        return ()
    unknown = {name for name, price in zip(PRICE_NAMES, said, strict=True) if price in _NOTHING}
    if "storage" in unknown:
        unknown.add("gpu")
    return tuple(name for name in PRICE_NAMES if name in unknown)


def _ends_at(row: SnapshotRow) -> datetime | None:
    if row.collected_at is None or row.duration is None:
        return None
    try:
        left = timedelta(microseconds=round(row.duration.scaleb(6, WIDE)))
        return floor_second(row.collected_at + left)
    except (OverflowError, ValueError):
        raise RuleViolation(
            "duration", "an end up to year 9999", str(float(row.duration))
        ) from None


# -- writing -----------------------------------------------------------------------------------


def _text(steps: int | Fraction) -> str:
    """Return price steps as dollars in text, to six places more than a step has."""
    digits = Decimal(round(steps * 10**6)).scaleb(-PRICE_PLACES - 6, WIDE)
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
    collected = _instant_or_utc(offer.extra.get("collected_at", ""), None)
    if collected is None:
        need = "the time of the snapshot, to write an end as a duration"
        raise RuleViolation("collected_at", need, "none")
    micros = (offer.ends_at - collected) // timedelta(microseconds=1)
    return decimal_text(Decimal(micros).scaleb(-6, WIDE), 1)


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
SNAPSHOT: Final = Shape(SnapshotRow, _offer_of, _SPELLINGS)
"""What the slim market snapshots give."""
UTC_SNAPSHOT: Final = Shape(_UtcRow, _offer_of, _SPELLINGS)
"""The same; times without an offset are in UTC."""
SNAPSHOT_WHOLE: Final = frozenset({"offer_id", "machine_id", "num_gpus", "host_id"})
"""Columns of whole numbers."""
SNAPSHOT_NUMBERS: Final = SNAPSHOT_WHOLE | frozenset(
    a.metadata.get("key", a.name)
    for a in fields(SnapshotRow)
    if a.metadata["hook"] in {_dollars_or_nothing, _disk, _share, _number, _seconds}
)
"""Columns of numbers."""
