"""The example service's transfers and payouts: who may hand on what, and who is paid on Fridays."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from disks import is_full
from examples.marketplace.__main__ import CREDIT
from examples.marketplace.app import Service
from examples.marketplace.commands import instances_load_at_once
from examples.marketplace.store import Store
from marketplace import BEGIN, HOST, Desk
from numgenius_core.ids import AccountId
from numgenius_core.market.commands import AddCredit
from numgenius_core.money import Money

FRIDAY = BEGIN + timedelta(days=4)  # it begins on a Monday


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path / "market.sqlite")
    desk.list()
    for key in ("ann", "ben"):
        desk.ask(key, "GET", "/users/current")
    yield desk
    desk.store.close()


def balance(desk: Desk, key: str) -> float:
    return float(desk.ask(key, "GET", "/users/current")["balance"])


def transfer(desk: Desk, status: int = 200, key: str = "ann", **fields: Any) -> Any:
    body = {"sender": "me", "recipient": "ben", "amount": 5.25} | fields
    return desk.ask(key, "PUT", "/commands/transfer_credit/", body, status)


def invoices(desk: Desk, key: str) -> list[tuple[str, str, float, Any]]:
    desk.clock.pass_(seconds=1)  # what happens now is in no report yet
    when = {"when": {"gte": 0, "lte": desk.clock().timestamp()}}
    answer = desk.ask(key, "GET", "/api/v1/invoices/", select_filters=json.dumps(when))
    return [
        (row["type"], row["description"], row["amount"], row["end"]) for row in answer["results"]
    ]


class TestTransfers:
    """At least a cent, in whole cents, not to oneself, not above the balance."""

    def test_it_leaves_one_and_arrives_at_the_other(self, desk: Desk) -> None:
        assert transfer(desk)["success"] is True
        assert (balance(desk, "ann"), balance(desk, "ben")) == (9_994.75, 10_005.25)
        now = BEGIN.timestamp()
        assert invoices(desk, "ann")[1:] == [("transfer", "Credit to ben", -5.25, now)]
        assert invoices(desk, "ben")[1:] == [("transfer", "Credit from ann", 5.25, now)]
        assert invoices(desk, HOST) == []
        told = desk.ask("ben", "GET", "/notifications")["notifications"][-1]
        assert (told["kind"], told["facts"]["account"]) == ("credit transferred", "ann")
        desk.restart()
        assert balance(desk, "ben") == 10_005.25

    @pytest.mark.parametrize(
        ("fields", "status", "why"),
        [
            ({"amount": 10_000.01}, 411, "a balance of at least $10000.01"),
            ({"amount": 0.003}, 400, "amount: need whole cents"),
            ({"amount": 0}, 400, "amount: need an amount above zero"),
            ({"amount": -5}, 400, "amount: need an amount above zero"),
            ({"amount": "5"}, 400, "amount: need a number"),
            ({"amount": None}, 400, "amount: need a number"),
            ({"amount": 1 / 3}, 400, "need"),
            ({"recipient": "ann"}, 400, "recipient: need another account"),
            ({"recipient": "nobody"}, 404, "an account of this market"),
            ({"recipient": 7}, 400, "recipient: need text"),
            ({"recipient": None}, 400, "need"),
            ({"sender": "ben"}, 403, "sender: need me"),
        ],
    )
    def test_what_is_refused(self, desk: Desk, fields: Any, status: int, why: str) -> None:
        before = desk.store.market
        told = transfer(desk, status, **fields)
        assert why in told["msg"]
        assert "\n" not in told["msg"]
        assert desk.store.market == before


class TestPayouts:
    """With the first request of a Friday, if it was started so."""

    @pytest.fixture(autouse=True)
    def paying(self, desk: Desk) -> None:
        self.serve(desk)
        self.number = desk.rent()  # $1 an hour for two GPUs, and storage

    def serve(self, desk: Desk) -> None:
        app = Service(desk.store, 1e6, CREDIT, payouts=True).app()
        desk.client = TestClient(app, raise_server_exceptions=False)

    def test_a_worker_whose_clock_is_ahead_keeps_nobody_from_being_paid(self, desk: Desk) -> None:
        desk.clock.now, ahead = FRIDAY, FRIDAY + timedelta(seconds=2)
        other = Store(str(desk.path), clock=lambda: ahead, react=instances_load_at_once)
        asyncio.run(other.do(AddCredit(account=AccountId("ann"), amount=Money(1))))
        other.close()
        assert balance(desk, HOST) == pytest.approx(0, abs=0.01)

    def test_a_host_is_paid_what_it_earned_and_once(self, desk: Desk) -> None:
        desk.clock.now = FRIDAY - timedelta(seconds=1)
        assert balance(desk, HOST) > 90
        desk.clock.now = FRIDAY
        assert balance(desk, HOST) == pytest.approx(0, abs=0.01)  # but for parts of a cent
        paid = invoices(desk, HOST)[-1]
        assert (paid[0], paid[3]) == ("payout", None)  # pending
        assert paid[2] == pytest.approx(96 * (1 + 10 * 0.1 / 720), abs=0.01)
        desk.clock.pass_(hours=23)
        assert balance(desk, HOST) > 22  # earned since, for the next run
        desk.restart()
        self.serve(desk)
        assert balance(desk, HOST) > 22
        desk.clock.now = FRIDAY + timedelta(days=7)
        assert balance(desk, HOST) == pytest.approx(0, abs=0.02)
        first, second = invoices(desk, HOST)[-2:]
        assert (first[3], second[3]) == ((FRIDAY + timedelta(days=7)).timestamp(), None)
        kinds = [row["kind"] for row in desk.ask(HOST, "GET", "/notifications")["notifications"]]
        assert kinds.count("payout invoiced") == 2

    def test_a_missed_friday_rolls_over(self, desk: Desk) -> None:
        desk.clock.now = FRIDAY + timedelta(days=1)
        assert balance(desk, HOST) > 119
        desk.clock.now = FRIDAY + timedelta(days=7, hours=5)
        assert balance(desk, HOST) == pytest.approx(0, abs=0.01)

    def test_clients_and_what_is_below_the_least_are_not_paid(self, desk: Desk) -> None:
        desk.ask("ann", "DELETE", f"/instances/{self.number}/")
        market = desk.store.market
        desk.clock.now = FRIDAY
        assert (balance(desk, "ann"), balance(desk, HOST)) == (10_000, 0)
        assert desk.store.market.accounts == market.accounts

    def test_what_could_not_be_stored_is_paid_with_the_next_request(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        desk.clock.now = FRIDAY
        is_full(desk.store._log, monkeypatch)
        desk.ask(HOST, "GET", "/users/current", status=503)
        monkeypatch.undo()
        assert balance(desk, HOST) == pytest.approx(0, abs=0.01)
        assert invoices(desk, HOST)[-1][0] == "payout"

    def test_without_payouts_it_stays(self, desk: Desk) -> None:
        desk.restart()
        desk.clock.now = FRIDAY
        assert balance(desk, HOST) > 90
