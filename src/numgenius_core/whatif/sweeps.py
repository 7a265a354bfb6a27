"""Experiments: many options, each simulated several times, on the cores or the cluster there is.

Every option meets the same clients (common random numbers): run number i of each option has the
same seed. So two options are compared by their *paired* differences, whose interval is much
narrower than those of the options themselves. What a run gives depends on the option and the seed
alone, not on who computes it or in which order, so one core and many give the same numbers.

A sweep of a few seconds is computed in this process; for a longer one all cores of the machine
compute, in processes of their own. These are *spawned*, so each begins with the script anew: one
that sweeps for longer needs its ``if __name__ == "__main__":``. Any
``concurrent.futures.Executor`` can take their place, such as Dask's ``Client.get_executor()`` or a
pool of MPI processes.

What is done can be kept (``kept``): a sweep that was interrupted, or that is to have more runs
or options, computes only what is not there. As a run depends on its option and seed alone, the
numbers are those of a sweep that was never interrupted.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import (
    Callable,
    Generator,
    Iterable,
    Iterator,
    Mapping,
    MutableMapping,
    Sequence,
)
from concurrent.futures import (
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
    as_completed,
)
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from fractions import Fraction
from functools import cached_property
from multiprocessing import current_process, get_context
from threading import Thread
from time import monotonic
from typing import Any, Final, ParamSpec, TypeVar

from attrs import field, frozen

from numgenius_core._checks import as_tuple, check_kind
from numgenius_core._numbers import whole_number
from numgenius_core._tables import Tabular
from numgenius_core._tables.result import ResultTable
from numgenius_core.errors import MissingExtra, RuleViolation, WrongType, brief, shown
from numgenius_core.money import TICKS_PER_DOLLAR, Money
from numgenius_core.units import Exact
from numgenius_core.whatif.demand import Trace
from numgenius_core.whatif.estimate import CONFIDENCE, Estimate, estimate_mean
from numgenius_core.whatif.outcome import Outcome
from numgenius_core.whatif.scenario import Option, Scenario
from numgenius_core.whatif.simulation import simulate
from numgenius_core.whatif.wording import (
    COUNTS,
    DOLLARS,
    LEAST_IS_BEST,
    SHARES,
    cell,
    heading,
    title_of,
)

Measure = str | Callable[[Outcome], Money | Fraction | int]
"""What to look at: the name of a figure of :class:`~numgenius_core.whatif.Outcome`, or a
function of it. Money is measured in dollars; histories are not kept in a sweep."""
Progress = Callable[[int, int], None]
"""A function that is told how many simulations are done, and of how many."""

Kept = MutableMapping[tuple[Scenario, int], Outcome]
"""Simulations that are done: the outcome of each scenario and seed, such as in a ``dict``."""

_RUNS: Final = 20
_MAX_RUNS: Final = 1_000_000
_FIRST_SECONDS: Final = 1.0  # in this process, which tell how long all of it takes
_FEW_SECONDS: Final = 4.0  # what is left then is not worth starting processes
_TASKS_PER_WORKER: Final = 4  # so that a slow one at the end leaves few cores idle
_ONE_PROCESS: Final = frozenset({"emscripten", "wasi"})  # Python in a browser, or in WebAssembly
P = ParamSpec("P")
T = TypeVar("T")

_Job = tuple[int, int]  # which option, and which run of it
_FIGURES: Final = (*DOLLARS, *SHARES, *COUNTS)


def _as_options(given: Iterable[Option]) -> tuple[Option, ...]:
    return as_tuple(given, "sweep.options")


def _as_outcomes(given: Iterable[Iterable[Outcome]]) -> tuple[tuple[Outcome, ...], ...]:
    runs = as_tuple(given, "sweep.outcomes")
    return tuple(as_tuple(each, f"sweep.outcomes[{i}]") for i, each in enumerate(runs))


def _as_seeds(given: Iterable[int]) -> tuple[int, ...]:
    seeds = as_tuple(given, "sweep.seeds")
    return tuple(whole_number(each, f"sweep.seeds[{i}]") for i, each in enumerate(seeds))


@frozen(kw_only=True)
class Sweep(Tabular):
    """What came of each option, run by run.

    Attributes:
        options: The options, in the order asked for.
        outcomes: For each option the outcomes of its runs; run i of all options had the same
            clients.
        seeds: The seed of each run: ``simulate(option.scenario, seed)`` plays it again. Empty where
            nobody said.

    Raises:
        RuleViolation: No option, or not as many runs of each, one or more; seeds that are not one
            for each run.

    >>> from datetime import UTC, datetime, timedelta
    >>> from numgenius_core import Interval, Listing, Machine, PerGpuHour, PriceTerms
    >>> from numgenius_core.whatif import Request, Scenario, Trace, simulate, sweep, vary
    >>> monday = datetime(2026, 1, 5, tzinfo=UTC)
    >>> machine = Machine(id=7, host="hanna", gpu_name="A100", gpus=4)
    >>> listing = Listing(machine=machine, prices=PriceTerms(gpu=PerGpuHour("2.00")))
    >>> demand = Trace([Request(after=0, gpus=1, seconds=7_200, limit=PerGpuHour("2.50"))])
    >>> day = Interval(monday, monday + timedelta(days=1))
    >>> scenario = Scenario(listings=[listing], demand=demand, horizon=day)
    >>> prices = [PerGpuHour("2.00"), PerGpuHour("3.00")]
    >>> found = sweep(vary(scenario, price=prices), workers=1)
    >>> found.best("revenue").label
    'price 2.00'
    >>> simulate(found.options[0].scenario, found.seeds[0]) == found.outcomes[0][0]
    True
    """

    options: tuple[Option, ...] = field(converter=_as_options, repr=brief)
    outcomes: tuple[tuple[Outcome, ...], ...] = field(converter=_as_outcomes, repr=brief)
    seeds: tuple[int, ...] = field(default=(), converter=_as_seeds, repr=brief)

    def __attrs_post_init__(self) -> None:
        for index, option in enumerate(self.options):
            check_kind(option, Option, f"sweep.options[{index}]")
        if not self.options:
            raise RuleViolation("sweep.options", "at least one", "none")
        runs = [len(each) for each in self.outcomes]
        if len(runs) != len(self.options) or not all(runs) or len({*runs}) > 1:
            need = f"as many runs of each of {len(self.options)} options, one or more"
            raise RuleViolation("sweep.outcomes", need, f"runs {runs}")
        if self.seeds and len(self.seeds) != runs[0]:
            need = f"one for each of {runs[0]} runs, or none"
            raise RuleViolation("sweep.seeds", need, str(len(self.seeds)))

    def values(self, option: Option, measure: Measure = "profit") -> tuple[Fraction, ...]:
        """Return a figure of each run of an option, amounts in dollars.

        Raises:
            WrongType: A measure of your own that gives a ``float``.
            RuleViolation: An option that is not in the sweep, or a name that is no figure.
        """
        place = self._places.get(id(option))
        if place is None:  # an equal one, which takes comparing whole scenarios
            if option not in self.options:
                raise RuleViolation("option", "an option of the sweep", shown(option))
            place = self.options.index(option)
        check_measure(measure)
        return tuple(_measured(outcome, measure) for outcome in self.outcomes[place])

    @cached_property
    def _places(self) -> dict[int, int]:
        """Where each option stands, by its identity; of one that is there twice, the first."""
        places: dict[int, int] = {}
        for place, option in enumerate(self.options):
            places.setdefault(id(option), place)
        return places

    def estimate(
        self,
        option: Option,
        measure: Measure = "profit",
        confidence: Exact = CONFIDENCE,
    ) -> Estimate:
        """Return the mean of a figure over the runs of an option, with its interval."""
        return estimate_mean(self.values(option, measure), confidence)

    def difference(
        self,
        option: Option,
        base: Option,
        measure: Measure = "profit",
        confidence: Exact = CONFIDENCE,
    ) -> Estimate:
        """Return by how much an option is above another, run by run, with its interval."""
        pairs = zip(self.values(option, measure), self.values(base, measure), strict=True)
        return estimate_mean([mine - theirs for mine, theirs in pairs], confidence)

    def best(self, measure: Measure = "profit") -> Option:
        """Return the option with the best mean; of equal ones the first.

        That is the greatest, but for ``power``, ``unserved``, ``pauses``, ``free`` and
        ``unusable`` the least, as a host wants little of them.
        """
        find = min if measure in LEAST_IS_BEST else max
        return find(self.options, key=lambda one: self.estimate(one, measure).mean)

    def curve(self, name: str, measure: Measure = "profit") -> tuple[tuple[Any, Estimate], ...]:
        """Return each value of what was varied with the estimate there, for a picture."""
        return tuple((one.value(name), self.estimate(one, measure)) for one in self.options)

    def grid(
        self, down: str, across: str, measure: Measure = "profit"
    ) -> tuple[tuple[Any, ...], tuple[Any, ...], tuple[tuple[Fraction, ...], ...]]:
        """Return the means over two things varied: the values down, those across, the rows.

        Raises:
            RuleViolation: Something else was varied too, or not all combinations.
        """
        means = {
            (one.value(down), one.value(across)): self.estimate(one, measure).mean
            for one in self.options
        }
        rows = tuple(dict.fromkeys(row for row, _ in means))
        columns = tuple(dict.fromkeys(column for _, column in means))
        if len(means) != len(self.options) or len(means) != len(rows) * len(columns):
            need = f"each combination of {down} and {across} once"
            raise RuleViolation("grid", need, f"{len(self.options)} options")
        return rows, columns, tuple(tuple(means[r, c] for c in columns) for r in rows)

    def _rows(self) -> Iterable[object]:
        return (self._numbers(one) for one in self.options)

    def _numbers(self, option: Option) -> dict[str, object]:
        found: dict[str, object] = {"option": option.label} | dict(option.values)
        for name in ("revenue", "profit", "occupancy", "unserved"):
            estimate = self.estimate(option, name)
            found |= {name: estimate.mean, f"{name}_half_width": estimate.half_width}
        return found

    def table(self, *measures: str) -> ResultTable:
        """Return the estimates of some figures for each option, by default the usual ones."""
        names = measures or ("profit", "occupancy", "unserved")
        found = [[self.estimate(one, name) for name in names] for one in self.options]
        rows = [
            (one.label, *(cell(*each) for each in zip(estimates, names, strict=True)))
            for one, estimates in zip(self.options, found, strict=True)
        ]
        title = title_of(self.options, names, found[0])
        return ResultTable(title=title, head=("option", *map(heading, names)), rows=tuple(rows))


def check_measure(measure: Measure) -> None:
    """Refuse what says no figure: before a sweep, which may take hours, and not after it."""
    if isinstance(measure, str):
        if measure not in _FIGURES:
            raise RuleViolation("measure", f"one of {', '.join(_FIGURES)}", shown(measure))
    elif not callable(measure):
        need = "the name of a figure, or a function of an outcome"
        raise WrongType("measure", need, shown(measure))


def _measured(outcome: Outcome, measure: Measure) -> Fraction:
    value = getattr(outcome, measure) if isinstance(measure, str) else measure(outcome)
    if isinstance(value, Money):
        return Fraction(value.ticks, TICKS_PER_DOLLAR)
    if not isinstance(value, Fraction) and type(value) is not int:
        raise WrongType("measure", "Money, a Fraction or a whole number", shown(value))
    return Fraction(value)


def sweep(
    options: Sequence[Option],
    *,
    runs: int | None = None,
    seed: int = 0,
    workers: int | None = None,
    executor: Executor | None = None,
    progress: Progress | bool = False,
    kept: Kept | None = None,
) -> Sweep:
    """Simulate each option several times, every option on the same clients.

    Args:
        options: Variations of a scenario, such as :func:`~numgenius_core.whatif.vary` gives.
        runs: Runs of each option; 20 if left out, or 1 where all demand is recorded and no rival
            leaves anything to chance.
        seed: Which clients, 0 to 1,000,000; another one gives others in every run. Run r, from 0
            on, has the seed ``seed * 1_000_000 + r``: ``Sweep.seeds`` says them, and
            ``simulate(option.scenario, seed)`` plays a run again.
        workers: How many processes compute. With 1, this process computes. If left out, it does so
            too, unless that takes more than a few seconds: then one for each core.
        executor: What computes instead of processes of our own; it is not shut down.
        progress: A function that is told how far it is, or ``True`` for a bar (extra ``rich``).
        kept: Where each simulation is put as soon as it is done, and looked for before, by its
            scenario and the seed of its run: the same one given again goes on where an interruption
            (Ctrl-C, say) came. Any mapping that can be changed does, such as a ``dict`` that is
            pickled.

    Raises:
        RuleViolation: No option, no run, several runs of what was recorded (they would all be the
            same), both workers and an executor, or processes that ended at once: those of a script
            that sweeps outside of ``if __name__ == "__main__":``. More workers than one where
            Python starts no processes, as in a browser.
        MissingExtra: A bar without rich.

    >>> from datetime import UTC, datetime, timedelta
    >>> from numgenius_core import Interval, Listing, Machine, PerGpuHour, PriceTerms
    >>> from numgenius_core.whatif import Request, Scenario, Trace, sweep, vary
    >>> monday = datetime(2026, 1, 5, tzinfo=UTC)
    >>> machine = Machine(id=7, host="hanna", gpu_name="A100", gpus=4)
    >>> listing = Listing(machine=machine, prices=PriceTerms(gpu=PerGpuHour("2.00")))
    >>> demand = Trace([Request(after=0, gpus=1, seconds=7_200, limit=PerGpuHour("2.50"))])
    >>> day = Interval(monday, monday + timedelta(days=1))
    >>> scenario = Scenario(listings=[listing], demand=demand, horizon=day)
    >>> options = vary(scenario, price=[PerGpuHour("2.00"), PerGpuHour("3.00")])
    >>> found = sweep(options, workers=1)
    >>> [(option.label, str(found.estimate(option, "revenue"))) for option in found.options]
    [('price 2.00', '4.00'), ('price 3.00', '0.00')]
    """
    if kept is not None:
        check_kind(kept, MutableMapping, "kept")
    known = as_tuple(options, "options")
    for index, option in enumerate(known):
        check_kind(option, Option, f"options[{index}]")
    if not known:
        raise RuleViolation("options", "at least one", "none")
    count = _runs(known, runs)
    first = whole_number(seed, "seed", 0, _MAX_RUNS) * _MAX_RUNS
    if executor is not None and workers is not None:
        raise RuleViolation("workers", "workers or an executor", "both")
    if workers is not None:
        workers = whole_number(workers, "workers", 1, 10_000)
    jobs = [(place, run) for run in range(count) for place in range(len(known))]
    results = _found(known, jobs, first, kept)
    with _telling(progress, len(jobs)) as tell:
        if results:
            tell(len(results), len(jobs))
        left = [job for job in jobs if job not in results]
        # Closed at once whatever ends it here, and not when the frames of an error are let go of.
        with closing(
            _computed(known, left, first, workers, executor, keeps=kept is not None)
        ) as computed:
            for done in computed:
                results.update(done)
                if kept is not None:
                    for (place, run), outcome in done.items():
                        kept[known[place].scenario, first + run] = outcome
                tell(len(results), len(jobs))
    return Sweep(
        options=known,
        outcomes=tuple(
            tuple(results[place, run] for run in range(count)) for place in range(len(known))
        ),
        seeds=tuple(range(first, first + count)),
    )


def _runs(options: tuple[Option, ...], runs: int | None) -> int:
    scenarios = [option.scenario for option in options]
    recorded = all(isinstance(one.demand, Trace) and not one.rivals for one in scenarios)
    if runs is None:
        return 1 if recorded else _RUNS
    runs = whole_number(runs, "runs", 1, _MAX_RUNS)
    if recorded and runs > 1:
        raise RuleViolation("runs", "1, as all demand is recorded", str(runs))
    return runs


def _found(
    options: tuple[Option, ...], jobs: list[_Job], first: int, kept: Kept | None
) -> dict[_Job, Outcome]:
    """Return the outcomes that are there already."""
    if not kept:
        return {}
    found = {}
    for place, run in jobs:
        outcome = kept.get((options[place].scenario, first + run))
        if outcome is not None:
            check_kind(outcome, Outcome, "kept")
            found[place, run] = outcome
    return found


def _cores() -> int:
    """Return the cores that this process may use."""
    if sys.platform in _ONE_PROCESS:
        return 1
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _computed(
    options: tuple[Option, ...],
    jobs: list[_Job],
    first: int,
    workers: int | None,
    executor: Executor | None,
    *,
    keeps: bool,
) -> Generator[dict[_Job, Outcome], None, None]:
    """Yield the outcomes of jobs as they are done, in any order.

    Where the caller ``keeps`` them, processes hand over each at once: that costs a message for
    each, and an interruption the fewest.
    """
    if not jobs:
        return
    scenarios = [option.scenario for option in options]
    if executor is not None:
        check_kind(executor, Executor, "executor")
        yield from _farmed(executor, scenarios, [[job] for job in jobs], first, keeps=keeps)
        return
    cores = _cores() if workers is None else workers
    if workers is None or cores == 1 or len(jobs) == 1:
        began, limit = monotonic(), None if cores == 1 else _FEW_SECONDS
        for done, (place, run) in enumerate(jobs):
            spent = monotonic() - began
            if (
                limit
                and done
                and spent > _FIRST_SECONDS
                and spent * (len(jobs) - done) > limit * done
            ):
                jobs = jobs[done:]
                break
            yield {(place, run): simulate(scenarios[place], first + run)}
        else:
            return
    yield from _spread(scenarios, jobs, first, cores, keeps=keeps)


def _spread(
    scenarios: list[Scenario], jobs: list[_Job], first: int, workers: int, *, keeps: bool
) -> Iterator[dict[_Job, Outcome]]:
    """Yield the outcomes of jobs that processes of our own compute."""
    if getattr(current_process(), "_inheriting", False):
        # This is such a process, and it runs the script that started it: its end says so.
        raise SystemExit(1)
    if sys.platform in _ONE_PROCESS:
        raise RuleViolation("workers", "1, where Python starts no processes", str(workers))
    size = 1 if keeps else -(-len(jobs) // (workers * _TASKS_PER_WORKER))
    pieces = [jobs[i : i + size] for i in range(0, len(jobs), size)]
    done = 0
    try:
        with _pool(min(workers, len(pieces))) as pool:
            for found in _farmed(pool, scenarios, pieces, first, keeps=keeps):
                done += len(found)
                yield found
    except BrokenProcessPool:
        need = (
            'the script\'s own steps under `if __name__ == "__main__":` (each process begins with '
            "the script anew), or workers=1"
        )
        if done:
            need = "memory for each process, or fewer workers"
        got = f"processes that ended after {done} of {len(jobs)} simulations"
        raise RuleViolation("workers", need, got) from None


class _Pool(ProcessPoolExecutor):
    """Processes that do not hear Ctrl-C, which goes to all of a terminal: who began them ends them.

    Else each would say where it was.
    """

    def __init__(self, workers: int) -> None:
        super().__init__(
            workers,
            mp_context=get_context("spawn"),
            initializer=signal.signal,
            initargs=(signal.SIGINT, signal.SIG_IGN),
        )
        # Both are forgotten by an executor that cancels, while they still run. They are Python's
        # own (3.14 has a way to ask); without them the processes end with their work.
        self._begun: Mapping[int, Any] = getattr(self, "_processes", {})
        self._manager: Thread | None = None

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Hand over work; a process that begins with it does not hear Ctrl-C from the start."""
        if sys.platform == "win32":  # it has no such mask
            return super().submit(fn, *args, **kwargs)
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            return super().submit(fn, *args, **kwargs)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def cancel(self) -> None:
        """Cancel what has not begun.

        Futures that others cancel are taken for open ones in Python 3.11, where a process ends.
        """
        if self._manager is None:
            self._manager = getattr(self, "_executor_manager_thread", None)
        self.shutdown(wait=False, cancel_futures=True)

    def end(self) -> None:
        """End the processes, whatever they compute, and wait for that."""
        self.cancel()
        for process in list(self._begun.values()):
            process.terminate()
        if self._manager is not None:
            self._manager.join()


