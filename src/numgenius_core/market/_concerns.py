"""Whom an event concerns, on the market right before it: who is told, and whose it is.

Notifications ask who must be told (:data:`CONCERNS`), previews whose the instance, the volume, the
account or the machine is (:func:`owner_of`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import Enum, auto
from typing import Any, Final

from numgenius_core._checks import other_kind
from numgenius_core.contracts.contract import Contract
from numgenius_core.contracts.volumes import VolumeContract
from numgenius_core.ids import AccountId, ContractId, MachineId, VolumeId
from numgenius_core.maintenance.schedule import Notice
from numgenius_core.market import events as e
from numgenius_core.market._builder import Builder


class Role(Enum):
    """Who somebody is to an event."""

    ACCOUNT = auto()
    RECIPIENT = auto()
    """Whom money was handed to."""
    CLIENT = auto()
    """Who rents the instance or the volume."""
    HOST = auto()
    """Whose machine it is."""
    TENANTS = auto()
    """All who have an instance or a volume on the machine."""


_CLIENT, _HOST = (Role.CLIENT,), (Role.HOST,)
_BOTH, _ALL = (Role.CLIENT, Role.HOST), (Role.TENANTS, Role.HOST)
_NOBODY: Final[tuple[Role, ...]] = ()
CONCERNS: Final[Mapping[type, tuple[Role, ...]]] = {
    e.SettingsSet: _NOBODY,
    e.CreditAdded: (Role.ACCOUNT,),
    e.CreditTransferred: (Role.RECIPIENT,),
    e.PayoutInvoiced: (Role.ACCOUNT,),
    e.BalanceRanOut: (Role.ACCOUNT,),
    e.ChargeDue: (Role.ACCOUNT,),
    e.BalanceLow: (Role.ACCOUNT,),
    e.ThresholdsSet: _NOBODY,
    e.MachineAdded: _HOST,
    e.MachineRemoved: _NOBODY,
    e.MachineVerified: _HOST,
    e.MachineWentOffline: _ALL,
    e.MachineCameOnline: _ALL,
    e.MachineListed: _NOBODY,
    e.MachineUnlisted: _NOBODY,
    e.ListingEnded: _HOST,
    e.EndDateRolled: _NOBODY,
    e.MinBidSet: _NOBODY,
    e.DefaultJobSet: _NOBODY,
    e.DefaultJobRemoved: _NOBODY,
    e.MaintenanceScheduled: _ALL,  # but for those who are told by a ClientNotified each
    e.ClientNotified: _CLIENT,
    e.MaintenanceStarted: _ALL,
    e.MaintenanceCompleted: _ALL,
    e.MaintenanceCancelled: _ALL,
    e.ContractCreated: _HOST,
    e.ContractExtended: _CLIENT,
    e.RatesChanged: _CLIENT,
    e.ContractMoved: _CLIENT,
    e.AutoExtensionSet: _NOBODY,
    e.PriceIncreaseAsked: _CLIENT,
    e.PriceIncreaseAccepted: _HOST,
    e.PriceIncreaseRejected: _HOST,
    e.PriceIncreaseLapsed: _CLIENT,
    e.ContractPrepaid: _NOBODY,
    e.DepositSpent: _CLIENT,
    e.DepositRefunded: _CLIENT,
    e.PromiseSettled: _BOTH,  # if it gave a credit
    e.TrafficCounted: _NOBODY,
    e.InstanceLoaded: _CLIENT,
    e.InstancePaused: _CLIENT,
    e.InstanceResumed: _CLIENT,
    e.InstanceStopped: _CLIENT,  # for want of money alone
    e.InstanceStarted: _NOBODY,
    e.InstanceExpired: _BOTH,
    e.InstanceDestroyed: _BOTH,
    e.InstanceLabelled: _NOBODY,
    e.BidChanged: _NOBODY,
    e.VolumeListed: _NOBODY,
    e.VolumeUnlisted: _NOBODY,
    e.VolumeListingEnded: _HOST,
    e.VolumeRented: _HOST,
    e.VolumeExtended: _CLIENT,
    e.VolumeExpired: _BOTH,
    e.VolumeDeleted: _BOTH,
}
"""Whom each event concerns."""


def words_of(event: e.Event) -> str:
    """Return what happened in words: the name of the event, such as ``instance paused``."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(event).__name__).lower()


