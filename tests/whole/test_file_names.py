"""A file's name given as text is no document: every reader says so, and what to give."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest

from house import FACES, load
from numgenius_core import ParseError
from numgenius_core.documents import from_json
from numgenius_core.wire import read_table

READERS: Final[dict[str, Callable[[str], Any]]] = {
    name: getattr(load(face), name)
    for face in FACES
    for name in load(face).__all__
    if (name.startswith("read_") and name != "read_sample") or name.endswith("from_json")
}


def test_all_of_them_are_here() -> None:
    assert len(READERS) >= 15
    assert {"read_offers", "read_machines", "read_price_series", "read_history"} <= READERS.keys()


@pytest.mark.parametrize("name", sorted(READERS))
@pytest.mark.parametrize("file", ["x.json", "market.csv.gz", "C:\\mine\\x", "/tmp/x", "a/b.c\n"])
def test_the_name_of_a_file_is_told_from_its_text(name: str, file: str) -> None:
    with pytest.raises(ParseError, match=r"got '.*' \(of a file, give (its Path|what)"):
        READERS[name](file)


@pytest.mark.parametrize("text", ['{"at": "a/b.c', '["x.json"', "not json", "a/b\nc.d\n"])
def test_what_is_no_name_is_not_taken_for_one(text: str) -> None:
    with pytest.raises(ParseError) as caught:
        from_json(text)
    assert "of a file" not in str(caught.value)


def test_a_table_of_one_column_may_have_a_name_like_a_file_s() -> None:
    assert read_table("x.price\n1\n") == ({"x.price": "1"},)
    assert read_table("x.price", columns={"price": "x.price"}) == ()
    assert read_table(b"a.b", header=["name"]) == ({"name": "a.b"},)
