"""Whatever stands in a document, a reader answers with a value or with an error of ours.

A document of every promised class is drawn, and of a market, a command and an event of every kind;
in each place in turn stands something else: what is at an edge of its own kind, and what is of
another kind.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, Final

import jsonschema
import pytest
from attrs import has
from hypothesis import HealthCheck, Phase, given, seed, settings

from house import FACES, load
from numgenius_core import Market
from numgenius_core.documents import from_json, json_schema, structure, to_json, unstructure
from numgenius_core.errors import InvalidDocument, NumgeniusError, WrongType
from numgenius_core.market.commands import Relist
from numgenius_core.market.journal import command_from_json, market_from_json, market_to_json
from numgenius_core.testing import values

CLASSES: Final = sorted(
    {
        kind
        for face in FACES
        for name in load(face).__all__
        if isinstance(kind := getattr(load(face), name), type) and has(kind)
    }
    - {getattr(load("testing"), name) for name in ("Law", "Rule")},  # functions are in them
    key=lambda kind: kind.__qualname__,
)
LONGEST: Final = timedelta.max // timedelta(seconds=1)
HOSTILE: Final[dict[str, list[Any]]] = {
    "duration": [f"PT{n}S" for n in (0, LONGEST, LONGEST + 1, 10**14 - 1, 10**14)] + ["PT-1S"],
    "instant": [
        *("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "0000-01-01T00:00:00Z"),
        *("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-02-30T00:00:00Z"),
    ],
    "number": [
        *("0", "-1", "1e5", "1/3", "-1/3", "1/0", "9" * 20, "9" * 21, "0." + "9" * 40),
        *("1/" + "9" * 200, "9" * 200 + "/1", "1 $/hour", "9" * 20 + " $/GB"),
    ],
    "text": ["", " ", "\0", "x" * 1_001, "on-demand"],
    "whole": [-(2**63) - 1, -(2**63), -1, 0, 2**63 - 1, 2**63, 10**299, 0.5, -0.0, 1e308],
    "other": [None, True, [], {}, [None], {"type": "Block"}],
}


def kind_of(value: object) -> str:
    """Return what stands in a place of a document."""
    if isinstance(value, str):
        forms = {"duration": r"PT\d+S", "instant": r"\d{4}-\d\d-.*", "number": r"-?\d.*"}
        return next((name for name, form in forms.items() if re.fullmatch(form, value)), "text")
    return "whole" if type(value) in (int, float) else "other"


def places(data: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield where each value of plain data stands, what holds it, and its key or index.

    Values of one list, and of one mapping from numbers, stand in the same place.
    """
    for key, value in list(data.items() if isinstance(data, dict) else enumerate(data)):
        where = f"{path}.{'' if isinstance(key, int) or key.isdecimal() else key}"
        yield where, data, key
        if isinstance(value, dict | list):
            yield from places(value, where)


def altered(document: Any) -> Iterator[Any]:
    """Yield a document with something else in each of its places in turn."""
    others = [each for kind in HOSTILE.values() for each in kind]
    seen = set()
    for number, (where, holder, key) in enumerate(places(document)):
        before = holder[key]
        kind = kind_of(before)
        if (where, kind) in seen:  # the same code reads it
            continue
        seen.add((where, kind))
        for holder[key] in (*HOSTILE[kind], others[number % len(others)]):
            yield document
        holder[key] = before


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__qualname__)
def test_no_reader_raises_an_error_of_somebody_else(cls: type) -> None:
    drawn: list[Any] = []

    @seed(7)
    @settings(max_examples=2, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(values(cls))
    def draw(value: Any) -> None:
        drawn.append(value)

    draw()
    read: Callable[[str], Any] = lambda text: from_json(text, type(drawn[-1]))  # noqa: E731
    try:
        text = market_to_json(drawn[-1]) if cls is Market else to_json(drawn[-1])
    except WrongType:
        return  # it has no document
    if cls is Market:
        read = market_from_json
    for document in altered(json.loads(text)):
        try:
            value = read(json.dumps(document))
        except NumgeniusError:
            continue
        assert str(value)
        assert repr(value)


class TestDurations:
    """A duration is at most as long as there are any, in the schema as in the reader."""

    @pytest.mark.parametrize("digits", ["0", "9" * 13, "0" * 14])
    @pytest.mark.parametrize("seconds", [0, LONGEST - 10**11, LONGEST, LONGEST + 1, 10**14 - 1])
    def test_the_schema_takes_what_the_reader_takes(self, digits: str, seconds: int) -> None:
        for text in (f"PT{seconds}S", f"PT{digits}S", f"PT{digits}1S"):
            document = json.loads(to_json(Relist(by="hanna", machine=1))) | {"rolling": text}
            valid = jsonschema.Draft202012Validator(json_schema(Relist)).is_valid(document)
            faults = []
            try:
                command_from_json(json.dumps(document))
            except InvalidDocument as error:
                faults = [fault.path for fault in error.faults]
            assert faults == ([] if valid else ["command.rolling"])

    def test_the_longest_goes_both_ways(self) -> None:
        longest = timedelta(seconds=LONGEST)
        assert structure(timedelta, unstructure(longest, timedelta)) == longest
