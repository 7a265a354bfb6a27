"""Charges and invoices: what an account was billed and what it paid, as its client prints them."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest
from attrs import evolve

from numgenius_core import Block, History, Interval, Listing, Machine, Money, PerGpuHour, PriceTerms
from numgenius_core.billing import Charge, ChargeKind, Moved, reconcile, statement
from numgenius_core.contracts import InstanceEvent, agree
from numgenius_core.documents import from_json, to_json
from numgenius_core.errors import InvalidDocument, ParseError, RuleViolation, WrongType
from numgenius_core.rates import PerGbMonth
from numgenius_core.wire import (
    Invoice,
    read_charges,
    read_earnings,
    read_instances,
    read_invoices,
    read_machines,
    read_offers,
    read_volumes,
)

DAY = 86_400
T0 = 1_767_225_600  # 1 January 2026
START = datetime(2026, 1, 1, tzinfo=UTC)
# The published example: a row of four days, whose end is three days after its start.
ITEMS: list[dict[str, Any]] = [
    {
        "type": "gpu",
        "description": "96.000 hours at $0.389/hour",
        "amount": 37.344,
        "start": T0,
        "end": T0 + 3 * DAY,
        "source": None,
        "metadata": {},
        "items": [],
    },
    {
        "type": "disk",
        "description": "96.000 hours at $0.008/hour",
        "amount": 0.8,
        "start": T0,
        "end": T0 + 3 * DAY,
        "source": None,
    },
    {"type": "bwu", "description": "10.000 GB at $0.020/GB", "amount": 0.2},
    {"type": "bwd", "description": "7.700 GB at $0.010/GB", "amount": 0.077},
]
ROW: dict[str, Any] = {
    "start": T0,
    "end": T0 + 3 * DAY,
    "type": "instance",
    "source": "instance-7",
    "description": "Instance 7 Charges - 4 days",
    "amount": 38.421,
    "metadata": {"label": "mine", "template_id": 5},
    "items": ITEMS,
}
PAYOUT: dict[str, Any] = {
    "type": "payout",
    "source": "wise",
    "description": "Payout",
    "amount": 120.5,
    "start": T0 + 8 * DAY,
    "end": None,
    "metadata": {"invoice_id": 31, "service": "wise_manual"},
    "items": [],
}


def days(first: float, last: float) -> Interval:
    return Interval(START + timedelta(days=first), START + timedelta(days=last))


def summed(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row, and those within it, with what its items add up to."""
    if not row.get("items"):
        return row
    items = [summed(each) for each in row["items"]]
    total = sum((Decimal(str(each["amount"])) for each in items), Decimal(0))
    return row | {"items": items, "amount": float(total)}


def charges(*rows: dict[str, Any]) -> tuple[Charge, ...]:
    """Return the charges of rows whose amounts are what their items add up to."""
    return read_charges(json.dumps([summed(row) for row in rows])).rows


def item(**fields: Any) -> Charge:
    """Return the charge of a row's only item."""
    (found,) = charges(ROW | {"items": [ITEMS[0] | fields]})
    return found


def refusal(call: Callable[[], object]) -> list[str]:
    with pytest.raises(InvalidDocument) as caught:
        call()
    return [str(fault) for fault in caught.value.faults]


