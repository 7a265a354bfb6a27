"""What the gaps between contracts cost."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, strategies as st

from gpu_cases import is_free, offered, states
from numgenius_core.errors import NumgeniusError, RuleViolation, WrongType
from numgenius_core.gpus import FreeGpus, fragmentation
from numgenius_core.rates import PerGpuHour, PerHour


def machine(gpus: int, min_gpu: int, free: int, price: str = "1") -> FreeGpus:
    return FreeGpus(gpus=gpus, min_gpu=min_gpu, free=free, price=PerGpuHour(price))


class TestFragmentation:
    """The largest block to sell, the free GPUs no demand can use, the revenue out of reach."""

    def test_four_scattered_gpus_sell_as_singles_only(self) -> None:
        told = fragmentation([machine(8, 1, 0b0101_0101, "0.5")], {1: 1, 2: 1, 4: 2})
        assert told.gpus == 8
        assert told.free == 4
        assert told.largest == 1
        assert told.stranded == 0
        assert told.stranded_share == 0
        assert told.unusable == Fraction(0 + 4 + 2 * 4, 4)
        assert told.unusable_share == Fraction(3, 4)
        assert (told.worst_size, told.worst_unusable) == (2, 4)
        assert told.worst_share == 1
        # Together they would sell as 4, 2 × 2 or 1 × 4 for $2 each; for 2 and 4 all of it is lost.
        assert told.out_of_reach == PerHour("1.5")

    def test_free_gpus_in_no_block_are_stranded(self) -> None:
        told = fragmentation([machine(8, 4, 0b0111_1111)], {4: 1})
        assert told.largest == 4
        assert told.stranded == 3
        assert told.stranded_share == Fraction(3, 7)
        assert told.unusable == 3
        assert told.out_of_reach == PerHour(0)

    def test_remainders_smaller_than_min_gpu_are_not_stranded(self) -> None:
        assert fragmentation([machine(7, 2, 0b100_0011)], {2: 1}).stranded == 0
        assert fragmentation([machine(7, 2, 0b101_0011)], {2: 1}).stranded == 1

    def test_a_fleet_adds_up(self) -> None:
        fleet = [machine(8, 1, 0b1111), machine(4, 2, 0b1001, "2"), machine(2, 1, 0, "9")]
        told = fragmentation(fleet, {2: 1})
        assert (told.gpus, told.free, told.largest, told.stranded) == (14, 6, 4, 2)
        assert told.unusable == 2
        assert told.out_of_reach == PerHour(4)

    def test_a_size_that_is_not_offered_uses_nothing_and_earns_nothing(self) -> None:
        told = fragmentation([machine(4, 1, 0b1111)], {8: 1})
        assert told.unusable_share == 1
        assert told.out_of_reach == PerHour(0)

    def test_no_free_gpus_have_no_shares(self) -> None:
        for machines in ([], [machine(8, 1, 0)]):
            told = fragmentation(machines, {1: 1})
            assert (told.free, told.largest) == (0, 0)
            assert told.stranded_share == told.unusable_share == told.worst_share == 0

    def test_a_size_without_weight_does_not_count(self) -> None:
        assert fragmentation([machine(4, 1, 0b1001)], {1: 3, 4: 0}).unusable == 0

    def test_a_mean_revenue_is_rounded_half_even_once(self) -> None:
        one_step = FreeGpus(gpus=4, min_gpu=1, free=0b0101, price=PerGpuHour.from_steps(1))
        assert fragmentation([one_step], {1: 3, 2: 1}).out_of_reach == PerHour.from_steps(0)
        assert fragmentation([one_step], {1: 1, 2: 3}).out_of_reach == PerHour.from_steps(2)

    @given(
        st.lists(states(), max_size=4),
        st.dictionaries(st.sampled_from([1, 2, 3, 4, 8]), st.integers(1, 9), min_size=1),
    )
    def test_it_is_what_the_definitions_say(
        self, fleet: list[tuple[int, int, int]], demand: dict[int, int]
    ) -> None:
        told = fragmentation([machine(*state) for state in fleet], demand)
        unusable = dict.fromkeys(demand, 0)
        lost = dict.fromkeys(demand, 0)
        stranded = 0
        for gpus, min_gpu, free in fleet:
            rentable = [c for c in offered(gpus, min_gpu) if is_free(c, free)]
            count = free.bit_count()
            stranded += sum(
                not any(a <= p < a + n for a, n in rentable) for p in range(gpus) if free >> p & 1
            )
            for size in demand:
                now = sum(n == size for _, n in rentable)
                ever = sum(n == size for _, n in offered(gpus, min_gpu))
                unusable[size] += count - size * now
                lost[size] += size * (min(ever, count // size) - now)
        total = sum(demand.values())
        assert told.stranded == stranded
        assert told.unusable == Fraction(sum(demand[s] * unusable[s] for s in demand), total)
        assert told.worst_unusable == max(unusable.values())
        assert told.worst_size == min(s for s in demand if unusable[s] == told.worst_unusable)
        dollars = Fraction(sum(demand[s] * lost[s] for s in demand), total)
        assert abs(Fraction(told.out_of_reach.steps, 10**12) - dollars) <= Fraction(1, 2 * 10**12)

    @pytest.mark.parametrize(
        ("demand", "error"),
        [
            ({}, RuleViolation),
            ({1: 0}, RuleViolation),
            ({0: 1}, RuleViolation),
            ({1: -1}, RuleViolation),
            ({1: 0.5}, WrongType),
            ({"1": 1}, WrongType),
            ([1, 2], WrongType),
        ],
    )
    def test_what_is_no_demand_is_refused(self, demand: Any, error: type[NumgeniusError]) -> None:
        with pytest.raises(error, match="demand"):
            fragmentation([], demand)

    @pytest.mark.parametrize("junk", [3, "abc", [3], [None]])
    def test_what_are_no_machines_is_refused(self, junk: Any) -> None:
        with pytest.raises(WrongType, match="machines"):
            fragmentation(junk, {1: 1})

    @pytest.mark.parametrize(
        ("changed", "path"),
        [
            ({"gpus": 0}, "gpus"),
            ({"min_gpu": 3}, "min_gpu"),
            ({"free": 256}, "free"),
            ({"free": "1"}, "free"),
            ({"price": PerHour(1)}, "price"),
        ],
    )
    def test_a_machine_is_checked(self, changed: dict[str, Any], path: str) -> None:
        facts: dict[str, Any] = {"gpus": 8, "min_gpu": 1, "free": 3, "price": PerGpuHour(1)}
        with pytest.raises(RuleViolation) as caught:
            FreeGpus(**(facts | changed))
        assert caught.value.path == path
