"""Let mypy read the code of README.md, of docs/ and of the notebooks as a reader would run it.

``python scripts/check_pages.py``, from the root. Each page becomes a module of its own, line for
line, so that what mypy says of line 40 is said of line 40 of the page; a notebook counts the lines
of its code cells. What a page shows to be refused is left out.
"""

from __future__ import annotations

import doctest
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

ROOT = Path(__file__).parent.parent
_REFUSED = "Traceback (most recent call last):"


def code_of_page(text: str) -> str:
    """Return the Python of a page in Markdown, each line where it stands in the page."""
    lines = text.splitlines()
    code = [""] * len(lines)
    for start, block in _blocks(lines):
        for at, line in _statements("\n".join(block)):
            code[start + at] = line
    return "\n".join(code) + "\n"


def code_of_notebook(text: str) -> str:
    """Return the code of the cells of a notebook, one after the other, without magic."""
    cells = json.loads(text)["cells"]
    code = [line for each in cells if each["cell_type"] == "code" for line in [*each["source"], ""]]
    return "\n".join("" if line.startswith("%") else line.rstrip("\n") for line in code)


def _blocks(lines: list[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield each Python block of a page, with the number of lines before it."""
    for number, line in enumerate(lines, start=1):
        if line.strip() == "```python":
            yield number, list(takewhile(lambda each: each.strip() != "```", lines[number:]))


def _statements(block: str) -> Iterator[tuple[int, str]]:
    """Yield the lines of code of a block, each with the number of lines before it."""
    if ">>>" not in block:
        yield from enumerate(block.splitlines())
        return
    for example in doctest.DocTestParser().get_examples(block):
        if not example.want.startswith(_REFUSED):
            yield from enumerate(example.source.splitlines(), start=example.lineno)


def modules() -> dict[str, str]:
    """Return the code of each page that has some, by the name of the page."""
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    found = {f"{page.relative_to(ROOT)}": code_of_page(page.read_text("utf-8")) for page in pages}
    for path in sorted((ROOT / "examples" / "notebooks").glob("*.ipynb")):
        found[f"{path.relative_to(ROOT)}"] = code_of_notebook(path.read_text("utf-8"))
    return {name: code for name, code in found.items() if code.strip()}


def check(code: dict[str, str]) -> str:
    """Return what mypy says of the code of each page, nothing where it finds no fault."""
    with tempfile.TemporaryDirectory() as folder:
        names = {}
        for name, text in code.items():
            module = name.replace("/", "_").replace("-", "_").replace(".", "_") + ".py"
            Path(folder, module).write_text(text, "utf-8")
            names[module] = name
        options = ["--check-untyped-defs", "--ignore-missing-imports", "--no-error-summary"]
        mypy = [sys.executable, "-m", "mypy", "--config-file=", *options, *names]
        said = subprocess.run(mypy, cwd=folder, check=False, capture_output=True, text=True)
    report = said.stdout + said.stderr
    for module, name in names.items():
        report = report.replace(module, name)
    return report


def main() -> int:
    """Check all pages; print what mypy finds."""
    code = modules()
    report = check(code)
    print(report, end="")
    print(f"{len(code)} pages, {report.count(': error:')} errors")
    return bool(report)


if __name__ == "__main__":
    sys.exit(main())
