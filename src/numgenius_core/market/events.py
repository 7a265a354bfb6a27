"""What happened in a market: values in the past tense, each with its instant.

Events are all that a service has to store: replayed, they give the same market on any machine.
Each carries its reasons as data, so nobody has to recompute a verdict to explain it. They are
facts: :func:`numgenius_core.market.evolve` applies them without asking whether it would decide so,
and refuses what the state contradicts.
"""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from fractions import Fraction

from attrs import field, frozen

from numgenius_core.bids.priority import WaitReason
from numgenius_core.contracts.contract import Contract
from numgenius_core.contracts.extension import Raise
from numgenius_core.contracts.reasons import Stale
from numgenius_core.errors import brief
from numgenius_core.ids import AccountId, ContractId, MachineId, VolumeId
from numgenius_core.listing import Listing, Machine, PriceTerms, Verification
from numgenius_core.maintenance.schedule import MaintenanceWindow, Notice
from numgenius_core.market._balance_messages import BalanceLow, ChargeDue, ThresholdsSet
from numgenius_core.market._messages import Message
from numgenius_core.market._settings import Settings
from numgenius_core.market._transfer_messages import CreditTransferred, PayoutInvoiced
from numgenius_core.market._volume_messages import (
    VolumeDeleted,
    VolumeExpired,
    VolumeExtended,
    VolumeListed,
    VolumeListingEnded,
    VolumeRented,
    VolumeUnlisted,
)
from numgenius_core.market.promise import check_escrow, check_settlement
from numgenius_core.money import Money
from numgenius_core.offer import Block
from numgenius_core.prices.schedules import months_of
from numgenius_core.rates import PerGpuHour, PerHour
from numgenius_core.sla.days import DaySettlement, EscrowState

__all__ = [
    "AutoExtensionSet",
    "BalanceLow",
    "BalanceRanOut",
    "BidChanged",
    "ChargeDue",
    "ClientNotified",
    "ContractCreated",
    "ContractExtended",
    "ContractMoved",
    "ContractPrepaid",
    "CreditAdded",
    "CreditTransferred",
    "DefaultJobRemoved",
    "DefaultJobSet",
    "DepositRefunded",
    "DepositSpent",
    "EndDateRolled",
    "Event",
    "InstanceDestroyed",
    "InstanceExpired",
    "InstanceLabelled",
    "InstanceLoaded",
    "InstancePaused",
    "InstanceResumed",
    "InstanceStarted",
    "InstanceStopped",
    "ListingEnded",
    "MachineAdded",
    "MachineCameOnline",
    "MachineListed",
    "MachineRemoved",
    "MachineUnlisted",
    "MachineVerified",
    "MachineWentOffline",
    "MaintenanceCancelled",
    "MaintenanceCompleted",
    "MaintenanceScheduled",
    "MaintenanceStarted",
    "MinBidSet",
    "PayoutInvoiced",
    "PriceIncreaseAccepted",
    "PriceIncreaseAsked",
    "PriceIncreaseLapsed",
    "PriceIncreaseRejected",
    "PromiseSettled",
    "RatesChanged",
    "SettingsSet",
    "StopReason",
    "ThresholdsSet",
    "TrafficCounted",
    "VolumeDeleted",
    "VolumeExpired",
    "VolumeExtended",
    "VolumeListed",
    "VolumeListingEnded",
    "VolumeRented",
    "VolumeUnlisted",
]


def __dir__() -> list[str]:
    """Return what there is to use."""
    return sorted(__all__)


class StopReason(Enum):
    """Why an instance was stopped."""

    CLIENT = "client"
    """Its client stopped it."""
    BALANCE = "balance"
    """Its client's balance ran out."""


# --- accounts -------------------------------------------------------------------------------


@frozen(kw_only=True)
class SettingsSet(Message):
    """The marketplace set what it takes at most."""

    at: datetime
    settings: Settings


@frozen(kw_only=True)
class CreditAdded(Message):
    """A payment joined the balance of an account."""

    at: datetime
    account: AccountId
    amount: Money


@frozen(kw_only=True)
class BalanceRanOut(Message):
    """Nothing is left of an account's balance: its instances stop."""

    at: datetime
    account: AccountId


# --- machines and listings ------------------------------------------------------------------


@frozen(kw_only=True)
class MachineAdded(Message):
    """A machine came into the market."""

    at: datetime
    machine: Machine


@frozen(kw_only=True)
class MachineRemoved(Message):
    """A machine left the market."""

    at: datetime
    machine: MachineId


@frozen(kw_only=True)
class MachineVerified(Message):
    """What the marketplace says of a machine changed."""

    at: datetime
    machine: MachineId
    verification: Verification


@frozen(kw_only=True)
class MachineWentOffline(Message):
    """A machine went offline."""

    at: datetime
    machine: MachineId


