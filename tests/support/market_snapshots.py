"""Series of snapshots made by the library's own simulation, whose demand is therefore known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

from numgenius_core import Interval, Listing, Machine, Offer, PerGpuHour, PriceTerms
from numgenius_core.billing import History
from numgenius_core.contracts import InstanceState
from numgenius_core.gpus import rentable_blocks
from numgenius_core.whatif import Demand, Scenario, simulate

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)


def offer(
    machine: int,
    gpus: int = 1,
    price: str | None = "0.50",
    *,
    of: int | None = None,
    rentable: bool = True,
    name: str = "RTX 4090",
    number: int | None = None,
) -> Offer:
    """Return an offer of a machine; one without a price does not say it."""
    return Offer(
        id=machine * 100 + gpus if number is None else number,
        machine=machine,
        gpu_name=name,
        gpus=gpus,
        prices=PriceTerms(gpu=PerGpuHour("0" if price is None else price)),
        unknown_prices=("gpu",) if price is None else (),
        gpus_in_machine=gpus if of is None else of,
        rentable=rentable,
    )


def offers(
    machine: int, gpus: int, held: int, *, min_gpu: int = 1, price: str = "0.50"
) -> list[Offer]:
    """Return what an unfiltered search shows of a machine some of whose GPUs are held."""
    free = {block.size for block in rentable_blocks(gpus, min_gpu, occupied=held)}
    sizes = {block.size for block in rentable_blocks(gpus, min_gpu)}
    return [offer(machine, s, price, of=gpus, rentable=s in free) for s in sorted(sizes)]


def rented(machine: int, gpus: int, price: str, demand: Demand, days: int) -> tuple[History, ...]:
    """Return the rentals of a machine alone with its clients."""
    listing = Listing(
        machine=Machine(id=machine, host="hanna", gpu_name="RTX 4090", gpus=gpus),
        prices=PriceTerms(gpu=PerGpuHour(price)),
        min_gpu=1,
    )
    horizon = Interval(MONDAY, MONDAY + timedelta(days=days))
    scenario = Scenario(listings=[listing], demand=demand, horizon=horizon)
    return simulate(scenario, seed=machine, keep_histories=True).histories


def holds(histories: Iterable[History]) -> list[tuple[datetime, datetime | None, int]]:
    """Return from when to when GPUs are held, ``None`` for what goes on, and which."""
    found = []
    for history in histories:
        gone = [at for at, state in history.states() if state is InstanceState.DESTROYED]
        contract = history.contract
        found.append((contract.start, gone[0] if gone else None, contract.block.gpu_set))
    return found


def held_at(spans: Iterable[tuple[datetime, datetime | None, int]], at: datetime) -> int:
    """Return the GPUs that are held at an instant, as a set."""
    held = 0
    for start, end, gpus in spans:
        if start <= at and (end is None or at < end):
            held |= gpus
    return held


def hourly(
    fleet: dict[int, tuple[int, str, tuple[History, ...]]],
    days: int,
    *,
    shows_held: bool = True,
    every: timedelta = HOUR,
) -> Iterator[tuple[datetime, list[Offer]]]:
    """Yield a snapshot of a fleet each hour; machines by id, with GPUs, price and rentals."""
    spans = {machine: holds(histories) for machine, (_, _, histories) in fleet.items()}
    at = MONDAY
    while at < MONDAY + timedelta(days=days):
        shown = [
            each
            for machine, (gpus, price, _) in fleet.items()
            for each in offers(machine, gpus, held_at(spans[machine], at), price=price)
        ]
        yield at, [each for each in shown if shows_held or each.rentable]
        at += every
