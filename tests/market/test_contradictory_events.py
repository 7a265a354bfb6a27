"""Events that the state contradicts are refused, each with what it lacks."""

from __future__ import annotations

import re
from datetime import timedelta
from fractions import Fraction
from typing import Any

import pytest
from attrs import evolve

from market_world import ANN, BOB, HOST, World, prices, second, world
from numgenius_core.contracts.extension import Raise
from numgenius_core.errors import RuleViolation
from numgenius_core.ids import AccountId, ContractId, MachineId
from numgenius_core.intervals import Interval
from numgenius_core.maintenance import MaintenanceWindow
from numgenius_core.market import (
    Market,
    commands as c,
    events as e,
    evolve as evolve_market,
    execute,
    find_event,
    replay,
)
from numgenius_core.money import Money
from numgenius_core.offer import Block
from numgenius_core.rates import PerGpuHour, PerHour

M1, DAY, HOUR, NOW = MachineId(1), 86_400, 3_600, second(0)
WINDOW = MaintenanceWindow(period=Interval(second(3 * DAY), second(3 * DAY + 60)), id=99)


class TestOfWhatIsRefusedNothingHasHappened:
    """House: "What was answered as failed has not happened": the archives know nothing of it."""

    @pytest.mark.parametrize("way", ["evolve", "replay"])
    def test_nor_is_anything_in_the_archive(self, way: str) -> None:
        w = world(4, prices(2))
        w.do(c.AddCredit(account=AccountId("eve"), amount=Money(1)))
        gone = w.rent(1)
        w.rent(1, 1, by=AccountId("eve"))  # whose dollar lasts for half an hour
        late = e.InstanceDestroyed(at=second(2 * 3_600), contract=gone)
        archive: dict[ContractId, Any] = {}

        def take(event: e.Event) -> Market:
            if way == "evolve":
                return evolve_market(w.market, event, archive=archive)
            return replay([event], w.market, archive=archive)

        with pytest.raises(RuleViolation):
            take(late)
        assert archive == {}
        take(evolve(late, at=second(60)))
        assert [*archive] == [gone]


def rented() -> World:
    """Return a machine of two GPUs, of which Ann has one on demand for ten days."""
    w = world(2, prices(1), end=second(10 * DAY))
    w.rent(1)
    return w


def only(w: World, kind: type) -> Any:
    [found] = [each for each in w.events if isinstance(each, kind)]
    return found


def another(w: World, **changes: Any) -> e.ContractCreated:
    """Return a second contract as the first, but for what is changed."""
    first: e.ContractCreated = only(w, e.ContractCreated)
    number = ContractId(w.market.last + 1)
    return e.ContractCreated(
        at=first.at,
        contract=evolve(first.contract, id=number, **changes),
        max_discount=first.max_discount,
    )


def as_listed(w: World, **changes: Any) -> e.MachineListed:
    listed: e.MachineListed = only(w, e.MachineListed)
    machine = evolve(listed.listing.machine, **changes)
    return evolve(listed, number=w.market.last + 1, listing=evolve(listed.listing, machine=machine))