@frozen(kw_only=True)
class MachineCameOnline(Message):
    """A machine came back."""

    at: datetime
    machine: MachineId


@frozen(kw_only=True)
class MachineListed(Message):
    """A host published a listing; ``number`` is its own, and its offers' numbers come from it."""

    at: datetime
    listing: Listing
    number: int


@frozen(kw_only=True)
class MachineUnlisted(Message):
    """A host took its listing back."""

    at: datetime
    machine: MachineId


@frozen(kw_only=True)
class ListingEnded(Message):
    """The end date of a listing came: no new contracts."""

    at: datetime
    machine: MachineId


@frozen(kw_only=True)
class EndDateRolled(Message):
    """A day of a rolling listing passed: new contracts run until ``end`` now."""

    at: datetime
    machine: MachineId
    end: datetime


@frozen(kw_only=True)
class MinBidSet(Message):
    """A host set its floor for bids."""

    at: datetime
    machine: MachineId
    floor: PerGpuHour


@frozen(kw_only=True)
class DefaultJobSet(Message):
    """A host set its own job."""

    at: datetime
    machine: MachineId
    image: str


@frozen(kw_only=True)
class DefaultJobRemoved(Message):
    """A host took its own job away."""

    at: datetime
    machine: MachineId


# --- maintenance ----------------------------------------------------------------------------


@frozen(kw_only=True)
class MaintenanceScheduled(Message):
    """A host, or the marketplace, announced when a machine is down; the window has a number."""

    at: datetime
    machine: MachineId
    window: MaintenanceWindow


@frozen(kw_only=True)
class ClientNotified(Message):
    """A client with an instance on the machine was told of the maintenance."""

    at: datetime
    notice: Notice


@frozen(kw_only=True)
class MaintenanceStarted(Message):
    """A window began."""

    at: datetime
    machine: MachineId
    window: MaintenanceWindow


@frozen(kw_only=True)
class MaintenanceCompleted(Message):
    """A window was over."""

    at: datetime
    machine: MachineId
    window: MaintenanceWindow


@frozen(kw_only=True)
class MaintenanceCancelled(Message):
    """Upcoming or ongoing windows were cancelled by who scheduled them."""

    at: datetime
    machine: MachineId
    windows: tuple[MaintenanceWindow, ...] = field(repr=brief)


# --- contracts ------------------------------------------------------------------------------


@frozen(kw_only=True)
class ContractCreated(Message):
    """A client rented.

    Attributes:
        at: When.
        contract: The terms, locked.
        max_discount: The listing's reserved discount factor, locked with them; 0 where there is
            no reserved price.
        label: The client's own name for it.
        volumes: Those it attached.
    """

    at: datetime
    contract: Contract
    max_discount: Fraction
    label: str = ""
    volumes: tuple[VolumeId, ...] = field(default=(), repr=brief)


@frozen(kw_only=True)
class ContractExtended(Message):
    """A contract runs on to ``end`` (``None``: for ever), at ``prices`` after ``old_end``."""

    at: datetime
    contract: ContractId
    old_end: datetime
    end: datetime | None
    prices: PriceTerms


@frozen(kw_only=True)
class RatesChanged(Message):
    """The old end of an extended contract came: its new prices apply."""

    at: datetime
    contract: ContractId


@frozen(kw_only=True)
class ContractMoved(Message):
    """A contract holds other GPUs of its machine."""

    at: datetime
    contract: ContractId
    block: Block


@frozen(kw_only=True)
class AutoExtensionSet(Message):
    """A client said whether its contract is to be extended."""

    at: datetime
    contract: ContractId
    wanted: bool


@frozen(kw_only=True)
class PriceIncreaseAsked(Message):
    """A host published a later end at a higher price, and the client may accept it.

    Attributes:
        at: When.
        increase: Its number.
        contract: What would be extended.
        raised: Each raised part, old and new.
        new_end: When the contract would end; ``None`` is never.
    """

    at: datetime
    increase: int
    contract: ContractId
    raised: tuple[Raise, ...] = field(repr=brief)
    new_end: datetime | None


@frozen(kw_only=True)
class PriceIncreaseAccepted(Message):
    """A client accepted a higher price; a :class:`ContractExtended` follows."""

    at: datetime
    increase: int


@frozen(kw_only=True)
class PriceIncreaseRejected(Message):
    """A client rejected a higher price."""

    at: datetime
    increase: int


@frozen(kw_only=True)
class PriceIncreaseLapsed(Message):
    """A higher price can no longer be accepted."""

    at: datetime
    increase: int
    why: Stale


# --- deposits and traffic -------------------------------------------------------------------


