"""The code of README.md, of the docs and of the notebooks passes mypy as a reader runs it.

Each page is one module: its blocks in order, in a function so that a name may be used again for
something else (``allow_redefinition``), as a reader does who copies block after block.
"""

from __future__ import annotations

import ast
import json
import re
from doctest import DocTestParser
from pathlib import Path
from textwrap import dedent

import pytest

import numgenius_core

ROOT = Path(__file__).parent.parent.parent
BLOCK = re.compile(r"^( *)```python\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
SETTINGS = """[mypy]
allow_redefinition_new = true
local_partial_types = true
[mypy-polars.*,pandas.*,duckdb.*,pyarrow.*,matplotlib.*,narwhals.*,httpx.*,dask.*,vastai.*,pyspark.*]
ignore_missing_imports = true
follow_imports = skip
"""


def code_of(page: Path) -> str:
    """Return all Python of a page, what examples print left out."""
    if page.suffix == ".ipynb":
        cells = json.loads(page.read_text("utf-8"))["cells"]
        blocks = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
        return "\n".join(re.sub(r"^[%!].*$", "", block, flags=re.MULTILINE) for block in blocks)
    found = []
    for _, block in BLOCK.findall(page.read_text("utf-8")):
        text = dedent(block)
        if ">>> " in text:
            text = "".join(
                example.source
                for example in DocTestParser().get_examples(text)
                if example.exc_msg is None  # what is shown to be refused, checkers may refuse, too
            )
        found.append(text)
    return "\n".join(found)


PAGES = {
    re.sub(r"\W", "_", str(page.relative_to(ROOT).with_suffix(""))): code
    for page in [
        ROOT / "README.md",
        *sorted((ROOT / "docs").rglob("*.md")),
        *sorted((ROOT / "examples" / "notebooks").glob("*.ipynb")),
    ]
    if (code := code_of(page))
}


class TestWhatIsPrintedPassesMypy:
    """A reader copies a page into a file of his own, and his type checker looks at it."""

    def test_no_page_has_an_error(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        api = pytest.importorskip("mypy.api")
        (tmp_path / "mypy.ini").write_text(SETTINGS)
        for name, code in PAGES.items():
            ast.parse(code, name)
            (tmp_path / f"{name}.py").write_text(code, "utf-8")
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("MYPYPATH", str(Path(numgenius_core.__file__).parent.parent))
        options = ["--config-file=mypy.ini", "--no-error-summary"]
        report, faults, _ = api.run([*options, *(f"{name}.py" for name in PAGES)])
        assert not faults
        own = [line for line in report.splitlines() if line.partition(".py:")[0] in PAGES]
        assert not own, "\n".join(own)

    def test_there_are_pages_and_notebooks(self) -> None:
        assert {"README", "docs_tutorial", "examples_notebooks_a_whole_market"} <= PAGES.keys()
        assert len(PAGES) >= 30
