"""Who sits where at the least loss: windows of one length on a shared line, as whole numbers.

The engine of :func:`~numgenius_core.maintenance.plan_fleet`. Each machine takes one of the starts;
at any instant at most ``at_once`` windows are open; the sum of the losses is to be least. The
number of open windows rises only at a start, so it is enough to look at those.

Every bound is by prices: being down at a start costs its price on top, and a plan gets back
``at_once`` times each price. No plan gains by that, so the least losses with prices, minus what
comes back, are below every plan, whatever the prices are.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from fractions import Fraction
from functools import cached_property
from itertools import accumulate
from math import gcd
from operator import add, sub
from typing import Final, TypeVar

from attrs import frozen

Costs = Sequence[Sequence[int]]
"""A row a machine: its loss at each start."""
_Number = TypeVar("_Number", int, Fraction)
_OFFSETS: Final = 8  # aligned tracks tried where starts are not aligned
_ROUNDS: Final = 200  # of prices, for the bound
_UNIT: Final = 1_000  # so finely steps are counted, and momentum kept: 900 of 1,000
_MOMENTUM: Final = 900


class Proof(Enum):
    """Why no plan has a smaller loss."""

    PRICES = "prices"
    """The bound of the plan's prices reaches its loss."""
    SEARCH = "search"
    """Every other plan was ruled out one by one."""
    NONE = "none"
    """Not proven: the optimum lies between the bound and the loss."""


