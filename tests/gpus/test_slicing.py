"""Slicing: the published cut, which blocks are free, and the cut read backwards."""

from __future__ import annotations

import csv
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from numgenius_core.errors import NumgeniusError, RuleViolation, WrongType
from numgenius_core.gpus import blocks, gpu_set, infer_min_gpu, offer_sizes, rentable_blocks
from numgenius_core.offer import Block
from numgenius_core.testing import machine_shapes

DATA = os.environ.get("NUMGENIUS_MARKET_DATA")
TABLE = {
    (8, 2): "2 2 2 2 4 4 8",
    (8, 1): "1 1 1 1 1 1 1 1 2 2 2 2 4 4 8",
    (3, 1): "1 1 1 2 3",
    (3, 2): "1 2 3",
    (5, 2): "1 2 2 4 5",
    (7, 2): "1 2 2 2 3 4 7",
    (7, 4): "3 4 7",
    (9, 8): "1 8 9",
    (12, 4): "4 4 4 8 12",
    (14, 2): "2 2 2 2 2 2 2 4 4 4 6 8 14",
    (1, 1): "1",
}
OBSERVED = {(7, 3): "1 3 3 3 4 7", (10, 6): "2 4 6 8 10", (12, 6): "4 6 6 8 12"}


def numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split()))


def plain_blocks(gpus: int, min_gpu: int) -> set[frozenset[int]]:
    """Return the GPU sets of all offers, cut by hand as the rule says."""
    sizes = {min_gpu, gpus}
    power = 1
    while power < gpus:
        if power > min_gpu:
            sizes.add(power)
        power *= 2
    found = set()
    for size in sizes:
        row = list(range(gpus))
        while row:
            found.add(frozenset(row[:size]))
            row = row[size:]
    return found


class TestOfferSizes:
    """Hosting guide, G5: "8 GPUs with min_gpu 2 → clients can rent 2, 4 or 8"."""

    @pytest.mark.parametrize(("shape", "sizes"), TABLE.items())
    def test_published_and_measured_rows(self, shape: tuple[int, int], sizes: str) -> None:
        assert offer_sizes(*shape) == numbers(sizes)

    @pytest.mark.parametrize(("shape", "sizes"), OBSERVED.items())
    def test_observed_rows_need_the_readers_entry(self, shape: tuple[int, int], sizes: str) -> None:
        assert offer_sizes(*shape, observed=True) == numbers(sizes)
        with pytest.raises(RuleViolation, match=r"a power of two \(observed=True takes one"):
            offer_sizes(*shape)

    def test_an_observed_min_gpu_above_the_machine_offers_it_whole(self) -> None:
        assert blocks(7, 8, observed=True) == (Block(start=0, size=7),)
        assert rentable_blocks(7, 8, occupied=1, observed=True) == ()

    @pytest.mark.skipif(DATA is None, reason="needs the real records")
    def test_every_batch_seen_on_the_market(self) -> None:
        with (Path(DATA or "") / "listing_batches.csv").open() as file:
            for row in csv.DictReader(file):
                shape = int(row["gpus"]), int(row["min_gpu"])
                assert offer_sizes(*shape) == numbers(row["offer_sizes"])

    @given(st.integers(1, 64).flatmap(lambda t: st.tuples(st.just(t), st.integers(1, t))))
    def test_blocks_are_the_cut_made_by_hand(self, shape: tuple[int, int]) -> None:
        found = blocks(*shape, observed=True)
        assert {frozenset(b.slots) for b in found} == plain_blocks(*shape)
        assert len(found) == len(set(found))
        assert list(found) == sorted(found)

    @given(machine_shapes())
    def test_powers_only_leaves_out_remainders(self, shape: tuple[int, int]) -> None:
        expected = [b for b in blocks(*shape) if b.size >= shape[1] and b.size & (b.size - 1) == 0]
        assert list(blocks(*shape, powers_only=True)) == expected

    def test_a_thousand_gpus_work(self) -> None:
        assert len(blocks(1024, 1)) == 2047

    @pytest.mark.parametrize(
        "shape",
        [(8, 3), (8, 0), (8, 16), (0, 1), (8, True), (8.0, 1), ("8", 1), ([8], 1), (8, [1])],
    )
    def test_bad_machines_are_refused(self, shape: Any) -> None:
        with pytest.raises(RuleViolation):
            offer_sizes(*shape)
        with pytest.raises(RuleViolation):
            rentable_blocks(*shape)
        with pytest.raises(RuleViolation):
            blocks(*shape)


class TestRentable:
    """A block is rentable on demand iff none of its GPUs is held."""

    @given(
        st.integers(1, 40).flatmap(lambda t: st.tuples(st.just(t), st.integers(1, t))), st.data()
    )
    def test_it_is_every_block_without_a_held_gpu(
        self, shape: tuple[int, int], data: st.DataObject
    ) -> None:
        held = data.draw(st.sets(st.integers(0, shape[0] - 1)))
        expected = [b for b in blocks(*shape, observed=True) if not held & set(b.slots)]
        assert list(rentable_blocks(*shape, occupied=held, observed=True)) == expected
        mask = sum(1 << slot for slot in held)
        assert list(rentable_blocks(*shape, occupied=mask, observed=True)) == expected

    def test_slots_and_masks_that_do_not_fit_are_refused(self) -> None:
        assert gpu_set([0, 2], 4) == 5
        for bad in ([4], [-1], [True], "01", None, 16, -1):
            with pytest.raises(RuleViolation):
                rentable_blocks(4, 1, occupied=bad)  # type: ignore[arg-type]  # that is the point


