"""What was read as dicts of numbers and words, for charts and statistics."""

from __future__ import annotations

from datetime import UTC, datetime

import pandas as pd  # type: ignore[import-untyped]  # its stubs are a package of their own
import pytest

from numgenius_core.frames import model_prices, offer_columns
from numgenius_core.wire import (
    read_charges,
    read_instances,
    read_machines,
    read_offers,
    read_sample,
)

TEXT = """[
    {"id": 1, "machine_id": 7, "gpu_name": "A100", "num_gpus": 4, "dph_base": 1.6, "min_bid": 0.8,
     "storage_cost": 0.2, "disk_space": 100.5, "credit_discount_max": 0.4, "gpu_frac": 0.5,
     "end_date": 1767225600, "host_id": 5, "verification": "verified", "rentable": false,
     "reliability": 0.99, "geolocation": "Quebec, CA", "sla_r_claim": 0.95},
    {"id": 2, "machine_id": 8, "gpu_name": "L4", "num_gpus": 1}
]"""


class TestAReading:
    """A dict for each offer; what its source does not say is ``None``, and never 0."""

    def test_what_is_said(self) -> None:
        first, second = read_offers(TEXT).to_dicts()
        assert first == {
            "offer": 1,
            "machine": 7,
            "gpu_name": "A100",
            "gpus": 4,
            "gpus_in_machine": 8,
            "headline": 1.6,
            "min_bid": 0.8,
            "storage": 0.2,
            "upload": None,
            "download": None,
            "max_discount": 0.4,
            "disk_gb": 100.5,
            "host": "5",
            "rentable": False,
            "verification": "verified",
            "claim": 0.95,
            "ends_at": datetime(2026, 1, 1, tzinfo=UTC),
            "reliability": 0.99,
            "geolocation": "Quebec, CA",
        }
        known = {"offer": 2, "machine": 8, "gpu_name": "L4", "gpus": 1, "rentable": True}
        assert second == {**dict.fromkeys(first), **known}

    def test_of_the_sample(self) -> None:
        frame = pd.DataFrame(read_sample().to_dicts())
        assert len(frame) == 66
        assert frame.headline.dtype == frame.reliability.dtype == float
        assert frame.rentable.dtype == bool

    @pytest.mark.parametrize(("said", "found"), [("0.5", 0.5), ("", None), ("1", 1.0)])
    def test_a_number_that_a_table_has_as_text(self, said: str, found: object) -> None:
        names = "offer_id,machine_id,gpu_name,num_gpus,dph_total,storage_cost_per_gb_mo,reliability"
        (row,) = read_offers(f"{names}\n1,2,A100,1,1,0,{said}").to_dicts()
        assert row["reliability"] == found


class TestColumns:
    """``offer_columns`` has what a search is made by, under the names of the search."""

    def test_what_an_offer_says(self) -> None:
        columns = offer_columns(read_offers(TEXT).offers)
        names = ("rentable", "disk_space", "end_date", "reliability", "geolocation")
        assert [columns[name] for name in names] == [
            [False, True],
            [100.5, None],
            [1767225600, None],
            [0.99, None],
            ["Quebec, CA", None],
        ]
        assert columns["credit_discount_max"] == [0.4, None]

    def test_of_models(self) -> None:
        found = model_prices(pd.DataFrame(offer_columns(read_sample().offers)))
        (row,) = [each for each in found.to_dicts() if each["model"] == "L40S"]
        assert (row["gpus"], row["median"]) == (16, 0.6594)
        assert [line.split()[0] for line in str(found).splitlines()[1:]] == [
            each.model.split()[0] for each in found
        ]


class TestRowsOfOnesOwn:
    """Machines, instances and charges are dicts of numbers and words, and print as a table."""

    def test_machines(self) -> None:
        text = """[{"id": 7, "gpu_name": "A100", "num_gpus": 2, "gpu_occupancy": "D x ",
            "listed_gpu_cost": 0.3, "listed_min_gpu_count": 1, "duration": 86400},
            {"id": 8, "gpu_name": "L4", "num_gpus": 1}, {"id": 9}]"""
        reading = read_machines(text, platform_fee="0.25", on_error="collect")
        first, second = reading.to_dicts()
        assert first.keys() == second.keys()
        assert (first["machine"], first["occupancy"], first["gpu"]) == (7, "D x", 0.4)
        assert (first["rolling_seconds"], second["rolling_seconds"]) == (86_400.0, None)
        assert (second["gpu"], second["min_gpu"]) == (None, None)
        title, head, *lines, note = str(reading).splitlines()
        assert title == "text: 2 rows"
        assert head.startswith("machine  host  gpu_name  gpus  occupancy  gpu")
        assert "claim" not in head.split()  # nobody says it
        assert len(lines) == 2
        assert note == "1 left out, see faults"

    def test_instances(self) -> None:
        text = """[{"id": 5, "machine_id": 7, "gpu_name": "A100", "num_gpus": 2,
            "dph_base": 0.8, "actual_status": "running", "start_date": 1767225600}]"""
        (row,) = read_instances(text).to_dicts()
        assert (row["id"], row["mode"], row["state"]) == (5, "on-demand", "running")
        assert row["gpu"] == 0.4
        assert row["storage"] is None  # not said, and never 0
        assert row["start"] == datetime(2026, 1, 1, tzinfo=UTC)

    def test_charges(self) -> None:
        text = """{"results": [{"type": "instance", "source": "instance-7", "start": 1767225600,
            "end": 1767225600, "amount": 1.5, "items": [{"type": "gpu", "amount": 1.5,
            "description": "24.000 hours at $0.0625/hour"}]}]}"""
        reading = read_charges(text)
        assert reading.to_dicts() == [
            {
                "kind": "gpu",
                "start": datetime(2026, 1, 1, tzinfo=UTC),
                "end": datetime(2026, 1, 2, tzinfo=UTC),
                "amount": 1.5,
                "contract": 7,
                "source": "instance-7",
            }
        ]
        assert str(reading).splitlines()[1].split() == (
            ["kind", "start", "end", "amount", "contract", "source"]
        )

    def test_none(self) -> None:
        assert str(read_charges('{"results": []}')).splitlines()[0] == "text: 0 rows"
