"""The example service: each route, each limit, and what it keeps."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from fractions import Fraction
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import Any, ClassVar, Final

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from jsonschema import Draft202012Validator
from starlette.testclient import TestClient

from effort import examples, up_to
from examples.marketplace.doors import COMMANDS, DOORS, Door, plain
from examples.marketplace.openapi import document
from examples.marketplace.paging import page
from examples.marketplace.reading import MAX_BODY, MAX_DEPTH, Call, listing
from marketplace import BEGIN, HOST, Desk
from numgenius_core.errors import NumgeniusError, ReactionRefused
from numgenius_core.ids import AccountId, MachineId
from numgenius_core.intervals import Interval
from numgenius_core.maintenance import MaintenanceWindow
from numgenius_core.market import events as it, views
from numgenius_core.market.commands import (
    AddCredit,
    AnnounceMaintenance,
    ReportOffline,
    TransferCredit,
)
from numgenius_core.money import Money


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path / "market.sqlite")
    yield desk
    desk.store.close()


@pytest.fixture
def listed(desk: Desk) -> Desk:
    desk.list()
    return desk


def epoch(days: float) -> float:
    """Return an instant some days after the beginning as Unix seconds."""
    return (BEGIN + timedelta(days=days)).timestamp()


class TestAccounts:
    """Any key is an account named by it, opened with $10,000 at its first use."""

    def test_it_is_opened_once(self, desk: Desk) -> None:
        for _ in range(3):
            assert desk.ask("ann", "GET", "/users/current")["credit"] == 10_000
        paid = [e for _, e in desk.store.events() if isinstance(e, it.CreditAdded)]
        assert [(e.account, e.amount) for e in paid] == [("ann", Money(10_000))]

    def test_a_host_is_one_by_its_machines(self, desk: Desk) -> None:
        assert desk.ask(HOST, "GET", "/users/current")["host_agreement_accepted"] is True
        assert desk.ask("ann", "GET", "/users/current")["host_agreement_accepted"] is False

    @pytest.mark.parametrize("header", ["", "ann", "Basic ann", "Bearer", "Bearer   "])
    def test_without_a_key_nothing_is_answered(self, desk: Desk, header: str) -> None:
        answer = desk.client.get("/api/v0/users/current", headers={"Authorization": header})
        assert (answer.status_code, answer.json()["msg"]) == (401, "Invalid user key")

    def test_a_key_that_can_be_no_account_is_refused(self, desk: Desk) -> None:
        told = desk.ask("x" * 201, "GET", "/users/current", status=400)
        assert "1 to 200 printable characters" in told["msg"]

    def test_the_names_of_gpus_need_none(self, desk: Desk) -> None:
        answer = desk.client.get("/api/v0/gpu_names/unique/")
        assert answer.json() == {"gpu_names": ["A100", "RTX 3090"]}
        assert "" not in desk.store.market.accounts


class TestHosts:
    """Listing, unlisting, floors, default jobs, maintenance, cleaning up."""

    def test_what_is_left_out_is_as_the_client_says(self, desk: Desk) -> None:
        desk.ask(
            HOST,
            "PUT",
            "/machines/create_asks/",
            {"machine": 1001, "price_gpu": 0.1 + 0.2, "min_chunk": 1},
        )
        (row,) = desk.ask(HOST, "GET", "/machines/1001", owner="me")
        assert row["listed_gpu_cost"] == 0.3  # the shortest text of the float, at 12 decimals
        assert (row["listed_storage_cost"], row["credit_discount_max"]) == (0.1, 0.4)
        assert (row["listed_inet_up_cost"], row["min_bid_price"], row["end_date"]) == (0, 0, None)

    def test_zero_is_not_left_out(self, desk: Desk) -> None:
        desk.list(price_disk=0, credit_discount_max=0.0, vol_size=0)
        (row,) = desk.ask(HOST, "GET", "/machines/1001", owner="me")
        assert (row["listed_storage_cost"], row["credit_discount_max"]) == (0, 0)

    def test_a_rolling_end_is_typed(self, desk: Desk) -> None:
        desk.list(duration="30 days")
        assert [row["duration"] for row in desk.search(num_gpus={"eq": "8"})] == [30 * 86_400]
        desk.clock.pass_(days=3, hours=1)
        assert [row["duration"] for row in desk.search(num_gpus={"eq": "8"})] == [30 * 86_400]
        (row,) = desk.ask(HOST, "GET", "/machines/1001", owner="me")
        assert row["end_date"] == epoch(33) + 3_600
        desk.list(duration="86400")
        assert [row["duration"] for row in desk.search(num_gpus={"eq": "8"})] == [86_400]

    def test_a_later_end_extends_and_says_how_many(self, desk: Desk) -> None:
        assert desk.list(end_date=epoch(10))["extended"] == 0
        number = desk.rent()
        desk.rent("ben", desk.offer(nth=1))
        assert desk.list(end_date=epoch(20))["extended"] == 2
        assert desk.instance("ann", number)["end_date"] == epoch(20)

    def test_what_a_roll_extends_is_not_counted(self, desk: Desk) -> None:
        desk.list(duration="2 days")
        desk.rent()
        desk.clock.pass_(days=1)
        assert desk.list(duration="2 days")["extended"] == 0

    def test_unlisting_keeps_contracts(self, listed: Desk) -> None:
        number = listed.rent()
        listed.ask(HOST, "DELETE", "/machines/1001/asks/")
        assert listed.search(machine_id={"eq": "1001"}) == []
        assert listed.instance("ann", number)["actual_status"] == "running"

    def test_a_floor_makes_lower_bids_wait(self, listed: Desk) -> None:
        number = listed.rent(price=0.4)
        listed.ask(HOST, "PUT", "/machines/1001/minbid/", {"client_id": "me", "price": 0.3})
        assert listed.instance("ann", number)["actual_status"] == "stopped"
        listed.ask(HOST, "PUT", "/machines/1001/minbid/", {"client_id": "me", "price": 0.2})
        assert listed.instance("ann", number)["actual_status"] == "running"

    def test_a_machine_says_who_has_its_gpus(self, listed: Desk) -> None:
        ends = listed.rent("ann", listed.offer(2, 0))
        listed.rent("ann", listed.offer(2, 1), price=0.4)
        listed.rent("ben", listed.offer(2, 1), price=0.3)  # waits
        prepaid = listed.rent("ben", listed.offer(2, 2))
        listed.ask("ben", "PUT", f"/instances/prepay/{prepaid}/", {"amount": 10})
        (row,) = listed.ask(HOST, "GET", "/machines/1001", owner="me")
        assert row["gpu_occupancy"] == "D D I I R R x x "
        assert row["client_end_date"] is None
        assert listed.instance("ann", ends)["end_date"] is None

    def test_the_client_end_date_is_the_latest(self, desk: Desk) -> None:
        desk.list(end_date=epoch(10))
        desk.rent()
        desk.list(end_date=epoch(5), price_gpu=0.4)
        (row, _) = desk.ask(HOST, "GET", "/machines", owner="me")["machines"]
        assert (row["end_date"], row["client_end_date"]) == (epoch(5), epoch(10))

    def test_default_jobs(self, desk: Desk) -> None:
        job = {"machine": 1001, "price_gpu": 0.1, "image": "miner", "args": None}
        desk.ask(HOST, "PUT", "/machines/create_bids/", job)
        assert views.machine(desk.store.market, MachineId(1001)).default_job == "miner"
        desk.ask(HOST, "DELETE", "/machines/1001/defjob/")
        assert (
            "a machine with a default job"
            in desk.ask(HOST, "DELETE", "/machines/1001/defjob/", status=400)["msg"]
        )

    def test_maintenance_is_scheduled_shown_and_cancelled(self, listed: Desk) -> None:
        window = {"client_id": "me", "sdate": epoch(2), "duration": 0.5}
        for category, word in (("power", "power"), ("not provided", "other"), (None, "other")):
            body = window | {"maintenance_category": category}
            listed.ask(HOST, "PUT", "/machines/1001/dnotify/", body)
            (row,) = listed.ask(
                HOST, "GET", "/machines/maintenances", owner="me", machine_ids="[1001, 1002]"
            )
            assert row.pop("id") > 0
            assert row == {
                "machine_id": 1001,
                "start_time": epoch(2),
                "end_time": epoch(2) + 3_600,
                "duration_hours": 1,
                "maintenance_category": word,
                "maintenance_reason": "",
                "admin_locked": False,
                "status": "upcoming",
                "created_at": epoch(0),
                "cancelled_at": None,
            }
            listed.ask(HOST, "PUT", "/machines/1001/cancel_maint/", {"machine_id": 1001})
        assert listed.ask(HOST, "GET", "/machines/maintenances", machine_ids="[1001]") == []

    def test_defragmenting_says_what_moved(self, listed: Desk) -> None:
        assert listed.ask(HOST, "PUT", "/machines/defrag_offers/", {"machine_ids": [1001]}) == {
            "success": True
        }
        told = listed.ask(
            HOST, "PUT", "/machines/defrag_offers/", {"machine_ids": [1001, 1002]}, status=400
        )
        assert "a machine that is listed" in told["msg"]

    def test_cleaning_up_deletes_what_expired_two_days_ago(self, desk: Desk) -> None:
        desk.list(end_date=epoch(1))
        number = desk.rent()
        for days, deleted, why in (
            (2.9, 0, "No expired contracts to delete"),
            (3, 1, "deleted 1 expired contracts on machine 1001"),
        ):
            desk.clock.now = BEGIN + timedelta(days=days)
            told = desk.ask(HOST, "PUT", "/machines/1001/cleanup/")
            wanted = {"success": deleted > 0, "num_deleted": deleted, "msg": why}
            assert told == wanted | {"ctime": epoch(days), "machine_id": 1001, "user_id": HOST}
        assert desk.instance("ann", number) is None

    def test_a_machine_is_removed_when_it_is_empty(self, desk: Desk) -> None:
        desk.list()
        assert (
            "unlisted" in desk.ask(HOST, "POST", "/machines/1001/force_delete/", status=400)["msg"]
        )
        desk.ask(HOST, "DELETE", "/machines/1001/asks/")
        desk.ask(HOST, "POST", "/machines/1001/force_delete/")
        assert [row["id"] for row in desk.ask(HOST, "GET", "/machines")["machines"]] == [1002]

    def test_earnings_are_what_clients_paid(self, listed: Desk) -> None:
        listed.rent(disk=72)
        listed.clock.pass_(hours=10)
        day = epoch(0) / 86_400
        told = self.earned(listed, sday=str(day), eday=str(day), machid="null")
        one = {"gpu_earn": 10, "sto_earn": 0.1, "bwu_earn": 0, "bwd_earn": 0, "sla_earn": 0}
        nothing = dict.fromkeys(one, 0)
        assert told["summary"] == {
            "total_gpu": 10,
            "total_stor": 0.1,
            "total_bwu": 0,
            "total_bwd": 0,
            "total_sla": 0,
            "avg_reliability": 0.9875,
        }
        assert told["per_machine"] == [
            {"machine_id": 1001, "reliability": 0.98} | one,
            {"machine_id": 1002, "reliability": 0.995} | nothing,  # zeros too
        ]
        assert told["per_day"] == [{"day": day} | one]
        assert (told["sday"], told["eday"], told["username"]) == (day, day, HOST)
        left = listed.ask(HOST, "GET", "/users/current")["credit"]
        current = {"balance": left, "service_fee": 0, "total": left, "credit": left}
        assert told["current"] == current

    def test_earnings_of_one_machine_and_of_the_last_days(self, listed: Desk) -> None:
        listed.list(price_disk=0)
        listed.clock.pass_(hours=12)
        listed.rent()
        listed.clock.pass_(hours=24)
        day = int(epoch(0) / 86_400)
        told = self.earned(listed, last_days="1", machid="1002")
        assert [row["machine_id"] for row in told["per_machine"]] == [1002]
        assert told["summary"]["total_gpu"] == 0
        # The days are the whole fleet's, whichever machine is asked for.
        days = [(row["day"], row["gpu_earn"]) for row in told["per_day"]]
        assert days == [(day, 12), (day + 1, 12)]
        assert self.earned(listed, sday="1", eday="1")["summary"]["total_gpu"] == 0

    def earned(self, desk: Desk, **query: str) -> Any:
        return desk.ask(HOST, "GET", "/users/me/machine-earnings", None, 200, **query)

    def test_a_machine_says_what_it_earned(self, listed: Desk) -> None:
        listed.list(price_disk=0)
        listed.rent()
        listed.clock.pass_(hours=30)
        (row,) = listed.ask(HOST, "GET", "/machines/1001", owner="me")
        assert (row["earn_hour"], row["earn_day"]) == (1, 24)

    def test_a_machine_counts_its_rentals_and_its_disk(self, listed: Desk) -> None:
        offer = listed.offer()
        listed.rent(offer=offer, price=0.4, disk=40)
        listed.rent(offer=offer, price=0.3, disk=60)  # waits
        stopped = listed.rent("ben", listed.offer(2, 1), disk=100)
        listed.ask("ben", "PUT", f"/instances/{stopped}/", {"state": "stopped"})
        listed.rent("ben", listed.offer(2, 2), disk=8)
        (row,) = listed.ask(HOST, "GET", "/machines/1001", owner="me")
        assert row["current_rentals_running"] == 2
        assert row["current_rentals_running_on_demand"] == 1
        assert row["current_rentals_resident"] == 4
        assert row["current_rentals_on_demand"] == 2
        assert (row["disk_space"], row["alloc_disk_space"]) == (1_000, 208)
        assert row["avail_disk_space"] == 792
        assert (row["machine_maintenance"], row["bid_image"], row["timeout"]) == (None, None, 0)
        listed.ask(HOST, "PUT", "/machines/1001/dnotify/", {"sdate": epoch(2), "duration": 1.0})
        (row,) = listed.ask(HOST, "GET", "/machines/1001", owner="me")
        assert [window["start_time"] for window in row["machine_maintenance"]] == [epoch(2)]

    def test_what_is_listed_is_null_once_it_is_not(self, desk: Desk) -> None:
        desk.list(duration="2 days")
        (row,) = desk.ask(HOST, "GET", "/machines/1001", owner="me")
        assert (row["listed"], row["duration"], row["listed_min_gpu_count"]) == (True, 172_800, 2)
        told = desk.ask(HOST, "DELETE", "/machines/1001/asks/")
        whose = {"machine_id": 1001, "user_id": HOST, "orphaned_cleaned": 0}
        assert told == {"success": True} | whose
        (row,) = desk.ask(HOST, "GET", "/machines/1001", owner="me")
        assert row["listed"] is False
        for name in ("listed_gpu_cost", "min_bid_price", "end_date", "credit_discount_max"):
            assert row[name] is None

    def test_an_offline_machine_is_not_listed(self, desk: Desk) -> None:
        desk.store.decide(ReportOffline(machine=MachineId(1001)))
        told = desk.list(status=402)
        assert (told["error"], told["code"]) == ("machine_offline", "machine_offline")
        assert "an online machine" in told["msg"]
        body = {"machine": 1001, "price_gpu": 1}
        told = desk.ask("eve", "PUT", "/machines/create_asks/", body, status=403)
        assert told["error"] == "not_authorized"
        desk.list(1002)

    def test_several_machines_are_listed_at_once(self, desk: Desk) -> None:
        body = {"machines": [1001, 1002], "price_gpu": 0.5, "min_chunk": 1, "end_date": epoch(5)}
        told = desk.ask(HOST, "PUT", "/machines/create_asks/", body)
        assert [row["machine_id"] for row in told["results"]] == [1001, 1002]
        number = desk.rent()
        told = desk.ask(HOST, "PUT", "/machines/create_asks/", body | {"end_date": epoch(6)})
        assert [(row["extended"], row["upd_contracts"]) for row in told["results"]] == [
            (1, [number]),
            (0, []),
        ]
        assert (told["success"], told["extended"]) == (True, 1)
        assert told["you_sent"]["machines"] == [1001, 1002]

    def test_what_is_left_out_of_a_listing_that_there_is_stays(self, desk: Desk) -> None:
        first: dict[str, Any] = {"price_inetu": 0.01, "price_inetd": 0.02, "price_disk": 0.3}
        desk.list(**first, credit_discount_max=0.2, end_date=epoch(10))
        number = desk.rent()
        body = {"machine": 1001, "price_gpu": 0.4, "price_inetu": 0, "min_chunk": 4}
        told = desk.ask(HOST, "PUT", "/machines/create_asks/", body)
        assert told["extended"] == 0
        (row,) = desk.ask(HOST, "GET", "/machines/1001", owner="me")
        assert (row["listed_gpu_cost"], row["listed_min_gpu_count"]) == (0.4, 4)
        assert (row["listed_inet_up_cost"], row["listed_inet_down_cost"]) == (0.01, 0.02)
        assert (row["min_bid_price"], row["credit_discount_max"]) == (0.1, 0.2)
        assert row["end_date"] == epoch(10)
        assert row["listed_storage_cost"] == 0.1  # alone of all, it is reset
        desk.list(end_date=epoch(5))
        desk.rent("ben", desk.offer(nth=1))
        desk.list(end_date=epoch(10))  # the listing's end is later than ben's contract's
        told = desk.list(end_date=epoch(10))
        assert told["extended"] == 0
        assert desk.instance("ann", number)["end_date"] == epoch(10)
        desk.ask(HOST, "DELETE", "/machines/1001/asks/")
        desk.list()
        (row,) = desk.ask(HOST, "GET", "/machines/1001", owner="me")
        assert (row["end_date"], row["listed_inet_up_cost"]) == (None, 0)
        assert (row["credit_discount_max"], row["listed_storage_cost"]) == (0.4, 0.1)

    def test_an_end_that_is_past_ends_the_listing_at_once(self, listed: Desk) -> None:
        number = listed.rent()
        listed.list(end_date=epoch(-1))
        assert listed.search(machine_id={"eq": "1001"}) == []
        (row,) = listed.ask(HOST, "GET", "/machines/1001", owner="me")
        assert row["listed"] is False
        assert listed.instance("ann", number)["actual_status"] == "running"

    def test_the_preview_is_what_then_happens(self, desk: Desk) -> None:
        desk.list(end_date=epoch(10))
        desk.rent("ann")
        stopped = desk.rent("ben", desk.offer(nth=1))
        desk.ask("ben", "PUT", f"/instances/{stopped}/", {"state": "stopped"})
        changes: list[dict[str, Any]] = [{"end_date": epoch(20)}, {}]
        for fields in (*changes, {"price_gpu": 0.7, "end_date": epoch(30)}):
            body = {"machine": 1001, "min_chunk": 2, **fields}
            call = Call(by=AccountId(HOST), at=desk.store.now(), number=0, body=body, query={})
            seen = views.preview(desk.store.market, listing(call, 1001), call.at)
            extended = [e for e in seen.events if isinstance(e, it.ContractExtended)]
            told = desk.ask(HOST, "PUT", "/machines/create_asks/", body)
            assert told["extended"] == len(extended)
            assert told["results"][0]["upd_contracts"] == [each.contract for each in extended]

    def test_ongoing_windows_are_cancelled_and_one_by_its_number(self, listed: Desk) -> None:
        for start in (0.5, 2, 3):
            window = {"sdate": epoch(start), "duration": 24.0}
            listed.ask(HOST, "PUT", "/machines/1001/dnotify/", window)
        rows = partial(listed.ask, HOST, "GET", "/machines/maintenances", machine_ids="[1001]")
        middle = rows()[1]["id"]
        body = {"maintenance_id": middle}
        listed.ask("eve", "DELETE", "/machines/maintenances", body, status=404)
        told = listed.ask(HOST, "DELETE", "/machines/maintenances", body)
        assert (told["cancelled"], told["admin_locked"]) == ([middle], [])
        listed.clock.pass_(hours=18)
        assert [row["status"] for row in rows()] == ["ongoing", "upcoming"]
        told = listed.ask(HOST, "PUT", "/machines/1001/cancel_maint/", {"machine_id": 1001})
        assert told["msg"] == "deleted 2 scheduled maintenance window(s) on machine 1001"
        assert rows() == []

    def test_a_window_of_the_marketplace_stays(self, listed: Desk) -> None:
        begin = BEGIN + timedelta(days=3)
        window = MaintenanceWindow(period=Interval(begin, begin + timedelta(hours=1)))
        theirs = AnnounceMaintenance(machine=MachineId(1001), window=window)
        asyncio.run(listed.store.do(theirs))
        listed.ask(HOST, "PUT", "/machines/1001/dnotify/", {"sdate": epoch(2), "duration": 1.0})
        told = listed.ask(HOST, "PUT", "/machines/1001/cancel_maint/", {"machine_id": 1001})
        assert len(told["cancelled"]) == len(told["admin_locked"]) == 1
        listed.ask(HOST, "PUT", "/machines/1001/cancel_maint/", {}, status=400)

    def test_a_floor_has_a_ceiling(self, listed: Desk) -> None:
        listed.list(price_gpu=8)
        body = {"price": 7.12}  # 0.2 × 35.6 TFLOPS
        told = listed.ask(HOST, "PUT", "/machines/1001/minbid/", body)
        assert told == {"success": True, "you_sent": body}
        before = listed.store.market
        for price, why in (
            (7.13, "price: need at most 7.12 $/GPU-hour, got 7.13"),
            (0, "price: need a price above 0 $/GPU-hour, got 0"),
            (0.0, "price: need a price above 0 $/GPU-hour, got 0.0"),
            (-1, "price: need $/GPU-hour from 0"),
            ("1", "price: need a number, $/GPU-hour"),
            (None, "price: need a price in $/GPU-hour, got null"),
        ):
            told = listed.ask(HOST, "PUT", "/machines/1001/minbid/", {"price": price}, 422)
            assert (told["error"], told["code"]) == ("invalid_price", "floor_out_of_bounds")
            assert told["msg"].startswith(why)
            assert listed.store.market is before

    def test_maintenance_says_who_was_told_and_what_was_cancelled(self, listed: Desk) -> None:
        listed.rent()
        for start in (2, 3):
            window = {"sdate": epoch(start), "duration": 1.0}
            told = listed.ask(HOST, "PUT", "/machines/1001/dnotify/", window)
            assert told["you_sent"] == f"{told['notifications_sent']} notifications sent"
            assert told["notifications_sent"] == 1
        told = listed.ask(HOST, "PUT", "/machines/1001/cancel_maint/", {"machine_id": 1001})
        assert told["msg"] == "deleted 2 scheduled maintenance window(s) on machine 1001"

    def test_nobody_reports_a_machine_here(self, listed: Desk) -> None:
        assert listed.ask(HOST, "GET", "/machines/1001/reports/") == []


class TestClients:
    """Renting, bidding, prepaying, stopping, paying."""

    def test_a_price_is_a_bid_and_none_is_on_demand(self, listed: Desk) -> None:
        one, two = listed.rent(price=None), listed.rent(offer=listed.offer(nth=1), price=0.4)
        assert [listed.instance("ann", each)["is_bid"] for each in (one, two)] == [False, True]
        assert [listed.instance("ann", each)["bid_price"] for each in (one, two)] == [None, 0.4]

    @pytest.mark.parametrize("kind", ["bid", "interruptible"])
    def test_a_bid_without_a_price_never_rents_on_demand(self, listed: Desk, kind: str) -> None:
        body = {"image": "x", "disk": 10, "price": None, "type": kind}
        told = listed.ask("ann", "PUT", f"/asks/{listed.offer()}/", body, status=400)
        assert told["msg"] == "price: need the price of the bid, $/hour, got null"
        assert listed.ask("ann", "GET", "/api/v1/instances/")["instances"] == []

    def test_an_instance_loads_with_the_rental_unless_it_waits(self, listed: Desk) -> None:
        offer = listed.offer()
        running, waiting = listed.rent(offer=offer, price=0.4), listed.rent(offer=offer, price=0.3)
        states = [listed.instance("ann", each)["actual_status"] for each in (running, waiting)]
        assert states == ["running", "stopped"]
        listed.ask("ann", "DELETE", f"/instances/{running}/")
        assert listed.instance("ann", waiting)["actual_status"] == "running"
        loaded = [e.contract for _, e in listed.store.events() if isinstance(e, it.InstanceLoaded)]
        assert loaded == [running]

    def test_several_are_rented_together_or_not_at_all(self, listed: Desk) -> None:
        offers = [listed.offer(nth=0), listed.offer(nth=1)]
        body = {"image": "x", "disk": 10, "price": None}
        listed.ask("ann", "POST", "/asks/bulk/", body | {"ids": [*offers, 7]}, status=404)
        assert listed.ask("ann", "GET", "/api/v1/instances/")["instances"] == []
        listed.ask("ann", "POST", "/asks/bulk/", body | {"ids": offers})
        assert len(listed.ask("ann", "GET", "/api/v1/instances/")["instances"]) == 2

    def test_several_are_stopped_started_and_destroyed(self, listed: Desk) -> None:
        ids = [listed.rent(), listed.rent(offer=listed.offer(nth=1))]
        for state in ("stopped", "running"):
            listed.ask("ann", "PUT", "/instances/", {"state": state, "ids": ids})
            assert {listed.instance("ann", each)["actual_status"] for each in ids} == {state}
            assert {listed.instance("ann", each)["intended_status"] for each in ids} == {state}
        listed.ask("ann", "DELETE", "/instances/", {"instance_ids": ids})
        assert listed.ask("ann", "GET", "/api/v1/instances/")["instances"] == []

    def test_a_label_is_set_and_taken_away(self, listed: Desk) -> None:
        number = listed.rent(label="first")
        assert listed.instance("ann", number)["label"] == "first"
        for label, shown in (("second", "second"), ("", None)):
            listed.ask("ann", "PUT", f"/instances/{number}/", {"label": label})
            assert listed.instance("ann", number)["label"] == shown

    def test_changing_a_bid_without_a_price_is_the_lowest_that_wins(self, listed: Desk) -> None:
        offer = listed.offer()
        listed.rent("ben", offer, price=0.5)
        number = listed.rent("ann", offer, price=0.3)
        listed.ask(
            "ann", "PUT", f"/instances/bid_price/{number}/", {"client_id": "me", "price": None}
        )
        row = listed.instance("ann", number)
        assert (row["actual_status"], row["bid_price"]) == ("running", 0.500000001)

    def test_prepaying_reports_the_curve(self, listed: Desk) -> None:
        number = listed.rent()
        told = listed.ask("ann", "PUT", f"/instances/prepay/{number}/", {"amount": 576.0})
        assert (told["timescale"], told["discount_rate"]) == (1, 0.2)
        listed.clock.pass_(days=15)
        told = listed.ask("ann", "GET", f"/instances/balance/{number}/", owner="me")
        assert told == {
            "balance": 288,
            "refundable_deposit": 212.4,  # as published
            "total_discount": 72,
            "discount_months": 0.5,
            "discount_rate": 0.2,
        }
        listed.ask("ann", "DELETE", f"/instances/{number}/")
        left = listed.ask("ann", "GET", "/users/current")["credit"]
        assert left == pytest.approx(10_000 - 576 + 212.4 - 10 * 0.1 / 2)

    def test_the_months_of_a_deposit_are_those_that_remain(self, listed: Desk) -> None:
        number, price = listed.rent(), 0.8  # two GPUs are $1 an hour, 20 % less for a month
        listed.ask("ann", "PUT", f"/instances/prepay/{number}/", {"amount": 576.0})

        def told(name: str) -> float:
            return float(listed.ask("ann", "GET", f"/instances/balance/{number}/")[name])

        for days, left in ((0, 1), (15, 0.5), (9, 0.2)):
            listed.clock.pass_(days=days)
            assert told("discount_months") == left == told("balance") / (720 * price)
        listed.ask("ann", "PUT", f"/instances/{number}/", {"state": "stopped"})
        listed.clock.pass_(days=1)
        assert told("discount_months") == 0.2  # it is not used while nothing runs
        listed.ask("ann", "PUT", f"/instances/{number}/", {"state": "running"})
        listed.clock.pass_(days=6)
        names = ("balance", "discount_months", "discount_rate", "total_discount")
        assert [told(name) for name in names] == [0, 0, 0, 144]
        listed.ask("ann", "DELETE", f"/instances/{number}/")
        assert told("discount_months") == 0

    def test_a_deposit_for_what_has_become_free_lasts_for_ever(self, desk: Desk) -> None:
        desk.list(end_date=epoch(10))
        number = desk.rent()
        desk.ask("ann", "PUT", f"/instances/prepay/{number}/", {"amount": 100.0})
        desk.ask("ann", "PUT", f"/instances/{number}/", {"state": "stopped"})
        desk.list(end_date=epoch(20), price_gpu=0, price_min_bid=0)
        desk.clock.pass_(days=11)  # what was agreed holds until its old end
        told = desk.ask("ann", "GET", f"/instances/balance/{number}/")
        assert (told["balance"], told["discount_months"]) == (100, None)

    def test_a_dearer_listing_asks_and_the_answer_counts(self, desk: Desk) -> None:
        desk.list(end_date=epoch(10))
        one, two = desk.rent("ann"), desk.rent("ben", desk.offer(nth=1))
        desk.list(end_date=epoch(20), price_gpu=0.6, price_inetu=0.02)
        told = desk.ask("ann", "GET", "/instances/pending-price-increases/")
        (row,) = told.pop("pending_price_increases")
        assert told == {"success": True, "count": 1, "truncated": False}
        assert row["contract_id"] == one
        assert (row["contract_end_date"], row["ask_end_date"]) == (epoch(10), epoch(20))
        assert row["old_gpu_costpersec"] * 3_600 == pytest.approx(0.5)
        assert row["new_gpu_costpersec"] * 3_600 == pytest.approx(0.6)
        assert (row["old_bwu_cost"], row["new_bwu_cost"]) == (0, 0.02)
        assert row["old_disk_ram_costpersec"] * 2_592_000 == pytest.approx(0.1)
        assert (row["new_disk_ram_costpersec"], row["new_bwd_cost"], row["new_platform_fee"]) == (
            None,
        ) * 3
        number = {"pending_price_increase_id": row["pending_price_increase_id"]}
        desk.ask("ben", "PUT", "/instances/accept-price-increase/", number, status=403)
        told = desk.ask("ann", "PUT", "/instances/accept-price-increase/", number)
        assert told == {
            "success": True,
            **number,
            "extended": 1,
            "contract_id": one,
            "accepted_contract_ids": [one],
        }
        stale = desk.ask("ann", "PUT", "/instances/accept-price-increase/", number, status=404)
        assert stale["error"] == "no_pending_price_increase"
        (row,) = desk.ask("ben", "GET", "/instances/pending-price-increases/")[
            "pending_price_increases"
        ]
        number = {"pending_price_increase_id": row["pending_price_increase_id"]}
        told = desk.ask("ben", "PUT", "/instances/reject-price-increase/", number)
        assert told == {
            "success": True,
            **number,
            "contract_id": two,
            "rejected_contract_ids": [two],
        }
        assert [desk.instance("ann", one)["end_date"], desk.instance("ben", two)["end_date"]] == [
            epoch(20),
            epoch(10),
        ]

    def test_charges_are_line_by_line_and_destroyed_instances_are_there(self, listed: Desk) -> None:
        number = listed.rent(disk=72)
        listed.clock.pass_(hours=2)
        listed.ask("ann", "DELETE", f"/instances/{number}/")
        listed.clock.pass_(hours=2)
        filters = {"day": {"gte": epoch(-7), "lte": epoch(7)}}
        told = listed.ask(
            "ann",
            "GET",
            "/charges/",
            select_filters=json.dumps(filters),
            limit="20",
            format="table",
        )
        (row,) = told["results"]
        assert (told["count"], told["total"], told["next_token"]) == (1, 1, None)
        assert (row["source"], row["amount"]) == (f"instance-{number}", 2.02)
        assert (row["start"], row["end"]) == (epoch(0), epoch(0))  # of 1 day
        assert row["description"] == f"Instance {number} Charges - 1 day"
        assert [(line["type"], line["description"], line["amount"]) for line in row["items"]] == [
            ("gpu", "2.000 hours at $1.000/hour", 2),
            ("disk", "2.000 hours at $0.010/hour", 0.02),
        ]
        early = {"day": {"gte": epoch(-7), "lte": epoch(-1)}}
        assert (
            listed.ask("ann", "GET", "/charges/", select_filters=json.dumps(early))["results"] == []
        )
        volumes = filters | {"type": {"in": ["volume"]}}
        assert (
            listed.ask("ann", "GET", "/charges/", select_filters=json.dumps(volumes))["results"]
            == []
        )
        assert (
            listed.ask("ben", "GET", "/charges/", select_filters=json.dumps(filters))["results"]
            == []
        )

    def test_what_is_paid_in_this_very_second_is_among_the_invoices(self, desk: Desk) -> None:
        desk.ask("ben", "GET", "/users/current")
        asyncio.run(desk.store.do(AddCredit(account=AccountId("ann"), amount=Money("2.50"))))
        for since in (epoch(-1), epoch(0)):
            filters = json.dumps({"when": {"gte": since, "lte": epoch(0)}})
            told = desk.ask("ann", "GET", "/api/v1/invoices/", select_filters=filters)
            assert [row["amount"] for row in told["results"]] == [2.5]
        old = desk.ask("ann", "GET", "/users/me/invoices", sdate=str(epoch(0)), edate=str(epoch(0)))
        assert len(old["invoices"]) == 1

    def test_invoices_are_what_was_paid_in(self, desk: Desk) -> None:
        desk.ask("ben", "GET", "/users/current")
        asyncio.run(desk.store.do(AddCredit(account=AccountId("ann"), amount=Money("2.50"))))
        desk.clock.pass_(hours=1)
        asyncio.run(desk.store.do(AddCredit(account=AccountId("ann"), amount=Money("7.50"))))
        desk.clock.pass_(hours=1)
        filters = json.dumps({"when": {"gte": epoch(0), "lte": epoch(7)}})
        told = desk.ask(
            "ann", "GET", "/api/v1/invoices/", select_filters=filters, latest_first="true"
        )
        assert [row["amount"] for row in told["results"]] == [7.5, 2.5]
        (first,) = desk.ask("ann", "GET", "/api/v1/invoices/", select_filters=filters, limit="1")[
            "results"
        ]
        assert (first["amount"], first["type"], first["metadata"]) == (
            2.5,
            "transfer",
            {"invoice_id": first["id"], "service": "transfer"},
        )

    def test_a_stopped_instance_is_not_rebooted(self, listed: Desk) -> None:
        number = listed.rent()
        before = listed.store.market
        for word in ("reboot", "recycle"):
            told = listed.ask("ann", "PUT", f"/instances/{word}/{number}/")
            assert told == {"success": True}
        told = listed.ask("ann", "PUT", f"/instances/update_template/{number}/", {"image": "x"})
        assert told["updated_instance"]["id"] == number
        assert listed.store.market == before
        listed.ask("ann", "PUT", f"/instances/{number}/", {"state": "stopped"})
        told = listed.ask("ann", "PUT", f"/instances/reboot/{number}/", status=409)
        assert told["msg"] == "reboot: not possible while stopped; possible is: start, destroy"
        assert (told["error"], told["code"]) == ("not_possible_now", "illegal_move")

    def test_what_can_be_destroyed_is_and_the_rest_is_named(self, listed: Desk) -> None:
        mine, his = listed.rent(), listed.rent("ben", listed.offer(2, 1))
        told = listed.ask("ann", "DELETE", "/instances/", {"instance_ids": [mine, his, 777]})
        assert told["success"] is False
        assert told["destroyed"] == [mine]
        assert [(row["id"], row["error"], row["code"]) for row in told["failed"]] == [
            (his, "not_authorized", "not_allowed"),
            (777, "no_such_instance", "unknown_id"),
        ]
        assert told["msg"].startswith(f"1 destroyed, 2 not: instance {his}: ")
        assert listed.instance("ben", his)["actual_status"] == "running"
        assert listed.instance("ann", mine) is None
        body = {"instance_ids": [his, 777]}
        assert listed.ask("ann", "DELETE", "/instances/", body, status=403)["success"] is False

    def test_the_older_doors(self, desk: Desk) -> None:
        desk.list(end_date=epoch(10))
        one, two = desk.rent(label="a"), desk.rent(offer=desk.offer(nth=1))
        told = desk.ask("ann", "GET", "/instances", owner="me")
        assert [row["id"] for row in told["instances"]] == [one, two]
        filters = desk.ask("ann", "GET", "/instances/filters/")["filters"]
        assert filters == [
            {"actual_status": "running", "verification": "verified", "gpu_name": "RTX 3090"}
        ]
        desk.list(end_date=epoch(20), price_gpu=0.6)
        told = desk.ask("ann", "PUT", f"/instances/{one}/accept-price-increase/")
        assert told["accepted_contract_ids"] == [one]
        body = {"instance_ids": [two]}
        told = desk.ask("ann", "PUT", "/instances/reject-price-increase/", body)
        assert told["rejected_contract_ids"] == [two]
        assert desk.instance("ann", one)["end_date"] == epoch(20)

    def test_an_instance_says_what_it_costs_and_how_long_it_lasts(self, desk: Desk) -> None:
        desk.list(end_date=epoch(30))
        number = desk.rent(disk=72)
        desk.ask("ann", "PUT", f"/instances/prepay/{number}/", {"amount": 288.0})
        desk.clock.pass_(days=1, hours=5)
        row = desk.instance("ann", number)
        assert row["credit_discount"] == pytest.approx(0.4 / 3, abs=0.02)
        assert (row["dph_base"], row["storage_total_cost"]) == (1, 0.01)
        assert row["dph_total"] == pytest.approx(row["search"]["discountedTotalPerHour"])
        assert (row["time_remaining"], row["uptime_mins"]) == ("28 D 19 Hr", 29 * 60)
        assert (row["credit_discount_max"], row["inet_up"], row["next_state"]) == (
            0.4,
            680,
            "running",
        )

    def test_prepaying_is_an_invoice_and_what_it_pays_is_a_charge(self, listed: Desk) -> None:
        listed.list(price_disk=0)
        number = listed.rent()
        listed.ask("ann", "PUT", f"/instances/prepay/{number}/", {"amount": 576.0})
        listed.clock.pass_(hours=10)
        listed.ask("ann", "DELETE", f"/instances/{number}/")
        listed.clock.pass_(hours=1)
        filters = json.dumps({"when": {"gte": epoch(-1), "lte": epoch(7)}})
        told = listed.ask("ann", "GET", "/api/v1/invoices/", select_filters=filters)
        paid = sum(row["amount"] for row in told["results"])
        kinds = [row["metadata"]["service"] for row in told["results"]]
        assert sorted(kinds) == ["instance_prepay", "instance_prepay", "transfer"]
        filters = json.dumps({"day": {"gte": epoch(-1), "lte": epoch(7)}})
        (row,) = listed.ask("ann", "GET", "/charges/", select_filters=filters)["results"]
        assert sum(item["amount"] for item in row["items"]) == pytest.approx(row["amount"])
        for item in row["items"]:
            assert item["quantity"] * item["rate"] == pytest.approx(item["amount"], abs=1e-9)
        left = listed.ask("ann", "GET", "/users/current")["credit"]
        own = row["amount"] - row["metadata"]["from_deposit"]
        assert left == pytest.approx(paid - own)

    def test_the_older_report_has_both(self, listed: Desk) -> None:
        number = listed.rent(disk=72)
        listed.clock.pass_(hours=2)
        ask = partial(listed.ask, "ann", "GET", "/users/me/invoices", owner="me")
        told = ask(sdate=str(epoch(-1)), edate=str(epoch(1)), inc_charges="true")
        charged = [row for row in told["invoices"] if row["type"] == "charge"]
        assert {row["instance_id"] for row in charged} == {number}
        assert sum(row["amount"] for row in charged) == pytest.approx(2.02)
        (paid,) = [row for row in told["invoices"] if row["type"] == "payment"]
        assert paid["amount"] == 10_000
        assert told["current"]["credit"] == pytest.approx(10_000 - 2.02)
        assert [row["type"] for row in ask(inc_charges="false")["invoices"]] == ["payment"]

    def test_the_order_of_instances_is_the_callers(self, listed: Desk) -> None:
        ids = [listed.rent(offer=listed.offer(nth=n)) for n in range(3)]
        for direction, wanted in (("asc", ids), ("desc", ids[::-1])):
            order = json.dumps([{"col": "id", "dir": direction}])
            seen, token = [], ""
            while token is not None:
                told = listed.ask(
                    "ann",
                    "GET",
                    "/api/v1/instances/",
                    order_by=order,
                    limit="2",
                    after_token=token,
                )
                seen += [row["id"] for row in told["instances"]]
                token = told["next_token"]
            assert seen == wanted


class TestWhatIsNotServed:
    """Everything else of the market's is refused with a sentence that says why."""

    @pytest.mark.parametrize(
        ("method", "path", "why"),
        [
            ("POST", "/api/v0/template/", "templates are not among the rules"),
            ("GET", "/api/v0/team/members/", "teams are not among the rules"),
            ("GET", "/api/v0/ssh/", "SSH keys are not"),
            ("POST", "/api/v0/instances/7/ssh/", "SSH keys are not"),
            ("PUT", "/api/v0/network_volumes/", "network volumes are not among the rules"),
            ("PUT", "/api/v0/commands/copy_direct/", "no data is kept here"),
            ("PUT", "/api/v0/instances/command/7/", "nothing runs here"),
            ("PUT", "/api/v0/instances/request_logs/7/", "nothing runs here"),
            ("GET", "/api/v0/endptjobs/", "serverless endpoints"),
            ("GET", "/api/v0/auth/apikeys/", "in its key file"),
            ("POST", "/api/v0/users/", "accounts are kept by"),
            ("PUT", "/api/v0/launch_instance/", "made from an offer"),
            ("GET", "/api/v0/bundles/", "nothing here answers GET /api/v0/bundles"),
            ("GET", "/favicon.ico", "GET /api/openapi.json says what does"),
        ],
    )
    def test_it_says_so(self, desk: Desk, method: str, path: str, why: str) -> None:
        answer = desk.client.request(method, path)
        assert answer.status_code == 404
        told = answer.json()
        assert (told["success"], told["error"], told["code"]) == (False, "not_served", "not_served")
        assert why in told["msg"]


