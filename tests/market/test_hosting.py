"""Who pauses where a host defragments, against all arrangements of a small machine."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import suppress
from itertools import product

import pytest

from effort import up_to
from gpu_cases import offered
from market_world import ANN, BOB, HOST, World, world
from numgenius_core.errors import NumgeniusError
from numgenius_core.ids import ContractId, MachineId
from numgenius_core.market import commands as c, events as e, find_event, find_events
from numgenius_core.offer import Block

M1 = MachineId(1)
Slots = frozenset[int]


def slots(block: Block) -> Slots:
    return frozenset(range(block.start, block.end))


def arrangements(w: World, movable: list[ContractId], min_gpu: int) -> Iterator[list[Slots]]:
    """Yield where all that hold GPUs on demand can be, each on GPUs of its own."""
    state = w.market.machine(M1)
    cuts = offered(state.machine.gpus, min_gpu)
    places = []
    for each in state.instances.values():
        if each.holds:
            block, own = each.contract.block, slots(each.contract.block)
            power = block.size in (1, 2, 4, 8) and block.size >= min_gpu
            free = power and (each.id in movable or each.state.value == "loading")
            others = [(a, n) for a, n in cuts if n == block.size and a % n == 0 and free]
            places.append({own, *(frozenset(range(a, a + n)) for a, n in others)})
    for found in product(*places):
        if len(frozenset[int]().union(*found)) == sum(map(len, found)):
            yield list(found)


def largest(taken: list[Slots], gpus: int, min_gpu: int) -> int:
    held = frozenset[int]().union(*taken)
    free = [n for a, n in offered(gpus, min_gpu) if held.isdisjoint(range(a, a + n))]
    return max(free, default=0)


def fill(w: World, rng: random.Random, gpus: int, min_gpu: int) -> list[ContractId]:
    """Rent at random, on demand and by bids; return what the host may move."""
    made = []
    for _ in range(rng.randint(2, 6)):
        size = rng.choice([n for _, n in offered(gpus, min_gpu) if n < gpus] or [gpus])
        place = rng.randrange(sum(n == size for _, n in offered(gpus, min_gpu)))
        bid, by = rng.choice([None, None, "0.3", "0.6"]), rng.choice([ANN, BOB, HOST])
        with suppress(NumgeniusError):  # others have these GPUs
            load = rng.random() < 0.8
            made.append(w.rent(size, place, by, bid=None if by == HOST else bid, load=load))
    return [each for each in made if rng.random() < 0.6]


class TestWhoPauses:
    """A host's moves make the largest block that they can, and go where nobody has to pause."""

    @pytest.mark.parametrize("seed", range(up_to(600, 120)))
    def test_nobody_where_an_arrangement_spares_them(self, seed: int) -> None:
        rng = random.Random(seed)
        gpus, min_gpu = rng.choice([(4, 1), (5, 1), (6, 1), (6, 2), (8, 1), (8, 2)])
        w = world(gpus, min_gpu=min_gpu)
        movable = fill(w, rng, gpus, min_gpu)
        there = list(w.market.machine(M1).instances.values())
        runs = [each for each in there if each.state.value in ("loading", "running")]
        yielding = frozenset[int]().union(
            *(slots(each.contract.block) for each in runs if not each.holds)
        )
        before = [slots(each.contract.block) for each in runs if each.holds]
        ways = list(arrangements(w, movable, min_gpu))
        best = max(largest(taken, gpus, min_gpu) for taken in ways)
        gentle = any(
            largest(taken, gpus, min_gpu) == best
            and all(
                old == new or not new & yielding for old, new in zip(before, taken, strict=True)
            )
            for taken in ways
        )
        events = w.do(c.Defragment(by=HOST, machine=M1, movable=movable))
        after = [
            slots(each.contract.block)
            for each in w.market.machine(M1).instances.values()
            if each.id in [other.id for other in runs if other.holds]
        ]
        assert largest(after, gpus, min_gpu) == best
        moved = {each.contract for each in find_events(events, e.ContractMoved)}
        paused = find_events(events, e.InstancePaused)
        # One that waited for the GPUs that are left may run, and pause a lower bid.
        assert not gentle or not any(moved & {*each.by} for each in paused)

    def test_the_block_that_comes_free_may_have_bids_on_it(self) -> None:
        """On GPUs 0 to 3 two bids run: who rents the four pauses them, the move pauses nobody."""
        w = world(8)
        one, two = w.rent(1, 0), w.rent(2, 3)
        bids = w.rent(1, 1, BOB, bid="0.5"), w.rent(2, 1, BOB, bid="1")
        events = w.do(c.Defragment(by=HOST, machine=M1, movable=(one, two)))
        moved = find_event(events, e.ContractMoved)
        assert (moved.contract, moved.block.start in (4, 5), len(events)) == (one, True, 1)
        assert [w.state(each) for each in bids] == ["running", "running"]
        assert w.offer(4) in [each.id for each in w.market.machine(M1).offers if each.rentable]
