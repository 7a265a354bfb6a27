"""Quotes, reservations and payouts of a whole dataframe: the scalar rules as columns.

Rule: those of :func:`numgenius_core.prices.quote` and of the reserved discounts in
:mod:`numgenius_core.prices`; results are theirs rounded half-even to a nano-dollar, as int64.

Our readings: a null stays a null, and NaN is one. Without a discount there is no deposit: it is
null; where nothing is said of the discount, what reserving costs is null. Where the scalar rule
refuses an offer, because it is not for rent that way (a bid under the floor or above $32 a GPU, no
reserved price on a machine that is not verified, a target of uptime that its host does not claim or
that is not rented on demand), all results of its row are null; what is no number of that kind, or
too large to compute with, is an error for the frame. Null is also what a reservation costs where
half a second of it may cost less than a nano-dollar: there the market, which sees the deposit
alone, may work out another time than the one asked for. The scalar quote tells it.

A lazy frame stays lazy, but one query looks at its least and greatest values at once, so the data
must not change between that query and the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Final

from numgenius_core._checks import check_kind
from numgenius_core._terms import HIGHEST_BID, LOWEST_BID
from numgenius_core.frames._exact import (
    INT64,
    STEPS_PER_NANO,
    ExactFrame,
    Number,
    Pair,
    Value,
    column,
)
from numgenius_core.frames._names import NativeT, as_frame, refuse_taken, some_of
from numgenius_core.frames._stay import (
    QuoteColumns,
    QuoteRequest,
    Share,
    check_lines,
    read_request,
    refuse_promise,
    share_of,
)
from numgenius_core.frames.columns import Column, ColumnNames, columns_of
from numgenius_core.frames.payouts import parts_of, scaled, split
from numgenius_core.frames.promises import has_promise, promised_steps, with_factors
from numgenius_core.listing import Mode
from numgenius_core.money import TICKS_PER_NANO
from numgenius_core.prices.schedules import FEE, LEAST_TO_TELL
from numgenius_core.rates import PerHour
from numgenius_core.sla.schedules import OUR_RULES, SlaRules
from numgenius_core.units import (
    HOURS_PER_MONTH,
    MB_PER_GB,
    SECONDS_PER_HOUR,
    SECONDS_PER_MONTH,
    Amount,
    Exact,
)

LINES: Final = ("gpu", "discount", "forfeit", "storage", "upload", "download", "sla_fee")
_RESERVED: Final = ("gpu_per_hour", "deposit", "discount_rate")
_RESULTS: Final = (*LINES, "total", "per_hour", "payout", "fee", *_RESERVED)
_DEFAULT: Final = ("total", "per_hour", "payout", "fee")
_BILLION: Final = 10**9


def quote(
    frame: NativeT,
    duration: timedelta | Column,
    *,
    mode: Mode | Column = Mode.ON_DEMAND,
    disk: Amount | Column = 0,
    upload: Amount | Column = 0,
    download: Amount | Column = 0,
    bid: PerHour | Column | None = None,
    months: Exact | Column | None = None,
    fee: Exact | Column = 0,
    target: Exact | Column | None = None,
    sla: SlaRules = OUR_RULES,
    columns: ColumnNames | None = None,
    results: Iterable[str] = _DEFAULT,
    prefix: str = "quote_",
) -> NativeT:
    """Return the frame with the exact price of a stay for each row.

    Args:
        frame: Offers, a row each, in any dataframe that narwhals speaks to.
        duration: How long the offer is rented; a column is in seconds unless its unit is another.
        mode: How it is rented; a column holds the words ``on-demand``, ``reserved`` and
            ``interruptible`` (or ``bid``).
        disk: GB of disk.
        upload: GB sent.
        download: GB received.
        bid: Of interruptibles, dollars per hour for the whole instance; the lowest bid if left out.
        months: Of reservations, the time prepaid, months of 720 hours; the duration if left out.
            As for :func:`numgenius_core.prices.quote`, a longer stay goes on on demand, and a
            shorter one forfeits part of the deposit.
        fee: The platform's share of what the client pays.
        target: The uptime that hosts are to keep, on demand only; ``None`` for no promise. It needs
            the columns of claim and spread.
        sla: What a promise costs; our schedules if left out.
        columns: Which columns say what of an offer: ``Columns``, or a dict of those whose names are
            not the search API's or :func:`~numgenius_core.frames.offer_columns`'s.
        results: Which columns to add, each in nano-dollars: ``gpu``, ``discount``, ``forfeit``,
            ``storage``, ``upload``, ``download``, ``sla_fee`` (the lines: differences of rounded
            running totals, as :meth:`~numgenius_core.prices.Quote.rounded_lines` has them),
            ``total``, ``per_hour``, ``payout`` (``total`` less ``fee``), ``fee``, ``gpu_per_hour``
            (after the discount), ``deposit``, and ``discount_rate`` in billionths.
        prefix: What the names of the results begin with.

    Raises:
        WrongType: A column that holds no numbers, or a mode that is none, or no column of text.
        RuleViolation: Columns that the frame lacks (all of them at once), a value out of range, an
            amount beyond $2 billion, a name that is taken.

    >>> from datetime import timedelta
    >>> import pyarrow as pa
    >>> from numgenius_core.frames import quote
    >>> offers = pa.table({"num_gpus": [1, 2], "dph_base": [0.5, 1.2], "storage_cost": [0.2, 0.2]})
    >>> prices = quote(offers, timedelta(hours=10), disk=36, results=["total", "per_hour"])
    >>> prices.select(["quote_total", "quote_per_hour"]).to_pylist()[0]  # nano-dollars
    {'quote_total': 5100000000, 'quote_per_hour': 510000000}
    """
    check_kind(prefix, str, "prefix")
    wanted = some_of(results, _RESULTS)
    platform, own = share_of(fee, "fee"), tuple(as_frame(frame).collect_schema().names())
    refuse_taken([prefix + name for name in wanted], own)
    check_kind(sla, SlaRules, "sla")
    joined, greatest = frame, None
    if target is not None:
        refuse_promise(mode)
        names = columns_of(columns, own)
        joined, greatest = with_factors(frame, target, names.claim, names.spread, rules=sla)
    exact = ExactFrame(joined, ours=True)
    request = QuoteRequest(
        duration=duration,
        mode=mode,
        disk=disk,
        upload=upload,
        download=download,
        bid=bid,
        months=months,
        fee=platform,
        columns=columns,
    )
    given = read_request(exact, request)
    check_lines(given.read, "per_hour" in wanted, greatest)
    promised = target is not None
    answer = _answer(given, wanted, platform, promised=promised)
    priced: NativeT = exact.finish({prefix + k: v for k, v in answer.items()}, own)
    return priced


def _sla_fee(given: QuoteColumns, full: Value) -> Value:
    """Return the fee of the promise an hour, in price steps; null where there is none to buy."""
    read, exact, covered = given.read, given.exact, full
    if "storage" in read.bounds:
        parts = MB_PER_GB * HOURS_PER_MONTH
        whole, rest, divisor = exact.ratio(read["storage"], read["storage used"], parts)
        covered = exact.let(full + exact.half_even(whole, rest, divisor))
    return promised_steps(exact, covered)


def _with_promise(given: QuoteColumns, full: Value) -> Value:
    """Return the hourly GPU price; null where the promise that is asked for cannot be had."""
    rented = has_promise(given.exact)
    for other in (given.bids, given.reserved):
        if isinstance(other, Number):
            rented &= ~other
    return given.exact.let(rented.choose(column(full)))


def _full_price(given: QuoteColumns) -> Value:
    """Return the hourly GPU price before a discount; null where it cannot be rented so."""
    read, exact = given.read, given.exact
    if given.bids is False:
        price = read["price"]
    else:
        price = _bid(given)
        if isinstance(given.bids, Number):
            price = exact.let(given.bids.choose(price, read["price"]))
    return (
        exact.let(given.known.choose(column(price))) if isinstance(given.known, Number) else price
    )


def _bid(given: QuoteColumns) -> Value:
    """Return the bid of each row, the lowest if none is given; null where it is not legal."""
    read, exact = given.read, given.exact
    floor = column(read["floor"])
    least = column(
        exact.let((floor > LOWEST_BID.steps).choose(floor, 0 * floor + LOWEST_BID.steps))
    )
    price = column(exact.let(0 * least + read["bid"])) if "bid" in read.bounds else least
    most = HIGHEST_BID.steps * column(read["gpus"])
    return exact.let(((price >= least) & (price <= most)).choose(price))


def _known_by_deposit(given: QuoteColumns, full: Value) -> Value:
    """Return the hourly GPU price; null where a deposit does not tell the seconds it is for.

    A market works the discount out from the deposit. It is that of the seconds asked for where
    half a second costs a nano-dollar or more, and none costs less than 1 − D of its price.
    """
    exact, (factor, shares) = given.exact, given.discount
    least = LEAST_TO_TELL.steps * shares
    # Above that any price does, and the product might overflow.
    price = column(exact.let((column(full) < least).choose(full, least)))
    told = (price * (shares - column(factor)) >= least) | price.equals(0)
    told |= column(factor).equals(0) | column(given.prepaid).equals(0)
    if isinstance(given.reserved, Number):
        told |= ~given.reserved
    return exact.let(told.choose(column(full)))


def _discounted(given: QuoteColumns, full: Value) -> tuple[Value, dict[str, Value]]:
    """Return the hourly GPU price after the discount, and what a reservation adds."""
    exact, (factor, shares) = given.exact, given.discount
    if given.reserved is False:
        nothing = (column(full) < 0).choose(column(full))
        return full, {"deposit": nothing, "discount_rate": 0 * column(full)}
    prepaid = given.prepaid
    # 1 − d = 1 − D · m / (m + 1), as whole numbers: of ``parts``, so much is ``kept``.
    parts = exact.let((prepaid + SECONDS_PER_MONTH) * shares)
    taken = exact.let(factor * prepaid)
    kept = exact.let(parts - taken)
    price = exact.half_even(*exact.long_ratio(full, kept, parts), parts)
    rate = exact.half_even(*exact.long_ratio(_BILLION, taken, parts), parts)
    # Without a discount the market takes no prepayment, so there is no deposit; nor for no price.
    earned = (column(taken) > 0) & (column(full) > 0)
    rate = column(exact.keep(earned.choose(rate, 0)))
    deposit = exact.let(earned.choose(column(_deposit(exact, full, prepaid, kept, parts))))
    # The rate needs no price, but an offer that is not for rent this way has none.
    if isinstance(given.reserved, Number):
        price = column(exact.let(given.reserved.choose(price, full)))
        deposit = exact.let(given.reserved.choose(column(deposit)))
        rate = exact.keep(given.reserved.choose(rate, 0))
    return price, {"deposit": deposit, "discount_rate": (column(full) >= 0).choose(rate)}


def _deposit(exact: ExactFrame, full: Value, prepaid: Value, kept: Value, parts: Value) -> Value:
    """Return ``full`` for the time ``prepaid``, times ``kept / parts``, rounded once."""
    whole, rest, divisor = exact.ratio(full, prepaid, SECONDS_PER_HOUR * STEPS_PER_NANO)
    whole, below = exact.long_ratio(whole, kept, parts)
    # What is left is (below + rest · kept / divisor) / parts: the product would overflow.
    above, kept_rest = exact.divide(kept, divisor)
    carry, finest = exact.divide(rest * kept_rest, divisor)
    more, below = exact.divide(exact.let(below + rest * above + carry), parts)
    return exact.half_even(exact.let(whole + more), below, parts, finest, divisor)


def _on_deposit(given: QuoteColumns, price: Value, deposit: Value) -> Value | None:
    """Return for how many seconds of the stay a deposit pays; ``None`` where none is reserved.

    A row without a deposit has null for one, which lasts for no time.
    """
    if given.reserved is False:
        return None
    exact, seconds = given.exact, given.read["seconds"]
    lasts = _lasts(exact, deposit, price, given.prepaid)
    return exact.let((lasts < seconds).choose(lasts, seconds))


def _gpu_time(given: QuoteColumns, full: Value, price: Value, paid: Value | None) -> list[Pair]:
    """Return what GPU time costs: after the discount while the deposit pays, then before it."""
    exact, seconds = given.exact, given.read["seconds"]
    if paid is None:
        return [exact.per_unit(full, seconds, SECONDS_PER_HOUR)]
    used = exact.carried(exact.per_unit(price, paid, SECONDS_PER_HOUR))
    return [used, exact.per_unit(full, exact.let(seconds - paid), SECONDS_PER_HOUR)]


def _forfeit(
    exact: ExactFrame, full: Value, price: Value, paid: Value, deposit: Value, used: Pair
) -> Pair:
    """Return what of a deposit is forfeited; without one, nothing."""
    # Of the deposit that is left, as much as that: the discount received and 5 % of it.
    saved, hours = paid * FEE.numerator, SECONDS_PER_HOUR * FEE.denominator
    claim = exact.carried(exact.per_unit(full - price, saved, hours))
    # A nano-dollar is lent to the rest, so that it stays above zero.
    left = exact.carried((deposit - used[0] - 1, exact.let(TICKS_PER_NANO - used[1])))
    some, less = column(left[0]) >= 0, column(left[0]) < claim[0]
    less |= column(left[0]).equals(claim[0]) & (column(left[1]) < claim[1])
    kept = [exact.let(some.choose(less.choose(a, b), 0)) for a, b in zip(left, claim, strict=True)]
    return kept[0], kept[1]


def _lasts(exact: ExactFrame, deposit: Value, price: Value, prepaid: Value) -> Number:
    """Return for how many seconds a deposit lasts; each that begins with some of it counts.

    But for rounding it is the time prepaid. The rounding, in steps · seconds, is a small number,
    where the whole deposit would overflow.
    """
    parts = SECONDS_PER_HOUR * STEPS_PER_NANO
    whole, rest, divisor = exact.ratio(price, prepaid, parts)
    over = exact.let((deposit - whole) * parts - rest * (parts // divisor))
    rate = exact.let((column(price) > 0).choose(price, 1))
    more, part = exact.divide(exact.let((column(over) > 0).choose(over, 0)), rate)
    less, _ = exact.divide(exact.let((column(over) < 0).choose(0 - over, 0)), rate)
    seconds = (column(price) > 0).choose(prepaid + more + (column(part) > 0).as_int() - less, INT64)
    return column(exact.let((column(deposit) > 0).choose(seconds, 0)))


def _used(given: QuoteColumns, of: Callable[[Value], Value] | None = None) -> dict[str, Pair]:
    """Return the amounts of disk and traffic, or of a part of their prices; unused has none."""
    read, exact = given.read, given.exact
    prices = {name: read[name] for name in ("storage", "upload", "download") if name in read.bounds}
    amounts: dict[str, Pair] = {}
    for name, price in prices.items():
        part, used = price if of is None else of(price), read[f"{name} used"]
        if name == "storage":
            amounts[name] = exact.stored(part, used, read["seconds"])
        else:
            amounts[name] = exact.sent(part, used)
    return amounts


def _answer(
    given: QuoteColumns, wanted: list[str], fee: Share, *, promised: bool
) -> dict[str, Value]:
    """Work out what is wanted, in the order in which one thing needs another."""
    exact, seconds = given.exact, given.read["seconds"]
    full = _full_price(given)
    beside: dict[str, Pair] = {}
    if promised:
        full = _with_promise(given, full)
        hourly = _sla_fee(given, full)
        beside = {"sla_fee": exact.per_unit(hourly, seconds, SECONDS_PER_HOUR)}
    if given.reserved is not False:
        full = _known_by_deposit(given, full)
    price, out = _discounted(given, full)
    paid = _on_deposit(given, price, out["deposit"])
    gpus = _gpu_time(given, full, price, paid)
    amounts = {"discount": gpus[0] if paid is None else exact.sum(gpus)}
    if paid is not None:
        amounts["forfeit"] = _forfeit(exact, full, price, paid, out["deposit"], gpus[0])
    amounts |= _used(given) | beside
    if set(wanted) & set(LINES):
        gpu = exact.per_unit(full, seconds, SECONDS_PER_HOUR)
        out |= _lines(exact, gpu, amounts)
    total = exact.carried(exact.sum(list(amounts.values())))
    out["total"] = exact.half_even(*total, TICKS_PER_NANO)
    if "per_hour" in wanted:
        out["per_hour"] = _per_hour(exact, total, seconds)
    if {"payout", "fee"} & set(wanted):
        part = _platforms(given, fee, (full, price, paid), amounts.get("forfeit"))
        out["payout"], out["fee"] = split(exact, out["total"], part)
    out["gpu_per_hour"] = price
    if "gpu_per_hour" in wanted:
        out["gpu_per_hour"] = exact.half_even(*exact.divide(price, STEPS_PER_NANO), STEPS_PER_NANO)
    return {name: out[name] for name in wanted}


def _platforms(
    given: QuoteColumns, fee: Share, gpus: tuple[Value, Value, Value | None], lost: Pair | None
) -> Pair | None:
    """Return the platform's part of what is billed, carried; ``None`` where it takes nothing.

    As :func:`numgenius_core.prices.quote` has it: the part of each price is a price of its own,
    rounded once; that of a forfeit is rounded to a tick.
    """
    exact, (taken, shares) = given.exact, parts_of(fee, given.read)
    if taken == 0:
        return None

    def of(price: Value) -> Value:
        return exact.half_even(*exact.ratio(price, taken, shares))

    full, price, paid = gpus
    reduced = full if paid is None else of(price)
    parts = _gpu_time(given, of(full), reduced, paid)
    parts += _used(given, of).values()
    if lost is not None:
        parts.append(scaled(exact, lost, taken, shares))
    return exact.carried(exact.sum(parts))


def _lines(exact: ExactFrame, gpu: Pair, amounts: dict[str, Pair]) -> dict[str, Value]:
    """Return the lines: differences of rounded running totals, so that they add up."""
    before = exact.nanos(gpu)
    lines: dict[str, Value] = dict.fromkeys(LINES, 0 * before)
    lines["gpu"] = before
    running: Pair = (0, 0)
    for name, amount in amounts.items():
        running = exact.sum([running, amount])
        after = exact.nanos(running)
        lines[name] = after - before
        before = after
    return lines


def _per_hour(exact: ExactFrame, total: Pair, seconds: Value) -> Value:
    """Return ``total · 3,600 / seconds``; the product would overflow."""
    whole, left = exact.divide(total[0], seconds)
    ticks = TICKS_PER_NANO // SECONDS_PER_HOUR
    part, finest = exact.divide(total[1], ticks)
    more, rest = exact.divide(exact.let(left * SECONDS_PER_HOUR + part), seconds)
    return exact.half_even(exact.let(whole * SECONDS_PER_HOUR + more), rest, seconds, finest, ticks)


def reserve(
    frame: NativeT,
    months: Exact | Column,
    *,
    columns: ColumnNames | None = None,
    results: Iterable[str] = _RESERVED,
    prefix: str = "reserved_",
) -> NativeT:
    """Return the frame with what prepaying some months costs, and takes off the price of, each row.

    Args:
        frame: Offers, a row each.
        months: Time to prepay, months of 720 hours that make whole seconds.
        columns: Which columns say what of an offer, as for :func:`~numgenius_core.frames.quote`.
        results: ``gpu_per_hour`` (the discounted GPU price), ``deposit`` (null without a discount:
            the market takes no prepayment then), ``discount_rate`` (in billionths of the price).
        prefix: What the names of the results begin with.

    Raises:
        WrongType: A column that holds no numbers.
        RuleViolation: A value out of range, an amount beyond $2 billion, a name that is taken.

    >>> import pyarrow as pa
    >>> from numgenius_core.frames import Columns, reserve
    >>> offers = pa.table({"num_gpus": [1], "dph_base": [1.0], "credit_discount_max": [0.4]})
    >>> priced = reserve(offers, 1, columns=Columns(verification=None))
    >>> priced.select(["reserved_gpu_per_hour", "reserved_deposit"]).to_pylist()  # nano-dollars
    [{'reserved_gpu_per_hour': 800000000, 'reserved_deposit': 576000000000}]
    """
    return quote(
        frame,
        timedelta(seconds=1),
        mode=Mode.RESERVED,
        months=months,
        columns=columns,
        results=some_of(results, _RESERVED),
        prefix=prefix,
    )
