"""Promises as columns: the scalar rule, row by row, on every engine that fits one process."""

from __future__ import annotations

import random
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from frame_engines import EAGER, LAZY, make, read
from numgenius_core.errors import RuleViolation, WrongType
from numgenius_core.frames import Column, promise_fees
from numgenius_core.rates import PerHour
from numgenius_core.sla import OUR_RULES, Promise, SlaTerms, expected_credit

engines = pytest.mark.parametrize("engine", [*EAGER, *LAZY])
ROW: dict[str, Any] = {"dph_total": 3.5, "sla_r_claim": 0.99, "sla_sigma_x": 0.5}
RESULTS = ("fee_per_hour", "expected_credit", "fee_factor")


def rows_of(seed: int, count: int = 120) -> list[dict[str, Any]]:
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


class TestTheScalarRule:
    """Issue: "fee and expected credit as columns"."""

    @engines
    def test_every_row_is_its_scalar_fee(self, engine: str) -> None:
        rows = rows_of(1)
        for target in ("0.95", Column("wanted")):
            found = read(promise_fees(make(engine, rows), target, results=RESULTS))
            by_id = {row["id"]: row for row in found}
            assert len(found) == len(by_id) == len(rows)
            for row in rows:
                asked = row["wanted"] if isinstance(target, Column) else 0.95
                answer = tuple(by_id[row["id"]][f"sla_{name}"] for name in RESULTS)
                assert answer == scalar(row, asked), row

    @pytest.mark.parametrize("engine", EAGER)
    def test_rows_keep_their_order_and_their_columns(self, engine: str) -> None:
        rows = rows_of(2)
        frame = make(engine, rows)
        found = promise_fees(frame, "0.9")
        assert [row["id"] for row in read(found)] == list(range(len(rows)))
        assert list(read(found)[0]) == [*rows[0], "sla_fee_per_hour"]
        if hasattr(frame, "index"):
            assert list(found.index) == list(frame.index)

    @engines
    def test_nulls_stay_nulls(self, engine: str) -> None:
        rows = [ROW | {"id": 0}]
        rows += [ROW | {"id": n, name: None} for n, name in enumerate(ROW, 1)]
        found = read(promise_fees(make(engine, rows), "0.95"))
        fees = {row["id"]: row["sla_fee_per_hour"] for row in found}
        assert fees == {0: 40_420_898, 1: None, 2: None, 3: None}

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

    def test_one_result_by_its_name(self) -> None:
        (row,) = read(promise_fees(make("polars", [ROW]), "0.95", results="fee_factor"))
        assert row["sla_fee_factor"] == 11_548_828_125
