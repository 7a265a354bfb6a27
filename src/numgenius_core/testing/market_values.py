"""Hypothesis strategies for whole markets: commands that come one after the other, and their sum.

What a command names (an offer, an instance, a price increase) exists only in the market as it is
by then. So a play is drawn step by step: each command for the market that the steps before it made.
Most can be done; some are somebody else's, too dear, or of nothing that exists, and are refused.

Numbers in commands are those that this library gives: offers, contracts, arrivals and price
increases are counted together, in the order in which they come.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any, Final

from attrs import evolve
from hypothesis import strategies as st

from numgenius_core.errors import NumgeniusError
from numgenius_core.ids import AccountId, ContractId, MachineId, OfferId
from numgenius_core.intervals import Interval
from numgenius_core.listing import Machine, Mode, PriceTerms, Verification
from numgenius_core.maintenance.schedule import MaintenanceWindow
from numgenius_core.market import commands as c, decide, execute, views
from numgenius_core.market.instance import Instance
from numgenius_core.market.state import Market
from numgenius_core.money import Money
from numgenius_core.rates import PerGb, PerGbMonth, PerGpuHour
from numgenius_core.testing.strategies import EPOCH, bids
from numgenius_core.testing.volume_values import (
    beside_volumes,
    keeps_volumes,
    lists_volumes,
    rents_volumes,
    with_volumes,
)
from numgenius_core.units import Exact

Step = tuple[c.Command, datetime]
"""A command, and the instant at which it is given."""
_Draws = Callable[[st.DrawFn, Market, datetime], c.Command]

_SECOND, _HOUR, _DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
_HOSTS: Final = (AccountId("h1"), AccountId("h2"))
_CLIENTS: Final = tuple(AccountId(name) for name in ("ann", "bob", "cat"))
_NOBODY: Final = AccountId("nobody")
_clients = st.sampled_from([*_CLIENTS[:2] * 12, _CLIENTS[2], *_HOSTS, _NOBODY])
_amounts = st.sampled_from(["0.5", "0.000000000001", "3", "20", "576", "20000"]).map(Money)
_floors = st.sampled_from(["0", "0", "0.1", "0.3", "0.300000000001"]).map(PerGpuHour)
_claims: st.SearchStrategy[Exact] = st.sampled_from([0, Fraction(99, 100), Fraction(9, 10)])
_ends = st.sampled_from([None, None, None, _HOUR, _DAY, 10 * _DAY, 40 * _DAY])
_seldom = st.integers(0, 11).map(lambda n: n == 7)


@st.composite
def _prices(draw: st.DrawFn) -> PriceTerms:
    """Draw prices that often meet each other."""
    return PriceTerms(
        gpu=PerGpuHour(draw(st.sampled_from(["1", "1", "2.5", "0.633333333333"]))),
        storage=PerGbMonth(draw(st.sampled_from(["0", "0.15", "0.133333333333"]))),
        upload=PerGb(draw(st.sampled_from(["0", "0.003333333333"]))),
        download=PerGb("0.005"),
        min_bid=draw(_floors),
        platform_fee=draw(st.sampled_from([Fraction(0), Fraction(1, 4), Fraction(1, 3)])),
    )


# -- whom and what -----------------------------------------------------------------------------


def _there(market: Market) -> Iterator[Instance]:
    for place in market.machines.values():
        yield from place.instances.values()


def _place(draw: st.DrawFn, market: Market) -> tuple[AccountId, MachineId]:
    """Draw a host and its machine; seldom another account, or no machine."""
    known = [(each.machine.host, each.id) for each in market.machines.values()]
    by, machine = draw(st.sampled_from([*known * 6, (_HOSTS[0], MachineId(99))]))
    return (_CLIENTS[0] if draw(_seldom) else by), machine


def _instance(
    draw: st.DrawFn, market: Market, wanted: Callable[[Instance], bool] = lambda _: True
) -> tuple[AccountId, ContractId]:
    """Draw a client and its instance, such as is wanted if there is one; seldom a wrong one."""
    there = list(_there(market))
    good = [each for each in there if wanted(each)] or there
    known = [(each.contract.client, each.id) for each in good]
    by, contract = draw(st.sampled_from([*known * 6, (_CLIENTS[0], ContractId(999))]))
    return (_CLIENTS[1] if draw(_seldom) else by), contract


def _after(at: datetime, time: timedelta | None) -> datetime | None:
    return None if time is None else at + time


def _in(*states: str) -> Callable[[Instance], bool]:
    return lambda each: each.state.value in states


# -- what is done ------------------------------------------------------------------------------


def _tick(draw: st.DrawFn, market: Market, at: datetime) -> c.Command:  # noqa: ARG001 - as others
    return c.Tick()


def _credit(draw: st.DrawFn, market: Market, at: datetime) -> c.Command:  # noqa: ARG001 - as others
    return c.AddCredit(account=draw(_clients), amount=draw(_amounts))


def _hand_on(draw: st.DrawFn, market: Market, at: datetime) -> c.Command:
    """Draw credit that is handed on, or, on the day of a run, that a host is paid out."""
    if draw(st.booleans()) and market.settings.payouts.is_run(at):
        return c.PayOut(account=draw(st.sampled_from(_HOSTS)))
    amount = Money(draw(st.sampled_from(["1", "0.01", "20", "20000"])))
    by: AccountId = draw(st.sampled_from([*_CLIENTS, *_HOSTS]))
    return c.TransferCredit(by=by, to=draw(_clients), amount=amount)


def _rent(draw: st.DrawFn, market: Market, at: datetime) -> c.Command:
    offers = views.offers(market, at)
    by, end = draw(_clients), draw(_ends)
    if not offers:
        return c.Rent(by=by, offer=OfferId(1), mode=Mode.ON_DEMAND)
    rentable = [each for each in offers if each.rentable]
    offer = draw(st.sampled_from([*offers, *rentable * 2]))
    how: dict[str, Any] = {"mode": Mode.ON_DEMAND}
    if offer.promise is not None and draw(st.integers(0, 2)):
        how["target"] = Fraction(9, 10) if draw(st.booleans()) else offer.promise.claim
    elif draw(st.booleans()):
        bid = draw(bids(offer.gpus))
        low = market.machines[offer.machine].floor.for_gpus(offer.gpus)
        how = {"mode": Mode.INTERRUPTIBLE, "bid": bid if draw(_seldom) else max(bid, low)}
    disk = 0 if draw(st.booleans()) else draw(st.sampled_from([0, 1, 10_000, offer.disk_mb + 1]))
    beside = beside_volumes(draw, market, by, offer.machine)
    end_at = _after(at, end)
    return c.Rent(by=by, offer=offer.id, disk_mb=disk, end=end_at, volumes=beside, **how)


def _loaded(draw: st.DrawFn, market: Market, at: datetime) -> c.Command:  # noqa: ARG001 - as others
    return c.ReportLoaded(contract=_instance(draw, market, _in("loading"))[1])


def _bid(draw: st.DrawFn, market: Market, at: datetime) -> c.Command:  # noqa: ARG001 - as others
    by, contract = _instance(draw, market, lambda each: bool(each.bid) and not each.is_over)
    there = market.homes.get(contract)
    size = 1 if there is None else market.living(contract).contract.block.size
    return c.ChangeBid(by=by, contract=contract, bid=draw(st.none() | bids(size)))


def _prepay(draw: st.DrawFn, market: Market, at: datetime) -> c.Command:  # noqa: ARG001 - as others
    by, contract = _instance(draw, market, lambda each: each.bid is None and each.claims)
    return c.Prepay(by=by, contract=contract, amount=draw(_amounts))


_Life = type[c.Stop] | type[c.Start] | type[c.Destroy]
_LIFE: Final[tuple[tuple[_Life, Callable[[Instance], bool]], ...]] = (
    (c.Stop, _in("running", "paused")),
    (c.Start, _in("stopped")),
    (c.Destroy, lambda _: True),
)


def _life(draw: st.DrawFn, market: Market, at: datetime) -> c.Command:  # noqa: ARG001 - as others
    can = [pair for pair in _LIFE if any(map(pair[1], _there(market)))]
    kind, wanted = draw(st.sampled_from([*can * 4, *_LIFE]))
    by, contract = _instance(draw, market, wanted)
    return kind(by=by, contract=contract)


def _say(draw: st.DrawFn, market: Market, at: datetime) -> c.Command:  # noqa: ARG001 - as others
    by, contract = _instance(draw, market)
    sent, received = draw(st.sampled_from([(1, 10**9), (123_456_789_012, 7), (0, 0)]))
    choices: tuple[c.Command, ...] = (
        c.CountTraffic(contract=contract, sent=sent, received=received),
        c.SetAutoExtension(by=by, contract=contract, wanted=draw(st.booleans())),
        c.Label(by=by, contract=contract, label="mine"),
    )
    return draw(st.sampled_from([*choices[:1] * 4, *choices]))


def _list(draw: st.DrawFn, market: Market, at: datetime) -> c.Command:
    """Publish a machine: as it was with a later end, or dearer, or in another way."""
    by, machine = _place(draw, market)
    known, end = market.machines.get(machine), draw(_ends)
    terms, base = draw(_prices()), at
    if known is not None and known.listing is not None and draw(st.integers(0, 3)):
        terms, base = known.listing.prices, max(at, known.listing.end or at)
        if draw(st.booleans()):
            terms = evolve(terms, gpu=terms.gpu + PerGpuHour("0.5"))
    return c.ListMachine(
        by=by,
        machine=machine,
        prices=terms,
        min_gpu=draw(st.sampled_from([1, 1, 2])),
        max_discount=draw(st.sampled_from([Fraction(2, 5), Fraction(0)])),
        end=_after(base, end),
        rolling=2 * _DAY if end is None and draw(_seldom) else None,
        sla_claim=draw(_claims),
        **with_volumes(draw),
    )


def _relist(draw: st.DrawFn, market: Market, at: datetime) -> c.Command:
    """Send some terms of a listing and leave the others out, the present end sometimes again."""
    by, machine = _place(draw, market)
    known, end, terms = market.machines.get(machine), draw(_ends), draw(_prices())
    base = at
    if known is not None and known.listing is not None:
        base = max(at, known.listing.end or at)
    names = draw(st.sets(st.sampled_from(["gpu", "storage", "upload", "min_bid", "platform_fee"])))
    sent: dict[str, Any] = {name: getattr(terms, name) for name in sorted(names)}
    again = timedelta(0) if draw(st.booleans()) else end
    if draw(_seldom):
        sent |= {"sla_claim": draw(_claims), "sla_spread": Fraction(draw(st.integers(1, 3)))}
    volumes = with_volumes(draw)
    return c.Relist(by=by, machine=machine, end=_after(base, again), **sent, **volumes)


def _increase(draw: st.DrawFn, market: Market, at: datetime) -> c.Command:  # noqa: ARG001 - as others
    number = draw(st.sampled_from([*market.asked] or [1]))
    by = _CLIENTS[0]
    if number in market.asked:
        by = market.asking(number).increases[number].contract.client
    if draw(st.booleans()):
        return c.AcceptPriceIncrease(by=by, increase=number)
    return c.RejectPriceIncrease(by=by, increase=number)


def _host(draw: st.DrawFn, market: Market, at: datetime) -> c.Command:
    by, machine = _place(draw, market)
    begins = at + draw(st.sampled_from([_HOUR, _SECOND, _DAY]))
    window = MaintenanceWindow(period=Interval(begins, begins + 2 * _HOUR))
    movable = tuple(sorted(market.homes))
    choices: tuple[c.Command, ...] = (
        c.Unlist(by=by, machine=machine),
        c.SetMinBid(by=by, machine=machine, floor=draw(_floors)),
        c.ScheduleMaintenance(by=by, machine=machine, window=window),
        c.CancelMaintenance(by=by, machine=machine),
        c.AnnounceMaintenance(machine=machine, window=window),
        c.WithdrawMaintenance(machine=machine),
        c.SetDefaultJob(by=by, machine=machine, image="job"),
        c.RemoveDefaultJob(by=by, machine=machine),
        c.Defragment(by=by, machine=machine, movable=movable),
        c.CleanUp(by=by, machine=machine),
        c.RemoveMachine(by=by, machine=machine),
    )
    return draw(st.sampled_from(choices))


def _report(draw: st.DrawFn, market: Market, at: datetime) -> c.Command:  # noqa: ARG001 - as others
    _, machine = _place(draw, market)
    verification = draw(st.sampled_from(Verification))
    choices: tuple[c.Command, ...] = (
        c.ReportOffline(machine=machine),
        c.ReportOnline(machine=machine),
        c.SetVerification(machine=machine, verification=verification),
        c.AddMachine(machine=_machine(3, _HOSTS[0], 2)),
    )
    return draw(st.sampled_from(choices))


def _went(draw: st.DrawFn, market: Market, at: datetime) -> c.Command:  # noqa: ARG001 - as others
    """Draw a machine that goes offline, or that comes back."""
    _, machine = _place(draw, market)
    known = market.machines.get(machine)
    online = known is None or known.online
    return (c.ReportOffline if online else c.ReportOnline)(machine=machine)


_ANY: Final[tuple[_Draws, ...]] = (
    _rent,
    _loaded,
    _life,
    _bid,
    _prepay,
    _list,
    _increase,
    _say,
    _credit,
    _hand_on,
    _tick,
)


def _kinds(market: Market) -> list[_Draws]:
    """Return kinds of commands, those more often that something can come of now."""
    there = list(_there(market))
    kinds = [*_ANY, *(_rent if market.listings else _list,) * 16, _list, _relist, _host, _report]
    if there:
        kinds += (_life, _life, _life, _prepay, _say) * 2
    if any(each.promise is not None for each in there):
        kinds += (_went, _host) * 6
    if any(each.state.value == "loading" for each in there):
        kinds += (_loaded,) * 16
    if any(each.state.value == "paused" for each in there):
        kinds += (_life,) * 8
    if any(each.bid and not each.is_over for each in there):
        kinds += (_bid,) * 4
    if any(each.contract.end and not each.is_over for each in there):
        kinds += (_list,) * 6 + (_relist,) * 6
    if market.asked:
        kinds += (_increase,) * 8
    if market.volumes:
        kinds += (keeps_volumes, rents_volumes) * 4 + (_report,) * 8 + (lists_volumes,)
    else:
        kinds += (rents_volumes,) * 12 if market.volume_listings else (lists_volumes,) * 2
    return kinds


def commands(market: Market, at: datetime) -> st.SearchStrategy[c.Command]:
    """Return a strategy for commands to a market: most can be done, some are refused.

    Args:
        market: The market to which they are given.
        at: The instant at which they are given.

    >>> from hypothesis import given
    >>> from numgenius_core import NumgeniusError
    >>> from numgenius_core.market import Market, decide
    >>> from numgenius_core.market.events import InstanceLoaded
    >>> from numgenius_core.testing import EPOCH, commands
    >>> @given(command=commands(Market(), EPOCH))
    ... def nothing_runs_on_an_empty_market(command):
    ...     try:
    ...         events = decide(Market(), command, EPOCH)
    ...     except NumgeniusError:
    ...         return
    ...     assert not any(isinstance(event, InstanceLoaded) for event in events)
    >>> nothing_runs_on_an_empty_market()
    """
    return _commands(market, at)


@st.composite
def _commands(draw: st.DrawFn, market: Market, at: datetime) -> c.Command:
    return draw(st.sampled_from(_kinds(market)))(draw, market, at)


# -- whole markets -----------------------------------------------------------------------------


def _machine(number: int, host: AccountId, gpus: int) -> Machine:
    return Machine(
        id=MachineId(number),
        host=host,
        gpu_name="RTX 4090",
        gpus=gpus,
        disk_mb=1_000_000,
        verification=Verification.VERIFIED,
        disk_share=Fraction(9, 10),
    )


def _opening(draw: st.DrawFn) -> list[Step]:
    """Draw what a market begins with: credit, and one or two machines that are listed."""
    credit = draw(st.sampled_from(["3000", "50", "1"]))
    steps = [c.AddCredit(account=name, amount=Money(credit)) for name in _CLIENTS[:2]]
    found: list[c.Command] = [*steps]
    for number in range(1, draw(st.sampled_from([1, 1, 1, 2])) + 1):
        host, gpus = _HOSTS[number % 2], draw(st.sampled_from([2, 4, 1, 3, 8]))
        end, prices = _after(EPOCH, draw(_ends)), draw(_prices())
        size = draw(st.sampled_from([0, None, 2_000_000]))
        found.append(c.AddMachine(machine=_machine(number, host, gpus)))
        claim = draw(_claims)
        listed = c.ListMachine(
            by=host,
            machine=MachineId(number),
            prices=prices,
            end=end,
            volume_mb=size,
            sla_claim=claim,
        )
        found.append(listed)
    return [(command, EPOCH) for command in found]


@st.composite
def _later(draw: st.DrawFn, market: Market, at: datetime) -> datetime:
    """Draw when the next command is given: often when something is due, or a second beside it."""
    jump = draw(st.sampled_from([None, *(0,) * 6, 1, 59, 59, 3_600, 3_600, 86_400, 3 * 86_400]))
    if jump is not None:
        return at + timedelta(seconds=jump)
    due = market.queue.first
    if due is None or due[0] > at + 400 * _DAY:
        return at + _SECOND
    return max(at, due[0] + draw(st.sampled_from([0, 0, -1, 1])) * _SECOND)


def _done(market: Market, command: c.Command, at: datetime) -> Market:
    try:
        return execute(market, command, at)[0]
    except NumgeniusError:
        return market


def _played(draw: st.DrawFn, most: int) -> tuple[list[Step], Market]:
    steps = _opening(draw)
    market, at = Market(), EPOCH
    for command, _ in steps:
        market = _done(market, command, at)
    for _ in range(draw(st.integers(0, most))):
        at = draw(_later(market, at))
        command = draw(commands(views.until(market, at), at))
        steps.append((command, at))
        market = _done(market, command, at)
    return steps, market


@st.composite
def markets(draw: st.DrawFn, most: int = 16) -> Market:
    """Draw a market to which up to ``most`` commands were given after its machines were listed.

    >>> from hypothesis import given, settings
    >>> from numgenius_core.market import journal
    >>> from numgenius_core.testing import markets
    >>> @settings(max_examples=5, deadline=None)
    ... @given(market=markets(most=4))
    ... def a_snapshot_keeps_all(market):
    ...     assert journal.market_from_json(journal.market_to_json(market)) == market
    >>> a_snapshot_keeps_all()
    """
    return _played(draw, most)[1]


@st.composite
def plays(draw: st.DrawFn, most: int = 16) -> tuple[Step, ...]:
    """Draw commands in order of time, for an empty market.

    The last is a look at the clock, at an instant at which nothing else happens: what is on the
    accounts then is what the statements up to then say.

    >>> from hypothesis import given, settings
    >>> from numgenius_core.testing import plays
    >>> @settings(max_examples=5, deadline=None)
    ... @given(steps=plays(most=4))
    ... def time_never_runs_backwards(steps):
    ...     instants = [at for _, at in steps]
    ...     assert instants == sorted(instants)
    >>> time_never_runs_backwards()
    """
    steps, market = _played(draw, most)
    return (*steps, (c.Tick(), quiet_second(market, steps[-1][1])))


@st.composite
def previewed(draw: st.DrawFn) -> tuple[Market, c.Command, datetime]:
    """Draw a market, and a command that may be given to it at an instant; listings are frequent."""
    _, market = _played(draw, 10)
    at = draw(_later(market, market.now))
    then = views.until(market, at)
    lists = draw(st.sampled_from([_list, _relist, None]))
    command = draw(_commands(then, at)) if lists is None else lists(draw, then, at)
    return market, command, at


def quiet_second(market: Market, at: datetime) -> datetime:
    """Return the first second after an instant at which nothing comes due."""
    later = at + _SECOND
    while any(event.at == later for event in decide(market, c.Tick(), later)):
        later += _SECOND
    return later
