"""Batches, the archive, and logs that cannot be true."""

from __future__ import annotations

import random
from contextlib import suppress
from datetime import datetime
from fractions import Fraction
from typing import Any

import pytest
from attrs import evolve as changed

from market_world import ANN, BOB, HOST, START, World, prices, second, world
from numgenius_core import market as market_room
from numgenius_core.errors import NumgeniusError, RuleViolation, UnknownId, WrongType
from numgenius_core.ids import AccountId, ContractId, MachineId, VolumeId
from numgenius_core.intervals import Interval
from numgenius_core.listing import Mode
from numgenius_core.market import (
    CommandResult,
    Instance,
    Market,
    RentedVolume,
    Settings,
    _dispatch,
    _evolution,
    commands as c,
    events as e,
    evolve,
    execute,
    execute_all,
    replay,
    views,
)
from numgenius_core.market.journal import market_from_json, market_to_json
from numgenius_core.money import Money
from numgenius_core.rates import PerGpuHour, PerHour

HOUR, DAY = 3_600, 86_400


def some_commands(seed: int) -> tuple[Market, list[tuple[c.Command, datetime]]]:
    """Return a market with a few instances, and commands of which many are refused."""
    draws, w, at = random.Random(seed), world(4), 0
    for number in range(4):
        w.rent(1, number, bid=f"0.{number + 1}")
    commands: list[tuple[c.Command, datetime]] = []
    for _ in range(60):
        at += draws.choice([0, 1, HOUR])
        contract = ContractId(draws.randrange(9))
        among: list[c.Command] = [
            c.Stop(by=ANN, contract=contract),
            c.Start(by=ANN, contract=contract),
            c.ChangeBid(by=ANN, contract=contract, bid=PerHour(f"0.{draws.randrange(1, 9)}")),
            c.Destroy(by=draws.choice([ANN, BOB]), contract=contract),
            c.Tick(),
        ]
        commands.append((draws.choice(among), second(at - 2 * HOUR * (draws.random() < 0.1))))
    return w.market, commands


class TestBatches:
    """``execute_all`` says what came of each command; never all or nothing."""

    @pytest.mark.parametrize("seed", range(6))
    def test_they_are_one_command_after_the_other(self, seed: int) -> None:
        market, commands = some_commands(seed)
        archive: dict[Any, Instance] = {}
        kept: dict[Any, Instance] = {}
        after, results = execute_all(market, iter(commands), archive=archive)
        refused = 0
        for (command, at), result in zip(commands, results, strict=True):
            error: NumgeniusError | None = None
            events: tuple[e.Event, ...] = ()
            try:
                market, events = execute(market, command, at, archive=kept)
            except NumgeniusError as refusal:
                error, refused = refusal, refused + 1
            assert result == CommandResult(command=command, at=at, events=events, error=error)
        assert after == market
        assert archive == kept
        assert 0 < refused < len(commands)

    def test_refusals_are_told_apart_by_kind_and_words(self) -> None:
        refusals = [
            None,
            UnknownId("contract", "one", "7"),
            RuleViolation("contract", "one", "7"),
            RuleViolation("contract", "one", "8"),
        ]
        results = [CommandResult(command=c.Tick(), at=second(0), error=each) for each in refusals]
        for number, result in enumerate(results):
            assert [each == result for each in results] == [n == number for n in range(4)]

    def test_deleted_volumes_reach_their_archive(self) -> None:
        w = world(1, prices(1), volume_mb=100_000)
        (offer,) = views.volume_offers(w.market, w.now)
        batch = [
            (c.RentVolume(by=ANN, offer=offer.id, size_mb=1_000, name="data"), w.now),
            (c.DeleteVolume(by=ANN, volume=VolumeId(w.market.last + 1)), w.now),
        ]
        kept: dict[VolumeId, RentedVolume] = {}
        _, results = execute_all(w.market, batch, volumes=kept)
        assert [result.error for result in results] == [None, None]
        assert list(kept) == [w.market.last + 1]
        market, alone = w.market, dict[VolumeId, RentedVolume]()
        for command, at in batch:
            market, events = execute(market, command, at, volumes=alone)
        assert alone == kept
        gone = dict[VolumeId, RentedVolume]()
        rented, _ = execute(w.market, *batch[0])
        assert evolve(rented, events[0], volumes=gone) == market
        assert gone == kept

    def test_no_command_is_no_result(self) -> None:
        market = world().market
        assert execute_all(market, []) == (market, ())

    @pytest.mark.parametrize("wrong", [c.Tick(), (c.Tick(),), [c.Tick(), second(0)]])
    def test_what_is_no_pair(self, wrong: Any) -> None:
        with pytest.raises(WrongType, match=r"commands\[1\]: need a command and its instant"):
            execute_all(Market(), [(c.Tick(), second(0)), wrong])

    def test_what_is_no_pair_is_found_before_anything_happens(self) -> None:
        w = world(1)
        commands: Any = [(c.Destroy(by=ANN, contract=w.rent(1)), w.now), "x"]
        archive: dict[Any, Instance] = {}
        with pytest.raises(WrongType, match=r"commands\[1\]"):
            execute_all(w.market, commands, archive=archive)
        assert archive == {}

    def test_what_is_no_market(self) -> None:
        with pytest.raises(WrongType, match="market"):
            execute_all(None, [])  # type: ignore[arg-type]

    def test_results_differ_by_what_they_refuse(self) -> None:
        one = RuleViolation("bid", "more", "less")
        result = CommandResult(command=c.Tick(), at=second(0), error=one)
        assert result == changed(result, error=RuleViolation("bid", "more", "less"))
        assert result != changed(result, error=RuleViolation("bid", "more", "none"))
        assert result != changed(result, error=None)


