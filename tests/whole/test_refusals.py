"""What a refusal says, word for word: where, what was needed, what came."""

from __future__ import annotations

import pytest

from refusals import GOOD, NAMES, answer, calls, written

CALLS = list(calls())
WRITTEN = written()


class TestRefusalsAreInWriting:
    """DESIGN: "Errors are ours …, say where, what was needed, what came"."""

    @pytest.mark.parametrize("call", CALLS)
    def test_a_refusal_says_what_is_written(self, call: str) -> None:
        assert answer(call) == WRITTEN[call]

    def test_nothing_else_is_written(self) -> None:
        assert list(WRITTEN) == CALLS

    @pytest.mark.parametrize("function", GOOD)
    def test_without_the_mistake_there_is_none(self, function: str) -> None:
        arguments = ", ".join(f"{name}={value}" for name, value in GOOD[function].items())
        eval(f"{function}({arguments})", dict(NAMES))
