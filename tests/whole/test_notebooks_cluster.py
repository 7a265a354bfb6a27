"""What the docs say of Spark: `pytest -m cluster`. The docs' own tests leave it out."""

from __future__ import annotations

import doctest
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
NOTEBOOK = ROOT / "examples" / "notebooks" / "a_whole_market.ipynb"
PAGE = ROOT / "docs" / "howto" / "scale-on-spark.md"
BLOCK = re.compile(r"^```(python|py)\n(.*?)^```", re.MULTILINE | re.DOTALL)
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


def test_the_page_on_spark_does_what_it_says() -> None:
    pytest.importorskip("pyspark")
    scope: dict[str, object] = {}
    for kind, block in BLOCK.findall(PAGE.read_text("utf-8")):
        examples = doctest.DocTestParser().get_examples(block)
        for source in [each.source for each in examples] if kind == "python" else [block]:
            exec(source, scope)  # a page is code that stands in the project
    answer, spark = scope["answer"], scope["spark"]
    spark.stop()  # type: ignore[attr-defined]
    assert tuple(answer) == (scope["count"], scope["nanos"])  # type: ignore[arg-type]
