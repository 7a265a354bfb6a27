"""The parts of a market being built: a machine and an account, each changed in place.

A market is built from events (``_builder``), and an event changes an instance and the balances of
those whom it costs or pays. What is looked up of a machine follows at once. The machine as a value,
and when a balance runs out, follow when they are asked for: after many events most often.
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


class MachineBuilder:
    """A machine being built.

    Attributes:
        state: As it is now, but for the instances that were put there since it was made.
        index: What is looked up of its instances as they are now; the state's own until one of
            them changes.
        due: When time alone changes something there next; ``None`` is never.
        first: What is due first of its instances, as ``due`` knows it.
        last_destroyed: When the last one was destroyed that was no free test.
    """

    __slots__ = ("_gone", "_new", "due", "first", "index", "last_destroyed", "state")

    def __init__(self, state: MachineState) -> None:
        self.state = state
        self.index: MachineIndex = state._index
        self.due: datetime | None = state.due
        self.first = state._index.dues.first
        self.last_destroyed = state.last_destroyed
        self._new: dict[ContractId, Instance] = {}  # those that the state does not have yet
        self._gone: list[ContractId] = []  # those that it still has

    def put(self, before: Instance | None, instance: Instance) -> None:
        """Take an instance in the place of what it was before, ``None`` if it was not there."""
        index = self.index
        if index is self.state._index:
            index = self.index = index.copy()
        index.put(before, instance)
        self._new[instance.contract.id] = instance

    def remove(self, instance: Instance, at: datetime) -> None:
        """Take an instance out that was put there, as it is destroyed."""
        self.index.put(instance, None)
        del self._new[instance.contract.id]
        self._gone.append(instance.contract.id)
        if not instance.contract.is_free_test:
            self.last_destroyed = at

    def next_due(self) -> datetime | None:
        """Return when time alone changes something there next, looked up anew."""
        self.first = self.index.dues.first
        return due_of(self.state, self.index)

    def machine(self) -> MachineState:
        """Return the machine with its instances as they are now."""
        state = self.state
        if self._new or self._gone:
            instances = state.instances.updated(self._new, self._gone)  # type: ignore[attr-defined]
            self._new, self._gone = {}, []
            last = self.last_destroyed
            self.state = state = repopulated(state, instances, last, self.index, self.due, None)
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
