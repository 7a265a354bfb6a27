"""One stay in every mode, side by side: what each costs, and what it risks.

Rule (marketplace): on demand the price is locked until the end date, with the highest priority. A
reservation has the same priority and is cheaper, but an early end gives back the discount received
and 5 % of it, up to what is left of the deposit. An interruptible pays its own bid and is paused by
an on-demand rental or a higher bid; paused, it pays for storage only.

A promise of uptime is bought on demand only: asked for one, the other modes come without.

Our readings: what a reservation risks is told at the half of the stay, and is what it costs until
then beyond renting on demand. An interruptible is quoted as if it ran all the time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from enum import Enum
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from attrs import field, frozen

from numgenius_core._checks import as_tuple, check_kind
from numgenius_core._tables import Results, numbers
from numgenius_core._terms import Mode, reliability_of
from numgenius_core.errors import RuleViolation, brief
from numgenius_core.money import Money
from numgenius_core.offer import Offer
from numgenius_core.prices.quotes import Quote, QuotePart, about, quote, title_of
from numgenius_core.prices.ranking import NotRented, Ranking, check_where, claims, rank_offers
from numgenius_core.units import SECONDS_PER_MONTH, Amount, Cell, Exact

if TYPE_CHECKING:
    from numgenius_core._tables.result import ResultTable
    from numgenius_core.sla.schedules import SlaRules


class StayRisk(Enum):
    """What can go otherwise than a quote says."""

    LEFT_EARLY = "left early"
    """A reservation that ends early gives back its discount and 5 % of it."""
    PAUSED = "paused"
    """A higher bid or an on-demand rental pauses an interruptible."""
    NO_PROMISE = "no promise"
    """A promise of uptime was asked for, and this mode has none: an outage pays nothing back."""


@frozen(kw_only=True)
class ModeQuote:
    """A stay in one mode on one offer.

    Attributes:
        mode: The mode.
        quote: What it costs, ``None`` if it cannot be had so.
        reasons: Why it cannot; none if it can.
        risks: What can go otherwise.
        early_loss: Of a reservation left at the half, what it cost beyond on demand until then;
            ``None`` without a discount, since nothing is prepaid.
    """

    mode: Mode
    quote: Quote | None = None
    reasons: tuple[NotRented, ...] = field(default=(), repr=brief)
    risks: tuple[StayRisk, ...] = field(default=(), repr=brief)
    early_loss: Money | None = None


def _by_mode(modes: Iterable[ModeQuote]) -> str:
    """Return modes as a ``repr`` shows them: a total each."""
    totals = (None if each.quote is None else each.quote.total for each in modes)
    return f"<{', '.join(f'{m.mode.value} {t}' for m, t in zip(modes, totals, strict=True))}>"


@frozen(kw_only=True)
class ModeComparison:
    """A stay on one offer in every mode.

    Attributes:
        offer: The offer.
        modes: On demand, reserved and interruptible, in this order.
    """

    offer: Offer
    modes: tuple[ModeQuote, ModeQuote, ModeQuote] = field(repr=_by_mode)

    def of(self, mode: Mode) -> ModeQuote:
        """Return the stay in one mode.

        Raises:
            WrongType: ``mode`` is no ``Mode``.
            RuleViolation: It is not among ``modes``.
        """
        check_kind(mode, Mode, "mode")
        for each in self.modes:
            if each.mode is mode:
                return each
        known = ", ".join(each.mode.value for each in self.modes)
        raise RuleViolation("mode", f"one of {known or 'none'}", mode.value)

    def to_dict(self) -> dict[str, Cell]:
        """Return the offer and what each mode costs as one dict, dollars as the nearest ``float``.

        A mode that has no price is ``None``, and its reason stands under ``…_why_not``.
        """
        found: dict[str, object] = dict(about(self.offer))
        for each in self.modes:
            name = each.mode.name.lower()
            found[name] = None if each.quote is None else each.quote.total
            found[f"{name}_why_not"] = ", ".join(why.value for why in each.reasons) or None
            if each.mode is Mode.RESERVED:
                found["early_loss"] = each.early_loss
        return numbers(found)

    @property
    def cheapest(self) -> Quote:
        """The cheapest quote; of equal ones, the one with less risk."""
        quotes = [each.quote for each in self.modes if each.quote is not None]
        return min(quotes, key=lambda each: each.total.ticks)


_UNKNOWN: Final = frozenset({NotRented.DISCOUNT_UNKNOWN, NotRented.PRICE_UNKNOWN})
_HEAD: Final = ("offer", "on demand $", "reserved $", "left early $", "interruptible $")


class ModeComparisons(Results[ModeComparison]):
    """The offers of a comparison, as :func:`compare_modes` returns them."""

    __slots__ = ()

    def to_dicts(self) -> list[dict[str, Cell]]:
        """Return a dict for each offer, as ``pandas.DataFrame(…)`` takes them."""
        return [each.to_dict() for each in self]

    def table(self) -> ResultTable:
        """Return a row for each offer: what the stay costs in each mode, ``?`` if nobody says."""
        from numgenius_core._tables.result import ResultTable

        return ResultTable(title="", head=_HEAD, rows=tuple(map(_row, self)))


def _row(found: ModeComparison) -> tuple[str, ...]:
    on_demand, reserved, interruptible = map(_cost, found.modes)
    loss = found.of(Mode.RESERVED).early_loss
    early = "–" if loss is None else f"{loss:+,.2f}"
    return title_of(found.offer), on_demand, reserved, early, interruptible


def _cost(one: ModeQuote) -> str:
    """Return what a mode costs: ``?`` if nobody says, ``–`` if it cannot be had so."""
    if one.quote is not None:
        return f"{one.quote.total:,.2f}"
    return "?" if _UNKNOWN.issuperset(one.reasons) else "–"


def compare_modes(
    offers: Iterable[Offer],
    duration: timedelta,
    *,
    now: datetime,
    disk: Amount = 0,
    upload: Amount = 0,
    download: Amount = 0,
    target: Exact | None = None,
    sla: SlaRules | None = None,
    where: Callable[[Offer], bool] | None = None,
    verified: bool = False,
    external: bool = True,
) -> ModeComparisons:
    """Return a stay on demand, reserved and interruptible, for each offer that fits one of them.

    Offers that can be had on demand come first, the cheapest of them at the top; then those whose
    price on demand is not known, by what the lowest bid costs. What comes is a tuple of them, which
    prints as a table and has ``to_dicts``.

    Args:
        offers: A market.
        duration: How long; a reservation prepays all of it, and a bid is the lowest taken.
        now: When the stay begins.
        disk: GB of disk.
        upload: GB sent.
        download: GB received.
        target: The uptime that hosts are to keep, on demand; offers that claim less are left out.
        sla: What a promise costs; our schedules if left out.
        where: As for :func:`rank_offers`, and so are the others.
        verified: Only offers of verified machines.
        external: Also offers of other markets.

    Raises:
        WrongType: As for :func:`rank_offers`.
        RuleViolation: As for :func:`rank_offers`.

    >>> from datetime import UTC, datetime, timedelta
    >>> from numgenius_core import Mode, read_sample
    >>> from numgenius_core.prices import compare_modes
    >>> now = datetime(2026, 12, 1, 12, tzinfo=UTC)
    >>> best, *_ = compare_modes(read_sample().offers, timedelta(days=30), now=now, verified=True)
    >>> for each in best.modes:
    ...     print(each.mode.value, f"{each.quote.total:.2f}", *[risk.value for risk in each.risks])
    on-demand 57.38
    reserved 45.91 left early
    interruptible 39.38 paused
    >>> f"{best.of(Mode.RESERVED).early_loss:.2f}"  # if it is left after 15 days
    '0.29'
    >>> offers = [each for each in read_sample().offers if each.gpu_name == "RTX 5090"]
    >>> print(compare_modes(offers, timedelta(days=10), now=now, verified=True))
    offer                  on demand $  reserved $  left early $  interruptible $
    9000100: 1 × RTX 5090        95.57       86.01         +0.24            44.23
    9000240: 1 × RTX 5090       133.34      131.68         +0.04            92.71
    9000030: 1 × RTX 5090       147.10      147.10             –           106.66
    9000241: 2 × RTX 5090       266.69      263.35         +0.08           185.42
    9000031: 2 × RTX 5090       294.19      294.19             –           213.31
    """
    check_where(where)  # before a target wraps it
    market = as_tuple(offers, "offers")
    asked = None if target is None else reliability_of(target, "target")
    seen = where if asked is None else _claiming(asked, where)
    rankings = {
        mode: rank_offers(
            market,
            duration,
            now=now,
            mode=mode,
            disk=disk,
            upload=upload,
            download=download,
            where=seen,
            verified=verified,
            external=external,
            target=target if mode is Mode.ON_DEMAND else None,
            sla=sla if mode is Mode.ON_DEMAND else None,
        )
        for mode in (Mode.ON_DEMAND, Mode.RESERVED, Mode.INTERRUPTIBLE)
    }
    quotes = {mode: _by_id(ranking) for mode, ranking in rankings.items()}
    reasons = {
        mode: {each.offer.id: each.reasons for each in ranking.left_out}
        for mode, ranking in rankings.items()
    }
    order = {
        each.offer.id: each.offer
        for mode in (Mode.ON_DEMAND, Mode.RESERVED, Mode.INTERRUPTIBLE)
        for each in rankings[mode].quotes
    }
    bare = asked is not None
    return ModeComparisons(
        ModeComparison(
            offer=offer,
            modes=tuple(  # type: ignore[arg-type]  # three modes, three of them
                _in_mode(mode, quotes[mode].get(number), reasons[mode].get(number, ()), bare=bare)
                for mode in rankings
            ),
        )
        for number, offer in order.items()
    )


def _by_id(ranking: Ranking) -> dict[int, Quote]:
    return {each.offer.id: each for each in ranking.quotes}


def _claiming(target: Fraction, where: Callable[[Offer], bool] | None) -> Callable[[Offer], bool]:
    """Return the caller's condition, and that an offer claims a target."""
    return lambda offer: claims(offer, target) and (where is None or where(offer))


