"""Hypothesis strategies for what is done about volumes in a market."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from hypothesis import strategies as st

from numgenius_core.ids import AccountId, MachineId, OfferId, VolumeId
from numgenius_core.market import commands as c, views
from numgenius_core.market.state import Market
from numgenius_core.rates import PerGbMonth

_sizes = st.sampled_from([1, 15_000, 200_000, 200_000, 400_000])
_prices = st.sampled_from(["0.10", "0.10", "0.15", "0.133333333333"]).map(PerGbMonth)
_ends: Final = st.sampled_from([None, None, timedelta(hours=1), timedelta(days=3)])
_seldom = st.integers(0, 11).map(lambda n: n == 7)


def with_volumes(draw: st.DrawFn) -> dict[str, Any]:
    """Draw what a listing says of volumes: nothing, half the rest, or so much."""
    size = draw(st.sampled_from([0, 0, None, 300_000, 2_000_000]))
    return {"volume_mb": size}


def beside_volumes(draw: st.DrawFn, market: Market, by: AccountId, machine: MachineId) -> Any:
    """Draw volumes that an instance attaches: some of its client's that are there."""
    known = market.accounts.get(by)
    there = [] if known is None else sorted(k for k, m in known.volumes.items() if m == machine)
    attaches: bool = draw(st.booleans())
    return tuple(there) if attaches else ()


def lists_volumes(draw: st.DrawFn, market: Market, at: datetime) -> c.Command:
    """Draw a volume offer of a machine, or that one is taken back."""
    states = [*market.machines.values()]
    if not states:
        return c.UnlistVolume(by=AccountId("h1"), offer=OfferId(1))
    state = draw(st.sampled_from(states))
    by, end = state.machine.host, draw(_ends)
    if draw(st.integers(0, 3)) == 3:
        return c.UnlistVolume(by=by, offer=state.volume_offer_id)
    size, price = draw(st.sampled_from([15_000, 300_000, 2_000_000])), draw(_prices)
    until = None if end is None else at + end
    return c.ListVolume(by=by, machine=state.id, size_mb=size, price=price, end=until)


def rents_volumes(draw: st.DrawFn, market: Market, at: datetime) -> c.Command:
    """Draw that a client rents a volume, seldom one that is too large."""
    by = AccountId(draw(st.sampled_from(["ann", "ann", "bob", "h1", "nobody"])))
    offers = views.volume_offers(market, at)
    if not offers:
        return c.RentVolume(by=by, offer=OfferId(1))
    offer = draw(st.sampled_from(offers))
    size = (
        offer.free_mb + 1
        if draw(st.integers(0, 3)) == 3
        else max(1, min(draw(_sizes), offer.free_mb))
    )
    return c.RentVolume(by=by, offer=offer.id, size_mb=size, name="data")


def keeps_volumes(draw: st.DrawFn, market: Market, at: datetime) -> c.Command:
    """Draw that a client copies a volume, or deletes it; seldom another client, or none at all."""
    known = [(market.volume(each).client, each) for each in sorted(market.volumes)]
    by, volume = draw(st.sampled_from([*known * 6, (AccountId("ann"), VolumeId(999))]))
    wrong: bool = draw(_seldom)
    by = AccountId("bob") if wrong else by
    offers = views.volume_offers(market, at)
    copies: bool = draw(st.booleans())
    if offers and copies:
        offer = draw(st.sampled_from(offers))
        return c.CloneVolume(by=by, volume=volume, offer=offer.id)
    return c.DeleteVolume(by=by, volume=volume)
