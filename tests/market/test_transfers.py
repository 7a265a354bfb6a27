"""Credit that is handed on, and payouts: who gets how much, when, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import example, given, strategies as st

from market_world import ANN, BOB, HOST, World, prices, second, world
from numgenius_core.billing import PayoutSchedule
from numgenius_core.errors import (
    InsufficientCredit,
    RuleViolation,
    UnknownId,
    WrongType,
)
from numgenius_core.ids import AccountId
from numgenius_core.listing import Machine, Mode
from numgenius_core.market import (
    Market,
    Settings,
    commands as c,
    events as e,
    evolve,
    find_event,
    find_events,
    journal,
    replay,
    views,
)
from numgenius_core.money import Money

HOUR, DAY = 3_600, 86_400
FRIDAY = DAY  # the first instant of the world is a Thursday's midnight


def transfer(w: World, amount: str | int, by: AccountId = ANN, to: AccountId = BOB) -> Any:
    return w.do(c.TransferCredit(by=by, to=to, amount=Money(amount)))


def in_all(w: World) -> Money:
    """Return what all accounts, all deposits and the platform have, and what was paid out."""
    market = w.market
    deposits = [each.deposit.at(w.now) for m in market.machines.values() for each in m.in_order()]
    balances = [w.balance(name) for name in market.accounts]
    return Money.sum([*deposits, *balances, market.platform.at(w.now), market.paid_out])


class TestTransfers:
    """Whole cents from one on, up to the balance, to another account that is there."""

    def test_what_leaves_one_account_arrives_at_the_other(self) -> None:
        w = world()
        [event] = transfer(w, "250.01")
        assert event == e.CreditTransferred(
            at=second(0), account=ANN, recipient=BOB, amount=Money("250.01")
        )
        w.do(c.Tick(), DAY)  # once, and not second by second
        assert (w.balance(ANN), w.balance(BOB)) == (Money("749.99"), Money("1250.01"))
        assert in_all(w) == w.market.credited == Money(2_000)

    def test_all_of_it_stops_the_instances_at_once(self) -> None:
        w = world()
        w.rent(1)
        events = transfer(w, 1_000)
        assert [type(each).__name__ for each in events] == [
            "CreditTransferred",
            "BalanceRanOut",
            "InstanceStopped",
        ]

    def test_of_a_balance_that_flows(self) -> None:
        """What was used up to that second is no longer there."""
        w = world(terms=prices(gpu="1"))
        w.rent(1)
        w.do(c.Tick(), 10 * HOUR)
        with pytest.raises(InsufficientCredit, match=r"a balance of at least \$990\.01, got \$990"):
            transfer(w, "990.01")
        transfer(w, 990)
        assert w.balance() == Money(0)

    def test_it_can_lift_a_balance_above_a_threshold_and_let_it_fall(self) -> None:
        w = world()
        w.do(c.SetThresholds(by=ANN, notice=Money(500)))
        assert find_event(transfer(w, 600), e.BalanceLow).account == ANN
        transfer(w, 600, BOB, ANN)
        assert find_event(transfer(w, 501), e.BalanceLow).account == ANN

    def test_the_recipient_is_told(self) -> None:
        w = world()
        before = w.market
        events = transfer(w, 5)
        [notice] = views.notifications(before, events)
        assert (notice.recipient, notice.kind) == (BOB, "credit transferred")

    @pytest.mark.parametrize(
        ("change", "error", "why"),
        [
            ({"amount": Money("1000.01")}, InsufficientCredit, "account: need a balance"),
            ({"to": ANN}, RuleViolation, "to: need another account, got ann"),
            ({"to": AccountId("nobody")}, UnknownId, "an account of this market"),
            ({"by": AccountId("nobody")}, UnknownId, "an account of this market"),
        ],
    )
    def test_what_is_refused(self, change: Any, error: type[Exception], why: str) -> None:
        w = world()
        before = w.market
        with pytest.raises(error, match=why):
            w.do(c.TransferCredit(**{"by": ANN, "to": BOB, "amount": Money(5)} | change))
        assert w.market == before

    @pytest.mark.parametrize("amount", ["0.005", "0.333333333333", "0", "-1", "0.009999999999"])
    def test_what_is_no_amount(self, amount: str) -> None:
        with pytest.raises(RuleViolation, match=r"amount: need (whole cents|an amount above zero)"):
            c.TransferCredit(by=ANN, to=BOB, amount=Money(amount))

    def test_a_float_is_none(self) -> None:
        amount: Any = 0.5
        with pytest.raises(WrongType):
            c.TransferCredit(by=ANN, to=BOB, amount=amount)

    def test_a_log_in_which_a_payment_is_missing_is_found_out(self) -> None:
        w = world()
        [event] = transfer(w, 900)
        twice = evolve(w.market, e.CreditAdded(at=second(0), account=BOB, amount=Money(1)))
        for wrong in (
            event,  # a second time: there are $100
            e.CreditTransferred(at=second(0), account=BOB, recipient=BOB, amount=Money(1)),
            e.CreditTransferred(at=second(0), account=BOB, recipient=ANN, amount=Money(-1)),
            e.CreditTransferred(at=second(0), account=BOB, recipient=ANN, amount=Money(0)),
            e.PayoutInvoiced(at=second(0), account=ANN, amount=Money(101), paid_on=second(7 * DAY)),
        ):
            with pytest.raises(RuleViolation):
                evolve(twice, wrong)

    def test_a_log_that_pays_out_more_than_was_earned_is_found_out(self) -> None:
        """A host's balance is $1,036, of which she paid in $1,000."""
        w = world()
        w.do(c.AddCredit(account=HOST, amount=Money(1_000)))
        w.rent(1)
        w.do(c.Tick(), 36 * 3_600)
        for amount in (Money(0), Money(36) + Money.from_ticks(1), Money(1_036)):
            paid = e.PayoutInvoiced(at=w.now, account=HOST, amount=amount, paid_on=second(9 * DAY))
            with pytest.raises(RuleViolation) as refusal:
                evolve(w.market, paid)
            need = "amount: need an amount up to the earnings of $36.00"
            assert str(refusal.value) == f"{need}, got {amount}"
        rest = e.PayoutInvoiced(at=w.now, account=HOST, amount=Money(36), paid_on=second(9 * DAY))
        assert evolve(w.market, rest).paid_out == Money(36)


