"""What a reserved search quotes: the discount of the duration that it asks for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, ClassVar

import pytest

from numgenius_core.errors import RuleViolation, WrongType
from numgenius_core.listing import Mode, PriceTerms, Verification
from numgenius_core.offer import Offer
from numgenius_core.rates import PerGbMonth, PerGpuHour
from numgenius_core.search import FIELDS, SearchRequest, View, parse, search

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def an_offer(days: int | None = 380, factor: str = "0.05", **others: Any) -> Offer:
    """Return an offer of $1 an hour that lasts so many days."""
    return Offer(
        id=others.pop("id", 1),
        machine=1,
        gpu_name="A100",
        gpus=1,
        prices=PriceTerms(gpu=PerGpuHour(1)),
        max_discount=Fraction(factor),
        ends_at=None if days is None else NOW + days * DAY,
        verification=others.pop("verification", Verification.VERIFIED),
        **others,
    )


def quoted(offer: Offer, query: str = "", mode: Mode = Mode.RESERVED) -> tuple[Any, Any]:
    """Return the discount and the price that a search quotes, rounded to ten digits."""
    view = SearchRequest(query=parse(query), mode=mode, disk_mb=0).view(NOW)
    found = [FIELDS[name].of(offer, view) for name in ("discount_rate", "discounted_dph_total")]
    return found[0], found[1] if found[1] is None else round(Decimal(str(found[1])), 10)


class TestTheDiscountOfTheDuration:
    """DOMAIN 13: "D = .05, offer 380 days, 90 asked → 0.0375 (a real offer)"."""

    @pytest.mark.parametrize("query", ["duration>=90", "duration>90", "duration=90"])
    def test_as_asked(self, query: str) -> None:
        assert quoted(an_offer(), query) == (Decimal("0.0375"), Decimal("0.9625"))

    def test_the_longest_of_several_counts(self) -> None:
        assert quoted(an_offer(), "duration>30 duration>=90")[0] == Decimal("0.0375")

    def test_any_duration_is_none(self) -> None:
        assert quoted(an_offer(), "duration>=-5") == (0, 1)

    def test_a_source_may_say_none_or_all(self) -> None:
        for said in (0, 1):
            assert quoted(an_offer(extra={"discount_rate": said}), mode=Mode.ON_DEMAND)[0] == said
        for wrong in (-0.1, 1.1):
            assert quoted(an_offer(extra={"discount_rate": wrong}), mode=Mode.ON_DEMAND)[0] is None

    def test_one_at_most_asks_for_none(self) -> None:
        rate, _ = quoted(an_offer(days=90), "duration<=400")
        assert rate == Decimal("0.0375")  # until it ends

    @pytest.mark.parametrize("days", ["90", "200,90"])
    def test_of_several_any_of_which_will_do_the_shortest(self, days: str) -> None:
        assert quoted(an_offer(), f"duration in [{days}]")[0] == Decimal("0.0375")

    def test_an_offer_that_never_ends_and_one_that_ended(self) -> None:
        assert quoted(an_offer(days=None))[0] == Decimal("0.05")
        assert quoted(an_offer(days=-1))[0] == 0
        assert quoted(an_offer(), f"duration>={10**12}")[0] < Decimal("0.05")

    def test_without_a_discount_it_is_in_the_answer_at_its_full_price(self) -> None:
        offers = [an_offer(), an_offer(id=2, factor="0")]
        asked = SearchRequest(query=parse("duration>=90"), mode=Mode.RESERVED, order=())
        assert [each.id for each in search(offers, asked, now=NOW)] == [1, 2]
        assert quoted(offers[1], "duration>=90") == (0, 1)

    def test_what_the_source_says_stands_where_nothing_is_asked(self) -> None:
        said = an_offer(extra={"discount_rate": 0.02, "credit_discount_max": 0.05})
        assert quoted(said)[0] == quoted(said, mode=Mode.ON_DEMAND)[0] == Decimal("0.02")
        assert quoted(said, "duration>=90")[0] == Decimal("0.0375")
        assert quoted(an_offer(extra={"discount_rate": 2}), mode=Mode.ON_DEMAND) == (None, 1)

    def test_on_demand_nothing_is_taken_off(self) -> None:
        assert quoted(an_offer(), "duration>=90", Mode.ON_DEMAND) == (None, 1)

    def test_a_discount_that_is_not_told_is_not_known(self) -> None:
        untold = an_offer(factor="0", extra={"num_gpus": 1})
        assert quoted(untold) == quoted(untold, "duration>=90") == (None, None)
        assert quoted(untold, mode=Mode.ON_DEMAND) == (None, 1)
        assert FIELDS["credit_discount_max"].of(untold, View()) is None
        told = an_offer(factor="0", extra={"num_gpus": 1, "credit_discount_max": 0.0})
        assert quoted(told, "duration>=90") == (0, 1)
        assert FIELDS["credit_discount_max"].of(told, View()) == 0

    def test_a_machine_that_is_not_verified_has_no_reserved_price(self) -> None:
        offer = an_offer(verification=Verification.UNVERIFIED)
        assert quoted(offer, "duration>=90") == (None, 1)

    def test_a_view_takes_a_length_of_time(self) -> None:
        with pytest.raises((WrongType, RuleViolation), match=r"view\.stay"):
            View(stay=90)  # type: ignore[arg-type]


class TestSpeedByDollar:
    """DOMAIN 13: dlperf / dph_total, "on reserved answers / (discounted_dph_total + 0.001)"."""

    SAID: ClassVar = {"dlperf": 50, "total_flops": 20, "dlperf_per_dphtotal": 7}

    def of(self, name: str, view: View, extra: dict[str, Any] | None = None) -> Any:
        """Return a field of an offer of $1 an hour, $0.10 of it for 100 GB."""
        offer = an_offer(extra=self.SAID if extra is None else extra)
        storage = PriceTerms(gpu=PerGpuHour("0.9"), storage=PerGbMonth("0.72"))
        return FIELDS[name].of(offer.with_prices(storage), view)

    def test_of_the_disk_that_is_seen(self) -> None:
        view = View(disk_mb=100_000)
        assert self.of("dlperf_per_dphtotal", view) == 50
        assert self.of("flops_per_dphtotal", view) == 20
        assert self.of("dlperf_per_dphtotal", View(disk_mb=0)) == Decimal("55.555555555556")

    def test_of_a_reservation(self) -> None:
        view = View(disk_mb=100_000, mode=Mode.RESERVED, stay=90 * DAY)
        price = Decimal("1.001") - Decimal("0.9") * Decimal("0.0375")
        assert abs(self.of("dlperf_per_dphtotal", view) - 50 / price) < Decimal("1e-11")

    def test_what_is_not_known_stays_as_the_source_has_it(self) -> None:
        assert self.of("dlperf_per_dphtotal", View(), {"dlperf_per_dphtotal": 7}) == 7
        assert self.of("flops_per_dphtotal", View(), {"dlperf": 50}) is None

    def test_nothing_is_fast_for_nothing(self) -> None:
        free = an_offer(extra=self.SAID).with_prices(PriceTerms(gpu=PerGpuHour(0)))
        assert FIELDS["dlperf_per_dphtotal"].of(free, View()) is None
