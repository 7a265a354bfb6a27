"""A text of foreign hands is read or refused in time that grows as it does.

Each of these took minutes when every part of it was looked at again for every other: whoever makes
one grow so finds this file hanging.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable
from pathlib import Path

import pytest

from numgenius_core._checks import MAX_DEPTH, MAX_DIGITS
from numgenius_core._json import MAX_BYTES, depth_of
from numgenius_core._json.packings import text_of
from numgenius_core._json.tables import table_of
from numgenius_core.errors import NumgeniusError, ParseError
from numgenius_core.search import parse
from numgenius_core.wire import read_charges, read_offers
from numgenius_core.wire._sources import MAX_RECORDS

MANY = 100_000


def test_quotes_of_a_string_that_is_not_closed() -> None:
    text = '["' + '\\"[' * MANY
    assert depth_of(text.encode()) == 1
    for read in (read_offers, read_charges):
        with pytest.raises(ParseError, match="JSON"):
            read(text)


@pytest.mark.parametrize(
    ("text", "depth"),
    [
        (b"[" * 70 + b'"\\"]"' + b"]" * 70, 70),  # a bracket in a string does not close one
        (b"[" * 70 + b'"]\\', 70),  # nor in one that ends with the text, within an escape
        (b'["a", "' + b"[" * 70 + b'", {}]', 2),
    ],
)
def test_brackets_of_strings_are_left_out(text: bytes, depth: int) -> None:
    assert depth_of(text) == depth


def test_values_of_a_bare_list() -> None:
    with pytest.raises(NumgeniusError, match="1 to 1,000 values, got 16000"):
        parse("geolocation in " + ",".join(["AA"] * 16_000))


def test_a_value_of_a_bare_list_is_named_where_it_stands() -> None:
    with pytest.raises(ParseError, match="character 18"):
        parse("num_gpus in 1,,2,x,4")


def test_columns_of_a_header_and_lines_before_it() -> None:
    wide = table_of(",".join(f"w{i}" for i in range(MANY)), "wide", ())
    assert len(wide.header) == MANY
    late = table_of("sep=;\n" * MANY + "\n  \na;b\n1;2\n", "late", ("a",))
    assert (late.separator, late.header, late.skipped) == (";", ("a", "b"), MANY + 2)
    with pytest.raises(ParseError, match="'b' again"):
        table_of("a,b,b\n", "twice", ())
    with pytest.raises(ParseError, match="a table with a header"):
        table_of("sep=;\n\n", "none", ())


def test_a_file_is_read_so_too(tmp_path: Path) -> None:
    file = tmp_path / "late.csv"
    file.write_text("\n" * MANY + "id;b\n1;2\n")
    with pytest.raises(NumgeniusError, match="late"):
        read_offers(file)


def test_a_file_is_named_by_its_whole_path(tmp_path: Path) -> None:
    file = tmp_path.joinpath(*(f"{part:a>60}" for part in range(9)), "it's\nlast.json")
    with pytest.raises(ParseError) as refused:
        read_offers(file)
    name = str(file).replace("\n", "\\n")
    assert str(refused.value).startswith(f"{name}: need a file that can be read, got ")


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
@pytest.mark.parametrize("padding", [b"", b"\x00" * 40_000])
def test_packed_streams_one_after_the_other(pack: Callable[[bytes], bytes], padding: bytes) -> None:
    text = "\n".join(f"{number},{number * 7919 % 10_007}" for number in range(20_000)).encode()
    streams = [pack(each) + padding for each in (text[:9], b"", text[9:70_000], text[70_000:])]
    assert text_of(b"".join(streams), "packed") == text.decode()
    with pytest.raises(ParseError, match="end"):
        text_of(b"".join(streams)[: -len(padding) - 5], "packed")


@pytest.mark.parametrize("padding", [b"", b"\x00"])
def test_packed_streams_of_nothing(padding: bytes) -> None:
    empty = gzip.compress(b"", mtime=0) + padding
    assert text_of(empty * MANY + gzip.compress(b"at last"), "packed") == "at last"


def test_the_limits_of_the_page_are_ours() -> None:
    page = Path(__file__).parents[2].joinpath("docs", "reference", "wire.md").read_text("utf-8")
    _, _, limits = page.partition("## Limits")
    rows = [row.strip("| ").rsplit(" | ", 1) for row in limits.splitlines() if " | " in row]
    assert [most for _, most in rows[1:]] == [
        f"{MAX_BYTES >> 20} MiB",
        f"{MAX_RECORDS:,}",
        f"{MAX_DEPTH}",
        f"{MAX_DIGITS}",
    ]
