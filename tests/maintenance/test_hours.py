"""Allowed hours: what the clock on the wall shows, minute by minute."""

from __future__ import annotations

import zoneinfo
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from hypothesis import given, strategies as st

from effort import up_to
from numgenius_core.errors import ParseError, RuleViolation, WrongType
from numgenius_core.intervals import Interval, to_epoch
from numgenius_core.maintenance import Recurrence, allowed_intervals

ZONES = [
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "America/Santiago",
]
TEXTS = [
    "Sat–Sun 01:00–06:00",
    "Mon 22:00-06:00",
    "daily 02:00-04:00",
    "Sun 01:30-02:30",
    "Sun-Mon 23:30-00:45",
    "weekdays 00:00-24:00",
    "Sat 02:15-02:10",
    "weekends 02:00-02:30",
    "daily 23:00-24:00",
]
STEP = up_to(60, 300)  # seconds between two looks at the clock
YEARS = Interval(datetime(2025, 1, 1, tzinfo=UTC), datetime(up_to(2027, 2026), 1, 1, tzinfo=UTC))


def span(start: str, end: str) -> Interval:
    return Interval(*(datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (start, end)))


def day_of(text: str, zone: str, start: str, end: str) -> tuple[Interval, ...]:
    return Recurrence.parse(f"{text} {zone}").intervals(span(start, end))


