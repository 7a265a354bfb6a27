"""What a volume cost, against a count second by second."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, cast

import pytest
from hypothesis import given, strategies as st

from effort import examples
from numgenius_core.billing import MachineWent, VolumeHistory, volume_statement
from numgenius_core.contracts import Volume, VolumeContract
from numgenius_core.errors import RuleViolation, WrongType
from numgenius_core.intervals import Interval
from numgenius_core.money import Money
from numgenius_core.rates import PerGbMonth

BEGUN = datetime(2026, 1, 1, tzinfo=UTC)
MONTH = 30 * 86_400


def at(second: int) -> datetime:
    return BEGUN + timedelta(seconds=second)


def rented(**more: Any) -> VolumeContract:
    facts: dict[str, Any] = {
        "id": 12,
        "machine": 1,
        "host": "hanna",
        "client": "anna",
        "volume": Volume(size_mb=200_000, price=PerGbMonth("0.15")),
        "start": BEGUN,
    }
    return VolumeContract(**(facts | more))


def went(second: int, online: bool) -> MachineWent:
    return MachineWent(at=at(second), online=online)


def billed(
    contract: VolumeContract, outages: list[MachineWent], deleted: int | None, since: int, to: int
) -> Fraction:
    """Return the dollars of the seconds of a period in which there was a volume to be had."""
    online, seconds = True, 0
    there = {each.at: each.online for each in outages}  # the last of one instant counts
    for second in range(to if deleted is None else min(to, deleted)):
        online = there.get(at(second), online)
        seconds += online and second >= since
    if contract.client == contract.host:
        return Fraction(0)
    a_month = Fraction(contract.price.steps, 10**12) * Fraction(contract.size_mb, 1_000)
    return a_month * seconds / MONTH


class TestAgainstTheSeconds:
    """DOMAIN 9, as storage is: "every second the instance exists and its machine is online"."""

    @given(
        moments=st.lists(st.integers(0, 60), max_size=6).map(sorted),
        first=st.booleans(),
        deleted=st.none() | st.integers(0, 80),
        edges=st.tuples(st.integers(0, 90), st.integers(1, 40)),
        client=st.sampled_from(["anna", "anna", "hanna"]),
        fee=st.sampled_from([0, Fraction(1, 4)]),
    )
    @examples(60)
    def test_each_period(
        self,
        moments: list[int],
        first: bool,
        deleted: int | None,
        edges: tuple[int, int],
        client: str,
        fee: Fraction,
    ) -> None:
        outages = [went(second, first ^ bool(place % 2)) for place, second in enumerate(moments)]
        if deleted is not None:
            deleted += moments[-1] if moments else 0
        contract = rented(client=client, platform_fee=fee)
        gone = None if deleted is None else at(deleted)
        history = VolumeHistory(contract=contract, outages=outages, deleted=gone)
        since, to = edges[0], edges[0] + edges[1]
        told = volume_statement(history, Interval(at(since), at(to)))
        right = billed(contract, outages, deleted, since, to)
        assert abs(Fraction(told.total.ticks, Money(1).ticks) - right) < Fraction(1, 10**12)
        assert told.payout + told.fee == told.total
        assert abs(told.fee.ticks - told.total.ticks * fee) <= len(told.lines)
        before = billed(contract, outages, deleted, 0, since)
        assert abs(Fraction(told.carried.ticks, Money(1).ticks) - before) < Fraction(1, 10**12)

    @given(cut=st.integers(1, 99), outage=st.integers(0, 98))
    @examples(20)
    def test_a_period_in_two_pieces_is_the_period(self, cut: int, outage: int) -> None:
        history = VolumeHistory(
            contract=rented(), outages=[went(outage, False), went(outage + 1, True)]
        )
        whole, one, two = (
            volume_statement(history, Interval(at(since), at(to)))
            for since, to in ((0, 100), (0, cut), (cut, 100))
        )
        assert one.total + two.total == whole.total
        assert two.carried == one.total
        assert sum(one.rounded() + two.rounded()) == sum(whole.rounded())


class TestWhatIsShown:
    """A statement as a person reads it."""

    def test_the_lines_in_cents(self) -> None:
        outages = [went(MONTH // 2, False), went(MONTH, True)]
        history = VolumeHistory(contract=rented(), outages=outages)
        told = volume_statement(history, Interval(BEGUN, at(2 * MONTH)))
        assert told.rounded() == (Decimal("15.00"), Decimal("30.00"))
        table = told.table()
        assert table.title == (
            "volume 12, 200,000 MB at 0.15 $/GB-month, "
            "2026-01-01 00:00:00 … 2026-03-02 00:00:00 UTC"
        )
        assert table.head == ("from (UTC)", "quantity", "billed $")
        assert table.rows == (
            ("2026-01-01 00:00:00", "1,296,000 seconds", "15.00"),
            ("2026-01-31 00:00:00", "2,592,000 seconds", "30.00"),
            ("in all", "", "45.00"),
        )

    def test_hour_by_hour_the_cents_add_up_to_those_of_the_time(self) -> None:
        history = VolumeHistory(contract=rented())  # 4 1/6 cents an hour
        hours = [
            volume_statement(history, Interval(at(3_600 * hour), at(3_600 * (hour + 1))))
            for hour in range(4)
        ]
        assert hours[0].rounded() == (Decimal("0.04"),)
        assert hours[0].rounded(3) == (Decimal("0.042"),)
        assert sum(sum(hour.rounded()) for hour in hours) == Decimal("0.17")

    def test_a_volume_has_no_other_list_price(self) -> None:
        [line] = volume_statement(VolumeHistory(contract=rented()), Interval(at(0), at(9))).lines
        assert line.rate == line.list_rate == PerGbMonth("0.15")


class TestWhatIsRefused:
    """Bad input is refused with its place."""

    @pytest.mark.parametrize(
        ("outages", "deleted", "path", "need", "got"),
        [
            ([went(-1, False)], None, "outages[0]", 0, -1),
            ([went(9, False), went(8, True)], None, "outages[1]", 9, 8),
            ([went(9, False)], at(8), "deleted", 9, 8),
            ([], at(-1), "deleted", 0, -1),
        ],
    )
    def test_what_is_out_of_order(
        self, outages: list[MachineWent], deleted: datetime | None, path: str, need: int, got: int
    ) -> None:
        with pytest.raises(RuleViolation) as refused:
            VolumeHistory(contract=rented(), outages=outages, deleted=deleted)
        text = f"volume_history.{path}: need an instant from {at(need)} on, got {at(got)}"
        assert str(refused.value) == text

    def test_what_may_be_at_one_instant(self) -> None:
        outages = [went(0, False), went(0, True)]
        history = VolumeHistory(contract=rented(), outages=outages, deleted=BEGUN)
        assert not volume_statement(history, Interval(BEGUN, at(5))).lines

    def test_other_types(self) -> None:
        with pytest.raises(WrongType, match=r"outages\[0\]"):
            VolumeHistory(contract=rented(), outages=cast("Any", [5]))
        with pytest.raises(WrongType, match="history"):
            volume_statement(cast("Any", 5), Interval(BEGUN, at(1)))
        with pytest.raises(WrongType, match="period"):
            volume_statement(VolumeHistory(contract=rented()), cast("Any", 5))
