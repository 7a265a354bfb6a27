"""Whether to promise, held against markets: the same outages, with a promise and without."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Final

import pytest

from market_world import ANN, HOST, World, prices, second, world
from numgenius_core.ids import MachineId
from numgenius_core.intervals import Interval
from numgenius_core.maintenance import MaintenanceWindow
from numgenius_core.market import commands as c
from numgenius_core.money import Money
from numgenius_core.rates import PerHour
from numgenius_core.sla import (
    Outage,
    OutageRate,
    Promise,
    SlaTerms,
    UptimeHistory,
    advise_promise,
    backtest,
    cover,
    settle,
    simulate_outages,
    simulate_promise,
)

HOUR, DAY, M1 = 3_600, 86_400, MachineId(1)
CLAIM, SPREAD, TARGET = Fraction(98, 100), Fraction(1, 2), Fraction(19, 20)
PRICE: Final = PerHour("3.60")  # of GPUs 3.50, of storage 0.10
DISK: Final = {"gpu": "3.50", "storage": "0.72"}  # 100 GB for 0.72 $/GB-month are $72 a month
Down = tuple[int, int, Interval | None]


def hours(start: int, end: int) -> Interval:
    return Interval(second(start * HOUR), second(end * HOUR))


# In hours of a rental of sixty days: three that nobody announced, one of them across midnight, one
# within a window of six hours that was, and one of a whole day.
OUTAGES: Final[tuple[Down, ...]] = (
    (34, 40, None),
    (400, 401, None),
    (622, 630, None),
    (721, 725, hours(720, 726)),
    (1_200, 1_224, None),
)


def lived(outages: tuple[Down, ...], days: int) -> UptimeHistory:
    """Return the history that a market of some outages has; windows are announced at its start."""
    return UptimeHistory(
        rentals=[Interval(second(0), second(days * DAY))],
        outages=[
            Outage(
                period=hours(start, end),
                announced=None if window is None else second(0),
                planned=window,
            )
            for start, end, window in outages
        ],
    )


def market(outages: tuple[Down, ...], days: int, fee: Fraction, target: Fraction | None) -> World:
    """Return a market in which it happened, its one client gone at the end."""
    w = world(1, prices(**DISK, fee=fee), sla_claim=CLAIM, sla_spread=SPREAD)
    w.do(c.AddCredit(account=ANN, amount=Money(100_000)))
    for _, _, window in outages:
        if window is not None:
            announced = MaintenanceWindow(period=window)
            w.do(c.ScheduleMaintenance(by=HOST, machine=M1, window=announced))
    number = w.rent(1, target=target, disk_mb=100_000)
    for start, end, _ in outages:
        w.do(c.ReportOffline(machine=M1), start * HOUR)
        w.do(c.ReportOnline(machine=M1), end * HOUR)
    w.do(c.Destroy(by=ANN, contract=number), days * DAY)
    return w


class TestTheGain:
    """DOMAIN 12: "an SLA contract is *not* free while offline"; 9: "Offline: nothing"."""

    @pytest.mark.parametrize("fee", [Fraction(0), Fraction(1, 4)])
    @pytest.mark.parametrize("outages", [(), OUTAGES[:1], OUTAGES[3:4], OUTAGES])
    def test_is_what_a_market_pays_more(self, outages: tuple[Down, ...], fee: Fraction) -> None:
        with_it, without = (market(outages, 60, fee, target) for target in (TARGET, None))
        more = with_it.balance(HOST) - without.balance(HOST)
        advice = advise_promise(
            lived(outages, 60),
            PRICE,
            target=TARGET,
            risk="0.99",
            most_fee=1,
            claims=[CLAIM],
            spreads=[SPREAD],
            platform_fee=fee,
        )
        (tried,) = advice.tried
        assert tried.gain == more
        client = without.balance(ANN) - with_it.balance(ANN)
        settled = settle(tried.cover, lived(outages, 60))
        assert settled.fees + settled.billed_down - settled.credits == client
        if not fee:  # then nobody else has a part of it
            assert client == more

    def test_of_a_promise_whose_credits_exceed_its_fees(self) -> None:
        """Three outages of six hours, at 10 o'clock of days 40, 80 and 120 of 180.

        Without a promise the host gets 4,302 of 4,320 hours, $15,057. With one all of them and the
        fees, less credits: $15,120 and a net of -$25.80.
        """
        starts = [24 * day + 10 for day in (40, 80, 120)]
        history = lived(tuple((start, start + 6, None) for start in starts), 180)
        advice = advise_promise(history, PerHour("3.50"), most_fee="0.01")
        best = advice.best
        assert best is not None
        assert advice.tried == (best,)
        assert f"{best.net:.2f}" == "-25.80"
        assert best.gain == best.net + Money("63.00")
        rows = str(advice).splitlines()
        assert "net $  gain $  worst day $" in rows[1]
        assert rows[2].split()[-3:-1] == ["-25.80", "37.20"]
        promise = best.cover.terms.promise
        tried = backtest(history, PerHour("3.50"), promise, target="0.95", days=366)
        assert (tried.net, tried.gain) == (best.net, best.gain)

    def test_a_dead_day_costs_the_host_nothing(self) -> None:
        """Its credit is all that was billed for it, which without a promise is not billed."""
        fee = cover(SlaTerms(Promise("0.98"), "0.95"), PRICE, platform_fee="0.25")
        settled = settle(fee, lived(((24, 48, None),), 2))
        dead = settled.days[1]
        assert (dead.credit, dead.escrow_to_client) == (Money("86.40"), Money("64.80"))
        assert settled.billed_down == Money("86.40")
        assert settled.gain == settled.fees
        assert settled.net == settled.fees - Money("64.80")

    def test_of_days_that_are_settled_only(self) -> None:
        """Down five hours before a midnight and three after: each day has its own."""
        history = lived(((19, 27, None),), 2)
        bought = cover(SlaTerms(Promise("0.98"), "0.95"), PRICE)
        periods = [Interval(second(day * DAY), second((day + 1) * DAY)) for day in range(3)]
        found = [settle(bought, history, period=each) for each in periods]
        assert [each.down_seconds for each in found] == [5 * HOUR, 3 * HOUR, 0]
        assert [each.gain - each.net for each in found] == [Money(18), Money("10.80"), Money(0)]


class TestTheOutlook:
    """Of simulated runs: how many lose, against no promise."""

    def test_a_run_loses_that_would_have_earned_more_without(self) -> None:
        bought = cover(SlaTerms(Promise("0.99"), "0.95"), PerHour("3.50"), platform_fee="0.25")
        month = Interval(datetime(2026, 7, 1, tzinfo=UTC), datetime(2026, 7, 31, tzinfo=UTC))
        rate = OutageRate(per_day="0.1", length=timedelta(hours=2))
        outlook = simulate_promise(bought, month, rate, runs=20, seed=3)
        runs = [simulate_outages(month, rate, seed=30_000 + run) for run in range(20)]
        nets = [settle(bought, each).net for each in runs]
        hour = PerHour("2.625")  # three quarters of 3.50
        gains = [n + hour.charge(r.down_seconds) for n, r in zip(nets, runs, strict=True)]
        assert outlook.gains == tuple(sorted(gains))
        assert outlook.nets == tuple(sorted(nets))
        down = sum(each.down_seconds for each in runs)
        assert outlook.billed_down == PerHour("3.50").charge(down).scaled(Fraction(1, 20))
        assert outlook.mean_gain == Money.sum(gains).scaled(Fraction(1, 20))
        lost = sum(gain < Money(0) for gain in gains)
        assert 0 < lost < sum(net < Money(0) for net in nets)  # or the test shows nothing
        assert outlook.losing == Fraction(lost, 20)
