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
from numgenius_core.errors import RuleViolation
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


def said(answer: dict[str, Any], name: str) -> str:
    """Return what an answer says under one heading."""
    [part] = [each for each in answer["sections"] if each["name"] == name]
    return " ".join(part["text"])


def as_filled(found: dict[str, Any]) -> dict[str, str]:
    """Return the form as the page fills it: what is null stands as the page opens."""
    return {name: FIELDS[name] if value is None else value for name, value in found.items()}


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
    assert len(stop) == 4
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
    assert prices["text"][0].startswith("Best of those tried is the ")  # of two, either is the edge
    assert prices["table"]["head"][1] == "profit $ in 2 d (±: 95 %)"
    for column, part in ((1, prices), (2, revenue)):
        drawn, told = part["chart"], [row[column] for row in prices["table"]["rows"]]
        assert [price for price, _ in drawn["points"]] == [0.12, 0.30]
        for (_, mean), low, high, text in zip(
            drawn["points"], drawn["low"], drawn["high"], told, strict=True
        ):
            assert low <= mean <= high
            assert text.startswith(f"{mean:.2f}")


def test_charts_draw_no_line_between_two_points() -> None:
    """As the pictures of the library: nobody computed what is there."""
    script = (PAGE.parent / "_static" / "tryit" / "page.mjs").read_text("utf-8")
    assert script.count("paths: () => null") == 1
    assert script.count("...noLine, points:") == script.count("points: { show:") == 2
    assert "bands" not in script


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
    quoted = re.findall(r"^> (.+)$", HOWTO.read_text("utf-8"), re.MULTILINE)
    page, host = answers.Page(), FIELDS | {"who": "host"}
    found = json.loads(page.begin(json.dumps(host)))
    while found["more"]:
        found = json.loads(page.step())
    ended, later = host | {"end": "2026-12-04T18:00"}, host | {"stop": "2026-12-04T16:00"}
    for typed in (FIELDS | {"who": "renter"}, host, ended, later):
        found["sections"] += json.loads(page.answer(json.dumps(typed)))["sections"]
    told = {text for part in found["sections"] for text in part["text"]}
    assert len(quoted) >= 6
    assert set(quoted) <= told


@pytest.mark.parametrize("module", [answers, fields])
def test_examples(module: Any) -> None:
    failed, tried = doctest.testmod(module)
    assert not failed
    assert tried


def test_machines_are_priced_as_clients_pay() -> None:
    row = ROW.replace(b"}", b', "gpu_occupancy": "x x x x "}')
    told = json.loads(answers.Page().drop("machines", "m.json", row, '{"fee": "25"}'))
    [(name, found)] = told["choices"]
    assert (name, found["price"], found["rented"]) == ("7: 4 × A100", "1.20", "0")


ROW: Final = b'[{"id": 7, "gpu_name": "A100", "num_gpus": 4, "listed_gpu_cost": 0.9}]'


def test_the_price_of_a_machine_goes_with_the_fee() -> None:
    page = answers.Page()
    page.drop("machines", "m.json", ROW, '{"fee": "25"}')
    form = FIELDS | {"who": "host", "price": "1.20"}
    assert "prices" not in json.loads(page.answer(json.dumps(form)))
    assert json.loads(page.answer(json.dumps(form | {"fee": "10"})))["prices"] == ["1.00"]
    assert "prices" not in json.loads(page.answer(json.dumps(form | {"fee": "10"})))
    for none in ("x", "100"):
        found = json.loads(page.answer(json.dumps(form | {"fee": none})))
        assert "prices" not in found
        assert found["errors"].keys() == {"fee"}
    assert json.loads(page.answer(json.dumps(form)))["prices"] == ["1.20"]


@pytest.mark.parametrize("fee", ["x", "-1", "100", "101"])
def test_a_fee_that_is_none_is_told_at_its_field(fee: str) -> None:
    told = json.loads(answers.Page().drop("machines", "m.json", ROW, json.dumps({"fee": fee})))
    assert told["errors"].keys() == {"fee", "machines"}
    assert told["errors"]["fee"].startswith("need a ")
    assert told["errors"]["fee"].endswith(f", got {fee}")
    assert told["errors"]["machines"] == "m.json is not read: see the field fee"


