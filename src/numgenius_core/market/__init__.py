"""The whole market: commands go in, events come out, and the state follows from the events."""

from __future__ import annotations

from numgenius_core.market._dispatch import decide, evolve, execute, replay
from numgenius_core.market._hosting import KEPT_AFTER_EXPIRY
from numgenius_core.market._ledger import Flow, Ledger
from numgenius_core.market.instance import Instance
from numgenius_core.market.state import Account, MachineState, Market

__all__ = [
    "KEPT_AFTER_EXPIRY",
    "Account",
    "Flow",
    "Instance",
    "Ledger",
    "MachineState",
    "Market",
    "decide",
    "evolve",
    "execute",
    "replay",
]
