"""What hosts and bidders ask of their own files: bids on a record, and when to go down."""

from __future__ import annotations

from argparse import Namespace
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any, Final

from numgenius_core._command._durations import parse_hours
from numgenius_core._command._market import bid_of, say_skipped
from numgenius_core._command._plotting import nothing_drawn, save
from numgenius_core._command._reading import instant, name_of, read, source_of
from numgenius_core._command._texts import text_of
from numgenius_core._numbers import decimal_text
from numgenius_core._terms import LOWEST_BID
from numgenius_core.errors import InvalidDocument, RuleViolation
from numgenius_core.intervals import after
from numgenius_core.planning import (
    BidPlan,
    PriceSeries,
    compare_bids as fare,
)
from numgenius_core.rates import PerHour
from numgenius_core.search.names import did_you_mean, meant_of
from numgenius_core.units import SECONDS_PER_HOUR
from numgenius_core.wire.machines import HostMachine, read_machines
from numgenius_core.wire.tables import price_changes

_BIDS: Final = 8
_MOST_NAMED: Final = 12
_NOBODY: Final = "none"


def compare_bids(options: Namespace) -> dict[str, Any]:
    """Return how bids would have fared on the record of a price, by the names of a ``BidPlan``."""
    series = _series(options)
    if options.bid is None:
        bids = _differing(series)
    else:
        bids = sorted({bid_of(text) for text in options.bid}, key=_steps)
    on_demand = None
    if options.on_demand is not None:
        on_demand = read("--on-demand", PerHour, options.on_demand)
    plan = fare(series, bids)
    found = plan.bids
    if options.plot is not None:
        if on_demand is not None and on_demand >= LOWEST_BID:  # what is marked is computed too
            plan = fare(series, [*bids, on_demand])
        _plot(options.plot, plan, on_demand)
    rows = [
        {
            "bid": str(one.bid),
            "seconds": one.seconds,
            "running": one.running,
            "cost_at_price": one.cost_at_price,
            "interruptions": one.interruptions,
            "availability": _rounded(one.availability),
            "cost": one.cost,
            "mean_price": text_of(one.mean_price),
            "per_day": _rounded(one.per_day),
        }
        for one in found
    ]
    span = series.span
    return {
        "start": f"{span.start:%Y-%m-%dT%H:%M:%SZ}",
        "end": f"{span.end:%Y-%m-%dT%H:%M:%SZ}",
        "hours": _rounded(Fraction(span.seconds, SECONDS_PER_HOUR)),
        "last_change": f"{series.instants[-1]:%Y-%m-%dT%H:%M:%SZ}",
        "bids": rows,
        **_on_demand(on_demand, span.seconds),
    }


def _on_demand(price: PerHour | None, seconds: int) -> dict[str, Any]:
    """Return what the whole time costs on demand, where that price is known."""
    if price is None:
        return {}
    return {"on_demand": {"price": str(price), "cost": price.charge(seconds)}}


def _plot(path: str, plan: BidPlan, on_demand: PerHour | None) -> None:
    """Draw the bids into a file."""
    from numgenius_core.plots import bid_availability

    if all(one.mean_price is None for one in plan.bids):
        nothing_drawn("none of the bids ran")
        return
    save(path, lambda: bid_availability(plan, on_demand=on_demand)[0])


def _series(options: Namespace) -> PriceSeries:
    """Read the one series that is asked for; what is wrong with another one is in nobody's way."""
    end = None if options.until is None else instant(options.until, "--until")
    changes = price_changes(
        source_of(options.file),
        time=options.time,
        price=options.price,
        naive="utc" if options.utc else "refuse",
    )
    name = _chosen(options.series, sorted(changes))
    last = max(series[-1][0] for series in changes.values())
    try:
        return PriceSeries.of(changes[name], end=last if end is None else end)
    except RuleViolation as fault:
        if end is None:
            need = "a price that holds for some time (--until says how long the last one does)"
            got = f"prices of a single moment{' of ' if name else ''}{name}"
            raise RuleViolation(name_of(options.file), need, got) from None
        need = f"a time {fault.need.removeprefix('an instant ')}"
        raise RuleViolation("--until", need, fault.got) from None


def _chosen(asked: str | None, names: Sequence[str]) -> str:
    """Return the name of the series that is asked for, of those in the file."""
    if asked is None and len(names) == 1:
        return names[0]
    if asked is not None and asked in names:
        return asked
    if names == [""]:
        raise RuleViolation("--series", "none, as the file has a single one", str(asked))
    if asked is not None and (meant := meant_of(asked, names)) is not None:
        return meant
    known = ", ".join(repr(name) for name in names[:_MOST_NAMED])
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    several = "several (one for each zone, product, offer, machine or model)"
    raise RuleViolation(
        "--series",
        f"one of {known}{more}",
        several if asked is None else f"{asked!r}{did_you_mean(asked, names)}",
    )


