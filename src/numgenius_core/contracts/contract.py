"""What was agreed: a contract, the life of its instance, and when a machine is taken.

Rule (hosting guide, G3): "when a client creates an instance, that creates a contract from the
listing. It locks prices, specs and end date"; (G4) the client end date of a machine is the latest
end among its client contracts; (G10) hosts and clients use separate accounts, but a host may test
its own machine with a free instance. A type never changes, except on-demand → reserved.

Our readings: *offline* is a state of the machine, not of the instance: what an instance was when
its machine went offline, it is again when the machine comes back. Starting a stopped instance
always passes through *scheduling*, since whether its GPUs are free is decided by who runs
(:mod:`numgenius_core.bids`), not by the client.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from attrs import evolve, frozen

from numgenius_core._checks import check_id, check_kind, check_text
from numgenius_core._numbers import fraction, whole_number
from numgenius_core.errors import RuleViolation, WrongType, shown
from numgenius_core.ids import AccountId, ContractId, MachineId
from numgenius_core.intervals import utc
from numgenius_core.listing import Listing, Mode, PriceTerms
from numgenius_core.offer import Block
from numgenius_core.rates import PerHour
from numgenius_core.units import gigabytes


@frozen(kw_only=True)
class Contract:
    """An agreement between a client and a host, its terms locked (G3).

    Attributes:
        id: The marketplace's number for the contract and its instance.
        machine: The machine.
        host: Account of its owner.
        client: Account that pays; the host's own only for a free test (G10).
        mode: On-demand, reserved or interruptible.
        block: The GPUs it holds.
        prices: Locked at rental, the platform fee with them.
        disk_mb: Disk of the instance, whole MB.
        start: When it was made.
        end: When it expires; ``None`` is never.
        bid: Of an interruptible, dollars per hour for the whole instance; else ``None``.
        discount: Of a reserved one, the share taken off the GPU price; else 0.
    """

    id: ContractId
    machine: MachineId
    host: AccountId
    client: AccountId
    mode: Mode
    block: Block
    prices: PriceTerms
    start: datetime
    end: datetime | None = None
    disk_mb: int = 0
    bid: PerHour | None = None
    discount: Fraction = Fraction(0)

    def __attrs_post_init__(self) -> None:
        check_id(self.id, "contract.id")
        check_id(self.machine, "contract.machine")
        check_text(self.host, "contract.host")
        check_text(self.client, "contract.client")
        check_kind(self.mode, Mode, "contract.mode")
        check_kind(self.block, Block, "contract.block")
        check_kind(self.prices, PriceTerms, "contract.prices")
        whole_number(self.disk_mb, "contract.disk_mb")
        object.__setattr__(self, "start", utc(self.start, "contract.start"))
        if self.end is not None:
            object.__setattr__(self, "end", utc(self.end, "contract.end"))
            if self.end <= self.start:
                need = f"an instant after its start {self.start}"
                raise RuleViolation("contract.end", need, str(self.end))
        self._check_mode()

    def _check_mode(self) -> None:
        interruptible = self.mode is Mode.INTERRUPTIBLE
        if interruptible and type(self.bid) is not PerHour:
            raise WrongType("contract.bid", "PerHour for an interruptible", shown(self.bid))
        if not interruptible and self.bid is not None:
            raise RuleViolation("contract.bid", f"none for {self.mode.value}", shown(self.bid))
        share = fraction(self.discount, "contract.discount", below_one=True)
        if share and self.mode is not Mode.RESERVED:
            raise RuleViolation("contract.discount", f"0 for {self.mode.value}", str(share))
        if self.mode is Mode.RESERVED and self.is_free_test:
            raise RuleViolation("contract.client", "a paying client to prepay", "the host's own")
        object.__setattr__(self, "discount", share)

    @property
    def is_free_test(self) -> bool:
        """Whether the host tests its own machine: such an instance costs nothing (G10)."""
        return self.client == self.host

    @property
    def gpu_rate(self) -> PerHour:
        """What its GPUs cost while it runs, dollars per hour for the whole instance."""
        if self.is_free_test:
            return PerHour(0)
        if self.bid is not None:
            return self.bid
        full = self.prices.gpu.for_gpus(self.block.size)
        return full.scaled(1 - self.discount) if self.discount else full

    @property
    def disk_gb(self) -> Decimal:
        """Disk of the instance, GB."""
        return gigabytes(self.disk_mb)

    def active_at(self, instant: datetime) -> bool:
        """Return whether the contract is in force."""
        instant = utc(instant)
        return self.start <= instant and (self.end is None or instant < self.end)


def agree(
    listing: Listing,
    block: Block,
    *,
    id: ContractId,  # noqa: A002 - the field's own name
    client: AccountId,
    at: datetime,
    mode: Mode = Mode.ON_DEMAND,
    end: datetime | None = None,
    disk_mb: int = 0,
    bid: PerHour | None = None,
) -> Contract:
    """Return the contract that a rental makes: the listing's terms, locked (G3).

    What other contracts say is the caller's to check: whether the block is offered and free
    (:mod:`numgenius_core.gpus`) and the bid high enough (:mod:`numgenius_core.bids`).

    Args:
        listing: What the host publishes now.
        block: The GPUs wanted.
        id: Number of the new contract.
        client: Who rents; the host itself gets a free test instance (G10).
        at: Now.
        mode: On-demand or interruptible; a contract becomes reserved by prepaying.
        end: An earlier end than the listing's, if the client wants one.
        disk_mb: Disk wanted, whole MB.
        bid: For an interruptible, dollars per hour for the whole instance.

    Raises:
        WrongType: An argument of the wrong type, such as an interruptible without a bid.
        RuleViolation: The listing has ended or ends before ``end``, the block leaves the machine,
            or the contract would be reserved from the start.
    """
    check_kind(listing, Listing, "listing")
    check_kind(block, Block, "block")
    at = utc(at, "at")
    limit = listing.end_at(at)
    if limit is not None and limit <= at:
        raise RuleViolation("at", f"an instant before the listing's end {limit}", str(at))
    if end is not None and limit is not None and utc(end, "end") > limit:
        raise RuleViolation("end", f"at most the listing's end {limit}", str(end))
    if block.end > listing.machine.gpus:
        raise RuleViolation("block", f"positions below {listing.machine.gpus}", str(block))
    if mode is Mode.RESERVED:
        raise RuleViolation("mode", "on-demand or interruptible (reserve by prepaying)", "reserved")
    return Contract(
        id=id,
        machine=listing.machine.id,
        host=listing.machine.host,
        client=client,
        mode=mode,
        block=block,
        prices=listing.prices,
        start=at,
        end=limit if end is None else end,
        disk_mb=disk_mb,
        bid=bid,
    )


def to_reserved(contract: Contract, discount: Fraction) -> Contract:
    """Return the contract after prepaying: the only change of type there is.

    Raises:
        RuleViolation: It is interruptible, or a free test.
    """
    check_kind(contract, Contract, "contract")
    if contract.mode is Mode.INTERRUPTIBLE:
        raise RuleViolation("contract.mode", "on-demand or reserved to prepay", "interruptible")
    return evolve(contract, mode=Mode.RESERVED, discount=discount)
