"""Laws of prices as columns: each row is what the scalar rule says, to the nano-dollar.

Columns go in and come out as plain lists, whatever computes them: a dataframe, SQL, another
language. A float is dollars and means its shortest decimal text; ``None`` is not known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final

from hypothesis import strategies as st

from numgenius_core._numbers import PICO, WIDE, decimal_of, round_half_even
from numgenius_core._terms import HIGHEST_BID, LOWEST_BID
from numgenius_core.errors import MissingExtra
from numgenius_core.ids import MachineId, OfferId
from numgenius_core.listing import Mode, PriceTerms, Verification
from numgenius_core.offer import Offer
from numgenius_core.prices.quotes import quote
from numgenius_core.prices.schedules import is_told
from numgenius_core.rates import PerGb, PerGbMonth, PerGpuHour, PerHour
from numgenius_core.testing.law import Implementation, Law, Rule

Row = Mapping[str, Any]
Columns = Mapping[str, Sequence[Any]]

_RESULTS: Final = ("total", "payout", "fee", "gpu_per_hour", "deposit")
_SCALAR: Final = (
    "a column holds what the scalar rule gives, rounded half-even to a nano-dollar, and the payout "
    "is the rest of the total after the fee; an offer that is not for rent that way has null, and "
    "one reserved for less than $0.0000072 an hour after the greatest discount"
)
_NULLS: Final = "null and NaN are not known: every result that needs them is null"
_ROWS: Final = "each row is quoted by itself: their order and their chunks are nothing"
_ERRORS: Final = "a negative price, an infinite one, one below a pico-dollar are errors"

# -- rows --------------------------------------------------------------------------------------


def _a_step_or_none(price: float) -> float:
    """Return a price as a market may have it: one below a pico-dollar is refused."""
    return price if price >= 1 / PICO else 0.0


_dollars: st.SearchStrategy[float] = st.one_of(
    st.sampled_from([0.1, 0.0, 0.3333333333333333, 1e-12, 0.8]),
    st.integers(0, 10**13).map(lambda n: float(f"{n // 10**12}.{n % 10**12:012d}5")),
    st.floats(0, 60, allow_subnormal=False),
).map(_a_step_or_none)
"""Prices as floats: with ties between two pico-dollars."""
_rows: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "num_gpus": st.sampled_from([1, 2, 3, 8, 19]),
        "dph_base": _dollars,
        "storage_cost": _dollars,
        "inet_up_cost": _dollars.map(lambda price: _a_step_or_none(price / 1_000)),
        "inet_down_cost": _dollars.map(lambda price: _a_step_or_none(price / 1_000)),
        "min_bid": _dollars,
        "credit_discount_max": st.sampled_from([0.4, 0.0, 0.05, 0.1234]),
        "verification": st.sampled_from(["verified", "verified", "unverified"]),
        "seconds": st.sampled_from([3_600, 1, 86_400]) | st.integers(1, 10**8),
        "disk_mb": st.sampled_from([0, 8_500, 200_123]),
        "sent": st.sampled_from([0, 10**9]) | st.integers(0, 10**13),
        "received": st.sampled_from([0, 10**9]) | st.integers(0, 10**13),
        "mode": st.sampled_from([mode.value for mode in Mode]),
        "bid": _dollars,
        "months": st.sampled_from([1.0, 0.0, 0.25, 7.5]),
        "share": st.sampled_from([0.25, 0.0, 0.3333, 0.1429]),
    }
)
_NEEDED: Final = {
    mode.value: ("num_gpus", "storage_cost", "inet_up_cost", "inet_down_cost", "seconds", *more)
    for mode, more in (
        (Mode.ON_DEMAND, ("dph_base",)),
        (Mode.RESERVED, ("dph_base", "verification")),
        (Mode.INTERRUPTIBLE, ("min_bid",)),
    )
}
"""What a total cannot do without, by the mode."""


@st.composite
def _frames(draw: st.DrawFn) -> tuple[tuple[dict[str, Any], ...]]:
    """Draw offers and stays; the first has no nulls, so each column has a type."""
    return (tuple(draw(st.lists(_rows, min_size=1, max_size=30))),)


def _columns(rows: Iterable[Row]) -> dict[str, list[Any]]:
    known = list(rows)
    return {name: [row[name] for row in known] for name in known[0]}


def _answers(implementation: Implementation, rows: Sequence[Row]) -> list[tuple[Any, ...]]:
    """Return the results of each row, in the order of :data:`_RESULTS`.

    Raises:
        ValueError: A column is not as long as the frame.
    """
    found: Columns = implementation(_columns(rows))
    return list(zip(*(found[name] for name in _RESULTS), strict=True))


# -- the scalar rule ---------------------------------------------------------------------------


def _steps(price: float, parts: int = 1) -> int:
    """Return a float's shortest text, shared by some GPUs, in price steps."""
    exact = Fraction(Decimal(repr(price))) * PICO
    return round_half_even(exact.numerator, exact.denominator * parts)


