"""JSON of our own: documents, their faults, their schema, and the golden ones."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from enum import Enum
from fractions import Fraction
from importlib.resources import files
from inspect import signature
from pathlib import Path
from types import MappingProxyType
from typing import Any, Union, get_args

import jsonschema
import pytest
from attrs import Factory, evolve, field, fields, frozen, make_class
from hypothesis import given, strategies as st
from referencing import Registry, Resource

from document_values import CONTRACT, HISTORY, LISTING, OFFER, PRICES, QUOTE, STATEMENT, VALUES
from numgenius_core._numbers import fraction
from numgenius_core._tables import Tabular
from numgenius_core.billing import Moved, Prepaid, Rebid
from numgenius_core.contracts import InstanceEvent
from numgenius_core.documents import (
    SCHEMA,
    _classes,
    _convert,
    from_json,
    json_schema,
    structure,
    to_json,
    unstructure,
)
from numgenius_core.documents._convert import _DOCUMENTS
from numgenius_core.errors import InvalidDocument, ParseError, RuleViolation, WrongType
from numgenius_core.ids import AccountId, ContractId
from numgenius_core.intervals import Interval
from numgenius_core.listing import Mode
from numgenius_core.market import Market, Settings, commands as do
from numgenius_core.market.events import Event
from numgenius_core.market.journal import Snapshot
from numgenius_core.market.logs import Checkpoint, Transaction
from numgenius_core.money import MAX_MONEY, TICKS_PER_DOLLAR, Money
from numgenius_core.offer import Block, Offer
from numgenius_core.prices import CurveSchedule, LinearSchedule, ReservedSchedule, StepSchedule
from numgenius_core.rates import PerGb, PerGbMonth, PerGpuHour, PerHour, Rate
from numgenius_core.search import SearchRequest, parse
from numgenius_core.whatif import Exponential, PerKwh, Power

GOLDEN = Path(__file__).parent.parent / "golden" / "1"
examples = pytest.mark.parametrize("name", sorted(VALUES))


@frozen(kw_only=True)
class Everything:
    """A class with a field of every kind that documents hold."""

    contract: ContractId
    account: AccountId | None
    blocks: tuple[Block, ...]
    pairs: tuple[tuple[Fraction, Money], ...]
    days: frozenset[int]
    fact: Moved | Prepaid | None
    price: PerGpuHour
    any_price: PerHour | PerGbMonth | PerGb
    old: Rate | Fraction
    weight: Fraction | int
    change: Rate | Money | None
    schedule: ReservedSchedule
    payments: Mapping[ContractId, PerHour]
    names: Mapping[str, bool]
    since: datetime
    length: timedelta | None
    mode: Mode
    extra: Mapping[str, Any] = field(factory=dict)
    ready: bool = True


EVERYTHING = Everything(
    contract=ContractId(2**63 - 1),
    account=AccountId("ben"),
    blocks=(Block(start=0, size=1), Block(start=2, size=2)),
    pairs=((Fraction(1, 3), Money("-0.1")), (Fraction(-7, 2), Money.from_ticks(1))),
    days=frozenset({40, 7, 3}),  # not in the order in which a set tells them
    fact=Moved(at=CONTRACT.start, event=InstanceEvent.LOADED),
    price=PerGpuHour("0.000000000001"),
    any_price=PerGb("0.02"),
    old=Fraction(1, 4),
    weight=3,
    change=PerGpuHour(5),
    schedule=CurveSchedule(Fraction(1, 4)),
    payments={ContractId(4): PerHour(1), ContractId(0): PerHour(0)},
    names={"a": True, "": False},
    since=CONTRACT.start,
    length=timedelta(days=400, seconds=1),
    mode=Mode.RESERVED,
    extra={"deep": [{"x": 1.5}, None, "é"]},
    ready=False,
)


def faults(kind: Any, data: object) -> list[tuple[str, str]]:
    """Return path and need of each fault of a document."""
    with pytest.raises(InvalidDocument) as caught:
        structure(data, kind)
    return [(fault.path, fault.need) for fault in caught.value.faults]


def data_of(value: object, **changes: object) -> dict[str, Any]:
    """Return a value as data, with changes."""
    return {**unstructure(value), **changes}


class TestWhatIsWrittenIsReadAgain:
    """Issue: "JSON of ours with schema version"; numbers exact, every value the same again."""

    @examples
    def test_every_class_comes_back_equal(self, name: str) -> None:
        value = VALUES[name]
        assert from_json(to_json(value)) == value
        assert from_json(to_json(value, indent=2).encode(), type(value)) == value
        assert structure(unstructure(value), type(value)) == value

    def test_every_class_has_an_example(self) -> None:
        assert {name.partition(".")[0] for name in VALUES} == set(_DOCUMENTS)

    @pytest.mark.parametrize(
        "changes",
        [
            {},
            {"account": None, "fact": None, "length": None, "change": None},
            {"fact": Prepaid(at=CONTRACT.start, amount=Money("0.1"), discount=Fraction(0))},
            {"any_price": PerHour(1), "old": PerGbMonth("0.1"), "weight": Fraction(1, 7)},
            {"change": Money.from_ticks(-5), "schedule": StepSchedule.of({1: "0.2"})},
            {"schedule": LinearSchedule.of({1: "0.2"}), "blocks": (), "payments": {}},
        ],
    )
    def test_a_class_of_any_fields_has_a_form(self, changes: dict[str, Any]) -> None:
        value = evolve(EVERYTHING, **changes)
        assert from_json(to_json(value), Everything) == value
        assert type(structure(unstructure(value), Everything).payments) is dict

    def test_a_price_of_another_room_is_one_too(self) -> None:
        power = Power(price=PerKwh("0.15"), gpu_watts=350)
        assert unstructure(power)["price"] == "0.15"
        assert from_json(to_json(power), Power) == power

    def test_a_union_says_which_class_it_is(self) -> None:
        facts: Any = tuple[Moved | Rebid, ...]
        value = (
            Moved(at=CONTRACT.start, event=InstanceEvent.LOADED),
            Rebid(at=CONTRACT.start, bid=PerHour(1)),
        )
        data = unstructure(value, facts)
        assert [item["type"] for item in data] == ["Moved", "Rebid"]
        assert structure(data, facts) == value
        text = to_json(value[1])
        assert from_json(text, Moved | Rebid) == value[1]

    def test_a_value_of_a_derived_class_is_never_written_as_less(self) -> None:
        wide = make_class("Wide", {"note": field(type=str)}, bases=(Block,), frozen=True)
        more = wide(start=0, size=1, note="kept")
        assert from_json(to_json(more), wide) == more
        for hint in (Block, Block | None, tuple[Block, ...], Mapping[str, Block]):
            value: Any = {"x": more} if hint == Mapping[str, Block] else more
            value = (more,) if hint == tuple[Block, ...] else value
            with pytest.raises(WrongType, match=r"^value: need a Block and no other class, got "):
                unstructure(value, hint)

    def test_fields_are_written_even_at_their_defaults(self) -> None:
        assert unstructure(PRICES)["download"] == "0.01"
        assert json.loads(to_json(CONTRACT))["bid"] is None
        assert set(json.loads(to_json(OFFER))) > {"schema", "type", "rentable", "extra"}

    def test_a_field_with_a_default_may_be_missing(self) -> None:
        data = unstructure(PRICES)
        del data["download"]
        assert structure(data, type(PRICES)) == evolve(PRICES, download=PerGb(0))

    def test_numbers_look_as_promised(self) -> None:
        data = unstructure(EVERYTHING)
        assert data["price"] == "0.000000000001"
        assert data["any_price"] == "0.02 $/GB"
        assert data["change"] == "5 $/GPU-hour"
        assert data["pairs"] == [["1/3", "-0.1"], ["-3.5", f"1/{TICKS_PER_DOLLAR}"]]
        assert data["length"] == f"PT{400 * 86_400 + 1}S"
        assert data["since"] == "2026-01-01T00:00:00Z"
        assert list(EVERYTHING.days) != sorted(EVERYTHING.days)
        assert data["days"] == [3, 7, 40]
        assert data["payments"] == {"4": "1", "0": "0"}


class TestNumbersStayExact:
    """DESIGN: "no charge is ever rounded": not on the way through a document either."""

    @given(st.integers(-MAX_MONEY * TICKS_PER_DOLLAR, MAX_MONEY * TICKS_PER_DOLLAR))
    def test_money(self, ticks: int) -> None:
        for money in (Money.from_ticks(ticks), Money.from_ticks(ticks).rounded(12)):
            assert structure(unstructure(money, Money), Money) == money

    @given(st.integers(0, 10**18), st.sampled_from([PerGpuHour, PerHour, PerGbMonth, PerGb]))
    def test_rates(self, steps: int, kind: type[Rate]) -> None:
        rate = kind.from_steps(steps)
        assert structure(unstructure(rate, kind), kind) == rate
        assert structure(unstructure(rate, Rate), Rate) == rate
        assert kind(unstructure(rate, kind)) == rate

    @given(st.fractions())
    def test_shares(self, share: Fraction) -> None:
        assert structure(unstructure(share, Fraction), Fraction) == share

    @given(st.datetimes(timezones=st.just(UTC)).map(lambda at: at.replace(microsecond=0)))
    def test_instants(self, at: datetime) -> None:
        text = unstructure(at, datetime)
        assert structure(text, datetime) == at
        assert len(text) == 20

    @given(st.integers(0, 10**9))
    def test_durations(self, seconds: int) -> None:
        length = timedelta(seconds=seconds)
        assert structure(unstructure(length, timedelta), timedelta) == length

    @pytest.mark.parametrize("text", ["2026-01-01T01:00:00+01:00", "2026-01-01T00:00:00+00:00"])
    def test_an_instant_may_come_with_any_offset(self, text: str) -> None:
        found = structure(text, datetime)
        assert found == CONTRACT.start
        assert found.tzinfo is UTC


class TestGoldenDocuments:
    """DESIGN: "JSON of ours carries its schema version, and old documents stay readable"."""

    @examples
    def test_a_document_of_version_1_is_still_read(self, name: str) -> None:
        assert from_json((GOLDEN / f"{name}.json").read_text("utf-8")) == VALUES[name]

    def test_every_golden_document_is_read(self) -> None:
        assert {path.stem for path in GOLDEN.glob("*.json")} == set(VALUES)


def _share(value: Fraction) -> Fraction:
    return fraction(value, "own.share")


class TestFaultsAreReportedTogether:
    """DESIGN: "a document's faults are reported together", each with its path."""

    def test_every_fault_of_a_nested_value(self) -> None:
        data = unstructure(CONTRACT)
        data["prices"]["gpu"] = 0.1
        data["prices"]["upload"] = "-1"
        data["block"]["start"] = True
        data["mode"] = "free"
        del data["host"]
        found = faults(type(CONTRACT), data)
        assert [path for path, _ in found] == [
            "document.host",
            "document.mode",
            "document.block.start",
            "document.prices.gpu",
            "document.prices.upload",
        ]

    def test_what_the_class_refuses_has_its_path(self) -> None:
        data = data_of(CONTRACT, end="2025-01-01T00:00:00Z")
        assert faults(type(CONTRACT), data)[0][0] == "document.end"
        period = {"start": "2026-01-02T00:00:00Z", "end": "2026-01-01T00:00:00Z"}
        data = data_of(STATEMENT)
        data["lines"][1]["period"] = period
        assert [path for path, _ in faults(type(STATEMENT), data)] == [
            "document.lines[1].period.end"
        ]

    @pytest.mark.parametrize(
        ("changes", "faults"),
        [
            ({"offer": "x", "disk_mb": -1}, ["offer", "disk_mb"]),
            ({"offer": -5, "disk_mb": -1}, ["offer", "disk_mb"]),
            ({"offer": -5, "foo": 1}, ["", "offer"]),
            ({"by": "", "mode": "x", "label": "a\n"}, ["by", "mode", "label"]),
            ({"volumes": [-1, "x"], "target": "2"}, ["volumes[0]", "volumes[1]", "target"]),
        ],
    )
    def test_what_is_no_such_text_beside_what_the_rules_refuse(
        self, changes: dict[str, Any], faults: list[str]
    ) -> None:
        """A field is looked at by itself, however wrong the others are."""
        data = unstructure(do.Rent(by="ann", offer=8192, mode=Mode.ON_DEMAND)) | changes
        with pytest.raises(InvalidDocument) as caught:
            from_json(json.dumps({"schema": SCHEMA} | data), do.Rent)
        assert [each.path for each in caught.value.faults] == [
            f"document.{name}" if name else "document" for name in faults
        ]

    def test_so_are_fields_that_are_converted_or_validated(self) -> None:
        @frozen
        class Own:
            share: Fraction = field(converter=_share)
            even: int = field()
            odd: int = field(validator=lambda *_: 1 // 0)

            @even.validator
            def _check(self, _: Any, value: int) -> None:
                if value % 2:
                    raise RuleViolation("own.even", "an even number", str(value))

        with pytest.raises(InvalidDocument) as caught:
            structure({"share": "2", "even": 3, "odd": 1, "more": 1}, Own)
        assert [str(fault) for fault in caught.value.faults] == [
            'document: need fields of Own only, got "more"',
            'document.share: need a fraction from 0 to 1, got "2"',
            "document.even: need an even number, got 3",
        ]

    def test_an_impossible_history(self) -> None:
        data = unstructure(HISTORY)
        data["facts"].insert(1, data["facts"][0])
        assert faults(type(HISTORY), data) == [("document", "moves that are possible")]

    @pytest.mark.parametrize(
        ("name", "value", "need"),
        [
            ("contract", 2**63, "a whole number"),
            ("contract", 1.0, "a whole number"),
            ("contract", True, "a whole number"),
            ("contract", "1", "a whole number"),
            ("account", 5, "text"),
            ("account", "\ud800", "text without lone surrogates"),
            ("blocks", {}, "a JSON list"),
            ("blocks", "", "a JSON list"),
            ("pairs", [["1"]], "a JSON list of 2 values"),
            ("pairs", ["12"], "a JSON list of 2 values"),
            ("pairs", [["1e5", "1"]], "an exact number as text"),
            ("pairs", [["1", "1/7"]], "exact to a tick"),
            ("pairs", [["1", "2" + "0" * 30]], "dollars as text"),
            ("pairs", [["1/0", "1"]], "an exact number as text"),
            ("days", [1, 1], "each value once"),
            ("days", [[]], "a whole number"),
            ("fact", {}, "one of Moved, Prepaid"),
            ("fact", {"type": "Left"}, "one of Moved, Prepaid"),
            ("fact", {"type": []}, "one of Moved, Prepaid"),
            ("fact", [], "a JSON object"),
            ("price", 1, "as text"),
            ("price", "1_000", "as text"),
            ("price", "0.0000000000001", "at most 12 decimals"),
            ("price", "5000000000", "from 0 to"),
            ("price", "1 $/hour", "as text"),
            ("price", [], "as text"),
            ("any_price", "1", "with $/hour or $/GB-month or $/GB"),
            ("any_price", "1 $/GPU-hour", "with $/hour or $/GB-month or $/GB"),
            ("old", "1 $/day", "an exact number as text"),
            ("old", 1, "an exact number as text"),
            ("weight", 1.5, "an exact number as text"),
            ("weight", True, "an exact number as text"),
            ("payments", {"04": "1"}, "a whole number"),
            ("payments", {"x": "1"}, "a whole number"),
            ("payments", [], "a JSON object"),
            ("names", {"a": 1}, "true or false"),
            ("since", "2026-01-01", "with Z or an offset"),
            ("since", "20260101T000000Z", "with Z or an offset"),
            ("since", "2026-W01-4T00:00:00Z", "with Z or an offset"),
            ("since", "2026-01-01T00:00:00", "time zone"),
            ("since", "2026-13-01T00:00:00Z", "ISO 8601"),
            ("since", "2026-01-01T00:00:00.5Z", "a whole second"),
            ("since", "2026-01-01T000000.5Z", "a whole second"),
            ("since", 0, "ISO 8601"),
            ("length", "PT1H", "a duration in seconds"),
            ("length", "PT-1S", "a duration in seconds"),
            ("length", 60, "a duration in seconds"),
            ("mode", "RESERVED", "one of on-demand, reserved, interruptible"),
            ("mode", [], "one of on-demand, reserved, interruptible"),
            ("ready", 1, "true or false"),
            ("extra", [], "a JSON object"),
            ("extra", {"x": float("inf")}, "a double"),
            ("extra", {"x": [10**400]}, "300 characters"),
            ("extra", {"x": {1}}, "text"),
            ("extra", {"\ud800": 1}, "text without lone surrogates"),
        ],
    )
    def test_every_kind_of_field_is_strict(self, name: str, value: object, need: str) -> None:
        data = data_of(EVERYTHING, **{name: value})
        ((path, asked),) = faults(Everything, data)
        assert path.startswith(f"document.{name}")
        assert need in asked

    def test_an_unknown_field_alone(self) -> None:
        assert faults(Block, {"size": 1, "start": 0, "colour": "red"}) == [
            ("document", "fields of Block only")
        ]

    def test_unknown_fields_and_missing_ones(self) -> None:
        data = data_of(CONTRACT, colour="red")
        del data["id"]
        assert faults(type(CONTRACT), data) == [
            ("document", "fields of Contract only"),
            ("document.id", "a value"),
        ]

    @pytest.mark.parametrize("data", [None, [], "x", 3, "", MappingProxyType({})])
    def test_what_is_no_object(self, data: object) -> None:
        assert faults(CurveSchedule, data)[0][1] == "a JSON object (CurveSchedule)"

    def test_another_class_than_asked_for(self) -> None:
        assert faults(Block, unstructure(Interval(*CONTRACT_SPAN)))[0][0] == "document.type"
        with pytest.raises(InvalidDocument):
            from_json(to_json(CONTRACT), Block)


CONTRACT_SPAN = (CONTRACT.start, CONTRACT.start + timedelta(1))


NUMBERS = [-1, 0, 1, 10**18, 2**63 - 1]


def each_number(data: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any] | list[Any], Any]]:
    """Yield where whole numbers stand in plain data: the path, what holds each, and its key."""
    pairs = data.items() if isinstance(data, dict) else enumerate(data)
    for key, value in pairs:
        where = f"{path}[{key}]" if isinstance(data, list) else f"{path}.{key}"
        if type(value) is int:
            yield where, data, key
        elif isinstance(value, dict | list):
            yield from each_number(value, where)


class TestWhatIsReadCanBePrinted:
    """What a constructor takes, and so a document may hold, has a text: others are refused."""

    @examples
    def test_whatever_whole_numbers_it_has(self, name: str) -> None:
        document = json.loads((GOLDEN / f"{name}.json").read_text("utf-8"))
        for _, holder, key in list(each_number(document)):
            before = holder[key]
            for holder[key] in NUMBERS:
                try:
                    value = from_json(json.dumps(document))
                except InvalidDocument:
                    continue
                assert str(value)
                if isinstance(value, Tabular):
                    assert value._repr_html_()
                    assert value.to_dicts() is not None
            holder[key] = before

    @pytest.mark.parametrize(
        ("value", "path", "number", "need"),
        [
            (STATEMENT, "lines[0].size", -1, "a whole number from 0"),
            (STATEMENT, "lines[0].quantity", -1, "a whole number from 0"),
            (QUOTE, "seconds", 0, "a whole number from 1 to 86,399,999,999,999"),
            (QUOTE, "seconds", 10**14, "a whole number from 1 to 86,399,999,999,999"),
        ],
    )
    def test_a_number_without_a_text_is_refused_where_it_stands(
        self, value: Any, path: str, number: int, need: str
    ) -> None:
        document = json.loads(to_json(value))
        ((_, holder, key),) = [each for each in each_number(document) if each[0] == f".{path}"]
        holder[key] = number
        with pytest.raises(InvalidDocument) as caught:
            from_json(json.dumps(document))
        ((found, asked),) = [(fault.path, fault.need) for fault in caught.value.faults]
        assert (found, asked) == (f"document.{path}", need)


class TestTextsAreReadWithCare:
    """PERFORMANCE: hostile input gets our errors, in bounded time."""

    @pytest.mark.parametrize(
        ("text", "need"),
        [
            ("", "JSON"),
            ("{", "JSON"),
            ("[]", "an object with"),
            ("{}", '"numgenius/1"'),
            ('{"schema": "numgenius/2", "type": "Block", "size": 1, "start": 0}', '"numgenius/1"'),
            ('{"schema": "numgenius/1", "type": "Block", "size": 1, "size": 2}', "each key once"),
            ('{"schema": "numgenius/1", "x": NaN}', "a finite number"),
            ("[" * 100_000, "nesting"),
            ('{"x": ' + "9" * 5_000 + "}", "at most 300 characters"),
        ],
    )
    def test_a_text_that_is_no_document(self, text: str, need: str) -> None:
        for form in (text, text.encode()):
            with pytest.raises(ParseError, match=need):
                from_json(form)

    def test_bytes_that_are_no_text(self) -> None:
        with pytest.raises(ParseError, match="UTF-8"):
            from_json(b"\xff")
        with pytest.raises(WrongType, match="text or bytes"):
            from_json(5)  # type: ignore[call-overload]

    @pytest.mark.parametrize("kind", [None, Block, Block | Interval, do.Command])
    @pytest.mark.parametrize(
        ("tag", "got"),
        [({}, "nothing"), ({"type": None}, "null"), ({"type": []}, "[]"), ({"type": "X"}, '"X"')],
    )
    def test_a_kind_must_be_named_in_the_document(
        self, kind: Any, tag: dict[str, Any], got: str
    ) -> None:
        data = {"schema": SCHEMA, "size": 1, "start": 0} | tag
        with pytest.raises(InvalidDocument) as caught:
            from_json(json.dumps(data), kind)
        [fault] = caught.value.faults
        assert (fault.path, fault.got, fault.code) == ("document.type", got, "rule_violation")
        assert fault.need.startswith("one of ")


class TestWhatCameIsSaidAsItWasSent:
    """Who sends JSON need not know Python: what came is said in the words of JSON."""

    @pytest.mark.parametrize("sent", ["null", "true", "[]", "{}", "1.5", '"7"', "-1", "1e+300"])
    def test_of_a_wrong_value(self, sent: str) -> None:
        text = '{"schema": "numgenius/1", "type": "Stop", "by": "ann", "contract": %s}'
        with pytest.raises(InvalidDocument) as caught:
            from_json(text % sent, do.Command)
        assert [fault.got for fault in caught.value.faults] == [sent]

    @pytest.mark.parametrize(
        ("changes", "got"),
        [
            ({"by": ""}, ['""']),  # what the rules refuse, too
            ({"by": 'a"\n'}, [r'"a\"\n"']),
            ({"by": "\ud800"}, [r'"\ud800"']),
            ({"by": "é" * 300}, ['"' + "é" * 78 + "…"]),
            ({"mode": "spot"}, ['"spot"']),
            ({"bid": False}, ["false"]),
            ({"end": "tomorrow"}, ['"tomorrow"']),
            ({"target": "1e5"}, ['"1e5"']),
            ({"note": 1}, ['"note"']),
            ({"volumes": None}, ["null"]),
        ],
    )
    def test_of_each_kind_of_fault(self, changes: dict[str, Any], got: list[str]) -> None:
        data = unstructure(do.Rent(by="ann", offer=8192, mode=Mode.ON_DEMAND)) | changes
        with pytest.raises(InvalidDocument) as caught:
            structure(data, do.Command)
        assert [fault.got for fault in caught.value.faults] == got

    def test_what_is_missing_is_nothing_and_null_is_null(self) -> None:
        with pytest.raises(InvalidDocument) as caught:
            structure({"by": None}, do.Stop)
        assert [(fault.path, fault.got) for fault in caught.value.faults] == [
            ("document.by", "null"),
            ("document.contract", "nothing"),
        ]
        for text, got in (("{}", "nothing"), ('{"schema": null}', "null"), ("null", "null")):
            with pytest.raises(ParseError, match=f"got {got}$"):
                from_json(text)

    @pytest.mark.parametrize(
        ("inner", "path", "said"),
        [
            ('{"a": 1, "a": 2}', "document.x.a", "need each key once, got 'a' again"),
            ('[0, {"y": NaN}]', "document.x[1].y", "need a finite number, got NaN"),
            ("[-1e400]", "document.x[0]", "need a finite number, got -1e400"),
            ("9" * 301, "document.x", "need a number of at most 300 characters, got 301"),
            (
                f"-{'9' * 99}.{'9' * 99}e-{'0' * 99}",
                "document.x",
                "need a number of at most 300 characters, got 301",
            ),
        ],
    )
    def test_what_json_lets_pass_is_refused_where_it_stands(
        self, inner: str, path: str, said: str
    ) -> None:
        for space in ("", " " * 400):  # a long text is looked through for huge numbers first
            text = f'{space}{{"schema": "{SCHEMA}", "x": {inner}}}{space}\n'
            for form in (text, text.encode()):
                with pytest.raises(ParseError) as caught:
                    from_json(form)
                assert (caught.value.path, str(caught.value)) == (path, f"{path}: {said}")

    def test_space_around_a_document_is_nothing(self) -> None:
        text = to_json(CONTRACT)
        for form in (f" \r\n\t{text}", f"{text} \r\n\t", f"\n{text}\n", f"\ufeff{text}".encode()):
            assert from_json(form) == CONTRACT
        with pytest.raises(ParseError, match=r"line 2 column 1: need JSON, got Extra data"):
            from_json(f"{text}\n{text}")

    def test_numbers_that_only_look_huge_are_read(self) -> None:
        extra = {"id": "e123" * 100, "small": 1e-300, "large": 1e300, "count": 3, "share": 0.5}
        offer = evolve(OFFER, extra=extra)
        assert from_json(to_json(offer)) == offer

    def test_lone_surrogates_are_faults_like_others(self) -> None:
        text = json.dumps(data_of(OFFER, schema=SCHEMA, extra={"x": "\ud800"}, gpus=0.5))
        with pytest.raises(InvalidDocument) as caught:
            from_json(text)
        assert [f.path for f in caught.value.faults] == ["document.gpus", "document.extra['x']"]

    def test_messages_name_the_source(self) -> None:
        with pytest.raises(ParseError, match=r"offer 5, line 1 column 1"):
            from_json("?", source="offer 5")
        with pytest.raises(InvalidDocument, match=r"row 7\.size"):
            structure({"size": 0.5, "start": 0}, Block, "row 7")

    def test_what_documents_are_called_is_not_kept(self) -> None:
        """A service names each upload: 100 more names must take no more of its memory."""

        def kept() -> dict[str, int]:
            return {
                f"{module.__name__}.{name}": found.cache_info().currsize
                for module in (_classes, _convert)
                for name, found in vars(module).items()
                if hasattr(found, "cache_info")
            }

        def read(source: str) -> None:
            assert from_json(to_json(PRICES), source=source) == PRICES
            assert structure(schedule, ReservedSchedule, source) == CurveSchedule("0.4")
            with pytest.raises(InvalidDocument, match=f"^{source}"):
                structure(data_of(PRICES, gpu="x"), type(PRICES), source)

        schedule = unstructure(CurveSchedule("0.4"))
        read("first.json")
        before = kept()
        assert f"{_classes.__name__}.tagged_codec" in before
        for number in range(100):
            read(f"upload-{number}.json")
        assert kept() == before

    def test_deep_extra_is_refused_in_both_directions(self) -> None:
        deep: dict[str, Any] = {}
        for _ in range(5_000):
            deep = {"x": deep}
        with pytest.raises(RuleViolation, match="levels deep"):
            unstructure(evolve(OFFER, extra=deep))
        data = {**unstructure(OFFER), "extra": deep}
        assert "levels deep" in faults(type(OFFER), data)[0][1]


class TestOneLimitForWriterReaderAndConstructor:
    """What ``to_json`` writes ``from_json`` reads, and what an offer holds ``to_json`` writes."""

    @pytest.mark.parametrize(
        "number", [10**300 - 1, 1 - 10**299, 1e308, -1e308, 5e-324], ids="{:.2g}".format
    )
    def test_the_longest_numbers_go_both_ways(self, number: float) -> None:
        offer = evolve(OFFER, extra={"a": number})
        assert from_json(to_json(offer)) == offer

    @pytest.mark.parametrize("number", [10**300, -(10**299), 10**308, 10**400], ids=int.bit_length)
    def test_longer_ones_none_of_them_takes(self, number: int) -> None:
        need = "a number of at most 300 characters"  # that of a minus is counted
        with pytest.raises(RuleViolation, match=need):
            evolve(OFFER, extra={"a": number})
        assert faults(type(OFFER), data_of(OFFER, extra={"a": number}))[0][1] == need
        with pytest.raises(RuleViolation, match=need):
            unstructure({"a": number}, Mapping[str, Any])
        text = json.dumps(data_of(OFFER, schema=SCHEMA, extra={})).replace(
            "{}", f'{{"a": {number}}}'
        )
        with pytest.raises(ParseError, match=need):
            from_json(text)

    @pytest.mark.parametrize("wrap", [lambda deep: [deep], lambda deep: {"x": deep}])
    def test_64_levels_go_both_ways_and_65_none(self, wrap: Callable[[Any], Any]) -> None:
        deep: Any = 1
        for _ in range(63):
            deep = wrap(deep)
        offer = evolve(OFFER, extra={"a": deep})  # an object around 63 more
        assert from_json(to_json(offer)) == offer
        deeper = {"a": wrap(deep)}
        need = "JSON at most 64 levels deep"
        with pytest.raises(RuleViolation, match=need):
            evolve(OFFER, extra=deeper)
        assert faults(type(OFFER), data_of(OFFER, extra=deeper))[0][1] == need
        with pytest.raises(RuleViolation, match=need):
            unstructure(deeper, Mapping[str, Any])

    def test_a_document_longer_than_what_is_read_is_not_written(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        length = len(to_json(OFFER))
        monkeypatch.setattr("numgenius_core.documents._convert.MAX_BYTES", length)
        assert from_json(to_json(OFFER)) == OFFER
        monkeypatch.setattr("numgenius_core.documents._convert.MAX_BYTES", length - 1)
        with pytest.raises(RuleViolation, match=f"at most {length - 1:,} bytes, got {length:,}"):
            to_json(OFFER)


class TestWhatDocumentsDoNotHold:
    """A document that could not be read again is not written."""

    @pytest.mark.parametrize(
        "changes",
        [
            {"contract": 2**63},
            {"contract": True},
            {"pairs": ((Fraction(1), Money(MAX_MONEY) * 10**19),)},
            {"pairs": ((Fraction(1, 10**200), Money(0)),)},
            {"price": PerGpuHour.from_steps(10**30)},
            {"length": timedelta(microseconds=1)},
            {"any_price": PerGpuHour(1)},
            {"change": Fraction(1)},
            {"blocks": 5},
            {"mode": "reserved"},
            {"price": 5},
            {"account": "\ud800"},
            {"extra": {"x": object()}},
            {"extra": {"x": float("nan")}},
            {"extra": {5: 1}},
            {"fact": Rebid(at=CONTRACT.start, bid=PerHour(1))},
        ],
    )
    def test_values_too_large_or_of_the_wrong_type(self, changes: dict[str, Any]) -> None:
        value = evolve(EVERYTHING, **changes)
        with pytest.raises((RuleViolation, WrongType), match=r"^value"):
            to_json(value)

    def test_what_is_read_or_written_comes_first_and_then_its_kind(self) -> None:
        for each in (structure, unstructure, from_json):
            assert [*signature(each).parameters][1] == "kind"

    @pytest.mark.parametrize("value", [5, "x", None, {}, Money(1), Block])
    def test_what_is_no_value_of_ours(self, value: object) -> None:
        with pytest.raises(WrongType):
            to_json(value)

    @pytest.mark.parametrize(
        "kind",
        [
            float,
            object,
            Any,
            [],
            dict[int, Any] | int,
            Block | int,
            PerHour | Mode,
            Fraction | Money,
            Mapping[bool, int],
            Enum("Numbers", {"ONE": 1}),
        ],
    )
    def test_types_without_a_form_are_refused(self, kind: Any) -> None:
        with pytest.raises(WrongType):
            structure({}, kind)

    def test_a_field_that_would_hide_the_type(self) -> None:
        with pytest.raises(WrongType, match=r"Odd\.type"):
            to_json(Odd(type="x"))

    @pytest.mark.parametrize(
        ("asked", "said"),
        [
            (lambda: to_json(Market()), "value: .*market_to_json stores a market"),
            (lambda: to_json(Checkpoint(market=Market())), "value: .*market_to_json stores a mark"),
            (lambda: structure({}, Market), "kind: .*market_to_json stores a market"),
            (lambda: json_schema(Market), "kinds: .*market_to_json stores a market"),
            (lambda: to_json(Transaction()), "value: .*store each command"),
            (lambda: to_json(parse("num_gpus=4")), "value: .*text that .*parse reads again"),
            (lambda: to_json(SearchRequest()), "value: .*text that .*parse reads again"),
            (lambda: to_json(Exponential("3")), r"value: .*Exponential\.average: need prices, and"),
            (lambda: to_json(Money(1)), "value: .*attrs class .unstructure writes others.* Money"),
            (
                lambda: unstructure([OFFER], list[Offer]),
                r"kind: need tuple\[Offer, \.\.\.\], which .*, got list\[.*Offer\]$",
            ),
            (lambda: structure([], list), r"kind: need tuple\[T, \.\.\.\], .* got <class 'list'>$"),
            (lambda: structure([], set[int]), r"kind: need frozenset\[int\], .* got set\[int\]$"),
            (lambda: structure([], tuple), r"kind: need tuple\[T, \.\.\.\], with the type of its"),
            (
                lambda: unstructure(Listed()),
                r"value: need what .*\(Listed\.items: need tuple\[int, \.\.\.\]",
            ),
            (lambda: json_schema([Money]), "kinds: need an attrs class, got .*Money"),
            (lambda: json_schema([OFFER]), r"kinds\[0\]: need a class, got Offer"),  # type: ignore[list-item]
            (lambda: json_schema(5), "kinds: need a series of values, got 5"),  # type: ignore[arg-type]
            (
                lambda: structure({}, Block | int),
                r"kind: need classes of several.* got 'Block \| int'",
            ),
        ],
    )
    def test_a_refusal_says_what_can_be_done(self, asked: Callable[[], object], said: str) -> None:
        with pytest.raises(WrongType, match=f"^{said}"):
            asked()

    def test_two_classes_of_one_name_are_no_union(self) -> None:
        other = type("Block", (Odd,), {})
        with pytest.raises(WrongType, match="different names"):
            structure({}, Block | frozen(other))


def schedule_class(name: str, **fields: Any) -> type[ReservedSchedule]:
    """Return a schedule of somebody else's, defined as it may be at any time: now."""
    methods = {"discount": lambda *_: Fraction(0), "months": lambda *_: Fraction(0)}
    body = methods | {"__annotations__": fields, "__module__": "mine"}
    made: type[ReservedSchedule] = frozen(type(name, (ReservedSchedule,), body))
    return made


