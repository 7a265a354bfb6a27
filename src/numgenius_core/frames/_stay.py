"""What a quote of a dataframe asks for: each part a number for all rows, or a column of its own.

Rule: as for :func:`numgenius_core.prices.quote`. What is not used needs no column: a quote without
disk needs no storage price, one on demand no lowest bid.

Limits (ours): each line of a quote is at most $2 billion, so that four of them and their sum fit
int64 nano-dollars. That is checked on the dearest price with the greatest use of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any, Final

import narwhals.stable.v2 as nw
from attrs import frozen

from numgenius_core._numbers import PICO, fraction, whole_number, whole_seconds
from numgenius_core.errors import RuleViolation, WrongType, shown
from numgenius_core.frames._exact import (
    INT64,
    STEPS_PER_NANO,
    ExactFrame,
    Number,
    Value,
    column,
)
from numgenius_core.frames._kinds import (
    DISK,
    DURATION,
    GPUS,
    MONTHS,
    PRICE,
    SHARE,
    SHARES,
    TRAFFIC,
    TRAFFIC_PRICE,
)
from numgenius_core.frames._reading import Input, Reading, ask, names_of
from numgenius_core.frames.columns import Column, ColumnNames, Columns, columns_of
from numgenius_core.listing import Mode, Verification
from numgenius_core.prices.schedules import months_of
from numgenius_core.rates import PerHour
from numgenius_core.units import (
    BYTES_PER_GB,
    HOURS_PER_MONTH,
    MB_PER_GB,
    SECONDS_PER_HOUR,
    SECONDS_PER_MONTH,
    Amount,
    Exact,
    to_bytes,
    to_megabytes,
)

MOST_LINE: Final = 2 * 10**18  # nano-dollars
_BILLION: Final = 10**9
_WORDS: Final = {
    **{mode.value: mode for mode in Mode},
    "on_demand": Mode.ON_DEMAND,
    "bid": Mode.INTERRUPTIBLE,
}
"""What a mode is called: by this library, in Python's spelling, and by the search API."""

Share = Column | tuple[int, int]
"""A share of each row, or one for all as numerator and denominator."""


def share_of(value: Exact | Column, path: str) -> Share:
    """Return a share as ``(numerator, denominator)``, the denominator at most 10,000."""
    if isinstance(value, Column):
        return value
    share = fraction(value, path, below_one=True)
    if share.denominator > SHARES:
        raise RuleViolation(path, f"a share with a denominator up to {SHARES:,}", shown(value))
    return share.numerator, share.denominator


def _source(value: Any, path: str, read: Any) -> Column | int:
    if isinstance(value, Column):
        return value
    number: int = read(value, path)
    return number


def _months(value: Exact, path: str) -> int:
    """Return months as the whole seconds they must make in a frame."""
    seconds = months_of(value, path) * SECONDS_PER_MONTH
    if seconds.denominator != 1:
        raise RuleViolation(path, "months that make whole seconds", shown(value))
    return seconds.numerator


def _duration(value: timedelta, path: str) -> int:
    seconds = whole_seconds(value, path)
    return whole_number(seconds, path, DURATION.least, DURATION.most)


@frozen(kw_only=True)
class QuoteRequest:
    """The arguments of :func:`numgenius_core.frames.quote`, one field for each."""

    duration: timedelta | Column
    mode: Mode | Column
    disk: Amount | Column
    upload: Amount | Column
    download: Amount | Column
    bid: PerHour | Column | None
    months: Exact | Column | None
    fee: Share
    columns: ColumnNames | None


@frozen(kw_only=True)
class QuoteColumns:
    """The inputs of a quote as exact columns, and how each row is rented.

    A truth value stands for all rows alike, so that the common case of one mode costs no column:
    what is the same everywhere is decided in Python, before any engine is asked.

    Attributes:
        exact: The frame.
        read: The inputs of the quote, as columns of the frame or numbers.
        bids: Where a row is rented by bidding.
        reserved: Where a row is reserved.
        known: Where a row has a price: its mode is one of the three, and it may be reserved if it
            is to be.
        discount: The factor D as ``(numerator, denominator)``.
    """

    exact: ExactFrame
    read: Reading
    bids: bool | Number
    reserved: bool | Number
    known: bool | Number
    discount: tuple[Value, int]

    @property
    def prepaid(self) -> Value:
        """Seconds that a reservation prepays: the duration, unless months were asked for."""
        return self.read["prepaid" if "prepaid" in self.read.bounds else "seconds"]


