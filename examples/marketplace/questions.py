"""Requests that ask: rows of what the market is. None changes it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import partial
from math import floor
from numbers import Real
from typing import Any, Final

from attrs import evolve, frozen

from examples.marketplace import bills, rows
from examples.marketplace.costs import months_left
from examples.marketplace.hardware import Hardware, described
from examples.marketplace.paging import chosen, order_of, page
from examples.marketplace.reading import Call, shown, told_of
from examples.marketplace.refusals import UnknownField
from examples.marketplace.store import Store
from examples.marketplace.wording import unknown_field
from numgenius_core.contracts import NEXT, InstanceState
from numgenius_core.errors import IllegalMove, NotAllowed, RuleViolation
from numgenius_core.ids import ContractId, MachineId
from numgenius_core.intervals import Interval, from_epoch, to_epoch, total_seconds
from numgenius_core.listing import Mode
from numgenius_core.market import Instance, MachineState, Market, RentedVolume, views
from numgenius_core.market.events import MachineWentOffline, MaintenanceScheduled
from numgenius_core.money import Money
from numgenius_core.offer import Offer
from numgenius_core.search import FIELDS, SearchRequest, View, search

DAY: Final = 86_400
LAST_DAY: Final = 2_932_896  # since 1970, of the calendar: days of a report are before it
MOST_DAYS: Final = 366
LONGEST: Final = 36_000  # seconds offline until a machine is no longer among its host's
LONGEST_ASKED_FOR: Final = 3 * DAY  # the same, of a request that wants those offline, too
# What a search may have beside its conditions that changes nothing here.
NO_CONDITIONS: Final = frozenset({"disable_bundling"})
BESIDE_A_QUERY: Final = frozenset({"q", "select_cols"})


@frozen
class Asked:
    """What a question is asked of.

    Attributes:
        call: The request.
        market: As it is now.
        store: For what the market has forgotten.
        hardware: What its machines are made of.
    """

    call: Call
    market: Market
    store: Store
    hardware: Hardware


Answers = Callable[[Asked], Any]


def own_machine(asked: Asked, number: int) -> MachineState:
    found = views.machine(asked.market, MachineId(number))
    if found.machine.host != asked.call.by:
        raise NotAllowed("machine", "a machine of your own", str(number))
    return found


def own_instance(asked: Asked) -> Instance:
    number = asked.call.number
    found = views.instance(asked.market, ContractId(number), archive=asked.store.archive)
    if found.contract.client != asked.call.by:
        raise NotAllowed("instance", "an instance of your own", str(number))
    return found


def user(asked: Asked) -> Any:
    call, market = asked.call, asked.market
    left = rows.number(views.balance(market, call.by, call.at))
    told = {"id": call.by, "username": call.by, "email": None, "credit": left, "balance": left}
    told["api_key"] = None  # clients take it out before they show the rest; no key is sent on
    told |= bills.thresholds(market.accounts.get(call.by))
    return told | {"host_agreement_accepted": views.is_host(market, call.by)}


def gpu_names(asked: Asked) -> Any:
    machines = asked.market.machines.values()
    return {"gpu_names": sorted({each.machine.gpu_name for each in machines})}


# -- hosts -------------------------------------------------------------------------------------


def silences(asked: Asked, found: Iterable[MachineState]) -> dict[MachineId, float]:
    """Return for how many seconds machines have been offline, 0 of those that are not."""
    known, since = list(found), {}
    if not all(each.online for each in known):
        since = {event.machine: event.at for _, event in asked.store.happened(MachineWentOffline)}
    return {
        each.id: 0.0 if each.online else float(total_seconds(since[each.id], asked.call.at))
        for each in known
    }


def machine_rows(asked: Asked, found: Iterable[MachineState]) -> list[rows.Row]:
    earned = []
    for span in (timedelta(hours=1), timedelta(days=1)):
        period = Interval(asked.call.at - span, asked.call.at)
        earned.append({each.machine: each.total for each in earned_in(asked, period)})
    hour, day = earned
    known = list(found)
    silent = silences(asked, known)
    return [
        rows.machine(
            each,
            asked.call.at,
            asked.hardware,
            (hour.get(each.id, Money(0)), day.get(each.id, Money(0))),
            silent[each.id],
        )
        for each in known
    ]


def own_machines(asked: Asked) -> list[rows.Row]:
    """Return the machines of a host, without those that have been offline for long."""
    longest = LONGEST_ASKED_FOR if asked.call.asked("include_offline", bool, False) else LONGEST
    found = machine_rows(asked, told_of(views.machines_of, asked.market, asked.call.by))
    return [row for row in found if row["timeout"] <= longest]


def machines(asked: Asked) -> Any:
    return {"success": True, "machines": own_machines(asked)}


def paged_machines(asked: Asked) -> Any:
    found = own_machines(asked)
    some, token = page(asked.call, found, {"id": False}, 25)
    told = {"success": True, "total_machines": len(found), "machines_found": len(some)}
    return told | {"machines": some, "next_token": token}


def machine(asked: Asked) -> Any:
    return machine_rows(asked, [own_machine(asked, asked.call.number)])


def maintenances(asked: Asked) -> Any:
    found = [own_machine(asked, number) for number in asked.call.several("machine_ids")]
    made = {e.window.id: e.at for _, e in asked.store.happened(MaintenanceScheduled)}
    return [
        row | {"created_at": rows.epoch(made[row["id"]]), "cancelled_at": None}
        for place in found
        for row in rows.open_windows(place, asked.call.at)
    ]


def reports(asked: Asked) -> Any:
    """Say what clients reported of a machine: nobody can here, so nothing."""
    asked.call.check_number("machine_id")
    own_machine(asked, asked.call.number)
    return []


def earnings(asked: Asked) -> Any:
    """Say what a host earned from one day to another, both counted in whole."""
    call, market = asked.call, asked.market
    first, last = days_of(call)
    period = call.period(*days(first, last))
    only = call.asked("machid", int, None)
    if only is not None:
        own_machine(asked, only)
    found, per_day = [], {}
    if period is not None:
        found = list(earned_in(asked, period))
        for day in range(
            max(first, first_day(asked)), min(last, floor(to_epoch(call.at)) // DAY) + 1
        ):
            part = call.period(*days(day, day))
            if part is not None:
                per_day[day] = earned_in(asked, part)
    reliability = {number: known.get("reliability2") for number, known in asked.hardware.items()}
    told = bills.earned([e for e in found if only in (None, e.machine)], per_day, reliability)
    left = rows.number(views.balance(market, call.by, call.at))
    current = {"balance": left, "service_fee": 0.0, "total": left, "credit": left}
    told |= {"sday": first, "eday": last, "current": current, "username": call.by, "email": None}
    return told


def earned_in(asked: Asked, period: Interval) -> tuple[views.Earnings, ...]:
    """Return what the machines of a host earned in a period."""
    kept: Any = {"archive": asked.store.archive, "volumes": asked.store.volumes}
    return told_of(partial(views.earnings, period=period, **kept), asked.market, asked.call.by)


def days_of(call: Call) -> tuple[int, int]:
    """Return the first and the last day of a report, counted since 1970."""
    today = floor(to_epoch(call.at)) // DAY
    first, last = (a_day(call, name) for name in ("sday", "eday"))
    if (back := call.asked("last_days", int, None)) is not None:
        if not 0 <= back <= MOST_DAYS:
            raise RuleViolation("last_days", f"0 to {MOST_DAYS}", str(back))
        for name, day in (("sday", first), ("eday", last)):
            if day is not None:
                raise RuleViolation("last_days", f"none beside {name}", str(back))
        return today - back, today
    if first is not None and last is not None and first > last:
        raise RuleViolation("sday", f"a day up to eday, which is {last}", str(first))
    # What is left out is today, and contradicts nothing.
    first = min(today, today if last is None else last) if first is None else first
    return first, max(first, today) if last is None else last


def a_day(call: Call, name: str) -> int | None:
    """Return a day that is counted since 1970, ``None`` if none is said."""
    sent = call.asked(name, Real, None)
    if sent is None:
        return None
    if not 0 <= sent < LAST_DAY:
        raise RuleViolation(name, f"days since 1970, from 0 to {LAST_DAY - 1:,}", shown(sent))
    return int(sent)


def days(first: int, last: int) -> tuple[datetime, datetime]:
    """Return when the first of some days begins, and when the last ends."""
    return from_epoch(first * DAY), from_epoch((last + 1) * DAY)


def first_day(asked: Asked) -> int:
    """Return the day since when a host's machines have been rented, at most a year back."""
    call = asked.call
    there, store = told_of(views.machines_of, asked.market, call.by), asked.store
    instances = (*(each for place in there for each in place.in_order()), *store.archive.values())
    rented = (each for place in there for each in place.volumes.values())
    volumes = (*rented, *store.volumes.values())
    starts = [each.contract.start for each in instances if each.contract.host == call.by]
    starts += [each.contract.start for each in volumes if each.contract.host == call.by]
    begin = min(starts, default=call.at)
    return max(floor(to_epoch(begin)) // DAY, floor(to_epoch(call.at)) // DAY - MOST_DAYS)


# -- offers ------------------------------------------------------------------------------------


def offers(asked: Asked) -> Any:
    call = asked.call
    inner = call.body.get("q")
    if inner is None:
        inner = {name: value for name, value in call.body.items() if name != "q"}
    else:
        check_beside(call)
    if isinstance(inner, dict):
        inner = {key: value for key, value in inner.items() if key not in NO_CONDITIONS}
    request = SearchRequest.from_json(inner)
    view = request.view(call.at)
    there = [with_facts(each, view, asked) for each in views.offers(asked.market, call.at)]
    found = search(there, request, now=call.at)
    return {"success": True, "offers": [rows.offer(each, view) for each in found]}


def check_beside(call: Call) -> None:
    """Refuse what stands beside the ``q`` that a search is in: nobody would look at it."""
    for name, value in call.body.items():
        if value is None or name in BESIDE_A_QUERY:
            continue
        if name in FIELDS or name in call.fields:
            raise UnknownField(name, f"its place in q, as q.{name}", shown(value))
        raise unknown_field(name, BESIDE_A_QUERY, value)


def with_facts(offer: Offer, view: View, asked: Asked) -> Offer:
    """Return an offer with what is known of its hardware, and how much of it a dollar gets."""
    extra, is_reserved = described(offer, asked.hardware), view.mode is Mode.RESERVED
    if extra["dlperf"] is not None:
        price = FIELDS["discounted_dph_total" if is_reserved else "dph_total"].of(offer, view)
        hourly = float(str(price)) + (0.001 if is_reserved else 0.0)
        extra["dlperf_per_dphtotal"] = extra["dlperf"] / hourly if hourly else None
        extra["flops_per_dphtotal"] = extra["total_flops"] / hourly if hourly else None
        extra["score"] = extra["dlperf_per_dphtotal"]  # the market's own figure is not published
    return evolve(offer, extra=extra)


# -- clients -----------------------------------------------------------------------------------


def row_of(asked: Asked, found: Instance) -> rows.Row:
    home = views.machine(asked.market, found.contract.machine)
    return rows.instance(found, home, asked.call.at, deposit_of(asked, found), asked.hardware)


def deposit_of(asked: Asked, found: Instance) -> views.DepositView:
    archive = asked.store.archive
    return views.deposit_of(asked.market, found.id, asked.call.at, archive=archive)


def mine(asked: Asked) -> list[rows.Row]:
    return [
        row_of(asked, found) for found in told_of(views.instances_of, asked.market, asked.call.by)
    ]


def instances(asked: Asked) -> Any:
    call = asked.call
    filters = call.asked("select_filters", dict, {})
    found = chosen(mine(asked), filters, rows.INSTANCE_COLUMNS)
    order = order_of(call, rows.INSTANCE_COLUMNS)
    order.setdefault("id", False)  # makes the order one of no two equal rows
    some, token = page(call, found, order, 25)
    labels = Counter(row["label"] or "" for row in found)
    told = {"success": True, "instances": some, "next_token": token}
    return told | {"total_instances": len(found), "label_counts": labels}


def all_instances(asked: Asked) -> Any:
    """Answer as the API did before it had pages."""
    return {"success": True, "instances": mine(asked)}


def instance_filters(asked: Asked) -> Any:
    return {"success": True, "filters": rows.filters(mine(asked))}


def instance(asked: Asked) -> Any:
    found = own_instance(asked)
    return {"instances": row_of(asked, found) if found.exists else None}


def rebooted(asked: Asked) -> Any:
    """Say that an instance was started anew on its GPUs: nothing that has a rule changes."""
    state = own_instance(asked).state
    if state not in (InstanceState.RUNNING, InstanceState.LOADING):
        raise IllegalMove(state.value, "reboot", tuple(each.value for each in NEXT[state]))
    return {"success": True}


def updated(asked: Asked) -> Any:
    """Say that an instance has another image: nothing that has a rule changes."""
    asked.call.check_number("id")
    found = own_instance(asked)
    if not found.exists:
        raise IllegalMove(found.state.value, "update", ())
    return {"success": True, "updated_instance": row_of(asked, found)}


def deposit(asked: Asked) -> Any:
    given = own_instance(asked)
    found = deposit_of(asked, given)
    months = months_left(given, found.left, asked.call.at)
    return {
        "balance": rows.number(found.left),
        "refundable_deposit": rows.number(found.refund),
        "total_discount": rows.number(found.discount_received),
        "discount_months": None if months is None else rows.number(months),
        "discount_rate": rows.number(rows.present_discount(found)),
    }


def increases(asked: Asked) -> Any:
    found = told_of(views.increases_of, asked.market, asked.call.by)
    told = {"success": True, "count": len(found), "truncated": False}
    return told | {"pending_price_increases": [rows.increase(key, each) for key, each in found]}


# -- money -------------------------------------------------------------------------------------


def all_of(asked: Asked) -> list[Instance]:
    """Return every instance that a client has and had."""
    there = told_of(views.instances_of, asked.market, asked.call.by)
    gone = [f for f in asked.store.archive.values() if f.contract.client == asked.call.by]
    return [*there, *(each for each in gone if each.id not in asked.market.homes)]


def all_volumes_of(asked: Asked) -> list[RentedVolume]:
    """Return every volume that a client has and had."""
    there = told_of(views.volumes_of, asked.market, asked.call.by)
    gone = [each for each in asked.store.volumes.values() if each.client == asked.call.by]
    return [*there, *(each for each in gone if each.id not in asked.market.volumes)]


def charge_rows(asked: Asked, period: Interval | None) -> list[rows.Row]:
    if period is None:
        return []
    archive, found = asked.store.archive, []
    for each in all_of(asked):
        bill = views.statement_of(asked.market, each.id, period, archive=archive)
        if any(line.kind not in bills.PAID for line in bill.lines):
            found.append(bills.charge(bill, each))
    for volume in all_volumes_of(asked):
        account = views.volume_statement_of(
            asked.market, volume.id, period, volumes=asked.store.volumes
        )
        if account.lines:
            found.append(bills.volume_charge(account))
    return found


def payment_rows(asked: Asked, period: Interval | None) -> list[rows.Row]:
    if period is None:
        return []
    account, now = asked.call.by, asked.call.at
    paid = asked.store.payments(account)
    found = [bills.payment(key, e, account, now) for key, e in paid if e.at in period]
    for each in all_of(asked):
        archive = asked.store.archive
        bill = views.statement_of(asked.market, each.id, period, archive=archive)
        found += bills.prepayments(bill)
    return found


def charges(asked: Asked) -> Any:
    market, account = asked.market, asked.call.by
    if views.is_host(market, account) and not market.settings.own_tests_billed:
        raise NotAllowed("account", "a client's: hosts have no charges for instances", account)
    wanted, form = asked.call.asked("select_filters", dict, {}), asked.call.word("format")
    if form not in (None, "table", "tree"):
        raise RuleViolation("format", "table or tree", shown(form))
    period = asked.call.day_range("day", wanted.pop("day", None))
    found = chosen(charge_rows(asked, period), wanted, bills.CHARGE_COLUMNS)
    return report(asked.call, found, "source", 100, 500)


def payments(asked: Asked) -> Any:
    wanted = asked.call.asked("select_filters", dict, {})
    period = asked.call.day_range("when", wanted.pop("when", None), whole=True)
    found = chosen(payment_rows(asked, period), wanted, bills.PAYMENT_COLUMNS)
    return report(asked.call, found, "id", 60, 60)


def report(call: Call, found: list[rows.Row], key: str, usual: int, most: int) -> Any:
    order = {"start": call.asked("latest_first", bool, default=False), key: False}
    some, token = page(call, found, order, usual, most)
    told = {"success": True, "results": some, "count": len(some)}
    return told | {"total": len(found), "next_token": token}


def old_invoices(asked: Asked) -> Any:
    """Answer the older report: charges and payments in one list."""
    call = asked.call
    first = from_epoch(call.asked("sdate", Real, 0), "sdate")
    last = from_epoch(call.asked("edate", Real, to_epoch(max(first, call.at))), "edate")
    if first > last:
        need = f"an instant up to edate, which is {shown(call.asked('edate', Real, 0))}"
        raise RuleViolation("sdate", need, shown(call.asked("sdate", Real, 0)))
    period = call.period(first, last)
    charged = []
    if call.asked("inc_charges", bool, default=True):
        charged = charge_rows(asked, period)
    left = rows.number(views.balance(asked.market, call.by, call.at))
    current = {"charges": 0.0, "service_fee": 0.0, "total": 0.0, "credit": left}
    paid = payment_rows(asked, call.period(first, last, whole=True))
    found = bills.old_rows(charged, paid)
    return {"success": True, "invoices": found, "current": current}