def test_a_simulation_says_which_fields_it_is_of() -> None:
    page = answers.Page()
    form = FIELDS | {"who": "host", "runs": "2", "tries": "2", "days": "1"}
    found = json.loads(page.begin(json.dumps(form)))
    while found["more"]:
        found = json.loads(page.step())
    assert found["form"] == {name: form[name] for name in found["form"]}
    assert {"fee", "low", "kwh", "machine_gpus", "end", "runs"} <= found["form"].keys()
    assert found["form"].keys().isdisjoint({"hours", "now", "rented", "stop", "vacancy"})


def test_a_client_is_there_to_the_second_in_which_it_leaves() -> None:
    row = b"""[{"id": 7, "gpu_name": "A100", "num_gpus": 4, "listed_gpu_cost": 0.9,
        "gpu_occupancy": "D x x x ", "client_end_date": 1796407230, "end_date": 1798999200}]"""
    one = read_machines(row).rows[0]
    found = as_filled(machine_fields(one, datetime(2026, 12, 1, 12, tzinfo=UTC)))
    assert (found["client_end"], found["end"]) == ("2026-12-04T18:00:30", "2027-01-03T18:00")
    [stop] = [each for each in ask(who="host", **found)["sections"] if each["name"] == "stop"]
    assert "nobody is 2026-12-04 18:00:30" in " ".join(stop["text"])
    assert "an end date that rolls" in stop["text"][-1]


@pytest.mark.parametrize(
    ("now", "saturday"),
    [("2026-12-01T12:00", "05"), ("2026-12-05T09:59", "05"), ("2026-12-05T10:00", "12")],
)
def test_machine_of_a_file_is_asked_about_now(now: str, saturday: str) -> None:
    row = b"""[{"id": 7, "gpu_name": "A100", "num_gpus": 4, "listed_gpu_cost": 0.9,
        "gpu_occupancy": "x x x x "}]"""
    one = read_machines(row).rows[0]
    found = as_filled(machine_fields(one, datetime.fromisoformat(now).replace(tzinfo=UTC)))
    assert (found["now"], found["stop"]) == (now, f"2026-12-{saturday}T10:00")
    assert ask(who="host", **found).keys() == {"sections"}


# -- the machine of a file ----------------------------------------------------------------------

NOON: Final = datetime(2026, 12, 1, 12, tzinfo=UTC)


def machine(**more: Any) -> dict[str, Any]:
    """Return the fields of a row of four GPUs at $0.90, two of them rented until 21 December."""
    row = {
        "id": 8,
        "gpu_name": "A100",
        "num_gpus": 4,
        "listed_gpu_cost": 0.9,
        "gpu_occupancy": "D D x x ",
        "client_end_date": datetime(2026, 12, 21, 12, tzinfo=UTC).timestamp(),
    }
    [one] = read_machines(json.dumps([row | more])).rows
    return machine_fields(one, NOON)


def test_nothing_stays_of_the_machine_before() -> None:
    ends = datetime(2027, 3, 1, 12, tzinfo=UTC).timestamp()
    seven = machine(end_date=ends, credit_discount_max=0.1, listed_min_gpu_count=2)
    assert (seven["end"], seven["discount"], seven["min_gpu"]) == ("2027-03-01T12:00", "10", "2")
    eight = machine(credit_discount_max=0.0)  # it never expires (G2), and opts out (G8)
    assert (eight["end"], eight["discount"], eight["min_gpu"]) == ("", "0", "1")
    unlisted = machine(listed_gpu_cost=None, client_end_date=None, gpu_occupancy="")
    kept = [name for name, value in unlisted.items() if value is None]
    assert kept == ["price", "min_gpu", "discount", "end"]  # as the page opens
    assert (unlisted["rented"], unlisted["client_end"]) == ("", "")
    assert seven.keys() == eight.keys() == unlisted.keys() <= FIELDS.keys()


def test_without_an_end_date_there_is_nothing_to_extend_to() -> None:
    found = ask(who="host", **as_filled(machine(end_date=None)))
    assert said(found, "extending").startswith("The machine has no end date: there is nothing")
    assert "free GPUs can be rented without an end" in said(found, "stop")


