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
HOME = Path(numgenius_core.__file__).parent
SOURCES = {
    ".".join(path.relative_to(HOME).with_suffix("").parts): path
    for path in HOME.rglob("*.py")
    if path.name != "__init__.py" or path.parent.name in ("numgenius_core", "frames")
}
SOURCES["frames"] = SOURCES.pop("frames.__init__")

# A module imports only what stands before it.
# fmt: off
ORDER = [
    # values
    "errors", "_deprecation", "units", "money", "intervals", "listing", "offer", "contracts.contract",
    "_tables",
    # rules
    "gpus.slicing", "gpus.allocation", "gpus.defragmentation", "prices.schedules", "prices.quotes", "bids.priority", "bids.changes",
    "bids._lanes", "bids.book", "bids.auction", "bids.payments", "contracts.term", "contracts.extension", "planning.relisting",
    "maintenance.losses", "maintenance._shortlist", "maintenance.hours", "maintenance.windows", "maintenance._assignment", "maintenance.fleet", "maintenance.schedule",
    "maintenance.backfill", "contracts.storage", "billing.history", "billing.metering", "billing.statement", "billing.focus",
    # the market
    "market._persistent", "market._ledger", "market.instance", "market.state", "market._settlement", "market._checked", "market.commands", "market.events",
    "market._evolution", "market._decision", "market._clock", "market._hosting", "market._renting", "market.views", "market._dispatch",
    # edges, each of which may be left out
    "wire.findings",
    "search._values", "search.fields", "search.query", "search._language", "search.request",
    "wire._sources", "documents._scalars", "documents._classes", "documents._convert", "market.journal",
    "wire._shape", "wire._fields", "wire._records", "wire._snapshots", "wire.reading",
    "frames._exact", "frames.columns", "frames._stay", "frames.quotes", "frames.fleets",
    "frames.prices", "frames",
    # what-ifs
    "planning.bids", "planning.reserving", "planning.deadlines", "whatif.distributions", "whatif.demand", "whatif.fitting",
    "whatif.power", "whatif.scenario", "whatif.outcome", "whatif._rental", "whatif._machine", "whatif.simulation", "whatif.estimate",
    "whatif.sweep", "whatif.questions",
    "plots._style", "plots.timeline", "plots.charts", "__main__",
    # for tests of others, behind the extra "testing.verify"
    "testing.strategies", "testing.markets", "testing.scenarios", "testing.values", "testing.law",
    "testing.laws.gpus", "testing.laws.prices", "testing.laws.bids", "testing.laws.contracts",
    "testing.laws.maintenance", "testing.laws.billing", "testing.laws.market",
    "testing.laws.search", "testing.laws.frames", "testing.laws.planning",
    "testing.laws.whatif", "testing.verify",
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
            modules = [name for name in below if name.removeprefix(f"{PACKAGE}.") in SOURCES]
            names = modules or below if node.module == PACKAGE else modules or [str(node.module)]
        else:
            continue
        yield from (
            name.removeprefix(f"{PACKAGE}.") for name in names if name.startswith(f"{PACKAGE}.")
        )


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
        shown = set(re.findall(r"automodule:: numgenius_core\.([\w.]+)", reference.read_text()))
        assert shown == {name for name in SOURCES if name not in ("__init__", "__main__")}


class TestImportIsCheap:
    """DESIGN: "Import cost is a feature: ``import numgenius_core`` loads only what it needs"."""

    def test_nothing_heavy_is_loaded(self) -> None:
        code = f"import sys, {PACKAGE}; print([m for m in {HEAVY!r} if m in sys.modules])"
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == "[]"
