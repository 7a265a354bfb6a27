"""Measure how readable a package is: what it promises, how long its parts are, what explains them.

    python scripts/measure_code.py [package …]

A package is a folder, or the name of one that is installed; ``src/numgenius_core`` where none is
named. Prints a table in Markdown with a column for each.

Open are the modules and folders in which no name begins with an underscore: what one can import
without knowing better. Promised is what open modules list in ``__all__``; in a package without
such lists, what has no underscore before its name. A body is what a function does, its docstring
left out. Complexity is McCabe's: one, and one for each branch. An example is a prompt or a block of
code in the docstring of a promised class or function, or of one of its methods. Comments that only
tools read (``noqa``, ``type: ignore``) do not count.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from statistics import median, quantiles

Function = ast.FunctionDef | ast.AsyncFunctionDef
Definition = ast.ClassDef | Function
BRANCHES = (
    *(ast.If, ast.IfExp, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler, ast.comprehension),
    *(ast.Assert, ast.match_case),
)
EXAMPLE = re.compile(r">>> |```|\.\. (code|doctest|testcode|sourcecode)|::\n")
# A string, in which there is no comment, or a comment.
QUOTED = re.compile(
    r"\"{3}(?:\\[\s\S]|[^\\])*?\"{3}|'{3}(?:\\[\s\S]|[^\\])*?'{3}"
    r"|\"(?:\\[\s\S]|[^\"\\\n])*\"|'(?:\\[\s\S]|[^'\\\n])*'|#.*"
)
FOR_TOOLS = re.compile(r"#[ !]*(noqa|type:|pragma|fmt:|pylint|pyright|mypy|ruff|isort|:|/usr)")


def body_length(function: Function) -> int:
    """Return the lines of a function's body, its docstring left out."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def complexity(function: Function) -> int:
    """Return McCabe's complexity of a function, with what is nested in it."""
    found = 1
    for node in ast.walk(function):
        if isinstance(node, BRANCHES):
            found += 1
        elif isinstance(node, ast.BoolOp):
            found += len(node.values) - 1
    return found


def comments(source: str) -> int:
    """Return how many comments a source has for its readers."""
    found = (match[0] for match in QUOTED.finditer(source))
    return sum(each[0] == "#" and not FOR_TOOLS.match(each) for each in found)


def listed(tree: ast.Module) -> set[str]:
    """Return the names in a module's ``__all__``; none if it has none."""
    names: set[str] = set()
    target: ast.expr
    for node in tree.body:
        if isinstance(node, ast.AnnAssign | ast.AugAssign):
            target = node.target
        elif isinstance(node, ast.Assign):
            target = node.targets[0]
        else:
            continue
        if ast.unparse(target) == "__all__":
            strings = (each.value for each in ast.walk(node) if isinstance(each, ast.Constant))
            names |= {each for each in strings if isinstance(each, str)}
    return names


def defined(body: Iterable[ast.stmt]) -> Iterator[Definition]:
    """Yield the classes and functions of a body, those under an ``if`` or ``try`` too."""
    for node in body:
        if isinstance(node, Definition):
            yield node
        elif isinstance(node, ast.If | ast.Try):
            yield from defined([*node.body, *node.orelse])


class Package:
    """The sources of a package, by the names of their modules within it."""

    def __init__(self, folder: Path) -> None:
        paths = [path for path in sorted(folder.rglob("*.py")) if "tests" not in path.parts]
        self.sources: dict[str, str] = {}
        for path in paths:
            parts = path.relative_to(folder).with_suffix("").parts
            name = ".".join(part for part in parts if part != "__init__")
            self.sources[name] = path.read_text(encoding="utf-8")
        self.name = folder.name
        self.folders = {
            ".".join(path.parent.relative_to(folder).parts)
            for path in paths
            if path.name == "__init__.py"
        }
        self.trees = {name: ast.parse(source) for name, source in self.sources.items()}
        self.nodes = {name: [*ast.walk(tree)] for name, tree in self.trees.items()}
        self.imports = {
            name: [node for node in nodes if isinstance(node, ast.ImportFrom)]
            for name, nodes in self.nodes.items()
        }
        self.open = [name for name in self.trees if not re.search(r"(^|\.)_", name)]
        lists = {name: listed(self.trees[name]) for name in self.open}
        self.faces = {name: names for name, names in lists.items() if names} or {
            name: {d.name for d in defined(self.trees[name].body) if d.name[0] != "_"}
            for name in self.open
        }

    def find(self, module: str, name: str, seen: frozenset[str] = frozenset()) -> Definition | None:
        """Return the class or function that a module has under a name, or imports from another."""
        if module not in self.trees or module in seen:
            return None
        for definition in defined(self.trees[module].body):
            if definition.name == name:
                return definition
        for node in self.imports[module]:
            for alias in node.names:
                if name == (alias.asname or alias.name) or alias.name == "*":
                    there = name if alias.name == "*" else alias.name
                    found = self.find(self.source_of(module, node), there, seen | {module})
                    if found is not None:
                        return found
        return None

    def source_of(self, module: str, node: ast.ImportFrom) -> str:
        """Return the module within the package that a module imports from."""
        if not node.level:
            return (node.module or "").removeprefix(self.name).removeprefix(".")
        here = module.split(".") if module else []
        up = node.level - (module in self.folders)
        return ".".join([*here[: len(here) - up], *filter(None, [node.module])])

    def promised(self) -> Iterator[Definition]:
        """Yield each promised class and function once."""
        found = {
            id(node): node
            for face, names in self.faces.items()
            for name in sorted(names)
            if (node := self.find(face, name)) is not None
        }
        yield from found.values()