def _in_mode(
    mode: Mode, priced: Quote | None, reasons: tuple[NotRented, ...], *, bare: bool
) -> ModeQuote:
    """Return a stay in one mode; ``bare`` is one without the promise that was asked for."""
    if priced is None:
        return ModeQuote(mode=mode, reasons=reasons)
    without = (StayRisk.NO_PROMISE,) if bare else ()
    if mode is Mode.RESERVED:
        if priced.deposit is None:  # nothing is prepaid without a discount
            return ModeQuote(mode=mode, quote=priced, risks=without)
        risks = (StayRisk.LEFT_EARLY, *without)
        return ModeQuote(mode=mode, quote=priced, risks=risks, early_loss=_early_loss(priced))
    if mode is Mode.INTERRUPTIBLE:
        return ModeQuote(mode=mode, quote=priced, risks=(StayRisk.PAUSED, *without))
    return ModeQuote(mode=mode, quote=priced)


def _early_loss(priced: Quote) -> Money:
    """Return what a reservation that is left at the half cost beyond renting on demand."""
    half = timedelta(seconds=max(priced.seconds // 2, 1))
    months = Fraction(priced.seconds, SECONDS_PER_MONTH)
    left = quote(priced.offer, half, mode=Mode.RESERVED, months=months)
    parts = (QuotePart.DISCOUNT, QuotePart.FORFEIT)  # what a reservation changes of on demand
    return Money.sum(left.amount_of(part) for part in parts)
