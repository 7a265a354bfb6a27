"""Exact integer arithmetic on the columns of any dataframe: int64 in, int64 out, nothing lost.

Rule (ours): a price is a whole number of pico-dollars, as in :mod:`numgenius_core.money`; an amount
is a *pair* of columns, whole nano-dollars and a rest in ticks (3.24 · 10¹⁴ in a nano-dollar), so
the sum of all charges of a stay is exact, and it is rounded half-even once, as
``Money.to_decimal(9)`` does it.

How int64 suffices. A product price × seconds overflows after days, so each price is divided first,
with its remainder: x · n / d = (x // d) · n + (x mod d) · n / d, and the second part is small.
Where even that is too large, the number is divided digit by digit, as on paper. Inputs are bounded
before (``columns``): half of the engines wrap around silently.

What every engine does alike is little, and only that is used: no ``%`` (not there for pandas with
Arrow types), no rounding of floats (half to even here, half up there), no windows. Spark divides
integers as floats, so there a quotient is corrected by the division of its own error.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from math import gcd
from typing import Any, Final, overload

import narwhals.stable.v2 as nw

from numgenius_core.errors import RuleViolation
from numgenius_core.frames._names import PREFIX, Frame, as_frame, check_name
from numgenius_core.money import TICKS_PER_NANO
from numgenius_core.units import BYTES_PER_GB, MB_PER_GB, SECONDS_PER_MONTH

STEPS_PER_NANO: Final = 1_000
INT64: Final = 2**63 - 1
_BASE: Final = 10**5  # of long division; its four digits hold every price and amount taken
_DIGITS: Final = 4

_MOST_NAMED: Final = 40
"""Columns that an error names; a wide frame has hundreds."""
_FEW: Final = 1_000
"""So many nano-dollars in ticks fit int64 twenty times."""
_MILLION: Final = 10**6
_MB_SECONDS: Final = MB_PER_GB * SECONDS_PER_MONTH


Work = Callable[[Any, Any], Any]


class Number:
    """A column of whole numbers (or truth values) to be worked out: an expression and its step.

    It is worked out after the intermediate results that it uses. Columns of one level do not depend
    on each other, so they are worked out side by side, in one pass over the frame.

    Args:
        expr: The expression.
        level: How many steps must be done before it.
        uses: The intermediate results it needs.
    """

    __slots__ = ("expr", "level", "uses")

    def __init__(self, expr: nw.Expr, level: int = 0, uses: frozenset[str] = frozenset()) -> None:
        self.expr: nw.Expr = expr
        self.level: int = level
        self.uses: frozenset[str] = uses

    def _with(
        self, work: Callable[[Any, Any], Any], other: Any, *, swapped: bool = False
    ) -> Number:
        level, uses, theirs = self.level, self.uses, other
        if isinstance(other, Number):
            level, uses, theirs = max(level, other.level), uses | other.uses, other.expr
        made = work(theirs, self.expr) if swapped else work(self.expr, theirs)
        return Number(made, level, uses)

    def apply(self, work: Callable[[nw.Expr], nw.Expr]) -> Number:
        """Return what an expression makes of this one."""
        return Number(work(self.expr), self.level, self.uses)

    def __add__(self, other: Number | float) -> Number:
        return self._with(operator.add, other)

    __radd__ = __add__

    def __sub__(self, other: Number | float) -> Number:
        return self._with(operator.sub, other)

    def __rsub__(self, other: Number | float) -> Number:
        return self._with(operator.sub, other, swapped=True)

    def __mul__(self, other: Number | float) -> Number:
        return self._with(operator.mul, other)

    __rmul__ = __mul__

    def __floordiv__(self, other: Number | int) -> Number:
        return self._with(operator.floordiv, other)

    def __truediv__(self, other: Number) -> Number:
        return self._with(operator.truediv, other)

    def __gt__(self, other: Number | float) -> Number:
        return self._with(operator.gt, other)

    def __ge__(self, other: Number | float) -> Number:
        return self._with(operator.ge, other)

    def __lt__(self, other: Number | float) -> Number:
        return self._with(operator.lt, other)

    def __le__(self, other: Number | float) -> Number:
        return self._with(operator.le, other)

    def __and__(self, other: Number) -> Number:
        return self._with(operator.and_, other)

    def __or__(self, other: Number) -> Number:
        return self._with(operator.or_, other)

    def __invert__(self) -> Number:
        return self.apply(operator.invert)

    def equals(self, other: Number | float | str) -> Number:
        """Return where this equals another."""
        return self._with(operator.eq, other)

    def as_int(self) -> Number:
        """Return this as int64; a truth value as 1 or 0."""
        return self.apply(lambda e: e.cast(nw.Int64))

    def as_float(self) -> Number:
        """Return this as a float, exact below 2⁵³."""
        return self.apply(lambda e: e.cast(nw.Float64))

    @overload
    def choose(self, then: Number) -> Number: ...
    @overload
    def choose(self, then: Value, otherwise: Value) -> Number: ...
    def choose(self, then: Value, otherwise: Value | None = None) -> Number:
        """Return one of two values by row; null where there is no other.

        Without another value it must be a column: of a number and nulls, pandas makes floats.
        """
        made = self._with(lambda e, t: nw.when(e).then(_as_expr(t)), then)
        if otherwise is None:
            return made
        return made._with(lambda e, o: e.otherwise(_as_expr(o)), otherwise)


def _as_expr(value: int | nw.Expr) -> nw.Expr:
    return nw.lit(value) if isinstance(value, int) else value


def column(value: Value) -> Number:
    """Return a value as a column."""
    return Number(nw.lit(value)) if isinstance(value, int) else value


Value = int | Number
"""A whole number: the same for every row, or a column."""
Pair = tuple[Value, Value]
"""An amount: whole nano-dollars and a rest in ticks, which may exceed a nano-dollar."""


class ExactFrame:
    """A dataframe and the intermediate results of a rule, worked out by :meth:`finish`.

    Intermediate results become columns, not nested expressions: few engines notice that they are
    asked for the same division twice. They go when they are no longer needed. Polars does best
    lazily, so an eager frame is made lazy.

    Args:
        native: A dataframe or table that narwhals speaks to.
        ours: Whether it was made here, and has columns that only we name.

    Raises:
        WrongType: Something that is no dataframe, or a column whose name is no text.
        RuleViolation: Two columns of one name.
    """

    def __init__(self, native: Any, *, ours: bool = False) -> None:
        self.frame: Frame = nw.from_native(native) if ours else as_frame(native)
        self.columns: tuple[str, ...] = tuple(self.frame.collect_schema().names())
        kind = self.frame.implementation
        self._eager_polars = kind.is_polars() and isinstance(self.frame, nw.DataFrame)
        self._divides_as_float = kind.is_spark_like()
        self._count = 0
        self._steps: dict[str, Number] = {}
        if self._eager_polars:
            self.frame = self.frame.lazy()

    def require(self, names: Mapping[str, str]) -> None:
        """Refuse a frame that lacks columns, all of them at once.

        Args:
            names: The name of each column that is needed, by what errors call it.

        Raises:
            WrongType: A name that is no text.
            RuleViolation: No such columns; the error says which there are.
        """
        for path, name in names.items():
            check_name(name, path)
        missing = {path: name for path, name in names.items() if name not in self.columns}
        if not missing:
            return
        given = [name for name in self.columns if not str(name).startswith(PREFIX)]  # not ours
        first = given[:_MOST_NAMED]
        more = len(given) - len(first)
        got = ", ".join(map(repr, first)) or "none"
        got += f" and {more} more" if more else ""
        if len(missing) == 1:
            ((path, name),) = missing.items()
            raise RuleViolation(path, f"a column named {name!r}", got)
        need = ", ".join(f"{name!r} ({path})" for path, name in missing.items())
        raise RuleViolation("frame", f"columns {need}", got)

    def name(self) -> str:
        """Return a column name that is not in use."""
        self._count += 1
        return f"{PREFIX}{self._count}"

    def let(self, value: Value) -> Value:
        """Keep a value as a column of its own; a number stays a number."""
        return value if isinstance(value, int) else self.keep(value)

    def keep(self, value: Number) -> Number:
        """Keep a column under a name of its own."""
        name = self.name()
        self._steps[name] = value
        return Number(nw.col(name), value.level + 1, frozenset({name}))

    def finish(self, results: Mapping[str, Value], only: tuple[str, ...] | None = None) -> Any:
        """Return the native frame with the results as int64 columns, the others gone.

        Of the columns it had, those named in ``only`` stay; all, if that is left out.
        """
        # Backwards from the results: what nothing needs is never worked out. A pass selects what is
        # worked out at its level and what later passes still use, so a column lives no longer than
        # it must, and a wide frame holds few temporary columns at a time.
        ready = {
            name: (value.expr if isinstance(value, Number) else nw.lit(value)).cast(nw.Int64)
            for name, value in results.items()
        }
        last = [value for value in results.values() if isinstance(value, Number)]
        needed = self._needed(last)
        raw = frozenset(self.frame.collect_schema().names()) - set(self.columns)
        at_end = raw.union(*(number.uses for number in last))
        passes: list[tuple[list[str], dict[str, nw.Expr]]] = []
        for level in range(max((number.level for number in last), default=0)):
            later = at_end.union(*(n.uses for n in needed.values() if n.level > level))
            now = {k: n.expr for k, n in needed.items() if n.level == level and k in later}
            done = [k for k, n in needed.items() if n.level < level and k in later]
            passes.append(([*self.columns, *sorted(raw), *done], now))
        passes.append((list(self.columns if only is None else only), ready))
        return self._run(passes)

    def _run(self, passes: list[tuple[list[str], dict[str, nw.Expr]]]) -> Any:
        """Select columns, pass by pass, and return the native frame."""

        def run(native: Any) -> Any:
            frame = nw.from_native(native)
            for kept, now in passes:
                frame = frame.select(*kept, **now)
            return frame.to_native()

        native = self.frame.to_native()
        if self.frame.implementation.is_dask():
            # Its graphs recurse, a few frames a pass; within a partition they need not.
            return native.map_partitions(run, meta=run(native._meta))
        return run(native).collect() if self._eager_polars else run(native)

    def _needed(self, numbers: list[Number]) -> dict[str, Number]:
        """Return the intermediate results that some numbers need, and those that these need."""
        found: dict[str, Number] = {}
        waiting = list(numbers)
        while waiting:
            for name in sorted(waiting.pop().uses - found.keys()):
                found[name] = self._steps[name]
                waiting.append(found[name])
        return found

    # -- arithmetic, all of it on values of zero or more --------------------------------------

    def divide(self, number: Value, divisor: Value) -> tuple[Value, Value]:
        """Return quotient and remainder; the divisor is above zero."""
        if isinstance(number, int) and isinstance(divisor, int):
            return divmod(number, divisor)
        if isinstance(divisor, int) and divisor == 1:
            return number, 0
        # A number divided by a column has no type of its own on some engines.
        top = self.keep(0 * column(divisor) + number) if isinstance(number, int) else number
        quotient = self.keep(top // divisor)
        if self._divides_as_float:
            # A float quotient of 18 digits is off by a few hundred at most; its error divides
            # exactly, being small.
            quotient = self.keep(quotient + (top - quotient * divisor) // divisor)
        return quotient, self.keep(top - quotient * divisor)

    def is_odd(self, number: Number) -> Number:
        """Return 1 for an odd number, else 0."""
        if self._divides_as_float:
            return column(self.divide(number, 2)[1])
        return number - number // 2 * 2

    def half_even(
        self, whole: Value, rest: Value, divisor: Value, part: Value = 0, parts: int = 1
    ) -> Number:
        """Return ``whole + (rest + part / parts) / divisor`` rounded, a tie to the even number.

        ``rest`` is below ``divisor`` and ``part`` below ``parts``.
        """
        # Twice the rest against the divisor tells up from down without a division; adding one for
        # an odd number turns its ties, and only these, into "above".
        odd = self.is_odd(column(whole))
        if isinstance(part, int):
            return self.keep(whole + (2 * rest + odd > divisor).as_int())
        carry, finer = self.divide(2 * part, parts)
        twice = self.keep(column(2 * rest + carry))
        tie = twice.equals(divisor) & (column(finer + odd) > 0)
        return self.keep(whole + ((twice > divisor) | tie).as_int())

    def ratio(self, number: Value, times: Value, divisor: int) -> tuple[Value, Value, int]:
        """Return ``number · times / divisor`` as a whole number, a rest, and the rest's divisor.

        The whole number must fit; ``divisor · times`` too.
        """
        # x · n / d = (x // d) · n + (x mod d) · n / d: only the second product is divided, and it
        # is below d · n. Reduced first, d and n are often far smaller: of whole hours, d is 1,000.
        if isinstance(times, int) and times:
            common = gcd(times, divisor)
            times, divisor = times // common, divisor // common
        above, below = self.divide(number, divisor)
        if isinstance(times, int) and times == 1:
            return above, below, divisor
        whole, rest = self.divide(self.let(below * times), divisor)
        return self.let(above * times + whole), rest, divisor

    def long_ratio(self, number: Value, times: Value, divisor: Value) -> tuple[Value, Value]:
        """Return ``number · times / divisor`` and the remainder, digit by digit.

        ``times`` is at most ``divisor``, and both are below 4.6 · 10¹³.
        """
        # As on paper, in base 10⁵: the rest is below 4.6 · 10¹³, so a rest times the base, plus a
        # digit times ``times``, stays below 2⁶³.
        digits = []
        for _ in range(_DIGITS - 1):
            number, digit = self.divide(number, _BASE)
            digits.append(digit)
        digits.append(number)
        whole, rest = self.divide(self.let(digits.pop() * times), divisor)
        while digits:
            more, rest = self.divide(self.let(rest * _BASE + digits.pop() * times), divisor)
            whole = self.let(whole * _BASE + more)
        return whole, rest

    # -- amounts -----------------------------------------------------------------------------

    def per_unit(self, price: Value, times: Value, divisor: int) -> Pair:
        """Return the amount ``price · times / divisor``, the price in steps."""
        scale = divisor * STEPS_PER_NANO
        if isinstance(times, int) and times // gcd(times, scale) <= _FEW:
            # The rest may exceed a nano-dollar, so it needs no division of its own.
            common = gcd(times, scale)
            whole, rest = self.divide(price, scale // common)
            many = times // common
            return self.let(whole * many), rest * (many * (TICKS_PER_NANO // (scale // common)))
        whole, rest, parts = self.ratio(price, times, scale)
        return whole, rest * (TICKS_PER_NANO // parts)

    def stored(self, price: Value, megabytes: Value, seconds: Value) -> Pair:
        """Return the amount of disk for a time, the price in steps per GB-month."""
        if isinstance(megabytes, int) and isinstance(seconds, int):
            used = megabytes * seconds
            if _is_small(used, _MB_SECONDS):
                return self.per_unit(price, used, _MB_SECONDS)
        # First price · MB / 10⁶, nano-dollars a month; then times seconds / seconds of a month.
        high, low = self.divide(price, _MILLION)
        more, finer = self.divide(self.let(low * megabytes), _MILLION)
        monthly = self.let(high * megabytes + more)
        whole, rest, parts = self.ratio(monthly, seconds, SECONDS_PER_MONTH)
        ticks = TICKS_PER_NANO // (_MILLION * SECONDS_PER_MONTH)
        return whole, self.let(rest * (TICKS_PER_NANO // parts) + finer * seconds * ticks)

    def sent(self, price: Value, count: Value) -> Pair:
        """Return the amount of ``count`` bytes, the price in steps per GB."""
        if isinstance(count, int) and _is_small(count, BYTES_PER_GB):
            return self.per_unit(price, count, BYTES_PER_GB)
        # Both numbers are split at a million, and multiplied part by part.
        high, low = self.divide(price, _MILLION)
        many, few = self.divide(count, _MILLION)
        more, middle = self.divide(self.let(high * few + low * many), _MILLION)
        ticks = TICKS_PER_NANO // _MILLION
        rest = middle * ticks + low * few * (ticks // _MILLION)
        return self.let(high * many + more), self.let(rest)

    def sum(self, amounts: list[Pair]) -> Pair:
        """Return a sum of a few amounts: the rests of twenty fit int64, so none is carried."""
        whole, rest = amounts[0]
        for more, finer in amounts[1:]:
            whole, rest = whole + more, rest + finer
        return self.let(whole), self.let(rest)

    def carried(self, amount: Pair) -> Pair:
        """Return the same amount with a rest below a nano-dollar."""
        more, rest = self.divide(amount[1], TICKS_PER_NANO)
        return self.let(amount[0] + more), rest

    def nanos(self, amount: Pair) -> Number:
        """Return an amount in nano-dollars, half-even."""
        return self.half_even(*self.carried(amount), TICKS_PER_NANO)


def _is_small(used: int, divisor: int) -> bool:
    """Return whether a remainder of the price times ``used`` fits, once the ratio is reduced."""
    scale = divisor * STEPS_PER_NANO
    common = gcd(used, scale)
    return (used // common) * (scale // common) <= INT64
