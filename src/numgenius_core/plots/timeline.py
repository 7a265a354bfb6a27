"""The picture of a machine: who holds which GPU when, maintenance, and the time left free."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Literal

from numgenius_core._checks import as_tuple, check_kind
from numgenius_core.contracts.contract import Contract, check_contracts
from numgenius_core.errors import RuleViolation
from numgenius_core.intervals import Interval
from numgenius_core.listing import Machine, Mode
from numgenius_core.maintenance.schedule import MaintenanceWindow
from numgenius_core.maintenance.windows import free_time
from numgenius_core.plots._style import (
    AS_IT_IS,
    Look,
    labels_of,
    legend_of,
    look_of,
    name_axes,
    panels,
)
from numgenius_core.rates import PerGpuHour, PerHour

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ROW: Final = 0.8  # of the height of a GPU's row, the rest being air
_MODES: Final = {
    Mode.ON_DEMAND: ("on demand", 0, ""),
    Mode.RESERVED: ("reserved", 2, "//"),
    Mode.INTERRUPTIBLE: ("interruptible, at its bid\n($ per GPU-hour)", 1, ".."),
}
_FREE_TEST: Final = ("host's free test", 3, "\\\\")


def machine_timeline(
    machine: Machine,
    contracts: Iterable[Contract],
    within: Interval,
    *,
    windows: Iterable[MaintenanceWindow | Interval] = (),
    axes: Axes | None = None,
    style: Literal["light", "dark"] = "light",
) -> Axes:
    """Draw who holds which GPU when, the maintenance windows, and the free time.

    Contracts that hold the same GPU at the same time, as bids and a host's free test may, share its
    row, each from its start to its end as agreed. A bar has the contract's number, and a bid's what
    it bids per GPU: of two that share a row the higher runs. A thin line is time in which no
    contract is there for the GPU; an arrow is a contract without end.

    Args:
        machine: The machine whose GPUs are the rows.
        contracts: The machine's contracts; those outside of the period are left out.
        within: The period that is drawn.
        windows: When the machine is down for maintenance.
        axes: Where to draw; by default those of a new figure.
        style: ``light`` (for print and light pages) or ``dark``.

    Raises:
        MissingExtra: matplotlib is not installed.
        RuleViolation: A contract of another machine, or on GPUs that the machine does not have.

    >>> from datetime import UTC, datetime, timedelta
    >>> from numgenius_core import Block, Interval, Listing, Machine, PerGpuHour, PriceTerms, agree
    >>> from numgenius_core.plots import machine_timeline
    >>> monday = datetime(2026, 1, 5, tzinfo=UTC)
    >>> machine = Machine(id=7, host="hanna", gpu_name="A100", gpus=4)
    >>> listing = Listing(machine=machine, prices=PriceTerms(gpu=PerGpuHour("2.00")))
    >>> contract = agree(listing, Block(start=0, size=2), id=1, client="ann", at=monday)
    >>> week = Interval(monday, monday + timedelta(days=7))
    >>> axes = machine_timeline(machine, [contract], week)
    >>> [text.get_text() for text in axes.texts]  # on both of its GPUs, and without end
    ['1 →', '1 →']
    """
    check_kind(machine, Machine, "machine")
    check_kind(within, Interval, "within")
    known = _of_machine(contracts, machine, within)
    down = _periods(windows)
    (drawn,) = panels(axes, 1, style, (8.0, 1.6 + 0.45 * machine.gpus))
    look = look_of(style)
    for gpu in range(machine.gpus):
        for span in free_time([each for each in known if gpu in each.block.slots], within):
            drawn.plot(_days(span), [gpu, gpu], color=look.faint, linewidth=2)
    for contract, band, bands in _bands(known):
        _draw_contract(drawn, look, contract, within, band, bands)
    for period in down:
        drawn.axvspan(
            *_days(period),
            facecolor="none",
            edgecolor=look.ink,
            hatch="xx",
            linewidth=1.2,
            label="maintenance",
            zorder=3,
        )
    drawn.set(
        xlim=_days(within),
        ylim=(machine.gpus - 0.5, -0.5),
        yticks=range(machine.gpus),
    )
    name_axes(drawn, x="time (UTC)", y="GPU (slot)")
    _time_axis(drawn)
    drawn.grid(visible=False, axis="y")
    drawn.plot([], [], color=look.faint, linewidth=2, label="free")
    legend_of(drawn, look, "beside")
    return drawn


def _of_machine(
    contracts: Iterable[Contract], machine: Machine, within: Interval
) -> list[Contract]:
    """Return the contracts in force within a period, in order of their start."""
    known = []
    for index, contract in enumerate(check_contracts(contracts, machine.id)):
        if contract.block.end > machine.gpus:
            need = f"GPUs among the machine's {machine.gpus}"
            raise RuleViolation(
                f"contracts[{index}]", need, f"slots up to {contract.block.end - 1}"
            )
        if contract.start < within.end and (contract.end is None or contract.end > within.start):
            known.append(contract)
    return sorted(known, key=lambda each: (each.start, each.id))


def _periods(windows: Iterable[MaintenanceWindow | Interval]) -> list[Interval]:
    periods = []
    for index, each in enumerate(as_tuple(windows, "windows")):
        period = each.period if isinstance(each, MaintenanceWindow) else each
        check_kind(period, Interval, f"windows[{index}]")
        periods.append(period)
    return periods


def _bands(contracts: list[Contract]) -> Iterator[tuple[Contract, int, int]]:
    """Yield each contract with its band and the number of bands that its row needs.

    Each takes the lowest band that no earlier contract it meets has.
    """
    bands: list[int] = []
    most: list[int] = []  # the highest band of those that each contract meets, its own among them
    holding: list[int] = []  # those that have not ended when the next one begins
    for index, each in enumerate(contracts):
        holding = [i for i in holding if _end(contracts[i]) > each.start]
        met = [i for i in holding if contracts[i].block.overlaps(each.block)]
        taken = {bands[i] for i in met}
        band = next(band for band in range(len(met) + 1) if band not in taken)
        for i in met:
            most[i] = max(most[i], band)
        bands.append(band)
        most.append(max(band, *taken, 0))
        holding.append(index)
    for each, band, highest in zip(contracts, bands, most, strict=True):
        yield each, band, highest + 1


def _end(contract: Contract) -> datetime:
    return contract.end or datetime.max.replace(tzinfo=UTC)


def _draw_contract(
    axes: Axes, look: Look, contract: Contract, within: Interval, band: int, bands: int
) -> None:
    """Draw a bar in the row of each GPU of a contract, with its number."""
    name, colour, hatch = _FREE_TEST if contract.is_free_test else _MODES[contract.mode]
    first, last = _days(
        Interval(max(contract.start, within.start), min(_end(contract), within.end))
    )
    height = _ROW / bands
    shift = (band + 0.5) * height - _ROW / 2
    levels = [gpu + shift for gpu in contract.block.slots]
    axes.barh(
        levels,
        last - first,
        left=first,
        height=height * 0.94,
        facecolor=look.colours[colour],
        edgecolor=look.paper,
        hatch=hatch,
        linewidth=0.8,
        label=name,
    )
    bid = "" if contract.bid is None else f": {_per_gpu(contract.bid, contract.block.size)}"
    arrow = " →" if contract.end is None else ""
    for level in levels:
        axes.text(
            (first + last) / 2,
            level,
            f"{contract.id}{bid}{arrow}",
            ha="center",
            va="center",
            color=look.ink,
            fontsize=8,
            clip_on=True,
            bbox={"facecolor": look.paper, "edgecolor": "none", "pad": 1.2},
            zorder=4,
            **AS_IT_IS,
        )


def _per_gpu(bid: PerHour, gpus: int) -> str:
    """Return what bids are compared by, as a text of few digits."""
    (text,) = labels_of([PerGpuHour.from_steps(bid.steps // gpus)])
    return text


def _days(period: Interval) -> tuple[float, float]:
    """Return the ends of a period as matplotlib counts time."""
    from matplotlib.dates import date2num

    return float(date2num(period.start)), float(date2num(period.end))


def _time_axis(axes: Axes) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(tz=UTC)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=UTC))
