"""What a host publishes: machine, prices, listing."""

from __future__ import annotations

import copy
import math
import pickle
import warnings
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given, strategies as st

from numgenius_core._checks import MAX_ID, check_id, check_min_gpu, check_text
from numgenius_core.errors import FloorAbovePrice, RuleViolation, WrongType
from numgenius_core.ids import AccountId, MachineId
from numgenius_core.listing import Listing, Machine, Mode, PriceTerms, Verification
from numgenius_core.rates import PerGb, PerGbMonth, PerGpuHour, PerHour
from numgenius_core.testing import (
    EPOCH,
    machine_shapes,
    per_gb_months,
    per_gbs,
    per_gpu_hours,
    shares,
)

HOST: dict[str, Any] = {"id": MachineId(7), "host": AccountId("anna"), "gpu_name": "RTX 4090"}
PRICES = PriceTerms(gpu=PerGpuHour("0.40"))


def machine(**changes: Any) -> Machine:
    """Return an 8-GPU machine, changed."""
    return Machine(**{**HOST, "gpus": 8, **changes})


def listing(**changes: Any) -> Listing:
    """Return a listing of that machine, changed."""
    return Listing(**{"machine": machine(), "prices": PRICES, **changes})


class TestAListingHasItsMainParameters:
    """Hosting guide, G1.

    "A listing's main parameters are the prices for GPUs, internet and storage, the reserved
    discount factor, the minimum bid for interruptibles, min_gpu, and the end date."
    """

    def test_what_is_left_out_has_a_default(self) -> None:
        plain = listing()
        assert plain.min_gpu == 1
        assert plain.max_discount == Fraction(2, 5)
        assert plain.end is None
        assert plain.rolling is None
        assert not any((PRICES.storage, PRICES.upload, PRICES.download, PRICES.min_bid))
        assert PRICES.platform_fee == 0
        assert plain.machine.disk_mb == 0
        assert plain.machine.verification is Verification.VERIFIED

    def test_it_is_a_value(self) -> None:
        full = listing(end=EPOCH, min_gpu=2, max_discount="0.3")
        for back in (pickle.loads(pickle.dumps(full)), copy.deepcopy(full), attrs.evolve(full)):
            assert back == full
            assert hash(back) == hash(full)
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            full.min_gpu = 4  # type: ignore[misc]  # the point of the test

    def test_disk_is_whole_megabytes(self) -> None:
        assert machine(disk_mb=10_500).disk_gb == Decimal("10.5")

    def test_modes_are_named_as_people_write_them(self) -> None:
        assert [mode.value for mode in Mode] == ["on-demand", "reserved", "interruptible"]

    @pytest.mark.parametrize(
        ("field", "value", "kind"),
        [
            ("id", -1, RuleViolation),
            ("id", MAX_ID + 1, RuleViolation),
            ("id", True, WrongType),
            ("id", "7", WrongType),
            ("host", "", RuleViolation),
            ("host", 7, WrongType),
            ("gpu_name", "x" * 201, RuleViolation),
            ("gpu_name", "RTX\n4090", RuleViolation),
            ("gpu_name", "\ud800", RuleViolation),
            ("gpu_name", None, WrongType),
            ("gpus", 0, RuleViolation),
            ("gpus", 4_097, RuleViolation),
            ("gpus", 8.0, WrongType),
            ("disk_mb", -1, RuleViolation),
            ("disk_mb", 10**12 + 1, RuleViolation),
            ("disk_mb", 10.5, WrongType),
            ("verification", "verified", WrongType),
            ("verification", None, WrongType),
        ],
    )
    def test_a_bad_machine_is_refused_by_field(
        self, field: str, value: object, kind: type[RuleViolation]
    ) -> None:
        with pytest.raises(kind, match=rf"^machine\.{field}: need ") as caught:
            machine(**{field: value})
        assert type(caught.value) is kind

    def test_the_limits_are_inside(self) -> None:
        widest = machine(id=MAX_ID, gpus=4_096, disk_mb=10**12, gpu_name="x" * 200, host="h")
        assert widest.gpus == 4_096
        assert machine(id=0, gpus=1).gpus == 1

    @pytest.mark.parametrize(
        ("field", "value"),
        [("machine", None), ("machine", PRICES), ("prices", PerGpuHour(1)), ("prices", {})],
    )
    def test_a_listing_of_another_kind_is_refused(self, field: str, value: object) -> None:
        with pytest.raises(
            WrongType, match=rf"^listing\.{field}: need a (Machine|PriceTerms), got"
        ):
            listing(**{field: value})

    @pytest.mark.parametrize("value", [1, "1", -1, "40", Fraction(3, 2), 0.4, None, True, math.nan])
    def test_a_bad_discount_is_refused(self, value: object) -> None:
        with pytest.raises(
            RuleViolation, match=r"^listing\.max_discount: need a fraction from 0 to"
        ):
            listing(max_discount=value)

    def test_zero_opts_out(self) -> None:
        """G8: "0 opts out"."""
        assert listing(max_discount=0).max_discount == 0
        assert listing(max_discount=Decimal("0.999")).max_discount == Fraction(999, 1_000)


