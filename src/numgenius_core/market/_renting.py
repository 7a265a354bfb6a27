"""What a client may do, and what follows from it.

Rule (hosting guide): G3 (a rental makes a contract that locks its terms), G6 and G7 (priorities),
G8 (prepaying), G9 (a raised price waits for the client), G10 (hosts and clients use separate
accounts; a host tests its own machine free of charge), G13 (the operations).

Our readings: renting and starting need a balance above zero, prepaying the amount itself. A bid is
taken on any block that is offered, whoever runs there, and waits if it must. A new bid is checked
against the floor of the moment; only a floor that its client accepted binds later ones. Changing a
bid to the price it has changes nothing. An expired instance can only be destroyed, labelled and
billed for traffic.
"""

from __future__ import annotations

from fractions import Fraction

from numgenius_core.bids.priority import check_bid, resolve, winning_bid
from numgenius_core.contracts.contract import agree
from numgenius_core.contracts.extension import PendingIncrease, Stale, accept
from numgenius_core.contracts.life import InstanceEvent, InstanceState, advance
from numgenius_core.errors import (
    IllegalMove,
    NotAllowed,
    RuleViolation,
    UnknownId,
    WrongType,
    shown,
)
from numgenius_core.ids import AccountId, ContractId, OfferId
from numgenius_core.listing import Listing, Mode, Verification
from numgenius_core.market import commands as c, events as e
from numgenius_core.market._clock import dissolve
from numgenius_core.market._decision import Decision
from numgenius_core.market.instance import Instance
from numgenius_core.market.state import OFFERS_OF_A_LISTING, MachineState, Market
from numgenius_core.offer import Block
from numgenius_core.prices.schedules import CurveSchedule
from numgenius_core.rates import PerHour


def find_offer(market: Market, offer: OfferId) -> tuple[MachineState, Listing, Block]:
    """Return the machine, the listing and the block of an offer.

    Raises:
        UnknownId: There is no such offer, or no longer.
    """
    need = "an offer that is on the market"
    if type(offer) is not int:
        raise WrongType("offer", "the number of an offer", shown(offer))
    number, place_in_list = divmod(offer, OFFERS_OF_A_LISTING)
    machine = market.listings.get(number)
    if machine is None:
        raise UnknownId("offer", need, shown(offer))
    place = market.machine(machine)
    offered = place.blocks()
    if place.listing is None or place_in_list >= len(offered):
        raise UnknownId("offer", need, shown(offer))
    return place, place.listing, offered[place_in_list]


def rent(draft: Decision, command: c.Rent) -> None:
    place, listing, block = find_offer(draft.market, command.offer)
    own = place.machine.host == command.by
    account = draft.market.account(command.by)
    if account.machines and not own:
        raise NotAllowed("by", "a client's account (hosts rent only their own machines)", "a host")
    _check_rental(command, place, block)
    if not own:
        draft.need_credit(command.by)
    contract = agree(
        listing,
        block,
        id=ContractId(draft.next_number()),
        client=command.by,
        at=draft.at,
        mode=command.mode,
        end=command.end,
        disk_mb=command.disk_mb,
        bid=command.bid,
    )
    verified = place.machine.verification is Verification.VERIFIED
    draft.emit(
        e.ContractCreated(
            at=draft.at,
            contract=contract,
            max_discount=listing.max_discount if verified else Fraction(0),
            label=command.label,
        )
    )
    draft.rerun(place.id)


def _check_rental(command: c.Rent, place: MachineState, block: Block) -> None:
    """Refuse GPUs that are taken, a bid out of bounds and a disk that is too large."""
    if not place.online:
        raise RuleViolation("offer", "a machine that is online", "one that is offline")
    if command.mode is Mode.INTERRUPTIBLE:
        check_bid(command.bid, block.size, place.floor)  # type: ignore[arg-type]  # refuses None
    elif command.bid is not None:
        raise RuleViolation("bid", f"none for {command.mode.value}", str(command.bid))
    elif place.occupied & block.gpu_set:
        holders = [
            str(each.id)
            for each in place.instances.values()
            if each.holds and each.contract.block.overlaps(block)
        ]
        need = "an offer whose GPUs nobody has rented"
        raise RuleViolation("offer", need, f"GPUs held by contract {', '.join(holders)}")
    most = place.disk.offer_mb(block.size, place.machine.gpus)
    if command.disk_mb > most:
        raise RuleViolation("disk_mb", f"at most the offer's {most:,} MB", f"{command.disk_mb:,}")


def change_bid(draft: Decision, command: c.ChangeBid) -> None:
    instance = _current(draft, command.contract, command.by)
    if instance.bid is None:
        raise RuleViolation("contract", "an interruptible instance", instance.contract.mode.value)
    place = draft.market.home(command.contract)
    bid = command.bid
    if bid is None:
        bid = _winning(place, instance)
    check_bid(bid, instance.contract.block.size, place.floor)
    if bid == instance.bid:
        return
    draft.emit(
        e.BidChanged(at=draft.at, contract=instance.id, bid=bid, arrival=draft.next_number())
    )
    draft.rerun(place.id)


