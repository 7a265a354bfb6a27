"""Snapshots whose parts do not fit together are refused, with the places."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from fractions import Fraction
from functools import cache, reduce
from typing import Any

import pytest
from hypothesis import given

from market_world import ANN, BOB, HOST, World, prices, second, world
from numgenius_core.errors import InvalidDocument, NumgeniusError
from numgenius_core.ids import ContractId, MachineId
from numgenius_core.intervals import Interval
from numgenius_core.maintenance import MaintenanceWindow
from numgenius_core.market import (
    Market,
    commands as c,
    events as e,
    evolve,
    execute,
    replay,
    views,
)
from numgenius_core.market.journal import market_from_json, market_to_json
from numgenius_core.money import Money
from numgenius_core.rates import PerGbMonth, PerHour
from numgenius_core.testing import Step, plays

M1, DAY, HOUR = MachineId(1), 86_400, 3_600
WINDOW = MaintenanceWindow(  # half of the hour in which the machine is down on the second day
    period=Interval(second(DAY + HOUR), second(DAY + HOUR + HOUR // 2))
)


def story() -> World:
    """Return a market in which there is something of each kind to fit together."""
    w = world(4, prices(1, storage="0.1"), end=second(20 * DAY), max_discount=Fraction(1, 2))
    w.add(2, machine=2, host=HOST)
    w.list(prices(1), machine=2, rolling=None, end=second(9 * DAY))
    w.do(c.ListVolume(by=HOST, machine=M1, size_mb=1_000, price=PerGbMonth(1)))
    [disk] = views.volume_offers(w.market, w.now)
    w.do(c.RentVolume(by=ANN, offer=disk.id, size_mb=500))
    [volume] = w.market.volumes
    w.rent(1, volumes=(volume,))
    deposit = w.rent(1, 1, BOB)
    w.do(c.Prepay(by=BOB, contract=deposit, amount=Money(50)))
    w.rent(1, 2, bid="0.5")
    w.rent(1, 2, BOB, bid="0.2", load=False)
    w.list(prices(2), end=second(30 * DAY))  # which asks for a higher price
    w.do(c.ReportOffline(machine=MachineId(2)), 60)
    return w


Document = dict[str, Any]


def _machine(found: Document, number: int = 1) -> Document:
    return next(each for each in found["machines"] if each["machine"]["id"] == number)


def _account(found: Document, name: str) -> Document:
    return next(each for each in found["accounts"] if each["id"] == name)


def _instance(found: Document, index: int) -> Document:
    return list(_machine(found)["instances"].values())[index]  # type: ignore[no-any-return]


def _bid(instance: Document, bid: str) -> None:
    _put(instance, bid=bid)
    _put(instance["contract"], bid=bid)


def _rates_begun(instance: Document, *starts: str) -> None:
    prices = instance["contract"]["prices"]
    changes = [{"since": since, "prices": prices} for since in starts]
    _put(instance["contract"], rate_changes=changes)
    _put(instance, rate_changes_begun=len(changes))


def _owing(ledger: Document) -> Document:
    return ledger | {"amount": "-5.00"}


def _went(found: Document) -> Document:
    return {"at": found["now"], "online": False}


def _first(entries: Document) -> Any:
    return next(iter(entries.values()))


def _renamed(entries: Document, key: str) -> None:
    entries[key] = entries.pop(next(iter(entries)))


def _asks_nothing(increase: Document) -> None:
    _put(increase, raised=[])
    _put(increase["listing"]["prices"], gpu="1")


def _put(found: Document, **changes: Any) -> None:
    found.update(changes)


DAMAGE: dict[str, tuple[Callable[[Document], object], str]] = {
    "an instance under another number": (
        lambda d: _renamed(_machine(d)["instances"], "9"),
        "machines[0].instances[9].contract.id: need 9, got 5",
    ),
    "a contract of another machine": (
        lambda d: _put(_first(_machine(d)["instances"])["contract"], machine=2),
        "machines[0].instances[5].contract.machine: need 1, got 2",
    ),
    "a contract of another host": (
        lambda d: _put(_first(_machine(d)["instances"])["contract"], host="eve"),
        "machines[0].instances[5].contract.host: need host, got eve",
    ),
    "a contract of nobody": (
        lambda d: _put(_first(_machine(d)["instances"])["contract"], client="eve"),
        "machines[0].instances[5].contract.client: need an account that has it, got eve",
    ),
    "GPUs that two have": (
        lambda d: _put(list(_machine(d)["instances"].values())[1]["contract"]["block"], start=0),
        "machines[0].instances[6].contract.block: need GPUs of the 4 that nobody else has",
    ),
    "GPUs that are not there": (
        lambda d: _put(_first(_machine(d)["instances"])["contract"]["block"], start=4),
        "machines[0].instances[5].contract.block: need GPUs of the 4 that nobody else has, got Bl",
    ),
    "an instance that was destroyed": (
        lambda d: _put(_first(_machine(d)["instances"]), state="destroyed"),
        "machines[0].instances[5].state: need that of one that exists, got destroyed",
    ),
    "an increase of nobody": (
        lambda d: _machine(d)["increases"].clear(),
        "machines[0].instances[5].increase: need a price increase of its machine, got 10",
    ),
    "an increase that nobody waits for": (
        lambda d: _put(_first(_machine(d)["instances"]), increase=0),
        "machines[0].increases[10].contract: need a contract that it waits for, got 5",
    ),
    "an increase that asks another client": (
        lambda d: _put(_first(_machine(d)["increases"])["contract"], client="bob"),
        "machines[0].increases[10].contract.client: need ann, as in its instance, got bob",
    ),
    "an increase over other prices": (
        lambda d: _put(_first(_machine(d)["increases"])["contract"]["prices"], gpu="0.5"),
        "machines[0].increases[10].contract.prices: need PriceTerms(gpu=PerGpuHour('1.00')",
    ),
    "an increase of a contract that ends at another time": (
        lambda d: _put(_first(_machine(d)["increases"])["contract"], end="2026-01-22T00:00:00Z"),
        "machines[0].increases[10].contract.end: need 2026-01-21 00:00:00+00:00, as in its inst",
    ),
    "an increase of nothing": (
        lambda d: _put(_first(_machine(d)["increases"]), raised=[]),
        "machines[0].increases[10].raised: need what its listing raises, got nothing",
    ),
    "an increase to less": (
        lambda d: _put(_first(_machine(d)["increases"])["raised"][0], new="0.5 $/GPU-hour"),
        "machines[0].increases[10].raised: need what its listing raises, got gpu 1.00 → 0.50",
    ),
    "an increase of a part that no price list has": (
        lambda d: _put(_first(_machine(d)["increases"])["raised"][0], part=""),
        "machines[0].increases[10].raised: need what its listing raises, got  1.00 → 2.00",
    ),
    "an increase that its listing does not ask for": (
        lambda d: _asks_nothing(_first(_machine(d)["increases"])),
        "machines[0].increases[10].raised: need what its listing raises, got nothing",
    ),
    "an increase that makes nothing longer": (
        lambda d: _put(_first(_machine(d)["increases"]), new_end="2026-01-21T00:00:00Z"),
        "machines[0].increases[10].new_end: need an end later than that of its contract, 2026-01",
    ),
    "a volume that is attached and not there": (
        lambda d: _put(_first(_machine(d)["instances"]), volumes=[99]),
        "machines[0].instances[5].volumes: need volumes of its machine, got 99",
    ),
    "a volume under another number": (
        lambda d: _renamed(_machine(d)["volumes"], "9"),
        "machines[0].volumes[9].contract.id: need 9, got 4",
    ),
    "a machine of another number": (
        lambda d: _put(_machine(d, 2)["machine"], id=3),
        "machines[1].machine.host: need an account that has it, got host",
    ),
    "a machine twice": (
        lambda d: d["machines"].append(d["machines"][1]),
        "machines[1].machine.id: need a number of its own, got 2",
    ),
    "a listing of another machine": (
        lambda d: _put(_machine(d)["listing"]["machine"], gpus=8),
        "machines[0].listing.machine: need the machine as it is, got Machine(id=1, host='host', ",
    ),
    "a schedule of another machine": (
        lambda d: _put(_machine(d)["schedule"], machine=2),
        "machines[0].schedule.machine: need 1, got 2",
    ),
    "a volume offer of another machine": (
        lambda d: _put(_machine(d)["volume_listing"], machine=2),
        "machines[0].volume_listing.machine: need 1, got 2",
    ),
    "a balance that ran out and did not": (
        lambda d: _put(_account(d, ANN), empty=True),
        "accounts[0].empty: need False of a balance in which something is left, got True",
    ),
    "an end that rolls and does not": (
        lambda d: _put(_machine(d), rolls_at="2026-01-02T00:00:00Z"),
        "machines[0].rolls_at: need none without a rolling end, got 2026-01-02 00:00:00+00:00",
    ),
    "a machine that is online and is not": (
        lambda d: _put(_machine(d, 2), online=True),
        "machines[1].down_since: need none of a machine that is online, and only of that, got 2026",
    ),
    "a number of a listing that was not given": (
        lambda d: _put(_machine(d), number=999),
        "machines[0].number: need a number up to 11, the last one given, got 999",
    ),
    "an arrival that was not given": (
        lambda d: _put(_first(_machine(d)["instances"]), arrival=999),
        "machines[0].instances[5].arrival: need a number up to 11, the last one given, got 999",
    ),
    "an account twice": (
        lambda d: d["accounts"].append(_account(d, ANN)),
        "accounts[0].id: need a name of its own, got ann",
    ),
    "a machine that an account does not have": (
        lambda d: _account(d, HOST)["machines"].append(9),
        "accounts[2].machines: need machines that it has, got 9",
    ),
    "a machine that an account has twice": (
        lambda d: _account(d, HOST)["machines"].append(1),
        "accounts[2].machines: need machines that it has, got 1",
    ),
    "an account that lost its instances": (
        lambda d: _account(d, ANN)["instances"].clear(),
        "machines[0].instances[5].contract.client: need an account that has it, got ann",
    ),
    "an instance that an account does not have": (
        lambda d: _put(_account(d, ANN)["instances"], **{"6": 1}),
        "accounts[0].instances: need instances that it has, got 6",
    ),
    "an instance on a machine that is not there": (
        lambda d: _put(_account(d, ANN)["instances"], **{"5": 9}),
        "machines[0].instances[5].contract.client: need an account that has it, got ann",
    ),
    "a volume that an account does not have": (
        lambda d: _put(_account(d, BOB)["volumes"], **{"4": 1}),
        "accounts[1].volumes: need volumes that it has, got 4",
    ),
    "claims that do not wait": (
        lambda d: _put(_account(d, BOB), waiting=0),
        "accounts[1].waiting: need 1, that wait, got 0",
    ),
    "a balance of tomorrow": (
        lambda d: _put(_account(d, ANN)["ledger"], since="2027-01-01T00:00:00Z"),
        "accounts[0].ledger.since: need an instant up to 2026-01-01 00:01:00+00:00, that of the ",
    ),
    "a deposit of tomorrow": (
        lambda d: _put(_first(_machine(d)["instances"])["deposit"], since="2027-01-01T00:00:00Z"),
        "machines[0].instances[5].deposit.since: need an instant up to 2026-01-01 00:01:00+00:00",
    ),
    "a rate that nobody pays": (
        lambda d: _put(_account(d, HOST)["ledger"], rate="1.00"),
        "accounts[2].ledger.rate: need $",
    ),
    "an instance that costs something else": (
        lambda d: _put(_first(_machine(d)["instances"])["flow"], balance="1.00"),
        "machines[0].instances[5].flow: need what it costs a second as it is, got Flow(",
    ),
    "a volume that costs nothing": (
        lambda d: _put(_first(_machine(d)["volumes"])["flow"], balance="0.00"),
        "machines[0].volumes[4].flow: need what it costs a second as it is, got Flow(",
    ),
    "a deposit that is not used": (
        lambda d: _put(list(_machine(d)["instances"].values())[1]["deposit"], rate="0.00"),
        "machines[0].instances[6].deposit.rate: need $-0.00",
    ),
    "a deposit below zero": (
        lambda d: _put(list(_machine(d)["instances"].values())[1]["deposit"], amount="-1.00"),
        "machines[0].instances[6].deposit: need nothing where the contract has ended, and never l",
    ),
    "a deposit of a contract that has ended": (
        lambda d: _put(list(_machine(d)["instances"].values())[1], state="expired"),
        "machines[0].instances[6].deposit: need nothing where the contract has ended, and never l",
    ),
    "what happens tomorrow": (
        lambda d: _put(_first(_machine(d)["instances"])["facts"][0], at="2026-01-02T00:00:00Z"),
        "machines[0].instances[5].facts: need an instant up to 2026-01-01 00:01:00+00:00, that of",
    ),
    "what came due on a machine and did not happen": (
        lambda d: _put(d, now="2026-01-11T00:00:00Z"),
        "machines[1]: need what came due there at 2026-01-10 00:00:00+00:00, got nothing of it un",
    ),
    "what came due on an account and did not happen": (
        lambda d: _put(d, now="2026-12-31T00:00:00Z"),
        "accounts[0]: need what came due there at 2026-0",
    ),
    "fees of nobody": (
        lambda d: _put(d["platform"], rate="1.00"),
        "platform.rate: need $0.00",
    ),
    "earnings of tomorrow": (
        lambda d: _put(d["platform"], since="2027-01-01T00:00:00Z"),
        "platform.since: need an instant up to 2026-01-01 00:01:00+00:00, that of the last event",
    ),
    "a last event before all others": (
        lambda d: _put(d, now="2025-01-01T00:00:00Z"),
        "machines[0].instances[5].deposit.since: need an instant up to 2025-01-01 00:00:00+00:00",
    ),
    "an invoice of tomorrow": (
        lambda d: _put(_account(d, HOST), invoiced_at="2027-01-01T00:00:00Z"),
        "accounts[2].invoiced_at: need an instant up to 2026-01-01 00:01:00+00:00, that of the ",
    ),
    "a volume on a machine that is not there": (
        lambda d: _put(_account(d, ANN)["volumes"], **{"4": 9}),
        "accounts[0].volumes: need volumes that it has, got 4",
    ),
    "two machines with one listing": (
        lambda d: _put(_machine(d, 2), number=_machine(d)["number"]),
        "machines[1].number: need a number of its own, got 9",
    ),
    "a listing without a number": (
        lambda d: _put(_machine(d), number=0),
        "machines[0].number: need the number of its listing, got 0",
    ),
    "a volume offer without a number": (
        lambda d: _put(_machine(d), volume_number=0),
        "machines[0].volume_number: need the number of its listing, got 0",
    ),
    "an arrival that another one has": (
        lambda d: _put(_first(_machine(d)["instances"]), arrival=3),
        "machines[0].instances[5].arrival: need a number of its own, got 3",
    ),
    "a bid that nobody made": (
        lambda d: _put(_instance(d, 2), bid="5.00"),
        "machines[0].instances[7].bid: need 0.50, as its facts say, got 5.00",
    ),
    "a bid that is none": (
        lambda d: _put(_instance(d, 2), bid=None),
        "machines[0].instances[7].bid: need 0.50, as its facts say, got none",
    ),
    "a bid of nothing": (
        lambda d: _bid(_instance(d, 2), "0.00"),
        "machines[0].instances[7].contract.bid: need 0.001 to 32.00 $/hour for 1 GPU(s), got 0.00",
    ),
    "a bid above all": (
        lambda d: _bid(_instance(d, 2), "1000.00"),
        "machines[0].instances[7].contract.bid: need 0.001 to 32.00 $/hour for 1 GPU(s), got 1000",
    ),
    "a discount that nobody prepaid": (
        lambda d: _put(_instance(d, 0), discount="9/10"),
        "machines[0].instances[5].discount: need 0, as its facts say, got 9/10",
    ),
    "a discount of a contract that nobody prepaid": (
        lambda d: _put(_instance(d, 0)["contract"], mode="reserved", discount="9/10"),
        "machines[0].instances[5].contract.discount: need 0, as its facts say, got 9/10",
    ),
    "months that nobody prepaid": (
        lambda d: _put(_instance(d, 0), months="5"),
        "machines[0].instances[5].months: need 5/12, what 5 months earn, got 0",
    ),
    "another discount to be had": (
        lambda d: _put(_instance(d, 1), max_discount="99/100"),
        "machines[0].instances[6].months: need ",
    ),
    "a state that nothing led to": (
        lambda d: _put(_instance(d, 0), state="stopped"),
        "machines[0].instances[5].state: need running, as its facts say, got stopped",
    ),
    "rates that have not begun": (
        lambda d: _rates_begun(_instance(d, 3), "2026-01-15T00:00:00Z"),
        "machines[0].instances[8].rate_changes_begun: need rates that apply by 2026-01-01 00:01:00",
    ),
    "rates of which the last have not begun": (
        lambda d: _rates_begun(_instance(d, 3), "2026-01-01T00:00:30Z", "2026-01-15T00:00:00Z"),
        "machines[0].instances[8].rate_changes_begun: need rates that apply by 2026-01-01 00:01:00",
    ),
    "an outage of an instance alone": (
        lambda d: _instance(d, 0)["facts"].append(_went(d) | {"type": "MachineWent"}),
        "machines[0].instances[5].facts: need that its machine came online last, got that it went",
    ),
    "an outage of a volume alone": (
        lambda d: _first(_machine(d)["volumes"])["outages"].append(_went(d)),
        "machines[0].volumes[4].outages: need that its machine came online last, got that it went",
    ),
    "an outage of a volume before its contract": (
        lambda d: _first(_machine(d)["volumes"])["outages"].append(
            _went(d) | {"at": "2025-01-01T00:00:00Z"}
        ),
        "machines[0].volumes[4].outages: need when its machine went since the contract, in order",
    ),
    "an outage of a volume tomorrow": (
        lambda d: _first(_machine(d)["volumes"])["outages"].append(
            _went(d) | {"at": "2026-01-02T00:00:00Z"}
        ),
        "machines[0].volumes[4].outages: need an instant up to 2026-01-01 00:01:00+00:00",
    ),
    "a volume that began tomorrow": (
        lambda d: _put(_first(_machine(d)["volumes"])["contract"], start="2026-01-02T00:00:00Z"),
        "machines[0].volumes[4].outages: need an instant up to 2026-01-01 00:01:00+00:00",
    ),
    "a volume that expired before its end": (
        lambda d: _put(_first(_machine(d)["volumes"]), expired=True),
        "machines[0].volumes[4].expired: need False before its end, got True",
    ),
    "a volume that was deleted": (
        lambda d: _put(_first(_machine(d)["volumes"]), deleted="2026-01-01T00:00:30Z"),
        "machines[0].volumes[4].deleted: need none of one that exists, got 2026-01-01 00:00:30",
    ),
    "GPUs that a bid has, too": (
        lambda d: _put(_instance(d, 3), state="running"),
        "machines[0].instances[8].state: need one that waits for the GPUs that contract 7 has, got",
    ),
    "an account with nothing that runs something": (
        lambda d: _put(_account(d, ANN), empty=True, ledger=_owing(_account(d, ANN)["ledger"])),
        "accounts[0].empty: need False while instance 5 is running, got True",
    ),
    "no number given": (
        lambda d: _put(d, last=0),
        "machines[0].number: need a number up to 0, the last one given, got ",
    ),
    "fewer events than none": (
        lambda d: _put(d, version=-5),
        "version: need a number from 0 on, got -5",
    ),
    "fewer events than numbers": (
        lambda d: _put(d, version=d["last"] - 1),
        "version: need at least 11: an event gives one number, and so many were given, got 10",
    ),
    "an instance destroyed tomorrow": (
        lambda d: _put(_machine(d), last_destroyed="2027-01-01T00:00:00Z"),
        "machines[0].last_destroyed: need an instant up to 2026-01-01 00:01:00+00:00, that of the ",
    ),
    "a volume deleted tomorrow, of a machine taken away": (
        lambda d: _put(_account(d, HOST), last_deleted="2027-01-01T00:00:00Z"),
        "accounts[2].last_deleted: need an instant up to 2026-01-01 00:01:00+00:00, that of the ",
    ),
    "money that nobody paid in": (
        lambda d: _put(d, credited="5.00"),
        "credited: need $2000.00, what there is, got $5.00",
    ),
}


@cache
def _told() -> str:
    return market_to_json(story().market)


class TestDamage:
    """journal.market_from_json: what does not fit together is refused."""

    def test_the_whole_story_is_read_as_it_was(self) -> None:
        market = story().market
        assert market_from_json(market_to_json(market)) == market

    @pytest.mark.parametrize("name", DAMAGE)
    def test_is_refused_with_its_place(self, name: str) -> None:
        damage, said = DAMAGE[name]
        document = json.loads(_told())
        damage(document)
        with pytest.raises(InvalidDocument) as caught:
            market_from_json(json.dumps(document))
        found = [str(fault) for fault in caught.value.faults]
        assert any(each.startswith(said) for each in found), found

    def test_every_number_is_one_that_was_given(self) -> None:
        document = json.loads(market_to_json(story().market))
        _put(document, last=0)
        with pytest.raises(InvalidDocument) as caught:
            market_from_json(json.dumps(document))
        told = [(fault.path, fault.got) for fault in caught.value.faults]
        instances = [
            (f"machines[0].instances[{number}].{name}", str(value))
            for number, increase in ((5, 10), (6, 11), (7, 0), (8, 0))
            for name, value in (("number", number), ("arrival", number), ("increase", increase))
            if value
        ]
        assert told == [
            ("machines[0].number", "9"),
            ("machines[0].volume_number", "3"),
            *instances,
            ("machines[0].volumes[4].number", "4"),
            ("machines[0].increases[10].number", "10"),
            ("machines[0].increases[11].number", "11"),
            ("machines[1].number", "2"),
        ]

    def test_a_machine_that_is_down_since_never(self) -> None:
        document = json.loads(market_to_json(story().market))
        _put(_machine(document, 2), down_since=None)
        with pytest.raises(InvalidDocument, match=r"only of that, got none$"):
            market_from_json(json.dumps(document))

    def test_gpus_that_the_first_and_the_last_have(self) -> None:
        w = world(4, prices(1))
        for start in range(3):
            w.rent(1, start)
        document = json.loads(market_to_json(w.market))
        _put(list(_machine(document)["instances"].values())[2]["contract"]["block"], start=0)
        with pytest.raises(InvalidDocument, match=r"\.block: .* got Block\(start=0, size=1\)$"):
            market_from_json(json.dumps(document))

    def test_the_fees_of_all_reach_the_platform(self) -> None:
        w = world(4, prices(1, fee=Fraction(1, 4)))
        for start in range(3):
            w.rent(1, start)
        assert market_from_json(market_to_json(w.market)) == w.market

    def test_an_escrow_that_nobody_pays_into(self) -> None:
        w = world(1, prices(1))
        w.list(prices(1), sla_claim="0.99")
        contract = w.rent(1, target="0.95")
        document = json.loads(market_to_json(w.market))
        _put(_first(_machine(document)["instances"])["promise"]["ledger"], rate="0.00")
        with pytest.raises(
            InvalidDocument, match=rf"instances\[{contract}\]\.promise\.ledger\.rate"
        ):
            market_from_json(json.dumps(document))

    def test_a_contract_that_began_after_what_happened_to_it(self) -> None:
        document = json.loads(market_to_json(story().market))
        _put(_first(_machine(document)["instances"])["contract"], start="2026-01-05T00:00:00Z")
        with pytest.raises(InvalidDocument) as caught:
            market_from_json(json.dumps(document))
        first, asked = caught.value.faults
        assert str(first).startswith("machines[0].instances[5].facts: need what happened since ")
        assert str(asked).startswith("machines[0].increases[10].contract.start: need 2026-01-05")

    def test_a_floor_that_is_asked_of_a_bid(self) -> None:
        """The bid that was below it may have changed since; the floor is the listing's."""
        w = world(1, prices(1, min_bid="0.1"), end=second(10 * DAY))
        contract = w.rent(1, bid="0.5")
        w.list(prices(1, min_bid="0.6"), end=second(20 * DAY))
        w.do(c.ChangeBid(by=ANN, contract=contract, bid=PerHour("0.65")))
        document = json.loads(market_to_json(w.market))
        [(number, asked)] = _machine(document)["increases"].items()
        right = [{"part": "min_bid", "old": "0.5 $/hour", "new": "0.6 $/hour"}]
        assert asked["raised"] == right
        for raised in (
            [right[0] | {"new": "0.4 $/hour"}],
            [right[0] | {"new": "0.7 $/hour"}],
            [right[0] | {"old": "0.6 $/hour"}],
            [right[0] | {"old": "0.5"}],  # a share
            right * 2,
        ):
            asked["raised"] = raised
            with pytest.raises(
                InvalidDocument, match=rf"increases\[{number}\]\.raised: need what its listing"
            ):
                market_from_json(json.dumps(document))
        asked["raised"] = [right[0] | {"old": "0.3 $/hour"}]
        assert market_from_json(json.dumps(document)).asked == w.market.asked

    def test_a_snapshot_in_the_midst_of_a_command_is_read(self) -> None:
        """``_fitting``: "a snapshot may be taken in the midst of a command": a move leaves no fact.

        After the first move something that pauses next has GPUs that somebody was moved to.
        """
        w = world(4, prices("0.5", min_bid="0.05"))
        rented = [w.rent(1, index) for index in (0, 2)]
        for index in (1, 3):
            w.rent(1, index, bid="0.10")
        w.do(c.Defragment(by=HOST, machine=M1, movable=tuple(rented)), HOUR)
        kinds = [type(each) for each in w.events]
        assert e.ContractMoved in kinds
        assert e.InstancePaused in kinds[kinds.index(e.ContractMoved) :]
        for count in range(len(w.events) + 1):
            market = replay(w.events[:count])
            assert market_from_json(market_to_json(market)) == market

    def test_a_market_between_the_events_of_a_command_fits_together(self) -> None:
        w = world(1, prices(500))
        w.rent(1)
        between = w.market
        events = w.do(c.Tick(), 2 * HOUR)
        assert [type(each).__name__ for each in events][:2] == ["BalanceRanOut", "InstanceStopped"]
        for event in events:
            between = evolve(between, event)
            assert market_from_json(market_to_json(between)) == between

    @given(plays())
    def test_every_market_fits_together(self, steps: tuple[Step, ...]) -> None:
        market = Market()
        for command, at in steps:
            with suppress(NumgeniusError):
                market, _ = execute(market, command, at)
        assert market_from_json(market_to_json(market)) == market


