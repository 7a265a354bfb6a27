"""Questions of a host by name: the best price, the best ``min_gpu``, the best mix, and more.

Each question varies one thing of a scenario, simulates every variation on the same clients
(:mod:`numgenius_core.whatif.sweeps`), and answers with the best one, how sure that is, and all figures.

What *best* means: the greatest mean of a figure over the runs, by default the profit, which is the
payout less the electricity. An answer is *clear* if the best beats each other option by a paired
difference whose interval lies above zero. Each interval is for its own pair: with very many
options, some seem clear by chance.

The questions of a client are in :mod:`numgenius_core.planning.bids`, :mod:`numgenius_core.planning.deadlines` and
:mod:`numgenius_core.planning.reserving`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import combinations_with_replacement
from math import comb
from typing import Any, Final

from attrs import frozen

from numgenius_core._checks import as_tuple, check_kind
from numgenius_core._tables import ResultTable, Tabular
from numgenius_core.errors import RuleViolation, shown
from numgenius_core.rates import PerGpuHour
from numgenius_core.units import Amount
from numgenius_core.whatif.estimate import Estimate
from numgenius_core.whatif.scenario import Option, Scenario, vary
from numgenius_core.whatif.sweeps import Measure, Sweep, cell, heading, sweep

_MOST_MIXES: Final = 1_000
_FLOORS: Final = (Fraction(0), Fraction(1, 2), Fraction(1), Fraction(3, 2), Fraction(2))


@frozen(kw_only=True)
class Answer(Tabular):
    """The answer to a question, with what it rests on.

    Attributes:
        best: The option with the greatest mean.
        base: What the others are compared with; the best itself unless the question says more.
        measure: What was looked at.
        sweep: Every option, run by run.
    """

    best: Option
    base: Option
    measure: Measure
    sweep: Sweep

    @property
    def value(self) -> Any:
        """What was varied, of the best option: its price, ``min_gpu``, mix, discount or floor."""
        return self.best.values[0][1]

    @property
    def estimate(self) -> Estimate:
        """The figure of the best option, with its interval."""
        return self.sweep.estimate(self.best, self.measure)

    @property
    def differences(self) -> tuple[tuple[Option, Estimate], ...]:
        """By how much each other option is above the base, run by run."""
        return tuple(
            (one, self.sweep.difference(one, self.base, self.measure))
            for one in self.sweep.options
            if one is not self.base
        )

    @property
    def is_clear(self) -> bool:
        """Whether the best surely beats each other option."""
        return all(
            self.sweep.difference(self.best, one, self.measure).is_clear
            for one in self.sweep.options
            if one is not self.best
        )

    def table(self) -> ResultTable:
        """Return each option with its figure and its difference to the base."""
        apart = {id(one): found for one, found in self.differences}
        rows = [
            (
                f"{one.label} *" if one is self.best else one.label,
                cell(self.sweep.estimate(one, self.measure), self.measure),
                cell(apart[id(one)], self.measure) if id(one) in apart else "",
                cell(self.sweep.estimate(one, "occupancy"), "occupancy"),
                cell(self.sweep.estimate(one, "unserved"), "unserved"),
            )
            for one in self.sweep.options
        ]
        head = (
            "option (* best)",
            heading(self.measure),
            f"above {self.base.label}",
            "occupancy",
            "unserved",
        )
        return ResultTable(title="", head=head, rows=tuple(rows))


def _answer(
    options: Sequence[Option], measure: Measure, how: dict[str, Any], base: Option | None = None
) -> Answer:
    found = sweep(options, **how)
    best = found.best(measure)
    return Answer(best=best, base=base or best, measure=measure, sweep=found)


def best_price(
    scenario: Scenario, prices: Iterable[PerGpuHour], *, measure: Measure = "profit", **how: Any
) -> Answer:
    """Return the best on-demand price for all machines of a scenario.

    Args:
        scenario: What is listed and who comes.
        prices: To try, dollars per GPU-hour.
        measure: What is to be greatest.
        **how: As for :func:`~numgenius_core.whatif.sweep`: ``runs``, ``seed``, ``workers`` …
    """
    return _answer(vary(scenario, price=prices), measure, how)


def best_min_gpu(
    scenario: Scenario,
    sizes: Iterable[int] | None = None,
    *,
    measure: Measure = "profit",
    **how: Any,
) -> Answer:
    """Return the best ``min_gpu``, the same for all machines of a scenario.

    Args:
        scenario: What is listed and who comes.
        sizes: To try; all that the smallest machine may have if left out.
        measure: What is to be greatest.
        **how: As for :func:`~numgenius_core.whatif.sweep`.
    """
    check_kind(scenario, Scenario, "scenario")
    tried = _powers(scenario) if sizes is None else sizes
    return _answer(vary(scenario, min_gpu=tried), measure, how)


def best_mix(
    scenario: Scenario,
    mixes: Iterable[Sequence[int]] | None = None,
    *,
    measure: Measure = "profit",
    **how: Any,
) -> Answer:
    """Return the best mix of ``min_gpu`` over the machines of a fleet.

    Args:
        scenario: What is listed and who comes.
        mixes: To try, each a ``min_gpu`` for every listing; all mixes, whatever the order, of what
            the smallest machine may have if left out.
        measure: What is to be greatest.
        **how: As for :func:`~numgenius_core.whatif.sweep`.

    Raises:
        RuleViolation: More than 1,000 mixes; name those to try.
    """
    check_kind(scenario, Scenario, "scenario")
    if mixes is None:
        sizes, machines = _powers(scenario), len(scenario.listings)
        many = comb(len(sizes) + machines - 1, machines)
        if many > _MOST_MIXES:
            raise RuleViolation(
                "mixes", f"at most {_MOST_MIXES:,}, or the ones to try", f"{many:,}"
            )
        mixes = combinations_with_replacement(sizes, machines)
    return _answer(vary(scenario, mix=map(tuple, mixes)), measure, how)


def _powers(scenario: Scenario) -> tuple[int, ...]:
    smallest = min(listing.machine.gpus for listing in scenario.listings)
    return tuple(1 << power for power in range(smallest.bit_length()))


def worth_of_discount(
    scenario: Scenario,
    factors: Iterable[Amount | Fraction],
    *,
    measure: Measure = "profit",
    **how: Any,
) -> Answer:
    """Return what a reserved discount factor is worth: its difference to no discount at all.

    Args:
        scenario: What is listed and who comes.
        factors: To try, each a share such as ``"0.4"``; 0 is compared with whether or not named.
        measure: What is to be greatest.
        **how: As for :func:`~numgenius_core.whatif.sweep`.
    """
    tried = [one for one in as_tuple(factors, "factors") if one not in (0, "0")]
    options = vary(scenario, max_discount=[0, *tried])
    return _answer(options, measure, how, base=options[0])


def break_even_floor(scenario: Scenario) -> PerGpuHour:
    """Return the lowest bid that pays for the electricity of a running GPU, after all fees.

    Dollars per GPU-hour, rounded up to a price step. At a lower one the host loses on each bidder
    (the machine being on anyway).

    Raises:
        RuleViolation: The scenario says nothing of power.
    """
    check_kind(scenario, Scenario, "scenario")
    if scenario.power is None:
        raise RuleViolation("scenario.power", "what the machines draw", shown(None))
    fee = max(listing.prices.platform_fee for listing in scenario.listings)
    power = scenario.power
    cost = Fraction(power.price.steps * power.gpu_watts, 1_000) / (1 - fee)
    return PerGpuHour.from_steps(-(-cost.numerator // cost.denominator))


def floor_against_power_cost(
    scenario: Scenario,
    floors: Iterable[PerGpuHour] | None = None,
    *,
    measure: Measure = "profit",
    **how: Any,
) -> Answer:
    """Return the best lowest bid, given what a running GPU costs in electricity.

    Args:
        scenario: What is listed, who comes, and what the machines draw.
        floors: To try, dollars per GPU-hour; 0, ½, 1, 1½ and 2 times the break-even if left out.
        measure: What is to be greatest.
        **how: As for :func:`~numgenius_core.whatif.sweep`.

    Raises:
        RuleViolation: The scenario says nothing of power.
    """
    even = break_even_floor(scenario)
    tried = [even.scaled(share) for share in _FLOORS] if floors is None else floors
    return _answer(vary(scenario, min_bid=tried), measure, how)
