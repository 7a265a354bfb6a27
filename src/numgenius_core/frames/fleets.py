"""Fleets as dataframes: offers of machines, who runs on them, and how much of them is held.

Rule: :func:`numgenius_core.gpus.blocks` cuts machines into offers, an offer of n of T GPUs having
n / T of the disk; :func:`numgenius_core.bids.resolve` says who runs. A contract holds its GPUs from
its start to its end, half-open.

How each is done. There are few ways to cut a machine, so the cuts are made once, by the scalar
rule, and joined to the machines. Who runs is decided claim by claim from the highest priority down,
so no fixed number of column expressions can decide it: the claims of an eager frame are resolved by
the scalar rule, and a lazy frame is refused.

Our readings: a machine with a null number of GPUs or ``min_gpu`` has no offers. A machine with a
contract whose GPUs or start are null has no known occupancy; a null end is never.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import Any, Final

import narwhals.stable.v2 as nw

from numgenius_core._checks import as_tuple, check_kind
from numgenius_core._terms import DEFAULT_SPREAD, NO_FLOOR
from numgenius_core.bids.priority import Claim, Rank, resolve_fleet
from numgenius_core.errors import RuleViolation, WrongType, shown
from numgenius_core.frames._exact import INT64, STEPS_PER_NANO, ExactFrame, Number, column
from numgenius_core.frames._joining import join
from numgenius_core.frames._kinds import DISK, GPUS, INSTANT, NUMBER, PRICE, Kind
from numgenius_core.frames._names import NativeT, as_frame, check_name, refuse_taken
from numgenius_core.frames._reading import Input, Reading, names_of, plain
from numgenius_core.frames._series import series_columns
from numgenius_core.frames.columns import Named, as_column
from numgenius_core.gpus import slicing
from numgenius_core.ids import ContractId, MachineId
from numgenius_core.intervals import Interval, to_epoch
from numgenius_core.listing import Mode
from numgenius_core.offer import Block, Offer
from numgenius_core.planning.market_series import MarketSeries
from numgenius_core.prices.quotes import about, discount_of, told_number
from numgenius_core.prices.ranking import disk_of
from numgenius_core.rates import PerGpuHour, PerHour

_RANKS: Final = {
    **{rank.value: rank for rank in Rank},
    Mode.RESERVED.value: Rank.ON_DEMAND,
    Mode.INTERRUPTIBLE.value: Rank.BID,
}
_HELD: Final = "__numgenius_held"
_UNKNOWN: Final = "__numgenius_unknown"
_CLAIM: Final = "__numgenius_claim_"
_KEYS: Final = ("__numgenius_gpus", "__numgenius_min_gpu")


def offer_columns(offers: Iterable[Offer] | MarketSeries) -> dict[str, list[Any]]:
    """Return offers as columns for any dataframe, under the names of the search API.

    Prices are whole pico-dollars, so that nothing is lost, and their names say so:
    ``dph_base_pico`` and so on (:data:`~numgenius_core.frames.PICO_COLUMNS`).
    :func:`~numgenius_core.frames.quote` and the others find them by these names. One that is not
    known is ``None``.

    A series of snapshots has a row for each snapshot, machine, model and size, in order of time:
    ``at`` is Unix seconds, and the others are named and meant as those of offers, so what prices
    offers prices those of each ``at``. Where a row can be rented, ``spell`` is the number of its
    free spell in ``series.spells()``, whose ``began_after``, ``ended_by`` (Unix seconds) and
    ``rented`` stand beside it (:class:`~numgenius_core.planning.FreeSpell`).

    Args:
        offers: Offers, or a :class:`~numgenius_core.planning.MarketSeries`.

    Returns:
        A list for each column, one entry for each offer, in the order given.

    Raises:
        WrongType: Something that is no ``Offer``.

    >>> import pyarrow as pa
    >>> from numgenius_core import Offer, PerGpuHour, PriceTerms
    >>> from numgenius_core.frames import offer_columns
    >>> prices = PriceTerms(gpu=PerGpuHour("0.50"))
    >>> columns = offer_columns([Offer(id=1, machine=7, gpu_name="A100", gpus=2, prices=prices)])
    >>> pa.table(columns).select(["num_gpus", "dph_base_pico"]).to_pylist()
    [{'num_gpus': 2, 'dph_base_pico': 1000000000000}]
    """
    if isinstance(offers, MarketSeries):
        return series_columns(offers)
    known = as_tuple(offers, "offers")
    for index, offer in enumerate(known):
        check_kind(offer, Offer, f"offers[{index}]")
    return {name: [read(offer) for offer in known] for name, read in _OFFER_COLUMNS.items()}


def _price(name: str, *, whole: bool = False) -> Any:
    """Return what reads a price in pico-dollars, of the whole offer or not; null is not known."""

    def read(offer: Offer) -> int | None:
        if name in offer.unknown_prices:
            return None
        steps: int = getattr(offer.prices, name).steps
        return steps * offer.gpus if whole else steps

    return read


def _max_discount(offer: Offer) -> float | None:
    most = discount_of(offer)
    return None if most is None else float(most)


_OFFER_COLUMNS: Final[dict[str, Any]] = {
    "id": lambda o: o.id,
    "machine_id": lambda o: o.machine,
    "gpu_name": lambda o: o.gpu_name,
    "num_gpus": lambda o: o.gpus,
    "gpus_in_machine": lambda o: o.gpus_in_machine,
    "dph_base_pico": _price("gpu", whole=True),
    "storage_cost_pico": _price("storage"),
    "inet_up_cost_pico": _price("upload"),
    "inet_down_cost_pico": _price("download"),
    "min_bid_pico": _price("min_bid", whole=True),
    "credit_discount_max": _max_discount,
    "verification": lambda o: o.verification.value,
    # Floats in every row, so that a market without promises has columns of numbers too.
    "sla_r_claim": lambda o: 0.0 if o.promise is None else float(o.promise.claim),
    "sla_sigma_x": lambda o: float(DEFAULT_SPREAD if o.promise is None else o.promise.spread),
    "rentable": lambda o: o.rentable,
    "disk_space": lambda o: None if disk_of(o) is None else float(o.disk_gb),
    "end_date": lambda o: None if o.ends_at is None else to_epoch(o.ends_at),
    "reliability": lambda o: told_number(o, "reliability"),
    "geolocation": lambda o: about(o)["geolocation"],
}


def slices(
    frame: NativeT,
    *,
    gpus: Named = "num_gpus",
    min_gpu: Named = "min_gpu",
    price: Named | None = None,
    disk: Named | None = None,
    powers_only: bool = False,
    observed: bool = False,
    prefix: str = "offer_",
) -> NativeT:
    """Return a row for each offer of each machine, with the machine's columns.

    A machine whose number of GPUs or ``min_gpu`` is null has no offers, so no row. In memory
    they come in the order of the machines, and of the offers of each as
    :func:`numgenius_core.gpus.blocks` has them; a lazy frame promises no order.

    Args:
        frame: Machines, a row each.
        gpus: Column of the number of GPUs of the machine.
        min_gpu: Column of the smallest group for rent.
        price: Column of the price of one GPU, dollars per hour; adds ``price``, nano-dollars per
            hour for the whole offer.
        disk: Column of the disk that is available, GB; adds ``disk_mb``, whole MB, floored.
        powers_only: As for :func:`numgenius_core.gpus.blocks`.
        observed: As for :func:`numgenius_core.gpus.blocks`.
        prefix: What the names of the results begin with: ``gpus``, ``start``, ``price`` and
            ``disk_mb``.

    Raises:
        WrongType: A column that holds no numbers, or an engine that tables cannot be made for.
        RuleViolation: A machine that cannot be cut so, or values out of range.

    >>> import pyarrow as pa
    >>> from numgenius_core.frames import slices
    >>> machines = pa.table({"machine_id": [7], "num_gpus": [4], "min_gpu": [2]})
    >>> for row in slices(machines).to_pylist():
    ...     print(row["offer_gpus"], row["offer_start"])
    2 0
    2 2
    4 0
    """
    check_kind(prefix, str, "prefix")
    exact = ExactFrame(frame)
    names = [prefix + name for name in ("gpus", "start", "price", "disk_mb")]
    refuse_taken(names, exact.columns)
    inputs = {
        "gpus": Input(path="gpus", kind=GPUS, source=as_column(gpus, "gpus")),
        "min_gpu": Input(path="min_gpu", kind=GPUS, source=as_column(min_gpu, "min_gpu")),
    }
    if price is not None:
        inputs["price"] = Input(path="price", kind=PRICE, source=as_column(price, "price"))
    if disk is not None:
        inputs["disk"] = Input(path="disk", kind=DISK, source=as_column(disk, "disk"))
    read = Reading(exact, inputs)
    if price is not None and read.high("price") * read.high("gpus") > INT64:
        raise RuleViolation(
            "price", f"dearest price × most GPUs up to {INT64:,} pico-dollars", "more"
        )
    keyed = nw.from_native(exact.finish({f"__numgenius_{k}": v for k, v in read.values.items()}))
    cuts = _cuts(keyed, powers_only, observed, names[0], names[1])
    joined = join(keyed, table_like(keyed, cuts), list(_KEYS), "inner")
    cut: NativeT = _priced(
        joined.to_native(), exact.columns, names, price is not None, disk is not None
    )
    return cut


def _cuts(
    keyed: Any, powers_only: bool, observed: bool, size: str, start: str
) -> dict[str, list[int]]:
    """Return the blocks of each kind of machine in the frame."""
    kinds = keyed.select(*_KEYS).unique()
    kinds = kinds.collect() if isinstance(kinds, nw.LazyFrame) else kinds
    rows: list[tuple[int, int, int, int]] = []
    for cells in kinds.iter_rows():
        gpus, min_gpu = (plain(cell) for cell in cells)
        if gpus is None or min_gpu is None:
            continue
        blocks = slicing.blocks(int(gpus), int(min_gpu), powers_only=powers_only, observed=observed)
        rows += [(int(gpus), int(min_gpu), block.size, block.start) for block in blocks]
    columns = zip(*rows, strict=True) if rows else ((), (), (), ())
    return {name: list(cells) for name, cells in zip((*_KEYS, size, start), columns, strict=True)}


def _priced(
    native: Any, columns: tuple[str, ...], names: list[str], price: bool, disk: bool
) -> Any:
    """Return the machine's columns, the block, and the offer's part of price and disk."""
    exact = ExactFrame(native, ours=True)
    size = Number(nw.col(names[0]))
    results: dict[str, Any] = {names[0]: size, names[1]: Number(nw.col(names[1]))}
    if price:
        whole = exact.keep(Number(nw.col("__numgenius_price")) * size)
        results[names[2]] = exact.half_even(*exact.divide(whole, STEPS_PER_NANO), STEPS_PER_NANO)
    if disk:
        part = exact.keep(Number(nw.col("__numgenius_disk")) * size)
        results[names[3]] = exact.divide(part, Number(nw.col(_KEYS[0])))[0]
    return exact.finish(results, only=columns)


def table_like(frame: Any, data: dict[str, list[int]]) -> Any:
    """Return a small table of whole numbers on the engine of a frame.

    Raises:
        WrongType: An engine for which this library cannot make one.
    """
    kind, native = frame.implementation, frame.to_native()
    schema = dict.fromkeys(data, nw.Int64)
    if kind.is_duckdb():
        values = [f"({', '.join(map(str, row))})" for row in zip(*data.values(), strict=True)]
        names = ", ".join(f'"{name}"' for name in data)
        select = f"SELECT * FROM (VALUES {', '.join(values)}) AS t({names})"
        if not values:
            select = "SELECT " + ", ".join(f'0 AS "{name}"' for name in data) + " WHERE false"
        casts = ", ".join(f'"{name}"::BIGINT AS "{name}"' for name in data)
        return nw.from_native(native.query("_", f"SELECT {casts} FROM ({select})"))
    if kind.is_pyspark():
        rows = list(zip(*data.values(), strict=True))
        types = ", ".join(f"`{name}` bigint" for name in data)
        return nw.from_native(native.sparkSession.createDataFrame(rows, types))
    if kind.is_dask():
        dask: Any = import_module("dask.dataframe")
        table = nw.from_dict(data, schema, backend="pandas").to_native()
        return nw.from_native(dask.from_pandas(table, npartitions=1))
    if not (kind.is_polars() or kind.is_pandas_like() or kind.is_pyarrow()):
        raise WrongType("frame", "pandas, Polars, PyArrow, DuckDB, Dask or PySpark", str(kind))
    made = nw.from_dict(data, schema, backend=kind)
    return made.lazy() if isinstance(frame, nw.LazyFrame) else made


def occupancy(
    frame: NativeT,
    period: Interval,
    *,
    machine: str = "machine_id",
    gpus: Named = "num_gpus",
    start: Named = "start_date",
    end: Named = "end_date",
) -> NativeT:
    """Return the GPU-seconds that contracts held on each machine within a period.

    Args:
        frame: Contracts, a row each: those that hold GPUs. Interruptibles and a host's free tests
            hold none.
        period: The time that is looked at.
        machine: Column of the machine's id.
        gpus: Column of the number of GPUs held.
        start: Column of the start, seconds since 1970.
        end: Column of the end, seconds since 1970; null is never.

    Returns:
        A frame with the columns ``machine`` and ``gpu_seconds`` (int64; an hour has 3,600).

    Raises:
        WrongType: A column that holds no numbers.
        RuleViolation: Values out of range, or a sum beyond int64.

    >>> from datetime import UTC, datetime
    >>> import pyarrow as pa
    >>> from numgenius_core import Interval
    >>> from numgenius_core.frames import occupancy
    >>> contracts = pa.table({
    ...     "machine_id": [7, 7], "num_gpus": [2, 1],
    ...     "start_date": [0, 3_600], "end_date": pa.array([3_600, None], pa.int64()),
    ... })
    >>> day = Interval(datetime(1970, 1, 1, tzinfo=UTC), datetime(1970, 1, 2, tzinfo=UTC))
    >>> occupancy(contracts, day).to_pylist()  # 2 GPUs for an hour, then one for 23 hours
    [{'machine_id': 7, 'gpu_seconds': 90000}]
    """
    if not isinstance(period, Interval):
        raise WrongType("period", "an Interval", shown(period))
    exact = ExactFrame(frame)
    inputs = {
        "gpus": Input(path="gpus", kind=GPUS, source=as_column(gpus, "gpus")),
        "start": Input(path="start", kind=INSTANT, source=as_column(start, "start")),
        "end": Input(path="end", kind=INSTANT, source=as_column(end, "end")),
    }
    exact.require({"machine": machine, **names_of(inputs)})
    read = Reading(exact, inputs)
    first, last = int(to_epoch(period.start)), int(to_epoch(period.end))
    since, until = column(read["start"]), column(read["end"])
    since = exact.keep((since > first).choose(since, 0 * since + first))
    until = exact.keep((until < last).choose(until, last))
    held = exact.keep((until - since) * read["gpus"])
    _check_sum(exact, read.high("gpus") * (last - first))
    unknown = held.apply(lambda e: e.is_null()).as_int()
    results = {_HELD: (held > 0).choose(held, 0 * held), _UNKNOWN: unknown}
    grouped = nw.from_native(exact.finish(results, only=(machine,))).group_by(machine)
    sums = grouped.agg(nw.col(_HELD).sum(), nw.col(_UNKNOWN).sum())
    total = nw.when(nw.col(_UNKNOWN) == 0).then(nw.col(_HELD).cast(nw.Int64))
    sold: NativeT = sums.select(machine, gpu_seconds=total).to_native()
    return sold


def _check_sum(exact: ExactFrame, largest: int) -> None:
    count = exact.frame.select(n=nw.len())
    rows = int((count.collect() if isinstance(count, nw.LazyFrame) else count).row(0)[0])
    if largest * rows > INT64:
        need = f"GPUs × seconds × contracts up to {INT64:,}"
        raise RuleViolation("frame", need, f"{largest * rows:,}")


def resolve(
    frame: NativeT,
    *,
    machine: str = "machine_id",
    start: str = "start",
    size: str = "num_gpus",
    rank: str = "rank",
    bid: Named = "bid",
    arrival: str = "arrival",
    floor: PerGpuHour | Named = NO_FLOOR,
    result: str = "runs",
) -> NativeT:
    """Return an eager frame of claims with a column that says which of them run.

    Args:
        frame: Claims, a row each; in memory.
        machine: Column of the machine's id, whole numbers.
        start: Column of the first slot.
        size: Column of the number of GPUs.
        rank: Column of text: ``on-demand``, ``reserved``, ``bid`` or ``interruptible``, or
            ``default job``.
        bid: Column of bids, dollars per hour for the whole instance; null for other ranks.
        arrival: Column of the order of arrival, unique on a machine.
        floor: The host's lowest bid, dollars per GPU-hour: one for all, or a column that has one
            value for each machine.
        result: Name of the new column of truth values.

    Raises:
        WrongType: A lazy frame, or a column of text where numbers are needed or the reverse.
        RuleViolation: What :func:`numgenius_core.bids.resolve` refuses, or a null.

    >>> import polars as pl
    >>> from numgenius_core.frames import resolve
    >>> claims = pl.DataFrame({
    ...     "machine_id": [7, 7], "start": [0, 0], "num_gpus": [2, 1],
    ...     "rank": ["bid", "bid"], "bid": [0.30, 0.25], "arrival": [0, 1],
    ... })
    >>> resolve(claims)["runs"].to_list()  # 25 cents for one GPU are more than 30 for two
    [False, True]
    """
    check_name(result, "result")
    given = as_frame(frame)
    if not isinstance(given, nw.DataFrame):
        need = "claims in memory (collect() them): who runs is decided claim by claim"
        raise WrongType("frame", need, f"a lazy frame of {given.implementation.name}")
    exact = ExactFrame(frame)
    refuse_taken([result], exact.columns, "result")
    whole = {"machine": machine, "start": start, "size": size, "arrival": arrival}
    kinds: dict[str, Kind] = {"size": GPUS}
    inputs = {
        name: Input(path=name, kind=kinds.get(name, NUMBER), source=as_column(source, name))
        for name, source in whole.items()
    }
    inputs["bid"] = Input(path="bid", kind=PRICE, source=as_column(bid, "bid"))
    if not isinstance(floor, PerGpuHour):
        inputs["floor"] = Input(path="floor", kind=PRICE, source=as_column(floor, "floor"))
    exact.require({**names_of(inputs), "rank": rank})
    read = Reading(exact, inputs)
    ready = nw.from_native(exact.finish({f"{_CLAIM}{k}": v for k, v in read.values.items()}))
    cells = {name: [plain(x) for x in ready[f"{_CLAIM}{name}"].to_list()] for name in inputs}
    cells["rank"] = [plain(x) for x in ready[rank].to_list()]
    runs = _running(cells, floor if isinstance(floor, PerGpuHour) else None)
    answer = nw.new_series(result, runs, nw.Boolean, backend=given.implementation)
    if given.implementation.is_pandas_like():
        answer = nw.maybe_set_index(answer, index=nw.maybe_get_index(given))
    resolved: NativeT = given.with_columns(answer).to_native()
    return resolved


def _running(cells: dict[str, list[Any]], floor: PerGpuHour | None) -> list[bool]:
    """Return which claims run, by the scalar rule."""
    fleet: dict[MachineId, list[Claim]] = {}
    floors: dict[MachineId, PerGpuHour] = {}
    for row in range(len(cells["machine"])):
        facts = {name: values[row] for name, values in cells.items()}
        try:
            claim = _claim(row, facts)
        except RuleViolation as fault:
            raise fault.at(f"row {row}") from None
        machine = MachineId(int(facts["machine"]))
        fleet.setdefault(machine, []).append(claim)
        if floor is None:
            own = PerGpuHour.from_steps(int(facts["floor"]))
            if floors.setdefault(machine, own) != own:
                need = f"one floor for machine {machine}"
                raise RuleViolation("floor", need, f"{floors[machine]} and {own}")
    answers = resolve_fleet(fleet, floors if floor is None else floor)
    running = {claim.id for answer in answers.values() for claim in answer.running}
    return [row in running for row in range(len(cells["machine"]))]


def _claim(row: int, facts: dict[str, Any]) -> Claim:
    missing = [name for name, value in facts.items() if value is None and name != "bid"]
    if missing:
        raise RuleViolation(missing[0], "a value (who runs depends on every claim)", "null")
    rank = _RANKS.get(facts["rank"])
    if rank is None:
        raise RuleViolation("rank", f"one of {', '.join(_RANKS)}", shown(facts["rank"]))
    price = facts["bid"]
    return Claim(
        id=ContractId(row),
        block=Block(size=int(facts["size"]), start=int(facts["start"])),
        rank=rank,
        arrival=int(facts["arrival"]),
        bid=None if price is None else PerHour.from_steps(int(price)),
    )
