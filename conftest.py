"""Runs every code block of README.md and docs/ (``pytest README.md docs -p no:randomly``)."""

from __future__ import annotations

import contextlib
import doctest
import io
import shlex

from sybil import Example, Sybil
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser

from numgenius_core._command import main


def check_console(example: Example) -> str | None:
    """Run a block of ``$ numgenius …`` and compare what it prints."""
    command, _, expected = str(example.parsed).partition("\n")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        main(shlex.split(command.removeprefix("$ numgenius")))
    if printed.getvalue().rstrip() == expected.rstrip():
        return None
    return f"{command}\nexpected:\n{expected}\nprinted:\n{printed.getvalue()}"


pytest_collect_file = Sybil(
    parsers=[
        PythonCodeBlockParser(doctest_optionflags=doctest.ELLIPSIS),
        CodeBlockParser(language="console", evaluator=check_console),
    ],
    patterns=["*.md"],
).pytest()
