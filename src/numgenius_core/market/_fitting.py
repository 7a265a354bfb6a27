"""Whether the parts of a stored market fit together: what a damaged snapshot is found out by.

Each value of a document is checked where it is read. That an instance stands under its own number,
on the machine of its contract and with the account of its client, no value knows by itself; a
market in which it does not would fail at some later command, or forget to stop what costs money.

The money of a promise is counted twice, in its ledger and by its day: the two must be the same, or
a later midnight could not be settled. What the document says only once is believed: what of a day
was the platform's part, when an outage was counted that cost nothing, that a contract began
earlier than it did, facts that are not there. What is an event of several that is not there yet is
believed at the very last instant: a snapshot may be taken in the midst of a command.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from numgenius_core._terms import PARTS
from numgenius_core.billing.history import Settled
from numgenius_core.errors import RuleViolation
from numgenius_core.ids import AccountId, MachineId
from numgenius_core.market._fitting_facts import of_increase, of_instance, of_volume, past
from numgenius_core.market._ledger import Ledger, ticks_at
from numgenius_core.market._promises import counted_until
from numgenius_core.market.instance import HOLDS, OVER, WAITING, Instance, flow_of
from numgenius_core.market.promise import PromiseState, midnight_after, midnight_before
from numgenius_core.market.state import Account, MachineState
from numgenius_core.money import ZERO, Money, money_of

_SECOND: Final = timedelta(seconds=1)


class Fitting:
    """The parts of a stored market, each looked at beside the others.

    Args:
        now: The instant of the last event.
        last: The last number given.
        machines: In any order.
        accounts: In any order.
        platform: What the platform has earned.
    """

    def __init__(
        self,
        now: datetime,
        last: int,
        machines: tuple[MachineState, ...],
        accounts: tuple[Account, ...],
        platform: Ledger,
    ) -> None:
        self._now, self._last = now, last
        self._machines: dict[MachineId, MachineState] = {each.id: each for each in machines}
        self._accounts: dict[AccountId, Account] = {each.id: each for each in accounts}
        self._parts, self._platform = (machines, accounts), platform
        self._given = Counter(number for state in machines for number in _numbers_of(state))
        self._rates: Counter[AccountId] = Counter()  # what joins each account a second, in ticks
        self._fees = 0
        for state in machines:
            costs: list[Any] = [*state.instances.values(), *state.volumes.values()]
            for each in costs:
                self._rates[each.contract.client] -= each.flow.balance.ticks
                self._rates[each.contract.host] += each.flow.payout.ticks
                self._fees += each.flow.fee.ticks

    def faults(self) -> Iterator[RuleViolation]:
        """Yield what does not fit, in the order of the document."""
        machines, accounts = self._parts
        for index, machine in enumerate(machines):
            yield from self._of_machine(machine, f"machines[{index}]")
        for index, account in enumerate(accounts):
            yield from self._of_account(account, f"accounts[{index}]")
        yield from self._of_ledger("platform", self._platform, self._fees)

    def held(self) -> Money:
        """Return all that is somewhere now: balances, deposits, escrows, the platform's."""
        instances = [each for state in self._parts[0] for each in state.instances.values()]
        ledgers = [self._platform, *(each.ledger for each in self._parts[1])]
        ledgers += [each.deposit for each in instances]
        ledgers += [each.promise.ledger for each in instances if each.promise is not None]
        return money_of(sum(ticks_at(ledger, self._now) for ledger in ledgers))

    def _of_machine(self, state: MachineState, path: str) -> Iterator[RuleViolation]:
        machine, listing, number = state.machine, state.listing, str(state.id)
        owner = self._accounts.get(machine.host)
        if self._machines[state.id] is not state:
            yield RuleViolation(f"{path}.machine.id", "a number of its own", number)
        if owner is None or state.id not in owner.machines:
            yield RuleViolation(f"{path}.machine.host", "an account that has it", machine.host)
        if listing is not None and listing.machine != machine:
            need, got = "the machine as it is", f"{listing.machine}"
            yield RuleViolation(f"{path}.listing.machine", need, got)
        for name in ("schedule", "volume_listing"):
            part = getattr(state, name)
            if part is not None and part.machine != state.id:
                yield RuleViolation(f"{path}.{name}.machine", number, str(part.machine))
        if state.rolls_at is not None and (listing is None or listing.rolling is None):
            need, got = "none without a rolling end", str(state.rolls_at)
            yield RuleViolation(f"{path}.rolls_at", need, got)
        if (state.down_since is None) is not state.online:
            need = "none of a machine that is online, and only of that"
            yield RuleViolation(f"{path}.down_since", need, str(state.down_since or "none"))
        yield from self._gone(state, path)
        yield from self._numbers(path, number=state.number, volume_number=state.volume_number)
        for name, listed in (("number", listing), ("volume_number", state.volume_listing)):
            if listed is not None and not getattr(state, name):
                yield RuleViolation(f"{path}.{name}", "the number of its listing", "0")
        yield from self._due(state.due, path)
        yield from self._on_machine(state, path)

    def _on_machine(self, state: MachineState, path: str) -> Iterator[RuleViolation]:
        """Yield what does not fit of what is on a machine."""
        held, others = 0, list[Instance]()
        for number, instance in state.instances.items():
            place = f"{path}.instances[{number}]"
            yield from self._of_contract(instance.contract, number, state, place, "instances")
            yield from self._of_instance(instance, state, place)
            block = instance.contract.block
            if block.end > state.machine.gpus or (instance.holds and held & block.gpu_set):
                need = f"GPUs of the {state.machine.gpus} that nobody else has"
                yield RuleViolation(f"{place}.contract.block", need, str(block))
            held |= block.gpu_set if instance.holds else 0
            if instance.state in HOLDS:
                yield from self._shared(instance, others, f"{place}.state")
                others.append(instance)
        for number, volume in state.volumes.items():
            place = f"{path}.volumes[{number}]"
            yield from self._of_contract(volume.contract, number, state, place, "volumes")
            yield from of_volume(volume, state, self._now, place)
            if volume.flowing(online=state.online) != volume:
                got = str(volume.flow)
                yield RuleViolation(f"{place}.flow", "what it costs a second as it is", got)
        for number, pending in state.increases.items():
            place, asked = f"{path}.increases[{number}]", state.instances.get(pending.contract.id)
            if asked is None or asked.increase != number:
                need, got = "a contract that it waits for", str(pending.contract.id)
                yield RuleViolation(f"{place}.contract", need, got)
            else:
                yield from of_increase(pending, asked, place)
            yield from self._numbers(place, number=number)

    def _shared(
        self, instance: Instance, others: list[Instance], path: str
    ) -> Iterator[RuleViolation]:
        """Yield which bid has GPUs that another bid has, of which one should have paused by now.

        At the last instant an event of a command may have followed that is not there yet: of two
        bids one has changed then. What is rented on demand may have been moved there, of which no
        fact tells.
        """
        gpus = instance.contract.block.gpu_set
        for other in others:
            if other.contract.block.gpu_set & gpus:
                latest = max(_last_of(instance), _last_of(other))
                if latest < self._now and instance.yields and other.yields:
                    need = f"one that waits for the GPUs that contract {other.id} has"
                    yield RuleViolation(path, need, instance.state.value)

    def _of_contract(
        self, contract: Any, number: int, state: MachineState, path: str, kind: str
    ) -> Iterator[RuleViolation]:
        """Yield what does not fit of a rental: of GPUs (``instances``) or of disk (``volumes``)."""
        if contract.id != number:
            yield RuleViolation(f"{path}.contract.id", str(number), str(contract.id))
        if contract.machine != state.id:
            yield RuleViolation(f"{path}.contract.machine", str(state.id), str(contract.machine))
        if contract.host != state.machine.host:
            yield RuleViolation(f"{path}.contract.host", state.machine.host, contract.host)
        client = self._accounts.get(contract.client)
        if client is None or getattr(client, kind).get(number) != state.id:
            yield RuleViolation(
                f"{path}.contract.client", "an account that has it", contract.client
            )
        yield from self._numbers(path, number=number)

    def _of_instance(
        self, instance: Instance, state: MachineState, path: str
    ) -> Iterator[RuleViolation]:
        if not instance.exists:
            yield RuleViolation(f"{path}.state", "that of one that exists", instance.state.value)
        if instance.increase and instance.increase not in state.increases:
            need = "a price increase of its machine"
            yield RuleViolation(f"{path}.increase", need, str(instance.increase))
        for volume in instance.volumes:
            if volume not in state.volumes and instance.state not in OVER:
                yield RuleViolation(f"{path}.volumes", "volumes of its machine", str(volume))
        yield from of_instance(instance, state, self._now, path)
        flow, promise = instance.flow, instance.promise
        if flow != flow_of(instance, state.online, self._now):
            yield RuleViolation(f"{path}.flow", "what it costs a second as it is", str(flow))
        yield from self._of_deposit(instance, f"{path}.deposit")
        if promise is None:
            yield from _closed(instance, f"{path}.promise")
        else:
            place = f"{path}.promise.ledger"
            yield from self._of_ledger(place, promise.ledger, flow.escrow.ticks)
            yield from self._of_promise(instance, promise, state, f"{path}.promise")
        yield from self._numbers(path, arrival=instance.arrival, increase=instance.increase)

    def _of_deposit(self, instance: Instance, path: str) -> Iterator[RuleViolation]:
        yield from self._of_ledger(path, instance.deposit, -instance.flow.deposit.ticks)
        left = ticks_at(instance.deposit, self._now)
        if left < 0 or (left and instance.state in OVER):
            need = "nothing where the contract has ended, and never less"
            yield RuleViolation(path, need, f"${money_of(left)}")

    def _of_promise(
        self, instance: Instance, promise: PromiseState, state: MachineState, path: str
    ) -> Iterator[RuleViolation]:
        """Yield what does not fit of a promise in force: its day, and what is in its escrow."""
        if instance.contract.sla is None or instance.state in OVER:
            yield RuleViolation(path, "one of a contract that has one and has not ended", "one")
            return
        day, since, ends = promise.day, promise.since, midnight_after(promise.day)
        if day != midnight_before(day) or not day <= since <= min(ends or since, self._now):
            need = f"an instant of the day, from {day} up to {self._now}"
            yield RuleViolation(f"{path}.since", need, str(since))
            return
        yield from _counted(promise, since - max(day, instance.contract.start), path)
        yield from self._of_escrow(instance, promise, state, path)

    def _of_escrow(
        self, instance: Instance, promise: PromiseState, state: MachineState, path: str
    ) -> Iterator[RuleViolation]:
        """Yield an escrow in which there is not what was left in it, and what the day brought."""
        try:
            counts = counted_until(instance, state, self._now)
        except RuleViolation as overdue:
            yield RuleViolation(f"{path}.day", overdue.need, overdue.got)
            return
        held, said = promise.ledger.at(self._now), promise.escrow.held + counts.net + counts.fee
        if held != said:
            need = f"${said}, what was left before and the day has brought"
            yield RuleViolation(f"{path}.ledger", need, f"${held}")

    def _of_account(self, account: Account, path: str) -> Iterator[RuleViolation]:
        if self._accounts[account.id] is not account:
            yield RuleViolation(f"{path}.id", "a name of its own", account.id)
        for number, times in Counter(account.machines).items():
            owned = self._machines.get(number)
            if owned is None or owned.machine.host != account.id or times > 1:
                yield RuleViolation(f"{path}.machines", "machines that it has", str(number))
        waiting = 0
        for contract, home in account.instances.items():
            there = self._machines[home].instances.get(contract) if home in self._machines else None
            if there is None or there.contract.client != account.id:
                yield RuleViolation(f"{path}.instances", "instances that it has", str(contract))
            else:
                waiting += there.state in WAITING
        for volume, home in account.volumes.items():
            kept = self._machines[home].volumes.get(volume) if home in self._machines else None
            if kept is None or kept.contract.client != account.id:
                yield RuleViolation(f"{path}.volumes", "volumes that it has", str(volume))
        if account.waiting != waiting:
            yield RuleViolation(f"{path}.waiting", f"{waiting}, that wait", str(account.waiting))
        yield from self._of_balance(account, path)

    def _of_balance(self, account: Account, path: str) -> Iterator[RuleViolation]:
        if account.empty and account.ledger.amount > ZERO:
            need = "False of a balance in which something is left"
            yield RuleViolation(f"{path}.empty", need, "True")
        yield from self._of_empty(account, f"{path}.empty")
        if account.invoiced_at is not None and account.invoiced_at > self._now:
            yield RuleViolation(f"{path}.invoiced_at", past(self._now), str(account.invoiced_at))
        yield from self._gone(account, path)
        yield from self._of_ledger(f"{path}.ledger", account.ledger, self._rates[account.id])
        yield from self._due(account.due, path)

    def _of_empty(self, account: Account, path: str) -> Iterator[RuleViolation]:
        """Yield an account with nothing whose instances go on; at the last instant they may yet."""
        ledger = account.ledger
        if not account.empty or ledger.since == self._now or ticks_at(ledger, self._now) > 0:
            return
        for contract, home in account.instances.items():
            there = self._machines[home].instances.get(contract) if home in self._machines else None
            if there is not None and there.claims and not there.contract.is_free_test:
                need = f"False while instance {contract} is {there.state.value}"
                yield RuleViolation(path, need, "True")

    def _due(self, due: datetime | None, path: str) -> Iterator[RuleViolation]:
        """Yield what should have happened before the last event."""
        if due is not None and due < self._now:
            yield RuleViolation(
                path, f"what came due there at {due}", f"nothing of it until {self._now}"
            )

    def _gone(self, part: MachineState | Account, path: str) -> Iterator[RuleViolation]:
        """Yield what was destroyed or deleted after the last event."""
        for name in ("last_destroyed", "last_deleted"):
            last = getattr(part, name)
            if last is not None and last > self._now:
                yield RuleViolation(f"{path}.{name}", past(self._now), str(last))

    def _numbers(self, path: str, **given: int) -> Iterator[RuleViolation]:
        """Yield numbers that have not been given yet, or were given to something else, too."""
        for name, number in given.items():
            if not 0 <= number <= self._last:
                need = f"a number up to {self._last}, the last one given"
                yield RuleViolation(f"{path}.{name}", need, str(number))
            elif number and self._given[number] > 1:
                yield RuleViolation(f"{path}.{name}", "a number of its own", str(number))

    def _of_ledger(self, path: str, ledger: Ledger, rate: int) -> Iterator[RuleViolation]:
        """Yield a ledger that holds from after the last event on, or that others do not pay."""
        if ledger.since > self._now:
            yield RuleViolation(f"{path}.since", past(self._now), str(ledger.since))
        if ledger._speed != rate:
            need = f"${money_of(rate)} a second, what flows"
            yield RuleViolation(f"{path}.rate", need, f"${ledger.rate}")