def read_request(exact: ExactFrame, request: QuoteRequest) -> QuoteColumns:
    """Return the inputs of a quote, checked, with only those columns that it needs.

    Raises:
        WrongType: A column that holds neither numbers nor, for modes, text.
        RuleViolation: Columns that the frame lacks, a value out of range, or a bid or months that
            no row's mode has.
    """
    names, mode = columns_of(request.columns, exact.columns), _mode_of(request.mode)
    possible = set(Mode) if isinstance(mode, Column) else {mode}
    inputs = _inputs(names, request, possible)
    texts = {"mode": mode.name} if isinstance(mode, Column) else {}
    if Mode.RESERVED in possible and names.verification is not None:
        texts["verification"] = names.verification
    exact.require({**names_of(inputs), **texts})
    bids, reserved, known = _modes(exact, mode)
    if reserved is not False:
        known = _both(known, _is_verified(exact, names, reserved))
    read = Reading(exact, inputs)
    factor: tuple[Value, int] = (0, 1)
    if reserved is not False:
        said = column(read["discount"])
        told = said.apply(lambda e: ~e.is_null())  # what is not told is no discount of 0
        known = _both(known, told | ~reserved if isinstance(reserved, Number) else told)
        factor = (exact.keep(said.apply(lambda e: e.fill_null(0))), SHARES)
    return QuoteColumns(
        exact=exact, read=read, bids=bids, reserved=reserved, known=known, discount=factor
    )


def _inputs(names: Columns, request: QuoteRequest, possible: set[Mode]) -> dict[str, Input]:
    """Return what the modes that rows may have need of each row."""
    bidding, reserving = Mode.INTERRUPTIBLE in possible, Mode.RESERVED in possible
    if request.bid is not None and not bidding:
        raise RuleViolation("bid", "interruptibles among the rows", shown(request.mode))
    if request.months is not None and not reserving:
        raise RuleViolation("months", "reservations among the rows", shown(request.mode))
    inputs = {
        "gpus": Input(path="gpus", kind=GPUS, source=names.gpus),
        "seconds": Input(
            path="duration", kind=DURATION, source=_source(request.duration, "duration", _duration)
        ),
    }
    if possible != {Mode.INTERRUPTIBLE}:
        inputs["price"] = Input(path="price", kind=PRICE, source=names.price, each="gpus")
    if bidding:
        inputs["floor"] = Input(path="min_bid", kind=PRICE, source=names.min_bid, each="gpus")
    if request.bid is not None:
        source = _source(request.bid, "bid", _bid_steps)
        inputs["bid"] = Input(path="bid", kind=PRICE, source=source)
    inputs |= _usage(names, request)
    if reserving:
        inputs["discount"] = Input(path="discount", kind=SHARE, source=names.discount)
    if request.months is not None:
        source = _source(request.months, "months", _months)
        inputs["prepaid"] = Input(path="months", kind=MONTHS, source=source)
    if isinstance(request.fee, Column):
        inputs["fee"] = Input(path="fee", kind=SHARE, source=request.fee)
    return inputs


def _bid_steps(value: object, path: str) -> int:
    if type(value) is not PerHour:
        raise WrongType(path, "a PerHour for the whole instance, or a Column", shown(value))
    return value.steps


def _usage(names: Columns, request: QuoteRequest) -> dict[str, Input]:
    """Return the inputs of disk and traffic; what is not used needs no price."""
    inputs = {}
    for name, price, per, amount, kind, read in (
        ("storage", names.storage, PRICE, request.disk, DISK, to_megabytes),
        ("upload", names.upload, TRAFFIC_PRICE, request.upload, TRAFFIC, to_bytes),
        ("download", names.download, TRAFFIC_PRICE, request.download, TRAFFIC, to_bytes),
    ):
        path = "disk" if name == "storage" else name
        source = _source(amount, path, read)
        if source != 0:
            inputs[f"{name} used"] = Input(path=path, kind=kind, source=source)
            inputs[name] = Input(path=f"{name} price", kind=per, source=price)
    return inputs


def refuse_promise(mode: Mode | Column) -> None:
    """Refuse a promise of uptime for rows that are all rented otherwise than on demand.

    Raises:
        WrongType: Something that says no mode.
        RuleViolation: They are bids or reservations.
    """
    known = _mode_of(mode)
    if isinstance(known, Mode) and known is not Mode.ON_DEMAND:
        raise RuleViolation("target", "rows on demand", known.value)


def _mode_of(mode: object) -> Mode | Column:
    """Return a mode for all rows, or the column that has a word of one for each."""
    if not isinstance(mode, Mode | Column):
        need = f"a Mode: {', '.join(map(str, Mode))}, or a Column of words"
        raise WrongType("mode", need, shown(mode))
    return mode


def _modes(
    exact: ExactFrame, mode: Mode | Column
) -> tuple[bool | Number, bool | Number, bool | Number]:
    """Return where rows are bids, where reserved, and where their mode is known."""
    if isinstance(mode, Mode):
        return mode is Mode.INTERRUPTIBLE, mode is Mode.RESERVED, True
    # A null mode stays null; another word is an error of the whole frame, and one small query
    # counts such words, so that a lazy frame stays lazy.
    text = _text_column(exact, mode.name, "mode").apply(lambda e: e.str.to_lowercase())
    known = _known(exact, text, _WORDS, "mode", mode.name)
    return _says(text, Mode.INTERRUPTIBLE), _says(text, Mode.RESERVED), known


