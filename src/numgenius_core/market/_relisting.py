"""What a relisting keeps: each term that is left out, where a machine is listed and where not.

Rule (marketplace): a request to list a machine that is listed already is a merge. What it leaves
out keeps its value, but for two: the disk price goes back to $0.10 per GB-month, and a rolling end
stands still. Nobody is extended unless an end date, or a duration, is sent. A machine that is not
listed, or no longer, takes defaults instead, and needs a price for its GPUs.

Of a promise of uptime the claim is kept, and the spread, also through a claim of 0, which takes it
back for those who rent from then on.

Our readings: an end that rolled stands where its offers showed it. A machine that is listed keeps
the floor that its host set last; a new listing has none unless one is sent. A request of the
marketplace cannot say a price of 0 for traffic, since it counts as left out; a command can, as what
it leaves out is ``None``. What reads such requests (the command line, a service) gives ``None``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from fractions import Fraction
from typing import Any, Final

from attrs import evolve, frozen

from numgenius_core._terms import NO_FLOOR, Promise
from numgenius_core.errors import RuleViolation
from numgenius_core.listing import Listing, PriceTerms
from numgenius_core.market.commands import ListMachine, Relist
from numgenius_core.market.state import MachineState
from numgenius_core.rates import PerGb, PerGbMonth
from numgenius_core.sla.terms import promised

RESET_STORAGE: Final = PerGbMonth("0.10")
"""Disk price of a relisting that does not say one."""
PRICES: Final = ("gpu", "storage", "upload", "download", "min_bid", "platform_fee")
OTHERS: Final = ("min_gpu", "max_discount", "end", "rolling")
TERMS: Final = (*PRICES, *OTHERS, "sla_claim", "sla_spread")
"""The terms of a listing, in the order in which they are shown."""
_DEFAULTS: Final[Mapping[str, Any]] = {
    "storage": RESET_STORAGE,
    "upload": PerGb(0),
    "download": PerGb(0),
    "min_bid": NO_FLOOR,
    "platform_fee": Fraction(0),
    "min_gpu": 1,
    "max_discount": Fraction(2, 5),
    "end": None,
    "rolling": None,
}


class TermOrigin(Enum):
    """Where a term of a new listing comes from."""

    SENT = "sent"
    """The command says it."""
    KEPT = "kept"
    """It stays as it was."""
    ROLLING = "rolling"
    """It is the end that a rolling one has by now."""
    RESET = "reset"
    """It was left out, and goes back: the disk price to $0.10, a rolling end to a fixed one."""
    DEFAULT = "default"
    """It was left out, and nothing was listed that it could be kept from."""


@frozen(kw_only=True)
class TermChange:
    """A term of a machine's listing, before and after.

    Attributes:
        name: ``gpu``, ``storage``, ``upload``, ``download``, ``min_bid``, ``platform_fee``,
            ``min_gpu``, ``max_discount``, ``end``, ``rolling``, ``sla_claim`` or ``sla_spread``.
        old: What was listed; ``None`` without a listing, too. A spread is also the one that is kept
            without a claim.
        new: What is.
        origin: Where it comes from.
    """

    name: str
    old: Any
    new: Any
    origin: TermOrigin

    @property
    def changes(self) -> bool:
        """Whether it is another value than before."""
        return bool(self.old != self.new)


def term_of(machine: MachineState, name: str, at: datetime) -> Any:
    """Return a term of a machine's listing, ``None`` without one.

    An end that rolls is that of an instant; a spread is also the one that is kept without a claim.
    """
    listing = machine.listing
    if listing is None:
        return None
    if name == "end":
        return _end_of(listing, at)
    if name == "sla_claim":
        return Fraction(0) if listing.promise is None else listing.promise.claim
    if name == "sla_spread":
        kept = listing.promise or machine.promised
        return None if kept is None else kept.spread
    return getattr(listing.prices if name in PRICES else listing, name)


def _end_of(listing: Listing, at: datetime) -> datetime | None:
    try:
        return listing.end_at(at)
    except RuleViolation:  # beyond the calendar
        return None


def promise_of(machine: MachineState, command: ListMachine | Relist) -> Promise | None:
    """Return what a listing promises after a command; what is left out stays as it was."""
    before = None if machine.listing is None else machine.listing.promise
    claim = command.sla_claim
    if claim is None:
        claim = Fraction(0) if before is None else before.claim
    if before is None and machine.listing is not None:
        before = machine.promised
    found = promised(claim, command.sla_spread, before=before)
    if found is None or command.sla_max_beta is None:
        return found
    return evolve(found, max_beta=command.sla_max_beta)


def origin_of(machine: MachineState, command: ListMachine | Relist, name: str) -> TermOrigin:
    """Return where a term of the listing that a command publishes on a machine comes from."""
    listing = machine.listing
    if name == "end" and command.rolling is not None:
        return TermOrigin.ROLLING
    spread = name == "sla_spread"
    whole = isinstance(command, ListMachine) and not spread
    unheard = spread and promise_of(machine, command) is None  # with no claim it says nothing
    if whole or (getattr(command, name) is not None and not unheard):
        return TermOrigin.SENT
    if listing is None or (spread and machine.promised is None):
        return TermOrigin.DEFAULT
    if name == "storage":
        return TermOrigin.RESET
    if name == "rolling" and listing.rolling is not None:
        return TermOrigin.RESET
    return TermOrigin.KEPT


def merged(machine: MachineState, command: Relist, at: datetime) -> Listing:
    """Return the listing that a machine has after a relisting at an instant.

    Raises:
        RuleViolation: There is no GPU price, or the terms make no listing.
    """
    listing = machine.listing
    names = (*PRICES, *OTHERS)
    terms: dict[str, Any] = {name: getattr(command, name) for name in names}
    dated = command.end is not None or command.rolling is not None
    for name in names:
        if terms[name] is not None:
            continue
        if listing is None and name == "gpu":
            need = f"a price, since machine {machine.id} has no listing to keep it from"
            raise RuleViolation("gpu", need, "none")
        if listing is None or name == "storage":
            terms[name] = _DEFAULTS[name]
        elif name == "end":
            terms[name] = None if dated else listing.end_at(at)
        elif name != "rolling":
            terms[name] = term_of(machine, name, at)
    terms["promise"] = promise_of(machine, command)
    prices = PriceTerms(**{name: terms.pop(name) for name in PRICES})
    if listing is None:
        return Listing(machine=machine.machine, prices=prices, **terms)
    return evolve(listing, prices=prices, **terms)
