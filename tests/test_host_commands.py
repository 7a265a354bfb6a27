"""What hosts and bidders ask at the command line, as a person and as a program."""

from __future__ import annotations

import io
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from numgenius_core._command import main
from numgenius_core._command._durations import parse_hours, parse_span
from numgenius_core._command._keeping import KeptSimulations
from numgenius_core.contracts import agree
from numgenius_core.errors import RuleViolation
from numgenius_core.gpus import blocks, offer_sizes
from numgenius_core.ids import AccountId, MachineId
from numgenius_core.intervals import Interval
from numgenius_core.listing import Listing, Machine, PriceTerms
from numgenius_core.maintenance import plan_fleet
from numgenius_core.offer import Block
from numgenius_core.planning import compare_bids, read_price_series
from numgenius_core.plots import bid_availability
from numgenius_core.rates import PerGpuHour, PerHour
from numgenius_core.whatif import Demand, Observed, Scenario, simulate, sweeps
from numgenius_core.wire import read_machines

HISTORY = """\
time,price
2026-03-01T00:00Z,0.20
2026-03-01T04:00Z,0.35
2026-03-01T08:00Z,0.22
2026-03-02T00:00Z,0.60
2026-03-02T06:00Z,0.25
"""
MACHINES: list[dict[str, Any]] = [
    {
        "id": 7,
        "gpu_name": "RTX 4090",
        "num_gpus": 4,
        "disk_space": 1000,
        "listed": True,
        "listed_gpu_cost": 0.3,
        "listed_min_gpu_count": 1,
        "gpu_occupancy": "D x I x ",
        "client_end_date": datetime(2026, 8, 1, tzinfo=UTC).timestamp(),
        "end_date": datetime(2026, 10, 1, tzinfo=UTC).timestamp(),
    },
    {
        "id": 8,
        "gpu_name": "RTX 4090",
        "num_gpus": 2,
        "disk_space": 9,
        "listed": False,
        "gpu_occupancy": "x x ",
    },
]
CHARGE = ("charge", "8", "--from", "0.25", "--to", "0.60", "--tries", "3", "--days", "3")


@pytest.fixture
def history(tmp_path: Path) -> str:
    path = tmp_path / "history.csv"
    path.write_text(HISTORY)
    return str(path)


@pytest.fixture
def machines(tmp_path: Path) -> str:
    path = tmp_path / "machines.json"
    path.write_text(json.dumps(MACHINES))
    return str(path)


