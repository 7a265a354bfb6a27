"""``numgenius preview``: what a relisting would do, from a market document."""

from __future__ import annotations

import io
import json
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from market_world import ANN, BOB, HOST, World, prices, second, world
from numgenius_core._command import main
from numgenius_core.market import commands as c, events as e, execute, find_events
from numgenius_core.market.journal import market_from_json, market_to_json

DAY = 86_400


@pytest.fixture
def market(tmp_path: Path) -> Path:
    """Return the document of a market with a cheap contract, a dear one and a bid."""
    w = world(8, prices(2, storage="0.10"), end=second(10 * DAY))
    w.rent(1)
    w.list(prices(3, storage="0.10"), end=second(10 * DAY))
    w.rent(1, 1, BOB)
    w.rent(1, 2, BOB, bid="0.5")
    return saved(w, tmp_path)


def saved(w: World, folder: Path) -> Path:
    path = folder / "market.json"
    path.write_text(market_to_json(w.market))
    return path


def told(capsys: pytest.CaptureFixture[str], *words: object) -> Any:
    assert main(["preview", *map(str, words), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


class TestPreview:
    """What it says is what then happens."""

    def test_who_is_extended_and_who_is_asked(
        self, market: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        found = told(capsys, market, "--end", "2026-02-01")
        assert [(each["client"], each["becomes"]) for each in found["contracts"]] == [
            ("ann", "asked"),
            ("bob", "extended"),
            ("bob", "extended"),
        ]
        assert found["contracts"][0] == {
            "contract": 2,
            "client": "ann",
            "becomes": "asked",
            "why": "raised",
            "end": "2026-01-11T00:00:00Z",
            "new_end": "2026-02-01T00:00:00Z",
            "raised": [{"part": "gpu", "old": "2.00", "new": "3.00"}],
        }
        document = market_from_json(market.read_bytes())
        end = second(31 * DAY)
        _, events = execute(document, c.Relist(by=HOST, machine=1, end=end), document.now)
        extended = [each.contract for each in find_events(events, e.ContractExtended)]
        assert extended == [each["contract"] for each in found["contracts"][1:]]

    def test_all_terms(self, market: Path, capsys: pytest.CaptureFixture[str]) -> None:
        words = "--gpu 1 --storage 0.2 --upload 0.01 --download 0.02 --min-bid 0.6 --min-gpu 2"
        words += " --platform-fee 0.25 --max-discount 0.1 --rolling 30d --machine 1"
        words += " --sla-claim 0.99 --sla-spread 0.4"
        found = told(capsys, market, *words.split(), "--at", "2026-01-02T00:00:00Z")
        assert {each["name"]: each["new"] for each in found["terms"]} == {
            "gpu": "1.00",
            "storage": "0.20",
            "upload": "0.01",
            "download": "0.02",
            "min_bid": "0.60",
            "platform_fee": "0.25",
            "min_gpu": "2",
            "max_discount": "0.1",
            "end": "2026-02-01T00:00:00Z",  # 30 days from then
            "rolling": "30d",
            "sla_claim": "0.99",
            "sla_spread": "0.4",
        }
        origins = {each["name"]: each["from"] for each in found["terms"]}
        assert origins.pop("end") == "rolling"
        assert set(origins.values()) == {"sent"}
        assert found["others"] == [
            {
                "what": "contract 5",
                "whose": "bob",
                "becomes": "instance paused",
                "why": "under the floor",
            }
        ]

    def test_for_a_person(self, market: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["preview", str(market), "--end", "2026-02-01", "--min-bid", "4"]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert [line.split()[0] for line in lines if line] == [
            *("term", "min_bid", "end", "contract", "2", "4", "5", "contract", "note:")
        ]
        assert lines[5].endswith("asked     2026-01-11 00:00  2026-02-01 00:00  gpu 2.00 → 3.00")
        assert lines[7].endswith("min_bid 0.50 → 4.00")
        assert lines[8] == "contract 5 (bob): instance paused under the floor"
        assert lines[9] == "note: machine 1: lowest bid $4.00 above the on-demand $3.00"

    def test_an_end_within_a_minute_is_shown_to_its_second(
        self, market: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["preview", str(market), "--end", "2026-02-01T17:20:30Z"]) == 0
        assert "asked     2026-01-11 00:00  2026-02-01 17:20:30" in capsys.readouterr().out

    def test_nothing_changes(self, market: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["preview", str(market)]) == 0
        out = capsys.readouterr().out
        assert out == (
            "No term changes.\n\nNo contract is extended: neither --end nor --rolling is given.\n"
        )

    def test_an_end_that_is_past(self, market: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["preview", str(market), "--end", "2025-06-30"]) == 0
        assert capsys.readouterr().out.splitlines()[:3] == [
            "Nothing is listed: the end is past.",
            "",
            "No contract changes: what is rented stays as agreed.",
        ]
        assert not told(capsys, market, "--end", "2025-06-30")["listed"]
        assert told(capsys, market, "--end", "2026-02-01")["listed"]

    def test_nobody_rents(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        path = saved(world(1, prices(1, storage="0.10")), tmp_path)
        assert main(["preview", str(path), "--rolling", "36h"]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert lines[1].split() == ["end", "none", "2026-01-02", "12:00", "rolling"]
        assert lines[2].split() == ["rolling", "none", "1d", "12h", "sent"]
        assert lines[-1] == "No contract is extended: nobody rents."

    def test_an_end_that_rolled_stands_where_it_was(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        w = world(1)
        w.list(prices(1, storage="0.10"), rolling=timedelta(days=30))
        terms = {each["name"]: each for each in told(capsys, saved(w, tmp_path))["terms"]}
        end = terms["end"]
        assert (end["old"], end["new"], end["changes"]) == ("2026-01-31T00:00:00Z",) * 2 + (False,)
        assert (terms["rolling"]["old"], terms["rolling"]["new"]) == ("30d", None)

    @pytest.mark.parametrize("zero", ["0", "0.00", ".0"])
    def test_traffic_for_nothing_counts_as_left_out(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], zero: str
    ) -> None:
        """Marketplace, relisting: "`price_inetu`, `price_inetd`: kept (0 counts as omitted)"."""
        w = world(1, prices(1, storage="0.10", upload="0.01", download="0.02"))
        words = ("--upload", zero, "--download", zero)

        def traffic() -> list[tuple[str | None, str, str]]:
            found = told(capsys, saved(w, tmp_path), "--gpu", 1, *words)["terms"]
            names = ("upload", "download")
            return [(t["old"], t["new"], t["from"]) for t in found if t["name"] in names]

        assert traffic() == [("0.01", "0.01", "kept"), ("0.02", "0.02", "kept")]
        w.do(c.Unlist(by=HOST, machine=1))
        assert traffic() == [(None, "0.00", "default")] * 2

    def test_a_spread_is_kept_where_the_claim_is_taken_back(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        w = world(1, prices(1, storage="0.10"), sla_claim="0.99", sla_spread="0.3")
        path = saved(w, tmp_path)
        terms = {each["name"]: each for each in told(capsys, path, "--sla-claim", "0")["terms"]}
        assert terms["sla_spread"] == {
            "name": "sla_spread",
            "old": "0.3",
            "new": "0.3",
            "from": "kept",
            "changes": False,
        }
        assert main(["preview", str(path), "--sla-claim", "0"]) == 0
        assert capsys.readouterr().out.splitlines()[1:3] == ["sla_claim  0.99     0  sent", ""]

    def test_a_later_contract_and_one_that_never_ends(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        w = world(1, prices(1, storage="0.10"))
        w.rent(1, by=ANN)
        assert main(["preview", str(saved(w, tmp_path)), "--end", "2026-02-01"]) == 0
        assert "as agreed  never" in capsys.readouterr().out

    def test_standard_input(
        self, market: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stdin = io.TextIOWrapper(io.BytesIO(market.read_bytes()))
        monkeypatch.setattr(sys, "stdin", stdin)
        assert told(capsys, "-", "--gpu", "1")["machine"] == 1


class TestBadInput:
    """One clear line, and exit status 2."""

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            ("--gpu x", "--gpu: need $/GPU-hour from 0"),
            ("--max-discount 1", "--max-discount: need"),
            ("--platform-fee x", "--platform-fee: need"),
            ("--end soon", "--end: need a time with an offset"),
            ("--rolling 1mo", "--rolling: need"),
            ("--min-gpu 3", "--min-gpu: need a power of two, got 3"),
            ("--end 2027-01-01 --rolling 3d", "--rolling: need an end date or a rolling one"),
            (
                "--sla-claim 0.9 --sla-spread 9",
                "--sla-spread: need a spread above 0 and at most 3, got 9\n",
            ),
            ("--rolling 36550d", "--rolling: need at most 36,525 days, got 36550d\n"),
            ("--rolling 99999d", "--rolling: need whole seconds, from 0 up to 100 years"),
            ("--rolling 3m", "--rolling: need a length of time with its unit, such as 30d"),
            ("--rolling 30", "--rolling: need a length of time with its unit, such as 30d"),
            ("--rolling=", "--rolling: need whole seconds"),
            ("--machine 7", "--machine: need a machine of the market: 1, got 7"),
            ("--at 2025-01-01", "--at: need an instant from 2026-01-01"),
        ],
    )
    def test_of_the_options(
        self, market: Path, words: str, said: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["preview", str(market), *words.split()]) == 2
        assert capsys.readouterr().err.startswith(f"numgenius: {said}")

    def test_of_the_file(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["preview", str(tmp_path / "none.json")]) == 2
        assert "need a file that can be read, got No such file" in capsys.readouterr().err
        w = world(1)
        w.add(1, 2)
        assert main(["preview", str(saved(w, tmp_path)), "--gpu", "1"]) == 2
        assert "--machine: need a machine of the market: 1, 2, got none" in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("text", "got"),
        [
            ("", "an empty file"),
            ("time,price\n", "what is no JSON in line 1"),
            ("[" * 100_000, "what is no JSON"),
            ("\xff", "what is no JSON"),
            ("[{}]", "a list"),
            ("7", "7"),
            ("{}", "an empty one"),
            ('{"offers": []}', "an object of 'offers'"),
            ('{"a": 1, "b": 2, "c": 3, "d": 4, "e": 5}', "an object of 'a', 'b', 'c', 'd', …"),
            ('{"schema": "numgenius/2", "type": "x"}', "schema 'numgenius/2' of type 'x'"),
            ('{"schema": "numgenius/1", "type": "Offer"}', "schema 'numgenius/1' of type 'Offer'"),
        ],
    )
    def test_what_is_no_market(
        self, tmp_path: Path, text: str, got: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = tmp_path / "other"
        path.write_bytes(text.encode("latin-1" if text == "\xff" else "utf-8"))
        assert main(["preview", str(path)]) == 2
        assert capsys.readouterr().err == f"numgenius: {path}: need a market document, got {got}\n"

    def test_a_fault_within_names_the_file(
        self, market: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        market.write_text(market.read_text().replace('"now": "', '"now": "x'))
        assert main(["preview", str(market)]) == 2
        assert capsys.readouterr().err.startswith(f"numgenius: {market}: 1 fault: snapshot.now: ")

    @pytest.mark.parametrize(
        ("version", "said"),
        [
            ('"x"', 'snapshot.version: need a whole number, got "x"'),
            ("null", "snapshot.version: need a whole number, got null"),
            ("-1", "version: need a number from 0 on, got -1"),
            ("1.5", "snapshot.version: need a whole number, got 1.5"),
            (f"{10**30}", f"807 to 9,223,372,036,854,775,807, got {10**30}"),
        ],
    )
    def test_a_number_has_the_bound_of_its_rule(
        self, version: str, said: str, market: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """And not that of all whole numbers of documents, which is another."""
        document = json.loads(market.read_text()) | {"version": json.loads(version)}
        market.write_text(json.dumps(document))
        assert main(["preview", str(market)]) == 2
        assert capsys.readouterr().err.endswith(f"{said}\n")
