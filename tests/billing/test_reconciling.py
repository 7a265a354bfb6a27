"""A statement and a list of charges: what is billed and not explained, and the other way round."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest
from attrs import evolve
from hypothesis import given, strategies as st

from effort import examples
from numgenius_core.billing import (
    Charge,
    ChargeKind,
    History,
    LineKind,
    Moved,
    Prepaid,
    Reconciled,
    Reconciliation,
    Settled,
    Statement,
    Transferred,
    VolumeHistory,
    reconcile,
    reconciling,
    statement,
    volume_statement,
)
from numgenius_core.billing.metering import clipped
from numgenius_core.billing.reconciling import _KIND_OF
from numgenius_core.contracts import InstanceEvent, Volume, VolumeContract, agree
from numgenius_core.errors import RuleViolation, WrongType
from numgenius_core.intervals import Interval
from numgenius_core.listing import Listing, Machine, PriceTerms
from numgenius_core.money import ZERO, Money
from numgenius_core.offer import Block
from numgenius_core.rates import PerGb, PerGbMonth, PerGpuHour, PerHour
from numgenius_core.sla import Outage, Promise, SlaTerms, UptimeHistory, cover, settle
from numgenius_core.testing import histories

T0 = datetime(2026, 1, 5, tzinfo=UTC)
DAY = timedelta(days=1)
MACHINE = Machine(id=7, host="host", gpu_name="A100", gpus=1)
EXACT = Money(0)


def span(first: float, last: float) -> Interval:
    """Return the time from one day to another."""
    return Interval(T0 + first * DAY, T0 + last * DAY)


def bill(days: int = 5, *facts: Any) -> Statement:
    """Return what an instance of $0.389 an hour and 30 GB cost."""
    prices = PriceTerms(
        gpu=PerGpuHour("0.389"),
        storage=PerGbMonth("0.20"),
        upload=PerGb("0.02"),
        download=PerGb("0.01"),
    )
    contract = agree(
        Listing(machine=MACHINE, prices=prices),
        Block(start=0, size=1),
        id=1,
        client="ann",
        at=T0,
        disk_mb=30_000,
    )
    loaded = Moved(at=T0, event=InstanceEvent.LOADED)
    return statement(History(contract=contract, facts=[loaded, *facts]), span(0, days))


def gpu(first: float, last: float, amount: str) -> Charge:
    return Charge(kind=ChargeKind.GPU, period=span(first, last), amount=Money(amount))


DISK = Charge(kind=ChargeKind.DISK, period=span(0, 5), amount=Money("1.00"))


class TestARealRow:
    """A charge of the marketplace: "96.000 hours at $0.389/hour", 37.344."""

    def test_what_agrees(self) -> None:
        found = reconcile(bill(), [gpu(0, 4, "37.344"), gpu(4, 5, "9.336"), DISK])
        assert found.agrees
        assert found.difference == ZERO
        assert [row.difference for row in found.rows] == [ZERO] * 3

    def test_what_is_not_billed(self) -> None:
        found = reconcile(bill(), [gpu(0, 4, "37.344"), DISK])
        [row] = found.unbilled
        assert (row.kind, row.period, row.billed, row.explained) == (
            ChargeKind.GPU,
            span(4, 5),
            ZERO,
            Money("9.336"),
        )
        assert found.unexplained == ()
        assert not found.agrees

    @pytest.mark.parametrize(
        ("billed", "explained", "verdict"),
        [
            ("20", "0", "not explained"),
            ("20", "-5", "not explained"),
            ("0", "20", "not billed"),
            ("10", "20", "not billed"),
            ("0", "-5", "not credited"),
            ("-2", "-5", "not credited"),  # and not in full
            ("-20", "20", "credit not explained"),
            ("-20", "0", "credit not explained"),
            ("-20", "-5", "credit not explained"),
            ("-5", "-5", "agrees"),
        ],
    )
    def test_a_credit_is_not_called_a_bill(self, billed: str, explained: str, verdict: str) -> None:
        row = Reconciled(
            kind=ChargeKind.GPU, period=span(0, 1), billed=Money(billed), explained=Money(explained)
        )
        found = Reconciliation(rows=[row], tolerance=EXACT)
        assert found.to_dicts()[0]["verdict"] == verdict
        assert found.table().rows[0][-1] == ("" if verdict == "agrees" else verdict)

    def test_what_is_billed_twice_is_explained_once(self) -> None:
        found = reconcile(bill(), [DISK, gpu(0, 5, "46.68"), gpu(2, 4, "18.672")])
        [row] = found.unexplained
        assert (row.period, row.billed, row.explained) == (span(2, 4), Money("18.672"), ZERO)
        assert found.difference == Money("18.672")

    def test_what_is_billed_before_and_after(self) -> None:
        found = reconcile(bill(), [DISK, gpu(-1, 1, "18.672"), gpu(1, 5, "46.68")])
        assert [row.explained for row in found.unexplained] == [Money("9.336"), Money("37.344")]

    def test_what_reaches_past_the_statement_is_not_compared(self) -> None:
        """A bill of two days is right or wrong: a statement of the first of them cannot tell."""
        for amount in ("9.336", "18.672", "0"):
            found = reconcile(bill(1), [gpu(0, 2, amount), evolve(DISK, period=span(1, 3))])
            assert [row.uncovered for row in found.uncompared] == [DAY, 2 * DAY]
            assert [row["verdict"] for row in found.to_dicts()] == [
                "partly outside", "outside", "not billed",
            ]  # fmt: skip
            assert not found.agrees
            assert (found.unexplained, found.difference) == ((), Money("-0.2"))
            assert found.to_dicts()[0]["difference"] is None
            first, *_, last = found.table().rows
            assert (first[4:], last[0]) == (("", "partly outside"), "compared")
        both = reconcile(
            bill(2), [gpu(0, 2, "18.672"), evolve(DISK, period=span(0, 2), amount=Money("0.40"))]
        )
        assert both.agrees

    def test_a_gap_before_a_later_charge_ends_with_the_statement(self) -> None:
        found = reconcile(bill(1), [gpu(2, 3, "9.336"), evolve(DISK, period=span(0, 1))])
        assert [row.period for row in found.unbilled] == [span(0, 1)]

    def test_what_is_for_another_time_takes_no_part(self) -> None:
        days = [evolve(DISK, period=span(n, n + 1), amount=Money("0.20")) for n in range(5)]
        charges = [*days, *(gpu(n, n + 1, "9.336") for n in range(5))]
        whole = bill()
        third = Statement(
            contract=whole.contract,
            period=span(2, 3),
            lines=tuple(clipped(whole.lines, span(2, 3))),
        )
        found = reconcile(third, charges)
        assert found.agrees
        assert (len(found.uncompared), found.difference) == (8, ZERO)
        late = evolve(third, period=Interval(T0 + 2.5 * DAY, T0 + 3 * DAY))
        assert len(reconcile(late, [gpu(2, 3, "9.336")]).uncompared) == 1  # it had run since noon

    def test_the_day_that_is_not_over_is_charged_so_far(self) -> None:
        """Charges are for whole days: today's has the midnight to come for its end."""
        prices = bill(1).contract
        loaded = Moved(at=T0, event=InstanceEvent.LOADED)
        so_far = statement(History(contract=prices, facts=[loaded]), span(0, 1.5))
        charges = [gpu(0, 2, "14.004"), evolve(DISK, period=span(0, 2), amount=Money("0.30"))]
        assert reconcile(so_far, charges).agrees
        past = reconcile(so_far, [gpu(0, 2.25, "14.004")])
        assert [row.uncovered for row in past.uncompared] == [DAY / 4]

    def test_a_charge_that_is_too_small(self) -> None:
        found = reconcile(bill(), [DISK, gpu(0, 5, "46.67")])
        [row] = found.unbilled
        assert row.difference == Money("-0.01")

    def test_rounding_is_forgiven_up_to_the_tolerance(self) -> None:
        for amount, agrees in (("46.681", True), ("46.679", True), ("46.682", False)):
            assert reconcile(bill(), [DISK, gpu(0, 5, amount)]).agrees is agrees
        strict = reconcile(bill(), [DISK, gpu(0, 5, "46.681")], tolerance=EXACT)
        assert [row.kind for row in strict.unexplained] == [ChargeKind.GPU]
        assert reconcile(bill(), [DISK, gpu(0, 5, "46")], tolerance=Money(1)).agrees

    def test_traffic_has_kinds_of_its_own(self) -> None:
        sent = Transferred(at=T0 + DAY, sent=10**10, received=10**11)
        found = reconcile(bill(5, sent), [DISK, gpu(0, 5, "46.68")])
        assert [(row.kind.value, row.explained) for row in found.unbilled] == [
            ("bwu", Money("0.20")),
            ("bwd", Money(1)),
        ]

    def test_what_a_deposit_pays_is_charged_to_nobody(self) -> None:
        paid = Prepaid(at=T0, amount=Money(300), discount="0.2")
        found = reconcile(bill(5, paid), [DISK])
        assert found.agrees
        late = reconcile(bill(5, paid), [DISK, gpu(0, 5, "46.68")])
        assert late.difference == Money("46.68")

    def test_it_prints_what_is_wrong(self) -> None:
        found = reconcile(
            bill(),
            [
                DISK,
                gpu(0, 4, "40"),
            ],
        )
        four, fifth, all_five = span(0, 4), span(4, 5), span(0, 5)
        assert found.table().rows == (
            ("gpu", str(four), "40.000", "37.344", "2.656", "not explained"),
            ("gpu", str(fifth), "0.000", "9.336", "-9.336", "not billed"),
            ("disk", str(all_five), "1.000", "1.000", "0.000", ""),
            ("in all", "", "41.000", "47.680", "-6.680", ""),
        )
        assert found.table().title == ""
        head = ("charge", "period", "billed $", "explained $", "difference $", "")
        assert found.table().head == head
        assert found.to_dicts()[0]["billed"] == 40.0
        verdicts = [row["verdict"] for row in found.to_dicts()]
        assert verdicts == ["not explained", "not billed", "agrees"]
        assert [(row["start"], row["end"]) for row in found.to_dicts()] == [
            (each.start, each.end) for each in (four, fifth, all_five)
        ]


