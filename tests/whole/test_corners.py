"""Corners that few come by: nothing to do, nothing found, and what laws say of odd answers."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from enum import Enum
from fractions import Fraction
from typing import Any, Literal

import duckdb
import pandas as pd  # type: ignore[import-untyped]
import polars as pl
import pytest
from attrs import evolve
from hypothesis import given

import document_values as known
from numgenius_core import frames
from numgenius_core.bids import Claim
from numgenius_core.documents import from_json, to_json
from numgenius_core.errors import InvalidDocument, ParseError, RuleViolation, WrongType
from numgenius_core.frames import Column, prices as frame_prices, slices
from numgenius_core.frames.fleets import table_like
from numgenius_core.ids import AccountId, ContractId
from numgenius_core.intervals import Interval, from_epoch
from numgenius_core.listing import Listing, Mode
from numgenius_core.market.commands import AddCredit, Tick
from numgenius_core.money import Money
from numgenius_core.offer import Block
from numgenius_core.planning import PriceSeries
from numgenius_core.rates import PerGbMonth, PerGpuHour, PerHour
from numgenius_core.testing import RULES, near, values
from numgenius_core.whatif import Outcome, Request, Scenario, Trace, recorded, sweep, vary

HOUR = timedelta(hours=1)
OFFERS = {"num_gpus": [1, 2], "dph_base": [1.0, 3.0], "fee": [0, 2_500]}


def told(rule: str, law: str, implementation: Callable[..., Any], *case: Any) -> str | None:
    """Return what a law says of an implementation."""
    (check,) = [each.check for each in RULES[rule].laws if each.name == law]
    return check(implementation, *case)


CLAIM = Claim.bidding(ContractId(1), Block(0, 1), PerHour("0.4"), arrival=1)
HELD = Claim.on_demand(ContractId(2), Block(0, 1), arrival=2)
FLOOR = PerGpuHour("0.1")
LISTED = Listing(
    machine=evolve(known.MACHINE, gpus=1), prices=evolve(known.PRICES, storage=PerGbMonth(0))
)
ONE_CLIENT = Scenario(
    listings=(LISTED,),
    demand=Trace((Request(after=0, gpus=1, seconds=3_600),)),
    horizon=Interval(known.at(1), known.at(2)),
)
ONE = {ContractId(5): Block(0, 1)}
TWO_ROWS = {name: [0, 0] for name in ("total", "payout", "fee", "gpu_per_hour", "deposit")}
ROW = {
    "num_gpus": 1,
    **dict.fromkeys(("dph_base", "storage_cost", "inet_up_cost", "inet_down_cost"), 1.0),
    "min_bid": 1.0,
    "credit_discount_max": 0.4,
    "verification": "verified",
    "seconds": 60,
    "disk_mb": 0,
    "sent": 0,
    "received": 0,
    "mode": "on-demand",
    "bid": 1.0,
    "months": 1.0,
    "share": 0.25,
}
AROUND = {ContractId(5): Block(0, 2)}


class TestLawsSayWhatIsWrong:
    """A report says where an answer is wrong, whatever it is."""

    @pytest.mark.parametrize(
        ("rule", "law", "answer", "case", "says"),
        [
            ("resolve", "no GPU runs two claims", [9], ([CLAIM], FLOOR), "9 is none of the claims"),
            ("winning_bid", "it wins", None, (Block(0, 1), (), FLOOR), "a bid of 32.00 would win"),
            ("winning_bid", "it wins", PerHour(99), (Block(0, 1), (), FLOOR), "99 is no bid from"),
            ("best_runners", "they fit together", [2], ([HELD], FLOOR), "claim 2 is no bid of at"),
            ("slicing", "blocks nest", [(2, 0), (2, 1)], (4, 1), "GPUs 0–1 and 1–2 overlap"),
            (
                *("defragmentation", "the moves can be carried out and make room", [(5, 1)]),
                *((4, 1, ONE, frozenset(), 4), "contract 5 is moved, which may not be moved"),
            ),
            (
                *("defragmentation", "the moves can be carried out and make room", [(5, 1)]),
                *((4, 1, AROUND, frozenset([5]), 2), "moved to (2, 1), no block of the machine"),
            ),
            (
                *("defragmentation", "the moves can be carried out and make room", [(5, 0)]),
                *((4, 1, ONE, frozenset([5]), 2), "moved to (1, 0), which is not free then"),
            ),
            (
                *("defragmentation", "no more moves than needed", [(5, 1)]),
                *((4, 1, ONE, frozenset([5]), 2), "1 moves, where 0 would do"),
            ),
            ("split", "the parts add up", [1], (Money(2), [1, 1]), "1 parts for 2 weights"),
            (
                "split",
                "the parts add up",
                [Fraction(1, 3)],
                (Money(2), [1]),
                "is no whole cent",
            ),
            (
                "reserved",
                "at most the factor",
                Fraction(1),
                (Fraction(1, 2), 1),
                "not from 0 to",
            ),
            (
                "reserved",
                "longer is cheaper",
                Fraction(1),
                (Fraction(1, 2), 1),
                "more earns",
            ),
            (
                *("months", "the months cost the deposit", Fraction(-1)),
                *((PerHour(1), Fraction(1, 2), Money(1)), "-1 months"),
            ),
            (
                *("break_even", "both cost the same", Fraction(1, 2)),
                *((PerHour(1), Fraction(1, 2), Fraction(1)), "1/2 is no whole number of seconds"),
            ),
            (
                *("quote_columns", "the scalar quote of each row", TWO_ROWS),
                *(([ROW],), "of these offers: 2 rows, not 1"),
            ),
        ],
    )
    def test_of_an_answer(
        self, rule: str, law: str, answer: Any, case: tuple[Any, ...], says: str
    ) -> None:
        assert says in str(told(rule, law, lambda *_: answer, *case))

    def test_of_moves_that_make_no_room(self) -> None:
        held = {ContractId(5): Block(0, 1), ContractId(6): Block(2, 1)}
        case = (4, 1, held, frozenset([ContractId(5)]), 2)
        said = told(
            *("defragmentation", "the moves can be carried out and make room"),
            lambda *_: [(5, 1)],
            *case,
        )
        assert said == "after [(5, 1)] no block of 2 is rentable"

    def test_of_twice_the_deposit_that_buys_less(self) -> None:
        said = told(
            *("months", "twice buys at least twice"),
            lambda *case: Fraction(10) - case[-1].ticks // Money(1).ticks,
            *(PerHour(1), Fraction(1, 2), Money(1)),
        )
        assert said == "twice the deposit buys 8 months, less than twice 9"

    def test_of_an_end_that_changes_though_nothing_may(self) -> None:
        early = evolve(known.LISTING, rolling=None, end=known.at(9))
        said = told(
            *("extension", "else as agreed", lambda *_: known.at(30)),
            *(known.CONTRACT, early, known.at(2)),
        )
        assert said == f"it ends {known.at(30)}, not {known.CONTRACT.end} as agreed"

    def test_of_a_window_outside_the_horizon(self) -> None:
        within = Interval(known.at(1), known.at(2))
        said = told(
            *("maintenance_window", "within the horizon", lambda *_: known.at(2)),
            *([], 3_600, within),
        )
        assert said == f"a window from {known.at(2)} is not within the horizon"

    def test_of_a_stay_that_costs_more_than_its_deposit(self) -> None:
        case = (PerHour(1), Fraction(2, 5), Fraction(1), 60)
        said = told("stay", "at most the deposit", lambda *_: 577, *case)
        assert said == "the stay costs 577, more than the deposit 576"

    @pytest.mark.parametrize(
        ("law", "change", "says"),
        [
            ("the sums of the statements", {"kept_histories": ()}, "gpu of all modes is"),
            ("everyone is counted", {"gpus": 0}, "3600 GPU seconds ran, more than there are"),
        ],
    )
    def test_of_an_outcome(self, law: str, change: dict[str, Any], says: str) -> None:
        outcome = evolve(RULES["simulation"].ours(ONE_CLIENT, 0), **change)
        assert says in str(told("simulation", law, lambda *_: outcome, ONE_CLIENT, 0))

    def test_of_a_client_of_a_simulation_that_is_nowhere(self) -> None:
        real = RULES["simulation"].ours(ONE_CLIENT, 0)
        for change, says in (
            ({"finished": 2}, "2 finished of 1 that rented on-demand"),
            ({"rented": 0}, "0 rented and 0 were lost of 1 for on-demand"),
        ):
            modes = [evolve(m, **change) if m.mode is Mode.ON_DEMAND else m for m in real.modes]
            outcome = evolve(real, modes=tuple(modes))
            said = told("simulation", "everyone is counted", lambda *_, o=outcome: o, ONE_CLIENT, 0)
            assert said == says
        free = evolve(known.PRICES, gpu=PerGpuHour(0), min_bid=PerGpuHour(0))
        scenario = evolve(ONE_CLIENT, listings=(evolve(LISTED, prices=free),))
        outcome = evolve(RULES["simulation"].ours(scenario, 0), kept_histories=())
        said = told("simulation", "the sums of the statements", lambda *_: outcome, scenario, 0)
        assert said == "1 clients rented, and there are 0 histories"

    def test_of_events_at_the_wrong_time(self) -> None:
        steps = [(AddCredit(account=AccountId("ann"), amount=Money(1)), known.at(1))]
        played = RULES["market"].ours(steps)
        late = evolve(played, answers=[[evolve(e, at=known.at(2)) for e in played.events]])
        assert "happens after what" in str(
            told("market", "time runs forward", lambda _: late, steps)
        )

    def test_of_a_market_in_which_nothing_has_happened(self) -> None:
        steps = [(Tick(), known.at(1)), (Tick(), known.at(2))]
        assert told("market", "time runs forward", RULES["market"].ours, steps) is None

    def test_of_a_claim_that_depends_on_those_below(self) -> None:
        below = Claim.bidding(ContractId(3), Block(0, 1), PerHour("0.2"), arrival=3)
        said = told(
            *("resolve", "nobody is stopped from below"),
            lambda claims, _: [claim.id for claim in claims] if len(claims) == 1 else [],
            *([CLAIM, below], FLOOR),
        )
        assert said == "whether claim 1 runs depends on claims below it"

    def test_of_a_bid_that_is_less_the_higher_it_is(self) -> None:
        series = PriceSeries.of([(from_epoch(0), 1), (from_epoch(9), 2)])
        said = told(
            *("bid_outcome", "higher runs no less"),
            lambda _, bid: (-bid.steps, Money(0), 0),
            *(series, PerHour(1)),
        )
        assert said is not None
        assert said.startswith("a bid of 2.00 runs")

    def test_of_a_longer_stay_that_costs_less(self) -> None:
        said = told(
            *("stay", "longer costs no less"),
            lambda *case: Fraction(10**6 - case[-1]),
            *(PerHour(1), Fraction(1, 2), Fraction(1), 0),
        )
        assert said == "an hour more costs 996400, not 1000000"

    def test_a_tolerance_is_no_debt(self) -> None:
        with pytest.raises(RuleViolation, match="within: need zero or more, got -1"):
            near("it", Fraction(0), Fraction(0), Fraction(-1))


class TestStrategiesForTypes:
    """Any type that a field has can be drawn."""

    def test_literals_and_none(self) -> None:
        @given(values(Literal["a", "b"]), values(None | int))
        def drawn(word: str, nothing: int | None) -> None:
            assert word in {"a", "b"}
            assert nothing is None or nothing >= 0

        drawn()

    def test_what_is_no_type_is_refused(self) -> None:
        with pytest.raises(WrongType, match="kind: need a type that a field of the library has"):
            values(5)

    def test_enumerations(self) -> None:
        @given(values(Mode))
        def drawn(mode: Enum) -> None:
            assert isinstance(mode, Mode)

        drawn()


class TestFramesOfLittle:
    """No rows, no prices, no engine that can: still an answer, or ours."""

    def test_a_frame_without_rows_has_an_answer_without_rows(self) -> None:
        empty = pl.DataFrame(OFFERS, schema={"num_gpus": int, "dph_base": float, "fee": int})
        assert frames.quote(empty.clear(), HOUR).height == 0

    def test_slices_of_no_machine_on_duckdb(self) -> None:
        with duckdb.connect() as base:
            machines = base.query("SELECT 8 AS num_gpus, 2 AS min_gpu WHERE false")
            assert slices(machines).fetchall() == []

    def test_slices_without_a_price_are_blocks_alone(self) -> None:
        found = slices(pd.DataFrame({"num_gpus": [2], "min_gpu": [1]}))
        assert list(found.columns) == ["num_gpus", "min_gpu", "offer_gpus", "offer_start"]

    def test_the_platforms_share_may_be_a_column(self) -> None:
        frame = pd.DataFrame({"nanos": [1_000, 1_000], "fee": [0.0, 0.25]})
        split = frames.payout(frame, "nanos", Column("fee"))
        assert list(split["host_payout"]) == [1_000, 750]

    def test_a_reservation_of_the_stays_length(self) -> None:
        offer = {"num_gpus": [1], "dph_base": [1.0], "credit_discount_max": [0.4]}
        frame = pd.DataFrame(offer | {"verification": ["verified"]})
        month = frames.quote(frame, 720 * HOUR, mode=Mode.RESERVED, results=["total"])
        assert list(month["quote_total"]) == [576 * 10**9]

    def test_an_engine_that_is_not_known_is_named(self) -> None:
        class Engine:
            def __getattr__(self, name: str) -> Callable[[], bool]:
                return lambda: False

            def __str__(self) -> str:
                return "another engine"

        class Frame:
            implementation = Engine()

            def to_native(self) -> None: ...

        with pytest.raises(WrongType, match=r"frame: need pandas, Polars, .* got another engine"):
            table_like(Frame(), {"a": [1]})

    def test_a_machine_is_a_column(self) -> None:
        frame = pd.DataFrame({"start": [0], "end": [1], "gpus": [1]})
        day = Interval(known.at(1), known.at(2))
        with pytest.raises(RuleViolation, match=r"need columns 'machine_id' \(machine\), .* got"):
            frames.occupancy(frame, day)

    def test_a_month_of_disk_is_its_price(self) -> None:
        offer = {"num_gpus": [1], "dph_base": [0.0], "storage_cost": [0.15], "disk": [3]}
        month = frames.quote(
            pd.DataFrame(offer), 720 * HOUR, disk=Column("disk"), results=["total"]
        )
        assert list(month["quote_total"]) == [450_000_000]

    def test_a_market_too_large_to_weigh_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        market = {"machine_id": [1, 2], "gpu_name": "A100", "num_gpus": 4, "dph_base": 1.0}
        frame = pd.DataFrame(market)
        monkeypatch.setattr(frame_prices, "INT64", 8 * 10**9)
        assert frames.matched_index(frame, frame).gpus == 8
        monkeypatch.setattr(frame_prices, "INT64", 8 * 10**9 - 1)
        with pytest.raises(RuleViolation, match="after: need machines × GPUs up to 7, got 8"):
            frames.matched_index(frame, frame)

    def test_prices_of_an_empty_market(self) -> None:
        frame = pl.DataFrame({"gpu_name": [], "machine_id": [], "num_gpus": [], "dph_base": []})
        cast = frame.cast({"num_gpus": int, "machine_id": int, "dph_base": float, "gpu_name": str})
        assert frames.model_prices(cast) == ()


class TestDocumentsThatAreNone:
    """Every fault of a document is told, whatever it is."""

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            (
                '{"schema":"numgenius/1","type":"CurveSchedule","max_discount":0.4}',
                "max_discount: need an exact number as text",
            ),
            (
                '{"schema":"numgenius/1","type":"Volume","size_mb":0,"price":5}',
                r"price: need \$/GB-month as text",
            ),
        ],
    )
    def test_numbers_that_are_no_text(self, text: str, says: str) -> None:
        with pytest.raises(InvalidDocument, match=says):
            from_json(text)

    def test_an_amount_that_is_no_text(self) -> None:
        golden = to_json(known.STATEMENT).replace('"carried": "-3"', '"carried": -3')
        with pytest.raises(InvalidDocument, match="carried: need dollars as text"):
            from_json(golden)

    def test_a_document_of_more_than_can_be_is_not_read(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("numgenius_core._json.MAX_BYTES", 1)
        with pytest.raises(ParseError, match="need a document of at most 1 bytes"):
            from_json("[]")

    def test_a_document_is_text(self) -> None:
        with pytest.raises(WrongType, match="need text or bytes, got 5"):
            from_json(5)  # type: ignore[call-overload]


class TestWhatIfsOfNothing:
    """Nothing recorded, nothing varied, no way to count cores."""

    def test_rentals_outside_the_horizon_are_no_requests(self) -> None:
        horizon = Interval(known.at(10), known.at(11))
        assert recorded([known.HISTORY], horizon) == Trace(())

    def test_an_option_says_what_it_is(self) -> None:
        machine = Scenario(
            listings=(Listing(machine=known.MACHINE, prices=known.PRICES),),
            demand=Trace(()),
            horizon=Interval(known.at(1), known.at(2)),
        )
        (as_it_is,) = vary(machine)
        assert str(as_it_is) == "as it is"

    def test_cores_are_counted_where_affinity_is_unknown(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delattr(os, "sched_getaffinity", raising=False)
        monkeypatch.setattr(os, "cpu_count", lambda: 1)
        machine = Scenario(
            listings=(Listing(machine=known.MACHINE, prices=known.PRICES),),
            demand=Trace(()),
            horizon=Interval(known.at(1), known.at(2)),
        )
        assert len(sweep(vary(machine), runs=1).outcomes) == 1


class TestAnOutcomeOfNoTime:
    """Outcome: "Share of the GPU time that ran; 0 if there was none"."""

    @pytest.mark.parametrize(("seconds", "gpus"), [(0, 4), (60, 0)])
    def test_its_shares_are_zero(self, seconds: int, gpus: int) -> None:
        none = Fraction(0)
        outcome = Outcome(
            seconds=seconds, gpus=gpus, modes=(), power=Money(0), free=none, unusable=none
        )
        assert outcome.occupancy == outcome.unserved == 0
