"""``numgenius sla``, as a person and as a program use it."""

from __future__ import annotations

import io
import json
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from numgenius_core._command import main
from numgenius_core.sla import estimate_uptime, read_history

FEE = ("sla", "fee", "--price", "3.50", "--claim", "0.99", "--target", "0.95")
RECORD = {
    "machine": 7,
    "rentals": [{"start": "2026-07-01T00:00:00Z", "end": "2026-07-11T00:00:00Z"}],
    "outages": [
        {"start": "2026-07-03T12:00:00Z", "end": "2026-07-03T20:00:00Z"},
        {
            "start": "2026-07-12T00:00:00Z",
            "end": "2026-07-12T01:00:00Z",
            "announced": 1_780_000_000,
        },
    ],
}


def answer(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    assert main([*words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.fixture
def history(tmp_path: Path) -> str:
    path = tmp_path / "history.json"
    path.write_text(json.dumps(RECORD))
    return str(path)


class TestTheFee:
    """Issue: ``fee`` → fee_per_hour, fee_per_day, total_per_hour, confidence, p."""

    def test_the_keys(self, capsys: pytest.CaptureFixture[str]) -> None:
        found = answer(capsys, *FEE)
        assert found == {
            "fee_per_hour": "0.040420898438",
            "fee_per_day": "0.970101562512",
            "total_per_hour": "3.540420898438",
            "confidence": "medium",
            "p": 0.666666667,
        }

    def test_a_wider_spread(self, capsys: pytest.CaptureFixture[str]) -> None:
        found = answer(capsys, *FEE, "--spread", "3")
        assert (found["confidence"], found["p"]) == ("low", 0.25)
        assert Decimal(found["fee_per_hour"]) > Decimal("0.2")

    @pytest.mark.parametrize(
        ("words", "says"),
        [
            (("--claim", "1"), "--claim: need a share above 0 and at most 0.99999"),
            (("--target", "0.995"), "--target: need at most the claim of 0.99, got 0.995"),
            (("--spread=-0.5",), "--spread: need a spread above 0 and at most 3, got '-0.5'"),
            (("--spread", "1e9"), "--spread: need"),
            (("--price", "free"), "--price: need"),
        ],
    )
    def test_refusals_exit_2(
        self, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], says: str
    ) -> None:
        pairs = zip(FEE[2::2], FEE[3::2], strict=True)
        base = [word for pair in pairs if pair[0] not in words for word in pair]
        assert main(["sla", "fee", *base, *words]) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.startswith(f"numgenius: {says}")


class TestTheBacktest:
    """Issue: "a table by day, r_eff, r_be, net, worst day"."""

    words = ("--price", "3.50", "--claim", "0.99", "--target", "0.95")

    def test_the_keys(self, capsys: pytest.CaptureFixture[str], history: str) -> None:
        found = answer(capsys, "sla", "backtest", history, *self.words)
        assert found["params"] == {
            "r_claim": 0.99,
            "r_target": 0.95,
            "p": 0.666666667,
            "beta": 0.3,
        }
        assert found["spread"] == 0.5
        assert len(found["days"]) == 10
        assert found["ignored_seconds"] == 3_600
        fees = sum(Decimal(day["client_premium_to_escrow"]) for day in found["days"])
        paid = sum(Decimal(day["escrow_to_client_balance"]) for day in found["days"])
        assert Decimal(found["net"]) == fees - paid
        assert max(Decimal(d["escrow_to_client_balance"]) for d in found["days"]) == Decimal(
            found["worst_day_credit"]
        )

    def test_for_a_person(self, capsys: pytest.CaptureFixture[str], history: str) -> None:
        assert main(["sla", "backtest", history, *self.words]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert lines[0] == "claim 0.99, spread 0.5, target 0.95"
        assert lines[-7].startswith("total ")
        assert lines[-6:-4] == ["r_eff      94.56043%", "r_be       94.94923%"]
        assert lines[-4:] == [
            "net        -$74.30",
            "gain       -$46.30, with what is billed while it is down",  # 8 h of $3.50
            "worst day  $84.00",
            "3,600 s of outages lie in no rental and count for nothing",
        ]

    def test_the_days_before_an_end(self, capsys: pytest.CaptureFixture[str], history: str) -> None:
        with pytest.raises(SystemExit):
            main(["sla", "backtest", "--help"])
        told = " ".join(capsys.readouterr().out.split())
        assert "a date is its midnight, the day of a later instant counts whole" in told
        for end, last in (("2026-07-10", "2026-07-09"), ("2026-07-10T00:00:01Z", "2026-07-10")):
            found = answer(capsys, "sla", "backtest", history, *self.words, "--end", end)
            assert found["days"][-1]["day"] == last

    def test_json_holds_all_that_the_table_shows(
        self, capsys: pytest.CaptureFixture[str], history: str
    ) -> None:
        words = ("sla", "backtest", history, *self.words, "--platform-fee", "0.25")
        told = answer(capsys, *words)
        assert main(list(words)) == 0
        title, head, *rows = capsys.readouterr().out.splitlines()
        params = told["params"]
        assert title == (
            f"claim {params['r_claim']:g}, spread {told['spread']:g}, target {params['r_target']:g}"
        )
        names = ("compute $", "fee $", "credit $", "by host $", "to host $")
        assert " ".join(head.split()) == " ".join(("day uptime blend", *names))
        keys = (
            *("client_compute", "client_premium_to_escrow", "client_credit"),
            *("escrow_to_client_balance", "escrow_to_host_balance"),
        )
        for row, day in zip(rows, told["days"], strict=False):
            name, *cells = row.split()
            assert name == day["day"]
            shares = [day["reliability"], day["blend"]]
            assert cells[:2] == ["–" if each is None else f"{each:.3%}" for each in shares]
            amounts = [float(day[key]) for key in keys]
            assert [float(cell) for cell in cells[2:]] == pytest.approx(amounts, abs=0.011)

    def test_days_without_rental(self, capsys: pytest.CaptureFixture[str], history: str) -> None:
        words = (*self.words, "--end", "2026-09-01T00:00:00Z", "--days", "2")
        assert main(["sla", "backtest", history, *words]) == 0
        assert capsys.readouterr().out.splitlines()[-1] == "no rental in these days"
        free = ("--price", "0", "--claim", "0.99", "--platform-fee", "0.25")
        assert main(["sla", "backtest", history, *free]) == 0
        assert "r_eff      –" in capsys.readouterr().out
        path = Path(history)
        path.write_text(json.dumps(RECORD | {"outages": []}))
        assert main(["sla", "backtest", history, *self.words]) == 0
        assert capsys.readouterr().out.endswith(
            "net        $9.70\ngain       $9.70, with what is billed while it is down\n"
            "worst day  $0.00\n"
        )

    def test_a_picture(
        self, capsys: pytest.CaptureFixture[str], history: str, tmp_path: Path
    ) -> None:
        picture = tmp_path / "sla.svg"
        words = ("sla", "backtest", history, *self.words, "--plot")
        assert main([*words, str(picture)]) == 0
        assert "<svg" in picture.read_text()
        assert main([*words, str(tmp_path / "no" / "sla.svg")]) == 2
        assert "--plot: need a file that can be written" in capsys.readouterr().err
        for name in ("sla.what", "sla.pdf"):  # one rule for every picture
            assert main([*words, str(tmp_path / name)]) == 2
            assert "--plot: need a file that ends in .svg or .png" in capsys.readouterr().err

    def test_a_history_at_the_edge_of_the_calendar_is_the_files_fault(
        self, capsys: pytest.CaptureFixture[str], history: str
    ) -> None:
        for start, end, said in (
            ("0001-01-01", "0001-01-05", "a last rental that ends after its days, from the year 1"),
            ("9999-12-01", "9999-12-31T12:00Z", "a date up to year 9999"),
        ):
            Path(history).write_text(json.dumps({"rentals": [{"start": start, "end": end}]}))
            assert main(["sla", "backtest", history, *self.words]) == 2
            told = capsys.readouterr().err
            assert told.startswith(f"numgenius: {history}: need {said}, got ")
        assert main(["sla", "backtest", history, *self.words, "--end", "0001-01-05"]) == 2
        assert capsys.readouterr().err.startswith(
            "numgenius: --end: need an instant after its days"
        )

    def test_no_picture_of_days_without_rental(
        self, capsys: pytest.CaptureFixture[str], history: str, tmp_path: Path
    ) -> None:
        picture = tmp_path / "sla.svg"
        words = (*self.words, "--end", "2026-09-01", "--days", "2", "--plot", str(picture))
        assert main(["sla", "backtest", history, *words]) == 0
        told = capsys.readouterr()
        assert told.err == "numgenius: --plot: nothing was drawn: no rental in these days\n"
        assert told.out.splitlines()[-1] == "no rental in these days"
        assert not picture.exists()

    @pytest.mark.parametrize(
        ("change", "says"),
        [
            ({"outages": [RECORD["rentals"][0]] * 2}, ", outages: need no outage"),  # type: ignore[index]
            ({"rentals": [{"start": "2026-07-01T00:00:00", "end": 9}]}, ".rentals[0].start: need"),
        ],
    )
    def test_refusals_exit_2(
        self,
        capsys: pytest.CaptureFixture[str],
        tmp_path: Path,
        change: dict[str, Any],
        says: str,
    ) -> None:
        path = tmp_path / "bad.json"
        path.write_text(json.dumps(RECORD | change))
        assert main(["sla", "backtest", str(path), *self.words]) == 2
        assert capsys.readouterr().err.startswith(f"numgenius: {path}{says}")
        assert main(["sla", "backtest", str(tmp_path / "none"), *self.words]) == 2

    def test_outages_outside_of_rentals_are_told_of_the_days_asked(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        """The machine was down before its rental, which the 60 days do not reach."""
        day, path = 86_400, tmp_path / "long.json"
        record = {
            "rentals": [{"start": 10 * day, "end": 200 * day}],
            "outages": [{"start": 10 * day - 15_087, "end": 10 * day}],
        }
        path.write_text(json.dumps(record))
        words = ("sla", "backtest", str(path), *self.words, "--days")
        said = {}
        for days in ("60", "190", "191", "366"):
            said[days] = answer(capsys, *words, days)["ignored_seconds"]
            assert main([*words, days]) == 0
            told = "15,087 s of outages lie in no rental" in capsys.readouterr().out
            assert told is bool(said[days])
        assert said == {"60": 0, "190": 0, "191": 15_087, "366": 15_087}

    def test_whose_credit_it_is(self, capsys: pytest.CaptureFixture[str], history: str) -> None:
        words = ("sla", "backtest", history, *self.words, "--platform-fee", "0.25")
        assert main([*words]) == 0
        told = capsys.readouterr().out
        assert "worst day  $84.00 to the client, $63.00 of it by the host" in told
        assert "credit $  by host $  to host $" in told

    def test_a_long_history_is_looked_at_from_its_end(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        path = tmp_path / "long.json"
        path.write_text(json.dumps({"rentals": [{"start": 0, "end": 400 * 86_400}]}))
        assert main(["sla", "backtest", str(path), *self.words]) == 0
        assert "310 days before are left out (--days N looks" in capsys.readouterr().out
        found = answer(capsys, "sla", "backtest", str(path), *self.words, "--days", "366")
        assert (len(found["days"]), found["days_left_out"]) == (366, 0)

    def test_every_day_is_printed(self, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
        """The day that matters may be any: here the 150th of 300."""
        day = 86_400
        record = {
            "rentals": [{"start": 0, "end": 300 * day}],
            "outages": [{"start": 149 * day, "end": 150 * day}],
        }
        path = tmp_path / "long.json"
        path.write_text(json.dumps(record))
        assert main(["sla", "backtest", str(path), *self.words, "--days", "300"]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert len([line for line in lines if line.startswith("1970-")]) == 300
        [bad] = [line for line in lines if line.startswith("1970-05-30")]
        assert bad.split()[1] == "0.000%"
        assert bad.split()[5] == "84.00"

    def test_the_last_day_counts_whole(
        self, capsys: pytest.CaptureFixture[str], history: str
    ) -> None:
        words = ("sla", "backtest", history, *self.words, "--days", "1", "--end")
        days = [
            answer(capsys, *words, end)["days"][-1]["day"]
            for end in ("2026-07-10T10:30Z", "2026-07-10", "2026-07-10T00:00:01Z")
        ]
        assert days == ["2026-07-10", "2026-07-09", "2026-07-10"]

    def test_from_standard_input(
        self,
        capsys: pytest.CaptureFixture[str],
        history: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        class Input:
            buffer = io.BytesIO(Path(history).read_bytes())

        monkeypatch.setattr(sys, "stdin", Input)
        words = ("sla", "backtest")
        assert answer(capsys, *words, "-", *self.words) == answer(
            capsys, *words, history, *self.words
        )

    def test_a_naive_end(self, capsys: pytest.CaptureFixture[str], history: str) -> None:
        words = (*self.words, "--end", "2026-07-05T00:00:00")
        assert main(["sla", "backtest", history, *words]) == 2
        assert capsys.readouterr().err.startswith("numgenius: --end: need")


class TestTimesWithoutOffsets:
    """Page: "take times of the file without an offset as UTC", as other commands have it."""

    @pytest.mark.parametrize("words", [("backtest", "--claim", "0.99"), ("advise",)])
    def test_they_are_told_the_option(
        self, words: tuple[str, ...], capsys: pytest.CaptureFixture[str], history: str
    ) -> None:
        words = ("sla", words[0], history, "--price", "3.50", *words[1:])
        known = answer(capsys, *words)
        Path(history).write_text(json.dumps(RECORD).replace("00Z", "00"))
        assert main(words) == 2
        assert "(--utc takes those without one as UTC)" in capsys.readouterr().err
        assert answer(capsys, *words, "--utc") == known


class TestAdvice:
    """Issue: "best claim and spread for a host with this history"."""

    @pytest.mark.parametrize(
        ("words", "says"),
        [
            (("--risk", "2"), "--risk: need a fraction from 0 to below 1, got '2'"),
            (("--most-fee", "2"), "--most-fee: need a fraction from 0 to 1, got '2'"),
            (("--platform-fee", "2"), "--platform-fee: need a fraction from 0 to below 1"),
            (("--target", "2"), "--target: need a share above 0"),
            (("--target", "1/2"), "--target: need a share above 0 and at most 0.99999 with"),
        ],
    )
    def test_refusals_name_the_option(
        self, capsys: pytest.CaptureFixture[str], history: str, words: tuple[str, ...], says: str
    ) -> None:
        assert main(["sla", "advise", history, "--price", "3.50", *words]) == 2
        assert capsys.readouterr().err.startswith(f"numgenius: {says}")

    def test_a_share_may_begin_with_its_point(
        self, capsys: pytest.CaptureFixture[str], history: str
    ) -> None:
        words = ("sla", "backtest", history, "--price", "3.50", "--claim", ".99")
        assert answer(capsys, *words, "--target", ".95", "--platform-fee", ".25") == answer(
            capsys, *words, "--target", "0.95", "--platform-fee", "0.25"
        )

    def test_a_file_without_rental_is_named(
        self,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
        history: str,
    ) -> None:
        empty = json.dumps(RECORD | {"rentals": [], "outages": []})
        Path(history).write_text(empty)
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(empty.encode())))
        for file, name in ((history, history), ("-", "standard input")):
            assert main(["sla", "advise", file, "--price", "3.50"]) == 2
            told = capsys.readouterr().err
            assert told == f"numgenius: {name}: need at least one rental, got none\n"

    def test_nothing_that_sells_is_no_table(
        self, capsys: pytest.CaptureFixture[str], history: str
    ) -> None:
        assert main(["sla", "advise", history, "--price", "3.50", "--target", "0.99"]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert lines[-2].startswith("target 0.99; the evidence sustains a claim of")
        assert lines[-1] == "nothing was tried: this history sustains no claim of 0.99"

    def test_a_good_machine(self, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
        path = tmp_path / "good.csv"
        path.write_text("kind,start,end\nrental,2026-07-01T00:00:00Z,2026-09-01T00:00:00Z\n")
        found = answer(capsys, "sla", "advise", str(path), "--price", "3.50")
        assert found["offer"] is True
        assert found["best"] == found["tried"][0]
        assert Decimal(found["best"]["net"]) > 0
        assert found["uptime"][1:] == [1.0, 1.0]
        assert main(["sla", "advise", str(path), "--price", "3.50"]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert lines[-2].startswith("best: claim 0.99, spread ")
        gain = Decimal(found["best"]["gain"])
        assert lines[-2].endswith(f", ${gain:.2f} more than without a promise,")
        assert lines[-1] == "if every rented hour is sold with this target"
        assert gain == Decimal(found["best"]["net"])  # it was never down
        dear = "have a fee above 5 % of the price, the most that clients pay (--most-fee)"
        assert lines[-3] == f"{found['unsold']} more {dear}"

    def test_json_holds_all_that_the_tables_show(
        self, capsys: pytest.CaptureFixture[str], history: str
    ) -> None:
        words = ("sla", "advise", history, "--price", "3.50")
        told = answer(capsys, *words)
        estimate = estimate_uptime(read_history(Path(history)))
        shown = [
            (each.get("length") or each["day"], str(each["count"]), each["seconds"], each["uptime"])
            for each in (*told["outages"], *told["worst_days"])
        ]
        rows = estimate.table().rows
        assert len(shown) == len(rows)
        for row, (name, count, seconds, uptime) in zip(rows, shown, strict=True):
            assert row == (name, count, f"{seconds / 3600:.2f}", f"{uptime:.4%}")
        days = told["rented_seconds"] / 86_400
        low, middle, high = told["uptime"]
        assert estimate.table().title == (
            f"uptime {middle:.4%} ({100 * told['confidence']:g} %: {low:.4%} to {high:.4%})"
            f" of {days:.1f} rented days"
        )
        assert told["ignored_seconds"] == estimate.ignored_seconds

    def test_why_none_is_advised(self, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
        """Down 4 hours on each of the first three days of 90, at a target of 95 %.

        Of the first the blend is 0.3 × 20/24 + 0.7 × 0.95 = 91.5 %: $65.10 goes back, and no less
        of the other two. Billed while it is down are $42.00, fees 1 % of $7,560 at most.
        """
        path = tmp_path / "weak.csv"
        lines = ["kind,start,end", "rental,2026-07-01T00:00:00Z,2026-09-29T00:00:00Z"]
        days = ("2026-07-01", "2026-07-02", "2026-07-03")
        lines += [f"outage,{day}T00:00:00Z,{day}T04:00:00Z" for day in days]
        path.write_text("\n".join(lines))
        words = ("sla", "advise", str(path), "--price", "3.50", "--risk", "0.3")
        dear = "have a fee above 0.05 % of the price, the most that clients pay (--most-fee)"
        for most, said in (
            ("0.01", "offering does not pay on this history, if every rented hour is sold with it"),
            ("0.0005", f"nothing was tried: all 30 promises {dear}"),
        ):
            assert main([*words, "--most-fee", most]) == 0
            lines = capsys.readouterr().out.splitlines()
            assert lines[-1] == said
            assert dear not in lines[-2]
        worst = [{"day": day, "count": 1, "seconds": 14_400, "uptime": 0.833333333} for day in days]
        assert answer(capsys, *words)["worst_days"] == worst
        assert main([*words]) == 0
        assert "2026-07-02                 1   4.00   83.3333%" in capsys.readouterr().out

    def test_a_bad_one(self, capsys: pytest.CaptureFixture[str], history: str) -> None:
        words = ("sla", "advise", history, "--price", "3.50", "--target", "0.9")
        found = answer(capsys, *words)
        assert (found["offer"], found["best"], found["tried"]) == (False, None, [])
        assert main([*words, "--risk", "0.01"]) == 0
        said = capsys.readouterr().out.splitlines()[-1]
        assert said == "nothing was tried: this history sustains no claim of 0.9"
        assert main([*words, "--risk", "2"]) == 2
