"""What a dataframe's columns mean, and the one scan that refuses what no rule can compute with.

Rule (ours): a column of floats is dollars, hours or GB as people write them; a column of integers
is whole units, for prices nano-dollars unless it says otherwise. A price given as a float is taken
through its shortest decimal text and rounded half-even to a pico-dollar, as the scalar library
does (``from_float``). A quantity given as a float must be a whole number of the smallest unit
(seconds, MB, bytes, hundredths of a percent): what is finer is refused, never rounded.

Why a float price is rounded exactly. Below $512 floats lie closer together than the texts with 13
decimals, so the tie between two pico-dollars (such a text) is the shortest text of one float at
most, and dividing two integers below 2⁵³ gives just that float: comparing with it decides up, down
or tie. From $512 on that is no longer so, and floats are refused: give integers.

A frame is scanned once for its least and greatest values (a lazy frame runs one query for that).
Limits are checked on these: the dearest price with the longest stay, also if no row has both.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import narwhals.stable.v2 as nw
from attrs import frozen

from numgenius_core._checks import MAX_GPUS
from numgenius_core._numbers import PICO
from numgenius_core.errors import RuleViolation, WrongType, shown
from numgenius_core.frames._exact import INT64, ExactFrame, Number, Value
from numgenius_core.rates import MAX_RATE
from numgenius_core.units import (
    BYTES_PER_GB,
    MAX_GB,
    MB_PER_GB,
    SECONDS_PER_DAY,
    SECONDS_PER_HOUR,
    SECONDS_PER_MONTH,
)

SHARES: Final = 10_000
"""Discounts and fees in columns are whole hundredths of a percent."""
_MOST_FLOAT_DOLLARS: Final = 512
_EXACT_FLOAT: Final = 2**53


@frozen
class Column:
    """A column of a dataframe by its name and unit.

    Attributes:
        name: The column's name in the frame.
        unit: Prices: ``nano`` (integers, the default), ``pico`` (integers), ``dollars`` (floats,
            the default, or integers). Times: ``seconds``, ``hours``, ``days``, ``months``. Disk:
            ``GB`` (default), ``MB``. Traffic: ``GB`` (default), ``bytes``. ``None`` is the default.

    >>> from numgenius_core.frames import Column
    >>> Column("rented_for", "hours").unit
    'hours'
    """

    name: str
    unit: str | None = None


Named = str | Column


def as_column(source: object, path: str) -> Column:
    """Return a column that is given by its name, or as a :class:`Column` with its unit."""
    if isinstance(source, Column):
        return source
    if not isinstance(source, str):
        raise WrongType(path, "the name of a column, or a Column", shown(source))
    return Column(source)


@frozen(kw_only=True)
class Columns:
    """Which columns say what of an offer; the defaults are the names of the search API.

    Each name may be a :class:`~numgenius_core.frames.Column` with its unit. Columns that a question
    does not need may be missing from the frame.

    Attributes:
        gpus: Number of GPUs of the offer.
        price: Price on demand, dollars per hour for the whole offer.
        storage: Price of disk, dollars per GB-month.
        upload: Price of traffic sent, dollars per GB.
        download: Price of traffic received, dollars per GB.
        min_bid: The lowest bid, dollars per hour for the whole offer.
        discount: The reserved discount factor D, a share.
        verification: Text; only rows of ``verified`` have a reserved price. ``None`` stands for a
            market on which all machines are verified.

    >>> from numgenius_core.frames import Column, Columns
    >>> Columns(price=Column("cents", "nano"), gpus="gpu_count").min_bid
    'min_bid'
    """

    gpus: Named = "num_gpus"
    price: Named = "dph_base"
    storage: Named = "storage_cost"
    upload: Named = "inet_up_cost"
    download: Named = "inet_down_cost"
    min_bid: Named = "min_bid"
    discount: Named = "credit_discount_max"
    verification: str | None = "verification"

    def __attrs_post_init__(self) -> None:
        for name in ("gpus", "price", "storage", "upload", "download", "min_bid", "discount"):
            as_column(getattr(self, name), f"columns.{name}")


PICO_COLUMNS: Final = Columns(
    price=Column("dph_base", "pico"),
    storage=Column("storage_cost", "pico"),
    upload=Column("inet_up_cost", "pico"),
    download=Column("inet_down_cost", "pico"),
    min_bid=Column("min_bid", "pico"),
)
"""The search API's names, with prices in whole pico-dollars.

