"""What a GPU costs on a market, in numbers that a change of composition cannot fake.

Rule (ours): a machine counts once, by the price of its largest offer and its GPUs, however many
offers it is cut into. Its GPUs are those that a column tells (``gpus_in_machine``); where none
does, those of its largest offer, which are fewer while a part of it is rented. A model's price is
weighted by GPUs. To compare two days, either the models are weighted by a
*fixed basket*, or only the *matched* machines are compared, those that both days show with the same
model and the same GPUs:

    index = Σ GPUs · price then / Σ GPUs · price before

so machines that come, go or change leave it as it is, and it is 1 when no machine's price changed.
Links of such indices multiply to a chain. A chain *drifts*: prices of a machine that leaves and
comes back are compared in one link and not in the other, so it may end below or above 1 though the
last snapshot is the first one again. Each link therefore says the index against the first snapshot
as well; that one knows nothing of machines that are new.

The engine counts GPUs per model and price; what remains is small, and is worked out exactly in
Python integers: means are fractions, and the median is a price that exists: the least one at which
half of the GPUs cost no more.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from itertools import accumulate, groupby, pairwise
from operator import mul
from typing import Any, Final

import narwhals.stable.v2 as nw
from attrs import evolve, frozen

from numgenius_core._checks import as_tuple, check_kind, utc
from numgenius_core._numbers import round_half_even, whole_number
from numgenius_core._tables import Results
from numgenius_core._tables.result import ResultTable
from numgenius_core.errors import RuleViolation, WrongType, shown
from numgenius_core.frames._exact import INT64, ExactFrame
from numgenius_core.frames._kinds import GPUS, PRICE
from numgenius_core.frames._reading import Input, Reading, names_of, plain
from numgenius_core.frames.columns import ColumnNames, Columns, as_column, columns_of
from numgenius_core.intervals import from_epoch
from numgenius_core.rates import PerGpuHour
from numgenius_core.search.names import did_you_mean, meant_of

_GPUS: Final = "__numgenius_gpus"
_PRICE: Final = "__numgenius_price"
_MOST: Final = "__numgenius_most"
_SIZE: Final = "__numgenius_size"
_WHOLE: Final = "__numgenius_whole"
_LATER: Final = "__numgenius_later"
_PIECE: Final = 10**9


@frozen(kw_only=True)
class ModelPrice:
    """What the GPUs of a model cost on demand on a market, dollars per GPU-hour.

    Attributes:
        model: Name of the GPU.
        machines: How many machines have it.
        gpus: How many GPUs these machines have; of one whose size no column tells, how many its
            largest offer has.
        mean: Mean price, weighted by GPUs, rounded half-even once.
        median: The least price at which half of the GPUs cost no more.
        lowest: Price of the cheapest machine.
        highest: Price of the dearest machine.
    """

    model: str
    machines: int
    gpus: int
    mean: PerGpuHour
    median: PerGpuHour
    lowest: PerGpuHour
    highest: PerGpuHour


class ModelPrices(Results[ModelPrice]):
    """The models of a market, as :func:`model_prices` returns them."""

    __slots__ = ()

    def table(self) -> ResultTable:
        """Return a row for each model: its machines and GPUs, and what one costs an hour."""
        rows = [
            (
                each.model,
                f"{each.machines:,}",
                f"{each.gpus:,}",
                *(f"{p:.4f}" for p in (each.lowest, each.median, each.mean, each.highest)),
            )
            for each in self
        ]
        head = ("model", "machines", "GPUs", "lowest $/h", "median $/h", "mean $/h", "highest $/h")
        return ResultTable(title="", head=head, rows=tuple(rows))


def model_prices(
    frame: Any,
    *,
    model: str = "gpu_name",
    machine: str = "machine_id",
    columns: ColumnNames | None = None,
) -> ModelPrices:
    """Return the price of each model on a market, in order of the models' names.

    A machine counts once, by its largest offer, however many offers it is cut into, and weighs as
    many GPUs as ``gpus_in_machine`` tells that it has. Without that column (a search shows only
    what is free) it weighs as many as its largest offer has. A row without a price, a machine or a
    model (null) counts nowhere. What comes is a tuple of models, which
    prints as a table and has ``to_dicts``.

    Args:
        frame: Offers, a row each.
        model: Column of the GPU's name.
        machine: Column of the machine's id.
        columns: The names of the other columns; ``gpus``, ``price`` and, where it is there,
            ``machine_gpus`` are used.

    Raises:
        WrongType: A column that holds no numbers.
        RuleViolation: A missing column, or values out of range.

    >>> import pyarrow as pa
    >>> from numgenius_core.frames import model_prices
    >>> offers = pa.table({
    ...     "machine_id": [7, 7, 8], "gpu_name": ["A100"] * 3,
    ...     "num_gpus": [1, 3, 1], "dph_base": [1.0, 3.0, 2.0],
    ... })
    >>> (price,) = model_prices(offers)  # three GPUs at $1, one at $2
    >>> print(price.gpus, price.mean, price.median)
    4 1.25 1.00
    """
    machines = _machines(frame, model, machine, columns)
    counted = machines.group_by(model, _PRICE).agg(
        nw.col(_GPUS).sum().alias(_GPUS), nw.len().alias(_MOST)
    )
    # A market of a million rows has nearly as many prices: the engine sorts them, and each model is
    # a slice of its columns, so that no row of them becomes an object.
    ordered = _eager(counted).sort(model, _PRICE)
    names = ordered[model].to_list()
    # DuckDB sums whole numbers to what comes as decimals.
    prices, gpus, counts = (
        list(map(int, ordered[name].to_list())) for name in (_PRICE, _GPUS, _MOST)
    )
    found, begin = [], 0
    for name, group in groupby(names):
        end = begin + sum(1 for _ in group)
        of_it = slice(begin, end)
        found.append(_model_price(str(name), prices[of_it], gpus[of_it], counts[of_it]))
        begin = end
    return ModelPrices(sorted(found, key=lambda price: price.model))


def _model_price(
    model: str, prices: Sequence[int], gpus: Sequence[int], counts: Sequence[int]
) -> ModelPrice:
    """Return what a model costs, of its prices in ascending order."""
    below = list(accumulate(gpus))
    total = below[-1]
    median = prices[bisect_left(below, (total + 1) // 2)]
    mean = round_half_even(sum(map(mul, prices, gpus)), total)
    return ModelPrice(
        model=model,
        machines=sum(counts),
        gpus=total,
        mean=PerGpuHour.from_steps(mean),
        median=PerGpuHour.from_steps(median),
        lowest=PerGpuHour.from_steps(prices[0]),
        highest=PerGpuHour.from_steps(prices[-1]),
    )


def basket_price(
    prices: Iterable[ModelPrice], basket: Mapping[str, int], *, mean: bool = False
) -> PerGpuHour:
    """Return the price of a GPU in a fixed basket of models, rounded half-even once.

    Args:
        prices: The models of a market, as :func:`~numgenius_core.frames.model_prices` gives them.
        basket: GPUs of each model, named in any case; the same basket for every market that is
            compared.
        mean: Whether each model counts by its mean instead of its median.

    Raises:
        RuleViolation: An empty basket, or a model that the market does not have: a basket that
            shrinks where a model is missing would change its composition.

    >>> import pyarrow as pa
    >>> from numgenius_core.frames import basket_price, model_prices
    >>> offers = pa.table({
    ...     "machine_id": [7, 8], "gpu_name": ["A100", "L4"],
    ...     "num_gpus": [1, 1], "dph_base": [1.00, 0.40],
    ... })
    >>> print(basket_price(model_prices(offers), {"A100": 1, "L4": 3}))
    0.55
    """
    market = as_tuple(prices, "prices")
    for index, price in enumerate(market):
        check_kind(price, ModelPrice, f"prices[{index}]")
    check_kind(basket, Mapping, "basket")
    known = {price.model: price.mean if mean else price.median for price in market}
    weights = {m: whole_number(n, f"basket[{m!r}]") for m, n in basket.items()}
    if not sum(weights.values()):
        raise RuleViolation("basket", "at least one GPU", shown(dict(basket)))
    total = sum(known[_model(name, known)].steps * count for name, count in weights.items())
    return PerGpuHour.from_steps(round_half_even(total, sum(weights.values())))


def _model(name: str, known: Collection[str]) -> str:
    """Return the model of a market that a basket names, in any case."""
    meant = name if name in known else meant_of(name, known)
    if meant is None:
        need, got = "a model that the market has", f"none of it{did_you_mean(name, known)}"
        raise RuleViolation(f"basket[{name!r}]", need, got)
    return meant


@frozen(kw_only=True)
class IndexLink:
    """How prices moved between two snapshots of a market, on the machines that both show.

    Attributes:
        index: The price now as a multiple of the price before, exact; 1 is unchanged.
        level: The product of this and all earlier links. It covers machines that are new since
            the first snapshot, and drifts as machines come and go while prices move.
        direct: The price now as a multiple of that of the *first* snapshot, on the machines that
            these two show; ``None`` if they share none with a price. It never drifts, and misses
            machines that are new. ``level`` and ``direct`` far apart are the sign of a drift, or of
            new machines whose prices move otherwise.
        machines: Machines that both snapshots have, with the same model and GPUs.
        gpus: GPUs of these machines.
        entered: GPUs of the other machines of the later snapshot: new ones, and those that have
            another model or another number of GPUs than before. Where no column tells a machine's
            size, one whose largest offer was rented meanwhile is among them.
        left: GPUs of the other machines of the earlier one, changed ones among them.
        at: When the later snapshot was taken, if the caller said so.
    """

    index: Fraction
    level: Fraction
    direct: Fraction | None
    machines: int
    gpus: int
    entered: int
    left: int
    at: datetime | None = None


class PriceChain(Results[IndexLink]):
    """The links of a chain, as :func:`price_chain` returns them."""

    __slots__ = ()

    def table(self) -> ResultTable:
        """Return a row for each link: the index, its level, that against the first, and GPUs."""
        rows = [
            (
                str(number) if link.at is None else str(link.at),
                *("" if f is None else _decimals(f) for f in (link.index, link.level, link.direct)),
                *(f"{n:,}" for n in (link.machines, link.gpus, link.entered, link.left)),
            )
            for number, link in enumerate(self, 1)
        ]
        head = ("link", "index", "level", "direct", "machines", "GPUs", "entered", "left")
        return ResultTable(title="", head=head, rows=tuple(rows))


def _decimals(index: Fraction) -> str:
    """Return an index with four decimals, rounded half-even."""
    return f"{Decimal(round_half_even(index.numerator * 10_000, index.denominator)).scaleb(-4):.4f}"


def matched_index(
    before: Any,
    after: Any,
    *,
    model: str = "gpu_name",
    machine: str = "machine_id",
    columns: ColumnNames | None = None,
) -> IndexLink:
    """Return how prices moved between two snapshots, on the machines that both show.

    A machine is the same if it has the same model and as many GPUs: those that
    ``gpus_in_machine`` tells, without that column those of its largest offer.

    Args:
        before: Offers of the earlier snapshot, a row each.
        after: Offers of the later snapshot, on the same engine.
        model: Column of the GPU's name.
        machine: Column of the machine's id.
        columns: The names of the other columns; ``gpus``, ``price`` and, where it is there,
            ``machine_gpus`` are used.

    Raises:
        WrongType: A column that holds no numbers, or frames of two engines.
        RuleViolation: A missing column, values out of range, or no machine with a price that both
            snapshots show.

    >>> import pyarrow as pa
    >>> from numgenius_core.frames import matched_index
    >>> names = ("machine_id", "gpu_name", "num_gpus", "dph_base")
    >>> monday = pa.table([[7, 8], ["A100", "A100"], [1, 1], [1.00, 2.00]], names)
    >>> friday = pa.table([[7, 9], ["A100", "A100"], [1, 4], [1.10, 0.80]], names)
    >>> link = matched_index(monday, friday)  # only machine 7 is on both days
    >>> link.index, link.entered, link.left
    (Fraction(11, 10), 4, 1)
    """
    old = _machines(before, model, machine, columns)
    return _matched(old, _machines(after, model, machine, columns), [machine, model, _GPUS])


def _matched(old: Any, new: Any, keys: list[str]) -> IndexLink:
    """Return how prices moved between two snapshots, each with a row for each machine."""
    machines, gpus, was, now = _weighed(_joined(old, new, keys))
    if not was:
        raise RuleViolation("after", "a machine that both snapshots show, with a price", "none")
    index = Fraction(now, was)
    return IndexLink(
        index=index,
        level=index,
        direct=index,
        machines=machines,
        gpus=gpus,
        entered=_gpus_of(new) - gpus,
        left=_gpus_of(old) - gpus,
    )


def _direct(first: Any, new: Any, keys: list[str]) -> Fraction | None:
    """Return the price as a multiple of that of the first snapshot, on the machines of both."""
    _, _, was, now = _weighed(_joined(first, new, keys))
    return Fraction(now, was) if was else None


def _joined(old: Any, new: Any, keys: list[str]) -> Any:
    """Return the machines that two snapshots show, with both prices."""
    if old.implementation is not new.implementation or type(old) is not type(new):
        kinds = f"{old.implementation.name} and {new.implementation.name}"
        raise WrongType("after", "a frame of the same kind as the earlier one", kinds)
    try:
        return old.join(new.rename({_PRICE: _LATER}), on=keys, how="inner")
    except Exception as fault:  # noqa: BLE001 - each engine has its own
        need = "a frame on the same connection or session as the earlier one"
        raise WrongType("after", need, shown(str(fault))) from None


def price_chain(
    snapshots: Iterable[Any],
    *,
    instants: Iterable[datetime | int] | None = None,
    model: str = "gpu_name",
    machine: str = "machine_id",
    columns: ColumnNames | None = None,
) -> PriceChain:
    """Return the links between snapshots in order of time; their levels are the chained index.

    A chain covers machines that are new, and drifts: where a machine leaves while prices move and
    comes back, the level keeps what moved in one link and not in the other, and does not come back.
    Many links with noise in their prices and machines drift far. Each link's ``direct`` compares
    with the first snapshot alone: look at both. What comes is a tuple of links, which prints as a
    table and has ``to_dicts``.

    Args:
        snapshots: Offers of each snapshot, in order of time, all on one engine.
        instants: When each was taken, to be told as ``at`` of the links; ascending. Whole seconds
            since 1970 are taken, too, as the column ``at`` of a series of snapshots has them.
        model: Column of the GPU's name.
        machine: Column of the machine's id.
        columns: The names of the other columns; ``gpus``, ``price`` and, where it is there,
            ``machine_gpus`` are used.

    Raises:
        WrongType: A column that holds no numbers, or frames of two engines.
        RuleViolation: What :func:`~numgenius_core.frames.matched_index` refuses of a pair; the
            error names the snapshot, of a pair the later one. Instants that do not ascend, or not
            as many as snapshots.

    >>> import pyarrow as pa
    >>> from numgenius_core.frames import price_chain
    >>> names = ("machine_id", "gpu_name", "num_gpus", "dph_base")
    >>> days = [pa.table([[7], ["A100"], [1], [price]], names) for price in (1.0, 1.1, 1.32)]
    >>> [str(link.level) for link in price_chain(days)]
    ['11/10', '33/25']
    """
    given = as_tuple(snapshots, "snapshots")
    times = _instants(instants, len(given))
    links: list[IndexLink] = []
    level, keys = Fraction(1), [machine, model, _GPUS]
    first = old = None
    for index, snapshot in enumerate(given):
        try:
            new = _machines(snapshot, model, machine, columns)
            if old is None:
                first = new
            else:
                link = _matched(old, new, keys)
                level *= link.index
                direct = link.direct if old is first else _direct(first, new, keys)
                links.append(evolve(link, level=level, direct=direct, at=times[index]))
        except RuleViolation as fault:
            raise fault.at(f"snapshots[{index}]") from None
        old = new
    return PriceChain(links)


def _instants(
    instants: Iterable[datetime | int] | None, count: int
) -> tuple[datetime, ...] | tuple[None, ...]:
    """Return when each snapshot was taken, checked; nothing for each if that is not said."""
    if instants is None:
        return (None,) * count
    given = enumerate(as_tuple(instants, "instants"))
    times = tuple(_instant(at, f"instants[{i}]") for i, at in given)
    if len(times) != count:
        raise RuleViolation("instants", f"one for each of {count} snapshots", f"{len(times)}")
    for index, (one, other) in enumerate(pairwise(times), 1):
        if other <= one:
            raise RuleViolation(f"instants[{index}]", f"a time after {one}", str(other))
    return times


def _instant(at: object, path: str) -> datetime:
    if isinstance(at, datetime):
        return utc(at, path)
    try:
        return from_epoch(whole_number(at, path), path)
    except WrongType:
        need = "a datetime with a time zone, or whole seconds since 1970"
        raise WrongType(path, need, shown(at)) from None


def _machines(frame: Any, model: str, machine: str, columns: ColumnNames | None) -> Any:
    """Return a row for each machine and model: its GPUs and the price of one of them."""
    exact = ExactFrame(frame)
    names = columns_of(columns, exact.columns)
    inputs = {
        "gpus": Input(path="gpus", kind=GPUS, source=names.gpus),
        "price": Input(path="price", kind=PRICE, source=names.price, each="gpus"),
    }
    size = as_column(names.machine_gpus, "machine_gpus")
    if size.name in exact.columns or names.machine_gpus != Columns().machine_gpus:
        inputs["size"] = Input(path="machine_gpus", kind=GPUS, source=size)
    exact.require({"model": model, "machine": machine, **names_of(inputs)})
    read = Reading(exact, inputs)
    one, _ = exact.divide(read["price"], read["gpus"])
    told = {_GPUS: read["gpus"], _PRICE: one, _SIZE: read["size" if "size" in inputs else "gpus"]}
    known = nw.from_native(exact.finish(told, only=(machine, model)))
    for name in (machine, model, _GPUS, _PRICE):
        known = known.filter(~nw.col(name).is_null())
    largest = known.group_by(machine, model).agg(
        nw.col(_GPUS).max().alias(_MOST), nw.col(_SIZE).max().alias(_WHOLE)
    )
    whole = known.join(largest, on=[machine, model], how="inner")
    whole = whole.filter(nw.col(_GPUS) == nw.col(_MOST))
    # What is not told, or less than the machine shows, is no size.
    told_size = nw.when(nw.col(_WHOLE) > nw.col(_MOST)).then(nw.col(_WHOLE))
    whole = whole.select(machine, model, _PRICE, told_size.otherwise(nw.col(_MOST)).alias(_GPUS))
    # Two offers of all its GPUs are two looks at one machine: it costs the lower price.
    return whole.group_by(machine, model, _GPUS).agg(nw.col(_PRICE).min())


def _weighed(both: Any) -> tuple[int, int, int, int]:
    """Return machines, GPUs, and Σ GPUs · price before and after, summed in pieces."""
    pieces = {}
    for name in (_PRICE, _LATER):
        high = nw.col(name) // _PIECE
        pieces[f"{name}_high"] = high
        pieces[f"{name}_low"] = nw.col(name) - high * _PIECE
    kept = both.with_columns(**pieces)
    sums = {name: (nw.col(name) * nw.col(_GPUS)).sum() for name in pieces}
    (row,) = _rows(kept.select(n=nw.len(), g=nw.col(_GPUS).sum(), m=nw.col(_GPUS).max(), **sums))
    machines, gpus, most, *parts = (int(plain(cell) or 0) for cell in row)
    if machines * most * _PIECE > INT64:
        need = f"machines × GPUs up to {INT64 // _PIECE:,}"
        raise RuleViolation("after", need, f"{machines * most:,}")
    return machines, gpus, parts[0] * _PIECE + parts[1], parts[2] * _PIECE + parts[3]


def _gpus_of(machines: Any) -> int:
    ((total,),) = _rows(machines.select(g=nw.col(_GPUS).sum()))
    return int(plain(total) or 0)


def _rows(frame: Any) -> list[tuple[Any, ...]]:
    return [tuple(plain(cell) for cell in row) for row in _eager(frame).iter_rows()]


def _eager(frame: Any) -> Any:
    return frame.collect() if isinstance(frame, nw.LazyFrame) else frame
