"""The pages as Sphinx has built them: each reaches its reader under its own title.

``NUMGENIUS_DOCS`` says where they are; ``.ci/run`` builds them and asks.
"""

from __future__ import annotations

import html
import json
import os
import re
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parent.parent.parent
DOCS: Final = ROOT / "docs"
BUILT: Final = Path(os.environ.get("NUMGENIUS_DOCS", DOCS / "_build"))
NOTEBOOKS: Final = sorted((ROOT / "examples" / "notebooks").glob("*.ipynb"))
PAGES: Final = [
    path.relative_to(DOCS)
    for path in sorted(DOCS.rglob("*.md"))
    if not {"_build", "notebooks"} & set(path.relative_to(DOCS).parts)
] + [Path("notebooks", path.name) for path in NOTEBOOKS]
MADE_BY_SPHINX: Final = {"genindex", "modindex", "py-modindex", "search", "searchindex"}

built = pytest.mark.skipif(
    "NUMGENIUS_DOCS" not in os.environ, reason="NUMGENIUS_DOCS says where the built pages are"
)


def source_of(page: Path) -> str:
    """Return a page in Markdown; a notebook's texts without its code."""
    if page.suffix == ".md":
        return (DOCS / page).read_text("utf-8")
    cells = json.loads((ROOT / "examples" / page).read_text("utf-8"))["cells"]
    return "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")


def title_of(page: Path) -> str:
    """Return the title as a reader sees it."""
    marked = re.search(r"^# (.+)$", source_of(page), re.MULTILINE)
    if marked is None:  # changelog.md takes the whole of CHANGELOG.md
        marked = re.search(r"^# (.+)$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert marked
    return re.sub(r"[`*]|\{\w+\}", "", marked[1])


def shown_in(page: Path) -> str:
    """Return the first heading of a built page, as text."""
    text = (BUILT / page.with_suffix(".html")).read_text("utf-8")
    heading = re.search(r"<h1>(.*?)<a class=\"headerlink\"", text, re.DOTALL)
    assert heading, f"{page} has no title"
    return html.unescape(re.sub(r"<[^>]+>", "", heading[1])).replace("’", "'")


class TestEveryPageReachesItsReader:
    """A source whose name is that of a page that Sphinx makes is overwritten without a word."""

    @built
    @pytest.mark.parametrize("page", PAGES, ids=str)
    def test_it_has_its_own_title(self, page: Path) -> None:
        assert shown_in(page) == title_of(page)

    @built
    @pytest.mark.parametrize("page", PAGES, ids=str)
    def test_the_front_page_leads_to_it(self, page: Path) -> None:
        front = (BUILT / "index.html").read_text("utf-8")
        address = "#" if page == Path("index.md") else page.with_suffix(".html").as_posix()
        listed = address in re.findall(
            r'<a class="[^"]*reference internal[^"]*" href="([^"#]+|#)"', front
        )
        assert listed or page.parent == Path("reference")

    def test_no_source_has_the_name_of_a_page_of_sphinx(self) -> None:
        assert not {str(page.with_suffix("")) for page in PAGES} & MADE_BY_SPHINX

    def test_every_source_is_here(self) -> None:
        assert len(PAGES) > 50
        assert len({title_of(page) for page in PAGES}) == len(PAGES)
