"""Instants, half-open intervals, and the durations that people type."""

from __future__ import annotations

import math
import pickle
import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from dateutil.relativedelta import relativedelta
from hypothesis import given, strategies as st

from numgenius_core.errors import ParseError, RuleViolation, WrongType
from numgenius_core.intervals import (
    Interval,
    after,
    fixed_duration,
    floor_second,
    from_epoch,
    parse_duration,
    parse_instant,
    to_epoch,
    total_seconds,
    union,
    utc,
)
from numgenius_core.testing import EPOCH, instants, intervals

BERLIN = ZoneInfo("Europe/Berlin")
SECOND = timedelta(seconds=1)
LAST = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
NAIVE = datetime(2026, 1, 1)  # noqa: DTZ001 - the point of the tests


def at(*parts: int, tz: tzinfo = UTC) -> datetime:
    """Return an instant, in UTC unless told otherwise."""
    year, month, day, *clock = parts
    return datetime(year, month, day, *clock, tzinfo=tz)  # type: ignore[arg-type, misc]


class TestInstantsAreAwareUtc:
    """DOMAIN 1: "Instants are aware UTC"."""

    @given(instants, st.sampled_from(["Europe/Berlin", "Asia/Kolkata", "America/St_Johns", "UTC"]))
    def test_any_zone_becomes_the_same_instant_in_utc(self, instant: datetime, zone: str) -> None:
        got = utc(instant.astimezone(ZoneInfo(zone)))
        assert got == instant
        assert got.tzinfo is UTC

    def test_what_is_utc_comes_back_as_it_is(self) -> None:
        assert utc(EPOCH) is EPOCH

    def test_a_naive_datetime_is_refused(self) -> None:
        with pytest.raises(
            RuleViolation, match=r"^end: need a datetime with a time zone, got 2026"
        ):
            utc(NAIVE, "end")

    def test_a_zone_that_knows_no_offset_is_none(self) -> None:
        class Nowhere(tzinfo):
            def utcoffset(self, _: datetime | None) -> None:
                return None

            dst = tzname = utcoffset

        with pytest.raises(RuleViolation, match=r"need a datetime with a time zone"):
            utc(NAIVE.replace(tzinfo=Nowhere()))

    @pytest.mark.parametrize("zone", [UTC, BERLIN])
    def test_a_part_of_a_second_is_refused(self, zone: tzinfo) -> None:
        with pytest.raises(RuleViolation, match=r"need a whole second \(or use floor_second\)"):
            utc(at(2026, 1, 1, 0, 0, 0, 1, tz=zone))

    def test_a_part_of_a_second_hidden_in_the_offset_is_seen(self) -> None:
        with pytest.raises(RuleViolation, match=r"need a whole second"):
            utc(at(2026, 1, 1, tz=timezone(timedelta(microseconds=5))))

    @pytest.mark.parametrize(
        "value",
        [
            datetime.min.replace(tzinfo=timezone(timedelta(hours=14))),
            LAST.replace(tzinfo=timezone(timedelta(hours=-1))),
        ],
    )
    def test_a_zone_at_the_end_of_the_calendar_is_refused(self, value: datetime) -> None:
        with pytest.raises(RuleViolation, match=r"need a date within years 1 to 9999 in UTC"):
            utc(value)
        with pytest.raises(RuleViolation, match=r"need a date within years 1 to 9999 in UTC"):
            floor_second(value)

    @pytest.mark.parametrize("value", [0, 1.5, "2026-01-01", None, date(2026, 1, 1), SECOND])
    def test_another_type_is_wrong(self, value: datetime) -> None:
        for rule in (utc, floor_second):
            with pytest.raises(WrongType, match=r"^instant: need a datetime with a time zone"):
                rule(value)

    def test_floor_second_looks_at_utc(self) -> None:
        """At an offset of half a second 0.9 s is 0.4 s past the second; 0.4 s is before it."""
        half = timezone(timedelta(microseconds=500_000))
        new_year = datetime(2026, 1, 1, 0, 0, 0, 900_000, half)
        assert floor_second(new_year) == at(2026, 1, 1)
        before = floor_second(new_year.replace(microsecond=400_000))
        assert before == at(2026, 1, 1) - timedelta(seconds=1)
        with pytest.raises(RuleViolation, match="a datetime with a time zone"):
            floor_second(datetime(2026, 1, 1))  # noqa: DTZ001
        with pytest.raises(RuleViolation, match="years 1 to 9999 in UTC"):
            floor_second(LAST.replace(tzinfo=timezone(-timedelta(hours=1))))

    @given(instants, st.integers(0, 999_999))
    def test_floor_second_is_the_second_that_has_begun(self, start: datetime, micro: int) -> None:
        assert floor_second(start + timedelta(microseconds=micro)) == start


