"""Snapshots of a market, one after the other: rivals' prices, how much is rented, what stays free.

A snapshot is the answer of one search, with the time at which it was given. What is asked for
decides what can be told: the search of the marketplace's client shows only what can be rented,
unless it is told otherwise (``rentable=any``), and at most as many offers as its limit. All
snapshots of a series are to ask the same.

What prices and occupancy mean: ``planning.occupancy``. What a spell is, and what is known of its
ends: ``planning.spells``.

Our reading: a machine that does not say its GPUs has as many as its largest offer.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal, Self

from attrs import field, frozen

from numgenius_core._checks import MAX_GPUS, check_id, check_kind
from numgenius_core._numbers import length_in_seconds, whole_number
from numgenius_core.errors import UnknownId, WrongType, brief, shown
from numgenius_core.ids import MachineId
from numgenius_core.offer import Offer
from numgenius_core.planning._snapshots import (
    Shown,
    Taking,
    check_series,
    check_taken,
    files,
    parts,
)
from numgenius_core.planning.occupancy import Cut, MachineKey, MarketMoments, moment, seen_around
from numgenius_core.planning.spells import FreeSpells, free_spells
from numgenius_core.search.names import did_you_mean, meant_of

if TYPE_CHECKING:
    from numgenius_core.wire import Reading


@frozen(kw_only=True)
class MarketSeries:
    """A market at several moments; :meth:`of` and :meth:`read` make one.

    Of each offer its machine, model, GPUs, price, lowest bid and whether it can be rented are kept.
    Offers of one machine, model and size are one: free if one of them is, at the lowest price of
    those that are.

    Attributes:
        instants: When each snapshot was taken, ascending, in UTC.
        snapshots: The offers of each: machine, model, GPUs, GPUs of the machine, price and lowest
            bid in pico-dollars per GPU-hour (``None``: not said), and whether it can be rented.
        shows_held: Whether any snapshot shows an offer that cannot be rented.

    Raises:
        WrongType: Instants that are none, or rows that are no rows of offers.
        RuleViolation: No snapshot, not as many as instants, or instants that do not ascend.

    >>> from datetime import UTC, datetime, timedelta
    >>> from numgenius_core import Offer, PerGpuHour, PriceTerms
    >>> from numgenius_core.planning import MarketSeries
    >>> noon, hour = datetime(2026, 3, 1, 12, tzinfo=UTC), timedelta(hours=1)
    >>> def offer(machine: int, price: str) -> Offer:
    ...     prices = PriceTerms(gpu=PerGpuHour(price))
    ...     return Offer(id=machine, machine=machine, gpu_name="A100", gpus=8, prices=prices)
    >>> cheap, dear = offer(7, "0.80"), offer(8, "0.95")
    >>> series = MarketSeries.of(
    ...     [(noon, [cheap, dear]), (noon + hour, [cheap, dear]), (noon + 2 * hour, [dear])]
    ... )
    >>> for spell in series.spells():
    ...     print(spell.machine, spell.began_after, spell.shortest, spell.ended_by)
    7 None 1:00:00 2026-03-01 14:00:00+00:00
    8 None 2:00:00 None
    >>> [str(moment.lowest) for moment in series.over_time("A100")]
    ['0.80', '0.80', '0.95']
    """

    instants: tuple[datetime, ...] = field(repr=brief)
    snapshots: tuple[tuple[Shown, ...], ...] = field(repr=brief)
    shows_held: bool = field(init=False, eq=False)

    def __attrs_post_init__(self) -> None:
        check_taken(self.instants, self.snapshots)
        held = any(not row.rentable for rows in self.snapshots for row in rows)
        object.__setattr__(self, "shows_held", held)

    @classmethod
    def of(cls, snapshots: Iterable[Reading | tuple[datetime, Iterable[Offer]]]) -> Self:
        """Return the series of what was read, or of pairs of a time and the offers of that time.

        They are taken one at a time, so a generator of them needs no memory for all offers.

        Args:
            snapshots: In order of time. A reading says its time itself (``Reading.at``); where it
                does not, give the pair of the time and ``reading.offers``.

        Raises:
            RuleViolation: No snapshot, one that says no time, or times that do not ascend.
        """
        check_series(snapshots)
        taking = Taking()
        for index, snapshot in enumerate(snapshots):
            path = f"snapshots[{index}]"
            at, offers = parts(snapshot, path)
            taking.add(path, at, offers)
        return cls(**taking.done("snapshots"))

    @classmethod
    def read(
        cls,
        source: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
        *,
        on_error: Literal["raise", "collect"] = "raise",
        naive: Literal["refuse", "utc"] = "refuse",
        columns: Mapping[str, str] | None = None,
    ) -> Self:
        """Return the series of the snapshots in files, whatever the order of the files.

        Each file is what :func:`~numgenius_core.wire.read_snapshots` reads, such as an answer of
        ``vastai search offers --raw``, whose records tell its time (an end date and a duration);
        the time of the file is not asked.

        Args:
            source: A folder, all of whose files are read (names that begin with a dot are not), a
                file, or the paths of files.
            on_error: ``"collect"`` leaves bad records out; ``read_snapshots`` says what was wrong.
            naive: ``"utc"`` takes times without an offset as UTC.
            columns: Where all of the files have our fields, if they have names of their own:
                ``{"collected_at": "time", "dph_base": "price per hour", "id": "#"}``. Machines need
                a column of theirs: by ``"#"`` none is found again at the next time.

        Raises:
            ParseError: A file that cannot be read.
            InvalidDocument: Records with faults.
            RuleViolation: No file, a file that says no time, or two snapshots of one time.

        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> from numgenius_core.planning import MarketSeries
        >>> row = '{"id": 1, "machine_id": 7, "gpu_name": "A100", "num_gpus": 1, "dph_base": 0.8}'
        >>> with TemporaryDirectory() as folder:
        ...     for hour in ("13", "12"):
        ...         document = '{"ts": "2026-03-01T%s:00Z", "offers": [%s]}' % (hour, row)
        ...         _ = Path(folder, f"{hour}.json").write_text(document)
        ...     series = MarketSeries.read(folder)
        >>> [at.hour for at in series.instants]
        [12, 13]
        """
        from numgenius_core.wire import read_snapshots  # with cattrs, which plans do not need

        taking = Taking()
        for path in files(source):
            for reading in read_snapshots(path, on_error=on_error, naive=naive, columns=columns):
                at, offers = parts(reading, str(path))
                taking.add(str(path), at, offers)
        taking.sort()
        return cls(**taking.done("source"))

    def __len__(self) -> int:
        return len(self.instants)

    def over_time(
        self,
        gpu_name: str | None = None,
        *,
        gpus: int | None = None,
        machine: MachineId | None = None,
        free_only: bool = False,
    ) -> MarketMoments:
        """Return prices and occupancy at each snapshot: a tuple of moments.

        It prints as a table and has ``to_dicts``.

        Args:
            gpu_name: The model, in any case (``rtx_4090``); all models if left out.
            gpus: The size of offers. Prices are those of this size, occupancy is that of the
                machines that ever show it.
            machine: Only this machine.
            free_only: Whether prices are those of offers that can be rented.

        Raises:
            UnknownId: A model or machine that no snapshot shows, or none in that size.
        """
        cuts = self._cuts(gpu_name, gpus, machine)
        if type(free_only) is not bool:
            raise WrongType("free_only", "True or False", shown(free_only))
        between = seen_around(self.instants, cuts.values())
        return MarketMoments(
            moment(
                at,
                [row for row in rows if row[:2] in cuts],
                cuts,
                around,
                gpus=gpus,
                free_only=free_only,
                shows_held=self.shows_held,
            )
            for at, rows, around in zip(self.instants, self.snapshots, between, strict=True)
        )

    def spells(
        self,
        gpu_name: str | None = None,
        *,
        gpus: int | None = None,
        machine: MachineId | None = None,
        whole: bool = False,
        gap: timedelta | None = None,
    ) -> FreeSpells:
        """Return the times in which blocks were free, in order of their begin: a tuple of spells.

        It prints as a table and has ``to_dicts``.

        Args:
            gpu_name: The model, in any case (``rtx_4090``); all models if left out.
            gpus: The size of the blocks; all sizes if left out.
            machine: Only this machine.
            whole: Only blocks that are all of their machine: what
                :class:`~numgenius_core.whatif.Arrivals` takes.
            gap: The longest time between two snapshots that is taken for a watch. Where there was
                none for longer, spells are cut: they end and begin at unknown times.

        Raises:
            UnknownId: A model or machine that no snapshot shows, or none in that size.
            RuleViolation: A gap that is no length of time.
        """
        cuts = self._cuts(gpu_name, gpus, machine)
        longest = None if gap is None else length_in_seconds(gap, "gap")
        if type(whole) is not bool:
            raise WrongType("whole", "True or False", shown(whole))
        # Other sizes are followed too: what is left of a machine tells that the rest is rented.
        asked = [[row for row in rows if row[:2] in cuts] for rows in self.snapshots]
        found = free_spells(self.instants, asked, shows_held=self.shows_held, gap=longest)
        return FreeSpells(
            spell
            for spell in found
            if (gpus is None or spell.gpus == gpus)
            and (not whole or spell.gpus == spell.gpus_in_machine)
        )

    def _seen(self, gpu_name: str | None, machine: MachineId | None) -> dict[MachineKey, Cut]:
        """Return what the whole series shows of each machine, of any size."""
        cuts: dict[MachineKey, Cut] = {}
        for at, rows in zip(self.instants, self.snapshots, strict=True):
            for row in rows:
                if gpu_name not in (None, row.gpu_name) or machine not in (None, row.machine):
                    continue
                cut = cuts.get(row[:2])
                if cut is None:
                    cut = cuts[row[:2]] = Cut(at)
                cut.add(at, row)
        return cuts

    def _cuts(
        self, gpu_name: str | None, gpus: int | None, machine: MachineId | None
    ) -> dict[MachineKey, Cut]:
        """Return what the whole series shows of each machine asked for."""
        if gpu_name is not None:
            check_kind(gpu_name, str, "gpu_name")
        if machine is not None:
            machine = MachineId(check_id(machine, "machine"))
        if gpus is not None:
            gpus = whole_number(gpus, "gpus", 1, MAX_GPUS)
        cuts = self._seen(gpu_name, machine)
        kept = {key: cut for key, cut in cuts.items() if gpus is None or gpus in cut.sizes}
        asked = {"gpu_name": gpu_name, "machine": machine, "gpus": gpus}
        given = {name: value for name, value in asked.items() if value is not None}
        if not given or kept:
            return kept
        names = sorted({row.gpu_name for rows in self.snapshots for row in rows})
        hint = ""
        if gpu_name is not None and gpu_name not in names:
            meant = meant_of(gpu_name, names)
            if meant is not None:
                return self._cuts(meant, gpus, machine)
            hint = did_you_mean(gpu_name, names)
        raise _unknown(given, names, hint)


def _unknown(given: Mapping[str, object], names: Sequence[str], hint: str) -> UnknownId:
    """Return the refusal of what no snapshot shows, with the models that they do."""
    known = ", ".join(names[:5]) + (" …" if len(names) > 5 else "")
    need = f"what the snapshots show (models: {known or 'none'})"
    got = " ".join(map(shown, given.values()))
    return UnknownId("/".join(given), need, f"{got}{hint}")
