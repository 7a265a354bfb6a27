"""An integer of another class, such as NumPy's, is taken where an ``int`` is, and kept as one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from enum import IntEnum
from fractions import Fraction
from typing import Any, Final

import pytest
from attrs import evolve, fields, has

import document_values as known
import refusals
from numgenius_core import Money, PerGbMonth, PerGpuHour, PerHour, quote
from numgenius_core.errors import NumgeniusError, WrongType
from numgenius_core.gpus import blocks, defragment, first_fit, free_blocks, gpu_set, offer_sizes
from numgenius_core.market import commands as c


class Index:
    """What is no ``int`` and stands for one, as NumPy's integers do."""

    def __init__(self, value: int) -> None:
        self.value = value

    def __index__(self) -> int:
        return self.value

    def __eq__(self, other: object) -> bool:
        return self.value == other

    def __hash__(self) -> int:
        return hash(self.value)


class Small(IntEnum):
    """A class derived from ``int``: it may say another number than it holds."""

    TWO = 2


WHOLE: Final = {
    function: given
    for function, arguments in refusals.GOOD.items()
    if (
        given := [
            name
            for name, text in arguments.items()
            if type(eval(text, dict(refusals.NAMES))) is int
        ]
    )
}
"""Each function that takes a whole number, and which of its arguments are one."""
FIELDS: Final = [
    pytest.param(value, each.name, id=f"{type(value).__name__}.{each.name}")
    for value in vars(known).values()
    if has(type(value))
    for each in fields(type(value))
    if each.init and type(getattr(value, each.name)) is int
]
CALLS: Final[dict[str, tuple[Callable[[Any], object], int]]] = {
    "blocks": (lambda n: blocks(n, n), 4),
    "blocks of old": (lambda n: blocks(n, n, observed=True), 3),
    "sizes": (lambda n: offer_sizes(n, 1), 8),
    "slots": (lambda n: gpu_set([n], 8), 3),
    "free": (lambda n: free_blocks(8, 1, free=n), 15),
    "fit": (lambda n: first_fit(n, 1, free=n, size=n), 4),
    "defragment": (lambda n: defragment(4, n, {}, (), 2), 1),
    "money": (Money, 5),
    "ticks": (Money.from_ticks, 5),
    "times": (lambda n: (Money(1) * n, n * Money(1)), 5),
    "scaled": (lambda n: PerHour(1).scaled(n), 5),
    "rate": (PerHour, 5),
    "from a float": (PerHour.from_float, 5),
    "charge": (lambda n: PerHour(1).charge(n), 5),
    "charge of GPUs": (lambda n: PerGpuHour(1).charge(n, n), 5),
    "charge of a disk": (lambda n: PerGbMonth(1).charge(n, n), 5),
    "disk": (lambda n: quote(known.OFFER, timedelta(hours=1), disk=n, upload=n).lines, 5),
    "ids": (lambda n: c.RemoveMachine(by="hanna", machine=n), 5),
}
NUMBERS: Final[list[Any]] = [Index, pytest.param("numpy", id="numpy")]


def made(kind: Any, value: int) -> Any:
    """Return a whole number of another class."""
    if kind == "numpy":
        numpy = pytest.importorskip("numpy")
        return numpy.int64(value) if value < 2**63 else numpy.uint64(value)
    return kind(value)


@pytest.mark.parametrize("kind", NUMBERS)
class TestAnIntegerIsTaken:
    """DESIGN: "a number is taken exactly, or refused": one of NumPy's says what it says."""

    @pytest.mark.parametrize("function", WHOLE)
    def test_by_every_function(self, function: str, kind: Any) -> None:
        given = {
            name: eval(text, dict(refusals.NAMES)) for name, text in refusals.GOOD[function].items()
        }
        want = eval(function, dict(refusals.NAMES))(**given)
        for name in WHOLE[function]:
            other = {**given, name: made(kind, given[name])}
            found = eval(function, dict(refusals.NAMES))(**other)
            if " at 0x" not in repr(want):  # a book is none that compares
                assert found == want, name
                assert repr(found) == repr(want), name

    @pytest.mark.parametrize(("value", "name"), FIELDS)
    def test_by_every_field_and_kept_as_an_int(self, value: Any, name: str, kind: Any) -> None:
        number = getattr(value, name)
        found = evolve(value, **{name: made(kind, number)})
        assert type(getattr(found, name)) is int
        assert found == value

    @pytest.mark.parametrize("call", CALLS)
    def test_by_what_is_called_otherwise(self, call: str, kind: Any) -> None:
        ask, number = CALLS[call]
        assert repr(ask(made(kind, number))) == repr(ask(number))


class TestWhatIsNone:
    """What is no whole number is refused as before."""

    @pytest.mark.parametrize(
        "bad", [True, 1.0, 2.5, Decimal("NaN"), "x", None, Small.TWO, Fraction(1, 2)]
    )
    def test_is_refused(self, bad: Any) -> None:
        for ask, _ in (CALLS["slots"], CALLS["sizes"], CALLS["times"], CALLS["charge"]):
            with pytest.raises(WrongType):
                ask(bad)

    def test_a_float_is_told_what_to_do(self) -> None:
        numpy = pytest.importorskip("numpy")
        bad: Any
        for bad in (0.1, numpy.float64(0.1)):
            with pytest.raises(WrongType, match="or use from_float"):
                Money(bad)
        for bad in (True, numpy.bool_(True), numpy.float32(1)):
            with pytest.raises(NumgeniusError):
                offer_sizes(bad, 1)