class TestWhatABatchTakesBack:
    """A command that is refused after something happened because of it leaves no trace."""

    def test_what_came_due_before_a_refused_command_has_not(self) -> None:
        w = world(2)
        w.list(prices(), end=second(HOUR))
        ends, stays = w.rent(1), w.rent(1, 1)
        nobody = c.Stop(by=BOB, contract=stays)
        commands = [
            (c.Label(by=ANN, contract=ends, label="one"), second(60)),
            (nobody, second(2 * HOUR)),  # both contracts have ended by then
            (c.Label(by=ANN, contract=stays, label="two"), second(120)),
            (c.Stop(by=ANN, contract=ends), second(180)),
            (nobody, second(2 * HOUR)),
            (nobody, second(2 * HOUR)),
        ]
        after, results = execute_all(w.market, commands)
        assert [each.error is None for each in results] == [True, False, True, True, False, False]
        assert (after.now, after.version) == (second(180), w.market.version + 3)
        assert after.living(stays).state.value == "running"
        market = w.market
        for command, at in commands:
            with suppress(NumgeniusError):
                market, _ = execute(market, command, at)
        assert after == market
        assert list(after.queue) == list(market.queue)
        for name, account in market.accounts.items():  # which is not part of what is compared
            assert after.account(name).due == account.due

    @pytest.mark.parametrize("wrong", [None, 7, "2026-01-01", datetime(2026, 1, 2)])  # noqa: DTZ001
    def test_what_is_no_instant_is_refused_where_something_is_due(self, wrong: Any) -> None:
        w = world(1)
        w.list(prices(), end=second(HOUR))
        commands = [
            (c.Label(by=ANN, contract=w.rent(1), label="one"), second(60)),
            (c.AddCredit(account=ANN, amount=Money(1)), wrong),
            (c.Tick(), second(HOUR)),
        ]
        after, results = execute_all(w.market, commands)
        assert [each.error is None for each in results] == [True, False, True]
        with pytest.raises(NumgeniusError) as alone:
            execute(w.market, *commands[1])
        assert str(results[1].error) == str(alone.value)
        assert replay([each for one in results for each in one.events], w.market) == after

    def test_a_refusal_keeps_nothing_but_what_it_says(self) -> None:
        """With the frames that it came through it would keep a market, and the results it is in."""
        w = world(1)
        stop = c.Stop(by=BOB, contract=w.rent(1))
        _, [result] = execute_all(w.market, [(stop, w.now)])
        for refused in (result.error, views.preview(w.market, stop, w.now).error):
            assert refused is not None
            assert (refused.__traceback__, refused.__context__) == (None, None)

    def test_what_was_half_done_is_not(self) -> None:
        w = world(1)
        w.do(c.SetSettings(settings=Settings(waiting_on_a_machine=1)))
        rents = [
            c.Rent(by=ANN, offer=w.offer(1), mode=Mode.INTERRUPTIBLE, bid=PerHour(f"0.{tenths}"))
            for tenths in (5, 4, 3, 2)
        ]
        pays = c.AddCredit(account=BOB, amount=Money(1))
        commands = [(each, w.now) for each in (*rents[:3], pays, rents[3], pays)]
        after, results = execute_all(w.market, commands)
        assert [each.error is None for each in results] == [True, True, False, True, False, True]
        assert len(after.machine(MachineId(1)).instances) == 2
        assert after.last == w.market.last + 2
        assert after.account(BOB).ledger.amount == Money(1_002)
        assert replay([each for one in results for each in one.events], w.market) == after

    def test_an_event_that_is_half_applied_is_not(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """No event of ours is refused half-way; if one ever were, a batch would not keep it."""

        def half(market: Any, _: Any) -> None:
            market.give_number(market.last + 1)
            raise RuleViolation("event", "one that fits", "another")

        w = world(1)
        contract = w.rent(1)
        monkeypatch.setitem(_evolution._APPLY, e.InstanceLabelled, half)
        pays = c.AddCredit(account=BOB, amount=Money(1))
        labels = c.Label(by=ANN, contract=contract, label="mine")
        after, results = execute_all(w.market, [(each, w.now) for each in (pays, labels, pays)])
        assert [each.error is None for each in results] == [True, False, True]
        assert (after.last, after.version) == (w.market.last, w.market.version + 2)

    def test_the_archives_get_what_is_destroyed_and_that_alone(self) -> None:
        w = world(2, volume_mb=100_000)
        w.list(prices(), end=second(HOUR))
        first, other = w.rent(1), w.rent(1, 1)
        (offer,) = views.volume_offers(w.market, w.now)
        w.do(c.RentVolume(by=ANN, offer=offer.id, size_mb=1_000, name="data"))
        volume = VolumeId(w.market.last)
        late = second(400 * DAY)  # all has ended, and the grace is over
        deletes = c.DeleteUnpaid(account=ANN)
        commands = [
            (c.Destroy(by=ANN, contract=first), second(60)),
            (c.Destroy(by=BOB, contract=other), late),
            (deletes, late),
            (c.DeleteVolume(by=BOB, volume=volume), late),
            (c.Destroy(by=ANN, contract=other), second(90)),
            (c.DeleteVolume(by=ANN, volume=volume), second(90)),
        ]
        instances: dict[ContractId, Instance] = {}
        volumes: dict[VolumeId, RentedVolume] = {}
        after, results = execute_all(w.market, commands, archive=instances, volumes=volumes)
        assert [each.error is None for each in results] == [True, *[False] * 3, True, True]
        assert (list(instances), list(volumes)) == ([first, other], [volume])
        market, kept = w.market, dict[ContractId, Instance]()
        for command, at in (commands[0], *commands[4:]):
            market, _ = execute(market, command, at, archive=kept)
        assert (after, instances) == (market, kept)

    @pytest.fixture
    def applied(self, monkeypatch: pytest.MonkeyPatch) -> list[e.Event]:
        """The events that batches apply anew, in order."""
        applied = list[e.Event]()

        def counted(market: Any, event: e.Event) -> None:
            applied.append(event)
            _evolution.apply_event(market, event)

        monkeypatch.setattr(_dispatch, "apply_event", counted)
        return applied

    def test_each_event_is_applied_again_once_at_most(self, applied: list[e.Event]) -> None:
        """However many are refused half done: a batch of n takes n steps, not n times n."""
        w = world(1)
        w.do(c.SetSettings(settings=Settings(waiting_on_a_machine=1)))
        pays = c.AddCredit(account=BOB, amount=Money(1))
        best, *lower = (
            c.Rent(by=ANN, offer=w.offer(1), mode=Mode.INTERRUPTIBLE, bid=PerHour(f"0.{tenths}"))
            for tenths in (9, 8, 5)
        )
        commands: list[tuple[c.Command, datetime]] = [(best, w.now), (lower[0], w.now)]
        for _ in range(50):
            commands += [(pays, w.now), (lower[1], w.now)]
        after, results = execute_all(w.market, commands)
        assert sum(each.error is not None for each in results) == 50
        assert applied == [event for each in results for event in each.events]
        assert after.account(BOB).ledger.amount == Money(1_050)

    def test_what_is_refused_once_something_came_due_has_nothing_applied_again(
        self, applied: list[e.Event]
    ) -> None:
        w = world(1)
        w.list(prices(), end=second(10**6))
        pays, nobody = c.AddCredit(account=BOB, amount=Money(1)), c.Stop(by=BOB, contract=w.rent(1))
        commands: list[tuple[c.Command, datetime]] = []
        for at in range(50):
            commands += [(pays, second(at)), (nobody, second(10**6))]  # it has ended by then
        after, results = execute_all(w.market, commands)
        assert sum(each.error is not None for each in results) == 50
        assert applied == []
        assert after.account(BOB).ledger.amount == Money(1_050)

    def test_each_command_is_decided_on_what_those_before_it_led_to(self) -> None:
        w = world(1, volume_mb=100_000, max_discount=Fraction(1, 2))
        contract = w.rent(1, bid="0.20")
        floor, low = PerGpuHour("0.40"), PerHour("0.30")
        sets = c.SetMinBid(by=HOST, machine=MachineId(1), floor=floor)
        bids = c.ChangeBid(by=ANN, contract=contract, bid=low)
        _, results = execute_all(w.market, [(sets, w.now), (bids, w.now)])
        assert str(results[1].error) == "bid: need 0.40 to 32.00 $/hour for 1 GPU(s), got 0.30"

    def test_what_is_due_is_known_whatever_else_changes(self) -> None:
        """A deposit is spent at its own instant, though a volume was rented since it was paid."""
        w = world(1, volume_mb=100_000, max_discount=Fraction(1, 2))
        w.list(prices(), end=second(400 * DAY))
        contract = w.rent(1)
        (offer,) = views.volume_offers(w.market, w.now)
        commands: list[tuple[c.Command, datetime]] = [
            (c.Prepay(by=ANN, contract=contract, amount=Money(10)), w.now),
            (c.RentVolume(by=ANN, offer=offer.id, size_mb=1_000, name="data"), w.now),
            (c.Tick(), second(2 * DAY)),
        ]
        after, results = execute_all(w.market, commands)
        assert [type(each) for each in results[-1].events] == [e.DepositSpent]
        market = w.market
        for command, at in commands:
            market, _ = execute(market, command, at)
        assert after == market
        assert list(after.queue) == list(market.queue)

    def test_what_is_gone_is_gone_for_the_commands_after_it(self) -> None:
        w = world(2)
        gone, stays = w.rent(1), w.rent(1, 1)
        destroys = c.Destroy(by=ANN, contract=gone)
        commands = [destroys, destroys, c.Label(by=ANN, contract=gone, label="mine")]
        commands.append(c.Label(by=ANN, contract=stays, label="mine"))
        _, results = execute_all(w.market, [(each, w.now) for each in commands])
        unknown = f"contract: need an instance that exists, got {gone}"
        said = [None if each.error is None else str(each.error) for each in results]
        assert said == [None, unknown, unknown, None]

    def test_a_machine_that_was_taken_away_may_come_back(self) -> None:
        w = World()
        w.add(2)
        machine = w.market.machine(MachineId(1)).machine
        commands = [
            c.RemoveMachine(by=HOST, machine=MachineId(1)),
            c.RemoveMachine(by=HOST, machine=MachineId(1)),
            c.AddMachine(machine=changed(machine, gpus=4)),
            c.AddMachine(machine=machine),
        ]
        after, results = execute_all(w.market, [(each, w.now) for each in commands])
        assert [each.error is None for each in results] == [True, False, True, False]
        assert after.machine(MachineId(1)).machine.gpus == 4
        assert after.account(HOST).machines == (1,)
        assert replay([each for one in results for each in one.events], w.market) == after

    def test_each_is_handed_over_once(self) -> None:
        """An archive may stand in front of a table, to which each write is a row."""

        class Table(dict[Any, Any]):
            def update(self, *given: Any, **more: Any) -> None:
                written.extend(*given)
                super().update(*given, **more)

        w = world(2, volume_mb=100_000)
        contracts = w.rent(1), w.rent(1, 1)
        (offer,) = views.volume_offers(w.market, w.now)
        for name in ("one", "two"):
            w.do(c.RentVolume(by=ANN, offer=offer.id, size_mb=1_000, name=name))
        volumes = VolumeId(w.market.last - 1), VolumeId(w.market.last)
        batch: list[tuple[c.Command, datetime]] = [
            *((c.Destroy(by=ANN, contract=each), w.now) for each in contracts),
            *((c.DeleteVolume(by=ANN, volume=each), w.now) for each in volumes),
        ]
        written = list[Any]()
        market, results = execute_all(w.market, batch, archive=Table(), volumes=Table())
        assert written == [*contracts, *volumes]
        events = [event for each in results for event in each.events]
        written.clear()
        assert replay(events, w.market, archive=Table(), volumes=Table()) == market
        assert written == [*contracts, *volumes]

    def test_the_market_before_stays_as_it_was(self) -> None:
        market, commands = some_commands(3)
        kept = market_to_json(market)
        queue = list(market.queue)
        for size in (1, 7, 60):
            execute_all(market, commands[:size])
            assert market_to_json(market) == kept
            assert list(market.queue) == queue
            assert market_from_json(kept) == market


class TestTheArchive:
    """Destroyed instances leave the state for the caller's archive."""

    def destroyed(self) -> tuple[World, Any, Any, Interval]:
        """Return a world with a destroyed instance, and its bill from before that."""
        w = world(1)
        contract, period = w.rent(1), Interval(second(0), second(HOUR))
        w.do(c.Tick(), HOUR)
        bill = views.statement_of(w.market, contract, period)
        w.do(c.Destroy(by=ANN, contract=contract), HOUR)
        return w, contract, bill, period

    def test_the_state_has_forgotten_it(self) -> None:
        w, contract, _, period = self.destroyed()
        assert contract not in w.market.homes
        assert contract not in w.market.machine(MachineId(1)).instances
        assert dict(w.market.account(ANN).instances) == {}
        for ask in (
            lambda: views.instance(w.market, contract),
            lambda: views.statement_of(w.market, contract, period),
            lambda: views.deposit_of(w.market, contract, w.now),
        ):
            with pytest.raises(UnknownId):
                ask()

    def test_what_a_question_needs_of_it_is_in_the_archive(self) -> None:
        w, contract, bill, period = self.destroyed()
        told = views.statement_of(w.market, contract, period, archive=w.archive)
        assert told.lines == bill.lines
        assert told.billed == Money(1)
        assert views.deposit_of(w.market, contract, w.now, archive=w.archive).left == Money(0)
        [earned] = views.earnings(w.market, HOST, period, archive=w.archive)
        assert earned.total == Money(1)
        [kept] = views.earnings(w.market, HOST, period, archive={})
        assert kept.total == Money(0)

    def test_every_way_there_puts_the_same_into_it(self) -> None:
        w, contract, *_ = self.destroyed()
        by_replay: dict[Any, Instance] = {}
        replay(w.events, archive=by_replay)
        by_event: dict[Any, Instance] = {}
        market = Market()
        for event in w.events:
            market = evolve(market, event, archive=by_event)
        assert w.archive == by_replay == by_event
        assert list(w.archive) == [contract]

    def test_a_refused_command_puts_nothing_into_it(self) -> None:
        w = world(1)
        w.rent(1, end=second(HOUR))
        before = dict(w.archive)
        with pytest.raises(UnknownId):
            w.do(c.Destroy(by=ANN, contract=ContractId(99)), 100 * HOUR)
        assert w.archive == before == {}


class TestALog:
    """What happened once may happen again."""

    def test_a_machine_that_is_taken_away_and_comes_back(self) -> None:
        w = world(1)
        w.do(c.Unlist(by=HOST, machine=MachineId(1)))
        w.do(c.RemoveMachine(by=HOST, machine=MachineId(1)))
        w.add(2)
        w.list(prices())
        assert replay(w.events) == w.market
        assert w.market.machine(MachineId(1)).machine.gpus == 2


class TestALogThatCannotBeTrue:
    """Events that contradict the state are found out, with their position."""

    def log(self) -> list[e.Event]:
        w = world(2, prices(1))
        c1 = w.rent(1)
        w.rent(1, 1, bid="0.5")
        w.rent(1, 1, by=BOB, bid="0.6")
        w.do(c.Stop(by=ANN, contract=c1), 60)
        w.do(c.Start(by=ANN, contract=c1), 120)
        return w.events

    def test_a_hole_where_something_was_made(self) -> None:
        events, found = self.log(), 0
        makers = (e.MachineAdded, e.MachineListed, e.ContractCreated, e.InstanceStarted)
        for index, event in enumerate(events[:-1]):
            rest = [*events[:index], *events[index + 1 :]]
            if isinstance(event, makers) and any(isinstance(each, makers) for each in rest[index:]):
                with pytest.raises(NumgeniusError, match=r"events\[\d+\]"):
                    replay(rest)
                found += 1
        assert found >= 5

    def test_an_event_that_two_have_written(self) -> None:
        events = self.log()
        for index, event in enumerate(events):
            if not isinstance(event, e.CreditAdded):
                twice = [*events[: index + 1], *events[index:]]
                with pytest.raises(NumgeniusError, match=rf"events\[{index + 1}\]"):
                    replay(twice)

    def test_time_that_runs_backwards(self) -> None:
        late, early = (e.CreditAdded(at=second(at), account=ANN, amount=Money(1)) for at in (9, 8))
        with pytest.raises(RuleViolation, match=r"events\[1\]"):
            replay([late, early])

    @pytest.mark.parametrize(
        "event",
        [
            e.MachineUnlisted(at=second(0), machine=MachineId(9)),
            e.InstanceLoaded(at=second(0), contract=ContractId(99)),
            e.BalanceRanOut(at=second(0), account=AccountId("eve")),
            e.PriceIncreaseRejected(at=second(0), increase=7),
        ],
    )
    def test_what_is_not_there(self, event: e.Event) -> None:
        with pytest.raises(UnknownId, match=r"events\[0\]"):
            replay([event], world().market)

    def test_what_is_gone_already(self) -> None:
        w = world()
        w.do(c.Unlist(by=HOST, machine=MachineId(1)))
        removed = e.MachineRemoved(at=second(0), machine=MachineId(1))
        for event in (removed, e.MachineWentOffline(at=second(0), machine=MachineId(1))):
            with pytest.raises(UnknownId, match=r"events\[1\]\.machine"):
                replay([removed, event], w.market)

    def test_what_the_state_of_an_instance_does_not_have(self) -> None:
        w = world()
        contract = w.rent(1)
        bid = e.BidChanged(at=second(0), contract=contract, bid=PerHour(1), arrival=9)
        with pytest.raises(RuleViolation, match="need an interruptible instance"):
            evolve(w.market, bid)
        with pytest.raises(RuleViolation, match="need a contract with rates to come"):
            evolve(w.market, e.RatesChanged(at=second(0), contract=contract))
        w.do(c.Unlist(by=HOST, machine=MachineId(1)))
        with pytest.raises(RuleViolation, match="need a machine that is listed"):
            evolve(w.market, e.MachineUnlisted(at=second(0), machine=MachineId(1)))

    def test_a_move_that_a_state_does_not_allow(self) -> None:
        w = world()
        contract = w.rent(1)
        loaded = e.InstanceLoaded(at=second(0), contract=contract)
        with pytest.raises(RuleViolation, match=r"events\[0\]: need an event that running allows"):
            replay([loaded], w.market)

    def test_a_second_increase_for_a_contract(self) -> None:
        w = world(1, prices(1), end=second(DAY))
        w.rent(1)
        [asked] = [
            x for x in w.list(prices(2), end=second(2 * DAY)) if isinstance(x, e.PriceIncreaseAsked)
        ]
        again = changed(asked, increase=w.market.last + 1)
        with pytest.raises(RuleViolation, match="without a price increase that waits"):
            evolve(w.market, again)

    def test_a_refund_of_more_than_there_is(self) -> None:
        w = world()
        refund = e.DepositRefunded(at=second(0), contract=w.rent(1), refund=Money(1), kept=Money(0))
        with pytest.raises(RuleViolation, match=r"two parts of the \$0\.00 that are left"):
            evolve(w.market, refund)

    def test_no_event(self) -> None:
        with pytest.raises(WrongType):
            evolve(Market(), c.Tick())  # type: ignore[arg-type]

    def test_an_instance_has_only_rates_that_were_agreed(self) -> None:
        w = world()
        with pytest.raises(RuleViolation, match="rate_changes_begun: need 0 to 0, got 1"):
            changed(w.instance(w.rent(1)), rate_changes_begun=1)

    def test_a_market_has_no_hash(self) -> None:
        with pytest.raises(WrongType, match="compare markets"):
            hash(Market())

    def test_the_version_counts(self) -> None:
        events = self.log()
        market = Market()
        for count, event in enumerate(events, 1):
            market = evolve(market, event)
            assert market.version == count
        half = replay(events[:5])
        kept = market_from_json(market_to_json(half))
        assert (half.version, replay(events[5:], kept)) == (5, market)


class TestTheRoom:
    """What the room has is found by looking, before any of it is loaded."""

    def test_its_faces_are_listed(self) -> None:
        assert {"commands", "events", "journal", "logs", "views"} < set(dir(market_room))
        assert set(market_room.__all__) < set(dir(market_room))

    def test_what_is_no_table_or_archive_is_refused(self) -> None:
        for wrong in (5, [1], "x"):
            with pytest.raises(WrongType, match="need a mapping"):
                Market(machines=wrong)  # type: ignore[arg-type]
        destroyed: dict[ContractId, Instance] = {}
        w = world(1, prices(1))
        contract = w.rent(1)
        with pytest.raises(WrongType, match=r"^volumes: need a mapping that can be changed, got "):
            execute(
                w.market,
                c.Destroy(by=ANN, contract=contract),
                w.now,
                archive=destroyed,
                volumes=[],  # type: ignore[arg-type]
            )
        assert not destroyed  # it has not happened
        either: list[Any] = [{"archive": []}, {"volumes": ()}]
        for no in either:
            for call in (
                lambda no: execute(w.market, c.Tick(), w.now, **no),
                lambda no: replay([], **no),
                lambda no: execute_all(w.market, [], **no),
                lambda no: evolve(w.market, w.events[0], **no),
            ):
                need = rf"^{next(iter(no))}: need a mapping that can be changed, got "
                with pytest.raises(WrongType, match=need):
                    call(no)

    def test_an_account_that_cannot_be_one(self) -> None:
        wrong: Any = ["ann"]
        for ask in (
            lambda: views.spend_rate(Market(), wrong),
            lambda: views.runway(Market(), wrong, START),
            lambda: views.balance(Market(), wrong, START),
        ):
            with pytest.raises(WrongType, match=r"^account: need text, got \['ann'\]"):
                ask()

    def test_a_relisting_takes_a_fee_as_a_listing_does(self) -> None:
        told = c.Relist(by=HOST, machine=MachineId(1), platform_fee="0.25")
        assert told.platform_fee == Fraction(1, 4)
        with pytest.raises(RuleViolation, match=r"^Relist\.platform_fee: need a fraction "):
            c.Relist(by=HOST, machine=MachineId(1), platform_fee=1)