def test_an_end_that_rolls_is_no_date() -> None:
    found = machine(duration=86_400, end_date=datetime(2026, 12, 2, 12, tzinfo=UTC).timestamp())
    assert found["end"] == ""
    told = said(ask(who="host", **as_filled(found)), "stop")
    assert SURE_IF in told
    assert "an end date that rolls does so each day" in told


def test_where_a_file_only_says_that_somebody_rents_all_gpus_are_rented() -> None:
    assert machine(gpu_occupancy=None)["rented"] == "4"
    assert machine(gpu_occupancy="D I R x")["rented"] == "3"
    past = machine(gpu_occupancy=None, client_end_date=NOON.timestamp() - 1)
    assert past["rented"] == "0"


def test_whether_somebody_rents_is_asked_for_where_the_file_does_not_say_it() -> None:
    fields = machine(gpu_occupancy=None, client_end_date=None)
    found = ask(who="host", **as_filled(fields))
    assert (fields["rented"], found["errors"].keys()) == ("", {"rented"})


def test_who_leaves_at_a_time_that_the_file_does_not_say_is_asked_for() -> None:
    found = ask(who="host", **as_filled(machine(client_end_date=None)))
    assert found["errors"].keys() == {"client_end"}
    assert found["errors"]["client_end"].endswith(", got nothing")


# -- a question that cannot be answered ---------------------------------------------------------


def test_a_listing_that_ends_before_its_clients_is_answered() -> None:
    """DOMAIN 13: a shorter end leaves contracts untouched, and such records are real."""
    found = ask(who="host", end="2026-12-03T18:00")  # the last client leaves a day later
    assert found.keys() == {"sections"}
    assert said(found, "extending") == (
        "The listing ends before its last client leaves: there is nothing to extend to."
    )
    assert "sure to disturb nobody is 2026-12-04 18:00:00" in said(found, "stop")
    assert said(found, "slices") == "The machine is offered as 1 1 1 1 1 1 2 2 2 4 6."


@pytest.mark.parametrize(
    ("names", "unanswered"),
    [
        ("min_gpu", "slices"),
        ("discount", ""),  # which only the simulation asks for
        ("fee", "extending promise"),
        ("now end rented client_end", "stop extending"),
        ("stop stop_hours", "stop"),
        ("again vacancy let", "extending"),
        ("outages outage_hours target", "promise"),
    ],
)
def test_one_question_takes_no_other_with_it(names: str, unanswered: str) -> None:
    known = ask(who="host")["sections"]
    for name in names.split():
        found = ask(who="host", **{name: "x"})
        assert found["errors"].keys() == {name}
        assert len(found["sections"]) == len(known) == 4
        for part, before in zip(found["sections"], known, strict=True):
            if part["name"] in unanswered.split():
                assert part["text"] == ["Not answered: see the field."]
                assert part.keys() == {"name", "title", "text"}
            else:
                assert part == before


def test_two_fields_that_are_wrong_are_both_told() -> None:
    found = ask(who="host", min_gpu="3", target="0")
    assert found["errors"].keys() == {"min_gpu", "target"}


def test_a_bad_bid_leaves_the_bids_that_are_taken() -> None:
    found = ask(who="renter", mode="interruptible", bid="x")
    known = ask(who="renter", mode="interruptible")
    assert found["errors"].keys() == {"bid"}
    assert [part["text"] for part in found["sections"][:3]] == 3 * [
        ["Not answered: see the field."]
    ]
    assert found["sections"][3] == known["sections"][3]


# -- what makes a time sure ---------------------------------------------------------------------

SURE_IF: Final = "Until then take no new clients: unlist, or let the listing end at that time."


def test_a_time_is_sure_only_if_nobody_new_comes() -> None:
    """G11: "Unlisting prevents new contracts. With a current rental, set the end date"."""
    told = said(ask(who="host"), "stop")  # four GPUs are free, and listed until March
    assert told.startswith("Yes, if you take no new clients until then: nobody who rents now")
    assert "can be made sure to disturb nobody is 2026-12-04 18:00:00 …" in told
    assert f"{SURE_IF} As it is listed now, free GPUs can be rented until 2027-03-01 00:00" in told


