"""What is odd but legal in a market."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
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
    Finding,
    FindingKind,
    find,
    offer_from_record,
    summarized,
)
from numgenius_core.wire.reading import read_offers, sample_path

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
        assert finding == Finding(
            kind=FindingKind.FLOOR_ABOVE_PRICE,
            machine=MachineId(1),
            offers=(OfferId(7),),
            detail="lowest bid $0.50 above the on-demand $0.40",
        )
        assert str(finding) == "offer 7: lowest bid $0.50 above the on-demand $0.40"

    def test_floor_at_the_price_is_nothing(self) -> None:
        assert not find([an_offer(7, prices=PriceTerms(gpu=PerGpuHour(1), min_bid=PerGpuHour(1)))])

    def test_free_is_said_once(self) -> None:
        terms = PriceTerms(gpu=PerGpuHour(0), min_bid=PerGpuHour("0.5"))
        (finding,) = find([an_offer(7, prices=terms)])
        assert finding == Finding(
            kind=FindingKind.FREE_OF_CHARGE,
            machine=MachineId(1),
            offers=(OfferId(7),),
            detail="its GPUs cost nothing",
        )
        assert str(finding) == "offer 7: its GPUs cost nothing"

    @pytest.mark.parametrize(("seconds", "odd"), [(-1, True), (0, True), (1, False)])
    def test_an_end_gone_by(self, seconds: int, odd: bool) -> None:
        end = NOW + timedelta(seconds=seconds)
        found = find([an_offer(7, ends_at=end)], now=NOW)
        assert [each.kind for each in found] == [FindingKind.END_GONE_BY] * odd
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
        assert finding == Finding(
            kind=FindingKind.REPEATED_OFFER,
            machine=MachineId(1),
            offers=(OfferId(7),),
            detail="stands at 0, 2",
        )
        assert str(finding) == "offer 7: stands at 0, 2"

    def test_one_number_twice_is_not_the_same_slice_as_well(self) -> None:
        (finding,) = find([an_offer(7, block=Block(start=0, size=1))] * 2)
        assert finding.kind is FindingKind.REPEATED_OFFER

    @pytest.mark.parametrize(
        "which",
        [
            lambda start: {"block": Block(start=start, size=1)},
            lambda start: {"extra": {"gpu_ids": [500 + start]}},
            lambda start: {"extra": {"gpu_ids": f"[{500 + start}]"}},
        ],
    )
    def test_the_same_gpus_under_two_numbers(self, which: Any) -> None:
        offers = [an_offer(7, **which(0)), an_offer(8, **which(1)), an_offer(9, **which(0))]
        (finding,) = find(offers)
        numbers = (OfferId(7), OfferId(9))
        assert finding == Finding(
            kind=FindingKind.REPEATED_GPUS,
            machine=MachineId(1),
            offers=numbers,
            detail="offers 7, 9 are the same 1 GPUs",
        )
        assert str(finding) == "machine 1: offers 7, 9 are the same 1 GPUs"

    @pytest.mark.parametrize(
        "ids", [None, "5", "[1, 2]", "[x]", "[]", "[1.5]", [1, 2], [True], [[1]], ["5"]]
    )
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
        assert finding == Finding(
            kind=FindingKind.UNEXPLAINED_SIZES,
            machine=MachineId(1),
            offers=(OfferId(0), OfferId(1), OfferId(2)),
            detail="no min_gpu explains offers of 3, 7, 8 of 8 GPUs",
        )
        text = "machine 1: no min_gpu explains offers of 3, 7, 8 of 8 GPUs"
        assert str(finding) == text

    def test_machines_that_contradict_themselves_are_looked_at_without_their_total(self) -> None:
        offers = [an_offer(1, 13, gpus_in_machine=13), an_offer(2, 15, gpus_in_machine=16)]
        offers.append(an_offer(3, 14))
        (finding,) = find(offers)
        assert finding.kind is FindingKind.UNEXPLAINED_SIZES
        assert str(finding) == "machine 1: no min_gpu explains offers of 13, 14, 15"

    @given(shape=machine_shapes(most=12), occupied=st.integers(0), known=st.booleans())
    @examples(60)
    def test_what_a_machine_offers_is_never_odd(
        self, shape: tuple[int, int], occupied: int, known: bool
    ) -> None:
        gpus, min_gpu = shape
        free = rentable_blocks(gpus, min_gpu, occupied=occupied % (1 << gpus))
        total = gpus if known else None
        offers = [an_offer(n, b.size, block=b, gpus_in_machine=total) for n, b in enumerate(free)]
        assert not find(offers)

    def test_observed_sizes_are_not_odd(self) -> None:
        sizes = offer_sizes(10, 6, observed=True)
        assert not find([an_offer(n, size) for n, size in enumerate(sizes)])

    def test_machines_beyond_any_market_are_left_alone(self) -> None:
        assert not find([an_offer(n, size, gpus_in_machine=33) for n, size in enumerate((3, 5))])
        assert not find([an_offer(n, size) for n, size in enumerate((3, 33))])

    def test_a_size_that_is_not_there_is_odd_in_a_complete_source_only(self) -> None:
        """DOMAIN 13: a source may hold a part of a machine's offers (7.5 % of snapshots)."""
        offers = [an_offer(n, size, gpus_in_machine=8) for n, size in enumerate((3, 5))]
        assert not find(offers)  # min_gpu 5 cuts 5, 3 and 8
        (finding,) = find(offers, complete=True)
        assert finding.kind is FindingKind.UNEXPLAINED_SIZES

    @given(shape=machine_shapes(most=12), data=st.data(), known=st.booleans())
    @examples(60)
    def test_a_part_of_what_a_machine_offers_is_never_odd(
        self, shape: tuple[int, int], data: st.DataObject, known: bool
    ) -> None:
        gpus, min_gpu = shape
        cut = rentable_blocks(gpus, min_gpu, occupied=0)
        seen = data.draw(st.lists(st.sampled_from(cut), min_size=1, max_size=4))
        total = gpus if known else None
        assert not find([an_offer(n, b.size, gpus_in_machine=total) for n, b in enumerate(seen)])