def _numbers_of(state: MachineState) -> Iterator[int]:
    """Yield the numbers that a machine and what is on it were given; no two are the same."""
    yield from (state.number, state.volume_number)
    yield from (window.id for window in state.schedule.windows)
    yield from state.increases
    yield from state.volumes
    for number, instance in state.instances.items():
        yield number
        if instance.arrival != instance.contract.id:  # as it is until it starts or bids again
            yield instance.arrival


def _last_of(instance: Instance) -> datetime:
    """Return when something happened to an instance last."""
    return max((fact.at for fact in instance.facts), default=instance.contract.start)


def _closed(instance: Instance, path: str) -> Iterator[RuleViolation]:
    """Yield a promise that is not there and was not closed."""
    if instance.contract.sla is not None:
        settled = (each for each in instance.facts if isinstance(each, Settled))
        if not any(each.closes for each in settled):
            yield RuleViolation(path, "one that is in force until it is closed", "none")


def _counted(promise: PromiseState, lasts: timedelta, path: str) -> Iterator[RuleViolation]:
    """Yield what cannot have been counted of a day that has lasted so long, or been kept."""
    lost = promise.down + sum(seconds for _, _, seconds in promise.planned)
    less = promise.down < 0 or any(
        told < 0 or length < 1 or seconds < 0 for told, length, seconds in promise.planned
    )
    if less or not lost <= promise.intended <= lasts // _SECOND:
        need = f"at most the {lasts // _SECOND:,} s of the day so far, and of them what was lost"
        yield RuleViolation(f"{path}.intended", need, f"{promise.intended:,} and {lost:,}")
    memories = promise.escrow.memories
    if any(not 0 <= each <= PARTS for each in memories):
        need = f"shares from 0 to {PARTS:,}"
        yield RuleViolation(f"{path}.escrow.memories", need, str(memories))
    least = min(*promise.escrow.pending, promise.fee, promise.net, promise.compute - promise.net)
    if least < ZERO:
        need = "no amount below zero, and at most what the client paid for the host"
        yield RuleViolation(f"{path}.compute", need, f"${least}")
