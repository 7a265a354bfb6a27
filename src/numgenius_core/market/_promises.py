"""What becomes of promises of uptime as time passes: days that are settled, outages that are noted.

Rule (marketplace, published 2026): settlement is once a day of UTC and contract, and the last
active day closes the escrow.

Our readings: a day is settled at the midnight after it, by the schedules that the market's settings
have then; the end of a contract, its client's or its date, closes its escrow at that very instant.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from numgenius_core.billing.history import Settled
from numgenius_core.contracts.life import InstanceState
from numgenius_core.errors import RuleViolation
from numgenius_core.ids import ContractId
from numgenius_core.market import events as e
from numgenius_core.market._builder import Builder
from numgenius_core.market._ledger import moved
from numgenius_core.market.instance import Instance, changed_instance
from numgenius_core.market.promise import PromiseState, counted, midnight_after, outages_of
from numgenius_core.market.state import MachineState
from numgenius_core.sla.days import DaySettlement, EscrowState, settle_day
from numgenius_core.sla.schedules import SlaRules
from numgenius_core.sla.terms import SlaTerms

if TYPE_CHECKING:  # which applies events by these functions
    from numgenius_core.market._decision import Decision


# --- what is decided ------------------------------------------------------------------------


def settle_promise(decision: Decision, contract: ContractId, *, closes: bool = False) -> None:
    """Settle the day of a promise that is being counted, if there is one.

    Args:
        decision: What is being decided.
        contract: Whose promise.
        closes: The contract ends now: all that is in the escrow goes where it belongs.
    """
    market = decision.market
    instance = market.living(contract)
    terms = instance.contract.sla
    if instance.promise is None or terms is None:
        return
    promise = counted_until(instance, market.bare(instance.contract.machine), decision.at)
    day, left = day_so_far(promise, terms, market.settings.sla, closes=closes)
    decision.emit(e.PromiseSettled, contract=contract, day=day, left=left, closes=closes)


def day_so_far(
    promise: PromiseState, terms: SlaTerms, rules: SlaRules, *, closes: bool = False
) -> tuple[DaySettlement, EscrowState]:
    """Return what comes due if the day ends where it is counted to, and what it leaves."""
    return settle_day(
        terms,
        promise.escrow,
        promise.day,
        intended=promise.intended,
        down=promise.downtime(rules.notice),
        compute=promise.compute,
        net=promise.net,
        fee=promise.fee,
        close=closes,
        rules=rules,
    )


def counted_until(instance: Instance, machine: MachineState, at: datetime) -> PromiseState:
    """Return the promise of an instance, its day counted up to an instant."""
    assert instance.promise is not None
    running = instance.state is InstanceState.RUNNING
    return counted(instance.promise, at, instance.flow, running=running, machine=machine)


# --- what events change ---------------------------------------------------------------------


def promise_settled(market: Builder, event: e.PromiseSettled) -> None:
    instance, at, day = market.living(event.contract), event.at, event.day
    contract = instance.contract
    if instance.promise is None:
        need = "a contract whose promise is in force"
        raise RuleViolation("contract", need, f"contract {event.contract}")
    promise = counted_until(instance, market.bare(contract.machine), at)
    if day.day != promise.day or not (event.closes or at == midnight_after(promise.day)):
        need = f"the day from {promise.day} on, settled at its end"
        raise RuleViolation("event.day", need, f"the one from {day.day} on at {at}")
    gone, held = day.escrow_to_client + day.escrow_to_host, promise.ledger.at(at)
    if gone > held or (event.closes and gone != held):
        need = f"{'all' if event.closes else 'at most'} of the ${held} in the escrow"
        raise RuleViolation("event.day", need, f"${gone}")
    kept = PromiseState(
        day=at, since=at, escrow=event.left, ledger=moved(promise.ledger, at, -gone.ticks, 0)
    )
    fact = Settled(at=at, day=day, closes=event.closes)
    facts = instance.facts.add(fact)  # type: ignore[attr-defined]
    after = changed_instance(instance, facts=facts, promise=None if event.closes else kept)
    if day.credit:
        market.pay(contract.client, at, day.credit.ticks, 0)
    if day.escrow_to_host:
        market.pay(contract.host, at, day.escrow_to_host.ticks, 0)
    if day.from_platform:
        market.earn(at, -day.from_platform.ticks, 0)
    market.settle(after, at)


def count_promises(market: Builder, machine: MachineState, at: datetime) -> None:
    """Count the promises on a machine up to an instant, before what is forgiven changes."""
    for contract in sorted(machine.instances):
        instance = market.living(contract)
        if instance.promise is not None:
            promise = counted_until(instance, machine, at)
            market.put(changed_instance(instance, promise=promise))


def noted_outages(machine: MachineState, at: datetime, *, online: bool) -> dict[str, Any]:
    """Return what a machine keeps of the time that it was down until an instant.

    Args:
        machine: As it was until then.
        at: When it came back, or went on being down under other windows.
        online: Whether it is back.
    """
    outages, since = machine.outages, machine.down_since
    if since is not None:
        for outage in outages_of(machine, since, at):
            outages = outages.add(outage)  # type: ignore[attr-defined]
    return {"outages": outages, "down_since": None if online else at}
