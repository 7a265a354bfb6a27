"""The public names: what is promised is written down, and every value can be stored and copied."""

from __future__ import annotations

import copy
import importlib.util
import pickle
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

import numgenius_core
from effort import up_to
from house import FACES, load
from numgenius_core.documents import from_json, json_schema, to_json
from numgenius_core.errors import WrongType
from numgenius_core.testing import values

ROOT = Path(__file__).parent.parent.parent


def script() -> ModuleType:
    """Return ``scripts/write_api.py`` as a module."""
    spec = importlib.util.spec_from_file_location("write_api", ROOT / "scripts" / "write_api.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


WRITTEN = script().texts()


class TestThePublicNamesAreWrittenDown:
    """DESIGN: "CI compares the public API"; a change here is a change for the users."""

    @pytest.mark.parametrize("module", sorted(WRITTEN))
    def test_signatures_fields_and_constants_are_as_written(self, module: str) -> None:
        file = ROOT / "tests" / "api" / f"{module}.txt"
        assert file.exists(), "new: run python scripts/write_api.py"
        written = file.read_text("utf-8")
        assert WRITTEN[module] == written, "run python scripts/write_api.py if this is meant"

    def test_no_module_has_gone(self) -> None:
        files = {path.name.removesuffix(".txt") for path in (ROOT / "tests" / "api").glob("*.txt")}
        assert files == set(WRITTEN), "run python scripts/write_api.py if this is meant"

    def test_the_files_say_all_that_matters(self) -> None:
        bidding, ids = WRITTEN["bids"], WRITTEN["ids"]
        assert "Claim.bid: PerHour | None = …\n" in bidding
        assert "Rank.BID = 'bid'\n" in bidding
        assert "winning_bid(block: 'Block', running: 'Iterable[Claim]', floor" in bidding
        assert "Resolution.paused -> tuple[Verdict, ...]\n" in bidding
        assert "MachineId: NewType of int\n" in ids
        assert "Money.__add__(self, other: 'Money') -> 'Money'\n" in WRITTEN["money"]
        assert "MB_PER_GB = 1000\n" in WRITTEN["units"]


MACHINERY = {"Field", "Law", "Rule"}  # no values: they hold functions


def classes() -> list[type]:
    """Return every promised attrs class of the library."""
    return [
        cls
        for face in FACES
        for name in load(face).__all__
        if isinstance(cls := getattr(load(face), name), type)
        and attrs.has(cls)
        and name not in MACHINERY
    ]


CLASSES = classes()


def without_document() -> set[str]:
    """Return the classes that have no document, as the page on compatibility names them."""
    page = (ROOT / "docs" / "compatibility.md").read_text("utf-8")
    _, table = page.split("| no document | instead |\n|---|---|\n")
    rows = table.partition("\n\n")[0].splitlines()
    return {name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])}


NO_DOCUMENT = without_document()


class TestValuesTravel:
    """Promise (docs, Compatibility): pickles and copies of every value of every class are equal.

    So is what comes back from a document, of all classes but those that the page names.
    """

    @pytest.mark.parametrize("cls", CLASSES, ids=[f"{c.__module__}.{c.__name__}" for c in CLASSES])
    @settings(max_examples=up_to(5, 1), suppress_health_check=list(HealthCheck))
    @given(data=st.data())
    def test_pickles_and_copies_are_equal(self, cls: type, data: st.DataObject) -> None:
        value = data.draw(values(cls))
        for other in (pickle.loads(pickle.dumps(value)), copy.copy(value), copy.deepcopy(value)):
            assert type(other) is type(value)
            assert other == value

    @pytest.mark.parametrize("cls", CLASSES, ids=[f"{c.__module__}.{c.__name__}" for c in CLASSES])
    @settings(max_examples=up_to(5, 1), suppress_health_check=list(HealthCheck))
    @given(data=st.data())
    def test_documents_are_read_back_equal_or_refused_as_the_page_says(
        self, cls: type, data: st.DataObject
    ) -> None:
        value = data.draw(values(cls))
        if cls.__name__ in NO_DOCUMENT:
            with pytest.raises(WrongType, match="need what a document can hold"):
                to_json(value)
        else:
            assert from_json(to_json(value), type(value)) == value
            json_schema(cls)

    @pytest.mark.parametrize("name", sorted(NO_DOCUMENT))
    def test_what_has_no_document_is_promised_and_has_no_schema(self, name: str) -> None:
        homes = (getattr(load(face), name, None) for face in FACES if name in load(face).__all__)
        with pytest.raises(WrongType, match="need what a document can hold"):
            json_schema(next(each for each in homes if each is not None))

    @given(values(numgenius_core.Money | numgenius_core.PerHour | numgenius_core.PerGb))
    def test_money_and_rates_too(self, value: Any) -> None:
        assert pickle.loads(pickle.dumps(value)) == value
        assert copy.deepcopy(value) == copy.copy(value) == value
        assert hash(pickle.loads(pickle.dumps(value))) == hash(value)
