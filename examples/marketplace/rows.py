"""What clients are sent: the library's values under the names of the marketplace's API.

Amounts leave as JSON numbers, rounded once. A field that the market has and this service knows
nothing of is null, or is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from attrs import evolve

from examples.marketplace.costs import Hourly, by_now, while_running
from examples.marketplace.hardware import COMMON, Hardware, facts
from numgenius_core.contracts import Contract, InstanceState, PendingIncrease, client_end
from numgenius_core.intervals import to_epoch, total_seconds
from numgenius_core.listing import Listing, Mode, Verification
from numgenius_core.maintenance import WindowStatus, window_statuses
from numgenius_core.market import Instance, MachineState, RentedVolume
from numgenius_core.market.views import DepositView
from numgenius_core.money import Money
from numgenius_core.offer import Offer
from numgenius_core.rates import Rate
from numgenius_core.search import FIELDS, View
from numgenius_core.sla import Promise
from numgenius_core.units import MB_PER_GB, SECONDS_PER_MONTH
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
# What instances can be ordered and filtered by, and the words of those that have known ones. Of
# some the service knows nothing: clients may ask for them all the same.
INSTANCE_COLUMNS: Final[Mapping[str, Sequence[str] | None]] = {
    **dict.fromkeys((*COMMON, "reliability", "datacenter")),
    **dict.fromkeys(
        (
            *("id", "machine_id", "host_id", "label", "num_gpus", "gpu_name", "disk_space"),
            *("is_bid", "bid_price", "min_bid", "dph_base", "dph_total", "storage_total_cost"),
            *("storage_cost", "inet_up_cost", "inet_down_cost", "credit_balance"),
            *("credit_discount", "credit_discount_max", "start_date", "end_date"),
            *("time_remaining", "uptime_mins"),
            *("target_reliability", "sla_r_claim", "sla_sigma_x"),
        )
    ),
    **dict.fromkeys(
        (
            *("disk_usage", "disk_util", "gpu_util", "image_uuid", "ssh_host", "ssh_port"),
            *("status_msg", "template_id", "template_name"),
        )
    ),
    "actual_status": (
        *("created", "loading", "running", "stopped", "exited"),
        *("frozen", "offline", "scheduling", "unknown"),
    ),
    "cur_state": ("running", "stopped", "unloaded"),
    "next_state": ("running", "stopped", "unloaded"),
    "intended_status": ("running", "stopped"),
    "verification": tuple(each.value for each in Verification),
}
LETTERS: Final = {Mode.ON_DEMAND: "D", Mode.RESERVED: "R", Mode.INTERRUPTIBLE: "I"}
PRICED: Final = (
    "dph_base",
    "dph_total",
    "dph_total_adj",
    "discounted_dph_total",
    "discount_rate",
    "duration",
    "min_bid",
    "storage_total_cost",
)
MONTH, DAY, HOUR = SECONDS_PER_MONTH, 86_400, 3_600


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
    saved = row["dph_total"] - row["discounted_dph_total"]
    row["verified"] = row["verification"] == "verified"
    promise, fee = given.promise, 0.0
    if promise is not None and view.target is not None:
        totals = (FIELDS["dph_total"].of(given, each) for each in (view, evolve(view, target=None)))
        promised, without = (Decimal(str(total)) for total in totals)
        fee = float(promised - without)
    row["expected_reliability"] = None if promise is None else number(promise.claim)
    row["has_sla"] = promise is not None
    row |= claimed(promise)
    row["search"] = hourly(row["dph_base"], row["storage_total_cost"], saved, fee)
    row["instance"] = hourly(0, row["storage_total_cost"], 0)
    return row


def claimed(promise: Promise | None) -> Row:
    """Return the terms of a promise of uptime: a claim of 0 is none."""
    if promise is None:
        return {"sla_r_claim": 0.0, "sla_sigma_x": None}
    return {"sla_r_claim": number(promise.claim), "sla_sigma_x": number(promise.spread)}


def hourly(gpu: float, disk: float, saved: float, sla: float = 0.0) -> Row:
    """Return the parts of a price an hour; no discount is given on a promise of uptime."""
    return {
        "gpuCostPerHour": gpu,
        "diskHour": disk,
        "slaPremiumPerHour": sla,
        "totalHour": gpu + disk + sla,
        "discountTotalHour": saved,
        "discountedTotalPerHour": gpu + disk + sla - saved,
    }


def machine(
    state: MachineState,
    at: datetime,
    hardware: Hardware,
    earned: tuple[Money, Money],
    silent: float,
) -> Row:
    """Return the row of a machine, as its host sees it.

    Args:
        state: The machine.
        at: When.
        hardware: What machines are made of.
        earned: What it earned in the last hour and day.
        silent: For how many seconds it has been offline.
    """
    its, disk = state.machine, state.disk
    return {
        **facts(hardware, its.id),
        "id": its.id,
        "machine_id": its.id,
        "host_id": its.host,
        "hostname": f"machine-{its.id}",
        "gpu_name": its.gpu_name,
        "num_gpus": its.gpus,
        "disk_space": its.disk_mb / MB_PER_GB,
        "max_disk_space": its.disk_mb / MB_PER_GB,
        "alloc_disk_space": disk.total_stored_mb / MB_PER_GB,
        "avail_disk_space": disk.available_mb / MB_PER_GB,
        "verification": its.verification.value,
        "timeout": silent,
        "error_description": None,
        "num_reports": 0,
        "num_recent_reports": 0,
        "clients": [],
        "gpu_occupancy": occupancy(state),
        "machine_maintenance": open_windows(state, at) or None,
        "bid_gpu_cost": None,  # a host's own job costs nothing
        "bid_image": state.default_job,
        "bid_image_args": None,
        "earn_hour": number(earned[0]),
        "earn_day": number(earned[1]),
        **rented(state),
        **published(state, at),
    }


def rented(state: MachineState) -> Row:
    """Return how many instances a machine has, and when the last of its clients' contracts ends."""
    there = list(state.instances.values())
    running = [each for each in there if STATUS[each.state][1] == "running"]
    clients = [each.contract for each in there]
    has_clients = any(not contract.is_free_test for contract in clients)
    return {
        "current_rentals_running": len(running),
        "current_rentals_running_on_demand": sum(each.bid is None for each in running),
        "current_rentals_resident": len(there),
        "current_rentals_on_demand": sum(each.bid is None for each in there),
        "client_end_date": epoch(client_end(clients)) if has_clients else None,
    }


