"""A host's machines and a renter's instances, and the kinds of documents kept apart."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any, cast

import pytest

from numgenius_core import Block, Mode, Money, PerGbMonth, PerGpuHour, PerHour
from numgenius_core.contracts import InstanceState
from numgenius_core.errors import FloorAbovePrice, InvalidDocument, ParseError, RuleViolation
from numgenius_core.gpus import blocks
from numgenius_core.listing import Verification
from numgenius_core.sla import Promise
from numgenius_core.wire import HostMachine, RentedInstance, read_instances, read_machines

MACHINE: dict[str, Any] = {
    "id": 7,
    "machine_id": 7,
    "listed": True,
    "hostname": "box",
    "gpu_name": "RTX 4090",
    "num_gpus": 8,
    "disk_space": 6436,
    "verification": "verified",
    "listed_gpu_cost": 0.3,
    "listed_storage_cost": 0.15,
    "listed_inet_up_cost": 0.003,
    "listed_inet_down_cost": 0.003,
    "listed_min_gpu_count": 4,
    "min_bid_price": 0.15,
    "credit_discount_max": 0.03,
    "end_date": 1790812800.0,
    "duration": None,
    "client_end_date": 1785542400.5,
    "gpu_occupancy": "D D R I x x x x ",
}
INSTANCE: dict[str, Any] = {
    "id": 9,
    "machine_id": 7,
    "host_id": 5,
    "gpu_name": "RTX 4090",
    "num_gpus": 2,
    "dph_base": 0.8,
    "dph_total": 0.81,
    "storage_cost": 0.15,
    "inet_up_cost": 0.01,
    "inet_down_cost": 0.01,
    "min_bid": 0.3,
    "is_bid": False,
    "disk_space": 20.5,
    "actual_status": "running",
    "cur_state": "running",
    "intended_status": "running",
    "start_date": 1780272000.0,
    "end_date": 1785542400.0,
    "label": "mine",
    "extra_env": {"A": "1"},
}


def machine(**more: Any) -> HostMachine:
    (found,) = read_machines(json.dumps([MACHINE | more])).rows
    return found


def instance(**more: Any) -> RentedInstance:
    (found,) = read_instances(json.dumps([INSTANCE | more])).rows
    return found


class TestMachines:
    """Issue: "`show machines --raw` → `Machine`, `Listing`, contracts' end"."""

    def test_each_field_has_its_place(self) -> None:
        found = machine()
        assert found.machine.id == 7
        assert (found.machine.host, found.machine.gpus, found.machine.disk_mb) == (
            "me",
            8,
            6_436_000,
        )
        assert found.machine.verification is Verification.VERIFIED
        listing = found.listing
        assert listing is not None
        assert listing.prices.gpu == PerGpuHour("0.3")
        assert listing.prices.storage == PerGbMonth("0.15")
        assert (listing.min_gpu, listing.max_discount) == (4, Fraction(3, 100))
        assert listing.end == datetime(2026, 10, 1, tzinfo=UTC)
        assert listing.rolling is None
        assert found.client_end == datetime(2026, 8, 1, tzinfo=UTC)
        assert "".join(found.occupancy or ()) == "DDRIxxxx"
        assert found.extra == MACHINE

    def test_the_clients_prices(self) -> None:
        (found,) = read_machines(json.dumps([MACHINE]), platform_fee="0.25").rows
        assert found.listing is not None
        assert found.listing.prices.gpu == PerGpuHour("0.4")
        assert found.listing.prices.min_bid == PerGpuHour("0.2")
        assert found.listing.prices.platform_fee == Fraction(1, 4)

    def test_a_rolling_end_stands_before_the_end_that_it_made(self) -> None:
        listing = machine(duration=2_592_000.0).listing
        assert listing is not None
        assert (listing.end, listing.rolling) == (None, timedelta(days=30))

    @pytest.mark.parametrize("min_gpu", [3, 6, 16])
    def test_a_min_gpu_that_no_host_can_list(self, min_gpu: int) -> None:
        """Records show any from 1: the row has it, with its prices, and others are read too."""
        odd = {"listed_min_gpu_count": min_gpu, "duration": 2_592_000.0}
        found, other = read_machines(json.dumps([MACHINE | odd, MACHINE])).rows
        assert (found.min_gpu, found.listing) == (min_gpu, None)
        assert found.prices == other.prices
        assert found.rolling == timedelta(days=30)
        assert other.listing is not None
        assert (other.min_gpu, other.prices, other.rolling) == (4, other.listing.prices, None)
        assert blocks(8, min_gpu, observed=True)[-1] == Block(start=0, size=8)

    def test_the_listing_has_what_its_host_promises(self) -> None:
        found = machine(sla_r_claim=0.99, sla_sigma_x=0.2)
        assert found.listing is not None
        assert found.listing.promise == found.promise == Promise("0.99", "0.2")

    @pytest.mark.parametrize("more", [{"listed": False}, {"listed_gpu_cost": None}])
    def test_what_is_not_listed(self, more: dict[str, Any]) -> None:
        found = machine(**more)
        assert found.listing is None
        assert found.client_end is not None

    def test_few_fields_are_enough(self) -> None:
        (found,) = read_machines(
            '{"machines": [{"machine_id": 1, "gpu_name": "A100", "num_gpus": 1, "host_id": 4}]}'
        ).rows
        assert (found.machine.host, found.listing, found.occupancy) == ("4", None, None)
        assert found.machine.verification is Verification.UNVERIFIED

    @pytest.mark.parametrize("said", [None, "", " "])
    def test_what_its_gpus_do_is_not_known_where_the_row_has_no_letters(
        self, said: str | None
    ) -> None:
        assert machine(gpu_occupancy=said).occupancy is None
        (row,) = read_machines(json.dumps([MACHINE | {"gpu_occupancy": said}])).to_dicts()
        assert row["occupancy"] is None

    def test_a_floor_above_the_price_is_warned_of(self) -> None:
        with pytest.warns(FloorAbovePrice, match="machine 7"):
            machine(min_bid_price=0.5)

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("id", "7"),
            ("num_gpus", 0),
            ("gpu_name", []),
            ("listed_gpu_cost", -1),
            ("end_date", "soon"),
            ("duration", "30 days"),
            ("duration", -1),
            ("listed", "yes"),
            ("listed_min_gpu_count", 0),
            ("host_id", []),
            ("gpu_occupancy", "D D x x "),
            ("gpu_occupancy", "D D R I x x x x x "),
            ("gpu_occupancy", "D D R I x x x Q "),
        ],
    )
    def test_faults_name_their_field(self, key: str, value: object) -> None:
        text = json.dumps([MACHINE | {key: value}])
        with pytest.raises(InvalidDocument) as caught:
            read_machines(text)
        (fault,) = caught.value.faults
        assert fault.path == f"machines[0].{key}"
        reading = read_machines(text, on_error="collect")
        assert (reading.rows, reading.skipped) == ((), 1)

    def test_all_faults_together(self) -> None:
        with pytest.raises(InvalidDocument) as caught:
            read_machines(json.dumps([{"gpu_occupancy": 5}, 5, MACHINE]))
        assert [fault.path for fault in caught.value.faults] == [
            "machines[0].machine_id",
            "machines[0].gpu_name",
            "machines[0].num_gpus",
            "machines[0].gpu_occupancy",
            "machines[1]",
        ]

    def test_words_and_fees(self) -> None:
        for options in ({"on_error": "skip"}, {"platform_fee": 1}, {"host": ""}):
            with pytest.raises(RuleViolation):
                read_machines("[]", **cast("Any", options))

    @pytest.mark.parametrize(
        "key", ["listed_gpu_cost", "listed_storage_cost", "listed_inet_up_cost", "min_bid_price"]
    )
    def test_a_price_that_no_client_can_pay_with_the_fee_is_a_fault_of_its_row(
        self, key: str
    ) -> None:
        high = {"listed_gpu_cost": 1_000_000} if key == "min_bid_price" else {}
        text = json.dumps([MACHINE | high | {key: 1_000_000}, MACHINE])
        fault = (
            f"machines[0].{key}: need a price that with a fee of 0.5 is one of $0 to $1,000,000, "
            "got 1000000"
        )
        with pytest.raises(InvalidDocument) as caught:
            read_machines(text, platform_fee="0.5")
        assert fault in [str(each) for each in caught.value.faults]
        reading = read_machines(text, platform_fee="0.5", on_error="collect")
        assert len(reading.rows) == 1
        assert [str(each) for each in reading.faults] == list(map(str, caught.value.faults))
        assert len(read_machines(text).rows) == 2  # it is a price without the fee

    def test_the_dearest_price_that_a_client_can_pay_with_the_fee(self) -> None:
        """A client pays R/(1 − f) where the host gets R: $1,000,000 of three quarters of it."""
        (found,) = read_machines(
            json.dumps([MACHINE | {"listed_gpu_cost": 750_000}]), platform_fee="0.25"
        ).rows
        assert found.listing is not None
        assert found.listing.prices.gpu == PerGpuHour(1_000_000)
        above = json.dumps([MACHINE | {"listed_gpu_cost": 750_001}])
        with pytest.raises(InvalidDocument, match=r"machines\[0\]\.listed_gpu_cost: need a price"):
            read_machines(above, platform_fee="0.25")


class TestInstances:
    """Issue: "`show instances --raw` → instances"."""

    def test_each_field_has_its_place(self) -> None:
        found = instance()
        assert (found.id, found.machine, found.gpus, found.host) == (9, 7, 2, "5")
        assert (found.mode, found.state) == (Mode.ON_DEMAND, InstanceState.RUNNING)
        assert found.prices.gpu == PerGpuHour("0.4")
        assert (found.bid, found.deposit, found.unknown_prices) == (None, None, ())
        assert (found.disk_mb, found.label) == (20_500, "mine")
        assert found.start == datetime(2026, 6, 1, tzinfo=UTC)
        assert found.end == datetime(2026, 8, 1, tzinfo=UTC)
        assert found.extra == INSTANCE

    def test_modes(self) -> None:
        bid = instance(is_bid=True)
        assert (bid.mode, bid.bid) == (Mode.INTERRUPTIBLE, PerHour("0.8"))
        prepaid = instance(credit_balance=47.5, credit_discount=0.37)
        assert (prepaid.mode, prepaid.deposit) == (Mode.RESERVED, Money("47.5"))
        assert prepaid.discount == Fraction(37, 100)
        # One of the two is enough; what was prepaid is used up, or it says nothing of a discount.
        spent, untold = instance(credit_discount=0.37), instance(credit_balance=47.5)
        assert [(each.mode, each.deposit, each.discount) for each in (spent, untold)] == [
            (Mode.RESERVED, Money(0), Fraction(37, 100)),
            (Mode.RESERVED, Money("47.5"), Fraction(0)),
        ]
        bid = instance(is_bid=True, credit_balance=47.5)  # it cannot be reserved
        assert (bid.mode, bid.deposit) == (Mode.INTERRUPTIBLE, None)

    @pytest.mark.parametrize(
        ("actual", "current", "wanted", "bids", "state"),
        [
            (None, None, None, False, InstanceState.LOADING),
            ("loading", "running", "running", False, InstanceState.LOADING),
            ("running", None, None, False, InstanceState.RUNNING),
            ("exited", "stopped", "stopped", False, InstanceState.STOPPED),
            ("exited", "stopped", "stopped", True, InstanceState.STOPPED),
            ("stopped", "stopped", "running", True, InstanceState.PAUSED),
            ("exited", "stopped", "running", False, InstanceState.SCHEDULING),
        ],
    )
    def test_states(
        self,
        actual: str | None,
        current: str | None,
        wanted: str | None,
        bids: bool,
        state: InstanceState,
    ) -> None:
        found = instance(
            actual_status=actual, cur_state=current, intended_status=wanted, is_bid=bids
        )
        assert found.state is state

    def test_an_envelope_and_one_alone(self) -> None:
        for text in (
            json.dumps({"instances": [INSTANCE], "next_token": None, "total_instances": 1}),
            json.dumps({"instances": INSTANCE}),
        ):
            assert read_instances(text).rows == (instance(),)
        with pytest.raises(ParseError, match="one list of instances, got None"):
            read_instances('{"instances": null}')

    def test_what_is_not_known(self) -> None:
        found = instance(dph_base=None, is_bid=True, inet_up_cost=float("nan"))
        assert found.unknown_prices == ("gpu", "upload")
        assert found.bid is None

    def test_faults(self) -> None:
        with pytest.raises(InvalidDocument) as caught:
            read_instances(json.dumps([INSTANCE | {"id": None, "label": 5}]))
        assert [f.path for f in caught.value.faults] == ["instances[0].id", "instances[0].label"]

    @pytest.mark.parametrize(
        ("reader", "text", "words"),
        [
            (read_machines, json.dumps([INSTANCE]), "need machines, got instances"),
            (read_instances, json.dumps([MACHINE]), "need instances, got machines"),
            (read_instances, '{"offers": []}', "need instances, got offers"),
            (
                read_machines,
                '[{"id": 1, "machine_id": 2, "dph_total": 1, "dph_base": 1}]',
                "need machines, got offers, as search offers --raw prints them (read_offers",
            ),
            (read_machines, '{"success": false, "msg": "No"}', "error: 'No'"),
            (read_machines, "a,b\n1,2\n", "need JSON of machines"),
        ],
    )
    def test_other_lists_are_named(self, reader: Any, text: str, words: str) -> None:
        with pytest.raises(ParseError) as caught:
            reader(text)
        assert words in str(caught.value)
