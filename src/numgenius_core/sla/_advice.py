"""Should a host promise, and what? Promises tried on its own history.

Ours. Each claim and spread is backtested on the history, with a client who asks for one target. A
lower claim and a wider spread earn a larger fee, so fees alone would always advise the worst
promise: what stops them is the client, who pays no more than some share of the price. A claim above
what the evidence sustains is not tried: it is a promise that one expects to break.

Whether offering pays is asked against offering none. A contract with a promise is billed through
outages, one without is billed nothing while its machine is down: so a promise earns its net (fees
less credits, as the marketplace's backtest has it) and what is billed while the machine is down.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import Final

from attrs import field, frozen

from numgenius_core._checks import as_tuple, check_kind
from numgenius_core._numbers import fraction
from numgenius_core._tables import Tabular, numbers
from numgenius_core._tables.result import ResultTable
from numgenius_core._terms import Promise, reliability_of
from numgenius_core.errors import RuleViolation, brief
from numgenius_core.money import ZERO, Money
from numgenius_core.rates import PerHour
from numgenius_core.sla.covers import Cover, cover
from numgenius_core.sla.evidence import sustainable_claim
from numgenius_core.sla.history import UptimeHistory, ignored_note
from numgenius_core.sla.schedules import OUR_RULES, SlaRules
from numgenius_core.sla.settlement import Settlement, settle
from numgenius_core.sla.terms import SlaTerms
from numgenius_core.units import Exact

_SPREADS: Final = ("0.32", "0.5", "0.71", "1", "2", "3")
_CLAIMS: Final = ("0.9", "0.95", "0.97", "0.98", "0.99", "0.995", "0.999")
_MOST_FEE: Final = "0.05"


@frozen(kw_only=True)
class TriedPromise:
    """A promise, as it would have gone on a history.

    Attributes:
        cover: The promise with its fee.
        net: Fees less credits from the escrow.
        gain: What the host would have earned more than without a promise: the net, and its part of
            what is billed while the machine is down (:attr:`Settlement.gain`). It supposes that
            every rented hour is sold with the target.
        fees: What clients would have paid for it.
        worst_day_credit: The largest credit of a day.
    """

    cover: Cover
    net: Money
    gain: Money
    fees: Money
    worst_day_credit: Money

    @property
    def fee_per_hour(self) -> PerHour:
        """What the client would have paid for it, dollars per hour."""
        return self.cover.fee


@frozen(kw_only=True)
class SlaAdvice(Tabular):
    """Whether to promise, and what.

    Attributes:
        target: What the clients ask for.
        sustained: The highest claim that the evidence sustains, ``None`` for none.
        tried: The promises that clients would take, the largest gain first.
        unsold: How many promises were left out since their fee is more than clients pay.
        most_fee: What clients were taken to pay for a promise at the most, a share of the price.
        ignored_seconds: Seconds of outages outside of rentals, which count for nothing.
    """

    target: Fraction
    sustained: Fraction | None
    tried: tuple[TriedPromise, ...] = field(repr=brief)
    unsold: int
    most_fee: Fraction
    ignored_seconds: int = 0

    @property
    def best(self) -> TriedPromise | None:
        """The promise with the largest gain above zero; ``None`` if none has, or none was tried."""
        return self.tried[0] if self.tried and self.tried[0].gain > ZERO else None

    def _rows(self) -> Iterable[object]:
        return [{**numbers(each.cover.terms.promise), **numbers(each)} for each in self.tried]

    def table(self) -> ResultTable:
        """Return a row for each promise tried, the best first."""
        rows = []
        for each in self.tried:
            promise = each.cover.terms.promise
            amounts = (each.fees, each.net, each.gain, each.worst_day_credit)
            first = (f"{float(promise.claim):.5g}", f"{float(promise.spread):.3g}")
            fee = f"{each.cover.fee:.6f}"
            rows.append((*first, promise.band.value, fee, *(f"{x:.2f}" for x in amounts)))
        sustained = "none" if self.sustained is None else f"{float(self.sustained):.5f}"
        title = f"target {float(self.target):.5g}; the evidence sustains a claim of {sustained}"
        sums = ("fees $", "net $", "gain $", "worst day $")
        head = ("claim", "spread", "confidence", "fee $/h", *sums)
        notes = (*self._notes(), *ignored_note(self.ignored_seconds))
        return ResultTable(title=title, head=head, rows=tuple(rows), notes=notes)

    def _notes(self) -> Iterable[str]:
        if self.tried:
            yield "gain: if every rented hour is sold with this target"
        if self.unsold:
            more, most = " more" if self.tried else "", f"{float(100 * self.most_fee):g} %"
            dear = f"have a fee above {most} of the price, the most that clients pay (most_fee)"
            yield f"{self.unsold}{more} {dear}"


def advise_promise(
    history: UptimeHistory,
    price: PerHour,
    *,
    target: Exact = "0.95",
    risk: Exact = "0.05",
    most_fee: Exact = _MOST_FEE,
    claims: Iterable[Exact] | None = None,
    spreads: Iterable[Exact] | None = None,
    platform_fee: Exact = 0,
    rules: SlaRules = OUR_RULES,
) -> SlaAdvice:
    """Return whether a host with this history should promise, and at which claim and spread.

    Args:
        history: When the machine was rented, and when it was down.
        price: What a client pays for the instance, GPUs and storage, per hour.
        target: The uptime that clients ask for.
        risk: How probable it may be that the true uptime is below the claim.
        most_fee: The largest fee that a client takes, a share of the price.
        claims: What to try, and nothing else; if left out, the target, usual claims, and what the
            evidence sustains. Those below the target, which no search shows, and above what is
            sustained are left out.
        spreads: What to try; if left out, six from high confidence to low.
        platform_fee: The platform's share of ``price``.
        rules: The schedules; ours by default.

    Raises:
        WrongType: A price that is no ``PerHour``, or a ``float``.
        RuleViolation: No rental in the history, a share, claim or spread out of range, or none
            where some are given.

    >>> from datetime import UTC, datetime, timedelta
    >>> from numgenius_core import Interval, PerHour
    >>> from numgenius_core.sla import UptimeHistory, advise_promise
    >>> july = datetime(2026, 7, 1, tzinfo=UTC)
    >>> never_down = UptimeHistory(rentals=[Interval(july, july + timedelta(days=60))])
    >>> best = advise_promise(never_down, PerHour("3.50")).best
    >>> best.cover.terms.promise.claim, best.cover.terms.promise.spread, f"{best.gain:.2f}"
    (Fraction(99, 100), Fraction(2, 1), '239.56')
    """
    check_kind(price, PerHour, "price")
    asked, most = reliability_of(target, "target"), fraction(most_fee, "most_fee")
    part = fraction(platform_fee, "platform_fee", below_one=True)  # also where nothing is tried
    check_kind(rules, SlaRules, "rules")
    sustained = sustainable_claim(history, risk=risk)
    found = {reliability_of(claim, "claims") for claim in _given(claims, _CLAIMS, "claims")}
    if claims is None:
        found |= {asked} if sustained is None else {asked, sustained}
    known = sorted(c for c in found if sustained is not None and asked <= c <= sustained)
    widths = [Promise(asked, spread).spread for spread in _given(spreads, _SPREADS, "spreads")]
    tried, unsold = [], 0
    for terms in (SlaTerms(Promise(claim, width), asked) for claim in known for width in widths):
        bought = cover(terms, price, platform_fee=part, rules=rules)
        if bought.fee > price.scaled(most):
            unsold += 1
            continue
        tried.append(_tried(settle(bought, history, rules=rules)))
    # Of two with the same gain the one that clients trust more: a higher claim, a narrower spread.
    tried.sort(key=lambda each: (-each.gain.ticks, -each.cover.terms.promise.claim))
    return SlaAdvice(
        target=asked,
        sustained=sustained,
        tried=tuple(tried),
        unsold=unsold,
        most_fee=most,
        ignored_seconds=history.ignored_seconds,
    )


def _given(values: Iterable[Exact] | None, usual: tuple[str, ...], path: str) -> tuple[Exact, ...]:
    """Return what to try: the usual, if nothing is said."""
    known = usual if values is None else as_tuple(values, path)
    if not known:
        raise RuleViolation(path, "at least one to try", "none")
    return known


def _tried(settled: Settlement) -> TriedPromise:
    return TriedPromise(
        cover=settled.cover,
        net=settled.net,
        gain=settled.gain,
        fees=settled.fees,
        worst_day_credit=settled.worst_day_credit,
    )
