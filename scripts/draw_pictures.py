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
from itertools import pairwise
from pathlib import Path
from statistics import fmean, stdev
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


def heat(style: Any) -> Any:
    """The discount of the curve, by factor and months."""
    factors, months = ("0.1", "0.2", "0.3", "0.4", "0.5"), (1, 2, 3, 6, 12)
    return sweep_heat_map(
        [[100 * CurveSchedule(factor).discount(time) for time in months] for factor in factors],
        rows=factors,
        columns=months,
        row_label="discount factor (of 1)",
        column_label="time prepaid (months of 720 hours)",
        value_label="discount (% of the GPU price)",
        style=style,
    )


def revenue(style: Any) -> Any:
    """Eight GPUs, twelve clients a month who pay up to what the GPU is worth to them."""
    prices = [round(0.2 + 0.1 * step, 1) for step in range(10)]
    means, intervals = [], []
    for price in prices:
        draw = random.Random(7)  # the same clients at each price
        months = [
            720 * price * min(8, sum(draw.gauss(0.7, 0.3) >= price for _ in range(12)))
            for _ in range(40)
        ]
        half = 1.96 * stdev(months) / len(months) ** 0.5
        means.append(fmean(months))
        intervals.append((means[-1] - half, means[-1] + half))
    return revenue_curve(
        prices,
        means,
        intervals,
        value_label="revenue ($ a month)",
        interval_label="95 % interval",
        style=style,
    )


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
