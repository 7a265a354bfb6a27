"""Disk: what is left, what an offer and a volume get, what a stopped instance costs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from fractions import Fraction

import pytest
from attrs import evolve
from hypothesis import given, strategies as st

from numgenius_core.contracts import (
    Contract,
    Disk,
    Volume,
    agree,
    disk_of,
    extend,
    extend_volume,
    stopped_cost,
)
from numgenius_core.errors import RuleViolation, WrongType
from numgenius_core.ids import AccountId, ContractId, MachineId
from numgenius_core.intervals import Interval
from numgenius_core.listing import Listing, Machine, PriceTerms
from numgenius_core.money import Money
from numgenius_core.offer import Block
from numgenius_core.rates import PerGbMonth, PerGpuHour
from numgenius_core.units import to_megabytes

MACHINE = Machine(
    id=MachineId(3), host=AccountId("host"), gpu_name="RTX 4090", gpus=2, disk_mb=1_000_000
)
JANUARY = datetime(2026, 1, 1, tzinfo=UTC)
MONTH = timedelta(hours=720)


def listing(storage: str = "0.15", end: datetime | None = JANUARY + MONTH) -> Listing:
    prices = PriceTerms(gpu=PerGpuHour(1), storage=PerGbMonth(storage))
    return Listing(machine=MACHINE, prices=prices, end=end)


def stored(gb: str, *, number: int = 1, client: str = "client", place: int = 0) -> Contract:
    return agree(
        listing(),
        Block(start=place, size=1),
        id=ContractId(number),
        client=AccountId(client),
        at=JANUARY,
        disk_mb=to_megabytes(gb),
    )


def volume(gb: str, price: str = "0.15", end: datetime | None = JANUARY + MONTH) -> Volume:
    return Volume(size_mb=to_megabytes(gb), price=PerGbMonth(price), end=end)


class TestThePublishedExample:
    """DOMAIN 10, the guide's example.

    "1000 GB, 2 GPUs, 500 GB volume listed: offers 2 × 500 and 1 × 1000; 200 GB of it
    rented: 2 × 400, 1 × 800, volume 300; or 800 GB stored by instances: volume 200; or 400
    stored: volume stays 500. Default listing: half of what is available, at the disk price."
    """

    @pytest.mark.parametrize(
        ("instances", "rented", "one_gpu", "two_gpus", "offered"),
        [
            ([], [], 500, 1000, 500),
            ([], ["200"], 400, 800, 300),
            (["500", "300"], [], 100, 200, 200),
            (["400"], [], 300, 600, 500),
        ],
    )
    def test_holds_line_by_line(
        self,
        instances: list[str],
        rented: list[str],
        one_gpu: int,
        two_gpus: int,
        offered: int,
    ) -> None:
        contracts = [stored(gb, number=i) for i, gb in enumerate(instances)]
        disk = disk_of(MACHINE, contracts, volumes=map(volume, rented), listed_mb=500_000)
        assert disk.offer_mb(1, 2) == one_gpu * 1_000
        assert disk.offer_mb(2, 2) == two_gpus * 1_000
        assert disk.volume_offer_mb == offered * 1_000

    def test_by_default_half_of_what_is_available_is_listed(self) -> None:
        assert disk_of(MACHINE, []).volume_offer_mb == 500_000
        assert disk_of(MACHINE, [stored("400")]).volume_offer_mb == 300_000
        assert Disk(total_mb=5).listed_mb == 2
        # What is rented is not available: half of 800, of which 200 are rented.
        assert disk_of(MACHINE, [], volumes=[volume("200")]).listed_mb == 400_000
        assert disk_of(MACHINE, [], volumes=[volume("200")]).volume_offer_mb == 200_000


class TestAvailableDisk:
    """DOMAIN 10, what is left.

    "Available = share of the disk that may be sold […] − allocated (instances and rented
    volumes). An offer's disk = available × n/T. A volume offer = min(listed − rented,
    available)." The share is 1 here.
    """

    @given(
        total=st.integers(0, 10**9),
        shares=st.lists(st.integers(0, 5), min_size=3, max_size=3),
        listed=st.none() | st.integers(0, 10**9),
        gpus=st.integers(1, 64),
        data=st.data(),
    )
    def test_is_never_negative_and_never_promised_twice(
        self, total: int, shares: list[int], listed: int | None, gpus: int, data: st.DataObject
    ) -> None:
        whole = sum(shares) or 1
        instances, volumes = total * shares[0] // whole, total * shares[1] // whole
        disk = Disk(total_mb=total, instances_mb=instances, volumes_mb=volumes, listed_mb=listed)
        assert disk.available_mb == total - instances - volumes >= 0
        assert 0 <= disk.volume_offer_mb <= disk.available_mb
        wanted = disk.available_mb // 2 if listed is None else listed
        assert disk.volume_offer_mb == max(0, min(wanted - volumes, disk.available_mb))
        n = data.draw(st.integers(1, gpus))
        exact = Fraction(disk.available_mb * n, gpus)
        assert 0 <= exact - disk.offer_mb(n, gpus) < 1
        assert disk.offer_mb(gpus, gpus) == disk.available_mb

    @pytest.mark.parametrize(
        ("total", "instances", "volumes"), [(10, 11, 0), (10, 5, 6), (-1, 0, 0), (10, -1, 0)]
    )
    def test_more_stored_than_there_is_is_refused(
        self, total: int, instances: int, volumes: int
    ) -> None:
        with pytest.raises(RuleViolation, match=r"disk\."):
            Disk(total_mb=total, instances_mb=instances, volumes_mb=volumes)

    @pytest.mark.parametrize(("gpus", "of"), [(0, 2), (3, 2), (1, 0)])
    def test_an_offer_has_one_to_all_gpus(self, gpus: int, of: int) -> None:
        with pytest.raises(RuleViolation):
            Disk(total_mb=10).offer_mb(gpus, of)

    def test_other_machines_and_other_things_are_refused(self) -> None:
        other = evolve(stored("1"), machine=MachineId(4))
        with pytest.raises(RuleViolation, match=r"instances\[0\]: need a contract of machine 3"):
            disk_of(MACHINE, [other])
        with pytest.raises(WrongType, match=r"instances\[0\]"):
            disk_of(MACHINE, [None])  # type: ignore[list-item]
        with pytest.raises(WrongType, match=r"volumes\[0\]"):
            disk_of(MACHINE, [], volumes=[5])  # type: ignore[list-item]
        with pytest.raises(RuleViolation, match=r"volume.size_mb"):
            Volume(size_mb=0, price=PerGbMonth(0))


class TestVolumesEndWithTheGpuOffer:
    """DOMAIN 7: "Volumes end with the GPU offer"; a listing never shortens what is rented."""

    LATER = JANUARY + 2 * MONTH

    def test_a_later_end_at_no_higher_price_extends(self) -> None:
        now = extend_volume(volume("200"), listing("0.15", self.LATER), at=JANUARY)
        assert now == volume("200", end=self.LATER)
        assert extend_volume(volume("200"), listing("0.1", None), at=JANUARY).end is None

    @pytest.mark.parametrize(
        ("storage", "end", "at"),
        [
            ("0.15", JANUARY + MONTH, JANUARY),  # not later
            ("0.15", JANUARY + MONTH / 2, JANUARY),  # shorter
            ("0.16", JANUARY + 2 * MONTH, JANUARY),  # dearer
            ("0.15", JANUARY + 2 * MONTH, JANUARY + MONTH),  # ended
        ],
    )
    def test_else_it_stays_as_rented(self, storage: str, end: datetime, at: datetime) -> None:
        assert extend_volume(volume("200"), listing(storage, end), at=at) == volume("200")

    def test_a_price_of_its_own_counts_instead_of_the_disk_price(self) -> None:
        new = listing("0.1", self.LATER)
        assert extend_volume(volume("9"), new, at=JANUARY, price=PerGbMonth("0.2")) == volume("9")

    def test_one_without_an_end_stays_so(self) -> None:
        endless = volume("9", end=None)
        assert extend_volume(endless, listing("0.1", self.LATER), at=JANUARY) == endless


class TestAStoppedInstance:
    """DOMAIN 9, storage.

    "Storage: every second the instance exists and its machine is online, in any
    state, at the same rate." Paused or stopped: storage only.
    """

    def test_costs_its_disk_for_the_time(self) -> None:
        month = Interval(JANUARY, JANUARY + MONTH)
        assert stopped_cost(stored("100"), month) == Money(15)
        assert stopped_cost(stored("100"), Interval(JANUARY, JANUARY + MONTH / 30)) == Money("0.5")

    def test_costs_nothing_before_it_exists(self) -> None:
        around = Interval(JANUARY - MONTH, JANUARY + MONTH)
        assert stopped_cost(stored("100"), around) == Money(15)
        assert stopped_cost(stored("100"), Interval(JANUARY - MONTH, JANUARY)) == Money(0)

    def test_follows_the_segments_of_its_rates(self) -> None:
        cheaper = listing("0.05", JANUARY + 2 * MONTH)
        (term,) = extend([stored("100")], cheaper, at=JANUARY).contracts
        assert stopped_cost(term, Interval(JANUARY, JANUARY + 2 * MONTH)) == Money(20)

    def test_of_the_host_itself_is_free(self) -> None:
        own = stored("100", client="host")
        assert stopped_cost(own, Interval(JANUARY, JANUARY + MONTH)) == Money(0)

    def test_needs_a_contract_and_a_period(self) -> None:
        with pytest.raises(WrongType, match="contract"):
            stopped_cost(None, Interval(JANUARY, JANUARY + MONTH))  # type: ignore[arg-type]
        with pytest.raises(WrongType, match="period"):
            stopped_cost(stored("1"), None)  # type: ignore[arg-type]


class TestTheSmallestAndTheFullest:
    """DOMAIN 10, "− allocated": nothing more is stored than there is."""

    def test_a_volume_of_a_megabyte_and_a_full_disk_are_legal(self) -> None:
        assert Volume(size_mb=1, price=PerGbMonth(1)).size_mb == 1
        full = Disk(total_mb=10, instances_mb=6, volumes_mb=4)
        assert (full.available_mb, full.volume_offer_mb, full.offer_mb(1, 2)) == (0, 0, 0)

    @pytest.mark.parametrize("stored", [{"instances_mb": 11}, {"instances_mb": 6, "volumes_mb": 5}])
    def test_more_than_there_is_is_refused(self, stored: dict[str, int]) -> None:
        with pytest.raises(RuleViolation, match=r"^disk\.(instances|volumes)_mb: need"):
            Disk(total_mb=10, **stored)

    def test_all_volumes_count(self) -> None:
        disk = disk_of(MACHINE, [], volumes=[volume("1"), volume("2")])
        assert disk.volumes_mb == 3_000

    def test_ends_are_utc(self) -> None:
        east = timezone(timedelta(hours=2))
        there = datetime(2026, 1, 1, 2, tzinfo=east)
        ending = Volume(size_mb=1, price=PerGbMonth(1), end=there).end
        assert ending is not None
        assert (ending, ending.tzinfo) == (JANUARY, UTC)

    def test_a_rolling_listing_extends_from_now(self) -> None:
        rolling = evolve(listing(end=None), rolling=MONTH)
        later = extend_volume(volume("1"), rolling, at=JANUARY + timedelta(days=3))
        assert later.end == JANUARY + timedelta(days=3) + MONTH
