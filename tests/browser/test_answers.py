"""What the page "Try it" computes, on CPython: the same figures as the command, and bad input."""

from __future__ import annotations

import doctest
import json
import re
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final

import pytest

import answers
import fields
import renting
from effort import up_to
from hosting import machine_fields
from numgenius_core._command import main
from numgenius_core.wire import read_machines

PAGE: Final = Path(__file__).parents[2] / "docs" / "try-it.md"
HOWTO: Final = PAGE.with_name("howto") / "three-questions.md"
TEXT: Final = PAGE.read_text("utf-8")
KNOWN: Final = answers.Page()
BAD: Final = ["", "-1", "1e400", "NaN", "٣", "<script>", "9" * 500, "\ud800", "0"]
FILES: Final = [b"", b"[{", b'{"a": 1}', b"\xff\xfe\x00", b"[]", b"[" * 99_999]
FIELDS: Final = dict(
    re.findall(
        r'<input name="(\w+)" type="(?:text|datetime-local)" value="([^"]*)"', PAGE.read_text()
    )
) | {"mode": "on-demand", "demand": "experiments"}


def ask(**typed: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(KNOWN.answer(json.dumps(FIELDS | typed)))
    return found


def test_renter_gets_what_the_command_prints(capsys: pytest.CaptureFixture[str]) -> None:
    words = "quote --sample --gpu 4090 --gpus 2 --hours 72 --disk 200 --download 500 --any --json"
    assert main(words.split()) == 0
    command = json.loads(capsys.readouterr().out)
    page = ask(who="renter", gpu="4090", gpus="2", hours="72", disk="200", download="500", any="1")
    rows = page["sections"][0]["table"]["rows"]
    assert len(rows) == command["fitting"] > 1
    for row, offer in zip(rows, command["offers"], strict=True):
        assert row[0] == str(offer["id"])
        assert row[2] == f"{float(offer['total']):.2f}"


@pytest.mark.parametrize("mode", ["on-demand", "reserved", "interruptible"])
def test_lines_add_up(mode: str) -> None:
    part = ask(who="renter", gpu="", gpus="", hours="100", mode=mode)["sections"][0]
    for row, lines in zip(part["table"]["rows"], part["table"]["more"], strict=True):
        spent = lines.partition(", paid in advance")[0]
        total = sum(float(each) for each in re.findall(r"\$(-?[0-9.]+)", spent))
        assert total == pytest.approx(float(row[2]), abs=0.011)


def test_host_stops_before_the_client_has_left() -> None:
    stop = ask(who="host", stop="2026-12-04T16:00")["sections"][1]["text"]
    assert stop[0].startswith("No: ")
    assert "4.0 GPU-hours" in stop[0]  # two GPUs until 18:00
    assert "$0.80" in stop[0]


def test_simulation_runs_to_its_end() -> None:
    page, typed = answers.Page(), FIELDS | {"who": "host", "runs": "2", "tries": "2", "days": "2"}
    found, shares = json.loads(page.begin(json.dumps(typed))), []
    while found["more"]:
        found = json.loads(page.step())
        shares.append(found["share"])
    assert shares == [0.25, 0.5, 0.75, 1]  # a price at a time, so that a stop is soon heard
    assert (found["done"], found["of"]) == (2, 2)
    prices, revenue = found["sections"]
    assert len(prices["table"]["rows"]) == 2
    for column, part in ((1, prices), (2, revenue)):
        drawn, told = part["chart"], [row[column] for row in prices["table"]["rows"]]
        assert [price for price, _ in drawn["points"]] == [0.12, 0.30]
        for (_, mean), low, high, text in zip(
            drawn["points"], drawn["low"], drawn["high"], told, strict=True
        ):
            assert low <= mean <= high
            assert text.startswith(f"{mean:.2f}")


@pytest.mark.parametrize("who", ["renter", "host"])
@pytest.mark.parametrize(
    "bad", ["", "-1", "1e400", "NaN", "٣", "<script>", "9" * 500, "\ud800", "0"]
)
def test_no_field_breaks_the_page(who: str, bad: str) -> None:
    part = up_to(1, 4)  # of the fields, others with each bad value
    for name in islice(FIELDS, len(bad) % part, None, part):
        found = ask(**({"who": who} | {name: bad}))
        assert found.keys() <= {"sections", "errors"}
        told = json.loads(KNOWN.begin(json.dumps(FIELDS | {"runs": "2", name: bad})))
        assert told.keys() <= {"done", "of", "share", "more", "errors"}


@pytest.mark.parametrize("kind", ["offers", "machines", "history"])
@pytest.mark.parametrize(
    "content", [b"", b"[{", b'{"a": 1}', b"\xff\xfe\x00", b"[]", b"[" * 99_999]
)
def test_bad_file_changes_nothing(kind: str, content: bytes) -> None:
    page = answers.Page()
    before = page.answer(json.dumps(FIELDS | {"who": "renter"}))
    assert json.loads(page.drop(kind, "bad.json", content))["errors"][kind]
    assert page.answer(json.dumps(FIELDS | {"who": "renter"})) == before


def test_howto_says_what_the_page_answers() -> None:
    said = re.findall(r"^> (.+)$", HOWTO.read_text("utf-8"), re.MULTILINE)
    page, host = answers.Page(), FIELDS | {"who": "host"}
    found = json.loads(page.begin(json.dumps(host)))
    while found["more"]:
        found = json.loads(page.step())
    later = host | {"stop": "2026-12-04T16:00"}
    for typed in (FIELDS | {"who": "renter"}, host, later):
        found["sections"] += json.loads(page.answer(json.dumps(typed)))["sections"]
    told = {text for part in found["sections"] for text in part["text"]}
    assert len(said) >= 5
    assert set(said) <= told


@pytest.mark.parametrize("module", [answers, fields])
def test_examples(module: Any) -> None:
    failed, tried = doctest.testmod(module)
    assert not failed
    assert tried


def test_machines_are_priced_as_clients_pay() -> None:
    row = b'[{"id": 7, "gpu_name": "A100", "num_gpus": 4, "listed_gpu_cost": 0.9}]'
    told = json.loads(answers.Page().drop("machines", "m.json", row, '{"fee": "25"}'))
    [(name, found)] = told["choices"]
    assert (name, found["price"], found["rented"]) == ("7: 4 × A100", "1.20", "0")


def test_a_client_is_there_to_the_second_in_which_it_leaves() -> None:
    row = b"""[{"id": 7, "gpu_name": "A100", "num_gpus": 4, "listed_gpu_cost": 0.9,
        "gpu_occupancy": "D x x x ", "client_end_date": 1796407230, "end_date": 1798999200}]"""
    one = read_machines(row).machines[0]
    found = machine_fields(one, datetime(2026, 12, 1, 12, tzinfo=UTC))
    assert (found["client_end"], found["end"]) == ("2026-12-04T18:00:30", "2027-01-03T18:00")
    [stop] = [each for each in ask(who="host", **found)["sections"] if each["name"] == "stop"]
    assert "nobody is 2026-12-04 18:00:30" in " ".join(stop["text"])
    assert "an end date that rolls" in stop["text"][-1]


@pytest.mark.parametrize(
    ("now", "saturday"),
    [("2026-12-01T12:00", "05"), ("2026-12-05T09:59", "05"), ("2026-12-05T10:00", "12")],
)
def test_machine_of_a_file_is_asked_about_now(now: str, saturday: str) -> None:
    row = b'[{"id": 7, "gpu_name": "A100", "num_gpus": 4, "listed_gpu_cost": 0.9}]'
    one = read_machines(row).machines[0]
    found = machine_fields(one, datetime.fromisoformat(now).replace(tzinfo=UTC))
    assert (found["now"], found["stop"]) == (now, f"2026-12-{saturday}T10:00")
    assert ask(who="host", **found).keys() == {"sections"}


# -- a record of a price ------------------------------------------------------------------------

RECORD: Final = b"time,price\n2026-01-01T00:00Z,0.25\n2026-01-01T06:00Z,0.75\n2026-01-02T00:00Z,1"


def test_a_record_is_compared_once(monkeypatch: pytest.MonkeyPatch) -> None:
    page = answers.Page()
    assert json.loads(page.drop("history", "h.csv", RECORD)) == {
        "text": "h.csv: a record of prices",
        "choices": [],
    }
    monkeypatch.delattr(renting, "read_price_series")
    monkeypatch.delattr(renting, "compare_bids")
    for hours in ("24", "25"):
        found = json.loads(page.answer(json.dumps(FIELDS | {"who": "renter", "hours": hours})))
        bids = found["sections"][3]
        assert [row[:2] for row in bids["table"]["rows"]] == [
            ["0.25", "25.00%"],
            ["0.75", "100.00%"],
            ["1.00", "100.00%"],
        ]


def test_prices_of_one_moment_are_no_record() -> None:
    told = json.loads(answers.Page().drop("history", "h.csv", b"time,price\n2026-01-01,0.5"))[
        "errors"
    ]["history"]
    assert told == "need a price that holds for some time, got prices of a single moment"
