"""One rentable slice of a machine: block and offer."""

from __future__ import annotations

import copy
import math
import pickle
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType
from typing import Any

import attrs
import pytest
from hypothesis import given, strategies as st

from numgenius_core.errors import RuleViolation, WrongType
from numgenius_core.listing import PriceTerms, Verification
from numgenius_core.offer import Block, Offer
from numgenius_core.rates import PerGpuHour, PerHour
from numgenius_core.testing import EPOCH, gpu_counts, price_terms

PRICES = PriceTerms(gpu=PerGpuHour("0.40"), min_bid=PerGpuHour("0.25"))
blocks = st.integers(1, 32).flatmap(
    lambda size: st.builds(Block, st.integers(0, 64 - size), st.just(size))
)


def offer(**changes: Any) -> Offer:
    """Return an offer of 4 GPUs, changed."""
    facts = {"id": 1, "machine": 7, "gpu_name": "RTX 4090", "gpus": 4, "prices": PRICES}
    return Offer(**{**facts, **changes})


class TestBlocks:
    """DOMAIN 3: "cut the ordered GPUs into consecutive blocks"; order is topology."""

    @given(blocks)
    def test_its_positions_said_in_three_ways(self, block: Block) -> None:
        assert list(block.slots) == list(range(block.start, block.end))
        assert len(block.slots) == block.size
        assert block.gpu_set == sum(1 << position for position in block.slots)

    @given(blocks, blocks)
    def test_overlaps_and_contains_are_those_of_sets(self, a: Block, b: Block) -> None:
        mine, other = set(a.slots), set(b.slots)
        assert a.overlaps(b) is bool(mine & other) is b.overlaps(a)
        assert a.overlaps(b) is bool(a.gpu_set & b.gpu_set)
        assert a.contains(b) is (other <= mine)

    def test_neighbours_share_nothing(self) -> None:
        assert not Block(0, 2).overlaps(Block(2, 2))
        assert not Block(2, 2).overlaps(Block(0, 2))
        assert Block(0, 3).overlaps(Block(2, 2))
        assert Block(0, 8).contains(Block(6, 2))
        assert not Block(0, 8).contains(Block(7, 2))
        assert Block(4, 2).contains(Block(4, 2))

    def test_blocks_order_by_size_then_place(self) -> None:
        assert sorted([Block(0, 4), Block(4, 2), Block(0, 2), Block(9, 1)]) == [
            Block(9, 1),
            Block(0, 2),
            Block(4, 2),
            Block(0, 4),
        ]

    @given(blocks)
    def test_it_is_a_value(self, block: Block) -> None:
        assert eval(repr(block)) == block
        assert pickle.loads(pickle.dumps(block)) == block
        assert hash(copy.deepcopy(block)) == hash(block)

    @pytest.mark.parametrize(
        ("size", "start", "path"),
        [
            (0, 0, "size"),
            (-1, 0, "size"),
            (4_097, 0, "size"),
            (True, 0, "size"),
            (2.0, 0, "size"),
            (2, -1, "start"),
            (2, 4_095, "start"),
            (2, "0", "start"),
            (2, None, "start"),
        ],
    )
    def test_what_no_machine_has_is_refused(self, size: int, start: int, path: str) -> None:
        with pytest.raises(RuleViolation, match=rf"^block\.{path}: need a whole number from"):
            Block(start, size)

    def test_the_last_gpu_of_the_largest_machine(self) -> None:
        assert Block(4_095, 1).end == Block(0, 4_096).end == 4_096


class TestBlocksInOrder:
    """The published list of an offer's sizes goes from the smallest to the largest block."""

    def test_by_size_then_by_place(self) -> None:
        sizes = [Block(4, 4), Block(0, 8), Block(0, 4), Block(7, 1)]
        assert sorted(sizes) == [Block(7, 1), Block(0, 4), Block(4, 4), Block(0, 8)]

    def test_with_blocks_alone(self) -> None:
        with pytest.raises(WrongType, match="block < …"):
            sorted([Block(0, 1), (0, 2)])  # type: ignore[type-var]


class TestPricesAreLinear:
    """DOMAIN 2: "an offer of *n* GPUs costs *n* × the per-GPU price".

    "``min_bid`` is quoted for the whole offer (n × per-GPU)."
    """

    @given(gpu_counts, price_terms())
    def test_n_times_the_gpu_price(self, gpus: int, prices: PriceTerms) -> None:
        made = offer(gpus=gpus, prices=prices)
        assert made.per_hour.steps == gpus * prices.gpu.steps
        assert made.min_bid.steps == gpus * prices.min_bid.steps
        assert type(made.per_hour) is type(made.min_bid) is PerHour

    def test_worked_example(self) -> None:
        assert offer().per_hour == PerHour("1.60")
        assert offer().min_bid == PerHour(1)

    def test_other_prices_for_the_same_slice(self) -> None:
        cheaper = offer(disk_mb=5).with_prices(PriceTerms(gpu=PerGpuHour("0.30")))
        assert cheaper.per_hour == PerHour("1.20")
        assert cheaper == offer(disk_mb=5, prices=cheaper.prices)

    def test_disk(self) -> None:
        assert offer(disk_mb=10_500).disk_gb == Decimal("10.5")