class TestCharges:
    """The API: a row has an item for each thing charged; its ``end`` is 00:00 of its last day."""

    def test_each_item_is_a_charge_of_its_contract(self) -> None:
        found = charges(ROW)
        assert [(each.kind.value, each.amount) for each in found] == [
            ("gpu", Money("37.344")),
            ("disk", Money("0.8")),
            ("bwu", Money("0.2")),
            ("bwd", Money("0.077")),
        ]
        assert {(each.contract, each.period) for each in found} == {(7, days(0, 4))}

    def test_nothing_of_a_row_is_lost(self) -> None:
        for index, each in enumerate(charges(ROW)):
            (row,), (own,) = each.extra["rows"], each.extra["items"]
            assert row == {key: value for key, value in ROW.items() if key != "items"}
            assert json.loads(json.dumps(own)) == ITEMS[index]
        odd = ROW | {"fee": {"eur": [1, None]}, "items": [ITEMS[0] | {"odd": float("nan")}]}
        (found,) = charges(odd)
        assert found.source == "instance-7"
        assert found.extra["rows"][0]["fee"] == {"eur": (1, None)}
        assert found.extra["items"][0]["odd"] is None  # JSON has no NaN

    def test_a_row_of_one_day(self) -> None:
        (found,) = charges(ROW | {"end": T0, "items": ITEMS[2:3]})
        assert found.period == days(0, 1)

    @pytest.mark.parametrize(
        ("first", "last", "text", "period"),
        [
            (0, 3, "96.000 hours at $0.389/hour", days(0, 4)),
            (0, 3, "70.500 hours at $0.389/hour", days(0, 4)),
            (0, 3, "", days(0, 4)),
            (1, 1, "24.000 hours at $0.389/hour", days(1, 2)),
            # What it says fills the time up to its end, so it is not for the day that begins there.
            (1, 2, "24.000 hours at $0.389/hour", days(1, 2)),
            (0, 3, "72.000 hours at $0.389/hour", days(0, 3)),
            # What is no midnight is meant as it stands.
            (0.25, 2.5, "54.000 hours at $0.389/hour", days(0.25, 2.5)),
            (0.25, 3, "1.000 hour at $0.389/hour", days(0.25, 3)),
            (0, 2.5, "", days(0, 2.5)),
            # More hours than up to the midnight it ends with: that day is meant whole.
            (0.25, 3, "90.000 hours at $0.389/hour", days(0.25, 4)),
            (0.25, 3, "66.000 hours at $0.389/hour", days(0.25, 3)),
            # Hours as people write them, with commas.
            (0, 42, "1,008.000 hours at $0.389/hour", days(0, 42)),
            (0, 42, "1,032.000 hours at $0.389/hour", days(0, 43)),
            (0.25, 42, "1,026.000 hours at $0.389/hour", days(0.25, 43)),
        ],
    )
    def test_the_time_of_an_item(
        self, first: float, last: float, text: str, period: Interval
    ) -> None:
        times = {"start": T0 + first * DAY, "end": T0 + last * DAY}
        assert item(**times, description=text).period == period

    @pytest.mark.parametrize(("late", "last"), [(1, 3), (2, 4)])
    def test_hours_of_three_digits_are_rounded_by_less_than_two_seconds(
        self, late: int, last: int
    ) -> None:
        """72.000 hours are three days less a second; less two they would be 71.999."""
        found = item(start=T0 + late, end=T0 + 3 * DAY, description="72.000 hours at $1/hour")
        assert found.period == Interval(START + timedelta(seconds=late), days(0, last).end)

    def test_an_instant_is_a_second(self) -> None:
        at = T0 + 0.5 * DAY
        noon = START + timedelta(hours=12)
        assert item(start=at, end=at).period == Interval(noon, noon + timedelta(seconds=1))

    def test_an_item_without_times_has_those_of_its_row(self) -> None:
        for missing in ({"start": None, "end": None}, {"start": None}, {"end": None}):
            assert item(**missing).period == days(0, 4)

    def test_an_item_that_says_one_of_its_times_has_the_other_of_its_row(self) -> None:
        assert item(start=T0 + DAY, end=None).period == days(1, 4)
        assert item(start=None, end=T0 + 1.5 * DAY).period == days(0, 1.5)
        assert item(start=None, end=T0 + DAY, description="48.000 hours at $1/hour").period == (
            days(0, 2)
        )
        late = json.dumps(
            [summed(ROW | {"items": [ITEMS[0] | {"start": T0 + 4 * DAY, "end": None}]})]
        )
        (fault,) = refusal(lambda: read_charges(late))
        assert fault == (
            "charges[0].items[0].start: need an instant before 2026-01-05 00:00:00+00:00, the end "
            "of its row, got 2026-01-05 00:00:00+00:00"
        )

    def test_times_are_floored_and_may_be_words(self) -> None:
        assert item(start=T0 + 60.9, end=T0 + 120.2).period.seconds == 60
        row = ROW | {"start": "2026-01-01T01:00:00+01:00", "items": ITEMS[2:]}
        assert charges(row)[0].period == days(0, 4)
        naive = json.dumps([summed(row | {"start": "2026-01-01 00:00:00.75"})])
        (fault,) = refusal(lambda: read_charges(naive))
        assert fault.startswith(
            "charges[0].start: need an ISO 8601 time with an offset (naive='utc'"
        )
        assert read_charges(naive, naive="utc").rows[0].period == days(0, 4)

    def test_what_is_for_one_thing_and_one_time_in_a_row_is_one_charge(self) -> None:
        """A price that changed within a row: two items, which one statement explains together."""
        dearer = ITEMS[0] | {"description": "48.000 hours at $0.778/hour", "amount": 0.1}
        (found,) = charges(ROW | {"items": [ITEMS[0], dearer]})
        assert (found.amount, found.period) == (Money("37.444"), days(0, 4))
        assert [each["amount"] for each in found.extra["items"]] == [37.344, 0.1]
        two = [ITEMS[0] | {"source": f"instance-{n}", "amount": n} for n in (7, 8, 7)]
        apart = charges(ROW | {"type": "serverless", "source": "serverless-3", "items": two})
        assert [(each.contract, each.amount) for each in apart] == [(7, Money(14)), (8, Money(8))]
        twice = charges(ROW, ROW)
        assert len(twice) == 8  # a row that comes twice is two

    def test_a_contract_may_have_the_number_0(self) -> None:
        (found,) = charges(ROW | {"source": "instance-0", "items": ITEMS[:1]})
        assert found.contract == 0
        inner = [ROW | {"source": "instance-0", "items": ITEMS[:1]}]
        assert charges(ROW | {"type": "serverless", "items": inner})[0].contract == 0

    @pytest.mark.parametrize(
        ("source", "contract"),
        [
            ("instance-7", 7),
            ("Instance-7", 7),
            (" volume-7 ", 7),
            ("serverless-7", None),
            ("network_volume-7", None),
            ("7", None),
        ],
    )
    def test_a_source_is_kept_as_it_is_named(self, source: str, contract: int | None) -> None:
        (found,) = charges(ROW | {"source": source, "items": ITEMS[:1]})
        assert (found.contract, found.source) == (contract, source.strip())
        own = {"source": source}
        (found,) = charges(ROW | {"source": "instance-8", "items": [ITEMS[0] | own]})
        assert (found.contract, found.source) == (contract, source.strip())

    def test_what_a_row_bills_beyond_its_items_is_a_fault(self) -> None:
        """The API: the items of a row add up to its amount, each rounded to a tenth of a cent."""
        for amount, right in (
            *((38.421, True), (38.426, True), (38.416, True)),  # five are rounded: four and the sum
            *((38.426001, False), (38.415999, False), (0, False)),
        ):
            text = json.dumps([ROW | {"amount": amount}])
            if right:
                assert len(read_charges(text).rows) == 4
                continue
            (fault,) = refusal(lambda: read_charges(text))  # noqa: B023
            need = "charges[0].amount: need what its items add up to, 38.421, got "
            assert fault == f"{need}{Money(str(amount))}"
        one = json.dumps([ROW | {"items": ITEMS[:1]}])
        assert len(refusal(lambda: read_charges(one))) == 1
        within = json.dumps([ROW | {"type": "serverless", "amount": 1, "items": [ROW]}])
        assert len(refusal(lambda: read_charges(within))) == 1

    def test_volumes(self) -> None:
        row = ROW | {"type": "volume", "source": "volume-12", "amount": 1.5}
        whole, parts = charges(row | {"items": []}, row | {"items": ITEMS[1:2]})
        assert (whole.kind, whole.contract, whole.amount) == (ChargeKind.VOLUME, 12, Money("1.5"))
        assert (parts.kind, parts.contract, parts.amount) == (ChargeKind.VOLUME, 12, Money("0.8"))
        assert whole.extra["items"] == ()
        assert whole.extra["rows"][0]["source"] == "volume-12"

    @pytest.mark.parametrize(
        ("fields", "amount"),
        [
            ({"type": "sla", "description": "SLA Fee", "amount": 0.97}, "0.97"),
            ({"type": "sla_fee", "description": None, "amount": 0.97}, "0.97"),
            ({"type": "credit", "description": "Service Credit", "amount": -80.123}, "-80.123"),
        ],
    )
    def test_the_net_of_a_promise_is_known_by_its_title(
        self, fields: dict[str, Any], amount: str
    ) -> None:
        """Billing page: "Service Credit" if negative, else "SLA Fee"; its type is not published."""
        found = item(**fields)
        assert (found.kind, found.amount, found.contract) == (ChargeKind.SLA, Money(amount), 7)

    def test_the_net_of_a_promise_as_a_row_of_its_own(self) -> None:
        row = ROW | {"description": "Service Credit", "amount": -42, "items": []}
        (found,) = charges(row)
        assert (found.kind, found.amount, found.period) == (ChargeKind.SLA, Money(-42), days(0, 4))

    def test_rows_within_rows(self) -> None:
        """A serverless endpoint holds instances, each with its items."""
        inner = [ROW | {"source": "instance-8"}, ROW | {"source": "instance-9", "items": ITEMS[:1]}]
        found = charges(ROW | {"type": "serverless", "source": "endpoint-3", "items": inner})
        assert [(each.contract, each.kind.value) for each in found] == [
            *((8, kind) for kind in ("gpu", "disk", "bwu", "bwd")),
            (9, "gpu"),
        ]
        assert [row["source"] for row in found[-1].extra["rows"]] == ["endpoint-3", "instance-9"]

    def test_amounts_are_exact_and_may_be_text(self) -> None:
        for amount, exact in ((0.1, "0.1"), ("38.421", "38.421"), (-0.0004, "-0.0004"), (3, "3")):
            assert item(amount=amount).amount == Money(exact)

    def test_what_charges_nothing_and_has_no_items_is_no_charge(self) -> None:
        assert charges(ROW | {"amount": 0, "items": []}, ROW | {"amount": 0.0, "items": None}) == ()

    @pytest.mark.parametrize(
        ("change", "fault"),
        [
            ({"type": 5}, "charges[1].type: need text, got 5"),
            ({"start": None}, "charges[1].start: need an instant, got nothing (null or NaN)"),
            ({"end": "soon"}, "charges[1].end: need an ISO 8601 time with an offset, got 'soon'"),
            ({"end": T0 - 1}, "charges[1].end: need an instant from 2026-01-01 00:00:00+00:00 on"),
            ({"amount": "much"}, "charges[1].amount: need dollars"),
            ({"amount": None}, "charges[1].amount: need dollars"),
            ({"source": 7}, "charges[1].source: need text, got 7"),
            ({"source": f"instance-{2**63}"}, "charges[1].source: need "),
            ({"items": 5}, "charges[1].items: need a list, got 5"),
            ({"items": []}, "charges[1].items: need the items of what is charged, got []"),
            ({"items": [5]}, "charges[1].items[0]: need an item of a row (a JSON object), got 5"),
            ({"items": [ITEMS[0] | {"type": "x"}]}, "charges[1].items[0].type: need one of gpu"),
            ({"items": [ITEMS[0] | {"type": None}]}, "charges[1].items[0].type: need one of gpu"),
            ({"items": [ITEMS[0] | {"type": 5}]}, "charges[1].items[0].type: need text, got 5"),
            ({"items": None, "amount": ""}, "charges[1].amount: need dollars"),
            ({"items": [ITEMS[0] | {"amount": True}]}, "charges[1].items[0].amount: need dollars"),
            ({"items": [ITEMS[0] | {"end": []}]}, "charges[1].items[0].end: need Unix seconds"),
        ],
    )
    def test_faults_name_their_field(self, change: dict[str, Any], fault: str) -> None:
        text = json.dumps([ROW, ROW | change])
        told = refusal(lambda: read_charges(text))
        assert [each.startswith(fault) for each in told] == [True]
        reading = read_charges(text, on_error="collect")
        assert (len(reading.rows), reading.skipped) == (4, 1)  # a row is left out whole
        assert [str(each) for each in reading.faults] == told

    def test_all_faults_together_with_the_lines_that_they_stand_in(self) -> None:
        bad = ROW | {"amount": None, "items": [ITEMS[0] | {"amount": "x"}, {"type": "disk"}]}
        text = f"{json.dumps(ROW)}\n{json.dumps(bad)}\n5\n"
        assert [fault.partition(": ")[0] for fault in refusal(lambda: read_charges(text))] == [
            "line 2, amount",
            "line 2, items[0], amount",
            "line 2, items[1], amount",
            "line 3",
        ]

    def test_a_charge_is_checked_and_is_a_document(self) -> None:
        known = charges(ROW)[0]
        assert from_json(to_json(known), Charge) == known
        with pytest.raises(RuleViolation, match=r"charge\.contract"):
            evolve(known, contract=-1)
        with pytest.raises(WrongType, match=r"charge\.extra: need a JSON object"):
            evolve(known, extra=cast("Any", 5))

    def test_a_long_row_takes_no_more_than_its_length(self) -> None:
        """Each charge has its row, which is held once: copies of a hostile one fill a machine."""
        row = ROW | {"metadata": {"note": "x" * 1_000_000}}
        many: list[dict[str, Any]] = [
            {"type": "bwu", "amount": 1, "start": T0 + 60 * n, "end": T0 + 60 * n + 30}
            for n in range(1, 5_000)
        ]
        found = charges(row | {"items": many})
        assert len(found) == 4_999
        assert len({id(each.extra["rows"]) for each in found}) == 1


