"""Who runs, where keys of different sizes are weighed."""

from __future__ import annotations

import pytest

from bid_cases import block, ids
from numgenius_core.bids import BidBook, ClaimPaused, WaitReason
from numgenius_core.ids import ContractId
from numgenius_core.rates import PerHour


def no(number: int) -> ContractId:
    return ContractId(number)


class TestSizesThatDoNotDivide:
    """Bids are compared per GPU, exactly, whatever sizes come later."""

    def test_a_new_size_keeps_who_runs(self) -> None:
        book = BidBook(gpus=7)
        book.bid(no(1), block(0, 2), PerHour("0.666666666667"))
        book.bid(no(2), block(4, 3), PerHour("1"))
        assert ids(book.running) == [1, 2]
        assert book.bid(no(3), block(0, 7), PerHour("2.333333333333")) == (
            ClaimPaused(no(3), WaitReason.OUTBID, (no(1), no(2))),
        )
        # Still between the two: 1 keeps it out, 2 runs beside 1.
        assert book.change(no(3), PerHour("2.333333333334")) == ()
        assert ids(book.running) == [1, 2]
        assert ids(book.explain(no(3)).held_by) == [1]
        book.change(no(3), PerHour("2.333333333335"))
        assert ids(book.running) == [3]

    @pytest.mark.parametrize("anew", [False, True])
    def test_a_step_still_decides_on_the_largest_machine(self, anew: bool) -> None:
        book = BidBook(gpus=4_096)
        whole = PerHour.from_steps(4_096 * 31 * 10**12 + 15)  # a float of three times it is more
        book.bid(no(1), block(0, 4_096), whole)
        if anew:
            book.bid(no(2), block(0, 3), PerHour("0.1"))  # weighs all sizes anew
        book.bid(no(3), block(0, 2_048), PerHour.from_steps(whole.steps // 2 + 1))
        assert ids(book.running) == [3]

    def test_a_step_still_tells_who_is_in_the_way(self) -> None:
        # 3 bids three steps more than twice what 2 bids for half of the GPUs.
        book = BidBook(gpus=4_096)
        half = PerHour.from_steps(2_048 * 31 * 10**12 + 5)
        book.bid(no(1), block(0, 2_048), PerHour(2_048 * 32))
        book.bid(no(2), block(2_048, 2_048), half)
        third = PerHour.from_steps(2 * half.steps + 3)
        assert book.bid(no(3), block(0, 4_096), third) == (
            ClaimPaused(no(3), WaitReason.OUTBID, (no(1),)),
        )
