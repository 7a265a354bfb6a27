"""The inputs of a rule as exact integer columns, after the one scan that refuses bad values.

Why a float price is rounded exactly. Below $512 floats lie closer together than the texts with 13
decimals, so the tie between two pico-dollars (such a text) is the shortest text of one float at
most, and dividing two integers below 2⁵³ gives just that float: comparing with it decides up, down
or tie. From $512 on that is no longer so, and floats are refused: give integers.

A frame is scanned once for its least and greatest values (a lazy frame runs one query for that).
Limits are checked on these: the dearest price with the longest stay, also if no row has both.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import narwhals.stable.v2 as nw
from attrs import evolve, frozen

from numgenius_core._numbers import PICO
from numgenius_core.errors import RuleViolation, WrongType, shown
from numgenius_core.frames._exact import ExactFrame, Number, Value
from numgenius_core.frames._kinds import MOST_FLOAT_DOLLARS, Kind
from numgenius_core.frames._names import Frame
from numgenius_core.frames.columns import Named, as_column

_EXACT_FLOAT: Final = 2**53
_LEAST_NANO: Final = 1_000
"""A column of whole prices that are all less than a millionth of a dollar is one of dollars."""


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


def names_of(inputs: Mapping[str, Input]) -> dict[str, str]:
    """Return the name of each column that inputs read, by what errors call it."""
    return {
        need.path: as_column(need.source, need.path).name
        for need in inputs.values()
        if not _is_number(need.source)
    }


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
    is_rounded: bool  # dollars; other floats are whole numbers, as pandas makes of ints and nulls
    may_be_dollars: bool  # whole prices of which nobody said that they are nano-dollars
    factor: int
    parts: int  # how many the number is for, such as the GB of a price per TB

    @property
    def shown(self) -> str:
        return f"column {self.name!r}"

    def without_nan(self) -> _Found:
        """Return the column with null where it has NaN, which means the same."""
        known = self.raw.apply(lambda e: nw.when(~e.is_nan()).then(e))
        return evolve(self, raw=known)


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
        exact.require(names_of(inputs))
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
        dtype = self._schema[column.name]
        if not (dtype.is_integer() or dtype.is_float()):
            if not has_nothing(self._exact, column.name, dtype):
                text = f"column {column.name!r} of {dtype}"
                raise WrongType(need.path, "a column of floats or integers", text)
            self._exact.frame = as_floats(self._exact.frame, [column.name])
            dtype = nw.Float64()
        unit = column.unit or need.kind.default[dtype.is_integer()]
        factor = need.kind.units.get(unit)
        if factor is None:
            units = ", ".join(need.kind.units)
            raise RuleViolation(f"{need.path}.unit", f"one of {units}", shown(unit))
        raw = nullable(self._exact, column.name)
        if dtype.is_float() and dtype != nw.Float64():
            # An engine that computes in the column's own type (Polars) rounds to 24 bits.
            raw = raw.apply(lambda e: e.cast(nw.Float64))
        return _Found(
            name=column.name,
            raw=raw,
            is_float=dtype.is_float(),
            is_rounded=dtype.is_float() and need.kind.price and unit.startswith("dollars"),
            may_be_dollars=dtype.is_integer() and need.kind.price and column.unit is None,
            factor=factor,
            parts=need.kind.parts.get(unit, 1),
        )

    def _shared(self, whole: Number, gpus: Value) -> Value:
        """Return a price of several GPUs as a multiple of one's, which is rounded half-even."""
        one, rest = self._exact.divide(whole, gpus)
        return self._exact.let(self._exact.half_even(one, rest, gpus) * gpus)

    def _scan(self) -> dict[str, Bounds]:
        """Look at each column once: its least and greatest value, and how many are unusable."""
        asked: dict[str, nw.Expr] = {}
        for name, found in self._found.items():
            raw = found.raw.expr
            if found.is_float:
                asked[f"nan {name}"] = raw.is_nan().cast(nw.Int64).sum()
                known = found.without_nan()
                raw = known.raw.expr
                asked[f"bad {name}"] = _is_bad(known, self._inputs[name].kind).as_int().expr.sum()
            asked[f"low {name}"], asked[f"high {name}"] = raw.min(), raw.max()
        answers = ask(self._exact, asked)
        for name, found in self._found.items():
            if answers.get(f"nan {name}"):
                self._found[name] = found.without_nan()
        bounds = {}
        for name, need in self._inputs.items():
            if isinstance(need.source, int):
                bounds[name] = Bounds(low=need.source, high=need.source)
                continue
            found = self._found[name]
            low, high = answers[f"low {name}"], answers[f"high {name}"]
            empty = low is None or high is None
            if bad := answers.get(f"bad {name}"):
                got = f"{int(bad)} value(s) of {found.shown} that are not, from {low} to {high}"
                raise RuleViolation(need.path, need.kind.need, got)
            if empty:
                bounds[name] = Bounds(low=need.kind.least, high=need.kind.least)
                continue
            bounds[name] = _bounds(need, found, low, high)
        return bounds

    def _read(self, name: str) -> Value:
        need, exact = self._inputs[name], self._exact
        if isinstance(need.source, int):
            return need.source
        found = self._found[name]
        # A price is for several GPUs or for several GB, never for both.
        gpus = self.values[need.each] if need.each else found.parts
        if not found.is_float:
            whole = found.raw
            if found.factor != 1 or self._schema[found.name] != nw.Int64:
                whole = exact.keep(found.raw.as_int() * found.factor)
            if found.parts > 1:
                return exact.half_even(*exact.divide(whole, found.parts), found.parts)
            return self._shared(whole, gpus) if need.each else whole
        if found.is_rounded:
            one = _steps(exact, found.raw, gpus)
            return exact.let(one * gpus) if need.each else one
        whole = exact.keep(_floor(found.raw * float(found.factor) + 0.5).as_int())
        return self._shared(whole, gpus) if need.each else whole