class TestTheEndDate:
    """G2: "A listing is good until its end date. Without an end date it never expires".

    DOMAIN 7: "An end date is fixed, or *rolling* …; not both."
    """

    def test_without_an_end_it_never_expires(self) -> None:
        assert listing().end_at(EPOCH) is None

    def test_a_fixed_end_stays(self) -> None:
        fixed = listing(end=EPOCH)
        assert fixed.end_at(EPOCH - timedelta(days=9)) == EPOCH == fixed.end_at(EPOCH)

    def test_a_rolling_end_moves_with_the_day(self) -> None:
        rolling = listing(rolling=timedelta(days=30))
        assert rolling.end_at(EPOCH) == datetime(2026, 1, 31, tzinfo=UTC)
        berlin = timezone(timedelta(hours=1))
        assert rolling.end_at(EPOCH.astimezone(berlin)) == rolling.end_at(EPOCH)

    def test_an_end_in_any_zone_is_kept_in_utc(self) -> None:
        end = listing(end=EPOCH.astimezone(timezone(timedelta(hours=9)))).end
        assert end == EPOCH
        assert end is not None
        assert end.tzinfo is UTC

    def test_not_both(self) -> None:
        with pytest.raises(
            RuleViolation, match=r"rolling: need an end date or a rolling one, got b"
        ):
            listing(end=EPOCH, rolling=timedelta(days=1))

    @pytest.mark.parametrize("end", [datetime(2026, 1, 1), "2026-01-01", 0])  # noqa: DTZ001
    def test_the_end_is_an_instant(self, end: object) -> None:
        with pytest.raises(RuleViolation, match=r"^listing\.end: need a datetime with a time zone"):
            listing(end=end)

    @pytest.mark.parametrize(
        ("rolling", "need"),
        [
            (timedelta(0), "a duration above zero"),
            (timedelta(-1), "whole seconds, zero or more"),
            (timedelta(microseconds=1), "whole seconds"),
            (30, "a timedelta"),
        ],
    )
    def test_rolling_is_a_duration(self, rolling: object, need: str) -> None:
        with pytest.raises(RuleViolation, match=rf"^listing\.rolling: need {need}"):
            listing(rolling=rolling)

    def test_a_rolling_end_beyond_the_calendar_is_refused(self) -> None:
        endless = listing(rolling=timedelta(days=999_999_999))
        with pytest.raises(RuleViolation, match=r"^listing\.rolling: need a date up to year 9999"):
            endless.end_at(EPOCH)

    def test_now_is_an_instant(self) -> None:
        with pytest.raises(RuleViolation, match=r"^now: need a datetime with a time zone"):
            listing(rolling=timedelta(days=1)).end_at(datetime(2026, 1, 1))  # noqa: DTZ001


