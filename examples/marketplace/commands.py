"""Requests that change something: the commands that each of them is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial

from attrs import evolve

from examples.marketplace import answers as tell, reading as read
from examples.marketplace.hardware import Hardware, flops_of_a_gpu
from examples.marketplace.reading import Call, shown, told_of
from examples.marketplace.refusals import Offline, WrongFloor
from examples.marketplace.several import Each
from examples.marketplace.volumes import attached, new_volume
from numgenius_core.contracts import InstanceState
from numgenius_core.errors import NotAvailable, NumgeniusError, RuleViolation, UnknownId
from numgenius_core.ids import ContractId, MachineId
from numgenius_core.market import Market, commands as do, events as it, views
from numgenius_core.market.logs import Later
from numgenius_core.rates import PerGpuHour, PerHour

BID_OF_A_TFLOPS = 0.2  # the highest lowest bid is twice $0.10 an hour for each TFLOPS of a GPU


Wishes = Sequence[do.Command | Later]
Meant = do.Command | Wishes | Each
Means = Callable[[Call, Market, Hardware], Meant]


def instances_load_at_once(market: Market, event: it.Event) -> Iterable[do.Command]:
    """Report a new instance that has its GPUs as loaded: there is no image to fetch here."""
    if isinstance(event, it.ContractCreated):
        contract = event.contract.id
        if views.instance(market, contract).state is InstanceState.LOADING:
            yield do.ReportLoaded(contract=contract)


# -- hosts -------------------------------------------------------------------------------------


def list_machines(call: Call, market: Market, _: Hardware) -> Meant:
    several = call.only("machine", "machines") == "machines"
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
    try:
        price = call.price("price", PerGpuHour)
    except RuleViolation as fault:
        raise WrongFloor("price", fault.need, fault.got) from None
    if not price:
        raise WrongFloor("price", f"a price above 0 {PerGpuHour.UNIT}", str(price))
    flops = flops_of_a_gpu(hardware, MachineId(call.number))
    if flops is not None and price > (most := PerGpuHour.from_float(flops * BID_OF_A_TFLOPS)):
        raise WrongFloor("price", f"at most {most} {PerGpuHour.UNIT}", str(price))
    return do.SetMinBid(**call.machine, floor=price)


def own_machine(call: Call, market: Market, number: int) -> MachineId:
    """Return the number of a machine: where maintenance is, others' are as if they were not."""
    found = market.machines.get(MachineId(number))
    if found is None or found.machine.host != call.by:
        raise UnknownId("machine", "a machine of your own", str(number))
    return MachineId(number)


def schedule_maintenance(call: Call, market: Market, _: Hardware) -> Meant:
    window, machine = read.maintenance(call), own_machine(call, market, call.number)
    return do.ScheduleMaintenance(by=call.by, machine=machine, window=window)


def schedule_several(call: Call, market: Market, _: Hardware) -> Meant:
    window = read.maintenance(call)

    def wish(number: int) -> do.Command:
        machine = own_machine(call, market, number)
        return do.ScheduleMaintenance(by=call.by, machine=machine, window=window)

    return Each(wanted(call.ids("machine_ids"), wish), tell.scheduled, status=400)


def wanted(
    numbers: Iterable[int], wish: Callable[[int], do.Command]
) -> dict[int, do.Command | NumgeniusError]:
    """Return a command for each number, or why there can be none."""
    found: dict[int, do.Command | NumgeniusError] = {}
    for number in numbers:
        try:
            found[number] = wish(number)
        except NumgeniusError as fault:
            found[number] = fault
    return found


def cancel_maintenance(call: Call, market: Market, _: Hardware) -> Meant:
    call.check_number("machine_id")
    machine = own_machine(call, market, call.number)
    return do.CancelMaintenance(by=call.by, machine=machine)


def cancelling(call: Call, market: Market, number: int) -> do.Command:
    """Return the command that cancels one window of a host's, by its number."""
    for place in told_of(views.machines_of, market, call.by):
        if number and any(window.id == number for window in place.schedule.windows):
            return do.CancelMaintenance(by=call.by, machine=place.id, window=number)
    raise UnknownId("maintenance_id", "a window of a machine of your own", str(number))


def cancel_a_window(call: Call, market: Market, _: Hardware) -> Meant:
    return cancelling(call, market, call.whole("maintenance_id"))


