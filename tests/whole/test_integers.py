"""An integer of another class, such as NumPy's, is taken where an ``int`` is, and kept as one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from enum import IntEnum
from fractions import Fraction
from functools import cache
from typing import Any, Final

import pytest
from attrs import evolve, fields, has

import document_values as known
import refusals
from full_market import full_market
from market_world import START
from numgenius_core import Interval, Mode, Money, PerGbMonth, PerGpuHour, PerHour, quote
from numgenius_core.bids import BidBook
from numgenius_core.errors import NumgeniusError, WrongType
from numgenius_core.gpus import blocks, defragment, first_fit, free_blocks, gpu_set, offer_sizes
from numgenius_core.intervals import fixed_duration, from_epoch, parse_duration
from numgenius_core.market import commands as c, views
from numgenius_core.offer import Block
from numgenius_core.whatif import Demand, Observed


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


class _Asked:
    """Questions of a market that has everything, each by a number."""

    def __init__(self) -> None:
        self.full = full_market()
        self.market, self.now = self.full.world.market, self.full.world.now

    def of(self, one: Any) -> list[object]:
        """Ask by numbers of the class of ``one``."""
        full, market, period = self.full, self.market, Interval(START, self.now)
        kind: Any = type(one)
        rented, waiting, offer, kept = map(
            kind, (full.promised, full.waiting, full.offer, full.kept)
        )
        return [
            views.instance(market, rented),
            views.deposit_of(market, kind(full.reserved), self.now),
            views.uptime_history(market, one, self.now, contract=rented, archive={}),
            views.promise_of(market, rented, self.now),
            views.statement_of(market, rented, period),
            views.why_waiting(market, waiting),
            views.offer(market, offer, self.now),
            views.winning_bid_of(market, offer),
            views.volume(market, kept),
            views.volume_statement_of(market, kept, period),
        ]


@cache
def _market_of_all() -> _Asked:
    return _Asked()


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
    "steps": (lambda n: PerHour.from_steps(n).charge(3_600), 2 * 10**12),
    "a length typed": (parse_duration, 60),
    "a fixed length": (fixed_duration, 60),
    "an instant": (from_epoch, 1_772_366_405),
    "what moves": (
        lambda n: defragment(4, 1, {n: Block(0, 1), 8: Block(2, 1)}, [n, 8], 2),
        7,
    ),
    "a demand": (
        lambda n: Demand(
            per_day=n,
            sizes={n: n},
            stays=Observed([1]),
            modes={Mode.ON_DEMAND: n},
            by_hour=[n] * 24,
        ),
        2,
    ),
    "what is kept there": (lambda n: _market_of_all().of(n), 1),
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
            assert repr(found) == repr(want), name
            if not isinstance(want, BidBook):  # none that compares
                assert found == want, name

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