class TestManyCharges:
    """Each second is looked up, and no charge looks at every line."""

    @staticmethod
    def a_day_each(days: int) -> tuple[Statement, list[Charge]]:
        """Return a statement whose instance is stopped each night, and a charge for each day."""
        facts: list[Any] = []
        for day in range(days):
            noon = T0 + (day + 0.5) * DAY
            facts.append(Moved(at=noon, event=InstanceEvent.STOPPED))
            facts.append(Transferred(at=noon, sent=10**9))
            again = (InstanceEvent.STARTED, InstanceEvent.RESUMED)
            facts += [Moved(at=noon + DAY / 4, event=event) for event in again]
        found = bill(days, *sorted(facts, key=lambda fact: fact.at))
        charges = [gpu(day + 0.1, day + 0.9, "5.601") for day in range(days)]
        sent = [
            Charge(kind=ChargeKind.UPLOAD, period=span(day, day + 1), amount=Money("0.02"))
            for day in range(days)
        ]
        return found, charges + sent

    @pytest.mark.parametrize("days", [20, 40])
    def test_lines_are_read_once_for_each_charge(
        self, days: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        found, charges = self.a_day_each(days)
        read: list[Any] = []

        def counted(lines: Any, period: Interval) -> Any:
            read.extend(lines)
            return clipped(lines, period)

        monkeypatch.setattr(reconciling, "clipped", counted)
        rows = reconcile(found, charges).rows
        assert len(rows) > 2 * days
        assert len(read) <= len(found.lines) + 2 * len(rows)

    @pytest.mark.parametrize("days", [20, 40])
    def test_a_table_looks_at_each_row_a_few_times(
        self, days: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        found = reconcile(*self.a_day_each(days))
        looks: list[Reconciled] = []

        def counted(row: Reconciled) -> Money:
            looks.append(row)
            return row.billed - row.explained

        monkeypatch.setattr(Reconciled, "difference", property(counted))
        assert len(found.table().rows) == len(found.rows) + 1
        assert len(looks) <= 4 * len(found.rows)

    @given(st.data())
    def test_as_it_is_second_by_second(self, data: st.DataObject) -> None:
        """Each hour is explained by the charge of its kind that begins first, whatever they are."""
        found, _ = self.a_day_each(4)
        hours = st.integers(-10, 110)
        pairs = data.draw(st.lists(st.tuples(hours, hours), max_size=8))
        charges = [gpu(min(a, b) / 24, max(a, b) / 24, "1") for a, b in pairs if a != b]
        explained: dict[int, Money] = {}
        for hour in range(4 * 24):
            paid = Money.sum(
                line.billed
                for line in clipped(found.lines, span(hour / 24, (hour + 1) / 24))
                if line.kind is LineKind.ON_DEMAND
            )
            start = T0 + hour * timedelta(hours=1)
            over = [c for c in charges if start in c.period]
            first = min(over, key=lambda c: (c.period.start, c.period.end), default=None)
            whose = -1 if first is None else charges.index(first)
            explained[whose] = explained.get(whose, ZERO) + paid
        rows = [r for r in reconcile(found, charges).rows if r.kind is ChargeKind.GPU]
        billed = [row for row in rows if row.billed]
        assert len(billed) == len(charges)
        assert Money.sum(r.explained for r in rows if not r.billed) == explained.get(-1, ZERO)
        for index, charge in enumerate(charges):
            same = [row.explained for row in billed if row.period == charge.period]
            if charges.index(charge) == index:
                assert Money.sum(same) == explained.get(index, ZERO)


class TestAPromiseOfUptime:
    """Billing page: a promise adds one net row, "Service Credit" if negative, else "SLA Fee"."""

    COVER: ClassVar = cover(SlaTerms(promise=Promise("0.99"), target="0.95"), PerHour("3.50"))

    @classmethod
    def promised(cls, days: int) -> Statement:
        """Return the statement of an instance whose second day had six hours of outage."""
        listing = Listing(
            machine=MACHINE,
            prices=PriceTerms(gpu=PerGpuHour("3.50")),
            end=T0 + 30 * DAY,
            promise=Promise("0.99"),
        )
        contract = agree(listing, Block(start=0, size=1), id=1, client="ann", at=T0, target="0.95")
        outage = Outage(period=span(1.25, 1.5))
        uptime = UptimeHistory(rentals=[span(0, 3)], outages=[outage])
        settled = [
            Settled(at=T0 + (n + 1) * DAY, day=day)
            for n, day in enumerate(settle(cls.COVER, uptime).days)
        ]
        loaded = Moved(at=T0, event=InstanceEvent.LOADED)
        return statement(History(contract=contract, facts=[loaded, *settled]), span(0, days))

    @staticmethod
    def net(first: float, last: float, amount: Money) -> Charge:
        return Charge(kind=ChargeKind("sla"), period=span(first, last), amount=amount)

    def test_what_is_not_billed_and_not_credited_is_seen(self) -> None:
        """$0.97 a day, and a blend below 90 % gives all of a day's $84 back: $3.88 − $84."""
        bill = self.promised(4)
        compute = gpu(0, 4, "336")
        found = reconcile(bill, [compute])
        [row] = found.unexplained
        fee = bill.amount_of(LineKind.SLA_FEE)
        credit = bill.amount_of(LineKind.SERVICE_CREDIT)
        assert f"{fee + credit:.2f}" == "-80.12"
        assert (row.kind, row.billed, row.explained) == (ChargeKind.SLA, ZERO, fee + credit)
        assert found.table().rows[-2][-1] == found.to_dicts()[-1]["verdict"] == "not credited"
        assert not found.agrees
        assert reconcile(bill, [compute, self.net(0, 4, fee + credit)]).agrees
        only_fee = reconcile(bill, [compute, self.net(0, 4, fee)])
        assert only_fee.difference == -credit
        assert only_fee.unexplained[0].kind is ChargeKind.SLA

    def test_a_credit_is_in_the_row_of_its_day(self) -> None:
        bill = self.promised(4)
        fee = self.COVER.fee.charge(86_400)
        credit = bill.amount_of(LineKind.SERVICE_CREDIT)
        rows = [self.net(n, n + 1, fee + (credit if n == 1 else ZERO)) for n in range(4)]
        assert reconcile(bill, [gpu(0, 4, "336"), *rows], tolerance=EXACT).agrees

    def test_a_statement_that_begins_when_a_credit_is_settled_has_it(self) -> None:
        bill = self.promised(4)
        contract, lines = bill.contract, bill.lines
        late = Statement(
            contract=contract,
            period=span(2, 4),
            lines=tuple(line for line in lines if line.kind is LineKind.SERVICE_CREDIT),
        )
        [row] = reconcile(late, []).rows
        assert row.explained == bill.amount_of(LineKind.SERVICE_CREDIT)

    def test_a_fee_without_a_charge(self) -> None:
        bill = self.promised(1)
        [row] = reconcile(bill, [gpu(0, 1, "84")]).unbilled
        assert (row.kind, f"{row.explained:.2f}") == (ChargeKind.SLA, "0.97")


class TestAVolume:
    """A volume's charges are of a type of their own; 200 GB at $0.15 are $30 a month."""

    def test_its_charges(self) -> None:
        rented = VolumeContract(
            id=12,
            machine=1,
            host="host",
            client="ann",
            volume=Volume(size_mb=200_000, price=PerGbMonth("0.15")),
            start=T0,
        )
        month = volume_statement(VolumeHistory(contract=rented), span(0, 30))
        whole = Charge(kind=ChargeKind("volume"), period=span(0, 30), amount=Money(30))
        assert reconcile(month, [whole], tolerance=EXACT).agrees
        [row] = reconcile(month, []).unbilled
        assert (row.kind, row.explained) == (ChargeKind.VOLUME, Money(30))
        [more] = reconcile(month, [whole, DISK]).unexplained  # of an instance, not of the volume
        assert more.kind is ChargeKind.DISK


class TestAsLaws:
    """Whatever is charged: nothing is explained twice, and nothing is lost."""

    KINDS: ClassVar = {
        ChargeKind.GPU: (LineKind.ON_DEMAND, LineKind.RESERVED, LineKind.INTERRUPTIBLE),
        ChargeKind.DISK: (LineKind.STORAGE,),
        ChargeKind.UPLOAD: (LineKind.UPLOAD,),
        ChargeKind.DOWNLOAD: (LineKind.DOWNLOAD,),
        ChargeKind.SLA: (LineKind.SLA_FEE, LineKind.SERVICE_CREDIT),
        ChargeKind.VOLUME: (LineKind.VOLUME,),
    }

    def test_every_line_that_is_no_payment_has_a_kind_of_charge(self) -> None:
        payments = {LineKind.DEPOSIT, LineKind.REFUND, LineKind.FORFEIT}  # invoices, not charges
        known = [kind for kinds in self.KINDS.values() for kind in kinds]
        assert sorted(known, key=lambda kind: kind.value) == sorted(
            set(LineKind) - payments, key=lambda kind: kind.value
        )
        assert {kind for kind, charge in _KIND_OF.items() if charge in ChargeKind} == set(known)

    @given(
        history=histories(longest=40),
        cuts=st.lists(
            st.tuples(st.sampled_from(ChargeKind), st.integers(-5, 50), st.integers(1, 30))
        ),
    )
    @examples(60)
    def test_all_that_was_paid_is_explained_once(
        self, history: History, cuts: list[tuple[ChargeKind, int, int]]
    ) -> None:
        start = history.contract.start
        given_ = statement(history, Interval(start, start + timedelta(seconds=45)))
        charges = [
            Charge(
                kind=kind,
                period=Interval(
                    start + timedelta(seconds=at), start + timedelta(seconds=at + length)
                ),
                amount=Money(at + length),
            )
            for kind, at, length in cuts
        ]
        found = reconcile(given_, charges)
        for kind, lines in self.KINDS.items():
            paid = Money.sum(line.billed for line in given_.lines if line.kind in lines)
            rows = [row for row in found.rows if row.kind is kind]
            assert Money.sum(row.explained for row in rows) == paid
            billed = Money.sum(each.amount for each in charges if each.kind is kind)
            assert Money.sum(row.billed for row in rows) == billed
        assert reconcile(given_, charges[::-1]).difference == found.difference

    @given(history=histories(longest=40), cut=st.integers(1, 44))
    @examples(40)
    def test_what_is_charged_in_pieces_as_the_statement_says_agrees(
        self, history: History, cut: int
    ) -> None:
        start = history.contract.start
        edges = [start, start + timedelta(seconds=cut), start + timedelta(seconds=45)]
        parts = [Interval(edges[0], edges[1]), Interval(edges[1], edges[2])]
        charges = [
            Charge(
                kind=kind,
                period=part,
                amount=Money.sum(
                    line.billed for line in statement(history, part).lines if line.kind in lines
                ),
            )
            for part in parts
            for kind, lines in self.KINDS.items()
        ]
        whole = statement(history, Interval(edges[0], edges[2]))
        found = reconcile(whole, charges, tolerance=EXACT)
        assert found.agrees
        assert len(found.rows) == len(charges)


class TestWhatIsRefused:
    """Bad input gets one sentence."""

    @pytest.mark.parametrize(
        ("change", "path"),
        [
            ({"kind": "gpu"}, "charge.kind"),
            ({"period": T0}, "charge.period"),
            ({"amount": 3}, "charge.amount"),
        ],
    )
    def test_of_a_charge(self, change: dict[str, Any], path: str) -> None:
        known: dict[str, Any] = {
            "kind": ChargeKind.GPU,
            "period": span(0, 1),
            "amount": Money(1),
        }
        with pytest.raises(WrongType, match=rf"^{path}: need"):
            Charge(**known | change)

    def test_of_the_question(self) -> None:
        wrong: Any = 3
        calls: tuple[tuple[Callable[[], object], str], ...] = (
            (lambda: reconcile(wrong, []), "statement"),
            (lambda: reconcile(bill(), wrong), "charges"),
            (lambda: reconcile(bill(), [wrong]), r"charges\[0\]"),
            (lambda: reconcile(bill(), [], tolerance=wrong), "tolerance"),
            (lambda: Reconciliation(rows=wrong, tolerance=EXACT), r"reconciliation\.rows"),
        )
        for call, path in calls:
            with pytest.raises(WrongType, match=f"^{path}: need"):
                call()
        with pytest.raises(RuleViolation) as fault:
            reconcile(bill(), [], tolerance=Money(-1))
        assert str(fault.value) == "tolerance: need an amount of zero or more, got -1.00"
