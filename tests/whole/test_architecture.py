"""The shape of the package: rooms, their faces, and the one direction in which they import."""

from __future__ import annotations

import ast
import inspect
import pkgutil
import pydoc
import re
import subprocess
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Final

import pytest

import numgenius_core
from house import FACES, MARKET_FACES, ORDER, PACKAGE, ROOMS, SOURCES, VALUES, load, own_names
from numgenius_core import market, prices
from numgenius_core._faces import deprecation
from numgenius_core._faces.deprecation import home_of
from numgenius_core.errors import MissingExtra

HEAVY: Final = ["cattrs", "narwhals", "matplotlib", "pandas", "numpy", "dateutil.parser"]


# All modules in one test of each rule: a test for each would cost more than what it asks.
MODULES: Final = {name: SOURCES[name].read_text("utf-8") for name in sorted(SOURCES.keys() - {""})}
faces = pytest.mark.parametrize("name", FACES)


@cache
def imported(source: str) -> Sequence[str]:
    """Return the modules of this package that a source imports, wherever it does so."""
    return list(_imported(source))


def _imported(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"line {node.lineno}: name the package in full"
            below = [f"{node.module}.{alias.name}" for alias in node.names]
            known = [name for name in below if name.removeprefix(f"{PACKAGE}.") in SOURCES]
            found = known or [str(node.module)]
        else:
            continue
        for name in found:
            if name.startswith(f"{PACKAGE}."):
                yield name.removeprefix(f"{PACKAGE}.")


def private_to(name: str) -> str | None:
    """Return the folder that alone may import a module; ``""`` is the package, ``None`` is any."""
    folder: list[str] = []
    for part in name.split("."):
        if part.startswith("_"):
            return ".".join(folder)
        folder.append(part)
    return None


def strangers(importer: str, source: str) -> list[str]:
    """Return the private modules that a source imports from another room's folder."""
    found = []
    for name in imported(source):
        folder = private_to(name)
        if folder and importer != folder and not importer.startswith(f"{folder}."):
            found.append(name)
    return found


def upward(importer: str, source: str) -> list[str]:
    """Return what a source imports that stands after it."""
    own = importer.partition(".")[0]
    before = ORDER[: ORDER.index(own) + 1]
    return [name for name in imported(source) if name.partition(".")[0] not in before]


def has_an_all(source: str) -> bool:
    """Return whether a source promises names."""
    return "__all__" in source and any(
        isinstance(node, ast.Assign | ast.AnnAssign) and ast.unparse(node).startswith("__all__")
        for node in ast.parse(source).body
    )


class TestAModuleWithAnUnderscoreIsPrivateToItsRoom:
    """House rule 1: a ``_module`` is imported only from its folder; those at the root by all."""

    def test_nobody_imports_another_rooms_machinery(self) -> None:
        assert {name: found for name in MODULES if (found := strangers(name, MODULES[name]))} == {}

    @pytest.mark.parametrize(
        "source",
        [
            "from numgenius_core.market._ledger import Ledger",
            "from numgenius_core.market import _ledger",
            "import numgenius_core.market._ledger",
            "def f():\n    from numgenius_core.market._ledger import Ledger",
        ],
    )
    def test_a_breach_would_be_seen(self, source: str) -> None:
        assert strangers("billing.statements", source) == ["market._ledger"]
        assert strangers("market.views", source) == []
        assert strangers("billing", "from numgenius_core._checks import check_id") == []


class TestPromisedIsWhatTheFacesList:
    """House rule 2: promised is what faces list, and nothing else.

    Faces are ``numgenius_core/__init__``, the value modules, each room's ``__init__`` and four
    modules of ``market/``.
    """

    def test_only_faces_have_an_all(self) -> None:
        assert {name for name in MODULES if has_an_all(MODULES[name])} == set(FACES) - {""}

    @pytest.mark.parametrize(
        "source", ["__all__ = []", "__all__: Final = ('Fee',)", "__all__ = names()"]
    )
    def test_a_breach_would_be_seen(self, source: str) -> None:
        assert has_an_all(f"Fee = int\n{source}")
        assert not has_an_all("Fee = int\n_all = ['Fee']")

    @faces
    def test_all_is_sorted_and_true(self, name: str) -> None:
        module = load(name)
        offered = module.__all__
        # As ruff sorts it: CONSTANTS, Classes, functions.
        kind = {n: 0 if n.isupper() else 1 if n[0].isupper() else 2 for n in offered}
        assert list(offered) == sorted(set(offered), key=lambda n: (kind[n], n))
        assert [n for n in offered if not hasattr(module, n)] == []

    @pytest.mark.parametrize("name", ["", *FACES])
    def test_no_promised_name_is_a_module_of_its_room(self, name: str) -> None:
        """Whatever loads the module on its own would put it in the place of the name."""
        face = load(name)
        modules = {module.rpartition(".")[::2] for module in SOURCES}
        rooms = {each for each in face.__all__ if inspect.ismodule(getattr(face, each))}
        assert [each for each in face.__all__ if (name, each) in modules] == sorted(rooms)

    def test_no_name_has_two_meanings(self) -> None:
        """A function of ``frames`` may bear the name of the scalar rule whose columns it works out.

        A strategy of ``testing`` may bear that of what it draws.
        """
        meanings: dict[str, list[object]] = defaultdict(list)
        for face in FACES:
            module = load(face)
            for name in () if face in ("frames", "testing") else module.__all__:
                value = getattr(module, name)
                if not any(value is other for other in meanings[name]):
                    meanings[name].append(value)
        for name in numgenius_core.__all__:
            its_own = name in own_names()  # no room has it
            there = any(getattr(numgenius_core, name) is value for value in meanings[name])
            assert its_own or there, name
        twice = {name for name, found in meanings.items() if len(found) > 1}
        assert twice == set()

    def test_an_instant_is_given_by_its_name(self) -> None:
        """``at`` or ``now``: but a market is asked for (market, command, at), as logs have them."""
        by_place = {
            f"{face}.{name}"
            for face in FACES
            for name in load(face).__all__
            if inspect.isfunction(value := getattr(load(face), name))
            for known in inspect.signature(value).parameters.values()
            if known.name in ("at", "now") and known.kind is not known.KEYWORD_ONLY
        }
        rooms = {name.partition(".")[0] for name in by_place}
        assert rooms == {"market", "testing"}, by_place

    def test_there_are_few_enough_to_know(self) -> None:
        names = {name for face in FACES if face != "testing" for name in load(face).__all__}
        assert len(names) <= 580

    @faces
    def test_what_is_promised_is_documented(self, name: str) -> None:
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
                    and (inspect.isfunction(member) or isinstance(member, property | classmethod))
                    and not inspect.getdoc(member)
                ]
        assert bare == []


