"""What one snapshot of a market shows: rivals' prices, and how much is rented.

How much is rented. GPUs that on-demand and reserved contracts hold are counted; bids and the host's
own jobs hide nothing. A row says of one size whether some block of it is free, so the held GPUs of
a machine are known to bounds: at most all but the largest block that is free, and at least a block
of the smallest size in each block of a size that cannot be rented.

Our readings: a machine is cut into the sizes that the series shows of it, and none smaller is
rented; where these, or the machine, are no powers of two, remainders spoil the count and one such
block is what is surely held. A machine that a snapshot does not show while earlier and later ones
do was rented or unlisted, where the series shows only what can be rented; else it was unlisted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from fractions import Fraction
from itertools import accumulate
from typing import TYPE_CHECKING, TypeAlias

from attrs import frozen

from numgenius_core._tables import Results, numbers
from numgenius_core.ids import MachineId
from numgenius_core.planning._snapshots import Shown
from numgenius_core.rates import PerGpuHour

if TYPE_CHECKING:
    from numgenius_core._tables.result import ResultTable

MachineKey: TypeAlias = tuple[MachineId, str]
"""A machine and the model of its GPUs."""


@frozen(kw_only=True)
class MarketMoment:
    """What one snapshot shows of the machines that were asked for.

    Prices are on demand, dollars per GPU-hour, each machine counted once, by its largest offer of
    those asked for, with the GPUs of that offer: the median is the least price at which half of
    these GPUs cost no more, and the quartiles likewise. They are ``None`` where no price is shown.

    Attributes:
        at: When the snapshot was taken.
        machines: Machines shown.
        gpus: All GPUs of these machines.
        held_least: How many of them are held on demand or reserved, at least.
        held_most: How many at most.
        unseen: GPUs of machines that are not shown, though earlier and later snapshots do: rented
            or unlisted, nobody can tell. None where snapshots show what is rented as well.
        lowest: The lowest price.
        lower_quartile: A quarter of the GPUs cost no more.
        median: Half of the GPUs cost no more.
        upper_quartile: Three quarters of the GPUs cost no more.
        highest: The highest price.
    """

    at: datetime
    machines: int
    gpus: int
    held_least: int
    held_most: int
    unseen: int
    lowest: PerGpuHour | None
    lower_quartile: PerGpuHour | None
    median: PerGpuHour | None
    upper_quartile: PerGpuHour | None
    highest: PerGpuHour | None

    @property
    def occupied(self) -> tuple[Fraction, Fraction] | None:
        """The share of GPUs that is rented, at least and at most; ``None`` of no machine.

        At least, machines that are not shown are unlisted and do not count; at most, all of them
        are rented.
        """
        if not self.gpus + self.unseen:
            return None
        least = Fraction(self.held_least, self.gpus) if self.gpus else Fraction(0)
        return least, Fraction(self.held_most + self.unseen, self.gpus + self.unseen)


class MarketMoments(Results[MarketMoment]):
    """A market at each snapshot, as :meth:`MarketSeries.over_time` returns it."""

    __slots__ = ()

    def table(self) -> ResultTable:
        """Return a row for each snapshot: its machines, what is held, what GPUs cost."""
        from numgenius_core._tables.result import ResultTable

        rows = [
            (
                f"{each.at:%Y-%m-%d %H:%M:%S}",
                *(f"{n:,}" for n in (each.machines, each.gpus)),
                *(f"{n:,}" for n in (each.held_least, each.held_most, each.unseen)),
                *(
                    "" if price is None else f"{price:.4f}"
                    for price in (each.lowest, each.median, each.highest)
                ),
            )
            for each in self
        ]
        head = (
            "at (UTC)",
            *("machines", "GPUs", "held at least", "at most", "unseen"),
            *("lowest $/h", "median $/h", "highest $/h"),
        )
        return ResultTable(title="", head=head, rows=tuple(rows))

    def _rows(self) -> Iterable[object]:
        for each in self:
            least, most = each.occupied or (None, None)
            yield {**numbers(each), "occupied_least": least, "occupied_most": most}


class Cut:
    """What all snapshots together show of a machine: its sizes, and from when to when."""

    __slots__ = ("first", "last", "sizes", "whole")

    def __init__(self, at: datetime) -> None:
        self.first: datetime = at
        self.last: datetime = at
        self.whole: int = 0
        self.sizes: set[int] = set()

    def add(self, at: datetime, row: Shown) -> None:
        """Take what a snapshot shows of the machine."""
        self.last = at
        self.whole = row.whole
        self.sizes.add(row.gpus)

    def held(self, offers: dict[int, bool], whole: int, shows_held: bool) -> tuple[int, int]:
        """Return how many GPUs are held, at least and at most.

        Args:
            offers: Whether an offer of each size can be rented.
            whole: GPUs of the machine now.
            shows_held: Whether offers that cannot be rented are shown.
        """
        free = max((size for size, rentable in offers.items() if rentable), default=0)
        full = [size for size, rentable in offers.items() if not rentable]
        nested = all(size.bit_count() == 1 for size in (whole, *self.sizes))
        if not shows_held and free < whole:  # the next larger size is offered too, but is not free
            full.append(2 * free if nested else whole)
        least = 0
        for size in full:
            # Each block of this size has a held GPU, and with it a block of the smallest size.
            least = max(least, min(self.sizes) * (whole // size if nested else 1))
        return min(least, whole - free), whole - free


def seen_around(instants: Sequence[datetime], cuts: Iterable[Cut]) -> Iterator[int]:
    """Return for each instant of a series the GPUs of machines seen both before and after it."""
    place = {at: index for index, at in enumerate(instants)}
    changes = [0] * len(instants)
    for cut in cuts:
        first, last = place[cut.first], place[cut.last]
        if first < last:
            changes[first + 1] += cut.whole
            changes[last] -= cut.whole
    return accumulate(changes)


def moment(
    at: datetime,
    shown: Iterable[Shown],
    cuts: Mapping[MachineKey, Cut],
    around: int,
    *,
    gpus: int | None,
    free_only: bool,
    shows_held: bool,
) -> MarketMoment:
    """Return what a snapshot shows of some machines.

    Args:
        at: When it was taken.
        shown: Its rows of these machines.
        cuts: What the whole series shows of each of them.
        around: GPUs of those that were seen both before and after it.
        gpus: The size of the offers whose prices count; ``None`` is the largest of each machine.
        free_only: Whether only offers that can be rented do.
        shows_held: Whether the series shows offers that cannot be rented.
    """
    there: defaultdict[MachineKey, list[Shown]] = defaultdict(list)
    for row in shown:
        there[row[:2]].append(row)
    total = least = most = 0
    priced: list[tuple[int, int]] = []
    for key, rows in there.items():
        whole = rows[0].whole
        held = cuts[key].held({r.gpus: r.rentable for r in rows}, whole, shows_held)
        total, least, most = total + whole, least + held[0], most + held[1]
        asked = [r for r in rows if gpus in (None, r.gpus) and (r.rentable or not free_only)]
        rival = max(asked, key=lambda r: r.gpus, default=None)
        if rival is not None and rival.price is not None:
            priced.append((rival.price, rival.gpus))
    unseen = 0
    if not shows_held:
        here = (cuts[key] for key in there)
        unseen = around - sum(cut.whole for cut in here if cut.first < at < cut.last)
    priced.sort()
    prices = [_quantile(priced, quarters) for quarters in range(5)]
    return MarketMoment(
        at=at,
        machines=len(there),
        gpus=total,
        held_least=least,
        held_most=most,
        unseen=unseen,
        lowest=prices[0],
        lower_quartile=prices[1],
        median=prices[2],
        upper_quartile=prices[3],
        highest=prices[4],
    )


def _quantile(priced: Sequence[tuple[int, int]], quarters: int) -> PerGpuHour | None:
    """Return the least price at which so many quarters of the GPUs cost no more."""
    total = sum(gpus for _, gpus in priced)
    below = accumulate(gpus for _, gpus in priced)
    return next(
        (
            PerGpuHour.from_steps(price)
            for (price, _), upto in zip(priced, below, strict=True)
            if 4 * upto >= quarters * total
        ),
        None,
    )
