"""Every public method of every value refuses, in our words, what it cannot take."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from effort import up_to
from house import FACES, load
from numgenius_core.bids import BidBook
from numgenius_core.errors import NumgeniusError
from numgenius_core.market.logs import Log, MemoryLog, Writer
from numgenius_core.testing import values

JUNK: Final[tuple[Any, ...]] = (
    None,
    5,
    -1,
    "x",
    b"x",
    1.5,
    float("nan"),
    [],
    {},
    [object()],
    object(),
)
INSIDE: Final = frozenset({"Field.kept", "Field.of", "Market.after", "Market.due"})
LOGS: Final = st.builds(MemoryLog)
MADE: Final = {
    BidBook: st.builds(BidBook, st.just(8)),
    Log: LOGS,
    MemoryLog: LOGS,
    Writer: st.builds(Writer, LOGS),
}


def classes() -> Iterator[type]:
    """Yield the promised classes whose values a user has."""
    for name in FACES:
        if name not in ("errors", "testing", "plots"):
            for each in load(name).__all__:
                found = getattr(load(name), each)
                if inspect.isclass(found) and not getattr(found, "_is_protocol", False):
                    yield found


def methods(cls: type) -> list[str]:
    """Return the public methods of a class that need an argument."""
    found = []
    for name in dir(cls):
        raw = inspect.getattr_static(cls, name)
        bound = isinstance(raw, classmethod | staticmethod)
        if name.startswith("_") or not (bound or inspect.isfunction(raw)):
            continue
        needed = [p for p in inspect.signature(getattr(cls, name)).parameters.values() if _open(p)]
        if len(needed) > (not bound) and f"{cls.__name__}.{name}" not in INSIDE:
            found.append(name)
    return found


def _open(parameter: inspect.Parameter) -> bool:
    return parameter.default is parameter.empty and parameter.kind in {
        parameter.POSITIONAL_ONLY,
        parameter.POSITIONAL_OR_KEYWORD,
        parameter.KEYWORD_ONLY,
    }


def called(method: Any, junk: object) -> None:
    """Call a method with something for every argument that it needs; our refusals are fine."""
    needed = [p for p in inspect.signature(method).parameters.values() if _open(p)]
    unnamed = [junk for p in needed if p.kind is not p.KEYWORD_ONLY]
    named = {p.name: junk for p in needed if p.kind is p.KEYWORD_ONLY}
    with suppress(NumgeniusError):
        method(*unnamed, **named)


METHODS: Final = [(cls, name) for cls in classes() for name in methods(cls)]


class TestWhatNoMethodTakes:
    """DESIGN: "No assertion, KeyError or traceback of someone else's reaches a user"."""

    def test_there_are_many(self) -> None:
        assert len(METHODS) > 80

    @pytest.mark.parametrize(
        ("cls", "name"), METHODS, ids=lambda part: getattr(part, "__name__", part)
    )
    def test_only_our_errors_come_out(self, cls: type, name: str) -> None:
        if isinstance(inspect.getattr_static(cls, name), classmethod | staticmethod):
            for junk in JUNK:
                called(getattr(cls, name), junk)
            return

        @settings(
            max_examples=up_to(10, 1),
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(value=MADE[cls] if cls in MADE else values(cls))
        def every(value: Any) -> None:
            for junk in JUNK:
                called(getattr(value, name), junk)

        every()
