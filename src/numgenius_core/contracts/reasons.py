"""Why a contract is not extended, and why a price increase can no longer be accepted."""

from __future__ import annotations

from enum import Enum


class NotExtended(Enum):
    """Why a contract was not extended."""

    RAISED = "raised"
    """A price of the new listing is above the locked one (G9)."""
    NOT_LATER = "not later"
    """The new end is not after the contract's."""
    EXPIRED = "expired"
    """The contract has ended already."""
    PENDING = "pending"
    """A price increase waits for its client: it blocks others until it is answered."""
    OPTED_OUT = "opted out"
    """Its client does not want to be extended."""
    SLA_FEE_RISES = "sla fee rises"
    """The fee of its promise of uptime would rise; a later listing may extend it."""
    SLA_CLAIM_BELOW_TARGET = "sla claim below target"
    """The new listing promises less than its target, or nothing; a later one may extend it."""
    REJECTED = "rejected"
    """Its client rejected the higher price."""


class Stale(Enum):
    """Why a pending price increase can no longer be accepted."""

    ENDED = "ended"
    """The contract has ended."""
    EXTENDED = "extended"
    """The contract was extended in another way."""
    SUPERSEDED = "superseded"
    """The host has listed the machine anew since; relisting takes no question back."""
