"""What a book is told: what an event can check by itself."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, strategies as st

from bid_cases import machines
from numgenius_core.bids import Claim, ClaimEntered, ClaimLeft, FloorSet, Rank, Repriced
from numgenius_core.errors import RuleViolation, WrongType
from numgenius_core.ids import ContractId
from numgenius_core.offer import Block
from numgenius_core.rates import PerHour
from numgenius_core.testing import bids

SOME = Block(start=0, size=1)


def no(number: int) -> ContractId:
    return ContractId(number)


class TestEvents:
    """DOMAIN 5: bids are from $0.001 to $32 per GPU; on-demand claims and default jobs bid not."""

    def test_a_rank_must_be_one(self) -> None:
        with pytest.raises(WrongType, match=r"claim\.rank"):
            ClaimEntered(id=no(1), block=SOME, rank="bid", bid=PerHour(1))  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        ("wrong", "need"),
        [
            (lambda: ClaimEntered(id=no(1), block=SOME), "claim.bid: need a bid, in $/hour"),
            (
                lambda: ClaimEntered(id=no(1), block=SOME, bid=PerHour(33)),
                "claim.bid: need 0.001 to 32",
            ),
            (
                lambda: ClaimEntered(id=no(1), block=SOME, rank=Rank.ON_DEMAND, bid=PerHour(1)),
                "claim.bid: need none for on-demand",
            ),
            (lambda: Repriced(id=no(1), bid=1), "claim.bid: need a PerHour"),  # type: ignore[arg-type]
            (lambda: ClaimLeft(id=no(-1)), "claim.id: need a whole number"),
            (lambda: FloorSet(floor=PerHour(1)), "floor: need a PerGpuHour"),  # type: ignore[arg-type]
        ],
    )
    def test_what_cannot_happen_is_no_event(self, wrong: Callable[[], object], need: str) -> None:
        with pytest.raises(RuleViolation) as fault:
            wrong()
        assert need in str(fault.value)

    @given(machines(), st.data())
    def test_each_block_and_kind_has_a_number_of_its_own(
        self, there: tuple[Block, ...], data: st.DataObject
    ) -> None:
        events = [
            ClaimEntered(id=no(1), block=block, rank=rank)
            for block in there
            for rank in (Rank.ON_DEMAND, Rank.DEFAULT_JOB)
        ]
        assert len({event._contest for event in events}) == len(events)
        block = data.draw(st.sampled_from(there))
        bid = ClaimEntered(id=no(1), block=block, bid=data.draw(bids(block.size)))
        assert bid._contest == ClaimEntered(id=no(1), block=block, rank=Rank.ON_DEMAND)._contest

    @given(st.data())
    def test_the_key_is_the_level_of_the_claim_turned_round(self, data: st.DataObject) -> None:
        price = data.draw(bids(1))
        claim = Claim.bidding(no(1), SOME, price, arrival=1)
        assert ClaimEntered(id=no(1), block=SOME, bid=price)._key == -claim.level
        assert Repriced(id=no(1), bid=price)._key == -claim.level
