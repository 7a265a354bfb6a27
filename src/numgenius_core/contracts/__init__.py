"""What was agreed, the life of an instance, extension, and the disk it has."""

from __future__ import annotations

from numgenius_core.contracts.calendar import client_end, occupancy
from numgenius_core.contracts.contract import Contract, RateChange, agree, to_reserved
from numgenius_core.contracts.extension import (
    Extended,
    Extension,
    ExtensionVerdict,
    PendingIncrease,
    Raise,
    Unchanged,
    accept,
    extend,
    reject,
    roll,
)
from numgenius_core.contracts.life import NEXT, InstanceEvent, InstanceState, advance
from numgenius_core.contracts.reasons import NotExtended, Stale
from numgenius_core.contracts.storage import Disk, Volume, disk_of, extend_volume, stopped_cost
from numgenius_core.contracts.volumes import VolumeContract

__all__ = [
    "NEXT",
    "Contract",
    "Disk",
    "Extended",
    "Extension",
    "ExtensionVerdict",
    "InstanceEvent",
    "InstanceState",
    "NotExtended",
    "PendingIncrease",
    "Raise",
    "RateChange",
    "Stale",
    "Unchanged",
    "Volume",
    "VolumeContract",
    "accept",
    "advance",
    "agree",
    "client_end",
    "disk_of",
    "extend",
    "extend_volume",
    "occupancy",
    "reject",
    "roll",
    "stopped_cost",
    "to_reserved",
]


def __dir__() -> list[str]:
    """Return what there is to use."""
    return sorted(__all__)
