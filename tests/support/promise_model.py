"""The rules of promises of uptime once more, slow and obvious: a part of the model of the market.

Written from the rules: fractions where the library counts parts, every day of every promise worked
out at its midnight from what each second brought, and nothing of the library's rooms.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Context, Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any, NamedTuple

from model_parts import DAY, HOUR_TICKS, need

_EXACT = Context(prec=80)
_BILLION = 10**9
_RELEASED_OVER = 7
# Of the shortfall as a share of the way down, and of the credit: the corners of its lines.
_CORNERS = [
    (Fraction(0), Fraction(0)),
    (Fraction(1, 5), Fraction(45, 100)),
    (Fraction(2, 5), Fraction(55, 100)),
    (Fraction(1), Fraction(1)),
]


def _parts(value: Fraction) -> Fraction:
    """Round half-even to parts of 10⁻⁹."""
    return Fraction(round(value * _BILLION), _BILLION)


class Claimed(NamedTuple):
    """What a listing promises."""

    claim: Fraction
    spread: Fraction

    def share(self, target: Fraction) -> Fraction:
        """Return the fee of a target as a share of the covered price, whole parts of 10⁻¹²."""

        def number(value: Fraction) -> Decimal:
            return _EXACT.divide(Decimal(value.numerator), Decimal(value.denominator))

        tolerances = (1 - target) / (1 - self.claim)
        power = Fraction(3, 2) / self.spread
        tail = _EXACT.power(number(1 + tolerances / power), number(-power))
        return Fraction(round(Fraction(1095, 1000) * Fraction(tail) / tolerances * 10**12), 10**12)


class Told(NamedTuple):
    """What a settlement says of a day: uptime and blend as shares, ticks else."""

    day: int
    uptime: Fraction | None
    blend: Fraction | None
    credit: int
    to_client: int
    to_host: int


@dataclass
class Pledge:
    """A promise in force; the day is counted from its first second on.

    ``pending`` is what the escrow releases on the following days, ``escrow`` is all that is in it.
    """

    target: Fraction
    share: Fraction
    week: Fraction
    month: Fraction
    escrow: int = 0
    pending: list[int] = field(default_factory=lambda: [0] * _RELEASED_OVER)
    intended: int = 0
    lost: Fraction = Fraction(0)
    compute: int = 0
    net: int = 0
    fee: int = 0

    @property
    def active(self) -> bool:
        """Whether there is something to settle."""
        return bool(self.intended or self.escrow or self.compute)

    def blended(self, up: Fraction) -> Fraction:
        """Return the uptime of a day blended with the week and the month before it."""
        tolerance = 1 - self.target
        beta = _parts(tolerance / (tolerance + Fraction(7, 60)))
        return _parts(beta * up + (1 - beta) * (self.week + self.month) / 2)

    def credit_share(self, blend: Fraction) -> Fraction:
        """Return the credit as a share of the day's compute."""
        if blend >= self.target:
            return Fraction(0)
        down = (self.target - blend) / min(self.target, 1 - self.target)
        if down >= 1:
            return Fraction(1)
        for (left, low), (right, high) in pairwise(_CORNERS):
            if left <= down <= right:
                return _parts(low + (high - low) * (down - left) / (right - left))
        raise AssertionError(down)

    def told(self, day: int, *, closes: bool = False) -> Told:
        """Return what a settlement says if the day ends now."""
        up = blend = None
        credit = 0
        if self.intended:
            up = _parts(1 - self.lost / self.intended)
            blend = self.blended(up)
            credit = round(self.compute * self.credit_share(blend))
        to_client = min(credit, self.net)
        to_host = self.escrow - to_client if closes else self.pending[0]
        return Told(day, up, blend, credit, to_client, to_host)


def _forgiven(notice: int, length: int) -> Fraction:
    """Return the share of announced maintenance that counts as uptime."""
    told, lasts = Fraction(notice, DAY), Fraction(length, DAY)
    return _parts(Fraction(9, 10) * told / (told + 1) / (lasts + 1))


