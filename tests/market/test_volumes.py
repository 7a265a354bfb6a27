"""Volumes as contracts: listed, rented, attached, copied, extended, billed, deleted (DOMAIN 10)."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction
from typing import Any

import pytest
from attrs import evolve

from market_world import ANN, BOB, HOST, START, World, prices, second
from numgenius_core.billing import LineKind
from numgenius_core.contracts import VolumeContract
from numgenius_core.errors import (
    InsufficientCredit,
    InUse,
    NotAllowed,
    RuleViolation,
    UnknownId,
    WrongType,
)
from numgenius_core.ids import AccountId, ContractId, MachineId, OfferId, VolumeId
from numgenius_core.intervals import Interval
from numgenius_core.listing import Machine, Verification
from numgenius_core.market import (
    RentedVolume,
    Settings,
    commands as c,
    events as e,
    find_event,
    find_events,
    journal,
    replay,
    views,
)
from numgenius_core.money import Money
from numgenius_core.rates import PerGbMonth

DAY, HOUR = 86_400, 3_600
CAT = AccountId("cat")  # has nothing
GB = 1_000
M1, M2 = MachineId(1), MachineId(2)
ENDED = ["VolumeListingEnded"]


def a_world(gpus: int = 2, *, share: str = "1", listed: bool = True, **others: Any) -> World:
    """Return a machine with 1,000 GB, and two clients with $1,000."""
    made = World()
    for name in (ANN, BOB):
        made.do(c.AddCredit(account=name, amount=Money(1_000)))
    a_machine(made, gpus, share=share)
    if listed:
        made.list(prices(storage="0.15"), **others)
    return made


def a_machine(made: World, gpus: int = 2, number: int = 1, share: str = "1") -> None:
    machine = Machine(
        id=MachineId(number),
        host=HOST,
        gpu_name="RTX 4090",
        gpus=gpus,
        disk_mb=1_000 * GB,
        disk_share=share,
    )
    made.do(c.AddMachine(machine=machine))


def offer_of(w: World, machine: int = 1) -> views.VolumeOffer:
    [found] = views.volume_offers(w.market, w.now, machine=MachineId(machine))
    return found


def rent(w: World, gb: int = 200, by: AccountId = ANN, machine: int = 1, **others: Any) -> VolumeId:
    command = c.RentVolume(by=by, offer=offer_of(w, machine).id, size_mb=gb * GB, **others)
    return find_event(w.do(command), e.VolumeRented).contract.id


def listed(w: World, gb: int = 500, price: str = "0.15", **others: Any) -> tuple[e.Event, ...]:
    command = c.ListVolume(by=HOST, machine=M1, size_mb=gb * GB, price=PerGbMonth(price), **others)
    return w.do(command)


def offered(w: World) -> tuple[list[int], int]:
    """Return the disk of each offer and the largest volume, in GB."""
    offers = views.offers(w.market, w.now)
    return [each.disk_mb // GB for each in offers], offer_of(w).free_mb // GB


class TestThePublishedExample:
    """The guide's, with commands.

    1000 GB, 2 GPUs, 500 GB volume listed: offers 2 × 500 and 1 × 1000; 200 GB of it rented:
    2 × 400, 1 × 800, volume 300; or 800 GB stored by instances: volume 200; or 400 stored: volume
    stays 500.
    """

    def test_nothing_is_rented(self) -> None:
        w = a_world(volume_mb=500 * GB)
        assert offered(w) == ([500, 500, 1_000], 500)

    def test_200_gb_of_it_are(self) -> None:
        w = a_world(volume_mb=500 * GB)
        rent(w, 200)
        assert offered(w) == ([400, 400, 800], 300)

    @pytest.mark.parametrize(("stored", "volume"), [(800, 200), (400, 500)])
    def test_instances_store_some(self, stored: int, volume: int) -> None:
        w = a_world(volume_mb=500 * GB)
        w.rent(2, disk_mb=stored * GB)
        assert offered(w)[1] == volume

    def test_it_is_billed_by_the_month_of_720_hours(self) -> None:
        w = a_world(volume_mb=500 * GB)
        rent(w, 200)
        w.do(c.Tick(), 30 * DAY)
        assert w.balance() == Money(1_000) - Money(30)
        assert w.balance(HOST) == Money(30)


class TestTheDisk:
    """Available = share of the disk that may be sold (0.9 measured) − allocated."""

    def test_a_tenth_is_held_back(self) -> None:
        w = a_world(share="0.9", volume_mb=2_000 * GB)
        assert offered(w) == ([450, 450, 900], 900)

    def test_half_of_what_is_available_is_listed_by_default(self) -> None:
        w = a_world(share="0.9", volume_mb=None)
        assert offer_of(w).listed_mb == 450 * GB
        assert offer_of(w).price == PerGbMonth("0.15")  # the disk price

    def test_rented_volumes_are_not_available(self) -> None:
        w = a_world(volume_mb=500 * GB)
        rent(w, 200)
        w.do(c.Unlist(by=HOST, machine=MachineId(1)))
        w.list(prices(storage="0.15"), volume_mb=None)
        assert offer_of(w).listed_mb == 400 * GB  # half of 800, not of 1,000

    def test_volumes_count_against_what_instances_get(self) -> None:
        w = a_world(volume_mb=900 * GB)
        rent(w, 900)
        with pytest.raises(RuleViolation, match="disk_mb: need at most the offer's 50,000 MB"):
            w.rent(1, disk_mb=50 * GB + 1)

    def test_and_instances_against_volumes(self) -> None:
        w = a_world(volume_mb=900 * GB)
        w.rent(2, disk_mb=800 * GB)
        offer = offer_of(w).id
        with pytest.raises(RuleViolation, match="size_mb: need at most the offer's 200,000 MB"):
            w.do(c.RentVolume(by=ANN, offer=offer, size_mb=200 * GB + 1))
        rent(w, 200)
        assert not offer_of(w).rentable

    def test_one_offer_serves_many_volumes(self) -> None:
        w = a_world(volume_mb=500 * GB)
        rent(w, 300)
        rent(w, 200, BOB)
        with pytest.raises(RuleViolation, match="at most the offer's 0 MB"):
            rent(w, 1)

    def test_an_offer_says_whose_it_is_and_whether_a_megabyte_is_left(self) -> None:
        w = a_world(volume_mb=500 * GB, rolling=timedelta(days=10))
        said = views.VolumeOffer(
            id=offer_of(w).id,
            machine=M1,
            host=HOST,
            listed_mb=500 * GB,
            free_mb=1,
            price=PerGbMonth("0.15"),
            ends_at=second(10 * DAY),
            verification=Verification.VERIFIED,
            rentable=True,
        )
        w.do(c.SetVerification(machine=M1, verification=Verification.VERIFIED))
        w.do(c.RentVolume(by=ANN, offer=said.id, size_mb=500 * GB - 1))
        assert views.volume_offers(w.market, w.now) == (said,)
        w.do(c.RentVolume(by=ANN, offer=said.id, size_mb=1))
        taken = evolve(said, free_mb=0, rentable=False)
        assert views.volume_offers(w.market, w.now) == (taken,)


class TestAVolumeOffer:
    """Alone: size 15 GB, price $0.10/GB/month, end 3 months; with the machine: half of the rest."""

    def test_the_defaults(self) -> None:
        w = a_world(listed=False)
        w.do(c.ListVolume(by=HOST, machine=M1))
        found = offer_of(w)
        assert (found.listed_mb, found.price) == (15 * GB, PerGbMonth("0.10"))
        assert found.ends_at == START + timedelta(days=90)

    def test_a_listing_that_leaves_it_out_keeps_the_offer(self) -> None:
        w = a_world(volume_mb=100 * GB)
        before = offer_of(w)
        w.list(prices(storage="0.30"), volume_mb=None)
        assert offer_of(w) == before

    def test_but_a_price_changes_it(self) -> None:
        w = a_world(volume_mb=100 * GB)
        w.list(prices(), volume_mb=None, volume_price=PerGbMonth("0.05"))
        assert (offer_of(w).listed_mb, offer_of(w).price) == (100 * GB, PerGbMonth("0.05"))

    def test_size_0_makes_none_and_leaves_one(self) -> None:
        w = a_world(volume_mb=0)
        assert views.volume_offers(w.market, w.now) == ()
        listed(w)
        w.list(prices(), volume_mb=0)
        assert offer_of(w).listed_mb == 500 * GB

    def test_a_price_with_size_0_is_refused(self) -> None:
        with pytest.raises(RuleViolation, match="volume_price: need none without a volume"):
            a_world(volume_mb=0, volume_price=PerGbMonth(1))

    def test_a_full_disk_makes_none(self) -> None:
        w = a_world()
        w.rent(2, disk_mb=1_000 * GB)
        w.list(prices(), volume_mb=None)
        assert views.volume_offers(w.market, w.now) == ()

    def test_relisting_does_the_same(self) -> None:
        w = a_world()
        w.do(c.Relist(by=HOST, machine=M1, volume_mb=None))
        assert offer_of(w).listed_mb == 500 * GB

    def test_the_fee_of_the_machine_is_the_volumes(self) -> None:
        w = a_world(listed=False)
        w.list(prices(fee=Fraction(1, 4)))
        listed(w)
        rent(w, 200)
        w.do(c.Tick(), 30 * DAY)
        assert (w.balance(HOST), w.market.platform.at(w.now)) == (Money("22.5"), Money("7.5"))

    def test_another_fee_may_be_said(self) -> None:
        w = a_world()
        listed(w, platform_fee="0.1")
        assert w.market.machine(M1).volume_listing.platform_fee == Fraction(1, 10)  # type: ignore[union-attr]

    def test_its_number_is_no_offer_of_gpus(self) -> None:
        w = a_world(volume_mb=500 * GB)
        with pytest.raises(UnknownId):
            views.offer(w.market, offer_of(w).id, w.now)
        gpus = views.offers(w.market, w.now)[0].id
        with pytest.raises(UnknownId, match="a volume offer that is on the market"):
            w.do(c.RentVolume(by=ANN, offer=gpus))
        with pytest.raises(UnknownId):
            w.do(c.RentVolume(by=ANN, offer=OfferId(offer_of(w).id + 1)))

    def test_publishing_it_anew_gives_a_new_number(self) -> None:
        w = a_world(volume_mb=500 * GB)
        old = offer_of(w).id
        listed(w, 400, "9")
        assert offer_of(w).id != old
        with pytest.raises(UnknownId):
            w.do(c.RentVolume(by=ANN, offer=old))

    def test_only_its_host_lists_and_only_online(self) -> None:
        w = a_world()
        with pytest.raises(NotAllowed, match="the host of machine 1"):
            w.do(c.ListVolume(by=ANN, machine=M1))
        w.do(c.ReportOffline(machine=M1))
        with pytest.raises(RuleViolation, match="a machine that is online"):
            listed(w)

    def test_an_end_that_is_past_is_refused(self) -> None:
        with pytest.raises(RuleViolation, match="end: need an instant after"):
            listed(a_world(), end=START)


class TestEndsAlign:
    """Setting the GPU offer's end sets the volume offer's, and never the other way round.

    Unlisting the machine takes the volume offer along.
    """

    def test_a_later_end_is_cut_to_the_gpu_offers(self) -> None:
        w = a_world(end=second(10 * DAY))
        listed(w, end=second(20 * DAY))
        assert offer_of(w).ends_at == second(10 * DAY)
        assert views.offers(w.market, w.now)[0].ends_at == second(10 * DAY)

    def test_gpus_that_are_offered_for_ever_leave_it_its_own(self) -> None:
        w = a_world()
        listed(w, end=second(5 * DAY))
        assert offer_of(w).ends_at == second(5 * DAY)

    def test_it_ends_although_nobody_rented(self) -> None:
        w = a_world(listed=False)
        listed(w, end=second(5 * DAY))
        assert w.names(c.Tick(), 5 * DAY) == ENDED

    def test_a_volume_that_ends_before_leaves_it(self) -> None:
        w = a_world(listed=False)
        listed(w, end=second(5 * DAY))
        rent(w)
        listed(w, price="9", end=second(9 * DAY))
        assert w.names(c.Tick(), 5 * DAY) == ["VolumeExpired"]
        assert offer_of(w).ends_at == second(9 * DAY)
        assert w.names(c.Tick(), 9 * DAY) == ENDED

    def test_what_is_due_next_is_the_first_end_that_is_left(self) -> None:
        w = a_world(listed=False)
        due = []

        def look() -> None:
            due.append(w.market.machine(M1).due)

        listed(w, end=second(5 * DAY))
        look()
        first = rent(w)
        look()
        listed(w, price="9", end=second(9 * DAY))
        look()
        last = rent(w)
        for number in (first, last):
            w.do(c.DeleteVolume(by=ANN, volume=number))
            look()
        w.do(c.UnlistVolume(by=HOST, offer=offer_of(w).id))
        look()
        assert due == [*[second(5 * DAY)] * 3, *[second(9 * DAY)] * 2, None]

    def test_an_earlier_end_ends_it_alone(self) -> None:
        w = a_world(end=second(10 * DAY))
        listed(w, end=second(5 * DAY))
        number = rent(w)
        assert w.names(c.Tick(), 5 * DAY) == ["VolumeExpired", "VolumeListingEnded"]
        assert views.volume(w.market, number).expired
        assert views.offers(w.market, w.now)
        assert views.volume_offers(w.market, w.now) == ()

    def test_the_gpu_offers_end_sets_it(self) -> None:
        w = a_world(end=second(10 * DAY))
        listed(w, end=second(5 * DAY))
        number = offer_of(w).id
        w.list(prices(storage="0.15"), end=second(20 * DAY))
        assert offer_of(w).ends_at == second(20 * DAY)
        assert offer_of(w).id == number

    def test_relisting_without_an_end_does_not(self) -> None:
        w = a_world(end=second(10 * DAY))
        listed(w, end=second(5 * DAY))
        w.do(c.Relist(by=HOST, machine=M1))
        assert offer_of(w).ends_at == second(5 * DAY)

    @pytest.mark.parametrize("size", [None, 300 * GB])
    def test_nor_if_it_changes_the_size_or_the_price(self, size: int | None) -> None:
        """MARKET_PAGES e: of a machine that is listed already, an end that is left out is kept."""
        w = a_world(end=second(10 * DAY))
        listed(w, end=second(5 * DAY))
        volumes: dict[str, Any] = {"volume_mb": size, "volume_price": PerGbMonth("0.3")}
        w.do(c.Relist(by=HOST, machine=M1, **volumes))
        assert (offer_of(w).price, offer_of(w).ends_at) == (PerGbMonth("0.3"), second(5 * DAY))
        w.do(c.Relist(by=HOST, machine=M1, end=second(20 * DAY), **volumes))
        assert offer_of(w).ends_at == second(20 * DAY)
        listed(w, end=second(5 * DAY))
        w.list(prices(), end=second(10 * DAY), **volumes)
        assert offer_of(w).ends_at == second(10 * DAY)

    def test_a_rolling_end_rolls_it_too(self) -> None:
        w = a_world(rolling=timedelta(days=10), volume_mb=500 * GB)
        number = rent(w)
        w.do(c.Tick(), DAY)
        assert views.volume(w.market, number).contract.end == second(11 * DAY)
        assert offer_of(w).ends_at == second(11 * DAY)

    def test_what_is_rented_rolls_also_without_an_offer(self) -> None:
        w = a_world(rolling=timedelta(days=10), volume_mb=500 * GB)
        number = rent(w)
        w.do(c.UnlistVolume(by=HOST, offer=offer_of(w).id))
        w.do(c.Tick(), DAY)
        assert views.volume(w.market, number).contract.end == second(11 * DAY)

    def test_a_day_later_it_follows_a_rolling_end(self) -> None:
        w = a_world(rolling=timedelta(days=10))
        listed(w, end=second(5 * DAY))
        w.do(c.Tick(), DAY)
        assert offer_of(w).ends_at == second(11 * DAY)

    @pytest.mark.parametrize("ends", [True, False])
    def test_it_goes_with_the_gpu_offers(self, ends: bool) -> None:
        w = a_world(end=second(10 * DAY), volume_mb=500 * GB)
        number = rent(w)
        w.do(c.Tick() if ends else c.Unlist(by=HOST, machine=M1), 10 * DAY if ends else None)
        assert views.volume_offers(w.market, w.now) == ()
        assert views.volume(w.market, number).contract.size_mb == 200 * GB

    def test_what_is_rented_is_extended_to_a_later_end(self) -> None:
        w = a_world(end=second(10 * DAY), volume_mb=500 * GB)
        number = rent(w)
        events = w.list(prices(storage="0.15"), end=second(20 * DAY))
        found = find_event(events, e.VolumeExtended)
        assert (found.volume, found.old_end, found.end) == (
            number,
            second(10 * DAY),
            second(20 * DAY),
        )

    def test_not_at_a_higher_price(self) -> None:
        w = a_world(end=second(10 * DAY), volume_mb=500 * GB)
        rent(w)
        listed(w, price="0.16")
        assert not find_events(w.list(prices(), end=second(20 * DAY)), e.VolumeExtended)

    def test_a_volume_listing_extends_as_well(self) -> None:
        w = a_world(listed=False)
        listed(w, end=second(DAY))
        number = rent(w)
        listed(w, price="0.05")
        assert views.volume(w.market, number).contract.end == START + timedelta(days=90)
        assert views.volume(w.market, number).contract.price == PerGbMonth("0.15")

    def test_without_a_volume_offer_the_disk_price_counts(self) -> None:
        w = a_world(end=second(10 * DAY), volume_mb=500 * GB)
        rent(w)
        w.do(c.UnlistVolume(by=HOST, offer=offer_of(w).id))
        w.list(prices(storage="0.16"), end=second(20 * DAY))
        assert not find_events(w.events, e.VolumeExtended)
        w.list(prices(storage="0.15"), end=second(20 * DAY))
        assert find_events(w.events, e.VolumeExtended)


class TestTheLifeOfAVolume:
    """Fixed size; attached at creation, to instances of the same machine; deleted when unused."""

    def test_an_instance_attaches_it(self) -> None:
        w = a_world(volume_mb=500 * GB)
        number = rent(w)
        contract = w.rent(1, volumes=[number])
        assert w.instance(contract).volumes == (number,)
        assert w.market.machine(M1).users_of(number) == [contract]

    def test_in_use_it_cannot_be_deleted_running_or_stopped(self) -> None:
        w = a_world(volume_mb=500 * GB)
        number = rent(w)
        contract = w.rent(1, volumes=[number])
        w.do(c.Stop(by=ANN, contract=contract))
        before = w.market
        with pytest.raises(InUse, match=f"one of instances {contract}") as refused:
            w.do(c.DeleteVolume(by=ANN, volume=number))
        assert (refused.value.code, w.market) == ("in_use", before)
        w.do(c.Destroy(by=ANN, contract=contract))
        assert w.names(c.DeleteVolume(by=ANN, volume=number)) == ["VolumeDeleted"]

    def test_it_is_found_with_and_without_an_archive(self) -> None:
        w = a_world(volume_mb=500 * GB)
        number = rent(w)
        assert views.volume(w.market, number, volumes={}) == views.volume(w.market, number)
        assert views.volumes_of(w.market, BOB) == ()

    def test_it_outlives_its_instances_and_frees_its_disk(self) -> None:
        w = a_world(volume_mb=500 * GB)
        number = rent(w)
        w.do(c.Destroy(by=ANN, contract=w.rent(1, volumes=[number])))
        assert [each.id for each in views.volumes_of(w.market, ANN)] == [number]
        w.do(c.DeleteVolume(by=ANN, volume=number))
        assert (views.volumes_of(w.market, ANN), offered(w)[1]) == ((), 500)

    def test_of_another_machine_it_is_refused(self) -> None:
        w = a_world(volume_mb=500 * GB)
        a_machine(w, number=2)
        w.list(prices(), machine=2)
        number = rent(w)
        with pytest.raises(RuleViolation, match=r"volumes\[0\]: need a volume of machine 2, got"):
            w.rent(1, machine=2, volumes=[number])

    def test_somebody_elses_or_none_or_twice(self) -> None:
        w = a_world(volume_mb=500 * GB)
        number = rent(w, by=BOB)
        with pytest.raises(NotAllowed, match=f"the client of volume {number}"):
            w.rent(1, volumes=[number])
        with pytest.raises(UnknownId, match="volume: need a volume that exists, got 99"):
            w.rent(1, volumes=[99])
        mine = rent(w)
        with pytest.raises(RuleViolation, match=r"volumes\[1\]: need each volume once"):
            w.rent(1, volumes=[mine, mine])

    def test_a_name_is_of_letters_digits_and_underscores(self) -> None:
        for name in ("a", "Data_2", "x" * 64):
            assert c.RentVolume(by=ANN, offer=OfferId(1), name=name).name == name
        for name in ("a b", "a-b", "ä", "x" * 65, "a\n"):
            with pytest.raises(RuleViolation, match="letters, digits and underscores"):
                c.RentVolume(by=ANN, offer=OfferId(1), name=name)
        with pytest.raises(WrongType):
            c.CloneVolume(by=ANN, volume=VolumeId(1), offer=OfferId(1), name=5)  # type: ignore[arg-type]

    @pytest.mark.parametrize("size", [0, -1])
    def test_a_size_is_at_least_a_megabyte(self, size: int) -> None:
        with pytest.raises(RuleViolation, match=r"RentVolume\.size_mb: need a whole number"):
            c.RentVolume(by=ANN, offer=OfferId(1), size_mb=size)

    def test_who_has_nothing_rents_none_nor_a_host(self) -> None:
        w = a_world(volume_mb=500 * GB)
        w.do(c.AddMachine(machine=Machine(id=MachineId(9), host=CAT, gpu_name="A100", gpus=1)))
        with pytest.raises(NotAllowed, match="hosts rent only on their own machines"):
            rent(w, by=CAT)
        w.do(c.AddCredit(account=AccountId("dan"), amount=Money("0.000000000001")))
        rent(w, 400, AccountId("dan"))
        w.do(c.Tick(), 1)
        with pytest.raises(InsufficientCredit):
            rent(w, 1, AccountId("dan"))

    def test_a_hosts_own_is_free_unless_tests_are_billed(self) -> None:
        w = a_world(volume_mb=500 * GB)
        rent(w, by=HOST)
        w.do(c.Tick(), DAY)
        assert w.balance(HOST) == Money(0)
        w.do(c.SetSettings(settings=Settings(own_tests_billed=True)))
        with pytest.raises(InsufficientCredit):
            rent(w, by=HOST)
        w.do(c.AddCredit(account=HOST, amount=Money(5)))
        number = rent(w, by=HOST)
        assert views.volume(w.market, number).contract.billed_test

    def test_offline_nothing_is_rented_but_deleted(self) -> None:
        w = a_world(volume_mb=500 * GB)
        number = rent(w)
        w.do(c.ReportOffline(machine=M1))
        with pytest.raises(RuleViolation, match="offer: need a machine that is online"):
            rent(w)
        w.do(c.DeleteVolume(by=ANN, volume=number))
        assert w.balance() == Money(1_000)

    def test_an_unknown_one_and_another_clients(self) -> None:
        w = a_world(volume_mb=500 * GB)
        number = rent(w)
        with pytest.raises(UnknownId):
            w.do(c.DeleteVolume(by=ANN, volume=VolumeId(999)))
        with pytest.raises(NotAllowed):
            w.do(c.DeleteVolume(by=BOB, volume=number))
        with pytest.raises(NotAllowed):
            w.do(c.UnlistVolume(by=ANN, offer=offer_of(w).id))

    def test_unlisting_leaves_what_is_rented(self) -> None:
        w = a_world(volume_mb=500 * GB)
        number, offer = rent(w), offer_of(w).id
        assert w.names(c.UnlistVolume(by=HOST, offer=offer)) == ["VolumeUnlisted"]
        assert views.volume(w.market, number).id == number
        with pytest.raises(UnknownId):
            w.do(c.UnlistVolume(by=HOST, offer=offer))


class TestACopy:
    """Clone onto another offer: size ≥ source (default the same) and ≤ the target offer."""

    def world(self) -> tuple[World, VolumeId]:
        w = a_world(volume_mb=500 * GB)
        a_machine(w, number=2)
        w.list(prices(storage="0.30"), machine=2, volume_mb=300 * GB)
        return w, rent(w, 200)

    def copy(
        self, w: World, source: VolumeId, by: AccountId = ANN, **others: Any
    ) -> VolumeContract:
        command = c.CloneVolume(by=by, volume=source, offer=offer_of(w, 2).id, **others)
        return find_event(w.do(command), e.VolumeRented).contract

    def test_of_the_same_size_at_the_other_price(self) -> None:
        w, source = self.world()
        made = self.copy(w, source, name="copy")
        assert (made.machine, made.size_mb, made.name) == (M2, 200 * GB, "copy")
        assert made.price == PerGbMonth("0.30")
        assert views.volume(w.market, made.id).source == source

    def test_larger_but_not_smaller_nor_above_the_offer(self) -> None:
        w, source = self.world()
        with pytest.raises(RuleViolation, match="size_mb: need at least the volume's 200,000 MB"):
            self.copy(w, source, size_mb=200 * GB - 1)
        with pytest.raises(RuleViolation, match="at most the offer's 300,000 MB"):
            self.copy(w, source, size_mb=301 * GB)
        assert self.copy(w, source, size_mb=300 * GB).size_mb == 300 * GB

    def test_not_from_a_machine_that_is_offline_nor_by_another(self) -> None:
        w, source = self.world()
        with pytest.raises(NotAllowed):
            self.copy(w, source, BOB)
        w.do(c.ReportOffline(machine=M1))
        with pytest.raises(RuleViolation, match="volume: need a machine that is online"):
            self.copy(w, source)

    def test_an_expired_one_can_be_saved(self) -> None:
        w, _ = self.world()
        listed(w, end=second(DAY))
        source = rent(w, 1)
        w.do(c.Tick(), DAY)
        assert self.copy(w, source).size_mb == GB


class TestAtItsEnd:
    """Our reading: it expires as an instance does, and is stored and charged until deleted."""

    def expired(self, *, used: bool = False) -> tuple[World, VolumeId]:
        w = a_world(volume_mb=500 * GB, end=second(DAY))
        number = rent(w)
        if used:
            w.rent(1, volumes=[number])
        w.do(c.Tick(), 2 * DAY)
        return w, number

    def test_it_is_charged_on(self) -> None:
        w, _ = self.expired()
        assert w.balance() == Money(1_000) - Money(2)

    def test_it_is_not_extended_nor_attached(self) -> None:
        w, number = self.expired()
        w.list(prices(storage="0.15"), end=second(9 * DAY))
        assert views.volume(w.market, number).expired
        with pytest.raises(RuleViolation) as refused:
            w.rent(1, volumes=[number])
        assert str(refused.value) == (
            f"volumes[0]: need a volume that has not expired, got volume {number}"
        )

    def test_the_host_may_delete_it_after_48_hours(self) -> None:
        w, number = self.expired()
        assert w.names(c.CleanUp(by=HOST, machine=M1), 3 * DAY - 1) == []
        assert w.names(c.CleanUp(by=HOST, machine=M1), 3 * DAY) == ["VolumeDeleted"]
        assert number not in w.market.volumes

    def test_not_while_an_instance_uses_it(self) -> None:
        w, number = self.expired(used=True)
        w.do(c.Tick(), 3 * DAY - 1)
        contract = next(iter(w.market.homes))
        w.do(c.CleanUp(by=HOST, machine=M1), 3 * DAY)
        assert (contract in w.market.homes, number in w.market.volumes) == (False, False)

    def test_nor_while_one_uses_it_that_lasts_longer(self) -> None:
        w = a_world(end=second(90 * DAY))
        listed(w, end=second(DAY))
        number = rent(w)
        contract = w.rent(1, volumes=[number])
        assert w.names(c.CleanUp(by=HOST, machine=M1), 4 * DAY) == ["VolumeExpired", *ENDED]
        w.do(c.Destroy(by=ANN, contract=contract))
        assert w.names(c.CleanUp(by=HOST, machine=M1)) == ["VolumeDeleted"]

    def test_nor_while_one_that_is_stopped_may_start_with_it_again(self) -> None:
        w = a_world(end=second(90 * DAY))
        listed(w, end=second(DAY))
        number = rent(w)
        contract = w.rent(1, volumes=[number])
        w.do(c.Stop(by=ANN, contract=contract))
        assert w.names(c.CleanUp(by=HOST, machine=M1), 4 * DAY) == ["VolumeExpired", *ENDED]
        assert views.volume(w.market, number).expired

    def test_its_client_may_at_any_time(self) -> None:
        w, number = self.expired()
        assert w.names(c.DeleteVolume(by=ANN, volume=number)) == ["VolumeDeleted"]


class TestWhatItCosts:
    """Per GB for as long as it exists, by the second; none while its machine is offline."""

    def test_none_while_offline(self) -> None:
        w = a_world(volume_mb=500 * GB)
        number = rent(w)
        w.do(c.ReportOffline(machine=M1), 10 * DAY)
        w.do(c.ReportOnline(machine=M1), 20 * DAY)
        w.do(c.Tick(), 30 * DAY)
        assert w.balance() == Money(1_000) - Money(20)
        month = Interval(START, second(30 * DAY))
        bill = views.volume_statement_of(w.market, number, month)
        assert [line.quantity for line in bill.lines] == [10 * DAY, 10 * DAY]
        assert {line.kind for line in bill.lines} == {LineKind.VOLUME}
        assert bill.total == Money(20)

    def test_nobody_pays_or_earns_once_it_is_deleted_or_offline_nor_for_a_test(self) -> None:
        w = a_world(listed=False)
        w.list(prices(storage="0.15", fee=Fraction(1, 4)), volume_mb=500 * GB)
        number = rent(w)
        rent(w, by=HOST)
        w.do(c.ReportOffline(machine=M1), 10 * DAY)
        w.do(c.ReportOnline(machine=M1), 20 * DAY)
        w.do(c.DeleteVolume(by=ANN, volume=number), 30 * DAY)
        w.do(c.Tick(), 40 * DAY)
        paid = Money(1_000) - w.balance()
        platform = w.market.platform.at(w.now)
        assert (paid, w.balance(HOST), platform) == (Money(20), Money(15), Money(5))

    def test_a_balance_that_runs_out_leaves_it(self) -> None:
        w = a_world(volume_mb=500 * GB)
        w.do(c.AddCredit(account=CAT, amount=Money(1)))
        rent(w, by=CAT)
        w.rent(1, by=CAT)
        names = w.names(c.Tick(), 90 * DAY)
        assert names == ["BalanceRanOut", "InstanceStopped"]
        assert w.balance(CAT) < Money(0)

    def test_cut_anywhere_a_statement_adds_up(self) -> None:
        w = a_world(volume_mb=500 * GB)
        number = rent(w, 7)
        w.do(c.DeleteVolume(by=ANN, volume=number), 100_001)
        kept: dict[VolumeId, RentedVolume] = {}
        replay(w.events, volumes=kept)
        parts = [
            views.volume_statement_of(
                w.market, number, Interval(second(a), second(b)), volumes=kept
            )
            for a, b in ((0, 33_333), (33_333, 99_999), (99_999, 200_000))
        ]
        whole = views.volume_statement_of(
            w.market, number, Interval(START, second(200_000)), volumes=kept
        )
        assert sum((part.total for part in parts), Money(0)) == whole.total
        assert Money(1_000) - w.balance() == whole.total
        assert sum(sum(part.rounded()) for part in parts) == whole.rounded()[0]
        assert parts[1].fee + parts[1].payout == parts[1].total
        assert "in all" in str(whole.table())
        assert len(whole.to_dicts()) == 1

    def test_the_host_sees_it_apart(self) -> None:
        w = a_world(volume_mb=500 * GB)
        number = rent(w)
        w.rent(1, disk_mb=100 * GB)
        w.do(c.DeleteVolume(by=ANN, volume=number), 30 * DAY)
        kept: dict[VolumeId, RentedVolume] = {}
        replay(w.events, volumes=kept)
        month = Interval(START, second(30 * DAY))
        [earned] = views.earnings(w.market, HOST, month, volumes=kept)
        assert (earned.volumes, earned.storage) == (Money(30), Money(15))
        assert earned.total == Money(30) + Money(15) + earned.gpu


class TestMachinesAndAccounts:
    """A machine is removed when no client's volume is on it; who rents is no host."""

    def test_a_machine_with_a_volume_is_not_removed(self) -> None:
        w = a_world(volume_mb=500 * GB)
        number = rent(w)
        w.do(c.Unlist(by=HOST, machine=M1))
        with pytest.raises(RuleViolation, match="without volumes"):
            w.do(c.RemoveMachine(by=HOST, machine=M1))
        w.do(c.DeleteVolume(by=ANN, volume=number))
        assert w.names(c.RemoveMachine(by=HOST, machine=M1)) == ["MachineRemoved"]

    def test_a_hosts_own_go_with_it(self) -> None:
        w = a_world(volume_mb=500 * GB)
        number = rent(w, by=HOST)
        w.rent(1, by=HOST, volumes=[number])
        w.do(c.Unlist(by=HOST, machine=M1))
        names = w.names(c.RemoveMachine(by=HOST, machine=M1))
        assert names == ["InstanceDestroyed", "VolumeDeleted", "MachineRemoved"]

    def test_who_has_a_volume_is_no_host(self) -> None:
        w = a_world(volume_mb=500 * GB)
        rent(w)
        with pytest.raises(NotAllowed, match="an account without volumes"):
            w.do(c.AddMachine(machine=Machine(id=MachineId(8), host=ANN, gpu_name="A100", gpus=1)))


