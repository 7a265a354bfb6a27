"""What a host and the marketplace may do, and what follows from it.

Rule (hosting guide): G1 (listing), G5 (``min_gpu``), G7 (a floor for bids), G9 (a later end
extends), G11 (unlisting), G12 (maintenance), G13 (the operations).

Our readings: a listing gets a new number each time it is published, and its offers with it, so no
client rents at a price it did not see. The floor is the host's standing bid, not a locked price:
bids below it wait. A rolling end lies a hundred years ahead at most. Taking a machine away needs it
unlisted and empty. Listing a machine anew takes back what its clients were asked, relisting it does
not: a price increase that waits blocks later extensions of its contract. Defragmenting makes the
largest block rentable that can be made by moving what loads, and what the host names.
"""

from __future__ import annotations

from datetime import timedelta
from functools import reduce
from operator import or_
from typing import Final

from attrs import evolve

from numgenius_core.contracts.life import InstanceState
from numgenius_core.contracts.reasons import Stale
from numgenius_core.errors import NotAllowed, RuleViolation
from numgenius_core.gpus.defragmentation import (
    DefragmentationPlan,
    Move,
    defragment,
    moves_beside,
)
from numgenius_core.ids import ContractId
from numgenius_core.listing import Listing, Verification
from numgenius_core.maintenance.schedule import (
    MaintenanceWindow,
    check_start,
    notices,
    windows_to_cancel,
)
from numgenius_core.market import commands as c, events as e
from numgenius_core.market._clock import destroy_instance, dissolve
from numgenius_core.market._decision import Decision
from numgenius_core.market._relisting import merged, promise_of
from numgenius_core.market._volumes import (
    check_online,
    clean_up_volumes,
    delete_own_volumes,
    follow_listing,
    list_volume_with,
    sets_end,
)
from numgenius_core.market.instance import HOLDS
from numgenius_core.market.state import MachineState

KEPT_AFTER_EXPIRY: Final = timedelta(hours=48)
"""How long a host keeps the data of an expired instance at least."""
LONGEST_ROLLING: Final = timedelta(days=36_525)
"""Longest duration of a rolling end, a hundred years: it rolls on, but the calendar ends."""


def set_settings(decision: Decision, command: c.SetSettings) -> None:
    decision.emit(e.SettingsSet, settings=command.settings)


def add_credit(decision: Decision, command: c.AddCredit) -> None:
    decision.emit(e.CreditAdded, account=command.account, amount=command.amount)


def add_machine(decision: Decision, command: c.AddMachine) -> None:
    machine = command.machine
    account = decision.market.opened(machine.host, decision.at)
    if not account.machines and (account.instances or account.volumes):
        what = "instances" if account.instances else "volumes"
        raise NotAllowed("machine.host", f"an account without {what}", machine.host)
    decision.emit(e.MachineAdded, machine=machine)  # refused if there is one of its number


def remove_machine(decision: Decision, command: c.RemoveMachine) -> None:
    machine = decision.own_machine(command.machine, command.by)
    if machine.listing is None:
        for instance in machine.in_order():
            if instance.contract.client == command.by:
                destroy_instance(decision, instance.id)
        delete_own_volumes(decision, machine.id, command.by)
    decision.emit(e.MachineRemoved, machine=machine.id)  # refused while anything is on it


def set_verification(decision: Decision, command: c.SetVerification) -> None:
    machine = decision.market.machine(command.machine)
    if machine.machine.verification is command.verification:
        return
    decision.emit(e.MachineVerified, machine=machine.id, verification=command.verification)
    if command.verification is Verification.DEVERIFIED:  # the machine broke its agreement
        for contract in sorted(machine.instances):
            dissolve(decision, contract, broken=True)


def report_offline(decision: Decision, command: c.ReportOffline) -> None:
    if not decision.market.machine(command.machine).online:
        raise RuleViolation("machine", "a machine that is online", "one that is offline")
    decision.emit(e.MachineWentOffline, machine=command.machine)


