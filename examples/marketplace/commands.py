"""Requests that change something: the commands that each of them is."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from attrs import frozen

from examples.marketplace import reading as read
from examples.marketplace.hardware import Hardware, flops_of_a_gpu
from examples.marketplace.reading import Call, shown
from examples.marketplace.refusals import Offline, PriceTooHigh
from numgenius_core.contracts import InstanceState
from numgenius_core.errors import RuleViolation, UnknownId
from numgenius_core.ids import ContractId, MachineId
from numgenius_core.market import Market, commands as do, events as it, views
from numgenius_core.money import Money
from numgenius_core.rates import PerGpuHour, PerHour

BID_OF_A_TFLOPS = 0.2  # the highest lowest bid is twice $0.10 an hour for each TFLOPS of a GPU


@frozen
class Each:
    """Commands of which each is carried out, or refused, for itself."""

    commands: list[do.Command]


Meant = do.Command | list[do.Command] | Each
Means = Callable[[Call, Market, Hardware], Meant]


def instances_load_at_once(market: Market, event: it.Event) -> Iterable[do.Command]:
    """Report a new instance that has its GPUs as loaded: there is no image to fetch here."""
    if isinstance(event, it.ContractCreated):
        contract = event.contract.id
        if views.instance(market, contract).state is InstanceState.LOADING:
            yield do.ReportLoaded(contract=contract)


# -- hosts -------------------------------------------------------------------------------------


def list_machines(call: Call, market: Market, _: Hardware) -> Meant:
    several = call.body.get("machines") is not None
    numbers = call.ids("machines") if several else [call.whole("machine")]
    for number in numbers:
        found = market.machines.get(MachineId(number))
        if found is not None and found.machine.host == call.by and not found.online:
            need = "an online machine: can only create asks for one"
            raise Offline("machine", need, f"{number}, which is offline")
    return [read.listing(call, number) for number in numbers]


def unlist(call: Call, _: Market, __: Hardware) -> Meant:
    return do.Unlist(**call.machine)


def set_min_bid(call: Call, _: Market, hardware: Hardware) -> Meant:
    price = call.price("price", PerGpuHour)
    flops = flops_of_a_gpu(hardware, MachineId(call.number))
    if flops is not None and price > PerGpuHour.from_float(flops * BID_OF_A_TFLOPS):
        most = PerGpuHour.from_float(flops * BID_OF_A_TFLOPS)
        raise PriceTooHigh("price", f"at most {most} {PerGpuHour.UNIT}", str(price))
    return do.SetMinBid(**call.machine, floor=price)


def schedule_maintenance(call: Call, _: Market, __: Hardware) -> Meant:
    return read.maintenance(call)


def cancel_maintenance(call: Call, _: Market, __: Hardware) -> Meant:
    return do.CancelMaintenance(**call.machine)


def cancel_a_window(call: Call, market: Market, _: Hardware) -> Meant:
    number = call.whole("maintenance_id")
    for place in views.machines_of(market, call.by):
        if number and any(window.id == number for window in place.schedule.windows):
            return do.CancelMaintenance(by=call.by, machine=place.id, window=number)
    raise UnknownId("maintenance_id", "a window of a machine of your own", str(number))


def clean_up(call: Call, _: Market, __: Hardware) -> Meant:
    return do.CleanUp(**call.machine)


def defragment(call: Call, _: Market, __: Hardware) -> Meant:
    return [do.Defragment(by=call.by, machine=MachineId(i)) for i in call.ids("machine_ids")]


def set_default_job(call: Call, _: Market, __: Hardware) -> Meant:
    """Return the default job of a machine: it is the host's own, so its prices say nothing."""
    machine = MachineId(call.whole("machine"))
    return do.SetDefaultJob(by=call.by, machine=machine, image=call.text("image"))


def remove_default_job(call: Call, _: Market, __: Hardware) -> Meant:
    return do.RemoveDefaultJob(**call.machine)


def remove_machine(call: Call, _: Market, __: Hardware) -> Meant:
    return do.RemoveMachine(**call.machine)


# -- clients -----------------------------------------------------------------------------------


def rent(call: Call, _: Market, __: Hardware) -> Meant:
    return read.rental(call, call.number)


def rent_several(call: Call, _: Market, __: Hardware) -> Meant:
    return [read.rental(call, offer) for offer in call.ids("ids")]


def moved_to(state: object) -> type[do.Start | do.Stop]:
    if state not in ("running", "stopped"):
        raise RuleViolation("state", "running or stopped", shown(state))
    return do.Start if state == "running" else do.Stop


def change(call: Call, _: Market, __: Hardware) -> Meant:
    if "label" in call.body:
        return do.Label(**call.contract, label=call.text("label"))
    return moved_to(call.body.get("state"))(**call.contract)


def change_several(call: Call, _: Market, __: Hardware) -> Meant:
    make = moved_to(call.body.get("state"))
    return [make(by=call.by, contract=ContractId(number)) for number in call.ids("ids")]


def destroy(call: Call, _: Market, __: Hardware) -> Meant:
    return do.Destroy(**call.contract)


def destroy_several(call: Call, _: Market, __: Hardware) -> Meant:
    numbers = call.ids("instance_ids")
    return Each([do.Destroy(by=call.by, contract=ContractId(number)) for number in numbers])


def change_bid(call: Call, _: Market, __: Hardware) -> Meant:
    return do.ChangeBid(**call.contract, bid=call.maybe("price", PerHour))


def prepay(call: Call, _: Market, __: Hardware) -> Meant:
    return do.Prepay(**call.contract, amount=Money(call.exact("amount")))


def answered(make: type[do.AcceptPriceIncrease | do.RejectPriceIncrease]) -> Means:
    """Return what answers price increases: by their numbers, or the older way by the instances'."""

    def meant(call: Call, market: Market, _: Hardware) -> Meant:
        if call.number:
            return make(by=call.by, increase=increase_of(call, market, call.number))
        if call.body.get("instance_ids") is not None:
            numbers = call.ids("instance_ids")
            return [make(by=call.by, increase=increase_of(call, market, i)) for i in numbers]
        return make(by=call.by, increase=call.whole("pending_price_increase_id"))

    return meant


def increase_of(call: Call, market: Market, contract: int) -> int:
    """Return the number of the price increase that waits for the client of an instance."""
    for number, pending in views.increases_of(market, call.by):
        if pending.contract.id == contract:
            return number
    raise UnknownId("increase", "an instance with a price increase to answer", str(contract))
