"""Histories of a price as people have them: AWS's, a tracker's, a sheet's."""

from __future__ import annotations

import csv
import gzip
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from effort import examples
from numgenius_core import PerHour
from numgenius_core.errors import InvalidDocument, ParseError, RuleViolation, WrongType
from numgenius_core.planning import PriceSeries, read_price_series

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MARKET = os.environ.get("NUMGENIUS_MARKET_DATA")


def change(zone: str, hour: int, price: str, kind: str = "g5.xlarge") -> dict[str, str]:
    return {
        "AvailabilityZone": zone,
        "InstanceType": kind,
        "ProductDescription": "Linux/UNIX",
        "SpotPrice": price,
        "Timestamp": f"2026-03-01T{hour:02}:00:00+00:00",
    }


NEWEST_FIRST = [change("b", 14, "0.31"), change("a", 13, "0.35"), change("b", 12, "0.29")]


class TestHistories:
    """Issue: "AWS's spot history to a `PriceSeries`: newest first, several zones"."""

    def test_newest_first_and_several_zones(self) -> None:
        head = list(NEWEST_FIRST[0])
        rows = "\n".join("\t".join(row.values()) for row in NEWEST_FIRST)
        marked = "\n".join("SPOTPRICEHISTORY\t" + line for line in rows.splitlines())
        expected = {
            "a": PriceSeries.of([(NOON + timedelta(hours=1), "0.35")], NOON + timedelta(hours=2)),
            "b": PriceSeries.of([(NOON, "0.29"), (NOON + timedelta(hours=2), "0.31")]),
        }
        assert read_price_series(json.dumps({"SpotPriceHistory": NEWEST_FIRST})) == expected
        pages = [json.dumps({"SpotPriceHistory": [row]}) for row in NEWEST_FIRST]
        assert read_price_series("\n".join(pages)) == expected
        assert read_price_series(json.dumps(NEWEST_FIRST)) == expected
        assert read_price_series("\n".join(map(json.dumps, NEWEST_FIRST))) == expected
        assert read_price_series("\t".join(head) + "\n" + rows) == expected
        assert read_price_series(rows, header=head) == expected
        assert read_price_series(marked, header=["", *head]) == expected

    def test_what_varies_tells_series_apart(self) -> None:
        rows = [*NEWEST_FIRST, change("a", 10, "0.5", "p4d"), change("a", 9, "0.6", "p4d")]
        assert list(read_price_series(json.dumps(rows))) == ["a g5.xlarge", "a p4d", "b g5.xlarge"]
        zones = read_price_series(json.dumps(rows), by=["AvailabilityZone"])
        assert [len(series.prices) for series in zones.values()] == [3, 2]

    @pytest.mark.parametrize("thing", ["offer_id", "machine_id", "gpu_name", "num_gpus"])
    def test_what_a_row_is_about_tells_series_apart(self, thing: str) -> None:
        text = f"collected_at,{thing},min_bid\n" + "".join(
            f"2026-03-01T{hour}:00:00Z,{value},{price}\n"
            for hour, value, price in ((12, 1, "0.5"), (12, 2, "0.9"), (13, 1, "0.6"), (13, 2, 1))
        )
        found = read_price_series(text)
        assert [str(price) for price in found["1"].prices] == ["0.50", "0.60"]
        assert list(found) == ["1", "2"]
        alone = text.replace(",2,", ",1,")  # of one thing they are prices of one series
        with pytest.raises(InvalidDocument, match="line 3, min_bid: need one price at"):
            read_price_series(alone)

    def test_what_says_no_more_is_in_no_name(self) -> None:
        head = "collected_at,region,gpu_name,machine_id,offer_id,num_gpus,min_bid\n"
        rows = [
            f"2026-03-01T{hour}:00:00Z,{region},{model},{machine},{offer},{size},0.5\n"
            for hour in (12, 13)
            for region, model, machine, offer, size in (
                ("eu", "A100", 7, 71, 1),
                ("eu", "A100", 7, 72, 2),
                ("eu", "A100", 9, 91, 1),
                ("us", "H100", 8, 81, 1),
            )
        ]
        text = head + "".join(rows)
        assert list(read_price_series(text)) == ["eu 71", "eu 72", "eu 91", "us 81"]
        bare = text.replace("offer_id", "other")
        assert list(read_price_series(bare)) == ["eu 7 1", "eu 7 2", "eu 9 1", "us 8 1"]
        assert list(read_price_series(text, by=["machine_id"])) == ["7", "8", "9"]

    def test_columns_of_ones_own(self) -> None:
        text = "when;dollars\n2026-03-01 12:00;0,30\n2026-03-01 13:30;0,25\n"
        with pytest.raises(ParseError, match=r"a column of the time .*a table of when, dollars"):
            read_price_series(text)
        with pytest.raises(InvalidDocument, match="naive='utc'"):
            read_price_series(text, time="when", price="dollars")
        (series,) = read_price_series(text, time="when", price="dollars", naive="utc").values()
        assert series.prices == (PerHour("0.30"), PerHour("0.25"))
        assert series.span.end == NOON + timedelta(minutes=90)
        with pytest.raises(ParseError, match="the column price, got a table of when, dollars"):
            read_price_series(text, time="when", price="price")

    @pytest.mark.parametrize("said", ["1772366400", 1772366400, 1772366400.5, 1772366400123])
    def test_seconds_since_1970(self, said: object) -> None:
        rows = [{"ts": said, "price": 0.3}]
        (series,) = read_price_series(json.dumps(rows), end=NOON + timedelta(hours=1)).values()
        assert series.instants == (NOON,)

    def test_eight_digits_are_a_date_and_more_are_seconds(self) -> None:
        rows = [{"ts": said, "price": 1} for said in ("20260616", "999999999")]
        (series,) = read_price_series(json.dumps(rows), naive="utc").values()
        assert series.instants == (
            datetime(2001, 9, 9, 1, 46, 39, tzinfo=UTC),
            datetime(2026, 6, 16, tzinfo=UTC),
        )

    @pytest.mark.parametrize("prices", [("0.3", "0.5"), ("0.5", "0.3")])
    def test_two_prices_at_one_time_are_refused_with_both(self, prices: tuple[str, str]) -> None:
        one, other = prices
        later = "2026-03-01T13:00Z,0.1"
        text = f"ts,price\n2026-03-01T12:00Z,{one}\n2026-03-01T13:00+01:00,{other}\n{later}\n"
        said = f"line 3, price: need one price at {NOON}, which is {one}0 in line 2, got {other}0"
        with pytest.raises(InvalidDocument) as caught:
            read_price_series(text)
        assert [str(fault) for fault in caught.value.faults] == [said]
        rows = [{"ts": 1772366400, "price": price} for price in prices]
        with pytest.raises(InvalidDocument, match=r"rows\[1\], price: need one price at"):
            read_price_series(json.dumps(rows))

    def test_equal_ones_are_one_and_of_a_second_the_last_holds(self) -> None:
        rows: list[dict[str, object]] = [{"ts": 1772366400, "price": p} for p in ("0.3", "0.30")]
        rows += [{"ts": at, "price": p} for at, p in ((1772370000.7, "0.2"), (1772370000.1, "0.4"))]
        (series,) = read_price_series(json.dumps(rows), end=NOON + timedelta(hours=2)).values()
        assert series.prices == (PerHour("0.3"), PerHour("0.2"))
        assert series.instants == (NOON, NOON + timedelta(hours=1))

    @pytest.mark.parametrize("form", ["CSV", "JSON"])
    def test_a_price_of_another_currency_is_refused(self, form: str) -> None:
        rows = [
            {"ts": f"2026-03-01T1{hour}:00Z", "price": "25", "currency": said}
            for hour, said in enumerate(("JPY", "usd", "", "US$", "eur"), 2)
        ]
        text = json.dumps(rows)
        if form == "CSV":
            text = "\n".join(
                ",".join(row) for row in [dict.fromkeys(rows[0]), *(r.values() for r in rows)]
            )
        with pytest.raises(InvalidDocument, match="currency: need USD") as caught:
            read_price_series(text)
        assert [fault.got for fault in caught.value.faults] == ["'JPY'", "'eur'"]
        fine = text.replace("JPY", "USD").replace("eur", "$")
        assert len(read_price_series(fine)[""].prices) == 5

    def test_a_comma_that_is_no_decimal_one_says_why(self) -> None:
        head, rows = "ts;price", ("2026-03-01T12:00Z;0.30", "2026-03-01T13:00Z;1,20")
        with pytest.raises(
            InvalidDocument, match=r"'1,20' \(a decimal comma, but line 2, price has"
        ):
            read_price_series("\n".join((head, *rows)))
        with pytest.raises(InvalidDocument, match=r"'1,024' \(a thousand or one\?\)"):
            read_price_series("\n".join((head, rows[1].replace("1,20", "1,024"))))
        quoted = 'ts,price\n2026-03-01T12:00Z,"0,30"\n2026-03-01T13:00Z,"1,20"\n'
        assert [str(p) for p in read_price_series(quoted)[""].prices] == ["0.30", "1.20"]

    def test_a_series_of_no_length_says_which(self) -> None:
        with pytest.raises(RuleViolation, match="end of b: need an instant after"):
            read_price_series(json.dumps([change("b", 14, "1"), change("a", 13, "1")]))

    def test_all_faults_together(self) -> None:
        rows = [
            {"ts": "noon", "price": 1},
            {"ts": 1772366400, "price": "-1"},
            {"ts": 5, "price": None},
        ]
        with pytest.raises(InvalidDocument) as caught:
            read_price_series(json.dumps(rows))
        assert [fault.path for fault in caught.value.faults] == [
            "rows[0], ts",
            "rows[1], price",
            "rows[2], price",
        ]

    def test_a_word_for_nothing_is_no_empty_text(self) -> None:
        with pytest.raises(InvalidDocument, match=r"price: need dollars .* got nothing .*nan"):
            read_price_series("ts,price\n1772366400,nan\n")
        with pytest.raises(InvalidDocument, match=r"ts: need an ISO .* got nothing .*nan"):
            read_price_series("ts,price\nNaN,1\n")

    @pytest.mark.parametrize("name", ["by", "header"])
    def test_names_of_columns(self, name: str) -> None:
        text = "ts,price\n1772366400,1\n1772366500,1\n"
        for names in (1.0, "ts"):
            with pytest.raises(WrongType, match=rf"^{name}: need a series of names of columns"):
                read_price_series(text, **{name: names})  # type: ignore[arg-type]
        with pytest.raises(WrongType, match=rf"^{name}\[1\]: need a str, got 1"):
            read_price_series(text, **{name: ["ts", 1]})  # type: ignore[arg-type]

    @pytest.mark.parametrize("text", ["ts,price\n", "[]"])
    def test_nothing(self, text: str) -> None:
        with pytest.raises(ParseError):
            read_price_series(text)
        with pytest.raises(RuleViolation, match="naive"):
            read_price_series(text, naive="cet")  # type: ignore[arg-type]

    @given(
        st.dictionaries(st.integers(0, 10**6), st.integers(0, 10**6), min_size=2, max_size=9),
        st.randoms(),
    )
    @examples(40)
    def test_the_order_of_a_file_does_not_matter(
        self, prices: dict[int, int], draw: object
    ) -> None:
        pairs = [(NOON + timedelta(seconds=s), PerHour.from_steps(p)) for s, p in prices.items()]
        rows = [{"time": f"{at.isoformat()}", "price": str(price)} for at, price in pairs]
        getattr(draw, "shuffle")(rows)  # noqa: B009 - as hypothesis types it
        (series,) = read_price_series(json.dumps(rows)).values()
        assert series == PriceSeries.of(sorted(pairs))

    @pytest.mark.skipif(not MARKET, reason="needs NUMGENIUS_MARKET_DATA, a folder")
    def test_a_real_history(self) -> None:
        path = Path(str(MARKET)) / "spot_prices.csv.gz"
        (series,) = read_price_series(path).values()
        assert len(series.prices) > 20_000
        assert series.span.start == datetime(2015, 3, 11, 16, 53, 20, tzinfo=UTC)
        with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
            rows = list(csv.DictReader(lines))
        # Every change of the file is one of the series, and nothing else is.
        read = zip(series.instants, series.prices, strict=True)
        assert [(str(at), price) for at, price in read] == [
            (row["timestamp_utc"], PerHour(row["spot_price_usd_per_hour"])) for row in rows
        ]
