"""What a refusal says, word for word: where, what was needed, what came."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

import pytest

from refusals import GOOD, NAMES, answer, calls, written

CALLS = list(calls())
WRITTEN = written()


def _function(call: str) -> Callable[..., Any]:
    """Return what a call calls."""
    found: Callable[..., Any] = eval(call.partition("(")[0], dict(NAMES))
    return found


class TestRefusalsAreInWriting:
    """DESIGN: "Errors are ours …, say where, what was needed, what came"."""

    @pytest.mark.parametrize("call", CALLS)
    def test_a_refusal_says_what_is_written(self, call: str) -> None:
        assert answer(call) == WRITTEN[call]

    def test_nothing_else_is_written(self) -> None:
        assert list(WRITTEN) == CALLS

    def test_the_argument_that_is_refused_is_named(self) -> None:
        """As it is called there; a function that is told what to call it is told so by ``path``."""
        wrong = {}
        for call, message in WRITTEN.items():
            given = re.search(r"(\w+)=\.\.\.", call)
            if given is None or "path" in inspect.signature(_function(call)).parameters:
                continue
            if given[1] not in re.split(r"\W+", message.partition(": need")[0]):
                wrong[call] = message
        assert wrong == {}

    @pytest.mark.parametrize("function", GOOD)
    def test_without_the_mistake_there_is_none(self, function: str) -> None:
        arguments = ", ".join(f"{name}={value}" for name, value in GOOD[function].items())
        eval(f"{function}({arguments})", dict(NAMES))
