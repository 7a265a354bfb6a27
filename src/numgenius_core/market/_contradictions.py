"""What an event of a log must fit: each check refuses one that the state contradicts.

An event that was decided here fits by itself. One of a log may not: a part of the log may be
missing, two may have written it, somebody may have written it by hand. What would be believed then
is money or GPUs that nobody has, so it is refused where looking costs nothing worth speaking of.
"""

from __future__ import annotations

from bisect import bisect_left
from datetime import datetime
from typing import TYPE_CHECKING

from numgenius_core.contracts.contract import Contract
from numgenius_core.errors import RuleViolation
from numgenius_core.listing import Listing
from numgenius_core.maintenance.schedule import MaintenanceWindow
from numgenius_core.market._ledger import ticks_at
from numgenius_core.market.instance import Instance
from numgenius_core.market.state import Account, MachineState
from numgenius_core.money import ZERO, Money, money_of
from numgenius_core.offer import Block, GpuSet

if TYPE_CHECKING:
    from numgenius_core.market._builder import Builder


def check_paid_in(amount: Money) -> None:
    """Refuse credit of nothing, or of less."""
    if amount <= ZERO:
        raise RuleViolation("amount", "an amount above zero", str(amount))


def check_not_invoiced(last: datetime | None, at: datetime) -> None:
    """Refuse a second payout on the day of one."""
    if last is not None and last.date() == at.date():
        raise RuleViolation("event.at", f"another day than that of its payout at {last}", str(at))


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
    """Refuse a contract of another host or time, or of GPUs that the machine does not have free."""
    building = market.building(contract.machine)
    machine = building.state.machine
    if contract.host != machine.host:
        raise RuleViolation("contract.host", f"the host of machine {machine.id}", contract.host)
    if contract.start != at:
        raise RuleViolation("contract.start", f"{at}, when it was made", str(contract.start))
    check_block(building.state, contract.block)
    if contract.bid is None:  # nor does a host's free test get them
        check_free_gpus(market, contract)


def check_block(machine: MachineState, block: Block) -> None:
    """Refuse GPUs that a machine does not have."""
    if block.end > machine.machine.gpus:
        need = f"a block of the {machine.machine.gpus} GPUs of machine {machine.id}"
        raise RuleViolation("block", need, f"{block.size} GPU(s) from {block.start}")


def check_free_gpus(market: Builder, contract: Contract, own: GpuSet = 0) -> None:
    """Refuse GPUs on demand that another one holds; ``own`` are those that it has itself."""
    if market.building(contract.machine).index().occupied & contract.block.gpu_set & ~own:
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
    if spent is None or spent > at:
        need = "an instance whose deposit is used up"
        raise RuleViolation("contract", need, f"contract {instance.id}")


def check_expired(contract: Contract, at: datetime) -> None:
    """Refuse that a contract expires before its end."""
    if contract.end is None or contract.end > at:
        need = f"a contract that ends by {at}"
        got = f"contract {contract.id}, which ends {contract.end or 'never'}"
        raise RuleViolation("contract", need, got)