@frozen(kw_only=True)
class ContractPrepaid(Message):
    """A client prepaid.

    Attributes:
        at: When.
        contract: What is reserved now.
        amount: Moved from the balance to the deposit.
        months: Time of 720-hour months that the whole deposit pays for.
        discount: The share taken off the GPU price while it lasts.
    """

    at: datetime
    contract: ContractId
    amount: Money
    months: Fraction = field(metadata={"check": months_of})
    discount: Fraction


@frozen(kw_only=True)
class DepositSpent(Message):
    """A deposit is used up: the on-demand price applies."""

    at: datetime
    contract: ContractId


@frozen(kw_only=True)
class DepositRefunded(Message):
    """A deposit was dissolved: ``refund`` came back to the balance, ``kept`` did not."""

    at: datetime
    contract: ContractId
    refund: Money
    kept: Money


@frozen(kw_only=True)
class PromiseSettled(Message):
    """A day of a promise of uptime was settled: what was missed came back, what was due was paid.

    Attributes:
        at: The midnight after the day, or the end of the contract.
        contract: Whose promise.
        day: What came due: the credit to the client, the release to the host.
        left: What the next settlement needs to know.
        closes: Whether the contract ends, and its escrow with it.
    """

    at: datetime
    contract: ContractId
    day: DaySettlement = field(metadata={"check": check_settlement})
    left: EscrowState = field(metadata={"check": check_escrow})
    closes: bool = False


@frozen(kw_only=True)
class TrafficCounted(Message):
    """Bytes that an instance sent and received were charged."""

    at: datetime
    contract: ContractId
    sent: int
    received: int


# --- the life of an instance ----------------------------------------------------------------


@frozen(kw_only=True)
class InstanceLoaded(Message):
    """An instance has loaded and runs."""

    at: datetime
    contract: ContractId


@frozen(kw_only=True)
class InstancePaused(Message):
    """A claim of higher priority took a GPU, or the floor is above the bid.

    Attributes:
        at: When.
        contract: What was paused.
        why: The strongest reason there is.
        by: The running contracts on its GPUs, the highest priority first.
    """

    at: datetime
    contract: ContractId
    why: WaitReason
    by: tuple[ContractId, ...] = field(repr=brief)


@frozen(kw_only=True)
class InstanceResumed(Message):
    """An instance that was paused, or waited for its GPUs, runs."""

    at: datetime
    contract: ContractId


@frozen(kw_only=True)
class InstanceStopped(Message):
    """An instance was stopped; its GPUs are released."""

    at: datetime
    contract: ContractId
    why: StopReason


@frozen(kw_only=True)
class InstanceStarted(Message):
    """A client started a stopped instance: it waits for its GPUs, in the order of ``arrival``."""

    at: datetime
    contract: ContractId
    arrival: int


@frozen(kw_only=True)
class InstanceExpired(Message):
    """The end of a contract came: its instance is stored until it is destroyed."""

    at: datetime
    contract: ContractId


@frozen(kw_only=True)
class InstanceDestroyed(Message):
    """An instance and its data are gone."""

    at: datetime
    contract: ContractId


@frozen(kw_only=True)
class InstanceLabelled(Message):
    """A client named its instance."""

    at: datetime
    contract: ContractId
    label: str


@frozen(kw_only=True)
class BidChanged(Message):
    """A client changed its bid: a new arrival, unless the price is the one it had."""

    at: datetime
    contract: ContractId
    bid: PerHour
    arrival: int


Event = (
    SettingsSet
    | CreditAdded
    | BalanceRanOut
    | MachineAdded
    | MachineRemoved
    | MachineVerified
    | MachineWentOffline
    | MachineCameOnline
    | MachineListed
    | MachineUnlisted
    | ListingEnded
    | EndDateRolled
    | MinBidSet
    | DefaultJobSet
    | DefaultJobRemoved
    | MaintenanceScheduled
    | ClientNotified
    | MaintenanceStarted
    | MaintenanceCompleted
    | MaintenanceCancelled
    | ContractCreated
    | ContractExtended
    | RatesChanged
    | ContractMoved
    | AutoExtensionSet
    | PriceIncreaseAsked
    | PriceIncreaseAccepted
    | PriceIncreaseRejected
    | PriceIncreaseLapsed
    | ContractPrepaid
    | DepositSpent
    | DepositRefunded
    | PromiseSettled
    | TrafficCounted
    | InstanceLoaded
    | InstancePaused
    | InstanceResumed
    | InstanceStopped
    | InstanceStarted
    | InstanceExpired
    | InstanceDestroyed
    | InstanceLabelled
    | BidChanged
    | VolumeListed
    | VolumeUnlisted
    | VolumeListingEnded
    | VolumeRented
    | VolumeExtended
    | VolumeExpired
    | VolumeDeleted
    | ThresholdsSet
    | CreditTransferred
    | PayoutInvoiced
    | ChargeDue
    | BalanceLow
)
"""Everything that can happen in a market."""