def _known(exact: ExactFrame, text: Number, words: Iterable[str], path: str, name: str) -> Number:
    """Return where a column of words says one of some; refuse it if it says any other.

    Raises:
        RuleViolation: It does.
    """
    all_words = [*words]
    known = text.apply(lambda e: e.is_in(all_words) & ~e.is_null())
    other = (~known & text.apply(lambda e: ~e.is_null())).as_int().expr
    if wrong := ask(exact, {"wrong": other.sum()})["wrong"]:
        need = " or ".join(filter(None, all_words))
        raise RuleViolation(path, need, f"{wrong} other value(s) in column {name!r}")
    return known


def _says(text: Number, mode: Mode) -> Number:
    """Return where text is a word for a mode."""
    words = [word for word, meant in _WORDS.items() if meant is mode]
    return text.apply(lambda e: e.is_in(words) & ~e.is_null())


def _text_column(exact: ExactFrame, name: str, path: str) -> Number:
    dtype = exact.frame.collect_schema()[name]
    if not isinstance(dtype, (nw.String, nw.Categorical, nw.Enum)):
        raise WrongType(path, "a column of text", f"column {name!r} of {dtype}")
    found = nw.col(name)
    return Number(found if isinstance(dtype, nw.String) else found.cast(nw.String))


def _both(first: bool | Number, second: bool | Number) -> bool | Number:
    """Return where both hold; ``True`` stands for everywhere."""
    if isinstance(first, bool):
        return second
    return first if isinstance(second, bool) else first & second


def _is_verified(exact: ExactFrame, names: Columns, reserved: bool | Number) -> bool | Number:
    """Return where a row may be reserved, or is not to be."""
    if names.verification is None:
        return True
    text = _text_column(exact, names.verification, "verification")
    # As a reader of offers has it: another word is refused, no word is not verified.
    words = (*(each.value for each in Verification), "")
    said = _known(exact, text, words, "verification", names.verification)
    verified = text.equals(Verification.VERIFIED.value) & said
    return verified | ~reserved if isinstance(reserved, Number) else verified


def check_lines(read: Reading, per_hour: bool, promise: int | None = None) -> None:
    """Refuse what int64 could not hold: the greatest price with the greatest use of it.

    Args:
        read: The inputs.
        per_hour: Whether the price per hour is asked for.
        promise: The greatest fee of a promise, in parts of 10⁻¹² of the covered price.

    Raises:
        RuleViolation: A line beyond $2 billion, or a price or a total beyond $9 billion.
    """
    # The greatest price and the greatest use need not be of one row. That may refuse a frame whose
    # rows would all fit, but both are known from the one scan, and a sum cannot overflow unseen.
    seconds = read.bounds["seconds"]
    prepaid = read.bounds.get("prepaid", seconds)
    longest = max(seconds.high, prepaid.high)
    top: dict[str, int] = {
        name: read.high(name) * longest // (SECONDS_PER_HOUR * STEPS_PER_NANO)
        for name in ("price", "floor", "bid")
        if name in read.bounds
    }
    top["bid"] = max(top.pop("floor", 0), top.get("bid", 0))
    if "storage" in read.bounds:
        month = read.high("storage") * read.high("storage used") // (MB_PER_GB * STEPS_PER_NANO)
        top["storage"] = max(month, month * seconds.high // SECONDS_PER_MONTH)
    for name in ("upload", "download"):
        if name in read.bounds:
            used = read.high(f"{name} used")
            top[name] = read.high(name) * used // (BYTES_PER_GB * STEPS_PER_NANO)
    for name, nanos in top.items():
        if nanos > MOST_LINE:
            _too_large(name, "greatest price × greatest use", nanos, MOST_LINE)
    if promise is not None:
        top["sla_fee"] = _promise_line(read, promise)
    total = sum(top.values()) + len(top)  # each line was rounded down
    if promise is not None and total > INT64:
        _too_large("total", "greatest lines together", total, INT64)
    hourly = total * SECONDS_PER_HOUR // max(seconds.low, 1) + 1
    if per_hour and hourly > INT64:
        _too_large("per_hour", "greatest total ÷ shortest stay", hourly, INT64)


def _promise_line(read: Reading, promise: int) -> int:
    """Return the greatest fee of a promise, and refuse one that is too dear an hour.

    The price that it covers is not: with the disk it is below $4 million an hour.
    """
    covered = read.high("price")
    if "storage" in read.bounds:
        month = read.high("storage") * read.high("storage used") // MB_PER_GB
        covered += month // HOURS_PER_MONTH + 1
    hourly = covered * promise // PICO + 1  # it is rounded to a step
    if hourly > INT64 // 2:
        nanos, limit = hourly // STEPS_PER_NANO, INT64 // 2 // STEPS_PER_NANO
        _too_large("sla_fee", "greatest fee an hour", nanos, limit)
    return hourly * read.bounds["seconds"].high // (SECONDS_PER_HOUR * STEPS_PER_NANO)


def _too_large(path: str, what: str, nanos: int, limit: int) -> None:
    need = f"{what} up to ${limit // _BILLION:,} (int64 nano-dollars); price such rows on their own"
    raise RuleViolation(path, need, f"${nanos // _BILLION:,}")
