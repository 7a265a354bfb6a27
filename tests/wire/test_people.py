"""What people have: tables of any cut, packings, encodings, shapes of JSON, and what is none."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
import tarfile
import zipfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given, strategies as st

from effort import examples
from numgenius_core import PerGpuHour, PerHour, quote
from numgenius_core.errors import InvalidDocument, ParseError, RuleViolation, WrongType
from numgenius_core.listing import Verification
from numgenius_core.offer import Offer
from numgenius_core.prices.ranking import is_external
from numgenius_core.wire import (
    offer_from_record,
    offer_to_record,
    read_machines,
    read_offers,
    read_snapshots,
    read_table,
)
from numgenius_core.wire._cells import plain_number
from numgenius_core.wire._fields import machine_gpus

RECORD: dict[str, Any] = {
    "id": 7,
    "machine_id": 3,
    "gpu_name": "RTX 4090",
    "num_gpus": 2,
    "dph_base": 0.8,
    "storage_cost": 0.15,
    "inet_up_cost": 0.01,
    "inet_down_cost": 0.02,
    "min_bid": 0.4,
}
ROW = {
    "offer_id": "7",
    "machine_id": "3",
    "gpu_name": "RTX 4090",
    "num_gpus": "2",
    "dph_total": "0.83",
    "storage_cost_per_gb_mo": "0.9",
    "min_bid": "0.5",
    "internet_up_cost_per_tb": "1.024",
    "internet_down_cost_per_tb": "1.024",
    "reliability": "0.99",
    "rentable": "True",
    "geolocation": "Quebec, CA",
    "collected_at": "2026-03-01T12:00:00+00:00",
    "duration_seconds": "86400",
}


API_ROW: dict[str, Any] = {
    "id": 7,
    "machine_id": 3,
    "gpu_name": "A100",
    "num_gpus": 1,
    "dph_base": 1.0,
}


def table(*rows: dict[str, str], separator: str = ",", end: str = "\r\n") -> str:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]), delimiter=separator, lineterminator=end)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def only(source: Any, **options: Any) -> Offer:
    (offer,) = read_offers(source, **options).offers
    return offer


def refusal(source: Any, **options: Any) -> str:
    with pytest.raises(ParseError) as caught:
        read_offers(source, **options)
    return str(caught.value)


PLAIN = only(table(ROW))


class TestTables:
    """Issue: "comma, semicolon, tab, `sep=`, decimal comma, blanks, BOM, UTF-16, CRLF …"."""

    @pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
    @pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
    def test_separators_and_line_ends(self, separator: str, end: str) -> None:
        assert only(table(ROW, separator=separator, end=end)) == PLAIN

    def test_the_line_of_a_sheet_that_names_the_separator(self) -> None:
        assert only("sep=;\r\n" + table(ROW, separator=";")) == PLAIN
        assert only("\n\nSEP=\t\n" + table(ROW, separator="\t")) == PLAIN
        reading = read_offers(
            "sep=;\n" + table(ROW | {"num_gpus": "x"}, separator=";"), on_error="collect"
        )
        assert [fault.path for fault in reading.faults] == ["line 3, num_gpus"]

    def test_a_comma_that_is_no_decimal_one_says_why(self) -> None:
        for row in (ROW, {key: str(value) for key, value in API_ROW.items()}):
            price = "dph_total" if row is ROW else "dph_base"
            text = table(row | {price: "1.5"}, row | {price: "1,20"}, separator=";")
            need = rf"line 3, {price}: .*, got '1,20' \(a decimal comma, but line 2, \w+ has '"
            with pytest.raises(InvalidDocument, match=need):
                read_offers(text)
            text = table(row | {price: "1,024"}, separator=";")
            with pytest.raises(InvalidDocument, match=r"got '1,024' \(a thousand or one\?\)"):
                read_offers(text)
        columns = {name: name for name in API_ROW} | {"dph_base": "price", "disk_space": "GB"}
        text = 'id,machine_id,gpu_name,num_gpus,price,GB\n1,1,A,1,0.5,"1,500"\n'
        with pytest.raises(InvalidDocument, match=r"'1,500' \(a thousand or one\?\)"):
            read_offers(text, columns=columns)

    @pytest.mark.parametrize("key", ["currency", "Currency"])
    def test_money_of_another_currency_is_refused(self, key: str) -> None:
        for row in (ROW, {name: str(value) for name, value in API_ROW.items()}):
            for said in ("USD", "usd", "$", "US$", " "):
                assert len(read_offers(table(row | {key: said})).offers) == 1
            with pytest.raises(InvalidDocument, match=f"line 2, {key}: need USD, .* got 'EUR'"):
                read_offers(table(row | {key: "EUR"}))
            both = table(row | {key: "EUR"}, row | {key: "USD"})
            assert read_offers(both, on_error="collect").skipped == 1
        with pytest.raises(InvalidDocument, match=rf"offers\[0\]\.{key}: need USD"):
            read_offers(json.dumps([API_ROW | {key: "JPY"}]))
        assert read_offers(json.dumps([API_ROW | {key: None}])).offers
        with pytest.raises(ParseError, match=rf"text\.{key}: need USD"):
            read_offers(json.dumps({key: "EUR", "offers": [API_ROW]}))
        machines = [{"id": 7, "gpu_name": "A100", "num_gpus": 4, key: "EUR"}]
        with pytest.raises(InvalidDocument, match=rf"machines\[0\]\.{key}: need USD"):
            read_machines(json.dumps(machines))
        assert read_table(table({key: "EUR", "price": "1"}))  # its rows are the caller's

    def test_a_flag_in_any_word_and_none_by_another(self) -> None:
        """An offer of another market was taken for one of this one where `external` said YES."""
        for row in (ROW, {name: str(value) for name, value in API_ROW.items()}):
            for word, is_one in (
                ("YES", True),
                ("true", True),
                ("1", True),
                ("f", False),
                ("", False),
            ):
                assert is_external(only(table(row | {"external": word}))) is is_one
            for key in ("external", "is_bid"):
                with pytest.raises(
                    InvalidDocument, match=f"line 2, {key}: need true or false, got"
                ):
                    read_offers(table(row | {key: "perhaps"}))

    def test_a_decimal_comma(self) -> None:
        def german(value: str) -> str:
            return value.replace(".", ",") if value.replace(".", "").isdigit() else value

        row = {key: german(value) for key, value in ROW.items()}
        for separator in ";\t":
            offer = only(table(row, separator=separator))
            assert (offer.prices, offer.per_hour) == (PLAIN.prices, PerHour("0.82"))
        assert only(table(row | {"dph_total": "1.000,83"}, separator=";")).per_hour == (
            PerHour("1000.82")
        )

    def test_a_comma_that_may_be_either_is_refused(self) -> None:
        whole = {"dph_total": "1,024", "storage_cost_per_gb_mo": "0", "min_bid": "1"}
        row = ROW | whole | {"internet_up_cost_per_tb": "1", "internet_down_cost_per_tb": "1"}
        row |= {"reliability": ""}
        with pytest.raises(InvalidDocument, match=r"dph_total: need dollars .*'1,024'"):
            read_offers(table(row, separator=";"))
        grouped = table(row | {"dph_total": "1,024.50"}, separator=";")
        assert only(grouped).per_hour == PerHour("1024.50")

    def test_a_point_anywhere_decides_against_the_comma(self) -> None:
        row = ROW | {"dph_total": "0,83"}
        with pytest.raises(InvalidDocument, match="dph_total"):
            read_offers(table(row, separator=";"))

    @pytest.mark.parametrize("word", ["NULL", "null", "None", "NaN", "nan", "N/A", "\\N", "-", ""])
    def test_words_for_nothing(self, word: str) -> None:
        offer = only(table(ROW | {"reliability": word, "min_bid": word, "geolocation": word}))
        assert offer.unknown_prices == ("min_bid",)
        assert offer.extra["geolocation"] == ""

    def test_dollars_blanks_and_whole_numbers_with_a_point(self) -> None:
        row = ROW | {
            "offer_id": "7.0",
            "num_gpus": " 2.0 ",
            "gpu_name": " RTX 4090",
            "dph_total": "$0.83",
            "min_bid": "$ .5",
            "rentable": "TRUE",
        }
        offer = only(table(row))
        assert (offer.id, offer.gpus, offer.gpu_name) == (7, 2, "RTX 4090")
        assert (offer.prices, offer.rentable) == (PLAIN.prices, True)

    @pytest.mark.parametrize(
        "cell", ["1,5", "1.5.5", "0x10", "1_000", "five", "", "1e5000", "٣", "$", "--1"]
    )
    def test_what_is_no_number_stays_as_it_is(self, cell: str) -> None:
        assert plain_number(cell) == cell

    @given(st.decimals(0, 10**6, places=3))
    @examples(50)
    def test_a_number_is_the_same_in_all_its_ways(self, number: Decimal) -> None:
        for text, comma in (
            (f"{number}", False),
            (f"${number:,}", False),
            (f" {number} ", False),
            (f"{number}".replace(".", ","), True),
            (f"{number:,}".translate(str.maketrans(",.", ".,")), True),
        ):
            assert Decimal(plain_number(text, comma=comma)) == number

    def test_columns_without_a_name(self) -> None:
        text = "\n".join(f"{n - 1},{line}," for n, line in enumerate(table(ROW).splitlines()))
        text = text.replace("-1,", ",", 1)
        assert only(text).prices == PLAIN.prices
        assert only(table(ROW).replace("\r\n", ",,\r\n")).prices == PLAIN.prices

    def test_rows_of_nothing_are_none(self) -> None:
        assert only(table(ROW) + "," * 13 + "\r\n\r\n  \r\n") == PLAIN

    def test_the_columns_of_the_api(self) -> None:
        row = {key: str(value) for key, value in RECORD.items()}
        row |= {"rentable": "FALSE", "end_date": "1785542400.0", "host_id": "12.0", "note": "x"}
        offer = only(table(row))
        assert offer.prices == offer_from_record(RECORD).prices
        assert (offer.rentable, offer.host, offer.extra["note"]) == (False, "12", "x")
        assert offer.ends_at == datetime(2026, 8, 1, tzinfo=UTC)
        assert offer_to_record(offer) == offer.extra

    def test_an_empty_cell_and_a_word_of_the_columns_of_the_api(self) -> None:
        """An empty number is nothing said, an empty word too; a word stays as it is."""
        row = {key: str(value) for key, value in RECORD.items()}
        row |= {"min_bid": "", "geolocation": "Quebec, CA", "verification": ""}
        offer = only(table(row))
        assert offer.unknown_prices == ("min_bid",)
        assert (offer.extra["min_bid"], offer.extra["geolocation"]) == (None, "Quebec, CA")
        assert offer.verification is Verification.UNVERIFIED

    def test_what_is_wrong_with_a_row_beside_the_way_its_numbers_are_written(self) -> None:
        """A dollar sign is understood on the second look, which finds the other fault alone."""
        row = ROW | {"dph_total": "$0.50", "num_gpus": "two"}
        reading = read_offers(table(row), on_error="collect")
        assert [fault.path for fault in reading.faults] == ["line 2, num_gpus"]
        assert (reading.offers, reading.skipped) == ((), 1)

    def test_missing_columns_come_together_with_those_that_are_there(self) -> None:
        said = refusal("offer_id,machine_id,city\n1,2,Paris\n")
        assert "gpu_name, num_gpus, dph_total, storage_cost_per_gb_mo" in said
        assert said.endswith("a table of offer_id, machine_id, city")
        assert "the columns id, machine_id, gpu_name, num_gpus, dph_base" in refusal("a,b\n1,2\n")
        assert "the column dph_base" in refusal("id,machine_id,gpu_name,num_gpus\n")

    def test_a_column_map(self) -> None:
        text = "Nr;Card;GPUs;$/h\nx;A100;2;2,50\n;H100;1;3,10\n"
        ours = {"id": "#", "machine_id": "#", "gpu_name": "Card", "num_gpus": "GPUs"}
        offers = read_offers(text, columns=ours | {"dph_base": "$/h"}).offers
        assert [(o.id, o.gpu_name, o.per_hour) for o in offers] == [
            (1, "A100", PerHour("2.50")),
            (2, "H100", PerHour("3.10")),
        ]
        assert offers[0].extra["Nr"] == "x"
        said = refusal(text, columns=ours | {"dph_base": "price", "min_bid": "bid"})
        assert said == "text: need the columns price, bid, got a table of Nr, Card, GPUs, $/h"
        assert "need the column dph_base" in refusal(text, columns=ours)

    def test_a_column_map_of_snapshots_and_of_json(self) -> None:
        renamed = table({("total" if k == "dph_total" else k): v for k, v in ROW.items()})
        assert only(renamed, columns={"dph_total": "total"}).prices == PLAIN.prices
        record = {("price" if k == "dph_base" else k): v for k, v in RECORD.items()}
        offer = only(json.dumps([record]), columns={"dph_base": "price"})
        assert offer.prices == offer_from_record(RECORD).prices

    @pytest.mark.parametrize("columns", [5, {"id": 5}, {5: "id"}, ["id"]])
    def test_what_is_no_column_map(self, columns: object) -> None:
        with pytest.raises(WrongType, match="columns"):
            read_offers(table(ROW), columns=cast("Any", columns))

    def test_rows_of_any_table(self) -> None:
        assert read_table("a;b\n1; x\n") == ({"a": "1", "b": "x"},)
        assert read_table("1\tx\n", header=["a", "b"]) == ({"a": "1", "b": "x"},)
        assert read_table('{"rows": [{"a": 1}], "next": null}') == ({"a": 1},)
        assert read_table('[{"a": 1}]', columns={"b": "a", "n": "#"}) == ({"b": 1, "n": 1},)
        with pytest.raises(InvalidDocument, match="line 2: need 2 columns, got 1"):
            read_table("a,b\n1\n")
        with pytest.raises(ParseError, match="the column c, got a table of a, b"):
            read_table("a,b\n1,2\n", columns={"x": "c"})
        for empty in ("", " \n"):
            with pytest.raises(ParseError, match="an empty document"):
                read_table(empty)

    @pytest.mark.parametrize(
        "text",
        [
            '[{"id": 5, "maint": [{"id": 1}]}, {"id": 6, "maint": null}]',
            '{"id": 5, "maint": [{"id": 1}]}\n{"id": 6, "maint": null}',
            '[{"id": 5, "maint": [{"id": 1}]}]\n[{"id": 6, "maint": null}]',
            '{"rows": [{"id": 5, "maint": [{"id": 1}]}, {"id": 6, "maint": null}], "next": 7}',
        ],
    )
    def test_a_list_within_a_row_is_a_cell_of_it(self, text: str) -> None:
        """Docstring: "JSON: a list of objects, one object a line, …, whose values stay"."""
        rows = ({"id": 5, "maint": [{"id": 1}]}, {"id": 6, "maint": None})
        assert read_table(text) == rows
        assert read_table('[{"id": 5, "maint": [{"id": 1}]}]') == rows[:1]
        assert read_table('{"rows": [{"id": 5, "maint": [{"id": 1}]}]}') == rows[:1]

    def test_one_object_that_is_the_document_is_its_one_list(self) -> None:
        assert read_table('{"SpotPriceHistory": [{"a": [{}]}], "n": 1}') == ({"a": [{}]},)
        two = '{"a": [{"x": 1}], "b": [{"y": 2}]}'
        assert read_table(two) == ({"a": [{"x": 1}], "b": [{"y": 2}]},)


class TestFiles:
    """Issue: "gzip, bz2 and xz; other packings are named, with what unpacks them"."""

    @pytest.mark.parametrize(
        "pack",
        [
            gzip.compress,
            bz2.compress,
            lzma.compress,
            lambda d: lzma.compress(d[:9]) + lzma.compress(d[9:]),
        ],
    )
    def test_packings(self, pack: Any) -> None:
        packed = pack(table(ROW).encode())
        assert only(packed) == PLAIN
        for cut in (-1, 20):
            assert "a whole" in refusal(packed[:cut])

    @pytest.mark.parametrize("pack", [bz2.compress, lzma.compress])
    def test_bombs(self, pack: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("numgenius_core._json.packings.MAX_BYTES", 1_000)
        assert "at most 1,000 bytes" in refusal(pack(b" " * 10**6))

    def test_other_packings_are_named(self) -> None:
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as archive:
            archive.writestr("market.csv", table(ROW))
        assert "a zip archive (unzip it first" in refusal(stream.getvalue())
        tar = io.BytesIO()
        with tarfile.open(fileobj=tar, mode="w:gz") as files:
            files.addfile(tarfile.TarInfo("market.csv"))
        assert "a tar archive (tar -xf unpacks it)" in refusal(tar.getvalue())
        assert "zstd -d unpacks it" in refusal(b"\x28\xb5\x2f\xfd...")
        assert "a Parquet file" in refusal(b"PAR1....")
        assert "SQLite" in refusal(b"SQLite format 3\x00...")

    def test_text_with_the_letters_of_a_tar_is_text(self) -> None:
        """A tar says what it is at byte 257, where a document may say anything."""
        document = json.dumps([{"note": ""} | RECORD]).replace('""', f'"{"x" * 246}ustar"', 1)
        sheet = f"note\n{'x' * 252}ustar\n"
        assert document[257:262] == sheet[257:262] == "ustar"
        assert only(document).extra["note"] == only(gzip.compress(document.encode())).extra["note"]
        assert read_table(sheet) == ({"note": f"{'x' * 252}ustar"},)

    @pytest.mark.parametrize("coding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
    def test_encodings(self, coding: str) -> None:
        assert only(table(ROW).encode(coding)) == PLAIN
        packed = gzip.compress(json.dumps([RECORD]).encode(coding))
        assert only(packed) == offer_from_record(RECORD)

    def test_half_a_letter(self) -> None:
        assert "UTF-16 text" in refusal(table(ROW).encode("utf-16")[:-1])

    def test_a_path_is_a_path_and_text_is_text(self, tmp_path: Path) -> None:
        path = tmp_path / "market.csv"
        path.write_text(table(ROW), encoding="utf-8")
        assert only(path) == PLAIN
        assert "give its Path" in refusal(str(path))


class TestShapesOfJson:
    """Issue: "the API's object, a list, lists one after the other, an object by id, snapshots"."""

    def test_all_say_the_same(self) -> None:
        other = RECORD | {"id": 8}
        one, two = json.dumps(RECORD), json.dumps(other)
        bare = {key: value for key, value in RECORD.items() if key != "id"}
        for text in (
            f"[{one}, {two}]",
            f"[{one}]\n[{two}]",
            f"[{one}]\n\n[\n  {two}\n]",
            f"[{one}] [{two}]",
            json.dumps([RECORD], indent=1) + json.dumps([other], indent=1),
            f"{one}\n{two}\n",
            json.dumps(RECORD, indent=1) + "\n" + json.dumps(other, indent=1),
            f'{{"offers": [{one}, {two}], "success": true}}',
            f'{{"offers": [{one}]}}\n{{"offers": [{two}]}}',
            json.dumps({"7": bare, "8": bare}),
            json.dumps({"offers": {"7": bare, "8": bare}}),
            json.dumps({"ts": 1772366400, "offers": [RECORD, other]}),
            f'[{{"offers": [{one}]}}, {{"offers": [{two}]}}]',
        ):
            offers = read_offers(text).offers
            assert [offer.id for offer in offers] == [7, 8], text
            assert {offer.per_hour for offer in offers} == {PerHour("0.80")}

    def test_values_one_after_the_other_know_their_lines(self) -> None:
        good, bad = json.dumps([RECORD]), json.dumps([RECORD | {"num_gpus": 0}])
        text = f"{good} {bad}\n{bad}\n\n[\n{bad[1:]}"
        faults = read_offers(text, on_error="collect").faults
        assert [fault.path[:6] for fault in faults] == ["line 1", "line 2", "line 4"]

    def test_faults_say_where(self) -> None:
        bad = json.dumps(RECORD | {"num_gpus": 0})
        for text, place in (
            (f"[{bad}]\n[{bad}]", ["line 1, offers[0], num_gpus", "line 2, offers[0], num_gpus"]),
            (json.dumps({"7": RECORD | {"num_gpus": 0}}), ["offers[7].num_gpus"]),
        ):
            reading = read_offers(text, on_error="collect")
            assert [fault.path for fault in reading.faults] == place
            assert reading.skipped == len(place)

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ('{"error": true, "status_code": 401, "msg": "Bad key"}', "error 401: 'Bad key'"),
            ('{"success": false, "error": "no", "msg": "Not yours"}', "error: 'Not yours'"),
            ('{"success": false, "error": "auth_error"}', "error: 'auth_error'"),
            ('{"success": false}', "error without words"),
            ("Failed with error 400: bad", "error: 'Failed with error 400: bad'"),
            ('{"error": true, "msg": "a"}\n{"error": true, "msg": "a"}', "error: 'a'"),
            ("<html></html>", "a page of HTML"),
            ('{"invoices": [], "current": 1}', "an object of invoices"),
            ('{"machines": []}', "machines, as show machines --raw prints them (read_machines"),
            ('{"instances": []}', "instances, as show instances --raw prints them"),
            ('[{"id": 1, "listed_gpu_cost": 0.3, "num_gpus": 1}]', "read_machines reads them"),
            ('[{"id": 1, "actual_status": null, "dph_base": 1}]', "read_instances reads them"),
        ],
    )
    @pytest.mark.parametrize("on_error", ["raise", "collect"])
    def test_what_it_is_instead_is_named(self, text: str, words: str, on_error: str) -> None:
        assert words in refusal(text, on_error=on_error)

    def test_an_answer_with_an_error_field_that_has_offers_is_one(self) -> None:
        text = json.dumps({"success": True, "error": None, "offers": [RECORD]})
        assert only(text) == offer_from_record(RECORD)


class TestUnknownPrices:
    """Issue: "A price that is not known (null, absent, NaN) is unknown"."""

    PRICES = (
        ("dph_base", "gpu"),
        ("storage_cost", "storage"),
        ("inet_up_cost", "upload"),
        ("inet_down_cost", "download"),
        ("min_bid", "min_bid"),
    )

    @pytest.mark.parametrize(("key", "name"), PRICES)
    def test_null_absent_and_nan(self, key: str, name: str) -> None:
        absent = {k: v for k, v in RECORD.items() if k != key}
        for record in (RECORD | {key: None}, absent, RECORD | {key: float("nan")}):
            offer = offer_from_record(record)
            assert offer.unknown_prices == (name,)
            assert only(json.dumps([record])).unknown_prices == (name,)
        assert offer_from_record(RECORD | {key: 0}).unknown_prices == ()

    @pytest.mark.parametrize(
        ("column", "names"),
        [
            ("dph_total", ("gpu",)),
            ("storage_cost_per_gb_mo", ("gpu", "storage")),
            ("internet_up_cost_per_tb", ("upload",)),
            ("min_bid", ("min_bid",)),
        ],
    )
    def test_of_snapshots(self, column: str, names: tuple[str, ...]) -> None:
        offer = only(table(ROW | {column: ""}))
        assert offer.unknown_prices == names
        assert offer_to_record(offer)[column] == ""

    def test_a_stay_that_needs_it_is_refused(self) -> None:
        from datetime import timedelta

        from numgenius_core import Mode

        hour = timedelta(hours=1)
        needs: dict[str, dict[str, Any]] = {
            "gpu": {},
            "storage": {"disk": 1},
            "upload": {"upload": "0.1"},
            "download": {"download": 1},
            "min_bid": {"mode": Mode.INTERRUPTIBLE},
        }
        for key, name in self.PRICES:
            offer = offer_from_record(RECORD | {key: None})
            for other, stay in needs.items():
                if other == name:
                    with pytest.raises(RuleViolation, match=f"offer.prices.{name}: need a price"):
                        quote(offer, hour, **stay)
                elif other == "min_bid" or name != "gpu":
                    assert quote(offer, hour, **stay).seconds == 3600
        bids = offer_from_record(RECORD | {"min_bid": None})
        assert quote(bids, hour, mode=Mode.INTERRUPTIBLE, bid=PerHour("0.5")).total.ticks > 0

    def test_a_price_that_is_set_is_known(self) -> None:
        from attrs import evolve

        offer = offer_from_record(RECORD | {"dph_base": None})
        priced = evolve(offer.prices, gpu=PerGpuHour(1))
        assert evolve(offer, prices=priced).unknown_prices == ()
        assert offer.with_prices(offer.prices).unknown_prices == ()
        assert offer_to_record(evolve(offer, prices=priced))["dph_base"] == 2.0
        assert offer_to_record(offer)["dph_base"] is None
        with pytest.raises(RuleViolation, match="unknown_prices: need names of gpu"):
            evolve(offer, unknown_prices=("speed",))

    def test_an_offer_made_by_hand_writes_null(self) -> None:
        from attrs import evolve

        offer = evolve(offer_from_record(RECORD | {"min_bid": None}), extra={})
        record = offer_to_record(offer)
        assert record["min_bid"] is None
        assert offer_from_record(record).unknown_prices == ("min_bid",)


class TestTimes:
    """Issue: "Snapshot times without an offset are taken as UTC when asked"; series."""

    NAIVE = ROW | {"collected_at": "2026-03-01 12:00:00"}

    def test_naive_times(self) -> None:
        with pytest.raises(InvalidDocument, match=r"collected_at: need .*naive='utc'"):
            read_offers(table(self.NAIVE))
        reading = read_offers(table(self.NAIVE), naive="utc")
        assert reading.at == datetime(2026, 3, 1, 12, tzinfo=UTC)
        assert reading.offers[0].ends_at == PLAIN.ends_at
        assert offer_to_record(reading.offers[0]) == self.NAIVE
        assert offer_from_record(self.NAIVE, naive="utc").ends_at == PLAIN.ends_at
        text = json.dumps({"ts": "2026-03-01T12:00:00", "offers": [RECORD]})
        with pytest.raises(InvalidDocument, match=r"text, ts: .*naive='utc'"):
            read_offers(text)
        assert read_offers(text, naive="utc").at == reading.at
        with pytest.raises(RuleViolation, match="naive: need 'refuse' or 'utc'"):
            read_offers(text, naive=cast("Any", "cet"))

    @pytest.mark.parametrize(
        "said", [1772366400, 1772366400.9, 1772366400123, "2026-03-01T12:00:00.5Z"]
    )
    @pytest.mark.parametrize("key", ["ts", "timestamp", "collected_at"])
    def test_the_time_of_a_list(self, key: str, said: object) -> None:
        text = json.dumps({key: said, "offers": [RECORD]})
        assert read_offers(text).at == datetime(2026, 3, 1, 12, tzinfo=UTC)

    def test_the_time_that_ends_and_durations_tell(self) -> None:
        records = [
            RECORD | {"id": n, "end_date": 1772366400.0 + n * 100, "duration": n * 100 - 0.5}
            for n in (5, 6)
        ]
        assert read_offers(json.dumps(records)).at == datetime(2026, 3, 1, 12, tzinfo=UTC)
        apart = [records[0], records[1] | {"duration": 1.0}]
        assert read_offers(json.dumps(apart)).at is None
        near = [records[0], records[1] | {"end_date": records[1]["end_date"] + 5}]
        assert str(read_offers(json.dumps(near)).at)[11:19] == "12:00:05"  # the latest
        assert read_offers(json.dumps([RECORD])).at is None

    def test_a_file_of_several_snapshots(self) -> None:
        later = ROW | {"collected_at": "2026-03-01T13:00:00Z", "dph_total": "0.93"}
        other = ROW | {"offer_id": "8"}
        for rows in ([ROW, other, later], [later, ROW, other]):
            text = table(*rows)
            first, last = read_snapshots(text)
            assert [offer.id for offer in first.offers] == [7, 8]
            assert [str(each.at)[11:16] for each in (first, last)] == ["12:00", "13:00"]
            latest = read_offers(text)
            assert latest.offers == last.offers
            assert latest.earlier == (first.at,)
        lines = [{"ts": t, "offers": [RECORD]} for t in (1772370000, 1772366400)]
        found = read_snapshots("\n".join(map(json.dumps, lines)))
        assert [str(each.at)[11:16] for each in found] == ["12:00", "13:00"]

    def test_what_was_collected_over_minutes_is_one(self) -> None:
        rows = [
            ROW | {"offer_id": str(n), "collected_at": f"2026-03-01T12:00:0{n}.5Z"} for n in (3, 1)
        ]
        (reading,) = read_snapshots(table(*rows))
        assert len(reading.offers) == 2
        assert str(reading.at)[11:19] == "12:00:03"
        assert not read_offers(table(*rows)).earlier

    @pytest.mark.parametrize(
        ("ours", "machine"),
        [("offer_id", "machine_id"), ("id", "machine_id"), ("id", "#"), ("offer_id", "#")],
    )
    def test_the_number_of_a_row_makes_no_snapshots_one(self, ours: str, machine: str) -> None:
        later = ROW | {"collected_at": "2026-03-02T12:00:00Z", "dph_total": "0.93"}
        columns = {ours: "#", "machine_id": machine, "dph_base": "dph_total"}
        text = table(*({k: v for k, v in row.items() if k != "offer_id"} for row in (ROW, later)))
        first, last = read_snapshots(text, columns=columns)
        assert [str(each.at)[:10] for each in (first, last)] == ["2026-03-01", "2026-03-02"]
        latest = read_offers(text, columns=columns)
        assert (latest.offers, latest.earlier) == (last.offers, (first.at,))

    def test_nor_do_ids_that_change_with_each_listing(self) -> None:
        later = ROW | {"offer_id": "8", "collected_at": "2026-03-02T12:00:00Z"}
        assert [len(each.offers) for each in read_snapshots(table(ROW, later))] == [1, 1]

    @pytest.mark.parametrize(
        ("seconds", "sizes"),
        [
            ([0], [1]),
            ([0, 120], [2]),
            ([0, 121], [1, 1]),
            (range(0, 1_801, 120), [16]),  # half an hour
            ([*range(0, 1_801, 120), 1_801], [1] * 17),  # a second more
            ([0, 60, 3_600, 3_660, 3_700], [2, 3]),  # a search each hour
            ([3_700, 0, 3_660, 60, 3_600], [2, 3]),
        ],
    )
    def test_how_near_the_times_of_one_search_are(
        self, seconds: Sequence[int], sizes: list[int]
    ) -> None:
        noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
        rows = [
            ROW | {"offer_id": str(n), "collected_at": (noon + timedelta(seconds=s)).isoformat()}
            for n, s in enumerate(seconds, 1)
        ]
        found = read_snapshots(table(*rows))
        assert [len(each.offers) for each in found] == sizes
        assert found[-1].at == noon + timedelta(seconds=max(seconds))
        assert read_offers(table(*rows)).earlier == tuple(each.at for each in found[:-1])

    def test_an_offer_at_two_near_times_is_seen_twice(self) -> None:
        minute = {"collected_at": "2026-03-01T12:01:00Z"}
        one, other = ROW, ROW | {"offer_id": "8"}
        assert len(read_snapshots(table(one, other | minute))) == 1
        assert len(read_snapshots(table(one, one | {"dph_total": "1"}, other | minute))) == 1
        assert len(read_snapshots(table(one, one | minute, other | minute))) == 2
        numbered = {"offer_id": "#"}  # now it is the machine, its model and the size
        assert len(read_snapshots(table(one, other | minute), columns=numbered)) == 2
        for change in ({"machine_id": "4"}, {"num_gpus": "1"}, {"gpu_name": "A100"}):
            text = table(one, one | minute | change)
            assert len(read_snapshots(text, columns=numbered)) == 1
        unknown = numbered | {"machine_id": "#"}  # and now nothing tells
        assert len(read_snapshots(table(one, other | minute), columns=unknown)) == 1

    @pytest.mark.parametrize("form", ["snapshot", "search", "JSON"])
    def test_what_says_no_time_beside_what_does_is_left_out(self, form: str) -> None:
        row = ROW if form == "snapshot" else {k: str(v) for k, v in API_ROW.items()}
        number = "offer_id" if form == "snapshot" else "id"
        noon = {"collected_at": "2026-03-01T12:00:00Z"}
        rows = [row | noon, row | {number: "9", "collected_at": ""}, row | {number: "8"} | noon]
        text = table(*rows)
        place = "line 3"
        if form == "JSON":
            held = [API_ROW | {"id": int(row["id"]), **noon} for row in rows]
            text, place = (
                json.dumps([held[0], {**held[1], "collected_at": None}, held[2]]),
                "offers[1]",
            )
        need = f"{place}[.,] ?collected_at: need a time, as other records have one"
        with pytest.raises(InvalidDocument, match=need.replace("[1]", r"\[1\]")):
            read_snapshots(text)
        (reading,) = read_snapshots(text, on_error="collect")
        assert ([offer.id for offer in reading.offers], reading.skipped) == ([7, 8], 1)

    def test_nor_does_a_list_without_time_stand_with_the_latest(self) -> None:
        lines = [{"ts": "2026-03-01T12:00:00Z", "offers": [RECORD]}, {"offers": [RECORD]}]
        with pytest.raises(InvalidDocument, match=r"line 2, offers\[0\], collected_at"):
            read_offers("\n".join(map(json.dumps, lines)))

    @pytest.mark.parametrize("said", ["01.03.2026 12:00", "yesterday", "2026-02-30T00:00Z"])
    def test_a_time_that_is_none_is_not_taken_for_none_said(self, said: str) -> None:
        for row in (ROW, {key: str(value) for key, value in API_ROW.items()}):
            text = table(row | {"collected_at": "2026-03-01T12:00Z"}, row | {"collected_at": said})
            with pytest.raises(InvalidDocument, match="line 3, collected_at: need an ISO 8601"):
                read_offers(text)
            reading = read_offers(text, on_error="collect")
            assert (len(reading.offers), reading.skipped, len(reading.faults)) == (1, 1, 1)
        for value in (said, [said], True):
            with pytest.raises(InvalidDocument, match=r"offers\[0\]\.collected_at: need an ISO"):
                read_offers(json.dumps([API_ROW | {"collected_at": value}]))
        document = json.dumps({"ts": said, "offers": [RECORD, RECORD]})
        with pytest.raises(InvalidDocument) as refusal:
            read_offers(document)
        assert [fault.path for fault in refusal.value.faults] == ["text, ts"]
        assert read_offers(document, on_error="collect").skipped == 2

    def test_a_table_may_have_unix_seconds(self) -> None:
        for row in (ROW, {key: str(value) for key, value in API_ROW.items()}):
            for said in ("1772366400", "1772366400.5", "1772366400123"):
                reading = read_offers(table(row | {"collected_at": said}))
                assert reading.at == datetime(2026, 3, 1, 12, tzinfo=UTC)

    def test_a_list_without_a_time_may_say_other_things_under_such_a_name(self) -> None:
        text = json.dumps({"time": None, "at": {"page": 1}, "offers": [RECORD]})
        assert read_offers(text).at is None

    def test_ends_are_measured_at_the_files_own_time(self) -> None:
        gone = read_offers(table(ROW | {"duration_seconds": "-5"}))
        assert [each.kind.name for each in gone.findings] == ["END_GONE_BY"]


@pytest.mark.parametrize(
    ("gpus", "share", "total"),
    [
        (1, 0.333333, 3),
        (2, 0.666667, 3),
        (2, 0.666666, 3),
        (1, 0.142857, 7),
        (1, 0.3333333432674408, 3),
        (1, 0.33, None),
        (1, 0.33334, None),
        (3, 0.4, None),
        (1, 1 / 4_096, 4_096),
        (1, 0.000244, None),
        (1, 0.000334, None),
        (2, 0.5, 4),
        (5, 0.25, 20),
    ],
)
def test_a_share_of_six_digits_finds_its_machine(
    gpus: int, share: float, total: int | None
) -> None:
    assert machine_gpus(gpus, share) == total
