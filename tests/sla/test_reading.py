"""Histories from files: JSON and CSV say the same, and a fault names its place."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from numgenius_core.errors import NumgeniusError, ParseError, RuleViolation, WrongType
from numgenius_core.sla import UptimeHistory, read_history

RECORD: dict[str, Any] = {
    "machine": 7,
    "rentals": [
        {"start": "2026-07-01T00:00:00Z", "end": "2026-07-11T00:00:00+00:00"},
        {"start": 1_783_900_800, "end": 1_783_987_200.5},
    ],
    "outages": [
        {"start": "2026-07-02T02:00:00+02:00", "end": "1782954000"},
        {"start": 1_783_000_000, "end": 1_783_003_600, "announced": "2026-06-30T00:00:00Z"},
        {"start": 1_783_100_000, "end": 1_783_103_600, "announced": None},
    ],
}
CSV = """kind,start,end,announced,machine
rental,2026-07-01T00:00:00Z,2026-07-11T00:00:00+00:00,,7
rental,1783900800,1783987200.5,,
outage,2026-07-02T02:00:00+02:00,1782954000,,7
outage,1783000000,1783003600,2026-06-30T00:00:00Z,
outage,1783100000,1783103600,,
"""


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "history"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_json_and_csv_say_the_same(tmp_path: Path) -> None:
    history = read_history(RECORD)
    assert isinstance(history, UptimeHistory)
    assert history.machine == 7
    told = [outage.notice.total_seconds() for outage in history.outages]
    assert told == [0, 1_783_000_000 - 1_782_777_600, 0]
    assert history.outages[0].period.start == datetime(2026, 7, 2, tzinfo=UTC)
    assert history.rentals[1].seconds == 86_400
    assert read_history(written(tmp_path, json.dumps(RECORD))) == history
    assert read_history(written(tmp_path, CSV)) == history
    for document in (json.dumps(RECORD), CSV):
        assert read_history(document) == read_history(document.encode()) == history
        with written(tmp_path, document).open("rb") as stream:
            assert read_history(stream) == history
        assert read_history(gzip.compress(document.encode("utf-16"))) == history
    short = "\ufeffkind,start,end\nrental,1783900800,1783987200\n"
    assert read_history(written(tmp_path, short)).outages == ()
    other = CSV.replace("kind,", "type,").replace("rental,", "rentals,")
    assert read_history(written(tmp_path, other)) == history
    assert read_history({"rentals": []}) == UptimeHistory(rentals=())


@pytest.mark.parametrize("time", ["2026-07-01 00:00", "2026-07-01T00:00:00"])
def test_times_without_an_offset_are_utc_only_when_asked(time: str) -> None:
    """As in other readers of files with times: ``naive="utc"``."""
    table = (
        f"kind,start,end,announced\nrental,{time},2026-07-11,\noutage,{time},2026-07-02,{time}\n"
    )
    record = {
        "rentals": [{"start": time, "end": "2026-07-11"}],
        "outages": [{"start": time, "end": "2026-07-02", "announced": time}],
    }
    sources = (table, json.dumps(record), record)
    for source in sources:
        with pytest.raises(ParseError, match=r"start: need .* \(naive='utc' takes those without"):
            read_history(source)
        with pytest.raises(RuleViolation, match=r"^naive: need 'refuse' or 'utc', got 'cet'"):
            read_history(source, naive="cet")  # type: ignore[arg-type]
        with_offsets = json.loads(json.dumps(record).replace(time, "2026-07-01T00:00:00Z"))
        assert read_history(source, naive="utc") == read_history(with_offsets)
    assert read_history(CSV, naive="utc") == read_history(CSV)  # what has an offset keeps it
    with pytest.raises(ParseError, match="need a whole second"):
        read_history(table.replace(time, "2026-07-01T00:00:00.5"), naive="utc")
    with pytest.raises(ParseError, match="an ISO 8601 date or time"):
        read_history(table.replace(time, "yesterday at noon"), naive="utc")


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"rentals": 5}, "history.rentals"),
        ({"rentals": [5]}, "history.rentals[0]"),
        ({"rentals": [{"start": 5}]}, "history.rentals[0].end"),
        ({"rentals": [{"start": 5, "end": 5}]}, "history.rentals[0].end"),
        ({"rentals": [{"start": "2026-07-01T00:00:00", "end": 5}]}, "history.rentals[0].start"),
        ({"rentals": [{"start": True, "end": 5}]}, "history.rentals[0].start"),
        ({"outages": [{"start": 5, "end": 9, "announced": "x"}]}, "history.outages[0].announced"),
        ({"outages": [{"start": 5, "end": 9}, {"start": 7, "end": 8}]}, "history.outages"),
        ({"machine": "7"}, "history.machine"),
        ({"outage": []}, "history"),
    ],
)
def test_a_fault_names_its_place(change: dict[str, Any], place: str) -> None:
    with pytest.raises(RuleViolation) as caught:
        read_history(RECORD | change)
    assert caught.value.path == place


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("[1]", WrongType),
        ("{", ParseError),
        ("", ParseError),
        ("a,b\n1,2\n", ParseError),
        ("kind,start,end\nother,1,2\n", RuleViolation),
        ("kind,start,end\nrental,1\n", RuleViolation),
        ("kind,start,end\nrental,2,1\n", RuleViolation),
        ('kind,start,end\nrental,"1,2\n', ParseError),
        ("kind,start,end,machine\nrental,1,2,7\nrental,3,4,8\n", RuleViolation),
        ("kind,start,end,machine\nrental,1,2,x\n", RuleViolation),
        (b"\xff\xfe", ParseError),
    ],
)
def test_files_that_are_none(tmp_path: Path, text: str | bytes, error: type) -> None:
    with pytest.raises(error) as caught:
        read_history(written(tmp_path, text))
    assert isinstance(caught.value, NumgeniusError)


class TestATableAsPeopleHaveIt:
    """Docs: "comma, semicolon, tab, bar; a line sep=;; quotes; any line ends; an unnamed index"."""

    HISTORY = read_history(CSV)

    @pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
    @pytest.mark.parametrize("blank", ["", " "])
    def test_any_separator_and_blanks_around_cells(self, separator: str, blank: str) -> None:
        text = CSV.replace(",", f"{blank}{separator}{blank}")
        assert read_history(text) == self.HISTORY
        assert read_history(text.replace("\n", "\r\n")) == self.HISTORY
        assert read_history(f"sep={separator}\r\n{text}") == self.HISTORY

    def test_words_for_nothing_an_index_and_a_last_separator(self) -> None:
        rows = [row.split(",") for row in CSV.splitlines()]
        text = "".join(
            f"{n or ''},{','.join(cell or 'NULL' for cell in row)},\n" for n, row in enumerate(rows)
        )
        assert read_history(text.replace(",7,\n", ",7.0,\n")) == self.HISTORY


class TestNothingIsDropped:
    """What a history does not have is refused: misspelt, it would count for nothing."""

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            (
                {"outages": [{"start": 5, "end": 9, "anounced": 1}]},
                "history.outages[0]: need the keys start, end and announced, got 'anounced'",
            ),
            (
                {"rentals": [{"start": 5, "end": 9, "machine": 7}]},
                "history.rentals[0]: need the keys start and end, got 'machine'",
            ),
            (
                {"rentals": [{"start": 5, "end": 9, "announced": 1}]},
                "history.rentals[0]: need the keys start and end, got 'announced'",
            ),
        ],
    )
    def test_keys(self, change: dict[str, Any], said: str) -> None:
        for source in (RECORD | change, json.dumps(RECORD | change)):
            with pytest.raises(RuleViolation) as caught:
                read_history(source)
            assert str(caught.value).replace("text.", "history.") == said

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            (
                "kind,start,end,anounced\noutage,5,9,1\n",
                "text: need the columns kind, start, end, announced and machine, got 'anounced'",
            ),
            (
                "kind,type,start,end\nrental,outage,5,9\n",
                "text: need the columns kind, start, end, announced and machine, got 'type'",
            ),
            (
                "kind,start,end,end\nrental,5,9,8\n",
                "text: need each column once, got 'end' again",
            ),
            ("kind,start,end\nrental,5,9,1\n", "text, line 2: need 3 columns, got 4"),
            ("sep=,\nkind,start,end\nrental,5\n", "text, line 3: need 3 columns, got 2"),
            (
                "kind,start,end,announced\nrental,5,9,1\n",
                "text, line 2: need the keys start and end, got 'announced'",
            ),
        ],
    )
    def test_columns_and_cells(self, text: str, said: str) -> None:
        with pytest.raises(RuleViolation) as caught:
            read_history(text)
        assert str(caught.value) == said


def test_what_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for source in (tmp_path / "missing", tmp_path, Path("a\0b")):
        with pytest.raises(ParseError, match="a file that can be read"):
            read_history(source)
    with pytest.raises(WrongType):
        read_history(5)  # type: ignore[arg-type]
    path = written(tmp_path, CSV)
    with pytest.raises(ParseError, match="of a file, give its Path"):
        read_history(str(path))  # never opened: it may be what a stranger sent
    monkeypatch.setattr("numgenius_core._json.packings.MAX_BYTES", 3)
    with pytest.raises(ParseError, match="at most 3 bytes"):
        read_history(written(tmp_path, "{ }  "))
