"""The published example of two contracts, from the listing to the last statement, in one go."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from numgenius_core.billing import History, Moved, Statement, focus_rows, runs_out, statement
from numgenius_core.contracts import (
    Contract,
    InstanceEvent,
    InstanceState,
    agree,
    client_end,
    extend,
)
from numgenius_core.gpus import rentable_blocks
from numgenius_core.ids import AccountId, ContractId, MachineId
from numgenius_core.intervals import Interval
from numgenius_core.listing import Listing, Machine, PriceTerms
from numgenius_core.maintenance import (
    MaintenanceWindow,
    PlanAction,
    backfill_plan,
    best_window,
    notices,
)
from numgenius_core.maintenance.windows import free_time
from numgenius_core.money import Money
from numgenius_core.rates import PerGpuHour

MACHINE = Machine(id=MachineId(1), host=AccountId("host"), gpu_name="A100", gpus=4)
MARCH, JUNE = datetime(2026, 3, 31, tzinfo=UTC), datetime(2026, 6, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)


def day(month: int, number: int) -> datetime:
    return datetime(2026, month, number, tzinfo=UTC)


def listing(price: str, end: datetime) -> Listing:
    return Listing(machine=MACHINE, prices=PriceTerms(gpu=PerGpuHour(price)), end=end, min_gpu=2)


def rent(from_listing: Listing, number: int, client: str, at: datetime, held: int) -> Contract:
    """Rent the first pair of GPUs that is free."""
    pair = next(each for each in rentable_blocks(4, 2, occupied=held) if each.size == 2)
    return agree(from_listing, pair, id=ContractId(number), client=AccountId(client), at=at)


def life(contract: Contract) -> History:
    return History(contract=contract, facts=(Moved(at=contract.start, event=InstanceEvent.LOADED),))


def months_of(contract: Contract) -> list[Statement]:
    """Return its statement of each calendar month of the half-year."""
    edges = [day(month, 1) for month in range(1, 8)]
    return [statement(life(contract), Interval(a, b)) for a, b in pairwise(edges)]


class TestTheTwoContractExampleFromListingToLastStatement:
    """DOMAIN 11, the published example.

    "4×A100 at $2.00/GPU/h until 31 March. 5 Jan: A rents 2. 20 Jan: relisted at $2.50 until
    30 June. 1 Feb: B rents 2. A keeps $2.00 to 31 March, B has $2.50 to 30 June; the machine is
    committed until 30 June."
    """

    def test_listed_rented_relisted_maintained_and_billed(self) -> None:
        first, relisted = listing("2.00", MARCH), listing("2.50", JUNE)
        assert [each.size for each in rentable_blocks(4, 2)] == [2, 2, 4]
        a = rent(first, 1, "A", day(1, 5), held=0)

        answer = extend([a], relisted, at=day(1, 20))
        assert str(answer) == "extended: 0"
        (asked,) = answer.pending
        assert [str(part) for part in asked.raised] == ["gpu 2.00 → 2.50"]

        b = rent(relisted, 2, "B", day(2, 1), held=a.block.gpu_set)
        assert not rentable_blocks(4, 2, occupied=a.block.gpu_set | b.block.gpu_set)
        assert (a.prices.gpu, a.end) == (PerGpuHour("2.00"), MARCH)
        assert (b.prices.gpu, b.end) == (PerGpuHour("2.50"), JUNE)
        assert client_end([a, b]) == JUNE

        plan = backfill_plan(relisted, [a, b], 6 * HOUR, now=day(2, 2))
        assert (plan.client_end, plan.window.start, plan.waiting_for) == (JUNE, JUNE, (2, 1))
        assert PlanAction.UNLIST in {step.action for step in plan.steps if step.at == JUNE}
        half_year = Interval(day(1, 1), day(7, 1))
        assert free_time([a, b], half_year) == (
            Interval(day(1, 1), day(1, 5)),
            Interval(JUNE, day(7, 1)),
        )
        later = Interval(day(2, 2), day(7, 1))
        assert best_window([a, b], 6 * HOUR, later).window == plan.window
        told = notices(MACHINE.id, MaintenanceWindow(period=Interval(day(3, 1), day(3, 2))), [a, b])
        assert [(each.client, each.charge) for each in told] == [
            ("A", Money(96)),
            ("B", Money(120)),
        ]

        bills = {str(contract.client): months_of(contract) for contract in (a, b)}
        paid = {client: [bill.total for bill in months] for client, months in bills.items()}
        days = {"A": [27, 28, 30, 0, 0, 0], "B": [0, 28, 31, 30, 31, 29]}
        assert paid == {
            "A": [Money(2 * 2 * 24 * count) for count in days["A"]],
            "B": [Money("2.50") * 2 * 24 * count for count in days["B"]],
        }
        assert (sum(paid["A"], Money(0)), sum(paid["B"], Money(0))) == (Money(8_160), Money(17_880))
        assert [life(each).state_at(JUNE) for each in (a, b)] == [InstanceState.EXPIRED] * 2
        assert runs_out([life(a), life(b)], Money(8_160 + 17_880), at=day(1, 1)) == JUNE
        rows = [
            row
            for months in bills.values()
            for bill in months
            for row in focus_rows(bill, provider="market")
        ]
        assert sum(Decimal(row["BilledCost"] or "") for row in rows) == 8_160 + 17_880