def _offer(row: Row) -> Offer:
    gpus = row["num_gpus"]
    return Offer(
        id=OfferId(1),
        machine=MachineId(1),
        gpu_name="GPU",
        gpus=gpus,
        prices=PriceTerms(
            gpu=PerGpuHour.from_steps(_steps(row["dph_base"], gpus)),
            storage=PerGbMonth.from_steps(_steps(row["storage_cost"])),
            upload=PerGb.from_steps(_steps(row["inet_up_cost"])),
            download=PerGb.from_steps(_steps(row["inet_down_cost"])),
            min_bid=PerGpuHour.from_steps(_steps(row["min_bid"], gpus)),
            platform_fee=Fraction(repr(row["share"])),
        ),
        max_discount=Fraction(repr(row["credit_discount_max"])),
        verification=Verification(row["verification"]),
    )


def _told(offer: Offer, months: Fraction) -> bool:
    """Return whether a deposit tells the seconds it is for, so that columns need no square root."""
    price, factor = offer.per_hour, offer.max_discount
    return not (price and factor and months) or is_told(price, factor, months)


def _nanos(amount: Decimal) -> int:
    return int(amount.scaleb(9, WIDE))


def scalar_results(row: Row) -> dict[str, int | None]:
    """Return the results of one row by the scalar rule, whole nano-dollars.

    Args:
        row: What the columns say of one offer and stay, without nulls.
    """
    return dict(zip(_RESULTS, _scalar(row), strict=True))


def _scalar(row: Row) -> tuple[int | None, ...]:
    offer, mode = _offer(row), Mode(row["mode"])
    price, more, legal = offer.per_hour, dict[str, Any](), True
    if mode is Mode.INTERRUPTIBLE:
        price = more["bid"] = PerHour.from_steps(_steps(row["bid"]))
        most = HIGHEST_BID.for_gpus(offer.gpus)
        least = max(LOWEST_BID.steps, offer.min_bid.steps)
        legal = least <= price.steps <= most.steps
    if mode is Mode.RESERVED:
        more["months"] = Fraction(repr(row["months"]))
        legal = offer.verification is Verification.VERIFIED and _told(offer, more["months"])
    if not legal:
        return (None,) * len(_RESULTS)
    priced = quote(
        offer,
        timedelta(seconds=row["seconds"]),
        mode=mode,
        disk=decimal_of(row["disk_mb"], 3),
        upload=decimal_of(row["sent"], 9),
        download=decimal_of(row["received"], 9),
        **more,
    )
    total, fee = _nanos(priced.total.to_decimal()), _nanos(priced.fee.to_decimal())
    return (
        total,
        total - fee,
        fee,
        _nanos(price.scaled(1 - priced.discount).to_decimal(9)),
        None if priced.deposit is None else _nanos(priced.deposit.to_decimal()),
    )


# -- laws --------------------------------------------------------------------------------------


def _first_fault(found: Sequence[Any], expected: Sequence[Any], what: str) -> str | None:
    if len(found) != len(expected):
        return f"{what}: {len(found)} rows, not {len(expected)}"
    for place, (ours, theirs) in enumerate(zip(found, expected, strict=True)):
        for name, one, other in zip(_RESULTS, ours, theirs, strict=True):
            if one != other:
                return f"{what}, row {place}: {name} is {one}, not {other}"
    return None


