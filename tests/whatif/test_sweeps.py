"""Options, experiments, and who computes them."""

from __future__ import annotations

import builtins
import multiprocessing
import os
import pickle
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from datetime import timedelta
from fractions import Fraction
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from numgenius_core.errors import MissingExtra, RuleViolation, WrongType
from numgenius_core.ids import MachineId
from numgenius_core.intervals import Interval
from numgenius_core.listing import PriceTerms
from numgenius_core.money import TICKS_PER_DOLLAR, Money
from numgenius_core.rates import PerGbMonth, PerGpuHour
from numgenius_core.testing import EPOCH
from numgenius_core.whatif import (
    Option,
    Outcome,
    Relisting,
    Request,
    Scenario,
    Sweep,
    Trace,
    simulate,
    sweep,
    sweeps,
    vary,
)
from scenario_parts import listing
from sweep_cases import BY_PRICE, DEMAND, PRICES, START, WEEK

RELISTED = evolve(
    WEEK,
    relistings=(
        Relisting(
            at=START + timedelta(days=1),
            machine=MachineId(2),
            listing=evolve(
                listing(2, 4, rolling=timedelta(days=9)),
                prices=PriceTerms(gpu=PRICES[1], storage=PerGbMonth("0.90")),
            ),
        ),
        Relisting(at=START + timedelta(days=2), machine=MachineId(1), listing=None),
    ),
)


