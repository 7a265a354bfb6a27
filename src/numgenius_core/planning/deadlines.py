"""The cheapest way to get work done by a deadline: on demand, reserved, or by bidding.

Each way is played through on a price series from many starts, and always meets the deadline.

Our reading of the bidding way: the client bids, waits while it is outbid, and resumes. Each
interruption adds ``restart`` to the work, for loading and what was lost, and that time is paid. It
goes on *on demand* as soon as one more interruption would make it miss the deadline. (While it
runs, the time that it can spare stays the same; waiting and restarts use it up.) It pays its own
bid, as on this marketplace, or the price of the series, as on a cloud's spot market. Storage
is paid from start to finish, whatever runs.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import timedelta
from enum import Enum
from fractions import Fraction
from itertools import accumulate, pairwise
from typing import Final

from attrs import field, frozen

from numgenius_core._checks import check_kind
from numgenius_core._numbers import length_text, round_half_even, whole_number, whole_seconds
from numgenius_core._tables import Tabular, numbers
from numgenius_core._tables.result import ResultTable
from numgenius_core.errors import RuleViolation, brief
from numgenius_core.listing import Mode
from numgenius_core.money import ZERO, Money
from numgenius_core.planning.price_series import PriceSeries, prices_of
from numgenius_core.planning.reserving import cost_of_stay
from numgenius_core.prices.schedules import ReservedSchedule, discount_of
from numgenius_core.rates import PerHour
from numgenius_core.units import SECONDS_PER_HOUR, SECONDS_PER_MONTH, Amount

_DAY: Final = timedelta(days=1)
_NO_TIME: Final = timedelta(0)
_FREE: Final = PerHour(0)


class Pays(Enum):
    """What a bidder pays while it runs."""

    BID = "its own bid"
    """What it bid, as on this marketplace."""
    PRICE = "the price"
    """The price of the record, as on a cloud's spot market."""


@frozen(kw_only=True)
class DeadlineOption:
    """One way to get work done by a deadline, and how it fared from each start.

    Attributes:
        mode: On demand, reserved or interruptible.
        bid: Of an interruptible, dollars per hour for the whole instance; else ``None``.
        mean: Cost on average over the starts, half-even to a tick.
        worst: Cost from the dearest start.
        seconds: Seconds from start to finish on average, waiting included.
        interruptions: How often the instance is paused, on average.
        fallbacks: Share of the starts from which some of the work was done on demand.
    """

    mode: Mode
    bid: PerHour | None = None
    mean: Money
    worst: Money
    seconds: Fraction
    interruptions: Fraction = Fraction(0)
    fallbacks: Fraction = Fraction(0)


@frozen(kw_only=True)
class DeadlinePlan(Tabular):
    """The ways to get work done by a deadline, compared.

    Attributes:
        ways: One for each mode and bid, the cheapest on average first.
        work: Seconds that the instance has to run.
        limit: Seconds from a start to the deadline.
        starts: From how many instants of the record the bidding ways were played through. Starts
            nearer to each other than the deadline share prices: they are no independent cases.
        windows: How many times the limit fits into the record, side by side: so many starts at most
            are independent of each other, however many there are.
    """

    ways: tuple[DeadlineOption, ...] = field(repr=brief)
    work: int
    limit: int
    starts: int
    windows: int

    @property
    def best(self) -> DeadlineOption:
        """The way that is cheapest on average."""
        return self.ways[0]

    def _rows(self) -> Iterable[object]:
        shared = {"starts": self.starts, "windows": self.windows}
        return ({**numbers(way), **shared} for way in self.ways)

    def table(self) -> ResultTable:
        """Return a row for each way: mean and worst cost, hours, interruptions and fallbacks."""
        rows = [
            (
                one.mode.value if one.bid is None else f"{one.mode.value} at {one.bid}",
                f"{one.mean:.2f}",
                f"{one.worst:.2f}",
                f"{float(one.seconds) / SECONDS_PER_HOUR:.1f}",
                f"{float(one.interruptions):.1f}",
                f"{100 * float(one.fallbacks):.0f} %",
            )
            for one in self.ways
        ]
        head = ("way", "mean $", "worst $", "hours", "interruptions", "on demand in the end")
        title = (
            f"{length_text(self.limit)} to do it in; starts: {self.starts:,},"
            f" windows that do not overlap: {self.windows:,}"
        )
        return ResultTable(title=title, head=head, rows=tuple(rows))


