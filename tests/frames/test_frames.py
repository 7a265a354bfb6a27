"""Column rules are the scalar rules, on every engine that fits one process."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal, localcontext
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import narwhals.stable.v2 as nw
import pytest
from attrs import evolve
from hypothesis import given, strategies as st

import frame_cases as cases
from effort import examples, up_to
from frame_engines import EAGER, LAZY, every_engine, make, read, with_small_floats
from numgenius_core import frames
from numgenius_core._numbers import round_half_even
from numgenius_core.errors import RuleViolation, WrongType
from numgenius_core.frames import PICO_COLUMNS, Column, Columns
from numgenius_core.frames._exact import ExactFrame, Number
from numgenius_core.intervals import Interval, from_epoch, to_epoch
from numgenius_core.listing import Mode, PriceTerms
from numgenius_core.money import TICKS_PER_NANO, Money
from numgenius_core.offer import Offer
from numgenius_core.prices import CurveSchedule, quote
from numgenius_core.rates import PerGbMonth, PerGpuHour, PerHour
from numgenius_core.wire import read_offers

DATA = os.environ.get("NUMGENIUS_MARKET_DATA")
HOUR = timedelta(hours=1)
ANY: Any = 3  # what no type check lets pass
few = examples(4)  # a frame of many cases is one example
PRICE = Column("dph_base", "dollars")
ROW = {"num_gpus": 2, "dph_base": 0.8, "storage_cost": 0.15, "min_bid": 0.2}


def _many(one: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    """Draw rows enough for a frame."""
    return st.lists(one, min_size=10, max_size=40)


@every_engine
class TestEveryEngineAgrees:
    """Column rules = scalar rules on random frames, to the nano-dollar, on every backend named."""

    def test_a_quote_is_the_scalar_quote(self, engine: str) -> None:
        cases.check_quotes(engine, cases.offer_rows(seed=1, count=up_to(160, 60)))

    def test_nulls_stay_nulls(self, engine: str) -> None:
        cases.check_nulls(
            engine, cases.with_nulls(cases.offer_rows(seed=2, count=up_to(80, 30)), seed=3)
        )

    @pytest.mark.parametrize(("longest", "dearest"), cases.RESERVATIONS[: up_to(3, 1)])
    def test_a_reservation_left_early_or_late_is_the_scalar_quote(
        self, engine: str, longest: int, dearest: int
    ) -> None:
        cases.check_reservations(engine, longest, dearest)

    def test_slices_are_the_scalar_cut(self, engine: str) -> None:
        cases.check_slices(engine)

    def test_occupancy_is_the_overlap(self, engine: str) -> None:
        cases.check_occupancy(engine)

    def test_prices_and_index_are_those_of_a_loop(self, engine: str) -> None:
        cases.check_prices(engine)

    @pytest.mark.parametrize("seed", [1, 2])
    def test_who_runs_is_the_scalar_answer_or_refused(self, engine: str, seed: int) -> None:
        if engine not in LAZY:
            return cases.check_resolution(engine, seed)
        with pytest.raises(WrongType, match="collect"):
            frames.resolve(make(engine, cases.claim_rows(seed)))
        return None

    def test_the_frame_keeps_its_kind_and_its_columns(self, engine: str) -> None:
        native = make(engine, [{**ROW, "note": "a"}])
        priced = frames.quote(native, HOUR)
        assert type(priced) is type(native)
        (row,) = read(priced)
        assert list(row) == [
            *(*ROW, "note"),
            *("quote_total", "quote_per_hour", "quote_payout", "quote_fee"),
        ]
        assert row["note"] == "a"
        assert nw.from_native(priced).collect_schema()["quote_total"] == nw.Int64


class TestOneModeForAll:
    """Mode, duration, disk and traffic are each a scalar or a column."""

    @pytest.mark.parametrize("mode", list(Mode))
    def test_numbers_for_all_rows_give_what_columns_give(self, mode: Mode, engine: str) -> None:
        rows = [{**row, "mode": mode.value} for row in cases.offer_rows(seed=4, count=50)]
        usage: dict[str, Any] = {"disk": "200.123", "upload": "12.5", "download": 333}
        more: dict[str, Any] = {}
        if mode is Mode.RESERVED:
            more["months"] = Fraction(7, 2)
        if mode is Mode.INTERRUPTIBLE:
            more["bid"] = PerHour("0.40")
        stay = timedelta(seconds=123_457)
        wanted, share = ("total", "payout", "fee"), Fraction(1, 7)
        native = frames.quote(
            make(engine, rows), stay, mode=mode, fee=share, results=wanted, **usage, **more
        )
        for row, got in zip(rows, sorted(read(native), key=lambda r: r["i"]), strict=True):
            offer = cases.offer_of(row)
            offer = offer.with_prices(evolve(offer.prices, platform_fee=share))
            free = mode is Mode.INTERRUPTIBLE and PerHour("0.40") < offer.min_bid
            unverified = mode is Mode.RESERVED and row["verification"] != "verified"
            if free or unverified:
                assert [got[f"quote_{name}"] for name in wanted] == [None] * 3
                continue
            want = quote(offer, stay, mode=mode, **usage, **more)
            for name in ("total", "fee"):
                assert got[f"quote_{name}"] == cases.nanos(getattr(want, name).to_decimal())
            assert got["quote_payout"] + got["quote_fee"] == got["quote_total"]

    def test_a_bid_left_out_is_the_lowest(self, engine: str) -> None:
        priced = frames.quote(make(engine, [ROW]), HOUR, mode=Mode.INTERRUPTIBLE)
        assert read(priced)[0]["quote_total"] == 200_000_000

    def test_units_say_what_a_column_means(self, engine: str) -> None:
        row = {
            "n": 2, "p": 800_000_000, "s": 150_000_000_000, "hours": 1.5, "mb": 8_000,
        }  # fmt: skip
        columns = Columns(gpus="n", price="p", storage=Column("s", "pico"))
        priced = frames.quote(
            make(engine, [row]),
            Column("hours", "hours"),
            disk=Column("mb", "MB"),
            columns=columns,
            results=["gpu", "storage"],
        )
        (got,) = read(priced)
        assert got["quote_gpu"] == 1_200_000_000
        assert got["quote_storage"] == round_half_even(8 * 150_000_000 * 5_400, 2_592_000)

    @pytest.mark.parametrize("whole", [False, True])
    def test_traffic_may_be_priced_per_tb(self, engine: str, whole: bool) -> None:
        """DOMAIN 1: 1 TB = 1024 GB; each price becomes what ``read_offers`` makes of it."""
        per_tb = [0.0, 2e-9, 0.13333333333333333, 6.666666666666667, 20.48, 511.9, None]
        if whole:
            per_tb = [0, 1, 3, 7, 20, 500, None]  # beside a gap, pandas has floats
        rows = [{**ROW, "i": i, "tb": price} for i, price in enumerate(per_tb)]
        priced = frames.quote(
            make(engine, rows),
            HOUR,
            download=100_000,
            columns={"download": Column("tb", "dollars/TB")},
            results="download",
        )
        head = "offer_id,machine_id,gpu_name,num_gpus,dph_total,storage_cost_per_gb_mo"
        table = [f"{head},internet_down_cost_per_tb"]
        table += [f"{i},1,A100,1,1,0,{price}" for i, price in enumerate(per_tb[:-1], 1)]
        offers = read_offers("\n".join(table)).offers
        want = [cases.nanos(o.prices.download.charge(10**14).to_decimal()) for o in offers]
        got = sorted(read(priced), key=lambda row: row["i"])
        assert [row["quote_download"] for row in got] == [*want, None]

    def test_a_price_per_tb_is_one_of_traffic_only(self, engine: str) -> None:
        for columns in (
            {"price": Column("dph_base", "dollars/TB")},
            {"storage": Column("storage_cost", "dollars/TB")},
        ):
            with pytest.raises(RuleViolation, match="unit: need one of nano, pico, dollars, got"):
                frames.quote(make(engine, [ROW]), HOUR, disk=1, columns=columns)
        free = [{**ROW, "tb": 1e-10}]  # less than a pico-dollar a GB
        with pytest.raises(RuleViolation, match="download price"):
            frames.quote(
                make(engine, free),
                HOUR,
                download=1,
                columns={"download": Column("tb", "dollars/TB")},
            )

    def test_all_columns_may_be_verified(self, engine: str) -> None:
        columns = Columns(verification=None)
        rows = [{**ROW, "credit_discount_max": 0.4}]
        priced = frames.reserve(make(engine, rows), 1, columns=columns)
        assert read(priced)[0]["reserved_gpu_per_hour"] == 640_000_000
        assert read(priced)[0]["reserved_deposit"] == 460_800_000_000
        assert read(priced)[0]["reserved_discount_rate"] == 200_000_000

    @few
    @given(
        _many(st.integers(0, 10**18)), st.fractions(0, Fraction(99, 100), max_denominator=10_000)
    )
    def test_a_payout_is_what_the_scaled_fee_leaves(
        self, engine: str, paid: list[int], fee: Fraction
    ) -> None:
        rows = [{"i": number, "paid": nanos} for number, nanos in enumerate(paid)]
        for got in read(frames.payout(make(engine, rows), "paid", fee)):
            amount = Money.from_ticks(got["paid"] * TICKS_PER_NANO)
            assert got["host_fee"] == cases.nanos(amount.scaled(fee).to_decimal())
            assert got["host_payout"] + got["host_fee"] == got["paid"]

    def test_parts_of_an_odd_amount_add_up(self, engine: str) -> None:
        rows = [{"i": number, "paid": paid} for number, paid in enumerate([1, 3, 5, 0, None])]
        found = sorted(read(frames.payout(make(engine, rows), "paid", "0.5")), key=lambda r: r["i"])
        assert [(row["host_payout"], row["host_fee"]) for row in found] == [
            (1, 0), (1, 2), (3, 2), (0, 0), (None, None),
        ]  # fmt: skip


@every_engine
class TestExactArithmetic:
    """Division exact with remainder, half-even; nothing overflows inside the limits."""

    @staticmethod
    def _columns(engine: str, rows: list[dict[str, int]]) -> tuple[ExactFrame, list[Number]]:
        sums = ExactFrame(make(engine, rows))
        return sums, [Number(nw.col(name)) for name in rows[0]]

    @few
    @given(
        _many(
            st.tuples(
                st.integers(0, 10**18), st.integers(1, 3 * 10**13), st.integers(0, 3 * 10**13)
            )
        )
    )
    def test_long_division(self, engine: str, drawn: list[tuple[int, int, int]]) -> None:
        known = [*drawn, (10**18, 3 * 10**13, 1), (2 * 10**18, 31_130_000_000_000, 0)]
        rows = [{"n": n, "t": d - min(d, less), "d": d} for n, d, less in known]
        sums, (n, t, d) = self._columns(engine, rows)
        whole, rest = sums.long_ratio(n, t, d)
        for row in read(sums.finish({"whole": whole, "rest": rest})):
            assert (row["whole"], row["rest"]) == divmod(row["n"] * row["t"], row["d"])

    @few
    @given(
        _many(
            st.tuples(
                *(st.integers(0, 100), st.integers(1, 1_000)),
                *(st.integers(0, 1_000), st.integers(0, 9)),
            )
        ),
        st.sampled_from([1, 2, 3, 10]),
    )
    def test_rounding(
        self, engine: str, drawn: list[tuple[int, int, int, int]], parts: int
    ) -> None:
        rows = [{"w": w, "r": r % d, "d": d, "p": p % parts} for w, d, r, p in drawn]
        sums, (w, r, d, p) = self._columns(engine, rows)
        for row in read(sums.finish({"x": sums.half_even(w, r, d, p, parts)})):
            exact = row["w"] + (row["r"] + Fraction(row["p"], parts)) / row["d"]
            assert row["x"] == round(exact)

    @few
    @given(
        _many(st.integers(0, 10**18)),
        *(st.integers(0, 10**9), st.integers(1, 3 * 10**9)),
    )
    def test_storage(self, engine: str, prices: list[int], megabytes: int, seconds: int) -> None:
        dearest = PerGbMonth.from_steps(max(prices))
        if max(
            dearest.charge(megabytes, seconds).ticks, dearest.charge(megabytes, 2_592_000).ticks
        ) > (2 * 10**18 * TICKS_PER_NANO):
            megabytes = 1
        rows = [{"p": price, "m": megabytes, "s": seconds} for price in prices]
        sums, (p, m, s) = self._columns(engine, rows)
        amounts = {
            "columns": sums.stored(p, m, s),
            "numbers": sums.stored(p, megabytes, seconds),
            "mixed": sums.stored(p, megabytes, s),
        }
        for row in read(sums.finish({name: sums.nanos(a) for name, a in amounts.items()})):
            exact = PerGbMonth.from_steps(row["p"]).charge(megabytes, seconds)
            assert {row[name] for name in amounts} == {cases.nanos(exact.to_decimal())}

    @few
    @given(_many(st.integers(0, 10**18)), st.integers(0, 10**18))
    def test_traffic(self, engine: str, prices: list[int], count: int) -> None:
        while max(prices) * count > 2 * 10**30:
            count //= 10
        sums, (p, c) = self._columns(engine, [{"p": price, "c": count} for price in prices])
        amounts = {"columns": sums.sent(p, c), "numbers": sums.sent(p, count)}
        for row in read(sums.finish({name: sums.nanos(a) for name, a in amounts.items()})):
            want = round_half_even(row["p"] * count, 10**12)
            assert {row[name] for name in amounts} == {want}

    @few
    @given(_many(st.floats(0, 511.999, allow_subnormal=False)), st.integers(1, 64))
    def test_a_float_is_its_shortest_text(
        self, engine: str, prices: list[float], gpus: int
    ) -> None:
        near = [float(f"{int(p)}.{int(p * 1e12) % 10**12:012d}5") for p in prices]
        known = [price for price in [*prices, *near] if price < 512 and not 0 < price < 1e-12]
        rows = [{"num_gpus": gpus, "dph_base": price} for price in known]
        priced = frames.quote(make(engine, rows), timedelta(hours=1_000), results="total")
        for got in read(priced):
            price = Fraction(Decimal(repr(got["dph_base"])))
            per_gpu = PerGpuHour.from_steps(round(price * 10**12 / gpus))
            assert got["quote_total"] == cases.nanos(per_gpu.charge(gpus, 3_600_000).to_decimal())


SMALL: dict[str, Any] = ROW | {
    "id": 1, "machine_id": 1, "gpu_name": "A", "dph_base": 16.0, "storage_cost": 0.25,
    "min_bid": 0.5, "credit_discount_max": 0.5, "verification": "verified", "disk": 8.5,
    "hours": 1.5, "months": 1.5, "bid": 0.75, "claim": 0.75, "spread": 0.5,
}  # fmt: skip


class TestFloatsOf32Bits:
    """They are the numbers that they are: no engine computes on in 24 bits."""

    @pytest.mark.parametrize(
        "question",
        [
            lambda d: frames.quote(d, Column("hours", "hours"), disk=Column("disk", "GB")),
            lambda d: frames.quote(d, HOUR, mode=Mode.RESERVED, months=Column("months", "months")),
            lambda d: frames.quote(d, HOUR, mode=Mode.INTERRUPTIBLE, bid=Column("bid", "dollars")),
            lambda d: frames.reserve(d, Column("months", "months")),
            lambda d: frames.promise_fees(d, "0.5", claim="claim", spread="spread", price=PRICE),
        ],
    )
    def test_small_or_large_they_give_the_same(
        self, engine: str, question: Callable[[Any], Any]
    ) -> None:
        large = make(engine, [SMALL, {**SMALL, "id": 2, "dph_base": 0.5}])
        found, wanted = (
            sorted(read(question(each)), key=lambda row: row["id"])
            for each in (with_small_floats(large), large)
        )
        assert found == wanted

    @pytest.mark.parametrize("price", [16.0, 0.5, 0.1, 0.4])
    def test_a_price_is_its_exact_number(self, engine: str, price: float) -> None:
        small = with_small_floats(make(engine, [{**SMALL, "num_gpus": 1, "dph_base": price}]))
        (exact,) = (row["dph_base"] for row in read(small))
        (row,) = read(frames.quote(small, timedelta(hours=1000), results="gpu"))
        assert row["quote_gpu"] == 1000 * round(Decimal(exact), 12) * 10**9
        (model,) = frames.model_prices(small)
        assert model.mean == PerGpuHour(round(Decimal(exact), 12))

    def test_a_share_that_is_none_is_refused(self, engine: str) -> None:
        small = with_small_floats(make(engine, [{**SMALL, "credit_discount_max": 0.4}]))
        with pytest.raises(RuleViolation, match="with at most 4 decimals, got 1 value"):
            frames.reserve(small, 1)

    def test_what_a_deposit_does_not_tell_is_null_and_what_is_free_has_none(
        self, engine: str
    ) -> None:
        """60 % of $0.000012 an hour is a nano-dollar in half a second."""
        prices = {"gpu": 12 * 10**6, "less": 12 * 10**6 - 1, "free": 0}
        rows = [
            {"i": i, "num_gpus": 1, "dph_base_pico": steps, "credit_discount_max": factor}
            for i, (steps, factor) in enumerate(
                [*((steps, 0.4) for steps in prices.values()), (1, 0.0)]
            )
        ]
        names = ("total", "gpu_per_hour", "deposit", "discount_rate")
        priced = frames.quote(
            make(engine, rows),
            timedelta(hours=1_440),
            mode=Mode.RESERVED,
            months=1,
            columns=evolve(PICO_COLUMNS, verification=None),
            results=names,
            prefix="",
        )
        got = [
            tuple(row[name] for name in names) for row in sorted(read(priced), key=lambda r: r["i"])
        ]
        assert got == [
            (15_552_000, 9_600, 6_912_000, 200_000_000),  # 720 hours at $0.0000096, at $0.000012
            (None, None, None, None),
            (0, 0, None, 0),
            (1, 0, None, 0),  # 1,440 pico-dollars
        ]


class TestRefusals:
    """What cannot be computed raises our error with the limit in it, never a wrong number."""

    @pytest.mark.parametrize(
        ("change", "path"),
        [
            ({"dph_base": -0.1}, "price"),
            ({"dph_base": 512.0}, "price"),
            ({"dph_base": float("inf")}, "price"),
            ({"dph_base": -1}, "price"),
            ({"dph_base": 2}, "price"),  # dollars, of which int64 says nothing
            ({"dph_base": 999}, "price"),
            ({"dph_base": 10**15 + 1}, "price"),
            ({"num_gpus": 0}, "gpus"),
            ({"num_gpus": 4_097}, "gpus"),
            ({"num_gpus": 1.5}, "gpus"),
            ({"storage_cost": -1.0}, "storage price"),
            ({"seconds": 0}, "duration"),
            ({"seconds": 0.5}, "duration"),
            ({"seconds": 1_201 * 2_592_000}, "duration"),
            ({"disk": 0.0001}, "disk"),
            ({"disk": -1}, "disk"),
            ({"fee": 1.0}, "fee"),
            ({"fee": 0.00001}, "fee"),
        ],
    )
    def test_values_out_of_range(self, engine: str, change: dict[str, Any], path: str) -> None:
        good = {**ROW, "seconds": 3_600, "disk": 1.0, "fee": 0.25}
        rows = [{**good, **change}]
        with pytest.raises(RuleViolation) as caught:
            frames.quote(
                make(engine, rows), Column("seconds"), disk=Column("disk"), fee=Column("fee")
            )
        assert caught.value.path == path

    def test_whole_dollars_are_no_nano_dollars(self, engine: str) -> None:
        rows = [{**ROW, "dph_base": price} for price in (0, 2)]
        with pytest.raises(
            RuleViolation, match=r'nano-dollars, or Column\("dph_base", "dollars"\)'
        ):
            frames.quote(make(engine, rows), HOUR)
        said = Columns(price=Column("dph_base", "dollars"))
        frames.quote(make(engine, rows), HOUR, columns=said)
        frames.quote(make(engine, rows[:1]), HOUR)  # nothing is nothing in any unit

    @pytest.mark.parametrize(
        ("row", "more", "path"),
        [
            ({"dph_base": 10**15}, {}, "price"),
            ({"storage_cost": 10**15}, {"disk": 10**6}, "storage"),
            ({"inet_up_cost": 10**15}, {"upload": 10**6}, "upload"),
        ],
    )
    def test_a_line_beyond_the_limit(
        self, engine: str, row: dict[str, Any], more: dict[str, Any], path: str
    ) -> None:
        native = make(engine, [{**ROW, "inet_up_cost": 1, **row}])
        with pytest.raises(RuleViolation, match=r"up to \$2,000,000,000") as caught:
            frames.quote(native, timedelta(days=400), **more)
        assert caught.value.path == path

    def test_the_largest_lines_are_exact(self, engine: str) -> None:
        row = {
            "num_gpus": 1,
            "dph_base": 10**15,
            "storage_cost": 10**15,
            "inet_up_cost": 10**15,
            "inet_down_cost": 10**15,
        }
        used: dict[str, Any] = {"disk": 720, "upload": 2_000, "download": "1999.999999999"}
        share, wanted = Fraction(3_333, 10_000), ("total", "payout", "fee")
        stay = timedelta(hours=2_000)
        native = frames.quote(make(engine, [row]), stay, fee=share, results=wanted, **used)
        offer = Offer(
            id=1,
            machine=1,
            gpu_name="x",
            gpus=1,
            prices=PriceTerms(
                gpu=PerGpuHour(10**6),
                storage=PerGbMonth(10**6),
                upload=cases.offer_of(cases.offer_rows(1, 1)[0]).prices.upload.nearest(10**6),
                download=cases.offer_of(cases.offer_rows(1, 1)[0]).prices.upload.nearest(10**6),
                platform_fee=share,
            ),
        )
        want = quote(offer, stay, **used)
        (got,) = read(native)
        for name in ("total", "fee"):
            assert got[f"quote_{name}"] == cases.nanos(getattr(want, name).to_decimal())
        assert got["quote_payout"] + got["quote_fee"] == got["quote_total"]
        with pytest.raises(RuleViolation, match="per_hour"):
            frames.quote(make(engine, [row]), timedelta(seconds=1), **used)

    def test_the_dearest_hour_is_known_to_the_fraction_of_a_nano(self, engine: str) -> None:
        """An hour costs 3,600 times what a second does, and of that a fraction counts as well."""
        most = (2**63 - 1) // 3_600
        words: dict[str, Any] = {"columns": {"upload": Column("up", "pico")}, "upload": 5}
        row = {"num_gpus": 1, "dph_base": 0}
        frame = make(engine, [row | {"up": 200 * (most - 3)}])
        (got,) = read(frames.quote(frame, timedelta(seconds=1), results="per_hour", **words))
        assert got == row | {"up": 200 * (most - 3), "quote_per_hour": 3_600 * (most - 3)}
        frame = make(engine, [row | {"up": 200 * most + 199}])
        with pytest.raises(RuleViolation, match="per_hour: need greatest total"):
            frames.quote(frame, timedelta(seconds=1), **words)

    def test_the_platforms_part_is_that_of_each_price(self, engine: str) -> None:
        # Of $0.0000126 an hour two thirds are $0.0000084, of a pico-dollar a whole one: of 3.5
        # nano-dollars of GPUs the platform has two thirds, of 1 of traffic and of the disk all.
        row = {
            "num_gpus": 1,
            "dph_base_pico": 12_600_000,
            "storage_cost_pico": 1,
            "inet_up_cost_pico": 1,
            "seconds": 1,
            "mb": 127,
            "bytes": 999999999951,
        }
        native = frames.quote(
            make(engine, [row]),
            Column("seconds"),
            disk=Column("mb", "MB"),
            upload=Column("bytes", "bytes"),
            fee=Fraction(2, 3),
            columns=PICO_COLUMNS,
        )
        (got,) = read(native)
        # 4.5 nano-dollars less a tick; 2.333 + 1 of them are the platform's, 1.167 the host's.
        assert (got["quote_total"], got["quote_fee"], got["quote_payout"]) == (4, 3, 1)

    def test_the_platforms_part_of_a_forfeit_is_rounded_to_a_tick(self, engine: str) -> None:
        # $0.000015 an hour is $0.000012 reserved; left after a second, 283.5 million million ticks
        # are lost. The platform's eleventh of them is 25,772,727,272,727 ticks and 3/11; of prices
        # it is 1,090,909 pico-dollars of GPUs, 90,000,000 ticks a second each, and one each of disk
        # and traffic: 125 a MB, 324 a byte. All together are half a nano-dollar, a tie, but for the
        # 3/11.
        row = {
            "num_gpus": 1,
            "dph_base_pico": 15 * 10**6,
            "storage_cost_pico": 11,
            "inet_up_cost_pico": 11,
            "credit_discount_max": 0.4,
            "mb": 129,
            "bytes": 117_424_267_627,
        }
        native = frames.quote(
            make(engine, [row]),
            timedelta(seconds=1),
            mode=Mode.RESERVED,
            months=1,
            disk=Column("mb", "MB"),
            upload=Column("bytes", "bytes"),
            fee=Fraction(1, 11),
            columns=evolve(PICO_COLUMNS, verification=None),
            results="fee",
        )
        paid = 1_090_909 * 90_000_000 + 125 * row["mb"] + 324 * row["bytes"]
        assert 25_772_727_272_727 + paid == TICKS_PER_NANO // 2
        assert read(native)[0]["quote_fee"] == 0

    def test_a_price_per_hour_up_to_the_limit(self, engine: str) -> None:
        native = make(engine, [{**ROW, "dph_base": 0, "inet_up_cost": 10**15}])
        second = timedelta(seconds=1)
        priced = frames.quote(native, second, upload=2)
        assert read(priced)[0]["quote_per_hour"] == 2 * 10**15 * 3_600
        with pytest.raises(RuleViolation, match=r"per_hour: .*\$9,223,372,036 "):
            frames.quote(native, second, upload=3)

    @pytest.mark.parametrize(
        ("steps", "seconds", "factor"),
        [
            (6_891_176_838_632, 3_888_358, "0.1088"),
            (312_986_387_256, 1_703_984, "0.7579"),
            (5_525_089_052_765, 3_888_731, "0.2997"),
        ],
    )
    def test_a_deposit_is_rounded_at_its_last_part(
        self, engine: str, steps: int, seconds: int, factor: str
    ) -> None:
        row = {**ROW, "num_gpus": 1, "dph_base_pico": steps, "s": seconds}
        native = frames.reserve(
            make(engine, [{**row, "credit_discount_max": float(factor)}]),
            Column("s", "seconds"),
            columns=evolve(PICO_COLUMNS, verification=None),
            results="deposit",
        )
        months = Fraction(seconds, 2_592_000)
        want = CurveSchedule(factor).deposit(PerHour.from_steps(steps), months)
        assert read(native)[0]["reserved_deposit"] == cases.nanos(want.to_decimal())

    @pytest.mark.parametrize(("months", "dear"), [("2.7", 10**15), (1_200, 10**12)])
    def test_the_dearest_reservations_are_exact(self, engine: str, months: Any, dear: int) -> None:
        row = {**ROW, "num_gpus": 1, "dph_base": dear, "credit_discount_max": 0.9999}
        native = frames.reserve(make(engine, [row]), months, columns=Columns(verification=None))
        curve, price = CurveSchedule("0.9999"), PerHour.from_steps(dear * 1_000)
        (got,) = read(native)
        assert got["reserved_deposit"] == cases.nanos(curve.deposit(price, months).to_decimal())
        want = curve.discounted(price, months).to_decimal(9)
        assert got["reserved_gpu_per_hour"] == cases.nanos(want)
        assert got["reserved_discount_rate"] == round(curve.discount(months) * 10**9)

    @pytest.mark.parametrize(
        ("question", "error"),
        [
            (lambda f: frames.quote(f, ANY), WrongType),
            (lambda f: frames.quote(f, timedelta(0)), RuleViolation),
            (lambda f: frames.quote(f, HOUR, disk=ANY / 2), WrongType),
            (lambda f: frames.quote(f, HOUR, mode=ANY), WrongType),
            (lambda f: frames.quote(f, HOUR, mode=Column("text")), RuleViolation),
            (lambda f: frames.quote(f, HOUR, mode=Column("num_gpus")), WrongType),
            (lambda f: frames.quote(f, HOUR, mode=Column("nothing")), RuleViolation),
            (lambda f: frames.quote(f, HOUR, bid=PerHour(1)), RuleViolation),
            (lambda f: frames.quote(f, HOUR, months=1), RuleViolation),
            (lambda f: frames.quote(f, HOUR, mode=Mode.INTERRUPTIBLE, bid=ANY), WrongType),
            (lambda f: frames.quote(f, HOUR, fee="1"), RuleViolation),
            (lambda f: frames.quote(f, HOUR, fee=Fraction(1, 30_011)), RuleViolation),
            (lambda f: frames.quote(f, HOUR, columns=Columns(price="text")), WrongType),
            (lambda f: frames.quote(f, HOUR, columns=Columns(price="nothing")), RuleViolation),
            (lambda f: frames.quote(f, HOUR, columns=Columns(price=ANY)), WrongType),
            (lambda f: frames.quote(f, HOUR, columns=ANY), WrongType),
            (
                lambda f: frames.quote(f, HOUR, columns=Columns(price=Column("dph_base", "pico"))),
                RuleViolation,
            ),
            (lambda f: frames.quote(f, Column("num_gpus", "years")), RuleViolation),
            (lambda f: frames.quote(f, HOUR, results="price"), RuleViolation),
            (lambda f: frames.quote(f, HOUR, results="total", prefix="a_"), RuleViolation),
            (lambda f: frames.quote([f], HOUR), WrongType),
            (lambda f: frames.reserve(f, "0.0000001"), RuleViolation),
            (lambda f: frames.reserve(f, 1, results="total"), RuleViolation),
            (lambda f: frames.payout(f, "text", 0), WrongType),
            (frames.slices, RuleViolation),
            (lambda f: frames.slices(f, min_gpu="num_gpus", prefix="s_"), RuleViolation),
            (lambda f: frames.slices(f, min_gpu=Column("three")), RuleViolation),
            (lambda f: frames.occupancy(f, ANY), WrongType),
            (frames.model_prices, RuleViolation),
            (lambda f: frames.offer_columns([f]), WrongType),
        ],
    )
    def test_bad_questions(
        self, engine: str, question: Callable[[Any], Any], error: type[RuleViolation]
    ) -> None:
        row = {
            **ROW,
            "text": "x",
            "v": "verified",
            "verification": "verified",
            "credit_discount_max": 0.4,
            "a_total": 1,
            "s_start": 1,
            "three": 3,
            "machine_id": 1,
        }
        with pytest.raises(RuleViolation) as caught:
            question(make(engine, [row]))
        assert type(caught.value) is error

    def test_a_sum_that_int64_cannot_hold(self, engine: str) -> None:
        long = Interval(from_epoch(0), from_epoch(250_000_000_000))
        rows = [{"machine_id": 1, "num_gpus": 4_096, "start_date": 0, "end_date": 9}] * 10_000
        with pytest.raises(RuleViolation, match="9,223,372,036,854,775,807"):
            frames.occupancy(make(engine, rows), long)

    def test_a_slice_too_dear(self, engine: str) -> None:
        rows = [{"num_gpus": 16, "min_gpu": 1, "price": 10**15}]
        with pytest.raises(RuleViolation, match="price"):
            frames.slices(make(engine, rows), price="price")


@pytest.mark.parametrize("engine", EAGER)
class TestResolving:
    """A book that the scalar rule refuses is refused; a null is no claim."""

    @pytest.mark.parametrize(
        ("change", "match"),
        [
            ({"arrival": 1}, "arrival"),
            ({"rank": "highest"}, "rank"),
            ({"rank": None}, "rank"),
            ({"start": None}, "start"),
            ({"bid": 100_000.0}, "bid"),
            ({"bid": None}, "bid"),
            ({"rank": "on-demand"}, "bid"),
            ({"own": 0.2}, "floor"),
        ],
    )
    def test_bad_books(self, engine: str, change: dict[str, Any], match: str) -> None:
        row = {
            "machine_id": 5, "start": 0, "num_gpus": 2, "rank": "bid", "bid": 0.4, "own": 0.1,
        }  # fmt: skip
        rows = [{**row, "arrival": 1}, {**row, "arrival": 2, **change}]
        with pytest.raises(RuleViolation, match=match):
            frames.resolve(make(engine, rows), floor="own")

    def test_each_machine_has_its_floor(self, engine: str) -> None:
        row = {"start": 0, "num_gpus": 2, "rank": "bid", "bid": 0.4, "arrival": 1}
        rows = [{**row, "machine_id": 1, "own": 0.1}, {**row, "machine_id": 2, "own": 0.3}]
        assert [r["runs"] for r in read(frames.resolve(make(engine, rows), floor="own"))] == [
            True,
            False,
        ]

    def test_the_rank_must_be_there(self, engine: str) -> None:
        with pytest.raises(RuleViolation, match="rank"):
            frames.resolve(make(engine, cases.claim_rows(1)), rank="nothing")


def one_gpu_each(prices: dict[int, float]) -> list[dict[str, Any]]:
    """Return the rows of machines with one GPU, by their ids and prices."""
    return [
        {"machine_id": machine, "gpu_name": "A", "num_gpus": 1, "dph_base": price}
        for machine, price in prices.items()
    ]


MARKETS = st.dictionaries(
    st.integers(1, 4), st.sampled_from([0.25, 0.5, 1.0, 3.0]), min_size=1
).map(lambda prices: {**prices, 5: 1.0})


@given(days=st.lists(MARKETS, min_size=1, max_size=6))
def test_the_same_market_again_is_one_of_the_first(days: list[dict[int, float]]) -> None:
    # Whatever comes and goes between: 5 is always there, so that every link has a machine.
    market = [make("pyarrow", one_gpu_each(day)) for day in [*days, days[0]]]
    assert frames.price_chain(market)[-1].direct == 1


class TestPricesCannotBeFaked:
    """Statistics of prices that a change of composition cannot fake."""

    def test_machines_that_come_and_go_leave_the_index(self, engine: str) -> None:
        before = cases.market_rows(1)
        cheap = [{"machine_id": 900 + i, "gpu_name": "A", "num_gpus": 8, "dph_base": 0.08}
                 for i in range(50)]  # fmt: skip
        after = [row for row in before if row["machine_id"] % 3] + cheap
        link = frames.matched_index(make(engine, before), make(engine, after))
        assert link.index == 1
        assert (link.entered, link.left > 0) == (400, True)

    def test_cutting_a_machine_into_more_offers_changes_nothing(self, engine: str) -> None:
        rows = cases.market_rows(1)
        twice = rows + [row for row in rows if row["num_gpus"] < 8]
        assert frames.model_prices(make(engine, rows)) == frames.model_prices(make(engine, twice))

    def test_counts_are_whole_numbers_of_python(self, engine: str) -> None:
        """Of any engine, and whatever the caller's decimal context is: DuckDB sums to decimals."""
        with localcontext(prec=3):
            (price, *_) = found = frames.model_prices(make(engine, cases.market_rows(1)))
        assert (type(price.gpus), type(price.machines)) == (int, int)
        assert type(price.mean.steps) is type(price.highest.steps) is int
        assert found.to_dicts()

    def test_links_multiply(self, engine: str) -> None:
        days = [make(engine, cases.market_rows(seed)) for seed in (1, 2, 3)]
        first, second = frames.price_chain(days)
        alone = [frames.matched_index(*pair) for pair in pairwise(days)]
        direct = frames.matched_index(days[0], days[2]).index
        assert first == alone[0]
        assert second == evolve(alone[1], level=alone[0].index * alone[1].index, direct=direct)

    def test_a_chain_drifts_and_the_index_against_the_first_does_not(self, engine: str) -> None:
        days = ({1: 1.0, 2: 10.0}, {1: 2.0, 2: 10.0}, {1: 1.0}, {1: 1.0, 2: 10.0})
        chain = frames.price_chain([make(engine, one_gpu_each(day)) for day in days])
        assert [link.level for link in chain] == [
            Fraction(12, 11),
            Fraction(6, 11),
            Fraction(6, 11),
        ]
        assert [link.direct for link in chain] == [Fraction(12, 11), 1, 1]

    def test_without_a_machine_of_the_first_snapshot_nothing_is_direct(self, engine: str) -> None:
        days = ({1: 1.0, 2: 2.0}, {2: 2.0, 3: 3.0}, {3: 4.5})
        *_, link = frames.price_chain([make(engine, one_gpu_each(day)) for day in days])
        assert (link.direct, link.level) == (None, Fraction(3, 2))

    def test_a_machine_that_shows_other_gpus_is_not_matched(self, engine: str) -> None:
        before, after = one_gpu_each({1: 1.0, 2: 2.0}), one_gpu_each({1: 1.0, 2: 2.0})
        after[1] |= {"num_gpus": 4, "dph_base": 8.0}
        link = frames.matched_index(make(engine, before), make(engine, after))
        assert (link.machines, link.gpus, link.entered, link.left) == (1, 1, 4, 1)

    def test_a_machine_has_its_gpus_while_a_part_is_rented(self, engine: str) -> None:
        whole = {"machine_id": 1, "gpu_name": "A", "num_gpus": 8, "dph_base": 8.0, "size": 8}
        part = {**whole, "num_gpus": 2, "dph_base": 2.5}
        other = {"machine_id": 2, "gpu_name": "A", "num_gpus": 3, "dph_base": 9.0, "size": None}
        before, after = [whole, part, other], [part, other, {**other, "machine_id": 3, "size": 1}]
        sized: dict[str, Any] = {"columns": {"machine_gpus": "size"}}
        (price,) = frames.model_prices(make(engine, after), **sized)
        assert (price.gpus, price.mean) == (8 + 3 + 3, PerGpuHour(2))
        assert price.median == PerGpuHour("1.25")
        link = frames.matched_index(make(engine, before), make(engine, after), **sized)
        assert (link.index, link.gpus) == (Fraction(8 * 125 + 900, 800 + 900), 11)
        assert (link.entered, link.left) == (3, 0)
        shown = frames.matched_index(make(engine, before), make(engine, after))
        assert (shown.gpus, shown.entered, shown.left) == (3, 5, 8)
        with pytest.raises(RuleViolation, match="machine_gpus"):
            frames.model_prices(make(engine, after), columns={"machine_gpus": "none"})

    def test_the_middle_of_an_odd_number_of_gpus_is_one_of_them(self, engine: str) -> None:
        machines = [
            {"machine_id": gpus, "gpu_name": "A", "num_gpus": gpus, "dph_base": dollars}
            for gpus, dollars in ((1, 1.0), (2, 6.0))
        ]
        (price,) = frames.model_prices(make(engine, machines))  # GPUs at $1, $3 and $3
        assert (price.lowest, price.median) == (PerGpuHour(1), PerGpuHour(3))

    def test_a_link_says_when_it_is(self, engine: str) -> None:
        days = [make(engine, one_gpu_each({1: price})) for price in (1.0, 1.5)]
        times = [from_epoch(0), from_epoch(3600)]
        chain = frames.price_chain(days, instants=times)
        assert [row["at"] for row in chain.to_dicts()] == times[1:]
        seconds = [to_epoch(at) for at in times]  # as the columns of a series have them
        assert frames.price_chain(days, instants=seconds) == chain
        with pytest.raises(WrongType, match=r"instants\[0\]: need a datetime .* since 1970"):
            frames.price_chain(days, instants=[str(at) for at in times])  # type: ignore[misc]
        assert "1970-01-01 01:00:00+00:00  1.5000  1.5000" in str(chain)
        for wrong in (times[:1], times[::-1], [times[0], times[0]]):
            with pytest.raises(RuleViolation, match="instants"):
                frames.price_chain(days, instants=wrong)

    def test_a_basket_is_fixed(self, engine: str) -> None:
        prices = frames.model_prices(make(engine, cases.market_rows(1)))
        a, b = prices
        got = frames.basket_price(prices, {"A": 3, "B": 1})
        assert got.steps == round_half_even(3 * a.median.steps + b.median.steps, 4)
        mean = frames.basket_price(prices, {"A": 1}, mean=True)
        assert mean == a.mean
        assert frames.basket_price(prices, {"a": 1}, mean=True) == mean  # in any case
        with pytest.raises(RuleViolation, match=r"got none of it \(did you mean 'A'\?\)"):
            frames.basket_price(prices, {"nvidia a": 1})
        for basket in ({}, {"A": 0}, {"C": 1}, {"A": 1, "C": 0}):
            with pytest.raises(RuleViolation, match="basket"):
                frames.basket_price(prices, basket)

    def test_what_is_not_comparable_is_refused(self, engine: str) -> None:
        another = "pyarrow" if "polars" in engine else "polars"
        one, other = make(engine, cases.market_rows(1)), make(another, cases.market_rows(2))
        with pytest.raises(WrongType, match=r"[A-Z]+ and [A-Z]+"):
            frames.matched_index(one, other)
        moved = [{**row, "machine_id": row["machine_id"] + 100} for row in cases.market_rows(1)]
        with pytest.raises(RuleViolation, match=r"snapshots\[1\]\.after"):
            frames.price_chain([one, make(engine, moved)])
        bare = make(engine, [{"machine_id": 1, "gpu_name": "A", "num_gpus": 8}])
        for place, days in enumerate(([bare, one, one], [one, bare, one], [one, one, bare])):
            with pytest.raises(RuleViolation, match=rf"^snapshots\[{place}\]\.price: "):
                frames.price_chain(days)

    @pytest.mark.parametrize("engine", ["duckdb"])
    def test_two_connections_cannot_be_joined(self, engine: str) -> None:
        duckdb = pytest.importorskip("duckdb")
        one, other = (
            make(engine, cases.market_rows(1)),
            duckdb.connect().sql(
                "SELECT 1 AS machine_id, 'A' AS gpu_name, 1 AS num_gpus, 0.1::DOUBLE AS dph_base"
            ),
        )
        with pytest.raises(WrongType, match="connection"):
            frames.matched_index(one, other)

    def test_a_row_without_a_price_does_not_count(self, engine: str) -> None:
        rows = cases.market_rows(1)
        more = [*rows, {**rows[0], "machine_id": 500, "dph_base": None}]
        assert frames.model_prices(make(engine, more)) == frames.model_prices(make(engine, rows))


@pytest.mark.skipif(DATA is None, reason="needs NUMGENIUS_MARKET_DATA")
class TestTheRealMarket:
    """The real snapshot priced on three backends with the same totals, those of the quote."""

    def test_totals_are_those_of_the_quote(self, engine: str) -> None:
        offers = read_offers(Path(str(DATA)) / "market_snapshot.csv.gz").offers
        columns = frames.offer_columns(offers)
        rows = [
            dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)
        ]
        used: dict[str, Any] = {"disk": 200, "upload": 10, "download": 500}
        stay = timedelta(hours=72)
        native = frames.quote(make(engine, rows), stay, columns=PICO_COLUMNS, **used)
        got = {row["id"]: row["quote_total"] for row in read(native)}
        assert len(got) > 1_900
        assert got == {
            offer.id: cases.nanos(quote(offer, stay, **used).total.to_decimal()) for offer in offers
        }