That is how :func:`~numgenius_core.frames.offer_columns` writes offers.
"""


@frozen(kw_only=True)
class Kind:
    """A kind of number: its smallest unit, its units, and how large it may be.

    Attributes:
        units: How many of the smallest unit are in each.
        default: The unit of a column that does not say, floats and integers.
        least: The smallest value, in the smallest unit.
        most: The largest value.
        need: What an error asks for.
        price: Whether floats are rounded; else they must be exact.
    """

    units: Mapping[str, int]
    default: tuple[str, str]
    most: int
    need: str
    least: int = 0
    price: bool = False


_TIMES: Final = {
    "seconds": 1,
    "hours": SECONDS_PER_HOUR,
    "days": SECONDS_PER_DAY,
    "months": SECONDS_PER_MONTH,
}
PRICE: Final = Kind(
    units={"nano": 1_000, "pico": 1, "dollars": PICO},
    default=("dollars", "nano"),
    most=MAX_RATE * PICO,
    need=f"prices from 0 to ${MAX_RATE:,}, as floats below ${_MOST_FLOAT_DOLLARS}",
    price=True,
)
_MONTHS: Final = 1_200
DURATION: Final = Kind(
    units=_TIMES,
    default=("seconds", "seconds"),
    least=1,
    most=_MONTHS * SECONDS_PER_MONTH,
    need=f"whole seconds, at least one, up to {_MONTHS:,} months",
)
MONTHS: Final = Kind(
    units=_TIMES,
    default=("months", "months"),
    most=_MONTHS * SECONDS_PER_MONTH,
    need=f"months from 0 to {_MONTHS:,} that make whole seconds",
)
DISK: Final = Kind(
    units={"GB": MB_PER_GB, "MB": 1},
    default=("GB", "GB"),
    most=MAX_GB * MB_PER_GB,
    need=f"GB from 0 to {MAX_GB:,} with at most 3 decimals",
)
TRAFFIC: Final = Kind(
    units={"GB": BYTES_PER_GB, "bytes": 1},
    default=("GB", "GB"),
    most=MAX_GB * BYTES_PER_GB,
    need=f"GB from 0 to {MAX_GB:,} that make whole bytes",
)
SHARE: Final = Kind(
    units={"share": SHARES},
    default=("share", "share"),
    most=SHARES - 1,
    need="a share from 0 to below 1 with at most 4 decimals",
)
GPUS: Final = Kind(
    units={"GPUs": 1},
    default=("GPUs", "GPUs"),
    least=1,
    most=MAX_GPUS,
    need=f"a whole number of GPUs from 1 to {MAX_GPUS:,}",
)
INSTANT: Final = Kind(
    units={"seconds": 1},
    default=("seconds", "seconds"),
    most=253_402_300_799,
    need="seconds since 1970 up to the year 9999",
)
NUMBER: Final = Kind(
    units={"": 1}, default=("", ""), most=INT64, need="whole numbers of zero or more"
)
AMOUNT: Final = Kind(
    units={"nano": 1}, default=("nano", "nano"), most=INT64, need="whole nano-dollars, 0 or more"
)


@frozen(kw_only=True)
class Input:
    """A number that a rule needs of each row.

    Attributes:
        path: What errors call it.
        kind: What kind of number it is.
        source: The column, or the number itself, the same for every row.
        each: Of a price for several GPUs: the name of the input that counts them. The price of
            one is rounded, and the price of the whole is a multiple of it.
    """

    path: str
    kind: Kind
    source: Named | int
    each: str | None = None


@frozen(kw_only=True)
class Bounds:
    """The least and the greatest value of an input in the whole frame, in its smallest unit."""

    low: int
    high: int


@frozen(kw_only=True)
class _Found:
    """A column of the frame, as it is."""

    name: str
    raw: Number
    is_float: bool
    factor: int

    @property
    def shown(self) -> str:
        return f"column {self.name!r}"


class Reading:
    """The inputs of a rule, checked, as exact integer columns of a frame.

    Args:
        exact: The frame that has the columns.
        inputs: What to read, by name.

    Raises:
        WrongType: A column that holds no numbers.
        RuleViolation: No such column or unit, or values out of range.
    """

    def __init__(self, exact: ExactFrame, inputs: Mapping[str, Input]) -> None:
        self._exact = exact
        self._inputs = inputs
        self._schema = exact.frame.collect_schema()
        self._found = {
            name: self._find(need) for name, need in inputs.items() if not _is_number(need.source)
        }
        self.bounds: dict[str, Bounds] = self._scan()
        self.values: dict[str, Value] = {}
        for name in inputs:
            self.values[name] = self._read(name)

    def __getitem__(self, name: str) -> Value:
        return self.values[name]

    def high(self, name: str) -> int:
        """Return the greatest value of an input."""
        return self.bounds[name].high

    def _find(self, need: Input) -> _Found:
        column = as_column(need.source, need.path)
        dtype = self._schema.get(column.name)
        if dtype is None:
            raise RuleViolation(need.path, f"a column named {column.name!r}", "none")
        if not (dtype.is_integer() or dtype.is_float()):
            text = f"column {column.name!r} of {dtype}"
            raise WrongType(need.path, "a column of floats or integers", text)
        unit = column.unit or need.kind.default[dtype.is_integer()]
        factor = need.kind.units.get(unit)
        if factor is None or (need.kind.price and dtype.is_float() and unit != "dollars"):
            units = (
                "dollars" if need.kind.price and dtype.is_float() else ", ".join(need.kind.units)
            )
            raise RuleViolation(f"{need.path}.unit", f"one of {units}", shown(unit))
        return _Found(
            name=column.name,
            raw=nullable(self._exact, column.name),
            is_float=dtype.is_float(),
            factor=factor,
        )

    def _scan(self) -> dict[str, Bounds]:
        """Look at each column once: its least and greatest value, and how many are unusable."""
        asked: dict[str, nw.Expr] = {}
        for name, found in self._found.items():
            raw = found.raw.expr
            asked[f"low {name}"], asked[f"high {name}"] = raw.min(), raw.max()
            if found.is_float:
                unusable = _is_bad(found, self._inputs[name].kind).as_int()
                asked[f"bad {name}"] = unusable.expr.sum()
        answers = ask(self._exact, asked)
        bounds = {}
        for name, need in self._inputs.items():
            if isinstance(need.source, int):
                bounds[name] = Bounds(low=need.source, high=need.source)
                continue
            found = self._found[name]
            low, high = answers[f"low {name}"], answers[f"high {name}"]
            empty = low is None or high is None
            if bad := answers.get(f"bad {name}"):
                got = f"{bad} value(s) of {found.shown} that are not, from {low} to {high}"
                raise RuleViolation(need.path, need.kind.need, got)
            if empty:
                bounds[name] = Bounds(low=need.kind.least, high=need.kind.least)
                continue
            # Rounded up and down where floats are: the bounds hold for what becomes of them.
            bottom, top = int(low * found.factor), int(high * found.factor) + found.is_float
            if bottom < need.kind.least or int(high * found.factor) > need.kind.most:
                got = f"{found.shown} from {low} to {high}"
                raise RuleViolation(need.path, need.kind.need, got)
            bounds[name] = Bounds(low=bottom, high=top)
        return bounds

    def _read(self, name: str) -> Value:
        need, exact = self._inputs[name], self._exact
        if isinstance(need.source, int):
            return need.source
        found = self._found[name]
        gpus = self.values[need.each] if need.each else 1
        if not found.is_float:
            whole = found.raw
            if found.factor != 1 or self._schema[found.name] != nw.Int64:
                whole = exact.keep(found.raw.as_int() * found.factor)
            if not need.each:
                return whole
            one, rest = exact.divide(whole, gpus)
            return exact.let(exact.half_even(one, rest, gpus) * gpus)
        if not need.kind.price:
            return exact.keep(_floor(found.raw * float(found.factor) + 0.5).as_int())
        one = _steps(exact, found.raw, gpus)
        return exact.let(one * gpus) if need.each else one


def _is_number(source: object) -> bool:
    return type(source) is int


def _floor(number: Number) -> Number:
    return number.apply(lambda e: e.floor())


def _is_bad(found: _Found, kind: Kind) -> Number:
    """Return where a float cannot be used: NaN, out of range, or finer than the smallest unit."""
    raw = found.raw
    if kind.price:
        return ~((raw >= 0.0) & (raw < float(_MOST_FLOAT_DOLLARS)))
    top = min(kind.most, _EXACT_FLOAT - 1) / found.factor
    units = _floor(raw * float(found.factor) + 0.5)
    # A column divides: Polars divides by a number as it multiplies by its reciprocal, inexactly.
    exact = (units / (raw - raw + float(found.factor))).equals(raw)
    return ~((raw >= 0.0) & (raw <= top) & exact)


def _steps(exact: ExactFrame, dollars: Number, gpus: Value) -> Value:
    """Return float dollars divided by ``gpus`` in price steps, half-even on the shortest text."""
    count = dollars - dollars + (float(gpus) if isinstance(gpus, int) else gpus.as_float())
    near = exact.keep(_floor(dollars * float(PICO) / count).as_int())
    # The tie above it; both integers are below 2⁵³, so this float is the one that its text means.
    # A column divides: Polars divides by a number as it multiplies by its reciprocal, inexactly.
    tie = exact.keep(((2 * near + 1) * gpus).as_float() / (dollars - dollars + 2.0 * PICO))
    odd = exact.keep(exact.is_odd(near).equals(1))
    return exact.let(near + ((dollars > tie) | (dollars.equals(tie) & odd)).as_int())


def nullable(exact: ExactFrame, name: str) -> Number:
    """Return a column that can hold nulls beside integers, which NumPy's types cannot."""
    native: Any = exact.frame.to_native()
    kind = exact.frame.implementation
    if not (kind.is_pandas_like() or kind.is_dask()):
        return Number(nw.col(name))
    dtype = native[name].dtype
    target = {"i": "Int64", "u": "UInt64", "f": "Float64"}.get(getattr(dtype, "kind", ""))
    if target is None or type(dtype).__module__.partition(".")[0] != "numpy":
        return Number(nw.col(name))
    temporary = exact.name()
    changed = native.assign(**{temporary: native[name].astype(target)})
    exact.frame = nw.from_native(changed)
    return Number(nw.col(temporary))