def report_online(decision: Decision, command: c.ReportOnline) -> None:
    if decision.market.machine(command.machine).online:
        raise RuleViolation("machine", "a machine that is offline", "one that is online")
    decision.emit(e.MachineCameOnline, machine=command.machine)


def list_machine(decision: Decision, command: c.ListMachine) -> None:
    machine = _online(decision.own_machine(command.machine, command.by))
    listing = Listing(
        machine=machine.machine,
        prices=command.prices,
        min_gpu=command.min_gpu,
        max_discount=command.max_discount,
        end=command.end,
        rolling=command.rolling,
        promise=promise_of(machine, command),
    )
    _check_promise(decision, listing)
    _check_end(listing, decision)
    decision.lapse_all(machine.id, Stale.SUPERSEDED)
    decision.emit(e.MachineListed, listing=listing, number=decision.next_number())
    list_volume_with(decision, command)
    decision.extend(listing, ask=True)
    follow_listing(decision, machine.id)
    decision.rerun(machine.id)


def relist(decision: Decision, command: c.Relist) -> None:
    machine = _online(decision.own_machine(command.machine, command.by))
    listing = merged(machine, command, decision.at)
    if command.sla_claim is not None:
        _check_promise(decision, listing)
    if machine.listing is not None and command.end is not None and command.end <= decision.at:
        decision.emit(e.ListingEnded, machine=machine.id)
        return
    _check_end(listing, decision)
    decision.emit(e.MachineListed, listing=listing, number=decision.next_number())
    list_volume_with(decision, command)
    if sets_end(command):
        decision.extend(listing, ask=True)
        follow_listing(decision, machine.id)
    decision.rerun(machine.id)


def _online(machine: MachineState) -> MachineState:
    """Refuse a machine that is offline: only one that is there can be listed."""
    check_online(machine, "machine")
    return machine


def _check_promise(decision: Decision, listing: Listing) -> None:
    """Refuse a claim where the market sells no promises."""
    if listing.promise is not None and not decision.market.settings.sla_offered:
        need = "0: this market sells no promises of uptime (sla_offered)"
        raise NotAllowed("sla_claim", need, f"{float(listing.promise.claim):g}")


def _check_end(listing: Listing, decision: Decision) -> None:
    """Refuse an end that is past; one beyond the calendar is refused where contracts extend."""
    if listing.end is not None and listing.end <= decision.at:
        raise RuleViolation("end", f"an instant after {decision.at}", str(listing.end))
    if listing.rolling is not None and listing.rolling > LONGEST_ROLLING:
        raise RuleViolation(
            "rolling", f"at most {LONGEST_ROLLING.days:,} days", str(listing.rolling)
        )


def unlist(decision: Decision, command: c.Unlist) -> None:
    decision.own_machine(command.machine, command.by)
    decision.emit(e.MachineUnlisted, machine=command.machine)  # refused if it is not listed


def set_min_bid(decision: Decision, command: c.SetMinBid) -> None:
    machine = decision.own_machine(command.machine, command.by)
    if machine.floor != command.floor:
        if machine.listing is not None:
            prices = evolve(machine.listing.prices, min_bid=command.floor)
            evolve(machine.listing, prices=prices)  # which warns of a floor above the price
        decision.emit(e.MinBidSet, machine=machine.id, floor=command.floor)
        decision.rerun(machine.id)


def set_default_job(decision: Decision, command: c.SetDefaultJob) -> None:
    decision.own_machine(command.machine, command.by)
    decision.emit(e.DefaultJobSet, machine=command.machine, image=command.image)


def remove_default_job(decision: Decision, command: c.RemoveDefaultJob) -> None:
    if decision.own_machine(command.machine, command.by).default_job is None:
        raise RuleViolation("machine", "a machine with a default job", "one without")
    decision.emit(e.DefaultJobRemoved, machine=command.machine)


def schedule_maintenance(decision: Decision, command: c.ScheduleMaintenance) -> None:
    machine = decision.own_machine(command.machine, command.by)
    if command.window.locked:
        need = "a window that is not locked: only the marketplace locks windows"
        raise NotAllowed("window.locked", need, "one that is locked")
    _announce(decision, machine, command.window)


