"""What a promise brings if outages come by chance: drawn histories, each of them settled.

Ours. Outages begin and end by chance at stated rates, the same on every machine for the same seed.
A promise is settled on each of the drawn histories, so its host sees what it may come to beside the
one history it has.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from fractions import Fraction
from random import Random
from typing import Final

from attrs import field, frozen

from numgenius_core._checks import check_kind
from numgenius_core._numbers import exact_number, fraction, length_in_seconds, whole_number
from numgenius_core._tables import Tabular
from numgenius_core._tables.result import ResultTable
from numgenius_core.errors import RuleViolation, brief, shown
from numgenius_core.intervals import Interval
from numgenius_core.money import ZERO, Money
from numgenius_core.sla.covers import Cover
from numgenius_core.sla.history import Outage, UptimeHistory
from numgenius_core.sla.schedules import OUR_RULES, SlaRules
from numgenius_core.sla.settlement import settle
from numgenius_core.units import SECONDS_PER_DAY, Exact

_MOST_RUNS: Final = 10_000
_MOST_OUTAGES: Final = 1_000


def _per_day(value: Exact) -> Fraction:
    need = f"outages a day from 0 to {_MOST_OUTAGES:,}"
    rate = exact_number(value, "per_day", need)
    if not 0 <= rate <= _MOST_OUTAGES:
        raise RuleViolation("per_day", need, shown(value))
    return rate


def _announced(value: Exact) -> Fraction:
    return fraction(value, "announced")


@frozen(kw_only=True)
class OutageRate:
    """How often a machine fails, and for how long: both by chance, exponentially distributed.

    Attributes:
        per_day: Mean outages a day of uptime, 0 to 1,000.
        length: Mean length of an outage.
        announced: The share of outages that are announced, 0 to 1.
        notice: How long before an announced outage its clients are told.

    Raises:
        WrongType: A ``float``, or a time that is no ``timedelta``.
        RuleViolation: A number out of range.

    >>> from datetime import timedelta
    >>> from numgenius_core.sla import OutageRate
    >>> OutageRate(per_day="0.1", length=timedelta(hours=2)).uptime
    Fraction(120, 121)
    """

    per_day: Fraction = field(converter=_per_day)
    length: timedelta
    announced: Fraction = field(default=Fraction(0), converter=_announced)
    notice: timedelta = timedelta(days=1)

    def __attrs_post_init__(self) -> None:
        length_in_seconds(self.length, "length")
        length_in_seconds(self.notice, "notice")

    @property
    def uptime(self) -> Fraction:
        """The uptime that these rates come to in the long run."""
        down = self.per_day * length_in_seconds(self.length) / SECONDS_PER_DAY
        return 1 / (1 + down)


def simulate_outages(rental: Interval, rate: OutageRate, *, seed: int = 0) -> UptimeHistory:
    """Return a history of one rental with outages by chance; the same seed, the same history.

    Args:
        rental: The time of rental.
        rate: How often the machine fails, and for how long.
        seed: Which history.

    Raises:
        WrongType: ``rental`` is no ``Interval``, ``rate`` no ``OutageRate``, ``seed`` no ``int``.
        RuleViolation: A negative seed, or a notice from before the year 1.

    >>> from datetime import UTC, datetime, timedelta
    >>> from numgenius_core import Interval
    >>> from numgenius_core.sla import OutageRate, simulate_outages
    >>> july = datetime(2026, 7, 1, tzinfo=UTC)
    >>> year = Interval(july, july + timedelta(days=365))
    >>> rate = OutageRate(per_day="0.1", length=timedelta(hours=2))
    >>> len(simulate_outages(year, rate, seed=1).outages)
    43
    """
    check_kind(rental, Interval, "rental")
    check_kind(rate, OutageRate, "rate")
    seed = whole_number(seed, "seed")
    draw = Random(seed)  # its exponential draws are the same on every machine
    outages, at, whole = [], 0, rental.seconds
    between, length = float(rate.per_day) / SECONDS_PER_DAY, length_in_seconds(rate.length)
    while between:
        # A rare outage may be ages away, and a long one last for ages: beyond the rental is beyond.
        start = at + 1 + int(min(draw.expovariate(between), whole))
        end = start + 1 + int(min(draw.expovariate(1 / length), whole))
        is_announced = draw.random() < rate.announced
        if start >= whole:
            break
        edges = (rental.start + timedelta(seconds=n) for n in (start, min(end, whole)))
        period = Interval(*edges)
        told = _told(period.start, rate.notice) if is_announced else None
        outages.append(Outage(period=period, announced=told))
        at = end
    return UptimeHistory(rentals=(rental,), outages=tuple(outages))


def _told(start: datetime, notice: timedelta) -> datetime:
    """Return when the clients of an outage were told."""
    try:
        return start - notice
    except OverflowError:
        raise RuleViolation("notice", f"a time from the year 1 to {start}", str(notice)) from None


def _mean(amounts: Sequence[Money]) -> Money:
    """Return a mean, rounded half-even to a tick."""
    return Money.sum(amounts).scaled(Fraction(1, len(amounts)))


@frozen(kw_only=True)
class SlaOutlook(Tabular):
    """What a promise brings over many simulated rentals.

    Attributes:
        cover: The promise with its fee.
        fees: What the client of a run pays for the promise, the same in each.
        nets: Fees less the host's part of the credits of each run, the smallest first.
        gains: What the host of a run earns more than without the promise, the smallest first: the
            net, and its part of what is billed while the machine is down.
        credits: What the client of a run gets back, a mean: from the host, and from the platform
            what exceeds the host's share of a day.
        billed_down: What the client of a run pays for GPUs and storage while the machine is down, a
            mean; without the promise nothing.
        worst_day_credit: The largest credit of a day in any run.

    Raises:
        RuleViolation: No run, or not a gain for each net.

    >>> from datetime import UTC, datetime, timedelta
    >>> from numgenius_core import Interval, PerHour
    >>> from numgenius_core.sla import OutageRate, Promise, SlaTerms, cover, simulate_promise
    >>> july = datetime(2026, 7, 1, tzinfo=UTC)
    >>> month = Interval(july, july + timedelta(days=30))
    >>> bought = cover(SlaTerms(Promise("0.99"), "0.95"), PerHour("3.50"))
    >>> rate = OutageRate(per_day="0.1", length=timedelta(hours=2))
    >>> outlook = simulate_promise(bought, month, rate, runs=50)
    >>> outlook.fees - outlook.credits_by_host == outlook.mean
    True
    """

    cover: Cover
    fees: Money
    nets: tuple[Money, ...] = field(repr=brief)
    gains: tuple[Money, ...] = field(repr=brief)
    credits: Money
    billed_down: Money
    worst_day_credit: Money

    def __attrs_post_init__(self) -> None:
        for name in ("nets", "gains"):
            check_kind(getattr(self, name), tuple, f"outlook.{name}")
        if not self.nets:
            raise RuleViolation("outlook.nets", "that of at least one run", "none")
        if len(self.gains) != len(self.nets):
            need = f"{len(self.nets)}, one for each net"
            raise RuleViolation("outlook.gains", need, str(len(self.gains)))

    @property
    def mean(self) -> Money:
        """The mean net, rounded half-even to a tick."""
        return _mean(self.nets)

    @property
    def mean_gain(self) -> Money:
        """The mean gain, rounded half-even to a tick."""
        return _mean(self.gains)

    @property
    def credits_by_host(self) -> Money:
        """The host's part of ``credits``: the fees less the mean net."""
        return self.fees - self.mean

    @property
    def losing(self) -> Fraction:
        """The share of runs in which the host earns less than without the promise."""
        return Fraction(sum(gain < ZERO for gain in self.gains), len(self.gains))

    def _rows(self) -> Iterable[object]:
        return (self,)

    def table(self) -> ResultTable:
        """Return a row for each figure.

        Fees less the host's part of the credits are the net, and with its part of what is billed
        while the machine is down the gain.
        """
        gains = (self.gains[0], self.gains[len(self.gains) // 2], self.gains[-1])
        rows = (
            ("fee an hour", f"{self.cover.fee:.6f}"),
            ("fees", f"{self.fees:.2f}"),
            ("mean credit", f"{self.credits:.2f}"),
            ("of it by the host", f"{self.credits_by_host:.2f}"),
            ("mean net", f"{self.mean:.2f}"),
            ("mean billed while down", f"{self.billed_down:.2f}"),
            ("of it to the host", f"{self.mean_gain - self.mean:.2f}"),
            ("mean gain", f"{self.mean_gain:.2f}"),
            ("lowest, middle, highest gain", " ".join(f"{gain:.2f}" for gain in gains)),
            ("largest credit of a day", f"{self.worst_day_credit:.2f}"),
        )
        title = f"{len(self.nets)} runs, of which {float(self.losing):.1%} lose"
        return ResultTable(title=title, head=("", "$"), rows=rows)


def simulate_promise(
    cover: Cover,
    rental: Interval,
    rate: OutageRate,
    *,
    runs: int = 100,
    seed: int = 0,
    rules: SlaRules = OUR_RULES,
) -> SlaOutlook:
    """Return what a promise brings the host, and pays the client, if outages come at stated rates.

    Args:
        cover: The promise with its prices.
        rental: The time of rental.
        rate: How often the machine fails, and for how long.
        runs: How many histories to draw, at most 10,000.
        seed: Which histories; the same seed, the same answer. Run r, from 0 on, is that of
            ``simulate_outages(rental, rate, seed=seed * 10_000 + r)``.
        rules: The schedules; ours by default.

    Raises:
        WrongType: Something that is not what it should be.
        RuleViolation: No run, or more than 10,000, a negative seed, or a notice from before the
            year 1.

    >>> from datetime import UTC, datetime, timedelta
    >>> from numgenius_core import Interval, PerHour
    >>> from numgenius_core.sla import OutageRate, Promise, SlaTerms, cover, simulate_promise
    >>> july = datetime(2026, 7, 1, tzinfo=UTC)
    >>> month = Interval(july, july + timedelta(days=30))
    >>> bought = cover(SlaTerms(Promise("0.99"), "0.95"), PerHour("3.50"))
    >>> rate = OutageRate(per_day="0.1", length=timedelta(hours=2))
    >>> outlook = simulate_promise(bought, month, rate, runs=50)
    >>> f"{outlook.mean:.2f}", f"{outlook.mean_gain:.2f}", outlook.losing
    ('-12.70', '10.38', Fraction(6, 25))
    """
    check_kind(cover, Cover, "cover")
    runs = whole_number(runs, "runs", 1, _MOST_RUNS)
    seed = whole_number(seed, "seed")
    settled = [
        settle(cover, simulate_outages(rental, rate, seed=seed * _MOST_RUNS + run), rules=rules)
        for run in range(runs)
    ]
    return SlaOutlook(
        cover=cover,
        fees=settled[0].fees,
        nets=tuple(sorted(each.net for each in settled)),
        gains=tuple(sorted(each.gain for each in settled)),
        credits=_mean([each.credits for each in settled]),
        billed_down=_mean([each.billed_down for each in settled]),
        worst_day_credit=max(each.worst_day_credit for each in settled),
    )
