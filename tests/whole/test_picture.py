"""The picture of an instance's life in the docs is what the table gives."""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree as ET

import pytest

from numgenius_core.contracts import NEXT

ROOT = Path(__file__).parent.parent.parent
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """Return the script that draws it."""
    spec = spec_from_file_location("draw_life", ROOT / "scripts" / "draw_life.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class TestTheLifeOfAnInstance:
    """DESIGN: one table, "from which the docs draw the diagram"."""

    def test_the_committed_picture_is_the_one_the_table_gives(self, script: ModuleType) -> None:
        committed = ROOT / script.TARGET
        assert committed.read_text("utf-8") == script.drawing(), "run scripts/draw_life.py"

    def test_every_state_is_a_box_and_every_move_an_arrow(self, script: ModuleType) -> None:
        picture = ET.fromstring(script.drawing())
        texts = [text.text for text in picture.iter(f"{SVG}text")]
        states = {state.value for state in NEXT}
        assert states <= set(texts)
        living = [state for state in NEXT if script.alive(state)]
        assert len(living) == 5
        moves = sum(map(len, NEXT.values()))
        # The five living states share two arrows to their ends; one more marks the start.
        assert len(list(picture.iter(f"{SVG}polygon"))) == moves - 5 * 2 + 2 + 1
        events = [event.value for table in NEXT.values() for event in table]
        assert len(texts) == len(NEXT) + len(events) - 5 * 2 + 2

    def test_every_move_is_told_in_words(self, script: ModuleType) -> None:
        told = script.in_words().split("; ")
        assert len(told) == sum(map(len, NEXT.values()))
        assert "stopped, started: scheduling" in told