@pytest.mark.parametrize("rented", ["2", "0"])
def test_of_an_empty_machine_too(rented: str) -> None:
    told = said(ask(who="host", rented=rented, end=""), "stop")
    assert told.startswith("Yes, if you take no new clients until then")
    assert f"{SURE_IF} As it is listed now, free GPUs can be rented without an end." in told


def test_a_listing_that_has_ended_by_then_makes_it_sure() -> None:
    told = said(ask(who="host", end="2026-12-04T18:00"), "stop")  # the client end date
    assert told.startswith("Yes: nobody is disturbed from 2026-12-05 10:00:00 …")
    assert "The first time that is sure to disturb nobody is 2026-12-04 18:00:00 …" in told
    assert "new clients" not in told
    between = said(ask(who="host", end="2026-12-05T10:00"), "stop")
    assert between.startswith("Yes: nobody is disturbed from 2026-12-05 10:00:00 …")
    assert SURE_IF in between
    later = said(ask(who="host", end="2026-12-05T10:01"), "stop")
    assert later.startswith("Yes, if you take no new clients")


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
    for hours in ("24", "25", "x"):  # what does not ask the form is answered whatever it says
        found = json.loads(page.answer(json.dumps(FIELDS | {"who": "renter", "hours": hours})))
        bids = found["sections"][3]
        assert [row[:2] for row in bids["table"]["rows"]] == [
            ["0.25", "25.00%"],
            ["0.75", "100.00%"],
            ["1.00", "100.00%"],
        ]


# -- sentences ----------------------------------------------------------------------------------

RENTER: Final = ("gpus", "hours", "disk", "upload", "download", "bid")
OPTIONAL: Final = frozenset({"gpus", "disk", "upload", "download", "bid", "end"})
PERCENT: Final = ("discount", "fee", "let", "target")
WRONG: Final = {
    "hours": ("0", "0.333", "100001"),
    "disk": ("0.0001",),
    "machine_gpus": ("0", "65"),
    "min_gpu": ("0", "3", "64"),
    "discount": ("100", "100.1"),
    "fee": ("100", "101"),
    "let": ("101",),
    "target": ("0", "100", "99.9991", "99.00000001"),
    "now": ("2200-01-01",),
    "client_end": ("2026-12-01T12:00", "2000-01-01"),
    "stop": ("2026-12-01T11:59", "2000-01-01"),
    "stop_hours": ("0", "721"),
    "rented": ("7",),
    "vacancy": ("366",),
    "outages": ("61",),
    "outage_hours": ("0", "0.333", "241"),
    "low": ("0",),
    "high": ("0", "0.12"),
    "tries": ("1", "21"),
    "days": ("0", "91"),
    "runs": ("1", "201"),
}
"""What each field refuses, beside what none takes."""


def refused(name: str, value: str) -> dict[str, str]:
    """Return all that the page says of a form with one wrong field, asked and simulated."""
    typed = {"who": "renter" if name in RENTER else "host", "mode": "interruptible", name: value}
    begun = json.loads(KNOWN.begin(json.dumps(FIELDS | typed)))
    asked = ask(**typed).get("errors", {})
    simulated = begun.get("errors", {}) if typed["who"] == "host" else {}
    found: dict[str, str] = simulated | asked
    return found


@pytest.mark.parametrize("name", sorted(FIELDS.keys() - {"gpu", "mode", "demand"}))
def test_the_sentence_stands_beside_the_field_that_is_wrong(name: str) -> None:
    none = ("x", "", "-1", "1e9", "9" * 9)[: up_to(5, 2)]
    for value in (*none, *WRONG.get(name, ())):
        if not value and name in OPTIONAL:
            continue
        [(field, sentence)] = refused(name, value).items()
        assert field == name
        assert sentence.startswith("need ")
        assert sentence.endswith(f", got {value or 'nothing'}")  # as it was typed
        assert "(or " not in sentence


