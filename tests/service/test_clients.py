"""Every client of the market, unmodified, against the example service: which commands work."""

from __future__ import annotations

from pathlib import Path

import pytest

from client_commands import HOST, OTHERS, PARTS, Scene, scene
from clients import FOLDER, NAMES, gpuhunt
from scripts.write_clients import PAGE, column, outcomes
from vastai_client import ROOT, served

pytestmark = pytest.mark.skipif(FOLDER is None, reason="NUMGENIUS_CLIENTS says where clients are")


class TestEveryClient:
    """What the market has a rule for works; the rest is refused with a sentence."""

    @pytest.mark.parametrize("name", NAMES)
    def test_each_of_its_commands(self, name: str, tmp_path: Path) -> None:
        found = outcomes(name, tmp_path)
        assert not [(each, what) for each, what in found.items() if what.startswith("wrong")]
        for part in PARTS.values():
            for asked in part:
                wanted = {"works", "its own fault"} if asked not in OTHERS[:-1] else {"not served"}
                assert found[asked.command] in {*wanted, "–"}, asked.command
        # The page says so, command by command.
        assert column((ROOT / PAGE).read_text("utf-8"), name) == found


class TestGpuhunt:
    """Its provider, with nothing changed but the address that it asks."""

    def test_it_finds_the_offers(self, tmp_path: Path) -> None:
        with scene("SDK 1.9.1", tmp_path) as (there, _):
            there.list()
            url = f"http://127.0.0.1:{there.port}"
            found = gpuhunt(url, tmp_path, min_gpu_count=2, max_gpu_count=4)
            # name, count, spot, price with all of the disk, cores, memory, place
            assert {(row[0], row[1], row[2]) for row in found} == {
                ("RTX3090", 2, False),
                ("RTX3090", 4, False),
            }
            two = next(row for row in found if row[1] == 2)
            assert two[3] == pytest.approx(1 + 250 * 0.1 / 720, abs=1e-5)
            assert (two[4], two[6]) == (16, "ca-quebec")
            # DOMAIN 2: the RAM of an offer is the machine's by its GPUs. This client takes it for
            # the machine's, and divides once more.
            assert two[5] == pytest.approx(257.618 * (16 / 64) ** 2, abs=0.01)

    def test_it_asks_for_what_machines_are_made_of(self, tmp_path: Path) -> None:
        with served(tmp_path / "market.sqlite") as (url, _):
            port = int(url.rpartition(":")[2])
            there = Scene(port)
            for number in (1001, 1002):
                body = {"machine": number, "price_gpu": 1, "price_min_bid": 0.2}
                there.ask(HOST, "PUT", "/machines/create_asks/", body)
            names = {row[0] for row in gpuhunt(url, tmp_path, min_compute_capability=[8, 6])}
            assert names == {"RTX3090"}
            found = gpuhunt(url, tmp_path, community_cloud=False, max_gpu_count=1)
            assert {(row[0], row[2]) for row in found} == {("A100", False), ("A100", True)}
            assert gpuhunt(url, tmp_path, min_gpu_memory=30, max_price=0.5) == []
