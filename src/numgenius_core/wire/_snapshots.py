"""A row of the slim market snapshot (CSV, all values text) and the offer it means.

Rule (marketplace, measured; DOMAIN 2): ``dph_total`` is ``dph_base`` and 8 GB of disk,
``dph_base = dph_total − storage · 8 / 720``; ``min_bid`` is for the whole offer; traffic is priced
per TB, which is 1,024 GB here.

Our readings: an empty text is nothing said; texts are taken as the exact decimals they are, and
each price is rounded once, half-even, to a pico-dollar; the offer ends ``duration_seconds`` after
``collected_at``, floored to a second.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Any, Final

from attrs import define, field

from numgenius_core._checks import MAX_GPUS, MAX_ID, check_text
from numgenius_core._numbers import PICO, PRICE_PLACES, WIDE, decimal_text, fraction, whole_number
from numgenius_core.errors import RuleViolation, WrongType, shown
from numgenius_core.ids import AccountId
from numgenius_core.intervals import floor_second
from numgenius_core.listing import Verification
from numgenius_core.offer import Offer
from numgenius_core.rates import MAX_RATE, PerGb, PerGbMonth, PerGpuHour
from numgenius_core.units import HOURS_PER_MONTH, MAX_GB, MB_PER_GB, gigabytes
from numgenius_core.wire._fields import gpu_name, machine_gpus, verification
from numgenius_core.wire._records import gpu_share
from numgenius_core.wire._shape import Shape, by, quick_offer, quick_prices

SEARCH_DISK_GB: Final = 8
"""Disk that ``dph_total`` of a search answer includes."""
GB_PER_TB: Final = 1_024
"""As the marketplace counts the traffic prices that it shows per TB."""

_NUMBER: Final = re.compile(r"-?[0-9]{1,20}(?:\.[0-9]{1,40})?(?:[eE][+-]?[0-9]{1,2})?", re.ASCII)
_WHOLE: Final = re.compile(r"[0-9]{1,19}", re.ASCII)
_DISK: Final = Fraction(SEARCH_DISK_GB, HOURS_PER_MONTH)
_LONGEST: Final = 10**11  # seconds: three thousand years


def _exact(value: object, need: str, low: int, high: int) -> Fraction:
    """Return the number a text says, exactly."""
    if not isinstance(value, str):
        raise WrongType("", f"{need} as text", shown(value))
    if _NUMBER.fullmatch(value) is None:
        raise RuleViolation("", need, shown(value))
    number = Fraction(Decimal(value))
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
def _dollars(value: Any, _: Any) -> Fraction:
    return _exact(value, f"dollars from 0 to {MAX_RATE:,}", 0, MAX_RATE)


def _dollars_or_nothing(value: Any, _: Any) -> Fraction:
    return Fraction(0) if value == "" else _dollars(value, _)


def _disk(value: Any, _: Any) -> int:
    if value == "":
        return 0
    return round(_exact(value, f"GB from 0 to {MAX_GB:,}", 0, MAX_GB) * MB_PER_GB)


def _share(value: Any, _: Any) -> Fraction:
    if value == "":
        return Fraction(0)
    return fraction(_exact(value, "a share from 0 to below 1", 0, 1), "", below_one=True)


def _number(value: Any, _: Any) -> float | None:
    if value == "":
        return None
    return float(_exact(value, "a number", -(10**20), 10**20))


def _seconds(value: Any, _: Any) -> Fraction | None:
    if value == "":
        return None
    return _exact(value, "seconds within the calendar", -_LONGEST, _LONGEST)


@lru_cache(maxsize=256, typed=True)
def _instant(value: Any, _: Any) -> datetime | None:
    if value == "":
        return None
    need = "an ISO 8601 time with an offset"
    if not isinstance(value, str):
        raise WrongType("", need, shown(value))
    try:
        instant = datetime.fromisoformat(value)
        floor_second(instant)
    except ValueError:
        raise RuleViolation("", need, shown(value)) from None
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
        if value in {"True", "true", ""}:
            return True
        if value in {"False", "false"}:
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
    dph_total: Fraction = field(metadata=by(_dollars))
    storage: Fraction = field(metadata=by(_dollars, "storage_cost_per_gb_mo"))
    upload: Fraction = field(
        default=Fraction(0), metadata=by(_dollars_or_nothing, "internet_up_cost_per_tb")
    )
    download: Fraction = field(
        default=Fraction(0), metadata=by(_dollars_or_nothing, "internet_down_cost_per_tb")
    )
    min_bid: Fraction = field(default=Fraction(0), metadata=by(_dollars_or_nothing, "min_bid"))
    gpu_frac: float | None = field(default=None, metadata=by(_number, "gpu_frac"))
    disk: int = field(default=0, metadata=by(_disk, "disk_space_gb"))
    discount: Fraction = field(default=Fraction(0), metadata=by(_share, "credit_discount_max"))
    collected_at: datetime | None = field(default=None, metadata=by(_instant, "collected_at"))
    duration: Fraction | None = field(default=None, metadata=by(_seconds, "duration_seconds"))
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


def _offer_of(row: SnapshotRow, source: dict[str, Any]) -> Offer:
    # Fractions all the way and one rounding at the end: the disk's share, 8 / 720 of the storage
    # price, is seldom a whole number of pico-dollars.
    per_gpu = round((row.dph_total - row.storage * _DISK) / row.num_gpus * PICO)
    if per_gpu < 0:
        need = f"at least the price of its {SEARCH_DISK_GB} GB of disk"
        raise RuleViolation("dph_total", need, shown(source["dph_total"]))
    prices = quick_prices(
        PerGpuHour.from_steps(per_gpu),
        PerGbMonth.from_steps(round(row.storage * PICO)),
        PerGb.from_steps(round(row.upload / GB_PER_TB * PICO)),
        PerGb.from_steps(round(row.download / GB_PER_TB * PICO)),
        PerGpuHour.from_steps(round(row.min_bid / row.num_gpus * PICO)),
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
        source,
    )


def _ends_at(row: SnapshotRow) -> datetime | None:
    if row.collected_at is None or row.duration is None:
        return None
    try:
        left = timedelta(microseconds=round(row.duration * 10**6))
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


def _dph_total(offer: Offer) -> str:
    return _text(offer.per_hour.steps + offer.prices.storage.steps * _DISK)


def _duration(offer: Offer) -> str:
    if offer.ends_at is None:
        return ""
    collected = _instant(offer.extra.get("collected_at", ""), None)
    if collected is None:
        need = "the time of the snapshot, to write an end as a duration"
        raise RuleViolation("collected_at", need, "none")
    micros = (offer.ends_at - collected) // timedelta(microseconds=1)
    return decimal_text(Decimal(micros).scaleb(-6, WIDE), 1)


def _gpu_frac(offer: Offer) -> str:
    share = gpu_share(offer)
    return "" if share is None else repr(share)


SNAPSHOT: Final = Shape(
    SnapshotRow,
    _offer_of,
    (
        ("offer_id", lambda o: o.id, lambda o: str(o.id)),
        ("machine_id", lambda o: o.machine, lambda o: str(o.machine)),
        ("gpu_name", lambda o: o.gpu_name, lambda o: o.gpu_name),
        ("num_gpus", lambda o: o.gpus, lambda o: str(o.gpus)),
        ("gpu_frac", gpu_share, _gpu_frac),
        ("dph_total", lambda o: (o.per_hour, o.prices.storage), _dph_total),
        ("min_bid", lambda o: o.min_bid, lambda o: _text(o.min_bid.steps)),
        (
            "storage_cost_per_gb_mo",
            lambda o: o.prices.storage,
            lambda o: _text(o.prices.storage.steps),
        ),
        (
            "internet_up_cost_per_tb",
            lambda o: o.prices.upload,
            lambda o: _text(o.prices.upload.steps * GB_PER_TB),
        ),
        (
            "internet_down_cost_per_tb",
            lambda o: o.prices.download,
            lambda o: _text(o.prices.download.steps * GB_PER_TB),
        ),
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
    ),
)
"""What the slim market snapshots give."""