def documented(node: Definition) -> list[Definition]:
    """Return a class with its public methods, or a function alone."""
    if not isinstance(node, ast.ClassDef):
        return [node]
    return [node, *(each for each in defined(node.body) if each.name[0] != "_")]


def shows(node: Definition) -> bool:
    """Return whether the docstring of a class or function, or of a method, has an example."""
    inner = defined(node.body) if isinstance(node, ast.ClassDef) else ()
    return any(EXAMPLE.search(ast.get_docstring(each) or "") for each in (node, *inner))


def share(facts: list[bool]) -> str:
    """Return how many of some facts are true."""
    return f"{sum(facts) / len(facts):.0%}" if facts else "–"


def measure(package: Package) -> dict[str, str]:
    """Return what is measured of a package, by what it is."""
    nodes = [node for each in package.nodes.values() for node in each]
    functions = [node for node in nodes if isinstance(node, Function)]
    classes = [(n.end_lineno or 0) - n.lineno + 1 for n in nodes if isinstance(n, ast.ClassDef)]
    lengths = sorted(body_length(each) for each in functions)
    branches = sorted(complexity(each) for each in functions)
    modules = sorted(source.count("\n") for source in package.sources.values())
    promised = list(package.promised())
    told = [ast.get_docstring(each) is not None for node in promised for each in documented(node)]
    said = sum(comments(source) for source in package.sources.values())
    at_the_root = {name.partition(".")[0] for name in package.trees if name}
    return {
        "lines": f"{sum(modules):,}",
        "modules": f"{len(modules)}",
        "modules and folders at the root": f"{len(at_the_root)}",
        "open ones at the root": f"{sum(name[0] != '_' for name in at_the_root)}",
        "modules that promise something": f"{len(package.faces)}",
        "promised names": f"{len(set().union(*package.faces.values())):,}",
        "promised, with a docstring": share(told),
        "promised, with an example": share([shows(node) for node in promised]),
        "comments per 1,000 lines": f"{said * 1_000 / sum(modules):.0f}",
        "module: median": f"{median(modules):.0f}",
        "module: longest": f"{modules[-1]:,}",
        "class: longest": f"{max(classes, default=0):,}",
        "functions": f"{len(functions):,}",
        "body: median": f"{median(lengths):.0f}",
        "body: 95 %": f"{quantiles(lengths, n=20)[-1]:.0f}",
        "body: longest": f"{lengths[-1]}",
        "branches: median": f"{median(branches):.0f}",
        "branches: 95 %": f"{quantiles(branches, n=20)[-1]:.0f}",
        "branches: most": f"{branches[-1]}",
    }


def folder_of(package: str) -> Path:
    """Return the folder of a package, given as one or by the name of an installed one."""
    if Path(package).is_dir():
        return Path(package).resolve()
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit(f"{package}: no such folder, and no such package is installed")
    return Path(spec.submodule_search_locations[0])


def main(packages: list[str]) -> None:
    """Print a table with a column for each package."""
    folders = [folder_of(each) for each in packages or ["src/numgenius_core"]]
    columns = [measure(Package(folder)) for folder in folders]
    print("| |", *(f" {folder.name} |" for folder in folders), sep="")
    print("|---|", *("---:|" for _ in folders), sep="")
    for key in columns[0]:
        print(f"| {key} |", *(f" {column[key]} |" for column in columns), sep="")


if __name__ == "__main__":
    main(sys.argv[1:])
