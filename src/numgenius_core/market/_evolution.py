"""What an event changes: one function for each, from a market and an event to the next market.

Nothing is decided here and nothing is checked: an event is a fact. Each function says what the
fact means for the machine, the instance and the accounts it names. Whenever what an instance costs
each second changes, so do the ledgers of its client, its host and the platform, by the same ticks.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from attrs import evolve

from numgenius_core._accrual import accrued
from numgenius_core.billing.history import (
    Fact,
    MachineWent,
    Moved,
    Prepaid,
    Rebid,
    Refunded,
    Transferred,
)
from numgenius_core.contracts.contract import to_reserved
from numgenius_core.contracts.extension import PendingIncrease
from numgenius_core.contracts.life import InstanceEvent, InstanceState, advance
from numgenius_core.errors import RuleViolation, WrongType, shown
from numgenius_core.maintenance.schedule import MachineSchedule, cancel_windows
from numgenius_core.market import events as e
from numgenius_core.market._ledger import NO_FLOW, Flow, Ledger
from numgenius_core.market._settlement import opened, settled
from numgenius_core.market.instance import Instance
from numgenius_core.market.state import DAY, MachineState, Market


def apply_event(market: Market, event: e.Event) -> Market:
    """Return the market after an event.

    Raises:
        WrongType: It is no event.
        UnknownId: It names something that the market does not have.
    """
    apply = _APPLY.get(type(event))
    if apply is None:
        raise WrongType("event", "an event of a market", shown(event))
    return apply(market, event)


def _unchanged(market: Market, event: e.Event) -> Market:
    """Return the market as it is: somebody was told, and what follows other events say."""
    return market.after(event.at)


# --- accounts -------------------------------------------------------------------------------


def credit_added(market: Market, event: e.CreditAdded) -> Market:
    account = opened(market, event.account, event.at)
    account = evolve(account, ledger=account.ledger.changed(event.at, add=event.amount))
    credited = market.credited + event.amount
    return market.after(event.at, accounts=[account], credited=credited)


def balance_ran_out(market: Market, event: e.BalanceRanOut) -> Market:
    account = market.account(event.account)
    account = evolve(account, ledger=account.ledger.changed(event.at), empty=True)
    return market.after(event.at, accounts=[account])


# --- machines -------------------------------------------------------------------------------


def machine_added(market: Market, event: e.MachineAdded) -> Market:
    machine = event.machine
    account = opened(market, machine.host, event.at)
    account = evolve(account, machines=(*account.machines, machine.id))
    place = MachineState(machine=machine, schedule=MachineSchedule(machine=machine.id))
    return market.after(event.at, place=place, accounts=[account])


def machine_removed(market: Market, event: e.MachineRemoved) -> Market:
    account = market.account(market.machine(event.machine).machine.host)
    left = tuple(each for each in account.machines if each != event.machine)
    machines = market.machines.without(event.machine)
    return market.after(event.at, accounts=[evolve(account, machines=left)], machines=machines)


def machine_verified(market: Market, event: e.MachineVerified) -> Market:
    place = market.machine(event.machine)
    machine = evolve(place.machine, verification=event.verification)
    listing = None if place.listing is None else evolve(place.listing, machine=machine)
    return market.after(event.at, place=evolve(place, machine=machine, listing=listing))


def machine_went(market: Market, event: e.MachineWentOffline | e.MachineCameOnline) -> Market:
    online = type(event) is e.MachineCameOnline
    place = evolve(market.machine(event.machine), online=online)
    market = market.after(event.at, place=place)
    for instance in place.instances.values():
        fact = MachineWent(at=event.at, online=online)
        market = settled(market, _noted(instance, fact), event.at)
    return market


def machine_listed(market: Market, event: e.MachineListed) -> Market:
    listing, number = event.listing, event.number
    place = market.machine(listing.machine.id)
    listings = market.listings.without(place.number).set(number, place.id)
    place = evolve(
        place,
        listing=listing,
        number=number,
        floor=listing.prices.min_bid,
        rolls_at=None if listing.rolling is None else _a_day_after(event.at),
    )
    last = max(market.last, number)
    return market.after(event.at, place=place, listings=listings, last=last)


def listing_ended(market: Market, event: e.MachineUnlisted | e.ListingEnded) -> Market:
    place = market.machine(event.machine)
    listings = market.listings.without(place.number)
    place = evolve(place, listing=None, rolls_at=None)
    return market.after(event.at, place=place, listings=listings)


def end_date_rolled(market: Market, event: e.EndDateRolled) -> Market:
    place = evolve(market.machine(event.machine), rolls_at=_a_day_after(event.at))
    return market.after(event.at, place=place)


def _a_day_after(at: datetime) -> datetime | None:
    """Return when an end rolls next; the last day of the calendar has no day after it."""
    try:
        return at + DAY
    except OverflowError:
        return None


def min_bid_set(market: Market, event: e.MinBidSet) -> Market:
    place = market.machine(event.machine)
    listing = place.listing
    if listing is not None:
        listing = evolve(listing, prices=evolve(listing.prices, min_bid=event.floor))
    return market.after(event.at, place=evolve(place, floor=event.floor, listing=listing))


def default_job_changed(market: Market, event: e.DefaultJobSet | e.DefaultJobRemoved) -> Market:
    job = event.image if isinstance(event, e.DefaultJobSet) else None
    return market.after(event.at, place=evolve(market.machine(event.machine), default_job=job))


# --- maintenance ----------------------------------------------------------------------------


def maintenance_scheduled(market: Market, event: e.MaintenanceScheduled) -> Market:
    place = market.machine(event.machine)
    windows = sorted([*place.schedule.windows, event.window], key=lambda w: w.period.start)
    schedule = evolve(place.schedule, windows=tuple(windows))
    return market.after(event.at, place=evolve(place, schedule=schedule))


def maintenance_cancelled(market: Market, event: e.MaintenanceCancelled) -> Market:
    place = market.machine(event.machine)
    schedule = cancel_windows(place.schedule, now=event.at)
    return market.after(event.at, place=evolve(place, schedule=schedule))


def maintenance_passed(
    market: Market, event: e.MaintenanceStarted | e.MaintenanceCompleted
) -> Market:
    place = evolve(market.machine(event.machine), announced=event.at)
    return market.after(event.at, place=place)


# --- contracts ------------------------------------------------------------------------------


def contract_created(market: Market, event: e.ContractCreated) -> Market:
    contract = event.contract
    instance = Instance(
        contract=contract,
        state=InstanceState.LOADING,
        arrival=contract.id,
        bid=contract.bid,
        max_discount=event.max_discount,
        deposit=Ledger(since=event.at),
        label=event.label,
    )
    account = market.account(contract.client)
    account = evolve(account, instances=(*account.instances, contract.id))
    market = market.after(
        event.at,
        accounts=[account],
        last=max(market.last, contract.id),
        homes=market.homes.set(contract.id, contract.machine),
    )
    return settled(market, instance, event.at)


def contract_extended(market: Market, event: e.ContractExtended) -> Market:
    instance = market.living(event.contract)
    contract = instance.contract.extended(event.end, event.prices)
    return settled(market, evolve(instance, contract=contract), event.at)


def rates_changed(market: Market, event: e.RatesChanged) -> Market:
    instance = market.living(event.contract)
    begun = evolve(instance, rate_changes_begun=instance.rate_changes_begun + 1)
    return settled(market, begun, event.at)


def contract_moved(market: Market, event: e.ContractMoved) -> Market:
    instance = market.living(event.contract)
    contract = evolve(instance.contract, block=event.block)
    return settled(market, evolve(instance, contract=contract), event.at)


def auto_extension_set(market: Market, event: e.AutoExtensionSet) -> Market:
    instance = evolve(market.living(event.contract), auto_extension=event.wanted)
    return settled(market, instance, event.at)


def price_increase_asked(market: Market, event: e.PriceIncreaseAsked) -> Market:
    place = market.home(event.contract)
    if place.listing is None:
        raise RuleViolation("event", "a machine that is listed", f"machine {place.id}")
    pending = PendingIncrease(
        contract=place.instances[event.contract].contract,
        raised=event.raised,
        new_end=event.new_end,
        listing=place.listing,
    )
    return market.after(
        event.at,
        place=evolve(place, increases={**place.increases, event.increase: pending}),
        last=max(market.last, event.increase),
        asked=market.asked.set(event.increase, place.id),
    )


def price_increase_closed(
    market: Market,
    event: e.PriceIncreaseAccepted | e.PriceIncreaseRejected | e.PriceIncreaseLapsed,
) -> Market:
    place = market.asking(event.increase)
    left = {key: each for key, each in place.increases.items() if key != event.increase}
    asked = market.asked.without(event.increase)
    return market.after(event.at, place=evolve(place, increases=left), asked=asked)


# --- deposits and traffic -------------------------------------------------------------------


def contract_prepaid(market: Market, event: e.ContractPrepaid) -> Market:
    instance = market.living(event.contract)
    fact = Prepaid(at=event.at, amount=event.amount, discount=event.discount)
    reserved = evolve(
        instance,
        contract=to_reserved(instance.contract, event.discount),
        months=event.months,
        discount=event.discount,
        deposit=instance.deposit.changed(event.at, add=event.amount),
        facts=(*instance.facts, fact),
    )
    return settled(market, reserved, event.at, Flow(balance=event.amount))


def deposit_spent(market: Market, event: e.DepositSpent) -> Market:
    """In its last second a deposit may lack something: the balance pays it."""
    instance = market.living(event.contract)
    lacks = -instance.deposit.at(event.at)
    spent = evolve(instance, deposit=instance.deposit.changed(event.at, add=lacks))
    return settled(market, spent, event.at, Flow(balance=lacks))


def deposit_refunded(market: Market, event: e.DepositRefunded) -> Market:
    """What is kept of a deposit is shared with the host as usage is."""
    instance = market.living(event.contract)
    fee = event.kept.scaled(instance.contract.prices_at(event.at).platform_fee)
    gone = event.refund + event.kept
    dissolved = evolve(
        instance,
        deposit=instance.deposit.changed(event.at, add=-gone),
        facts=(*instance.facts, Refunded(at=event.at, amount=event.refund)),
    )
    lump = Flow(balance=-event.refund, payout=event.kept - fee, fee=fee)
    return settled(market, dissolved, event.at, lump)


def traffic_counted(market: Market, event: e.TrafficCounted) -> Market:
    instance = market.living(event.contract)
    lump = NO_FLOW
    if not instance.contract.is_free_test:
        prices = instance.contract.prices_at(event.at)
        sent = accrued(prices.upload, 1, event.sent, prices.platform_fee)
        received = accrued(prices.download, 1, event.received, prices.platform_fee)
        paid, fee = sent.amount + received.amount, sent.fee + received.fee
        lump = Flow(balance=paid, payout=paid - fee, fee=fee)
    fact = Transferred(at=event.at, sent=event.sent, received=event.received)
    return settled(market, _noted(instance, fact), event.at, lump)


# --- the life of an instance ----------------------------------------------------------------


def _noted(instance: Instance, fact: Fact, **changes: Any) -> Instance:
    """Return an instance to which something happened."""
    return evolve(instance, facts=(*instance.facts, fact), **changes)


def _moves(by: InstanceEvent) -> Callable[[Market, Any], Market]:
    """Return what applies a move in the table of an instance's life."""

    def apply(market: Market, event: Any) -> Market:
        instance = market.living(event.contract)
        moved = Moved(at=event.at, event=by)
        return settled(market, _noted(instance, moved, state=advance(instance.state, by)), event.at)

    return apply


