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

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, localcontext
from functools import lru_cache
from operator import attrgetter
from typing import Final

from numgenius_core._checks import as_tuple, check_kind
from numgenius_core._numbers import WIDE
from numgenius_core.gpus.slicing import infer_min_gpu, offer_sizes
from numgenius_core.ids import MachineId, OfferId
from numgenius_core.intervals import utc
from numgenius_core.offer import Block, Offer
from numgenius_core.units import HOURS_PER_MONTH
from numgenius_core.wire.findings import Finding, FindingKind

LARGEST_EXPLAINED: Final = 32
"""Up to this many GPUs in a machine its sizes are looked at; markets know at most 16."""
_LARGEST: Final = 16
_ZERO: Final = datetime(1970, 1, 1, tzinfo=UTC)
_THOUSANDTH: Final = 1_000
_MILLIONTH: Final = Decimal("0.000001")
_TRUE: Final = (True, "True", "true")
_LIST: Final = re.compile(r"\[[0-9]{1,19}(?:, ?[0-9]{1,19})*\]", re.ASCII)


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
    >>> len(found), found[0].kind.name
    (8, 'FLOOR_ABOVE_PRICE')
    """
    market = as_tuple(offers, "offers")
    moment = None if now is None else utc(now, "now")
    found: list[Finding] = []
    indexes: defaultdict[OfferId, list[int]] = defaultdict(list)
    machines: defaultdict[MachineId, list[Offer]] = defaultdict(list)
    with localcontext(WIDE):  # the caller's may round what a total is made of
        for place, offer in enumerate(market):
            check_kind(offer, Offer, f"offers[{place}]")
            seen = indexes[offer.id]
            if not seen:  # an offer that is repeated is no second slice of its machine
                found += _of_offer(offer, moment)
                machines[offer.machine].append(offer)
            seen.append(place)
    for where in indexes.values():
        if len(where) > 1:
            stands = f"stands at {', '.join(map(str, where))}"
            found.append(_odd(FindingKind.REPEATED_OFFER, market[where[0]], stands))
    for slices in machines.values():
        found += _of_machine(slices, complete)
    return tuple(found)


# -- one offer ---------------------------------------------------------------------------------


def _odd(kind: FindingKind, offer: Offer, detail: str) -> Finding:
    return Finding(kind=kind, machine=offer.machine, offers=(offer.id,), detail=detail)


def _of_offer(offer: Offer, now: datetime | None) -> list[Finding]:
    found: list[Finding] = []
    prices, unknown, ends = offer.prices, offer.unknown_prices, offer.ends_at
    if unknown:
        found.append(_odd(FindingKind.UNKNOWN_PRICES, offer, f"no price of {', '.join(unknown)}"))
    if "gpu" not in unknown:
        if not prices.gpu.steps:
            found.append(_odd(FindingKind.FREE_OF_CHARGE, offer, "its GPUs cost nothing"))
        elif prices.min_bid.steps > prices.gpu.steps:
            dearer = f"lowest bid ${prices.min_bid} above the on-demand ${prices.gpu}"
            found.append(_odd(FindingKind.FLOOR_ABOVE_PRICE, offer, dearer))
    if ends == _ZERO:
        said = "its end date is 0, read as 1970-01-01"
        found.append(_odd(FindingKind.END_IS_ZERO, offer, said))
    elif ends is not None and now is not None and ends <= now:
        found.append(_odd(FindingKind.END_GONE_BY, offer, f"ended at {ends:%Y-%m-%d %H:%M:%S} UTC"))
    if offer.extra:
        found += _of_source(offer)
    return found


def _of_source(offer: Offer) -> list[Finding]:
    """Return what is odd in what the source said beside the offer's own fields."""
    found: list[Finding] = []
    said = offer.extra.get("gpu_frac")
    if offer.gpus_in_machine is None and (share := _decimal(said)) is not None:
        none_of = f"{share:f} of a machine's GPUs is none of its sizes"
        found.append(_odd(FindingKind.IMPOSSIBLE_SHARE, offer, none_of))
    if (unexplained := _unexplained_total(offer)) is not None:
        found.append(_odd(FindingKind.UNEXPLAINED_TOTAL, offer, unexplained))
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


