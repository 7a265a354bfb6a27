"""Promises as columns: the scalar rule, row by row, on every engine that fits one process."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Any, ClassVar

import pytest
from attrs import evolve

from effort import up_to
from frame_engines import EAGER, every_engine, make, read
from numgenius_core.errors import RuleViolation, WrongType
from numgenius_core.frames import Column, Columns, offer_columns, promise_fees, quote
from numgenius_core.listing import Mode, PriceTerms
from numgenius_core.offer import Offer
from numgenius_core.prices import quote as scalar_quote
from numgenius_core.rates import PerGpuHour, PerHour
from numgenius_core.sla import (
    OUR_RULES,
    Promise,
    SlaRules,
    SlaTerms,
    StopLossFee,
    expected_credit,
)
from numgenius_core.wire import offer_from_record

ROW: dict[str, Any] = {"dph_total": 3.5, "sla_r_claim": 0.99, "sla_sigma_x": 0.5}
RESULTS = ("fee_per_hour", "expected_credit", "fee_factor")
NAN = float("nan")
NOTHING = {"sla_r_claim": None, "sla_sigma_x": None}
LINES = ("gpu", "discount", "forfeit", "storage", "upload", "download", "sla_fee")
INT64 = 2**63 - 1
DEAR: dict[str, Any] = {
    "num_gpus": 1,
    "sla_r_claim": 0.99,
    "sla_sigma_x": 3.0,
    "price": 5 * 10**17 - 1,
    "storage": 0,
    "up": 0,
    "down": 0,
}
OF_DEAR: dict[str, Any] = {
    "target": "0.99",
    "sla": SlaRules(fee=StopLossFee(margin=10)),
    "columns": {
        "price": Column("price", "pico"),
        "storage": Column("storage", "pico"),
        "upload": Column("up", "pico"),
        "download": Column("down", "pico"),
    },
}
"""A row near the limits, and a promise whose fee is 6.35 times the price."""
QUOTED = (*LINES, "total", "per_hour", "payout", "fee")


def rows_of(seed: int, count: int = up_to(120, 25)) -> list[dict[str, Any]]:
    draw = random.Random(seed)
    return [
        {
            "id": index,
            "dph_total": draw.choice([0.0, 0.1, 3.5, 1 / 3, round(draw.random() * 60, 9)]),
            "sla_r_claim": draw.choice([0.99, 0.95, 0.999, 0.0, 0.8, 0.99999]),
            "sla_sigma_x": draw.choice([0.5, 0.1, 3.0]),
            "wanted": draw.choice([0.95, 0.5]),
        }
        for index in range(count)
    ]


def nanos(price: PerHour) -> int:
    return int(price.to_decimal(9).scaleb(9))


def scalar(row: dict[str, Any], target: float) -> tuple[int | None, ...]:
    claim, spread, asked, dollars = (
        None if value is None else Fraction(repr(value))
        for value in (row["sla_r_claim"], row["sla_sigma_x"], target, row["dph_total"])
    )
    if not claim or spread is None or asked is None or asked > claim:
        return None, None, None
    terms = SlaTerms(Promise(claim, spread), asked)
    factor = int(OUR_RULES.fee.factor(terms) * 10**12)
    if dollars is None:
        return None, None, factor
    price = PerHour.from_float(row["dph_total"])
    paid = price.scaled(expected_credit(terms))
    return nanos(OUR_RULES.fee.fee(terms, price)), nanos(paid), factor


@cache
def answers(seed: int, target: float | None) -> Sequence[tuple[int | None, ...]]:
    """Return the scalar answers of the rows, once for all engines; no target: each row its own."""
    return [scalar(row, target or row["wanted"]) for row in rows_of(seed)]


class TestTheScalarRule:
    """Issue: "fee and expected credit as columns"."""

    @every_engine
    def test_every_row_is_its_scalar_fee(self, engine: str) -> None:
        rows = rows_of(1)
        for target, asked in (("0.95", 0.95), (Column("wanted"), None)):
            found = read(promise_fees(make(engine, rows), target, results=RESULTS))
            by_id = {row["id"]: row for row in found}
            assert len(found) == len(by_id) == len(rows)
            for row, wanted in zip(rows, answers(1, asked), strict=True):
                answer = tuple(by_id[row["id"]][f"sla_{name}"] for name in RESULTS)
                assert answer == wanted, row

    @pytest.mark.parametrize("engine", EAGER)
    def test_rows_keep_their_order_and_their_columns(self, engine: str) -> None:
        rows = rows_of(2)
        frame = make(engine, rows)
        found = promise_fees(frame, "0.9")
        assert [row["id"] for row in read(found)] == list(range(len(rows)))
        assert list(read(found)[0]) == [*rows[0], "sla_fee_per_hour"]
        if hasattr(frame, "index"):
            assert list(found.index) == list(frame.index)

    def test_nulls_stay_nulls(self, engine: str) -> None:
        rows = [ROW | {"id": 0}]
        rows += [ROW | {"id": n, name: None} for n, name in enumerate(ROW, 1)]
        found = read(promise_fees(make(engine, rows), "0.95"))
        fees = {row["id"]: row["sla_fee_per_hour"] for row in found}
        assert fees == {0: 40_420_898, 1: None, 2: None, 3: None}

    @pytest.mark.parametrize("name", RESULTS)
    def test_each_result_by_itself(self, engine: str, name: str) -> None:
        """Issue: "fee and expected credit as columns", each null where it has no answer."""
        rows = [ROW | {"id": 0}, ROW | {"id": 1, "dph_total": NAN}, ROW | {"id": 2, **NOTHING}]
        found = read(promise_fees(make(engine, rows), "0.95", results=name))
        answers = [row[f"sla_{name}"] for row in sorted(found, key=lambda row: row["id"])]
        want = scalar(ROW, 0.95)[RESULTS.index(name)]
        assert answers == [want, want if name == "fee_factor" else None, None]
        assert isinstance(want, int)

    @pytest.mark.parametrize("engine", ["pandas with nullable types", "pandas with arrow types"])
    def test_types_of_pandas_that_hold_nulls_are_read_as_they_are(self, engine: str) -> None:
        frame = make(engine, [ROW | {"id": 0}, ROW | {"id": 1, "dph_total": None}])
        found = promise_fees(frame, "0.95")
        assert [row["sla_fee_per_hour"] for row in read(found)] == [40_420_898, None]
        assert list(found.dtypes[: len(ROW)]) == list(frame.dtypes[: len(ROW)])

    def test_a_frame_without_promises(self) -> None:
        frame = make("polars", [ROW | {"sla_r_claim": 0.0}])
        (row,) = read(promise_fees(frame, "0.95", results=RESULTS, prefix=""))
        assert [row[name] for name in RESULTS] == [None] * 3

    def test_the_dearest_price(self) -> None:
        rows = [{"dph_total": 999_999_999_999_999, "sla_r_claim": 0.99, "sla_sigma_x": 3.0}]
        (row,) = read(promise_fees(make("polars", rows), "0.99"))
        price = PerHour(Decimal("999999.999999999"))
        assert row["sla_fee_per_hour"] == nanos(
            OUR_RULES.fee.fee(SlaTerms(Promise("0.99", 3), "0.99"), price)
        )


class TestBadInput:
    """What is refused, with its place."""

    @pytest.mark.parametrize(
        ("change", "words", "place"),
        [
            ({"sla_r_claim": 1.0}, {}, "claim"),
            ({"sla_r_claim": -0.5}, {}, "claim"),
            ({"sla_sigma_x": 4.0}, {}, "spread"),
            ({"dph_total": -1.0}, {}, "price"),
            ({"sla_fee_per_hour": 1}, {}, "prefix"),
            ({}, {"results": ["no"]}, "results"),
            ({}, {"claim": "no"}, "claim"),
            ({}, {"target": 1}, "target"),
            ({}, {"target": Column("no")}, "target"),
            ({"sla_r_claim": "0.99"}, {}, "sla_r_claim"),
        ],
    )
    def test_names_its_place(
        self, change: dict[str, Any], words: dict[str, Any], place: str
    ) -> None:
        with pytest.raises(RuleViolation) as caught:
            promise_fees(make("polars", [ROW | change]), **({"target": "0.95"} | words))
        assert caught.value.path == place

    def test_too_many_promises(self) -> None:
        rows = [ROW | {"sla_r_claim": n / 10_000} for n in range(1, 2_002)]
        with pytest.raises(RuleViolation, match="at most 2,000 different promises"):
            promise_fees(make("polars", rows), "0.0001")
        with pytest.raises(WrongType, match="dataframe"):
            promise_fees("no", "0.95")

    def test_columns_that_are_named_are_those_given(self, engine: str) -> None:
        rows = [{name: value for name, value in ROW.items() if name != "dph_total"}]
        with pytest.raises(RuleViolation, match="a column named 'dph_total'") as caught:
            promise_fees(make(engine, rows), "0.95")
        assert "numgenius" not in str(caught.value)

    def test_one_result_by_its_name(self) -> None:
        (row,) = read(promise_fees(make("polars", [ROW]), "0.95", results="fee_factor"))
        assert row["sla_fee_factor"] == 11_548_828_125


def stays(seed: int, count: int) -> list[dict[str, Any]]:
    """Return offers and stays, some without a promise or a price that the stay needs."""
    draw = random.Random(seed)
    return [
        {
            "i": number,
            "num_gpus": draw.choice([1, 2, 3, 8]),
            "dph_base": draw.choice([0.0, 3.5, 1 / 3, round(draw.random() * 50, 9), None]),
            "storage_cost": draw.choice([0.72, 0.1333333333333333, 0.0, None]),
            "inet_up_cost": draw.choice([0.0, 0.01]),
            "inet_down_cost": 0.02,
            "min_bid": 0.001,
            "credit_discount_max": 0.4,
            "verification": "verified",
            "sla_r_claim": draw.choice([0.99, 0.95, 0.0, 0.8, 0.99999, None]),
            "sla_sigma_x": draw.choice([0.5, 0.1, 3.0]),
            "wanted": draw.choice([0.95, 0.5]),
            "seconds": draw.choice([1, 3_600, 86_400, draw.randrange(1, 10**7)]),
            "disk": draw.choice([0.0, 8.5, 200.123]),
            "share": draw.choice([0.0, 0.25, 0.3333, 0.1429]),
            "mode": draw.choice(["on-demand", "on-demand", "on-demand", "reserved", "bid"]),
        }
        for number in range(count)
    ]


def scalar_stay(row: dict[str, Any], mode: Mode) -> dict[str, int | None]:
    """Return the scalar quote of a row with a promise; nulls where it is refused."""
    record = {k: v for k, v in row.items() if k not in ("disk", "share", "seconds", "mode")}
    record |= {"id": 1, "machine_id": 1, "gpu_name": "x"}
    offer = offer_from_record(record)
    if mode is not Mode.ON_DEMAND or offer.promise is None or "gpu" in offer.unknown_prices:
        return dict.fromkeys(QUOTED)
    fee = Fraction(repr(row["share"]))
    offer = evolve(offer, prices=evolve(offer.prices, platform_fee=fee))
    try:
        found = scalar_quote(
            offer,
            timedelta(seconds=row["seconds"]),
            disk=str(row["disk"]),
            upload="1.5",
            target=str(row["wanted"]),
        )
    except RuleViolation:
        return dict.fromkeys(QUOTED)
    lines = {kind.value: int(amount.scaleb(9)) for kind, amount in found.rounded_lines()}
    return {
        **{name: lines.get(name, 0) for name in LINES},
        "total": int(found.total.to_decimal(9).scaleb(9)),
        "per_hour": int(found.per_hour(9).scaleb(9)),
        "payout": int((found.total.to_decimal(9) - found.fee.to_decimal(9)).scaleb(9)),
        "fee": int(found.fee.to_decimal(9).scaleb(9)),
    }


class TestInAQuote:
    """The fee as a line of the columns of a quote, when it is asked for."""

    WORDS: ClassVar[dict[str, Any]] = {
        "target": Column("wanted"),
        "disk": Column("disk"),
        "upload": "1.5",
        "fee": Column("share"),
        "results": QUOTED,
        "prefix": "",
    }

    def test_every_row_is_its_scalar_quote(self, engine: str) -> None:
        rows = stays(5, 200)
        frame = quote(make(engine, rows), Column("seconds"), **self.WORDS)
        found = sorted(read(frame), key=lambda row: row["i"])
        assert list(found[0]) == [*rows[0], *QUOTED]
        for row, got in zip(rows, found, strict=True):
            want = scalar_stay(row, Mode.ON_DEMAND)
            if row["storage_cost"] is None:  # a part that is not known
                want = dict.fromkeys(QUOTED)
                want |= {k: got[k] for k in ("gpu", "discount", "forfeit", "download")}
                assert got["total"] is got["sla_fee"] is None
            assert {name: got[name] for name in QUOTED} == want, row

    def test_rows_that_are_rented_otherwise_have_none(self, engine: str) -> None:
        rows = [row | {"storage_cost": 0.72} for row in stays(6, 60)]
        words = self.WORDS | {"mode": Column("mode")}
        found = read(quote(make(engine, rows), Column("seconds"), **words))
        for row in found:
            mode = Mode.ON_DEMAND if row["mode"] == "on-demand" else Mode.RESERVED
            assert {name: row[name] for name in QUOTED} == scalar_stay(row, mode), row

    def test_without_a_target_nothing_changes(self, engine: str) -> None:
        rows = [row | {"dph_base": 1.0, "storage_cost": 0.72} for row in stays(7, 30)]
        for row in read(quote(make(engine, rows), timedelta(hours=1), results=QUOTED, prefix="")):
            assert (row["total"], row["sla_fee"]) == (10**9, 0)

    def test_a_fee_without_the_platforms_share(self) -> None:
        rows = [ROW | {"num_gpus": 1, "dph_base": 3.5}]
        names = ["payout", "fee", "total"]
        frame = quote(make("polars", rows), timedelta(days=1), target="0.95", results=names)
        (row,) = read(frame)
        assert row["quote_payout"] == row["quote_total"] == 84_970_101_563
        assert row["quote_fee"] == 0

    @pytest.mark.parametrize("mode", [Mode.RESERVED, Mode.INTERRUPTIBLE])
    def test_on_demand_only(self, mode: Mode) -> None:
        rows = [ROW | {"num_gpus": 1, "dph_base": 3.5, "min_bid": 1.0}]
        with pytest.raises(RuleViolation, match="target: need rows on demand, got"):
            quote(make("polars", rows), timedelta(days=1), target="0.95", mode=mode)

    @pytest.mark.parametrize(
        ("change", "words", "place"),
        [
            ({}, {"target": "1"}, "target"),
            ({}, {"columns": {"claim": "no"}}, "claim"),
            ({}, {"columns": Columns(spread="no")}, "spread"),
            ({}, {"sla": "ours"}, "sla"),
            ({"quote_total": 1}, {}, "prefix"),
            ({"dph_base": 4e8}, {}, "price"),
            (
                {"dph_base": 499.0},
                {"duration": timedelta(days=30_000), "disk": "5"},
                "storage price",
            ),
        ],
    )
    def test_names_its_place(
        self, change: dict[str, Any], words: dict[str, Any], place: str
    ) -> None:
        frame = make("polars", [ROW | {"num_gpus": 1, "dph_base": 3.5} | change])
        more: dict[str, Any] = {"duration": timedelta(days=1), "target": "0.95"} | words
        with pytest.raises(RuleViolation) as caught:
            quote(frame, **more)
        assert caught.value.path == place

    def test_amounts_that_no_frame_holds(self) -> None:
        """The fee may make a total too large, or be too dear an hour to work out."""
        frame = make("polars", [DEAR])
        assert read(quote(frame, timedelta(seconds=1), **OF_DEAR))
        with pytest.raises(RuleViolation, match="total: need greatest lines together up to"):
            quote(frame, timedelta(hours=3_600), **OF_DEAR)
        frame = make("polars", [DEAR | {"price": 10**18}])
        with pytest.raises(RuleViolation, match="sla_fee: need greatest fee an hour"):
            quote(frame, timedelta(seconds=1), **OF_DEAR)

    def test_the_greatest_total(self) -> None:
        """Up to some nano-dollars that its lines may be rounded up by, and none is below zero."""
        words: dict[str, Any] = {"upload": 1_000, "download": 1_000} | OF_DEAR
        stay = timedelta(hours=2_000, seconds=1)
        (less,) = read(quote(make("polars", [DEAR]), stay, **words))
        left = INT64 - less["quote_total"] - 10**18  # nano-dollars, as many pico-dollars a GB
        for below, fits in ((2_500, True), (0, False)):
            frame = make("polars", [DEAR | {"up": 10**18, "down": left - below}])
            if fits:
                (found,) = read(quote(frame, stay, **words))
                assert found["quote_total"] == INT64 - below
                continue
            with pytest.raises(RuleViolation, match="total: need greatest lines together up to"):
                quote(frame, stay, **words)

    @pytest.mark.parametrize(("name", "most"), [("price", 725 * 10**15), ("storage", 520 * 10**15)])
    def test_the_dearest_hour(self, name: str, most: int) -> None:
        """Of GPUs or of 1,000 GB, $4.6 million of fee: half of what int64 holds."""
        words: dict[str, Any] = {"disk": 1_000, "results": "sla_fee"} | OF_DEAR
        row = DEAR | {"price": 0}
        assert read(quote(make("polars", [row | {name: most}]), timedelta(seconds=1), **words))
        frame = make("polars", [row | {name: most + 10**16}])
        with pytest.raises(RuleViolation, match="sla_fee: need greatest fee an hour"):
            quote(frame, timedelta(seconds=1), **words)

    def test_offers_as_columns(self) -> None:
        prices = PriceTerms(gpu=PerGpuHour("3.50"))
        known = Offer(id=1, machine=7, gpu_name="x", gpus=1, prices=prices, promise=Promise("0.99"))
        frame = make("polars", [])
        frame = type(frame)(offer_columns([known, evolve(known, id=2, promise=None)]))
        found = read(quote(frame, timedelta(days=1), target="0.95", results="sla_fee"))
        assert [row["quote_sla_fee"] for row in found] == [970_101_563, None]