class TestInferMinGpu:
    """The inverse: which machines and min_gpu explain the offers seen."""

    @pytest.mark.parametrize(("shape", "sizes"), [*TABLE.items(), *OBSERVED.items()])
    def test_each_row_is_explained(self, shape: tuple[int, int], sizes: str) -> None:
        complete = [(e.gpus, e.min_gpu) for e in infer_min_gpu(numbers(sizes)) if e.complete]
        assert shape in complete

    @pytest.mark.parametrize("min_gpu", range(1, 8))
    @pytest.mark.parametrize("bundled", [False, True])
    def test_rented_gpus_may_hide_offers(self, min_gpu: int, bundled: bool) -> None:
        whole = Counter(offer_sizes(7, min_gpu, observed=True))
        for held in range(1, 1 << 7):
            left = [b.size for b in rentable_blocks(7, min_gpu, occupied=held, observed=True)]
            if left:
                shown = set(left) if bundled else left
                found = infer_min_gpu(shown, gpus=7, bundled=bundled)
                (match,) = [e for e in found if e.min_gpu == min_gpu]
                missing = set(whole) - set(left) if bundled else whole - Counter(left)
                assert Counter(match.missing) == Counter(missing)

    def test_what_no_machine_offers_is_not_explained(self) -> None:
        assert infer_min_gpu([2, 8], gpus=8) == ()
        assert infer_min_gpu([5, 5], gpus=40) == ()

    @pytest.mark.parametrize("bad", [[], [0], [True], 4, "2 4", [2.0], [9999]])
    def test_bad_sizes_are_refused(self, bad: Any) -> None:
        with pytest.raises(NumgeniusError):
            infer_min_gpu(bad)

    def test_a_machine_smaller_than_an_offer_is_refused(self) -> None:
        with pytest.raises(RuleViolation, match="gpus"):
            infer_min_gpu([8], gpus=4)
        with pytest.raises(WrongType):
            infer_min_gpu([8], gpus="8")  # type: ignore[arg-type]

    def test_complete_explanations_come_first(self) -> None:
        found = infer_min_gpu([2, 2, 4])
        assert [len(e.missing) for e in found] == sorted(len(e.missing) for e in found)
        assert found[0].complete
        assert (found[0].gpus, found[0].min_gpu) == (4, 2)
        assert Block(start=0, size=2) in blocks(4, 2)


class TestInferringIsExact:
    """DOMAIN 3: some set of rented GPUs explains the missing offers, or the machine is none."""

    @staticmethod
    def brute(seen: Counter[int], bundled: bool, largest: int) -> set[tuple[int, int]]:
        """Return each machine of which some rented state offers exactly what was seen."""
        found = set()
        for gpus in range(max(seen), max(*seen, largest) + 1):
            for min_gpu in range(1, gpus + 1):
                for rented in range(1 << gpus):
                    free = rentable_blocks(gpus, min_gpu, occupied=rented, observed=True)
                    sizes = Counter(block.size for block in free)
                    if (Counter(sizes.keys()) if bundled else sizes) == seen:
                        found.add((gpus, min_gpu))
        return found

    @given(st.lists(st.integers(1, 6), min_size=1, max_size=5), st.booleans(), st.integers(1, 6))
    def test_every_machine_and_no_other_is_found(
        self, sizes: list[int], bundled: bool, largest: int
    ) -> None:
        found = infer_min_gpu(sizes, bundled=bundled, largest=largest)
        seen = Counter(set(sizes)) if bundled else Counter(sizes)
        assert {(e.gpus, e.min_gpu) for e in found} == self.brute(seen, bundled, largest)

    def test_machines_up_to_sixteen_gpus_are_considered(self) -> None:
        assert max(e.gpus for e in infer_min_gpu([1])) == 16
        assert {e.gpus for e in infer_min_gpu([20])} == {20}

    def test_one_row_is_one_block_unless_bundled(self) -> None:
        assert not any(e.complete for e in infer_min_gpu([1, 2], gpus=2))
        assert infer_min_gpu([1, 2], gpus=2, bundled=True)[0].complete

    def test_rented_gpus_are_considered_up_to_thirty_two(self) -> None:
        assert {(e.gpus, e.min_gpu) for e in infer_min_gpu([1], gpus=32)} == {(32, 1), (32, 31)}
        assert infer_min_gpu([1], gpus=33) == ()


class TestPowersOnly:
    """DOMAIN 3: some sources show powers of two alone."""

    def test_every_question_leaves_the_others_out(self) -> None:
        assert offer_sizes(7, 2, powers_only=True) == (2, 2, 2, 4)
        assert [b.size for b in blocks(7, 2, powers_only=True)] == [2, 2, 2, 4]
        assert [b.size for b in rentable_blocks(7, 2, occupied=1, powers_only=True)] == [2, 2]
        assert [b.size for b in rentable_blocks(7, 2, occupied=1)] == [1, 2, 2, 3]
