"""What an instance costs an hour: the one place that all fields of its row that say so are from.

There are two answers: what it costs while it runs, and what it costs now. Stopped, paused or
loading it costs its disk alone, and while its machine is offline nothing, unless a promise of
uptime is paid for. A host's free test costs nothing at all.
"""

from __future__ import annotations

from datetime import datetime
from fractions import Fraction
from typing import Final

from attrs import evolve, frozen

from numgenius_core.contracts import InstanceState
from numgenius_core.market import Instance
from numgenius_core.money import Money
from numgenius_core.units import SECONDS_PER_MONTH

NOTHING: Final = Money(0)
HOUR: Final = 3_600  # seconds


@frozen(kw_only=True)
class Hourly:
    """The parts of what an instance costs an hour, exact.

    Attributes:
        gpu: Its GPUs, without a discount; of one that bids, what it pays for them.
        disk: Its disk.
        sla: Its promise of uptime.
        saved: What a deposit takes off the GPUs.
    """

    gpu: Money = NOTHING
    disk: Money = NOTHING
    sla: Money = NOTHING
    saved: Money = NOTHING

    @property
    def total(self) -> Money:
        """What is paid, by the balance or by a deposit."""
        return self.gpu + self.disk + self.sla - self.saved


def while_running(given: Instance, at: datetime) -> Hourly:
    """Return what an instance costs an hour while it runs."""
    contract, prices = given.contract, given.contract.prices_at(at)
    if contract.is_free_test:
        return Hourly()
    paid = given.gpu_price(at).charge(HOUR)
    full = paid if given.bid is not None else given.full_price(at).charge(HOUR)
    promised = given.promise is not None
    return Hourly(
        gpu=full,
        disk=prices.storage.charge(contract.disk_mb, HOUR),
        sla=contract.sla_fee_at(at).charge(HOUR) if promised else NOTHING,
        saved=full - paid,
    )


def by_now(given: Instance, at: datetime) -> Hourly:
    """Return what an instance costs an hour as it is now."""
    if given.flow.balance + given.flow.deposit == NOTHING:
        return Hourly()  # its machine is offline, or it is free
    running = while_running(given, at)
    if given.state is InstanceState.RUNNING:
        return running
    return evolve(running, gpu=NOTHING, sla=NOTHING, saved=NOTHING)


def months_left(given: Instance, left: Money, at: datetime) -> Fraction | None:
    """Return how long a deposit lasts at its present price, running, in months of 720 hours.

    ``None`` is for ever: its GPUs have come to cost nothing.

    Args:
        given: The instance.
        left: What is left of its deposit.
        at: Now.
    """
    if left <= NOTHING:
        return Fraction(0)
    price = given.gpu_price(at).charge(SECONDS_PER_MONTH)
    return Fraction(left.ticks, price.ticks) if price else None