def cancel_windows(call: Call, market: Market, _: Hardware) -> Meant:
    numbers = call.ids("maintenance_ids")
    wishes = wanted(numbers, lambda number: cancelling(call, market, number))
    return Each(wishes, tell.cancelled, status=400)


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


def rent(call: Call, market: Market, _: Hardware) -> Meant:
    return rentals(call, market, [call.number])


def rent_several(call: Call, market: Market, _: Hardware) -> Meant:
    return rentals(call, market, call.ids("ids"))


def rentals(call: Call, market: Market, offers: Iterable[int]) -> Wishes:
    """Return the wishes to rent some offers; bids that would wait are refused if told so."""
    made, there, at_once = new_volume(call), attached(call), call.flag("cancel_unavail")
    wishes: list[do.Command | Later] = [] if made is None else [made]
    for offer in offers:
        wish = read.rental(call, offer, there)
        wishes.append(wish if made is None else partial(with_the_new_volume, wish))
        if wish.bid is not None and at_once:
            seen = views.preview(market, wish, call.at)
            market = seen.market
            for event in seen.events:
                if isinstance(event, it.ContractCreated) and waits(market, event.contract.id):
                    need = "an offer whose GPUs this bid wins at once (cancel_unavail)"
                    raise NotAvailable("offer", need, str(offer))
    return wishes


def with_the_new_volume(wish: do.Rent, happened: Sequence[it.Event]) -> do.Command:
    """Return a rental that attaches the volume that was made for it."""
    number = next(e.contract.id for e in happened if isinstance(e, it.VolumeRented))
    return evolve(wish, volumes=(*wish.volumes, number))


def waits(market: Market, contract: ContractId) -> bool:
    return views.instance(market, contract).state is not InstanceState.LOADING


def moved_to(state: object, need: str = "running or stopped") -> type[do.Start | do.Stop]:
    if state not in ("running", "stopped"):
        raise RuleViolation("state", need, shown(state))
    return do.Start if state == "running" else do.Stop


def change(call: Call, _: Market, __: Hardware) -> Meant:
    """Start or stop an instance, label it, or both at once; what is null is left out."""
    wishes: list[do.Command] = []
    state, labelled = call.body.get("state"), call.body.get("label") is not None
    if state is not None or not labelled:
        wishes.append(moved_to(state, "running or stopped, or a label")(**call.contract))
    if labelled:
        wishes.append(do.Label(**call.contract, label=call.text("label")))
    return wishes


def change_several(call: Call, _: Market, __: Hardware) -> Meant:
    make = moved_to(call.body.get("state"))
    return [make(by=call.by, contract=ContractId(number)) for number in call.ids("ids")]


def destroy(call: Call, _: Market, __: Hardware) -> Meant:
    return do.Destroy(**call.contract)


def destroy_several(call: Call, _: Market, __: Hardware) -> Meant:
    numbers = call.ids("instance_ids")
    wishes = wanted(numbers, lambda number: do.Destroy(by=call.by, contract=ContractId(number)))
    return Each(wishes, tell.destroyed)


def change_bid(call: Call, _: Market, __: Hardware) -> Meant:
    return do.ChangeBid(**call.contract, bid=call.maybe("price", PerHour))


def prepay(call: Call, _: Market, __: Hardware) -> Meant:
    return do.Prepay(**call.contract, amount=call.money("amount"))


def answered(make: type[do.AcceptPriceIncrease | do.RejectPriceIncrease]) -> Means:
    """Return what answers price increases: by their numbers, or the older way by the instances'."""

    def meant(call: Call, market: Market, _: Hardware) -> Meant:
        if call.number:
            return make(by=call.by, increase=increase_of(call, market, call.number))
        if call.only("pending_price_increase_id", "instance_ids") == "instance_ids":
            numbers = call.ids("instance_ids")
            return [make(by=call.by, increase=increase_of(call, market, i)) for i in numbers]
        return make(by=call.by, increase=call.whole("pending_price_increase_id"))

    return meant


def increase_of(call: Call, market: Market, contract: int) -> int:
    """Return the number of the price increase that waits for the client of an instance."""
    for number, pending in told_of(views.increases_of, market, call.by):
        if pending.contract.id == contract:
            return number
    raise UnknownId("increase", "an instance with a price increase to answer", str(contract))
