"""The life of an instance: its states, what happens to it, and where that leads.

Our readings: *offline* is a state of the machine, not of the instance: what an instance was when
its machine went offline, it is again when the machine comes back. Starting a stopped instance
always passes through *scheduling*, since whether its GPUs are free is decided by who runs
(:mod:`numgenius_core.bids`), not by the client. An instance that is paused or stopped while it
loads does not load again: loading prepares the image, which goes on without GPUs. It runs, and pays
for its GPUs, from the moment it gets them, and nobody reports that it has loaded.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from numgenius_core._checks import check_kind
from numgenius_core.errors import IllegalMove


class InstanceState(Enum):
    """What an instance is doing."""

    if not TYPE_CHECKING:  # which take it for another signature than Enum's
        __hash__ = object.__hash__  # there is one of each; by its name it takes twice as long

    LOADING = "loading"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"
    SCHEDULING = "scheduling"
    EXPIRED = "expired"
    DESTROYED = "destroyed"


class InstanceEvent(Enum):
    """What happens to an instance."""

    if not TYPE_CHECKING:  # which take it for another signature than Enum's
        __hash__ = object.__hash__  # there is one of each; by its name it takes twice as long

    LOADED = "loaded"
    PREEMPTED = "preempted"
    RESUMED = "resumed"
    STOPPED = "stopped"
    STARTED = "started"
    EXPIRED = "expired"
    DESTROYED = "destroyed"


_ENDS: Final = {
    InstanceEvent.EXPIRED: InstanceState.EXPIRED,
    InstanceEvent.DESTROYED: InstanceState.DESTROYED,
}
_TABLE: Final[Mapping[InstanceState, Mapping[InstanceEvent, InstanceState]]] = {
    InstanceState.LOADING: {
        InstanceEvent.LOADED: InstanceState.RUNNING,
        InstanceEvent.PREEMPTED: InstanceState.PAUSED,
        InstanceEvent.STOPPED: InstanceState.STOPPED,
        **_ENDS,
    },
    InstanceState.RUNNING: {
        InstanceEvent.PREEMPTED: InstanceState.PAUSED,
        InstanceEvent.STOPPED: InstanceState.STOPPED,
        **_ENDS,
    },
    InstanceState.PAUSED: {
        InstanceEvent.RESUMED: InstanceState.RUNNING,
        InstanceEvent.STOPPED: InstanceState.STOPPED,
        **_ENDS,
    },
    InstanceState.STOPPED: {InstanceEvent.STARTED: InstanceState.SCHEDULING, **_ENDS},
    InstanceState.SCHEDULING: {
        InstanceEvent.RESUMED: InstanceState.RUNNING,
        InstanceEvent.PREEMPTED: InstanceState.PAUSED,
        InstanceEvent.STOPPED: InstanceState.STOPPED,
        **_ENDS,
    },
    InstanceState.EXPIRED: {InstanceEvent.DESTROYED: InstanceState.DESTROYED},
    InstanceState.DESTROYED: {},
}
NEXT: Final[Mapping[InstanceState, Mapping[InstanceEvent, InstanceState]]] = MappingProxyType(
    {state: MappingProxyType(events) for state, events in _TABLE.items()}
)
"""The life of an instance: for each state, the events it allows and where they lead."""


def advance(state: InstanceState, event: InstanceEvent) -> InstanceState:
    """Return the state after an event.

    Raises:
        IllegalMove: The state does not allow the event; the error lists those it does.

    >>> from numgenius_core.contracts import InstanceEvent, InstanceState, advance
    >>> advance(InstanceState.RUNNING, InstanceEvent.PREEMPTED)
    <InstanceState.PAUSED: 'paused'>
    >>> advance(InstanceState.EXPIRED, InstanceEvent.STARTED)
    Traceback (most recent call last):
    numgenius_core.errors.IllegalMove: started: not possible while expired; possible is: destroyed
    """
    check_kind(state, InstanceState, "state")
    check_kind(event, InstanceEvent, "event")
    after = NEXT[state].get(event)
    if after is None:
        raise IllegalMove(state.value, event.value, tuple(legal.value for legal in NEXT[state]))
    return after
