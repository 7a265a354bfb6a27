"""What all benchmarks share: CPU time of a call, and a table of ratios."""

from __future__ import annotations

import gc
import json
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import astuple, dataclass
from pathlib import Path
from statistics import median

KEEP_ROWS = "NUMGENIUS_BENCHMARK_ROWS"
"""Environment variable: a file to which every table printed is added, for the one table of all."""


def median_cpu(function: Callable[[], object], number: int, repeat: int = 7) -> float:
    """Return the CPU seconds of one call: the median of ``repeat`` runs of ``number`` calls."""
    function()  # fill caches, finish lazy imports
    return median(_cpu(function, number) for _ in range(repeat))


def _cpu(function: Callable[[], object], number: int) -> float:
    gc.collect()
    gc.disable()  # as timeit does: a collection would fall on whoever comes next
    begin = time.process_time()
    for _ in range(number):
        function()
    took = time.process_time() - begin
    gc.enable()
    return took / number


@dataclass(frozen=True)
class Row:
    """One comparison: CPU seconds of an alternative and of ours for the same work.

    ``neighbours`` is the median ratio of runs made in turn, where they were.
    """

    workload: str
    alternative: str
    theirs: float
    ours: float
    neighbours: float | None = None

    @property
    def ratio(self) -> float:
        return self.ours / self.theirs if self.neighbours is None else self.neighbours


def compare(
    workload: str,
    ours: Callable[[], object],
    alternatives: dict[str, Callable[[], object]],
    number: int,
    repeat: int = 7,
    per: int = 1,
) -> list[Row]:
    """Return a row for each alternative; ours is measured again beside each, as machines drift.

    ``per`` is how many pieces of work one call does: the table shows one of them.
    """
    return [
        Row(
            workload,
            name,
            median_cpu(call, number, repeat) / per,
            median_cpu(ours, number, repeat) / per,
        )
        for name, call in alternatives.items()
    ]


def in_turn(
    workload: str,
    ours: Callable[[], object],
    alternatives: dict[str, Callable[[], object]],
    number: int,
    repeat: int = 15,
    per: int = 1,
) -> list[Row]:
    """Return a row for each alternative, run in turn with ours.

    A machine that others use changes its pace from second to second. Each ratio is of two runs
    that follow each other; the table shows the median of the ratios and of the times. The first
    pair only warms up.
    """
    rows = []
    for name, call in alternatives.items():
        pairs = [(_cpu(call, number), _cpu(ours, number)) for _ in range(repeat + 1)][1:]
        theirs, mine = (median(times) / per for times in zip(*pairs, strict=True))
        rows.append(Row(workload, name, theirs, mine, median(b / a for a, b in pairs)))
    return rows


def duration_text(seconds: float) -> str:
    """Return a duration with a unit that fits it."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:,.2f} {unit}"
    return f"{seconds * 1e9:,.0f} ns"


def ratio_text(ratio: float) -> str:
    """Return a ratio with two decimals, or one digit that says something."""
    return f"{ratio:.2f}" if ratio >= 0.095 else f"{ratio:.1g}"


def print_table(title: str, rows: Iterable[Row]) -> None:
    """Print aligned columns; a ratio below 1 means that ours took less."""
    rows = list(rows)
    if KEEP_ROWS in os.environ:
        with Path(os.environ[KEEP_ROWS]).open("a") as kept:
            kept.writelines(json.dumps((title, *astuple(row))) + "\n" for row in rows)
    head = ("workload", "alternative", "time", "ours", "ratio")
    lines = [
        (
            row.workload,
            row.alternative,
            duration_text(row.theirs),
            duration_text(row.ours),
            ratio_text(row.ratio),
        )
        for row in rows
    ]
    widths = [max(len(line[i]) for line in [head, *lines]) for i in range(len(head))]
    print(f"\n{title}")
    for line in [head, tuple("-" * width for width in widths), *lines]:
        left = [f"{cell:<{width}}" for cell, width in zip(line[:2], widths, strict=False)]
        right = [f"{cell:>{width}}" for cell, width in zip(line[2:], widths[2:], strict=True)]
        print("  ".join([*left, *right]))
