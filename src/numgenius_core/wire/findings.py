"""What can be odd in a market but legal: the kinds of findings, and how they are counted.

How they are found: ``wire.oddities``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import ClassVar

from attrs import frozen

from numgenius_core._checks import as_tuple
from numgenius_core._numbers import whole_number
from numgenius_core.errors import WrongType, shown
from numgenius_core.ids import MachineId, OfferId
from numgenius_core.rates import PerGpuHour


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

    WHAT: ClassVar[str] = "a lowest bid above the on-demand price"
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
    >>> print(read_offers(free).findings[-1])
    offer 1: its GPUs cost nothing
    """

    WHAT: ClassVar[str] = "GPUs that cost nothing"
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

    WHAT: ClassVar[str] = "an end date that has gone by"
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

    WHAT: ClassVar[str] = "a number that stands several times"
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

    WHAT: ClassVar[str] = "the same GPUs as another offer"
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
    >>> print(*find([three, evolve(three, id=OfferId(2), gpus=7)]))
    machine 7: no min_gpu explains offers of 3, 7 of 8 GPUs
    """

    WHAT: ClassVar[str] = "sizes that no min_gpu explains"
    offers: tuple[OfferId, ...]
    machine: MachineId
    sizes: tuple[int, ...]
    gpus_in_machine: int | None

    def __str__(self) -> str:
        total = "" if self.gpus_in_machine is None else f" of {self.gpus_in_machine} GPUs"
        sizes = ", ".join(map(str, self.sizes))
        return f"machine {self.machine}: no min_gpu explains offers of {sizes}{total}"


@frozen(kw_only=True)
class UnknownPrices:
    """Prices that the source of an offer does not say: they are unknown, not free.

    Attributes:
        offer: The offer.
        machine: Its machine.
        prices: Their names in ``PriceTerms``.

    >>> from numgenius_core import read_offers
    >>> text = '{"id": 1, "machine_id": 7, "gpu_name": "A100", "num_gpus": 4, "dph_base": NaN}'
    >>> print(*read_offers(text).findings)
    offer 1: no price of gpu, storage, upload, download, min_bid
    """

    WHAT: ClassVar[str] = "prices that are not known"
    offer: OfferId
    machine: MachineId
    prices: tuple[str, ...]

    def __str__(self) -> str:
        return f"offer {self.offer}: no price of {', '.join(self.prices)}"


@frozen(kw_only=True)
class UnexplainedTotal:
    """The price of an offer in all has a part that is neither its GPUs nor its disk.

    The fee of a promise of uptime, where the source names it, is explained too.

    Attributes:
        offer: The offer.
        machine: Its machine.
        total: In all, dollars per hour (``dph_total``).
        explained: GPUs, disk and the named fee of a promise, dollars per hour.
        sla_fee: That fee that the source names, dollars per hour; ``None`` if it names none.

    >>> from numgenius_core.wire import find, offer_from_record
    >>> record = {"id": 1, "machine_id": 7, "gpu_name": "A100", "num_gpus": 4, "dph_base": 1.6}
    >>> record |= {"dph_total": 1.75, "storage_total_cost": 0.1}
    >>> print(find([offer_from_record(record)])[-1])
    offer 1: $1.75/hour in all, of which GPUs and disk explain $1.70
    """

    WHAT: ClassVar[str] = "a total that GPUs and disk do not explain"
    offer: OfferId
    machine: MachineId
    total: Decimal
    explained: Decimal
    sla_fee: Decimal | None = None

    def __str__(self) -> str:
        fee = "" if self.sla_fee is None else f" and an SLA fee of ${self.sla_fee:f}"
        return (
            f"offer {self.offer}: ${self.total:f}/hour in all, of which GPUs and disk{fee} "
            f"explain ${self.explained:f}"
        )


@frozen(kw_only=True)
class ImpossibleShare:
    """An offer's share of its machine's GPUs that no whole machine gives.

    Attributes:
        offer: The offer.
        machine: Its machine.
        share: The share (``gpu_frac``).

    >>> from numgenius_core.wire import find, offer_from_record
    >>> record = {"id": 1, "machine_id": 7, "gpu_name": "A100", "num_gpus": 4, "dph_base": 1.6}
    >>> print(find([offer_from_record(record | {"gpu_frac": 0.7})])[-1])
    offer 1: 0.7 of a machine's GPUs is none of its sizes
    """

    WHAT: ClassVar[str] = "a share of GPUs that no machine gives"
    offer: OfferId
    machine: MachineId
    share: Decimal

    def __str__(self) -> str:
        return f"offer {self.offer}: {self.share:f} of a machine's GPUs is none of its sizes"


@frozen(kw_only=True)
class EndIsZero:
    """The end date of an offer is 0, which is the year 1970: programs write it for none.

    What is meant nobody can say, so the offer stays one that has ended.

    Attributes:
        offer: The offer.
        machine: Its machine.

    >>> from numgenius_core.wire import find, offer_from_record
    >>> record = {"id": 1, "machine_id": 7, "gpu_name": "A100", "num_gpus": 4, "dph_base": 1.6}
    >>> print(find([offer_from_record(record | {"end_date": 0})])[-1])
    offer 1: its end date is 0, read as 1970-01-01
    """

    WHAT: ClassVar[str] = "an end date of 0"
    offer: OfferId
    machine: MachineId

    def __str__(self) -> str:
        return f"offer {self.offer}: its end date is 0, read as 1970-01-01"


@frozen(kw_only=True)
class SeveralModels:
    """The offers of one machine have GPUs of several models, where a machine has one.

    Attributes:
        offers: The offers, in the order of the market.
        machine: The machine.
        models: The models, in the order of the market.

    >>> from numgenius_core.wire import find, offer_from_record
    >>> record = {"id": 1, "machine_id": 7, "gpu_name": "A100", "num_gpus": 1, "dph_base": 1.6}
    >>> records = [record, record | {"id": 2, "gpu_name": "H100", "num_gpus": 2}]
    >>> print(find(map(offer_from_record, records))[-1])
    machine 7: offers of A100 and H100
    """

    WHAT: ClassVar[str] = "several GPU models on one machine"
    offers: tuple[OfferId, ...]
    machine: MachineId
    models: tuple[str, ...]

    def __str__(self) -> str:
        return f"machine {self.machine}: offers of {' and '.join(self.models)}"


@frozen(kw_only=True)
class UnevenPrices:
    """The offers of one machine have different prices a GPU, where the market has one.

    Attributes:
        offers: The offers, in the order of the market.
        machine: The machine.
        prices: The price of each, dollars per GPU-hour.

    >>> from numgenius_core.wire import find, offer_from_record
    >>> record = {"id": 1, "machine_id": 7, "gpu_name": "A100", "num_gpus": 1, "dph_base": 1.6}
    >>> records = [record, record | {"id": 2, "num_gpus": 2, "dph_base": 3}]
    >>> print(find(map(offer_from_record, records))[-1])
    machine 7: $1.50 to $1.60 a GPU-hour
    """

    WHAT: ClassVar[str] = "prices that are not in proportion to the GPUs"
    offers: tuple[OfferId, ...]
    machine: MachineId
    prices: tuple[PerGpuHour, ...]

    def __str__(self) -> str:
        least, most = min(self.prices), max(self.prices)
        return f"machine {self.machine}: ${least} to ${most} a GPU-hour"


Finding = (
    FloorAboveOnDemand
    | FreeOfCharge
    | UnknownPrices
    | UnexplainedTotal
    | ImpossibleShare
    | Ended
    | EndIsZero
    | RepeatedOffer
    | RepeatedSlice
    | SeveralModels
    | UnevenPrices
    | UnexplainedSizes
)
"""Any oddity of a market; each has its ``machine``, and its text says what is odd."""


def summarized(findings: Iterable[Finding], *, named: int = 3) -> tuple[str, ...]:
    """Return findings counted by what is odd, a line each, with the first few by number.

    Args:
        findings: As :func:`find` or a reading gives them.
        named: How many are named, at least 1.

    Raises:
        WrongType: ``findings`` are no series.
        RuleViolation: ``named`` is no whole number from 1.

    >>> from numgenius_core import read_sample
    >>> from numgenius_core.wire import summarized
    >>> for line in summarized(read_sample().findings, named=2):
    ...     print(line)
    8 with a lowest bid above the on-demand price: offers 9000040, 9000041 and 6 more
    """
    whole_number(named, "named", 1)
    groups: defaultdict[str, list[Finding]] = defaultdict(list)
    for finding in as_tuple(findings, "findings"):
        if not isinstance(finding, Finding):
            raise WrongType("findings", "findings", shown(finding))
        groups[finding.WHAT].append(finding)
    return tuple(_summary(what, group, named) for what, group in groups.items())


def _summary(what: str, group: list[Finding], named: int) -> str:
    of_offers = hasattr(group[0], "offer")
    word = ("offer" if of_offers else "machine") + ("s" if len(group) > 1 else "")
    numbers = [getattr(each, "offer", each.machine) for each in group[:named]]
    rest = f" and {len(group) - named:,} more" if len(group) > named else ""
    return f"{len(group):,} with {what}: {word} {', '.join(map(str, numbers))}{rest}"
