"""Volumes: the requests about them, the commands that they are, and the rows that answer them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, Final, TypeVar

from attrs import evolve

from examples.marketplace import rows
from examples.marketplace.hardware import Hardware, facts
from examples.marketplace.questions import NO_CONDITIONS, Asked
from examples.marketplace.reading import Call, instant, shown, told_of, whole_number
from examples.marketplace.refusals import NoListing, NotYours, Offline, WrongVolume
from examples.marketplace.wording import unknown_field
from numgenius_core.errors import RuleViolation, WrongType
from numgenius_core.ids import MachineId, OfferId, VolumeId
from numgenius_core.listing import PriceTerms
from numgenius_core.market import Market, RentedVolume, commands as do, views
from numgenius_core.offer import Offer
from numgenius_core.rates import PerGbMonth, PerGpuHour
from numgenius_core.search import FIELDS, SearchRequest, View, search
from numgenius_core.units import MB_PER_GB, to_megabytes

Row = dict[str, Any]
Found = TypeVar("Found")

USUAL_GB: Final = 15  # of a volume, or of a volume offer, that does not say a size
MOST_FOUND: Final = 64  # of a search that does not say how many
PRICED_GB: Final = 1
KINDS: Final = ("all_volume", "local_volume", "network_volume")
OF_A_NEW_INSTANCE: Final = ("create_new", "volume_id", "size", "name", "mount_path")
MOUNT: Final = re.compile(r"V\.([0-9]{1,19}):/\S*", re.ASCII)
VOLUMES: Final = ("-v", "--volume")
VARIABLES: Final = ("-e", "--env")
JOINED: Final = re.compile(r"(-[ve]|--[\w-]+)=(.+)|(-[ve])([^=].*)", re.ASCII)
# A volume where none is read, as in ``--mount source=V.12,target=/mnt``.
ELSEWHERE: Final = re.compile(r"(^|[=,])V\.[0-9]+(:|,|$)", re.ASCII | re.IGNORECASE)

# -- hosts -------------------------------------------------------------------------------------


def bounded(make: Callable[[], Found]) -> Found:
    """Return what a volume listing says, with the market's own status of one that says wrong."""
    try:
        return make()
    except RuleViolation as fault:
        raise WrongVolume(fault.path, fault.need, fault.got) from None


def list_volumes(call: Call, market: Market, _: Hardware) -> list[do.Command]:
    """Offer disk of a machine, or of several, which clients send under either name."""
    name = call.only("machine", "machines")
    several = name == "machines" or isinstance(call.body.get(name), list)
    numbers = call.ids(name) if several else [call.whole(name)]
    for number in numbers:
        found = market.machines.get(MachineId(number))
        if found is not None and found.machine.host == call.by and not found.online:
            raise Offline("machine", "an online machine", f"{number}, which is offline")
    if call.flag("hidden_listing"):
        raise RuleViolation("hidden_listing", "false: what is listed here is seen by all", "true")
    return [bounded(partial(listing, call, number)) for number in numbers]


def listing(call: Call, machine: int) -> do.Command:
    end = None if call.body.get("end_date") is None else instant(call.body, "end_date")
    if end is not None and end <= call.at:
        raise RuleViolation("end_date", f"an instant after {call.at}", str(end))
    return do.ListVolume(
        by=call.by,
        machine=MachineId(machine),
        size_mb=size(call.body, "size"),
        price=call.price("price_disk", PerGbMonth, PerGbMonth("0.10")),
        end=end,
    )


def size(body: Mapping[str, Any], name: str, path: str | None = None) -> int:
    """Return a size in MB, sent in GB; what is left out is usual."""
    sent, name = body.get(name), path or name
    if sent is not None and type(sent) not in (int, float):
        raise WrongType(name, "GB of disk", shown(sent))
    exact = Call.decimal(USUAL_GB if sent is None else sent, name)
    found = to_megabytes(exact, name)
    if found < 1:
        raise RuleViolation(name, "GB of disk above 0", shown(sent))
    return found


def unlist_volume(call: Call, market: Market, _: Hardware) -> do.Command:
    number = call.whole("id")
    if not any(offer.id == number for offer in views.volume_offers(market, call.at)):
        need = "a volume offer that is on the market (Volume listing does not exist)"
        raise NoListing("id", need, str(number))
    return do.UnlistVolume(by=call.by, offer=OfferId(number))


