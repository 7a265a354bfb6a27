"""The shape of the package: imports go in one direction, and every module says what it offers."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import numgenius_core

PACKAGE = "numgenius_core"
SOURCES = {path.stem: path for path in Path(numgenius_core.__file__).parent.glob("*.py")}

# A module imports only what stands before it.
# fmt: off
ORDER = [
    # values
    "errors", "deprecation", "units", "money", "intervals", "listing", "offer", "contract",
    "result_table",
    # rules
    "slicing", "allocation", "defrag", "reserved", "pricing", "bidding", "book_events",
    "book_lanes", "book", "auction", "payments", "term", "extension", "advice",
    "losses", "shortlist", "recurrence", "windows", "assignment", "fleet", "maintenance",
    "backfill", "storage", "history", "metering", "billing", "focus",
    # the market
    "persistent", "ledger", "instance", "state", "settlement", "checked", "commands", "events",
    "evolution", "draft", "clock", "hosting", "renting", "views", "market",
    # edges, each of which may be left out
    "findings",
    "search_values", "search_fields", "search_query", "search", "search_request",
    "wire_documents", "document_forms", "document_classes", "documents", "journal",
    "wire_shape", "wire_fields", "wire_records", "wire_csv", "wire",
    "frame_columns", "frame_door", "frame_stay", "frame_quotes", "frame_fleets",
    "frame_prices", "frames",
    # what-ifs
    "bid_planner", "commitment", "ways", "distributions", "demand", "demand_fit",
    "power", "scenario", "outcome", "rental", "simulated_machine", "simulation", "estimate",
    "sweep", "whatif",
    "plot_style", "plot_timeline", "plots", "__main__",
    # for tests of others, behind the extra "testing"
    "testing_strategies", "testing_markets", "testing_scenarios", "testing_values", "testing_law",
    "testing_laws_gpus", "testing_laws_money", "testing_laws_bids", "testing_laws_contracts",
    "testing_laws_maintenance", "testing_laws_usage", "testing_laws_market",
    "testing_laws_search", "testing_laws_frames", "testing_laws_plans",
    "testing_laws_simulation", "testing",
]
# fmt: on
HEAVY = ["cattrs", "narwhals", "matplotlib", "pandas", "numpy", "dateutil.parser", "argparse"]

modules = pytest.mark.parametrize("name", sorted(SOURCES.keys() - {"__init__"}))


def imported(path: Path) -> Iterator[str]:
    """Return the modules of this package that a source file imports, wherever it does so."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path.name}:{node.lineno}: name the package in full"
            below = [f"{node.module}.{alias.name}" for alias in node.names]
            names = below if node.module == PACKAGE else [str(node.module)]
        else:
            continue
        yield from (name.split(".")[1] for name in names if name.startswith(f"{PACKAGE}."))


def load(name: str) -> ModuleType:
    """Return a module of the package."""
    return importlib.import_module(f"{PACKAGE}.{name}")


class TestImportsGoInOneDirection:
    """DESIGN: "a module per concept, imports in one direction (a test asserts it)"."""

    @modules
    def test_every_module_has_its_place(self, name: str) -> None:
        assert name in ORDER, (
            f"{name}.py has no place yet: put it into ORDER in tests/test_architecture.py, "
            "after every module that it imports"
        )

    def test_no_module_has_two_places(self) -> None:
        assert len(ORDER) == len(set(ORDER))

    @modules
    def test_a_module_imports_only_what_stands_before_it(self, name: str) -> None:
        before = ORDER[: ORDER.index(name)] if name in ORDER else list(SOURCES)
        names_of_the_package = {"__version__"} if name == "__main__" else set()
        wrong = [
            other
            for other in imported(SOURCES[name])
            if other not in before and other not in names_of_the_package
        ]
        assert not wrong, f"{name}.py imports {wrong}, which do not stand before it"


class TestModulesSayWhatTheyOffer:
    """Every module has a sorted ``__all__`` and a docstring; so has every public name."""

    @modules
    def test_all_is_sorted_and_true(self, name: str) -> None:
        module = load(name)
        offered = module.__all__
        # As ruff sorts it: CONSTANTS, Classes, functions.
        kind = {n: 0 if n.isupper() else 1 if n[0].isupper() else 2 for n in offered}
        assert list(offered) == sorted(set(offered), key=lambda n: (kind[n], n))
        assert [n for n in offered if not hasattr(module, n)] == []

    @modules
    def test_the_module_and_its_names_are_documented(self, name: str) -> None:
        module = load(name)
        assert module.__doc__
        bare = []
        for public in module.__all__:
            value = getattr(module, public)
            if inspect.isfunction(value) or inspect.isclass(value):
                bare += [public] if not inspect.getdoc(value) else []
            if inspect.isclass(value):
                bare += [
                    f"{public}.{key}"
                    for key, member in vars(value).items()
                    if not key.startswith("_")
                    and (inspect.isfunction(member) or isinstance(member, (property, classmethod)))
                    and not inspect.getdoc(member)
                ]
        assert bare == []

    def test_the_package_lists_its_names_and_has_no_others(self) -> None:
        assert set(numgenius_core.__all__) <= set(dir(numgenius_core))
        with pytest.raises(AttributeError, match="nothing_of_ours"):
            numgenius_core.nothing_of_ours  # noqa: B018 - asking is the test

    def test_the_package_offers_what_it_says(self) -> None:
        for name in getattr(numgenius_core, "__all__", []):
            assert getattr(numgenius_core, name) is not None


class TestTheReferenceIsWhole:
    """Every public name is in the docs' reference."""

    def test_every_module_is_in_it(self) -> None:
        reference = Path(__file__).parent.parent / "docs" / "reference.md"
        shown = set(re.findall(r"automodule:: numgenius_core\.(\w+)", reference.read_text()))
        assert shown == {name for name in SOURCES if name not in ("__init__", "__main__")}


class TestImportIsCheap:
    """DESIGN: "Import cost is a feature: ``import numgenius_core`` loads only what it needs"."""

    def test_nothing_heavy_is_loaded(self) -> None:
        code = f"import sys, {PACKAGE}; print([m for m in {HEAVY!r} if m in sys.modules])"
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == "[]"