@pytest.mark.parametrize("name", PERCENT)
def test_a_field_in_percent_is_answered_in_percent(name: str) -> None:
    values = [value for value in (*WRONG[name], "101", "x") if value != "99.00000001"]
    for value in values:
        assert re.search(
            r" 0 (and at most|to below|to) (99\.999|100)\b", refused(name, value)[name]
        )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("fee", "99.9"),
        ("discount", "99.9"),
        ("target", "99.999"),
        ("target", "0.0000001"),
        ("let", "100"),
        ("outage_hours", "0.0025"),
        ("outage_hours", "240"),
        ("hours", "0.01"),
        ("disk", "0.001"),
    ],
)
def test_who_obeys_a_sentence_is_answered(name: str, value: str) -> None:
    assert refused(name, value) == {}


def test_a_claim_just_below_all_is_not_shown_as_all() -> None:
    told = said(ask(who="host", outages="60", target="99.999"), "promise")
    assert told.startswith("These outages sustain no claim of 99.999 %: offer none.")


ODD_FILES: Final = [
    b'[{"id": 1, "gpu_name": "A", "num_gpus": 2, "machine_id": 3, "dph_total": 1.0}]',
    b'[{"id": 1, "gpu_name": "A", "num_gpus": 2, "listed_gpu_cost": 1.0, "gpu_occupancy": "x x"}]',
    b'[{"id": 1, "gpu_name": "A", "num_gpus": 2, "actual_status": "running"}]',
    b'[{"id": 1, "gpu_name": "A", "num_gpus":2, "listed_gpu_cost":1, "credit_discount_max": 1.0}]',
    b"time,price\n2026-01-01T00:00,0.5",
    b"a,b\n1,2",
    b"time,price\n2026-01-01T00:00Z,0.5\n2026-01-02T00:00Z",
    b'[{"type": "instance", "source": "instance-7", "amount": 0, "start": 0, "end": 0}]',
    b'[{"type": "payout", "source": "wise", "amount": 0, "start": 0, "end": null}]',
    b'[{"id": 1, "gpu_name": null, "num_gpus": 2, "listed_gpu_cost": 1.0}]',
    b"PAR1",
    b"ARROW1",
    b"Obj\x01",
    b"\x89HDF",
]


@pytest.mark.parametrize("kind", ["offers", "machines", "history"])
@pytest.mark.parametrize("content", ODD_FILES)
def test_a_file_is_refused_without_a_word_of_python(kind: str, content: bytes) -> None:
    told = json.loads(answers.Page().drop(kind, "mine.json", content, '{"fee": "25"}'))
    for sentence in told.get("errors", {}).values():
        assert not re.search(r"read_\w+|numgenius_core|pandas|\(or |\bsay which|\w\(", sentence)
        assert not re.search(r"\bgot None\b|\w\('|Fraction|column map", sentence)
        assert not sentence.startswith(("text:", "text,", "text."))
        assert "(save it as" in sentence or not content.startswith((b"PAR1", b"Obj", b"\x89HDF"))


@pytest.mark.parametrize(
    ("need", "got", "told"),
    [
        ("a price", "\"PerHour('1000000.00') + PerHour('5')\"", "need a price, got 1000000.00 + 5"),
        ("one above", "Fraction(1, 1)", "need one above, got 1"),
        ("one above", "Fraction(1, 4)", "need one above, got 0.25"),
        ("a text", "None", "need a text, got nothing"),
        ("offers", "rows (read_charges reads them)", "(this page does not ask for them)"),
    ],
)
def test_no_word_of_python_is_told(need: str, got: str, told: str) -> None:
    assert fields.sentence(RuleViolation("field", need, got)).endswith(told)


def test_a_file_on_the_wrong_box_is_told_its_own() -> None:
    offers, machines, *_ = ODD_FILES
    page = answers.Page()
    told = json.loads(page.drop("machines", "mine.json", offers))["errors"]["machines"]
    assert told.startswith("mine.json: need machines, got offers, as search offers --raw prints")
    assert told.endswith("(drop it on the box of a renter's market)")
    told = json.loads(page.drop("offers", "mine.json", machines))["errors"]["offers"]
    assert told.endswith("(drop it on the box of a host's machines)")


def test_prices_of_one_moment_are_no_record() -> None:
    told = json.loads(answers.Page().drop("history", "h.csv", ODD_FILES[4]))["errors"]["history"]
    assert told == "need a price that holds for some time, got prices of a single moment"
