"""What renting an offer costs: GPUs, disk and traffic, line by line.

Rule (marketplace, measured): ``dph_total = dph_base + storage_cost · disk_GB / 720`` and
``discounted_dph_total = dph_total − dph_base · discount_rate``: the price of n GPUs is n × one's,
and the reserved discount is on the GPU part only. Traffic is paid by the GB. The platform keeps
its fee of these prices, and none of a promise's own fee; the host gets the rest.

A reservation costs what it will be billed (:mod:`numgenius_core.billing`): it has the discount in
every second that begins with some of the deposit left, costs the on-demand price after that, and
forfeits part of the deposit when it ends early. The discount is the one that the market works out
from the deposit, a whole number of nano-dollars: that of the months asked for where these make
whole seconds, else one beside it. Without a discount the market takes no prepayment, nor one of
nothing, so there is no deposit.

A bid is what a rental takes (:func:`numgenius_core.bids.check_bid`): without a floor an
interruptible still costs $0.001 an hour.

A promise of uptime (:mod:`numgenius_core.sla`) is bought on demand only. Its fee is a line of its
own, never discounted, and part of ``dph_total``: GPUs, storage and the fee.

Our readings: the platform takes nothing of that fee. Its part of each price that is paid is a price
of its own, rounded once, as it is billed: a quote's payout is that of the statement, to the tick. A
quote's price *per hour* is all in, traffic too: the total over the hours. What needs a price that
is not known has none: it is refused, not free. So is a reservation of an offer whose source does
not say its discount: no discount is one that is said to be 0.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from math import isfinite
from typing import TYPE_CHECKING, Final

from attrs import field, frozen

from numgenius_core._accrual import Price, charge, discounted, fee_of, seconds_on_deposit
from numgenius_core._checks import check_kind
from numgenius_core._numbers import (
    decimal_of,
    keep_whole,
    round_half_even,
    whole_seconds,
)
from numgenius_core._tables import Tabular, numbers
from numgenius_core._terms import LOWEST_BID, Mode, Verification, check_bid, reliability_of
from numgenius_core.errors import RuleViolation, brief, shown
from numgenius_core.money import TICKS_PER_DOLLAR, ZERO, Money, rounded_parts
from numgenius_core.offer import Offer
from numgenius_core.rates import PerHour
from numgenius_core.units import (
    SECONDS_PER_HOUR,
    SECONDS_PER_MONTH,
    Amount,
    Cell,
    Exact,
    to_bytes,
    to_megabytes,
)

if TYPE_CHECKING:
    from numgenius_core._tables.result import ResultTable
    from numgenius_core.prices.schedules import ReservedSchedule
    from numgenius_core.sla.schedules import SlaRules


class QuotePart(Enum):
    """What a line of a quote is for: GPU time, disk, traffic, or what a reservation changes."""

    GPU = "gpu"
    DISCOUNT = "discount"
    FORFEIT = "forfeit"
    STORAGE = "storage"
    UPLOAD = "upload"
    DOWNLOAD = "download"
    SLA_FEE = "sla_fee"
    """The fee of a promise of uptime."""


_OF_RESERVING: Final = (QuotePart.DISCOUNT, QuotePart.FORFEIT)
_LONGEST: Final = timedelta.max // timedelta(seconds=1)
_Use = tuple[Price, int, int]
"""A price, the size of what it is for, and how much of it: what a charge is made of."""


@frozen(kw_only=True)
class QuoteLine:
    """One part of the price in a :class:`Quote`.

    Attributes:
        kind: What it is for.
        amount: Exact dollars for the whole time, negative for a discount.

    >>> from datetime import timedelta
    >>> from numgenius_core import quote, read_sample
    >>> offer = read_sample().offers[2]  # four RTX 3060 at $0.0797 a GPU-hour
    >>> for line in quote(offer, timedelta(days=1), disk=100).lines:
    ...     print(line.kind.value, line.amount)
    gpu 7.6512
    storage 0.50
    upload 0.00
    download 0.00
    """

    kind: QuotePart
    amount: Money


@frozen(kw_only=True)
class Quote(Tabular):
    """The price of renting an offer for a time; :func:`quote` makes it.

    Its text is a table in cents.

    Attributes:
        offer: What is rented.
        mode: How it is rented.
        seconds: How long, whole seconds.
        lines: GPU at the price on demand; of a reservation, the discount and what is forfeited of
            its deposit; storage, upload and download; the fee of a promise, if one is bought.
        payout: What the host gets, if no credit comes due; with ``fee`` it adds up to the total.
        fee: What the platform keeps: of each price its part, rounded once, as it is billed.
        deposit: What a reservation prepays, ``None`` for other modes, and where there is no
            discount, or less than half a nano-dollar to pay: the market takes no prepayment then,
            and the price is that on demand.
        discount: Share taken off the GPU price while the deposit lasts, as the market agrees to it.
        target: The uptime that the client asks the host to keep, ``None`` for no promise.
        sla_per_hour: What the promise costs an hour, ``None`` without one.

    Raises:
        RuleViolation: A stay of no time, or of more than a ``timedelta`` can be.

    >>> from datetime import timedelta
    >>> from numgenius_core import MachineId, Offer, OfferId, PerGpuHour, PriceTerms, quote
    >>> prices = PriceTerms(gpu=PerGpuHour("0.40"))
    >>> offer = Offer(
    ...     id=OfferId(1), machine=MachineId(7), gpu_name="A100", gpus=4, prices=prices
    ... )
    >>> three_days = quote(offer, timedelta(days=3))
    >>> three_days.total, three_days.per_hour(2)
    (Money('115.20'), Decimal('1.60'))
    """

    offer: Offer
    mode: Mode
    seconds: int
    lines: tuple[QuoteLine, ...] = field(repr=brief)
    payout: Money
    fee: Money
    deposit: Money | None = None
    discount: Fraction = Fraction(0)
    target: Fraction | None = None
    sla_per_hour: PerHour | None = None

    def __attrs_post_init__(self) -> None:
        keep_whole(self, "seconds", "quote.seconds", 1, _LONGEST)

    @property
    def total(self) -> Money:
        """What the client pays in all, exact."""
        return Money.sum(line.amount for line in self.lines)

    def amount_of(self, kind: QuotePart) -> Money:
        """Return the sum of the lines of one kind, zero if the quote has none."""
        return Money.sum(line.amount for line in self.lines if line.kind is kind)

    def per_hour(self, places: int = 12) -> Decimal:
        """Return dollars per hour, all in, rounded half-even once to ``places`` decimals."""
        units = round_half_even(
            self.total.ticks * 10**places * SECONDS_PER_HOUR, TICKS_PER_DOLLAR * self.seconds
        )
        return decimal_of(units, places)

    def rounded_lines(self, places: int = 9) -> tuple[tuple[QuotePart, Decimal], ...]:
        """Return the lines in dollars of ``places`` decimals, which add up to the rounded total.

        Each is the difference of two rounded running totals: lines rounded one by one could
        miss the total by a unit each.
        """
        amounts = rounded_parts((line.amount for line in self.lines), places)
        return tuple(zip((line.kind for line in self.lines), amounts, strict=True))

    def _rows(self) -> Iterable[object]:
        return self.lines

    def to_dict(self) -> dict[str, Cell]:
        """Return the quote as one dict, numbers as ``to_dicts`` has those of its lines.

        Each line stands under the word for what it is for, zero if the quote has none: ``discount``
        is dollars, as among the lines, and the share is ``discount_rate``, as in columns
        (:func:`numgenius_core.frames.quote`). Of its offer there are also ``headline``, the price
        of the GPUs an hour on demand, and what its source says of the machine: ``reliability`` and
        ``geolocation``.
        """
        said = {"discount_rate" if n == "discount" else n: v for n, v in numbers(self).items()}
        lines = {kind.value: self.amount_of(kind) for kind in QuotePart}
        return numbers({**about(self.offer), **said, **lines})

    def table(self) -> ResultTable:
        """Return the lines in cents as a table; they add up to the total in cents."""
        from numgenius_core._tables.result import ResultTable

        offer, time = self.offer, str(timedelta(seconds=self.seconds)).removesuffix(", 0:00:00")
        rows = [(kind.value, f"{amount:,.2f}") for kind, amount in self.rounded_lines(2)]
        return ResultTable(
            title=f"{offer.gpus} × {offer.gpu_name}, {self.mode.value}, {time}",
            head=("line", "$"),
            rows=(*rows, ("total", f"{self.total:,.2f}"), ("an hour", f"{self.per_hour(4)}")),
        )


def quote(
    offer: Offer,
    duration: timedelta,
    *,
    mode: Mode = Mode.ON_DEMAND,
    disk: Amount = 0,
    upload: Amount = 0,
    download: Amount = 0,
    bid: PerHour | None = None,
    months: Exact | None = None,
    schedule: ReservedSchedule | None = None,
    target: Exact | None = None,
    sla: SlaRules | None = None,
) -> Quote:
    """Return the exact price of renting an offer for a time.

    Args:
        offer: What is rented.
        duration: How long, whole seconds above zero.
        mode: On-demand, reserved or interruptible.
        disk: Disk in GB, at most 3 decimals.
        upload: Traffic sent in GB, at most 9 decimals.
        download: Traffic received in GB, at most 9 decimals.
        bid: Of an interruptible, for the whole instance; if left out, the offer's ``min_bid``,
            at least $0.001: what the market quotes, the larger of the host's floor and the highest
            bid that runs there.
        months: Of a reservation, months of 720 hours to prepay; ``duration`` if left out. When
            ``duration`` is longer, the rest is on demand; when it is shorter, the reservation ends
            early, and part of the deposit is forfeited.
        schedule: Of a reservation, how the discount grows; if left out, the market's curve to the
            offer's ``max_discount``.
        target: The uptime that the host is to keep, on demand only: at most the offer's claim.
        sla: What a promise costs (:class:`numgenius_core.sla.SlaRules`); our schedules if left out.

    Raises:
        WrongType: ``offer`` is no ``Offer``, ``duration`` no ``timedelta``, ``bid`` no ``PerHour``,
            or an amount a ``float``.
        RuleViolation: No time, a bid below the offer's ``min_bid`` (which a market may take: it
            waits there for the bid that runs), below $0.001 or above $32 a GPU, a bid or months in
            another mode than theirs, a reservation of a machine that is not verified, a price or a
            discount that is needed and not known, or a target on a bid or a reservation, above the
            offer's claim, or of an offer without one.

    >>> from datetime import timedelta
    >>> from numgenius_core import MachineId, Offer, OfferId, PerGpuHour, PriceTerms, quote
    >>> from numgenius_core.sla import Promise
    >>> prices = PriceTerms(gpu=PerGpuHour("0.40"))
    >>> offer = Offer(
    ...     id=1, machine=7, gpu_name="A100", gpus=4, prices=prices, promise=Promise("0.99")
    ... )
    >>> quote(offer, timedelta(days=3)).total  # 4 GPUs × 72 hours × $0.40
    Money('115.20')
    >>> print(quote(offer, timedelta(days=3), target="0.95").sla_per_hour)
    0.018478125
    """
    check_kind(offer, Offer, "offer")
    seconds = check_stay(duration, mode, bid, months, schedule, target, sla)
    full = offer.per_hour if mode is not Mode.INTERRUPTIBLE else _bid(offer, bid)
    lines = [QuoteLine(kind=QuotePart.GPU, amount=charge(full, 1, seconds))]
    used: list[_Use] = [(full, 1, seconds)]
    discount, deposit, lost = Fraction(0), None, ZERO
    if mode is Mode.RESERVED:
        discount, deposit, reserved, used = _reserved(offer, seconds, months, schedule)
        lines += reserved
        lost = reserved[-1].amount  # the forfeit
    prices = offer.prices
    for kind, price, size, quantity in (
        (QuotePart.STORAGE, prices.storage, to_megabytes(disk), seconds),
        (QuotePart.UPLOAD, prices.upload, 1, to_bytes(upload, "upload")),
        (QuotePart.DOWNLOAD, prices.download, 1, to_bytes(download, "download")),
    ):
        if offer.unknown_prices and size and quantity:
            offer.require_price(kind.value)
        lines.append(QuoteLine(kind=kind, amount=charge(price, size, quantity)))
        used.append((price, size, quantity))
    share, per_hour, bought = _promised(offer, seconds, disk, target, sla)
    lines += bought
    fee = _platforms(prices.platform_fee, used, lost)
    return Quote(
        offer=offer,
        mode=mode,
        seconds=seconds,
        lines=tuple(lines),
        payout=Money.sum(line.amount for line in lines) - fee,
        fee=fee,
        deposit=deposit,
        discount=discount,
        target=share,
        sla_per_hour=per_hour,
    )


def check_stay(
    duration: timedelta,
    mode: Mode,
    bid: object,
    months: object,
    schedule: object,
    target: Exact | None = None,
    sla: object = None,
) -> int:
    """Return the seconds of a stay whose parts go together, whatever is rented."""
    check_kind(mode, Mode, "mode")
    seconds = whole_seconds(duration)
    if not seconds:
        raise RuleViolation("duration", "at least a second", "0")
    for name, value, only in (
        ("bid", bid, Mode.INTERRUPTIBLE),
        ("months", months, Mode.RESERVED),
        ("schedule", schedule, Mode.RESERVED),
        ("target", target, Mode.ON_DEMAND),
    ):
        if value is not None and mode is not only:
            raise RuleViolation(name, f"none for {mode.value}", shown(value))
    if bid is not None:
        check_kind(bid, PerHour, "bid")
    if target is not None:
        reliability_of(target, "target")
    elif sla is not None:
        raise RuleViolation("sla", "none without a target", shown(sla))
    return seconds


def _bid(offer: Offer, bid: PerHour | None) -> PerHour:
    price = max(offer.min_bid, LOWEST_BID) if bid is None else bid
    try:
        check_bid(price, offer.gpus, offer.prices.min_bid)
    except RuleViolation as fault:
        if not LOWEST_BID <= price < offer.prices.min_bid.for_gpus(offer.gpus):
            raise
        need = f"{fault.need} (the offer's min_bid; where a bid runs, a lower one waits)"
        raise RuleViolation(fault.path, need, fault.got) from None
    return price


def _promised(
    offer: Offer, seconds: int, disk: Amount, target: Exact | None, sla: SlaRules | None
) -> tuple[Fraction | None, PerHour | None, list[QuoteLine]]:
    """Return the target of a promise, its fee an hour, and the line of it."""
    if target is None:
        return None, None, []
    from numgenius_core.sla.covers import cover, covered_price
    from numgenius_core.sla.schedules import OUR_RULES, SlaRules
    from numgenius_core.sla.terms import rented_terms

    rules = OUR_RULES if sla is None else sla
    check_kind(rules, SlaRules, "sla")
    terms = rented_terms(offer.promise, target)
    assert terms is not None  # there is a target
    covered = covered_price(offer.per_hour, offer.prices.storage, to_megabytes(disk))
    fee = cover(terms, covered, rules=rules).fee
    return terms.target, fee, [QuoteLine(kind=QuotePart.SLA_FEE, amount=fee.charge(seconds))]


def title_of(offer: Offer) -> str:
    """Return what a table calls an offer."""
    return f"{offer.id}: {offer.gpus} × {offer.gpu_name}"


def about(offer: Offer) -> dict[str, object]:
    """Return what a row says of its offer; what its source does not say is ``None``."""
    place = offer.extra.get("geolocation")
    return {
        "offer": offer.id,
        "machine": offer.machine,
        "gpu_name": offer.gpu_name,
        "gpus": offer.gpus,
        "headline": None if "gpu" in offer.unknown_prices else offer.per_hour,
        "reliability": told_number(offer, "reliability"),
        "geolocation": place if isinstance(place, str) and place else None,
    }


def told_number(offer: Offer, key: str) -> float | None:
    """Return a number of an offer's source, which tables have as text; ``None`` if it has none."""
    said = offer.extra.get(key)
    if isinstance(said, bool) or not isinstance(said, int | float | str):
        return None
    try:
        number = float(said)
    except (ValueError, OverflowError):
        return None
    # Python reads more than numbers of a table, and no JSON has what is not finite.
    return number if isfinite(number) and not (isinstance(said, str) and "_" in said) else None