def promised() -> World:
    """Return the third hour of the second day of a promise, a dollar of traffic in it."""
    w = world(1, prices("3.50", fee=Fraction(1, 4), upload=1), sla_claim="0.99")
    contract = w.rent(1, target="0.95")
    w.do(c.ScheduleMaintenance(by=HOST, machine=M1, window=WINDOW), DAY)
    w.do(c.ReportOffline(machine=M1), DAY + HOUR)
    w.do(c.ReportOnline(machine=M1), DAY + 2 * HOUR)
    w.do(c.CountTraffic(contract=contract, sent=10**9), DAY + 3 * HOUR)
    w.do(c.AddCredit(account=BOB, amount=Money(1)), DAY + 4 * HOUR)
    return w


def _settled(found: Document) -> Any:
    """Return the first day that was settled, as the instance's facts have it."""
    facts = _first(_machine(found)["instances"])["facts"]
    return next(each["day"] for each in facts if "day" in each)


def _promise(found: Document) -> Any:
    return _first(_machine(found)["instances"])["promise"]


P = "machines[0].instances[2].promise"
DAY_OF = "machines[0].instances[2].facts[1].day"
DAY_AS_READ = "snapshot.machines[0].instances['2'].facts[1].day"
A_SHARE = "need a share as text, from 0 to 1, at most 9 decimals"
HELD = f"{P}.ledger: need $"
SINCE = f"{P}.since: need an instant of the day, from 2026-01-02 00:00:00+00:00 up to 2026-01-02 04"
WORTH = (
    f"{P}.compute: need no amount below zero, and at most what the client paid for the host, got"
)
SECONDS = (
    f"{P}.intended: need at most the 10,800 s of the day so far, and of them what was lost, got"
)
PROMISES: dict[str, tuple[Callable[[Document], object], str]] = {
    "an escrow that is said to hold more": (
        lambda d: _put(_promise(d)["escrow"], pending=["1000.00"] * 7),
        HELD,
    ),
    "an escrow that is said to hold nothing": (
        lambda d: _put(_promise(d)["escrow"], pending=[]),
        HELD,
    ),
    "an amount below zero": (
        lambda d: _promise(d)["escrow"]["pending"].extend(["5.00", "-5.00"]),
        f"{WORTH} $-5.00",
    ),
    "a share above all": (
        lambda d: _put(_promise(d)["escrow"], memories=[10**9, 10**9 + 1]),
        f"{P}.escrow.memories: need shares from 0 to 1,000,000,000, got (1000000000, 1000000001)",
    ),
    "a share below none": (
        lambda d: _put(_promise(d)["escrow"], memories=[-1]),
        f"{P}.escrow.memories: need shares from 0 to 1,000,000,000, got (-1,)",
    ),
    "a day that brought the host less": (lambda d: _put(_promise(d), net="8.00"), HELD),
    "a day that brought the host more than was paid": (
        lambda d: _put(_promise(d), compute="8.00"),
        f"{WORTH} $-0.625",  # three hours of $2.625 for the host, and 75 cents
    ),
    "a day that cost less than nothing": (lambda d: _put(_promise(d), fee="-1.00"), WORTH),
    "a day without a fee": (lambda d: _put(_promise(d), fee="0.00"), HELD),
    "what flows counted once more": (
        lambda d: _put(_promise(d), since="2026-01-02T02:59:59Z"),
        HELD,
    ),
    "a day counted to tomorrow": (
        lambda d: _put(_promise(d), since="2026-01-02T04:00:01Z"),
        f"{SINCE}:00:00+00:00, got 2026-01-02 04:00:01+00:00",
    ),
    "a day that had not begun": (
        lambda d: _put(_promise(d), since="2026-01-01T23:59:59Z"),
        f"{SINCE}:00:00+00:00, got 2026-01-01 23:59:59+00:00",
    ),
    "a day that begins at noon": (
        lambda d: _put(_promise(d), day="2026-01-01T12:00:00Z"),
        f"{P}.since: need an instant of the day, from 2026-01-01 12:00:00+00:00 up to",
    ),
    "a day that was never settled": (
        lambda d: _put(_promise(d), day="2026-01-01T00:00:00Z", since="2026-01-02T00:00:00Z"),
        "machines[0]: need what came due there at 2026-01-02 00:00:00+00:00, got nothing of it",
    ),
    "a second too much": (lambda d: _put(_promise(d), intended=10_801), f"{SECONDS} 10,801 and"),
    "a contract that begins later": (
        lambda d: _put(_first(_machine(d)["instances"])["contract"], start="2026-01-02T01:00:00Z"),
        f"{P}.intended: need at most the 7,200 s of the day so far, and of them what was lost, got",
    ),
    "more lost than there was": (
        lambda d: _put(_promise(d), down=10_801),
        f"{SECONDS} 10,800 and 12,601",
    ),
    "less lost than nothing": (lambda d: _put(_promise(d), down=-1), SECONDS),
    "a notice after the window": (
        lambda d: _promise(d)["planned"][0].__setitem__(0, -1),
        f"{SECONDS} 10,800 and 3,600",
    ),
    "a window without a length": (
        lambda d: _promise(d)["planned"][0].__setitem__(1, 0),
        f"{SECONDS} 10,800 and 3,600",
    ),
    "a promise of a contract without one": (
        lambda d: _put(_first(_machine(d)["instances"])["contract"], sla=None, sla_share="0"),
        f"{P}: need one of a contract that has one and has not ended, got one",
    ),
    "a promise of a contract that has ended": (
        lambda d: _put(_first(_machine(d)["instances"]), state="expired"),
        f"{P}: need one of a contract that has one and has not ended, got one",
    ),
    "a settled day that begins at noon": (
        lambda d: _put(_settled(d), day="2026-01-01T12:00:00Z"),
        f"{DAY_OF}.day: need the first instant of a day of UTC, got 2026-01-01 12:00:00+00:00",
    ),
    "a settled day of 25 hours": (
        lambda d: _put(_settled(d), intended=90_000),
        f"{DAY_OF}.intended: need 0 to 86,400, got 90,000",
    ),
    "a settled day of more uptime than there is": (
        lambda d: _put(_settled(d), uptime="1.000000001"),
        f'{DAY_AS_READ}.uptime: {A_SHARE}, got "1.000000001"',
    ),
    "a settled day of a blend below none": (
        lambda d: _put(_settled(d), blend="-0.1"),
        f'{DAY_AS_READ}.blend: {A_SHARE}, got "-0.1"',
    ),
    "a settled day with a credit below zero": (
        lambda d: _put(_settled(d), credit="-1.00"),
        f"{DAY_OF}.credit: need $0.00 to $84.00, got $-1.00",
    ),
    "a settled day that gave back more than it cost": (
        lambda d: _put(_settled(d), credit="84.01"),
        f"{DAY_OF}.credit: need $0.00 to $84.00, got $84.01",
    ),
    "a settled day whose host got more than was paid": (
        lambda d: _put(_settled(d), compute_to_escrow="85.00"),
        f"{DAY_OF}.compute_to_escrow: need $0.00 to $84.00, got $85.00",
    ),
    "a settled day whose escrow gave back more than the credit": (
        lambda d: _put(_settled(d), escrow_to_client="0.01"),
        f"{DAY_OF}.escrow_to_client: need $0.00 to $0.00, got $0.01",
    ),
    "a settled day that took from the host": (
        lambda d: _put(_settled(d), escrow_to_host="-1.00"),
        f"{DAY_OF}.escrow_to_host: need an amount from zero on, got $-1.00",
    ),
    "a settled day that paid for its promise": (
        lambda d: _put(_settled(d), fee="-0.01"),
        f"{DAY_OF}.fee: need an amount from zero on, got $-0.01",
    ),
    "a promise that is gone": (
        lambda d: _put(_first(_machine(d)["instances"]), promise=None),
        f"{P}: need one that is in force until it is closed, got none",
    ),
}