class TestMinGpu:
    """G5, ``min_gpu``: "the smallest grouping of GPUs that can be rented, in powers of 2"."""

    @given(machine_shapes())
    def test_any_power_of_two_up_to_the_machine(self, shape: tuple[int, int]) -> None:
        gpus, min_gpu = shape
        assert listing(machine=machine(gpus=gpus), min_gpu=min_gpu).min_gpu == min_gpu

    @given(st.integers(1, 4_096), st.integers(1, 8_192))
    def test_and_nothing_else(self, gpus: int, min_gpu: int) -> None:
        allowed = {2**k for k in range(14) if 2**k <= gpus}
        try:
            check_min_gpu(min_gpu, gpus)
        except RuleViolation:
            assert min_gpu not in allowed
        else:
            assert min_gpu in allowed

    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (3, "listing.min_gpu: need a power of two, got 3"),
            (0, "listing.min_gpu: need a whole number from 1, got 0"),
            (-2, "listing.min_gpu: need a whole number from 1, got -2"),
            (16, "listing.min_gpu: need at most the machine's 8 GPUs, got 16"),
            (True, "listing.min_gpu: need a whole number from 1, got True"),
            (2.0, "listing.min_gpu: need a whole number from 1, got 2.0"),
        ],
    )
    def test_the_fault_is_named(self, value: int, text: str) -> None:
        with pytest.raises(RuleViolation) as caught:
            listing(min_gpu=value)
        assert str(caught.value) == text


