"""The shortest embedding: what its page in the docs says is true of it."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("fastapi")

from fastapi.testclient import TestClient

from examples import fastapi_market
from examples.fastapi_market import app
from examples.marketplace.refusals import FAULTS
from examples.marketplace.store import Failed
from numgenius_core import Money, errors
from numgenius_core.market import Market
from numgenius_core.market.commands import Command, TransferCredit
from numgenius_core.market.events import CreditAdded, Event
from vastai_client import ROOT

Ask = Callable[..., Any]


@pytest.fixture
def file(tmp_path: Path) -> str:
    return str(tmp_path / "market.sqlite")


def asked(client: TestClient, by: str, method: str, path: str, key: str = "", **query: Any) -> Any:
    headers = {"X-Account": by} | ({"Idempotency-Key": key} if key else {})
    return client.request(method, path, params=query, headers=headers)


def furnished(file: str) -> TestClient:
    client = TestClient(app(file))
    machine: dict[str, Any] = {"gpu": "RTX 4090", "gpus": 2, "price": "0.40"}
    assert asked(client, "hanna", "POST", "/machines/7", **machine).status_code == 201
    assert asked(client, "ann", "POST", "/credit", dollars="10").status_code == 201
    return client


class TestTheShortestEmbedding:
    """Issue: "at most 80 lines, the shortest honest embedding"."""

    def test_it_is_short(self) -> None:
        assert len((ROOT / "examples" / "fastapi_market.py").read_text("utf-8").splitlines()) <= 80

    def test_a_rental_from_offer_to_end(self, file: str) -> None:
        client = furnished(file)
        offers = asked(client, "ann", "GET", "/offers").json()
        assert [each["gpus"] for each in offers] == [1, 1, 2]
        path = f"/offers/{offers[0]['offer']}/rent"
        answer = asked(client, "ann", "POST", path, key="1")
        number = answer.json()["rental"]
        assert asked(client, "ann", "POST", path, key="1").json() == {"rental": number}
        again = asked(TestClient(app(file)), "ann", "POST", path, key="1")  # another worker
        assert again.json() == {"rental": number}
        assert asked(client, "ann", "POST", "/credit", key="2", dollars="1").status_code == 201
        assert float(asked(client, "ann", "GET", "/balance").json()["dollars"]) > 10.9
        asked(client, "ann", "POST", "/credit", key="2", dollars="1")  # the same again
        assert float(asked(client, "ann", "GET", "/balance").json()["dollars"]) < 11.1
        assert len(asked(client, "ann", "GET", "/offers").json()) == 1
        assert asked(client, "bob", "DELETE", f"/rentals/{number}").status_code == 403
        assert asked(client, "ann", "DELETE", f"/rentals/{number}").status_code == 200
        assert float(asked(client, "ann", "GET", "/balance").json()["dollars"]) > 10.9

    def test_a_reaction_that_is_refused_is_nobodys_request(
        self, file: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Who asked is told that the service failed, and not what another account has."""

        def react(_: Market, event: Event) -> Iterator[Command]:
            if isinstance(event, CreditAdded) and event.account == "zoe":
                yield TransferCredit(by="ann", to="hanna", amount=Money(1_000))

        furnished(file)
        monkeypatch.setattr(fastapi_market, "instances_load_at_once", react)
        answer = asked(
            TestClient(app(file), raise_server_exceptions=False),
            *("zoe", "POST", "/credit"),
            dollars=3,
        )
        assert (answer.status_code, answer.text) == (500, "Internal Server Error")
        with pytest.raises(errors.ReactionRefused, match="a balance of at least"):  # to its log
            asked(TestClient(app(file)), "zoe", "POST", "/credit", dollars=3)

    def test_nor_is_a_fault_of_ours(self, file: str, monkeypatch: pytest.MonkeyPatch) -> None:
        furnished(file)
        monkeypatch.setattr(fastapi_market, "instances_load_at_once", lambda *_: None)
        client = TestClient(app(file), raise_server_exceptions=False)
        assert asked(client, "zoe", "POST", "/credit", dollars=3).status_code == 500
        with pytest.raises(Failed, match="react: need a series"):
            asked(TestClient(app(file)), "zoe", "POST", "/credit", dollars=3)

    def test_the_key_of_another_request_is_refused(self, file: str) -> None:
        client = furnished(file)
        offers = [each["offer"] for each in asked(client, "ann", "GET", "/offers").json()]
        first = asked(client, "ann", "POST", f"/offers/{offers[0]}/rent", key="1")
        for worker in (client, TestClient(app(file))):
            for path, query in (
                ("/offers/99/rent", {}),
                (f"/offers/{offers[1]}/rent", {}),
                (f"/offers/{offers[0]}/rent", {"disk_gb": 20}),
                ("/credit", {"dollars": 5}),
            ):
                answer = asked(worker, "ann", "POST", path, key="1", **query)
                assert answer.status_code == 422
                assert answer.json()["error"] == "idempotency_key_reused"
            again = asked(worker, "ann", "POST", f"/offers/{offers[0]}/rent", key="1")
            assert again.json() == first.json()

    def test_keys_of_two_accounts_are_never_one(self, file: str) -> None:
        client = furnished(file)
        for account, key in (("zoe x", "1"), ("zoe", "x 1")):
            assert asked(client, account, "POST", "/credit", key, dollars=3).status_code == 201
            assert asked(client, account, "GET", "/balance").json() == {"dollars": "3.00"}

    @pytest.mark.parametrize("key", ["", " ", "x" * 129])
    def test_a_key_that_is_none_is_refused(self, file: str, key: str) -> None:
        headers = {"X-Account": "ann", "Idempotency-Key": key}
        answer = TestClient(app(file)).post("/credit?dollars=5", headers=headers)
        assert (answer.status_code, answer.json()["error"]) == (400, "rule_violation")

    def test_what_was_rented_runs_and_costs(
        self, file: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        client = furnished(file)
        offer = asked(client, "ann", "GET", "/offers").json()[0]["offer"]
        assert asked(client, "ann", "POST", f"/offers/{offer}/rent").status_code == 201
        later = datetime.now(UTC) + timedelta(hours=10)
        monkeypatch.setattr(fastapi_market, "datetime", SimpleNamespace(now=lambda _: later))
        for worker in (client, TestClient(app(file))):
            left = float(asked(worker, "ann", "GET", "/balance").json()["dollars"])
            assert left == pytest.approx(10 - 10 * 0.40, abs=0.01)

    @pytest.mark.parametrize(
        ("by", "method", "path", "query", "status"),
        [
            ("ann", "POST", "/offers/5/rent", {}, 404),
            ("zoe", "POST", "/offers/28672/rent", {}, 404),
            ("ann", "POST", "/credit", {"dollars": "-1"}, 400),
            ("ann", "POST", "/credit", {"dollars": "x"}, 422),
            ("bob", "POST", "/machines/7", {"gpu": "A", "gpus": 1, "price": "1"}, 409),
        ],
    )
    def test_bad_input_changes_nothing(
        self, file: str, by: str, method: str, path: str, query: dict[str, Any], status: int
    ) -> None:
        client = furnished(file)
        offers = asked(client, "ann", "GET", "/offers").json()
        path = path.replace("28672", str(offers[0]["offer"]))
        answer = asked(client, by, method, path, **query)
        assert answer.status_code == status, answer.text
        assert asked(client, "ann", "GET", "/offers").json() == offers
        assert asked(client, "ann", "GET", "/balance").json() == {"dollars": "10.00"}

    def test_two_workers_sell_a_gpu_once(self, file: str) -> None:
        clients = [furnished(file), TestClient(app(file))]
        offer = asked(clients[0], "ann", "GET", "/offers").json()[0]["offer"]
        told: list[int] = []

        def rent(client: TestClient) -> None:
            path = f"/offers/{offer}/rent"
            told.extend(asked(client, "ann", "POST", path).status_code for _ in range(4))

        threads = [threading.Thread(target=rent, args=(client,)) for client in clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(told) == [201, *[410] * 7]


class TestOneStatusForOneRefusal:
    """The how-to page, the shortest embedding and the example service answer alike."""

    def test_they_agree(self) -> None:
        page = (ROOT / "docs" / "howto" / "embed-the-market.md").read_text("utf-8")
        table = re.search(r">>> STATUS = \{(.*?)\}", page, re.DOTALL)
        assert table is not None
        said = {
            getattr(errors, name).code: int(status)
            for name, status in re.findall(r"(\w+): (\d+)", table[1])
        }
        served = {
            kind.code: status
            for kind, status, _ in FAULTS
            if vars(errors).get(kind.__name__) is kind and issubclass(kind, errors.NumgeniusError)
        }
        short = {code: each for code, each in fastapi_market.STATUS.items() if code in served}
        assert short == said
        # The market's own clients know 411 of credit that is missing; HTTP has a status for it.
        assert (served.pop("insufficient_credit"), said.pop("insufficient_credit")) == (411, 402)
        assert {code: status for code, status in served.items() if status != 400} == said
