"""The far ends of rules about accounts, machines and volumes, each of which something reaches."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from market_world import ANN, BOB, HOST, START, World, prices, second, world
from numgenius_core.bids import WaitReason
from numgenius_core.errors import RuleViolation, UnknownId, WrongType
from numgenius_core.ids import AccountId, MachineId, VolumeId
from numgenius_core.intervals import Interval
from numgenius_core.market import (
    Market,
    RentedVolume,
    Settings,
    commands as c,
    events as e,
    evolve,
    find_event,
    views,
)
from numgenius_core.market._builder import Builder
from numgenius_core.market._dispatch import decided
from numgenius_core.market._ledger import Ledger
from numgenius_core.market._persistent import Table
from numgenius_core.money import Money
from numgenius_core.offer import Block
from numgenius_core.rates import PerGbMonth

DAY, M1 = 86_400, MachineId(1)


def volume_of(w: World, by: AccountId = ANN) -> VolumeId:
    [offer] = views.volume_offers(w.market, w.now, machine=M1)
    return find_event(w.do(c.RentVolume(by=by, offer=offer.id)), e.VolumeRented).contract.id


class TestAccounts:
    """Balances at the far ends."""

    def test_what_costs_nothing_is_not_deleted_for_a_debt(self) -> None:
        w = world(4, prices(1, storage=1, fee="0.25"), volume_mb=100_000)
        w.do(c.AddCredit(account=HOST, amount=Money(1)))
        free = w.rent(1, by=HOST)
        kept = volume_of(w, HOST)
        w.do(c.SetSettings(settings=Settings(own_tests_billed=True)))
        billed = w.rent(1, by=HOST, disk_mb=100_000)
        w.do(c.Tick(), 90 * DAY)
        assert views.balance(w.market, HOST, w.now) < Money(0)
        w.do(c.DeleteUnpaid(account=HOST))
        assert [w.state(each) for each in (free, billed)] == ["running", "destroyed"]
        assert [*w.market.account(HOST).volumes] == [kept]

    def test_a_volume_stays_that_an_instance_uses_which_costs_nothing(self) -> None:
        w = world(4, prices(1, storage=1, fee="0.25"), volume_mb=500_000)
        w.do(c.AddCredit(account=HOST, amount=Money(1)))
        w.do(c.SetSettings(settings=Settings(own_tests_billed=True)))
        used, idle = volume_of(w, HOST), volume_of(w, HOST)
        w.do(c.SetSettings(settings=Settings(own_tests_billed=False)))
        w.rent(1, by=HOST, volumes=(used,))
        w.do(c.Tick(), 900 * DAY)
        assert {used, idle} == set(w.market.account(HOST).volumes)
        w.do(c.DeleteUnpaid(account=HOST))
        assert [*w.market.account(HOST).volumes] == [used]

    def test_nobody_is_paid_who_has_no_account(self) -> None:
        with pytest.raises(UnknownId, match=r"need an account of this market, got 'zoe'"):
            Builder(Market()).pay(AccountId("zoe"), second(0), 1, 0)

    def test_whom_one_tick_is_paid_is_not_empty(self) -> None:
        w = world(1, prices(1))
        assert w.market.account(HOST).empty
        builder = Builder(w.market)
        builder.pay(HOST, w.now, 1, 0)
        assert builder.market().account(HOST).empty is False

    def test_what_goes_is_kept_for_whoever_wants_it_alone(self) -> None:
        """A replay of a million events does not hold what they destroyed."""
        w = world(4, prices(1, storage=1), volume_mb=500_000)
        volume, contract = volume_of(w, ANN), w.rent(1)
        for keeps in (True, False):
            builder = Builder(w.market, keeps=keeps)
            for command in (
                c.Destroy(by=ANN, contract=contract),
                c.DeleteVolume(by=ANN, volume=volume),
            ):
                decided(builder, command, w.now)
            gone = [*builder.gone, *builder.gone_volumes]
            assert gone == ([contract, volume] if keeps else [])

    def test_a_market_may_be_looked_at_while_it_is_built(self) -> None:
        builder, there = Builder(Market()), []
        for earned in (2, 3):
            builder.earn(second(0), earned, 0)
            there.append(builder.market().platform)
        assert [each.amount.ticks for each in there] == [2, 5]

    def test_who_has_money_has_not_run_out_whatever_a_log_says(self) -> None:
        w = world(1, prices(1))
        w.do(c.AddCredit(account=HOST, amount=Money.from_ticks(1)))
        for name in (ANN, HOST):
            with pytest.raises(RuleViolation, match="need an account with nothing left"):
                evolve(w.market, e.BalanceRanOut(at=w.now, account=name))

    def test_the_last_tick_of_a_balance_is_something(self) -> None:
        w, zoe = world(1, prices(1)), AccountId("zoe")
        assert w.names(c.AddCredit(account=zoe, amount=Money.from_ticks(1))) == ["CreditAdded"]
        account = w.market.account(zoe)
        assert (account.empty, account.runs_out()) == (False, None)
        w.rent(1, by=zoe, load=False)

    def test_who_is_told_again_once_the_balance_was_above(self) -> None:
        w = world(1, prices(1))
        w.do(c.SetThresholds(by=ANN, notice=Money(999)))
        w.rent(1)
        told = [at for day in range(1, 4) for at in self._told(w, day)]
        assert told == [second(3_600)]
        w.do(c.AddCredit(account=ANN, amount=Money(72)))
        assert self._told(w, 4) == [second(3 * DAY + 3_600)]

    def test_each_threshold_is_told_at_its_own_instant(self) -> None:
        w = world(1, prices(1))
        w.do(c.SetThresholds(by=ANN, charge=Money(999), notice=Money(998)))
        w.rent(1)
        told = [(type(each).__name__, each.at) for each in w.do(c.Tick(), 3 * 3_600)]
        assert told == [("ChargeDue", second(3_600)), ("BalanceLow", second(7_200))]

    def test_who_is_told_at_once_of_a_higher_threshold(self) -> None:
        w = world(1, prices(1))
        w.rent(1)
        low, high = Money(999), Money(1_000)
        w.do(c.SetThresholds(by=ANN, charge=low, notice=low))
        assert w.names(c.Tick(), 3_600) == ["ChargeDue", "BalanceLow"]
        told = w.names(c.SetThresholds(by=ANN, charge=high, notice=high))
        assert told == ["ThresholdsSet", "ChargeDue", "BalanceLow"]

    def _told(self, w: World, day: int) -> list[datetime]:
        events = w.do(c.Tick(), day * DAY)
        return [each.at for each in events if isinstance(each, e.BalanceLow)]

    def test_a_threshold_beyond_the_calendar_is_never_reached(self) -> None:
        ledger = Ledger(since=second(0), amount=Money(10**12), rate=Money.from_ticks(-1))
        assert ledger.falls_to(Money(1)) is None
        assert ledger.falls_to(Money(10**12)) == second(0)

    def test_one_tick_above_a_threshold_is_above_it(self) -> None:
        ledger = Ledger(since=second(0), amount=Money.from_ticks(9), rate=Money.from_ticks(-1))
        assert ledger.falls_to(Money.from_ticks(8)) == second(1)
        with pytest.raises(WrongType, match=r"^threshold: need a Money, got 8$"):
            ledger.falls_to(8)  # type: ignore[arg-type]


class TestVolumes:
    """Volumes at the far ends."""

    def test_an_offer_that_was_never_made_does_not_end(self) -> None:
        w = world(1, prices(1))
        with pytest.raises(RuleViolation, match="need a machine with a volume offer, got machine"):
            evolve(w.market, e.VolumeUnlisted(at=w.now, machine=M1))

    def test_a_deleted_one_goes_to_the_archive(self) -> None:
        w = world(1, prices(1), volume_mb=100_000)
        volume, kept = volume_of(w), dict[VolumeId, RentedVolume]()
        evolve(w.market, e.VolumeDeleted(at=w.now, volume=volume), volumes=kept)
        assert [*kept] == [volume]

    def test_there_are_no_offers_without_one(self) -> None:
        w = world(1, prices(1), volume_mb=0)
        assert views.volume_offers(w.market, w.now, machine=M1) == ()

    def test_a_rolling_end_beyond_the_calendar_offers_nothing(self) -> None:
        """It is listed until its end would roll again, and has none until then."""
        listed, w = datetime(9999, 12, 21, 22, tzinfo=UTC), world(1)
        at = int((listed - START).total_seconds())
        w.list(prices(1), at=at, rolling=timedelta(days=10), volume_mb=100_000)
        assert views.volume_offers(w.market, w.now, machine=M1) != ()
        w.do(c.Tick(), at + 3 * 3_600)
        assert w.market.machine(M1).volume_listing is not None
        assert views.volume_offers(w.market, w.now, machine=M1) == ()
        last = w.now + timedelta(days=1)
        anew = c.ListMachine(by=HOST, machine=M1, prices=prices(1), end=last)
        [end] = [t for t in views.preview(w.market, anew, w.now).terms if t.name == "end"]
        assert (end.old, end.new) == (None, last)

    def test_a_bid_that_was_moved_is_where_it_was_moved(self) -> None:
        w = world(2, prices(1))
        bid = w.rent(1, bid="0.5")
        moved = e.ContractMoved(at=w.now, contract=bid, block=Block(start=1, size=1))
        after = evolve(w.market, moved).living(bid)
        assert after.contract.block == Block(start=1, size=1)

    def test_a_host_earns_by_its_own_volumes(self) -> None:
        w = world(1, prices(1), volume_mb=500_000, volume_price=PerGbMonth("0.72"))
        volume = volume_of(w, BOB)
        w.do(c.Tick(), DAY)
        period = Interval(second(0), second(DAY))
        gone = {volume: w.market.volume(volume)}
        bill = views.volume_statement_of(w.market, volume, period).total
        assert [each.total for each in views.earnings(w.market, HOST, period)] == [bill]
        w.add(1, machine=2, host=AccountId("other"))
        [none] = views.earnings(w.market, "other", period, volumes=gone)
        assert not none.total


class TestWhoRuns:
    """What a look-up of a machine takes note of."""

    def test_a_bid_that_is_given_anew_comes_last_among_equals(self) -> None:
        w = world(1, prices(1))
        first, second_one = w.rent(1, bid="0.5"), w.rent(1, bid="0.5", by=BOB)
        bid = w.instance(first).bid
        assert bid is not None
        event = e.BidChanged(at=w.now, contract=first, bid=bid, arrival=w.market.last + 1)
        object.__setattr__(event, "bid", bid)  # the very same
        market = evolve(w.market, event)
        assert [each.id for each in views.who_runs(market, M1).running] == [second_one]
        state = market.machine(M1)
        assert [each.id for each in state.running] == [second_one]

    def test_what_is_held_on_demand_is_the_reason_beside_a_higher_bid(self) -> None:
        w = world(2, prices(1))
        loser = w.rent(2, bid="0.5")
        w.do(c.Stop(by=ANN, contract=loser))
        held, higher = w.rent(1), w.rent(1, 1, bid="0.9", by=BOB)
        told = find_event(w.do(c.Start(by=ANN, contract=loser)), e.InstancePaused)
        assert (told.why, told.by) == (WaitReason.HELD, (held, higher))

    def test_offers_are_made_anew_once_somebody_holds_their_gpus(self) -> None:
        w = world(2, prices(1))
        before = [each.rentable for each in views.offers(w.market, w.now)]
        w.rent(1)
        after = [each.rentable for each in views.offers(w.market, w.now)]
        assert (before, after) == ([True, True, True], [False, True, False])


def test_much_changes_in_a_large_table_at_once() -> None:
    table = Table((number, number) for number in range(1_000))
    what = {number: number for number in range(1_000)} | {3: -3}
    del what[500], what[501]
    assert dict(table.updated({3: -3}, [500, 501, 5_000]).items()) == what