def _bounds(need: Input, found: _Found, low: Any, high: Any) -> Bounds:
    """Return the least and the greatest value of a column in its smallest unit, if they can be."""
    # Rounded up and down where floats are: the bounds hold for what becomes of them.
    bottom, top = int(low * found.factor), int(high * found.factor) + found.is_float
    wanted = None
    if bottom < need.kind.least or int(high * found.factor) > need.kind.most:
        wanted = need.kind.need
    elif found.may_be_dollars and 0 < high < _LEAST_NANO:
        wanted = f'nano-dollars, or Column("{found.name}", "dollars")'
    if wanted is not None:
        raise RuleViolation(need.path, wanted, f"{found.shown} from {low} to {high}")
    return Bounds(low=bottom // found.parts, high=-(-top // found.parts))


def has_nothing(exact: ExactFrame, name: str, dtype: Any) -> bool:
    """Return whether a column without a type holds nulls only."""
    if not isinstance(dtype, (nw.Unknown, nw.Object, nw.String)):
        return False
    values = (~nw.col(name).is_null()).cast(nw.Int64).sum()
    return not ask(exact, {"values": values})["values"]


def as_floats(frame: Frame, names: Iterable[str]) -> Frame:
    """Return a frame with columns of nulls as columns of floats."""
    return frame.with_columns(*(nw.col(name).cast(nw.Float64) for name in names))


def _is_number(source: object) -> bool:
    return type(source) is int


def _floor(number: Number) -> Number:
    return number.apply(lambda e: e.floor())


def _is_bad(found: _Found, kind: Kind) -> Number:
    """Return where a float cannot be used: out of range, or finer than the smallest unit."""
    raw = found.raw
    if found.is_rounded:
        step = found.parts / PICO  # what is less would be free
        return ~((raw.equals(0.0) | (raw >= step)) & (raw < float(MOST_FLOAT_DOLLARS)))
    top = min(kind.most, _EXACT_FLOAT - 1) / found.factor
    if kind.price:  # nano-dollars and finer: no half of them is meant
        exact = _floor(raw).equals(raw)
    else:
        units = _floor(raw * float(found.factor) + 0.5)
        # A column divides: Polars divides by a number as if it multiplied by its reciprocal.
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
