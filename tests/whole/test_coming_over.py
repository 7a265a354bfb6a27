"""What somebody who comes from the marketplace's client is told to write runs as it stands."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from attrs import evolve

import numgenius_core
from numgenius_core import search
from numgenius_core.intervals import Interval
from numgenius_core.listing import Machine, Mode, PriceTerms
from numgenius_core.maintenance import MaintenanceWindow
from numgenius_core.market import Market, commands, execute, views
from numgenius_core.money import Money
from numgenius_core.rates import PerGpuHour, PerHour
from numgenius_core.wire.reading import sample_path

PAGE: Final = Path(__file__).parents[2] / "docs" / "coming-from-vastai.md"


def cells_of_python() -> list[str]:
    """Return what a reader who comes from the client is told to write instead."""
    page = PAGE.read_text("utf-8")
    cells = [line.split(" | ")[1] for line in page.splitlines() if line.startswith("| ")]
    told = [code for cell in cells for code in re.findall(r"`([^`]+)`", cell)]
    return [code for code in told if re.match(r"[\w.]+\.\w|read_offers", code) and "…" not in code]


def a_reader() -> dict[str, Any]:
    """Return what a reader has: a market on which ann rents on demand, and a bid of hers waits."""
    at = datetime(2026, 1, 1, tzinfo=UTC)
    end = at + timedelta(days=200)
    market = Market()
    rent = commands.Rent(by="ann", offer=8192, mode=Mode.ON_DEMAND)
    prices = PriceTerms(gpu=PerGpuHour(1))
    for command in (
        commands.AddMachine(machine=Machine(id=1001, host="hanna", gpu_name="A100", gpus=2)),
        commands.ListMachine(by="hanna", machine=1001, prices=prices, end=end),
        commands.AddCredit(account="ann", amount=Money(10_000)),
        evolve(rent, mode=Mode.INTERRUPTIBLE, bid=PerHour(1)),
        rent,
        commands.Prepay(by="ann", contract=3, amount=Money(100)),
    ):
        market, _ = execute(market, command, at)
    (waits,) = [each.id for each in views.instances_of(market, "ann") if each.bid is not None]
    return {
        **{name: getattr(numgenius_core, name) for name in numgenius_core.__all__},
        "do": commands,
        "views": views,
        "search": search,
        "Path": lambda _: sample_path(),
        "timedelta": timedelta,
        "market": market,
        "at": at,
        "end": end,
        "period": Interval(at, end),
        "host": "hanna",
        "client": "ann",
        "contract": waits,
        "offer": views.offers(market, at)[0],
        "offers": views.offers(market, at),
        "window": MaintenanceWindow(period=Interval(at, end)),
    }


class TestWhatIsTypedInsteadRuns:
    """Each cell of "coming from the vastai CLI" that has no ``…`` can be typed as it stands."""

    def test_every_cell(self) -> None:
        cells, reader = cells_of_python(), a_reader()
        for code in cells:
            try:
                eval(code, dict(reader))
            except Exception as fault:
                raise AssertionError(f"{code}: {fault}") from fault
        assert len(cells) > 40
