"""Errors say where, what was needed and what came, to people and to programs."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction

import pytest

from numgenius_core import errors
from numgenius_core.errors import (
    Conflict,
    FloorAbovePrice,
    IllegalMove,
    InvalidDocument,
    MissingExtra,
    NumgeniusError,
    NumgeniusWarning,
    ParseError,
    ReactionRefused,
    RuleViolation,
    WrongType,
    shown,
)

FAULT = RuleViolation("listings[3].min_gpu", "a power of two", "3")
ALL = [
    FAULT,
    WrongType("money", "dollars", "0.1"),
    ParseError("query", "a field", "'gpuname'"),
    IllegalMove("expired", "start", ("destroy",)),
    ReactionRefused("ChargeDue", str(FAULT)),
    Conflict(3, 5),
    Conflict(5, 5, "order 7"),
    InvalidDocument("offers.json", [FAULT, WrongType("[0].id", "a whole number", "'x'")]),
    MissingExtra("a table in colour", "rich"),
]


class TestSaysWhereNeedAndGot:
    """DESIGN: "errors say where, what was needed, what came"."""

    def test_the_text_has_all_three(self) -> None:
        assert str(FAULT) == "listings[3].min_gpu: need a power of two, got 3"

    def test_the_parts_are_attributes(self) -> None:
        assert (FAULT.path, FAULT.need, FAULT.got) == ("listings[3].min_gpu", "a power of two", "3")

    @pytest.mark.parametrize(
        ("path", "prefix", "whole"),
        [
            ("min_gpu", "listing", "listing.min_gpu"),
            ("[2].id", "offers", "offers[2].id"),
            ("", "offers.json", "offers.json"),
        ],
    )
    def test_at_tells_the_place_from_further_out(self, path: str, prefix: str, whole: str) -> None:
        fault = WrongType(path, "a number", "'x'").at(prefix)
        assert fault.path == whole
        assert type(fault) is WrongType
        assert (fault.need, fault.got) == ("a number", "'x'")

    def test_an_illegal_move_lists_the_legal_ones(self) -> None:
        error = IllegalMove("paused", "resume", ("stop", "destroy"))
        assert str(error) == "resume: not possible while paused; possible is: stop, destroy"
        assert (error.state, error.event, error.legal) == ("paused", "resume", ("stop", "destroy"))

    def test_an_illegal_move_at_the_end_has_nothing_to_list(self) -> None:
        assert str(IllegalMove("destroyed", "stop", ())).endswith("possible is: nothing")

    def test_a_missing_extra_says_how_to_install_it(self) -> None:
        error = MissingExtra("a table in colour", "rich")
        assert str(error) == (
            "a table in colour needs an extra: pip install 'numgenius-core[rich]'"
        )
        assert (error.feature, error.extra) == ("a table in colour", "rich")


class TestDocumentsReportAllFaults:
    """DESIGN: "a document's faults are reported together"."""

    def test_one_fault_is_singular(self) -> None:
        assert str(InvalidDocument("a.json", [FAULT])) == f"a.json: 1 fault\n  {FAULT}"

    def test_faults_keep_their_order_from_any_iterable(self) -> None:
        faults = [RuleViolation(f"[{i}]", "x", "y") for i in range(3)]
        error = InvalidDocument("a.json", iter(faults))
        assert error.faults == tuple(faults)
        assert error.source == "a.json"
        assert str(error).splitlines() == ["a.json: 3 faults", *(f"  {fault}" for fault in faults)]

    @pytest.mark.parametrize(("count", "lines"), [(20, 21), (21, 22), (500, 22)])
    def test_the_text_stops_at_twenty(self, count: int, lines: int) -> None:
        error = InvalidDocument("a.json", [FAULT] * count)
        text = str(error).splitlines()
        assert len(text) == lines
        assert len(error.faults) == count
        assert (text[-1] == f"  … and {count - 20} more") is (count > 20)


class TestBuiltinHandlersWork:
    """Module: "each is a built-in exception too"."""

    @pytest.mark.parametrize(
        ("kind", "base"),
        [
            (RuleViolation, ValueError),
            (WrongType, ValueError),
            (WrongType, TypeError),
            (WrongType, RuleViolation),
            (ParseError, RuleViolation),
            (IllegalMove, RuntimeError),
            (ReactionRefused, RuntimeError),
            (InvalidDocument, ValueError),
            (MissingExtra, ImportError),
            (NumgeniusWarning, UserWarning),
            (FloorAbovePrice, NumgeniusWarning),
        ],
    )
    def test_each_is_what_others_catch(self, kind: type, base: type) -> None:
        assert issubclass(kind, base)

    def test_every_error_has_the_one_base(self) -> None:
        kinds = [getattr(errors, name) for name in errors.__all__]
        for kind in kinds:
            assert issubclass(kind, (NumgeniusError, Warning))


class TestErrorsTravel:
    """An error crosses processes and copies with all its parts."""

    @pytest.mark.parametrize("error", ALL, ids=lambda e: type(e).__name__)
    @pytest.mark.parametrize("travel", [copy.copy, lambda e: pickle.loads(pickle.dumps(e))])
    def test_text_and_attributes_survive(
        self, error: NumgeniusError, travel: Callable[[NumgeniusError], NumgeniusError]
    ) -> None:
        back = travel(error)
        assert type(back) is type(error)
        assert str(back) == str(error)
        plain = {k: v for k, v in vars(error).items() if k != "faults"}
        assert {k: v for k, v in vars(back).items() if k != "faults"} == plain


class _Hostile:
    def __repr__(self) -> str:
        raise RuntimeError("no")


class TestShownIsShortAndSafe:
    """A bad value is repeated in its error, whatever it is."""

    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (3, "3"),
            ("x", "'x'"),
            (True, "True"),
            (2**256 - 1, None),
            (2**256, "an integer of 257 bits"),
            ([10**5_000], "a list"),  # its text is refused by Python
            (_Hostile(), "a _Hostile"),
            ("a" * 78, "'" + "a" * 78 + "'"),
            (Decimal("0.10"), "0.10"),
            (Fraction(-1, 3), "-1/3"),
            (Fraction(1, 10**99), "1/1" + "0" * 76 + "…"),
            ("a" * 79, "'" + "a" * 78 + "…"),
            ("\ud800", r"'\ud800'"),
        ],
    )
    def test_what_it_says(self, value: object, text: str | None) -> None:
        said = shown(value)
        assert len(said) <= 80
        assert said == (str(value) if text is None else text)
        said.encode()  # a message must be printable anywhere

    def test_a_number_too_long_to_print_is_measured(self) -> None:
        assert shown(-(10**100_000)) == "an integer of 332193 bits"
