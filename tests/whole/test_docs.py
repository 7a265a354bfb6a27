"""The documentation keeps what it promises: every name, one form for rules, links that hold."""

from __future__ import annotations

import ast
import builtins
import doctest
import json
import re
from collections import Counter
from collections.abc import Iterator
from enum import Enum
from itertools import pairwise
from pathlib import Path
from typing import Final, NewType

import pytest

import numgenius_core
from house import FACES, PACKAGE, SOURCES, VALUES, load, own_names
from numgenius_core import bids, contracts, errors, listing, maintenance
from numgenius_core._command._parser import SUBCOMMANDS
from numgenius_core.market import commands
from numgenius_core.testing import RULES, LawBroken

ROOT: Final = Path(__file__).parent.parent.parent
DOCS: Final = ROOT / "docs"
PAGES: Final = sorted(
    path
    for path in (*DOCS.rglob("*.md"), *ROOT.glob("*.md"))
    if not {"_build", "notebooks"} & set(path.parts)
)
RULE_PAGES: Final = [
    path for path in PAGES if path.parent == DOCS / "rules" and path.stem != "index"
]
REFERENCE: Final = sorted((DOCS / "reference").glob("*.md"))
SHOWN: Final = re.compile(
    r"^\.\. auto(\w+):: numgenius_core\.([\w.]+)\n((?:   .*\n)*)", re.MULTILINE
)
CODE: Final = [
    *PAGES,
    *(ROOT / "examples").rglob("*.py"),
    *(ROOT / "examples").rglob("*.ipynb"),
]


PROMISED: Final = {
    name for face in FACES for name in (face, *(f"{face}.{each}" for each in load(face).__all__))
} | {*own_names()}


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def prose(path: Path) -> str:
    """Return a page without its blocks of code."""
    return re.sub(r"^(```+).*?^\1", "", path.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)


def shown_on(page: Path) -> Iterator[str]:
    """Yield the faces and the names (``bids.Claim``) that a page of the reference shows."""
    for kind, name, options in SHOWN.findall(page.read_text("utf-8")):
        yield name
        if kind == "module" and ":no-members:" not in options:
            yield from (f"{name}.{each}" for each in load(name).__all__)


def explained(source: Path) -> set[str]:
    """Return the constants of a module that have a text under them."""
    module = ast.parse(source.read_text("utf-8"))
    bodies = [module.body, *(each.orelse for each in module.body if isinstance(each, ast.If))]
    return {
        target.id
        for body in bodies
        for node, after in pairwise(body)
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(after, ast.Expr)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name)
    }


class TestEveryPromisedNameIsInTheReference:
    """Issue: a reference page for each room, and every name is there."""

    def test_every_name_of_every_face_is_on_exactly_one_page(self) -> None:
        shown = Counter(name for page in REFERENCE for name in shown_on(page))
        assert shown == Counter(PROMISED)

    def test_a_page_has_whole_faces(self) -> None:
        """Those of one room, or all values together; errors, commands and events on their own."""
        others = {"index": {*own_names()}, "values": set(VALUES) - {"errors"}}
        others["commands-and-events"] = {"market"}
        for page in REFERENCE:
            rooms = {name.partition(".")[0] for name in shown_on(page)}
            assert rooms == others.get(page.stem, {page.stem}), page

    def test_every_constant_has_a_text(self) -> None:
        """Of functions and classes it is known (``test_architecture``)."""
        told = {name for source in SOURCES.values() for name in explained(source)}
        for face in map(load, FACES):
            for name in face.__all__:
                value = getattr(face, name)
                assert name in told or (callable(value) and not isinstance(value, NewType)), name

    def test_the_package_itself_is_there(self) -> None:
        index = (DOCS / "reference" / "index.md").read_text("utf-8")
        assert "\n.. automodule:: numgenius_core\n" in index
        table = index.partition("## The package")[2]
        roles = r"\{(?:exc|class|data|func)\}`~numgenius_core\.(?:[\w.]+\.)?(\w+)`"
        assert Counter(re.findall(roles, table)) == Counter(numgenius_core.__all__)


def code_of(path: Path) -> str:
    """Return the Python code of a page, a notebook or a module, all else left out."""
    text = path.read_text("utf-8")
    if path.suffix == ".py":
        return text
    if path.suffix == ".ipynb":
        cells = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
        lines = "\n".join("".join(cell["source"]) for cell in cells).splitlines()
        return "\n".join(line for line in lines if not line.startswith("%"))
    examples = doctest.DocTestParser().get_examples(text)
    return "\n".join(example.source for example in examples)


