"""What the tables of promises say, and the numbers behind them that nothing else looks at."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import partial
from itertools import pairwise
from textwrap import dedent
from typing import Any

import pytest
from attrs import evolve

from numgenius_core.errors import NumgeniusError, RuleViolation
from numgenius_core.intervals import Interval
from numgenius_core.money import Money
from numgenius_core.rates import PerHour
from numgenius_core.sla import (
    PARTS,
    LinearCredit,
    Outage,
    OutageRate,
    Promise,
    SlaRules,
    SlaTerms,
    StopLossFee,
    UptimeHistory,
    advise_promise,
    backtest,
    cover,
    estimate_uptime,
    expected_credit,
    settle,
    simulate_outages,
    simulate_promise,
    sustainable_claim,
)
from numgenius_core.sla.terms import rented_terms

JULY = datetime(2026, 7, 1, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
PRICE = PerHour("3.50")
BOUGHT = cover(SlaTerms(Promise("0.99"), "0.95"), PRICE)


def history(*outages: tuple[float, float], days: int = 30) -> UptimeHistory:
    """Return a rental of July with outages at some days, so many hours long."""
    return UptimeHistory(
        rentals=[Interval(JULY, JULY + days * DAY)],
        outages=[
            Outage(period=Interval(JULY + at * DAY, JULY + at * DAY + long * HOUR))
            for at, long in outages
        ],
    )


def printed(text: str) -> str:
    return dedent(text).strip("\n")


class TestRows:
    """What a program reads."""

    def test_shares_of_a_settlement_are_shares(self) -> None:
        """A quarter of the second day down: 0.3 × 0.75 + 0.7 × the longer scales of its target."""
        rows = settle(BOUGHT, history((1, 6), days=2)).to_dicts()
        assert [row["uptime"] for row in rows] == [1, 0.75]
        assert list(rows[0])[:5] == ["day", "intended", "uptime", "blend", "compute"]
        assert rows[0]["blend"] == pytest.approx(0.3 + 0.7 * 0.95)
        middle = Interval(JULY, JULY + 3 * DAY)
        idle = settle(BOUGHT, history(days=2), period=middle).to_dicts()[2]
        assert (idle["uptime"], idle["blend"], idle["intended"]) == (None, None, 0)


class TestTables:
    """What a person reads, to the letter."""

    def test_a_settlement(self) -> None:
        days = history((1.5, 5), days=3)
        middle = Interval(JULY + DAY, JULY + 2 * DAY)
        rentals = [Interval(JULY, JULY + DAY), Interval(JULY + 2 * DAY, JULY + 3 * DAY)]
        assert str(settle(BOUGHT, days, period=middle)) == printed(
            """
            claim 0.99, spread 0.5, target 0.95
            day          uptime    blend  compute $  fee $  credit $  to host $
            2026-07-02  79.167%  90.250%      84.00   0.97     80.85       4.12
            total                             84.00   0.97     80.85       4.12
            """
        )
        assert str(settle(BOUGHT, UptimeHistory(rentals=rentals))) == printed(
            """
            claim 0.99, spread 0.5, target 0.95
            day           uptime    blend  compute $  fee $  credit $  to host $
            2026-07-01  100.000%  96.500%      84.00   0.97      0.00       0.00
            2026-07-02         –        –       0.00   0.00      0.00      12.14
            2026-07-03  100.000%  96.808%      84.00   0.97      0.00     157.80
            total                             168.00   1.94      0.00     169.94
            """
        )

    def test_a_backtest_ends_with_its_answer(self) -> None:
        """However many days it has: of more than a hundred the middle is left out, not the end."""
        for days, fees in ((90, "87.31"), (300, "291.03")):
            tried = backtest(
                history((1.5, 5), days=days), PRICE, Promise("0.99"), target="0.95", days=days
            )
            total, *answer = str(tried).splitlines()[-6:]
            assert total.split() == ["total", f"{84 * days}.00", fees, "76.96", total.split()[-1]]
            assert tried.r_eff is not None
            assert tried.r_be is not None
            assert answer == [
                f"r_eff      {float(tried.r_eff):.5%}",
                f"r_be       {float(tried.r_be):.5%}",
                f"net        ${tried.net:.2f}",
                f"gain       ${tried.gain:.2f}, with what is billed while it is down",
                "worst day  $76.96",
            ]
            assert all(line in tried._repr_html_() for line in answer)

    def test_the_days_of_a_column_add_up_to_its_total(self) -> None:
        """A fee of $0.97 and a hundredth of a cent: one day of ninety says $0.98."""
        tried = backtest(history(days=90), PRICE, Promise("0.99"), target="0.95")
        *days, total = (line.split() for line in str(tried).splitlines()[2:-5])
        assert sum(Decimal(day[4]) for day in days) == Decimal(total[2])
        assert {day[4] for day in days} == {"0.97", "0.98"}

    def test_outages_in_no_rental_are_told(self) -> None:
        """They count for nothing: who mistook the times of rental sees it wherever he looks."""
        outage = Outage(period=Interval(JULY, JULY + timedelta(seconds=32_100)))
        unrented = UptimeHistory(rentals=[], outages=[outage])
        later = UptimeHistory(rentals=[Interval(JULY + DAY, JULY + 9 * DAY)], outages=[outage])
        told = "32,100 s of outages lie in no rental and count for nothing"
        for found in (
            settle(BOUGHT, unrented),
            settle(BOUGHT, later),
            backtest(unrented, PRICE, Promise("0.99")),
            backtest(later, PRICE, Promise("0.99")),
            estimate_uptime(later),
            advise_promise(later, PRICE),
        ):
            assert str(found).splitlines()[-1] == told
            assert found._repr_html_().endswith(f">{told}</td></tr></tfoot></table>")
            assert "ignored_seconds=32100" in repr(found)
        none = [settle(BOUGHT, unrented), backtest(unrented, PRICE, Promise("0.99"))]
        assert {str(found).splitlines()[-2] for found in none} == {"no rental in these days"}
        assert "rental" not in str(settle(BOUGHT, history(days=2)))

    def test_an_estimate(self) -> None:
        lengths = ((0, 0.05), (1, 0.5), (2, 3), (4, 7), (6, 25))
        assert str(estimate_uptime(history(*lengths), confidence="0.9")) == printed(
            """
            uptime 95.0625% (90 %: 81.9998% to 99.2077%) of 30.0 rented days
            outages                count  hours     uptime
            under a minute             0   0.00  100.0000%
            1 to 10 minutes            1   0.05   99.9931%
            10 minutes to an hour      1   0.50   99.9306%
            1 to 6 hours               1   3.00   99.5833%
            6 to 24 hours              1   7.00   99.0278%
            a day or more              1  25.00   96.5278%
            2026-07-07                 1  24.00    0.0000%
            2026-07-05                 1   7.00   70.8333%
            2026-07-03                 1   3.00   87.5000%
            2026-07-08                 1   1.00   95.8333%
            2026-07-02                 1   0.50   97.9167%
            2026-07-01                 1   0.05   99.7917%
            """
        )

    def test_advice(self) -> None:
        found = advise_promise(
            history((3, 1), (9, 2)),
            PRICE,
            claims=("0.95", "0.96"),
            spreads=("0.3", "2"),
            most_fee="0.9",
        )
        assert str(found) == printed(
            """
            target 0.95; the evidence sustains a claim of 0.98509
            claim  spread  confidence   fee $/h   fees $    net $   gain $  worst day $
            0.95        2         low  2.030017  1461.61  1461.61  1472.11         0.00
            0.95      0.3        high  1.540196  1108.94  1108.94  1119.44         0.00
            0.96        2         low  1.469250  1057.86  1057.86  1068.36         0.00
            0.96      0.3        high  1.004667   723.36   723.36   733.86         0.00
            gain: if every rented hour is sold with this target
            """
        )

    def test_an_outlook(self) -> None:
        rate = OutageRate(per_day="0.1", length=2 * HOUR)
        outlook = simulate_promise(BOUGHT, Interval(JULY, JULY + 30 * DAY), rate, runs=20, seed=3)
        assert str(outlook) == printed(
            """
            20 runs, of which 40.0% lose
                                                           $
            fee an hour                             0.040421
            fees                                       29.10
            mean credit                                44.37
            of it by the host                          44.37
            mean net                                  -15.26
            mean billed while down                     21.74
            of it to the host                          21.74
            mean gain                                   6.48
            lowest, middle, highest gain  -86.84 19.82 44.89
            largest credit of a day                    84.00
            """
        )

    def test_an_outlook_is_of_a_run_at_least(self) -> None:
        rate = OutageRate(per_day="0.1", length=2 * HOUR)
        outlook = simulate_promise(BOUGHT, Interval(JULY, JULY + DAY), rate, runs=1)
        with pytest.raises(RuleViolation, match=r"outlook\.nets: need that of at least one run"):
            evolve(outlook, nets=())
        with pytest.raises(RuleViolation, match=r"outlook\.gains: need 1, one for each net, got 0"):
            evolve(outlook, gains=())

    def test_of_an_outlook_the_host_pays_its_part(self) -> None:
        """Down but for a minute, a day's credit is all of its $84, and the host has half of that.

        Without the promise it would have had next to nothing: what it gains is nearly the fees.
        """
        half = cover(SlaTerms(Promise("0.99"), "0.95"), PRICE, platform_fee="0.5")
        rate = OutageRate(per_day=1_000, length=100 * DAY)
        outlook = simulate_promise(half, Interval(JULY, JULY + 30 * DAY), rate, runs=3)
        assert str(outlook) == printed(
            """
            3 runs, of which 0.0% lose
                                                          $
            fee an hour                            0.040421
            fees                                      29.10
            mean credit                             2520.00
            of it by the host                       1260.00
            mean net                               -1230.90
            mean billed while down                  2519.86
            of it to the host                       1259.93
            mean gain                                 29.03
            lowest, middle, highest gain  28.97 29.02 29.10
            largest credit of a day                   84.00
            """
        )
        assert outlook.fees - outlook.credits_by_host == outlook.mean
        row = outlook.to_dicts()[0]
        assert (row["credits"], row["credits_by_host"]) == (2_520, 1_260)

    def test_a_backtest(self) -> None:
        tried = backtest(history((1.5, 5), days=2), PRICE, Promise("0.99"), target="0.95")
        assert tried.record() == {
            "has_data": True,
            "r_eff": 0.916918208,
            "r_be": 0.949224259,
            "days": [
                {
                    "day": "2026-07-01",
                    "client_compute": "84.00",
                    "client_compute_to_escrow": "84.00",
                    "client_premium_to_escrow": "0.970101562512",
                    "escrow_to_client_balance": "0.00",
                    "escrow_to_host_balance": "0.00",
                    "client_credit": "0.00",
                    "reliability": 1.0,
                    "blend": 0.965,
                },
                {
                    "day": "2026-07-02",
                    "client_compute": "84.00",
                    "client_compute_to_escrow": "84.00",
                    "client_premium_to_escrow": "0.970101562512",
                    "escrow_to_client_balance": "76.96499916",
                    "escrow_to_host_balance": "92.975203965024",
                    "client_credit": "76.96499916",
                    "reliability": 0.791666667,
                    "blend": round(float(tried.settlement.days[1].blend or 0), 9),
                },
            ],
            "params": {
                "r_claim": 0.99,
                "r_target": 0.95,
                "p": 0.666666667,
                "beta": 0.3,
            },
            "spread": 0.5,
            "net": "-75.024796034976",
            "gain": "-57.524796034976",
            "worst_day_credit": "76.96499916",
            "worst_day_by_host": "76.96499916",
            "ignored_seconds": 0,
        }


class TestTraffic:
    """A day may have none: an amount of nothing is one."""

    def test_no_traffic(self) -> None:
        days = history((1.5, 5), days=3)
        assert settle(BOUGHT, days, traffic={JULY: Money(0)}) == settle(BOUGHT, days)
        less = settle(BOUGHT, days, traffic={JULY: Money("0.000000001")})
        assert less.compute - settle(BOUGHT, days).compute == Money("0.000000001")


class TestCreditsOnLines:
    """Between two points of a schedule a credit is on their line."""

    @pytest.mark.parametrize(
        "points",
        [
            ((0, 0), (1, 1)),
            ((0, 0), ("0.2", "0.45"), ("0.4", "0.55"), (1, 1)),
            ((0, "0.1"), ("0.5", "0.1"), ("0.75", "0.9"), (1, "0.95")),
        ],
    )
    @pytest.mark.parametrize("target", [950_000_000, 400_000_000, 999_990_000])
    def test_any_points(self, points: tuple[tuple[str, str], ...], target: int) -> None:
        schedule = LinearCredit(points)
        way = min(target, PARTS - target)
        known = [(Fraction(a), Fraction(b)) for a, b in points]
        for step in range(1, 121):
            blend = target - way * step // 100
            if blend < 0:
                continue
            short = Fraction(target - blend, way)
            want = known[-1][1]
            for (start, low), (end, high) in pairwise(known):
                if start <= short < end:
                    want = low + (high - low) * (short - start) / (end - start)
                    break
            assert schedule.share_parts(target, blend) == round(want * PARTS)


class TestAdvice:
    """What is tried, what is left out, and in which order."""

    def test_what_clients_would_not_pay_is_counted(self) -> None:
        quiet = history()
        terms = [SlaTerms(Promise("0.95", each), "0.95") for each in (1, 2, 3)]
        fees = [cover(each, PRICE).fee for each in terms]
        most = [fee.to_decimal() / PRICE.to_decimal() for fee in fees]
        for count, share in enumerate(reversed(most)):
            words = {"claims": ("0.95",), "spreads": (1, 2, 3), "most_fee": share}
            found = advise_promise(quiet, PRICE, **words)  # type: ignore[arg-type]
            assert (len(found.tried), found.unsold) == (3 - count, count)
            first, *dear = found.table().notes
            assert first == "gain: if every rented hour is sold with this target"
            assert len(dear) == bool(count)
            if count:
                assert dear[0].startswith(f"{count} more have a fee above {float(100 * share):g} %")
        none = advise_promise(quiet, PRICE, most_fee=0)
        (said,) = none.table().notes
        assert said.startswith(f"{none.unsold} have a fee above 0 % of the price")

    def test_what_is_sustained_is_tried(self) -> None:
        quiet = history(days=90)
        sustained = sustainable_claim(quiet)
        assert sustained is not None
        tried = {each.cover.terms.promise.claim for each in advise_promise(quiet, PRICE).tried}
        assert sustained in tried
        alone = advise_promise(quiet, PRICE, claims=(sustained,), target=sustained)
        assert {each.cover.terms.promise.claim for each in alone.tried} <= {sustained}
        assert alone.tried or alone.unsold

    def test_of_equal_nets_the_higher_claim_comes_first(self) -> None:
        free = SlaRules(fee=Free())
        words = {"claims": ("0.95", "0.96", "0.97"), "spreads": ("0.5",)}
        found = advise_promise(history(), PRICE, rules=free, **words)  # type: ignore[arg-type]
        claims = [each.cover.terms.promise.claim for each in found.tried]
        assert claims == sorted(claims, reverse=True)
        assert len(claims) == 3
        assert found.best is None

    def test_the_schedules_are_those_that_were_given(self) -> None:
        lenient = SlaRules(credit=LinearCredit(((0, 0), (1, 0))))
        bad = history(*((n, 4) for n in range(1, 20)))
        words = {"target": "0.7", "claims": ("0.7",), "most_fee": "0.9"}
        found = advise_promise(bad, PRICE, rules=lenient, **words)  # type: ignore[arg-type]
        assert {each.worst_day_credit for each in found.tried} == {Money(0)}
        strict = SlaRules(credit=LinearCredit(((0, 1), (1, 1))))
        words = {"target": "0.87", "claims": ("0.87",), "most_fee": "0.9", "risk": "0.9"}
        found = advise_promise(bad, PRICE, rules=strict, **words)  # type: ignore[arg-type]
        assert {each.worst_day_credit for each in found.tried} == {Money(84)}


class Free(StopLossFee):
    """A promise that costs nothing."""

    def share(self, terms: SlaTerms) -> Fraction:
        """Return nothing."""
        del terms
        return Fraction(0)


class TestChance:
    """Simulated outages: the same seed, the same history; means are means."""

    def test_a_history_to_the_second(self) -> None:
        rate = OutageRate(per_day=2, length=HOUR, announced="0.5", notice=3 * HOUR)
        drawn = simulate_outages(Interval(JULY, JULY + DAY), rate)
        seconds = [
            (int((o.period.start - JULY).total_seconds()), o.period.seconds, o.notice // HOUR)
            for o in drawn.outages
        ]
        assert seconds == [(80379, 5108, 3)]

    def test_the_mean_credit(self) -> None:
        month = Interval(JULY, JULY + 10 * DAY)
        rate = OutageRate(per_day="0.5", length=4 * HOUR)
        outlook = simulate_promise(BOUGHT, month, rate, runs=4, seed=2)
        settled = [
            settle(BOUGHT, simulate_outages(month, rate, seed=2 * 10_000 + run)) for run in range(4)
        ]
        total = Money.sum(each.credits for each in settled)
        assert total
        assert outlook.credits == total.scaled(Fraction(1, 4))
        assert outlook.worst_day_credit == max(
            each.worst.credit for each in settled if each.worst is not None
        )
        usual = simulate_promise(BOUGHT, month, rate)
        assert len(usual.nets) == 100
        assert usual == simulate_promise(BOUGHT, month, rate, runs=100, seed=0)

    def test_the_confidence_of_an_estimate_is_kept(self) -> None:
        assert estimate_uptime(history(), confidence="0.8").confidence == Fraction(4, 5)
        bands = estimate_uptime(history((1, 1))).bands
        assert [band.count for band in bands] == [0, 0, 0, 1, 0, 0]


class TestWhatARentalLocks:
    """DOMAIN 12: "No target: no fee, no credit. On demand only"."""

    def test_terms(self) -> None:
        assert rented_terms(Promise("0.99"), None) is None
        assert rented_terms(None, None) is None
        assert rented_terms(Promise("0.99"), "0.95") == SlaTerms(Promise("0.99"), "0.95")


class TestAFeeThatNobodyAskedForYet:
    """The formula of the docs, worked out in floats."""

    @pytest.mark.parametrize(
        ("claim", "spread", "target"),
        [
            ("0.98765", "0.37", "0.91234"),
            ("0.7531", "2.9", "0.123"),
            ("0.99998", "0.013", "0.9999"),
        ],
    )
    def test_the_formula(self, claim: str, spread: str, target: str) -> None:
        times = (1 - float(target)) / (1 - float(claim))
        wide = float(spread)
        power = -3 / (2 * wide)
        want = 1.095 / times * (1 + 2 * wide * times / 3) ** power
        terms = SlaTerms(Promise(claim, spread), target)
        assert float(StopLossFee().share(terms)) == pytest.approx(want, rel=1e-9)
        assert float(StopLossFee(margin=0).share(terms)) == pytest.approx(want / 1.095, rel=1e-9)


class AsDearAsTheGpus(StopLossFee):
    """A promise that costs what it covers."""

    def share(self, terms: SlaTerms) -> Fraction:
        """Return all of it."""
        del terms
        return Fraction(1)


class TestBacktestsByOtherRules:
    """The schedules that are given are those that price and settle."""

    def test_the_fee_and_the_credits(self) -> None:
        rules = SlaRules(fee=StopLossFee(margin=1), credit=LinearCredit(((0, 1), (1, 1))))
        known = history((1.5, 2), days=4)
        tried = backtest(known, PRICE, Promise("0.99"), target="0.95", rules=rules)
        bought = cover(SlaTerms(Promise("0.99"), "0.95"), PRICE, rules=rules)
        assert tried.settlement.cover == bought
        assert tried.settlement.credits == settle(bought, known, rules=rules).credits
        assert tried.settlement.credits == Money(84)

    def test_a_rental_that_begins_within_a_minute(self) -> None:
        begin = JULY + timedelta(hours=12, minutes=34, seconds=56)
        odd = UptimeHistory(rentals=[Interval(begin, begin + 2 * DAY)])
        days = backtest(odd, PRICE, Promise("0.99")).settlement.days
        assert [day.day for day in days] == [JULY, JULY + DAY, JULY + 2 * DAY]
        assert [day.intended for day in days] == [41_104, 86_400, 45_296]

    def test_a_fee_as_large_as_the_price(self) -> None:
        rules = SlaRules(fee=AsDearAsTheGpus())
        tried = backtest(history(days=2), PRICE, Promise("0.99"), rules=rules)
        assert tried.settlement.fees == tried.settlement.compute
        assert tried.r_eff == 1
        assert tried.r_be is not None

    def test_nothing_paid_in_and_nothing_known(self) -> None:
        free = backtest(history(days=2), PerHour(0), Promise("0.99"))
        assert free.r_eff is free.r_be is None
        assert free.mean == 1
        none = backtest(UptimeHistory(rentals=()), PRICE, Promise("0.99"))
        assert (none.r_eff, none.r_be, none.mean, none.has_data) == (None, None, None, False)


class TestWhatABeliefExpects:
    """The credit to be expected, to the last of its parts: a step more or less would show."""

    @pytest.mark.parametrize(
        ("claim", "spread", "target", "parts"),
        [
            ("0.6", 3, "0.5", 111_472_394),
            ("0.99", "0.5", "0.95", 10_274_080),
            ("0.999", "0.32", "0.99", 616_543),
        ],
    )
    def test_to_the_last_part(self, claim: str, spread: str | int, target: str, parts: int) -> None:
        found = expected_credit(SlaTerms(Promise(claim, spread), target))
        assert found * PARTS == parts

    def test_the_largest_margin(self) -> None:
        assert StopLossFee(margin=10).margin == 10


class TestTheWordsOfRefusals:
    """Place, need and got."""

    odd: Any = "x"
    hour = timedelta(hours=1)
    down = Interval(datetime(2026, 7, 1, tzinfo=UTC), datetime(2026, 7, 1, 1, tzinfo=UTC))

    def refused(self, call: Callable[[], object]) -> str:
        with pytest.raises(NumgeniusError) as refusal:
            call()
        return str(refusal.value)

    def test_of_a_fee(self) -> None:
        fee, terms = StopLossFee(), SlaTerms(Promise("0.99"), "0.95")
        assert self.refused(lambda: fee.fee(terms, self.odd)) == "price: need a PerHour, got 'x'"
        assert self.refused(lambda: fee.share(self.odd)) == "terms: need a SlaTerms, got 'x'"

    def test_of_an_outage(self) -> None:
        start = self.down.start
        told, around = start - self.hour, Interval(start - self.hour, start)
        for changes, text in (
            ({"planned": self.odd}, "outage.planned: need an Interval, got 'x'"),
            ({"announced": None}, "outage.planned: need an announcement, got none"),
            (
                {"planned": around},
                f"outage.planned: need a window around the outage, {self.down}, got {around}",
            ),
        ):
            given: dict[str, Any] = {"announced": told, "planned": self.down, **changes}
            assert self.refused(partial(Outage, period=self.down, **given)) == text

    def test_of_a_history(self, monkeypatch: pytest.MonkeyPatch) -> None:
        lasting = UptimeHistory(rentals=(self.down,))
        assert (
            self.refused(lambda: list(lasting.days(self.odd)))
            == "notice: need a NoticeSchedule, got 'x'"
        )
        monkeypatch.setattr("numgenius_core.sla.history.MAX_OUTAGES", 1)
        start = self.down.start
        pieces = [
            Outage(period=Interval(start + n * self.hour / 4, start + (n + 1) * self.hour / 4))
            for n in (0, 2)
        ]
        UptimeHistory(rentals=(self.down,), outages=pieces[:1])
        told = self.refused(lambda: UptimeHistory(rentals=(self.down,), outages=pieces))
        assert told == "history.outages: need at most 1 outages, got 2"
