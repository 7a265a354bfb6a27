"""What happens once, however often and at however many workers it is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from starlette.testclient import TestClient

from disks import is_full
from examples.marketplace.__main__ import CREDIT
from examples.marketplace.app import Service
from marketplace import BEGIN, HOST, Desk
from numgenius_core.ids import AccountId
from numgenius_core.market import views
from numgenius_core.market.events import CreditAdded, MaintenanceScheduled
from numgenius_core.money import Money

FRIDAY = BEGIN + timedelta(days=4)  # it begins on a Monday
BATCH = "/machines/maintenances/batch/"
Patch = pytest.MonkeyPatch


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path / "market.sqlite")
    desk.list()
    yield desk
    desk.store.close()


def paying(desk: Desk) -> None:
    """Let the service pay hosts out each week."""
    app = Service(desk.store, desk.rate, CREDIT, payouts=True).app()
    desk.client = TestClient(app, raise_server_exceptions=False)


def two(desk: Desk) -> list[int]:
    """Rent two instances and return their numbers."""
    offers = [desk.offer(2, 0), desk.offer(2, 1)]
    return [desk.rent("ann", offer) for offer in offers]


def windows(desk: Desk) -> dict[str, Any]:
    at = (desk.clock() + timedelta(days=2)).timestamp()
    return {"machine_ids": [1001, 1002, 7], "sdate": at, "duration": 2}


class TestAnAccount:
    """The credit that an account begins with."""

    def test_is_opened_by_one_of_two_workers(self, desk: Desk) -> None:
        other = Desk(desk.path, clock=desk.clock)
        desk.ask("ann", "GET", "/users/current")
        assert "ann" not in other.store.market.accounts
        assert other.ask("ann", "GET", "/users/current")["balance"] == float(str(CREDIT))
        assert len(desk.store.happened(CreditAdded, AccountId("ann"))) == 1
        other.store.close()


class TestSeveralThings:
    """A request about several things, asked again with its key."""

    def test_what_was_destroyed_is_told_again(self, desk: Desk) -> None:
        mine = two(desk)
        desk.headers = {"Idempotency-Key": "k"}
        wanted = {"instance_ids": [*mine, 999]}
        first = desk.ask("ann", "DELETE", "/instances/", wanted)
        assert (first["destroyed"], len(first["failed"])) == (mine, 1)
        assert desk.ask("ann", "DELETE", "/instances/", wanted) == first
        desk.restart()
        assert desk.ask("ann", "DELETE", "/instances/", wanted) == first

    def test_maintenance_is_planned_once_and_cancelled_once(self, desk: Desk) -> None:
        wanted = windows(desk)
        desk.headers = {"Idempotency-Key": "plan"}
        first = desk.ask(HOST, "POST", BATCH, wanted)
        assert [row["success"] for row in first["results"]] == [True, True, False]
        assert desk.ask(HOST, "POST", BATCH, wanted) == first
        planned = desk.store.happened(MaintenanceScheduled)
        assert len(planned) == 2
        numbers = {"maintenance_ids": [event.window.id for _, event in planned]}
        desk.headers = {"Idempotency-Key": "cancel"}
        first = desk.ask(HOST, "DELETE", BATCH, numbers)
        assert desk.ask(HOST, "DELETE", BATCH, numbers) == first
        assert not any(place.schedule.windows for place in desk.store.market.machines.values())

    def test_clients_told_are_counted_by_machine(self, desk: Desk) -> None:
        desk.ask(HOST, "PUT", "/machines/create_asks/", {"machine": 1002, "price_gpu": 1})
        two(desk)
        rows = desk.ask(HOST, "POST", BATCH, windows(desk))["results"]
        assert [row.get("notifications_sent") for row in rows] == [2, 0, None]

    def test_a_full_disk_leaves_all_of_it_undone(self, desk: Desk, monkeypatch: Patch) -> None:
        mine = two(desk)
        with monkeypatch.context() as patch:
            is_full(desk.store._log, patch)
            desk.ask("ann", "DELETE", "/instances/", {"instance_ids": mine}, 503)
        assert all(number in desk.store.market.homes for number in mine)

    def test_somebody_who_is_faster_is_seen(self, desk: Desk) -> None:
        other = Desk(desk.path, clock=desk.clock)
        mine = two(desk)
        other.ask("ann", "DELETE", f"/instances/{mine[0]}/")
        told = desk.ask("ann", "DELETE", "/instances/", {"instance_ids": mine})
        assert told["destroyed"] == mine[1:]
        other.store.close()


TRANSFER: Final = {"recipient": "bob", "amount": 5}
THRESHOLD: Final = {"autobill_threshold": 3}


class TestAKeyOfAnotherRequest:
    """A key is its account's, and that of what was asked for first: nothing else happens by it."""

    @pytest.fixture
    def desk(self, desk: Desk) -> Desk:
        desk.ask("bob", "GET", "/users/current")
        return desk

    def refused(self, desk: Desk, method: str, path: str, body: Any, **query: str) -> None:
        """See a request refused for its key, and the market as it was."""
        before = desk.store.version()
        told = desk.ask("ann", method, path, body, 422, **query)
        assert (told["success"], told["error"]) == (False, "idempotency_key_reused")
        assert told["code"] == "idempotency_key_reused"
        assert desk.store.version() == before

    def test_another_door_or_another_body_is_refused(self, desk: Desk) -> None:
        desk.headers = {"Idempotency-Key": "k"}
        first = desk.ask("ann", "PUT", "/commands/transfer_credit/", TRANSFER)
        for _ in range(2):
            self.refused(desk, "PUT", "/users/", THRESHOLD)
            self.refused(desk, "PUT", "/commands/transfer_credit/", TRANSFER | {"amount": 6})
            self.refused(desk, "PUT", "/commands/transfer_credit/", TRANSFER | {"sender": "me"})
            self.refused(desk, "DELETE", "/instances/7/", {})
            desk.restart()
        again = desk.ask("ann", "PUT", "/commands/transfer_credit", TRANSFER)
        assert again == first
        assert desk.ask("bob", "GET", "/users/current")["credit"] == 10_005

    def test_another_number_in_the_path_or_the_query_is_refused(self, desk: Desk) -> None:
        mine = two(desk)
        desk.headers = {"Idempotency-Key": "k"}
        first = desk.ask("ann", "PUT", f"/instances/{mine[0]}/", {"state": "stopped"})
        self.refused(desk, "PUT", f"/instances/{mine[1]}/", {"state": "stopped"})
        self.refused(desk, "PUT", f"/instances/{mine[0]}/", {"state": "stopped"}, owner="me")
        assert desk.ask("ann", "PUT", f"/instances/{mine[0]}/", {"state": "stopped"}) == first

    def test_the_same_written_otherwise_is_the_same(self, desk: Desk) -> None:
        headers = {"Authorization": "Bearer ann", "Idempotency-Key": "k"}
        path = "/api/v0/commands/transfer_credit"
        texts = (b'{"recipient": "bob", "amount": 5}', b'{"amount":5,"recipient":"\\u0062ob"}')
        told = [desk.client.put(path, content=each, headers=headers) for each in texts]
        told.append(desk.client.put(f"{path}/?api_key=ann", content=texts[0], headers=headers))
        assert [each.status_code for each in told] == [200] * 3
        assert len({each.text for each in told}) == 1
        assert desk.ask("bob", "GET", "/users/current")["credit"] == 10_005

    def test_another_worker_refuses_it_too(self, desk: Desk) -> None:
        other = Desk(desk.path, clock=desk.clock)
        desk.headers = other.headers = {"Idempotency-Key": "k"}
        first = desk.ask("ann", "PUT", "/commands/transfer_credit/", TRANSFER)
        self.refused(other, "PUT", "/users/", THRESHOLD)
        assert other.ask("ann", "PUT", "/commands/transfer_credit/", TRANSFER) == first
        other.store.close()

    def test_of_two_at_once_one_is_refused(self, desk: Desk, monkeypatch: Patch) -> None:
        desk.headers = {"Idempotency-Key": "k"}
        desk.ask("ann", "PUT", "/commands/transfer_credit/", TRANSFER)
        with monkeypatch.context() as patch:  # it was not there yet when the second one looked
            patch.setattr(desk.store, "reply", lambda _: None)
            self.refused(desk, "PUT", "/users/", THRESHOLD)

    @pytest.mark.parametrize("key", ["", " ", "\t", "a\xa0b", "x" * 129])
    def test_a_key_that_is_none_is_refused(self, desk: Desk, key: str) -> None:
        desk.headers = {"Idempotency-Key": key.encode("latin-1")}  # type: ignore[dict-item]
        before = desk.store.version()
        told = desk.ask("ann", "PUT", "/commands/transfer_credit/", TRANSFER, 400)
        assert told["msg"].startswith("Idempotency-Key: need 1 to 128 printable characters")
        assert desk.store.version() == before

    def test_two_keys_are_refused(self, desk: Desk) -> None:
        headers = [("Authorization", "Bearer ann"), *[("Idempotency-Key", key) for key in "ab"]]
        answer = desk.client.put("/api/v0/users/", json=THRESHOLD, headers=headers)
        assert answer.status_code == 400
        assert answer.json()["msg"] == "Idempotency-Key: need one key, got 2 of them"

    def test_keys_of_two_accounts_are_never_one(self, desk: Desk) -> None:
        for account, key in (("zoe x", "1"), ("zoe", "x 1"), ("z" * 200, "1")):
            desk.headers = {"Idempotency-Key": key}
            desk.ask(account, "PUT", "/commands/transfer_credit/", TRANSFER)
        assert desk.ask("bob", "GET", "/users/current")["credit"] == 10_015


class TestTheWeeklyRun:
    """Whoever asks first on a Friday has nothing to do with what hosts are paid."""

    def test_a_refused_payout_is_not_the_answer(self, desk: Desk, monkeypatch: Patch) -> None:
        paying(desk)
        desk.clock.now = FRIDAY
        due = ((AccountId(HOST), Money(20)),)
        with monkeypatch.context() as patch:  # it was due, and is no more
            patch.setattr(views, "payouts_due", lambda *_: due)
            assert desk.ask("ann", "GET", "/users/current")["balance"] > 0

    def test_a_request_that_has_happened_is_told_so(self, desk: Desk, monkeypatch: Patch) -> None:
        paying(desk)
        number = desk.rent("ann")
        desk.headers = {"Idempotency-Key": "gone"}
        first = desk.ask("ann", "DELETE", f"/instances/{number}/")
        desk.clock.now = FRIDAY
        with monkeypatch.context() as patch:
            is_full(desk.store._log, patch)
            desk.ask("ann", "GET", "/users/current", None, 503)
            assert desk.ask("ann", "DELETE", f"/instances/{number}/") == first
