"""``numgenius quote`` and ``compare``: what can be rented, and what is said of the rest."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import re
import shlex
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import pytest

from numgenius_core import plots
from numgenius_core._command import _compare, _quote, main
from numgenius_core._command._options import FIELDS as WRITTEN
from numgenius_core._command._parser import parser
from numgenius_core._command._quote import COLUMNS, OF_THE_DISK, WHY_NOT
from numgenius_core._command._rows import COLUMNS as KNOWN
from numgenius_core.search import FIELDS, View, parse
from numgenius_core.whatif import PRESETS
from numgenius_core.wire import read_sample
from numgenius_core.wire.reading import sample_path

DOCS = Path(__file__).parents[1] / "docs"
DATA = os.environ.get("NUMGENIUS_MARKET_DATA")
needs_records = pytest.mark.skipif(DATA is None, reason="needs the real records")
ROW_HEAD = ["id", "machine_id", "gpu_name", "num_gpus", "dph_base"]
REASONS = [
    *("skipped", "repeated", "where", "not_rentable", "ends", "reservation", "disk"),
    *("disk_unknown", "not_verified", "external", "claim", "no_reserved_price"),
    *("discount_unknown", "bid", "price_unknown"),
]
"""In the order in which they are looked for."""
RECORD = {
    "id": 1,
    "machine_id": 2,
    "num_gpus": 2,
    "gpu_name": "RTX 4090",
    "dph_base": 0.5,
    "storage_cost": 0.72,
    "inet_up_cost": 0.01,
    "inet_down_cost": 0.01,
    "min_bid": 0.2,
    "disk_space": 1000.0,
    "end_date": 1_800_000_000.0,
    "duration": 864_000.0,  # so the market is of ten days before
    "reliability": 0.975,
    "geolocation": "Quebec, CA",
    "verification": "verified",
    "rentable": True,
    "external": None,
    "dlperf": 100.0,
    "credit_discount_max": 0.0,
}
NEVER = {"end_date": None, "duration": None}
"""Of an offer without an end."""
MODES = ("on-demand", "reserved", "interruptible")
ASKED_FOR = "  yes  what --where, --gpus and --gpu ask for\n"
COLOURS = re.compile(r"\x1b\[\d+m")


STAY = ["--hours", "10d", "--disk", "500"]
RESERVED = ["--mode", "reserved", "--months", "1.5", "--hours", "24", "--disk", "500"]


def until(days: int) -> dict[str, float]:
    """Return the end of an offer so many days after 5 January 2027, 8:00."""
    return {"end_date": 1_800_000_000.0 + (days - 10) * 86_400.0}


def ask(capsys: pytest.CaptureFixture[str], *words: str, status: int = 0) -> Any:
    assert main([*words, "--json"]) == status
    return json.loads(capsys.readouterr().out)


@pytest.fixture(name="market")
def _market(tmp_path: Path) -> Any:
    """Return what writes records to a file and returns its name."""

    def write(*changes: dict[str, Any]) -> str:
        path = tmp_path / "market.json"
        records = [{**RECORD, "id": n, **each} for n, each in enumerate(changes, 1)]
        path.write_text(json.dumps(records))
        return str(path)

    return write


class TestWhatFits:
    """An offer fits if it is rentable, has the disk, lasts, and the client would show it."""

    def test_each_is_left_out_under_the_first_reason(
        self, market: Any, capsys: pytest.CaptureFixture[str]
    ) -> None:
        file = market(
            {},
            {"id": 1},
            {"num_gpus": 4},
            {"rentable": False, "disk_space": 1},
            {"end_date": 1_799_136_000 + 7_199, "duration": 7_199, "disk_space": 1},
            {"disk_space": 99.9, "verification": "unverified"},
            {"verification": "unverified", "external": True},
            {"verification": "deverified"},
            {"external": True},
            {"dph_base": None},
            {"verification": None},
            {"inet_up_cost": None, "min_bid": None},
        )
        words = ("quote", file, "--hours", "2", "--disk", "100", "--gpus", "2")
        found = ask(capsys, *words)
        assert list(found["left_out"]) == REASONS
        assert found["left_out"] == {
            **dict.fromkeys(REASONS, 0),
            "repeated": 1,
            "where": 1,
            "not_rentable": 1,
            "ends": 1,
            "disk": 1,
            "not_verified": 2,
            "external": 1,
            "price_unknown": 1,
        }
        assert [row["id"] for row in found["offers"]] == [1, 11, 12]
        assert found["read"] == found["fitting"] + sum(found["left_out"].values()) == 12
        assert found["now"] == "2027-01-05T08:00:00Z"  # end_date − duration
        everything = ask(capsys, *words, "--all")["offers"]
        assert {row["id"]: row.get("why_not") for row in everything} == {
            1: None,
            4: ["not_rentable", "disk"],
            5: ["ends", "disk"],
            6: ["disk", "not_verified"],
            7: ["not_verified", "external"],
            8: ["not_verified"],
            9: ["external"],
            10: ["price_unknown"],
            11: None,
            12: None,
        }
        assert everything[-1]["id"] == 10
        assert everything[-1]["total"] is None

    def test_any_and_where_lift_the_clients_own_filter(
        self, market: Any, capsys: pytest.CaptureFixture[str]
    ) -> None:
        file = market({}, {"verification": "unverified"}, {"external": True})
        for words, fit in (
            ([], [1]),
            (["--any"], [1, 2, 3]),
            (["--where", "verified=any"], [1, 2]),
            (["--where", "verified=false"], [2]),
            (["--where", "verification in [verified,unverified]"], [1, 2]),
            (["--where", "external=any"], [1, 3]),
            (["--where", "external=true"], [3]),
            (["--where", "num_gpus=2"], [1]),
        ):
            status = 0 if fit else 1
            found = ask(capsys, "quote", file, *words, status=status)
            assert [row["id"] for row in found["offers"]] == fit, words

    def test_what_is_not_verified_by_silence_is_marked(
        self, market: Any, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["quote", market({}, {"verification": None})]) == 0
        head, first, second, *_ = capsys.readouterr().out.splitlines()
        assert head.split()[-1] in ("verified", "ver.")
        assert (first.split()[-1], second.split()[-1]) == ("yes", "?")

    def test_reserved_and_interruptible(
        self, market: Any, capsys: pytest.CaptureFixture[str]
    ) -> None:
        file = market(
            {"verification": "unverified"},
            {"rentable": False},
            {"min_bid": 0.0},
            {"min_bid": 64.1},
            {"min_bid": None},
        )
        reserved = ask(capsys, "quote", file, "--mode", "reserved", "--any")
        assert [row["id"] for row in reserved["offers"]] == [3, 4, 5]
        assert reserved["left_out"]["no_reserved_price"] == 1
        bids = ask(capsys, "quote", file, "--mode", "interruptible", "--any")
        assert {row["id"]: row["per_hour"] for row in bids["offers"]} == {
            3: "0.001",  # nobody gets it for nothing
            1: "0.20",
        }
        left_out = {why: count for why, count in bids["left_out"].items() if count}
        assert left_out == {"not_rentable": 1, "bid": 1, "price_unknown": 1}
        words = ("quote", file, "--mode", "interruptible", "--any", "--bid", "0.15")
        told = ask(capsys, *words)
        assert [row["id"] for row in told["offers"]] == [3, 5]
        assert told["left_out"]["bid"] == 2

    def test_an_offer_that_ends_before_the_months_reserved(
        self, market: Any, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """DOMAIN 13: a prepayment must fit before the contract's end, here in ten days."""
        file = market({"credit_discount_max": 0.4}, {"credit_discount_max": 0.4, **NEVER})
        words = ("quote", file, "--mode", "reserved", "--hours", "24", "--months")
        assert ask(capsys, *words, "0.33")["fitting"] == 2
        found = ask(capsys, *words, "3")
        assert [row["id"] for row in found["offers"]] == [2]
        assert found["left_out"]["reservation"] == 1
        assert main([*words, "3"]) == 0
        assert "1 ends before the months reserved" in capsys.readouterr().out
        assert main([*words, "3", "--why", "1"]) == 0
        told = capsys.readouterr().out
        assert "does not fit: ends before the months reserved" in told
        assert "  NO   10 days left, 90 reserved" in told
        assert main([*words, "3", "--where", "id=1"]) == 1
        assert "ends in 10 days, before the months reserved." in capsys.readouterr().out

    def test_disk_that_is_not_known(self, market: Any, capsys: pytest.CaptureFixture[str]) -> None:
        file = market({"disk_space": None}, {})
        unknown, known = ask(capsys, "quote", file)["offers"]
        assert (unknown["disk_gb"], known["disk_gb"]) == (None, "1000")
        assert main(["quote", file, "--columns", "id,disk"]) == 0
        assert capsys.readouterr().out.splitlines()[1].split() == ["1", "?"]
        found = ask(capsys, "quote", file, "--disk", "100")
        assert ([row["id"] for row in found["offers"]], found["fitting"]) == ([2], 1)
        assert (found["left_out"]["disk"], found["left_out"]["disk_unknown"]) == (0, 1)
        assert main(["quote", file, "--disk", "100", "--why", "1"]) == 0
        told = capsys.readouterr().out
        assert "does not fit: disk not known" in told
        assert "  NO   its source does not say how much disk it has, 100 GB needed" in told
        assert main(["quote", file, "--disk", "100", "--where", "id=1"]) == 1
        told = capsys.readouterr().out
        assert "Nearest is offer 1, 2 × RTX 4090: disk not known." in told
        assert ask(capsys, "quote", file, "--where", "disk_space>=0")["fitting"] == 1

    def test_how_long_is_known_and_not_until_when(
        self, market: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        file = market({"end_date": None}, NEVER)
        words = ("quote", file, "--hours", "11d", "--columns", "id,days,ends")
        found = ask(capsys, *words)
        assert [row["id"] for row in found["offers"]] == [2]
        assert found["left_out"]["ends"] == 1
        assert main([*words, "--all"]) == 0
        _, unsaid, never, *_ = capsys.readouterr().out.splitlines()
        assert (never.split(), unsaid.split()) == (["2", "–", "–"], ["1", "10", "?"])
        assert main(["quote", file, "--hours", "11d", "--why", "1"]) == 0
        assert "  NO   10 days left, 11 needed" in capsys.readouterr().out
        silent = {name: value for name, value in RECORD.items() if name != "end_date"}
        path = tmp_path / "silent.json"
        path.write_text(json.dumps([silent]))
        assert ask(capsys, "quote", str(path), "--hours", "11d", status=1)["left_out"]["ends"] == 1

    def test_when_it_is(self, market: Any, capsys: pytest.CaptureFixture[str]) -> None:
        file = market({})
        at_the_end = ("--now", "2027-01-15T07:00:00Z")
        assert ask(capsys, "quote", file, *at_the_end)["fitting"] == 1
        found = ask(capsys, "quote", file, *at_the_end, "--hours", "2", status=1)
        assert found["left_out"]["ends"] == 1
        offset = ask(capsys, "quote", file, "--now", "2027-01-15T08:00:00.9+01:00")
        assert offset["now"] == "2027-01-15T07:00:00Z"

    def test_nothing_fits(self, market: Any, capsys: pytest.CaptureFixture[str]) -> None:
        file = market({"disk_space": 100}, {"disk_space": 400}, {"rentable": False})
        found = ask(capsys, "quote", file, "--disk", "500", status=1)
        assert found["nearest"]["id"] == 2
        assert main(["quote", file, "--disk", "2000"]) == 1
        assert capsys.readouterr().out.splitlines() == [
            "No offer fits.",
            "3 of 3 left out: 1 not rentable, 2 disk too small (--all shows them)",
            "Nearest is offer 2, 2 × RTX 4090: disk too small (400 GB).",
        ]
        assert main(["quote", file, "--where", "num_gpus>8"]) == 1
        assert capsys.readouterr().out == "No offer fits.\n3 of 3 left out: 3 not asked for\n"
        assert main(["quote", file, "--now", "2030-01-01T00:00Z"]) == 1
        assert "has ended" in capsys.readouterr().out

    @pytest.mark.parametrize("command", ["quote", "compare"])
    def test_what_was_left_out_has_a_line_of_its_own(
        self, command: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main([command, "--sample", "--where", "num_gpus>64"]) == 1
        first, second = capsys.readouterr().out.splitlines()
        assert (first, second[:17]) == ("No offer fits.", "66 of 66 left out")

    @pytest.mark.parametrize("command", ["quote", "compare"])
    @pytest.mark.parametrize("empty", ["[]", '{"offers": []}', ",".join(ROW_HEAD) + "\n"])
    def test_a_file_without_an_offer_is_named(
        self, command: str, empty: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = tmp_path / "empty"
        path.write_text(empty)
        assert main([command, str(path)]) == 1
        assert capsys.readouterr().out == f"There is no offer in {path}.\n"
        assert ask(capsys, command, str(path), status=1)["read"] == 0

    @pytest.mark.parametrize(
        ("changes", "stay", "nearest"),
        [
            # Of 10 days and 500 GB, the one that lacks the smaller part.
            ([{"disk_space": 400}, until(9)], STAY, 2),
            ([{"disk_space": 400}, until(7)], STAY, 1),
            ([until(1), until(9)], STAY, 2),
            # One thing lacks, though it is long ago, and two do.
            ([until(-30), {"rentable": False, "disk_space": 400}], STAY, 1),
            # A month and a half is 45 days.
            ([{"disk_space": 450}, until(41)], RESERVED, 2),
            ([{"disk_space": 450}, until(36)], RESERVED, 1),
            # Of two that are alike, the one with the lower number.
            ([{"id": 8, "dph_base": 0.4}, {"id": 7}], ["--disk", "2000"], 7),
            ([{"id": 7}, {"id": 8, "dph_base": 0.4}], ["--disk", "2000"], 7),
        ],
    )
    def test_the_nearest_lacks_the_least_of_what_is_asked_for(
        self,
        market: Any,
        capsys: pytest.CaptureFixture[str],
        changes: list[Any],
        stay: list[str],
        nearest: int,
    ) -> None:
        file = market(*({**NEVER, "credit_discount_max": 0.4, **each} for each in changes))
        words = ("quote", file, "--now", "2027-01-05T08:00Z", *stay)
        assert ask(capsys, *words, status=1)["nearest"]["id"] == nearest

    def test_bad_records_are_skipped_only_when_asked(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        path = tmp_path / "market.jsonl"
        path.write_text('{"id": 1}\n' + json.dumps(RECORD) + "\n")
        assert main(["quote", str(path)]) == 2
        found = ask(capsys, "quote", str(path), "--skip-bad")
        assert (found["read"], found["fitting"], found["left_out"]["skipped"]) == (2, 1, 1)
        path.write_text('{"id": 1}\n')
        assert main(["quote", str(path), "--skip-bad"]) == 1
        assert "skipped" in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("records", "told"),
        [
            ([{"id": 1}], "3 faults: {0}; {1}; {2}"),
            ([RECORD | {"num_gpus": 0}], "1 fault: offers[0].num_gpus: need "),
            ([{"id": 1, "x": 1}, {"id": 2}], "6 faults: {0}; {1}; {2}; and 3 more"),
            (
                [{}] * 400,
                "the first 100 faults: offers[0].id: need a value, got none; {0}; {1}; and 97",
            ),
        ],
    )
    def test_faults_of_many_records_are_one_line_that_can_be_read(
        self, records: list[Any], told: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        """Page: "Bad input is one clear line": each fault apart, the first of many with a count."""
        path = tmp_path / "market.json"
        path.write_text(json.dumps(records))
        assert main(["quote", str(path)]) == 2
        fields = ("machine_id", "gpu_name", "num_gpus")
        faults = [f"offers[0].{field}: need a value, got none" for field in fields]
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"numgenius: {path}: {told.format(*faults)}")


class TestTimesWithoutAnOffset:
    """DOMAIN 13: timestamps of 25 % of historic snapshots have no offset (they are UTC)."""

    NAIVE = (
        "collected_at,offer_id,machine_id,gpu_name,num_gpus,dph_total,storage_cost_per_gb_mo,"
        "duration_seconds,verification\n2026-03-01 12:00:00,7,3,A100,1,1.21,0.9,86400,verified\n"
    )

    @pytest.mark.parametrize("command", ["quote", "compare"])
    def test_they_are_taken_as_utc_where_that_is_said(
        self, command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = tmp_path / "market.csv"
        path.write_text(self.NAIVE)
        assert main([command, str(path)]) == 2
        told = capsys.readouterr().err
        assert "(--utc takes those without one as UTC)" in told
        assert "naive" not in told
        found = ask(capsys, command, str(path), "--utc")
        assert found["now"] == "2026-03-01T12:00:00Z"
        assert found["offers"][0]["days_left"] == "1"

    def test_other_messages_name_options_too(self, capsys: pytest.CaptureFixture[str]) -> None:
        for words, said in (
            (["quote", "--sample", "--where", "gpu=1"], "--where, character 1: need the name"),
            (
                ["quote", "--sample", "--sort", "foo"],
                "--sort: need a column or a field of --where (--h",
            ),
            (
                ["slices", "7", "--min-gpu", "3"],
                "--min-gpu: need a power of two (--observed takes one that a market shows), got 3",
            ),
        ):
            assert main(words) == 2
            assert capsys.readouterr().err.startswith(f"numgenius: {said}")


class TestWhatIsSaidOfAnOffer:
    """The keys that programs had, and those that they got."""

    def test_keys(self, market: Any, capsys: pytest.CaptureFixture[str]) -> None:
        (row,) = ask(capsys, "quote", market({}), "--hours", "10", "--disk", "100")["offers"]
        assert row == {
            "id": 1,
            "machine": 2,
            "gpus": 2,
            "gpu_name": "RTX 4090",
            "headline_per_hour": "0.50",
            "per_hour": "0.60",
            "total": "6.00",
            "payout": "6.00",
            "deposit": None,
            "claim": None,
            "sla_per_hour": None,
            "lines": [
                {"kind": "gpu", "amount": "5.00"},
                {"kind": "storage", "amount": "1.00"},
                {"kind": "upload", "amount": "0.00"},
                {"kind": "download", "amount": "0.00"},
            ],
            "rentable": True,
            "disk_gb": "1000",
            "ends_at": "2027-01-15T08:00:00Z",
            "days_left": "10",
            "reliability": "0.975",
            "verification": "verified",
            "geolocation": "Quebec, CA",
            "dlperf_per_dollar": "166.67",
        }

    def test_what_was_asked(self, market: Any, capsys: pytest.CaptureFixture[str]) -> None:
        file = market({}, {"verification": "unverified"})
        nothing = dict.fromkeys(("months", "bid", "target", "gpus", "gpu", "where"))
        data = {"disk_gb": "0", "upload_gb": "0", "download_gb": "0"}
        shown = {"verified": True, "external": False}
        plain = {**data, **nothing, **shown}
        assert ask(capsys, "quote", file)["asked"] == {"mode": "on-demand", **plain}
        assert ask(capsys, "compare", file)["asked"] == plain  # in every mode
        words = ["--disk", ".50", "--upload", "2", "--download", "010", "--gpu", "4090", "--any"]
        assert ask(capsys, "compare", file, *words)["asked"] == {
            "disk_gb": "0.5",
            "upload_gb": "2",
            "download_gb": "10",
            **nothing,
            "gpu": "4090",
            "verified": False,
            "external": True,
        }
        words = ["--mode", "reserved", "--months", "1.50", "--gpus", "2", "--why", "1"]
        found = ask(capsys, "quote", file, *words, "--hours", "240")
        asked = {"mode": "reserved", **plain, "months": "1.5", "gpus": 2}
        assert (found["hours"], found["asked"]) == ("240", asked)
        words = ["--mode", "interruptible", "--bid", "0.30", "--where", "num_gpus>=2"]
        asked = {"mode": "interruptible", **plain, "bid": "0.30", "where": "num_gpus>=2"}
        assert ask(capsys, "quote", file, *words)["asked"] == asked
        asked = {"mode": "on-demand", **plain, "target": "0.95"}
        assert ask(capsys, "quote", file, "--target", "0.95", status=1)["asked"] == asked

    def test_the_payout_is_what_the_platform_leaves(
        self, market: Any, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """A market file does not say the platform's share."""
        file = market({})
        (row,) = ask(capsys, "quote", file)["offers"]
        assert row["payout"] == row["total"] == "0.50"
        (row,) = ask(capsys, "quote", file, "--platform-fee", ".25")["offers"]
        assert (row["payout"], row["total"]) == ("0.375", "0.50")
        why = ask(capsys, "quote", file, "--platform-fee", "0.25", "--why", "1")
        assert why["offer"]["payout"] == "0.375"
        assert main(["quote", file, "--platform-fee", "0.25", "--columns", "id,payout"]) == 0
        assert capsys.readouterr().out.split()[-2:] == ["1", "0.38"]
        assert main(["quote", file]) == 0
        assert "payout" not in capsys.readouterr().out
        assert main(["quote", file, "--platform-fee", "0.25"]) == 0
        assert "payout" in capsys.readouterr().out
        assert main(["quote", file, "--platform-fee", "1"]) == 2
        said = "numgenius: --platform-fee: need a fraction from 0 to below 1, got '1'\n"
        assert capsys.readouterr().err == said

    def test_lines_add_up(self, capsys: pytest.CaptureFixture[str]) -> None:
        words = ("quote", "--sample", "--disk", "200", "--download", "500", "--top", "99", "--any")
        rows = ask(capsys, *words)["offers"]
        totals = [Decimal(row["total"]) for row in rows]
        headlines = [Decimal(row["headline_per_hour"]) for row in rows]
        assert totals == sorted(totals)
        assert headlines != sorted(headlines)
        for row in rows:
            assert sum(Decimal(line["amount"]) for line in row["lines"]) == Decimal(row["total"])

    def test_a_query_a_name_and_a_reservation(self, capsys: pytest.CaptureFixture[str]) -> None:
        words = ("--where", "num_gpus>=2", "--mode", "reserved", "--months", "0.5", "--gpu", "4090")
        rows = ask(capsys, "quote", "--sample", *words)["offers"]
        assert rows
        for row in rows:
            assert row["gpus"] >= 2
            assert row["gpu_name"] == "RTX 4090"
            assert row["deposit"] is not None

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            ("--gpu 4009", "--gpu 4009: no offer has it; did you mean RTX_4090?"),
            ("--gpu zzz", "--gpu zzz: no offer has it; offers have RTX_4090, "),
            ("--gpus 5", "--gpus 5: no offer has so many; offers have 1, 2, 3, 4, 6, 7, 8"),
            ("--gpu l40s --gpus 16", "--gpus 16: no offer has so many; offers have 1, "),
            ("--gpu ...", "--gpu: need a part of a name, got '...'"),
        ],
    )
    def test_what_no_offer_has_is_said_with_what_there_is(
        self, words: str, said: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["quote", "--sample", *words.split()]) > 0
        assert capsys.readouterr().err.startswith(f"numgenius: {said}")
        assert main(["quote", "--sample", "--gpu", "4090"]) == 0
        assert not capsys.readouterr().err

    def test_standard_input(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stream = io.TextIOWrapper(io.BytesIO(sample_path().read_bytes()))
        monkeypatch.setattr("sys.stdin", stream)
        assert ask(capsys, "quote", "-", "--top", "1")["offers"]

    def test_findings_and_remarks_reach_the_reader(
        self, market: Any, capsys: pytest.CaptureFixture[str]
    ) -> None:
        file = market({"min_bid": 0.9}, {"storage_cost": None, "machine_id": 3})
        assert main(["quote", file, "--where", "reliability>99"]) == 1
        assert "reliability>0.99?" in capsys.readouterr().err
        assert main(["quote", file]) == 0
        told = capsys.readouterr().err
        assert "1 with a lowest bid above the on-demand price: offer 1" in told
        assert len(ask(capsys, "quote", file)["findings"]) == 2
        assert len(ask(capsys, "quote", file, "--where", "machine_id=3")["findings"]) == 1


class TestTheTable:
    """It fits its terminal, and is plain where that is plain."""

    @pytest.mark.parametrize("columns", [60, 80, 100, 120, 200])
    def test_it_fits(
        self, columns: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("COLUMNS", str(columns))
        assert main(["quote", "--sample", "--hours", "720", "--disk", "100", "--top", "30"]) == 0
        lines = capsys.readouterr().out.splitlines()
        table = [line for line in lines if "left out" not in line]
        assert max(map(len, table)) <= columns
        assert len({len(line) for line in table}) == 1
        if columns >= 80:
            for narrow, wide in (
                *(("all in", "all in $/h"), ("list", "headline $/h"), ("more", "more")),
                *(("total $", "total $"), ("disk", "disk GB"), ("rel %", "reliable %")),
                *(("at", "place"), ("days", "days left")),
            ):
                assert (wide if columns >= 120 else narrow) in table[0]

    @pytest.mark.parametrize("columns", [80, 200])
    def test_what_cannot_be_rented_is_not_called_rented(
        self,
        columns: int,
        market: Any,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """A search's records are never `rented` (DOMAIN 13), whatever the width."""
        monkeypatch.setenv("COLUMNS", str(columns))
        file = market({}, {"rentable": False, "rented": False})
        assert main(["quote", file, "--all"]) == 0
        said = capsys.readouterr().out
        assert said.count("not rentable") == 2  # in its row, and in the last line
        assert " rented" not in said

    def test_the_line_of_what_was_left_out(
        self, capsys: pytest.CaptureFixture[str], market: Any
    ) -> None:
        file = market({}, {"disk_space": 1}, *[{"rentable": False}] * 1_000)
        assert main(["quote", file, "--disk", "9"]) == 0
        line = "1,001 of 1,002 left out: 1,000 not rentable, 1 disk too small (--all shows them)"
        assert capsys.readouterr().out.splitlines()[-1] == line

    def test_columns_and_order(self, market: Any, capsys: pytest.CaptureFixture[str]) -> None:
        file = market(
            {"dlperf": 10, "reliability": 0.9},
            {"dlperf": 90, "reliability": 0.8, "dph_base": 0.6},
            {"dlperf": None, "reliability": 0.99, "dph_base": 0.7},
        )
        for order, numbers in (
            ("total", "123"),
            ("total-", "321"),
            ("value", "213"),
            ("reliability-", "312"),
            ("num_gpus,reliability", "213"),
            ("disk,per_hour-", "321"),
            ("days", "123"),
        ):
            rows = ask(capsys, "quote", file, "--sort", order)["offers"]
            assert "".join(str(row["id"]) for row in rows) == numbers, order
        assert main(["quote", file, "--columns", "id,value,dlperf,machine", "--top", "1"]) == 0
        head, row, *_ = capsys.readouterr().out.splitlines()
        assert head.split() == ["offer", "dlperf/$", "dlperf", "machine"]
        assert row.split() == ["1", "20", "10", "2"]
        silent = market({"dlperf": None})
        assert main(["quote", silent, "--columns", "id,value,dlperf,machine"]) == 0
        assert capsys.readouterr().out.splitlines()[1].split() == ["1", "?", "?", "2"]

    @pytest.mark.parametrize(
        ("order", "stay", "numbers"),
        [
            ("more", (), "321"),  # the disk is $0.50 an hour beside $0.50, $0.60 and $0.70
            ("payout-", (), "321"),
            ("deposit", ("--mode", "reserved"), "321"),  # nothing is prepaid on the last
            ("sla-", ("--target", "0.9"), "23"),
            ("claim-", (), "321"),
        ],
    )
    def test_the_order_of_what_a_stay_costs(
        self,
        market: Any,
        capsys: pytest.CaptureFixture[str],
        order: str,
        stay: tuple[str, ...],
        numbers: str,
    ) -> None:
        file = market(
            {"credit_discount_max": 0},
            {"dph_base": 0.6, "credit_discount_max": 0.1, "sla_r_claim": 0.92},
            {"dph_base": 0.7, "credit_discount_max": 0.9, "sla_r_claim": 0.99},
        )
        words = ("quote", file, "--hours", "200", "--disk", "500", "--sort", order, *stay)
        rows = ask(capsys, *words)["offers"]
        assert "".join(str(row["id"]) for row in rows) == numbers

    @pytest.mark.parametrize("length", [("--months", "3"), ("--hours", "2160")])
    def test_fields_of_a_reservation_are_those_of_its_price(
        self, length: tuple[str, str], market: Any, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """DOMAIN 13: a reserved search with a duration quotes the discount of that duration."""
        file = market(
            {"credit_discount_max": 0.4, "discount_rate": 0.0, **NEVER},
            {"credit_discount_max": 0.8, "dph_base": 0.52, "discount_rate": 0.0, **NEVER},
        )
        names = "id,discount_rate,discounted_dph_total,dlperf_per_dphtotal"
        words = ["quote", file, "--mode", "reserved", *length, "--disk", "100"]
        words += ["--now", "2026-06-01T00:00Z", "--columns", names]
        dear, cheap = sorted(ask(capsys, *words)["offers"], key=lambda row: row["id"])
        assert (dear["discount_rate"], cheap["discount_rate"]) == ("0.3", "0.6")  # D · 3 / 4
        for row in (dear, cheap):
            hourly = Decimal(row["per_hour"])
            assert abs(Decimal(row["discounted_dph_total"]) - hourly) < Decimal("1e-9")
            speed = 100 / (hourly + Decimal("0.001"))
            assert abs(Decimal(row["dlperf_per_dphtotal"]) - speed) < Decimal("1e-5")
        ordered = ask(capsys, *words, "--sort", "discount_rate-")["offers"]
        assert [row["id"] for row in ordered] == [2, 1]
        found = ask(capsys, *words, "--where", "discount_rate>0.5")["offers"]
        assert [row["id"] for row in found] == [2]

    def test_a_field_does_not_write_over_what_a_row_has(
        self, market: Any, capsys: pytest.CaptureFixture[str]
    ) -> None:
        nothing = {"verification": None, "geolocation": None}
        file = market({}, {**nothing, "verified": True}, {"verification": "unverified"})
        names = "id,verified,verification,geolocation,gpu_name,rentable"
        plain = ask(capsys, "quote", file)["offers"]
        rows = ask(capsys, "quote", file, "--columns", names)["offers"]
        assert rows == plain
        assert [row["verification"] for row in rows] == ["verified", None]
        assert main(["quote", file, "--all", "--columns", "id,verified,verification"]) == 0
        said = [line.split()[1:] for line in capsys.readouterr().out.splitlines()[1:4]]
        assert said == [["yes", "verified"], ["?", "?"], ["no", "unverified"]]
        for where, number in (("unverified", 3), ("null", 2)):
            (one,) = ask(capsys, "quote", file, "--all", "--where", f"verification={where}")[
                "offers"
            ]
            assert one["id"] == number

    def test_a_quotient_has_as_many_decimals_as_a_price(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        words = ["quote", "--sample", "--mode", "reserved", "--months", "0.3", "--where"]
        words += ["discount_rate>0.0923", "--columns", "id,discount_rate", "--top", "1"]
        (first,) = ask(capsys, *words)["offers"]
        assert first["discount_rate"] == "0.092307692308"  # 0.4 · 0.3 / 1.3
        assert main(words) == 0
        assert capsys.readouterr().out.splitlines()[1].split()[1] == "0.092307692308"
        # What is asked for is compared with the quotient itself, which is less.
        words[words.index("discount_rate>0.0923")] = "discount_rate>=0.092307692308"
        assert not ask(capsys, *words, status=1)["offers"]

    @pytest.mark.parametrize(
        ("seconds", "said"),
        [(253_402_300_799, "9999-12-31T23:59:59Z"), (253_402_300_800, "253402300800")],
    )
    def test_a_date_is_one_up_to_the_last_second_of_the_calendar(
        self, market: Any, capsys: pytest.CaptureFixture[str], seconds: int, said: str
    ) -> None:
        file = market({"start_date": seconds})
        (offer,) = ask(capsys, "quote", file, "--columns", "start_date")["offers"]
        assert offer["start_date"] == said

    def test_fields_are_in_the_units_that_a_query_takes(
        self, market: Any, capsys: pytest.CaptureFixture[str]
    ) -> None:
        more = {"gpu_ram": 24_564, "cpu_ram": 128_000, "start_date": 1_750_000_000.5}
        file = market({**more, "driver_version": "535.86.05"}, {**more, **NEVER})
        names = "duration,end_date,start_date,gpu_ram,cpu_ram,driver_version"
        first, never = ask(capsys, "quote", file, "--columns", names)["offers"]
        assert {name: first[name] for name in names.split(",")} == {
            "duration": "10",
            "end_date": "2027-01-15T08:00:00Z",
            "start_date": "2025-06-15T15:06:40Z",
            "gpu_ram": "24.564",
            "cpu_ram": "128",
            "driver_version": "535.86.05",
        }
        assert (never["duration"], never["end_date"], never["driver_version"]) == (None, None, None)
        assert main(["quote", file, "--columns", f"id,{names}"]) == 0
        _, first, never = (line.split() for line in capsys.readouterr().out.splitlines())
        assert first[1:3] == ["10", "2027-01-15T08:00:00Z"]
        assert never == ["2", "–", "–", "2025-06-15T15:06:40Z", "24.564", "128", "?"]
        for name in ("duration", "gpu_ram", "cpu_ram", "driver_version"):
            where = f"{name}={first[1 + names.split(',').index(name)]}"
            assert ask(capsys, "quote", file, "--where", where)["offers"][0]["id"] == 1, where

    def test_what_there_is_none_of_is_not_unknown(
        self, market: Any, capsys: pytest.CaptureFixture[str]
    ) -> None:
        file = market({"sla_r_claim": 0.9}, {"dph_base": None})
        words = ["quote", file, "--all", "--columns", "id,deposit,sla,total"]
        for more, first, second in (
            ([], ["–", "–", "1.00"], ["–", "–", "?"]),
            (["--mode", "reserved"], ["–", "–", "1.00"], ["?", "–", "?"]),
            (["--target", "0.9"], ["–", "0.2310", "1.46"], ["–", "?", "?"]),
        ):
            assert main([*words, "--hours", "2", *more]) == 0
            rows = [line.split()[1:] for line in capsys.readouterr().out.splitlines()[1:3]]
            assert rows == [first, second], more

    def test_speed_by_dollar_is_of_the_disk_asked_for(
        self, market: Any, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """DOMAIN 13: `dlperf_per_dphtotal` = dlperf / dph_total."""
        file = market({"dlperf_per_dphtotal": 199.0}, {"dlperf": None, "dlperf_per_dphtotal": 5})
        words = ("quote", file, "--disk", "500", "--columns", "id,dph_total,dlperf_per_dphtotal")
        first, second = ask(capsys, *words)["offers"]
        assert (first["dph_total"], first["dlperf_per_dphtotal"]) == ("1", "100")
        assert second["dlperf_per_dphtotal"] == "5"  # nothing better is known
        (found,) = ask(capsys, *words, "--where", "dlperf_usd>50 dlperf_usd<150")["offers"]
        assert found["id"] == 1

    def test_the_headline_is_on_demand_in_every_mode(
        self, market: Any, capsys: pytest.CaptureFixture[str]
    ) -> None:
        file = market({"dph_base": 0.6, "min_bid": 0.1}, {"dph_base": 0.5, "min_bid": 0.3})
        words = ("quote", file, "--mode", "interruptible", "--sort", "headline")
        assert [row["id"] for row in ask(capsys, *words)["offers"]] == [2, 1]

    def test_ascii_where_the_encoding_needs_it(self, market: Any) -> None:
        command = [sys.executable, "-m", "numgenius_core", "quote", market({}), "--top", "1"]
        env = {**os.environ, "PYTHONIOENCODING": "ascii"}
        done = subprocess.run(command, capture_output=True, check=True, env=env)
        assert b"2 x RTX 4090" in done.stdout
        assert done.stdout.isascii()

    @pytest.mark.parametrize("said", [None, "1"])
    def test_colour_for_a_terminal_unless_nobody_wants_it(
        self,
        said: str | None,
        market: Any,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.delenv("NO_COLOR", raising=False)
        if said is not None:
            monkeypatch.setenv("NO_COLOR", said)
        file = market({}, {"rentable": False})
        monkeypatch.setattr("sys.stdout.isatty", lambda: True)
        assert main(["quote", file]) == 0
        coloured = capsys.readouterr().out
        assert bool(COLOURS.search(coloured)) is (said is None)
        monkeypatch.setattr("sys.stdout.isatty", lambda: False)
        assert main(["quote", file]) == 0
        assert capsys.readouterr().out == COLOURS.sub("", coloured)

    def test_unknown_is_a_question_mark(
        self, market: Any, capsys: pytest.CaptureFixture[str]
    ) -> None:
        file = market({}, {"dph_base": None, "reliability": None, "geolocation": None})
        assert main(["quote", file, "--all"]) == 0
        row = capsys.readouterr().out.splitlines()[2]
        assert row.count("?") == 5
        assert row.endswith("price unknown")


class TestWhy:
    """Every condition and every cost line of one offer."""

    def test_lines_and_rules(self, market: Any, capsys: pytest.CaptureFixture[str]) -> None:
        file = market({}, {"rentable": False, "disk_space": 1})
        words = ("quote", file, "--hours", "10", "--disk", "100", "--why")
        found = ask(capsys, *words, "1")
        assert found["why_not"] == []
        assert all(each["holds"] for each in found["conditions"])
        assert [line["amount"] for line in found["lines"]] == ["5.00", "1.00", "0.00", "0.00"]
        assert main([*words, "2"]) == 0
        told = capsys.readouterr().out
        assert "does not fit: not rentable, disk too small" in told
        assert "2 × $0.25/h × 10 h" in told
        assert "100 GB × $0.72/month × 10 h / 720 h" in told
        assert main([*words, "77"]) == 2
        assert "--why: need the number of an offer" in capsys.readouterr().err

    def test_what_has_no_price(self, market: Any, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["quote", market({"dph_base": None}), "--why", "1"]) == 0
        assert "no price" in capsys.readouterr().out
        reserved = ("--mode", "reserved", "--months", "1", "--hours", "360")
        assert main(["quote", "--sample", "--why", "9000000", *reserved]) == 0
        told = capsys.readouterr().out
        assert "forfeit" in told
        assert main(["quote", "--sample", "--why", "9000000", "--mode", "interruptible"]) == 0
        assert "the bid, which a winner pays" in capsys.readouterr().out

    def test_a_bid_is_there_with_the_others_prices(
        self, market: Any, capsys: pytest.CaptureFixture[str]
    ) -> None:
        words = ("quote", market({"min_bid": 0.25}), "--mode", "interruptible", "--hours", "10")
        for bid, price in (((), "0.25"), (("--bid", "0.7"), "0.70")):
            assert main([*words, *bid, "--why", "1"]) == 0
            assert f"${price}/h × 10 h, a bid for the whole instance" in capsys.readouterr().out

    @pytest.mark.parametrize("mode", MODES)
    def test_what_is_rented_now(
        self, market: Any, mode: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        file = market({}, {"rentable": False})
        waits = " (a bid on others waits)" if mode == "interruptible" else ""
        line = f"its GPUs are free to rent on demand{waits}\n"
        for number, fits, holds in (
            ("1", "fits", "yes"),
            ("2", "does not fit: not rentable", "NO "),
        ):
            assert main(["quote", file, "--mode", mode, "--why", number]) == 0
            assert f"\n{fits}\n{ASKED_FOR}  {holds}  {line}" in capsys.readouterr().out
        words = ("quote", file, "--mode", mode)
        assert [row["id"] for row in ask(capsys, *words)["offers"]] == [1]
        shown = {row["id"]: row.get("why_not") for row in ask(capsys, *words, "--all")["offers"]}
        assert shown == {1: None, 2: ["not_rentable"]}


class TestPlot:
    """The price ladder of the answer."""

    @pytest.mark.parametrize("kind", ["svg", "png"])
    def test_it_is_written(
        self, kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        pytest.importorskip("matplotlib")
        path = tmp_path / f"ladder.{kind}"
        assert main(["quote", "--sample", "--plot", str(path)]) == 0
        assert path.read_bytes()[:5] in (b"<?xml", b"\x89PNG\r")
        assert main(["quote", "--sample", "--plot", str(tmp_path / "none" / "x.svg")]) == 2
        assert main(["quote", "--sample", "--plot", "ladder.pdf"]) == 2
        assert "--plot: need a file that ends in .svg or .png" in capsys.readouterr().err

    @pytest.mark.parametrize(
        "stay",
        ["--hours 24 --disk 500", "--mode reserved --months 3", "--mode interruptible --all"],
    )
    def test_it_shows_the_prices_of_the_table(
        self, stay: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any
    ) -> None:
        pytest.importorskip("matplotlib")
        drawn: list[Any] = []
        monkeypatch.setattr(plots, "price_ladder", _kept(plots.price_ladder, drawn))
        words = ("quote", "--sample", "--top", "99", *stay.split())
        rows = ask(capsys, *words, "--plot", str(tmp_path / "ladder.svg"))["offers"]
        (axes,) = drawn
        dots = [each for each in axes.collections if hasattr(each, "get_sizes")]
        shown = sorted(float(x) for each in dots for x, _ in each.get_offsets())
        said = sorted(
            float(row["per_hour"]) / row["gpus"] for row in rows if row["per_hour"] is not None
        )
        assert shown == pytest.approx(said)

    def test_no_offer_fits(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        path = tmp_path / "ladder.png"
        words = ["--gpus", "8", "--disk", "900000", "--plot", str(path)]
        assert main(["quote", "--sample", *words]) == 1
        told = capsys.readouterr()
        assert told.out.startswith("No offer fits.\n66 of 66 left out: ")
        assert "numgenius: --plot: nothing was drawn: no offer fits" in told.err
        assert not path.exists()


def _kept(function: Any, results: list[Any]) -> Any:
    def keep(*given: Any, **named: Any) -> Any:
        results.append(function(*given, **named))
        return results[-1]

    return keep


class TestHelp:
    """``--help`` says what there is to ask for, without the rules."""

    def test_fields_and_columns_are_those_of_the_rules(self) -> None:
        assert sorted(WRITTEN.split()) == sorted(FIELDS)
        assert sorted([*COLUMNS.split(), WHY_NOT]) == sorted(KNOWN)

    def test_those_that_depend_on_the_disk_are_named_wherever_fields_are_explained(self) -> None:
        now, offers = datetime(2026, 6, 16, tzinfo=UTC), read_sample().offers
        none, some = View(disk_mb=0, now=now), View(disk_mb=50_000, now=now)
        depend = {
            name
            for name, field in FIELDS.items()
            if any(field.of(each, none) != field.of(each, some) for each in offers)
        }
        assert sorted(OF_THE_DISK.split()) == sorted(depend)
        for page in ("command", "searching"):
            text = (DOCS / f"{page}.md").read_text(encoding="utf-8")
            (said,) = [each for each in text.split("\n\n") if "worked out anew" in each]
            assert depend <= set(re.findall(r"`(\w+)`", said))

    def test_a_disk_of_8_gb_gives_the_figure_of_the_file(self) -> None:
        total = FIELDS["dph_total"]
        for each in read_sample().offers:
            kept, found = total.kept(each), total.of(each, View(disk_mb=8_000))
            assert isinstance(kept, Decimal)
            assert isinstance(found, Decimal)
            assert abs(kept - found) < Decimal("1e-9")

    def test_they_are_there(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit):
            main(["quote", "--help"])
        told = capsys.readouterr().out
        assert "geolocation" in told
        assert "examples:" in told

    def test_examples_run(self, capsys: pytest.CaptureFixture[str]) -> None:
        for text in (_quote.MORE, _compare.MORE):
            for line in re.findall(r"  numgenius (.*--sample.*)", text):
                assert main(shlex.split(line)) == 0
        assert capsys.readouterr().out


class TestNamesThatAreMistyped:
    """A slip in a name is told the nearest of all that the option takes."""

    @pytest.mark.parametrize(
        ("typed", "meant"),
        [
            ("relability", "reliability"),
            ("totl", "total"),
            ("Total", "total"),
            ("dphtotl", "dph_total"),
            ("verifed", "verified"),
            ("price", "dph_total"),
            ("valeu", "value"),
        ],
    )
    @pytest.mark.parametrize("option", ["--columns", "--sort"])
    def test_they_are_told(
        self, option: str, typed: str, meant: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["quote", "--sample", option, typed]) == 2
        said = (
            f"{option}: need a column or a field of --where (did you mean {meant}?), got '{typed}'"
        )
        assert capsys.readouterr().err == f"numgenius: {said}\n"

    def test_what_is_like_none_is_sent_to_the_help(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        for name in ("qqqqqq", "q" * 1_000):
            assert main(["quote", "--sample", "--columns", name]) == 2
            assert "(--help has them), got 'q" in capsys.readouterr().err


class TestCompletion:
    """Shells ask the command to go on with a line."""

    @staticmethod
    def completers() -> dict[tuple[str, str], Any]:
        """Return what completes the values of an option, by its subcommand and name."""
        (subcommands,) = (each for each in parser()._actions if isinstance(each.choices, dict))
        assert isinstance(subcommands.choices, dict)
        return {
            (name, option.dest): option.completer
            for name, subcommand in subcommands.choices.items()
            for option in subcommand._actions
            if hasattr(option, "completer")
        }

    @pytest.mark.parametrize(
        ("option", "typed", "words"),
        [
            (("charge", "demand"), "", ["experiments", "training", "serving"]),
            (("charge", "demand"), "tr", ["training"]),
            (("charge", "demand"), "experiments,tr", []),
            (("quote", "columns"), "id,tota", ["id,total", "id,total_flops"]),
            (("quote", "columns"), "why", ["why_not"]),
            (("quote", "sort"), "rel", ["reliability", "reliability2", "reliability_mult"]),
            (("quote", "sort"), "gpus,per", ["gpus,per_hour"]),
            (("quote", "where"), "num_gpus>=4 geor", ["num_gpus>=4 georegion"]),
            (("compare", "where"), "geor", ["georegion"]),
        ],
    )
    def test_values_of_an_option(
        self, option: tuple[str, str], typed: str, words: list[str]
    ) -> None:
        assert self.completers()[option](typed) == words

    def test_an_option_takes_what_is_offered(self, capsys: pytest.CaptureFixture[str]) -> None:
        offered = {option: complete("") for option, complete in self.completers().items()}
        assert offered.pop(("charge", "demand")) == list(PRESETS)
        for name in ("quote", "compare"):
            for word in offered.pop((name, "where")):
                assert parse(f"{word}!=null").conditions
        for (name, option), words in offered.items():
            assert main([name, "--sample", "--top", "1", f"--{option}", ",".join(words)]) == 0
        assert capsys.readouterr().out

    @pytest.mark.parametrize(
        ("line", "words"),
        [
            ("quote --mode res", ["reserved"]),
            ("charge 8 --demand ", ["experiments", "serving", "training"]),
            ("quote --columns id,tota", ["id,total", "id,total_flops"]),
            ("compare --where 'num_gpus>=4 geor", ["num_gpus>=4 georegion"]),
        ],
    )
    def test_a_shell_asks_the_command(self, line: str, words: list[str]) -> None:
        pytest.importorskip("argcomplete")
        line = f"numgenius {line}"
        env = {
            **os.environ,
            "_ARGCOMPLETE": "1",
            "_ARGCOMPLETE_IFS": "\n",
            "_ARGCOMPLETE_STDOUT_FILENAME": "/dev/stdout",
            "COMP_LINE": line,
            "COMP_POINT": str(len(line)),
            "COMP_TYPE": "9",
        }
        command = [sys.executable, "-m", "numgenius_core"]
        done = subprocess.run(command, capture_output=True, check=True, env=env, text=True)
        assert sorted(each.strip() for each in done.stdout.split("\n")) == words


class TestAPromise:
    """``--target``: the fee in the price, and what claims less left out."""

    CLAIMS: ClassVar[Any] = (
        {},
        {"sla_r_claim": 0.99, "sla_sigma_x": 0.5},
        {"sla_r_claim": 0.9},
    )

    def test_for_programs(self, market: Any, capsys: pytest.CaptureFixture[str]) -> None:
        words = ("quote", market(*self.CLAIMS), "--hours", "24", "--target", "0.95")
        found = ask(capsys, *words)
        (row,) = found["offers"]
        assert (row["id"], row["claim"]) == (2, "0.99")
        assert row["sla_per_hour"].startswith("0.0057744")  # 0.011549 of $0.50
        assert row["lines"][-1] == {"kind": "sla_fee", "amount": "0.138585937"}
        assert found["left_out"]["claim"] == 2
        everything = ask(capsys, *words, "--all")["offers"]
        assert [each.get("why_not") for each in everything] == [None, ["claim"], ["claim"]]
        assert everything[1]["total"] is None  # nobody can rent it so

    def test_for_people(self, market: Any, capsys: pytest.CaptureFixture[str]) -> None:
        file = market(*self.CLAIMS)
        assert main(["quote", file, "--target", "0.95"]) == 0
        told = capsys.readouterr().out
        assert "SLA" in told
        assert "2 claim less uptime" in told
        assert main(["quote", file, "--target", "0.95", "--why", "3"]) == 0
        told = capsys.readouterr().out
        assert "NO   its host claims 90 %, 95 % needed" in told
        assert main(["quote", file, "--target", "0.95", "--why", "1"]) == 0
        assert "NO   its host claims no uptime, 95 % needed" in capsys.readouterr().out
        assert main(["quote", file, "--target", "0.95", "--why", "2"]) == 0
        assert "by claim, spread and target; never discounted" in capsys.readouterr().out
        assert main(["quote", file, "--columns", "id,claim,sla,expected_reliability"]) == 0
        assert "90" in capsys.readouterr().out

    @pytest.mark.parametrize("mode", ["reserved", "interruptible"])
    def test_on_demand_only(
        self, market: Any, mode: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        words = ["quote", market({}), "--target", "0.95", "--mode", mode]
        assert main(words) == 2
        assert f"--target: need --mode on-demand, got {mode}" in capsys.readouterr().err
        assert main(["quote", market({}), "--target", "1"]) == 2
        assert "--target: need a share above 0" in capsys.readouterr().err

    def test_compared(self, market: Any, capsys: pytest.CaptureFixture[str]) -> None:
        file = market(*self.CLAIMS)
        (row,) = ask(capsys, "compare", file, "--target", "0.95")["offers"]
        assert row["modes"]["on-demand"]["sla_per_hour"].startswith("0.0057744")
        assert row["modes"]["reserved"]["sla_per_hour"] is None
        assert row["modes"]["reserved"]["risks"] == ["no promise"]  # nothing is prepaid
        assert main(["compare", file, "--target", "0.95"]) == 0
        assert "the others have none" in capsys.readouterr().out
        assert main(["compare", file]) == 0
        assert "the others have none" not in capsys.readouterr().out


class TestCompare:
    """A stay in every mode, side by side."""

    def test_side_by_side(self, market: Any, capsys: pytest.CaptureFixture[str]) -> None:
        file = market(
            {"credit_discount_max": 0.4},
            {"dph_base": None},
            {"verification": None},
            {"rentable": False},
        )
        found = ask(capsys, "compare", file, "--hours", "200", "--disk", "100")
        first, third, second = found["offers"]
        assert (first["id"], second["id"], third["id"]) == (1, 2, 3)
        assert (found["fitting_any"], found["left_out"]["not_rentable"]) == (3, 1)
        modes = first["modes"]
        assert modes["on-demand"]["total"] == "120.00"
        assert modes["interruptible"]["total"] == "60.00"
        assert modes["reserved"]["deposit"] == "91.304347826"
        assert modes["reserved"]["risks"] == ["left early"]
        assert second["modes"]["on-demand"]["why_not"] == ["price_unknown"]
        assert second["modes"]["interruptible"]["risks"] == ["paused"]
        assert third["modes"]["reserved"]["why_not"] == ["no_reserved_price"]
        assert main(["compare", file, "--hours", "200", "--disk", "100"]) == 0
        told = capsys.readouterr().out
        assert "without a reserved price" in told

    def test_the_cheapest_first_in_any_mode(
        self, market: Any, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """Issue: "cheapest stay is row 9 of 11": who looks for a bid sees the lowest one."""
        file = market(
            {"dph_base": 0.50, "min_bid": 0.30, "credit_discount_max": 0.0},
            {"dph_base": 0.56, "min_bid": 0.10, "credit_discount_max": 0.4},
            {"dph_base": 0.55, "min_bid": 0.20, "credit_discount_max": 0.0},
            {"dph_base": None, "min_bid": 0.15},
        )

        def first(*words: str) -> list[int]:
            found = ask(capsys, "compare", file, "--hours", "100", *words)
            return [row["id"] for row in found["offers"]]

        assert first() == first("--sort", "on-demand") == [1, 3, 2, 4]
        assert first("--sort", "interruptible") == first("--sort", "cheapest") == [2, 4, 3, 1]
        assert first("--sort", "reserved") == [1, 2, 3, 4]
        assert main(["compare", file, "--hours", "100", "--top", "2"]) == 0
        *_, counted, least = capsys.readouterr().out.splitlines()
        assert counted == "2 of 4 offers that fit one of them (--sort on-demand)"
        assert least == "cheapest of all: 2, interruptible, 10.00 (--sort cheapest)"
        assert main(["compare", file, "--hours", "100", "--top", "3"]) == 0
        assert "cheapest of all" not in capsys.readouterr().out

    def test_an_amount_is_rounded_once(
        self, market: Any, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """DOMAIN 1: "Money is exact": half a cent less a trace is not half a cent."""
        file = market({"dph_base": 0.014999999998, "min_bid": 0.014999999998})
        (row,) = ask(capsys, "quote", file, "--hours", "1")["offers"]
        assert row["total"] == "0.015"  # to the nano-dollar, for programs
        for command in ("quote", "compare"):
            assert main([command, file, "--hours", "1"]) == 0
            told = capsys.readouterr().out
            assert " 0.01 " in told
            assert " 0.02 " not in told

    def test_nothing_fits(self, market: Any, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["compare", market({}), "--disk", "9999"]) == 1
        assert "1 disk too small" in capsys.readouterr().out
        assert main(["compare", market({}), "--top", "0"]) == 2
        assert main(["compare", market({}, {"id": 7}), "--top", "1"]) == 0
        assert "1 of 2 offers" in capsys.readouterr().out
        assert "does not say its discounts" in _out(capsys, market({"credit_discount_max": None}))

    def test_a_discount_that_is_not_told_is_no_price(
        self, market: Any, capsys: pytest.CaptureFixture[str]
    ) -> None:
        file = market({"credit_discount_max": None}, {"credit_discount_max": 0.0})
        untold, told = ask(capsys, "compare", file)["offers"]
        assert untold["modes"]["reserved"]["total"] is None
        assert untold["modes"]["reserved"]["why_not"] == ["discount_unknown"]
        assert told["modes"]["reserved"]["total"] == told["modes"]["on-demand"]["total"]
        first, second, *rest = _out(capsys, file).splitlines()[1:]
        assert first.split()[-5:-2] == [second.split()[-5], "?", "–"]
        assert second.split()[-4] == second.split()[-5]
        assert not any(line.startswith("–:") for line in rest)
        answer = ask(capsys, "quote", file, "--mode", "reserved")
        assert (
            [row["id"] for row in answer["offers"]],
            answer["left_out"]["discount_unknown"],
        ) == (
            [told["id"]],
            1,
        )

    def test_without_a_discount_nothing_is_prepaid(
        self, market: Any, capsys: pytest.CaptureFixture[str]
    ) -> None:
        file = market({}, {}, {})
        rows = ask(capsys, "compare", file)["offers"]
        for row in rows:
            reserved = row["modes"]["reserved"]
            assert reserved["total"] == row["modes"]["on-demand"]["total"]
            assert (reserved["deposit"], reserved["early_loss"]) == (None, None)
            assert reserved["risks"] == []
        told = _out(capsys, file)
        assert "reserved: where no loss is shown there is no discount" in told
        assert "left after half" not in told
        words = ("quote", file, "--mode", "reserved", "--months", "0.1")
        assert [row["deposit"] for row in ask(capsys, *words)["offers"]] == [None] * 3
        assert main(words) == 0
        assert "no discount, so nothing is prepaid" in capsys.readouterr().out
        assert main([*words, "--why", "1"]) == 0
        assert "no discount: the market takes no prepayment" in capsys.readouterr().out


def _out(capsys: pytest.CaptureFixture[str], file: str) -> str:
    assert main(["compare", file]) == 0
    return capsys.readouterr().out


def rows_of_the_snapshot() -> list[dict[str, str]]:
    with gzip.open(Path(DATA or "") / "market_snapshot.csv.gz", "rt") as stream:
        return list(csv.DictReader(stream))


def why_not(row: dict[str, str], mode: str, hours: int, disk: int, gpus: int | None) -> str:
    """Return the first reason against a row of the snapshot, from its texts alone."""
    if gpus is not None and int(row["num_gpus"]) != gpus:
        return "where"
    if row["rentable"] != "True":
        return "not_rentable"
    if float(row["duration_seconds"]) < hours * 3600:
        return "ends"
    if float(row["disk_space_gb"]) < disk:
        return "disk"
    if row["verification"] != "verified":
        return "not_verified"
    if mode == "reserved" and "credit_discount_max" not in row:
        return "discount_unknown"
    bid = max(float(row["min_bid"] or 0), 0.001)
    if mode == "interruptible" and bid > 32 * int(row["num_gpus"]):
        return "bid"
    return ""


def costs(row: dict[str, str], mode: str, hours: int, disk: int) -> Fraction:
    """Return what a stay costs by the market's own identities, without any of the library."""
    total, storage = Fraction(row["dph_total"]), Fraction(row["storage_cost_per_gb_mo"])
    gpu = total - storage * 8 / 720
    if mode == "interruptible":
        gpu = max(Fraction(row["min_bid"] or 0), Fraction(1, 1000))
    return gpu * hours + storage * disk * hours / 720


@needs_records
class TestTheRealSnapshot:
    """Every row of each ranking, against a filter that knows nothing of the library."""

    @pytest.mark.parametrize(
        ("mode", "hours", "disk", "gpus"),
        [
            ("on-demand", 720, 500, None),
            ("on-demand", 168, 200, 8),
            ("reserved", 2160, 500, None),
            ("interruptible", 720, 0, None),
        ],
    )
    def test_rankings(
        self,
        mode: str,
        hours: int,
        disk: int,
        gpus: int | None,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        rows = rows_of_the_snapshot()
        stay = ("--months", "3") if mode == "reserved" else ("--hours", str(hours))
        words = [*stay, "--disk", str(disk), "--mode", mode, "--top", "5000"]
        words += [] if gpus is None else ["--gpus", str(gpus)]
        file = str(Path(DATA or "") / "market_snapshot.csv.gz")
        reasons = Counter(why_not(row, mode, hours, disk, gpus) for row in rows)
        fitting = reasons.pop("", 0)  # none of a market that does not say what a reservation costs
        found = ask(capsys, "quote", file, *words, status=not fitting)
        assert found["fitting"] == len(found["offers"]) == fitting
        assert {why: count for why, count in found["left_out"].items() if count} == reasons
        assert found["read"] == len(rows) == found["fitting"] + sum(reasons.values())
        totals = {
            int(row["offer_id"]): costs(row, mode, hours, disk)
            for row in rows
            if not why_not(row, mode, hours, disk, gpus)
        }
        near = Fraction(1, 10**6)
        ranked = [totals[row["id"]] for row in found["offers"]]
        assert all(before <= after + near for before, after in pairwise(ranked))
        for row in found["offers"]:
            assert abs(Fraction(row["total"]) - totals[row["id"]]) < near

    def test_the_line(self, capsys: pytest.CaptureFixture[str]) -> None:
        file = str(Path(DATA or "") / "market_snapshot.csv.gz")
        assert main(["quote", file, "--hours", "720", "--disk", "500", "--top", "50"]) == 0
        assert capsys.readouterr().out.splitlines()[-1] == (
            "1,819 of 1,936 left out: 1,376 not rentable, 144 end too soon, 136 disk too small, "
            "163 not verified (--all shows them)"
        )

    def test_answers_of_the_api(self, capsys: pytest.CaptureFixture[str]) -> None:
        path = Path(DATA or "") / "search_offers.json"
        records = json.loads(path.read_text())
        fit = {
            each["id"]
            for each in records
            if each["rentable"]
            and each["verification"] == "verified"
            and not each["external"]
            and each["duration"] >= 72 * 3600
            and each["disk_space"] >= 200
        }
        words = ("--hours", "72", "--disk", "200", "--top", "99")
        found = ask(capsys, "quote", str(path), *words)
        assert {row["id"] for row in found["offers"]} == fit
        everything = ask(capsys, "quote", str(path), *words, "--all")
        assert len(everything["offers"]) == len(records)
