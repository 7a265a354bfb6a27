"""One changed bid by hand: the least plain Python that does what the engine must.

The duties: a state that is never changed, only replaced; who runs on a machine of 8 GPUs, and why
not; frozen, typed events; exact whole ticks at clients, hosts and the platform; who runs dry when.
A state is made of named tuples and dicts that are copied when they change, so the state before
stays as it was. The claims on a machine lie in the order of priority, and one pass over them tells
who runs; whom that pauses or resumes costs another amount a second from then on. Nothing is
checked, and there is one kind of command. ``bench_market.py`` makes sure that events, balances and
who runs are those of ours.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import NamedTuple

from attrs import frozen

from numgenius_core.contracts import InstanceState
from numgenius_core.ids import MachineId
from numgenius_core.market import Market
from numgenius_core.market._ledger import Ledger
from numgenius_core.rates import PerHour

ALL_GPUS = 255
A_SECOND = PerHour.from_steps(1).charge(1).ticks
FEE = 4  # the platform keeps a quarter


@frozen
class BidChanged:
    at: int
    contract: int
    price: int
    arrival: int


@frozen
class InstancePaused:
    at: int
    contract: int
    by: tuple[int, ...]


@frozen
class InstanceResumed:
    at: int
    contract: int


Event = BidChanged | InstancePaused | InstanceResumed


class Account(NamedTuple):
    ticks: int
    since: int  # the second from which they hold
    rate: int  # ticks that join each second


class Bid(NamedTuple):
    contract: int
    client: str
    gpus: int  # as bits
    size: int
    price: int  # price steps for the whole block
    arrival: int
    facts: tuple[object, ...]  # what happened to it: the earlier facts, and the last one


class Machine(NamedTuple):
    host: str
    bids: dict[int, Bid]
    order: list[tuple[int, int, int, int]]  # priority, arrival, contract, GPUs: the first runs
    running: list[int]


class State(NamedTuple):
    last: int
    homes: dict[int, int]  # of each contract, its machine
    machines: dict[int, Machine]
    accounts: dict[str, Account]  # of clients and hosts
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
    number = state.homes[contract]
    machine = state.machines[number]
    old = machine.bids[contract]
    if price == old.price:
        return state, []
    last, bids, order = state.last + 1, machine.bids.copy(), machine.order.copy()
    del order[bisect_left(order, rank_of(old))]
    insort(order, (level(price, old.size), last, contract, old.gpus))
    events: list[Event] = [BidChanged(at, contract, price, last)]
    bids[contract] = old._replace(price=price, arrival=last, facts=(old.facts, events[0]))

    before, running = machine.running, _first(order)
    speeds = {}  # what each costs more a second, in price steps
    if running != before:
        paused = [bids[each] for each in before if each not in running]
        for bid in sorted(paused, key=rank_of):
            above = [bids[other] for other in running if bids[other].gpus & bid.gpus]
            by = tuple(other.contract for other in above if rank_of(other) < rank_of(bid))
            events.append(InstancePaused(at, bid.contract, by))
            speeds[bid.contract] = -(old if bid.contract == contract else bid).price
        for each in running:
            if each not in before:
                events.append(InstanceResumed(at, each))
                speeds[each] = bids[each].price
    if contract in before and contract in running:
        speeds[contract] = price - old.price

    for event in events[1:]:
        bid = bids[event.contract]
        bids[event.contract] = bid._replace(facts=(bid.facts, event))
    machines = state.machines.copy()
    machines[number] = machine = Machine(machine.host, bids, order, running)
    state = State(last, state.homes, machines, *state[3:])
    return (_settled(state, machine, at, speeds) if speeds else state), events


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


def _settled(state: State, machine: Machine, at: int, speeds: dict[int, int]) -> State:
    """Return the state in which instances cost so much more each second."""
    accounts, dues, total = state.accounts.copy(), state.dues.copy(), 0
    for contract, speed in speeds.items():
        name = machine.bids[contract].client
        account = accounts[name]
        del dues[bisect_left(dues, (runs_out(account), name))]
        accounts[name] = account = _moved(account, at, -speed)
        insort(dues, (runs_out(account), name))
        total += speed
    fee = total // FEE
    accounts[machine.host] = _moved(accounts[machine.host], at, total - fee)
    platform = _moved(state.platform, at, fee)
    return state._replace(accounts=accounts, platform=platform, dues=dues)


def _moved(account: Account, at: int, speed: int) -> Account:
    ticks, since, rate = account
    return Account(ticks + rate * (at - since), at, rate + speed * A_SECOND)


def runs_out(account: Account) -> int:
    """Return the first second that begins with nothing left."""
    ticks, since, rate = account
    return since - ticks // rate if rate < 0 else 2**63


def by_hand(market: Market) -> State:
    """Return a market all whose instances are bids, as a state by hand."""
    accounts = {name: _account(each.ledger) for name, each in market.accounts.items()}
    clients = [name for name, each in market.accounts.items() if not each.machines]
    return State(
        last=market.last,
        homes=dict(market.homes.items()),
        machines={number: _machine(market, number) for number in market.machines},
        accounts=dict(accounts),
        platform=_account(market.platform),
        dues=sorted((runs_out(accounts[name]), name) for name in clients),
    )


def _machine(market: Market, number: MachineId) -> Machine:
    bids, order, state = {}, [], market.machine(number)
    for each in state.instances.values():
        assert each.bid is not None
        block, price = each.contract.block, each.bid.steps
        bids[int(each.id)] = Bid(
            each.id, each.contract.client, block.gpu_set, block.size, price, each.arrival, ()
        )
        order.append((level(price, block.size), each.arrival, int(each.id), block.gpu_set))
    order.sort()
    runs = {each.id for each in state.instances.values() if each.state is InstanceState.RUNNING}
    running = [contract for _, _, contract, _ in order if contract in runs]
    return Machine(state.machine.host, bids, order, running)


def _account(ledger: Ledger) -> Account:
    return Account(ledger.amount.ticks, int(ledger.since.timestamp()), ledger.rate.ticks)