class TestOptions:
    """A scenario with each combination of some values."""

    def test_each_thing_that_can_be_varied(self) -> None:
        later = EPOCH + timedelta(days=9)

        def of(name: str, value: Any) -> tuple[Any, ...]:
            (option,) = vary(WEEK, **{name: [value]})
            assert option.value(name) == value
            return option.scenario.listings

        assert [one.prices.gpu for one in of("price", PRICES[0])] == [PRICES[0]] * 2
        assert [one.prices.min_bid for one in of("min_bid", PRICES[0])] == [PRICES[0]] * 2
        assert [one.min_gpu for one in of("min_gpu", 4)] == [4, 4]
        assert [one.max_discount for one in of("max_discount", "0.3")] == [Fraction(3, 10)] * 2
        assert [one.end for one in of("end", later)] == [later, later]
        assert [one.min_gpu for one in of("mix", (8, 2))] == [8, 2]
        assert of("listings", WEEK.listings[:1]) == WEEK.listings[:1]

    def test_an_end_takes_the_place_of_a_rolling_one(self) -> None:
        rolling = evolve(WEEK, listings=(listing(rolling=timedelta(days=1)),))
        (option,) = vary(rolling, end=[None])
        assert option.scenario.listings[0].rolling is None

    def test_combinations_the_last_changing_first(self) -> None:
        options = vary(WEEK, price=PRICES[:2], min_gpu=[1, 2])
        assert [one.label for one in options] == [
            "price 0.30, min_gpu 1",
            "price 0.30, min_gpu 2",
            "price 0.40, min_gpu 1",
            "price 0.40, min_gpu 2",
        ]
        assert options[1].scenario.listings[0].prices.gpu == PRICES[0]
        assert options[1].scenario.listings[0].min_gpu == 2

    def test_labels(self) -> None:
        (mix,) = vary(WEEK, mix=[(8, 2)])
        assert mix.label == "mix 8+2"
        never, day = vary(WEEK, end=[None, EPOCH + timedelta(days=9)])
        assert (never.label, day.label) == ("end never", "end 2026-01-10 00:00")
        late = EPOCH + timedelta(days=9, seconds=30)  # told from the one before
        assert vary(WEEK, end=[late])[0].label == "end 2026-01-10 00:00:30"
        assert vary(WEEK) == (Option(values=(), scenario=WEEK),)
        assert vary(WEEK)[0].label == "as it is"

    def test_fleets_are_numbered_in_labels(self) -> None:
        """Their listings would fill pages, and the first ones may be alike."""
        dear = [listing(price="0.90"), WEEK.listings[1]]
        options = vary(WEEK, min_gpu=[2], listings=[WEEK.listings, dear])
        labels = [option.label for option in options]
        assert labels == ["min_gpu 2, listings #1", "min_gpu 2, listings #2"]
        assert options[1].value("listings") == tuple(dear)
        assert pickle.loads(pickle.dumps(options))[1].label == labels[1]
        by_hand = Option(values=(("listings", WEEK.listings),), scenario=WEEK)
        assert by_hand.label == "listings of 2 machine(s)"

    @pytest.mark.parametrize(
        ("name", "value", "field"),
        [
            ("price", PRICES[2], "prices.gpu"),
            ("min_bid", PRICES[0], "prices.min_bid"),
            ("min_gpu", 4, "min_gpu"),
            ("max_discount", Fraction(1, 10), "max_discount"),
            ("end", START + timedelta(days=2), "end"),
        ],
    )
    def test_it_holds_after_a_relisting_too(self, name: str, value: Any, field: str) -> None:
        """A relisting keeps what else it changes: here the storage price and the rolling end."""
        (option,) = vary(RELISTED, **{name: [value]})
        again, gone = option.scenario.relistings
        assert again.listing is not None
        assert attrgetter(field)(again.listing) == value
        assert again.listing.prices.storage == PerGbMonth("0.90")
        assert (again.listing.rolling is None) is (name == "end")
        assert gone == RELISTED.relistings[1]  # unlisted all the same

    def test_a_mix_holds_after_a_relisting_of_the_machine(self) -> None:
        (option,) = vary(RELISTED, mix=[(8, 2)])
        again, _ = option.scenario.relistings
        assert again.listing is not None
        assert (again.machine, again.listing.min_gpu) == (2, 2)

    def test_the_price_varied_is_paid_after_a_relisting(self) -> None:
        """96 hours of one GPU at $2 or $4: not two days of it at the price before, for $288."""
        four_days = Interval(EPOCH, EPOCH + timedelta(days=4))
        machine = listing(price="2.00")
        scenario = Scenario(
            listings=[machine],
            demand=Trace([Request(after=86_400 * i, gpus=1, seconds=86_400) for i in range(4)]),
            horizon=four_days,
            relistings=[
                Relisting(at=EPOCH + timedelta(days=2), machine=MachineId(1), listing=machine)
            ],
        )
        options = vary(scenario, price=[PerGpuHour(2), PerGpuHour(4)])
        assert [simulate(o.scenario).revenue for o in options] == [Money(192), Money(384)]

    def test_fleets_that_relistings_would_undo(self) -> None:
        with pytest.raises(
            RuleViolation, match="listings: need relistings that only unlist, got 1 that publish"
        ):
            vary(RELISTED, listings=[RELISTED.listings])
        unlisting = evolve(RELISTED, relistings=RELISTED.relistings[1:])
        (option,) = vary(unlisting, listings=[RELISTED.listings])
        assert option.scenario == unlisting

    @pytest.mark.parametrize(
        ("values", "match"),
        [
            ({"colour": [1]}, "vary: need one of price"),
            ({"price": []}, "vary: need at least one"),
            ({"price": [1]}, "price: need a PerGpuHour"),
            ({"min_bid": [1]}, "min_bid: need a PerGpuHour"),
            ({"min_gpu": [3]}, "a power of two"),
            ({"max_discount": [0.4]}, "max_discount"),
            ({"mix": [(1,)]}, "mix: need 2 values"),
            ({"mix": [3]}, "mix: need a series"),
            ({"listings": [3]}, "listings: need a series"),
            ({"price": 3}, "price: need a series"),
        ],
    )
    def test_refused(self, values: dict[str, Any], match: str) -> None:
        with pytest.raises(RuleViolation, match=match):
            vary(WEEK, **values)

    def test_a_value_that_was_not_varied(self) -> None:
        with pytest.raises(RuleViolation, match="name: need one of"):
            BY_PRICE[0].value("min_gpu")


@pytest.fixture(scope="module")
def found() -> Sweep:
    return sweep(BY_PRICE, runs=4, seed=3, workers=1)


