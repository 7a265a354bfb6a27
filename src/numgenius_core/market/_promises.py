"""What becomes of promises of uptime as time passes: days that are settled, outages that are noted.

Rule (marketplace, published 2026): settlement is once a day of UTC and contract, and the last
active day closes the escrow.

Our readings: a day is settled at the midnight after it, by the schedules that the market's settings
have then; the end of a contract, its client's or its date, closes its escrow at that very instant.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from numgenius_core.billing.history import Settled
from numgenius_core.contracts.life import InstanceState
from numgenius_core.errors import RuleViolation
from numgenius_core.ids import ContractId
from numgenius_core.market import events as e
from numgenius_core.market._builder import Builder
from numgenius_core.market._contradictions import check_settled
from numgenius_core.market._copying import maker
from numgenius_core.market._ledger import moved, ticks_at
from numgenius_core.market.instance import Instance, changed_instance
from numgenius_core.market.promise import (
    PromiseState,
    counted,
    midnight_after,
    outages_of,
)
from numgenius_core.market.state import MachineState
from numgenius_core.sla.days import DaySettlement, EscrowState, Judge, Settling
from numgenius_core.sla.schedules import SlaRules

if TYPE_CHECKING:  # which applies events by these functions
    from numgenius_core.market._decision import Decision

_settled_fact: Final = maker(Settled)


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
    rules = market.settings.sla
    promise = counted_until(instance, market.bare(instance.contract.machine), decision.at)
    day, left = day_so_far(promise, decision.judge(terms, rules), rules, closes=closes)
    decision.emit(e.PromiseSettled, contract=contract, day=day, left=left, closes=closes)


def day_so_far(
    promise: PromiseState, judge: Judge, rules: SlaRules, *, closes: bool = False
) -> tuple[DaySettlement, EscrowState]:
    """Return what comes due if the day ends where it is counted to, and what it leaves."""
    settling = Settling(judge, promise.escrow)
    settled = settling.day(
        promise.day,
        intended=promise.intended,
        down=promise.downtime(rules.notice),
        compute=promise.compute,
        net=promise.net,
        fee=promise.fee,
        close=closes,
    )
    return settled, settling.state()


def counted_until(instance: Instance, machine: MachineState, at: datetime) -> PromiseState:
    """Return the promise of an instance, its day counted up to an instant."""
    assert instance.promise is not None
    running = instance.state is InstanceState.RUNNING
    return counted(instance.promise, at, instance.flow, running=running, machine=machine)


# --- what events change ---------------------------------------------------------------------


def promise_settled(market: Builder, event: e.PromiseSettled) -> None:
    instance, at, day = market.living(event.contract), event.at, event.day
    contract, promise, closes = instance.contract, instance.promise, event.closes
    if promise is None:
        need = "a contract whose promise is in force"
        raise RuleViolation("contract", need, f"contract {event.contract}")
    counts = counted_until(instance, market.bare(contract.machine), at)
    if day.day != counts.day or not (closes or at == midnight_after(counts.day)):
        need = f"the day from {counts.day} on, settled at its end"
        raise RuleViolation("day", need, f"the one from {day.day} on at {at}")
    check_settled(event, counts, ticks_at(promise.ledger, at))
    paid, released = day.escrow_to_client.ticks, day.escrow_to_host.ticks
    facts = instance.facts.add(_settled_fact(at=at, day=day, closes=closes))  # type: ignore[attr-defined]
    if day.credit.ticks:
        market.pay(contract.client, at, day.credit.ticks, 0)
    if released:
        market.pay(contract.host, at, released, 0)
    if day.credit.ticks != paid:
        market.earn(at, paid - day.credit.ticks, 0)
    if closes:
        market.settle(changed_instance(instance, facts=facts, promise=None), at)
        return
    ledger = moved(promise.ledger, at, -paid - released, 0)
    kept = PromiseState(day=at, since=at, escrow=event.left, ledger=ledger)
    market.put(changed_instance(instance, facts=facts, promise=kept))  # what flows goes on


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
