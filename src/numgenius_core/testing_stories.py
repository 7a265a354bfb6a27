"""Stories of a market: commands in order of time, most of which a market takes.

Drawn against this library's market, so that offers and instances are those there are. A few of the
commands are refused, as they are in life: what is rented already, the instance of somebody else.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any, Final, TypeVar

from numgenius_core import commands as c
from numgenius_core.contract import Contract
from numgenius_core.errors import NumgeniusError
from numgenius_core.listing import (
    AccountId,
    Machine,
    MachineId,
    Mode,
    OfferId,
    PriceTerms,
    Verification,
)
from numgenius_core.market import Market, execute
from numgenius_core.money import Money, PerGb, PerGbMonth, PerGpuHour, PerHour, Rate
from numgenius_core.testing_strategies import EPOCH, st

__all__ = ["Story", "stories"]

Story = tuple[tuple[datetime, c.Command], ...]
"""Commands with their instants, which do not fall."""

_Rate = TypeVar("_Rate", bound=Rate)
_HOST, _CLIENTS = AccountId("host"), (AccountId("anna"), AccountId("ben"))
_MACHINE: Final = MachineId(1)
_STEPS: Final = st.sampled_from([0, 0, 1, 59, 3_600, 86_400, 700_000])
_PRICES: Final = st.integers(5, 20)  # tenths of a dollar
_FLOORS: Final = st.integers(0, 5)


@st.composite
def stories(draw: st.DrawFn, longest: int = 18) -> Story:
    """Draw the life of one machine, its host and two clients, of up to ``longest`` commands."""
    gpus = draw(st.sampled_from([1, 2, 4, 6]))
    machine = Machine(
        id=_MACHINE,
        host=_HOST,
        gpu_name="A100",
        gpus=gpus,
        disk_mb=1_000_000,
        verification=Verification.VERIFIED,
    )
    opening: list[c.Command] = [
        c.AddMachine(machine=machine),
        *(c.AddCredit(account=each, amount=Money(draw(st.integers(1, 500)))) for each in _CLIENTS),
        draw(_listings()),
    ]
    market, at = Market(), EPOCH
    story: list[tuple[datetime, c.Command]] = []
    for step in range(draw(st.integers(len(opening), longest))):
        command = opening[step] if step < len(opening) else draw(_next(market))
        at += timedelta(seconds=draw(_STEPS) if step >= len(opening) else 0)
        story.append((at, command))
        try:
            market, _ = execute(market, command, at)
        except NumgeniusError:
            continue
    return tuple(story)


@st.composite
def _listings(draw: st.DrawFn) -> c.ListMachine:
    return c.ListMachine(
        by=_HOST,
        machine=_MACHINE,
        prices=PriceTerms(
            gpu=_rate(PerGpuHour, draw(_PRICES)),
            storage=PerGbMonth("0.72"),
            upload=PerGb("0.02"),
            download=PerGb("0.01"),
            min_bid=_rate(PerGpuHour, draw(_FLOORS)),
            platform_fee=draw(st.sampled_from([Fraction(0), Fraction(1, 4)])),
        ),
        min_gpu=1,
        end=draw(st.sampled_from([None, EPOCH + timedelta(days=20), EPOCH + timedelta(days=90)])),
    )


def _next(market: Market) -> st.SearchStrategy[c.Command]:
    """Return what may happen next in a market."""
    place = market.machines[_MACHINE]
    offers = [place.offer_id(nth) for nth in range(len(place.blocks()))] or [OfferId(0)]
    clients = st.sampled_from(_CLIENTS)
    rent = st.builds(
        _rented, clients, st.sampled_from(offers), _PRICES, st.sampled_from([0, 5_000])
    )
    of_host = st.one_of(
        _listings(),
        st.builds(
            c.SetMinBid,
            by=st.just(_HOST),
            machine=st.just(_MACHINE),
            floor=_FLOORS.map(lambda tenths: _rate(PerGpuHour, tenths)),
        ),
        st.sampled_from(
            [
                c.Unlist(by=_HOST, machine=_MACHINE),
                c.ReportOffline(machine=_MACHINE),
                c.ReportOnline(machine=_MACHINE),
            ]
        ),
    )
    credit = st.builds(c.AddCredit, account=clients, amount=st.integers(1, 50).map(Money))
    if place.listing is None or not place.online:
        return st.one_of(_listings(), st.just(c.ReportOnline(machine=_MACHINE)))
    living = [each.contract for each in place.instances.values()]
    if not living:
        return st.one_of(rent, rent, rent, of_host)
    return st.one_of(rent, rent, st.sampled_from(living).flatmap(_of_instance), of_host, credit)


def _rate(kind: type[_Rate], tenths: int) -> _Rate:
    return kind.from_steps(tenths * 10**11)


def _rented(client: AccountId, offer: OfferId, tenths: int, disk_mb: int) -> c.Command:
    if tenths % 2:
        return c.Rent(by=client, offer=offer, mode=Mode.ON_DEMAND, disk_mb=disk_mb)
    bid = _rate(PerHour, tenths)
    return c.Rent(by=client, offer=offer, mode=Mode.INTERRUPTIBLE, bid=bid, disk_mb=disk_mb)


def _of_instance(contract: Contract) -> st.SearchStrategy[c.Command]:
    """Return what may happen to an instance; now and then somebody else asks for it."""
    number, owner = st.just(contract.id), contract.client
    mine: dict[str, Any] = {"by": st.sampled_from([owner] * 5 + [*_CLIENTS]), "contract": number}
    loaded = st.just(c.ReportLoaded(contract=contract.id))
    return st.one_of(
        loaded,
        loaded,
        st.builds(c.CountTraffic, contract=number, sent=st.just(10**9), received=st.just(7)),
        st.builds(c.Stop, **mine),
        st.builds(c.Start, **mine),
        st.builds(c.Destroy, **mine),
        st.builds(c.Prepay, **mine, amount=st.integers(1, 60).map(Money)),
        st.builds(c.ChangeBid, **mine, bid=_PRICES.map(lambda tenths: _rate(PerHour, tenths))),
    )
