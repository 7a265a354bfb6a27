"""The market's promises at their edges: limits, archives, numbers that are left out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from fractions import Fraction
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, strategies as st

from effort import examples
from market_world import ANN, BOB, HOST, World, played, prices, second, world
from numgenius_core.errors import NumgeniusError, RuleViolation, UnknownId, WrongType
from numgenius_core.ids import AccountId, ContractId, MachineId
from numgenius_core.intervals import Interval
from numgenius_core.maintenance import MaintenanceWindow
from numgenius_core.market import (
    Instance,
    Market,
    Settings,
    _contradictions,
    commands as c,
    events as e,
    evolve as evolve_market,
    execute,
    execute_all,
    replay,
    views,
)
from numgenius_core.market.journal import market_from_json, market_to_json
from numgenius_core.market.state import has_to_stop
from numgenius_core.money import Money
from numgenius_core.rates import PerGpuHour, PerHour
from numgenius_core.testing import Step, plays

M1 = MachineId(1)
DAY, HOUR = 86_400, 3_600
NUMBERED = (
    e.MachineListed,
    e.ContractCreated,
    e.InstanceStarted,
    e.BidChanged,
    e.PriceIncreaseAsked,
)

BY_ITSELF = (
    *(e.BalanceRanOut, e.ChargeDue, e.BalanceLow, e.DepositSpent, e.InstanceExpired),
    *(e.InstancePaused, e.InstanceResumed, e.RatesChanged, e.PromiseSettled),
    *(e.EndDateRolled, e.MaintenanceStarted, e.MaintenanceCompleted, e.VolumeExpired),
)
"""Events that no command asks for: time, or who runs, brings them.

