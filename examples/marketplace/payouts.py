"""The weekly run: on its day every host that has earned enough is paid out, once."""

from __future__ import annotations

from datetime import datetime

from attrs import define

from examples.marketplace.store import NotKnown, NotStored, Store
from numgenius_core.errors import NumgeniusError
from numgenius_core.market import commands as do, views
from numgenius_core.market.events import PayoutInvoiced


@define
class WeeklyRun:
    """Pays hosts out with the first request on the day of a run.

    Attributes:
        store: The market.
        done: The last day whose run was made since the start; the log knows those before.
    """

    store: Store
    done: datetime | None = None

    async def make(self) -> None:
        """Make the run of today, if there is one and it has not been made."""
        at, schedule = self.store.now(), self.store.market.settings.payouts
        if not schedule.is_run(at) or self.done == (today := schedule.next_run(at).start):
            return
        self.done = today  # before anybody else comes
        try:
            market = await self.store.seen()  # what has come due may change who has earned how much
            paid = {e.account for _, e in self.store.happened(PayoutInvoiced) if e.at >= today}
            due = views.payouts_due(market, max(at, market.now))  # another's clock may be ahead
            wanted = [do.PayOut(account=name) for name, _ in due if name not in paid]
            # Other workers make the same run: by its name, no client's, it is made once.
            await self.store.do(*wanted, command_id=f" payouts of {today:%Y-%m-%d}")
        except (NotStored, NotKnown):
            self.done = None
            raise
        except NumgeniusError:  # midnight, or what was earned is handed on: whoever asks is not
            self.done = None  # at fault, and the next request looks again
