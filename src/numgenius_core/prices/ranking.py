"""What can be rented for a stay, the cheapest first, and why the rest cannot.

Rule (marketplace): a contract locks an end date, so the offer must last for the stay; nobody else
must have rented its GPUs on demand; a prepayment must fit before the contract's end; an offer has a
share of its machine's disk and no more; a machine that is not verified has no reserved price; a
search for a target of uptime hides what claims less; a bid is from $0.001 to $32 a GPU and at least
the floor.

Our readings: a bid can be made on GPUs that are rented on demand, but it would wait for an end that
nobody knows, so a stay at a bid needs them free too, as the market's own client searches; bids that
run on them are no hindrance. Where only verified machines are asked for, as the market's own client
does, one of which nothing is said is taken; where nothing is said of ``external``, it is not.
Verified machines have a reserved price, also without a discount, as in the market's own answers;
where nothing is said of the discount, that price is not known. What has no known price is in no
ranking, nor what has no known disk where disk is wanted; an offer that says how long it lasts, and
not when it ends, lasts so long at most. An offer that stands twice
is ranked once.

Each offer that is left out carries every reason, in the order of :class:`NotRented`; the first is
the one that counts, so that counts add up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from math import floor
from typing import TYPE_CHECKING, Final, NamedTuple

from attrs import field, frozen

from numgenius_core._checks import as_tuple, check_callable, check_kind, utc
from numgenius_core._tables import Tabular, numbers
from numgenius_core._terms import HIGHEST_BID, LOWEST_BID, Mode, Verification, reliability_of
from numgenius_core.errors import RuleViolation, brief
from numgenius_core.ids import OfferId
from numgenius_core.intervals import total_seconds
from numgenius_core.offer import Offer
from numgenius_core.prices.quotes import (
    Quote,
    about,
    check_stay,
    discount_of,
    quote,
    says,
    title_of,
)
from numgenius_core.rates import PerHour
from numgenius_core.units import Amount, Cell, Exact, to_bytes, to_megabytes

_DIGITS: Final = 19
"""Seconds of more digits are no time that anybody means."""

if TYPE_CHECKING:
    from numgenius_core._tables.result import ResultTable
    from numgenius_core.prices.schedules import ReservedSchedule
    from numgenius_core.sla.schedules import SlaRules


class NotRented(Enum):
    """Why an offer is not in a ranking, in the order in which reasons are looked for."""

    REPEATED = "repeated"
    """Its number stood before."""
    WHERE = "where"
    """The caller's own condition turned it down."""
    NOT_RENTABLE = "not_rentable"
    """Its GPUs cannot be had now: somebody has rented them on demand; a bid on them would wait."""
    ENDS = "ends"
    """It ends before the stay would."""
    RESERVATION = "reservation"
    """It ends before the months that are prepaid: the market takes no such prepayment."""
    DISK = "disk"
    """It has less disk than is wanted."""
    DISK_UNKNOWN = "disk_unknown"
    """Disk is wanted, and its source does not say how much it has."""
    NOT_VERIFIED = "not_verified"
    """The marketplace has not verified its machine."""
    EXTERNAL = "external"
    """It belongs to another market, which this one shows."""
    CLAIM = "claim"
    """Its host claims less uptime than is asked for, or none."""
    NO_RESERVED_PRICE = "no_reserved_price"
    """Its machine is not verified, and so cannot be reserved."""
    DISCOUNT_UNKNOWN = "discount_unknown"
    """Neither its source nor the caller says the discount: what reserving costs is not known."""
    BID = "bid"
    """The bid, or its floor, is not within the market's bounds."""
    PRICE_UNKNOWN = "price_unknown"
    """Its source does not say a price that the stay needs."""


@frozen(kw_only=True)
class LeftOut:
    """An offer that is not in a ranking.

    Attributes:
        offer: The offer.
        reasons: All of them, at least one, in the order of :class:`NotRented`.

    Raises:
        RuleViolation: No reason.

    >>> from numgenius_core import read_sample
    >>> from numgenius_core.prices import LeftOut, NotRented
    >>> offer = read_sample().offers[0]
    >>> LeftOut(offer=offer, reasons=(NotRented.ENDS, NotRented.DISK)).reason
    <NotRented.ENDS: 'ends'>
    """

    offer: Offer
    reasons: tuple[NotRented, ...] = field(repr=brief)

    def __attrs_post_init__(self) -> None:
        if not self.reasons:
            raise RuleViolation("left_out.reasons", "at least one", "none")

    @property
    def reason(self) -> NotRented:
        """The first reason, under which the offer is counted."""
        return self.reasons[0]

    def to_dict(self) -> dict[str, Cell]:
        """Return the offer and all reasons as one dict, as a row of ``Ranking.to_dicts`` begins."""
        return numbers({**about(self.offer), "reasons": ", ".join(r.value for r in self.reasons)})


