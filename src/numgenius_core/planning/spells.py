"""How long the blocks of a market stay free, as far as snapshots of it can tell.

A block is free at a snapshot if an offer of it is there that can be rented on demand. Between two
snapshots nobody looked, so each end of a spell is known to an interval only: it began after the
last snapshot that did not have it free, and ended by the first that no longer has. A spell that was
there at the first snapshot began at an unknown time before; one that is there at the last has not
ended. None of these is a duration, and a mean over them would be wrong, so a spell keeps its bounds
and :class:`numgenius_core.whatif.Arrivals` counts them for what they are.

What cannot be told. An offer that is no longer there was rented or unlisted, unless the snapshots
show offers that are rented as well. A block that was rented and given back between two snapshots
was free all the time, for all that is seen. Rentals by bid take no block from the market on demand.

Our readings: equal blocks of a machine are one offer, so blocks are told apart by machine, model
and size, not by the offer's number, which changes when a machine is listed anew. The spell of a
size that a machine has several blocks of ends with the *last* of them; only that of the whole
machine ends with the first client who comes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from attrs import field, frozen

from numgenius_core._checks import (
    MAX_GPUS,
    as_tuple,
    check_kind,
    check_text,
    keep_id,
    utc,
)
from numgenius_core._numbers import keep_whole
from numgenius_core._tables import Results, numbers
from numgenius_core.errors import RuleViolation, WrongType, brief, shown
from numgenius_core.ids import MachineId
from numgenius_core.intervals import total_seconds
from numgenius_core.planning._snapshots import Shown
from numgenius_core.rates import PerGpuHour

if TYPE_CHECKING:
    from numgenius_core._tables.result import ResultTable


def _as_prices(
    given: Iterable[tuple[datetime, PerGpuHour | None]],
) -> tuple[tuple[datetime, PerGpuHour | None], ...]:
    found = []
    for index, pair in enumerate(as_tuple(given, "spell.prices")):
        path = f"spell.prices[{index}]"
        try:
            at, price = pair
        except (TypeError, ValueError):
            raise WrongType(path, "an instant and a price", shown(pair)) from None
        found.append((utc(at, path), price))
    return tuple(found)


def _as_seen(given: Iterable[datetime]) -> tuple[datetime, ...]:
    known = as_tuple(given, "spell.seen")
    return tuple([utc(at, f"spell.seen[{index}]") for index, at in enumerate(known)])


def _as_instant_or_none(value: datetime | None) -> datetime | None:
    return None if value is None else utc(value, "spell")


@frozen(kw_only=True)
class FreeSpell:
    """A time in which a machine had a free block of some size, with what is known of its ends.

    Attributes:
        machine: The machine.
        gpu_name: Model of its GPUs.
        gpus: GPUs of the block.
        gpus_in_machine: All GPUs of the machine.
        seen: The snapshots that have it free, ascending, at least one.
        prices: When each price on demand, dollars per GPU-hour, was first seen, ascending, the
            first with the spell; ``None`` is a price that the snapshot does not say. A new price is
            no new spell.
        began_after: The last snapshot without it; ``None`` if it was there from the first on, so
            that it began at an unknown time before.
        ended_by: The first snapshot that no longer has it free; ``None`` if it was free to the
            last, so that it ends at an unknown time after.
        rented: Of a spell that ended, whether a client took it: ``True`` if the next snapshot shows
            the offer as one that cannot be rented, or only smaller ones of the machine; ``False``
            if offers that are rented are shown in general and this one is not, so that it was
            unlisted; ``None`` if it was the one or the other, or has not ended.

    Raises:
        RuleViolation: Instants or prices out of order, more GPUs than the machine has, or
            ``rented`` of a spell that has not ended.

    >>> from datetime import UTC, datetime, timedelta
    >>> from numgenius_core import PerGpuHour
    >>> from numgenius_core.planning import FreeSpell
    >>> noon, hour = datetime(2026, 3, 1, 12, tzinfo=UTC), timedelta(hours=1)
    >>> spell = FreeSpell(
    ...     machine=7, gpu_name="A100", gpus=8, gpus_in_machine=8,
    ...     seen=[noon + n * hour for n in range(6)], prices=[(noon, PerGpuHour("0.80"))],
    ...     began_after=noon - hour, ended_by=noon + 6 * hour, rented=True,
    ... )
    >>> print(spell.shortest, spell.longest)
    5:00:00 7:00:00
    """

    machine: MachineId
    gpu_name: str
    gpus: int
    gpus_in_machine: int
    seen: tuple[datetime, ...] = field(converter=_as_seen, repr=brief)
    prices: tuple[tuple[datetime, PerGpuHour | None], ...] = field(converter=_as_prices, repr=brief)
    began_after: datetime | None = field(default=None, converter=_as_instant_or_none)
    ended_by: datetime | None = field(default=None, converter=_as_instant_or_none)
    rented: bool | None = None

    def __attrs_post_init__(self) -> None:
        keep_id(self, "machine", "spell.machine")
        check_text(self.gpu_name, "spell.gpu_name")
        keep_whole(self, "gpus_in_machine", "spell.gpus_in_machine", 1, MAX_GPUS)
        keep_whole(self, "gpus", "spell.gpus", 1, self.gpus_in_machine)
        self._check_order()
        self._check_prices()
        if self.rented is not None and type(self.rented) is not bool:
            raise WrongType("spell.rented", "True, False or None", shown(self.rented))
        if self.rented is not None and self.ended_by is None:
            raise RuleViolation("spell.rented", "None, as it has not ended", shown(self.rented))

    def _check_order(self) -> None:
        if not self.seen:
            raise RuleViolation("spell.seen", "at least one snapshot", "none")
        for index, (before, at) in enumerate(pairwise(self.seen), 1):
            if at <= before:
                raise RuleViolation(f"spell.seen[{index}]", f"after {before}", str(at))
        began, ended = self.began_after, self.ended_by
        if began is not None and began >= self.seen[0]:
            raise RuleViolation("spell.began_after", f"before {self.seen[0]}", str(began))
        if ended is not None and ended <= self.seen[-1]:
            raise RuleViolation("spell.ended_by", f"after {self.seen[-1]}", str(ended))

    def _check_prices(self) -> None:
        if not self.prices or self.prices[0][0] != self.seen[0]:
            got = str(self.prices[0][0]) if self.prices else "none"
            raise RuleViolation("spell.prices", f"a first price, of {self.seen[0]}", got)
        looks = set(self.seen)
        for index, (at, price) in enumerate(self.prices):
            path = f"spell.prices[{index}]"
            if price is not None:
                check_kind(price, PerGpuHour, path)
            if at not in looks or (index and at <= self.prices[index - 1][0]):
                raise RuleViolation(path, "snapshots of the spell, ascending", str(at))

    @property
    def shortest(self) -> timedelta:
        """The least that it can have lasted: from the first to the last snapshot that have it."""
        return self.seen[-1] - self.seen[0]

    @property
    def longest(self) -> timedelta | None:
        """The most that it can have lasted; ``None`` where its begin or its end is not known."""
        if self.began_after is None or self.ended_by is None:
            return None
        return self.ended_by - self.began_after


class FreeSpells(Results[FreeSpell]):
    """The times in which blocks were free, as :meth:`MarketSeries.spells` returns them."""

    __slots__ = ()

    def table(self) -> ResultTable:
        """Return a row for each spell: whose it is, and what is known of its ends; ? is nothing."""
        from numgenius_core._tables.result import ResultTable

        rows = [
            (
                f"{each.machine}: {each.gpus} × {each.gpu_name}",
                "?" if each.prices[0][1] is None else f"{each.prices[0][1]:.4f}",
                _text(each.began_after),
                _text(each.seen[0]),
                _text(each.seen[-1]),
                _text(each.ended_by),
                "?" if each.rented is None else "rented" if each.rented else "unlisted",
            )
            for each in self
        ]
        head = (
            "machine",
            *("first $/h", "began after (UTC)", "first seen", "last seen", "ended by", "how"),
        )
        return ResultTable(title="", head=head, rows=tuple(rows))

    def _rows(self) -> Iterable[object]:
        return (
            {
                **numbers(each),
                "price": each.prices[0][1],
                "first_seen": each.seen[0],
                "last_seen": each.seen[-1],
            }
            for each in self
        )


def _text(at: datetime | None) -> str:
    return "?" if at is None else f"{at:%Y-%m-%d %H:%M:%S}"


class _Open:
    """A spell that goes on; moments are positions in the series."""

    __slots__ = ("began_after", "first", "last", "prices", "whole")

    def __init__(self, began_after: int | None, index: int, row: Shown) -> None:
        self.began_after = began_after
        self.first = self.last = index
        self.whole = row.whole
        self.prices = [(index, row.price)]

    def go_on(self, index: int, price: int | None) -> None:
        self.last = index
        if self.prices[-1][1] != price:
            self.prices.append((index, price))


Key = tuple[MachineId, str, int]


def free_spells(
    instants: Sequence[datetime],
    snapshots: Sequence[Iterable[Shown]],
    *,
    shows_held: bool,
    gap: int | None = None,
) -> list[FreeSpell]:
    """Return the spells in order of their begin, those of one moment in the order of the offers.

    Args:
        instants: When the snapshots were taken, ascending.
        snapshots: The offers of each, one of each machine, model and size.
        shows_held: Whether snapshots show offers that cannot be rented.
        gap: The longest time between two snapshots in seconds: of a longer one nothing is said.
    """
    live: dict[Key, _Open] = {}
    done: list[tuple[Key, _Open, datetime | None, bool | None]] = []
    for index, rows in enumerate(snapshots):
        watched = index > 0 and not _is_gap(instants, index, gap)
        if not watched:  # what was free before has been watched until then, and no longer
            done += [(key, spell, None, None) for key, spell in live.items()]
            live = {}
        now: dict[Key, Shown] = {(r.machine, r.gpu_name, r.gpus): r for r in rows}
        ended = _ended(live, now)
        largest = _largest(now.values()) if ended else {}
        for key in ended:
            rented = _was_rented(key, now.get(key), largest, shows_held)
            done.append((key, live.pop(key), instants[index], rented))
        for key, row in now.items():
            if not row.rentable:
                continue
            if key in live:
                live[key].go_on(index, row.price)
            else:
                live[key] = _Open(index - 1 if watched else None, index, row)
    done += [(key, spell, None, None) for key, spell in live.items()]
    done.sort(key=lambda each: (each[1].first, each[0]))
    return [_closed(key, spell, instants, by, rented) for key, spell, by, rented in done]


def _is_gap(instants: Sequence[datetime], index: int, gap: int | None) -> bool:
    return gap is not None and total_seconds(instants[index - 1], instants[index]) > gap


def _ended(live: dict[Key, _Open], now: dict[Key, Shown]) -> list[Key]:
    """Return what is free no longer; a machine with another number of GPUs is another."""
    return [
        key
        for key, spell in live.items()
        if (row := now.get(key)) is None or not row.rentable or row.whole != spell.whole
    ]


def _largest(rows: Iterable[Shown]) -> dict[MachineId, int]:
    """Return the largest size that is shown of each machine."""
    found: dict[MachineId, int] = {}
    for row in rows:
        found[row.machine] = max(row.gpus, found.get(row.machine, 0))
    return found


def _was_rented(
    key: Key, row: Shown | None, largest: dict[MachineId, int], shows_held: bool
) -> bool | None:
    """Return whether a block that is free no longer was rented: ``FreeSpell.rented``."""
    machine, _, gpus = key
    if row is not None:  # one that can be rented belongs to a machine with other GPUs than before
        return None if row.rentable else True
    left = largest.get(machine)
    if shows_held:
        return False if left is None else None
    # Only what is free is shown: smaller blocks remain where a client took some of the GPUs.
    return True if left is not None and left < gpus else None


def _closed(
    key: Key,
    spell: _Open,
    instants: Sequence[datetime],
    ended_by: datetime | None,
    rented: bool | None,
) -> FreeSpell:
    machine, gpu_name, gpus = key
    return FreeSpell(
        machine=machine,
        gpu_name=gpu_name,
        gpus=gpus,
        gpus_in_machine=spell.whole,
        seen=instants[spell.first : spell.last + 1],
        prices=[(instants[at], price_of(steps)) for at, steps in spell.prices],
        began_after=None if spell.began_after is None else instants[spell.began_after],
        ended_by=ended_by,
        rented=rented,
    )


def price_of(steps: int | None) -> PerGpuHour | None:
    """Return the price of a number of steps, ``None`` of one that is not known."""
    return None if steps is None else PerGpuHour.from_steps(steps)
