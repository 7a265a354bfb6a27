"""What an event changes: one function for each, from a market and an event to the next market.

Nothing is decided here and nothing is checked: an event is a fact. Each function says what the
fact means for the machine, the instance and the accounts it names. Whenever what an instance costs
each second changes, so do the ledgers of its client, its host and the platform, by the same ticks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from attrs import evolve

from numgenius_core import events as e
from numgenius_core.contract import Event, State, advance, to_reserved
from numgenius_core.errors import WrongType, shown
from numgenius_core.extension import PendingIncrease
from numgenius_core.history import (
    BidChanged,
    Happening,
    MachineWent,
    Moved,
    Prepaid,
    Refunded,
    Transferred,
)
from numgenius_core.instance import Instance, flow_of
from numgenius_core.ledger import NO_FLOW, Flow, Ledger
from numgenius_core.listing import AccountId, Listing
from numgenius_core.maintenance import Schedule, cancel
from numgenius_core.money import Money
from numgenius_core.state import DAY, Account, MachineState, Market
from numgenius_core.term import Term

__all__ = ["apply_event"]


def apply_event(market: Market, event: e.Event) -> Market:
    """Return the market after an event.

    Raises:
        WrongType: It is no event.
        UnknownId: It names something that the market does not have.
    """
    apply = _APPLY.get(type(event))
    if apply is None:
        raise WrongType("event", "an event of a market", shown(event))
    after: Market = apply(market, event)
    return evolve(after, now=max(after.now, event.at))


def _unchanged(market: Market, _: e.Event) -> Market:
    """Return the market as it is: somebody was told, and what follows other events say."""
    return market


# --- money ----------------------------------------------------------------------------------


def opened(market: Market, account: AccountId, event: e.CreditAdded | e.MachineAdded) -> Account:
    """Return an account, a new one if need be."""
    return market.accounts.get(account) or Account(id=account, ledger=Ledger(since=event.at))


def moved(
    market: Market, instance: Instance, at: Any, lump: Flow = NO_FLOW, rate: Flow = NO_FLOW
) -> Market:
    """Return the market after ``lump`` moved because of an instance, its flow changed by ``rate``.

    The deposit is the instance's own and changes with it, not here.
    """
    contract = instance.contract
    for name, paid, speed in (
        (contract.client, -lump.balance, -rate.balance),
        (contract.host, lump.payout, rate.payout),
    ):
        if paid or speed:
            account = market.account(name)
            ledger = account.ledger.changed(at, add=paid, rate=speed)
            market = market.with_account(evolve(account, ledger=ledger))
    if lump.fee or rate.fee:
        platform = market.platform.changed(at, add=lump.fee, rate=rate.fee)
        market = evolve(market, platform=platform)
    return market


def settled(
    market: Market, place: MachineState, instance: Instance, at: Any, lump: Flow = NO_FLOW
) -> Market:
    """Return the market with an instance in its new state, and the money flowing as it now must."""
    flow = flow_of(instance, online=place.online, at=at)
    change = flow - instance.flow
    if change != NO_FLOW:
        deposit = instance.deposit.changed(at, rate=-change.deposit)
        instance = evolve(instance, flow=flow, deposit=deposit)
    if change != NO_FLOW or lump != NO_FLOW:
        market = moved(market, instance, at, lump, change)
    if not instance.exists:
        return archived(market, place, instance)
    place = evolve(place, instances={**place.instances, instance.id: instance})
    return market.with_machine(place)


def archived(market: Market, place: MachineState, instance: Instance) -> Market:
    """Return the market with a destroyed instance among those of the past."""
    others = {key: each for key, each in place.instances.items() if key != instance.id}
    account = market.account(instance.contract.client)
    rented = tuple(each for each in account.instances if each != instance.id)
    market = market.with_account(evolve(account, instances=rented))
    return evolve(
        market.with_machine(evolve(place, instances=others)),
        homes=market.homes.without(instance.id),
        archive=market.archive.set(instance.id, instance),
    )


# --- accounts -------------------------------------------------------------------------------


def credit_added(market: Market, event: e.CreditAdded) -> Market:
    account = opened(market, event.account, event)
    ledger = account.ledger.changed(event.at, add=event.amount)
    market = market.with_account(evolve(account, ledger=ledger))
    return evolve(market, credited=market.credited + event.amount)


# --- machines -------------------------------------------------------------------------------


def machine_added(market: Market, event: e.MachineAdded) -> Market:
    machine = event.machine
    account = opened(market, machine.host, event)
    market = market.with_account(evolve(account, machines=(*account.machines, machine.id)))
    place = MachineState(machine=machine, schedule=Schedule(machine=machine.id))
    return market.with_machine(place)


def machine_removed(market: Market, event: e.MachineRemoved) -> Market:
    account = market.account(market.machine(event.machine).machine.host)
    left = tuple(each for each in account.machines if each != event.machine)
    market = market.with_account(evolve(account, machines=left))
    return evolve(market, machines=market.machines.without(event.machine))


def machine_verified(market: Market, event: e.MachineVerified) -> Market:
    place = market.machine(event.machine)
    machine = evolve(place.machine, verification=event.verification)
    listing = None if place.listing is None else evolve(place.listing, machine=machine)
    return market.with_machine(evolve(place, machine=machine, listing=listing))


def machine_went(market: Market, event: e.MachineWentOffline | e.MachineCameOnline) -> Market:
    online = type(event) is e.MachineCameOnline
    market = market.with_machine(evolve(market.machine(event.machine), online=online))
    for instance in market.machine(event.machine).instances.values():
        fact = MachineWent(at=event.at, online=online)
        place = market.machine(event.machine)
        market = settled(market, place, _noted(instance, fact), event.at)
    return market


def machine_listed(market: Market, event: e.MachineListed) -> Market:
    listing = event.listing
    place = market.machine(listing.machine.id)
    market = _listed(market, place, listing, number=event.number)
    place = market.machine(place.id)
    rolls_at = None if listing.rolling is None else event.at + DAY
    return market.with_machine(evolve(place, floor=listing.prices.min_bid, rolls_at=rolls_at))


def _listed(market: Market, place: MachineState, listing: Listing | None, number: int) -> Market:
    """Return the market with a listing in the place of another; ``None`` for none."""
    listings = market.listings.without(place.number)
    if listing is not None:
        listings = listings.set(number, place.id)
    place = evolve(place, listing=listing, number=number, rolls_at=None)
    market = evolve(market, listings=listings, last=max(market.last, number))
    return market.with_machine(place)


def listing_ended(market: Market, event: e.MachineUnlisted | e.ListingEnded) -> Market:
    place = market.machine(event.machine)
    return _listed(market, place, None, place.number)


def end_date_rolled(market: Market, event: e.EndDateRolled) -> Market:
    place = market.machine(event.machine)
    return market.with_machine(evolve(place, rolls_at=event.at + DAY))


def min_bid_set(market: Market, event: e.MinBidSet) -> Market:
    place = market.machine(event.machine)
    listing = place.listing
    if listing is not None:
        listing = evolve(listing, prices=evolve(listing.prices, min_bid=event.floor))
    return market.with_machine(evolve(place, floor=event.floor, listing=listing))


def default_job_changed(market: Market, event: e.DefaultJobSet | e.DefaultJobRemoved) -> Market:
    job = event.image if isinstance(event, e.DefaultJobSet) else None
    return market.with_machine(evolve(market.machine(event.machine), default_job=job))


# --- maintenance ----------------------------------------------------------------------------


def maintenance_scheduled(market: Market, event: e.MaintenanceScheduled) -> Market:
    place = market.machine(event.machine)
    windows = sorted([*place.schedule.windows, event.window], key=lambda w: w.period.start)
    schedule = evolve(place.schedule, windows=tuple(windows))
    return market.with_machine(evolve(place, schedule=schedule))


def maintenance_cancelled(market: Market, event: e.MaintenanceCancelled) -> Market:
    place = market.machine(event.machine)
    return market.with_machine(evolve(place, schedule=cancel(place.schedule, event.at)))


def maintenance_passed(
    market: Market, event: e.MaintenanceStarted | e.MaintenanceCompleted
) -> Market:
    return market.with_machine(evolve(market.machine(event.machine), announced=event.at))


# --- contracts ------------------------------------------------------------------------------


def contract_created(market: Market, event: e.ContractCreated) -> Market:
    contract = event.contract
    instance = Instance(
        term=Term(contract=contract),
        state=State.LOADING,
        arrival=contract.id,
        bid=contract.bid,
        max_discount=event.max_discount,
        deposit=Ledger(since=event.at),
        label=event.label,
    )
    account = market.account(contract.client)
    market = market.with_account(evolve(account, instances=(*account.instances, contract.id)))
    market = evolve(
        market,
        last=max(market.last, contract.id),
        homes=market.homes.set(contract.id, contract.machine),
    )
    return settled(market, market.machine(contract.machine), instance, event.at)


def contract_extended(market: Market, event: e.ContractExtended) -> Market:
    place = market.home(event.contract)
    instance = place.instances[event.contract]
    term = instance.term.extended(event.end, event.prices)
    return settled(market, place, evolve(instance, term=term), event.at)


def rates_changed(market: Market, event: e.RatesChanged) -> Market:
    place = market.home(event.contract)
    instance = place.instances[event.contract]
    begun = evolve(instance, segments_begun=instance.segments_begun + 1)
    return settled(market, place, begun, event.at)


def contract_moved(market: Market, event: e.ContractMoved) -> Market:
    place = market.home(event.contract)
    instance = place.instances[event.contract]
    term = evolve(instance.term, contract=evolve(instance.contract, block=event.block))
    return settled(market, place, evolve(instance, term=term), event.at)


def auto_extension_set(market: Market, event: e.AutoExtensionSet) -> Market:
    place = market.home(event.contract)
    instance = evolve(place.instances[event.contract], auto_extension=event.wanted)
    return settled(market, place, instance, event.at)


def price_increase_asked(market: Market, event: e.PriceIncreaseAsked) -> Market:
    place = market.home(event.contract)
    assert place.listing is not None
    pending = PendingIncrease(
        term=place.instances[event.contract].term,
        raised=event.raised,
        new_end=event.new_end,
        listing=place.listing,
    )
    increases = {**place.increases, event.increase: pending}
    market = evolve(
        market,
        last=max(market.last, event.increase),
        asked=market.asked.set(event.increase, place.id),
    )
    return market.with_machine(evolve(place, increases=increases))


def price_increase_closed(
    market: Market,
    event: e.PriceIncreaseAccepted | e.PriceIncreaseRejected | e.PriceIncreaseLapsed,
) -> Market:
    place = market.machine(market.asked[event.increase])
    left = {key: each for key, each in place.increases.items() if key != event.increase}
    market = evolve(market, asked=market.asked.without(event.increase))
    return market.with_machine(evolve(place, increases=left))


# --- deposits and traffic -------------------------------------------------------------------


def contract_prepaid(market: Market, event: e.ContractPrepaid) -> Market:
    place = market.home(event.contract)
    instance = place.instances[event.contract]
    contract = to_reserved(instance.contract, event.discount)
    reserved = evolve(
        _noted(instance, Prepaid(at=event.at, amount=event.amount, discount=event.discount)),
        term=evolve(instance.term, contract=contract),
        months=event.months,
        discount=event.discount,
        deposit=instance.deposit.changed(event.at, add=event.amount),
    )
    return settled(market, place, reserved, event.at, Flow(balance=event.amount))


def deposit_spent(market: Market, event: e.DepositSpent) -> Market:
    """In its last second a deposit may lack something: the balance pays it."""
    place = market.home(event.contract)
    instance = place.instances[event.contract]
    lacks = -instance.deposit.at(event.at)
    spent = evolve(instance, deposit=instance.deposit.changed(event.at, add=lacks))
    return settled(market, place, spent, event.at, Flow(balance=lacks))


def deposit_refunded(market: Market, event: e.DepositRefunded) -> Market:
    """What is kept of a deposit is shared with the host as usage is."""
    place = market.home(event.contract)
    instance = place.instances[event.contract]
    fee = event.kept.scaled(instance.term.prices_at(event.at).platform_fee)
    gone = event.refund + event.kept
    dissolved = evolve(
        _noted(instance, Refunded(at=event.at, amount=event.refund)),
        deposit=instance.deposit.changed(event.at, add=-gone),
    )
    lump = Flow(balance=-event.refund, payout=event.kept - fee, fee=fee)
    return settled(market, place, dissolved, event.at, lump)


def traffic_counted(market: Market, event: e.TrafficCounted) -> Market:
    place = market.home(event.contract)
    instance = place.instances[event.contract]
    fact = Transferred(at=event.at, sent=event.sent, received=event.received)
    lump = NO_FLOW
    if not instance.contract.is_free_test:
        prices = instance.term.prices_at(event.at)
        counts = ((prices.upload, event.sent), (prices.download, event.received))
        paid = Money.sum(rate.charge(count) for rate, count in counts)
        share = prices.platform_fee
        fee = Money.sum(rate.scaled(share).charge(count) for rate, count in counts)
        lump = Flow(balance=paid, payout=paid - fee, fee=fee)
    return settled(market, place, _noted(instance, fact), event.at, lump)


# --- the life of an instance ----------------------------------------------------------------


def _noted(instance: Instance, fact: Happening) -> Instance:
    return evolve(instance, happenings=(*instance.happenings, fact))


def _advanced(instance: Instance, event: Event, at: Any) -> Instance:
    instance = evolve(instance, state=advance(instance.state, event))
    # That a contract expires at its end, its history knows by itself.
    return instance if event is Event.EXPIRED else _noted(instance, Moved(at=at, event=event))


def _moves(by: Event) -> Callable[[Market, Any], Market]:
    def apply(market: Market, event: Any) -> Market:
        place = market.home(event.contract)
        instance = _advanced(place.instances[event.contract], by, event.at)
        return settled(market, place, instance, event.at)

    return apply


def instance_started(market: Market, event: e.InstanceStarted) -> Market:
    place = market.home(event.contract)
    instance = _advanced(place.instances[event.contract], Event.STARTED, event.at)
    market = evolve(market, last=max(market.last, event.arrival))
    return settled(market, place, evolve(instance, arrival=event.arrival), event.at)


def instance_labelled(market: Market, event: e.InstanceLabelled) -> Market:
    place = market.home(event.contract)
    instance = evolve(place.instances[event.contract], label=event.label)
    return settled(market, place, instance, event.at)


def bid_changed(market: Market, event: e.BidChanged) -> Market:
    place = market.home(event.contract)
    instance = _noted(place.instances[event.contract], BidChanged(at=event.at, bid=event.bid))
    market = evolve(market, last=max(market.last, event.arrival))
    return settled(market, place, evolve(instance, bid=event.bid, arrival=event.arrival), event.at)


_APPLY: Final[dict[type, Callable[[Market, Any], Market]]] = {
    e.CreditAdded: credit_added,
    e.BalanceRanOut: _unchanged,
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
    e.InstanceLoaded: _moves(Event.LOADED),
    e.InstancePaused: _moves(Event.PREEMPTED),
    e.InstanceResumed: _moves(Event.RESUMED),
    e.InstanceStopped: _moves(Event.STOPPED),
    e.InstanceStarted: instance_started,
    e.InstanceExpired: _moves(Event.EXPIRED),
    e.InstanceDestroyed: _moves(Event.DESTROYED),
    e.InstanceLabelled: instance_labelled,
    e.BidChanged: bid_changed,
}