def announce_maintenance(decision: Decision, command: c.AnnounceMaintenance) -> None:
    _announce(
        decision, decision.market.machine(command.machine), evolve(command.window, locked=True)
    )


def _announce(decision: Decision, machine: MachineState, wanted: MaintenanceWindow) -> None:
    if wanted.id:
        raise RuleViolation("window.id", "0: the market gives the number", str(wanted.id))
    check_start(wanted.period.start, decision.at)
    window = evolve(wanted, id=decision.next_number())
    # Refused where it meets another window.
    decision.emit(e.MaintenanceScheduled, machine=machine.id, window=window)
    contracts = [instance.contract for instance in machine.in_order()]
    for notice in notices(machine.id, window, contracts):
        decision.emit(e.ClientNotified, notice=notice)


def cancel_maintenance(decision: Decision, command: c.CancelMaintenance) -> None:
    machine = decision.own_machine(command.machine, command.by)
    _cancel(decision, machine, command.window, locked=False)


def withdraw_maintenance(decision: Decision, command: c.WithdrawMaintenance) -> None:
    machine = decision.market.machine(command.machine)
    _cancel(decision, machine, command.window, locked=True)


def _cancel(decision: Decision, machine: MachineState, window: int | None, *, locked: bool) -> None:
    gone = windows_to_cancel(machine.schedule, now=decision.at, window=window, locked=locked)
    if not gone:
        whose = "the marketplace" if locked else "its host"
        need = f"a machine with maintenance that {whose} scheduled and that is not over"
        raise RuleViolation("machine", need, "one without")
    decision.emit(e.MaintenanceCancelled, machine=machine.id, windows=gone)


def defragment_machine(decision: Decision, command: c.Defragment) -> None:
    machine = decision.own_machine(command.machine, command.by)
    listing = machine.listing
    if listing is None:
        got = f"machine {machine.id}, which is not"
        raise RuleViolation("machine", "a machine that is listed", got)
    for contract in command.movable:
        if contract not in machine.instances:
            need = f"contracts of machine {machine.id}"
            raise RuleViolation("movable", need, f"contract {contract}")
    for move in _moves(machine, listing, command.movable):
        decision.emit(e.ContractMoved, contract=move.contract, block=move.target)
    decision.rerun(machine.id)


def _moves(
    machine: MachineState, listing: Listing, movable: tuple[ContractId, ...]
) -> tuple[Move, ...]:
    """Return the moves that make the largest block rentable that can be made.

    What yields is in no block's way, and pauses where somebody moves: if moves past what runs make
    a block of the same size, they are made. (On GPUs that are left a bid that waited may run, and
    pause a lower one.)
    """
    there = [each for each in machine.in_order() if each.state in HOLDS]
    held = {i.id: i.contract.block for i in there if i.holds}
    yielding = reduce(or_, (i.contract.block.gpu_set for i in there if not i.holds), 0)
    loading = [i.id for i in there if i.state is InstanceState.LOADING]
    may_move = [each for each in held if each in movable or each in loading]
    gpus, least = machine.machine.gpus, listing.min_gpu
    for size in sorted({block.size for block in machine.blocks()}, reverse=True):
        plan = defragment(gpus, least, held, may_move, size)
        if isinstance(plan, DefragmentationPlan):
            if any(move.target.gpu_set & yielding for move in plan.moves):
                return moves_beside(gpus, least, held, may_move, size, yielding) or plan.moves
            return plan.moves
    return ()


def clean_up(decision: Decision, command: c.CleanUp) -> None:
    machine = decision.own_machine(command.machine, command.by)
    for instance in machine.in_order():
        end = instance.contract.end
        if (
            instance.state is InstanceState.EXPIRED
            and end
            and decision.at - end >= KEPT_AFTER_EXPIRY
        ):
            decision.emit(e.InstanceDestroyed, contract=instance.id)
    clean_up_volumes(decision, machine.id, decision.at - KEPT_AFTER_EXPIRY)
