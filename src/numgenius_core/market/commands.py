"""What a market can be told to do (G13, and time itself): imperative values, checked when made.

A host's and a client's command says who gives it (``by``); :func:`numgenius_core.market.decide`
refuses what that account may not do. The others come from the marketplace itself: it takes
payments, counts traffic, sees machines go offline and knows what time it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from fractions import Fraction
from typing import cast

from attrs import field, frozen

from numgenius_core._numbers import fraction
from numgenius_core.errors import WrongType, brief, shown
from numgenius_core.ids import AccountId, ContractId, MachineId, OfferId, VolumeId
from numgenius_core.listing import Machine, Mode, PriceTerms, Verification
from numgenius_core.maintenance.schedule import MaintenanceWindow
from numgenius_core.market._balance_messages import DeleteUnpaid, SetThresholds
from numgenius_core.market._messages import Order, positive
from numgenius_core.market._promise_messages import (
    A_BETA,
    A_CLAIM,
    A_SPREAD,
    A_TARGET,
    exactly,
    maybe,
)
from numgenius_core.market._settings import Settings
from numgenius_core.market._transfer_messages import PayOut, TransferCredit
from numgenius_core.market._volume_messages import (
    CloneVolume,
    DeleteVolume,
    ListVolume,
    RentVolume,
    UnlistVolume,
)
from numgenius_core.money import Money
from numgenius_core.rates import PerGb, PerGbMonth, PerGpuHour, PerHour
from numgenius_core.units import Exact

__all__ = [
    "AcceptPriceIncrease",
    "AddCredit",
    "AddMachine",
    "AnnounceMaintenance",
    "AnyCommand",
    "CancelMaintenance",
    "ChangeBid",
    "CleanUp",
    "CloneVolume",
    "Command",
    "CountTraffic",
    "Defragment",
    "DeleteUnpaid",
    "DeleteVolume",
    "Destroy",
    "Label",
    "ListMachine",
    "ListVolume",
    "PayOut",
    "Prepay",
    "RejectPriceIncrease",
    "Relist",
    "RemoveDefaultJob",
    "RemoveMachine",
    "Rent",
    "RentVolume",
    "ReportLoaded",
    "ReportOffline",
    "ReportOnline",
    "ScheduleMaintenance",
    "SetAutoExtension",
    "SetDefaultJob",
    "SetMinBid",
    "SetSettings",
    "SetThresholds",
    "SetVerification",
    "Start",
    "Stop",
    "Tick",
    "TransferCredit",
    "Unlist",
    "UnlistVolume",
    "WithdrawMaintenance",
]


def __dir__() -> list[str]:
    """Return what there is to use."""
    return sorted(__all__)


# --- the marketplace ------------------------------------------------------------------------


@frozen(kw_only=True)
class Tick(Order):
    """Let time pass: whatever has come due happens, each thing at its own instant."""


@frozen(kw_only=True)
class SetSettings(Order):
    """Set what the market takes at most; what waits already may go on waiting.

    It is taken after any silence, however long: so an operator goes on after a ``longest_step``.
    """

    settings: Settings


@frozen(kw_only=True)
class AddCredit(Order):
    """Take a payment: ``amount`` joins the balance of ``account``, which is opened if need be."""

    account: AccountId
    amount: Money = field(metadata={"check": positive})


@frozen(kw_only=True)
class AddMachine(Order):
    """Take a machine into the market; its host's account becomes, or stays, a host's."""

    machine: Machine


@frozen(kw_only=True)
class SetVerification(Order):
    """Say that a machine is verified, unverified or deverified (its agreement is broken)."""

    machine: MachineId
    verification: Verification


@frozen(kw_only=True)
class ReportOffline(Order):
    """Say that a machine went offline: nothing is charged until it is back.

    What runs under a promise of uptime is charged on, and settled at the end of the day.
    """

    machine: MachineId


@frozen(kw_only=True)
class ReportOnline(Order):
    """Say that a machine is back."""

    machine: MachineId


@frozen(kw_only=True)
class ReportLoaded(Order):
    """Say that an instance has loaded and runs from now on."""

    contract: ContractId


@frozen(kw_only=True)
class CountTraffic(Order):
    """Count bytes that an instance has ``sent`` and ``received`` since the last count."""

    contract: ContractId
    sent: int = 0
    received: int = 0


@frozen(kw_only=True)
class AnnounceMaintenance(Order):
    """Announce maintenance of the marketplace's own: the machine's host cannot cancel it."""

    machine: MachineId
    window: MaintenanceWindow


@frozen(kw_only=True)
class WithdrawMaintenance(Order):
    """Take back maintenance that the marketplace announced: one window, or all without a number."""

    machine: MachineId
    window: int | None = None


# --- a host ---------------------------------------------------------------------------------


@frozen(kw_only=True)
class RemoveMachine(Order):
    """Take an unlisted machine out on which no client has an instance or a volume.

    The host's own go with it.
    """

    by: AccountId
    machine: MachineId


def _discount(value: Exact) -> Fraction:
    return fraction(value, "ListMachine.max_discount", below_one=True)


@frozen(kw_only=True)
class ListMachine(Order):
    """Publish a listing, or another one in its place (G1, G9).

    Attributes:
        by: The host.
        machine: Its machine.
        prices: What a client pays.
        min_gpu: Smallest group of GPUs for rent, a power of two.
        max_discount: The reserved discount factor; 0 opts out.
        end: No new contract runs past it; ``None`` with no ``rolling`` never expires.
        rolling: Each day the end is set to that day plus this duration; not beside ``end``.
        volume_mb: What is offered for volumes, whole MB; ``None`` is half of what is available if
            there is no volume offer, as the marketplace does; 0 makes none, and leaves one that is
            there.
        volume_price: Of volumes, dollars per GB-month; by default the disk price.
        sla_claim: The uptime that the host claims, up to 0.99999; 0 promises nothing to those who
            rent from now on.
        sla_spread: How wide it may be off, up to 3; left out, what was listed stays, else 0.5.
        sla_max_beta: What only the marketplace's support sets: kept, not applied.
    """

    by: AccountId
    machine: MachineId
    prices: PriceTerms
    min_gpu: int = 1
    max_discount: Fraction = field(default=Fraction(2, 5), converter=_discount)
    end: datetime | None = None
    rolling: timedelta | None = None
    volume_mb: int | None = 0
    volume_price: PerGbMonth | None = None
    sla_claim: Fraction = field(default=Fraction(0), converter=exactly, metadata=A_CLAIM)
    sla_spread: Fraction | None = field(default=None, converter=maybe, metadata=A_SPREAD)
    sla_max_beta: Fraction | None = field(default=None, converter=maybe, metadata=A_BETA)


def _new_discount(value: Exact | None) -> Fraction | None:
    return None if value is None else fraction(value, "Relist.max_discount", below_one=True)


def _new_fee(value: Exact | None) -> Fraction | None:
    return None if value is None else fraction(value, "Relist.platform_fee", below_one=True)


@frozen(kw_only=True)
class Relist(Order):
    """Change a listing, and keep what is left out, which :class:`ListMachine` does not.

    Only an end date or duration that is *sent* extends contracts, also the present one sent again:
    each that ends before it and whose prices are not raised, stopped ones too. A price increase
    that waits holds its contract until it is answered. A past end date ends the listing at once.

    Attributes:
        by: The host.
        machine: Its machine; one that is not listed takes defaults for what is left out.
        gpu: Dollars per GPU-hour; a machine that is not listed needs it.
        storage: Dollars per GB-month; left out it goes to 0.10, also where another was listed.
        upload, download: Dollars per GB sent and received; by default 0. A 0 that is given is a
            price; the marketplace's own request takes it as left out, so whoever reads one gives
            ``None``.
        min_bid: The floor for bids, dollars per GPU-hour; by default none.
        platform_fee: The platform's share of what a client pays; by default 0.
        min_gpu, max_discount: As of a :class:`ListMachine`, and with its defaults.
        end: No new contract runs past it; left out, the present end stays and extends nobody.
        rolling: Each day the end is set to that day plus it; left out, a rolling end stands still.
        volume_mb, volume_price: As of a :class:`ListMachine`.
        sla_claim, sla_spread, sla_max_beta: As of a :class:`ListMachine`; left out, each stays.
    """

    by: AccountId
    machine: MachineId
    gpu: PerGpuHour | None = None
    storage: PerGbMonth | None = None
    upload: PerGb | None = None
    download: PerGb | None = None
    min_bid: PerGpuHour | None = None
    platform_fee: Fraction | None = field(default=None, converter=_new_fee)
    min_gpu: int | None = None
    max_discount: Fraction | None = field(default=None, converter=_new_discount)
    end: datetime | None = None
    rolling: timedelta | None = None
    volume_mb: int | None = 0
    volume_price: PerGbMonth | None = None
    sla_claim: Fraction | None = field(default=None, converter=maybe, metadata=A_CLAIM)
    sla_spread: Fraction | None = field(default=None, converter=maybe, metadata=A_SPREAD)
    sla_max_beta: Fraction | None = field(default=None, converter=maybe, metadata=A_BETA)


@frozen(kw_only=True)
class Unlist(Order):
    """Take the listing of a machine back: no new contracts; those that exist go on (G11)."""

    by: AccountId
    machine: MachineId


@frozen(kw_only=True)
class SetMinBid(Order):
    """Set the host's floor for bids, dollars per GPU-hour."""

    by: AccountId
    machine: MachineId
    floor: PerGpuHour


