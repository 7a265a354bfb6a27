"""What a client is told about what its command led to: the events, as the market says them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from examples.marketplace.reading import Call
from examples.marketplace.refusals import named, one_line
from numgenius_core.errors import NumgeniusError
from numgenius_core.ids import AccountId, ContractId, MachineId, VolumeId
from numgenius_core.intervals import to_epoch
from numgenius_core.market import Market, commands as do, events as it
from numgenius_core.market.logs import Later
from numgenius_core.units import MB_PER_GB

Row = dict[str, Any]
NOTHING_EXPIRED: Final = "No expired contracts to delete"
Outcomes = Mapping[int, tuple[it.Event, ...] | Row]
"""What came of each of several commands, by what it was about: events, or why it is refused."""


def answer(
    call: Call,
    commands: Sequence[do.Command | Later],
    events: tuple[it.Event, ...],
    before: Market,
) -> Row:
    """Return what a client is told about commands that were carried out.

    A rental that waits is carried out, too, but it is no success: nothing has started.
    """
    told: Row = {"success": not waiting(events)}
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
                extended_in(listed, before.homes.get(event.contract), event.contract)
            case it.VolumeListed() if event.number > before.last:  # else only its end has moved
                home, size = event.listing.machine, event.listing.size_mb / MB_PER_GB
                told.setdefault("extended", 0)
                row = listed.setdefault(home, listing_of(home, call.by))
                row["new_contracts"].append({"id": event.offer, "size": size})
            case it.VolumeExtended():
                told["extended"] = told.get("extended", 0) + 1
                extended_in(listed, before.volumes.get(event.volume), event.volume)
            case it.ContractMoved():
                told["moved"] = told.get("moved", 0) + 1
            case it.MaintenanceCancelled():
                told["cancelled"] = [window.id for window in event.windows]
    if listed:
        told |= {"you_sent": dict(call.body), "results": list(listed.values())}
    return told | of_the_machine(call, commands[0], told, events, before)


def waiting(events: Iterable[it.Event]) -> set[ContractId]:
    """Return the contracts that were made and whose instances have not loaded."""
    made: set[ContractId] = set()
    for event in events:
        if isinstance(event, it.ContractCreated):
            made.add(event.contract.id)
        elif isinstance(event, it.InstanceLoaded):
            made.discard(event.contract)
    return made


def extended_in(
    listed: Mapping[MachineId, Row], home: MachineId | None, contract: ContractId | VolumeId
) -> None:
    """Note in the row of a machine that is listed that a contract there was extended."""
    if home is not None and home in listed:
        listed[home]["extended"] += 1
        listed[home]["upd_contracts"].append(contract)


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
        case it.VolumeRented():
            told["volume_name"] = f"V.{event.contract.id}"
        case it.InstanceDestroyed() | it.VolumeDeleted():
            told["num_deleted"] = told.get("num_deleted", 0) + 1
        case it.PriceIncreaseAccepted() | it.PriceIncreaseRejected():
            machine = before.machine(before.asked[event.increase])
            contract = machine.increases[event.increase].contract.id
            told |= {"pending_price_increase_id": event.increase, "contract_id": contract}
            word = "accepted" if isinstance(event, it.PriceIncreaseAccepted) else "rejected"
            told.setdefault(f"{word}_contract_ids", []).append(contract)


def of_the_machine(
    call: Call,
    command: do.Command | Later,
    told: Mapping[str, Any],
    events: Iterable[it.Event],
    before: Market,
) -> Row:
    """Return what the market says beside of some commands to a machine."""
    now, row = float(to_epoch(call.at)), {"machine_id": call.number, "user_id": call.by}
    match command:
        case do.Unlist():
            return row | {"orphaned_cleaned": 0}  # a contract is never without its machine here
        case do.UnlistVolume():
            return {"msg": f"Unlisted Volume {command.offer}."}
        case do.SetMinBid():
            return {"you_sent": dict(call.body)}
        case do.ScheduleMaintenance():
            sent = notified(events)
            text = f"{sent} notifications sent"
            return {"machine_id": call.number, "notifications_sent": sent, "you_sent": text}
        case do.CancelMaintenance():
            machine = command.machine
            windows = f"{len(told['cancelled'])} scheduled maintenance window(s)"
            text = f"deleted {windows} on machine {machine}"
            locked = [w.id for w in before.machine(machine).schedule.windows if w.locked]
            return {"machine_id": machine, "ctime": now, "msg": text, "admin_locked": locked}
        case do.CleanUp():
            count = told.get("num_deleted", 0)
            text = f"deleted {count} expired contracts on machine {call.number}"
            found = {"success": count > 0, "num_deleted": count}
            return row | found | {"ctime": now, "msg": text if count else NOTHING_EXPIRED}
    return {}


def refused_row(fault: NumgeniusError, why: str) -> Row:
    """Return why one of several could not be carried out."""
    _, word, code = named(fault)
    return {"error": word, "code": code, "msg": one_line(why)}


def destroyed(outcomes: Outcomes) -> Row:
    """Return what a client is told about instances of which some were destroyed."""
    done, rows = [], []
    for number, outcome in outcomes.items():
        if isinstance(outcome, dict):
            rows.append({"id": number} | outcome)
        else:
            done.append(number)
    told: Row = {"success": not rows, "num_deleted": len(done), "destroyed": done, "failed": rows}
    if rows:
        text = "; ".join(f"instance {row['id']}: {row['msg']}" for row in rows)
        told["msg"] = f"{len(done)} destroyed, {len(rows)} not: {text}"
    return told


def scheduled(outcomes: Outcomes) -> Row:
    """Return what a host is told about machines of which some have a new window."""
    rows: list[Row] = []
    for number, outcome in outcomes.items():
        row: Row = {"success": not isinstance(outcome, dict), "machine_id": number}
        if isinstance(outcome, dict):
            rows.append(row | outcome)
        else:
            rows.append(row | {"notifications_sent": notified(outcome)})
    return {"success": True, "results": rows}


def cancelled(outcomes: Outcomes) -> Row:
    """Return what a host is told about windows of which some were cancelled."""
    rows: list[Row] = []
    for number, outcome in outcomes.items():
        row: Row = {"success": not isinstance(outcome, dict), "maintenance_id": number}
        if isinstance(outcome, dict):
            rows.append(row | outcome)
        else:
            rows.append(row | {"msg": "Maintenance record deleted"})
    return {"success": True, "results": rows}


def notified(events: Iterable[it.Event]) -> int:
    return sum(isinstance(event, it.ClientNotified) for event in events)
