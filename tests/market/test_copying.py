"""Copies of frozen values: what is changed is changed, what is kept is kept, and all is frozen."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from attrs import evolve, exceptions

from numgenius_core import AccountId, ContractId, Money
from numgenius_core.documents import from_json, to_json
from numgenius_core.errors import WrongType
from numgenius_core.market._copying import copier, copier_of, maker
from numgenius_core.market._ledger import Ledger, kept, purse_of
from numgenius_core.market.events import InstanceLoaded
from numgenius_core.market.state import Account, Market

START, SLOW = datetime(2026, 1, 1, tzinfo=UTC), Money.from_ticks(-7)
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


class TestLedgers:
    """A ledger is kept as whole numbers, and is a value as any other."""

    FULL = Ledger(since=START, amount=Money(3), rate=Money.from_ticks(-7))

    def test_it_is_what_it_was_made_of(self) -> None:
        assert (self.FULL.since, self.FULL.amount) == (START, Money(3))
        assert self.FULL.rate == Money.from_ticks(-7)
        assert repr(self.FULL) == f"Ledger(since={START!r}, amount={Money(3)!r}, rate={SLOW!r})"

    def test_a_changed_one_is_another_value(self) -> None:
        slower = evolve(self.FULL, rate=Money(0))
        assert slower == Ledger(since=START, amount=Money(3))
        assert slower != self.FULL
        assert {self.FULL, evolve(slower, rate=SLOW)} == {self.FULL}

    @pytest.mark.parametrize("taken", [pickle.loads, lambda kept: from_json(kept, Ledger)])
    def test_it_comes_back_as_it_went(self, taken: Callable[[Any], Ledger]) -> None:
        kept = pickle.dumps(self.FULL) if taken is pickle.loads else to_json(self.FULL)
        back = taken(kept)
        assert (type(back), back) == (Ledger, self.FULL)

    @pytest.mark.parametrize("name", ["since", "amount", "rate", "_ticks"])
    def test_nobody_changes_it(self, name: str) -> None:
        with pytest.raises(AttributeError):
            setattr(self.FULL, name, Money(1))
        with pytest.raises(AttributeError):
            delattr(self.FULL, name)

    @pytest.mark.parametrize("name", ["since", "amount", "rate"])
    def test_what_is_no_amount_is_refused(self, name: str) -> None:
        given: dict[str, Any] = {"since": START, name: 7}
        kind = "datetime" if name == "since" else "Money"
        with pytest.raises(WrongType, match=rf"^{name}: need a {kind}, got 7$"):
            Ledger(**given)

    def test_one_that_is_changed_in_place_is_frozen_once_it_is_kept(self) -> None:
        purse = purse_of(self.FULL)
        purse.move(START + timedelta(seconds=2), 20, -1)
        moved = kept(purse)
        assert moved == Ledger(
            since=START + timedelta(seconds=2),
            amount=Money(3) + Money.from_ticks(6),
            rate=Money.from_ticks(-8),
        )
        assert self.FULL.amount == Money(3)
        with pytest.raises(exceptions.FrozenInstanceError):
            moved.since = START  # type: ignore[misc]


def test_what_is_empty_is_one_object() -> None:
    """Most tables of a market are empty, and each copy of a value touches all that it keeps."""
    market, bob = Market(), Account(id=AccountId("bob"), ledger=ANN.ledger)
    tables = (bob.instances, ANN.volumes, market.machines, market.accounts, market.homes)
    assert all(each is ANN.instances for each in tables)
    assert not ANN.instances
