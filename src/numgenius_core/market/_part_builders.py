"""The parts of a market being built: a machine and an account, each changed in place.

A market is built from events (``_builder``), and an event changes an instance and the balances of
those whom it costs or pays. Whatever follows from that (the machine as a value, what is looked up
there, when a balance runs out) is worked out when it is asked for: after many events most often.
"""

from __future__ import annotations

from datetime import datetime

from numgenius_core.ids import ContractId
from numgenius_core.market._index import MachineIndex
from numgenius_core.market._ledger import Purse, used_up
from numgenius_core.market.instance import Instance
from numgenius_core.market.state import (
    Account,
    MachineState,
    changed_account,
    due_of,
    paid_account,
    repopulated,
)

Instances = dict[ContractId, Instance | None]
"""Instances by their numbers; ``None`` are those that are not there."""


class MachineBuilder:
    """A machine being built.

    Attributes:
        state: As it is now, but for what was put there since it was brought up to date.
        stale: Whether its instances changed since.
    """

    __slots__ = ("_changed", "_gone", "_index", "_new", "stale", "state")

    def __init__(self, state: MachineState) -> None:
        self.state = state
        self.stale: bool = False
        self._index = state._index  # the state's own until something changes
        self._changed: Instances = {}  # instances that changed, as the index knows them
        self._new: dict[ContractId, Instance] = {}  # those that the state does not have yet
        self._gone: list[ContractId] = []  # those that it still has

    def put(self, contract: ContractId, before: Instance | None, after: Instance) -> None:
        """Take an instance in its new state, as it was before being known."""
        self.stale = True
        self._changed.setdefault(contract, before)
        self._new[contract] = after

    def remove(self, contract: ContractId) -> None:
        """Take an instance out that was put there."""
        del self._new[contract]
        self._gone.append(contract)

    def index(self) -> MachineIndex:
        """Return what is looked up of the machine, as its instances are now."""
        index, changed = self._index, self._changed
        if changed:
            if index is self.state._index:
                index = self._index = index.copy()
            index.update(changed, self._new)
            self._changed = {}
        return index

    def bring_up_to_date(self) -> MachineState:
        """Return the machine with its instances as they are now, and all that is looked up."""
        index, state = self.index(), self.state
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
        instances = state.instances.updated(self._new, self._gone)  # type: ignore[attr-defined]
        self._new, self._gone, self.stale = {}, [], False
        self.state = state = repopulated(state, instances, index, due, None)
        return state


class AccountBuilder(Purse):
    """An account being built: money that moves in place, and what changes with it.

    Attributes:
        due: When something is to be said of its balance, as the market's queue has it.
        waiting: How many of its instances wait for their GPUs.
        empty: Whether nothing is left and what it rented has been stopped.
        watched: Whether its owner is to be told of what it falls to.
    """

    __slots__ = ("_value", "due", "empty", "waiting", "watched")

    def __init__(self, account: Account, due: datetime | None) -> None:
        ledger = account.ledger
        self.since = ledger.since
        self.ticks, self.rate = ledger.amount.ticks, ledger.rate.ticks
        self.waiting: int = account.waiting
        self.empty: bool = account.empty
        self.watched: bool = account.charge is not None or account.notice is not None
        self.due = due
        self._value = account

    def account(self) -> Account:
        """Return the account as a value."""
        ticks, empty, due = self.ticks, self.empty, None
        if not empty:
            due = used_up(self.since, ticks, self.rate) if ticks > 0 else self.since
        account = paid_account(self._value, self.ledger(), self.waiting, empty, due)
        return changed_account(account, due=account.next_due()) if self.watched else account