# -- clients -----------------------------------------------------------------------------------


def rent_volume(call: Call, _: Market, __: Hardware) -> do.Command:
    return do.RentVolume(
        by=call.by,
        offer=OfferId(call.whole("id")),
        size_mb=size(call.body, "size"),
        name=call.text("name"),
    )


def clone_volume(call: Call, _: Market, __: Hardware) -> do.Command:
    """Copy a volume; before 1.0 clients called both by other names."""
    source, target = call.only("src_id", "source"), call.only("dst_id", "dest")
    return do.CloneVolume(
        by=call.by,
        volume=VolumeId(call.whole(source)),
        offer=OfferId(call.whole(target)),
        size_mb=None if call.body.get("size") is None else size(call.body, "size"),
        name=call.text("name"),
    )


def delete_volume(call: Call, market: Market, _: Hardware) -> do.Command:
    asked, sent = call.asked("id", int, None), call.body.get("id")
    if None not in (asked, sent) and asked != sent:
        raise RuleViolation("id", f"the body's {shown(sent)}, or none", str(asked))
    number = VolumeId(whole_number(sent if asked is None else asked, "id"))
    if number in market.volumes and market.volume(number).client != call.by:
        raise NotYours("id", "a volume of your own", str(number))
    return do.DeleteVolume(by=call.by, volume=number)


def new_volume(call: Call) -> do.RentVolume | None:
    """Return the volume that is to be made for an instance, if one is."""
    info = volume_info(call)
    if not is_new(info):
        return None
    name, offer = info.get("name"), whole_number(info.get("volume_id"), "volume_info.volume_id")
    if name is not None and not isinstance(name, str):
        raise WrongType("volume_info.name", "text", shown(name))
    gb = size(info, "size", "volume_info.size")
    return do.RentVolume(by=call.by, offer=OfferId(offer), size_mb=gb, name=name or "")


def attached(call: Call) -> tuple[VolumeId, ...]:
    """Return the volumes that an instance attaches: of its environment, and one that is linked."""
    env = call.body.get("env")
    if env is not None and not isinstance(env, str | dict):
        raise WrongType("env", "options as text, or as the names of an object", shown(env))
    numbers = [VolumeId(number) for number in mounted(env)]
    info = volume_info(call)
    if info and not is_new(info):
        linked = whole_number(info.get("volume_id"), "volume_info.volume_id")
        numbers.append(VolumeId(linked))
        for name in ("size", "name"):
            if info.get(name) is not None:
                path, need = f"volume_info.{name}", "none of a volume that is there (create_new)"
                raise RuleViolation(path, need, shown(info[name]))
    return tuple(numbers)


def is_new(info: Mapping[str, Any]) -> bool:
    """Return whether a volume is to be made."""
    made = info.get("create_new")
    if made is not None and not isinstance(made, bool):
        raise WrongType("volume_info.create_new", "true or false", shown(made))
    return bool(made)


def volume_info(call: Call) -> Mapping[str, Any]:
    info = call.body.get("volume_info")
    if info is None:
        return {}
    if not isinstance(info, dict):
        raise WrongType("volume_info", "an object", shown(info))
    for name, value in info.items():
        if name not in OF_A_NEW_INSTANCE:
            raise unknown_field(name, OF_A_NEW_INSTANCE, value).at("volume_info")
    return info


def mounted(env: object) -> Iterator[int]:
    """Yield the volumes of options such as ``-v V.12:/mnt``; clients send them as keys.

    Raises:
        RuleViolation: A volume is written so that it would not be attached.
    """
    need = "-v V.NUMBER:/PATH of a volume"
    for option, value in options(env):
        if option in VOLUMES and value[:2] in ("V.", "v."):
            found = MOUNT.fullmatch(value)
            if found is None:
                raise RuleViolation("env", need, shown(value))
            yield int(found[1])
        elif option not in VARIABLES and ELSEWHERE.search(value):
            raise RuleViolation("env", need, shown(f"{option} {value}".strip()))


