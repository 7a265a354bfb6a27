"""What a row without an answer says, on every engine: null, in each result that needs it.

A row has none when a price is null or NaN, when its machine is not verified, when it is not listed
for rent, or when its bid is not legal.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import narwhals.stable.v2 as nw
import pytest
from attrs import evolve

import frame_cases as cases
from frame_engines import make, read
from numgenius_core import MachineId, Offer, OfferId, PerGpuHour, PriceTerms, frames, quote
from numgenius_core.errors import RuleViolation, WrongType
from numgenius_core.frames import Column, Columns
from numgenius_core.listing import Mode
from numgenius_core.wire import read_sample

HOUR = timedelta(hours=1)
NAN = float("nan")
GOOD: dict[str, Any] = {
    "num_gpus": 2,
    "dph_base": 0.8,
    "storage_cost": 0.15,
    "inet_up_cost": 0.01,
    "inet_down_cost": 0.02,
    "min_bid": 0.2,
    "credit_discount_max": 0.4,
    "verification": "verified",
    "seconds": 7_200,
    "disk": 8.5,
    "traffic": 10**9,
    "bid": 0.3,
    "months": 1.0,
    "share": 0.25,
}
PRICES = {"on-demand": "dph_base", "reserved": "dph_base", "interruptible": "min_bid"}
NO_PRICES = dict.fromkeys(("dph_base", "storage_cost", "inet_up_cost", "inet_down_cost", "min_bid"))


def unanswered() -> list[dict[str, Any]]:
    """Return rows that are not for rent as they say, of each kind and in each mode."""
    rows = [{**GOOD, "mode": None}, {**GOOD, "mode": "reserved", "verification": "unverified"}]
    rows += [{**GOOD, "mode": "reserved", "verification": v} for v in ("deverified", None)]
    rows += [{**GOOD, "mode": "interruptible", "bid": bid} for bid in (0.1, 0.0, 64.5, None, NAN)]
    for mode, price in PRICES.items():
        rows += [{**GOOD, "mode": mode, price: nothing} for nothing in (None, NAN)]
        rows += [{**GOOD, **NO_PRICES, "mode": mode}, {**GOOD, "mode": mode, "num_gpus": None}]
    return rows


class TestARowWithoutAnAnswer:
    """It is null in every result, and the rows beside it are what they are."""

    def test_every_kind_in_every_mode(self, engine: str) -> None:
        good = [{**GOOD, "mode": mode.value} for mode in Mode]
        rows = [{"i": i, **row} for i, row in enumerate([*good, *unanswered()])]
        answers = cases.column_quotes(engine, rows)
        for row, got in zip(rows, answers, strict=True):
            found = {name: got[name] for name in cases.RESULTS}
            want = cases.scalar_results(row) if row["i"] < len(good) else dict.fromkeys(found)
            assert found == want, row

    def test_another_word_for_verified_is_refused_as_in_offers(self, engine: str) -> None:
        rows = [{"i": i, **GOOD, "mode": "reserved"} for i in range(2)]
        for word in ("Verified", " verified", "true"):
            frame = make(engine, [rows[0], {**rows[1], "verification": word}])
            need = "verification: need .*unverified.*, got 1 other value.* column 'verification'"
            with pytest.raises(RuleViolation, match=need):
                frames.quote(frame, HOUR, mode=Mode.RESERVED)
            with pytest.raises(RuleViolation, match=need):
                frames.quote(frame, HOUR, mode=Column("mode"))
            with pytest.raises(RuleViolation, match=need):
                frames.reserve(frame, 1)
            frames.quote(frame, HOUR)  # who reserves nothing asks for no verification
        empty = make(engine, [rows[0], {**rows[1], "verification": ""}])
        got = read(frames.quote(empty, HOUR, mode=Mode.RESERVED))
        assert [row["quote_total"] is None for row in sorted(got, key=lambda r: r["i"])] == [0, 1]

    def test_a_part_that_is_not_known_leaves_the_others(self, engine: str) -> None:
        gone = [{name: nothing} for name in ("storage_cost", "share") for nothing in (None, NAN)]
        rows = [{"i": i, **GOOD, "mode": "reserved", **one} for i, one in enumerate(gone)]
        whole = cases.scalar_results({**GOOD, "mode": "reserved"})
        for row, got in zip(rows, cases.column_quotes(engine, rows), strict=True):
            known = ["gpu", "discount", "forfeit", "deposit", "gpu_per_hour", "discount_rate"]
            known += ["sla_fee"]  # of a quote without a promise
            if row["storage_cost"] == GOOD["storage_cost"]:
                known += ["storage", "upload", "download", "total", "per_hour"]
            want = {name: whole[name] if name in known else None for name in cases.RESULTS}
            assert {name: got[name] for name in cases.RESULTS} == want, row

    def test_a_discount_of_which_nothing_is_said_is_not_one_of_0(self, engine: str) -> None:
        """As where offers are quoted; the market takes no prepayment without a discount."""
        none = {"mode": "reserved", "credit_discount_max": 0.0}
        want = cases.scalar_results({**GOOD, **none})
        assert (want["deposit"], want["discount_rate"]) == (None, 0)
        rows = [
            {"i": i, **GOOD, **none, "credit_discount_max": said}
            for i, said in enumerate((0.0, None, NAN))
        ]
        unknown = dict.fromkeys(want)
        for got, row in zip(cases.column_quotes(engine, rows), rows, strict=True):
            found = {name: got[name] for name in cases.RESULTS}
            assert found == (want if row["credit_discount_max"] == 0 else unknown)
        reserved = sorted(read(frames.reserve(make(engine, rows), 1)), key=lambda row: row["i"])
        assert [row["reserved_deposit"] for row in reserved] == [None] * 3
        assert [row["reserved_gpu_per_hour"] for row in reserved] == [800_000_000, None, None]

    def test_on_demand_no_discount_is_needed(self, engine: str) -> None:
        rows = [{"i": 0, **GOOD, "mode": "on-demand", "credit_discount_max": None}]
        (got,) = cases.column_quotes(engine, rows)
        want = cases.scalar_results({**rows[0], "credit_discount_max": 0.0})
        assert {name: got[name] for name in cases.RESULTS} == want

    @pytest.mark.parametrize("mode", list(Mode))
    def test_each_result_by_itself(self, engine: str, mode: Mode) -> None:
        rows = [{"i": 0, **GOOD}, {"i": 1, **GOOD, "dph_base": None, "min_bid": NAN}]
        native = make(engine, rows)
        for name in (
            cases.RESULTS if mode is Mode.ON_DEMAND else ("fee", "deposit", "discount_rate")
        ):
            priced = frames.quote(native, HOUR, mode=mode, results=name)
            first, second = sorted(read(priced), key=lambda row: row["i"])
            assert second[f"quote_{name}"] is None, name
            none = name == "deposit" and mode is not Mode.RESERVED
            assert (first[f"quote_{name}"] is None) == none
            assert nw.from_native(priced).collect_schema()[f"quote_{name}"] == nw.Int64

    def test_a_column_of_nothing(self, engine: str) -> None:
        native = make(engine, [{**GOOD, "min_bid": None}] * 2)
        priced = frames.quote(native, HOUR, mode=Mode.INTERRUPTIBLE, results="total")
        assert [row["quote_total"] for row in read(priced)] == [None, None]

    def test_the_least_bid_is_never_free(self, engine: str) -> None:
        rows = [{**GOOD, "i": i, "min_bid": floor} for i, floor in enumerate((0.0, 0.2, 65.0))]
        priced = read(
            frames.quote(make(engine, rows), HOUR, mode=Mode.INTERRUPTIBLE, results="total")
        )
        totals = [row["quote_total"] for row in sorted(priced, key=lambda row: row["i"])]
        assert totals == [1_000_000, 200_000_000, None]  # $32 a GPU is the most

    def test_a_price_below_a_step_is_refused(self, engine: str) -> None:
        with pytest.raises(RuleViolation, match="price: need prices of 0, or a pico-dollar"):
            frames.quote(make(engine, [{**GOOD, "dph_base": 1e-13}]), HOUR)

    def test_machines_without_a_price_have_no_part_in_statistics(self, engine: str) -> None:
        rows = cases.market_rows(1)
        more = [
            {**rows[0], "machine_id": 500 + i, "dph_base": x} for i, x in enumerate((None, NAN))
        ]
        assert frames.model_prices(make(engine, [*rows, *more])) == frames.model_prices(
            make(engine, rows)
        )


class TestWordsAndNames:
    """Modes and columns in plain words; what is missing is said all at once."""

    def test_words_for_modes(self, engine: str) -> None:
        words = ["on_demand", "On-Demand", "bid", "INTERRUPTIBLE", "reserved"]
        rows = [{"i": i, **GOOD, "mode": word} for i, word in enumerate(words)]
        priced = frames.quote(make(engine, rows), HOUR, mode=Column("mode"), results="gpu_per_hour")
        found = {row["mode"]: row["quote_gpu_per_hour"] for row in read(priced)}
        for word, mode in zip(words[1:], [Mode.ON_DEMAND, *[Mode.INTERRUPTIBLE] * 2], strict=False):
            (alone,) = read(
                frames.quote(make(engine, [GOOD]), HOUR, mode=mode, results="gpu_per_hour")
            )
            assert alone["quote_gpu_per_hour"] == found[word]
        assert found["bid"] == found["INTERRUPTIBLE"] == 200_000_000
        assert found["on_demand"] == found["On-Demand"] == 800_000_000

    @pytest.mark.parametrize("word", ["spot", "reserved"])
    def test_a_word_in_the_place_of_a_mode(self, engine: str, word: Any) -> None:
        """As elsewhere: it is refused with the choices there are; a column holds words."""
        need = r"^mode: need a Mode: Mode\.ON_DEMAND, Mode\.RESERVED, Mode\.INTERRUPTIBLE, or a Col"
        with pytest.raises(WrongType, match=need):
            frames.quote(make(engine, [GOOD]), HOUR, mode=word)

    def test_columns_as_a_dict(self, engine: str) -> None:
        rows = [{"gpu_count": 2, "usd": 0.8}]
        columns: dict[str, str | Column]
        columns = {"gpus": "gpu_count", "price": Column("usd", "dollars")}
        priced = frames.quote(make(engine, rows), HOUR, columns=columns, results="total")
        assert read(priced)[0]["quote_total"] == 800_000_000
        with pytest.raises(RuleViolation, match="columns: need some of gpus, price"):
            frames.quote(make(engine, rows), HOUR, columns={"cost": "usd"})
        bad: Any = ["usd"]
        with pytest.raises(WrongType, match="a dict such as"):
            frames.quote(make(engine, rows), HOUR, columns=bad)

    def test_all_missing_columns_beside_those_present(self, engine: str) -> None:
        rows = [{"gpus": 2, "price": 0.8, "mode": "reserved"}]
        with pytest.raises(RuleViolation) as caught:
            frames.quote(make(engine, rows), HOUR, mode=Column("mode"), disk=8)
        missing = ("num_gpus", "dph_base", "min_bid", "storage_cost", "credit_discount_max")
        for name in (*missing, "verification"):
            assert repr(name) in caught.value.need
        assert caught.value.got == "'gpus', 'price', 'mode'"
        with pytest.raises(RuleViolation, match=r"'machine_id'.*'num_gpus'.*got 'gpus'"):
            frames.model_prices(make(engine, rows))

    def test_offers_as_columns_are_read_in_their_unit(self, engine: str) -> None:
        offers = read_sample().offers
        columns = frames.offer_columns(offers)
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        for named in (None, frames.PICO_COLUMNS):
            native = make(engine, rows)
            priced = read(frames.quote(native, HOUR, disk=8, columns=named, results="total"))
            found = {row["id"]: row["quote_total"] for row in priced}
            assert found == {
                offer.id: cases.nanos(quote(offer, HOUR, disk=8).total.to_decimal())
                for offer in offers
            }
        with pytest.raises(RuleViolation, match="dph_base_pico"):  # never nano-dollars in silence
            frames.quote(make(engine, rows), HOUR, columns=Columns())

    def test_floats_of_small_units_are_whole(self, engine: str) -> None:
        rows = [{"num_gpus": 3, "dph_base_pico": price} for price in (7e12, None, 5.0)]
        priced = read(frames.quote(make(engine, rows), HOUR, results="total"))
        totals = sorted(row["quote_total"] or 0 for row in priced)
        assert totals == [0, 0, 7_000_000_000]  # 5 pico-dollars are less than a nano-dollar
        for wrong in (0.5, 2.0**53, -1.0, float("inf")):
            bad = [{"num_gpus": 1, "dph_base_pico": wrong}]
            with pytest.raises(RuleViolation, match="price: need"):
                frames.quote(make(engine, bad), HOUR)


class TestDollars:
    """Amounts to look at: the float next to the amount, null beside null."""

    def test_the_nearest_float(self, engine: str) -> None:
        amounts = [5_100_000_000, 1, 3 * 10**15 + 7]
        rows: list[dict[str, Any]]
        rows = [{"i": i, "a": a, "b": 1} for i, a in enumerate(amounts)]
        rows.append({"i": 3, "a": None, "b": 1})
        given = frames.dollars(frames.payout(make(engine, rows[:3]), "a", 0), "a", "host_payout")
        found = sorted(read(given), key=lambda row: row["i"])
        for row in found:
            assert row["a_dollars"] == row["host_payout_dollars"] == row["a"] / 10**9
        if not engine.startswith(("pandas", "dask")) or "types" in engine:  # null needs a type
            last = max(read(frames.dollars(make(engine, rows), "a")), key=lambda r: r["i"])
            assert last["a_dollars"] is None

    def test_what_cannot_be_dollars(self, engine: str) -> None:
        native = make(engine, [GOOD])
        with pytest.raises(WrongType, match="dph_base: need a column of whole nano-dollars"):
            frames.dollars(native, "dph_base")
        with pytest.raises(RuleViolation, match="need a column named 'total', got 'num_gpus'"):
            frames.dollars(native, "total")
        with pytest.raises(RuleViolation, match="suffix: need no column named 'num_gpus'"):
            frames.dollars(native, "num_gpus", suffix="")


def test_columns_may_be_changed(engine: str) -> None:
    """``PICO_COLUMNS`` is a value as any other."""
    rows = [{"num_gpus": 1, "dph_base_pico": 10**12, "credit_discount_max": 0.4}]
    free = evolve(frames.PICO_COLUMNS, verification=None)
    (row,) = read(frames.reserve(make(engine, rows), 1, columns=free))
    assert row["reserved_deposit"] == 576_000_000_000


def test_a_price_that_an_offer_does_not_say_is_null(engine: str) -> None:
    """Nothing is free by accident: neither in the columns of offers nor in what they cost."""
    known = PriceTerms(gpu=PerGpuHour("0.5"))
    offer = Offer(id=OfferId(1), machine=MachineId(1), gpu_name="A100", gpus=2, prices=known)
    silent = evolve(
        offer,
        id=OfferId(2),
        prices=PriceTerms(gpu=PerGpuHour(0)),
        unknown_prices=("gpu", "storage", "min_bid"),
    )
    columns = frames.offer_columns([offer, silent])
    assert columns["dph_base_pico"] == [10**12, None]
    assert columns["storage_cost_pico"] == [0, None]
    assert columns["min_bid_pico"] == [0, None]
    assert columns["inet_up_cost_pico"] == [0, 0]
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    priced = read(frames.quote(make(engine, rows), HOUR, results=["total"]))
    assert {row["id"]: row["quote_total"] for row in priced} == {1: 10**9, 2: None}
