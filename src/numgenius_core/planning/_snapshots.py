"""Snapshots of a market as a series keeps them: what is taken of each offer, and where from."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from numgenius_core._checks import as_tuple, check_kind, is_series, utc
from numgenius_core.errors import RuleViolation, WrongType, shown
from numgenius_core.ids import MachineId
from numgenius_core.offer import Offer


class Shown(NamedTuple):
    """What one snapshot shows of a machine's blocks of one size; prices are steps of one GPU."""

    machine: MachineId
    gpu_name: str
    gpus: int
    whole: int
    price: int | None
    min_bid: int | None
    rentable: bool


class Taking:
    """Snapshots as they come, reduced to what a series keeps of them."""

    def __init__(self) -> None:
        self._taken: list[tuple[datetime, list[Shown], str]] = []
        # Most offers are as they were an hour ago: each is kept once.
        self._pool: dict[Shown, Shown] = {}

    def add(self, path: str, at: datetime, offers: Iterable[Offer]) -> None:
        best: dict[tuple[MachineId, str, int], Shown] = {}
        for index, offer in enumerate(offers):
            if type(offer) is not Offer:
                check_kind(offer, Offer, f"{path}[{index}]")
            row = _row(offer)
            key = (row.machine, row.gpu_name, row.gpus)
            known = best.get(key)
            best[key] = row if known is None else _joined(known, row)
        rows = [self._pool.setdefault(best[key], best[key]) for key in sorted(best)]
        self._taken.append((at, rows, path))

    def sort(self) -> None:
        self._taken.sort(key=lambda each: each[0])

    def done(self, path: str) -> dict[str, Any]:
        """Return the fields of a series."""
        if not self._taken:
            raise RuleViolation(path, "at least one snapshot", "none")
        for (before, _, first), (at, _, second) in pairwise(self._taken):
            if at <= before:
                raise RuleViolation(second, f"a time after {before}, of {first}", str(at))
        return {
            "instants": tuple(at for at, _, _ in self._taken),
            "snapshots": self._sized(),
        }

    def _sized(self) -> tuple[tuple[Shown, ...], ...]:
        """Return the rows, those of machines that do not say their GPUs with what is known."""
        largest: dict[MachineId, int] = {}
        for row in self._pool:
            largest[row.machine] = max(row.gpus, row.whole, largest.get(row.machine, 0))
        sized = {r: r if r.whole else r._replace(whole=largest[r.machine]) for r in self._pool}
        return tuple(tuple([sized[row] for row in rows]) for _, rows, _ in self._taken)


def _row(offer: Offer) -> Shown:
    prices, unknown = offer.prices, offer.unknown_prices
    return Shown(
        offer.machine,
        offer.gpu_name,
        offer.gpus,
        offer.gpus_in_machine or 0,
        None if "gpu" in unknown else prices.gpu.steps,
        None if "min_bid" in unknown else prices.min_bid.steps,
        offer.rentable,
    )


def _joined(one: Shown, other: Shown) -> Shown:
    """Return two offers of one machine and size as one: the free one, then the cheaper one."""
    far = float("inf")
    first, second = sorted(
        (one, other), key=lambda r: (not r.rentable, far if r.price is None else r.price)
    )
    return first._replace(whole=max(first.whole, second.whole))


def parts(snapshot: object, path: str) -> tuple[datetime, Iterable[Offer]]:
    """Return the time and the offers of a snapshot, as it is given."""
    if isinstance(snapshot, tuple) and len(snapshot) == 2:
        at, offers = snapshot
        if not is_series(offers):
            raise WrongType(path, "a time and the offers of that time", shown(offers))
    else:
        at, offers = getattr(snapshot, "at", snapshot), getattr(snapshot, "offers", None)
        if offers is None:
            raise WrongType(path, "a reading, or a pair of a time and its offers", shown(snapshot))
        if at is None:
            need = "a time: its records tell none, so give a pair of a time and its offers"
            raise RuleViolation(path, need, "none")
    return utc(at, path), offers


def files(source: object) -> list[Path]:
    """Return the files that are meant: those of a folder in order of their names, or one."""
    need = "a folder, a file, or the paths of files"
    if isinstance(source, str | os.PathLike):
        folder = Path(source)
        if folder.is_file():
            return [folder]
        if not folder.is_dir():
            raise RuleViolation("source", need, shown(str(source)))
        return sorted(p for p in folder.iterdir() if p.is_file() and p.name[0] != ".")
    paths = as_tuple(source, "source")  # type: ignore[arg-type, var-annotated]
    if not all(isinstance(path, str | os.PathLike) for path in paths):
        raise WrongType("source", need, shown(source))
    return [Path(path) for path in paths]


def check_series(snapshots: object) -> None:
    """Refuse what is no series of snapshots."""
    if not is_series(snapshots):
        need = "readings, or pairs of a time and its offers"
        raise WrongType("snapshots", need, shown(snapshots))


def check_taken(instants: Sequence[datetime], snapshots: Sequence[Sequence[Shown]]) -> None:
    """Refuse what only looks like the fields of a series."""
    check_kind(instants, tuple, "instants")
    check_kind(snapshots, tuple, "snapshots")
    if not instants or len(instants) != len(snapshots):
        got = f"{len(instants)} instant(s), {len(snapshots)} snapshot(s)"
        raise RuleViolation("snapshots", "one for each instant, and at least one", got)
    known = [utc(at, f"instants[{index}]") for index, at in enumerate(instants)]
    for index, (before, at) in enumerate(pairwise(known), 1):
        if at <= before:
            raise RuleViolation(f"instants[{index}]", f"after {before}", str(at))
    for index, rows in enumerate(snapshots):
        check_kind(rows, tuple, f"snapshots[{index}]")
        for row in rows:
            if type(row) is not Shown:
                need = "rows as MarketSeries.of makes them"
                raise WrongType(f"snapshots[{index}]", need, shown(row))