def says(offer: Offer, key: str) -> bool:
    """Return whether the source of an offer says something under a name, or the offer had none."""
    return not offer.extra or offer.extra.get(key) not in (None, "")


def discount_of(offer: Offer) -> Fraction | None:
    """Return the discount factor D of an offer, ``None`` if its source does not say it.

    Each record that offers are read of has ``num_gpus``; an ``extra`` without it is somebody's own
    notes on an offer of a market, whose fields say all.
    """
    untold = "num_gpus" in offer.extra and not says(offer, "credit_discount_max")
    return None if untold and not offer.max_discount else offer.max_discount


def _reserved(
    offer: Offer, seconds: int, months: Exact | None, schedule: ReservedSchedule | None
) -> tuple[Fraction, Money | None, list[QuoteLine], list[_Use]]:
    """Return a reservation's discount, deposit, what they change of the price, and its GPU time."""
    from numgenius_core.prices.deposits import refund
    from numgenius_core.prices.schedules import CurveSchedule, ReservedSchedule, reservation

    if offer.verification is not Verification.VERIFIED:
        need = "a verified machine (others have no reserved price)"
        raise RuleViolation("offer.verification", need, offer.verification.value)
    time = Fraction(seconds, SECONDS_PER_MONTH) if months is None else months
    if schedule is None and discount_of(offer) is None:
        raise RuleViolation("offer.max_discount", "a discount that is known, or a schedule", "none")
    curve = CurveSchedule(offer.max_discount) if schedule is None else schedule
    check_kind(curve, ReservedSchedule, "schedule")
    full = offer.per_hour
    discount, deposit = reservation(curve, full, time)
    if deposit is None:
        nothing = [QuoteLine(kind=kind, amount=ZERO) for kind in _OF_RESERVING]
        return discount, None, nothing, [(full, 1, seconds)]
    reduced = discounted(full, discount)
    lasts = seconds_on_deposit(deposit, reduced, seconds)
    ended = refund(full, discount, deposit, lasts)
    amounts = zip(_OF_RESERVING, (-ended.discount_received, ended.fee), strict=True)
    lines = [QuoteLine(kind=kind, amount=amount) for kind, amount in amounts]
    return discount, deposit, lines, [(reduced, 1, lasts), (full, 1, seconds - lasts)]


def _platforms(share: Fraction, used: list[_Use], lost: Money) -> Money:
    """Return the platform's part: of each price that is paid, as it is billed, and of a forfeit.

    A part of a total would not be what the meter rounds: the part of each price, once.
    """
    if not share:
        return ZERO
    parts = [
        charge(fee_of(price, share), size, quantity)
        for price, size, quantity in used
        if size and quantity
    ]
    if lost:
        parts.append(lost.scaled(share))
    return Money.sum(parts)
