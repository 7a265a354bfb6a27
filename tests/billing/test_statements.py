"""What an instance cost: histories, the meter, statements, and when a balance runs out."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, strategies as st

from effort import examples
from numgenius_core.billing import (
    Fact,
    History,
    Line,
    LineKind,
    MachineWent,
    Moved,
    Prepaid,
    Rebid,
    Refunded,
    Statement,
    Transferred,
    deposit_left,
    discount_received,
    runs_out,
    statement,
)
from numgenius_core.billing.metering import metered
from numgenius_core.contracts import (
    NEXT,
    Contract,
    InstanceEvent,
    InstanceState,
    RateChange,
    accept,
    agree,
    client_end,
    extend,
)
from numgenius_core.errors import IllegalMove, RuleViolation, WrongType
from numgenius_core.ids import AccountId, ContractId, MachineId
from numgenius_core.intervals import Interval
from numgenius_core.listing import Listing, Machine, Mode, PriceTerms
from numgenius_core.money import TICKS_PER_DOLLAR, Money
from numgenius_core.offer import Block
from numgenius_core.rates import PerGb, PerGbMonth, PerGpuHour, PerHour

MACHINE = Machine(id=MachineId(7), host=AccountId("host"), gpu_name="A100", gpus=4)
T0 = datetime(2026, 1, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)
MONTH = timedelta(hours=720)


def after(seconds: int) -> datetime:
    return T0 + timedelta(seconds=seconds)


def listing(gpu: str = "1", end: datetime | None = T0 + 3 * MONTH, fee: str = "0") -> Listing:
    prices = PriceTerms(
        gpu=PerGpuHour(gpu),
        storage=PerGbMonth("0.72"),
        upload=PerGb("0.02"),
        download=PerGb("0.01"),
        platform_fee=Fraction(fee),
    )
    return Listing(machine=MACHINE, prices=prices, end=end)


def rented(
    source: Listing | None = None,
    *,
    gpus: int = 1,
    disk_mb: int = 0,
    bid: str | None = None,
    client: str = "client",
    number: int = 1,
    at: datetime = T0,
    place: int = 0,
) -> Contract:
    return agree(
        source or listing(),
        Block(start=place, size=gpus),
        id=ContractId(number),
        client=AccountId(client),
        at=at,
        mode=Mode.ON_DEMAND if bid is None else Mode.INTERRUPTIBLE,
        bid=None if bid is None else PerHour(bid),
        disk_mb=disk_mb,
    )


def moved(at: datetime, event: InstanceEvent) -> Moved:
    return Moved(at=at, event=event)


def life(contract: Contract, *facts: Fact) -> History:
    """Return the history of an instance that runs from its first second."""
    return History(contract=contract, facts=(moved(contract.start, InstanceEvent.LOADED), *facts))


def whole(history: History, days: int = 400) -> Statement:
    start = history.contract.start
    return statement(history, Interval(start, start + timedelta(days=days)))


_steps = st.sampled_from([0, 1, 10**12, 133_333_333_333, 7 * 10**11 + 1])
_bids = st.sampled_from([10**9, 10**9 + 1, 10**12, 133_333_333_333]).map(PerHour.from_steps)


@st.composite
def price_lists(draw: st.DrawFn) -> PriceTerms:
    """Return prices with awkward fractions."""
    return PriceTerms(
        gpu=PerGpuHour.from_steps(draw(_steps)),
        storage=PerGbMonth.from_steps(draw(_steps) * 1000),
        upload=PerGb.from_steps(draw(_steps)),
        download=PerGb.from_steps(draw(_steps)),
        platform_fee=draw(st.sampled_from([Fraction(0), Fraction(1, 4), Fraction(1, 3)])),
    )


@st.composite
def histories(  # noqa: C901 - one branch for each kind of fact
    draw: st.DrawFn, longest: int = 120
) -> History:
    """Return histories of a few minutes, of every mode, with legal facts only."""
    end = draw(st.none() | st.integers(2, longest))
    bids = draw(st.booleans())
    contract = Contract(
        id=ContractId(1),
        machine=MACHINE.id,
        host=MACHINE.host,
        client=AccountId(draw(st.sampled_from(["client", "client", "client", "host"]))),
        mode=Mode.INTERRUPTIBLE if bids else Mode.ON_DEMAND,
        block=Block(size=draw(st.integers(1, 3)), start=0),
        prices=draw(price_lists()),
        disk_mb=draw(st.sampled_from([0, 1, 10_500])),
        start=T0,
        end=None if end is None else after(end),
        bid=draw(_bids) if bids else None,
    )
    cuts = sorted(draw(st.sets(st.integers(1, (end or longest) - 1), max_size=2)))
    segments = [RateChange(since=after(cut), prices=draw(price_lists())) for cut in cuts]
    facts: list[Fact] = []
    state = InstanceState.LOADING
    deposit = False
    for second in sorted(draw(st.lists(st.integers(0, longest), max_size=12))):
        at = after(second)
        if end is not None and second >= end and state is not InstanceState.DESTROYED:
            state = InstanceState.EXPIRED
        if state is InstanceState.DESTROYED:
            break
        kind = draw(st.sampled_from(["move", "move", "move", "bid", "net", "prepay", "machine"]))
        if kind == "move":
            legal = [e for e in NEXT[state] if e is not InstanceEvent.EXPIRED]
            if second < 30:
                legal = [e for e in legal if e is not InstanceEvent.DESTROYED] or legal
            event = draw(st.sampled_from(legal))
            facts.append(moved(at, event))
            state = NEXT[state][event]
        elif kind == "bid" and bids:
            facts.append(Rebid(at=at, bid=draw(_bids)))
        elif kind == "net":
            sent, received = draw(st.integers(0, 10**10)), draw(st.sampled_from([0, 7]))
            facts.append(Transferred(at=at, sent=sent, received=received))
        elif kind == "prepay" and not bids and not contract.is_free_test:
            amount = Money.from_ticks(draw(st.integers(1, 20 * TICKS_PER_DOLLAR // 1000)))
            share = draw(st.sampled_from([Fraction(0), Fraction(1, 5), Fraction(2, 7)]))
            facts.append(Prepaid(at=at, amount=amount, discount=share))
            deposit = True
        elif kind == "machine":
            facts.append(MachineWent(at=at, online=draw(st.booleans())))
    if deposit and draw(st.booleans()):
        facts.append(Refunded(at=after(longest), amount=Money(0)))
    return History(contract=evolve(contract, rate_changes=tuple(segments)), facts=tuple(facts))


def second_by_second(  # noqa: C901, PLR0912, PLR0915 - slow and obvious, one rule after another
    history: History, first: int, last: int
) -> dict[str, Fraction]:
    """Return what [first, last) costs, in dollars: the oracle of the meter.

    Written from the prose of DOMAIN 9, one second at a time.
    """
    contract, facts = history.contract, list(history.facts)
    state, online, bid = InstanceState.LOADING, True, contract.bid
    deposit, discount = Fraction(0), Fraction(0)
    sums: Counter[str] = Counter()
    out: dict[str, Fraction] = dict.fromkeys(("total", "billed", "fee"), Fraction(0))

    def add(what: str, amount: Fraction) -> None:
        if first <= second < last:
            out[what] += amount

    for second in range(last):
        now = after(second)
        rate: Any
        prices = contract.prices
        extended = False
        for segment in history.contract.rate_changes:
            if now >= segment.since:
                prices, extended = segment.prices, True

        def fee_of(rate: Any, prices: PriceTerms = prices) -> Fraction:
            exact = Fraction(rate.to_decimal()) * prices.platform_fee
            return Fraction(round(exact * 10**12), 10**12)

        free = contract.client == contract.host
        if (
            contract.end is not None
            and now == contract.end
            and state is not InstanceState.DESTROYED
        ):
            state = InstanceState.EXPIRED
        while facts and facts[0].at == now:
            fact = facts.pop(0)
            if isinstance(fact, Moved):
                state = NEXT[state][fact.event]
            elif isinstance(fact, Rebid):
                bid = fact.bid
            elif isinstance(fact, MachineWent):
                online = fact.online
            elif isinstance(fact, Prepaid):
                paid = Fraction(fact.amount.ticks, TICKS_PER_DOLLAR)
                deposit, discount = deposit + paid, fact.discount
                add("billed", paid)
            elif isinstance(fact, Transferred) and not free:
                for count, rate in ((fact.sent, prices.upload), (fact.received, prices.download)):
                    cost = Fraction(count, 10**9) * Fraction(rate.to_decimal())
                    add("total", cost)
                    add("billed", cost)
                    add("fee", Fraction(count, 10**9) * fee_of(rate))
            elif isinstance(fact, Refunded):
                # In dollars a tick's rounding of the lost deposit's fee is below 1e-20.
                add("total", deposit)
                add("fee", deposit * prices.platform_fee)
                deposit = Fraction(0)
        if free or not online or state is InstanceState.DESTROYED:
            continue
        disk = Fraction(contract.disk_mb, 1000) / (720 * 3600)
        add("total", disk * Fraction(prices.storage.to_decimal()))
        add("billed", disk * Fraction(prices.storage.to_decimal()))
        add("fee", disk * fee_of(prices.storage))
        if state is not InstanceState.RUNNING:
            continue
        sums["ran"] += 1
        rate = PerHour.from_steps(prices.gpu.steps * contract.block.size)
        if bid is not None:
            floor = PerHour.from_steps(prices.min_bid.steps * contract.block.size)
            rate = max(bid, floor) if extended else bid
        elif deposit > 0:
            steps = round(rate.steps * (1 - discount))
            rate = PerHour.from_steps(steps)
        cost = Fraction(rate.to_decimal()) / 3600
        paid = min(deposit, cost)
        deposit -= paid
        add("total", cost)
        add("billed", cost - paid)
        add("fee", fee_of(rate) / 3600)
    return out


def dollars(money: Money) -> Fraction:
    return Fraction(money.ticks, TICKS_PER_DOLLAR)


class TestBillingIsByTheSecond:
    """DOMAIN 9, billing.

    "Per second. GPU: only while running. Storage: every second the instance exists
    and its machine is online, in any state, at the same rate. Traffic: per byte, in any state.
    Loading: no GPU charge. Offline: nothing for GPU or storage."
    """

    @examples(100)
    @given(history=histories(), cut=st.integers(0, 60), length=st.integers(1, 90))
    def test_as_if_every_second_were_charged_alone(
        self, history: History, cut: int, length: int
    ) -> None:
        bill = statement(history, Interval(after(cut), after(cut + length)))
        want = second_by_second(history, cut, cut + length)
        assert dollars(bill.total) == want["total"]
        assert dollars(bill.billed) == want["billed"]
        assert abs(dollars(bill.fee) - want["fee"]) < Fraction(1, 10**20)

    def test_gpus_cost_only_while_the_instance_runs(self) -> None:
        history = History(
            contract=rented(gpus=2),
            facts=(
                moved(after(600), InstanceEvent.LOADED),
                moved(after(4_200), InstanceEvent.STOPPED),
                moved(after(7_200), InstanceEvent.STARTED),
                moved(after(7_500), InstanceEvent.RESUMED),
                moved(after(9_300), InstanceEvent.DESTROYED),
            ),
        )
        bill = whole(history)
        assert bill.total == Money(3)  # an hour and a half at $2
        assert [line.quantity for line in bill.lines] == [3_600, 1_800]
        assert {line.kind for line in bill.lines} == {LineKind.ON_DEMAND}

    def test_a_paused_bidder_pays_for_storage_only(self) -> None:
        history = life(
            rented(bid="0.5", disk_mb=100_000),
            moved(T0 + HOUR, InstanceEvent.PREEMPTED),
            moved(T0 + 3 * HOUR, InstanceEvent.RESUMED),
            moved(T0 + 4 * HOUR, InstanceEvent.DESTROYED),
        )
        bill = whole(history)
        assert bill.amount_of(LineKind.INTERRUPTIBLE) == Money(1)
        assert bill.amount_of(LineKind.STORAGE) == Money("0.4")  # 100 GB at $0.001 an hour, 4 hours

    def test_an_expired_instance_is_stored_until_it_is_destroyed(self) -> None:
        contract = rented(listing(end=T0 + HOUR), disk_mb=1_000_000)
        gone = moved(T0 + 3 * HOUR, InstanceEvent.DESTROYED)
        for facts in ((gone,), (moved(T0 + HOUR, InstanceEvent.EXPIRED), gone)):
            bill = whole(life(contract, *facts))
            assert bill.amount_of(LineKind.ON_DEMAND) == Money(1)
            assert bill.amount_of(LineKind.STORAGE) == Money(3)

    def test_an_offline_machine_charges_nothing(self) -> None:
        history = life(
            rented(disk_mb=1_000_000),
            MachineWent(at=T0 + HOUR, online=False),
            MachineWent(at=T0 + 5 * HOUR, online=True),
            moved(T0 + 6 * HOUR, InstanceEvent.DESTROYED),
        )
        assert whole(history).total == Money(4)

    def test_traffic_costs_by_the_byte_in_any_state(self) -> None:
        history = History(
            contract=rented(), facts=(Transferred(at=after(3), sent=1, received=5 * 10**9),)
        )
        bill = whole(history)
        assert bill.amount_of(LineKind.UPLOAD) == Money("0.00000000002")
        assert bill.amount_of(LineKind.DOWNLOAD) == Money("0.05")
        assert bill.lines[0].period == Interval(after(3), after(4))

    def test_a_changed_bid_is_charged_from_that_second(self) -> None:
        history = life(
            rented(bid="1"),
            Rebid(at=T0 + HOUR, bid=PerHour(2)),
            moved(T0 + 2 * HOUR, InstanceEvent.DESTROYED),
        )
        bill = whole(history)
        assert [str(line.rate) for line in bill.lines] == ["1.00", "2.00"]
        assert bill.total == Money(3)

    def test_a_free_test_costs_nothing(self) -> None:
        """Hosting guide, G10: "creating a free instance"."""
        history = life(rented(client="host", disk_mb=10**6), Transferred(at=after(9), sent=10**9))
        assert whole(history).lines == ()
        assert whole(history).total == Money(0)

    def test_nothing_is_due_before_the_contract(self) -> None:
        bill = statement(life(rented()), Interval(T0 - HOUR, T0))
        assert (bill.lines, bill.carried) == ((), Money(0))


class TestAnySplittingGivesTheSameTotal:
    """DOMAIN 1, money is exact.

    "Charging a period in pieces must total what charging it whole totals."
    """

    @examples(150)
    @given(
        history=histories(),
        edges=st.lists(st.integers(-5, 130), min_size=3, max_size=3, unique=True).map(sorted),
    )
    def test_a_statement_is_the_statements_of_its_parts(
        self, history: History, edges: list[int]
    ) -> None:
        a, b, c = map(after, edges)
        first, second = (statement(history, Interval(*pair)) for pair in ((a, b), (b, c)))
        both = statement(history, Interval(a, c))
        assert first.joined(second) == both
        for part in ("total", "billed", "covered", "fee", "payout"):
            assert getattr(first, part) + getattr(second, part) == getattr(both, part)
        assert second.carried == first.carried + first.billed

    @examples(100)
    @given(
        history=histories(),
        places=st.integers(0, 9),
        cuts=st.sets(st.integers(1, 119), max_size=4),
    )
    def test_rounded_lines_add_up_over_all_statements(
        self, history: History, places: int, cuts: set[int]
    ) -> None:
        period = Interval(T0, after(120))
        pieces = period.split(map(after, cuts))
        rounded = [statement(history, piece).rounded(places) for piece in pieces]
        total = statement(history, period).billed
        assert sum(map(sum, rounded)) == total.to_decimal(places)

    def test_without_a_deposit_what_was_used_is_what_is_billed(self) -> None:
        """One cent an hour, in pieces of 24 minutes: $0.004 each, so the first shows nothing."""
        prices = PriceTerms(gpu=PerGpuHour("0.01"))
        slow, step = life(rented(Listing(machine=MACHINE, prices=prices))), timedelta(minutes=24)
        periods = [Interval(T0 + i * step, T0 + (i + 1) * step) for i in range(5)]
        shown = [statement(slow, each).table().rows[0][-2:] for each in periods]
        none, cent = ("0.00", "0.00"), ("0.01", "0.01")
        assert shown == [none, cent, none, cent, none]  # 0.4, 0.8, 1.2, 1.6 and 2 cents so far

    def test_statements_join_only_where_they_meet(self) -> None:
        hours = [Interval(T0 + i * HOUR, T0 + (i + 1) * HOUR) for i in range(3)]
        parts = [statement(life(rented()), hour) for hour in hours]
        with pytest.raises(RuleViolation, match="later: need a statement of contract 1 from"):
            parts[0].joined(parts[2])
        with pytest.raises(RuleViolation, match="got contract 2"):
            parts[0].joined(statement(life(rented(number=2)), hours[1]))

    def test_a_fact_that_changes_no_rate_makes_no_line(self) -> None:
        history = life(rented(), MachineWent(at=after(60), online=True))
        assert len(statement(history, Interval(T0, T0 + HOUR)).lines) == 1


class TestTwoViewsOfOneBill:
    """DOMAIN 2: "client price = host price / (1 − fee)".

    What the client pays is what the host and the platform receive.
    """

    @given(history=histories(), length=st.integers(1, 120))
    def test_payout_and_fee_are_the_total(self, history: History, length: int) -> None:
        bill = statement(history, Interval(T0, after(length)))
        assert bill.payout + bill.fee == bill.total
        assert Money(0) <= bill.fee <= bill.total
        deposits, refunds = bill.amount_of(LineKind.DEPOSIT), bill.amount_of(LineKind.REFUND)
        assert bill.billed == bill.total - bill.covered + deposits + refunds

    def test_a_quarter_goes_to_the_platform(self) -> None:
        history = life(rented(listing(fee="0.25")), moved(T0 + 4 * HOUR, InstanceEvent.DESTROYED))
        bill = whole(history)
        assert (bill.total, bill.fee, bill.payout) == (Money(4), Money(1), Money(3))


class TestAReservedDepositRunsDown:
    """DOMAIN 4, the published numbers.

    "$1/h, D = 0.4: one month is $576, not $720"; "refund = max(0, remaining deposit −
    1.05 × discount received so far)": "after 15 days 288 − 1.05·72 = 212.40".
    """

    PREPAID = Prepaid(at=T0, amount=Money(576), discount=Fraction(1, 5))

    def test_it_lasts_the_month_and_then_the_on_demand_price_applies(self) -> None:
        bill = statement(life(rented(), self.PREPAID), Interval(T0, T0 + MONTH + HOUR))
        kinds = [(line.kind, line.quantity) for line in bill.lines]
        assert kinds == [
            (LineKind.RESERVED, 720 * 3600),
            (LineKind.DEPOSIT, 1),
            (LineKind.ON_DEMAND, 3600),
        ]
        assert (bill.total, bill.covered, bill.billed) == (Money(577), Money(576), Money(577))
        assert bill.lines[0].listed == Money(720)

    def test_cancelled_after_15_days_the_published_refund_comes_out(self) -> None:
        at, history = T0 + MONTH / 2, life(rented(), self.PREPAID)
        assert deposit_left(history, at=at) == Money(288)
        assert discount_received(history, at=at) == Money(72)
        back = deposit_left(history, at=at) - discount_received(history, at=at).scaled(
            Fraction(21, 20)
        )
        assert back == Money("212.40")
        facts = (self.PREPAID, Refunded(at=at, amount=back), moved(at, InstanceEvent.DESTROYED))
        bill = whole(life(rented(listing(fee="0.25")), *facts))
        assert bill.billed == Money("363.60")  # 576 − 212.40
        assert bill.amount_of(LineKind.FORFEIT) == Money("75.60")
        assert bill.total == bill.billed
        assert bill.fee == Money("90.90")
        half = statement(life(rented(), *facts), Interval(T0, at))
        assert (half.total, half.payout, half.billed) == (Money(288), Money(288), Money(576))
        assert deposit_left(life(rented(), *facts), at=at + HOUR) == Money(0)

    def test_it_does_not_run_while_the_instance_is_stopped(self) -> None:
        history = life(rented(), self.PREPAID, moved(T0 + HOUR, InstanceEvent.STOPPED))
        assert deposit_left(history, at=T0 + MONTH) == Money("575.20")

    def test_it_pays_no_storage_and_no_traffic(self) -> None:
        history = life(rented(disk_mb=10**6), self.PREPAID, Transferred(at=after(1), sent=10**9))
        bill = statement(history, Interval(T0, T0 + HOUR))
        assert bill.covered == Money("0.80")
        assert bill.billed == Money("577.02")  # the deposit, $1 of storage, $0.02 of traffic

    def test_a_second_that_it_pays_in_part_has_the_discount_still(self) -> None:
        paid = evolve(self.PREPAID, amount=Money("0.001"))  # 4.5 seconds at $0.80 an hour
        bill = statement(life(rented(), paid), Interval(T0, after(10)))
        assert [(line.kind, line.quantity) for line in bill.lines] == [
            (LineKind.RESERVED, 5),
            (LineKind.DEPOSIT, 1),
            (LineKind.ON_DEMAND, 5),
        ]
        assert bill.lines[0].billed == PerHour("0.4") * timedelta(seconds=1)
        after_it = statement(life(rented(), paid), Interval(after(4), after(5)))
        assert after_it.lines[0].covered == PerHour("0.4") * timedelta(seconds=1)

    def test_each_line_can_be_worked_out_by_hand(self) -> None:
        bill = statement(life(rented(disk_mb=50_500)), Interval(T0, T0 + 10 * HOUR))
        rows = str(bill).splitlines()
        (disk,) = (row.split() for row in rows if row.startswith("storage"))
        assert " ".join(disk[3:-2]) == "50.5 GB × 10 hours 0.72 $/GB-month"
        assert disk[-1] == "0.50"  # 50.5 × 0.72 × 10 / 720

    def test_it_counts_as_invoices_do(self) -> None:
        """Hours and GB: what the marketplace's own rows say, "9.950 hours at $0.021/hour"."""
        sent = Transferred(at=T0, sent=37_000_000_001, received=10**10)
        end = T0 + timedelta(hours=9, minutes=57, seconds=1)
        told = str(statement(life(rented(), sent), Interval(T0, end)))
        assert " 9.9503 hours " in told
        assert " 37.000000001 GB " in told
        assert " 10 GB " in told

    def test_it_prints_as_a_table_that_adds_up(self) -> None:
        at, start, end = T0 + 15 * 24 * HOUR, "2026-01-05 00:00:00", "2026-01-20 00:00:00"
        facts = (self.PREPAID, Transferred(at=T0, received=10**9), Refunded(at=at, amount=Money(9)))
        bill = statement(life(rented(), *facts), Interval(T0, at + HOUR))
        rows = [line.split("  ") for line in str(bill).splitlines()]
        texts = [[cell.strip() for cell in row if cell] for row in rows]
        assert texts == [
            ["contract 1, 2026-01-05 00:00:00 … 2026-01-20 01:00:00 UTC"],
            ["line", "from (UTC)", "quantity", "price", "used $", "billed $"],
            ["GPU reserved", start, "360 hours", "0.80 $/hour", "288.00", "0.00"],
            ["download", start, "1 GB", "0.01 $/GB", "0.01", "0.01"],
            ["deposit", start, "576.00"],
            ["GPU on demand", end, "1 hours", "1.00 $/hour", "1.00", "1.00"],
            ["refund", end, "-9.00"],
            ["forfeit", end, "279.00", "0.00"],
            ["in all", "568.01", "568.01"],  # 288 + 0.01 + 1 + 279 = 576 − 9 + 0.01 + 1
        ]
        assert "<td" in bill._repr_html_()
        few = [Transferred(at=T0, sent=200_000_000), Transferred(at=T0, received=400_000_000)]
        cents = str(statement(life(rented(), *few), Interval(T0, after(1)))).splitlines()[2:]
        assert [row.split()[-1] for row in cents] == ["0.00", "0.00", "0.01", "0.01"]

    def test_a_top_up_after_such_a_second_does_not_pay_for_it(self) -> None:
        paid = evolve(self.PREPAID, amount=Money("0.001"))
        more = evolve(paid, at=after(5))
        history = life(rented(), paid, more)
        fifth = statement(history, Interval(after(4), after(5)))
        assert fifth.lines[0].covered == PerHour("0.4") * timedelta(seconds=1)
        halves = [statement(history, Interval(after(i), after(i + 5))) for i in (0, 5)]
        assert halves[0].joined(halves[1]) == statement(history, Interval(T0, after(10)))

    def test_a_top_up_joins_it_and_sets_the_discount(self) -> None:
        more = Prepaid(at=T0 + HOUR, amount=Money(1), discount=Fraction(1, 2))
        bill = statement(life(rented(), self.PREPAID, more), Interval(T0, T0 + 2 * HOUR))
        assert [str(line.rate) for line in bill.lines if line.kind is LineKind.RESERVED] == [
            "0.80",
            "0.50",
        ]
        left = deposit_left(life(rented(), self.PREPAID, more), at=T0 + 2 * HOUR)
        assert left == Money("575.70")

    def test_a_top_up_lengthens_it(self) -> None:
        paid = evolve(self.PREPAID, amount=Money("0.001"))
        bill = statement(life(rented(), paid, evolve(paid, at=after(1))), Interval(T0, after(20)))
        assert bill.covered == Money("0.002")
        assert bill.amount_of(LineKind.RESERVED) == Money("0.002")  # nine whole seconds

    def test_it_runs_on_over_an_extension_at_the_new_rate(self) -> None:
        term = rented(listing(end=T0 + HOUR))
        (term,) = extend([term], listing("0.5", T0 + 2 * HOUR), at=T0).contracts
        history = life(term, self.PREPAID)
        assert deposit_left(history, at=T0 + 3 * HOUR) == Money("574.80")

    def test_at_a_price_of_nothing_it_stays(self) -> None:
        history = life(rented(listing("0")), self.PREPAID)
        assert deposit_left(history, at=T0 + MONTH) == Money(576)
        assert whole(history, 3).amount_of(LineKind.RESERVED) == Money(0)

    def test_all_of_it_can_come_back_but_no_more(self) -> None:
        back = Refunded(at=T0, amount=Money(576))
        bill = whole(life(rented(), self.PREPAID, back, moved(T0, InstanceEvent.DESTROYED)))
        assert [line.kind for line in bill.lines] == [LineKind.DEPOSIT, LineKind.REFUND]
        assert bill.billed == Money(0)
        more = Refunded(at=T0, amount=Money("576.000000000001"))
        with pytest.raises(RuleViolation, match=r"at most the 576\.00 left of the deposit"):
            whole(life(rented(), self.PREPAID, more))

    def test_none_of_it_may_come_back(self) -> None:
        gone = Refunded(at=T0, amount=Money(0))
        bill = whole(life(rented(), self.PREPAID, gone, moved(T0, InstanceEvent.DESTROYED)))
        assert [line.kind for line in bill.lines] == [LineKind.DEPOSIT, LineKind.FORFEIT]
        assert bill.total == bill.covered == bill.billed == Money(576)

    def test_nothing_is_left_before_the_contract(self) -> None:
        assert deposit_left(life(rented(), self.PREPAID), at=T0) == Money(0)


