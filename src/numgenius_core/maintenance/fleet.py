"""When to take the machines of a fleet down: each once, at most k at a time, at the least loss.

Rule (ours; the guide describes maintenance of one machine only): every machine of
a fleet gets one window before a deadline, and at no instant are more than k of them down.

The problem, exactly: the caller gives the instants at which a window may start and one length for
all. Each machine takes one start; a start may serve several machines; at any instant at most k
windows are open; the sum of the losses (of :func:`~numgenius_core.maintenance.disturbances`) is to
be least. Contracts end when they say now, as for a single machine
(:func:`~numgenius_core.maintenance.best_window`).

* *Aligned* starts are at least the length apart, so no two windows overlap and the limit is k
  machines a start. That is an assignment problem, solved to the optimum (successive shortest
  paths). The prices of the starts prove it: see :attr:`FleetPlan.prices`.
* Otherwise the plan is the best of several aligned ones, improved track by track and machine by
  machine, beside a lower bound from prices (Lagrange). A search with a limit on its effort closes
  the gap for small fleets. What is proven is said: :attr:`FleetPlan.proof`.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import accumulate
from operator import add

from attrs import field, frozen

from numgenius_core._checks import as_tuple, check_id, check_kind
from numgenius_core._numbers import length_in_seconds, whole_number
from numgenius_core._tables import Tabular
from numgenius_core._tables.result import ResultTable
from numgenius_core.contracts.contract import Contract, check_contracts
from numgenius_core.errors import RuleViolation, WrongType, brief, shown
from numgenius_core.ids import MachineId
from numgenius_core.intervals import Interval, total_seconds, utc
from numgenius_core.maintenance._assignment import Problem, Proof, apart, solve
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
from numgenius_core.money import Money


@frozen(kw_only=True)
class MachineWindow:
    """The maintenance window of one machine of a fleet.

    Attributes:
        machine: The machine's id.
        window: When it is down.
        disturbed: Each contract in force at some instant of the window, with what it loses.
        loss: The weighted sum of what they lose.
    """

    machine: MachineId
    window: Interval
    disturbed: tuple[Disturbance, ...] = field(repr=brief)
    loss: Fraction


@frozen(kw_only=True)
class FleetPlan(Tabular):
    """A maintenance window for each machine of a fleet, and how good the plan is known to be.

    Attributes:
        windows: One for each machine, in order of the machines' ids.
        loss: The sum of their losses.
        weights: By which each loss is a sum.
        bound: No plan for these starts loses less. It is the bound of the prices, rounded up to
            a multiple of what divides all losses, or the loss itself where a search proved it.
        proof: How the loss is known to be the least, if it is.
        prices: One for each start, in order of time: what being down at that instant would have
            to cost on top. As at most ``at_once`` machines pay a price, no plan gains by getting
            ``at_once`` times each back: each machine's least loss with prices, less what comes
            back, is what no plan can go below. That checks a plan in one pass.
    """

    windows: tuple[MachineWindow, ...] = field(repr=brief)
    loss: Fraction
    weights: Weights
    bound: Fraction
    proof: Proof
    prices: tuple[Fraction, ...] = field(repr=brief)

    @property
    def is_optimal(self) -> bool:
        """Whether it is proven that no plan for these starts loses less."""
        return self.proof is not Proof.NONE

    @property
    def gap(self) -> Fraction:
        """How much of the loss is not proven necessary: 0 is proven, 1 is nothing."""
        return (self.loss - self.bound) / self.loss if self.loss else Fraction(0)

    def _rows(self) -> Iterable[object]:
        return (
            {
                "machine": each.machine,
                "start": each.window.start,
                "end": each.window.end,
                "contracts": len(each.disturbed),
                "gpu_hours": sum((one.gpu_hours for one in each.disturbed), Fraction(0)),
                "payout": Money.sum(one.payout for one in each.disturbed),
                "refunds": Money.sum(one.refund for one in each.disturbed),
                "loss": each.loss,
            }
            for each in self.windows
        )

    def table(self) -> ResultTable:
        """Return a row for each machine: when it is down, whom that disturbs, what is lost."""
        rows = [
            (
                str(row["machine"]),
                f"{row['start']:%Y-%m-%d %H:%M:%S}",
                f"{row['end']:%Y-%m-%d %H:%M:%S}",
                str(row["contracts"]),
                f"{row['gpu_hours']:.2f}",
                f"{row['payout']:.2f}",
                f"{row['refunds']:.2f}",
                f"{row['loss']:.10g}",
            )
            for row in self.to_dicts()
        ]
        title = f"a loss of {float(self.loss):.10g}; no plan for these starts loses less"
        if not self.is_optimal:
            title = f"a loss of {float(self.loss):.10g}; none is below {float(self.bound):.10g}"
        head = (
            "machine",
            "down from (UTC)",
            "until (UTC)",
            "contracts",
            "GPU-hours lost",
            "payout lost $",
            "refunds $",
            "loss",
        )
        notes = (f"loss: {self.weights}",)
        return ResultTable(title=title, head=head, rows=tuple(rows), notes=notes)


def aligned_starts(
    within: Interval, length: timedelta, step: timedelta | None = None
) -> tuple[datetime, ...]:
    """Return instants at equal distances at which windows within a period may start.

    Args:
        within: From the first start, after the notice that you mean to give, to the deadline, by
            which the last window has ended.
        length: Length of a window, whole seconds.
        step: From start to start; by default the length, which makes the windows aligned: no two
            overlap.

    Raises:
        RuleViolation: A length or step of zero, or a window longer than the period.

    >>> from datetime import UTC, datetime, timedelta
    >>> from numgenius_core import Interval
    >>> from numgenius_core.maintenance import aligned_starts
    >>> monday = datetime(2026, 1, 5, tzinfo=UTC)
    >>> day = Interval(monday, monday + timedelta(days=1))
    >>> [start.hour for start in aligned_starts(day, timedelta(hours=7))]
    [0, 7, 14]
    """
    check_kind(within, Interval, "within")
    seconds = length_in_seconds(length)
    every = seconds if step is None else length_in_seconds(step, "step")
    if seconds > within.seconds:
        raise RuleViolation("length", f"at most {within.duration}", str(length))
    count = (within.seconds - seconds) // every + 1
    return tuple(within.start + timedelta(seconds=i * every) for i in range(count))


def plan_fleet(
    fleet: Mapping[MachineId, Iterable[Contract]],
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
        fleet: Each machine's id with its contracts. Each contract is taken to end when it says;
            under a rolling end that is sure only once the machine is unlisted, or listed with a
            fixed end.
        starts: The instants at which a window may start, such as
            :func:`~numgenius_core.maintenance.aligned_starts` makes; all of them after the notice
            that you mean to give, as a window is announced before it starts.
        length: Length of a window, whole seconds, the same for all machines.
        at_once: How many machines may be down at an instant, at most.
        weights: How much each part of a loss counts; by default the number of contracts disturbed
            is all that counts.
        refunds: What the host owes a contract if it is disturbed, by the contract's id.
        effort: Steps that the search may take where starts are not aligned; 0 leaves it out.

    Raises:
        RuleViolation: More machines than fit before the last window's end, no machine at all, or
            a contract under another machine.

    >>> from datetime import UTC, datetime, timedelta
    >>> from numgenius_core import Block, Contract, Interval, Mode, PerGpuHour, PriceTerms
    >>> monday = datetime(2026, 1, 5, tzinfo=UTC)
    >>> contract = Contract(
    ...     id=1, machine=7, host="hanna", client="ann", mode=Mode.ON_DEMAND,
    ...     block=Block(start=0, size=2), prices=PriceTerms(gpu=PerGpuHour("2.00")),
    ...     start=monday, end=monday + timedelta(days=2),
    ... )
    >>> from numgenius_core.maintenance import aligned_starts, plan_fleet
    >>> days = aligned_starts(Interval(monday, monday + timedelta(days=3)), timedelta(days=1))
    >>> plan = plan_fleet({7: [contract], 8: [], 9: []}, days, timedelta(days=1), at_once=1)
    >>> [(each.machine, each.window.start.day) for each in plan.windows]
    [(7, 7), (8, 5), (9, 6)]
    >>> plan.loss == plan.bound == 0
    True
    """
    at_once = whole_number(at_once, "at_once", 1)
    effort = whole_number(effort, "effort")
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
        weights=weights,
        bound=Fraction(bound, weights.unit),
        proof=proof,
        prices=tuple(Fraction(price, weights.unit) for price in prices),
    )


