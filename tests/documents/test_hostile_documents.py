"""Whatever stands in a document, a reader answers with a value or with an error of ours.

A document of every promised class is drawn, and of a market, a command and an event of every kind;
in each place in turn stands something else: what is at an edge of its own kind, and what is of
another kind.
"""

from __future__ import annotations

import json
import pickle
import random
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import timedelta
from fractions import Fraction
from itertools import islice
from typing import Any, Final

import jsonschema
import pytest
from attrs import frozen, has
from hypothesis import HealthCheck, Phase, given, seed, settings

from effort import up_to
from house import FACES, load
from numgenius_core import Interval, Machine, Market, Offer
from numgenius_core.bids import AuctionResult
from numgenius_core.billing import Statement
from numgenius_core.documents import SCHEMA, from_json, json_schema, structure, to_json, unstructure
from numgenius_core.errors import InvalidDocument, NumgeniusError, RuleViolation, WrongType
from numgenius_core.market import commands as do
from numgenius_core.market.commands import Relist
from numgenius_core.market.journal import command_from_json, market_from_json, market_to_json
from numgenius_core.planning import read_price_series
from numgenius_core.sla import LinearCredit, Promise, SlaTerms
from numgenius_core.testing import values
from numgenius_core.wire import read_earnings, read_offers

