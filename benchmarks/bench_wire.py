"""Reading a full offer record: ours beside cattrs as it comes and pydantic.

The records are the real ones of NUMGENIUS_MARKET_DATA if it is set, else the shipped sample.
pydantic gets every field typed as the records have it; cattrs (as it comes, from the same types)
checks next to nothing. Ours are a checked record → Offer, prices exact, the rest kept.
"""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from attrs import field, make_class
from cattrs import Converter
from harness import Row, print_table
from pydantic import create_model

from numgenius_core.wire import offer_from_record, read_offers
from numgenius_core.wire.reading import sample_path

REPEATS, ROUNDS = 25, 8


def main() -> None:
    folder = os.environ.get("NUMGENIUS_MARKET_DATA")
    if folder:
        text = Path(folder, "search_offers.json").read_bytes()
        records = json.loads(text)
    else:
        text = sample_path().read_bytes()
        records = json.loads(text)["offers"]
    types = {key: type_of([record[key] for record in records]) for key in records[0]}

    model = create_model("Record", **{key: (kind, ...) for key, kind in types.items()})
    plain = make_class("Plain", {key: field(type=kind) for key, kind in types.items()})
    converter = Converter(detailed_validation=False)
    cases: list[tuple[str, Callable[[Any], object]]] = [
        ("cattrs, as it comes", lambda record: converter.structure(record, plain)),
        ("pydantic", model.model_validate),
        ("ours, to an Offer", offer_from_record),
    ]
    taken = measure(cases, records)
    shape = f"{len(records)} records of {len(types)} fields, each"
    print_table("Reading records", rows_of(shape, taken, "ours, to an Offer"))

    whole: list[tuple[str, Callable[[Any], object]]] = [
        ("json alone", json.loads),
        ("json + pydantic", lambda data: [model.model_validate(r) for r in offers_of(data)]),
        ("ours, read_offers", read_offers),
    ]
    taken = {name: t / len(records) for name, t in measure(whole, [text]).items()}
    print_table("Reading a document", rows_of("a record", taken, "ours, read_offers"))


def offers_of(data: bytes) -> list[dict[str, Any]]:
    document = json.loads(data)
    return document if isinstance(document, list) else document["offers"]


def type_of(values: list[Any]) -> Any:
    """Return the type that all values of a field have; whole and broken numbers are a float."""
    kinds = {type(value) for value in values}
    known = kinds - {type(None)}
    kind: Any = float if known == {int, float} else known.pop() if len(known) == 1 else Any
    kind = {list: list[int], dict: dict[str, float]}.get(kind, kind)
    return kind | None if type(None) in kinds and kind is not Any else kind


def measure(
    cases: list[tuple[str, Callable[[Any], object]]], inputs: list[Any]
) -> dict[str, float]:
    """Return microseconds of CPU an input; the cases take turns, so that a slow spell hits all."""
    times: dict[str, list[float]] = {name: [] for name, _ in cases}
    for _ in range(REPEATS):
        for name, work in cases:
            start = time.process_time()
            for _ in range(ROUNDS):
                for value in inputs:
                    work(value)
            times[name].append((time.process_time() - start) / ROUNDS / len(inputs) * 1e6)
    return {name: statistics.median(series) for name, series in times.items()}


def rows_of(work: str, taken: dict[str, float], ours: str) -> list[Row]:
    return [
        Row(work, name, micros / 1e6, taken[ours] / 1e6)
        for name, micros in taken.items()
        if name != ours
    ]


if __name__ == "__main__":
    main()