def earning(hours: int = 100, price: str = "1") -> World:
    """Return a market whose host has earned some hours of one GPU, on a Thursday's midnight."""
    w = world(terms=prices(gpu=price))
    contract = w.rent(1)
    w.do(c.Destroy(by=ANN, contract=contract), hours * HOUR)
    return w


def friday_after(w: World) -> int:
    """Return the first Friday from now on, in seconds of the world."""
    at = int((w.now - second(0)).total_seconds())
    return at if (at // DAY) % 7 == 1 else (at // DAY + (1 - at // DAY) % 7) * DAY


class TestPayouts:
    """Each Friday, from $20 on, in whole cents; pending for a week."""

    def test_what_was_earned_leaves_the_balance(self) -> None:
        w = earning()
        friday = friday_after(w)
        before = w.market
        events = w.do(c.PayOut(account=HOST), friday)
        event = find_event(events, e.PayoutInvoiced)
        assert not find_events(events, e.BalanceRanOut)  # it was paid out: no alarm
        assert event == e.PayoutInvoiced(
            at=second(friday), account=HOST, amount=Money(100), paid_on=second(friday + 7 * DAY)
        )
        assert (w.balance(HOST), w.market.paid_out) == (Money(0), Money(100))
        assert in_all(w) == w.market.credited == Money(2_000)
        notice = views.notifications(before, [event])[-1]
        assert (notice.recipient, notice.kind) == (HOST, "payout invoiced")

    def test_week_after_week_adds_up(self) -> None:
        w = earning()
        friday = friday_after(w)
        w.do(c.PayOut(account=HOST), friday)
        w.do(c.Destroy(by=ANN, contract=w.rent(1)), friday + 50 * HOUR)
        w.do(c.PayOut(account=HOST), friday + 7 * DAY)
        assert (w.balance(HOST), w.market.paid_out) == (Money(0), Money(150))
        assert in_all(w) == w.market.credited

    def test_parts_of_a_cent_roll_over(self) -> None:
        w = earning(30, "0.999333333333")
        w.do(c.PayOut(account=HOST), friday_after(w))
        assert w.market.paid_out == Money("29.97")
        assert w.balance(HOST) == Money("0.00999999999")

    def test_below_the_least_it_rolls_over(self) -> None:
        w = earning(19)
        friday = friday_after(w)
        assert views.payouts_due(w.market, second(friday)) == ()
        with pytest.raises(RuleViolation, match=r"earned at least \$20\.00, got \$19"):
            w.do(c.PayOut(account=HOST), friday)
        w.do(c.AddCredit(account=HOST, amount=Money(500)))
        contract = w.rent(1)
        w.do(c.Destroy(by=ANN, contract=contract), friday + HOUR)
        assert views.payouts_due(w.market, second(friday + HOUR)) == ((HOST, Money(25)),)
        w.do(c.PayOut(account=HOST))
        assert w.balance(HOST) == Money(500)  # what it paid in itself stays

    @pytest.mark.parametrize("late", [-1, DAY])
    def test_on_another_day_it_is_refused(self, late: int) -> None:
        w = earning()
        at = friday_after(w) + 7 * DAY + late
        assert views.payouts_due(w.market, second(at)) == ()
        with pytest.raises(RuleViolation, match=r"at: need a Friday \(UTC\)"):
            w.do(c.PayOut(account=HOST), at)
        w.do(c.PayOut(account=HOST), friday_after(w) + 7 * DAY)

    def test_until_the_last_second_of_the_day(self) -> None:
        w = earning()
        at = friday_after(w) + DAY - 1
        assert views.payouts_due(w.market, second(at)) == ((HOST, Money(100)),)
        w.do(c.PayOut(account=HOST), at)

    def test_a_host_has_one_invoice_for_each_run(self) -> None:
        """What it earns later that day is paid a week later, however often a run is repeated."""
        w = earning(24, "4")
        friday = friday_after(w)
        w.rent(1)
        w.do(c.PayOut(account=HOST), friday)
        for later in (0, HOUR, 6 * HOUR, DAY - 1):
            assert views.payouts_due(w.market, second(friday + later)) == ()
            with pytest.raises(RuleViolation) as refusal:
                w.do(c.PayOut(account=HOST), friday + later)
            need = "need the next Friday: this one's payout is invoiced"
            assert str(refusal.value) == f"at: {need}, got {second(friday + later)}"
        rest = Money(7 * 24 * 4)
        assert views.payouts_due(w.market, second(friday + 7 * DAY)) == ((HOST, rest),)
        w.do(c.PayOut(account=HOST), friday + 7 * DAY)
        assert w.market.account(HOST).invoiced_at == second(friday + 7 * DAY)
        assert w.market.paid_out == Money(24 * 4) + rest

    def test_who_earned_too_little_is_paid_later_that_day(self) -> None:
        w = earning(19)
        friday = friday_after(w)
        with pytest.raises(RuleViolation, match=r"earned at least \$20"):
            w.do(c.PayOut(account=HOST), friday)
        w.rent(1)
        paid = find_event(w.do(c.PayOut(account=HOST), friday + HOUR), e.PayoutInvoiced)
        assert paid.amount == Money(25)  # rented again since Thursday, 19:00

    def test_a_log_with_a_payout_twice_is_found_out(self) -> None:
        w = earning()
        [event] = find_events(w.do(c.PayOut(account=HOST), friday_after(w)), e.PayoutInvoiced)
        w.do(c.AddCredit(account=HOST, amount=Money(500)))
        with pytest.raises(RuleViolation) as refusal:
            evolve(w.market, event)
        need = f"another day than that of its payout at {event.at}"
        assert str(refusal.value) == f"at: need {need}, got {event.at}"

    def test_what_it_earns_since_is_something_again(self) -> None:
        """All was paid out while somebody rents: its balance is nothing for that instant alone."""
        w = earning(24)
        friday = friday_after(w)
        w.rent(1)
        w.do(c.PayOut(account=HOST), friday)
        assert w.balance(HOST) == Money(0)
        w.do(c.SetThresholds(by=HOST, charge=None, notice=Money(1)), friday + HOUR)
        account = w.market.account(HOST)
        assert (account.ledger.amount, account.empty) == (Money(1), False)

    def test_who_is_not_there(self) -> None:
        with pytest.raises(UnknownId, match="an account of this market"):
            world().do(c.PayOut(account=AccountId("nobody")), FRIDAY)

    def test_credit_is_not_earned(self) -> None:
        """Neither a client's, nor what is handed to a host."""
        w = world()
        transfer(w, 100, ANN, HOST)
        assert views.payouts_due(w.market, second(FRIDAY)) == ()
        for name in (ANN, BOB, HOST):
            with pytest.raises(RuleViolation, match=r"got \$0\.00"):
                w.do(c.PayOut(account=name), FRIDAY)

    def test_credit_is_handed_on_before_earnings(self) -> None:
        w = earning()
        transfer(w, 10, ANN, HOST)
        transfer(w, 4, HOST, BOB)
        friday = friday_after(w)
        assert views.payouts_due(w.market, second(friday)) == ((HOST, Money(100)),)
        transfer(w, 16, HOST, BOB)
        assert views.payouts_due(w.market, second(friday)) == ((HOST, Money(90)),)

    def test_what_a_client_had_spent_before_it_became_a_host_is_not_owed(self) -> None:
        w = world(terms=prices(gpu="1"))
        contract = w.rent(1)
        w.do(c.Destroy(by=ANN, contract=contract), 500 * HOUR)
        machine = Machine(id=2, host=ANN, gpu_name="A100", gpus=1)
        w.do(c.AddMachine(machine=machine))
        assert w.market.account(ANN).paid_in == Money(500)
        w.do(c.ListMachine(by=ANN, machine=2, prices=prices(gpu="1")))
        offer = views.offers(w.market, w.now, machine=2)[0]
        w.do(c.Rent(by=BOB, offer=offer.id, mode=Mode.ON_DEMAND))
        w.do(c.ReportLoaded(contract=w.market.last))
        w.do(c.Tick(), 600 * HOUR)
        friday = friday_after(w)
        earned = Money((friday - 500 * HOUR) // HOUR)
        assert views.payouts_due(w.market, second(friday))[0] == (ANN, earned)

    def test_debt_is_paid_off_before_anything_was_earned(self) -> None:
        """A client that was below zero, and became a host."""
        w = world(terms=prices(gpu="1", storage="720"))
        contract = w.rent(1, disk_mb=10_000)  # $11 an hour, then $10 for what it stores
        w.do(c.Destroy(by=ANN, contract=contract), 100 * HOUR)
        debt = w.balance()
        assert debt < Money(0)
        w.do(c.AddMachine(machine=Machine(id=2, host=ANN, gpu_name="A100", gpus=1)))
        assert w.market.account(ANN).paid_in == Money(0)
        w.do(c.AddCredit(account=BOB, amount=Money(5_000)))
        transfer(w, 2_000, BOB, ANN)
        assert ANN not in dict(views.payouts_due(w.market, second(friday_after(w))))

    def test_a_billed_test_stops_when_all_is_paid_out(self) -> None:
        w = earning()
        w.do(c.SetSettings(settings=Settings(own_tests_billed=True)))
        w.rent(1, by=HOST)
        friday = friday_after(w)
        events = w.do(c.PayOut(account=HOST), friday)
        assert find_event(events, e.BalanceRanOut).account == HOST
        assert find_events(events, e.InstanceStopped)

    def test_hosts_are_in_the_order_of_their_names(self) -> None:
        w = World()
        w.do(c.AddCredit(account=BOB, amount=Money(9_000)))
        for number, host in ((1, "zoe"), (2, "abe")):
            w.do(c.AddMachine(machine=Machine(id=number, host=host, gpu_name="A100", gpus=1)))
            w.do(c.ListMachine(by=host, machine=number, prices=prices(gpu="1")))
            [offer] = views.offers(w.market, w.now, machine=number)
            w.do(c.Rent(by=BOB, offer=offer.id, mode=Mode.ON_DEMAND))
            w.do(c.ReportLoaded(contract=w.market.last))
        due = views.payouts_due(w.market, second(FRIDAY))
        assert due == ((AccountId("abe"), Money(24)), (AccountId("zoe"), Money(24)))

    def test_a_run_pays_what_it_says(self) -> None:
        w = earning()
        friday = friday_after(w)
        w.do(c.Tick(), friday)
        due = views.payouts_due(w.market, w.now)
        made = [find_event(w.do(c.PayOut(account=name)), e.PayoutInvoiced) for name, _ in due]
        assert [(each.account, each.amount) for each in made] == list(due)
        assert views.payouts_due(w.market, w.now) == ()

    def test_another_schedule(self) -> None:
        w = earning(5)
        daily = PayoutSchedule(weekday=0, least=Money(3), pending=0)
        w.do(c.SetSettings(settings=Settings(payouts=daily)))
        monday = friday_after(w) + 3 * DAY
        [event] = find_events(w.do(c.PayOut(account=HOST), monday), e.PayoutInvoiced)
        assert (event.amount, event.paid_on) == (Money(5), second(monday))

    def test_it_is_kept(self) -> None:
        w = earning()
        w.do(c.PayOut(account=HOST), friday_after(w))
        assert journal.market_from_json(journal.market_to_json(w.market)) == w.market
        assert replay(w.events) == w.market
        for event in w.events:
            assert journal.event_from_json(journal.event_to_json(event)) == event

    def test_a_snapshot_without_payouts_is_read(self) -> None:
        text = journal.market_to_json(Market())
        assert '"paid_out"' in text
        older = text.replace(', "paid_out": "0"', "")
        assert "paid_out" not in older
        assert journal.market_from_json(older) == Market()


class TestTheSchedule:
    """Fridays, $20, a week; each can be another."""

    @given(day=st.integers(0, 40), clock=st.integers(0, DAY - 1), weekday=st.integers(0, 6))
    @example(day=3, clock=DAY - 1, weekday=4)  # not on a whole hour, whatever is drawn
    def test_the_next_run_is_the_first_day_that_is_not_over(
        self, day: int, clock: int, weekday: int
    ) -> None:
        schedule = PayoutSchedule(weekday=weekday)
        midnight = datetime(2026, 2, 1, tzinfo=UTC) + timedelta(days=day)
        at = midnight + timedelta(seconds=clock)
        run = schedule.next_run(at)
        days = [run.start - timedelta(days=back) for back in range(1, 7)]
        assert (run.start.weekday(), run.start.time(), run.seconds) == (weekday, time(), DAY)
        assert run.end > at >= run.start - timedelta(days=6)
        assert all(each.weekday() != weekday for each in days)
        assert schedule.is_run(at) == (at in run) == (at.weekday() == weekday)
        assert schedule.paid_on(at) == midnight + timedelta(days=7)

    def test_it_names_its_day(self) -> None:
        assert PayoutSchedule().day_name == "Friday"
        assert PayoutSchedule(weekday=0).day_name == "Monday"

    @pytest.mark.parametrize(
        ("earned", "paid"),
        [("20", "20"), ("19.999999999999", "0"), ("20.009999999999", "20"), ("1000000", "1000000")],
    )
    def test_whole_cents_from_the_least_on(self, earned: str, paid: str) -> None:
        assert PayoutSchedule().payable(Money(earned)) == Money(paid)

    def test_nothing_is_never_paid(self) -> None:
        schedule = PayoutSchedule(least=Money(0))
        assert schedule.payable(Money(0)) == schedule.payable(Money(-1)) == Money(0)
        assert schedule.payable(Money("0.009")) == Money(0)

    @pytest.mark.parametrize(
        "wrong",
        [{"weekday": 7}, {"weekday": -1}, {"pending": -1}, {"pending": 366}, {"least": Money(-1)}],
    )
    def test_what_it_may_not_say(self, wrong: Any) -> None:
        with pytest.raises(RuleViolation):
            PayoutSchedule(**wrong)

    def test_what_is_of_another_type(self) -> None:
        for wrong in ({"weekday": "Friday"}, {"least": 20}, {"pending": 7.0}):
            given_: Any = wrong
            with pytest.raises(WrongType):
                PayoutSchedule(**given_)
        none: Any = None
        with pytest.raises(WrongType):
            PayoutSchedule().payable(none)
        with pytest.raises(WrongType):
            Settings(payouts=none)
