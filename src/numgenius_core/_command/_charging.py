"""What to ask for a machine: the prices that are tried, on the same simulated clients."""

from __future__ import annotations

import sys
from argparse import Namespace
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any, Final

from numgenius_core._command._interruption import (
    INTERRUPTED,
    TERMINATED,
    Interrupted,
    Terminated,
    ending_in_order,
)
from numgenius_core._command._keeping import KeptSimulations
from numgenius_core._command._plotting import save
from numgenius_core._command._reading import name_of, read, share, source_of
from numgenius_core._command._saying import write
from numgenius_core._command._texts import text_of
from numgenius_core._numbers import PICO
from numgenius_core.errors import RuleViolation
from numgenius_core.intervals import Interval
from numgenius_core.listing import Listing, Machine, PriceTerms
from numgenius_core.money import TICKS_PER_DOLLAR, Money
from numgenius_core.rates import PerGpuHour
from numgenius_core.units import SECONDS_PER_HOUR
from numgenius_core.whatif import (
    PRESETS,
    Answer,
    Demand,
    LogNormal,
    Observation,
    PerKwh,
    Power,
    Scenario,
    best_price,
    fit,
    preset_demand,
)
from numgenius_core.wire.tables import read_numbers, shown_cell

_START: Final = datetime(2026, 1, 5, tzinfo=UTC)  # a Monday; the answer is the same whenever asked
_CENT: Final = PICO // 100
_FINE: Final = PICO // 10_000  # a hundredth of a cent, as the simulated clients count
_MOST_TRIES: Final = 50
_MOST_DAYS: Final = 366
_MOST_RUNS: Final = 1_000
_MOST_WATTS: Final = 1_000_000
_LONGEST_HOURS: Final = 10**9
_SEEN: Final = ("price", "occupied", "hours")


def run(options: Namespace) -> dict[str, Any]:
    """Return the best price, whether that is clear, what each price gives, and what that is for."""
    kept = KeptSimulations(options.keep) if options.keep is not None else None
    done = _Progress()
    try:
        with ending_in_order():
            answer = best_price(
                _scenario(options), _prices(options), runs=options.runs, kept=kept, progress=done
            )
    except KeyboardInterrupt as stop:
        status = TERMINATED if isinstance(stop, Terminated) else INTERRUPTED
        raise Interrupted(_way_on(done, options.keep), status) from None
    finally:
        done.clear()
    if options.plot is not None:
        _draw(answer, options.plot)
    rows = []
    for option in answer.sweep.options:
        profit = answer.sweep.estimate(option, "profit")
        half = profit.half_width
        rows.append(
            {
                "price": str(option.value("price")),
                "profit": _dollars(profit.mean),
                "profit_half_width": None if half is None else _dollars(half),
                "occupancy": round(float(answer.sweep.estimate(option, "occupancy").mean), 4),
                "unserved": round(float(answer.sweep.estimate(option, "unserved").mean), 4),
            }
        )
    return {
        "best": str(answer.value),
        "clear": answer.is_clear,
        "edge": answer.is_edge,
        "days": options.days,
        "runs": options.runs,
        "platform_fee": text_of(share("--platform-fee", options.platform_fee, below_one=True)),
        "kwh": None if options.kwh is None else str(read("--kwh", PerKwh, options.kwh)),
        "prices": rows,
    }


def _dollars(mean: Fraction) -> Money:
    """Return dollars that are a mean, to the nearest tick."""
    return Money.from_ticks(round(mean * TICKS_PER_DOLLAR))


class _Progress:
    """Says on a terminal how many simulations are done, and remembers it."""

    def __init__(self) -> None:
        self.done = self.total = 0
        self._shows = sys.stderr is not None and sys.stderr.isatty()

    def __call__(self, done: int, total: int) -> None:
        self.done, self.total = done, total
        if self._shows:
            write(f"\r{done:,} of {total:,} simulations")

    def clear(self) -> None:
        """Take the line away, where the answer comes."""
        if self._shows and self.total:
            write("\r\x1b[K")


def _way_on(progress: _Progress, file: str | None) -> str:
    done = f"stopped after {progress.done:,} of {progress.total:,} simulations"
    if not progress.total:
        done = "stopped before the first simulation was done"
    if file is None:
        return f"{done}; with --keep FILE the next time goes on from there"
    return f"{done}, kept in {file}: the same command goes on from there"


