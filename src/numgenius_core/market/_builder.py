"""A market being built: what changed since it was a value, until it is one again.

A command is a handful of events, a replay a million. Making a whole new market after each would
copy tables that the next event copies again, and look up who runs and what is due for nobody. So
events are applied to a builder, which keeps what changed beside the market it began with. What is
looked up of a machine, and when it is due, follows with each change there; when balances run out,
and machines as values, when they are asked for, and at the end (:meth:`Builder.market`). One way
for single commands, batches and replays.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, Generic, TypeVar

from numgenius_core.contracts.life import InstanceState
from numgenius_core.errors import RuleViolation
from numgenius_core.ids import AccountId, ContractId, MachineId, VolumeId
from numgenius_core.market._contradictions import check_left, left_to_happen
from numgenius_core.market._copying import copier, copier_of
from numgenius_core.market._ledger import NO_FLOW, Flow, Ledger, Purse, kept, moved, purse_of
from numgenius_core.market._part_builders import (
    AccountBuilder,
    MachineBuilder,
    account_builder,
    kept_account,
)
from numgenius_core.market._persistent import Sorted, Table
from numgenius_core.market._settings import Settings
from numgenius_core.market.instance import (
    WAITING,
    Instance,
    fill_deposit,
    fill_flow,
    fill_promise,
    flow_of,
)
from numgenius_core.market.promise import counted, flows_on
from numgenius_core.market.state import (
    AN_INCREASE,
    AN_INSTANCE,
    DAY,
    Account,
    Due,
    MachineState,
    Market,
    Unsettled,
    changed_account,
    changed_machine,
    fill_due,
    found_in,
    told_again,
)
from numgenius_core.market.volume import A_VOLUME, RentedVolume
from numgenius_core.money import Money
from numgenius_core.units import SECONDS_PER_DAY

_changed_market: Final = copier(Market)
_market_of: Final[Callable[..., Market]] = copier_of(
    Market,
    *("now", "version", "last", "settings", "homes"),
    *("machines", "accounts", "platform", "queue", "unsettled"),
)
NEVER: Final = datetime.max.replace(tzinfo=UTC)
_LAST_DAY: Final = NEVER - DAY
T = TypeVar("T")


class _Seldom(Generic[T]):
    """A field that seldom changes: when it does, it is in the market that is being built on."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, market: Builder, owner: type) -> T:
        value: T = getattr(market.base, self._name)
        return value

    def __set__(self, market: Builder, value: T) -> None:
        market.base = _changed_market(market.base, **{self._name: value})


