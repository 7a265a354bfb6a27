"""Rows of instances: whatever one costs, each field of its row says the same."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given

from effort import examples
from examples.marketplace import bills, rows
from examples.marketplace.hardware import DEMO
from marketplace import BEGIN, HOST, Desk
from numgenius_core.billing import LineKind
from numgenius_core.ids import MachineId
from numgenius_core.intervals import Interval
from numgenius_core.market import Instance, Market, commands as do, views
from numgenius_core.testing import markets

NEAR: Final = 1e-9  # dollars: what rows are rounded to is less
PARTS: Final = ("gpuCostPerHour", "diskHour", "slaPremiumPerHour")
NOTHING: Final = dict.fromkeys(
    (*PARTS, "totalHour", "discountTotalHour", "discountedTotalPerHour"), 0.0
)
TIMED: Final = (
    LineKind.ON_DEMAND,
    LineKind.RESERVED,
    LineKind.INTERRUPTIBLE,
    LineKind.STORAGE,
    LineKind.SLA_FEE,
)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path / "market.sqlite")
    yield desk
    desk.store.close()


def day(days: int) -> float:
    return (BEGIN + timedelta(days=days)).timestamp()


def row_of(market: Market, found: Instance) -> Any:
    home = views.machine(market, found.contract.machine)
    deposit = views.deposit_of(market, found.id, market.now)
    return rows.instance(found, home, market.now, deposit, DEMO)


def near(value: float) -> Any:
    return pytest.approx(value, abs=NEAR)


def check_sums(row: Any) -> None:
    """Hold the fields of a row to each other (DOMAIN 2)."""
    running, now = row["search"], row["instance"]
    for costs in (running, now):
        assert costs["totalHour"] == near(sum(costs[part] for part in PARTS))
        paid = costs["totalHour"] - costs["discountTotalHour"]
        assert costs["discountedTotalPerHour"] == near(paid)
        assert min(costs.values()) >= 0
    assert row["dph_base"] == running["gpuCostPerHour"]
    assert row["dph_total"] == near(running["discountedTotalPerHour"])
    assert row["storage_total_cost"] == running["diskHour"]
    assert row["storage_total_cost"] == near(row["storage_cost"] * row["disk_space"] / 720)
    assert running["discountTotalHour"] == near(row["dph_base"] * row["credit_discount"])
    disk_alone = NOTHING | dict.fromkeys(
        ("diskHour", "totalHour", "discountedTotalPerHour"), running["diskHour"]
    )
    assert now in (running, disk_alone, NOTHING)


def check_statement(market: Market, found: Instance, row: Any) -> None:
    """Hold what a row says of now to what the next hour costs, if nothing happens in it."""
    for seconds in (3_600, 1):
        then = market.now + timedelta(seconds=seconds)
        if views.until(market, then).version == market.version:
            period = Interval(market.now, then)
            bill = views.statement_of(market, found.id, period)
            cost = float(bill.amount_of(*TIMED))  # traffic is in no price of an hour
            assert row["instance"]["discountedTotalPerHour"] * seconds / 3_600 == near(cost)
            return


def check_spend_rate(market: Market, client: Any, told: list[Any]) -> None:
    """Hold the rows of a client to what leaves its balance: what a deposit pays does not."""
    gpu = disk = 0.0
    for row in told:
        now = row["instance"]
        disk += now["diskHour"]
        if not row["credit_balance"]:
            gpu += now["gpuCostPerHour"] + now["slaPremiumPerHour"]
    answer = bills.spending(views.spend_rate(market, client))
    assert answer["gpu_cost_per_hour"] == near(gpu)
    assert answer["container_storage_cost_per_hour"] == near(disk)


class TestOneRowOnePrice:
    """DOMAIN 2: "dph_total = dph_base + storage_cost · disk_GB / 720", and 9: what costs when."""

    @examples(400)
    @given(market=markets())
    def test_fields_spend_rate_and_the_next_hour_say_the_same(self, market: Market) -> None:
        market = views.until(market, market.now)
        for client in market.accounts:
            told = []
            for found in views.instances_of(market, client):
                row = row_of(market, found)
                check_sums(row)
                check_statement(market, found, row)
                told.append(row)
            check_spend_rate(market, client, told)

    def test_stopped_nothing_is_saved(self, desk: Desk) -> None:
        desk.list(end_date=day(90))
        number = desk.rent()
        desk.ask("ann", "PUT", f"/instances/prepay/{number}/", {"amount": 576})
        row = desk.instance("ann", number)
        assert row["instance"] == row["search"]
        assert (row["dph_base"], row["instance"]["discountTotalHour"]) == (1, 0.2)
        assert row["dph_total"] == near(0.8 + 10 * 0.1 / 720)
        desk.ask("ann", "PUT", f"/instances/{number}/", {"state": "stopped"})
        row = desk.instance("ann", number)
        disk = dict.fromkeys(("diskHour", "totalHour", "discountedTotalPerHour"), near(1 / 720))
        assert row["instance"] == NOTHING | disk
        assert row["dph_total"] == near(0.8 + 1 / 720)  # once it runs again

    def test_a_deposit_that_is_used_up_gives_no_discount(self, desk: Desk) -> None:
        desk.list(end_date=day(90))
        number = desk.rent()
        desk.ask("ann", "PUT", f"/instances/prepay/{number}/", {"amount": 576})
        desk.clock.pass_(days=30)
        row = desk.instance("ann", number)
        assert (row["credit_balance"], row["credit_discount"]) == (0, 0)
        assert row["dph_total"] == row["instance"]["totalHour"] == near(1 + 1 / 720)

    def test_a_bid_costs_the_floor_that_its_client_accepted(self, desk: Desk) -> None:
        desk.list(end_date=day(10))
        number = desk.rent("ben", price=0.3)
        desk.list(end_date=day(20), price_min_bid=0.25)
        (asked,) = desk.ask("ben", "GET", "/instances/pending-price-increases/")[
            "pending_price_increases"
        ]
        # Two GPUs at $0.30 are $0.15 each; the floor is $0.25 each. Nothing else is raised.
        assert asked["old_gpu_costpersec"] * 3_600 == near(0.15)
        assert asked["new_gpu_costpersec"] * 3_600 == near(0.25)
        assert [name for name in asked if name.startswith("new_") and asked[name]] == [
            "new_gpu_costpersec"
        ]
        wanted = {"pending_price_increase_id": asked["pending_price_increase_id"]}
        desk.ask("ben", "PUT", "/instances/accept-price-increase/", wanted)
        desk.clock.pass_(days=9)
        assert desk.instance("ben", number)["dph_base"] == 0.3  # until the end it then had
        desk.clock.pass_(days=2)
        row = desk.instance("ben", number)
        assert (row["dph_base"], row["search"]["gpuCostPerHour"]) == (0.5, 0.5)
        assert row["instance"]["totalHour"] == row["dph_total"] == near(0.5 + 1 / 720)
        assert row["bid_price"] == 0.3  # it is still what its client bids
        assert desk.ask("ben", "GET", "/users/spend-rate/")["gpu_cost_per_hour"] == 0.5

    def test_a_bid_that_is_asked_for_more_storage_alone(self, desk: Desk) -> None:
        desk.list(end_date=day(10))
        desk.rent("ben", price=0.3)
        desk.list(end_date=day(20), price_gpu=0.9, price_disk=0.2)
        (asked,) = desk.ask("ben", "GET", "/instances/pending-price-increases/")[
            "pending_price_increases"
        ]
        assert asked["old_gpu_costpersec"] * 3_600 == near(0.15)
        assert asked["new_gpu_costpersec"] is None  # it never pays the price on demand
        assert asked["new_disk_ram_costpersec"] * 2_592_000 == near(0.2)

    def test_the_hosts_own_test_is_free(self, desk: Desk) -> None:
        desk.list(price_inetu=0.01, price_inetd=0.02)
        row = desk.instance(HOST, desk.rent(HOST))
        for costs in (row["search"], row["instance"]):
            assert costs == NOTHING
        names = ("dph_base", "dph_total", "storage_cost", "storage_total_cost")
        assert {row[name] for name in (*names, "inet_up_cost", "inet_down_cost")} == {0}

    def test_offline_it_costs_nothing_now(self, desk: Desk) -> None:
        desk.list()
        number = desk.rent()
        desk.store.decide(do.ReportOffline(machine=MachineId(1001)))
        row = desk.instance("ann", number)
        assert row["instance"] == NOTHING
        assert row["dph_total"] == near(1 + 1 / 720)

    def test_with_a_promise_an_outage_costs_on(self, desk: Desk) -> None:
        desk.list(price_gpu=3.5, min_chunk=1, sla_r_claim=0.99)
        number = desk.rent(offer=desk.offer(1), target_reliability=0.95)
        desk.store.decide(do.ReportOffline(machine=MachineId(1001)))
        row = desk.instance("ann", number)
        assert row["instance"] == row["search"]
        assert row["search"]["slaPremiumPerHour"] > 0.04
        rate = desk.ask("ann", "GET", "/users/spend-rate/")
        parts = rate["gpu_cost_per_hour"] + rate["container_storage_cost_per_hour"]
        assert parts == near(row["dph_total"])
