"""Laws of the meter: what an instance cost, from its history."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from datetime import timedelta
from fractions import Fraction
from typing import Final

from hypothesis import strategies as st

from numgenius_core.billing.history import (
    Fact,
    History,
    MachineWent,
    Prepaid,
    Rebid,
    Refunded,
    Transferred,
)
from numgenius_core.billing.statements import statement
from numgenius_core.contracts.contract import Contract
from numgenius_core.contracts.life import InstanceState
from numgenius_core.intervals import Interval
from numgenius_core.listing import PriceTerms
from numgenius_core.money import Money
from numgenius_core.rates import PerHour
from numgenius_core.testing.law import Implementation, Law, Rule, dollars, near
from numgenius_core.testing.strategies import histories
from numgenius_core.units import SECONDS_PER_HOUR

_METER: Final = (
    "GPU: only while running; storage: every second the instance exists and its machine is "
    "online, in any state, at the same rate; traffic: per byte, in any state"
)
_PIECES: Final = "charging a period in pieces must total what charging it whole totals"
_DEPOSIT: Final = (
    "a reservation has its discount in every second that begins with some of the deposit left"
)
_FREE: Final = "a host tests its own machine by creating a free instance"


_SECOND: Final = timedelta(seconds=1)


@st.composite
def _bills(draw: st.DrawFn) -> tuple[History, Interval]:
    """Draw a history and a period of it."""
    history = draw(histories(longest=40))
    start = draw(st.integers(0, 30))
    # To the end of the history half of the time: a deposit is paid back in its last second.
    length = draw(st.just(41 - start) | st.integers(1, 40))
    begin = history.contract.start + timedelta(seconds=start)
    return history, Interval(begin, begin + timedelta(seconds=length))


class _Meter:
    """What a second costs an instance, as its facts so far have it."""

    def __init__(self, contract: Contract) -> None:
        self.bid, self.online = contract.bid, True
        self.deposit = self.discount = Fraction(0)

    def take(self, fact: Fact, prices: PriceTerms) -> Fraction:
        """Take note of a fact, and return what it costs by itself."""
        cost = Fraction(0)
        if isinstance(fact, Rebid):
            self.bid = fact.bid
        elif isinstance(fact, MachineWent):
            self.online = fact.online
        elif isinstance(fact, Transferred):
            cost = dollars(prices.upload) * Fraction(fact.sent, 10**9)
            cost += dollars(prices.download) * Fraction(fact.received, 10**9)
        elif isinstance(fact, Prepaid):
            self.deposit, self.discount = self.deposit + dollars(fact.amount), fact.discount
        elif isinstance(fact, Refunded):
            cost, self.deposit = self.deposit - dollars(fact.amount), Fraction(0)
        return cost

    def run(self, full: PerHour) -> Fraction:
        """Let the GPUs run for a second at a price without a deposit, and return what it costs."""
        rate = full.scaled(1 - self.discount) if self.deposit else full
        cost = dollars(rate) / SECONDS_PER_HOUR
        self.deposit = max(self.deposit - cost, Fraction(0))
        return cost


def _seconds(history: History, period: Interval) -> Iterator[Fraction]:
    """Yield what each second of a period costs, whoever pays it, in dollars."""
    contract, facts, meter = history.contract, deque(history.facts), _Meter(history.contract)
    states, now = list(history.states()), history.contract.start
    while now < period.end:
        cost, prices = Fraction(0), contract.prices_at(now)
        while facts and facts[0].at <= now:
            cost += meter.take(facts.popleft(), prices)
        begun = [state for since, state in states if since <= now]
        if begun and meter.online and begun[-1] is not InstanceState.DESTROYED:
            disk = Fraction(contract.disk_mb, 1_000 * 720 * SECONDS_PER_HOUR)
            cost += dollars(prices.storage) * disk
            if begun[-1] is InstanceState.RUNNING:
                cost += meter.run(contract.gpu_rate_at(now, meter.bid))
        if now >= period.start:
            yield cost
        now += _SECOND


def _second_by_second(
    implementation: Implementation, history: History, period: Interval
) -> str | None:
    found = dollars(implementation(history, period))
    free = history.contract.is_free_test
    exact = Fraction(0) if free else sum(_seconds(history, period), Fraction(0))
    return near("the total", found, exact)


def _in_pieces(implementation: Implementation, history: History, period: Interval) -> str | None:
    if period.seconds < 2:
        return None
    cut = period.start + timedelta(seconds=period.seconds // 2)
    whole = dollars(implementation(history, period))
    parts = [Interval(period.start, cut), Interval(cut, period.end)]
    pieces = sum((dollars(implementation(history, part)) for part in parts), Fraction(0))
    return near(f"the sum of the parts before and after {cut}", pieces, whole, Fraction(0))


def _free_test(implementation: Implementation, history: History, period: Interval) -> str | None:
    if not history.contract.is_free_test:
        return None
    return near("a free test", dollars(implementation(history, period)), Fraction(0))


def _ours(history: History, period: Interval) -> Money:
    return statement(history, period).total


METERING: Final = Rule(
    name="metering",
    signature="(history: History, period: Interval) -> exact dollars, whoever pays them",
    cases=_bills(),
    laws=(
        Law(name="second by second", sentence=f"{_METER}; {_DEPOSIT}", check=_second_by_second),
        Law(name="pieces total the whole", sentence=_PIECES, check=_in_pieces),
        Law(name="a free test is free", sentence=_FREE, check=_free_test),
    ),
    ours=_ours,
)
"""What an instance cost in a period."""
