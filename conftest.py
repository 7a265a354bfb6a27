"""Runs every code block of README.md and docs/, and every example in a docstring of src/.

``pytest README.md docs src -p no:randomly``: the blocks of a page build on one another, in order.
"""

from __future__ import annotations

import contextlib
import doctest
import io
import shlex
from bisect import bisect
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from sybil import Document, Example, Sybil
from sybil.document import PythonDocStringDocument
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser
from sybil.parsers.rest import DocTestParser

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


class Docstrings(PythonDocStringDocument):
    """The docstrings of a module, each read as if it were the only one.

    A reader copies one example into a session of his own, so it has to import what it uses:
    neither the names of the module nor those of another docstring are there.
    """

    def __init__(self, text: str, path: str) -> None:
        Document.__init__(self, text, path)  # that of the parent imports the module's names

    def examples(self) -> Iterator[Example]:
        """Return the examples in order, with a namespace for each docstring."""
        starts = sorted(start for start, _, _ in self.extract_docstrings(self.text))
        namespaces: defaultdict[int, dict[str, Any]] = defaultdict(dict)
        for example in super().examples():
            example.namespace = namespaces[bisect(starts, example.region.start)]
            yield example


pages = Sybil(
    parsers=[
        PythonCodeBlockParser(doctest_optionflags=doctest.ELLIPSIS),
        CodeBlockParser(language="console", evaluator=check_console),
    ],
    patterns=["*.md"],
)
docstrings = Sybil(
    parsers=[DocTestParser(optionflags=doctest.ELLIPSIS)],
    patterns=["*.py"],
    path="src",
    document_types={".py": Docstrings},
)
pytest_collect_file = (pages + docstrings).pytest()