@frozen(kw_only=True)
class Problem:
    """A fleet as whole numbers.

    Attributes:
        costs: A row a machine: its loss at each start.
        times: The starts in seconds, ascending.
        length: Of a window, seconds.
        at_once: Most windows open at an instant.
    """

    costs: Costs
    times: list[int]
    length: int
    at_once: int

    def bound(self, prices: Sequence[int]) -> int:
        """Return what no plan goes below; a loss is a multiple of what divides them all."""
        return self.rounded(self.priced(prices)[0])

    def rounded(self, bound: int) -> int:
        """Return the least loss that a plan can have at or above a bound."""
        return -(-bound // self.grain) * self.grain

    def priced(self, prices: Sequence[int]) -> tuple[int, list[int]]:
        """Return the bound of some prices, and the start that each machine wishes then."""
        charges = paid(self.times, self.length, prices)
        least, wish = -self.at_once * sum(prices), []
        for row in self.costs:
            charged = list(map(add, row, charges))
            least += (lowest := min(charged))
            wish.append(charged.index(lowest))
        return least, wish

    @cached_property
    def grain(self) -> int:
        """The largest number that divides every loss."""
        return gcd(*(cost for row in self.costs for cost in row)) or 1

    def total(self, taken: Sequence[int]) -> int:
        """Return the loss of a plan."""
        return sum(row[start] for row, start in zip(self.costs, taken, strict=True))


def solve(problem: Problem, effort: int) -> tuple[list[int], list[int], int, Proof]:
    """Return the start of each machine, prices, their bound, and what is proven."""
    every = apart(problem.times, problem.length, 0)
    if len(every) == len(problem.times):
        taken, prices = _assign(problem.costs, [problem.at_once] * len(every))
        return taken, prices, problem.bound(prices), Proof.PRICES
    taken, prices = _best_tracks(problem)
    _improve(problem, taken)
    prices, bound = _raise_bound(problem, prices, problem.total(taken))
    if bound < problem.total(taken):
        taken, complete = _search(problem, taken, prices, effort)
        if complete:
            return taken, prices, problem.total(taken), Proof.SEARCH
    proven = bound == problem.total(taken)
    return taken, prices, bound, Proof.PRICES if proven else Proof.NONE


def _assign(costs: Costs, room: Sequence[int]) -> tuple[list[int], list[int]]:
    """Return a cheapest choice of a start with room for each machine, and prices that prove it.

    Successive shortest paths: machine by machine, along the cheapest chain of machines that make
    room for each other. A start has a price only if it is full, and every machine sits where its
    loss plus the price is least; whatever keeps both is an optimum.
    """
    width = len(costs[0])
    prices = [0] * width
    seated: list[list[int]] = [[] for _ in range(width)]
    taken = [-1] * len(costs)
    for machine, row in enumerate(costs):
        reach = list(map(add, row, prices))
        mover, origin = [machine] * width, [-1] * width
        waiting = set(range(width))
        while True:
            start = min(waiting, key=reach.__getitem__)
            if len(seated[start]) < room[start]:
                break
            waiting.remove(start)
            for other in seated[start]:
                losses = costs[other]
                base = reach[start] - losses[start] - prices[start]
                for j in waiting:
                    length = base + losses[j] + prices[j]
                    if length < reach[j]:
                        reach[j], mover[j], origin[j] = length, other, start
        for full in set(range(width)) - waiting:
            prices[full] += reach[start] - reach[full]
        while start >= 0:
            moved, before = mover[start], origin[start]
            seated[start].append(moved)
            taken[moved] = start
            if before >= 0:
                seated[before].remove(moved)
            start = before
    return taken, prices


def _best_tracks(problem: Problem) -> tuple[list[int], list[int]]:
    """Return the best plan found on tracks, and its prices.

    A plan is ``at_once`` tracks of windows that do not overlap. For given tracks the best plan is
    an assignment. The first tracks are all alike: the best of some with aligned windows. Then track
    by track is laid anew where one more window would save most, as long as that helps.
    """
    times, length, at_once = problem.times, problem.length, problem.at_once
    offsets = bisect_left(times, times[0] + length)
    families = (apart(times, length, i * offsets // _OFFSETS) for i in range(_OFFSETS))
    wide = [each for each in families if len(each) * at_once >= len(problem.costs)]
    plans = [(each, *_on_tracks(problem, [each] * at_once)) for each in wide]
    family, taken, prices = min(plans, key=lambda plan: problem.total(plan[1]))
    tracks, failed = [family] * at_once, 0
    while failed < at_once:
        tracks.sort(key=lambda track: sum(prices[j] for j in track))
        others = tracks[:failed] + tracks[failed + 1 :]
        fewest = len(problem.costs) - sum(map(len, others))
        owed = [row[j] + prices[j] for row, j in zip(problem.costs, taken, strict=True)]
        saved = [max(0, *map(sub, owed, column)) for column in zip(*problem.costs, strict=True)]
        changed = [*others, _best_track(problem, saved, fewest)]
        plan = _on_tracks(problem, changed)
        if problem.total(plan[0]) < problem.total(taken):
            (taken, prices), tracks, failed = plan, changed, 0
        else:
            failed += 1
    return taken, prices


def _on_tracks(problem: Problem, tracks: Iterable[Sequence[int]]) -> tuple[list[int], list[int]]:
    """Return the best plan whose windows are those of some tracks, and its prices."""
    room = Counter(j for track in tracks for j in track)
    open_starts = sorted(room)
    rows = [[row[j] for j in open_starts] for row in problem.costs]
    seats, charged = _assign(rows, [room[j] for j in open_starts])
    prices = dict(zip(open_starts, charged, strict=True))
    return [open_starts[j] for j in seats], [prices.get(j, 0) for j in range(len(problem.times))]


def _best_track(problem: Problem, saved: Sequence[int], fewest: int) -> list[int]:
    """Return windows that do not overlap, ``fewest`` or more, and save the most together."""
    times, width = problem.times, len(problem.times)
    follow = [bisect_left(times, at + problem.length) for at in times]
    layers = [[0] * (width + 1)]  # by number of windows: the most they save from each start on
    for _ in range(len(apart(times, problem.length, 0))):
        fewer, most = layers[-1], [-1] * (width + 1)
        for j in reversed(range(width)):
            rest = fewer[follow[j]]
            most[j] = max(most[j + 1], saved[j] + rest if rest >= 0 else -1)
        layers.append(most)
    count = max(range(max(fewest, 0), len(layers)), key=lambda c: (layers[c][0], c))
    track, at = [], 0
    while count:
        while layers[count][at + 1] == layers[count][at]:
            at += 1
        track.append(at)
        at, count = follow[at], count - 1
    return track


def _improve(problem: Problem, taken: list[int]) -> None:
    """Move single machines to a cheaper start that has room, while there is one."""
    room = _Room(problem, taken)
    moved = True
    while moved:
        moved = False
        for machine, row in enumerate(problem.costs):
            here = taken[machine]
            room.leave(here)
            there = min((j for j in range(len(row)) if room.has(j)), key=row.__getitem__)
            taken[machine] = there if row[there] < row[here] else here
            moved |= taken[machine] != here
            room.enter(taken[machine])


class _Room:
    """How many machines are down at each start: the only instants at which the number rises."""

    def __init__(self, problem: Problem, taken: Iterable[int]) -> None:
        times, length = problem.times, problem.length
        self._limit = problem.at_once
        self._covers = [range(j, bisect_left(times, at + length)) for j, at in enumerate(times)]
        self._down = [0] * len(times)
        for start in taken:
            self.enter(start)

    def has(self, start: int) -> bool:
        return all(self._down[j] < self._limit for j in self._covers[start])

    def enter(self, start: int) -> None:
        for j in self._covers[start]:
            self._down[j] += 1

    def leave(self, start: int) -> None:
        for j in self._covers[start]:
            self._down[j] -= 1

    def excess(self) -> list[int]:
        return [down - self._limit for down in self._down]


def _raise_bound(problem: Problem, prices: list[int], target: int) -> tuple[list[int], int]:
    """Return prices with a higher bound, and the bound: steps towards ``target``.

    Each step raises prices where too many machines would be down, and lowers them where fewer would
    (Polyak's subgradient), with most of the step before added: without that momentum it takes ten
    times as many rounds.
    """
    best, bound = prices, problem.bound(prices)
    tried, heading = prices, [0] * len(prices)
    for _ in range(_ROUNDS):
        value, wish = problem.priced(tried)
        if problem.rounded(value) > bound:
            best, bound = tried, problem.rounded(value)
        excess = _Room(problem, wish).excess()
        heading = [
            _UNIT * e * (e > 0 or p > 0) + _MOMENTUM * h // _UNIT
            for e, p, h in zip(excess, tried, heading, strict=True)
        ]
        norm = sum(h * h for h in heading)
        if bound >= target or not norm:
            break
        far = _UNIT * (target - value)
        tried = [max(0, p + far * h // norm) for p, h in zip(tried, heading, strict=True)]
    return best, bound


def _search(
    problem: Problem, taken: list[int], prices: Sequence[int], effort: int
) -> tuple[list[int], bool]:
    """Return the best plan found, and whether every other one was ruled out.

    Machine by machine, those with most to lose first; a branch ends where the losses so far and
    the least possible rest, with prices, reach the best plan known.
    """
    charges = paid(problem.times, problem.length, prices)
    charged = [list(map(add, row, charges)) for row in problem.costs]
    order = sorted(
        range(len(charged)), key=lambda i: min(charged[i]) - sum(charged[i]) // len(charges)
    )
    least = [min(charged[i]) for i in order]
    rest = list(accumulate(reversed(least), initial=-problem.at_once * sum(prices)))[::-1]
    best, total, grain = list(taken), problem.total(taken), problem.grain
    room, chosen, spent = _Room(problem, ()), [-1] * len(order), [0]
    untried: list[Iterator[int]] = []
    for _ in range(effort):
        depth = len(spent) - 1
        if depth == len(untried):  # arrived at this machine: cheapest starts first
            row = charged[order[depth]]
            untried.append(iter(sorted(range(len(row)), key=row.__getitem__)))
        start = next(untried[depth], -1)
        loss = spent[depth] + (charged[order[depth]][start] if start >= 0 else 0)
        if start < 0 or loss + rest[depth + 1] > total - grain:  # later starts are no cheaper
            untried.pop()
            spent.pop()
            if not spent:
                return best, True
            room.leave(chosen[order[depth - 1]])
        elif room.has(start):
            chosen[order[depth]] = start
            if depth + 1 == len(order):
                if problem.total(chosen) < total:
                    best, total = list(chosen), problem.total(chosen)
            else:
                room.enter(start)
                spent.append(loss)
    return best, False


def apart(times: Sequence[int], length: int, offset: int) -> list[int]:
    """Return starts from the one at ``offset`` on, each the next whose window is apart."""
    family, at = [], offset
    while at < len(times):
        family.append(at)
        at = bisect_left(times, times[at] + length)
    return family


def paid(times: Sequence[int], length: int, prices: Sequence[_Number]) -> list[_Number]:
    """Return, for each start, the prices of the instants at which its window is open."""
    sums = list(accumulate(prices, initial=prices[0] * 0))
    return [sums[bisect_left(times, at + length)] - sums[j] for j, at in enumerate(times)]