@frozen(kw_only=True)
class SetDefaultJob(Order):
    """Set the host's own job, which runs on every GPU that no client uses."""

    by: AccountId
    machine: MachineId
    image: str


@frozen(kw_only=True)
class RemoveDefaultJob(Order):
    """Take the host's own job away."""

    by: AccountId
    machine: MachineId


@frozen(kw_only=True)
class ScheduleMaintenance(Order):
    """Announce when a machine is down (G12); see :mod:`numgenius_core.maintenance`.

    The market gives the window its number. For many machines at once, give one command for each to
    :func:`numgenius_core.market.execute_all`.
    """

    by: AccountId
    machine: MachineId
    window: MaintenanceWindow


@frozen(kw_only=True)
class CancelMaintenance(Order):
    """Cancel a machine's upcoming and ongoing windows, or the one of this number.

    Those of the marketplace stay.
    """

    by: AccountId
    machine: MachineId
    window: int | None = None


def _movable(given: Iterable[ContractId]) -> tuple[ContractId, ...]:
    """Say what is taken: the message makes a tuple of it, and checks each id."""
    return cast(tuple[ContractId, ...], given)


@frozen(kw_only=True)
class Defragment(Order):
    """Rearrange which GPUs contracts hold, so that a block of the largest size can be rented.

    Attributes:
        by: The host.
        machine: Its machine.
        movable: Contracts that may be moved although they run; those that load always may.
    """

    by: AccountId
    machine: MachineId
    movable: tuple[ContractId, ...] = field(default=(), converter=_movable, repr=brief)


