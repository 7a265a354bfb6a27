"""The documentation keeps what it promises: every name, one form for rules, links that hold."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from collections import Counter
from collections.abc import Iterator
from enum import Enum
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Final

import pytest

import numgenius_core
from numgenius_core import listing
from numgenius_core.bids import priority as bidding
from numgenius_core.contracts import life
from numgenius_core.maintenance import schedule as maintenance
from numgenius_core.market import commands
from numgenius_core.testing import RULES

ROOT: Final = Path(__file__).parent.parent.parent
DOCS: Final = ROOT / "docs"
PAGES: Final = sorted(
    path
    for path in (*DOCS.rglob("*.md"), *ROOT.glob("*.md"))
    if not {"_build", "notebooks"} & set(path.parts)
)
RULE_PAGES: Final = [path for path in PAGES if path.parent.name == "rules" and path.stem != "index"]
MODULES: Final = {
    info.name.partition(".")[2]: importlib.import_module(info.name)
    for info in pkgutil.walk_packages(numgenius_core.__path__, "numgenius_core.")
    if not info.name.endswith("__main__") and hasattr(importlib.import_module(info.name), "__all__")
}
AUTOMODULE: Final = re.compile(r"automodule:: numgenius_core\.([\w.]+)\n((?:   .*\n)*)")


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def prose(path: Path) -> str:
    """Return a page without its blocks of code."""
    return re.sub(r"^(```+).*?^\1", "", path.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)


def documented(source: Path) -> set[str]:
    """Return the names that a module gives a docstring, constants included."""
    body = ast.parse(source.read_text("utf-8")).body
    said = {
        node.name
        for node in body
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node)
    }
    for node, after in pairwise(body):
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(after, ast.Expr):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            said |= {target.id for target in targets if isinstance(target, ast.Name)}
    return said


DOCUMENTED: Final = {name: documented(Path(m.__file__ or "")) for name, m in MODULES.items()}


class TestEveryPublicNameIsInTheReference:
    """Issue: "every public name is there"."""

    reference = (DOCS / "reference.md").read_text("utf-8")

    def test_every_module_is_there_once(self) -> None:
        found = Counter(name for name, _ in AUTOMODULE.findall(self.reference))
        assert found == Counter(list(MODULES))

    @pytest.mark.parametrize("name", MODULES)
    def test_every_name_is_shown(self, name: str) -> None:
        """Sphinx shows what has a docstring and is not left out; once is enough."""
        for each in MODULES[name].__all__:
            value = getattr(MODULES[name], each)
            homes = [n for n, m in MODULES.items() if getattr(m, each, None) is value]
            shown = any(self.shows(home, each) for home in homes)
            assert shown or isinstance(value, ModuleType), f"{name}.{each}"

    def shows(self, module: str, name: str) -> bool:
        """Return whether the reference shows a name where it is defined."""
        options = dict(AUTOMODULE.findall(self.reference))[module]
        left_out = ":no-members:" in options or re.search(rf"\b{name}\b", options)
        return not left_out and name in DOCUMENTED[module]

    def test_the_package_itself_is_there(self) -> None:
        top = self.reference.partition("\n## ")[0]
        assert set(
            re.findall(r"(?:exc|class|data|func)}`~numgenius_core\.[\w.]+\.(\w+)`", top)
        ) == set(numgenius_core.__all__)


FORM: Final = (
    "Worked example",
    "The reason, as data",
    "Edge cases",
    "Our readings",
    "Left out",
    "Evidence",
    "Laws",
)


class TestRulesHaveOneForm:
    """Issue: "rules (one page each, all in the same form)"."""

    @pytest.mark.parametrize("page", RULE_PAGES, ids=lambda path: path.stem)
    def test_a_page_has_every_part_in_order(self, page: Path) -> None:
        text = page.read_text("utf-8")
        assert re.match(r"# .+\n\n\*\*The rule\*\* \(", text)
        assert "\n\n**What it means.** " in text.partition("\n## ")[0]
        headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
        assert [each for each in headings if each in FORM] == list(FORM)
        example = text.partition("## Worked example")[2].partition("## Edge cases")[0]
        assert ">>> " in example
        assert "\n**Reference:** {mod}`" in text.partition("\n## Laws")[2]

    def test_every_law_stands_on_the_page_of_its_rule(self) -> None:
        told: list[tuple[str, str]] = []
        for page in PAGES:
            laws = page.read_text("utf-8").partition("\n## Laws")[2]
            told += re.findall(r"^\| `(\w+)` \| (.+) \|$", laws, re.MULTILINE)
        laws_of = {name: "; ".join(law.name for law in rule.laws) for name, rule in RULES.items()}
        assert sorted(told) == sorted(laws_of.items())

    def test_every_page_and_every_sentence_of_the_guide_is_in_the_list(self) -> None:
        listed = (DOCS / "rules" / "index.md").read_text("utf-8")
        assert {f"G{n}" for n in range(1, 14)} <= set(re.findall(r"G\d+", listed))
        assert {path.name for path in RULE_PAGES} <= set(re.findall(r"\((\w[\w-]*\.md)\)", listed))


def headings_of(path: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub and MyST make them."""
    titles = re.findall(r"^#+ (.+)$", prose(path), re.MULTILINE)
    plain = [re.sub(r"[^\w\- ]", "", title.lower()) for title in titles]
    return {title.strip().replace(" ", "-") for title in plain}


