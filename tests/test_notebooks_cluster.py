"""The analyst's notebook, Spark included: `pytest -m cluster`. The docs run it without."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

NOTEBOOK = Path(__file__).parent.parent / "examples" / "notebooks" / "a_whole_market.ipynb"
pytestmark = [
    pytest.mark.cluster,
    pytest.mark.filterwarnings("ignore"),  # the engines' own
]


def test_spark_and_duckdb_say_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("pyspark")
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    scope: dict[str, object] = {}
    for cell in cells:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), scope)  # a notebook is code that stands in the project
    assert "both say" in capsys.readouterr().out
