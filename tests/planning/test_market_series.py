"""Snapshots of a market: prices, occupancy, and how long blocks stay free."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta, timezone
from fractions import Fraction
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given

from effort import examples, up_to
from market_snapshots import HOUR, MONDAY, offer, offers
from numgenius_core import Offer, PerGpuHour
from numgenius_core.errors import InvalidDocument, ParseError, RuleViolation, UnknownId, WrongType
from numgenius_core.gpus import blocks
from numgenius_core.planning import FreeSpell, MarketMoment, MarketSeries
from numgenius_core.testing import values
from numgenius_core.wire import read_offers, read_sample, read_snapshots

MARKET = os.environ.get("NUMGENIUS_MARKET_DATA")


def hours(*snapshots: Iterable[Offer]) -> MarketSeries:
    """Return a series of a snapshot each hour."""
    return MarketSeries.of((MONDAY + n * HOUR, rows) for n, rows in enumerate(snapshots))


def told(series: MarketSeries, **asked: Any) -> list[tuple[Any, ...]]:
    """Return machine, size, hours of begin, first, last and end, and whether it was rented."""

    def hour(at: datetime | None) -> int | None:
        return None if at is None else int((at - MONDAY) / HOUR)

    return [
        (
            s.machine,
            s.gpus,
            *map(hour, (s.began_after, s.seen[0], s.seen[-1], s.ended_by)),
            s.rented,
        )
        for s in series.spells(**asked)
    ]


free, held = offer(7), offer(7, rentable=False)


class TestSpellsByHand:
    """Each way in which a spell begins and ends, where snapshots show what is rented or not."""

    def test_one_that_is_seen_from_begin_to_end(self) -> None:
        assert told(hours([held], [free], [free], [held])) == [(7, 1, 0, 1, 2, 3, True)]

    def test_one_that_was_there_before_and_one_that_goes_on(self) -> None:
        assert told(hours([free], [held], [free])) == [
            (7, 1, None, 0, 0, 1, True),
            (7, 1, 1, 2, 2, None, None),
        ]

    def test_gone_is_unlisted_where_what_is_rented_is_shown(self) -> None:
        assert told(hours([free, offer(8, rentable=False)], [])) == [(7, 1, None, 0, 0, 1, False)]

    def test_gone_is_the_one_or_the_other_where_it_is_not(self) -> None:
        assert told(hours([free], [])) == [(7, 1, None, 0, 0, 1, None)]

    def test_what_is_left_of_a_machine_tells_that_the_rest_is_rented(self) -> None:
        whole, half = offer(7, 8), offer(7, 4, of=8)
        assert told(hours([whole, half], [half])) == [
            (7, 4, None, 0, 1, None, None),
            (7, 8, None, 0, 0, 1, True),
        ]

    def test_not_if_what_is_left_is_larger(self) -> None:
        """A source that shows a part of the offers, or a host who cut the machine anew."""
        whole, half = offer(7, 8), offer(7, 4, of=8)
        assert told(hours([whole, half], [whole]), gpus=4) == [(7, 4, None, 0, 0, 1, None)]

    def test_nor_if_what_is_rented_is_shown(self) -> None:
        whole, half = offer(7, 8), offer(7, 4, of=8)
        other = offer(8, rentable=False)
        assert told(hours([whole, half, other], [half, other]), gpus=8) == [
            (7, 8, None, 0, 0, 1, None)
        ]

    def test_another_machine_that_is_left_tells_nothing(self) -> None:
        assert told(hours([offer(7, 8), offer(8)], [offer(8)]), machine=7)[0][-1] is None
        assert told(hours([offer(7, 8), offer(8)], [offer(8)]), gpus=8)[0][-1] is None

    def test_a_new_price_is_no_new_spell(self) -> None:
        series = hours([free], [offer(7, price="0.60")], [offer(7, price=None)], [free])
        (spell,) = series.spells()
        prices = [(at, None if p is None else str(p)) for at, p in spell.prices]
        assert prices == [
            (MONDAY + n * HOUR, p) for n, p in enumerate(("0.50", "0.60", None, "0.50"))
        ]
        assert len(spell.seen) == 4

    def test_a_price_that_stays_is_told_once(self) -> None:
        dear = offer(7, price="0.60")
        (spell,) = hours([free], [free], [dear], [dear]).spells()
        assert [at for at, _ in spell.prices] == [MONDAY, MONDAY + 2 * HOUR]

    def test_nor_is_a_new_number(self) -> None:
        """A listing made anew gets new numbers for the same blocks."""
        assert told(hours([free], [evolve(free, id=99)])) == [(7, 1, None, 0, 1, None, None)]

    def test_a_machine_with_other_gpus_is_another(self) -> None:
        assert told(hours([offer(7, 1, of=4)], [offer(7, 1, of=8)])) == [
            (7, 1, None, 0, 0, 1, None),
            (7, 1, 0, 1, 1, None, None),
        ]

    def test_and_so_is_one_of_another_model(self) -> None:
        assert len(told(hours([free], [offer(7, name="A100")]))) == 2

    def test_equal_offers_are_one_that_is_free_while_one_of_them_is(self) -> None:
        one, two = offer(7, of=2, number=1), offer(7, of=2, number=2)
        rented = evolve(one, rentable=False)
        both = [evolve(each, rentable=False) for each in (one, two)]
        assert told(hours([one, two], [rented, two], both)) == [(7, 1, None, 0, 1, 2, True)]

    def test_sizes_and_models_are_asked_for(self) -> None:
        market = [offer(7, 8), offer(7, 4, of=8), offer(8, 4), offer(9, 4, name="A100")]
        series = hours(market)
        assert [t[:2] for t in told(series)] == [(7, 4), (7, 8), (8, 4), (9, 4)]
        assert [t[:2] for t in told(series, gpus=4)] == [(7, 4), (8, 4), (9, 4)]
        assert [t[:2] for t in told(series, whole=True)] == [(7, 8), (8, 4), (9, 4)]
        assert [t[:2] for t in told(series, gpu_name="A100")] == [(9, 4)]
        assert [t[:2] for t in told(series, machine=7)] == [(7, 4), (7, 8)]
        assert [t[:2] for t in told(series, gpu_name="RTX 4090", gpus=4, whole=True)] == [(8, 4)]

    def test_a_gap_is_no_watch(self) -> None:
        late = [(MONDAY, [free]), (MONDAY + HOUR, [free]), (MONDAY + 9 * HOUR, [free])]
        series = MarketSeries.of(late)
        assert len(series.spells(gap=8 * HOUR)) == 1
        assert told(series, gap=8 * HOUR - timedelta(seconds=1)) == [
            (7, 1, None, 0, 1, None, None),
            (7, 1, None, 9, 9, None, None),
        ]

    def test_bounds(self) -> None:
        begun, ended = hours([held], [free], [free], [held]), hours([free], [free], [held])
        (spell,) = begun.spells()
        assert (spell.shortest, spell.longest) == (HOUR, 3 * HOUR)
        assert [s.longest for s in ended.spells()] == [None]
        assert [s.longest for s in hours([held], [free]).spells()] == [None]


def slow_spells(
    series: MarketSeries, key: tuple[int, str, int]
) -> list[tuple[datetime | None, list[datetime], datetime | None]]:
    """Walk one offer through all snapshots, with what came before and after each free stretch."""
    states = []
    for at, rows in zip(series.instants, series.snapshots, strict=True):
        row = next((r for r in rows if r[:3] == key), None)
        states.append((at, row.whole if row is not None and row.rentable else None))
    found: list[tuple[datetime | None, list[datetime], datetime | None]] = []
    for index, (at, whole) in enumerate(states):
        if whole is None:
            continue
        before = states[index - 1] if index else (None, None)
        if before[1] == whole:
            found[-1][1].append(at)
        else:
            found.append((before[0], [at], None))
        if index + 1 < len(states) and states[index + 1][1] != whole:
            found[-1] = (*found[-1][:2], states[index + 1][0])
    return found


class TestSpellsAgainstASlowWalk:
    """A walk of each offer on its own gives the same spells."""

    @examples(200)
    @given(values(MarketSeries))
    def test_each_offer(self, series: MarketSeries) -> None:
        spells = series.spells()
        keys = {row[:3] for rows in series.snapshots for row in rows}
        for key in keys:
            ours = [
                (s.began_after, list(s.seen), s.ended_by)
                for s in spells
                if (s.machine, s.gpu_name, s.gpus) == key
            ]
            assert ours == slow_spells(series, key)
        assert [(s.seen[0], s.machine, s.gpus) for s in spells] == sorted(
            (s.seen[0], s.machine, s.gpus) for s in spells
        )

    @examples(100)
    @given(values(MarketSeries))
    def test_what_ended_is_rented_only_if_a_snapshot_says_so(self, series: MarketSeries) -> None:
        rows = dict(zip(series.instants, series.snapshots, strict=True))
        for spell in series.spells():
            if spell.ended_by is None:
                assert spell.rented is None
                continue
            there = [r for r in rows[spell.ended_by] if r.machine == spell.machine]
            same = [r for r in there if r.gpus == spell.gpus]
            if spell.rented:
                assert same != [] or max(r.gpus for r in there) < spell.gpus
                assert not any(r.rentable for r in same)
            if spell.rented is False:
                assert there == []
                assert series.shows_held


def moments(series: MarketSeries, *asked: Any, **more: Any) -> list[MarketMoment]:
    return list(series.over_time(*asked, **more))


class TestPrices:
    """Quartiles by hand: the least price at which a share of the GPUs costs no more."""

    MARKET = (
        *(offer(1, 8, "0.40"), offer(1, 1, "0.41", of=8)),
        *(offer(2, 4, "0.50"), offer(3, 2, "0.60"), offer(4, 2, "0.70", rentable=False)),
    )

    def test_each_machine_once_by_its_largest_offer_with_its_gpus(self) -> None:
        (now,) = moments(hours(self.MARKET))
        found = [now.lowest, now.lower_quartile, now.median, now.upper_quartile, now.highest]
        assert list(map(str, found)) == ["0.40", "0.40", "0.40", "0.50", "0.70"]
        assert (now.machines, now.gpus) == (4, 16)

    def test_of_one_size(self) -> None:
        (now,) = moments(hours(self.MARKET), gpus=2)
        assert list(map(str, (now.lowest, now.median, now.highest))) == ["0.60", "0.60", "0.70"]
        (now,) = moments(hours(self.MARKET), gpus=1)
        assert str(now.lowest) == "0.41"
        assert now.gpus == 8

    def test_of_what_can_be_rented(self) -> None:
        (now,) = moments(hours(self.MARKET), free_only=True)
        assert str(now.highest) == "0.60"
        assert now.machines == 4  # occupancy is of all

    def test_a_quarter_that_is_just_reached(self) -> None:
        market = [offer(n, 1, f"0.{n}0") for n in (1, 2, 3, 4)]
        (now,) = moments(hours(market))
        found = (now.lower_quartile, now.median, now.upper_quartile)
        assert list(map(str, found)) == ["0.10", "0.20", "0.30"]

    def test_a_price_that_is_not_said_is_none(self) -> None:
        first, second = moments(hours([offer(1, price=None)], [offer(1), offer(2, price=None)]))
        assert (first.lowest, first.median, first.highest) == (None,) * 3
        assert str(second.highest) == "0.50"

    def test_equal_offers_cost_the_cheapest_that_is_free(self) -> None:
        three = [offer(1, 1, p, of=4, number=n) for n, p in enumerate(("0.60", "0.55", "0.20"))]
        (now,) = moments(hours([*three[:2], evolve(three[2], rentable=False)]))
        assert str(now.lowest) == "0.55"

    def test_over_time(self) -> None:
        series = hours([offer(1, price="0.40")], [offer(1, price="0.45")])
        assert [(m.at, str(m.median)) for m in moments(series, "RTX 4090")] == [
            (MONDAY, "0.40"),
            (MONDAY + HOUR, "0.45"),
        ]


def bounds(rows: Iterable[Offer], *others: Iterable[Offer]) -> tuple[int, int]:
    now = moments(hours(rows, *others), machine=7)[0]
    return now.held_least, now.held_most


class TestOccupancy:
    """Held GPUs are known to bounds; they hold the truth and are as tight as the rows allow."""

    @pytest.mark.parametrize(
        ("taken", "expected"),
        [
            (0, (0, 0)),
            (0b1, (1, 4)),  # a half is free, the whole is not
            (0b10001, (2, 6)),  # no half is free, a pair is
            (0b01010101, (4, 7)),  # no pair is free, one GPU is
            (0b11111111, (8, 8)),
        ],
    )
    def test_a_machine_of_eight_in_ones(self, taken: int, expected: tuple[int, int]) -> None:
        assert bounds(offers(7, 8, taken)) == expected

    def test_one_block_is_all_or_nothing(self) -> None:
        assert bounds([offer(7, 8)]) == (0, 0)
        assert bounds([offer(7, 8, rentable=False)]) == (8, 8)

    def test_the_smallest_size_is_that_of_the_whole_series(self) -> None:
        """What was cut into ones at another time may have a single GPU held now."""
        assert bounds([offer(7, 8, rentable=False)], offers(7, 8, 0)) == (1, 8)

    def test_a_remainder_counts_once(self) -> None:
        """Of 7 GPUs in twos the single one is a remainder: rented, it is one GPU and not seven."""
        assert bounds(offers(7, 7, 1 << 6, min_gpu=2)) == (1, 3)

    @pytest.mark.parametrize("shows_held", [True, False])
    @pytest.mark.parametrize(
        ("gpus", "min_gpu"),
        [(1, 1), (2, 1), (4, 1), (4, 2), (8, 2), (8, 4), (6, 2), (7, 1), (5, 2)],
    )
    def test_all_that_can_be_rented_lies_within(
        self, gpus: int, min_gpu: int, shows_held: bool
    ) -> None:
        cut = blocks(gpus, min_gpu)
        everything = offers(7, gpus, 0, min_gpu=min_gpu)
        for count in range(up_to(5, 3)):
            for chosen in combinations(cut, count):
                if any(a.overlaps(b) for a, b in combinations(chosen, 2)):
                    continue
                taken = sum(block.gpu_set for block in chosen)
                rows = offers(7, gpus, taken, min_gpu=min_gpu)
                shown = [r for r in rows if r.rentable or shows_held]
                if not shown:
                    continue
                other = [offer(8, rentable=not shows_held)]
                least, most = bounds([*shown, *other], [*everything, *other])
                assert least <= taken.bit_count() <= most <= gpus

    def test_free_rows_alone_tell_as_much_of_powers_of_two(self) -> None:
        rows = [r for r in offers(7, 8, 0b10001) if r.rentable]
        assert bounds(rows, offers(7, 8, 0)) == (2, 6)

    def test_a_machine_that_is_not_shown_is_rented_or_unlisted(self) -> None:
        series = hours([offer(7, 4), offer(8, 2)], [offer(8, 2)], [offer(7, 4), offer(8, 2)])
        first, second, third = moments(series)
        assert (second.machines, second.gpus, second.unseen) == (1, 2, 4)
        assert second.occupied == (Fraction(0), Fraction(4, 6))
        assert first.occupied == third.occupied == (Fraction(0), Fraction(0))

    def test_only_between_the_snapshots_that_show_it(self) -> None:
        series = hours([offer(8)], [offer(7), offer(8)], [offer(8)])
        assert [m.unseen for m in moments(series)] == [0, 0, 0]

    def test_where_what_is_rented_is_shown_it_was_unlisted(self) -> None:
        rented = offer(8, 2, rentable=False)
        series = hours([offer(7, 4), rented], [rented], [offer(7, 4), rented])
        assert [m.unseen for m in moments(series)] == [0, 0, 0]
        assert [m.occupied for m in moments(series)][1] == (Fraction(1), Fraction(1))

    def test_a_size_counts_machines_that_ever_show_it(self) -> None:
        whole, half = offer(7, 8), offer(7, 4, of=8)
        first, second = moments(hours([whole, half, offer(8)], [half, offer(8)]), gpus=8)
        assert (first.machines, second.machines) == (1, 1)
        assert (second.held_least, second.held_most) == (4, 4)
        assert second.lowest is None

    def test_no_machine_has_no_share(self) -> None:
        assert moments(hours([free], []))[1].occupied is None

    def test_a_machine_that_does_not_say_its_gpus_has_its_largest_offer(self) -> None:
        one, four = (evolve(offer(7, n), gpus_in_machine=None) for n in (1, 4))
        series = hours([one], [one, four])
        assert [m.gpus for m in moments(series)] == [4, 4]
        assert [s.gpus for s in series.spells(whole=True)] == [4]


def record(machine: int, at: datetime, **more: Any) -> dict[str, Any]:
    """Return a record as the search gives it; it tells its time by end and duration."""
    end = 1_900_000_000
    duration = end - at.timestamp()
    named = {"id": machine, "machine_id": machine, "gpu_name": "RTX 4090", "num_gpus": 1}
    return named | {"dph_base": 0.4, "end_date": end, "duration": duration} | more


class TestReadingFiles:
    """A folder of answers of ``vastai search offers --raw``, whatever their names."""

    def folder(self, path: Path, count: int = 3) -> Path:
        for n in range(count):  # the names go the other way round than the times
            document = json.dumps([record(7, MONDAY + n * HOUR)])
            (path / f"{count - n}.json").write_text(document)
        return path

    def test_in_order_of_the_times_that_they_say(self, tmp_path: Path) -> None:
        folder = self.folder(tmp_path)
        (folder / ".hidden").write_text("no snapshot")
        (folder / "more").mkdir()
        series = MarketSeries.read(folder)
        assert series.instants == tuple(MONDAY + n * HOUR for n in range(3))
        assert len(series) == 3
        assert series == MarketSeries.read(str(folder))
        assert series == MarketSeries.read(sorted(folder.glob("*.json")))
        assert [len(s.seen) for s in series.spells()] == [3]

    def test_as_the_readings_are(self, tmp_path: Path) -> None:
        files = sorted(self.folder(tmp_path).glob("*.json"), reverse=True)
        assert MarketSeries.of(map(read_offers, files)) == MarketSeries.read(files)

    def test_a_file_may_have_several(self, tmp_path: Path) -> None:
        lines = [
            json.dumps({"ts": (MONDAY + n * HOUR).isoformat(), "offers": [record(7, MONDAY)]})
            for n in range(2)
        ]
        (tmp_path / "all.jsonl").write_text("\n".join(lines))
        assert len(MarketSeries.read(tmp_path)) == 2

    @pytest.mark.parametrize("spelled", [str, Path])
    def test_one_file_with_names_of_its_own(
        self, tmp_path: Path, spelled: Callable[[Path], str | Path]
    ) -> None:
        week = tmp_path / "week.csv"
        rows = [f"{(MONDAY + 24 * n * HOUR).isoformat()},11,A100,1,0.{n + 1}" for n in range(7)]
        week.write_text("\n".join(["time,host,card,cards,usd", *rows]))
        columns = {"id": "#", "machine_id": "host", "gpu_name": "card", "num_gpus": "cards"}
        columns |= {"dph_base": "usd", "collected_at": "time"}
        series = MarketSeries.read(spelled(week), columns=columns)
        assert series.instants == tuple(MONDAY + 24 * n * HOUR for n in range(7))
        assert [str(at.lowest) for at in series.over_time()] == [f"0.{n}0" for n in range(1, 8)]
        assert series == MarketSeries.read([week], columns=columns)
        assert series == MarketSeries.of(read_snapshots(week, columns=columns))

    def test_times_without_an_offset(self, tmp_path: Path) -> None:
        row = {"offer_id": 1, "machine_id": 7, "gpu_name": "A100", "num_gpus": 1, "dph_total": 1}
        keys = ",".join([*row, "storage_cost_per_gb_mo", "collected_at"])
        cells = ",".join([*map(str, row.values()), "0", "2026-03-02T00:00:00"])
        (tmp_path / "one.csv").write_text(f"{keys}\n{cells}\n")
        with pytest.raises(InvalidDocument):
            MarketSeries.read(tmp_path)
        assert MarketSeries.read(tmp_path, naive="utc").instants == (MONDAY,)

    def test_bad_records(self, tmp_path: Path) -> None:
        rows = [record(7, MONDAY), record(8, MONDAY, num_gpus=0)]
        (tmp_path / "one.json").write_text(json.dumps(rows))
        with pytest.raises(InvalidDocument, match="num_gpus"):
            MarketSeries.read(tmp_path)
        assert len(MarketSeries.read(tmp_path, on_error="collect").snapshots[0]) == 1

    def test_what_is_no_series(self, tmp_path: Path) -> None:
        with pytest.raises(RuleViolation, match="source: need at least one snapshot, got none"):
            MarketSeries.read(tmp_path)
        with pytest.raises(RuleViolation, match="source: need a folder, a file, or the paths"):
            MarketSeries.read(tmp_path / "nowhere")
        with pytest.raises(ParseError, match="nowhere"):
            MarketSeries.read([tmp_path / "nowhere"])
        for wrong in (7, [7]):
            with pytest.raises(WrongType, match="source"):
                MarketSeries.read(wrong)  # type: ignore[arg-type]
        silent = tmp_path / "silent.json"
        silent.write_text(json.dumps([record(7, MONDAY, end_date=None)]))
        with pytest.raises(RuleViolation, match=r"silent.json: need a time: its records tell none"):
            MarketSeries.read(tmp_path)

    def test_two_of_one_time(self, tmp_path: Path) -> None:
        for name in ("a", "b"):
            (tmp_path / f"{name}.json").write_text(json.dumps([record(7, MONDAY)]))
        with pytest.raises(RuleViolation, match=r"b.json: need a time after .*, of .*a.json"):
            MarketSeries.read(tmp_path)


class TestBadInput:
    """What is no series says so in one sentence."""

    @pytest.mark.parametrize(
        ("wrong", "message"),
        [
            ([], "snapshots: need at least one snapshot, got none"),
            ("text", "snapshots: need readings"),
            (7, "snapshots: need readings"),
            ([7], r"snapshots\[0\]: need a reading, or a pair"),
            ([(MONDAY, 7)], r"snapshots\[0\]: need a time and the offers"),
            ([(MONDAY, "text")], r"snapshots\[0\]: need a time and the offers"),
            ([("noon", [])], r"snapshots\[0\]: need a datetime"),
            ([(MONDAY.replace(tzinfo=None), [])], r"snapshots\[0\]: need a datetime with a time"),
            ([(MONDAY, [free, 7])], r"snapshots\[0\]\[1\]: need an Offer"),
            ([(MONDAY, []), (MONDAY, [])], r"snapshots\[1\]: need a time after .*snapshots\[0\]"),
            ([(MONDAY + HOUR, []), (MONDAY, [])], r"snapshots\[1\]: need a time after"),
            (
                [evolve(read_sample(), at=None)],
                r"snapshots\[0\]: need a time: its records tell none",
            ),
        ],
    )
    def test_of(self, wrong: Any, message: str) -> None:
        with pytest.raises(RuleViolation, match=message):
            MarketSeries.of(wrong)

    @pytest.mark.parametrize("name", ["rtx 4090", "RTX_4090", " Rtx-4090 "])
    def test_a_model_in_any_case(self, name: str) -> None:
        series = hours([free], [free])
        assert series.spells(name) == series.spells("RTX 4090") != ()
        assert series.over_time(name) == series.over_time("RTX 4090")

    def test_times_in_other_zones_are_taken(self) -> None:
        there = MONDAY.astimezone(timezone(2 * HOUR))
        assert MarketSeries.of([(there, [free])]).instants == (MONDAY,)
        assert MarketSeries.of([(there, [])]).instants[0].tzinfo is UTC

    @pytest.mark.parametrize(
        ("asked", "kind", "message"),
        [
            ({"gpu_name": "4090"}, UnknownId, r"gpu_name: need .*\(models: RTX 4090\), got '4090'"),
            ({"gpu_name": "4090"}, UnknownId, r"got '4090' \(did you mean 'RTX 4090'\?\)"),
            ({"gpu_name": "RTX 409O"}, UnknownId, r"\(did you mean 'RTX 4090'\?\)"),
            ({"gpu_name": "?"}, UnknownId, r"got '\?'$"),
            ({"gpu_name": "rtx_4090", "gpus": 2}, UnknownId, r"got 'RTX 4090' 2$"),
            ({"machine": 8}, UnknownId, "machine: need what the snapshots show"),
            ({"gpus": 2}, UnknownId, "gpus: need"),
            ({"gpu_name": "RTX 4090", "gpus": 2}, UnknownId, "gpu_name/gpus"),
            ({"gpu_name": 7}, WrongType, "gpu_name"),
            ({"machine": "7"}, RuleViolation, "machine"),
            ({"gpus": 0}, RuleViolation, "gpus"),
        ],
    )
    def test_what_is_not_there(self, asked: Any, kind: type[Exception], message: str) -> None:
        series = hours([free])
        for ask in (series.over_time, series.spells):
            with pytest.raises(kind, match=message):
                ask(**asked)

    def test_switches(self) -> None:
        series = hours([free])
        for call in (
            lambda: series.over_time(free_only=1),  # type: ignore[arg-type]
            lambda: series.spells(whole="yes"),  # type: ignore[arg-type]
            lambda: series.spells(gap=3_600),  # type: ignore[arg-type]
        ):
            with pytest.raises(WrongType):
                call()
        with pytest.raises(RuleViolation):
            series.spells(gap=timedelta(0))

    def test_a_series_without_offers_has_none(self) -> None:
        assert hours([], []).spells() == ()
        assert [m.machines for m in hours([], []).over_time()] == [0, 0]

    @pytest.mark.parametrize(
        "change",
        [
            lambda s: evolve(s, instants=()),
            lambda s: evolve(s, instants=(MONDAY, MONDAY)),
            lambda s: evolve(s, instants=s.instants[:1]),
            lambda s: evolve(s, instants=list(s.instants)),
            lambda s: evolve(s, snapshots=((), ((7, "A100"),))),
            lambda s: evolve(s, snapshots=(7, 8)),
        ],
    )
    def test_fields_that_are_none(self, change: Callable[[MarketSeries], object]) -> None:
        with pytest.raises(RuleViolation):
            change(hours([free], [free]))

    @pytest.mark.parametrize(
        "change",
        [
            {"seen": []},
            {"seen": [MONDAY, MONDAY]},
            {"seen": 7},
            {"seen": ["noon"]},
            {"began_after": MONDAY},
            {"ended_by": MONDAY + HOUR},
            {"prices": []},
            {"prices": [7]},
            {"prices": [(MONDAY + HOUR, PerGpuHour(1))]},
            {"prices": [(MONDAY, PerGpuHour(1)), (MONDAY, PerGpuHour(2))]},
            {"prices": [(MONDAY, PerGpuHour(1)), (MONDAY + HOUR / 2, PerGpuHour(2))]},
            {"prices": [(MONDAY, "0.40")]},
            {"gpus": 2},
            {"gpus_in_machine": 0},
            {"machine": -1},
            {"gpu_name": ""},
            {"rented": True},
            {"ended_by": MONDAY + 2 * HOUR, "rented": 1},
        ],
    )
    def test_a_spell(self, change: dict[str, Any]) -> None:
        (spell,) = hours([free], [free]).spells()
        with pytest.raises(RuleViolation):
            evolve(spell, **change)

    def test_a_spell_made_by_hand_is_the_one_of_a_series(self) -> None:
        (spell,) = hours([held], [free], [held]).spells()
        there = timezone(3 * HOUR)
        at = (MONDAY + HOUR).astimezone(there)
        assert spell == FreeSpell(
            machine=7,
            gpu_name="RTX 4090",
            gpus=1,
            gpus_in_machine=1,
            seen=[at],
            prices=[(at, PerGpuHour("0.50"))],
            began_after=MONDAY.astimezone(there),
            ended_by=MONDAY + 2 * HOUR,
            rented=True,
        )


class TestTheSampleMarket:
    """A whole market at two times, an offer fewer in the second."""

    def test_sold_between(self) -> None:
        market = read_sample().offers
        gone = market[0]
        rest = [each for each in market if each.machine != gone.machine]
        series = MarketSeries.of([(MONDAY, market), (MONDAY + HOUR, rest)])
        ended = [s for s in series.spells() if s.ended_by is not None]
        assert {s.machine for s in ended} == {gone.machine}
        assert sum(m.gpus for m in series.over_time()) > 0


@pytest.mark.skipif(not MARKET, reason="needs NUMGENIUS_MARKET_DATA, a folder")
class TestARealMarket:
    """The columns that a series reads are those of a real snapshot."""

    def test_one_real_moment(self) -> None:
        reading = read_offers(Path(str(MARKET)) / "market_snapshot.csv.gz", on_error="collect")
        series = MarketSeries.of([reading])
        assert series.shows_held
        names = {each.gpu_name for each in reading.offers}
        for name in names:
            (now,) = series.over_time(name)
            assert now.occupied is not None
            least, most = now.occupied
            assert 0 <= least <= most <= 1
        (now,) = series.over_time()
        assert now.machines == len({each.machine for each in reading.offers})


class TestItPrints:
    """What a series says is a table, and rows for a dataframe; what is not known is ``None``."""

    SERIES = hours([free, offer(8, 2)], [free, offer(8, 2, rentable=False)], [])

    def test_moments(self) -> None:
        first, _, last = rows = self.SERIES.over_time().to_dicts()
        assert [row["at"] for row in rows] == [MONDAY, MONDAY + HOUR, MONDAY + 2 * HOUR]
        assert (first["gpus"], first["occupied_least"], first["occupied_most"]) == (3, 0.0, 0.0)
        assert isinstance(first["median"], float)
        assert (last["median"], last["occupied_least"]) == (None, None)
        head, *lines = str(self.SERIES.over_time()).splitlines()
        assert head.startswith("at (UTC)")
        assert head.endswith("lowest $/h  median $/h  highest $/h")
        assert lines[0].startswith(f"{MONDAY:%Y-%m-%d %H:%M:%S}")
        assert self.SERIES.over_time()[1:] == tuple(self.SERIES.over_time())[1:]

    def test_spells(self) -> None:
        found = self.SERIES.spells()
        rows = {row["machine"]: row for row in found.to_dicts()}
        assert rows[7]["first_seen"] == MONDAY
        assert rows[7]["last_seen"] == rows[8]["ended_by"] == MONDAY + HOUR
        assert rows[7]["shortest_seconds"] == 3_600.0
        assert (rows[7]["longest_seconds"], rows[7]["began_after"]) == (None, None)
        assert (rows[7]["rented"], rows[8]["rented"]) == (False, True)
        assert [line.split()[-1] for line in str(found).splitlines()] == [
            "how", "unlisted", "rented",
        ]  # fmt: skip
        unended = hours([free]).spells()
        assert str(unended).split()[-2:] == ["?", "?"]
