"""The window that disturbs the fewest contracts, and the one of least weighed loss.

A year in seconds, a window of two hours, a machine on which several contracts always overlap. All
get their times as lists of whole numbers. intervaltree and the naive scan try
the end of every contract; portion joins the contracts, which finds a free window only. pandas sorts
the events of all contracts and sums them up, by count in its simplest form and with a loss that
grows with the overlap at all breakpoints. "Sorting" is what nobody can leave out.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import numpy as np
import pandas as pd
import portion
from harness import Row, compare, median_cpu, print_table
from intervaltree import IntervalTree

from numgenius_core.contracts import Contract
from numgenius_core.ids import AccountId, ContractId, MachineId
from numgenius_core.intervals import Interval
from numgenius_core.listing import Mode, PriceTerms
from numgenius_core.maintenance import Weights, best_window
from numgenius_core.maintenance.losses import Piece
from numgenius_core.maintenance.windows import _least_loss, fewest_touched
from numgenius_core.offer import Block
from numgenius_core.rates import PerGpuHour

YEAR, LENGTH = 365 * 86_400, 7_200
SPANS = [(0, YEAR - LENGTH)]
T0 = datetime(2026, 1, 1, tzinfo=UTC)


def book(count: int) -> tuple[list[int], list[int]]:
    """Return starts and ends: about eight contracts at any time, whatever their number."""
    rng, longest = random.Random(3), 16 * YEAR // count
    starts = [rng.randrange(-longest, YEAR) for _ in range(count)]
    ends = [start + rng.randrange(longest // 8 + 2, longest + 3) for start in starts]
    return starts, ends


def naive(starts: list[int], ends: list[int]) -> tuple[int, int]:
    tries = sorted(w for w in [0, *ends] if 0 <= w <= YEAR - LENGTH)
    both = list(zip(starts, ends, strict=True))
    return min((sum(a < w + LENGTH and b > w for a, b in both), w) for w in tries)


def by_tree(starts: list[int], ends: list[int]) -> tuple[int, int]:
    tree = IntervalTree.from_tuples(zip(starts, ends, range(len(ends)), strict=True))
    tries = sorted(w for w in [0, *ends] if 0 <= w <= YEAR - LENGTH)
    return min((len(tree.overlap(w, w + LENGTH)), w) for w in tries)


def by_portion(starts: list[int], ends: list[int]) -> object:
    taken = portion.Interval(*map(portion.closedopen, starts, ends))
    free = portion.closedopen(0, YEAR) - taken
    return next((each for each in free if each.upper - each.lower >= LENGTH), None)


def by_pandas(frame: pd.DataFrame) -> tuple[int, int]:
    at = np.concatenate([frame["start"] - LENGTH, frame["end"]])
    step = np.repeat([1, -1], len(frame))
    events = pd.DataFrame({"at": at, "step": step}).sort_values(["at", "step"])
    events["count"] = events["step"].cumsum()
    inside = events[(events["step"] < 0) & (events["at"] >= 0) & (events["at"] <= SPANS[0][1])]
    first = (int(((frame["start"] < LENGTH) & (frame["end"] > 0)).sum()), 0)
    best = inside.loc[inside["count"].idxmin()]
    return min(first, (int(best["count"]), int(best["at"])))


def weighed_by_pandas(frame: pd.DataFrame) -> float:
    """Return the least loss at all breakpoints, in floats."""
    a, b, slope = frame["start"], frame["end"], frame["slope"]
    events = pd.DataFrame(
        {
            "at": np.concatenate([a - LENGTH, a, b - LENGTH, b]),
            "bend": np.concatenate([slope, -slope, -slope, slope]),
            "lump": np.repeat([1.0, 0.0, 0.0, -1.0], len(frame)),
        }
    ).sort_values(["at", "lump"])
    bends = events["bend"].cumsum().shift(fill_value=0)
    loss = (events["at"].diff().fillna(0) * bends).cumsum()
    lumps = events["lump"].cumsum() - events["lump"].clip(lower=0)
    return float((loss + lumps)[events["at"].between(*SPANS[0])].min())


def contracts(starts: list[int], ends: list[int]) -> list[Contract]:
    prices = PriceTerms(gpu=PerGpuHour("0.4"))
    return [
        Contract(
            id=ContractId(number),
            machine=MachineId(1),
            host=AccountId("host"),
            client=AccountId("client"),
            mode=Mode.ON_DEMAND,
            block=Block(start=0, size=1),
            prices=prices,
            start=T0 + timedelta(seconds=a),
            end=T0 + timedelta(seconds=b),
        )
        for number, (a, b) in enumerate(zip(starts, ends, strict=True))
    ]


def rows_for(count: int) -> list[Row]:
    starts, ends = book(count)
    slopes = [(7 * i % 11 + 1) / 3_600 for i in range(count)]

    def frame() -> pd.DataFrame:
        return pd.DataFrame({"start": starts, "end": ends, "slope": slopes})

    pieces: list[Piece] = [
        (a, b, 3_600, 3_600, 7 * i % 11 + 1)
        for i, (a, b) in enumerate(zip(starts, ends, strict=True))
    ]

    def ours() -> tuple[int, int]:
        return fewest_touched(starts, ends, LENGTH, SPANS)

    assert ours() == by_pandas(frame())
    others: dict[str, Callable[[], object]] = {
        "sorting starts and ends": lambda: (sorted(starts), sorted(ends)),
        "pandas": lambda: by_pandas(frame()),
    }
    if count <= 1_000:
        assert ours() == naive(starts, ends) == by_tree(starts, ends)
        others["naive scan"] = lambda: naive(starts, ends)
        others["intervaltree"] = lambda: by_tree(starts, ends)
        others["portion"] = lambda: by_portion(starts, ends)
    number, repeat = max(1, 2_000 // count), 5 if count < 10**6 else 3
    rows = compare(f"fewest, {count:,}", ours, others, number, repeat, per=count)
    rows += compare(
        f"weighed, {count:,}",
        lambda: _least_loss(pieces, LENGTH, SPANS),
        {"pandas, floats": lambda: weighed_by_pandas(frame())},
        number,
        repeat,
        per=count,
    )
    return rows


def main() -> None:
    rows = [row for count in (10**2, 10**3, 10**4, 10**5, 10**6) for row in rows_for(count)]
    print_table("The best window, CPU time per contract", rows)
    known = contracts(*book(20_000))
    within = Interval(T0, T0 + timedelta(seconds=YEAR))
    print("\nbest_window on 20,000 Contract objects, per contract")
    for name, weights in (
        ("contracts only", Weights()),
        ("with GPU-hours", Weights(gpu_hours=Fraction(1))),
        ("with payout", Weights(payout=Fraction(1))),
    ):

        def call(weights: Weights = weights) -> object:
            return best_window(known, timedelta(seconds=LENGTH), within, weights=weights)

        print(f"  {name}: {median_cpu(call, 1, 3) / len(known) * 1e6:.2f} µs")


if __name__ == "__main__":
    main()