@frozen(kw_only=True)
class Ranking(Tabular):
    """The offers that can be had for a stay; :func:`rank_offers` makes it.

    Its text is a table of what fits, and ``to_dicts`` has a dict for each of these quotes
    (:meth:`Quote.to_dict`).

    Attributes:
        quotes: What fits, the cheapest first; equal totals by the offer's number.
        left_out: The others, in the order in which they came.

    >>> from datetime import UTC, datetime, timedelta
    >>> from numgenius_core.prices import rank_offers
    >>> from numgenius_core.wire import read_sample
    >>> offers = [each for each in read_sample().offers if each.gpu_name == "RTX 5090"]
    >>> now = datetime(2026, 12, 1, 12, tzinfo=UTC)
    >>> ranking = rank_offers(offers, timedelta(days=30), now=now, disk=200, verified=True)
    >>> print(ranking)
    on-demand: 2 of 7 offers fit; left out: ends 3, not verified 2
    offer                  total $  all in $/h  headline $/h
    9000030: 1 × RTX 5090   445.29      0.6185        0.6129
    9000031: 2 × RTX 5090   886.58      1.2314        1.2258
    >>> ranking.to_dicts()[0]["total"], ranking.quotes[0].total
    (445.288, Money('445.288'))
    """

    quotes: tuple[Quote, ...] = field(repr=brief)
    left_out: tuple[LeftOut, ...] = field(repr=brief)

    def counts(self) -> dict[NotRented, int]:
        """Return how many offers each reason left out, each offer once, zeros too."""
        found = Counter(each.reason for each in self.left_out)
        return {reason: found[reason] for reason in NotRented}

    def _rows(self) -> Iterable[object]:
        return [each.to_dict() for each in self.quotes]

    def table(self) -> ResultTable:
        """Return a row for each quote: its total and its price an hour, all in and of the GPUs."""
        from numgenius_core._tables.result import ResultTable

        offers = [each.offer for each in self.quotes]
        rows = [
            (
                title_of(offer),
                f"{each.total:,.2f}",
                f"{each.per_hour(4):,}",
                "?" if "gpu" in offer.unknown_prices else f"{offer.per_hour:,.4f}",
            )
            for offer, each in zip(offers, self.quotes, strict=True)
        ]
        counts = [(why.value.replace("_", " "), n) for why, n in self.counts().items() if n]
        modes = {each.mode for each in self.quotes}
        title = "".join(f"{mode.value}: " for mode in modes if len(modes) == 1)
        title += f"{len(rows):,} of {len(rows) + len(self.left_out):,} offers fit"
        if counts:
            title += f"; left out: {', '.join(f'{why} {n:,}' for why, n in counts)}"
        headline = "on demand $/h" if modes == {Mode.INTERRUPTIBLE} else "headline $/h"
        head = ("offer", "total $", "all in $/h", headline)
        return ResultTable(title=title, head=head, rows=tuple(rows))


class _Prepaid(NamedTuple):
    """The months that a reservation prepays, where they may be more than the stay."""

    months: Fraction
    schedule: ReservedSchedule | None

    def outlasts(self, offer: Offer, seconds: int) -> bool:
        """Return whether the months go on after an offer that lasts for so many seconds."""
        from numgenius_core.prices.deposits import longest_that_fits
        from numgenius_core.prices.schedules import CurveSchedule, discount_of

        longest = longest_that_fits(seconds)
        if longest is None or self.months <= longest:
            return False
        # Without a discount nothing is prepaid, so nothing can be too long.
        schedule = CurveSchedule(offer.max_discount) if self.schedule is None else self.schedule
        return discount_of(schedule, self.months) > 0


