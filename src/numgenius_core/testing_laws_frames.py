"""Laws of pricing by columns: a dataframe, a query or a kernel that prices many offers at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from fractions import Fraction
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final

from numgenius_core.errors import MissingExtra
from numgenius_core.testing_law import Implementation, Law, Rule, dollars, near
from numgenius_core.testing_strategies import st
from numgenius_core.units import PICO, SECONDS_PER_HOUR, SECONDS_PER_MONTH

__all__ = ["QUOTE_COLUMNS"]

_EACH: Final = "GPUs for the time, disk for the time of a 720-hour month, each row by itself"
_ORDER: Final = "the rows come back in the order they came"
_PARTS: Final = "pricing a table in parts is pricing it whole"

Table = Mapping[str, Sequence[int]]


@st.composite
def _tables(draw: st.DrawFn) -> tuple[dict[str, list[int]], int, int]:
    """Draw offers as columns, a time in seconds and disk in GB."""
    steps = st.one_of(st.sampled_from([0, 10**12, 133_333_333_333]), st.integers(0, 50 * PICO))
    rows = draw(
        st.lists(st.tuples(st.integers(1, 8), steps, st.integers(0, PICO)), min_size=1, max_size=6)
    )
    table = {
        "num_gpus": [gpus for gpus, _, _ in rows],
        "dph_base": [gpus * price for gpus, price, _ in rows],  # a price is one of each GPU
        "storage_cost": [storage for _, _, storage in rows],
    }
    return table, draw(st.integers(1, 10**8)), draw(st.integers(0, 2_000))


def _each_row(implementation: Implementation, table: Table, seconds: int, disk: int) -> str | None:
    found = implementation(table, seconds, disk)
    pairs = zip(table["dph_base"], table["storage_cost"], strict=True)
    for row, (price, storage) in enumerate(pairs):
        gpus = Fraction(price * seconds, PICO * SECONDS_PER_HOUR)
        kept = Fraction(storage * disk * seconds, PICO * SECONDS_PER_MONTH)
        fault = near(f"row {row}", dollars(found[row]), gpus + kept)
        if fault is not None:
            return fault
    return None if len(found) == len(table["dph_base"]) else f"{len(found)} rows came back"


def _in_order(implementation: Implementation, table: Table, seconds: int, disk: int) -> str | None:
    turned = {name: cells[::-1] for name, cells in table.items()}
    there = [dollars(each) for each in implementation(table, seconds, disk)]
    back = [dollars(each) for each in implementation(turned, seconds, disk)]
    return None if back[::-1] == there else "the rows turned round do not give the answers so"


def _in_parts(implementation: Implementation, table: Table, seconds: int, disk: int) -> str | None:
    half = len(table["dph_base"]) // 2
    if not half:
        return None
    parts = [{n: cells[:half] for n, cells in table.items()}]
    parts.append({n: cells[half:] for n, cells in table.items()})
    whole = [dollars(each) for each in implementation(table, seconds, disk)]
    pieces = [dollars(each) for part in parts for each in implementation(part, seconds, disk)]
    return None if pieces == whole else f"the parts give {pieces}, the whole {whole}"


def _frame(table: Table) -> Any:
    """Return a table in a dataframe that is installed."""
    for module, name in (("polars", "DataFrame"), ("pandas", "DataFrame"), ("pyarrow", "table")):
        if find_spec(module):
            return getattr(import_module(module), name)(dict(table))
    raise MissingExtra("pricing dataframes", "frames")  # pragma: no cover - tests have them


def _ours(table: Table, seconds: int, disk: int) -> list[Fraction]:
    from numgenius_core import frames
    from numgenius_core.frame_door import PICO_COLUMNS

    priced = frames.quote(
        _frame(table),
        timedelta(seconds=seconds),
        disk=disk,
        columns=PICO_COLUMNS,
        results=["total"],
    )
    return [Fraction(int(each), 10**9) for each in priced["quote_total"]]


QUOTE_COLUMNS: Final = Rule(
    name="quote_columns",
    signature=(
        "(table: {'num_gpus', 'dph_base', 'storage_cost': lists, prices in pico-dollars}, "
        "seconds: int, disk: GB) -> a sequence of dollars, one for each row"
    ),
    cases=_tables(),
    laws=(
        Law(name="each row as the scalar rule", sentence=_EACH, check=_each_row),
        Law(name="the order is kept", sentence=_ORDER, check=_in_order),
        Law(name="parts make the whole", sentence=_PARTS, check=_in_parts),
    ),
    ours=_ours,
)
"""What a stay costs on each offer of a table, on demand; ours needs the extra ``frames``."""