class TestUnixSeconds:
    """The marketplace's API gives dates as Unix seconds, some with a fraction."""

    @given(st.integers(0, 253_402_300_799))
    def test_seconds_come_back(self, seconds: int) -> None:
        assert to_epoch(from_epoch(seconds)) == seconds

    @given(st.floats(0, 4e9))
    def test_a_fraction_is_floored(self, seconds: float) -> None:
        assert to_epoch(from_epoch(seconds)) == math.floor(seconds)

    def test_the_last_second_of_the_calendar_comes_back(self) -> None:
        assert from_epoch(253_402_300_799) == from_epoch(253_402_300_799.9) == LAST
        assert to_epoch(LAST) == 253_402_300_799

    def test_a_known_date(self) -> None:
        assert from_epoch(1_767_225_600) == at(2026, 1, 1)
        assert to_epoch(at(1970, 1, 1, 1, tz=timezone(timedelta(hours=1)))) == 0

    @pytest.mark.parametrize(
        "value", [-1, -0.5, math.nan, math.inf, -math.inf, 253_402_300_800, 10**400, 1e300]
    )
    def test_beyond_the_calendar_is_refused(self, value: float) -> None:
        with pytest.raises(RuleViolation, match=r"^end: need Unix seconds from 1970 to 9999, got"):
            from_epoch(value, "end")

    @pytest.mark.parametrize("value", [True, "0", None, EPOCH])
    def test_another_type_is_wrong(self, value: float) -> None:
        with pytest.raises(WrongType, match=r"need Unix seconds"):
            from_epoch(value)

    @given(instants, instants)
    def test_total_seconds_is_signed(self, a: datetime, b: datetime) -> None:
        assert total_seconds(a, b) == to_epoch(b) - to_epoch(a) == -total_seconds(b, a)


class TestParseInstant:
    """TOOLING: "``datetime.fromisoformat``, then require an offset"."""

    @given(instants, st.sampled_from([UTC, BERLIN, timezone(timedelta(hours=-3, minutes=-30))]))
    def test_isoformat_comes_back(self, instant: datetime, zone: tzinfo) -> None:
        assert parse_instant(instant.astimezone(zone).isoformat()) == instant

    @pytest.mark.parametrize(
        ("text", "want"),
        [
            ("2026-12-31", at(2026, 12, 31)),
            ("2026-12-31T00:00:00Z", at(2026, 12, 31)),
            ("2026-12-31 01:30+02:00", at(2026, 12, 30, 23, 30)),
            ("20261231T00Z", at(2026, 12, 31)),
        ],
    )
    def test_table(self, text: str, want: datetime) -> None:
        assert parse_instant(text) == want

    @pytest.mark.parametrize(
        ("text", "need"),
        [
            ("", "an ISO 8601 date"),
            ("now", "an ISO 8601 date"),
            ("10", "an ISO 8601 date"),
            ("31.12.2026", "an ISO 8601 date"),
            ("2026-02-29", "an ISO 8601 date"),
            ("2026-13-01T00:00Z", "an ISO 8601 date"),
            ("2026-12-31T00:00Z ", "an ISO 8601 date"),
            ("٢٠٢٦-12-31", "an ISO 8601 date"),
            ("2026-12-31T00:00 CET", "an ISO 8601 date"),
            ("2026-12-31T00:00", "a datetime with a time zone"),
            ("20261231", "a datetime with a time zone"),
            ("2026-12-31T00:00:00.5Z", "a whole second"),
            ("0001-01-01T00:00+14:00", "a date within years 1 to 9999"),
            ("9" * 10_000, "an ISO 8601 date"),
        ],
    )
    def test_the_fault_is_named(self, text: str, need: str) -> None:
        with pytest.raises(ParseError) as caught:
            parse_instant(text, "end")
        assert caught.value.path == "end"
        assert caught.value.need.startswith(need)
        assert caught.value.got.startswith(repr(text)[:60])

    @pytest.mark.parametrize("value", [0, None, b"2026-12-31", EPOCH])
    def test_another_type_is_wrong(self, value: str) -> None:
        with pytest.raises(WrongType, match=r"need an ISO 8601 date or time with an offset"):
            parse_instant(value)

    @given(st.text(max_size=30))
    def test_only_our_errors_come_out(self, text: str) -> None:
        with suppress(ParseError):
            assert parse_instant(text).tzinfo is UTC


