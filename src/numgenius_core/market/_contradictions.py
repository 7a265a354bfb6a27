"""What an event of a log must fit: each check refuses one that the state contradicts.

An event that was decided here fits by itself. One of a log may not: a part of the log may be
missing, two may have written it, somebody may have written it by hand. What would be believed then
is money or GPUs that nobody has, so it is refused where looking costs nothing worth speaking of.

So much is asked of each event that moves money: no amount is below zero, what leaves was there, and
the parts of it are all of it. Credit is paid in, and traffic may owe more than there is: of these
any amount from zero on is believed.
"""

from __future__ import annotations

from bisect import bisect_left
from datetime import datetime
from fractions import Fraction
from typing import TYPE_CHECKING

from attrs import fields

from numgenius_core._terms import NO_FLOOR, PARTS, check_bid_price
from numgenius_core.contracts.contract import Contract, is_later
from numgenius_core.contracts.extension import raised_by
from numgenius_core.contracts.volumes import VolumeContract
from numgenius_core.errors import RuleViolation
from numgenius_core.ids import AccountId, MachineId
from numgenius_core.listing import Listing
from numgenius_core.maintenance.schedule import MaintenanceWindow, Notice, notices
from numgenius_core.market._ledger import ticks_at
from numgenius_core.market.events import (
    ContractPrepaid,
    DepositRefunded,
    PriceIncreaseAsked,
    PromiseSettled,
)
from numgenius_core.market.instance import Instance, with_present_bid
from numgenius_core.market.promise import PromiseState
from numgenius_core.market.state import (
    Account,
    Due,
    MachineState,
    Market,
    Unsettled,
    has_to_stop,
    is_spent,
)
from numgenius_core.money import ZERO, Money, money_of
from numgenius_core.offer import Block, GpuSet
from numgenius_core.prices.schedules import CurveSchedule, agreed

if TYPE_CHECKING:
    from numgenius_core.market._builder import Builder
    from numgenius_core.market._part_builders import MachineBuilder


def check_notified(machine: MachineState, contract: Contract, notice: Notice) -> None:
    """Refuse that a client was told of another window, or otherwise than its contract says."""
    check_scheduled(machine, notice.window)
    [right] = notices(machine.id, notice.window, [contract])
    for each in fields(Notice):
        told, need = getattr(notice, each.name), getattr(right, each.name)
        if told != need:
            raise RuleViolation(f"notice.{each.name}", str(need), str(told))


def check_paid_in(amount: Money) -> None:
    """Refuse credit of nothing, or of less."""
    if amount <= ZERO:
        raise RuleViolation("amount", "an amount above zero", str(amount))


def check_nothing_left(market: Builder, at: datetime) -> None:
    """Refuse that time goes on before all has happened that does until then.

    That is who has to pause, resume or stop because of what just happened, and what comes due.
    """
    for machine in market.touched:
        _check_runs(machine, market.now, at)
    market.touched.clear()
    if market.unsettled or market.ran_out:
        for kind, key in left_to_happen(market):
            if kind == 0:
                _check_runs(market.building(MachineId(key)), market.now, at)
            else:
                need = f"an instant up to {market.now}, when the instances of account {key} stop"
                raise RuleViolation("at", need, str(at))
        market.unsettled = ()
        market.ran_out.clear()
    if market.may_be_due(at):
        _check_due(market.next_due(), at)


def left_to_happen(market: Builder) -> tuple[Unsettled, ...]:
    """Return where somebody has to pause, to resume or to stop before time goes on."""
    looked: set[Unsettled] = {(0, machine.state.machine.id) for machine in market.touched}
    looked.update((1, name) for name in market.ran_out)
    looked.update(market.unsettled)
    return tuple(each for each in sorted(looked) if _is_left(market, *each))


