"""Laws of a simulation: whatever it does with its clients, its sums are those of the contracts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from typing import Final

from attrs import evolve
from hypothesis import strategies as st

from numgenius_core.billing.history import History
from numgenius_core.billing.metering import GPU, LineKind
from numgenius_core.billing.statements import Statement, statement
from numgenius_core.contracts.life import InstanceState
from numgenius_core.intervals import total_seconds
from numgenius_core.listing import Mode
from numgenius_core.rates import PerGpuHour
from numgenius_core.testing.law import Implementation, Law, Rule, dollars, near
from numgenius_core.testing.scenario_values import scenarios
from numgenius_core.whatif.outcome import ModeOutcome, Outcome
from numgenius_core.whatif.scenario import Scenario
from numgenius_core.whatif.simulation import simulate

_SEEDED: Final = "the same demand, seed and horizon give the same requests, and the same outcome"
_ANY_LISTING: Final = "the same seed gives the same clients whatever is listed"
_STATED: Final = "all amounts are the sums of the contracts' own statements for the horizon"
_SHARED: Final = "the platform keeps its fee of what a client pays, and the host gets the rest"
_COUNTED: Final = "each client rents, or was lost for one reason; no GPU second is used twice"
_OWN: Final = "what rivals rent out is in no figure of the host, and their order decides nothing"
_NOTHING: Final = Fraction(0)


def _seeded(implementation: Implementation, scenario: Scenario, seed: int) -> str | None:
    first, second = (implementation(scenario, seed) for _ in range(2))
    return None if first == second else f"with seed {seed} there are two outcomes"


def _any_listing(implementation: Implementation, scenario: Scenario, seed: int) -> str | None:
    dear = tuple(
        evolve(one, prices=evolve(one.prices, gpu=one.prices.gpu + PerGpuHour(9)))
        for one in scenario.listings
    )
    here = implementation(scenario, seed)
    there = implementation(evolve(scenario, listings=dear), seed)
    for mode in Mode:
        if here.of(mode).requests != there.of(mode).requests:
            counts = f"{there.of(mode).requests}, not {here.of(mode).requests}"
            return f"at a higher price {counts} clients come for {mode.value}"
    return None


# -- money -------------------------------------------------------------------------------------


def _statements(outcome: Outcome, scenario: Scenario) -> list[Statement]:
    return [statement(history, scenario.horizon) for history in outcome.histories]


def _stated(implementation: Implementation, scenario: Scenario, seed: int) -> str | None:
    outcome: Outcome = implementation(scenario, seed)
    bills = _statements(outcome, scenario)
    for name, kinds in (
        ("gpu", GPU),
        ("storage", (LineKind.STORAGE,)),
        ("forfeited", (LineKind.FORFEIT,)),
    ):
        found = sum((dollars(getattr(one, name)) for one in outcome.modes), _NOTHING)
        exact = sum((dollars(bill.amount_of(*kinds)) for bill in bills), _NOTHING)
        if fault := near(f"{name} of all modes", found, exact, _NOTHING):
            return fault
    if len(bills) != outcome.rented:
        return f"{outcome.rented} clients rented, and there are {len(bills)} histories"
    return None


def _shared(implementation: Implementation, scenario: Scenario, seed: int) -> str | None:
    outcome: Outcome = implementation(scenario, seed)
    bills = _statements(outcome, scenario)
    fees = sum((dollars(bill.fee) for bill in bills), _NOTHING)
    kept = sum((dollars(one.fee) for one in outcome.modes), _NOTHING)
    payout = sum((dollars(bill.payout) for bill in bills), _NOTHING)
    profit = payout - dollars(outcome.power)
    return (
        near("the fee", kept, fees, _NOTHING)
        or near("the payout", dollars(outcome.payout), payout, _NOTHING)
        or near("the profit", dollars(outcome.profit), profit, _NOTHING)
    )


# -- clients and their GPUs --------------------------------------------------------------------


def _counted(implementation: Implementation, scenario: Scenario, seed: int) -> str | None:
    outcome: Outcome = implementation(scenario, seed)
    asked = Counter(one.mode for one in scenario.demand.draw(scenario.horizon, seed).requests)
    for one in outcome.modes:
        if fault := _of_one_mode(one, asked[one.mode]):
            return fault
    if outcome.gpu_seconds > outcome.gpus * outcome.seconds:
        return f"{outcome.gpu_seconds} GPU seconds ran, more than there are"
    return _used(outcome, scenario)


def _of_one_mode(one: ModeOutcome, asked: int) -> str | None:
    lost = sum(count for _, count in one.lost)
    if one.requests != asked:
        return f"{asked} clients want {one.mode.value}, not {one.requests}"
    if one.requests != one.rented + lost:
        return f"{one.rented} rented and {lost} were lost of {one.requests} for {one.mode.value}"
    if not one.finished <= one.rented:
        return f"{one.finished} finished of {one.rented} that rented {one.mode.value}"
    return None


def _runs(history: History, scenario: Scenario) -> Iterator[tuple[int, int]]:
    """Yield when an instance ran, seconds of the horizon."""
    begun, last = None, scenario.horizon.seconds
    for at, state in history.states():
        now = min(total_seconds(scenario.horizon.start, at), last)
        if begun is not None:
            yield begun, now
        begun = now if state is InstanceState.RUNNING else None
    if begun is not None:
        yield begun, last


def _used(outcome: Outcome, scenario: Scenario) -> str | None:
    """Return what is wrong if a GPU runs two instances at once, or the time that ran is another."""
    known = [
        (run, history.contract) for history in outcome.histories for run in _runs(history, scenario)
    ]
    total = sum((end - start) * contract.block.size for (start, end), contract in known)
    if total != outcome.gpu_seconds:
        return f"{outcome.gpu_seconds} GPU seconds ran, by the histories {total}"
    for place, ((start, end), contract) in enumerate(known):
        for (begin, stop), other in known[:place]:
            same = contract.machine == other.machine and contract.block.overlaps(other.block)
            if same and start < stop and begin < end:
                return f"contracts {other.id} and {contract.id} run on one GPU"
    return None


def _own(implementation: Implementation, scenario: Scenario, seed: int) -> str | None:
    outcome: Outcome = implementation(scenario, seed)
    own = {one.machine.id: one.machine.gpus for one in scenario.listings}
    if outcome.gpus != sum(own.values()):
        return f"{outcome.gpus} GPUs, and the host has {sum(own.values())}"
    for history in outcome.histories:
        if history.contract.machine not in own:
            return f"contract {history.contract.id} is on a rival's machine"
    turned = evolve(scenario, rivals=scenario.rivals[::-1])
    if scenario.rivals and implementation(turned, seed) != outcome:
        return "rivals in another order give another outcome"
    return None


SIMULATION: Final = Rule(
    name="simulation",
    signature="(scenario: Scenario, seed: int) -> Outcome with its histories",
    cases=st.tuples(scenarios(), st.integers(0, 3)),
    laws=(
        Law(name="same seed, same outcome", sentence=_SEEDED, check=_seeded),
        Law(name="clients come at any price", sentence=_ANY_LISTING, check=_any_listing),
        Law(name="everyone is counted", sentence=_COUNTED, check=_counted),
        Law(name="the sums of the statements", sentence=_STATED, check=_stated),
        Law(name="nothing is lost on the way", sentence=_SHARED, check=_shared),
        Law(name="the host's own alone", sentence=_OWN, check=_own),
    ),
    ours=lambda scenario, seed: simulate(scenario, seed, keep_histories=True),
)
"""What comes of a scenario."""