def instance_started(market: Market, event: e.InstanceStarted) -> Market:
    instance = market.living(event.contract)
    moved = Moved(at=event.at, event=InstanceEvent.STARTED)
    state = advance(instance.state, InstanceEvent.STARTED)
    waiting = _noted(instance, moved, state=state, arrival=event.arrival)
    return settled(market, waiting, event.at, last=max(market.last, event.arrival))


def instance_expired(market: Market, event: e.InstanceExpired) -> Market:
    instance = market.living(event.contract)
    state = advance(instance.state, InstanceEvent.EXPIRED)
    # That a contract expires at its end, its history knows by itself.
    return settled(market, evolve(instance, state=state), event.at)


def instance_destroyed(market: Market, event: e.InstanceDestroyed) -> Market:
    market = _moves(InstanceEvent.DESTROYED)(market, event)
    place, instance = market.home(event.contract), market.living(event.contract)
    others = {key: each for key, each in place.instances.items() if key != instance.id}
    account = market.account(instance.contract.client)
    rented = tuple(each for each in account.instances if each != instance.id)
    return market.after(
        event.at,
        place=evolve(place, instances=others),
        accounts=[evolve(account, instances=rented)],
        homes=market.homes.without(instance.id),
        archive=market.archive.set(instance.id, instance),
    )