def _is_left(market: Builder, kind: int, key: MachineId | AccountId) -> bool:
    if kind == 1:
        account = market.account(AccountId(key))
        # They stop the oldest first, so the last one tells.
        last_first = reversed([*account.instances])
        spent = is_spent(account, market.now)
        return spent and any(has_to_stop(market.living(each)) for each in last_first)
    if not market.has_machine(MachineId(key)):
        return False
    machine = market.building(MachineId(key))
    return machine.index.unsettled(machine.state.floor) is not None


def _check_runs(machine: MachineBuilder, now: datetime, at: datetime) -> None:
    index, floor = machine.index, machine.state.floor
    had = index.unsettled(floor)
    if had is not None:
        who = had or {each for _, _, each, _ in index.running(floor)} - index.holding
        what = f"contract {min(who)} has to {'pause' if had else 'resume'}"
        raise RuleViolation("at", f"an instant up to {now}, when {what}", str(at))


def check_up_to_date(market: Market) -> None:
    """Refuse a last event before which something came due that has not happened."""
    _check_due(market.queue.first, market.now)


def _check_due(due: Due | None, at: datetime) -> None:
    if due is not None and due[0] < at:
        what = f"{'account' if due[1] else 'machine'} {due[2]}"
        need = f"an instant up to {due[0]}, when something comes due on {what}"
        raise RuleViolation("at", need, str(at))


def check_there(amount: Money, there: int, whose: str) -> None:
    """Refuse to move nothing, less than nothing or more than the ticks that are there."""
    if not 0 < amount.ticks <= there:
        need = f"an amount up to the {whose} of ${money_of(there)}"
        raise RuleViolation("amount", need, str(amount))


def check_not_invoiced(last: datetime | None, at: datetime) -> None:
    """Refuse a second payout on the day of one."""
    if last is not None and last.date() == at.date():
        raise RuleViolation("at", f"another day than that of its payout at {last}", str(at))


def check_ran_out(account: Account, at: datetime) -> None:
    """Refuse that a balance ran out in which something is left."""
    left = ticks_at(account.ledger, at)
    if account.empty or left > 0:
        got = "one that ran out before" if account.empty else f"${money_of(left)}"
        raise RuleViolation("account", "an account with nothing left", got)


def check_told(threshold: Money, wanted: Money | None, *, told: bool) -> None:
    """Refuse a threshold that the account has not set, or of which it was told."""
    if told or threshold != wanted:
        got = f"${threshold}, of which it was told" if told else f"${threshold}"
        raise RuleViolation("threshold", "one that the account has set", got)


def check_went(machine: MachineState, *, online: bool) -> None:
    """Refuse that a machine goes offline that is, or comes online."""
    if machine.online is online:
        need = f"a machine that is {'offline' if online else 'online'}"
        got = f"machine {machine.id}, which is {'online' if online else 'offline'}"
        raise RuleViolation("machine", need, got)


def check_listed(machine: MachineState, listing: Listing) -> None:
    """Refuse a listing of a machine as it is not."""
    if listing.machine != machine.machine:
        raise RuleViolation("listing.machine", f"{machine.machine}", f"{listing.machine}")


def check_rolls(machine: MachineState) -> None:
    """Refuse that the end of a listing rolls that does not."""
    if machine.listing is None or machine.listing.rolling is None:
        got = f"machine {machine.id}, whose listing does not roll"
        raise RuleViolation("machine", "a machine that is listed with a rolling end", got)


def check_has_job(machine: MachineState) -> None:
    """Refuse that a default job goes that is not there."""
    if machine.default_job is None:
        got = f"machine {machine.id}, which has none"
        raise RuleViolation("machine", "a machine with a default job", got)


def check_scheduled(machine: MachineState, window: MaintenanceWindow) -> None:
    """Refuse a window that begins or ends and that nobody scheduled."""
    windows = machine.schedule.windows
    index = bisect_left(windows, window.period.start, key=_start_of)
    if index == len(windows) or windows[index] != window:
        need = f"a window that is scheduled on machine {machine.id}"
        raise RuleViolation("window", need, f"window {window.id}")


def _start_of(window: MaintenanceWindow) -> datetime:
    return window.period.start