def answer(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    assert main([*words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def text(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(words) == 0
    return capsys.readouterr().out


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(words) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    return error


class TestLengthsOfTime:
    """A unit cannot be mistaken: what may mean two things is refused."""

    @pytest.mark.parametrize(
        ("typed", "hours"),
        [
            ("72", 72),
            ("72h", 72),
            ("3d", 72),
            ("3 Days", 72),
            ("2 weeks", 336),
            ("1d 12h", 36),
            ("1d12h", 36),
            ("0.5", Decimal("0.5")),
            (".5", Decimal("0.5")),
            ("1d .5h", Decimal("24.5")),
            ("1.5h", Decimal("1.5")),
            ("90min", Decimal("1.5")),
            ("1mo", 720),
            (" 2 w ", 336),
        ],
    )
    def test_as_people_type_them(self, typed: str, hours: Any) -> None:
        assert parse_hours(typed) == hours * 3_600

    @pytest.mark.parametrize(
        "typed",
        [
            "",
            "h",
            "3x",
            "1d 12",
            "12 1d",
            "1d 2d",
            "-1",
            "0",
            "0h",
            "0.0001",
            ".",
            "1.",
            "1e3",
            "٣d",
            "900000d",
        ],
    )
    def test_what_is_none(self, typed: str) -> None:
        with pytest.raises(RuleViolation, match="--hours: need"):
            parse_hours(typed)

    @pytest.mark.parametrize("read", [parse_hours, lambda typed: parse_span(typed, "--hours")])
    def test_a_minute_or_a_month(self, read: Any) -> None:
        with pytest.raises(RuleViolation, match="3min for minutes or 3mo for months"):
            read("3m")

    def test_a_span_has_its_unit(self) -> None:
        assert parse_span("15d", "--cancel-after") == 15 * 86_400
        with pytest.raises(RuleViolation, match="--cancel-after: need a length of time with its"):
            parse_span("15", "--cancel-after")

    def test_of_a_quote(self, capsys: pytest.CaptureFixture[str]) -> None:
        by = [
            answer(capsys, "quote", "--sample", "--top", "1", "--hours", typed)["offers"][0][
                "total"
            ]
            for typed in ("72", "72h", "3d")
        ]
        assert len(set(by)) == 1


class TestBid:
    """What a bid would have cost, and how often it would have been paused."""

    def test_it_pays_itself_while_it_runs(
        self, capsys: pytest.CaptureFixture[str], history: str
    ) -> None:
        found = answer(capsys, "bid", history, "--until", "2026-03-03", "--bid", "0.25")
        (one,) = found["bids"]
        running = 4 + 16 + 18  # hours at $0.20, $0.22 and $0.25
        assert (one["running"], one["cost"]) == (running * 3_600, "9.50")
        assert Decimal(one["cost_at_price"]) == Decimal("8.82")
        assert (one["interruptions"], one["per_day"]) == (2, 1.0)
        assert one["availability"] == round(running / 48, 6)
        assert (found["hours"], found["start"]) == (48.0, "2026-03-01T00:00:00Z")

    def test_a_program_gets_amounts_exact_by_the_names_that_python_has(
        self, capsys: pytest.CaptureFixture[str], history: str
    ) -> None:
        words = ("bid", history, "--until", "2026-03-03T00:00:07Z", "--bid", "0.2534")
        (one,) = answer(capsys, *words)["bids"]
        end = datetime(2026, 3, 3, 0, 0, 7, tzinfo=UTC)
        series = read_price_series(Path(history), end=end)[""]
        plan = compare_bids(series, [PerHour("0.2534")])
        (outcome,), (row,) = plan.bids, plan.to_dicts()
        assert [*one] == [*row]
        assert one["cost"] == str(outcome.cost) != f"{outcome.cost:.2f}"
        assert one["cost_at_price"] == str(outcome.cost_at_price) != f"{outcome.cost_at_price:.2f}"
        assert float(one["mean_price"]) == pytest.approx(row["mean_price"], abs=1e-11)
        on_demand = answer(capsys, *words, "--on-demand", "0.7")["on_demand"]["cost"]
        assert on_demand == str(PerHour("0.7").charge(series.span.seconds))

    def test_bids_that_differ_where_none_is_given(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        start = datetime(2026, 3, 1, tzinfo=UTC)
        path = tmp_path / "long.csv"
        lines = [
            f"{(start + timedelta(hours=h)).isoformat()},{0.2 + h / 100:.2f}" for h in range(40)
        ]
        path.write_text("\n".join(["time,price", *lines]))
        bids = [one["bid"] for one in answer(capsys, "bid", str(path))["bids"]]
        assert len(bids) == 8
        assert (bids[0], bids[-1]) == ("0.20", "0.59")

    def test_a_bid_that_is_proposed_can_be_given(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        path = tmp_path / "free.csv"
        path.write_text("time,price\n2026-03-01T00:00Z,0\n2026-03-02T00:00Z,0.2\n")
        bids = [one["bid"] for one in answer(capsys, "bid", str(path))["bids"]]
        assert bids == ["0.001", "0.20"]
        for bid in bids:
            answer(capsys, "bid", str(path), "--bid", bid)

    def test_a_bid_that_never_runs_has_no_price(
        self, capsys: pytest.CaptureFixture[str], history: str
    ) -> None:
        lines = text(capsys, "bid", history, "--bid", "0.1", "--bid", "0.6").splitlines()
        assert lines[1].split() == ["0.1000", "0.0", "%", "0.00", "–", "0", "0.00"]
        assert lines[2].split()[:3] == ["0.6000", "100.0", "%"]
        assert lines[-1] == "over 30.0 h from 2026-03-01T00:00:00Z to 2026-03-02T06:00:00Z"

    def test_one_of_several_series(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        path = tmp_path / "zones.csv"
        path.write_text(
            "time,price,zone\n2026-03-01T00:00Z,0.2,a\n2026-03-01T00:00Z,0.3,b\n"
            "2026-03-02T00:00Z,0.2,a\n"
        )
        assert "--series: need one of 'a', 'b', got several" in refused(capsys, "bid", str(path))
        assert "got 'c'" in refused(capsys, "bid", str(path), "--series", "c")
        (one,) = answer(capsys, "bid", str(path), "--series", "b")["bids"]
        assert (one["bid"], one["availability"]) == ("0.30", 1.0)

    def test_offers_of_a_tracker_are_not_one(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        path = tmp_path / "market.csv"
        path.write_text(
            "collected_at,offer_id,machine_id,gpu_name,min_bid\n"
            "2026-06-16T12:00:00Z,1,1,A100,0.5\n2026-06-16T12:00:00Z,2,2,A100,0.9\n"
            "2026-06-16T13:00:00Z,1,1,A100,0.6\n2026-06-16T13:00:00Z,3,3,A100,0.8\n"
        )
        until = ("--until", "2026-06-16T14:00Z")
        for more in ((), until):
            said = refused(capsys, "bid", str(path), *more)
            assert "--series: need one of '1', '2', '3', got several (one for each zone, " in said
        said = refused(capsys, "bid", str(path), "--series", "3")
        assert said.endswith("got prices of a single moment of 3\n")
        found = answer(capsys, "bid", str(path), *until, "--series", "1")["bids"]
        assert [one["bid"] for one in found] == ["0.50", "0.60"]

    def test_an_offer_that_is_gone_keeps_its_price_to_an_end_that_can_be_told(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        """Seen: it held to the end of the file without a word, and ``--until`` was refused."""
        path = tmp_path / "market.csv"
        path.write_text(
            "collected_at,offer_id,min_bid\n"
            "2026-06-16T12:00:00Z,1,0.5\n2026-06-16T13:00:00Z,1,0.6\n"
            "2026-06-16T12:00:00Z,2,0.9\n2026-06-16T18:00:00Z,2,0.9\n2026-06-16T18:00:00Z,3,0.9\n"
        )
        words = ("bid", str(path), "--series", "1")
        found = answer(capsys, *words)
        assert (found["hours"], found["last_change"]) == (6, "2026-06-16T13:00:00Z")
        note = (
            "its last price, of 2026-06-16T13:00:00Z, is taken to hold to the end of the file: "
            "--until ends it before"
        )
        assert text(capsys, *words).splitlines()[-1] == note
        until = ("--until", "2026-06-16T14:00Z")
        assert answer(capsys, *words, *until)["hours"] == 2
        assert "its last price" not in text(capsys, *words, *until)
        assert "its last price" not in text(capsys, "bid", str(path), "--series", "2")

    def test_times_without_offsets_are_told_the_option(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        path = tmp_path / "naive.csv"
        path.write_text(HISTORY.replace("Z,", ","))
        assert "(--utc takes those without one as UTC)" in refused(capsys, "bid", str(path))

    def test_from_standard_input_and_without_offsets(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Input:
            buffer = io.BytesIO(HISTORY.replace("Z,", ",").encode())

        monkeypatch.setattr(sys, "stdin", Input)
        assert len(answer(capsys, "bid", "-", "--utc")["bids"]) == 5

    def test_a_message_names_options_not_arguments(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        path = tmp_path / "naive.csv"
        path.write_text("time,price\n2026-03-01 00:00,0.2\n2026-03-01 04:00,0.3\n")
        told = refused(capsys, "bid", str(path))
        assert "(--utc takes those without one as UTC)" in told
        assert "naive" not in told.replace(str(path), "")
        assert answer(capsys, "bid", str(path), "--utc")["hours"] == 4
        path.write_text("time,price,zone\n2026-03-01T00:00Z,0.2,a\n2026-03-01T00:00Z,0.3,b\n")
        said = refused(capsys, "bid", str(path), "--series", "b")
        assert "(--until says how long the last one does)" in said
        path.write_text("when,price\n2026-03-01T00:00Z,0.2\n")
        assert "a column of the time (--time says which; known" in refused(capsys, "bid", str(path))
        path.write_text("time,usd\n2026-03-01T00:00Z,0.2\n")
        assert "column of the price (--price says which; known" in refused(capsys, "bid", str(path))

    def test_a_record_of_a_single_moment(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        path = tmp_path / "one.csv"
        path.write_text("time,price\n2026-03-01T00:00Z,0.2\n")
        said = refused(capsys, "bid", str(path))
        assert said.startswith(f"numgenius: {path}: need a price that holds for some time (--until")
        assert "--until: need a time after 2026" in refused(
            capsys, "bid", str(path), "--until", "2026-03-01"
        )

    def test_an_end_that_is_told_is_one_that_is_taken(
        self, capsys: pytest.CaptureFixture[str], history: str
    ) -> None:
        said = refused(capsys, "bid", history, "--until", "2026-03-02T05:00Z")
        assert said.startswith("numgenius: --until: need a time not before 2026-03-02 06:00:00+00:")
        assert answer(capsys, "bid", history, "--until", "2026-03-02T06:00Z")["hours"] == 30
        for alone in ("2026-02-28", "2026-03-01"):  # a single price has to hold for some time
            Path(history).write_text("time,price\n2026-03-01T00:00Z,0.2\n")
            said = refused(capsys, "bid", history, "--until", alone)
            assert said.startswith(
                "numgenius: --until: need a time after 2026-03-01 00:00:00+00:00"
            )

    def test_what_is_no_bid(self, capsys: pytest.CaptureFixture[str], history: str) -> None:
        assert "--bid: need" in refused(capsys, "bid", history, "--bid", "cheap")
        assert "--until: need a time" in refused(capsys, "bid", history, "--until", "noon")


class TestMaint:
    """When to take a machine down: as soon as the last client has left."""

    def test_after_the_last_client(self, capsys: pytest.CaptureFixture[str], machines: str) -> None:
        words = ("maint", machines, "--now", "2026-07-31T22:00Z", "--hours", "90min")
        rented, free = answer(capsys, *words)["machines"]
        assert rented["down_from"] == "2026-08-01T00:00:00Z"
        assert rented["down_to"] == "2026-08-01T01:30:00Z"
        assert (rented["rented"], rented["free_now"]) == (2, False)
        assert rented["lost_now"] == "0.90"  # two GPUs at $0.30 for the hour and a half
        assert (free["down_from"], free["free_now"]) == ("2026-07-31T22:00:00Z", True)
        assert free["lost_now"] is None  # not listed, so at no price

    def test_a_min_gpu_that_no_host_can_list(
        self, capsys: pytest.CaptureFixture[str], machines: str
    ) -> None:
        odd = {"listed_min_gpu_count": 3}
        Path(machines).write_text(json.dumps([{**MACHINES[0], **odd}, MACHINES[1]]))
        words = ("maint", machines, "--now", "2026-07-31T22:00Z", "--hours", "90min")
        rented, free = answer(capsys, *words)["machines"]
        assert (rented["down_from"], rented["lost_now"]) == ("2026-08-01T00:00:00Z", "0.90")
        assert free["free_now"] is True

    def test_what_is_lost_ends_with_the_contracts(
        self, capsys: pytest.CaptureFixture[str], machines: str
    ) -> None:
        words = ("maint", machines, "--now", "2026-07-31T22:00Z", "--hours", "1d")
        assert answer(capsys, *words)["machines"][0]["lost_now"] == "1.20"  # two hours, not 24

    def test_a_window_beyond_the_calendar(
        self, capsys: pytest.CaptureFixture[str], machines: str
    ) -> None:
        said = "numgenius: --hours: need a date up to year 9999, got "
        for now in ("9999-12-31T23:00Z", "9999-12-31"):
            words = ("maint", machines, "--hours", "2d", "--now", now)
            assert refused(capsys, *words).startswith(said)
        # What the last client leaves may be too late, too.
        late = {"client_end_date": datetime(9999, 12, 30, tzinfo=UTC).timestamp()}
        Path(machines).write_text(json.dumps([{**MACHINES[0], **late}]))
        until = ("maint", machines, "--now", "2026-07-31", "--hours")
        assert refused(capsys, *until, "2d").startswith(said)
        assert text(capsys, *until, "1d")

    def test_a_client_who_has_left_is_in_nobodys_way(
        self, capsys: pytest.CaptureFixture[str], machines: str
    ) -> None:
        path = Path(machines)
        path.write_text(json.dumps([{**MACHINES[0], "gpu_occupancy": "x x x x "}]))
        (one,) = answer(capsys, "maint", machines, "--now", "2026-08-02")["machines"]
        assert (one["down_from"], one["free_now"]) == ("2026-08-02T00:00:00Z", True)

    @pytest.mark.parametrize(
        ("changes", "rented"),
        [
            ({"client_end_date": None}, 2),
            ({}, 2),  # its end was yesterday
            ({"client_end_date": None, "gpu_occupancy": "R x x x "}, 1),
            ({"client_end_date": None, "gpu_occupancy": "x I x x "}, 1),
            ({"client_end_date": None, "gpu_occupancy": None, "current_rentals_running": 1}, 4),
        ],
    )
    def test_a_machine_in_use_without_an_end_to_come_is_not_free(
        self, capsys: pytest.CaptureFixture[str], machines: str, changes: Any, rented: int
    ) -> None:
        Path(machines).write_text(json.dumps([{**MACHINES[0], **changes}]))
        words = ("maint", machines, "--now", "2026-08-02")
        (one,) = answer(capsys, *words)["machines"]
        assert (one["rented"], one["free_now"]) == (rented, False)
        assert (one["down_from"], one["down_to"], one["lost_now"]) == (None, None, None)
        _, row, *more = text(capsys, *words).splitlines()
        assert row.split() == ["7", str(rented), "of", "4", "?", "?", "?"]
        assert [line[:10] for line in more] == ["?: in use,"]

    @pytest.mark.parametrize(
        "silent",
        [
            {},
            {"gpu_occupancy": ""},
            {"gpu_occupancy": None, "client_end_date": None},
            {"current_rentals_resident": None},
        ],
    )
    def test_a_machine_that_does_not_say_whether_it_is_in_use_is_not_free(
        self, capsys: pytest.CaptureFixture[str], machines: str, silent: Any
    ) -> None:
        row = {name: value for name, value in MACHINES[0].items() if "_end" not in name}
        del row["gpu_occupancy"]
        Path(machines).write_text(json.dumps([row | silent]))
        words = ("maint", machines, "--now", "2026-07-20T12:00Z")
        (one,) = answer(capsys, *words)["machines"]
        assert {one[name] for name in ("rented", "clients", "free_now", "down_from")} == {None}
        assert (one["down_to"], one["lost_now"]) == (None, None)
        _, line, *more = text(capsys, *words).splitlines()
        assert line.split() == ["7", "?", "of", "4", "?", "?", "?"]
        assert [said[:10] for said in more] == ["? rented: "]

    def test_a_machine_that_counts_nobody_is_free(
        self, capsys: pytest.CaptureFixture[str], machines: str
    ) -> None:
        empty = {"client_end_date": None, "gpu_occupancy": None, "current_rentals_resident": 0}
        Path(machines).write_text(json.dumps([{**MACHINES[0], **empty}]))
        (one,) = answer(capsys, "maint", machines, "--now", "2026-08-02")["machines"]
        assert (one["rented"], one["clients"], one["free_now"]) == (0, "none", True)

    @pytest.mark.parametrize(
        ("changes", "when", "notes"),
        [
            ({}, "2026-08-01T00:00:00Z", ["Until then", "0 rented, "]),
            # Nobody computes, and somebody has data there until nobody knows when.
            (
                {"client_end_date": None, "current_rentals_resident": 1},
                None,
                ["0 rented, ", "?: in use,"],
            ),
        ],
    )
    def test_clients_who_are_stopped_are_waited_for(
        self,
        capsys: pytest.CaptureFixture[str],
        machines: str,
        changes: Any,
        when: str | None,
        notes: list[str],
    ) -> None:
        row = {**MACHINES[0], "gpu_occupancy": "x x x x ", **changes}
        Path(machines).write_text(json.dumps([row]))
        words = ("maint", machines, "--now", "2026-07-20")
        (one,) = answer(capsys, *words)["machines"]
        assert (one["rented"], one["clients"], one["free_now"]) == (0, "stopped", False)
        assert one["down_from"] == when
        assert [line[:10] for line in text(capsys, *words).splitlines()[2:]] == notes

    def test_an_end_that_is_missing_is_one_that_is_not_known(
        self, capsys: pytest.CaptureFixture[str], machines: str
    ) -> None:
        silent = {name: value for name, value in MACHINES[0].items() if name != "client_end_date"}
        Path(machines).write_text(json.dumps([silent]))
        (one,) = answer(capsys, "maint", machines, "--now", "2026-07-01")["machines"]
        assert (one["free_now"], one["lost_now"]) == (False, None)

    def test_a_machine_that_does_not_say_which_gpus(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        path = tmp_path / "silent.json"
        path.write_text(json.dumps([{**MACHINES[0], "gpu_occupancy": None}]))
        (one,) = answer(capsys, "maint", str(path), "--now", "2026-07-31")["machines"]
        assert one["rented"] == 4
        (one,) = answer(capsys, "maint", str(path), "--now", "2026-08-01")["machines"]
        assert (one["rented"], one["free_now"]) == (0, True)  # as its last client leaves

    def test_an_end_that_rolls_is_not_sure_before_it_is_unlisted(
        self, capsys: pytest.CaptureFixture[str], machines: str
    ) -> None:
        """DOMAIN 7: "each day the end is set to now + duration"."""
        rolls = {**MACHINES[0], "end_date": None, "duration": 864_000}
        empty = {**rolls, "id": 9, "gpu_occupancy": "x x x x ", "client_end_date": None}
        unlisted = {**rolls, "id": 10, "listed": False}
        Path(machines).write_text(json.dumps([rolls, empty, unlisted]))
        words = ("maint", machines, "--now", "2026-07-31T22:00Z")
        found = answer(capsys, *words)["machines"]
        assert [each["rolling"] for each in found] == ["10d", "10d", None]
        _, first, *others, before, note = text(capsys, *words).splitlines()
        assert first.split()[4:9] == ["2026-08-01", "00:00", "*", "2026-08-01", "04:00"]
        assert not any("*" in each for each in others)  # nobody is there to wait for, or it is sure
        assert before.startswith("Until then take no new clients")
        assert note.startswith("*: its end rolls on each day, and this time with it: unlist it")
        assert "*" not in text(capsys, *words, "--machine", "9")

    def test_a_client_who_leaves_within_a_minute_is_not_cut_off(
        self, capsys: pytest.CaptureFixture[str], machines: str
    ) -> None:
        end = datetime(2026, 7, 25, 17, 20, 30, tzinfo=UTC).timestamp()
        Path(machines).write_text(json.dumps([{**MACHINES[0], "client_end_date": end}]))
        row = text(capsys, "maint", machines, "--now", "2026-07-20").splitlines()[1].split()
        assert row[4:8] == ["2026-07-25", "17:20:30", "2026-07-25", "21:20:30"]

    def test_what_is_lost_is_what_a_fleet_s_plan_says(
        self, capsys: pytest.CaptureFixture[str], machines: str
    ) -> None:
        """DOMAIN 2: "client price = host price / (1 − fee)", and the file has the host's."""
        words = ("maint", machines, "--now", "2026-07-31T22:00Z", "--hours", "1")
        assert answer(capsys, *words)["machines"][0]["lost_now"] == "0.60"
        (one, _) = read_machines(Path(machines), platform_fee="0.25").rows
        assert one.prices is not None
        listing = Listing(machine=one.machine, prices=one.prices)
        now = datetime(2026, 7, 31, 22, tzinfo=UTC)
        rented = agree(listing, Block(start=0, size=2), id=1, client="a", at=now)
        plan = plan_fleet({one.machine.id: [rented]}, [now], timedelta(hours=1), at_once=1)
        assert plan.to_dicts()[0]["payout"] == 0.60

    def test_the_table_says_what_to_do_before(
        self, capsys: pytest.CaptureFixture[str], machines: str
    ) -> None:
        words = ("maint", machines, "--now", "2026-07-31T22:00Z", "--machine")
        rented = text(capsys, *words, "7").splitlines()
        assert rented[1].split() == [
            *("7", "2", "of", "4", "2026-08-01", "00:00", "2026-08-01", "04:00", "1.20")
        ]
        assert rented[2].startswith("Until then take no new clients")
        assert len(text(capsys, *words, "8").splitlines()) == 2
        assert "--machine: need a machine of the file: 7, 8" in refused(capsys, *words, "9")


class TestFilesOfNothing:
    """A file that has no row is named, and leads to no table of nothing."""

    @pytest.mark.parametrize("empty", ["[]", '{"machines": []}'])
    def test_no_machine(
        self, empty: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = tmp_path / "machines.json"
        path.write_text(empty)
        assert main(["maint", str(path)]) == 1
        assert capsys.readouterr().out == f"There is no machine in {path}.\n"
        assert main(["maint", str(path), "--json"]) == 1
        assert json.loads(capsys.readouterr().out)["machines"] == []

    @pytest.mark.parametrize("empty", ["[]", '{"SpotPriceHistory": []}', "time,price\n"])
    def test_no_price(self, empty: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        path = tmp_path / "prices"
        path.write_text(empty)
        assert "need a history of a price, got no row" in refused(capsys, "bid", str(path))


class TestMachinesThatNoHostHas:
    """A row has a letter for each GPU: D, R, I or x. What cannot be is a slip in the file."""

    LETTERS = (
        ": 1 fault: machines[0].gpu_occupancy: need one of D, R, I and x for each of its 4 GPUs"
    )

    @pytest.mark.parametrize(
        ("rows", "place"),
        [
            ([{"gpu_occupancy": "D D D D D D D"}], LETTERS),
            ([{"gpu_occupancy": "D x "}], LETTERS),
            ([{"gpu_occupancy": "Q x x x"}], LETTERS),
            ([{}, {}], ": 1 fault: machine 7: need each machine once, got it in 2 rows"),
        ],
    )
    def test_they_are_refused(
        self, rows: Any, place: str, capsys: pytest.CaptureFixture[str], machines: str
    ) -> None:
        Path(machines).write_text(json.dumps([{**MACHINES[0], **row} for row in rows]))
        said = refused(capsys, "maint", machines, "--now", "2026-07-31")
        assert said.startswith(f"numgenius: {machines}{place}")
        assert said.endswith("; --skip-bad leaves bad records out\n")

    BAD = (
        ([{**MACHINES[0], "gpu_occupancy": "Q x x x"}], "machines[1].gpu_occupancy: need one of"),
        ([MACHINES[0], MACHINES[0]], "machine 7: need each machine once, got it in 2 rows"),
        ([{**MACHINES[0], "id": None}], "machines[1].id: need"),
    )

    @pytest.mark.parametrize(("bad", "told"), BAD)
    def test_one_that_is_bad_is_in_nobodys_way_who_asks_for_the_others(
        self, bad: Any, told: str, capsys: pytest.CaptureFixture[str], machines: str
    ) -> None:
        Path(machines).write_text(json.dumps([MACHINES[1], *bad]))
        words = ("maint", machines, "--now", "2026-07-31")
        for more in (["--skip-bad"], ["--machine", "8"], ["--machine", "8", "--skip-bad"]):
            assert main([*words, *more, "--json"]) == 0
            said = capsys.readouterr()
            found = json.loads(said.out)
            assert [each["machine"] for each in found["machines"]] == [8]
            assert found["skipped"] == len(bad)
            assert said.err.startswith(f"numgenius: skipped {told}")
        assert main([*words, "--machine", "7"]) == 2
        skipped, refusal = capsys.readouterr().err.splitlines()
        assert skipped.startswith(f"numgenius: skipped {told}")
        assert refusal == "numgenius: --machine: need a machine of the file: 8, got 7"

    def test_where_all_are_bad_the_answer_says_so(
        self, capsys: pytest.CaptureFixture[str], machines: str
    ) -> None:
        Path(machines).write_text(json.dumps([MACHINES[0], MACHINES[0], {"id": 9}]))
        assert main(["maint", machines, "--skip-bad"]) == 1
        said = capsys.readouterr()
        assert said.out == f"There is no machine in {machines} but 3 skipped.\n"
        assert said.err.count("numgenius: skipped ") == 3


class TestSlicesCompared:
    """Each ``min_gpu`` with the offers that it gives."""

    @pytest.mark.parametrize("gpus", [1, 7, 8])
    def test_they_are_those_of_the_rule(
        self, capsys: pytest.CaptureFixture[str], gpus: int
    ) -> None:
        rows = answer(capsys, "slices", str(gpus), "--compare")["compare"]
        assert [row["min_gpu"] for row in rows] == [
            size for size in (1, 2, 4, 8, 16) if size <= gpus
        ]
        for row in rows:
            assert row["sizes"] == list(offer_sizes(gpus, row["min_gpu"]))
            assert row["offers"] == len(row["sizes"])

    @pytest.mark.parametrize("more", [(), ("--observed",)])
    @pytest.mark.parametrize("gpus", [1, 3, 7, 8, 10, 12])
    def test_as_many_clients_as_blocks_that_do_not_overlap(
        self, capsys: pytest.CaptureFixture[str], gpus: int, more: tuple[str, ...]
    ) -> None:
        """DOMAIN 3: seven GPUs in groups of 2 are 2, 2, 2 and the remainder of 1."""
        rows = answer(capsys, "slices", str(gpus), "--compare", *more)["compare"]
        for row in rows:
            found, end = 0, 0  # the block that ends first, again and again, makes the most of them
            offered = blocks(gpus, row["min_gpu"], observed=bool(more))
            for block in sorted(offered, key=lambda block: block.end):
                if block.start >= end:
                    found, end = found + 1, block.end
            assert row["clients"] == found

    def test_any_min_gpu_that_records_have(self, capsys: pytest.CaptureFixture[str]) -> None:
        rows = answer(capsys, "slices", "7", "--compare", "--observed")["compare"]
        assert [row["min_gpu"] for row in rows] == [1, 2, 3, 4, 5, 6, 7]
        assert rows[2]["sizes"] == [1, 3, 3, 3, 4, 7]

    def test_the_table(self, capsys: pytest.CaptureFixture[str]) -> None:
        seven = text(capsys, "slices", "7", "--compare").splitlines()
        assert [line.split()[2] for line in seven[1:]] == ["7", "4", "2"]
        lines = text(capsys, "slices", "8", "--compare").splitlines()
        assert lines[2].split() == ["2", "7", "4", *["4", "×", "2,", "2", "×", "4,", "1", "×", "8"]]
        assert "gpus: need" in refused(capsys, "slices", "0", "--compare")


class TestReserve:
    """Units that cannot be mistaken, amounts in cents."""

    def test_amounts_are_in_cents(self, capsys: pytest.CaptureFixture[str]) -> None:
        words = ("reserve", "--price", "1.2345", "--months", "3", "--cancel-after")
        assert text(capsys, *words, "2 weeks").splitlines() == [
            "discount  30.00 %",
            "per hour  $0.8642",  # $0.86415, a tie
            "deposit   $1,866.56",
            "refund    $1,445.55",
        ]
        exact = answer(capsys, *words, "14d")
        assert exact["deposit"] == "1866.564"
        assert exact["per_hour"] == "0.86415"

    @pytest.mark.parametrize(
        ("months", "after", "said"),
        [
            ("3", "15", "--cancel-after: need a length of time with its unit"),
            ("3", "1m", "--cancel-after: need 1min for minutes or 1mo for months, got '1m'"),
            ("0", "15d", "--months: need months above zero, got '0'"),
            ("3mo", "15d", "--months: need a number of months of 720 hours, without a unit"),
            ("3d", "15d", "--months: need a number of months of 720 hours, without a unit"),
        ],
    )
    def test_what_can_be_mistaken_is_refused(
        self, capsys: pytest.CaptureFixture[str], months: str, after: str, said: str
    ) -> None:
        words = ("reserve", "--price", "1", "--months", months, "--cancel-after", after)
        assert said in refused(capsys, *words)

    def test_without_a_discount_the_market_takes_no_prepayment(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        words = ["reserve", "--price", "1", "--months", "3", "--max-discount", "0"]
        words += ["--cancel-after", "15d", "--plot", str(tmp_path / "x.svg")]
        found = answer(capsys, *words)
        assert found == {"discount": "0", "deposit": None, "per_hour": "1.00", "refund": None}
        assert text(capsys, *words).splitlines() == [
            "discount  0.00 %",
            "per hour  $1.00",
            "deposit   none: without a discount the market takes no prepayment",
        ]
        assert not (tmp_path / "x.svg").exists()

    @pytest.mark.parametrize("price", ["0", "0.000000000000"])
    def test_at_a_price_of_nothing_there_is_none_either(
        self, price: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        said = text(capsys, "reserve", "--price", price, "--months", "1")
        assert said.splitlines()[-1] == "deposit   none: at this price it comes to nothing"

    def test_a_month_is_one_of_720_hours(self, capsys: pytest.CaptureFixture[str]) -> None:
        words = ("reserve", "--price", "1", "--months", "3", "--cancel-after")
        assert text(capsys, *words, "1mo") == text(capsys, *words, "720h")


class TestBidOnDemand:
    """What the same time costs on demand, beside the bids."""

    def test_it_is_said_and_marked(
        self,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
    ) -> None:
        path = tmp_path / "h.csv"
        path.write_text("time,price\n2026-03-01T00:00:00Z,0.20\n2026-03-02T00:00:00Z,0.60\n")
        call = ("bid", str(path), "--until", "2026-03-03", "--on-demand", "0.70")
        assert answer(capsys, *call)["on_demand"] == {"price": "0.70", "cost": "33.60"}
        assert "on demand all the time: $33.60 at $0.70 an hour" in text(capsys, *call)
        assert "--on-demand: " in refused(capsys, *call[:-1], "dear")
        drawn: list[Any] = []

        def keep(*given: Any, **named: Any) -> Any:
            drawn.append(bid_availability(*given, **named))
            return drawn[-1]

        monkeypatch.setattr("numgenius_core.plots.bid_availability", keep)
        text(capsys, *call, "--plot", str(tmp_path / "x.svg"))
        shares = drawn[0][0]
        assert shares.get_legend_handles_labels()[1] == ["on-demand price"]
        # At the price that is marked stands what was computed for it.
        assert list(shares.get_lines()[0].get_xdata()) == [0.2, 0.6, 0.7]
        assert len(answer(capsys, *call)["bids"]) == 2


class TestCharge:
    """What to ask, tried on the same clients."""

    def test_the_best_is_one_that_was_tried(self, capsys: pytest.CaptureFixture[str]) -> None:
        found = answer(capsys, *CHARGE, "--runs", "2", "--kwh", "0.15", "--watts", "350")
        prices = [row["price"] for row in found["prices"]]
        assert prices == ["0.25", "0.42", "0.60"]
        best = max(found["prices"], key=lambda row: Decimal(row["profit"]))
        assert found["best"] == best["price"]
        assert answer(capsys, *CHARGE, "--runs", "2", "--kwh", "0.15", "--watts", "350") == found
        dear = answer(capsys, *CHARGE, "--runs", "2", "--kwh", "2", "--watts", "350")
        for cheap, row in zip(found["prices"], dear["prices"], strict=True):
            assert Decimal(row["profit"]) < Decimal(cheap["profit"])
            assert row["occupancy"] == cheap["occupancy"]

    def test_a_program_is_told_what_the_profit_is_for(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        power = ("--kwh", "0.15", "--watts", "350", "--platform-fee", "0.25")
        found = answer(capsys, *CHARGE, "--runs", "3", *power)
        told = {name: found[name] for name in ("days", "runs", "platform_fee", "kwh")}
        assert told == {"days": 3, "runs": 3, "platform_fee": "0.25", "kwh": "0.15"}
        plain = answer(capsys, *CHARGE, "--runs", "1")
        assert (plain["platform_fee"], plain["kwh"]) == ("0", None)
        assert plain["prices"][0]["profit_half_width"] is None
        for row in found["prices"]:
            amounts = [row["profit"], row["profit_half_width"]]
            assert any(Decimal(each) != round(Decimal(each), 2) for each in amounts)

    def test_the_table_names_it(self, capsys: pytest.CaptureFixture[str]) -> None:
        lines = text(capsys, *CHARGE, "--runs", "1", "--demand", "training").splitlines()
        (marked,) = [line for line in lines if " *  " in line]
        price = marked.split()[0].rstrip("0")
        assert lines[-1].startswith(f"Ask ${price}")
        assert "profit $ in 3 d  " in lines[0]
        assert lines[-2].startswith("Each run begins with an empty machine")
        assert lines[-3] == "No power price (--kwh): the profit is the payout."

    def test_the_edge_of_what_was_tried_is_no_advice(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        few = ("charge", "4", "--tries", "2", "--days", "2", "--runs", "2", "--usual", "1")
        power = ("--kwh", "0.15", "--watts", "350")
        lines = text(capsys, *few, *power, "--from", "0.20", "--to", "0.40").splitlines()
        assert "profit $ in 2 d (±: 95 %)" in lines[0]
        said = "Best of those tried is the highest, $0.40 a GPU-hour: look at a higher --to"
        assert lines[-1].startswith(said)
        assert "No power price" not in str(lines)
        assert answer(capsys, *few, "--from", "0.20", "--to", "0.40")["edge"]
        lines = text(capsys, *few, "--from", "2.80", "--to", "9").splitlines()
        assert lines[-1].startswith("All prices tried bring the same: look at a lower --from")
        assert not [line for line in lines[1:-1] if "*" in line]

    def test_fitted_to_what_the_machine_has_seen(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        path = tmp_path / "seen.csv"
        path.write_text("price,occupied,hours\n0.30,0.81,168\n0.40,0.67,168\n0.50,0.55,168\n")
        few = answer(capsys, *CHARGE, "--runs", "1", "--fit", str(path))
        path.write_text("price;occupied;hours\n$0,30;0,81;168\n0,40;0,67;168\n0,50;0,55;168\n")
        assert answer(capsys, *CHARGE, "--runs", "1", "--fit", str(path)) == few
        path.write_text("price,occupied,hours,currency\n0.30,0.41,168,EUR\n")
        said = refused(capsys, *CHARGE, "--fit", str(path))
        assert "line 2, currency: need USD, as all money here, got 'EUR'" in said
        path.write_text("price,occupied,hours\n0.30,0.41,168\n0.40,0.27,168\n0.50,0.15,168\n")
        fewer = answer(capsys, *CHARGE, "--runs", "1", "--fit", str(path))
        for more, less in zip(few["prices"], fewer["prices"], strict=True):
            assert more["occupancy"] > less["occupancy"]
        for row, said in (
            ("0.3,much,1", "line 2: need three numbers"),
            ("0.3,nan,1", "occupied nothing (an empty cell, nan, NULL or the like), hours '1'"),
            ("0.3,0.5,inf", "line 2: need three numbers"),
            ("0.3,0.5,sNaN", "line 2: need three numbers"),
            ("0.3,0.5,1e999999", "line 2: need three numbers"),
            ('0.3,"1,024",1', "'1,024', hours '1' (a thousand or one?)"),
            ("0.3,2,1", "line 2, occupied: need a fraction from 0 to 1, got 2"),
        ):
            path.write_text(f"price,occupied,hours\n{row}\n")
            assert said in refused(capsys, *CHARGE, "--fit", str(path))

    @pytest.mark.parametrize(
        ("more", "said"),
        [
            (("--to", "0.2"), "--to: need a price above --from"),
            (("--from", "0"), "--from: need a price above 0, got $0.00"),
            (("--from", "x"), "--from: need"),
            (("--tries", "1"), "--tries: need 2 to 50"),
            (("--days", "0"), "--days: need 1 to 366"),
            (("--runs", "1001"), "--runs: need 1 to 1,000"),
            (("--watts", "350"), "--kwh: need the price of electricity"),
            (("--kwh", "0.15"), "--watts: need what the machine draws"),
            (("--fit", "seen.csv", "--usual", "0.4"), "--usual: need none with --fit"),
            (("--demand", "gamers"), "--demand: need one of experiments, training, serving"),
            (("--platform-fee", "1"), "--platform-fee: need a fraction from 0 to below 1, got '1'"),
            (("--usual", "0"), "--usual: need a price above zero"),
            (("--min-gpu", "3"), "--min-gpu: need a power of two"),
            (("--watts", "-3", "--kwh", "1"), "--watts: need 0 to 1,000,000 watts, got -3"),
        ],
    )
    def test_bad_words(
        self, capsys: pytest.CaptureFixture[str], more: tuple[str, ...], said: str
    ) -> None:
        pairs = zip(CHARGE[2::2], CHARGE[3::2], strict=True)
        base = [word for pair in pairs if pair[0] != more[0] for word in pair]
        assert said in refused(capsys, *CHARGE[:2], *base, *more)


class TestPictures:
    """``--plot`` writes what the table says, as SVG or PNG."""

    def test_each_command_that_draws(
        self, capsys: pytest.CaptureFixture[str], history: str, tmp_path: Path
    ) -> None:
        pytest.importorskip("matplotlib")
        path = tmp_path / "picture.svg"
        for words in (
            ("bid", history, "--bid", "0.1", "--bid", "0.4"),
            (*CHARGE, "--runs", "2"),
            (*CHARGE, "--runs", "1"),
            ("reserve", "--price", "1", "--months", "14"),
        ):
            text(capsys, *words, "--plot", str(path))
            assert "<svg" in path.read_text()
            path.unlink()
        assert main(["bid", history, "--bid", "0.1", "--plot", str(path)]) == 0
        told = capsys.readouterr()
        assert told.out.splitlines()[1].split()[0] == "0.1000"
        assert told.err == "numgenius: --plot: nothing was drawn: none of the bids ran\n"
        assert not path.exists()
        assert ".svg or .png" in refused(
            capsys, "reserve", "--price", "1", "--months", "1", "--plot", "x.txt"
        )

    RESERVE = ("reserve", "--price", "1", "--months", "1", "--plot")

    @pytest.mark.parametrize("before", [None, b"a good one"])
    def test_one_that_cannot_be_written_whole_leaves_what_was_there(
        self,
        before: bytes | None,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        pytest.importorskip("matplotlib")
        path, write = tmp_path / "picture.svg", Path.write_bytes
        if before is not None:
            path.write_bytes(before)

        def full(self: Path, data: bytes) -> int:
            write(self, data[:1_024])
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(Path, "write_bytes", full)
            assert refused(capsys, *self.RESERVE, str(path)) == (
                "numgenius: --plot: need a file that can be written, got No space left on device\n"
            )
        assert [each.name for each in tmp_path.iterdir()] == [path.name] * (before is not None)
        assert before is None or path.read_bytes() == before

    def test_a_link_leads_to_the_new_one_and_who_may_read_it_stays(self, tmp_path: Path) -> None:
        pytest.importorskip("matplotlib")
        path, link = tmp_path / "picture.png", tmp_path / "link.png"
        path.touch(mode=0o600)
        try:
            link.symlink_to(path)
        except OSError:
            pytest.skip("there are no links here")
        assert main([*self.RESERVE, str(link)]) == 0
        assert link.is_symlink()
        assert path.read_bytes().startswith(b"\x89PNG")
        assert path.stat().st_mode & 0o777 == 0o600

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes here")
    def test_a_pipe_is_written_to(self, tmp_path: Path) -> None:
        pytest.importorskip("matplotlib")
        pipe = tmp_path / "picture.svg"
        os.mkfifo(pipe)
        with ThreadPoolExecutor() as pool:
            read = pool.submit(pipe.read_bytes)
            assert main([*self.RESERVE, str(pipe)]) == 0
            assert b"</svg>" in read.result()


class TestAFileWithoutAnEndIsRefused:
    """Every command reads at most 256 MiB: who names the wrong file is told in a line."""

    @pytest.mark.skipif(not Path("/dev/zero").exists(), reason="all files have an end here")
    @pytest.mark.parametrize(
        "words",
        [
            "quote",
            "compare",
            "preview",
            "maint",
            "bid --bid 1",
            "sla backtest --claim 0.9 --price 1",
            "sla advise --price 1",
            " ".join((*CHARGE, "--fit")),
            " ".join((*CHARGE, "--runs", "1", "--keep")),
        ],
    )
    def test_by_every_command_that_reads(
        self, words: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("numgenius_core._json.packings.MAX_BYTES", 1_000)
        assert main([*words.split(), "/dev/zero"]) == 2
        (told,) = capsys.readouterr().err.splitlines()
        assert "/dev/zero" in told
        assert "need a document of at most 1,000 bytes, got " in told
        assert told.endswith("a larger one")


class TestWhatPeopleTypeIsAnsweredInTheirWords:
    """A note of the rules is a line, a slip names its option, and ``.25`` is a number."""

    def test_a_warning_is_one_line_without_our_source(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        words = ("charge", "2", "--from", "1", "--to", "2", "--min-bid", "5")
        assert main([*words, "--runs", "1", "--days", "2", "--tries", "2"]) == 0
        lines = capsys.readouterr().err.splitlines()
        assert lines
        assert all(line.startswith("numgenius: machine 1: lowest bid $5.00") for line in lines)
        assert len(set(lines)) == len(lines)

    def test_a_number_may_begin_with_its_point(self, capsys: pytest.CaptureFixture[str]) -> None:
        said = text(capsys, "reserve", "--price", ".25", "--months", "3")
        assert said == text(capsys, "reserve", "--price", "0.25", "--months", "3")

    def test_a_slip_names_its_option(
        self, capsys: pytest.CaptureFixture[str], history: str
    ) -> None:
        words = ("charge", "8", "--from", "1", "--to", "2", "--usual", "0")
        assert "numgenius: --usual: need a price above zero, got 0" in refused(capsys, *words)
        found = refused(capsys, "bid", history, "--series", "us-east-1b")
        assert "--series: need none, as the file has a single one, got us-east-1b" in found
        quick = ("charge", "2", "--from", "1", "--to", "2", "--runs", "1", "--days", "9")
        few = (*quick, "--tries", "2", "--usual")
        usual = answer(capsys, *few, "0.9")
        assert usual == answer(capsys, *few, "0.90")
        assert usual != answer(capsys, *few, "9")
        assert "need" in refused(capsys, "bid", history, "--price", "no such column")
        late = refused(capsys, "bid", history, "--until", "1999-01-01")
        assert late.startswith("numgenius: --until: need a time not before 20")
        assert "--bid: need at least $0.001 an hour, got 0" in refused(
            capsys, "bid", history, "--bid", "0"
        )
        bid = ("quote", "--sample", "--mode", "interruptible", "--bid", "0.0005")
        assert "--bid: need at least $0.001 an hour, got 0.0005" in refused(capsys, *bid)
        assert "--gpus: need at least 1" in refused(capsys, "quote", "--sample", "--gpus", "0")

    @pytest.mark.parametrize(
        "words",
        [
            ("quote", "--hours", "720", "--disk", "500", "--all"),
            ("quote", "--hours", "720", "--disk", "500", "--mode", "reserved", "--all"),
            ("compare", "--hours", "720", "--disk", "100"),
        ],
    )
    def test_tables_fit_eighty_columns(
        self,
        words: tuple[str, ...],
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setenv("COLUMNS", "80")
        table = [line for line in text(capsys, *words, "--sample").splitlines() if " × " in line]
        assert len(table) > 2
        assert max(map(len, table)) <= 80

    def test_a_file_of_another_kind_names_the_command_that_takes_it(
        self, capsys: pytest.CaptureFixture[str], machines: str, tmp_path: Path
    ) -> None:
        assert refused(capsys, "quote", machines).endswith("(numgenius maint takes them)\n")
        path = tmp_path / "charges.json"
        row = {"type": "instance", "source": "instance-7", "amount": 0, "start": 0, "end": 0}
        path.write_text(json.dumps([row]))
        for command in ("quote", "maint"):
            assert refused(capsys, command, str(path)).endswith("--charges --raw prints them\n")
        path.write_text("a,b\n1,2\n")
        assert "column map" not in refused(capsys, "quote", str(path))

    def test_prices_are_dollars(self, capsys: pytest.CaptureFixture[str]) -> None:
        words = ("sla", "fee", "--price", "1000000", "--claim", "0.99", "--target", "0.99")
        assert refused(capsys, *words).endswith("got $1000000.00 + $461953.125\n")

    @pytest.mark.parametrize(
        "words",
        [
            "quote",
            "compare",
            "maint",
            "bid",
            "preview",
            "sla advise --price 1",
            " ".join((*CHARGE, "--fit")),
        ],
    )
    def test_standard_input_has_one_name(
        self, words: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"")))
        assert refused(capsys, *words.split(), "-").startswith("numgenius: standard input: need ")

    def test_a_fault_of_a_history_names_its_file(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        path = tmp_path / "history.csv"
        path.write_text(
            "kind,start,end\nrental,1780272000,1783641600\noutage,1780617600,1780635600\n"
            "outage,1780624800,1780639200\n"
        )
        for words in (("backtest", "--claim", "0.99"), ("advise",)):
            said = refused(capsys, "sla", *words, str(path), "--price", "1")
            assert said.startswith(f"numgenius: {path}, outages: need no outage that overlaps")


class TestASweepThatIsInterrupted:
    """What is done is kept, and the same command goes on from there."""

    LONG = (*CHARGE, "--runs", "3", "--json")

    def stopped(
        self, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], after: int
    ) -> tuple[int, int]:
        """Run a command until so many simulations are done; return its status and how many ran."""
        ran: list[int] = []

        def counted(*what: Any, **how: Any) -> Any:
            if len(ran) == after:
                raise KeyboardInterrupt
            ran.append(1)
            return simulate(*what, **how)

        with monkeypatch.context() as patch:
            patch.setattr(sweeps, "simulate", counted)
            return main(words), len(ran)

    def test_it_goes_on_with_the_same_numbers(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        main(self.LONG)
        want = capsys.readouterr().out
        file = tmp_path / "sweep.jsonl"
        words = (*self.LONG, "--keep", str(file))
        assert self.stopped(monkeypatch, words, 4) == (130, 4)
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err == (
            f"numgenius: stopped after 4 of 9 simulations, kept in {file}: the same command goes "
            "on from there\n"
        )
        file.write_text(file.read_text() + '{"of": "cut sho')  # as a crash leaves it
        assert self.stopped(monkeypatch, words, 99) == (0, 5)
        assert capsys.readouterr().out == want
        assert self.stopped(monkeypatch, words, 0) == (0, 0)
        assert capsys.readouterr().out == want

    def test_without_a_file_it_says_so(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert self.stopped(monkeypatch, self.LONG, 2)[0] == 130
        assert "stopped after 2 of 9 simulations; with --keep FILE" in capsys.readouterr().err
        assert self.stopped(monkeypatch, self.LONG, 0)[0] == 130
        assert "stopped before the first simulation" in capsys.readouterr().err

    def test_a_terminal_shows_how_far_it_is(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        main(self.LONG)
        want = capsys.readouterr().out
        monkeypatch.setattr("sys.stderr.isatty", lambda: True)
        assert main(self.LONG) == 0
        said = capsys.readouterr()
        assert said.out == want
        told = "".join(f"\r{done} of 9 simulations" for done in range(1, 10))
        assert said.err.endswith(f"{told}\r\x1b[K")  # the line is taken away

    def test_a_file_of_simulations_says_which_it_has_and_forgets_none(self, tmp_path: Path) -> None:
        listing = Listing(
            machine=Machine(id=MachineId(8), host=AccountId("h"), gpu_name="A100", gpus=1),
            prices=PriceTerms(gpu=PerGpuHour(1)),
        )
        day = Interval(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC))
        demand = Demand(per_day=4, sizes={1: 1}, stays=Observed([2]))
        scenario = Scenario(listings=[listing], demand=demand, horizon=day)
        kept = KeptSimulations(str(tmp_path / "sweep.jsonl"))
        kept[scenario, 1] = simulate(scenario, 1)
        assert (scenario, 2) not in kept
        assert list(kept) == [(scenario, 1)]  # one that was asked for is not there for that
        assert dict(kept) == {(scenario, 1): simulate(scenario, 1)}
        with pytest.raises(RuleViolation, match="a file that is only added to, got a deletion"):
            del kept[scenario, 1]
        assert len(KeptSimulations(str(kept.path))) == len(kept) == 1

    def test_a_file_that_cannot_be_mended(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = tmp_path / "sweep.jsonl"
        path.write_text('{"of": "cut sho')
        opened = Path.open

        def full(self: Path, mode: str = "r", *args: Any, **options: Any) -> Any:
            if mode == "r+b":
                raise OSError(28, "No space left on device")
            return opened(self, mode, *args, **options)

        monkeypatch.setattr(Path, "open", full)
        need = "--keep: need a file that can be written, got No space left on device"
        with pytest.raises(RuleViolation, match=need):
            KeptSimulations(str(path))

    @pytest.mark.parametrize(
        "record",
        [
            b"[]",
            b"\xff",
            b'{"of": []}',
            b'{"of": "a", "outcome": {"free": "1/0"}}',
            b"[" * 100_000,
        ],
    )
    def test_so_is_a_line_that_is_no_simulation(self, record: bytes, tmp_path: Path) -> None:
        path = tmp_path / "sweep.jsonl"
        path.write_bytes(record + b"\n")
        with pytest.raises(RuleViolation, match="a file that --keep made, got line 1 of"):
            KeptSimulations(str(path))

    def test_another_file_is_refused(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        other = tmp_path / "notes.txt"
        other.write_text("not ours\n")
        assert main((*self.LONG, "--keep", str(other))) == 2
        assert "--keep: need a file that --keep made, got line 1" in capsys.readouterr().err
        assert other.read_text() == "not ours\n"
        other.write_text("a line of somebody else's, without an end")
        assert main((*self.LONG, "--keep", str(other))) == 2
        assert "--keep: need a file that --keep made, got line 1" in capsys.readouterr().err
        assert other.read_text() == "a line of somebody else's, without an end"
        assert main((*self.LONG, "--keep", str(tmp_path))) == 2
        assert "--keep: need a file that can be read" in capsys.readouterr().err
        assert main((*self.LONG, "--keep", str(tmp_path / "no" / "where"))) == 2
        assert "--keep: need a file that can be written" in capsys.readouterr().err