class TestDurationsPeopleType:
    """Issue: 'durations people type ("3 days", "2 weeks", "3 months", seconds)'."""

    @pytest.mark.parametrize(
        ("text", "want"),
        [
            ("3 days", relativedelta(days=3)),
            ("2 weeks", relativedelta(days=14)),
            ("3 months", relativedelta(months=3)),
            ("1 year", relativedelta(years=1)),
            ("1d 12h", relativedelta(hours=36)),
            ("1d12h", relativedelta(hours=36)),
            ("1 h, 30 min", relativedelta(minutes=90)),
            ("5 min", relativedelta(minutes=5)),
            ("5 mo", relativedelta(months=5)),
            ("5 MIN", relativedelta(minutes=5)),
            ("2 Weeks", relativedelta(days=14)),
            ("90", relativedelta(seconds=90)),
            ("90s", relativedelta(seconds=90)),
            (" 7 d\n", relativedelta(days=7)),
            ("1d,", relativedelta(days=1)),
            ("0", relativedelta()),
            (0, relativedelta()),
            (3_600, relativedelta(hours=1)),
            (10**9, relativedelta(seconds=10**9)),
            (
                "1y 1mo 1w 1d 1h 1min 1s",
                relativedelta(years=1, months=1, days=8, hours=1, minutes=1, seconds=1),
            ),
            ("9999 y", relativedelta(years=9_999)),
            ("120000 mo", relativedelta(months=120_000)),
        ],
    )
    def test_table(self, text: str | int, want: relativedelta) -> None:
        assert parse_duration(text) == want

    @given(st.integers(0, 10**9))
    def test_a_number_is_seconds_as_text_and_as_int(self, seconds: int) -> None:
        span = fixed_duration(parse_duration(seconds))
        assert span == timedelta(seconds=seconds) == fixed_duration(parse_duration(str(seconds)))

    @pytest.mark.parametrize(
        "text",
        [
            *("", "  ", ",", "d", "5 5", "5 d 5", "5 5 d", "1,2d", "1.5 h", "-1 d", "+1 d", "1d;"),
            *("1 fortnight", "1d 2d", "1 d & 2 h", "٣ days", "NaN", "inf", "1e5", "1_000"),
            *("10000 y", "120001 mo", "1000000001", "1" * 11, -1, 10**9 + 1, 10**400),
            *("1d" * 10_000, "9" * 100_000, "x" * 100_000),
        ],
        ids=lambda text: str(text)[:12] if isinstance(text, str) else "number",
    )
    def test_what_is_no_duration_is_refused_and_shown(self, text: str | int) -> None:
        with pytest.raises(ParseError, match=r"^stay: need a duration such as '3 days'") as caught:
            parse_duration(text, "stay")
        if isinstance(text, str) or text < 10**20:
            assert caught.value.got.startswith(repr(text)[:60])

    @pytest.mark.parametrize("value", [True, 1.5, None, b"3 days", SECOND])
    def test_another_type_is_wrong(self, value: str) -> None:
        with pytest.raises(WrongType, match=r"^duration: need a duration such as"):
            parse_duration(value)

    @pytest.mark.parametrize("text", ["3m", "5M", "1 m", "1h 5m", "5m 1h"])
    def test_m_alone_may_be_meant_as_a_minute_or_as_a_month(self, text: str) -> None:
        for read in (parse_duration, fixed_duration):
            with pytest.raises(ParseError, match=r"^stay: need min or mo, since m is") as caught:
                read(text, "stay")
            assert caught.value.got == repr(text)

    @given(st.text("0123456789 dhmoweks,.-", max_size=12))
    def test_only_our_errors_come_out(self, text: str) -> None:
        with suppress(RuleViolation):
            assert after(EPOCH, parse_duration(text)) >= EPOCH

    @pytest.mark.parametrize("text", ["1 month", "1 year", "12 months", "1 mo 3 d"])
    def test_a_month_has_no_fixed_length(self, text: str) -> None:
        with pytest.raises(RuleViolation, match=r"^stay: need days, hours … .a month's length"):
            fixed_duration(parse_duration(text), "stay")
        with pytest.raises(RuleViolation, match=f"got {text!r}$"):  # what was typed, if it is known
            fixed_duration(text, "stay")

    @pytest.mark.parametrize("text", ["3 days", "2 weeks", "1d 12h", "90", 90])
    def test_what_is_typed_is_read_as_it_is(self, text: str | int) -> None:
        assert fixed_duration(text) == fixed_duration(parse_duration(text))

    @pytest.mark.parametrize("text", ["", "soon", "1 fortnight", -1])
    def test_what_a_refusal_recommends_is_not_refused(self, text: str | int) -> None:
        for read in (parse_duration, fixed_duration):
            with pytest.raises(ParseError, match="need a duration such as") as caught:
                read(text)
            for advised in re.findall("'(.*?)'", caught.value.need):
                read(advised)

    def test_a_length_beyond_the_calendar_is_refused(self) -> None:
        with pytest.raises(RuleViolation, match=r"^duration: need a duration within the calendar"):
            fixed_duration(parse_duration("1000000000 weeks"))