class TestASweep:
    """Run i of every option has the same clients."""

    def test_it_is_the_simulations(self, found: Sweep) -> None:
        for option, outcomes in zip(found.options, found.outcomes, strict=True):
            assert outcomes == tuple(simulate(option.scenario, 3_000_000 + run) for run in range(4))

    def test_a_run_plays_again_by_its_seed(self, found: Sweep) -> None:
        assert found.seeds == tuple(range(3_000_000, 3_000_004))
        kept: dict[Any, Outcome] = {}
        assert sweep(BY_PRICE, runs=4, seed=3, workers=1, kept=kept) == found
        for option, outcomes in zip(found.options, found.outcomes, strict=True):
            for seed, outcome in zip(found.seeds, outcomes, strict=True):
                assert simulate(option.scenario, seed) == outcome == kept[option.scenario, seed]

    @pytest.mark.parametrize("seeds", [(1,), range(5), (1, 2, 3, -4), (1, 2, 3, "4"), 7])
    def test_seeds_are_one_for_each_run(self, found: Sweep, seeds: Any) -> None:
        assert evolve(found, seeds=()).seeds == ()  # as one that is put together by hand
        with pytest.raises(RuleViolation, match=r"sweep\.seeds"):
            evolve(found, seeds=seeds)

    def test_each_option_has_the_same_number_of_runs(self, found: Sweep) -> None:
        for options, outcomes, path in (
            ((), (), "options"),
            (found.options, found.outcomes[:-1], "outcomes"),
            (found.options, [()] * len(found.options), "outcomes"),
            (found.options, [found.outcomes[0][:1], *found.outcomes[1:]], "outcomes"),
        ):
            with pytest.raises(RuleViolation) as caught:
                Sweep(options=options, outcomes=tuple(outcomes))
            assert caught.value.path == f"sweep.{path}"

    def test_another_seed_gives_others(self, found: Sweep) -> None:
        assert sweep(BY_PRICE, runs=4, seed=4, workers=1) != found

    def test_common_random_numbers(self, found: Sweep) -> None:
        for run in range(4):
            assert len({outcomes[run].requests for outcomes in found.outcomes}) == 1

    def test_paired_differences(self, found: Sweep) -> None:
        low, high = found.options[0], found.options[2]
        by_hand = [
            a.profit - b.profit for a, b in zip(found.outcomes[2], found.outcomes[0], strict=True)
        ]
        got = found.difference(high, low)
        assert got.mean == Fraction(Money.sum(by_hand).ticks, 4 * TICKS_PER_DOLLAR)
        assert found.difference(low, low).half_width == 0
        wide = found.estimate(high).half_width
        assert got.half_width is not None
        assert wide is not None
        assert got.half_width < wide

    def test_the_best_has_the_greatest_mean(self, found: Sweep) -> None:
        means = [found.estimate(one, "revenue").mean for one in found.options]
        assert found.best("revenue") is found.options[means.index(max(means))]

    def test_an_option_that_stands_twice_is_the_first(self, found: Sweep) -> None:
        twice = Sweep(options=[found.options[0]] * 2, outcomes=found.outcomes[:2])
        for option in (found.options[0], evolve(found.options[0])):
            assert twice.values(option) == found.values(found.options[0])
        assert found.values(found.options[0]) != found.values(found.options[1])

    def test_a_measure_of_ones_own(self, found: Sweep) -> None:
        def rented(outcome: Outcome) -> int:
            return outcome.rented

        assert found.values(BY_PRICE[0], rented) == found.values(BY_PRICE[0], "rented")

    def test_a_measure_that_does_not_exist(self, found: Sweep) -> None:
        with pytest.raises(RuleViolation, match="measure: need one of profit"):
            found.values(BY_PRICE[0], "joy")
        with pytest.raises(WrongType, match="measure"):
            found.values(BY_PRICE[0], lambda _: 0.5)  # type: ignore[arg-type, return-value]

    def test_a_measure_that_is_none(self, found: Sweep) -> None:
        with pytest.raises(WrongType, match="measure: need the name of a figure, or a function"):
            found.values(found.options[0], None)  # type: ignore[arg-type]

    def test_an_option_of_another_sweep(self, found: Sweep) -> None:
        with pytest.raises(RuleViolation, match="option: need an option of the sweep"):
            found.estimate(vary(WEEK, min_gpu=[2])[0])

    def test_a_curve(self, found: Sweep) -> None:
        assert [price for price, _ in found.curve("price")] == list(PRICES)
        assert found.curve("price", "occupancy")[1][1] == found.estimate(BY_PRICE[1], "occupancy")

    def test_a_grid(self) -> None:
        options = vary(WEEK, price=PRICES[:2], min_gpu=[1, 2, 4])
        found = sweep(options, runs=1, workers=1)
        down, across, rows = found.grid("price", "min_gpu")
        assert (down, across) == (PRICES[:2], (1, 2, 4))
        assert rows[1][2] == found.estimate(options[5]).mean
        with pytest.raises(RuleViolation, match="grid: need each combination"):
            found.grid("price", "price")

    def test_a_table(self, found: Sweep) -> None:
        title, head, first, *_ = str(found).splitlines()
        assert title == "in 3 d; ± is half of the 95 % interval"
        assert head.split() == ["option", "profit", "$", "occupancy", "unserved"]
        assert first.startswith("price 0.30")
        assert "±" in found._repr_html_()
        assert found.table("pauses").head == ("option", "pauses")

    @pytest.mark.parametrize("kept", [None, {}])
    def test_a_measure_of_histories_is_refused(self, kept: dict[Any, Any] | None) -> None:
        found = sweep(BY_PRICE, runs=1, workers=1, kept=kept)
        with pytest.raises(RuleViolation, match=r"histories: need simulate\(.*sweeps keep none"):
            found.best(lambda outcome: len(outcome.histories))
        nobody = simulate(evolve(WEEK, demand=Trace([])), keep_histories=True)
        assert nobody.histories == ()

    def test_recorded_demand_is_run_once(self) -> None:
        trace = DEMAND.draw(WEEK.horizon, 1)
        options = vary(evolve(WEEK, demand=trace), price=PRICES)
        assert len(sweep(options, workers=1).outcomes[0]) == 1
        with pytest.raises(RuleViolation, match="runs: need 1, as all demand is recorded"):
            sweep(options, runs=2)

    def test_generated_demand_is_run_twenty_times(self) -> None:
        short = evolve(WEEK, horizon=Interval(EPOCH, EPOCH + timedelta(hours=1)))
        assert len(sweep(vary(short), workers=1).outcomes[0]) == 20

    @pytest.mark.parametrize(
        ("how", "match"),
        [
            ({"options": ()}, "options: need at least one"),
            ({"options": (WEEK,)}, r"options\[0\]: need an Option"),
            ({"runs": 0}, "runs"),
            ({"seed": -1}, "seed"),
            ({"workers": 0}, "workers"),
            ({"progress": 3}, "progress"),
            ({"executor": 3}, "executor"),
        ],
    )
    def test_refused(self, how: dict[str, Any], match: str) -> None:
        facts: dict[str, Any] = {"options": BY_PRICE, "runs": 1}
        with pytest.raises(RuleViolation, match=match):
            sweep(**(facts | how))

    def test_workers_or_an_executor(self) -> None:
        with ThreadPoolExecutor(1) as pool, pytest.raises(RuleViolation, match="or an executor"):
            sweep(BY_PRICE, workers=2, executor=pool)