def _prices(options: Namespace) -> list[PerGpuHour]:
    low, high = (
        read(name, PerGpuHour, text)
        for name, text in (("--from", options.low), ("--to", options.high))
    )
    if not low.steps:
        raise RuleViolation("--from", "a price above 0", f"${low}")
    if low.steps >= high.steps:
        raise RuleViolation("--to", f"a price above --from (${low})", f"${high}")
    if not 2 <= options.tries <= _MOST_TRIES:
        raise RuleViolation("--tries", f"2 to {_MOST_TRIES}", str(options.tries))
    between, parts = high.steps - low.steps, options.tries - 1
    steps = [low.steps + between * index // parts for index in range(options.tries)]
    grid = _CENT if between > 2 * parts * _CENT else _FINE
    inner = [step // grid * grid or step for step in steps[1:-1]]
    return [PerGpuHour.from_steps(step) for step in dict.fromkeys([steps[0], *inner, steps[-1]])]


def _scenario(options: Namespace) -> Scenario:
    for name, most in (("days", _MOST_DAYS), ("runs", _MOST_RUNS)):
        if not 1 <= getattr(options, name) <= most:
            raise RuleViolation(f"--{name}", f"1 to {most:,}", str(getattr(options, name)))
    prices = PriceTerms(
        gpu=read("--from", PerGpuHour, options.low),
        min_bid=read("--min-bid", PerGpuHour, options.min_bid),
        platform_fee=share("--platform-fee", options.platform_fee, below_one=True),
    )
    machine = Machine(id=1, host="me", gpu_name="GPU", gpus=options.gpus)
    power = None
    if options.kwh is not None:
        price = read("--kwh", PerKwh, options.kwh)
        for name in ("watts", "idle"):
            if not 0 <= getattr(options, name) <= _MOST_WATTS:
                need = f"0 to {_MOST_WATTS:,} watts"
                raise RuleViolation(f"--{name}", need, str(getattr(options, name)))
        if not options.watts and not options.idle:
            need = "what the machine draws, as there is a price of electricity"
            raise RuleViolation("--watts", need, "neither --watts nor --idle")
        power = Power(price=price, gpu_watts=options.watts, idle_watts=options.idle)
    elif options.watts or options.idle:
        raise RuleViolation("--kwh", "the price of electricity, as there are watts", "none")
    return Scenario(
        listings=(Listing(machine=machine, prices=prices, min_gpu=options.min_gpu),),
        demand=_demand(options),
        horizon=Interval(_START, _START + timedelta(days=options.days)),
        power=power,
    )


def _demand(options: Namespace) -> Demand:
    name = options.demand
    if name not in PRESETS:
        raise RuleViolation("--demand", f"one of {', '.join(PRESETS)}", name)
    if options.fit is not None:
        if options.usual is not None:
            raise RuleViolation(
                "--usual", "none with --fit, whose prices are what was seen", options.usual
            )
        preset = PRESETS[name]
        sizes = {size: weight for size, weight in preset.sizes.items() if size <= options.gpus}
        stays = LogNormal(preset.hours, preset.spread)
        seen = _seen(options.fit)
        try:
            return fit(seen, gpus=options.gpus, sizes=sizes, stays=stays)
        except RuleViolation as fault:
            where = options.fit if fault.path == "history" else fault.path
            raise RuleViolation(where, fault.need, fault.got) from None
    if options.usual is not None:
        usual = read("--usual", PerGpuHour, options.usual)
        if not usual:
            raise RuleViolation("--usual", "a price above zero", options.usual)
    else:
        low = read("--from", PerGpuHour, options.low).steps
        high = read("--to", PerGpuHour, options.high).steps
        usual = PerGpuHour.from_steps((low + high) // 2)
    return preset_demand(name, gpus=options.gpus, price=usual)


def _seen(file: str) -> list[Observation]:
    """Read how much of the machine was rented at which price, and for how long."""
    found = []
    for place, row, why in read_numbers(source_of(file), _SEEN):
        where = f"{name_of(file)}, {place}"
        try:
            cells = {name: Decimal(str(row[name])) for name in _SEEN}
            plain = all(cell.is_finite() and cell < _LONGEST_HOURS for cell in cells.values())
        except InvalidOperation:
            plain = False
        if not plain:
            got = ", ".join(f"{name} {shown_cell(row[name])}" for name in _SEEN)
            raise RuleViolation(where, "three numbers: price, occupied, hours", f"{got}{why}")
        try:
            found.append(
                Observation(
                    price=PerGpuHour(cells["price"]),
                    occupied=cells["occupied"],
                    seconds=int(cells["hours"] * SECONDS_PER_HOUR),
                )
            )
        except RuleViolation as fault:
            field = fault.path.rpartition(".")[2]
            raise RuleViolation(f"{where}, {field}", fault.need, fault.got) from None
    return found


def _draw(answer: Answer, file: str) -> None:
    from numgenius_core.plots import revenue_curve

    save(file, lambda: revenue_curve(answer.sweep))
