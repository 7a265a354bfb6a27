"""What a host and the marketplace may do, and what follows from it.

Rule (hosting guide): G1 (listing), G5 (``min_gpu``), G7 (a floor for bids), G9 (a later end
extends), G11 (unlisting), G12 (maintenance), G13 (the operations).

Our readings: a listing gets a new number each time it is published, and its offers with it, so no
client rents at a price it did not see. The floor is the host's standing bid, not a locked price:
bids below it wait. A rolling end lies a hundred years ahead at most. Taking a machine away needs it
unlisted and empty. Defragmenting makes the largest block rentable that can be made by moving what
loads, and what the host names.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from numgenius_core.contracts.extension import Stale
from numgenius_core.contracts.life import InstanceState
from numgenius_core.errors import NotAllowed, RuleViolation
from numgenius_core.gpus.defragmentation import DefragmentationPlan, defragment
from numgenius_core.ids import ContractId, MachineId
from numgenius_core.listing import Listing, Verification
from numgenius_core.maintenance.schedule import notices, schedule_window
from numgenius_core.market import commands as c, events as e
from numgenius_core.market._clock import dissolve
from numgenius_core.market._decision import Decision
from numgenius_core.market.state import MachineState

KEPT_AFTER_EXPIRY: Final = timedelta(hours=48)
"""How long a host keeps the data of an expired instance at least."""
LONGEST_ROLLING: Final = timedelta(days=36_525)
"""Longest duration of a rolling end, a hundred years: it rolls on, but the calendar ends."""


def add_credit(draft: Decision, command: c.AddCredit) -> None:
    draft.emit(e.CreditAdded(at=draft.at, account=command.account, amount=command.amount))


def add_machine(draft: Decision, command: c.AddMachine) -> None:
    machine = command.machine
    if machine.id in draft.market.machines:
        raise RuleViolation("machine.id", "a new number", f"{machine.id}, which is there already")
    account = draft.market.accounts.get(machine.host)
    if account is not None and not account.machines and account.instances:
        raise NotAllowed("machine.host", "an account without instances", machine.host)
    draft.emit(e.MachineAdded(at=draft.at, machine=machine))


def remove_machine(draft: Decision, command: c.RemoveMachine) -> None:
    place = draft.own_machine(command.machine, command.by)
    if place.listing is not None or place.instances:
        got = "a listed one" if place.listing else f"one with {len(place.instances)} instance(s)"
        raise RuleViolation("machine", "an unlisted machine without instances", got)
    draft.emit(e.MachineRemoved(at=draft.at, machine=place.id))


def set_verification(draft: Decision, command: c.SetVerification) -> None:
    place = draft.market.machine(command.machine)
    if place.machine.verification is command.verification:
        return
    draft.emit(e.MachineVerified(at=draft.at, machine=place.id, verification=command.verification))
    if command.verification is Verification.DEVERIFIED:  # the machine broke its agreement
        for contract in place.instances:
            dissolve(draft, contract, broken=True)


def report_offline(draft: Decision, command: c.ReportOffline) -> None:
    if not draft.market.machine(command.machine).online:
        raise RuleViolation("machine", "a machine that is online", "one that is offline")
    draft.emit(e.MachineWentOffline(at=draft.at, machine=command.machine))


def report_online(draft: Decision, command: c.ReportOnline) -> None:
    if draft.market.machine(command.machine).online:
        raise RuleViolation("machine", "a machine that is offline", "one that is online")
    draft.emit(e.MachineCameOnline(at=draft.at, machine=command.machine))


def list_machine(draft: Decision, command: c.ListMachine) -> None:
    place = draft.own_machine(command.machine, command.by)
    listing = Listing(
        machine=place.machine,
        prices=command.prices,
        min_gpu=command.min_gpu,
        max_discount=command.max_discount,
        end=command.end,
        rolling=command.rolling,
    )
    if listing.end is not None and listing.end <= draft.at:
        raise RuleViolation("end", f"an instant after {draft.at}", str(listing.end))
    if listing.rolling is not None and listing.rolling > LONGEST_ROLLING:
        raise RuleViolation(
            "rolling", f"at most {LONGEST_ROLLING.days:,} days", str(listing.rolling)
        )
    listing.end_at(draft.at)  # refuses a rolling end beyond the calendar
    draft.lapse(place.id, Stale.SUPERSEDED)
    draft.emit(e.MachineListed(at=draft.at, listing=listing, number=draft.next_number()))
    draft.extend(listing, ask=True)
    draft.rerun(place.id)


def unlist(draft: Decision, command: c.Unlist) -> None:
    draft.own_machine(command.machine, command.by)
    _listed(draft, command.machine)
    draft.emit(e.MachineUnlisted(at=draft.at, machine=command.machine))


def _listed(draft: Decision, machine: MachineId) -> Listing:
    listing = draft.market.machine(machine).listing
    if listing is None:
        raise RuleViolation("machine", "a machine that is listed", f"machine {machine}")
    return listing


def set_min_bid(draft: Decision, command: c.SetMinBid) -> None:
    place = draft.own_machine(command.machine, command.by)
    if place.floor != command.floor:
        draft.emit(e.MinBidSet(at=draft.at, machine=place.id, floor=command.floor))
        draft.rerun(place.id)


def set_default_job(draft: Decision, command: c.SetDefaultJob) -> None:
    draft.own_machine(command.machine, command.by)
    draft.emit(e.DefaultJobSet(at=draft.at, machine=command.machine, image=command.image))


def remove_default_job(draft: Decision, command: c.RemoveDefaultJob) -> None:
    if draft.own_machine(command.machine, command.by).default_job is None:
        raise RuleViolation("machine", "a machine with a default job", "one without")
    draft.emit(e.DefaultJobRemoved(at=draft.at, machine=command.machine))


def schedule_maintenance(draft: Decision, command: c.ScheduleMaintenance) -> None:
    place = draft.own_machine(command.machine, command.by)
    schedule_window(place.schedule, command.window, now=draft.at)  # refuses what is not allowed
    draft.emit(e.MaintenanceScheduled(at=draft.at, machine=place.id, window=command.window))
    contracts = [instance.contract for instance in place.instances.values()]
    for notice in notices(place.id, command.window, contracts):
        draft.emit(e.ClientNotified(at=draft.at, notice=notice))


def cancel_maintenance(draft: Decision, command: c.CancelMaintenance) -> None:
    place = draft.own_machine(command.machine, command.by)
    if all(window.period.start <= draft.at for window in place.schedule.windows):
        raise RuleViolation("machine", "a machine with upcoming maintenance", "one without")
    draft.emit(e.MaintenanceCancelled(at=draft.at, machine=command.machine))


def defragment_machine(draft: Decision, command: c.Defragment) -> None:
    place = draft.own_machine(command.machine, command.by)
    listing = _listed(draft, place.id)
    for contract in command.movable:
        if contract not in place.instances:
            need = f"contracts of machine {place.id}"
            raise RuleViolation("movable", need, f"contract {contract}")
    plan = _largest(place, listing, command.movable)
    for move in plan.moves if plan is not None else ():
        draft.emit(e.ContractMoved(at=draft.at, contract=move.contract, block=move.target))
    draft.rerun(place.id)


def _largest(
    place: MachineState, listing: Listing, movable: tuple[ContractId, ...]
) -> DefragmentationPlan | None:
    """Return the plan for the largest block that can be made rentable."""
    held = {i.id: i.contract.block for i in place.instances.values() if i.holds}
    loading = [i.id for i in place.instances.values() if i.state is InstanceState.LOADING]
    may_move = [each for each in held if each in movable or each in loading]
    for size in sorted({block.size for block in place.blocks()}, reverse=True):
        plan = defragment(place.machine.gpus, listing.min_gpu, held, may_move, size)
        if isinstance(plan, DefragmentationPlan):
            return plan
    return None


def clean_up(draft: Decision, command: c.CleanUp) -> None:
    place = draft.own_machine(command.machine, command.by)
    for instance in place.instances.values():
        end = instance.contract.end
        if instance.state is InstanceState.EXPIRED and end and draft.at - end >= KEPT_AFTER_EXPIRY:
            draft.emit(e.InstanceDestroyed(at=draft.at, contract=instance.id))
