"""Finding what is odd in a market but legal: it is said, never refused.

Rule (marketplace, measured): a floor above the on-demand price is legal (18 % of rows); a
machine's offers are the blocks that its ``min_gpu`` cuts (:mod:`numgenius_core.gpus`), all of one
GPU model and at one price a GPU; the total of an answer is the GPUs' price, the disk's and the fee
of a service level agreement.

Our readings: a free offer is odd, since no host means it. A source may hold a part of a machine's
offers only (a search returns at most its limit, and filters), so a set of sizes is odd when no
``min_gpu`` of any machine that the offers may be of has all of them; where the source is known to
be ``complete``, also when it has them, but always with others that are not there, whatever part of
the machine is rented. Searches and snapshots show one offer for all equal blocks, so a size seen
once may stand for several.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Final

from numgenius_core._checks import as_tuple, check_kind
from numgenius_core.gpus.slicing import infer_min_gpu, offer_sizes
from numgenius_core.ids import MachineId, OfferId
from numgenius_core.intervals import utc
from numgenius_core.offer import Block, Offer
from numgenius_core.units import HOURS_PER_MONTH
from numgenius_core.wire.findings import (
    Ended,
    EndIsZero,
    Finding,
    FloorAboveOnDemand,
    FreeOfCharge,
    ImpossibleShare,
    RepeatedOffer,
    RepeatedSlice,
    SeveralModels,
    UnevenPrices,
    UnexplainedSizes,
    UnexplainedTotal,
    UnknownPrices,
)

LARGEST_EXPLAINED: Final = 32
"""Up to this many GPUs in a machine its sizes are looked at; markets know at most 16."""
_LARGEST: Final = 16
_ZERO: Final = datetime(1970, 1, 1, tzinfo=UTC)
_THOUSANDTH: Final = 1_000
_MILLIONTH: Final = Decimal("0.000001")


def find(
    offers: Iterable[Offer], *, now: datetime | None = None, complete: bool = False
) -> tuple[Finding, ...]:
    """Return what is odd but legal among the offers of one market.

    What concerns one offer comes first, in the order of the market, then numbers that are repeated,
    then what concerns a machine. An offer that is repeated is looked at once.

    Args:
        offers: All offers of one moment.
        now: The moment; ``None`` leaves end dates alone.
        complete: Whether the source shows all offers of each machine that can be rented, as a
            search without a limit and a filter does. Else a size that is not there is not odd.

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
        seen = indexes[offer.id]
        if not seen:  # an offer that is repeated is no second slice of its machine
            found += _of_offer(offer, moment)
            machines[offer.machine].append(offer)
        seen.append(place)
    for number, where in indexes.items():
        if len(where) > 1:
            machine = market[where[0]].machine
            found.append(RepeatedOffer(offer=number, machine=machine, indexes=tuple(where)))
    for slices in machines.values():
        found += _of_machine(slices, complete)
    return tuple(found)


# -- one offer ---------------------------------------------------------------------------------


def _of_offer(offer: Offer, now: datetime | None) -> list[Finding]:
    found: list[Finding] = []
    prices, unknown, ends = offer.prices, offer.unknown_prices, offer.ends_at
    number, machine = offer.id, offer.machine
    if unknown:
        found.append(UnknownPrices(offer=number, machine=machine, prices=unknown))
    if "gpu" not in unknown:
        if not prices.gpu.steps:
            found.append(FreeOfCharge(offer=number, machine=machine))
        elif prices.min_bid.steps > prices.gpu.steps:
            found.append(
                FloorAboveOnDemand(
                    offer=number, machine=machine, floor=prices.min_bid, price=prices.gpu
                )
            )
    if ends is not None and (ends == _ZERO or (now is not None and ends <= now)):
        if ends == _ZERO:
            found.append(EndIsZero(offer=number, machine=machine))
        else:
            found.append(Ended(offer=number, machine=machine, ends_at=ends))
    if offer.extra:
        found += _of_source(offer)
    return found


def _of_source(offer: Offer) -> list[Finding]:
    """Return what is odd in what the source said beside the offer's own fields."""
    found: list[Finding] = []
    said = offer.extra.get("gpu_frac")
    if offer.gpus_in_machine is None and (share := _decimal(said)) is not None:
        found.append(ImpossibleShare(offer=offer.id, machine=offer.machine, share=share))
    if (odd := _unexplained_total(offer)) is not None:
        found.append(odd)
    return found