def makes_no_money(source: str) -> list[int]:
    """Return the lines that make an amount of nothing, which :data:`money.ZERO` is."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and ast.unparse(node) in {"Money(0)", "money_of(0)"}
    ]


class TestOneOfEach:
    """House rule: what several rooms need stands once."""

    def test_no_money_is_zero(self) -> None:
        found = {name: lines for name in MODULES if (lines := makes_no_money(MODULES[name]))}
        assert list(found) == ["money"]  # which makes it

    def test_a_breach_would_be_seen(self) -> None:
        assert makes_no_money("_NOTHING: Final = Money(0)\nx = Money(1)") == [1]


class TestImportsGoInOneDirection:
    """House rule 3: folders import in one direction."""

    def test_every_room_has_its_place_in_the_order(self) -> None:
        at_the_root = {name.partition(".")[0] for name in SOURCES if name}
        assert sorted(ORDER) == sorted(at_the_root)

    def test_a_module_imports_only_what_stands_before_it(self) -> None:
        assert {name: found for name in MODULES if (found := upward(name, MODULES[name]))} == {}

    def test_a_breach_would_be_seen(self) -> None:
        source = "def f():\n    from numgenius_core.market import Market"
        assert upward("billing.statements", source) == ["market"]
        assert upward("planning.bids", source) == []

    def test_there_are_at_most_32_modules_and_rooms(self) -> None:
        """Those that are imported by name: ``__main__`` and ``__init__`` are for Python itself."""
        at_the_root = {name.partition(".")[0] for name in SOURCES if name}
        assert "__main__" in at_the_root
        assert len(at_the_root - {"__main__"}) <= 32


class TestThePackageShowsItsFace:
    """``dir()`` shows the face and the rooms, which load with their first use, and no others."""

    def test_dir_is_the_face_and_the_rooms(self) -> None:
        assert dir(numgenius_core) == sorted(
            {*numgenius_core.__all__, *VALUES, *ROOMS, "__version__"}
        )

    def test_every_name_of_it_is_there(self) -> None:
        for name in dir(numgenius_core):
            assert getattr(numgenius_core, name) is not None

    def test_there_are_no_others(self) -> None:
        with pytest.raises(AttributeError, match="nothing_of_ours"):
            numgenius_core.nothing_of_ours  # noqa: B018 - asking is the test

    def test_a_room_that_lacks_its_extra_is_no_attribute(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """``help()`` and completion ask for every name, and go on after an ``AttributeError``."""
        numgenius_core.frames  # noqa: B018 - so that there is something to put back
        monkeypatch.delattr(numgenius_core, "frames")
        monkeypatch.delitem(sys.modules, f"{PACKAGE}.frames")
        monkeypatch.setitem(sys.modules, "narwhals", None)
        with pytest.raises(AttributeError, match=r"pip install 'numgenius-core\[frames\]'"):
            numgenius_core.frames  # noqa: B018 - asking is the test
        with pytest.raises(MissingExtra):
            exec("from numgenius_core import frames", {})
        assert "offer_sizes" in pydoc.render_doc(numgenius_core)

    @pytest.mark.parametrize("face", FACES)
    def test_each_face_shows_what_it_promises(self, face: str) -> None:
        faces = [name.partition(".")[2] for name in MARKET_FACES if face == "market"]
        assert dir(load(face)) == sorted([*load(face).__all__, *faces])

    def test_where_a_promised_name_is_is_said(self) -> None:
        assert sorted(deprecation.FACES) == FACES
        for face in FACES:
            for name in load(face).__all__:
                home = home_of(name)
                assert home is not None, name
                assert pkgutil.resolve_name(home) is not None
        for module, name, home in (
            (numgenius_core, "Rent", "market.commands.Rent"),
            (numgenius_core, "views", "market.views"),
            (market, "Writer", "market.logs.Writer"),
            (market, "Money", "money.Money"),
        ):
            said = rf"no attribute '{name}' \(it is {PACKAGE}\.{home}\)$"
            with pytest.raises(AttributeError, match=said):
                getattr(module, name)
            with pytest.raises(ImportError, match=said):
                exec(f"from {module.__name__} import {name}", {})
            assert not hasattr(module, name)

    def test_a_module_of_that_name_is_imported_all_the_same(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """``volume`` is a module of the market's, and what ``views`` promises."""
        monkeypatch.delattr(market, "volume")
        names: dict[str, ModuleType] = {}
        exec("from numgenius_core.market import volume", names)
        assert names["volume"].__name__ == f"{PACKAGE}.market.volume"

    def test_a_package_without_its_sources_says_no_more(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(deprecation, "__file__", "/nowhere/at/all/deprecation.pyc")
        with pytest.raises(AttributeError, match=r"no attribute 'Rent'$"):
            numgenius_core.Rent  # noqa: B018 - asking is the test

    def test_help_of_an_id_says_what_it_is_the_number_of(self) -> None:
        for name in numgenius_core.ids.__all__:
            said = pydoc.plain(pydoc.render_doc(getattr(numgenius_core.ids, name)))
            assert "The marketplace's number of" in said or "The name of an account" in said
            assert "NewType creates" not in said

    def test_a_name_that_a_room_does_not_have(self) -> None:
        with pytest.raises(AttributeError, match="nothing_of_ours"):
            prices.nothing_of_ours  # noqa: B018 - asking is the test
        with pytest.raises(AttributeError, match="nothing_of_ours"):
            market.nothing_of_ours  # noqa: B018 - asking is the test

    def test_what_type_checkers_see_is_what_there_is(self) -> None:
        tree = ast.parse(SOURCES[""].read_text("utf-8"))
        (seen,) = [node for node in tree.body if isinstance(node, ast.If)]
        names = {
            alias.name
            for node in ast.walk(seen)
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }
        assert names == set(dir(numgenius_core)) - {"__version__"}


class TestImportIsCheap:
    """DESIGN: "Import cost is a feature: ``import numgenius_core`` loads only what it needs"."""

    def test_nothing_heavy_is_loaded(self) -> None:
        code = f"import sys, {PACKAGE}; print([m for m in {HEAVY!r} if m in sys.modules])"
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == "[]"

    def test_nothing_of_the_rooms_is_loaded_either(self) -> None:
        code = (
            f"import sys, {PACKAGE}; print([m for m in sys.modules if m.startswith('{PACKAGE}.')])"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == "[]"

    def test_a_quote_on_demand_loads_what_it_needs(self) -> None:
        """No listing, interval, schedule or table, and nothing that reads or writes documents."""
        code = (
            "import sys; before = set(sys.modules)\n"
            f"from {PACKAGE} import Money, Offer, quote\n"
            "print(*sys.modules.keys() - before)"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        modules = set(done.stdout.split())
        assert modules.isdisjoint({*HEAVY, "dateutil", "html", "json"})
        assert {name.removeprefix(f"{PACKAGE}.") for name in modules if PACKAGE in name} == {
            *(PACKAGE, "errors", "ids", "_numbers", "units", "_checks", "money", "rates", "_terms"),
            *("offer", "_accrual", "_tables", "_faces", "prices", "prices.quotes"),
        }


class TestWhatAnExtraNeedsIsThereWhereTestsRun:
    """A test that is skipped where its package is missing runs in the environment of ``dev``."""

    def test_dev_has_the_packages_of_all_extras(self) -> None:
        project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))
        groups, extras = project["dependency-groups"], project["project"]["optional-dependencies"]

        def packages(requirements: list[str | dict[str, str]]) -> set[str]:
            found = set[str]()
            for each in requirements:
                if isinstance(each, str):
                    found.add(re.split(r"[^\w.-]", each)[0])
                else:
                    found |= packages(groups[each["include-group"]])
            return found

        assert packages([each for extra in extras.values() for each in extra]) <= packages(
            groups["dev"]
        )


class TestTheSourceDistributionIsWhole:
    """A packager tests from it: what the tests import is in it."""

    def test_it_has_the_folders_that_tests_import(self) -> None:
        root = Path(__file__).parents[2]
        project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
        included = project["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
        imported = {
            name
            for path in (root / "tests").rglob("*.py")
            for name in re.findall(
                r"^\s*(?:from|import) (\w+)", path.read_text("utf-8"), re.MULTILINE
            )
        }
        folders = {name for name in imported if any((root / name).glob("*.py"))}
        assert {"examples", "simulation"} <= folders
        assert {f"/{name}" for name in folders} <= set(included)
