"""What an event changes: one function for each, on a market that is being built.

Nothing is decided here: an event is a fact. Each function says what the fact means for the machine,
the instance and the accounts it names. What contradicts the state is refused: an id that is taken,
a machine, an account or an instance that is not there, a move that a state does not allow, a number
that is not the next one, time that runs backwards, or that goes on before somebody paused or
resumed who has to, or stopped when a balance ran out, or before something happened that came due,
an instance that goes with a deposit, GPUs that are sold twice, money that is not there
(``_contradictions``). So most logs with a hole, or written by two hands, are found out instead of
believed. Not all: an event that nothing else names, such as a payment or a count of traffic, may be
missing or come twice, and what was decided is not decided anew: a credit for a bad day may be
another one, as long as it is paid by the day.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from attrs import evolve

from numgenius_core._accrual import accrued
from numgenius_core._checks import other_kind
from numgenius_core._terms import NO_FLOOR, check_bid_price
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
from numgenius_core.contracts.life import NEXT, InstanceEvent, InstanceState, advance
from numgenius_core.errors import InUse, RuleViolation
from numgenius_core.listing import Listing
from numgenius_core.maintenance.schedule import MachineSchedule, check_free, without_windows
from numgenius_core.market import events as e
from numgenius_core.market._builder import Builder
from numgenius_core.market._contradictions import (
    check_asked,
    check_block,
    check_created,
    check_expired,
    check_extended,
    check_free_gpus,
    check_has_job,
    check_lasts,
    check_listed,
    check_nothing_left,
    check_notified,
    check_over,
    check_prepaid,
    check_ran_out,
    check_refunded,
    check_rolls,
    check_scheduled,
    check_spent,
    check_told,
    check_went,
)
from numgenius_core.market._copying import copier, maker
from numgenius_core.market._ledger import NO_FLOW, Flow, empty_ledger, moved, ticks_at
from numgenius_core.market._promises import count_promises, noted_outages, promise_settled
from numgenius_core.market._transfer_changes import TRANSFER_CHANGES
from numgenius_core.market._volume_changes import VOLUME_CHANGES, unlist_volumes, volumes_went
from numgenius_core.market.instance import (
    NEW_INSTANCE,
    RUNNING,
    Instance,
    begun_instance,
    changed_instance,
    moved_instance,
    rebid_instance,
)
from numgenius_core.market.promise import new_promise
from numgenius_core.market.state import DAY, MachineState, changed_account, latest, notice_of
from numgenius_core.money import money_of

_changed_schedule: Final = copier(MachineSchedule)
_changed_listing: Final = copier(Listing)  # whoever sets a floor above the price was warned
_moved_fact: Final = maker(Moved)
_rebid_fact: Final = maker(Rebid)


def apply_event(market: Builder, event: e.Event) -> None:
    """Let an event have happened that was made here, of this market and not before its last one."""
    market.version += 1  # first: whoever has to take it back sees that something was begun
    _APPLY[type(event)](market, event)
    market.now = event.at


def apply_foreign(market: Builder, event: e.Event) -> None:
    """Let an event of a log have happened.

    Raises:
        WrongType: It is no event.
        UnknownId: It names something that the market does not have.
        RuleViolation: It contradicts the state, or something is left to happen before it.
        IllegalMove: The state of its instance does not allow it.
    """
    if type(event) not in _APPLY:
        raise other_kind(event, _APPLY, "event", "an event of a market")
    if event.at != market.now:
        if event.at < market.now:
            raise RuleViolation("at", f"an instant from {market.now} on", str(event.at))
        check_nothing_left(market, event.at)
    if type(event) is e.BidChanged:
        check_bid_price(event.bid, market.living(event.contract).contract.block.size, NO_FLOOR)
    apply_event(market, event)


# --- the market -----------------------------------------------------------------------------


def settings_set(market: Builder, event: e.SettingsSet) -> None:
    market.settings = event.settings


# --- accounts -------------------------------------------------------------------------------


def balance_ran_out(market: Builder, event: e.BalanceRanOut) -> None:
    account = market.account(event.account)
    check_ran_out(account, event.at)
    ledger = moved(account.ledger, event.at, 0, 0)
    market.put_account(changed_account(account, ledger=ledger, empty=True))
    market.ran_out.append(account.id)


def thresholds_set(market: Builder, event: e.ThresholdsSet) -> None:
    changes = {
        "charge": event.charge,
        "notice": event.notice,
        "notice_enabled": event.notice_enabled,
    }
    account = market.account(event.account)
    ledger = moved(account.ledger, event.at, 0, 0)  # what it fell to before was not asked for
    told = {  # of one that is set again unchanged, once until the balance has been above
        "charge_told": account.charge_told and event.charge == account.charge,
        "notice_told": account.notice_told and event.notice == account.notice,
    }
    market.put_account(changed_account(account, ledger=ledger, **changes, **told))


def threshold_told(market: Builder, event: e.ChargeDue | e.BalanceLow) -> None:
    account = market.account(event.account)
    what = "charge" if isinstance(event, e.ChargeDue) else "notice"
    told = getattr(account, f"{what}_told")
    wanted = account.charge if isinstance(event, e.ChargeDue) else notice_of(account)
    check_told(event.threshold, wanted, told=told)
    ledger = moved(account.ledger, event.at, 0, 0)
    market.put_account(changed_account(account, ledger=ledger, **{f"{what}_told": True}))


# --- machines -------------------------------------------------------------------------------


def machine_added(market: Builder, event: e.MachineAdded) -> None:
    machine = event.machine
    if market.has_machine(machine.id):
        raise InUse("machine.id", "a new number", f"{machine.id}, which is there already")
    account = market.opened(machine.host, event.at)
    there = money_of(max(ticks_at(account.ledger, event.at), 0))  # a client's may be spent
    market.put_account(
        changed_account(
            account,
            machines=(*account.machines, machine.id),
            paid_in=min(account.paid_in, there),
        )
    )
    market.add_machine(MachineState(machine=machine, schedule=MachineSchedule(machine=machine.id)))


def machine_removed(market: Builder, event: e.MachineRemoved) -> None:
    machine = market.machine(event.machine)
    if machine.listing is not None or machine.instances:
        got = (
            "a listed one" if machine.listing else f"one with {len(machine.instances)} instance(s)"
        )
        raise RuleViolation("machine", "an unlisted machine without instances", got)
    if machine.volumes or machine.volume_listing is not None:
        need, count = "a machine without volumes and a volume offer", len(machine.volumes)
        raise RuleViolation("machine", need, f"one with {count} volume(s)")
    account = market.account(machine.machine.host)
    left = tuple(each for each in account.machines if each != event.machine)
    gone = {
        name: latest((getattr(account, name), getattr(machine, name)))
        for name in ("last_destroyed", "last_deleted")
    }
    market.put_account(changed_account(account, machines=left, **gone))
    market.remove_machine(event.machine)


def machine_verified(market: Builder, event: e.MachineVerified) -> None:
    state = market.machine(event.machine)
    machine = evolve(state.machine, verification=event.verification)
    listing = None if state.listing is None else _changed_listing(state.listing, machine=machine)
    market.put_machine(state, machine=machine, listing=listing)


def machine_went(market: Builder, event: e.MachineWentOffline | e.MachineCameOnline) -> None:
    online = type(event) is e.MachineCameOnline
    machine = market.machine(event.machine)
    check_went(machine, online=online)
    count_promises(market, machine, event.at)  # as the machine was until now
    market.put_machine(machine, online=online, **noted_outages(machine, event.at, online=online))
    fact = MachineWent(at=event.at, online=online)
    for contract in sorted(machine.instances):
        market.settle(_noted(market.living(contract), fact), event.at)
    volumes_went(market, market.bare(event.machine), event.at, online=online)


def machine_listed(market: Builder, event: e.MachineListed) -> None:
    listing, number = event.listing, event.number
    machine = market.machine(listing.machine.id)
    check_listed(machine, listing)
    market.give_number(number)
    market.listings = market.listings.without(machine.number).set(number, machine.id)
    new = machine.listing is None
    market.put_machine(
        machine,
        listing=listing,
        number=number,
        listed_from=number if new else machine.listed_from,
        promised=listing.promise or (None if new else machine.promised),
        floor=listing.prices.min_bid,
        rolls_at=None if listing.rolling is None else _a_day_after(event.at),
    )


def listing_ended(market: Builder, event: e.MachineUnlisted | e.ListingEnded) -> None:
    machine = market.machine(event.machine)
    if machine.listing is None:
        got = f"machine {event.machine}, which is not"
        raise RuleViolation("machine", "a machine that is listed", got)
    market.listings = market.listings.without(machine.number)
    market.put_machine(machine, listing=None, rolls_at=None)
    unlist_volumes(market, market.bare(event.machine))


def end_date_rolled(market: Builder, event: e.EndDateRolled) -> None:
    machine = market.machine(event.machine)
    check_rolls(machine)
    market.put_machine(machine, rolls_at=_a_day_after(event.at))


def _a_day_after(at: datetime) -> datetime | None:
    """Return when an end rolls next; the last day of the calendar has no day after it."""
    try:
        return at + DAY
    except OverflowError:
        return None


def min_bid_set(market: Builder, event: e.MinBidSet) -> None:
    machine = market.machine(event.machine)
    listing = machine.listing
    if listing is not None:
        prices = evolve(listing.prices, min_bid=event.floor)
        listing = _changed_listing(listing, prices=prices)
    market.put_machine(machine, floor=event.floor, listing=listing)


def default_job_changed(market: Builder, event: e.DefaultJobSet | e.DefaultJobRemoved) -> None:
    machine, job = market.machine(event.machine), None
    if isinstance(event, e.DefaultJobSet):
        job = event.image
    else:
        check_has_job(machine)
    market.put_machine(machine, default_job=job)


# --- maintenance ----------------------------------------------------------------------------


def maintenance_scheduled(market: Builder, event: e.MaintenanceScheduled) -> None:
    machine = market.machine(event.machine)
    windows = list(machine.schedule.windows)
    market.give_number(event.window.id)
    windows.insert(check_free(windows, event.window.period), event.window)
    schedule = _changed_schedule(machine.schedule, windows=tuple(windows))
    notices = machine.notices.set(event.window.id, event.at)  # type: ignore[attr-defined]
    market.put_machine(machine, schedule=schedule, notices=notices)


def client_notified(market: Builder, event: e.ClientNotified) -> None:
    contract = market.living(event.notice.contract).contract
    check_notified(market.bare(contract.machine), contract, event.notice)


def maintenance_cancelled(market: Builder, event: e.MaintenanceCancelled) -> None:
    machine = market.machine(event.machine)
    schedule, notices = without_windows(machine.schedule, event.windows), machine.notices
    for window in event.windows:
        notices = notices.without(window.id)  # type: ignore[attr-defined]
    count_promises(market, machine, event.at)  # as announced until now
    noted = noted_outages(machine, event.at, online=machine.online)
    market.put_machine(machine, schedule=schedule, notices=notices, **noted)


def maintenance_passed(
    market: Builder, event: e.MaintenanceStarted | e.MaintenanceCompleted
) -> None:
    machine = market.machine(event.machine)
    check_scheduled(machine, event.window)
    market.put_machine(machine, announced=event.at)


# --- contracts ------------------------------------------------------------------------------


def contract_created(market: Builder, event: e.ContractCreated) -> None:
    contract = event.contract
    account = market.account(contract.client)
    check_created(market, contract, event.at)
    market.give_number(contract.id)
    promise = None if contract.sla is None else new_promise(event.at)
    instance = begun_instance(
        NEW_INSTANCE,
        contract=contract,
        state=InstanceState.LOADING,
        arrival=contract.id,
        bid=contract.bid,
        max_discount=event.max_discount,
        deposit=empty_ledger(event.at),
        label=event.label,
        volumes=event.volumes,
        promise=promise,
    )
    rented = account.instances.set(contract.id, contract.machine)  # type: ignore[attr-defined]
    market.put_account(changed_account(account, instances=rented))
    market.homes = market.homes.set(contract.id, contract.machine)
    market.settle(instance, event.at)


def contract_extended(market: Builder, event: e.ContractExtended) -> None:
    instance = market.living(event.contract)
    check_extended(instance.contract, event.old_end)
    contract = instance.contract.extended(event.end, event.prices)
    market.settle(changed_instance(instance, contract=contract), event.at)


def rates_changed(market: Builder, event: e.RatesChanged) -> None:
    instance = market.living(event.contract)
    begun = instance.rate_changes_begun + 1
    if begun > len(instance.contract.rate_changes):
        raise RuleViolation("contract", "a contract with rates to come", f"{event.contract}")
    market.settle(changed_instance(instance, rate_changes_begun=begun), event.at)


def contract_moved(market: Builder, event: e.ContractMoved) -> None:
    instance = market.living(event.contract)
    check_block(market.bare(instance.contract.machine), event.block)
    contract = evolve(instance.contract, block=event.block)
    if instance.holds:
        check_free_gpus(market, contract, instance.contract.block.gpu_set)
    market.settle(changed_instance(instance, contract=contract), event.at)


def auto_extension_set(market: Builder, event: e.AutoExtensionSet) -> None:
    instance = market.living(event.contract)
    market.put(changed_instance(instance, auto_extension=event.wanted))


def price_increase_asked(market: Builder, event: e.PriceIncreaseAsked) -> None:
    instance = market.living(event.contract)
    machine = market.bare(instance.contract.machine)
    if machine.listing is None:
        got = f"machine {machine.id}, which is not"
        raise RuleViolation("event", "a machine that is listed", got)
    if instance.increase:
        need = "a contract without a price increase that waits"
        raise RuleViolation("contract", need, f"contract {event.contract}")
    check_asked(instance, machine.listing, event)
    market.give_number(event.increase)
    pending = PendingIncrease(
        contract=instance.contract,
        raised=event.raised,
        new_end=event.new_end,
        listing=machine.listing,
    )
    increases = machine.increases.set(event.increase, pending)  # type: ignore[attr-defined]
    market.put_machine(machine, increases=increases)
    market.put(changed_instance(instance, increase=event.increase))
    market.asked = market.asked.set(event.increase, machine.id)


def price_increase_closed(
    market: Builder,
    event: e.PriceIncreaseAccepted | e.PriceIncreaseRejected | e.PriceIncreaseLapsed,
) -> None:
    machine = market.asking(event.increase)
    contract = machine.increases[event.increase].contract.id
    increases = machine.increases.without(event.increase)  # type: ignore[attr-defined]
    market.put_machine(machine, increases=increases)
    market.put(changed_instance(market.living(contract), increase=0))
    market.asked = market.asked.without(event.increase)


# --- deposits and traffic -------------------------------------------------------------------


def contract_prepaid(market: Builder, event: e.ContractPrepaid) -> None:
    instance = market.living(event.contract)
    check_prepaid(instance, market.account(instance.contract.client), event)
    fact = Prepaid(at=event.at, amount=event.amount, discount=event.discount)
    reserved = changed_instance(
        instance,
        contract=to_reserved(instance.contract, event.discount),
        months=event.months,
        discount=event.discount,
        deposit=moved(instance.deposit, event.at, event.amount.ticks, 0),
        facts=instance.facts.add(fact),  # type: ignore[attr-defined]
    )
    market.settle(reserved, event.at, Flow(balance=event.amount))


def deposit_spent(market: Builder, event: e.DepositSpent) -> None:
    """In its last second a deposit may lack something: the balance pays it."""
    instance = market.living(event.contract)
    check_spent(instance, event.at)
    lacks = -ticks_at(instance.deposit, event.at)
    spent = changed_instance(instance, deposit=moved(instance.deposit, event.at, lacks, 0))
    market.settle(spent, event.at, Flow(balance=money_of(lacks)))


def deposit_refunded(market: Builder, event: e.DepositRefunded) -> None:
    """What is kept of a deposit is shared with the host as usage is."""
    instance = market.living(event.contract)
    check_refunded(instance, event)
    fee = event.kept.scaled(instance.prices.platform_fee)
    dissolved = _noted(
        instance,
        Refunded(at=event.at, amount=event.refund),
        deposit=moved(instance.deposit, event.at, -(event.refund + event.kept).ticks, 0),
    )
    lump = Flow(balance=-event.refund, payout=event.kept - fee, fee=fee)
    market.settle(dissolved, event.at, lump)


def traffic_counted(market: Builder, event: e.TrafficCounted) -> None:
    instance = market.living(event.contract)
    lump = NO_FLOW
    if not instance.contract.is_free_test:
        prices = instance.prices
        sent = accrued(prices.upload, 1, event.sent, prices.platform_fee)
        received = accrued(prices.download, 1, event.received, prices.platform_fee)
        paid, fee = sent.amount + received.amount, sent.fee + received.fee
        to = "payout" if instance.promise is None else "escrow"
        lump = Flow(balance=paid, fee=fee, **{to: paid - fee})
    fact = Transferred(at=event.at, sent=event.sent, received=event.received)
    market.settle(_noted(instance, fact), event.at, lump)


# --- the life of an instance ----------------------------------------------------------------


def _noted(instance: Instance, fact: Fact, **changes: Any) -> Instance:
    """Return an instance to which something happened."""
    return changed_instance(instance, facts=instance.facts.add(fact), **changes)  # type: ignore[attr-defined]


def _moved(instance: Instance, by: InstanceEvent, at: datetime) -> Instance:
    """Return an instance after a move in the table of its life."""
    state = NEXT[instance.state].get(by)
    if state is None:
        state = advance(instance.state, by)  # which refuses it
    if by is not InstanceEvent.DESTROYED:
        check_lasts(instance.contract, at)
    facts = instance.facts.add(_moved_fact(at, by))  # type: ignore[attr-defined]
    return moved_instance(instance, facts, state)


def _moves(by: InstanceEvent) -> Callable[[Builder, Any], None]:
    """Return what applies a move in the table of an instance's life."""

    def apply(market: Builder, event: Any) -> None:
        market.settle(_moved(market.living(event.contract), by, event.at), event.at)

    return apply


