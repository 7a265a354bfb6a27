"""Copies of frozen values: what is changed is changed, what is kept is kept, and all is frozen."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from attrs import evolve, exceptions

from numgenius_core import AccountId, ContractId, Money
from numgenius_core.market._copying import copier, copier_of, maker
from numgenius_core.market._ledger import Ledger
from numgenius_core.market.events import InstanceLoaded
from numgenius_core.market.state import Account, Market

START = datetime(2026, 1, 1, tzinfo=UTC)
ANN = Account(id=AccountId("ann"), ledger=Ledger(since=START, amount=Money(3)), empty=False)
COPIES = [
    lambda: copier(Account)(ANN, waiting=2, notice=Money(1)),
    lambda: copier_of(Account, "notice", "waiting")(ANN, Money(1), 2),
]


class TestCopies:
    """A copy is what ``attrs.evolve`` gives, made without checks."""

    @pytest.mark.parametrize("copied", COPIES)
    def test_a_copy_is_a_value_as_any_other(self, copied: Callable[[], Account]) -> None:
        copy = copied()
        assert type(copy) is Account
        assert copy == evolve(ANN, waiting=2, notice=Money(1))
        assert copy.due == ANN.due  # what the class works out itself is copied
        assert pickle.loads(pickle.dumps(copy)) == copy
        assert (ANN.waiting, ANN.notice) == (0, None)

    @pytest.mark.parametrize("copied", COPIES)
    def test_a_copy_is_frozen(self, copied: Callable[[], Account]) -> None:
        copy = copied()
        with pytest.raises(exceptions.FrozenInstanceError):
            copy.waiting = 3  # type: ignore[misc]
        with pytest.raises(exceptions.FrozenInstanceError):
            del copy.waiting

    def test_a_value_is_made_of_its_fields(self) -> None:
        made = maker(InstanceLoaded)(START, ContractId(7))
        assert type(made) is InstanceLoaded
        assert made == InstanceLoaded(at=START, contract=ContractId(7))
        assert hash(made) == hash(InstanceLoaded(at=START, contract=ContractId(7)))


def test_what_is_empty_is_one_object() -> None:
    """Most tables of a market are empty, and each copy of a value touches all that it keeps."""
    market, bob = Market(), Account(id=AccountId("bob"), ledger=ANN.ledger)
    tables = (bob.instances, ANN.volumes, market.machines, market.accounts, market.homes)
    assert all(each is ANN.instances for each in tables)
    assert not ANN.instances
