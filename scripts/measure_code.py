"""Measure how readable a package is: lengths of bodies and modules, complexity, docstrings.

    python scripts/measure_code.py src/numgenius_core [another/package …]

A body is what a function does, its docstring left out. Complexity is McCabe's: one, and one for
each branch. Public is what a module's ``__all__`` names; without one, what has no underscore
before its name, in modules that have none either.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median, quantiles

Function = ast.FunctionDef | ast.AsyncFunctionDef
BRANCHES = (
    *(ast.If, ast.IfExp, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler, ast.comprehension),
    *(ast.Assert, ast.match_case),
)


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


def offered(tree: ast.Module) -> set[str]:
    """Return the names in a module's ``__all__``; none if it has none."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return {each.value for each in ast.walk(node) if isinstance(each, ast.Constant)}
    return set()


def public(tree: ast.Module) -> Iterator[ast.ClassDef | Function]:
    """Yield the public classes, functions and methods of a module."""
    names = offered(tree)
    for node in tree.body:
        if not isinstance(node, ast.ClassDef | Function) or node.name.startswith("_"):
            continue
        if not names or node.name in names:
            yield node
            if isinstance(node, ast.ClassDef):
                for inner in node.body:
                    if isinstance(inner, Function) and not inner.name.startswith("_"):
                        yield inner


def measure(package: Path) -> tuple[str, ...]:
    """Return a row of the table."""
    files = [path for path in sorted(package.rglob("*.py")) if "tests" not in path.parts]
    sources = [path.read_text(encoding="utf-8") for path in files]
    trees = [ast.parse(source) for source in sources]
    functions = [node for tree in trees for node in ast.walk(tree) if isinstance(node, Function)]
    lengths = sorted(body_length(each) for each in functions)
    branches = sorted(complexity(each) for each in functions)
    modules = sorted(source.count("\n") for source in sources)
    named = [
        node
        for path, tree in zip(files, trees, strict=True)
        if not path.stem.startswith("_") or path.stem == "__init__"
        for node in public(tree)
    ]
    told = sum(ast.get_docstring(node) is not None for node in named)
    return (
        package.name,
        f"{len(files)}",
        f"{sum(modules):,}",
        f"{median(modules):.0f}",
        f"{modules[-1]:,}",
        f"{len(functions):,}",
        f"{median(lengths):.0f}",
        f"{quantiles(lengths, n=20)[-1]:.0f}",
        f"{lengths[-1]}",
        f"{median(branches):.0f}",
        f"{quantiles(branches, n=20)[-1]:.0f}",
        f"{branches[-1]}",
        f"{told / len(named):.0%}" if named else "–",
    )


HEAD = (
    *("package", "modules", "lines", "median", "longest", "functions"),
    *("body: median", "95 %", "longest", "branches: median", "95 %", "most", "docstrings"),
)


def main(packages: list[str]) -> None:
    """Print a table with a row for each package."""
    rows = [HEAD, *(measure(Path(each)) for each in packages or ["src/numgenius_core"])]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEAD))]
    for row in rows:
        numbers = (f"{cell:>{width}}" for cell, width in zip(row[1:], widths[1:], strict=True))
        print(f"{row[0]:<{widths[0]}}", *numbers, sep="  ")


if __name__ == "__main__":
    main(sys.argv[1:])