class TestCalendarMonths:
    """TOOLING: "``relativedelta`` counts from the anchor (31 Jan + 1 month + 1 month ≠ + 2)"."""

    @pytest.mark.parametrize(
        ("start", "text", "want"),
        [
            (at(2026, 1, 31), "1 month", at(2026, 2, 28)),
            (at(2028, 1, 31), "1 month", at(2028, 2, 29)),
            (at(2026, 1, 31), "2 months", at(2026, 3, 31)),
            (at(2028, 2, 29), "1 year", at(2029, 2, 28)),
            (at(2028, 2, 29), "4 years", at(2032, 2, 29)),
            (at(2026, 12, 15, 12), "1 mo 1 d", at(2027, 1, 16, 12)),
            (at(2026, 3, 1), "30 days", at(2026, 3, 31)),
            (at(2026, 1, 1), "0", at(2026, 1, 1)),
        ],
    )
    def test_table(self, start: datetime, text: str, want: datetime) -> None:
        assert after(start, parse_duration(text)) == want

    def test_two_steps_are_not_one(self) -> None:
        month = parse_duration("1 month")
        assert after(after(at(2026, 1, 31), month), month) == at(2026, 3, 28)

    @pytest.mark.parametrize(
        ("start", "text", "hours"),
        [
            (at(2026, 3, 28, 12, tz=BERLIN), "1 day", 24),  # the clocks go forward that night
            (at(2026, 10, 24, 12, tz=BERLIN), "1 day", 24),  # and back in this one
            (at(2026, 3, 15, 12, tz=BERLIN), "1 month", 31 * 24),
            (at(2026, 3, 1, 0, 30, tz=BERLIN), "1 month", 28 * 24),  # from 28 February in UTC
        ],
    )
    def test_a_zone_is_left_before_counting(self, start: datetime, text: str, hours: int) -> None:
        end = after(start, parse_duration(text))
        assert end.tzinfo is UTC
        assert total_seconds(utc(start), end) == hours * 3_600

    @given(instants, st.integers(0, 10**8))
    def test_a_fixed_length_is_plain_addition(self, start: datetime, seconds: int) -> None:
        span = timedelta(seconds=seconds)
        assert after(start, span) == start + span == after(start, parse_duration(seconds))

    @pytest.mark.parametrize(
        "duration",
        [
            SECOND,
            timedelta.max,
            relativedelta(seconds=1),
            relativedelta(months=1),
            relativedelta(years=9_999),
            relativedelta(days=7 * 10**9),
        ],
    )
    def test_the_calendar_ends(self, duration: relativedelta | timedelta) -> None:
        with pytest.raises(RuleViolation, match=r"^end: need a date up to year 9999, got 9999"):
            after(LAST, duration)

    def test_before_the_calendar_is_no_date_either(self) -> None:
        with pytest.raises(RuleViolation, match=r"need a date up to year 9999"):
            after(at(1, 1, 1), -SECOND)

    @pytest.mark.parametrize("duration", [5, "1 day", None, EPOCH])
    def test_only_a_duration_is_added(self, duration: timedelta) -> None:
        with pytest.raises(WrongType, match=r"^end: need a duration, got"):
            after(EPOCH, duration)

    def test_only_from_an_instant(self) -> None:
        with pytest.raises(RuleViolation, match=r"^start: need a datetime with a time zone"):
            after(NAIVE, SECOND, "start")
        with pytest.raises(RuleViolation, match=r"^start: need a whole second"):
            after(EPOCH, timedelta(microseconds=1), "start")