class TestReconciled:
    """From a downloaded file to what is billed and not explained."""

    def history(self, number: int) -> History:
        prices = PriceTerms(gpu=PerGpuHour("0.389"), storage=PerGbMonth("0.2"))
        machine = Machine(id=1, host="hanna", gpu_name="A100", gpus=2)
        contract = agree(
            Listing(machine=machine, prices=prices),
            Block(start=0, size=1),
            id=number,
            client="ann",
            at=START,
            disk_mb=30_000,
        )
        return History(contract=contract, facts=[Moved(at=START, event=InstanceEvent.LOADED)])

    def test_the_list_of_an_account_explains_each_of_its_instances(self) -> None:
        rows = [summed(ROW | {"source": f"instance-{n}", "items": ITEMS[:2]}) for n in (7, 8)]
        billed = read_charges(json.dumps({"results": rows})).rows
        for number in (7, 8):
            found = reconcile(statement(self.history(number), days(0, 4)), billed)
            assert found.agrees
            assert len(found.rows) == 2
        other = reconcile(statement(self.history(9), days(0, 4)), billed)
        assert [row.billed for row in other.rows] == [Money(0), Money(0)]

    @pytest.mark.parametrize("source", ["serverless-3", "network_volume-7"])
    def test_what_names_something_else_than_a_contract_is_of_no_statement(
        self, source: str
    ) -> None:
        mine, other = ROW | {"items": ITEMS[:2]}, ROW | {"source": source, "items": ITEMS[:2]}
        found = reconcile(statement(self.history(7), days(0, 4)), charges(mine, other))
        assert found.agrees
        assert len(found.rows) == 2

    def test_a_charge_that_does_not_say_whose_it_is_may_be_of_any(self) -> None:
        billed = charges(ROW | {"source": None, "items": ITEMS[:2]})
        assert {each.contract for each in billed} == {None}
        assert reconcile(statement(self.history(7), days(0, 4)), billed).agrees