def published(state: MachineState, at: datetime) -> Row:
    """Return what a machine is listed with; all of it is null while it is not."""
    listing: Listing | None = state.listing
    row: Row = {"listed": listing is not None, "start_date": None}
    volumes = state.volume_listing
    row["listed_volume_cost"] = None if volumes is None else number(volumes.price)
    if listing is None:
        names = """listed_gpu_cost listed_storage_cost listed_inet_up_cost listed_inet_down_cost
            listed_min_gpu_count min_chunk min_bid_price credit_discount_max end_date duration
            sla_reliability_claim sla_sigma_x sla_confidence"""
        return row | dict.fromkeys(names.split())
    rolling, promise = listing.rolling, listing.promise
    return row | {
        "sla_reliability_claim": 0.0 if promise is None else number(promise.claim),
        "sla_sigma_x": None if promise is None else number(promise.spread),
        "sla_confidence": None if promise is None else promise.band.value,
        "listed_gpu_cost": number(listing.prices.gpu),
        "listed_storage_cost": number(listing.prices.storage),
        "listed_inet_up_cost": number(listing.prices.upload),
        "listed_inet_down_cost": number(listing.prices.download),
        "listed_min_gpu_count": listing.min_gpu,
        "min_chunk": listing.min_gpu,
        "min_bid_price": number(state.floor),
        "credit_discount_max": number(listing.max_discount),
        "end_date": epoch(listing.end_at(at)),
        "duration": None if rolling is None else rolling.total_seconds(),
    }


def occupancy(state: MachineState) -> str:
    """Return a letter for each GPU, each with a blank: on demand, reserved, interruptible, or x."""
    letters = ["x"] * state.machine.gpus
    for each in state.instances.values():
        if STATUS[each.state][1] == "running":
            for slot in each.contract.block.slots:
                letters[slot] = LETTERS[each.contract.mode]
    return "".join(f"{letter} " for letter in letters)


def instance(
    given: Instance, on: MachineState, at: datetime, deposit: DepositView, hardware: Hardware
) -> Row:
    """Return the row of an instance, as its client sees it.

    ``search``, and what begins with ``dph``, is what it costs while it runs, ``instance`` what it
    costs now. Of both the totals have the discount of a deposit taken off where they say so, and
    ``dph_total``, which is what a client pays.
    """
    contract, terms = given.contract, given.contract.sla
    actual, current = STATUS[given.state]
    costs = while_running(given, at)
    stopped = given.state is InstanceState.STOPPED
    row: Row = {
        "id": contract.id,
        "machine_id": contract.machine,
        "host_id": contract.host,
        "actual_status": actual if on.online else "offline",
        "cur_state": current,
        "next_state": current,
        "intended_status": "stopped" if stopped else "running",
        "num_gpus": contract.block.size,
        "gpu_name": on.machine.gpu_name,
        "disk_space": contract.disk_mb / MB_PER_GB,
        "dph_base": number(costs.gpu),
        "dph_total": number(costs.total),
        "storage_total_cost": number(costs.disk),
        **unit_prices(contract, at),
        "is_bid": contract.mode is Mode.INTERRUPTIBLE,
        "bid_price": None if given.bid is None else number(given.bid),
        "min_bid": number(on.floor) * contract.block.size,
        "credit_balance": number(deposit.left),
        "credit_discount": number(present_discount(deposit)),
        "credit_discount_max": number(given.max_discount),
        "label": given.label or None,
        "verification": on.machine.verification.value,
        "start_date": epoch(contract.start),
        "end_date": epoch(contract.end),
        "time_remaining": remaining(contract.end, at),
        "uptime_mins": total_seconds(contract.start, at) / 60,
        "extra_env": [],
        "volume_info": [volume_info(on.volumes[each]) for each in given.volumes],
        "target_reliability": None if terms is None else number(terms.target),
        **claimed(None if terms is None else terms.promise),
        "search": hourly_of(costs),
        "instance": hourly_of(by_now(given, at)),
    }
    return facts(hardware, contract.machine) | row