@frozen(kw_only=True)
class CleanUp(Order):
    """Delete the data of instances that expired at least 48 hours ago."""

    by: AccountId
    machine: MachineId


# --- a client -------------------------------------------------------------------------------


def _attached(given: Iterable[VolumeId]) -> tuple[VolumeId, ...]:
    """Say what is taken: the message makes a tuple of it, and checks each id."""
    return cast(tuple[VolumeId, ...], given)


def _rented_as(value: object, path: str) -> None:
    """Refuse what is no mode, with those that are taken: a contract becomes reserved later."""
    if type(value) is not Mode:
        taken = f"{Mode.ON_DEMAND}, {Mode.INTERRUPTIBLE}"
        need = f"a Mode: {taken} (to reserve, rent on demand and Prepay)"
        raise WrongType(path, need, shown(value))


@frozen(kw_only=True)
class Rent(Order):
    """Create an instance on an offer: a contract at the listing's terms (G3).

    Attributes:
        by: The client, or the machine's host for a free test (G10).
        offer: Which slice of which listing.
        mode: On-demand or interruptible. There is no default: a bid that was left out must never
            become an on-demand rental.
        bid: For an interruptible, dollars per hour for the whole instance.
        disk_mb: Disk wanted, whole MB.
        end: An earlier end than the listing's.
        label: The client's own name for it.
        volumes: Its own volumes on the same machine that the instance attaches.
        target: The uptime that it wants promised, at most what the listing claims; on demand only.
        sla_fee: What it was told that this costs, dollars per hour, exactly or to the nano-dollar,
            as a quote says it: refused if it is another by now.
    """

    by: AccountId
    offer: OfferId
    mode: Mode = field(metadata={"check": _rented_as})
    bid: PerHour | None = None
    disk_mb: int = 0
    end: datetime | None = None
    label: str = ""
    volumes: tuple[VolumeId, ...] = field(default=(), converter=_attached, repr=brief)
    target: Fraction | None = field(default=None, converter=maybe, metadata=A_TARGET)
    sla_fee: PerHour | None = None


