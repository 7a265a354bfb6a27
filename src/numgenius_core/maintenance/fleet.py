"""When to take the machines of a fleet down: each once, at most k at a time, at the least loss.

Rule (issue of this library; the guide describes maintenance of one machine only): every machine of
a fleet gets one window before a deadline, and at no instant are more than k of them down.

The problem, exactly: the caller gives the instants at which a window may start and one length for
all. Each machine takes one start; a start may serve several machines; at any instant at most k
windows are open; the sum of the losses (of :func:`~numgenius_core.maintenance.disturbances`) is to
be least.

* *Aligned* starts are at least the length apart, so no two windows overlap and the limit is k
  machines a start. That is an assignment problem, solved to the optimum (successive shortest
  paths). The prices of the starts prove it: see :func:`bound_of`.
* Otherwise the plan is the best of several aligned ones, improved track by track and machine by
  machine, beside a lower bound from prices (Lagrange). A search with a limit on its effort closes
  the gap for small fleets. What is proven is said: :attr:`FleetPlan.proof`.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import accumulate, pairwise
from operator import add

from attrs import frozen

from numgenius_core._checks import as_tuple, check_id, check_kind
from numgenius_core._numbers import length_in_seconds, whole_number
from numgenius_core.contracts.contract import Contract
from numgenius_core.contracts.term import Term, agreed, check_belongs
from numgenius_core.errors import RuleViolation, WrongType, shown
from numgenius_core.ids import MachineId
from numgenius_core.intervals import Interval, total_seconds, utc
from numgenius_core.maintenance._assignment import Problem, Proof, apart, paid, solve
from numgenius_core.maintenance.losses import (
    COUNT,
    NO_REFUNDS,
    Disturbance,
    Piece,
    Refunds,
    Weights,
    check_refunds,
    disturbances,
    weighed_pieces,
)


@frozen(kw_only=True)
class MachineWindow:
    """The window of one machine.

    Attributes:
        machine: The machine.
        window: When it is down.
        disturbed: Each contract in its way.
        loss: The weighted sum of what they lose.
    """

    machine: MachineId
    window: Interval
    disturbed: tuple[Disturbance, ...]
    loss: Fraction


@frozen(kw_only=True)
class FleetPlan:
    """A window for each machine of a fleet.

    Attributes:
        windows: One a machine, in order of their ids.
        loss: The sum of their losses.
        bound: No plan for these starts loses less. It is that of the prices, rounded up to a
            multiple of what divides all losses, or the loss itself where a search proved it.
        proof: How the loss is known to be the least, if it is.
        prices: One a start, in order of time: what being down at that instant would have to cost
            for the bound (:func:`bound_of`).
    """

    windows: tuple[MachineWindow, ...]
    loss: Fraction
    bound: Fraction
    proof: Proof
    prices: tuple[Fraction, ...]

    @property
    def is_optimal(self) -> bool:
        """Whether it is proven that no plan for these starts loses less."""
        return self.proof is not Proof.NONE

    @property
    def gap(self) -> Fraction:
        """How much of the loss is not proven necessary: 0 is proven, 1 is nothing."""
        return (self.loss - self.bound) / self.loss if self.loss else Fraction(0)


def aligned_starts(
    within: Interval, length: timedelta, step: timedelta | None = None
) -> tuple[datetime, ...]:
    """Return starts at equal distances, whose windows lie within a period.

    Args:
        within: From now, or later, to the deadline.
        length: Of a window, whole seconds.
        step: From start to start; by default the length, which makes them aligned.

    Raises:
        WrongType: An argument of the wrong type.
        RuleViolation: A duration of zero, or a window longer than the period.
    """
    check_kind(within, Interval, "within")
    seconds = length_in_seconds(length)
    every = seconds if step is None else length_in_seconds(step, "step")
    if seconds > within.seconds:
        raise RuleViolation("length", f"at most {within.duration}", str(length))
    count = (within.seconds - seconds) // every + 1
    return tuple(within.start + timedelta(seconds=i * every) for i in range(count))


def plan_fleet(
    fleet: Mapping[MachineId, Iterable[Contract | Term]],
    starts: Iterable[datetime],
    length: timedelta,
    *,
    at_once: int,
    weights: Weights = COUNT,
    refunds: Refunds = NO_REFUNDS,
    effort: int = 20_000,
) -> FleetPlan:
    """Return a window for every machine, at most ``at_once`` of them down at any instant.

    Args:
        fleet: Each machine with its contracts.
        starts: When a window may start; :func:`aligned_starts` makes such.
        length: Of a window, whole seconds.
        at_once: Most machines down at an instant.
        weights: What counts; by default the number of contracts disturbed.
        refunds: What is due to a contract if it is disturbed.
        effort: Steps that the search may take where starts are not aligned; 0 leaves it out.

    Raises:
        WrongType: An argument of the wrong type.
        RuleViolation: More machines than fit before the last window's end, no machine at all, or
            a contract under another machine.
    """
    whole_number(at_once, "at_once", 1)
    whole_number(effort, "effort")
    check_kind(weights, Weights, "weights")
    check_refunds(refunds)
    seconds = length_in_seconds(length)
    known = _machines(fleet)
    begins = sorted(
        {utc(each, f"starts[{i}]") for i, each in enumerate(as_tuple(starts, "starts"))}
    )
    if not begins:
        raise RuleViolation("starts", "at least one instant", "none")
    times = [total_seconds(begins[0], each) for each in begins]
    room = at_once * len(apart(times, seconds, 0))
    if len(known) > room:
        raise RuleViolation("fleet", f"at most {room} machines for these starts", str(len(known)))
    whole = Interval(begins[0], begins[-1] + timedelta(seconds=seconds))
    costs = [
        _losses(weighed_pieces(contracts, whole, weights, refunds), times, seconds)
        for contracts in known.values()
    ]
    problem = Problem(costs=costs, times=times, length=seconds, at_once=at_once)
    taken, prices, bound, proof = solve(problem, effort)
    windows = tuple(
        _window(machine, known[machine], begins[start], length, weights, refunds)
        for machine, start in zip(known, taken, strict=True)
    )
    return FleetPlan(
        windows=windows,
        loss=sum((each.loss for each in windows), Fraction(0)),
        bound=Fraction(bound, weights.unit),
        proof=proof,
        prices=tuple(Fraction(price, weights.unit) for price in prices),
    )


def bound_of(
    losses: Sequence[Sequence[Fraction]],
    starts: Sequence[datetime],
    length: timedelta,
    at_once: int,
    prices: Sequence[Fraction],
) -> Fraction:
    """Return a loss that no plan can go below: what checks a :class:`FleetPlan` in one pass.

    Let being down at the instant ``starts[j]`` cost ``prices[j]`` on top, and let a plan get back
    ``at_once`` times each price. As at most ``at_once`` machines pay a price, no plan gains by
    that: each machine's least loss with prices, minus what comes back, bounds every plan.

    Args:
        losses: A row a machine: its loss at each start.
        starts: In order of time.
        length: Of a window.
        at_once: Most machines down at an instant.
        prices: Zero or more, one a start.

    Raises:
        WrongType: An instant or a length of the wrong type.
        RuleViolation: Starts out of order, a price below zero, or not one number a start.
    """
    known = [utc(each, "starts") for each in starts]
    times = [total_seconds(known[0], each) for each in known]
    seconds = length_in_seconds(length)
    whole_number(at_once, "at_once", 1)
    if not times or any(a >= b for a, b in pairwise(times)):
        raise RuleViolation("starts", "instants in order of time", shown(starts))
    if len(prices) != len(times) or any(price < 0 for price in prices):
        raise RuleViolation("prices", f"{len(times)} of them, zero or more", shown(prices))
    for index, row in enumerate(losses):
        if len(row) != len(times):
            raise RuleViolation(f"losses[{index}]", f"{len(times)} of them", str(len(row)))
    charges = paid(times, seconds, prices)
    least = sum((min(map(add, row, charges)) for row in losses), Fraction(0))
    return least - at_once * sum(prices, Fraction(0))


def _losses(pieces: Iterable[Piece], times: Sequence[int], length: int) -> list[int]:
    """Return the loss of a window from each start."""
    grown, once = [0] * len(times), [0] * (len(times) + 1)
    for start, end, at_start, at_end, slope in pieces:
        first, last = bisect_right(times, start - length), bisect_left(times, end)
        once[first] += at_start
        once[last] -= at_end
        for j in range(first, last):
            grown[j] += slope * (min(end, times[j] + length) - max(start, times[j]))
    return list(map(add, grown, accumulate(once)))


def _machines(fleet: object) -> dict[MachineId, tuple[Contract | Term, ...]]:
    """Return the machines in order of their ids, each with its contracts, refusing the rest."""
    if not isinstance(fleet, Mapping):
        raise WrongType("fleet", "a mapping of machine ids to contracts", shown(fleet))
    if not fleet:
        raise RuleViolation("fleet", "at least one machine", "none")
    for machine in fleet:
        check_id(machine, "fleet")
    known = {}
    for machine in sorted(fleet):
        known[machine] = as_tuple(fleet[machine], f"fleet[{machine}]")
        for index, each in enumerate(known[machine]):
            path = f"fleet[{machine}][{index}]"
            check_belongs(agreed(each, path), machine, path)
    return known


def _window(
    machine: MachineId,
    contracts: Iterable[Contract | Term],
    start: datetime,
    length: timedelta,
    weights: Weights,
    refunds: Refunds,
) -> MachineWindow:
    window = Interval(start, start + length)
    disturbed = disturbances(contracts, window, refunds)
    return MachineWindow(
        machine=machine, window=window, disturbed=disturbed, loss=weights.loss(disturbed)
    )
