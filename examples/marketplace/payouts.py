"""The weekly run: on its day every host that has earned enough is paid out, once."""

from __future__ import annotations

from datetime import datetime
from sqlite3 import Error as DiskError

from attrs import define

from examples.marketplace.store import Store
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
        paid = {e.account for _, e in self.store.happened(PayoutInvoiced) if e.at >= today}
        self.store.decide()  # what has come due may change who has earned how much
        due = views.payouts_due(self.store.market, at)
        wanted = [do.PayOut(account=name) for name, _ in due if name not in paid]
        self.done = today  # before anybody else comes, as nothing is awaited until here
        try:
            await self.store.do(*wanted)
        except DiskError:
            self.done = None
            raise
