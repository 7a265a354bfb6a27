"""What is said of files that are no history of rentals and outages, word for word."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from numgenius_core.errors import NumgeniusError
from numgenius_core.sla import read_history

HEAD = "kind,start,end,announced,machine"
GOOD = "rental,2026-07-01T00:00Z,2026-07-02T00:00Z,,7"


def refused(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    with pytest.raises(NumgeniusError) as caught:
        read_history(path)
    return str(caught.value).replace(str(path), "FILE")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "FILE: need JSON, or CSV with the heading kind,start,end,announced, got ''"),
        (
            "start,end\n1,2",
            (
                "FILE: need JSON, or CSV with the heading kind,start,end,announced, got "
                "'start,end\\n1,2'"
            ),
        ),
        (
            "kind,start,finish\n" + "x" * 60,
            (
                "FILE: need JSON, or CSV with the heading kind,start,end,announced, got "
                "'kind,start,finish\\nxxxxxxxxxxxxxxxxxxxxxx'"
            ),
        ),
        (
            f"{HEAD}\n{GOOD}\nnap,1,2,,",
            "FILE, line 3, kind: need rental or outage, got 'nap'",
        ),
        (f"{HEAD}\n,1,2,,", "FILE, line 2, kind: need rental or outage, got ''"),
        ("type,start,end\nx,1,2", "FILE, line 2, type: need rental or outage, got 'x'"),
        (
            f"{HEAD}\n{GOOD}\noutage,1,,,",
            "FILE, line 3, end: need an ISO 8601 date or time with an offset, got ''",
        ),
        (
            f"{HEAD}\n{GOOD}\noutage,1,2,soon,",
            "FILE, line 3, announced: need an ISO 8601 date or time with an offset, got 'soon'",
        ),
        (
            f"{HEAD}\n{GOOD}\nrental,2,1,,",
            (
                "FILE, line 3, end: need an instant after 1970-01-01 00:00:02+00:00, got "
                "1970-01-01 00:00:01+00:00"
            ),
        ),
        (
            f"{HEAD}\n{GOOD}\noutage,5,9,6,",
            (
                "FILE, line 3, announced: need at most 1970-01-01 00:00:05+00:00, as the outage "
                "began (nothing if nobody was told before), got 1970-01-01 00:00:06+00:00"
            ),
        ),
        (f"{HEAD}\nrental,1,2,,x", "FILE, line 2, machine: need one machine's id, got 'x'"),
        (
            f"{HEAD}\nrental,1,2,,\u0667",
            "FILE, line 2, machine: need one machine's id, got '\u0667'",
        ),
        (
            f"{HEAD}\n{GOOD}\nrental,1,2,,8",
            "FILE, line 3, machine: need the machine 7 of the lines before, got '8'",
        ),
        (f'{HEAD}\n"rental,1,2', "FILE, line 2: need CSV, got unexpected end of data"),
        ("[1]", "FILE: need an object with rentals and outages, got [1]"),
        (
            '{"rentals": [{"start": 5, "end": 6}], "x": 1}',
            "FILE: need the keys machine, rentals and outages, got 'x'",
        ),
        (
            '{"rentals": [], "outages": [{"start": 5, "end": 9, "announced": 99}]}',
            (
                "FILE.outages[0].announced: need at most 1970-01-01 00:00:05+00:00, as the outage "
                "began (nothing if nobody was told before), got 1970-01-01 00:01:39+00:00"
            ),
        ),
        ('{"rentals": [5]}', "FILE.rentals[0]: need an object with start and end, got 5"),
        ('{"outages": []}', "FILE.rentals: need a list, got None"),
    ],
)
def test_words(tmp_path: Path, text: str, said: str) -> None:
    assert refused(tmp_path / "history", text) == said


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(NumgeniusError, match="need a file that can be read, got No such file"):
        read_history(tmp_path / "none")
    with pytest.raises(NumgeniusError, match=r"need a file that can be read, got .*null"):
        read_history(Path("a\0b"))


def test_plural_kinds_and_seconds_with_a_fraction(tmp_path: Path) -> None:
    path = tmp_path / "history.csv"
    path.write_text(
        "kind,start,end,announced\nrentals,86400.9,172800,\noutages,90000,90060,80000.5\n"
    )
    found = read_history(path)
    assert (found.machine, found.rented_seconds, found.down_seconds) == (None, 86_400, 60)
    assert found.outages[0].notice == timedelta(seconds=10_000)
    path.write_text(f"{HEAD}\nrental,1,2,,7\nrental,5,6,,\noutage,1,2,,7\n")
    assert read_history(path).machine == 7


def test_files_that_are_no_text_or_too_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert refused(tmp_path / "a", '{"rentals": [').startswith("FILE")
    path = tmp_path / "b"
    path.write_bytes(b"\xff\xfe\xff")
    with pytest.raises(NumgeniusError) as caught:
        read_history(path)
    assert str(caught.value).startswith(str(path))
    text = '\n {"rentals": [{"start": 5, "end": 6}]}'
    path.write_text(text)
    assert read_history(path).rented_seconds == 1
    monkeypatch.setattr("numgenius_core._json.packings.MAX_BYTES", len(text))
    assert read_history(path).rented_seconds == 1
    monkeypatch.setattr("numgenius_core._json.packings.MAX_BYTES", len(text) - 1)
    assert refused(path, text).startswith("FILE: need a document of at most")
