"""``numgenius sla``: what a promise of uptime costs, would have brought, whether to make it.

It has three words of its own, ``fee``, ``backtest`` and ``advise``.
"""

from __future__ import annotations

from numgenius_core._command._options import add_json, add_utc, whole

TYPE_CHECKING = False  # as in the package's own `__init__`
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from fractions import Fraction
    from typing import Any

    from numgenius_core._command._options import Subparsers
    from numgenius_core.errors import RuleViolation
    from numgenius_core.sla import Promise, TriedPromise, UptimeHistory
    from numgenius_core.sla.evidence import OutageBand


def add(subparsers: Subparsers) -> None:
    """Add the parser."""
    about = "what a promise of uptime costs, pays back and brings"
    sla = subparsers.add_parser("sla", help=about)
    words = sla.add_subparsers(required=True, metavar="QUESTION", dest="question")

    fee = words.add_parser("fee", help="what a promise costs an hour and a day")
    _add_price(fee)
    _add_promise(fee)
    fee.add_argument("--target", required=True, help="the uptime that the client asks for")
    add_json(fee)

    backtest = words.add_parser("backtest", help="what it would have brought on a history")
    _add_history(backtest)
    _add_price(backtest)
    _add_promise(backtest)
    backtest.add_argument("--target", help="what the client asks for; the claim if left out")
    backtest.add_argument(
        "--end",
        metavar="TIME",
        help="up to when: a date is its midnight, the day of a later instant counts whole "
        "(default: the end of the last rental)",
    )
    backtest.add_argument(
        "--days", metavar="N", type=whole, help="before it, at most 366 (default 90)"
    )
    _add_platform_fee(backtest)
    backtest.add_argument("--plot", metavar="FILE", help="draw it, as SVG or PNG")
    add_json(backtest)

    advise = words.add_parser("advise", help="the best claim and spread for a host's history")
    _add_history(advise)
    _add_price(advise)
    advise.add_argument("--target", default="0.95", help="what clients ask for, 0.95 if left out")
    advise.add_argument("--risk", default="0.05", help="of a claim above the true uptime")
    advise.add_argument(
        "--most-fee", default="0.05", help="what clients pay at the most, a share of the price"
    )
    _add_platform_fee(advise)
    add_json(advise)


def _add_history(parser: ArgumentParser) -> None:
    parser.add_argument(
        "history", metavar="HISTORY", help="rentals and outages, JSON or CSV; - for stdin"
    )
    add_utc(parser)


def _add_price(parser: ArgumentParser) -> None:
    parser.add_argument("--price", required=True, help="$/hour of the instance, GPUs and storage")


def _add_promise(parser: ArgumentParser) -> None:
    parser.add_argument("--claim", required=True, help="the uptime that the host claims")
    parser.add_argument("--spread", default="0.5", help="how wide it may be off, 0.5 if left out")


def _add_platform_fee(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--platform-fee", default="0", help="the platform's share of the price (default 0)"
    )


def run(options: Namespace) -> dict[str, Any]:
    """Return what ``--json`` prints."""
    answer = {"fee": _fee, "backtest": _backtest, "advise": _advise}[options.question]
    result, table = answer(options)
    options.table = table  # what a person reads is worked out once, too
    return result


def show(result: dict[str, Any], options: Namespace) -> None:
    """Print the same for a person."""
    from numgenius_core._command._table import print_line

    for line in options.table.split("\n"):
        print_line(line)
    if options.question == "backtest" and result["days_left_out"]:
        print_line(f"{result['days_left_out']:,} days before are left out (--days N looks at more)")
    if options.question == "advise":
        _show_advice(result, options)


def _promise(options: Namespace) -> Promise:
    from numgenius_core._command._reading import read
    from numgenius_core._terms import Promise, reliability_of

    claim = read("--claim", lambda text: reliability_of(text, "claim"), options.claim)
    return read("--spread", lambda text: Promise(claim, text), options.spread)


def _target(options: Namespace) -> Fraction:
    from numgenius_core._command._reading import read
    from numgenius_core._terms import reliability_of

    return read("--target", lambda text: reliability_of(text, "target"), options.target)


def _fee(options: Namespace) -> tuple[dict[str, Any], str]:
    from numgenius_core._command._reading import read
    from numgenius_core._numbers import decimal_text
    from numgenius_core.rates import PerHour
    from numgenius_core.sla.covers import cover
    from numgenius_core.sla.terms import SlaTerms
    from numgenius_core.units import SECONDS_PER_DAY

    price, promise = read("--price", PerHour, options.price), _promise(options)
    terms = read("--target", lambda text: SlaTerms(promise, text), options.target)
    bought = cover(terms, price)
    a_day = bought.fee.charge(SECONDS_PER_DAY)
    confidence = promise.band.value
    lines = [
        f"fee         ${bought.fee:.6f} an hour, ${a_day:.2f} a day",
        f"all in      ${bought.per_hour:.6f} an hour",
        f"confidence  {confidence}, p = {float(promise.confidence):.4f}",
    ]
    return {
        "fee_per_hour": str(bought.fee),
        "fee_per_day": decimal_text(a_day.to_decimal(12), 2),
        "total_per_hour": str(bought.per_hour),
        "confidence": confidence,
        "p": round(float(promise.confidence), 9),
    }, "\n".join(lines)


def _read_history(options: Namespace) -> UptimeHistory:
    from numgenius_core._command._reading import source_of
    from numgenius_core._json.packings import name_of
    from numgenius_core.errors import RuleViolation
    from numgenius_core.sla import read_history

    source = source_of(options.history)
    try:
        return read_history(source, naive="utc" if options.utc else "refuse")
    except RuleViolation as fault:
        if fault.path.startswith(name_of(source)):
            raise
        raise _of_the_file(options, fault) from None