def unit_prices(contract: Contract, at: datetime) -> Row:
    """Return what a contract pays for a GB of disk and of traffic: a host's free test nothing."""
    prices, free = contract.prices_at(at), contract.is_free_test
    named = {"storage_cost": prices.storage, "inet_up_cost": prices.upload}
    named["inet_down_cost"] = prices.download
    return {name: 0.0 if free else number(price) for name, price in named.items()}


def present_discount(deposit: DepositView) -> Fraction:
    """Return the share that a deposit takes off the GPU price: none once it is used up."""
    return deposit.discount if deposit.left > Money(0) else Fraction(0)


def hourly_of(costs: Hourly) -> Row:
    """Return the parts of what an instance costs an hour."""
    parts = (costs.gpu, costs.disk, costs.saved, costs.sla)
    return hourly(*(number(part) for part in parts))


def volume_info(given: RentedVolume) -> Row:
    """Return what the row of an instance says of a volume that it has attached."""
    size = given.contract.size_mb / MB_PER_GB
    name = given.contract.name or None  # how much of it is used nobody here knows
    return {"id": given.id, "name": name, "total_space": size, "avail_space": None}


def remaining(end: datetime | None, at: datetime) -> str:
    """Return how long a contract lasts, as ``12 Mon 24 D 16 Hr``; nothing if it never ends."""
    if end is None or end <= at:
        return ""
    months, seconds = divmod(total_seconds(at, end), MONTH)
    parts = ((months, "Mon"), (seconds // DAY, "D"), (seconds % DAY // HOUR, "Hr"))
    return " ".join(f"{count} {unit}" for count, unit in parts if count)


def windows(state: MachineState, now: datetime) -> list[Row]:
    """Return the maintenance windows of a machine."""
    return [
        {
            "id": window.id,
            "machine_id": state.machine.id,
            "start_time": epoch(window.period.start),
            "end_time": epoch(window.period.end),
            "duration_hours": window.period.seconds / HOUR,
            "maintenance_category": window.category.value,
            "maintenance_reason": window.reason,
            "admin_locked": window.locked,
            "status": status.value,
        }
        for window, status in window_statuses(state.schedule, now=now)
    ]


def open_windows(state: MachineState, now: datetime) -> list[Row]:
    """Return the windows of a machine that are not over."""
    over = WindowStatus.COMPLETED.value
    return [row for row in windows(state, now) if row["status"] != over]


def increase(key: int, pending: PendingIncrease) -> Row:
    """Return the row of a price increase that waits for its client; null is as it was."""
    contract, asked = pending.contract, pending.listing.prices
    old, raised = contract.last_prices, {each.part for each in pending.raised}
    row: Row = {
        "pending_price_increase_id": key,
        "contract_id": contract.id,
        "host_id": contract.host,
        "contract_end_date": epoch(pending.contract_end),
        "ask_end_date": epoch(pending.new_end),
    }
    parts: list[tuple[str, str, Rate | Fraction, Rate | Fraction, int]] = [
        ("storage", "disk_ram_costpersec", old.storage, asked.storage, SECONDS_PER_MONTH),
        ("upload", "bwu_cost", old.upload, asked.upload, 1),
        ("download", "bwd_cost", old.download, asked.download, 1),
        ("platform_fee", "platform_fee", old.platform_fee, asked.platform_fee, 1),
    ]
    if contract.mode is Mode.INTERRUPTIBLE:
        # Its GPUs cost what it bids, never the price on demand, and the floor if that is accepted.
        paid = contract.gpu_rate_at(contract.end or contract.start).per_gpu(contract.block.size)
        parts.append(("min_bid", "gpu_costpersec", paid, asked.min_bid, HOUR))
    else:
        parts.append(("gpu", "gpu_costpersec", old.gpu, asked.gpu, HOUR))
    for part, name, before, after, seconds in parts:
        row[f"old_{name}"] = number(before) / seconds
        row[f"new_{name}"] = number(after) / seconds if part in raised else None
    return row


def filters(given: Iterable[Row]) -> list[Row]:
    """Return what rows of instances can be filtered by, each combination once."""
    names = ("actual_status", "verification", "gpu_name")
    seen = {tuple(row[name] for name in names): None for row in given}
    return [dict(zip(names, values, strict=True)) for values in seen]