def _as_the_scalar(implementation: Implementation, rows: Sequence[Row]) -> str | None:
    return _first_fault(_answers(implementation, rows), [*map(_scalar, rows)], "of these offers")


def _nulls(implementation: Implementation, rows: Sequence[Row]) -> str | None:
    """In each row but the first, what is needed goes, one column after the other."""
    holes = []
    for place, row in enumerate(rows[1:]):
        needed = _NEEDED[row["mode"]]
        name = needed[place % len(needed)]
        missing = float("nan") if isinstance(row[name], float) and place % 2 else None
        holes.append({**row, name: missing})
    found = _answers(implementation, [rows[0], *holes])
    nothing = [(None,) * len(_RESULTS)] * len(holes)
    totals = [(total, None, None, None, None) for total, *_ in found[1:]]
    return _first_fault(totals, nothing, "after a null") or _first_fault(
        found[:1], [_scalar(rows[0])], "beside nulls"
    )


def _each_by_itself(implementation: Implementation, rows: Sequence[Row]) -> str | None:
    whole = _answers(implementation, rows)
    back, half = rows[::-1], (len(rows) + 1) // 2
    pieces = [_answers(implementation, part) for part in (back[:half], back[half:]) if part]
    found = [row for part in pieces for row in part]
    return _first_fault(found[::-1], whole, "backwards and in two chunks")


def _refused(implementation: Implementation, rows: Sequence[Row]) -> str | None:
    price = "min_bid" if rows[-1]["mode"] == Mode.INTERRUPTIBLE.value else "dph_base"
    for odd in (float("inf"), -1.0, 1e-13):
        try:
            _answers(implementation, [*rows[:-1], {**rows[-1], price: odd}])
        except Exception:  # noqa: BLE001 - an implementation has errors of its own
            continue
        return f"an offer at {odd} dollars is quoted"
    return None


# -- this library's answer ---------------------------------------------------------------------


def _engine() -> str:
    """Return a dataframe library that is installed, of those that keep integers beside nulls."""
    for name in ("polars", "pyarrow"):
        if find_spec(name) is not None and find_spec("narwhals") is not None:
            return name
    raise MissingExtra("the laws of columns on this library", "frames") from None


def _ours(columns: Columns) -> Columns:
    frames, nw = import_module("numgenius_core.frames"), import_module("narwhals.stable.v2")
    kinds = {int: nw.Int64, float: nw.Float64, str: nw.String}
    schema = {
        name: kinds[type(next(cell for cell in cells if cell is not None))]
        for name, cells in columns.items()
    }
    of, known = frames.Column, {name: list(cells) for name, cells in columns.items()}
    answer = frames.quote(
        nw.from_dict(known, schema=schema, backend=_engine()).to_native(),
        of("seconds"),
        mode=of("mode"),
        disk=of("disk_mb", "MB"),
        upload=of("sent", "bytes"),
        download=of("received", "bytes"),
        bid=of("bid"),
        months=of("months"),
        fee=of("share"),
        results=_RESULTS,
        prefix="",
    )
    read = nw.from_native(answer)
    return {name: read[name].to_list() for name in _RESULTS}


QUOTE_COLUMNS: Final = Rule(
    name="quote_columns",
    signature="(offers: Mapping[name, Sequence[cell]]) -> Mapping[name, Sequence[nano-dollars: int "
    "| None]] with " + ", ".join(_RESULTS),
    cases=_frames(),
    laws=(
        Law(name="each row by itself", sentence=_ROWS, check=_each_by_itself),
        Law(name="the scalar quote of each row", sentence=_SCALAR, check=_as_the_scalar),
        Law(name="a null stays a null", sentence=_NULLS, check=_nulls),
        Law(name="no price is no number", sentence=_ERRORS, check=_refused),
    ),
    ours=_ours,
)
"""The quotes of a whole frame of offers."""
