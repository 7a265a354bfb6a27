"""The example service's volumes: who offers, rents, attaches, copies and deletes them, and pays."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from disks import is_full
from marketplace import BEGIN, HOST, Desk
from numgenius_core.ids import MachineId
from numgenius_core.market.commands import ReportOffline, ReportOnline

DAY = 86_400


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path / "market.sqlite")
    yield desk
    desk.store.close()


def epoch(days: float) -> float:
    """Return an instant some days after the beginning as Unix seconds."""
    return (BEGIN + timedelta(days=days)).timestamp()


def found(desk: Desk, **query: Any) -> Any:
    """Return the volume offers of a search."""
    return desk.ask("ann", "POST", "/volumes/search/", query)["offers"]


def offer(desk: Desk, machine: int = 1001) -> int:
    (row,) = found(desk, machine_id={"eq": machine})
    return int(row["id"])


def make(desk: Desk, key: str = "ann", machine: int = 1001, **fields: Any) -> int:
    """Rent a volume, and return its number."""
    told = desk.ask(key, "PUT", "/volumes/", {"id": offer(desk, machine), **fields})
    assert told["success"] is True
    return int(told["volume_name"].removeprefix("V."))


def mine(desk: Desk, key: str = "ann", **query: str) -> Any:
    return desk.ask(key, "GET", "/volumes", None, 200, owner="me", **query)["volumes"]


def machine(desk: Desk, number: int = 1001) -> Any:
    return desk.ask(HOST, "GET", f"/machines/{number}")[0]


class TestWhatIsOffered:
    """With the machine, or alone; of half the free disk, if nothing is said."""

    def test_a_listing_offers_half_of_the_free_disk_at_its_price(self, desk: Desk) -> None:
        told = desk.list(price_disk=0.2, end_date=epoch(30))
        (row,) = found(desk)
        assert told["results"][0]["new_contracts"] == [{"id": row["id"], "size": 500}]
        assert (row["disk_space"], row["storage_cost"]) == (500, 0.2)
        assert row["storage_total_cost"] == pytest.approx(0.2 / 720, abs=1e-12)  # of 1 GB
        assert (row["duration"], row["end_date"]) == (30 * DAY, epoch(30))
        assert row["id"] == row["ask_contract_id"] == row["bundle_id"]
        assert (row["machine_id"], row["host_id"]) == (1001, HOST)
        assert (row["verification"], row["geolocation"]) == ("verified", "Quebec, CA")
        for name in ("inet_up", "inet_down", "disk_bw", "static_ip", "cpu_arch"):
            assert row[name], name
        assert machine(desk)["listed_volume_cost"] == 0.2

    def test_of_what_instances_leave(self, desk: Desk) -> None:
        desk.list(vol_size=0)
        desk.rent(disk=200)
        assert found(desk) == []
        desk.list()
        (row,) = found(desk)
        assert row["disk_space"] == 400

    def test_nothing_for_size_0_and_what_is_there_stays(self, desk: Desk) -> None:
        assert desk.list(vol_size=0)["results"][0]["new_contracts"] == []
        assert (found(desk), machine(desk)["listed_volume_cost"]) == ([], None)
        desk.list(vol_size=100, vol_price=0.3)
        before = offer(desk)
        for fields in ({"vol_size": 0}, {}, {"vol_size": None}):
            desk.list(**fields)
            (row,) = found(desk)
            assert (row["id"], row["disk_space"], row["storage_cost"]) == (before, 100, 0.3)

    def test_it_ends_with_the_gpus(self, desk: Desk) -> None:
        desk.list(vol_size=0, end_date=epoch(30))
        body = {"machine": 1001, "size": 200, "price_disk": 0.15, "end_date": epoch(60)}
        desk.ask(HOST, "POST", "/volumes/", body)
        assert found(desk)[0]["end_date"] == epoch(30)
        told = desk.list(end_date=epoch(45))
        assert told["results"][0]["new_contracts"] == []  # its end has moved, no more
        assert found(desk)[0]["end_date"] == epoch(45)
        body["end_date"] = epoch(20)
        desk.ask(HOST, "POST", "/volumes/", body)
        assert found(desk)[0]["end_date"] == epoch(20)
        assert machine(desk)["end_date"] == epoch(45)  # the other way round it moves nothing
        desk.list(vol_price=0.3)
        assert (found(desk)[0]["storage_cost"], found(desk)[0]["end_date"]) == (0.3, epoch(20))
        told = desk.list(vol_price=0.2, end_date=epoch(45))
        assert [each["id"] for each in told["results"][0]["new_contracts"]] == [offer(desk)]
        assert found(desk)[0]["end_date"] == epoch(45)

    def test_alone_it_has_the_clients_defaults(self, desk: Desk) -> None:
        told = desk.ask(HOST, "POST", "/volumes/", {"machine": 1001})
        (row,) = found(desk)
        assert (row["disk_space"], row["storage_cost"]) == (15, 0.1)
        assert row["duration"] == 90 * DAY
        assert told == {
            "success": True,
            "extended": 0,
            "you_sent": {"machine": 1001},
            "results": [
                {
                    "machine_id": 1001,
                    "user_id": HOST,
                    "extended": 0,
                    "new_contracts": [{"id": row["id"], "size": 15}],
                    "upd_contracts": [],
                }
            ],
        }

    @pytest.mark.parametrize("name", ["machine", "machines"])
    def test_several_at_once_and_what_is_extended(self, desk: Desk, name: str) -> None:
        both = {name: [1001, 1002], "size": 100}
        desk.ask(HOST, "POST", "/volumes/", both | {"end_date": epoch(10)})
        number = make(desk)
        told = desk.ask(HOST, "POST", "/volumes/", both | {"end_date": epoch(20)})
        first, second = told["results"]
        assert (first["machine_id"], second["machine_id"]) == (1001, 1002)
        assert (first["upd_contracts"], second["upd_contracts"]) == ([number], [])
        assert (first["extended"], second["extended"], told["extended"]) == (1, 0, 1)
        assert mine(desk)[0]["end_date"] == epoch(20)
        told = desk.ask(HOST, "POST", "/volumes/", both | {"price_disk": 0.2})
        assert told["extended"] == 0  # to a later end, but dearer

    def test_a_longer_listing_extends_volumes_and_instances(self, desk: Desk) -> None:
        desk.list(end_date=epoch(10))
        volume, instance = make(desk), desk.rent("ben")
        told = desk.list(end_date=epoch(20))
        assert told["extended"] == 2
        assert told["results"][0]["upd_contracts"] == [instance, volume]

    def test_it_is_taken_back_and_what_is_rented_stays(self, desk: Desk) -> None:
        desk.list()
        number, listed = make(desk), offer(desk)
        told = desk.ask(HOST, "POST", "/volumes/unlist", {"id": listed})
        assert told == {"success": True, "msg": f"Unlisted Volume {listed}."}
        assert found(desk) == []
        assert [row["id"] for row in mine(desk)] == [number]
        told = desk.ask(HOST, "POST", "/volumes/unlist", {"id": listed}, status=400)
        assert "Volume listing does not exist" in told["msg"]

    def test_unlisting_the_machine_takes_it_along(self, desk: Desk) -> None:
        desk.list()
        number = make(desk)
        desk.ask(HOST, "DELETE", "/machines/1001/asks/")
        assert found(desk) == []
        assert [row["id"] for row in mine(desk)] == [number]

    def test_offline_machines_offer_nothing_and_list_nothing(self, desk: Desk) -> None:
        desk.list()
        asyncio.run(desk.store.do(ReportOffline(machine=MachineId(1001))))
        assert found(desk) == []
        told = desk.ask(HOST, "POST", "/volumes/", {"machine": 1001}, status=402)
        assert "which is offline" in told["msg"]

    @pytest.mark.parametrize(
        ("change", "why"),
        [
            ({"size": 0}, "size: need GB of disk above 0"),
            ({"size": -1}, "size: need GB"),
            ({"size": "15"}, "size: need GB of disk"),
            ({"price_disk": -0.1}, "price_disk: need $/GB-month"),
            ({"end_date": epoch(0)}, "end_date: need an instant after"),
            ({"end_date": "soon"}, "end_date: need Unix seconds"),
        ],
    )
    def test_422_for_a_value_that_is_none(self, desk: Desk, change: Any, why: str) -> None:
        before = desk.store.market
        told = desk.ask(HOST, "POST", "/volumes/", {"machine": 1001} | change, status=422)
        assert why in told["msg"]
        assert (told["code"], desk.store.market) == ("volume_out_of_bounds", before)


class TestSearching:
    """As for offers of GPUs: conditions, an order, a limit, and how much disk is priced."""

    @pytest.fixture(autouse=True)
    def both(self, desk: Desk) -> None:
        desk.list()
        desk.list(1002, price_disk=0.05, vol_size=300)

    def test_conditions_as_the_client_types_them(self, desk: Desk) -> None:
        usual = {"verified": {"eq": True}, "external": {"eq": False}, "disk_space": {"gte": 1}}
        assert len(found(desk, **usual, order=[["score", "desc"]])) == 2
        for query, wanted in (
            ({"disk_space": {"gt": "300"}}, [1001]),
            ({"inet_down": {"gt": "1000"}}, [1002]),
            ({"storage_cost": {"lt": "0.1"}}, [1002]),
            ({"geolocation": {"in": ["NO"]}}, [1002]),
            ({"duration": {"gt": 86_400.0}}, [1001, 1002]),
            ({"verified": {"eq": False}}, []),
        ):
            assert [row["machine_id"] for row in found(desk, **query)] == wanted, query

    def test_an_order_a_limit_and_how_much_is_priced(self, desk: Desk) -> None:
        (row,) = found(desk, order=[["storage_cost", "asc"]], limit=1, allocated_storage=100.0)
        assert row["machine_id"] == 1002
        assert row["storage_total_cost"] == pytest.approx(100 * 0.05 / 720, abs=1e-12)
        assert "unknown" not in desk.ask("ann", "POST", "/volumes/search/", {})["offers"][0]

    def test_what_it_may_not_ask(self, desk: Desk) -> None:
        for query in ({"disk_space": {"gt": "much"}}, {"limit": 0}, {"order": [["id", "up"]]}):
            desk.ask("ann", "POST", "/volumes/search/", query, status=400)

    def test_an_end_that_never_comes_is_no_number(self, desk: Desk) -> None:
        assert {row["duration"] for row in found(desk)} == {None}

    def test_a_full_offer_is_not_found(self, desk: Desk) -> None:
        make(desk, machine=1002, size=300)
        assert [row["machine_id"] for row in found(desk)] == [1001]


class TestVolumes:
    """A part of an offer, of a fixed size, whatever uses it."""

    @pytest.fixture(autouse=True)
    def listed(self, desk: Desk) -> None:
        desk.list(end_date=epoch(30))
        desk.list(1002, end_date=epoch(60))

    def test_it_is_made_shown_and_deleted(self, desk: Desk) -> None:
        number = make(desk, size=200, name="models_1")
        (row,) = mine(desk)
        assert (row["id"], row["label"], row["disk_space"]) == (number, "models_1", 200)
        assert (row["machine_id"], row["host_id"]) == (1001, HOST)
        assert row["storage_total_cost"] == pytest.approx(200 * 0.1 / 720)
        assert (row["start_date"], row["end_date"]) == (epoch(0), epoch(30))
        assert (row["status"], row["instances"]) == ("active", [])
        assert mine(desk, type="local_volume") == [row]
        assert mine(desk, type="network_volume") == []
        assert mine(desk, "ben") == []
        told = desk.ask("ann", "DELETE", "/volumes/", id=str(number))
        assert told["success"] is True
        assert mine(desk) == []
        desk.restart()
        assert mine(desk) == []

    def test_15_gb_if_nothing_is_said(self, desk: Desk) -> None:
        make(desk)
        assert mine(desk)[0]["disk_space"] == 15

    def test_one_offer_serves_many(self, desk: Desk) -> None:
        for size in (200, 300):
            make(desk, size=size)
        assert found(desk, machine_id={"eq": 1001}) == []
        row = machine(desk)
        assert (row["alloc_disk_space"], row["avail_disk_space"]) == (500, 500)

    @pytest.mark.parametrize(
        "options",
        [
            {"env": {"-v V.{}:/mnt": "1", "-p 80:80": "1"}},
            {"env": "-e A=b -v V.{}:/mnt"},
            {"volume_info": {"mount_path": "/mnt", "create_new": False, "volume_id": "{}"}},
        ],
    )
    def test_an_instance_attaches_it_and_it_outlives_it(self, desk: Desk, options: Any) -> None:
        number = make(desk)
        filled = json.loads(json.dumps(options).replace('"{}"', "{}").replace("{}", str(number)))
        instance = desk.rent(**filled)
        assert mine(desk)[0]["instances"] == [instance]
        (info,) = desk.instance("ann", instance)["volume_info"]
        assert (info["id"], info["total_space"]) == (number, 15)
        desk.ask("ann", "PUT", f"/instances/{instance}/", {"state": "stopped"})
        told = desk.ask("ann", "DELETE", "/volumes/", status=409, id=str(number))
        assert (told["error"], told["code"]) == ("volume_in_use", "in_use")
        assert str(instance) in told["msg"]
        desk.ask("ann", "DELETE", f"/instances/{instance}/")
        desk.ask("ann", "DELETE", "/volumes/", id=str(number))
        assert mine(desk) == []

    def test_a_new_one_is_made_with_the_instance(self, desk: Desk) -> None:
        info = {"mount_path": "/mnt", "create_new": True, "volume_id": offer(desk), "size": 40}
        instance = desk.rent(volume_info=info | {"name": "data"})
        (row,) = mine(desk)
        assert (row["label"], row["disk_space"], row["instances"]) == ("data", 40, [instance])
        body = {"ids": [desk.offer(nth=1), desk.offer(nth=2)], "disk": 10}
        desk.ask("ann", "POST", "/asks/bulk/", body | {"volume_info": info})
        assert [len(row["instances"]) for row in mine(desk)] == [1, 2]

    def test_a_bid_that_waits_attaches_too(self, desk: Desk) -> None:
        number, taken = make(desk), desk.offer()
        desk.rent("ben", taken)
        told = desk.ask(
            "ann", "PUT", f"/asks/{taken}/", {"disk": 8, "price": 1, "env": f"-v V.{number}:/d"}
        )
        assert mine(desk)[0]["instances"] == [told["new_contract"]]

    @pytest.mark.parametrize("names", [("src_id", "dst_id"), ("source", "dest")])
    def test_it_is_copied_onto_another_machine(self, desk: Desk, names: tuple[str, str]) -> None:
        number = make(desk, size=50)
        body = dict(zip(names, (number, offer(desk, 1002)), strict=True))
        told = desk.ask("ann", "POST", "/volumes/copy/", body)
        assert told["volume_name"] == f"V.{mine(desk)[1]['id']}"
        desk.ask("ann", "POST", "/volumes/copy/", body | {"size": 60.0, "name": "copy"})
        assert [(row["machine_id"], row["disk_space"]) for row in mine(desk)] == [
            (1001, 50),
            (1002, 50),
            (1002, 60),
        ]
        less = body | {"size": 49}
        told = desk.ask("ann", "POST", "/volumes/copy/", less, status=400)
        assert "at least the volume's" in told["msg"]

    def test_at_its_end_it_stays_until_its_host_cleans_up(self, desk: Desk) -> None:
        make(desk)
        desk.clock.pass_(days=31)
        assert mine(desk)[0]["status"] == "expired"
        desk.clock.pass_(days=2)
        told = desk.ask(HOST, "PUT", "/machines/1001/cleanup/")
        assert (told["success"], told["num_deleted"]) == (True, 1)
        assert mine(desk) == []

    def test_a_deletion_that_could_not_be_stored_has_not_happened(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        number = make(desk)
        is_full(desk.store._log, monkeypatch)
        desk.ask("ann", "DELETE", "/volumes/", status=503, id=str(number))
        monkeypatch.undo()
        assert [row["id"] for row in mine(desk)] == [number]
        assert desk.store.volumes == {}
        desk.ask("ann", "DELETE", "/volumes/", id=str(number))
        assert list(desk.store.volumes) == [number]

    def test_offline_it_can_be_deleted(self, desk: Desk) -> None:
        number = make(desk)
        asyncio.run(desk.store.do(ReportOffline(machine=MachineId(1001))))
        assert mine(desk)[0]["status"] == "offline"
        desk.ask("ann", "DELETE", "/volumes/", id=str(number))


class TestMoney:
    """By the second while it exists and its machine is online, apart from instances."""

    def test_it_is_charged_and_earned(self, desk: Desk) -> None:
        desk.list(price_disk=0.72)
        number = make(desk, size=100, name="models")  # $0.10 an hour
        desk.clock.pass_(hours=10)
        asyncio.run(desk.store.do(ReportOffline(machine=MachineId(1001))))
        desk.clock.pass_(hours=10)
        asyncio.run(desk.store.do(ReportOnline(machine=MachineId(1001))))
        desk.clock.pass_(hours=10)
        desk.ask("ann", "DELETE", "/volumes/", id=str(number))
        desk.clock.pass_(hours=10)
        desk.restart()
        assert desk.ask("ann", "GET", "/users/current")["balance"] == 9_998
        day = {"gte": epoch(0), "lte": epoch(9)}
        filters = json.dumps({"day": day, "type": {"in": ["volume"]}})
        (row,) = desk.ask("ann", "GET", "/charges/", select_filters=filters)["results"]
        assert (row["type"], row["source"], row["amount"]) == ("volume", f"volume-{number}", 2)
        assert row["description"] == f"Volume {number} Charges - 2 days"
        assert row["metadata"] == {"volume_id": number, "label": "models"}
        assert [item["type"] for item in row["items"]] == ["disk", "disk"]
        assert [item["description"] for item in row["items"]] == [
            "10.000 hours at $0.100/hour",
            "10.000 hours at $0.100/hour",
        ]
        assert (row["start"], row["end"]) == (epoch(0), epoch(1))
        old = desk.ask("ann", "GET", "/users/me/invoices", sdate=str(epoch(0)))["invoices"]
        assert sum(row["amount"] for row in old if row["type"] == "charge") == 2
        first = str(int(epoch(0)) // DAY)
        earned = desk.ask(HOST, "GET", "/users/me/machine-earnings", sday=first)
        assert earned["summary"]["total_stor"] == 2
        assert [day["sto_earn"] for day in earned["per_day"]] == pytest.approx([1.4, 0.6])
        assert sum(row["sto_earn"] for row in earned["per_machine"]) == 2

    def test_what_a_machine_earned_in_the_last_hour(self, desk: Desk) -> None:
        desk.list(price_disk=0.72)
        make(desk, size=100)
        desk.clock.pass_(hours=3)
        assert (machine(desk)["earn_hour"], machine(desk)["earn_day"]) == (0.1, 0.3)


class TestThePublishedExample:
    """1000 GB, half of which is offered for volumes: an offer takes no space, what is rented does.

    Machine 1002 has 4 GPUs, here in pairs, so its offers are the two halves and the whole.
    """

    def disk(self, desk: Desk) -> tuple[list[float], list[float]]:
        """Return the disk of each offer of GPUs, and of volumes."""
        there = desk.search(machine_id={"eq": 1002}, order=[["disk_space", "asc"]])
        volumes = found(desk, machine_id={"eq": 1002})
        return [row["disk_space"] for row in there], [row["disk_space"] for row in volumes]

    @pytest.fixture(autouse=True)
    def listed(self, desk: Desk) -> None:
        desk.list(1002, vol_size=500)
        assert self.disk(desk) == ([500, 500, 1000], [500])

    def test_200_gb_rented(self, desk: Desk) -> None:
        make(desk, machine=1002, size=200)
        assert self.disk(desk) == ([400, 400, 800], [300])

    @pytest.mark.parametrize(("stored", "left"), [(800, 200), (400, 500)])
    def test_stored_by_instances(self, desk: Desk, stored: int, left: int) -> None:
        row = desk.search(machine_id={"eq": 1002}, num_gpus={"eq": 4})[0]
        desk.rent("ben", row["id"], disk=stored)
        assert self.disk(desk)[1] == [left]


class TestRefusals:
    """4xx with a sentence, and the market as it was."""

    CASES: tuple[tuple[str, str, str, Any, int, str], ...] = (
        ("ann", "PUT", "/volumes/", {"id": "{offer}", "size": 501}, 400, "at most the offer's"),
        ("ann", "PUT", "/volumes/", {"id": "{offer}", "size": 0}, 400, "GB of disk above 0"),
        ("ann", "PUT", "/volumes/", {"id": "{offer}", "name": "a-b"}, 400, "letters, digits and"),
        ("ann", "PUT", "/volumes/", {"id": "{offer}", "name": "x" * 65}, 400, "at most 64"),
        ("ann", "PUT", "/volumes/", {"id": "{offer}", "name": 7}, 400, "name: need text"),
        ("ann", "PUT", "/volumes/", {"id": 99}, 404, "a volume offer that is on the market"),
        ("ann", "PUT", "/volumes/", {}, 400, "id: need a whole number"),
        ("ann", "DELETE", "/volumes/?id={used}", {}, 409, "that no instance has attached"),
        ("ben", "DELETE", "/volumes/?id={used}", {}, 401, "a volume of your own"),
        ("ann", "DELETE", "/volumes/?id=12345", {}, 404, "a volume that exists, got 12345"),
        ("ann", "DELETE", "/volumes/", {}, 400, "id: need a whole number"),
        ("ann", "POST", "/volumes/copy/", {"src_id": "{used}", "dst_id": 99}, 404, "got 99"),
        ("ben", "POST", "/volumes/copy/", {"src_id": "{used}", "dst_id": 1}, 403, "the client of"),
        (
            "ann",
            "POST",
            "/volumes/copy/",
            {"src_id": "{used}", "dst_id": "{offer}", "size": 486},
            400,
            "at most the offer's",
        ),
        (HOST, "POST", "/volumes/", {"machine": 77}, 404, "a machine of this market, got 77"),
        ("ann", "POST", "/volumes/", {"machine": 1001}, 403, "the host of machine 1001"),
        (HOST, "POST", "/volumes/", {"machines": []}, 400, "a list of 1 to 100 ids"),
        (HOST, "POST", "/volumes/", {"machine": 1001, "hidden_listing": True}, 400, "need false"),
        (HOST, "POST", "/volumes/unlist", {"id": 99}, 400, "does not exist"),
        (HOST, "POST", "/volumes/unlist", {}, 400, "id: need a whole number"),
        ("ann", "POST", "/volumes/unlist", {"id": "{offer}"}, 403, "the host of machine 1001"),
        ("ann", "GET", "/volumes?type=floppy", None, 400, "type: need one of all_volume"),
        ("ann", "PUT", "/asks/{gpus}/", {"disk": 8, "env": {"-v V.9:/a": 1}}, 404, "got 9"),
        ("ben", "PUT", "/asks/{gpus}/", {"disk": 8, "env": "-v V.{used}:/a"}, 403, "client of"),
        ("ann", "PUT", "/asks/{gpus}/", {"disk": 8, "env": "-v V.{far}:/a"}, 400, "machine 1001"),
        ("ann", "PUT", "/asks/{gpus}/", {"disk": 8, "env": "-v V.{used}"}, 400, "V.NUMBER:/PATH"),
        ("ann", "PUT", "/asks/{gpus}/", {"disk": 8, "env": "-v V.x:/mnt"}, 400, "V.NUMBER:/PATH"),
        (
            "ann",
            "PUT",
            "/asks/{gpus}/",
            {"disk": 8, "env": "-v V.{used}:/a -v V.{used}:/b"},
            400,
            "each volume once",
        ),
        (
            "ann",
            "PUT",
            "/asks/{gpus}/",
            {"disk": 8, "volume_info": {"create_new": True, "volume_id": "{offer2}"}},
            400,
            "a volume of machine 1001",
        ),
        (
            "ann",
            "PUT",
            "/asks/{gpus}/",
            {"disk": 8, "volume_info": {"create_new": True, "volume_id": "{offer}", "size": 501}},
            400,
            "at most the offer's",
        ),
        ("ann", "PUT", "/asks/{gpus}/", {"disk": 8, "volume_info": {"size": 1}}, 400, "volume_id"),
        ("ann", "PUT", "/asks/{gpus}/", {"disk": 8, "volume_info": [1]}, 400, "an object"),
        ("ann", "PUT", "/network_volumes/", {"id": 1}, 404, "network volumes are not among"),
        ("ann", "POST", "/network_volumes/search/", {}, 404, "network volumes are not among"),
        (HOST, "POST", "/network_volumes/unlist/", {"id": 1}, 404, "network volumes are not"),
        (HOST, "POST", "/network_disk/", {"machines": [1]}, 404, "network disks are not among"),
    )

    def test_each(self, desk: Desk) -> None:
        desk.list()
        desk.list(1002)
        desk.ask("ben", "GET", "/users/current")
        used, far = make(desk), make(desk, machine=1002)
        names = {"offer": offer(desk), "offer2": offer(desk, 1002), "used": used, "far": far}
        desk.rent(env=f"-v V.{used}:/mnt")
        names["gpus"] = desk.offer(nth=1)
        before = desk.store.market
        for key, method, path, body, status, why in self.CASES:
            text = json.dumps([path, body])
            for name, number in names.items():
                text = text.replace(f'"{{{name}}}"', str(number))
                text = text.replace(f"{{{name}}}", str(number))
            (address, _, asked), sent = json.loads(text)[0].partition("?"), json.loads(text)[1]
            query = dict([asked.split("=")]) if asked else {}
            told = desk.ask(key, method, address, sent, status, **query)
            assert why in told["msg"], (path, told)
            assert told["success"] is False
            assert "\n" not in told["msg"]
            assert desk.store.market == before, path
