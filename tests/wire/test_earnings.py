"""What machines earned, by machine and by day, as ``show earnings --raw`` prints it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from numgenius_core import Interval, Money
from numgenius_core.documents import from_json, to_json
from numgenius_core.errors import InvalidDocument, ParseError
from numgenius_core.wire import EarningsRow, read_earnings

START = datetime(2026, 1, 1, tzinfo=UTC)
FIRST = 20_454  # 1 January 2026 in days since 1970
PARTS: dict[str, Any] = {"gpu_earn": 20.5, "sto_earn": 1.25, "bwu_earn": 0.5, "bwd_earn": 0.125}
REPORT: dict[str, Any] = {
    "sday": FIRST,
    "eday": FIRST + 1,
    "summary": {"total_gpu": 20.5, "total_stor": 1.25, "avg_reliability": 0.99},
    "per_machine": [
        PARTS | {"machine_id": 7, "sla_earn": 0.625, "reliability": 0.99},
        dict.fromkeys(PARTS, 0) | {"machine_id": 8, "sla_earn": 0, "reliability": None},
    ],
    "per_day": [PARTS | {"day": FIRST}, PARTS | {"day": FIRST + 1, "gpu_earn": 0}],
    "current": {"balance": 31.5, "service_fee": 0.0, "total": 31.5, "credit": 31.5},
    "username": "hanna",
}
TEXT = json.dumps(REPORT)


def days(first: int, last: int) -> Interval:
    return Interval(START + timedelta(days=first), START + timedelta(days=last))


def row(**fields: Any) -> EarningsRow:
    (found,) = read_earnings(json.dumps([PARTS | {"machine_id": 7} | fields])).rows
    return found


class TestTheReportOfMachines:
    """The API: ``sday`` and ``eday`` count since 1970, both inclusive: 1 day is sday = eday."""

    def test_each_machine_has_a_row(self) -> None:
        first, second = read_earnings(TEXT).rows
        assert (first.machine, first.period) == (7, days(0, 2))
        amounts = (first.gpu, first.storage, first.upload, first.download, first.sla)
        assert amounts == tuple(map(Money, ("20.5", "1.25", "0.5", "0.125", "0.625")))
        assert first.total == Money(23)
        assert dict(first.extra) == REPORT["per_machine"][0]
        assert (second.machine, second.total) == (8, Money(0))

    def test_by_day_they_are_of_all_machines(self) -> None:
        rows = read_earnings(TEXT, by="day").rows
        assert [(each.machine, each.period, each.total) for each in rows] == [
            (None, days(0, 1), Money("22.375")),
            (None, days(1, 2), Money("1.875")),
        ]

    def test_the_rest_of_the_report_is_kept(self) -> None:
        readings = (read_earnings(TEXT, by="machine"), read_earnings(TEXT, by="day"))
        for reading, left_out in zip(readings, ("per_machine", "per_day"), strict=True):
            extra = json.loads(json.dumps(reading.extra))
            assert extra == {key: value for key, value in REPORT.items() if key != left_out}

    def test_a_report_of_one_kind_is_not_read_as_the_other(self) -> None:
        text = json.dumps({key: value for key, value in REPORT.items() if key != "per_day"})
        with pytest.raises(ParseError, match="earnings under 'per_day', got an object of per_mach"):
            read_earnings(text, by="day")

    def test_days_that_are_not_said_are_not_known(self) -> None:
        report = {k: v for k, v in REPORT.items() if k not in ("sday", "eday")}
        for bounds in ({}, {"sday": None, "eday": None}):
            assert read_earnings(json.dumps(report | bounds)).rows[0].period is None

    @pytest.mark.parametrize(
        ("bounds", "faults"),
        [
            ({"sday": "x"}, ["sday: need a day, counted since 1970, got 'x'"]),
            ({"eday": None}, ["eday: need a day, counted since 1970, got None"]),
            ({"sday": FIRST + 2}, [f"eday: need a day from {FIRST + 2} on, got {FIRST + 1}"]),
            (
                {"sday": -1, "eday": True},
                [
                    "sday: need a day, counted since 1970, got -1",
                    "eday: need a day, counted since 1970, got True",
                ],
            ),
        ],
    )
    def test_days_that_are_none_are_told_once(
        self, bounds: dict[str, Any], faults: list[str]
    ) -> None:
        rows = [REPORT["per_machine"][0]] * 2
        text = json.dumps(REPORT | {"per_machine": rows} | bounds)
        with pytest.raises(InvalidDocument) as caught:
            read_earnings(text)
        assert [str(each) for each in caught.value.faults] == faults
        reading = read_earnings(text, on_error="collect")
        assert [str(each) for each in reading.faults] == faults
        assert [row.period for row in reading.rows] == [None, None]
        assert reading.skipped == 0  # no row is lost

    def test_a_fraction_of_a_day_is_of_that_day(self) -> None:
        """The client asks with the time of day in it, such as 20454.7."""
        report = json.dumps(REPORT | {"sday": FIRST + 0.7, "eday": FIRST + 0.7})
        assert read_earnings(report).rows[0].period == days(0, 1)

    def test_several_reports_have_their_own_days(self) -> None:
        later = REPORT | {"sday": FIRST + 2, "eday": FIRST + 2}
        rows = read_earnings(f"{TEXT}\n{json.dumps(later)}\n").rows
        assert [each.period for each in rows] == [days(0, 2)] * 2 + [days(2, 3)] * 2


class TestRows:
    """The other report: rows by day or machine, with what referrals earned."""

    def test_a_list_is_read_as_it_is(self) -> None:
        found = row(referral_earn=5, referral_count=2, total_earn=27.375)
        assert (found.machine, found.period, found.total) == (7, None, Money("22.375"))
        assert found.extra["referral_earn"] == 5
        (daily,) = read_earnings(json.dumps({"results": [PARTS | {"day": FIRST}]})).rows
        assert (daily.machine, daily.period) == (None, days(0, 1))
        assert row(day=FIRST).period == days(0, 1)
        assert from_json(to_json(found), EarningsRow) == found

    def test_what_there_was_none_of_before_promises_is_nothing(self) -> None:
        assert row().sla == row(sla_earn=None).sla == Money(0)

    @pytest.mark.parametrize(
        ("change", "fault"),
        [
            ({"machine_id": None}, "earnings[0].machine_id: need "),
            ({"machine_id": "7"}, "earnings[0].machine_id: need "),
            ({"day": "soon"}, "earnings[0].day: need a day, counted since 1970, got 'soon'"),
            ({"day": -1}, "earnings[0].day: need a day, counted since 1970, got -1"),
            ({"day": 10**7}, "earnings[0].day: need a day, counted since 1970, got 10000000"),
            ({"sto_earn": None}, "earnings[0].sto_earn: need dollars, got nothing (null or NaN)"),
            ({"gpu_earn": []}, "earnings[0].gpu_earn: need dollars, got []"),
            ({"sla_earn": True}, "earnings[0].sla_earn: need dollars, got True"),
        ],
    )
    def test_faults_name_their_field(self, change: dict[str, Any], fault: str) -> None:
        text = json.dumps([PARTS | {"machine_id": 7} | change])
        with pytest.raises(InvalidDocument) as caught:
            read_earnings(text)
        (told,) = caught.value.faults
        assert str(told).startswith(fault)
        reading = read_earnings(text, on_error="collect")
        assert (reading.rows, reading.skipped) == ((), 1)

    def test_a_row_of_nobody(self) -> None:
        with pytest.raises(InvalidDocument, match=r"earnings\[0\]\.machine_id: .*, got none"):
            read_earnings(json.dumps([PARTS]))
        with pytest.raises(
            InvalidDocument, match=r"earnings\[0\]\.bwd_earn: need dollars, got none"
        ):
            read_earnings('[{"machine_id": 7, "gpu_earn": 1, "sto_earn": 1, "bwu_earn": 1}]')