class TestZeroBalance:
    """DOMAIN 9: "Zero balance stops instances".

    Our reading: at the first second that begins with none of it left.
    """

    @pytest.mark.parametrize(
        ("balance", "seconds"),
        [("1", 3600), ("0.5", 1800), ("0.000000000001", 1), ("0", 0), ("-1", 0)],
    )
    def test_comes_when_the_running_rate_has_eaten_it(self, balance: str, seconds: int) -> None:
        assert runs_out([life(rented())], Money(balance), at=T0) == after(seconds)

    def test_comes_sooner_for_several_instances(self) -> None:
        both = [
            life(rented()),
            life(rented(gpus=3, number=2), moved(after(900), InstanceEvent.STOPPED)),
        ]
        assert runs_out(both, Money(1), at=T0) == after(900)
        assert runs_out(both, Money(2), at=T0) == after(900 + 3600)

    def test_never_comes_for_what_ends_before(self) -> None:
        assert runs_out([life(rented(listing(end=T0 + HOUR)))], Money(2), at=T0) is None
        assert runs_out([], Money(1), at=T0) is None
        assert runs_out([], Money(0), at=T0) == T0

    def test_may_come_on_the_last_day_of_the_calendar(self) -> None:
        noon = datetime(9999, 12, 31, 12, tzinfo=UTC)
        history = life(rented(listing(end=None), at=noon))
        assert runs_out([history], Money(1), at=noon) == noon + HOUR
        assert runs_out([history], Money(12), at=noon) is None

    def test_comes_by_storage_of_an_expired_instance(self) -> None:
        history = life(rented(listing(end=T0 + HOUR), disk_mb=10**6))
        assert runs_out([history], Money(4), at=T0) == T0 + 3 * HOUR

    def test_comes_at_once_by_traffic(self) -> None:
        history = life(rented(), Transferred(at=after(10), received=10**12))
        assert runs_out([history], Money(10), at=T0) == after(10)

    def test_waits_for_the_deposit(self) -> None:
        paid = Prepaid(at=T0, amount=Money("0.001"), discount=Fraction(1, 5))
        history = life(rented(), paid)
        assert runs_out([history], Money("0.001"), at=T0) == T0
        tiny = Money("0.001000000001")
        assert runs_out([history], tiny, at=T0) == after(5)  # the fifth second is paid in part
        assert runs_out([history], Money("0.0013"), at=T0) == after(6)
        assert runs_out([history], Money("0.00147"), at=T0) == after(7)  # 0.4 + 1 + 0.3 of $/3,600
        assert runs_out([history], Money("0.01"), at=after(4)) is not None

    def test_a_refund_comes_too_late_for_a_balance_that_is_out(self) -> None:
        paid = Prepaid(at=T0, amount=Money(10), discount=Fraction(0))
        back = Refunded(at=T0, amount=Money(10))
        assert runs_out([life(rented(), paid, back)], Money(1), at=T0) == T0 + HOUR
        late = evolve(back, at=after(1), amount=Money(9))
        assert runs_out([life(rented(), paid, late)], Money(1), at=T0) == T0

    @examples(50)
    @given(
        history=histories(longest=40),
        balance=st.integers(1, 3 * TICKS_PER_DOLLAR // 100),
        since=st.integers(0, 20),
    )
    def test_is_the_first_second_that_the_statements_have_eaten(
        self, history: History, balance: int, since: int
    ) -> None:
        """An oracle that asks the bill of every second; a payment counts at its instant."""
        at = after(since)
        out = runs_out([history], Money.from_ticks(balance), at=at)
        for second in range(since, 51):
            now = after(second)
            spent = 0
            if second > since:
                spent = statement(history, Interval(at, now)).billed.ticks
            lumps = [
                line.billed.ticks
                for line in statement(history, Interval(now, after(second + 1))).lines
                if line.rate is None or isinstance(line.rate, PerGb)
            ]
            if spent + sum(lumps) >= balance:
                assert out == now
                return
        assert out is None or out > after(50)

    def test_needs_money_and_histories(self) -> None:
        with pytest.raises(WrongType, match="balance"):
            runs_out([], 5, at=T0)  # type: ignore[arg-type]
        with pytest.raises(WrongType, match=r"histories\[0\]"):
            runs_out([rented()], Money(1), at=T0)  # type: ignore[list-item]


class TestTheTwoContractExampleToTheLastStatement:
    """DOMAIN 11, the published example.

    "4×A100 at $2.00/GPU/h until 31 March. 5 Jan: A rents 2. 20 Jan: relisted at
    $2.50 until 30 June. 1 Feb: B rents 2. A keeps $2.00 to 31 March, B has $2.50 to 30 June; the
    machine is committed until 30 June."
    """

    MARCH, JUNE = datetime(2026, 3, 31, tzinfo=UTC), datetime(2026, 6, 30, tzinfo=UTC)
    FEBRUARY = datetime(2026, 2, 1, tzinfo=UTC)

    def test_bills_each_at_its_own_price_to_its_own_end(self) -> None:
        a = rented(listing("2", self.MARCH, fee="0.25"), gpus=2)
        relisted = listing("2.5", self.JUNE, fee="0.25")
        done = extend([a], relisted, at=datetime(2026, 1, 20, tzinfo=UTC))
        assert str(done) == "extended: 0"
        b = rented(relisted, gpus=2, number=2, at=self.FEBRUARY, place=2)
        assert client_end([a, b]) == self.JUNE
        bills = [whole(life(done.contracts[0])), whole(life(b))]
        hours = [85 * 24, 149 * 24]
        assert bills[0].total == Money(4 * hours[0]) == Money(8160)
        assert bills[1].total == Money(5 * hours[1]) == Money(17880)
        assert sum(bill.payout for bill in bills) == Money("19530")
        assert bills[0].lines[-1].period.end == self.MARCH
        assert bills[1].lines[-1].period.end == self.JUNE

    def test_and_if_a_accepts_it_pays_more_only_after_its_end(self) -> None:
        a = rented(listing("2", self.MARCH), gpus=2)
        (ask,) = extend([a], listing("2.5", self.JUNE), at=self.FEBRUARY).pending
        term = accept(ask, ask.contract, at=self.FEBRUARY).contract
        bill = whole(life(term))
        assert [(str(x.rate), x.period.end) for x in bill.lines] == [
            ("4.00", self.MARCH),
            ("5.00", self.JUNE),
        ]
        assert bill.total == Money(8160 + 5 * 91 * 24)
        before = statement(life(a), Interval(T0, self.MARCH))
        assert statement(life(term), Interval(T0, self.MARCH)).lines == before.lines


class TestLines:
    """A line says of how many GPUs it is, and what on demand would cost."""

    def line(self, contract: Contract, *facts: Fact, kind: LineKind) -> Line:
        (found,) = (line for line in whole(life(contract, *facts)).lines if line.kind is kind)
        return found

    def test_of_a_bid(self) -> None:
        contract = rented(listing(end=T0 + HOUR), gpus=2, bid="0.5")
        line = self.line(contract, kind=LineKind.INTERRUPTIBLE)
        assert (line.size, line.rate, line.list_rate) == (2, PerHour("0.5"), PerHour(2))
        assert (line.amount, line.listed) == (Money("0.5"), Money(2))

    def test_of_a_reservation(self) -> None:
        contract = rented(listing(end=T0 + HOUR), gpus=2)
        prepaid = Prepaid(at=T0, amount=Money(100), discount=Fraction(1, 4))
        line = self.line(contract, prepaid, kind=LineKind.RESERVED)
        assert (line.size, line.rate, line.list_rate) == (2, PerHour("1.5"), PerHour(2))

    def test_on_demand(self) -> None:
        line = self.line(rented(listing(end=T0 + HOUR), gpus=2), kind=LineKind.ON_DEMAND)
        assert (line.size, line.rate, line.list_rate) == (2, PerHour(2), PerHour(2))

    def test_of_traffic(self) -> None:
        moved_data = Transferred(at=after(5), sent=7, received=0)
        line = self.line(rented(gpus=2), moved_data, kind=LineKind.UPLOAD)
        assert (line.size, line.quantity, line.list_rate) == (1, 7, PerGb("0.02"))

    def test_what_happens_at_the_last_instant_is_after_it(self) -> None:
        history = life(rented(), Transferred(at=after(5), sent=7, received=0))
        assert [line.kind for line in metered(history, after(5))] == [LineKind.ON_DEMAND]
        assert len(metered(history, after(6))) == 2


class TestHistories:
    """A history is legal moves in order of time, from the contract's start."""

    @given(history=histories())
    def test_its_state_is_that_of_the_last_move(self, history: History) -> None:
        steps = list(history.states())
        assert history.state_at(T0 - HOUR) is None
        assert history.state_at(after(500)) is steps[-1][1]
        for (begin, state), (end, _) in pairwise(steps):
            assert begin <= end
            if begin < end:
                assert history.state_at(begin) is state

    def test_an_impossible_move_is_refused(self) -> None:
        with pytest.raises(IllegalMove, match="started: not possible while running"):
            life(rented(), moved(after(5), InstanceEvent.STARTED))

    def test_at_its_end_the_contract_is_over(self) -> None:
        contract = rented(listing(end=T0 + HOUR))
        assert life(contract).state_at(T0 + HOUR) is InstanceState.EXPIRED
        with pytest.raises(IllegalMove, match="stopped: not possible while expired"):
            life(contract, moved(T0 + HOUR, InstanceEvent.STOPPED))
        gone = life(contract, moved(T0 + HOUR, InstanceEvent.DESTROYED))
        assert gone.state_at(T0 + HOUR) is InstanceState.DESTROYED
        assert list(gone.states())[-2:] == [
            (T0 + HOUR, InstanceState.EXPIRED),
            (T0 + HOUR, InstanceState.DESTROYED),
        ]

    def test_it_expires_at_its_end_and_at_no_other_time(self) -> None:
        for contract, need in (
            (rented(), "the contract's end"),
            (rented(listing(end=None)), "a contract with an end"),
        ):
            with pytest.raises(RuleViolation, match=rf"facts\[1\].at: need {need}"):
                life(contract, moved(after(5), InstanceEvent.EXPIRED))

    def test_destroyed_it_does_not_expire(self) -> None:
        history = life(rented(), moved(after(5), InstanceEvent.DESTROYED))
        assert history.state_at(T0 + 4 * MONTH) is InstanceState.DESTROYED

    def test_nothing_happens_to_it_after_its_destruction(self) -> None:
        gone = moved(after(5), InstanceEvent.DESTROYED)
        with pytest.raises(RuleViolation, match="nothing after its destruction"):
            life(rented(), gone, Transferred(at=after(6), sent=1))
        paid = Prepaid(at=T0, amount=Money(1), discount=Fraction(0))
        kept = life(rented(), paid, gone, Refunded(at=after(6), amount=Money("0.5")))
        assert whole(kept).amount_of(LineKind.REFUND) == Money("-0.5")

    def test_facts_come_in_order_from_the_contract_on(self) -> None:
        with pytest.raises(RuleViolation, match=r"facts\[0\].at"):
            History(contract=rented(), facts=(moved(T0 - HOUR, InstanceEvent.LOADED),))
        with pytest.raises(RuleViolation, match=r"facts\[2\].at"):
            life(rented(), Transferred(at=after(5)), Transferred(at=after(4)))

    def test_bids_and_deposits_belong_to_their_modes(self) -> None:
        with pytest.raises(RuleViolation, match="no bid for on-demand"):
            life(rented(), Rebid(at=T0, bid=PerHour(1)))
        paid = Prepaid(at=T0, amount=Money(1), discount=Fraction(0))
        for contract in (rented(bid="1"), rented(client="host")):
            with pytest.raises(RuleViolation, match="an on-demand contract of a paying client"):
                life(contract, paid)

    def test_wrong_things_are_refused(self) -> None:
        with pytest.raises(WrongType, match=r"history.contract"):
            History(contract=None)  # type: ignore[arg-type]
        with pytest.raises(WrongType, match=r"facts\[0\]: need a Fact"):
            History(contract=rented(), facts=("loaded",))  # type: ignore[arg-type]
        with pytest.raises(WrongType, match=r"moved.event"):
            Moved(at=T0, event="loaded")  # type: ignore[arg-type]
        with pytest.raises(WrongType, match=r"rebid.bid"):
            Rebid(at=T0, bid=PerGpuHour(1))  # type: ignore[arg-type]
        with pytest.raises(WrongType, match=r"machine_went.online"):
            MachineWent(at=T0, online=1)  # type: ignore[arg-type]
        with pytest.raises(RuleViolation, match=r"transferred.sent"):
            Transferred(at=T0, sent=-1)
        with pytest.raises(RuleViolation, match=r"prepaid.amount: need an amount above zero"):
            Prepaid(at=T0, amount=Money(0), discount=Fraction(0))
        with pytest.raises(RuleViolation, match=r"refunded.amount: need zero or more"):
            Refunded(at=T0, amount=Money(-1))
        with pytest.raises(WrongType, match="history"):
            statement(rented(), Interval(T0, after(1)))  # type: ignore[arg-type]
        with pytest.raises(WrongType, match="period"):
            statement(life(rented()), None)  # type: ignore[arg-type]


class TestRowsForAProgram:
    """A line that goes into a chart has its time."""

    def test_each_line_has_its_start_and_its_end(self) -> None:
        stopped = Moved(at=after(600), event=InstanceEvent.STOPPED)
        rows = statement(life(rented(disk_mb=1_000), stopped), Interval(T0, T0 + HOUR)).to_dicts()
        assert {row["kind"]: (row["start"], row["end"]) for row in rows} == {
            "GPU on demand": (T0, after(600)),
            "storage": (T0, T0 + HOUR),
        }


class TestRounding:
    """DESIGN: rounding happens once, when money leaves; rounded lines add up."""

    def test_thirds_of_a_cent_add_up_to_the_rounded_total(self) -> None:
        lines = tuple(
            Line(
                kind=LineKind.UPLOAD,
                period=Interval(T0, T0 + HOUR),
                quantity=1,
                amount=Money(cents),
            )
            for cents in ("0.004", "0.004", "0.004")
        )
        bill = Statement(contract=rented(), period=Interval(T0, T0 + HOUR), lines=lines)
        assert bill.rounded() == (Decimal("0.00"), Decimal("0.01"), Decimal("0.00"))
        later = evolve(bill, carried=Money("0.012"))
        assert later.rounded() == (Decimal("0.01"), Decimal("0.00"), Decimal("0.00"))


class TestABalanceThatLastsForYears:
    """DOMAIN 9, "Per second", and DOMAIN 1, "Money is exact", however long it takes."""

    def test_after_six_years_it_is_exact_to_the_second(self) -> None:
        prices = PriceTerms(gpu=PerGpuHour.from_steps(1))
        slow = life(rented(Listing(machine=MACHINE, prices=prices)))
        balance = PerHour.from_steps(1).charge(200_000_000)
        assert runs_out([slow], balance, at=T0) == after(200_000_000)

    def test_it_may_end_in_another_year_and_begin_on_a_leap_day(self) -> None:
        leap = datetime(2028, 2, 29, tzinfo=UTC)
        history = life(rented(listing(end=None), at=leap))
        assert runs_out([history], Money(24 * 400), at=leap) == leap + timedelta(days=400)

    def test_two_contracts_that_end_together_both_stop_costing(self) -> None:
        source = listing(end=T0 + HOUR)
        both = [life(rented(source)), life(rented(source, number=2, place=1))]
        assert runs_out(both, Money(2) + Money("0.000000001"), at=T0) is None
        assert runs_out(both, Money(1), at=T0) == after(1_800)

    def test_one_that_begins_as_another_ends_costs_on_in_any_order(self) -> None:
        first = life(rented(listing(end=T0 + HOUR)))
        next_one = life(rented(number=2, at=T0 + HOUR))
        for both in ([first, next_one], [next_one, first]):
            assert runs_out(both, Money("1.5"), at=T0) == after(5_400)

    def test_it_is_exact_to_the_tick(self) -> None:
        sent = Transferred(at=after(10), received=10**9)
        history = life(rented(listing(end=T0 + HOUR)), sent)
        cost = statement(history, Interval(T0, T0 + HOUR)).billed
        assert runs_out([history], cost, at=T0) == T0 + HOUR
        assert runs_out([history], cost + Money.from_ticks(1), at=T0) is None

    def test_between_two_contracts_nothing_is_lost(self) -> None:
        first = rented(listing(end=T0 + HOUR))
        later = rented(listing(end=T0 + 3 * HOUR), number=2, at=T0 + 2 * HOUR)
        both = [life(first), life(later)]
        assert runs_out(both, Money(2), at=T0) == T0 + 3 * HOUR
        assert runs_out(both, Money(2) + Money.from_ticks(1), at=T0) is None

    def test_it_may_last_to_the_last_second_of_9999(self) -> None:
        last = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
        cost = PerHour(1).charge(int((last - T0).total_seconds()))
        history = life(rented(listing(end=None)))
        assert runs_out([history], cost, at=T0) == last
        assert runs_out([history], cost + Money.from_ticks(1), at=T0) is None
