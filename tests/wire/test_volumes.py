"""Volumes and offers of them, as ``show volumes --raw`` and ``search volumes --raw`` print them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from numgenius_core import PerGbMonth
from numgenius_core.documents import from_json, to_json
from numgenius_core.errors import InvalidDocument, ParseError
from numgenius_core.listing import Verification
from numgenius_core.wire import VolumeRow, read_volumes

START = datetime(2026, 1, 1, tzinfo=UTC)
T0 = int(START.timestamp())
RENTED: dict[str, Any] = {
    "id": 12,
    "machine_id": 7,
    "host_id": 5,
    "label": "models",
    "disk_space": 200,
    "storage_total_cost": 30 / 720,
    "start_date": T0 + 0.75,
    "end_date": T0 + 86_400,
    "status": "active",
    "instances": [31, 32],
    "verification": "verified",
}
# The published example: 1 GiB at 0.000555… an hour is 0.4 a GB and month.
OFFER: dict[str, Any] = {
    "id": 8192,
    "ask_contract_id": 8192,
    "bundle_id": 4,
    "machine_id": 7,
    "host_id": 5,
    "disk_space": 500.5,
    "storage_cost": 0.4,
    "storage_total_cost": 0.0005555555555555556,
    "duration": 86_400.0,
    "end_date": None,
    "reliability": 0.99,
}


def volume(given: dict[str, Any], **more: Any) -> VolumeRow:
    (found,) = read_volumes(json.dumps([given | more])).rows
    return found


class TestVolumes:
    """The API's owned row: ``disk_space``, ``storage_total_cost`` an hour, ``instances`` …."""

    def test_each_field_has_its_place(self) -> None:
        found = volume(RENTED, odd={"a": None})
        assert (found.id, found.machine, found.host, found.offered) == (12, 7, "5", False)
        assert (found.size_mb, found.label, found.status) == (200_000, "models", "active")
        assert (found.start, found.end) == (START, START + timedelta(days=1))
        assert found.instances == (31, 32)
        assert found.verification is Verification.VERIFIED
        assert json.loads(json.dumps(found.extra)) == RENTED | {"odd": {"a": None}}
        assert from_json(to_json(found), VolumeRow) == found

    @pytest.mark.parametrize(
        ("change", "price"),
        [
            ({}, "0.15"),  # 200 GB for $30 a month of 720 hours
            ({"storage_cost": 0.2}, "0.2"),
            ({"storage_total_cost": None}, None),
            ({"storage_total_cost": float("nan"), "storage_cost": None}, None),
            ({"disk_space": 0}, None),
            ({"disk_space": 7, "storage_total_cost": 0.001}, "0.102857142857"),
        ],
    )
    def test_the_price_of_a_rented_one(self, change: dict[str, Any], price: str | None) -> None:
        expected = None if price is None else PerGbMonth(price)
        assert volume(RENTED, **change).price == expected

    def test_few_fields_are_enough(self) -> None:
        found = volume({"id": 1, "disk_space": 10})
        assert (found.machine, found.price, found.start, found.end) == (None, None, None, None)
        assert (found.instances, found.label, found.status, found.host) == ((), "", "", None)

    def test_instances_may_come_with_more_of_them(self) -> None:
        assert volume(RENTED, instances=[{"id": 31, "label": "x"}]).instances == (31,)
        assert volume(RENTED, instances=None).instances == ()

    def test_offers(self) -> None:
        (found,) = read_volumes(json.dumps({"success": True, "offers": [OFFER]})).rows
        assert (found.offered, found.id, found.size_mb) == (True, 8192, 500_500)
        assert (found.price, found.end) == (PerGbMonth("0.4"), None)
        assert volume(OFFER, storage_cost=None).price is None  # the hour is for another size
        assert volume(OFFER, ask_contract_id=None).offered

    @pytest.mark.parametrize(
        ("change", "fault"),
        [
            ({"id": None}, "volumes[0].id: need "),
            ({"machine_id": "7"}, "volumes[0].machine_id: need "),
            (
                {"disk_space": None},
                "volumes[0].disk_space: need GB of disk, got nothing (null or NaN)",
            ),
            ({"disk_space": -1}, "volumes[0].disk_space: need GB from 0"),
            ({"storage_cost": -1}, "volumes[0].storage_cost: need dollars from 0"),
            ({"storage_total_cost": "x"}, "volumes[0].storage_total_cost: need dollars from 0"),
            (
                {"storage_total_cost": 1e6, "disk_space": 0.001},
                "volumes[0].storage_total_cost: need dollars an hour for its size",
            ),
            ({"start_date": "soon"}, "volumes[0].start_date: need an ISO 8601 time"),
            ({"instances": 5}, "volumes[0].instances: need a list of instances, got 5"),
            ({"instances": ["x"]}, "volumes[0].instances: need "),
            ({"label": 5}, "volumes[0].label: need text"),
        ],
    )
    def test_faults_name_their_field(self, change: dict[str, Any], fault: str) -> None:
        text = json.dumps([RENTED | change])
        with pytest.raises(InvalidDocument) as caught:
            read_volumes(text)
        (told,) = caught.value.faults
        assert str(told).startswith(fault)
        reading = read_volumes(text, on_error="collect")
        assert (reading.rows, reading.skipped) == ((), 1)

    def test_offers_of_gpus_are_named(self) -> None:
        gpus = OFFER | {"num_gpus": 1, "gpu_name": "A", "dph_total": 0.5}
        with pytest.raises(ParseError, match="got offers, as search offers --raw prints them"):
            read_volumes(json.dumps({"offers": [gpus]}))
