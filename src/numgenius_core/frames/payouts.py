"""What host and platform get of a column of amounts, and amounts in dollars.

Rule (marketplace): the platform keeps its fee of what a client pays, and the host gets the rest.

Our reading: the fee is rounded half-even to a nano-dollar, and the host gets what is left of the
rounded total, so the two always add up.
"""

from __future__ import annotations

from typing import Final

import narwhals.stable.v2 as nw

from numgenius_core._checks import check_kind
from numgenius_core.errors import WrongType
from numgenius_core.frames._exact import ExactFrame, Pair, Value, column
from numgenius_core.frames._kinds import AMOUNT, SHARE, SHARES
from numgenius_core.frames._names import NativeT, as_frame, check_name, refuse_taken
from numgenius_core.frames._reading import Input, Reading
from numgenius_core.frames._stay import Share, share_of
from numgenius_core.frames.columns import Column, as_column
from numgenius_core.money import TICKS_PER_NANO
from numgenius_core.units import Exact

_NANOS: Final = 10**9
"""Nano-dollars in a dollar."""


def parts_of(fee: Share, read: Reading) -> tuple[Value, int]:
    """Return the platform's share as ``(numerator, denominator)``."""
    return (read["fee"], SHARES) if isinstance(fee, Column) else fee


def split(exact: ExactFrame, total: Value, part: Pair | None) -> tuple[Value, Value]:
    """Return what host and platform get of a total in nano-dollars; ``part`` is carried."""
    if part is None:
        return total, 0 * column(total)
    fee = exact.half_even(*part, TICKS_PER_NANO)
    return total - fee, fee


def scaled(exact: ExactFrame, amount: Pair, times: Value, parts: int) -> Pair:
    """Return ``amount · times / parts`` as :meth:`~numgenius_core.money.Money.scaled` rounds it."""
    whole, left = exact.divide(amount[0], parts)
    more, finer = exact.divide(exact.let(left * times), parts)
    ticks = exact.divide(exact.let(finer * TICKS_PER_NANO + amount[1] * times), parts)
    return exact.let(whole * times + more), exact.half_even(*ticks, parts)


def payout(
    frame: NativeT, amount: Column | str, fee: Exact | Column, *, prefix: str = "host_"
) -> NativeT:
    """Return the frame with what host and platform get of amounts that clients pay.

    Args:
        frame: Any frame with a column of whole nano-dollars.
        amount: The column of what clients pay.
        fee: The platform's share of each amount. What is billed is split price by price, as
            :func:`quote` splits it: that may differ in the last nano-dollars.
        prefix: What the names of the results, ``payout`` and ``fee``, begin with. The fee is
            rounded half-even to a nano-dollar, and the payout is the rest of the amount.

    Raises:
        WrongType: A column that holds no numbers.
        RuleViolation: An amount below zero, a share that is not from 0 to below 1, or a name that
            is taken.

    >>> import pyarrow as pa
    >>> from numgenius_core.frames import payout
    >>> bills = pa.table({"paid": [4_000_000_000]})
    >>> payout(bills, "paid", "0.25").to_pylist()
    [{'paid': 4000000000, 'host_payout': 3000000000, 'host_fee': 1000000000}]
    """
    check_kind(prefix, str, "prefix")
    exact, platform = ExactFrame(frame), share_of(fee, "fee")
    refuse_taken([prefix + "payout", prefix + "fee"], exact.columns)
    inputs = {"amount": Input(path="amount", kind=AMOUNT, source=as_column(amount, "amount"))}
    if isinstance(platform, Column):
        inputs["fee"] = Input(path="fee", kind=SHARE, source=platform)
    read = Reading(exact, inputs)
    total, (taken, shares) = read["amount"], parts_of(platform, read)
    part = None if taken == 0 else exact.carried(scaled(exact, (total, 0), taken, shares))
    host, kept = split(exact, total, part)
    split_up: NativeT = exact.finish({prefix + "payout": host, prefix + "fee": kept})
    return split_up


def dollars(frame: NativeT, *names: str, suffix: str = "_dollars") -> NativeT:
    """Return the frame with amounts in dollars as floats, to look at and to plot.

    A float is the nearest one to the amount, to the nano-dollar up to $9 million. Sum the
    nano-dollars first: sums of floats drift.

    Args:
        frame: Any frame with columns of whole nano-dollars.
        *names: These columns, such as ``quote_total``.
        suffix: What the new columns' names add to them.

    Raises:
        WrongType: A column that holds no integers.
        RuleViolation: Columns that the frame lacks, or a name that is taken.

    >>> import pyarrow as pa
    >>> from numgenius_core.frames import dollars
    >>> dollars(pa.table({"quote_total": [5_100_000_000]}), "quote_total").to_pylist()
    [{'quote_total': 5100000000, 'quote_total_dollars': 5.1}]
    """
    check_kind(suffix, str, "suffix")
    for index, name in enumerate(names):
        check_name(name, f"names[{index}]")
    exact = ExactFrame(frame)
    exact.require({name: name for name in names})
    refuse_taken([name + suffix for name in names], exact.columns, "suffix")
    schema = exact.frame.collect_schema()
    added = {}
    for name in names:
        if not schema[name].is_integer():
            raise WrongType(name, "a column of whole nano-dollars", f"one of {schema[name]}")
        amount = nw.col(name).cast(nw.Float64)
        # A column divides: Polars divides by a number as it multiplies by its reciprocal.
        added[name + suffix] = amount / (amount - amount + float(_NANOS))
    seen: NativeT = as_frame(frame).with_columns(**added).to_native()
    return seen
