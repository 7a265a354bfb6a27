"""What must hold after every command, checked against the model and against other markets."""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

from attrs import evolve as evolve_value
from hypothesis.stateful import RuleBasedStateMachine

from market_model import Deal, Model, Rig, Window, cut
from market_world import START, second
from model_parts import NEVER, Refused
from numgenius_core.billing import statement, volume_statement
from numgenius_core.contracts import occupancy
from numgenius_core.contracts.contract import is_later
from numgenius_core.errors import NumgeniusError
from numgenius_core.ids import AccountId, ContractId, MachineId, VolumeId
from numgenius_core.intervals import Interval
from numgenius_core.listing import Mode
from numgenius_core.market import (
    Account,
    Instance,
    Ledger,
    Market,
    RentedVolume,
    commands as c,
    events as e,
    evolve,
    execute,
    execute_all,
    replay,
    views,
)
from numgenius_core.market.journal import (
    event_from_json,
    event_to_json,
    market_from_json,
    market_to_json,
)
from numgenius_core.sla import DaySettlement
from promise_model import Told


def seconds(instant: datetime | None) -> int:
    """Return the seconds since the start."""
    return NEVER if instant is None else int((instant - START).total_seconds())


def number_made(events: Iterable[e.Event]) -> int:
    """Return the number that a command gave a contract, volume or window; 0 if none."""
    for each in events:
        if isinstance(each, e.ContractCreated | e.VolumeRented):
            return each.contract.id
        if isinstance(each, e.MaintenanceScheduled):
            return each.window.id
    return 0


def as_told(day: DaySettlement) -> Told:
    """Return a settlement as the model tells it."""
    amounts = (day.credit, day.escrow_to_client, day.escrow_to_host)
    return Told(seconds(day.day), day.uptime, day.blend, *(amount.ticks for amount in amounts))