CASES: dict[str, tuple[Any, str]] = {
    "GPUs that are sold twice": (
        another,
        "contract: need GPUs that nobody has rented on demand, got contract 3",
    ),
    "GPUs that are not there": (
        lambda w: another(w, block=Block(start=2, size=1)),
        "block: need a block of the 2 GPUs of machine 1, got 1 GPU(s) from 2",
    ),
    "another host": (
        lambda w: another(w, host=AccountId("eve")),
        "contract.host: need the host of machine 1, got eve",
    ),
    "another time": (
        lambda w: another(w, start=second(-60)),
        f"contract.start: need {NOW}, when it was made, got {second(-60)}",
    ),
    "a listing of more GPUs": (
        lambda w: as_listed(w, gpus=8),
        "listing.machine: need Machine(id=1, host='host', gpu_name='RTX 4090', gpus=2, ",
    ),
    "a listing of another host": (
        lambda w: as_listed(w, host=AccountId("eve")),
        "listing.machine: need ",
    ),
    "an end that does not roll": (
        lambda _: e.EndDateRolled(at=NOW, machine=M1, end=second(20 * DAY)),
        "machine: need a machine that is listed with a rolling end, got machine 1, whose listing",
    ),
    "an end that rolls of nothing": (
        lambda _: [
            e.MachineUnlisted(at=NOW, machine=M1),
            e.EndDateRolled(at=NOW, machine=M1, end=second(20 * DAY)),
        ],
        "machine: need a machine that is listed with a rolling end, got machine 1, whose listing",
    ),
    "offline twice": (
        lambda _: [e.MachineWentOffline(at=NOW, machine=M1)] * 2,
        "machine: need a machine that is online, got machine 1, which is offline",
    ),
    "online twice": (
        lambda _: e.MachineCameOnline(at=NOW, machine=M1),
        "machine: need a machine that is offline, got machine 1, which is online",
    ),
    "a deposit that nobody made": (
        lambda _: e.DepositSpent(at=NOW, contract=ContractId(2)),
        f"contract: need an instance whose deposit is used up at {NOW}, got contract 2",
    ),
    "an end that has not come": (
        lambda _: e.InstanceExpired(at=NOW, contract=ContractId(2)),
        f"contract: need a contract that ends by {NOW}, got contract 2, which ends 2026-",
    ),
    "an end that is another one": (
        lambda w: e.ContractExtended(
            at=NOW,
            contract=ContractId(2),
            old_end=second(9 * DAY),
            end=second(20 * DAY),
            prices=only(w, e.ContractCreated).contract.prices,
        ),
        f"old_end: need {second(10 * DAY)}, the present end of contract 2, got {second(9 * DAY)}",
    ),
    "a move to GPUs that are not there": (
        lambda _: e.ContractMoved(at=NOW, contract=ContractId(2), block=Block(start=1, size=2)),
        "block: need a block of the 2 GPUs of machine 1, got 2 GPU(s) from 1",
    ),
    "a move to GPUs that another one has": (
        lambda w: [
            evolve(another(w), contract=evolve(another(w).contract, block=Block(start=1, size=1))),
            e.ContractMoved(
                at=NOW, contract=ContractId(w.market.last + 1), block=Block(start=0, size=1)
            ),
        ],
        "contract: need GPUs that nobody has rented on demand, got contract 3",
    ),
    "a balance with something left": (
        lambda _: e.BalanceRanOut(at=NOW, account=ANN),
        "account: need an account with nothing left, got $1000.00",
    ),
    "a balance that ran out before": (
        lambda _: e.BalanceRanOut(at=NOW, account=HOST),
        "account: need an account with nothing left, got one that ran out before",
    ),
    "a threshold that nobody set": (
        lambda _: e.ChargeDue(at=NOW, account=ANN, threshold=Money(5)),
        "threshold: need one that the account has set, got $5.00",
    ),
    "a threshold of which it was told": (
        lambda _: [
            e.ThresholdsSet(at=NOW, account=ANN, charge=None, notice=Money(2_000)),
            *[e.BalanceLow(at=NOW, account=ANN, threshold=Money(2_000))] * 2,
        ],
        "threshold: need one that the account has set, got $2000.00, of which it was told",
    ),
    "a notice that is switched off": (
        lambda _: [
            e.ThresholdsSet(
                at=NOW, account=ANN, charge=None, notice=Money(2_000), notice_enabled=False
            ),
            e.BalanceLow(at=NOW, account=ANN, threshold=Money(2_000)),
        ],
        "threshold: need one that the account has set, got $2000.00",
    ),
    "credit of nothing": (
        lambda _: e.CreditAdded(at=NOW, account=ANN, amount=Money(0)),
        "amount: need an amount above zero, got 0.00",
    ),
    "credit of less": (
        lambda _: e.CreditAdded(at=NOW, account=ANN, amount=Money(-5)),
        "amount: need an amount above zero, got -5.00",
    ),
    "maintenance that nobody scheduled": (
        lambda _: e.MaintenanceStarted(at=NOW, machine=M1, window=WINDOW),
        "window: need a window that is scheduled on machine 1, got window 99",
    ),
    "maintenance of another length": (
        lambda w: [
            e.MaintenanceScheduled(at=NOW, machine=M1, window=evolve(WINDOW, id=w.market.last + 1)),
            e.MaintenanceCompleted(
                at=NOW,
                machine=M1,
                window=evolve(WINDOW, id=3, period=Interval(WINDOW.period.start, second(4 * DAY))),
            ),
        ],
        "window: need a window that is scheduled on machine 1, got window 3",
    ),
    "a job that is not there": (
        lambda _: e.DefaultJobRemoved(at=NOW, machine=M1),
        "machine: need a machine with a default job, got machine 1, which has none",
    ),
}


