"""The market and the stay of a command: which file, which offers, for how long, and with what.

``quote`` and ``compare`` ask the same of a market, so they share these options and what is read of
them.
"""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from attrs import evolve

from numgenius_core._command._durations import parse_hours
from numgenius_core._command._parser import QUOTES
from numgenius_core._command._reading import instant, read, share, source_of
from numgenius_core._command._refusals import plain
from numgenius_core._command._saying import say
from numgenius_core._numbers import as_fraction_of_ten, decimal_text
from numgenius_core._terms import LOWEST_BID, reliability_of
from numgenius_core.errors import RuleViolation
from numgenius_core.listing import Mode
from numgenius_core.offer import Offer
from numgenius_core.prices.ranking import Ranking, rank_offers, seconds_left
from numgenius_core.rates import PerHour
from numgenius_core.units import (
    SECONDS_PER_DAY,
    SECONDS_PER_HOUR,
    SECONDS_PER_MONTH,
    to_bytes,
    to_megabytes,
)
from numgenius_core.wire.findings import Finding
from numgenius_core.wire.reading import Reading, read_offers, sample_path

if TYPE_CHECKING:
    from numgenius_core.search import Query, View

_LONGEST_STAY: Final = 100
"""Years."""
_MOST_FAULTS: Final = 10
_CLIENT: Final = "verified=true verification=verified external=false"
"""What the market's own client asks for; a query takes it back or asks for something else."""
_VERIFIED: Final = ("verified", "verification")