class TestInvoices:
    """The API: ``start`` is when it was made, ``end`` when it was paid, null if it is not."""

    def invoice(self, **more: Any) -> Invoice:
        (found,) = read_invoices(json.dumps([PAYOUT | more])).rows
        return found

    def test_each_field_has_its_place(self) -> None:
        found = self.invoice(unknown=[1])
        assert (found.kind, found.amount, found.number) == ("payout", Money("120.5"), "31")
        assert (found.at, found.paid) == (START + timedelta(days=8), None)
        assert (found.service, found.contract) == ("wise_manual", None)
        assert json.loads(json.dumps(found.extra)) == PAYOUT | {"unknown": [1]}
        assert from_json(to_json(found), Invoice) == found

    def test_signs_are_those_of_the_row(self) -> None:
        topped = self.invoice(type="credit", amount=-25.0, end=T0 + 8 * DAY)
        assert (topped.kind, topped.amount, topped.paid) == ("credit", Money(-25), topped.at)

    def test_a_prepayment_names_its_instance(self) -> None:
        found = self.invoice(type="reserved", source="instance-7", metadata={"invoice_id": "7-0"})
        assert (found.contract, found.number, found.service) == (7, "7-0", "")
        assert self.invoice(metadata=None).number == ""

    @pytest.mark.parametrize(
        ("change", "fault"),
        [
            ({"type": None}, "invoices[0].type: need text, got nothing (null or NaN)"),
            ({"type": ""}, "invoices[0].type: need text, got ''"),
            ({"amount": float("inf")}, "invoices[0].amount: need a finite number"),
            ({"start": None}, "invoices[0].start: need an instant"),
            ({"end": -1}, "invoices[0].end: need Unix seconds"),
            ({"metadata": 5}, "invoices[0].metadata: need an object, got 5"),
            ({"metadata": {"invoice_id": []}}, "invoices[0].metadata: need text, got []"),
        ],
    )
    def test_faults_name_their_field(self, change: dict[str, Any], fault: str) -> None:
        text = json.dumps([PAYOUT | change]).replace("Infinity", "1e999")
        (told,) = refusal(lambda: read_invoices(text))
        assert told.startswith(fault)
        reading = read_invoices(text, on_error="collect")
        assert (reading.rows, reading.skipped) == ((), 1)


