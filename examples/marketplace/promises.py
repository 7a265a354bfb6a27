"""What a promise of uptime would have brought on a machine's own history, asked by its host."""

from __future__ import annotations

from fractions import Fraction
from numbers import Real
from typing import Any

from examples.marketplace.questions import Asked, own_machine
from examples.marketplace.reading import Call, whole_number
from examples.marketplace.refusals import WrongPromise
from numgenius_core.errors import RuleViolation, WrongType
from numgenius_core.intervals import from_epoch
from numgenius_core.market import MachineState, views
from numgenius_core.rates import PerHour
from numgenius_core.sla import Promise, backtest


def sla_backtest(asked: Asked) -> Any:
    """Try a claim on what happened to a machine: a year at most, the last 90 days by default."""
    call = asked.call
    number = whole_number(call.asked("machine_id", int, None), "machine_id")
    place = own_machine(asked, number)
    price, fee = price_of(place)
    archive, market = asked.store.archive, asked.market
    history = views.uptime_history(market, place.id, call.at, archive=archive)
    end = call.asked("end", Real, None)
    if call.asked("r_claim", Real, None) is None:
        raise WrongPromise("r_claim", "the share that is claimed", "null")
    try:
        claim, confidence = share(call, "r_claim") or Fraction(0), share(call, "p")
        sure = confidence is not None
        promise = Promise.of_confidence(claim, confidence or 0) if sure else Promise(claim)
        return backtest(
            history,
            price,
            promise,
            target=share(call, "r_target"),
            end=call.at if end is None else from_epoch(end, "end"),
            days=call.asked("days", int, None),
            platform_fee=fee,
            rules=market.settings.sla,
        ).record()
    except (RuleViolation, WrongType) as fault:
        raise WrongPromise(fault.path, fault.need, fault.got) from None


def price_of(place: MachineState) -> tuple[PerHour, Fraction]:
    """Return what all GPUs of a machine are listed for, and the platform's share of it."""
    if place.listing is None:
        raise RuleViolation("machine_id", "a machine that is listed", f"{place.id}, which is not")
    prices = place.listing.prices
    return prices.gpu.for_gpus(place.machine.gpus), prices.platform_fee


def share(call: Call, name: str) -> Fraction | None:
    """Return a number of the query as it is written."""
    value = call.asked(name, Real, None)
    return None if value is None else Fraction(call.decimal(value, name))
