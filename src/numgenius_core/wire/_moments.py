"""When a market was as a document says: the time of a snapshot.

Rule (marketplace, measured): in one answer of the search, ``end_date − duration`` is the same for
every offer: the moment at which it was answered (64 of 64 real records).

Our readings: a snapshot says its time as ISO 8601 text or as Unix seconds (or milliseconds, which
would be the year 4,700 and later); fractions are floored. Offers whose ends and durations tell
times more than a minute apart come from several answers, and tell none.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from numgenius_core.intervals import floor_second, from_epoch
from numgenius_core.offer import Offer
from numgenius_core.wire._snapshots import MILLISECONDS, moment_of

_APART: Final = 60


def moment_in(said: object, naive: str) -> datetime | None:
    """Return the time that a snapshot says, floored to a second; ``None`` if it says none.

    Raises:
        WrongType: As :func:`exact_moment_in` does, and so the others.
        RuleViolation: No time, or one without an offset.
    """
    found = exact_moment_in(said, naive)
    return None if found is None else floor_second(found)


def exact_moment_in(said: object, naive: str) -> datetime | None:
    """Return the time that a snapshot says, to the microsecond; ``None`` if it says none.

    What is no time is refused: taken for nothing said, it would stand with the latest offers.

    Raises:
        WrongType: Neither text nor a number.
        RuleViolation: No time, or one without an offset, unless ``naive`` is ``"utc"``.
    """
    if said is None:
        return None
    if isinstance(said, int | float) and not isinstance(said, bool):
        seconds = said / 1_000 if said > MILLISECONDS else said
        part = timedelta(microseconds=int(seconds % 1 * 10**6))
        return from_epoch(seconds, "") + part
    text = said.strip() if isinstance(said, str) else said
    return moment_of(text, "", naive_is_utc=naive == "utc")


def told_by_end(offers: Iterable[Offer]) -> datetime | None:
    """Return the moment of a search that its records tell by ``end_date`` and ``duration``."""
    told = []
    for offer in offers:
        end, duration = offer.extra.get("end_date"), offer.extra.get("duration")
        if isinstance(end, int | float) and isinstance(duration, int | float) and end > 0:
            told.append(end - duration)
    if not told or not 0 < min(told) <= max(told) <= min(told) + _APART:
        return None
    return from_epoch(max(told))