class TestOpenApi:
    """What can be asked is written down."""

    def test_every_door_is_there(self, desk: Desk) -> None:
        told = desk.client.get("/api/openapi.json").json()
        there = {
            (method.upper(), path.removesuffix("/"))
            for path, methods in told["paths"].items()
            for method in methods
        }
        assert there == {(door.method, f"/api{door.path}") for door in DOORS}

    def test_its_schemas_are_schemas(self) -> None:
        found = document()
        for methods in found["paths"].values():
            for operation in methods.values():
                body = operation.get("requestBody", {}).get("content", {})
                for each in (*body.values(), *operation.get("parameters", ())):
                    schema = each.get("schema") or each["content"]["application/json"]["schema"]
                    Draft202012Validator.check_schema(schema)
        Draft202012Validator.check_schema(found["components"]["schemas"]["Refusal"])

    def test_a_refusal_is_as_written(self, desk: Desk) -> None:
        schema = document()["components"]["schemas"]["Refusal"]
        for method, path in (("GET", "/users/current"), ("POST", "/template/"), ("PUT", "/asks/9")):
            answer = desk.client.request(method, f"/api/v0{path}", json={"disk": -1})
            Draft202012Validator(schema).validate(answer.json())

    def test_fields_that_are_read_are_written_down(self, listed: Desk) -> None:
        """Every field that a door reads of a body is in its description."""
        read: dict[tuple[str, str], set[str]] = {}

        class Watched(dict[str, Any]):
            def get(self, name: str, default: Any = None) -> Any:
                read.setdefault((door.method, door.path), set()).add(name)
                return super().get(name, default)

        for door in COMMANDS:
            known = {name.removesuffix("!") for name in door.fields}
            likely = {"label": "", "state": "running", "machines": [1001]}
            body = Watched({name: likely[name] for name in likely if name in known})
            number = 7 if "{number}" in door.path else 0
            call = Call(by=AccountId(HOST), at=BEGIN, number=number, body=body, query={})
            assert door.means is not None
            with suppress(NumgeniusError):
                door.means(call, listed.store.market, {})
            assert read.get((door.method, door.path), set()) <= known, door.path


