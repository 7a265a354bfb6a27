"""Quotes: what a stay really costs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, strategies as st

from market_world import ANN, BOB, HOST, World, prices as terms
from numgenius_core.billing import (
    Fact,
    History,
    LineKind,
    Moved,
    Prepaid,
    Refunded,
    Statement,
    Transferred,
    deposit_left,
    discount_received,
    statement,
)
from numgenius_core.contracts import InstanceEvent, agree
from numgenius_core.errors import RuleViolation
from numgenius_core.ids import AccountId, ContractId, MachineId, OfferId
from numgenius_core.intervals import Interval
from numgenius_core.listing import Listing, Machine, Mode, PriceTerms, Verification
from numgenius_core.market import commands as c, find_event, views
from numgenius_core.market.events import ContractPrepaid
from numgenius_core.money import Money
from numgenius_core.offer import Block, Offer
from numgenius_core.planning import cost_of_stay
from numgenius_core.prices import CurveSchedule, Quote, QuotePart, StepSchedule, quote
from numgenius_core.prices.deposits import refundable
from numgenius_core.rates import PerGb, PerGbMonth, PerGpuHour, PerHour
from numgenius_core.sla import Promise
from numgenius_core.testing import books_of, price_terms, shares
from numgenius_core.units import SECONDS_PER_MONTH

HOUR = timedelta(hours=1)
TERMS = PriceTerms(
    gpu=PerGpuHour("0.40"),
    storage=PerGbMonth("0.15"),
    upload=PerGb("0.01"),
    download=PerGb("0.002"),
    min_bid=PerGpuHour("0.10"),
    platform_fee=Fraction(1, 4),
)
PLATFORMS = st.sampled_from([Fraction(1, 3), Fraction("0.3333"), Fraction(1, 7), Fraction(1, 4)])
"""Shares of the platform: of most prices these are no whole number of steps."""
STEPS = st.integers(0, 20) | st.integers(10**8, 10**13)
AWKWARD = st.builds(
    PriceTerms,
    gpu=STEPS.map(PerGpuHour.from_steps),
    storage=STEPS.map(PerGbMonth.from_steps),
    upload=STEPS.map(PerGb.from_steps),
    download=STEPS.map(PerGb.from_steps),
    platform_fee=PLATFORMS,
)
BID = PerHour("0.404040404041")


def offer(prices: PriceTerms = TERMS, **more: Any) -> Offer:
    facts = {"id": OfferId(1), "machine": MachineId(2), "gpu_name": "RTX 4090", "gpus": 4}
    return Offer(prices=prices, max_discount=Fraction(2, 5), **{**facts, **more})


class TestIdentities:
    """DOMAIN 2: dph_total = dph_base + storage_cost · disk_GB / 720."""

    def test_an_hour_with_disk_is_the_total_the_market_shows(self) -> None:
        priced = quote(offer(), HOUR, disk=8)
        assert priced.total == Money("1.60") + PerGbMonth("0.15").charge(8_000, 3_600)

    def test_every_line_of_a_stay(self) -> None:
        priced = quote(offer(), timedelta(hours=72), disk=200, upload=10, download=500)
        assert [(line.kind.value, line.amount) for line in priced.lines] == [
            ("gpu", Money("115.20")),
            ("storage", Money("3.00")),
            ("upload", Money("0.10")),
            ("download", Money("1.00")),
        ]
        assert priced.total == Money("119.30")
        assert priced.per_hour(6) == Decimal("1.656944")
        assert (priced.payout, priced.fee) == (Money("89.475"), Money("29.825"))

    def test_the_discount_is_on_the_gpu_part_only(self) -> None:
        priced = quote(offer(), timedelta(days=30), mode=Mode.RESERVED, disk=100)
        assert priced.discount == Fraction(1, 5)
        assert priced.amount_of(QuotePart.DISCOUNT) == -Money("230.40")
        assert priced.amount_of(QuotePart.STORAGE) == Money("15.00")
        assert priced.deposit == Money("921.60")
        assert quote(offer(), HOUR, mode=Mode.RESERVED, months=3).discount == Fraction(3, 10)

    def test_a_bid_that_would_wait_is_told_so(self) -> None:
        """A market quotes the bid that runs, $4; it takes one of $0.50, which cannot run now."""
        w = World()
        w.do(c.AddCredit(account=ANN, amount=Money(100)))
        w.do(c.AddCredit(account=BOB, amount=Money(100)))
        w.add(4)
        w.list(terms(2, min_bid="0.10"))
        w.rent(4, bid=4)
        [offer] = [each for each in views.offers(w.market, w.now) if each.gpus == 4]
        assert (offer.min_bid, offer.prices.min_bid) == (PerHour(4), PerGpuHour(1))
        bids = Mode.INTERRUPTIBLE
        told = r"bid: need 4\.00 to 128\.00 .*min_bid; .* a lower one waits\), got 0\.50"
        with pytest.raises(RuleViolation, match=told):
            quote(offer, HOUR, mode=bids, bid=PerHour("0.50"))
        for wrong in ("0.0009", "128.01"):  # neither is taken by any market
            with pytest.raises(RuleViolation, match=r"for 4 GPU\(s\), got"):
                quote(offer, HOUR, mode=bids, bid=PerHour(wrong))
        assert w.state(w.rent(4, by=BOB, bid="0.50", load=False)) == "paused"

    def test_an_interruptible_pays_its_bid(self) -> None:
        assert quote(offer(), HOUR, mode=Mode.INTERRUPTIBLE).total == Money("0.40")
        bid = PerHour("0.55")
        assert quote(offer(), HOUR, mode=Mode.INTERRUPTIBLE, bid=bid).total == Money("0.55")
        floor = PerHour("0.40")
        assert quote(offer(), HOUR, mode=Mode.INTERRUPTIBLE, bid=floor).total == Money("0.40")

    @given(price_terms(), st.integers(1, 10**7), st.integers(0, 5_000), st.integers(0, 500))
    def test_lines_add_up_and_so_do_host_and_platform(
        self, prices: PriceTerms, seconds: int, disk: int, traffic: int
    ) -> None:
        stay = timedelta(seconds=seconds)
        priced = quote(offer(prices), stay, disk=disk, upload=traffic, download=traffic)
        assert sum(line.amount for line in priced.lines) == priced.total
        assert priced.payout + priced.fee == priced.total
        rounded = sum(amount for _, amount in priced.rounded_lines())
        assert rounded == priced.total.to_decimal()

    @pytest.mark.parametrize(
        ("duration", "facts"),
        [
            (timedelta(0), {}),
            (-HOUR, {}),
            (3600, {}),
            (HOUR, {"disk": "-1"}),
            (HOUR, {"disk": 1.5}),
            (HOUR, {"download": "nan"}),
            (HOUR, {"bid": PerHour(1)}),
            (HOUR, {"months": 1}),
            (HOUR, {"mode": "on-demand"}),
            (HOUR, {"mode": Mode.INTERRUPTIBLE, "bid": PerHour("0.39")}),
            (HOUR, {"mode": Mode.INTERRUPTIBLE, "bid": 1}),
            (HOUR, {"mode": Mode.RESERVED, "schedule": "curve"}),
        ],
    )
    def test_bad_questions_are_refused(self, duration: Any, facts: Any) -> None:
        with pytest.raises(RuleViolation):
            quote(offer(), duration, **facts)

    def test_an_unverified_machine_has_no_reserved_price(self) -> None:
        with pytest.raises(RuleViolation, match="verified"):
            quote(offer(verification=Verification.UNVERIFIED), HOUR, mode=Mode.RESERVED)


class TestAReservationCostsWhatItIsBilled:
    """DOMAIN 4: $1/h, D = 0.4, one month: "cancelled after 15 days 288 − 1.05 · 72 = 212.40"."""

    DOLLAR = evolve(TERMS, gpu=PerGpuHour("0.25"))

    def lines(self, stay: timedelta, **more: Any) -> dict[str, Money]:
        priced = quote(offer(self.DOLLAR), stay, mode=Mode.RESERVED, **more)
        return {line.kind.value: line.amount for line in priced.lines if line.amount}

    def test_left_early_it_forfeits_part_of_the_deposit(self) -> None:
        assert self.lines(timedelta(days=15), months=1) == {
            "gpu": Money(360),
            "discount": Money(-72),
            "forfeit": Money("75.60"),  # 576 − 212.40 = 360 − 72 + 75.60
        }

    def test_stayed_on_it_goes_on_on_demand(self) -> None:
        assert self.lines(timedelta(days=31), months=1) == {
            "gpu": Money(744),
            "discount": Money(-144),
        }

    def test_nothing_prepaid_is_on_demand(self) -> None:
        assert self.lines(HOUR, months=0) == {"gpu": Money(1)}
        steps = StepSchedule.of({0: "0.5"})
        assert self.lines(HOUR, months=0, schedule=steps) == {"gpu": Money(1)}

    def test_the_stay_is_prepaid_if_nothing_is_said(self) -> None:
        month = timedelta(days=30)
        assert self.lines(month) == self.lines(month, months=1)
        assert self.lines(month) == {"gpu": Money(720), "discount": Money(-144)}

    @given(
        steps=STEPS,
        factor=st.sampled_from([Fraction(2, 5), Fraction(0), Fraction(9_999, 10_000)]),
        months=st.sampled_from([Fraction(1), Fraction(0), Fraction(1, 3)]) | st.fractions(0, 24),
        share=st.sampled_from([Fraction(1), Fraction(1, 2)]) | st.fractions(0, 2),
        more=st.integers(-1, 1),
        disk=st.sampled_from([0, 100]),
        kept=PLATFORMS,
    )
    def test_to_the_tick_second_by_second(
        self,
        steps: int,
        factor: Fraction,
        months: Fraction,
        share: Fraction,
        more: int,
        disk: int,
        kept: Fraction,
    ) -> None:
        gpu = PerGpuHour.from_steps(steps)
        terms = evolve(TERMS, gpu=gpu, min_bid=PerGpuHour(0), platform_fee=kept)
        stay = timedelta(seconds=max(1, int(months * share * SECONDS_PER_MONTH) + more))
        priced = quote(
            evolve(offer(terms), max_discount=factor),
            stay,
            mode=Mode.RESERVED,
            months=months,
            disk=disk,
            upload=disk,
        )
        bill = billed(priced, disk=disk, upload=disk)
        assert split(priced) == split(bill)
        assert priced.amount_of(QuotePart.FORFEIT) == bill.amount_of(LineKind.FORFEIT)
        assert bill.total == bill.billed
        stay_alone = cost_of_stay(
            priced.offer.per_hour, CurveSchedule(factor), months=months, stay=stay
        )
        used = bill.amount_of(LineKind.STORAGE, LineKind.UPLOAD)
        assert stay_alone == priced.total - used


class TestAReservedQuoteIsWhatTheMarketCharges:
    """docs/rules/prices.md: "A reservation costs what it will be billed, to the tick"."""

    @staticmethod
    def charged(
        prices: PriceTerms, factor: Fraction, stay: timedelta, *, gpus: int = 4, **more: Any
    ) -> tuple[Quote, tuple[Money, Money, Money]]:
        """Return a quote, and what the market charges the client that takes it."""
        w, credit = World(), Money(10**9)
        w.do(c.AddCredit(account=ANN, amount=credit))
        w.add(gpus)
        w.list(prices, max_discount=factor, min_gpu=gpus)
        (listed,) = views.offers(w.market, w.now)
        priced = quote(listed, stay, mode=Mode.RESERVED, **more)
        contract = w.rent(gpus)
        if priced.deposit is not None:
            prepaid = w.do(c.Prepay(by=ANN, contract=contract, amount=priced.deposit))
            assert find_event(prepaid, ContractPrepaid).discount == priced.discount
        w.do(c.Destroy(by=ANN, contract=contract), priced.seconds)
        books = books_of(w.market, w.now, w.archive)
        return priced, (credit - w.balance(), w.balance(HOST), books.platform)

    def test_where_the_deposit_was_rounded(self) -> None:
        """2,160 hours at $7.166666666668 and 2,640 at $11.466666666668."""
        prices = terms("2.866666666667")
        stay = timedelta(days=200)
        priced, paid = self.charged(prices, Fraction(1, 2), stay, months=3)
        assert (priced.deposit, priced.discount) == (Money("15480.000000002"), Fraction(3, 8))
        assert paid == (Money("45752.0000000064"), Money("45752.0000000064"), Money(0))
        assert split(priced) == paid

    def test_of_months_that_are_no_whole_seconds(self) -> None:
        """A seventh of a month at a dollar costs $97.714285714, and 2/7 of a nano-dollar."""
        stay = timedelta(days=4)
        priced, paid = self.charged(terms(1), Fraction(2, 5), stay, gpus=1, months=Fraction(1, 7))
        assert priced.deposit == Money("97.714285714")
        assert 0 < Fraction(1, 20) - priced.discount < Fraction(1, 10**11)
        assert split(priced) == paid

    def test_where_nothing_can_be_prepaid(self) -> None:
        """Of a price at which the deposit comes to nothing, as of a free one, it is on demand."""
        for gpu in ("0", "0.000000000001"):
            priced, paid = self.charged(terms(gpu), Fraction(2, 5), HOUR, gpus=1)
            assert priced.deposit is None
            assert not priced.discount
            assert split(priced) == paid == (Money(gpu), Money(gpu), Money(0))

    @given(
        gpu=st.decimals(1, 60, places=2).map(lambda price: PerGpuHour(price / 100))
        | st.integers(1, 5_000).map(lambda cents: PerGpuHour.from_steps(4 * cents * 10**10 // 3))
        | STEPS.map(PerGpuHour.from_steps),
        gpus=st.sampled_from([1, 2, 4, 8]),
        factor=st.sampled_from([Fraction(2, 5), Fraction(1, 20), Fraction(9_999, 10_000)]) | shares,
        months=st.sampled_from([Fraction(1), Fraction(1, 2), Fraction(3)]) | st.fractions(0, 24),
        share=st.sampled_from([Fraction(1), Fraction(1, 2)]) | st.fractions(0, 2),
        more=st.integers(-1, 1),
        kept=PLATFORMS,
    )
    def test_to_the_tick(
        self,
        gpu: PerGpuHour,
        gpus: int,
        factor: Fraction,
        months: Fraction,
        share: Fraction,
        more: int,
        kept: Fraction,
    ) -> None:
        prices = PriceTerms(gpu=gpu, platform_fee=kept)
        stay = timedelta(seconds=max(1, int(months * share * SECONDS_PER_MONTH) + more))
        priced, paid = self.charged(prices, factor, stay, gpus=gpus, months=months)
        assert split(priced) == paid


def split(found: Quote | Statement) -> tuple[Money, Money, Money]:
    """Return what the client pays, what of it is the host's, and what the platform's."""
    return found.total, found.payout, found.fee


def billed(priced: Quote, *, disk: int = 0, upload: int = 0, download: int = 0) -> Statement:
    """Return the statement of the client that takes a quote, runs at once and leaves after it."""
    start, rented = datetime(2026, 1, 1, tzinfo=UTC), priced.offer
    machine = Machine(id=MachineId(2), host=AccountId("host"), gpu_name="A100", gpus=rented.gpus)
    bids = priced.mode is Mode.INTERRUPTIBLE
    contract = agree(
        Listing(machine=machine, prices=rented.prices, promise=rented.promise),
        Block(start=0, size=rented.gpus),
        id=ContractId(1),
        client=AccountId("client"),
        at=start,
        mode=Mode.INTERRUPTIBLE if bids else Mode.ON_DEMAND,
        disk_mb=disk * 1_000,
        bid=BID if bids else None,
        target=priced.target,
    )
    end = start + timedelta(seconds=priced.seconds)
    facts: list[Fact] = [Moved(at=start, event=InstanceEvent.LOADED)]
    if upload or download:
        facts.append(Transferred(at=start, sent=upload * 10**9, received=download * 10**9))
    if priced.deposit:
        paid = Prepaid(at=start, amount=priced.deposit, discount=priced.discount)
        running = History(contract=contract, facts=(paid, *facts))
        back = refundable(deposit_left(running, at=end), discount_received(running, at=end))
        facts = [paid, *facts, Refunded(at=end, amount=back)]
    facts.append(Moved(at=end, event=InstanceEvent.DESTROYED))
    history = History(contract=contract, facts=tuple(facts))
    return statement(history, Interval(start, end + timedelta(seconds=1)))


class TestTheHostGetsWhatIsQuoted:
    """docs/rules/billing.md: the platform's fee is a price of its own, rounded once."""

    # A third of a dollar an hour is 0.333333333333, of 80 cents 0.266666666667.
    DOLLAR = evolve(TERMS, gpu=PerGpuHour(1), platform_fee=Fraction(1, 3))

    def quoted(self, stay: timedelta, **more: Any) -> tuple[Money, Money, Money]:
        priced = quote(offer(self.DOLLAR, gpus=1), stay, **more)
        assert split(priced) == split(billed(priced))
        return split(priced)

    def test_of_ninety_days_on_demand(self) -> None:
        payout, fee = Money("1440.00000000072"), Money("719.99999999928")
        assert self.quoted(timedelta(days=90)) == (Money(2_160), payout, fee)

    def test_of_a_reservation_at_its_own_price(self) -> None:
        """720 hours at 80 cents are the platform's 192.00000000024, a day more 7.999999999992."""
        month = {"mode": Mode.RESERVED, "months": 1}
        fee = Money("192.00000000024")
        assert self.quoted(timedelta(days=30), **month) == (Money(576), Money(576) - fee, fee)
        fee += Money("7.999999999992")
        assert self.quoted(timedelta(days=31), **month) == (Money(600), Money(600) - fee, fee)

    def test_of_a_forfeit_a_third(self) -> None:
        """360 hours at 80 cents and a third of the 75.60 forfeited."""
        fee = Money("96.00000000012") + Money("25.20")
        total = Money(288) + Money("75.60")
        found = self.quoted(timedelta(days=15), mode=Mode.RESERVED, months=1)
        assert found == (total, total - fee, fee)

    @pytest.mark.parametrize("mode", list(Mode))
    @given(data=st.data())
    def test_to_the_tick_in_every_mode(self, mode: Mode, data: st.DataObject) -> None:
        known = offer(data.draw(AWKWARD), promise=Promise("0.99"))
        how: dict[str, Any] = {"mode": mode}
        if mode is Mode.ON_DEMAND:
            how["target"] = data.draw(st.sampled_from([None, "0.95"]))
        if mode is Mode.INTERRUPTIBLE:
            how["bid"] = BID
        if mode is Mode.RESERVED:
            how["months"] = data.draw(st.fractions(0, 12, max_denominator=100))
        names = ("disk", "upload", "download")
        used: dict[str, Any] = {name: data.draw(st.integers(0, 500)) for name in names}
        stay = timedelta(seconds=data.draw(st.integers(1, 4 * 10**7)))
        priced = quote(known, stay, **how, **used)
        assert split(priced) == split(billed(priced, **used))


