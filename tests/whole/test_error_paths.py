"""An error of a value begins with the value's own name, so a reader knows what was refused."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import numgenius_core

ROOT = Path(numgenius_core.__file__).parent
DOTTED = re.compile(r"[a-z_]+\.[a-z_{]")
OTHERS = {  # a value whose errors speak of another one, as a caller named it
    "ClaimEntered": "claim",
    "ClaimLeft": "claim",
    "Engine": "claim",
    "Repriced": "claim",
    "_Meter": "refunded",
}


def named_paths() -> Iterator[tuple[str, str, str]]:
    """Yield the file, the class and the first word of each path written out in a class."""
    for file in sorted(ROOT.rglob("*.py")):
        room = file.relative_to(ROOT).parts[0]
        if room in {"_command", "testing"}:
            continue
        for cls in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(cls, ast.ClassDef):
                calls = (each for each in ast.walk(cls) if isinstance(each, ast.Call))
                for text in (_first_text(argument) for call in calls for argument in call.args):
                    if DOTTED.match(text):
                        yield file.name, cls.name, text.split(".")[0]


def _first_text(argument: ast.expr) -> str:
    """Return the text that an argument is or begins with."""
    if isinstance(argument, ast.JoinedStr) and argument.values:
        argument = argument.values[0]
    value = argument.value if isinstance(argument, ast.Constant) else None
    return value if isinstance(value, str) else ""


def words(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def test_a_value_names_itself() -> None:
    found = set(named_paths())
    assert len(found) > 50
    wrong = [
        (file, cls, first)
        for file, cls, first in sorted(found)
        if not (first == OTHERS.get(cls) or f"_{words(cls)}".endswith(f"_{first}"))
    ]
    assert not wrong
    assert {cls for _, cls, _ in found} >= set(OTHERS)