@contextmanager
def _pool(workers: int) -> Iterator[_Pool]:
    """Give processes, and end them where what they compute is wanted no more.

    An executor alone waits for them, which may take minutes.
    """
    pool = _Pool(workers)
    try:
        yield pool
    except BaseException:
        pool.end()
        raise
    pool.shutdown()


def _farmed(
    executor: Executor,
    scenarios: list[Scenario],
    pieces: list[list[_Job]],
    first: int,
    *,
    keeps: bool,
) -> Iterator[dict[_Job, Outcome]]:
    """Hand pieces of work to an executor; if one fails, the rest is cancelled.

    After an interruption, what is being computed is waited for and yielded too, where the caller
    ``keeps`` it: nothing that is done gets lost. Another interruption ends that.
    """
    futures: dict[Future[list[Outcome]], list[_Job]] = {}
    told = set[Future[list[Outcome]]]()
    try:
        for piece in pieces:
            work = [(scenarios[place], first + run) for place, run in piece]
            futures[executor.submit(_simulate_all, work)] = piece
        for future in as_completed(futures):
            told.add(future)
            yield dict(zip(futures[future], future.result(), strict=True))
    except BaseException as stop:
        _cancel(executor, futures)
        if keeps and isinstance(stop, KeyboardInterrupt):
            for future, piece in futures.items():
                if future not in told and _succeeds(future):
                    yield dict(zip(piece, future.result(), strict=True))
        raise


