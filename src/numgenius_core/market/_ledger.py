"""Money that flows: balances that change by the second, exact at every instant between events.

Rule (marketplace): billing is by the second; the platform keeps its fee of what a client pays and
the host gets the rest. Between two events every instance costs the same each second, so a balance
is an amount, a rate a second and the instant from which they hold. Nothing is ever rounded, and
whatever leaves one account arrives in others: credit is conserved to the tick.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from attrs import field, frozen

from numgenius_core._checks import check_kind
from numgenius_core.intervals import utc
from numgenius_core.market._copying import maker
from numgenius_core.money import ZERO, Money, money_of, new_money, put_ticks


@frozen(kw_only=True)
class Ledger:
    """An amount that changes evenly with time.

    Attributes:
        since: From when on.
        amount: How much there was then.
        rate: What joins it each second; below zero, what leaves.
    """

    since: datetime
    amount: Money = ZERO
    rate: Money = ZERO

    def at(self, instant: datetime) -> Money:
        """Return the amount at an instant from ``since`` on.

        Raises:
            WrongType: It is no ``datetime``.
            RuleViolation: It has no time zone or a fraction of a second.
        """
        return money_of(ticks_at(self, utc(instant)))

    def falls_to(self, threshold: Money) -> datetime | None:
        """Return the first second that begins with at most so much; ``None`` if it never comes.

        Raises:
            WrongType: ``threshold`` is no ``Money``.
        """
        check_kind(threshold, Money, "threshold")
        above = self.amount.ticks - threshold.ticks
        return used_up(self.since, above, self.rate.ticks) if above > 0 else self.since

    def runs_out(self) -> datetime | None:
        """Return the first second that begins with nothing left; ``None`` if it never comes."""
        left = self.amount.ticks
        return used_up(self.since, left, self.rate.ticks) if left > 0 else None


def used_up(since: datetime, ticks: int, rate: int) -> datetime | None:
    """Return the first second that begins with nothing left of ticks; ``None`` is never."""
    if rate >= 0:
        return None
    try:
        return since + timedelta(0, -(ticks // rate))  # twice as fast as by name
    except OverflowError:  # beyond the calendar
        return None


_made_ledger: Final[Callable[..., Ledger]] = maker(Ledger)


def empty_ledger(at: datetime) -> Ledger:
    """Return a ledger with nothing in it from an instant on."""
    return _made_ledger(at, ZERO, ZERO)


class Purse:
    """A ledger that is changed in place, while a market is being built.

    A host is paid whenever something changes on its machines: a new value at each event is what a
    replay would spend most of its time on.

    Attributes:
        since: From when on.
        ticks: How much there was then.
        rate: Ticks that join each second.
    """

    __slots__ = ("rate", "since", "ticks")

    def __init__(self, ledger: Ledger) -> None:
        self.since: datetime = ledger.since
        self.ticks: int = ledger.amount.ticks
        self.rate: int = ledger.rate.ticks

    def move(self, at: datetime, add: int, speed: int) -> None:
        """Let ``add`` ticks join it at an instant, and ``speed`` its rate."""
        rate = self.rate
        if at is not self.since:
            if rate:
                passed = at - self.since
                add += rate * (passed.days * 86_400 + passed.seconds)
            self.since = at
        if add:
            self.ticks += add
        self.rate = rate + speed

    def ledger(self) -> Ledger:
        """Return it as a value."""
        amount, rate = new_money(Money), new_money(Money)  # ``money_of``, without the calls
        put_ticks(amount, self.ticks)
        put_ticks(rate, self.rate)
        return _made_ledger(self.since, amount, rate)


def ticks_at(ledger: Ledger, instant: datetime) -> int:
    """Return the amount at an instant in UTC, in ticks."""
    rate = ledger.rate.ticks
    if not rate:
        return ledger.amount.ticks
    passed = instant - ledger.since
    return ledger.amount.ticks + rate * (passed.days * 86_400 + passed.seconds)


def moved(ledger: Ledger, at: datetime, add: int, speed: int) -> Ledger:
    """Return a ledger after ``add`` ticks joined it at an instant, and ``speed`` its rate."""
    ticks = ticks_at(ledger, at) + add
    rate = money_of(ledger.rate.ticks + speed) if speed else ledger.rate
    return _made_ledger(at, money_of(ticks), rate)


@frozen
class Flow:
    """Money from a client to those who earn it: a second's worth, or a lump.

    What leaves the balance and the deposit is what the host, an escrow and the platform get.

    Attributes:
        balance: From the client's balance.
        deposit: From the deposit of its instance.
        payout: To the host.
        fee: To the platform.
        escrow: Into the escrow of its promise of uptime, in the host's place.
        sla: What of the balance's is the fee of that promise.
        ticks: The first four, in this order, as whole ticks.
    """

    balance: Money = ZERO
    deposit: Money = ZERO
    payout: Money = ZERO
    fee: Money = ZERO
    escrow: Money = ZERO
    sla: Money = ZERO
    ticks: tuple[int, int, int, int] = field(init=False, eq=False, repr=False)

    @ticks.default
    def _four(self) -> tuple[int, int, int, int]:
        return self.balance.ticks, self.deposit.ticks, self.payout.ticks, self.fee.ticks


NO_FLOW: Final = Flow()
"""Nothing."""
