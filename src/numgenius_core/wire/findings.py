"""What is odd in a market but legal: it is found and said, never refused.

Rule (marketplace, measured): a floor above the on-demand price is legal (18 % of rows); a
machine's offers are the blocks that its ``min_gpu`` cuts (:mod:`numgenius_core.gpus`).

Our readings: a free offer is odd, since no host means it; sizes are odd when no ``min_gpu`` of any
machine that the offers may be of explains them, whatever part of it is rented. Searches and
snapshots show one offer for all equal blocks, so a size seen once may stand for several.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Final

from attrs import frozen

from numgenius_core._checks import as_tuple, check_kind
from numgenius_core.gpus.slicing import infer_min_gpu
from numgenius_core.ids import MachineId, OfferId
from numgenius_core.intervals import utc
from numgenius_core.offer import Block, Offer
from numgenius_core.rates import PerGpuHour

LARGEST_EXPLAINED: Final = 32
"""Up to this many GPUs in a machine its sizes are looked at; markets know at most 16."""


@frozen(kw_only=True)
class FloorAboveOnDemand:
    """The lowest bid of an offer is dearer than renting it on demand.

    Attributes:
        offer: The offer.
        machine: Its machine.
        floor: Lowest bid, dollars per GPU-hour.
        price: On-demand price, dollars per GPU-hour.

    >>> from numgenius_core import read_sample
    >>> print(read_sample().findings[0])
    offer 9000040: lowest bid $1.1686 above the on-demand $0.9738
    """

    offer: OfferId
    machine: MachineId
    floor: PerGpuHour
    price: PerGpuHour

    def __str__(self) -> str:
        return f"offer {self.offer}: lowest bid ${self.floor} above the on-demand ${self.price}"


@frozen(kw_only=True)
class FreeOfCharge:
    """The GPUs of an offer cost nothing, which no host means (our reading).

    Attributes:
        offer: The offer.
        machine: Its machine.

    >>> from numgenius_core import read_offers
    >>> free = '{"id": 1, "machine_id": 7, "gpu_name": "A100", "num_gpus": 4, "dph_base": 0}'
    >>> print(*read_offers(free).findings)
    offer 1: its GPUs cost nothing
    """

    offer: OfferId
    machine: MachineId

    def __str__(self) -> str:
        return f"offer {self.offer}: its GPUs cost nothing"


@frozen(kw_only=True)
class Ended:
    """The end date of an offer has gone by.

    Attributes:
        offer: The offer.
        machine: Its machine.
        ends_at: The end date, UTC.

    >>> from datetime import UTC, datetime
    >>> from numgenius_core import read_sample
    >>> from numgenius_core.wire import find
    >>> offer = read_sample().offers[0]
    >>> print(*find([offer], now=datetime(2030, 1, 1, tzinfo=UTC)))
    offer 9000000: ended at 2027-06-09 12:00:00 UTC
    """

    offer: OfferId
    machine: MachineId
    ends_at: datetime

    def __str__(self) -> str:
        return f"offer {self.offer}: ended at {self.ends_at:%Y-%m-%d %H:%M:%S} UTC"


@frozen(kw_only=True)
class RepeatedOffer:
    """One offer number occurs more than once.

    Attributes:
        offer: The number.
        machine: The machine of its first occurrence.
        indexes: Indexes among the offers looked at, from 0.

    >>> from numgenius_core import read_sample
    >>> from numgenius_core.wire import find
    >>> offers = read_sample().offers
    >>> print(*find([offers[0], offers[0]]))
    offer 9000000: stands at 0, 1
    """

    offer: OfferId
    machine: MachineId
    indexes: tuple[int, ...]

    def __str__(self) -> str:
        return f"offer {self.offer}: stands at {', '.join(map(str, self.indexes))}"


@frozen(kw_only=True)
class RepeatedSlice:
    """Offers of different numbers are the same GPUs of one machine.

    Attributes:
        offers: The numbers, in the order of the market.
        machine: The machine.
        gpus: Number of GPUs of each.

    >>> from attrs import evolve
    >>> from numgenius_core import Block, MachineId, Offer, OfferId, PerGpuHour, PriceTerms
    >>> from numgenius_core.wire import find
    >>> prices = PriceTerms(gpu=PerGpuHour("0.40"))
    >>> offer = Offer(
    ...     id=OfferId(1),
    ...     machine=MachineId(7),
    ...     gpu_name="A100",
    ...     gpus=2,
    ...     prices=prices,
    ...     block=Block(0, 2),
    ... )
    >>> print(*find([offer, evolve(offer, id=OfferId(2))]))
    machine 7: offers 1, 2 are the same 2 GPUs
    """

    offers: tuple[OfferId, ...]
    machine: MachineId
    gpus: int

    def __str__(self) -> str:
        numbers = ", ".join(map(str, self.offers))
        return f"machine {self.machine}: offers {numbers} are the same {self.gpus} GPUs"


@frozen(kw_only=True)
class UnexplainedSizes:
    """The sizes offered of a machine, which no ``min_gpu`` explains.

    Attributes:
        offers: The offers, in the order of the market.
        machine: The machine.
        sizes: Their sizes, ascending, each once.
        gpus_in_machine: All its GPUs, ``None`` if not known.

    >>> from attrs import evolve
    >>> from numgenius_core import MachineId, Offer, OfferId, PerGpuHour, PriceTerms
    >>> from numgenius_core.wire import find
    >>> prices = PriceTerms(gpu=PerGpuHour("0.40"))
    >>> three = Offer(
    ...     id=OfferId(1),
    ...     machine=MachineId(7),
    ...     gpu_name="A100",
    ...     gpus=3,
    ...     prices=prices,
    ...     gpus_in_machine=8,
    ... )
    >>> print(*find([three, evolve(three, id=OfferId(2), gpus=5)]))
    machine 7: no min_gpu explains offers of 3, 5 of 8 GPUs
    """

    offers: tuple[OfferId, ...]
    machine: MachineId
    sizes: tuple[int, ...]
    gpus_in_machine: int | None

    def __str__(self) -> str:
        total = "" if self.gpus_in_machine is None else f" of {self.gpus_in_machine} GPUs"
        sizes = ", ".join(map(str, self.sizes))
        return f"machine {self.machine}: no min_gpu explains offers of {sizes}{total}"


Finding = (
    FloorAboveOnDemand | FreeOfCharge | Ended | RepeatedOffer | RepeatedSlice | UnexplainedSizes
)
"""Any oddity of a market; each has its ``machine``, and its text says what is odd."""


def find(offers: Iterable[Offer], *, now: datetime | None = None) -> tuple[Finding, ...]:
    """Return what is odd but legal among the offers of one market.

    What concerns one offer comes first, in the order of the market, then numbers that are repeated,
    then what concerns a machine.

    Args:
        offers: All offers of one moment.
        now: The moment; ``None`` leaves end dates alone.

    Raises:
        WrongType: Something among ``offers`` is no ``Offer``, or ``now`` is no ``datetime``.
        RuleViolation: ``now`` has no time zone or a fraction of a second.

    >>> from numgenius_core import read_sample
    >>> from numgenius_core.wire import find
    >>> found = find(read_sample().offers)
    >>> len(found), type(found[0]).__name__
    (8, 'FloorAboveOnDemand')
    """
    market = as_tuple(offers, "offers")
    moment = None if now is None else utc(now, "now")
    found: list[Finding] = []
    indexes: defaultdict[OfferId, list[int]] = defaultdict(list)
    machines: defaultdict[MachineId, list[Offer]] = defaultdict(list)
    for place, offer in enumerate(market):
        check_kind(offer, Offer, f"offers[{place}]")
        found += _of_offer(offer, moment)
        seen = indexes[offer.id]
        if not seen:  # an offer that is repeated is no second slice of its machine
            machines[offer.machine].append(offer)
        seen.append(place)
    for number, where in indexes.items():
        if len(where) > 1:
            machine = market[where[0]].machine
            found.append(RepeatedOffer(offer=number, machine=machine, indexes=tuple(where)))
    for slices in machines.values():
        found += _of_machine(slices)
    return tuple(found)


def _of_offer(offer: Offer, now: datetime | None) -> list[Finding]:
    found: list[Finding] = []
    prices = offer.prices
    if not prices.gpu.steps:
        found.append(FreeOfCharge(offer=offer.id, machine=offer.machine))
    elif prices.min_bid.steps > prices.gpu.steps:
        found.append(
            FloorAboveOnDemand(
                offer=offer.id, machine=offer.machine, floor=prices.min_bid, price=prices.gpu
            )
        )
    if now is not None and offer.ends_at is not None and offer.ends_at <= now:
        found.append(Ended(offer=offer.id, machine=offer.machine, ends_at=offer.ends_at))
    return found


def _of_machine(slices: Sequence[Offer]) -> list[Finding]:
    found: list[Finding] = []
    same: defaultdict[object, list[Offer]] = defaultdict(list)
    for offer in slices:
        if (gpus := _which(offer)) is not None:
            same[gpus].append(offer)
    for twins in same.values():
        if len(twins) > 1:
            first, numbers = twins[0], tuple(offer.id for offer in twins)
            found.append(RepeatedSlice(offers=numbers, machine=first.machine, gpus=first.gpus))
    sizes = tuple(sorted({offer.gpus for offer in slices}))
    totals = {offer.gpus_in_machine for offer in slices}
    total = totals.pop() if len(totals) == 1 else None
    if not _explained(sizes, total):
        found.append(
            UnexplainedSizes(
                offers=tuple(offer.id for offer in slices),
                machine=slices[0].machine,
                sizes=sizes,
                gpus_in_machine=total,
            )
        )
    return found


def _which(offer: Offer) -> Block | tuple[int, ...] | None:
    """Return what says which GPUs an offer has: its block, or its source's ``gpu_ids``."""
    if offer.block is not None:
        return offer.block
    ids = offer.extra.get("gpu_ids")
    if isinstance(ids, tuple) and len(ids) == offer.gpus and all(type(i) is int for i in ids):
        return tuple(sorted(ids))
    return None


# A market has thousands of machines and some dozens of ways to slice one.
@lru_cache(maxsize=4_096)
def _explained(sizes: tuple[int, ...], total: int | None) -> bool:
    if (total or sizes[-1]) > LARGEST_EXPLAINED:
        return True
    return bool(infer_min_gpu(sizes, gpus=total, bundled=True))