def _cancel(executor: Executor, futures: Iterable[Future[Any]]) -> None:
    """Cancel what has not begun; an executor of the caller's goes on with other things."""
    if isinstance(executor, _Pool):
        executor.cancel()
        return
    for future in futures:
        future.cancel()


def _succeeds(future: Future[Any]) -> bool:
    """Wait for a future and return whether it has a result."""
    try:
        return future.exception() is None
    except CancelledError:
        return False


def _simulate_all(work: list[tuple[Scenario, int]]) -> list[Outcome]:
    """Return the outcomes of one piece of work; what other processes call."""
    return [simulate(scenario, seed) for scenario, seed in work]


@contextmanager
def _telling(progress: Progress | bool, total: int) -> Iterator[Progress]:
    """Give the function to tell of progress."""
    if progress is not True:
        if progress is not False and not callable(progress):
            raise WrongType("progress", "a function, True or False", shown(progress))
        yield progress if callable(progress) else _quiet
        return
    try:
        from rich.progress import Progress as Bar
    except ImportError:
        raise MissingExtra("A progress bar", "rich") from None
    with Bar() as bar:
        task = bar.add_task("simulating", total=total)
        yield lambda done, _: bar.update(task, completed=done)


def _quiet(done: int, total: int) -> None:
    """Tell nobody."""