OLDER = {
    "type": "charge",
    "description": "instance 7 gpu",
    "quantity": "24.000",
    "rate": "0.389",
    "amount": 9.336,
    "timestamp": T0,
}
EARNED = {"machine_id": 7, "gpu_earn": 1, "sto_earn": 2, "bwu_earn": 3, "bwd_earn": 4}
VOLUME = {"id": 12, "machine_id": 7, "disk_space": 10, "storage_total_cost": 0.1, "instances": []}
OFFER = {"id": 1, "machine_id": 2, "gpu_name": "A", "num_gpus": 1, "dph_base": 1, "dph_total": 1}
INSTANCE = OFFER | {"actual_status": "running"}
KINDS: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    "charges": (read_charges, ROW),
    "invoices": (read_invoices, PAYOUT),
    "earnings": (read_earnings, EARNED),
    "volumes": (read_volumes, VOLUME),
    "offers": (read_offers, OFFER),
    "instances": (read_instances, INSTANCE),
    "machines": (read_machines, {"id": 1, "listed_gpu_cost": 1, "gpu_name": "A", "num_gpus": 1}),
}
HOLDERS = {"charges": "results", "invoices": "results", "earnings": "per_machine"}
own_rows = pytest.mark.parametrize("word", ["charges", "invoices", "earnings", "volumes"])


