"""What seldom happens, and must be right when it does: each a line that nothing else reaches."""

from __future__ import annotations

import gzip
import importlib
import io
import json
import sys
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from contextlib import nullcontext
from datetime import timedelta
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, settings, strategies as st

from market_world import ANN, HOST, prices, second, world
from numgenius_core import (
    Interval,
    Mode,
    Money,
    Offer,
    PerGpuHour,
    PerHour,
    PriceTerms,
    frames,
    read_offers,
)
from numgenius_core._checks import read_only
from numgenius_core._command import main
from numgenius_core._command._table import plain
from numgenius_core._json import packings
from numgenius_core._json.packings import _tried
from numgenius_core.errors import InvalidDocument, NumgeniusError, ParseError, RuleViolation
from numgenius_core.listing import Listing, Machine
from numgenius_core.market import commands as c, views
from numgenius_core.planning import (
    PriceSeries,
    compare_bids,
    meet_deadline,
    read_price_series,
    reserve_for,
)
from numgenius_core.plots import price_ladder
from numgenius_core.prices import CurveSchedule, compare_modes
from numgenius_core.prices.deposits import most_that_fits
from numgenius_core.sla import Outage, Promise, SlaTerms, UptimeHistory, cover
from numgenius_core.testing import EPOCH, RULES, Law
from numgenius_core.testing.market_values import _increase
from numgenius_core.whatif import Request, Scenario, Trace, best_price, simulate, sweeps
from numgenius_core.wire import offer_to_record, read_machines, read_table

OFFER = {"id": 1, "machine_id": 7, "gpu_name": "A100", "num_gpus": 2, "dph_base": 1.6}

SERIES = PriceSeries(
    instants=(EPOCH, EPOCH + timedelta(hours=1)),
    prices=(PerHour("0.25"), PerHour("0.40")),
    end=EPOCH + timedelta(hours=6),
)


def named(rule: str, law: str) -> Law:
    """Return a law of a rule by its name."""
    (found,) = (each for each in RULES[rule].laws if each.name == law)
    return found


def refused(call: Callable[[], object]) -> str:
    """Return what a call says when it refuses."""
    with pytest.raises(NumgeniusError) as refusal:
        call()
    return str(refusal.value)


class TestFaces:
    """Names of a room are loaded with their first use, and others are none."""

    @pytest.mark.parametrize("room", ["gpus", "wire"])
    def test_a_name_that_is_none(self, room: str) -> None:
        face = importlib.import_module(f"numgenius_core.{room}")
        with pytest.raises(AttributeError, match="no attribute 'nothing'"):
            _ = face.nothing
        assert dir(face) == sorted(face.__all__)

    def test_what_is_no_mapping(self) -> None:
        nothing: Any = 7
        assert refused(lambda: read_only(nothing)) == "mapping: need a mapping, got 7"