def check_created(market: Builder, contract: Contract, at: datetime) -> None:
    """Refuse a contract of another host, time or bid than can be, or of GPUs that are not free."""
    machine = market.bare(contract.machine)
    check_agreed(machine, contract, at)
    check_block(machine, contract.block)
    if contract.bid is None:  # nor does a host's free test get them
        check_free_gpus(market, contract)
    else:
        check_bid_price(contract.bid, contract.block.size, NO_FLOOR, "contract.bid")


def check_agreed(machine: MachineState, contract: Contract | VolumeContract, at: datetime) -> None:
    """Refuse a contract that pays another host than the machine's, or from another time on."""
    host = machine.machine.host
    if contract.host != host:
        raise RuleViolation("contract.host", f"the host of machine {machine.id}", contract.host)
    if contract.start != at:
        raise RuleViolation("contract.start", f"{at}, when it was made", str(contract.start))


def check_block(machine: MachineState, block: Block) -> None:
    """Refuse GPUs that a machine does not have."""
    if block.end > machine.machine.gpus:
        need = f"a block of the {machine.machine.gpus} GPUs of machine {machine.id}"
        raise RuleViolation("block", need, f"{block.size} GPU(s) from {block.start}")


def check_free_gpus(market: Builder, contract: Contract, own: GpuSet = 0) -> None:
    """Refuse GPUs on demand that another one holds; ``own`` are those that it has itself."""
    if market.building(contract.machine).index.occupied & contract.block.gpu_set & ~own:
        need = "GPUs that nobody has rented on demand"
        raise RuleViolation("contract", need, f"contract {contract.id}")


def check_extended(contract: Contract, old_end: datetime) -> None:
    """Refuse an extension of a contract that ends at another time."""
    if contract.end != old_end:
        need = f"{contract.end or 'no end'}, the present end of contract {contract.id}"
        raise RuleViolation("old_end", need, str(old_end))


def check_spent(instance: Instance, at: datetime) -> None:
    """Refuse that a deposit was spent of which something is left, or which is not there."""
    spent = instance.deposit.runs_out()
    if spent != at:  # later the balance would pay for what was used at the price of the deposit
        need = f"an instance whose deposit is used up at {at}"
        raise RuleViolation("contract", need, f"contract {instance.id}")


def check_prepaid(instance: Instance, client: Account, event: ContractPrepaid) -> None:
    """Refuse a prepayment that is not there, or that reserves other months than the deposit pays.

    Nobody prepays a contract that has ended.
    """
    if instance.is_over:
        need = "a contract that has not ended"
        raise RuleViolation("contract", need, f"contract {instance.id}")
    check_there(event.amount, ticks_at(client.ledger, event.at), "balance")
    check_left(instance, event.at)
    curve, price = CurveSchedule(instance.max_discount), instance.full_price(event.at)
    months, discount = agreed(curve, price, instance.deposit.at(event.at) + event.amount)
    if event.months != months:
        raise RuleViolation("months", f"{months}, what the deposit reserves", str(event.months))
    if event.discount != discount:
        need = f"{discount}, what {months} months earn"
        raise RuleViolation("discount", need, str(event.discount))


def check_asked(instance: Instance, listing: Listing, event: PriceIncreaseAsked) -> None:
    """Refuse a question about other prices, or another end, than the listing's."""
    contract = with_present_bid(instance)
    raised, end = raised_by(contract, listing.prices), listing.end_at(event.at)
    if event.raised != raised or not raised:
        need = f"what the listing raises: {', '.join(map(str, raised)) or 'nothing'}"
        raise RuleViolation("raised", need, ", ".join(map(str, event.raised)) or "nothing")
    if event.new_end != end or not is_later(end, contract.end):
        need = f"the end of the listing, {end}, later than that of the contract, {contract.end}"
        raise RuleViolation("new_end", need, str(event.new_end))


def check_discount(most: Fraction, months: Fraction, discount: Fraction) -> None:
    """Refuse another discount than the months earn of the one that was locked."""
    earned = CurveSchedule(most).discount(months)
    if discount != earned:
        raise RuleViolation("discount", f"{earned}, what {months} months earn", f"{discount}")


