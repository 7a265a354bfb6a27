"""The bids of a machine as an aggregate of the ``eventsourcing`` library: a dict, and no rules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event


class Bids(Aggregate):
    def __init__(self) -> None:
        self.bids: dict[int, int] = {}

    @event("Changed")
    def change(self, contract: int, price: int) -> None:
        self.bids[contract] = price


class Store(Application[UUID]):
    pass


def changed(prices: list[tuple[int, int]]) -> Bids:
    bids = Bids()
    for contract, price in prices:
        bids.change(contract, price)
    return bids


def saved(store: Store, prices: list[tuple[int, int]]) -> UUID:
    """Save each change for itself, and return the aggregate's number."""
    bids = Bids()
    for contract, price in prices:
        bids.change(contract, price)
        store.save(bids)
    return bids.id


def replayed(events: Sequence[Any]) -> object:
    bids = None
    for each in events:
        bids = each.mutate(bids)
    return bids