def options(env: object) -> Iterator[tuple[str, str]]:
    """Yield the options of an environment with their values: ``-v X``, ``-v=X`` or ``-vX``.

    A key of an object is an option with its value, an option whose value stands beside, or a
    variable, which may say anything.
    """
    if isinstance(env, dict):
        for key, value in env.items():
            bare = key.strip() in (*VOLUMES, "--mount") and value is not None
            if bare and not isinstance(value, str):
                raise WrongType("env", f"text in {key}", shown(value))
            yield from options(f"{key} {value}" if bare else key)
        return
    option = ""
    for quoted in env.split() if isinstance(env, str) else ():
        word = quoted.strip("'\"")
        joined = JOINED.fullmatch(word)
        if joined is not None:
            yield joined[1] or joined[3], (joined[2] or joined[4]).strip("'\"")
        elif not word.startswith("-"):
            yield option, word
        option = word if joined is None and word.startswith("-") else ""


# -- questions ---------------------------------------------------------------------------------


def volume_offers(asked: Asked) -> Any:
    """Answer a search: what can be rented now, at the price of 1 GB if not told of how many."""
    inner = {key: value for key, value in asked.call.body.items() if key not in NO_CONDITIONS}
    request = SearchRequest.from_json({"allocated_storage": PRICED_GB, **inner})
    if request.limit is None:
        request = evolve(request, limit=MOST_FOUND)
    at, view = asked.call.at, request.view(asked.call.at)
    there = [
        as_offer(each, asked) for each in views.volume_offers(asked.market, at) if each.rentable
    ]
    return {"success": True, "offers": [offer_row(o, view) for o in search(there, request, now=at)]}


def as_offer(given: views.VolumeOffer, asked: Asked) -> Offer:
    """Return a volume offer as one of no GPU time: a search looks at both in the same way."""
    its = views.machine(asked.market, given.machine).machine
    return Offer(
        id=given.id,
        machine=given.machine,
        gpu_name=its.gpu_name,
        gpus=its.gpus,
        prices=PriceTerms(gpu=PerGpuHour(0), storage=given.price),
        disk_mb=given.free_mb,
        ends_at=given.ends_at,
        host=given.host,
        verification=given.verification,
        extra=facts(asked.hardware, given.machine),
    )


def offer_row(given: Offer, view: View) -> Row:
    left, cost = FIELDS["duration"].of(given, view), FIELDS["storage_total_cost"].of(given, view)
    row: Row = {
        "id": given.id,
        "ask_contract_id": given.id,
        "bundle_id": given.id,
        "machine_id": given.machine,
        "host_id": given.host,
        "disk_space": given.disk_mb / MB_PER_GB,
        "storage_cost": rows.number(given.prices.storage),
        "storage_total_cost": float(str(cost)),
        "duration": None if given.ends_at is None else float(str(left)),
        "start_date": rows.epoch(view.now),
        "end_date": rows.epoch(given.ends_at),
        "gpu_name": given.gpu_name,
        "verification": given.verification.value,
        "verified": given.verification.value == "verified",
    }
    return {**given.extra, **row}


def volumes(asked: Asked) -> Any:
    """Answer what volumes an account has; all of them are local."""
    kind = asked.call.word("type") or KINDS[0]
    if kind not in (*KINDS, "all"):
        raise RuleViolation("type", "one of " + ", ".join(KINDS), shown(kind))
    found: Iterable[RentedVolume] = ()
    if kind != "network_volume":
        found = told_of(views.volumes_of, asked.market, asked.call.by)
    return {"success": True, "volumes": [volume_row(each, asked) for each in found]}


def volume_row(given: RentedVolume, asked: Asked) -> Row:
    contract = given.contract
    home = views.machine(asked.market, contract.machine)
    expired = "expired" if given.expired else "active"
    row: Row = {
        "id": given.id,
        "machine_id": contract.machine,
        "host_id": contract.host,
        "cluster_id": None,
        "label": contract.name or None,
        "disk_space": contract.size_mb / MB_PER_GB,
        "storage_cost": rows.number(contract.price),
        "storage_total_cost": rows.number(contract.price)
        * contract.size_mb
        / MB_PER_GB
        / (rows.MONTH / rows.HOUR),
        "start_date": rows.epoch(contract.start),
        "end_date": rows.epoch(contract.end),
        "status": expired if home.online else "offline",
        "instances": home.users_of(given.id),
        "verification": home.machine.verification.value,
    }
    return facts(asked.hardware, contract.machine) | row
