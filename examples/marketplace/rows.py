"""What clients are sent: the library's values under the names of the marketplace's API.

Amounts leave as JSON numbers, rounded once. Fields that the client shows and this service knows
nothing of (drivers, speeds) are left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from fractions import Fraction
from typing import Any, Final

from numgenius_core.billing import Line, Statement
from numgenius_core.contracts import InstanceState, PendingIncrease, client_end
from numgenius_core.intervals import to_epoch
from numgenius_core.listing import Mode
from numgenius_core.maintenance import window_statuses
from numgenius_core.market import Instance, MachineState
from numgenius_core.market.events import CreditAdded
from numgenius_core.market.views import Earnings
from numgenius_core.money import Money
from numgenius_core.offer import Offer
from numgenius_core.rates import Rate
from numgenius_core.search import FIELDS, View
from numgenius_core.units import MB_PER_GB, SECONDS_PER_HOUR, SECONDS_PER_MONTH
from numgenius_core.wire import offer_to_record

Row = dict[str, Any]

# An instance as the API says it: what it does, and whether it has its GPUs.
STATUS: Final = {
    InstanceState.LOADING: ("loading", "running"),
    InstanceState.RUNNING: ("running", "running"),
    InstanceState.PAUSED: ("stopped", "stopped"),
    InstanceState.STOPPED: ("stopped", "stopped"),
    InstanceState.SCHEDULING: ("stopped", "stopped"),
    InstanceState.EXPIRED: ("exited", "stopped"),
    InstanceState.DESTROYED: ("exited", "unloaded"),
}
LETTERS: Final = {Mode.ON_DEMAND: "D", Mode.RESERVED: "R", Mode.INTERRUPTIBLE: "I"}
PRICED: Final = (
    *("dph_base", "dph_total", "discounted_dph_total", "discount_rate", "duration", "min_bid"),
)


def number(value: Rate | Money | Fraction) -> float:
    """Return a price, an amount or a share as a JSON number."""
    return float(value if isinstance(value, Fraction) else value.to_decimal(12))


def epoch(instant: datetime | None) -> float | None:
    """Return an instant as Unix seconds; never is null."""
    return None if instant is None else float(to_epoch(instant))


def offer(given: Offer, view: View) -> Row:
    """Return the row of an offer, at the prices of a search."""
    row = offer_to_record(given)
    for name in PRICED:
        value = FIELDS[name].of(given, view)
        row[name] = None if value is None or value == float("inf") else float(value)
    row["verified"] = row["verification"] == "verified"
    row["is_bid"] = view.mode is Mode.INTERRUPTIBLE
    return row


def machine(state: MachineState, at: datetime) -> Row:
    """Return the row of a machine, as its host sees it."""
    its, listing = state.machine, state.listing
    clients = [each.contract for each in state.instances.values()]
    rented = any(not contract.is_free_test for contract in clients)
    row: Row = {
        "id": its.id,
        "machine_id": its.id,
        "host_id": its.host,
        "hostname": f"machine-{its.id}",
        "gpu_name": its.gpu_name,
        "num_gpus": its.gpus,
        "disk_space": its.disk_mb / MB_PER_GB,
        "verification": its.verification.value,
        "listed": listing is not None,
        "gpu_occupancy": occupancy(state),
        "client_end_date": epoch(client_end(clients)) if rented else None,
    }
    if listing is not None:
        row |= {
            "listed_gpu_cost": number(listing.prices.gpu),
            "listed_storage_cost": number(listing.prices.storage),
            "listed_inet_up_cost": number(listing.prices.upload),
            "listed_inet_down_cost": number(listing.prices.download),
            "min_bid_price": number(state.floor),
            "credit_discount_max": number(listing.max_discount),
            "min_chunk": listing.min_gpu,
            "end_date": epoch(listing.end_at(at)),
        }
    return row


def occupancy(state: MachineState) -> str:
    """Return a letter for each GPU: rented on demand, reserved, interruptible, or x for free."""
    letters = ["x"] * state.machine.gpus
    for each in state.instances.values():
        if STATUS[each.state][1] == "running":
            for slot in each.contract.block.slots:
                letters[slot] = LETTERS[each.contract.mode]
    return " ".join(letters)


def instance(given: Instance, on: MachineState, at: datetime) -> Row:
    """Return the row of an instance, as its client sees it."""
    contract = given.contract
    actual, current = STATUS[given.state]
    return {
        "id": contract.id,
        "machine_id": contract.machine,
        "host_id": contract.host,
        "actual_status": actual if on.online else "offline",
        "cur_state": current,
        "intended_status": "stopped" if given.state is InstanceState.STOPPED else "running",
        "num_gpus": contract.block.size,
        "gpu_name": on.machine.gpu_name,
        "disk_space": contract.disk_mb / MB_PER_GB,
        "dph_total": number(given.price(at)),
        "storage_cost": number(given.contract.prices_at(at).storage),
        "is_bid": contract.mode is Mode.INTERRUPTIBLE,
        "bid_price": None if given.bid is None else number(given.bid),
        "label": given.label or None,
        "verification": on.machine.verification.value,
        "start_date": epoch(contract.start),
        "end_date": epoch(contract.end),
        "extra_env": [],
    }


def windows(state: MachineState, now: datetime) -> list[Row]:
    """Return the maintenance windows of a machine."""
    return [
        {
            "machine_id": state.machine.id,
            "start_time": epoch(window.period.start),
            "end_time": epoch(window.period.end),
            "duration_hours": window.period.seconds / SECONDS_PER_HOUR,
            "maintenance_category": window.category.value,
            "status": status.value,
        }
        for window, status in window_statuses(state.schedule, now=now)
    ]


def increase(key: int, pending: PendingIncrease) -> Row:
    """Return the row of a price increase that waits for its client; null is as it was."""
    old, new = pending.contract.last_prices, pending.listing.prices
    raised = {each.part for each in pending.raised}
    row: Row = {
        "pending_price_increase_id": key,
        "contract_id": pending.contract.id,
        "host_id": pending.contract.host,
        "contract_end_date": epoch(pending.contract_end),
        "ask_end_date": epoch(pending.new_end),
    }
    for part, name, seconds in (
        ("gpu", "gpu_costpersec", SECONDS_PER_HOUR),
        ("storage", "disk_ram_costpersec", SECONDS_PER_MONTH),
        ("upload", "bwu_cost", 1),
        ("download", "bwd_cost", 1),
        ("platform_fee", "platform_fee", 1),
    ):
        row[f"old_{name}"] = number(getattr(old, part)) / seconds
        row[f"new_{name}"] = number(getattr(new, part)) / seconds if part in raised else None
    return row


def charge(bill: Statement) -> Row:
    """Return the row of what an instance cost in a period, and of each line of it."""
    number_of = bill.contract.id
    lines = zip(bill.lines, bill.rounded(6), strict=True)
    return {
        "type": "instance",
        "source": f"instance-{number_of}",
        "description": f"Instance {number_of}",
        "amount": number(bill.billed),
        "start": epoch(max(bill.period.start, bill.contract.start)),
        "end": epoch(bill.period.end),
        "metadata": {"instance_id": number_of},
        "items": [line(each, float(amount)) for each, amount in lines],
    }


def line(given: Line, amount: float) -> Row:
    """Return the row of a line of a statement."""
    return {
        "type": "charge",
        "source": None,
        "description": given.kind.value,
        "quantity": given.quantity,
        "rate": None if given.rate is None else number(given.rate),
        "amount": amount,
        "start": epoch(given.period.start),
        "end": epoch(given.period.end),
        "timestamp": epoch(given.period.start),
        "metadata": {},
        "items": [],
    }


def payment(key: int, paid: CreditAdded) -> Row:
    """Return the row of a payment."""
    return {
        "id": key,
        "type": "transfer",
        "service": "transfer",
        "source": paid.account,
        "description": "Credit",
        "amount": number(paid.amount),
        "start": epoch(paid.at),
        "end": epoch(paid.at),
        "timestamp": epoch(paid.at),
        "metadata": {"invoice_id": key},
        "items": [],
    }


def earned(found: Iterable[Earnings]) -> Row:
    """Return what machines earned, each and together."""
    names = {"gpu": "gpu", "storage": "stor", "upload": "bwu", "download": "bwd"}
    per = [
        {"machine_id": each.machine}
        | {short: number(getattr(each, name)) for name, short in names.items()}
        for each in found
    ]
    total = {f"total_{short}": sum(row[short] for row in per) for short in names.values()}
    return {"summary": total, "per_machine": per}
