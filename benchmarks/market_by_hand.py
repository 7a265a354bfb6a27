"""One changed bid by hand: the least plain Python that makes the same decision.

A machine of 8 GPUs and its bids, as dicts and tuples that are copied when they change, so the state
before stays as it was. The claims lie in the order of priority, and one pass over them tells who
runs; whom that pauses or resumes costs another amount a second from then on, as whole ticks, at its
client, the host and the platform. Nothing is checked, nothing has a class with rules, and an event
is a tuple. ``bench_market.py`` makes sure that events, balances and who runs are those of ours.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import Any, NamedTuple

from numgenius_core.contracts import InstanceState
from numgenius_core.ids import MachineId
from numgenius_core.market import Market
from numgenius_core.rates import PerHour

ALL_GPUS = 255
A_SECOND = PerHour.from_steps(1).charge(1).ticks
FEE = 4  # the platform keeps a quarter
Account = tuple[int, int, int]  # ticks, since which second, ticks that join each second
Event = tuple[Any, ...]


class Bid(NamedTuple):
    contract: int
    client: str
    gpus: int  # as bits
    size: int
    price: int  # price steps for the whole block
    arrival: int
    facts: Any  # what happened to it: the earlier facts, and the last one


class State(NamedTuple):
    last: int
    bids: dict[int, Bid]
    order: list[tuple[int, int, int, int]]  # priority, arrival, contract, GPUs: the first runs
    running: list[int]
    clients: dict[str, Account]
    host: Account
    platform: Account
    dues: list[tuple[int, str]]  # when balances run out, the earliest first


def level(price: int, size: int) -> int:
    """Return the priority of a bid, the smallest first: its price for 8 GPUs."""
    return -price * 8 // size


def rank_of(bid: Bid) -> tuple[int, int]:
    return level(bid.price, bid.size), bid.arrival


def change_bid(state: State, at: int, contract: int, price: int) -> tuple[State, list[Event]]:
    """Return the state after a changed bid, and what happened."""
    if state.dues[0][0] <= at:
        raise NotImplementedError("balances that run out")
    old = state.bids[contract]
    if price == old.price:
        return state, []
    last, bids, order = state.last + 1, state.bids.copy(), state.order.copy()
    del order[bisect_left(order, rank_of(old))]
    insort(order, (level(price, old.size), last, contract, old.gpus))
    events: list[Event] = [("BidChanged", at, contract, price, last)]
    bids[contract] = old._replace(price=price, arrival=last, facts=(old.facts, events[0]))

    before, running = state.running, _first(order)
    speeds = {}  # what each costs more a second, in price steps
    if running != before:
        paused = [bids[each] for each in before if each not in running]
        for bid in sorted(paused, key=rank_of):
            above = [bids[other] for other in running if bids[other].gpus & bid.gpus]
            by = tuple(other.contract for other in above if rank_of(other) < rank_of(bid))
            events.append(("InstancePaused", at, bid.contract, by))
            speeds[bid.contract] = -(old if bid.contract == contract else bid).price
        for each in running:
            if each not in before:
                events.append(("InstanceResumed", at, each))
                speeds[each] = bids[each].price
    if contract in before and contract in running:
        speeds[contract] = price - old.price

    for event in events[1:]:
        bid = bids[event[2]]
        bids[event[2]] = bid._replace(facts=(bid.facts, event))
    state = State(last, bids, order, running, *state[4:])
    return (_settled(state, at, speeds) if speeds else state), events


def _first(order: list[tuple[int, int, int, int]]) -> list[int]:
    """Return the bids that run, the highest priority first."""
    running, taken = [], 0
    for _, _, contract, gpus in order:
        if not taken & gpus:
            running.append(contract)
            taken |= gpus
            if taken == ALL_GPUS:
                break
    return running


def _settled(state: State, at: int, speeds: dict[int, int]) -> State:
    """Return the state in which instances cost so much more each second."""
    clients, dues, total = state.clients.copy(), state.dues.copy(), 0
    for contract, speed in speeds.items():
        name = state.bids[contract].client
        account = clients[name]
        del dues[bisect_left(dues, (runs_out(account), name))]
        clients[name] = account = _moved(account, at, -speed)
        insort(dues, (runs_out(account), name))
        total += speed
    fee = total // FEE
    host, platform = _moved(state.host, at, total - fee), _moved(state.platform, at, fee)
    return state._replace(clients=clients, host=host, platform=platform, dues=dues)


def _moved(account: Account, at: int, speed: int) -> Account:
    ticks, since, rate = account
    return ticks + rate * (at - since), at, rate + speed * A_SECOND


def runs_out(account: Account) -> int:
    """Return the first second that begins with nothing left."""
    ticks, since, rate = account
    return since - ticks // rate if rate < 0 else 2**63


def by_hand(market: Market, machine: MachineId) -> State:
    """Return a market of one machine, all whose instances are bids, as a state by hand."""
    instances = market.machine(machine).instances.values()
    bids, order = {}, []
    for each in instances:
        assert each.bid is not None
        block, price = each.contract.block, each.bid.steps
        bids[each.id] = Bid(
            each.id, each.contract.client, block.gpu_set, block.size, price, each.arrival, ()
        )
        order.append((level(price, block.size), each.arrival, each.id, block.gpu_set))
    order.sort()
    runs = {each.id for each in instances if each.state is InstanceState.RUNNING}
    clients = {bid.client: _account(market.account(bid.client).ledger) for bid in bids.values()}
    return State(
        last=market.last,
        bids=bids,
        order=order,
        running=[contract for _, _, contract, _ in order if contract in runs],
        clients=clients,
        host=_account(market.account(market.machine(machine).machine.host).ledger),
        platform=_account(market.platform),
        dues=sorted((runs_out(account), name) for name, account in clients.items()),
    )


def _account(ledger: Any) -> Account:
    return ledger.amount.ticks, int(ledger.since.timestamp()), ledger.rate.ticks
