"""Documents and records of the market, read and written back."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import string
import warnings
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import pytest
from attrs import evolve, fields
from hypothesis import example, given, strategies as st

from effort import examples
from numgenius_core._checks import MAX_DEPTH, MAX_DIGITS
from numgenius_core.documents import to_json
from numgenius_core.errors import (
    InvalidDocument,
    NumgeniusError,
    ParseError,
    RuleViolation,
    WrongType,
)
from numgenius_core.ids import AccountId, MachineId, OfferId
from numgenius_core.listing import Machine, PriceTerms, Verification
from numgenius_core.market import Market, commands, execute
from numgenius_core.market.journal import market_to_json
from numgenius_core.money import TICKS_PER_DOLLAR, Money
from numgenius_core.offer import Offer
from numgenius_core.rates import PerGb, PerGbMonth, PerGpuHour
from numgenius_core.sla import Promise
from numgenius_core.units import SECONDS_PER_HOUR
from numgenius_core.wire import (
    FindingKind,
    Reading,
    offer_from_record,
    offer_to_record,
    read_charges,
    read_machines,
    read_offers,
    read_sample,
)
from numgenius_core.wire._shape import quick_offer, quick_prices
from numgenius_core.wire.reading import sample_path

MARKET = os.environ.get("NUMGENIUS_MARKET_DATA")
with_market = pytest.mark.skipif(not MARKET, reason="needs NUMGENIUS_MARKET_DATA, a folder")

RECORD: dict[str, Any] = {
    "id": 7,
    "machine_id": 11,
    "gpu_name": "RTX 4090",
    "num_gpus": 3,
    "dph_base": 0.4,
    "gpu_frac": 0.375,
    "min_bid": 0.3,
    "storage_cost": 0.1333333333333333,
    "inet_up_cost": 2.6041666666666666e-06,
    "inet_down_cost": 0,
    "disk_space": 105.625,
    "credit_discount_max": 0.4,
    "end_date": 1764780920.0,
    "host_id": 133998,
    "verification": "verified",
    "rentable": True,
    "discount_rate": None,
    "dph_total": 0.4014814814814815,
    "duration": 13883289.705643177,
    "rented": False,
    "reliability": 0.99,
    "geolocation": ", CN",
    "gpu_ram": 24564,
    "cpu_ram": 64311,
    "inet_up": 822.6,
    "inet_down": 846.4,
    "dlperf": 83.7,
    "unknown": [None, {"deep": "Core™"}],
}
ROW = {
    "collected_at": "2026-06-16T17:40:36.680090+00:00",
    "offer_id": "7",
    "machine_id": "11",
    "gpu_name": "RTX 4090",
    "num_gpus": "2",
    "gpu_frac": "0.25",
    "dph_total": "0.8022222222222222",
    "min_bid": "0.5",
    "storage_cost_per_gb_mo": "0.2",
    "internet_up_cost_per_tb": "1.024",
    "internet_down_cost_per_tb": "",
    "verification": "deverified",
    "rentable": "False",
    "disk_space_gb": "10.5",
    "duration_seconds": "100.5",
    "unknown": "x",
}


def minimal(**more: Any) -> dict[str, Any]:
    return {"id": 1, "machine_id": 2, "gpu_name": "A", "num_gpus": 1, "dph_base": 1.0, **more}


def as_csv(rows: list[dict[str, str]]) -> str:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def faults_of(record: object) -> tuple[RuleViolation, ...]:
    with pytest.raises(InvalidDocument) as caught:
        offer_from_record(cast("dict[str, Any]", record))
    return caught.value.faults


def refused(source: Any, match: str) -> None:
    with pytest.raises(ParseError, match=match):
        read_offers(source)


class TestRecordBecomesOffer:
    """DOMAIN 2: "dph_base = n × per-GPU price", "min_bid is quoted for the whole offer"."""

    def test_each_typed_field_has_its_place(self) -> None:
        offer = offer_from_record(RECORD)
        assert offer == Offer(
            id=OfferId(7),
            machine=MachineId(11),
            gpu_name="RTX 4090",
            gpus=3,
            prices=PriceTerms(
                gpu=PerGpuHour("0.133333333333"),
                storage=PerGbMonth("0.133333333333"),
                upload=PerGb("0.000002604167"),
                download=PerGb(0),
                min_bid=PerGpuHour("0.1"),
            ),
            gpus_in_machine=8,
            disk_mb=105_625,
            max_discount=Fraction(2, 5),
            ends_at=datetime(2025, 12, 3, 16, 55, 20, tzinfo=UTC),
            host=AccountId("133998"),
            verification=Verification.VERIFIED,
            rentable=True,
            extra=RECORD,
        )

    def test_five_fields_are_enough(self) -> None:
        offer = offer_from_record(minimal())
        assert offer.prices == PriceTerms(gpu=PerGpuHour(1))
        assert (offer.gpus_in_machine, offer.ends_at, offer.host) == (None, None, None)
        assert offer.verification is Verification.UNVERIFIED
        assert (offer.rentable, offer.disk_mb, offer.max_discount) == (True, 0, Fraction(0))

    def test_null_is_nothing_said(self) -> None:
        required = {"id", "machine_id", "gpu_name", "num_gpus", "dph_base"}
        nulls = {key: RECORD[key] if key in required else None for key in RECORD}
        offer = offer_from_record(nulls)
        assert evolve(offer, extra={}) == evolve(
            offer_from_record({key: RECORD[key] for key in required}), extra={}
        )

    @given(
        price=st.one_of(st.floats(0, 1e6), st.integers(0, 10**6)),
        gpus=st.integers(1, 4_096),
    )
    @example(price=1e-12, gpus=2)
    @example(price=3e-12, gpus=2)
    @example(price=0.0000000000125, gpus=5)
    @example(price=123_456.7, gpus=3)
    def test_price_is_divided_exactly_and_rounded_once(self, price: float, gpus: int) -> None:
        offer = offer_from_record(minimal(dph_base=price, num_gpus=gpus))
        exact = Fraction(repr(price)) / gpus * 10**12
        assert offer.prices.gpu.steps == round(exact)

    @given(disk=st.one_of(st.floats(0, 1e9), st.integers(0, 10**9)))
    @example(disk=0.0005)
    @example(disk=993.400044)
    def test_disk_is_the_nearest_megabyte(self, disk: float) -> None:
        offer = offer_from_record(minimal(disk_space=disk))
        assert offer.disk_mb == round(Fraction(repr(disk)) * 1_000)

    @pytest.mark.parametrize(
        ("gpus", "share", "total"),
        [
            (1, 0.125, 8),
            (2, 0.14285714285714285, 14),
            (8, 1.0, 8),
            (3, 1, 3),
            (3, 0.5, 6),
            (3, 0.4, None),
            (2, 0.0, None),
            (2, 5e-324, None),
            (4_096, 0.5, None),
            (3_000, 0.6, None),
            (2, 1.5, None),
            (2, -0.5, None),
            (1, None, None),
        ],
    )
    def test_gpus_of_machine_only_if_the_share_agrees(
        self, gpus: int, share: float | None, total: int | None
    ) -> None:
        offer = offer_from_record(minimal(num_gpus=gpus, gpu_frac=share))
        assert offer.gpus_in_machine == total

    def test_only_snapshots_have_no_id_of_the_api(self) -> None:
        assert offer_from_record(minimal(offer_id=5)).id == 1

    def test_host_may_be_text_and_an_end_is_floored(self) -> None:
        offer = offer_from_record(minimal(host_id="h-1", end_date=59.9))
        assert offer.host == "h-1"
        assert offer.ends_at == datetime(1970, 1, 1, 0, 0, 59, tzinfo=UTC)

    def test_an_end_may_be_the_last_second_of_the_calendar(self) -> None:
        last = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
        for seconds in (253_402_300_799, 253_402_300_799.9):
            assert offer_from_record(minimal(end_date=seconds)).ends_at == last
        with pytest.raises(InvalidDocument, match="Unix seconds from 1970 to 9999"):
            offer_from_record(minimal(end_date=253_402_300_800))

    def test_shortcut_equals_the_public_constructor(self) -> None:
        prices = (PerGpuHour(1), PerGbMonth(2), PerGb(3), PerGb(4), PerGpuHour(5))
        names = ("gpu", "storage", "upload", "download", "min_bid")
        public_prices = PriceTerms(**dict(zip(names, prices, strict=True)))  # type: ignore[arg-type]
        quick = quick_prices(*prices)
        assert quick == public_prices
        assert repr(quick) == repr(public_prices)
        end = datetime(2026, 1, 1, tzinfo=UTC)
        parts = (1, 2, "A", 3, quick, 8, 5, Fraction(1, 4), end, AccountId("h"))
        made = quick_offer(*parts, Verification.DEVERIFIED, False, Promise("0.9"), (), {"id": 1})
        public = Offer(
            id=OfferId(1),
            machine=MachineId(2),
            gpu_name="A",
            gpus=3,
            prices=public_prices,
            gpus_in_machine=8,
            disk_mb=5,
            max_discount=Fraction(1, 4),
            ends_at=end,
            host=AccountId("h"),
            verification=Verification.DEVERIFIED,
            rentable=False,
            promise=Promise("0.9"),
            extra={"id": 1},
        )
        assert made == public
        assert hash(made) == hash(public)
        assert all(hasattr(made, a.name) for a in fields(Offer))

    def test_no_warning_for_a_floor_above_the_price(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            reading = read_offers(json.dumps([minimal(min_bid=2.0)]))
        assert reading.findings[-1].kind is FindingKind.FLOOR_ABOVE_PRICE

    def test_ends_are_looked_at_when_the_time_is_given(self) -> None:
        text, now = json.dumps([RECORD | {"end_date": 10}]), datetime(2026, 1, 1, tzinfo=UTC)
        assert not read_offers(text).findings
        assert [f.kind.name for f in read_offers(text, now=now).findings] == ["END_GONE_BY"]

    def test_the_time_is_floored(self) -> None:
        now = datetime(2026, 1, 1, 0, 0, 0, 900_000, tzinfo=UTC)
        text = json.dumps([RECORD | {"end_date": 1_767_225_600.0}])
        assert [f.kind.name for f in read_offers(text, now=now).findings] == ["END_GONE_BY"]
        assert read_offers("[]", now=datetime.now(UTC)).offers == ()
        with pytest.raises(RuleViolation, match="time zone"):
            read_offers("[]", now=datetime(2026, 1, 1))  # noqa: DTZ001 - that is the point


class TestBadFields:
    """Issue 2: "one of our errors that names the place, the need and what came"."""

    @pytest.mark.parametrize(
        ("key", "values"),
        [
            ("id", [None, True, 1.0, "1", -1, 2**63, [], {}]),
            ("num_gpus", [None, True, 0, 4_097, 1.5, "8", []]),
            ("gpu_name", [None, 1, "", "a\nb", "x" * 201, "\ud800", []]),
            (
                "dph_base",
                [True, "1", -1, -1e-15, 1e7, float("inf"), 10**30, []],
            ),
            ("min_bid", [True, "1", -0.1, float("inf"), {}]),
            ("storage_cost", [True, "1", -0.1, 1e300, []]),
            ("inet_up_cost", [False, "0", -1, float("inf")]),
            ("disk_space", [True, "9", -1.0, 1e10, 2e15, float("nan"), []]),
            ("credit_discount_max", [True, "0.4", -0.1, 1, 1.0, 2, 1.5, float("nan"), {}]),
            ("discount_rate", [True, 3]),
            ("gpu_frac", [True, "1", float("inf"), 2**70, []]),
            ("end_date", [True, "2026", -1.0, 1e12, float("nan"), []]),
            ("host_id", [True, 1.0, -1, 2**63, "", []]),
            ("verification", [True, "good", 1, []]),
            ("rentable", [0, "true", []]),
            ("rented", [1, "no"]),
            ("geolocation", [1, []]),
            ("reliability", [True, "0.9", float("nan"), 10**400, []]),
            ("dph_total", [float("inf"), "x"]),
        ],
    )
    def test_each_is_one_fault_with_its_path(self, key: str, values: list[object]) -> None:
        for value in values:
            (fault,) = faults_of(RECORD | {key: value})
            assert fault.path == f"offer.{key}"
            assert fault.need
            assert fault.got != "none"  # which is what a missing field gets

    def test_missing_fields_are_named_together(self) -> None:
        faults = faults_of({})
        assert [fault.path for fault in faults] == [
            f"offer.{key}" for key in ("id", "machine_id", "gpu_name", "num_gpus")
        ]
        assert str(faults[0]) == "offer.id: need a value, got none"

    def test_wrong_types_are_type_errors_too(self) -> None:
        (fault,) = faults_of(RECORD | {"id": True})
        assert isinstance(fault, WrongType)

    @pytest.mark.parametrize("record", [None, [], "x", 1, [("id", 1)]])
    def test_what_is_no_record(self, record: object) -> None:
        (fault,) = faults_of(record)
        assert fault.path == "offer"

    def test_faults_of_all_records_come_together(self) -> None:
        good, bad = minimal(), minimal(id="x", dph_base=-1)
        with pytest.raises(InvalidDocument) as caught:
            read_offers(json.dumps([good, bad, 5, minimal(num_gpus=0)]))
        paths = [fault.path for fault in caught.value.faults]
        assert paths == ["offers[1].id", "offers[1].dph_base", "offers[2]", "offers[3].num_gpus"]
        assert caught.value.source == "text"

    def test_collecting_keeps_the_good_ones(self) -> None:
        reading = read_offers(json.dumps([minimal(), minimal(id=-1)]), on_error="collect")
        assert [offer.id for offer in reading.offers] == [1]
        assert [fault.path for fault in reading.faults] == ["offers[1].id"]

    def test_on_error_is_one_of_two_words(self) -> None:
        with pytest.raises(RuleViolation, match="on_error"):
            read_offers("[]", on_error=cast("Any", "ignore"))


class TestFormats:
    """Issue 2: a list, ``{"offers": […]}``, one JSON object per line, and the slim CSV."""

    def test_all_json_forms_say_the_same(self, tmp_path: Path) -> None:
        records = [minimal(id=1), minimal(id=2, note="a\u2028b")]
        texts = [
            json.dumps(records),
            json.dumps(records, indent=2),
            json.dumps({"offers": records, "success": True}),
            "\n".join(json.dumps(record, ensure_ascii=False) for record in records),
            "\r\n\r\n".join(map(json.dumps, records)) + "\r\n",
        ]
        expected = read_offers(texts[0]).offers
        for number, text in enumerate(texts):
            path = tmp_path / f"{number}.json"
            path.write_bytes(b"\xef\xbb\xbf" + text.encode())
            packed = gzip.compress(text.encode())
            sources: list[Any] = [text, text.encode(), bytearray(text.encode()), packed]
            sources += [path, io.BytesIO(packed)]
            for source in sources:
                assert read_offers(source).offers == expected

    def test_one_record_alone_is_a_market_of_one(self) -> None:
        assert len(read_offers(json.dumps(minimal(), indent=1)).offers) == 1

    def test_bad_lines_are_faults_of_their_lines(self) -> None:
        lines = [json.dumps(minimal()), '{"id": }', json.dumps(minimal(id=True)), "{}", "7"]
        reading = read_offers("\n".join([*lines, json.dumps(minimal(id=9))]), on_error="collect")
        assert [offer.id for offer in reading.offers] == [1, 9]
        places = [fault.path for fault in reading.faults]
        assert places[:2] == ["line 2", "line 3, id"]
        assert places[-1] == "line 5"

    def test_snapshot_row(self) -> None:
        (offer,) = read_offers(as_csv([ROW])).offers
        assert offer.prices == PriceTerms(
            gpu=PerGpuHour("0.4"),
            storage=PerGbMonth("0.2"),
            upload=PerGb("0.001"),
            min_bid=PerGpuHour("0.25"),
        )
        assert offer.ends_at == datetime(2026, 6, 16, 17, 42, 17, tzinfo=UTC)
        assert (offer.gpus, offer.gpus_in_machine, offer.disk_mb) == (2, 8, 10_500)
        assert offer.verification is Verification.DEVERIFIED
        assert not offer.rentable
        assert offer.extra == ROW

    def test_empty_texts_say_nothing(self) -> None:
        needed = {"offer_id", "machine_id", "gpu_name", "num_gpus", "dph_total"}
        needed.add("storage_cost_per_gb_mo")
        more = {"credit_discount_max": "", "host_id": "", "reliability": ""}
        row = {key: ROW[key] if key in needed else "" for key in ROW} | more
        (offer,) = read_offers(as_csv([row])).offers
        bare = offer_from_record({key: ROW[key] for key in needed})
        assert evolve(offer, extra={}) == evolve(bare, extra={})

    @pytest.mark.parametrize(
        ("column", "values"),
        [
            ("offer_id", ["", "x", "-1", "1.0", "９", "9" * 19, 7]),
            ("num_gpus", ["0", "5000", "1_0", True]),
            ("gpu_name", ["", 3]),
            ("dph_total", ["1e400", "-1", "1e7", "0.0001", "1_0", 0.5]),
            ("storage_cost_per_gb_mo", ["inf", []]),
            ("internet_up_cost_per_tb", ["x", "-1", None]),
            ("disk_space_gb", ["-1", "1e10", None]),
            ("credit_discount_max", ["1", "1.5", "x", 0.4]),
            ("collected_at", ["now", "2026-06-16T17:40:36", 5]),
            ("duration_seconds", ["soon", "1e12", None]),
            ("host_id", ["a\tb", 3]),
            ("verification", ["good"]),
            ("rentable", ["yes", True]),
            ("reliability", ["nan", None]),
        ],
    )
    def test_bad_cells_name_their_column(self, column: str, values: list[Any]) -> None:
        for value in values:
            (fault,) = faults_of(ROW | {column: value})
            assert fault.path == f"offer.{column}"

    def test_an_end_beyond_the_calendar(self) -> None:
        row = ROW | {"collected_at": "9999-12-31T00:00:00Z", "duration_seconds": "1e9"}
        (fault,) = faults_of(row)
        assert fault.path == "offer.duration_seconds"

    def test_bad_rows_name_their_line(self) -> None:
        text = as_csv([ROW, ROW | {"offer_id": "x"}]) + "1,2\r\n\r\n"
        reading = read_offers(text, on_error="collect")
        assert len(reading.offers) == 1
        assert [fault.path for fault in reading.faults] == ["line 3, offer_id", "line 4"]

    def test_text_is_never_a_path(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        Path("market.json").write_text("[]", encoding="utf-8")
        assert read_offers(Path("market.json")) == Reading(source="market.json", offers=())
        refused("market.json", r"got 'market.json' \(of a file, give its Path\)")
        refused("/etc/passwd", "give its Path")

    def test_short_reads_are_put_together(self) -> None:
        class Slow(io.BytesIO):
            def read(self, size: int | None = -1, /) -> bytes:
                return super().read(min(size or 0, 3))

        assert read_offers(Slow(json.dumps([minimal()]).encode())).source == "stream"


class TestBadDocuments:
    """Issue 2: "deep or huge JSON (a stated limit), an empty file, a truncated gzip"."""

    @pytest.mark.parametrize(
        "source", ["", b"", "  \n ", b"\xef\xbb\xbf", gzip.compress(b"", mtime=0)]
    )
    def test_empty(self, source: Any) -> None:
        refused(source, "an empty document")

    @pytest.mark.parametrize(
        "source",
        [b"NaN", b"12", b'"text"', "a\n1\n", b"\x00\x01", "x"],
    )
    def test_no_market(self, source: Any) -> None:
        refused(source, "JSON list")

    @pytest.mark.parametrize("source", ["[", '{"offers": [', "[1,", "{", "[\n{}\n", "{'id': 1}"])
    def test_broken_json_says_where(self, source: str) -> None:
        with pytest.raises(NumgeniusError, match=r"line 1|column"):
            read_offers(source)

    @pytest.mark.parametrize("offers", ["5", "{}", "null", '[], "offers": []'])
    def test_offers_that_are_no_list(self, offers: str) -> None:
        refused(f'{{"offers": {offers}}}', "text, offers: need one list of offers")

    def test_numbers_beside_the_offers_must_be_finite(self) -> None:
        refused('{"offers": [], "total": 1e400}', r"text.total: need a finite number, got 1e400")

    @pytest.mark.parametrize("cut", [3, 12, -1, -9])
    def test_truncated_gzip(self, cut: int) -> None:
        refused(gzip.compress(json.dumps([minimal()]).encode())[:cut], "a whole gzip file")

    def test_damaged_gzip(self) -> None:
        packed = bytearray(gzip.compress(json.dumps([minimal()] * 9).encode()))
        packed[20] ^= 0xFF
        refused(bytes(packed), "a whole gzip file")

    def test_gzip_bomb(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("numgenius_core._json.packings.MAX_BYTES", 1_000)
        refused(gzip.compress(b" " * 10**6), "at most 1,000 bytes")
        refused(b" " * 1_001, "at most 1,000 bytes")
        refused(io.BytesIO(b" " * 10**6), "at most 1,000 bytes")
        refused(b" " * 1_000, "an empty document")

    def test_too_many_records(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("numgenius_core.wire._sources.MAX_RECORDS", 2)
        assert len(read_offers(json.dumps([minimal(id=i) for i in range(2)])).offers) == 2
        refused(json.dumps([minimal(id=i) for i in range(3)]), "at most 2 records")

    def test_not_utf8(self) -> None:
        refused(b'[{"id": "\xff"}]', "UTF-8 text, got byte 0xff at 9")

    def test_lone_surrogates(self) -> None:
        refused('["\ud800"]', "without lone surrogates")
        for text in ('{"x": "\\ud800"}', '{"\\uDC00": 1}', '{"x": ["ok", "a\\udfff"]}'):
            record = json.dumps([minimal()])[:-2] + ", " + text[1:] + "]"
            with pytest.raises(InvalidDocument, match="without lone surrogates") as caught:
                read_offers(record)
            str(caught.value).encode()

    def test_whole_surrogate_pairs_are_text(self) -> None:
        (offer,) = read_offers(json.dumps([minimal(note="😀")])).offers
        assert offer.extra["note"] == "😀"

    @pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
    def test_nesting_has_a_limit(self, opening: str, closing: str) -> None:
        deep = MAX_DEPTH - 2
        fine = json.dumps([minimal()])[:-2] + f', "x": {opening * deep}1{closing * deep}}}]'
        assert read_offers(fine).offers
        refused(fine.replace(f"{opening}1{closing}", f"{opening * 2}1{closing * 2}"), "64 levels")
        refused(opening * 100_000, "64 levels")

    def test_brackets_in_texts_do_not_nest(self) -> None:
        assert read_offers(json.dumps([minimal(note='\\"[' * 200)])).offers

    @pytest.mark.parametrize("number", ["1e400", "-1E400", "Infinity", "-Infinity", "9" * 5_000])
    def test_numbers_without_a_double_name_their_place(self, number: str) -> None:
        for text, path in (
            (f'{{"dph_base": {number}}}', "dph_base"),
            (f'{{"x": [0, {{"y": {number}}}]}}', "x[1].y"),
        ):
            record = json.dumps([minimal(id=True)])[:-2] + ", " + text[1:] + "]"
            with pytest.raises(InvalidDocument) as caught:
                read_offers(record)
            paths = {fault.path for fault in caught.value.faults}
            assert {f"offers[0].{path}", "offers[0].id"} <= paths

    def test_digits_have_a_limit(self) -> None:
        text = json.dumps([minimal(n=1)])
        for digits in ("9" * MAX_DIGITS, "0." + "3" * (MAX_DIGITS - 2), "1e-400", "1E+200"):
            assert read_offers(text.replace('"n": 1', f'"n": {digits}')).offers
        for digits in ("9" * (MAX_DIGITS + 1), "0." + "3" * MAX_DIGITS):
            with pytest.raises(InvalidDocument, match=r"offers\[0\]\.n: need a number of at most"):
                read_offers(text.replace('"n": 1', f'"n": {digits}'))

    def test_all_that_json_lets_pass_is_reported_together(self) -> None:
        record = json.dumps(minimal())[:-1]
        text = f'[{record}, "a": Infinity, "b": [1e400], "c": {{"d": 1, "d": 2}}, "e": "\\udfff"}}]'
        faults = read_offers(text, on_error="collect").faults
        assert [(fault.path, fault.need) for fault in faults] == [
            ("offers[0].a", "a finite number"),
            ("offers[0].b[0]", "a finite number"),
            ("offers[0].c.d", "each key once"),
            ("offers[0].e", "text without lone surrogates"),
        ]

    def test_a_key_twice_is_a_fault(self) -> None:
        text = '{"id": 1, "a": {"b": 1, "b": 2, "b": 3}}'
        (fault,) = [
            f for f in read_offers(text, on_error="collect").faults if "each key once" in f.need
        ]
        assert fault.path == "offers[0].a.b"
        lines = json.dumps(minimal())[:-1] + ', "id": 1}\n'
        reading = read_offers(lines * 2, on_error="collect")
        assert [f.path for f in reading.faults] == ["line 1, id", "line 2, id"]

    def test_csv_that_is_none(self) -> None:
        head = "offer_id,machine_id,gpu_name,num_gpus,dph_total,storage_cost_per_gb_mo"
        refused(f"{head},offer_id\n1,2,3\n", "each column once")
        refused(f'{head}\n"1"x,2\n', "line 2: need CSV")
        refused(f'{head}\n"1,2\n', "need CSV")
        refused(f"{head}\n{'1' * 200_000},2\n", "field larger than field limit")

    def test_files_that_cannot_be_read(self, tmp_path: Path) -> None:
        refused(tmp_path, "a file that can be read")
        refused(tmp_path / "none.json", "No such file")
        refused(Path("none\0.json"), "a file that can be read")

    def test_files_that_are_too_large(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("numgenius_core._json.packings.MAX_BYTES", 10)
        (tmp_path / "big").write_bytes(b"[" + b" " * 20 + b"]")
        refused(tmp_path / "big", "at most 10 bytes")

    def test_streams_that_cannot_be_read(self) -> None:
        closed = io.BytesIO()
        closed.close()
        refused(closed, "a stream that can be read")
        with pytest.raises(WrongType, match="a binary stream"):
            read_offers(cast("Any", io.StringIO("[]")))

    @pytest.mark.parametrize("source", [None, 5, [], {}, 1.5])
    def test_what_is_no_source(self, source: Any) -> None:
        with pytest.raises(WrongType, match="source"):
            read_offers(source)

    json_values = st.recursive(
        st.one_of(
            st.none(),
            st.booleans(),
            st.integers(),
            st.integers(-(10**400), 10**400),
            st.floats(),
            st.text(st.characters(), max_size=9),
            st.sampled_from(["verified", "0.5", "RTX 4090"]),
        ),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.dictionaries(
                st.one_of(st.sampled_from([*RECORD, *ROW, "offers"]), st.text(max_size=4)), inner
            ),
        ),
        max_leaves=12,
    )

    @given(value=json_values)
    @examples(200)
    def test_any_json_gives_offers_or_our_errors(self, value: object) -> None:
        text = json.dumps(value, ensure_ascii=True)
        for source in (text.encode(), f"[{text}]".encode(), f'{{"offers": [{text}]}}'.encode()):
            try:
                reading = read_offers(source, on_error="collect")
            except NumgeniusError as error:
                str(error).encode()
            else:
                document = json.loads(source)
                held = document.get("offers") if isinstance(document, dict) else document
                assert reading.offers or reading.faults or held == [] or '"offers": []' in text

    @given(key=st.sampled_from(list(RECORD)), value=json_values)
    @examples(200)
    def test_any_value_in_any_field(self, key: str, value: object) -> None:
        record = RECORD | {key: value}
        try:
            offer = offer_from_record(record)
        except InvalidDocument as error:
            paths = [fault.path for fault in error.faults]
        else:
            paths = [f"offer.{key}"]
            assert offer_to_record(offer) == record
        assert paths == [f"offer.{key}"]

    @given(key=st.sampled_from(list(ROW)), value=st.text(string.printable, max_size=12))
    @examples(200)
    def test_any_text_in_any_cell(self, key: str, value: str) -> None:
        try:
            offer = offer_from_record(ROW | {key: value})
        except InvalidDocument as error:
            str(error).encode()
        else:
            assert offer_to_record(offer) == ROW | {key: value}

    @given(data=st.binary(max_size=60))
    def test_any_bytes(self, data: bytes) -> None:
        for source in (data, b"\x1f\x8b\x08" + data, b"[" + data, b"offer_id,machine_id\n" + data):
            try:
                read_offers(source, on_error="collect")
            except NumgeniusError as error:
                str(error).encode()


class TestRoundTrip:
    """Issue 2: "Nothing is lost: unknown keys survive a round trip"."""

    @pytest.mark.parametrize("record", [RECORD, ROW, minimal(), minimal(x=float("nan"))])
    def test_a_record_leaves_as_it_came(self, record: dict[str, Any]) -> None:
        back = offer_to_record(offer_from_record(record))
        assert list(back.items()) == list(record.items())
        assert [type(value) for value in back.values()] == [type(v) for v in record.values()]

    def test_the_offer_keeps_a_copy(self) -> None:
        record = minimal()
        offer = offer_from_record(record)
        record["id"] = 99
        assert offer.extra["id"] == 1

    CHANGES = (
        ("id", OfferId(99)),
        ("machine", MachineId(98)),
        ("gpu_name", "H100"),
        ("gpus", 1),
        ("gpus", 4),
        ("gpus_in_machine", 16),
        ("gpus_in_machine", None),
        ("disk_mb", 1),
        ("max_discount", Fraction(1, 4)),
        ("ends_at", datetime(2027, 1, 1, tzinfo=UTC)),
        ("ends_at", None),
        ("host", AccountId("0123")),
        ("host", AccountId("alice")),
        ("host", AccountId("5")),
        ("host", AccountId("9" * 19)),
        ("host", AccountId("٣²")),
        ("host", None),
        ("verification", Verification.UNVERIFIED),
        ("rentable", False),
        ("rentable", True),
        (
            "prices",
            PriceTerms(
                gpu=PerGpuHour("0.123456789012"),
                storage=PerGbMonth("0.1"),
                upload=PerGb("0.000000000001"),
                download=PerGb("0.7"),
                min_bid=PerGpuHour("12.34"),
            ),
        ),
    )

    @pytest.mark.parametrize(("name", "value"), CHANGES)
    @pytest.mark.parametrize("record", [RECORD, ROW, minimal()])
    def test_a_change_is_written_and_read_back(
        self, record: dict[str, Any], name: str, value: object
    ) -> None:
        offer = offer_from_record(record)
        changed = evolve(offer, **cast("Any", {name: value}))
        written = offer_to_record(changed)
        again = offer_from_record(written)
        assert getattr(again, name) == value
        assert evolve(again, extra={}) == evolve(changed, extra={})
        assert written.get("unknown") == record.get("unknown")

    @pytest.mark.parametrize(
        ("host", "written"), [("9" * 18, int("9" * 18)), ("9" * 19, "9" * 19), ("h-1", "h-1")]
    )
    def test_a_host_is_the_number_that_it_reads_as(self, host: str, written: object) -> None:
        changed = evolve(offer_from_record(RECORD), host=AccountId(host))
        assert offer_to_record(changed)["host_id"] == written

    def test_only_what_changed_is_written_anew(self) -> None:
        changed = evolve(offer_from_record(RECORD), disk_mb=5)
        assert offer_to_record(changed) == RECORD | {"disk_space": 0.005}

    @given(steps=st.integers(0, 10**15), gpus=st.integers(1, 16))
    @examples(50)
    def test_changed_prices_come_back_to_the_step(self, steps: int, gpus: int) -> None:
        for record in (RECORD, ROW):
            offer = evolve(offer_from_record(record), gpus=gpus, gpus_in_machine=None)
            terms = evolve(offer.prices, gpu=PerGpuHour.from_steps(steps))
            again = offer_from_record(offer_to_record(offer.with_prices(terms)))
            assert again.prices.gpu.steps == steps

    def test_an_offer_made_by_hand_gets_an_api_record(self) -> None:
        offer = evolve(offer_from_record(RECORD), extra={"note": 1})
        written = offer_to_record(offer)
        assert written["note"] == 1
        assert evolve(offer_from_record(written), extra={}) == evolve(offer, extra={})

    def test_a_duration_needs_the_time_it_counts_from(self) -> None:
        row = {key: text for key, text in ROW.items() if key != "collected_at"}
        offer = offer_from_record(row)
        assert offer.ends_at is None
        with pytest.raises(RuleViolation, match="collected_at"):
            offer_to_record(evolve(offer, ends_at=datetime(2027, 1, 1, tzinfo=UTC)))

    def test_what_is_no_offer(self) -> None:
        with pytest.raises(WrongType, match="offer"):
            offer_to_record(cast("Any", RECORD))


class TestSample:
    """Issue 2: "A sample market made by the project ships with it"."""

    def test_reads_without_a_fault_and_leaves_as_it_came(self) -> None:
        records = json.loads(sample_path().read_text(encoding="utf-8"))["offers"]
        reading = read_sample()
        assert list(map(offer_to_record, reading.offers)) == records
        assert len(reading.offers) == len(records) >= 50
        assert len({offer.gpu_name for offer in reading.offers}) >= 5

    def test_the_cheapest_headline_is_not_the_cheapest_truth(self) -> None:
        offers = read_sample().offers

        def true_cost(offer: Offer) -> Money:
            stay, prices = 72 * SECONDS_PER_HOUR, offer.prices
            storage = prices.storage.charge(500_000, stay)
            traffic = prices.download.charge(500 * 10**9)
            return prices.gpu.charge(offer.gpus, stay) + storage + traffic

        ones = [offer for offer in offers if offer.gpus == 1]
        assert min(ones, key=lambda o: o.prices.gpu) != min(ones, key=true_cost)


@with_market
class TestRealMarket:
    """Issue 2, "It must show" 1 and 3: all records read; totals from their parts to 1e-9."""

    @staticmethod
    def close(amount: Money, quoted: float) -> bool:
        return (
            abs(Fraction(amount.ticks, TICKS_PER_DOLLAR) - Fraction(quoted))
            <= abs(Fraction(quoted)) / 10**9
        )

    def test_64_of_64(self) -> None:
        path = Path(str(MARKET), "search_offers.json")
        records = json.loads(path.read_bytes())
        reading = read_offers(path)
        assert len(reading.offers) == 64
        assert list(map(offer_to_record, reading.offers)) == records

    def test_1936_of_1936(self) -> None:
        path = Path(str(MARKET), "market_snapshot.csv.gz")
        reading = read_offers(path)
        assert len(reading.offers) == 1_936
        with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
            rows = list(csv.DictReader(lines))
        assert list(map(offer_to_record, reading.offers)) == rows
        for offer, row in zip(reading.offers, rows, strict=True):
            hour = SECONDS_PER_HOUR
            total = offer.per_hour.charge(hour) + offer.prices.storage.charge(8_000, hour)
            assert self.close(total, float(row["dph_total"]))

    def test_totals_are_the_sum_of_their_parts(self) -> None:
        hour = SECONDS_PER_HOUR
        for offer in read_offers(Path(str(MARKET), "search_offers.json")).offers:
            gpu = offer.prices.gpu.charge(offer.gpus, hour)
            storage = offer.prices.storage.charge(8_000, hour)
            rate = Fraction(Decimal(str(offer.extra["discount_rate"] or 0)))
            assert self.close(gpu, offer.extra["dph_base"])
            assert self.close(storage, offer.extra["storage_total_cost"])
            assert self.close(gpu + storage, offer.extra["dph_total"])
            discounted = gpu + storage - gpu.scaled(rate)
            assert self.close(discounted, offer.extra["discounted_dph_total"])
            assert offer.ends_at is not None
            seconds = int(offer.extra["end_date"])
            assert offer.ends_at == datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)

    def test_what_is_derived_is_explained(self) -> None:
        """What the market works out beside a price, from its own parts; what is false on all."""
        for record in json.loads(Path(str(MARKET), "search_offers.json").read_bytes()):
            total, disk = record["dph_total"], 8
            stay = total + disk * record["inet_down_cost"] / 4  # 4 hours, with as much download
            assert record["dph_total_adj"] == pytest.approx(stay, rel=1e-9)
            for name, of in (("dlperf", "dlperf"), ("flops", "total_flops")):
                each = record[of] / total
                assert record[f"{name}_per_dphtotal"] == pytest.approx(each, rel=1e-9)
            assert (record["rented"], record["is_bid"]) == (False, False)
            assert record["ask_contract_id"] == record["id"]

    def test_every_file_has_its_tests(self) -> None:
        """A new file is to be read losslessly and explained by a test, which is named here."""
        readers = {
            "search_offers.json": "TestRealMarket, tests/search and tests/test_command_quote.py",
            "market_snapshot.csv.gz": "TestRealMarket, tests/search and tests/frames",
            "listing_batches.csv": "tests/gpus/test_slicing.py",
            "spot_prices.csv.gz": "tests/planning/test_histories.py and test_bids.py",
            "SOURCES.md": "where they come from",
        }
        assert {path.name for path in Path(str(MARKET)).iterdir()} == set(readers)


@pytest.mark.parametrize("read", [read_offers, read_machines, read_charges])
def test_a_document_of_this_library_is_known_by_its_name(read: Callable[[str], object]) -> None:
    """What-can-be-read: other things "are known by their fields"; these say what they are."""
    market, _ = execute(
        Market(),
        commands.AddMachine(machine=Machine(id=1, host="h", gpu_name="A100", gpus=1)),
        datetime(2026, 1, 1, tzinfo=UTC),
    )
    with pytest.raises(ParseError, match=r"'Snapshot' \(numgenius_core\.market\.journal\.market_"):
        read(market_to_json(market))
    for value in (market.machine(MachineId(1)).machine, read_sample().offers[0]):
        told = rf"type '{type(value).__name__}' \(numgenius_core\.documents\.from_json reads it\)"
        for text in (to_json(value), f"[{to_json(value)}]"):
            with pytest.raises(ParseError, match=told):
                read(text)