class TestPromises:
    """One escrow that does not hold what it says would stop the market at the next midnight."""

    def test_as_it_was(self) -> None:
        market = promised().market
        assert market_from_json(market_to_json(market)) == market
        promise = market.living(ContractId(2)).promise
        assert promise is not None
        assert (promise.intended, promise.down, len(promise.planned)) == (10_800, 1_800, 1)

    @pytest.mark.parametrize("name", PROMISES)
    def test_is_refused_with_its_place(self, name: str) -> None:
        damage, said = PROMISES[name]
        document = json.loads(market_to_json(promised().market))
        damage(document)
        with pytest.raises(InvalidDocument) as caught:
            market_from_json(json.dumps(document))
        found = [str(fault) for fault in caught.value.faults]
        assert any(each.startswith(said) for each in found), found

    def test_at_every_hour_of_good_days_and_dead_ones(self) -> None:
        """With an outage that has only just begun, announced and not; each is believed."""
        w = world(1, prices("3.50"), sla_claim="0.99")
        w.rent(1, target="0.95")
        window = MaintenanceWindow(period=Interval(second(3 * DAY + 1), second(3 * DAY + 1 + HOUR)))
        w.do(c.ScheduleMaintenance(by=HOST, machine=M1, window=window), 3 * DAY)
        for hour in range(3 * 24, 8 * 24):
            at = hour * HOUR
            if hour == 3 * 24 + 1:
                w.do(c.ReportOffline(machine=M1), 3 * DAY + 1)
                assert market_from_json(market_to_json(w.market)) == w.market
                w.do(c.ReportOnline(machine=M1), 3 * DAY + 2)
                assert market_from_json(market_to_json(w.market)) == w.market
            if hour in (5 * 24, 7 * 24):
                w.do((c.ReportOffline if hour == 5 * 24 else c.ReportOnline)(machine=M1), at)
            w.do(c.Tick(), at)
            assert market_from_json(market_to_json(w.market)) == w.market

    def test_after_the_end_it_is_gone(self) -> None:
        w = world(1, prices("3.50"), sla_claim="0.99", end=second(DAY // 2))
        w.rent(1, target="0.95")
        w.do(c.Tick(), DAY)
        assert market_from_json(market_to_json(w.market)) == w.market


class TestWhatIsBelievedGoesOn:
    """Whatever stands in a promise instead: it is refused, or the days after it are settled."""

    @pytest.mark.parametrize("online", [True, False])
    @pytest.mark.parametrize("runs", [True, False])
    def test_each_number_and_each_instant(self, online: bool, runs: bool) -> None:
        w = promised()
        if not runs:
            w.do(c.Stop(by=ANN, contract=ContractId(2)))
        if not online:
            w.do(c.ReportOffline(machine=M1), 1 * DAY + 5 * HOUR)
        document, believed = json.loads(market_to_json(w.market)), 0
        for path in _paths(_promise(document)):
            *most, last = path
            for other in _others(reduce(lambda part, key: part[key], path, _promise(document))):
                damaged = json.loads(json.dumps(document))
                reduce(lambda part, key: part[key], most, _promise(damaged))[last] = other
                try:
                    market = market_from_json(json.dumps(damaged))
                except InvalidDocument:
                    continue
                believed += 1
                after, _ = execute(market, c.Tick(), second(40 * DAY))
                assert views.promise_of(after, ContractId(2), after.now).escrow >= Money(0)
        assert believed


def _paths(value: Any) -> Iterator[tuple[Any, ...]]:
    """Yield where numbers, amounts and instants stand in a part of a document."""
    if isinstance(value, dict | list):
        entries = value.items() if isinstance(value, dict) else enumerate(value)
        for key, each in entries:
            if key not in ("type", "schema"):
                yield from ((key, *path) for path in _paths(each))
    else:
        yield ()


def _others(value: Any) -> list[Any]:
    if isinstance(value, int):
        return [value - 1, value + 1, 0, -value, 10**10]
    if "T" in value:
        at = datetime.fromisoformat(value)
        hours = [at + timedelta(hours=each) for each in (-25, -24, -1, 1, 24)]
        return [f"{each:%Y-%m-%dT%H:%M:%SZ}" for each in hours]
    return ["0.00", "1000.00", "-1.00", f"{value}1"]