def meet_deadline(
    series: PriceSeries,
    *,
    gpu_hours: int,
    gpus: int,
    deadline: timedelta,
    on_demand: PerHour,
    bids: Sequence[PerHour | Amount],
    schedule: ReservedSchedule | None = None,
    restart: timedelta = _NO_TIME,
    pays: Pays = Pays.BID,
    storage: PerHour = _FREE,
    every: timedelta = _DAY,
) -> DeadlinePlan:
    """Return the ways to get GPU-hours of work done by a deadline, the cheapest first.

    Means and worst costs of the bids are over starts on one record, at a distance of ``every``.
    Where that is less than the deadline they overlap and are not independent: many starts on a
    record of a few times the deadline tell no more than these few.

    Args:
        series: The record of the lowest bid that runs, for the whole instance.
        gpu_hours: GPU-hours of work.
        gpus: GPUs of the instance, which the work is spread over; a rest of a second is a second.
        deadline: Time from the start within which the work must be done.
        on_demand: Price on demand, dollars per hour for the whole instance.
        bids: Bids to try, dollars per hour for the whole instance.
        schedule: The reserved discounts; reserving is not tried if left out, nor where the work
            earns none.
        restart: Time that each interruption adds to the work: loading, and what was lost.
        pays: Whether a bidder pays its own bid or the price of the record.
        storage: Price of the disk, dollars per hour.
        every: Distance from start to start on the record.

    Raises:
        RuleViolation: No work, a deadline too short even on demand, one longer than the record, no
            time from start to start, or a schedule that says no share.

    >>> from datetime import UTC, datetime, timedelta
    >>> from numgenius_core import PerHour
    >>> from numgenius_core.planning import PriceSeries, meet_deadline
    >>> noon = datetime(2026, 1, 5, 12, tzinfo=UTC)
    >>> changes = [(noon, "0.20"), (noon + timedelta(hours=2), "0.35")]
    >>> series = PriceSeries.of(changes, end=noon + timedelta(hours=12))
    >>> plan = meet_deadline(
    ...     series, gpu_hours=4, gpus=1, deadline=timedelta(hours=10),
    ...     on_demand=PerHour("0.50"), bids=[PerHour("0.30"), PerHour("0.45")],
    ... )
    >>> for way in plan.ways:  # the lower bid runs for two hours, and the rest is done on demand
    ...     print(way.mode.value, way.bid, way.mean, way.fallbacks)
    interruptible 0.30 1.60 1
    interruptible 0.45 1.80 0
    on-demand None 2.00 0
    """
    check_kind(series, PriceSeries, "series")
    gpu_hours = whole_number(gpu_hours, "gpu_hours", 1)
    work = -(-gpu_hours * SECONDS_PER_HOUR // whole_number(gpus, "gpus", 1))
    limit, step = whole_seconds(deadline, "deadline"), whole_seconds(every, "every")
    for value, name in ((on_demand, "on_demand"), (storage, "storage")):
        check_kind(value, PerHour, name)
    check_kind(pays, Pays, "pays")
    if limit < work:
        need = f"at least the {length_text(work)} that it takes on demand"
        raise RuleViolation("deadline", need, length_text(limit))
    if not step:
        raise RuleViolation("every", "a time above zero from start to start", length_text(step))
    if limit > series.seconds[-1]:
        need = f"at most {length_text(series.seconds[-1])}, as long as the record of prices is"
        raise RuleViolation("deadline", need, length_text(limit))
    starts = range(0, series.seconds[-1] - limit + 1, step)
    trip = _Trip(
        series=series,
        work=work,
        limit=limit,
        restart=whole_seconds(restart, "restart"),
        on_demand=on_demand,
        pays=pays,
        storage=storage,
    )
    ways = [_sure(Mode.ON_DEMAND, on_demand.charge(work) + storage.charge(work), work)]
    if schedule is not None:
        check_kind(schedule, ReservedSchedule, "schedule")
        months, stay = Fraction(work, SECONDS_PER_MONTH), timedelta(seconds=work)
        if discount_of(schedule, months):  # else there is nothing to reserve
            gpus_cost = cost_of_stay(on_demand, schedule, months=months, stay=stay)
            ways.append(_sure(Mode.RESERVED, gpus_cost + storage.charge(work), work))
    ways += [_bidding(trip, bid, starts) for bid in prices_of(bids, "bids")]
    ways.sort(key=lambda one: one.mean.ticks)  # stable: of equals, the surer way first
    return DeadlinePlan(
        ways=tuple(ways),
        work=work,
        limit=limit,
        starts=len(starts),
        windows=series.seconds[-1] // limit,
    )


def _sure(mode: Mode, cost: Money, seconds: int) -> DeadlineOption:
    return DeadlineOption(mode=mode, mean=cost, worst=cost, seconds=Fraction(seconds))


@frozen(kw_only=True)
class _Trip:
    """What is the same for all bids and starts."""

    series: PriceSeries
    work: int
    limit: int
    restart: int
    on_demand: PerHour
    pays: Pays
    storage: PerHour


def _bidding(trip: _Trip, bid: PerHour, starts: range) -> DeadlineOption:
    runs, spent = trip.series.runs(bid), _Spending(trip.series)
    found = [_play(trip, bid, runs, spent, start) for start in starts]
    costs = [cost for cost, _, _, _ in found]
    total = Money.sum(costs).ticks
    return DeadlineOption(
        mode=Mode.INTERRUPTIBLE,
        bid=bid,
        mean=Money.from_ticks(round_half_even(total, len(found))),
        worst=max(costs),
        seconds=Fraction(sum(seconds for _, seconds, _, _ in found), len(found)),
        interruptions=Fraction(sum(stops for _, _, stops, _ in found), len(found)),
        fallbacks=Fraction(sum(fell for _, _, _, fell in found), len(found)),
    )


class _Spending:
    """What running from one second to another costs at the prices of a series."""

    def __init__(self, series: PriceSeries) -> None:
        self.series = series
        lengths = (end - start for start, end in pairwise(series.seconds))
        parts = (p.steps * length for p, length in zip(series.prices, lengths, strict=True))
        self.sums = [0, *accumulate(parts)]

    def between(self, start: int, end: int) -> Money:
        return PerHour.from_steps(self._until(end) - self._until(start)).charge(1)

    def _until(self, second: int) -> int:
        """Return price steps × seconds from the start of the series.

        Sums up to each change of price are made once, so a span costs two looks by halving.
        """
        index = min(bisect_right(self.series.seconds, second), len(self.series.prices)) - 1
        since = second - self.series.seconds[index]
        return self.sums[index] + self.series.prices[index].steps * since


def _play(
    trip: _Trip, bid: PerHour, runs: tuple[tuple[int, int], ...], spent: _Spending, start: int
) -> tuple[Money, int, int, bool]:
    """Return cost, time, interruptions, and whether it ended on demand, from one start."""
    now, left, stops, cost = start, trip.work, 0, ZERO
    # What waiting and restarts may still use up, one restart kept in hand.
    spare = trip.limit - trip.work - trip.restart
    index = bisect_right(runs, start, key=lambda run: run[1])
    # While it runs, work left and time left shrink alike: only waiting and restarts use up spare
    # time, so that is all that must be watched.
    for begin, end in runs[index:]:
        wait = max(0, begin - now)
        if wait > spare:
            break
        spare -= wait
        now = max(now, begin)
        stop = min(end, now + left)
        running = bid.charge(stop - now) if trip.pays is Pays.BID else spent.between(now, stop)
        cost += running
        left -= stop - now
        now = stop
        if not left:
            break
        stops += 1
        left += trip.restart
        spare -= trip.restart
        if spare < 0:
            break
    now += max(0, spare) if left and spare > 0 else 0  # it waited as long as it could
    seconds = now + left - start
    cost += trip.on_demand.charge(left) + trip.storage.charge(seconds)
    return cost, seconds, stops, left > 0