class PromiseModel:
    """What a market does with promises of uptime."""

    now: int
    rigs: dict[int, Any]
    deals: dict[int, Any]
    purses: dict[str, Any]
    platform: int

    def midnights(self) -> Iterator[int]:
        """Yield when days are settled next."""
        if any(deal.pledge is not None for deal in self.deals.values()):
            yield (self.now // DAY + 1) * DAY

    def claimed_by(self, rig: Any, command: Any) -> Claimed | None:
        """Return what a listing promises after a command; what is left out stays."""
        claim, spread = command.sla_claim, command.sla_spread
        if rig.listing is None:
            rig.claimed = None
        elif claim is None and rig.listing.claimed is not None:
            claim = rig.listing.claimed.claim
        if not claim:
            return None
        if spread is None:  # as it was, whatever was claimed since
            spread = Fraction(1, 2) if rig.claimed is None else rig.claimed.spread
        claimed = rig.claimed = Claimed(claim, spread)
        return claimed

    def pledge_of(self, command: Any, claimed: Claimed | None, *, free: bool) -> Pledge | None:
        """Return the promise that a rental buys."""
        if command.target is None:
            return None
        need(command.mode.value == "on-demand" and not free)
        need(claimed is not None and command.target <= claimed.claim)
        assert claimed is not None
        target = command.target
        return Pledge(target, claimed.share(target), week=target, month=target)

    def pledge_fee(self, deal: Any, prices: Any, share: Fraction) -> int:
        """Return a share of what GPUs and disk cost an hour, price steps."""
        stored = round(Fraction(prices.storage * deal.disk, 1_000 * 720))
        fee: int = round((prices.gpu * deal.size + stored) * share)
        return fee

    def skips(self, deal: Any, listing: Any) -> bool:
        """Return whether an extension leaves out a contract this time, for its promise's sake."""
        pledge, new = deal.pledge, listing.claimed
        if pledge is None:
            return False
        if new is None or new.claim < pledge.target:
            return True
        locked = self.pledge_fee(deal, deal.segments[-1][1], pledge.share)
        asked = self.pledge_fee(deal, listing.prices, new.share(pledge.target))
        return asked > locked or self.pledge_fee(deal, listing.prices, pledge.share) > locked

    def escrowed(self, deal: Any, paid: int, fee: int, of_promise: int = 0) -> None:
        """Take what a client paid, less the platform's fee, into the escrow in the host's place."""
        pledge = deal.pledge
        pledge.escrow += paid - fee
        pledge.compute += paid - of_promise
        pledge.net += paid - fee - of_promise
        pledge.fee += of_promise

    def count_day(self, deal: Any, to: int) -> None:
        """Count the seconds until then: those intended, and of these those that were lost."""
        if deal.state != "running":
            return
        pledge, rig = deal.pledge, self.rigs[deal.machine]
        pledge.intended += to - self.now
        if rig.online:
            return
        pledge.lost += to - self.now
        for window in rig.windows:
            both = min(to, window.end) - max(self.now, window.start)
            if both > 0:
                notice, length = window.start - window.told, window.end - window.start
                pledge.lost -= both * _forgiven(notice, length)

    def of_promise(self, deal: Any) -> int:
        """Return the fee of a promise, ticks a second."""
        if deal.pledge is None or deal.state != "running":
            return 0
        return self.pledge_fee(deal, deal.prices(self.now), deal.pledge.share) * HOUR_TICKS

    def settle_days(self) -> None:
        """At midnight, settle the day of each promise; one that ends now is closed instead."""
        for deal in self.deals.values():
            pledge = deal.pledge
            if self.now % DAY == 0 and pledge is not None and pledge.active and deal.end > self.now:
                self._settle_day(deal, self.now - DAY)

    def close_pledge(self, deal: Any) -> None:
        """Settle what is left of the day at the end of a contract, and empty its escrow."""
        if deal.pledge is not None:
            day = (self.now - 1) // DAY * DAY if deal.pledge.active else self.now // DAY * DAY
            if self.now % DAY == 0 and self.settled_at(deal, self.now):
                day = self.now
            self._settle_day(deal, day, closes=True)
            deal.pledge = None

    @staticmethod
    def settled_at(deal: Any, now: int) -> bool:
        """Return whether the day that ends now is settled already, or was before the rental."""
        since = deal.days[-1].day + DAY if deal.days else deal.segments[0][0]
        return bool(since >= now)

    def _settle_day(self, deal: Any, day: int, *, closes: bool = False) -> None:
        pledge = deal.pledge
        told = pledge.told(day, closes=closes)
        deal.days.append(told)
        self.purses[deal.client].balance += told.credit
        self.purses[deal.host].balance += told.to_host
        self.platform -= told.credit - told.to_client
        rest = pledge.net + pledge.fee - told.to_client
        pledge.escrow -= told.to_client + told.to_host
        assert pledge.escrow >= 0
        pledge.pending = [*pledge.pending[1:], 0]
        pledge.pending = [due + rest // _RELEASED_OVER for due in pledge.pending]
        pledge.pending[0] += rest % _RELEASED_OVER
        assert pledge.escrow == (0 if closes else sum(pledge.pending))
        if told.uptime is not None:
            pledge.week += _parts((told.uptime - pledge.week) / 7)
            pledge.month += _parts((told.uptime - pledge.month) / 30)
        pledge.intended = pledge.compute = pledge.net = pledge.fee = 0
        pledge.lost = Fraction(0)