class TestTime:
    """What comes due between two requests has happened, whoever asks."""

    def test_a_contract_expires_without_a_command(self, desk: Desk) -> None:
        desk.list(end_date=epoch(1))
        number = desk.rent()
        desk.clock.pass_(days=1)
        assert desk.instance("ann", number)["actual_status"] == "exited"
        assert desk.search(machine_id={"eq": "1001"}) == []
        assert any(isinstance(e, it.InstanceExpired) for _, e in desk.store.events())

    def test_a_balance_runs_out_when_it_does(self, desk: Desk) -> None:
        desk.list(price_gpu=500, price_disk=0)
        number = desk.rent()
        desk.clock.pass_(hours=9, minutes=59)
        assert desk.instance("ann", number)["actual_status"] == "running"
        desk.clock.pass_(hours=5)
        assert desk.instance("ann", number)["actual_status"] == "stopped"
        assert desk.ask("ann", "GET", "/users/current")["credit"] == 0
        told = desk.ask("ann", "PUT", f"/instances/{number}/", {"state": "running"}, status=411)
        assert told["error"] == "insufficient_credit"

    def test_a_clock_that_goes_back_stands_still(self, listed: Desk) -> None:
        number = listed.rent()
        listed.clock.pass_(hours=-5)
        assert listed.instance("ann", number)["start_date"] == epoch(0)
        listed.ask("ann", "DELETE", f"/instances/{number}/")