class TestEveryMinute:
    """Issue: "right over midnight, weekday of the start, DST gaps and folds".

    The oracle reads the clock of the zone at each minute of UTC; in a short run at each fifth, and
    all hours here begin and end on such a minute.
    """

    @pytest.mark.parametrize("zone", ZONES)
    def test_an_instant_is_inside_if_the_clock_shows_it(self, zone: str) -> None:
        clock = zoneinfo.ZoneInfo(zone)
        first, last = to_epoch(YEARS.start), to_epoch(YEARS.end)
        shown = []  # minute of the week
        for at in range(first, last, STEP):
            local = datetime.fromtimestamp(at, clock)
            shown.append(local.weekday() * 1_440 + local.hour * 60 + local.minute)
        for text in TEXTS:
            rule = Recurrence.parse(f"{text} {zone}")
            days, start, end = rule.days, rule.start, rule.end
            reading = [
                (weekday in days and start <= minute < end)
                or ((weekday - 1) % 7 in days and minute + 1_440 < end)
                for weekday in range(7)
                for minute in range(1_440)
            ]
            inside = bytearray(len(shown))
            for each in rule.intervals(YEARS):
                a, b = to_epoch(each.start) - first, to_epoch(each.end) - first
                assert a % STEP == b % STEP == 0
                inside[a // STEP : b // STEP] = b"\1" * ((b - a) // STEP)
            assert bytes(map(reading.__getitem__, shown)) == inside, text


class TestTheChangeOfTheClock:
    """Our reading: an instant is inside exactly if the local clock shows a time within."""

    def test_hours_that_begin_in_a_gap_begin_after_it(self) -> None:
        # In Berlin the clock jumps from 02:00 to 03:00 on 29 March 2026, at 01:00 UTC.
        got = day_of("Sun 02:30-04:00", "Europe/Berlin", "2026-03-28", "2026-03-30")
        assert got == (span("2026-03-29T01:00", "2026-03-29T02:00"),)

    def test_hours_that_end_in_a_gap_end_where_it_begins(self) -> None:
        got = day_of("Sun 01:00-02:30", "Europe/Berlin", "2026-03-28", "2026-03-30")
        assert got == (span("2026-03-29T00:00", "2026-03-29T01:00"),)

    def test_hours_within_a_gap_do_not_occur(self) -> None:
        assert day_of("Sun 02:00-03:00", "Europe/Berlin", "2026-03-28", "2026-03-30") == ()

    def test_what_is_shown_twice_is_inside_twice(self) -> None:
        # 02:00 to 03:00 on 25 October 2026 comes twice, from 00:00 and from 01:00 UTC.
        got = day_of("Sun 02:00-02:30", "Europe/Berlin", "2026-10-24", "2026-10-26")
        assert got == (
            span("2026-10-25T00:00", "2026-10-25T00:30"),
            span("2026-10-25T01:00", "2026-10-25T01:30"),
        )

    def test_hours_around_a_fold_are_an_hour_longer(self) -> None:
        got = day_of("Sun 01:00-06:00", "Europe/Berlin", "2026-10-24", "2026-10-26")
        assert got == (span("2026-10-24T23:00", "2026-10-25T05:00"),)

    def test_a_change_at_the_very_end_of_the_period(self) -> None:
        got = day_of("Sun 01:00-06:00", "Europe/Berlin", "2026-03-29T00:00", "2026-03-29T01:00")
        assert got == (span("2026-03-29T00:00", "2026-03-29T01:00"),)

    def test_it_is_found_to_the_second_wherever_the_period_begins(self) -> None:
        for shift in range(0, 300, 7):
            begin = datetime(2026, 3, 28, 12, tzinfo=UTC) + timedelta(seconds=shift)
            rule = Recurrence.parse("Sun 02:30-04:00 Europe/Berlin")
            got = rule.intervals(Interval(begin, begin + timedelta(days=1)))
            assert got == (span("2026-03-29T01:00", "2026-03-29T02:00"),)


class TestMidnight:
    """Issue: "right over midnight, weekday of the start"."""

    def test_the_night_belongs_to_the_evening(self) -> None:
        got = day_of("Mon 22:00-06:00", "UTC", "2026-11-20", "2026-11-27")
        assert got == (span("2026-11-23T22:00", "2026-11-24T06:00"),)

    def test_a_period_that_begins_in_the_night_has_its_rest(self) -> None:
        got = day_of("Mon 22:00-06:00", "UTC", "2026-11-24T03:00", "2026-11-25")
        assert got == (span("2026-11-24T03:00", "2026-11-24T06:00"),)

    def test_its_rest_is_counted_in_local_days_west_of_greenwich(self) -> None:
        within = ("2026-01-05T03:00", "2026-01-05T04:00")  # on Sunday evening in New York
        got = day_of("daily 23:00-22:30", "America/New_York", *within)
        assert got == (span("2026-01-05T03:00", "2026-01-05T03:30"),)

    def test_before_1970_too(self) -> None:
        within = ("1969-07-20T20:00", "1969-07-21T08:00")
        got = day_of("Sun 23:00-02:00", "UTC", *within)
        assert got == (span("1969-07-20T23:00", "1969-07-21T02:00"),)

    def test_the_last_second_of_a_period_counts(self) -> None:
        within = ("2026-01-05T23:59:00", "2026-01-06T00:00:01")
        got = day_of("daily 00:00-01:00", "UTC", *within)
        assert got == (span("2026-01-06T00:00:00", "2026-01-06T00:00:01"),)

    def test_whole_days_that_follow_each_other_are_one(self) -> None:
        got = day_of("Fri-Sun 00:00-24:00", "Asia/Kolkata", "2026-11-20T00:00", "2026-11-25")
        assert got == (span("2026-11-20T00:00", "2026-11-22T18:30"),)

    def test_a_range_of_days_runs_over_the_end_of_the_week(self) -> None:
        assert Recurrence.parse("Sat-Mon 01:00-02:00 UTC").days == {5, 6, 0}


def recurrences() -> st.SearchStrategy[Recurrence]:
    @st.composite
    def build(draw: st.DrawFn) -> Recurrence:
        start = draw(st.integers(0, 1_439))
        end = draw(st.integers(start + 1, start + 1_440 - (1 if start else 0)))
        days = draw(st.frozensets(st.integers(0, 6), min_size=1))
        return Recurrence(
            days=days, start=start, end=end, zone=draw(st.sampled_from([*ZONES, "UTC"]))
        )

    return build()


class TestText:
    """DESIGN: "a value read from text is a named constructor with a writer that undoes it"."""

    @given(rule=recurrences())
    def test_reading_undoes_writing(self, rule: Recurrence) -> None:
        assert Recurrence.parse(str(rule)) == rule

    @pytest.mark.parametrize(
        ("text", "written"),
        [
            ("daily 00:00-24:00 UTC", "Mon,Tue,Wed,Thu,Fri,Sat,Sun 00:00-24:00 UTC"),
            ("Fri 23:30-02:05 UTC", "Fri 23:30-02:05 UTC"),
            ("Sun 09:07-00:00 UTC", "Sun 09:07-24:00 UTC"),
        ],
    )
    def test_it_is_written_as_people_write_it(self, text: str, written: str) -> None:
        assert str(Recurrence.parse(text)) == written

    @pytest.mark.parametrize(
        ("text", "days"),
        [
            ("daily", range(7)),
            ("Weekdays", range(5)),
            ("weekends", (5, 6)),
            ("monday, WED", (0, 2)),
            ("Fri – Mon,Wed", (4, 5, 6, 0, 2)),
            ("Tue-Tue", (1,)),
        ],
    )
    def test_days(self, text: str, days: Any) -> None:
        assert Recurrence.parse(f" {text}  1:00 – 02:00 UTC ").days == frozenset(days)

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "Sat 01:00-06:00",
            "Sat 01:00 UTC",
            "Foo 01:00-02:00 UTC",
            "Sat-Sun-Mon 01:00-02:00 UTC",
            "daily-Sun 01:00-02:00 UTC",
            "Sat 01:60-02:00 UTC",
            "Sat 25:00-02:00 UTC",
            "Sat 01:00-24:01 UTC",
            "Sat 24:00-02:00 UTC",
            "Sat 02:00-02:00 UTC",
            "Sat 01:00-02:00 Mars/Olympus",
            "Sat 01:00-02:00 ../etc/passwd",
            "Sat 01:00-02:00 America",
            "Sat ٠1:00-02:00 UTC",
            "Sat," + "Sun," * 1_000 + " 01:00-02:00 UTC",
        ],
    )
    def test_what_cannot_be_read_is_refused(self, text: str) -> None:
        with pytest.raises(ParseError):
            Recurrence.parse(text)

    def test_a_system_without_data_knows_utc_only(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def missing(key: str) -> None:
            raise zoneinfo.ZoneInfoNotFoundError(key)

        monkeypatch.setattr(zoneinfo, "ZoneInfo", missing)
        assert Recurrence.parse("Sat 01:00-02:00 UTC").intervals(YEARS)
        with pytest.raises(ParseError, match="tzdata"):
            Recurrence.parse("Sat 01:00-02:00 Europe/Berlin")

    @pytest.mark.parametrize(
        ("zone", "meant"), [("utc", "UTC"), ("europe/BERLIN", "Europe/Berlin")]
    )
    def test_a_zone_has_its_capitals(
        self, monkeypatch: pytest.MonkeyPatch, zone: str, meant: str
    ) -> None:
        def exact(key: str) -> None:  # a system whose file names have capitals, as most have
            raise zoneinfo.ZoneInfoNotFoundError(key)

        monkeypatch.setattr(zoneinfo, "ZoneInfo", exact)
        with pytest.raises(ParseError) as caught:
            Recurrence.parse(f"sat 01:00-06:00 {zone}")
        need = f"an IANA time zone that this system knows (did you mean {meant}?)"
        assert caught.value.need == need

    @pytest.mark.parametrize(
        "change",
        [
            {"days": frozenset()},
            {"days": {1}},
            {"days": frozenset([7])},
            {"start": 1_440},
            {"end": 60},
            {"start": 60, "end": 1_500},
            {"end": 1_441, "start": 0},
            {"zone": ""},
        ],
    )
    def test_fields_are_checked(self, change: dict[str, Any]) -> None:
        fields = {"days": frozenset([1]), "start": 60, "end": 120, "zone": "UTC", **change}
        with pytest.raises(RuleViolation):
            Recurrence(**fields)

    def test_a_zone_has_at_most_64_characters(self) -> None:
        for length, need in ((64, "an IANA time zone"), (65, "1 to 64 printable characters")):
            with pytest.raises(RuleViolation, match=need):
                Recurrence(days=frozenset([1]), start=60, end=120, zone="a" * length)

    def test_other_types_are_refused(self) -> None:
        rule = Recurrence.parse("daily 01:00-02:00 UTC")
        with pytest.raises(WrongType):
            Recurrence.parse(cast("str", 3))
        with pytest.raises(WrongType):
            rule.intervals(cast("Interval", None))
        with pytest.raises(WrongType):
            allowed_intervals(cast("Any", 3), YEARS)
        with pytest.raises(WrongType):
            allowed_intervals([cast("Recurrence", "daily")], YEARS)

    def test_the_end_of_the_calendar_is_refused(self) -> None:
        rule = Recurrence.parse("daily 01:00-02:00 Asia/Kolkata")
        last = Interval(datetime(9999, 12, 30, tzinfo=UTC), datetime(9999, 12, 31, 23, tzinfo=UTC))
        with pytest.raises(RuleViolation, match="9999"):
            rule.intervals(last)


class TestSeveralRules:
    """What several rules allow is allowed; pieces that meet are one."""

    def test_hours_of_several_rules(self) -> None:
        texts = ["Sat 22:00-02:00 UTC", "Sun 02:00-03:00 UTC", "Sun 00:00-01:00 UTC"]
        got = allowed_intervals(map(Recurrence.parse, texts), span("2026-11-20", "2026-11-25"))
        assert got == (span("2026-11-21T22:00", "2026-11-22T03:00"),)

    def test_of_no_rule_is_nothing(self) -> None:
        assert allowed_intervals([], YEARS) == ()
