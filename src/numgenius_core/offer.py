"""One rentable slice of a machine: a block of its GPUs, and the offer of it.

Rule (marketplace, measured): an offer of n GPUs costs n × the per-GPU price; its share of the
machine's disk and memory is n / T, T = all GPUs of the machine, whoever has rented the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from functools import total_ordering
from typing import Any, TypeAlias

from attrs import evolve, field, frozen

from numgenius_core._checks import (
    MAX_GPUS,
    ReadOnly,
    as_tuple,
    check_kind,
    check_text,
    keep_id,
    read_only_json,
    utc,
)
from numgenius_core._numbers import fraction, keep_whole
from numgenius_core._terms import PRICE_NAMES, PriceTerms, Promise, Verification
from numgenius_core.errors import RuleViolation, WrongType, brief, shown
from numgenius_core.ids import AccountId, MachineId, OfferId
from numgenius_core.rates import PerHour
from numgenius_core.units import MAX_MB, Exact, gigabytes

__all__ = ["Block", "GpuSet", "Offer"]


def __dir__() -> list[str]:
    """Return what there is to use."""
    return sorted(__all__)


GpuSet: TypeAlias = int
"""GPUs of one machine as a whole number: bit i is set iff slot i is in the set.

Slot 0 is the lowest bit, so ``0b0110`` is the GPUs in slots 1 and 2, and 0 is no GPU. Sets are
compared and combined as numbers: ``a | b``, ``a & b``, ``a & ~b``; ``a.bit_count()`` is how many
GPUs there are. :func:`numgenius_core.gpus.gpu_set` makes one from slots,
:attr:`Block.gpu_set` is that of a block.
"""


@total_ordering
@frozen
class Block:
    """GPUs that are rented together: ``size`` consecutive slots from ``start``.

    Slots count a machine's GPUs in topology order, from 0; the ids of the GPUs need not be
    contiguous. Blocks order by size, then by start, as a machine's offers do.

    Attributes:
        start: The first slot.
        size: How many GPUs.

    Raises:
        RuleViolation: No GPU, or a slot that the largest machine there is does not have.

    >>> from numgenius_core import Block
    >>> pair = Block(start=4, size=2)
    >>> pair.slots, bin(pair.gpu_set)
    (range(4, 6), '0b110000')
    """

    start: int
    size: int

    def __attrs_post_init__(self) -> None:
        keep_whole(self, "size", "block.size", 1, MAX_GPUS)
        keep_whole(self, "start", "block.start", 0, MAX_GPUS - self.size)

    def __lt__(self, other: Block) -> bool:
        if type(other) is not Block:
            raise WrongType("block < …", "a Block", shown(other))
        return (self.size, self.start) < (other.size, other.start)

    @property
    def end(self) -> int:
        """First slot after the block."""
        return self.start + self.size

    @property
    def slots(self) -> range:
        """The slots of its GPUs, ascending."""
        return range(self.start, self.start + self.size)

    @property
    def gpu_set(self) -> GpuSet:
        """Its GPUs as a set."""
        return ((1 << self.size) - 1) << self.start

    def overlaps(self, other: Block) -> bool:
        """Return whether two blocks share a GPU.

        Raises:
            WrongType: ``other`` is no ``Block``.
        """
        try:  # asked for every pair of blocks of a machine: what it lacks says what it is not
            return self.start < other.end and other.start < self.end
        except (AttributeError, TypeError):
            raise WrongType("block", "a Block", shown(other)) from None

    def contains(self, other: Block) -> bool:
        """Return whether ``other`` has no GPU outside this block.

        Raises:
            WrongType: ``other`` is no ``Block``.
        """
        check_kind(other, Block, "block")
        return self.start <= other.start and other.end <= self.end


def _discount(value: Exact) -> Fraction:
    return fraction(value, "offer.max_discount", below_one=True)


@frozen(kw_only=True)
class Offer:
    """One rentable slice of a machine, as a search shows it.

    Attributes:
        id: The marketplace's number for the offer.
        machine: The machine it is a slice of.
        gpu_name: Model of the GPUs.
        gpus: Number of GPUs.
        prices: Per unit, as the client pays them; ``prices.min_bid`` is the quoted one, per GPU
            (:attr:`min_bid`).
        gpus_in_machine: All GPUs of the machine, ``None`` if not known.
        block: Which GPUs, ``None`` if not known (search answers do not say).
        disk_mb: Disk that comes with it, whole MB; 0 also where its source does not say.
        max_discount: The reserved discount factor; 0 has none.
        ends_at: When a contract made now would end; ``None`` is never.
        host: Account of the owner, ``None`` if not known.
        verification: Only a verified machine has a reserved price.
        rentable: Whether it can be rented on demand now.
        promise: The uptime that its host claims, and how wide it may be off
            (:class:`numgenius_core.sla.Promise`); ``None`` if it claims none.
        unknown_prices: Names of the prices that its source does not say, in the order of
            ``PriceTerms``; in ``prices`` they are 0, which no stay is charged: quotes refuse what
            they would need them for. One that is not 0 there is known.
        extra: What else its source says of it, under the source's own names: a copy that refuses
            changes, with tuples for the lists of JSON. Searches and quotes read it too, so offers
            that differ in it are not equal; of much, ``repr`` says how much there is.

    Raises:
        WrongType: An id that is no ``int``, ``prices`` that are no ``PriceTerms``, a discount that
            is a ``float``.
        RuleViolation: No GPU, more GPUs than the machine has, a block of another size, a discount
            not below one, an end without a time zone, an extra that no document can hold, an
            unknown price that is none.

    >>> from numgenius_core import MachineId, Offer, OfferId, PerGpuHour, PriceTerms
    >>> offer = Offer(
    ...     id=OfferId(1),
    ...     machine=MachineId(7),
    ...     gpu_name="A100",
    ...     gpus=4,
    ...     prices=PriceTerms(gpu=PerGpuHour("0.40"), min_bid=PerGpuHour("0.25")),
    ... )
    >>> offer.per_hour, offer.min_bid
    (PerHour('1.60'), PerHour('1.00'))
    """

    id: OfferId
    machine: MachineId
    gpu_name: str
    gpus: int
    prices: PriceTerms
    gpus_in_machine: int | None = None
    block: Block | None = None
    disk_mb: int = 0
    max_discount: Fraction = field(default=Fraction(0), converter=_discount)
    ends_at: datetime | None = None
    host: AccountId | None = None
    verification: Verification = Verification.VERIFIED
    rentable: bool = True
    promise: Promise | None = None
    unknown_prices: tuple[str, ...] = field(default=(), repr=brief)
    extra: Mapping[str, Any] = field(factory=ReadOnly, repr=brief, hash=False)

    def __attrs_post_init__(self) -> None:
        keep_id(self, "id", "offer.id")
        keep_id(self, "machine", "offer.machine")
        check_text(self.gpu_name, "offer.gpu_name")
        keep_whole(self, "gpus", "offer.gpus", 1, MAX_GPUS)
        check_kind(self.prices, PriceTerms, "offer.prices")
        keep_whole(self, "disk_mb", "offer.disk_mb", 0, MAX_MB)
        check_kind(self.verification, Verification, "offer.verification")
        if type(self.rentable) is not bool:
            raise WrongType("offer.rentable", "True or False", shown(self.rentable))
        if self.promise is not None:
            check_kind(self.promise, Promise, "offer.promise")
        if self.unknown_prices != ():
            object.__setattr__(self, "unknown_prices", self._checked_unknown())
        if self.host is not None:
            check_text(self.host, "offer.host")
        if type(self.extra) is not ReadOnly:
            object.__setattr__(self, "extra", read_only_json(self.extra, "offer.extra"))
        if self.ends_at is not None:
            object.__setattr__(self, "ends_at", utc(self.ends_at, "offer.ends_at"))
        self._check_slice()

    def _check_slice(self) -> None:
        if self.gpus_in_machine is not None:
            keep_whole(self, "gpus_in_machine", "offer.gpus_in_machine", self.gpus, MAX_GPUS)
        if self.block is not None:
            check_kind(self.block, Block, "offer.block")
            if self.block.size != self.gpus:
                need = f"a block of the offer's {self.gpus} GPUs"
                raise RuleViolation("offer.block", need, str(self.block))

    def _checked_unknown(self) -> tuple[str, ...]:
        names = as_tuple(self.unknown_prices, "offer.unknown_prices")
        for name in names:
            if name not in PRICE_NAMES:
                need = f"names of {', '.join(PRICE_NAMES)}"
                raise RuleViolation("offer.unknown_prices", need, shown(name))
        # A price that was set since is known, as after ``evolve(offer, prices=…)``.
        return tuple(n for n in PRICE_NAMES if n in names and not getattr(self.prices, n).steps)

    @property
    def per_hour(self) -> PerHour:
        """GPU price of the whole offer on demand, dollars per hour (``dph_base``).

        Raises:
            RuleViolation: It is not known.
        """
        if self.unknown_prices:
            self.require_price("gpu")
        return self.prices.gpu.for_gpus(self.gpus)

    @property
    def min_bid(self) -> PerHour:
        """Lowest bid that is quoted for the whole offer, dollars per hour (``min_bid``).

        ``prices.min_bid`` is the same for each GPU. It is the host's floor or, where it is higher,
        the highest bid that runs on these GPUs. A market takes a bid between the two, which waits;
        what would run now is above the running bid
        (:func:`numgenius_core.market.views.winning_bid_of`).

        Raises:
            RuleViolation: It is not known.
        """
        if self.unknown_prices:
            self.require_price("min_bid")
        return self.prices.min_bid.for_gpus(self.gpus)

    @property
    def disk_gb(self) -> Decimal:
        """Disk that comes with the offer in GB, exact."""
        return gigabytes(self.disk_mb)

    def require_price(self, name: str) -> None:
        """Refuse to go on with a price that is not known: nothing is free for that.

        Args:
            name: As in ``prices``.

        Raises:
            RuleViolation: It is among ``unknown_prices``.

        >>> from numgenius_core import Offer, PerGpuHour, PriceTerms
        >>> prices = PriceTerms(gpu=PerGpuHour("0.40"))
        >>> said = Offer(id=1, machine=7, gpu_name="A100", gpus=1, prices=prices)
        >>> said.require_price("storage")
        """
        if name in self.unknown_prices:
            raise RuleViolation(f"offer.prices.{name}", "a price that is known", "none")

    def with_prices(self, prices: PriceTerms) -> Offer:
        """Return the same slice at other prices, all of which are known.

        Raises:
            WrongType: ``prices`` are no ``PriceTerms``.
        """
        return evolve(self, prices=prices, unknown_prices=())