class TestSearch:
    """All types, operators, orders, limits."""

    def test_every_size_is_found(self, listed: Desk) -> None:
        asked: dict[str, Any] = {
            "verified": {"eq": True},
            "external": {"eq": False},
            "rentable": {"eq": True},
        }
        found = listed.search(
            **asked, order=[["num_gpus", "desc"], ["id", "asc"]], type="on-demand"
        )
        assert [row["num_gpus"] for row in found] == [8, 4, 4, 2, 2, 2, 2]

    @pytest.mark.parametrize(
        ("condition", "sizes"),
        [
            ({"eq": "4"}, [4, 4]),
            ({"neq": "2"}, [4, 4, 8]),
            ({"gt": "2", "lt": "8"}, [4, 4]),
            ({"gte": "4"}, [4, 4, 8]),
            ({"lte": 2}, [2, 2, 2, 2]),
            ({"in": ["2", "8"]}, [2, 2, 2, 2, 8]),
            ({"notin": ["2", "4"]}, [8]),
        ],
    )
    def test_every_operator(self, listed: Desk, condition: Any, sizes: list[int]) -> None:
        found = listed.search(num_gpus=condition, order=[["num_gpus", "asc"]])
        assert [row["num_gpus"] for row in found] == sizes

    def test_the_newer_search_is_the_same(self, listed: Desk) -> None:
        body = {"select_cols": ["*"], "q": {"num_gpus": {"eq": "8"}, "limit": 3}}
        (row,) = listed.ask("ann", "PUT", "/search/asks/", body)["offers"]
        assert row["num_gpus"] == 8

    def test_prices_include_the_disk_asked_for(self, listed: Desk) -> None:
        (row,) = listed.search(num_gpus={"eq": "8"}, allocated_storage=720.0)
        assert (row["dph_base"], row["dph_total"]) == (4, 4.1)

    def test_a_search_for_bids_is_priced_at_the_lowest_bid(self, listed: Desk) -> None:
        listed.rent("ben", price=0.4)
        found = listed.search(
            num_gpus={"eq": "2"},
            type="bid",
            order=[["min_bid", "desc"], ["id", "asc"]],
            allocated_storage=0,
        )
        assert [row["min_bid"] for row in found] == [0.4, 0.2, 0.2, 0.2]
        assert [row["dph_total"] for row in found] == [0.4, 0.2, 0.2, 0.2]
        assert {row["is_bid"] for row in found} == {False}  # as measured, of every search

    def test_what_is_rented_on_demand_is_not_rentable(self, listed: Desk) -> None:
        listed.rent(offer=listed.offer(2, 0))
        found = listed.search(rentable={"eq": True}, order=[["num_gpus", "asc"]])
        assert [row["num_gpus"] for row in found] == [2, 2, 2, 4]

    def test_a_reserved_search_has_the_discount_until_the_end(self, desk: Desk) -> None:
        desk.list(end_date=epoch(90))
        (row,) = desk.search(num_gpus={"eq": "8"}, type="reserved", allocated_storage=0)
        assert row["discount_rate"] == 0.3  # three months
        assert row["discounted_dph_total"] == 2.8
        desk.ask(HOST, "DELETE", "/machines/1001/asks/")
        desk.list()
        (row,) = desk.search(num_gpus={"eq": "8"}, type="reserved")
        assert row["discount_rate"] == 0.4
        desk.list(credit_discount_max=0)
        (row,) = desk.search(num_gpus={"eq": "8"}, type="reserved", allocated_storage=0)
        assert (row["discount_rate"], row["discounted_dph_total"]) == (0, 4)

    def test_a_reserved_search_has_the_discount_of_the_time_asked_for(self, desk: Desk) -> None:
        desk.list(end_date=epoch(380), credit_discount_max=0.05)
        for operator in ("gte", "gt", "eq"):
            asked = {"duration": {operator: 90 * 86_400.0}, "num_gpus": {"eq": "8"}}
            found = desk.search(type="reserved", **asked)
            rates = [row["discount_rate"] for row in found]
            assert rates == ([] if operator == "eq" else [0.0375])  # a real offer's

    def test_everybodys_default_search_finds_something(self, listed: Desk) -> None:
        default: Any = {
            "verified": {"eq": True},
            "external": {"eq": False},
            "rentable": {"eq": True},
            "rented": {"eq": False},
        }
        found = listed.search(**default, order=[["score", "desc"]], disable_bundling=True)
        assert len(found) == 7
        for row in found:
            assert (row["rented"], row["is_bid"], row["datacenter"]) == (False, False, False)
            assert row["ask_contract_id"] == row["id"]
            share = Fraction(row["num_gpus"], 8)
            assert (row["cpu_cores"], row["cpu_cores_effective"]) == (64, 64 * share)
            assert row["cpu_ram"] == int(257_618 * share)
        roomy = listed.search(**default, cpu_ram={"gte": 257_618 // 4})
        assert {row["num_gpus"] for row in roomy} == {2, 4, 8}
        listed.list(1002)
        found = listed.search(**default, datacenter={"eq": True})
        assert {row["machine_id"] for row in found} == {1002}

    def test_nobody_needs_a_key_to_search(self, listed: Desk) -> None:
        for method, path in (("POST", "/api/v0/bundles/"), ("PUT", "/api/v0/search/asks/")):
            answer = listed.client.request(method, path, json={"q": {"num_gpus": {"eq": 8}}})
            assert [row["num_gpus"] for row in answer.json()["offers"]] == [8]
        assert "" not in listed.store.market.accounts

    @pytest.mark.parametrize("asked", [{"warp_drive": {"eq": True}}, {"order": [["warp", "asc"]]}])
    def test_unknown_fields_are_refused_by_name(self, listed: Desk, asked: Any) -> None:
        told = listed.ask("ann", "POST", "/bundles/", asked, status=400)
        assert "the name of a field" in told["msg"]
        assert '"warp' in told["msg"]

    def test_a_row_says_what_its_price_is_made_of(self, listed: Desk) -> None:
        (row,) = listed.search(num_gpus={"eq": "8"}, allocated_storage=720.0)
        assert row["search"]["gpuCostPerHour"] == 4
        assert row["search"]["diskHour"] == pytest.approx(0.1)
        assert row["search"]["totalHour"] == pytest.approx(row["dph_total"])
        assert row["dlperf_per_dphtotal"] == pytest.approx(row["dlperf"] / row["dph_total"])


class TestAReactionThatIsRefused:
    """It is no request of who asked: the service failed, and its log says why."""

    def test_who_asked_is_told_nothing_of_others(self, listed: Desk) -> None:
        def react(_: Any, event: Any) -> Iterator[Any]:
            if isinstance(event, it.ContractCreated):
                yield TransferCredit(by=AccountId("bob"), to=HOST, amount=Money(10**9))

        listed.ask("bob", "GET", "/users/current")
        listed.store._writer._react = react
        path, before = f"/asks/{listed.offer()}/", listed.store.market
        body = {"disk": 10}
        told = listed.ask("ann", "PUT", path, body, 500)
        assert told["msg"] == "the service failed; its log says why"
        assert (told["error"], told["code"]) == ("internal", "internal")
        client = TestClient(listed.client.app)  # which is told what its log is
        with pytest.raises(ReactionRefused, match=r"reaction to ContractCreated: .* balance"):
            client.put(f"/api/v0{path}", headers={"Authorization": "Bearer ann"}, json=body)
        assert listed.store.market == before


class TestAFaultOfOurs:
    """Our own function, or our log, is at fault: nobody's request is refused for it."""

    @pytest.mark.parametrize("lost", [False, True], ids=["no command", "a log that lost events"])
    def test_who_asked_is_told_that_the_service_failed(self, listed: Desk, *, lost: bool) -> None:
        offer, before = listed.offer(), listed.store.market
        if lost:
            listed.store._log.run("DELETE FROM events")
        else:
            listed.store._writer._react = lambda *_: None  # type: ignore[assignment]
        told = listed.ask("ann", "PUT", f"/asks/{offer}/", {"disk": 10}, 500)
        assert (told["error"], told["msg"]) == (
            "internal",
            "the service failed; its log says why",
        )
        assert listed.store.market == before


class TestRefusals:
    """Bad input is 4xx with the reason; nothing changes, and the process goes on."""

    HOSTS: tuple[tuple[str, str, Any, str], ...] = (
        ("PUT", "/machines/create_asks/", {"min_chunk": 3}, "need a power of two, got 3"),
        ("PUT", "/machines/create_asks/", {"min_chunk": 16}, "at most the machine's 8 GPUs"),
        ("PUT", "/machines/create_asks/", {"min_chunk": "2"}, "min_chunk: need a whole number"),
        ("PUT", "/machines/create_asks/", {"price_gpu": -0.1}, "price_gpu: need $/GPU-hour from 0"),
        ("PUT", "/machines/create_asks/", {"price_gpu": "1"}, "price_gpu: need a number"),
        ("PUT", "/machines/create_asks/", {"price_gpu": True}, "price_gpu: need a number"),
        ("PUT", "/machines/create_asks/", {"price_gpu": 1e9}, "price_gpu: need $/GPU-hour from 0"),
        ("PUT", "/machines/create_asks/", {"machine": 1002, "price_gpu": None}, "price_gpu: need"),
        (
            "DELETE",
            "/machines/maintenances",
            {"maintenance_id": 7},
            "a window of a machine of your",
        ),
        ("DELETE", "/machines/maintenances", {}, "maintenance_id: need a whole number"),
        ("PUT", "/machines/create_asks/", {"price_disk": -1}, "price_disk: need $/GB-month"),
        ("PUT", "/machines/create_asks/", {"price_inetu": -1}, "price_inetu: need $/GB"),
        ("PUT", "/machines/create_asks/", {"price_min_bid": -1}, "price_min_bid: need $/GPU-hour"),
        ("PUT", "/machines/create_asks/", {"credit_discount_max": 1}, "below 1"),
        ("PUT", "/machines/create_asks/", {"credit_discount_max": -0.1}, "a fraction from 0"),
        ("PUT", "/machines/create_asks/", {"end_date": 1e300}, "end_date: need Unix seconds"),
        ("PUT", "/machines/create_asks/", {"end_date": "soon"}, "end_date: need Unix seconds"),
        ("PUT", "/machines/create_asks/", {"duration": "some time"}, "duration: need a duration"),
        ("PUT", "/machines/create_asks/", {"duration": "3 months"}, "duration: need days"),
        ("PUT", "/machines/create_asks/", {"duration": "1 day", "end_date": epoch(1)}, "both"),
        ("PUT", "/machines/create_asks/", {"duration": 86_400.0}, "duration: need"),
        ("PUT", "/machines/create_asks/", {"duration": 1.5}, "duration: need"),
        ("PUT", "/machines/create_asks/", {"vol_size": 0, "vol_price": 0.1}, "vol_price: need"),
        ("PUT", "/machines/create_asks/", {"hidden_listing": True}, "hidden_listing: need false"),
        ("PUT", "/machines/create_asks/", {"hidden_listing": 1}, "hidden_listing: need true or f"),
        ("PUT", "/machines/create_asks/", {"machine": 77}, "a machine of this market, got 77"),
        ("PUT", "/machines/create_asks/", {"machine": -1}, "machine: need a whole number"),
        ("PUT", "/machines/1001/minbid/", {"price": -1.0}, "price: need $/GPU-hour from 0"),
        ("PUT", "/machines/1001/minbid/", {}, "price: need a price in $/GPU-hour"),
        (
            "PUT",
            "/machines/1001/dnotify/",
            {"sdate": epoch(-1), "duration": 1.0},
            "an instant after",
        ),
        ("PUT", "/machines/1001/dnotify/", {"sdate": epoch(400), "duration": 1.0}, "a year ahead"),
        (
            "PUT",
            "/machines/1001/dnotify/",
            {"sdate": epoch(1), "duration": 0.0},
            "hours above zero",
        ),
        ("PUT", "/machines/1001/dnotify/", {"sdate": None, "duration": 1.0}, "sdate: need Unix"),
        (
            "PUT",
            "/machines/1001/dnotify/",
            {"sdate": epoch(1), "duration": 1.0, "maintenance_category": "moon"},
            "one of power, internet",
        ),
        (
            "PUT",
            "/machines/1001/cancel_maint/",
            {},
            "maintenance that its host scheduled",
        ),
        ("PUT", "/machines/defrag_offers/", {"machine_ids": 1001}, "a list of 1 to 100 ids"),
        (
            "PUT",
            "/machines/defrag_offers/",
            {"machine_ids": [1001] * 101},
            "a list of 1 to 100 ids",
        ),
        ("PUT", "/machines/defrag_offers/", {"machine_ids": ["a"]}, "machine_ids[0]: need a whole"),
        ("GET", "/machines/77", None, "a machine of this market, got 77"),
    )
    CLIENTS: tuple[tuple[str, str, Any, str], ...] = (
        ("PUT", "/asks/{free}/", {"disk": -1}, "disk: need GB"),
        ("PUT", "/asks/{free}/", {"disk": None}, "disk: need a number"),
        ("PUT", "/asks/{free}/", {"disk": 9_999}, "at most the offer's"),
        ("PUT", "/asks/{free}/", {"price": 0.19}, "price: need 0.20 to 64.00 $/hour"),
        ("PUT", "/asks/{free}/", {"price": -1}, "price: need $/hour"),
        ("PUT", "/asks/{free}/", {"price": 65}, "price: need"),
        ("PUT", "/asks/{free}/", {"label": "a\nb"}, "printable"),
        ("PUT", "/asks/{free}/", {"label": 7}, "label: need text"),
        ("PUT", "/asks/{taken}/", {}, "an offer whose GPUs nobody has rented"),
        ("PUT", "/asks/99/", {}, "an offer that is on the market, got 99"),
        ("POST", "/asks/bulk/", {"ids": []}, "a list of 1 to 100 ids"),
        ("PUT", "/instances/{mine}/", {"state": "flying"}, "state: need running or stopped"),
        ("PUT", "/instances/{mine}/", {}, "state: need running or stopped, or a label, got null"),
        ("PUT", "/instances/{mine}/", {"state": "running"}, "not possible while running"),
        ("PUT", "/instances/", {"state": "stopped", "ids": [12345]}, "an instance that exists"),
        ("PUT", "/instances/", {"state": None, "ids": [1]}, "state: need running or stopped"),
        ("DELETE", "/instances/12345/", {}, "an instance that exists, got 12345"),
        ("PUT", "/instances/bid_price/{bid}/", {"price": 0.1}, "price: need 0.20 to 64.00 $/hour"),
        ("PUT", "/instances/bid_price/{mine}/", {"price": 2.0}, "an interruptible instance"),
        ("PUT", "/instances/prepay/{bid}/", {"amount": 10.0}, "an on-demand or reserved instance"),
        ("PUT", "/instances/prepay/{mine}/", {"amount": 1e6}, "a balance of at least $1000000"),
        ("PUT", "/instances/prepay/{mine}/", {"amount": 0.0}, "an amount above zero"),
        ("PUT", "/instances/prepay/{mine}/", {"amount": -5.0}, "an amount above zero"),
        ("PUT", "/instances/prepay/{mine}/", {"amount": None}, "amount: need a number"),
        ("GET", "/instances/12345/", None, "an instance that exists"),
        ("GET", "/instances/balance/12345/", None, "an instance that exists"),
        ("GET", "/machines/1001", None, "a machine of your own"),
        ("GET", "/machines/maintenances?machine_ids=[1001]", None, "a machine of your own"),
        ("GET", "/machines/maintenances?machine_ids=7", None, "machine_ids: need a list"),
        ("GET", "/machines/maintenances?machine_ids=[[]]", None, "machine_ids[0]: need a whole"),
        ("GET", "/users/me/machine-earnings?sday=1e999&eday=1", None, "1e999 is no number"),
        ("GET", "/users/me/machine-earnings?sday=1e30", None, "sday: need days since 1970"),
        ("GET", "/users/me/machine-earnings?last_days=1000", None, "last_days: need 0 to 366"),
        ("GET", "/users/me/machine-earnings?machid=77", None, "a machine of this market"),
        ("GET", "/users/me/machine-earnings?machid=1001", None, "a machine of your own"),
        ("GET", "/users/me/invoices?sdate=-1e999", None, "-1e999 is no number"),
        ("GET", "/machines/1001/reports/", None, "a machine of your own"),
        ("PUT", "/instances/reboot/12345/", {}, "an instance that exists"),
        ("PUT", "/instances/update_template/12345/", {}, "an instance that exists"),
        ("PUT", "/instances/{mine}/accept-price-increase/", {}, "a price increase to answer"),
        ("PUT", "/instances/reject-price-increase/", {"instance_ids": [7]}, "to answer, got 7"),
        ("GET", "/charges/", None, "select_filters.day: need"),
        ("GET", "/charges/?select_filters=[]", None, "select_filters: need an object"),
        (
            "GET",
            '/charges/?select_filters={"day":{"gte":"x"}}',
            None,
            "select_filters.day.gte: need",
        ),
        ("GET", "/api/v1/instances/?limit=a", None, "limit: need JSON"),
        ("GET", "/api/v1/instances/?limit=[]", None, "limit: need a whole number"),
        ("GET", "/api/v1/instances/?order_by=[7]", None, "order_by[0]: need"),
        ("GET", '/api/v1/instances/?select_filters={"label":7}', None, "select_filters.label"),
        ("GET", "/api/v1/instances/?after_token=zz", None, "after_token: need"),
        ("POST", "/bundles/", {"num_gpus": {"about": "4"}}, "num_gpus: need one of eq"),
        ("POST", "/bundles/", {"num_gpus": {"eq": "many"}}, "a number for num_gpus"),
        ("POST", "/bundles/", {"num_gpus": 4}, "num_gpus: need"),
        ("POST", "/bundles/", {"order": "score"}, "order: need a list"),
        ("POST", "/bundles/", {"limit": 0}, "limit: need a whole number"),
        ("POST", "/bundles/", {"type": "gift"}, "type: need on-demand, bid or reserved"),
        ("POST", "/bundles/", {"allocated_storage": -1}, "allocated_storage"),
    )
    OTHERS: tuple[tuple[str, str, Any], ...] = (
        ("PUT", "/machines/create_asks/", {}),
        ("DELETE", "/machines/1001/asks/", {}),
        ("PUT", "/machines/1001/minbid/", {"price": 0.2}),
        ("PUT", "/machines/1001/dnotify/", {"sdate": epoch(1), "duration": 1.0}),
        ("PUT", "/machines/1001/cancel_maint/", {}),
        ("PUT", "/machines/1001/cleanup/", {}),
        ("PUT", "/machines/defrag_offers/", {"machine_ids": [1001]}),
        ("PUT", "/machines/create_bids/", {"machine": 1001, "image": "x"}),
        ("DELETE", "/machines/1001/defjob/", {}),
        ("POST", "/machines/1001/force_delete/", {}),
        ("GET", "/machines/1001", None),
        ("PUT", "/instances/{mine}/", {"state": "stopped"}),
        ("PUT", "/instances/{mine}/", {"label": "mine"}),
        ("PUT", "/instances/", {"state": "stopped", "ids": ["{mine}"]}),
        ("DELETE", "/instances/{mine}/", {}),
        ("DELETE", "/instances/", {"instance_ids": ["{mine}"]}),
        ("PUT", "/instances/bid_price/{bid}/", {"price": 2.0}),
        ("PUT", "/instances/prepay/{mine}/", {"amount": 10.0}),
        ("GET", "/instances/{mine}/", None),
        ("GET", "/instances/balance/{mine}/", None),
        ("GET", "/machines/1001/reports/", None),
        ("PUT", "/instances/reboot/{mine}/", {}),
        ("PUT", "/instances/recycle/{mine}/", {}),
        ("PUT", "/instances/update_template/{mine}/", {"image": "x"}),
    )
    LISTING: ClassVar = {"machine": 1001, "price_gpu": 0.5, "min_chunk": 2}
    RENTAL: ClassVar = {"image": "x", "disk": 10, "price": None}

    def test_each_is_refused_with_its_reason(self, listed: Desk) -> None:
        names = self.names(listed)
        before = listed.store.market
        for key, cases in ((HOST, self.HOSTS), ("ann", self.CLIENTS)):
            for method, path, body, why in cases:
                full = None if body is None else self.defaults(path) | body
                answer = self.send(listed, key, method, self.filled(path, names), full)
                assert 400 <= answer.status_code < 500, (path, body, answer.text)
                told = answer.json()
                assert why in told["msg"], (path, body, told)
                assert told["success"] is False
                assert "\n" not in told["msg"]
                assert listed.store.market is before or listed.store.market == before

    def test_other_peoples_machines_and_instances_are_theirs(self, listed: Desk) -> None:
        names = self.names(listed)
        listed.ask("eve", "GET", "/users/current")
        before = listed.store.market
        for method, path, body in self.OTHERS:
            full = None if body is None else self.defaults(path) | body
            text = json.dumps(full).replace('"{mine}"', str(names["mine"]))
            answer = self.send(listed, "eve", method, self.filled(path, names), json.loads(text))
            # Where maintenance is, others' machines are as if they were not there.
            unseen = path.endswith(("dnotify/", "cancel_maint/"))
            wanted = (404, "no_such_machine") if unseen else (403, "not_authorized")
            assert (answer.status_code, answer.json()["error"]) == wanted, path
            assert listed.store.market == before

    def defaults(self, path: str) -> dict[str, Any]:
        rents = path.startswith("/asks")
        return self.RENTAL if rents else self.LISTING if path.endswith("create_asks/") else {}

    def filled(self, path: str, names: dict[str, int]) -> str:
        for name, number in names.items():
            path = path.replace("{" + name + "}", str(number))
        return path

    def names(self, desk: Desk) -> dict[str, int]:
        taken, other, free = desk.offer(2, 0), desk.offer(2, 1), desk.offer(2, 2)
        mine = desk.rent(offer=taken)
        bid = desk.rent(offer=other, price=0.4)
        return {"mine": mine, "bid": bid, "taken": taken, "free": free}

    def send(self, desk: Desk, key: str, method: str, path: str, body: Any) -> Any:
        url = path if path.startswith("/api") else f"/api/v0{path}"
        headers = {"Authorization": f"Bearer {key}"}
        return desk.client.request(method, url, headers=headers, json=body)


class TestLimits:
    """Requests are bounded in size, depth and rate, and what is no JSON is refused."""

    @pytest.mark.parametrize(
        ("body", "status", "why"),
        [
            (b"{", 400, "request: need JSON"),
            (b"\xff", 400, "request: need JSON"),
            (b"[1]", 400, "a JSON object"),
            (b'{"machine_id": NaN}', 400, "NaN is no number"),
            (b'{"machine_id": {"eq": 1e400}}', 400, "1e400 is no number"),
            (b'{"machine_id": {"eq": ' + b"9" * 5_000 + b"}}", 400, "request: need JSON"),
            (b"[" * 60_000, 400, f"at most {MAX_DEPTH} levels"),
            (b'{"a":' * 500 + b"1" + b"}" * 500, 400, f"at most {MAX_DEPTH} levels"),
            (b'{"a":"' + b"x" * MAX_BODY + b'"}', 413, "at most 65,536 bytes"),
            (b'{"limit": 1, "limit": 2}', 400, 'request: need JSON, got the key "limit" twice'),
            (b'{"q": {"num_gpus": 1, "num_gpus": 1}}', 400, 'got the key "num_gpus" twice'),
            (b'{"\\ud800": 1}', 400, "half of a surrogate pair, which is no text"),
            (b'{"type": ["\\udfff"]}', 400, "half of a surrogate pair"),
            (b'{"type": "\xed\xa0\x80"}', 400, "half of a surrogate pair"),
        ],
        ids=range(14),
    )
    def test_a_bad_body(self, listed: Desk, body: bytes, status: int, why: str) -> None:
        listed.ask("ann", "GET", "/users/current")
        before = listed.store.market
        headers = {"Authorization": "Bearer ann"}
        answer = listed.client.post("/api/v0/bundles/", headers=headers, content=body)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/json")
        assert why in answer.json()["msg"]
        assert listed.store.market == before
        assert listed.search(num_gpus={"eq": "8"})

    def test_a_parameter_that_comes_twice(self, desk: Desk) -> None:
        headers = {"Authorization": "Bearer ann"}
        asked = "/api/v0/notifications?after=1&limit=1&after=2"
        answer = desk.client.get(asked, headers=headers)
        assert answer.status_code == 400
        assert answer.json()["msg"] == '"after": need each parameter once, got it twice'

    @pytest.mark.parametrize("key", ["\\ud83d\\ude00", "a\\u0301", "𝄞"])
    def test_whole_pairs_are_text(self, listed: Desk, key: str) -> None:
        path, headers = "/api/v1/instances", {"Authorization": "Bearer ann"}
        filters = f'{{"{key}": 1}}'
        answer = listed.client.get(path, params={"select_filters": filters}, headers=headers)
        (name,) = json.loads(filters)
        assert answer.json()["msg"].startswith(f"select_filters.{name}: need")

    def test_the_deepest_that_is_taken(self, listed: Desk) -> None:
        for levels, status in ((MAX_DEPTH, 200), (MAX_DEPTH + 1, 400)):
            deep: Any = 1
            for _ in range(levels - 2):
                deep = [deep]
            wanted = {"disk": 8, "extra": deep}  # nobody looks at it
            listed.ask("ann", "PUT", f"/asks/{listed.offer()}/", wanted, status)

    @pytest.mark.parametrize(
        ("method", "path", "status"),
        [
            ("GET", "/", 404),
            ("GET", "/api/v0/nothing/", 404),
            ("GET", "/api/v0/instances/abc/", 404),
            ("GET", f"/api/v0/instances/{'9' * 5_000}/", 404),
            ("GET", "/api/v0/instances/9999999999999999999/", 404),
            ("GET", "/api/v0/bundles/", 404),
            ("POST", "/api/v0/users/current", 404),
        ],
    )
    def test_what_is_no_route(self, desk: Desk, method: str, path: str, status: int) -> None:
        answer = desk.client.request(method, path, headers={"Authorization": "Bearer ann"})
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/json")
        assert answer.json()["success"] is False
        assert answer.json()["msg"]

    @pytest.mark.parametrize(
        "path", ["/api/v0/machines", "/api/v0/machines/", "/api/v0/machines//"]
    )
    def test_slashes_at_the_end_do_not_matter(self, desk: Desk, path: str) -> None:
        assert len(desk.ask(HOST, "GET", path)["machines"]) == 2

    def test_who_asks_too_often_has_to_wait(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        now = [0.0]
        monkeypatch.setattr("examples.marketplace.limits.monotonic", lambda: now[0])
        desk = Desk(tmp_path / "m.sqlite", rate=5)
        for _ in range(11):  # the first of them is a newcomer's
            desk.ask("ann", "GET", "/users/current")
        answer = desk.client.get("/api/v0/users/current", headers={"Authorization": "Bearer ann"})
        assert (answer.status_code, answer.json()["success"]) == (429, False)
        assert answer.headers["Retry-After"] == "1"
        desk.ask("ben", "GET", "/users/current")
        now[0] = 0.2
        desk.ask("ann", "GET", "/users/current")
        desk.ask("ann", "GET", "/users/current", status=429)
        desk.store.close()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)


def names_of(door: Door) -> tuple[st.SearchStrategy[str], st.SearchStrategy[str]]:
    """Return the fields and the parameters that are sent to a door, one of another among them."""
    conditions = ["num_gpus", "gpu_name", "verified", "duration"] if door.has_others else []
    return (
        st.sampled_from([*map(plain, door.fields), *door.beside, *conditions, "price"]),
        st.sampled_from([*map(plain, door.parameters), *door.beside, "owner", "limit"]),
    )


NAMES_OF: Final = {(door.method, door.path): names_of(door) for door in DOORS}
LIKELY = st.sampled_from(
    [1001, 1002, 2, 3, 0.5, 0.1, "running", "stopped", 8_192, [2], [1001], None]
)
NUMBERS = st.sampled_from(
    ["1e999", "-1e999", "1e308", "-1", "9" * 30, "20000", "NaN", "1e-400", str(2**63)]
)
HOSTILE: Final = (
    str(2**63),  # what no column of a database holds
    str(-(2**63) - 1),
    '"\\ud800"',  # what no answer can repeat
    '{"\\udfff": 1}',
    '{"gte": 0, "gte": 1}',
)


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    desk = Desk(tmp_path_factory.mktemp("fuzz") / "m.sqlite")
    desk.list()
    desk.rent()
    yield desk
    desk.store.close()


@pytest.mark.filterwarnings("ignore::numgenius_core.errors.FloorAbovePrice")  # as its main does
class TestNothingThatIsSentIsAFaultOfOurs:
    """Whatever comes, the answer is 2xx or 4xx in JSON; a refusal changes nothing."""

    @settings(
        examples(300),
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    @given(
        route=st.sampled_from(sorted((door.method, door.path) for door in DOORS)),
        number=st.sampled_from([1001, 2, 3, 8_192, 8_194, 5]),
        key=st.sampled_from([HOST, "ann"]),
        data=st.data(),
    )
    def test_it_is_answered(
        self, fuzzed: Desk, route: tuple[str, str], number: int, key: str, data: st.DataObject
    ) -> None:
        method, path = route
        fields, parameters = NAMES_OF[route]  # with others it would be refused before they are read
        body = data.draw(st.dictionaries(fields, JSON | LIKELY, max_size=6))
        values = (JSON | LIKELY).map(json.dumps) | NUMBERS
        query = data.draw(st.dictionaries(parameters, values, max_size=3))
        before = fuzzed.store.market
        answer = fuzzed.client.request(
            method,
            "/api" + path.format(number=number),
            headers={"Authorization": f"Bearer {key}"},
            params=query,
            content=json.dumps(body).encode(),
        )
        assert answer.headers["content-type"] == "application/json"
        assert answer.status_code < 500, answer.text
        if answer.status_code >= 400:
            assert answer.json()["msg"]
            assert fuzzed.store.market == before

    @pytest.mark.parametrize("first", range(up_to(len(HOSTILE), 1)))
    def test_what_no_database_and_no_answer_can_have(self, fuzzed: Desk, first: int) -> None:
        """At every door, as each of its parameters, and as each field of its body.

        The texts take turns; in a full run each of them comes to every place.
        """
        texts = islice(cycle(HOSTILE), first, None)
        for door in DOORS:
            path = "/api" + door.path.format(number=2**63)
            asked: list[tuple[dict[str, str], str]] = [({}, "{}")]
            asked += [({name.removesuffix("!"): next(texts)}, "{}") for name in door.parameters]
            body = ", ".join(f'"{name.removesuffix("!")}": {next(texts)}' for name in door.fields)
            asked.append(({}, f"{{{body}}}"))
            for query, sent in asked:
                answer = fuzzed.client.request(
                    door.method,
                    path,
                    headers={"Authorization": f"Bearer {HOST}"},
                    params=query,
                    content=sent.encode(),
                )
                assert answer.headers["content-type"] == "application/json"
                assert answer.status_code < 500, (door, query, sent)


def call(**query: Any) -> Call:
    """Return a request with a query."""
    texts = {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in query.items()
    }
    return Call(by=AccountId("ann"), at=BEGIN, number=0, body={}, query=texts)


ROWS = st.lists(
    st.fixed_dictionaries({"a": st.none() | st.integers(0, 3), "b": st.text("xy", max_size=1)}),
    max_size=12,
).map(lambda rows: [{**row, "id": number} for number, row in enumerate(rows)])
ORDERS = st.dictionaries(st.sampled_from(["a", "b"]), st.booleans())


class TestPages:
    """Page after page, every row comes once, whatever comes and goes in between."""

    @given(rows=ROWS, order=ORDERS, limit=st.integers(1, 5))
    def test_every_row_comes_once_and_in_order(self, rows: Any, order: Any, limit: int) -> None:
        order |= {"id": False}
        whole, none = page(call(limit=100), rows, order, 100)
        assert (len(whole), none) == (len(rows), None)
        found: list[Any] = []
        token: str | None = ""
        while token is not None:
            some, token = page(call(limit=limit, after_token=token), rows, order, 25)
            assert 1 <= len(some) <= limit or not rows
            found += some
        assert found == whole

    @given(rows=ROWS, order=ORDERS, data=st.data())
    def test_what_goes_meanwhile_moves_nothing(
        self, rows: Any, order: Any, data: st.DataObject
    ) -> None:
        order |= {"id": False}
        whole, _ = page(call(), rows, order, 100)
        _, token = page(call(limit=3), rows, order, 25)
        if token is not None:
            gone = data.draw(st.sets(st.sampled_from([row["id"] for row in rows])))
            left = [row for row in rows if row["id"] not in gone]
            rest, _ = page(call(after_token=token), left, order, 100)
            assert rest == [row for row in whole[3:] if row["id"] not in gone]

    def test_a_page_has_at_most_25_instances(self, desk: Desk) -> None:
        desk.list(min_chunk=1)
        offers = [row["id"] for row in desk.search(num_gpus={"eq": "1"})]
        ids = {desk.rent(offer=offers[n % 8], price=0.1 + n / 1_000, disk=8) for n in range(30)}
        seen: list[int] = []
        token: str | None = ""
        while token is not None:
            told = desk.ask("ann", "GET", "/api/v1/instances/", limit="100", after_token=token)
            assert told["total_instances"] == 30
            assert len(told["instances"]) <= 25
            seen += [row["id"] for row in told["instances"]]
            token = told["next_token"]
        assert (len(seen), set(seen)) == (30, ids)
        order = json.dumps([{"col": "bid_price", "dir": "desc"}, {"col": "id", "dir": "asc"}])
        told = desk.ask("ann", "GET", "/api/v1/instances/", order_by=order, limit="2")
        assert [row["bid_price"] for row in told["instances"]] == [0.129, 0.128]
        running = json.dumps({"actual_status": {"in": ["running"]}})
        told = desk.ask("ann", "GET", "/api/v1/instances/", select_filters=running)
        assert told["total_instances"] == 8
