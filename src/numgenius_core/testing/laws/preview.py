"""Laws of previews: what a preview says of a command is what then happens."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from numgenius_core.contracts.contract import is_later
from numgenius_core.contracts.extension import Unchanged
from numgenius_core.contracts.reasons import NotExtended
from numgenius_core.errors import NumgeniusError
from numgenius_core.listing import Listing
from numgenius_core.market import commands as c, events as e, execute, find_events, views
from numgenius_core.market.instance import Instance
from numgenius_core.market.state import Market
from numgenius_core.testing.law import Law, Rule
from numgenius_core.testing.market_values import previewed

Previews = Callable[[Market, c.Command, datetime], views.Preview]

_HAPPENS: Final = "what a preview says is what then happens, event by event, or why it is refused"
_CONCERNED: Final = "who is extended and who is asked are those to whom it then happens"
_SKIPPED: Final = "who is skipped is told why: no later end, an increase that waits, no wish for it"


def _what_happens(
    implementation: Previews, market: Market, command: c.Command, at: datetime
) -> str | None:
    told = implementation(market, command, at)
    try:
        after, events = execute(market, command, at)
    except NumgeniusError as refusal:
        said = "nothing" if told.error is None else f"{type(told.error).__name__}: {told.error}"
        same = said == f"{type(refusal).__name__}: {refusal}" and not told.events
        return None if same else f"it is refused, {refusal}, and the preview says {said}"
    if told.error is not None:
        return f"it is not refused, and the preview says {told.error}"
    if (*told.due, *told.events) != events:
        return f"{len(events)} events happen, not {[*told.due, *told.events]}"
    return None if told.market == after else "the market after it is another"


def _who_is_concerned(
    implementation: Previews, market: Market, command: c.Command, at: datetime
) -> str | None:
    told = implementation(market, command, at)
    extended = [(each.contract, each.end) for each in find_events(told.events, e.ContractExtended)]
    asked = [
        (each.contract, each.new_end, each.raised)
        for each in find_events(told.events, e.PriceIncreaseAsked)
    ]
    if isinstance(command, c.AcceptPriceIncrease):
        return None  # it extends what was asked long before
    if extended != [(each.contract.id, each.end) for each in told.extended]:
        return f"extended are {extended}, not {told.extended}"
    if asked != [(each.contract.id, each.new_end, each.raised) for each in told.asked]:
        return f"asked are {asked}, not {told.asked}"
    return None


def _who_is_skipped(
    implementation: Previews, market: Market, command: c.Command, at: datetime
) -> str | None:
    told = implementation(market, command, at)
    if not told.verdicts:
        return None
    assert isinstance(command, c.ListMachine | c.Relist)
    state = views.until(market, at).machine(command.machine)
    current = [each.id for each in state.in_order() if not each.is_over]
    if current != [each.contract.id for each in told.verdicts]:
        return f"contracts {current} are there, not those of {told.verdicts}"
    listing = told.market.machine(command.machine).listing
    assert listing is not None  # it has just been published
    for each in told.skipped:
        if fault := _wrong_reason(each, state.instances[each.contract.id], listing, at):
            return fault
    return None


def _wrong_reason(
    told: Unchanged, instance: Instance, listing: Listing, at: datetime
) -> str | None:
    """Return what is wrong with the reason for which a contract is skipped."""
    terms, promise = instance.contract.sla, listing.promise
    true = {
        NotExtended.NOT_LATER: not is_later(listing.end_at(at), instance.contract.end),
        NotExtended.PENDING: bool(instance.increase),
        NotExtended.OPTED_OUT: not instance.auto_extension,
        # By what figures the fee rises is a law of the promise's own rule.
        NotExtended.SLA_FEE_RISES: terms is not None,
        NotExtended.SLA_CLAIM_BELOW_TARGET: terms is not None
        and (promise is None or promise.claim < terms.target),
    }
    if true.get(told.why, False):
        return None
    return f"contract {told.contract.id} is skipped because {told.why.value}, which is not so"


PREVIEW: Final = Rule(
    name="preview",
    signature="(market: Market, command: Command, at: datetime) -> Preview",
    cases=previewed(),
    laws=(
        Law(name="what then happens", sentence=_HAPPENS, check=_what_happens),
        Law(name="to whom it happens", sentence=_CONCERNED, check=_who_is_concerned),
        Law(name="why somebody is skipped", sentence=_SKIPPED, check=_who_is_skipped),
    ),
    ours=views.preview,
)
"""What a command would do, told before it is given."""
