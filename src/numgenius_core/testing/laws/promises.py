"""Laws of a promise among other things: in the bill of a stay, and beside other contracts.

What a promise costs and pays back has laws of its own (``testing.laws.sla``). These say what it
leaves as it was: the bill of whoever buys none, and the contracts on other slices of a machine.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from fractions import Fraction
from typing import Any, Final

from attrs import evolve
from hypothesis import strategies as st

from numgenius_core._numbers import PICO, decimal_of
from numgenius_core.listing import Mode
from numgenius_core.offer import Offer
from numgenius_core.prices.quotes import QuotePart, quote
from numgenius_core.rates import PerGbMonth, PerGpuHour, PerHour
from numgenius_core.sla.covers import Cover, cover
from numgenius_core.sla.history import UptimeHistory
from numgenius_core.sla.settlement import settle
from numgenius_core.sla.terms import SlaTerms
from numgenius_core.testing.law import NANO, Implementation, Law, Rule, dollars, near
from numgenius_core.testing.promise_values import promises, uptime_histories
from numgenius_core.testing.strategies import offers, seconds, shares

_EXACT: Final = Fraction(0)

# -- the bill of a stay ------------------------------------------------------------------------

_AS_BEFORE: Final = "no target: no fee, no credit; a contract without one is billed as before"
_BESIDE: Final = "dph_total = GPU + storage + fee: the fee is a line of its own, never discounted"
_WHOLE: Final = "the fee is dollars per hour for the whole instance, billed by the second"
_NEAR: Final = "near the claim the fee is much higher"
_HOSTS: Final = "below the target a credit comes due, else the host keeps the fee (our reading)"
_Stay = tuple[Offer, int, int, Fraction]


def _answers(
    implementation: Implementation, offer: Offer, length: int, disk: int, target: Fraction | None
) -> tuple[Fraction, Fraction, Fraction]:
    """Return the total, the fee in it, and what the host gets."""
    total, fee, payout = map(dollars, implementation(offer, length, disk, target))
    return total, fee, payout


def _as_before(
    implementation: Implementation, offer: Offer, length: int, disk: int, _: Fraction
) -> str | None:
    total, fee, payout = _answers(implementation, offer, length, disk, None)
    if fee:
        return f"without a target the fee is {fee}"
    prices, hours = offer.prices, Fraction(length, 3_600)
    stored = Fraction(disk, 1_000) * hours / 720
    exact = dollars(prices.gpu) * offer.gpus * hours + dollars(prices.storage) * stored
    if (fault := near("the total without a target", total, exact, _EXACT)) is not None:
        return fault
    left, steps = total * (1 - prices.platform_fee), (hours + stored) / PICO
    what = "what the platform's share leaves the host of a stay without a target"
    if (fault := near(what, payout, left, steps + NANO)) is not None:
        return fault
    silent = evolve(offer, promise=None)
    bare = _answers(implementation, silent, length, disk, None)
    what = "what the host gets of a stay without a target, if it claims nothing"
    return near(what, bare[2], payout, _EXACT)


def _beside(
    implementation: Implementation, offer: Offer, length: int, disk: int, target: Fraction
) -> str | None:
    total, fee, _ = _answers(implementation, offer, length, disk, target)
    without, _, _ = _answers(implementation, offer, length, disk, None)
    if fee < 0:
        return f"the fee is {fee}"
    return near("the total less the fee", total - fee, without, _EXACT)


def _costs_something(
    implementation: Implementation, offer: Offer, length: int, disk: int, _: Fraction
) -> str | None:
    assert offer.promise is not None
    claim = offer.promise.claim
    _, fee, _ = _answers(implementation, offer, length, disk, claim)
    return None if fee > 0 else f"a target of {float(claim)}, at the claim, costs nothing"


def _by_the_second(
    implementation: Implementation, offer: Offer, length: int, disk: int, target: Fraction
) -> str | None:
    one, three = (
        _answers(implementation, offer, many * length, disk, target)[1] for many in (1, 3)
    )
    return near("the fee of three times the time", three, 3 * one, _EXACT)


def _all_the_hosts(
    implementation: Implementation, offer: Offer, length: int, disk: int, target: Fraction
) -> str | None:
    _, fee, payout = _answers(implementation, offer, length, disk, target)
    _, _, without = _answers(implementation, offer, length, disk, None)
    return near("what the host gets less the fee", payout - fee, without, _EXACT)


@st.composite
def _stays(draw: st.DrawFn) -> _Stay:
    """Draw an offer with a promise, a stay on it and a target that it meets."""
    promise = draw(promises)
    offer = draw(offers())
    prices = evolve(
        offer.prices,
        gpu=PerGpuHour.from_steps(draw(st.integers(10**9, 10**13))),
        storage=PerGbMonth.from_steps(draw(st.integers(0, 10**12))),
    )
    target = draw(st.sampled_from([promise.claim, promise.claim * Fraction(1, 2)]))
    target = Fraction(max(1, int(target * 10**9)), 10**9)
    known = evolve(offer, prices=prices, unknown_prices=(), promise=promise)
    return known, draw(seconds.filter(bool)), draw(st.integers(0, 10**6)), target


def _our_bill(
    offer: Offer, length: int, disk: int, target: Fraction | None
) -> tuple[Any, Any, Any]:
    stay = timedelta(seconds=length)
    found = quote(offer, stay, mode=Mode.ON_DEMAND, disk=decimal_of(disk, 3), target=target)
    return found.total, found.amount_of(QuotePart.SLA_FEE), found.payout


SLA_BILL: Final = Rule(
    name="sla_bill",
    signature="(offer: Offer, seconds: int, disk: int, MB, target: Fraction | None) -> total, fee "
    "of the promise, what the host gets, as dollars",
    cases=_stays(),
    laws=(
        Law(name="without a target as before", sentence=_AS_BEFORE, check=_as_before),
        Law(name="the fee stands beside", sentence=_BESIDE, check=_beside),
        Law(name="a promise costs something", sentence=_NEAR, check=_costs_something),
        Law(name="a fee by the second", sentence=_WHOLE, check=_by_the_second),
        Law(name="the fee is the host's", sentence=_HOSTS, check=_all_the_hosts),
    ),
    ours=_our_bill,
)
"""What a stay on demand costs with a promise, and without one."""


# -- slices of a machine -----------------------------------------------------------------------

_PER_CONTRACT: Final = "settlement is per contract: a failing slice harms its own contracts only"
_BILLED: Final = "during an outage compute, storage and the fee are billed for the intended day"
_Contract = tuple[Cover, UptimeHistory]
_Day = tuple[Fraction, ...]


def _settled(
    implementation: Implementation, contracts: Sequence[_Contract]
) -> list[tuple[_Day, ...]]:
    """Return the days of each contract."""
    return [tuple(tuple(map(dollars, day)) for day in days) for days in implementation(contracts)]


def _answers_for_each(found: Sequence[object], contracts: Sequence[_Contract]) -> str | None:
    if len(found) == len(contracts):
        return None
    return f"{len(found)} answers for {len(contracts)} contracts"


def _alone(implementation: Implementation, contracts: Sequence[_Contract]) -> str | None:
    together = _settled(implementation, contracts)
    if (fault := _answers_for_each(together, contracts)) is not None:
        return fault
    for index, contract in enumerate(contracts):
        (alone,) = _settled(implementation, [contract])
        if together[index] != alone:
            return f"contract {index} settles otherwise by itself"
    return None


def _all_days(implementation: Implementation, contracts: Sequence[_Contract]) -> str | None:
    found = _settled(implementation, contracts)
    if (fault := _answers_for_each(found, contracts)) is not None:
        return fault
    for index, ((bought, history), days) in enumerate(zip(contracts, found, strict=True)):
        hours = Fraction(history.rented_seconds, 3_600)
        for name, place, price in (("compute", 0, bought.compute), ("fee", 1, bought.fee)):
            paid = sum((day[place] for day in days), Fraction(0))
            what = f"the {name} of all days of contract {index}"
            if (fault := near(what, paid, dollars(price) * hours, _EXACT)) is not None:
                return fault
    return None


def _its_own_only(implementation: Implementation, contracts: Sequence[_Contract]) -> str | None:
    bought, history = contracts[0]
    mended = [(bought, evolve(history, outages=())), *contracts[1:]]
    failing, whole = (_settled(implementation, each)[1:] for each in (contracts, mended))
    return None if failing == whole else "an outage of contract 0 changes another contract's days"


def _no_outage(implementation: Implementation, contracts: Sequence[_Contract]) -> str | None:
    days = _settled(implementation, contracts)
    for (_, history), rows in zip(contracts, days, strict=False):
        if not history.down_seconds and any(row[2] for row in rows):
            return "a contract that was never down gets a credit"
    return None


@st.composite
def _slices(draw: st.DrawFn) -> tuple[tuple[_Contract, ...]]:
    """Draw two or three contracts of one machine, some of which fail."""
    found = []
    for _ in range(draw(st.integers(2, 3))):
        promise = draw(promises)
        target = min(Fraction(draw(st.sampled_from([90, 95, 99])), 100), promise.claim)
        hourly = PerHour.from_steps(draw(st.integers(10**9, 10**13)))
        bought = cover(SlaTerms(promise, target), hourly, platform_fee=draw(shares))
        found.append((bought, draw(uptime_histories(days=5))))
    return (tuple(found),)


def _our_slices(contracts: Sequence[_Contract]) -> Iterable[Iterable[tuple[Any, ...]]]:
    for bought, history in contracts:
        days = settle(bought, history).days
        yield [(d.compute, d.fee, d.credit, d.escrow_to_client, d.escrow_to_host) for d in days]


SLA_SLICES: Final = Rule(
    name="sla_slices",
    signature="(contracts: Sequence[(Cover, UptimeHistory)], on slices of a machine) -> for each, "
    "for each day: compute, fee, credit, escrow to client, escrow to host, as dollars",
    cases=_slices(),
    laws=(
        Law(name="slices settle alone", sentence=_PER_CONTRACT, check=_alone),
        Law(name="slices settle all days", sentence=_BILLED, check=_all_days),
        Law(name="an outage harms its own", sentence=_PER_CONTRACT, check=_its_own_only),
        Law(name="who was up gets nothing", sentence=_PER_CONTRACT, check=_no_outage),
    ),
    ours=_our_slices,
)
"""What comes due for the contracts of one machine."""
