"""A promise of uptime by REST: listed, searched, rented, missed, settled, paid out, tried."""

from __future__ import annotations

import json
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from marketplace import BEGIN, HOST, Desk
from numgenius_core.market import Settings, commands as do
from numgenius_core.wire import read_instances, read_machines, read_offers

WHOLE: dict[str, Any] = {
    "price_gpu": 3.5,
    "price_disk": 0.1,
    "min_chunk": 1,
    "sla_r_claim": 0.99,
    "duration": "10 days",
}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path / "market.sqlite")
    yield desk
    desk.store.close()


def offline(desk: Desk, *, online: bool = False) -> None:
    desk.store.decide((do.ReportOnline if online else do.ReportOffline)(machine=1001))


def rented(desk: Desk) -> int:
    desk.list(**WHOLE)
    return desk.rent(offer=desk.offer(1), target_reliability=0.95)


class TestAPromise:
    """From its claim to its earnings, a day and a midnight long."""

    def test_end_to_end(self, desk: Desk) -> None:
        number = rented(desk)
        [row] = desk.search(target_reliability={"eq": 0.95}, limit=1)
        assert row["has_sla"] is True
        assert row["expected_reliability"] == row["sla_r_claim"] == 0.99
        mine = desk.instance("ann", number)
        assert mine["target_reliability"] == 0.95
        fee = mine["search"]["slaPremiumPerHour"]
        assert 0.04 < fee < 0.041
        total = mine["search"]["gpuCostPerHour"] + mine["storage_total_cost"] + fee
        assert mine["dph_total"] == pytest.approx(total)
        desk.clock.pass_(hours=12)
        offline(desk)
        desk.clock.pass_(hours=5)
        offline(desk, online=True)
        desk.clock.pass_(hours=8)  # an hour after midnight
        bounds = {"day": {"gte": BEGIN.timestamp(), "lte": desk.clock.now.timestamp()}}
        told = desk.ask("ann", "GET", "/charges/", select_filters=json.dumps(bounds))
        [charge] = told["results"]
        days = [each for each in charge["items"] if each["type"] == "sla"]
        assert [each["description"] for each in days] == ["Service Credit", "SLA Fee"]
        assert days[0]["amount"] == pytest.approx(-80.85 + 24 * fee, abs=0.05)
        assert charge["amount"] == pytest.approx(sum(each["amount"] for each in charge["items"]))
        desk.clock.pass_(days=3)
        earned = desk.ask(HOST, "GET", "/users/me/machine-earnings/", last_days="5")
        assert earned["summary"]["total_gpu"] == 0
        assert earned["summary"]["total_sla"] == earned["current"]["balance"] > 0
        assert sum(day["sla_earn"] for day in earned["per_day"]) == pytest.approx(
            earned["summary"]["total_sla"]
        )

    def test_rows_say_what_our_readers_read(self, desk: Desk) -> None:
        number = rented(desk)
        read = read_offers(json.dumps({"offers": desk.search(limit=1)}))
        promise = read.offers[0].promise
        assert promise is not None
        assert float(promise.claim) == 0.99
        rows = json.dumps({"machines": desk.ask(HOST, "GET", "/machines/1001/")})
        [machine] = read_machines(rows).rows
        assert machine.promise == promise
        rows = json.dumps({"instances": [desk.instance("ann", number)]})
        [found] = read_instances(rows).rows
        assert (found.promise, found.target) == (promise, Fraction(19, 20))
        assert f"{found.sla_fee:.4f}" == "0.0404"

    def test_what_claims_less_is_hidden_and_not_rented(self, desk: Desk) -> None:
        desk.list(**WHOLE | {"sla_r_claim": 0.9})
        only = {"machine_id": {"eq": 1001}}
        assert desk.search(**only)
        assert desk.search(**only, target_reliability={"eq": 0.95}) == []
        wanted = {"image": "x", "disk": 10, "target_reliability": 0.95}
        desk.ask("ann", "PUT", f"/asks/{desk.offer(1)}/", wanted, 400)

    def test_an_extension_that_skips(self, desk: Desk) -> None:
        number = rented(desk)
        end = desk.instance("ann", number)["end_date"]
        later = WHOLE | {"duration": "20 days"}
        desk.list(**later | {"price_gpu": 4})
        assert desk.instance("ann", number)["end_date"] == end
        waiting = desk.ask("ann", "GET", "/instances/pending-price-increases/")
        assert waiting["pending_price_increases"] == []
        desk.list(**later)
        assert desk.instance("ann", number)["end_date"] > end

    @pytest.mark.parametrize(
        "wrong", [{"sla_r_claim": 1}, {"sla_sigma_x": 4}, {"sla_max_beta": 1}, {"sla_r_claim": "x"}]
    )
    def test_what_no_host_can_claim(self, desk: Desk, wrong: dict[str, Any]) -> None:
        told = desk.list(status=400, **WHOLE | wrong)
        assert told["error"] == "invalid_sla_params"

    def test_where_none_are_sold(self, desk: Desk) -> None:
        desk.store.decide(do.SetSettings(settings=Settings(sla_offered=False)))
        assert desk.list(status=403, **WHOLE)["error"] == "sla_disabled"

    def test_prepaying_is_refused(self, desk: Desk) -> None:
        number = rented(desk)
        told = desk.ask("ann", "PUT", f"/instances/prepay/{number}/", {"amount": 10}, 400)
        assert "one without a promise" in told["msg"]