class TestHalfOpen:
    """DOMAIN 1: "intervals are half-open ``[start, end)``"."""

    @given(intervals())
    def test_the_start_is_inside_and_the_end_is_not(self, span: Interval) -> None:
        assert span.start in span
        assert span.end - SECOND in span
        assert span.end not in span
        assert span.start - SECOND not in span

    @given(intervals())
    def test_its_length(self, span: Interval) -> None:
        assert timedelta(seconds=span.seconds) == span.duration == span.end - span.start
        assert span.seconds >= 1

    def test_a_zone_is_taken_and_left(self) -> None:
        night = Interval(at(2026, 3, 29, tz=BERLIN), at(2026, 3, 30, tz=BERLIN))
        assert night.seconds == 23 * 3_600
        assert at(2026, 3, 29, 12, tz=BERLIN) in night
        assert night.start.tzinfo is UTC

    def test_str_and_repr(self) -> None:
        span = Interval(at(2026, 1, 1), at(2026, 1, 2, 3, 4, 5))
        assert str(span) == "2026-01-01 00:00:00 … 2026-01-02 03:04:05 UTC"
        assert "datetime.datetime(2026, 1, 1" in repr(span)

    @given(intervals())
    def test_it_is_a_value(self, span: Interval) -> None:
        back = pickle.loads(pickle.dumps(span))
        assert back == span
        assert hash(back) == hash(span)
        assert not span < back <= span or span == back

    @pytest.mark.parametrize("end", [EPOCH, EPOCH - SECOND])
    def test_the_end_is_after_the_start(self, end: datetime) -> None:
        with pytest.raises(RuleViolation, match=r"^end: need an instant after 2026-01-01 00:00:00"):
            Interval(EPOCH, end)

    @pytest.mark.parametrize(
        ("start", "end", "path"),
        [(NAIVE, EPOCH, "start"), (EPOCH, NAIVE, "end"), (EPOCH, None, "end"), (0, EPOCH, "start")],
    )
    def test_both_are_instants(self, start: datetime, end: datetime, path: str) -> None:
        with pytest.raises(RuleViolation, match=rf"^{path}: need a datetime with a time zone"):
            Interval(start, end)

    def test_a_naive_datetime_is_neither_inside_nor_outside(self) -> None:
        span = Interval(EPOCH, EPOCH + SECOND)
        for ask in (lambda: NAIVE in span, lambda: span.split([NAIVE])):
            with pytest.raises(RuleViolation, match=r"^instant: need a datetime with a time zone"):
                ask()


class TestOverlapAndSplit:
    """Consequences of being half-open: neighbours share nothing, pieces cover everything."""

    @given(intervals(), intervals())
    def test_overlap_is_symmetric_and_what_both_have(self, a: Interval, b: Interval) -> None:
        both = a.overlap(b)
        assert both == b.overlap(a)
        for instant in {a.start, a.end - SECOND, b.start, b.end - SECOND}:
            assert (instant in a and instant in b) is (both is not None and instant in both)

    @given(intervals())
    def test_neighbours_share_nothing(self, span: Interval) -> None:
        following = Interval(span.end, span.end + SECOND)
        assert span.overlap(following) is None
        assert span.overlap(span) == span

    @given(intervals(), st.lists(instants, max_size=8))
    def test_pieces_cover_the_whole_without_a_gap(
        self, span: Interval, cuts: list[datetime]
    ) -> None:
        parts = span.split([*cuts, span.start, span.end])
        assert parts[0].start == span.start
        assert parts[-1].end == span.end
        assert all(a.end == b.start for a, b in pairwise(parts))
        assert sum(part.seconds for part in parts) == span.seconds
        inside = {cut for cut in cuts if span.start < cut < span.end}
        assert len(parts) == len(inside) + 1

    def test_nothing_inside_leaves_it_whole(self) -> None:
        span = Interval(EPOCH, EPOCH + SECOND)
        assert span.split([]) == (span,)
        assert span.split([EPOCH, EPOCH + SECOND, LAST]) == (span,)


class TestUnion:
    """Hours that are allowed and times of rental: those that meet or overlap are one."""

    @given(known=st.lists(intervals(longest=86_400), max_size=8))
    def test_an_instant_is_covered_if_one_covers_it(self, known: list[Interval]) -> None:
        joined = union(known)
        assert all(a.end < b.start for a, b in pairwise(joined))
        for instant in edges(known):
            assert any(instant in each for each in known) == any(instant in e for e in joined)

    def test_of_nothing_is_nothing(self) -> None:
        assert union([]) == ()

    def test_other_types_are_refused(self) -> None:
        with pytest.raises(WrongType, match=r"rentals\[0\]: need an Interval"):
            union([1], "rentals")  # type: ignore[list-item]


def edges(known: list[Interval]) -> Iterator[datetime]:
    for each in known:
        for instant in (each.start, each.end):
            yield from (instant + timedelta(seconds=s) for s in (-1, 0))
