"""Draw the pictures of the documentation, each for print and for the dark.

Run from the project's root, with a folder to draw into elsewhere; the same files come out every
time with the same matplotlib.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from functools import cache
from itertools import pairwise
from pathlib import Path
from statistics import fmean
from typing import Any, Final

import matplotlib as mpl

from numgenius_core import (
    AccountId,
    Block,
    ContractId,
    CurveSchedule,
    Interval,
    Listing,
    Machine,
    MachineId,
    Mode,
    PerGpuHour,
    PerHour,
    PriceTerms,
)
from numgenius_core.contracts import Contract, agree, to_reserved
from numgenius_core.maintenance import Category, MaintenanceWindow, best_window
from numgenius_core.plots import (
    bid_availability,
    discount_curve,
    machine_timeline,
    price_ladder,
    promise_schedules,
    revenue_curve,
    sla_backtest,
    sweep_heat_map,
)
from numgenius_core.sla import OutageRate, Promise, backtest, simulate_outages
from numgenius_core.whatif import (
    Demand,
    LogNormal,
    PerKwh,
    Power,
    Scenario,
    Sweep,
    sweep,
    vary,
)
from numgenius_core.wire import read_sample

TARGET: Final = Path("docs/pictures")
STYLES: Final = ("light", "dark")
DAY: Final = timedelta(days=1)


def timeline(style: Any) -> Any:
    """The published example, two bids and a reservation beside it, and the mildest window."""
    first = datetime(2026, 1, 1, tzinfo=UTC)
    within = Interval(first, datetime(2026, 7, 15, tzinfo=UTC))
    machine = Machine(id=MachineId(1), host=AccountId("host"), gpu_name="A100", gpus=4)

    def listed(price: str, month: int, day: int) -> Listing:
        prices = PriceTerms(gpu=PerGpuHour(price), min_bid=PerGpuHour("0.50"))
        return Listing(machine=machine, prices=prices, end=datetime(2026, month, day, tzinfo=UTC))

    before, after = listed("2.00", 3, 31), listed("2.50", 6, 30)
    contracts: list[Contract] = [
        agree(
            before,
            Block(start=0, size=2),
            id=ContractId(1),
            client=AccountId("A"),
            at=first + 4 * DAY,
        ),
        agree(
            after,
            Block(start=2, size=2),
            id=ContractId(2),
            client=AccountId("B"),
            at=first + 31 * DAY,
        ),
    ]
    for number, start, bid in ((3, 100, "0.70"), (4, 110, "0.80")):
        contracts.append(
            agree(
                listed("2.50", 5, 30),
                Block(start=0, size=1),
                id=ContractId(number),
                client=AccountId("C"),
                at=first + start * DAY,
                mode=Mode.INTERRUPTIBLE,
                bid=PerHour(bid),
            )
        )
    saved = agree(
        listed("2.50", 6, 15),
        Block(start=1, size=1),
        id=ContractId(5),
        client=AccountId("D"),
        at=first + 95 * DAY,
    )
    contracts.append(to_reserved(saved, Fraction(1, 5)))
    plan = best_window(contracts, 5 * DAY, Interval(first + 40 * DAY, within.end))
    window = MaintenanceWindow(period=plan.window, category=Category.POWER)
    return machine_timeline(machine, contracts, within, windows=[window], style=style)


def discount(style: Any) -> Any:
    """The default curve at a dollar an hour."""
    return discount_curve(CurveSchedule("0.4"), PerHour(1), style=style)[0]


def ladder(style: Any) -> Any:
    """The sample market."""
    return price_ladder(read_sample().offers, style=style)


@cache
def scenario() -> Scenario:
    """Return the machine of ``docs/what-if.md``, of eight GPUs, and who comes in ten days."""
    first = datetime(2026, 1, 1, tzinfo=UTC)
    prices = PriceTerms(gpu=PerGpuHour("0.40"), min_bid=PerGpuHour("0.10"), platform_fee="0.25")
    machine = Machine(id=MachineId(1), host=AccountId("me"), gpu_name="RTX 4090", gpus=8)
    demand = Demand(
        per_day=20,
        sizes={1: 6, 2: 3, 4: 1, 8: 1},
        stays=LogNormal("3", "1"),
        modes={Mode.ON_DEMAND: 5, Mode.RESERVED: 1, Mode.INTERRUPTIBLE: 4},
        limits=LogNormal("0.45", "0.4"),
        bids=LogNormal("0.20", "0.4"),
    )
    return Scenario(
        listings=(Listing(machine=machine, prices=prices),),
        demand=demand,
        horizon=Interval(first, first + 10 * DAY),
        power=Power(price=PerKwh("0.15"), gpu_watts=350, idle_watts=150),
    )


@cache
def swept(*prices: str, sizes: tuple[int, ...] = ()) -> Sweep:
    """Return the scenario at each price, with each ``min_gpu`` if there are some, in 20 runs."""
    tried: dict[str, Any] = {"price": [PerGpuHour(price) for price in prices]}
    options = vary(scenario(), **({"min_gpu": sizes} if sizes else {}), **tried)
    return sweep(options, runs=20, workers=1)


def heat(style: Any) -> Any:
    """The profit of that machine, by ``min_gpu`` and price."""
    return sweep_heat_map(swept("0.25", "0.35", "0.45", "0.55", sizes=(1, 2, 4, 8)), style=style)


def revenue(style: Any) -> Any:
    """What its clients pay, by price."""
    prices = ("0.20", "0.25", "0.30", "0.35", "0.40", "0.45", "0.50", "0.55", "0.60")
    return revenue_curve(swept(*prices), measure="revenue", style=style)


def bids(style: Any) -> Any:
    """A price that wanders around $0.10 an hour for 60 days, with peaks."""
    draw, price, series = random.Random(5), 0.1, []
    for _ in range(60 * 24):
        price += 0.1 * (0.1 - price) + draw.gauss(0, 0.006)
        series.append(max(0.03, price) * (8 if draw.random() < 0.02 else 1))
    tried = [0.08, 0.09, 0.1, 0.11, 0.12, 0.14, 0.2, 0.4, 0.65]
    runs = [[at <= bid for at in series] for bid in tried]
    return bid_availability(
        tried,
        [fmean(each) for each in runs],
        [fmean(p for p, on in zip(series, each, strict=True) if on) for each in runs],
        [sum(a and not b for a, b in pairwise(each)) / 60 for each in runs],
        on_demand=0.65,
        style=style,
    )[0]


def promise(style: Any) -> Any:
    """Our schedules, for a claim of 99 % and a target of 95 %."""
    return promise_schedules(style=style)[0]


def sla(style: Any) -> Any:
    """Sixty days of a machine that is down for two hours every other day or so."""
    first = datetime(2026, 7, 1, tzinfo=UTC)
    rate = OutageRate(per_day="0.5", length=timedelta(hours=2), announced="0.3")
    history = simulate_outages(Interval(first, first + 60 * DAY), rate, seed=4)
    tried = backtest(history, PerHour("3.50"), Promise("0.98"), target="0.95")
    return sla_backtest(tried, style=style)[0]


PICTURES: Final[dict[str, Callable[[Any], Any]]] = {
    "discount": discount,
    "timeline": timeline,
    "ladder": ladder,
    "heat": heat,
    "revenue": revenue,
    "bids": bids,
    "promise": promise,
    "sla": sla,
}


def main(target: Path = TARGET, kind: str = "svg", styles: Sequence[str] = STYLES) -> None:
    """Write every picture in each style."""
    target.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context({"svg.hashsalt": "numgenius", "svg.fonttype": "none"}):
        for name, draw in PICTURES.items():
            for style in styles:
                figure = draw(style).figure
                metadata = {"Date": None} if kind == "svg" else None
                figure.savefig(target / f"{name}-{style}.{kind}", metadata=metadata, dpi=110)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else TARGET, sys.argv[2] if sys.argv[2:] else "svg")