def check_left(instance: Instance, at: datetime) -> None:
    """Refuse that a deposit goes on of which more was used than was left."""
    left = ticks_at(instance.deposit, at)
    if left < 0:
        need = f"a deposit of contract {instance.id} that is not used up"
        raise RuleViolation("contract", need, f"${money_of(left)}")


def check_refunded(instance: Instance, event: DepositRefunded) -> None:
    """Refuse a deposit that is dissolved into more, or less, than is left of it."""
    left = ticks_at(instance.deposit, event.at)
    refund, kept = event.refund.ticks, event.kept.ticks
    if refund + kept != left or refund < 0 or kept < 0 or not left:
        need = f"two parts of the ${money_of(max(left, 0))} that are left of the deposit"
        raise RuleViolation("refund", need, f"${event.refund} and ${event.kept}")


def check_over(instance: Instance, at: datetime) -> None:
    """Refuse the end of an instance that still has money, or waits for an answer."""
    waits = instance.increase or instance.promise is not None
    if waits or ticks_at(instance.deposit, at):
        need = "an instance without a deposit, a promise and a price increase that waits"
        raise RuleViolation("contract", need, f"contract {instance.id}")


def check_settled(event: PromiseSettled, promise: PromiseState, held: int) -> None:
    """Refuse a day of a promise that came to something else, or that its escrow does not pay.

    Args:
        event: What is said to have come due.
        promise: As it is counted until then.
        held: What is in the escrow, in ticks.
    """
    day, before, after = event.day, promise.escrow.pending, event.left
    compute, net, fee = promise.compute.ticks, promise.net.ticks, promise.fee.ticks
    came = (promise.intended, compute, net, fee)
    told = (day.intended, day.compute.ticks, day.compute_to_escrow.ticks, day.fee.ticks)
    if told != came:
        raise RuleViolation("day", _of_day(*came), _of_day(*told))
    credit, paid = day.credit.ticks, day.escrow_to_client.ticks
    if not 0 <= credit <= compute:
        need = f"at most the ${day.compute} that the day cost"
        raise RuleViolation("day.credit", need, f"${day.credit}")
    if paid != min(credit, net):
        need = f"${min(day.credit, promise.net)} of the credit"
        raise RuleViolation("day.escrow_to_client", need, f"${day.escrow_to_client}")
    due = held - paid if event.closes else before[0].ticks if before else 0
    if day.escrow_to_host.ticks != due:
        need = f"${money_of(due)}, what is due to the host"
        raise RuleViolation("day.escrow_to_host", need, f"${day.escrow_to_host}")
    left = [each.ticks for each in after.pending]
    if sum(left) != held - paid - due or min(left, default=0) < 0:
        need = f"parts of the ${money_of(held - paid - due)} that are left in the escrow"
        raise RuleViolation("left.pending", need, f"${after.held}")
    if any(not 0 <= each <= PARTS for each in after.memories):
        need = f"shares from 0 to {PARTS:,}"
        raise RuleViolation("left.memories", need, str(after.memories))


def _of_day(intended: int, compute: int, net: int, fee: int) -> str:
    cost = f"${money_of(compute)}, ${money_of(net)} of it for the host"
    return f"{intended:,} s, {cost}, and a fee of ${money_of(fee)}"


def check_lasts(contract: Contract, at: datetime) -> None:
    """Refuse that an instance goes on when its contract has ended."""
    if contract.end is not None and contract.end <= at:
        need = f"an instant before {contract.end}, when contract {contract.id} ends"
        raise RuleViolation("at", need, str(at))


def check_expired(contract: Contract, at: datetime) -> None:
    """Refuse that a contract expires before its end."""
    if contract.end is None or contract.end > at:
        need = f"a contract that ends by {at}"
        got = f"contract {contract.id}, which ends {contract.end or 'never'}"
        raise RuleViolation("contract", need, got)
