"""What a client may do, and what follows from it.

Rule (hosting guide): G3 (a rental makes a contract that locks its terms), G6 and G7 (priorities),
G8 (prepaying), G9 (a raised price waits for the client), G10 (hosts and clients use separate
accounts; a host tests its own machine free of charge, unless the market's settings say that it is
billed), G13 (the operations).

Our readings: a host's free test stands with its default job, below every bid: it takes the GPUs
that no client uses, and raises no price. Renting and starting need a balance above zero, prepaying
the amount itself. A bid is taken on any block that is offered, whoever runs there, and waits if it
must. A new bid is checked against the floor of the moment; only a floor that its client accepted
binds later ones. Changing a bid to the price it has changes nothing. An expired instance can only
be destroyed, labelled and billed for traffic. A prepayment fits before its contract's end, as if
the instance ran until then. The fee of a promise is what its client was told if it is that exactly,
or rounded to the nano-dollar, as quotes and frames tell it.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Final

from numgenius_core._numbers import as_int
from numgenius_core._terms import check_bid, check_bid_price
from numgenius_core.bids.priority import winning_bid
from numgenius_core.contracts.contract import Contract, agree
from numgenius_core.contracts.extension import PendingIncrease, accept
from numgenius_core.contracts.life import InstanceEvent, advance
from numgenius_core.errors import (
    IllegalMove,
    NotAllowed,
    NotAvailable,
    RentalTooLong,
    RuleViolation,
    UnknownId,
    WrongType,
    shown,
)
from numgenius_core.ids import AccountId, ContractId, OfferId
from numgenius_core.intervals import Interval
from numgenius_core.listing import Listing, Mode, Verification
from numgenius_core.market import commands as c, events as e
from numgenius_core.market._builder import Builder
from numgenius_core.market._clock import destroy_instance
from numgenius_core.market._copying import maker
from numgenius_core.market._decision import Decision
from numgenius_core.market._volumes import check_attached
from numgenius_core.market.instance import HOLDS, OVER, Instance
from numgenius_core.market.state import MachineState, Market
from numgenius_core.market.volume import OFFERS_OF_A_LISTING
from numgenius_core.money import Money
from numgenius_core.offer import Block
from numgenius_core.prices.deposits import most_that_fits
from numgenius_core.prices.schedules import CurveSchedule, agreed
from numgenius_core.rates import PerHour

_bid_changed: Final = maker(e.BidChanged)
_counted: Final = maker(e.TrafficCounted)
_created: Final = maker(e.ContractCreated)
_loaded: Final = maker(e.InstanceLoaded)
_started: Final = maker(e.InstanceStarted)
AN_OFFER: Final = "an offer that is on the market"


def find_offer(market: Market | Builder, offer: OfferId) -> tuple[MachineState, Listing, Block]:
    """Return the machine, the listing and the block of an offer.

    Raises:
        UnknownId: There is no such offer, or no longer.
    """
    known = as_int(offer)
    if type(known) is not int:
        raise WrongType("offer", "the number of an offer", shown(offer))
    number, index = divmod(known, OFFERS_OF_A_LISTING)
    machine = market.listings.get(number)
    if machine is None:
        raise UnknownId("offer", AN_OFFER, shown(offer))
    state = market.machine(machine)
    offered = state.blocks()
    if state.listing is None or index >= len(offered):
        raise UnknownId("offer", AN_OFFER, shown(offer))
    return state, state.listing, offered[index]


def rent(decision: Decision, command: c.Rent) -> None:
    machine, listing, block = find_offer(decision.market, command.offer)
    own = machine.machine.host == command.by
    account = decision.market.account(command.by)
    if account.machines and not own:
        raise NotAllowed("by", "a client's account (hosts rent only their own machines)", "a host")
    _check_rental(command, machine, block)
    check_attached(decision, command, machine.id)
    billed = own and decision.market.settings.own_tests_billed
    if billed or not own:
        decision.need_credit(command.by)
    settings = decision.market.settings
    if command.target is not None:
        if not settings.sla_offered:
            need = "none: this market sells no promises of uptime (sla_offered)"
            raise NotAllowed("target", need, f"{float(command.target):g}")
        if own and not billed:
            raise RuleViolation("target", "none for a free test", f"{float(command.target):g}")
    contract = agree(
        listing,
        block,
        id=ContractId(decision.next_number()),
        client=command.by,
        at=decision.at,
        mode=command.mode,
        end=command.end,
        disk_mb=command.disk_mb,
        bid=command.bid,
        billed_test=billed,
        target=command.target,
        sla=settings.sla,
    )
    fee = contract.sla_fee_at(decision.at)
    _check_told_fee(command.sla_fee, fee)
    created = _created(
        at=decision.at,
        contract=contract,
        max_discount=listing.max_discount,
        label=command.label,
        volumes=command.volumes,
    )
    decision.take(created)
    decision.rerun(machine.id)
    decision.may_wait(contract.id)


def _check_told_fee(told: PerHour | None, fee: PerHour) -> None:
    """Refuse a fee that is another by now; a quote and a frame tell it to the nano-dollar."""
    as_told = round(fee, 9)
    if told is not None and told not in (fee, as_told):
        need = f"what the promise costs now, {as_told} $/hour"
        raise RuleViolation("sla_fee", need, str(told))


def _check_rental(command: c.Rent, machine: MachineState, block: Block) -> None:
    """Refuse GPUs that are taken, a bid out of bounds and a disk that is too large."""
    if not machine.online:
        raise NotAvailable("offer", "a machine that is online", "one that is offline")
    if command.mode is Mode.INTERRUPTIBLE:
        check_bid(command.bid, block.size, machine.floor)  # type: ignore[arg-type]  # refuses None
    elif command.bid is not None:
        raise RuleViolation("bid", f"none for {command.mode.value}", str(command.bid))
    elif machine.occupied & block.gpu_set:
        holders = [
            str(each.id)
            for each in machine.instances.values()
            if each.holds and each.contract.block.overlaps(block)
        ]
        need = "an offer whose GPUs nobody has rented"
        raise NotAvailable("offer", need, f"GPUs held by contract {', '.join(holders)}")
    most = machine.disk.offer_mb(block.size, machine.machine.gpus)
    if command.disk_mb > most:
        raise RuleViolation("disk_mb", f"at most the offer's {most:,} MB", f"{command.disk_mb:,}")


def change_bid(decision: Decision, command: c.ChangeBid) -> None:
    instance = _current(decision, command.contract, command.by)
    if instance.bid is None:
        raise RuleViolation("contract", "an interruptible instance", instance.contract.mode.value)
    contract = instance.contract
    bid = command.bid
    if bid is None:
        bid = _winning(decision.market.machine(contract.machine), instance)
    check_bid_price(bid, contract.block.size, decision.market.bare(contract.machine).floor)
    if bid.steps == instance.bid.steps:
        return
    decision.take(_bid_changed(decision.at, contract.id, bid, decision.next_number()))
    decision.rerun(contract.machine)
    if instance.state in HOLDS:  # one that waited already is not one more
        decision.may_wait(contract.id)


def _winning(machine: MachineState, instance: Instance) -> PerHour:
    """Return the lowest bid with which an instance runs; the one it has, if it runs."""
    if instance.state in HOLDS and instance.bid is not None:
        return instance.bid
    price = winning_bid(instance.contract.block, machine.running, machine.floor)
    if price is None:
        raise RuleViolation("bid", "GPUs that a bid can win", "GPUs rented on demand")
    return price


def prepay(decision: Decision, command: c.Prepay) -> None:
    instance = _current(decision, command.contract, command.by)
    machine = decision.market.machine(instance.contract.machine).machine
    if instance.bid is not None or instance.contract.is_free_test:
        got = "a free test" if instance.contract.is_free_test else "an interruptible one"
        raise RuleViolation("contract", "an on-demand or reserved instance", got)
    if instance.contract.sla is not None:
        raise RuleViolation("contract", "one without a promise of uptime", "one with a promise")
    if machine.verification is not Verification.VERIFIED or not instance.max_discount:
        got = "one that is not verified" if instance.max_discount else "one without a discount"
        raise RuleViolation("contract", "a machine with a reserved price", got)
    decision.need_credit(command.by, command.amount)
    curve, price = CurveSchedule(instance.max_discount), instance.full_price(decision.at)
    left, end = instance.deposit.at(decision.at), instance.contract.end
    months, discount = agreed(curve, price, left + command.amount)
    if end is not None:
        cost = _gpus_in(instance.contract, Interval(decision.at, end))
        seconds = Fraction(cost.ticks, price.charge(1).ticks)  # it would run so long at this price
        most = most_that_fits(curve, price, remaining=left, seconds=seconds)
        if most is not None and command.amount > most:
            need = f"at most ${most}, which lasts until the contract ends at {end}"
            raise RentalTooLong("amount", need, f"${command.amount}")
    decision.emit(
        e.ContractPrepaid,
        contract=instance.id,
        amount=command.amount,
        months=months,
        discount=discount,
    )


def _gpus_in(contract: Contract, period: Interval) -> Money:
    """Return what the GPUs of a contract cost in a period, running all the time, undiscounted."""
    return Money.sum(
        prices.gpu.for_gpus(contract.block.size).charge(piece.seconds)
        for piece, prices in contract.rates(period)
    )


def stop(decision: Decision, command: c.Stop) -> None:
    instance = decision.own_instance(command.contract, command.by)
    decision.stop(instance.id, e.StopReason.CLIENT)  # refuses what cannot be stopped
    decision.rerun(instance.contract.machine)


def start(decision: Decision, command: c.Start) -> None:
    instance = decision.own_instance(command.contract, command.by)
    # Refused before credit is asked for, which would not help.
    advance(instance.state, InstanceEvent.STARTED)
    if not instance.contract.is_free_test:
        decision.need_credit(command.by)
    decision.take(_started(decision.at, instance.id, decision.next_number()))
    decision.rerun(instance.contract.machine)
    decision.may_wait(instance.id)


def destroy(decision: Decision, command: c.Destroy) -> None:
    instance = decision.own_instance(command.contract, command.by)
    machine = instance.contract.machine
    destroy_instance(decision, instance.id)
    decision.rerun(machine)


def label(decision: Decision, command: c.Label) -> None:
    instance = decision.own_instance(command.contract, command.by)
    decision.emit(e.InstanceLabelled, contract=instance.id, label=command.label)


def set_auto_extension(decision: Decision, command: c.SetAutoExtension) -> None:
    instance = _current(decision, command.contract, command.by)
    if instance.auto_extension is not command.wanted:
        decision.emit(e.AutoExtensionSet, contract=instance.id, wanted=command.wanted)


def _current(decision: Decision, contract: ContractId, by: AccountId) -> Instance:
    """Return a client's instance whose contract has not ended."""
    instance = decision.own_instance(contract, by)
    if instance.state in OVER:
        raise IllegalMove(instance.state.value, "changed terms", ("destroyed",))
    return instance


def report_loaded(decision: Decision, command: c.ReportLoaded) -> None:
    decision.take(_loaded(decision.at, command.contract))  # refuses what does not load


def count_traffic(decision: Decision, command: c.CountTraffic) -> None:
    decision.market.living(command.contract)  # refuses one that is not there
    if command.sent or command.received:
        counted = _counted(decision.at, command.contract, command.sent, command.received)
        decision.take(counted)


def _increase(decision: Decision, number: int, by: AccountId) -> tuple[PendingIncrease, Instance]:
    pending = decision.market.asking(number).increases[number]
    return pending, decision.own_instance(pending.contract.id, by)


def accept_increase(decision: Decision, command: c.AcceptPriceIncrease) -> None:
    pending, instance = _increase(decision, command.increase, command.by)
    verdict = accept(pending, instance.contract, at=decision.at)
    decision.emit(e.PriceIncreaseAccepted, increase=command.increase)
    decision.extended(verdict, pending.listing, pending.raised)


def reject_increase(decision: Decision, command: c.RejectPriceIncrease) -> None:
    _increase(decision, command.increase, command.by)  # refuses another client's
    decision.emit(e.PriceIncreaseRejected, increase=command.increase)
