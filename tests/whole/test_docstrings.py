"""What is promised says what it is: a docstring that stands on its own, with an example that runs.

That the examples run, and each by itself, is tested where they stand (``pytest src``).
"""

from __future__ import annotations

import ast
import doctest
import inspect
import re
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Final, Protocol, get_args

import attrs
import pytest

from house import FACES, SOURCES, load
from numgenius_core import bids, billing, market

# What is shown at work on a page of the reference, where one leads to the other: see below.
REFERENCE: Final = Path(__file__).parent.parent.parent / "docs" / "reference"
AT_WORK: Final = {
    "market.commands": "commands-and-events.md",
    "market.events": "commands-and-events.md",
    "errors": "errors.md",
}
# What a history or a book of bids is told: one of them alone shows nothing, so ``History`` and
# ``BidBook`` show them at work, and the type that joins them says what they are for.
TOLD: Final = {*get_args(billing.Fact), *get_args(bids.BookEvent)}
# What events lead to: ``Market`` shows them.
STATES: Final = {market.Instance, market.MachineState}


def made_by_users(value: object) -> bool:
    """Return whether a promised name is a function, or a class whose instances people make.

    A class that people make checks what it is given. A result does not, since only a rule of this
    package makes it: the example of that rule shows it.
    """
    if not isinstance(value, type):
        return inspect.isroutine(value) or hasattr(value, "cache_info")  # as lru_cache leaves one
    if issubclass(value, BaseException | Enum) or inspect.isabstract(value):
        return False
    if Protocol in value.__bases__:
        return False
    if attrs.has(value):
        checked = hasattr(value, "__attrs_post_init__")
        return checked and value not in TOLD | STATES
    return inspect.isfunction(value.__init__)


PROMISED: Final = {
    (face, name): getattr(load(face), name)
    for face in FACES
    if face not in AT_WORK
    for name in load(face).__all__
    if made_by_users(getattr(load(face), name))
}


def docstrings(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the docstrings of a module with the lines they stand at, those of constants too."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            text = node.value.value
            if isinstance(text, str):
                yield node.lineno, text


def joined(text: str) -> str:
    """Return a text as one line."""
    return " ".join(text.split())


class TestEachPromisedNameHasAnExample:
    """Issue: "each promised function, and each class that a user makes, has … one example"."""

    def test_there_are_promised_names_of_every_kind(self) -> None:
        assert {("units", "to_bytes"), ("money", "Money"), ("offer", "Offer")} <= PROMISED.keys()
        assert ("listing", "Mode") not in PROMISED
        assert ("errors", "WrongType") not in PROMISED
        assert ("ids", "MachineId") not in PROMISED
        assert ("contracts", "Contract") in PROMISED
        assert ("contracts", "Extension") not in PROMISED
        assert ("billing", "Moved") not in PROMISED

    @pytest.mark.parametrize(("face", "name"), PROMISED)
    def test_its_docstring_has_an_example(self, face: str, name: str) -> None:
        assert ">>> " in (vars(load(face))[name].__doc__ or "")


# Asked in the inner loops of bills, of instants that were checked; given nothing; a state that only
# a market makes.
REFUSES_NOTHING: Final = {
    ("intervals", "total_seconds"),
    ("wire", "read_sample"),
    ("market", "Account"),
}


class TestEachPromisedNameSaysWhatItRefuses:
    """House: "Public docstrings stand on their own: meaning, units, shapes, errors"."""

    @pytest.mark.parametrize(("face", "name"), [each for each in PROMISED if each[0] != "testing"])
    def test_its_docstring_names_errors(self, face: str, name: str) -> None:
        text = vars(load(face))[name].__doc__ or ""
        says = re.search(r"Raises:|\braises ``|is refused as :class:", text) is not None
        assert says is ((face, name) not in REFUSES_NOTHING)


def shown_at_work(face: str, code: str) -> set[str]:
    """Return which names of a face a source puts to work: gives, finds, or catches."""
    found = set()
    for node in ast.walk(ast.parse(code)):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name("do"), attr=name)):
                found.add(("market.commands", name))
            case ast.Call(
                func=ast.Name("find_event" | "find_events"),
                args=[_, ast.Attribute(value=ast.Name("it"), attr=name)],
            ):
                found.add(("market.events", name))
            case ast.ExceptHandler(type=ast.Name(name)):
                found.add(("errors", name))
            case ast.Call(
                func=ast.Attribute(attr="simplefilter"),
                args=[ast.Constant("error"), ast.Name(name)],
            ):
                found.add(("errors", name))
    return {name for where, name in found if where == face}


def to_be_shown(face: str) -> set[str]:
    """Return the commands, the events or the errors of a face, without what only joins them."""
    names = set(load(face).__all__)
    return names - {"AnyCommand", "Command", "Event", "StopReason"}


def code_of(page: Path) -> str:
    examples = doctest.DocTestParser().get_examples(page.read_text("utf-8"))
    return "\n".join(example.source for example in examples)


class TestCommandsEventsAndErrorsAreShownAtWork:
    """Issue: "commands, events and errors have theirs on their reference page".

    That the pages run, and print what they say, is tested with them (``pytest docs``).
    """

    @pytest.mark.parametrize(("face", "page"), AT_WORK.items())
    def test_each_is_in_the_code_of_its_page(self, face: str, page: str) -> None:
        assert to_be_shown(face) - shown_at_work(face, code_of(REFERENCE / page)) == set()

    @pytest.mark.parametrize(("face", "page"), AT_WORK.items())
    def test_that_page_has_their_fields(self, face: str, page: str) -> None:
        assert f".. automodule:: numgenius_core.{face}\n" in (REFERENCE / page).read_text("utf-8")

    @pytest.mark.parametrize(
        ("face", "code"),
        [
            ("market.commands", "tell(do.Label(by='ann', contract=2, label='a'))"),
            ("market.events", "find_event(events, it.InstanceLabelled)"),
            ("errors", "try:\n    pass\nexcept InUse:\n    pass"),
        ],
    )
    def test_one_that_is_missing_would_be_seen(self, face: str, code: str) -> None:
        """Naming it, or importing it, is not enough."""
        (name,) = shown_at_work(face, code)
        assert name in to_be_shown(face)
        assert (
            shown_at_work(face, f"from there import {name}\nit.{name}\nprint(do.{name})") == set()
        )


class TestDocstringsNameThings:
    """HOUSE: "``Raises:`` says what a caller can do wrong, not 'something of the wrong type'"."""

    def test_no_docstring_says_of_the_wrong_type(self) -> None:
        words = "of the wrong type"
        # Most have it nowhere, and need not be parsed.
        near = {name for name, path in SOURCES.items() if words in joined(path.read_text("utf-8"))}
        said = [
            (name, line)
            for name in near
            for line, text in docstrings(SOURCES[name])
            if words in joined(text)
        ]
        assert said == []

    def test_nothing_shipped_points_at_notes_that_no_user_has(self) -> None:
        """Rules are named by the pages' words: G1 to G13 of the hosting guide, the rule pages."""
        notes = re.compile(r"\b(DOMAIN|DESIGN|HOUSE|MARKET_PAGES|VASTAI_CLI)\b")
        texts = {name: path.read_text("utf-8") for name, path in SOURCES.items()}
        assert [name for name, text in texts.items() if notes.search(text)] == []