class TestTheCommand:
    """Each option says what it needs."""

    def told(self, capsys: pytest.CaptureFixture[str], *words: str, status: int = 2) -> str:
        assert main(list(words)) == status
        found = capsys.readouterr()
        return found.err if status == 2 else found.out + found.err

    @pytest.mark.parametrize(
        ("words", "text"),
        [
            ("--bid 0.2", "--bid: need --mode interruptible, got on-demand"),
            (
                "--now yesterday",
                "--now: need a time with an offset or a date, such as 2026-06-16T1",
            ),
            ("--now 2026-06-16T12:00", "--now: need a time with an offset"),
            ("--columns ,", "--columns: need the names of columns with commas between them"),
            ("--columns nothing", "--columns: need a column or a field of --where"),
        ],
    )
    def test_a_wrong_option(
        self, words: str, text: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert text in self.told(capsys, "quote", "--sample", "--hours", "3", *words.split())

    def test_months_of_a_fraction_of_a_second(self, capsys: pytest.CaptureFixture[str]) -> None:
        words = ("quote", "--sample", "--mode", "reserved", "--months", "0.00000001")
        assert "--months: need a number above zero" in self.told(capsys, *words)

    def test_a_reservation_has_a_column_of_deposits(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        words = ("quote", "--sample", "--mode", "reserved", "--months", "1", "--top", "1")
        assert "deposit" in self.told(capsys, *words, status=0)

    def test_faults_beyond_the_first_few_are_counted(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        file = tmp_path / "market.json"
        file.write_text(json.dumps([OFFER, *({"id": n} for n in range(2, 40))]))
        said = self.told(
            capsys, "quote", str(file), "--hours", "1", "--any", "--skip-bad", status=0
        )
        assert "faults more" in said

    def test_nothing_to_draw(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        file, picture = tmp_path / "market.json", tmp_path / "ladder.svg"
        file.write_text(json.dumps([OFFER | {"dph_base": None}]))
        words = ("quote", str(file), "--hours", "1", "--any", "--all", "--plot", str(picture))
        told = self.told(capsys, *words, status=1)
        assert "No offer fits.\n1 of 1 left out: 1 price unknown" in told
        assert "--plot: nothing was drawn: no offer fits" in told
        assert not picture.exists()

    def test_the_nearest_has_ended(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        file = tmp_path / "market.json"
        file.write_text(json.dumps([OFFER | {"end_date": 1_700_000_000}]))
        words = ("quote", str(file), "--hours", "1", "--any", "--now", "2026-06-16T12:00Z")
        assert "has ended" in self.told(capsys, *words, status=1)
        words = (*words[:4], "--now", "2023-11-14T21:30Z", "--any")
        assert "ends in 0.1 days" in self.told(capsys, *words, status=1)

    def test_the_nearest_is_taken_with_any(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        file = tmp_path / "market.json"
        file.write_text(json.dumps([OFFER | {"verification": "unverified"}]))
        said = self.told(capsys, "quote", str(file), "--hours", "1", status=1)
        assert "not verified (--any takes it)" in said

    def test_the_nearest_is_rented(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        file = tmp_path / "market.json"
        file.write_text(json.dumps([OFFER | {"rentable": False}]))
        said = self.told(capsys, "quote", str(file), "--hours", "1", "--any", status=1)
        assert "Nearest is offer 1, 2 × A100: not rentable." in said

    def test_a_terminal_too_narrow_for_anything(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setenv("COLUMNS", "12")
        said = self.told(capsys, "quote", "--sample", "--hours", "3", "--top", "1", status=0)
        assert "RTX 3060" in said

    @pytest.mark.parametrize(
        ("encoding", "text"),
        [
            ("ascii", "2 x A100 - +5 %"),
            ("no such code", "2 x A100 - +5 %"),
            ("utf-8", "2 × A100 – +5 %"),
        ],
    )
    def test_an_output_that_knows_no_more_than_ascii(
        self, encoding: str, text: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Output(io.StringIO):
            @property
            def encoding(self) -> str:  # type: ignore[override]  # as what is told
                return encoding

        monkeypatch.setattr(sys, "stdout", Output())
        assert plain("2 × A100 – +5 %") == text

    def test_why_an_interruptible_or_a_reservation_is_left_out(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        words = ("quote", "--sample", "--hours", "3", "--why", "9000000", "--any")
        assert "a bid from $0.001" in self.told(capsys, *words, "--mode", "interruptible", status=0)
        reserved = self.told(capsys, *words, "--mode", "reserved", status=0)
        assert "verified machines have a reserved price" in reserved

    def test_a_shell_that_asks_how_a_line_goes_on(self, monkeypatch: pytest.MonkeyPatch) -> None:
        completed: list[object] = []

        class Completion:
            autocomplete = staticmethod(completed.append)

        monkeypatch.setenv("_ARGCOMPLETE", "1")
        monkeypatch.setitem(sys.modules, "argcomplete", Completion)
        assert main(["slices", "2"]) == 0
        assert len(completed) == 1
        monkeypatch.setitem(sys.modules, "argcomplete", None)  # the extra is not there
        assert main(["slices", "2"]) == 0


class TestReading:
    """What people have, in the shapes that few have."""

    def test_a_table_that_is_none_is_refused_with_its_line(self) -> None:
        text = "id,machine_id\n" + "1," + "x" * 140_000 + "\n"
        assert "field larger than field limit" in refused(lambda: read_table(text))
        assert "line 1: need CSV" in refused(lambda: read_table("x" * 140_000 + ",y\n1,2\n"))

    def test_a_comma_at_the_end_of_each_line(self) -> None:
        text = "id,machine_id,gpu_name,num_gpus,dph_base\n1,7,A100,2,1.6,\n"
        assert [each.gpus for each in read_offers(text).offers] == [2]

    def test_a_row_that_is_short_says_nothing_of_its_decimal_comma(self) -> None:
        text = "id;machine_id;gpu_name;num_gpus;dph_base\n1;7;A100;2\n2;7;A100;2;0,40\n"
        reading = read_offers(text, on_error="collect")
        assert [each.per_hour for each in reading.offers] == [PerHour("0.40")]

    def test_a_table_whose_tidied_row_is_none_either(self) -> None:
        text = "id,machine_id,gpu_name,num_gpus,dph_base\n1,7,A100,two,$1.6\n"
        assert "num_gpus" in refused(lambda: read_offers(text))

    def test_rows_that_are_no_objects(self) -> None:
        assert "a row (a JSON object)" in refused(lambda: read_table("[1, 2]"))
        with pytest.raises(InvalidDocument):
            read_table('[{"a": 1, "a": 2}]')

    def test_a_table_of_nothing(self) -> None:
        assert read_table("[]") == ()
        assert "need a table with a header, got none" in refused(lambda: read_table("sep=;\n"))

    def test_a_map_of_columns_on_rows_that_lack_some(self) -> None:
        rows = read_table('[{"a": 1}, {"b": 2}]', columns={"x": "a"})
        assert [row.get("x") for row in rows] == [1, None]

    def test_the_number_of_a_row_for_an_id(self) -> None:
        text = "machine_id,gpu_name,num_gpus,dph_base\n7,A100,2,1.6\n8,A100,2,1.6\n"
        assert [each.id for each in read_offers(text, columns={"id": "#"}).offers] == [1, 2]

    def test_a_file_that_is_too_large(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file = tmp_path / "market.json"
        file.write_text(json.dumps([OFFER]))
        monkeypatch.setattr(packings, "MAX_BYTES", 10)
        assert "at most 10 bytes" in refused(lambda: read_offers(file))

    def test_a_machine_with_a_key_twice(self) -> None:
        text = '{"machines": [{"id": 1, "id": 2}]}'
        assert "machines[0].id: need each key once" in refused(lambda: read_machines(text))

    def test_an_offer_whose_price_is_taken_out_again(self) -> None:
        header = "offer_id,machine_id,gpu_name,num_gpus,dph_total,storage_cost_per_gb_mo"
        text = f"{header}\n1,7,A100,2,1.6,0\n"
        (offer,) = read_offers(text).offers
        silent = evolve(
            offer, prices=PriceTerms(gpu=PerGpuHour(0)), unknown_prices=("gpu", "storage")
        )
        assert offer_to_record(offer)["dph_total"] == "1.6"
        assert offer_to_record(silent)["dph_total"] == ""

    def test_packings_that_are_cut_or_not_there(self) -> None:
        def missing(_: bytes) -> bytes:
            raise ImportError

        said = refused(lambda: _tried(missing, b"", "file", "xz"))
        assert said == "file: need a Python that has xz, got one built without it"
        cut = b"\xfd7zXZ\x00" + b"\x00" * 8
        with pytest.raises(ParseError, match="a whole xz file"):
            read_offers(cut)
        with pytest.raises(ParseError, match="a whole gzip file"):
            read_offers(gzip.compress(b"[]" * 99, mtime=0)[:-4])

    def test_a_column_of_yes_and_no_is_no_price(self) -> None:
        pandas = pytest.importorskip("pandas")
        frame = pandas.DataFrame({"num_gpus": [1], "dph_base": [True]})
        assert "dph_base" in refused(lambda: frames.quote(frame, timedelta(hours=1)))

    def test_a_path_that_is_none(self) -> None:
        assert refused(lambda: read_offers(Path("a\0b"))).startswith("a")

    def test_a_series_whose_end_is_wrong_says_which(self) -> None:
        rows = "time,price\n2026-03-01T12:00Z,0.29\n2026-03-01T13:00Z,0.30\n"
        said = refused(lambda: read_price_series(rows, end=EPOCH))
        assert "need not before 2026-03-01 13:00:00+00:00" in said
        zones = "AvailabilityZone,time,price\na,2026-03-01T12:00Z,0.29\nb,2026-03-01T13:00Z,0.3\n"
        assert refused(lambda: read_price_series(zones)).startswith("end of b: need ")

    def test_a_bad_price_in_a_series(self) -> None:
        with pytest.raises(InvalidDocument):
            read_price_series("time,price\n2026-03-01T12:00Z,-1\n2026-03-01T13:00Z,0.30\n")


class TestResults:
    """Results as rows, as numbers, and what they are asked that they have not."""

    def offer(self) -> Offer:
        return read_offers(json.dumps([OFFER])).offers[0]

    def test_a_mode_that_is_not_compared(self) -> None:
        offer = evolve(self.offer(), disk_mb=10**6)
        (found,) = compare_modes([offer], timedelta(hours=1), now=EPOCH)
        assert found.of(Mode.RESERVED).mode is Mode.RESERVED
        none = evolve(found, modes=())  # type: ignore[arg-type]
        said = refused(lambda: none.of(Mode.RESERVED))
        assert said == "mode: need one of none, got reserved"

    def test_a_deposit_longer_than_any_term_has_no_limit(self) -> None:
        curve = CurveSchedule(Fraction(1, 2))
        years = most_that_fits(curve, PerHour(1), remaining=Money(0), seconds=1_300 * 720 * 3_600)
        assert years is None
        assert most_that_fits(curve, PerHour(1), remaining=Money(0), seconds=3_600) is not None

    def test_an_offer_without_a_price_is_not_drawn(self) -> None:
        pytest.importorskip("matplotlib")
        silent = evolve(self.offer(), prices=PriceTerms(gpu=PerGpuHour(0)), unknown_prices=("gpu",))
        labels = [
            label.get_text() for label in price_ladder([self.offer(), silent]).get_yticklabels()
        ]
        assert labels == ["A100 (1)"]

    def test_plans_have_rows_of_numbers(self) -> None:
        bids = compare_bids(SERIES, [PerHour("0.30"), PerHour("0.50")]).to_dicts()
        assert [row["bid"] for row in bids] == [0.3, 0.5]
        stays = {timedelta(days=30): 1}
        kept = reserve_for(
            PerHour(1), CurveSchedule(Fraction(1, 2)), stays, months=[1, 2]
        ).to_dicts()
        assert [row["months"] for row in kept] == [1, 2]
        ways = meet_deadline(
            SERIES,
            gpu_hours=1,
            gpus=1,
            deadline=timedelta(hours=2),
            on_demand=PerHour(1),
            bids=[PerHour("0.50")],
        ).to_dicts()
        assert len(ways) >= 2
        assert all(isinstance(row["mean"], float) for row in ways)

    def test_a_simulation_and_an_answer_have_rows_of_numbers(self) -> None:
        machine = Machine(id=7, host="hanna", gpu_name="A100", gpus=4)
        listing = Listing(machine=machine, prices=PriceTerms(gpu=PerGpuHour("2.00")))
        demand = Trace([Request(after=0, gpus=1, seconds=7_200, limit=PerGpuHour("2.50"))])
        day = Interval(EPOCH, EPOCH + timedelta(days=1))
        scenario = Scenario(listings=[listing], demand=demand, horizon=day)
        outcome = simulate(scenario, seed=1)
        assert outcome.to_dict()["revenue"] == float(outcome.revenue)
        kept = simulate(scenario, seed=1, keep_histories=True)
        assert kept.to_dict() == outcome.to_dict()
        assert not [name for name in kept.to_dict() if "histories" in name]
        assert [row["mode"] for row in outcome.to_dicts()] == [
            one.mode.value for one in outcome.modes
        ]
        shares = [row["occupancy"] for row in outcome.to_dicts()]
        assert shares == [float(outcome.occupancy), 0, 0]  # the time of the table, of each mode
        answer = best_price(scenario, [PerGpuHour(2), PerGpuHour("2.50")], workers=1)
        rows = answer.to_dicts()
        apart = [(row.pop("above_base"), row.pop("above_base_half_width")) for row in rows]
        assert apart == [(-1.0, None), (None, None)]
        assert [(row.pop("is_best"), row.pop("is_base")) for row in rows] == [
            (False, False),
            (True, True),
        ]
        assert rows == answer.sweep.to_dicts()
        assert [row["revenue"] for row in rows] == [4.0, 5.0]
        assert float(answer.estimate) == float(answer.estimate.mean)

    def test_processes_that_end_before_anything_is_done(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(*_: object, **__: object) -> list[object]:
            raise BrokenProcessPool

        monkeypatch.setattr(sweeps, "_pool", lambda _: nullcontext())
        monkeypatch.setattr(sweeps, "_farmed", broken)
        jobs: Any = [(0, run) for run in range(4)]
        said = refused(lambda: list(sweeps._spread([], jobs, 0, 2, keeps=False)))
        assert 'if __name__ == "__main__":' in said
        assert "ended after 0 of 4 simulations" in said


class TestLaws:
    """A law sees what another one sees first."""

    def test_a_preview_that_refuses_what_is_taken_or_forgets_somebody(self) -> None:
        w = world(1, prices(1), end=second(3_600))
        w.rent(1)
        later = c.ListMachine(by=HOST, machine=7, prices=prices(1), end=second(7_200))
        later = evolve(later, machine=w.market.machine(1).id)
        happens, concerned = (
            named("preview", law) for law in ("what then happens", "to whom it happens")
        )
        right = views.preview(w.market, later, w.now)
        assert happens.check(views.preview, w.market, later, w.now) is None
        assert concerned.check(views.preview, w.market, later, w.now) is None
        no = evolve(right, error=RuleViolation("end", "another", "this"))
        assert "and the preview says" in str(happens.check(lambda *_: no, w.market, later, w.now))
        nobody = evolve(right, verdicts=())
        said = str(concerned.check(lambda *_: nobody, w.market, later, w.now))
        assert said.startswith("extended are ")
        accepts = c.AcceptPriceIncrease(by=ANN, increase=1)
        assert concerned.check(lambda *_: nobody, w.market, accepts, w.now) is None
        dearer = evolve(later, prices=prices(2))
        told = evolve(views.preview(w.market, dearer, w.now), verdicts=())
        said = str(concerned.check(lambda *_: told, w.market, dearer, w.now))
        assert said.startswith("asked are ")

    def test_a_credit_that_falls_with_the_shortfall(self) -> None:
        law = named("sla_credit", "more for less uptime")
        said = law.check(lambda _, blend: blend, 950_000_000, 800_000_000)
        assert said == "a blend of 0.4 pays more than a lower one"

    @settings(max_examples=5)
    @given(st.data())
    def test_an_increase_that_waits_is_answered_by_its_client(self, data: st.DataObject) -> None:
        w = world(1, prices(1), end=second(3_600))
        w.rent(1)
        w.list(prices(2), end=second(7_200))
        draw: Any = data.draw
        assert getattr(_increase(draw, w.market, w.now), "by", None) == ANN


class TestSettlementsInPieces:
    """Rule: "splitting a history at any midnight changes nothing"."""

    def history(self) -> UptimeHistory:
        rented = Interval(EPOCH, EPOCH + timedelta(days=3))
        down = Interval(EPOCH + timedelta(hours=20), EPOCH + timedelta(hours=30))
        return UptimeHistory(rentals=(rented,), outages=(Outage(period=down),))

    def test_in_two_pieces_at_a_midnight_it_is_what_it_is_whole(self) -> None:
        terms = SlaTerms(Promise(claim="0.99", spread="0.5"), target="0.95")
        bought = cover(terms, PerHour("3.50"))
        whole, *pieces = (
            list(RULES["sla_settlement"].ours(bought, self.history(), cut)) for cut in (0, 1, 2, 9)
        )
        assert len(whole) >= 3
        assert all(piece == whole for piece in pieces)

    def test_days_without_a_schedule_of_notice(self) -> None:
        nothing: Any = None
        for history in (self.history(), UptimeHistory(rentals=())):
            assert "notice: need a NoticeSchedule" in refused(partial(history.days, nothing))

    def test_a_flow_below_zero_breaks_the_law(self) -> None:
        terms = SlaTerms(Promise(claim="0.99", spread="0.5"), target="0.95")
        bought = cover(terms, PerHour("3.50"))
        law = named("sla_settlement", "in is out")
        nothing = Money(0)
        wrong = law.check(
            lambda *_: [(Money(1), Money(-1), nothing, nothing, nothing, nothing)],
            bought,
            self.history(),
            0,
        )
        assert wrong == "a flow of day 0 is negative"
