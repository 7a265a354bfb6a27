"""A market being built: what changed since it was a value, until it is one again.

A command is a handful of events, a replay a million. Making a whole new market after each would
copy tables that the next event copies again, and look up who runs and what is due for nobody. So
events are applied to a builder, which keeps what changed beside the market it began with; what is
looked up of a machine is brought up to date when it is asked for, and at the end
(:meth:`Builder.market`). One way for single commands, batches and replays.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from numgenius_core.contracts.contract import Contract
from numgenius_core.contracts.life import InstanceState
from numgenius_core.errors import RuleViolation
from numgenius_core.ids import AccountId, ContractId, MachineId, VolumeId
from numgenius_core.market._copying import copier_of
from numgenius_core.market._index import MachineIndex
from numgenius_core.market._ledger import NO_FLOW, Flow, Ledger, Purse, moved, used_up
from numgenius_core.market._persistent import Sorted, Table
from numgenius_core.market._settings import Settings
from numgenius_core.market.instance import (
    WAITING,
    Instance,
    fill_flow,
    fill_promise,
    flow_of,
)
from numgenius_core.market.promise import PromiseState, counted, flows_on
from numgenius_core.market.state import (
    AN_INCREASE,
    AN_INSTANCE,
    Account,
    Due,
    MachineState,
    Market,
    changed_account,
    changed_machine,
    due_of,
    found_in,
    paid_account,
    repopulated,
    told_again,
)
from numgenius_core.market.volume import A_VOLUME, RentedVolume
from numgenius_core.money import Money

# A builder has fields of the same names as a market: all but these are copied from it.
_market_of: Final[Callable[..., Market]] = copier_of(
    Market, "machines", "accounts", "platform", "queue"
)


class AccountPurse(Purse):
    """The money of an account while it is changed in place, and what changes with it.

    Attributes:
        waiting: How many of its instances wait for their GPUs.
        empty: Whether nothing is left and what it rented has been stopped.
        watched: Whether its owner is to be told of what it falls to.
    """

    __slots__ = ("_before", "empty", "waiting", "watched")

    def __init__(self, account: Account) -> None:
        ledger = account.ledger
        self.since = ledger.since
        self.ticks, self.rate = ledger.amount.ticks, ledger.rate.ticks
        self._before = account
        self.waiting: int = account.waiting
        self.empty: bool = account.empty
        self.watched: bool = account.charge is not None or account.notice is not None

    def account(self) -> Account:
        """Return the account as a value."""
        ticks, empty, due = self.ticks, self.empty, None
        if not empty:
            due = used_up(self.since, ticks, self.rate) if ticks > 0 else self.since
        account = paid_account(self._before, self.ledger(), self.waiting, empty, due)
        return changed_account(account, due=account.next_due()) if self.watched else account


class Builder:
    """A market that is changed in place, beside the value that it began as.

    Attributes:
        base: The market as it was.
        now: The instant of the last event.
        version: The number of events it came from.
        last: The last number given.
        settings: What it takes at most.
        credited: All that was ever paid in.
        paid_out: All that hosts were ever paid out.
        homes: The machine of each instance that exists.
        listings: The machine of each listing that holds.
        asked: The machine of each price increase that waits.
        volumes: The machine of each volume that exists.
        volume_listings: The machine of each volume listing that holds.
        gone: Instances that were destroyed, as they were then.
        gone_volumes: Volumes that were deleted, as they were then.
    """

    __slots__ = (
        "_accounts",
        "_indexes",
        "_instances",
        "_known",
        "_machines",
        "_platform",
        "_purses",
        "_queue",
        "_removed",
        "_stale",
        "_touched",
        "_unqueued",
        "asked",
        "base",
        "credited",
        "gone",
        "gone_volumes",
        "homes",
        "last",
        "listings",
        "now",
        "paid_out",
        "settings",
        "version",
        "volume_listings",
        "volumes",
    )

    def __init__(self, base: Market) -> None:
        self.base = base
        self.now: datetime = base.now
        self.version: int = base.version
        self.last: int = base.last
        self.settings: Settings = base.settings
        self.credited: Money = base.credited
        self.paid_out: Money = base.paid_out
        self.homes: Table[ContractId, MachineId] = base.homes
        self.listings: Table[int, MachineId] = base.listings
        self.asked: Table[int, MachineId] = base.asked
        self.volumes: Table[VolumeId, MachineId] = base.volumes
        self.volume_listings: Table[int, MachineId] = base.volume_listings
        self.gone: dict[ContractId, Instance] = {}
        self.gone_volumes: dict[VolumeId, RentedVolume] = {}
        self._platform: Purse | None = None  # what the platform has earned, once that changes
        self._accounts: dict[AccountId, Account] = {}
        self._purses: dict[AccountId, AccountPurse] = {}  # of accounts that are paid just now
        self._machines: dict[MachineId, MachineState] = {}
        self._known: dict[MachineId, MachineState] = {}  # those, and what was asked for
        self._removed: set[MachineId] = set()
        # Instances that were asked for or changed, as they are now; None are destroyed ones.
        self._instances: dict[ContractId, Instance | None] = {}
        # Those that changed, as their machine's index knows them; and (the keys) those that the
        # index knows as they are, and the machine does not yet.
        self._touched: dict[MachineId, dict[ContractId, Instance | None]] = {}
        self._stale: dict[MachineId, dict[ContractId, Instance | None]] = {}
        self._indexes: dict[MachineId, MachineIndex] = {}
        self._queue: Sorted[Due] = base.queue
        # Accounts that changed, and when they were to run out before.
        self._unqueued: dict[AccountId, datetime | None] = {}

    # --- what there is ----------------------------------------------------------------------

    def account(self, name: AccountId) -> Account:
        """Return an account; raises ``UnknownId``."""
        found = self._account(name)
        return self.base.account(name) if found is None else found

    def _account(self, name: AccountId) -> Account | None:
        purse = self._purses.pop(name, None)
        if purse is not None:
            found = self._accounts[name] = purse.account()
            return found
        return self._accounts.get(name) or self.base.accounts.get(name)

    def opened(self, name: AccountId, at: datetime) -> Account:
        """Return an account, a new one if need be."""
        return self._account(name) or Account(id=name, ledger=Ledger(since=at))

    def has_machine(self, machine: MachineId) -> bool:
        """Return whether there is a machine of this number."""
        known = machine in self._machines or machine in self.base.machines
        return known and machine not in self._removed

    def bare(self, machine: MachineId) -> MachineState:
        """Return a machine whose instances may be out of date; raises ``UnknownId``."""
        found = self._known.get(machine)
        if found is None:
            if machine not in self._removed:
                found = self.base.machines.get(machine)
            if found is None:
                return found_in({}, machine, "machine", "a machine of this market")
            self._known[machine] = found
        return found

    def machine(self, machine: MachineId) -> MachineState:
        """Return a machine as it is now; raises ``UnknownId``."""
        if machine in self._touched or machine in self._indexes:
            return self._brought_up_to_date(machine)
        return self.bare(machine)

    def living(self, contract: ContractId) -> Instance:
        """Return an instance that exists; raises ``UnknownId``."""
        found = self._instances.get(contract)
        if found is None:
            machine = self.homes.get(contract)
            if machine is None:
                machine = found_in(self.homes, contract, "contract", AN_INSTANCE)
            found = self.bare(machine).instances[contract]
            self._instances[contract] = found
        return found

    def volume(self, volume: VolumeId) -> RentedVolume:
        """Return a volume that exists; raises ``UnknownId``."""
        machine = found_in(self.volumes, volume, "volume", A_VOLUME)
        return self.bare(machine).volumes[volume]

    def asking(self, increase: int) -> MachineState:
        """Return the machine of a price increase that waits; raises ``UnknownId``."""
        return self.machine(found_in(self.asked, increase, "increase", AN_INCREASE))

    # --- changes ----------------------------------------------------------------------------

    def put_account(self, account: Account) -> None:
        """Take an account in its new state; one that has something is not empty."""
        name = account.id
        before = self._account(name)
        self._unqueued.setdefault(name, None if before is None else before.due)
        if account.empty and account.ledger.amount.ticks > 0:
            account = changed_account(account, empty=False)
        if account.charge_told or account.notice_told:
            account = told_again(account)
        due = account.next_due()
        self._accounts[name] = account if due == account.due else changed_account(account, due=due)

    def put_machine(self, state: MachineState, **changes: Any) -> None:
        """Take a machine with some fields changed, but for its instances."""
        due = due_of(
            state._index,
            changes.get("listing", state.listing),
            changes.get("rolls_at", state.rolls_at),
            changes.get("schedule", state.schedule),
            changes.get("announced", state.announced),
            changes.get("volumes_due", state.volumes_due),
        )
        self._put_machine(changed_machine(state, due=due, _offers=None, **changes), state.due)

    def _put_machine(self, state: MachineState, due_before: datetime | None) -> None:
        machine = state.machine.id
        if state.due != due_before:
            self._requeue(0, machine, due_before, state.due)
        self._machines[machine] = self._known[machine] = state

    def _requeue(
        self, kind: int, key: MachineId | AccountId, before: datetime | None, due: datetime | None
    ) -> None:
        """Let something be due at another time."""
        if before is None:
            assert due is not None
            self._queue = self._queue.add((due, kind, key))
        elif due is None:
            self._queue = self._queue.without((before, kind, key))
        else:
            self._queue = self._queue.replaced((before, kind, key), (due, kind, key))

    def add_machine(self, machine: MachineState) -> None:
        """Take a new machine; it is not listed yet, so nothing is due there."""
        self._machines[machine.id] = self._known[machine.id] = machine
        self._removed.discard(machine.id)

    def remove_machine(self, machine: MachineId) -> None:
        """Take a machine out, on which nothing is due any more."""
        due = self.bare(machine).due
        if due is not None:
            self._queue = self._queue.without((due, 0, machine))
        self._machines.pop(machine, None)
        self._known.pop(machine, None)
        self._removed.add(machine)

    def put(self, instance: Instance) -> None:
        """Take an instance in its new state: a new one, or one that :meth:`living` gave."""
        contract = instance.contract
        self._put(instance, contract, self._instances.get(contract.id))

    def _put(self, instance: Instance, contract: Contract, before: Instance | None) -> None:
        """Take an instance in its new state, its contract and what it was being known."""
        touched = self._touched.get(contract.machine)
        if touched is None:
            touched = self._touched[contract.machine] = {}
        touched.setdefault(contract.id, before)
        self._instances[contract.id] = instance

    def destroy(self, instance: Instance) -> None:
        """Take an instance out, to be handed to whoever keeps what was destroyed."""
        self.put(instance)
        self._instances[instance.id] = None
        self.gone[instance.id] = instance
        self.homes = self.homes.without(instance.id)

    def give_number(self, number: int) -> None:
        """Take note of a number that something new was given: the one after the last.

        Raises:
            RuleViolation: It is another one, so events are missing.
        """
        if number != self.last + 1:
            raise RuleViolation("number", f"{self.last + 1}, the next one", str(number))
        self.last = number

    # --- money ------------------------------------------------------------------------------

    def settle(self, instance: Instance, at: datetime, lump: Flow = NO_FLOW) -> None:
        """Take an instance in its new state, and let the money flow as it now must.

        What leaves a client's balance or its deposit arrives, at the same second and to the tick,
        at the host and the platform. So the sum of all balances, deposits and the platform's
        earnings is at any instant what was ever paid in.

        Args:
            instance: In its new state, but for its flow, which is filled in: nobody else has it.
            at: When.
            lump: What moves at once; of a deposit it changes with the instance, not here.
        """
        contract, old = instance.contract, instance.flow
        before, waits = self._instances.get(contract.id), 0
        if before is not None and before.state is not instance.state:  # it is not new
            waits = (instance.state in WAITING) - (before.state in WAITING)
        machine = self.bare(contract.machine)
        flow = flow_of(instance, machine.online, at)
        if instance.promise is not None:
            fill_promise(instance, self._promise(instance, machine, at, lump, flow))
        self._put(instance, contract, before)
        if flow is old and lump is NO_FLOW and not waits:
            return
        paid, _, earned, fee = lump.ticks
        balance_was, deposit_was, payout_was, fee_was = old.ticks
        balance_is, deposit_is, payout_is, fee_is = flow.ticks
        if balance_is != balance_was or waits or paid:
            self.pay(contract.client, at, -paid, balance_was - balance_is, waits)
        if payout_is != payout_was or earned:
            self.pay(contract.host, at, earned, payout_is - payout_was)
        if fee_is != fee_was or fee:
            self.earn(at, fee, fee_is - fee_was)
        if flow is not old:
            left = instance.deposit
            if deposit_is != deposit_was:
                left = moved(left, at, 0, deposit_was - deposit_is)
            fill_flow(instance, flow, left)

    def _promise(
        self, instance: Instance, machine: MachineState, at: datetime, lump: Flow, flow: Flow
    ) -> PromiseState:
        """Return the promise of an instance, counted until now, with its flow from now on."""
        promise, before = instance.promise, self._instances.get(instance.contract.id)
        assert promise is not None
        running = before is not None and before.state is InstanceState.RUNNING
        promise = counted(promise, at, instance.flow, running=running, machine=machine)
        return flows_on(promise, at, lump, instance.flow, flow)

    def earn(self, at: datetime, add: int, speed: int) -> None:
        """Let ticks join what the platform has earned, and so many more a second."""
        if self._platform is None:
            self._platform = Purse(self.base.platform)
        self._platform.move(at, add, speed)

    def pay(self, name: AccountId, at: datetime, add: int, speed: int, waits: int = 0) -> None:
        """Let ticks join an account at once and so many more a second, and more instances wait.

        Raises:
            UnknownId: There is no such account.
        """
        purse = self._purses.get(name)
        if purse is None:
            account = self._accounts.get(name) or self.base.accounts.get(name)
            if account is None:
                account = self.account(name)  # which refuses it
            self._unqueued.setdefault(name, account.due)
            purse = self._purses[name] = AccountPurse(account)
        purse.move(at, add, speed)
        if waits:
            purse.waiting += waits
        if purse.empty and purse.ticks > 0:
            purse.empty = False
        if purse.watched:
            self.put_account(self.account(name))  # which looks whether it is above them again

    # --- looking up -------------------------------------------------------------------------

    def index(self, machine: MachineId) -> MachineIndex:
        """Return what is looked up of a machine, as its instances are now."""
        index = self._indexes.get(machine)
        touched = self._touched.pop(machine, None)
        if touched is None:
            return self.bare(machine)._index if index is None else index
        if index is None:
            index = self._indexes[machine] = self.bare(machine)._index.copy()
        now = self._instances
        index.update([(before, now[contract]) for contract, before in touched.items()])
        stale = self._stale.setdefault(machine, touched)
        if stale is not touched:
            stale.update(touched)
        return index

    def _brought_up_to_date(self, machine: MachineId) -> MachineState:
        """Return a machine with its instances as they are now, and all that is looked up there."""
        index, state = self.index(machine), self.bare(machine)
        del self._indexes[machine]  # it is the machine's now
        changes: dict[ContractId, Instance] = {}
        gone: list[ContractId] = []
        for contract in self._stale.pop(machine):
            new = self._instances[contract]
            if new is None:
                gone.append(contract)
            else:
                changes[contract] = new
        instances: Any = state.instances
        due = state.due
        if index.dues is not state._index.dues:
            due = due_of(
                index,
                state.listing,
                state.rolls_at,
                state.schedule,
                state.announced,
                state.volumes_due,
            )
        before, state = (
            state.due,
            repopulated(state, instances.updated(changes, gone), index, due, None),
        )
        self._put_machine(state, before)
        return state

    def next_due(self) -> Due | None:
        """Return what is due first on a machine or an account, ``None`` if nothing ever is."""
        self._look_up_machines()
        first = self._queue.first
        # An account that changed is due from now on, and machines come before: many of one host
        # are gone through before its balance is looked at.
        if self._unqueued and not (first is not None and first[1] == 0 and first[0] <= self.now):
            self._look_up_accounts()
            first = self._queue.first
        return first

    def _look_up_machines(self) -> None:
        """Bring machines up to date: who runs there, what is due."""
        if self._touched or self._indexes:
            for machine in self._touched | self._indexes:
                self._brought_up_to_date(machine)

    def _look_up_accounts(self) -> None:
        """Bring up to date when balances run out."""
        for name, before in self._unqueued.items():
            account = self._account(name)
            due = None if account is None else account.due
            if due != before:
                self._requeue(1, name, before, due)
        self._unqueued.clear()

    def market(self) -> Market:
        """Return the market as a value."""
        self._look_up_machines()
        self._look_up_accounts()
        base = self.base
        machines = base.machines.updated(self._machines) if self._machines else base.machines
        for machine in self._removed:
            machines = machines.without(machine)
        accounts = base.accounts.updated(self._accounts) if self._accounts else base.accounts
        platform = base.platform if self._platform is None else self._platform.ledger()
        return _market_of(self, machines, accounts, platform, self._queue)
