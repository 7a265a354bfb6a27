"""What a host publishes: a machine, its prices, and the listing that offers it.

Rule (hosting guide, G1): "a listing's main parameters are the prices for GPUs, internet and
storage, the reserved discount factor, the minimum bid for interruptibles, min_gpu, and the end
date"; (G2) a listing is good until its end date, and without one it never expires.
"""

from __future__ import annotations

import warnings
from contextvars import ContextVar
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Final

from attrs import field, frozen

from numgenius_core._checks import (
    MAX_GPUS,
    check_kind,
    check_min_gpu,
    check_text,
    keep_id,
)
from numgenius_core._numbers import (
    fraction,
    keep_whole,
    length_in_seconds,
    plain_duration,
)
from numgenius_core._terms import Mode, PriceTerms, Promise, Verification
from numgenius_core.errors import FloorAbovePrice, RuleViolation
from numgenius_core.ids import AccountId, MachineId
from numgenius_core.intervals import after, utc
from numgenius_core.units import MAX_MB, Exact, gigabytes

__all__ = [
    "Listing",
    "Machine",
    "Mode",
    "PriceTerms",
    "Verification",
]


def __dir__() -> list[str]:
    """Return what there is to use."""
    return sorted(__all__)


def _disk_share(value: Exact) -> Fraction:
    return fraction(value, "machine.disk_share")


@frozen(kw_only=True)
class Machine:
    """A host's computer with its GPUs.

    Attributes:
        id: The marketplace's number for it.
        host: Account of its owner.
        gpu_name: Model of its GPUs, such as ``RTX 4090``; all of one model.
        gpus: Number of GPUs, 1 to 4,096. Positions 0 … gpus − 1 are in topology order.
        disk_mb: Disk for clients, whole MB (see :meth:`disk_gb`).
        verification: Only a verified machine has a reserved price. Verified if left out: give
            ``UNVERIFIED`` for what a host registers itself.
        disk_share: The share of the disk that may be sold, 0 to 1; the marketplace holds back a
            tenth (0.9 measured), the published example nothing.

    Raises:
        WrongType: ``gpus`` is no ``int``, say, or ``host`` no text.
        RuleViolation: No GPU or too many, a negative disk, an empty name, a share above 1.

    >>> from numgenius_core import AccountId, Machine, MachineId
    >>> Machine(
    ...     id=MachineId(7), host=AccountId("hanna"), gpu_name="A100", gpus=4, disk_mb=2_000_000
    ... ).disk_gb
    Decimal('2000.000')
    """

    id: MachineId
    host: AccountId
    gpu_name: str
    gpus: int
    disk_mb: int = 0
    verification: Verification = Verification.VERIFIED
    disk_share: Fraction = field(default=Fraction(1), converter=_disk_share)

    def __attrs_post_init__(self) -> None:
        keep_id(self, "id", "machine.id")
        check_text(self.host, "machine.host")
        check_text(self.gpu_name, "machine.gpu_name")
        keep_whole(self, "gpus", "machine.gpus", 1, MAX_GPUS)
        keep_whole(self, "disk_mb", "machine.disk_mb", 0, MAX_MB)
        check_kind(self.verification, Verification, "machine.verification")

    @property
    def disk_gb(self) -> Decimal:
        """Disk for clients in GB, exact."""
        return gigabytes(self.disk_mb)


READING: Final[ContextVar[bool]] = ContextVar("READING", default=False)
"""Whether values are read that were made before: whoever made them was warned then."""


def _discount(value: Exact) -> Fraction:
    return fraction(value, "listing.max_discount", below_one=True)


@frozen(kw_only=True)
class Listing:
    """A machine as its host offers it (G1).

    Attributes:
        machine: What is offered.
        prices: What a client pays.
        min_gpu: Smallest group of GPUs for rent, a power of two (G5).
        max_discount: The reserved discount factor, 0 to below 1; 0 opts out (G8).
        end: No new contract runs past it; ``None`` with no ``rolling`` never expires (G2).
        rolling: Each day the end is set to that day plus this duration; not beside ``end``.
        promise: The uptime that its host claims (:mod:`numgenius_core.sla`); ``None`` is a claim
            of 0.

    Raises:
        WrongType: ``min_gpu`` is no ``int``, ``max_discount`` a ``float``, ``end`` no ``datetime``.
        RuleViolation: ``min_gpu`` is no power of two or more than the machine has, the discount is
            not below one, ``end`` has no time zone, or both ``end`` and ``rolling`` are given.

    Warns:
        FloorAbovePrice: The lowest bid is above the on-demand price: legal, seldom meant. Of a
            stored document nobody is warned again.

    >>> from datetime import UTC, datetime, timedelta
    >>> from numgenius_core import AccountId, Listing, Machine, MachineId, PerGpuHour, PriceTerms
    >>> listing = Listing(
    ...     machine=Machine(id=MachineId(7), host=AccountId("hanna"), gpu_name="A100", gpus=4),
    ...     prices=PriceTerms(gpu=PerGpuHour("0.40")),
    ...     min_gpu=2,
    ...     rolling=timedelta(days=30),
    ... )
    >>> print(listing.end_at(datetime(2026, 3, 1, tzinfo=UTC)))
    2026-03-31 00:00:00+00:00
    """

    machine: Machine
    prices: PriceTerms
    min_gpu: int = 1
    max_discount: Fraction = field(default=Fraction(2, 5), converter=_discount)
    end: datetime | None = None
    rolling: timedelta | None = None
    promise: Promise | None = None

    def __attrs_post_init__(self) -> None:
        check_kind(self.machine, Machine, "listing.machine")
        if self.promise is not None:
            check_kind(self.promise, Promise, "listing.promise")
        check_kind(self.prices, PriceTerms, "listing.prices")
        min_gpu = check_min_gpu(self.min_gpu, self.machine.gpus, "listing.min_gpu")
        object.__setattr__(self, "min_gpu", min_gpu)
        if self.end is not None:
            object.__setattr__(self, "end", utc(self.end, "listing.end"))
        if self.rolling is not None:
            if self.end is not None:
                raise RuleViolation("listing.rolling", "an end date or a rolling one", "both")
            length_in_seconds(self.rolling, "listing.rolling")
            object.__setattr__(self, "rolling", plain_duration(self.rolling, "listing.rolling"))
        if self.prices.min_bid > self.prices.gpu and not READING.get():
            floor, price = self.prices.min_bid, self.prices.gpu
            text = f"machine {self.machine.id}: lowest bid ${floor} above the on-demand ${price}"
            warnings.warn(FloorAbovePrice(text), stacklevel=3)

    def end_at(self, now: datetime) -> datetime | None:
        """Return when a contract made ``now`` would end, in UTC; ``None`` is never.

        Raises:
            WrongType: ``now`` is no ``datetime``.
            RuleViolation: It has no time zone, or the end lies beyond the year 9999.
        """
        if self.rolling is None:
            return self.end
        return after(utc(now, "now"), self.rolling, "listing.rolling")
