"""Money that flows: balances that change by the second, exact at every instant between events.

Rule (marketplace): billing is by the second; the platform keeps its fee of what a client pays and
the host gets the rest. Between two events every instance costs the same each second, so a balance
is a number of ticks, a rate of ticks a second and the instant from which it holds. Nothing is ever
rounded, and whatever leaves one account arrives in others: credit is conserved to the tick.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from attrs import frozen

from numgenius_core.intervals import total_seconds
from numgenius_core.money import Money

__all__ = ["NO_FLOW", "Flow", "Ledger"]


@frozen(kw_only=True)
class Ledger:
    """An amount that changes evenly with time.

    Attributes:
        since: From when on.
        ticks: How much there was then.
        rate: Ticks that join it each second; below zero, that leave.
    """

    since: datetime
    ticks: int = 0
    rate: int = 0

    def ticks_at(self, instant: datetime) -> int:
        """Return the ticks at an instant from ``since`` on."""
        return self.ticks + self.rate * total_seconds(self.since, instant)

    def at(self, instant: datetime) -> Money:
        """Return the amount at an instant from ``since`` on."""
        return Money.from_ticks(self.ticks_at(instant))

    def changed(self, at: datetime, *, ticks: int = 0, rate: int = 0) -> Ledger:
        """Return the ledger after some ticks joined it, its rate changed by ``rate``."""
        return Ledger(since=at, ticks=self.ticks_at(at) + ticks, rate=self.rate + rate)

    def runs_out(self) -> datetime | None:
        """Return the first second that begins with nothing left; ``None`` if it never comes."""
        if self.ticks <= 0 or self.rate >= 0:
            return None
        seconds = -(self.ticks // self.rate)  # the quotient is below zero: this rounds up
        try:
            return self.since + timedelta(seconds=seconds)
        except OverflowError:  # beyond the calendar
            return None


@frozen
class Flow:
    """Ticks from a client to those who earn them: a second's worth, or a lump.

    What leaves the balance and the deposit is what the host and the platform get.

    Attributes:
        balance: From the client's balance.
        deposit: From the deposit of its instance.
        payout: To the host.
        fee: To the platform.
    """

    balance: int = 0
    deposit: int = 0
    payout: int = 0
    fee: int = 0

    def __sub__(self, other: Flow) -> Flow:
        return Flow(
            self.balance - other.balance,
            self.deposit - other.deposit,
            self.payout - other.payout,
            self.fee - other.fee,
        )


NO_FLOW = Flow()
"""Nothing."""
