"""The parts of a market being built: a machine and an account, each changed in place.

A market is built from events (``_builder``), and an event changes an instance and the balances of
those whom it costs or pays. Whatever follows from that (the machine as a value, what is looked up
there, when a balance runs out) is worked out when it is asked for: after many events most often.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from numgenius_core.ids import ContractId
from numgenius_core.market._copying import drafter
from numgenius_core.market._index import MachineIndex
from numgenius_core.market._ledger import kept, purse_of
from numgenius_core.market.instance import Instance
from numgenius_core.market.state import (
    Account,
    MachineState,
    due_of,
    repopulated,
)

Instances = dict[ContractId, Instance | None]
"""Instances by their numbers; ``None`` are those that are not there."""


class MachineBuilder:
    """A machine being built.

    Attributes:
        state: As it is now, but for the instances that were put there since it was made.
        due: When time alone changes something there, as the market's queue has it.
        stale: Whether instances changed since that was looked up.
        first: What is due first of its instances, as ``due`` was looked up.
        changed: Instances that changed, as the index knows them.
        new: Those that the state does not have yet.
        last_destroyed: When the last one was destroyed that was no free test.
    """

    __slots__ = (
        "_gone",
        "_index",
        "changed",
        "due",
        "first",
        "last_destroyed",
        "new",
        "stale",
        "state",
    )

    def __init__(self, state: MachineState) -> None:
        self.state = state
        self.due: datetime | None = state.due
        self.stale: bool = False
        self._index = state._index  # the state's own until something changes
        self.first = state._index.dues.first
        self.changed: Instances = {}
        self.new: dict[ContractId, Instance] = {}
        self._gone: list[ContractId] = []  # those that it still has
        self.last_destroyed = state.last_destroyed

    def remove(self, instance: Instance, at: datetime) -> None:
        """Take an instance out that was put there, as it is destroyed."""
        del self.new[instance.contract.id]
        self._gone.append(instance.contract.id)
        if not instance.contract.is_free_test:
            self.last_destroyed = at

    def index(self) -> MachineIndex:
        """Return what is looked up of the machine, as its instances are now."""
        index, changed = self._index, self.changed
        if changed:
            if index is self.state._index:
                index = self._index = index.copy()
            index.update(changed, self.new)
            self.changed = {}
        return index

    def next_due(self) -> datetime | None:
        """Look up and return when time alone changes something there next; ``None`` is never."""
        index, state = self.index(), self.state
        self.first = index.dues.first
        return due_of(
            index,
            state.listing,
            state.rolls_at,
            state.schedule,
            state.announced,
            state.volumes_due,
        )

    def machine(self) -> MachineState:
        """Return the machine with its instances as they are now; when it is due was looked up."""
        state = self.state
        if self.new or self._gone:
            instances = state.instances.updated(self.new, self._gone)  # type: ignore[attr-defined]
            self.new, self._gone = {}, []
            last = self.last_destroyed
            self.state = state = repopulated(state, instances, last, self._index, self.due, None)
        return state


class AccountBuilder(Account):
    """An account that is changed in place; its ledger is a purse.

    Its ``due`` is what the market's queue has, until :meth:`Builder.next_due` looks anew.
    """

    __slots__ = ()
    __setattr__, __delattr__ = object.__setattr__, object.__delattr__  # both, or neither is fast


_builder_of: Final = drafter(AccountBuilder, "ledger")


def account_builder(account: Account) -> AccountBuilder:
    """Return an account of its own with the same in it, to be changed in place."""
    return _builder_of(account, purse_of(account.ledger))


def kept_account(account: Account) -> Account:
    """Let an account, if it was being built, be a value that nobody changes any more."""
    if type(account) is AccountBuilder:
        kept(account.ledger)
        account.__class__ = Account  # type: ignore[assignment]
    return account
