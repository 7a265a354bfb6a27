"""Laws of the meter: what an instance cost, from its history."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from fractions import Fraction
from typing import Final

from hypothesis import strategies as st

from numgenius_core.billing.history import History, MachineWent, Prepaid, Rebid, Transferred
from numgenius_core.billing.statements import statement
from numgenius_core.contracts.life import InstanceState
from numgenius_core.intervals import Interval
from numgenius_core.money import Money
from numgenius_core.testing.law import Implementation, Law, Rule, dollars, near
from numgenius_core.testing.strategies import histories
from numgenius_core.units import SECONDS_PER_HOUR

_METER: Final = (
    "GPU: only while running; storage: every second the instance exists and its machine is "
    "online, in any state, at the same rate; traffic: per byte, in any state"
)
_PIECES: Final = "charging a period in pieces must total what charging it whole totals"
_FREE: Final = "a host tests its own machine by creating a free instance"


@st.composite
def _bills(draw: st.DrawFn) -> tuple[History, Interval]:
    """Draw a history and a period of it."""
    history = draw(histories(longest=40))
    start = history.contract.start + timedelta(seconds=draw(st.integers(0, 30)))
    return history, Interval(start, start + timedelta(seconds=draw(st.integers(1, 40))))


def _seconds(history: History, period: Interval) -> Iterator[Fraction]:
    """Yield what each second of a period costs, without deposits, in dollars."""
    contract = history.contract
    states = list(history.states())
    for offset in range(period.seconds):
        now = period.start + timedelta(seconds=offset)
        prices = contract.prices_at(now)
        bid, online = contract.bid, True
        for fact in history.facts:
            if isinstance(fact, Rebid) and fact.at <= now:
                bid = fact.bid
            elif isinstance(fact, MachineWent) and fact.at <= now:
                online = fact.online
            elif isinstance(fact, Transferred) and fact.at == now:
                yield dollars(prices.upload) * Fraction(fact.sent, 10**9)
                yield dollars(prices.download) * Fraction(fact.received, 10**9)
        begun = [state for since, state in states if since <= now]
        if not begun or not online or begun[-1] is InstanceState.DESTROYED:
            continue
        disk = Fraction(contract.disk_mb, 1_000 * 720 * SECONDS_PER_HOUR)
        yield dollars(prices.storage) * disk
        if begun[-1] is InstanceState.RUNNING:
            yield dollars(contract.gpu_rate_at(now, bid)) / SECONDS_PER_HOUR


def _second_by_second(
    implementation: Implementation, history: History, period: Interval
) -> str | None:
    if any(isinstance(fact, Prepaid) for fact in history.facts):
        return None  # a deposit has its own rate; the other laws hold for it too
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
        Law(name="second by second", sentence=_METER, check=_second_by_second),
        Law(name="pieces total the whole", sentence=_PIECES, check=_in_pieces),
        Law(name="a free test is free", sentence=_FREE, check=_free_test),
    ),
    ours=_ours,
)
"""What an instance cost in a period."""