def _of_the_file(options: Namespace, fault: RuleViolation) -> RuleViolation:
    """Return a fault of the history, which is that of a file here."""
    from numgenius_core.errors import RuleViolation

    what, _, place = fault.path.partition(".")
    if what not in ("history", "outage", "rental"):
        return fault
    name = "standard input" if options.history == "-" else options.history
    return RuleViolation(f"{name}, {place}" if place else name, fault.need, fault.got)


def _backtest(options: Namespace) -> tuple[dict[str, Any], str]:
    from numgenius_core._command._reading import instant, read, share
    from numgenius_core.errors import RuleViolation
    from numgenius_core.rates import PerHour
    from numgenius_core.sla.backtests import backtest

    price, promise = read("--price", PerHour, options.price), _promise(options)
    end = None if options.end is None else instant(options.end, "--end")
    history = _read_history(options)
    try:
        tried = backtest(
            history,
            price,
            promise,
            target=None if options.target is None else _target(options),
            end=end,
            days=options.days,
            platform_fee=share("--platform-fee", options.platform_fee, below_one=True),
        )
    except RuleViolation as fault:
        raise _of_the_file(options, fault) from None
    if options.plot is not None:
        from numgenius_core._command._plotting import nothing_drawn, save
        from numgenius_core.plots import sla_backtest

        if tried.has_data:
            save(options.plot, lambda: sla_backtest(tried)[0])
        else:
            nothing_drawn("no rental in these days")
    settled, record = tried.settlement, tried.record()
    record["days_left_out"] = 0
    if options.days is None and settled.days and history.rentals:
        before = settled.days[0].day.date() - history.rentals[0].start.date()
        record["days_left_out"] = max(before.days, 0)
    return record, tried.table().text()


def _advise(options: Namespace) -> tuple[dict[str, Any], str]:
    from attrs import evolve

    from numgenius_core._command._reading import read, share
    from numgenius_core.errors import RuleViolation
    from numgenius_core.rates import PerHour
    from numgenius_core.sla import advise_promise, estimate_uptime

    price, history = read("--price", PerHour, options.price), _read_history(options)
    try:
        estimate = estimate_uptime(history)
    except RuleViolation as fault:
        raise _of_the_file(options, fault) from None
    advice = advise_promise(
        history,
        price,
        target=_target(options),
        risk=share("--risk", options.risk, below_one=True),
        most_fee=share("--most-fee", options.most_fee),
        platform_fee=share("--platform-fee", options.platform_fee, below_one=True),
    )
    table = advice.table()
    # Outages that count for nothing are told of the estimate, once.
    said = evolve(table, notes=()).text() if advice.tried else table.title
    tried = [_tried(each) for each in advice.tried]
    return {
        "offer": advice.best is not None,
        "best": tried[0] if advice.best else None,
        "target": float(advice.target),
        "uptime": [round(float(x), 9) for x in (estimate.low, estimate.uptime, estimate.high)],
        "confidence": float(estimate.confidence),
        "rented_seconds": estimate.rented_seconds,
        "ignored_seconds": estimate.ignored_seconds,
        "outages": [_band("length", each) for each in estimate.bands],
        "worst_days": [_band("day", each) for each in estimate.days[:10]],
        "sustained_claim": None if advice.sustained is None else float(advice.sustained),
        "unsold": advice.unsold,
        "tried": tried,
    }, f"{estimate}\n\n{said}"


def _tried(one: TriedPromise) -> dict[str, Any]:
    from numgenius_core._numbers import decimal_text

    promise = one.cover.terms.promise
    return {
        "claim": float(promise.claim),
        "spread": round(float(promise.spread), 9),
        "confidence": promise.band.value,
        "fee_per_hour": str(one.cover.fee),
        "fees": decimal_text(one.fees.to_decimal(12), 2),
        "net": decimal_text(one.net.to_decimal(12), 2),
        "gain": decimal_text(one.gain.to_decimal(12), 2),
        "worst_day_credit": decimal_text(one.worst_day_credit.to_decimal(12), 2),
    }


def _band(name: str, found: OutageBand) -> dict[str, Any]:
    """Return outages of one length or of one day, as the table has them."""
    return {
        name: found.name,
        "count": found.count,
        "seconds": found.seconds,
        "uptime": round(float(found.uptime), 9),
    }


def _show_advice(result: dict[str, Any], options: Namespace) -> None:
    from decimal import Decimal

    from numgenius_core._command._reading import share
    from numgenius_core._command._table import print_line

    most = f"{float(100 * share('--most-fee', options.most_fee)):g} %"
    dear = f"have a fee above {most} of the price, the most that clients pay (--most-fee)"
    if result["unsold"] and result["tried"]:
        print_line(f"{result['unsold']} more {dear}")
    best = result["best"]
    if best is None:
        print_line(_nothing_best(result, dear))
        return
    promise = f"claim {best['claim']:g}, spread {best['spread']:g} ({best['confidence']})"
    print_line(f"best: {promise}, ${Decimal(best['gain']):.2f} more than without a promise,")
    print_line("if every rented hour is sold with this target")


def _nothing_best(result: dict[str, Any], dear: str) -> str:
    """Say why no promise is advised: none pays, none would be sold, or none can be made."""
    if result["tried"]:
        return "offering does not pay on this history, if every rented hour is sold with it"
    if result["unsold"]:
        return f"nothing was tried: all {result['unsold']} promises {dear}"
    return f"nothing was tried: this history sustains no claim of {result['target']:g}"