class CheckedMarket(RuleBasedStateMachine):
    """A market, the model, and two more markets that must come to the same.

    ``market`` is given the commands. ``shadow`` is made of their events alone.
    ``other`` is given the same commands, with more looks at the clock between them, and now and
    then it is stored and restored.
    """

    def __init__(self) -> None:
        super().__init__()
        self.market = self.shadow = self.other = Market()
        self.model = Model()
        self.at = 0
        self.events: list[e.Event] = []
        self.archive: dict[ContractId, Instance] = {}
        self.gone_volumes: dict[VolumeId, RentedVolume] = {}
        self.given: list[tuple[c.Command, datetime]] = []  # all commands, refused ones too
        self.steps = 0

    # --- doing ------------------------------------------------------------------------------

    def set_up(self, command: c.Command) -> None:
        """Give a command to the market and to the model, unchecked; it may be refused."""
        self.model.numbers = dict(self.market.listings)
        self.model.volume_numbers = dict(self.market.volume_listings)
        self.given.append((command, START))
        try:
            self.market, events = execute(
                self.market, command, START, archive=self.archive, volumes=self.gone_volumes
            )
        except NumgeniusError:
            return
        self.model.do(command, 0, id=number_made(events), seconds=seconds)
        self.events += events

    def begun(self) -> None:
        """Let the other markets begin where the commands so far have led."""
        self.shadow = self.other = replay(self.events)
        assert self.shadow == self.market
        self._check(c.Tick(), (), {})

    def run(self, command: c.Command, at: int) -> None:
        """Give a command to the market and to the model, and compare."""
        model, ids = self.model, self.market.last
        model.numbers = dict(self.market.listings)
        waiting = self._step_other(at)
        model.increases = {
            number: pending.contract.id
            for state in waiting.machines.values()
            for number, pending in state.increases.items()
        }
        before, known = self.market, self._instances()
        model.numbers = dict(waiting.listings)
        model.volume_numbers = dict(waiting.volume_listings)
        refused: BaseException | None = None
        told = views.preview(before, command, second(at)) if self.steps % 4 == 1 else None
        self.given.append((command, second(at)))
        try:
            self.market, events = execute(
                self.market, command, second(at), archive=self.archive, volumes=self.gone_volumes
            )
        except NumgeniusError as error:
            refused, events = error, ()
        self.at = at
        try:
            model.do(command, at, id=number_made(events), seconds=seconds)
        except Refused:
            assert refused is not None, f"{command} should have been refused"
            model.settle()
        else:
            assert refused is None, f"{command} should not have been refused: {refused!r}"
        if told is not None:  # a preview is what then happens
            assert (*told.due, *told.events) == events
            assert told.market == self.market
            assert str(told.error) == str(refused)
            assert told.table().head
        assert self.market.last >= ids
        if refused is not None:
            assert self.market is before
            return
        self._follow(command, events)
        self._check(command, events, known)

    def _step_other(self, at: int) -> Market:
        """Look at the clock on the way, and return what the market is like before the command."""
        self.steps += 1
        if self.steps % 12 == 0:
            self.other = market_from_json(market_to_json(self.other))
        for tick in sorted({(self.at + at) // 2 if self.steps % 2 else at, at}):
            self.other, _ = execute(self.other, c.Tick(), second(tick))
        return self.other

    def _follow(self, command: c.Command, events: tuple[e.Event, ...]) -> None:
        """Let the other two markets follow, and compare."""
        for event in events:
            self.shadow = evolve(self.shadow, event)
        if events and self.steps % 3 == 0:
            event = events[self.steps % len(events)]
            assert event_from_json(event_to_json(event)) == event
        self.events += events
        self.other, _ = execute(self.other, command, second(self.at))
        assert self.shadow == self.market
        assert self.other == self.market
        instants = [each.at for each in events]
        assert instants == sorted(instants)
        assert all(instant <= second(self.at) for instant in instants)

    # --- comparing --------------------------------------------------------------------------

    def _instances(self) -> dict[int, Instance]:
        states = self.market.machines.values()
        return {key: each for state in states for key, each in state.instances.items()}

    def _check(
        self, command: c.Command, events: tuple[e.Event, ...], known: dict[int, Instance]
    ) -> None:
        if isinstance(command, c.Defragment):
            self._check_moves(command, events)
        self._check_money()
        self._check_kept()
        now = self._instances()
        assert now.keys() == self.model.deals.keys()
        for key, each in now.items():
            self._check_instance(each, self.model.deals[key])
            if key in known:
                self._check_promise(known[key], each, command)
        self._check_machines()
        self._check_volumes()
        self._check_announcements(events)
        if self.steps % 4 == 3:
            names = sorted(self.model.purses)
            self._check_runway(AccountId(names[self.steps // 4 % len(names)]))

    def _check_money(self) -> None:
        """Every tick that was ever paid in is somewhere, and where the model says."""
        now, model = second(self.at), self.model
        assert self.market.accounts.keys() == model.purses.keys()
        for name, purse in model.purses.items():
            assert views.balance(self.market, AccountId(name), now).ticks == purse.balance, name
            assert self.market.accounts[AccountId(name)].paid_in.ticks == purse.paid_in, name
        deposits = sum(each.deposit.at(now).ticks for each in self._instances().values())
        balances = sum(each.ledger.at(now).ticks for each in self.market.accounts.values())
        platform = self.market.platform.at(now).ticks
        assert platform == model.platform
        assert self.market.credited.ticks == model.credited
        assert self.market.paid_out.ticks == model.paid_out
        escrows = [each.promise.ledger for each in self._instances().values() if each.promise]
        held = sum(ledger.at(now).ticks for ledger in escrows)
        assert balances + deposits + held + platform + model.paid_out == model.credited

    def _check_kept(self) -> None:
        """Nothing leaves as what is changed in place; the queue says when accounts are due."""
        accounts = self.market.accounts
        assert {type(each) for each in accounts.values()} <= {Account}
        ledgers = {type(each.ledger) for each in accounts.values()}
        assert ledgers | {type(self.market.platform)} == {Ledger}
        for name, each in accounts.items():
            assert each.due == evolve_value(each).due, name  # worked out anew
        due = {(each.due, 1, name) for name, each in accounts.items() if each.due is not None}
        assert due == {item for item in self.market.queue if item[1] == 1}

    def _check_instance(self, each: Instance, deal: Deal) -> None:
        now = second(self.at)
        assert each.state.value == deal.state, each.id
        assert seconds(each.contract.end) == deal.end
        assert (None if each.bid is None else each.bid.steps) == deal.bid
        assert each.deposit.at(now).ticks == deal.deposit
        assert (each.label, each.auto_extension) == (deal.label, deal.auto)
        assert (each.months, each.discount) == (deal.months, deal.discount)
        assert (each.contract.block.start, each.contract.block.size) == (deal.start, deal.size)
        assert each.gpu_price(now).steps == deal.gpu_rate(self.at)
        assert (each.contract.mode is Mode.INTERRUPTIBLE) == (deal.bid is not None)
        if each.contract.sla is not None:
            self._check_days(each, deal)
        else:
            assert deal.pledge is None
            assert not deal.days

    def _check_days(self, each: Instance, deal: Deal) -> None:
        """What was settled of a promise, what its day came to so far, and what is in its escrow."""
        now, pledge = second(self.at), deal.pledge
        seen = views.promise_of(self.market, each.id, now, archive=self.archive)
        assert [as_told(day) for day in seen.days] == deal.days
        assert (each.promise is None) == (pledge is None) == (seen.today is None)
        if each.promise is None or pledge is None or seen.today is None:
            return
        assert seen.terms.target == pledge.target
        assert each.contract.sla_share == pledge.share
        fee = self.model.pledge_fee(deal, deal.prices(self.at), pledge.share)
        assert seen.fee.steps == fee
        assert seen.escrow.ticks == pledge.escrow == each.promise.ledger.at(now).ticks
        assert seen.today.intended == pledge.intended
        today = as_told(seen.today)
        assert today == pledge.told(today.day)
        scales = [Fraction(parts, 10**9) for parts in each.promise.escrow.memories]
        if scales:
            assert scales == [pledge.week, pledge.month]
        pending = [amount.ticks for amount in each.promise.escrow.pending]
        assert (pending or [0] * 7) == pledge.pending

    def _check_promise(self, old: Instance, new: Instance, command: c.Command) -> None:
        """G3, G9: a contract is never shortened, and never dearer without its client's leave."""
        assert new.contract.end == old.contract.end or is_later(new.contract.end, old.contract.end)
        assert new.contract.prices == old.contract.prices
        before, after = old.contract.rate_changes, new.contract.rate_changes
        assert after[: len(before)] == before
        for segment in after[len(before) :]:
            assert old.contract.end is not None
            assert segment.since >= old.contract.end
            if not isinstance(command, c.AcceptPriceIncrease) and not old.contract.is_free_test:
                locked, prices = old.contract.last_prices, segment.prices
                assert prices.storage.steps <= locked.storage.steps
                assert prices.upload.steps <= locked.upload.steps
                assert prices.download.steps <= locked.download.steps
                assert prices.platform_fee <= locked.platform_fee
                assert prices.gpu.steps <= locked.gpu.steps or old.bid is not None
                if old.bid is not None and not old.contract.is_free_test:
                    least = old.contract.gpu_rate_at(old.contract.end, old.bid).steps
                    assert new.contract.gpu_rate_at(segment.since, old.bid).steps <= least

    def _check_machines(self) -> None:
        assert self.market.machines.keys() == self.model.rigs.keys()
        for key, rig in self.model.rigs.items():
            state = self.market.machines[MachineId(key)]
            assert state.floor.steps == rig.floor
            assert (state.online, state.default_job) == (rig.online, rig.job)
            assert state.machine.verification.value == rig.verification
            assert (state.listing is None) == (rig.listing is None)
            asked = {each.contract.id: each for each in state.increases.values()}
            assert len(asked) == len(state.increases)
            assert {key: seconds(each.new_end) for key, each in asked.items()} == {
                key: each.new_end for key, each in rig.asked.items()
            }
            windows = [
                Window(seconds(w.period.start), seconds(w.period.end), w.id, w.locked)
                for w in state.schedule.windows
            ]
            assert windows == sorted(rig.windows, key=lambda each: each.start)
            self._check_gpus(rig)
            self._check_offers(rig)

    def _check_gpus(self, rig: Rig) -> None:
        """Never oversold, and nothing on demand waits for a bid."""
        state = self.market.machines[MachineId(rig.id)]
        running = who = 0
        for each in state.instances.values():
            mask = each.contract.block.gpu_set
            if each.state.value == "running" or each.holds:
                assert not running & mask, "two on one GPU"
                running |= mask
            if each.holds:
                who |= mask
        for each in state.instances.values():
            if not each.yields:
                assert each.state.value != "paused"
                if each.state.value == "scheduling":
                    assert each.contract.block.gpu_set & who
        assert sum(each.contract.disk_mb for each in state.instances.values()) <= rig.disk

    def _check_offers(self, rig: Rig) -> None:
        found = views.offers(self.market, second(self.at), machine=MachineId(rig.id))
        if rig.listing is None:
            assert found == ()
            return
        taken, free = self.model.runners(rig), self.model.free_disk(rig)
        blocks = cut(rig.gpus, rig.listing.min_gpu)
        assert [(each.gpus, each.block and each.block.start) for each in found] == blocks
        held = {gpu for deal in self.model.of(rig) if deal.holds for gpu in deal.gpus}
        for each, (size, start) in zip(found, blocks, strict=True):
            gpus = range(start, start + size)
            assert each.rentable == (rig.online and not held & set(gpus))
            assert each.disk_mb == free * size // rig.gpus
            bids = [-self.model._priority(taken[g])[1] for g in gpus if g in taken]
            quoted = max([Fraction(rig.floor), *bids])
            assert each.prices.min_bid.steps == -(-quoted.numerator // quoted.denominator)
            assert seconds(each.ends_at) == rig.listing.end_at(self.at)
            verified = rig.verification == "verified"
            assert each.max_discount == (rig.listing.factor if verified else 0)

    def _check_volumes(self) -> None:
        """As the model says; and instances and volumes together never have more than the disk."""
        known = {
            key: each for s in self.market.machines.values() for key, each in s.volumes.items()
        }
        assert known.keys() == self.model.vols.keys() == self.market.volumes.keys()
        for key, each in known.items():
            vol, terms = self.model.vols[key], each.contract
            found = (terms.client, terms.machine, terms.size_mb, terms.price.steps, terms.name)
            assert found == (vol.client, vol.machine, vol.size, vol.price, vol.name)
            assert (seconds(terms.end), each.expired) == (vol.end, vol.expired)
            assert self.market.volumes[key] == terms.machine
            assert key in self.market.account(terms.client).volumes
            users = self.market.machines[terms.machine].users_of(key)
            assert users == sorted(deal.id for deal in self.model.users(vol))
        offers = {each.machine: each for each in views.volume_offers(self.market, second(self.at))}
        for number, rig in self.model.rigs.items():
            state = self.market.machines[MachineId(number)]
            assert (state.volume_listing is None) == (rig.volumes is None) == (number not in offers)
            if rig.volumes is not None:
                offer = offers[MachineId(number)]
                assert (offer.free_mb, offer.listed_mb) == (
                    self.model.largest(rig),
                    rig.volumes.size,
                )
                assert seconds(offer.ends_at) == self.model.last_end(rig)
                assert offer.price.steps == rig.volumes.price
                assert offer.rentable == (rig.online and offer.free_mb > 0)
            stored = [each.contract.disk_mb for each in state.instances.values()]
            stored += [each.contract.size_mb for each in state.volumes.values()]
            assert sum(stored) <= rig.disk * rig.share, "the disk is oversold"

    def _check_announcements(self, events: tuple[e.Event, ...]) -> None:
        found = []
        for each in events:
            if isinstance(each, e.MaintenanceStarted | e.MaintenanceCompleted):
                name = "started" if isinstance(each, e.MaintenanceStarted) else "completed"
                found.append((seconds(each.at), int(each.machine), name))
        assert sorted(found) == sorted(self.model.announced)
        self.model.announced.clear()

        names = {e.ChargeDue: "charge", e.BalanceLow: "notice"}
        fallen = [
            (seconds(each.at), each.account, names[type(each)])
            for each in events
            if isinstance(each, e.ChargeDue | e.BalanceLow)
        ]
        assert sorted(fallen) == sorted(self.model.fallen)
        self.model.fallen.clear()

    def _check_runway(self, name: AccountId) -> None:
        """When money ends is when it does in the model, the near future second by second."""
        now, days = second(self.at), timedelta(days=20)
        found = views.runway(self.market, name, now, horizon=days)
        model = deepcopy(self.model)
        rate = [sum(part) for part in zip((0, 0), *self._costs(model, name), strict=True)]
        assert found.rate.total.ticks == sum(rate) * 3_600
        assert found.rate.volume_storage.ticks == rate[1] * 3_600
        near, last = self.at + 30, self.at + int(days.total_seconds())
        while model.purses[name].balance > 0 and model.now < last:
            model.pass_until(model.now + 1 if model.now < near else min(model.next_instant(), last))
        assert found.balance.ticks == self.model.purses[name].balance
        if model.purses[name].balance > 0:
            assert found.ends_at is None
            return
        assert seconds(found.ends_at) == model.now
        there = {deal.id for deal in model.deals.values() if deal.client == name}
        assert set(found.instances) == there
        assert set(found.volumes) == {vol.id for vol in model.vols.values() if vol.client == name}
        assert all(model.deals[each].state == "stopped" for each in found.stops)
        after = [sum(part) for part in zip((0, 0), *self._costs(model, name), strict=True)]
        assert found.rate_after.total.ticks == sum(after) * 3_600

    @staticmethod
    def _costs(model: Model, name: str) -> list[tuple[int, int]]:
        """Return what instances, and what volumes, take of a balance each second."""
        found = [(model._cost(deal)[0], 0) for deal in model.deals.values() if deal.client == name]
        vols = [vol for vol in model.vols.values() if vol.client == name]
        return found + [(0, model.cost_of(vol)[0]) for vol in vols]

    def _check_moves(self, command: c.Defragment, events: tuple[e.Event, ...]) -> None:
        """Only what may move moves, to free offered GPUs, and what can be rented grows."""
        rig = self.model.rigs[command.machine]
        assert rig.listing is not None
        blocks = cut(rig.gpus, rig.listing.min_gpu)

        def largest() -> int:
            held = {g for deal in self.model.of(rig) if deal.holds for g in deal.gpus}
            return max((n for n, at in blocks if not held & set(range(at, at + n))), default=0)

        before = largest()
        moves = [each for each in events if isinstance(each, e.ContractMoved)]
        for move in moves:
            deal = self.model.deals[move.contract]
            assert deal.holds
            assert move.contract in command.movable or deal.state == "loading"
            assert (move.block.size, move.block.start) in blocks
            assert move.block.size == deal.size
            others = {
                g
                for each in self.model.of(rig)
                if each.holds and each is not deal
                for g in each.gpus
            }
            assert not others & set(move.block.slots)
            deal.start = move.block.start
        assert largest() > before if moves else largest() == before
        self.model.settle()

    def teardown(self) -> None:
        """Once at the end: what each instance cost is what its statement says, to the tick."""
        if not self.events:
            return
        self.run(c.Tick(), self.at)  # a command that was refused has let nothing happen
        while (due := self.market.queue.first) is not None and due[0] <= second(self.at + 1):
            self.run(c.Tick(), self.at + 1)  # a day is settled, of which no statement knows
        market, at = self.market, second(self.at + 1)
        self._check_as_a_batch()
        self._check_what_is_gone()
        self._check_who_held_what(at)
        half = len(self.events) // 2
        assert replay(self.events[half:], replay(self.events[:half])) == market
        assert market_from_json(market_to_json(market)) == market
        for key, gone in self.archive.items():
            if gone.contract.sla is not None:
                self._check_days(gone, self.model.gone[key])
        balances, platform = self._paid_in(), 0
        for found in (*self._instances().values(), *self.archive.values()):
            paid = statement(found.history, Interval(found.contract.start, at))
            lacks = min(found.deposit.at(at).ticks, 0)  # of a last second that is being spent
            assert (
                max(found.deposit.at(at).ticks, 0)
                == views.deposit_of(market, found.id, at, archive=self.archive).left.ticks
            )
            balances[found.contract.client] -= paid.billed.ticks + lacks
            held = 0 if found.promise is None else found.promise.ledger.at(at).ticks
            balances[found.contract.host] += paid.payout.ticks - held
            platform += paid.fee.ticks
        rented = [each for s in market.machines.values() for each in s.volumes.values()]
        for volume in (*rented, *self.gone_volumes.values()):
            bill = volume_statement(volume.history, Interval(volume.contract.start, at))
            balances[volume.client] -= bill.total.ticks
            balances[volume.contract.host] += bill.payout.ticks
            platform += bill.fee.ticks
        assert balances == {name: views.balance(market, name, at).ticks for name in market.accounts}
        assert platform == market.platform.at(at).ticks

    def _check_what_is_gone(self) -> None:
        """A host's machines know when the last was destroyed there, and the last deleted."""
        instances = [(each, [*each.history.states()][-1][0]) for each in self.archive.values()]
        volumes = [(each, each.deleted) for each in self.gone_volumes.values()]
        gone: dict[str, list[tuple[Any, Any]]] = {
            "last_destroyed": [*instances],
            "last_deleted": [*volumes],
        }
        for name, account in self.market.accounts.items():
            parts = [account, *views.machines_of(self.market, name)]
            for field, ends in gone.items():
                mine = [
                    (it.is_free_test, at) for each, at in ends if (it := each.contract).host == name
                ]
                paid = [at for free, at in mine if not free]
                told = [at for each in parts if (at := getattr(each, field)) is not None]
                assert max(told, default=None) == max(paid, default=None)

    def _check_who_held_what(self, at: datetime) -> None:
        """The histories of a machine never put two on one GPU, and say who holds it now."""
        moved = {event.contract for event in self.events if isinstance(event, e.ContractMoved)}
        there = [*self._instances().values(), *self.archive.values()]
        for number, machine in self.market.machines.items():
            mine = [each for each in there if each.contract.machine == number]
            since = at if moved & {each.id for each in mine} else START
            period = Interval(since, at + timedelta(seconds=1))
            rows = occupancy([each.history for each in mine], machine.machine.gpus, period)
            holders = [each.contract for each in mine if each.holds]
            for slot, row in enumerate(rows):
                now = [each.id for each in holders if slot in each.block.slots]
                assert [contract for when, contract in row if at in when] == now

    def _check_as_a_batch(self) -> None:
        """All commands in one batch, those that were refused among them, lead to the same."""
        instances: dict[ContractId, Instance] = {}
        volumes: dict[VolumeId, RentedVolume] = {}
        market, results = execute_all(Market(), self.given, archive=instances, volumes=volumes)
        assert [event for each in results for event in each.events] == self.events
        assert market == self.market
        assert (instances, volumes) == (self.archive, self.gone_volumes)
        assert list(market.queue) == list(self.market.queue)
        for name, account in self.market.accounts.items():  # what follows is not compared
            assert market.account(name).due == account.due
        for number, machine in self.market.machines.items():
            same = market.machine(number)
            assert (same.due, same.volumes_due) == (machine.due, machine.volumes_due)
            assert (same.running, same.waiting) == (machine.running, machine.waiting)
            assert (same.offers, same.disk) == (machine.offers, machine.disk)

    def _paid_in(self) -> dict[AccountId, int]:
        """Return what each account was paid by itself or by another, less what it paid out."""
        balances = dict.fromkeys(self.market.accounts, 0)
        for each in self.events:
            if isinstance(each, e.CreditAdded):
                balances[each.account] += each.amount.ticks
            elif isinstance(each, e.CreditTransferred | e.PayoutInvoiced):
                balances[each.account] -= each.amount.ticks
                if isinstance(each, e.CreditTransferred):
                    balances[each.recipient] += each.amount.ticks
        return balances