class Half(CurveSchedule):
    """Not decorated: its fields are those of the curve."""


class TestKindsOfYourOwn:
    """Compatibility: known "by its module and its name, ... never taken for one of ours"."""

    def test_a_stranger_of_our_name_changes_nothing(self) -> None:
        ours, text = CurveSchedule(Fraction(1, 4)), to_json(evolve(EVERYTHING, blocks=()))
        theirs = schedule_class("CurveSchedule", max_discount=Fraction)(Fraction(1, 4))  # type: ignore[call-arg]
        assert type(from_json(text, Everything).schedule) is CurveSchedule
        assert unstructure(ours, ReservedSchedule)["type"] == "CurveSchedule"
        data = unstructure(theirs, ReservedSchedule)
        assert data == {"type": "mine.CurveSchedule", "max_discount": "0.25"}
        assert structure(data, ReservedSchedule) == theirs

    def test_one_that_is_defined_after_the_first_document_is_known_at_once(self) -> None:
        to_json(EVERYTHING)
        value = evolve(EVERYTHING, schedule=schedule_class("Late", share=Fraction)(Fraction(1, 3)))  # type: ignore[call-arg]
        assert from_json(to_json(value), Everything) == value
        schema = json_schema([Everything])
        jsonschema.Draft202012Validator(schema).validate(json.loads(to_json(value)))

    def test_a_class_that_nobody_uses_breaks_nothing(self) -> None:
        unheld, unknown = schedule_class("Unheld", f=object), schedule_class("Unknown", f="Missing")
        assert from_json(to_json(EVERYTHING), Everything) == EVERYTHING
        json_schema([Everything])
        for kind, why in ((unheld, r"Unheld\.f: need a type"), (unknown, "'Missing' is not def")):
            with pytest.raises(WrongType, match=rf"^value: need a kind of ReservedSchedule.*{why}"):
                to_json(evolve(EVERYTHING, schedule=kind(0)))  # type: ignore[call-arg]

    def test_of_two_definitions_of_one_class_the_later_is_meant(self) -> None:
        first, second = schedule_class("Again"), schedule_class("Again")
        assert type(structure(unstructure(second(), ReservedSchedule), ReservedSchedule)) is second
        with pytest.raises(WrongType, match="another class has this name now"):
            unstructure(first(), ReservedSchedule)

    def test_one_that_is_derived_from_one_of_ours(self) -> None:
        value = Half(Fraction(1, 2))
        assert structure(unstructure(value, ReservedSchedule), ReservedSchedule) == value

    def test_one_of_a_function_is_refused_since_no_other_process_has_it(self) -> None:
        """Seen: ``"type": "w.tariff.<locals>.Grace"``, stored with a market for good."""

        class Quarter(CurveSchedule):
            """Not decorated: its fields are those of the curve."""

        value = Quarter(Fraction(1, 4))
        why = "no other process can import a class of a function: define it in its module itself"
        asked: list[Callable[[], object]] = [
            lambda: unstructure(value, ReservedSchedule),
            lambda: to_json(evolve(EVERYTHING, schedule=value)),
            lambda: to_json(value),
            lambda: from_json(json.dumps({"schema": SCHEMA, "max_discount": "0.25"}), Quarter),
            lambda: json_schema(Quarter),
        ]
        for ask in asked:
            with pytest.raises(WrongType, match=rf"<locals>\.Quarter \({why}\)$"):
                ask()
        assert "Quarter" not in json.dumps(json_schema([ReservedSchedule]))

    @pytest.mark.parametrize(
        ("name", "said"),
        [
            ("mytariffs.NoGrace", r".* \(import mytariffs first\)$"),
            ("my.tariffs.NoGrace", r".* \(import my\.tariffs first\)$"),
            (f"{__name__}.Missing", "one of CurveSchedule, [^()]*"),  # it is imported
            ("Missing", "one of CurveSchedule, [^()]*"),
            ("my tariffs.NoGrace", "one of CurveSchedule, [^()]*"),
            ("os;x.NoGrace", "one of CurveSchedule, [^()]*"),
            ("f.<locals>.NoGrace", "one of CurveSchedule, [^()]*"),
        ],
    )
    def test_one_that_is_not_imported_is_asked_for_by_its_module(
        self, name: str, said: str
    ) -> None:
        data = json.loads(to_json(EVERYTHING)) | {"schedule": {"type": name}}
        with pytest.raises(InvalidDocument) as caught:
            from_json(json.dumps(data), Everything)
        [fault] = caught.value.faults
        assert fault.path == "document.schedule.type"
        assert re.fullmatch(said, fault.need), fault.need