class TestContradictions:
    """docs/market.md: what contradicts the state is refused, with the position in the log."""

    @pytest.mark.parametrize("name", CASES)
    def test_is_refused_with_its_position(self, name: str) -> None:
        make, said = CASES[name]
        w = rented()
        made = make(w)
        events = made if isinstance(made, list) else [made]
        with pytest.raises(RuleViolation) as caught:
            replay(events, w.market)
        assert str(caught.value).startswith(f"events[{len(events) - 1}].{said}")

    def test_on_demand_resumes_only_where_nobody_holds_its_gpus(self) -> None:
        w = rented()
        w.do(c.Stop(by=ANN, contract=ContractId(2)))
        w.rent(1, by=BOB)
        w.do(c.Start(by=ANN, contract=ContractId(2)))
        resumed = e.InstanceResumed(at=NOW, contract=ContractId(2))
        with pytest.raises(RuleViolation, match="need GPUs that nobody has rented on demand"):
            replay([resumed], w.market)
        w.do(c.Destroy(by=BOB, contract=ContractId(3)))
        assert w.state(ContractId(2)) == "running"

    def test_a_contract_without_an_end_never_expires_and_has_no_end_to_move(self) -> None:
        w = world(2, prices(1))
        contract = w.rent(1)
        expired = e.InstanceExpired(at=NOW, contract=contract)
        with pytest.raises(RuleViolation, match=r"got contract 2, which ends never$"):
            replay([expired], w.market)
        terms = w.market.living(contract).contract.prices
        extended = e.ContractExtended(
            at=NOW, contract=contract, old_end=second(9), end=second(20 * DAY), prices=terms
        )
        with pytest.raises(RuleViolation, match="need no end, the present end of contract 2, got "):
            replay([extended], w.market)

    def test_a_bid_may_want_gpus_that_are_rented_on_demand(self) -> None:
        w = rented()
        waits = w.rent(1, bid="0.5", load=False)
        assert w.state(waits) == "paused"
        assert replay(w.events) == w.market
        free = w.rent(1, 1, by=HOST, load=False)  # the host's own test
        assert replay(w.events) == w.market
        w.rent(1, 1)
        assert w.state(free) != "loading"
        assert replay(w.events) == w.market

    def test_a_rental_may_stay_on_its_own_gpus(self) -> None:
        w = rented()
        block = w.market.living(ContractId(2)).contract.block
        stays = e.ContractMoved(at=NOW, contract=ContractId(2), block=block)
        assert replay([stays], w.market).living(ContractId(2)).contract.block == block

    def test_two_bids_may_want_the_same_gpus(self) -> None:
        w = rented()
        first, second_one = w.rent(1, 1, bid="0.5"), w.rent(1, 1, BOB, bid="0.6", load=False)
        assert (w.state(first), w.state(second_one)) == ("paused", "loading")

    @pytest.mark.parametrize("bid", [0, "0.000999", "64.000001", 1000])
    def test_no_bid_is_believed_that_no_market_takes(self, bid: str | int) -> None:
        """$1,000 came before what is rented on demand, and $0 was a KeyError."""
        w, price, need = world(2, prices(1)), PerHour(bid), "need 0.001 to 64.00 "
        contract = w.rent(2, bid="0.5")
        changed = e.BidChanged(
            at=w.market.now, contract=contract, bid=price, arrival=w.market.last + 1
        )
        created = another(w, bid=price)
        for wrong, path in ((changed, "bid"), (created, "contract.bid")):
            with pytest.raises(RuleViolation, match=need) as refused:
                evolve_market(w.market, wrong)
            assert refused.value.path == path
            with pytest.raises(RuleViolation, match=need):
                replay([wrong], w.market)
        for right in ("0.001", "64"):
            replay([evolve(changed, bid=PerHour(right))], w.market)
            replay([another(w, bid=PerHour(right))], w.market)

    def test_a_spent_deposit_is_said_when_it_is_spent(self) -> None:
        w = world(1, prices(1), max_discount=Fraction(1, 2))
        contract = w.rent(1)
        w.do(c.Prepay(by=ANN, contract=contract, amount=Money(1)))
        spent = w.market.living(contract).deposit.runs_out()
        assert spent is not None
        for seconds, need in (
            (-1, "need an instance whose deposit is used up"),
            (1, f"need an instant up to {re.escape(str(spent))}, when something comes due"),
        ):  # later on the balance would pay for what it was used too long
            wrong = e.DepositSpent(at=spent + timedelta(seconds=seconds), contract=contract)
            with pytest.raises(RuleViolation, match=need):
                replay([wrong], w.market)
        replay([e.DepositSpent(at=spent, contract=contract)], w.market)

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"raised": ()}, "raised: need what the listing raises: gpu 1.00 → 2.00, got nothing"),
            (
                {"raised": (Raise(part="gpu", old=PerGpuHour(1), new=PerGpuHour(3)),)},
                "got gpu 1.00 → 3.00",
            ),
            (
                {"raised": (Raise(part="gpux", old=PerGpuHour(1), new=PerGpuHour(2)),)},
                "got gpux 1.00 → 2.00",
            ),
            ({"new_end": second(1)}, "new_end: need the end of the listing, 2026-01-21 00:00:00"),
            ({"new_end": None}, "the contract, 2026-01-11 00:00:00+00:00, got None"),
        ],
    )
    def test_a_question_that_the_listing_does_not_ask(
        self, change: dict[str, Any], said: str
    ) -> None:
        w = world(1, prices(1), end=second(10 * DAY))
        w.rent(1)
        w.list(prices(2), end=second(20 * DAY))
        asked = find_event(w.events, e.PriceIncreaseAsked)
        before = w.events[: w.events.index(asked)]
        assert replay([*before, asked]).asked
        with pytest.raises(RuleViolation) as refused:
            replay([*before, evolve(asked, **change)])
        assert str(refused.value).startswith(f"events[{len(before)}].")
        assert said in str(refused.value)

    def test_a_question_of_what_is_not_raised_or_not_longer(self) -> None:
        w = world(2, prices(2), end=second(10 * DAY))
        contract = w.rent(1)
        w.list(prices(1), end=second(5 * DAY))
        facts: dict[str, Any] = {"at": w.now, "increase": w.market.last + 1, "contract": contract}
        nothing = e.PriceIncreaseAsked(**facts, raised=(), new_end=second(5 * DAY))
        with pytest.raises(RuleViolation, match="raised: need what the listing raises: nothing"):
            replay([nothing], w.market)
        w.list(prices(3), end=second(5 * DAY))
        facts["increase"] = w.market.last + 1
        raised = (Raise(part="gpu", old=PerGpuHour(2), new=PerGpuHour(3)),)
        sooner = e.PriceIncreaseAsked(**facts, raised=raised, new_end=second(5 * DAY))
        with pytest.raises(RuleViolation, match="new_end: need the end of the listing, 2026-01-06"):
            replay([sooner], w.market)

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"client": BOB}, "notice.client: need ann, got bob"),
            ({"machine": MachineId(9)}, "notice.machine: need 1, got 9"),
            ({"charge": Money(1)}, "notice.charge: need 2.00, got 1.00"),
            ({"gpu_hours": Fraction(1)}, "notice.gpu_hours: need 2, got 1"),
            ({"overlap": None}, "notice.overlap: need 2026-01-01 01:00:00 … 2026-01-01 03"),
            (
                {"window": MaintenanceWindow(period=Interval(second(HOUR), second(2 * HOUR)))},
                "window: need a window that is scheduled on machine 1, got window 0",
            ),
            ({"contract": ContractId(99)}, "contract: need an instance that exists, got 99"),
        ],
    )
    def test_a_client_that_is_told_something_else(self, change: dict[str, Any], said: str) -> None:
        w = world(1, prices(1))
        w.rent(1)
        window = MaintenanceWindow(period=Interval(second(HOUR), second(3 * HOUR)))
        w.do(c.ScheduleMaintenance(by=HOST, machine=M1, window=window))
        told = w.events[-1]
        assert isinstance(told, e.ClientNotified)
        place = f"events[{len(w.events) - 1}]."
        with pytest.raises(RuleViolation) as refused:
            replay([*w.events[:-1], evolve(told, notice=evolve(told.notice, **change))])
        assert str(refused.value).startswith(place + said)

    def test_a_state_that_no_events_led_to_is_told_and_does_not_hang(self) -> None:
        w = rented()
        machine = w.market.machine(M1)
        wrong = evolve(machine, rolls_at=second(60), listing=None)
        market = evolve(w.market, machines={M1: wrong}, queue=_queue_of(wrong))
        with pytest.raises(RuleViolation, match="need a state that its events led to"):
            execute(market, c.AddCredit(account=BOB, amount=Money(1)), second(DAY))


def _queue_of(machine: Any) -> Any:
    return Market().queue.add((machine.due, 0, machine.id))