def _decimal(value: object) -> Decimal | None:
    """Return the number that a source said, ``None`` if it said none."""
    if isinstance(value, float):
        value = repr(value)
    if type(value) is int and value.bit_length() <= 64:
        return Decimal(value)
    if isinstance(value, str) and len(value) <= 40:
        try:
            number = Decimal(value)
        except ArithmeticError:
            return None
        return number if number.is_finite() and abs(number.adjusted()) < 40 else None
    return None


def _unexplained_total(offer: Offer) -> UnexplainedTotal | None:
    """Return what of a total its GPUs and its disk do not explain.

    Where the source does not say what the disk costs an hour, any disk up to the offer's may be in
    the total.
    """
    said = offer.extra.get
    base = _decimal(said("dph_base"))  # what snapshots do not say
    total = None if base is None else _decimal(said("dph_total"))
    if base is None or total is None:
        return None
    search = said("search")
    fee = _decimal(search.get("slaPremiumPerHour")) if isinstance(search, dict) else None
    disk = _decimal(said("storage_total_cost"))
    rest = total - base - (disk or 0)
    slack = _MILLIONTH * max(total, Decimal(1))
    if disk is None:
        per_gb, most = _decimal(said("storage_cost")), offer.disk_mb
        dearest = (per_gb or Decimal(0)) * most / 1_000 / HOURS_PER_MONTH
        fits = -slack <= rest <= dearest + slack or per_gb is None or not most
    else:
        fits = abs(rest) <= slack
    if fits and not (fee is not None and fee > 0):
        return None
    return UnexplainedTotal(
        offer=offer.id,
        machine=offer.machine,
        total=total,
        explained=total - rest,
        sla_fee=fee or None,
    )


# -- one machine -------------------------------------------------------------------------------


def _of_machine(slices: Sequence[Offer], complete: bool) -> list[Finding]:
    machine, numbers = slices[0].machine, tuple(offer.id for offer in slices)
    found = _among(slices, machine, numbers) if len(slices) > 1 else []  # half have one
    sizes = tuple(sorted({offer.gpus for offer in slices}))
    totals = {offer.gpus_in_machine for offer in slices}
    total = totals.pop() if len(totals) == 1 else None
    if not _explained(sizes, total, complete):
        found.append(
            UnexplainedSizes(offers=numbers, machine=machine, sizes=sizes, gpus_in_machine=total)
        )
    return found


def _among(
    slices: Sequence[Offer], machine: MachineId, numbers: tuple[OfferId, ...]
) -> list[Finding]:
    """Return what is odd in the slices of a machine beside each other."""
    found: list[Finding] = []
    same: defaultdict[object, list[Offer]] = defaultdict(list)
    for offer in slices:
        if (gpus := _which(offer)) is not None:
            same[gpus].append(offer)
    for twins in same.values():
        if len(twins) > 1:
            ids = tuple(offer.id for offer in twins)
            found.append(RepeatedSlice(offers=ids, machine=machine, gpus=twins[0].gpus))
    models = tuple(dict.fromkeys(offer.gpu_name for offer in slices))
    if len(models) > 1:
        found.append(SeveralModels(offers=numbers, machine=machine, models=models))
    elif (odd := _uneven(slices)) is not None:
        found.append(odd)
    return found


def _uneven(slices: Sequence[Offer]) -> UnevenPrices | None:
    """Return the prices a GPU of one machine, if they differ by more than a thousandth."""
    priced = [
        offer
        for offer in slices
        if "gpu" not in offer.unknown_prices and offer.extra.get("is_bid") not in (True, "True")
    ]
    if len(priced) < 2:
        return None
    steps = [offer.prices.gpu.steps for offer in priced]
    if (max(steps) - min(steps)) * _THOUSANDTH <= max(steps):
        return None
    prices = tuple(offer.prices.gpu for offer in priced)
    numbers = tuple(offer.id for offer in priced)
    return UnevenPrices(offers=numbers, machine=slices[0].machine, prices=prices)


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
def _explained(sizes: tuple[int, ...], total: int | None, complete: bool) -> bool:
    if (total or sizes[-1]) > LARGEST_EXPLAINED:
        return True
    if complete:
        return bool(infer_min_gpu(sizes, gpus=total, bundled=True))
    largest = max(sizes[-1], _LARGEST)
    return any(
        set(sizes) <= set(offer_sizes(gpus, min_gpu, observed=True))
        for gpus in ([total] if total else range(sizes[-1], largest + 1))
        for min_gpu in range(1, gpus + 1)
    )
