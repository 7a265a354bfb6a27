"""The picture of a machine: who holds which GPU when, maintenance, and the time left free."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

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
    points_of,
    width_of,
)
from numgenius_core.rates import PerGpuHour, PerHour

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PolyCollection

_ROW: Final = 0.8  # of the height of a GPU's row, the rest being air
_MODES: Final = {
    Mode.ON_DEMAND: ("on demand", 0, ""),
    Mode.RESERVED: ("reserved", 2, "//"),
    Mode.INTERRUPTIBLE: ("interruptible, at its bid\n($ per GPU-hour)", 1, ".."),
}
_FREE_TEST: Final = ("host's free test", 3, "\\\\")
_OF_BAND: Final = 0.94  # of a band's height, the rest being air
_EDGE: Final = 0.8  # points
_NARROW: Final = 4  # points: the edges of a bar as narrow would cover most of it
_LABEL_SIZE: Final = 8  # points


class _Bar(NamedTuple):
    """The bar of a contract: its ends in days, the levels of its GPUs' rows, and its height."""

    contract: Contract
    left: float
    right: float
    levels: list[float]
    height: float

    def corners(self) -> list[list[tuple[float, float]]]:
        """Return the corners of its rectangle in each row."""
        half, (left, right) = self.height / 2, (self.left, self.right)
        return [
            [(left, low), (right, low), (right, high), (left, high)]
            for low, high in ((level - half, level + half) for level in self.levels)
        ]


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
    it bids per GPU: of two that share a row the higher runs. A bar in which that has no room goes
    without. A thin line is time in which no contract is there for the GPU; an arrow is a contract
    without end.

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
    _draw_free(drawn, look, known, machine, within)
    bars = _bars(known, within)
    drawn_bars = _draw_bars(drawn, look, bars)
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
    legend_of(drawn, look, "beside")
    wide, high = points_of(drawn)  # now that the legend has taken its room
    for collection, its_bars in drawn_bars:
        widths = [wide * (bar.right - bar.left) for bar in its_bars for _ in bar.levels]
        collection.set_linewidth([_EDGE if each > _NARROW else 0 for each in widths])
    _write_labels(drawn, look, bars, wide, high)
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


def _bars(contracts: list[Contract], within: Interval) -> list[_Bar]:
    """Return the bar of each contract, as long as it holds its GPUs within a period."""
    bars = []
    for contract, band, bands in _bands(contracts):
        period = Interval(max(contract.start, within.start), min(_end(contract), within.end))
        left, right = _days(period)
        height = _ROW / bands
        middle = (band + 0.5) * height - _ROW / 2
        levels = [gpu + middle for gpu in contract.block.slots]
        bars.append(_Bar(contract, left, right, levels, height * _OF_BAND))
    return bars


def _draw_free(
    axes: Axes, look: Look, contracts: list[Contract], machine: Machine, within: Interval
) -> None:
    """Draw the time without a contract as thin lines, all of them at once."""
    from matplotlib.collections import LineCollection

    lines = [
        [(at, gpu) for at in _days(span)]
        for gpu in range(machine.gpus)
        for span in free_time([each for each in contracts if gpu in each.block.slots], within)
    ]
    free = LineCollection(lines, colors=look.faint, linewidths=2, label="free")
    axes.add_collection(free, autolim=False)


def _draw_bars(axes: Axes, look: Look, bars: list[_Bar]) -> list[tuple[PolyCollection, list[_Bar]]]:
    """Draw the bars of each mode at once, in the row of each GPU; return them with their bars."""
    from matplotlib.collections import PolyCollection

    kinds: dict[tuple[str, int, str], list[_Bar]] = {}
    for bar in bars:
        of = bar.contract
        kind = _FREE_TEST if of.is_free_test else _MODES[of.mode]
        kinds.setdefault(kind, []).append(bar)
    drawn = []
    for (name, colour, hatch), found in kinds.items():
        collection = PolyCollection(
            [corners for bar in found for corners in bar.corners()],
            facecolor=look.colours[colour],
            edgecolor=look.paper,
            hatch=hatch,
            linewidth=_EDGE,
            label=name,
        )
        axes.add_collection(collection, autolim=False)
        drawn.append((collection, found))
    return drawn


def _write_labels(axes: Axes, look: Look, bars: list[_Bar], wide: float, high: float) -> None:
    """Write the number of each contract in its bars, where there is room.

    Args:
        axes: Where the bars are.
        look: The colours.
        bars: The bars.
        wide: Points of a day on the paper.
        high: Points of a row.
    """
    for bar in bars:
        room = wide * (bar.right - bar.left)
        if room < _LABEL_SIZE or high * bar.height < _LABEL_SIZE:
            continue
        text = _label(bar.contract)
        if width_of(text, _LABEL_SIZE) > room:
            continue
        for level in bar.levels:
            axes.text(
                (bar.left + bar.right) / 2,
                level,
                text,
                ha="center",
                va="center",
                color=look.ink,
                fontsize=_LABEL_SIZE,
                clip_on=True,
                bbox={"facecolor": look.paper, "edgecolor": "none", "pad": 1.2},
                zorder=4,
                **AS_IT_IS,
            ).set_in_layout(False)  # it lies within the axes


def _label(contract: Contract) -> str:
    bid = "" if contract.bid is None else f": {_per_gpu(contract.bid, contract.block.size)}"
    return f"{contract.id}{bid}{' →' if contract.end is None else ''}"


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
