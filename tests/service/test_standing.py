"""A clock that stands until it is set, and the page that is told with it: it can be followed."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.request import Request, urlopen

import pytest
from starlette.testclient import TestClient

from disks import is_full
from examples.marketplace.__main__ import CREDIT, arguments, seed
from examples.marketplace.app import Service
from examples.marketplace.standing import StandingClock
from examples.marketplace.store import Store
from numgenius_core.market.commands import AddCredit
from numgenius_core.money import Money
from scripts.write_story import BLOCK, CLOCK, PAGE, put_clock
from vastai_client import ROOT, served

FIRST: Final = datetime(2026, 1, 5, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(str(tmp_path / "market.sqlite"), clock=StandingClock(FIRST))
    seed(store)
    yield store
    store.close()


@pytest.fixture
def client(store: Store) -> TestClient:
    clock: Any = store._clock
    return TestClient(Service(store, 1e6, CREDIT, clock=clock).app())


def put(client: TestClient, to: str, status: int = 200) -> Any:
    answer = client.put("/clock", content=to)
    assert answer.status_code == status, answer.text
    return answer.json()


class TestTheClock:
    """It stands, goes on when it is told, and what came due until then has happened."""

    def test_it_stands_until_it_is_set(self, store: Store, client: TestClient) -> None:
        assert store.now() == FIRST
        told = put(client, "2026-01-20")
        assert told == {"success": True, "clock": "2026-01-20T00:00:00+00:00"}
        assert store.now() == datetime(2026, 1, 20, tzinfo=UTC)
        put(client, "2026-01-20T12:30+01:00")
        assert store.now() == datetime(2026, 1, 20, 11, 30, tzinfo=UTC)

    def test_what_came_due_has_happened(self, store: Store, client: TestClient) -> None:
        body = {"machine": 1001, "price_gpu": 1, "end_date": FIRST.timestamp() + 3_600}
        headers = {"Authorization": "Bearer host-1"}
        client.put("/api/v0/machines/create_asks/", json=body, headers=headers)
        assert store.market.listings
        put(client, "2026-01-06")
        assert not store.market.listings

    @pytest.mark.parametrize(
        ("to", "why"),
        [
            ("2026-01-04", "clock: need an instant from 2026-01-05 00:00:00+00:00 on"),
            (
                "2027-03-01",
                "clock: need an instant up to 2027-02-09 00:00:00+00:00, got 2027-03-01",
            ),
            ("2026-01-06T00:00:00.5Z", "clock: need a whole second, got "),
            ("2026-01-06T12:00", "clock: need"),  # whose noon?
            ("tomorrow", "clock: need an ISO 8601 date"),
            ("", "clock: need an ISO 8601 date"),
            ("\ufffd", "clock: need an ISO 8601 date"),
        ],
    )
    def test_where_it_cannot_be_set(
        self, store: Store, client: TestClient, to: str, why: str
    ) -> None:
        assert why in put(client, to, 400)["msg"]
        assert store.now() == FIRST

    def test_not_back_behind_what_has_happened(self, tmp_path: Path, store: Store) -> None:
        store.decide(AddCredit(account="ann", amount=Money(1)))
        path = str(tmp_path / "market.sqlite")
        earlier = Store(path, clock=StandingClock(datetime(2025, 1, 1, tzinfo=UTC)))
        clock: Any = earlier._clock
        client = TestClient(Service(earlier, 1e6, CREDIT, clock=clock).app())
        assert "from 2026-01-05" in put(client, "2025-06-01", 400)["msg"]
        earlier.close()

    def test_where_the_disk_fails_it_stands_as_before(
        self, store: Store, client: TestClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        body = {"machine": 1001, "price_gpu": 1, "end_date": FIRST.timestamp() + 3_600}
        headers = {"Authorization": "Bearer host-1"}
        client.put("/api/v0/machines/create_asks/", json=body, headers=headers)
        is_full(store._log, monkeypatch)
        put(client, "2026-01-06", 503)
        assert store.now() == FIRST

    def test_nobody_sets_the_clock_of_a_service_that_has_another(self, store: Store) -> None:
        client = TestClient(Service(store, 1e6, CREDIT).app())
        assert client.put("/clock", content="2026-01-20").status_code == 404


class TestTheOption:
    """``--clock`` is for a demonstration of one process."""

    @pytest.mark.parametrize(
        ("words", "why"),
        [
            ("--seed demo --clock tomorrow", "argument --clock: need an ISO 8601 date"),
            ("--seed demo --clock 2026-01-05T12:00", "argument --clock: need"),
            ("--keys k --clock 2026-01-05", "--clock is for a demonstration"),
            ("--seed demo --share-port --clock 2026-01-05", "--clock is for a demonstration"),
        ],
    )
    def test_it_is_refused(
        self,
        words: str,
        why: str,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        monkeypatch.setattr(sys, "argv", ["marketplace", *words.split()])
        with pytest.raises(SystemExit):
            arguments()
        assert why in capsys.readouterr().err

    def test_it_is_taken(self, monkeypatch: pytest.MonkeyPatch) -> None:
        words = "--seed demo --clock 2026-01-05T12:00Z"
        monkeypatch.setattr(sys, "argv", ["marketplace", *words.split()])
        assert arguments().clock == datetime(2026, 1, 5, 12, tzinfo=UTC)


class TestThePageCanBeFollowed:
    """Its own command starts the service, its first listing is accepted, and time goes on."""

    def test_on_any_day(self, tmp_path: Path) -> None:
        page = (ROOT / PAGE).read_text("utf-8")
        [start] = re.findall(r"^python -m examples\.marketplace (.*)$", page, re.MULTILINE)
        assert start.startswith("--port 8765 --db story.sqlite --seed demo ")
        commands = [line for block in BLOCK.findall(page) for line in block.splitlines()]
        assert "-e 03/31/2026" in commands[0]
        days = [found[1] for line in commands if (found := CLOCK.fullmatch(line))]
        assert len(days) == 3
        with served(tmp_path / "story.sqlite", *start.split()[6:]) as (url, _):
            body = {"machine": 1001, "price_gpu": 0.5, "min_chunk": 2}
            body["end_date"] = datetime(2026, 3, 31, tzinfo=UTC).timestamp()
            request = Request(
                f"{url}/api/v0/machines/create_asks/",
                json.dumps(body).encode(),
                {"Authorization": "Bearer host-1"},
                method="PUT",
            )
            with urlopen(request, timeout=30) as answer:
                assert answer.status == 200
            for each in days:
                told = json.loads(put_clock(url, each))
                assert told["clock"] == f"{each}T00:00:00+00:00"