class TestFloorAbovePrice:
    """DOMAIN 2: "A floor above the on-demand price is legal (18 % of rows): warn, don't refuse"."""

    DEAR = PriceTerms(gpu=PerGpuHour("0.40"), min_bid=PerGpuHour("0.400000000001"))

    def test_it_is_listed_and_warned_of_once_where_it_was_written(self) -> None:
        with pytest.warns(FloorAbovePrice) as caught:
            made = listing(prices=self.DEAR)
        assert made.prices.min_bid > made.prices.gpu
        assert len(caught) == 1
        assert str(caught[0].message) == (
            "machine 7: lowest bid $0.400000000001 above the on-demand $0.40"
        )

    def test_the_warning_points_to_the_caller(self) -> None:
        with pytest.warns(FloorAbovePrice) as caught:
            Listing(machine=machine(), prices=self.DEAR)
        assert Path(caught[0].filename) == Path(__file__)

    def test_an_equal_floor_is_silent(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            listing(prices=PriceTerms(gpu=PerGpuHour(1), min_bid=PerGpuHour(1)))

    def test_it_can_be_meant(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.filterwarnings("ignore", category=FloorAbovePrice)
            listing(prices=self.DEAR)


class TestPriceTerms:
    """DOMAIN 1: "GPU price and bids $/hour; storage $/GB/month; traffic $/GB"."""

    @pytest.mark.parametrize("field", ["gpu", "storage", "upload", "download", "min_bid"])
    @pytest.mark.parametrize("value", [PerHour(1), "1", 1, 0.5, None, Decimal(1)])
    def test_each_price_has_its_own_unit(self, field: str, value: object) -> None:
        prices: dict[str, Any] = {"gpu": PerGpuHour(1), field: value}
        with pytest.raises(WrongType, match=rf"^prices\.{field}: need Per\w+, got"):
            PriceTerms(**prices)

    def test_two_units_cannot_be_swapped(self) -> None:
        with pytest.raises(
            WrongType, match=r"^prices\.storage: need PerGbMonth, got PerGb\('1.00'\)"
        ):
            PriceTerms(gpu=PerGpuHour(1), storage=PerGb(1))  # type: ignore[arg-type]

    @pytest.mark.parametrize("fee", ["0.25", Decimal("0.25"), Fraction(1, 4)])
    def test_a_fee_is_kept_as_a_fraction(self, fee: Any) -> None:
        assert PriceTerms(gpu=PerGpuHour(1), platform_fee=fee).platform_fee == Fraction(1, 4)

    @pytest.mark.parametrize("fee", [1, -1, "1.5", Fraction(1), Fraction(-1, 9), 0.25, True, None])
    def test_a_bad_fee_is_refused(self, fee: Any) -> None:
        with pytest.raises(
            RuleViolation, match=r"^prices\.platform_fee: need a fraction from 0 to"
        ):
            PriceTerms(gpu=PerGpuHour(1), platform_fee=fee)

    def test_it_is_a_value(self) -> None:
        terms = PriceTerms(
            gpu=PerGpuHour(1), storage=PerGbMonth("0.1"), platform_fee=Fraction(1, 3)
        )
        back = pickle.loads(pickle.dumps(terms))
        assert back == terms
        assert hash(back) == hash(terms)
        assert terms != PriceTerms(gpu=PerGpuHour(1), storage=PerGbMonth("0.1"))


class TestPlatformFee:
    """DOMAIN 2: "client price = host price / (1 − fee)".

    "One fee for GPU, disk, traffic and min bid; 25 % fits 92 % of rows."
    """

    def test_worked_example(self) -> None:
        terms = PriceTerms.from_host(platform_fee="0.25", gpu=PerGpuHour("0.3"))
        assert terms.gpu == PerGpuHour("0.40")
        assert terms.platform_fee == Fraction(1, 4)
        assert terms.storage == PerGbMonth(0)

    @given(
        per_gpu_hours.filter(lambda r: r.steps < 10**16),
        per_gb_months.filter(lambda r: r.steps < 10**16),
        per_gbs.filter(lambda r: r.steps < 10**16),
        shares,
    )
    def test_the_host_gets_its_price_to_a_pico_dollar(
        self, gpu: PerGpuHour, storage: PerGbMonth, traffic: PerGb, fee: Fraction
    ) -> None:
        terms = PriceTerms.from_host(
            platform_fee=fee,
            gpu=gpu,
            storage=storage,
            upload=traffic,
            download=traffic,
            min_bid=gpu,
        )
        pairs = [
            (terms.gpu, gpu),
            (terms.storage, storage),
            (terms.upload, traffic),
            (terms.download, traffic),
            (terms.min_bid, gpu),
        ]
        for client, host in pairs:
            assert type(client) is type(host)
            assert abs(client.steps * (1 - fee) - host.steps) <= 1
            assert client.steps == round(host.steps / (1 - fee))

    def test_no_fee_changes_nothing(self) -> None:
        assert PriceTerms.from_host(platform_fee=0, gpu=PerGpuHour("0.40")) == PRICES

    @pytest.mark.parametrize("prices", [{}, {"gpu": PerGpuHour(1), "sotrage": PerGbMonth(1)}])
    def test_prices_are_named(self, prices: dict[str, Any]) -> None:
        """And type checkers know the names: see ``tests/typed/refused.py``."""
        with pytest.raises(TypeError, match=r"gpu|sotrage"):
            PriceTerms.from_host(platform_fee=0, **prices)

    @pytest.mark.parametrize("value", ["0.3", 0.3, None])
    def test_prices_are_rates(self, value: Any) -> None:
        with pytest.raises(WrongType, match=r"^prices\.gpu: need PerGpuHour, got"):
            PriceTerms.from_host(platform_fee=0, gpu=value)

    def test_of_the_right_kind(self) -> None:
        with pytest.raises(WrongType, match=r"^prices\.gpu: need PerGpuHour, got PerHour"):
            PriceTerms.from_host(platform_fee=0, gpu=PerHour(1))  # type: ignore[arg-type]

    @pytest.mark.parametrize("fee", [1, "1", -1, 0.25])
    def test_a_fee_of_everything_is_refused(self, fee: Any) -> None:
        with pytest.raises(
            RuleViolation, match=r"^platform_fee: need a fraction from 0 to below 1"
        ):
            PriceTerms.from_host(platform_fee=fee, gpu=PerGpuHour(1))


class TestChecksForOtherModules:
    """The checks are public: contracts and offers use them too."""

    def test_ids(self) -> None:
        check_id(0, "x")
        check_id(MAX_ID, "x")
        with pytest.raises(RuleViolation, match=r"^x: need a whole number from 0 to 9,223,"):
            check_id(MAX_ID + 1, "x")

    @given(st.text(max_size=12))
    def test_text_is_printable(self, text: str) -> None:
        if 1 <= len(text) <= 10 and text.isprintable():
            check_text(text, "x", longest=10)
            text.encode()
        else:
            with pytest.raises(RuleViolation, match=r"^x: need 1 to 10 printable characters"):
                check_text(text, "x", longest=10)
