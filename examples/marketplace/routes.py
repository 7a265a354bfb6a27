"""Which request is which command, and which is a question.

A command is answered with what its events say, a question with rows of what the market is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from math import floor
from numbers import Real
from typing import Any, Final

from examples.marketplace import reading as read, rows
from examples.marketplace.paging import chosen, order_of, page
from examples.marketplace.reading import Call, shown
from examples.marketplace.store import Store
from numgenius_core.contracts import InstanceState
from numgenius_core.errors import NotAllowed, RuleViolation
from numgenius_core.ids import ContractId, MachineId
from numgenius_core.market import (
    Instance,
    MachineState,
    Market,
    commands as do,
    events as it,
    views,
)
from numgenius_core.money import Money
from numgenius_core.rates import PerGpuHour, PerHour
from numgenius_core.search import SearchRequest, search

Commands = do.Command | list[do.Command]
DAY: Final = 86_400


def instances_load_at_once(market: Market, event: it.Event) -> Iterable[do.Command]:
    """Report a new instance that has its GPUs as loaded: there is no image to fetch here."""
    if isinstance(event, it.ContractCreated):
        contract = event.contract.id
        if views.instance(market, contract).state is InstanceState.LOADING:
            yield do.ReportLoaded(contract=contract)


# -- commands ----------------------------------------------------------------------------------


def moved_to(state: object) -> type[do.Start | do.Stop]:
    if state not in ("running", "stopped"):
        raise RuleViolation("state", "running or stopped", shown(state))
    return do.Start if state == "running" else do.Stop


def changed(call: Call) -> Commands:
    if "label" in call.body:
        return do.Label(**call.contract, label=call.text("label"))
    return moved_to(call.body.get("state"))(**call.contract)


def each(call: Call, name: str, make: Callable[..., do.Command]) -> Commands:
    return [make(by=call.by, contract=ContractId(number)) for number in call.ids(name)]


def defragmented(call: Call) -> Commands:
    return [do.Defragment(by=call.by, machine=MachineId(i)) for i in call.ids("machine_ids")]


def default_job(call: Call) -> Commands:
    """Return the default job of a machine: it is the host's own, so its prices say nothing."""
    machine = MachineId(call.whole("machine"))
    return do.SetDefaultJob(by=call.by, machine=machine, image=call.text("image"))


COMMANDS: Final[dict[tuple[str, str], Callable[[Call], Commands]]] = {
    ("PUT", "/v0/machines/create_asks"): read.listing,
    ("PUT", "/v0/machines/create_bids"): default_job,
    ("PUT", "/v0/machines/defrag_offers"): defragmented,
    ("DELETE", "/v0/machines/{number}/asks"): lambda c: do.Unlist(**c.machine),
    ("PUT", "/v0/machines/{number}/minbid"): lambda c: do.SetMinBid(
        **c.machine, floor=c.price("price", PerGpuHour)
    ),
    ("PUT", "/v0/machines/{number}/dnotify"): read.maintenance,
    ("PUT", "/v0/machines/{number}/cancel_maint"): lambda c: do.CancelMaintenance(**c.machine),
    ("PUT", "/v0/machines/{number}/cleanup"): lambda c: do.CleanUp(**c.machine),
    ("DELETE", "/v0/machines/{number}/defjob"): lambda c: do.RemoveDefaultJob(**c.machine),
    ("POST", "/v0/machines/{number}/force_delete"): lambda c: do.RemoveMachine(**c.machine),
    ("POST", "/v0/asks/bulk"): lambda c: [read.rental(c, offer) for offer in c.ids("ids")],
    ("PUT", "/v0/asks/{number}"): lambda c: read.rental(c, c.number),
    ("PUT", "/v0/instances"): lambda c: each(c, "ids", moved_to(c.body.get("state"))),
    ("DELETE", "/v0/instances"): lambda c: each(c, "instance_ids", do.Destroy),
    ("PUT", "/v0/instances/accept-price-increase"): lambda c: do.AcceptPriceIncrease(
        by=c.by, increase=c.whole("pending_price_increase_id")
    ),
    ("PUT", "/v0/instances/reject-price-increase"): lambda c: do.RejectPriceIncrease(
        by=c.by, increase=c.whole("pending_price_increase_id")
    ),
    ("PUT", "/v0/instances/bid_price/{number}"): lambda c: do.ChangeBid(
        **c.contract, bid=c.maybe("price", PerHour)
    ),
    ("PUT", "/v0/instances/prepay/{number}"): lambda c: do.Prepay(
        **c.contract, amount=Money(c.exact("amount"))
    ),
    ("PUT", "/v0/instances/{number}"): changed,
    ("DELETE", "/v0/instances/{number}"): lambda c: do.Destroy(**c.contract),
}


def answer(events: Iterable[it.Event], before: Market) -> dict[str, Any]:
    """Return what a client is told about what its command led to."""
    told: dict[str, Any] = {"success": True}
    for event in events:
        match event:
            case it.MachineListed():
                told["extended"] = 0
            case it.ContractCreated():
                told["new_contract"] = event.contract.id
            case it.ContractExtended():
                told["extended"] = told.get("extended", 0) + 1
            case it.ContractPrepaid():
                told |= {"timescale": float(event.months), "discount_rate": float(event.discount)}
            case it.ContractMoved():
                told["moved"] = told.get("moved", 0) + 1
            case it.InstanceDestroyed():
                told["num_deleted"] = told.get("num_deleted", 0) + 1
            case it.PriceIncreaseAccepted() | it.PriceIncreaseRejected():
                machine = before.machine(before.asked[event.increase])
                told["pending_price_increase_id"] = event.increase
                told["contract_id"] = machine.increases[event.increase].contract.id
    return told


