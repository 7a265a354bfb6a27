"""When to take one machine down: the earliest window that disturbs nobody, or the mildest one.

Rule (hosting guide, G11): planned maintenance waits "until all active contracts have expired or
the machine is vacant"; (G12) what cannot wait is scheduled, and its clients are notified.

Our reading of "disturbs least": the loss of a window is the weighted sum of what
:class:`~numgenius_core.maintenance.Disturbance` counts; of windows with equal loss the earliest is
taken. A contract is taken to end when it says now. Under a rolling end each day moves that on,
until the machine is unlisted or listed with a fixed end, and so does an increase that its client
accepts: a window is sure once neither can happen.

How it is found, exactly. A window of length L from w touches a contract [a, b) while a − L < w < b.
So what counts once rises just after a − L and falls at b; what grows with the overlap changes its
slope at a − L, a, b − L and b. In between the loss is a straight line, and the earliest of its
least values lies at the first or last instant allowed, at some b or at some a − L. One sweep in
order of time visits them all: O(n log n), all numbers whole. Where only the number of contracts
counts, two sorted lists are enough. In large books, what cannot matter is left out before
(``_shortlist``).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from datetime import timedelta
from fractions import Fraction
from operator import itemgetter

from attrs import field, frozen

from numgenius_core._checks import check_kind
from numgenius_core._numbers import length_in_seconds
from numgenius_core._tables import Tabular, numbers
from numgenius_core._tables.result import ResultTable
from numgenius_core.contracts.contract import Contract, check_contracts
from numgenius_core.errors import RuleViolation, brief
from numgenius_core.ids import ContractId
from numgenius_core.intervals import Interval, total_seconds, union
from numgenius_core.maintenance._shortlist import Span, shortlist
from numgenius_core.maintenance.losses import (
    COUNT,
    NO_REFUNDS,
    Disturbance,
    Piece,
    Refunds,
    Weights,
    check_refunds,
    disturbances,
    weighed_pieces,
)
from numgenius_core.money import Money


@frozen(kw_only=True)
class WindowPlan(Tabular):
    """The window chosen for one machine, and what it costs.

    Attributes:
        window: When the machine is down.
        disturbed: Each contract in force at some instant of the window, with what it loses; in
            order of the contracts' ids.
        loss: The weighted sum of what they lose; zero exactly if nobody is disturbed.
        weights: By which the sum is weighted.
    """

    window: Interval
    disturbed: tuple[Disturbance, ...] = field(repr=brief)
    loss: Fraction
    weights: Weights

    @property
    def is_free(self) -> bool:
        """Whether the window disturbs nobody."""
        return not self.disturbed

    @property
    def blocking(self) -> tuple[ContractId, ...]:
        """The ids of the contracts that the window disturbs."""
        return tuple(each.contract.id for each in self.disturbed)

    @property
    def gpu_hours(self) -> Fraction:
        """GPU-hours that clients lose."""
        return sum((each.gpu_hours for each in self.disturbed), Fraction(0))

    @property
    def payout(self) -> Money:
        """What the host earns less from GPUs during the window: what is not billed, less the fee.

        A contract with a promise of uptime is billed, and adds nothing; the credit that it may earn
        is not in here.
        """
        return Money.sum(each.payout for each in self.disturbed)

    @property
    def refunds(self) -> Money:
        """What the host owes the clients for the disturbance."""
        return Money.sum(each.refund for each in self.disturbed)

    def _rows(self) -> Iterable[object]:
        return ({"contract": each.contract.id} | numbers(each) for each in self.disturbed)

    def table(self) -> ResultTable:
        """Return a row for each contract disturbed, with what it loses."""
        rows = [
            (
                str(each.contract.id),
                f"{float(each.gpu_hours):.2f}",
                f"{each.payout:.2f}",
                f"{each.refund:.2f}",
            )
            for each in self.disturbed
        ]
        what = "nobody is disturbed" if self.is_free else f"a loss of {float(self.loss):.10g}"
        head = ("contract", "GPU-hours lost", "payout lost $", "refund $")
        notes = () if self.is_free else (f"loss: {self.weights}",)
        title = f"down {self.window}: {what}"
        return ResultTable(title=title, head=head, rows=tuple(rows), notes=notes)


def free_time(contracts: Iterable[Contract], within: Interval) -> tuple[Interval, ...]:
    """Return when within a period none of a machine's contracts is in force, in order of time.

    Each is taken to end when it says, also under a rolling end.

    Raises:
        RuleViolation: Contracts of different machines.

    >>> from datetime import UTC, datetime, timedelta
    >>> from numgenius_core import Block, Contract, Interval, Mode, PerGpuHour, PriceTerms
    >>> monday = datetime(2026, 1, 5, tzinfo=UTC)
    >>> contract = Contract(
    ...     id=1, machine=7, host="hanna", client="ann", mode=Mode.ON_DEMAND,
    ...     block=Block(start=0, size=2), prices=PriceTerms(gpu=PerGpuHour("2.00")),
    ...     start=monday, end=monday + timedelta(days=2),
    ... )
    >>> from numgenius_core.maintenance.windows import free_time
    >>> week = Interval(monday, monday + timedelta(days=7))
    >>> [str(free) for free in free_time([contract], week)]
    ['2026-01-07 00:00:00 … 2026-01-12 00:00:00 UTC']
    """
    check_kind(within, Interval, "within")
    # One pass in order of start: ``at`` is the end of all that has begun so far.
    free, at = [], within.start
    for start, end in sorted(
        (each.start, within.end if each.end is None else each.end)
        for each in check_contracts(contracts)
    ):
        if start > at and at < within.end:
            free.append(Interval(at, min(start, within.end)))
        at = max(at, end)
    return (*free, Interval(at, within.end)) if at < within.end else tuple(free)


def earliest_window(
    contracts: Iterable[Contract],
    length: timedelta,
    within: Interval,
    *,
    allowed: Iterable[Interval] | None = None,
) -> Interval | None:
    """Return the earliest window that disturbs nobody, ``None`` if there is none.

    Args:
        contracts: The machine's contracts, without those that may be disturbed. Each is taken to
            end when it says; under a rolling end that is sure only once the machine is unlisted,
            or listed with a fixed end.
        length: How long the machine will be down, whole seconds.
        within: The horizon; the window lies inside. Begin it after the notice that you mean to give
            (see :func:`~numgenius_core.maintenance.requested_window`): a window may start at its
            first instant, and one that starts now can no longer be announced.
        allowed: The window lies inside one of these, where given
            (:func:`~numgenius_core.maintenance.allowed_intervals`).

    Raises:
        RuleViolation: No window of that length fits, or contracts of different machines.

    >>> from datetime import UTC, datetime, timedelta
    >>> from numgenius_core import Block, Contract, Interval, Mode, PerGpuHour, PriceTerms
    >>> monday = datetime(2026, 1, 5, tzinfo=UTC)
    >>> contract = Contract(
    ...     id=1, machine=7, host="hanna", client="ann", mode=Mode.ON_DEMAND,
    ...     block=Block(start=0, size=2), prices=PriceTerms(gpu=PerGpuHour("2.00")),
    ...     start=monday, end=monday + timedelta(days=2),
    ... )
    >>> from numgenius_core.maintenance import earliest_window
    >>> week = Interval(monday, monday + timedelta(days=7))
    >>> print(earliest_window([contract], timedelta(hours=4), week))
    2026-01-07 00:00:00 … 2026-01-07 04:00:00 UTC
    """
    seconds, spans = _spans(length, within, allowed)
    starts, ends = _edges(check_contracts(contracts), within)
    count, at = fewest_touched(starts, ends, seconds, spans)
    return None if count else _interval(within, at, seconds)


def best_window(
    contracts: Iterable[Contract],
    length: timedelta,
    within: Interval,
    *,
    weights: Weights = COUNT,
    refunds: Refunds = NO_REFUNDS,
    allowed: Iterable[Interval] | None = None,
) -> WindowPlan:
    """Return the earliest window that disturbs nobody, else the earliest of least loss.

    Args:
        contracts: The machine's contracts, in any order. Each is taken to end when it says; under a
            rolling end that is sure only once the machine is unlisted, or listed with a fixed end.
        length: How long the machine will be down, whole seconds.
        within: The horizon; the window lies inside. Begin it after the notice that you mean to give
            (see :func:`~numgenius_core.maintenance.requested_window`): a window may start at its
            first instant, and one that starts now can no longer be announced.
        weights: How much each part of a loss counts; by default the number of contracts disturbed
            is all that counts.
        refunds: What the host owes a contract if it is disturbed, by the contract's id.
        allowed: The window lies inside one of these, where given
            (:func:`~numgenius_core.maintenance.allowed_intervals`).

    Raises:
        RuleViolation: No window of that length fits, or contracts of different machines.

    >>> from datetime import UTC, datetime, timedelta
    >>> from numgenius_core import Block, Contract, Interval, Mode, PerGpuHour, PriceTerms
    >>> monday = datetime(2026, 1, 5, tzinfo=UTC)
    >>> contract = Contract(
    ...     id=1, machine=7, host="hanna", client="ann", mode=Mode.ON_DEMAND,
    ...     block=Block(start=0, size=2), prices=PriceTerms(gpu=PerGpuHour("2.00")),
    ...     start=monday, end=monday + timedelta(days=2),
    ... )
    >>> from numgenius_core.maintenance import Weights, best_window
    >>> horizon = Interval(monday, monday + timedelta(hours=50))
    >>> plan = best_window([contract], timedelta(hours=4), horizon, weights=Weights(payout=1))
    >>> print(plan.window.start, plan.blocking, plan.payout, plan.loss)
    2026-01-06 22:00:00+00:00 (1,) 8.00 9
    """
    check_kind(weights, Weights, "weights")
    check_refunds(refunds)
    seconds, spans = _spans(length, within, allowed)
    known = check_contracts(contracts)
    starts, ends = _edges(known, within)
    count, at = fewest_touched(starts, ends, seconds, spans)
    if count and not weights.counts_only:
        at = _least_loss(weighed_pieces(known, within, weights, refunds), seconds, spans)
    window = _interval(within, at, seconds)
    disturbed = disturbances(known, window, refunds=refunds) if count else ()
    by_id = tuple(sorted(disturbed, key=lambda each: each.contract.id))
    return WindowPlan(window=window, disturbed=by_id, loss=weights.loss(by_id), weights=weights)


def fewest_touched(
    starts: Iterable[int], ends: Iterable[int], length: int, spans: Sequence[Span]
) -> Span:
    """Return ``(count, start)`` of the earliest window that touches the fewest intervals.

    The plain form of :func:`best_window` for callers who have their times as whole numbers.

    Args:
        starts: Starts of the intervals ``[start, end)``, in any order.
        ends: Ends of the same intervals, in any order.
        length: Length of the window.
        spans: ``(first, last)`` start of a window allowed; ascending, apart, at least one.
    """
    # A window [w, w + length) touches what has begun before its end and is not over at w. So the
    # count is a difference of two ranks, and which end belongs to which start never matters: two
    # sorts of plain numbers do, with no events to build.
    begins, finishes = sorted(starts), sorted(ends)
    begins.append(max([*begins[-1:], spans[-1][1] + length]) + 1)  # never reached
    least, at = len(begins), 0
    for first, last in spans:
        begun = bisect_left(begins, first + length)
        over = bisect_right(finishes, first)
        # Between two ends the count can only rise, so the first start allowed and the ends that
        # follow it are all that need a look.
        if begun - over < least:
            least, at = begun - over, first
        stop = bisect_right(finishes, last)
        # Only an end lowers the count, and by one: so many ends may be skipped. At the first of
        # several equal ends the count is still too high; the last has it right.
        while over < stop and least:
            begun = bisect_left(begins, finishes[over] + length, begun)
            count = begun - over - 1
            if count < least:
                least, at = count, finishes[over]
            over += count - least + 1
    return least, at


def _least_loss(pieces: list[Piece], length: int, spans: Sequence[Span]) -> int:
    """Return the earliest start of a window of least loss.

    Events in order of time, each with what it adds at once to the loss (its lump), to the slope of
    the loss (its bend) and to the number of open spans (its gate). What rises or closes at an
    instant does so just after it, so the loss there is the least before and after its events.
    """
    pieces, spans = shortlist(pieces, length, spans)
    best, at = None, 0
    now = loss = slope = spans_open = 0
    # The loss is a line between two events, so its least value lies at one of them. Strictly less
    # replaces the best: of equal losses the earliest stays.
    for time, lump, bend, gate in _events(pieces, length, spans):
        loss += slope * (time - now)
        now, after = time, loss + lump
        if spans_open or gate:
            least = min(loss, after)
            if best is None or least < best:
                best, at = least, now
        loss = after
        slope += bend
        spans_open += gate
    return at


def _events(
    pieces: list[Piece], length: int, spans: Sequence[Span]
) -> list[tuple[int, int, int, int]]:
    """Return time, lump, bend and gate of each event, by time; at equal times falls come first.

    Each kind is in order before all are sorted together, which is then but a merge.
    """
    by_start = sorted(pieces, key=itemgetter(0))
    by_end = sorted(pieces, key=itemgetter(1))
    events = [(end, -at_end, slope, 0) for _, end, _, at_end, slope in by_end]
    events += [(end - length, 0, -slope, 0) for _, end, _, _, slope in by_end]
    events += [(start, 0, -slope, 0) for start, *_, slope in by_start]
    events += [(first, 0, 0, 1) for first, _ in spans]
    events += [(start - length, at_start, slope, 0) for start, _, at_start, _, slope in by_start]
    events += [(last, 0, 0, -1) for _, last in spans]
    events.sort(key=itemgetter(0))
    return events


def _spans(
    length: timedelta, within: Interval, allowed: Iterable[Interval] | None
) -> tuple[int, list[Span]]:
    """Return the length in seconds, and first and last start of each stretch where it fits."""
    check_kind(within, Interval, "within")
    seconds = length_in_seconds(length)
    spans = []
    for each in [within] if allowed is None else union(allowed, "allowed"):
        inside = each.overlap(within)
        if inside is not None and inside.seconds >= seconds:
            first = total_seconds(within.start, inside.start)
            spans.append((first, first + inside.seconds - seconds))
    if not spans:
        where = "the horizon" if allowed is None else "the allowed hours within the horizon"
        raise RuleViolation("length", f"a window that fits {where}", str(length))
    return seconds, spans


def _interval(within: Interval, start: int, seconds: int) -> Interval:
    begin = within.start + timedelta(seconds=start)
    return Interval(begin, begin + timedelta(seconds=seconds))


def _edges(contracts: Sequence[Contract], within: Interval) -> tuple[list[int], list[int]]:
    """Return starts and ends of what is in force within a period, seconds from its start."""
    origin, close = within.start, within.end
    starts, ends = [], []
    for contract in contracts:
        end = close if contract.end is None or contract.end > close else contract.end
        if contract.start < close and end > origin:
            starts.append(total_seconds(origin, contract.start))
            ends.append(total_seconds(origin, end))
    return starts, ends