def unpromised(code: str) -> list[str]:
    """Return what a source imports of this package that no face lists."""
    found = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            asked = [(alias.name, "") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            asked = [(str(node.module), alias.name) for alias in node.names]
        else:
            continue
        for module, name in asked:
            home, _, inner = module.partition(".")
            if home != PACKAGE:
                continue
            is_face = inner in ("", *FACES)
            listed = f"{inner}.{name}".strip(".") in FACES or (
                is_face and name in ("", *load(inner).__all__)
            )
            found += [] if is_face and listed else [f"{module}.{name}"]
    return found


class TestCodeUsesOnlyWhatIsPromised:
    """House rule 2: docs, examples and notebooks use only what faces list."""

    @pytest.mark.parametrize("path", CODE, ids=name_of)
    def test_nothing_is_imported_from_a_module_that_is_no_face(self, path: Path) -> None:
        assert unpromised(code_of(path)) == []

    @pytest.mark.parametrize(
        "breach",
        [
            "from numgenius_core.bids.priority import Claim",
            "from numgenius_core.bids import priority",
            "from numgenius_core.bids import level_of",
            "import numgenius_core.market._ledger",
            "from numgenius_core._numbers import PICO",
        ],
    )
    def test_a_breach_would_be_seen(self, breach: str) -> None:
        assert unpromised(breach) != []
        promised = "import numgenius_core\nfrom numgenius_core import bids, Money\n"
        assert unpromised(promised + "from numgenius_core.market import commands, Market") == []

    @pytest.mark.parametrize("path", [*PAGES, *SOURCES.values()], ids=lambda path: str(path.name))
    def test_what_texts_refer_to_is_promised(self, path: Path) -> None:
        """A reference such as ``numgenius_core.bids.Claim.level``, or a face itself."""
        names = PROMISED - set(FACES)
        for name in re.findall(r"[}:]`~?numgenius_core\.([\w.]+)`", path.read_text("utf-8")):
            assert name in PROMISED or any(name.startswith(f"{each}.") for each in names), name


def quotes_in_loops(code: str) -> list[str]:
    """Return the loops of a source that quote offer after offer, whether they can be had or not."""
    loops = (ast.For, ast.GeneratorExp, ast.ListComp, ast.SetComp, ast.DictComp)
    return [
        ast.unparse(loop)
        for loop in ast.walk(ast.parse(code))
        if isinstance(loop, loops)
        and any(
            isinstance(node, ast.Call) and ast.unparse(node.func) == "quote"
            for node in ast.walk(loop)
        )
    ]


class TestAnswersCanBeRented:
    """Issue: "the first page's answer is one that can be rented": `rank_offers` knows which can."""

    @pytest.mark.parametrize("path", CODE, ids=name_of)
    def test_no_page_ranks_bare_quotes(self, path: Path) -> None:
        assert quotes_in_loops(code_of(path)) == []

    def test_one_that_does_would_be_seen(self) -> None:
        ranked = "best = min((quote(each, stay) for each in offers), key=lambda each: each.total)"
        assert quotes_in_loops(ranked)
        assert quotes_in_loops("for offer in offers:\n    print(quote(offer, stay))")
        assert quotes_in_loops("best = rank_offers(offers, stay, now=now).quotes[0]") == []


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
            bids.Rank,
            bids.WaitReason,
            contracts.InstanceState,
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

    commands = frozenset(commands.__all__) - {"AnyCommand", "Command"}

    def test_in_the_table_of_who_does_what(self) -> None:
        table = (DOCS / "market.md").read_text("utf-8").partition("## Who does what")[2]
        named = re.findall(r"`([A-Z]\w+)`", table.partition("\n## ")[0])
        assert Counter(named) == Counter(list(self.commands))

    def test_beside_the_clients_own_words(self) -> None:
        """But for those of the marketplace itself, which nobody types."""
        page = (DOCS / "coming-from-vastai.md").read_text("utf-8")
        typed = {name for name in self.commands if "by" in getattr(commands, name).__annotations__}
        assert set(re.findall(r"\bdo\.(\w+)", page)) == typed


def names(cell: str) -> list[str]:
    """Return what stands in code in a cell of a table."""
    return re.findall(r"`([^`]+)`", cell)


def table_of(page: str, heading: str) -> list[list[str]]:
    """Return the cells of the first table under a heading, a row each, but for its head."""
    part = f"\n{(DOCS / page).read_text('utf-8')}".partition(f"\n{heading}\n")[2]
    rows = re.findall(r"^\|.*\|$", part.partition("\n## ")[0], re.MULTILINE)
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows[2:]]


class TestListsOfAPageAreWhole:
    """A page that lists what there is lists all of it."""

    def test_the_faces(self) -> None:
        """``compatibility.md`` says what is promised; its first row is the package itself."""
        rows = table_of("compatibility.md", "## Names")[1:]
        assert sorted(name for _, cell in rows for name in names(cell)) == FACES

    def test_the_errors(self) -> None:
        """``limits.md`` has each error that may come, and the built-in exception that it is."""
        rows = table_of("rules/limits.md", "## The reason, as data")
        told = {re.findall(r"(\w+)`$", error)[0]: names(also)[0] for error, also, _ in rows}
        kinds = {
            name: error
            for name in errors.__all__
            if issubclass(error := getattr(errors, name), errors.NumgeniusError)
        }
        assert told.keys() == (kinds.keys() - {"NumgeniusError"}) | {"LawBroken"}
        for name, also in told.items():
            assert issubclass(kinds.get(name, LawBroken), getattr(builtins, also)), name

    def test_the_commands_of_the_terminal(self) -> None:
        told = [names(row[0])[0] for row in table_of("command.md", "# The command")]
        assert tuple(told) == SUBCOMMANDS