# -- questions ---------------------------------------------------------------------------------


def own_machine(call: Call, market: Market, number: int) -> MachineState:
    found = views.machine(market, MachineId(number))
    if found.machine.host != call.by:
        raise NotAllowed("machine", "a machine of your own", str(number))
    return found


def own_instance(call: Call, market: Market, store: Store) -> Instance:
    found = views.instance(market, ContractId(call.number), archive=store.archive)
    if found.contract.client != call.by:
        raise NotAllowed("instance", "an instance of your own", str(call.number))
    return found


def row_of(call: Call, market: Market, found: Instance) -> rows.Row:
    return rows.instance(found, views.machine(market, found.contract.machine), call.at)


def user(call: Call, market: Market, _: Store) -> Any:
    left = rows.number(views.balance(market, call.by, call.at))
    told = {"id": call.by, "username": call.by, "credit": left, "balance": left}
    return told | {"host_agreement_accepted": views.is_host(market, call.by)}


def gpu_names(_: Call, market: Market, __: Store) -> Any:
    return {"gpu_names": sorted({each.machine.gpu_name for each in market.machines.values()})}


def machines(call: Call, market: Market, _: Store) -> Any:
    return {
        "machines": [rows.machine(each, call.at) for each in views.machines_of(market, call.by)]
    }


def machine(call: Call, market: Market, _: Store) -> Any:
    return [rows.machine(own_machine(call, market, call.number), call.at)]


def maintenances(call: Call, market: Market, _: Store) -> Any:
    found = [own_machine(call, market, number) for number in call.asked("machine_ids", list, [])]
    return [row for place in found for row in rows.windows(place, call.at)]


def offers(call: Call, market: Market, _: Store) -> Any:
    request = SearchRequest.from_json(call.body, unknown="keep")
    view, there = request.view(call.at), views.offers(market, call.at)
    return {"offers": [rows.offer(found, view) for found in search(there, request, now=call.at)]}


def instances(call: Call, market: Market, _: Store) -> Any:
    mine = [row_of(call, market, found) for found in views.instances_of(market, call.by)]
    found = chosen(mine, call.asked("select_filters", dict, {}))
    some, token = page(call, found, {**order_of(call), "id": False}, 25)
    labels = Counter(row["label"] or "" for row in found)
    told = {"success": True, "instances": some, "next_token": token}
    return told | {"total_instances": len(found), "label_counts": labels}


def instance(call: Call, market: Market, store: Store) -> Any:
    found = own_instance(call, market, store)
    return {"instances": row_of(call, market, found) if found.exists else None}


def deposit(call: Call, market: Market, store: Store) -> Any:
    mine = own_instance(call, market, store).id
    found = views.deposit_of(market, mine, call.at, archive=store.archive)
    return {
        "balance": rows.number(found.left),
        "refundable_deposit": rows.number(found.refund),
        "total_discount": rows.number(found.discount_received),
        "discount_months": rows.number(found.months),
        "discount_rate": rows.number(found.discount),
    }


def increases(call: Call, market: Market, _: Store) -> Any:
    found = [rows.increase(key, each) for key, each in views.increases_of(market, call.by)]
    told = {"success": True, "count": len(found), "truncated": False}
    return told | {"pending_price_increases": found}


def charges(call: Call, market: Market, store: Store) -> Any:
    wanted = call.asked("select_filters", dict, {})
    period = call.period(wanted.pop("day", None))
    if period is None:
        return report(call, [], "source")
    gone = [found for found in store.archive.values() if found.contract.client == call.by]
    mine = [*views.instances_of(market, call.by), *gone]
    bills = [views.statement_of(market, found.id, period, archive=store.archive) for found in mine]
    found = chosen((rows.charge(bill) for bill in bills if bill.lines), wanted)
    return report(call, found, "source")


def payments(call: Call, _: Market, store: Store) -> Any:
    wanted = call.asked("select_filters", dict, {})
    period = call.period(wanted.pop("when", None))
    paid = store.payments(call.by)
    found = [rows.payment(key, event) for key, event in paid if period and event.at in period]
    return report(call, chosen(found, wanted), "id")


def report(call: Call, found: list[rows.Row], key: str) -> Any:
    order = {"start": call.asked("latest_first", bool, default=False), key: False}
    some, token = page(call, found, order, 100)
    return {"results": some, "count": len(some), "total": len(found), "next_token": token}


def earnings(call: Call, market: Market, store: Store) -> Any:
    """Say what a host earned from one day to another, both counted in whole."""
    first, last = (floor(call.asked(name, Real, 0)) for name in ("sday", "eday"))
    period = call.period({"gte": first * DAY, "lte": (last + 1) * DAY})
    only = call.asked("machid", int, None)
    found = [] if period is None else views.earnings(market, call.by, period, archive=store.archive)
    return rows.earned([each for each in found if only in (None, each.machine)])


QUESTIONS: Final[dict[tuple[str, str], Callable[[Call, Market, Store], Any]]] = {
    ("GET", "/v0/gpu_names/unique"): gpu_names,
    ("GET", "/v0/users/current"): user,
    ("GET", "/v0/users/me/machine-earnings"): earnings,
    ("GET", "/v0/machines"): machines,
    ("GET", "/v0/machines/maintenances"): maintenances,
    ("GET", "/v0/machines/{number}"): machine,
    ("POST", "/v0/bundles"): offers,
    ("PUT", "/v0/search/asks"): offers,
    ("GET", "/v1/instances"): instances,
    ("GET", "/v0/instances/pending-price-increases"): increases,
    ("GET", "/v0/instances/balance/{number}"): deposit,
    ("GET", "/v0/instances/{number}"): instance,
    ("GET", "/v0/charges"): charges,
    ("GET", "/v1/invoices"): payments,
}