CLASSES: Final = sorted(
    {
        kind
        for face in FACES
        for name in load(face).__all__
        if isinstance(kind := getattr(load(face), name), type) and has(kind)
    }
    - {Market}  # a snapshot is read by a function of its own
    - {getattr(load("testing"), name) for name in ("Law", "Rule")},  # functions are in them
    key=lambda kind: kind.__qualname__,
)
LONGEST: Final = timedelta.max // timedelta(seconds=1)
HOSTILE: Final[dict[str, list[Any]]] = {
    "duration": [f"PT{n}S" for n in (0, LONGEST, LONGEST + 1, 10**14 - 1, 10**14)] + ["PT-1S"],
    "instant": [
        *("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "0000-01-01T00:00:00Z"),
        *("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-02-30T00:00:00Z"),
    ],
    "number": [
        *("0", "-1", "1e5", "1/3", "-1/3", "1/0", "9" * 20, "9" * 21, "0." + "9" * 40),
        *("1/" + "9" * 200, "9" * 200 + "/1", "1 $/hour", "9" * 20 + " $/GB"),
    ],
    "text": ["", " ", "\0", "x" * 1_001, "on-demand"],
    "whole": [-(2**63) - 1, -(2**63), -1, 0, 2**63 - 1, 2**63, 10**299, 0.5, -0.0, 1e308],
    "other": [None, True, [], {}, [None], {"type": "Block"}],
}


def kind_of(value: object) -> str:
    """Return what stands in a place of a document."""
    if isinstance(value, str):
        forms = {"duration": r"PT\d+S", "instant": r"\d{4}-\d\d-.*", "number": r"-?\d.*"}
        return next((name for name, form in forms.items() if re.fullmatch(form, value)), "text")
    return "whole" if type(value) in (int, float) else "other"


def places(data: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield where each value of plain data stands, what holds it, and its key or index.

    Values of one list, and of one mapping from numbers, stand in the same place.
    """
    for key, value in list(data.items() if isinstance(data, dict) else enumerate(data)):
        where = f"{path}.{'' if isinstance(key, int) or key.isdecimal() else key}"
        yield where, data, key
        if isinstance(value, dict | list):
            yield from places(value, where)


def altered(document: Any) -> Iterator[Any]:
    """Yield a document with something else in each of its places in turn; a short run a part."""
    step = up_to(1, 5)
    return islice(_altered(document), random.randrange(step), None, step)


def _altered(document: Any) -> Iterator[Any]:
    others = [each for kind in HOSTILE.values() for each in kind]
    seen = set()
    for number, (where, holder, key) in enumerate(places(document)):
        before = holder[key]
        kind = kind_of(before)
        if (where, kind) in seen:  # the same code reads it
            continue
        seen.add((where, kind))
        for holder[key] in (*HOSTILE[kind], others[number % len(others)]):
            yield document
        holder[key] = before


def written(value: object) -> str:
    """Return a value as a document, a market as its snapshot."""
    return market_to_json(value) if isinstance(value, Market) else to_json(value)


def drawn_documents(cls: type, count: int) -> list[tuple[type, dict[str, Any]]]:
    """Return documents of a class with what they are of; none if there is no document."""
    drawn: list[Any] = []

    @seed(7)
    @settings(max_examples=count, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(values(cls))
    def draw(value: Any) -> None:
        drawn.append(value)

    draw()
    try:
        return [(type(value), json.loads(written(value))) for value in drawn]
    except WrongType:
        return []


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__qualname__)
def test_no_reader_raises_an_error_of_somebody_else(cls: type) -> None:
    value: object
    for kind, document in drawn_documents(cls, 2)[-1:]:
        for each in altered(document):
            try:
                value = from_json(json.dumps(each), kind)
            except NumgeniusError:
                continue
            assert str(value)
            assert repr(value)


def test_nor_does_that_of_a_market() -> None:
    [*_, (_, document)] = drawn_documents(Market, 2)
    for each in altered(document):
        with suppress(NumgeniusError):
            assert str(market_from_json(json.dumps(each)))


class TestDurations:
    """A duration is at most as long as there are any, in the schema as in the reader."""

    @pytest.mark.parametrize("digits", ["0", "9" * 13, "0" * 14])
    @pytest.mark.parametrize("seconds", [0, LONGEST - 10**11, LONGEST, LONGEST + 1, 10**14 - 1])
    def test_the_schema_takes_what_the_reader_takes(self, digits: str, seconds: int) -> None:
        for text in (f"PT{seconds}S", f"PT{digits}S", f"PT{digits}1S"):
            document = json.loads(to_json(Relist(by="hanna", machine=1))) | {"rolling": text}
            valid = jsonschema.Draft202012Validator(json_schema(Relist)).is_valid(document)
            faults = []
            try:
                command_from_json(json.dumps(document))
            except InvalidDocument as error:
                faults = [fault.path for fault in error.faults]
            assert faults == ([] if valid else ["command.rolling"])

    def test_the_longest_goes_both_ways(self) -> None:
        longest = timedelta(seconds=LONGEST)
        assert structure(unstructure(longest, timedelta), timedelta) == longest


# Of these a rule refuses something only because of another field, which may be what is wrong:
# a start after its end, say, or a test that is billed and not the host's own.
TOGETHER: Final = frozenset(
    {
        ("Contract", "billed_test"),
        ("FreeSpell", "began_after"),
        ("FreeSpell", "ended_by"),
        ("FreeSpell", "prices"),
        ("Interval", "end"),
        ("PriceSeries", "prices"),
        ("Recurrence", "zone"),
        ("SlaOutlook", "gains"),
        ("VolumeContract", "billed_test"),
    }
)


def faults_of(kind: type, document: dict[str, Any]) -> set[str] | None:
    """Return the fields that a document is refused for, ``None`` if it is not."""
    try:
        from_json(json.dumps(document), kind)
    except InvalidDocument as error:
        paths = (fault.path.partition(".")[2] for fault in error.faults)
        return {path.partition(".")[0].partition("[")[0] for path in paths}
    return None


class TestTheFaultsOfAllFieldsComeTogether:
    """Compatibility: "those that the rules see among them"."""

    @pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__qualname__)
    def test_what_is_refused_alone_is_refused_beside_others(self, cls: type) -> None:
        for kind, document in drawn_documents(cls, 2)[-1:]:
            wrong = {}
            for key in document.keys() - {"schema", "type"}:
                for value in HOSTILE[kind_of(document[key])]:
                    if faults_of(kind, document | {key: value}) == {key}:
                        wrong[key] = value
            missing = wrong.keys() - (faults_of(kind, document | wrong) or set())
            assert {(kind.__name__, key) for key in missing} <= TOGETHER

    @pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__qualname__)
    def test_what_is_right_is_not_refused_because_another_is_wrong(self, cls: type) -> None:
        chosen = random.Random(cls.__qualname__)
        for kind, document in drawn_documents(cls, 4):
            keys = sorted(document.keys() - {"schema", "type"})
            for _ in range(3):
                some = [key for key in keys if chosen.random() < 0.4]
                wrong = {key: chosen.choice([-1, "\0", 0.5, [None]]) for key in some}
                found = faults_of(kind, document | wrong) or set()
                assert found <= {*some}, wrong

    def test_the_rules_are_asked_of_each_field(self) -> None:
        wrong = {"id": -1, "host": "", "gpu_name": "", "gpus": 0, "disk_mb": -5, "disk_share": "2"}
        with pytest.raises(InvalidDocument) as caught:
            structure(wrong, Machine)
        assert [fault.path for fault in caught.value.faults] == [
            f"document.{name}" for name in wrong
        ]
        both = {"gpus": "2", "host": "", "colour": "red"}  # of its type, of the rules, and unknown
        with pytest.raises(InvalidDocument) as caught:
            structure(both, Machine)
        assert [str(fault).partition(",")[0] for fault in caught.value.faults] == [
            "document: need fields of Machine only",
            "document.id: need a value",
            "document.host: need 1 to 200 printable characters",
            "document.gpu_name: need a value",
            "document.gpus: need a whole number from -9",
        ]

    def test_what_may_be_right_is_left_alone(self) -> None:
        """An end before its start, where the start is none; a claim that is none, and a target."""
        end = "2026-01-01T00:00:00Z"
        assert faults_of(Interval, {"schema": SCHEMA, "type": "Interval", "end": end}) == {"start"}
        terms = json.loads(to_json(SlaTerms(Promise(claim="0.99"), "0.95")))
        terms["promise"]["claim"] = None
        assert faults_of(SlaTerms, terms) == {"promise"}

    def test_of_classes_of_somebody_else(self, monkeypatch: pytest.MonkeyPatch) -> None:
        @frozen
        class Own:
            name: str
            size: int
            share: Fraction = Fraction(1)

            def __attrs_post_init__(self) -> None:
                if len(self.name) < 2:
                    raise RuleViolation("own.name", "two characters", self.name)
                if self.size < 0:
                    raise RuleViolation("own.size", "a size", str(self.size))
                if self.share != 1:
                    raise RuleViolation("own", "a share of 1", str(self.share))
                if self.name == "UTC":  # of what stands in for a name, the first that is taken
                    assert 1 // (self.size - 1)

        def told(**changes: Any) -> list[str]:
            with pytest.raises(InvalidDocument) as caught:
                structure({"name": "ok", "size": 2} | changes, Own)
            return [str(fault).partition(":")[0] for fault in caught.value.faults]

        assert told(share="0.5") == ["document.own"]  # of no field alone
        assert told(name="", share="0.5") == ["document.name", "document.own"]
        assert told(name="", size=1) == ["document.name"]  # beside what stands in, it raises
        assert told(name=5, size=-1) == ["document.name", "document.size"]
        assert told(name=5, size=-1, share="0.5") == [
            *("document.name", "document.size", "document.own")
        ]
        monkeypatch.setattr("numgenius_core.documents._stand_ins._TRIES", 1)
        assert told(name="", size=-1) == ["document.name"]

    def test_who_raises_something_else_is_not_believed(self) -> None:
        @frozen
        class Own:
            name: str
            size: int

            def __attrs_post_init__(self) -> None:
                if not self.name:
                    raise RuleViolation("own.name", "a name", self.name)
                if self.name == "y":  # one that may stand in for a name
                    raise ZeroDivisionError
                if self.size < 0:
                    raise RuleViolation("own.size", "a size", str(self.size))

        with pytest.raises(InvalidDocument) as caught:
            structure({"name": "", "size": -1}, Own)
        assert [fault.path for fault in caught.value.faults] == ["document.name"]

    def test_of_many_objects_with_faults_each_is_told(self) -> None:
        """Until there are a hundred faults."""
        many = [{"id": 1, "host": "", "gpu_name": "", "gpus": 0}] * 1_000
        with pytest.raises(InvalidDocument) as caught:
            structure(many, tuple[Machine, ...])
        told = [fault.path for fault in caught.value.faults]
        assert told[:3] == [f"document[0].{name}" for name in ("host", "gpu_name", "gpus")]
        assert {path.partition(".")[0] for path in told} == {f"document[{n}]" for n in range(34)}


class TestFaultsHaveAnEnd:
    """Page: "With a hundred faults, a document is read no further"."""

    @staticmethod
    def refused(read: Callable[[], Any]) -> tuple[int, InvalidDocument]:
        """Return how many faults were made of what is refused, and its refusal."""
        made = 0
        init = RuleViolation.__init__

        def counted(self: RuleViolation, path: str, need: str, got: str) -> None:
            nonlocal made
            made += 1
            init(self, path, need, got)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(RuleViolation, "__init__", counted)
            with pytest.raises(InvalidDocument) as caught:
                read()
        return made, caught.value

    @pytest.mark.parametrize(
        ("kind", "wrong"),
        [
            (do.Rent, lambda n: {"volumes": ["x"] * n}),
            (do.Stop, lambda n: {f"f{i}": 1 for i in range(n)}),
            (Statement, lambda n: {"lines": [{}] * n}),
            (Offer, lambda n: {"extra": {"a": [float("nan")] * n}}),
            (AuctionResult, lambda n: {"payments": {f"x{i}": "1" for i in range(n)}}),
            (LinearCredit, lambda n: {"points": [["x", "y"]] * n}),
            (Sequence[Sequence[int]], lambda n: [["x"] * 3] * n),
        ],
    )
    def test_its_work_does_not_grow_with_them(self, kind: Any, wrong: Any) -> None:
        self.refused(lambda: structure(wrong(1), kind))  # what is worked out once for each class
        few, first = self.refused(lambda: structure(wrong(1_000), kind))
        many, second = self.refused(lambda: structure(wrong(4_000), kind))
        assert few == many < 1_000
        assert [str(each) for each in first.faults] == [str(each) for each in second.faults]
        assert len(second.faults) == 100
        assert second.more
        assert str(second).startswith("document: the first 100 faults\n")
        assert pickle.loads(pickle.dumps(second)).more

    @pytest.mark.parametrize(
        "read",
        [
            lambda n: read_offers(json.dumps([{"id": "x"}] * n)),
            lambda n: read_earnings(
                json.dumps({"sday": 1, "eday": 2, "per_machine": [{"machine_id": "x"}] * n})
            ),
            lambda n: read_price_series("time,price\n" + "x,y\n" * n),
        ],
    )
    def test_nor_does_it_of_what_others_wrote(self, read: Any) -> None:
        few, _ = self.refused(lambda: read(1_000))
        many, refusal = self.refused(lambda: read(4_000))
        assert few == many
        assert (len(refusal.faults), refusal.more) == (100, True)

    def test_fewer_are_all_there_are(self) -> None:
        _, refusal = self.refused(lambda: structure({"volumes": ["x"] * 90}, do.Rent))
        assert not refusal.more
        assert len(refusal.faults) == 93  # and three fields that are missing