LINK: Final = re.compile(r"\]\(([^)\s#]*)(?:#([^)\s]+))?\)")


def links_of(path: Path) -> Iterator[tuple[Path, str]]:
    for target, anchor in LINK.findall(prose(path)):
        if "notebooks/" in target:  # copied to the docs when they are built
            yield ROOT / "examples" / "notebooks" / Path(target).name, anchor
        elif not target.startswith(("http://", "https://", "mailto:")):
            yield ((path.parent / target) if target else path), anchor


class TestLinksHold:
    """Issue: "links hold". Sphinx checks the built pages; this is quick and has the others, too."""

    @pytest.mark.parametrize("page", PAGES, ids=name_of)
    def test_what_a_page_links_to_is_there(self, page: Path) -> None:
        for target, anchor in links_of(page):
            assert target.exists(), f"{name_of(page)} links to {target}"
            assert not anchor or anchor in headings_of(target), f"{target}#{anchor}"

    @pytest.mark.parametrize("page", PAGES, ids=name_of)
    def test_the_files_a_page_names_are_there(self, page: Path) -> None:
        named = re.findall(
            r"`((?:docs|examples|tests|scripts|benchmarks|src|fuzz)/[\w./-]*)`", prose(page)
        )
        for path in named:
            assert (ROOT / path).exists(), f"{name_of(page)} names {path}"


class TestTheGlossary:
    """Issue: every term of the field that public names use, and one word for one thing."""

    text = (DOCS / "glossary.md").read_text("utf-8")
    sections = re.findall(r"^:::\{glossary\}\n(.*?)^:::", text, re.MULTILINE | re.DOTALL)

    def test_terms_stand_in_order_and_once(self) -> None:
        terms = [re.findall(r"^(\S.*)$", section, re.MULTILINE) for section in self.sections]
        for of_section in terms:
            assert of_section == sorted(of_section, key=str.lower)
        every = Counter(term for of_section in terms for term in of_section)
        assert max(every.values()) == 1

    @pytest.mark.parametrize(
        "choices",
        [
            bidding.Rank,
            bidding.WaitReason,
            life.InstanceState,
            listing.Mode,
            listing.Verification,
            maintenance.WindowStatus,
        ],
        ids=lambda each: f"{each.__module__.rpartition('.')[2]}.{each.__name__}",
    )
    def test_states_and_modes_are_explained(self, choices: type[Enum]) -> None:
        words = self.text.lower().replace("-", " ")
        for choice in choices:
            assert choice.value.replace("-", " ").removeprefix("under the ") in words

    def test_the_fields_of_listings_are_the_only_names_without_a_link(self) -> None:
        without_links = re.sub(r"\{\w+\}`[^`]+`", "", self.text)
        assert set(re.findall(r"`([^`]+)`", without_links)) == {
            "min_gpu",
            "max_discount",
            "min_bid",
        }


class TestEveryCommandHasItsPlace:
    """G13: what a market can be told stands on its page, and beside what the client calls it."""

    commands = frozenset(commands.__all__) - {"Command"}

    def test_in_the_table_of_who_does_what(self) -> None:
        table = (DOCS / "market.md").read_text("utf-8").partition("## Who does what")[2]
        named = re.findall(r"`([A-Z]\w+)`", table.partition("\n## ")[0])
        assert Counter(named) == Counter(list(self.commands))

    def test_beside_the_clients_own_words(self) -> None:
        """But for those of the marketplace itself, which nobody types."""
        page = (DOCS / "coming-from-vastai.md").read_text("utf-8")
        typed = {name for name in self.commands if "by" in getattr(commands, name).__annotations__}
        assert set(re.findall(r"\bdo\.(\w+)", page)) == typed