def _losses(pieces: Iterable[Piece], times: Sequence[int], length: int) -> list[int]:
    """Return the loss of a window from each start."""
    # What counts once is entered at the first start that meets it and taken back at the first that
    # no longer does, and summed at the end; what grows with the overlap is added start by start.
    grown, once = [0] * len(times), [0] * (len(times) + 1)
    for start, end, at_start, at_end, slope in pieces:
        first, last = bisect_right(times, start - length), bisect_left(times, end)
        once[first] += at_start
        once[last] -= at_end
        for j in range(first, last):
            grown[j] += slope * (min(end, times[j] + length) - max(start, times[j]))
    return list(map(add, grown, accumulate(once)))


def _machines(fleet: object) -> dict[MachineId, tuple[Contract, ...]]:
    """Return the machines in order of their ids, each with its contracts, refusing the rest."""
    if not isinstance(fleet, Mapping):
        raise WrongType("fleet", "a mapping of machine ids to contracts", shown(fleet))
    if not fleet:
        raise RuleViolation("fleet", "at least one machine", "none")
    known = {check_id(machine, "fleet"): contracts for machine, contracts in fleet.items()}
    return {
        machine: check_contracts(known[machine], machine, f"fleet[{machine}]")
        for machine in sorted(known)
    }


def _window(
    machine: MachineId,
    contracts: Iterable[Contract],
    start: datetime,
    length: timedelta,
    weights: Weights,
    refunds: Refunds,
) -> MachineWindow:
    window = Interval(start, start + length)
    disturbed = disturbances(contracts, window, refunds=refunds)
    return MachineWindow(
        machine=machine, window=window, disturbed=disturbed, loss=weights.loss(disturbed)
    )
