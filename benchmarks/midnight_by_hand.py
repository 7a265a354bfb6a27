"""A midnight by hand: the least plain Python that settles the promises of a market.

The duties: a state that is never changed, only replaced; a frozen event for each contract that says
what was judged and what was paid; the day's uptime, the blend with a week and a month, the credit
on its lines, what the host gets over seven days; exact whole ticks at clients, hosts and the
platform. Amounts are plain whole numbers, a promise is a named tuple, nothing is checked, nothing
else can happen at midnight and nobody is due later. ``bench_sla.py`` makes sure that credits,
releases and balances are those of ours.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from attrs import frozen

from numgenius_core.market import Market
from numgenius_core.sla import OUR_RULES, PARTS

A_DAY = 86_400
DAYS = 7
# Shortfall and credit in hundredths of the way and of the day: where each line ends.
LINES = ((0, 20, 0, 45), (20, 40, 45, 55), (40, 100, 55, 100))


@frozen
class Settled:
    contract: int
    uptime: int
    blend: int
    compute: int
    fee: int
    credit: int
    paid: int
    released: int


class Promise(NamedTuple):
    contract: int
    client: str
    host: str
    target: int
    beta: int
    compute: int  # ticks a second, of GPUs and storage
    net: int  # without the platform's share
    fee: int
    down: int  # seconds of this day
    memories: tuple[int, int]
    pending: tuple[int, ...]
    settled: tuple[object, ...]  # the days before, and the last one


class State(NamedTuple):
    promises: dict[int, Promise]
    accounts: dict[str, int]  # what settlements brought
    platform: int


def half_even(above: int, below: int) -> int:
    whole, rest = divmod(above, below)
    twice = 2 * rest
    return whole + (twice > below or (twice == below and whole & 1))


def credit_share(target: int, blend: int) -> int:
    short, way = target - blend, min(target, PARTS - target)
    for start, end, low, high in LINES:
        if short * 100 < way * end:
            run = end - start
            above = (low * run - (high - low) * start) * way + (high - low) * 100 * short
            return half_even(above * PARTS, 100 * run * way)
    return PARTS


def midnight(state: State) -> tuple[State, list[Settled]]:
    """Settle the day of each promise."""
    promises, accounts, platform = state.promises.copy(), state.accounts.copy(), state.platform
    events = []
    for each in state.promises.values():
        week, month = each.memories
        uptime = half_even((A_DAY - each.down) * PARTS, A_DAY)
        both = each.beta * uptime * 2 + (PARTS - each.beta) * (week + month)
        blend = half_even(both, PARTS * 2)
        compute, net, fee = each.compute * A_DAY, each.net * A_DAY, each.fee * A_DAY
        credit = 0
        if blend < each.target:
            credit = half_even(compute * credit_share(each.target, blend), PARTS)
        paid = min(credit, net)
        part, odd = divmod(net + fee - paid, DAYS)
        released, *before = each.pending
        later = [amount + part for amount in before]
        later.append(part)
        later[0] += odd
        event = Settled(each.contract, uptime, blend, compute, fee, credit, paid, released)
        promises[each.contract] = each._replace(
            down=0,
            memories=(
                week + half_even(uptime - week, 7),
                month + half_even(uptime - month, 30),
            ),
            pending=tuple(later),
            settled=(each.settled, event),
        )
        accounts[each.client] += credit
        accounts[each.host] += released
        platform -= credit - paid
        events.append(event)
    return State(promises, accounts, platform), events


def by_hand(market: Market, at: datetime) -> State:
    """Return what a midnight by hand needs of a market that settled a day before."""
    promises, accounts = {}, {}
    for machine in market.machines.values():
        for instance in machine.instances.values():
            contract, promise, flow = instance.contract, instance.promise, instance.flow
            assert contract.sla is not None
            assert promise is not None
            assert promise.day < at
            beta = OUR_RULES.blend.weight(contract.sla.target)
            week, month = promise.escrow.memories
            promises[contract.id] = Promise(
                contract=contract.id,
                client=contract.client,
                host=contract.host,
                target=contract.sla.target_parts,
                beta=half_even(beta.numerator * PARTS, beta.denominator),
                compute=flow.balance.ticks - flow.sla.ticks,
                net=flow.escrow.ticks - flow.sla.ticks,
                fee=flow.sla.ticks,
                down=promise.down,
                memories=(week, month),
                pending=tuple(amount.ticks for amount in promise.escrow.pending),
                settled=(),
            )
            accounts[contract.client] = accounts[contract.host] = 0
    return State(promises, accounts, 0)