class TestEveryReaderOfRows:
    """What all readers of the marketplace's rows take, refuse and name, by one policy."""

    @own_rows
    def test_every_source(self, word: str, tmp_path: Path) -> None:
        read, row = KINDS[word]
        expected = read(json.dumps([row])).rows
        assert expected
        held = {HOLDERS.get(word, word): [row], "success": True, "next_token": "abc"}
        path = tmp_path / "rows.json"
        path.write_text(json.dumps(held))
        for source in (
            path,
            json.dumps(held).encode("utf-16"),
            gzip.compress(json.dumps([row]).encode()),
            io.BytesIO(json.dumps(held).encode()),
            json.dumps(row) + "\n",
            json.dumps(row),
        ):
            assert read(source).rows == expected
        assert read(f"{json.dumps(row)}\n{json.dumps(row)}\n").rows == expected * 2
        assert read(f"{json.dumps([row])}\n{json.dumps([row])}\n").rows == expected * 2
        assert read("[]").rows == ()
        with pytest.raises(ParseError, match="an empty document"):
            read("")
        with pytest.raises(ParseError, match=f"need JSON of {word}, as show .* --raw prints it"):
            read("a,b\n1,2\n")

    @own_rows
    def test_what_an_answer_says_beside_its_rows_is_kept(self, word: str) -> None:
        read, row = KINDS[word]
        key = HOLDERS.get(word, word)
        pages = [{key: [row], "next_token": token, "total": 2} for token in ("abc", None)]
        reading = read(json.dumps(pages[0]))
        assert dict(reading.extra) == {"next_token": "abc", "total": 2}
        whole = read("\n".join(map(json.dumps, pages)))
        assert (len(whole.rows), whole.extra["next_token"]) == (2 * len(reading.rows), None)
        assert read(json.dumps(pages)).rows == whole.rows
        assert read(json.dumps({key: [], "next_token": None})).extra == {"next_token": None}

    @pytest.mark.parametrize("on_error", ["raise", "collect"])
    @pytest.mark.parametrize("wanted", KINDS)
    @pytest.mark.parametrize("word", KINDS)
    def test_each_is_named_to_the_reader_of_another(
        self, word: str, wanted: str, on_error: str
    ) -> None:
        (_, row), (read, _) = KINDS[word], KINDS[wanted]
        name = KINDS[word][0].__name__
        for text in (
            json.dumps([row]),
            json.dumps({HOLDERS.get(word, word): [row], "success": True}),
        ):
            if word == wanted:
                read(text, on_error=on_error)
                continue
            with pytest.raises(ParseError) as caught:
                read(text, on_error=on_error)
            assert f"need {wanted}, got {word}, as " in str(caught.value)
            assert str(caught.value).endswith(f" --raw prints them ({name} reads them)")

    @pytest.mark.parametrize(
        "wanted", [word for word in KINDS if word not in ("offers", "instances")]
    )
    def test_an_offer_of_few_fields_is_named_too(self, wanted: str) -> None:
        read, _ = KINDS[wanted]
        offer = {"id": 1, "gpu_name": "A100", "num_gpus": 1, "dph_base": 1.0}
        for text in (json.dumps([offer]), json.dumps(offer | {"machine_id": 7})):
            with pytest.raises(ParseError, match=rf"need {wanted}, got offers, as search offers"):
                read(text)

    def test_a_field_that_says_nothing_is_told_by_what_may_stand_there(self) -> None:
        for said in (None, float("nan")):
            with pytest.raises(InvalidDocument, match=r"got nothing \(null or NaN\)"):
                read_charges(json.dumps([ROW | {"amount": said}]))

    @pytest.mark.parametrize("wanted", KINDS)
    def test_the_older_report_names_no_period(self, wanted: str) -> None:
        read, _ = KINDS[wanted]
        for text in (json.dumps([OLDER]), json.dumps({"invoices": [OLDER], "current": {}})):
            with pytest.raises(ParseError, match="of no period: show invoices-v1 says it"):
                read(text)

    def test_offers_of_disk_are_no_offers_of_gpus(self) -> None:
        disk = {"id": 1, "machine_id": 2, "disk_space": 5, "storage_total_cost": 0.1}
        with pytest.raises(ParseError, match="got volumes, as show volumes --raw prints them"):
            read_offers(json.dumps({"offers": [disk | {"ask_contract_id": 1}]}))

    @own_rows
    def test_errors_of_the_marketplace_say_their_words(self, word: str) -> None:
        read, _ = KINDS[word]
        with pytest.raises(ParseError, match="the marketplace's error 401: 'Invalid user key'"):
            read('{"error": true, "status_code": 401, "msg": "Invalid user key"}')
        key = HOLDERS.get(word, word)
        for failed in ({"success": False}, {"error": "bad", "success": False}, {"error": True}):
            told = failed | {"msg": "Invalid date range", key: []}
            with pytest.raises(ParseError, match="the marketplace's error: 'Invalid date range'"):
                read(json.dumps(told))

    @own_rows
    def test_words_that_are_none(self, word: str) -> None:
        read, _ = KINDS[word]
        with pytest.raises(RuleViolation, match="on_error: need 'raise' or 'collect'"):
            read("[]", on_error="skip")
        if word == "earnings":
            with pytest.raises(RuleViolation, match="by: need 'machine' or 'day', got 'week'"):
                read_earnings("[]", by="week")  # type: ignore[arg-type]
            return
        with pytest.raises(RuleViolation, match="naive: need 'refuse' or 'utc', got 'local'"):
            read("[]", naive="local")
