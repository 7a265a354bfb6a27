"""What a client is told about what its command led to: the events, as the market says them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from examples.marketplace.reading import Call
from examples.marketplace.refusals import named, one_line
from numgenius_core.errors import NumgeniusError
from numgenius_core.ids import AccountId, ContractId, MachineId
from numgenius_core.intervals import to_epoch
from numgenius_core.market import Market, commands as do, events as it

Row = dict[str, Any]


def answer(
    call: Call, commands: list[do.Command], events: Iterable[it.Event], before: Market
) -> Row:
    """Return what a client is told about commands that were carried out."""
    told: Row = {"success": True}
    listed: dict[MachineId, Row] = {}
    for event in events:
        told_of_a_contract(told, event, before)
        match event:
            case it.MachineListed():
                machine = event.listing.machine
                told.setdefault("extended", 0)
                listed[machine.id] = listing_of(machine.id, machine.host)
            case it.ContractExtended():
                told["extended"] = told.get("extended", 0) + 1
                home = before.homes.get(event.contract)
                if home in listed:
                    listed[home]["extended"] += 1
                    listed[home]["upd_contracts"].append(event.contract)
            case it.ContractMoved():
                told["moved"] = told.get("moved", 0) + 1
            case it.MaintenanceCancelled():
                told["cancelled"] = [window.id for window in event.windows]
            case it.ClientNotified():
                told["notifications_sent"] = told.get("notifications_sent", 0) + 1
    if listed:
        told |= {"you_sent": dict(call.body), "results": list(listed.values())}
    return told | of_the_machine(call, commands[0], told, before)


def listing_of(machine: MachineId, host: AccountId) -> Row:
    return {
        "machine_id": machine,
        "user_id": host,
        "extended": 0,
        "new_contracts": [],
        "upd_contracts": [],
    }


def told_of_a_contract(told: Row, event: it.Event, before: Market) -> None:
    match event:
        case it.ContractCreated():
            if "new_contract" in told:  # several at once
                told.setdefault("new_contracts", [told["new_contract"]]).append(event.contract.id)
            told["new_contract"] = event.contract.id
        case it.ContractPrepaid():
            told |= {"timescale": float(event.months), "discount_rate": float(event.discount)}
        case it.InstanceDestroyed():
            told["num_deleted"] = told.get("num_deleted", 0) + 1
        case it.PriceIncreaseAccepted() | it.PriceIncreaseRejected():
            machine = before.machine(before.asked[event.increase])
            contract = machine.increases[event.increase].contract.id
            told |= {"pending_price_increase_id": event.increase, "contract_id": contract}
            word = "accepted" if isinstance(event, it.PriceIncreaseAccepted) else "rejected"
            told.setdefault(f"{word}_contract_ids", []).append(contract)


def of_the_machine(call: Call, command: do.Command, told: Mapping[str, Any], before: Market) -> Row:
    """Return what the market says beside of some commands to a machine."""
    machine = call.number
    match command:
        case do.Unlist():
            return {"machine_id": machine, "user_id": call.by}
        case do.ScheduleMaintenance():
            sent = told.get("notifications_sent", 0)
            text = f"{sent} notifications sent"
            return {"machine_id": machine, "notifications_sent": sent, "you_sent": text}
        case do.CancelMaintenance():
            machine = command.machine
            windows = f"{len(told['cancelled'])} scheduled maintenance window(s)"
            text = f"deleted {windows} on machine {machine}"
            locked = [w.id for w in before.machine(machine).schedule.windows if w.locked]
            told = {"machine_id": machine, "ctime": float(to_epoch(call.at)), "msg": text}
            return told | {"admin_locked": locked}
        case do.CleanUp() if not told.get("num_deleted"):
            return {"success": False, "num_deleted": 0, "msg": "No expired contracts to delete"}
        case do.CleanUp():
            return {"msg": f"deleted {told['num_deleted']} expired contract(s)"}
    return {}


def each_answer(done: list[ContractId], failed: Mapping[ContractId, NumgeniusError]) -> Row:
    """Return what a client is told about instances of which some were destroyed."""
    rows = []
    for contract, fault in failed.items():
        _, word, code = named(fault)
        rows.append({"id": contract, "error": word, "code": code, "msg": one_line(fault)})
    told: Row = {"success": not rows, "num_deleted": len(done), "destroyed": done, "failed": rows}
    if rows:
        text = "; ".join(f"instance {row['id']}: {row['msg']}" for row in rows)
        told["msg"] = f"{len(done)} destroyed, {len(rows)} not: {text}"
    return told