def _differing(series: PriceSeries) -> list[PerHour]:
    """Return a few prices of the record, from the lowest to the highest: bids that differ.

    Where it is free, that is the lowest bid there may be.
    """
    prices = sorted({max(price, LOWEST_BID) for price in series.prices}, key=_steps)
    if len(prices) <= _BIDS:
        return prices
    last = len(prices) - 1
    return [prices[last * index // (_BIDS - 1)] for index in range(_BIDS)]


def _steps(price: PerHour) -> int:
    return price.steps


def _rounded(number: Fraction) -> float:
    return round(float(number), 6)


# -- maintenance -------------------------------------------------------------------------------


def plan_maintenance(options: Namespace) -> dict[str, Any]:
    """Return when each machine can be down without disturbing anybody."""
    now = datetime.now(UTC) if options.now is None else instant(options.now, "--now")
    now = now.replace(microsecond=0)
    seconds = parse_hours(options.hours)
    machines, skipped = _machines(options)
    if options.machine is not None:
        ids = [one.machine.id for one in machines]
        machines = tuple(one for one in machines if one.machine.id == options.machine)
        if not machines:
            known = ", ".join(map(str, ids[:_MOST_NAMED])) or "none"
            raise RuleViolation("--machine", f"a machine of the file: {known}", options.machine)
    rows = [_window(one, now, timedelta(seconds=seconds)) for one in machines]
    return {
        "now": f"{now:%Y-%m-%dT%H:%M:%SZ}",
        "hours": decimal_text(_hours(seconds)),
        "machines": rows,
        "skipped": skipped,
    }


def _machines(options: Namespace) -> tuple[tuple[HostMachine, ...], int]:
    """Return the machines of the file, and how many bad rows are left out.

    Each machine is answered by itself: a bad row is in nobody's way who asks for another one, or
    for all others. Of two rows of one machine nobody knows which is right.
    """
    leaves_out = options.skip_bad or options.machine is not None
    reading = read_machines(source_of(options.file), on_error="collect" if leaves_out else "raise")
    counts = Counter(one.machine.id for one in reading.rows)
    faults = [
        RuleViolation(f"machine {number}", "each machine once", f"it in {count} rows")
        for number, count in counts.items()
        if count > 1
    ]
    if faults and not leaves_out:
        raise InvalidDocument(name_of(options.file), faults)
    say_skipped([*reading.faults, *faults])
    machines = tuple(one for one in reading.rows if counts[one.machine.id] == 1)
    return machines, reading.skipped + len(reading.rows) - len(machines)


def _window(one: HostMachine, now: datetime, length: timedelta) -> dict[str, Any]:
    """Return the first window that is sure to disturb nobody, and what going down now loses.

    The lost GPU time is counted at the listing's price as the file has it, net of the platform's
    fee: what the host does not earn. Bids below it make it less, and so do promises of uptime,
    billed meanwhile.
    Where somebody rents and no end to come is known, neither is there a window nor a known loss;
    nor is there where the file does not say whether somebody does.
    """
    rented, clients, start = _rented(one, now), _clients(one, now), now
    if one.client_end is not None and one.client_end > now:
        start = one.client_end
    known = start > now or clients == _NOBODY
    end = after(start, length, "--hours") if known else None
    lost = None
    if one.prices is not None and known and rented is not None:
        until = min(start, now + length)  # no later than the end, which is in the calendar
        seconds = int((until - now).total_seconds())
        lost = one.prices.gpu.charge(rented, seconds)
    return {
        "machine": one.machine.id,
        "gpus": one.machine.gpus,
        "rented": rented,
        "clients": clients,
        "free_now": None if clients is None else known and start == now,
        "down_from": f"{start:%Y-%m-%dT%H:%M:%SZ}" if known else None,
        "down_to": None if end is None else f"{end:%Y-%m-%dT%H:%M:%SZ}",
        "lost_now": lost,
        "rolling": text_of(one.rolling),
    }


def _clients(one: HostMachine, now: datetime) -> str | None:
    """Return what clients a machine has: who rents GPUs, else who is stopped; ``None``: not known.

    A client with a stopped instance holds no GPU, but has data there, and is disturbed too.
    """
    rented, counted = _rented(one, now), _counted(one)
    if rented is None:
        return None
    ends_later = one.client_end is not None and one.client_end > now
    if rented:
        return "renting"
    return "stopped" if ends_later or counted else _NOBODY


def _rented(one: HostMachine, now: datetime) -> int | None:
    """Return how many GPUs clients have; all of them, where a file only says that some do.

    ``None`` if the file does not say whether somebody does: neither what the GPUs do nor how many
    instances there are nor when the last client leaves.
    """
    if one.occupancy is not None:
        return sum(letter != "x" for letter in one.occupancy)
    counted = _counted(one)
    if counted is None and one.client_end is None:
        return None
    ends_later = one.client_end is not None and one.client_end > now
    return one.machine.gpus if ends_later or counted else 0


def _counted(one: HostMachine) -> int | None:
    """Return how many instances are on a machine, as its row counts them, if it does."""
    said = [one.extra.get(f"current_rentals_{word}") for word in ("resident", "running")]
    return max((count for count in said if isinstance(count, int)), default=None)


def _hours(seconds: int) -> Any:
    from decimal import Decimal

    return Decimal(seconds) / SECONDS_PER_HOUR