def ask(exact: ExactFrame, questions: Mapping[str, nw.Expr]) -> dict[str, Any]:
    """Return the answers of aggregations as Python numbers, ``None`` for a null.

    A question named ``low …`` is for a minimum, ``high …`` for a maximum, any other for a sum.
    """
    answers = {f"a{i}": question for i, question in enumerate(questions.values())}
    frame = exact.frame
    if frame.implementation.is_dask():
        # Its own reductions trip over a null; partitions are asked one by one instead.
        def run(native: Any) -> Any:
            return nw.from_native(native).select(**answers).to_native()

        native = frame.to_native()
        frame = nw.from_native(native.map_partitions(run, meta=run(native._meta)).compute())
        answers = {
            answer: _joined(name, nw.col(answer))
            for answer, name in zip(answers, questions, strict=True)
        }
    frame = frame.select(**answers)
    row = (frame.collect() if isinstance(frame, nw.LazyFrame) else frame).row(0)
    return {name: plain(value) for name, value in zip(questions, row, strict=True)}


def _joined(question: str, parts: nw.Expr) -> nw.Expr:
    """Return the answer for a whole frame from those for its parts."""
    if question.startswith("low "):
        return parts.min()
    return parts.max() if question.startswith("high ") else parts.sum()


def plain(value: Any) -> Any:
    """Return a cell as a Python value: ``None`` for what stands for a missing one."""
    if value is None or type(value).__name__ in {"NAType", "NaTType"}:
        return None
    value = value.item() if hasattr(value, "item") else value
    value = value.as_py() if hasattr(value, "as_py") else value
    return None if value != value else value  # noqa: PLR0124 - NaN
