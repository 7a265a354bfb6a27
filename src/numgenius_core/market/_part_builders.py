"""The parts of a market being built: a machine and an account, each changed in place.

A market is built from events (``_builder``), and an event changes an instance and the balances of
those whom it costs or pays. What is looked up of a machine follows at once. The machine as a value,
and when a balance runs out, follow when they are asked for: after many events most often.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

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
        new: Instances that the state does not have yet.
        gone: Those that are there no longer, whatever is new of them.
    """

    __slots__ = ("due", "first", "gone", "index", "last_destroyed", "new", "state")

    def __init__(self, state: MachineState) -> None:
        self.state = state
        self.index: MachineIndex = state._index
        self.due: datetime | None = state.due
        self.first = state._index.dues.first
        self.last_destroyed = state.last_destroyed
        self.new: dict[ContractId, Instance] = {}
        self.gone: list[ContractId] = []

    def remove(self, instance: Instance, at: datetime) -> None:
        """Take an instance out that was put there, as it is destroyed."""
        self.index.put(instance, None)
        self.gone.append(instance.contract.id)
        if not instance.contract.is_free_test:
            self.last_destroyed = at

    def next_due(self) -> datetime | None:
        """Return when time alone changes something there next, looked up anew."""
        self.first = self.index.dues.first
        return due_of(self.state, self.index)

    def repopulate(self) -> MachineState:
        """Let the state have the instances as they are now, and return it."""
        instances: Any = self.state.instances
        self.state = repopulated(
            self.state,
            instances.updated(self.new, self.gone),
            self.last_destroyed,
            self.index,
            self.due,
            None,
        )
        self.new, self.gone = {}, []
        return self.state


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