class Stay(NamedTuple):
    """What is asked for, as :func:`numgenius_core.prices.rank_offers` takes it."""

    seconds: int
    mode: Mode
    disk: str
    upload: str
    download: str
    bid: PerHour | None
    months: Fraction | None
    target: Fraction | None

    def of(self, mode: Mode) -> dict[str, Any]:
        """Return the arguments of a quote in a mode; what is only for another is left out."""
        return {
            "mode": mode,
            "disk": self.disk,
            "upload": self.upload,
            "download": self.download,
            "bid": self.bid if mode is Mode.INTERRUPTIBLE else None,
            "months": self.months if mode is Mode.RESERVED else None,
            "target": self.target if mode is Mode.ON_DEMAND else None,
        }

    @property
    def duration(self) -> timedelta:
        """How long."""
        return timedelta(seconds=self.seconds)

    @property
    def hours(self) -> str:
        """How long, in hours."""
        return decimal_text(Decimal(self.seconds) / SECONDS_PER_HOUR)

    def view(self, now: datetime, mode: Mode) -> View:
        """Return how a search sees the offers of the stay: at the prices of its quotes."""
        from numgenius_core.search import View

        reserved = self.duration
        if self.months is not None:
            reserved = timedelta(seconds=self.months * SECONDS_PER_MONTH // 1)
        return View(
            disk_mb=to_megabytes(self.disk),
            now=now,
            mode=mode,
            stay=reserved if mode is Mode.RESERVED else None,
            target=self.target if mode is Mode.ON_DEMAND else None,
        )


class Asked(NamedTuple):
    """A market, the moment of it, and what of it is asked for."""

    reading: Reading
    now: datetime
    wanted: frozenset[int]
    verified: bool
    external: bool

    def findings(self) -> list[Finding]:
        """Return what is odd among the offers that are asked for."""
        wanted = [offer for offer in self.reading.offers if id(offer) in self.wanted]
        numbers, machines = {o.id for o in wanted}, {o.machine for o in wanted}
        return [
            each
            for each in self.reading.findings
            if (each.machine in machines if each.offer is None else each.offer in numbers)
        ]

    def rank(self, stay: Stay, mode: Mode) -> Ranking:
        """Return what fits a stay in a mode, and what does not."""
        return rank_offers(
            self.reading.offers,
            stay.duration,
            now=self.now,
            where=lambda offer: id(offer) in self.wanted,
            verified=self.verified,
            external=self.external,
            **stay.of(mode),
        )


def told(options: Namespace, stay: Stay, asked: Asked) -> dict[str, Any]:
    """Return what was asked for, as programs get it: an answer without it says little."""
    return {
        "disk_gb": _plain(stay.disk),
        "upload_gb": _plain(stay.upload),
        "download_gb": _plain(stay.download),
        "months": None if stay.months is None else decimal_text(_decimal(stay.months)),
        "bid": None if stay.bid is None else str(stay.bid),
        "target": None if stay.target is None else decimal_text(_decimal(stay.target)),
        "gpus": options.gpus,
        "gpu": options.gpu,
        "where": options.where or None,
        "verified": asked.verified,
        "external": asked.external,
    }


def _plain(text: str) -> str:
    return decimal_text(Decimal(text))


def _decimal(share: Fraction) -> Decimal:
    return Decimal(share.numerator) / share.denominator


def stay_of(options: Namespace, mode: Mode) -> Stay:
    """Read the options of a stay."""
    months, bid = getattr(options, "months", None), getattr(options, "bid", None)
    if months is not None and mode is not Mode.RESERVED:
        raise RuleViolation("--months", "--mode reserved", mode.value)
    if bid is not None and mode is not Mode.INTERRUPTIBLE:
        raise RuleViolation("--bid", "--mode interruptible", mode.value)
    if options.target is not None and mode is not Mode.ON_DEMAND:
        raise RuleViolation("--target", "--mode on-demand", mode.value)
    if options.hours is None and months is not None:
        seconds = _seconds("--months", months, SECONDS_PER_MONTH)
    else:
        seconds = parse_hours("1" if options.hours is None else options.hours)
    return Stay(
        seconds=seconds,
        mode=mode,
        disk=_gigabytes("--disk", to_megabytes, options.disk),
        upload=_gigabytes("--upload", to_bytes, options.upload),
        download=_gigabytes("--download", to_bytes, options.download),
        bid=None if bid is None else bid_of(bid),
        months=None if months is None else _months(months),
        target=None if options.target is None else read("--target", _target, options.target),
    )


def _gigabytes(option: str, check: Callable[[str], int], text: str) -> str:
    """Return GB as quotes take them, once they are known to be some."""

    def checked(given: str) -> str:
        check(given)
        return given

    return read(option, checked, text)


def bid_of(text: str) -> PerHour:
    """Return a bid that the market may take; how much a machine asks for, its floor says."""
    bid = read("--bid", PerHour, text)
    if bid < LOWEST_BID:
        raise RuleViolation("--bid", f"at least ${LOWEST_BID} an hour", text)
    return bid


def _months(text: str) -> Fraction:
    from numgenius_core.prices.schedules import months_of  # what only reservations need

    return read("--months", months_of, text)


def _target(text: str) -> Fraction:
    return reliability_of(text, "target")


def _seconds(option: str, text: str, per_unit: int) -> int:
    """Return typed hours or months as whole seconds."""
    need = f"a number above zero that makes whole seconds, up to {_LONGEST_STAY} years"
    number, places = read(option, lambda given: as_fraction_of_ten(given, option, need), text)
    seconds, rest = divmod(number * per_unit, int(10**places))
    if rest or not 0 < seconds <= _LONGEST_STAY * 366 * SECONDS_PER_DAY:
        raise RuleViolation(option, need, text)
    return seconds


def ask(options: Namespace, stay: Stay) -> Asked:
    """Read the market, and which of its offers are asked for."""
    if options.gpus is not None and options.gpus < 1:
        raise RuleViolation("--gpus", "at least 1", str(options.gpus))
    query = _query(options) if options.where else None  # its language loads only with one
    reading = _with_fee(_reading(options), getattr(options, "platform_fee", None))
    now = _moment(options.now, reading)
    seen = reading.offers if query is None else _seen(query[0], reading.offers, now, stay)
    return Asked(
        reading=reading,
        now=now,
        wanted=frozenset(map(id, _wanted(seen, options))),
        verified=(query is None or query[1]) and not options.any,
        external=(query is not None and query[2]) or bool(options.any),
    )


def _with_fee(reading: Reading, fee: str | None) -> Reading:
    """Return a market of which the platform keeps a share; no market file says which."""
    if fee is None:
        return reading
    kept = share("--platform-fee", fee, below_one=True)
    offers = [
        evolve(each, prices=evolve(each.prices, platform_fee=kept)) for each in reading.offers
    ]
    return evolve(reading, offers=tuple(offers))


def _seen(query: Query, offers: Sequence[Offer], now: datetime, stay: Stay) -> Sequence[Offer]:
    """Return the offers that a query asks for; say what of it they cannot answer."""
    from numgenius_core.search import remarks

    view = stay.view(now, stay.mode)
    for remark in remarks(query, offers, view=view):
        say(f"numgenius: --where {remark}")
    return query.seen(offers, view)


def _query(options: Namespace) -> tuple[Query, bool, bool]:
    """Return what the words ask for, and whether they leave verified and external to others."""
    from numgenius_core.search import parse

    own, over = parse(options.where), parse(options.where, base=parse(_CLIENT))
    named = {condition.field for condition in own.conditions}
    left = {condition.field for condition in over.conditions} - named
    return own, left.issuperset(_VERIFIED), "external" not in left


def _wanted(offers: Iterable[Offer], options: Namespace) -> list[Offer]:
    """Return the offers of as many GPUs, and of the model, that are asked for.

    Where there are none of them, what may be meant is said.
    """
    named, name, gpus = list(offers), options.gpu, options.gpus
    if name is not None and named:
        from numgenius_core.search import gpu_matcher

        matches = read("--gpu", gpu_matcher, name)
        every, named = named, [offer for offer in named if matches(offer)]
        if not named:
            say(f"numgenius: --gpu {name}: {_no_such_gpu(name, every)}")
    found = [offer for offer in named if gpus in (None, offer.gpus)]
    if named and not found:
        sizes = ", ".join(map(str, sorted({offer.gpus for offer in named})))
        say(f"numgenius: --gpus {gpus}: no offer has so many; offers have {sizes}")
    return found


def _no_such_gpu(name: str, offers: Sequence[Offer]) -> str:
    """Return what may be meant by the name of a GPU that no offer has."""
    from numgenius_core.search import Condition, Operator, Query, remarks

    (remark,) = remarks(Query([Condition("gpu_name", Operator.PART, name)]), offers)
    return remark.text


def _reading(options: Namespace) -> Reading:
    if bool(options.file) == options.sample:
        need = "a market file, - or --sample"
        # Not a second source by intent. ``Path.exists`` raises for a name that is too long.
        if options.sample and not os.path.exists(options.file):  # noqa: PTH110
            need += QUOTES
        got = f"{options.file} and --sample" if options.file else "neither"
        raise RuleViolation("FILE", need, got)
    if options.sample:
        return read_offers(sample_path().read_bytes())
    reading = read_offers(
        source_of(options.file),
        on_error="collect" if options.skip_bad else "raise",
        naive="utc" if options.utc else "refuse",
    )
    say_skipped(reading.faults)
    return reading


def say_skipped(faults: Sequence[RuleViolation]) -> None:
    """Name the first faults of records that are left out, and how many more there are."""
    for fault in faults[:_MOST_FAULTS]:
        say(f"numgenius: skipped {plain(str(fault))}")
    if len(faults) > _MOST_FAULTS:
        say(f"numgenius: and {len(faults) - _MOST_FAULTS:,} faults more")


def _moment(text: str | None, reading: Reading) -> datetime:
    """Return the moment that is asked for: as told, else the file's own, else now."""
    if text is not None:
        return instant(text, "--now")
    return reading.at or datetime.now(UTC).replace(microsecond=0)


def days_left(offer: Offer, now: datetime) -> Decimal | None:
    """Return for how many days an offer lasts, ``None`` without an end."""
    left = seconds_left(offer, now)
    return None if left is None else Decimal(left) / SECONDS_PER_DAY
