"""The whole market: commands go in, events come out, and the state follows from the events."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from numgenius_core.market._dispatch import (
    Archive,
    CommandResult,
    VolumeArchive,
    decide,
    evolve,
    execute,
    execute_all,
    replay,
)
from numgenius_core.market._finding import find_event, find_events
from numgenius_core.market._ledger import Ledger
from numgenius_core.market._settings import Settings
from numgenius_core.market.instance import Instance
from numgenius_core.market.promise import PromiseState
from numgenius_core.market.state import Account, MachineState, Market
from numgenius_core.market.volume import RentedVolume, VolumeListing

if TYPE_CHECKING:
    from numgenius_core.market import (
        commands as commands,
        events as events,
        journal as journal,
        logs as logs,
        views as views,
    )

__all__ = [
    "Account",
    "Archive",
    "CommandResult",
    "Instance",
    "Ledger",
    "MachineState",
    "Market",
    "PromiseState",
    "RentedVolume",
    "Settings",
    "VolumeArchive",
    "VolumeListing",
    "decide",
    "evolve",
    "execute",
    "execute_all",
    "find_event",
    "find_events",
    "replay",
]


_FACES = ("commands", "events", "journal", "logs", "views")


def __dir__() -> list[str]:
    """Return what there is to use."""
    return sorted([*__all__, *_FACES])


def __getattr__(name: str) -> Any:
    """Load a face of the room when it is first asked for (PEP 562)."""
    if name in _FACES:
        return import_module(f"{__name__}.{name}")
    from numgenius_core._faces.deprecation import no_such  # slow, on the way to an error

    raise no_such(__name__, name)
