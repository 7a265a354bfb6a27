"""What a search sees of an offer: its disk, its instant and what the prices are for."""

from __future__ import annotations

from datetime import datetime, timedelta
from fractions import Fraction
from typing import Final

from attrs import field, frozen

from numgenius_core._checks import check_kind
from numgenius_core._numbers import keep_whole, plain_duration
from numgenius_core._terms import reliability_of
from numgenius_core.intervals import utc
from numgenius_core.listing import Mode
from numgenius_core.units import MAX_MB, Exact

CLIENT_DISK_MB: Final = 5_000
"""Disk that the client prices an offer with if not told otherwise."""


def _target(value: Exact | None) -> Fraction | None:
    return None if value is None else reliability_of(value, "view.target")


@frozen(kw_only=True)
class View:
    """What an offer's fields depend on beside the offer.

    Attributes:
        disk_mb: Disk that ``dph_total`` includes, whole MB.
        now: When the search is made; without it ``duration`` is what the source said.
        mode: What the prices are for; ``INTERRUPTIBLE`` has the lowest bid as the price.
        stay: How long an offer would be reserved; without it, until it ends.
        target: The uptime that hosts are to keep: ``dph_total`` on demand includes the fee for it.

    Raises:
        WrongType: ``disk_mb`` is no ``int``, ``mode`` no ``Mode`` or ``now`` no ``datetime``.
        RuleViolation: A negative disk, an instant without a time zone, or a target out of range.

    >>> from numgenius_core import Offer, PerGbMonth, PerGpuHour, PriceTerms
    >>> from numgenius_core.search import FIELDS, View
    >>> offer = Offer(
    ...     id=1,
    ...     machine=1,
    ...     gpu_name="A100",
    ...     gpus=1,
    ...     prices=PriceTerms(gpu=PerGpuHour("2.00"), storage=PerGbMonth("0.72")),
    ... )
    >>> FIELDS["dph_total"].of(offer, View(disk_mb=100_000))
    Decimal('2.100000000000')
    """

    disk_mb: int = CLIENT_DISK_MB
    now: datetime | None = None
    mode: Mode = Mode.ON_DEMAND
    stay: timedelta | None = None
    target: Fraction | None = field(default=None, converter=_target)

    def __attrs_post_init__(self) -> None:
        keep_whole(self, "disk_mb", "view.disk_mb", 0, MAX_MB)
        check_kind(self.mode, Mode, "view.mode")
        if self.now is not None:
            object.__setattr__(self, "now", utc(self.now, "now"))
        if self.stay is not None:
            object.__setattr__(self, "stay", plain_duration(self.stay, "view.stay"))