def instance_resumed(market: Builder, event: e.InstanceResumed) -> None:
    instance = market.living(event.contract)
    resumed = _moved(instance, InstanceEvent.RESUMED, event.at)
    if instance.bid is None and not instance.contract.is_free_test:
        check_free_gpus(market, instance.contract)
    market.settle(resumed, event.at)


def instance_started(market: Builder, event: e.InstanceStarted) -> None:
    instance = market.living(event.contract)
    after = _moved(instance, InstanceEvent.STARTED, event.at)
    market.give_number(event.arrival)
    market.settle(changed_instance(after, arrival=event.arrival), event.at)


def instance_expired(market: Builder, event: e.InstanceExpired) -> None:
    instance = market.living(event.contract)
    check_expired(instance.contract, event.at)
    check_over(instance, event.at)
    # That a contract expires at its end, its history knows by itself.
    state = advance(instance.state, InstanceEvent.EXPIRED)
    market.settle(changed_instance(instance, state=state), event.at)


def instance_destroyed(market: Builder, event: e.InstanceDestroyed) -> None:
    instance = market.living(event.contract)
    check_over(instance, event.at)
    market.settle(_moved(instance, InstanceEvent.DESTROYED, event.at), event.at)
    account = market.account(instance.contract.client)
    rented = account.instances.without(instance.id)  # type: ignore[attr-defined]
    market.put_account(changed_account(account, instances=rented))
    market.destroy(market.living(event.contract), event.at)