FULL: dict[str, Any] = {
    "id": 7,
    "machine_id": 1,
    "gpu_name": "RTX 4090",
    "num_gpus": 2,
    "dph_base": 0.8,
    "storage_cost": 0.72,
    "inet_up_cost": 0,
    "inet_down_cost": 0,
    "min_bid": 0.5,
    "gpu_frac": 0.5,
    "disk_space": 100,
    "dph_total": 0.808,
    "storage_total_cost": 0.008,
}


def odd(**more: Any) -> list[str]:
    return [finding.kind.name for finding in find([offer_from_record(FULL | more)])]


class TestSources:
    """Issue: what is odd in what a source says: unknown prices, totals, shares, ends."""

    def test_nothing_is_odd(self) -> None:
        assert odd() == []

    def test_unknown_prices(self) -> None:
        (finding,) = find([offer_from_record(FULL | {"storage_cost": None, "min_bid": None})])
        assert finding == Finding(
            kind=FindingKind.UNKNOWN_PRICES,
            machine=MachineId(1),
            offers=(OfferId(7),),
            detail="no price of storage, min_bid",
        )
        assert str(finding) == "offer 7: no price of storage, min_bid"
        assert odd(dph_base=None) == ["UNKNOWN_PRICES"]  # and not free of charge

    def test_a_part_of_the_total_that_nothing_explains(self) -> None:
        (finding,) = find([offer_from_record(FULL | {"dph_total": 0.848})])
        assert finding.kind is FindingKind.UNEXPLAINED_TOTAL
        assert str(finding) == (
            "offer 7: $0.848/hour in all, of which GPUs and disk explain $0.808"
        )
        assert odd(dph_total=0.7) == ["UNEXPLAINED_TOTAL"]
        assert odd(dph_total=0.8080000001) == []

    def test_a_fee_that_is_named_is_explained(self) -> None:
        search = {"slaPremiumPerHour": 0.04}
        assert odd(dph_total=0.848, search=search) == []
        (finding,) = find([offer_from_record(FULL | {"dph_total": 0.878, "search": search})])
        said = "of which GPUs and disk and an SLA fee of $0.04 explain $0.848"
        assert str(finding).endswith(said)
        assert odd(search=search) == ["UNEXPLAINED_TOTAL"]  # it is named and not in the total
        assert odd(search={"slaPremiumPerHour": 0}) == odd(search=None) == []

    def test_without_the_price_of_the_disk_any_disk_may_be_in_it(self) -> None:
        bare = {"storage_total_cost": None}
        assert odd(**bare, dph_total=0.9) == []  # 100 GB at $0.72 are $0.10 an hour
        assert odd(**bare, dph_total=0.91) == ["UNEXPLAINED_TOTAL"]
        assert odd(**bare, dph_total=0.79) == ["UNEXPLAINED_TOTAL"]

    @pytest.mark.parametrize("share", [0.7, 0, 1.5, -1, 0.33])
    def test_impossible_shares(self, share: float) -> None:
        (finding,) = find([offer_from_record(FULL | {"gpu_frac": share})])
        assert finding.kind is FindingKind.IMPOSSIBLE_SHARE
        assert str(finding) == f"offer 7: {share} of a machine's GPUs is none of its sizes"

    @pytest.mark.parametrize("share", [None, 1, 0.5, 0.333333, 0.6666667])
    def test_possible_shares(self, share: float | None) -> None:
        assert odd(gpu_frac=share, num_gpus=2, dph_base=0.8) == []

    def test_an_end_of_zero(self) -> None:
        offer = offer_from_record(FULL | {"end_date": 0})
        assert (
            find([offer])
            == find([offer], now=NOW)
            == (
                Finding(
                    kind=FindingKind.END_IS_ZERO,
                    machine=MachineId(1),
                    offers=(OfferId(7),),
                    detail="its end date is 0, read as 1970-01-01",
                ),
            )
        )
        assert str(find([offer])[0]) == "offer 7: its end date is 0, read as 1970-01-01"

    def test_an_offer_that_is_repeated_is_looked_at_once(self) -> None:
        offer = offer_from_record(FULL | {"end_date": 0})
        assert [f.kind.name for f in find([offer] * 3)] == ["END_IS_ZERO", "REPEATED_OFFER"]


