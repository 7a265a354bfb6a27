"""The example service's outbox, thresholds and spend rate: what an account is told of itself."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from disks import fails_once_it_has_kept, is_full, sees
from marketplace import BEGIN, HOST, Desk
from numgenius_core.ids import MachineId
from numgenius_core.market import Market, views
from numgenius_core.market.commands import ReportOffline


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path / "market.sqlite")
    desk.list()
    yield desk
    desk.store.close()


def told(desk: Desk, key: str, **query: str) -> Any:
    return desk.ask(key, "GET", "/notifications", None, 200, **query)["notifications"]


def kinds(desk: Desk, key: str) -> list[str]:
    return [each["kind"] for each in told(desk, key)]


def everything(desk: Desk) -> set[tuple[int, str]]:
    """Return who must be told of which event, worked out from the log alone."""
    numbered = list(desk.store.events())
    numbers = {id(event): number for number, event in numbered}
    notices = views.notifications(Market(), [event for _, event in numbered])
    return {(numbers[id(each.event)], each.recipient) for each in notices}


def in_the_outbox(desk: Desk) -> set[tuple[int, str]]:
    accounts = desk.store.market.accounts
    return {(row["id"], key) for key in accounts for row in told(desk, key, limit="500")}


def live(desk: Desk) -> None:
    """Let much happen: bids, volumes, an outage, maintenance, and a balance that runs out."""
    (row,) = desk.ask("ann", "POST", "/volumes/search/", {})["offers"]
    volume = desk.ask("ann", "PUT", "/volumes/", {"id": row["id"]})["volume_name"]
    bid = desk.rent("ann", price=1.2, env=f"-v {volume}:/mnt")
    desk.rent("ben", desk.offer())
    desk.ask(HOST, "PUT", "/machines/1001/dnotify/", {"sdate": BEGIN.timestamp() + 99_999})
    asyncio.run(desk.store.do(ReportOffline(machine=MachineId(1001))))
    desk.clock.pass_(days=5)
    desk.ask("ann", "DELETE", f"/instances/{bid}/")


class TestTheOutbox:
    """Everyone is told what concerns them, once, and nobody what concerns others."""

    def test_a_host_of_a_rental_and_a_client_of_an_outage(self, desk: Desk) -> None:
        number = desk.rent()
        asyncio.run(desk.store.do(ReportOffline(machine=MachineId(1001))))
        assert kinds(desk, "ann") == ["credit added", "instance loaded", "machine went offline"]
        last = told(desk, HOST)[-1]
        assert (last["kind"], last["facts"]) == ("machine went offline", {"machine": 1001})
        assert last["at"] == BEGIN.timestamp()
        made = next(each for each in told(desk, HOST) if each["kind"] == "contract created")
        assert (made["facts"]["contract"], made["facts"]["client"]) == (number, "ann")
        assert kinds(desk, "ben") == ["credit added"]

    def test_it_is_read_page_by_page(self, desk: Desk) -> None:
        live(desk)
        whole, after, found = told(desk, "ann"), 0, []
        while True:
            page = desk.ask("ann", "GET", "/notifications", after=str(after), limit="2")
            assert page["count"] == len(page["notifications"]) <= 2
            if not page["count"]:
                break
            found += page["notifications"]
            after = page["last_id"]
        assert found == whole
        assert after == whole[-1]["id"] == page["last_id"]
        assert [each["id"] for each in whole] == sorted({each["id"] for each in whole})

    def test_what_has_come_due_is_there(self, desk: Desk) -> None:
        desk.list(end_date=BEGIN.timestamp() + 3_600)
        desk.rent()
        desk.clock.pass_(hours=2)
        assert kinds(desk, "ann")[-1] == "instance expired"

    def test_it_is_what_the_log_says_also_after_a_restart(self, desk: Desk) -> None:
        live(desk)
        before = in_the_outbox(desk)
        assert before == everything(desk)
        assert len(before) > 15
        desk.restart()
        assert in_the_outbox(desk) == before

    def test_what_could_not_be_stored_is_not_told(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        known, offer = kinds(desk, "ann"), desk.offer()
        is_full(desk.store._log, monkeypatch)
        desk.ask("ann", "PUT", f"/asks/{offer}/", {"disk": 8}, status=503)
        monkeypatch.undo()
        assert kinds(desk, "ann") == known
        desk.rent("ann", offer)
        assert in_the_outbox(desk) == everything(desk)

    def test_a_write_whose_end_nobody_saw_is_told_once(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        offer = desk.offer()
        fails_once_it_has_kept(desk.store._log, monkeypatch, blind=True)
        desk.ask("ann", "PUT", f"/asks/{offer}/", {"disk": 8}, status=504)
        sees(desk.store._log, monkeypatch)
        desk.rent("ben", desk.offer(nth=1))
        assert in_the_outbox(desk) == everything(desk)

    @pytest.mark.parametrize(
        "query", [{"after": "-1"}, {"after": "x"}, {"limit": "[]"}, {"after": str(2**63)}]
    )
    def test_what_it_may_not_ask(self, desk: Desk, query: dict[str, str]) -> None:
        (name,) = query
        told = desk.ask("ann", "GET", "/notifications", None, 400, **query)
        assert told["msg"].startswith(f"{name}: need")

    def test_after_the_largest_number_there_is_nothing(self, desk: Desk) -> None:
        told = desk.ask("ann", "GET", "/notifications", after=str(2**63 - 1), limit=str(10**30))
        assert (told["notifications"], told["last_id"]) == ([], 2**63 - 1)


class TestThresholds:
    """A balance at which a card is to be charged, and one at which its owner is told."""

    def test_they_are_set_one_by_one_and_shown(self, desk: Desk) -> None:
        shown = desk.ask("ann", "GET", "/users/current")
        assert (shown["autobill_threshold"], shown["balance_threshold"]) == (None, None)
        assert shown["balance_threshold_enabled"] is False
        desk.ask("ann", "PUT", "/users/", {"autobill_threshold": 5})
        desk.ask("ann", "PUT", "/users/", {"balance_threshold": 7.5})
        shown = desk.ask("ann", "GET", "/users/current")
        assert (shown["autobill_threshold"], shown["balance_threshold"]) == (5, 7.5)
        assert shown["balance_threshold_enabled"] is True
        desk.ask("ann", "PUT", "/users/", {"balance_threshold": None, "autobill_threshold": None})
        shown = desk.ask("ann", "GET", "/users/current")
        assert (shown["autobill_threshold"], shown["balance_threshold"]) == (None, None)
        assert shown["balance_threshold_enabled"] is False

    def test_one_that_is_switched_off_is_kept(self, desk: Desk) -> None:
        """MARKET_PAGES b: two settings, ``balance_threshold`` and whether it is enabled."""

        def shown(**body: Any) -> tuple[Any, Any]:
            desk.ask("ann", "PUT", "/users/", {f"balance_{name}": body[name] for name in body})
            told = desk.ask("ann", "GET", "/users/current")
            return told["balance_threshold"], told["balance_threshold_enabled"]

        assert shown(threshold=10, threshold_enabled=True) == (10, True)
        assert shown(threshold_enabled=False) == (10, False)
        desk.restart()
        assert shown(threshold_enabled=True) == (10, True)
        assert shown(threshold=12, threshold_enabled=False) == (12, False)
        assert shown(threshold=9_995) == (9_995, False)  # what is left out stays
        desk.rent()
        desk.clock.pass_(hours=11)
        assert "balance low" not in kinds(desk, "ann")
        assert shown(threshold_enabled=True) == (9_995, True)
        assert kinds(desk, "ann")[-1] == "balance low"

    def test_they_are_told_in_the_outbox(self, desk: Desk) -> None:
        desk.ask("ann", "PUT", "/users/", {"autobill_threshold": 9_990, "balance_threshold": 9_995})
        desk.rent()
        desk.clock.pass_(hours=11)
        assert kinds(desk, "ann")[-2:] == ["balance low", "charge due"]
        for name, value in (("balance_threshold_enabled", False), ("autobill_threshold", 9_990)):
            desk.ask("ann", "PUT", "/users/", {name: value})
        assert kinds(desk, "ann").count("charge due") == 1  # its card may be charged right now

    @pytest.mark.parametrize(
        ("body", "status", "why"),
        [
            ({"autobill_threshold": -1}, 400, "autobill_threshold: need zero dollars or more"),
            ({"balance_threshold": "5"}, 400, "balance_threshold: need a number"),
            ({"balance_threshold_enabled": 1}, 400, "need true or false"),
            ({"balance_threshold_enabled": True}, 400, "need a balance_threshold to switch on"),
            ({"ssh_key": "x"}, 404, "accounts are kept by who runs this service"),
            ({}, 404, "accounts are kept by who runs this service"),
        ],
    )
    def test_what_it_may_not_say(self, desk: Desk, body: Any, status: int, why: str) -> None:
        desk.ask("ann", "GET", "/users/current")
        before = desk.store.market
        assert why in desk.ask("ann", "PUT", "/users/", body, status)["msg"]
        assert desk.store.market == before


class TestTheSpendRate:
    """What leaves the balance an hour, for what."""

    def test_it_is_by_what_it_is_for(self, desk: Desk) -> None:
        asked = desk.ask("ann", "GET", "/users/spend-rate/")
        assert asked == {
            "success": True,
            "gpu_cost_per_hour": 0,
            "container_storage_cost_per_hour": 0,
            "volume_storage_cost_per_hour": 0,
            "has_active_resources": False,
        }
        desk.list(price_disk=0.72, vol_size=100, vol_price=1.44)
        desk.rent(disk=100)
        (row,) = desk.ask("ann", "POST", "/volumes/search/", {})["offers"]
        desk.ask("ann", "PUT", "/volumes/", {"id": row["id"], "size": 50})
        asked = desk.ask("ann", "GET", "/users/spend-rate/")
        assert asked["gpu_cost_per_hour"] == 1
        assert asked["container_storage_cost_per_hour"] == pytest.approx(0.1)
        assert asked["volume_storage_cost_per_hour"] == pytest.approx(0.1)
        assert asked["has_active_resources"] is True