def instance_labelled(market: Builder, event: e.InstanceLabelled) -> None:
    market.put(changed_instance(market.living(event.contract), label=event.label))


def bid_changed(market: Builder, event: e.BidChanged) -> None:
    instance = market.living(event.contract)
    if instance.bid is None:
        raise RuleViolation("contract", "an interruptible instance", instance.contract.mode.value)
    market.give_number(event.arrival)
    facts = instance.facts.add(_rebid_fact(event.at, event.bid))  # type: ignore[attr-defined]
    bidding = rebid_instance(instance, facts, event.bid, event.arrival, None)
    if instance.state is RUNNING:
        market.settle(bidding, event.at)
    else:
        market.put(bidding)  # what waits or loads pays for its disk alone


_APPLY: Final[dict[type, Callable[[Builder, Any], None]]] = {
    e.SettingsSet: settings_set,
    e.BalanceRanOut: balance_ran_out,
    e.ThresholdsSet: thresholds_set,
    e.ChargeDue: threshold_told,
    e.BalanceLow: threshold_told,
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
    e.ClientNotified: client_notified,
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
    e.PromiseSettled: promise_settled,
    e.TrafficCounted: traffic_counted,
    e.InstanceLoaded: _moves(InstanceEvent.LOADED),
    e.InstancePaused: _moves(InstanceEvent.PREEMPTED),
    e.InstanceResumed: instance_resumed,
    e.InstanceStopped: _moves(InstanceEvent.STOPPED),
    e.InstanceStarted: instance_started,
    e.InstanceExpired: instance_expired,
    e.InstanceDestroyed: instance_destroyed,
    e.InstanceLabelled: instance_labelled,
    e.BidChanged: bid_changed,
    **VOLUME_CHANGES,
    **TRANSFER_CHANGES,
}