def instance_labelled(market: Market, event: e.InstanceLabelled) -> Market:
    instance = evolve(market.living(event.contract), label=event.label)
    return settled(market, instance, event.at)


def bid_changed(market: Market, event: e.BidChanged) -> Market:
    fact = Rebid(at=event.at, bid=event.bid)
    instance = market.living(event.contract)
    bidding = _noted(instance, fact, bid=event.bid, arrival=event.arrival)
    return settled(market, bidding, event.at, last=max(market.last, event.arrival))


_APPLY: Final[dict[type, Callable[[Market, Any], Market]]] = {
    e.CreditAdded: credit_added,
    e.BalanceRanOut: balance_ran_out,
    e.MachineAdded: machine_added,
    e.MachineRemoved: machine_removed,
    e.MachineVerified: machine_verified,
    e.MachineWentOffline: machine_went,
    e.MachineCameOnline: machine_went,
    e.MachineListed: machine_listed,
    e.MachineUnlisted: listing_ended,
    e.ListingEnded: listing_ended,
    e.EndDateRolled: end_date_rolled,
    e.MinBidSet: min_bid_set,
    e.DefaultJobSet: default_job_changed,
    e.DefaultJobRemoved: default_job_changed,
    e.MaintenanceScheduled: maintenance_scheduled,
    e.ClientNotified: _unchanged,
    e.MaintenanceStarted: maintenance_passed,
    e.MaintenanceCompleted: maintenance_passed,
    e.MaintenanceCancelled: maintenance_cancelled,
    e.ContractCreated: contract_created,
    e.ContractExtended: contract_extended,
    e.RatesChanged: rates_changed,
    e.ContractMoved: contract_moved,
    e.AutoExtensionSet: auto_extension_set,
    e.PriceIncreaseAsked: price_increase_asked,
    e.PriceIncreaseAccepted: price_increase_closed,
    e.PriceIncreaseRejected: price_increase_closed,
    e.PriceIncreaseLapsed: price_increase_closed,
    e.ContractPrepaid: contract_prepaid,
    e.DepositSpent: deposit_spent,
    e.DepositRefunded: deposit_refunded,
    e.TrafficCounted: traffic_counted,
    e.InstanceLoaded: _moves(InstanceEvent.LOADED),
    e.InstancePaused: _moves(InstanceEvent.PREEMPTED),
    e.InstanceResumed: _moves(InstanceEvent.RESUMED),
    e.InstanceStopped: _moves(InstanceEvent.STOPPED),
    e.InstanceStarted: instance_started,
    e.InstanceExpired: instance_expired,
    e.InstanceDestroyed: instance_destroyed,
    e.InstanceLabelled: instance_labelled,
    e.BidChanged: bid_changed,
}