def subject_of(market: Builder, event: Any) -> str:
    """Return what an event is about: ``volume 4``, ``contract 2``, ``machine 1``, ``account``.

    Args:
        market: As it was right before the event.
        event: What happened.
    """
    if (volume := _volume_of(event)) is not None:
        return f"volume {volume}"
    if (contract := _contract_of(market, event)) is not None:
        return f"contract {contract}"
    if (machine := _machine_of(event)) is not None:
        return f"machine {machine}"
    return "account" if hasattr(event, "account") else "market"


def check_event(event: object, path: str) -> None:
    """Refuse what is no event of a market."""
    if type(event) not in CONCERNS:
        raise other_kind(event, CONCERNS, path, "an event of a market")


def owner_of(market: Builder, event: Any) -> AccountId | None:
    """Return whose an event is: the client of a rental, else the account, else the host.

    Args:
        market: As it was right before the event.
        event: What happened.
    """
    if _volume_of(event) is not None or _contract_of(market, event) is not None:
        return _rental(market, event).client
    if hasattr(event, "account"):
        account: AccountId = event.account
        return account
    return None if _machine_of(event) is None else _host(market, event)


def _volume_of(event: Any) -> VolumeId | None:
    """Return the volume that an event is about, ``None`` if it is about none."""
    if isinstance(event, e.VolumeRented):
        return event.contract.id
    found: VolumeId | None = getattr(event, "volume", None)
    return found


def _contract_of(market: Builder, event: Any) -> ContractId | None:
    """Return the contract of the instance that an event is about, ``None`` if it is of none."""
    if isinstance(event, e.ContractCreated):
        return event.contract.id
    if isinstance(event, e.ClientNotified):
        return event.notice.contract
    found: ContractId | None = getattr(event, "contract", None)
    if found is None and hasattr(event, "increase"):
        return market.asking(event.increase).increases[event.increase].contract.id
    return found


def _machine_of(event: Any) -> MachineId | None:
    """Return the machine that an event is about, ``None`` if it names none."""
    if isinstance(event, e.MachineAdded):
        return event.machine.id
    if isinstance(event, e.MachineListed):
        return event.listing.machine.id
    if isinstance(event, e.VolumeListed):
        return event.listing.machine
    found: MachineId | None = getattr(event, "machine", None)
    return found


def _rental(market: Builder, event: Any) -> Contract | VolumeContract | Notice:
    """Return what says whose the instance or the volume is that an event is about."""
    if isinstance(event, e.ContractCreated | e.VolumeRented):
        return event.contract
    if isinstance(event, e.ClientNotified):
        return event.notice
    if (volume := _volume_of(event)) is not None:
        return market.volume(volume).contract
    contract = _contract_of(market, event)
    assert contract is not None
    return market.living(contract).contract


def _host(market: Builder, event: Any) -> AccountId:
    if isinstance(event, e.MachineAdded):
        return event.machine.host
    machine = _machine_of(event)
    if machine is None:
        machine = _rental(market, event).machine
    return market.bare(machine).machine.host


def recipients(market: Builder, event: Any) -> Iterator[AccountId]:
    """Yield whom an event concerns, on the market right before it; one may come twice."""
    if isinstance(event, e.InstanceStopped) and event.why is e.StopReason.CLIENT:
        return
    if isinstance(event, e.PromiseSettled) and not event.day.credit:
        return
    if isinstance(event, e.MaintenanceScheduled):
        yield from _told_of_maintenance(market, event)
        return
    roles = CONCERNS[type(event)]
    if Role.ACCOUNT in roles:
        yield event.account
    if Role.RECIPIENT in roles:
        yield event.recipient
    if Role.CLIENT in roles:
        yield _rental(market, event).client
    if Role.TENANTS in roles:
        state = market.machine(event.machine)
        there = {each.contract.client for each in state.instances.values()}
        yield from sorted(there | {each.client for each in state.volumes.values()})
    if Role.HOST in roles:
        yield _host(market, event)


def _told_of_maintenance(market: Builder, event: e.MaintenanceScheduled) -> Iterator[AccountId]:
    """Yield who has but a volume there, and of the marketplace's own windows the host."""
    state = market.machine(event.machine)
    tenants = {each.contract.client for each in state.instances.values()}
    yield from sorted({each.client for each in state.volumes.values()} - tenants)
    if event.window.locked:
        yield state.machine.host