def _unexplained_total(offer: Offer) -> str | None:
    """Say what of a total its GPUs, its disk and the fee of its promise do not explain.

    Where the source does not say what the disk costs an hour, any disk up to the offer's may be in
    the total.
    """
    said = offer.extra.get
    base = _decimal(said("dph_base"))  # what snapshots do not say
    total = None if base is None else _decimal(said("dph_total"))
    if base is None or total is None:
        return None
    search = said("search")
    fee = _decimal(search.get("slaPremiumPerHour")) if isinstance(search, Mapping) else None
    disk = _decimal(said("storage_total_cost"))
    rest = total - base - (disk or 0) - (fee or 0)
    slack = _MILLIONTH * max(total, Decimal(1))
    if disk is None:
        per_gb, most = _decimal(said("storage_cost")), offer.disk_mb
        dearest = (per_gb or Decimal(0)) * most / 1_000 / HOURS_PER_MONTH
        fits = -slack <= rest <= dearest + slack or per_gb is None or not most
    else:
        fits = abs(rest) <= slack
    if fits:
        return None
    named = f" and an SLA fee of ${fee:f}" if fee else ""
    return f"${total:f}/hour in all, of which GPUs and disk{named} explain ${total - rest:f}"


# -- one machine -------------------------------------------------------------------------------


def _of_machine(slices: Sequence[Offer], complete: bool) -> list[Finding]:
    found = _among(slices) if len(slices) > 1 else []  # half have one
    sizes = tuple(sorted({offer.gpus for offer in slices}))
    totals = {offer.gpus_in_machine for offer in slices}
    total = totals.pop() if len(totals) == 1 else None
    if not _explained(sizes, total, complete):
        gpus = "" if total is None else f" of {total} GPUs"
        text = f"no min_gpu explains offers of {', '.join(map(str, sizes))}{gpus}"
        found.append(_odd_beside(FindingKind.UNEXPLAINED_SIZES, slices, text))
    return found


def _odd_beside(kind: FindingKind, slices: Sequence[Offer], detail: str) -> Finding:
    numbers = tuple(offer.id for offer in slices)
    return Finding(kind=kind, machine=slices[0].machine, offers=numbers, detail=detail)


def _among(slices: Sequence[Offer]) -> list[Finding]:
    """Return what is odd in the slices of a machine beside each other."""
    found: list[Finding] = []
    same: defaultdict[object, list[Offer]] = defaultdict(list)
    for offer in slices:
        if (gpus := _which(offer)) is not None:
            same[gpus].append(offer)
    for twins in same.values():
        if len(twins) > 1:
            numbers = ", ".join(str(offer.id) for offer in twins)
            text = f"offers {numbers} are the same {twins[0].gpus} GPUs"
            found.append(_odd_beside(FindingKind.REPEATED_GPUS, twins, text))
    models = tuple(dict.fromkeys(offer.gpu_name for offer in slices))
    if len(models) > 1:
        text = f"offers of {' and '.join(models)}"
        found.append(_odd_beside(FindingKind.SEVERAL_MODELS, slices, text))
    elif (uneven := _uneven(slices)) is not None:
        found.append(uneven)
    return found


def _uneven(slices: Sequence[Offer]) -> Finding | None:
    """Return the prices a GPU of one machine, if they differ by more than a thousandth."""
    priced = [
        offer
        for offer in slices
        if "gpu" not in offer.unknown_prices and offer.extra.get("is_bid") not in _TRUE
    ]
    if len(priced) < 2:
        return None
    prices = sorted((offer.prices.gpu for offer in priced), key=attrgetter("steps"))
    least, most = prices[0], prices[-1]
    if (most.steps - least.steps) * _THOUSANDTH <= most.steps:
        return None
    return _odd_beside(FindingKind.UNEVEN_PRICES, priced, f"${least} to ${most} a GPU-hour")


def _which(offer: Offer) -> Block | tuple[int, ...] | None:
    """Return what says which GPUs an offer has: its block, or its source's ``gpu_ids``."""
    if offer.block is not None:
        return offer.block
    ids = offer.extra.get("gpu_ids")
    if isinstance(ids, str) and _LIST.fullmatch(ids):  # so tables have it
        ids = tuple(map(int, ids[1:-1].split(",")))
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
