"""The example service where the marketplace's pages are exact: batches, bounds, words, pages."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from examples.marketplace.store import SETTINGS
from marketplace import BEGIN, HOST, Desk
from numgenius_core.ids import AccountId, MachineId
from numgenius_core.intervals import Interval
from numgenius_core.listing import Machine
from numgenius_core.maintenance import MaintenanceWindow
from numgenius_core.market import Settings, views
from numgenius_core.market.commands import (
    AddCredit,
    AddMachine,
    AnnounceMaintenance,
    ReportOffline,
    ReportOnline,
    SetSettings,
)
from numgenius_core.money import Money

BATCH = "/machines/maintenances/batch"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path / "market.sqlite")
    desk.list()
    yield desk
    desk.store.close()


def epoch(days: float) -> float:
    """Return an instant some days after the beginning as Unix seconds."""
    return (BEGIN + timedelta(days=days)).timestamp()


def windows(desk: Desk, machines: str = "[1001, 1002]") -> Any:
    return desk.ask(HOST, "GET", "/machines/maintenances", machine_ids=machines)


class TestManyMachinesAtOnce:
    """Each is scheduled, or refused, for itself: a success if there is at least one."""

    def test_each_says_what_came_of_it(self, desk: Desk) -> None:
        desk.rent()
        body = {"machine_ids": [1001, 77, 1002], "sdate": epoch(2), "duration": 4}
        told = desk.ask(HOST, "POST", BATCH, body | {"maintenance_category": "power"})
        assert told["success"] is True
        first, missing, last = told["results"]
        assert first == {"success": True, "machine_id": 1001, "notifications_sent": 1}
        assert last == {"success": True, "machine_id": 1002, "notifications_sent": 0}
        assert (missing["success"], missing["machine_id"]) == (False, 77)
        assert (missing["error"], missing["code"]) == ("no_such_machine", "unknown_id")
        assert missing["msg"] == "machine_ids: need a machine of your own, got 77"
        rows = windows(desk)
        assert [row["machine_id"] for row in rows] == [1001, 1002]
        for row in rows:
            assert (row["start_time"], row["duration_hours"]) == (epoch(2), 4)
            assert (row["maintenance_category"], row["created_at"]) == ("power", epoch(0))

    def test_left_out_it_is_an_hour_and_other(self, desk: Desk) -> None:
        desk.ask(HOST, "POST", BATCH, {"machine_ids": [1001], "sdate": epoch(1)})
        (row,) = windows(desk)
        assert (row["duration_hours"], row["maintenance_category"]) == (1, "other")

    def test_one_that_has_a_window_then_keeps_it_and_the_others_get_theirs(
        self, desk: Desk
    ) -> None:
        desk.ask(HOST, "PUT", "/machines/1001/dnotify/", {"sdate": epoch(1), "duration": 48})
        body = {"machine_ids": [1001, 1002], "sdate": epoch(2)}
        told = desk.ask(HOST, "POST", BATCH, body)
        assert [row["success"] for row in told["results"]] == [False, True]
        assert "no overlap" in told["results"][0]["msg"]
        assert len(windows(desk)) == 2

    def test_none_is_a_refusal_that_names_each(self, desk: Desk) -> None:
        desk.ask("eve", "GET", "/users/current")
        before = desk.store.market
        body = {"machine_ids": [1001, 77], "sdate": epoch(1)}
        told = desk.ask("eve", "POST", BATCH, body, status=400)
        assert (told["success"], told["code"]) == (False, "unknown_id")
        assert [row["success"] for row in told["results"]] == [False, False]
        assert desk.store.market == before

    def test_windows_are_cancelled_by_their_numbers(self, desk: Desk) -> None:
        body = {"machine_ids": [1001, 1002], "sdate": epoch(2)}
        desk.ask(HOST, "POST", BATCH, body)
        begin = BEGIN + timedelta(days=3)
        theirs = MaintenanceWindow(period=Interval(begin, begin + timedelta(hours=1)))
        asyncio.run(desk.store.do(AnnounceMaintenance(machine=MachineId(1001), window=theirs)))
        first, locked, last = (row["id"] for row in windows(desk))
        asked = {"maintenance_ids": [first, locked, 99, first]}
        told = desk.ask(HOST, "DELETE", BATCH, asked)
        assert told["success"] is True
        assert told["results"][0] == {
            "success": True,
            "maintenance_id": first,
            "msg": "Maintenance record deleted",
        }
        assert [(row["maintenance_id"], row["error"]) for row in told["results"][1:]] == [
            (locked, "not_authorized"),
            (99, "not_found"),
        ]
        assert [row["id"] for row in windows(desk)] == [locked, last]
        told = desk.ask("eve", "DELETE", BATCH, {"maintenance_ids": [last]}, status=400)
        assert told["results"][0]["success"] is False
        told = desk.ask(HOST, "DELETE", BATCH, asked, status=400)
        assert len(told["results"]) == 3
        desk.restart()
        assert [row["id"] for row in windows(desk)] == [locked, last]

    @pytest.mark.parametrize("path", [BATCH, "/machines/1001/dnotify/"])
    def test_what_it_may_not_say(self, desk: Desk, path: str) -> None:
        """422 for a start that cannot be, 400 for the rest, and nothing changes."""
        before = desk.store.market
        method = "POST" if path == BATCH else "PUT"
        good: dict[str, Any] = {"sdate": epoch(1), "duration": 1}
        good |= {"machine_ids": [1001]} if path == BATCH else {}
        for change, status, why in (
            ({"sdate": None}, 422, "sdate: need Unix seconds"),
            ({"sdate": "soon"}, 422, "sdate: need Unix seconds"),
            ({"sdate": True}, 422, "sdate: need Unix seconds"),
            ({"sdate": 1e300}, 422, "sdate: need Unix seconds"),
            ({"sdate": epoch(0)}, 422, "sdate: need an instant after"),
            ({"sdate": epoch(366)}, 422, "sdate: need at most a year ahead"),
            ({"duration": 0}, 400, "duration: need hours above zero"),
            ({"duration": -1}, 400, "duration: need hours above zero"),
            ({"duration": "2"}, 400, "duration: need a number"),
            ({"maintenance_category": "moon"}, 400, "maintenance_category: need one of power"),
            ({"maintenance_category": 7}, 400, "maintenance_category: need text"),
        ):
            told = desk.ask(HOST, method, path, good | change, status)
            assert told["msg"].startswith(why)
            code = "start_out_of_bounds" if status == 422 else told["code"]
            assert (told["error"], told["code"]) == ("invalid_args", code)
            assert desk.store.market is before

    @pytest.mark.parametrize("ids", [None, [], 1001, list(range(101)), ["1"], [-1]])
    def test_ids_that_are_none(self, desk: Desk, ids: Any) -> None:
        new, gone = {"machine_ids": ids, "sdate": epoch(1)}, {"maintenance_ids": ids}
        for method, asked in (("POST", new), ("DELETE", gone)):
            told = desk.ask(HOST, method, BATCH, asked, status=400)
            assert "_ids" in told["msg"]

    def test_a_hundred_are_taken(self, desk: Desk) -> None:
        for number in range(1, 99):
            machine = Machine(id=number, host=AccountId(HOST), gpu_name="T4", gpus=1)
            desk.store.decide(AddMachine(machine=machine))
        asked = [*range(1, 99), 1001, 1002]
        told = desk.ask(HOST, "POST", BATCH, {"machine_ids": asked, "sdate": epoch(1)})
        assert [row["machine_id"] for row in told["results"] if row["success"]] == asked

    def test_which_machines_has_to_be_said(self, desk: Desk) -> None:
        for query, got in (({}, "null"), ({"machine_ids": "[]"}, "[]")):
            told = desk.ask(HOST, "GET", "/machines/maintenances", None, 400, **query)
            assert told["msg"] == f"machine_ids: need a list of 1 to 100 ids, got {got}"


class TestMachinesThatAreOffline:
    """After ten hours they are no longer listed, after three days not even if asked for."""

    def test_for_how_long_they_are_shown(self, desk: Desk) -> None:
        desk.store.decide(ReportOffline(machine=MachineId(1002)))
        desk.store.decide(ReportOnline(machine=MachineId(1002)))
        desk.clock.pass_(hours=1)
        asyncio.run(desk.store.do(ReportOffline(machine=MachineId(1002))))
        for seconds, plain, asked_for in (
            (0, 2, 2),
            (36_000, 2, 2),
            (36_001, 1, 2),
            (259_200, 1, 2),
            (259_201, 1, 1),
        ):
            desk.clock.now = BEGIN + timedelta(hours=1, seconds=seconds)
            for version in ("v0", "v1"):
                ask = partial(desk.ask, HOST, "GET", f"/api/{version}/machines")
                assert len(ask()["machines"]) == plain
                rows = ask(include_offline="true")["machines"]
                assert len(rows) == asked_for
                assert len(ask(include_offline="false")["machines"]) == plain
            (row,) = desk.ask(HOST, "GET", "/machines/1002")
            assert row["timeout"] == seconds
        assert desk.ask(HOST, "GET", "/machines/1001")[0]["timeout"] == 0

    def test_they_come_by_pages(self, desk: Desk) -> None:
        for number in range(1, 52):
            machine = Machine(id=number, host=AccountId(HOST), gpu_name="T4", gpus=1)
            desk.store.decide(AddMachine(machine=machine))
        seen: list[int] = []
        sizes, token = [], ""
        while token is not None:
            told = desk.ask(HOST, "GET", "/api/v1/machines/", limit="1000", after_token=token)
            assert (told["success"], told["total_machines"]) == (True, 53)
            assert told["machines_found"] == len(told["machines"])
            sizes.append(len(told["machines"]))
            seen += [row["id"] for row in told["machines"]]
            token = told["next_token"]
        assert (sizes, seen) == ([25, 25, 3], [*range(1, 52), 1001, 1002])


class TestRenting:
    """What starts at once is a success, what waits is none, and some do not want to wait."""

    def test_a_bid_that_waits_is_no_success_and_is_there(self, desk: Desk) -> None:
        offer, body = desk.offer(), {"image": "x", "disk": 8, "price": 0.4}
        won = desk.ask("ann", "PUT", f"/asks/{offer}/", body)
        assert won["success"] is True
        lost = desk.ask("ben", "PUT", f"/asks/{offer}/", body | {"price": 0.3})
        assert lost["success"] is False
        assert desk.instance("ben", lost["new_contract"])["actual_status"] == "stopped"

    def test_one_that_is_not_to_wait_is_refused(self, desk: Desk) -> None:
        offer = desk.offer()
        desk.rent(offer=offer, price=0.4)
        desk.ask("ben", "GET", "/users/current")
        before = desk.store.market
        body = {"image": "x", "disk": 8, "price": 0.3, "cancel_unavail": True}
        told = desk.ask("ben", "PUT", f"/asks/{offer}/", body, status=410)
        assert (told["error"], told["code"]) == ("no_such_ask", "not_available")
        assert "cancel_unavail" in told["msg"]
        assert desk.store.market == before
        assert desk.ask("ben", "PUT", f"/asks/{offer}/", body | {"price": 0.5})["success"]

    def test_two_of_a_request_that_are_in_each_others_way(self, desk: Desk) -> None:
        offer = desk.offer()
        body = {"ids": [offer, offer], "image": "x", "disk": 8, "price": 0.3}
        told = desk.ask("ben", "POST", "/asks/bulk/", body | {"cancel_unavail": True}, status=410)
        assert told["code"] == "not_available"
        assert desk.ask("ben", "POST", "/asks/bulk/", body)["success"] is False

    def test_what_is_rented_is_gone(self, desk: Desk) -> None:
        offer, free = desk.offer(), desk.offer(nth=1)
        body = {"image": "x", "disk": 8, "price": None}
        desk.rent(offer=offer)
        told = desk.ask("ben", "PUT", f"/asks/{offer}/", body, status=410)
        assert (told["error"], told["code"]) == ("no_such_ask", "not_available")
        desk.store.decide(ReportOffline(machine=MachineId(1001)))
        told = desk.ask("ben", "PUT", f"/asks/{free}/", body, status=410)
        assert "a machine that is online" in told["msg"]

    @pytest.mark.parametrize("disk", [0, 7.999])
    def test_a_disk_has_eight_gigabytes(self, desk: Desk, disk: float) -> None:
        body = {"image": "x", "disk": disk, "price": None}
        told = desk.ask("ann", "PUT", f"/asks/{desk.offer()}/", body, status=400)
        assert told["msg"] == f"disk: need at least 8 GB, got {disk}"
        desk.rent(disk=8)

    def test_a_flag_is_one(self, desk: Desk) -> None:
        body = {"image": "x", "disk": 8, "price": 0.3, "cancel_unavail": "yes"}
        told = desk.ask("ann", "PUT", f"/asks/{desk.offer()}/", body, status=400)
        assert told["msg"] == 'cancel_unavail: need true or false, got "yes"'


class TestMoney:
    """Whose charges there are, how many rows come at once, what is too long."""

    def test_a_host_has_no_charges(self, desk: Desk) -> None:
        days = json.dumps({"day": {"gte": epoch(-1), "lte": epoch(1)}})
        told = desk.ask(HOST, "GET", "/charges/", None, 403, select_filters=days)
        assert "hosts have no charges for instances" in told["msg"]
        billed = Settings(
            waiting_on_a_machine=SETTINGS.waiting_on_a_machine,
            longest_step=SETTINGS.longest_step,
            own_tests_billed=True,
        )
        asyncio.run(desk.store.do(SetSettings(settings=billed)))
        asyncio.run(desk.store.do(AddCredit(account=AccountId(HOST), amount=Money(9))))
        desk.rent(HOST)
        desk.clock.pass_(hours=1)
        (row,) = desk.ask(HOST, "GET", "/charges/", None, select_filters=days)["results"]
        assert row["amount"] > 1

    def test_a_page_has_as_many_rows_as_the_markets(self, desk: Desk) -> None:
        for _ in range(61):  # with the one that is there: more than the sixty of a page of ours
            desk.ask("ann", "DELETE", f"/instances/{self.used(desk)}/")
        desk.rent()
        desk.clock.pass_(hours=1)
        days = {"gte": epoch(-1), "lte": epoch(9)}
        charges = partial(desk.ask, "ann", "GET", "/charges/")
        told = charges(select_filters=json.dumps({"day": days}), limit="1000")
        assert (told["count"], told["total"], told["next_token"]) == (62, 62, None)
        assert charges(select_filters=json.dumps({"day": days}), limit="5")["count"] == 5
        told = desk.ask(
            "ann",
            "GET",
            "/api/v1/invoices/",
            select_filters=json.dumps({"when": days}),
            limit="1000",
        )
        assert (told["count"], told["total"]) == (60, 123)

    def used(self, desk: Desk) -> int:
        """Return an instance that was reserved and used for a second."""
        number = desk.rent()
        desk.ask("ann", "PUT", f"/instances/prepay/{number}/", {"amount": 5.0})
        desk.clock.pass_(seconds=1)
        return number

    def test_what_is_prepaid_has_to_fit(self, desk: Desk) -> None:
        desk.list(end_date=epoch(30))
        number = desk.rent()
        body = {"amount": 577.0}
        told = desk.ask("ann", "PUT", f"/instances/prepay/{number}/", body, status=400)
        assert (told["error"], told["code"]) == ("rental_too_long", "rental_too_long")
        assert told["msg"].startswith("amount: need at most $576.00, which lasts until")
        assert views.deposit_of(desk.store.market, number, desk.clock.now).left == Money(0)

    def test_earnings_by_the_number_of_a_user(self, desk: Desk) -> None:
        mine = desk.ask(HOST, "GET", "/users/me/machine-earnings/", last_days="1")
        assert desk.ask(HOST, "GET", "/users/4711/machine-earnings/", last_days="1") == mine