A listing may be ended by a command, too: one that relists it up to now.
"""


def comes_by_itself(event: e.Event) -> bool:
    """Return whether time, or who runs, brought an event."""
    stopped = isinstance(event, e.InstanceStopped) and event.why is e.StopReason.BALANCE
    return stopped or isinstance(event, BY_ITSELF)


def limit(name: str) -> Settings:
    """Return settings that let one claim wait."""
    limits: dict[str, Any] = {name: 1}
    return Settings(**limits)


class TestLimits:
    """Limits refuse what would wait, and nothing else."""

    def test_a_fraction_of_a_second_above_a_whole_one(self) -> None:
        with pytest.raises(RuleViolation, match=r"settings\.longest_step"):
            Settings(longest_step=timedelta(seconds=1, microseconds=1))

    @pytest.mark.parametrize("name", ["waiting_on_a_machine", "waiting_of_an_account"])
    def test_a_refused_claim_leaves_the_value_as_it_was(self, name: str) -> None:
        w = world(1, prices(1))
        w.rent(1, bid="0.50", load=False)
        w.rent(1, bid="0.40", load=False)
        w.do(c.SetSettings(settings=limit(name)))
        before = market_to_json(w.market)
        with pytest.raises(RuleViolation, match=name):
            w.rent(1, bid="0.30", load=False)
        assert market_to_json(w.market) == before

    def test_one_that_runs_at_once_is_taken_although_more_wait_than_may(self) -> None:
        w = world(2, prices(1))
        w.rent(1, 0, bid="0.50", load=False)
        waits = w.rent(1, 0, bid="0.40", load=False)
        w.do(c.SetSettings(settings=Settings(waiting_on_a_machine=0, waiting_of_an_account=0)))
        runs = w.rent(1, 1, bid="0.10", load=False)
        assert (w.state(waits), w.state(runs)) == ("paused", "loading")

    def test_a_start_that_would_wait_is_refused(self) -> None:
        w = world(1, prices(1))
        stopped = w.rent(1)
        w.do(c.Stop(by=ANN, contract=stopped))
        w.rent(1, by=BOB)
        w.do(c.SetSettings(settings=Settings(waiting_of_an_account=0)))
        with pytest.raises(RuleViolation, match="waiting_of_an_account"):
            w.do(c.Start(by=ANN, contract=stopped))
        assert w.state(stopped) == "stopped"


class TestArchives:
    """What was destroyed is in the archive, as it was."""

    def test_a_batch_archives_what_was_destroyed_and_goes_on_after_a_refusal(self) -> None:
        w = world(2, prices(1))
        c1, c2 = w.rent(1), w.rent(1, 1)
        commands: list[tuple[c.Command, Any]] = [
            (c.Destroy(by=ANN, contract=c1), second(60)),
            (c.Destroy(by=BOB, contract=c2), second(60)),  # somebody else's
            (c.Tick(), second(30)),  # before the last event
            (c.Destroy(by=ANN, contract=c2), second(90)),
        ]
        archive: dict[ContractId, Instance] = {}
        after, results = execute_all(w.market, commands, archive=archive)
        assert [each.error is None for each in results] == [True, False, False, True]
        assert list(archive) == [c1, c2]
        again: dict[ContractId, Instance] = {}
        assert replay([event for each in results for event in each.events], w.market) == after
        replay([*w.events, *(event for each in results for event in each.events)], archive=again)
        assert again == archive

    def test_what_the_views_said_before_they_say_after(self) -> None:
        w = world(1, prices(1), max_discount=Fraction(1, 2))
        contract, period = w.rent(1), Interval(second(0), second(DAY))
        w.do(c.Prepay(by=ANN, contract=contract, amount=Money(300)))
        w.do(c.Tick(), DAY)
        asks: list[Callable[[], Any]] = [
            lambda: views.statement_of(w.market, contract, period, archive=w.archive).lines,
            lambda: views.earnings(w.market, HOST, period, archive=w.archive),
            lambda: views.instance(w.market, contract, archive=w.archive).contract,
        ]
        before = [ask() for ask in asks]
        refund = views.deposit_of(w.market, contract, w.now).refund
        assert refund > Money(0)
        events = w.do(c.Destroy(by=ANN, contract=contract))
        assert [ask() for ask in asks] == before
        refunded = next(each for each in events if isinstance(each, e.DepositRefunded))
        assert refunded.refund == refund
        deposit = views.deposit_of(w.market, contract, w.now, archive=w.archive)
        assert (deposit.left, deposit.refund) == (Money(0), Money(0))
        assert w.state(contract) == "destroyed"
        bills = [
            views.statement_of(w.market, contract, Interval(second(0), until), archive=w.archive)
            for until in (second(DAY + 1), second(9 * DAY))
        ]
        assert bills[0].lines == bills[1].lines  # nothing flows after that


class TestLogs:
    """A log that is not whole is found out, with the position."""

    def log(self) -> World:
        """Return a world in which every kind of number was given."""
        w = world(2, prices(1), end=second(10 * DAY))
        c1 = w.rent(1)
        c2 = w.rent(1, 1, bid="0.5")
        w.do(c.Stop(by=ANN, contract=c1), 60)
        w.do(c.Start(by=ANN, contract=c1), 120)
        w.do(c.ChangeBid(by=ANN, contract=c2, bid=PerHour(1)))
        w.list(prices(2), end=second(20 * DAY))
        w.do(c.RejectPriceIncrease(by=ANN, increase=max(w.market.asked)))
        w.rent(1, 1, by=BOB, bid="0.1", load=False)
        return w

    def test_each_numbered_event_that_is_left_out_or_doubled_is_found(self) -> None:
        events = self.log().events
        assert {type(each) for each in events} >= set(NUMBERED)
        for index, event in enumerate(events):
            if isinstance(event, NUMBERED):
                with pytest.raises(RuleViolation, match=rf"^events\[{index + 1}\]"):
                    replay([*events[: index + 1], *events[index:]])
                with pytest.raises(NumgeniusError, match=r"^events\[\d+\]"):
                    replay([*events[:index], *events[index + 1 :]])

    def test_a_number_that_is_skipped(self) -> None:
        w = self.log()
        for number in (w.market.last, w.market.last + 2):
            event = e.BidChanged(at=w.now, contract=ContractId(3), bid=PerHour(2), arrival=number)
            with pytest.raises(RuleViolation, match=r"events\[0\]\.number"):
                replay([event], w.market)

    def test_windows_that_overlap(self) -> None:
        window = MaintenanceWindow(period=Interval(second(10), second(20)))
        w = world()
        first, second_one = (
            e.MaintenanceScheduled(
                at=second(0), machine=M1, window=evolve(window, id=w.market.last + more)
            )
            for more in (1, 2)
        )
        with pytest.raises(RuleViolation, match=r"events\[1\]\.window: need no overlap"):
            replay([first, second_one], w.market)
        with pytest.raises(RuleViolation, match=r"events\[0\]\.number: need 2, the next one"):
            replay([second_one], w.market)

    def test_windows_that_are_cancelled_and_not_there(self) -> None:
        window = MaintenanceWindow(period=Interval(second(10), second(20)))
        event = e.MaintenanceCancelled(at=second(0), machine=M1, windows=(window,))
        with pytest.raises(RuleViolation, match=r"\.windows: need windows of machine 1, got 2026"):
            replay([event], world().market)

    def test_an_increase_that_waits_no_longer(self) -> None:
        w = self.log()
        rejected = next(each for each in w.events if isinstance(each, e.PriceIncreaseRejected))
        again = e.PriceIncreaseRejected(at=w.now, increase=rejected.increase)
        with pytest.raises(UnknownId, match=r"events\[0\]\.increase"):
            replay([again], w.market)

    def test_a_destroyed_instance_had_no_deposit_left(self) -> None:
        w = world(1, prices(1), max_discount=Fraction(1, 2))
        contract = w.rent(1)
        w.do(c.Prepay(by=ANN, contract=contract, amount=Money(300)))
        gone = e.InstanceDestroyed(at=w.now, contract=contract)
        with pytest.raises(RuleViolation, match="without a deposit"):
            replay([gone], w.market)
        left = views.deposit_of(w.market, contract, w.now)
        paid = e.DepositRefunded(at=w.now, contract=contract, refund=left.left, kept=Money(0))
        assert contract not in replay([paid, gone], w.market).homes

    @pytest.mark.parametrize("what", ["a listing", "a window"])
    def test_the_last_event_leaves_nothing_due_before_it(self, what: str) -> None:
        w = world(1, prices(1), end=second(30 * DAY))
        w.do(c.Tick(), 5 * DAY)
        listing, number = w.market.machine(M1).listing, w.market.last + 1
        assert listing is not None
        window = MaintenanceWindow(id=number, period=Interval(second(DAY), second(2 * DAY)))
        event: e.Event = e.MaintenanceScheduled(at=w.now, machine=M1, window=window)
        if what == "a listing":
            ended = evolve(listing, end=second(DAY))
            event = e.MachineListed(at=w.now, listing=ended, number=number)
        said = f"at: need an instant up to {second(DAY)}, when something comes due on machine 1"
        with pytest.raises(RuleViolation) as refusal:
            evolve_market(w.market, event)
        assert str(refusal.value) == f"{said}, got {w.now}"
        with pytest.raises(RuleViolation) as refusal:
            replay([event], w.market)
        assert str(refusal.value) == f"events[0].{said}, got {w.now}"

    def test_no_event_among_events(self) -> None:
        paid = e.CreditAdded(at=second(0), account=ANN, amount=Money(1))
        with pytest.raises(WrongType, match=r"events\[1\]"):
            replay([paid, c.Tick()])  # type: ignore[list-item]

    def test_a_market_is_its_first_events(self) -> None:
        market, events = Market(), list[e.Event]()
        for command in (
            c.AddCredit(account=ANN, amount=Money(1)),
            c.SetSettings(settings=Settings(waiting_on_a_machine=1)),
            c.AddCredit(account=BOB, amount=Money(2)),
        ):
            market, more = execute(market, command, second(0))
            events += more
            assert market.version == len(events)
            assert replay(events[: market.version]) == market


class TestWhatFollows:
    """Time does not go on before what follows has happened: who pauses or resumes, what is due."""

    @pytest.mark.parametrize(
        ("missing", "said"),
        [
            (e.InstancePaused, "when contract 2 has to pause"),
            (e.InstanceResumed, "when contract 2 has to resume"),
        ],
    )
    def test_who_has_to_pause_or_to_resume(self, missing: type, said: str) -> None:
        w = world(1, prices(1))
        w.rent(1, bid="0.2")
        above = w.rent(1, by=BOB, bid="0.5")
        w.do(c.Destroy(by=BOB, contract=above), 60)
        w.do(c.AddCredit(account=ANN, amount=Money(1)), 120)
        happened = [type(each) for each in w.events]
        assert happened.count(missing) == 1
        index = happened.index(missing)
        at, later = w.events[index].at, [each.at for each in w.events[index + 1 :]]
        following = index + sum(each == at for each in later)  # the first that is later
        with pytest.raises(RuleViolation) as refused:
            replay([*w.events[:index], *w.events[index + 1 :]])
        assert str(refused.value) == (
            f"events[{following}].at: need an instant up to {at}, {said}, got "
            f"{w.events[following + 1].at}"
        )

    def test_a_floor_that_somebody_is_under(self) -> None:
        w = world(1, prices(1))
        w.rent(1, bid="0.2")
        w.do(c.SetMinBid(by=HOST, machine=M1, floor=PerGpuHour("0.3")), 60)
        floor, paused = w.events[-2:]
        assert isinstance(paused, e.InstancePaused)
        later = e.CreditAdded(at=second(61), account=ANN, amount=Money(1))
        replay([*w.events, later])
        with pytest.raises(RuleViolation, match=r"at: need .*, when contract 2 has to pause"):
            replay([*w.events[:-2], floor, later])

    @pytest.mark.parametrize("missing", [0, 1, 2])
    def test_a_balance_that_ran_out(self, missing: int) -> None:
        """Of three balances each is missed, whichever was seen to run out before it."""
        w = World()
        w.add(4)
        w.list(prices(1))
        clients = [AccountId(name) for name in ("ann", "bob", "eve")]
        for hours, client in enumerate(clients, 1):
            w.do(c.AddCredit(account=client, amount=Money(hours)))
            w.rent(1, hours, by=client)
        w.do(c.AddCredit(account=HOST, amount=Money(1)), 10 * HOUR)
        ran_out = [
            index for index, each in enumerate(w.events) if isinstance(each, e.BalanceRanOut)
        ]
        assert [w.events[index].at for index in ran_out] == [second(n * HOUR) for n in (1, 2, 3)]
        index = ran_out[missing]
        stopped = w.events[index + 1]
        assert isinstance(stopped, e.InstanceStopped)
        with pytest.raises(RuleViolation) as refused:
            replay([*w.events[:index], *w.events[index + 2 :]])
        due = w.events[index].at
        assert str(refused.value) == (
            f"events[{index}].at: need an instant up to {due}, when something comes due on account "
            f"{clients[missing]}, got {w.events[index + 2].at}"
        )

    @pytest.mark.parametrize("hours", [5, 23, 24, 25, 36, 47, 48, 49, 100])
    @pytest.mark.parametrize("what", ["balance", "charge", "notice"])
    @pytest.mark.parametrize("step", [1, 7, 30])
    def test_what_is_due_of_a_balance_in_days(self, what: str, hours: int, step: int) -> None:
        """Whatever else was looked at before, what is missing is named by the next event."""
        w = World()
        w.add(1)
        w.list(prices(1))
        w.do(c.AddCredit(account=ANN, amount=Money(hours if what == "balance" else 1_000)))
        if what != "balance":
            level: dict[str, Any] = {what: Money(1_000 - hours)}
            w.do(c.SetThresholds(by=ANN, **level))
        w.rent(1)
        for hour in range(step, hours + 2 * step, step):
            w.do(c.AddCredit(account=(HOST, BOB)[hour // step % 2], amount=Money(1)), hour * HOUR)
        [index] = [
            index
            for index, each in enumerate(w.events)
            if isinstance(each, (e.BalanceRanOut, e.ChargeDue, e.BalanceLow))
        ]
        assert w.events[index].at == second(hours * HOUR)
        after = [each for each in w.events[index:] if each.at > w.events[index].at]
        need = f"an instant up to {w.events[index].at}, when something comes due on account ann"
        with pytest.raises(RuleViolation) as refused:
            replay([*w.events[:index], *after])
        assert str(refused.value) == f"events[{index}].at: need {need}, got {after[0].at}"

    def test_a_balance_that_is_used_up_at_once_while_it_earns(self) -> None:
        """It has run out, though it has something a second later: somebody is told."""
        w = world(2, prices(8, download=1, fee="0.25"))
        w.do(c.SetSettings(settings=Settings(own_tests_billed=True)))
        w.do(c.AddCredit(account=HOST, amount=Money(10)))
        own = w.rent(1, by=HOST)
        w.rent(1, 1, by=BOB)  # the host gets $6 an hour and pays $2 of fees
        w.do(c.CountTraffic(contract=own, received=40 * 10**9))  # of which the fee is $10
        *before, ran_out, stopped = w.events
        assert isinstance(ran_out, e.BalanceRanOut)
        assert isinstance(stopped, e.InstanceStopped)
        later = e.CreditAdded(at=second(60), account=BOB, amount=Money(1))
        with pytest.raises(RuleViolation, match=rf"^events\[{len(before)}\]\.at: .* account host"):
            replay([*before, later, later])

    def test_a_balance_that_ran_out_and_was_filled_again(self) -> None:
        """Another had run out before; at the end of the log nothing is due any more."""
        w = World()
        w.add(2)
        w.list(prices(1))
        for _ in range(20):  # balances that change before theirs
            w.do(c.AddCredit(account=HOST, amount=Money(1)))
        for slot, client in enumerate((ANN, BOB)):
            w.do(c.AddCredit(account=client, amount=Money(1)), 2 * slot * HOUR)
            w.rent(1, slot, by=client)
        w.do(c.AddCredit(account=BOB, amount=Money(100)), 10 * HOUR)
        _, last = (
            index for index, each in enumerate(w.events) if isinstance(each, e.BalanceRanOut)
        )
        with pytest.raises(RuleViolation, match="when something comes due on account bob, got"):
            replay([*w.events[:last], *w.events[last + 2 :]])

    def test_instances_of_who_has_nothing_left_that_did_not_stop(self) -> None:
        """Money that nobody has would be earned, and paid out."""
        w = World()
        w.add(2)
        w.list(prices(1))
        w.do(c.AddCredit(account=ANN, amount=Money(2)))
        w.rent(1)
        w.rent(1, 1)
        w.do(c.AddCredit(account=BOB, amount=Money(1)), 2 * HOUR)
        *before, ran_out, first, other, paid = w.events
        assert isinstance(ran_out, e.BalanceRanOut)
        assert isinstance(first, e.InstanceStopped)
        assert isinstance(other, e.InstanceStopped)
        for stops in ([], [first], [other]):
            place = len(before) + 1 + len(stops)
            with pytest.raises(RuleViolation, match=rf"^events\[{place}\]\.at: .* of account ann"):
                replay([*before, ran_out, *stops, paid])
            with pytest.raises(RuleViolation, match=r"^events\[0\]\.at: .* of account ann stop"):
                replay([paid], replay([*before, ran_out, *stops]))

    def test_stops_that_are_read_one_by_one_are_not_all_looked_at_each_time(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        w = World()
        w.add(64)
        w.list(prices(1))
        w.do(c.AddCredit(account=ANN, amount=Money(64)))
        for place in range(64):
            w.rent(1, place)
        part, done = w.market, len(w.events)
        w.do(c.Tick(), HOUR)
        looks = list[Instance]()

        def counted(instance: Instance) -> bool:
            looks.append(instance)
            return has_to_stop(instance)

        monkeypatch.setattr(_contradictions, "has_to_stop", counted)
        for event in w.events[done:]:
            part = evolve_market(part, event)
        assert part == w.market
        assert len(looks) <= 3 * 64

    def test_who_paid_and_started_again_in_the_same_second(self) -> None:
        w = World()
        w.add(1)
        w.list(prices(1))
        w.do(c.AddCredit(account=ANN, amount=Money(1)))
        own = w.rent(1)
        w.do(c.AddCredit(account=ANN, amount=Money(5)), HOUR)
        w.do(c.Start(by=ANN, contract=own))
        w.do(c.AddCredit(account=ANN, amount=Money(5)), HOUR + 1)
        assert replay(w.events) == w.market

    @pytest.mark.parametrize("kept", [True, False])
    def test_who_goes_on_from_the_midst_of_a_command_does_the_rest_first(self, kept: bool) -> None:
        """A writer may have read what another has written up to any event."""
        w = World()
        w.add(2)
        w.list(prices(1))
        for account in (ANN, BOB):
            w.do(c.AddCredit(account=account, amount=Money(2)))
        w.rent(1, bid="0.2")
        w.rent(1, 1, bid="0.3")
        both = w.rent(2, by=BOB, bid="0.2")
        w.do(c.ChangeBid(by=BOB, contract=both, bid=PerHour("1")), 60)
        w.rent(1)  # pauses it, so the other resumes
        w.do(c.Tick(), 20 * HOUR)  # both balances run out
        seen = 0
        for count, following in enumerate(w.events):
            if not comes_by_itself(following) or following.at > w.events[count - 1].at:
                continue
            part = replay(w.events[:count])
            if kept:
                part = market_from_json(market_to_json(part))
            _, rest = execute(part, c.Tick(), part.now)
            assert [*rest] == w.events[count : count + len(rest)]
            last = count + len(rest)
            later = part.now + timedelta(seconds=1)
            paid = c.AddCredit(account=HOST, amount=Money(1))
            _, events = execute(part, paid, later)
            assert events[: len(rest)] == rest
            whole = execute(part, c.Tick(), part.now)[0]
            for account in (ANN, BOB, HOST):
                seen_whole = views.balance(whole, account, later)
                assert views.balance(part, account, later) == seen_whole
            after = w.events[last : last + 1]
            assert not any(comes_by_itself(each) and each.at == part.now for each in after)
            seen += 1
        assert seen >= 6

    def test_the_same_in_the_same_second_is_no_hole(self) -> None:
        """A log may be read up to any event: what follows may be the next one."""
        w = world(1, prices(1))
        w.rent(1, bid="0.2")
        w.rent(1, by=BOB, bid="0.5")
        for count in range(len(w.events)):
            part = replay(w.events[:count])
            assert replay(w.events[count:], part) == w.market

    @given(steps=plays(most=24), data=st.data())
    @examples(300)
    def test_nothing_that_follows_by_itself_may_be_missing(
        self, steps: tuple[Step, ...], data: st.DataObject
    ) -> None:
        """What a later event of the same second undoes is not missed: nothing came of it."""
        _, events = played(steps)
        by_itself = [
            index
            for index, each in enumerate(events[:-1])
            if comes_by_itself(each) and events[index + 1].at > each.at
        ]
        if by_itself:
            index = data.draw(st.sampled_from(by_itself))
            until = replay(events[:index])
            with pytest.raises(NumgeniusError, match=r"^events\[0\]"):  # also if read in two
                replay(events[index + 1 :], until)
            with pytest.raises(NumgeniusError, match=r"^events\[0\]"):
                replay(events[index + 1 :], market_from_json(market_to_json(until)))
            with pytest.raises(NumgeniusError):
                evolve_market(until, events[index + 1])
            with pytest.raises(NumgeniusError, match=rf"^events\[{index}\]"):
                replay([*events[:index], *events[index + 1 :]])