class TestOffersAreValues:
    """DESIGN: "Frozen, slotted, keyword-only attrs classes"."""

    def test_what_is_left_out(self) -> None:
        plain = offer()
        unknown = (plain.gpus_in_machine, plain.block, plain.ends_at, plain.host)
        assert unknown == (None,) * 4
        assert plain.max_discount == 0
        assert plain.rentable
        assert plain.verification is Verification.VERIFIED
        assert plain.extra == {}

    def test_pickles_copies_and_hashes(self) -> None:
        full = offer(
            extra={"geolocation": "Sweden, SE", "list": [1]},
            block=Block(4, 4),
            gpus_in_machine=8,
            ends_at=EPOCH,
            host="anna",
            max_discount="0.4",
        )
        for made in (offer(), full):
            for back in (pickle.loads(pickle.dumps(made)), copy.deepcopy(made), attrs.evolve(made)):
                assert back == made
                assert hash(back) == hash(made)
        assert full.max_discount == Fraction(2, 5)

    def test_what_else_the_source_says_counts_for_equality(self) -> None:
        assert offer(extra={"a": 1}) != offer()
        assert offer(extra=MappingProxyType({"a": 1})) == offer(extra={"a": 1})

    def test_what_else_the_source_says_is_shown_shortly(self) -> None:
        """Two offers that printed alike were unequal, and nothing said why."""
        assert repr(offer()).endswith(", extra={})")
        assert repr(offer(extra={"a": 1})).endswith(", extra={'a': 1})")
        many = offer(extra={str(number): "said" for number in range(60)})
        assert repr(many).endswith(", extra=<60 values>)")

    def test_two_offers_share_no_extra(self) -> None:
        assert offer().extra is not offer().extra

    def test_it_cannot_be_changed(self) -> None:
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            offer().gpus = 8  # type: ignore[misc]  # the point of the test

    def test_an_end_in_any_zone_is_kept_in_utc(self) -> None:
        ends_at = offer(ends_at=EPOCH.astimezone(timezone(timedelta(hours=9)))).ends_at
        assert ends_at == EPOCH
        assert ends_at is not None
        assert ends_at.tzinfo is UTC

    @pytest.mark.parametrize(
        ("field", "value", "kind"),
        [
            ("id", -1, RuleViolation),
            ("id", 2**63, RuleViolation),
            ("id", None, WrongType),
            ("machine", True, WrongType),
            ("gpu_name", "", RuleViolation),
            ("gpu_name", 4090, WrongType),
            ("gpus", 0, RuleViolation),
            ("gpus", 4_097, RuleViolation),
            ("gpus", 4.0, WrongType),
            ("prices", PerGpuHour(1), WrongType),
            ("prices", None, WrongType),
            ("disk_mb", -1, RuleViolation),
            ("disk_mb", 10**12 + 1, RuleViolation),
            ("disk_mb", 0.5, WrongType),
            ("verification", "verified", WrongType),
            ("rentable", 1, WrongType),
            ("rentable", None, WrongType),
            ("max_discount", 1, RuleViolation),
            ("max_discount", Fraction(-1, 2), RuleViolation),
            ("max_discount", 0.4, WrongType),
            ("max_discount", math.nan, WrongType),
            ("ends_at", datetime(2026, 1, 1), RuleViolation),  # noqa: DTZ001 - the point
            ("ends_at", 1_767_225_600, WrongType),
            ("host", "", RuleViolation),
            ("host", 12, WrongType),
            ("extra", [], WrongType),
            ("extra", None, WrongType),
            ("gpus_in_machine", 3, RuleViolation),
            ("gpus_in_machine", 4_097, RuleViolation),
            ("gpus_in_machine", "8", WrongType),
            ("block", Block(0, 2), RuleViolation),
            ("block", (4, 0), WrongType),
        ],
    )
    def test_a_bad_field_is_named(
        self, field: str, value: object, kind: type[RuleViolation]
    ) -> None:
        with pytest.raises(kind, match=rf"^offer\.{field}: need ") as caught:
            offer(**{field: value})
        assert type(caught.value) is kind

    def test_the_block_says_what_it_needs(self) -> None:
        with pytest.raises(RuleViolation) as caught:
            offer(block=Block(0, 2))
        assert caught.value.need == "a block of the offer's 4 GPUs"
        assert caught.value.got == "Block(start=0, size=2)"

    def test_a_whole_machine_is_an_offer(self) -> None:
        assert offer(gpus_in_machine=4, block=Block(0, 4)).gpus == 4
