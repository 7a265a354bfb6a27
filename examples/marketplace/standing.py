"""A clock that stands still until somebody sets it: half a year of a market, told in minutes.

``--clock 2026-01-05`` gives one to a demonstration. Whoever follows a story sets it,

    curl -X PUT http://127.0.0.1:8765/clock -d 2026-01-20

and all that came due until then happens, each thing at its own instant. It never goes back.
"""

from __future__ import annotations

from datetime import datetime

from attrs import define

from examples.marketplace.store import Store
from numgenius_core.errors import RuleViolation


@define
class StandingClock:
    """A clock that says what it was set to.

    Attributes:
        now: That.
    """

    now: datetime

    def __call__(self) -> datetime:
        return self.now

    async def set(self, to: datetime, store: Store) -> None:
        """Set it, and let happen what came due.

        Raises:
            RuleViolation: It would go back, or further on at once than the market lets time pass.
            NotStored: The log refused; it stands as before.
            NotKnown: The log failed; it stands as before.
        """
        before, least, market = self.now, store.now(), store.market
        longest = market.settings.longest_step if market.version else None
        if to < least:
            raise RuleViolation("clock", f"an instant from {least} on", str(to))
        if longest is not None and to - market.now > longest:
            raise RuleViolation("clock", f"an instant up to {market.now + longest}", str(to))
        self.now = to
        try:
            await store.seen()
        except BaseException:
            self.now = before
            raise
