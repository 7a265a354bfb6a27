"""Questions of a host by name: the best price, the best ``min_gpu``, the best mix, and more.

Each question varies one thing of a scenario, simulates every variation on the same clients
(:func:`~numgenius_core.whatif.sweep`), and answers with the best one, how sure that is, and all
figures.

What *best* means: the greatest mean of a figure over the runs, by default the profit, which is the
payout less the electricity; of ``power``, ``unserved``, ``pauses``, ``free`` and ``unusable`` the
least, as a host wants little of them. An answer is *clear* if the best beats each other option, one
at least, by a paired difference whose interval leaves zero out. Each interval is for its own pair:
with very many options, some seem clear by chance.

The questions of a client are in :mod:`numgenius_core.planning`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import Executor
from fractions import Fraction
from itertools import chain, combinations_with_replacement, product
from math import ceil, comb, prod
from typing import Any, Final, NamedTuple, cast

from attrs import evolve, frozen

from numgenius_core._accrual import fee_of
from numgenius_core._checks import as_tuple, check_kind
from numgenius_core._numbers import fraction
from numgenius_core._tables import Tabular
from numgenius_core._tables.result import ResultTable
from numgenius_core.errors import RuleViolation, shown
from numgenius_core.gpus.slicing import offer_sizes
from numgenius_core.listing import Listing
from numgenius_core.rates import PerGpuHour, PerHour
from numgenius_core.units import Exact
from numgenius_core.whatif.estimate import Estimate
from numgenius_core.whatif.scenario import Option, Scenario, vary
from numgenius_core.whatif.sweeps import (
    Kept,
    Measure,
    Progress,
    Sweep,
    check_measure,
    sweep,
)
from numgenius_core.whatif.wording import LEAST_IS_BEST, cell, heading, name_of, title_of

_MOST_MIXES: Final = 1_000
_ENDLESS: Final = {"price", "min_bid", "max_discount"}  # beyond what was tried there is more
_FLOORS: Final = (Fraction(0), Fraction(1, 2), Fraction(1), Fraction(3, 2), Fraction(2))


@frozen(kw_only=True)
class Answer(Tabular):
    """The answer to a question, with the simulations that it rests on.

    Attributes:
        best: The option with the best mean, which is the greatest, or the least where less is
            better (``power``, ``unserved``, ``pauses``, ``free``, ``unusable``); of equal ones the
            first.
        base: The option that others are compared with: the best, unless the question compares
            with something else.
        measure: The figure that was looked at.
        sweep: Every option, run by run.

    Raises:
        RuleViolation: A best or a base that is no option of the sweep, or a name that is no figure.

    >>> from datetime import UTC, datetime, timedelta
    >>> from numgenius_core import Interval, Listing, Machine, PerGpuHour, PriceTerms
    >>> from numgenius_core.whatif import Request, Scenario, Trace, best_price
    >>> monday = datetime(2026, 1, 5, tzinfo=UTC)
    >>> machine = Machine(id=7, host="hanna", gpu_name="A100", gpus=4)
    >>> listing = Listing(machine=machine, prices=PriceTerms(gpu=PerGpuHour("2.00")))
    >>> demand = Trace([Request(after=0, gpus=1, seconds=7_200, limit=PerGpuHour("2.50"))])
    >>> day = Interval(monday, monday + timedelta(days=1))
    >>> scenario = Scenario(listings=[listing], demand=demand, horizon=day)
    >>> prices = [PerGpuHour("2.00"), PerGpuHour("3.00")]
    >>> answer = best_price(scenario, prices, workers=1)
    >>> answer.best.label, str(answer.estimate)
    ('price 2.00', '4.00')
    """

    best: Option
    base: Option
    measure: Measure
    sweep: Sweep

    def __attrs_post_init__(self) -> None:
        check_measure(self.measure)
        check_kind(self.sweep, Sweep, "answer.sweep")
        for name, option in (("best", self.best), ("base", self.base)):
            if option not in self.sweep.options:
                raise RuleViolation(f"answer.{name}", "an option of the sweep", shown(option))

    @property
    def value(self) -> Any:
        """The value that was varied, of the best option: a price, ``min_gpu``, mix, or discount."""
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
        """Whether the best surely beats each other option; one alone beats nothing."""
        others = [one for one in self.sweep.options if one is not self.best]
        return bool(others) and all(
            self.sweep.difference(self.best, one, self.measure).is_clear for one in others
        )

    @property
    def is_edge(self) -> bool:
        """Whether the best is the lowest or highest price, floor or discount that was tried.

        One beyond it may be better, so a wider range should be looked at. Zero has none below it,
        and one alone is both.
        """
        return self._edge is not None

    @property
    def _edge(self) -> str | None:
        """Where to look for a better one, if there is more beyond the best of what was tried."""
        varied = {name for one in self.sweep.options for name, _ in one.values}
        if len(varied) != 1 or not varied <= _ENDLESS or not self.best.values:
            return None
        known = sorted({_number(value) for one in self.sweep.options for _, value in one.values})
        best = _number(self.value)
        sides = ["below"] if best and best == known[0] else []
        sides += ["above"] if best == known[-1] else []
        return " and ".join(sides) or None

    @property
    def _all_equal(self) -> bool:
        """Whether there are several options, and none has a better mean than another."""
        options = self.sweep.options
        means = {self.sweep.estimate(one, self.measure).mean for one in options}
        return len(options) > 1 and len(means) == 1

    def _notes(self) -> tuple[str, ...]:
        if self._all_equal:
            return (f"all are equal in {name_of(self.measure)}: none is the best",)
        less = self.measure in LEAST_IS_BEST
        which = (f"the best has the least {name_of(self.measure)}",) if less else ()
        if self._edge is None:
            return which
        ((name, _),) = self.best.values
        place = "lowest" if self._edge == "below" else "highest"
        if len({_number(one.value(name)) for one in self.sweep.options}) == 1:
            place = "only"
        return (*which, f"the best is the {place} {name} tried: look {self._edge} it too")

    def _rows(self) -> Iterable[object]:
        apart = {id(one): found for one, found in self.differences}
        name, best = name_of(self.measure), None if self._all_equal else self.best
        for one, row in zip(self.sweep.options, self.sweep._rows(), strict=True):
            found, above = self.sweep.estimate(one, self.measure), apart.get(id(one))
            yield {
                **cast("dict[str, object]", row),
                name: found.mean,
                f"{name}_half_width": found.half_width,
                "above_base": None if above is None else above.mean,
                "above_base_half_width": None if above is None else above.half_width,
                "is_best": one is best,
                "is_base": one is self.base,
            }

    def table(self) -> ResultTable:
        """Return a row for each option: the figure, its difference to the base, and occupancy."""
        apart = {id(one): found for one, found in self.differences}
        best = None if self._all_equal else self.best
        rows = [
            (
                f"{one.label} *" if one is best else one.label,
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
        title = title_of(self.sweep.options, [self.measure], [self.estimate])
        return ResultTable(title=title, head=head, rows=tuple(rows), notes=self._notes())


def _number(value: Any) -> Fraction:
    """Return a price or a share as a number that can be compared."""
    return Fraction(value.steps) if isinstance(value, PerGpuHour) else fraction(value, "value")


class _How(NamedTuple):
    """How the simulations are computed: the arguments of a sweep."""

    runs: int | None
    seed: int
    workers: int | None
    executor: Executor | None
    progress: Progress | bool
    kept: Kept | None


def _answer(
    options: Sequence[Option], measure: Measure, how: _How, base: Option | None = None
) -> Answer:
    check_measure(measure)
    found = sweep(options, **how._asdict())
    best = found.best(measure)
    return Answer(best=best, base=base or best, measure=measure, sweep=found)


def best_price(
    scenario: Scenario,
    prices: Iterable[PerGpuHour],
    *,
    measure: Measure = "profit",
    runs: int | None = None,
    seed: int = 0,
    workers: int | None = None,
    executor: Executor | None = None,
    progress: Progress | bool = False,
    kept: Kept | None = None,
) -> Answer:
    """Return the best on-demand price for all machines of a scenario.

    Args:
        scenario: What is listed and who comes.
        prices: Prices to try, dollars per GPU-hour.
        measure: The figure whose mean is to be greatest, or least where less is better
            (``power``, ``unserved``, ``pauses``, ``free``, ``unusable``).
        runs: Runs of each option; this and what follows is as of
            :func:`~numgenius_core.whatif.sweep`.
        seed: Which clients, as for :func:`~numgenius_core.whatif.sweep`; ``answer.sweep.seeds``
            says the seed of each run.
        workers: How many processes compute; with several, a script keeps its calls under
            ``if __name__ == "__main__":``, as each of them imports it.
        executor: What computes instead of them.
        progress: What is told how far it is.
        kept: Where what is done is kept, to go on from.

    Raises:
        RuleViolation: No price to try, a price against the rules, or arguments that ``sweep``
            refuses.

    >>> from datetime import UTC, datetime, timedelta
    >>> from numgenius_core import Interval, Listing, Machine, PerGpuHour, PriceTerms
    >>> from numgenius_core.whatif import Request, Scenario, Trace, best_price
    >>> monday = datetime(2026, 1, 5, tzinfo=UTC)
    >>> machine = Machine(id=7, host="hanna", gpu_name="A100", gpus=4)
    >>> listing = Listing(machine=machine, prices=PriceTerms(gpu=PerGpuHour("2.00")))
    >>> demand = Trace([Request(after=0, gpus=1, seconds=7_200, limit=PerGpuHour("2.50"))])
    >>> day = Interval(monday, monday + timedelta(days=1))
    >>> scenario = Scenario(listings=[listing], demand=demand, horizon=day)
    >>> prices = [PerGpuHour(price) for price in ("2.00", "2.50", "3.00")]
    >>> print(best_price(scenario, prices, workers=1).value)  # the client pays up to $2.50
    2.50
    """
    how = _How(runs, seed, workers, executor, progress, kept)
    return _answer(vary(scenario, price=prices), measure, how)


def best_min_gpu(
    scenario: Scenario,
    sizes: Iterable[int] | None = None,
    *,
    measure: Measure = "profit",
    runs: int | None = None,
    seed: int = 0,
    workers: int | None = None,
    executor: Executor | None = None,
    progress: Progress | bool = False,
    kept: Kept | None = None,
) -> Answer:
    """Return the best ``min_gpu``, the same for all machines of a scenario.

    Args:
        scenario: What is listed and who comes.
        sizes: Values to try; all that the smallest machine may have if left out.
        measure: The figure whose mean is to be greatest, or least where less is better
            (``power``, ``unserved``, ``pauses``, ``free``, ``unusable``).
        runs: Runs of each option; this and what follows is as of
            :func:`~numgenius_core.whatif.sweep`.
        seed: Which clients, as for :func:`~numgenius_core.whatif.sweep`; ``answer.sweep.seeds``
            says the seed of each run.
        workers: How many processes compute; with several, a script keeps its calls under
            ``if __name__ == "__main__":``, as each of them imports it.
        executor: What computes instead of them.
        progress: What is told how far it is.
        kept: Where what is done is kept, to go on from.

    Raises:
        RuleViolation: A value that is no power of two up to the smallest machine, or arguments
            that ``sweep`` refuses.

    >>> from datetime import UTC, datetime, timedelta
    >>> from numgenius_core import Interval, Listing, Machine, PerGpuHour, PriceTerms
    >>> from numgenius_core.whatif import Request, Scenario, Trace, best_min_gpu
    >>> monday = datetime(2026, 1, 5, tzinfo=UTC)
    >>> machine = Machine(id=7, host="hanna", gpu_name="A100", gpus=4)
    >>> listing = Listing(machine=machine, prices=PriceTerms(gpu=PerGpuHour("2.00")))
    >>> demand = Trace([Request(after=0, gpus=1, seconds=7_200, limit=PerGpuHour("2.50"))])
    >>> day = Interval(monday, monday + timedelta(days=1))
    >>> scenario = Scenario(listings=[listing], demand=demand, horizon=day)
    >>> best_min_gpu(scenario, [4, 2, 1], workers=1).value  # the client wants a single GPU
    1
    """
    check_kind(scenario, Scenario, "scenario")
    if sizes is None:
        sizes = _powers(min(listing.machine.gpus for listing in scenario.listings))
    how = _How(runs, seed, workers, executor, progress, kept)
    return _answer(vary(scenario, min_gpu=sizes), measure, how)


def best_mix(
    scenario: Scenario,
    mixes: Iterable[Sequence[int]] | None = None,
    *,
    measure: Measure = "profit",
    runs: int | None = None,
    seed: int = 0,
    workers: int | None = None,
    executor: Executor | None = None,
    progress: Progress | bool = False,
    kept: Kept | None = None,
) -> Answer:
    """Return the best mix of ``min_gpu`` over the machines of a fleet.

    Args:
        scenario: What is listed and who comes.
        mixes: Mixes to try, each a ``min_gpu`` for every listing; if left out, all mixes of what
            each machine may have. Machines that are listed alike, their ids and ``min_gpu`` aside,
            are tried in one order only, the smaller ``min_gpu`` first. So ten of 8 GPUs have 286
            mixes, not 4¹⁰; kinds multiply, and with six more of another price there are 24,024.
            Then name the mixes, such as one ``min_gpu`` for each kind: 16 of these. Another order
            changes which of them takes a client to whom both cost the same, and so who finds room
            later. No host decides that; where clients are few it can be worth a third of the
            profit, so name the orders of the best mix, too, to see what it is worth here.
        measure: The figure whose mean is to be greatest, or least where less is better
            (``power``, ``unserved``, ``pauses``, ``free``, ``unusable``).
        runs: Runs of each option; this and what follows is as of
            :func:`~numgenius_core.whatif.sweep`.
        seed: Which clients, as for :func:`~numgenius_core.whatif.sweep`; ``answer.sweep.seeds``
            says the seed of each run.
        workers: How many processes compute; with several, a script keeps its calls under
            ``if __name__ == "__main__":``, as each of them imports it.
        executor: What computes instead of them.
        progress: What is told how far it is.
        kept: Where what is done is kept, to go on from.

    Raises:
        RuleViolation: More than 1,000 mixes while none are named, or a mix that is not one value
            for each listing.

    >>> from datetime import UTC, datetime, timedelta
    >>> from numgenius_core import Interval, Listing, Machine, PerGpuHour, PriceTerms
    >>> from numgenius_core.whatif import Request, Scenario, Trace, best_mix
    >>> monday, prices = datetime(2026, 1, 5, tzinfo=UTC), PriceTerms(gpu=PerGpuHour("2.00"))
    >>> fleet = [
    ...     Listing(machine=Machine(id=i, host="hanna", gpu_name="A100", gpus=2), prices=prices)
    ...     for i in (7, 8)
    ... ]
    >>> demand = Trace([Request(after=0, gpus=size, seconds=7_200) for size in (1, 2)])
    >>> day = Interval(monday, monday + timedelta(days=1))
    >>> scenario = Scenario(listings=fleet, demand=demand, horizon=day)
    >>> best_mix(scenario, [(2, 2), (1, 2)], workers=1).value
    (1, 2)
    """
    check_kind(scenario, Scenario, "scenario")
    tried = _mixes(scenario) if mixes is None else as_tuple(mixes, "mixes")
    how = _How(runs, seed, workers, executor, progress, kept)
    return _answer(vary(scenario, mix=tried), measure, how)


def _powers(gpus: int) -> tuple[int, ...]:
    """Return each ``min_gpu`` that a machine may have."""
    return tuple(1 << power for power in range(gpus.bit_length()))


def _mixes(scenario: Scenario) -> list[tuple[int, ...]]:
    """Return all mixes; of machines that are alike, those that ascend."""
    groups = [(_powers(gpus), places) for gpus, places in _alike(scenario)]
    many = prod(comb(len(sizes) + len(places) - 1, len(places)) for sizes, places in groups)
    if many > _MOST_MIXES:
        raise RuleViolation("mixes", f"at most {_MOST_MIXES:,}, or the ones to try", f"{many:,}")
    ways = [combinations_with_replacement(sizes, len(places)) for sizes, places in groups]
    order = [place for _, places in groups for place in places]
    mixes = []
    for parts in product(*ways):
        by_place = dict(zip(order, chain(*parts), strict=True))
        mixes.append(tuple([by_place[place] for place in range(len(order))]))
    return mixes


def _alike(scenario: Scenario) -> list[tuple[int, list[int]]]:
    """Return which listings are equal but for id and ``min_gpu``: GPUs, and their places."""
    later: defaultdict[int, list[object]] = defaultdict(list)
    for one in scenario.relistings:
        later[one.machine].append((one.at, one.listing and _nameless(one.listing)))
    groups: defaultdict[object, list[int]] = defaultdict(list)
    for place, listing in enumerate(scenario.listings):
        groups[_nameless(listing), *later[listing.machine.id]].append(place)
    return [(scenario.listings[places[0]].machine.gpus, places) for places in groups.values()]


def _nameless(listing: Listing) -> Listing:
    return evolve(listing, machine=evolve(listing.machine, id=0), min_gpu=1)


def worth_of_discount(
    scenario: Scenario,
    factors: Iterable[Exact],
    *,
    measure: Measure = "profit",
    runs: int | None = None,
    seed: int = 0,
    workers: int | None = None,
    executor: Executor | None = None,
    progress: Progress | bool = False,
    kept: Kept | None = None,
) -> Answer:
    """Return what a reserved discount factor is worth: its difference to no discount at all.

    Args:
        scenario: What is listed and who comes.
        factors: Factors to try, each a share such as ``"0.4"``; no discount is always tried.
        measure: The figure whose mean is to be greatest, or least where less is better
            (``power``, ``unserved``, ``pauses``, ``free``, ``unusable``).
        runs: Runs of each option; this and what follows is as of
            :func:`~numgenius_core.whatif.sweep`.
        seed: Which clients, as for :func:`~numgenius_core.whatif.sweep`; ``answer.sweep.seeds``
            says the seed of each run.
        workers: How many processes compute; with several, a script keeps its calls under
            ``if __name__ == "__main__":``, as each of them imports it.
        executor: What computes instead of them.
        progress: What is told how far it is.
        kept: Where what is done is kept, to go on from.

    Raises:
        RuleViolation: A factor that is not from 0 to below 1, or arguments that ``sweep`` refuses.

    >>> from datetime import UTC, datetime, timedelta
    >>> from numgenius_core import Interval, Listing, Machine, Mode, PerGpuHour, PriceTerms
    >>> from numgenius_core.whatif import Request, Scenario, Trace, worth_of_discount
    >>> monday = datetime(2026, 1, 5, tzinfo=UTC)
    >>> machine = Machine(id=7, host="hanna", gpu_name="A100", gpus=4)
    >>> listing = Listing(machine=machine, prices=PriceTerms(gpu=PerGpuHour("2.00")))
    >>> limit = PerGpuHour("1.99")
    >>> wanted = Request(after=0, gpus=1, seconds=36_000, mode=Mode.RESERVED, limit=limit)
    >>> demand = Trace([wanted])
    >>> day = Interval(monday, monday + timedelta(days=1))
    >>> scenario = Scenario(listings=[listing], demand=demand, horizon=day)
    >>> answer = worth_of_discount(scenario, ["0.4"], workers=1)
    >>> for option, difference in answer.differences:  # of profit, to no discount
    ...     print(option, difference)
    max_discount 0.4 19.89
    """
    tried = [one for one in as_tuple(factors, "factors") if one not in (0, "0")]
    options = vary(scenario, max_discount=[0, *tried])
    how = _How(runs, seed, workers, executor, progress, kept)
    return _answer(options, measure, how, base=options[0])


def break_even_floor(scenario: Scenario) -> PerGpuHour:
    """Return the lowest bid that pays for the electricity of a running GPU, after all fees.

    Dollars per GPU-hour, rounded up to a price step. At a lower bid the host loses on each bidder
    (the machine being on anyway).

    Args:
        scenario: What is listed, and what the machines draw.

    Raises:
        RuleViolation: The scenario does not say what the machines draw.

    >>> from datetime import UTC, datetime, timedelta
    >>> from numgenius_core import Interval, Listing, Machine, PerGpuHour, PriceTerms
    >>> from numgenius_core.whatif import PerKwh, Power, Request, Scenario, Trace, break_even_floor
    >>> monday = datetime(2026, 1, 5, tzinfo=UTC)
    >>> machine = Machine(id=7, host="hanna", gpu_name="A100", gpus=4)
    >>> listing = Listing(machine=machine, prices=PriceTerms(gpu=PerGpuHour("2.00")))
    >>> demand = Trace([Request(after=0, gpus=1, seconds=7_200)])
    >>> day = Interval(monday, monday + timedelta(days=1))
    >>> power = Power(price=PerKwh("0.15"), gpu_watts=350)
    >>> scenario = Scenario(listings=[listing], demand=demand, horizon=day, power=power)
    >>> print(break_even_floor(scenario))
    0.0525
    """
    check_kind(scenario, Scenario, "scenario")
    if scenario.power is None:
        raise RuleViolation("scenario.power", "what the machines draw", shown(None))
    later = [one.listing for one in scenario.relistings if one.listing is not None]
    listings, power = (*scenario.listings, *later), scenario.power
    cost = Fraction(power.price.steps * power.gpu_watts, 1_000)  # price steps an hour, of one GPU
    steps = ceil(cost / (1 - max(each.prices.platform_fee for each in listings)))
    rented = {
        (size, each.prices.platform_fee)
        for each in listings
        for size in offer_sizes(each.machine.gpus, each.min_gpu)
    }
    # What the platform keeps of a bid is rounded, so the share alone may leave the host too little.
    while any(_net(steps * size, fee) < cost * size for size, fee in rented):
        steps += 1
    return PerGpuHour.from_steps(steps)


def _net(steps: int, share: Fraction) -> int:
    """Return what the host gets of an hour at a price for the whole instance, in price steps."""
    return steps - fee_of(PerHour.from_steps(steps), share).steps


def floor_against_power_cost(
    scenario: Scenario,
    floors: Iterable[PerGpuHour] | None = None,
    *,
    measure: Measure = "profit",
    runs: int | None = None,
    seed: int = 0,
    workers: int | None = None,
    executor: Executor | None = None,
    progress: Progress | bool = False,
    kept: Kept | None = None,
) -> Answer:
    """Return the best lowest bid, given what a running GPU costs in electricity.

    Args:
        scenario: What is listed, who comes, and what the machines draw.
        floors: Lowest bids to try, dollars per GPU-hour; 0, ½, 1, 1½ and 2 times the break-even
            if left out.
        measure: The figure whose mean is to be greatest, or least where less is better
            (``power``, ``unserved``, ``pauses``, ``free``, ``unusable``).
        runs: Runs of each option; this and what follows is as of
            :func:`~numgenius_core.whatif.sweep`.
        seed: Which clients, as for :func:`~numgenius_core.whatif.sweep`; ``answer.sweep.seeds``
            says the seed of each run.
        workers: How many processes compute; with several, a script keeps its calls under
            ``if __name__ == "__main__":``, as each of them imports it.
        executor: What computes instead of them.
        progress: What is told how far it is.
        kept: Where what is done is kept, to go on from.

    Raises:
        RuleViolation: The scenario does not say what the machines draw, or arguments that
            ``sweep`` refuses.

    >>> from datetime import UTC, datetime, timedelta
    >>> from numgenius_core import Interval, Listing, Machine, Mode, PerGpuHour, PerHour, PriceTerms
    >>> from numgenius_core.whatif import PerKwh, Power, Request, Scenario, Trace
    >>> from numgenius_core.whatif import floor_against_power_cost
    >>> monday = datetime(2026, 1, 5, tzinfo=UTC)
    >>> machine = Machine(id=7, host="hanna", gpu_name="A100", gpus=4)
    >>> listing = Listing(machine=machine, prices=PriceTerms(gpu=PerGpuHour("2.00")))
    >>> bidder = Request(
    ...     after=0, gpus=1, seconds=7_200, mode=Mode.INTERRUPTIBLE, bid=PerHour("0.06")
    ... )
    >>> day = Interval(monday, monday + timedelta(days=1))
    >>> power = Power(price=PerKwh("0.15"), gpu_watts=350)
    >>> scenario = Scenario(
    ...     listings=[listing], demand=Trace([bidder]), horizon=day, power=power
    ... )
    >>> answer = floor_against_power_cost(scenario, workers=1)
    >>> print(answer.value, answer.estimate)  # two hours at the bid, less the electricity
    0.00 0.01
    """
    even = break_even_floor(scenario)
    tried = [even.scaled(share) for share in _FLOORS] if floors is None else floors
    how = _How(runs, seed, workers, executor, progress, kept)
    return _answer(vary(scenario, min_bid=tried), measure, how)