class TestAQuoteSaysWhatItIs:
    """DOMAIN 2: one price for one way of renting."""

    def test_on_demand_has_no_discount_and_no_deposit(self) -> None:
        price = quote(offer(), HOUR)
        assert price.mode is Mode.ON_DEMAND
        assert price.discount == 0
        assert price.deposit is None

    def test_it_prints_as_a_table_that_adds_up(self) -> None:
        stay = quote(offer(), timedelta(days=15), mode=Mode.RESERVED, months=1, download="0.7")
        assert str(stay).splitlines() == [
            "4 × RTX 4090, reserved, 15 days",
            "line            $",
            "gpu        576.00",
            "discount  -115.20",
            "forfeit    120.96",
            "storage      0.00",
            "upload       0.00",
            "download     0.00",
            "total      581.76",
            "an hour    1.6160",
        ]
        assert "<td" in stay._repr_html_()
        few = quote(offer(evolve(TERMS, gpu=PerGpuHour("0.001"))), HOUR, upload="0.4", download=2)
        cents = [line.split()[-1] for line in str(few).splitlines()[2:]]
        assert cents == ["0.00", "0.00", "0.01", "0.00", "0.01", "0.0120"]  # each is $0.004
        assert str(quote(offer(), HOUR)).startswith("4 × RTX 4090, on-demand, 1:00:00\n")

    def test_dollars_an_hour_have_twelve_decimals(self) -> None:
        assert quote(offer(), HOUR).per_hour().as_tuple().exponent == -12


class TestAsADict:
    """Each line stands under its word, and the share of the discount under another one."""

    @pytest.mark.parametrize(
        ("more", "rate"),
        [
            ({}, 0.0),
            ({"mode": Mode.RESERVED, "months": 1}, 0.2),
            ({"mode": Mode.INTERRUPTIBLE}, 0.0),
        ],
    )
    def test_dollars_and_a_share(self, more: dict[str, Any], rate: float) -> None:
        offer = Offer(
            id=OfferId(1),
            machine=MachineId(1),
            gpu_name="A100",
            gpus=1,
            prices=PriceTerms(gpu=PerGpuHour(1), min_bid=PerGpuHour("0.4")),
            max_discount=Fraction(2, 5),
            verification=Verification.VERIFIED,
        )
        found = quote(offer, timedelta(days=30), **more)
        told = found.to_dict()
        assert told["discount_rate"] == rate == float(found.discount)
        assert told["discount"] == float(found.amount_of(QuotePart.DISCOUNT)) == -720 * rate
        assert {part.value: told[part.value] for part in QuotePart} == {
            part.value: float(found.amount_of(part)) for part in QuotePart
        }