class TestMachines:
    """Issue: "two GPU models on one machine, prices that are not linear"."""

    def test_two_models(self) -> None:
        (finding,) = find([an_offer(1), an_offer(2, 2, gpu_name="A100"), an_offer(3, 4)])
        assert finding.kind is FindingKind.SEVERAL_MODELS
        assert str(finding) == "machine 1: offers of RTX 4090 and A100"

    def test_prices_out_of_proportion(self) -> None:
        dear = PriceTerms(gpu=PerGpuHour("1.01"), min_bid=PerGpuHour("0.5"))
        offers = [an_offer(1), an_offer(2, 2, prices=dear)]
        (finding,) = find(offers)
        assert finding.kind is FindingKind.UNEVEN_PRICES
        assert str(finding) == "machine 1: $1.00 to $1.01 a GPU-hour"
        assert not find([an_offer(1), an_offer(2, 2, prices=dear, machine=MachineId(2))])

    def test_a_thousandth_of_the_dearest_is_none(self) -> None:
        for price, odd in (("0.999", False), ("0.998999", True)):
            less = PriceTerms(gpu=PerGpuHour(price), min_bid=PerGpuHour("0.5"))
            assert bool(find([an_offer(1), an_offer(2, 2, prices=less)])) is odd

    def test_rounding_and_bids_are_no_difference(self) -> None:
        close = PriceTerms(gpu=PerGpuHour("1.001"), min_bid=PerGpuHour("0.5"))
        assert not find([an_offer(1), an_offer(2, 2, prices=close)])
        dear = PriceTerms(gpu=PerGpuHour(2), min_bid=PerGpuHour("0.5"))
        assert not find([an_offer(1), an_offer(2, 2, prices=dear, extra={"is_bid": True})])
        assert not find([an_offer(1), an_offer(2, 2, prices=dear, extra={"is_bid": "true"})])
        unknown = PriceTerms(gpu=PerGpuHour(0))
        offers = [an_offer(1), an_offer(2, 2, prices=unknown, unknown_prices=("gpu", "min_bid"))]
        assert [f.kind.name for f in find(offers)] == ["UNKNOWN_PRICES"]


class TestSummary:
    """Issue: findings "reach the reader of the command, counted and named"."""

    def test_counted_and_named(self) -> None:
        free = PriceTerms(gpu=PerGpuHour(0))
        offers = [an_offer(n, prices=free, machine=MachineId(n)) for n in range(5)]
        offers += [an_offer(n, n, machine=MachineId(9), gpus_in_machine=8) for n in (6, 7)]
        assert summarized(find(offers)) == (
            "5 with GPUs that cost nothing: offers 0, 1, 2 and 2 more",
            "1 with sizes that no min_gpu explains: machine 9",
        )
        assert summarized(find(offers), named=5)[0].endswith(": offers 0, 1, 2, 3, 4")
        assert summarized(()) == ()

    def test_each_machine_is_named_once(self) -> None:
        """One with the same GPUs under two numbers, twice."""
        blocks = [Block(start=start, size=1) for start in (0, 1, 0, 1)]
        offers = [an_offer(n, block=block) for n, block in enumerate(blocks)]
        odd = find(offers)
        assert len(odd) == 2
        assert summarized(odd) == ("1 with the same GPUs as another offer: machine 1",)

    @pytest.mark.parametrize("form", [str, json.dumps])
    def test_a_market_is_as_odd_as_a_table(self, form: Callable[[object], str]) -> None:
        """Each of its offers stands under two numbers; its lists are texts in a table."""
        records = json.loads(sample_path().read_bytes())["offers"]
        records += [{**record, "id": record["id"] + 10**6} for record in records]
        columns = list(dict.fromkeys(name for record in records for name in record))
        table = io.StringIO()
        rows = csv.DictWriter(table, columns)
        rows.writeheader()
        for record in records:
            rows.writerow(
                {k: v if isinstance(v, str | None) else form(v) for k, v in record.items()}
            )
        found = read_offers(json.dumps(records)).findings
        assert any(each.kind is FindingKind.REPEATED_GPUS for each in found)
        assert read_offers(table.getvalue()).findings == found

    def test_only_findings(self) -> None:
        for wrong in (5, ["x"]):
            with pytest.raises(WrongType):
                summarized(cast("Any", wrong))
        with pytest.raises(RuleViolation, match="named"):
            summarized((), named=0)
