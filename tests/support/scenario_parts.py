"""Listings and clients that several tests of what-ifs use."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from numgenius_core.ids import AccountId, MachineId
from numgenius_core.listing import Listing, Machine, Mode, PriceTerms
from numgenius_core.rates import PerGbMonth, PerGpuHour, PerHour
from numgenius_core.whatif import (
    Request,
)


def machine(number: int = 1, gpus: int = 8, **changes: Any) -> Machine:
    facts: dict[str, Any] = {"host": AccountId("host"), "gpu_name": "RTX 4090", "gpus": gpus}
    return Machine(id=MachineId(number), **(facts | changes))


def listing(
    number: int = 1, gpus: int = 8, price: str = "0.40", floor: str = "0.10", **changes: Any
) -> Listing:
    prices = PriceTerms(
        gpu=PerGpuHour(price),
        storage=PerGbMonth("0.15"),
        min_bid=PerGpuHour(floor),
        platform_fee=changes.pop("platform_fee", Fraction(1, 4)),
    )
    whose = changes.pop("machine", machine(number, gpus))
    return Listing(machine=whose, prices=prices, **changes)


def wants(after: int, gpus: int = 1, seconds: int = 3_600, **changes: Any) -> Request:
    return Request(after=after, gpus=gpus, seconds=seconds, **changes)


def bids(after: int, bid: str, gpus: int = 1, seconds: int = 3_600, **changes: Any) -> Request:
    how = {"mode": Mode.INTERRUPTIBLE, "bid": PerHour(bid)}
    return wants(after, gpus, seconds, **(how | changes))


def erlang_b(load: float, servers: int) -> float:
    """Return the Erlang loss formula as it is written: (Aᶜ/c!) / Σ Aᵏ/k!."""
    terms = [Fraction(1)]
    for k in range(1, servers + 1):
        terms.append(terms[-1] * Fraction(load) / k)
    return float(terms[-1] / sum(terms))