def _winning(place: MachineState, instance: Instance) -> PerHour:
    """Return the lowest bid with which an instance runs; the one it has, if it runs."""
    if (
        instance.state in (InstanceState.RUNNING, InstanceState.LOADING)
        and instance.bid is not None
    ):
        return instance.bid
    others = [
        each.claim for each in place.instances.values() if each.claims and each.id != instance.id
    ]
    running = resolve(others, place.floor).running
    price = winning_bid(instance.contract.block, running, place.floor)
    if price is None:
        raise RuleViolation("bid", "GPUs that a bid can win", "GPUs rented on demand")
    return price


def prepay(draft: Decision, command: c.Prepay) -> None:
    instance = _current(draft, command.contract, command.by)
    machine = draft.market.home(command.contract).machine
    if instance.bid is not None or instance.contract.is_free_test:
        got = "a free test" if instance.contract.is_free_test else "an interruptible one"
        raise RuleViolation("contract", "an on-demand or reserved instance", got)
    if machine.verification is not Verification.VERIFIED or not instance.max_discount:
        got = "one that is not verified" if instance.max_discount else "one without a discount"
        raise RuleViolation("contract", "a machine with a reserved price", got)
    draft.need_credit(command.by, command.amount)
    curve = CurveSchedule(instance.max_discount)
    whole = instance.deposit.at(draft.at) + command.amount
    months = curve.months(instance.full_price(draft.at), whole)
    draft.emit(
        e.ContractPrepaid(
            at=draft.at,
            contract=instance.id,
            amount=command.amount,
            months=months,
            discount=curve.rate(months),
        )
    )


def stop(draft: Decision, command: c.Stop) -> None:
    instance = draft.own_instance(command.contract, command.by)
    advance(instance.state, InstanceEvent.STOPPED)  # refuses what cannot be stopped
    draft.stop(instance.id, e.StopReason.CLIENT)
    draft.rerun(instance.contract.machine)


def start(draft: Decision, command: c.Start) -> None:
    instance = draft.own_instance(command.contract, command.by)
    advance(instance.state, InstanceEvent.STARTED)  # refuses what cannot be started
    if not instance.contract.is_free_test:
        draft.need_credit(command.by)
    draft.emit(e.InstanceStarted(at=draft.at, contract=instance.id, arrival=draft.next_number()))
    draft.rerun(instance.contract.machine)


def destroy(draft: Decision, command: c.Destroy) -> None:
    instance = draft.own_instance(command.contract, command.by)
    machine = instance.contract.machine
    draft.lapse(machine, Stale.ENDED, instance.id)
    dissolve(draft, instance.id)
    draft.emit(e.InstanceDestroyed(at=draft.at, contract=instance.id))
    draft.rerun(machine)


def label(draft: Decision, command: c.Label) -> None:
    instance = draft.own_instance(command.contract, command.by)
    draft.emit(e.InstanceLabelled(at=draft.at, contract=instance.id, label=command.label))


def set_auto_extension(draft: Decision, command: c.SetAutoExtension) -> None:
    instance = _current(draft, command.contract, command.by)
    if instance.auto_extension is not command.wanted:
        draft.emit(e.AutoExtensionSet(at=draft.at, contract=instance.id, wanted=command.wanted))


def _current(draft: Decision, contract: ContractId, by: AccountId) -> Instance:
    """Return a client's instance whose contract has not ended."""
    instance = draft.own_instance(contract, by)
    if instance.is_over:
        raise IllegalMove(instance.state.value, "changed terms", ("destroyed",))
    return instance


def report_loaded(draft: Decision, command: c.ReportLoaded) -> None:
    advance(
        draft.market.living(command.contract).state, InstanceEvent.LOADED
    )  # refuses other states
    draft.emit(e.InstanceLoaded(at=draft.at, contract=command.contract))


def count_traffic(draft: Decision, command: c.CountTraffic) -> None:
    draft.market.living(command.contract)
    if command.sent or command.received:
        draft.emit(
            e.TrafficCounted(
                at=draft.at,
                contract=command.contract,
                sent=command.sent,
                received=command.received,
            )
        )


def _increase(draft: Decision, number: int, by: AccountId) -> tuple[PendingIncrease, Instance]:
    pending = draft.market.asking(number).increases[number]
    return pending, draft.own_instance(pending.contract.id, by)


def accept_increase(draft: Decision, command: c.AcceptPriceIncrease) -> None:
    pending, instance = _increase(draft, command.increase, command.by)
    verdict = accept(pending, instance.contract, at=draft.at)
    draft.emit(e.PriceIncreaseAccepted(at=draft.at, increase=command.increase))
    draft.extended(verdict, pending.listing, pending.raised)


def reject_increase(draft: Decision, command: c.RejectPriceIncrease) -> None:
    _increase(draft, command.increase, command.by)
    draft.emit(e.PriceIncreaseRejected(at=draft.at, increase=command.increase))
