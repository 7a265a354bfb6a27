"""What can be rented for a stay, against a filter that looks at each rule by itself."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest
from attrs import evolve

from market_world import ANN, prices, second, world
from numgenius_core import (
    MachineId,
    Mode,
    Money,
    Offer,
    OfferId,
    PerGbMonth,
    PerGpuHour,
    PerHour,
    PriceTerms,
    Verification,
    quote,
)
from numgenius_core.errors import RentalTooLong, RuleViolation, WrongType
from numgenius_core.market import views
from numgenius_core.market.commands import AddCredit, Prepay
from numgenius_core.prices import (
    CurveSchedule,
    LeftOut,
    NotRented,
    StayRisk,
    StepSchedule,
    compare_modes,
    rank_offers,
)
from numgenius_core.search import parse
from numgenius_core.sla import Promise

NOW = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = 86_400
OFFER = Offer(
    id=OfferId(1),
    machine=MachineId(7),
    gpu_name="A100",
    gpus=2,
    prices=PriceTerms(
        gpu=PerGpuHour("0.50"), storage=PerGbMonth("0.72"), min_bid=PerGpuHour("0.20")
    ),
    disk_mb=100_000,
    max_discount=Fraction(2, 5),
)
FREE = PriceTerms(gpu=PerGpuHour(0), min_bid=PerGpuHour(0))


def drawn(rng: random.Random, number: int) -> Offer:
    """Return an offer that may fail any of the rules."""
    unknown = tuple(name for name in ("gpu", "storage", "min_bid") if rng.random() < 0.1)
    prices = {
        "gpu": PerGpuHour(0 if "gpu" in unknown else rng.choice(["0.5", "1", "1.5"])),
        "storage": PerGbMonth(0 if "storage" in unknown else rng.choice(["0", "0.72"])),
        "min_bid": PerGpuHour(0 if "min_bid" in unknown else rng.choice(["0", "0.2", "33"])),
    }
    said: dict[str, Any] = {"verification": rng.choice([None, "", "verified", "unverified"])}
    said["external"] = rng.choice([None, False, True, "False"])
    verified = said["verification"] == "verified"
    return evolve(
        OFFER,
        id=OfferId(rng.choice([number, number, number, max(number - 1, 0)])),
        prices=PriceTerms(**prices),  # type: ignore[arg-type]
        gpus=rng.choice([1, 2, 4]),
        rentable=rng.random() < 0.8,
        disk_mb=rng.choice([0, 9_999, 10_000, 50_000]),
        ends_at=rng.choice([None, NOW + 9 * HOUR, NOW + 10 * HOUR, NOW + 99 * HOUR]),
        verification=Verification.VERIFIED if verified else Verification.UNVERIFIED,
        promise=rng.choice([None, Promise("0.9"), Promise("0.95")]),
        extra=rng.choice([said, said, {}]),
        unknown_prices=unknown,
    )


def slow_reason(  # noqa: C901, PLR0911, PLR0912 - the rules, one after the other
    offer: Offer, seen: set[int], mode: Mode, disk: int, bid: str | None, target: str | None
) -> NotRented | None:
    """Return the first reason against ten hours on an offer, rule by rule."""
    prices, whole = offer.prices, offer.gpus
    if offer.id in seen:
        return NotRented.REPEATED
    if whole == 4:
        return NotRented.WHERE
    if not offer.rentable:
        return NotRented.NOT_RENTABLE
    if offer.ends_at and (offer.ends_at - NOW).total_seconds() < 36_000:
        return NotRented.ENDS
    if offer.disk_mb / 1_000 < disk:
        return NotRented.DISK if offer.disk_mb or not offer.extra else NotRented.DISK_UNKNOWN
    verified = offer.verification is Verification.VERIFIED
    if not verified and (not offer.extra or offer.extra["verification"]):
        return NotRented.NOT_VERIFIED
    if offer.extra and offer.extra["external"] is True:
        return NotRented.EXTERNAL
    if target and (offer.promise is None or offer.promise.claim < Fraction(target)):
        return NotRented.CLAIM
    if mode == Mode.RESERVED and not verified:
        return NotRented.NO_RESERVED_PRICE
    if mode == Mode.INTERRUPTIBLE:
        floor = max(prices.min_bid.to_decimal() * whole, PerHour("0.001").to_decimal())
        wanted = floor if bid is None else PerHour(bid).to_decimal()
        if not floor <= wanted <= 32 * whole:
            return NotRented.BID
        if bid is None and "min_bid" in offer.unknown_prices:
            return NotRented.PRICE_UNKNOWN
    elif "gpu" in offer.unknown_prices:
        return NotRented.PRICE_UNKNOWN
    if disk and "storage" in offer.unknown_prices:
        return NotRented.PRICE_UNKNOWN
    return None


class TestWhatFitsAndWhatDoesNot:
    """One function for all who ask: quotes in order, and the rest with its reasons."""

    @pytest.mark.parametrize("mode", list(Mode))
    @pytest.mark.parametrize("bid", [None, "0.3"])
    @pytest.mark.parametrize("target", [None, "0.95"])
    @pytest.mark.parametrize("disk", [0, 10])
    def test_against_every_rule_by_itself(
        self, mode: Mode, bid: str | None, target: str | None, disk: int
    ) -> None:
        if bid is not None and mode is not Mode.INTERRUPTIBLE:
            return
        if target is not None and mode is not Mode.ON_DEMAND:
            return
        rng = random.Random(f"{mode}{bid}{disk}{target or ''}")
        met = set()
        for _ in range(60):
            market = [drawn(rng, number) for number in range(1, 9)]
            ranking = rank_offers(
                market,
                10 * HOUR,
                now=NOW,
                mode=mode,
                disk=disk,
                bid=None if bid is None else PerHour(bid),
                target=target,
                where=lambda offer: offer.gpus != 4,
                verified=True,
                external=False,
            )
            wanted: list[tuple[Offer, NotRented | None]] = []
            seen: set[int] = set()
            for offer in market:
                wanted.append((offer, slow_reason(offer, seen, mode, disk, bid, target)))
                seen.add(offer.id)
            assert [(each.offer, each.reason) for each in ranking.left_out] == [
                (offer, why) for offer, why in wanted if why is not None
            ]
            fitting = [offer for offer, why in wanted if why is None]
            assert sorted(each.offer.id for each in ranking.quotes) == sorted(
                offer.id for offer in fitting
            )
            totals = [(each.total, each.offer.id) for each in ranking.quotes]
            assert totals == sorted(totals)
            assert sum(ranking.counts().values()) + len(ranking.quotes) == len(market)
            assert list(ranking.counts()) == list(NotRented)
            met |= {why for _, why in wanted}
        assert len(met) >= 7

    def test_every_reason_is_told(self) -> None:
        bad = evolve(OFFER, rentable=False, disk_mb=0, ends_at=NOW)
        (left,) = rank_offers([bad], HOUR, now=NOW, disk=1).left_out
        assert left.reasons == (NotRented.NOT_RENTABLE, NotRented.ENDS, NotRented.DISK)
        assert left.reason is NotRented.NOT_RENTABLE

    @pytest.mark.parametrize("mode", list(Mode))
    def test_what_is_rented_on_demand_fits_in_no_mode(self, mode: Mode) -> None:
        """A bid on it would wait; one on GPUs on which only bids run would not."""
        held = evolve(OFFER, rentable=False)
        ranking = rank_offers([held, evolve(OFFER, id=OfferId(2))], HOUR, now=NOW, mode=mode)
        assert [each.offer.id for each in ranking.quotes] == [2]
        (left,) = ranking.left_out
        assert (left.offer, left.reasons) == (held, (NotRented.NOT_RENTABLE,))

    def test_nothing_is_left_out_for_no_reason(self) -> None:
        with pytest.raises(RuleViolation, match=r"^left_out\.reasons: need at least one, got none"):
            LeftOut(offer=OFFER, reasons=())

    def test_an_offer_fits_to_its_last_second_and_megabyte(self) -> None:
        last = evolve(OFFER, ends_at=NOW + HOUR)
        assert rank_offers([last], HOUR, now=NOW, disk=100).quotes
        assert not rank_offers([last], HOUR + timedelta(seconds=1), now=NOW).quotes
        assert not rank_offers([last], HOUR, now=NOW, disk="100.001").quotes
        beyond = timedelta(days=999_999_999)
        assert rank_offers([last], beyond, now=NOW).counts()[NotRented.ENDS] == 1

    def test_disk_that_is_not_known_is_not_none(self) -> None:
        silent = evolve(OFFER, disk_mb=0, extra={"gpu_name": "A100"})
        for disk, reasons in ((0, []), (1, [(NotRented.DISK_UNKNOWN,)])):
            ranking = rank_offers([silent], HOUR, now=NOW, disk=disk)
            assert [each.reasons for each in ranking.left_out] == reasons
        for key in ("disk_space", "disk_space_gb"):
            none = evolve(silent, extra={key: 0})
            assert rank_offers([none], HOUR, now=NOW, disk=1).counts()[NotRented.DISK] == 1

    @pytest.mark.parametrize(
        ("extra", "most"),
        [
            ({"duration": 7_200.9}, 7_200),
            ({"duration_seconds": "7200.9"}, 7_200),
            ({"duration": None, "duration_seconds": "60"}, 60),
            ({"duration": ""}, None),
            ({"duration": True}, None),
            ({"duration": "long"}, None),
            ({"duration": "1e400"}, None),
            ({"duration": [7_200]}, None),
            ({}, None),
        ],
    )
    def test_an_offer_that_says_how_long_it_lasts_and_not_until_when(
        self, extra: dict[str, Any], most: int | None
    ) -> None:
        offer = evolve(OFFER, extra=extra)
        long = timedelta(seconds=10**9 if most is None else most)
        assert rank_offers([offer], long, now=NOW).quotes
        if most is not None:
            (left,) = rank_offers([offer], long + timedelta(seconds=1), now=NOW).left_out
            assert left.reasons == (NotRented.ENDS,)

    def test_a_bid_below_the_lowest_fits_nothing(self) -> None:
        open_to_all = evolve(OFFER, prices=evolve(OFFER.prices, min_bid=PerGpuHour(0)))
        for bid, fits in (("0.0009", 0), ("0.001", 1), ("64", 1), ("64.01", 0)):
            ranking = rank_offers(
                [open_to_all], HOUR, now=NOW, mode=Mode.INTERRUPTIBLE, bid=PerHour(bid)
            )
            assert (len(ranking.quotes), ranking.counts()[NotRented.BID]) == (fits, 1 - fits)

    @pytest.mark.parametrize("gpu", ["1", "0.123456789012"])  # its deposit of a month is rounded up
    @pytest.mark.parametrize("share", ["0", "0.4"])
    @pytest.mark.parametrize("ends", [1, 29, 30, 31, 90, None])
    @pytest.mark.parametrize("months", ["0.5", "1", "1.01", "3", "40"])
    def test_a_reservation_fits_where_the_market_takes_its_deposit(
        self, months: str, ends: int | None, share: str, gpu: str
    ) -> None:
        """DOMAIN 13: "A prepayment must fit before the contract's end"."""
        end = None if ends is None else ends * DAY
        until = None if end is None else second(end)
        w = world(1, prices(gpu), end=until, max_discount=share)
        w.do(AddCredit(account=ANN, amount=Money(50_000)))
        (offer,) = views.offers(w.market, w.now)
        stay: dict[str, Any] = {"mode": Mode.RESERVED, "months": months}
        ranking = rank_offers([offer], HOUR, now=w.now, **stay)
        contract = w.rent(1)
        deposit = quote(offer, HOUR, **stay).deposit
        if share == "0":  # there is nothing to prepay, and the stay itself fits
            assert ranking.quotes
            return
        assert deposit is not None
        try:
            w.do(Prepay(by=ANN, contract=contract, amount=deposit))
        except RentalTooLong:
            assert [each.reasons for each in ranking.left_out] == [(NotRented.RESERVATION,)]
        else:
            assert ranking.quotes

    def test_a_stay_and_its_months_can_both_be_too_long(self) -> None:
        short = evolve(OFFER, ends_at=NOW + HOUR)
        (left,) = rank_offers([short], 2 * HOUR, now=NOW, mode=Mode.RESERVED, months=1).left_out
        assert left.reasons == (NotRented.ENDS, NotRented.RESERVATION)
        (left,) = rank_offers([short], 2 * HOUR, now=NOW, mode=Mode.RESERVED).left_out
        assert left.reasons == (NotRented.ENDS,)
        ended = evolve(OFFER, ends_at=NOW - HOUR)
        (left,) = rank_offers([ended], HOUR, now=NOW, mode=Mode.RESERVED, months=1).left_out
        assert left.reasons == (NotRented.ENDS, NotRented.RESERVATION)
        (left,) = rank_offers([ended], HOUR, now=NOW, mode=Mode.RESERVED, months=0).left_out
        assert left.reasons == (NotRented.ENDS,)  # nothing is prepaid

    def test_a_schedule_of_ones_own_has_the_same_end(self) -> None:
        month = evolve(OFFER, ends_at=NOW + 720 * HOUR, max_discount=0)
        steps = StepSchedule.of({1: "0.1"})
        for months, fits in ((1, True), (2, False)):
            stay: dict[str, Any] = {"mode": Mode.RESERVED, "months": months, "schedule": steps}
            assert bool(rank_offers([month], HOUR, now=NOW, **stay).quotes) is fits

    def test_what_a_quote_takes_goes_into_it(self) -> None:
        stay = {"disk": 50, "upload": 0, "download": 0, "months": "0.5"}
        schedule = CurveSchedule("0.1")
        more: dict[str, Any] = {**stay, "mode": Mode.RESERVED, "schedule": schedule}
        (found,) = rank_offers([OFFER], 360 * HOUR, now=NOW, **more).quotes
        assert found == quote(OFFER, 360 * HOUR, **more)

    @pytest.mark.parametrize(
        ("changes", "need"),
        [
            ({"duration": timedelta(0)}, "duration: need at least a second"),
            ({"bid": PerHour(1)}, "bid: need none for on-demand"),
            ({"months": 1}, "months: need none for on-demand"),
            ({"disk": -1}, "disk: need"),
            ({"now": datetime(2026, 1, 1)}, "now: need a datetime with a time zone"),  # noqa: DTZ001
            ({"mode": "reserved"}, "mode: need"),
            ({"offers": ["x"]}, "offers\\[0\\]: need"),
        ],
    )
    def test_a_stay_that_is_none_is_refused_on_an_empty_market(
        self, changes: dict[str, Any], need: str
    ) -> None:
        asked = {"offers": [], "duration": HOUR, "now": NOW, **changes}
        with pytest.raises(RuleViolation, match=f"^{need}"):
            rank_offers(asked.pop("offers"), asked.pop("duration"), **asked)


class TestWhere:
    """Which offers to look at is a function of an offer, as a query has one."""

    @pytest.mark.parametrize("wrong", [parse("num_gpus=4"), "num_gpus=4", 4, True])
    @pytest.mark.parametrize("ask", [rank_offers, compare_modes])
    def test_what_is_no_function(self, ask: Any, wrong: object) -> None:
        need = "where: need a function of an offer, such as query.matches, got "
        for more in ({}, {"target": "0.9"}):
            for offers in ([OFFER], []):
                with pytest.raises(WrongType) as fault:
                    ask(offers, HOUR, now=NOW, where=wrong, **more)
                assert str(fault.value).startswith(need)

    @pytest.mark.parametrize("ask", [rank_offers, compare_modes])
    def test_a_query_has_one(self, ask: Any) -> None:
        none = ask([OFFER], HOUR, now=NOW, where=parse("num_gpus>64").matches)
        assert not none.to_dicts()
        every = ask([OFFER], HOUR, now=NOW, where=parse("num_gpus<65").matches)
        assert len(every.to_dicts()) == 1


class TestARankingIsAResultLikeOthers:
    """It prints as its table, is one in a notebook, has its rows as numbers, and a short repr."""

    def test_its_table(self) -> None:
        silent = evolve(
            OFFER,
            id=OfferId(2),
            prices=evolve(OFFER.prices, gpu=PerGpuHour(0)),
            unknown_prices=("gpu",),
        )
        market = [
            OFFER,
            silent,
            *(evolve(OFFER, id=OfferId(n), disk_mb=0) for n in range(3, 1_004)),
        ]
        bids: dict[str, Any] = {"mode": Mode.INTERRUPTIBLE, "disk": 10}
        ranking = rank_offers(market, 100 * HOUR, now=NOW, **bids)
        table = (
            "interruptible: 2 of 1,003 offers fit; left out: disk 1,001\n"  # 10 GB: a cent an hour
            "offer        total $  all in $/h  on demand $/h\n"
            "1: 2 × A100    41.00      0.4100         1.0000\n"
            "2: 2 × A100    41.00      0.4100              ?"
        )
        assert str(ranking) == table
        assert ranking._repr_html_().count("<tr>") == 3
        first, second = ranking.to_dicts()
        assert (first["offer"], first["gpus"], first["total"], first["gpu"]) == (1, 2, 41.0, 40.0)
        assert second == first | {"offer": 2, "headline": None}
        assert ranking.left_out[0].to_dict()["reasons"] == "disk"
        assert len(repr(ranking)) < 2_500
        assert repr(ranking).endswith("left_out=<1,001 values>)")

    def test_of_nothing(self) -> None:
        nothing = rank_offers([], HOUR, now=NOW)
        assert str(nothing).splitlines()[0] == "0 of 0 offers fit"
        assert nothing.to_dicts() == []
        assert repr(nothing) == "Ranking(quotes=(), left_out=())"


class TestNeverFreeByAccident:
    """What has no known price has none, and nobody gets GPUs for nothing."""

    @pytest.mark.parametrize("floor", ["0", "0.0001"])
    def test_an_interruptible_costs_at_least_the_lowest_bid(self, floor: str) -> None:
        cheap = evolve(OFFER, prices=evolve(FREE, min_bid=PerGpuHour(floor)))
        assert quote(cheap, 10 * HOUR, mode=Mode.INTERRUPTIBLE).total.to_decimal(2) == Fraction(
            "0.01"
        )

    @pytest.mark.parametrize("bid", ["0", "0.0009", "0.39", "64.01"])
    def test_a_bid_that_no_rental_takes_is_refused(self, bid: str) -> None:
        with pytest.raises(RuleViolation, match=r"^bid: need 0\.40 to 64\.00 \$/hour for 2"):
            quote(OFFER, HOUR, mode=Mode.INTERRUPTIBLE, bid=PerHour(bid))

    @pytest.mark.parametrize(
        ("name", "stay"),
        [
            ("gpu", {}),
            ("gpu", {"mode": Mode.RESERVED}),
            ("min_bid", {"mode": Mode.INTERRUPTIBLE}),
            ("storage", {"disk": 1}),
            ("upload", {"upload": 1}),
            ("download", {"download": 1}),
        ],
    )
    def test_a_price_that_is_needed_and_not_known(self, name: str, stay: dict[str, Any]) -> None:
        silent = evolve(OFFER, prices=FREE, unknown_prices=(name,))
        with pytest.raises(
            RuleViolation, match=f"^offer.prices.{name}: need a price that is known"
        ):
            quote(silent, HOUR, **stay)
        ranking = rank_offers([silent], HOUR, now=NOW, **stay)
        assert ranking.counts()[NotRented.PRICE_UNKNOWN] == 1
        others = evolve(silent, unknown_prices=tuple({"gpu", "storage", "upload"} - {name}))
        if stay == {"mode": Mode.INTERRUPTIBLE}:
            assert rank_offers([others], HOUR, now=NOW, **stay).quotes

    def test_it_is_not_needed(self) -> None:
        silent = evolve(OFFER, prices=evolve(FREE, gpu=PerGpuHour(1)))
        silent = evolve(silent, unknown_prices=("storage", "upload", "download", "min_bid"))
        assert quote(silent, HOUR).total.to_decimal(2) == 2
        bid = PerHour(1)
        assert quote(silent, HOUR, mode=Mode.INTERRUPTIBLE, bid=bid).total.to_decimal(2) == 1
        for name in ("per_hour", "min_bid"):
            with pytest.raises(RuleViolation, match="need a price that is known"):
                getattr(evolve(OFFER, prices=FREE, unknown_prices=("gpu", "min_bid")), name)


class TestEveryModeSideBySide:
    """A stay on demand, reserved and interruptible, with what each risks."""

    def test_what_each_costs_and_risks(self) -> None:
        held = evolve(OFFER, id=OfferId(4), rentable=False)
        silent = evolve(
            OFFER,
            id=OfferId(2),
            prices=evolve(OFFER.prices, gpu=PerGpuHour(0)),
            unknown_prices=("gpu",),
        )
        dear = evolve(OFFER, id=OfferId(3), verification=Verification.UNVERIFIED)
        found = compare_modes([held, silent, OFFER, dear], 720 * HOUR, now=NOW, disk=10)
        assert [each.offer.id for each in found] == [1, 3, 2]
        first, third, second = found
        stay = {"disk": 10}
        for each in first.modes:
            assert each.quote == quote(OFFER, 720 * HOUR, mode=each.mode, **stay)  # type: ignore[arg-type]
        assert first.cheapest.mode is Mode.INTERRUPTIBLE
        assert second.of(Mode.ON_DEMAND).reasons == (NotRented.PRICE_UNKNOWN,)
        assert second.of(Mode.INTERRUPTIBLE).risks == (StayRisk.PAUSED,)
        assert third.of(Mode.RESERVED).reasons == (NotRented.NO_RESERVED_PRICE,)
        assert third.of(Mode.ON_DEMAND).risks == ()

    def test_a_reservation_left_at_the_half(self) -> None:
        """The guide's example: $1 an hour, D = 0.4, a month, left after 15 days: 5 % of $72."""
        (found,) = compare_modes([OFFER], 720 * HOUR, now=NOW)
        reserved = found.of(Mode.RESERVED)
        assert reserved.early_loss is not None
        assert reserved.early_loss.to_decimal(2) == Fraction("3.60")

    def test_a_discount_that_its_source_does_not_say_is_no_price(self) -> None:
        """A snapshot has no column of discounts: its reserved prices are not those on demand."""
        untold = evolve(OFFER, max_discount=0, extra={"num_gpus": 2})
        none = evolve(untold, id=OfferId(2), extra={"num_gpus": 2, "credit_discount_max": 0.0})
        first, second = compare_modes([untold, none], 720 * HOUR, now=NOW)
        assert first.of(Mode.RESERVED).quote is None
        assert first.of(Mode.RESERVED).reasons == (NotRented.DISCOUNT_UNKNOWN,)
        assert second.of(Mode.RESERVED).quote == quote(none, 720 * HOUR, mode=Mode.RESERVED)
        asked: dict[str, Any] = {"now": NOW, "mode": Mode.RESERVED}
        ranking = rank_offers([untold, none], 720 * HOUR, **asked)
        assert [each.offer.id for each in ranking.quotes] == [2]
        assert [each.reason for each in ranking.left_out] == [NotRented.DISCOUNT_UNKNOWN]
        with pytest.raises(
            RuleViolation, match=r"^offer\.max_discount: need a discount that is kn"
        ):
            quote(untold, HOUR, mode=Mode.RESERVED)
        # What the caller says of the discount is known, and so is what was set since it was read.
        schedule = CurveSchedule("0.4")
        assert len(rank_offers([untold], 720 * HOUR, schedule=schedule, **asked).quotes) == 1
        assert quote(untold, HOUR, mode=Mode.RESERVED, schedule=schedule).discount
        set_since = evolve(untold, max_discount=Fraction(2, 5))
        assert quote(set_since, HOUR, mode=Mode.RESERVED).discount
        # Notes of one's own on an offer are no source of it: its fields say all.
        noted = evolve(untold, extra={"reliability": 0.9})
        assert quote(noted, HOUR, mode=Mode.RESERVED).deposit is None
        for text in ("nan", "1e999", "-inf", "1_0"):  # what is no number is none in a table, too
            odd = evolve(untold, extra={"reliability": text})
            (row,) = rank_offers([odd], HOUR, now=NOW).to_dicts()
            assert row["reliability"] is None
        # A machine that is not verified has no reserved price, whatever its discount.
        unverified = evolve(untold, verification=Verification.UNVERIFIED)
        (left,) = rank_offers([unverified], HOUR, **asked).left_out
        assert left.reasons == (NotRented.NO_RESERVED_PRICE,)

    def test_as_a_table(self) -> None:
        record = {"num_gpus": 2, "geolocation": "Quebec, CA"}
        untold = evolve(OFFER, id=OfferId(2), max_discount=0, extra=record)
        dear = evolve(OFFER, id=OfferId(3), verification=Verification.UNVERIFIED)
        found = compare_modes([OFFER, untold, dear], 720 * HOUR, now=NOW)
        assert [line.split() for line in str(found).splitlines()[1:]] == [
            ["1:", "2", "×", "A100", "720.00", "576.00", "+3.60", "288.00"],
            ["2:", "2", "×", "A100", "720.00", "?", "–", "288.00"],
            ["3:", "2", "×", "A100", "720.00", "–", "–", "288.00"],
        ]
        assert "<td" in found._repr_html_()
        first, second, third = found.to_dicts()
        assert (first["reserved"], first["early_loss"]) == (576, 3.6)
        assert (second["reserved"], second["reserved_why_not"]) == (None, "discount_unknown")
        assert (second["geolocation"], second["headline"], second["reliability"]) == (
            "Quebec, CA",
            1,
            None,
        )
        assert third["reserved_why_not"] == "no_reserved_price"
        assert found[0] in found
        assert found[1:] == tuple(found)[1:]

    def test_a_comparison_of_many_has_a_short_repr(self) -> None:
        many = [evolve(OFFER, id=OfferId(n)) for n in range(10)]
        found = compare_modes(many, 720 * HOUR, now=NOW)
        assert repr(found) == "<10 values>"
        assert "modes=<on-demand 720.00, reserved 576.00, interruptible 288.00>" in repr(found[0])

    def test_what_fits_nothing_is_not_there(self) -> None:
        ended = evolve(OFFER, ends_at=NOW)
        assert compare_modes([ended], HOUR, now=NOW) == ()
        with pytest.raises(WrongType):
            compare_modes(7, HOUR, now=NOW)  # type: ignore[arg-type]

    def test_a_promise_is_bought_on_demand_only(self) -> None:
        """DOMAIN 12: on demand only, and a search hides what claims less than the target."""
        keeps = evolve(OFFER, id=OfferId(2), promise=Promise("0.99"))
        weak = evolve(OFFER, id=OfferId(3), promise=Promise("0.9"))
        (found,) = compare_modes([OFFER, keeps, weak], HOUR, now=NOW, target="0.95")
        on_demand, reserved, interruptible = found.modes
        assert found.offer is keeps
        assert on_demand.quote == quote(keeps, HOUR, target="0.95")
        assert on_demand.risks == ()
        assert reserved.quote == quote(keeps, HOUR, mode=Mode.RESERVED)
        assert reserved.risks == (StayRisk.LEFT_EARLY, StayRisk.NO_PROMISE)
        assert interruptible.risks == (StayRisk.PAUSED, StayRisk.NO_PROMISE)
        none = compare_modes([keeps], HOUR, now=NOW, target="0.95", where=lambda _: False)
        assert none == ()