class TestEventsAndSnapshots:
    """Events are all that a service must store."""

    def full(self) -> World:
        w = a_world(volume_mb=500 * GB, end=second(10 * DAY))
        number = rent(w, name="data")
        w.rent(1, volumes=[number])
        w.do(c.ReportOffline(machine=M1), HOUR)
        w.do(c.ReportOnline(machine=M1), 2 * HOUR)
        return w

    def test_replayed_and_restored_it_is_the_same(self) -> None:
        w = self.full()
        assert replay(w.events) == w.market
        restored = journal.market_from_json(journal.market_to_json(w.market))
        assert restored == w.market
        assert restored.machine(M1).volumes_due == second(10 * DAY)
        for event in w.events:
            assert journal.event_from_json(journal.event_to_json(event)) == event

    def test_what_was_stored_before_there_were_volumes_is_read(self) -> None:
        w = World()
        w.do(c.AddCredit(account=ANN, amount=Money(5)))
        text = journal.market_to_json(w.market)
        assert ', "volumes": {}' in text
        assert journal.market_from_json(text.replace(', "volumes": {}', "")) == w.market

    @pytest.mark.parametrize(
        "event",
        [
            e.VolumeUnlisted(at=START, machine=M2),
            e.VolumeListingEnded(at=START, machine=M2),
            e.VolumeDeleted(at=START, volume=VolumeId(77)),
            e.VolumeExpired(at=START, volume=VolumeId(77)),
            e.VolumeExtended(at=START, volume=VolumeId(77), old_end=START, end=None),
        ],
    )
    def test_of_what_is_not_there_is_refused(self, event: e.Event) -> None:
        with pytest.raises(RuleViolation):
            replay([event])

    def test_contradictions_are_refused(self) -> None:
        w = self.full()
        at = second(2 * HOUR)
        volume = next(iter(w.market.volumes))
        contract = views.volume(w.market, volume).contract
        wrong: list[e.Event] = [
            e.VolumeDeleted(at=at, volume=volume),  # in use
            e.VolumeExtended(at=at, volume=volume, old_end=at, end=None),
            e.VolumeExtended(at=at, volume=volume, old_end=second(10 * DAY), end=at),
            e.VolumeRented(at=at, contract=contract),  # its number is taken
            e.VolumeListed(at=at, listing=w.market.machine(M1).volume_listing, number=99),  # type: ignore[arg-type]
        ]
        big = evolve(contract.volume, size_mb=801 * GB)
        more = evolve(contract, id=VolumeId(w.market.last + 1), volume=big)
        wrong.append(e.VolumeRented(at=at, contract=more))
        for event in wrong:
            with pytest.raises(RuleViolation):
                replay([event], w.market)
        again = [e.VolumeExpired(at=at, volume=volume)] * 2
        with pytest.raises(RuleViolation, match=r"events\[1\].volume: need a volume that has not"):
            replay(again, w.market)

    def test_a_preview_says_whom_it_concerns(self) -> None:
        w = self.full()
        told = views.preview(w.market, c.ListMachine(by=HOST, machine=M1, prices=prices()), w.now)
        extended = find_event(told.events, e.VolumeExtended)
        assert told.concerns(extended) == (ANN,)
        assert f"volume {extended.volume}" in str(told.table())


def test_an_instance_of_no_volumes_has_none() -> None:
    w = a_world()
    assert w.instance(w.rent(1)).volumes == ()
    assert w.market.machine(M1).users_of(VolumeId(1)) == []
    assert ContractId(1) not in w.market.volumes
