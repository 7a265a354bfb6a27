"""Pictures of the library's values, drawn with matplotlib (extra ``plot``).

Each function draws on the axes given, or on those of a new figure, and returns them:
``axes.figure.savefig("picture.svg")`` writes the file, and a notebook shows ``axes.figure``. The
figures belong to nobody's current state, so they work without a screen and leave no trace.

``style`` is ``light``, for print, or ``dark``. On axes given, it should be that of their figure.
Names and labels are written as they are: what stands between two ``$`` is no formula.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise
from math import isnan, nan
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from numgenius_core._checks import as_tuple, check_kind
from numgenius_core.errors import RuleViolation
from numgenius_core.ids import MachineId
from numgenius_core.offer import Offer
from numgenius_core.planning.bids import BidPlan
from numgenius_core.plots._style import (
    AS_IT_IS,
    Look,
    Number,
    ascending,
    by_factor,
    labels_of,
    legend_of,
    look_of,
    name_axes,
    number_of,
    numbers_of,
    panels,
    plain_numbers,
    shortened,
    width_of_all,
    write_columns,
    write_rows,
    written,
)
from numgenius_core.plots._sweeps import (
    alone,
    figure_of,
    is_sweep,
    level_of,
    scale_of,
    setting,
    settings_of,
    varied,
    wants_least,
    written_settings,
)
from numgenius_core.prices.quotes import Quote
from numgenius_core.prices.schedules import ReservedSchedule, discount_of, months_of
from numgenius_core.rates import PerHour
from numgenius_core.units import SECONDS_PER_MONTH, Exact

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from numgenius_core.whatif.sweeps import Measure, Sweep

_POINTS: Final = 120  # of a curve
_LONGEST_NAME: Final = 18
_MOST_MODELS: Final = 40  # of a ladder
_LONGEST_SETTING: Final = 24
_NAMED: Final = 3  # of equal best ones
_MOST_WRITTEN: Final = 150  # cells of a map that have their number
_LARGEST_MAP: Final = 9.0  # inches: of cells without numbers
_CELL: Final = (0.9, 0.5)  # inches
_LOWEST_LADDER: Final = 2.6  # inches: what the label of its axis and the legend need
_LOWEST_MAP: Final = 3.1  # inches: what the label of its colours needs
_FAR: Final = 20
_STEPS: Final = 64  # from a bid to the next, of a line that is bent on a scale of factors
_SPREAD: Final = (0, 1, -1, 2, -2)  # so offers of one price lie beside each other
_DARK_CELL: Final = 0.45  # of a colour's brightness: below, the number in it is white


def discount_curve(
    schedule: ReservedSchedule,
    price: PerHour,
    *,
    months: Exact = 12,
    axes: Sequence[Axes] | None = None,
    style: Literal["light", "dark"] = "light",
) -> tuple[Axes, Axes]:
    """Draw the reserved discount, and what prepaying costs, over the months prepaid.

    Args:
        schedule: The reserved discounts.
        price: The whole instance's GPU price on demand, dollars per hour.
        months: Longest time drawn, months of 720 hours.
        axes: Two to draw on, for the discount and for the deposit; by default those of a new
            figure.
        style: ``light`` (for print and light pages) or ``dark``.

    Raises:
        MissingExtra: matplotlib is not installed.
        RuleViolation: Months of zero.

    >>> from io import BytesIO
    >>> from numgenius_core import CurveSchedule, PerHour
    >>> from numgenius_core.plots import discount_curve
    >>> above, below = discount_curve(CurveSchedule("0.4"), PerHour("2.00"), months=6)
    >>> above.figure.savefig(BytesIO(), format="svg")  # or a file's name
    >>> below.get_ylabel()
    'deposit ($)'
    """
    check_kind(schedule, ReservedSchedule, "schedule")
    check_kind(price, PerHour, "price")
    longest = months_of(months)
    if not longest:
        raise RuleViolation("months", "a time above zero", "0")
    above, below = panels(axes, 2, style, (6.4, 5.2))
    look = look_of(style)
    times = [longest * point / _POINTS for point in range(_POINTS + 1)]
    at = [float(time) for time in times]
    discounts = [100 * float(discount_of(schedule, time)) for time in times]
    deposits = [number_of(schedule.deposit(price, time), "deposit") for time in times]
    month = number_of(price.charge(SECONDS_PER_MONTH), "price")
    above.plot(at, discounts, color=look.colours[0], linewidth=2, label="discount")
    above.set(ylim=(0, None), xlim=(0, at[-1]))
    name_axes(above, y="discount (% of the GPU price)")
    below.plot(at, deposits, color=look.colours[0], linewidth=2, label="deposit")
    below.plot(
        at,
        [month * time for time in at],
        color=look.colours[1],
        linestyle="--",
        label="the same time on demand",
    )
    below.set(ylim=(0, None))
    name_axes(below, x="time prepaid (months of 720 hours)", y="deposit ($)")
    plain_numbers(below.yaxis)
    legend_of(below, look, "above")
    return above, below


def price_ladder(
    offers: Iterable[Offer | Quote],
    *,
    axes: Axes | None = None,
    style: Literal["light", "dark"] = "light",
) -> Axes:
    """Draw the offers of a market by their price per GPU-hour, a row for each GPU model.

    Offers are drawn by what their GPUs cost on demand, quotes by what the stay costs all in, in
    their mode and with their disk.

    The models are in order of their median price, which a bar marks: that of their GPUs, a machine
    counted once by its largest offer, as :func:`numgenius_core.frames.model_prices` counts them. Of
    more than 40 models those with the most offers are drawn, and the label says how many are left
    out. An offer whose price is not known is not drawn. A full circle can be rented on demand now,
    an empty one cannot.

    Args:
        offers: The offers of a market or quotes of them, at least one.
        axes: Where to draw; by default those of a new figure.
        style: ``light`` (for print and light pages) or ``dark``.

    Raises:
        MissingExtra: matplotlib is not installed.
        RuleViolation: No offer.

    >>> from numgenius_core import Offer, PerGpuHour, PriceTerms
    >>> from numgenius_core.plots import price_ladder
    >>> offers = [
    ...     Offer(
    ...         id=number, machine=number, gpu_name=name, gpus=1,
    ...         prices=PriceTerms(gpu=PerGpuHour(price)),
    ...     )
    ...     for number, (name, price) in enumerate([("A100", "1.20"), ("L4", "0.30")])
    ... ]
    >>> [label.get_text() for label in price_ladder(offers).get_yticklabels()]
    ['L4 (1)', 'A100 (1)']
    """
    given = as_tuple(offers, "offers")
    models: dict[str, list[tuple[float, bool]]] = {}
    machines: dict[str, dict[MachineId, tuple[int, float]]] = {}
    for index, each in enumerate(given):
        if isinstance(each, Quote):
            offer, price = each.offer, float(each.per_hour()) / each.offer.gpus
        else:
            check_kind(each, Offer, f"offers[{index}]")
            offer, price = each, number_of(each.prices.gpu, "price")
            if "gpu" in each.unknown_prices:
                continue
        models.setdefault(offer.gpu_name, []).append((price, offer.rentable))
        largest = machines.setdefault(offer.gpu_name, {})
        gpus, lowest = largest.get(offer.machine, (0, 0.0))
        if (offer.gpus, -price) > (gpus, -lowest):  # of two of all its GPUs the cheaper one
            largest[offer.machine] = offer.gpus, price
    if not models:
        raise RuleViolation("offers", "at least one offer with a known price", "none")
    medians = {model: _median_gpu(known.values()) for model, known in machines.items()}
    most = sorted(models, key=lambda model: (-len(models[model]), medians[model], model))
    rows = sorted(most[:_MOST_MODELS], key=lambda model: (medians[model], model))
    short = shortened(rows, _LONGEST_NAME)
    counts = [len(models[model]) for model in rows]
    names = [f"{name} ({count})" for name, count in zip(short, counts, strict=True)]
    wide = max(5.5 + width_of_all(names), 7.0)
    (drawn,) = panels(axes, 1, style, (wide, max(1.3 + 0.42 * len(rows), _LOWEST_LADDER)))
    look = look_of(style)
    for row, model in enumerate(rows):
        _draw_row(drawn, look, row, models[model])
        ends = row - 0.4, row + 0.4
        drawn.vlines(medians[model], *ends, color=look.colours[1], linewidth=2.5)
    counted = "median GPU, each machine once"
    drawn.plot([], [], color=look.colours[1], linewidth=2.5, label=counted)
    all_in = ", all in" if all(isinstance(each, Quote) for each in given) else ""
    left_out = len(models) - len(rows)
    more = f"; {left_out:,} with fewer offers left out" if left_out else ""
    name_axes(drawn, x=f"price{all_in} ($ per GPU-hour)", y=f"GPU model (offers){more}")
    drawn.set_yticks(range(len(rows)), names, **AS_IT_IS)
    drawn.set(ylim=(-0.6, len(rows) - 0.4))
    if min(price for model in rows for price, _ in models[model]) > 0:
        by_factor(drawn)  # models differ by a factor, not by a sum
    legend_of(drawn, look, "above")
    return drawn


def _draw_row(axes: Axes, look: Look, row: int, offers: list[tuple[float, bool]]) -> None:
    """Draw the offers of a GPU model, by price and whether they are rentable."""
    by_price = sorted(offers)
    for full, face, label in (
        (True, look.colours[0], "rentable now"),
        (False, "none", "not rentable now"),
    ):
        found = [
            (price, row + 0.12 * _SPREAD[index % len(_SPREAD)])
            for index, (price, each) in enumerate(by_price)
            if each is full
        ]
        if found:
            axes.scatter(
                [price for price, _ in found],
                [level for _, level in found],
                s=28,
                facecolors=face,
                edgecolors=look.colours[0],
                linewidths=0.9,
                label=label,
            )


def _median_gpu(machines: Iterable[tuple[int, float]]) -> float:
    """Return the price of the GPU in the middle, of machines with their GPUs and the price."""
    by_price = sorted(machines, key=lambda one: one[1])
    middle = (sum(gpus for gpus, _ in by_price) + 1) // 2
    below = accumulate(gpus for gpus, _ in by_price)
    return next(
        price for (_, price), so_far in zip(by_price, below, strict=True) if so_far >= middle
    )


def sweep_heat_map(
    values: Sweep | Sequence[Sequence[Number | None]],
    *,
    rows: Sequence[object] | None = None,
    columns: Sequence[object] | None = None,
    row_label: str | None = None,
    column_label: str | None = None,
    value_label: str | None = None,
    measure: Measure = "profit",
    best: bool = True,
    axes: Axes | None = None,
    style: Literal["light", "dark"] = "light",
) -> Axes:
    """Draw what comes out for each pair of two settings, as numbers on coloured cells.

    Of more than 150 cells the colours say it, and the numbers are left out.

    Args:
        values: A :class:`numgenius_core.whatif.Sweep` over two things, which has all the rest; or a
            row for each of ``rows``, a number for each of ``columns``; ``None`` is unknown, and
            hatched.
        rows: The settings of the rows, as they are to be written; of numbers as many digits are
            written as tell them apart, three at least.
        columns: The settings of the columns, likewise.
        row_label: What the rows are, with its unit; by default what was varied in a sweep.
        column_label: What the columns are, with its unit.
        value_label: What the numbers are, with their unit; by default the figure of a sweep, with
            the time that was simulated.
        measure: Of a sweep, the figure drawn, as for :meth:`numgenius_core.whatif.Sweep.grid`;
            shares are in per cent.
        best: Whether the largest number gets a frame, or the smallest where less is better, such as
            of ``unserved``; where all are equal, none does.
        axes: Where to draw; by default those of a new figure.
        style: ``light`` (for print and light pages) or ``dark``.

    Raises:
        MissingExtra: matplotlib is not installed.
        WrongType: Rows or columns beside a sweep, or neither.
        RuleViolation: Values that are not one for each row and column, or none known; a sweep over
            more or fewer than two things.

    >>> from numgenius_core.plots import sweep_heat_map
    >>> axes = sweep_heat_map(
    ...     [[110, 125], [95, None]], rows=[1, 2], columns=["1.00", "1.20"],
    ...     row_label="min_gpu", column_label="price ($)", value_label="profit ($)",
    ... )
    >>> [text.get_text() for text in axes.texts]
    ['110', '125', '95.0']
    """
    least = False
    if is_sweep(values):
        alone("values", rows=rows, columns=columns)
        down, across = varied(values, "values", 2)
        row_label, column_label = row_label or setting(down), column_label or setting(across)
        value_label = value_label or figure_of(values, measure)
        least, scale = wants_least(measure), scale_of(measure)
        *settings, means = values.grid(down, across, measure)
        rows, columns = written_settings(values, down, across, *settings)
        values = [[scale * mean for mean in row] for row in means]
    names = as_tuple(cast("Iterable[object]", rows), "rows")
    heads = as_tuple(cast("Iterable[object]", columns), "columns")
    cells = _cells(values, len(names), len(heads))
    known = [number for row in cells for number in row if number is not None]
    if not known:
        raise RuleViolation("values", "at least one number", "none")
    down_names = shortened(labels_of(names), _LONGEST_SETTING)
    across_names = shortened(labels_of(heads), _LONGEST_SETTING)
    writes = len(names) * len(heads) <= _MOST_WRITTEN
    (drawn,) = panels(axes, 1, style, _size_of_map(down_names, across_names))
    look = look_of(style)
    low, high = min(known), max(known)
    drawn.grid(visible=False)
    grid = [[float("nan") if number is None else number for number in row] for row in cells]
    image = drawn.imshow(grid, cmap=look.map, vmin=low, vmax=high, aspect="auto")
    for i, row in enumerate(cells):
        for j, number in enumerate(row):
            if number is None:
                _frame(drawn, (j, i), edgecolor=look.ink, hatch="//", linewidth=0)
            elif writes:
                colour = image.cmap((number - low) / ((high - low) or 1))
                _write_cell(drawn, (j, i), number, colour)
            if best and low < high and number == (low if least else high):
                # Of a cell at the edge half of the frame lies outside.
                best_of: dict[str, Any] = {"clip_on": False, "zorder": 3}
                _frame(drawn, (j, i), edgecolor="#000000", linewidth=5, gid="best", **best_of)
                _frame(drawn, (j, i), edgecolor="#ffffff", linewidth=2, **best_of)
    name_axes(drawn, x=column_label, y=row_label)
    bar = drawn.figure.colorbar(image, ax=drawn)
    equal = ", all equal" if low == high and len(known) > 1 else ""
    bar.set_label(written(f"{value_label or ''}{equal}"), color=look.ink, **AS_IT_IS)
    bar.ax.tick_params(colors=look.ink)
    bar.outline.set_edgecolor(look.ink)
    plain_numbers(bar.ax.yaxis)
    write_rows(drawn, down_names)
    write_columns(drawn, across_names)
    return drawn


def _size_of_map(rows: list[str], columns: list[str]) -> tuple[float, float]:
    """Return how large a new map is, in inches: with room for its labels, and for its numbers."""
    wide, high = _CELL[0] * len(columns), _CELL[1] * len(rows)
    if len(rows) * len(columns) > _MOST_WRITTEN:
        wide, high = min(wide, _LARGEST_MAP), min(high, _LARGEST_MAP)
    beside, below = width_of_all(rows), width_of_all(columns)
    tilted = below if below > wide / len(columns) else 0
    return 2.1 + beside + wide, max(1.6 + high, _LOWEST_MAP) + tilted


def _write_cell(axes: Axes, cell: tuple[int, int], number: float, colour: Sequence[float]) -> None:
    """Write the number of a cell so that it can be read on its colour."""
    ink = "#000000" if sum(colour[:3]) / 3 > _DARK_CELL else "#ffffff"
    text = _short_number(number)
    axes.text(*cell, text, ha="center", va="center", color=ink, fontsize=9, **AS_IT_IS)


def _frame(axes: Axes, cell: tuple[int, int], **drawn: Any) -> None:
    from matplotlib.patches import Rectangle

    column, row = cell
    axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor="none", **drawn))


def revenue_curve(
    prices: Sweep | Sequence[Number],
    means: Sequence[Number] | None = None,
    intervals: Sequence[tuple[Number, Number]] | None = None,
    *,
    measure: Measure = "profit",
    price_label: str | None = None,
    value_label: str | None = None,
    interval_label: str | None = None,
    axes: Axes | None = None,
    style: Literal["light", "dark"] = "light",
) -> Axes:
    """Draw a mean against a price, with its interval, and mark where it is largest.

    Each price is a point: what one between two of them gives nobody computed, and where a rival's
    price or a client's limit lies between, it may be far from the line that would join them. Of a
    sweep over something else that is a number the points are where it is, in ascending order; of
    what is no number, such as ``end`` or ``mix``, they stand in the order of the sweep. Where less
    is better, such as of ``unserved``, the smallest mean is marked; where all are equal, none is.

    Args:
        prices: A :class:`numgenius_core.whatif.Sweep` over one thing, which has the other two; or
            prices in ascending order.
        means: The mean at each price.
        intervals: Low and high end of the interval around each mean, if known.
        measure: Of a sweep, the figure drawn, as for :meth:`numgenius_core.whatif.Sweep.curve`;
            shares are in per cent.
        price_label: What the prices are, with their unit; by default what was varied in a sweep,
            else ``price ($ per GPU-hour)``.
        value_label: What the means are, with their unit; by default the figure of a sweep, with the
            time that was simulated, else ``mean ($)``.
        interval_label: What the intervals are; by default ``95 % interval`` of a sweep, else
            ``interval``.
        axes: Where to draw; by default those of a new figure.
        style: ``light`` (for print and light pages) or ``dark``.

    Raises:
        MissingExtra: matplotlib is not installed.
        WrongType: No numbers, or numbers beside a sweep.
        RuleViolation: Prices out of order, not one mean or interval a price, a mean outside its
            interval, or a sweep over something else too.

    >>> from numgenius_core.plots import revenue_curve
    >>> axes = revenue_curve([1, 2, 3], [80, 120, 90], [(70, 90), (110, 130), (85, 95)])
    >>> [line.get_label() for line in axes.get_lines() if "largest" in line.get_label()]
    ['largest mean, at 2']
    """
    least, names = False, list[str]()
    if is_sweep(prices):
        alone("prices", means=means, intervals=intervals)
        (name,) = varied(prices, "prices", 1)
        settings = settings_of(prices, name)
        scale, least = scale_of(measure), wants_least(measure)
        estimates = [prices.estimate(one, measure) for _, one in settings]
        means = [scale * each.mean for each in estimates]
        if all(each.half_width is not None for each in estimates):
            intervals = [(scale * each.low, scale * each.high) for each in estimates]
        value_label = figure_of(prices, measure) if value_label is None else value_label
        price_label = setting(name) if price_label is None else price_label
        interval_label = level_of(estimates[0]) if interval_label is None else interval_label
        if isinstance(settings[0][0], str):
            names = [str(text) for text, _ in settings]
            at = [float(place) for place in range(len(names))]
        else:
            at = numbers_of([value for value, _ in settings], name)
    else:
        at = ascending(prices, "prices")
    middle = numbers_of(means, "means", len(at))
    band = None if intervals is None else _band(intervals, middle)
    (drawn,) = panels(axes, 1, style, (6.4, 4.0))
    look = look_of(style)
    if band is not None:
        label = "interval" if interval_label is None else interval_label
        _draw_intervals(drawn, look, at, middle, band, label)
    differ = min(middle) < max(middle)
    label = "mean" if differ or len(middle) == 1 else "mean, the same at all"
    drawn.plot(at, middle, color=look.colours[0], marker="o", linestyle="none", label=label)
    if differ:
        _mark(drawn, look, at, middle, names, least=least)
    name_axes(
        drawn,
        x="price ($ per GPU-hour)" if price_label is None else price_label,
        y="mean ($)" if value_label is None else value_label,
    )
    plain_numbers(drawn.yaxis)
    legend_of(drawn, look, "above")
    if names:
        drawn.set(xlim=(-0.5, len(names) - 0.5))
        write_columns(drawn, shortened(names, _LONGEST_SETTING))
    return drawn


def _draw_intervals(
    axes: Axes,
    look: Look,
    at: list[float],
    means: list[float],
    band: tuple[list[float], list[float]],
    label: str,
) -> None:
    """Draw the interval of each mean as a bar with ends."""
    low, high = band
    down = [mean - least for mean, least in zip(means, low, strict=True)]
    up = [most - mean for mean, most in zip(means, high, strict=True)]
    axes.errorbar(
        at,
        means,
        yerr=(down, up),
        fmt="none",
        ecolor=look.colours[0],
        elinewidth=1.5,
        capsize=4,
        label=label,
    )


def _mark(
    axes: Axes, look: Look, at: list[float], means: list[float], names: list[str], *, least: bool
) -> None:
    """Mark the best of some means, all of those that are equal."""
    best = min(means) if least else max(means)
    places = [place for place, mean in enumerate(means) if mean == best]
    where = shortened(names, _LONGEST_SETTING) if names else labels_of(at)
    said = [where[place] for place in places[:_NAMED]]
    more = [f"{len(places) - _NAMED} more"] if len(places) > _NAMED else []
    axes.plot(
        [at[place] for place in places],
        [best for _ in places],
        color=look.colours[1],
        marker="D",
        markersize=8,
        linestyle="none",
        label=f"{'smallest' if least else 'largest'} mean, at {' and '.join([*said, *more])}",
    )


def bid_availability(
    bids: BidPlan | Sequence[Number],
    availability: Sequence[Number] | None = None,
    mean_price: Sequence[Number | None] | None = None,
    interruptions: Sequence[Number] | None = None,
    *,
    on_demand: Number | None = None,
    axes: Sequence[Axes] | None = None,
    style: Literal["light", "dark"] = "light",
) -> tuple[Axes, Axes, Axes]:
    """Draw what each bid gets: how often it runs, what it pays, how often it is interrupted.

    Each bid is a point: what one between two of them gets nobody computed, but for what it pays,
    which is itself.

    Args:
        bids: What :func:`numgenius_core.planning.compare_bids` gives, which has the other three; or
            bids in ascending order, dollars per hour.
        availability: Share of the time that each bid runs, 0 to 1.
        mean_price: The mean price recorded while it runs, dollars per hour; ``None`` for a bid that
            never ran, which leaves a gap. A winner pays its own bid, which is drawn beside it; this
            it would pay only where winners pay the price.
        interruptions: How often it is interrupted, per day.
        on_demand: The on-demand price, dollars per hour, marked if given.
        axes: Three to draw on, for the availability, the prices and the interruptions; by default
            those of a new figure.
        style: ``light`` (for print and light pages) or ``dark``.

    Raises:
        MissingExtra: matplotlib is not installed.
        WrongType: No numbers, or numbers beside a plan.
        RuleViolation: Bids out of order, not one number a bid, or a share outside 0 to 1.

    >>> from numgenius_core.plots import bid_availability
    >>> shares, prices, pauses = bid_availability(
    ...     bids=[0.3, 0.4], availability=[0.25, 1], mean_price=[0.2, 0.31], interruptions=[6, 0]
    ... )
    >>> shares.get_ylabel(), pauses.get_xlabel()
    ('available (% of time)', 'bid ($/hour)')
    """
    if isinstance(bids, BidPlan):
        alone("bids", availability=availability, mean_price=mean_price, interruptions=interruptions)
        outcomes = sorted({one.bid: one for one in bids.bids}.values(), key=lambda one: one.bid)
        bids = [one.bid for one in outcomes]
        availability = [one.availability for one in outcomes]
        mean_price = [one.mean_price for one in outcomes]
        interruptions = [one.per_day for one in outcomes]
    at = ascending(bids, "bids")
    shares = numbers_of(availability, "availability", len(at))
    for index, share in enumerate(shares):
        if not 0 <= share <= 1:
            raise RuleViolation(f"availability[{index}]", "a share from 0 to 1", str(share))
    paid = [bid if share else nan for bid, share in zip(at, shares, strict=True)]
    recorded = _with_gaps(mean_price, len(at))
    counts = numbers_of(interruptions, "interruptions", len(at))
    list_price = None if on_demand is None else number_of(on_demand, "on_demand")
    first, second, third = panels(axes, 3, style, (6.4, 6.8))
    look = look_of(style)
    for drawn, values, index, marker, label in (
        (first, [100 * share for share in shares], 0, "o", None),
        (second, paid, 1, "s", "paid: the bid itself"),
        (second, recorded, 3, "D", "recorded price, on average"),
        (third, counts, 2, "^", None),
    ):
        # A point at an edge is whole, too.
        drawn.plot(at, values, marker, color=look.colours[index], label=label, clip_on=False)
    every = _every_bid([bid for bid in paid if not isnan(bid)])
    second.plot(every, every, color=look.colours[1], linewidth=1)
    for drawn, label, lists in (
        (first, "available (% of time)", ([100],)),
        (second, "while it runs ($/hour)", (paid, recorded)),
        (third, "interruptions (per day)", (counts,)),
    ):
        most = max([value for values in lists for value in values if not isnan(value)], default=0)
        drawn.set(ylim=(0, 105 if drawn is first else most * 1.1 or 1))
        name_axes(drawn, y=label)
        if list_price is not None:
            drawn.axvline(list_price, color=look.ink, linestyle=":", label="on-demand price")
    if list_price is not None:
        legend_of(first, look, "above")
    legend_of(second, look, "above")
    if at[-1] > _FAR * at[0] > 0:  # one dear bid would press all others to the edge
        for drawn in (first, second, third):
            by_factor(drawn)
    name_axes(third, x="bid ($/hour)")
    return first, second, third


def _every_bid(paid: list[float]) -> list[float]:
    """Return bids from the lowest that runs to the highest, enough to be a curve on any scale."""
    steps = range(_STEPS)
    between = [a + (b - a) * step / _STEPS for a, b in pairwise(paid) for step in steps]
    return [*between, *paid[-1:]]


def _with_gaps(prices: object, count: int) -> list[float]:
    """Return a price for each bid; one that never ran has none, and a gap is drawn."""
    given: tuple[object, ...] = as_tuple(cast("Iterable[object]", prices), "mean_price")
    if len(given) != count:
        raise RuleViolation("mean_price", f"{count} numbers", str(len(given)))
    return [
        nan if each is None else number_of(each, f"mean_price[{index}]")
        for index, each in enumerate(given)
    ]


def _cells(values: object, rows: int, columns: int) -> list[list[float | None]]:
    lines: tuple[Any, ...] = as_tuple(cast("Iterable[object]", values), "values")
    if len(lines) != rows or not columns:
        raise RuleViolation("values", f"{rows} rows of {columns} values", str(len(lines)))
    cells = []
    for index, line in enumerate(lines):
        row = as_tuple(line, f"values[{index}]")
        if len(row) != columns:
            raise RuleViolation(f"values[{index}]", f"{columns} values", str(len(row)))
        cells.append(
            [
                None if each is None else number_of(each, f"values[{index}][{column}]")
                for column, each in enumerate(row)
            ]
        )
    return cells


def _band(intervals: object, middle: list[float]) -> tuple[list[float], list[float]]:
    pairs = as_tuple(cast("Iterable[object]", intervals), "intervals")
    if len(pairs) != len(middle):
        raise RuleViolation("intervals", f"{len(middle)} of them", str(len(pairs)))
    low, high = [], []
    for index, (pair, mean) in enumerate(zip(pairs, middle, strict=True)):
        a, b = numbers_of(pair, f"intervals[{index}]", 2)
        if not a <= mean <= b:
            raise RuleViolation(f"intervals[{index}]", f"ends around {mean}", f"{a} to {b}")
        low.append(a)
        high.append(b)
    return low, high


def _short_number(number: float) -> str:
    """Return a number as short as it can be told: 1,234 or 12.3 or 0.12."""
    size = abs(number)
    return f"{number:,.0f}" if size >= 100 else f"{number:.1f}" if size >= 10 else f"{number:.2f}"