SCRIPT = """
from numgenius_core.whatif import sweep
from sweep_cases import BY_PRICE
if {guard}:
    print(len(sweep(BY_PRICE, runs=2{more}).options), "options")
"""


def as_a_script(folder: Path, guard: str, more: str) -> subprocess.CompletedProcess[str]:
    """Run a file that sweeps, as a host's first one does."""
    script = folder / "first.py"
    script.write_text(SCRIPT.format(guard=guard, more=more))
    here = Path(__file__).parent.parent
    paths = [str(here.parent / "src"), str(here / "support")]
    return subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
    )


class TestAHostsFirstScript:
    """A sweep at the top of a file: a small one is done, a long one says what to write."""

    def test_a_small_one_needs_no_processes(self, tmp_path: Path) -> None:
        done = as_a_script(tmp_path, "True", "")
        assert (done.stdout, done.stderr) == (f"{len(BY_PRICE)} options\n", "")

    def test_processes_say_what_to_write(self, tmp_path: Path) -> None:
        done = as_a_script(tmp_path, "True", ", workers=2")
        assert done.stdout == ""
        assert 'under `if __name__ == "__main__":`' in done.stderr
        assert "0 of 6 simulations" in done.stderr
        assert "BrokenProcessPool" not in done.stderr
        assert done.stderr.count("Traceback") == 1  # ours, none of the processes

    def test_what_it_says_helps(self, tmp_path: Path) -> None:
        done = as_a_script(tmp_path, '__name__ == "__main__"', ", workers=2")
        assert (done.stdout, done.stderr) == (f"{len(BY_PRICE)} options\n", "")

    def test_a_long_one_begins_here_and_goes_on_in_processes(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        here = sweep(BY_PRICE, runs=2, workers=1)
        clock, spread = iter(range(0, 1_000, 2)), sweeps._spread
        handed: list[int] = []

        def counted(
            scenarios: Any, jobs: list[tuple[int, int]], first: int, _: int, *, keeps: bool
        ) -> Iterator[Any]:
            handed.append(len(jobs))
            return spread(scenarios, jobs, first, 2, keeps=keeps)

        monkeypatch.setattr(sweeps, "monotonic", lambda: float(next(clock)))
        monkeypatch.setattr(sweeps, "_cores", lambda: 2)
        monkeypatch.setattr(sweeps, "_spread", counted)
        assert sweep(BY_PRICE, runs=2) == here
        assert handed == [5]  # the first took four seconds, so five more take long

    def test_processes_that_die_later(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def dying(*_: Any, **__: Any) -> Iterator[Any]:
            yield {(0, 0): None}
            raise BrokenProcessPool

        monkeypatch.setattr(sweeps, "_farmed", dying)
        with pytest.raises(RuleViolation, match="memory for each process"):
            sweep(BY_PRICE, runs=2, workers=2)


class TestWithoutProcesses:
    """Where Python starts no processes, as in a browser, the one there is computes."""

    def test_it_computes_all(self, monkeypatch: pytest.MonkeyPatch) -> None:
        alone = sweep(BY_PRICE, runs=2, workers=1)
        monkeypatch.setattr(sys, "platform", "emscripten")
        monkeypatch.setattr(sweeps, "_FIRST_SECONDS", 0)
        monkeypatch.setattr(sweeps, "_FEW_SECONDS", 1e-9)
        assert sweep(BY_PRICE, runs=2) == alone

    def test_more_are_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "platform", "emscripten")
        with pytest.raises(
            RuleViolation, match="workers: need 1, where Python starts no processes"
        ):
            sweep(BY_PRICE, runs=2, workers=2)


class Stopping(dict[tuple[Any, int], Outcome]):
    """Keeps so many simulations, and is interrupted then."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most

    def __setitem__(self, key: tuple[Any, int], outcome: Outcome) -> None:
        super().__setitem__(key, outcome)
        if len(self) == self.most:
            raise KeyboardInterrupt


class TestASweepMadeByHand:
    """A value checks what it is given, and not when somebody asks for a figure."""

    @pytest.mark.parametrize("bad", [5, "price 2.00", None])
    def test_what_is_no_option_is_named(self, bad: Any) -> None:
        with pytest.raises(WrongType, match=r"^sweep\.options\[0\]: need an Option, got "):
            Sweep(options=(bad,), outcomes=((),))


class TestASweepThatIsInterrupted:
    """What is done is kept, and the numbers are those of a sweep that was not interrupted."""

    @pytest.mark.parametrize("most", [1, 4, 5])
    def test_it_goes_on_where_it_was(self, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
        whole, kept = sweep(BY_PRICE, runs=2, seed=3, workers=1), Stopping(most)
        with pytest.raises(KeyboardInterrupt):
            sweep(BY_PRICE, runs=2, seed=3, workers=1, kept=kept)
        assert len(kept) == most
        ran: list[int] = []

        def counted(scenario: Any, seed: int) -> Outcome:
            ran.append(seed)
            return simulate(scenario, seed)

        monkeypatch.setattr(sweeps, "simulate", counted)
        told: list[tuple[int, int]] = []
        again = pickle.loads(pickle.dumps(dict(kept)))  # as the next process finds it
        found = sweep(
            BY_PRICE,
            runs=2,
            seed=3,
            workers=1,
            kept=again,
            progress=lambda *done: told.append(done),
        )
        assert found == whole
        assert len(ran) == 6 - most
        assert told[0] == (most, 6)
        assert told[-1] == (6, 6)
        assert len(again) == 6

    def test_any_interruption_any_number_of_times(self) -> None:
        whole = sweep(BY_PRICE, runs=2, workers=1)
        kept: dict[Any, Outcome] = {}
        for _ in range(5):

            def one_more(done: int, _: int, before: int = len(kept)) -> None:
                if done > before:
                    raise KeyboardInterrupt

            with pytest.raises(KeyboardInterrupt):
                sweep(BY_PRICE, runs=2, workers=1, kept=kept, progress=one_more)
        assert len(kept) == 5
        assert sweep(BY_PRICE, runs=2, workers=1, kept=kept) == whole

    def test_processes_too(self) -> None:
        kept = Stopping(2)
        with pytest.raises(KeyboardInterrupt):
            sweep(BY_PRICE, runs=2, workers=2, kept=kept)
        again = dict(kept)
        assert 2 <= len(again) < 6
        assert sweep(BY_PRICE, runs=2, workers=1, kept=again) == sweep(BY_PRICE, runs=2, workers=1)

    @pytest.mark.parametrize("first", [True, False])
    def test_processes_end_at_once_where_nobody_waits_for_them(
        self, first: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """By a first Ctrl-C while something is computed for minutes, or by what a caller raises."""

        def one_ends(futures: Any) -> Iterator[Future[Any]]:
            if first:
                next(as_completed(futures))
                raise KeyboardInterrupt
            yield next(as_completed(futures))

        def told(done: int, _: int) -> None:
            if done:
                raise LookupError

        dear = evolve(WEEK, demand=evolve(DEMAND, per_day=1_000_000))
        options = [Option(values=(), scenario=each) for each in (WEEK, *[dear] * 5)]
        monkeypatch.setattr(sweeps, "as_completed", one_ends)
        monkeypatch.setattr(sweeps, "_TASKS_PER_WORKER", 3)  # one simulation a piece
        began = time.monotonic()
        with pytest.raises(KeyboardInterrupt if first else LookupError):
            sweep(options, runs=1, workers=2, progress=told)
        for process in multiprocessing.active_children():
            process.join(60)
        assert time.monotonic() - began < 30

    def test_what_runs_at_an_interruption_is_waited_for(self) -> None:
        """Two are done when Ctrl-C comes while the caller waits: neither is lost."""

        class Interrupted(Executor):
            def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
                future: Future[Any] = Future()
                if len(done) < 2:
                    future.set_running_or_notify_cancel()
                    done.append(lambda: future.set_result(fn(*args, **kwargs)))
                return future

        done: list[Callable[[], None]] = []

        def as_completed(futures: Any) -> Iterator[Future[Any]]:  # noqa: ARG001 - as the real one
            for finish in done:
                finish()
            raise KeyboardInterrupt
            yield

        kept: dict[Any, Outcome] = {}
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sweeps, "as_completed", as_completed)
            with pytest.raises(KeyboardInterrupt):
                sweep(BY_PRICE, runs=2, executor=Interrupted(), kept=kept)
        assert len(kept) == 2

    def test_what_fails_after_an_interruption_is_done_anew(self) -> None:
        """Of two that ran when Ctrl-C came one fails: the other is kept, and Ctrl-C it stays."""

        class Failing(Executor):
            def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
                future: Future[Any] = Future()
                if len(begun) < 2:
                    future.set_running_or_notify_cancel()
                    begun.append(future)
                    if len(begun) == 1:
                        future.set_exception(OSError("no memory"))
                    else:
                        future.set_result(fn(*args, **kwargs))
                return future

        begun: list[Future[Any]] = []

        def as_completed(_: Any) -> Iterator[Future[Any]]:
            raise KeyboardInterrupt
            yield

        kept: dict[Any, Outcome] = {}
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sweeps, "as_completed", as_completed)
            with pytest.raises(KeyboardInterrupt):
                sweep(BY_PRICE, runs=2, executor=Failing(), kept=kept)
        assert list(kept.values()) == [begun[1].result()[0]]
        assert sweep(BY_PRICE, runs=2, workers=1, kept=kept) == sweep(BY_PRICE, runs=2, workers=1)

    def test_more_runs_and_options_add_to_what_is_there(self) -> None:
        kept: dict[Any, Outcome] = {}
        sweep(BY_PRICE[:2], runs=1, workers=1, kept=kept)
        told: list[tuple[int, int]] = []
        found = sweep(
            BY_PRICE, runs=2, workers=1, kept=kept, progress=lambda *done: told.append(done)
        )
        assert told[0] == (2, 6)
        assert found == sweep(BY_PRICE, runs=2, workers=1)

    def test_another_seed_is_another_simulation(self) -> None:
        kept: dict[Any, Outcome] = {}
        sweep(BY_PRICE, runs=1, workers=1, seed=1, kept=kept)
        found = sweep(BY_PRICE, runs=1, workers=1, seed=2, kept=kept)
        assert found == sweep(BY_PRICE, runs=1, workers=1, seed=2)
        assert len(kept) == 6

    def test_what_is_no_outcome_is_refused(self) -> None:
        kept: Any = {(BY_PRICE[0].scenario, 0): 3}
        with pytest.raises(WrongType, match="kept: need an Outcome"):
            sweep(BY_PRICE, runs=1, workers=1, kept=kept)
        with pytest.raises(WrongType, match="kept: need a MutableMapping"):
            sweep(BY_PRICE, runs=1, kept=())  # type: ignore[arg-type]


class TestWhoComputes:
    """The same seed gives the same numbers, on one core, on two, and anywhere else."""

    def test_one_core_and_two(self) -> None:
        alone = sweep(BY_PRICE, runs=3, workers=1)
        assert sweep(BY_PRICE, runs=3, workers=2) == alone
        assert multiprocessing.active_children() == []

    def test_any_executor(self) -> None:
        with ThreadPoolExecutor(3) as pool:
            assert sweep(BY_PRICE, runs=2, executor=pool) == sweep(BY_PRICE, runs=2, workers=1)
            assert pool.submit(int, 3).result() == 3  # it was not shut down

    def test_an_executor_that_finishes_in_any_order(self) -> None:
        class Backwards(Executor):
            """Computes the last job first, when the first result is asked for."""

            def __init__(self) -> None:
                self.jobs: list[Callable[[], None]] = []

            def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
                future: Future[Any] = Future()
                self.jobs.append(lambda: future.set_result(fn(*args, **kwargs)))
                if len(self.jobs) == 6:
                    for job in reversed(self.jobs):
                        job()
                return future

        got = sweep(BY_PRICE, runs=2, executor=Backwards())
        assert got == sweep(BY_PRICE, runs=2, workers=1)

    def test_a_failure_reaches_the_caller(self) -> None:
        class Broken(Trace):
            def draw(self, horizon: Interval, seed: int) -> Trace:  # noqa: ARG002
                raise RuleViolation("trace", "a trace that works", "this one")

        broken = vary(evolve(WEEK, demand=Broken(())), price=PRICES)
        with ThreadPoolExecutor(1) as pool, pytest.raises(RuleViolation, match="that works"):
            sweep(broken, executor=pool)

    def test_progress_is_told(self) -> None:
        told: list[tuple[int, int]] = []
        sweep(BY_PRICE, runs=2, workers=1, progress=lambda *done: told.append(done))
        assert told == [(done, 6) for done in range(1, 7)]

    def test_a_bar(self, capsys: pytest.CaptureFixture[str]) -> None:
        pytest.importorskip("rich")
        sweep(BY_PRICE[:1], runs=2, workers=1, progress=True)
        assert "simulating" in capsys.readouterr().out

    def test_a_bar_without_rich(self, monkeypatch: pytest.MonkeyPatch) -> None:
        real = builtins.__import__

        def without(name: str, *args: Any, **kwargs: Any) -> Any:
            if name.startswith("rich"):
                raise ImportError(name)
            return real(name, *args, **kwargs)

        for name in [name for name in sys.modules if name.split(".")[0] == "rich"]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.setattr(builtins, "__import__", without)
        with pytest.raises(MissingExtra, match=r"numgenius-core\[rich\]"):
            sweep(BY_PRICE, runs=1, workers=1, progress=True)