class _Stay(NamedTuple):
    """What :func:`rank_offers` looks for, read once and not for each offer."""

    now: datetime
    seconds: int
    mode: Mode
    disk_mb: int
    bid: PerHour | None
    verified: bool
    external: bool
    needs: frozenset[str]
    scheduled: bool
    target: Fraction | None
    prepaid: _Prepaid | None

    def against(self, offer: Offer) -> list[NotRented]:
        """Return all that speaks against an offer."""
        bids = self.mode is Mode.INTERRUPTIBLE
        found = []
        if not offer.rentable:
            found.append(NotRented.NOT_RENTABLE)
        found += self._beyond(offer)
        if offer.disk_mb < self.disk_mb:
            unknown = disk_of(offer) is None
            found.append(NotRented.DISK_UNKNOWN if unknown else NotRented.DISK)
        verified = offer.verification is Verification.VERIFIED
        if self.verified and not verified and says(offer, "verification"):
            found.append(NotRented.NOT_VERIFIED)
        if not self.external and is_external(offer):
            found.append(NotRented.EXTERNAL)
        if self.target is not None and not claims(offer, self.target):
            found.append(NotRented.CLAIM)
        if self.mode is Mode.RESERVED and not verified:
            found.append(NotRented.NO_RESERVED_PRICE)
        elif self.mode is Mode.RESERVED and not self.scheduled and discount_of(offer) is None:
            found.append(NotRented.DISCOUNT_UNKNOWN)
        if bids and not self._takes(offer):
            found.append(NotRented.BID)
        if offer.unknown_prices and not self.needs.isdisjoint(offer.unknown_prices):
            found.append(NotRented.PRICE_UNKNOWN)
        return found

    def _beyond(self, offer: Offer) -> list[NotRented]:
        """Return what of the stay goes on after an offer's end."""
        left = seconds_left(offer, self.now)
        if left is None:
            return []
        found = [NotRented.ENDS] if self.seconds > left else []
        if self.prepaid is not None and self.prepaid.outlasts(offer, left):
            found.append(NotRented.RESERVATION)
        return found

    def _takes(self, offer: Offer) -> bool:
        """Return whether an offer takes the bid; a floor that is not known is 0 here."""
        least = max(offer.prices.min_bid.steps * offer.gpus, LOWEST_BID.steps)
        bid = least if self.bid is None else self.bid.steps
        return least <= bid <= HIGHEST_BID.steps * offer.gpus


def is_external(offer: Offer) -> bool:
    """Return whether an offer belongs to another market; nothing said is no."""
    return offer.extra.get("external") in (True, "True", "true", 1, "1")


def disk_of(offer: Offer) -> int | None:
    """Return the MB of disk that comes with an offer, ``None`` if its source does not say."""
    if offer.disk_mb or says(offer, "disk_space") or says(offer, "disk_space_gb"):
        return offer.disk_mb
    return None


def told_of(offer: Offer) -> dict[str, object]:
    """Return what an offer's source says of it, by name; what it does not say is ``None``."""
    disk, prices, unknown = disk_of(offer), offer.prices, offer.unknown_prices
    verified = says(offer, "verification")
    return {
        **about(offer),
        "gpus_in_machine": offer.gpus_in_machine,
        "min_bid": None if "min_bid" in unknown else offer.min_bid,
        **{
            name: None if name in unknown else getattr(prices, name)
            for name in ("storage", "upload", "download")
        },
        "max_discount": discount_of(offer),
        "disk_gb": None if disk is None else offer.disk_gb,
        "ends_at": offer.ends_at,
        "host": offer.host,
        "verification": offer.verification if verified else None,
        "rentable": offer.rentable,
        "claim": None if offer.promise is None else offer.promise.claim,
    }


def seconds_left(offer: Offer, now: datetime) -> int | None:
    """Return for how long an offer lasts, ``None`` if it never ends.

    Of one whose source says how long it lasts, and not when it ends, that is the most it can be:
    it was so long when the market was asked.
    """
    if offer.ends_at is not None:
        return total_seconds(now, offer.ends_at)
    for key in ("duration", "duration_seconds"):
        said = _whole(offer.extra.get(key)) if offer.extra else None
        if said is not None:
            return said
    return None


def _whole(value: object) -> int | None:
    """Return a number or the text of one, rounded down; ``None`` for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        exact = Decimal(str(value))
        return floor(exact) if exact.adjusted() < _DIGITS else None
    except (ArithmeticError, ValueError):
        return None


def claims(offer: Offer, target: Fraction) -> bool:
    """Return whether the host of an offer claims as much uptime as a target."""
    return offer.promise is not None and target <= offer.promise.claim


def _needed(
    mode: Mode, bid: PerHour | None, disk_mb: int, traffic: tuple[int, int]
) -> frozenset[str]:
    """Return the prices that a stay needs, by their names in ``Offer.unknown_prices``."""
    gpu = "gpu" if mode is not Mode.INTERRUPTIBLE else "min_bid" if bid is None else ""
    used = zip(("storage", "upload", "download"), (disk_mb, *traffic), strict=True)
    return frozenset({gpu, *(name for name, amount in used if amount)} - {""})


def _prepaid(
    months: Amount | Fraction | None, schedule: ReservedSchedule | None
) -> _Prepaid | None:
    """Return the months to prepay; ``None`` if they are the stay's own, or none."""
    if months is None:
        return None
    from numgenius_core.prices.schedules import ReservedSchedule, months_of

    if schedule is not None:
        check_kind(schedule, ReservedSchedule, "schedule")
    return _Prepaid(months_of(months), schedule)