class TestAnAbstractClassIsOneOfItsKinds:
    """``structure`` is "the inverse of unstructure", for a class that stands for others too."""

    @pytest.mark.parametrize("name", ["CurveSchedule", "LinearSchedule", "StepSchedule"])
    def test_both_ways(self, name: str) -> None:
        value = VALUES[name]
        data = unstructure(value, ReservedSchedule)
        assert data["type"] == name
        assert structure(data, ReservedSchedule) == value
        assert from_json(to_json(value), ReservedSchedule) == value
        assert structure(data, ReservedSchedule | Block) == value

    def test_its_schema_asks_for_one_of_them(self) -> None:
        validator = jsonschema.Draft202012Validator(json_schema([ReservedSchedule]))
        for name in ("CurveSchedule", "LinearSchedule", "StepSchedule"):
            assert validator.is_valid(json.loads(to_json(VALUES[name])))
        assert not validator.is_valid({"schema": SCHEMA, "type": "ReservedSchedule"})

    def test_what_is_none_of_them(self) -> None:
        found = faults(ReservedSchedule, {"type": "Nothing"})
        assert found[0][0] == "document.type"
        assert "CurveSchedule" in found[0][1]
        assert faults(ReservedSchedule, {})[0][0] == "document.type"


@frozen
class Listed:
    """A class with a field of a type that changes."""

    items: list[int] = Factory(list)