class TestABacktest:
    """On a machine's own history, asked by its host."""

    def ask(self, desk: Desk, by: str = HOST, status: int = 200, **query: Any) -> Any:
        wanted = {"machine_id": 1001, "r_claim": 0.99, **query}
        texts = {name: str(value) for name, value in wanted.items()}
        return desk.ask(by, "GET", "/host/sla_backtest/", status=status, **texts)

    def test_of_a_day_with_an_outage(self, desk: Desk) -> None:
        rented(desk)
        desk.clock.pass_(hours=12)
        offline(desk)
        desk.clock.pass_(hours=5)
        offline(desk, online=True)
        desk.clock.pass_(days=2)
        told = self.ask(desk, r_target=0.95, p=0.8, days=3)
        assert told["has_data"] is True
        assert told["params"] == {"r_claim": 0.99, "r_target": 0.95, "p": 0.8, "beta": 0.3}
        first = told["days"][0]
        assert first["reliability"] == pytest.approx(0.791666667)
        assert float(first["escrow_to_client_balance"]) > 0
        assert float(told["net"]) < 0
        assert told["r_eff"] < told["r_be"]

    def test_without_rentals(self, desk: Desk) -> None:
        desk.list(**WHOLE)
        assert self.ask(desk)["has_data"] is False

    @pytest.mark.parametrize(
        ("query", "by", "status", "error"),
        [
            ({"r_claim": 1}, HOST, 400, "invalid_sla_params"),
            ({"r_claim": 0}, HOST, 400, "invalid_sla_params"),
            ({"p": 0.1}, HOST, 400, "invalid_sla_params"),
            ({"r_target": 0.995}, HOST, 400, "invalid_sla_params"),
            ({"days": 367}, HOST, 400, "invalid_sla_params"),
            ({}, "ann", 403, "not_authorized"),
            ({"machine_id": 77}, HOST, 404, "no_such_machine"),
        ],
    )
    def test_refusals(
        self, desk: Desk, query: dict[str, Any], by: str, status: int, error: str
    ) -> None:
        desk.list(**WHOLE)
        assert self.ask(desk, by, status, **query)["error"] == error

    def test_of_a_machine_that_has_no_price(self, desk: Desk) -> None:
        assert self.ask(desk, status=400)["error"] == "invalid_args"