def check_where(where: object) -> None:
    """Refuse what is no function: a query does not know the disk and the instant by itself."""
    check_callable(where, "where", "a function of an offer, such as query.matches")


def rank_offers(
    offers: Iterable[Offer],
    duration: timedelta,
    *,
    now: datetime,
    mode: Mode = Mode.ON_DEMAND,
    disk: Amount = 0,
    upload: Amount = 0,
    download: Amount = 0,
    bid: PerHour | None = None,
    months: Amount | Fraction | None = None,
    schedule: ReservedSchedule | None = None,
    target: Exact | None = None,
    sla: SlaRules | None = None,
    where: Callable[[Offer], bool] | None = None,
    verified: bool = False,
    external: bool = True,
) -> Ranking:
    """Return what a stay costs on each offer that can be had for it, and what is left out and why.

    Args:
        offers: A market.
        duration: How long, whole seconds above zero.
        now: When the stay begins: an offer must last as long as it does.
        mode: All need an offer whose GPUs nobody has rented on demand; reserved one with a
            reserved price that lasts for the months prepaid, interruptible one that takes the bid.
        disk: GB of disk; an offer must have as much.
        upload: GB sent.
        download: GB received.
        bid: Of interruptibles, for the whole instance; each offer's lowest bid if left out.
        months: Of reservations, months to prepay; ``duration`` if left out.
        schedule: Of reservations, how the discount grows; each offer's curve if left out.
        target: The uptime that hosts are to keep, on demand only; what claims less is left out.
        sla: What a promise costs; our schedules if left out.
        where: Which offers to look at, by a function of an offer, such as the ``matches`` of a
            :class:`~numgenius_core.search.Query`; the others are left out as ``WHERE``.
        verified: Only offers of verified machines, and those of which their source does not say.
        external: Also offers of other markets that this one shows.

    Raises:
        WrongType: Something among ``offers`` is no ``Offer``, ``now`` no datetime, ``where`` no
            function.
        RuleViolation: As for :func:`numgenius_core.prices.quote`, whatever offers there are.

    >>> from datetime import UTC, datetime, timedelta
    >>> from numgenius_core import read_sample
    >>> from numgenius_core.prices import rank_offers
    >>> offers = read_sample().offers
    >>> now = datetime(2026, 11, 25, tzinfo=UTC)
    >>> ranking = rank_offers(offers, timedelta(days=30), now=now, disk=500, verified=True)
    >>> len(ranking.quotes), ranking.quotes[0].offer.id, ranking.quotes[0].total
    (16, 9000000, Money('132.384'))
    >>> {reason.value: count for reason, count in ranking.counts().items() if count}
    {'not_rentable': 5, 'ends': 12, 'disk': 17, 'not_verified': 16}
    """
    check_where(where)
    seconds = check_stay(duration, mode, bid, months, schedule, target, sla)
    disk_mb = to_megabytes(disk)
    traffic = to_bytes(upload, "upload"), to_bytes(download, "download")
    stay = _Stay(
        now=utc(now, "now"),
        seconds=seconds,
        mode=mode,
        disk_mb=disk_mb,
        bid=bid,
        verified=verified,
        external=external,
        needs=_needed(mode, bid, disk_mb, traffic),
        scheduled=schedule is not None,
        target=None if target is None else reliability_of(target, "target"),
        prepaid=_prepaid(months, schedule),
    )
    quotes, left_out, seen = [], [], set[OfferId]()
    for index, offer in enumerate(as_tuple(offers, "offers")):
        check_kind(offer, Offer, f"offers[{index}]")
        if offer.id in seen:
            reasons = [NotRented.REPEATED]
        elif where is not None and not where(offer):
            reasons = [NotRented.WHERE]
        else:
            reasons = stay.against(offer)
        seen.add(offer.id)
        if reasons:
            left_out.append(LeftOut(offer=offer, reasons=tuple(reasons)))
            continue
        quotes.append(
            quote(
                offer,
                duration,
                mode=mode,
                disk=disk,
                upload=upload,
                download=download,
                bid=bid,
                months=months,
                schedule=schedule,
                target=target,
                sla=sla,
            )
        )
    quotes.sort(key=lambda each: (each.total.ticks, each.offer.id))
    return Ranking(quotes=tuple(quotes), left_out=tuple(left_out))