@frozen
class Odd:
    """A class that a document could not tell from its tag."""

    type: str


class TestTheSchema:
    """Issue: "JSON Schema published": what the code gives, and what it writes is valid."""

    def test_the_published_file_is_what_the_code_gives(self) -> None:
        published = json.loads((files("numgenius_core") / "schema_1.json").read_text("utf-8"))
        assert published == json_schema(), "run scripts/write_schema.py"

    @examples
    def test_golden_documents_are_valid(self, name: str) -> None:
        document = json.loads((GOLDEN / f"{name}.json").read_text("utf-8"))
        jsonschema.Draft202012Validator(json_schema()).validate(document)

    def test_a_schema_of_any_class(self) -> None:
        schema = json_schema([Everything])
        jsonschema.Draft202012Validator.check_schema(schema)
        validator = jsonschema.Draft202012Validator(schema)
        document = json.loads(to_json(EVERYTHING))
        validator.validate(document)
        wrong: list[tuple[str, Any]] = [
            ("any_price", "1"),
            ("any_price", "1 $/GPU-hour"),
            ("old", "1 $"),
            ("price", "1 $/hour"),
            ("price", 1),
            ("days", [1, 1]),
            ("pairs", [["1"]]),
            ("payments", {"x": "1"}),
            ("length", "PT1H"),
            ("mode", "free"),
            ("fact", {"type": "Left"}),
            ("colour", "red"),
            ("contract", 2**63),
            ("schema", "numgenius/2"),
        ]
        for name, value in wrong:
            assert not validator.is_valid({**document, name: value}), name
        for name in ("contract", "schema", "type"):
            assert not validator.is_valid({k: v for k, v in document.items() if k != name})
        assert validator.is_valid({k: v for k, v in document.items() if k != "ready"})

    @pytest.mark.parametrize(
        "text",
        [
            *(
                "0",
                "-0",
                "+0",
                "1",
                "+1",
                "-1",
                "01",
                "-01",
                "0.5",
                "-0.5",
                "+0.5",
                ".5",
                "1.",
                "1.0",
            ),
            *(
                "1e3",
                "1E3",
                " 1",
                "1 ",
                "1_000",
                "1,000",
                "--1",
                "+-1",
                "0x1",
                "inf",
                "nan",
                "",
                "-",
            ),
            *("１", "١", "1．5", "½", "0." + "5" * 12, "0." + "5" * 13, "0.5" + "0" * 39),
            *("0.5" + "0" * 40, "9" * 20, "9" * 21, "1/3", "-1/3", "+1/3", "1/-3", "1/0", "01/3"),
            *("1/03", "1 / 3", "1/3/5", "1.5/3", "１/3"),
        ],
    )
    @pytest.mark.parametrize(
        ("name", "unit"),
        [
            *(("weight", ""), ("price", ""), ("change", ""), ("old", "")),
            *(("any_price", " $/hour"), ("change", " $/GPU-hour"), ("old", " $/GB")),
        ],
    )
    def test_it_takes_the_numbers_that_the_reader_takes(
        self, name: str, unit: str, text: str
    ) -> None:
        """But for how large they may be, and how fine: that no pattern says."""
        data = data_of(EVERYTHING, schema=SCHEMA, **{name: text + unit})
        valid = jsonschema.Draft202012Validator(json_schema([Everything])).is_valid(data)
        try:
            from_json(json.dumps(data), Everything)
        except InvalidDocument:
            read = False
        else:
            read = True
        beyond = valid and (len(text) > 15 or "/" in text)
        assert read == valid or beyond

    @pytest.mark.parametrize(
        "text",
        [
            *("2026-01-06T00:00:00Z", "2026-01-06T00:00:00+00:00", "2026-01-06T01:00:00-23:59"),
            *("2026-01-06T00:00:00.000Z", "2026-01-06T00:00:00.000001Z", "2026-01-06T00:00:00,0Z"),
            *("2026-01-06T00:00:00", "2026-01-06", "20260106T000000Z", "2026-01-06 00:00:00Z"),
            *(
                "2026-01-06T00Z",
                "2026-01-06T00:00Z",
                "2026-01-06T000000.0Z",
                "2026-W02-2T00:00:00Z",
            ),
            *("2026-01-06t00:00:00z", "2026-01-06T00:00:00z", "2026-01-06T24:00:00Z", "2026-006"),
            *("2026-01-06T00:00:60Z", "2026-01-06T00:00:00+24:00", "2026-01-06T00:00:00+01:00:00"),
            *("2026-13-01T00:00:00Z", "2026-01-32T00:00:00Z", "２026-01-06T00:00:00Z", "", "now"),
            *("0000-01-06T00:00:00Z", " 2026-01-06T00:00:00Z", "2026-01-06T00:00:00+0100"),
        ],
    )
    def test_it_takes_the_instants_that_the_reader_takes(self, text: str) -> None:
        data = data_of(EVERYTHING, schema=SCHEMA, since=text)
        validator = jsonschema.Draft202012Validator(json_schema([Everything]))
        try:
            found = from_json(json.dumps(data), Everything).since
        except InvalidDocument:
            assert not validator.is_valid(data)
        else:
            assert validator.is_valid(data)
            assert found == datetime.fromisoformat(text)

    def test_a_union_is_its_classes(self) -> None:
        """What ``from_json`` takes as a kind has a schema, too."""
        assert json_schema(do.Command) == json_schema(get_args(do.Command))
        old: Any = Union[Block, Interval]  # noqa: UP007 - as it was written once
        assert json_schema(old) == json_schema([Block, Interval])
        with pytest.raises(WrongType, match=r"kinds: need an attrs class, got <class 'NoneType'>"):
            json_schema(Block | None)

    @pytest.mark.parametrize("cls", [*get_args(do.Command), *get_args(Event)])
    def test_a_number_of_a_message_has_the_bounds_of_its_check(self, cls: Any) -> None:
        schema = json_schema(cls)["properties"]
        for name, path, check, _ in cls._checks:
            said = schema[name].get("anyOf", [schema[name]])[0]
            for bound, beyond in ((said.get("minimum"), -1), (said.get("maximum"), 1)):
                if bound is not None:
                    check(bound, path)
                    with pytest.raises(RuleViolation):
                        check(bound + beyond, path)

    @pytest.mark.parametrize(
        "cls",
        [
            cls
            for cls in get_args(do.Command)
            if any(each.type in {Money, "Money"} and each.name == "amount" for each in fields(cls))
        ],
    )
    @pytest.mark.parametrize("amount", ["9" * 13, "9" * 20, "9" * 30, "1/7", "ten", "1e3", 5, None])
    def test_the_bound_that_a_refusal_names_is_the_one_that_holds(
        self, cls: Any, amount: Any
    ) -> None:
        names = [name for name, *_ in cls._checks]
        [fault] = [
            fault
            for fault in faults(cls, dict.fromkeys(names, None) | {"amount": amount})
            if fault[0] == "document.amount"
        ]
        assert f"{MAX_MONEY:,}, exact to a tick" in fault[1]

    @pytest.mark.parametrize("cls", get_args(do.Command))
    def test_what_is_wrong_is_told_of_the_command_that_is_meant(self, cls: Any) -> None:
        """Not of all that it is none of."""
        validator = jsonschema.Draft202012Validator(json_schema(do.Command))
        properties = json_schema(cls)["properties"]
        document = {"schema": SCHEMA, "type": cls.__name__} | {
            name: [] for name in properties.keys() - {"schema", "type"}
        }
        told = {error.json_path for error in validator.iter_errors(document)}
        lists = {name for name, said in properties.items() if said.get("type") == "array"}
        assert told == {f"$.{name}" for name in properties} - {
            f"$.{name}" for name in {"schema", "type", *lists}
        }

    @pytest.mark.parametrize(
        ("document", "path", "said"),
        [
            ({"type": "AddCredit", "account": "ann", "amount": 5}, "$.amount", "'string'"),
            ({"type": "AddCredit", "account": "ann"}, "$", "'amount' is a required property"),
            ({"type": "Stop", "by": "ann", "contract": 7, "now": 1}, "$", "'now' was unexpected"),
            ({"type": "Relist", "by": "h", "machine": 1, "rolling": 5}, "$.rolling", "'null'"),
            ({"type": "SetVerification", "machine": 1}, "$", "'verification' is a required"),
            ({"type": "Nothing"}, "$.type", "is not one of"),
            ({"by": "ann"}, "$", "'type' is a required property"),
            (5, "$", "5 is not of type 'object'"),
        ],
    )
    def test_the_best_match_is_that(self, document: Any, path: str, said: str) -> None:
        validator = jsonschema.Draft202012Validator(json_schema(do.Command))
        if isinstance(document, dict):
            document = {"schema": SCHEMA} | document
        [error] = validator.iter_errors(document)
        assert jsonschema.exceptions.best_match([error]).json_path == path
        assert said in error.message

    @pytest.mark.parametrize("one_of", [False, True])
    @pytest.mark.parametrize(
        "kinds", [do.Command, Event, Snapshot, Everything, get_args(do.Command)[:1], None]
    )
    def test_all_that_is_defined_is_referred_to(self, kinds: Any, one_of: bool) -> None:
        """Generators make nothing of what nothing refers to."""
        schema = json_schema(one_of=one_of) if kinds is None else json_schema(kinds, one_of=one_of)
        jsonschema.Draft202012Validator.check_schema(schema)
        referred = re.findall(r'"\$ref": "#/\$defs/([^"]+)"', json.dumps(schema))
        assert set(referred) == set(schema.get("$defs", ()))

    @pytest.mark.parametrize("kinds", [do.Command, Event])
    def test_a_generator_gets_one_of_several_types(self, kinds: Any) -> None:
        """Each with all of its fields, and told apart by the name under its type."""
        schema = json_schema(kinds, one_of=True)
        assert not re.search('"(if|then|allOf)"', json.dumps(schema))
        assert schema.keys() == {"$schema", "$id", "title", "oneOf", "$defs"}
        for cls, said in zip(get_args(kinds), schema["oneOf"], strict=True):
            assert said == {"$ref": f"#/$defs/{cls.__name__}.document"}
            found = schema["$defs"][f"{cls.__name__}.document"]
            assert found["properties"]["type"] == {"const": cls.__name__}
            assert found["properties"].keys() == {"schema", "type"} | {
                each.name for each in fields(cls)
            }

    @examples
    def test_what_a_validator_takes_is_the_same(self, name: str) -> None:
        document = json.loads((GOLDEN / f"{name}.json").read_text("utf-8"))
        tried: list[Any] = [document, document | {"type": "Nothing"}, document | {"more": 1}, {}, 5]
        for changed in tried:
            conditions, one_of = (
                jsonschema.Draft202012Validator(json_schema(one_of=each)) for each in (False, True)
            )
            assert conditions.is_valid(changed) is one_of.is_valid(changed)
            assert one_of.is_valid(changed) is (changed is document)

    @pytest.mark.parametrize(
        "command",
        [
            do.Tick(),
            do.AddCredit(account="ann", amount=Money(1)),
            do.Rent(by="ann", offer=8192, mode=Mode.INTERRUPTIBLE, bid=PerHour(1)),
            do.SetSettings(settings=Settings(longest_step=timedelta(days=1))),
        ],
    )
    def test_so_it_is_of_commands(self, command: Any) -> None:
        document = json.loads(to_json(command))
        conditions, one_of = (
            jsonschema.Draft202012Validator(json_schema(do.Command, one_of=each))
            for each in (False, True)
        )
        assert conditions.is_valid(document)
        assert one_of.is_valid(document)
        values: list[Any] = [[], None, "Stop", {"type": "x"}]
        for name in document:
            left_out = {key: value for key, value in document.items() if key != name}
            for value in values:
                changed = document | {name: value}
                assert conditions.is_valid(changed) is one_of.is_valid(changed)
            assert conditions.is_valid(left_out) is one_of.is_valid(left_out)

    def test_a_registry_tells_several_apart(self) -> None:
        kinds: Any = (do.Command, Event, Block, [Block, Interval], [Interval, Block], do.AddCredit)
        schemas = [json_schema(), *map(json_schema, kinds)]
        schemas += [json_schema(one_of=True), json_schema(do.Command, one_of=True)]
        assert len({each["$id"] for each in schemas}) == len(schemas)
        assert json_schema()["$id"] == "urn:numgenius:1"
        assert json_schema(do.Command) == json_schema(do.Command)
        registry = Registry().with_resources(
            (each["$id"], Resource.from_contents(each)) for each in schemas
        )
        of_commands = {"$ref": json_schema(do.Command)["$id"]}
        validator = jsonschema.Draft202012Validator(of_commands, registry=registry)
        validator.validate(json.loads(to_json(do.AddCredit(account="ann", amount=Money(1)))))
        assert not validator.is_valid(json.loads(to_json(Block(start=0, size=1))))

    def test_a_choice_may_be_left_out(self) -> None:
        @frozen
        class Own:
            mode: Mode | None

        validator = jsonschema.Draft202012Validator(json_schema(Own))
        for mode in (None, *Mode):
            validator.validate(json.loads(to_json(Own(mode))))
        assert not validator.is_valid(json.loads(to_json(Own(None))) | {"mode": "free"})

    def test_one_class_may_be_given_alone(self) -> None:
        assert json_schema(Block) == json_schema([Block])

    def test_classes_go_by_their_names_alone(self) -> None:
        assert "$defs" not in json_schema(Block)
        assert {"PriceTerms", "PriceTerms.document"} < set(json_schema()["$defs"])
        assert "ReservedSchedule" not in json_schema()["$defs"]

    def test_two_classes_of_one_name_are_refused(self) -> None:
        double = make_class("Block", {"size": field(type=int)}, frozen=True)
        with pytest.raises(RuleViolation, match="different names, got two called Block"):
            json_schema([Block, double])
        holder = make_class("Holder", {"block": field(type=double)}, frozen=True)
        with pytest.raises(RuleViolation, match="different names, got two called Block"):
            json_schema([holder, type(OFFER)])

    def test_listings_may_be_in_a_schema_of_their_own(self) -> None:
        validator = jsonschema.Draft202012Validator(json_schema([type(LISTING)]))
        assert validator.is_valid(json.loads(to_json(LISTING)))
        assert not validator.is_valid(json.loads(to_json(OFFER)))
