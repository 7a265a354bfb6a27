"""Promises of uptime as columns: what each offer's promise costs, and is expected to pay back.

Rule: that of :mod:`numgenius_core.sla`; a fee is what the scalar rule gives, rounded half-even to a
nano-dollar. A market has few promises, so the schedule is asked once for each claim and spread (and
target), and its exact factor is joined to the rows: only the price times the factor is worked out
for each.

Our readings: a row whose claim is 0, unknown or below the target has null, as no search for the
target shows it. A claim or spread that no listing takes is an error for the frame.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

import narwhals.stable.v2 as nw

from numgenius_core._checks import check_kind
from numgenius_core._numbers import PICO
from numgenius_core._terms import Promise, reliability_of
from numgenius_core.errors import RuleViolation, WrongType
from numgenius_core.frames._exact import STEPS_PER_NANO, ExactFrame, Number, Value
from numgenius_core.frames._joining import join
from numgenius_core.frames._kinds import PRICE
from numgenius_core.frames._names import (
    PREFIX,
    Frame,
    NativeT,
    as_frame,
    check_name,
    refuse_taken,
    some_of,
)
from numgenius_core.frames._reading import (
    Input,
    Reading,
    as_floats,
    has_nothing,
    nullable,
    plain,
)
from numgenius_core.frames.columns import Column, as_column
from numgenius_core.sla.schedules import OUR_RULES, SlaRules, expected_credit
from numgenius_core.sla.terms import SlaTerms
from numgenius_core.units import Exact

_MILLION: Final = 10**6
_MOST: Final = 2_000
_RESULTS: Final = ("fee_per_hour", "expected_credit", "fee_factor")
_Key = tuple[Any, ...]


def promise_fees(
    frame: NativeT,
    target: Exact | str | Column,
    *,
    price: str | Column = "dph_total",
    claim: str = "sla_r_claim",
    spread: str = "sla_sigma_x",
    results: Iterable[str] = ("fee_per_hour",),
    prefix: str = "sla_",
    rules: SlaRules = OUR_RULES,
) -> NativeT:
    """Return the frame with what each row's promise costs an hour.

    Args:
        frame: Offers, a row each, in any dataframe that narwhals speaks to.
        target: The uptime that a client asks for, or a column of them.
        price: The column of the covered price, GPUs and storage of the whole offer per hour.
        claim: The column of claims, shares; 0 and null are no promise.
        spread: The column of spreads.
        results: Which columns to add: ``fee_per_hour`` and ``expected_credit`` (an hour, by the
            belief behind the fee), both in nano-dollars, ``fee_factor`` in parts of 10⁻¹² of the
            price.
        prefix: What the names of the results begin with.
        rules: The schedules; ours by default.

    Raises:
        WrongType: A column that holds no numbers, or something that is no dataframe.
        RuleViolation: No such column, a value out of range, more than 2,000 different promises, or
            a name that is taken.

    >>> import pyarrow as pa
    >>> from numgenius_core.frames import promise_fees
    >>> offers = pa.table({"dph_total": [3.5, 3.5, 3.5], "sla_r_claim": [0.99, 0.9, 0.0],
    ...                    "sla_sigma_x": [0.5, 0.5, 0.5]})
    >>> promise_fees(offers, "0.95")["sla_fee_per_hour"].to_pylist()  # nano-dollars
    [40420898, None, None]
    """
    check_kind(rules, SlaRules, "rules")
    check_kind(prefix, str, "prefix")
    wanted = some_of(results, _RESULTS)
    known = as_frame(frame)
    names = tuple(known.collect_schema().names())
    refuse_taken([prefix + name for name in wanted], names)
    with_credit = "expected_credit" in wanted
    joined, _ = with_factors(frame, target, claim, spread, rules=rules, credit=with_credit)
    exact = ExactFrame(joined, ours=True)
    source = as_column(price, "price")
    read = Reading(exact, {"price": Input(path="price", kind=PRICE, source=source)})
    found: dict[str, Value] = {}
    for name, kind in (("fee_per_hour", "fee"), ("expected_credit", "credit")):
        if name in wanted:
            steps = promised_steps(exact, read["price"], kind)
            found[name] = exact.half_even(*exact.divide(steps, STEPS_PER_NANO), STEPS_PER_NANO)
    if "fee_factor" in wanted:
        high, low = _halves(exact, "fee")
        found["fee_factor"] = high * _MILLION + low
    priced: NativeT = exact.finish({prefix + name: found[name] for name in wanted}, names)
    return priced


def with_factors(
    frame: Any,
    target: Exact | str | Column,
    claim: str,
    spread: str,
    *,
    rules: SlaRules,
    credit: bool = False,
) -> tuple[Any, int]:
    """Return a native frame with the factors of its promises, and the greatest of a fee.

    The factors are parts of 10⁻¹² of the price in two halves, columns that :func:`promised_steps`
    finds; they are −1 where there is no promise that a client with the target may rent.

    Raises:
        WrongType: A column that holds no numbers.
        RuleViolation: No such column, a value out of range, or more than 2,000 different promises.
    """
    known = as_frame(frame)
    names = known.collect_schema().names()
    keys = [claim, spread] + ([target.name] if isinstance(target, Column) else [])
    for path, name in zip(("claim", "spread", "target"), keys, strict=False):
        check_name(name, path)
        if name not in names:
            raise RuleViolation(path, f"a column named {name!r}", "none")
    asked = None if isinstance(target, Column) else reliability_of(target, "target")
    known = _with_numbers(frame, known, keys)
    factors = _factors(_distinct(known, keys), asked, rules, credit=credit)
    high, low = f"{PREFIX}fee_high", f"{PREFIX}fee_low"
    greatest = max((each[high] * _MILLION + each[low] for each in factors.values()), default=0)
    return _joined(known.to_native(), keys, factors), greatest


# -- the promises of a frame -------------------------------------------------------------------


def _with_numbers(frame: Any, known: Frame, keys: list[str]) -> Frame:
    """Return the frame with its claims, spreads and targets as numbers, where all are null too."""
    schema = known.collect_schema()
    others = [name for name in dict.fromkeys(keys) if not schema[name].is_numeric()]
    for name in others:
        if not has_nothing(ExactFrame(frame), name, schema[name]):
            text = f"column {name!r} of {schema[name]}"
            raise WrongType(name, "a column of numbers", text)
    return as_floats(known, others) if others else known


def _distinct(known: Frame, keys: list[str]) -> list[_Key]:
    """Return each claim and spread (and target) that stands in the frame."""
    few: Any = known.select(*dict.fromkeys(keys)).unique().head(_MOST + 1)
    rows = few.collect() if isinstance(few, nw.LazyFrame) else few
    cells = [dict(zip(rows.columns, map(plain, row), strict=True)) for row in rows.iter_rows()]
    if len(cells) > _MOST:
        need = f"at most {_MOST:,} different promises in a frame"
        raise RuleViolation("frame", need, f"more than {_MOST:,}")
    return [tuple(row[name] for name in keys) for row in cells]


def _exact(value: Any) -> Fraction:
    """Return a cell as the number that its shortest text says."""
    return Fraction(Decimal(repr(value))) if isinstance(value, float) else Fraction(value)


def _factors(
    promises: list[_Key], target: Fraction | None, rules: SlaRules, *, credit: bool
) -> dict[_Key, dict[str, int]]:
    """Return the factors of each promise that a client with the target may rent, in two halves."""
    found = {}
    for key in promises:
        if None in key or not key[0]:
            continue
        promise = Promise(_exact(key[0]), _exact(key[1]))
        asked = _exact(key[2]) if target is None else target
        if promise.claim < reliability_of(asked, "target"):
            continue
        terms = SlaTerms(promise, asked)
        parts = {"fee": int(rules.fee.factor(terms) * PICO)}
        if credit:
            parts["credit"] = int(expected_credit(terms, rules=rules) * PICO)
        found[key] = {
            f"{PREFIX}{name}_{half}": part
            for name, whole in parts.items()
            for half, part in zip(("high", "low"), divmod(whole, _MILLION), strict=True)
        }
    return found


# -- joining them ------------------------------------------------------------------------------


def _joined(native: Any, keys: list[str], factors: Mapping[_Key, Mapping[str, int]]) -> Any:
    """Return the native frame with the factors of its promises, in the order it had."""
    halves = list(next(iter(factors.values()), {})) or [
        f"{PREFIX}{name}_{half}" for name in ("fee", "credit") for half in ("high", "low")
    ]

    def with_halves(part: Any) -> Any:
        frame = nw.from_native(part)
        on = list(dict.fromkeys(keys))
        # The table is made of the frame's own promises, so it is of the frame's own engine.
        table = frame.select(*on).unique().with_columns(**_columns(keys, factors, halves))
        made = join(frame, table, on, "left").to_native()
        if frame.implementation.is_pandas_like():
            made.index = part.index  # rows are found by label there, and a join forgets them
        return made

    if as_frame(native).implementation.is_dask():
        return native.map_partitions(with_halves, meta=with_halves(native._meta))
    return with_halves(native)


def _columns(
    keys: list[str], factors: Mapping[_Key, Mapping[str, int]], halves: list[str]
) -> dict[str, nw.Expr]:
    """Return the columns of the small table: of the few rows, each its own numbers, or −1."""
    tests = []
    for key in factors:
        same = nw.col(keys[0]) == key[0]
        for name, value in zip(keys[1:], key[1:], strict=True):
            same &= nw.col(name) == value
        tests.append(same)
    columns = {}
    for half in halves:
        known = [
            nw.when(test).then(nw.lit(numbers[half]))
            for test, numbers in zip(tests, factors.values(), strict=True)
        ]
        columns[half] = nw.coalesce(*known, nw.lit(-1)).cast(nw.Int64)
    return columns


def _halves(exact: ExactFrame, kind: str) -> list[Number]:
    """Return the two halves of a factor; null where there is no promise to rent."""
    read = [nullable(exact, f"{PREFIX}{kind}_{half}").as_int() for half in ("high", "low")]
    return [exact.keep((half >= 0).choose(half)) for half in read]


def has_promise(exact: ExactFrame) -> Number:
    """Return where there is a promise that a client with the target may rent."""
    return _halves(exact, "fee")[0] >= 0


def promised_steps(exact: ExactFrame, price: Value, kind: str = "fee") -> Number:
    """Return price times factor, rounded to a price step as it is agreed; null where none is."""
    high, low = _halves(exact, kind)
    # Both numbers are split at a million, and multiplied part by part: the product overflows.
    many, few = exact.divide(price, _MILLION)
    more, middle = exact.divide(exact.let(many * low + few * high), _MILLION)
    carry, rest = exact.divide(exact.let(middle * _MILLION + few * low), PICO)
    return exact.half_even(exact.let(many * high + more + carry), rest, PICO)
