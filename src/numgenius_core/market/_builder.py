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

from numgenius_core.errors import RuleViolation
from numgenius_core.ids import AccountId, ContractId, MachineId, VolumeId
from numgenius_core.market._copying import maker
from numgenius_core.market._index import Change
from numgenius_core.market._ledger import NO_FLOW, Flow, Ledger, moved
from numgenius_core.market._persistent import Sorted, Table
from numgenius_core.market._settings import Settings
from numgenius_core.market.instance import WAITING, Instance, changed_instance, flow_of
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
)
from numgenius_core.market.volume import A_VOLUME, RentedVolume
from numgenius_core.money import Money

_made_market: Final[Callable[..., Market]] = maker(Market)


def _told_again(account: Account) -> Account:
    """Return an account that is told of its thresholds again once its balance is above them."""
    amount, charge, notice = account.ledger.amount, account.charge, account.notice
    return changed_account(
        account,
        charge_told=account.charge_told and charge is not None and amount <= charge,
        notice_told=account.notice_told and notice is not None and amount <= notice,
    )


class Builder:
    """A market that is changed in place, beside the value that it began as.

    Attributes:
        base: The market as it was.
        now: The instant of the last event.
        version: The number of events it came from.
        last: The last number given.
        settings: What it takes at most.
        platform: What the platform has earned.
        credited: All that was ever paid in.
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
        "_instances",
        "_machines",
        "_queue",
        "_removed",
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
        "platform",
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
        self.platform: Ledger = base.platform
        self.credited: Money = base.credited
        self.homes: Table[ContractId, MachineId] = base.homes
        self.listings: Table[int, MachineId] = base.listings
        self.asked: Table[int, MachineId] = base.asked
        self.volumes: Table[VolumeId, MachineId] = base.volumes
        self.volume_listings: Table[int, MachineId] = base.volume_listings
        self.gone: dict[ContractId, Instance] = {}
        self.gone_volumes: dict[VolumeId, RentedVolume] = {}
        self._accounts: dict[AccountId, Account] = {}
        self._machines: dict[MachineId, MachineState] = {}
        self._removed: set[MachineId] = set()
        # Instances that were asked for or changed, as they are now; None are destroyed ones. Those
        # that are touched are not in their machines yet.
        self._instances: dict[ContractId, Instance | None] = {}
        self._touched: dict[MachineId, dict[ContractId, None]] = {}
        self._queue: Sorted[Due] = base.queue
        self._unqueued: dict[AccountId, None] = {}  # changed: when they run out is not known yet

    # --- what there is ----------------------------------------------------------------------

    def account(self, name: AccountId) -> Account:
        """Return an account; raises ``UnknownId``."""
        found = self._accounts.get(name) or self.base.accounts.get(name)
        return self.base.account(name) if found is None else found

    def opened(self, name: AccountId, at: datetime) -> Account:
        """Return an account, a new one if need be."""
        found = self._accounts.get(name) or self.base.accounts.get(name)
        return found or Account(id=name, ledger=Ledger(since=at))

    def has_machine(self, machine: MachineId) -> bool:
        """Return whether there is a machine of this number."""
        known = machine in self._machines or machine in self.base.machines
        return known and machine not in self._removed

    def bare(self, machine: MachineId) -> MachineState:
        """Return a machine whose instances may be out of date; raises ``UnknownId``."""
        found = self._machines.get(machine)
        if found is None and machine not in self._removed:
            found = self.base.machines.get(machine)
        if found is None:
            return found_in({}, machine, "machine", "a machine of this market")
        return found

    def machine(self, machine: MachineId) -> MachineState:
        """Return a machine as it is now; raises ``UnknownId``."""
        if machine in self._touched:
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
        if account.empty and account.ledger.amount.ticks > 0:
            account = changed_account(account, empty=False)
        if account.charge_told or account.notice_told:
            account = _told_again(account)
        self._accounts[account.id] = account
        self._unqueued[account.id] = None

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
        self._put_machine(changed_machine(state, due=due, **changes), state.due)

    def _put_machine(self, state: MachineState, due_before: datetime | None) -> None:
        machine = state.machine.id
        if state.due != due_before:
            if due_before is not None:
                self._queue = self._queue.without((due_before, 0, machine))
            if state.due is not None:
                self._queue = self._queue.add((state.due, 0, machine))
        self._machines[machine] = state

    def add_machine(self, machine: MachineState) -> None:
        """Take a new machine; it is not listed yet, so nothing is due there."""
        self._machines[machine.id] = machine
        self._removed.discard(machine.id)

    def remove_machine(self, machine: MachineId) -> None:
        """Take a machine out, on which nothing is due any more."""
        due = self.bare(machine).due
        if due is not None:
            self._queue = self._queue.without((due, 0, machine))
        self._machines.pop(machine, None)
        self._removed.add(machine)

    def put(self, instance: Instance) -> None:
        """Take an instance in its new state."""
        contract = instance.contract
        self._touched.setdefault(contract.machine, {})[contract.id] = None
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
            instance: In its new state, but for its flow.
            at: When.
            lump: What moves at once; of a deposit it changes with the instance, not here.
        """
        contract, old = instance.contract, instance.flow
        waits = self._begins_to_wait(instance)
        flow = flow_of(instance, online=self.bare(contract.machine).online, at=at)
        if flow is old and lump is NO_FLOW and not waits:
            self.put(instance)
            return
        balance = flow.balance.ticks - old.balance.ticks
        if balance or waits or lump.balance:
            self.pay(contract.client, at, -lump.balance.ticks, -balance, waits)
        payout = flow.payout.ticks - old.payout.ticks
        if payout or lump.payout:
            self.pay(contract.host, at, lump.payout.ticks, payout)
        fee = flow.fee.ticks - old.fee.ticks
        if fee or lump.fee:
            self.platform = moved(self.platform, at, lump.fee.ticks, fee)
        if flow is not old:
            deposit, covered = instance.deposit, flow.deposit.ticks - old.deposit.ticks
            if covered:
                deposit = moved(deposit, at, 0, -covered)
            instance = changed_instance(instance, flow=flow, deposit=deposit)
        self.put(instance)

    def pay(self, name: AccountId, at: datetime, add: int, speed: int, waits: int = 0) -> None:
        """Let ticks join an account at once and so many more a second, and more instances wait."""
        account = self.account(name)
        ledger = moved(account.ledger, at, add, speed)
        self.put_account(changed_account(account, ledger=ledger, waiting=account.waiting + waits))

    def _begins_to_wait(self, instance: Instance) -> int:
        """Return 1 if an instance waits for its GPUs from now on, -1 if no longer, else 0."""
        before = self._instances.get(instance.contract.id)  # None: it is new
        if before is None or before.state is instance.state:
            return 0
        return (instance.state in WAITING) - (before.state in WAITING)

    # --- looking up -------------------------------------------------------------------------

    def _brought_up_to_date(self, machine: MachineId) -> MachineState:
        """Return a machine with its instances as they are now, and all that is looked up there."""
        state = self.bare(machine)
        instances: Any = state.instances
        changes: list[Change] = []
        for contract in self._touched.pop(machine):
            new = self._instances[contract]
            changes.append((instances.get(contract), new))
            instances = instances.without(contract) if new is None else instances.set(contract, new)
        index = state._index.updated(changes)
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
            changed_machine(state, instances=instances, _index=index, due=due),
        )
        self._put_machine(state, before)
        return state

    def next_due(self) -> Due | None:
        """Return what is due first on a machine or an account, ``None`` if nothing ever is."""
        if self._touched or self._unqueued:
            self._look_up_all()
        return self._queue.first

    def pop_due(self, item: Due) -> None:
        """Take something that is due off the queue: it happens now."""
        self._queue = self._queue.without(item)

    def _look_up_all(self) -> None:
        """Bring all that is looked up to date: who runs, what is due."""
        for machine in list(self._touched):
            self._brought_up_to_date(machine)
        for name in self._unqueued:
            account = self._accounts[name]
            due = account.next_due()
            if due != account.due:
                if account.due is not None:
                    self._queue = self._queue.without((account.due, 1, name))
                if due is not None:
                    self._queue = self._queue.add((due, 1, name))
                self._accounts[name] = changed_account(account, due=due)
        self._unqueued.clear()

    def market(self) -> Market:
        """Return the market as a value."""
        if self._touched or self._unqueued:
            self._look_up_all()
        base = self.base
        machines = base.machines.updated(self._machines) if self._machines else base.machines
        for machine in self._removed:
            machines = machines.without(machine)
        accounts = base.accounts.updated(self._accounts) if self._accounts else base.accounts
        return _made_market(
            now=self.now,
            version=self.version,
            last=self.last,
            settings=self.settings,
            machines=machines,
            accounts=accounts,
            homes=self.homes,
            listings=self.listings,
            asked=self.asked,
            volumes=self.volumes,
            volume_listings=self.volume_listings,
            platform=self.platform,
            credited=self.credited,
            queue=self._queue,
        )
