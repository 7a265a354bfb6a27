"""What is odd but legal in a market."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from hypothesis import given, strategies as st

from effort import examples
from numgenius_core.errors import RuleViolation, WrongType
from numgenius_core.gpus import offer_sizes, rentable_blocks
from numgenius_core.ids import MachineId, OfferId
from numgenius_core.listing import PriceTerms
from numgenius_core.offer import Block, Offer
from numgenius_core.rates import PerGpuHour
from numgenius_core.testing import machine_shapes
from numgenius_core.wire import (
    Ended,
    FloorAboveOnDemand,
    FreeOfCharge,
    RepeatedOffer,
    RepeatedSlice,
    UnexplainedSizes,
    find,
)

NOW = datetime(2026, 12, 1, tzinfo=UTC)


def an_offer(number: int, gpus: int = 1, **more: Any) -> Offer:
    facts: dict[str, Any] = {
        "id": OfferId(number),
        "machine": MachineId(1),
        "gpu_name": "RTX 4090",
        "gpus": gpus,
        "prices": PriceTerms(gpu=PerGpuHour(1), min_bid=PerGpuHour("0.5")),
    }
    return Offer(**(facts | more))


class TestOneOffer:
    """DOMAIN 2: "A floor above the on-demand price is legal: warn, don't refuse"."""

    def test_floor_above_price(self) -> None:
        terms = PriceTerms(gpu=PerGpuHour("0.4"), min_bid=PerGpuHour("0.5"))
        (finding,) = find([an_offer(7, prices=terms)])
        assert finding == FloorAboveOnDemand(
            offer=OfferId(7),
            machine=MachineId(1),
            floor=PerGpuHour("0.5"),
            price=PerGpuHour("0.4"),
        )
        assert str(finding) == "offer 7: lowest bid $0.50 above the on-demand $0.40"

    def test_floor_at_the_price_is_nothing(self) -> None:
        assert not find([an_offer(7, prices=PriceTerms(gpu=PerGpuHour(1), min_bid=PerGpuHour(1)))])

    def test_free_is_said_once(self) -> None:
        terms = PriceTerms(gpu=PerGpuHour(0), min_bid=PerGpuHour("0.5"))
        (finding,) = find([an_offer(7, prices=terms)])
        assert finding == FreeOfCharge(offer=OfferId(7), machine=MachineId(1))
        assert str(finding) == "offer 7: its GPUs cost nothing"

    @pytest.mark.parametrize(("seconds", "odd"), [(-1, True), (0, True), (1, False)])
    def test_an_end_gone_by(self, seconds: int, odd: bool) -> None:
        end = NOW + timedelta(seconds=seconds)
        found = find([an_offer(7, ends_at=end)], now=NOW)
        assert found == ((Ended(offer=OfferId(7), machine=MachineId(1), ends_at=end),) * odd)
        assert not find([an_offer(7, ends_at=end)])

    def test_ends_are_said_in_utc(self) -> None:
        (finding,) = find([an_offer(7, ends_at=NOW), an_offer(8, gpus=2)], now=NOW)
        assert str(finding) == "offer 7: ended at 2026-12-01 00:00:00 UTC"

    def test_now_has_a_time_zone(self) -> None:
        with pytest.raises(RuleViolation, match="now"):
            find([], now=datetime(2026, 1, 1))  # noqa: DTZ001 - that is the point

    def test_only_offers(self) -> None:
        with pytest.raises(WrongType, match=r"offers\[1\]"):
            find([an_offer(1), cast("Any", 5)])


class TestTwice:
    """Issue 2: "the same machine twice"."""

    def test_one_number_twice(self) -> None:
        (finding,) = find([an_offer(7), an_offer(8), an_offer(7)])
        assert finding == RepeatedOffer(offer=OfferId(7), machine=MachineId(1), indexes=(0, 2))
        assert str(finding) == "offer 7: stands at 0, 2"

    def test_one_number_twice_is_not_the_same_slice_as_well(self) -> None:
        (finding,) = find([an_offer(7, block=Block(start=0, size=1))] * 2)
        assert isinstance(finding, RepeatedOffer)

    @pytest.mark.parametrize(
        "which",
        [
            lambda start: {"block": Block(start=start, size=1)},
            lambda start: {"extra": {"gpu_ids": [500 + start]}},
        ],
    )
    def test_the_same_gpus_under_two_numbers(self, which: Any) -> None:
        offers = [an_offer(7, **which(0)), an_offer(8, **which(1)), an_offer(9, **which(0))]
        (finding,) = find(offers)
        numbers = (OfferId(7), OfferId(9))
        assert finding == RepeatedSlice(offers=numbers, machine=MachineId(1), gpus=1)
        assert str(finding) == "machine 1: offers 7, 9 are the same 1 GPUs"

    @pytest.mark.parametrize("ids", [None, "5", [1, 2], [True], [[1]], ["5"]])
    def test_gpus_that_are_not_known_are_not_the_same(self, ids: object) -> None:
        assert not find([an_offer(n, extra={"gpu_ids": ids}) for n in (1, 2)])

    def test_the_same_gpus_of_two_machines_are_nothing(self) -> None:
        block = Block(start=0, size=1)
        offers = [an_offer(n, machine=MachineId(n), block=block) for n in (1, 2)]
        assert not find(offers)


class TestSizes:
    """DOMAIN 3: the offers of a machine are the blocks that its ``min_gpu`` cuts."""

    def test_sizes_that_no_min_gpu_explains(self) -> None:
        offers = [an_offer(n, size, gpus_in_machine=8) for n, size in enumerate((3, 7, 8))]
        (finding,) = find(offers)
        assert finding == UnexplainedSizes(
            offers=(OfferId(0), OfferId(1), OfferId(2)),
            machine=MachineId(1),
            sizes=(3, 7, 8),
            gpus_in_machine=8,
        )
        text = "machine 1: no min_gpu explains offers of 3, 7, 8 of 8 GPUs"
        assert str(finding) == text

    def test_machines_that_contradict_themselves_are_looked_at_without_their_total(self) -> None:
        offers = [an_offer(1, 13, gpus_in_machine=13), an_offer(2, 15, gpus_in_machine=16)]
        offers.append(an_offer(3, 14))
        (finding,) = find(offers)
        assert isinstance(finding, UnexplainedSizes)
        assert str(finding) == "machine 1: no min_gpu explains offers of 13, 14, 15"

    @given(shape=machine_shapes(most=12), occupied=st.integers(0), known=st.booleans())
    @examples(60)
    def test_what_a_machine_offers_is_never_odd(
        self, shape: tuple[int, int], occupied: int, known: bool
    ) -> None:
        gpus, min_gpu = shape
        free = rentable_blocks(gpus, min_gpu, occupied % (1 << gpus))
        total = gpus if known else None
        offers = [an_offer(n, b.size, block=b, gpus_in_machine=total) for n, b in enumerate(free)]
        assert not find(offers)

    def test_observed_sizes_are_not_odd(self) -> None:
        sizes = offer_sizes(10, 6, observed=True)
        assert not find([an_offer(n, size) for n, size in enumerate(sizes)])

    def test_machines_beyond_any_market_are_left_alone(self) -> None:
        assert not find([an_offer(n, size, gpus_in_machine=33) for n, size in enumerate((3, 5))])
        assert not find([an_offer(n, size) for n, size in enumerate((3, 33))])