@frozen(kw_only=True)
class ChangeBid(Order):
    """Change the bid of an interruptible; without a price, to the lowest that runs now."""

    by: AccountId
    contract: ContractId
    bid: PerHour | None = None


@frozen(kw_only=True)
class Prepay(Order):
    """Move money from the balance to the deposit of an instance: it is reserved from now on."""

    by: AccountId
    contract: ContractId
    amount: Money = field(metadata={"check": positive})


@frozen(kw_only=True)
class Stop(Order):
    """Stop an instance: its GPUs are released, its data is kept and its storage paid."""

    by: AccountId
    contract: ContractId


@frozen(kw_only=True)
class Start(Order):
    """Start a stopped instance: it runs as soon as its GPUs are free for it."""

    by: AccountId
    contract: ContractId


@frozen(kw_only=True)
class Destroy(Order):
    """End an instance and delete its data; of a deposit, the refund comes back."""

    by: AccountId
    contract: ContractId


@frozen(kw_only=True)
class Label(Order):
    """Give an instance a name of the client's own; an empty one takes it away."""

    by: AccountId
    contract: ContractId
    label: str


@frozen(kw_only=True)
class SetAutoExtension(Order):
    """Say whether a contract is to be extended when the host publishes a later end (G9)."""

    by: AccountId
    contract: ContractId
    wanted: bool


@frozen(kw_only=True)
class AcceptPriceIncrease(Order):
    """Accept a higher price: the contract is extended, the price applies after its present end."""

    by: AccountId
    increase: int


@frozen(kw_only=True)
class RejectPriceIncrease(Order):
    """Reject a higher price: the contract ends as agreed."""

    by: AccountId
    increase: int


Command = (
    Tick
    | SetSettings
    | AddCredit
    | AddMachine
    | SetVerification
    | ReportOffline
    | ReportOnline
    | ReportLoaded
    | CountTraffic
    | AnnounceMaintenance
    | WithdrawMaintenance
    | RemoveMachine
    | ListMachine
    | Relist
    | Unlist
    | SetMinBid
    | SetDefaultJob
    | RemoveDefaultJob
    | ScheduleMaintenance
    | CancelMaintenance
    | Defragment
    | CleanUp
    | Rent
    | ChangeBid
    | Prepay
    | Stop
    | Start
    | Destroy
    | Label
    | SetAutoExtension
    | AcceptPriceIncrease
    | RejectPriceIncrease
    | ListVolume
    | UnlistVolume
    | RentVolume
    | CloneVolume
    | DeleteVolume
    | SetThresholds
    | DeleteUnpaid
    | PayOut
    | TransferCredit
)
"""Everything a market can be told to do."""
AnyCommand = Command | Order
"""A command as functions take one: :data:`Command`, or what type checkers make of several commands
in one list."""