class Builder:
    """A market that is changed in place, beside the value that it began as.

    Attributes:
        base: The market as it was, but for what seldom changes.
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
        queue: What is due when, as it was last looked up (:meth:`next_due`).
        unsettled: What the market as it was had left to happen at once.
        ran_out: Accounts whose balances ran out since it was looked whether time may go on.
        touched: Machines that changed since it was looked who runs there, in order, each once.
        keeps: Whether somebody wants what goes; else nothing of it stays.
        gone: Instances that were destroyed, as they were then.
        gone_volumes: Volumes that were deleted, as they were then.
    """

    __slots__ = (
        "_instances",
        "_looked",
        "_machines",
        "_new_accounts",
        "_new_machines",
        "_paid",
        "_platform",
        "_removed",
        "_soonest",
        "base",
        "gone",
        "gone_volumes",
        "homes",
        "keeps",
        "last",
        "now",
        "queue",
        "ran_out",
        "settings",
        "touched",
        "unsettled",
        "version",
    )

    credited = _Seldom[Money]()
    paid_out = _Seldom[Money]()
    listings = _Seldom[Table[int, MachineId]]()
    asked = _Seldom[Table[int, MachineId]]()
    volumes = _Seldom[Table[VolumeId, MachineId]]()
    volume_listings = _Seldom[Table[int, MachineId]]()

    def __init__(self, base: Market, *, keeps: bool = False) -> None:
        self.base = base
        self.keeps = keeps
        self.now: datetime = base.now
        self.version: int = base.version
        self.last: int = base.last
        self.settings: Settings = base.settings
        self.homes: Table[ContractId, MachineId] = base.homes
        self.gone: dict[ContractId, Instance] = {}
        self.gone_volumes: dict[VolumeId, RentedVolume] = {}
        self._platform: Ledger | None = None  # what the platform has earned, once that changes
        # Instances that were asked for or changed, as they are now; None are destroyed ones.
        self._instances: dict[ContractId, Instance | None] = {}
        self._machines: dict[MachineId, MachineBuilder] = {}  # those that were asked for
        self.touched: dict[MachineBuilder, None] = {}
        # Other ones than in the market as it was; accounts may be being built.
        self._new_machines: dict[MachineId, MachineState] = {}
        self._new_accounts: dict[AccountId, Account] = {}
        # Of those, whose balances changed: when they are due is what the queue has, not what it
        # should. Those that were looked at are not due before an instant.
        self._paid: dict[AccountId, None] = {}
        self._looked: dict[AccountId, None] = {}
        self._soonest: datetime = NEVER
        self._removed: set[MachineId] = set()
        self.queue: Sorted[Due] = base.queue
        self.unsettled: tuple[Unsettled, ...] = base.unsettled
        self.ran_out: list[AccountId] = []

    # --- what there is ----------------------------------------------------------------------

    def account(self, name: AccountId) -> Account:
        """Return an account; raises ``UnknownId``."""
        found = self._account(name)
        return self.base.account(name) if found is None else kept_account(found)

    def _account(self, name: AccountId) -> Account | None:
        """Return an account, which may be one that is being built."""
        return self._new_accounts.get(name) or self.base.accounts.get(name)

    def opened(self, name: AccountId, at: datetime) -> Account:
        """Return an account, a new one if need be."""
        found = self._account(name)
        return Account(id=name, ledger=Ledger(since=at)) if found is None else kept_account(found)

    def has_machine(self, machine: MachineId) -> bool:
        """Return whether there is a machine of this number."""
        known = machine in self._machines or machine in self.base.machines
        return known and machine not in self._removed

    def building(self, machine: MachineId) -> MachineBuilder:
        """Return a machine that is being built; raises ``UnknownId``."""
        found = self._machines.get(machine)
        if found is None:
            state = None if machine in self._removed else self.base.machines.get(machine)
            if state is None:
                return found_in({}, machine, "machine", "a machine of this market")
            found = self._machines[machine] = MachineBuilder(state)
        return found

    def bare(self, machine: MachineId) -> MachineState:
        """Return a machine whose instances may be out of date; raises ``UnknownId``."""
        return self.building(machine).state

    def machine(self, machine: MachineId) -> MachineState:
        """Return a machine as it is now; raises ``UnknownId``."""
        found = self.building(machine)
        if found.new or found.gone:
            self._new_machines[machine] = found.repopulate()
        return found.state

    def living(self, contract: ContractId) -> Instance:
        """Return an instance that exists; raises ``UnknownId``."""
        found = self._instances.get(contract)
        if found is None:
            machine = self.homes.get(contract)
            if machine is None:
                machine = found_in(self.homes, contract, "contract", AN_INSTANCE)
            home = self._machines.get(machine) or self.building(machine)
            found = home.state.instances.get(contract)
            assert found is not None
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
        if account.empty and account.ledger._ticks > 0:
            account = changed_account(account, empty=False)
        if account.charge_told or account.notice_told:
            account = told_again(account)
        self._new_accounts[account.id] = account
        self._paid[account.id] = None

    def put_machine(self, state: MachineState, **changes: Any) -> None:
        """Take a machine with some fields changed, but for its instances."""
        machine = self.building(state.machine.id)
        machine.state = state = changed_machine(state, _offers=None, **changes)
        self._look_up(machine)
        fill_due(state, machine.due)
        self.touched[machine] = None  # under another floor others may run
        self._new_machines[state.machine.id] = state

    def _requeue(
        self, kind: int, key: MachineId | AccountId, before: datetime | None, due: datetime | None
    ) -> None:
        """Let something be due at another time."""
        if before is None:
            assert due is not None
            self.queue = self.queue.add((due, kind, key))
        elif due is None:
            self.queue = self.queue.without((before, kind, key))
        else:
            self.queue = self.queue.replaced((before, kind, key), (due, kind, key))

    def add_machine(self, machine: MachineState) -> None:
        """Take a new machine; it is not listed yet, so nothing is due there."""
        self._machines[machine.id] = MachineBuilder(machine)
        self._new_machines[machine.id] = machine
        self._removed.discard(machine.id)

    def remove_machine(self, machine: MachineId) -> None:
        """Take a machine out, on which nothing is due any more."""
        due = self.building(machine).due
        if due is not None:
            self.queue = self.queue.without((due, 0, machine))
        del self._machines[machine]
        self._removed.add(machine)

    def put(self, instance: Instance) -> None:
        """Take an instance in its new state: a new one, or one that :meth:`living` gave."""
        contract = instance.contract
        machine = self._machines.get(contract.machine) or self.building(contract.machine)
        self._put(self._instances.get(contract.id), instance, machine)

    def _put(self, before: Instance | None, instance: Instance, machine: MachineBuilder) -> None:
        """Take an instance in its new state on its machine, in the place of what it was."""
        number, index = instance.contract.id, machine.index
        self._instances[number] = machine.new[number] = instance
        self.touched[machine] = None
        if index is machine.state._index:
            index = machine.index = index.copy()
        index.put(before, instance)
        if index.dues.first is not machine.first:
            self._look_up(machine)

    def destroy(self, instance: Instance, at: datetime) -> None:
        """Take an instance out that was put, to be handed to whoever keeps what was destroyed."""
        self.building(instance.contract.machine).remove(instance, at)
        self._instances[instance.id] = None
        if self.keeps:
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
        machine = self._machines.get(contract.machine) or self.building(contract.machine)
        before, waits = self._instances.get(contract.id), 0
        if before is not None and before.state is not instance.state:  # it is not new
            waits = (instance.state in WAITING) - (before.state in WAITING)
        flow = flow_of(instance, machine.state.online, at)
        if instance.promise is not None:
            running = before is not None and before.state is InstanceState.RUNNING
            promise = counted(instance.promise, at, old, running=running, machine=machine.state)
            fill_promise(instance, flows_on(promise, at, lump, old, flow))
        if flow is not old:
            fill_flow(instance, flow)
            speed = old.ticks[1] - flow.ticks[1]
            if speed:
                check_left(instance, at)
                fill_deposit(instance, moved(instance.deposit, at, 0, speed))
        self._put(before, instance, machine)
        if flow is old and lump is NO_FLOW and not waits:
            return
        paid, _, earned, fee = lump.ticks
        balance_was, _, payout_was, fee_was = old.ticks
        balance_is, _, payout_is, fee_is = flow.ticks
        if balance_is != balance_was or waits or paid:
            self.pay(contract.client, at, -paid, balance_was - balance_is, waits)
        if payout_is != payout_was or earned:
            self.pay(contract.host, at, earned, payout_is - payout_was)
        if fee_is != fee_was or fee:
            self.earn(at, fee, fee_is - fee_was)

    def earn(self, at: datetime, add: int, speed: int) -> None:
        """Let ticks join what the platform has earned, and so many more a second."""
        platform = self._platform
        if type(platform) is not Purse:
            platform = self._platform = purse_of(platform or self.base.platform)
        platform.move(at, add, speed)

    def pay(self, name: AccountId, at: datetime, add: int, speed: int, waits: int = 0) -> None:
        """Let ticks join an account at once and so many more a second, and more instances wait.

        Raises:
            UnknownId: There is no such account.
        """
        account = self._new_accounts.get(name)
        if type(account) is not AccountBuilder:
            account = account or self.base.accounts.get(name)
            if account is None:
                account = self.base.account(name)  # which refuses it
            account = self._new_accounts[name] = account_builder(account)
        self._paid[name] = None
        ledger: Any = account.ledger  # a purse
        ledger.move(at, add, speed)
        if waits:
            account.waiting += waits  # type: ignore[misc]
        if account.empty and (ledger._ticks > 0 or ledger._ticks > add):
            # It has something, or had until all of it left at once: then it runs out now.
            account.empty = False  # type: ignore[misc]
        if account.charge is not None or account.notice is not None:
            self.put_account(kept_account(account))  # which looks whether it is above them again

    # --- looking up -------------------------------------------------------------------------

    def _look_up(self, machine: MachineBuilder) -> None:
        """Put a machine in the queue when it is due, as it is now."""
        before, due = machine.due, machine.next_due()
        if due != before:
            self._requeue(0, machine.state.machine.id, before, due)
            machine.due = due

    def next_due(self) -> Due | None:
        """Return what is due first on a machine or an account, ``None`` if nothing ever is."""
        first = self.queue.first
        # An account that changed is due from now on, and machines come before: many of one host
        # are gone through before its balance is looked at.
        paid = self._paid or self._looked
        if paid and not (first is not None and first[1] == 0 and first[0] <= self.now):
            self._look_up_accounts()
            first = self.queue.first
        return first

    def may_be_due(self, at: datetime) -> bool:
        """Return whether something may be due before an instant, as :meth:`next_due` tells.

        In a replay time goes on with nearly every event, and balances run out at another time after
        each: it is enough to know that nothing is due, and to keep the queue as it was.
        """
        if not self._looked:
            self._soonest = self.now + DAY if self.now < _LAST_DAY else NEVER
        for name in self._paid:
            account = self._new_accounts[name]
            if not _lasts_a_day(account):
                due = account.next_due()
                if due is not None and due < self._soonest:
                    self._soonest = due
        self._looked.update(self._paid)
        self._paid.clear()
        first = self.queue.first
        return self._soonest < at or (first is not None and first[0] < at)

    def _look_up_accounts(self) -> None:
        """Bring up to date when balances run out."""
        for name in self._looked | self._paid:
            account = self._new_accounts[name]
            due = account.next_due()
            if due != account.due:
                self._requeue(1, name, account.due, due)
                if type(account) is AccountBuilder:
                    account.due = due  # type: ignore[misc]
                else:
                    self._new_accounts[name] = changed_account(account, due=due)
        self._paid.clear()
        self._looked.clear()

    def market(self) -> Market:
        """Return the market as a value."""
        unsettled = self.unsettled
        if self.touched or self.ran_out or unsettled:
            unsettled = left_to_happen(self)
            self.touched.clear()
        if self._paid or self._looked:
            self._look_up_accounts()
        for number, machine in self._machines.items():
            if machine.new or machine.gone:
                self._new_machines[number] = machine.repopulate()
        for account in self._new_accounts.values():
            kept_account(account)
        base = self.base
        machines, accounts = base.machines, base.accounts
        if self._new_machines:
            machines = machines.updated(self._new_machines)
        for number in self._removed:
            machines = machines.without(number)
        if self._new_accounts:
            accounts = accounts.updated(self._new_accounts)
        platform = base.platform if self._platform is None else kept(self._platform)
        return _market_of(
            base,
            self.now,
            self.version,
            self.last,
            self.settings,
            self.homes,
            machines,
            accounts,
            platform,
            self.queue,
            unsettled,
        )


def _lasts_a_day(account: Account) -> bool:
    """Return whether nothing is due of a balance within a day, without a look at when it is."""
    ledger = account.ledger
    left = ledger._ticks
    return (
        left > 0
        and left + ledger._speed * SECONDS_PER_DAY > 0
        and account.charge is None
        and account.notice is None
    )
