"""The service's lists of money and of volumes: our readers read them, and they say what we say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from random import Random
from typing import Any, Final

import pytest

from effort import up_to
from marketplace import BEGIN, HOST, Desk
from numgenius_core.billing import Charge, ChargeKind, LineKind, reconcile
from numgenius_core.errors import NumgeniusError
from numgenius_core.intervals import Interval
from numgenius_core.listing import Verification
from numgenius_core.market import Instance, commands as do, views
from numgenius_core.market.events import CreditAdded, CreditTransferred, PayoutInvoiced
from numgenius_core.money import Money
from numgenius_core.wire import read_charges, read_earnings, read_invoices, read_volumes

CLIENTS: Final = ("ann", "ben")
DAY: Final = 86_400
# The service rounds an amount to twelve decimals, and a charge may be of a few items.
ROUNDING: Final = Money("0.0000000001")
LIVES: Final = range(up_to(30, 4))


def live(desk: Desk, dice: Random) -> None:
    """Let hosts and clients do what comes to their minds for two weeks or more."""
    listing: dict[str, Any] = {
        "price_disk": 0.2,
        "price_inetu": 0.01,
        "price_inetd": 0.02,
        "vol_size": 200,
    }
    desk.list(1001, **listing, sla_r_claim=0.99)
    desk.list(1002, **listing | {"price_gpu": 0.9, "min_chunk": 1, "sla_r_claim": 0.0})
    for machine in (1001, 1002):
        desk.store.decide(do.SetVerification(machine=machine, verification=Verification.VERIFIED))
    for key in CLIENTS:
        desk.ask(key, "GET", "/users/current")
    for _ in range(60):
        with suppress(NumgeniusError):  # not everything is possible
            happen(desk, dice)
        desk.clock.pass_(seconds=dice.choice([0, 600, 5_000, 40_000, 86_400 - 5_000]))
    desk.clock.pass_(seconds=1)
    desk.ask(HOST, "GET", "/users/current")


def happen(desk: Desk, dice: Random) -> None:
    key, machine = dice.choice(CLIENTS), dice.choice((1001, 1002))
    mine = [each.id for each in views.instances_of(desk.store.market, key)] or [0]
    volumes = [each.id for each in views.volumes_of(desk.store.market, key)] or [0]
    some = dice.choice(mine)
    match dice.randrange(14):
        case 0 | 1 | 2:
            offer = dice.choice(desk.search(machine_id={"eq": machine}))
            mode = dice.choice(["on demand", "bid", "promised"])
            body: dict[str, Any] = {"image": "pytorch", "disk": dice.choice([10, 33.3])}
            body["price"] = 0.55 * offer["num_gpus"] if mode == "bid" else None
            body |= {"target_reliability": 0.9} if mode == "promised" else {}
            tell(desk, key, "PUT", f"/asks/{offer['id']}/", body)
        case 3 | 4:
            state = dice.choice(["stopped", "running"])
            tell(desk, key, "PUT", f"/instances/{some}/", {"state": state})
        case 5:
            tell(desk, key, "DELETE", f"/instances/{some}/", {})
        case 6 | 7:
            sent, received = dice.randrange(10**11), dice.randrange(10**11)
            desk.store.decide(do.CountTraffic(contract=some, sent=sent, received=received))
        case 8:
            amount = dice.choice([3, 25.5])
            tell(desk, key, "PUT", f"/instances/prepay/{some}/", {"amount": amount})
        case 9:
            desk.store.decide(do.ReportOffline(machine=machine))
        case 10:
            desk.store.decide(do.ReportOnline(machine=machine))
        case 11:
            offers = views.volume_offers(desk.store.market, desk.clock.now)
            tell(desk, key, "PUT", "/volumes/", {"id": offers[0].id, "size": 15.5})
        case 12:
            tell(desk, key, "DELETE", "/volumes/", {"id": dice.choice(volumes)})
        case _:
            other = dice.choice([HOST, *CLIENTS])
            body = {"sender": "me", "recipient": other, "amount": 27.25}
            tell(desk, key, "PUT", "/commands/transfer_credit/", body)
            desk.store.decide(do.PayOut(account=HOST))


def tell(desk: Desk, key: str, method: str, path: str, body: dict[str, Any]) -> None:
    """Send a request, whatever comes of it."""
    headers = {"Authorization": f"Bearer {key}"}
    desk.client.request(method, f"/api/v0{path}", json=body, headers=headers)


@pytest.fixture(scope="module")
def lives(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Desk]]:
    folder = tmp_path_factory.mktemp("markets")
    desks = [Desk(folder / f"{number}.sqlite") for number in LIVES]
    for number, desk in enumerate(desks):
        live(desk, Random(number))
    yield desks
    for desk in desks:
        desk.store.close()


@pytest.fixture(params=LIVES)
def desk(request: pytest.FixtureRequest, lives: list[Desk]) -> Desk:
    return lives[int(request.param)]


def pages(desk: Desk, key: str, path: str, name: str) -> str:
    """Return all pages of a report on all that was, one a line, as a script collects them."""
    bounds = {name: {"gte": BEGIN.timestamp(), "lte": desk.clock.now.timestamp()}}
    asked: dict[str, Any] = {"select_filters": json.dumps(bounds), "limit": "7"}
    found = [desk.ask(key, "GET", path, **asked)]
    while found[-1]["next_token"]:
        found.append(desk.ask(key, "GET", path, **asked, after_token=found[-1]["next_token"]))
    return "\n".join(map(json.dumps, found))


def charged(desk: Desk, key: str) -> tuple[Charge, ...]:
    reading = read_charges(pages(desk, key, "/charges/", "day"))
    assert reading.extra["next_token"] is None
    return reading.rows


def all_of(desk: Desk, key: str) -> list[Instance]:
    gone = [each for each in desk.store.archive.values() if each.contract.client == key]
    return [*views.instances_of(desk.store.market, key), *gone]


def near(one: Money, other: Money) -> bool:
    return abs(one - other) <= ROUNDING


@pytest.mark.parametrize("key", CLIENTS)
class TestCharges:
    """Charges beside statements: what is billed is explained, and what is explained is billed."""

    def test_of_instances(self, desk: Desk, key: str) -> None:
        found, period = charged(desk, key), Interval(BEGIN, desk.clock.now)
        numbers = {each.contract for each in found if each.kind is not ChargeKind.VOLUME}
        used = set()
        for each in all_of(desk, key):
            bill = views.statement_of(
                desk.store.market, each.id, period, archive=desk.store.archive
            )
            used |= {each.id} if bill.total or bill.lines else set()
            held = reconcile(bill, found, tolerance=ROUNDING)
            if bill.covered == Money(0):
                assert held.agrees, held
            # The service lists what a deposit paid as well, which no balance did.
            assert near(held.difference, bill.covered)
            assert {row.kind for row in held.unexplained} <= {ChargeKind.GPU}
            assert held.unbilled == ()
            billed = Money.sum(row.amount for row in found if row.contract == each.id)
            assert near(billed, bill.total)
        assert numbers <= used

    def test_of_volumes(self, desk: Desk, key: str) -> None:
        found, period = charged(desk, key), Interval(BEGIN, desk.clock.now)
        gone = [each for each in desk.store.volumes.values() if each.client == key]
        for each in (*views.volumes_of(desk.store.market, key), *gone):
            bill = views.volume_statement_of(
                desk.store.market, each.id, period, volumes=desk.store.volumes
            )
            assert reconcile(bill, found, tolerance=ROUNDING).agrees


class TestEarnings:
    """Earnings beside ``views.earnings``: volumes, which have no column, are in that of disk."""

    def report(self, desk: Desk) -> str:
        first, last = (int(at.timestamp()) // DAY for at in (BEGIN, desk.clock.now))
        days: dict[str, Any] = {"sday": str(first), "eday": str(last)}
        return json.dumps(desk.ask(HOST, "GET", "/users/me/machine-earnings/", **days))

    def test_by_machine(self, desk: Desk) -> None:
        period = Interval(BEGIN, desk.clock.now)
        known = views.earnings(
            desk.store.market,
            HOST,
            period,
            archive=desk.store.archive,
            volumes=desk.store.volumes,
        )
        rows = read_earnings(self.report(desk)).rows
        assert [row.machine for row in rows] == [each.machine for each in known]
        for row, each in zip(rows, known, strict=True):
            assert near(row.gpu, each.gpu)
            assert near(row.storage, each.storage + each.volumes)
            assert near(row.upload, each.upload)
            assert near(row.download, each.download)
            assert near(row.sla, each.sla)
            assert near(row.total, each.total)
            assert row.period is not None
            assert row.period.start == BEGIN
            assert row.period.end - timedelta(days=1) <= desk.clock.now < row.period.end

    def test_the_days_add_up_to_the_machines(self, desk: Desk) -> None:
        text = self.report(desk)
        machines, days = read_earnings(text).rows, read_earnings(text, by="day").rows
        one, other = (Money.sum(row.total for row in rows) for rows in (machines, days))
        assert abs(one - other) <= ROUNDING


class TestInvoices:
    """Invoices beside the events that they are of, and the deposits of statements."""

    def test_of_the_host(self, desk: Desk) -> None:
        found = read_invoices(pages(desk, HOST, "/api/v1/invoices/", "when")).rows
        events = [e for _, e in desk.store.happened(PayoutInvoiced)]
        payouts = [each for each in found if each.kind == "payout"]
        assert [(each.at, each.amount) for each in payouts] == [(e.at, e.amount) for e in events]
        for each, event in zip(payouts, events, strict=True):
            is_paid = event.paid_on <= desk.clock.now
            assert each.paid == (event.paid_on if is_paid else None)
            assert each.service == "payout"

    @pytest.mark.parametrize("key", CLIENTS)
    def test_of_a_client(self, desk: Desk, key: str) -> None:
        found = read_invoices(pages(desk, key, "/api/v1/invoices/", "when")).rows
        paid_in = [e.amount for _, e in desk.store.happened(CreditAdded) if e.account == key]
        for _, e in desk.store.happened(CreditTransferred):
            paid_in += [-e.amount] if e.account == key else []
            paid_in += [e.amount] if e.recipient == key else []
        transfers = [each.amount for each in found if each.kind == "transfer"]
        assert sorted(transfers) == sorted(paid_in)
        reserved = [each for each in found if each.kind == "reserved"]
        for each in all_of(desk, key):
            period = Interval(BEGIN, desk.clock.now)
            bill = views.statement_of(
                desk.store.market, each.id, period, archive=desk.store.archive
            )
            lines = [x for x in bill.lines if x.kind in (LineKind.DEPOSIT, LineKind.REFUND)]
            told = [-row.amount for row in reserved if row.contract == each.id]
            assert len(told) == len(lines)
            assert all(near(a, b.billed) for a, b in zip(told, lines, strict=True))


class TestVolumes:
    """Volumes and offers of them beside ``views.volumes_of`` and ``views.volume_offers``."""

    @pytest.mark.parametrize("key", CLIENTS)
    def test_rented(self, desk: Desk, key: str) -> None:
        rows = read_volumes(json.dumps(desk.ask(key, "GET", "/volumes/"))).rows
        known = views.volumes_of(desk.store.market, key)
        assert [row.id for row in rows] == [each.id for each in known]
        for row, each in zip(rows, known, strict=True):
            contract = each.contract
            assert (row.size_mb, row.price) == (contract.size_mb, contract.price)
            assert (row.start, row.end, row.host) == (contract.start, contract.end, contract.host)
            assert (row.machine, row.offered) == (contract.machine, False)
            users = desk.store.market.machine(contract.machine).users_of(each.id)
            assert row.instances == tuple(users)

    def test_offered(self, desk: Desk) -> None:
        rows = read_volumes(json.dumps(desk.ask("ann", "POST", "/volumes/search/", {}))).rows
        offers = views.volume_offers(desk.store.market, desk.clock.now)
        known = {each.id: each for each in offers if each.rentable}
        assert {row.id for row in rows} == set(known)
        for row in rows:
            each = known[row.id]
            assert (row.machine, row.host) == (each.machine, each.host)
            assert (row.size_mb, row.price) == (each.free_mb, each.price)
            assert (row.end, row.verification) == (each.ends_at, each.verification)
            assert row.offered


def test_these_lives_have_all_that_there_is(lives: list[Desk]) -> None:
    """Else the tests above would hold of nothing."""
    kinds = {each.kind for desk in lives for key in CLIENTS for each in charged(desk, key)}
    assert kinds == set(ChargeKind)
    paid = [
        each.kind
        for desk in lives
        for key in (HOST, *CLIENTS)
        for each in read_invoices(pages(desk, key, "/api/v1/invoices/", "when")).rows
    ]
    assert set(paid) == {"transfer", "payout", "reserved"}
    assert any(read_volumes(json.dumps(desk.ask("ann", "GET", "/volumes/"))).rows for desk in lives)
